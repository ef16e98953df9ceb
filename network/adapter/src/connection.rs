//! When to connect: growing delays with a jitter that depends on the count alone, and silence taken for failure.

use mesh_actor::Digest;

/// The WebSocket as the actor knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Not there; a timer will ask for it.
    Waiting,
    /// Asked for, as this stream.
    Opening(u32),
    /// Open, as this stream.
    Open(u32),
}

/// The state of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    socket: Socket,
    /// The last stream, for the jitter.
    used: u32,
    /// Failures since data came last.
    failures: u32,
    /// When something came last, or the connection was asked for.
    heard_ns: u64,
    min_delay_ns: u64,
    max_delay_ns: u64,
    /// Tells the jitters of several adapters apart.
    salt: u64,
}

impl Connection {
    /// No connection yet.
    pub const fn new(min_delay_ns: u64, max_delay_ns: u64, salt: u64) -> Self {
        Self { socket: Socket::Waiting, used: 0, failures: 0, heard_ns: 0, min_delay_ns, max_delay_ns, salt }
    }

    /// The socket.
    pub const fn socket(&self) -> Socket {
        self.socket
    }

    /// True where packets of this stream are of the present connection.
    pub fn is_current(&self, stream: u32) -> bool {
        matches!(self.socket, Socket::Opening(s) | Socket::Open(s) if s == stream)
    }

    /// True where data flow.
    pub const fn is_open(&self) -> bool {
        matches!(self.socket, Socket::Open(_))
    }

    /// Begins to connect, as this stream.
    pub const fn open(&mut self, stream: u32, now_ns: u64) {
        self.used = stream;
        self.socket = Socket::Opening(stream);
        self.heard_ns = now_ns;
    }

    /// The stream, where there is one.
    pub const fn stream(&self) -> Option<u32> {
        match self.socket {
            Socket::Waiting => None,
            Socket::Opening(stream) | Socket::Open(stream) => Some(stream),
        }
    }

    /// The venue has opened it.
    pub const fn opened(&mut self, stream: u32, now_ns: u64) {
        self.socket = Socket::Open(stream);
        self.heard_ns = now_ns;
    }

    /// Data came.
    pub const fn heard(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
        self.failures = 0;
    }

    /// True where it has said nothing for too long, open or opening.
    pub fn is_silent(&self, now_ns: u64, silence_ns: u64) -> bool {
        self.socket != Socket::Waiting && now_ns.saturating_sub(self.heard_ns) >= silence_ns
    }

    /// It is gone; answers how long to wait before the next attempt.
    pub fn lost(&mut self) -> u64 {
        self.socket = Socket::Waiting;
        let full = self.min_delay_ns.saturating_mul(1u64 << self.failures.min(20)).min(self.max_delay_ns);
        self.failures = self.failures.saturating_add(1);
        let jitter = Digest::default().u64(self.salt).u64(u64::from(self.used)).value();
        full / 2 + jitter % (full / 2).max(1)
    }

    /// Adds the state to a digest.
    pub fn digest(&self, digest: Digest) -> Digest {
        let (kind, stream) = match self.socket {
            Socket::Waiting => (0, 0),
            Socket::Opening(stream) => (1, stream),
            Socket::Open(stream) => (2, stream),
        };
        digest
            .u64(kind)
            .u64(u64::from(stream))
            .u64(u64::from(self.used))
            .u64(u64::from(self.failures))
            .u64(self.heard_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound_and_data_set_them_back() {
        let mut connection = Connection::new(100, 1000, 7);
        let delays: Vec<u64> = (1..=6)
            .map(|stream| {
                connection.open(stream, 0);
                connection.lost()
            })
            .collect();
        for (delay, full) in delays.iter().zip([100, 200, 400, 800, 1000, 1000]) {
            assert!((full / 2..full).contains(delay), "{delays:?}");
        }
        connection.open(7, 5);
        connection.opened(7, 6);
        connection.heard(7);
        assert!(connection.lost() < 100);
    }

    #[test]
    fn silence_counts_while_opening_and_open() {
        let mut connection = Connection::new(100, 1000, 7);
        assert!(!connection.is_silent(1_000_000, 10));
        connection.open(3, 100);
        assert!(connection.is_silent(110, 10) && !connection.is_silent(109, 10));
        connection.opened(3, 200);
        assert!(connection.is_current(3) && !connection.is_current(4));
        assert!(connection.is_silent(210, 10));
    }
}
