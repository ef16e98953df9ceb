#![doc = include_str!("../README.md")]

pub mod binance;
pub mod book;
pub mod checksum;
pub mod health;
pub mod level;
pub mod measure;
pub mod mirror;
pub mod stream;
pub mod texts;
pub mod view;

pub use binance::{BinanceBook, BinanceRule, Diff, Snapshot, Step};
pub use book::Book;
pub use health::Reason;
pub use level::{Exponents, Level, LevelError};
pub use measure::{Depth, Taken};
pub use mirror::{MirrorBook, MirrorError};
pub use stream::{Change, StreamBook};
pub use texts::Texts;
pub use view::{Publication, PublicationHead, TopView};
