//! What a client makes of the bytes that came.

use mesh_codec::{Header, Message};
use mesh_types::Domain;
use mesh_types::system::{EndOfSnapshot, Heartbeat, Logout, SnapshotRequest, Welcome};

use super::{Client, ClientEvent, DownReason, OnEvent, State};
use crate::control::{self, GapNotice};
use crate::inbox::Inbox;
use crate::link::Connector;
use crate::runs::{self, Part, RunSink, StreamError};
use crate::sequence::{Sighting, gap_range};

impl<C: Connector> Client<C> {
    /// Gives out what was read.
    pub(super) fn take_in(&mut self, on_event: OnEvent<'_>) -> Result<(), DownReason> {
        let inbox = std::mem::replace(&mut self.inbox, Inbox::empty());
        let domain = self.config.domain;
        let (consumed, outcome) = runs::split(inbox.bytes(), domain, &mut Receiver { client: self, on_event });
        self.inbox = inbox;
        self.inbox.consume(consumed);
        outcome
    }

    fn on_control(&mut self, message: Message<'_>, on_event: OnEvent<'_>) -> Result<(), DownReason> {
        if let Some(logout) = message.get::<Logout>() {
            return Err(DownReason::Logout { reason: logout.reason.get(), text: logout.text });
        }
        if let Some(welcome) = message.get::<Welcome>() {
            return self.on_welcome(welcome, on_event);
        }
        if !self.is_up() {
            return Err(DownReason::NoRelay);
        }
        if message.get::<Heartbeat>().is_some() {
            control::put_heartbeat(&mut self.control, self.config.identity.source, 0);
        } else if let Some(notice) = GapNotice::new(message) {
            notice.ranges().iter().for_each(|range| self.tracker.declare(range));
            on_event(ClientEvent::Gap(notice));
        } else if message.get::<EndOfSnapshot>().is_some() {
            self.tracker.end_snapshot();
            on_event(ClientEvent::Control(message));
        } else if message.get::<SnapshotRequest>().is_some() {
            on_event(ClientEvent::Control(message));
        }
        Ok(())
    }

    fn on_welcome(&mut self, welcome: &Welcome, on_event: OnEvent<'_>) -> Result<(), DownReason> {
        let State::Connected { welcomed, .. } = &mut self.state else { return Ok(()) };
        if std::mem::replace(welcomed, true) || welcome.mesh_id.get() != self.config.identity.mesh_id {
            return Err(DownReason::NoRelay);
        }
        if self.config.domain != Domain::Market {
            self.outbox.rewind(self.config.domain, welcome.last_sequence.get());
        }
        if self.config.subscription.as_ref().is_some_and(|subscription| subscription.last_values) {
            self.tracker.begin_snapshot();
        }
        self.told = None;
        on_event(ClientEvent::Up { relay: welcome.relay });
        Ok(())
    }
}

/// A client that is reading.
struct Receiver<'r, 'e, C: Connector> {
    client: &'r mut Client<C>,
    on_event: OnEvent<'e>,
}

impl<C: Connector> RunSink for Receiver<'_, '_, C> {
    type Error = DownReason;

    #[inline]
    fn follows(&mut self, header: &Header) -> bool {
        self.client.is_up() && self.client.tracker.follows(header)
    }

    fn observe(&mut self, header: &Header) -> Result<Sighting, DownReason> {
        if self.client.is_up() { Ok(self.client.tracker.observe(header)) } else { Err(DownReason::NoRelay) }
    }

    fn on_part(&mut self, part: Part<'_>) -> Result<(), DownReason> {
        match part {
            Part::Control(message) => return self.client.on_control(message, self.on_event),
            Part::Frames(frames) => (self.on_event)(ClientEvent::Frames(frames)),
            Part::Missing { source, domain, missing } => {
                let range = gap_range(source, domain, missing.first, missing.last);
                let Client { scratch, config, .. } = &mut *self.client;
                scratch.clear();
                control::put_gap(scratch, config.identity.source, missing.count, missing.exact, &[range]);
                if let Some(notice) = Message::parse(scratch).ok().and_then(GapNotice::new) {
                    (self.on_event)(ClientEvent::Gap(notice));
                }
            }
        }
        Ok(())
    }
}

impl From<StreamError> for DownReason {
    fn from(error: StreamError) -> Self {
        Self::BadFrame(error)
    }
}
