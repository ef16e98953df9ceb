//! Binance's spot protocol around the exchange: still without sockets. Requests and frames go in as text with the time,
//! answers and frames come out.

pub mod account;
pub mod answer;
pub mod catalogue;
pub mod damage;
pub mod frames;
pub mod generated;
pub mod market_requests;
pub mod order_requests;
pub mod played;
pub mod session;
pub mod source;
pub mod venue;

/// What the venue sends on one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Name of the stream.
    pub stream: String,
    /// The payload, as a raw stream has it.
    pub payload: String,
}

impl Frame {
    /// True for changes of a book.
    pub fn is_depth(&self) -> bool {
        self.stream.contains("@depth")
            || [":book:", ":books:", ":l2Book:"].iter().any(|name| self.stream.contains(name))
    }
}
