//! The portfolio driven with messages, its answers compared step by step.

#![allow(clippy::expect_used)]

use mesh_actor::{ActorCell, Ledger, MemoryLedger};
use mesh_codec::packet::{self, PacketHead};
use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Frames, Message, Stamp};
use mesh_types::execution::{
    Fill, Intent, OrderAccepted, OrderCancelled, OrderRejected, OrderRequest, OrderStatus, OrderStatusRequest,
    Position, RiskVerdict,
};
use mesh_types::market::{BookLevel, BookSnapshot, InstrumentInfo};
use mesh_types::risk::{RiskAccount, RiskMargins};
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::system::{Cause, KillSwitch};
use mesh_types::{
    BookHealth, CancelReason, ClientOrderId, Decimal64, FixedStr, Gate, InstrumentId, InstrumentStatus, KillLevel,
    MessageId, OrderState, Outcome, RejectReason, Side, SignalAction, SourceId,
};
use portfolio::{LEDGER_TYPES, Portfolio, Settings};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn d(text: &str) -> Decimal64 {
    text.parse().expect(text)
}

fn instrument(symbol: &str) -> InstrumentId {
    format!("binance:perpetual:{symbol}").parse().expect("an id")
}

/// A portfolio with its ledger and a clock.
struct Desk {
    cell: ActorCell<Portfolio>,
    ledger: MemoryLedger,
    now_ns: u64,
    sequence: u64,
    /// Requests that were published, in order.
    requests: Vec<OrderRequest>,
    /// What was published, with its causes.
    published: Vec<(MessageId, u8, Vec<MessageId>)>,
    /// What was said of the accounts.
    accounts: Vec<RiskAccount>,
    settings: Settings,
}

fn settings() -> Settings {
    Settings { entry_notional: d("500"), entries_per_bar: 2, ..Settings::default() }
}

impl Desk {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: Settings) -> Self {
        let mut desk = Self {
            cell: ActorCell::new(Portfolio::new(settings.clone(), 7), SourceId::new(30)),
            accounts: Vec::new(),
            settings,
            ledger: MemoryLedger::new(&LEDGER_TYPES),
            now_ns: 1_000_000 * MS,
            sequence: 0,
            requests: Vec::new(),
            published: Vec::new(),
        };
        assert_eq!(desk.restart(), Vec::<String>::new());
        desk.market("BTCUSDT");
        desk
    }

    /// A new life from the ledger.
    fn restart(&mut self) -> Vec<String> {
        self.revive();
        self.run(&[])
    }

    fn revive(&mut self) {
        self.cell = ActorCell::new(Portfolio::new(self.settings.clone(), 7), SourceId::new(30));
        self.cell.begin(self.now_ns);
        let cell = &mut self.cell;
        self.ledger.recover(&mut |frame| cell.deliver(&Message::parse(frame).expect("a frame"))).expect("recovers");
        assert_eq!(self.cell.outbox().count(), 0, "nothing is said before the start");
    }

    /// One batch; what comes out, in words.
    fn run(&mut self, inbox: &[u8]) -> Vec<String> {
        let outbox = self.batch(inbox);
        let mut said = Vec::new();
        for (_, message) in Frames::new(&outbox) {
            let message = message.expect("a frame");
            let causes = message.tlvs().flatten().filter_map(|tlv| tlv.body::<Cause>().map(|cause| cause.message));
            let number = message.first().map(|tlv| tlv.number).expect("a type");
            self.published.push((message.id(), number, causes.collect()));
            self.requests.extend(message.get::<OrderRequest>());
            if let Some(account) = message.get::<RiskAccount>() {
                self.accounts.push(*account);
                continue;
            }
            said.push(words(&message));
        }
        said
    }

    /// One batch; what comes out, as it is.
    fn batch(&mut self, inbox: &[u8]) -> Vec<u8> {
        self.cell.begin(self.now_ns);
        while self.cell.fire_due().is_some() {}
        for (_, message) in Frames::new(inbox) {
            self.cell.deliver(&message.expect("a frame"));
        }
        let outbox = self.cell.outbox().bytes().to_vec();
        self.cell.outbox_mut().clear();
        self.ledger.commit(Frames::new(inbox), Frames::new(&outbox)).expect("commits");
        outbox
    }

    fn hear<T: TlvBody>(&mut self, body: &T) -> Vec<u8> {
        let frame = self.frame::<T>(|builder| builder.body(body));
        self.batch(&frame)
    }

    fn tick(&mut self, ms: u64) -> Vec<u8> {
        self.now_ns += ms * MS;
        self.batch(&[])
    }

    fn after(&mut self, ms: u64) -> Vec<String> {
        self.now_ns += ms * MS;
        self.run(&[])
    }

    fn frame<T: TlvBody>(&mut self, build: impl FnOnce(FrameBuilder<'_>) -> FrameBuilder<'_>) -> Vec<u8> {
        self.sequence += 1;
        let (sequence, timestamp_ns) = (self.sequence, self.now_ns);
        let stamp = Stamp { domain: T::DOMAIN, source: SourceId::new(1), sequence, timestamp_ns };
        let mut frame = Vec::new();
        build(FrameBuilder::new(&mut frame, &stamp)).finish().expect("fits");
        frame
    }

    fn say<T: TlvBody>(&mut self, body: &T) -> Vec<String> {
        let frame = self.frame::<T>(|builder| builder.body(body));
        self.run(&frame)
    }

    /// Instrument information and a live book of 99.9 to 100.0.
    fn market(&mut self, symbol: &str) {
        let info = InstrumentInfo {
            instrument: instrument(symbol),
            tick: d("0.1").into(),
            lot: d("0.1").into(),
            min_quantity: d("0.1").into(),
            quote: FixedStr::truncated("USDT"),
            status: InstrumentStatus::Trading.into(),
            ..InstrumentInfo::default()
        };
        assert_eq!(self.say(&info), Vec::<String>::new());
        self.book(symbol, BookHealth::Live);
    }

    fn book(&mut self, symbol: &str, health: BookHealth) {
        let said = self.show(symbol, health);
        assert!(said.is_empty(), "a book alone leads to nothing");
    }

    fn show(&mut self, symbol: &str, health: BookHealth) -> Vec<u8> {
        self.show_at(symbol, health, [999, 1_000])
    }

    /// A live book of these tenths.
    fn price(&mut self, symbol: &str, bid: i64, ask: i64) {
        let said = self.show_at(symbol, BookHealth::Live, [bid, ask]);
        assert!(said.is_empty(), "a book alone leads to nothing");
    }

    fn show_at(&mut self, symbol: &str, health: BookHealth, [bid, ask]: [i64; 2]) -> Vec<u8> {
        let levels = [(bid, 50), (ask, 50)].map(|(p, q)| BookLevel { price: i64::into(p), quantity: i64::into(q) });
        let head = BookSnapshot {
            instrument: instrument(symbol),
            received_ns: self.now_ns.into(),
            price_exponent: -1,
            quantity_exponent: -1,
            health: health.into(),
            depth: 5,
            bid_count: 1.into(),
            ask_count: 1.into(),
            ..BookSnapshot::default()
        };
        let frame = self.frame::<BookSnapshot>(|builder| builder.tailed(&head, &levels));
        self.batch(&frame)
    }

    /// What the world outside says.
    fn packet(&mut self, stream: u32, text: &str) {
        self.sequence += 1;
        let stamp = packet::stamp(SourceId::new(30), self.sequence, self.now_ns);
        let head = PacketHead { stream, kind: 0, received_ns: self.now_ns };
        let mut frame = Vec::new();
        packet::fill(FrameBuilder::new(&mut frame, &stamp), &head, text.as_bytes()).finish().expect("fits");
        assert!(self.batch(&frame).is_empty());
    }

    fn last(&self) -> OrderRequest {
        *self.requests.last().expect("an order")
    }

    /// The executor fills so much of an order.
    fn fill(&mut self, order: &OrderRequest, trade: &str, quantity: &str) -> Vec<String> {
        self.fill_at(order, trade, quantity, "100.0")
    }

    fn fill_at(&mut self, order: &OrderRequest, trade: &str, quantity: &str, price: &str) -> Vec<String> {
        self.say(&Fill {
            client_order_id: order.client_order_id,
            instrument: order.instrument,
            side: order.side,
            price: d(price).into(),
            quantity: d(quantity).into(),
            trade_id: FixedStr::truncated(trade),
            ..Fill::default()
        })
    }

    /// An entry that is filled whole.
    fn enter(&mut self, bar: u64) -> OrderRequest {
        self.say(&signal("BTCUSDT", SignalAction::EnterLong, bar));
        self.after(250);
        let order = self.last();
        let quantity = order.quantity.get().to_string();
        self.fill(&order, &format!("t{bar}"), &quantity);
        order
    }
}

fn signal(symbol: &str, action: SignalAction, bar: u64) -> Signal {
    Signal {
        instrument: instrument(symbol),
        strategy: StrategyName::truncated("momentum"),
        action: action.into(),
        score: 100.0.into(),
        bar_ns: bar.into(),
        interval_ns: 60.into(),
        ..Signal::default()
    }
}

fn status(order: &OrderRequest, state: OrderState, filled: &str) -> OrderStatus {
    OrderStatus {
        client_order_id: order.client_order_id,
        instrument: order.instrument,
        state: state.into(),
        filled_quantity: d(filled).into(),
        ..OrderStatus::default()
    }
}

fn words(message: &Message<'_>) -> String {
    let symbol = |instrument: &InstrumentId| instrument.symbol().expect("a symbol").as_str().to_owned();
    if let Some(body) = message.get::<RiskVerdict>() {
        let verdict = match body.outcome.get() {
            Some(Outcome::Allow) => "allowed".to_owned(),
            Some(Outcome::Reduce) => format!("reduced to {} by {:?}", body.allowed_quantity.get(), body.reason),
            Some(Outcome::Trip) => format!("tripped {}", body.text),
            _ => format!("vetoed {:?}", body.reason),
        };
        let margins = message.get_tailed::<RiskMargins>().expect("every gate is written down");
        let refused =
            margins.items.last().is_some_and(|last| matches!(last.outcome.get(), Some(Outcome::Deny | Outcome::Trip)));
        assert_eq!((margins.head.signal, refused), (body.signal, body.allowed == 0));
        format!("{verdict} {:?} {}", body.action, symbol(&body.instrument))
    } else if let Some(body) = message.get::<Intent>() {
        format!("intent {:?} {} at {}", body.side, body.quantity.get(), body.worst_price.get())
    } else if let Some(body) = message.get::<OrderRequest>() {
        format!("request {:?} {} reduce {}", body.side, body.quantity.get(), body.reduce_only)
    } else if let Some(body) = message.get::<Position>() {
        format!("position {}", body.quantity.get())
    } else if message.get::<OrderStatusRequest>().is_some() {
        "ask".to_owned()
    } else if let Some(body) = message.get::<OrderRejected>() {
        format!("rejected {:?}", body.reason)
    } else {
        "something".to_owned()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn an_entry_waits_for_its_window_and_is_written_down_before_it_is_asked_for() {
    let mut desk = Desk::new();
    assert_eq!(desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 1)), NOTHING);
    assert_eq!(desk.after(249), NOTHING);
    assert_eq!(desk.after(1), ["allowed enter_long BTCUSDT", "intent buy 4.9 at 100.1", "request buy 4.9 reduce 0"]);
    // Each names what it was made of: request, intent, verdict, signal.
    let [verdict, intent, request] = desk.published.as_slice() else { unreachable!("three messages") };
    assert_eq!((verdict.1, intent.1, request.1), (RiskVerdict::NUMBER, Intent::NUMBER, OrderRequest::NUMBER));
    assert_eq!((request.2[0], intent.2[0]), (intent.0, verdict.0));
    assert_eq!(verdict.2[0].source, SourceId::new(1));
    let order = desk.last();
    assert_eq!(desk.fill(&order, "t", "4.9"), ["position 4.9"]);
    assert_eq!(desk.fill(&order, "t", "4.9"), NOTHING);
}

#[test]
fn an_entry_is_cut_to_what_the_limits_have_room_for() {
    let mut settings = settings();
    settings.risk.mesh.liquidity_percent = Some(d("50"));
    let mut desk = Desk::with(settings);
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 1));
    // The book offers 5 up to the worst price.
    let said = desk.after(250);
    assert_eq!(
        said,
        ["reduced to 2.5 by risk_limit enter_long BTCUSDT", "intent buy 2.5 at 100.1", "request buy 2.5 reduce 0"]
    );
}

#[test]
fn a_loss_trips_outlives_the_process_and_a_reset_ends_it() {
    let mut settings = settings();
    settings.risk.mesh.drawdown = Some(d("40"));
    let mut desk = Desk::with(settings);
    desk.enter(1);
    // The price falls: open positions count at what they could be closed at.
    desk.price("BTCUSDT", 900, 901);
    desk.say(&signal("BTCUSDT", SignalAction::ExitLong, 2));
    let exit = desk.last();
    desk.fill_at(&exit, "x", "4.9", "90.0");
    let account = desk.accounts.last().expect("an account");
    assert_eq!(
        (account.trip.get(), account.actual.get(), account.limit.get()),
        (Some(Gate::Drawdown), d("49"), d("40"))
    );
    desk.restart();
    desk.market("BTCUSDT");
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 3));
    assert_eq!(desk.after(250), ["tripped loss since the best enter_long BTCUSDT"]);
    let reset = KillSwitch { set_ns: desk.now_ns.into(), ..KillSwitch::default() };
    desk.say(&reset);
    assert_eq!(desk.accounts.last().and_then(|account| account.trip.get()), Some(Gate::None));
    desk.restart();
    desk.market("BTCUSDT");
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 4));
    assert_eq!(desk.after(250)[0], "allowed enter_long BTCUSDT");
}

#[test]
fn a_loss_trips_while_nothing_else_happens() {
    let mut settings = settings();
    settings.risk.mesh.daily_loss = Some(d("40"));
    let mut desk = Desk::with(settings);
    desk.enter(1);
    desk.after(600);
    assert!(desk.accounts.is_empty(), "nothing is to be remembered yet");
    desk.price("BTCUSDT", 900, 901);
    desk.after(600);
    assert_eq!(desk.accounts.last().and_then(|account| account.trip.get()), Some(Gate::DailyLoss));
    assert_eq!(desk.cell.counters().get("risk_trips"), 1);
    // The price comes back; the day does not.
    desk.price("BTCUSDT", 999, 1_000);
    let said = desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 2));
    assert_eq!(said, ["tripped loss of the day enter_long BTCUSDT"]);
}

#[test]
fn a_repeated_signal_is_no_second_order() {
    let mut desk = Desk::new();
    let entry = signal("BTCUSDT", SignalAction::EnterLong, 5);
    desk.say(&entry);
    desk.say(&entry);
    assert_eq!(desk.after(250).len(), 3);
    desk.say(&entry);
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 4));
    assert_eq!(desk.after(900), NOTHING);
    // Neither is it after a restart, whatever its message is called.
    desk.restart();
    desk.say(&entry);
    let id = desk.last().client_order_id;
    assert!(desk.requests.iter().all(|request| request.client_order_id == id));
}

#[test]
fn candidates_are_ranked_and_the_rest_is_told_why_not() {
    let mut desk = Desk::new();
    for (symbol, score) in [("XRPUSDT", 110.0), ("ADAUSDT", 110.0), ("ETHUSDT", 300.0)] {
        desk.market(symbol);
        desk.say(&Signal { score: score.into(), ..signal(symbol, SignalAction::EnterLong, 1) });
    }
    let said = desk.after(250);
    let verdicts: Vec<&String> = said.iter().filter(|s| s.starts_with("allowed") || s.starts_with("vetoed")).collect();
    assert_eq!(
        verdicts,
        ["allowed enter_long ETHUSDT", "allowed enter_long ADAUSDT", "vetoed rate_limit enter_long XRPUSDT"]
    );
    // Late comers of the bar find its budget used up; the next bar has one of its own, and a restart does not fill it again.
    desk.say(&signal("XRPUSDT", SignalAction::EnterShort, 1));
    assert_eq!(desk.after(250), ["vetoed rate_limit enter_short XRPUSDT"]);
    desk.say(&signal("XRPUSDT", SignalAction::EnterLong, 2));
    assert_eq!(desk.after(250)[0], "allowed enter_long XRPUSDT");
}

#[test]
fn what_risk_refuses_leaves_its_place_to_the_next() {
    let mut desk = Desk::with(Settings { entries_per_bar: 1, ..settings() });
    desk.market("ETHUSDT");
    desk.book("ETHUSDT", BookHealth::Suspect);
    desk.say(&Signal { score: 300.0.into(), ..signal("ETHUSDT", SignalAction::EnterLong, 1) });
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 1));
    let said = desk.after(250);
    assert_eq!(said[..2], ["vetoed book_not_live enter_long ETHUSDT", "allowed enter_long BTCUSDT"]);
}

#[test]
fn what_adds_to_a_position_goes_at_once() {
    let mut desk = Desk::with(Settings { entries_per_bar: 1, ..settings() });
    desk.enter(1);
    let said = desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 1 + 1));
    assert_eq!(said[0], "allowed enter_long BTCUSDT");
    // It takes nothing of the bar's budget; what turns a position round waits as any other.
    desk.market("ETHUSDT");
    desk.say(&signal("ETHUSDT", SignalAction::EnterLong, 2));
    assert_eq!(desk.after(250)[0], "allowed enter_long ETHUSDT");
    assert_eq!(desk.say(&signal("BTCUSDT", SignalAction::EnterShort, 3)), NOTHING);
}

#[test]
fn environment_and_file_are_kill_switches_as_messages_are() {
    for stream in [1, 2] {
        let mut desk = Desk::new();
        desk.enter(1);
        let enters = |desk: &mut Desk, bar: u64| desk.say(&signal("BTCUSDT", SignalAction::EnterLong, bar));
        let refused = ["vetoed kill_switch enter_long BTCUSDT"];
        desk.packet(stream, "close_only");
        assert_eq!(enters(&mut desk, 2), refused);
        // It is no message: what is reset is the message's switch, and the next life is told anew.
        desk.say(&KillSwitch { set_ns: desk.now_ns.into(), ..KillSwitch::default() });
        assert_eq!(enters(&mut desk, 3), refused);
        desk.packet(stream, "hard");
        assert_eq!(desk.say(&signal("BTCUSDT", SignalAction::ExitLong, 4)), ["vetoed kill_switch exit_long BTCUSDT"]);
        desk.packet(stream, "none");
        desk.book("BTCUSDT", BookHealth::Live);
        assert_eq!(desk.after(1_500)[0], "allowed exit_long BTCUSDT");
    }
}

#[test]
fn nothing_new_is_risked_on_a_book_that_is_not_live_and_exits_go_on() {
    let mut desk = Desk::new();
    desk.enter(1);
    desk.book("BTCUSDT", BookHealth::Suspect);
    assert_eq!(desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 2)), ["vetoed book_not_live enter_long BTCUSDT"]);
    assert_eq!(
        desk.say(&signal("BTCUSDT", SignalAction::ExitLong, 3)),
        ["allowed exit_long BTCUSDT", "intent sell 4.9 at 0", "request sell 4.9 reduce 1"]
    );
}

#[test]
fn kill_switches_stop_what_they_say() {
    let mut desk = Desk::new();
    desk.enter(1);
    let switch = |level: KillLevel, set_ns: u64| KillSwitch {
        level: level.into(),
        set_ns: set_ns.into(),
        ..KillSwitch::default()
    };
    desk.say(&switch(KillLevel::HaltAll, 1));
    // It outlives the process.
    desk.restart();
    desk.market("BTCUSDT");
    assert_eq!(desk.say(&signal("BTCUSDT", SignalAction::ExitLong, 2)), ["vetoed kill_switch exit_long BTCUSDT"]);
    // The exit stays wanted, is not complained about again, and goes once it may.
    assert_eq!(desk.after(1_500), NOTHING);
    desk.say(&switch(KillLevel::CloseOnly, 2));
    desk.book("BTCUSDT", BookHealth::Live);
    assert_eq!(desk.after(1_500)[0], "allowed exit_long BTCUSDT");
    desk.say(&signal("BTCUSDT", SignalAction::EnterShort, 3));
    assert_eq!(desk.after(250), ["vetoed kill_switch enter_short BTCUSDT"]);
}

#[test]
fn an_exit_is_tried_again_until_nothing_is_left() {
    let mut desk = Desk::new();
    desk.enter(1);
    desk.say(&signal("BTCUSDT", SignalAction::ExitLong, 2));
    let first = desk.last();
    desk.fill(&first, "x1", "2.0");
    let ended = OrderCancelled {
        client_order_id: first.client_order_id,
        reason: CancelReason::Unfilled.into(),
        filled_quantity: d("2.0").into(),
        ..OrderCancelled::default()
    };
    desk.say(&ended);
    assert_eq!(desk.after(400), NOTHING);
    desk.book("BTCUSDT", BookHealth::Live);
    let said = desk.after(1_100);
    assert_eq!(said[1..], ["intent sell 2.9 at 99.0", "request sell 2.9 reduce 1"]);
    let second = desk.last();
    assert_ne!(second.client_order_id, first.client_order_id);
    assert_eq!(desk.fill(&second, "x2", "2.9"), ["position 0.0"]);
    assert_eq!(desk.after(5_000), NOTHING);
}

#[test]
fn an_entry_that_found_nothing_is_told_as_the_position_that_it_left() {
    let mut desk = Desk::new();
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 1));
    desk.after(250);
    let order = desk.last();
    let ended = OrderCancelled {
        client_order_id: order.client_order_id,
        reason: CancelReason::Unfilled.into(),
        ..OrderCancelled::default()
    };
    assert_eq!(desk.say(&ended), ["position 0"]);
    assert_eq!(desk.say(&ended), NOTHING, "said once");
}

#[test]
fn silence_is_asked_about_and_what_the_executor_never_had_is_sent_again_or_expires() {
    let mut desk = Desk::new();
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 1));
    desk.after(250);
    let order = desk.last();
    desk.after(500);
    assert_eq!(desk.after(600), ["ask"]);
    let never = status(&order, OrderState::Unknown, "0");
    assert_eq!(desk.say(&never), ["request buy 4.9 reduce 0"]);
    assert_eq!(desk.last(), order, "the same order");
    desk.now_ns += 9_000 * MS;
    // By our clock it has expired. By its executor's it has not: it may still be on its way there, and would be taken.
    let told = |venue_ns: u64| OrderStatus { venue_ns: venue_ns.into(), ..never };
    assert_eq!(desk.say(&told(order.expires_ns.get())), ["ask"]);
    assert_eq!(desk.say(&told(order.expires_ns.get() + 1)), ["rejected stale", "position 0"]);
    assert_eq!(desk.cell.actor().oms().unsettled().count(), 0);
}

#[test]
fn a_restart_asks_about_every_open_order_before_anything_new() {
    let mut desk = Desk::new();
    desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 1));
    desk.after(250);
    let order = desk.last();
    assert_eq!(desk.restart(), ["ask"]);
    desk.market("BTCUSDT");
    desk.market("ETHUSDT");
    desk.say(&signal("ETHUSDT", SignalAction::EnterLong, 2));
    assert!(!desk.after(250).iter().any(|said| said.starts_with("allowed")));
    // The executor tells: it was filled, and the fill comes too.
    desk.say(&status(&order, OrderState::Filled, "4.9"));
    assert!(!desk.after(250).iter().any(|said| said.starts_with("allowed")), "the fill is missing");
    assert_eq!(desk.fill(&order, "t", "4.9"), ["position 4.9"]);
    assert_eq!(desk.after(250)[0], "allowed enter_long ETHUSDT");
}

#[test]
fn a_restart_knows_positions_exits_and_entries_that_waited() {
    let mut desk = Desk::new();
    desk.enter(1);
    desk.market("ETHUSDT");
    desk.say(&signal("ETHUSDT", SignalAction::EnterLong, 2));
    assert_eq!(desk.restart(), ["position 4.9"]);
    desk.market("BTCUSDT");
    desk.market("ETHUSDT");
    assert_eq!(desk.after(250)[0], "allowed enter_long ETHUSDT", "the second entry had not been decided");
    let second = desk.last();
    let refused = OrderRejected {
        client_order_id: second.client_order_id,
        reason: RejectReason::BookNotLive.into(),
        ..OrderRejected::default()
    };
    desk.say(&refused);
    desk.say(&signal("BTCUSDT", SignalAction::ExitLong, 3));
    let exit = desk.last();
    desk.say(&OrderRejected { client_order_id: exit.client_order_id, ..refused });
    // The exit is wanted still, in the next life too.
    assert!(desk.restart().contains(&"position 4.9".to_owned()));
    desk.market("BTCUSDT");
    let said = desk.after(1_500);
    assert_eq!(said[1..], ["intent sell 4.9 at 99.0", "request sell 4.9 reduce 1"]);
}

#[test]
fn what_can_t_be_explained_halts_entries() {
    let mut desk = Desk::new();
    let stranger = OrderRequest {
        client_order_id: ClientOrderId::new([9; 16]),
        instrument: instrument("BTCUSDT"),
        side: Side::Buy.into(),
        ..OrderRequest::default()
    };
    let accepted = OrderAccepted { client_order_id: stranger.client_order_id, ..OrderAccepted::default() };
    desk.say(&accepted);
    desk.enter(1);
    assert_eq!(desk.fill(&stranger, "s", "1.0"), NOTHING);
    let said = desk.say(&signal("BTCUSDT", SignalAction::EnterLong, 2));
    assert_eq!(said, ["vetoed kill_switch enter_long BTCUSDT"]);
    assert_eq!(desk.say(&signal("BTCUSDT", SignalAction::ExitLong, 3))[0], "allowed exit_long BTCUSDT");
    assert_eq!(desk.cell.counters().get("reports_of_unknown_orders"), 2);
}

/// `body` with some of its bytes overwritten: a message whose checksum holds and whose values make no sense.
fn damaged<T: TlvBody>(body: &T, damage: &[(u16, u8)]) -> T {
    let mut bytes = body.as_bytes().to_vec();
    for (place, byte) in damage {
        let place = usize::from(*place) % bytes.len();
        bytes[place] = *byte;
    }
    T::read_from_bytes(&bytes).expect("the same size")
}

/// A byte and its place; often the extremes.
fn damage() -> impl Strategy<Value = Vec<(u16, u8)>> {
    let byte = prop_oneof![Just(0u8), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    prop::collection::vec((any::<u16>(), byte), 0..12)
}

proptest! {
    #[test]
    fn values_that_make_no_sense_never_panic(steps in prop::collection::vec((0u8..12, damage()), 1..30)) {
        let mut desk = Desk::new();
        let order = desk.enter(1);
        let id = order.client_order_id;
        let filled = Fill {
            client_order_id: id, instrument: order.instrument, side: order.side,
            price: d("100.0").into(), quantity: d("1").into(), ..Fill::default()
        };
        let info = InstrumentInfo {
            instrument: instrument("BTCUSDT"), tick: d("0.1").into(), lot: d("0.1").into(),
            status: InstrumentStatus::Trading.into(), ..InstrumentInfo::default()
        };
        for (bar, (kind, damage)) in (2..).zip(&steps) {
            match kind {
                0 => drop(desk.hear(&damaged(&signal("BTCUSDT", SignalAction::EnterLong, bar), damage))),
                1 => drop(desk.hear(&damaged(&signal("BTCUSDT", SignalAction::ExitLong, bar), damage))),
                2 => drop(desk.hear(&damaged(&filled, damage))),
                3 => drop(desk.hear(&damaged(&status(&order, OrderState::Accepted, "1"), damage))),
                4 => drop(desk.hear(&damaged(&OrderCancelled { client_order_id: id, ..OrderCancelled::default() }, damage))),
                5 => drop(desk.hear(&damaged(&OrderRejected { client_order_id: id, ..OrderRejected::default() }, damage))),
                6 => drop(desk.hear(&damaged(&KillSwitch::default(), damage))),
                7 => drop(desk.hear(&damaged(&info, damage))),
                8 => drop(desk.tick(700)),
                9 => {
                    // Rows of an earlier run that are damaged too.
                    let intent = Intent { client_order_id: id, instrument: order.instrument, ..Intent::default() };
                    let row = desk.frame::<Intent>(|builder| builder.body(&damaged(&intent, damage)));
                    desk.ledger.commit(Frames::new(&row), Frames::new(&[])).expect("commits");
                    desk.revive();
                    desk.tick(0);
                }
                10 => {
                    let row = desk.frame::<Position>(|builder| builder.body(&damaged(&Position::default(), damage)));
                    desk.ledger.commit(Frames::new(&row), Frames::new(&[])).expect("commits");
                    desk.revive();
                    desk.tick(0);
                }
                _ => drop(desk.show("BTCUSDT", BookHealth::Live)),
            }
            desk.cell.state_digest();
        }
    }
}
