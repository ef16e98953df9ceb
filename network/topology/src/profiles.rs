//! The topologies that come with the program.

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The profile that runs where none is named.
pub const DEFAULT: &str = "paper";

/// All of them.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: DEFAULT,
        about: "a simulated venue, momentum, paper fills: needs no network",
        text: include_str!("../profiles/paper.toml"),
    },
    Profile {
        name: "live-data",
        about: "Binance's real market data, momentum, paper fills",
        text: include_str!("../profiles/live-data.toml"),
    },
    Profile {
        name: "research",
        about: "takes sweeps over the mesh and publishes candidates: needs no network, trades nothing",
        text: include_str!("../profiles/research.toml"),
    },
    Profile {
        name: "test",
        about: "like paper, with short intervals, for tests",
        text: include_str!("../profiles/test.toml"),
    },
];

/// The profile of this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}
