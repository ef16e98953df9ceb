#![doc = include_str!("../README.md")]

pub mod capture;
pub mod error;
mod files;
pub mod index;
pub mod journal;
pub mod lookup;
pub mod manifest;
pub mod recover;
pub mod retention;
pub mod segment;
mod segment_file;
pub mod time;
pub mod verify;
pub mod writer;

pub use capture::{Capture, Reader, Run, Segment, TimeRange};
pub use error::CaptureError;
pub use lookup::Lookup;
pub use manifest::{Manifest, RunInfo, RunStatus, SegmentEntry};
pub use recover::recover;
pub use retention::prune_captures;
pub use segment::{Damage, DamageKind, Item, Record, read_segment};
pub use verify::verify;
pub use writer::{BufferFull, CaptureWriter, WriterLimits};
