//! Lines of recordings of venues' sockets, in the forms that recorders write.
//!
//! | form | example |
//! |---|---|
//! | a bare frame | `{"channel":"heartbeat"}` |
//! | the time of receipt and the frame | `1737918843893903000 {"channel":"l2Book",…}` |
//! | an object with both | `{"recv_ns":201603688723400,"frame":{…}}` |
//! | what a connection did | `{"t":"recv","ts":1652459225.5037491,"conn":"OKX.ws.1","data":"{\"event\":…}"}` |
//!
//! Frames keep their bytes: digits of numbers are never touched. In the last form `t` is `connect`, `send`, `recv` or
//! `http`, and `url` may stand beside it.

use std::borrow::Cow;

use mesh_types::{Decimal64, Rounding};

use crate::json::{JsonError, Scanner};

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A frame that the venue sent.
    Frame,
    /// The answer to a request over HTTP.
    Http,
    /// A new connection: what was known from the one before of the same name has ended.
    Connect,
    /// Something that was sent to the venue, or another event of the recorder.
    Other,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// What it tells of.
    pub kind: Kind,
    /// When it was received, ns; 0 where the line does not say.
    pub received_ns: u64,
    /// The connection's name; empty where the line names none.
    pub connection: Cow<'a, str>,
    /// Where a request over HTTP went to.
    pub url: Cow<'a, str>,
    /// The frame.
    pub frame: Cow<'a, [u8]>,
}

/// Reads a line, without its end. `None` for an empty one.
///
/// # Errors
/// When it begins as one of the forms and is not; a bare frame is never refused here.
pub fn line(bytes: &[u8]) -> Result<Option<Line<'_>>, JsonError> {
    let bytes = bytes.trim_ascii();
    let bare = |received_ns, frame| Line {
        kind: Kind::Frame,
        received_ns,
        connection: Cow::Borrowed(""),
        url: Cow::Borrowed(""),
        frame: Cow::Borrowed(frame),
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    let digits = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(0);
    if digits > 0 && bytes.get(digits).is_some_and(u8::is_ascii_whitespace) {
        let mut scanner = Scanner::new(bytes);
        let received_ns = scanner.unsigned()?;
        return Ok(Some(bare(received_ns, bytes.get(digits..).unwrap_or_default().trim_ascii_start())));
    }
    let mut probe = Scanner::new(bytes);
    let wrapped = probe.take(b'{')
        && probe.peek() == b'"'
        && probe.key().is_ok_and(|key| matches!(key, b"recv_ns" | b"frame" | b"t" | b"ts" | b"conn"));
    if !wrapped {
        return Ok(Some(bare(0, bytes)));
    }
    wrapped_line(bytes, bare(0, bytes)).map(Some)
}

/// A line that is an object. One that only begins like it, as `{"t":5,…}` may, is a bare frame.
fn wrapped_line<'a>(bytes: &'a [u8], mut line: Line<'a>) -> Result<Line<'a>, JsonError> {
    let mut scanner = Scanner::new(bytes);
    let (mut event, mut data, mut has_frame, mut time) = (None, None, false, None);
    scanner.object(|s, key| {
        match key {
            b"recv_ns" => line.received_ns = s.unsigned()?,
            b"frame" => {
                has_frame = true;
                line.frame = value(s)?;
            }
            b"t" if s.peek() == b'"' => event = Some(s.raw_text()?),
            b"ts" => time = Some(s.skip()?),
            b"conn" if s.peek() == b'"' => line.connection = text(s)?,
            b"url" if s.peek() == b'"' => line.url = text(s)?,
            b"data" => data = Some(value(s)?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    scanner.end()?;
    if has_frame {
        return Ok(line);
    }
    let (Some(event), Some(time)) = (event, time) else {
        line.received_ns = 0;
        return Ok(line);
    };
    let seconds = Decimal64::parse_bytes(time.trim_ascii_start()).and_then(|time| time.rescale(-9, Rounding::Floor));
    line.received_ns = seconds.ok().and_then(|time| u64::try_from(time.mantissa).ok()).unwrap_or(0);
    line.frame = data.unwrap_or(Cow::Borrowed(b""));
    line.kind = match event {
        b"recv" => Kind::Frame,
        b"http" => Kind::Http,
        b"connect" => Kind::Connect,
        _ => Kind::Other,
    };
    Ok(line)
}

/// A value's bytes; of a text, what it says.
fn value<'a>(scanner: &mut Scanner<'a>) -> Result<Cow<'a, [u8]>, JsonError> {
    if scanner.peek() != b'"' {
        return scanner.skip().map(Cow::Borrowed);
    }
    Ok(match text(scanner)? {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

/// A text, its escapes resolved.
fn text<'a>(scanner: &mut Scanner<'a>) -> Result<Cow<'a, str>, JsonError> {
    let start = *scanner;
    if let Ok(plain) = scanner.text() {
        return Ok(Cow::Borrowed(plain));
    }
    *scanner = start;
    let quoted = scanner.skip()?;
    serde_json::from_slice::<String>(quoted).map(Cow::Owned).map_err(|_| start.error("a text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_form_is_read() {
        let read = |text: &'static str| line(text.as_bytes()).expect("a line").expect("not empty");
        let bare = read(r#"{"channel":"heartbeat"}"#);
        assert_eq!((bare.received_ns, bare.frame.as_ref()), (0, br#"{"channel":"heartbeat"}"#.as_slice()));
        assert_eq!(read("pong").frame.as_ref(), b"pong");
        let timed = read("1737918843893903000 {\"a\":1.50}");
        assert_eq!((timed.received_ns, timed.frame.as_ref()), (1_737_918_843_893_903_000, br#"{"a":1.50}"#.as_slice()));
        let wrapped = read(r#"{"recv_ns":201,"frame":{"qty":0.10000000}}"#);
        assert_eq!((wrapped.received_ns, wrapped.frame.as_ref()), (201, br#"{"qty":0.10000000}"#.as_slice()));
        let event = read(r#"{"t":"recv","ts":1652459225.5037491,"data":"{\"event\":1.0}","conn":"OKX.1"}"#);
        assert_eq!((event.kind, event.received_ns), (Kind::Frame, 1_652_459_225_503_749_100));
        assert_eq!((event.connection.as_ref(), event.frame.as_ref()), ("OKX.1", br#"{"event":1.0}"#.as_slice()));
        assert_eq!(read(r#"{"t":"connect","ts":1,"url":"wss://x","conn":"a"}"#).kind, Kind::Connect);
        assert_eq!(read(r#"{"t":"http","ts":1,"url":"https://x?symbol=A","data":"[]"}"#).url, "https://x?symbol=A");
        assert_eq!(read(r#"{"t":5,"p":"1"}"#).frame.as_ref(), br#"{"t":5,"p":"1"}"#, "a frame that begins like a line");
        assert_eq!(line(b"  "), Ok(None));
        assert!(line(br#"{"recv_ns":1,"frame":{"#).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = line(&bytes);
        }
    }
}
