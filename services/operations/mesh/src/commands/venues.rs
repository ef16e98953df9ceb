//! `mesh venues`: each adapter, how its feed is, and how far its books can be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mesh_codec::Message;
use mesh_topology::{Kind, Layout};
use mesh_transport::Subscription;
use mesh_types::market::{BookDelta, BookSnapshot, InstrumentInfo, Quote, Trade, VenueStatus};
use mesh_types::{BookHealth, Domain, InstrumentId, SourceId, Venue, VenueState};
use serde_json::{Value, json};

use crate::console::{Console, Tone, nanoseconds, rate};
use crate::failure::{Failure, Outcome};
use crate::feed::{self, Seen};
use crate::home::Chosen;
use crate::report::{ProcessReport, State};
use crate::survey;

/// After the last values the relay asks the adapters for what their books are now: they answer well within this.
const WATCH: Duration = Duration::from_millis(1000);

/// What the market relay has told of one adapter.
#[derive(Debug, Default)]
struct Heard {
    status: Option<VenueStatus>,
    books: BTreeMap<InstrumentId, BookHealth>,
    instruments: BTreeSet<InstrumentId>,
    /// From the venue's time to the reception of its packet, ns; below 0 where the clocks disagree by more.
    delays_ns: Vec<i64>,
}

impl Heard {
    fn take(&mut self, message: &Message<'_>) {
        if let Some(status) = message.get::<VenueStatus>() {
            self.status = Some(*status);
        } else if let Some(info) = message.get::<InstrumentInfo>() {
            self.instruments.insert(info.instrument);
        } else if let Some(view) = message.get_tailed::<BookSnapshot>() {
            self.book(view.head.instrument, view.head.health.get());
        } else if let Some(view) = message.get_tailed::<BookDelta>() {
            self.book(view.head.instrument, view.head.health.get());
            self.delay(view.head.venue_ns.get(), view.head.received_ns.get());
        } else if let Some(trade) = message.get::<Trade>() {
            self.delay(trade.venue_ns.get(), trade.received_ns.get());
        } else if let Some(quote) = message.get::<Quote>() {
            self.delay(quote.venue_ns.get(), quote.received_ns.get());
        }
    }

    fn book(&mut self, instrument: InstrumentId, health: Option<BookHealth>) {
        self.books.insert(instrument, health.unwrap_or(BookHealth::Suspect));
    }

    fn delay(&mut self, venue_ns: u64, received_ns: u64) {
        if venue_ns > 0 {
            self.delays_ns.push(received_ns.wrapping_sub(venue_ns).cast_signed());
        }
    }

    fn count(&self, health: BookHealth) -> usize {
        self.books.values().filter(|found| **found == health).count()
    }

    fn delay_ns(&self) -> Option<i64> {
        let mut delays = self.delays_ns.clone();
        delays.sort_unstable();
        delays.get(delays.len() / 2).copied()
    }
}

/// An adapter: its process, and what it has said.
struct Adapter {
    process: ProcessReport,
    heard: Heard,
}

/// Shows each adapter; exit code 0 only where all are ready, their feeds up and their books live.
pub(crate) async fn venues(layout: &Layout, json: bool) -> Outcome {
    let sources = sources(layout)?;
    let mut heard = hear(layout, &sources)?;
    let report = survey::report(layout).await?;
    let of = |process: ProcessReport| {
        let heard = heard.remove(&process.name).unwrap_or_default();
        Adapter { process, heard }
    };
    let adapters: Vec<Adapter> =
        report.processes.into_iter().filter(|p| p.kind == Kind::Adapter.to_string()).map(of).collect();
    let mut console = Console::new();
    if json {
        let adapters: Vec<Value> = adapters.iter().map(Adapter::to_json).collect();
        console.json(&json!({ "venues": adapters }))?;
    } else {
        console.table(&rows(&adapters))?;
    }
    if adapters.iter().all(Adapter::is_well) { Ok(()) } else { Err(Failure::Silent) }
}

/// The adapters of the topology that runs, by their sources.
fn sources(layout: &Layout) -> Outcome<BTreeMap<SourceId, String>> {
    let chosen = Chosen::active(layout)?.ok_or_else(|| {
        Failure::bad(format!("no mesh was started in {}; `./manage.sh up` starts one", layout.home().display()))
    })?;
    let adapters = chosen.topology.processes.into_iter().filter(|process| process.kind == Kind::Adapter);
    let found: BTreeMap<_, _> = adapters.map(|process| (SourceId::new(process.source.get()), process.name)).collect();
    if found.is_empty() {
        return Err(Failure::bad(format!("profile {} has no adapter", chosen.topology.profile)));
    }
    Ok(found)
}

fn hear(layout: &Layout, sources: &BTreeMap<SourceId, String>) -> Outcome<BTreeMap<String, Heard>> {
    let wanted = Subscription { last_values: true, ..Subscription::default() };
    let mut heard: BTreeMap<String, Heard> = BTreeMap::new();
    let mut until = None;
    feed::follow(layout, "venues", Domain::Market, &wanted, &mut |seen| {
        match seen {
            Seen::Message(message) => {
                if let Some(name) = sources.get(&message.source()) {
                    heard.entry(name.clone()).or_default().take(&message);
                }
            }
            Seen::AllLastValues => until = Some(Instant::now() + WATCH),
            Seen::Nothing if until.is_some_and(|until| Instant::now() >= until) => return ControlFlow::Break(()),
            Seen::Missed | Seen::Nothing => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(heard)
}

impl Adapter {
    fn state(&self) -> Option<VenueState> {
        self.heard.status.as_ref().and_then(|status| status.state.get())
    }

    fn is_well(&self) -> bool {
        let live = self.heard.count(BookHealth::Live);
        self.process.state == State::Ready && self.state() == Some(VenueState::Up) && live == self.heard.books.len()
    }

    fn venue(&self) -> Option<Venue> {
        let of_book = || self.heard.books.keys().next().and_then(InstrumentId::venue);
        self.heard.status.as_ref().and_then(|status| status.venue.get()).or_else(of_book)
    }

    /// The venue's clock less ours, where the adapter measures it.
    fn clock_offset_ns(&self) -> Option<i64> {
        self.process.said.details.get("clock_offset_ns").and_then(Value::as_i64)
    }

    /// One object of `venues --json`: a contract, pinned by a snapshot.
    fn to_json(&self) -> Value {
        let status = self.heard.status.as_ref();
        let said = &self.process.said;
        json!({
            "venue": self.venue().map(Venue::name),
            "process": self.process.name,
            "state": self.process.state,
            "feed": self.state().map(VenueState::name),
            "feed_since_ns": status.map(|status| status.since_ns.get()),
            "reason": status.map(|status| status.reason.to_string()).filter(|reason| !reason.is_empty()),
            "instruments": self.heard.instruments.len(),
            "books": {
                "live": self.heard.count(BookHealth::Live),
                "suspect": self.heard.count(BookHealth::Suspect),
                "resyncing": self.heard.count(BookHealth::Resyncing),
            },
            "messages_in": said.messages_in,
            "messages_out": said.messages_out,
            "in_per_s": self.process.rate_in,
            "out_per_s": self.process.rate_out,
            "delay_ns": self.heard.delay_ns(),
            "clock_offset_ns": self.clock_offset_ns(),
            "dropped": said.dropped,
            "bad_input": said.bad_input,
            "restarts": self.process.restarts,
        })
    }

    fn row(&self) -> Vec<(Tone, String)> {
        let (tone, feed) = match self.state() {
            Some(VenueState::Up) => (Tone::Good, "up"),
            Some(state) => (Tone::Warn, state.name()),
            None => (Tone::Dim, "-"),
        };
        let [live, suspect, resyncing] =
            [BookHealth::Live, BookHealth::Suspect, BookHealth::Resyncing].map(|health| self.heard.count(health));
        let alarm = |count: usize| (if count > 0 { Tone::Warn } else { Tone::Plain }, count.to_string());
        let time = |ns: Option<i64>| (Tone::Plain, ns.map_or_else(|| "-".to_owned(), signed));
        let status = self.heard.status.as_ref();
        let bad: u64 = self.process.said.bad_input.values().sum();
        let remarks = [
            status.map(|status| status.reason.to_string()).filter(|reason| !reason.is_empty() && feed != "up"),
            (bad > 0).then(|| format!("{bad} bad input")),
            (self.process.restarts > 0).then(|| format!("restarts: {}", self.process.restarts)),
        ];
        vec![
            (Tone::Bold, self.venue().map_or("-", Venue::name).to_owned()),
            (Tone::Plain, self.process.name.clone()),
            (self.process.state.tone(), self.process.state.name().to_owned()),
            (tone, feed.to_owned()),
            (Tone::Plain, live.to_string()),
            alarm(suspect),
            alarm(resyncing),
            (Tone::Plain, rate(self.process.rate_in)),
            (Tone::Plain, rate(self.process.rate_out)),
            time(self.heard.delay_ns()),
            time(self.clock_offset_ns()),
            (Tone::Dim, remarks.into_iter().flatten().collect::<Vec<_>>().join("; ")),
        ]
    }
}

fn signed(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}", nanoseconds(ns.unsigned_abs()))
}

fn rows(adapters: &[Adapter]) -> Vec<Vec<(Tone, String)>> {
    let heading =
        ["venue", "process", "state", "feed", "live", "suspect", "resyncing", "in/s", "out/s", "delay", "clock", ""];
    let mut rows = vec![heading.map(|title| (Tone::Dim, title.to_owned())).to_vec()];
    rows.extend(adapters.iter().map(Adapter::row));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Said;
    use mesh_types::FixedStr;

    fn adapter() -> Adapter {
        let details = BTreeMap::from([("clock_offset_ns".to_owned(), json!(-1_270_000_000_i64))]);
        let process = ProcessReport {
            name: "adapter-binance".to_owned(),
            kind: "adapter".to_owned(),
            state: State::Ready,
            wanted: true,
            pid: Some(42),
            uptime_s: 61,
            restarts: 1,
            rss_bytes: 5 << 20,
            said: Said { messages_in: 10, messages_out: 20, details, ..Said::default() },
            rate_in: 12.5,
            rate_out: 25.0,
            reason: None,
        };
        let ids = ["binance:spot:BTCUSDT", "binance:spot:ETHUSDT"].map(|id| id.parse().expect("an id"));
        let mut heard = Heard { instruments: ids.into(), ..Heard::default() };
        heard.status = Some(VenueStatus {
            venue: Venue::Binance.into(),
            state: VenueState::Degraded.into(),
            since_ns: 1_793_534_400_000_000_000.into(),
            reason: FixedStr::truncated("the venue closed the connection"),
            ..VenueStatus::default()
        });
        heard.book(ids[0], Some(BookHealth::Live));
        heard.book(ids[1], None);
        for received_ns in [1_000, 3_000, 500] {
            heard.delay(2_000, received_ns);
        }
        heard.delay(0, 7);
        Adapter { process, heard }
    }

    #[test]
    fn the_contract_of_venues_as_json() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&adapter().to_json()).expect("JSON"));
    }

    #[test]
    fn well_is_ready_up_and_live() {
        let mut adapter = adapter();
        assert!(!adapter.is_well());
        let up = |status: VenueStatus| VenueStatus { state: VenueState::Up.into(), ..status };
        adapter.heard.status = adapter.heard.status.map(up);
        assert!(!adapter.is_well(), "a book whose health is not known is not live");
        adapter.heard.books.pop_last();
        assert!(adapter.is_well());
        adapter.process.state = State::Starting;
        assert!(!adapter.is_well());
    }

    #[test]
    fn the_table_says_what_is_wrong() {
        let text: Vec<String> = adapter().row().into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            text.join(" "),
            "binance adapter-binance ready degraded 1 1 0 12 25 -1.0us -1.27s the venue closed the connection; restarts: 1"
        );
        assert_eq!(rows(&[adapter()])[0].len(), adapter().row().len());
    }
}
