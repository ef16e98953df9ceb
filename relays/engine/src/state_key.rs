//! Which state a message bears: its type and the bytes that the registry names as the key.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use mesh_codec::{HEADER_BYTES, TLV_HEADER_BYTES, entry};

/// The longest key of the registry fits (`every_key_of_the_registry_fits`).
const MAX_KEY_BYTES: usize = 62;

/// Tells one state from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateKey {
    number: u8,
    length: u8,
    bytes: [u8; MAX_KEY_BYTES],
}

impl Hash for StateKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.number);
        state.write(self.bytes.get(..usize::from(self.length)).unwrap_or_default());
    }
}

/// The first TLV of a frame, without a look at the rest: its type and as much of its value as there is.
#[inline]
pub(crate) fn first_tlv(frame: &[u8]) -> Option<(u8, &[u8])> {
    let number = *frame.get(HEADER_BYTES)?;
    let length = frame.get(HEADER_BYTES + 2..HEADER_BYTES + TLV_HEADER_BYTES)?;
    let length = usize::from(u16::from_le_bytes(length.try_into().ok()?));
    let rest = frame.get(HEADER_BYTES + TLV_HEADER_BYTES..)?;
    Some((number, rest.get(..length).unwrap_or(rest)))
}

impl StateKey {
    /// The key of a frame whose first TLV bears state; `None` for events.
    #[inline]
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        let (number, value) = first_tlv(frame)?;
        let entry = entry(number)?;
        entry.last_value?;
        let key = entry.key(value)?;
        let mut bytes = [0; MAX_KEY_BYTES];
        bytes.get_mut(..key.len())?.copy_from_slice(key);
        Some(Self { number, length: u8::try_from(key.len()).ok()?, bytes })
    }
}

/// Multiplies words together. Keys come from processes of the same user and their count is bounded, so speed matters and
/// resistance to chosen collisions does not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WordHasher(u64);

/// For maps keyed by [`StateKey`] or an instrument.
pub(crate) type BuildWordHasher = BuildHasherDefault<WordHasher>;

impl WordHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.mix(u64::from(*byte)));
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn finish(&self) -> u64 {
        // The high bits are the well-mixed ones, tables use the low ones first.
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_registry_fits() {
        for entry in mesh_codec::REGISTRY {
            assert!(entry.last_value.is_none_or(|key| key.bytes <= MAX_KEY_BYTES), "{}", entry.name);
        }
    }
}
