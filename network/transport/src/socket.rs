//! Unix stream sockets: paths of any length, private files, stale sockets, the peer's user.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::link::UnixLink;

/// Connections that wait to be accepted.
const LISTEN_BACKLOG: i32 = 128;

/// A relay's socket. Its file goes away with it.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    path: PathBuf,
}

/// Listens at `path`. Its directory is made if it is missing (0700) and must be private; the socket is 0600. A socket that
/// nobody listens at any more is replaced; two processes that listen at the same path are told apart by their process lock.
///
/// # Errors
/// When somebody listens there, when the path is something else than a socket, or when the directory is open to others.
pub fn listen(path: &Path) -> io::Result<Listener> {
    private_directory(parent(path))?;
    remove_stale(path)?;
    let socket = stream_socket()?;
    with_address(path, |address| Ok(rustix::net::bind(&socket, address)?))?;
    // Nobody can connect before `listen`, so the file is never open to others.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    Ok(Listener { socket, path: path.to_owned() })
}

/// Connects to the socket at `path`; the process that listens there must be of this user.
///
/// # Errors
/// When nobody listens there, or another user does.
pub fn connect(path: &Path) -> io::Result<UnixLink> {
    let socket = stream_socket()?;
    with_address(path, |address| Ok(rustix::net::connect(&socket, address)?))?;
    let link = UnixLink::new(UnixStream::from(socket));
    let (peer, own) = (link.peer_uid()?, own_uid());
    if peer == own {
        Ok(link)
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("expected {} to belong to user {own}, found user {peer}", path.display()),
        ))
    }
}

/// The user that this process acts as.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

impl Listener {
    /// The next connection, if one waits.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn accept(&self) -> io::Result<Option<UnixLink>> {
        match rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => Ok(Some(UnixLink::new(UnixStream::from(socket)))),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may be gone already; a socket that stays is replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

fn stream_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The address of a path. One that is too long for the kernel's 108 bytes is reached through its opened directory.
fn with_address<T>(path: &Path, use_address: impl FnOnce(&SocketAddrUnix) -> io::Result<T>) -> io::Result<T> {
    if let Ok(address) = SocketAddrUnix::new(path) {
        return use_address(&address);
    }
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let directory = rustix::fs::open(parent(path), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    let address = SocketAddrUnix::new(&short).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("the socket's name {} is too long", name.display()))
    })?;
    use_address(&address)
}

fn private_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mode = fs::metadata(directory)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let directory = directory.display();
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("expected {directory} to be private (0700), found {mode:04o}: run chmod 700 {directory}"),
    ))
}

/// Removes what an ended process left, and nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        let text = format!("expected a socket or nothing at {}, found something else", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("another process listens at {}: stop it first", path.display()),
        )),
    }
}
