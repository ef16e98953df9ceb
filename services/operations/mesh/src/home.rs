//! The home of a mesh on disk: its directories, its id and mode, and the topology that runs.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mesh_topology::{Layout, Topology, profiles, suggest};
use mesh_types::Mode;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};

/// A mesh's identity, written once in a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// Its id; below 2^53, so that every JSON reader keeps its digits.
    pub(crate) id: u64,
    /// What it does with money.
    pub(crate) mode: Mode,
}

/// A topology, its text, and where that came from.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// The file's or profile's name, for errors.
    pub(crate) origin: String,
    /// The text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) topology: Topology,
}

impl Chosen {
    fn parse(origin: String, text: String) -> Outcome<Self> {
        let topology = Topology::parse(&origin, &text).map_err(Failure::usage)?;
        Ok(Self { origin, text, topology })
    }

    /// A profile that comes with the program.
    pub(crate) fn profile(name: &str) -> Outcome<Self> {
        let known = profiles::PROFILES.iter().map(|profile| profile.name);
        let profile = profiles::find(name).ok_or_else(|| {
            let hint = suggest::hint(name, known);
            Failure::usage(format!("no profile {name:?}; {hint} For a file of your own: --topology FILE"))
        })?;
        Self::parse(format!("{name}.toml"), profile.text.to_owned())
    }

    /// A file.
    pub(crate) fn file(path: &Path) -> Outcome<Self> {
        let origin = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("{origin}: the topology can't be read: {error}")))?;
        Self::parse(origin, text)
    }

    /// The one that runs, or ran last, in this home.
    pub(crate) fn active(layout: &Layout) -> Outcome<Option<Self>> {
        let path = layout.topology_file();
        if path.exists() { Self::file(&path).map(Some) } else { Ok(None) }
    }
}

/// The layout of the mesh at `home`, which need not exist.
pub(crate) fn locate(home: &Path) -> Outcome<Layout> {
    let home = std::path::absolute(home)?;
    let usual = Layout::default_run_dir(&home);
    let run = match fs::read_link(&usual) {
        Ok(linked) => linked,
        Err(_) if Layout::fits(&usual) => usual,
        Err(_) => Layout::short_run_dir(&home, rustix::process::getuid().as_raw()),
    };
    Ok(Layout::new(home, run))
}

/// Makes the directories of a mesh.
pub(crate) fn create(layout: &Layout) -> Outcome {
    let private = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
    let because = |path: &Path, error: io::Error| {
        Failure::bad(format!("{} can't be made: {error}; set ALPHAMESH_HOME to a directory of yours", path.display()))
    };
    for path in [layout.home().to_owned(), layout.run().to_owned()].into_iter().chain(layout.directories()) {
        private(&path).map_err(|error| because(&path, error))?;
    }
    check_private(layout.run())?;
    let usual = Layout::default_run_dir(layout.home());
    if usual != layout.run() && fs::read_link(&usual).is_err() {
        std::os::unix::fs::symlink(layout.run(), &usual).map_err(|error| because(&usual, error))?;
    }
    Ok(())
}

/// A directory of sockets is a real one, ours, and nobody else's.
pub(crate) fn check_private(run: &Path) -> Outcome {
    let meta = fs::symlink_metadata(run)?;
    let user = rustix::process::getuid().as_raw();
    if !meta.is_dir() || meta.uid() != user {
        return Err(Failure::bad(format!(
            "{} must be a directory of user {user}, and it is not: remove it, or choose another ALPHAMESH_HOME",
            run.display()
        )));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(run, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The identity of this home's mesh, if it has one.
pub(crate) fn identity(layout: &Layout) -> Outcome<Option<Identity>> {
    let path = layout.id_file();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::usage(format!("{} can't be read: {error}", path.display()))),
    };
    toml::from_str(&text).map(Some).map_err(|error| {
        Failure::usage(format!(
            "{} is damaged ({}): it should hold `id = NUMBER` and `mode = \"paper\"`",
            path.display(),
            error.message().trim()
        ))
    })
}

/// The identity of this home's mesh, made now if it has none.
///
/// # Errors
/// When the home belongs to a mesh of another mode.
pub(crate) fn claim(layout: &Layout, mode: Mode) -> Outcome<Identity> {
    if let Some(identity) = identity(layout)? {
        if identity.mode == mode {
            return Ok(identity);
        }
        return Err(Failure::usage(format!(
            "{} is the home of a mesh in mode {:?}, and this topology is {:?}: its ledger and positions don't mix with \
             another mode's. Use another home: ALPHAMESH_HOME={}-{}",
            layout.home().display(),
            identity.mode.name(),
            mode.name(),
            layout.home().display(),
            mode.name()
        )));
    }
    let mut bytes = [0u8; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let identity = Identity { id: (u64::from_ne_bytes(bytes) >> 11).max(1), mode };
    let text = toml::to_string(&identity).map_err(Failure::bad)?;
    replace(&layout.id_file(), text.as_bytes())?;
    Ok(identity)
}

/// Writes a file of ours so that readers see the old text or the new one, also after a crash.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}

/// Where the binaries are: `ALPHAMESH_BIN`, else beside this program.
pub(crate) fn binaries() -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os("ALPHAMESH_BIN").filter(|path| !path.is_empty()) {
        return Ok(std::path::absolute(path)?);
    }
    let exe = std::env::current_exe()?;
    Ok(exe.parent().map(Path::to_owned).unwrap_or_default())
}

/// Names of the programs in a directory, sorted.
pub(crate) fn programs(directory: &Path) -> Vec<String> {
    let is_program = |entry: &fs::DirEntry| {
        // What a link points to is what would run.
        fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
    };
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(is_program)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_keeps_its_identity_and_its_mode() {
        let dir = tempfile::tempdir().expect("a directory");
        let layout = locate(&dir.path().join("home")).expect("a path");
        assert_eq!(identity(&layout).expect("readable"), None);
        create(&layout).expect("made");
        let first = claim(&layout, Mode::Paper).expect("claimed");
        assert!(first.id > 0 && first.id < 1 << 53);
        assert_eq!(claim(&layout, Mode::Paper).expect("the same"), first);
        let refused = claim(&layout, Mode::Live).expect_err("another mode");
        assert!(refused.text().is_some_and(|text| text.contains("\"paper\"") && text.contains("ALPHAMESH_HOME=")));
        fs::write(layout.id_file(), "id = many").expect("written");
        assert!(matches!(identity(&layout), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_home_with_a_long_path_has_a_short_directory_of_sockets() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("long-".repeat(20)).join("home");
        let layout = locate(&home).expect("a path");
        assert!(Layout::fits(layout.run()));
        create(&layout).expect("made");
        assert_eq!(fs::read_link(home.join("run")).expect("a link"), layout.run());
        assert_eq!(locate(&home).expect("a path"), layout);
        assert_eq!(fs::metadata(layout.run()).expect("there").mode() & 0o777, 0o700);
        fs::remove_dir_all(layout.run()).expect("removed");
    }

    #[test]
    fn a_directory_of_sockets_that_is_a_link_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let link = dir.path().join("run");
        std::os::unix::fs::symlink(dir.path(), &link).expect("linked");
        assert!(check_private(&link).is_err());
    }
}
