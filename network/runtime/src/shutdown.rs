//! Graceful stop: SIGTERM and SIGINT make a file descriptor readable.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether this process was asked to stop.
#[derive(Clone, Debug)]
pub struct Shutdown {
    requested: Arc<AtomicBool>,
    wake: Arc<UnixStream>,
    /// The other end: closing or writing it wakes who waits.
    trigger: Arc<UnixStream>,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT.
    ///
    /// # Errors
    /// When the handlers can't be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::manual()?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&shutdown.requested))?;
            signal_hook::low_level::pipe::register(signal, shutdown.trigger.try_clone()?)?;
        }
        Ok(shutdown)
    }

    /// One that only [`Shutdown::request`] triggers.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn manual() -> io::Result<Self> {
        let (wake, trigger) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        trigger.set_nonblocking(true)?;
        Ok(Self { requested: Arc::default(), wake: Arc::new(wake), trigger: Arc::new(trigger) })
    }

    /// Asks for a stop from within.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Release);
        // A full pipe has woken them already.
        let _ = io::Write::write(&mut &*self.trigger, &[1]);
    }

    /// True once a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    /// Readable once a stop was asked for; it stays so.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Blocks until a stop is asked for.
    pub fn wait(&self) {
        while !self.is_requested() {
            let mut descriptors = [rustix::event::PollFd::from_borrowed_fd(self.fd(), rustix::event::PollFlags::IN)];
            // An interrupted wait looks again.
            let _ = rustix::event::poll(&mut descriptors, None);
            if !self.is_requested() {
                // The byte may come before the flag is seen; take it, so that the next wait does not spin.
                let _ = (&*self.wake).read(&mut [0]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_wakes_who_waits() {
        let shutdown = Shutdown::manual().expect("descriptors");
        assert!(!shutdown.is_requested());
        let other = shutdown.clone();
        let waiter = std::thread::spawn(move || other.wait());
        shutdown.request();
        waiter.join().expect("woken");
        assert!(shutdown.is_requested());
    }
}
