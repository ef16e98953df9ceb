//! What a feed asks of its venue on the socket: requests that begin and end subscriptions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_types::InstrumentId;

use super::{Channel, Subscription};
use crate::binance::{self, Market};
use crate::reader::Language;
use crate::{hyperliquid, kraken, okx};

/// Instruments of one request.
const BATCH: usize = 50;

/// The path of the socket that serves a channel.
pub fn path(language: Language, channel: Channel) -> &'static str {
    match (language, channel) {
        (Language::Okx, Channel::Candles(_)) => okx::subscribe::BUSINESS_PATH,
        (Language::Okx, _) => okx::subscribe::PUBLIC_PATH,
        (Language::Kraken, _) => kraken::subscribe::PATH,
        (Language::Hyperliquid, _) => hyperliquid::subscribe::PATH,
        // What is asked for over HTTP has no socket; it goes with the book.
        (Language::Binance(market), channel) => match binance_stream(market, channel) {
            Some(stream) => stream.path(market),
            None => binance::subscribe::Stream::BookTicker.path(market),
        },
    }
}

/// Streams that one connection carries.
pub const fn streams_per_connection(language: Language) -> usize {
    match language {
        Language::Binance(_) => binance::subscribe::MAX_STREAMS,
        // Kraken and OKX count requests instead; Hyperliquid 1000 of all connections of an address.
        Language::Kraken | Language::Okx | Language::Hyperliquid => 1_000,
    }
}

/// Lengths of candles that a venue tells, in seconds.
pub fn candle_seconds(language: Language) -> Vec<u64> {
    let minutes: &[u64] = match language {
        Language::Kraken => &kraken::subscribe::CANDLE_MINUTES,
        Language::Okx => &okx::subscribe::CANDLE_MINUTES,
        Language::Hyperliquid => &hyperliquid::subscribe::CANDLE_MINUTES,
        Language::Binance(market) => {
            let lengths = binance::subscribe::CANDLE_SECONDS.into_iter();
            return lengths.filter(|seconds| market == Market::Spot || *seconds >= 60).collect();
        }
    };
    minutes.iter().map(|minutes| minutes * 60).collect()
}

/// A length of candles as it is spelled: `1s`, `15m`, `4h`, `1d`.
pub fn interval(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Binance's stream of a channel; `None` where it has none.
const fn binance_stream(market: Market, channel: Channel) -> Option<binance::subscribe::Stream<'static>> {
    use binance::subscribe::{DepthSpeed, Stream};
    Some(match (market, channel) {
        (_, Channel::Book) => Stream::Depth(DepthSpeed::Fast),
        (_, Channel::Quotes) => Stream::BookTicker,
        (Market::Spot, Channel::Trades) => Stream::Trade,
        (_, Channel::Trades) => Stream::AggTrade,
        // Its interval is named when it is asked for.
        (_, Channel::Candles(_)) => Stream::Kline(""),
        (Market::UsdM | Market::CoinM, Channel::Funding | Channel::Mark) => Stream::MarkPrice,
        (Market::Spot, Channel::Funding | Channel::Mark) => return None,
        (_, Channel::OpenInterest | Channel::Instruments) => return None,
    })
}

/// The channel by which a venue tells this; `None` where it does not.
pub(super) fn served(language: Language, channel: Channel) -> Option<Channel> {
    match (language, channel) {
        // Spot has none of these.
        (Language::Kraken, Channel::Funding | Channel::Mark | Channel::OpenInterest) => None,
        (Language::Hyperliquid, Channel::Instruments) => None,
        // They come in one stream.
        (Language::Binance(Market::UsdM | Market::CoinM), Channel::Mark) => Some(Channel::Funding),
        (Language::Binance(market), channel) if binance_stream(market, channel).is_none() => None,
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
            Channel::Candles(seconds) => Kraken::Candle(seconds / 60),
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
                Channel::Candles(seconds) => Okx::Candle(seconds / 60),
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
        let length;
        let channel = match channel {
            Channel::Book => Hyperliquid::Book,
            Channel::Quotes => Hyperliquid::Best,
            Channel::Trades => Hyperliquid::Trades,
            Channel::Candles(seconds) => {
                length = interval(*seconds);
                Hyperliquid::Candle(&length)
            }
            Channel::Funding => Hyperliquid::Context,
            Channel::Mark | Channel::OpenInterest | Channel::Instruments => continue,
        };
        out.push_back(request(method, channel, coin.as_str()));
    }
}

pub(super) fn binance_requests(
    market: Market,
    begin: bool,
    subscriptions: &[Subscription],
    next_id: &mut u64,
    out: &mut VecDeque<String>,
) {
    use binance::subscribe::{Method, Stream, subscription};
    let name = |(channel, instrument): &Subscription| {
        let symbol = instrument.symbol()?;
        Some(match channel {
            Channel::Candles(seconds) => Stream::Kline(&interval(*seconds)).name(symbol.as_str()),
            channel => binance_stream(market, *channel)?.name(symbol.as_str()),
        })
    };
    let method = if begin { Method::Subscribe } else { Method::Unsubscribe };
    let names: Vec<String> = subscriptions.iter().filter_map(name).collect();
    for batch in names.chunks(BATCH) {
        out.push_back(subscription(method, batch.iter().map(String::as_str), take_id(next_id)));
    }
}
