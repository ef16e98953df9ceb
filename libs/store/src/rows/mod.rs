//! What each kept message becomes in the tables.

mod risk;

use std::collections::BTreeMap;

use mesh_codec::Message;
use mesh_codec::registry::TlvBody;
use mesh_types::execution::{
    Fill, Intent, OrderAccepted, OrderCancelled, OrderRejected, OrderRequest, OrderStatus, OrderTrigger, Position,
    RiskVerdict,
};
use mesh_types::risk::RiskAccount;
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::system::KillSwitch;
use mesh_types::wire::{Coded, U64, WireEnum};
use mesh_types::{ClientOrderId, Decimal64, FixedStr, InstrumentId, OrderState};
use rusqlite::{OptionalExtension, Transaction, params};
use zerocopy::IntoBytes;

use crate::error::ErrorKind;
use crate::net;

/// Types that are kept.
const KEPT: [u8; 13] = [
    Signal::NUMBER,
    OrderRequest::NUMBER,
    OrderAccepted::NUMBER,
    OrderRejected::NUMBER,
    Fill::NUMBER,
    OrderCancelled::NUMBER,
    Position::NUMBER,
    RiskVerdict::NUMBER,
    Intent::NUMBER,
    OrderStatus::NUMBER,
    OrderTrigger::NUMBER,
    KillSwitch::NUMBER,
    RiskAccount::NUMBER,
];

/// True for a message that leaves a row.
pub(crate) fn is_kept(message: &Message<'_>) -> bool {
    message.first().is_some_and(|tlv| KEPT.contains(&tlv.number))
}

type Rows<'m> = BTreeMap<(InstrumentId, StrategyName), (Position, Message<'m>)>;

/// One batch on its way into the tables.
pub(crate) struct Batch<'t, 'm> {
    transaction: &'t Transaction<'t>,
    seq: i64,
    net_positions: bool,
    /// The last word of the batch on each position.
    positions: Rows<'m>,
}

fn name<E: WireEnum + core::fmt::Debug>(code: Coded<E>) -> String {
    format!("{code:?}")
}

/// The text, or its bytes in hex where it is none: two different ids never become one.
fn exact_text(id: &FixedStr<40>) -> String {
    id.as_str().map_or_else(|| format!("{:02x?}", id.as_bytes()), str::to_owned)
}

fn ns(time: U64) -> i64 {
    time.get().cast_signed()
}

impl<'t, 'm> Batch<'t, 'm> {
    pub(crate) fn new(transaction: &'t Transaction<'t>, last_seq: i64, net_positions: bool) -> Self {
        Self { transaction, seq: last_seq, net_positions, positions: BTreeMap::new() }
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, ErrorKind> {
        Ok(self.transaction.prepare_cached(sql)?.execute(values)?)
    }

    /// Adds one message.
    pub(crate) fn add(&mut self, message: &Message<'m>) -> Result<(), ErrorKind> {
        self.seq += 1;
        if let Some(intent) = message.get::<Intent>() {
            self.intent(intent, message)
        } else if let Some(request) = message.get::<OrderRequest>() {
            self.request(request, message)
        } else if let Some(fill) = message.get::<Fill>() {
            self.fill(fill, message)
        } else if let Some(body) = message.get::<OrderAccepted>() {
            let row = ("accepted", false, Decimal64::ZERO, String::new(), body.venue_ns);
            self.report(&body.client_order_id, row, message)
        } else if let Some(body) = message.get::<OrderRejected>() {
            let row = ("rejected", true, Decimal64::ZERO, name(body.reason), body.venue_ns);
            self.report(&body.client_order_id, row, message)
        } else if let Some(body) = message.get::<OrderCancelled>() {
            let row = ("cancelled", true, body.filled_quantity.get(), name(body.reason), body.venue_ns);
            self.report(&body.client_order_id, row, message)
        } else if let Some(body) = message.get::<OrderTrigger>() {
            self.trigger(body, message)
        } else if let Some(body) = message.get::<OrderStatus>() {
            self.status(body, message)
        } else if let Some(position) = message.get::<Position>() {
            self.positions.insert((position.instrument, position.strategy), (*position, *message));
            Ok(())
        } else if let Some(signal) = message.get::<Signal>() {
            self.signal(signal, message)
        } else if let Some(verdict) = message.get::<RiskVerdict>() {
            self.verdict(verdict, message)
        } else if let Some(account) = message.get::<RiskAccount>() {
            self.risk_account(account, message)
        } else if let Some(switch) = message.get::<KillSwitch>() {
            self.kill_switch(switch, message)
        } else {
            Ok(())
        }
    }

    /// Ends the batch; answers with the last `seq`.
    pub(crate) fn finish(mut self) -> Result<i64, ErrorKind> {
        for (position, message) in core::mem::take(&mut self.positions).values() {
            self.position(position, message)?;
        }
        Ok(self.seq)
    }

    fn intent(&self, intent: &Intent, message: &Message<'_>) -> Result<(), ErrorKind> {
        let id = intent.client_order_id.to_string();
        let sql = "SELECT frame FROM intents WHERE client_order_id = ?1";
        let known: Option<Vec<u8>> =
            self.transaction.prepare_cached(sql)?.query_row([&id], |row| row.get(0)).optional()?;
        if let Some(known) = known {
            let same = Message::parse(&known).ok().and_then(|known| known.get::<Intent>().copied()) == Some(*intent);
            return if same { Ok(()) } else { Err(ErrorKind::Conflict(format!("two intents are named {id}"))) };
        }
        self.execute(
            "INSERT INTO intents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                self.seq,
                id,
                intent.instrument.to_string(),
                intent.strategy.lossy(),
                intent.signal.to_string(),
                name(intent.action),
                name(intent.side),
                name(intent.order_type),
                name(intent.time_in_force),
                intent.reduce_only,
                intent.quantity.get().to_string(),
                intent.price.get().to_string(),
                intent.worst_price.get().to_string(),
                ns(intent.decided_ns),
                ns(intent.expires_ns),
                message.frame(),
            ],
        )?;
        Ok(())
    }

    fn request(&self, request: &OrderRequest, message: &Message<'_>) -> Result<(), ErrorKind> {
        self.execute(
            "INSERT OR IGNORE INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9)",
            params![
                self.seq,
                request.client_order_id.to_string(),
                request.instrument.to_string(),
                name(request.side),
                request.quantity.get().to_string(),
                request.price.get().to_string(),
                request.worst_price.get().to_string(),
                ns(request.decided_ns),
                message.frame(),
            ],
        )?;
        Ok(())
    }

    fn fill(&self, fill: &Fill, message: &Message<'_>) -> Result<(), ErrorKind> {
        let id = fill.client_order_id.to_string();
        let new = self.execute(
            "INSERT OR IGNORE INTO fills VALUES (?1, ?2, ?3, ?4,
                (SELECT strategy FROM intents WHERE client_order_id = ?4), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                self.seq,
                fill.instrument.to_string(),
                exact_text(&fill.trade_id),
                id,
                name(fill.side),
                fill.maker,
                fill.price.get().to_string(),
                fill.quantity.get().to_string(),
                fill.fee.get().to_string(),
                fill.fee_asset.lossy(),
                ns(fill.venue_ns),
                message.frame(),
            ],
        )?;
        if new == 0 {
            return Ok(());
        }
        if self.net_positions {
            net::add(self.transaction, self.seq, fill, message)?;
        }
        self.close_if_settled(&id)
    }

    /// The last word on where a trigger stands; that it was met is final.
    fn trigger(&self, trigger: &OrderTrigger, message: &Message<'_>) -> Result<(), ErrorKind> {
        let kind = if trigger.triggered == 0 { "trigger_moved" } else { "triggered" };
        self.execute(
            "INSERT OR REPLACE INTO reports VALUES (?1, ?2, ?3, 0, '0', ?4, ?5, ?6)",
            params![
                self.seq,
                trigger.client_order_id.to_string(),
                kind,
                trigger.trigger_price.get().to_string(),
                ns(trigger.venue_ns),
                message.frame()
            ],
        )?;
        Ok(())
    }

    fn status(&self, status: &OrderStatus, message: &Message<'_>) -> Result<(), ErrorKind> {
        let id = &status.client_order_id;
        let Some(state) = status.state.get().filter(|state| *state != OrderState::Unknown) else { return Ok(()) };
        let kind = format!("status_{state}");
        let filled = match state {
            // All of it: the order's quantity is what it claims.
            OrderState::Filled => self.quantity(&id.to_string())?.unwrap_or_default(),
            _ => status.filled_quantity.get(),
        };
        self.report(id, (&kind, state.is_final(), filled, String::new(), status.venue_ns), message)
    }

    fn report(
        &self,
        id: &ClientOrderId,
        (kind, is_final, filled, reason, venue_ns): (&str, bool, Decimal64, String, U64),
        message: &Message<'_>,
    ) -> Result<(), ErrorKind> {
        let id = id.to_string();
        // The frame that came first of a kind and claims as much stays: a repeat is not a row.
        let new = self.execute(
            "INSERT INTO reports VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (client_order_id, kind) DO UPDATE SET
                seq = excluded.seq, filled_quantity = excluded.filled_quantity, frame = excluded.frame
             WHERE filled_quantity <> excluded.filled_quantity",
            params![
                self.seq,
                id,
                kind,
                is_final,
                filled.normalized().to_string(),
                reason,
                ns(venue_ns),
                message.frame()
            ],
        )?;
        if new > 0 { self.close_if_settled(&id) } else { Ok(()) }
    }

    fn quantity(&self, id: &str) -> Result<Option<Decimal64>, ErrorKind> {
        let sql = "SELECT quantity FROM orders WHERE client_order_id = ?1";
        let text: Option<String> =
            self.transaction.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// The decimals of a query; `None` where one of them is none that can be computed with.
    fn decimals(&self, sql: &str, id: &str) -> Result<Option<Vec<Decimal64>>, ErrorKind> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        let texts = statement.query_map([id], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(texts.iter().map(|text| text.parse().ok()).collect())
    }

    /// An order is closed once it is final and every fill that a report claims is here.
    fn close_if_settled(&self, id: &str) -> Result<(), ErrorKind> {
        let Some(quantity) = self.quantity(id)? else { return Ok(()) };
        let fills = self.decimals("SELECT quantity FROM fills WHERE client_order_id = ?1", id)?;
        let ends = self.decimals("SELECT filled_quantity FROM reports WHERE client_order_id = ?1 AND final = 1", id)?;
        let claims = self.decimals("SELECT filled_quantity FROM reports WHERE client_order_id = ?1", id)?;
        // What can't be computed keeps the order open: it is given back and asked about.
        let (Some(fills), Some(ends), Some(claims)) = (fills, ends, claims) else { return Ok(()) };
        let Ok(filled) = fills.iter().try_fold(Decimal64::ZERO, |sum, fill| sum.checked_add(*fill)) else {
            return Ok(());
        };
        let claimed = claims.into_iter().max().unwrap_or_default();
        if filled >= quantity || (!ends.is_empty() && filled >= claimed) {
            self.execute("UPDATE orders SET open = 0 WHERE client_order_id = ?1", [id])?;
        }
        Ok(())
    }

    fn position(&self, position: &Position, message: &Message<'_>) -> Result<(), ErrorKind> {
        let (instrument, strategy) = (position.instrument.to_string(), position.strategy.lossy());
        self.execute(
            "INSERT OR REPLACE INTO positions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                instrument,
                strategy,
                self.seq,
                position.quantity.get().to_string(),
                position.entry_price.get().to_string(),
                position.realized_pnl.get().to_string(),
                position.fees.get().to_string(),
                ns(position.fill_count),
                ns(position.updated_ns),
                message.frame(),
            ],
        )?;
        if position.quantity.get().is_zero() {
            self.execute(
                "INSERT OR REPLACE INTO flat_positions VALUES (?1, ?2, ?3, ?4)",
                params![instrument, strategy, self.seq, message.frame()],
            )?;
        }
        Ok(())
    }

    fn signal(&self, signal: &Signal, message: &Message<'_>) -> Result<(), ErrorKind> {
        let score = Some(signal.score.get()).filter(|score| score.is_finite());
        self.execute(
            "INSERT OR IGNORE INTO signals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                self.seq,
                message.id().to_string(),
                signal.instrument.to_string(),
                signal.strategy.lossy(),
                name(signal.action),
                ns(signal.bar_ns),
                ns(signal.interval_ns),
                score,
                signal.reference_price.get().to_string(),
                message.frame(),
            ],
        )?;
        Ok(())
    }

    fn kill_switch(&self, switch: &KillSwitch, message: &Message<'_>) -> Result<(), ErrorKind> {
        self.execute(
            "INSERT INTO kill_switches VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (scope) DO UPDATE SET seq = excluded.seq, level = excluded.level, set_ns = excluded.set_ns,
                reason = excluded.reason, frame = excluded.frame
             WHERE excluded.set_ns >= set_ns",
            params![
                switch.scope.lossy(),
                self.seq,
                name(switch.level),
                ns(switch.set_ns),
                switch.reason.lossy(),
                message.frame(),
            ],
        )?;
        Ok(())
    }
}
