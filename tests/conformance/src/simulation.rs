//! An adapter's actor and the simulated venue in one thread and one time, without sockets: the truth is known at every step.

use std::collections::{BTreeMap, VecDeque};

use mesh_adapter::market::Market;
use mesh_adapter::settings::Settings;
use mesh_adapter::{Exchange, wire};
use mesh_book::Book;
use mesh_runtime::Status;
use mesh_types::limits::Limits;
use mesh_types::{BookHealth, Decimal64, InstrumentId};
use mesh_venues::reader::Language;
use simvenue::binance;
use simvenue::binance::answer::{Answer, Request};
use simvenue::binance::session::Reaction;
use simvenue::core::faults::{Fault, Rule};
use simvenue::core::generator::STEP_NS;
use simvenue::public::Protocol;
use simvenue::public::session::Session;
use simvenue::server::hub::{Hub, Mailbox, Outgoing};
use simvenue::server::{State, build};

use crate::{Asked, World};

const MS_NS: u64 = 1_000_000;
/// Between two looks at the time.
const TICK_NS: u64 = 10 * MS_NS;
/// Levels a side that are compared: those that every venue vouches for.
const COMPARED: usize = 10;
/// The longest time that an answer over HTTP takes.
const LATENCY_NS: u64 = 300 * MS_NS;
/// Steps of the market whose truth is remembered: ten minutes.
const REMEMBERED: usize = 6_000;

type Levels = Vec<(Decimal64, Decimal64)>;

/// The best levels, whatever the exponents.
fn top(book: &Book) -> (Levels, Levels) {
    let exponents = book.exponents();
    let plain = |level| (exponents.price(level).normalized(), exponents.quantity(level).normalized());
    (book.bids().take(COMPARED).map(plain).collect(), book.asks().take(COMPARED).map(plain).collect())
}

/// Both of them.
pub struct Simulation {
    /// The adapter and its consumer.
    pub world: World<Market>,
    /// The venue.
    pub state: State,
    status: Status,
    /// `None` for Binance.
    protocol: Option<Protocol>,
    mailboxes: BTreeMap<u32, Mailbox>,
    /// Answers on their way: when each arrives, for which request.
    answers: VecDeque<(u64, u32, Vec<u8>)>,
    latency: u64,
    /// Each followed instrument, and the market that it is.
    followed: Vec<(InstrumentId, usize)>,
    truth: BTreeMap<(u64, usize), (Levels, Levels)>,
    /// How often a live book was compared with the truth.
    pub compared: u64,
    /// When each book that is not live stopped to be, and how long others took to be live again, ns.
    down_ns: BTreeMap<InstrumentId, u64>,
    /// How long books took to be live again, ns.
    pub times_to_live_ns: Vec<u64>,
    /// The venue cuts a connection off after this time.
    pub life_ns: u64,
    /// The venue's clock is ahead by so much.
    ahead_ns: u64,
    /// The venue takes no connection.
    pub refuses: bool,
    /// How often a connection was asked for.
    pub connects: u64,
    opened_ns: BTreeMap<u32, u64>,
}

impl Simulation {
    /// An adapter of an exchange, and a venue with this seed.
    pub fn new<E: Exchange>(seed: u64) -> Self {
        Self::with::<E>(seed, Settings::default())
    }

    /// The same with other settings; symbols and depth are the simulation's.
    pub fn with<E: Exchange>(seed: u64, settings: Settings<E>) -> Self {
        Self::at::<E>(seed, settings, 0)
    }

    /// The same with a venue whose clock is ahead.
    pub fn at<E: Exchange>(seed: u64, settings: Settings<E>, ahead_ns: u64) -> Self {
        let now_ns = 1_800_000_000_000 * MS_NS;
        let language = E::PLACES.first().expect("a market").language;
        let protocol = match language {
            Language::Kraken => Some(Protocol::Kraken),
            Language::Okx => Some(Protocol::Okx),
            Language::Hyperliquid => Some(Protocol::Hyperliquid),
            Language::Binance(_) => None,
        };
        let simulated = simvenue::settings::Settings { seed, history_s: 60, ..simvenue::settings::Settings::default() };
        let venue = build::venue(&simulated, now_ns + ahead_ns).expect("a venue");
        let mut followed = Vec::new();
        let mut symbols = Vec::new();
        for (index, instrument) in venue.instruments().iter().enumerate() {
            for symbol in protocol.map_or_else(|| vec![instrument.symbol.clone()], |p| p.symbols(instrument)) {
                followed.push((language.instrument(&symbol).expect("an instrument"), index));
                symbols.push(symbol);
            }
        }
        let settings = Settings::<E> { symbols, depth: Some(COMPARED), ..settings };
        let market = Market::new(&settings, Limits::default(), seed).expect("settings");
        let mut simulation = Self {
            world: World::new(market, now_ns),
            state: State { venue, hub: Hub::new(1_000, 10) },
            status: Status::new("simvenue", "venue"),
            protocol,
            mailboxes: BTreeMap::new(),
            answers: VecDeque::new(),
            latency: seed,
            followed,
            truth: BTreeMap::new(),
            compared: 0,
            down_ns: BTreeMap::new(),
            times_to_live_ns: Vec::new(),
            life_ns: u64::MAX,
            ahead_ns,
            refuses: false,
            connects: 0,
            opened_ns: BTreeMap::new(),
        };
        simulation.remember(now_ns + ahead_ns - STEP_NS);
        simulation
    }

    /// Switches a fault.
    pub fn fault(&mut self, fault: Fault, rule: Rule) {
        self.state.venue.faults.set(&BTreeMap::from([(fault, rule)]));
    }

    /// A frame that the venue never sends comes on every connection.
    pub fn inject(&mut self, frame: &[u8]) {
        let streams: Vec<u32> = self.mailboxes.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.world.packet(stream, wire::TEXT, frame));
    }

    /// Ends every connection.
    pub fn hang_up(&mut self) {
        for (stream, mailbox) in core::mem::take(&mut self.mailboxes) {
            self.state.hub.leave(mailbox.id);
            self.world.packet(stream, wire::DISCONNECTED, b"the venue hung up");
        }
    }

    /// How often a fault was made.
    pub fn made(&self, fault: Fault) -> u64 {
        self.state.venue.faults.made(fault)
    }

    /// Lets so many seconds pass. Every live book is compared with the truth at each step.
    pub fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 1_000 * MS_NS / TICK_NS {
            let now_ns = self.world.now_ns + TICK_NS;
            self.world.at(now_ns);
            let before_ns = self.state.venue.source().next_ns();
            self.state.advance(now_ns + self.ahead_ns, &self.status);
            let after_ns = self.state.venue.source().next_ns();
            if after_ns != before_ns {
                self.remember(after_ns.unwrap_or(now_ns).saturating_sub(STEP_NS));
            }
            self.cut_off();
            // Answers may ask for more.
            for _ in 0..3 {
                self.deliver();
                self.answer();
                for ask in core::mem::take(&mut self.world.asked) {
                    self.carry_out(&ask);
                }
            }
            self.deliver();
            self.compare();
        }
    }

    /// True where every book is live.
    pub fn is_live(&self) -> bool {
        let health = |id| self.world.books.get(id).map(|book| book.health());
        self.followed.iter().all(|(id, _)| health(id) == Some(BookHealth::Live))
    }

    fn remember(&mut self, at_ns: u64) {
        for index in 0..self.state.venue.instruments().len() {
            if let Some((book, _)) = self.state.venue.source().book(index) {
                self.truth.insert((at_ns, index), top(book));
            }
        }
        while self.truth.len() > REMEMBERED * self.state.venue.instruments().len() {
            self.truth.pop_first();
        }
    }

    fn carry_out(&mut self, ask: &Asked) {
        let now_ns = self.world.now_ns + self.ahead_ns;
        match ask.kind {
            wire::CONNECT if self.refuses => {
                self.connects += 1;
                self.world.packet(ask.stream, wire::DISCONNECTED, b"refused");
            }
            wire::CONNECT => {
                self.connects += 1;
                let (mailbox, greeting) = match self.protocol {
                    None => (self.state.hub.join(binance::session::Session::new([], true)), None),
                    Some(protocol) => {
                        let session = Session::new(protocol, ask.text.contains("business"));
                        let greeting = session.greeting();
                        (self.state.hub.join(session), greeting)
                    }
                };
                let mailbox = mailbox.expect("room");
                if let Some(greeting) = greeting {
                    self.state.hub.tell(mailbox.id, greeting);
                }
                self.mailboxes.insert(ask.stream, mailbox);
                self.opened_ns.insert(ask.stream, self.world.now_ns);
                self.world.packet(ask.stream, wire::CONNECTED, b"");
            }
            wire::CLOSE => {
                if let Some(mailbox) = self.mailboxes.remove(&ask.stream) {
                    self.state.hub.leave(mailbox.id);
                }
            }
            wire::SEND => {
                let Some(id) = self.mailboxes.get(&ask.stream).map(|mailbox| mailbox.id) else { return };
                self.state.follow(id, &ask.text, now_ns);
                let State { venue, hub } = &mut self.state;
                match hub.on_text(id, &ask.text, now_ns, &mut venue.faults) {
                    Some(Reaction::Answer(text) | Reaction::Refusal(text)) => hub.tell(id, text),
                    Some(Reaction::Close) => panic!("the adapter says more than the venue allows"),
                    None => {}
                }
            }
            wire::POST => {
                let body = ask.text.split_once('\n').map_or("", |(_, body)| body);
                let answer = self.state.venue.info(body).map_or_else(
                    || wire::answer(422, 0, b"no such request"),
                    |answer| wire::answer(200, 0, answer.as_bytes()),
                );
                self.answer_later(ask.stream, answer);
            }
            wire::GET => {
                let (path, query) = ask.text.split_once('?').unwrap_or((&ask.text, ""));
                let request = Request { method: "GET", path, query, body: "", api_key: None, now_ns };
                let Answer { status, headers, body, .. } = self.state.venue.answer(&request);
                let retry = headers.iter().find(|(name, _)| *name == "retry-after");
                let retry_after_s = retry.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
                self.answer_later(ask.stream, wire::answer(status, retry_after_s, body.as_bytes()));
            }
            kind => unreachable!("a request of kind {kind}"),
        }
    }

    /// Ends connections that have lived too long.
    fn cut_off(&mut self) {
        let now_ns = self.world.now_ns;
        let old: Vec<u32> = self
            .opened_ns
            .iter()
            .filter(|(_, opened_ns)| now_ns.saturating_sub(**opened_ns) >= self.life_ns)
            .map(|(stream, _)| *stream)
            .collect();
        for stream in old {
            self.opened_ns.remove(&stream);
            if let Some(mailbox) = self.mailboxes.remove(&stream) {
                self.state.hub.leave(mailbox.id);
                self.world.packet(stream, wire::DISCONNECTED, b"a connection lives so long");
            }
        }
    }

    /// An answer takes its time, a different one each.
    fn answer_later(&mut self, stream: u32, answer: Vec<u8>) {
        self.latency = self.latency.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at_ns = self.world.now_ns + (self.latency >> 33) % LATENCY_NS;
        let place = self.answers.partition_point(|(due_ns, ..)| *due_ns <= at_ns);
        self.answers.insert(place, (at_ns, stream, answer));
    }

    /// Brings answers over HTTP that are there.
    fn answer(&mut self) {
        while self.answers.front().is_some_and(|(due_ns, ..)| *due_ns <= self.world.now_ns) {
            if let Some((_, stream, answer)) = self.answers.pop_front() {
                self.world.packet(stream, wire::ANSWER, &answer);
            }
        }
    }

    /// Brings what the venue said to the adapter.
    fn deliver(&mut self) {
        let mut ended = Vec::new();
        for (stream, mailbox) in &mut self.mailboxes {
            loop {
                match mailbox.queue.try_recv() {
                    Ok(Outgoing::Text(text)) => self.world.packet(*stream, wire::TEXT, text.as_bytes()),
                    Err(tokio::sync::mpsc::error::TryRecvError::Empty) => break,
                    Ok(Outgoing::Close(_)) | Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => {
                        ended.push(*stream);
                        break;
                    }
                }
            }
        }
        for stream in ended {
            self.mailboxes.remove(&stream);
            self.world.packet(stream, wire::DISCONNECTED, b"the connection ended");
        }
    }

    /// A live book is the true one of the moment that it names.
    fn compare(&mut self) {
        let now_ns = self.world.now_ns;
        for (id, index) in &self.followed {
            let Some(book) = self.world.books.get(id) else { continue };
            if book.health() != BookHealth::Live {
                self.down_ns.entry(*id).or_insert(now_ns);
                continue;
            }
            if let Some(down_ns) = self.down_ns.remove(id) {
                self.times_to_live_ns.push(now_ns - down_ns);
            }
            let then_ns = book.venue_ns();
            let truth = self.truth.range(..=(then_ns, usize::MAX)).rev().find(|((_, of), _)| of == index);
            let Some(((at_ns, _), truth)) = truth else { continue };
            assert_eq!(&top(book.book()), truth, "{id} as of {then_ns}, truth of {at_ns}");
            self.compared += 1;
        }
    }
}
