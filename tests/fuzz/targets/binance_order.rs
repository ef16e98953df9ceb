//! Any bytes as Binance's answers about orders: one alone reads as in a list; a cut answer is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_venues::binance::order::{UserEvent, account_trades, order_report, order_reports};

/// Kinds of account events, and one that is none.
const KINDS: [&str; 6] = [
    "executionReport",
    "outboundAccountPosition",
    "ORDER_TRADE_UPDATE",
    "ACCOUNT_UPDATE",
    "eventStreamTerminated",
    "somethingElse",
];

fuzz_target!(|data: &[u8]| {
    let cut = data.trim_ascii_end().split_last().map_or(data, |(_, rest)| rest);
    let listed = [b"[", data, b"]"].concat();
    if let Ok(report) = order_report(data) {
        assert_eq!(order_reports(&listed).expect("a list of one"), [report]);
        assert!(order_report(cut).is_err(), "cut: {}", cut.escape_ascii());
    }
    if let Ok(reports) = order_reports(data) {
        assert!(reports.len() <= data.len());
        assert!(order_reports(cut).is_err(), "cut: {}", cut.escape_ascii());
    }
    if account_trades(data).is_ok() {
        assert!(account_trades(cut).is_err(), "cut: {}", cut.escape_ascii());
    }
    for kind in KINDS {
        if let Ok(UserEvent::Execution(execution)) = UserEvent::parse(kind, data) {
            let _ = (execution.client_order_id(), execution.trade_id());
            assert!(UserEvent::parse(kind, cut).is_err(), "cut: {}", cut.escape_ascii());
        }
    }
});
