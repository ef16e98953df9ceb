//! Links within one process, for tests and simulations: a bounded queue of bytes each way.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};

use crate::link::Link;

#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity_bytes: usize,
    closed: bool,
}

/// One end.
#[derive(Debug)]
pub struct MemoryLink {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
}

impl MemoryLink {
    /// Two ends of one link that holds `capacity_bytes` each way.
    pub fn pair(capacity_bytes: usize) -> (Self, Self) {
        let pipe = || Arc::new(Mutex::new(Pipe { bytes: VecDeque::new(), capacity_bytes, closed: false }));
        let (there, back) = (pipe(), pipe());
        let a = Self { incoming: Arc::clone(&back), outgoing: Arc::clone(&there) };
        (a, Self { incoming: there, outgoing: back })
    }
}

impl Read for MemoryLink {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        if pipe.bytes.is_empty() && !into.is_empty() && !pipe.closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        pipe.bytes.read(into)
    }
}

impl Write for MemoryLink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pipe = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        if pipe.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = pipe.capacity_bytes - pipe.bytes.len();
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let part = bytes.get(..room).unwrap_or(bytes);
        pipe.bytes.extend(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Link for MemoryLink {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        for pipe in [&self.incoming, &self.outgoing] {
            pipe.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        }
    }
}
