//! A study: a specification, its data, and the name that both give it.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_study::Spec;
use sha2::{Digest, Sha256};

use crate::data::{Prepared, absolute};
use crate::failure::Failure;
use crate::store::{About, Home, Store};
use crate::{clock, fingerprint};

/// A specification at hand.
#[derive(Debug)]
pub struct Study {
    /// Checked.
    pub spec: Spec,
    /// Its data.
    pub prepared: Prepared,
    /// What is kept of both.
    pub about: About,
}

/// Reads and checks a specification.
///
/// # Errors
/// Where it can't be read, with all that is wrong with it.
pub fn read_spec(origin: &str, text: &str) -> Result<Spec, Failure> {
    Spec::parse(origin, text).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::usage(lines.join("\n"))
    })
}

fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: can't be read: {error}", path.display())))
}

impl Study {
    /// From a specification's file; its paths are those of its folder.
    ///
    /// # Errors
    /// Where specification or data can't be used.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path)?;
        let path = absolute(path);
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        Self::of_text(text, &path.display().to_string(), &folder)
    }

    pub(crate) fn of_text(text: String, origin: &str, folder: &Path) -> Result<Self, Failure> {
        let spec = read_spec(origin, &text)?;
        let prepared = Prepared::read(&spec, folder)?;
        let spec_hash = spec_hash(&spec)?;
        let kernel = fingerprint::kernel()?;
        let name = Sha256::digest(format!("{spec_hash} {} {kernel}", prepared.hash));
        let trials =
            mesh_optimize::Study::new(spec.study.clone()).map_err(|error| Failure::usage(error.to_string()))?.trials();
        let about = About {
            id: format!("{}-{}", spec.strategy, &hex::encode(name)[..8]),
            spec_text: text,
            spec_path: origin.to_owned(),
            folder: folder.display().to_string(),
            spec_hash,
            data_hash: prepared.hash.clone(),
            kernel,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ns: clock::now_ns(),
            trials,
            bars: prepared.bars(),
        };
        Ok(Self { spec, prepared, about })
    }

    /// The study of this name as it was begun, where it can be gone on with.
    ///
    /// # Errors
    /// Where specification, data or kernel are not those that it was begun with.
    pub fn resumed(home: &Home, name: &str) -> Result<Self, Failure> {
        let kept = home.open(name)?.about()?;
        let id = &kept.id;
        let path = Path::new(&kept.spec_path);
        let next = format!("`sweep run {}` begins a study of its own", path.display());
        if path.exists() {
            let now = read_spec(&kept.spec_path, &read_text(path)?)?;
            if spec_hash(&now)? != kept.spec_hash {
                return Err(Failure::bad(format!(
                    "{id}: the specification {} is not the one that it was begun with: put that back (`sweep show {id} --spec` \
                     prints it), or {next}",
                    path.display()
                )));
            }
        }
        let study = Self::of_text(kept.spec_text, &kept.spec_path, Path::new(&kept.folder))?;
        for (what, kept, found) in
            [("data", &kept.data_hash, &study.about.data_hash), ("kernel", &kept.kernel, &study.about.kernel)]
        {
            if kept != found {
                return Err(Failure::bad(format!(
                    "{id}: its {what} is not what it was begun with (digest {kept}, found {found}): its other trials would not \
                     compare with those that are kept; {next}"
                )));
            }
        }
        Ok(Self { about: About { id: id.clone(), ..study.about }, ..study })
    }

    /// Its file, made where it is new.
    ///
    /// # Errors
    /// Where another process works on it.
    pub fn store(&self, home: &Home) -> Result<Store, Failure> {
        Store::create(&home.file(&self.about.id), &self.spec, &self.about)
    }
}

fn spec_hash(spec: &Spec) -> Result<String, Failure> {
    let identity = spec.identity().map_err(|error| Failure::bad(error.to_string()))?;
    Ok(hex::encode(Sha256::digest(identity)))
}
