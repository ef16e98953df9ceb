//! A second, simpler count of everything: positions, profit and fees from nothing but intents and fills, for comparison with
//! what [`crate::Oms`] and its ledger say.
//!
//! It shares no rule with [`crate::Position`]: it keeps no lots. First in, first out means that what is open was opened last,
//! so its cost is that of the newest fills on its side, and the profit is all that was paid and received, plus that cost.

mod compare;

use core::fmt;
use std::collections::BTreeMap;

pub use compare::{Comparison, Heard, compare, compare_books};

use mesh_types::execution::{Fill, Intent, Position};
use mesh_types::{ClientOrderId, Decimal64, DecimalError, FixedStr, InstrumentId, Rounding, Side};

use crate::exact::Exact;
use crate::oms::PositionKey;

/// The venue's trade and the order: a fill is counted once.
type Trade = (InstrumentId, FixedStr<40>, ClientOrderId);

/// What must be the same in every report of one trade.
fn same_fill(a: &Fill, b: &Fill) -> bool {
    (a.side, a.price, a.quantity, a.fee, a.fee_asset) == (b.side, b.price, b.quantity, b.fee, b.fee_asset)
}

/// What a strategy did in an instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Base quantity; negative is short.
    pub quantity: Decimal64,
    /// Received less paid, in the quote currency, without fees.
    pub cash: Exact,
    /// Fees by asset.
    pub fees: BTreeMap<FixedStr<12>, Exact>,
    /// Fills.
    pub fill_count: u64,
    first_fee_asset: FixedStr<12>,
    /// Fills since it was flat: side, price, quantity.
    since_flat: Vec<(Side, Decimal64, Decimal64)>,
}

impl Account {
    fn add(&mut self, side: Side, fill: &Fill) -> Result<(), DecimalError> {
        let (price, quantity) = (fill.price.get(), fill.quantity.get());
        let value = Exact::product(price, quantity);
        match side {
            Side::Buy => {
                self.quantity = self.quantity.checked_add(quantity)?;
                self.cash = self.cash.checked_sub(value)?;
            }
            Side::Sell => {
                self.quantity = self.quantity.checked_sub(quantity)?;
                self.cash = self.cash.checked_add(value)?;
            }
        }
        if !fill.fee.get().is_zero() {
            if self.fees.is_empty() {
                self.first_fee_asset = fill.fee_asset;
            }
            let sum = self.fees.entry(fill.fee_asset).or_default();
            *sum = sum.checked_add(fill.fee.get().into())?;
        }
        self.fill_count += 1;
        self.since_flat.push((side, price, quantity));
        if self.quantity.is_zero() {
            self.since_flat.clear();
        }
        Ok(())
    }

    /// What the open quantity cost, from the newest fills backwards; negative where it is short.
    fn open_value(&self) -> Result<Exact, DecimalError> {
        let side = if self.quantity.is_positive() { Side::Buy } else { Side::Sell };
        let (mut open, mut value) = (self.quantity.magnitude()?, Exact::ZERO);
        for (_, price, quantity) in self.since_flat.iter().rev().filter(|(of, ..)| *of == side) {
            let part = open.min(*quantity);
            value = value.checked_add(Exact::product(*price, part))?;
            open = open.checked_sub(part)?;
        }
        if side == Side::Buy { Ok(value) } else { Exact::ZERO.checked_sub(value) }
    }

    /// Realised profit in the quote currency, fees not taken off, rounded down where it does not fit 18 digits.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn realized_pnl(&self) -> Result<Decimal64, DecimalError> {
        self.cash.checked_add(self.open_value()?)?.to_decimal(Rounding::Floor)
    }

    /// Fees in the asset of the first fee, rounded up where they do not fit 18 digits.
    ///
    /// # Errors
    /// When they do not fit.
    pub fn fees_paid(&self) -> Result<Decimal64, DecimalError> {
        self.fees.get(&self.first_fee_asset).copied().unwrap_or_default().to_decimal(Rounding::Ceiling)
    }
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.found)
    }
}

/// Counts.
#[derive(Clone, Debug, Default)]
pub struct Auditor {
    intents: BTreeMap<ClientOrderId, Intent>,
    filled: BTreeMap<ClientOrderId, Decimal64>,
    trades: BTreeMap<Trade, Fill>,
    accounts: BTreeMap<PositionKey, Account>,
}

impl Auditor {
    /// An order was written down.
    ///
    /// # Errors
    /// When its name has another order already.
    pub fn on_intent(&mut self, intent: &Intent) -> Result<(), Finding> {
        match self.intents.insert(intent.client_order_id, *intent) {
            Some(known) if known != *intent => {
                Err(Finding { rule: "one name, one order", found: intent.client_order_id.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Something was filled; the same trade again is a repeat.
    ///
    /// # Errors
    /// When it contradicts its order, itself, or what was filled before.
    pub fn on_fill(&mut self, fill: &Fill) -> Result<(), Finding> {
        let id = fill.client_order_id;
        let found = |text: String| format!("trade {} of order {id}: {text}", fill.trade_id);
        let trade = (fill.instrument, fill.trade_id, id);
        if let Some(known) = self.trades.get(&trade) {
            let rule = "a trade says the same each time";
            return if same_fill(known, fill) {
                Ok(())
            } else {
                Err(Finding { rule, found: found("two versions".to_owned()) })
            };
        }
        self.trades.insert(trade, *fill);
        let Some(intent) = self.intents.get(&id) else {
            return Err(Finding { rule: "every fill has its intent", found: found("there is none".to_owned()) });
        };
        let side = fill.side.get().filter(|_| (fill.side, fill.instrument) == (intent.side, intent.instrument));
        let sane = fill.quantity.get().is_positive() && fill.price.get().is_positive();
        let Some(side) = side.filter(|_| sane) else {
            return Err(Finding { rule: "a fill fits its order", found: found("it does not".to_owned()) });
        };
        let rule = "no fill goes beyond its order";
        let too_large = |_| Finding { rule, found: found("the sum does not fit".to_owned()) };
        let filled = self.filled.entry(id).or_default();
        *filled = filled.checked_add(fill.quantity.get()).map_err(too_large)?;
        let filled = *filled;
        self.accounts.entry((intent.instrument, intent.strategy)).or_default().add(side, fill).map_err(too_large)?;
        if filled > intent.quantity.get() {
            let text = format!("{filled} of {} are filled", intent.quantity.get());
            return Err(Finding { rule, found: found(text) });
        }
        Ok(())
    }

    /// What somebody says of a position.
    ///
    /// # Errors
    /// When the fills give another.
    pub fn check(&self, said: &Position) -> Result<(), Finding> {
        let empty = Account::default();
        let account = self.accounts.get(&(said.instrument, said.strategy)).unwrap_or(&empty);
        let theirs = (said.quantity.get(), said.realized_pnl.get(), said.fees.get(), said.fill_count.get());
        let ours = account
            .realized_pnl()
            .and_then(|pnl| Ok((account.quantity, pnl, account.fees_paid()?, account.fill_count)));
        if ours == Ok(theirs) {
            return Ok(());
        }
        Err(Finding {
            rule: "ours and a second count agree",
            found: format!(
                "{} of {}: position, profit, fees and fills are said to be {theirs:?}, and are {ours:?}",
                said.instrument, said.strategy
            ),
        })
    }

    /// What each strategy did in each instrument.
    pub const fn accounts(&self) -> &BTreeMap<PositionKey, Account> {
        &self.accounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::SignalAction;
    use mesh_types::signal::StrategyName;

    pub(super) fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    pub(super) fn intent(id: u8, side: Side, quantity: &str) -> Intent {
        Intent {
            client_order_id: ClientOrderId::new([id; 16]),
            instrument: "binance:spot:BTCUSDT".parse().expect("an id"),
            strategy: StrategyName::truncated("a"),
            action: SignalAction::EnterLong.into(),
            side: side.into(),
            quantity: d(quantity).into(),
            ..Intent::default()
        }
    }

    pub(super) fn fill(of: &Intent, trade: &str, price: &str, quantity: &str) -> Fill {
        Fill {
            client_order_id: of.client_order_id,
            instrument: of.instrument,
            side: of.side,
            price: d(price).into(),
            quantity: d(quantity).into(),
            fee: d("0.01").into(),
            fee_asset: FixedStr::truncated("USDT"),
            trade_id: FixedStr::truncated(trade),
            ..Fill::default()
        }
    }

    #[test]
    fn profit_needs_no_lots_also_where_the_position_turned() {
        let mut auditor = Auditor::default();
        let (buy, sell, back) = (intent(1, Side::Buy, "3"), intent(2, Side::Sell, "5"), intent(3, Side::Buy, "1"));
        for order in [&buy, &sell, &back] {
            assert_eq!(auditor.on_intent(order), Ok(()));
        }
        for part in [fill(&buy, "a", "10.00", "1"), fill(&buy, "b", "20.00", "2"), fill(&sell, "c", "12.00", "5")] {
            assert_eq!(auditor.on_fill(&part), Ok(()));
            assert_eq!(auditor.on_fill(&part), Ok(()), "a repeat is not counted");
        }
        assert_eq!(auditor.on_fill(&fill(&back, "d", "11.00", "1")), Ok(()));
        let account = auditor.accounts().values().next().expect("one");
        // 3 bought for 50 and sold for 36; of 2 sold at 12 one is bought back at 11, and one is open.
        assert_eq!((account.quantity, account.realized_pnl()), (d("-1"), Ok(d("-13"))));
        assert_eq!((account.fees_paid(), account.fill_count), (Ok(d("0.04")), 4));
    }

    #[test]
    fn what_contradicts_is_told() {
        let mut auditor = Auditor::default();
        let buy = intent(1, Side::Buy, "2");
        assert_eq!(auditor.on_intent(&buy), Ok(()));
        assert_eq!(auditor.on_intent(&buy), Ok(()));
        let rule = |result: Result<(), Finding>| result.expect_err("a finding").rule;
        assert_eq!(rule(auditor.on_intent(&intent(1, Side::Buy, "3"))), "one name, one order");
        auditor.on_intent(&buy).expect_err("the name is taken");
        let stranger = intent(9, Side::Buy, "1");
        assert_eq!(rule(auditor.on_fill(&fill(&stranger, "x", "1", "1"))), "every fill has its intent");
        let wrong_side = Fill { side: Side::Sell.into(), ..fill(&buy, "s", "1", "1") };
        assert_eq!(rule(auditor.on_fill(&wrong_side)), "a fill fits its order");
        assert_eq!(rule(auditor.on_fill(&fill(&buy, "z", "0", "1"))), "a fill fits its order");
        assert_eq!(auditor.on_fill(&fill(&buy, "a", "1", "2")), Ok(()));
        assert_eq!(rule(auditor.on_fill(&fill(&buy, "a", "2", "2"))), "a trade says the same each time");
        assert_eq!(rule(auditor.on_fill(&fill(&buy, "b", "1", "1"))), "no fill goes beyond its order");
        let hostile = fill(&buy, "h", "9223372036854775807e30", "9223372036854775807e30");
        assert_eq!(rule(auditor.on_fill(&hostile)), "no fill goes beyond its order");
    }
}
