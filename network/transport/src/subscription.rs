//! Who a process is, and what it wants from a relay.

use mesh_types::{FixedStr, InstrumentId, Mode, Role, SourceId};

/// Who a process is on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name in the topology.
    pub name: FixedStr<32>,
    /// Its source id; 0 for one that only listens and is in no topology.
    pub source: SourceId,
    /// What it does on this connection.
    pub role: Role,
    /// What it does with money.
    pub mode: Mode,
    /// The mesh.
    pub mesh_id: u64,
    /// When the process started, ns since the Unix epoch: tells its runs apart.
    pub started_ns: u64,
    /// Its version.
    pub build: FixedStr<16>,
}

/// A set of TLV types; the empty one stands for all, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TypeSet([u8; 32]);

impl TypeSet {
    /// Every type.
    pub const fn all() -> Self {
        Self([0; 32])
    }

    /// The set as it stands in a subscription.
    pub const fn from_wire(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// The set as a subscription carries it.
    pub const fn to_wire(self) -> [u8; 32] {
        self.0
    }

    /// Whether it takes everything.
    pub fn is_all(&self) -> bool {
        self.0 == [0; 32]
    }

    /// Whether messages whose first TLV has this number are in it.
    #[inline]
    pub fn contains(&self, number: u8) -> bool {
        let bit = self.0.get(usize::from(number >> 3)).is_some_and(|byte| byte & (1 << (number & 7)) != 0);
        bit || self.is_all()
    }
}

impl FromIterator<u8> for TypeSet {
    /// The set of these numbers; of none: all.
    fn from_iter<I: IntoIterator<Item = u8>>(numbers: I) -> Self {
        let mut set = Self::all();
        for number in numbers {
            if let Some(byte) = set.0.get_mut(usize::from(number >> 3)) {
                *byte |= 1 << (number & 7);
            }
        }
        set
    }
}

/// What a process wants from a relay.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Types of the first TLV.
    pub types: TypeSet,
    /// Instruments; none: all. Messages without an instrument pass.
    pub instruments: Vec<InstrumentId>,
    /// Whether the last values come first.
    pub last_values: bool,
}

impl Subscription {
    /// Whether it takes every message, so that the receiver can see a loss in the sequence.
    pub fn takes_all(&self) -> bool {
        self.types.is_all() && self.instruments.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_set_takes_everything() {
        assert!(TypeSet::all().contains(0) && TypeSet::all().contains(255));
        let set: TypeSet = [1, 255].into_iter().collect();
        assert!(set.contains(1) && set.contains(255) && !set.contains(2) && !set.is_all());
        assert_eq!(TypeSet::from_wire(set.to_wire()), set);
    }
}
