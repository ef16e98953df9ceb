use super::orders::{Fill, Order};
use super::*;
use crate::binance::event::Event;
use crate::binance::format::{self, NewOrder, Query};
use crate::binance::order::{UserEvent, account_trades, order_report, order_reports};
use crate::binance::parse::Decoder;
use crate::binance::sign::tests::documented;
use crate::binance::{answers, instruments};
use mesh_types::{OrderState, OrderType, Side, TimeInForce};
use proptest::prelude::*;

const NOW_MS: u64 = 1_700_000_000_000;

fn checked(query: &str, server_ms: u64) -> Result<Parameters, i64> {
    let keys = documented();
    check(&keys, Some(keys.api_key()), query, "", server_ms).map_err(|refusal| refusal.code)
}

#[test]
fn what_a_client_signs_is_accepted_and_what_it_does_not_is_refused() {
    let keys = documented();
    let mut query = Query::new();
    query.push("symbol", "１２３/&=+ ").push("quantity", "1.50");
    let signed = query.signed(&keys, NOW_MS, Some(1000));
    let parameters = checked(&signed, NOW_MS + 1000).expect("in the window");
    assert_eq!(parameters.get("symbol"), Some("１２３/&=+ "));
    assert_eq!(parameters.decimal("quantity"), Ok(Decimal64::new(150, -2)));
    assert_eq!(parameters.decimal("price").map_err(|r| r.code), Err(-1102));
    assert_eq!(parameters.decimal("symbol").map_err(|r| r.code), Err(-1100));
    assert_eq!(checked(&signed, NOW_MS + 1001), Err(-1021), "too late");
    assert_eq!(checked(&signed, NOW_MS - 1000), Err(-1021), "from the future");
    assert_eq!(checked(&signed, NOW_MS - 999).map(drop), Ok(()));
    assert_eq!(checked(&signed.replace("1.50", "1.51"), NOW_MS), Err(-1022));
    assert_eq!(checked("timestamp=1", NOW_MS), Err(-1102));
    assert_eq!(checked(&query.signed(&keys, NOW_MS, Some(60_001)), NOW_MS), Err(-1131));
    assert_eq!(checked("a=%zz", NOW_MS), Err(-1100));
    let code = |key| check(&keys, key, &signed, "", NOW_MS).map_err(|r| (r.status, r.code)).map(drop);
    assert_eq!((code(None), code(Some("other"))), (Err((401, -2014)), Err((401, -2015))));
    assert_eq!(Refusal::new(-1, "a\"b").body(), r#"{"code":-1,"msg":"a\"b"}"#);
}

#[test]
fn a_body_is_signed_after_the_query() {
    let keys = documented();
    let (query, body) = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
        "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
    );
    let signature = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77";
    let body = format!("{body}&signature={signature}");
    assert!(check(&keys, Some(keys.api_key()), query, &body, 1_499_827_319_559).is_ok());
}

#[test]
fn orders_go_round() {
    let keys = documented();
    for market in [Market::Spot, Market::UsdM, Market::CoinM] {
        let writer = Writer { market, unit: TimeUnit::Millisecond };
        let new = NewOrder {
            symbol: "BTCUSDT",
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            quantity: Decimal64::new(2, 0),
            price: Decimal64::new(105, -1),
            client_order_id: "mine",
            reduce_only: false,
        };
        let request = format::place_order(market, &new);
        let target = request.target(&keys, NOW_MS, None);
        let (_, query) = target.split_once('?').expect("a query");
        let parameters = checked(query, NOW_MS).expect("signed");
        let fill = Fill {
            trade_id: 9,
            price: parameters.decimal("price").expect("a price"),
            quantity: Decimal64::ONE,
            fee: Decimal64::new(1, -3),
            fee_asset: "BNB",
            maker: true,
            time_ns: NOW_MS * 1_000_000,
        };
        let order = Order {
            symbol: parameters.required("symbol").expect("a symbol"),
            order_id: 77,
            client_order_id: parameters.required("newClientOrderId").expect("an id"),
            side: Side::Buy,
            order_type: "LIMIT",
            time_in_force: "GTC",
            price: fill.price,
            quantity: parameters.decimal("quantity").expect("a quantity"),
            executed: Decimal64::ONE,
            executed_quote: fill.price,
            status: "PARTIALLY_FILLED",
            placed_ns: fill.time_ns,
            updated_ns: fill.time_ns,
        };
        let placed = writer.order_placed(&order, &[fill]);
        let report = order_report(placed.as_bytes()).expect("an order");
        assert_eq!((report.client_order_id(), report.order_id, report.venue_ns()), ("mine", 77, fill.time_ns));
        assert_eq!((report.executed_qty, report.quote_qty), (Some(Decimal64::ONE), Some(fill.price)));
        assert_eq!(report.fills.len(), usize::from(market == Market::Spot));
        let cancelled = writer.order_cancelled(&Order { status: "CANCELED", ..order }, "another");
        let report = order_report(cancelled.as_bytes()).expect("an order");
        assert_eq!((report.client_order_id(), report.status.map(|s| s.state())), ("mine", Some(OrderState::Cancelled)));
        let listed = writer.orders([&order, &order]);
        assert_eq!(order_reports(listed.as_bytes()).expect("orders").len(), 2);
        let trades = format!("[{}]", writer.account_trade(&order, &fill));
        let trades = account_trades(trades.as_bytes()).expect("trades");
        assert!(matches!(trades.as_slice(), [trade] if trade.id == 9 && trade.is_buyer && trade.is_maker));
        for (event, cancel) in [
            (writer.execution(&order, "TRADE", Some(&fill), None), false),
            (writer.execution(&order, "CANCELED", None, Some("another")), true),
        ] {
            let mut seen = 0;
            let decoded = Decoder::new().decode(event.as_bytes(), |_, event| {
                let Event::User { kind, json } = event else { panic!("expected a user event, found {event:?}") };
                let parsed = UserEvent::parse(kind, json);
                let Ok(UserEvent::Execution(execution)) = parsed else { panic!("expected an execution: {parsed:?}") };
                assert_eq!(execution.client_order_id(), "mine");
                assert_eq!(execution.trade_id(), (!cancel).then_some(9));
                assert_eq!(execution.venue_ns(), fill.time_ns);
                seen += 1;
            });
            assert_eq!((decoded, seen), (Ok(()), 1), "{event}");
        }
    }
}

#[test]
fn exchange_information_goes_round() {
    let limits = [
        RateLimit { kind: RateLimitKind::RequestWeight, interval_ns: 60_000_000_000, limit: 6000 },
        RateLimit { kind: RateLimitKind::Orders, interval_ns: 10_000_000_000, limit: 50 },
    ];
    for market in [Market::Spot, Market::UsdM, Market::CoinM] {
        let symbols = [SymbolInfo {
            symbol: "BTCUSDT".into(),
            status: SymbolStatus::Trading,
            base: "BTC".into(),
            quote: "USDT".into(),
            tick: Decimal64::new(1_000_000, -8),
            lot: Decimal64::new(1_000, -8),
            min_quantity: Decimal64::new(1_000, -8),
            max_quantity: Decimal64::new(9_000, 0),
            min_notional: Decimal64::new(5, 0),
            contract_size: (market == Market::CoinM).then_some(Decimal64::new(100, 0)),
        }];
        let writer = Writer { market, unit: TimeUnit::Millisecond };
        let body = writer.exchange_info(NOW_MS * 1_000_000, &limits, &symbols);
        let info = instruments::exchange_info(body.as_bytes()).expect("own text");
        assert_eq!((info.server_ns, info.rate_limits.as_slice()), (NOW_MS * 1_000_000, limits.as_slice()));
        assert_eq!(info.symbols, symbols);
    }
}

fn any_decimal() -> impl Strategy<Value = Decimal64> {
    (0i64..1_000_000_000_000, -8i8..=0).prop_map(|(mantissa, exponent)| Decimal64::new(mantissa, exponent))
}

fn any_levels() -> impl Strategy<Value = Vec<PriceLevel>> {
    proptest::collection::vec((any_decimal(), any_decimal()), 0..6)
}

fn round_trip(text: &str, expected: Event<'_>) -> Result<(), TestCaseError> {
    let combined = Writer::combined("btcusdt@x", text);
    let mut decoder = Decoder::new();
    let mut seen = 0;
    for frame in [text, &combined] {
        let decoded = decoder.decode(frame.as_bytes(), |_, event| {
            assert_eq!(*event, expected, "{text}");
            seen += 1;
        });
        prop_assert_eq!(decoded, Ok(()), "{}", text);
    }
    prop_assert_eq!(seen, 2);
    Ok(())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        market in 0usize..3, micro in any::<bool>(), id in any::<u64>(), flag in any::<bool>(), other in any::<bool>(),
        a in any_decimal(), b in any_decimal(), c in any_decimal(), d in any_decimal(), bids in any_levels(), asks in any_levels(),
    ) {
        let market = [Market::Spot, Market::UsdM, Market::CoinM][market];
        let writer = Writer { market, unit: if micro { TimeUnit::Microsecond } else { TimeUnit::Millisecond } };
        let futures = market != Market::Spot;
        let event_ns = 1_700_000_000_123_000_000;
        let transaction_ns = if futures { 1_700_000_000_122_000_000 } else { 0 };
        let symbol = "BTCUSDT";
        let trade = Trade {
            symbol, aggregated: flag, id, price: a, quantity: b, buyer_is_maker: other, trade_ns: event_ns - 1_000_000,
            on_market: flag || !futures || other, event_ns,
        };
        round_trip(&writer.trade(&trade), Event::Trade(trade))?;
        let ticker_ns = if futures { event_ns } else { 0 };
        let ticker = BookTicker { symbol, update_id: id, bid: (a, b), ask: (c, d), transaction_ns, event_ns: ticker_ns };
        round_trip(&writer.book_ticker(&ticker), Event::BookTicker(ticker))?;
        let (previous, first, last) = (if futures { id } else { 0 }, id / 2, id);
        let update = DepthUpdate { symbol, first, last, previous, transaction_ns, event_ns, bids: &bids, asks: &asks };
        round_trip(&writer.depth_update(&update), Event::DepthUpdate(update))?;
        let depth = Depth { symbol: None, last, transaction_ns, event_ns: ticker_ns, bids: &bids, asks: &asks };
        round_trip(&writer.depth(&depth), Event::Depth(depth))?;
        let kline = Kline {
            symbol, interval: "1m", open_ns: 1_700_000_040_000_000_000, open: a, high: b, low: c, close: d, volume: a,
            trade_count: id, closed: flag, event_ns,
        };
        round_trip(&writer.kline(&kline), Event::Kline(kline))?;
        let body = writer.klines([&kline]);
        let mut seen = 0;
        let closed = answers::klines(body.as_bytes(), symbol, "1m", if flag { u64::MAX } else { 0 }, |read| {
            seen += 1;
            assert_eq!(*read, Kline { event_ns: read.event_ns, ..kline });
        });
        prop_assert_eq!((closed, seen), (Ok(()), 1));
        let mark = MarkPrice {
            symbol, mark: a, index: b, funding_rate: flag.then_some(c), next_funding_ns: transaction_ns, event_ns,
        };
        round_trip(&writer.mark_price(&mark), Event::MarkPrice(mark))?;
        let side = if flag { Side::Buy } else { Side::Sell };
        let order = Liquidation { symbol, side, price: a, average_price: b, quantity: c, trade_ns: event_ns, event_ns };
        round_trip(&writer.liquidation(&order), Event::Liquidation(order))?;
    }

    #[test]
    fn any_request_is_survived(query in "\\PC{0,80}", body in "\\PC{0,40}", key in "\\PC{0,10}") {
        let keys = documented();
        prop_assert!(check(&keys, Some(&key), &query, &body, NOW_MS).is_err());
        prop_assert!(check(&keys, Some(keys.api_key()), &query, &body, NOW_MS).is_err());
    }
}
