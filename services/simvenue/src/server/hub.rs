//! All connections, and what each has to be told.
//!
//! Each has a bounded queue. One that lets it fill is disconnected, as the venue does: nobody waits for a slow client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use mesh_venues::binance::server::Writer;
use tokio::sync::{Notify, mpsc};

use crate::binance;
use crate::binance::Frame;
use crate::binance::session::Reaction;
use crate::core::faults::{Fault, Faults};
use crate::public;
use crate::public::session::Order;

/// What a connection speaks, and what it follows.
#[derive(Clone, Debug)]
pub enum Session {
    /// Binance.
    Binance(binance::session::Session),
    /// Binance's WebSocket API: an account's own stream.
    Account(binance::account::Session),
    /// Another venue.
    Public(public::session::Session),
}

impl From<binance::account::Session> for Session {
    fn from(session: binance::account::Session) -> Self {
        Self::Account(session)
    }
}

impl From<binance::session::Session> for Session {
    fn from(session: binance::session::Session) -> Self {
        Self::Binance(session)
    }
}

impl From<public::session::Session> for Session {
    fn from(session: public::session::Session) -> Self {
        Self::Public(session)
    }
}

impl Session {
    fn wants(&self, stream: &str) -> bool {
        match self {
            Self::Binance(session) => session.wants(stream),
            Self::Account(session) => session.wants(stream),
            Self::Public(session) => session.wants(stream),
        }
    }

    /// Whether payloads are wrapped with their stream's name.
    const fn is_combined(&self) -> bool {
        match self {
            Self::Binance(session) => session.is_combined(),
            Self::Account(_) | Self::Public(_) => false,
        }
    }
}

/// What is sent on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A text.
    Text(Utf8Bytes),
    /// The end, with the reason.
    Close(&'static str),
}

/// A connection's own end.
#[derive(Debug)]
pub struct Mailbox {
    /// Its number.
    pub id: u64,
    /// What it has to send.
    pub queue: mpsc::Receiver<Outgoing>,
    /// It is cut off at once.
    pub cut: Arc<Notify>,
}

#[derive(Debug)]
struct Client {
    session: Session,
    queue: mpsc::Sender<Outgoing>,
    cut: Arc<Notify>,
    muted: bool,
    /// Streams that say nothing more until they are subscribed again.
    mute_streams: BTreeSet<String>,
}

/// What a delivery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Connections that were told.
    pub delivered: u64,
    /// Connections that were cut off because they were too slow.
    pub dropped: u64,
}

/// All connections.
#[derive(Debug)]
pub struct Hub {
    clients: BTreeMap<u64, Client>,
    last_id: u64,
    queue: usize,
    most: usize,
}

impl Hub {
    /// None yet; at most `most`, each with a queue of so many.
    pub const fn new(queue: usize, most: usize) -> Self {
        Self { clients: BTreeMap::new(), last_id: 0, queue, most }
    }

    /// A new connection; `None` where there are too many.
    pub fn join(&mut self, session: impl Into<Session>) -> Option<Mailbox> {
        if self.clients.len() >= self.most {
            return None;
        }
        self.last_id += 1;
        let (sender, queue) = mpsc::channel(self.queue);
        let cut = Arc::new(Notify::new());
        self.clients.insert(
            self.last_id,
            Client {
                session: session.into(),
                queue: sender,
                cut: Arc::clone(&cut),
                muted: false,
                mute_streams: BTreeSet::new(),
            },
        );
        Some(Mailbox { id: self.last_id, queue, cut })
    }

    /// A connection has ended.
    pub fn leave(&mut self, id: u64) {
        self.clients.remove(&id);
    }

    /// Connections.
    pub fn count(&self) -> usize {
        self.clients.len()
    }

    /// Whether any connection wants a stream.
    pub fn wants(&self, stream: &str) -> bool {
        self.clients.values().any(|client| client.session.wants(stream))
    }

    /// Whether a connection is told nothing more, not even pings.
    pub fn is_muted(&self, id: u64) -> bool {
        self.clients.get(&id).is_some_and(|client| client.muted)
    }

    /// Takes a text from a connection of Binance; `None` where there is nothing to answer.
    pub fn on_text(&mut self, id: u64, text: &str, now_ns: u64, faults: &mut Faults) -> Option<Reaction> {
        let Client { session: Session::Binance(session), mute_streams, muted, .. } = self.clients.get_mut(&id)? else {
            return None;
        };
        let reaction = session.on_text(text, now_ns, faults);
        // What is not subscribed any more is not mute either.
        mute_streams.retain(|stream| session.wants(stream));
        (!*muted).then_some(reaction)
    }

    /// What a text from a connection of another venue wants; empty for one of Binance.
    pub fn read(&self, id: u64, text: &str, now_ns: u64) -> Vec<Order> {
        match self.clients.get(&id).map(|client| &client.session) {
            Some(Session::Public(session)) => session.read(text, now_ns),
            _ => Vec::new(),
        }
    }

    /// The session of a connection of another venue.
    pub fn public_mut(&mut self, id: u64) -> Option<&mut public::session::Session> {
        match &mut self.clients.get_mut(&id)?.session {
            Session::Public(session) => Some(session),
            Session::Binance(_) | Session::Account(_) => None,
        }
    }

    /// The session of a connection to the WebSocket API.
    pub fn account_mut(&mut self, id: u64) -> Option<&mut binance::account::Session> {
        match &mut self.clients.get_mut(&id)?.session {
            Session::Account(session) => Some(session),
            Session::Binance(_) | Session::Public(_) => None,
        }
    }

    /// A stream of a connection is subscribed anew.
    pub fn unmute(&mut self, id: u64, stream: &str) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.mute_streams.remove(stream);
        }
    }

    /// Tells a text to one connection, unless it is told nothing any more.
    pub fn tell(&mut self, id: u64, text: String) {
        let Some(client) = self.clients.get_mut(&id).filter(|client| !client.muted) else { return };
        if client.queue.try_send(Outgoing::Text(text.into())).is_err() {
            client.cut.notify_one();
        }
    }

    /// Takes a ping or pong; false where the connection says too much.
    pub fn on_control(&mut self, id: u64, now_ns: u64) -> bool {
        self.clients.get_mut(&id).is_none_or(|client| match &mut client.session {
            Session::Binance(session) => session.count_message(now_ns),
            Session::Account(_) | Session::Public(_) => true,
        })
    }

    /// Tells a frame to all who want it.
    pub fn deliver(&mut self, frame: &Frame, faults: &mut Faults) -> Sent {
        let mut raw: Option<Utf8Bytes> = None;
        let mut combined: Option<Utf8Bytes> = None;
        let mut sent = Sent::default();
        self.clients.retain(|id, client| {
            if !client.session.wants(&frame.stream) || client.muted {
                return true;
            }
            if faults.strikes(Fault::Disconnect) {
                client.cut.notify_one();
                return false;
            }
            client.muted = faults.strikes(Fault::Mute);
            if client.muted || client.mute_streams.contains(&frame.stream) {
                return true;
            }
            if frame.is_depth() && faults.strikes(Fault::MuteStream) {
                client.mute_streams.insert(frame.stream.clone());
                return true;
            }
            let text = if client.session.is_combined() {
                combined.get_or_insert_with(|| Writer::combined(&frame.stream, &frame.payload).into())
            } else {
                raw.get_or_insert_with(|| frame.payload.clone().into())
            };
            let told = client.queue.try_send(Outgoing::Text(text.clone())).is_ok();
            if told {
                sent.delivered += 1;
            } else {
                sent.dropped += 1;
                tracing::warn!(client = id, queue = self.queue, "a client is too slow: it is disconnected");
                client.cut.notify_one();
            }
            told
        });
        sent
    }

    /// Closes all connections, after a notice where there is one.
    pub fn close_all(&mut self, reason: &'static str, notice: Option<&str>) {
        for client in core::mem::take(&mut self.clients).into_values() {
            // The notice is Binance's own.
            let notice = notice.filter(|_| matches!(client.session, Session::Binance(_)));
            let notice = notice.map(|payload| match client.session.is_combined() {
                true => Writer::combined("!serverShutdown", payload),
                false => payload.to_owned(),
            });
            let outgoing = notice.map(|text| Outgoing::Text(text.into())).into_iter().chain([Outgoing::Close(reason)]);
            for message in outgoing {
                if client.queue.try_send(message).is_err() {
                    client.cut.notify_one();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::session::Session;
    use crate::core::faults::Rule;

    fn frame(payload: &str) -> Frame {
        Frame { stream: "x@trade".into(), payload: payload.into() }
    }

    fn join(hub: &mut Hub, combined: bool) -> Mailbox {
        hub.join(Session::new(["x@trade".to_owned()], combined)).expect("room")
    }

    fn received(mailbox: &mut Mailbox) -> Vec<Outgoing> {
        std::iter::from_fn(|| mailbox.queue.try_recv().ok()).collect()
    }

    #[test]
    fn who_wants_a_stream_is_told_in_the_form_it_asked_for() {
        let mut hub = Hub::new(8, 8);
        let (mut raw, mut combined) = (join(&mut hub, false), join(&mut hub, true));
        assert!(hub.wants("x@trade") && !hub.wants("y@trade"));
        assert_eq!(hub.deliver(&frame("{}"), &mut Faults::default()), Sent { delivered: 2, dropped: 0 });
        assert_eq!(received(&mut raw), [Outgoing::Text("{}".into())]);
        assert_eq!(received(&mut combined), [Outgoing::Text(r#"{"stream":"x@trade","data":{}}"#.into())]);
        hub.close_all("bye", Some("{1}"));
        assert_eq!(received(&mut raw), [Outgoing::Text("{1}".into()), Outgoing::Close("bye")]);
        assert_eq!(hub.count(), 0);
    }

    #[test]
    fn a_client_that_lets_its_queue_fill_is_cut_off_and_others_are_not() {
        let mut hub = Hub::new(2, 3);
        let (mut slow, mut good) = (join(&mut hub, false), join(&mut hub, false));
        for _ in 0..2 {
            hub.deliver(&frame("{}"), &mut Faults::default());
            received(&mut good);
        }
        assert_eq!(hub.deliver(&frame("{}"), &mut Faults::default()), Sent { delivered: 1, dropped: 1 });
        assert_eq!((hub.count(), received(&mut slow).len()), (1, 2));
        assert!(slow.queue.is_closed());
        let _kept = (join(&mut hub, false), join(&mut hub, false));
        assert!(hub.join(Session::default()).is_none(), "the fourth of three");
    }

    #[test]
    fn connections_fall_silent_or_are_cut_on_command() {
        let mut hub = Hub::new(8, 8);
        let (mut first, mut second) = (join(&mut hub, false), join(&mut hub, false));
        let next = |fault| Faults::new(&BTreeMap::from([(fault, Rule { every: 0, next: 1 })]));
        hub.deliver(&frame("1"), &mut next(Fault::Mute));
        hub.deliver(&frame("2"), &mut Faults::default());
        assert!(hub.is_muted(first.id) && received(&mut first).is_empty());
        assert_eq!(received(&mut second).len(), 2);
        assert_eq!(hub.on_text(first.id, "{}", 0, &mut Faults::default()), None);
        hub.deliver(&frame("3"), &mut next(Fault::Disconnect));
        assert_eq!(hub.count(), 1, "the muted one stays open");
        assert!(second.queue.is_closed());
    }
}
