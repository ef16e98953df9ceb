//! Between an actor's thread and the world: requests out, packets in.
//!
//! Packets wait in a bounded queue. When it is full the sender waits, so that the pressure reaches the venue's
//! connection: nothing is dropped and memory is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mesh_codec::packet::PacketHead;
use mesh_transport::Waker;
use mesh_types::system::ExternalRequest;
use tokio::sync::mpsc;

use crate::clock;

/// Packets that may wait for the actor.
const QUEUE_PACKETS: usize = 4096;

/// Carries out what an actor asks of the world outside.
pub trait Bridge {
    /// Takes a request; must not block.
    fn request(&mut self, request: &ExternalRequest, bytes: &[u8]);

    /// Whether the world can be reached; part of the process's readiness.
    fn is_ready(&self) -> bool {
        true
    }
}

/// A packet on its way to the actor.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) head: PacketHead,
    pub(crate) bytes: Vec<u8>,
}

/// Gives packets to the actor, from any task.
#[derive(Clone, Debug)]
pub struct PacketSender {
    queue: mpsc::Sender<Incoming>,
    waker: Waker,
    woken: Arc<AtomicBool>,
}

/// The actor is gone: the process is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl PacketSender {
    /// Stamps a packet with the time and hands it over; waits while the queue is full.
    ///
    /// # Errors
    /// [`Closed`] when the process is stopping.
    pub async fn send(&self, stream: u32, kind: u8, bytes: Vec<u8>) -> Result<(), Closed> {
        let head = PacketHead { stream, kind, received_ns: clock::now_ns() };
        self.queue.send(Incoming { head, bytes }).await.map_err(|_| Closed)?;
        self.wake();
        Ok(())
    }

    /// Wakes the actor's thread so that it looks at the bridge's readiness again.
    pub fn wake(&self) {
        // One wake-up is enough until the actor has looked.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}

/// The actor's end.
#[derive(Debug)]
pub(crate) struct PacketReceiver {
    queue: mpsc::Receiver<Incoming>,
    woken: Arc<AtomicBool>,
}

impl PacketReceiver {
    /// Says that packets are about to be taken: later ones must wake again.
    pub(crate) fn rearm(&self) {
        self.woken.store(false, Ordering::Release);
    }

    /// The next packet, if one is there.
    pub(crate) fn take(&mut self) -> Option<Incoming> {
        self.queue.try_recv().ok()
    }
}

/// A queue of packets whose sender wakes through `waker`.
pub(crate) fn packets(waker: Waker) -> (PacketSender, PacketReceiver) {
    let (sender, receiver) = mpsc::channel(QUEUE_PACKETS);
    let woken = Arc::new(AtomicBool::new(false));
    let sender = PacketSender { queue: sender, waker, woken: Arc::clone(&woken) };
    (sender, PacketReceiver { queue: receiver, woken })
}
