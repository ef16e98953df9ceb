//! Bytes of a caller's `Read + Seek`, as the Parquet library asks for them: at any place, by several readers in turn.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// The whole of it.
#[derive(Debug)]
pub(crate) struct Input<R> {
    inner: Arc<Mutex<R>>,
    len: u64,
}

impl<R: Read + Seek> Input<R> {
    pub(crate) fn new(mut inner: R) -> io::Result<Self> {
        let len = inner.seek(SeekFrom::End(0))?;
        Ok(Self { inner: Arc::new(Mutex::new(inner)), len })
    }

    fn at(&self, at: u64) -> At<R> {
        At { inner: Arc::clone(&self.inner), at }
    }
}

/// From a place on. Each read seeks, so others may read between.
#[derive(Debug)]
pub(crate) struct At<R> {
    inner: Arc<Mutex<R>>,
    at: u64,
}

/// A reader that panicked while it read has left nothing half done here.
fn lock<R>(inner: &Mutex<R>) -> MutexGuard<'_, R> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Read + Seek> Read for At<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut inner = lock(&self.inner);
        inner.seek(SeekFrom::Start(self.at))?;
        let count = inner.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl<R> Length for Input<R> {
    fn len(&self) -> u64 {
        self.len
    }
}

impl<R: Read + Seek + Send> ChunkReader for Input<R> {
    type T = BufReader<At<R>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.at(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let left = self.len.saturating_sub(start);
        // Before room for them is made: the length is what the file says of itself.
        if length as u64 > left {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} where {left} are left")));
        }
        let mut bytes = vec![0; length];
        self.at(start).read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
