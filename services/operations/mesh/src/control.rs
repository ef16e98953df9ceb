//! The supervisor's control socket: one JSON object a line each way. Only the user may speak.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::failure::{Failure, Outcome};
use crate::report::MeshReport;

const MAX_LINE_BYTES: u64 = 4096;
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a person asks of the supervisor. It answers at once; who wants to see the outcome asks for the status again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Request {
    /// How everything is.
    Status,
    /// All should run.
    StartAll,
    /// All should stop, and then the supervisor ends.
    Down,
    /// One should run.
    Start {
        /// Its name.
        name: String,
    },
    /// One should stop.
    Stop {
        /// Its name.
        name: String,
    },
    /// One should be stopped and started again.
    Restart {
        /// Its name.
        name: String,
    },
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// It is being done; how everything was before that.
    Done(MeshReport),
    /// It can't be.
    Refused(String),
}

/// A request that came, and where its answer goes.
pub(crate) type Asked = (Request, oneshot::Sender<Response>);

/// Takes requests until the process ends.
pub(crate) async fn serve(listener: UnixListener, requests: mpsc::Sender<Asked>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let requests = requests.clone();
                tokio::spawn(async move {
                    // Who went away early has no need of an answer.
                    let _ = tokio::time::timeout(TIMEOUT, answer(stream, requests)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a control connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, requests: mpsc::Sender<Asked>) -> Option<()> {
    let user = rustix::process::getuid().as_raw();
    let peer = stream.peer_cred().ok()?.uid();
    let (read, mut write) = stream.split();
    let mut line = Vec::new();
    BufReader::new(read).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await.ok()?;
    let response = if peer != user && peer != 0 {
        Response::Refused(format!("this mesh is user {user}'s, and you are user {peer}"))
    } else {
        match serde_json::from_slice::<Request>(&line) {
            Ok(request) => {
                let (sender, receiver) = oneshot::channel();
                requests.send((request, sender)).await.ok()?;
                receiver.await.ok()?
            }
            Err(error) => {
                tracing::warn!(%error, "a control request can't be read");
                Response::Refused(format!("expected one JSON object such as {{\"do\":\"status\"}}: {error}"))
            }
        }
    };
    let mut text = serde_json::to_vec(&response).ok()?;
    text.push(b'\n');
    write.write_all(&text).await.ok()
}

/// Asks the supervisor; `None` where none listens.
pub(crate) async fn ask(socket: &Path, request: &Request) -> Outcome<Option<MeshReport>> {
    let Ok(stream) = UnixStream::connect(socket).await else { return Ok(None) };
    let answer = tokio::time::timeout(TIMEOUT, exchange(stream, request)).await;
    match answer {
        Ok(Ok(text)) if text.is_empty() => Ok(None),
        Ok(Ok(text)) => match serde_json::from_slice(&text) {
            Ok(Response::Done(report)) => Ok(Some(report)),
            Ok(Response::Refused(why)) => Err(Failure::usage(why)),
            Err(error) => Err(Failure::bad(format!("the supervisor's answer can't be read: {error}"))),
        },
        // It ended while it was asked.
        Ok(Err(_)) => Ok(None),
        Err(_) => Err(Failure::bad(format!(
            "the supervisor does not answer within {} s; logs/mesh.log may say why",
            TIMEOUT.as_secs()
        ))),
    }
}

async fn exchange(mut stream: UnixStream, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut answer).await?;
    Ok(answer)
}
