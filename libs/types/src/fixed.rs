//! Bounded collections: capacity fixed at compile time, no heap, and a full one says so.

use core::fmt;
use core::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::Plain;

/// The collection holds its `capacity` items already, or the text is longer than `capacity` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// The most it holds.
    pub capacity: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than the {} that fit", self.capacity)
    }
}

impl core::error::Error for Full {}

/// At most `N` plain items, stored inline. On the wire only the used part is written, as the tail of a body.
#[derive(Clone, Copy)]
pub struct FixedVec<T, const N: usize> {
    len: usize,
    items: [T; N],
}

impl<T: Plain, const N: usize> FixedVec<T, N> {
    /// The most items it holds.
    pub const CAPACITY: usize = N;

    /// An empty one.
    pub fn new() -> Self {
        Self { len: 0, items: [T::new_zeroed(); N] }
    }

    /// A copy of `items`.
    ///
    /// # Errors
    /// [`Full`] when there are more than `N`.
    pub fn from_slice(items: &[T]) -> Result<Self, Full> {
        let mut vec = Self::new();
        for item in items {
            vec.push(*item)?;
        }
        Ok(vec)
    }

    /// Adds one item.
    ///
    /// # Errors
    /// [`Full`] when `N` are there already.
    pub fn push(&mut self, item: T) -> Result<(), Full> {
        let slot = self.items.get_mut(self.len).ok_or(Full { capacity: N })?;
        *slot = item;
        self.len += 1;
        Ok(())
    }

    /// Removes all items.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// The items.
    pub fn as_slice(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or(&self.items)
    }
}

impl<T: Plain, const N: usize> Default for FixedVec<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Plain, const N: usize> Deref for FixedVec<T, N> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: Plain + fmt::Debug, const N: usize> fmt::Debug for FixedVec<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Plain + PartialEq, const N: usize> PartialEq for FixedVec<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

/// At most `N` bytes of UTF-8, padded with zeros.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct FixedStr<const N: usize>([u8; N]);

impl<const N: usize> FixedStr<N> {
    /// The text, if it fits and holds no zero byte.
    ///
    /// # Errors
    /// [`Full`] otherwise.
    pub fn new(text: &str) -> Result<Self, Full> {
        if text.len() > N || text.contains('\0') {
            return Err(Full { capacity: N });
        }
        Ok(Self::truncated(text))
    }

    /// As much of the text as fits, cut at a character: for reasons and names that only people read.
    pub fn truncated(text: &str) -> Self {
        let mut bytes = [0u8; N];
        let mut end = text.len().min(N);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        for (slot, byte) in bytes.iter_mut().zip(text.as_bytes().iter().take(end)) {
            *slot = *byte;
        }
        Self(bytes)
    }

    /// The text; `None` where the bytes are no UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        self.0.get(..end).and_then(|bytes| core::str::from_utf8(bytes).ok())
    }

    /// The text, or a mark where the bytes are no UTF-8: for logs.
    pub fn lossy(&self) -> &str {
        self.as_str().unwrap_or("\u{fffd}")
    }
}

impl<const N: usize> Default for FixedStr<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Debug for FixedStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.lossy())
    }
}

impl<const N: usize> fmt::Display for FixedStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.lossy())
    }
}

impl<const N: usize> Serialize for FixedStr<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.lossy())
    }
}

impl<'de, const N: usize> Deserialize<'de> for FixedStr<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(|_| serde::de::Error::custom(format!("{text:?} is longer than {N} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_vec_refuses_and_keeps_what_it_has() {
        let mut vec = FixedVec::<u8, 2>::new();
        assert_eq!((vec.push(1), vec.push(2), vec.push(3)), (Ok(()), Ok(()), Err(Full { capacity: 2 })));
        assert_eq!(vec.as_slice(), [1, 2]);
        assert!(FixedVec::<u8, 2>::from_slice(&[1, 2, 3]).is_err());
        vec.clear();
        assert!(vec.is_empty());
    }

    #[test]
    fn text_is_bounded_and_cut_at_a_character() {
        assert_eq!(FixedStr::<4>::new("abcd").map(|s| s.to_string()), Ok("abcd".to_owned()));
        assert!(FixedStr::<4>::new("abcde").is_err());
        assert_eq!(FixedStr::<4>::truncated("abcé").as_str(), Some("abc"));
        assert_eq!(FixedStr::<2>::read_from_bytes(&[0xff, 0]).expect("two bytes").as_str(), None);
    }
}
