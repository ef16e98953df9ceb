//! The name of an order is a hash of what caused it, so that a repeated decision is the same order.
//!
//! What is in it: the mesh, the strategy, the instrument, the action, the bar that was decided on, and the attempt. What
//! is not: the signal's message id, digest, score or price. A restarted strategy decides the same bar again with another
//! message id, and with indicators that warmed up from another point perhaps; it is the same decision all the same.

use mesh_types::signal::StrategyName;
use mesh_types::wire::WireEnum;
use mesh_types::{ClientOrderId, InstrumentId, SignalAction};
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

const DOMAIN: &[u8] = b"alphamesh order 1";

/// What names an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// The mesh: two meshes on one account never share a name.
    pub mesh_id: u64,
    /// The strategy.
    pub strategy: StrategyName,
    /// What to trade.
    pub instrument: InstrumentId,
    /// What was proposed.
    pub action: SignalAction,
    /// Start of the bar that was decided on, ns since the Unix epoch.
    pub bar_ns: u64,
    /// Length of the bar, ns.
    pub interval_ns: u64,
    /// 0, then one more each time that an exit which did not close the position is tried again.
    pub attempt: u32,
}

impl OrderKey {
    /// The first 16 bytes of the SHA-256 of all fields, each of fixed size, little-endian.
    pub fn client_order_id(&self) -> ClientOrderId {
        let hash = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(self.mesh_id.to_le_bytes())
            .chain_update(self.strategy.as_bytes())
            .chain_update(self.instrument.as_bytes())
            .chain_update([self.action.code()])
            .chain_update(self.bar_ns.to_le_bytes())
            .chain_update(self.interval_ns.to_le_bytes())
            .chain_update(self.attempt.to_le_bytes())
            .finalize();
        let mut id = [0u8; 16];
        id.iter_mut().zip(hash).for_each(|(slot, byte)| *slot = byte);
        ClientOrderId::new(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_field_counts_and_a_repeat_is_the_same() {
        let key = OrderKey {
            mesh_id: 1,
            strategy: StrategyName::truncated("momentum"),
            instrument: "binance:spot:BTCUSDT".parse().expect("an id"),
            action: SignalAction::EnterLong,
            bar_ns: 60,
            interval_ns: 60,
            attempt: 0,
        };
        let others = [
            OrderKey { mesh_id: 2, ..key },
            OrderKey { strategy: StrategyName::truncated("momentun"), ..key },
            OrderKey { instrument: "binance:spot:ETHUSDT".parse().expect("an id"), ..key },
            OrderKey { action: SignalAction::ExitLong, ..key },
            OrderKey { bar_ns: 61, ..key },
            OrderKey { interval_ns: 61, ..key },
            OrderKey { attempt: 1, ..key },
        ];
        let ids: BTreeSet<_> = others.iter().chain([&key, &key]).map(OrderKey::client_order_id).collect();
        assert_eq!(ids.len(), others.len() + 1);
        // A change of the recipe would rename orders that are working: it must be a visible act.
        assert_eq!(key.client_order_id().to_string(), "eb333cc3b22cb565dd7de3a7583c2c84");
    }
}
