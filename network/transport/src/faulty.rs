//! A link with faults, drawn from a seed: what a receiver must survive.

use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;

use crate::link::{Connector, Link};

/// How often faults happen: each is the chance, in a thousand, that one call has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkFaults {
    /// Reading or writing handles fewer bytes than it could.
    pub partial: u16,
    /// Nothing can be done for this and a few more calls.
    pub delay: u16,
    /// The link is cut, with whatever is on its way.
    pub disconnect: u16,
    /// A bit of what is read is flipped.
    pub corrupt: u16,
    /// The end of what is read is lost, and the link is cut there.
    pub truncate: u16,
}

impl LinkFaults {
    /// Faults after which every byte still arrives, in order.
    pub const HARMLESS: Self = Self { partial: 300, delay: 100, disconnect: 0, corrupt: 0, truncate: 0 };
}

/// The most calls that one delay lasts.
const MAX_DELAY_CALLS: u32 = 8;

/// A link that has faults.
#[derive(Debug)]
pub struct FaultyLink<L> {
    inner: L,
    faults: LinkFaults,
    random: fastrand::Rng,
    delayed: u32,
    cut: bool,
}

impl<L: Link> FaultyLink<L> {
    /// `inner` with faults drawn from `seed`.
    pub fn new(inner: L, faults: LinkFaults, seed: u64) -> Self {
        Self { inner, faults, random: fastrand::Rng::with_seed(seed), delayed: 0, cut: false }
    }

    fn happens(&mut self, per_thousand: u16) -> bool {
        per_thousand > 0 && self.random.u16(0..1000) < per_thousand
    }

    /// Delays and cuts, before a call.
    fn enter(&mut self, cut: io::ErrorKind) -> io::Result<()> {
        if self.cut || self.happens(self.faults.disconnect) {
            self.cut = true;
            return Err(cut.into());
        }
        if self.delayed == 0 && self.happens(self.faults.delay) {
            self.delayed = self.random.u32(1..=MAX_DELAY_CALLS);
        }
        if self.delayed > 0 {
            self.delayed -= 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn length(&mut self, whole: usize) -> usize {
        if whole > 1 && self.happens(self.faults.partial) { self.random.usize(1..whole) } else { whole }
    }
}

impl<L: Link> Read for FaultyLink<L> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.enter(io::ErrorKind::ConnectionReset)?;
        let length = self.length(into.len());
        let mut count = self.inner.read(into.get_mut(..length).unwrap_or_default())?;
        if count > 0 && self.happens(self.faults.corrupt) {
            let (place, bit) = (self.random.usize(..count), self.random.u32(..8));
            if let Some(byte) = into.get_mut(place) {
                *byte ^= 1 << bit;
            }
        }
        if count > 1 && self.happens(self.faults.truncate) {
            count = self.random.usize(1..count);
            self.cut = true;
        }
        Ok(count)
    }
}

impl<L: Link> Write for FaultyLink<L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.enter(io::ErrorKind::BrokenPipe)?;
        let length = self.length(bytes.len());
        self.inner.write(bytes.get(..length).unwrap_or_default())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<L: Link> Link for FaultyLink<L> {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.fd()
    }
}

/// Makes links with faults; each link draws its own.
#[derive(Debug)]
pub struct FaultyConnector<C> {
    inner: C,
    faults: LinkFaults,
    random: fastrand::Rng,
}

impl<C: Connector> FaultyConnector<C> {
    /// The links of `inner` with faults drawn from `seed`.
    pub fn new(inner: C, faults: LinkFaults, seed: u64) -> Self {
        Self { inner, faults, random: fastrand::Rng::with_seed(seed) }
    }
}

impl<C: Connector> Connector for FaultyConnector<C> {
    type Link = FaultyLink<C::Link>;

    fn connect(&mut self) -> io::Result<Self::Link> {
        Ok(FaultyLink::new(self.inner.connect()?, self.faults, self.random.u64(..)))
    }
}
