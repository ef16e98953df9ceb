//! `mesh doctor`: what is missing on this machine or wrong in this home, and how to get it right.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_topology::{Layout, ProcessSpec, profiles};
use rustix::process::{PidfdFlags, Resource, getpid, getrlimit, pidfd_open};
use serde::Serialize;

use crate::commands::topology::endpoints;
use crate::console::{self, Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::home::{self, Chosen};
use crate::report::MeshReport;
use crate::{state, survey};

const MIN_DISK_BYTES: u64 = 256 << 20;
const GOOD_DISK_BYTES: u64 = 4 << 30;
const GOOD_OPEN_FILES: u64 = 1024;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Good,
    /// It works, and could be better.
    Warning,
    /// It must be put right.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    name: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do; empty where it is good.
    advice: String,
}

impl Finding {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, found: found.into(), advice: String::new() }
    }

    fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, found: found.into(), advice: advice.into() }
    }

    fn bad(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Bad, found: found.into(), advice: advice.into() }
    }
}

/// Looks at everything; exit code 1 where something must be put right.
pub(crate) async fn doctor(layout: &Layout, json: bool) -> Outcome {
    let report = survey::report(layout).await;
    let chosen = match Chosen::active(layout)? {
        Some(chosen) => chosen,
        None => Chosen::profile(profiles::DEFAULT)?,
    };
    let mut findings = vec![rust(), compiler(), kernel(), open_files(), disk(layout.home()), memory()];
    findings.extend([writable(layout.home()), sockets(layout), binaries(&chosen)?]);
    findings.extend(match &report {
        Ok(report) => vec![supervisor(report), leftovers(layout, report), ports(&chosen, report)],
        Err(failure) => {
            let found = failure.text().unwrap_or("it does not answer");
            vec![Finding::bad(
                "supervisor",
                found,
                "see logs/mesh.log; `kill -9` it: the processes go on, and `up` adopts them",
            )]
        }
    });
    let good = findings.iter().all(|finding| finding.verdict != Verdict::Bad);
    let mut console = Console::new();
    if json {
        console.line(serde_json::json!({"ok": good, "findings": findings}).to_string())?;
    } else {
        for finding in &findings {
            show(&mut console, finding)?;
        }
    }
    if good { Ok(()) } else { Err(Failure::Silent) }
}

fn show(console: &mut Console, finding: &Finding) -> Outcome {
    let (tone, mark) = match finding.verdict {
        Verdict::Good => (Tone::Good, "✓"),
        Verdict::Warning => (Tone::Warn, "!"),
        Verdict::Bad => (Tone::Bad, "✗"),
    };
    console.line(format!("{} {:<12} {}", console.paint(tone, mark), finding.name, finding.found))?;
    if !finding.advice.is_empty() {
        console.line(format!("               {}", console.paint(Tone::Dim, &finding.advice)))?;
    }
    Ok(())
}

/// The first line that a program says of itself.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

fn rust() -> Finding {
    const WANTED: &str = env!("CARGO_PKG_RUST_VERSION");
    let get = "get it: curl --proto '=https' -sSf https://sh.rustup.rs | sh; `rustup update` brings the newest";
    match version("cargo") {
        None => Finding::bad("rust", "cargo is not there", get),
        Some(found) if number(&found) < number(WANTED) => {
            Finding::bad("rust", format!("{found}, and {WANTED} is needed"), get)
        }
        Some(found) => Finding::good("rust", found),
    }
}

/// The first version number in a text.
fn number(text: &str) -> Option<(u32, u32)> {
    let word = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = word.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn compiler() -> Finding {
    match version("cc") {
        Some(found) => Finding::good("compiler", found),
        None => Finding::bad("compiler", "cc is not there", "get it on Debian: apt-get install gcc libc6-dev"),
    }
}

fn kernel() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let found = format!("Linux {}", release.trim());
    match pidfd_open(getpid(), PidfdFlags::empty()) {
        Ok(_) => Finding::good("kernel", found),
        Err(error) => {
            Finding::bad("kernel", format!("{found}: pidfd_open: {error}"), "Linux 5.4 or newer, with /proc, is needed")
        }
    }
}

fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < GOOD_OPEN_FILES => Finding::warning(
            "open files",
            format!("{limit} a process"),
            format!("ulimit -n {GOOD_OPEN_FILES} before `up`: a relay has a file for each connection"),
        ),
        limit => Finding::good("open files", limit.map_or("no limit".to_owned(), |limit| format!("{limit} a process"))),
    }
}

/// The nearest directory that exists.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn disk(home: &Path) -> Finding {
    let place = existing(home);
    let advice = "make room, or set ALPHAMESH_HOME to another disk; the recorder keeps at most max_total_bytes";
    match rustix::fs::statvfs(&place) {
        Err(error) => Finding::bad("disk", format!("{}: {error}", place.display()), advice),
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} free at {}", console::bytes(free), place.display());
            match free {
                0..MIN_DISK_BYTES => Finding::bad("disk", found, advice),
                MIN_DISK_BYTES..GOOD_DISK_BYTES => Finding::warning("disk", found, advice),
                _ => Finding::good("disk", found),
            }
        }
    }
}

fn memory() -> Finding {
    const GOOD_BYTES: u64 = 512 << 20;
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    match kibibytes.map(|kibibytes| kibibytes << 10) {
        None => Finding::warning("memory", "/proc/meminfo can't be read", "is /proc mounted?"),
        Some(free) if free < GOOD_BYTES => Finding::warning(
            "memory",
            format!("{} available", console::bytes(free)),
            "the mesh runs in 200 MiB; building needs 2 GiB",
        ),
        Some(free) => Finding::good("memory", format!("{} available", console::bytes(free))),
    }
}

fn writable(home: &Path) -> Finding {
    let place = existing(home);
    match rustix::fs::access(&place, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) => Finding::good("home", home.display().to_string()),
        Err(error) => Finding::bad(
            "home",
            format!("{} can't be written: {error}", place.display()),
            "set ALPHAMESH_HOME to a directory of yours",
        ),
    }
}

fn sockets(layout: &Layout) -> Finding {
    let run = layout.run();
    let found = if run.starts_with(layout.home()) {
        run.display().to_string()
    } else {
        format!("{}, since the home's own path is too long for sockets", run.display())
    };
    if !run.exists() {
        return Finding::good("sockets", found);
    }
    match home::check_private(run) {
        Ok(()) => Finding::good("sockets", found),
        Err(failure) => {
            Finding::bad("sockets", failure.text().unwrap_or_default(), "see what is in it before you remove it")
        }
    }
}

fn binaries(chosen: &Chosen) -> Outcome<Finding> {
    let place = home::binaries()?;
    let there = home::programs(&place);
    let missing: Vec<&str> = chosen
        .topology
        .processes
        .iter()
        .map(|process| process.binary.as_str())
        .filter(|binary| !there.iter().any(|known| known == binary))
        .collect();
    Ok(if missing.is_empty() {
        Finding::good("binaries", place.display().to_string())
    } else {
        Finding::bad("binaries", format!("{} lacks {}", place.display(), missing.join(", ")), "./manage.sh build")
    })
}

fn supervisor(report: &MeshReport) -> Finding {
    let running = report.processes.iter().filter(|process| process.pid.is_some()).count();
    match report.supervisor {
        Some(pid) => Finding::good("supervisor", format!("runs as process {pid}, with {running} processes")),
        None if running > 0 => Finding::bad(
            "supervisor",
            format!("dead, while {running} processes go on unsupervised"),
            "./manage.sh up adopts them; ./manage.sh down stops them",
        ),
        None => Finding::good("supervisor", "nothing runs"),
    }
}

/// Locks that nobody holds are normal after a crash: they say which processes did not stop in order.
fn leftovers(layout: &Layout, report: &MeshReport) -> Finding {
    let is_left = |name: &&str| {
        let lock = layout.lock_file(name);
        let stopped = report.process(name).is_none_or(|process| process.pid.is_none());
        stopped && layout.status_socket(name).exists() && state::holder(&lock).is_none()
    };
    let left: Vec<&str> = report.processes.iter().map(|process| process.name.as_str()).filter(is_left).collect();
    if left.is_empty() {
        Finding::good("locks", "every lock that is held has a living holder")
    } else {
        let found = format!("left behind by processes that are gone: {}", left.join(", "));
        Finding::good("locks", found + "; the next start takes them over")
    }
}

/// Ports that the simulated venues will listen on.
fn ports(chosen: &Chosen, report: &MeshReport) -> Finding {
    let runs = |process: &&ProcessSpec| report.process(&process.name).is_some_and(|process| process.pid.is_some());
    let taken: Vec<String> = chosen
        .topology
        .processes
        .iter()
        .filter(|process| process.kind == mesh_topology::Kind::Venue && !runs(process))
        .flat_map(|process| endpoints(&process.settings))
        .filter(|endpoint| TcpListener::bind(endpoint).is_err())
        .map(|endpoint| endpoint.to_string())
        .collect();
    if taken.is_empty() {
        Finding::good("ports", "free, or ours")
    } else {
        Finding::bad(
            "ports",
            format!("taken by somebody else: {}", taken.join(", ")),
            "`ss -ltnp` shows who; or run a copy of the profile with another port: ./manage.sh profiles paper > mine.toml",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(number("cargo 1.95.0 (f2d3ce0bd 2026-03-21)"), Some((1, 95)));
        assert!(number("cargo 1.100.0") > number("1.95"));
        assert_eq!(number("cargo"), None);
    }

    #[test]
    fn a_home_that_does_not_exist_is_judged_by_its_nearest_directory() {
        assert_eq!(existing(Path::new("/proc/nothing/here")), Path::new("/proc"));
    }
}
