//! Standard output for people: colours only on a terminal, columns that stand under each other.

use std::io::{self, IsTerminal, StdoutLock, Write};

use mesh_types::Decimal64;

/// Where a command writes.
pub(crate) struct Console {
    out: StdoutLock<'static>,
    colours: bool,
    silent: bool,
}

/// What a text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// Good.
    Good,
    /// Under way, or to be looked at.
    Warn,
    /// Bad.
    Bad,
    /// Beside the point.
    Dim,
    /// A heading, or the thing itself.
    Bold,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Dim => "2",
            Self::Bold => "1",
        }
    }
}

impl Console {
    /// Standard output.
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        let colours = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { out: out.lock(), colours, silent: false }
    }

    /// Standard output where a person reads it; else only what [`Console::json`] says.
    pub(crate) fn for_people(yes: bool) -> Self {
        Self { silent: !yes, ..Self::new() }
    }

    /// Writes what programs read, as one line.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        writeln!(self.out, "{value}")
    }

    /// A text in its colour.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if self.colours && tone != Tone::Plain {
            format!("\x1b[{}m{text}\x1b[0m", tone.code())
        } else {
            text.to_owned()
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        writeln!(self.out, "{}", text.as_ref())
    }

    /// Writes what is held back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A table: the first row is the heading. Cells that look like numbers stand to the right.
    pub(crate) fn table(&mut self, rows: &[Vec<(Tone, String)>]) -> io::Result<()> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|(_, text)| text.chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect();
        let is_number = |column: usize| {
            let mut cells = rows.iter().skip(1).filter_map(|row| row.get(column)).map(|(_, text)| text.as_str());
            cells.all(|text| text == "-" || text.starts_with(|c: char| c.is_ascii_digit()))
        };
        for (index, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (column, ((tone, text), width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width.saturating_sub(text.chars().count()));
                let tone = if index == 0 { Tone::Dim } else { *tone };
                let cell = self.paint(tone, text);
                line += &if is_number(column) { format!("{padding}{cell}  ") } else { format!("{cell}{padding}  ") };
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }
}

/// A duration as people read it: `5s`, `3m12s`, `4h05m`, `2d03h`.
pub(crate) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// Nanoseconds as people read them: `850ns`, `12.3us`, `4.56ms`, `1.20s`.
pub(crate) fn nanoseconds(ns: u64) -> String {
    let value = ns as f64;
    match ns {
        0..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => format!("{:.1}us", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}ms", value / 1e6),
        _ => format!("{:.2}s", value / 1e9),
    }
}

/// Bytes as people read them: `512B`, `12.3MiB`.
pub(crate) fn bytes(count: u64) -> String {
    let value = count as f64;
    match count {
        0..1024 => format!("{count}B"),
        1024..1_048_576 => format!("{:.1}KiB", value / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1}MiB", value / 1_048_576.0),
        _ => format!("{:.2}GiB", value / 1_073_741_824.0),
    }
}

/// A rate as people read it: `0`, `3.2`, `950`, `12.3k`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        r if r <= 0.0 => "0".to_owned(),
        r if r < 10.0 => format!("{r:.1}"),
        r if r < 10_000.0 => format!("{r:.0}"),
        r if r < 1e6 => format!("{:.1}k", r / 1e3),
        r => format!("{:.1}M", r / 1e6),
    }
}

/// A decimal without the zeros that say nothing.
pub(crate) fn plain(decimal: Decimal64) -> String {
    let text = decimal.to_string();
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_readable() {
        let durations = [0, 59, 60, 3599, 3600, 86399, 86400].map(duration);
        assert_eq!(durations, ["0s", "59s", "1m00s", "59m59s", "1h00m", "23h59m", "1d00h"]);
        assert_eq!([999, 1000, 12_345_678, 1_200_000_000].map(nanoseconds), ["999ns", "1.0us", "12.35ms", "1.20s"]);
        assert_eq!([1023, 1024, 13_000_000].map(bytes), ["1023B", "1.0KiB", "12.4MiB"]);
        assert_eq!([0.0, 3.21, 950.4, 12_345.0, 2e6].map(rate), ["0", "3.2", "950", "12.3k", "2.0M"]);
    }
}
