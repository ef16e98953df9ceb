//! `up`, `down`, `start`, `stop`, `restart`: each says what it does as it happens.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mesh_topology::{Layout, confirm, profiles, render};

use crate::commands::kill;
use crate::commands::logs::last_lines;
use crate::console::{Console, Tone, duration};
use crate::control::{self, Request};
use crate::failure::{Failure, Outcome};
use crate::home::{self, Chosen};
use crate::report::{MeshReport, ProcessReport, State};
use crate::state::{Saved, SavedProcess};
use crate::supervise::spawn::open_log;
use crate::survey;
use crate::switches;

const POLL: Duration = Duration::from_millis(25);
/// A supervisor that does not listen by then has a problem.
const SUPERVISOR_START: Duration = Duration::from_secs(10);
/// Stopping takes at most the processes' own timeouts one after the other; a supervisor that shows no progress for this long
/// is stuck.
const NO_PROGRESS: Duration = Duration::from_secs(60);

/// `mesh up`. Where no topology is named it is the one that runs, else the default.
pub(crate) async fn up(layout: &Layout, named: Option<Chosen>, timeout: Duration, json: bool) -> Outcome {
    let began = Instant::now();
    home::create(layout)?;
    // One `up` after the other; the second finds what the first has started.
    let one_at_a_time = std::fs::File::open(layout.home())?;
    one_at_a_time.lock()?;
    let before = survey::report(layout).await?;
    let running = if before.runs() { Chosen::active(layout)? } else { None };
    let chosen = match (named, &running) {
        (Some(named), Some(running)) if named.text != running.text => {
            return Err(another_runs(layout, &named, running));
        }
        (Some(named), _) => named,
        (None, Some(running)) => running.clone(),
        (None, None) => Chosen::profile(profiles::DEFAULT)?,
    };
    confirm::check_mode(chosen.topology.mode, |name| std::env::var(name).ok()).map_err(Failure::usage)?;
    let binaries = home::binaries()?;
    chosen.topology.check_binaries(&chosen.origin, &chosen.text, &home::programs(&binaries)).map_err(|problems| {
        Failure::usage(format!("{problems}\nThe binaries are looked for in {}.", binaries.display()))
    })?;
    let identity = home::claim(layout, chosen.topology.mode)?;
    let mut console = Console::for_people(!json);
    if before.supervisor.is_some() {
        ask(layout, &Request::StartAll).await?;
    } else {
        prepare(layout, &chosen, identity.id, &before, binaries)?;
        if before.runs() {
            console.line("The supervisor was dead; the processes that run are adopted.")?;
        }
        start_supervisor(layout, &[]).await?;
    }
    drop(one_at_a_time);
    let report = watch_start(layout, &mut console, timeout).await?;
    if json {
        console.json(&report.to_json())?;
    }
    if report.is_ready() {
        return farewell(&mut console, layout, &report, began.elapsed());
    }
    complain(&mut console, layout, &report, timeout)?;
    Err(Failure::Silent)
}

fn another_runs(layout: &Layout, named: &Chosen, running: &Chosen) -> Failure {
    let profile = &running.topology.profile;
    Failure::usage(if *profile == named.topology.profile {
        format!(
            "profile {profile:?} runs, from another text of its topology; to change it: `./manage.sh down`, then `up` again"
        )
    } else {
        format!(
            "profile {profile:?} runs in {}; to run {:?} instead: `./manage.sh down` first; to run both: ALPHAMESH_HOME=OTHER",
            layout.home().display(),
            named.topology.profile
        )
    })
}

/// Writes what the supervisor reads: the topology, and that all of it is wanted.
fn prepare(layout: &Layout, chosen: &Chosen, id: u64, before: &MeshReport, binaries: std::path::PathBuf) -> Outcome {
    for process in &chosen.topology.processes {
        // Written again at each start; here, an error has somebody who reads it.
        render::process_config(&chosen.topology, process, id, layout).map_err(Failure::usage)?;
    }
    let saved = Saved::read(layout).unwrap_or_default();
    let processes = chosen.topology.names().map(|name| {
        let running = before.process(name).is_some_and(|process| process.pid.is_some());
        let known = saved.process(name).filter(|_| running).cloned();
        SavedProcess { name: name.to_owned(), wanted: true, ..known.unwrap_or_default() }
    });
    Saved { binaries, processes: processes.collect() }.write(layout)?;
    Ok(home::replace(&layout.topology_file(), chosen.text.as_bytes())?)
}

/// Starts a detached supervisor, and waits until it listens.
async fn start_supervisor(layout: &Layout, arguments: &[&str]) -> Outcome {
    let path = layout.log_file("mesh");
    let log = open_log(&path)?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--home")
        .arg(layout.home())
        .arg("supervise")
        .args(arguments)
        .current_dir(layout.home())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let deadline = Instant::now() + SUPERVISOR_START;
    loop {
        if control::ask(&layout.control_socket(), &Request::Status).await?.is_some() {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            // With nothing left to stop it ends soon. And somebody else may have started one.
            if status.success() || control::ask(&layout.control_socket(), &Request::Status).await?.is_some() {
                return Ok(());
            }
            return Err(Failure::bad(format!("the supervisor ended with {status}:\n{}", tail(&path, 5))));
        }
        if Instant::now() > deadline {
            return Err(Failure::bad(format!("the supervisor does not answer; {} may say why", path.display())));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// How everything is, while something is under way that needs the supervisor.
async fn poll(layout: &Layout) -> Outcome<MeshReport> {
    tokio::time::sleep(POLL).await;
    control::ask(&layout.control_socket(), &Request::Status).await?.ok_or_else(|| {
        Failure::bad("the supervisor has ended meanwhile, by `down` or otherwise; see `./manage.sh status`")
    })
}

/// Asks the supervisor, which is started where it is dead and there is something to supervise.
async fn ask(layout: &Layout, request: &Request) -> Outcome<MeshReport> {
    if let Some(report) = control::ask(&layout.control_socket(), request).await? {
        return Ok(report);
    }
    if !layout.topology_file().exists() {
        return Err(nothing_here(layout));
    }
    start_supervisor(layout, &[]).await?;
    control::ask(&layout.control_socket(), request)
        .await?
        .ok_or_else(|| Failure::bad("the supervisor ended before it answered; `./manage.sh logs mesh` may say why"))
}

fn nothing_here(layout: &Layout) -> Failure {
    Failure::bad(format!("no mesh was started in {}; `./manage.sh up` starts one", layout.home().display()))
}

/// Shows each process as it gets ready, until all are, one has failed, or the time is up.
async fn watch_start(layout: &Layout, console: &mut Console, timeout: Duration) -> Outcome<MeshReport> {
    let deadline = Instant::now() + timeout;
    let mut shown: Vec<(String, State)> = Vec::new();
    loop {
        let report = poll(layout).await?;
        for process in &report.processes {
            let news = (process.name.clone(), process.state);
            let telling = matches!(process.state, State::Ready | State::Failed | State::Backoff);
            if telling && !shown.contains(&news) {
                show(console, process)?;
                shown.push(news);
            }
        }
        let failed = report.processes.iter().any(|process| process.state == State::Failed);
        if report.is_ready() || failed || Instant::now() > deadline {
            return Ok(report);
        }
    }
}

fn show(console: &mut Console, process: &ProcessReport) -> Outcome {
    let mark = match process.state {
        State::Ready => "✓",
        State::Failed => "✗",
        _ => "!",
    };
    let mark = console.paint(process.state.tone(), mark);
    let more = match (&process.reason, process.pid) {
        (Some(reason), _) => reason.clone(),
        (None, Some(pid)) => format!("pid {pid}"),
        (None, None) => String::new(),
    };
    let text = format!("{mark} {:<20} {:<10} {:<8} {more}", process.name, process.kind, process.state.name());
    console.line(text.trim_end())?;
    Ok(console.flush()?)
}

fn farewell(console: &mut Console, layout: &Layout, report: &MeshReport, took: Duration) -> Outcome {
    let (mode, profile) = (report.mode.as_deref().unwrap_or("?"), report.profile.as_deref().unwrap_or("?"));
    let heading = format!("The mesh runs: {} processes, profile {profile}, mode {mode}.", report.processes.len());
    let heading = console.paint(Tone::Bold, &heading);
    console.line(format!("\n{heading} Ready after {:.1} s.\n", took.as_secs_f64()))?;
    // What was switched off before stays so over `down` and `up`: nobody should wait for orders in vain.
    for switch in switches::read(layout).unwrap_or_default().iter().filter(|switch| switch.is_on()) {
        console.line(console.paint(Tone::Bad, &kill::said(switch)) + "\n")?;
    }
    for (command, what) in [
        ("top", "watch it: processes, books, positions, signals, fills"),
        ("status", "each process: state, restarts, rates, lag, memory"),
        ("logs -f", "what the processes say"),
        ("tap market", "the messages themselves"),
        ("down", "stop it"),
    ] {
        console.line(format!("  ./manage.sh {command:<12} {what}"))?;
    }
    console.line(format!("\nEverything it writes is in {}.", layout.home().display()))?;
    Ok(())
}

fn complain(console: &mut Console, layout: &Layout, report: &MeshReport, timeout: Duration) -> Outcome {
    let text = format!("The mesh is not ready after {}:", duration(timeout.as_secs()));
    let failed = report.processes.iter().any(|process| process.state == State::Failed);
    let text = if failed { "The mesh can't run:".to_owned() } else { text };
    console.line(format!("\n{}", console.paint(Tone::Bad, &text)))?;
    for process in report.processes.iter().filter(|process| process.state != State::Ready) {
        let reason = process.reason.as_deref().unwrap_or("it runs, and has not said that it is ready");
        console.line(format!(
            "\n{} is {}: {reason}",
            console.paint(Tone::Bold, &process.name),
            process.state.name()
        ))?;
        let waits = process.pid.is_none() && process.state == State::Starting;
        if !waits {
            console.line(tail(&layout.log_file(&process.name), 6))?;
        }
    }
    console.line("\n`./manage.sh logs NAME` shows more; `./manage.sh down` stops what runs.")?;
    Ok(())
}

/// The last lines of a log, indented.
fn tail(path: &Path, count: usize) -> String {
    last_lines(path, count).iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// `mesh down`.
pub(crate) async fn down(layout: &Layout, json: bool) -> Outcome {
    let mut console = Console::for_people(!json);
    let report = survey::report(layout).await?;
    if report.supervisor.is_none() {
        if !report.runs() {
            console.line("Nothing runs.")?;
            return if json { Ok(console.json(&report.to_json())?) } else { Ok(()) };
        }
        console.line("The supervisor was dead; another one stops the processes.")?;
        start_supervisor(layout, &["--down"]).await?;
    } else {
        control::ask(&layout.control_socket(), &Request::Down).await?;
    }
    let mut running: Vec<String> = names_of_running(&report);
    let mut progress = Instant::now();
    while !running.is_empty() {
        tokio::time::sleep(POLL).await;
        let now = match control::ask(&layout.control_socket(), &Request::Status).await? {
            Some(report) => names_of_running(&report),
            None => names_of_running(&survey::report(layout).await?),
        };
        for name in running.iter().rev().filter(|name| !now.contains(name)) {
            console.line(format!("{} {name} stopped", console.paint(Tone::Good, "✓")))?;
            console.flush()?;
            progress = Instant::now();
        }
        if progress.elapsed() > NO_PROGRESS {
            return Err(Failure::bad(format!(
                "still running: {}; `./manage.sh logs mesh` may say why",
                now.join(", ")
            )));
        }
        running = now;
    }
    console.line("The mesh is down. Ledgers, captures and logs stay; `./manage.sh up` goes on from them.")?;
    if json { Ok(console.json(&survey::report(layout).await?.to_json())?) } else { Ok(()) }
}

fn names_of_running(report: &MeshReport) -> Vec<String> {
    report.processes.iter().filter(|process| process.pid.is_some()).map(|process| process.name.clone()).collect()
}

/// `mesh start NAME` and `mesh restart NAME`: done when it is ready, fresh where that was asked.
pub(crate) async fn start(layout: &Layout, name: &str, fresh: bool, timeout: Duration, json: bool) -> Outcome {
    let name = name.to_owned();
    let request = if fresh { Request::Restart { name: name.clone() } } else { Request::Start { name: name.clone() } };
    let began = Instant::now();
    let old_pid = ask(layout, &request).await?.process(&name).and_then(|process| process.pid).filter(|_| fresh);
    let mut console = Console::for_people(!json);
    loop {
        let report = poll(layout).await?;
        let process =
            report.process(&name).ok_or_else(|| Failure::usage(format!("no process {name:?} in this mesh")))?;
        let replaced = old_pid.is_none() || process.pid != old_pid;
        match process.state {
            State::Ready | State::Failed | State::Stopped if replaced && json => {
                console.json(&report.to_json())?;
                return if process.state == State::Ready { Ok(()) } else { Err(Failure::Silent) };
            }
            State::Ready if replaced => {
                show(&mut console, process)?;
                console
                    .line(format!("Ready after {:.1} s; the others were left alone.", began.elapsed().as_secs_f64()))?;
                return Ok(());
            }
            State::Failed | State::Stopped if replaced => {
                show(&mut console, process)?;
                console.line(process.reason.clone().unwrap_or_default())?;
                console.line(tail(&layout.log_file(&name), 6))?;
                return Err(Failure::Silent);
            }
            _ if began.elapsed() > timeout => {
                let reason = process.reason.clone().unwrap_or_else(|| "it has not said that it is ready".to_owned());
                return Err(Failure::bad(format!(
                    "{name} is {} after {}: {reason}\n{}",
                    process.state.name(),
                    duration(timeout.as_secs()),
                    tail(&layout.log_file(&name), 6)
                )));
            }
            _ => {}
        }
    }
}

/// `mesh stop NAME`: done when it has ended.
pub(crate) async fn stop(layout: &Layout, name: &str, json: bool) -> Outcome {
    ask(layout, &Request::Stop { name: name.to_owned() }).await?;
    let began = Instant::now();
    loop {
        let report = poll(layout).await?;
        if report.process(name).is_none_or(|process| process.pid.is_none()) {
            let mut console = Console::for_people(!json);
            console.line(format!("{name} is stopped, and stays so until `./manage.sh start {name}`."))?;
            return if json { Ok(console.json(&report.to_json())?) } else { Ok(()) };
        }
        if began.elapsed() > NO_PROGRESS {
            return Err(Failure::bad(format!("{name} still runs; `./manage.sh logs mesh` may say why")));
        }
    }
}
