//! From text to a checked topology; every error has its line and column.

use core::ops::Range;
use std::num::NonZeroU16;

use mesh_config::{ConfigError, RuntimeSection};
use mesh_types::{Mode, SourceId};
use serde::Deserialize;
use toml::{Spanned, Table};

use crate::model::{Kind, Limits, MAX_NAME_BYTES, Policy, ProcessSpec, Restart, Topology};
use crate::order;
use crate::problems::Problems;
use crate::suggest;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTopology {
    mesh: RawMesh,
    #[serde(default)]
    process: Vec<RawProcess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMesh {
    profile: Spanned<String>,
    mode: Mode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProcess {
    name: Spanned<String>,
    kind: Kind,
    binary: Spanned<String>,
    source: Spanned<i64>,
    #[serde(default)]
    needs: Vec<Spanned<String>>,
    #[serde(default)]
    restart: Option<Spanned<Restart>>,
    #[serde(default)]
    limits: Option<Spanned<Limits>>,
    #[serde(default)]
    runtime: Option<Spanned<Table>>,
    #[serde(default)]
    settings: Table,
}

impl Topology {
    /// Reads and checks a topology. `origin` names the text in errors.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and column.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Problems> {
        let raw: RawTopology = toml::from_str(text).map_err(|error| ConfigError::from_toml(origin, text, &error))?;
        let mut check = Check { origin, text, errors: Vec::new() };
        check.all(&raw);
        Problems::none_of(check.errors)?;
        Ok(Self {
            profile: raw.mesh.profile.into_inner(),
            mode: raw.mesh.mode,
            processes: raw.process.into_iter().filter_map(RawProcess::checked).collect(),
        })
    }

    /// Checks that every binary is one of `known`.
    ///
    /// # Errors
    /// The processes whose binary is not there; `text` is what the topology was read from.
    pub fn check_binaries(&self, origin: &str, text: &str, known: &[String]) -> Result<(), Problems> {
        let raw: RawTopology = toml::from_str(text).map_err(|error| ConfigError::from_toml(origin, text, &error))?;
        let errors = raw.process.iter().filter(|process| !known.contains(process.binary.get_ref())).map(|process| {
            let binary = process.binary.get_ref();
            let reason = format!(
                "no binary {binary:?} is built for process {:?}; {}",
                process.name.get_ref(),
                suggest::hint(binary, known.iter().map(String::as_str))
            );
            ConfigError::at(origin, text, process.binary.span(), reason)
        });
        Problems::none_of(errors.collect())
    }
}

impl RawProcess {
    fn checked(self) -> Option<ProcessSpec> {
        Some(ProcessSpec {
            name: self.name.into_inner(),
            kind: self.kind,
            binary: self.binary.into_inner(),
            source: source(*self.source.get_ref())?,
            needs: self.needs.into_iter().map(Spanned::into_inner).collect(),
            restart: self.restart.map(Spanned::into_inner).unwrap_or_default(),
            limits: self.limits.map(Spanned::into_inner).unwrap_or_default(),
            runtime: self.runtime.map(Spanned::into_inner).unwrap_or_default(),
            settings: self.settings,
        })
    }
}

fn source(number: i64) -> Option<NonZeroU16> {
    let number = u16::try_from(number).ok().and_then(NonZeroU16::new)?;
    (number.get() < SourceId::OPERATOR.get()).then_some(number)
}

struct Check<'a> {
    origin: &'a str,
    text: &'a str,
    errors: Vec<ConfigError>,
}

impl Check<'_> {
    fn fail(&mut self, span: Range<usize>, reason: impl core::fmt::Display) {
        self.errors.push(ConfigError::at(self.origin, self.text, span, reason));
    }

    fn all(&mut self, raw: &RawTopology) {
        if !is_name(raw.mesh.profile.get_ref()) {
            self.fail(raw.mesh.profile.span(), name_rule("a profile", raw.mesh.profile.get_ref()));
        }
        if raw.process.is_empty() {
            self.fail(0..0, "expected at least one [[process]]");
        }
        for (index, process) in raw.process.iter().enumerate() {
            let before = raw.process.get(..index).unwrap_or_default();
            self.identity(process, before);
            self.needs(process, &raw.process);
            self.bounds(process);
        }
        if self.errors.is_empty() {
            self.cycles(&raw.process);
        }
    }

    fn identity(&mut self, process: &RawProcess, before: &[RawProcess]) {
        let name = process.name.get_ref();
        if !is_name(name) {
            self.fail(process.name.span(), name_rule("a process", name));
        } else if name == "mesh" {
            self.fail(process.name.span(), "the name \"mesh\" is the supervisor's; choose another");
        }
        if let Some(other) = before.iter().find(|other| other.name.get_ref() == name) {
            let (line, _) = mesh_config::error::line_and_column(self.text, other.name.span().start);
            self.fail(process.name.span(), format!("the name {name:?} is taken in line {line}; names are unique"));
        }
        let binary = process.binary.get_ref();
        if !is_name(binary) {
            self.fail(process.binary.span(), name_rule("a binary", binary));
        }
        let number = *process.source.get_ref();
        if source(number).is_none() {
            let reason = format!("expected a source id from 1 to 65534, found {number}");
            self.fail(process.source.span(), reason);
        }
        if let Some(other) = before.iter().find(|other| *other.source.get_ref() == number) {
            let reason = format!(
                "source {number} is taken by {:?}; receivers tell senders apart by it, so it is unique",
                other.name.get_ref()
            );
            self.fail(process.source.span(), reason);
        }
    }

    fn needs(&mut self, process: &RawProcess, all: &[RawProcess]) {
        let names = || all.iter().map(|process| process.name.get_ref().as_str());
        for (index, need) in process.needs.iter().enumerate() {
            let known = names().any(|name| name == need.get_ref());
            if !known {
                let others: Vec<&str> = names().filter(|name| name != process.name.get_ref()).collect();
                let reason = format!(
                    "no process {:?} is in this topology; {}",
                    need.get_ref(),
                    suggest::hint(need.get_ref(), others)
                );
                self.fail(need.span(), reason);
            } else if process.needs.iter().take(index).any(|earlier| earlier.get_ref() == need.get_ref()) {
                self.fail(need.span(), format!("{:?} is needed twice", need.get_ref()));
            }
        }
    }

    fn bounds(&mut self, process: &RawProcess) {
        if let Some(restart) = &process.restart {
            let Restart { backoff_min_ms, backoff_max_ms, give_up_after, window_ms, policy } = *restart.get_ref();
            if backoff_min_ms == 0 || backoff_max_ms < backoff_min_ms {
                let reason = format!(
                    "expected 1 <= backoff_min_ms <= backoff_max_ms, found {backoff_min_ms} and {backoff_max_ms}"
                );
                self.fail(restart.span(), reason);
            }
            if policy != Policy::Never && (give_up_after == 0 || window_ms == 0) {
                self.fail(restart.span(), "expected give_up_after and window_ms of at least 1");
            }
        }
        if let Some(runtime) = &process.runtime
            && let Err(error) = RuntimeSection::deserialize(runtime.get_ref().clone())
        {
            self.fail(runtime.span(), error.message().trim());
        }
        if let Some(limits) = &process.limits {
            let Limits { rss_warn_bytes, rss_kill_bytes, stop_timeout_ms, .. } = *limits.get_ref();
            if rss_kill_bytes > 0 && rss_warn_bytes > rss_kill_bytes {
                self.fail(limits.span(), "expected rss_warn_bytes <= rss_kill_bytes: the warning comes first");
            }
            if stop_timeout_ms == 0 {
                self.fail(
                    limits.span(),
                    "expected stop_timeout_ms of at least 1: a process must be able to stop in order",
                );
            }
        }
    }

    fn cycles(&mut self, all: &[RawProcess]) {
        let index = |name: &String| all.iter().position(|process| process.name.get_ref() == name);
        let needs: Vec<Vec<usize>> =
            all.iter().map(|process| process.needs.iter().filter_map(|need| index(need.get_ref())).collect()).collect();
        let Err(cycle) = order::start_order(&needs) else { return };
        let names: Vec<&str> = cycle.iter().filter_map(|i| all.get(*i)).map(|p| p.name.get_ref().as_str()).collect();
        let span = match cycle.as_slice() {
            [first, second, ..] => all.get(*first).and_then(|process| {
                process.needs.iter().find(|need| index(need.get_ref()) == Some(*second)).map(Spanned::span)
            }),
            _ => None,
        };
        let reason = format!("{} needs itself: {}", names.first().unwrap_or(&""), names.join(" -> "));
        self.fail(span.unwrap_or(0..0), reason);
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.len() <= MAX_NAME_BYTES
}

fn name_rule(what: &str, found: &str) -> String {
    format!(
        "{what}'s name has 1 to {MAX_NAME_BYTES} lower-case letters, digits and hyphens and begins with a letter, found {found:?}"
    )
}
