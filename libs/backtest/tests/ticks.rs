//! Runs on ticks: a scenario by hand, and what must hold whatever the market.

#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use std::cell::RefCell;
use std::rc::Rc;

use mesh_backtest::ticks::desk::fill_of;
use mesh_backtest::ticks::{
    Desk, KernelTrader, Market, Quotes, QuotesParams, TickOutcome, TickSettings, TickStrategy, looks_ahead, run,
};
use mesh_backtest::{
    Decider, Decimals, Fills, Funding, InitialPosition, Kernel, RunError, Settings, Sizing, TimedBar, metrics,
};
use mesh_kernel::account::RATE_ONE;
use mesh_kernel::exits::ExitRules;
use mesh_kernel::fills::Costs;
use mesh_kernel::sizing::Margin;
use mesh_kernel::strategy::momentum::{Momentum, Params};
use mesh_kernel::trader::{TradeRules, Trader, Wish};
use mesh_kernel::{Bar, Context, Decision, ExitReason, Side, Tier};
use mesh_ticks::{Head, Kind, Latency, Level, OrderKind, QueueModel, Report, Tape, TapeBuilder, synthetic};
use mesh_types::{Decimal64, Side as OrderSide};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn settings(decimals: (u32, u32), latency_ns: u64) -> TickSettings {
    let mut base = Settings::new(Decimals::new(decimals.0, decimals.1).unwrap(), 100_000.0);
    base.costs = Costs { taker_fee_rate: 50_000, maker_fee_rate: 20_000, ..Costs::default() };
    base.sizing = Sizing::Quantity(0.05);
    TickSettings {
        base,
        symbol: "X".to_owned(),
        interval_ns: SECOND,
        queue: QueueModel::Conservative,
        latency: Latency::each_way(latency_ns),
        funding: Vec::new(),
    }
}

/// Does what a script says, at the first message from a time on.
#[derive(Default)]
struct Script {
    steps: Vec<(u64, Act)>,
    heard: Rc<RefCell<Vec<(u64, Report)>>>,
}

#[derive(Clone, Copy)]
enum Act {
    Submit(OrderSide, OrderKind, i64, i64),
    Cancel(u64),
}

impl TickStrategy for Script {
    fn on_message(&mut self, _: &Head, market: &Market<'_>, desk: &mut Desk) {
        while let Some((_, act)) = self.steps.first().filter(|(at_ns, _)| *at_ns <= market.now_ns).copied() {
            self.steps.remove(0);
            match act {
                Act::Submit(side, kind, price, quantity) => {
                    desk.submit(side, kind, price, quantity, ExitReason::Signal);
                }
                Act::Cancel(id) => desk.cancel(id),
            }
        }
    }

    fn on_bar(&mut self, _: &TimedBar, _: &Market<'_>, desk: &mut Desk) -> u64 {
        desk.digest()
    }

    fn on_report(&mut self, report: &Report, _: &mut Desk) {
        self.heard.borrow_mut().push((report.venue_ns, *report));
    }
}

const fn whole(mantissa: i64) -> Decimal64 {
    Decimal64 { mantissa, exponent: 0 }
}

/// A market of a few seconds; each message is received 10 ns after it happened.
fn small() -> Tape {
    let mut tape = TapeBuilder::new(0);
    let levels = |of: &[(i64, i64)]| of.iter().map(|(p, q)| Level::new(*p, *q)).collect::<Vec<_>>();
    let at = |ns: u64| (SECOND + ns, SECOND + ns + 10);
    let book = |tape: &mut TapeBuilder, kind, ns, bids: &[(i64, i64)], asks: &[(i64, i64)]| {
        tape.book(kind, at(ns), Default::default(), levels(bids), levels(asks)).unwrap();
    };
    book(&mut tape, Kind::Snapshot, 0, &[(100, 10), (99, 20)], &[(102, 4), (103, 6)]);
    tape.trade(at(100), whole(100), whole(3), false).unwrap();
    tape.trade(at(200), whole(100), whole(9), false).unwrap();
    book(&mut tape, Kind::Delta, 300, &[(100, 2)], &[]);
    tape.trade(at(400), whole(99), whole(1), false).unwrap();
    book(&mut tape, Kind::Delta, 500, &[(101, 8)], &[(102, 5)]);
    book(&mut tape, Kind::Delta, SECOND, &[(101, 8)], &[]);
    tape.trade(at(SECOND + 600_000_000), whole(101), whole(1), false).unwrap();
    tape.finish(0).unwrap()
}

/// By hand: 7 to buy at 100 arrive at +60 behind 10. At +100 3 trade, 7 are ahead; at +200 9 trade: 7 go ahead, 2 are ours. The
/// level then shows 2; at +400 one trades below: it is ours. 4 are cancelled. A market order sells 3 at 101.
#[test]
fn a_scenario_by_hand() {
    let heard = Rc::default();
    let steps = vec![
        (SECOND, Act::Submit(OrderSide::Buy, OrderKind::Limit, 100, 7)),
        (SECOND + 410, Act::Cancel(0)),
        (SECOND + 510, Act::Submit(OrderSide::Sell, OrderKind::Market, 0, 3)),
    ];
    let script = Script { steps, heard: Rc::clone(&heard) };
    let made = run(&small(), &settings((0, 0), 50), script).unwrap();
    // Sent at +10, at the venue at +60.
    let said: Vec<(u64, String)> =
        heard.borrow().iter().map(|(at, r)| (at - SECOND, format!("{:?}", r.kind))).collect();
    let expected = [
        (60, "Accepted"),
        (200, "Filled { price: 100, quantity: 2, left: 5, is_maker: true }"),
        (400, "Filled { price: 100, quantity: 1, left: 4, is_maker: true }"),
        (460, "Cancelled { left: 4, reason: Asked }"),
        (560, "Accepted"),
        (560, "Filled { price: 101, quantity: 3, left: 0, is_maker: false }"),
    ];
    assert_eq!(said, expected.map(|(at, text)| (at, text.to_owned())));
    let one = i128::from(RATE_ONE);
    // Bought 3 at 100 with 2 bp, sold at 101 with 5 bp.
    let fees = 3 * 100 * 20_000 + 3 * 101 * 50_000;
    let trade = made.outcome.trades[0];
    assert_eq!((trade.quantity, trade.entry_price, trade.exit_price, trade.pnl), (3, 100, 101, 3 * one - fees));
    assert_eq!((trade.entry_ns, trade.exit_ns), (SECOND + 200, SECOND + 560));
    assert_eq!((made.outcome.cash, made.outcome.fees), (100_000 * one + 3 * one - fees, fees));
    assert_eq!((made.activity.maker_fills, made.activity.taker_fills, made.activity.orders), (2, 1, 2));
    let bar = Bar { open: 100.0, high: 100.0, low: 99.0, close: 99.0, volume: 13.0 };
    assert_eq!(made.series.bars, [TimedBar { open_ns: SECOND, bar }]);
}

/// Later is worse or equal here: what takes longer finds the level gone.
#[test]
fn latency_decides_what_is_still_there() {
    let price = |latency_ns| {
        let steps = vec![(SECOND + 10, Act::Submit(OrderSide::Sell, OrderKind::Market, 0, 6))];
        let heard: Rc<RefCell<Vec<(u64, Report)>>> = Rc::default();
        run(&small(), &settings((0, 0), latency_ns), Script { steps, heard: Rc::clone(&heard) }).unwrap();
        let fills: Vec<(i64, i64)> =
            heard.borrow().iter().filter_map(|(_, r)| fill_of(r)).map(|(l, p, _)| (l, p)).collect();
        fills
    };
    assert_eq!(price(5), [(-6, 100)]);
    assert_eq!(price(300), [(-2, 100), (-4, 99)], "2 are left of 10");
    assert_eq!(price(500), [(-6, 101)], "a better bid has come");
}

#[test]
fn funding_and_what_was_held_before() {
    let mut settings = settings((0, 0), 0);
    settings.funding = vec![Funding { time_ns: 1, rate: 0.5 }, Funding { time_ns: SECOND + 450, rate: 0.01 }];
    settings.base.initial = vec![InitialPosition {
        symbol: "X".into(),
        side: Side::Long,
        quantity: 5.0,
        entry_price: 90.0,
        stop_price: 0.0,
    }];
    let made = run(&small(), &settings, Script::default()).unwrap();
    // Only what fell due during the tape, on 5 at the middle of 100 and 102.
    assert_eq!(made.outcome.funding, -5 * 101 * 1_000_000);
    assert_eq!((made.outcome.open[0].quantity, made.outcome.open[0].entry_price), (5, 90));
    settings.base.initial[0].symbol = "Y".into();
    assert_eq!(run(&small(), &settings, Script::default()), Err(RunError::UnknownSymbol("Y".into())));
}

fn quotes(tape: &Tape, settings: &TickSettings) -> TickOutcome {
    let params =
        QuotesParams { half_spread_bp: 0.0, skew_bp: 0.01, quantity: 0.05, position_max: 4.0, requote_ms: 50.0 };
    run(tape, settings, Quotes::new(params, 50)).unwrap()
}

/// Books of its own, from the reports alone.
struct Auditor<S> {
    inner: S,
    /// Position, what it cost, fees.
    found: Rc<RefCell<(i128, i128, i128)>>,
}

impl<S: TickStrategy> TickStrategy for Auditor<S> {
    fn on_message(&mut self, message: &Head, market: &Market<'_>, desk: &mut Desk) {
        self.inner.on_message(message, market, desk);
    }

    fn on_bar(&mut self, bar: &TimedBar, market: &Market<'_>, desk: &mut Desk) -> u64 {
        self.inner.on_bar(bar, market, desk)
    }

    fn on_report(&mut self, report: &Report, desk: &mut Desk) {
        if let Some((lots, price, is_maker)) = fill_of(report) {
            let (lots, price) = (i128::from(lots), i128::from(price));
            let (position, paid, fees) = *self.found.borrow();
            let rate = if is_maker { 20_000 } else { 50_000 };
            *self.found.borrow_mut() = (position + lots, paid + lots * price, fees + (lots * price).abs() * rate);
        }
        self.inner.on_report(report, desk);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The run's money is that of plain sums over its fills, to the last unit; equity is always a number; the same again is
    /// the same.
    #[test]
    fn money_adds_up_whatever_the_market(seed: u64, latency_us in 0u64..20_000, proportional: bool) {
        let tape = synthetic::tape(seed, 2_000).unwrap();
        let mut settings = settings((1, 3), latency_us * 1_000);
        settings.queue = if proportional { QueueModel::Proportional } else { QueueModel::Conservative };
        let found = Rc::default();
        let params = QuotesParams { half_spread_bp: 0.0, skew_bp: 0.01, quantity: 0.05, position_max: 4.0, requote_ms: 50.0 };
        let audited = Auditor { inner: Quotes::new(params, 50), found: Rc::clone(&found) };
        let made = run(&tape, &settings, audited).unwrap();
        prop_assert_eq!(&made, &quotes(&tape, &settings));
        let (outcome, one) = (&made.outcome, i128::from(RATE_ONE));
        let (position, paid, fees) = *found.borrow();
        let lots = outcome.open.first().map_or(0, |open| if open.side == Side::Long { open.quantity } else { -open.quantity });
        // The last report may still be on its way.
        if i128::from(lots) == position {
            prop_assert_eq!(outcome.fees, fees);
            let mark_value: i128 = outcome.equity.last().unwrap().equity - (settings.base.decimals.scale().money_of(100_000.0) - paid * one - fees);
            prop_assert_eq!(mark_value % one, 0);
            prop_assert!(position != 0 || mark_value == 0);
        }
        let closed: i128 = outcome.trades.iter().map(|trade| trade.pnl + trade.fees).sum();
        let start = settings.base.decimals.scale().money_of(100_000.0);
        prop_assert_eq!(outcome.cash, start + closed - outcome.fees);
        prop_assert!(metrics(outcome).max_drawdown.is_some_and(f64::is_finite));
    }
}

/// What the kernel decides on ticks is what it decides on the bars that the ticks make.
#[test]
fn decisions_are_the_kernels() {
    struct Recorded {
        inner: Kernel<Momentum>,
        seen: Rc<RefCell<Vec<(Bar, Context, u64)>>>,
    }
    impl Decider for Recorded {
        fn on_bar(&mut self, bar: &Bar, context: &Context) -> Decision {
            let decision = self.inner.on_bar(bar, context);
            self.seen.borrow_mut().push((*bar, *context, decision.digest));
            decision
        }
        fn trader(&mut self) -> &mut Trader {
            self.inner.trader()
        }
        fn rules(&self) -> &TradeRules {
            self.inner.rules()
        }
    }
    let params = Params::from_values(&[3.0, 8.0]).unwrap();
    let (tape, settings) = (synthetic::tape(3, 60_000).unwrap(), settings((1, 3), 1_000_000));
    let seen = Rc::default();
    let recorded = Recorded { inner: Kernel::new(&params), seen: Rc::clone(&seen) };
    let made = run(&tape, &settings, KernelTrader::new(recorded, &settings.base)).unwrap();
    let seen = seen.borrow();
    assert!(seen.len() > 300 && made.outcome.trades.len() > 5, "{} {}", seen.len(), made.outcome.trades.len());
    assert!(seen.iter().all(|(_, context, _)| context.spread_bp.is_some() && context.book_imbalance.is_some()));
    let mut kernel = Kernel::<Momentum>::new(&params);
    for (index, (bar, context, digest)) in seen.iter().enumerate() {
        assert_eq!(made.series.bars[index].bar, *bar);
        assert_eq!(kernel.on_bar(bar, context).digest, *digest, "bar {index}");
    }
    assert_eq!(made.outcome.decisions[0], seen.iter().map(|(_, _, digest)| *digest).collect::<Vec<_>>());
    let make = |_: &Tape| KernelTrader::new(Kernel::<Momentum>::new(&params), &settings.base);
    assert_eq!(looks_ahead(&tape, &settings, 5, make), Ok(None));
}

/// Enters with the first bar and holds by rules; nothing else speaks.
struct Holds {
    trader: Trader,
    rules: TradeRules,
    begun: bool,
}

impl Decider for Holds {
    fn on_bar(&mut self, bar: &Bar, _: &Context) -> Decision {
        let enter = if self.begun { Side::Flat } else { Side::Long };
        self.begun = true;
        let wish = Wish { enter, tier: Tier::Low, ..Wish::default() };
        self.trader.on_bar(&self.rules, bar, 1.0, &wish)
    }
    fn trader(&mut self) -> &mut Trader {
        &mut self.trader
    }
    fn rules(&self) -> &TradeRules {
        &self.rules
    }
}

/// 4 are bought at 102 with a stop at 98, a partial end of one half at 104 and a target at 106, all at the venue from +260 of
/// the second second on; then `more` happens. What ended: after how many ns, lots, price, why.
fn with_resting_levels(more: &[(u64, Said)]) -> Vec<(u64, i64, i64, ExitReason)> {
    let mut tape = TapeBuilder::new(0);
    let start = [
        (0, Said::Book(Kind::Snapshot, &[(100, 10)], &[(102, 10), (104, 3), (106, 5)])),
        (100, Said::Trade(101, 1, true)),
        (SECOND + 100, Said::Trade(101, 1, true)),
    ];
    for (ns, said) in start.iter().chain(more) {
        let at = (SECOND + ns, SECOND + ns + 10);
        let levels = |of: &[(i64, i64)]| of.iter().map(|(p, q)| Level::new(*p, *q)).collect::<Vec<_>>();
        match said {
            Said::Book(kind, bids, asks) => {
                tape.book(*kind, at, Default::default(), levels(bids), levels(asks)).unwrap();
            }
            Said::Trade(price, quantity, buys) => tape.trade(at, whole(*price), whole(*quantity), *buys).unwrap(),
        }
    }
    let mut settings = settings((0, 0), 50);
    settings.base.sizing = Sizing::Quantity(4.0);
    settings.base.fills = Fills::INTRABAR;
    let exits =
        ExitRules { stop_atr: 3.0, target_atr: 5.0, partial_atr: 3.0, partial_fraction: 0.5, ..ExitRules::default() };
    let rules = TradeRules { exits, ..TradeRules::default() };
    let holds = Holds { trader: Trader::default(), rules, begun: false };
    let made = run(&tape.finish(0).unwrap(), &settings, KernelTrader::new(holds, &settings.base)).unwrap();
    assert_eq!(made.outcome.open, []);
    let trades = made.outcome.trades.iter();
    trades.map(|trade| (trade.exit_ns - SECOND, trade.quantity, trade.exit_price, trade.reason)).collect()
}

#[derive(Clone, Copy)]
enum Said {
    Book(Kind, &'static [(i64, i64)], &'static [(i64, i64)]),
    Trade(i64, i64, bool),
}

/// 4 trade at 104: 3 stood ahead, one is ours. The book falls, a trade at 97 starts the stop: 3 are left of it by then.
#[test]
fn a_stop_at_the_venue_is_started_by_a_trade() {
    let ended = with_resting_levels(&[
        (SECOND + 300, Said::Trade(104, 4, true)),
        (SECOND + 450, Said::Book(Kind::Delta, &[(100, 0), (97, 10)], &[])),
        (SECOND + 500, Said::Trade(97, 1, false)),
        (2 * SECOND + 100, Said::Trade(97, 1, false)),
        (3 * SECOND + 100, Said::Trade(107, 1, true)),
    ]);
    assert_eq!(ended, [(SECOND + 300, 1, 104, ExitReason::Partial), (SECOND + 500, 3, 97, ExitReason::Stop)]);
}

/// What the queue leaves of a level that was touched goes to the market when the bar closes.
#[test]
fn what_a_queue_leaves_of_a_target_goes_to_the_market() {
    let ended = with_resting_levels(&[
        (SECOND + 300, Said::Trade(104, 4, true)),
        (2 * SECOND + 100, Said::Trade(103, 1, true)),
        (2 * SECOND + 300, Said::Trade(106, 6, true)),
        (3 * SECOND + 100, Said::Trade(105, 1, true)),
        (4 * SECOND + 100, Said::Trade(105, 1, true)),
    ]);
    let expected = [
        (SECOND + 300, 1, 104, ExitReason::Partial),
        (2 * SECOND + 160, 1, 100, ExitReason::Partial),
        (2 * SECOND + 300, 1, 106, ExitReason::Target),
        (3 * SECOND + 160, 1, 100, ExitReason::Target),
    ];
    assert_eq!(ended, expected);
}

/// A book that reaches a target fills it without a trade: no bar shows it, and the strategy is told.
#[test]
fn a_strategy_is_told_what_its_bars_do_not_show() {
    let ended = with_resting_levels(&[
        (SECOND + 300, Said::Book(Kind::Delta, &[(107, 9)], &[(102, 0), (104, 0), (106, 0)])),
        (2 * SECOND + 100, Said::Trade(101, 1, true)),
        (3 * SECOND + 100, Said::Trade(97, 1, false)),
        (4 * SECOND + 100, Said::Trade(97, 1, false)),
    ]);
    assert_eq!(ended, [(SECOND + 300, 2, 104, ExitReason::Partial), (SECOND + 300, 2, 106, ExitReason::Target)]);
}

/// Buys where the tape will end higher.
struct Cheat(i64);

impl TickStrategy for Cheat {
    fn on_bar(&mut self, _: &TimedBar, market: &Market<'_>, desk: &mut Desk) -> u64 {
        let now = market.book.touch().map_or(0, |(bid, _)| bid.price);
        let side = if self.0 > now { OrderSide::Buy } else { OrderSide::Sell };
        desk.submit(side, OrderKind::Market, 0, 1, ExitReason::None);
        desk.digest()
    }
}

#[test]
fn the_cheat_is_found() {
    let (tape, settings) = (synthetic::tape(11, 20_000).unwrap(), settings((1, 3), 1_000));
    let cheat = |tape: &Tape| {
        let last = tape.heads().iter().rev().find(|head| head.kind == Kind::Trade).unwrap();
        Cheat(tape.levels(last).1[0].price)
    };
    assert!(looks_ahead(&tape, &settings, 7, cheat).unwrap().is_some());
}

/// Shorter queues and shorter ways can only give the maker more to do here; neither model nor latency breaks its limit.
#[test]
fn a_maker_keeps_its_limit() {
    let tape = synthetic::tape(5, 30_000).unwrap();
    let fills = |queue, latency_ns| {
        let made = quotes(&tape, &TickSettings { queue, ..settings((1, 3), latency_ns) });
        assert!(made.outcome.open.iter().all(|open| open.quantity <= 50 * 5), "{:?}", made.outcome.open);
        assert_eq!(made.activity.taker_fills, 0);
        made.activity.maker_fills
    };
    let careful = fills(QueueModel::Conservative, 1_000_000);
    assert!(careful > 50 && fills(QueueModel::Proportional, 1_000_000) >= careful);
}

/// 4 are bought at 102 on a leverage of 10: their margin is gone where the middle is at 92. The venue takes back what rests and
/// sells into the book: 3 at 91, the last at 90 when there is a bid again.
#[test]
fn a_position_without_margin_is_closed_by_force_on_ticks() {
    let mut tape = TapeBuilder::new(0);
    let levels = |of: &[(i64, i64)]| of.iter().map(|(p, q)| Level::new(*p, *q)).collect::<Vec<_>>();
    let at = |ns: u64| (SECOND + ns, SECOND + ns + 10);
    let mut book = |kind, ns, bids: &[(i64, i64)], asks: &[(i64, i64)]| {
        tape.book(kind, at(ns), Default::default(), levels(bids), levels(asks)).unwrap();
    };
    book(Kind::Snapshot, 0, &[(100, 10)], &[(102, 10)]);
    book(Kind::Delta, 400, &[(100, 0), (93, 3)], &[(94, 5)]);
    book(Kind::Delta, 500, &[(93, 0), (91, 3)], &[(92, 5)]);
    book(Kind::Delta, 600, &[(90, 5)], &[]);
    book(Kind::Delta, 700, &[(89, 5)], &[]);
    let tape = tape.finish(0).unwrap();
    let ran = |leverage: f64| {
        let heard = Rc::default();
        let steps = vec![
            (SECOND, Act::Submit(OrderSide::Buy, OrderKind::Market, 0, 4)),
            (SECOND, Act::Submit(OrderSide::Buy, OrderKind::Limit, 80, 2)),
            (SECOND, Act::Submit(OrderSide::Sell, OrderKind::Stop, 70, 4)),
        ];
        let mut settings = settings((0, 0), 50);
        settings.base.margin = Margin { leverage, maintenance_rate: 0.005, fee_rate: 100_000 };
        let made = run(&tape, &settings, Script { steps, heard: Rc::clone(&heard) }).unwrap();
        let of = |(at, report): &(u64, Report)| (at - SECOND, report.id, format!("{:?}", report.kind));
        let said: Vec<_> = heard.borrow().iter().filter(|(at, _)| *at > SECOND + 60).map(of).collect();
        (made.outcome, said)
    };
    let (outcome, said) = ran(10.0);
    let forced = Report::FORCED_ID;
    let expected = [
        (500, 1, "Cancelled { left: 2, reason: Liquidated }"),
        (500, 2, "Cancelled { left: 4, reason: Liquidated }"),
        (500, forced, "Filled { price: 91, quantity: 3, left: 1, is_maker: false }"),
        (500, forced, "Cancelled { left: 1, reason: NoLiquidity }"),
        (600, forced, "Filled { price: 90, quantity: 1, left: 0, is_maker: false }"),
    ];
    assert_eq!(said, expected.map(|(at, id, text)| (at, id, text.to_owned())));
    let (trade, one) = (outcome.trades[0], i128::from(RATE_ONE));
    let fees = 4 * 102 * 50_000 + (3 * 91 + 90) * 150_000;
    assert_eq!((outcome.trades.len(), trade.quantity, trade.reason), (1, 4, ExitReason::Liquidation));
    assert_eq!((trade.exit_ns, trade.pnl), (SECOND + 600, (3 * 91 + 90 - 4 * 102) * one - fees));
    assert_eq!((outcome.cash, outcome.open.len()), (100_000 * one + trade.pnl, 0));
    // Without a margin, and with one that suffices, nothing is closed.
    assert_eq!((ran(0.0).1, ran(2.0).1), (vec![], vec![]));
}

/// A strategy whose positions are closed by force goes on, and its books are those of its trades.
#[test]
fn a_strategy_goes_on_after_a_forced_close() {
    let params = Params::from_values(&[3.0, 8.0]).unwrap();
    let tape = synthetic::tape(3, 60_000).unwrap();
    let mut settings = settings((1, 3), 1_000_000);
    // Gone with a move of ten ticks.
    settings.base.margin = Margin { leverage: 60_000.0, maintenance_rate: 0.0, fee_rate: 0 };
    for fills in [Fills::NEXT_OPEN, Fills::INTRABAR] {
        settings.base.fills = fills;
        let trader = KernelTrader::new(Kernel::<Momentum>::new(&params), &settings.base);
        let outcome = run(&tape, &settings, trader).unwrap().outcome;
        let forced = |trade: &&mesh_backtest::Trade| trade.reason == ExitReason::Liquidation;
        let count = outcome.trades.iter().filter(forced).count();
        assert!(count > 3 && count < outcome.trades.len(), "{count} of {}", outcome.trades.len());
        let first = outcome.trades.iter().position(|trade| forced(&trade)).unwrap();
        assert!(outcome.trades[first..].iter().any(|trade| !forced(&trade)), "it goes on");
        let closed: i128 = outcome.trades.iter().map(|trade| trade.pnl + trade.fees).sum();
        assert_eq!(outcome.cash, settings.base.decimals.scale().money_of(100_000.0) + closed - outcome.fees);
    }
}
