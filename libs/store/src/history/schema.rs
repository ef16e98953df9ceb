//! The tables of market history. Exact decimals are text with the sender's digits, times ns since the Unix epoch, instruments
//! as people write them. A change of the schema is a new entry in `MIGRATIONS`; entries are never edited.

/// `AMHI`: marks the file as ours.
pub const APPLICATION_ID: i64 = 0x414d_4849;

/// What brings a database from version n to n + 1.
pub(crate) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE candles (
    instrument TEXT NOT NULL,
    interval_ns INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('venue', 'trades')),
    open_ns INTEGER NOT NULL,
    open TEXT NOT NULL,
    high TEXT NOT NULL,
    low TEXT NOT NULL,
    close TEXT NOT NULL,
    volume TEXT NOT NULL,
    trade_count INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    venue_ns INTEGER NOT NULL,
    received_ns INTEGER NOT NULL,
    PRIMARY KEY (instrument, interval_ns, origin, open_ns)
) STRICT, WITHOUT ROWID;
CREATE TABLE positions (
    instrument TEXT PRIMARY KEY,
    trade_id TEXT NOT NULL,
    time_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE holes (
    instrument TEXT NOT NULL,
    from_ns INTEGER NOT NULL,
    to_ns INTEGER NOT NULL,
    missing INTEGER,
    PRIMARY KEY (instrument, from_ns, to_ns)
) STRICT, WITHOUT ROWID;
CREATE TABLE quotes (
    instrument TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    bid_price TEXT NOT NULL,
    bid_quantity TEXT NOT NULL,
    ask_price TEXT NOT NULL,
    ask_quantity TEXT NOT NULL,
    PRIMARY KEY (instrument, time_ns)
) STRICT, WITHOUT ROWID;
CREATE TABLE funding_rates (
    instrument TEXT NOT NULL,
    next_funding_ns INTEGER NOT NULL,
    interval_ns INTEGER NOT NULL,
    rate TEXT NOT NULL,
    mark_price TEXT NOT NULL,
    index_price TEXT NOT NULL,
    received_ns INTEGER NOT NULL,
    PRIMARY KEY (instrument, next_funding_ns)
) STRICT, WITHOUT ROWID;
CREATE TABLE open_interest (
    instrument TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    notional TEXT NOT NULL,
    PRIMARY KEY (instrument, time_ns)
) STRICT, WITHOUT ROWID;
CREATE TABLE universe (
    instrument TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    status TEXT NOT NULL,
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    tick TEXT NOT NULL,
    lot TEXT NOT NULL,
    min_notional TEXT NOT NULL,
    contract_size TEXT NOT NULL,
    PRIMARY KEY (instrument, since_ns)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE fetched (
    instrument TEXT NOT NULL,
    interval_ns INTEGER NOT NULL,
    from_ns INTEGER NOT NULL,
    upto_ns INTEGER NOT NULL,
    PRIMARY KEY (instrument, interval_ns)
) STRICT, WITHOUT ROWID;
",
];
