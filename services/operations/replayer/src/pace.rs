//! When each message is due, and how far a replay is. Pure: the time is given.

/// Maps recorded times to times of the replay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    speed: f64,
    /// The first message's recorded time, and when it was sent.
    origin: Option<(u64, u64)>,
}

impl Pace {
    /// `speed` recorded seconds go by in one second; 0 for as fast as the relays take them.
    pub(crate) const fn new(speed: f64) -> Self {
        Self { speed, origin: None }
    }

    /// When a message that was received at `receive_ns` is due. The first one asked for is due at once.
    pub(crate) fn due_ns(&mut self, receive_ns: u64, now_ns: u64) -> u64 {
        let (first_ns, started_ns) = *self.origin.get_or_insert((receive_ns, now_ns));
        if self.speed == 0.0 {
            return 0;
        }
        // A ratio of times, rounded to whole ns: exact for the speed 1.
        let elapsed_ns = receive_ns.saturating_sub(first_ns);
        let scaled_ns = if self.speed == 1.0 { elapsed_ns } else { (elapsed_ns as f64 / self.speed) as u64 };
        started_ns.saturating_add(scaled_ns)
    }
}

/// How far a replay is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    from_ns: u64,
    /// `None` while nobody knows where the capture ends, since it is being written.
    to_ns: Option<u64>,
    at_ns: u64,
    started_ns: Option<u64>,
    messages: u64,
    told: (u64, u64),
}

/// What is shown of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shown {
    /// Recorded time of the last message, ns since the Unix epoch.
    pub(crate) at_ns: u64,
    /// Messages so far.
    pub(crate) messages: u64,
    /// Of the recorded time; `None` where its end is not known.
    pub(crate) percent: Option<u64>,
    /// Since it was shown last.
    pub(crate) messages_per_s: u64,
    /// Until the end, at the pace so far; `None` while nobody can tell.
    pub(crate) left_s: Option<u64>,
}

impl Progress {
    /// A replay of this recorded time.
    pub(crate) const fn new(from_ns: u64, to_ns: Option<u64>) -> Self {
        Self { from_ns, to_ns, at_ns: from_ns, started_ns: None, messages: 0, told: (0, 0) }
    }

    /// A message that was received at `receive_ns` is sent at `now_ns`.
    pub(crate) fn note(&mut self, receive_ns: u64, now_ns: u64) {
        self.started_ns.get_or_insert(now_ns);
        self.at_ns = receive_ns;
        self.messages += 1;
    }

    /// Messages so far.
    pub(crate) const fn messages(&self) -> u64 {
        self.messages
    }

    /// How it stands at `now_ns`; the rate counts from the last call.
    pub(crate) fn at(&mut self, now_ns: u64) -> Shown {
        let (messages_before, before_ns) = core::mem::replace(&mut self.told, (self.messages, now_ns));
        let done_ns = u128::from(self.at_ns.saturating_sub(self.from_ns));
        let total_ns = self.to_ns.map(|to_ns| u128::from(to_ns.saturating_sub(self.from_ns)).max(1));
        let elapsed_ns = u128::from(now_ns.saturating_sub(self.started_ns.unwrap_or(now_ns)));
        let interval_ns = u128::from(now_ns.saturating_sub(before_ns.max(self.started_ns.unwrap_or(now_ns))));
        let whole = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
        let left_ns = total_ns
            .and_then(|total_ns| elapsed_ns.saturating_mul(total_ns.saturating_sub(done_ns)).checked_div(done_ns));
        Shown {
            at_ns: self.at_ns,
            messages: self.messages,
            percent: total_ns.map(|total_ns| whole((done_ns * 100 / total_ns).min(100))),
            messages_per_s: whole(
                (u128::from(self.messages - messages_before) * 1_000_000_000).checked_div(interval_ns).unwrap_or(0),
            ),
            left_s: left_ns.map(|left_ns| whole(left_ns / 1_000_000_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_distances_scaled() {
        let due = |speed: f64| {
            let mut pace = Pace::new(speed);
            [1000, 1010, 1500].map(|receive_ns| pace.due_ns(receive_ns, 70_000))
        };
        assert_eq!(due(1.0), [70_000, 70_010, 70_500]);
        assert_eq!(due(10.0), [70_000, 70_001, 70_050]);
        assert_eq!(due(0.5), [70_000, 70_020, 71_000]);
        assert_eq!(due(0.0), [0, 0, 0]);
    }

    #[test]
    fn progress_tells_rate_and_time_left() {
        const S: u64 = 1_000_000_000;
        let mut progress = Progress::new(100 * S, Some(200 * S));
        assert_eq!(progress.at(5 * S).left_s, None);
        progress.note(100 * S, 10 * S);
        for _ in 0..50 {
            progress.note(125 * S, 14 * S);
        }
        let shown = progress.at(15 * S);
        let expected = Shown { at_ns: 125 * S, messages: 51, percent: Some(25), messages_per_s: 10, left_s: Some(15) };
        assert_eq!(shown, expected);
        assert_eq!(progress.at(16 * S).messages_per_s, 0);
    }
}
