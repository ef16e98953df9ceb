//! Reading text files, gzipped ones too, and saying where something is wrong in them.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// What is wrong, and where.
#[derive(Debug)]
pub struct Fault {
    file: PathBuf,
    /// Line, from 1; 0 for the file as a whole.
    line: usize,
    what: String,
}

impl Fault {
    /// About the file as a whole.
    pub fn new(file: &Path, what: impl Into<String>) -> Self {
        Self::at(file, 0, what)
    }

    /// About one line, from 1.
    pub fn at(file: &Path, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        if self.line == 0 {
            write!(f, "{file}: {}", self.what)
        } else {
            write!(f, "{file}:{}: {}", self.line, self.what)
        }
    }
}

impl std::error::Error for Fault {}

/// The text of a file; unpacked where its name ends in `.gz`.
///
/// # Errors
/// Where it can't be read, or is no UTF-8.
pub fn read(path: &Path) -> Result<String, Fault> {
    let fault = |error: std::io::Error| Fault::new(path, format!("can't be read: {error}"));
    let file = File::open(path).map_err(fault)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).read_to_string(&mut text).map_err(fault)?;
    } else {
        (&file).read_to_string(&mut text).map_err(fault)?;
    }
    Ok(text)
}

/// The rows of a CSV file with this header, as times and numbers. Times (the first column, ms) must rise.
///
/// # Errors
/// Where the header is another, a row has other cells, a time does not rise, or there is no row.
pub fn rows<const N: usize>(path: &Path, text: &str, header: &str) -> Result<Vec<(u64, [f64; N])>, Fault> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    match lines.next() {
        Some((_, found)) if found.trim_start_matches('\u{feff}') == header => {}
        found => {
            let found = found.map_or("an empty file", |(_, found)| found);
            return Err(Fault::at(path, 1, format!("expected the header `{header}`, found `{found}`")));
        }
    }
    let mut rows: Vec<(u64, [f64; N])> = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let row = row::<N>(line, header).map_err(|what| Fault::at(path, number, what))?;
        if let Some((before, _)) = rows.last().filter(|(before, _)| *before >= row.0) {
            let what = format!("expected a time after {before}, found {}: sort the rows and drop repeats", row.0);
            return Err(Fault::at(path, number, what));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        Err(Fault::new(path, "expected at least one row after the header, found none"))
    } else {
        Ok(rows)
    }
}

fn row<const N: usize>(line: &str, header: &str) -> Result<(u64, [f64; N]), String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    if cells.len() != N + 1 {
        return Err(format!("expected {} cells ({header}), found {}", N + 1, cells.len()));
    }
    let names = header.split(',').skip(1);
    let time = cells.first().and_then(|cell| cell.parse::<u64>().ok());
    // A time of which nanoseconds are counted in 64 bits.
    let time = time.filter(|ms| *ms <= u64::MAX / 1_000_000 / 2);
    let time =
        time.ok_or_else(|| format!("expected ms since 1970 in ts_ms, found `{}`", cells.first().unwrap_or(&"")))?;
    let mut values = [0.0; N];
    for ((value, cell), name) in values.iter_mut().zip(cells.iter().skip(1)).zip(names) {
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
        *value = number.ok_or_else(|| format!("expected a number in {name}, found `{cell}`"))?;
    }
    Ok((time, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        rows::<2>(Path::new("f.csv"), text, "ts_ms,a,b").unwrap_err().to_string()
    }

    #[test]
    fn rows_are_read() {
        let read = rows::<2>(Path::new("f"), "ts_ms,a,b\r\n10,1.5,2\r\n\r\n20,-3,4e1\r\n", "ts_ms,a,b").unwrap();
        assert_eq!(read, [(10, [1.5, 2.0]), (20, [-3.0, 40.0])]);
    }

    #[test]
    fn faults_name_the_line() {
        assert!(fault("time,a,b\n").starts_with("f.csv:1: expected the header `ts_ms,a,b`, found `time,a,b`"));
        assert_eq!(fault("ts_ms,a,b\n1,2,3\n2,x,3\n"), "f.csv:3: expected a number in a, found `x`");
        assert_eq!(fault("ts_ms,a,b\n1,2,NaN\n"), "f.csv:2: expected a number in b, found `NaN`");
        assert!(fault("ts_ms,a,b\n1,2,3\n1,2,3\n").contains("f.csv:3: expected a time after 1, found 1"));
        assert!(fault("ts_ms,a,b\n1,2\n").contains("expected 3 cells"));
        assert!(fault("ts_ms,a,b\n-1,2,3\n").contains("expected ms since 1970"));
        assert!(fault("ts_ms,a,b\n").contains("at least one row"));
        assert!(fault("").contains("an empty file"));
    }
}
