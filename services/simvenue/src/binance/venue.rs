//! The venue: a market, an exchange, limits and faults, behind Binance's requests.

use mesh_book::Book;
use mesh_venues::binance::server::{Parameters, Refusal};
use mesh_venues::binance::sign::Credentials;

use super::Frame;
use super::account::Reports;
use super::answer::{Answer, Request};
use super::damage::Damage;
use super::frames::Wanted;
use super::source::Source;
use crate::core::exchange::Exchange;
use crate::core::faults::{Fault, Faults};
use crate::core::instrument::Instrument;
use crate::core::limits::{OrderLimit, Refused, RequestLimit};

/// What frames lead to, besides being sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Frames to send, faults applied.
    pub frames: Vec<Frame>,
    /// All connections are told that the venue shuts down, then closed.
    pub shutdown: bool,
    /// The venue has started again: all connections are closed.
    pub restarted: bool,
}

/// A simulated Binance spot.
pub struct Venue {
    pub(super) source: Source,
    pub(super) exchange: Exchange,
    /// Faults, to be switched and counted.
    pub faults: Faults,
    damage: Damage,
    /// The way to the owners of orders.
    pub(super) reports: Reports,
    /// One account each, in the exchange's order.
    pub(super) keys: Vec<Credentials>,
    pub(super) order_limits: Vec<OrderLimit>,
    limit: RequestLimit,
    /// Books as they were at the start, for snapshots that are too late.
    pub(super) stale: Vec<Option<(Book, u64)>>,
    pub(super) weight_limit: u64,
    pub(super) orders_limit: u64,
}

impl Venue {
    /// A venue. `keys` are those of the exchange's accounts, in order; limits are weight a minute and orders in 10 s.
    pub fn new(
        source: Source,
        exchange: Exchange,
        keys: Vec<Credentials>,
        faults: Faults,
        weight_limit: u64,
        orders_limit: u64,
    ) -> Self {
        let stale = (0..exchange.instruments().len())
            .map(|index| source.book(index).map(|(book, sequence)| (book.clone(), sequence)));
        Self {
            stale: stale.collect(),
            order_limits: vec![OrderLimit::new(orders_limit); keys.len()],
            source,
            exchange,
            faults,
            damage: Damage::default(),
            reports: Reports::default(),
            keys,
            limit: RequestLimit::new(weight_limit),
            weight_limit,
            orders_limit,
        }
    }

    /// What is traded.
    pub fn instruments(&self) -> &[Instrument] {
        self.exchange.instruments()
    }

    /// Where the market comes from.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// What a new subscriber of a stream of another protocol is told first, none or one frame; `None` where there is no such
    /// stream. A recording has Binance's only.
    pub fn snapshot(&mut self, stream: &str, now_ns: u64) -> Option<Option<String>> {
        match &mut self.source {
            Source::Generated(generated) => generated.snapshot(stream, now_ns),
            Source::Tape(_) => None,
        }
    }

    /// The answer to Hyperliquid's `info`.
    pub fn info(&self, body: &str) -> Option<String> {
        match &self.source {
            Source::Generated(generated) => generated.info(body),
            Source::Tape(_) => None,
        }
    }

    /// Comes to `now_ns`.
    pub fn advance(&mut self, now_ns: u64, wanted: Wanted<'_>) -> Outcome {
        let mut told = Vec::new();
        let restarted = self.source.advance(now_ns, wanted, &mut self.exchange, &mut told);
        let mut outcome = Outcome { restarted, ..Outcome::default() };
        for frame in told {
            outcome.shutdown |= self.faults.strikes(Fault::ServerShutdown);
            outcome.frames.extend(self.damage.pass(frame, &mut self.faults));
        }
        outcome
    }

    /// Answers a request.
    pub fn answer(&mut self, request: &Request<'_>) -> Answer {
        let now_ns = request.now_ns;
        if self.faults.strikes(Fault::BadGateway) {
            return Answer::bad_gateway();
        }
        if self.faults.strikes(Fault::Maintenance) {
            return Refusal { status: 503, ..Refusal::new(-1001, "Service Unavailable.") }.into();
        }
        if self.faults.strikes(Fault::TooManyRequests) {
            let refused = self.limit.refuse(now_ns);
            return self.refused(refused);
        }
        let parameters = match Parameters::parse(request.query) {
            Ok(parameters) => parameters,
            Err(refusal) => return refusal.into(),
        };
        let weight = Self::weight(request, &parameters);
        if let Err(refused) = self.limit.take(now_ns, weight) {
            return self.refused(refused);
        }
        let answer = match self.dispatch(request, &parameters) {
            Ok(answer) => answer,
            Err(refusal) => refusal.into(),
        };
        // An order that is taken weighs nothing.
        if (request.method, request.path) == ("POST", "/api/v3/order") && answer.status == 200 {
            self.limit.give_back(weight);
        }
        let used = self.limit.used();
        answer.with("x-mbx-used-weight", used).with("x-mbx-used-weight-1m", used)
    }

    fn refused(&self, refused: Refused) -> Answer {
        let text = match refused.status {
            418 => "Way too much request weight used; IP banned. Please use WebSocket Streams for live updates.",
            _ => "Too much request weight used; please use WebSocket Streams for live updates.",
        };
        let answer: Answer = Refusal { status: refused.status, ..Refusal::new(-1003, text) }.into();
        answer.with("retry-after", refused.retry_after_s).with("x-mbx-used-weight-1m", self.limit.used())
    }

    /// What a request weighs.
    fn weight(request: &Request<'_>, parameters: &Parameters) -> u64 {
        let has = |name| parameters.get(name).is_some();
        match (request.method, request.path) {
            (_, "/api/v3/depth") => {
                match parameters.get("limit").and_then(|text| text.parse::<u64>().ok()).unwrap_or(100) {
                    0..=100 => 5,
                    101..=500 => 25,
                    501..=1_000 => 50,
                    _ => 250,
                }
            }
            (_, "/api/v3/exchangeInfo" | "/api/v3/account") => 20,
            (_, "/api/v3/klines") => 2,
            (_, "/api/v3/historicalTrades") => 25,
            (_, "/api/v3/ticker/bookTicker") => {
                if has("symbol") {
                    2
                } else {
                    4
                }
            }
            (_, "/api/v3/myTrades") => {
                if has("orderId") {
                    5
                } else {
                    20
                }
            }
            ("GET", "/api/v3/order") => 4,
            ("GET", "/api/v3/openOrders") => {
                if has("symbol") {
                    6
                } else {
                    80
                }
            }
            _ => 1,
        }
    }

    fn dispatch(&mut self, request: &Request<'_>, parameters: &Parameters) -> Result<Answer, Refusal> {
        match (request.method, request.path) {
            ("GET", "/api/v3/ping") => Ok(Answer::ok("{}".into())),
            ("GET", "/api/v3/time") => Ok(Self::time(request.now_ns)),
            ("GET", "/api/v3/exchangeInfo") => self.exchange_info(parameters, request.now_ns),
            ("GET", "/api/v3/depth") => self.depth(parameters),
            ("GET", "/api/v3/klines") => self.klines(parameters),
            ("GET", "/api/v3/historicalTrades") => self.historical_trades(parameters),
            ("GET", "/api/v3/ticker/bookTicker") => self.book_ticker(parameters),
            ("POST", "/api/v3/order") => self.place_order(request),
            ("POST", "/api/v3/order/test") => self.test_order(request),
            ("GET", "/api/v3/order") => self.query_order(request),
            ("DELETE", "/api/v3/order") => self.cancel_order(request),
            ("GET", "/api/v3/openOrders") => self.open_orders(request),
            ("DELETE", "/api/v3/openOrders") => self.cancel_open_orders(request),
            ("GET", "/api/v3/account") => self.account(request),
            ("GET", "/api/v3/myTrades") => self.my_trades(request),
            (method, path) => {
                let text = format!("Path {path}, Method {method} is invalid");
                Err(Refusal { status: 404, ..Refusal::new(-5000, text) })
            }
        }
    }

    /// Index of the symbol that a request names.
    pub(super) fn symbol(&self, parameters: &Parameters) -> Result<usize, Refusal> {
        let symbol = parameters.required("symbol")?;
        let found = self.instruments().iter().position(|instrument| instrument.symbol == symbol);
        found.ok_or_else(|| Refusal::new(-1121, "Invalid symbol."))
    }
}
