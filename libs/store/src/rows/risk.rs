//! Rows of what risk said and remembers.

use mesh_codec::Message;
use mesh_types::Scope;
use mesh_types::execution::RiskVerdict;
use mesh_types::risk::{RiskAccount, RiskMargin, RiskMargins};
use rusqlite::params;

use super::{Batch, name, ns};
use crate::error::ErrorKind;

/// The gates that a candidate came to. Names and decimals need no escapes.
fn margins_json(margins: &[RiskMargin]) -> String {
    let one = |margin: &RiskMargin| {
        format!(
            r#"{{"gate":"{:?}","scope":"{:?}","unit":"{:?}","outcome":"{:?}","actual":"{}","limit":"{}","margin":"{}"}}"#,
            margin.gate,
            margin.scope,
            margin.unit,
            margin.outcome,
            margin.actual.get(),
            margin.limit.get(),
            margin.margin.get(),
        )
    };
    format!("[{}]", margins.iter().map(one).collect::<Vec<_>>().join(","))
}

impl Batch<'_, '_> {
    pub(super) fn verdict(&self, verdict: &RiskVerdict, message: &Message<'_>) -> Result<(), ErrorKind> {
        self.execute(
            "INSERT INTO risk_decisions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                self.seq,
                verdict.signal.to_string(),
                verdict.instrument.to_string(),
                verdict.strategy.lossy(),
                name(verdict.action),
                verdict.allowed,
                name(verdict.reason),
                verdict.actual.get().to_string(),
                verdict.limit.get().to_string(),
                verdict.text.lossy(),
                ns(verdict.decided_ns),
                message.frame(),
                name(verdict.outcome),
                verdict.requested_quantity.get().to_string(),
                verdict.allowed_quantity.get().to_string(),
                message
                    .get_tailed::<RiskMargins>()
                    .map_or_else(|| "[]".to_owned(), |margins| margins_json(margins.items)),
            ],
        )?;
        Ok(())
    }

    pub(super) fn risk_account(&self, account: &RiskAccount, message: &Message<'_>) -> Result<(), ErrorKind> {
        let of = match account.scope.get() {
            Some(Scope::Venue) => name(account.venue),
            Some(Scope::Strategy) => account.strategy.lossy().to_owned(),
            Some(Scope::Symbol) => account.instrument.to_string(),
            Some(Scope::Mesh) | None => String::new(),
        };
        self.execute(
            "INSERT OR REPLACE INTO risk_accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                name(account.scope),
                of,
                account.quote.lossy(),
                self.seq,
                account.profit.get().to_string(),
                account.day_start.get().to_string(),
                account.peak.get().to_string(),
                account.loss_streak.get(),
                name(account.trip),
                ns(account.tripped_ns),
                ns(account.until_ns),
                ns(account.updated_ns),
                message.frame(),
            ],
        )?;
        Ok(())
    }
}
