use super::*;
use crate::core::instrument::tests::btcusdt;
use crate::core::units::EXPONENT;
use mesh_book::Exponents;
use proptest::prelude::*;

const MICRO: i64 = 1_000;

fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
    let levels = |side: &[(i64, i64)]| side.iter().map(|(p, q)| Level::new(p * ONE, q * MICRO)).collect::<Vec<_>>();
    let mut book = Book::new(Exponents::new(EXPONENT, EXPONENT));
    book.replace(&levels(bids), &levels(asks));
    book
}

fn exchange() -> Exchange {
    let start = [("BTC".to_owned(), 2 * i128::from(ONE)), ("USDT".to_owned(), 1_000 * i128::from(ONE))];
    let instrument = Instrument { min_notional: 0, ..btcusdt() };
    Exchange::new(vec![instrument], vec![Balances::new(start)], (basis_points(10), basis_points(20)))
}

fn order(side: Side, kind: Kind, price: i64, quantity: i64, id: &str) -> Placement {
    Placement {
        instrument: 0,
        client_order_id: id.into(),
        side,
        kind,
        time_in_force: TimeInForce::Gtc,
        amount: Amount::Base(quantity * MICRO),
        price: price * ONE,
    }
}

#[test]
fn a_taker_pays_the_book_s_prices_and_the_rest_waits_behind_others() {
    let mut exchange = exchange();
    let mut market = book(&[(99, 50)], &[(100, 30), (101, 40)]);
    let buy = order(Side::Buy, Kind::Limit, 101, 100, "a");
    let (placed, fills) = exchange.place(0, &buy, &market, 1).expect("placed");
    assert_eq!((placed.status, placed.executed), (Status::PartiallyFilled, 70 * MICRO));
    assert_eq!(
        fills.iter().map(|f| (f.price, f.quantity)).collect::<Vec<_>>(),
        [(100 * ONE, 30 * MICRO), (101 * ONE, 40 * MICRO)]
    );
    assert_eq!(fills[0].fee, 60, "20 basis points of 30 lots, in BTC");
    let again = exchange.place(0, &order(Side::Buy, Kind::Market, 0, 5, "b"), &market, 2).expect("placed");
    assert_eq!((again.0.status, again.1.len()), (Status::Expired, 0), "the levels are used up");
    assert_eq!(exchange.place(0, &buy, &market, 3), Err(Reject::Duplicate));
    // The market trades at 101 against bids: first what stood there before.
    let trade = |price, quantity| Trade { id: 1, price: price * ONE, quantity, buyer_is_maker: true, time_ns: 4 };
    market.set(Side::Buy, Level::new(101 * ONE, 10 * MICRO));
    exchange.on_trade(0, &trade(101, 4 * MICRO));
    assert_eq!(exchange.order(0, 0, OrderRef::ClientId("a")).expect("kept").executed, 74 * MICRO);
    // A trade beyond its price fills it at its own.
    exchange.on_trade(0, &trade(98, 500 * MICRO));
    let done = exchange.order(0, 0, OrderRef::Id(placed.id)).expect("kept");
    assert_eq!((done.status, done.executed), (Status::Filled, 100 * MICRO));
    assert_eq!(exchange.fills(0).last().map(|f| (f.price, f.maker)), Some((101 * ONE, true)));
    assert_eq!(exchange.balances(0).expect("an account").get("USDT").locked, 0);
    exchange.place(0, &order(Side::Buy, Kind::Limit, 90, 1, "a"), &market, 5).expect("a used id of a finished order");
}

#[test]
fn a_resting_order_waits_behind_what_was_there() {
    let mut exchange = exchange();
    let market = book(&[(99, 50)], &[(100, 30)]);
    exchange.place(0, &order(Side::Buy, Kind::LimitMaker, 99, 10, "a"), &market, 1).expect("placed");
    let trade = |quantity: i64| Trade { id: 1, price: 99 * ONE, quantity, buyer_is_maker: true, time_ns: 4 };
    exchange.on_trade(0, &trade(50 * MICRO));
    assert_eq!(exchange.fills(0).count(), 0);
    exchange.on_trade(0, &trade(4 * MICRO));
    assert_eq!(exchange.fills(0).map(|f| f.quantity).sum::<i64>(), 4 * MICRO);
    // Asks come down to its price: the rest is filled there.
    let crossed = book(&[], &[(98, 3), (99, 500)]);
    exchange.on_book(0, &crossed, None, 5);
    let done = exchange.order(0, 0, OrderRef::ClientId("a")).expect("kept");
    assert_eq!((done.status, done.executed_quote), (Status::Filled, 99 * 10 * i128::from(MICRO)));
}

#[test]
fn orders_end_by_their_own_terms() {
    let mut exchange = exchange();
    let market = book(&[(99, 50)], &[(100, 30)]);
    let fok =
        |quantity| Placement { time_in_force: TimeInForce::Fok, ..order(Side::Buy, Kind::Limit, 100, quantity, "f") };
    let (placed, fills) = exchange.place(0, &fok(31), &market, 1).expect("placed");
    assert_eq!((placed.status, fills.len()), (Status::Expired, 0));
    let ioc = Placement { time_in_force: TimeInForce::Ioc, ..order(Side::Buy, Kind::Limit, 100, 31, "i") };
    let (placed, _) = exchange.place(0, &ioc, &market, 1).expect("placed");
    assert_eq!((placed.status, placed.executed), (Status::Expired, 30 * MICRO));
    let maker = order(Side::Sell, Kind::LimitMaker, 99, 1, "m");
    assert_eq!(exchange.place(0, &maker, &market, 1), Err(Reject::WouldTake));
    let rich = order(Side::Buy, Kind::Limit, 1_000, 10_000_000, "r");
    assert_eq!(exchange.place(0, &rich, &market, 1), Err(Reject::InsufficientBalance));
    let quote =
        Placement { amount: Amount::Quote(99 * 5 * MICRO as i128), ..order(Side::Sell, Kind::Market, 0, 0, "q") };
    let (placed, _) = exchange.place(0, &quote, &market, 1).expect("placed");
    assert_eq!((placed.status, placed.quantity), (Status::Filled, 5 * MICRO));
    assert_eq!(exchange.cancel(0, 0, OrderRef::ClientId("i"), 2), Err(Reject::UnknownOrder));
}

#[derive(Clone, Debug)]
enum Act {
    Place(Placement),
    Cancel(String),
    Trade(Trade),
    Level(Side, i64, i64),
}

fn any_act() -> impl Strategy<Value = Act> {
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let kind = prop_oneof![Just(Kind::Limit), Just(Kind::LimitMaker), Just(Kind::Market)];
    let tif = prop_oneof![Just(TimeInForce::Gtc), Just(TimeInForce::Ioc), Just(TimeInForce::Fok)];
    let amount = prop_oneof![
        (1i64..400).prop_map(|quantity| Amount::Base(quantity * MICRO)),
        (1i128..5_000_000).prop_map(Amount::Quote)
    ];
    let place = (side(), kind, tif, amount, 90i64..110, 0u8..12).prop_map(|(side, kind, tif, amount, price, id)| {
        let amount = match (kind, amount) {
            (Kind::Market, amount) | (_, amount @ Amount::Base(_)) => amount,
            (_, Amount::Quote(_)) => Amount::Base(7 * MICRO),
        };
        Act::Place(Placement { time_in_force: tif, amount, ..order(side, kind, price, 0, &id.to_string()) })
    });
    let trade = (90i64..110, 1i64..300, any::<bool>()).prop_map(|(price, quantity, buyer_is_maker)| {
        Act::Trade(Trade { id: 0, price: price * ONE, quantity: quantity * MICRO, buyer_is_maker, time_ns: 9 })
    });
    prop_oneof![
        4 => place,
        1 => (0u8..12).prop_map(|id| Act::Cancel(id.to_string())),
        2 => trade,
        3 => (side(), 90i64..110, 0i64..200).prop_map(|(side, price, quantity)| Act::Level(side, price, quantity)),
    ]
}

proptest! {
    #[test]
    fn books_balance_whatever_is_ordered(acts in proptest::collection::vec(any_act(), 1..120)) {
        let mut exchange = exchange();
        let mut market = book(&[(99, 50), (98, 70)], &[(101, 30), (102, 90)]);
        let before = exchange.balances(0).expect("an account").clone();
        for act in acts {
            match act {
                Act::Place(placement) => {
                    if let Ok((order, fills)) = exchange.place(0, &placement, &market, 1) {
                        prop_assert_eq!(order.executed, fills.iter().map(|fill| fill.quantity).sum::<i64>());
                        let limit = (placement.kind != Kind::Market).then_some(placement.price);
                        for fill in &fills {
                            let within = limit.is_none_or(|limit| match placement.side {
                                Side::Buy => fill.price <= limit,
                                Side::Sell => fill.price >= limit,
                            });
                            prop_assert!(within, "never worse than its limit");
                        }
                    }
                }
                Act::Cancel(id) => drop(exchange.cancel(0, 0, OrderRef::ClientId(&id), 1)),
                Act::Trade(trade) => {
                    let filled = exchange.fills(0).map(|fill| fill.quantity).sum::<i64>();
                    exchange.on_trade(0, &trade);
                    let filled = exchange.fills(0).map(|fill| fill.quantity).sum::<i64>() - filled;
                    prop_assert!(filled <= trade.quantity);
                }
                Act::Level(side, price, quantity) => {
                    let level = Level::new(price * ONE, quantity * MICRO);
                    market.set(side, level);
                    let crossed = |best: Option<Level>, far: bool| best.is_some_and(|b| (b.price >= level.price) == far);
                    // The market itself is never crossed.
                    if side == Side::Sell { while crossed(market.best_bid(), true) {
                        let best = market.best_bid().expect("there").price;
                        market.set(Side::Buy, Level::new(best, 0));
                    } } else { while market.best_ask().is_some_and(|b| b.price <= level.price) {
                        let best = market.best_ask().expect("there").price;
                        market.set(Side::Sell, Level::new(best, 0));
                    } }
                    exchange.on_book(0, &market, Some(&[(side, level.price)]), 2);
                }
            }
            let balances = exchange.balances(0).expect("an account");
            let mut expected: BTreeMap<&str, i128> = before.iter().map(|(asset, b)| (asset, b.free)).collect();
            for fill in exchange.fills(0) {
                let instrument = &exchange.instruments()[0];
                let sign = if fill.side == Side::Buy { 1 } else { -1 };
                *expected.entry("BTC").or_default() += sign * i128::from(fill.quantity);
                // Prices are whole and quantities of 10^-5 here: no notional is rounded.
                *expected.entry("USDT").or_default() -=
                    sign * instrument.notional(fill.price, fill.quantity, Rounding::Floor);
                *expected.entry(if fill.side == Side::Buy { "BTC" } else { "USDT" }).or_default() -= fill.fee;
            }
            for (asset, balance) in balances.iter() {
                prop_assert!(balance.free >= 0 && balance.locked >= 0, "{asset}: {balance:?}");
                prop_assert_eq!(balance.free + balance.locked, expected[asset], "{}", asset);
            }
            let locked: i128 = exchange.open_orders(0, None).map(|order| order.locked).sum();
            prop_assert_eq!(locked, balances.iter().map(|(_, balance)| balance.locked).sum::<i128>());
            for order in exchange.open_orders(0, None) {
                prop_assert!(order.executed < order.quantity && order.remaining() > 0);
            }
        }
    }
}
