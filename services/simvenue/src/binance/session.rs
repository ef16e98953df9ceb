//! One connection's requests: subscriptions, properties, and how much it may say.

use std::collections::BTreeSet;

use mesh_venues::binance::server::Writer;
use serde::Deserialize;
use serde_json::Value;

use crate::core::faults::{Fault, Faults};

/// Streams of one connection at most.
const MOST_STREAMS: usize = 1024;
/// Messages a second, pings and pongs included.
const MOST_MESSAGES: u32 = 5;
const SECOND: u64 = 1_000_000_000;

/// What a message leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// This answer.
    Answer(String),
    /// This answer to what could not be understood.
    Refusal(String),
    /// The connection is closed: it says too much.
    Close,
}

/// What one connection has asked for.
#[derive(Clone, Debug, Default)]
pub struct Session {
    streams: BTreeSet<String>,
    combined: bool,
    second: u64,
    messages: u32,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    id: Value,
}

impl Session {
    /// A connection that opens with these streams; `combined` for one whose payloads are wrapped with their names.
    pub fn new(streams: impl IntoIterator<Item = String>, combined: bool) -> Self {
        let streams = streams.into_iter().filter(|stream| !stream.is_empty()).take(MOST_STREAMS).collect();
        Self { streams, combined, second: 0, messages: 0 }
    }

    /// Whether it wants a stream.
    pub fn wants(&self, stream: &str) -> bool {
        self.streams.contains(stream)
    }

    /// Whether payloads are wrapped with their stream's name.
    pub const fn is_combined(&self) -> bool {
        self.combined
    }

    /// Counts a message of any kind; false where there were too many in this second.
    pub const fn count_message(&mut self, now_ns: u64) -> bool {
        if now_ns / SECOND != self.second {
            self.second = now_ns / SECOND;
            self.messages = 0;
        }
        self.messages += 1;
        self.messages <= MOST_MESSAGES
    }

    /// Takes a text.
    pub fn on_text(&mut self, text: &str, now_ns: u64, faults: &mut Faults) -> Reaction {
        if !self.count_message(now_ns) {
            return Reaction::Close;
        }
        let refusal = |id: &str, code, text: String| Reaction::Refusal(Writer::reply_error(id, code, &text));
        let request = match serde_json::from_str::<Request>(text) {
            Ok(request) => request,
            Err(error) if error.is_data() => return refusal("null", 2, format!("Invalid request: {error}")),
            Err(error) => return refusal("null", 3, format!("Invalid JSON: {error}")),
        };
        if !is_id(&request.id) {
            let text = "request ID must be an integer, a string of at most 36 characters, or null";
            return refusal("null", 2, format!("Invalid request: {text}"));
        }
        let id = request.id.to_string();
        match self.carry_out(&request, faults) {
            Ok(result) => Reaction::Answer(Writer::reply(&id, &result)),
            Err(text) => refusal(&id, 2, format!("Invalid request: {text}")),
        }
    }

    fn carry_out(&mut self, request: &Request, faults: &mut Faults) -> Result<String, String> {
        match request.method.as_str() {
            "SUBSCRIBE" => {
                let streams = names(&request.params)?;
                if self.streams.len() + streams.len() > MOST_STREAMS {
                    return Err(format!("too many streams; a connection has at most {MOST_STREAMS}"));
                }
                if !faults.strikes(Fault::SilentSubscription) {
                    self.streams.extend(streams);
                }
                Ok("null".into())
            }
            "UNSUBSCRIBE" => {
                let streams = names(&request.params)?;
                self.streams.retain(|stream| !streams.contains(stream));
                Ok("null".into())
            }
            "LIST_SUBSCRIPTIONS" => Ok(Value::from(self.streams.iter().cloned().collect::<Vec<_>>()).to_string()),
            "SET_PROPERTY" => match request.params.as_array().map(Vec::as_slice) {
                Some([Value::String(name), Value::Bool(value)]) if name == "combined" => {
                    self.combined = *value;
                    Ok("null".into())
                }
                _ => Err("expected the property \"combined\" and a boolean".into()),
            },
            "GET_PROPERTY" => Ok(self.combined.to_string()),
            other => {
                let known = "expected one of SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY";
                Err(format!("unknown method {other:?}, {known}"))
            }
        }
    }
}

/// Whether a request may have this id.
fn is_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::String(text) => text.len() <= 36,
        _ => false,
    }
}

/// The names of streams in a request's parameters.
fn names(params: &Value) -> Result<Vec<String>, String> {
    let wrong = || "property 'params' must be an array of stream names".to_owned();
    let names = params.as_array().filter(|names| !names.is_empty()).ok_or_else(wrong)?;
    names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::faults::Rule;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn answer(session: &mut Session, text: &str) -> String {
        match session.on_text(text, 0, &mut Faults::default()) {
            Reaction::Answer(answer) | Reaction::Refusal(answer) => answer,
            Reaction::Close => "closed".into(),
        }
    }

    #[test]
    fn subscriptions_are_kept_and_listed() {
        let mut session = Session::new(["a@trade".to_owned(), String::new()], false);
        let subscribe = r#"{"method":"SUBSCRIBE","params":["b@trade","a@depth"],"id":1}"#;
        assert_eq!(answer(&mut session, subscribe), r#"{"result":null,"id":1}"#);
        let unsubscribe = r#"{"method":"UNSUBSCRIBE","params":["a@trade"],"id":"x"}"#;
        assert_eq!(answer(&mut session, unsubscribe), r#"{"result":null,"id":"x"}"#);
        let list = r#"{"method":"LIST_SUBSCRIPTIONS","id":null}"#;
        assert_eq!(answer(&mut session, list), r#"{"result":["a@depth","b@trade"],"id":null}"#);
        assert!(session.wants("b@trade") && !session.wants("a@trade"));
        assert_eq!(
            answer(&mut session, r#"{"method":"SET_PROPERTY","params":["combined",true],"id":3}"#),
            r#"{"result":null,"id":3}"#
        );
        assert!(session.is_combined());
        assert_eq!(answer(&mut session, list), r#"{"result":["a@depth","b@trade"],"id":null}"#);
        assert_eq!(answer(&mut session, list), "closed", "the sixth in a second");
    }

    #[test]
    fn wrong_requests_are_answered_with_what_was_expected() {
        for (text, code) in [
            ("{", 3),
            ("[]", 2),
            (r#"{"method":"DANCE","id":1}"#, 2),
            (r#"{"method":"SUBSCRIBE","params":[1],"id":1}"#, 2),
            (r#"{"method":"SUBSCRIBE","params":[],"id":1}"#, 2),
            (r#"{"method":"SUBSCRIBE","params":["x"],"id":{}}"#, 2),
        ] {
            let found = answer(&mut Session::default(), text);
            let json: Value = serde_json::from_str(&found).expect("JSON");
            assert_eq!(json["error"]["code"], code, "{text}: {found}");
        }
    }

    #[test]
    fn a_silent_subscription_is_acknowledged_and_forgotten() {
        let mut faults = Faults::new(&BTreeMap::from([(Fault::SilentSubscription, Rule { every: 0, next: 1 })]));
        let mut session = Session::default();
        let text = r#"{"method":"SUBSCRIBE","params":["b@trade"],"id":1}"#;
        assert_eq!(session.on_text(text, 0, &mut faults), Reaction::Answer(r#"{"result":null,"id":1}"#.into()));
        assert!(!session.wants("b@trade"));
        session.on_text(text, 0, &mut faults);
        assert!(session.wants("b@trade"));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,300}") {
            answer(&mut Session::default(), &text);
        }
    }
}
