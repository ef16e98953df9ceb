//! All trials of a study as CSV, JSON and Parquet: by number, and nothing in it of when or where they were run, so that the
//! same study is the same bytes.

use std::io::{self, BufWriter, Write};

use mesh_columns::{Cell, Field, Kind, Writer};
use mesh_kernel::ParamKind;
use mesh_optimize::Value;
use mesh_study::{Measures, Metric, Spec};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

use crate::store::{Row, State, Store, values};

/// Writes CSV: number, state, steps, parameters, figures, digest of the fills; empty where there is nothing.
///
/// # Errors
/// Where it can't be read or written.
pub fn csv(spec: &Spec, store: &Store, out: &mut dyn Write) -> Result<(), Failure> {
    let parameters = spec.space().parameters().iter().map(|parameter| parameter.name.as_str());
    let figures = Metric::all().map(|metric| -> &str { metric.name() });
    let names: Vec<&str> = parameters.chain(figures).collect();
    writeln!(out, "number,state,steps,{},digest", names.join(","))?;
    store.each(spec, |row| Ok(writeln!(out, "{}", line(spec, &row))?))
}

fn line(spec: &Spec, row: &Row) -> String {
    let steps = match row.state {
        State::Pruned { steps } => steps.to_string(),
        State::Complete | State::Invalid => String::new(),
    };
    let parameters = values(spec, &row.point).map(|value| value.map_or_else(String::new, |value| value.to_string()));
    // The shortest decimal that reads back as the same number.
    let figures = row.measures.values().map(|(_, value)| value.map_or_else(String::new, |value| format!("{value:?}")));
    let cells: Vec<String> = parameters.chain(figures).collect();
    format!("{},{},{steps},{},{}", row.number, row.state.name(), cells.join(","), digest_of(row).unwrap_or_default())
}

fn digest_of(row: &Row) -> Option<String> {
    (row.state == State::Complete).then(|| format!("{:016x}", row.digest))
}

/// SHA-256 over the CSV, in hex: two studies with the same are the same in every trial, value and fill.
///
/// # Errors
/// Where a trial can't be read.
pub fn digest(spec: &Spec, store: &Store) -> Result<String, Failure> {
    struct Hashing(Sha256);
    impl Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut out = BufWriter::new(Hashing(Sha256::new()));
    csv(spec, store, &mut out)?;
    let hashing = out.into_inner().map_err(|error| Failure::bad(error.to_string()))?;
    Ok(hex::encode(hashing.0.finalize()))
}

/// Figures as JSON.
#[must_use]
pub fn json_figures(measures: &Measures) -> serde_json::Value {
    let named = measures.values().map(|(metric, value)| (metric.name().to_owned(), json!(value)));
    named.collect::<Map<_, _>>().into()
}

/// A trial as JSON.
#[must_use]
pub fn json_row(spec: &Spec, row: &Row) -> serde_json::Value {
    let named = spec.space().parameters().iter().map(|parameter| parameter.name.clone()).zip(values(spec, &row.point));
    let parameters: Map<String, serde_json::Value> = named.map(|(name, value)| (name, json!(value))).collect();
    let steps = match row.state {
        State::Pruned { steps } => Some(steps),
        State::Complete | State::Invalid => None,
    };
    json!({
        "number": row.number,
        "state": row.state.name(),
        "steps": steps,
        "parameters": parameters,
        "metrics": json_figures(&row.measures),
        "digest": digest_of(row),
    })
}

/// Writes one JSON object a line.
///
/// # Errors
/// Where it can't be read or written.
pub fn json_lines(spec: &Spec, store: &Store, out: &mut dyn Write) -> Result<(), Failure> {
    store.each(spec, |row| Ok(writeln!(out, "{}", json_row(spec, &row))?))
}

/// Writes Parquet: the columns of the CSV.
///
/// # Errors
/// Where it can't be read or written.
pub fn parquet(spec: &Spec, store: &Store, out: impl Write + Send) -> Result<(), Failure> {
    let wrong = |error: mesh_columns::ColumnsError| Failure::bad(error.to_string());
    let kinds: Vec<ParamKind> = spec
        .space()
        .parameters()
        .iter()
        .map(|parameter| {
            let known = spec.table.iter().find(|known| known.name == parameter.name);
            known.map_or(ParamKind::Real, |known| known.kind)
        })
        .collect();
    let parameters = spec.space().parameters().iter().zip(&kinds).map(|(parameter, kind)| {
        let kind = match kind {
            ParamKind::Integer => Kind::I64,
            ParamKind::Real => Kind::F64,
            ParamKind::Switch => Kind::Bool,
        };
        Field::optional(&parameter.name, kind)
    });
    let mut fields = vec![
        Field::required("number", Kind::I64),
        Field::required("state", Kind::Text),
        Field::optional("steps", Kind::I64),
    ];
    fields.extend(parameters);
    fields.extend(Metric::all().map(|metric| Field::optional(metric.name(), Kind::F64)));
    fields.push(Field::optional("digest", Kind::Text));
    let mut writer = Writer::new(out, fields).map_err(wrong)?;
    store.each(spec, |row| {
        let digest = digest_of(&row);
        let steps = match row.state {
            State::Pruned { steps } => Cell::I64(steps as i64),
            State::Complete | State::Invalid => Cell::Empty,
        };
        let mut cells = vec![Cell::I64(row.number as i64), Cell::Text(row.state.name()), steps];
        let values: Vec<Option<Value>> = values(spec, &row.point).collect();
        cells.extend(values.iter().zip(&kinds).map(|(value, kind)| cell(value.as_ref(), *kind)));
        cells.extend(row.measures.values().map(|(_, value)| value.map_or(Cell::Empty, Cell::F64)));
        cells.push(digest.as_deref().map_or(Cell::Empty, Cell::Text));
        writer.row(&cells).map_err(wrong)
    })?;
    writer.finish().map_err(wrong)
}

fn cell(value: Option<&Value>, kind: ParamKind) -> Cell<'_> {
    match (value, kind) {
        (None, _) => Cell::Empty,
        (Some(Value::Bool(value)), _) => Cell::Bool(*value),
        (Some(Value::Int(value)), ParamKind::Real) => Cell::F64(*value as f64),
        (Some(Value::Int(value)), _) => Cell::I64(*value),
        (Some(Value::Float(value)), ParamKind::Integer) => Cell::I64(*value as i64),
        (Some(Value::Float(value)), _) => Cell::F64(*value),
        (Some(Value::Text(value)), _) => Cell::Text(value),
    }
}
