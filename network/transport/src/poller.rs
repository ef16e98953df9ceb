//! Waits for many descriptors at once: a thin layer over epoll, level-triggered.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};

/// Descriptors that one wait can report; the others come with the next.
const EVENTS_PER_WAIT: usize = 64;
const WAKER: u64 = u64::MAX;

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// What it was added with.
    pub token: u64,
    /// There is something to read, or the other side is gone.
    pub readable: bool,
    /// There is room to write, or the other side is gone.
    pub writable: bool,
}

/// Waits for descriptors. One that is closed is forgotten by itself.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    waker: Waker,
    /// What each descriptor was last added with, by its number: asking for the same again costs no call.
    registered: Vec<Option<(u64, bool)>>,
}

/// Wakes a poller from another thread.
#[derive(Clone, Debug)]
pub struct Waker {
    event: Arc<OwnedFd>,
}

impl Waker {
    /// The poller's wait, now or next, returns at once.
    pub fn wake(&self) {
        // The counter can only be full when nobody looked for 2^64 wake-ups.
        let _ = rustix::io::write(&*self.event, &1u64.to_ne_bytes());
    }

    fn rearm(&self) {
        // Nothing to take is as good.
        let _ = rustix::io::read(&*self.event, &mut [0u8; 8]);
    }
}

fn interest(wants_write: bool) -> epoll::EventFlags {
    if wants_write { epoll::EventFlags::IN | epoll::EventFlags::OUT } else { epoll::EventFlags::IN }
}

impl Poller {
    /// One without descriptors.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let event = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        epoll::add(&epoll, &*event, epoll::EventData::new_u64(WAKER), epoll::EventFlags::IN)?;
        Ok(Self { epoll, waker: Waker { event }, registered: Vec::new() })
    }

    /// Wakes this poller from elsewhere.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for `fd` from now on, under a token of the caller's below `u64::MAX`.
    ///
    /// # Errors
    /// When it is there already, or can't be waited for.
    pub fn add(&mut self, fd: BorrowedFd<'_>, token: u64, wants_write: bool) -> io::Result<()> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), interest(wants_write))?;
        self.remember(fd, Some((token, wants_write)));
        Ok(())
    }

    /// Changes what is waited for.
    ///
    /// # Errors
    /// When it was never added.
    pub fn modify(&mut self, fd: BorrowedFd<'_>, token: u64, wants_write: bool) -> io::Result<()> {
        let wanted = Some((token, wants_write));
        if self.registered.get(slot(fd)).is_some_and(|known| *known == wanted) {
            return Ok(());
        }
        epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), interest(wants_write))?;
        self.remember(fd, wanted);
        Ok(())
    }

    /// Waits no more for `fd`.
    ///
    /// # Errors
    /// When it was never added.
    pub fn remove(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        epoll::delete(&self.epoll, fd)?;
        self.remember(fd, None);
        Ok(())
    }

    fn remember(&mut self, fd: BorrowedFd<'_>, what: Option<(u64, bool)>) {
        let slot = slot(fd);
        if slot >= self.registered.len() {
            self.registered.resize(slot + 1, None);
        }
        if let Some(entry) = self.registered.get_mut(slot) {
            *entry = what;
        }
    }

    /// Waits until something is ready, `timeout` is over (`None`: without end) or the waker is used, and tells of each
    /// descriptor. Answers how much was ready, the waker included; 0 after the timeout or a signal.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn wait(&mut self, timeout: Option<Duration>, each: &mut dyn FnMut(Ready)) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        let mut room = [const { MaybeUninit::<epoll::Event>::uninit() }; EVENTS_PER_WAIT];
        let events = match epoll::wait(&self.epoll, &mut room[..], timeout.as_ref()) {
            Ok((events, _)) => events,
            Err(rustix::io::Errno::INTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        for event in events.iter() {
            let (token, flags) = (event.data.u64(), event.flags);
            if token == WAKER {
                self.waker.rearm();
                continue;
            }
            let gone = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
            each(Ready {
                token,
                readable: gone || flags.contains(epoll::EventFlags::IN),
                writable: gone || flags.contains(epoll::EventFlags::OUT),
            });
        }
        Ok(events.len())
    }
}

fn slot(fd: BorrowedFd<'_>) -> usize {
    usize::try_from(fd.as_raw_fd()).unwrap_or(0)
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::UnixLink;

    #[test]
    fn it_tells_what_is_ready_and_can_be_woken() {
        let mut poller = Poller::new().expect("epoll");
        let (a, mut b) = UnixLink::pair().expect("a pair");
        poller.add(a.as_fd(), 7, false).expect("added");
        assert_eq!(poller.wait(Some(Duration::ZERO), &mut |_| ()).expect("waited"), 0);
        b.write_all(b"x").expect("written");
        let mut seen = Vec::new();
        poller.wait(None, &mut |ready| seen.push(ready)).expect("waited");
        assert_eq!(seen, [Ready { token: 7, readable: true, writable: false }]);
        poller.modify(a.as_fd(), 8, true).expect("modified");
        seen.clear();
        poller.wait(None, &mut |ready| seen.push(ready)).expect("waited");
        assert_eq!(seen, [Ready { token: 8, readable: true, writable: true }]);
        drop(a);
        let waker = poller.waker();
        std::thread::spawn(move || waker.wake()).join().expect("woken");
        assert_eq!(poller.wait(None, &mut |_| ()).expect("waited"), 1);
        assert_eq!(poller.wait(Some(Duration::ZERO), &mut |_| ()).expect("waited"), 0);
    }

    #[test]
    fn a_closed_descriptor_s_number_can_be_added_again() {
        let mut poller = Poller::new().expect("epoll");
        for _ in 0..3 {
            let (a, _b) = UnixLink::pair().expect("a pair");
            poller.add(a.as_fd(), 1, true).expect("added");
            poller.modify(a.as_fd(), 1, false).expect("modified");
        }
    }
}
