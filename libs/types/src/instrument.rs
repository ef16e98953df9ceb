//! Instrument ids: 24 bytes that say venue, kind and symbol (or chain and address), both ways, without a registry.
//!
//! `binance:spot:BTCUSDT`, `kraken:spot:BTC/USD`, `okx:swap:BTC-USDT-SWAP`, `polygon:pool:0x45dd…`. For what lives on a
//! chain the chain's name stands where the venue's stands. Symbols keep the venue's own spelling. Up to 20 bytes lie
//! as they are; longer ones, up to 26 characters, are packed 6 bits each (the long names of options). One text has one id
//! and one id has one text.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::{Coded, WireEnum};
use crate::wire_enum;

wire_enum! {
    /// Where an instrument is traded.
    Venue, "venue" {
        /// A blockchain; the id's chain says which.
        Chain = 1, "chain";
        /// Binance.
        Binance = 2, "binance";
        /// Kraken.
        Kraken = 3, "kraken";
        /// Hyperliquid.
        Hyperliquid = 4, "hyperliquid";
        /// OKX.
        Okx = 5, "okx";
        /// Drift.
        Drift = 6, "drift";
        /// Coinbase.
        Coinbase = 7, "coinbase";
        /// Bybit.
        Bybit = 8, "bybit";
    }
}

wire_enum! {
    /// What kind of thing is traded.
    InstrumentKind, "instrument_kind" {
        /// A currency pair, delivered at once.
        Spot = 1, "spot";
        /// A future without expiry.
        Perpetual = 2, "perpetual";
        /// A future with expiry.
        Future = 3, "future";
        /// An option.
        Option = 4, "option";
        /// A liquidity pool.
        Pool = 5, "pool";
        /// A token.
        Token = 6, "token";
        /// A perpetual at venues that call it a swap.
        Swap = 7, "swap";
    }
}

/// Chains with a name of their own: EIP-155 chain id and name. Others print as `chain-ID`.
const CHAINS: &[(u16, &str)] = &[
    (1, "ethereum"),
    (10, "optimism"),
    (56, "bsc"),
    (100, "gnosis"),
    (137, "polygon"),
    (8453, "base"),
    (31337, "anvil"),
    (42161, "arbitrum"),
    (43114, "avalanche"),
];

/// In the chain field of a venue's instrument: the symbol is packed.
const PACKED: u16 = u16::MAX;
const SYMBOL_BYTES: usize = 20;
const PACKED_CHARACTERS: usize = 26;
const ALPHABET: &[u8; 64] = b"\0ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.:abcdefghijklmnopqrstuv";

/// Names one instrument.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Default,
)]
#[repr(C)]
pub struct InstrumentId {
    venue: u8,
    kind: u8,
    chain: U16,
    symbol: [u8; SYMBOL_BYTES],
}

const _: () = assert!(size_of::<InstrumentId>() == 24);

/// Why a text is no instrument id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstrumentError {
    /// Not of the form `venue:kind:symbol`.
    Form,
    /// No such venue or chain.
    Venue,
    /// No such kind, or one that the venue can't have.
    Kind,
    /// Empty, too long, or with characters that symbols don't have.
    Symbol,
    /// No `0x` and 40 lower-case hex digits.
    Address,
}

impl fmt::Display for InstrumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "expected an instrument as venue:kind:symbol, for example binance:spot:BTCUSDT or polygon:pool:0x45dd…",
            Self::Venue => "expected a venue (binance, kraken, hyperliquid, okx, drift, coinbase, bybit) or a chain (ethereum, polygon, …, chain-ID)",
            Self::Kind => "expected a kind: spot, perpetual, swap, future, option at a venue; pool, token on a chain",
            Self::Symbol => "expected a symbol of 1 to 20 printable characters without spaces, or to 26 of A-Z, 0-9, a-v, - _ / . :",
            Self::Address => "expected an address: 0x and 40 lower-case hex digits",
        })
    }
}

impl core::error::Error for InstrumentError {}

impl InstrumentId {
    /// The instrument that a venue calls `symbol`.
    ///
    /// # Errors
    /// When venue and kind do not go together, or the symbol can't be one.
    pub fn new(venue: Venue, kind: InstrumentKind, symbol: &str) -> Result<Self, InstrumentError> {
        if venue == Venue::Chain {
            return Err(InstrumentError::Venue);
        }
        if matches!(kind, InstrumentKind::Pool | InstrumentKind::Token) {
            return Err(InstrumentError::Kind);
        }
        let plain = !symbol.is_empty() && symbol.bytes().all(|b| b > b' ' && b != 0x7f);
        if !plain {
            return Err(InstrumentError::Symbol);
        }
        let (chain, symbol) = if symbol.len() <= SYMBOL_BYTES {
            let mut bytes = [0u8; SYMBOL_BYTES];
            bytes.iter_mut().zip(symbol.bytes()).for_each(|(slot, byte)| *slot = byte);
            (0, bytes)
        } else {
            (PACKED, pack(symbol).ok_or(InstrumentError::Symbol)?)
        };
        Ok(Self { venue: venue.code(), kind: kind.code(), chain: chain.into(), symbol })
    }

    /// The pool or token at an address of a chain (EIP-155 id, below 65536).
    ///
    /// # Errors
    /// When the kind is not one of a chain, or the chain is 0.
    pub fn on_chain(chain: u16, kind: InstrumentKind, address: [u8; 20]) -> Result<Self, InstrumentError> {
        if !matches!(kind, InstrumentKind::Pool | InstrumentKind::Token) {
            return Err(InstrumentError::Kind);
        }
        if chain == 0 {
            return Err(InstrumentError::Venue);
        }
        Ok(Self { venue: Venue::Chain.code(), kind: kind.code(), chain: chain.into(), symbol: address })
    }

    /// A pool at an address of a chain.
    ///
    /// # Errors
    /// When the chain is 0.
    pub fn from_pool_address(address: [u8; 20], chain: u16) -> Result<Self, InstrumentError> {
        Self::on_chain(chain, InstrumentKind::Pool, address)
    }

    /// The venue; `None` for bytes that name none.
    pub fn venue(&self) -> Option<Venue> {
        Coded::<Venue>::from_raw(self.venue).get()
    }

    /// The kind; `None` for bytes that name none.
    pub fn kind(&self) -> Option<InstrumentKind> {
        Coded::<InstrumentKind>::from_raw(self.kind).get()
    }

    /// The chain and address of what lives on a chain.
    pub fn chain_address(&self) -> Option<(u16, [u8; 20])> {
        (self.venue() == Some(Venue::Chain)).then(|| (self.chain.get(), self.symbol))
    }

    /// The venue's own symbol, of what is traded at a venue.
    pub fn symbol(&self) -> Option<Symbol> {
        if self.venue()? == Venue::Chain {
            return None;
        }
        let symbol = match self.chain.get() {
            0 => {
                let len = self.symbol.iter().position(|b| *b == 0).unwrap_or(SYMBOL_BYTES);
                let mut bytes = [0u8; PACKED_CHARACTERS];
                bytes.iter_mut().zip(self.symbol.iter().take(len)).for_each(|(slot, byte)| *slot = *byte);
                Symbol { len, bytes }
            }
            PACKED => unpack(&self.symbol)?,
            _ => return None,
        };
        symbol.text().map(|_| symbol)
    }

    /// True where the bytes are an id that [`InstrumentId::new`] or [`InstrumentId::on_chain`] can make.
    pub fn is_valid(&self) -> bool {
        match (self.venue(), self.kind()) {
            (Some(Venue::Chain), Some(kind)) => Self::on_chain(self.chain.get(), kind, self.symbol) == Ok(*self),
            (Some(venue), Some(kind)) => {
                self.symbol().is_some_and(|symbol| Self::new(venue, kind, symbol.as_str()) == Ok(*self))
            }
            _ => false,
        }
    }
}

/// A venue's symbol, unpacked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    len: usize,
    bytes: [u8; PACKED_CHARACTERS],
}

impl Symbol {
    fn text(&self) -> Option<&str> {
        self.bytes.get(..self.len).and_then(|bytes| core::str::from_utf8(bytes).ok())
    }

    /// The symbol as the venue spells it.
    pub fn as_str(&self) -> &str {
        self.text().unwrap_or_default()
    }
}

fn pack(symbol: &str) -> Option<[u8; SYMBOL_BYTES]> {
    if symbol.len() > PACKED_CHARACTERS {
        return None;
    }
    let mut bytes = [0u8; SYMBOL_BYTES];
    for (index, character) in symbol.bytes().enumerate() {
        let code = ALPHABET.iter().skip(1).position(|c| *c == character)? + 1;
        let wide = u16::try_from(code).ok()? << (10 - (index * 6) % 8);
        for (slot, byte) in bytes.iter_mut().skip(index * 6 / 8).zip(wide.to_be_bytes()) {
            *slot |= byte;
        }
    }
    Some(bytes)
}

fn unpack(bytes: &[u8; SYMBOL_BYTES]) -> Option<Symbol> {
    let mut symbol = Symbol { len: 0, bytes: [0; PACKED_CHARACTERS] };
    for (index, slot) in symbol.bytes.iter_mut().enumerate() {
        let at = index * 6 / 8;
        let wide = u16::from_be_bytes([*bytes.get(at)?, bytes.get(at + 1).copied().unwrap_or(0)]);
        let code = usize::from((wide >> (10 - (index * 6) % 8)) & 63);
        if code == 0 {
            break;
        }
        *slot = *ALPHABET.get(code)?;
        symbol.len = index + 1;
    }
    Some(symbol)
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(venue), Some(kind)) = (self.venue(), self.kind()) else {
            return write!(f, "invalid:{}:{}", self.venue, self.kind);
        };
        if let Some((chain, address)) = self.chain_address() {
            match CHAINS.iter().find(|(id, _)| *id == chain) {
                Some((_, name)) => write!(f, "{name}:{kind}:0x")?,
                None => write!(f, "chain-{chain}:{kind}:0x")?,
            }
            return address.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
        }
        match self.symbol() {
            Some(symbol) => write!(f, "{venue}:{kind}:{}", symbol.as_str()),
            None => write!(f, "{venue}:{kind}:\u{fffd}"),
        }
    }
}

impl fmt::Debug for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for InstrumentId {
    type Err = InstrumentError;

    fn from_str(text: &str) -> Result<Self, InstrumentError> {
        let mut parts = text.splitn(3, ':');
        let (Some(place), Some(kind), Some(symbol)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InstrumentError::Form);
        };
        let kind: InstrumentKind = kind.parse().map_err(|_| InstrumentError::Kind)?;
        match place.parse::<Venue>() {
            Ok(Venue::Chain) => Err(InstrumentError::Venue),
            Ok(venue) => Self::new(venue, kind, symbol),
            Err(_) => Self::on_chain(parse_chain(place)?, kind, parse_address(symbol)?),
        }
    }
}

fn parse_chain(name: &str) -> Result<u16, InstrumentError> {
    if let Some((id, _)) = CHAINS.iter().find(|(_, known)| *known == name) {
        return Ok(*id);
    }
    let digits = name.strip_prefix("chain-").ok_or(InstrumentError::Venue)?;
    let id: u16 = digits.parse().map_err(|_| InstrumentError::Venue)?;
    // A chain with a name has one spelling only.
    let canonical = digits == id.to_string() && !CHAINS.iter().any(|(known, _)| *known == id);
    if canonical { Ok(id) } else { Err(InstrumentError::Venue) }
}

fn parse_address(text: &str) -> Result<[u8; 20], InstrumentError> {
    let digits = text.strip_prefix("0x").ok_or(InstrumentError::Address)?;
    if digits.len() != 40 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(InstrumentError::Address);
    }
    let mut address = [0u8; 20];
    for (slot, pair) in address.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).map_err(|_| InstrumentError::Address)?;
        *slot = u8::from_str_radix(pair, 16).map_err(|_| InstrumentError::Address)?;
    }
    Ok(address)
}

impl Serialize for InstrumentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InstrumentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("{text:?}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_contract_s_examples_print_as_they_are_written() {
        for text in [
            "binance:spot:BTCUSDT",
            "kraken:spot:BTC/USD",
            "hyperliquid:perpetual:BTC",
            "hyperliquid:perpetual:xyz:TSLA",
            "okx:swap:BTC-USDT-SWAP",
            "okx:option:BTC-USD-241227-100000-C",
            "binance:spot:１２３４５６",
            "polygon:pool:0x45dda9cb7c25131df268515131f647d726f50608",
            "chain-4242:token:0x45dda9cb7c25131df268515131f647d726f50608",
        ] {
            let id: InstrumentId = text.parse().expect(text);
            assert_eq!(id.to_string(), text);
            assert!(id.is_valid());
        }
    }

    #[test]
    fn what_is_no_instrument_is_refused() {
        for (text, error) in [
            ("BTCUSDT", InstrumentError::Form),
            ("nowhere:spot:BTC", InstrumentError::Venue),
            ("binance:house:BTC", InstrumentError::Kind),
            ("binance:pool:BTC", InstrumentError::Kind),
            ("binance:spot:", InstrumentError::Symbol),
            ("binance:spot:A B", InstrumentError::Symbol),
            ("binance:spot:ABCDEFGHIJKLMNOPQRSTUVWXYZA", InstrumentError::Symbol),
            ("polygon:pool:0x45DD", InstrumentError::Address),
            ("chain-137:pool:0x45dda9cb7c25131df268515131f647d726f50608", InstrumentError::Venue),
            ("chain:pool:0x45dda9cb7c25131df268515131f647d726f50608", InstrumentError::Venue),
        ] {
            assert_eq!(text.parse::<InstrumentId>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_symbol_has_one_id_and_an_id_one_symbol(symbol in "[A-Z0-9a-v_/.:-]{1,26}", kind in 0usize..4) {
            let kind = [InstrumentKind::Spot, InstrumentKind::Perpetual, InstrumentKind::Future, InstrumentKind::Option][kind];
            let id = InstrumentId::new(Venue::Okx, kind, &symbol).expect("a symbol");
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let back = id.symbol().expect("a symbol");
            prop_assert_eq!(back.as_str(), symbol.as_str());
        }

        #[test]
        fn hostile_bytes_never_panic_and_are_invalid_or_bijective(bytes in proptest::array::uniform24(any::<u8>())) {
            let id = InstrumentId::read_from_bytes(&bytes).expect("24 bytes");
            let text = id.to_string();
            if id.is_valid() {
                prop_assert_eq!(text.parse(), Ok(id));
            }
        }
    }
}
