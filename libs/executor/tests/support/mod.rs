//! An executor, a venue that speaks in lines, and a clock.
#![allow(clippy::expect_used, clippy::panic, dead_code, reason = "each test uses a part")]

use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Message, Stamp};
use mesh_executor::{Effect, Executor, Report, Settings};
use mesh_types::execution::OrderRequest;
use mesh_types::{
    ClientOrderId, Decimal64, InstrumentId, OrderState, OrderType, RejectReason, Side, SourceId, TimeInForce, Venue,
};
use mesh_venues::action::Action;
use mesh_venues::private::{Ask, Call, Dialect, Hear, Named, OrderTold, Told, TradeTold};

pub(crate) const SECOND: u64 = 1_000_000_000;

pub(crate) fn settings() -> Settings {
    Settings::default()
}

pub(crate) fn order(id: u8) -> OrderRequest {
    OrderRequest {
        client_order_id: ClientOrderId::new([id; 16]),
        instrument: "binance:spot:BTCUSDT".parse().expect("an id"),
        side: Side::Buy.into(),
        order_type: OrderType::Limit.into(),
        time_in_force: TimeInForce::Gtc.into(),
        quantity: Decimal64::new(10, 0).into(),
        price: Decimal64::new(10, 0).into(),
        ..OrderRequest::default()
    }
}

/// The number of an order that [`order`] made.
fn number(id: &ClientOrderId) -> u8 {
    id.as_bytes()[0]
}

/// A name: an order's number becomes its id.
fn name(word: &str) -> String {
    word.parse::<u8>().map_or_else(|_| word.to_owned(), |id| ClientOrderId::new([id; 16]).to_string())
}

/// `order NAME VENUE_ID STATE FILLED`, `trade NAME|- VENUE_ID TRADE_ID QUANTITY PRICE`, `balance ASSET FREE LOCKED`,
/// `clock NS`, `following`, `ended`.
#[derive(Debug)]
pub(crate) struct Lines;

fn hear_lines(text: &[u8], hear: Hear<'_>) -> Result<(), String> {
    for line in core::str::from_utf8(text).map_err(|error| error.to_string())?.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let decimal = |text: &str| text.parse::<Decimal64>().map_err(|error| error.to_string());
        match words.as_slice() {
            ["order", who, venue, state, filled] => hear(Told::Order(OrderTold {
                name: name(who).into(),
                venue_order_id: (*venue).to_owned(),
                state: state.parse().unwrap_or(OrderState::Unknown),
                filled: Some(decimal(filled)?),
                venue_ns: 0,
            })),
            ["trade", who, venue, trade, quantity, price] => hear(Told::Trade(TradeTold {
                name: (*who != "-").then(|| name(who).into()),
                venue_order_id: (*venue).to_owned(),
                trade_id: (*trade).to_owned(),
                price: decimal(price)?,
                quantity: decimal(quantity)?,
                fee: Decimal64::ZERO,
                fee_asset: "USDT".into(),
                maker: false,
                venue_ns: 0,
            })),
            ["balance", asset, free, locked] => {
                hear(Told::Balance { asset: (*asset).into(), free: decimal(free)?, locked: decimal(locked)? });
            }
            ["clock", ns] => hear(Told::Clock(ns.parse().unwrap_or(0))),
            ["following"] => hear(Told::Following),
            ["ended"] => hear(Told::Ended),
            _ => return Err(format!("expected a line, found {line:?}")),
        }
    }
    Ok(())
}

impl Dialect for Lines {
    fn venue(&self) -> Venue {
        Venue::Binance
    }

    fn takes(&self, instrument: &InstrumentId) -> bool {
        instrument.venue() == Some(Venue::Binance)
    }

    fn call(&self, ask: Ask, order: Option<Named<'_>>, _: u64) -> Result<Call, (RejectReason, &'static str)> {
        let word = match ask {
            Ask::Clock => "clock",
            Ask::Balances => "balances",
            Ask::OpenOrders => "open_orders",
            Ask::Place => "place",
            Ask::Check => "check",
            Ask::Query => "query",
            Ask::Trades => "trades",
            Ask::Cancel => "cancel",
        };
        if order.is_some_and(|named| named.request.quantity.get().is_zero()) {
            return Err((RejectReason::Filter, "nothing is ordered"));
        }
        let target = match order {
            Some(named) => format!("{word} {}", number(&named.request.client_order_id)),
            None => word.to_owned(),
        };
        Ok(Call { method: "GET", target, body: String::new(), signed: true })
    }

    fn on_answer(&self, _: Ask, body: &[u8], hear: Hear<'_>) -> Result<(), String> {
        hear_lines(body, hear)
    }

    fn on_failure(&self, status: u16, retry_after_s: u64, body: &[u8]) -> (Action, String) {
        let action = match status {
            400 => Action::Rejected(RejectReason::Venue),
            401 => Action::Fatal,
            404 => Action::NotFound,
            409 => Action::AlreadyPlaced,
            429 => Action::BackOff { retry_after_s, banned: false },
            _ => Action::UnknownOutcome,
        };
        (action, String::from_utf8_lossy(body).into_owned())
    }

    fn lost_after_ms(&self) -> u64 {
        5_000
    }

    fn stream_path(&self) -> &'static str {
        "/"
    }

    fn follow(&self, _: u64) -> String {
        "follow".to_owned()
    }

    fn on_text(&self, text: &[u8], hear: Hear<'_>) -> Result<(), String> {
        hear_lines(text, hear)
    }
}

/// An executor with everything around it.
pub(crate) struct Desk {
    pub(crate) executor: Executor,
    pub(crate) now_ns: u64,
    settings: Settings,
    sequence: u64,
    /// Frames that are durable: what was asked for and what was said.
    pub(crate) durable: Vec<Vec<u8>>,
    /// Requests under way, with their numbers.
    pub(crate) calls: Vec<(u32, String)>,
    said: Vec<String>,
}

impl Desk {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            executor: Executor::new(Box::new(Lines), settings),
            now_ns: 1_000 * SECOND,
            settings,
            sequence: 0,
            durable: Vec::new(),
            calls: Vec::new(),
            said: Vec::new(),
        }
    }

    pub(crate) fn ready_to_send() -> Self {
        let mut desk = Self::new(settings());
        desk.start();
        desk.ready();
        desk.executor.on_connected(desk.now_ns);
        desk.took();
        desk
    }

    /// The next life, from what is durable.
    pub(crate) fn killed(&self) -> Self {
        let mut next = Self::new(self.settings);
        next.now_ns = self.now_ns;
        next.durable.clone_from(&self.durable);
        next.sequence = self.sequence;
        for frame in &self.durable {
            next.executor.restore(&Message::parse(frame).expect("a frame"));
        }
        next
    }

    pub(crate) fn start(&mut self) {
        self.executor.start(self.now_ns);
        self.carry_out();
    }

    /// Answers what is asked first.
    pub(crate) fn ready(&mut self) {
        self.answer("clock", 200, "clock 5000");
        self.answer("balances", 200, "");
        self.answer("open_orders", 200, "");
    }

    fn frame<T: TlvBody>(&mut self, body: &T) -> Vec<u8> {
        self.sequence += 1;
        let stamp =
            Stamp { domain: T::DOMAIN, source: SourceId::new(3), sequence: self.sequence, timestamp_ns: self.now_ns };
        let mut frame = Vec::new();
        FrameBuilder::new(&mut frame, &stamp).body(body).finish().expect("fits");
        frame
    }

    pub(crate) fn told<T: TlvBody>(&mut self, body: &T) {
        let frame = self.frame(body);
        self.executor.on_message(&Message::parse(&frame).expect("a frame"), self.now_ns);
        self.durable.push(frame);
        self.carry_out();
    }

    pub(crate) fn place(&mut self, order: &OrderRequest) {
        self.told(order);
    }

    pub(crate) fn hears(&mut self, lines: &str) {
        self.executor.on_text(lines.as_bytes(), self.now_ns);
        self.carry_out();
    }

    /// Answers a request that is under way.
    pub(crate) fn answer(&mut self, call: &str, status: u16, body: &str) {
        let at = self.calls.iter().position(|(_, known)| known == call);
        let (number, _) = self.calls.remove(at.unwrap_or_else(|| panic!("{call} was asked, found {:?}", self.calls)));
        self.executor.on_answer(number, (status, 1, body.as_bytes()), self.now_ns);
        self.carry_out();
    }

    pub(crate) fn take_and_answer(&mut self, call: &str, status: u16, body: &str) {
        self.took();
        if self.calls.iter().any(|(_, known)| known == call) {
            self.answer(call, status, body);
        }
    }

    /// Time passes, in steps of a tenth of a second.
    pub(crate) fn pass(&mut self, ns: u64) {
        let until_ns = self.now_ns + ns;
        while self.now_ns < until_ns {
            self.now_ns += SECOND / 10;
            if self.executor.due_ns() <= self.now_ns {
                self.executor.tick(self.now_ns);
            }
            self.carry_out();
        }
    }

    /// What was said, asked and done since the last call.
    pub(crate) fn took(&mut self) -> Vec<String> {
        self.carry_out();
        core::mem::take(&mut self.said)
    }

    fn carry_out(&mut self) {
        for effect in self.executor.take_effects() {
            match effect {
                Effect::Count(_) => {}
                Effect::Connect => self.said.push("connect".to_owned()),
                Effect::Send(text) => self.said.push(format!("send {text}")),
                Effect::Call(number, call) => {
                    self.said.push(call.target.clone());
                    self.calls.push((number, call.target));
                }
                Effect::Report(_, report) => {
                    let (text, frame) = self.report(&report);
                    self.said.push(format!("say {text}"));
                    self.durable.push(frame);
                }
            }
        }
    }

    fn report(&mut self, report: &Report) -> (String, Vec<u8>) {
        match report {
            Report::Accepted(body) => {
                (format!("accepted {} {}", number(&body.client_order_id), body.venue_order_id), self.frame(body))
            }
            Report::Rejected(body) => {
                let text = format!("rejected {} {:?}: {}", number(&body.client_order_id), body.reason, body.text);
                (text, self.frame(body))
            }
            Report::Fill(body) => {
                let quantity = body.quantity.get();
                (format!("fill {} {} {quantity}", number(&body.client_order_id), body.trade_id), self.frame(body))
            }
            Report::Cancelled(body) => {
                let (id, filled) = (number(&body.client_order_id), body.filled_quantity.get());
                (format!("cancelled {id} {filled} {:?}", body.reason), self.frame(body))
            }
            Report::Status(body) => (format!("{:?} {}", body.state, number(&body.client_order_id)), self.frame(body)),
            Report::Balance(body) => (format!("balance {} {}", body.asset, body.total.get()), self.frame(body)),
        }
    }
}
