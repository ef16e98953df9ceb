//! How processes join: hello, resume, subscribe, and the snapshots that they wish for.

use mesh_codec::{Header, MAX_PAYLOAD_BYTES, Message, TlvBody};
use mesh_transport::control;
use mesh_types::market::{BookDelta, BookSnapshot};
use mesh_types::system::{EndOfSnapshot, Hello, Resume, SnapshotRequest, Subscribe, Welcome};
use mesh_types::{Domain, InstrumentId, LogoutReason, SourceId};

use super::{Relay, RelayConfig};
use crate::connection::{Connection, Phase};
use crate::filter::{Filter, header_at};
use crate::handshake::{self, Expected, Refusal, Rivalry};

impl Relay {
    pub(super) fn on_control(&mut self, slot: usize, message: &Message<'_>) -> Result<(), Refusal> {
        let Some(connection) = self.members.get_mut(slot) else { return Ok(()) };
        let Some(member) = connection.member() else {
            let hello = message.get::<Hello>().ok_or_else(hello_expected)?;
            return self.on_hello(slot, hello);
        };
        if message.get::<Hello>().is_some() {
            return Err(Refusal::new(LogoutReason::HelloExpected, "expected one hello, found a second"));
        }
        if let Some(resume) = message.get_tailed::<Resume>() {
            connection.resume = resume.items.to_vec();
        } else if let Some(subscribe) = message.get_tailed::<Subscribe>() {
            if !member.subscribes() {
                return Err(Refusal::new(LogoutReason::HelloExpected, "expected no subscription from a publisher"));
            }
            self.on_subscribe(slot, Filter::new(subscribe.head, subscribe.items), subscribe.head.last_values == 1);
        } else if let Some(request) = message.get::<SnapshotRequest>() {
            self.wishes.add(request.instrument);
            self.ask_for_snapshots();
        }
        Ok(())
    }

    fn on_hello(&mut self, slot: usize, hello: &Hello) -> Result<(), Refusal> {
        let RelayConfig { domain, mesh_id, mode, source, .. } = self.config;
        let member = handshake::check_hello(hello, &Expected { domain, mesh_id, mode, source })?;
        if let Some((other, old)) = self.members.find(member.source).filter(|_| member.source.get() != 0) {
            let text = format!("source {} is used by a newer process: check the topology", member.source);
            match handshake::rivalry(&old, &member) {
                Rivalry::RefuseNew => return Err(Refusal::new(LogoutReason::SourceInUse, text)),
                Rivalry::ReplaceOld => self.end(other, Refusal::new(LogoutReason::SourceInUse, text)),
            }
        }
        let last_sequence = if member.publishes() { self.admit_run(member.source, member.started_ns) } else { 0 };
        let welcome = Welcome {
            relay: self.config.name,
            mesh_id: mesh_id.into(),
            started_ns: self.config.started_ns.into(),
            last_sequence: last_sequence.into(),
            max_payload_bytes: u32::try_from(MAX_PAYLOAD_BYTES).unwrap_or(u32::MAX).into(),
            reserved: [0; 4],
        };
        tracing::info!(name = %hello.name, source = %member.source, role = %member.role, "joined");
        if let Some(connection) = self.members.get_mut(slot) {
            connection.phase = Phase::Live(member);
        }
        control::put(&mut self.control, source, &welcome);
        if member.publishes() && domain == Domain::Market {
            // What is kept here may be older than what the publisher knows.
            control::put_snapshot_request(&mut self.control, source, InstrumentId::default());
        }
        self.say(slot);
        Ok(())
    }

    /// The last sequence that is here of this run of a source; a new run starts at 0.
    fn admit_run(&mut self, source: SourceId, started_ns: u64) -> u64 {
        if self.members.is_same_run(source, started_ns) {
            return self.tracker.position(source, self.config.domain).map_or(0, |last| last.sequence.get());
        }
        self.tracker.restart(source);
        0
    }

    fn on_subscribe(&mut self, slot: usize, filter: Filter, last_values: bool) {
        let wants_books = [BookSnapshot::NUMBER, BookDelta::NUMBER].iter().any(|number| filter.takes_type(*number));
        if self.config.domain == Domain::Market && wants_books {
            self.wishes.add_all(filter.instruments());
        }
        let Some(connection) = self.members.get_mut(slot) else { return };
        connection.subscribe(filter.clone());
        let resume = std::mem::take(&mut connection.resume);
        // Sources that did not speak here yet may do so later, and not from where it stopped.
        connection.awaits =
            resume.iter().filter(|position| !self.tracker.knows(position.source, position.domain)).copied().collect();
        if last_values {
            let again = connection.backlog.holds_replay();
            // What is sent again from the retained messages is not sent twice.
            let comes_later = |header: &Header| {
                self.retained.covers(header) && resume.iter().any(|position| position.source == header.source)
            };
            let wanted = |frame: &[u8]| {
                !again && filter.takes(frame) && header_at(frame, 0).is_some_and(|header| !comes_later(header))
            };
            let snapshot = self.last_values.snapshot(wanted);
            snapshot.iter().for_each(|frame| connection.backlog.push_free(frame));
            let end = EndOfSnapshot { message_count: (snapshot.len() as u64).into() };
            control::put(&mut self.control, self.config.source, &end);
            connection.backlog.push_free(&self.control);
            self.control.clear();
        }
        let missed = self.retained.after(&resume);
        missed.lost.put(&mut self.control, self.config.source, filter.takes_all());
        connection.backlog.push_free(&self.control);
        self.control.clear();
        missed.frames.iter().filter(|frame| filter.takes(frame)).for_each(|frame| connection.backlog.push_free(frame));
        self.flush(slot);
        self.ask_for_snapshots();
    }

    /// Asks publishers for the snapshots that are wished for, if the last time is long enough ago.
    pub(super) fn ask_for_snapshots(&mut self) {
        let source = self.config.source;
        let mut requests = Vec::new();
        self.wishes.take(self.now, |instrument| control::put_snapshot_request(&mut requests, source, instrument));
        if requests.is_empty() {
            return;
        }
        for slot in self.members.slots() {
            let member = self.members.get(slot).and_then(Connection::member);
            if member.is_some_and(|member| member.publishes()) {
                self.control.extend_from_slice(&requests);
                self.say(slot);
            }
        }
    }
}

#[cold]
pub(super) fn hello_expected() -> Refusal {
    Refusal::new(LogoutReason::HelloExpected, "expected a hello first, found another message")
}
