//! What an executor and a venue's private side say to each other, in words that are the same for every venue.
//!
//! A [`Dialect`] makes requests and reads answers; it decides nothing. Requests are made without keys: whoever has the
//! connection signs them with a [`Signer`] at the last moment, so that no key and no signature is ever in a journal.

use std::borrow::Cow;

use mesh_types::execution::OrderRequest;
use mesh_types::{CancelReason, Decimal64, InstrumentId, OrderState, RejectReason, Venue};

use crate::action::Action;

/// A request over HTTP, not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Method.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// Body; empty where there is none.
    pub body: String,
    /// It needs keys and signature.
    pub signed: bool,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// The venue's clock.
    Clock,
    /// What the account holds.
    Balances,
    /// Every order of the account that works.
    OpenOrders,
    /// Take an order.
    Place,
    /// Look at an order without taking it.
    Check,
    /// What became of an order.
    Query,
    /// The fills of an order.
    Trades,
    /// Take an order back.
    Cancel,
}

/// An order that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// What was ordered.
    pub request: &'a OrderRequest,
    /// Our name for it, as the venue has it.
    pub name: &'a str,
    /// The venue's own id; empty where it has not told one.
    pub venue_order_id: &'a str,
}

/// What the venue says of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderTold<'a> {
    /// The name that its owner gave it.
    pub name: Cow<'a, str>,
    /// The venue's own id.
    pub venue_order_id: String,
    /// Where it is; `Unknown` where the word is not known here.
    pub state: OrderState,
    /// Filled of it, where that is said.
    pub filled: Option<Decimal64>,
    /// When, ns since the Unix epoch; 0 where it is not said.
    pub venue_ns: u64,
}

/// What the venue says of a fill.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeTold<'a> {
    /// The name of its order, where that is said.
    pub name: Option<Cow<'a, str>>,
    /// The venue's id of its order.
    pub venue_order_id: String,
    /// The venue's id of the trade: the same one is the same fill.
    pub trade_id: String,
    /// Price.
    pub price: Decimal64,
    /// Quantity.
    pub quantity: Decimal64,
    /// Fee; negative is a rebate.
    pub fee: Decimal64,
    /// What it is paid in.
    pub fee_asset: Cow<'a, str>,
    /// The order was resting.
    pub maker: bool,
    /// When, ns since the Unix epoch; 0 where it is not said.
    pub venue_ns: u64,
}

/// One thing that the venue says.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<'a> {
    /// Of an order.
    Order(OrderTold<'a>),
    /// Of a fill.
    Trade(TradeTold<'a>),
    /// Of what the account holds.
    Balance {
        /// The asset.
        asset: Cow<'a, str>,
        /// What is free.
        free: Decimal64,
        /// What is locked in orders.
        locked: Decimal64,
    },
    /// Its clock, ns since the Unix epoch.
    Clock(u64),
    /// The private stream follows the account from now on.
    Following,
    /// The private stream ends, or refuses to follow: connect again.
    Ended,
}

/// Takes what is told.
pub type Hear<'h> = &'h mut dyn FnMut(Told<'_>);

/// A venue's private side.
pub trait Dialect: core::fmt::Debug {
    /// The venue.
    fn venue(&self) -> Venue;

    /// Whether its instruments of this kind are traded here.
    fn takes(&self, instrument: &InstrumentId) -> bool;

    /// The request. `venue_ms` is the venue's clock now. An order is needed for what is asked about one.
    ///
    /// # Errors
    /// Why this order can't be asked for at this venue: it is denied here, for certain.
    fn call(&self, ask: Ask, order: Option<Named<'_>>, venue_ms: u64) -> Result<Call, (RejectReason, &'static str)>;

    /// Reads an answer of status 200.
    ///
    /// # Errors
    /// What was expected and came instead.
    fn on_answer(&self, ask: Ask, body: &[u8], hear: Hear<'_>) -> Result<(), String>;

    /// What another answer means, with the venue's own words.
    fn on_failure(&self, status: u16, retry_after_s: u64, body: &[u8]) -> (Action, String);

    /// After so long a request that was not answered can't be executed any more, ms.
    fn lost_after_ms(&self) -> u64;

    /// Path of the private stream.
    fn stream_path(&self) -> &'static str;

    /// What is sent on the private stream once it is open, not signed yet.
    fn follow(&self, venue_ms: u64) -> String;

    /// Reads a text of the private stream.
    ///
    /// # Errors
    /// What was expected and came instead.
    fn on_text(&self, text: &[u8], hear: Hear<'_>) -> Result<(), String>;

    /// Why an order that nobody here took back has ended.
    fn ended_because(&self, request: &OrderRequest) -> CancelReason {
        match request.time_in_force.get() {
            Some(mesh_types::TimeInForce::Ioc | mesh_types::TimeInForce::Fok) => CancelReason::Unfilled,
            _ => CancelReason::Venue,
        }
    }
}

/// Adds keys and signatures to what a [`Dialect`] made.
pub trait Signer: Send + Sync {
    /// The request as it is sent, and its headers.
    fn sign(&self, call: &Call) -> (Call, Vec<(&'static str, String)>);

    /// A text of the private stream as it is sent.
    fn sign_text(&self, text: &str) -> String;
}
