//! The kill switches that are in force, as the portfolios' ledgers have them: true also while a portfolio is down.

use std::path::PathBuf;

use mesh_capture::time;
use mesh_topology::{Kind, Layout};
use mesh_types::system::KillSwitch;
use mesh_types::{FixedStr, KillLevel};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::home::Chosen;

/// Why a switch was set.
pub(crate) type Reason = FixedStr<64>;

/// A switch as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Switched {
    /// The strategy that it stops; empty for all.
    pub(crate) scope: String,
    /// How much it stops.
    pub(crate) level: String,
    /// When it was set, ns since the Unix epoch.
    pub(crate) set_ns: u64,
    /// Why.
    pub(crate) reason: String,
}

impl From<&KillSwitch> for Switched {
    fn from(switch: &KillSwitch) -> Self {
        // Risk takes a level that it does not know as the hardest.
        let level = switch.level.get().unwrap_or(KillLevel::Hard);
        Self {
            scope: switch.scope.to_string(),
            level: level.name().to_owned(),
            set_ns: switch.set_ns.get(),
            reason: switch.reason.to_string(),
        }
    }
}

impl Switched {
    /// Whether it stops anything.
    pub(crate) fn is_on(&self) -> bool {
        self.level != KillLevel::None.name()
    }

    /// In a line, for people.
    pub(crate) fn text(&self) -> String {
        let of = if self.scope.is_empty() { String::new() } else { format!(" of {}", self.scope) };
        let since = time::readable(self.set_ns).get(..19).unwrap_or_default().replace('T', " ");
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("kill switch{of} {} since {since}{why}", self.level)
    }
}

/// The ledgers of the portfolios that the home's topology has, by their names.
pub(crate) fn ledgers(layout: &Layout) -> Outcome<Vec<(String, PathBuf)>> {
    let chosen = Chosen::active(layout)?;
    let processes = chosen.into_iter().flat_map(|chosen| chosen.topology.processes);
    let portfolios = processes.filter(|process| process.kind == Kind::Portfolio);
    Ok(portfolios.map(|process| (process.name.clone(), layout.ledger(&process.name))).collect())
}

/// What is switched, of all scopes; of several portfolios the last word.
///
/// # Errors
/// When a ledger can't be read.
pub(crate) fn read(layout: &Layout) -> Outcome<Vec<Switched>> {
    let mut found: Vec<Switched> = Vec::new();
    for (_, path) in ledgers(layout)? {
        for switch in mesh_store::kill_switches(&path).map_err(Failure::bad)? {
            let switch = Switched::from(&switch);
            match found.iter_mut().find(|known| known.scope == switch.scope) {
                Some(known) if known.set_ns < switch.set_ns => *known = switch,
                Some(_) => {}
                None => found.push(switch),
            }
        }
    }
    Ok(found)
}
