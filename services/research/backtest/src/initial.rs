//! Positions that were held before the history begins, as exported: a JSON list, or one object, of
//! `{"symbol","side","quantity","entry_price","stop_price"}`; numbers may be text, `stop_price` may be left out. Or the report
//! of an earlier run, whose open positions are taken.

use std::path::Path;

use mesh_backtest::InitialPosition;
use mesh_kernel::Side;
use serde_json::Value;

use mesh_bars::text::{Fault, read};

/// The positions of a file.
pub(crate) fn positions(path: &Path) -> Result<Vec<InitialPosition>, Fault> {
    let fault = |what: String| Fault::new(path, what);
    let value: Value =
        serde_json::from_str(&read(path)?).map_err(|error| Fault::at(path, error.line(), error.to_string()))?;
    let list = match value.get("open").unwrap_or(&value) {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let position = |(i, value): (usize, &Value)| position(value).map_err(|what| fault(format!("position {i}: {what}")));
    list.iter().enumerate().map(position).collect()
}

fn position(value: &Value) -> Result<InitialPosition, String> {
    let symbol = value["symbol"].as_str().ok_or("expected a `symbol`")?;
    let side = match value["side"].as_str() {
        Some("long" | "buy") => Side::Long,
        Some("short" | "sell") => Side::Short,
        other => return Err(format!("expected `side` long or short, found {}", other.unwrap_or("nothing"))),
    };
    let number = |name: &str| {
        let found = &value[name];
        let number = found.as_f64().or_else(|| found.as_str().and_then(|text| text.parse().ok()));
        number
            .filter(|x| x.is_finite() && *x >= 0.0)
            .ok_or_else(|| format!("expected `{name}`, a number of at least 0, found {found}"))
    };
    let stop_price = if value["stop_price"].is_null() { 0.0 } else { number("stop_price")? };
    let (quantity, entry_price) = (number("quantity")?, number("entry_price")?);
    Ok(InitialPosition { symbol: symbol.to_owned(), side, quantity, entry_price, stop_price })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_or_explained() {
        let read = |text: &str| position(&serde_json::from_str(text).unwrap());
        let text = r#"{"symbol":"BTCUSDT","side":"short","quantity":"0.5","entry_price":60000.5}"#;
        let found = read(text).unwrap();
        assert_eq!(
            (found.side, found.quantity, found.entry_price, found.stop_price),
            (Side::Short, 0.5, 60_000.5, 0.0)
        );
        assert!(read(r#"{"symbol":"X"}"#).unwrap_err().contains("found nothing"));
        assert!(read(r#"{"symbol":"X","side":"long","quantity":-1}"#).unwrap_err().contains("`quantity`"));
    }
}
