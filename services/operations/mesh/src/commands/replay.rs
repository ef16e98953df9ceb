//! `mesh replay`: a process's run from its journal, compared; or a capture into the relays.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mesh_topology::{Kind, Layout, Limits, ProcessSpec, Restart, render};
use mesh_types::SourceId;
use serde::Deserialize;
use toml::{Table, Value};

use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::home::{self, Chosen, Identity};

/// The replayer's name, and that of its binary.
const REPLAYER: &str = "replayer";

/// How a capture is replayed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Of a process: its run that started at this time [default: the last one]
    #[arg(long, value_name = "STARTED_NS")]
    run: Option<u64>,
    /// Of a process: what came of it as JSON
    #[arg(long)]
    json: bool,
    /// Of a capture: recorded seconds a second; 0 for as fast as the relays take them
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    speed: f64,
    /// Of a capture: from this receive time on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Of a capture: until before this receive time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Of a capture: only this domain; may be given several times [default: market]
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// Of a capture: only messages of this type; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

/// Replays a process of the topology, or a capture.
pub(crate) fn replay(layout: &Layout, what: &str, options: &Options) -> Outcome {
    let identity = home::identity(layout)?;
    let chosen = Chosen::active(layout)?;
    let (Some(identity), Some(chosen)) = (identity, chosen) else {
        return Err(Failure::bad(format!(
            "no mesh was started in {}; `./manage.sh up` starts one",
            layout.home().display()
        )));
    };
    match chosen.topology.process(what) {
        Some(process) => from_journal(layout, process, options.run, options.json),
        None if Path::new(what).exists() => into_relays(layout, &chosen, identity, Path::new(what), options),
        None => {
            let names: Vec<&str> = chosen.topology.names().collect();
            let hint = mesh_topology::suggest::hint(what, names);
            Err(Failure::usage(format!("{what:?} is neither a process nor the path of a capture; {hint}")))
        }
    }
}

/// What a process says of a run that it repeated.
#[derive(Debug, Deserialize)]
struct Repeated {
    batches: u64,
    inputs: u64,
    outputs: u64,
    journal_ending: String,
    identical: bool,
    divergence: Option<String>,
}

/// The process's own binary runs its actor again, as it was configured then, and says whether it agrees.
fn from_journal(layout: &Layout, process: &ProcessSpec, run: Option<u64>, json: bool) -> Outcome {
    let directory = layout.journal(&process.name);
    let run = directory.join(run.map(Ok).unwrap_or_else(|| last_run(&directory))?.to_string());
    let output = Command::new(home::binaries()?.join(&process.binary))
        .arg("--config")
        .arg(run.join("config.toml"))
        .arg("--replay")
        .arg(&run)
        .arg("--captures")
        .arg(layout.capture())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::usage(format!("{} can't be started: {error}", process.binary)))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let Ok(repeated) = serde_json::from_str::<Repeated>(&said) else {
        return Err(Failure::usage(format!("the run in {} can't be repeated", run.display())));
    };
    let mut console = Console::new();
    let text = if json { said.trim_end().to_owned() } else { told(&process.name, &repeated) };
    console.line(text)?;
    if repeated.identical { Ok(()) } else { Err(Failure::Silent) }
}

/// For people.
fn told(name: &str, repeated: &Repeated) -> String {
    let Repeated { batches, inputs, outputs, journal_ending, .. } = repeated;
    let what =
        format!("{inputs} inputs in {batches} batches, {outputs} messages said; its journal is {journal_ending}");
    match &repeated.divergence {
        None => format!("✓ {name} did the same again, bit for bit: {what}"),
        Some(divergence) => format!("✗ {name} did something else: {what}\n{divergence}"),
    }
}

fn last_run(directory: &Path) -> Outcome<u64> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let runs = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    runs.max().ok_or_else(|| Failure::bad(format!("no journals in {}: this process keeps none", directory.display())))
}

/// The replayer, in the foreground, until the capture's end.
fn into_relays(layout: &Layout, chosen: &Chosen, identity: Identity, capture: &Path, options: &Options) -> Outcome {
    let process = ProcessSpec {
        name: REPLAYER.to_owned(),
        kind: Kind::Operations,
        binary: REPLAYER.to_owned(),
        source: free_source(chosen)?,
        needs: Vec::new(),
        restart: Restart::default(),
        limits: Limits::default(),
        runtime: Table::new(),
        settings: settings(&std::path::absolute(capture)?, options)?,
    };
    let text = render::process_config(&chosen.topology, &process, identity.id, layout).map_err(Failure::usage)?;
    let config = layout.config_file(REPLAYER);
    home::replace(&config, text.as_bytes())?;
    let error = Command::new(home::binaries()?.join(REPLAYER)).arg("--config").arg(config).exec();
    Err(Failure::usage(format!("{REPLAYER} can't be started: {error}; `./manage.sh build` builds it")))
}

fn free_source(chosen: &Chosen) -> Outcome<std::num::NonZeroU16> {
    let taken = |source: &u16| chosen.topology.processes.iter().any(|process| process.source.get() == *source);
    let free = (1..SourceId::OPERATOR.get()).rev().find(|source| !taken(source)).and_then(std::num::NonZeroU16::new);
    free.ok_or_else(|| Failure::usage("the topology leaves no source id free"))
}

fn settings(capture: &Path, options: &Options) -> Outcome<Table> {
    let path: PathBuf = capture.to_owned();
    let path = path.into_os_string().into_string().map_err(|path| Failure::usage(format!("{path:?} is no UTF-8")))?;
    let texts = |list: &[String]| Value::Array(list.iter().cloned().map(Value::String).collect());
    let mut settings = Table::new();
    settings.insert("capture".to_owned(), Value::String(path));
    settings.insert("speed".to_owned(), Value::Float(options.speed));
    for (key, text) in [("from", &options.from), ("to", &options.to)] {
        if let Some(text) = text {
            settings.insert(key.to_owned(), Value::String(text.clone()));
        }
    }
    for (key, list) in [("domains", &options.domain), ("types", &options.types)] {
        if !list.is_empty() {
            settings.insert(key.to_owned(), texts(list));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_run_is_told_in_words() {
        let line = r#"{"process":"p","journal":"j","batches":2,"inputs":3,"outputs":4,"state_digest":"0",
            "journal_ending":"finished","identical":true,"divergence":null}"#;
        let mut repeated: Repeated = serde_json::from_str(line).expect("as the runtime prints it");
        let text = told("portfolio", &repeated);
        assert_eq!(
            text,
            "✓ portfolio did the same again, bit for bit: 3 inputs in 2 batches, 4 messages said; its journal is finished"
        );
        repeated.divergence = Some("batch 1: digests differ".to_owned());
        assert!(told("portfolio", &repeated).ends_with("\nbatch 1: digests differ"));
    }
}
