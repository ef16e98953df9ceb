//! The configuration of one process.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mesh_types::limits::Limits;
use mesh_types::{Domain, Mode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::error::ConfigError;

/// Everything that a process is told, its own settings aside.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// Who it is.
    pub process: ProcessSection,
    /// The mesh that it belongs to.
    pub mesh: MeshSection,
    /// Where the relays listen.
    pub relays: RelaySockets,
    /// How its loop runs.
    #[serde(default)]
    pub runtime: RuntimeSection,
    /// How much of the compiled capacities it uses: defaults, the file, then `ALPHAMESH_MAX_…`.
    #[serde(default)]
    pub limits: Limits,
    /// The service's own settings, not read yet.
    #[serde(default)]
    settings: Table,
}

/// Who a process is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSection {
    /// Its name in the topology.
    pub name: String,
    /// Its source id, 1 to 65534.
    pub source: std::num::NonZeroU16,
}

/// The mesh that a process belongs to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshSection {
    /// Its id, as decimal digits.
    pub id: u64,
    /// What it does with money.
    pub mode: Mode,
    /// The topology's name.
    #[serde(default)]
    pub profile: String,
    /// The directory for everything that it writes.
    pub home: PathBuf,
    /// The directory of its sockets, where that is not `home/run`.
    #[serde(default)]
    pub run_dir: Option<PathBuf>,
}

impl MeshSection {
    /// The directory of sockets, locks and configuration files.
    pub fn run_dir(&self) -> PathBuf {
        self.run_dir.clone().unwrap_or_else(|| self.home.join("run"))
    }

    /// The directory of databases.
    pub fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }

    /// The directory of capture logs.
    pub fn capture_dir(&self) -> PathBuf {
        self.home.join("capture")
    }

    /// The directory of a process's journals.
    pub fn journal_dir(&self, process: &str) -> PathBuf {
        self.home.join("journal").join(process)
    }
}

/// The relays' sockets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaySockets {
    /// The market relay's.
    pub market: PathBuf,
    /// The signal relay's.
    pub signal: PathBuf,
    /// The execution relay's.
    pub execution: PathBuf,
}

impl RelaySockets {
    /// The socket of a domain's relay; the system domain has none of its own.
    pub fn of(&self, domain: Domain) -> Option<&PathBuf> {
        match domain {
            Domain::Market => Some(&self.market),
            Domain::Signal => Some(&self.signal),
            Domain::Execution => Some(&self.execution),
            Domain::System => None,
        }
    }
}

/// How a process's loop runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuntimeSection {
    /// What an actor's journal holds of messages that the relays carried.
    pub journal: JournalMode,
    /// Journals that are kept; older ones are deleted when a new one begins.
    pub journal_keep_runs: usize,
    /// Bytes of all journals that are kept.
    pub journal_keep_bytes: u64,
    /// A journal that has grown to this is ended, and another one goes on: that one serves traces, not replays.
    pub journal_roll_bytes: u64,
    /// Trades power for latency; off by default.
    pub low_latency: LowLatency,
}

impl Default for RuntimeSection {
    fn default() -> Self {
        Self {
            journal: JournalMode::References,
            journal_keep_runs: 64,
            journal_keep_bytes: 4 << 30,
            journal_roll_bytes: 1 << 30,
            low_latency: LowLatency::default(),
        }
    }
}

/// What an actor's journal holds of messages that the relays carried. What came on another way it always holds whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalMode {
    /// 16 bytes each; a replay finds the messages in the capture log.
    References,
    /// The messages themselves: a replay needs nothing else.
    Whole,
    /// No journal; the run can't be replayed.
    Off,
}

/// The low-latency profile. It needs a core for each process that has it, and holding `/dev/cpu_dma_latency` needs
/// permission to write it; what is not to be had is logged, and the process runs on without.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LowLatency {
    /// Keeps the cores from deep idle states by holding `/dev/cpu_dma_latency` at 0.
    pub keep_cores_awake: bool,
    /// The core that the hot loop is pinned to.
    pub core: Option<usize>,
    /// How long the hot loop looks for work before it sleeps, in microseconds.
    pub spin_us: u64,
}

impl ProcessConfig {
    /// Reads a process's file and its service's settings: the service's defaults, then the file, then `environment`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse<S: DeserializeOwned>(
        origin: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, S), ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::from_toml(origin, text, &error))?;
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        config.limits = config
            .limits
            .with_environment(|name| environment.get(name).cloned())
            .map_err(|error| ConfigError::new("environment", error))?;
        let changed = override_from(&mut config.settings, &config.process.name, environment);
        let settings = if changed.is_empty() {
            // From the text itself, so that an error has its place.
            #[derive(Deserialize)]
            struct Whole<S> {
                settings: Option<S>,
            }
            let whole: Whole<S> = toml::from_str(text).map_err(|error| ConfigError::from_toml(origin, text, &error))?;
            match whole.settings {
                Some(settings) => settings,
                None => S::deserialize(Table::new()).map_err(|error| ConfigError::from_toml(origin, text, &error))?,
            }
        } else {
            let origin = format!("{origin} with {}", changed.join(", "));
            S::deserialize(config.settings.clone()).map_err(|error| ConfigError::new(origin, error.message().trim()))?
        };
        Ok((config, settings))
    }

    /// The file's text with the settings that hold after the environment: what must be kept to repeat a run.
    ///
    /// # Errors
    /// When `text` is not the one that was parsed.
    pub fn effective(&self, origin: &str, text: &str) -> Result<String, ConfigError> {
        let mut whole: Table = toml::from_str(text).map_err(|error| ConfigError::from_toml(origin, text, &error))?;
        whole.insert("settings".to_owned(), Value::Table(self.settings.clone()));
        let limits = Table::try_from(self.limits).map_err(|error| ConfigError::new(origin, error))?;
        whole.insert("limits".to_owned(), Value::Table(limits));
        toml::to_string(&whole).map_err(|error| ConfigError::new(origin, error))
    }
}

/// Puts `ALPHAMESH__<PROCESS>__<KEY>…` into `settings`; answers with the variables that were used, in order.
fn override_from(
    settings: &mut Table,
    process: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Vec<String> {
    let prefix = format!("ALPHAMESH__{}__", process.to_uppercase().replace('-', "_"));
    let mut used: Vec<(String, String)> =
        environment.into_iter().filter(|(name, _)| name.starts_with(&prefix)).collect();
    used.sort();
    for (name, text) in &used {
        let path: Vec<String> =
            name.get(prefix.len()..).unwrap_or_default().split("__").map(str::to_lowercase).collect();
        insert(settings, &path, value_of(text));
    }
    used.into_iter().map(|(name, _)| name).collect()
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// A TOML value where the text is one (`5`, `true`, `["a"]`), else a string.
fn value_of(text: &str) -> Value {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        interval_ms: u64,
        instruments: Vec<String>,
    }

    impl Default for Settings {
        fn default() -> Self {
            Self { interval_ms: 1000, instruments: vec!["binance:spot:BTCUSDT".to_owned()] }
        }
    }

    const HEAD: &str = r#"
[process]
name = "strategy-momentum"
source = 20
[mesh]
id = 7
mode = "paper"
home = "/tmp/home"
[relays]
market = "m"
signal = "s"
execution = "e"
"#;

    fn parse(tail: &str, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        ProcessConfig::parse("momentum.toml", &format!("{HEAD}{tail}"), environment).map(|(_, settings)| settings)
    }

    #[test]
    fn defaults_then_file_then_environment() {
        assert_eq!(parse("", &[]), Ok(Settings::default()));
        assert_eq!(parse("[settings]\ninterval_ms = 5", &[]).map(|s| s.interval_ms), Ok(5));
        let environment = [("ALPHAMESH__STRATEGY_MOMENTUM__INTERVAL_MS", "9"), ("ALPHAMESH__OTHER__INTERVAL_MS", "1")];
        assert_eq!(parse("[settings]\ninterval_ms = 5", &environment).map(|s| s.interval_ms), Ok(9));
        let environment = [("ALPHAMESH__STRATEGY_MOMENTUM__INSTRUMENTS", r#"["a", "b"]"#)];
        assert_eq!(parse("", &environment).map(|s| s.instruments.len()), Ok(2));
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let error = parse("[settings]\nintervall_ms = 5", &[]).expect_err("unknown key");
        assert_eq!((error.place, error.origin.as_str()), (Some((14, 1)), "momentum.toml"));
        assert!(error.reason.contains("intervall_ms") && error.reason.contains("interval_ms"), "{error}");
        let error = parse("[settings]\ninterval_ms = \"soon\"", &[]).expect_err("a word");
        assert_eq!(error.place, Some((14, 15)));
        let error = parse("", &[("ALPHAMESH__STRATEGY_MOMENTUM__INTERVAL_MS", "soon")]).expect_err("a word");
        assert!(error.to_string().contains("ALPHAMESH__STRATEGY_MOMENTUM__INTERVAL_MS"), "{error}");
    }

    #[test]
    fn the_effective_text_holds_what_the_environment_changed() {
        let text = format!("{HEAD}[settings]\ninterval_ms = 5");
        let environment = [("ALPHAMESH__STRATEGY_MOMENTUM__INTERVAL_MS".to_owned(), "9".to_owned())];
        let (config, settings): (_, Settings) = ProcessConfig::parse("f", &text, environment).expect("good");
        let effective = config.effective("f", &text).expect("the same text");
        let (again, same): (ProcessConfig, Settings) = ProcessConfig::parse("f", &effective, []).expect("good");
        assert_eq!((same.interval_ms, &same), (9, &settings));
        assert_eq!(again.limits, config.limits);
        assert_eq!(again.process.name, "strategy-momentum");
    }

    #[test]
    fn limits_come_from_the_file_and_the_environment_and_are_kept() {
        let text = format!("{HEAD}[limits]\norder_levels = 20");
        let parse = |levels: Option<&str>| {
            let environment = levels.map(|levels| ("ALPHAMESH_MAX_ORDER_LEVELS".to_owned(), levels.to_owned()));
            ProcessConfig::parse::<Settings>("f", &text, environment).map(|(config, _)| config)
        };
        assert_eq!(parse(None).map(|config| config.limits.order_levels), Ok(20));
        let config = parse(Some("9")).expect("good");
        let kept = config.effective("f", &text).expect("the same text");
        let (again, _): (ProcessConfig, Settings) = ProcessConfig::parse("f", &kept, []).expect("good");
        assert_eq!(again.limits.order_levels, 9);
        assert!(parse(Some("9999")).is_err_and(|error| error.reason.contains("1 to 256")));
        let beyond = text.replace("= 20", "= 300");
        let error = ProcessConfig::parse::<Settings>("f", &beyond, []).expect_err("above the capacity");
        assert!(error.reason.contains("1 to 256") && error.place.is_some(), "{error}");
    }

    #[test]
    fn a_source_of_zero_is_refused() {
        let text = HEAD.replace("source = 20", "source = 0");
        assert!(ProcessConfig::parse::<Settings>("f", &text, []).is_err());
    }
}
