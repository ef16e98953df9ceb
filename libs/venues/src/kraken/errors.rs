//! Error texts (`EOrder:Insufficient funds`), and what to do about them.
//!
//! Source: docs.kraken.com "Errors"; the classes are those of `python-kraken-sdk`. An answer with a text that begins with
//! `W` is a warning only.

use core::fmt;

use mesh_types::RejectReason;

pub use crate::action::Action;
use crate::json::Scanner;

/// A failed request: HTTP status and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; 0 where no answer came, 200 on the socket.
    pub status: u16,
    /// The first error's text, cut to 200 characters; the body where it is no answer of the API.
    pub text: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kraken answered status {}: {}", self.status, self.text)
    }
}

impl core::error::Error for ApiError {}

impl ApiError {
    /// The error of an answer over HTTP; `None` where it has none, or warnings only.
    pub fn parse(status: u16, body: &[u8]) -> Option<Self> {
        let (mut first, mut answered) = (None, false);
        let mut scanner = Scanner::new(body);
        let read = scanner.object(|s, key| match key {
            b"error" => s.array(|s| {
                answered = true;
                let text = s.raw_text()?;
                if !text.starts_with(b"W") {
                    first.get_or_insert(text);
                }
                Ok(())
            }),
            b"result" => {
                answered = true;
                s.skip().map(drop)
            }
            _ => s.skip().map(drop),
        });
        let read = read.is_ok() && scanner.end().is_ok() && answered;
        if read && first.is_none() && status == 200 {
            return None;
        }
        let text = first.filter(|_| read).unwrap_or(body);
        Some(Self { status, text: String::from_utf8_lossy(text).chars().take(200).collect() })
    }

    /// The error of an answer on the socket.
    pub fn socket(text: &str) -> Self {
        Self { status: 200, text: text.chars().take(200).collect() }
    }

    /// No answer came: the connection broke or the time was up after the request was sent.
    pub fn no_answer(text: &str) -> Self {
        Self { status: 0, text: text.to_owned() }
    }

    /// What to do.
    pub fn action(&self) -> Action {
        let says = |words: &str| self.text.contains(words);
        let rejected = Action::Rejected;
        match () {
            () if says("EService:Deadline elapsed") => Action::Retry,
            () if says("EAPI:Rate limit")
                || says("EOrder:Rate limit")
                || says("EGeneral:Too many requests")
                || self.status == 429 =>
            {
                Action::BackOff { retry_after_s: 0, banned: false }
            }
            () if says("EGeneral:Temporary lockout") => Action::BackOff { retry_after_s: 900, banned: true },
            () if says("EAPI:Invalid nonce") => Action::ResyncClock,
            () if says("EAPI:") || says("EGeneral:Permission denied") || says("EAuth:") || says("ESession:") => {
                Action::Fatal
            }
            () if says("EService:Market in") || says("EOrder:Trading agreement") => rejected(RejectReason::Venue),
            () if says("EService:") || says("EGeneral:Internal error") => Action::UnknownOutcome,
            () if says("EOrder:Insufficient") => rejected(RejectReason::InsufficientFunds),
            () if says("EOrder:Post only") => rejected(RejectReason::WouldTake),
            () if says("minimum not met") || says("EOrder:Tick size") || says("EOrder:Invalid price") => {
                rejected(RejectReason::Filter)
            }
            () if says("EOrder:Unknown order") || says("EOrder:Invalid order") => Action::NotFound,
            () if says("cl_ord_id") && says("in use") => Action::AlreadyPlaced,
            () if says("EOrder:Reduce only") => rejected(RejectReason::NoPosition),
            () if says("EQuery:Unknown asset pair") || says("Currency pair not") => {
                rejected(RejectReason::UnknownInstrument)
            }
            () if says("EGeneral:Invalid arguments") || says("EGeneral:Unknown method") => {
                rejected(RejectReason::Malformed)
            }
            () if says("EOrder:") || says("EQuery:") || says("EGeneral:") || says("EFunding:") => {
                rejected(RejectReason::Venue)
            }
            () => Action::UnknownOutcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(status: u16, body: &str) -> Action {
        ApiError::parse(status, body.as_bytes()).expect("an error").action()
    }

    #[test]
    fn each_text_has_its_action() {
        for (text, expected) in [
            ("EAPI:Invalid nonce", Action::ResyncClock),
            ("EAPI:Invalid signature", Action::Fatal),
            ("EGeneral:Permission denied", Action::Fatal),
            ("EAPI:Rate limit exceeded", Action::BackOff { retry_after_s: 0, banned: false }),
            ("EOrder:Rate limit exceeded", Action::BackOff { retry_after_s: 0, banned: false }),
            ("EGeneral:Temporary lockout", Action::BackOff { retry_after_s: 900, banned: true }),
            ("EService:Deadline elapsed", Action::Retry),
            ("EService:Market in cancel_only mode", Action::Rejected(RejectReason::Venue)),
            ("EOrder:Insufficient funds", Action::Rejected(RejectReason::InsufficientFunds)),
            ("EOrder:Order minimum not met", Action::Rejected(RejectReason::Filter)),
            ("EOrder:Tick size check failed", Action::Rejected(RejectReason::Filter)),
            ("EOrder:Post only order", Action::Rejected(RejectReason::WouldTake)),
            ("EOrder:Unknown order", Action::NotFound),
            ("EQuery:Unknown asset pair", Action::Rejected(RejectReason::UnknownInstrument)),
            ("EOrder:Something new", Action::Rejected(RejectReason::Venue)),
        ] {
            assert_eq!(action(200, &format!(r#"{{"error":["{text}"]}}"#)), expected, "{text}");
            assert_eq!(ApiError::socket(text).action(), expected, "{text}");
        }
        assert_eq!(ApiError::parse(200, br#"{"error":["WGeneral:Old"],"result":{}}"#), None, "a warning");
        assert_eq!(ApiError::parse(200, br#"{"error":[],"result":{"txid":["A"]}}"#), None);
    }

    #[test]
    fn whatever_may_have_been_executed_is_unknown() {
        for (status, body) in [
            (502, "<html>Bad Gateway</html>"),
            (520, ""),
            (200, r#"{"error":["EService:Unavailable"]}"#),
            (200, r#"{"error":["EService:Busy"]}"#),
            (200, "{"),
            (200, "{}"),
        ] {
            assert_eq!(action(status, body), Action::UnknownOutcome, "{status} {body}");
        }
        assert_eq!(ApiError::no_answer("timeout").action(), Action::UnknownOutcome);
    }
}
