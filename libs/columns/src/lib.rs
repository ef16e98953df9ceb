#![doc = include_str!("../README.md")]

mod checked;
mod error;
mod input;
mod pages;
mod reader;
mod table;
mod writer;

pub use error::ColumnsError;
pub use reader::{Batch, Batches, Reader};
pub use table::{Cell, Field, Kind, Values};
pub use writer::Writer;
