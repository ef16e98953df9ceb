//! Numbers in a text format without loss: an `f64` is written as the shortest decimal that reads back as itself, in quotes,
//! because readers of JSON and TOML are free to round numbers, and a study that is resumed must go on with the same bits.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

fn parse<E: Error>(text: &str) -> Result<f64, E> {
    text.parse().map_err(|_| E::custom(format!("expected a number in quotes, got \"{text}\"")))
}

/// An `f64`.
pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    parse(&String::deserialize(from)?)
}

/// A list of numbers that may be missing.
pub(crate) mod list {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(values: &[Option<f64>], to: S) -> Result<S::Ok, S::Error> {
        let texts: Vec<Option<String>> = values.iter().map(|value| value.map(|value| value.to_string())).collect();
        texts.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Option<f64>>, D::Error> {
        let texts = Vec::<Option<String>>::deserialize(from)?;
        texts.iter().map(|text| text.as_deref().map(parse).transpose()).collect()
    }
}

/// A list of numbers.
pub(crate) mod numbers {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(f64::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| parse(text)).collect()
    }
}
