//! Trials as rows, and back.

use std::collections::VecDeque;

use mesh_optimize::{Domain, Outcome, Point, Value};
use mesh_study::{Ended, Measures, Metric, Spec};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, Transaction, params_from_iter};

use super::Best;
use crate::failure::Failure;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It ran to its end.
    Complete,
    /// It was stopped after so many steps.
    Pruned {
        /// The steps.
        steps: u64,
    },
    /// Its parameters contradict each other: it did not run.
    Invalid,
}

impl State {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Pruned { .. } => "pruned",
            Self::Invalid => "invalid",
        }
    }
}

/// A trial as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub number: u64,
    /// What was tried.
    pub point: Point,
    /// How it ended.
    pub state: State,
    /// Its figures over all symbols, where it is complete.
    pub measures: Measures,
    /// Digest of all its fills, where it is complete.
    pub digest: u64,
    /// What early stopping went by, from step 1.
    pub reports: Vec<f64>,
}

impl Row {
    /// What its study is told.
    #[must_use]
    pub fn outcome(&self, spec: &Spec) -> Outcome {
        match self.state {
            State::Complete => spec.objective.outcome(&self.measures),
            State::Invalid => Outcome::Failed,
            State::Pruned { steps } => {
                let value = (steps as usize).checked_sub(1).and_then(|at| self.reports.get(at));
                value.map_or(Outcome::Failed, |value| Outcome::Pruned { steps, value: *value })
            }
        }
    }
}

/// A parameter's value as SQLite keeps it.
pub(crate) struct Stored(Option<Value>);

impl ToSql for Stored {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match &self.0 {
            None => ToSqlOutput::from(rusqlite::types::Null),
            Some(Value::Bool(value)) => ToSqlOutput::from(*value),
            Some(Value::Int(value)) => ToSqlOutput::from(*value),
            Some(Value::Float(value)) => ToSqlOutput::from(*value),
            Some(Value::Text(value)) => ToSqlOutput::from(value.as_str()),
        })
    }
}

/// The values of a point, in the space's order; none where a parameter is not there.
pub(crate) fn values(spec: &Spec, point: &Point) -> impl Iterator<Item = Option<Value>> {
    let codes = point.codes().iter().zip(spec.space().parameters());
    codes.map(|(code, parameter)| code.map(|code| parameter.domain.value(code)))
}

fn columns(spec: &Spec) -> String {
    let parameters = spec.space().parameters().iter().map(|parameter| parameter.name.as_str());
    let names = parameters.chain(Metric::all().map(|metric| -> &str { metric.name() }));
    let quoted: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    format!("number, state, steps, digest, reports, {}", quoted.join(", "))
}

/// Adds the trials of a chunk.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    spec: &Spec,
    chunk: i64,
    trials: &[Row],
) -> Result<(), rusqlite::Error> {
    let columns = columns(spec);
    let marks = vec!["?"; columns.split(", ").count() + 1].join(", ");
    let mut statement = transaction.prepare(&format!("INSERT INTO trials ({columns}, chunk) VALUES ({marks})"))?;
    for row in trials {
        let steps = match row.state {
            State::Pruned { steps } => Some(steps as i64),
            State::Complete | State::Invalid => None,
        };
        let digest = (row.state == State::Complete).then(|| format!("{:016x}", row.digest));
        let reports: Option<Vec<u8>> =
            (!row.reports.is_empty()).then(|| row.reports.iter().flat_map(|value| value.to_le_bytes()).collect());
        let mut cells: Vec<Box<dyn ToSql>> = vec![
            Box::new(row.number as i64),
            Box::new(row.state.name()),
            Box::new(steps),
            Box::new(digest),
            Box::new(reports),
        ];
        cells.extend(values(spec, &row.point).map(|value| Box::new(Stored(value)) as Box<dyn ToSql>));
        cells.extend(row.measures.values().map(|(_, value)| Box::new(value) as Box<dyn ToSql>));
        cells.push(Box::new(chunk));
        statement.execute(params_from_iter(cells))?;
    }
    Ok(())
}

fn figures() -> String {
    Metric::all().map(|metric| format!(", \"{}\"", metric.name())).collect()
}

/// Puts the best in the place of those before.
pub(super) fn replace_best(transaction: &Transaction<'_>, best: &[Best]) -> Result<(), rusqlite::Error> {
    transaction.execute("DELETE FROM best", [])?;
    let marks = ", ?".repeat(Metric::all().count());
    let query = format!("INSERT INTO best (rank, number, part, symbol{}) VALUES (?, ?, ?, ?{marks})", figures());
    let mut statement = transaction.prepare(&query)?;
    for one in best {
        for (part, symbols) in [("train", &one.train), ("test", &one.test)] {
            for (symbol, measures) in symbols {
                let mut cells: Vec<Box<dyn ToSql + '_>> = vec![
                    Box::new(one.rank as i64),
                    Box::new(one.number as i64),
                    Box::new(part),
                    Box::new(symbol.as_str()),
                ];
                cells.extend(measures.values().map(|(_, value)| Box::new(value) as Box<dyn ToSql>));
                statement.execute(params_from_iter(cells))?;
            }
        }
    }
    Ok(())
}

/// The best, by rank.
pub(super) fn best(connection: &Connection) -> Result<Vec<Best>, Failure> {
    let query = format!("SELECT rank, number, part, symbol{} FROM best ORDER BY rank, rowid", figures());
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    let mut best: Vec<Best> = Vec::new();
    while let Some(row) = rows.next()? {
        let (rank, number) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64);
        if best.last().is_none_or(|last| last.rank != rank) {
            best.push(Best { rank, number, train: Vec::new(), test: Vec::new() });
        }
        let Some(one) = best.last_mut() else { continue };
        let symbols = if row.get::<_, String>(2)? == "train" { &mut one.train } else { &mut one.test };
        symbols.push((row.get(3)?, read_measures(row, 4)?));
    }
    Ok(best)
}

/// The figures that begin at a column.
fn read_measures(row: &rusqlite::Row<'_>, first: usize) -> Result<Measures, rusqlite::Error> {
    let count = Metric::all().count();
    let figures: Vec<Option<f64>> = (first..first + count).map(|column| row.get(column)).collect::<Result<_, _>>()?;
    let mut figures = figures.into_iter();
    Ok(Measures::by(|_| figures.next().flatten()))
}

/// Trials from one number to another, at most so many.
pub(super) fn page(connection: &Connection, spec: &Spec, from: u64, to: u64, most: usize) -> Result<Vec<Row>, Failure> {
    let columns = columns(spec);
    let query =
        format!("SELECT {columns} FROM trials WHERE number BETWEEN {from} AND {to} ORDER BY number LIMIT {most}");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query([])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(read(row, spec)?);
    }
    Ok(page)
}

/// Each trial, by number.
pub(super) fn each(
    connection: &Connection,
    spec: &Spec,
    mut each: impl FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut statement = connection.prepare(&format!("SELECT {} FROM trials ORDER BY number", columns(spec)))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(read(row, spec)?)?;
    }
    Ok(())
}

fn read(row: &rusqlite::Row<'_>, spec: &Spec) -> Result<Row, Failure> {
    let number = row.get::<_, i64>(0)? as u64;
    let wrong = |what: String| Failure::bad(format!("trial {number} of the study's database: {what}"));
    let state = match row.get_ref(1)? {
        ValueRef::Text(b"complete") => State::Complete,
        ValueRef::Text(b"invalid") => State::Invalid,
        ValueRef::Text(b"pruned") => State::Pruned { steps: row.get::<_, i64>(2)? as u64 },
        other => return Err(wrong(format!("expected a state, found {other:?}"))),
    };
    let digest: Option<String> = row.get(3)?;
    let digest = digest.map_or(Ok(0), |hex| u64::from_str_radix(&hex, 16)).map_err(|error| wrong(error.to_string()))?;
    let reports: Option<Vec<u8>> = row.get(4)?;
    let (numbers, _) = reports.as_deref().unwrap_or(&[]).as_chunks::<8>();
    let reports = numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let mut named = Vec::new();
    for (parameter, column) in spec.space().parameters().iter().zip(5..) {
        let value = stored(&parameter.domain, row.get_ref(column)?);
        let value = value.ok_or_else(|| wrong(format!("{}: expected {}", parameter.name, parameter.domain)))?;
        named.extend(value.map(|value| (parameter.name.as_str(), value)));
    }
    let point = spec.space().point(&named).map_err(|error| wrong(error.to_string()))?;
    let measures = read_measures(row, 5 + spec.space().len())?;
    Ok(Row { number, point, state, measures, digest, reports })
}

/// A cell as a value of a domain: `Some(None)` where it is empty, `None` where it is of another kind.
fn stored(domain: &Domain, cell: ValueRef<'_>) -> Option<Option<Value>> {
    let is_switch =
        matches!(domain, Domain::Choice(options) if options.iter().all(|option| matches!(option, Value::Bool(_))));
    let is_real = matches!(domain, Domain::Choice(options) if matches!(options.first(), Some(Value::Float(_))));
    match cell {
        ValueRef::Null => Some(None),
        ValueRef::Integer(value) if is_switch => Some(Some(Value::Bool(value != 0))),
        ValueRef::Integer(value) if is_real => Some(Some(Value::Float(value as f64))),
        ValueRef::Integer(value) => Some(Some(Value::Int(value))),
        ValueRef::Real(value) => Some(Some(Value::Float(value))),
        ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

/// Rows that are read at once.
const PAGE: usize = 1024;

/// What a study knew when it was opened, by number, in pages: only those trials, not those of this run.
#[derive(Debug)]
pub struct Known<'s> {
    connection: Connection,
    spec: &'s Spec,
    next: u64,
    last: Option<u64>,
    page: VecDeque<Row>,
}

impl<'s> Known<'s> {
    /// Of a study's file.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn of(store: &super::Store, spec: &'s Spec) -> Result<Self, Failure> {
        let connection = super::Store::open(store.path())?.connection;
        let last = connection.query_row("SELECT MAX(number) FROM trials", [], |row| row.get::<_, Option<i64>>(0))?;
        Ok(Self { connection, spec, next: 0, last: last.map(|last| last as u64), page: VecDeque::new() })
    }
}

impl Iterator for Known<'_> {
    type Item = Result<Ended, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let last = self.last?;
        if self.page.is_empty() && self.next <= last {
            match page(&self.connection, self.spec, self.next, last, PAGE) {
                Ok(rows) => self.page = rows.into(),
                Err(failure) => {
                    self.last = None;
                    return Some(Err(failure));
                }
            }
        }
        let row = self.page.pop_front()?;
        self.next = row.number + 1;
        let outcome = row.outcome(self.spec);
        Some(Ok(Ended { number: row.number, point: row.point, outcome, reports: row.reports }))
    }
}
