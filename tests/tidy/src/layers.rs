//! Imports point down only.

use crate::Finding;
use crate::workspace::Crate;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// What things are.
    Data,
    /// How things behave.
    Rules,
    /// Processes' links, topology and driver.
    Network,
    /// The one relay engine.
    RelayEngine,
    /// A relay.
    Relay,
    /// A service.
    Service,
    /// What only tests.
    Test,
}

fn layer(path: &str) -> Option<Layer> {
    let (top, rest) = path.split_once('/')?;
    Some(match (top, rest) {
        ("libs", "types") => Layer::Data,
        ("libs", _) => Layer::Rules,
        ("network", _) => Layer::Network,
        ("relays", "engine") => Layer::RelayEngine,
        ("relays", _) => Layer::Relay,
        ("services", _) => Layer::Service,
        ("tests", _) => Layer::Test,
        _ => return None,
    })
}

impl Layer {
    const fn may_use(self, other: Self) -> bool {
        match self {
            Self::Data => false,
            Self::Rules => matches!(other, Self::Data | Self::Rules),
            Self::Network | Self::RelayEngine | Self::Service => {
                matches!(other, Self::Data | Self::Rules | Self::Network)
            }
            Self::Relay => matches!(other, Self::Data | Self::Rules | Self::Network | Self::RelayEngine),
            Self::Test => true,
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Data => "libs/types depends on no crate of ours",
            Self::Rules => "libs depend on libs only",
            Self::Network => "network depends on network and libs only",
            Self::RelayEngine => "the relay engine depends on network and libs only",
            Self::Relay => "a relay depends on the relay engine, network and libs only",
            Self::Service => {
                "a service depends on network, libs and its own parts below it only, never on another service or a relay"
            }
            Self::Test => "tests may use anything",
        }
    }
}

/// Whether a crate is a part of a service: it stands in a folder of that, and is there for it alone.
fn is_part_of(part: &str, service: &str) -> bool {
    part.strip_prefix(service).is_some_and(|rest| rest.starts_with('/')) && layer(service) == Some(Layer::Service)
}

/// Dependencies that point up or sideways, and crates that stand outside the layers.
pub fn findings(crates: &[Crate]) -> Vec<Finding> {
    crates
        .iter()
        .flat_map(|package| match layer(&package.path) {
            None => vec![Finding::new(&package.path, "a crate outside libs, network, relays, services and tests")],
            Some(from) => package
                .dependencies
                .iter()
                .filter(|to| !layer(to).is_some_and(|to| from.may_use(to)) && !is_part_of(to, &package.path))
                .map(|to| {
                    let what = format!(
                        "depends on {to}: {}. Move what both need down into libs, or the test into tests/",
                        from.rule()
                    );
                    Finding::new(&package.path, what)
                })
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, dependencies: &[&str]) -> usize {
        let dependencies = dependencies.iter().map(|dependency| (*dependency).to_owned()).collect();
        findings(&[Crate { name: "it".to_owned(), path: path.to_owned(), dependencies }]).len()
    }

    #[test]
    fn down_is_allowed() {
        assert_eq!(check("libs/types", &[]), 0);
        assert_eq!(check("libs/codec", &["libs/types"]), 0);
        assert_eq!(check("network/runtime", &["libs/actor", "network/transport"]), 0);
        assert_eq!(check("relays/market", &["relays/engine", "network/runtime"]), 0);
        assert_eq!(check("services/adapters/binance", &["network/runtime", "libs/venues"]), 0);
        assert_eq!(check("services/research/sweep", &["services/research/sweep/ptx", "libs/sweep"]), 0);
        assert_eq!(check("tests/e2e", &["services/portfolio", "relays/market"]), 0);
    }

    #[test]
    fn up_and_sideways_are_not() {
        assert_eq!(check("libs/types", &["libs/codec"]), 1);
        assert_eq!(check("libs/book", &["network/runtime", "services/portfolio"]), 2);
        assert_eq!(check("network/runtime", &["relays/engine"]), 1);
        assert_eq!(check("relays/market", &["relays/signal"]), 1);
        assert_eq!(check("services/portfolio", &["services/executors/paper", "relays/engine"]), 2);
        assert_eq!(check("services/portfolio", &["tests/bench"]), 1);
        // A part is for its own service: not for others, not for its siblings, and it does not look up.
        assert_eq!(check("services/research/factory", &["services/research/sweep/ptx"]), 1);
        assert_eq!(check("services/research/sweep/driver", &["services/research/sweep/ptx"]), 1);
        assert_eq!(check("services/research/sweep/ptx", &["services/research/sweep"]), 1);
        assert_eq!(check("services/research/sweep", &["services/research/sweeper"]), 1);
        assert_eq!(check("network/runtime", &["network/runtime/part", "services/portfolio/part"]), 1);
        assert_eq!(check("tools/thing", &[]), 1);
    }
}
