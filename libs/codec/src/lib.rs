#![doc = include_str!("../README.md")]

mod crc;
pub mod encode;
pub mod error;
pub mod frames;
pub mod header;
pub mod json;
pub mod message;
pub mod packet;
pub mod protocol_doc;
pub mod registry;
pub mod valid;

pub use encode::{FrameBuilder, Stamp, encode_one};
pub use error::{FrameError, TlvError};
pub use frames::{FrameScanner, Frames, Scan};
pub use header::{HEADER_BYTES, Header, MAGIC, MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION};
pub use message::{Message, TLV_HEADER_BYTES, TailedView, Tlv, TlvIter};
pub use registry::{Entry, KeyRule, REGISTRY, SizeRule, TailedTlv, TlvBody, entry};
pub use valid::{FrameBuffer, FrameCutter, ValidFrames};
