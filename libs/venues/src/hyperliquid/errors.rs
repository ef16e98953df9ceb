//! What an answer of `/exchange` says: the three forms of errors, and what to do about them.
//!
//! `status: ok` says nothing about an order: each has a status of its own, and checks that all orders share may give one
//! error for the whole batch. Texts are told apart by what they contain; they carry the asset at their end. Source:
//! hyperliquid.gitbook.io "Error responses".

use core::fmt;

use mesh_types::{Decimal64, RejectReason};

pub use crate::action::Action;
use crate::json::{JsonError, Scanner};

/// A failed request or order: HTTP status and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; 0 where no answer came.
    pub status: u16,
    /// Its text, cut to 200 characters.
    pub text: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hyperliquid answered status {}: {}", self.status, self.text)
    }
}

impl core::error::Error for ApiError {}

impl ApiError {
    /// An error with its text.
    pub fn new(status: u16, text: &[u8]) -> Self {
        Self { status, text: String::from_utf8_lossy(text).chars().take(200).collect() }
    }

    /// No answer came: the connection broke or the time was up after the request was sent.
    pub fn no_answer(text: &str) -> Self {
        Self::new(0, text.as_bytes())
    }

    /// What to do.
    pub fn action(&self) -> Action {
        let says = |words: &str| self.text.contains(words);
        let rejected = Action::Rejected;
        match self.status {
            429 => return Action::BackOff { retry_after_s: 0, banned: false },
            // The body could not be read by the venue: nothing was done.
            422 => return rejected(RejectReason::Malformed),
            0 | 500..=599 => return Action::UnknownOutcome,
            _ => {}
        }
        match () {
            () if says("Too many cumulative requests") || says("rate limit") => {
                Action::BackOff { retry_after_s: 10, banned: false }
            }
            () if says("does not exist") || says("Must deposit") || says("Builder fee") || says("L1 error: User") => {
                Action::Fatal
            }
            () if says("nonce") || says("expired") => Action::ResyncClock,
            () if says("never placed, already canceled, or filled") => Action::NotFound,
            () if says("cloid") && says("already") => Action::AlreadyPlaced,
            () if says("Post only") => rejected(RejectReason::WouldTake),
            () if says("could not immediately match") || says("No liquidity") => rejected(RejectReason::NotFillable),
            () if says("minimum value")
                || says("tick size")
                || says("too far from oracle")
                || says("Invalid TP/SL")
                || says("invalid price")
                || says("invalid size") =>
            {
                rejected(RejectReason::Filter)
            }
            () if says("nsufficient") || says("margin tier") => rejected(RejectReason::InsufficientFunds),
            () if says("Reduce only") => rejected(RejectReason::NoPosition),
            () if self.status == 200 && !self.text.is_empty() => rejected(RejectReason::Venue),
            () => Action::UnknownOutcome,
        }
    }
}

/// What became of one order or cancel.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// It rests in the book.
    Resting {
        /// The venue's order id.
        order_id: u64,
    },
    /// All of it, or all that there was to take, is filled.
    Filled {
        /// The venue's order id.
        order_id: u64,
        /// Filled size.
        size: Decimal64,
        /// Average price.
        average_price: Decimal64,
    },
    /// A cancel was done.
    Done,
    /// It waits for another order's fill or its trigger.
    Waiting,
    /// It was refused.
    Failed(ApiError),
}

/// Reads an answer about orders or cancels: calls `on` with each status, in the order of the request. One error may stand for
/// all of them.
///
/// # Errors
/// The whole failed: an error of the venue's, or a body that is no answer, which is an outcome that is not known.
pub fn statuses(status: u16, body: &[u8], mut on: impl FnMut(Status)) -> Result<(), ApiError> {
    if status != 200 {
        return Err(ApiError::new(status, body));
    }
    let (mut ok, mut failed, mut found) = (false, None, false);
    let mut scanner = Scanner::new(body);
    let mut read = || -> Result<(), JsonError> {
        scanner.object(|s, key| match key {
            b"status" => s.raw_text().map(|text| ok = text == b"ok"),
            b"response" if s.peek() == b'"' => s.raw_text().map(|text| failed = Some(ApiError::new(200, text))),
            b"response" => s.object(|s, key| match key {
                b"data" => s.object(|s, key| match key {
                    b"statuses" => s.array(|s| {
                        found = true;
                        on(one(s)?);
                        Ok(())
                    }),
                    b"status" => {
                        found = true;
                        on(one(s)?);
                        Ok(())
                    }
                    _ => s.skip().map(drop),
                }),
                b"type" => s.raw_text().map(|kind| found |= kind == b"default"),
                _ => s.skip().map(drop),
            }),
            _ => s.skip().map(drop),
        })?;
        scanner.end()
    };
    match (read(), failed) {
        (Ok(()), Some(error)) => Err(error),
        (Ok(()), None) if ok && found => Ok(()),
        _ => Err(ApiError::no_answer(&String::from_utf8_lossy(body))),
    }
}

fn one(scanner: &mut Scanner<'_>) -> Result<Status, JsonError> {
    if scanner.peek() == b'"' {
        return Ok(if scanner.raw_text()? == b"success" { Status::Done } else { Status::Waiting });
    }
    let start = *scanner;
    let mut status = None;
    scanner.object(|s, key| {
        match key {
            b"error" => status = Some(Status::Failed(ApiError::new(200, s.raw_text()?))),
            b"resting" | b"filled" => {
                let (mut order_id, mut size, mut average) = (None, None, None);
                s.object(|s, key| {
                    match key {
                        b"oid" => order_id = Some(s.unsigned()?),
                        b"totalSz" => size = Some(s.decimal()?),
                        b"avgPx" => average = Some(s.decimal()?),
                        _ => drop(s.skip()?),
                    }
                    Ok(())
                })?;
                status = match (order_id, size.zip(average)) {
                    (Some(order_id), Some((size, average_price))) => {
                        Some(Status::Filled { order_id, size, average_price })
                    }
                    (Some(order_id), None) => Some(Status::Resting { order_id }),
                    _ => None,
                };
            }
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    status.ok_or_else(|| start.error("a status: resting, filled or error"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_text_has_its_action() {
        for (text, expected) in [
            ("Price must be divisible by tick size. asset=4", Action::Rejected(RejectReason::Filter)),
            ("Order must have minimum value of $10. asset=1", Action::Rejected(RejectReason::Filter)),
            ("Insufficient margin to place order. asset=1", Action::Rejected(RejectReason::InsufficientFunds)),
            ("Order has insufficient spot balance to trade", Action::Rejected(RejectReason::InsufficientFunds)),
            ("Reduce only order would increase position.", Action::Rejected(RejectReason::NoPosition)),
            ("Post only order would have immediately matched, bbo was 1@2.", Action::Rejected(RejectReason::WouldTake)),
            (
                "Order could not immediately match against any resting orders.",
                Action::Rejected(RejectReason::NotFillable),
            ),
            ("Order was never placed, already canceled, or filled.", Action::NotFound),
            ("User or API Wallet 0x12 does not exist.", Action::Fatal),
            ("Too many cumulative requests sent (1 > 0)", Action::BackOff { retry_after_s: 10, banned: false }),
            ("Something new", Action::Rejected(RejectReason::Venue)),
        ] {
            assert_eq!(ApiError::new(200, text.as_bytes()).action(), expected, "{text}");
        }
        assert_eq!(ApiError::new(429, b"").action(), Action::BackOff { retry_after_s: 0, banned: false });
        assert_eq!(ApiError::new(422, b"Failed to deserialize").action(), Action::Rejected(RejectReason::Malformed));
    }

    #[test]
    fn each_order_has_its_own_fate() {
        let body = br#"{"status":"ok","response":{"type":"order","data":{"statuses":[{"resting":{"oid":77738308,"cloid":"0x1"}},{"filled":{"totalSz":"0.02","avgPx":"1891.4","oid":77747314}},{"error":"Order must have minimum value of $10."},"waitingForFill"]}}}"#;
        let mut seen = vec![];
        statuses(200, body, |status| seen.push(status)).expect("an answer");
        assert_eq!(seen.len(), 4);
        assert_eq!(seen[0], Status::Resting { order_id: 77_738_308 });
        assert!(matches!(&seen[1], Status::Filled { size, .. } if size.to_string() == "0.02"));
        assert!(matches!(&seen[2], Status::Failed(error) if error.action() == Action::Rejected(RejectReason::Filter)));
        assert_eq!(seen[3], Status::Waiting);
        let cancel = br#"{"status":"ok","response":{"type":"cancel","data":{"statuses":["success",{"error":"Order was never placed, already canceled, or filled."}]}}}"#;
        let mut seen = vec![];
        statuses(200, cancel, |status| seen.push(status)).expect("an answer");
        assert!(matches!(seen.as_slice(), [Status::Done, Status::Failed(_)]));
        assert_eq!(statuses(200, br#"{"status":"ok","response":{"type":"default"}}"#, |_| {}), Ok(()));
    }

    #[test]
    fn whatever_may_have_been_executed_is_unknown() {
        for (status, body) in [(502, "<html>"), (200, "{"), (200, "null"), (200, r#"{"status":"ok"}"#), (200, "")] {
            let error = statuses(status, body.as_bytes(), |_| {}).expect_err(body);
            assert_eq!(error.action(), Action::UnknownOutcome, "{body}");
        }
        let refused = statuses(200, br#"{"status":"err","response":"User or API Wallet 0x1 does not exist."}"#, |_| {});
        assert_eq!(refused.expect_err("an error").action(), Action::Fatal);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = statuses(200, &bytes, |_| {}).map_err(|error| error.action());
        }
    }
}
