//! What each word does.

pub(crate) mod check;
pub(crate) mod look;
pub(crate) mod plot;
pub(crate) mod run;
pub(crate) mod submit;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;
use sweep::Failure;

/// Prints a line; a reader that has gone is no failure.
fn say(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn say_json(value: &Value) -> Result<(), Failure> {
    say(&value.to_string())
}

/// A number as tables show it; a dash where there is none.
fn shown(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.fract() == 0.0 && value.abs() < 1e9 => format!("{value}"),
        Some(value) if value.abs() >= 1e3 => format!("{value:.2}"),
        Some(value) => format!("{value:.4}"),
    }
}

/// Writes a file whole, or leaves the old one.
fn save(path: &Path, write: impl FnOnce(&mut fs::File) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let fault = |error: io::Error| Failure::usage(format!("{}: can't be written: {error}", path.display()));
    let mut file = fs::File::create(&beside).map_err(fault)?;
    write(&mut file)?;
    fs::rename(&beside, path).map_err(fault)
}

/// Rows under a head, columns as wide as they need.
fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).chain(head.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}", width = *width)).collect();
        padded.join("  ")
    };
    let mut text = line(head);
    for row in rows {
        text.push('\n');
        text += &line(row);
    }
    text
}
