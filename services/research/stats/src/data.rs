//! Tables from files: CSV, or Parquet where the name ends so. Columns hold numbers or text; a column of times says when a row
//! was and is left out.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use mesh_columns::{Batch, ColumnsError, Kind, Reader};

/// Names of columns that say when a row was.
const TIMES: [&str; 7] = ["", "ts_ms", "ts", "time", "timestamp", "date", "open_time"];

/// What is wrong in a file, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    file: PathBuf,
    /// Line and column, from 1; 0 for all of them.
    line: usize,
    column: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if self.column > 0 {
            write!(f, " column {}:", self.column)?;
        }
        write!(f, " {}", self.what)
    }
}

/// A column's values, one for each row.
#[derive(Debug, PartialEq)]
enum Column {
    Numbers(Vec<f64>),
    Text(Vec<String>),
}

/// A table of a file.
#[derive(Debug)]
pub(crate) struct Table {
    file: PathBuf,
    /// Empty where the file has no header.
    names: Vec<String>,
    columns: Vec<Column>,
}

impl Table {
    /// Reads a file; `-` is standard input.
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        if path.extension().is_some_and(|extension| extension == "parquet") {
            return parquet(path);
        }
        let fault = |error: std::io::Error| Fault::of(path, 0, 0, format!("can't be read: {error}"));
        let mut text = String::new();
        if path.as_os_str() == "-" {
            std::io::stdin().lock().read_to_string(&mut text).map_err(fault)?;
        } else {
            File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map_err(fault)?;
        }
        csv(path, &text)
    }

    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::of(&self.file, 0, 0, what)
    }

    fn is_time(&self, column: usize) -> bool {
        self.names.get(column).is_some_and(|name| TIMES.contains(&name.to_ascii_lowercase().as_str()))
    }

    /// The names and numbers of the columns that hold numbers, but for times.
    fn numbers(&self) -> impl Iterator<Item = (String, &[f64])> {
        self.columns.iter().enumerate().filter(|(at, _)| !self.is_time(*at)).filter_map(|(at, column)| {
            let name = self.names.get(at).cloned().unwrap_or_else(|| at.to_string());
            if let Column::Numbers(numbers) = column { Some((name, numbers.as_slice())) } else { None }
        })
    }

    /// The one column of numbers, or that of this name; among several, that which is called so by itself.
    pub(crate) fn series(&self, name: Option<&str>, usual: &[&str]) -> Result<Vec<f64>, Fault> {
        let all: Vec<(String, &[f64])> = self.numbers().collect();
        let names = || all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let called = |wanted: &str| all.iter().find(|(name, _)| name == wanted).map(|(_, numbers)| numbers.to_vec());
        match (name, all.as_slice()) {
            (Some(name), _) => called(name)
                .ok_or_else(|| self.fault(format!("expected a column `{name}` of numbers, found {}", names()))),
            (None, [(_, only)]) => Ok(only.to_vec()),
            (None, []) => Err(self.fault("expected a column of numbers, found none")),
            (None, _) => usual.iter().find_map(|name| called(name)).ok_or_else(|| {
                self.fault(format!("expected one column of numbers, found {}: choose one with --column NAME", names()))
            }),
        }
    }

    /// The columns of numbers, with their names.
    pub(crate) fn matrix(&self) -> Result<(Vec<String>, Vec<&[f64]>), Fault> {
        let (names, columns): (Vec<String>, Vec<&[f64]>) = self.numbers().unzip();
        if columns.is_empty() {
            Err(self.fault("expected columns of numbers, found none"))
        } else {
            Ok((names, columns))
        }
    }

    /// The numbers under one of these names.
    pub(crate) fn named(&self, names: &[&str]) -> Result<&[f64], Fault> {
        match self.column(names) {
            Some(Column::Numbers(numbers)) => Ok(numbers),
            Some(Column::Text(_)) => {
                Err(self.fault(format!("expected numbers in `{}`, found text", names.join("` or `"))))
            }
            None => Err(self.missing(names)),
        }
    }

    /// The text under one of these names; none where there is no such column.
    pub(crate) fn text(&self, names: &[&str]) -> Option<&[String]> {
        if let Some(Column::Text(text)) = self.column(names) { Some(text) } else { None }
    }

    /// Says that there is no column of these names.
    pub(crate) fn missing(&self, names: &[&str]) -> Fault {
        let found = if self.names.is_empty() { "no header".to_owned() } else { self.names.join(", ") };
        self.fault(format!("expected a column `{}`, found {found}", names.join("` or `")))
    }

    /// Says that a row holds something else than expected.
    pub(crate) fn wrong(&self, row: usize, expected: &str, found: &str) -> Fault {
        self.fault(format!("row {} after the header: expected {expected}, found {found}", row + 1))
    }

    fn column(&self, names: &[&str]) -> Option<&Column> {
        let at = names.iter().find_map(|wanted| self.names.iter().position(|name| name == wanted))?;
        self.columns.get(at)
    }
}

impl Fault {
    fn of(file: &Path, line: usize, column: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column, what: what.into() }
    }
}

/// A table of text: comma-separated, a header where its first line is no row of numbers. A column is one of numbers where its
/// first cell is one.
fn csv(path: &Path, text: &str) -> Result<Table, Fault> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines =
        text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim().is_empty());
    let mut lines = lines.by_ref().peekable();
    let Some((_, first)) = lines.peek() else {
        return Err(Fault::of(path, 0, 0, "expected rows, found an empty file"));
    };
    let first = cells(first);
    let names = if first.iter().all(|cell| number(cell).is_some()) {
        Vec::new()
    } else {
        lines.next();
        first
    };
    let mut columns: Vec<Column> = Vec::new();
    for (line, row) in lines {
        let row = cells(row);
        if columns.is_empty() {
            let of = |cell: &String| match number(cell) {
                Some(_) => Column::Numbers(Vec::new()),
                None => Column::Text(Vec::new()),
            };
            columns = row.iter().map(of).collect();
        }
        let expected = if names.is_empty() { columns.len() } else { names.len() };
        if row.len() != expected {
            return Err(Fault::of(path, line, 0, format!("expected {expected} cells, found {}", row.len())));
        }
        for (at, (column, cell)) in columns.iter_mut().zip(row).enumerate() {
            match column {
                Column::Text(texts) => texts.push(cell),
                Column::Numbers(numbers) => numbers.push(number(&cell).ok_or_else(|| {
                    let named = names.get(at).map(|name| format!(" in `{name}`")).unwrap_or_default();
                    let found = if cell.is_empty() { "nothing".to_owned() } else { format!("`{cell}`") };
                    Fault::of(path, line, at + 1, format!("expected a number{named}, found {found}"))
                })?),
            }
        }
    }
    if columns.is_empty() {
        return Err(Fault::of(path, 0, 0, "expected rows after the header, found none"));
    }
    Ok(Table { file: path.to_owned(), names, columns })
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The cells of a line; one in quotes may hold commas.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for character in line.trim_end_matches('\r').chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cells.last_mut().map_or((), |cell| cell.push(other)),
        }
    }
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

fn parquet(path: &Path) -> Result<Table, Fault> {
    let fault = |error: ColumnsError| Fault::of(path, 0, 0, error.to_string());
    let file = File::open(path).map_err(|error| Fault::of(path, 0, 0, format!("can't be read: {error}")))?;
    let reader = Reader::new(file).map_err(fault)?;
    let read = reader.fields().filter(|field| !matches!(field.kind, Kind::Time | Kind::Bool));
    let (names, mut columns): (Vec<String>, Vec<Column>) = read
        .map(|field| {
            let is_text = field.kind == Kind::Text;
            (field.name.clone(), if is_text { Column::Text(Vec::new()) } else { Column::Numbers(Vec::new()) })
        })
        .unzip();
    let mut batches = reader.read(&names.iter().map(String::as_str).collect::<Vec<_>>()).map_err(fault)?;
    while let Some(batch) = batches.next_batch().map_err(fault)? {
        for (at, column) in columns.iter_mut().enumerate() {
            append(&batch, at, column).map_err(fault)?;
        }
    }
    Ok(Table { file: path.to_owned(), names, columns })
}

fn append(batch: &Batch, at: usize, column: &mut Column) -> Result<(), ColumnsError> {
    for row in 0..batch.rows() {
        match column {
            Column::Numbers(numbers) => {
                let number = batch.number(at, row)?;
                numbers.push(
                    Some(number).filter(|number| number.is_finite()).ok_or_else(|| batch.wrong(at, row, "a number"))?,
                );
            }
            Column::Text(texts) => match batch.cell(at, row) {
                mesh_columns::Cell::Text(text) => texts.push(text.to_owned()),
                _ => texts.push(String::new()),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, String> {
        csv(Path::new("f.csv"), text).map_err(|fault| fault.to_string())
    }

    #[test]
    fn tables_are_read() {
        let of = table("ts_ms,a,name,b\r\n1,0.5,\"x, y\",-2\r\n\r\n2,1e-3,z,3\r\n").unwrap();
        let (names, columns) = of.matrix().unwrap();
        assert_eq!((names, columns), (vec!["a".to_owned(), "b".to_owned()], vec![&[0.5, 1e-3][..], &[-2.0, 3.0]]));
        assert_eq!(of.text(&["name"]).unwrap(), ["x, y", "z"]);
        assert_eq!(of.named(&["c", "b"]).unwrap(), [-2.0, 3.0]);
        assert_eq!(of.series(Some("a"), &[]).unwrap(), [0.5, 1e-3]);
        assert_eq!(of.series(None, &["return", "b"]).unwrap(), [-2.0, 3.0]);
        let bare = table("1\n-2\n").unwrap();
        assert_eq!(bare.series(None, &[]).unwrap(), [1.0, -2.0]);
    }

    #[test]
    fn faults_name_file_line_and_column() {
        let fault = |text: &str| table(text).unwrap_err();
        assert_eq!(fault("a,b\n1,2\n3,x\n"), "f.csv:3: column 2: expected a number in `b`, found `x`");
        assert_eq!(fault("1,2\n3,\n"), "f.csv:2: column 2: expected a number, found nothing");
        assert_eq!(fault("a\n1\nNaN\n"), "f.csv:3: column 1: expected a number in `a`, found `NaN`");
        assert_eq!(fault("a,b\n1,2\n3\n"), "f.csv:3: expected 2 cells, found 1");
        assert_eq!(fault(""), "f.csv: expected rows, found an empty file");
        assert_eq!(fault("a,b\n"), "f.csv: expected rows after the header, found none");
        let two = table("a,b\n1,2\n").unwrap();
        let several = two.series(None, &[]).unwrap_err().to_string();
        assert_eq!(several, "f.csv: expected one column of numbers, found a, b: choose one with --column NAME");
        assert_eq!(two.named(&["c", "d"]).unwrap_err().to_string(), "f.csv: expected a column `c` or `d`, found a, b");
        assert_eq!(
            two.wrong(0, "long or short", "`up`").to_string(),
            "f.csv: row 1 after the header: expected long or short, found `up`"
        );
    }
}
