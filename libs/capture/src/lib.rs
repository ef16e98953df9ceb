#![doc = include_str!("../README.md")]

pub mod capture;
pub mod csv;
pub mod decode;
pub mod error;
mod files;
pub mod filter;
pub mod index;
pub mod journal;
pub mod lookup;
pub mod manifest;
pub mod ops;
pub mod recording;
pub mod recover;
pub mod retention;
pub mod segment;
mod segment_reader;
pub mod show;
mod stream;
pub mod table;
pub mod time;
pub mod verify;
pub mod writer;

pub use capture::{Capture, Reader, Run, Segment, TimeRange};
pub use error::CaptureError;
pub use filter::Filter;
pub use lookup::Lookup;
pub use manifest::{Manifest, RunInfo, RunStatus, SegmentEntry};
pub use recover::recover;
pub use retention::prune_captures;
pub use segment::{Damage, DamageKind, Item, Record, read_segment};
pub use show::Format;
pub use verify::verify;
pub use writer::{BufferFull, CaptureWriter, WriterLimits};
