//! The venue's rules, one by one, and properties over random markets.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use std::collections::BTreeMap;

use mesh_book::Exponents;
use mesh_ticks::{
    CancelReason, Exchange, Kind, Latency, Level, Order, OrderKind, QueueModel, RejectReason, Report, ReportKind,
    Request, Session, Tape, TapeBuilder,
};
use mesh_types::{Decimal64, Side};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Said {
    Snapshot(Vec<(i64, i64)>, Vec<(i64, i64)>),
    Delta(Vec<(i64, i64)>, Vec<(i64, i64)>),
    /// Price, quantity, the taker bought.
    Trade(i64, i64, bool),
    Unknown,
}
use Said::{Delta, Snapshot, Trade, Unknown};

fn tape(said: &[Said], view: u32) -> Tape {
    let mut builder = TapeBuilder::new(view);
    let levels =
        |of: &[(i64, i64)]| of.iter().map(|(price, quantity)| Level::new(*price, *quantity)).collect::<Vec<_>>();
    let decimal = |mantissa| Decimal64 { mantissa, exponent: 0 };
    for (at, said) in (1u64..).zip(said) {
        let times = (at * 10, at * 10);
        match said {
            Snapshot(bids, asks) => {
                builder.book(Kind::Snapshot, times, Exponents::default(), levels(bids), levels(asks)).unwrap();
            }
            Delta(bids, asks) => {
                builder.book(Kind::Delta, times, Exponents::default(), levels(bids), levels(asks)).unwrap();
            }
            Trade(price, quantity, buys) => builder.trade(times, decimal(*price), decimal(*quantity), *buys).unwrap(),
            Unknown => builder.unknown(times).unwrap(),
        }
    }
    builder.finish(0).unwrap()
}

/// A venue that is told messages one by one.
struct Venue {
    exchange: Exchange,
    tape: Tape,
    next: usize,
}

impl Venue {
    fn new(model: QueueModel, said: &[Said]) -> Self {
        let tape = tape(said, 0);
        Self { exchange: Exchange::new(model, 64, 0), tape, next: 0 }
    }

    /// The next message, and what it did.
    fn next(&mut self) -> Vec<ReportKind> {
        let head = self.tape.heads()[self.next];
        self.next += 1;
        self.exchange.apply(&self.tape, &head);
        self.kinds()
    }

    fn kinds(&mut self) -> Vec<ReportKind> {
        self.exchange.take_reports().map(|report| report.kind).collect()
    }

    fn submit(&mut self, id: u64, side: Side, kind: OrderKind, price: i64, quantity: i64) -> Vec<ReportKind> {
        self.exchange.submit(&Order { id, side, kind, price, quantity, reduce_only: false }, 0);
        self.kinds()
    }

    fn reduce(&mut self, id: u64, side: Side, kind: OrderKind, price: i64, quantity: i64) -> Vec<ReportKind> {
        self.exchange.submit(&Order { id, side, kind, price, quantity, reduce_only: true }, 0);
        self.kinds()
    }
}

const fn taken(price: i64, quantity: i64, left: i64) -> ReportKind {
    ReportKind::Filled { price, quantity, left, is_maker: false }
}

const fn made(price: i64, quantity: i64, left: i64) -> ReportKind {
    ReportKind::Filled { price, quantity, left, is_maker: true }
}

const fn ended(left: i64, reason: CancelReason) -> ReportKind {
    ReportKind::Cancelled { left, reason }
}

fn book() -> Said {
    Snapshot(vec![(100, 10), (99, 20)], vec![(101, 5), (102, 7), (105, 50)])
}

use OrderKind::{FillOrKill, ImmediateOrCancel, Limit, Market, PostOnly, Stop};
use ReportKind::{Accepted, CancelRejected, Rejected};
use Side::{Buy, Sell};

#[test]
fn a_taker_walks_the_book_and_takes_each_level_once() {
    let mut venue = Venue::new(QueueModel::Conservative, &[book(), Delta(vec![], vec![(102, 7)])]);
    venue.next();
    assert_eq!(venue.submit(1, Buy, Market, 0, 8), [Accepted, taken(101, 5, 3), taken(102, 3, 0)]);
    assert_eq!(venue.submit(2, Buy, Limit, 102, 9), [Accepted, taken(102, 4, 5)], "what is left there, then it rests");
    assert_eq!(venue.exchange.resting(Buy)[0].left, 5);
    assert_eq!(venue.next(), [made(102, 5, 0)], "the level is shown anew, and the book reaches the order");
    assert_eq!(
        venue.submit(3, Buy, Market, 0, 90),
        [Accepted, taken(102, 2, 88), taken(105, 50, 38), ended(38, CancelReason::NoLiquidity)]
    );
}

#[test]
fn each_kind_of_order_keeps_its_word() {
    let mut venue = Venue::new(QueueModel::Conservative, &[book()]);
    assert_eq!(venue.submit(1, Buy, Market, 0, 1), [Accepted, ended(1, CancelReason::NoLiquidity)], "no book yet");
    venue.next();
    assert_eq!(venue.submit(2, Buy, PostOnly, 101, 1), [Rejected(RejectReason::WouldTake)]);
    assert_eq!(venue.submit(3, Buy, PostOnly, 100, 1), [Accepted]);
    assert_eq!(venue.submit(3, Buy, PostOnly, 99, 1), [Rejected(RejectReason::RepeatedId)]);
    let (none, left) = (CancelReason::NoLiquidity, 1);
    assert_eq!(venue.submit(4, Buy, ImmediateOrCancel, 101, 6), [Accepted, taken(101, 5, 1), ended(left, none)]);
    assert_eq!(venue.submit(5, Buy, FillOrKill, 102, 8), [Accepted, ended(8, none)]);
    assert_eq!(venue.submit(6, Buy, FillOrKill, 102, 7), [Accepted, taken(102, 7, 0)]);
    assert_eq!(
        venue.submit(7, Sell, Limit, 100, 4),
        [Accepted, ended(4, CancelReason::SelfTrade)],
        "order 3 rests there"
    );
    for (price, quantity) in [(0, 1), (100, 0), (-5, 1), (100, -1)] {
        assert_eq!(venue.submit(8, Buy, Limit, price, quantity), [Rejected(RejectReason::Invalid)]);
    }
    venue.exchange.cancel(3, 0);
    venue.exchange.cancel(3, 0);
    assert_eq!(venue.kinds(), [ended(1, CancelReason::Asked), CancelRejected]);
}

#[test]
fn a_resting_order_waits_for_its_turn() {
    let said = [book(), Trade(100, 6, false), Trade(100, 7, false), Trade(100, 50, true), Trade(99, 2, false)];
    let mut venue = Venue::new(QueueModel::Conservative, &said);
    venue.next();
    assert_eq!(venue.submit(1, Buy, Limit, 100, 9), [Accepted]);
    assert_eq!(venue.submit(2, Buy, Limit, 100, 9), [Accepted]);
    assert_eq!(venue.next(), [], "4 of 10 are still ahead");
    assert_eq!(venue.next(), [made(100, 3, 6)], "to the first of the two alone");
    assert_eq!(venue.next(), [], "a buyer's trade is not ours");
    assert_eq!(venue.next(), [made(100, 2, 4)], "traded through: no more than it traded");
}

#[test]
fn the_model_says_how_cancellations_move_the_queue() {
    let said = [book(), Delta(vec![(100, 15)], vec![]), Delta(vec![(100, 6)], vec![]), Trade(100, 7, false)];
    let fills = |model| {
        let mut venue = Venue::new(model, &said);
        venue.next();
        venue.submit(1, Buy, Limit, 100, 9);
        (0..3).flat_map(|_| venue.next()).collect::<Vec<_>>()
    };
    // 9 of 15 are cancelled, 10 stood ahead: the level has room for 6 of them, or 4 are left in proportion.
    assert_eq!(fills(QueueModel::Conservative), [made(100, 1, 8)]);
    assert_eq!(fills(QueueModel::Proportional), [made(100, 3, 6)]);
}

#[test]
fn a_stop_waits_for_a_trade_and_takes_what_the_book_shows_then() {
    let said = [book(), Trade(101, 1, true), Delta(vec![(100, 2)], vec![]), Trade(99, 1, false), Trade(90, 1, false)];
    let mut venue = Venue::new(QueueModel::Conservative, &said);
    venue.next();
    // Beyond its price already where it arrives: only a trade starts it.
    assert_eq!(venue.submit(1, Sell, Stop, 99, 5), [Accepted]);
    assert_eq!(venue.submit(2, Buy, Stop, 101, 6), [Accepted]);
    assert_eq!(venue.submit(3, Sell, Stop, 99, 1), [Accepted]);
    assert_eq!(venue.submit(2, Buy, Stop, 101, 6), [Rejected(RejectReason::RepeatedId)]);
    assert_eq!(venue.submit(4, Sell, Stop, 0, 1), [Rejected(RejectReason::Invalid)]);
    assert_eq!(venue.next(), [taken(101, 5, 1), taken(102, 1, 0)]);
    assert_eq!(venue.next(), [], "a book alone starts none");
    venue.exchange.cancel(3, 0);
    assert_eq!(venue.kinds(), [ended(1, CancelReason::Asked)]);
    assert_eq!(venue.next(), [taken(100, 2, 3), taken(99, 3, 0)]);
    assert_eq!(venue.next(), [], "each once");
}

#[test]
fn what_may_only_reduce_never_turns_a_position() {
    let said = [book(), Trade(102, 8, true), Delta(vec![], vec![(101, 5), (102, 7)]), Trade(103, 9, true)];
    let mut venue = Venue::new(QueueModel::Conservative, &said);
    venue.next();
    assert_eq!(venue.reduce(1, Sell, Market, 0, 3), [Rejected(RejectReason::ReduceOnly)], "nothing is held");
    venue.submit(2, Buy, Market, 0, 5);
    assert_eq!(venue.reduce(3, Buy, Limit, 99, 1), [Rejected(RejectReason::ReduceOnly)], "it would add");
    for (id, kind, price) in [(4, Limit, 102), (5, Limit, 105), (6, Stop, 99)] {
        assert_eq!(venue.reduce(id, Sell, kind, price, 5), [Accepted]);
    }
    // 7 of 8 stood ahead: one is ours.
    assert_eq!(venue.next(), [made(102, 1, 4)]);
    let gone = |left| ended(left, CancelReason::ReduceOnly);
    let sold = [Accepted, taken(100, 4, 3), gone(3), gone(4), gone(5), gone(5)];
    assert_eq!(venue.reduce(7, Sell, Market, 0, 7), sold, "4 are left to sell, and then nothing for the others");
    venue.next();
    assert_eq!(venue.next(), []);
}

#[test]
fn the_book_that_reaches_an_order_fills_it_at_its_own_price() {
    let said = [book(), Delta(vec![(100, 0), (99, 0)], vec![(98, 3), (99, 4)])];
    let mut venue = Venue::new(QueueModel::Conservative, &said);
    venue.next();
    venue.submit(1, Buy, Limit, 99, 5);
    venue.submit(2, Buy, Limit, 100, 4);
    assert_eq!(venue.next(), [made(100, 3, 1), made(100, 1, 0), made(99, 3, 2)], "the better price first, 7 in all");
    assert_eq!(venue.exchange.book().best(Sell), Some(Level::new(101, 5)), "and what it held there is taken");
}

#[test]
fn what_the_book_does_not_tell_is_no_place_at_the_front() {
    // Below all levels: trades there are not ours until the price went through.
    let said = [book(), Trade(90, 5, false), Delta(vec![(90, 8)], vec![]), Trade(90, 9, false)];
    let mut venue = Venue::new(QueueModel::Conservative, &said);
    venue.next();
    venue.submit(1, Buy, Limit, 90, 3);
    assert_eq!(venue.next(), []);
    assert_eq!(venue.next(), []);
    assert_eq!(venue.next(), [made(90, 1, 2)]);
    // A hole between levels is empty; a better price is the front.
    let mut venue = Venue::new(QueueModel::Conservative, &[book(), Unknown]);
    venue.next();
    venue.submit(1, Sell, Limit, 104, 1);
    venue.submit(2, Sell, Limit, 106, 1);
    let ahead =
        |venue: &Venue| venue.exchange.resting(Sell).iter().map(|order| order.queue.ahead()).collect::<Vec<_>>();
    assert_eq!(ahead(&venue), [0, i64::MAX]);
    venue.next();
    venue.submit(3, Sell, Limit, 103, 1);
    assert_eq!(ahead(&venue), [i64::MAX, 0, i64::MAX], "the book is lost");
}

#[test]
fn a_level_that_leaves_a_partial_view_is_not_empty() {
    let said = [
        Snapshot(vec![(100, 10), (99, 20)], vec![(101, 5), (102, 7)]),
        Delta(vec![(101, 1), (99, 0)], vec![(101, 0), (103, 4)]),
        Trade(99, 6, false),
    ];
    let tape = tape(&said, 2);
    let mut exchange = Exchange::new(QueueModel::Conservative, 64, 2);
    exchange.apply(&tape, &tape.heads()[0]);
    exchange.submit(&Order { id: 1, side: Buy, kind: Limit, price: 99, quantity: 5, reduce_only: false }, 0);
    exchange.apply(&tape, &tape.heads()[1]);
    assert_eq!(exchange.resting(Buy)[0].queue.ahead(), 20);
    exchange.apply(&tape, &tape.heads()[2]);
    assert_eq!(exchange.resting(Buy)[0].left, 5);
}

#[test]
fn nothing_overtakes_on_the_wire() {
    let curve = "sent_ns,accepted_ns\n0,1000\n100,110\n";
    let latency = Latency::Curve(mesh_ticks::Curve::parse(curve).unwrap());
    let tape = tape(&[book()], 0);
    let mut session = Session::new(Exchange::new(QueueModel::Conservative, 64, 0), latency);
    session.apply(&tape, &tape.heads()[0], |_| {});
    let order = |id| Order { id, side: Buy, kind: Limit, price: 99, quantity: 1, reduce_only: false };
    session.send(Request::Submit(order(1)), 0);
    session.send(Request::Submit(order(2)), 100);
    session.send(Request::Cancel(1), 101);
    let mut arrivals = vec![];
    while session.next_request_ns() != u64::MAX {
        arrivals.push(session.next_request_ns());
        session.deliver(|_| {});
    }
    assert_eq!(arrivals, [1_000, 1_000, 1_000]);
    let reports: Vec<(u64, u64)> = core::iter::from_fn(|| session.next_report()).map(|(at, r)| (at, r.id)).collect();
    assert_eq!(reports, [(1_010, 1), (1_010, 2), (1_010, 1)]);
}

/// A book that moves by a step or two, with trades at its touch.
fn market() -> impl Strategy<Value = Vec<Said>> {
    let level = || prop::collection::vec((90i64..111, 0i64..9), 0..6);
    let trade = (92i64..109, 1i64..12, any::<bool>()).prop_map(|(price, quantity, buys)| Trade(price, quantity, buys));
    let delta = (level(), level()).prop_map(|(bids, asks)| Delta(bids, asks));
    let message = prop_oneof![4 => trade, 5 => delta, 1 => Just(book()), 1 => Just(Unknown)];
    prop::collection::vec(message, 1..60).prop_map(|mut said| {
        said.insert(0, book());
        said
    })
}

fn requests() -> impl Strategy<Value = Vec<(usize, Side, OrderKind, i64, i64, bool)>> {
    let kind = prop_oneof![1 => Just(Market), 3 => Just(Limit), 1 => Just(PostOnly), 1 => Just(ImmediateOrCancel), 1 => Just(FillOrKill)];
    let side = prop_oneof![Just(Buy), Just(Sell)];
    prop::collection::vec((0usize..60, side, kind, 90i64..111, 1i64..15, any::<bool>()), 0..40)
}

/// The recorded book, slow and obvious: what is there at each price since it was shown last.
#[derive(Default)]
struct Plain([BTreeMap<i64, i64>; 2]);

impl Plain {
    fn apply(&mut self, said: &Said) {
        let levels = match said {
            Snapshot(bids, asks) => {
                self.0 = Default::default();
                [bids, asks]
            }
            Delta(bids, asks) => [bids, asks],
            Unknown => return self.0 = Default::default(),
            Trade(..) => return,
        };
        for (side, levels) in self.0.iter_mut().zip(levels) {
            for (price, quantity) in levels {
                if *quantity > 0 {
                    side.insert(*price, *quantity)
                } else {
                    side.remove(price)
                };
            }
        }
    }

    /// Takes from the best of a side: the price.
    fn take_best(&mut self, side: Side, quantity: i64) -> i64 {
        let levels = &mut self.0[if side == Buy { 0 } else { 1 }];
        let best = if side == Buy { levels.last_entry() } else { levels.first_entry() };
        let mut best = best.expect("a level to take from");
        let price = *best.key();
        assert!(*best.get() >= quantity, "took {quantity} of {} at {price}", best.get());
        *best.get_mut() -= quantity;
        if *best.get() == 0 {
            best.remove();
        }
        price
    }
}

proptest! {
    /// Whatever is ordered: takers get the recorded levels, the best first and once; makers their own price, from trades at
    /// it or beyond, no more than traded, or from the book that crosses them; nothing is filled beyond its quantity.
    #[test]
    fn no_order_gets_more_than_the_record_has(said in market(), requests in requests(), proportional: bool) {
        let tape = tape(&said, 0);
        let model = if proportional { QueueModel::Proportional } else { QueueModel::Conservative };
        let mut exchange = Exchange::new(model, 64, 0);
        let mut plain = Plain::default();
        let mut orders: BTreeMap<u64, (Order, i64)> = BTreeMap::new();
        for (at, head) in tape.heads().iter().enumerate() {
            exchange.apply(&tape, head);
            plain.apply(&said[at]);
            let mut traded = if let Trade(_, quantity, _) = &said[at] { *quantity } else { 0 };
            for report in exchange.take_reports().collect::<Vec<_>>() {
                let (order, left) = orders.get_mut(&report.id).expect("an order");
                let ReportKind::Filled { price, quantity, left: said_left, is_maker: true } = report.kind else {
                    panic!("{report:?}");
                };
                prop_assert_eq!(price, order.price);
                *left -= quantity;
                prop_assert!(*left >= 0 && *left == said_left);
                if let Trade(at_price, _, buys) = &said[at] {
                    let beyond = if order.side == Buy { *at_price < price } else { *at_price > price };
                    prop_assert!(beyond || (*at_price == price && *buys == (order.side == Sell)));
                    traded -= quantity;
                    prop_assert!(traded >= 0, "more than traded");
                } else {
                    let reached = plain.take_best(order.side.opposite(), quantity);
                    let worse = if order.side == Buy { reached <= price } else { reached >= price };
                    prop_assert!(worse, "filled at {price}, the book had {reached}");
                }
            }
            for (id, (_, side, kind, price, quantity, cancels)) in requests.iter().enumerate().filter(|(_, r)| r.0 == at) {
                let id = id as u64;
                let order = Order { id, side: *side, kind: *kind, price: *price, quantity: *quantity, reduce_only: false };
                exchange.submit(&order, head.venue_ns);
                orders.insert(id, (order, order.quantity));
                for report in exchange.take_reports().collect::<Vec<Report>>() {
                    if let ReportKind::Filled { price, quantity, left: said_left, is_maker } = report.kind {
                        prop_assert!(!is_maker && order.kind != PostOnly);
                        prop_assert_eq!(plain.take_best(order.side.opposite(), quantity), price, "not the best level");
                        let (_, left) = orders.get_mut(&id).unwrap();
                        *left -= quantity;
                        prop_assert!(*left == said_left && *left >= 0);
                        let within = if order.side == Buy { price <= order.price } else { price >= order.price };
                        prop_assert!(order.kind == Market || within);
                    }
                }
                let filled = order.quantity - orders[&id].1;
                prop_assert!(order.kind != FillOrKill || filled == 0 || filled == order.quantity);
                if *cancels {
                    exchange.cancel(id / 2, head.venue_ns);
                    drop(exchange.take_reports());
                }
            }
        }
    }

    /// One order in its queue, against a queue that is played out: those ahead, the order, those behind; what is cancelled
    /// leaves from the back.
    #[test]
    fn a_conservative_queue_is_a_queue(
        shown in 1i64..50,
        quantity in 1i64..30,
        steps in prop::collection::vec((any::<bool>(), 1i64..40), 0..40),
    ) {
        let mut said = vec![Snapshot(vec![(100, shown), (99, 5)], vec![(101, 5)])];
        said.extend(steps.iter().map(|(trades, q)| if *trades { Trade(100, *q, false) } else { Delta(vec![(100, *q)], vec![]) }));
        let mut venue = Venue::new(QueueModel::Conservative, &said);
        venue.next();
        venue.submit(1, Buy, Limit, 100, quantity);
        let (mut ahead, mut own, mut behind) = (shown, quantity, 0i64);
        for (trades, size) in steps {
            let mut expected = 0;
            if trades {
                let first = ahead.min(size);
                expected = own.min(size - first);
                let rest = size - first - expected;
                (ahead, own, behind) = (ahead - first, own - expected, (behind - rest).max(0));
            } else if ahead + behind > size {
                behind = (size - ahead).max(0);
                ahead = ahead.min(size);
            } else {
                behind = size - ahead;
            }
            let filled: i64 = venue.next().iter().map(|kind| match kind {
                ReportKind::Filled { quantity, .. } => *quantity,
                other => panic!("{other:?}"),
            }).sum();
            prop_assert_eq!(filled, expected);
        }
    }
}
