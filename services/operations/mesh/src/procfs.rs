//! What the kernel tells about processes in `/proc`.

use std::fs;
use std::path::Path;

use rustix::process::Pid;

/// When a process started, in ticks since boot. With the process id it names one process for as long as the machine is up.
/// `None` where there is no such process, or it has ended and only waits to be reaped.
pub(crate) fn start_ticks(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    parse_stat(&stat)
}

/// State and start from a `stat` line; the name in parentheses may hold anything.
fn parse_stat(stat: &str) -> Option<u64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // The state is field 3 and the start time field 22.
    fields.nth(18)?.parse().ok()
}

/// Whether a process has this file open. That it holds its lock file is what tells that it is the process of that name.
pub(crate) fn has_open(pid: Pid, path: &Path) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())) else { return false };
    descriptors.filter_map(Result::ok).any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path))
}

/// Resident memory; 0 where the process is gone.
pub(crate) fn resident_bytes(pid: Pid) -> u64 {
    let pages = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_nonzero()))
        .ok()
        .and_then(|text| text.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()));
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Seconds since a process that started at these ticks did so.
pub(crate) fn uptime_s(start_ticks: u64) -> u64 {
    let since_boot = fs::read_to_string("/proc/uptime")
        .ok()
        .and_then(|text| text.split(['.', ' ']).next().and_then(|word| word.parse::<u64>().ok()))
        .unwrap_or(0);
    since_boot.saturating_sub(start_ticks / rustix::param::clock_ticks_per_second())
}

/// The process id in a text such as a lock file's.
pub(crate) fn parse_pid(text: &str) -> Option<Pid> {
    text.trim().parse::<i32>().ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_has_its_files() {
        let me = rustix::process::getpid();
        assert!(start_ticks(me).is_some());
        assert!(resident_bytes(me) > 0);
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(has_open(me, file.path()));
        let (_, path) = file.keep().expect("kept");
        assert!(!has_open(me, &path), "it is closed now");
        fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let line = |state: &str| format!("7 (a) b (c)) {state} 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9");
        assert_eq!(parse_stat(&line("S")), Some(4242));
        assert_eq!(parse_stat(&line("Z")), None);
        assert_eq!(parse_stat("7 (x"), None);
    }

    #[test]
    fn a_child_that_was_not_reaped_is_gone() {
        let mut child = std::process::Command::new("true").spawn().expect("started");
        let pid = Pid::from_child(&child);
        let fd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a descriptor");
        let mut poll = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut poll, None).expect("it ends");
        assert_eq!(start_ticks(pid), None);
        child.wait().expect("reaped");
    }

    #[test]
    fn what_is_no_pid_is_none() {
        assert_eq!(parse_pid("x"), None);
        assert_eq!(parse_pid("0"), None);
        assert!(parse_pid("12\n").is_some());
    }
}
