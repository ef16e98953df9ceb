//! One WebSocket connection: sends what its mailbox holds, takes requests, pings, and ends.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use mesh_runtime::clock;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::Shared;
use super::hub::{Mailbox, Outgoing, Session};
use crate::binance::session::Reaction;

/// Policy violation: too many messages.
const POLICY: u16 = 1008;
/// Going away.
const AWAY: u16 = 1001;

/// How long a client may take to read the end.
const PARTING: Duration = Duration::from_secs(1);

/// Why a connection ends.
enum End {
    /// Without a word.
    Cut,
    /// With a close frame.
    Close(u16, &'static str),
}

/// Serves a connection until it ends.
pub async fn serve(socket: WebSocket, session: Session, shared: Arc<Shared>) {
    let greeting = match &session {
        Session::Binance(_) | Session::Account(_) => None,
        Session::Public(session) => session.greeting(),
    };
    let joined = shared.lock().hub.join(session);
    let Some(mailbox) = joined else {
        close(socket, AWAY, "too many connections").await;
        return;
    };
    let id = mailbox.id;
    let mut socket = socket;
    if let Some(greeting) = greeting {
        shared.lock().hub.tell(id, greeting);
    }
    let end = talk(&mut socket, mailbox, &shared).await;
    shared.lock().hub.leave(id);
    if let End::Close(code, reason) = end {
        close(socket, code, reason).await;
    }
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    // The other side may be gone already. If not, it gets the time to read what was sent: closing at once while something
    // of it is unread would take that back.
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    let _ = timeout(PARTING, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}

async fn talk(socket: &mut WebSocket, mut mailbox: Mailbox, shared: &Shared) -> End {
    let limits = shared.settings.limits;
    let mut pings = interval(Duration::from_millis(limits.ping_interval_ms));
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    let life = sleep(Duration::from_millis(limits.connection_life_ms));
    tokio::pin!(life);
    let mut last_pong = Instant::now();
    let cut = Arc::clone(&mailbox.cut);
    loop {
        let outgoing = tokio::select! {
            biased;
            () = cut.notified() => return End::Cut,
            () = &mut life => return End::Close(AWAY, "a connection lives 24 hours at most"),
            _ = pings.tick() => {
                if last_pong.elapsed() > Duration::from_millis(limits.pong_timeout_ms) {
                    return End::Close(POLICY, "no pong");
                }
                if shared.lock().hub.is_muted(mailbox.id) {
                    continue;
                }
                Message::Ping(clock::now_ns().to_string().into())
            }
            received = socket.recv() => match received {
                None | Some(Err(_)) => return End::Cut,
                Some(Ok(message)) => {
                    if matches!(message, Message::Pong(_)) {
                        last_pong = Instant::now();
                    }
                    match react(mailbox.id, &message, shared) {
                        None => continue,
                        Some(Reaction::Answer(answer) | Reaction::Refusal(answer)) => Message::Text(answer.into()),
                        Some(Reaction::Close) => return End::Close(POLICY, "Too many requests"),
                    }
                }
            },
            queued = mailbox.queue.recv() => match queued {
                None => return End::Cut,
                Some(Outgoing::Close(reason)) => return End::Close(AWAY, reason),
                Some(Outgoing::Text(text)) => Message::Text(text),
            },
        };
        // A client that does not read must not hold the connection beyond its cut.
        tokio::select! {
            () = cut.notified() => return End::Cut,
            sent = socket.send(outgoing) => if sent.is_err() {
                return End::Cut;
            },
        }
    }
}

fn react(id: u64, message: &Message, shared: &Shared) -> Option<Reaction> {
    let now_ns = clock::now_ns();
    let mut state = shared.lock();
    let state = &mut *state;
    shared.status.messages_in.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    match message {
        Message::Text(text) => {
            let refused = state.follow(id, text, now_ns);
            if refused > 0 {
                shared.status.bad_input("stream_request", refused);
            }
            let reaction = state.hub.on_text(id, text, now_ns, &mut state.venue.faults);
            if matches!(&reaction, Some(Reaction::Refusal(_))) {
                shared.status.bad_input("stream_request", 1);
            }
            reaction
        }
        Message::Binary(_) => {
            shared.status.bad_input("binary_frame", 1);
            (!state.hub.on_control(id, now_ns)).then_some(Reaction::Close)
        }
        Message::Ping(_) | Message::Pong(_) => (!state.hub.on_control(id, now_ns)).then_some(Reaction::Close),
        // The library answers a close; the next read is the end.
        Message::Close(_) => None,
    }
}
