//! Processes of a measurement.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A process of a measurement; it ends with this.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Outcome<Self> {
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("its output is piped")?);
        Ok(Self { child, lines })
    }

    /// This program again, with a task; waits until it says that it is ready.
    pub(crate) fn task(what: &str, task: &impl Serialize) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(what).arg(serde_json::to_string(task)?);
        let mut running = Self::start(command)?;
        running.line()?;
        Ok(running)
    }

    pub(crate) fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Err("a process of the measurement ended early".into());
        }
        Ok(line.trim().to_owned())
    }

    /// Lets it begin.
    pub(crate) fn go(&mut self) -> Outcome<()> {
        let input = self.child.stdin.as_mut().ok_or("its input is piped")?;
        Ok(input.write_all(b"go\n")?)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Outcome<()> {
        let pid = Pid::from_child(&self.child);
        Ok(kill_process(pid, signal)?)
    }

    /// How long all its threads have been on a processor, ns.
    pub(crate) fn cpu_ns(&self) -> Outcome<f64> {
        let mut sum = 0.0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            sum += text.split(' ').next().unwrap_or_default().parse::<f64>()?;
        }
        Ok(sum)
    }

    /// The most memory that it ever had, MiB.
    pub(crate) fn peak_mib(&self) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the kernel tells it")?;
        Ok(line.trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
