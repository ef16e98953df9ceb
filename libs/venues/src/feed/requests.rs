//! What a feed asks of its venue: requests that begin and end subscriptions, and those over HTTP.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_types::{InstrumentId, InstrumentKind};

use super::{Channel, Subscription};
use crate::reader::Language;
use crate::{hyperliquid, kraken, okx};

/// Instruments of one request.
const BATCH: usize = 50;

/// A request over HTTP, to be posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Where to.
    pub path: &'static str,
    /// Its body, JSON.
    pub body: &'static str,
}

/// What is asked for over HTTP to know these instruments; the other venues tell them on the socket.
pub(super) fn information(language: Language, subscriptions: &[Subscription]) -> Vec<Request> {
    if language != Language::Hyperliquid {
        return Vec::new();
    }
    let asked = subscriptions.iter().filter(|(channel, _)| *channel == Channel::Instruments);
    let kinds: BTreeSet<Request> = asked
        .map(|(_, instrument)| Request {
            path: hyperliquid::instruments::PATH,
            body: match instrument.kind() {
                Some(InstrumentKind::Spot) => hyperliquid::instruments::SPOT_META,
                _ => hyperliquid::instruments::META,
            },
        })
        .collect();
    kinds.into_iter().collect()
}

/// The path of the socket that serves a channel.
pub const fn path(language: Language, channel: Channel) -> &'static str {
    match (language, channel) {
        (Language::Okx, Channel::Candles(_)) => okx::subscribe::BUSINESS_PATH,
        (Language::Okx, _) => okx::subscribe::PUBLIC_PATH,
        (Language::Kraken, _) => kraken::subscribe::PATH,
        (Language::Hyperliquid, _) => hyperliquid::subscribe::PATH,
        (Language::Binance(_), _) => "/stream",
    }
}

/// Lengths of candles that a venue tells, in minutes.
pub const fn candle_minutes(language: Language) -> &'static [u64] {
    match language {
        Language::Kraken => &kraken::subscribe::CANDLE_MINUTES,
        Language::Okx => &okx::subscribe::CANDLE_MINUTES,
        Language::Hyperliquid => &hyperliquid::subscribe::CANDLE_MINUTES,
        Language::Binance(_) => &[],
    }
}

/// The channel by which a venue tells this; `None` where it does not.
pub(super) const fn served(language: Language, channel: Channel) -> Option<Channel> {
    match (language, channel) {
        // Spot has none of these.
        (Language::Kraken, Channel::Funding | Channel::Mark | Channel::OpenInterest) => None,
        (Language::Hyperliquid, Channel::Instruments) => None,
        (Language::Hyperliquid, Channel::Mark | Channel::OpenInterest) => Some(Channel::Funding),
        _ => Some(channel),
    }
}

fn take_id(next_id: &mut u64) -> u64 {
    let id = *next_id;
    *next_id = next_id.wrapping_add(1);
    id
}

pub(super) fn kraken_requests(
    begin: bool,
    subscriptions: &[Subscription],
    depth: usize,
    next_id: &mut u64,
    out: &mut VecDeque<String>,
) {
    use kraken::subscribe::{Channel as Kraken, DEPTHS, Method, request};
    let depth = DEPTHS.into_iter().find(|served| *served >= depth).unwrap_or(1_000);
    let mut groups: BTreeMap<Kraken, Vec<InstrumentId>> = BTreeMap::new();
    for (channel, instrument) in subscriptions {
        let channel = match channel {
            Channel::Book => Kraken::Book(depth),
            Channel::Quotes => Kraken::Quote,
            Channel::Trades => Kraken::Trade,
            Channel::Candles(minutes) => Kraken::Candle(*minutes),
            Channel::Instruments => Kraken::Instrument,
            Channel::Funding | Channel::Mark | Channel::OpenInterest => continue,
        };
        groups.entry(channel).or_default().push(*instrument);
    }
    let method = if begin { Method::Subscribe } else { Method::Unsubscribe };
    if groups.remove(&Kraken::Instrument).is_some() {
        out.push_back(request(method, Kraken::Instrument, [], take_id(next_id)));
    }
    for (channel, instruments) in groups {
        for batch in instruments.chunks(BATCH) {
            let symbols: Vec<_> = batch.iter().filter_map(InstrumentId::symbol).collect();
            out.push_back(request(method, channel, symbols.iter().map(|symbol| symbol.as_str()), take_id(next_id)));
        }
    }
}

pub(super) fn okx_requests(begin: bool, subscriptions: &[Subscription], next_id: &mut u64, out: &mut VecDeque<String>) {
    use okx::subscribe::{Channel as Okx, Operation, request};
    let operation = if begin { Operation::Subscribe } else { Operation::Unsubscribe };
    let (lists, others): (Vec<Subscription>, Vec<_>) =
        subscriptions.iter().partition(|(channel, _)| *channel == Channel::Instruments);
    let types: BTreeSet<&str> = lists.iter().filter_map(|(_, id)| okx::instruments::type_of(id.kind()?)).collect();
    if !types.is_empty() {
        let lists = types.into_iter().map(|name| (Okx::Instruments, name));
        out.push_back(request(operation, lists, take_id(next_id)));
    }
    for batch in others.chunks(BATCH) {
        let symbols: Vec<_> = batch.iter().filter_map(|(channel, id)| Some((*channel, id.symbol()?))).collect();
        let channels = symbols.iter().map(|(channel, symbol)| {
            let channel = match channel {
                Channel::Book => Okx::Books,
                Channel::Quotes => Okx::Best,
                Channel::Trades => Okx::Trades,
                Channel::Candles(minutes) => Okx::Candle(*minutes),
                Channel::Funding => Okx::FundingRate,
                Channel::Mark => Okx::MarkPrice,
                Channel::OpenInterest => Okx::OpenInterest,
                Channel::Instruments => Okx::Instruments,
            };
            (channel, symbol.as_str())
        });
        out.push_back(request(operation, channels, take_id(next_id)));
    }
}

pub(super) fn hyperliquid_requests(begin: bool, subscriptions: &[Subscription], out: &mut VecDeque<String>) {
    use hyperliquid::subscribe::{Channel as Hyperliquid, Method, request};
    let method = if begin { Method::Subscribe } else { Method::Unsubscribe };
    for (channel, instrument) in subscriptions {
        let Some(coin) = instrument.symbol() else { continue };
        let interval;
        let channel = match channel {
            Channel::Book => Hyperliquid::Book,
            Channel::Quotes => Hyperliquid::Best,
            Channel::Trades => Hyperliquid::Trades,
            Channel::Candles(minutes) => {
                interval = match minutes {
                    0..60 => format!("{minutes}m"),
                    60..1_440 => format!("{}h", minutes / 60),
                    _ => format!("{}d", minutes / 1_440),
                };
                Hyperliquid::Candle(&interval)
            }
            Channel::Funding => Hyperliquid::Context,
            Channel::Mark | Channel::OpenInterest | Channel::Instruments => continue,
        };
        out.push_back(request(method, channel, coin.as_str()));
    }
}
