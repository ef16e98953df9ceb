//! The connections, by place and by token, and the run of each source.

use std::collections::BTreeMap;

use mesh_types::SourceId;

use crate::connection::Connection;
use crate::handshake::Member;

/// Connections in places that are used again. A token names a connection for ever, so that an event of a closed one can't
/// be taken for its successor's.
#[derive(Debug, Default)]
pub(crate) struct Members {
    places: Vec<Option<Connection>>,
    count: usize,
    accepted: u64,
    runs: BTreeMap<u16, u64>,
}

const PLACE_BITS: u32 = 24;

impl Members {
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn insert(&mut self, make: impl FnOnce(u64) -> Connection) -> usize {
        let slot = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        let token = (self.accepted << PLACE_BITS) | slot as u64;
        self.accepted += 1;
        self.count += 1;
        let connection = Some(make(token));
        match self.places.get_mut(slot) {
            Some(place) => *place = connection,
            None => self.places.push(connection),
        }
        slot
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Option<Connection> {
        let connection = self.places.get_mut(slot)?.take()?;
        self.count -= 1;
        Some(connection)
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Connection> {
        self.places.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Connection> {
        self.places.get_mut(slot)?.as_mut()
    }

    pub(crate) fn slot_of(&self, token: u64) -> Option<usize> {
        let slot = usize::try_from(token & ((1 << PLACE_BITS) - 1)).ok()?;
        self.get(slot).filter(|connection| connection.token == token).map(|_| slot)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Connection)> {
        self.places
            .iter_mut()
            .enumerate()
            .filter_map(|(slot, place)| place.as_mut().map(|connection| (slot, connection)))
    }

    /// The places in use, for work that may end some of them.
    pub(crate) fn slots(&self) -> Vec<usize> {
        self.places.iter().enumerate().filter_map(|(slot, place)| place.as_ref().map(|_| slot)).collect()
    }

    /// The live connection of a source.
    pub(crate) fn find(&self, source: SourceId) -> Option<(usize, Member)> {
        self.places.iter().enumerate().find_map(|(slot, place)| {
            place
                .as_ref()
                .and_then(Connection::member)
                .filter(|member| member.source == source)
                .map(|member| (slot, member))
        })
    }

    /// Whether a publisher is of the run that was here before; from now on its run is the one.
    pub(crate) fn is_same_run(&mut self, source: SourceId, started_ns: u64) -> bool {
        self.runs.insert(source.get(), started_ns) == Some(started_ns)
    }
}
