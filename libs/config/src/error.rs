//! A configuration error: the file, the place in it, and what is wrong.

use core::fmt;
use core::ops::Range;

/// Why a configuration can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's name, or the environment variable's.
    pub origin: String,
    /// Line and column, from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what was expected.
    pub reason: String,
}

impl ConfigError {
    /// An error about a whole file or variable.
    pub fn new(origin: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { origin: origin.into(), place: None, reason: reason.to_string() }
    }

    /// An error about a span of `text`.
    pub fn at(origin: impl Into<String>, text: &str, span: Range<usize>, reason: impl fmt::Display) -> Self {
        Self { place: Some(line_and_column(text, span.start)), ..Self::new(origin, reason) }
    }

    /// What the TOML reader says, with its place.
    pub fn from_toml(origin: impl Into<String>, text: &str, error: &toml::de::Error) -> Self {
        match error.span() {
            Some(span) => Self::at(origin, text, span, error.message().trim()),
            None => Self::new(origin, error.message().trim()),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.origin, self.reason),
            None => write!(f, "{}: {}", self.origin, self.reason),
        }
    }
}

impl core::error::Error for ConfigError {}

/// Line and column, from 1, of a byte offset; columns count characters.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.char_indices().take_while(|(at, _)| *at < offset);
    before.fold((1, 1), |(line, column), (_, c)| if c == '\n' { (line + 1, 1) } else { (line, column + 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let text = "a\nbé c";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 2), (2, 1));
        assert_eq!(line_and_column(text, 6), (2, 4));
        assert_eq!(line_and_column(text, 99), (2, 5));
    }
}
