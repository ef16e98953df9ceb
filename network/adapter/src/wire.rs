//! What actor and bridge say to each other: kinds of requests and packets, and the form of their bytes.
//!
//! Streams below [`FIRST_REQUEST`] are WebSocket connections, numbered from 1, each used once; those from it on are HTTP
//! requests, numbered likewise.

use mesh_types::system::ExternalRequest;
use mesh_types::wire::{U16, U32};
use mesh_venues::private::Call;

/// Request: open the WebSocket with this path and query.
pub const CONNECT: u8 = 1;
/// Request: close the WebSocket.
pub const CLOSE: u8 = 2;
/// Request: get this path and query.
pub const GET: u8 = 3;
/// Request: send this text on the WebSocket.
pub const SEND: u8 = 4;
/// Request: post to the path before the first line's end the body, JSON, after it.
pub const POST: u8 = 5;

/// Request: `METHOD signed|open TARGET\n` and the body; the bridge adds keys and signature to what is to be signed.
pub const CALL: u8 = 6;

/// Packet: the WebSocket is open.
pub const CONNECTED: u8 = 1;
/// Packet: a text frame.
pub const TEXT: u8 = 2;
/// Packet: the WebSocket is closed, and why.
pub const DISCONNECTED: u8 = 3;
/// Packet: an answer, `STATUS RETRY_AFTER_S\n` and the body; status 0 where none came, with the reason as body.
pub const ANSWER: u8 = 4;
/// Packet: the beginning of an answer's body that is too large for one packet; more follows, and `ANSWER` at last.
pub const ANSWER_PART: u8 = 5;

/// Bytes of an answer's body in one packet, at most.
pub const MAX_PART_BYTES: usize = 900_000;
/// Bytes of an answer's body in all, at most.
pub const MAX_ANSWER_BYTES: usize = 16 << 20;

/// The first HTTP request's stream.
pub const FIRST_REQUEST: u32 = 1 << 31;

/// The head of a request with so many bytes.
pub fn request(stream: u32, kind: u8, bytes: &[u8]) -> ExternalRequest {
    ExternalRequest {
        stream: U32::new(stream),
        kind,
        reserved: 0,
        byte_count: U16::new(u16::try_from(bytes.len()).unwrap_or(u16::MAX)),
    }
}

/// A call as bytes of a request.
pub fn call(call: &Call) -> Vec<u8> {
    let signed = if call.signed { "signed" } else { "open" };
    format!("{} {signed} {}\n{}", call.method, call.target, call.body).into_bytes()
}

/// The call that a request holds; `None` for a text that is none.
pub fn parse_call(text: &str) -> Option<Call> {
    let (head, body) = text.split_once('\n')?;
    let (method, rest) = head.split_once(' ')?;
    let (signed, target) = rest.split_once(' ')?;
    let method = ["GET", "POST", "PUT", "DELETE"].into_iter().find(|known| *known == method)?;
    Some(Call { method, target: target.to_owned(), body: body.to_owned(), signed: signed == "signed" })
}

/// An answer as bytes of a packet.
pub fn answer(status: u16, retry_after_s: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{status} {retry_after_s}\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Status, seconds to wait, body; `None` for bytes that are no answer.
pub fn parse_answer(bytes: &[u8]) -> Option<(u16, u64, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let mut words = core::str::from_utf8(bytes.get(..end)?).ok()?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back() {
        assert_eq!(parse_answer(&answer(429, 7, b"{}\n")), Some((429, 7, b"{}\n".as_slice())));
        assert_eq!(parse_answer(b"nonsense"), None);
        assert_eq!(parse_answer(b"x y\n"), None);
        let asked = Call { method: "POST", target: "/a?b=c d".to_owned(), body: "{\n}".to_owned(), signed: true };
        assert_eq!(parse_call(&String::from_utf8_lossy(&call(&asked))), Some(asked));
        assert_eq!(parse_call("BREW signed /pot\n"), None);
    }
}
