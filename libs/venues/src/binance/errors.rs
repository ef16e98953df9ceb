//! What went wrong at the venue, and what to do about it.
//!
//! The one thing that must not be got wrong: where the venue does not say that an order was refused, it may have been
//! placed. [`Action::UnknownOutcome`] stands for that; the order is asked for by its client id and never sent again blindly.
//!
//! Source: binance-spot-api-docs `errors.md`; USD-M error codes.

use core::fmt;

use mesh_types::RejectReason;

pub use crate::action::Action;
use crate::json::Scanner;

/// A failed request: status, code and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; 0 where no answer came.
    pub status: u16,
    /// Binance's code; 0 where the body had none.
    pub code: i64,
    /// Its text, cut to 200 characters.
    pub text: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binance answered status {}, code {}: {}", self.status, self.code, self.text)
    }
}

impl core::error::Error for ApiError {}

impl ApiError {
    /// Reads the body of an answer whose status is not 200. A body that is no JSON, as a proxy's HTML, has code 0.
    pub fn parse(status: u16, body: &[u8]) -> Self {
        let (mut code, mut text) = (0, None);
        let read = Scanner::new(body).object(|s, key| {
            match key {
                b"code" => code = s.signed()?,
                b"msg" => text = Some(s.raw_text()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        });
        if read.is_err() {
            code = 0;
        }
        let text = String::from_utf8_lossy(text.unwrap_or(body)).chars().take(200).collect();
        Self { status, code, text }
    }

    /// No answer came: the connection broke or the time was up after the request was sent.
    pub fn no_answer(text: &str) -> Self {
        Self { status: 0, code: 0, text: text.to_owned() }
    }

    /// What to do. `retry_after_s` is the header of that name.
    pub fn action(&self, retry_after_s: Option<u64>) -> Action {
        let back_off = |banned| Action::BackOff { retry_after_s: retry_after_s.unwrap_or(0), banned };
        match (self.status, self.code) {
            (418, _) => back_off(true),
            (429, _) | (_, -1003 | -1015) => back_off(false),
            (_, -1008) => Action::Retry,
            (503, _) if self.text.contains("Service Unavailable") => Action::Retry,
            (_, -1000 | -1001 | -1006 | -1007) | (0 | 500..=599, _) => Action::UnknownOutcome,
            (_, -1021) => Action::ResyncClock,
            (403, _) => Action::Fatal,
            (_, -1002 | -1022 | -1099 | -2014 | -2015 | -4061 | -4531) => Action::Fatal,
            (_, -1013 | -1111 | -4003 | -4014 | -4023 | -4131 | -4164) => Action::Rejected(RejectReason::Filter),
            (_, -1121) => Action::Rejected(RejectReason::UnknownInstrument),
            (_, -1131..=-1100) => Action::Rejected(RejectReason::Malformed),
            (_, -2010) => self.refused(),
            (_, -2011 | -2013) => Action::NotFound,
            (_, -2018 | -2019) => Action::Rejected(RejectReason::InsufficientFunds),
            (_, -2021 | -5022) => Action::Rejected(RejectReason::WouldTake),
            (_, -5021) => Action::Rejected(RejectReason::NotFillable),
            (_, -2022) => Action::Rejected(RejectReason::NoPosition),
            (_, -4116) => Action::AlreadyPlaced,
            (400..=499, code) if code != 0 => Action::Rejected(RejectReason::Venue),
            _ => Action::UnknownOutcome,
        }
    }

    /// The engine refused an order; only the text says why.
    fn refused(&self) -> Action {
        let says = |words: &str| self.text.contains(words);
        if says("Duplicate order sent") {
            Action::AlreadyPlaced
        } else if says("insufficient balance") {
            Action::Rejected(RejectReason::InsufficientFunds)
        } else if says("immediately match and take") {
            Action::Rejected(RejectReason::WouldTake)
        } else {
            Action::Rejected(RejectReason::Venue)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(status: u16, body: &str) -> Action {
        ApiError::parse(status, body.as_bytes()).action(Some(7))
    }

    #[test]
    fn each_code_has_its_action() {
        for (status, body, expected) in [
            (418, "", Action::BackOff { retry_after_s: 7, banned: true }),
            (429, r#"{"code":-1003,"msg":"Too many requests."}"#, Action::BackOff { retry_after_s: 7, banned: false }),
            (
                400,
                r#"{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}"#,
                Action::ResyncClock,
            ),
            (400, r#"{"code":-1022,"msg":"Signature for this request is not valid."}"#, Action::Fatal),
            (400, r#"{"code":-1013,"msg":"Filter failure: LOT_SIZE"}"#, Action::Rejected(RejectReason::Filter)),
            (400, r#"{"code":-2010,"msg":"Duplicate order sent."}"#, Action::AlreadyPlaced),
            (
                400,
                r#"{"code":-2010,"msg":"Account has insufficient balance for requested action."}"#,
                Action::Rejected(RejectReason::InsufficientFunds),
            ),
            (
                400,
                r#"{"code":-2010,"msg":"Order would immediately match and take."}"#,
                Action::Rejected(RejectReason::WouldTake),
            ),
            (400, r#"{"code":-2011,"msg":"Unknown order sent."}"#, Action::NotFound),
            (400, r#"{"code":-4116,"msg":"ClientOrderId is duplicated."}"#, Action::AlreadyPlaced),
            (400, r#"{"code":-9999,"msg":"New."}"#, Action::Rejected(RejectReason::Venue)),
            (503, r#"{"code":-1008,"msg":"Server is currently overloaded."}"#, Action::Retry),
        ] {
            assert_eq!(action(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn whatever_may_have_been_executed_is_unknown() {
        for (status, body) in [
            (500, ""),
            (502, "<html>Bad Gateway</html>"),
            (504, r#"{"code":-1007,"msg":"Timeout waiting for response from backend server."}"#),
            (400, r#"{"code":-1006,"msg":"An unexpected response was received from the message bus."}"#),
            (503, r#"{"msg":"Unknown error, please check your request or try again later."}"#),
            (200, "{"),
            (400, "not JSON"),
        ] {
            assert_eq!(action(status, body), Action::UnknownOutcome, "{status} {body}");
        }
        assert_eq!(ApiError::no_answer("timeout").action(None), Action::UnknownOutcome);
    }
}
