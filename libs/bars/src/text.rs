//! Reading text files, gzipped ones too, and saying where something is wrong in them.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
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
    let fault = |error: std::io::Error| unreadable(path, &error);
    let file = File::open(path).map_err(fault)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).read_to_string(&mut text).map_err(fault)?;
    } else {
        (&file).read_to_string(&mut text).map_err(fault)?;
    }
    Ok(text)
}

/// The longest line of a text file, bytes.
const LINE_MAX: u64 = 1 << 20;

/// The lines of a file that are not blank, trimmed, with their numbers from 1; one is held at a time. Unpacked where the name
/// ends in `.gz`.
pub(crate) fn each_line(path: &Path, each: impl FnMut(usize, &str) -> Result<(), Fault>) -> Result<(), Fault> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        lines_of(path, BufReader::new(MultiGzDecoder::new(file)), each)
    } else {
        lines_of(path, BufReader::new(file), each)
    }
}

fn lines_of(
    path: &Path,
    mut reader: impl BufRead,
    mut each: impl FnMut(usize, &str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(LINE_MAX).read_line(&mut line).map_err(|error| unreadable(path, &error))?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_MAX && !line.ends_with('\n') {
            return Err(Fault::at(path, number, format!("expected a line of at most {LINE_MAX} bytes")));
        }
        let line = line.trim();
        if number == 1 || !line.is_empty() {
            each(number, line)?;
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(path, format!("can't be read: {error}"))
}

/// The rows of a CSV file with this header, as times and numbers. Times (the first column, ms) must rise.
///
/// # Errors
/// Where the file can't be read, the header is another, a row has other cells, a time does not rise, or there is no row.
pub fn rows<const N: usize>(path: &Path, header: &str) -> Result<Vec<(u64, [f64; N])>, Fault> {
    let mut rows = Rows::new(header);
    each_line(path, |number, line| rows.line(path, number, line))?;
    rows.end(path)
}

/// Rows of a CSV file, line by line.
pub(crate) struct Rows<'a, const N: usize> {
    header: &'a str,
    has_header: bool,
    rows: Vec<(u64, [f64; N])>,
}

impl<'a, const N: usize> Rows<'a, N> {
    pub(crate) const fn new(header: &'a str) -> Self {
        Self { header, has_header: false, rows: Vec::new() }
    }

    /// Takes a line.
    pub(crate) fn line(&mut self, path: &Path, number: usize, line: &str) -> Result<(), Fault> {
        let header = self.header;
        if !self.has_header {
            if line.trim_start_matches('\u{feff}') != header {
                return Err(Fault::at(path, 1, format!("expected the header `{header}`, found `{line}`")));
            }
            self.has_header = true;
            return Ok(());
        }
        let row = row::<N>(line, header).map_err(|what| Fault::at(path, number, what))?;
        if let Some((before, _)) = self.rows.last().filter(|(before, _)| *before >= row.0) {
            let what = format!("expected a time after {before}, found {}: sort the rows and drop repeats", row.0);
            return Err(Fault::at(path, number, what));
        }
        self.rows.push(row);
        Ok(())
    }

    /// All of them.
    pub(crate) fn end(self, path: &Path) -> Result<Vec<(u64, [f64; N])>, Fault> {
        if !self.has_header {
            return Err(Fault::at(path, 1, format!("expected the header `{}`, found `an empty file`", self.header)));
        }
        if self.rows.is_empty() {
            return Err(Fault::new(path, "expected at least one row after the header, found none"));
        }
        Ok(self.rows)
    }
}

/// Ms since 1970, of which nanoseconds are counted in 64 bits.
pub(crate) fn time_of_ms(cell: &str) -> Result<u64, String> {
    let time = cell.parse::<u64>().ok().filter(|ms| *ms <= u64::MAX / 1_000_000 / 2);
    time.ok_or_else(|| format!("expected ms since 1970 in ts_ms, found `{cell}`"))
}

fn row<const N: usize>(line: &str, header: &str) -> Result<(u64, [f64; N]), String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    if cells.len() != N + 1 {
        return Err(format!("expected {} cells ({header}), found {}", N + 1, cells.len()));
    }
    let names = header.split(',').skip(1);
    let time = time_of_ms(cells.first().unwrap_or(&""))?;
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

    fn rows_of(text: &str) -> Result<Vec<(u64, [f64; 2])>, Fault> {
        let (path, mut rows) = (Path::new("f.csv"), Rows::new("ts_ms,a,b"));
        lines_of(path, text.as_bytes(), |number, line| rows.line(path, number, line))?;
        rows.end(path)
    }

    fn fault(text: &str) -> String {
        rows_of(text).unwrap_err().to_string()
    }

    #[test]
    fn rows_are_read() {
        let read = rows_of("ts_ms,a,b\r\n10,1.5,2\r\n\r\n20,-3,4e1\r\n").unwrap();
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
        assert!(
            fault(&format!("ts_ms,a,b\n{}", "1".repeat(2 << 20))).starts_with("f.csv:2: expected a line of at most")
        );
    }
}
