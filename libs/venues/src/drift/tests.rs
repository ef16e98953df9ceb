use super::*;
use crate::books::Books;
use crate::message::Message;
use crate::recordings::file;
use mesh_types::{Decimal64, Side};
use proptest::prelude::*;
use records::{FileCounts, funding_rates, trades};

fn sol() -> InstrumentId {
    instrument("SOL-PERP").expect("a market")
}

fn read(file: &str) -> (Vec<(String, String, Option<Side>)>, FileCounts) {
    let mut seen = vec![];
    let counts = trades(file.as_bytes(), sol(), |trade| {
        seen.push((trade.price.get().to_string(), trade.quantity.get().to_string(), trade.side.get()));
    });
    (seen, counts)
}

#[test]
fn columns_are_found_by_name_and_each_line_has_its_fate() {
    let csv = "baseAssetAmountFilled,quoteAssetAmountFilled,oraclePrice,ts,action,takerOrderDirection,fillRecordId\n\
               1.5,120.750000,80.4,1704777451,fill,long,7\n\
               1.5,120.75,80.4,1704777451,trigger,long,8\n\
               0.000000000,0.000000,80.4,1704777451,fill,,9\n\
               1.5,x,80.4,1704777451,fill,long,10\n\
               1.5,120.75,80.4\n\
               \n\
               2,161,80.4,1704777452,fill,short,11\n\
               2000000000,161000000,80400000,1704777452,fill,,12\n";
    let (seen, counts) = read(csv);
    assert_eq!(counts, FileCounts { parsed: 5, accepted: 3, skipped: 2, malformed: 2, absent: false });
    assert_eq!(counts.to_string(), "parsed=5 accepted=3 skipped=2 malformed=2");
    assert_eq!(seen[0], ("80.500000".into(), "1.5".into(), Some(Side::Buy)));
    assert_eq!(seen[1], ("80.500000".into(), "2".into(), Some(Side::Sell)), "whole decimals, as the oracle says");
    assert_eq!(seen[2], ("80.500000".into(), "2.000000000".into(), None), "raw integers, no side");
}

#[test]
fn a_price_and_a_time_are_enough() {
    let (seen, counts) =
        read("{\"ts\":1704777451,\"price\":\"80.5\"}\n{\"price\":\"80.5\"}\nnoise\n{\"ts\":1,\"price\":\"-1\"}\n");
    assert_eq!((counts.accepted, counts.malformed), (1, 3));
    assert_eq!(seen, [("80.5".into(), "0".into(), None)]);
    let absent = read("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>").1;
    assert!(absent.absent && absent.parsed == 0 && absent.to_string().contains("no such file"));
    assert_eq!(read("").1, FileCounts::default());
}

#[test]
fn real_samples_have_the_values_that_others_read() {
    let Some(bytes) = file("drift/real_api_samples.json") else { return };
    let samples: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_slice(&bytes).expect("samples");
    let sample = |name: &str| samples.get(name).unwrap_or_else(|| panic!("no {name}")).get().as_bytes();
    let mut prices = vec![];
    let counts = trades(sample("data_api_market_ETH-PERP_trades"), sol(), |trade| {
        prices.push((trade.price.get(), trade.side.get()))
    });
    assert_eq!((counts.accepted, counts.malformed), (1, 0));
    assert_eq!(prices, [("1888.51".parse().expect("a decimal"), Some(Side::Sell))]);
    let mut rates = vec![];
    let counts = funding_rates(sample("fundingRates_BTC-PERP_velocity_api_2026-09-13"), sol(), false, |update| {
        rates.push(update.funding.expect("funding").rate);
    });
    assert_eq!((counts.accepted, counts.parsed), (3, 3));
    let nearly: Decimal64 = "0.0000827".parse().expect("a decimal");
    assert_eq!(rates[0].rescale(-7, mesh_types::Rounding::Floor), Ok(nearly), "{}", rates[0]);
    let mut books = Books::new();
    let mut parser = dlob::Parser::new();
    for (name, market, best) in [
        ("dlob_l2_ETH-PERP", "ETH-PERP", (("1896.967924", "0.207"), ("1900.24", "2.631"))),
        ("ws_data_api_orderbook", "SOL-PERP", (("85.56", "2942.366520676"), ("85.7168", "2334.774"))),
    ] {
        let parsed = parser.parse(sample(name), 1, &mut |message| {
            let Message::Book(update) = message else { panic!("{message:?}") };
            books.on_update(update, 1).expect("levels");
        });
        assert_eq!(parsed, Ok(()), "{name}");
        let book = books.get(instrument(market).expect("a market"), "orderbook").expect("a book");
        assert!(book.is_live());
        let exponents = book.get().book().exponents();
        let level = |level: Option<mesh_book::Level>| {
            let level = level.expect("a level");
            (exponents.price(level), exponents.quantity(level))
        };
        let decimal = |(price, quantity): (&str, &str)| -> (Decimal64, Decimal64) {
            (price.parse().expect("a price"), quantity.parse().expect("a quantity"))
        };
        assert_eq!(level(book.get().book().best_bid()), decimal(best.0));
        assert_eq!(level(book.get().book().best_ask()), decimal(best.1));
    }
    let mut candles = 0;
    parser
        .parse(sample("ws_data_api_candle"), 1, &mut |message| {
            candles +=
                usize::from(matches!(message, Message::Candle { candle, .. } if candle.interval_ns == 60_000_000_000))
        })
        .expect("a candle");
    assert_eq!(candles, 1);
}

#[test]
fn raw_funding_has_another_scale() {
    let csv = "ts,fundingRate,fundingRateLong,oraclePriceTwap\n1704777451,6399237833,6399237833,77333726817\n";
    let mut rates = vec![];
    funding_rates(csv.as_bytes(), sol(), true, |update| rates.push(update.funding.expect("funding").rate.to_string()));
    assert_eq!(rates, ["0.000082748344"]);
}

#[test]
fn frames_of_the_server_are_texts_in_texts() {
    let book = r#"{"bids":[{"price":"80260400","size":"406202100000","sources":{"dlob":"400000000000","indicative":"6202100000"}},{"price":"1","size":"5","sources":{"indicative":"5"}}],"asks":[],"marketName":"SOL-PERP","ts":1783268433645,"slot":474184487}"#;
    let once = serde_json::Value::from(book).to_string();
    let twice = serde_json::Value::from(once.as_str()).to_string();
    for data in [once, twice] {
        let frame = format!(r#"{{"channel":"orderbook_perp_0_grouped_1","data":{data}}}"#);
        let mut seen = vec![];
        let parsed = dlob::Parser::new().parse(frame.as_bytes(), 1, &mut |message| {
            let Message::Book(update) = message else { panic!("{message:?}") };
            seen = update.bids.iter().map(|(p, q)| format!("{p} {q}")).collect();
            assert_eq!(update.venue_ns, 1_783_268_433_645_000_000);
        });
        assert_eq!(
            (parsed, seen),
            (Ok(()), vec!["80.260400 400.000000000".to_owned()]),
            "what is indicative is not firm"
        );
    }
    let kinds = |frame: &str| {
        let mut kinds = vec![];
        dlob::Parser::new()
            .parse(frame.as_bytes(), 1, &mut |message| kinds.push(message.kind().to_owned()))
            .expect(frame);
        kinds
    };
    assert_eq!(kinds(r#"{"channel":"heartbeat"}"#), ["heartbeat"]);
    assert_eq!(kinds(r#"{"message":"Subscribe received for channel: orderbook"}"#), ["subscribe"]);
    assert_eq!(kinds(r#"{"channel":"orderbook","error":"Error subscribing to channel"}"#), ["subscribe"]);
    let trade = r#"{"channel":"trades_perp_0","data":"{\"ts\":1704777451,\"marketIndex\":0,\"baseAssetAmountFilled\":2000000000,\"quoteAssetAmountFilled\":161000000,\"takerOrderDirection\":\"long\",\"action\":\"fill\"}"}"#;
    assert_eq!(kinds(trade), ["trades"], "no book has named its market");
    let mut parser = dlob::Parser::new();
    let named = book.replace(r#""ts":"#, r#""marketIndex":0,"ts":"#);
    parser.parse(named.as_bytes(), 1, &mut |_| {}).expect("a book");
    let mut trades = vec![];
    for frame in [trade.to_owned(), trade.replace("\\\"fill", "\\\"place")] {
        let parsed = parser.parse(frame.as_bytes(), 1, &mut |message| {
            if let Message::Trade { trade, .. } = message {
                trades.push((trade.instrument.to_string(), trade.price.get().to_string(), trade.side.get()));
            }
        });
        assert_eq!(parsed, Ok(()));
    }
    assert_eq!(trades, [("drift:perpetual:SOL-PERP".into(), "80.500000".into(), Some(Side::Buy))], "one is no fill");
}

#[test]
fn the_gateway_s_events_and_markets() {
    let fill = br#"{"data":{"fill":{"side":"buy","fee":"0.129744","amount":"5","price":"103.7945822","oraclePrice":"102.386992","orderId":436,"marketIndex":0,"marketType":"perp","ts":1708684880,"signature":"5Juo","txIdx":3,"takerFee":"0.129744","makerFee":null}},"channel":"fills","subAccountId":0}"#;
    let mut seen = vec![];
    assert_eq!(gateway::events(fill, |event| seen.push(*event)), Ok(true));
    let [gateway::Event::Fill(fill)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!((fill.order_id, fill.side, fill.index, fill.maker_fee), (436, Side::Buy, Some(3), None));
    assert_eq!(fill.taker_fee.map(|fee| fee.to_string()).as_deref(), Some("0.129744"));
    let failed = gateway::events(br#"{"success":false,"error":"program error: 6015"}"#, |_| {});
    assert_eq!(failed, Ok(false));
    let funding = br#"{"data":{"fundingPayment":{"amount":"-0.5","marketIndex":0,"ts":1,"signature":"a","txIdx":1}},"channel":"funding","subAccountId":0}"#;
    let mut paid = None;
    gateway::events(funding, |event| {
        if let gateway::Event::FundingPayment { amount, .. } = event {
            paid = Some(amount.to_string());
        }
    })
    .expect("an event");
    assert_eq!(paid.as_deref(), Some("-0.5"));
    let Some(bytes) = file("drift/gateway_readme_examples.json") else { return };
    let examples: Vec<serde_json::Value> = serde_json::from_slice(&bytes).expect("examples");
    let (mut markets, mut events) = (0, 0);
    for example in &examples {
        let body = example["json"].to_string();
        if example["json"].get("perp").is_some_and(|perp| perp[0].get("priceStep").is_some()) {
            gateway::markets(body.as_bytes(), |info, _| {
                assert!(info.tick.get().is_positive() && info.lot.get().is_positive());
                markets += 1;
            })
            .expect(&body);
        } else if example["json"].get("data").is_some() || example["json"].get("events").is_some() {
            gateway::events(body.as_bytes(), |_| events += 1).expect(&body);
        }
    }
    assert_eq!((markets, events), (2, 5));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let counts = trades(&bytes, sol(), |_| {});
        prop_assert_eq!(counts.parsed, counts.accepted + counts.skipped);
        let _ = (funding_rates(&bytes, sol(), true, |_| {}), dlob::Parser::new().parse(&bytes, 1, &mut |_| {}));
        let _ = (gateway::events(&bytes, |_| {}), gateway::markets(&bytes, |_, _| {}));
    }

    #[test]
    fn a_line_more_is_a_count_more(lines in proptest::collection::vec("[0-9.,a-z{}\":]{1,40}", 0..20)) {
        let file = format!("ts,price\n{}\n", lines.join("\n"));
        let counts = trades(file.as_bytes(), sol(), |_| {});
        prop_assert_eq!(counts.parsed + counts.malformed, u64::try_from(lines.len()).expect("few"));
    }
}
