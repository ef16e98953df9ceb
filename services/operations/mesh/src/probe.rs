//! Asks a process for its status over its own socket.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A process that does not answer within this is taken as not ready.
const TIMEOUT: Duration = Duration::from_millis(800);
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// What a process says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    /// `ready` or `starting`.
    pub(crate) state: String,
    /// Who answered.
    pub(crate) pid: u32,
    /// Messages that came in.
    pub(crate) messages_in: u64,
    /// Messages that went out.
    pub(crate) messages_out: u64,
    /// Messages dropped by a declared policy.
    pub(crate) dropped: u64,
    /// Age of the last message when it was handled.
    pub(crate) lag_ns: u64,
    /// Input that could not be used, by kind.
    pub(crate) bad_input: BTreeMap<String, u64>,
    /// What else it tells.
    pub(crate) details: BTreeMap<String, serde_json::Value>,
}

impl Said {
    /// Whether it can do its work.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == "ready"
    }
}

/// What the process that listens on `socket` says; `None` where none answers in time.
pub(crate) async fn ask(socket: &Path) -> Option<Said> {
    tokio::time::timeout(TIMEOUT, request(socket)).await.ok().flatten()
}

async fn request(socket: &Path) -> Option<Said> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    stream.write_all(b"GET /status HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await.ok()?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Option<Said> {
    let text = core::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.split_whitespace().nth(1).filter(|code| *code == "200")?;
    serde_json::from_str(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_good_answer_is_one() {
        let good = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"state\":\"ready\",\"pid\":7,\"messages_in\":3,\"more\":1}";
        let said = parse(good).expect("an answer");
        assert!(said.is_ready());
        assert_eq!((said.pid, said.messages_in), (7, 3));
        for bad in [&b""[..], b"HTTP/1.1 500 No\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\nnot json", b"\xff\xfe\r\n\r\n"] {
            assert_eq!(parse(bad), None);
        }
    }
}
