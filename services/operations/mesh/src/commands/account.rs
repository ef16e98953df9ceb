//! `mesh positions` and `mesh pnl`: where we stand, from the portfolios' ledgers; true also while the mesh is down.

use std::collections::BTreeMap;

use mesh_capture::time;
use mesh_oms::{Auditor, Exact, PositionKey};
use mesh_runtime::clock;
use mesh_store::Books;
use mesh_topology::Layout;
use mesh_types::execution::Position;
use mesh_types::{Decimal64, DecimalError, InstrumentId, Rounding};
use serde_json::{Value, json};

use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::ledgers;

type Quotes = BTreeMap<InstrumentId, (Decimal64, Decimal64)>;

/// Shows positions; flat ones too where `all`.
pub(crate) fn positions(layout: &Layout, all: bool, as_json: bool) -> Outcome {
    let mut held = Vec::new();
    for reader in ledgers::portfolios(layout)? {
        held.extend(reader.positions().map_err(Failure::bad)?);
    }
    held.retain(|position| all || !position.quantity.get().is_zero());
    let open = held.iter().filter(|position| !position.quantity.get().is_zero());
    let quotes = ledgers::quotes(layout, open.map(|position| position.instrument).collect());
    let mut console = Console::new();
    if as_json {
        let list: Vec<Value> = held.iter().map(|position| position_json(position, &quotes)).collect();
        return Ok(console.json(&json!({ "positions": list }))?);
    }
    if held.is_empty() {
        return Ok(console.line("no open positions; --all shows flat ones too")?);
    }
    let heading = ["INSTRUMENT", "STRATEGY", "QUANTITY", "ENTRY", "MARK", "UNREALISED", "REALISED", "FEES", "FILLS"];
    let mut rows = vec![heading.map(|cell| (Tone::Plain, cell.to_owned())).to_vec()];
    for position in &held {
        let worth = worth(position, &quotes);
        let cells = [
            position.instrument.to_string(),
            position.strategy.to_string(),
            position.quantity.get().to_string(),
            position.entry_price.get().to_string(),
            worth.map_or("-".to_owned(), |(mark, _)| mark.to_string()),
            worth.map_or("-".to_owned(), |(_, profit)| profit.to_string()),
            position.realized_pnl.get().to_string(),
            position.fees.get().to_string(),
            position.fill_count.get().to_string(),
        ];
        rows.push(cells.map(|cell| (Tone::Plain, cell)).to_vec());
    }
    Ok(console.table(&rows)?)
}

/// The price that an open position would be closed at now, and the profit that this would be before fees, rounded down.
fn worth(position: &Position, quotes: &Quotes) -> Option<(Decimal64, Decimal64)> {
    let quantity = position.quantity.get();
    let (bid, ask) = quotes.get(&position.instrument)?;
    let mark = if quantity.is_positive() { *bid } else { *ask };
    if quantity.is_zero() || !mark.is_positive() {
        return None;
    }
    let profit = Exact::product(mark, quantity).checked_sub(Exact::product(position.entry_price.get(), quantity));
    Some((mark, profit.and_then(|profit| profit.to_decimal(Rounding::Floor)).ok()?))
}

fn position_json(position: &Position, quotes: &Quotes) -> Value {
    let worth = worth(position, quotes);
    json!({
        "instrument": position.instrument.to_string(),
        "strategy": position.strategy.to_string(),
        "quantity": position.quantity.get().to_string(),
        "entry_price": position.entry_price.get().to_string(),
        "realized_pnl": position.realized_pnl.get().to_string(),
        "fees": position.fees.get().to_string(),
        "fill_count": position.fill_count.get(),
        "updated_ns": position.updated_ns.get(),
        "mark_price": worth.map(|(mark, _)| mark.to_string()),
        "unrealized_pnl": worth.map(|(_, profit)| profit.to_string()),
    })
}

/// What a strategy earned in an instrument.
#[derive(Debug, Default)]
struct Earned {
    realized: Decimal64,
    fees: BTreeMap<String, Decimal64>,
    fills: u64,
    unrealized: Option<Decimal64>,
    open: bool,
}

/// Shows profit and loss, since a time where one is given.
pub(crate) fn pnl(layout: &Layout, since: Option<&str>, as_json: bool) -> Outcome {
    let now_ns = clock::now_ns();
    let since_ns = since.map(|text| time::parse(text, now_ns)).transpose().map_err(Failure::usage)?.unwrap_or(0);
    let mut all = Books::default();
    for reader in ledgers::portfolios(layout)? {
        let books = reader.books().map_err(Failure::bad)?;
        all.intents.extend(books.intents);
        all.fills.extend(books.fills);
        all.positions.extend(books.positions);
    }
    let open = all.positions.iter().filter(|position| !position.quantity.get().is_zero());
    let quotes = ledgers::quotes(layout, open.map(|position| position.instrument).collect());
    let earned = earned(&all, since_ns, &quotes).map_err(|_| Failure::bad("a sum does not fit; see `mesh audit`"))?;
    let mut console = Console::new();
    if as_json {
        let list: Vec<Value> = earned.iter().map(|(owner, earned)| earned_json(owner, earned)).collect();
        return Ok(console.json(&json!({"since_ns": since_ns, "pnl": list}))?);
    }
    if earned.is_empty() {
        return Ok(console.line("nothing was filled")?);
    }
    let heading = ["INSTRUMENT", "STRATEGY", "REALISED", "UNREALISED", "FEES", "FILLS"];
    let mut rows = vec![heading.map(|cell| (Tone::Plain, cell.to_owned())).to_vec()];
    for ((instrument, strategy), earned) in &earned {
        let fees: Vec<String> = earned.fees.iter().map(|(asset, sum)| format!("{sum} {asset}")).collect();
        let unrealized = match earned.unrealized {
            Some(profit) => profit.to_string(),
            None if earned.open => "no price".to_owned(),
            None => "0".to_owned(),
        };
        let tone = if earned.realized.is_negative() { Tone::Bad } else { Tone::Good };
        rows.push(vec![
            (Tone::Plain, instrument.to_string()),
            (Tone::Plain, strategy.to_string()),
            (tone, earned.realized.to_string()),
            (Tone::Plain, unrealized),
            (Tone::Plain, fees.join(" + ")),
            (Tone::Plain, earned.fills.to_string()),
        ]);
    }
    Ok(console.table(&rows)?)
}

/// From the fills alone, as the auditor counts: what there is less what there was.
fn earned(books: &Books, since_ns: u64, quotes: &Quotes) -> Result<BTreeMap<PositionKey, Earned>, DecimalError> {
    let (mut before, mut now) = (Auditor::default(), Auditor::default());
    for intent in &books.intents {
        // What contradicts is `mesh audit`'s to say.
        let _ = (before.on_intent(intent), now.on_intent(intent));
    }
    for fill in &books.fills {
        let _ = now.on_fill(fill);
        if fill.venue_ns.get() < since_ns {
            let _ = before.on_fill(fill);
        }
    }
    let mut all = BTreeMap::new();
    for (owner, account) in now.accounts() {
        let earlier = before.accounts().get(owner);
        let mut earned = Earned {
            realized: account.realized_pnl()?,
            fills: account.fill_count - earlier.map_or(0, |earlier| earlier.fill_count),
            ..Earned::default()
        };
        if let Some(earlier) = earlier {
            earned.realized = earned.realized.checked_sub(earlier.realized_pnl()?)?;
        }
        for (asset, sum) in &account.fees {
            let paid = earlier.and_then(|earlier| earlier.fees.get(asset)).copied().unwrap_or_default();
            let fees = sum.checked_sub(paid)?.to_decimal(Rounding::Ceiling)?;
            earned.fees.insert(asset.to_string(), fees);
        }
        let position = books.positions.iter().find(|position| (position.instrument, position.strategy) == *owner);
        earned.open = !account.quantity.is_zero();
        earned.unrealized = position.and_then(|position| Some(worth(position, quotes)?.1));
        if earned.fills > 0 || earned.open {
            all.insert(*owner, earned);
        }
    }
    Ok(all)
}

fn earned_json((instrument, strategy): &PositionKey, earned: &Earned) -> Value {
    let fees: Vec<Value> =
        earned.fees.iter().map(|(asset, sum)| json!({"asset": asset, "paid": sum.to_string()})).collect();
    json!({
        "instrument": instrument.to_string(),
        "strategy": strategy.to_string(),
        "realized_pnl": earned.realized.to_string(),
        "unrealized_pnl": earned.unrealized.map(|profit| profit.to_string()),
        "fees": fees,
        "fill_count": earned.fills,
        "open": earned.open,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::execution::{Fill, Intent};
    use mesh_types::signal::StrategyName;
    use mesh_types::{ClientOrderId, FixedStr, Side};

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    #[test]
    fn profit_since_a_time_is_the_difference_and_open_positions_are_worth_what_closing_gives() {
        let instrument: InstrumentId = "binance:spot:BTCUSDT".parse().expect("an id");
        let strategy = StrategyName::truncated("a");
        let mut books = Books::default();
        for (id, side, price, at_ns) in
            [(1u8, Side::Buy, "10", 1u64), (2, Side::Sell, "12", 2), (3, Side::Buy, "20", 3)]
        {
            let client_order_id = ClientOrderId::new([id; 16]);
            let quantity = d("2").into();
            books.intents.push(Intent {
                client_order_id,
                instrument,
                strategy,
                side: side.into(),
                quantity,
                ..Intent::default()
            });
            books.fills.push(Fill {
                client_order_id,
                instrument,
                side: side.into(),
                quantity,
                price: d(price).into(),
                fee: d("0.5").into(),
                fee_asset: FixedStr::truncated("USDT"),
                trade_id: FixedStr::truncated(&id.to_string()),
                venue_ns: at_ns.into(),
                ..Fill::default()
            });
        }
        let quantity = d("2").into();
        books.positions.push(Position {
            instrument,
            strategy,
            quantity,
            entry_price: d("20").into(),
            ..Position::default()
        });
        let quotes = Quotes::from([(instrument, (d("19"), d("21")))]);
        let all = earned(&books, 0, &quotes).expect("fits");
        let earned_all = all.values().next().expect("one");
        assert_eq!((earned_all.realized, earned_all.unrealized, earned_all.fills), (d("4"), Some(d("-2")), 3));
        assert_eq!(earned_all.fees.values().copied().collect::<Vec<_>>(), [d("1.5")]);
        let late = earned(&books, 3, &Quotes::new()).expect("fits");
        let late = late.values().next().expect("one");
        assert_eq!((late.realized, late.unrealized, late.fills, late.open), (d("0"), None, 1, true));
        assert_eq!(late.fees.values().copied().collect::<Vec<_>>(), [d("0.5")]);
        let short = Position { quantity: d("-2").into(), ..books.positions[0] };
        assert_eq!(worth(&short, &quotes), Some((d("21"), d("-2"))));
    }
}
