//! The run: the venue's clock and ours over one tape.

use core::fmt;

use mesh_kernel::account::{Account, Overflow, notional};
use mesh_kernel::digest::Digest;
use mesh_kernel::fills::Liquidity;
use mesh_kernel::indicators::market::funding_bp_8h;
use mesh_kernel::{ExitReason, Side};
use mesh_ticks::{Exchange, Kind, Latency, QueueModel, Report, ReportKind, Session, Tape, TickBook};

use super::bars::BarBuilder;
use super::desk::{Desk, Market, TickStrategy, fill_of};
use crate::data::{Funding, Series, TimedBar};
use crate::engine::{RunError, Settings};
use crate::fills::rate_of_bp;
use crate::ledger::{At, Books, Exact, Trade};
use crate::lookahead::LookAhead;
use crate::outcome::{EquityPoint, OpenPosition, Outcome};
use crate::watch::Watch;

const HOUR_NS: f64 = 3_600e9;
/// Without a trade that ends it, a bar ends when another message is so much later.
const GRACE_NS: u64 = 250_000_000;

/// How a run on ticks is made.
#[derive(Clone, Debug)]
pub struct TickSettings {
    /// Costs (fee rates alone: the book is the slippage), sizing, margin, capital, what was held before. Its decimals are the
    /// tape's.
    pub base: Settings,
    /// The symbol, as reports show it.
    pub symbol: String,
    /// Interval of bars, ns.
    pub interval_ns: u64,
    /// Where cancelled quantity stood.
    pub queue: QueueModel,
    /// Of orders and reports.
    pub latency: Latency,
    /// Funding, times rising.
    pub funding: Vec<Funding>,
}

impl TickSettings {
    /// Fee of an order's fill, 1e-8ths: a forced close costs more.
    fn fee_rate(&self, order: u64, liquidity: Liquidity) -> i64 {
        let forced = if order == Report::FORCED_ID { self.base.margin.fee_rate } else { 0 };
        self.base.costs.fee_rate(liquidity).saturating_add(forced)
    }
}

/// What went over the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Orders sent.
    pub orders: u64,
    /// Orders that the venue did not take.
    pub rejected: u64,
    /// Orders that ended with some of it unfilled.
    pub cancelled: u64,
    /// Requests to cancel that came too late.
    pub cancelled_late: u64,
    /// Fills of resting orders.
    pub maker_fills: u64,
    /// Fills of orders that took.
    pub taker_fills: u64,
    /// Trades that were received after their bar had closed.
    pub late_trades: u64,
}

/// What a run on ticks made.
#[derive(Clone, Debug, PartialEq)]
pub struct TickOutcome {
    /// As with bars; equity after every bar.
    pub outcome: Outcome,
    /// The bars that were made of the trades.
    pub series: Series,
    /// Orders and fills.
    pub activity: Activity,
    /// When each bar was decided on, ns here.
    pub decided_ns: Vec<u64>,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, rejected, cancelled, cancelled_late, maker_fills, taker_fills, late_trades } = self;
        write!(
            f,
            "{orders} orders, {rejected} rejected, {cancelled} cancelled, {cancelled_late} cancels too late, \
             {maker_fills} maker fills, {taker_fills} taker fills, {late_trades} trades after their bar"
        )
    }
}

/// Runs a strategy over a tape.
///
/// # Errors
/// Where an amount leaves its range, or a position is held of another symbol.
pub fn run<S: TickStrategy>(tape: &Tape, settings: &TickSettings, strategy: S) -> Result<TickOutcome, RunError> {
    let start_ns = tape.heads().first().map_or(0, |head| head.local_ns);
    let mut run = Run::new(tape, settings, strategy);
    let overflow = |time_ns| move |Overflow| RunError::Overflow { time_ns };
    run.begin(start_ns)?;
    while run.step().map_err(overflow(start_ns))? {}
    let end_ns = tape.heads().last().map_or(0, |head| head.local_ns);
    run.finish(end_ns).map_err(overflow(end_ns))
}

/// Runs over the whole and over `cuts` beginnings of it, each with a strategy made for it; the first decision that differs,
/// if any.
///
/// # Errors
/// As [`run`].
pub fn looks_ahead<S: TickStrategy>(
    tape: &Tape,
    settings: &TickSettings,
    cuts: usize,
    make: impl Fn(&Tape) -> S,
) -> Result<Option<LookAhead>, RunError> {
    let whole = run(tape, settings, make(tape))?;
    for cut in 1..=cuts {
        let Some(head) = tape.heads().get(tape.heads().len() * cut / (cuts + 1)) else { continue };
        // All that was known here until then happened at the venue until then.
        let shorter = tape.until(head.local_ns);
        let part = run(&shorter, settings, make(&shorter))?;
        let known = part.decided_ns.partition_point(|at_ns| *at_ns <= head.local_ns);
        let decisions = |of: &TickOutcome| of.outcome.decisions.first().cloned().unwrap_or_default();
        let (found, expected) = (decisions(&part), decisions(&whole));
        if let Some(bar) = found.iter().zip(&expected).take(known).position(|(a, b)| a != b) {
            return Ok(Some(LookAhead { symbol: settings.symbol.clone(), bar, cut: known }));
        }
    }
    Ok(None)
}

struct Run<'a, S> {
    tape: &'a Tape,
    settings: &'a TickSettings,
    strategy: S,
    session: Session,
    /// The book as received.
    book: TickBook,
    bars: BarBuilder,
    watch: Watch,
    desk: Desk,
    ledger: Ledger<'a>,
    /// Next messages: in the order of the venue, and of receiving.
    at_venue: usize,
    at_desk: usize,
    outcome: Outcome,
    series: Vec<TimedBar>,
    decided_ns: Vec<u64>,
    digest: Digest,
}

/// The true books.
struct Ledger<'a> {
    settings: &'a TickSettings,
    books: Books,
    trades: Vec<Trade>,
    /// The order that closed the last trade, and its price times quantity so far.
    closing: Option<(u64, i128)>,
    activity: Activity,
    mark: i64,
    next_funding: usize,
    funding_bp_8h: Option<f64>,
    error: Option<Overflow>,
}

impl Ledger<'_> {
    fn take(&mut self, report: &Report, desk: &Desk, watch: &Watch, bar: usize) {
        match report.kind {
            ReportKind::Accepted => {}
            ReportKind::Rejected(_) => self.activity.rejected += 1,
            ReportKind::Cancelled { .. } => self.activity.cancelled += 1,
            ReportKind::CancelRejected => self.activity.cancelled_late += 1,
            ReportKind::Filled { .. } => {}
        }
        let Some((lots, ticks, is_maker)) = fill_of(report) else { return };
        let (count, liquidity) = if is_maker {
            (&mut self.activity.maker_fills, Liquidity::Maker)
        } else {
            (&mut self.activity.taker_fills, Liquidity::Taker)
        };
        *count += 1;
        let fee_rate = self.settings.fee_rate(report.id, liquidity);
        let fill = Exact { lots, ticks, fee_rate, at: At { time_ns: report.venue_ns, bar } };
        let is_forced = report.id == Report::FORCED_ID;
        let reason = if is_forced { ExitReason::Liquidation } else { desk.reason(report.id) };
        match self.books.take(0, reason, watch.regime, &fill) {
            Ok(Some(trade)) => self.closed(report.id, trade),
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
    }

    /// What one order closes of one position is one trade, at the average price.
    fn closed(&mut self, order: u64, trade: Trade) {
        let amount = i128::from(trade.exit_price) * i128::from(trade.quantity);
        match (self.closing.as_mut(), self.trades.last_mut()) {
            (Some((id, sum)), Some(last))
                if *id == order && last.entry_ns == trade.entry_ns && last.side == trade.side =>
            {
                *sum += amount;
                last.quantity += trade.quantity;
                last.exit_price = i64::try_from(*sum / i128::from(last.quantity)).unwrap_or(trade.exit_price);
                last.exit_ns = trade.exit_ns;
                last.exit_bar = trade.exit_bar;
                last.pnl += trade.pnl;
                last.fees += trade.fees;
                last.funding += trade.funding;
            }
            _ => {
                self.closing = Some((order, amount));
                self.trades.push(trade);
            }
        }
    }

    /// Whether the venue closes the position now: the middle of the book, as the mark price, has reached its level.
    #[inline]
    fn is_forced(&mut self, book: &TickBook) -> bool {
        let (base, account) = (&self.settings.base, &self.books.account);
        if base.margin.leverage <= 0.0 || account.position == 0 || book.touch().is_none() {
            return false;
        }
        let (scale, side) = (base.decimals.scale(), self.books.side());
        let level = base.margin.level_of(account, scale);
        self.value(book);
        let mark = scale.price(self.mark);
        level > 0.0 && if side == Side::Long { mark <= level } else { mark >= level }
    }

    fn value(&mut self, book: &TickBook) {
        if let Some((bid, ask)) = book.touch() {
            self.mark = bid.price + (ask.price - bid.price) / 2;
        }
    }

    /// Funding that fell due.
    fn settle(&mut self, venue_ns: u64, book: &TickBook, seen: &mut Account) -> Result<(), Overflow> {
        let funding = &self.settings.funding;
        while let Some(due) = funding.get(self.next_funding).filter(|due| due.time_ns <= venue_ns) {
            self.value(book);
            let before = self.next_funding.checked_sub(1).and_then(|i| funding.get(i));
            let hours = before.map_or(8.0, |before| (due.time_ns - before.time_ns) as f64 / HOUR_NS);
            self.funding_bp_8h = Some(funding_bp_8h(due.rate, hours));
            let rate = rate_of_bp(due.rate * 1e4);
            self.books.settle(self.mark, rate)?;
            seen.pay_funding(self.mark, rate)?;
            self.next_funding += 1;
        }
        Ok(())
    }
}

impl<'a, S: TickStrategy> Run<'a, S> {
    fn new(tape: &'a Tape, settings: &'a TickSettings, strategy: S) -> Self {
        let base = &settings.base;
        let capital = base.decimals.scale().money_of(base.capital);
        let window = tape.window();
        let first_ns = tape.heads().first().map_or(0, |head| head.venue_ns);
        let ledger = Ledger {
            settings,
            books: Books { account: Account::new(capital), ..Books::default() },
            trades: Vec::new(),
            closing: None,
            activity: Activity::default(),
            mark: 0,
            // What fell due before the tape begins is not paid.
            next_funding: settings.funding.partition_point(|due| due.time_ns < first_ns),
            funding_bp_8h: None,
            error: None,
        };
        Self {
            tape,
            settings,
            strategy,
            session: Session::new(Exchange::new(settings.queue, window, tape.view()), settings.latency.clone()),
            book: TickBook::new(window),
            bars: BarBuilder::new(settings.interval_ns, *base.decimals.scale()),
            watch: Watch::default(),
            desk: Desk::new(Account::new(capital)),
            ledger,
            at_venue: 0,
            at_desk: 0,
            outcome: Outcome::new(base.decimals, settings.interval_ns),
            series: Vec::new(),
            decided_ns: Vec::new(),
            digest: Digest::new(),
        }
    }

    fn begin(&mut self, start_ns: u64) -> Result<(), RunError> {
        let overflow = |Overflow| RunError::Overflow { time_ns: start_ns };
        let scale = *self.settings.base.decimals.scale();
        for initial in &self.settings.base.initial {
            if initial.symbol != self.settings.symbol {
                return Err(RunError::UnknownSymbol(initial.symbol.clone()));
            }
            let sign = if initial.side == Side::Short { -1.0 } else { 1.0 };
            let lots = self.settings.base.decimals.held_lots(initial.quantity * sign);
            let price = scale.ticks(initial.entry_price);
            self.ledger.books.account.fill(lots, price, 0).map_err(overflow)?;
            self.ledger.books.began = At { time_ns: start_ns, bar: 0 };
            self.ledger.mark = price;
            self.strategy.on_initial(initial.side, initial.entry_price, initial.stop_price);
        }
        self.desk.account = self.ledger.books.account;
        self.session.set_position(self.desk.account.position);
        self.mark_at(start_ns).map_err(overflow)
    }

    /// One thing: a message, a request or a report, whichever is next; false where nothing more comes.
    #[inline]
    fn step(&mut self) -> Result<bool, Overflow> {
        let tape = self.tape;
        let Some(here) = tape.heads().get(self.at_desk) else { return Ok(false) };
        let there = tape.venue_order().get(self.at_venue).and_then(|index| tape.heads().get(*index as usize));
        let (there_ns, request_ns) = (there.map_or(u64::MAX, |head| head.venue_ns), self.session.next_request_ns());
        let (here_ns, report_ns) = (here.local_ns, self.session.next_report_ns());
        let first_ns = there_ns.min(request_ns);
        // At the same ns the venue is first, and there the market: an order meets the book that was shown by then.
        if first_ns <= here_ns.min(report_ns) {
            let Self { session, ledger, desk, watch, series, .. } = self;
            match there {
                Some(head) if there_ns <= request_ns => {
                    ledger.settle(head.venue_ns, session.exchange().book(), &mut desk.account)?;
                    session.apply(tape, head, |report| ledger.take(report, desk, watch, series.len()));
                    if ledger.is_forced(session.exchange().book()) {
                        session.liquidate(head.venue_ns, |report| ledger.take(report, desk, watch, series.len()));
                    }
                    self.at_venue += 1;
                }
                _ => session.deliver(|report| ledger.take(report, desk, watch, series.len())),
            }
            return match self.ledger.error {
                Some(error) => Err(error),
                None => Ok(true),
            };
        }
        if report_ns <= here_ns {
            if let Some((now_ns, report)) = self.session.next_report() {
                self.on_report(&report, now_ns)?;
            }
            return Ok(true);
        }
        self.at_desk += 1;
        self.book.apply(tape, here);
        // Trades come a little after books of the same time; one of the next interval ends the bar at once.
        let grace_ns = if here.kind == Kind::Trade { 0 } else { GRACE_NS };
        let passed_ns = here.venue_ns.saturating_sub(grace_ns);
        while self.bars.end_ns() <= passed_ns {
            let Some(bar) = self.bars.close(passed_ns) else { break };
            self.on_bar(&bar, here_ns)?;
        }
        if here.kind == Kind::Trade
            && let Some(trade) = tape.levels(here).1.first()
        {
            self.bars.trade(here.venue_ns, trade.price, trade.quantity);
        }
        let market = Market { now_ns: here_ns, book: &self.book, funding_bp_8h: self.ledger.funding_bp_8h };
        self.strategy.on_message(here, &market, &mut self.desk);
        if !self.desk.is_idle() {
            self.send(here_ns);
        }
        Ok(true)
    }

    fn send(&mut self, now_ns: u64) {
        for request in self.desk.requests() {
            self.session.send(request, now_ns);
        }
    }

    fn on_report(&mut self, report: &Report, now_ns: u64) -> Result<(), Overflow> {
        if let Some((lots, ticks, is_maker)) = fill_of(report) {
            let liquidity = if is_maker { Liquidity::Maker } else { Liquidity::Taker };
            self.desk.account.fill(lots, ticks, self.settings.fee_rate(report.id, liquidity))?;
        }
        self.strategy.on_report(report, &mut self.desk);
        self.send(now_ns);
        Ok(())
    }

    fn on_bar(&mut self, bar: &TimedBar, now_ns: u64) -> Result<(), Overflow> {
        self.watch.update(&bar.bar);
        self.series.push(*bar);
        self.outcome.count_bar(bar, self.watch.regime);
        let market = Market { now_ns, book: &self.book, funding_bp_8h: self.ledger.funding_bp_8h };
        let digest = self.strategy.on_bar(bar, &market, &mut self.desk);
        self.decided_ns.push(now_ns);
        self.digest = self.digest.u64(digest);
        match self.outcome.decisions.first_mut() {
            Some(decisions) => decisions.push(digest),
            None => self.outcome.decisions.push(vec![digest]),
        }
        self.send(now_ns);
        self.mark_at(bar.open_ns.saturating_add(self.settings.interval_ns))
    }

    fn mark_at(&mut self, time_ns: u64) -> Result<(), Overflow> {
        self.ledger.value(self.session.exchange().book());
        let (account, mark) = (&self.ledger.books.account, self.ledger.mark);
        let gross = notional(mark, account.position)?.saturating_abs();
        self.outcome.equity.push(EquityPoint { time_ns, equity: account.equity(mark)?, gross });
        Ok(())
    }

    fn finish(mut self, end_ns: u64) -> Result<TickOutcome, Overflow> {
        if self.outcome.equity.last().is_none_or(|last| last.time_ns < end_ns) {
            self.mark_at(end_ns)?;
        }
        let (mut outcome, books) = (self.outcome, self.ledger.books);
        outcome.digest = self.digest.finish();
        outcome.cash = books.account.cash;
        outcome.fees = books.account.fees;
        outcome.funding = -books.account.funding;
        outcome.turnover = books.turnover;
        outcome.gates = core::mem::take(&mut self.desk.gates);
        outcome.trades = self.ledger.trades;
        if books.account.position != 0 {
            outcome.open.push(OpenPosition {
                symbol: 0,
                side: books.side(),
                quantity: books.account.position.saturating_abs(),
                entry_price: books.entry_price(),
                entry_ns: books.began.time_ns,
                entry_bar: books.began.bar,
                unrealised: books.account.unrealised(self.ledger.mark)?,
                fees: books.entry_fees,
                funding: books.held_funding,
                stop_price: self.strategy.stop_price(),
            });
        }
        let (orders, late_trades) = (self.desk.orders() as u64, self.bars.late);
        let activity = Activity { orders, late_trades, ..self.ledger.activity };
        let funding = self.settings.funding.clone();
        let series = Series { symbol: self.settings.symbol.clone(), bars: self.series, funding, ..Series::default() };
        Ok(TickOutcome { outcome, series, activity, decided_ns: self.decided_ns })
    }
}
