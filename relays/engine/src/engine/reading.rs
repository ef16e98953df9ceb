//! One connection's bytes, cut into runs, and what becomes of each part.

use mesh_codec::Header;
use mesh_transport::runs::{Part, RunSink, StreamError};
use mesh_transport::sequence::Sighting;
use mesh_types::LogoutReason;

use super::Relay;
use super::joining::hello_expected;
use crate::connection::Connection;
use crate::handshake::Refusal;

/// A chunk of one connection that is being read.
pub(super) struct Reader<'r> {
    pub(super) relay: &'r mut Relay,
    pub(super) slot: usize,
    pub(super) publishes: bool,
}

impl RunSink for Reader<'_> {
    type Error = Refusal;

    #[inline]
    fn follows(&mut self, header: &Header) -> bool {
        self.publishes && self.relay.tracker.follows(header)
    }

    fn observe(&mut self, header: &Header) -> Result<Sighting, Refusal> {
        if !self.publishes {
            return Err(self.no_publisher());
        }
        let tracker = &mut self.relay.tracker;
        let known = tracker.source_count();
        let sighting = tracker.observe(header);
        if tracker.source_count() > known {
            self.relay.on_first(&header.id());
        }
        Ok(sighting)
    }

    fn on_part(&mut self, part: Part<'_>) -> Result<(), Refusal> {
        match part {
            Part::Frames(frames) => self.relay.forward(self.slot, frames.bytes(), frames.len() as u64),
            Part::Missing { source, domain, missing } => self.relay.on_missing(self.slot, source, domain, missing),
            Part::Control(message) => {
                self.relay.on_control(self.slot, &message)?;
                let member = self.relay.members.get(self.slot).and_then(Connection::member);
                self.publishes = member.is_some_and(|member| member.publishes());
            }
        }
        Ok(())
    }
}

impl Reader<'_> {
    #[cold]
    fn no_publisher(&self) -> Refusal {
        match self.relay.members.get(self.slot).and_then(Connection::member) {
            None => hello_expected(),
            Some(member) => Refusal {
                reason: LogoutReason::BadFrame,
                text: format!("expected no messages from a {}: connect as peer or publisher", member.role),
                kind: "not_a_publisher",
            },
        }
    }
}

impl From<StreamError> for Refusal {
    fn from(error: StreamError) -> Self {
        let text = match &error {
            // The cause would not fit: what is there matters most.
            StreamError::Frame(frame) => {
                format!("expected {}, found {} at byte {}", frame.expected(), frame.found(), frame.offset())
            }
            StreamError::Unnumbered => error.to_string(),
        };
        Self { reason: LogoutReason::BadFrame, text, kind: error.kind() }
    }
}
