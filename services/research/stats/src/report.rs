//! What is found, for programs and for people.

use std::io::{self, Write};

use mesh_optimize::stats::{Stat, Undefined};
use serde::Serialize;
use serde_json::{Map, Value};

/// A statistic with what it was made of.
pub(crate) struct Report {
    statistic: &'static str,
    value: Stat,
    items: Vec<(String, Result<Value, Undefined>)>,
    reading: String,
    reference: &'static str,
}

impl Report {
    /// A statistic: its name, its value, and where it comes from.
    pub(crate) fn new(statistic: &'static str, value: Stat, reference: &'static str) -> Self {
        Self { statistic, value, items: Vec::new(), reading: String::new(), reference }
    }

    /// Adds an input or a figure beside the value.
    pub(crate) fn with(mut self, key: impl Into<String>, value: impl Serialize) -> Self {
        self.items.push((key.into(), Ok(serde_json::to_value(value).unwrap_or_default())));
        self
    }

    /// Adds a figure that may not be defined.
    pub(crate) fn stat(mut self, key: impl Into<String>, stat: Stat) -> Self {
        self.items.push((key.into(), stat.map(Value::from)));
        self
    }

    /// Says how to read it.
    pub(crate) fn read_as(mut self, reading: impl Into<String>) -> Self {
        self.reading = reading.into();
        self
    }

    /// Why the value is not defined, if it is not.
    pub(crate) fn undefined(&self) -> Option<&Undefined> {
        self.value.as_ref().err()
    }

    /// Writes one object: `statistic`, `value`, the figures and inputs; what is not defined is null, and `undefined` has the
    /// reasons.
    pub(crate) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = Map::new();
        let mut undefined = Map::new();
        object.insert("statistic".to_owned(), self.statistic.into());
        let value = ("value".to_owned(), self.value.clone().map(Value::from));
        for (key, item) in std::iter::once(&value).chain(&self.items) {
            let shown = item.clone().unwrap_or_else(|reason| {
                undefined.insert(key.clone(), reason.to_string().into());
                Value::Null
            });
            object.insert(key.clone(), shown);
        }
        if !undefined.is_empty() {
            object.insert("undefined".to_owned(), undefined.into());
        }
        object.insert("reference".to_owned(), self.reference.into());
        writeln!(out, "{}", Value::Object(object))
    }

    /// Writes it for a person: the value, the figures and inputs, how to read it, where it comes from.
    pub(crate) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let value = self.value.clone().map(Value::from);
        line(out, self.statistic, &value)?;
        let beside = self.items.iter().filter(|(key, _)| key != self.statistic);
        beside.into_iter().try_for_each(|(key, item)| line(out, &format!("  {key}"), item))?;
        if !self.reading.is_empty() && self.value.is_ok() {
            writeln!(out, "\n{}", self.reading)?;
        }
        writeln!(out, "({})", self.reference)
    }
}

fn line(out: &mut dyn Write, key: &str, item: &Result<Value, Undefined>) -> io::Result<()> {
    match item {
        Ok(Value::Array(rows)) if rows.iter().any(Value::is_object) => {
            writeln!(out, "{key:<32}")?;
            rows.iter().try_for_each(|row| writeln!(out, "    {}", inline(row)))
        }
        Ok(value) => writeln!(out, "{key:<32}{}", inline(value)),
        Err(reason) => writeln!(out, "{key:<32}not defined: {reason}"),
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(inline).collect::<Vec<_>>().join(" "),
        Value::Object(items) => {
            items.iter().map(|(key, item)| format!("{key} {}", inline(item))).collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) if number.is_f64() => short(number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

/// A number with six digits after the point, as far as they say something; JSON has all.
fn short(number: f64) -> String {
    if number != 0.0 && !(1e-4..1e12).contains(&number.abs()) {
        return format!("{number:.6e}");
    }
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A share as per cent, for sentences.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_for_people() {
        let of = [0.5094192845385128, 3.0, -0.042, 0.0, 1e-7, 9_876_543.21].map(short);
        assert_eq!(of, ["0.509419", "3", "-0.042", "0", "1.000000e-7", "9876543.21"]);
    }
}
