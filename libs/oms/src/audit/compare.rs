//! A ledger against the log of all messages, and two ledgers against each other.

use std::collections::BTreeMap;

use mesh_codec::Message;
use mesh_types::ClientOrderId;
use mesh_types::execution::{Fill, Intent, Position};

use super::{Account, Auditor, Finding, Trade, same_fill};
use crate::oms::PositionKey;

fn trade(fill: &Fill) -> Trade {
    (fill.instrument, fill.trade_id, fill.client_order_id)
}

/// Orders and fills as messages told them.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    intents: BTreeMap<ClientOrderId, Intent>,
    /// With the time of the first message about each.
    fills: BTreeMap<Trade, (Fill, u64)>,
    findings: Vec<Finding>,
}

impl Heard {
    /// Takes a message of the log; those that are about nothing of this are passed over.
    pub fn hear(&mut self, message: &Message<'_>) {
        if let Some(intent) = message.get::<Intent>() {
            let known = self.intents.entry(intent.client_order_id).or_insert(*intent);
            if known != intent {
                self.note("one name, one order", intent.client_order_id.to_string());
            }
        } else if let Some(fill) = message.get::<Fill>() {
            let (known, _) = self.fills.entry(trade(fill)).or_insert((*fill, message.timestamp_ns()));
            if !same_fill(known, fill) {
                self.note("a trade says the same each time", format!("trade {}: two versions", fill.trade_id));
            }
        }
    }

    fn note(&mut self, rule: &'static str, found: String) {
        self.findings.push(Finding { rule, found });
    }
}

/// What a comparison came to.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Fills in the ledger.
    pub fills: usize,
    /// Fills in the ledger that the log lacks: the ledger's own word was taken.
    pub unrecorded: usize,
    /// Fills in the log that the ledger may not have yet.
    pub under_way: usize,
    /// What does not agree.
    pub findings: Vec<Finding>,
    /// Counted from the log.
    pub accounts: BTreeMap<PositionKey, Account>,
}

/// Counts everything again from what was heard, in the ledger's order, and compares it with the ledger. What was said later
/// than `settled_ns` may still be on its way into the ledger.
pub fn compare(
    heard: &Heard,
    (intents, fills, positions): (&[Intent], &[Fill], &[Position]),
    settled_ns: u64,
) -> Comparison {
    let mut auditor = Auditor::default();
    let mut result = Comparison { fills: fills.len(), findings: heard.findings.clone(), ..Comparison::default() };
    for intent in intents {
        let told = heard.intents.get(&intent.client_order_id).unwrap_or(intent);
        result.findings.extend(auditor.on_intent(told).err());
        if told != intent {
            let found = intent.client_order_id.to_string();
            result.findings.push(Finding { rule: "an order is in the ledger as it was announced", found });
        }
    }
    for fill in fills {
        let told = heard.fills.get(&trade(fill)).map(|(fill, _)| fill);
        result.unrecorded += usize::from(told.is_none());
        let told = told.unwrap_or(fill);
        if !same_fill(told, fill) {
            let found = format!("trade {} of order {}", fill.trade_id, fill.client_order_id);
            result.findings.push(Finding { rule: "a fill is in the ledger as it was reported", found });
        }
        result.findings.extend(auditor.on_fill(told).err());
    }
    for (fill, said_ns) in heard.fills.values() {
        if auditor.trades.contains_key(&trade(fill)) {
            continue;
        }
        if *said_ns > settled_ns {
            result.under_way += 1;
        } else {
            let found = format!("trade {} of order {} is not", fill.trade_id, fill.client_order_id);
            result.findings.push(Finding { rule: "every fill that was reported is in the ledger", found });
        }
    }
    result.findings.extend(positions.iter().filter_map(|position| auditor.check(position).err()));
    let said: Vec<PositionKey> = positions.iter().map(|position| (position.instrument, position.strategy)).collect();
    for ((instrument, strategy), _) in auditor.accounts.iter().filter(|(key, _)| !said.contains(key)) {
        let found = format!("{instrument} of {strategy} has fills, and no position");
        result.findings.push(Finding { rule: "ours and a second count agree", found });
    }
    result.accounts = auditor.accounts;
    result
}

/// Compares our fills with those in the books of a venue. What it did later than `settled_ns` may still be on its way to us.
pub fn compare_books(ours: &[Fill], theirs: &[Fill], settled_ns: u64) -> Vec<Finding> {
    let by_trade =
        |fills: &[Fill]| -> BTreeMap<Trade, Fill> { fills.iter().map(|fill| (trade(fill), *fill)).collect() };
    let (ours, theirs) = (by_trade(ours), by_trade(theirs));
    let found = |fill: &Fill, text| format!("trade {} of order {} {text}", fill.trade_id, fill.client_order_id);
    let mut findings = Vec::new();
    for (trade, fill) in &theirs {
        match ours.get(trade) {
            Some(own) if same_fill(own, fill) => {}
            Some(_) => findings.push(("our books and the venue's agree", found(fill, "is another there"))),
            None if fill.venue_ns.get() > settled_ns => {}
            None => findings.push(("every fill of the venue is in our ledger", found(fill, "is not"))),
        }
    }
    for (_, fill) in ours.iter().filter(|(trade, _)| !theirs.contains_key(trade)) {
        findings.push(("every fill in our ledger is the venue's", found(fill, "is not")));
    }
    findings.into_iter().map(|(rule, found)| Finding { rule, found }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{d, fill, intent};
    use super::*;
    use mesh_codec::registry::TlvBody;
    use mesh_codec::{FrameBuilder, Stamp};
    use mesh_types::{Side, SourceId};

    fn hear<T: TlvBody>(heard: &mut Heard, body: &T, said_ns: u64) {
        let stamp = Stamp { domain: T::DOMAIN, source: SourceId::new(3), sequence: 1, timestamp_ns: said_ns };
        let mut frame = Vec::new();
        FrameBuilder::new(&mut frame, &stamp).body(body).finish().expect("fits");
        heard.hear(&Message::parse(&frame).expect("a frame"));
    }

    fn rules(findings: &[Finding]) -> Vec<&'static str> {
        findings.iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_ledger_agrees_with_its_log_or_it_is_told_where_not() {
        let buy = intent(1, Side::Buy, "3");
        let (a, b, c) = (fill(&buy, "a", "10", "1"), fill(&buy, "b", "11", "1"), fill(&buy, "c", "12", "1"));
        let position = Position {
            instrument: buy.instrument,
            strategy: buy.strategy,
            quantity: d("2").into(),
            fees: d("0.02").into(),
            fill_count: 2.into(),
            ..Position::default()
        };
        let mut heard = Heard::default();
        hear(&mut heard, &buy, 1);
        hear(&mut heard, &a, 2);
        hear(&mut heard, &a, 3);
        let sound = compare(&heard, (&[buy], &[a, b], &[position]), 100);
        assert_eq!((rules(&sound.findings), sound.fills, sound.unrecorded), (vec![], 2, 1));
        assert_eq!(sound.accounts.len(), 1);

        hear(&mut heard, &c, 50);
        let early = compare(&heard, (&[buy], &[a, b], &[position]), 49);
        assert_eq!((rules(&early.findings), early.under_way), (vec![], 1));
        let lost = compare(&heard, (&[buy], &[a, b], &[position]), 50);
        assert_eq!(rules(&lost.findings), ["every fill that was reported is in the ledger"]);

        let dearer = Fill { price: d("9").into(), ..a };
        let changed = compare(&heard, (&[buy], &[dearer, b], &[position]), 0);
        assert_eq!(rules(&changed.findings), ["a fill is in the ledger as it was reported"]);
        let richer = Position { realized_pnl: d("1").into(), ..position };
        assert_eq!(
            rules(&compare(&heard, (&[buy], &[a, b], &[richer]), 0).findings),
            ["ours and a second count agree"]
        );
        assert_eq!(rules(&compare(&heard, (&[buy], &[a, b], &[]), 0).findings), ["ours and a second count agree"]);
        let larger = Intent { quantity: d("4").into(), ..buy };
        let other = compare(&heard, (&[larger], &[a, b], &[position]), 0);
        assert_eq!(rules(&other.findings), ["an order is in the ledger as it was announced"]);
        hear(&mut heard, &larger, 60);
        hear(&mut heard, &dearer, 61);
        assert_eq!(rules(&heard.findings), ["one name, one order", "a trade says the same each time"]);
    }

    #[test]
    fn books_agree_up_to_what_is_under_way() {
        let buy = intent(1, Side::Buy, "3");
        let (a, b) = (fill(&buy, "a", "10", "1"), Fill { venue_ns: 9.into(), ..fill(&buy, "b", "11", "1") });
        assert_eq!(compare_books(&[a, b], &[b, a], 0), []);
        assert_eq!(compare_books(&[a], &[a, b], 8), []);
        assert_eq!(rules(&compare_books(&[a], &[a, b], 9)), ["every fill of the venue is in our ledger"]);
        assert_eq!(rules(&compare_books(&[a, b], &[a], 9)), ["every fill in our ledger is the venue's"]);
        let other = Fill { fee: d("9").into(), ..a };
        assert_eq!(rules(&compare_books(&[a], &[other], 9)), ["our books and the venue's agree"]);
    }
}
