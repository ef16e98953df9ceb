//! Market bodies: what venues and chains say. Each has two times: the venue's and the moment we received it.

use crate::decimal::PackedDecimal;
use crate::enums::{BookHealth, InstrumentStatus, Side, VenueState};
use crate::fixed::FixedStr;
use crate::instrument::{InstrumentId, Venue};
use crate::limits::{MAX_ORDER_LEVELS, MAX_POOL_TOKENS};
use crate::wire::{Coded, F64, I64, Tailed, U16, U32, U64};
use crate::wire_struct;

wire_struct! {
    /// One trade.
    Trade, 68 {
        /// What was traded.
        instrument: InstrumentId,
        /// Price in the quote currency.
        price: PackedDecimal,
        /// Quantity of the base.
        quantity: PackedDecimal,
        /// The taker's side.
        side: Coded<Side>,
        /// Zero.
        reserved: u8,
        /// The venue's trade id.
        trade_id: U64,
        /// When the venue says it happened, ns since the Unix epoch; 0 where it does not say.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// Best bid and offer.
    Quote, 84 {
        /// The instrument.
        instrument: InstrumentId,
        /// Best bid.
        bid_price: PackedDecimal,
        /// Quantity at the best bid.
        bid_quantity: PackedDecimal,
        /// Best offer.
        ask_price: PackedDecimal,
        /// Quantity at the best offer.
        ask_quantity: PackedDecimal,
        /// The venue's sequence; 0 where it has none.
        sequence: U64,
        /// When the venue says so, ns since the Unix epoch; 0 where it does not say.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// One level of a book, at the exponents that the message states.
    BookLevel, 16 {
        /// Price mantissa.
        price: I64,
        /// Quantity mantissa; 0 in a delta removes the level.
        quantity: I64,
    }
}

macro_rules! book_message {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        wire_struct! {
            $(#[doc = $doc])+
            $name, 72 {
                /// The instrument.
                instrument: InstrumentId,
                /// First venue sequence that this message covers.
                first_sequence: U64,
                /// Last venue sequence that this message covers.
                last_sequence: U64,
                /// Last venue sequence of the message before it; the receiver's book must stand there.
                previous_sequence: U64,
                /// When the venue says so, ns since the Unix epoch; 0 where it does not say.
                venue_ns: U64,
                /// When its packet was received, ns since the Unix epoch.
                received_ns: U64,
                /// Exponent of all prices.
                price_exponent: i8,
                /// Exponent of all quantities.
                quantity_exponent: i8,
                /// Whether the book can be trusted.
                health: Coded<BookHealth>,
                /// Levels a side that the view holds; levels beyond are not told.
                depth: u8,
                /// Bid levels that follow, best first.
                bid_count: U16,
                /// Ask levels that follow the bids, best first.
                ask_count: U16,
            }
        }

        impl Tailed for $name {
            type Item = BookLevel;
            const ITEM_NAME: &'static str = "levels";
            const MAX_ITEMS: usize = 2 * MAX_ORDER_LEVELS;
            fn item_count(&self) -> usize {
                usize::from(self.bid_count.get()) + usize::from(self.ask_count.get())
            }
        }
    };
}

book_message! {
    /// The best levels of a book, whole. A receiver replaces its book by it.
    BookSnapshot
}

book_message! {
    /// Changes of the best levels since the message before. A level with quantity 0 has left the view.
    BookDelta
}

wire_struct! {
    /// One candle; `closed` is 1 once it can't change.
    Candle, 112 {
        /// The instrument.
        instrument: InstrumentId,
        /// Length of the interval in ns.
        interval_ns: U64,
        /// Start of the interval, ns since the Unix epoch.
        open_ns: U64,
        /// First price.
        open: PackedDecimal,
        /// Highest price.
        high: PackedDecimal,
        /// Lowest price.
        low: PackedDecimal,
        /// Last price.
        close: PackedDecimal,
        /// Base quantity traded.
        volume: PackedDecimal,
        /// Trades in it.
        trade_count: U32,
        /// 1 when it can't change any more.
        closed: u8,
        /// Zero.
        reserved: [u8; 6],
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// Mark and index price, and funding, of a perpetual.
    Mark, 83 {
        /// The instrument.
        instrument: InstrumentId,
        /// Mark price.
        mark_price: PackedDecimal,
        /// Index price.
        index_price: PackedDecimal,
        /// Funding rate per interval, a fraction of the notional.
        funding_rate: PackedDecimal,
        /// Interval that the rate is for, ns; 0 where the venue does not say.
        funding_interval_ns: U64,
        /// Next funding, ns since the Unix epoch.
        next_funding_ns: U64,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// Open interest.
    OpenInterest, 58 {
        /// The instrument.
        instrument: InstrumentId,
        /// Open contracts, in base quantity.
        quantity: PackedDecimal,
        /// Their value in the quote currency; 0 where the venue does not say.
        notional: PackedDecimal,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// A forced liquidation; venues publish samples, not all of them.
    Liquidation, 60 {
        /// The instrument.
        instrument: InstrumentId,
        /// Price of the order or its average fill.
        price: PackedDecimal,
        /// Base quantity.
        quantity: PackedDecimal,
        /// Side of the liquidating order.
        side: Coded<Side>,
        /// Zero.
        reserved: u8,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// Trades that were missed, or may have been, and could not be had afterwards.
    TradeGap, 56 {
        /// The instrument.
        instrument: InstrumentId,
        /// Id of the first that was missed; 0 where the venue does not count its trades.
        first_trade_id: U64,
        /// Id of the last that was missed; 0 likewise.
        last_trade_id: U64,
        /// The venue's time of the trade before them, ns since the Unix epoch.
        after_ns: U64,
        /// The venue's time of the trade after them, ns since the Unix epoch.
        before_ns: U64,
    }
}

wire_struct! {
    /// What may be ordered of an instrument, and in which steps.
    InstrumentInfo, 120 {
        /// The instrument.
        instrument: InstrumentId,
        /// Price step.
        tick: PackedDecimal,
        /// Quantity step.
        lot: PackedDecimal,
        /// Least quantity of an order.
        min_quantity: PackedDecimal,
        /// Greatest quantity of an order; 0 for no bound.
        max_quantity: PackedDecimal,
        /// Least notional of an order.
        min_notional: PackedDecimal,
        /// Base asset, as the venue spells it.
        base: FixedStr<12>,
        /// Quote asset, as the venue spells it.
        quote: FixedStr<12>,
        /// Whether it can be traded.
        status: Coded<InstrumentStatus>,
        /// Base units of one contract; 1 for spot.
        contract_size: PackedDecimal,
        /// Zero.
        reserved: u8,
        /// When the venue says so, ns since the Unix epoch; 0 where it does not say.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

impl InstrumentInfo {
    /// Exponent that holds every multiple of the tick.
    pub fn price_exponent(&self) -> i8 {
        self.tick.exponent
    }

    /// Exponent that holds every multiple of the lot.
    pub fn quantity_exponent(&self) -> i8 {
        self.lot.exponent
    }
}

wire_struct! {
    /// State of a feed.
    VenueStatus, 80 {
        /// The venue.
        venue: Coded<Venue>,
        /// How its feed is.
        state: Coded<VenueState>,
        /// Zero.
        reserved: [u8; 6],
        /// Since when, ns since the Unix epoch.
        since_ns: U64,
        /// Why, for people.
        reason: FixedStr<64>,
    }
}

wire_struct! {
    /// A token of a pool.
    PoolToken, 22 {
        /// Address on the pool's chain.
        address: [u8; 20],
        /// Decimals of its smallest unit.
        decimals: u8,
        /// Zero.
        reserved: u8,
    }
}

wire_struct! {
    /// What a pool is.
    PoolInfo, 56 {
        /// The pool.
        instrument: InstrumentId,
        /// Exchange and version, as `uniswap_v3`.
        protocol: FixedStr<16>,
        /// Fee in hundredths of a basis point.
        fee_pips: U32,
        /// Tick spacing; 0 where the pool has no ticks.
        tick_spacing: U32,
        /// Tokens that follow.
        token_count: U16,
        /// Zero.
        reserved: [u8; 6],
    }
}

impl Tailed for PoolInfo {
    type Item = PoolToken;
    const ITEM_NAME: &'static str = "tokens";
    const MAX_ITEMS: usize = MAX_POOL_TOKENS;
    fn item_count(&self) -> usize {
        usize::from(self.token_count.get())
    }
}

wire_struct! {
    /// A swap in a pool. Amounts are signed 256-bit integers in the tokens' smallest units, two's complement,
    /// little-endian; positive goes into the pool.
    PoolSwap, 188 {
        /// The pool.
        instrument: InstrumentId,
        /// Change of the first token.
        amount_0: [u8; 32],
        /// Change of the second token.
        amount_1: [u8; 32],
        /// Square root of the price after it, Q64.96, unsigned; 0 where the pool has none.
        sqrt_price_x96: [u8; 32],
        /// Block number.
        block: U64,
        /// Index of the log in its block.
        log_index: U32,
        /// 1 when a reorganisation took it back.
        removed: u8,
        /// Zero.
        reserved: [u8; 7],
        /// Hash of its transaction.
        transaction: [u8; 32],
        /// Time of the block, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// A pool's state after a block. 256-bit integers, unsigned, little-endian.
    PoolState, 192 {
        /// The pool.
        instrument: InstrumentId,
        /// Reserve of the first token; 0 for pools of concentrated liquidity.
        reserve_0: [u8; 32],
        /// Reserve of the second token; 0 for pools of concentrated liquidity.
        reserve_1: [u8; 32],
        /// Square root of the price, Q64.96; 0 for pools of reserves.
        sqrt_price_x96: [u8; 32],
        /// Liquidity in range; 0 for pools of reserves.
        liquidity: [u8; 16],
        /// Current tick.
        tick: I64,
        /// Block number.
        block: U64,
        /// Hash of the block.
        block_hash: [u8; 32],
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// Liquidity added to or taken from a pool.
    PoolLiquidity, 148 {
        /// The pool.
        instrument: InstrumentId,
        /// Lower tick; the least for pools of reserves.
        tick_lower: I64,
        /// Upper tick; the greatest for pools of reserves.
        tick_upper: I64,
        /// Signed change of liquidity, two's complement, little-endian.
        liquidity_delta: [u8; 32],
        /// Block number.
        block: U64,
        /// Index of the log in its block.
        log_index: U32,
        /// 1 when a reorganisation took it back.
        removed: u8,
        /// Zero.
        reserved: [u8; 15],
        /// Hash of its transaction.
        transaction: [u8; 32],
        /// Time of the block, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// A new head of a chain.
    Block, 112 {
        /// EIP-155 chain id.
        chain: U64,
        /// Block number.
        number: U64,
        /// Its hash.
        hash: [u8; 32],
        /// Its parent's hash.
        parent: [u8; 32],
        /// Base fee in wei.
        base_fee_wei: U64,
        /// Gas used.
        gas_used: U64,
        /// Time of the block, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}

wire_struct! {
    /// Features of one bar, as indicators compute them.
    Features, 112 {
        /// The instrument.
        instrument: InstrumentId,
        /// Start of the bar, ns since the Unix epoch.
        bar_ns: U64,
        /// Length of the bar, ns.
        interval_ns: U64,
        /// Body of the bar over the average true range.
        body_over_atr: F64,
        /// Volume, in standard deviations from its mean.
        volume_z: F64,
        /// Book imbalance, -1 to 1.
        book_imbalance: F64,
        /// Premium of mark over index, a fraction.
        premium: F64,
        /// Realised volatility per hour, a fraction.
        realized_volatility: F64,
        /// Spread in basis points.
        spread_bps: F64,
        /// Funding rate per 8 hours, a fraction.
        funding_rate_8h: F64,
        /// Open interest in the quote currency.
        open_interest: F64,
        /// Bit n is set where the n-th value above is known.
        known: U64,
    }
}

wire_struct! {
    /// Something a watched address did.
    ChainEvent, 200 {
        /// EIP-155 chain id.
        chain: U64,
        /// Block number; 0 while pending.
        block: U64,
        /// Hash of its transaction.
        transaction: [u8; 32],
        /// Index of the log in its block.
        log_index: U32,
        /// 1 when a reorganisation took it back.
        removed: u8,
        /// Zero.
        reserved: [u8; 3],
        /// The watched address.
        address: [u8; 20],
        /// The other side.
        counterparty: [u8; 20],
        /// The token; zero for the chain's own.
        token: [u8; 20],
        /// Amount in smallest units, unsigned, little-endian.
        amount: [u8; 32],
        /// What kind of event, as `transfer`.
        kind: FixedStr<36>,
        /// Time of the block, ns since the Unix epoch.
        venue_ns: U64,
        /// When its packet was received, ns since the Unix epoch.
        received_ns: U64,
    }
}
