//! Everything that is wrong with a topology, at once.

use core::fmt;

use mesh_config::ConfigError;

/// Why a topology can't be used: at least one error, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<ConfigError>);

impl Problems {
    /// `Ok` where there are no errors.
    ///
    /// # Errors
    /// The errors, in the order of their places.
    pub fn none_of(mut errors: Vec<ConfigError>) -> Result<(), Self> {
        if errors.is_empty() {
            return Ok(());
        }
        errors.sort_by_key(|error| error.place);
        Err(Self(errors))
    }

    /// The errors.
    pub fn errors(&self) -> &[ConfigError] {
        &self.0
    }
}

impl From<ConfigError> for Problems {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Problems {}
