//! What every measured program does the same way: the time, and bytes to a socket that does not block.

use std::error::Error;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, poll};

/// Now, in ns since the Unix epoch.
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes all of it; sleeps while there is no room.
pub(crate) fn write_all(output: &mut UnixStream, mut bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(output, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
