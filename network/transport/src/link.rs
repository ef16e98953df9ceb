//! A link: a byte stream between two processes that never blocks.
//!
//! Both ends write whole frames one after the other; the bytes may arrive cut anywhere. Unix stream sockets are the one
//! kind that crosses processes. A shared-memory ring can stand beside them: the handshake goes over the socket, one side
//! passes a descriptor of the ring with it, and from then on the ring is the `Link` while the socket stays open to tell
//! when the other side dies. Nothing above this trait would change.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::socket;

/// A byte stream that never blocks. Reading and writing answer `WouldBlock` when nothing can be done now, reading answers
/// 0 when the other side is gone, and a short count means nothing.
pub trait Link: Read + Write {
    /// What to wait on, where there is something.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// Makes links to one place.
pub trait Connector {
    /// What it makes.
    type Link: Link;

    /// A new link.
    ///
    /// # Errors
    /// When nobody listens there, or it is not to be trusted.
    fn connect(&mut self) -> io::Result<Self::Link>;
}

/// A connected Unix stream socket.
#[derive(Debug)]
pub struct UnixLink {
    stream: UnixStream,
}

impl UnixLink {
    /// Takes over a socket that does not block.
    pub(crate) const fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// Two ends of one link.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = UnixStream::pair()?;
        a.set_nonblocking(true)?;
        b.set_nonblocking(true)?;
        Ok((Self::new(a), Self::new(b)))
    }

    /// The user id of the process at the other end.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn peer_uid(&self) -> io::Result<u32> {
        Ok(rustix::net::sockopt::socket_peercred(&self.stream)?.uid.as_raw())
    }

    /// Asks for this much room in the kernel for bytes on their way; the kernel has an upper bound of its own.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_send_buffer(&self, bytes: usize) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_socket_send_buffer_size(&self.stream, bytes)?)
    }
}

impl AsFd for UnixLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Read for UnixLink {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }
}

impl Write for UnixLink {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    #[inline]
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Link for UnixLink {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }
}

/// Connects to a relay's socket.
#[derive(Clone, Debug)]
pub struct UnixConnector {
    /// The socket.
    pub path: PathBuf,
}

impl Connector for UnixConnector {
    type Link = UnixLink;

    fn connect(&mut self) -> io::Result<UnixLink> {
        socket::connect(&self.path)
    }
}

/// What one attempt to read or write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// This many bytes.
    Done(usize),
    /// Nothing now.
    Blocked,
}

/// Folds the kernel's ways to say 'not now' into one.
pub(crate) fn attempt(result: io::Result<usize>) -> io::Result<Attempt> {
    match result {
        Ok(count) => Ok(Attempt::Done(count)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(Attempt::Blocked)
        }
        Err(error) => Err(error),
    }
}
