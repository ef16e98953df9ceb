//! The ledger on real files: killed at every step, torn, full, locked, foreign, from the future.

#![allow(clippy::expect_used)]

mod support;

use std::path::{Path, PathBuf};

use mesh_actor::Ledger;
use mesh_codec::{FrameBuilder, Frames, Message, Stamp};
use mesh_store::SqliteLedger;
use mesh_types::execution::{Fill, Intent, OrderCancelled, OrderRequest, OrderStatus, Position, RiskVerdict};
use mesh_types::market::Quote;
use mesh_types::risk::{RiskAccount, RiskLoss, RiskMargin, RiskMargins};
use mesh_types::signal::Signal;
use mesh_types::{
    ClientOrderId, Decimal64, Domain, FixedStr, Gate, MessageId, OrderState, Outcome, Scope, Side, SignalAction,
    SourceId, Unit,
};
use rusqlite::Connection;

use support::{
    Said, commit, copy_of, fill, instrument, intent, open, placed, position, request, said, strategy, whole,
};

fn d(text: &str) -> Decimal64 {
    text.parse().expect(text)
}

/// What comes back, in words.
fn recovered(ledger: &mut SqliteLedger) -> Vec<String> {
    let mut rows = Vec::new();
    ledger.recover(&mut |frame| rows.push(words(&Message::parse(frame).expect("a frame")))).expect("recovers");
    rows
}

fn words(message: &Message<'_>) -> String {
    let order = |id: &ClientOrderId| id.as_bytes()[0];
    if let Some(body) = message.get::<Intent>() {
        format!("intent {}", order(&body.client_order_id))
    } else if let Some(body) = message.get::<OrderRequest>() {
        format!("request {}", order(&body.client_order_id))
    } else if let Some(body) = message.get::<Fill>() {
        format!("fill {} {}", order(&body.client_order_id), body.trade_id)
    } else if let Some(body) = message.get::<OrderCancelled>() {
        format!("cancelled {}", order(&body.client_order_id))
    } else if let Some(body) = message.get::<OrderStatus>() {
        format!("status {} {:?}", order(&body.client_order_id), body.state)
    } else if let Some(body) = message.get::<Position>() {
        format!("position {}", body.quantity.get())
    } else if let Some(body) = message.get::<Signal>() {
        format!("signal {:?} {}", body.action, body.bar_ns)
    } else if let Some(body) = message.get::<RiskVerdict>() {
        format!("verdict {}", body.allowed)
    } else {
        "something".to_owned()
    }
}

fn refused(path: &Path) -> String {
    SqliteLedger::open(path).expect_err("is refused").to_string()
}

/// A scenario: inbox and outbox of each batch.
fn scenario() -> Vec<(Said, Said)> {
    let cancelled = OrderCancelled {
        client_order_id: ClientOrderId::new([2; 16]),
        filled_quantity: whole(1).into(),
        ..OrderCancelled::default()
    };
    let nothing = Said::default;
    vec![
        (nothing(), placed(1, 2)),
        (said(&fill(1, "a", 1)), said(&position(1, 1))),
        (said(&fill(1, "b", 1)), said(&position(2, 2))),
        (nothing(), placed(2, 3)),
        (said(&cancelled), nothing()),
        (said(&fill(2, "c", 1)), said(&position(0, 3))),
        (nothing(), placed(3, 1)),
        (said(&fill(3, "d", 1)).say(&fill(1, "a", 1)), said(&position(1, 4))),
    ]
}

#[test]
fn a_kill_between_any_two_steps_keeps_every_committed_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut ledger = open(&path);
    let mut expected = vec![recovered(&mut ledger)];
    for (step, (inbox, outbox)) in scenario().iter().enumerate() {
        commit(&mut ledger, inbox, outbox);
        expected.push(recovered(&mut ledger));
        // What a killed process leaves: the files as they are, nobody has closed them.
        let copy = copy_of(&path, &folder.path().join(format!("copy-{step}")));
        assert_eq!(recovered(&mut open(&copy)), expected[step + 1], "after step {step}");
    }
    assert_eq!(
        expected.last().map(Vec::as_slice),
        Some(
            [
                "intent 1",
                "intent 2",
                "intent 3",
                "request 1",
                "request 2",
                "request 3",
                "fill 1 a",
                "fill 1 b",
                "fill 2 c",
                "position 0",
                "fill 3 d",
                "cancelled 2"
            ]
            .map(str::to_owned)
            .as_slice()
        )
    );
    // A write that the kill cut off anywhere leaves one of the states that were committed, never something between.
    let torn = copy_of(&path, &folder.path().join("torn"));
    let wal = PathBuf::from(format!("{}-wal", torn.display()));
    let whole = std::fs::read(&wal).expect("a log");
    for cut in (0..whole.len()).step_by(1_357) {
        let place = copy_of(&path, &folder.path().join(format!("torn-{cut}")));
        std::fs::write(format!("{}-wal", place.display()), &whole[..cut]).expect("writes");
        let found = recovered(&mut open(&place));
        assert!(expected.contains(&found), "cut at {cut}: {found:?}");
    }
}

#[test]
fn a_batch_is_all_or_nothing_and_nothing_to_keep_is_no_transaction() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(&folder.path().join("ledger.db"));
    commit(&mut ledger, &said(&Quote::default()), &Said::default());
    assert_eq!(recovered(&mut ledger), Vec::<String>::new());
    // The second intent takes the first one's name with other contents: the batch is refused, whole.
    commit(&mut ledger, &Said::default(), &placed(1, 2));
    let clash = placed(2, 2).say(&intent(1, 9));
    let error = ledger.commit(Frames::new(&[]), Frames::new(&clash.bytes)).expect_err("a conflict");
    assert!(error.reason.contains("two intents are named 0101"), "{error}");
    let mut damaged = placed(3, 2);
    let last = damaged.bytes.len() - 1;
    damaged.bytes[last] ^= 1;
    assert!(ledger.commit(Frames::new(&[]), Frames::new(&damaged.bytes)).is_err());
    assert_eq!(recovered(&mut ledger), ["intent 1", "request 1"]);
    // The same again is the same row.
    commit(&mut ledger, &Said::default(), &placed(1, 2));
    assert_eq!(recovered(&mut ledger), ["intent 1", "request 1"]);
}

#[test]
fn open_orders_come_back_however_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(&folder.path().join("ledger.db"));
    commit(&mut ledger, &Said::default(), &placed(1, 2));
    // Final, but a fill that it claims is not here yet.
    let claims = OrderStatus {
        client_order_id: ClientOrderId::new([1; 16]),
        state: OrderState::Filled.into(),
        filled_quantity: whole(2).into(),
        ..OrderStatus::default()
    };
    commit(&mut ledger, &said(&claims), &Said::default());
    let mut many = Said::default();
    for number in 0u16..1_200 {
        let mut bytes = [9u8; 16];
        bytes[14..].copy_from_slice(&number.to_be_bytes());
        let intent = Intent { client_order_id: ClientOrderId::new(bytes), ..intent(9, 1) };
        let cancelled = OrderCancelled { client_order_id: intent.client_order_id, ..OrderCancelled::default() };
        many = many.say(&intent).say(&request(&intent)).say(&cancelled);
    }
    commit(&mut ledger, &Said::default(), &many);
    let intents = |rows: &[String]| rows.iter().filter(|row| row.starts_with("intent")).count();
    let rows = recovered(&mut ledger);
    assert!(rows.contains(&"intent 1".to_owned()) && rows.contains(&"status 1 filled".to_owned()));
    assert_eq!(intents(&rows), 1_001);
    // Its fills are here and the position is flat: it is history.
    let both = said(&fill(1, "a", 1)).say(&fill(1, "b", 1));
    commit(&mut ledger, &both, &said(&position(0, 2)));
    let rows = recovered(&mut ledger);
    assert!(!rows.contains(&"intent 1".to_owned()) && intents(&rows) == 1_000);
    assert_eq!(rows.iter().filter(|row| row.starts_with("fill")).count(), 0);
}

#[test]
fn the_last_signal_of_each_kind_comes_back_with_its_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(&folder.path().join("ledger.db"));
    let signal = |action: SignalAction, bar: u64| Signal {
        instrument: instrument(),
        strategy: strategy(),
        action: action.into(),
        bar_ns: bar.into(),
        ..Signal::default()
    };
    let (enter, exit) = (SignalAction::EnterLong, SignalAction::ExitLong);
    let inbox = said(&signal(enter, 1)).say(&signal(enter, 2)).say(&signal(exit, 1)).say(&signal(enter, 2));
    commit(&mut ledger, &inbox, &Said::default());
    let id = |sequence| MessageId::new(mesh_types::Domain::Signal, SourceId::new(3), sequence, 5);
    let verdict = |sequence| RiskVerdict { signal: id(sequence), ..RiskVerdict::default() };
    commit(&mut ledger, &Said::default(), &said(&verdict(1)).say(&verdict(2)));
    assert_eq!(recovered(&mut ledger), ["signal enter_long 2", "signal exit_long 1", "verdict 0"]);
}

#[test]
fn a_verdict_is_a_row_with_every_margin_and_the_last_word_on_an_account_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut ledger = open(&path);
    let margin = RiskMargin {
        gate: Gate::OrderNotional.into(),
        unit: Unit::Quote.into(),
        scope: Scope::Venue.into(),
        outcome: Outcome::Reduce.into(),
        actual: d("600").into(),
        limit: d("500").into(),
        margin: d("-100").into(),
    };
    let verdict = RiskVerdict {
        instrument: instrument(),
        allowed: 1,
        outcome: Outcome::Reduce.into(),
        requested_quantity: d("6").into(),
        allowed_quantity: d("5").into(),
        ..RiskVerdict::default()
    };
    let margins = RiskMargins { margin_count: 2.into(), ..RiskMargins::default() };
    let stamp = Stamp { domain: Domain::Execution, source: SourceId::new(30), sequence: 1, timestamp_ns: 5 };
    let account = |loss_streak: u32, loss_count: u16, scope: Scope| RiskAccount {
        scope: scope.into(),
        strategy: strategy(),
        quote: FixedStr::truncated("USDT"),
        loss_streak: loss_streak.into(),
        trip: Gate::Drawdown.into(),
        loss_count: loss_count.into(),
        ..RiskAccount::default()
    };
    let loss = RiskLoss { at_ns: 7.into(), amount: d("1.5").into() };
    let mut batch = Vec::new();
    FrameBuilder::new(&mut batch, &stamp).body(&verdict).tailed(&margins, &[margin; 2]).finish().expect("fits");
    for (account, losses) in [
        (account(1, 0, Scope::Mesh), vec![]),
        (account(9, 0, Scope::Strategy), vec![]),
        (account(2, 1, Scope::Mesh), vec![loss]),
    ] {
        FrameBuilder::new(&mut batch, &stamp).tailed(&account, &losses).finish().expect("fits");
    }
    ledger.commit(Frames::new(&[]), Frames::new(&batch)).expect("commits");
    let reader = SqliteLedger::open_reader(&path).expect("opens");
    let sql = "SELECT outcome || ' ' || requested || ' ' || allowed_quantity || ' ' || json_array_length(margins) || ' '
        || (margins ->> '$[1].gate') || ' ' || (margins ->> '$[1].scope') || ' ' || (margins ->> '$[1].margin') FROM risk_decisions";
    let row: String = reader.query_row(sql, [], |row| row.get(0)).expect("a row");
    assert_eq!(row, "reduce 6 5 2 order_notional venue -100");
    let sql = "SELECT trip || ' ' || loss_streak FROM risk_accounts WHERE scope = 'strategy' AND name = 'momentum'";
    assert_eq!(reader.query_row(sql, [], |row| row.get::<_, String>(0)).expect("a row"), "drawdown 9");
    let mut accounts = Vec::new();
    let mut read = |frame: &[u8]| {
        let message = Message::parse(frame).expect("a frame");
        let account = message.get_tailed::<RiskAccount>().expect("an account");
        accounts.push((account.head.loss_streak.get(), account.items.to_vec()));
    };
    ledger.recover(&mut read).expect("recovers");
    assert_eq!(accounts, [(9, vec![]), (2, vec![loss])]);
}

#[test]
fn a_holder_that_was_replaced_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut first = open(&path).take_over("first").expect("takes");
    commit(&mut first, &Said::default(), &placed(1, 2));
    let mut second = open(&path).take_over("second").expect("takes");
    let error = first.commit(Frames::new(&[]), Frames::new(&placed(2, 2).bytes)).expect_err("it was replaced");
    assert!(error.reason.contains("second has taken over (fence 2, this one has 1)"), "{error}");
    commit(&mut second, &Said::default(), &placed(3, 2));
    let reader = SqliteLedger::open_reader(&path).expect("opens");
    let orders: i64 = reader.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).expect("rows");
    assert_eq!(orders, 2);
    // Who comes back takes the next number.
    let mut first = open(&path).take_over("first").expect("takes");
    commit(&mut first, &Said::default(), &placed(2, 2));
    assert!(second.commit(Frames::new(&[]), Frames::new(&placed(4, 2).bytes)).is_err());
}

#[test]
fn a_reader_sees_committed_rows_and_never_blocks_the_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut ledger = open(&path);
    commit(&mut ledger, &Said::default(), &placed(1, 2));
    let mut reader = SqliteLedger::open_reader(&path).expect("opens");
    let count = |c: &Connection| -> i64 { c.query_row("SELECT count(*) FROM orders", [], |r| r.get(0)).expect("rows") };
    let held = reader.transaction().expect("begins");
    assert_eq!(count(&held), 1);
    commit(&mut ledger, &Said::default(), &placed(2, 2));
    assert_eq!(count(&held), 1, "a reader keeps its view");
    drop(held);
    assert_eq!(count(&reader), 2);
    assert!(reader.execute("DELETE FROM orders", []).is_err(), "a reader writes nothing");
    let price: String = reader.query_row("SELECT quantity FROM orders", [], |r| r.get(0)).expect("a row");
    assert_eq!(price, "2");
}

#[test]
fn what_can_t_be_used_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);

    drop(open(&at("newer.db")));
    Connection::open(at("newer.db")).and_then(|c| c.pragma_update(None, "user_version", 99)).expect("writes");
    let error = refused(&at("newer.db"));
    assert!(error.contains("found 99") && error.contains("a later build"), "{error}");

    Connection::open(at("foreign.db")).and_then(|c| c.execute_batch("CREATE TABLE pets (name TEXT)")).expect("writes");
    assert!(refused(&at("foreign.db")).contains("another program"));

    std::fs::write(at("text.db"), "these are no pages of a database, but words ".repeat(200)).expect("writes");
    assert!(refused(&at("text.db")).contains("corrupt"));

    let mut ledger = open(&at("torn.db"));
    for step in 0..60u8 {
        commit(&mut ledger, &Said::default(), &placed(step, 1));
    }
    drop(ledger);
    let mut bytes = std::fs::read(at("torn.db")).expect("reads");
    let half = bytes.len() / 2;
    bytes[half..].iter_mut().for_each(|byte| *byte = 0x5a);
    std::fs::write(at("torn.db"), bytes).expect("writes");
    assert!(refused(&at("torn.db")).contains("corrupt"));

    assert!(refused(&at("missing/ledger.db")).contains("can't be opened"));

    let mut ledger = open(&at("locked.db"));
    let other = Connection::open(at("locked.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let batch = placed(1, 1);
    let error = ledger.commit(Frames::new(&[]), Frames::new(&batch.bytes)).expect_err("locked");
    assert!(error.reason.contains("another process holds the database"), "{error}");
    other.execute_batch("COMMIT").expect("unlocks");
    commit(&mut ledger, &Said::default(), &batch);
}

#[test]
fn values_that_make_no_sense_are_kept_and_hold_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(&folder.path().join("ledger.db"));
    commit(&mut ledger, &Said::default(), &placed(1, 2));
    let mut senseless = fill(1, "a", 1);
    senseless.quantity.exponent = i8::MIN;
    senseless.price.exponent = i8::MAX;
    let unreadable = |byte: u8| Fill {
        trade_id: zerocopy::FromBytes::read_from_bytes(&[byte; 40]).expect("40 bytes"),
        ..fill(1, "", 1)
    };
    commit(&mut ledger, &said(&senseless).say(&unreadable(0xfe)).say(&unreadable(0xff)), &Said::default());
    let rows = recovered(&mut ledger);
    assert_eq!(rows.iter().filter(|row| row.starts_with("fill")).count(), 3, "{rows:?}");
    assert!(rows.contains(&"intent 1".to_owned()));
}

#[test]
fn a_net_position_is_the_sum_of_all_fills_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut ledger = open(&path);
    let ordered = |count: usize| said(&request(&Intent { client_order_id: many(count), ..intent(0, 1) }));
    let filled = |count: usize| said(&Fill { client_order_id: many(count), ..fill(0, &format!("t{count}"), 1) });
    // More orders than come back, in a file that keeps no net positions yet.
    for count in 0..1_100 {
        commit(&mut ledger, &ordered(count), &filled(count));
    }
    let rows = recovered(&mut ledger);
    assert!(rows.iter().all(|row| !row.starts_with("position")), "only where it is asked for");
    let mut ledger = open(&path).with_net_positions();
    assert_eq!(recovered(&mut ledger).last().map(String::as_str), Some("position 1100"));
    let sold = Fill { side: Side::Sell.into(), quantity: Decimal64::new(5, -1).into(), ..fill(0, "sold", 1) };
    commit(&mut ledger, &ordered(2_000), &said(&sold));
    // A repeat is no fill.
    commit(&mut ledger, &Said::default(), &said(&sold).say(&sold));
    assert_eq!(recovered(&mut ledger).last().map(String::as_str), Some("position 1099.5"));
    let mut ledger = open(&path).with_net_positions();
    assert_eq!(recovered(&mut ledger).last().map(String::as_str), Some("position 1099.5"));
}

fn many(count: usize) -> ClientOrderId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&count.to_le_bytes());
    ClientOrderId::new(id)
}
