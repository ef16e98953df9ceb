//! What can be set.

use std::path::PathBuf;

use mesh_capture::{Capture, CaptureError, Filter, TimeRange, time};
use mesh_types::{Domain, InstrumentId};
use serde::Deserialize;

/// The replayer's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReplayerSettings {
    /// A run's directory, a directory of runs, or a segment.
    pub(crate) capture: PathBuf,
    /// Receive time of the first message; empty for the start. As `14:03`, `2026-11-01T14:03:07Z` or ns.
    from: String,
    /// Receive time before which the last message is; empty for the end.
    to: String,
    /// Recorded seconds that go by in one second; 0 for as fast as the relays take them.
    pub(crate) speed: f64,
    /// Domains that are replayed.
    pub(crate) domains: Vec<Domain>,
    /// Names of message types; none for all.
    types: Vec<String>,
    /// Instruments; none for all.
    instruments: Vec<InstrumentId>,
}

impl Default for ReplayerSettings {
    fn default() -> Self {
        Self {
            capture: PathBuf::new(),
            from: String::new(),
            to: String::new(),
            speed: 1.0,
            domains: vec![Domain::Market],
            types: Vec::new(),
            instruments: Vec::new(),
        }
    }
}

impl ReplayerSettings {
    pub(crate) fn filter(&self) -> Result<Filter, CaptureError> {
        let mut filter = Filter { instruments: self.instruments.clone(), ..Filter::default() };
        self.types.iter().try_for_each(|name| filter.add_type(name))?;
        Ok(filter)
    }

    /// Times of day are of the day that the capture starts on.
    pub(crate) fn range(&self, capture: &Capture) -> Result<TimeRange, CaptureError> {
        let manifest = capture.runs().first().and_then(|run| run.manifest.as_ref());
        let reference_ns = manifest.map_or(0, |manifest| manifest.run.started_ns);
        let read = |text: &str, default_ns| {
            if text.is_empty() { Ok(default_ns) } else { time::parse(text, reference_ns) }
        };
        Ok(TimeRange { from_ns: read(&self.from, 0)?, to_ns: read(&self.to, u64::MAX)? })
    }
}

impl mesh_runtime::Settings for ReplayerSettings {
    fn validate(&self) -> Result<(), String> {
        if self.capture.as_os_str().is_empty() {
            return Err("capture: expected the path of a capture, found none; `mesh capture ls` lists them".to_owned());
        }
        if !(0.0..=1e6).contains(&self.speed) {
            return Err(format!("speed: expected 0 (as fast as possible) to 1000000, found {}", self.speed));
        }
        if self.domains.is_empty() || self.domains.contains(&Domain::System) {
            return Err("domains: expected some of market, signal and execution".to_owned());
        }
        for text in [&self.from, &self.to].into_iter().filter(|text| !text.is_empty()) {
            time::parse(text, 0).map_err(|error| error.to_string())?;
        }
        self.filter().map(|_| ()).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_runtime::Settings;

    #[test]
    fn bad_values_say_what_is_expected() {
        let good =
            ReplayerSettings { capture: "somewhere".into(), from: "14:03".to_owned(), ..ReplayerSettings::default() };
        assert_eq!(good.validate(), Ok(()));
        let refused = |settings: ReplayerSettings| settings.validate().expect_err("refused");
        assert!(refused(ReplayerSettings::default()).contains("capture"));
        assert!(refused(ReplayerSettings { speed: -1.0, ..good.clone() }).contains("speed"));
        assert!(refused(ReplayerSettings { speed: f64::NAN, ..good.clone() }).contains("speed"));
        assert!(refused(ReplayerSettings { domains: vec![Domain::System], ..good.clone() }).contains("domains"));
        assert!(refused(ReplayerSettings { to: "later".to_owned(), ..good.clone() }).contains("later"));
        assert!(refused(ReplayerSettings { types: vec!["trades".to_owned()], ..good }).contains("trades"));
    }
}
