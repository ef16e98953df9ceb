//! Keeps logs bounded: a log past its size becomes `NAME.log.1`, the one before it `NAME.log.2`.
//!
//! Processes hold their log open for as long as they run, so the text is copied and the file emptied in place. What is
//! written between the last read and the emptying is lost: logs are for people; what matters is in journals and captures.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A log is rotated when it is larger.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// Rotates the log when it is larger than `max_bytes`.
pub(crate) fn rotate(path: &Path, max_bytes: u64) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > max_bytes => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let (first, second) = (numbered(path, 1), numbered(path, 2));
    if first.exists() {
        fs::rename(&first, second)?;
    }
    let mut log = OpenOptions::new().read(true).write(true).open(path)?;
    let mut copy = File::create(&first)?;
    while io::copy(&mut log, &mut copy)? > 0 {}
    log.set_len(0)?;
    Ok(true)
}

/// `NAME.log.N`.
pub(crate) fn numbered(path: &Path, number: u8) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_writer_goes_on_in_the_emptied_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.log");
        assert!(!rotate(&path, 10).expect("nothing there"));
        let mut writer = super::super::spawn::open_log(&path).expect("opened");
        for round in 0..3 {
            write!(writer, "round {round}, and more").expect("written");
            assert!(rotate(&path, 10).expect("rotated"));
        }
        write!(writer, "last").expect("written");
        assert!(!rotate(&path, 10).expect("small"));
        let read = |path: &Path| fs::read_to_string(path).expect("readable");
        assert_eq!(read(&path), "last");
        assert_eq!(read(&numbered(&path, 1)), "round 2, and more");
        assert_eq!(read(&numbered(&path, 2)), "round 1, and more");
    }
}
