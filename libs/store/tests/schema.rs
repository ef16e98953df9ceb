//! docs/ledger.md is the schema, table by table and column by column.

#![allow(clippy::expect_used)]

use std::collections::BTreeMap;

use mesh_store::SqliteLedger;
use rusqlite::Connection;

/// Columns of each table, `name type`.
type Tables = BTreeMap<String, Vec<String>>;

fn documented(text: &str) -> Tables {
    let mut tables = Tables::new();
    let mut table = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            table = heading.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let (Some(table), Some([name, kind, meaning])) = (table, cells.first_chunk::<3>())
            && let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'))
        {
            assert!(!meaning.is_empty(), "{table}.{name} means something");
            tables.entry(table.to_owned()).or_default().push(format!("{name} {kind}"));
        }
    }
    tables
}

fn real(connection: &Connection) -> rusqlite::Result<Tables> {
    let mut tables = Tables::new();
    let sql = "SELECT t.name, c.name || ' ' || lower(c.type) FROM sqlite_schema t JOIN pragma_table_info(t.name) c
               WHERE t.type = 'table' ORDER BY t.name, c.cid";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for row in rows {
        let (table, column) = row?;
        tables.entry(table).or_default().push(column);
    }
    Ok(tables)
}

#[test]
fn the_document_is_the_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    drop(SqliteLedger::open(&path).expect("opens"));
    let reader = SqliteLedger::open_reader(&path).expect("opens");
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ledger.md")).expect("the document");
    assert_eq!(documented(&text), real(&reader).expect("reads"));
    assert_ne!(documented(&text.replace("| `price` |", "| `prize` |")), real(&reader).expect("reads"));
    let version = format!("version {}", mesh_store::schema::VERSION);
    assert!(text.contains(&version), "docs/ledger.md says which {version} it describes");
}
