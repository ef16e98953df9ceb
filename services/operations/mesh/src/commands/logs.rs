//! `mesh logs`: one log, or all of them in one stream, in order of time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_topology::{Layout, suggest};

use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};

const POLL: Duration = Duration::from_millis(100);
/// Read from the end of each log, at least.
const TAIL_BYTES: u64 = 256 * 1024;
const LINE_BYTES: u64 = 512;
/// A line that has not ended by then is shown as it is.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    /// What it is sorted by: its own time, or that of the line before it.
    time: String,
    /// Whose it is.
    name: String,
    text: String,
}

/// Shows the last `count` lines, and with `follow` what comes after them.
pub(crate) fn logs(layout: &Layout, names: &[String], follow: bool, count: usize, json: bool) -> Outcome {
    let mut files = Files { directory: layout.logs(), names: names.to_vec(), files: BTreeMap::new() };
    files.discover()?;
    if let Some(unknown) = names.iter().find(|name| !files.files.contains_key(*name)) {
        let known = Files { names: Vec::new(), ..files.empty() };
        let known = known.on_disk();
        let hint = suggest::hint(unknown, known.iter().map(String::as_str));
        return Err(Failure::usage(format!("no log of {unknown:?} in {}; {hint}", files.directory.display())));
    }
    if files.files.is_empty() && !follow {
        return Err(Failure::bad(format!("no logs in {}; `./manage.sh up` starts a mesh", files.directory.display())));
    }
    let mut console = Console::new();
    let mut lines = files.tails(count)?;
    lines.sort();
    let skip = lines.len().saturating_sub(count);
    let looks = if json {
        Looks::Json
    } else if names.len() == 1 {
        Looks::Plain
    } else {
        Looks::Prefixed
    };
    for line in lines.iter().skip(skip) {
        show(&mut console, line, looks)?;
    }
    console.flush()?;
    if !follow {
        return Ok(());
    }
    loop {
        std::thread::sleep(POLL);
        files.discover()?;
        let mut lines = files.fresh()?;
        lines.sort();
        for line in &lines {
            show(&mut console, line, looks)?;
        }
        console.flush()?;
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Plain,
    /// With its process before it.
    Prefixed,
    Json,
}

fn show(console: &mut Console, line: &Line, looks: Looks) -> Outcome {
    if looks == Looks::Json {
        let value = serde_json::json!({"name": line.name, "time": line.time, "line": line.text});
        return Ok(console.json(&value)?);
    }
    let text = match line.text.as_str() {
        text if text.contains(" ERROR ") => console.paint(Tone::Bad, text),
        text if text.contains(" WARN ") => console.paint(Tone::Warn, text),
        text => text.to_owned(),
    };
    let prefix = if looks == Looks::Prefixed {
        console.paint(Tone::Bold, &format!("{:<18} ", line.name))
    } else {
        String::new()
    };
    Ok(console.line(format!("{prefix}{text}"))?)
}

/// Logs, and how far each was read.
struct Files {
    directory: PathBuf,
    names: Vec<String>,
    files: BTreeMap<String, Tail>,
}

struct Tail {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
    time: String,
}

impl Files {
    fn empty(&self) -> Self {
        Self { directory: self.directory.clone(), names: self.names.clone(), files: BTreeMap::new() }
    }

    /// Names of the logs that there are.
    fn on_disk(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().filter_map(Result::ok);
        let names = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".log").map(str::to_owned));
        names.filter(|name| self.names.is_empty() || self.names.contains(name)).collect()
    }

    /// Logs that are new are read from their start.
    fn discover(&mut self) -> Outcome {
        for name in self.on_disk() {
            let path = self.directory.join(format!("{name}.log"));
            self.files.entry(name).or_insert(Tail { path, offset: 0, rest: Vec::new(), time: String::new() });
        }
        Ok(())
    }

    /// The last lines of each; from here on, each is read from its end.
    fn tails(&mut self, count: usize) -> Outcome<Vec<Line>> {
        let wanted = TAIL_BYTES.max(count as u64 * LINE_BYTES);
        let mut lines = Vec::new();
        for (name, tail) in &mut self.files {
            let size = fs::metadata(&tail.path).map_or(0, |meta| meta.len());
            tail.offset = size.saturating_sub(wanted);
            let cut = tail.offset > 0;
            lines.extend(tail.read(name)?.into_iter().skip(usize::from(cut)));
        }
        Ok(lines)
    }

    fn fresh(&mut self) -> Outcome<Vec<Line>> {
        let mut lines = Vec::new();
        for (name, tail) in &mut self.files {
            lines.extend(tail.read(name)?);
        }
        Ok(lines)
    }
}

impl Tail {
    /// The whole lines since the last read. A log that shrank was rotated, and is read from its start.
    fn read(&mut self, name: &str) -> Outcome<Vec<Line>> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(Vec::new()) };
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        self.offset += file.read_to_end(&mut self.rest)? as u64;
        let end = match self.rest.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if self.rest.len() > MAX_LINE_BYTES => self.rest.len(),
            None => return Ok(Vec::new()),
        };
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        Ok(String::from_utf8_lossy(&whole).lines().map(|text| self.line(name, text)).collect())
    }

    fn line(&mut self, name: &str, text: &str) -> Line {
        if let Some(time) = time_of(text) {
            self.time = time.to_owned();
        }
        Line { time: self.time.clone(), name: name.to_owned(), text: text.to_owned() }
    }
}

/// The time at the start of a line, or in a JSON line; as text, it sorts as time does.
fn time_of(line: &str) -> Option<&str> {
    let start = line.strip_prefix("{\"timestamp\":\"").unwrap_or(line);
    let time = start.split([' ', '"']).next()?;
    let bytes = time.as_bytes();
    (bytes.first()?.is_ascii_digit() && bytes.get(10) == Some(&b'T')).then_some(time)
}

/// The last lines of a log, for those who look for the reason of a failure.
pub(crate) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut tail = Tail { path: path.to_owned(), offset: 0, rest: Vec::new(), time: String::new() };
    tail.offset = fs::metadata(path).map_or(0, |meta| meta.len()).saturating_sub(count as u64 * LINE_BYTES * 4);
    let lines = tail.read("").unwrap_or_default();
    let skip = lines.len().saturating_sub(count);
    lines.into_iter().skip(skip).map(|line| line.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn files(directory: &Path) -> Files {
        let mut files = Files { directory: directory.to_owned(), names: Vec::new(), files: BTreeMap::new() };
        files.discover().expect("listed");
        files
    }

    fn texts(mut lines: Vec<Line>) -> Vec<String> {
        lines.sort();
        lines.into_iter().map(|line| format!("{} {}", line.name, line.text)).collect()
    }

    #[test]
    fn lines_of_several_logs_stand_in_order_of_time() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a.log"), "2026-11-21T04:00:01Z one\nmore of one\n2026-11-21T04:00:03Z three\n")
            .expect("written");
        fs::write(dir.path().join("b.log"), "2026-11-21T04:00:02Z two\n{\"timestamp\":\"2026-11-21T04:00:04Z\"}\n")
            .expect("written");
        let found = texts(files(dir.path()).tails(10).expect("read"));
        let starts: Vec<&str> = found.iter().map(|line| &line[..1]).collect();
        assert_eq!(starts, ["a", "a", "b", "a", "b"]);
        assert_eq!(found[1], "a more of one");
    }

    #[test]
    fn what_comes_later_is_read_once_also_after_rotation_and_in_pieces() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.log");
        fs::write(&path, "old\n").expect("written");
        let mut files = files(dir.path());
        assert_eq!(texts(files.tails(10).expect("read")), ["a old"]);
        let mut log = crate::supervise::spawn::open_log(&path).expect("opened");
        log.write_all(b"new\nhal").expect("written");
        assert_eq!(texts(files.fresh().expect("read")), ["a new"]);
        log.write_all(b"f\n").expect("written");
        assert_eq!(texts(files.fresh().expect("read")), ["a half"]);
        log.set_len(0).expect("emptied");
        log.write_all(b"x\n").expect("written");
        assert_eq!(texts(files.fresh().expect("read")), ["a x"]);
        fs::write(dir.path().join("b.log"), "first\n").expect("written");
        files.discover().expect("listed");
        assert_eq!(texts(files.fresh().expect("read")), ["b first"]);
    }
}
