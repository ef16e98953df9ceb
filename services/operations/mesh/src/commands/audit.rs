//! `mesh audit`: everything counted a second time, from what the relays carried, against what the ledgers say.

use mesh_capture::{Capture, Item, TimeRange};
use mesh_oms::audit::{self, Comparison, Heard};
use mesh_oms::{Account, Finding, PositionKey};
use mesh_runtime::clock;
use mesh_store::{Books, LedgerReader};
use mesh_topology::{Kind, Layout};
use mesh_types::Domain;
use serde_json::{Value, json};

use crate::commands::capture::failure;
use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::ledgers;

/// What happened later than this may be on its way from one process to the next.
const UNDER_WAY_NS: u64 = 10_000_000_000;

/// Counts and compares.
pub(crate) fn audit(layout: &Layout, as_json: bool) -> Outcome {
    let files = ledgers::files(layout)?;
    if !files.iter().any(|file| file.kind == Kind::Portfolio) {
        return Err(Failure::bad(format!("no ledger of a portfolio in {}", layout.home().join("data").display())));
    }
    let mut findings = Vec::new();
    for file in &files {
        let faults = mesh_store::audit(&file.path).map_err(Failure::bad)?.faults;
        let found = |fault: &dyn ToString| format!("{}: {}", file.name, fault.to_string());
        findings.extend(faults.iter().map(|fault| Finding { rule: "a ledger is its audit log", found: found(fault) }));
    }
    // Ours first: what is done at the venue meanwhile is under way.
    let settled_ns = clock::now_ns().saturating_sub(UNDER_WAY_NS);
    let (mut ours, mut theirs) = (Books::default(), Vec::new());
    for file in files.iter().filter(|file| file.kind == Kind::Portfolio) {
        let books = LedgerReader::open(&file.path).and_then(|reader| reader.books()).map_err(Failure::bad)?;
        ours.intents.extend(books.intents);
        ours.fills.extend(books.fills);
        ours.positions.extend(books.positions);
    }
    for file in files.iter().filter(|file| file.kind == Kind::Executor) {
        let books = LedgerReader::open(&file.path).and_then(|reader| reader.books()).map_err(Failure::bad)?;
        theirs.extend(books.fills);
    }
    let mut compared = audit::compare(&hear(layout)?, (&ours.intents, &ours.fills, &ours.positions), settled_ns);
    if files.iter().any(|file| file.kind == Kind::Executor) {
        findings.extend(audit::compare_books(&ours.fills, &theirs, settled_ns));
    }
    findings.append(&mut compared.findings);
    let mut console = Console::new();
    if as_json {
        console.json(&to_json(&compared, &findings))?;
    } else {
        print(&mut console, &compared, &findings)?;
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure::Silent) }
}

/// Everything that was recorded of orders.
fn hear(layout: &Layout) -> Outcome<Heard> {
    let mut heard = Heard::default();
    if !layout.capture().exists() {
        return Ok(heard);
    }
    let capture = Capture::open(&layout.capture()).map_err(failure)?;
    let mut reader = capture.reader(TimeRange::ALL);
    while let Some(item) = reader.next_item().map_err(failure)? {
        if let Item::Record(record) = item
            && record.message.domain() == Domain::Execution
        {
            heard.hear(&record.message);
        }
    }
    Ok(heard)
}

/// What an account comes to, as text.
fn figures(account: &Account) -> [String; 3] {
    let text =
        |value: Result<mesh_types::Decimal64, _>| value.map_or_else(|_| "too large".to_owned(), |d| d.to_string());
    let fees = account
        .fees
        .iter()
        .map(|(asset, sum)| format!("{} {asset}", text(sum.to_decimal(mesh_types::Rounding::Ceiling))));
    [account.quantity.to_string(), text(account.realized_pnl()), fees.collect::<Vec<_>>().join(" + ")]
}

fn to_json(compared: &Comparison, findings: &[Finding]) -> Value {
    let account = |((instrument, strategy), account): (&PositionKey, &Account)| {
        let [quantity, realized_pnl, fees] = figures(account);
        json!({
            "instrument": instrument.to_string(),
            "strategy": strategy.to_string(),
            "quantity": quantity,
            "realized_pnl": realized_pnl,
            "fees": fees,
            "fill_count": account.fill_count,
        })
    };
    let finding = |finding: &Finding| json!({"rule": finding.rule, "found": finding.found});
    json!({
        "sound": findings.is_empty(),
        "fills": compared.fills,
        "unrecorded": compared.unrecorded,
        "under_way": compared.under_way,
        "positions": compared.accounts.iter().map(account).collect::<Vec<_>>(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn print(console: &mut Console, compared: &Comparison, findings: &[Finding]) -> Outcome {
    let plain = |cells: &[&str]| cells.iter().map(|cell| (Tone::Plain, (*cell).to_owned())).collect::<Vec<_>>();
    let mut rows = vec![plain(&["INSTRUMENT", "STRATEGY", "POSITION", "PROFIT", "FEES", "FILLS"])];
    for ((instrument, strategy), account) in &compared.accounts {
        let [quantity, pnl, fees] = figures(account);
        let (instrument, count) = (instrument.to_string(), account.fill_count.to_string());
        rows.push(plain(&[&instrument, &strategy.to_string(), &quantity, &pnl, &fees, &count]));
    }
    if rows.len() > 1 {
        console.table(&rows)?;
    }
    for finding in findings {
        console.line(console.paint(Tone::Bad, &finding.to_string()))?;
    }
    if compared.unrecorded > 0 {
        let text = format!(
            "{} of {} fills were not recorded: the ledger's word was taken",
            compared.unrecorded, compared.fills
        );
        console.line(console.paint(Tone::Warn, &text))?;
    }
    let under_way = if compared.under_way > 0 { format!(", {} under way", compared.under_way) } else { String::new() };
    let (tone, said) = match findings.len() {
        0 => (Tone::Good, "everything agrees".to_owned()),
        count => (Tone::Bad, format!("{count} things do not agree")),
    };
    let said = console.paint(tone, &said);
    Ok(console.line(format!("{said}: {} fills counted again{under_way}", compared.fills))?)
}
