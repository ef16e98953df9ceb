//! What every process of the mesh does the same way: arguments, configuration, logs, lock, status, signals.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, Command, value_parser};
use mesh_config::{ConfigError, ProcessConfig};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::lock::ProcessLock;
use crate::logging::{self, LogFormat};
use crate::shutdown::Shutdown;
use crate::status::{Metrics, Status};
use crate::status_server;

/// Any error that ends a process.
pub type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// Exit code for wrong usage or an unreadable configuration.
const USAGE: u8 = 2;

/// What a binary is.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name, as `relay-market`.
    pub name: &'static str,
    /// What it is part of, as `relay` or `strategy`.
    pub kind: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

/// A service's own settings: every field has a default, unknown ones are errors.
pub trait Settings: DeserializeOwned {
    /// What the types can't say.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A process that has started: what it was told, and where it reports.
#[derive(Debug)]
pub struct Process<S> {
    /// Who it is, its mesh, its relays.
    pub config: ProcessConfig,
    /// Its service's settings.
    pub settings: S,
    /// Readiness and counts.
    pub status: Arc<Status>,
    /// Its own metrics.
    pub metrics: Metrics,
    /// Whether it was asked to stop.
    pub shutdown: Shutdown,
    /// The configuration as it holds after the environment: kept with a run so that it can be repeated.
    pub config_text: String,
    /// SHA-256 of that text, in hex.
    pub config_hash: String,
    /// SHA-256 of the binary, in hex.
    pub binary_hash: String,
    _lock: ProcessLock,
}

struct Arguments {
    config: PathBuf,
    check: bool,
    log_format: LogFormat,
    replay: Option<ReplayOrder>,
}

/// A recorded run that is to be repeated.
#[derive(Clone, Debug)]
pub(crate) struct ReplayOrder {
    /// The run's journal.
    pub(crate) journal: PathBuf,
    /// Where its messages were captured.
    pub(crate) captures: PathBuf,
}

/// Runs a process: reads arguments and configuration, takes the lock, opens the status socket, and calls `body`.
///
/// Exit codes: 0 done, 1 it failed, 2 wrong usage or configuration.
pub fn run<S: Settings>(about: &About, body: impl FnOnce(Process<S>) -> Result<(), BoxError>) -> ExitCode {
    run_with(about, arguments(command(about)), body, |_, _, _| Ok(true))
}

/// Like [`run`], with `--replay JOURNAL`, which calls `replay` instead: without lock, sockets and signals. It answers
/// whether the replay agreed.
pub(crate) fn run_or_replay<S: Settings>(
    about: &About,
    body: impl FnOnce(Process<S>) -> Result<(), BoxError>,
    replay: impl FnOnce(&ProcessConfig, &S, &ReplayOrder) -> Result<bool, BoxError>,
) -> ExitCode {
    let journal = Arg::new("replay")
        .long("replay")
        .value_name("JOURNAL")
        .value_parser(value_parser!(PathBuf))
        .help("Run the actor from a journal instead, and compare: 0 where it agrees, 1 where it differs");
    let captures = Arg::new("captures")
        .long("captures")
        .value_name("DIR")
        .requires("replay")
        .value_parser(value_parser!(PathBuf))
        .help("Where the journal's messages were captured [default: the home's capture folder]");
    run_with(about, arguments(command(about).arg(journal).arg(captures)), body, replay)
}

fn run_with<S: Settings>(
    about: &About,
    arguments: Arguments,
    body: impl FnOnce(Process<S>) -> Result<(), BoxError>,
    replay: impl FnOnce(&ProcessConfig, &S, &ReplayOrder) -> Result<bool, BoxError>,
) -> ExitCode {
    logging::start(arguments.log_format);
    let (config, settings, config_text) = match load::<S>(&arguments.config) {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!(%error, "the configuration can't be used");
            return ExitCode::from(USAGE);
        }
    };
    if arguments.check {
        tracing::info!(config = %arguments.config.display(), "the configuration is good");
        return ExitCode::SUCCESS;
    }
    if let Some(mut order) = arguments.replay {
        if order.captures.as_os_str().is_empty() {
            order.captures = config.mesh.capture_dir();
        }
        return match replay(&config, &settings, &order) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                tracing::error!(%error, journal = %order.journal.display(), "the journal can't be replayed");
                ExitCode::from(USAGE)
            }
        };
    }
    logging::abort_on_panic();
    let name = config.process.name.clone();
    match start(about, config, settings, config_text).and_then(body) {
        Ok(()) => {
            tracing::info!(name, "stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(name, %error, "failed");
            ExitCode::FAILURE
        }
    }
}

fn command(about: &About) -> Command {
    Command::new(about.name)
        .about(about.about)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(
            "The supervisor writes FILE from the topology; `mesh help` says how. Settings can be overridden from the \
             environment: ALPHAMESH__<PROCESS>__<KEY>. ALPHAMESH_LOG sets the log level.",
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Configuration of this process"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Check the configuration and exit: 0 where it is good, 2 where it is not"),
        )
        .arg(
            Arg::new("log_format")
                .long("log-format")
                .value_parser(value_parser!(LogFormat))
                .default_value("human")
                .help("How logs look"),
        )
}

fn arguments(command: Command) -> Arguments {
    let matches = command.get_matches();
    let path = |name: &str| matches.try_get_one::<PathBuf>(name).ok().flatten().cloned();
    Arguments {
        config: path("config").unwrap_or_default(),
        check: matches.get_flag("check"),
        log_format: matches.get_one::<LogFormat>("log_format").copied().unwrap_or(LogFormat::Human),
        replay: path("replay").map(|journal| ReplayOrder { journal, captures: path("captures").unwrap_or_default() }),
    }
}

fn load<S: Settings>(path: &Path) -> Result<(ProcessConfig, S, String), ConfigError> {
    let origin = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        ConfigError::new(&origin, format!("the configuration can't be read: {error}; give its path with --config"))
    })?;
    let (config, settings) = ProcessConfig::parse::<S>(&origin, &text, std::env::vars())?;
    settings.validate().map_err(|reason| ConfigError::new(&origin, format!("[settings]: {reason}")))?;
    let effective = config.effective(&origin, &text)?;
    Ok((config, settings, effective))
}

fn start<S>(about: &About, config: ProcessConfig, settings: S, config_text: String) -> Result<Process<S>, BoxError> {
    let config_hash = hex_digest(config_text.as_bytes());
    let run_dir = config.mesh.run_dir();
    private_dir(&run_dir)?;
    let name = &config.process.name;
    let lock = ProcessLock::take(&run_dir.join(format!("{name}.lock")))?;
    let status = Arc::new(Status::new(name, about.kind));
    let metrics = Metrics::default();
    let shutdown = Shutdown::on_signals()?;
    status_server::start(&run_dir.join(format!("{name}.status.sock")), Arc::clone(&status), metrics.clone())
        .map_err(|error| format!("the status socket in {} can't be opened: {error}", run_dir.display()))?;
    let binary_hash = binary_hash()?;
    tracing::info!(name, source = config.process.source, mode = %config.mesh.mode, "started");
    Ok(Process { config, settings, status, metrics, shutdown, config_text, config_hash, binary_hash, _lock: lock })
}

/// A directory that only the user can enter.
fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Which build runs, for journals and manifests.
fn binary_hash() -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut fs::File::open(std::env::current_exe()?)?, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

fn hex_digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
