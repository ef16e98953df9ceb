//! Faults of the stream: what is lost, doubled, moved or cut on its way out.

use super::Frame;
use crate::core::faults::{Fault, Faults};

/// What damages the stream, with a frame that waits to be told too late.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    held: Option<Frame>,
}

impl Damage {
    /// What becomes of a frame.
    pub fn pass(&mut self, mut frame: Frame, faults: &mut Faults) -> Vec<Frame> {
        if faults.strikes(Fault::Malformed) {
            let mut half = frame.payload.len() / 2;
            while !frame.payload.is_char_boundary(half) {
                half -= 1;
            }
            frame.payload.truncate(half);
        }
        if !frame.is_depth() {
            return vec![frame];
        }
        damage_checksum(&mut frame.payload, faults);
        // The event that was held comes after the next one of its own stream.
        if self.held.as_ref().is_some_and(|held| held.stream == frame.stream) {
            return [Some(frame), self.held.take()].into_iter().flatten().collect();
        }
        if faults.strikes(Fault::Gap) {
            return vec![];
        }
        if faults.strikes(Fault::Duplicate) {
            return vec![frame.clone(), frame];
        }
        if self.held.is_none() && faults.strikes(Fault::Reorder) {
            self.held = Some(frame);
            return vec![];
        }
        vec![frame]
    }
}

/// Changes the first digit of a checksum.
fn damage_checksum(payload: &mut String, faults: &mut Faults) {
    const FIELD: &str = "\"checksum\":";
    let Some(at) = payload.find(FIELD).map(|at| at + FIELD.len()) else { return };
    if !faults.strikes(Fault::Checksum) {
        return;
    }
    let digit = payload.get(at..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit()));
    if let Some(digit) = digit.map(|digit| at + digit) {
        let other = if payload.get(digit..=digit) == Some("1") { "2" } else { "1" };
        payload.replace_range(digit..=digit, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::faults::Rule;
    use std::collections::BTreeMap;

    fn pass(fault: Fault, frames: &[(&str, &str)]) -> Vec<String> {
        let mut faults = Faults::new(&BTreeMap::from([(fault, Rule { every: 0, next: 1 })]));
        let mut damage = Damage::default();
        let frame = |(stream, payload): &(&str, &str)| Frame { stream: (*stream).into(), payload: (*payload).into() };
        frames.iter().flat_map(|f| damage.pass(frame(f), &mut faults)).map(|frame| frame.payload).collect()
    }

    #[test]
    fn depth_events_are_lost_doubled_and_moved_and_frames_cut() {
        let frames = [("x@trade", "t1"), ("x@depth@100ms", "d1"), ("y@depth@100ms", "e1"), ("x@depth@100ms", "d2")];
        assert_eq!(pass(Fault::Gap, &frames), ["t1", "e1", "d2"]);
        assert_eq!(pass(Fault::Duplicate, &frames), ["t1", "d1", "d1", "e1", "d2"]);
        assert_eq!(pass(Fault::Reorder, &frames), ["t1", "e1", "d2", "d1"]);
        let book = [("kraken:book:10:B/U", r#"{"checksum":-17}"#), ("x@trade", r#"{"checksum":1}"#)];
        assert_eq!(pass(Fault::Checksum, &book), [r#"{"checksum":-27}"#, r#"{"checksum":1}"#]);
        assert_eq!(pass(Fault::Malformed, &[("x@trade", "{é}")]), ["{"]);
    }
}
