//! Lines of recorded sessions, in two forms: `<local ns> <frame>` with REST snapshots among them, and the JSON lines of
//! cryptofeed (`{"t": "recv" | "http" | ..., "ts": local seconds, "url"?, "data": frame as text}`).

use serde::Deserialize;

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was received by who recorded it, ns since the Unix epoch.
    pub received_ns: u64,
    /// The frame, or the answer's body.
    pub payload: String,
    /// The address that was asked, for an answer over HTTP whose recording tells it.
    pub url: Option<String>,
}

#[derive(Deserialize)]
struct Jsonl {
    t: String,
    ts: f64,
    data: Option<String>,
    url: Option<String>,
}

impl Line {
    /// Reads a line; `None` for one without a payload, as a connection's start.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.starts_with('{') {
            return Self::parse_jsonl(text);
        }
        let (time, payload) = text.split_once(' ').ok_or("expected `<ns> <frame>`, or a JSON line")?;
        let received_ns = time.parse().map_err(|_| "expected a time in ns before the first space")?;
        Ok(Some(Self { received_ns, payload: payload.to_owned(), url: None }))
    }

    fn parse_jsonl(text: &str) -> Result<Option<Self>, &'static str> {
        let line: Jsonl = serde_json::from_str(text).map_err(|_| "expected a JSON line with t, ts and data")?;
        let (Some(payload), "recv" | "http") = (line.data, line.t.as_str()) else { return Ok(None) };
        if !(0.0..1e10).contains(&line.ts) {
            return Err("expected ts in seconds since 1970");
        }
        // Times of a recording only pace its replay; microseconds are what their f64 holds.
        let received_ns = (line.ts * 1e6) as u64 * 1_000;
        Ok(Some(Self { received_ns, payload, url: line.url }))
    }

    /// The value of a parameter in the address that was asked.
    pub fn url_parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.url.as_deref()?.split_once('?')?;
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_read() {
        let line = Line::parse("1723161254206652067 {\"lastUpdateId\":1}").expect("a line").expect("a payload");
        assert_eq!((line.received_ns, line.payload.as_str()), (1_723_161_254_206_652_067, "{\"lastUpdateId\":1}"));
        let line = r#"{"t":"http","ts":1633998512.320639,"url":"https://x/api/v3/depth?symbol=NKNUSDT&limit=1000","data":"{\"a\":1}","conn":"c"}"#;
        let line = Line::parse(line).expect("a line").expect("a payload");
        assert_eq!(line.url_parameter("symbol"), Some("NKNUSDT"));
        assert_eq!((line.received_ns, line.payload.as_str()), (1_633_998_512_320_639_000, "{\"a\":1}"));
        assert_eq!(Line::parse(r#"{"t":"connect","ts":1.0,"url":"wss://x"}"#), Ok(None));
        assert!(Line::parse("{").is_err() && Line::parse("x y").is_err() && Line::parse("12").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,200}") {
            let _ = Line::parse(&text);
        }
    }
}
