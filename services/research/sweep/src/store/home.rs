//! Where studies lie: `HOME/research/sweeps`.

use std::fs;
use std::path::{Path, PathBuf};

use super::Store;
use crate::failure::Failure;

/// The folder of all studies.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

/// A study as `ls` shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
}

impl Home {
    /// That of a mesh's directory.
    #[must_use]
    pub fn of(home: &Path) -> Self {
        Self(home.join("research").join("sweeps"))
    }

    /// The file of a study.
    #[must_use]
    pub fn file(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.sqlite"))
    }

    /// All studies, by name.
    ///
    /// # Errors
    /// Where the folder can't be listed.
    pub fn list(&self) -> Result<Vec<Listed>, Failure> {
        let mut found = Vec::new();
        if !self.0.is_dir() {
            return Ok(found);
        }
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if let (Some("sqlite"), Some(id)) = (extension(&path), path.file_stem().and_then(|stem| stem.to_str())) {
                found.push(Listed { id: id.to_owned(), path: path.clone() });
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Opens the study whose name is, or begins or ends with, these letters, for reading.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub fn open(&self, name: &str) -> Result<Store, Failure> {
        let all = self.list()?;
        let like = |one: &&Listed| one.id == name;
        let found: Vec<&Listed> = match all.iter().find(like) {
            Some(exact) => vec![exact],
            None => all.iter().filter(|one| one.id.starts_with(name) || one.id.ends_with(name)).collect(),
        };
        match found.as_slice() {
            [one] => Store::open(&one.path),
            several => {
                let shown: Vec<&Listed> = if several.is_empty() { all.iter().collect() } else { several.to_vec() };
                let ids: Vec<&str> = shown.iter().map(|one| one.id.as_str()).collect();
                let there = if ids.is_empty() { "there is none yet".to_owned() } else { ids.join(", ") };
                Err(Failure::usage(format!("expected the name of one study, found `{name}`; {there}")))
            }
        }
    }
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|extension| extension.to_str())
}
