//! The order logic, step by step, with the venue's words in the simplest language there can be.

#![allow(clippy::expect_used, clippy::panic)]

mod support;

use mesh_types::ClientOrderId;
use mesh_types::execution::{OrderCancel, OrderRequest, OrderStatusRequest};

use support::{Desk, SECOND, order, settings};

#[test]
fn nothing_is_sent_before_the_past_is_known() {
    let mut desk = Desk::new(settings());
    desk.start();
    assert_eq!(desk.took(), ["connect", "clock"]);
    desk.place(&order(1));
    assert_eq!(desk.took(), Vec::<String>::new());
    desk.answer("clock", 200, "clock 5000");
    assert_eq!(desk.took(), ["balances", "open_orders"]);
    desk.answer("balances", 200, "balance USDT 100 0");
    assert_eq!(desk.took(), ["say balance USDT 100"]);
    desk.answer("open_orders", 502, "");
    assert_eq!(desk.took(), Vec::<String>::new());
    desk.pass(SECOND);
    assert_eq!(desk.took(), ["open_orders"]);
    desk.answer("open_orders", 200, "");
    assert_eq!(desk.took(), ["say sent 1", "place 1"], "that it is about to be sent is said first");
    // The next life: what was about to be sent is asked about before anything else is sent.
    let mut next = desk.killed();
    next.start();
    next.place(&order(2));
    next.ready();
    assert_eq!(next.took(), ["connect", "clock", "balances", "open_orders", "query 1"]);
    next.answer("query 1", 404, "");
    next.pass(SECOND);
    assert_eq!(next.took(), ["query 1"], "it may lag behind itself");
    next.answer("query 1", 200, "order 1 77 accepted 0");
    assert_eq!(next.took(), ["say accepted 1 77", "say sent 2", "place 2"]);
}

#[test]
fn an_order_is_sent_once_whatever_is_answered() {
    // Status, body, and what follows at once and a while later.
    let cases: [(u16, &str, &[&str]); 6] = [
        (200, "order 1 77 accepted 0", &["say accepted 1 77"]),
        (400, "refused", &["say rejected 1 venue: refused"]),
        (0, "time is up", &["query 1"]),
        (504, "", &["query 1"]),
        (409, "placed", &["query 1"]),
        (429, "", &["say sent 1", "place 1"]),
    ];
    for (status, body, expected) in cases {
        let mut desk = Desk::ready_to_send();
        desk.place(&order(1));
        assert_eq!(desk.took(), ["say sent 1", "place 1"]);
        desk.place(&order(1));
        assert_eq!(desk.took(), Vec::<String>::new(), "the same again is the same order");
        desk.answer("place 1", status, body);
        let mut took = desk.took();
        desk.pass(SECOND);
        took.extend(desk.took());
        assert_eq!(took, expected, "{status}");
    }
}

#[test]
fn silence_is_asked_about_and_is_no_refusal() {
    let mut desk = Desk::ready_to_send();
    desk.place(&order(1));
    desk.answer("place 1", 0, "time is up");
    desk.took();
    let mut asked = 0;
    for _ in 0..9 {
        desk.pass(SECOND);
        for what in desk.took() {
            assert_eq!(what, "query 1");
            asked += 1;
            desk.answer("query 1", 404, "");
        }
    }
    assert!(asked > 4, "{asked}");
    assert!(desk.took().is_empty(), "the venue may still take it");
    desk.pass(2 * SECOND);
    assert_eq!(desk.took(), ["query 1"]);
    desk.answer("query 1", 404, "");
    assert_eq!(desk.took(), ["say rejected 1 venue: it never reached the venue"]);
    // One that the venue spoke of is never taken as gone.
    desk.place(&order(2));
    desk.answer("place 2", 200, "order 2 78 accepted 0");
    desk.took();
    for _ in 0..30 {
        desk.pass(SECOND);
        desk.take_and_answer("query 2", 404, "");
    }
    assert!(!desk.executor.order(&order(2).client_order_id).expect("known").is_final());
}

#[test]
fn fills_come_once_and_none_is_missed() {
    let mut desk = Desk::ready_to_send();
    desk.place(&order(1));
    desk.took();
    // The stream is faster than the answer.
    desk.hears("trade 1 77 t1 2 10\norder 1 77 partially_filled 2");
    assert_eq!(desk.took(), ["say accepted 1 77", "say fill 1 t1 2"]);
    desk.hears("trade 1 77 t1 2 10");
    desk.answer("place 1", 200, "trade 1 77 t1 2 10\norder 1 77 partially_filled 2");
    assert_eq!(desk.took(), Vec::<String>::new());
    // It ends with more than was told: the rest is fetched.
    desk.hears("order 1 77 cancelled 5");
    assert_eq!(desk.took(), ["say cancelled 1 5 venue"]);
    desk.pass(SECOND);
    assert_eq!(desk.took(), ["trades 1"]);
    desk.answer("trades 1", 200, "trade - 77 t1 2 10\ntrade - 77 t2 3 11\ntrade - 99 t3 1 11");
    assert_eq!(desk.took(), ["say fill 1 t2 3"]);
    assert!(desk.executor.order(&order(1).client_order_id).expect("known").is_final());
    // A mute stream: what works is looked at all the same.
    desk.place(&order(2));
    desk.answer("place 2", 200, "order 2 78 accepted 0");
    desk.took();
    desk.pass(11 * SECOND);
    assert_eq!(desk.took(), ["query 2"]);
    desk.answer("query 2", 200, "order 2 78 filled 10");
    desk.pass(SECOND);
    assert_eq!(desk.took(), ["trades 2"]);
    desk.answer("trades 2", 200, "trade - 78 t9 10 10");
    assert_eq!(desk.took(), ["say fill 2 t9 10"]);
}

#[test]
fn after_a_gap_of_the_stream_everything_that_works_is_asked_about() {
    let mut desk = Desk::ready_to_send();
    desk.place(&order(1));
    desk.answer("place 1", 200, "order 1 77 accepted 0");
    desk.took();
    desk.executor.on_disconnected(desk.now_ns);
    desk.pass(SECOND);
    assert_eq!(desk.took(), ["connect"]);
    desk.executor.on_connected(desk.now_ns);
    assert_eq!(desk.took(), ["send follow"]);
    desk.hears("following");
    assert_eq!(desk.took(), ["balances", "open_orders", "query 1"]);
    desk.hears("ended");
    desk.pass(SECOND);
    assert_eq!(desk.took(), ["connect"]);
}

#[test]
fn foreign_orders_are_left_alone() {
    let mut desk = Desk::ready_to_send();
    desk.hears("order somebody 5 filled 3\ntrade somebody 5 t7 3 10");
    assert_eq!(desk.took(), Vec::<String>::new());
    let unknown = ClientOrderId::new([9; 16]);
    desk.hears(&format!("order {unknown} 6 accepted 0"));
    assert_eq!(desk.took(), Vec::<String>::new());
    assert_eq!(desk.executor.foreign().len(), 2);
}

#[test]
fn what_is_wanted_back_is_taken_back_until_it_has_ended() {
    let mut desk = Desk::ready_to_send();
    desk.place(&order(1));
    desk.answer("place 1", 200, "order 1 77 accepted 0");
    desk.took();
    let cancel = OrderCancel { client_order_id: order(1).client_order_id, ..OrderCancel::default() };
    desk.told(&cancel);
    assert_eq!(desk.took(), ["cancel 1"]);
    desk.answer("cancel 1", 504, "");
    desk.pass(SECOND);
    assert_eq!(desk.took(), ["query 1"]);
    desk.answer("query 1", 200, "order 1 77 accepted 0");
    desk.pass(2 * SECOND);
    assert_eq!(desk.took(), ["cancel 1"]);
    desk.answer("cancel 1", 200, "order 1 77 cancelled 0");
    assert_eq!(desk.took(), ["say cancelled 1 0 requested"]);
    // All at once, also what was not sent yet.
    let mut early = Desk::new(settings());
    early.start();
    early.place(&order(3));
    early.told(&OrderCancel::default());
    assert_eq!(early.took(), ["connect", "clock", "say cancelled 3 0 requested"]);
}

#[test]
fn what_is_asked_about_is_answered_and_what_was_never_here_is_said_to_be_so() {
    let mut desk = Desk::ready_to_send();
    let asks =
        |id: u8| OrderStatusRequest { client_order_id: order(id).client_order_id, instrument: order(id).instrument };
    desk.told(&asks(1));
    assert_eq!(desk.took(), ["say unknown 1"]);
    let elsewhere = OrderStatusRequest { instrument: "kraken:spot:BTC/USD".parse().expect("an id"), ..asks(1) };
    desk.told(&elsewhere);
    assert_eq!(desk.took(), Vec::<String>::new(), "another executor's");
    desk.place(&order(1));
    desk.answer("place 1", 504, "");
    desk.took();
    desk.told(&asks(1));
    assert_eq!(desk.took(), ["query 1"], "nothing is said before the venue has");
    desk.answer("query 1", 200, "trade 1 77 t1 10 9\norder 1 77 filled 10");
    desk.took();
    desk.told(&asks(1));
    assert_eq!(desk.took(), ["say accepted 1 77", "say fill 1 t1 10", "say filled 1"]);
}

#[test]
fn what_comes_too_late_or_can_t_be_said_to_the_venue_is_denied_here() {
    let mut desk = Desk::ready_to_send();
    let late = OrderRequest { expires_ns: (desk.now_ns - 1).into(), ..order(1) };
    desk.place(&late);
    assert_eq!(desk.took(), ["say rejected 1 stale: it came after it expired"]);
    desk.place(&OrderRequest { quantity: mesh_types::Decimal64::ZERO.into(), ..order(2) });
    assert_eq!(desk.took(), ["say rejected 2 filter: nothing is ordered"]);
    let mut waiting = Desk::new(settings());
    waiting.start();
    waiting.place(&OrderRequest { expires_ns: (waiting.now_ns + SECOND).into(), ..order(3) });
    waiting.pass(2 * SECOND);
    assert_eq!(waiting.took(), ["connect", "clock", "say rejected 3 stale: it expired before it could be sent"]);
    // Wrong keys: nothing more is sent.
    desk.place(&order(4));
    desk.answer("place 4", 401, "keys");
    assert_eq!(desk.took(), ["say sent 4", "place 4", "say rejected 4 venue: keys"]);
    desk.place(&order(5));
    let [said] = desk.took().try_into().expect("one");
    assert!(said.starts_with("say rejected 5 venue: the venue does not take our requests"), "{said}");
}

#[test]
fn dry_is_all_but_the_last_step() {
    let mut desk = Desk::new(mesh_executor::Settings { dry: true, ..settings() });
    desk.start();
    desk.ready();
    desk.took();
    desk.place(&order(1));
    assert_eq!(desk.took(), ["say sent 1", "check 1"]);
    desk.answer("check 1", 200, "");
    assert_eq!(desk.took(), ["say rejected 1 venue: dry: the venue would take it, and it was not placed"]);
}
