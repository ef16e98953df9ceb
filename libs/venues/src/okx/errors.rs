//! Error codes, and what to do about them.
//!
//! An answer has a code for the whole (`code`: 0 all done, 1 all failed, 2 some failed) and one for each item (`sCode`):
//! that the whole succeeded says nothing about an order. Source: okx.com/docs-v5 "Error Code".

use core::fmt;

use mesh_types::RejectReason;

pub use crate::action::Action;
use crate::json::{JsonError, Scanner};

/// A failed request, or a failed item of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; 0 where no answer came, 200 on the socket.
    pub status: u16,
    /// OKX's code; 0 where the body had none.
    pub code: u64,
    /// Its text, cut to 200 characters.
    pub text: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OKX answered status {}, code {}: {}", self.status, self.code, self.text)
    }
}

impl core::error::Error for ApiError {}

/// One item of an answer about orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// `clOrdId`.
    pub client_order_id: &'a str,
    /// `ordId`; empty where it was refused.
    pub order_id: &'a str,
    /// Why it failed; `None`: the venue has received it.
    pub error: Option<ApiError>,
}

fn cut(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(200).collect()
}

/// A code in quotes.
fn code(scanner: &mut Scanner<'_>) -> Result<u64, JsonError> {
    scanner.peek();
    if scanner.take_bytes(b"\"\"") { Ok(0) } else { scanner.unsigned() }
}

impl ApiError {
    /// The error of an answer over HTTP or on the socket; `None` where it succeeded, be it in part. Its items may have failed:
    /// see [`items`].
    pub fn parse(status: u16, body: &[u8]) -> Option<Self> {
        let (mut whole, mut text) = (None, None);
        let mut scanner = Scanner::new(body);
        let read = scanner.object(|s, key| {
            match key {
                b"code" => whole = Some(code(s)?),
                b"msg" => text = Some(s.raw_text()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        });
        match whole {
            Some(0..=2) if read.is_ok() && status == 200 => None,
            Some(code) if read.is_ok() => Some(Self { status, code, text: cut(text.unwrap_or_default()) }),
            _ => Some(Self { status, code: 0, text: cut(body) }),
        }
    }

    /// No answer came: the connection broke or the time was up after the request was sent.
    pub fn no_answer(text: &str) -> Self {
        Self { status: 0, code: 0, text: text.to_owned() }
    }

    /// What to do.
    pub const fn action(&self) -> Action {
        match (self.status, self.code) {
            (429, _) | (_, 50011 | 50061 | 60014 | 50013) => Action::BackOff { retry_after_s: 0, banned: false },
            (_, 50102 | 50112) => Action::ResyncClock,
            // A timeout says neither that it was done nor that it was not.
            (_, 50001 | 50004 | 50026) | (0 | 500..=599, _) => Action::UnknownOutcome,
            (_, 50100..=50119 | 60005..=60009 | 60011 | 60024 | 60032) => Action::Fatal,
            (_, 51001 | 51015) => Action::Rejected(RejectReason::UnknownInstrument),
            (_, 51008 | 51119 | 51131 | 51127) => Action::Rejected(RejectReason::InsufficientFunds),
            (_, 51016) => Action::AlreadyPlaced,
            (_, 51019) => Action::Rejected(RejectReason::WouldTake),
            (_, 51020 | 51121 | 51006 | 51115..=51118) => Action::Rejected(RejectReason::Filter),
            (_, 51169 | 51170) => Action::Rejected(RejectReason::NoPosition),
            (_, 51400..=51410 | 51503 | 51509..=51513 | 51603) => Action::NotFound,
            (_, 50000 | 50002 | 51000 | 60012 | 60013) => Action::Rejected(RejectReason::Malformed),
            (_, 0) => Action::UnknownOutcome,
            (_, 51000..=54999 | 60000..=60999) => Action::Rejected(RejectReason::Venue),
            _ => Action::UnknownOutcome,
        }
    }
}

/// The items of an answer about orders.
///
/// # Errors
/// When it is no such answer, with the place; items before it have been told.
pub fn items(body: &[u8], mut on: impl FnMut(&Item<'_>)) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(body);
    scanner.object(|s, key| match key {
        b"data" => s.array(|s| {
            let (mut client_order_id, mut order_id, mut sub_code, mut text) = ("", "", None, None);
            let start = *s;
            s.object(|s, key| {
                match key {
                    b"clOrdId" => client_order_id = s.text()?,
                    b"ordId" => order_id = s.text()?,
                    b"sCode" => sub_code = Some(code(s)?),
                    b"sMsg" => text = Some(s.raw_text()?),
                    _ => drop(s.skip()?),
                }
                Ok(())
            })?;
            let code = sub_code.ok_or_else(|| start.error("an item with sCode"))?;
            let error = (code != 0).then(|| ApiError { status: 200, code, text: cut(text.unwrap_or_default()) });
            on(&Item { client_order_id, order_id, error });
            Ok(())
        }),
        _ => s.skip().map(drop),
    })?;
    scanner.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(status: u16, body: &str) -> Action {
        ApiError::parse(status, body.as_bytes()).expect("an error").action()
    }

    #[test]
    fn each_code_has_its_action() {
        for (code, expected) in [
            (50011, Action::BackOff { retry_after_s: 0, banned: false }),
            (50102, Action::ResyncClock),
            (50111, Action::Fatal),
            (50113, Action::Fatal),
            (51001, Action::Rejected(RejectReason::UnknownInstrument)),
            (51008, Action::Rejected(RejectReason::InsufficientFunds)),
            (51016, Action::AlreadyPlaced),
            (51019, Action::Rejected(RejectReason::WouldTake)),
            (51121, Action::Rejected(RejectReason::Filter)),
            (51400, Action::NotFound),
            (51603, Action::NotFound),
            (54084, Action::Rejected(RejectReason::Venue)),
            (60009, Action::Fatal),
            (60013, Action::Rejected(RejectReason::Malformed)),
        ] {
            assert_eq!(action(200, &format!(r#"{{"code":"{code}","msg":"text","data":[]}}"#)), expected, "{code}");
        }
        assert_eq!(ApiError::parse(200, br#"{"code":"0","msg":"","data":[]}"#), None);
        assert_eq!(action(429, ""), Action::BackOff { retry_after_s: 0, banned: false });
    }

    #[test]
    fn whatever_may_have_been_executed_is_unknown() {
        for (status, body) in [
            (200, r#"{"code":"50004","msg":"Endpoint request timeout"}"#),
            (200, r#"{"code":"50001","msg":"Service temporarily unavailable"}"#),
            (502, "<html>"),
            (200, "{"),
            (200, r#"{"data":[]}"#),
            (200, r#"{"code":"99999"}"#),
        ] {
            assert_eq!(action(status, body), Action::UnknownOutcome, "{status} {body}");
        }
        assert_eq!(ApiError::no_answer("timeout").action(), Action::UnknownOutcome);
    }

    #[test]
    fn each_item_has_its_own_fate() {
        let body = br#"{"code":"2","data":[{"clOrdId":"a","ordId":"12","sCode":"0","sMsg":""},{"clOrdId":"b","ordId":"","sCode":"51008","sMsg":"Insufficient"}],"msg":""}"#;
        let mut seen = vec![];
        items(body, |item| seen.push((item.client_order_id.to_owned(), item.error.as_ref().map(ApiError::action))))
            .expect("items");
        let refused = Action::Rejected(RejectReason::InsufficientFunds);
        assert_eq!(seen, [("a".to_owned(), None), ("b".to_owned(), Some(refused))]);
        assert!(items(br#"{"data":[{}]}"#, |_| {}).is_err());
    }
}
