//! Streams watched for silence, each by what is usual for it: an open socket proves nothing.
//!
//! What is usual is the longest silence of late; one that lasts [`TIMES`] as long is a failure, but never a short one. A
//! stream that has said too little to know waits for the patience that was given for all. The first failure renews the
//! subscription; when that does not help, a new connection is wanted, each time later, since the market itself may be quiet.

use super::{Channel, SECOND_NS};

/// How much longer than the longest of late.
const TIMES: u64 = 4;
/// Messages after which it is known what is usual.
const KNOWN: u32 = 20;
/// The longest of late is forgotten by this part with each message.
const FORGOTTEN: u64 = 512;
/// No silence below is a failure, of books and quotes and of all others.
const SHORTEST_NS: (u64, u64) = (3 * SECOND_NS, 60 * SECOND_NS);
/// Within this a subscription brings its first message, where it begins with one; with more patience than usual, within its
/// thirtieth part.
const FIRST_NS: u64 = 10 * SECOND_NS;
const FIRST_PART: u64 = 30;
/// Doublings of the limit at most.
const MAX_STRIKES: u32 = 8;

/// What a silence calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It is no failure.
    Usual,
    /// The subscription should be renewed.
    Renew,
    /// That did not help.
    Reconnect,
}

/// One stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// When it was subscribed or said something last, ns.
    heard_ns: u64,
    /// Nothing came since it was subscribed.
    fresh: bool,
    /// It was subscribed again since.
    renewed: bool,
    /// How often that did not help, since it said something.
    strikes: u32,
    longest_ns: u64,
    count: u32,
}

impl Stream {
    /// One that is not subscribed yet.
    pub(super) const fn new() -> Self {
        Self { heard_ns: 0, fresh: true, renewed: false, strikes: 0, longest_ns: 0, count: 0 }
    }

    /// It was subscribed on a new connection; what is usual is still known.
    pub(super) const fn subscribed(&mut self, now_ns: u64) {
        (self.heard_ns, self.fresh, self.renewed) = (now_ns, true, false);
    }

    /// It said something.
    pub(super) fn heard(&mut self, now_ns: u64) {
        if !self.fresh {
            let silence_ns = now_ns.saturating_sub(self.heard_ns);
            self.longest_ns = silence_ns.max(self.longest_ns - self.longest_ns / FORGOTTEN);
        }
        self.count = self.count.saturating_add(1);
        (self.heard_ns, self.fresh, self.renewed, self.strikes) = (now_ns, false, false, 0);
    }

    /// Whether it said something since it was subscribed.
    pub(super) const fn has_spoken(&self) -> bool {
        !self.fresh
    }

    /// Whether it said something after this time.
    pub(super) const fn has_spoken_after(&self, since_ns: u64) -> bool {
        !self.fresh && self.heard_ns > since_ns
    }

    /// How long it has been silent, ns.
    pub(super) const fn age_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.heard_ns)
    }

    /// How long its silence is borne; `begins` where its subscription brings a message at once.
    fn limit_ns(&self, channel: Channel, begins: bool, patience_ns: u64) -> u64 {
        let shortest_ns = match channel {
            Channel::Book | Channel::Quotes => SHORTEST_NS.0,
            _ => SHORTEST_NS.1,
        };
        let limit_ns = match (self.fresh && begins, self.count >= KNOWN) {
            (true, _) => FIRST_NS.max(patience_ns / FIRST_PART).min(patience_ns),
            (false, true) => self.longest_ns.saturating_mul(TIMES).max(shortest_ns),
            (false, false) => patience_ns,
        };
        limit_ns.saturating_mul(1 << self.strikes)
    }

    /// What its silence calls for now. After [`Silence::Renew`] it counts as subscribed again, and after
    /// [`Silence::Reconnect`] its next silence is borne for twice as long.
    pub(super) fn check(&mut self, now_ns: u64, channel: Channel, begins: bool, patience_ns: u64) -> Silence {
        if self.age_ns(now_ns) <= self.limit_ns(channel, begins, patience_ns) {
            return Silence::Usual;
        }
        if !self.renewed {
            (self.heard_ns, self.fresh, self.renewed) = (now_ns, true, true);
            return Silence::Renew;
        }
        self.strikes = (self.strikes + 1).min(MAX_STRIKES);
        if begins || self.count >= KNOWN {
            return Silence::Reconnect;
        }
        // Nobody knows whether there was anything to say.
        self.subscribed(now_ns);
        Silence::Usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE_NS: u64 = 300 * SECOND_NS;

    fn speaking(channel: Channel, every_ns: u64, times: u64) -> (Stream, u64) {
        let mut stream = Stream::new();
        stream.subscribed(0);
        for turn in 1..=times {
            stream.heard(turn * every_ns);
            assert_eq!(stream.check(turn * every_ns, channel, false, PATIENCE_NS), Silence::Usual);
        }
        (stream, times * every_ns)
    }

    #[test]
    fn a_busy_book_is_missed_soon_and_a_slow_one_later() {
        for (every_ns, limit_ns) in [(SECOND_NS / 10, 3 * SECOND_NS), (5 * SECOND_NS, 20 * SECOND_NS)] {
            let (mut stream, now_ns) = speaking(Channel::Book, every_ns, 50);
            assert_eq!(stream.check(now_ns + limit_ns, Channel::Book, false, PATIENCE_NS), Silence::Usual);
            assert_eq!(stream.check(now_ns + limit_ns + 1, Channel::Book, false, PATIENCE_NS), Silence::Renew);
        }
        let (mut trades, now_ns) = speaking(Channel::Trades, SECOND_NS, 50);
        assert_eq!(trades.check(now_ns + 60 * SECOND_NS, Channel::Trades, false, PATIENCE_NS), Silence::Usual);
        assert_eq!(trades.check(now_ns + 61 * SECOND_NS, Channel::Trades, false, PATIENCE_NS), Silence::Renew);
    }

    #[test]
    fn a_subscription_that_should_begin_with_something_is_missed_at_once() {
        let mut stream = Stream::new();
        stream.subscribed(0);
        let check = |stream: &mut Stream, s: u64| stream.check(s * SECOND_NS, Channel::Book, true, PATIENCE_NS);
        assert_eq!(check(&mut stream, 10), Silence::Usual);
        assert_eq!(check(&mut stream, 11), Silence::Renew);
        assert_eq!(check(&mut stream, 21), Silence::Usual);
        assert_eq!(check(&mut stream, 22), Silence::Reconnect);
        stream.subscribed(22 * SECOND_NS);
        assert_eq!(check(&mut stream, 42), Silence::Usual, "twice as long after each");
        assert_eq!(check(&mut stream, 43), Silence::Renew);
    }

    #[test]
    fn a_stream_that_never_said_much_does_not_cost_the_connection() {
        let (mut stream, mut now_ns) = speaking(Channel::Trades, SECOND_NS, 3);
        let (mut renewals, mut reconnects) = (0, 0);
        for _ in 0..3_600 {
            now_ns += SECOND_NS;
            match stream.check(now_ns, Channel::Trades, false, PATIENCE_NS) {
                Silence::Usual => {}
                Silence::Renew => renewals += 1,
                Silence::Reconnect => reconnects += 1,
            }
        }
        assert_eq!((renewals, reconnects), (3, 0), "less and less often");
    }

    #[test]
    fn what_is_usual_follows_the_market() {
        let (mut stream, mut now_ns) = speaking(Channel::Book, SECOND_NS / 10, 50);
        for _ in 0..20 {
            now_ns += 3 * SECOND_NS;
            assert_eq!(stream.check(now_ns, Channel::Book, false, PATIENCE_NS), Silence::Usual);
            stream.heard(now_ns);
        }
        now_ns += 12 * SECOND_NS;
        assert_eq!(stream.check(now_ns, Channel::Book, false, PATIENCE_NS), Silence::Usual, "a quiet night");
        for _ in 0..2_000 {
            now_ns += SECOND_NS / 10;
            stream.heard(now_ns);
        }
        assert_eq!(stream.check(now_ns + 4 * SECOND_NS, Channel::Book, false, PATIENCE_NS), Silence::Renew);
    }
}
