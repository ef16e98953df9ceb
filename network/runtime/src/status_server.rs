//! `/metrics`, `/status` and `/ready` over HTTP on a Unix socket that only the user can open. One small request at a time:
//! it serves a supervisor and a scraper, not the world.

use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::status::{Metrics, Status};

const TIMEOUT: Duration = Duration::from_secs(1);
const MAX_REQUEST_BYTES: usize = 4096;

/// Listens on `path` and serves from a thread of its own until the process ends. A socket that is there already is
/// replaced: the process's lock says that nobody else of this name runs.
pub(crate) fn start(path: &Path, status: Arc<Status>, metrics: Metrics) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    std::thread::Builder::new().name("status".to_owned()).stack_size(128 * 1024).spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            // Who goes away early has no need of the answer.
            let _ = answer(stream, &status, &metrics);
        }
    })?;
    Ok(())
}

fn answer(mut stream: UnixStream, status: &Status, metrics: &Metrics) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut request = Vec::new();
    let mut chunk = [0u8; 512];
    while !request.windows(2).any(|pair| pair == b"\r\n") && request.len() < MAX_REQUEST_BYTES {
        match stream.read(&mut chunk)? {
            0 => break,
            n => request.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
    }
    let line = String::from_utf8_lossy(&request);
    let mut words = line.split_whitespace();
    let (code, kind, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/status")) => ("200 OK", "application/json", status.to_json().to_string()),
        (Some("GET"), Some("/metrics")) => {
            ("200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.render(status))
        }
        (Some("GET"), Some("/ready")) if status.is_ready() => ("200 OK", "text/plain", "ready\n".to_owned()),
        (Some("GET"), Some("/ready")) => ("503 Service Unavailable", "text/plain", "starting\n".to_owned()),
        (Some("GET"), Some(_)) => ("404 Not Found", "text/plain", "expected /status, /metrics or /ready\n".to_owned()),
        _ => ("400 Bad Request", "text/plain", "expected GET /status, /metrics or /ready\n".to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {code}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &Path, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(path).expect("listening");
        stream.write_all(request).expect("written");
        stream.shutdown(std::net::Shutdown::Write).expect("half closed");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn it_answers_and_survives_garbage() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.status.sock");
        let status = Arc::new(Status::new("x", "relay"));
        start(&path, Arc::clone(&status), Metrics::default()).expect("listens");
        assert!(ask(&path, b"GET /ready HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 503"));
        status.set_ready(true);
        assert!(ask(&path, b"GET /ready HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
        assert!(ask(&path, &[0xff; 100]).starts_with("HTTP/1.1 400"));
        assert!(ask(&path, b"").starts_with("HTTP/1.1 400"));
        assert!(ask(&path, b"GET /nothing HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(ask(&path, b"GET /status HTTP/1.1\r\n\r\n").contains("\"kind\":\"relay\""));
    }
}
