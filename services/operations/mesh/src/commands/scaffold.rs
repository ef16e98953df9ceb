//! `mesh new strategy NAME`: a crate that compiles, from the template in `templates/strategy`. The workspace finds it by its
//! place.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_topology::{Topology, profiles};

use crate::console::Console;
use crate::failure::{Failure, Outcome};

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../templates/strategy/Cargo.toml.template")),
    ("README.md", include_str!("../../templates/strategy/README.md")),
    ("src/main.rs", include_str!("../../templates/strategy/src/main.rs")),
    ("src/settings.rs", include_str!("../../templates/strategy/src/settings.rs")),
    ("src/actor.rs", include_str!("../../templates/strategy/src/actor.rs")),
    ("src/tests.rs", include_str!("../../templates/strategy/src/tests.rs")),
];

/// What can be made.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum NewWord {
    /// A strategy: a crate that compiles, with settings, README and a replay test
    Strategy {
        /// Its name, as my_idea
        name: String,
    },
}

/// What a strategy's name becomes.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    /// The directory's: `my_idea`.
    directory: String,
    /// The crate's, the binary's and the process's: `strategy-my-idea`.
    krate: String,
    /// For people: `My idea`.
    title: String,
}

impl Names {
    /// The prefix and this make a process's name; a strategy's name in messages has 24 bytes.
    const MAX_BYTES: usize = 23;

    fn of(name: &str) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        let ends = name.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || !ends || !name.chars().all(good) || name.len() > Self::MAX_BYTES {
            return Err(format!(
                "a strategy's name has 1 to {} lower-case letters, digits and underscores and begins with a letter, as \
                 my_idea; found {name:?}",
                Self::MAX_BYTES
            ));
        }
        let mut title = name.replace(['-', '_'], " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Ok(Self { directory: name.replace('-', "_"), krate: format!("strategy-{}", name.replace('_', "-")), title })
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{crate}}", &self.krate).replace("{{title}}", &self.title)
    }
}

/// `mesh new`.
pub(crate) fn new(word: &NewWord) -> Outcome {
    let NewWord::Strategy { name } = word;
    let names = Names::of(name).map_err(Failure::usage)?;
    let source = source_tree()?;
    let place = source.join("services/strategies").join(&names.directory);
    write(&names, &place)?;
    let (krate, shown) = (&names.krate, place.strip_prefix(&source).unwrap_or(&place).display().to_string());
    let mut console = Console::new();
    console.line(format!("Made {shown}: a breakout strategy with its replay test. Next:\n"))?;
    console.line(format!("  1. ./manage.sh test {krate}            it compiles, and its tests pass"))?;
    console.line(format!("  2. {shown}/src/actor.rs: your idea"))?;
    console.line("  3. ./manage.sh profiles paper > mine.toml, and add to it:\n")?;
    console.line(format!(
        "     [[process]]\n     name = \"{krate}\"\n     kind = \"strategy\"\n     binary = \"{krate}\"\n     source = {}\n     \
         needs = [\"relay-market\", \"relay-signal\"]\n     settings = {{ instruments = [\"binance:spot:BTCUSDT\"] }}\n",
        free_source()
    ))?;
    console.line("  4. ./manage.sh up --topology mine.toml, and ./manage.sh tap signal")?;
    console.line("  5. a line in the README's table of crates, which ./manage.sh test checks")?;
    Ok(())
}

fn write(names: &Names, place: &Path) -> Outcome {
    if place.exists() {
        return Err(Failure::usage(format!("{} is there already; choose another name", place.display())));
    }
    fs::create_dir_all(place.join("src"))?;
    for (path, text) in FILES {
        fs::write(place.join(path), names.fill(text))?;
    }
    Ok(())
}

/// The source tree: where `manage.sh` says, else the one around the current directory.
fn source_tree() -> Outcome<PathBuf> {
    let told = std::env::var_os("ALPHAMESH_SOURCE").map(PathBuf::from);
    let here = std::env::current_dir()?;
    let is_tree = |path: &Path| path.join("services/strategies").is_dir() && path.join("Cargo.toml").is_file();
    told.into_iter().chain(here.ancestors().map(Path::to_owned)).find(|path| is_tree(path)).ok_or_else(|| {
        Failure::usage("a strategy is made in the source tree; run this by its manage.sh, or set ALPHAMESH_SOURCE")
    })
}

/// A source id that no process of the profiles has.
fn free_source() -> u16 {
    let taken: Vec<u16> = profiles::PROFILES
        .iter()
        .filter_map(|profile| Topology::parse(profile.name, profile.text).ok())
        .flat_map(|topology| topology.processes.into_iter().map(|process| process.source.get()))
        .collect();
    (20..).find(|source| !taken.contains(source)).unwrap_or(20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_house_calls_things() {
        let names = Names::of("my_idea").expect("good");
        assert_eq!(
            (names.directory.as_str(), names.krate.as_str(), names.title.as_str()),
            ("my_idea", "strategy-my-idea", "My idea")
        );
        assert_eq!(Names::of("my-idea"), Ok(names));
        for bad in ["", "My", "9x", "a b", "x/../y", "a_", &"x".repeat(24)] {
            assert!(Names::of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_file_is_written_whole_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("my_idea");
        let names = Names::of("my_idea").expect("good");
        write(&names, &place).expect("written");
        for (path, _) in FILES {
            let text = fs::read_to_string(place.join(path)).expect("there");
            assert!(!text.is_empty() && !text.contains("{{"), "{path}");
        }
        assert!(fs::read_to_string(place.join("Cargo.toml")).expect("there").contains("name = \"strategy-my-idea\""));
        assert!(write(&names, &place).is_err());
    }

    #[test]
    fn sources_hold_no_placeholders_so_that_what_is_tested_is_what_is_made() {
        assert!(FILES.iter().filter(|(path, _)| path.ends_with(".rs")).all(|(_, text)| !text.contains("{{crate}}")));
        assert!(free_source() >= 20);
    }
}
