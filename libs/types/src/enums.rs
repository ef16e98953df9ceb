//! The closed vocabulary: every enum that crosses the wire, with its code and its name.

use core::fmt;

use crate::wire_enum;

/// A word that names no variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The enum.
    pub kind: &'static str,
    /// Its words.
    pub expected: &'static [&'static str],
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a {}: one of {}", self.kind, self.expected.join(", "))
    }
}

impl core::error::Error for UnknownName {}

wire_enum! {
    /// What a message is about, and so which relay carries it.
    Domain, "domain" {
        /// What venues and chains say.
        Market = 1, "market";
        /// What strategies conclude.
        Signal = 2, "signal";
        /// Orders and their fate.
        Execution = 3, "execution";
        /// The mesh itself; carried inside every domain's relay, and kept in journals.
        System = 4, "system";
    }
}

wire_enum! {
    /// Buy or sell; of a trade, the taker's side.
    Side, "side" {
        /// Buys the base.
        Buy = 1, "buy";
        /// Sells the base.
        Sell = 2, "sell";
    }
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

wire_enum! {
    /// How much a book can be trusted. New risk is taken on a live book only.
    BookHealth, "book_health" {
        /// Continuous and coherent.
        Live = 1, "live";
        /// A break was seen; shown for orientation only.
        Suspect = 2, "suspect";
        /// Waiting for, or bridging from, a fresh snapshot.
        Resyncing = 3, "resyncing";
    }
}

wire_enum! {
    /// What a process does with money.
    Mode, "mode" {
        /// Orders go to the paper exchange.
        Paper = 1, "paper";
        /// Everything but the last send.
        DryLive = 2, "dry_live";
        /// Orders go to the venue.
        Live = 3, "live";
    }
}

wire_enum! {
    /// What a connected process is.
    Role, "role" {
        /// Publishes only.
        Publisher = 1, "publisher";
        /// Listens only.
        Subscriber = 2, "subscriber";
        /// Does both.
        Peer = 3, "peer";
    }
}

wire_enum! {
    /// Life of an instrument at its venue.
    InstrumentStatus, "instrument_status" {
        /// Can be traded.
        Trading = 1, "trading";
        /// Trading is interrupted.
        Halted = 2, "halted";
        /// Orders can be cancelled only.
        CancelOnly = 3, "cancel_only";
        /// Announced, not traded yet.
        PreTrading = 4, "pre_trading";
        /// Gone.
        Delisted = 5, "delisted";
    }
}

wire_enum! {
    /// State of a feed from a venue.
    VenueState, "venue_state" {
        /// Connected, data flowing.
        Up = 1, "up";
        /// Connected, but silent or late.
        Degraded = 2, "degraded";
        /// Not connected.
        Down = 3, "down";
        /// The venue says that it is under maintenance.
        Maintenance = 4, "maintenance";
    }
}

wire_enum! {
    /// What a strategy proposes.
    SignalAction, "signal_action" {
        /// Open a long position, or add to it.
        EnterLong = 1, "enter_long";
        /// Open a short position, or add to it.
        EnterShort = 2, "enter_short";
        /// Close a long position.
        ExitLong = 3, "exit_long";
        /// Close a short position.
        ExitShort = 4, "exit_short";
    }
}

impl SignalAction {
    /// True for proposals that take new risk.
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::EnterLong | Self::EnterShort)
    }

    /// The side of the order it leads to.
    pub const fn side(self) -> Side {
        match self {
            Self::EnterLong | Self::ExitShort => Side::Buy,
            Self::EnterShort | Self::ExitLong => Side::Sell,
        }
    }
}

wire_enum! {
    /// Confidence tier of a signal; its rank is its code.
    Confidence, "confidence" {
        /// Weakest that may trade.
        Low = 1, "low";
        /// Between the two.
        Medium = 2, "medium";
        /// Strongest.
        High = 3, "high";
    }
}

wire_enum! {
    /// How an order is priced.
    OrderType, "order_type" {
        /// At the best there is.
        Market = 1, "market";
        /// At its price or better.
        Limit = 2, "limit";
        /// At its price or better, refused where it would take.
        PostOnly = 3, "post_only";
    }
}

wire_enum! {
    /// What an order waits for before it is worked.
    TriggerKind, "trigger_kind" {
        /// Nothing.
        None = 0, "none";
        /// A price at or beyond its trigger, against the position that it protects.
        Stop = 1, "stop";
        /// A price at or beyond its trigger, in favour of the position.
        TakeProfit = 2, "take_profit";
        /// As a stop, whose trigger follows the best price at a distance.
        TrailingStop = 3, "trailing_stop";
    }
}

wire_enum! {
    /// How long an order stands.
    TimeInForce, "time_in_force" {
        /// Until cancelled.
        Gtc = 1, "gtc";
        /// What can be filled at once; the rest is cancelled.
        Ioc = 2, "ioc";
        /// All at once or nothing.
        Fok = 3, "fok";
    }
}

wire_enum! {
    /// Where an order is in its life. `Unknown` counts as its worst case until it is resolved.
    OrderState, "order_state" {
        /// Written down, not sent.
        Intended = 1, "intended";
        /// Sent, no answer yet.
        Sent = 2, "sent";
        /// Resting or working at the venue.
        Accepted = 3, "accepted";
        /// Part of it is filled.
        PartiallyFilled = 4, "partially_filled";
        /// All of it is filled. Final.
        Filled = 5, "filled";
        /// Taken back, by us or the venue. Final.
        Cancelled = 6, "cancelled";
        /// Refused. Final.
        Rejected = 7, "rejected";
        /// The venue must be asked.
        Unknown = 8, "unknown";
    }
}

impl OrderState {
    /// True where nothing more can happen to the order.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected)
    }
}

wire_enum! {
    /// Why an order, or a signal before it, was refused.
    RejectReason, "reject_reason" {
        /// Not refused.
        None = 0, "none";
        /// A kill switch is on.
        KillSwitch = 1, "kill_switch";
        /// More orders in the window than allowed.
        RateLimit = 2, "rate_limit";
        /// The order's notional is above its limit.
        OrderNotional = 3, "order_notional";
        /// The position would be above its limit.
        PositionNotional = 4, "position_notional";
        /// Size or price is not a multiple of lot or tick, or below the least.
        Filter = 5, "filter";
        /// No live book to price it.
        BookNotLive = 6, "book_not_live";
        /// No instrument information.
        UnknownInstrument = 7, "unknown_instrument";
        /// Balance or margin is not enough.
        InsufficientFunds = 8, "insufficient_funds";
        /// It would have taken, and may not.
        WouldTake = 9, "would_take";
        /// All at once was not possible.
        NotFillable = 10, "not_fillable";
        /// The same client order id with other contents.
        Conflict = 11, "conflict";
        /// The input is too old.
        Stale = 12, "stale";
        /// The venue said so; its text stands beside.
        Venue = 13, "venue";
        /// The message could not be understood.
        Malformed = 14, "malformed";
        /// There is nothing to close.
        NoPosition = 15, "no_position";
        /// Still within the pause after the last entry.
        Cooldown = 16, "cooldown";
        /// An order for the instrument is working already.
        OrderPending = 17, "order_pending";
        /// A limit on loss has tripped.
        Tripped = 18, "tripped";
        /// A limit of risk that has no reason of its own; the gate says which.
        RiskLimit = 19, "risk_limit";
    }
}

wire_enum! {
    /// Whose limits.
    Scope, "scope" {
        /// The whole mesh.
        Mesh = 1, "mesh";
        /// A venue.
        Venue = 2, "venue";
        /// A strategy.
        Strategy = 3, "strategy";
        /// An instrument.
        Symbol = 4, "symbol";
    }
}

wire_enum! {
    /// What a gate's numbers are in.
    Unit, "unit" {
        /// It measures nothing: yes or no.
        None = 0, "none";
        /// So many.
        Count = 1, "count";
        /// Milliseconds.
        Milliseconds = 2, "ms";
        /// Hundredths of a percent.
        BasisPoints = 3, "bps";
        /// The quote currency.
        Quote = 4, "quote";
        /// The base currency.
        Base = 5, "base";
        /// Multiples.
        Times = 6, "times";
        /// Percent.
        Percent = 7, "percent";
        /// A level of a kill switch.
        Level = 8, "level";
        /// Gas price, 10^-9 of the chain's coin.
        Gwei = 9, "gwei";
    }
}

wire_enum! {
    /// What a gate, or all of them together, said of a candidate.
    Outcome, "outcome" {
        /// Nothing: the message is of a build that did not say.
        None = 0, "none";
        /// As it was asked for.
        Allow = 1, "allow";
        /// Less than was asked for.
        Reduce = 2, "reduce";
        /// No.
        Deny = 3, "deny";
        /// No, and nothing else either until the trip ends or is reset.
        Trip = 4, "trip";
    }
}

wire_enum! {
    /// A check of risk.
    Gate, "gate" {
        /// None.
        None = 0, "none";
        /// Is the intent one that can be read?
        Intent = 1, "intent";
        /// Kill switches.
        KillSwitch = 2, "kill_switch";
        /// Something happened that can't be explained.
        Halt = 3, "halt";
        /// Loss since the day began (UTC), open positions at their worse price.
        DailyLoss = 4, "daily_loss";
        /// Loss since the greatest profit, open positions at their worse price.
        Drawdown = 5, "drawdown";
        /// Losing positions in a row.
        LossStreak = 6, "loss_streak";
        /// Losing positions within a window.
        StopGuard = 7, "stop_guard";
        /// Is the instrument known, and does it trade?
        Instrument = 8, "instrument";
        /// Orders of an earlier run whose fate is not known.
        Unresolved = 9, "unresolved";
        /// Age of the signal.
        SignalAge = 10, "signal_age";
        /// Is the book live?
        BookHealth = 11, "book_health";
        /// Is the best bid below the best ask?
        BookCrossed = 12, "book_crossed";
        /// Age of the book.
        BookAge = 13, "book_age";
        /// Spot can't be sold short.
        SpotShort = 14, "spot_short";
        /// An order of the same owner is working.
        Working = 15, "working";
        /// Pause between two entries.
        Cooldown = 16, "cooldown";
        /// Is there something to close?
        Holding = 17, "holding";
        /// The venue's clock against ours.
        ClockOffset = 18, "clock_offset";
        /// The book's middle against the venue's index.
        OracleGap = 19, "oracle_gap";
        /// Price of gas.
        GasBudget = 20, "gas_budget";
        /// Funding that the position pays.
        FundingCost = 21, "funding_cost";
        /// Distance to the price of liquidation.
        LiquidationDistance = 22, "liquidation_distance";
        /// Distance of the worst price from the best.
        PriceBand = 23, "price_band";
        /// Distance of the expected price from the best.
        Slippage = 24, "slippage";
        /// Entries within a window.
        EntryRate = 25, "entry_rate";
        /// Exits within a window.
        ExitRate = 26, "exit_rate";
        /// Cancels within a window.
        CancelRate = 27, "cancel_rate";
        /// Notional of the order.
        OrderNotional = 28, "order_notional";
        /// Notional of the instrument's positions.
        PositionNotional = 29, "position_notional";
        /// Notional of all positions.
        TotalNotional = 30, "total_notional";
        /// Notional of all positions over the equity.
        Leverage = 31, "leverage";
        /// Notional of the instrument's positions in the equity.
        Concentration = 32, "concentration";
        /// Notional of a group of instruments that move together.
        Correlation = 33, "correlation";
        /// Share of the book that the order takes.
        Liquidity = 34, "liquidity";
        /// Multiple of the lot.
        Lot = 35, "lot";
        /// Multiple of the tick.
        Tick = 36, "tick";
        /// Least quantity of an order.
        LeastQuantity = 37, "least_quantity";
        /// Greatest quantity of an order.
        GreatestQuantity = 38, "greatest_quantity";
        /// Least notional of an order.
        LeastNotional = 39, "least_notional";
        /// Entries of one bar.
        BarBudget = 40, "bar_budget";
    }
}

wire_enum! {
    /// Why an order ended before it was filled.
    CancelReason, "cancel_reason" {
        /// It was asked for.
        Requested = 1, "requested";
        /// An immediate order found no more to take.
        Unfilled = 2, "unfilled";
        /// The venue ended it.
        Venue = 3, "venue";
        /// A kill switch ended it.
        KillSwitch = 4, "kill_switch";
        /// The order that it was linked to has begun.
        Linked = 5, "linked";
        /// Another order took its place.
        Replaced = 6, "replaced";
        /// Its time was over.
        Expired = 7, "expired";
    }
}

wire_enum! {
    /// How much a kill switch stops.
    KillLevel, "kill_level" {
        /// Off.
        None = 0, "none";
        /// Exits only.
        CloseOnly = 1, "close_only";
        /// No orders, but exits asked for by a person.
        HaltAll = 2, "halt_all";
        /// Nothing at all.
        Hard = 3, "hard";
    }
}

wire_enum! {
    /// Why a relay ended a connection.
    LogoutReason, "logout_reason" {
        /// The first message was no hello.
        HelloExpected = 1, "hello_expected";
        /// Another protocol version.
        ProtocolVersion = 2, "protocol_version";
        /// Another mesh.
        MeshId = 3, "mesh_id";
        /// Another mode: a paper process can't join a live mesh.
        Mode = 4, "mode";
        /// Another user's process.
        PeerUser = 5, "peer_user";
        /// Bytes that are no message of this domain.
        BadFrame = 6, "bad_frame";
        /// Too slow where nothing may be dropped.
        TooSlow = 7, "too_slow";
        /// A source id that another connection uses.
        SourceInUse = 8, "source_in_use";
        /// The relay is going down.
        Shutdown = 9, "shutdown";
        /// No hello, or no reaction, in time.
        Timeout = 10, "timeout";
        /// No more connections are taken.
        TooMany = 11, "too_many";
    }
}

wire_enum! {
    /// What becomes of a sweep that was asked for.
    SweepState, "sweep_state" {
        /// It waits for those before it.
        Queued = 1, "queued";
        /// It runs.
        Running = 2, "running";
        /// All of it is there, and its candidates were sent.
        Done = 3, "done";
        /// Its process was stopped; it goes on when that starts again.
        Stopped = 4, "stopped";
        /// It was not taken.
        Refused = 5, "refused";
        /// It can't be run, or went wrong; asked for again it is tried again.
        Failed = 6, "failed";
    }
}

wire_enum! {
    /// What a number of a candidate is.
    FigureKind, "figure_kind" {
        /// A parameter's value.
        Parameter = 1, "parameter";
        /// The value of a goal.
        Goal = 2, "goal";
        /// A figure over what was swept.
        Train = 3, "train";
        /// A figure over the rest of the data.
        Test = 4, "test";
    }
}
