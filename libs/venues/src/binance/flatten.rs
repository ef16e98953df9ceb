//! What ends all risk of a spot account: every working order is taken back, every asset but the quote is sold at the market.
//!
//! A state machine over requests and answers; its driver has a socket and a clock, and nothing else of the mesh. It believes
//! the venue alone: whatever it does not know for certain it asks for again, from the working orders on. A sale whose answer
//! is lost is never repeated blindly: the balances are read again first, and say whether it happened.
//!
//! ```text
//!  clock -> symbols -> working orders -> cancel ... -> working orders -> balances -> sell ... -> balances -> done
//!                          ^__________________________________________________________|
//! ```
//!
//! What can't be sold, because it is less than the venue trades or has no market in the quote, is told as left over.

use std::collections::{BTreeMap, BTreeSet};

use mesh_types::{Decimal64, OrderType, Rounding, Side, TimeInForce};
use serde::Deserialize;

use super::errors::{Action, ApiError};
use super::format::{self, NewOrder, Request};
use super::instruments::SymbolStatus;
use super::{Market, answers, instruments, order};

/// Times that all is read again before it gives up.
const MAX_ROUNDS: u32 = 20;
/// Rounds without a pause between them.
const HASTY_ROUNDS: u32 = 4;
/// Pause before something is asked again, ms.
const PAUSE_MS: u64 = 250;

/// What its driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this, and tell the answer.
    Send(Request),
    /// Wait so long, then ask again.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Nothing is left to do.
    Done,
    /// It can't go on; what is done is done.
    Failed(String),
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Orders that were taken back, by symbol.
    pub cancelled: BTreeMap<String, u64>,
    /// Orders to sell that the venue took: symbol and quantity.
    pub sold: Vec<(String, Decimal64)>,
    /// What could not be sold.
    pub left: Vec<Left>,
}

/// What could not be sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The asset.
    pub asset: String,
    /// How much of it.
    pub quantity: Decimal64,
    /// It is less than the venue trades.
    pub is_dust: bool,
    /// Why, for people.
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Clock,
    Symbols,
    Working,
    Cancel(Vec<String>),
    Balances,
    Sell(Vec<(String, Decimal64)>),
    Done,
    Failed(String),
}

#[derive(Clone, Debug)]
struct Symbol {
    name: String,
    lot: Decimal64,
    least: Decimal64,
    most: Decimal64,
    trades: bool,
}

#[derive(Deserialize)]
struct Account {
    balances: Vec<Held>,
}

#[derive(Deserialize)]
struct Held {
    asset: String,
    free: Decimal64,
    locked: Decimal64,
}

/// Flattens an account.
#[derive(Clone, Debug)]
pub struct Flatten {
    quote: String,
    keep: BTreeSet<String>,
    /// Beginning of its orders' ids.
    prefix: String,
    step: Step,
    wait_ms: u64,
    rounds: u32,
    sent: u64,
    offset_ms: i64,
    /// By base asset, in the quote.
    symbols: BTreeMap<String, Symbol>,
    /// Why the venue refused to sell an asset.
    refused: BTreeMap<String, String>,
    done: Done,
}

impl Flatten {
    /// Sells into `quote` all assets but those in `keep`. Its orders' ids begin with `prefix`, which no run before had: at most
    /// 24 of `a-zA-Z0-9-_`.
    #[must_use]
    pub fn new(quote: &str, keep: &[String], prefix: &str) -> Self {
        Self {
            quote: quote.to_owned(),
            keep: keep.iter().cloned().collect(),
            prefix: prefix.to_owned(),
            step: Step::Clock,
            wait_ms: 0,
            rounds: 0,
            sent: 0,
            offset_ms: 0,
            symbols: BTreeMap::new(),
            refused: BTreeMap::new(),
            done: Done::default(),
        }
    }

    /// What was done so far.
    #[must_use]
    pub const fn done(&self) -> &Done {
        &self.done
    }

    /// The venue's clock, ms, where the own one says `now_ms`: what requests are signed with.
    #[must_use]
    pub fn venue_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.offset_ms)
    }

    /// What to do next. Each request is to be answered by [`Flatten::on_answer`] or [`Flatten::on_error`].
    pub fn next_step(&mut self) -> Next {
        if self.wait_ms > 0 {
            return Next::Wait { ms: core::mem::take(&mut self.wait_ms) };
        }
        match &self.step {
            Step::Clock => Next::Send(format::server_time(Market::Spot)),
            Step::Symbols => Next::Send(format::exchange_info(Market::Spot)),
            Step::Working => Next::Send(format::open_orders(Market::Spot, None)),
            Step::Balances => Next::Send(format::account(Market::Spot)),
            Step::Cancel(symbols) => match symbols.last() {
                Some(symbol) => Next::Send(format::cancel_open_orders(Market::Spot, symbol)),
                None => self.go_on(Step::Working),
            },
            Step::Sell(sales) => match sales.last().cloned() {
                Some((symbol, quantity)) => self.sell(&symbol, quantity),
                None => self.go_on(Step::Working),
            },
            Step::Done => Next::Done,
            Step::Failed(reason) => Next::Failed(reason.clone()),
        }
    }

    fn go_on(&mut self, step: Step) -> Next {
        self.step = step;
        self.next_step()
    }

    fn sell(&mut self, symbol: &str, quantity: Decimal64) -> Next {
        self.sent += 1;
        let client_order_id = format!("{}-{}", self.prefix, self.sent);
        Next::Send(format::place_order(
            Market::Spot,
            &NewOrder {
                symbol,
                side: Side::Sell,
                order_type: OrderType::Market,
                time_in_force: TimeInForce::Ioc,
                quantity,
                price: Decimal64::ZERO,
                client_order_id: &client_order_id,
                reduce_only: false,
            },
        ))
    }

    /// The answer to the last request, of status 200.
    pub fn on_answer(&mut self, body: &[u8], now_ms: u64) {
        let read = match core::mem::replace(&mut self.step, Step::Done) {
            Step::Clock => self.clock(body, now_ms),
            Step::Symbols => self.read_symbols(body),
            Step::Working => self.working(body),
            Step::Cancel(mut symbols) => {
                if let Some(symbol) = symbols.pop() {
                    let count = order::order_reports(body).map_or(1, |orders| orders.len() as u64);
                    *self.done.cancelled.entry(symbol).or_default() += count;
                }
                Ok(Step::Cancel(symbols))
            }
            Step::Balances => self.balances(body),
            Step::Sell(mut sales) => {
                self.done.sold.extend(sales.pop());
                Ok(Step::Sell(sales))
            }
            step => Ok(step),
        };
        self.step = read.unwrap_or_else(|what| Step::Failed(format!("the venue's answer can't be read: {what}")));
    }

    fn clock(&mut self, body: &[u8], now_ms: u64) -> Result<Step, String> {
        let venue_ns = answers::server_time(body).map_err(|error| error.to_string())?;
        self.offset_ms = (venue_ns / 1_000_000).cast_signed().saturating_sub(now_ms.cast_signed());
        Ok(if self.symbols.is_empty() { Step::Symbols } else { Step::Working })
    }

    fn read_symbols(&mut self, body: &[u8]) -> Result<Step, String> {
        let info = instruments::exchange_info(body).map_err(|error| error.to_string())?;
        let ours = info.symbols.into_iter().filter(|symbol| symbol.quote == self.quote.as_str());
        self.symbols = ours
            .map(|symbol| {
                let most = symbol.max_quantity;
                let trades = symbol.status == SymbolStatus::Trading;
                let name = symbol.symbol.into_owned();
                let known = Symbol { name, lot: symbol.lot, least: symbol.min_quantity, most, trades };
                (symbol.base.into_owned(), known)
            })
            .collect();
        if self.symbols.is_empty() {
            return Ok(Step::Failed(format!("the venue trades nothing in {}: name another quote", self.quote)));
        }
        Ok(Step::Working)
    }

    fn working(&mut self, body: &[u8]) -> Result<Step, String> {
        let orders = order::order_reports(body).map_err(|error| error.to_string())?;
        let symbols: BTreeSet<String> = orders.iter().map(|order| order.symbol.clone().into_owned()).collect();
        if symbols.is_empty() {
            return Ok(Step::Balances);
        }
        Ok(self.another_round(Step::Cancel(symbols.into_iter().collect())))
    }

    fn balances(&mut self, body: &[u8]) -> Result<Step, String> {
        let account: Account = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let (mut sales, mut left, mut locked) = (Vec::new(), Vec::new(), false);
        for held in account.balances {
            if held.asset == self.quote || self.keep.contains(&held.asset) {
                continue;
            }
            // An order that came in between holds it.
            locked |= held.locked.is_positive();
            if !held.free.is_positive() {
                continue;
            }
            match self.saleable(&held) {
                Ok(sale) => sales.push(sale),
                Err((is_dust, why)) => left.push(Left { asset: held.asset, quantity: held.free, is_dust, why }),
            }
        }
        self.done.left = left;
        Ok(match (locked, sales.is_empty()) {
            (true, _) => self.another_round(Step::Working),
            (false, true) => Step::Done,
            (false, false) => self.another_round(Step::Sell(sales)),
        })
    }

    /// The symbol and quantity to sell, or whether it is dust, and why it can't be sold.
    fn saleable(&self, held: &Held) -> Result<(String, Decimal64), (bool, String)> {
        if let Some(why) = self.refused.get(&held.asset) {
            return Err((false, why.clone()));
        }
        let symbol = self.symbols.get(&held.asset);
        let symbol = symbol.ok_or_else(|| (false, format!("it has no market in {}", self.quote)))?;
        if !symbol.trades {
            return Err((false, format!("{} does not trade now", symbol.name)));
        }
        let most = if symbol.most.is_positive() { held.free.min(symbol.most) } else { held.free };
        let quantity = most.round_to_step(symbol.lot, Rounding::Floor).unwrap_or_default();
        if !quantity.is_positive() || quantity < symbol.least {
            return Err((true, "it is less than the venue trades".to_owned()));
        }
        Ok((symbol.name.clone(), quantity))
    }

    fn another_round(&mut self, step: Step) -> Step {
        self.rounds += 1;
        if self.rounds > HASTY_ROUNDS {
            // The market gets time to fill what was taken from it.
            self.wait_ms = self.wait_ms.max(PAUSE_MS);
        }
        if self.rounds > MAX_ROUNDS {
            return Step::Failed(
                "orders or balances come back again and again: is something still trading?".to_owned(),
            );
        }
        step
    }

    /// The last request failed, or was not answered.
    pub fn on_error(&mut self, error: &ApiError, retry_after_s: Option<u64>) {
        let step = core::mem::replace(&mut self.step, Step::Done);
        self.step = match (error.action(retry_after_s), step) {
            (Action::Fatal, _) => Step::Failed(error.to_string()),
            (Action::BackOff { retry_after_s, .. }, step) => {
                self.wait_ms = retry_after_s.max(1).saturating_mul(1_000);
                self.another_round(step)
            }
            (Action::Retry, step) => {
                self.wait_ms = PAUSE_MS;
                self.another_round(step)
            }
            (Action::ResyncClock, _) => self.another_round(Step::Clock),
            // Nothing works there any more.
            (Action::NotFound, Step::Cancel(mut symbols)) => {
                symbols.pop();
                Step::Cancel(symbols)
            }
            (Action::Rejected(_), Step::Sell(mut sales)) => {
                if let Some((symbol, _)) = sales.pop() {
                    let asset = self.symbols.iter().find(|(_, known)| known.name == symbol).map(|(asset, _)| asset);
                    let why = format!("the venue refused: {}", error.text);
                    self.refused.extend(asset.cloned().map(|asset| (asset, why)));
                }
                Step::Sell(sales)
            }
            // What is not known is read again: also whether a sale happened.
            (_, Step::Clock | Step::Symbols) if self.symbols.is_empty() => {
                self.wait_ms = PAUSE_MS;
                self.another_round(Step::Clock)
            }
            (..) => {
                self.wait_ms = PAUSE_MS;
                self.another_round(Step::Working)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    fn at_the_balances() -> Flatten {
        let mut flatten = Flatten::new("USDT", &["BNB".to_owned()], "flat");
        assert!(matches!(flatten.next_step(), Next::Send(request) if request.path == "/api/v3/time"));
        flatten.on_answer(br#"{"serverTime":1500}"#, 1_000);
        assert_eq!(flatten.venue_ms(2_000), 2_500);
        flatten.on_answer(
            br#"{"serverTime":1500,"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",
            "filters":[{"filterType":"LOT_SIZE","minQty":"0.01","maxQty":"5","stepSize":"0.01"}]}]}"#,
            1_000,
        );
        flatten.on_answer(b"[]", 1_000);
        flatten
    }

    const HELD: &[u8] =
        br#"{"balances":[{"asset":"BTC","free":"7.019","locked":"0"},{"asset":"BNB","free":"1","locked":"0"},
        {"asset":"XYZ","free":"3","locked":"0"},{"asset":"USDT","free":"5","locked":"0"}]}"#;

    fn path(flatten: &mut Flatten) -> (&'static str, String) {
        match flatten.next_step() {
            Next::Send(request) => (request.path, request.query.as_str().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_is_sold_in_parts_that_the_venue_takes_and_the_rest_is_told() {
        let mut flatten = at_the_balances();
        flatten.on_answer(HELD, 0);
        let (path_of_sale, query) = path(&mut flatten);
        assert_eq!(path_of_sale, "/api/v3/order");
        assert!(query.contains("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=5.00"), "{query}");
        flatten.on_answer(b"{}", 0);
        assert_eq!(path(&mut flatten).0, "/api/v3/openOrders");
        flatten.on_answer(b"[]", 0);
        flatten.on_answer(br#"{"balances":[{"asset":"BTC","free":"0.009","locked":"0"}]}"#, 0);
        assert_eq!(flatten.next_step(), Next::Done);
        assert_eq!(flatten.done().sold, [("BTCUSDT".to_owned(), d("5.00"))]);
        let left = flatten.done().left.first().expect("dust");
        assert!(left.is_dust && (left.asset.as_str(), left.quantity) == ("BTC", d("0.009")));
    }

    #[test]
    fn a_sale_whose_answer_is_lost_is_not_repeated_blindly() {
        let mut flatten = at_the_balances();
        flatten.on_answer(HELD, 0);
        let first = path(&mut flatten);
        flatten.on_error(&ApiError::no_answer("the connection broke"), None);
        assert!(matches!(flatten.next_step(), Next::Wait { .. }));
        assert_eq!(path(&mut flatten).0, "/api/v3/openOrders");
        flatten.on_answer(b"[]", 0);
        assert_eq!(path(&mut flatten).0, "/api/v3/account");
        flatten.on_answer(HELD, 0);
        assert_ne!(path(&mut flatten), first, "another id: the balances say that the first never was");
    }

    #[test]
    fn orders_that_come_back_are_cancelled_again_but_not_for_ever() {
        let mut flatten = at_the_balances();
        let working = br#"[{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"a","status":"NEW"}]"#;
        flatten.on_answer(br#"{"balances":[{"asset":"BTC","free":"0","locked":"1"}]}"#, 0);
        let mut cancels = 0;
        let reason = loop {
            match flatten.next_step() {
                Next::Wait { ms } => assert_eq!(ms, PAUSE_MS),
                Next::Send(request) => {
                    cancels += u32::from(request.method == format::Method::Delete);
                    flatten.on_answer(working, 0);
                }
                Next::Failed(reason) => break reason,
                Next::Done => panic!("orders still work"),
            }
        };
        assert!(reason.contains("still trading") && cancels == MAX_ROUNDS - 1, "{cancels}: {reason}");
    }

    #[test]
    fn a_key_that_is_refused_ends_it_and_a_refused_sale_does_not() {
        let error = |body: &[u8]| ApiError::parse(400, body);
        let mut flatten = at_the_balances();
        flatten.on_answer(HELD, 0);
        path(&mut flatten);
        flatten.on_error(&error(br#"{"code":-1013,"msg":"Filter failure: NOTIONAL"}"#), None);
        assert_eq!(path(&mut flatten).0, "/api/v3/openOrders");
        flatten.on_answer(b"[]", 0);
        flatten.on_answer(HELD, 0);
        assert_eq!(flatten.next_step(), Next::Done);
        assert!(
            flatten
                .done()
                .left
                .iter()
                .any(|left| left.asset == "BTC" && !left.is_dust && left.why.contains("NOTIONAL"))
        );
        let mut flatten = at_the_balances();
        flatten.on_error(&error(br#"{"code":-1022,"msg":"Signature for this request is not valid."}"#), None);
        assert!(matches!(flatten.next_step(), Next::Failed(_)));
    }
}
