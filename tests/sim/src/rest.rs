//! What must hold once the storm is over and nothing moves any more: everything has ended, and a second, simpler count of
//! the exchange's fills gives what the portfolio says.

use std::collections::{BTreeMap, BTreeSet};

use mesh_codec::Frames;
use mesh_types::execution::{Fill, OrderCancelled, OrderRejected, OrderStatus, Position};
use mesh_types::signal::StrategyName;
use mesh_types::{ClientOrderId, Decimal64, OrderState};

use crate::safety::{Broken, Safety};
use crate::{plus, signed};

/// A strategy's account, from fills alone.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    quantity: Decimal64,
    cash: Decimal64,
    fees: Decimal64,
    fills: u64,
}

impl Account {
    fn add(&mut self, fill: &Fill) {
        let quantity = signed(fill.side.get(), fill.quantity.get());
        let value = quantity.checked_mul(fill.price.get()).expect("small numbers");
        self.quantity = plus(self.quantity, quantity);
        self.cash = plus(self.cash, value.negated().expect("small numbers"));
        self.fees = plus(self.fees, fill.fee.get());
        self.fills += 1;
    }
}

/// The portfolio's ledger and all that was said, against what `safety` saw of the exchange.
///
/// # Errors
/// What is broken.
pub fn check(safety: &Safety, portfolio_ledger: Frames<'_>, said: Frames<'_>) -> Result<(), Broken> {
    let mut ended: BTreeSet<ClientOrderId> = BTreeSet::new();
    let mut filled: BTreeMap<ClientOrderId, Decimal64> = BTreeMap::new();
    let mut trades: BTreeSet<String> = BTreeSet::new();
    for (_, message) in portfolio_ledger {
        let Ok(message) = message else { continue };
        let status = message.get::<OrderStatus>().filter(|body| body.state.get().is_some_and(OrderState::is_final));
        ended.extend(status.map(|body| body.client_order_id));
        ended.extend(message.get::<OrderCancelled>().map(|body| body.client_order_id));
        ended.extend(message.get::<OrderRejected>().map(|body| body.client_order_id));
        if let Some(fill) = message.get::<Fill>()
            && trades.insert(fill.trade_id.to_string())
        {
            let sum = filled.entry(fill.client_order_id).or_default();
            *sum = plus(*sum, fill.quantity.get());
        }
    }
    for intent in safety.intents() {
        let id = intent.client_order_id;
        if !ended.contains(&id) && filled.get(&id) != Some(&intent.quantity.get()) {
            return Err(("every order comes to its end", format!("{id} never ended")));
        }
    }
    if let Some(trade) = safety.fills().keys().find(|trade| !trades.contains(*trade)) {
        return Err(("every fill of the exchange is in our ledger", format!("trade {trade} is not")));
    }
    accounts(safety, said)
}

fn accounts(safety: &Safety, said: Frames<'_>) -> Result<(), Broken> {
    let owners: BTreeMap<ClientOrderId, StrategyName> =
        safety.intents().map(|intent| (intent.client_order_id, intent.strategy)).collect();
    let mut accounts: BTreeMap<StrategyName, Account> = BTreeMap::new();
    for fill in safety.fills().values() {
        accounts.entry(owners[&fill.client_order_id]).or_default().add(fill);
    }
    let mut last: BTreeMap<StrategyName, Position> = BTreeMap::new();
    for (_, message) in said {
        if let Some(position) = message.ok().as_ref().and_then(|message| message.get::<Position>()) {
            last.insert(position.strategy, *position);
        }
    }
    for (strategy, account) in accounts {
        let Some(position) = last.get(&strategy) else {
            return Err(("ours and a second count agree", format!("nothing was said of {strategy}")));
        };
        if !account.quantity.is_zero() {
            return Err(("every position closes", format!("{strategy} holds {}", account.quantity)));
        }
        let ours =
            (position.quantity.get(), position.realized_pnl.get(), position.fees.get(), position.fill_count.get());
        let theirs = (account.quantity, account.cash, account.fees, account.fills);
        if ours != theirs {
            let found =
                format!("{strategy}: position, profit, fees, fills are {ours:?}, the exchange's fills give {theirs:?}");
            return Err(("ours and a second count agree", found));
        }
    }
    Ok(())
}
