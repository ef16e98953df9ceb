//! What must hold once the storm is over and nothing moves any more: everything has ended, and a second, simpler count of
//! the exchange's fills gives what the portfolio says.

use std::collections::{BTreeMap, BTreeSet};

use mesh_codec::Frames;
use mesh_oms::PositionKey;
use mesh_types::execution::{Fill, OrderCancelled, OrderRejected, OrderStatus, Position};
use mesh_types::{ClientOrderId, Decimal64, OrderState};

use crate::plus;
use crate::safety::{Broken, Safety};

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

/// Everything is closed, and the last that was said of each position is what its fills come to.
fn accounts(safety: &Safety, said: Frames<'_>) -> Result<(), Broken> {
    let mut last: BTreeMap<PositionKey, Position> = BTreeMap::new();
    for (_, message) in said {
        if let Some(position) = message.ok().as_ref().and_then(|message| message.get::<Position>()) {
            last.insert((position.instrument, position.strategy), *position);
        }
    }
    for ((instrument, strategy), account) in safety.auditor().accounts() {
        let Some(position) = last.get(&(*instrument, *strategy)) else {
            return Err(("ours and a second count agree", format!("nothing was said of {strategy}")));
        };
        if !account.quantity.is_zero() {
            return Err(("every position closes", format!("{strategy} holds {}", account.quantity)));
        }
        safety.auditor().check(position).map_err(|finding| (finding.rule, finding.found))?;
    }
    Ok(())
}
