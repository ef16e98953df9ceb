//! What the simulated venue is told.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use mesh_types::Decimal64;
use serde::Deserialize;

use crate::binance::catalogue;
use crate::core::faults::{Fault, Rule};
use crate::core::instrument::Instrument;
use crate::core::units::from_decimal;

/// Settings; every field has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where it listens; port 0 takes any, and `HOME/run/NAME.addr` says which.
    pub listen: SocketAddr,
    /// Whether it may listen where other machines reach it.
    pub allow_remote: bool,
    /// Seed of the generated market.
    pub seed: u64,
    /// Symbols of the generated market.
    pub symbols: Vec<String>,
    /// Symbols that are not known by name.
    pub instruments: Vec<InstrumentSettings>,
    /// Seconds of generated past, for candles.
    pub history_s: u64,
    /// A recording in place of the generated market.
    pub tape: Option<TapeSettings>,
    /// Accounts.
    pub accounts: Vec<AccountSettings>,
    /// Fees in basis points.
    pub fees: FeeSettings,
    /// Time between an order's arrival and its execution.
    pub order_latency_ms: u64,
    /// Faults from the start.
    pub faults: BTreeMap<Fault, Rule>,
    /// Limits.
    pub limits: LimitSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 17_601)),
            allow_remote: false,
            seed: 1,
            symbols: vec!["BTCUSDT".into(), "ETHUSDT".into()],
            instruments: vec![],
            history_s: 300,
            tape: None,
            accounts: vec![AccountSettings::default()],
            fees: FeeSettings::default(),
            order_latency_ms: 0,
            faults: BTreeMap::new(),
            limits: LimitSettings::default(),
        }
    }
}

/// A symbol of the generated market.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentSettings {
    /// Its name.
    pub symbol: String,
    /// Base asset.
    pub base: String,
    /// Quote asset.
    pub quote: String,
    /// Price step.
    pub tick: Decimal64,
    /// Quantity step.
    pub lot: Decimal64,
    /// Least notional of an order.
    pub min_notional: Decimal64,
    /// Price at the start.
    pub price: Decimal64,
}

/// A recording.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapeSettings {
    /// The file: `<ns> <frame>` lines or JSON lines, plain or gzip.
    pub file: PathBuf,
    /// 1 for the recorded pace, 2 for twice as fast.
    #[serde(default = "one")]
    pub speed: f64,
    /// Whether it starts again at its end; connections are closed then.
    #[serde(default, rename = "loop")]
    pub looped: bool,
}

const fn one() -> f64 {
    1.0
}

/// An account.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSettings {
    /// API key.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// Balances at the start.
    pub balances: BTreeMap<String, Decimal64>,
}

/// The key of the account that is there by default. Anyone may know it: it opens nothing but this simulation, and is
/// refused where other machines can reach it.
pub const TEST_KEY: &str = "simvenue-test-key";
/// Its secret.
pub const TEST_SECRET: &str = "simvenue-test-secret";

impl Default for AccountSettings {
    fn default() -> Self {
        let balances = [("USDT", 100_000), ("BTC", 2), ("ETH", 30), ("BNB", 100)];
        Self {
            key: TEST_KEY.into(),
            secret: TEST_SECRET.into(),
            balances: balances.into_iter().map(|(asset, n)| (asset.into(), Decimal64::new(n, 0))).collect(),
        }
    }
}

impl core::fmt::Debug for AccountSettings {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AccountSettings").field("balances", &self.balances).finish_non_exhaustive()
    }
}

/// Fees.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeeSettings {
    /// Of resting orders, basis points.
    pub maker_bps: u16,
    /// Of taking orders, basis points.
    pub taker_bps: u16,
}

impl Default for FeeSettings {
    fn default() -> Self {
        Self { maker_bps: 10, taker_bps: 10 }
    }
}

/// Limits.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Weight of requests in a minute.
    pub weight_per_minute: u64,
    /// Orders of an account in 10 s.
    pub orders_per_10s: u64,
    /// Frames that wait for a client; one that lets more wait is disconnected.
    pub client_queue: usize,
    /// Connections at the same time.
    pub connections: usize,
    /// Time between two pings.
    pub ping_interval_ms: u64,
    /// A connection that does not answer pings for so long is closed.
    pub pong_timeout_ms: u64,
    /// A connection is closed after this time.
    pub connection_life_ms: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            weight_per_minute: 6_000,
            orders_per_10s: 50,
            client_queue: 4_096,
            connections: 256,
            ping_interval_ms: 20_000,
            pong_timeout_ms: 60_000,
            connection_life_ms: 86_400_000,
        }
    }
}

impl mesh_runtime::Settings for Settings {
    fn validate(&self) -> Result<(), String> {
        self.check_listen()?;
        self.check_accounts()?;
        self.check_limits()?;
        match &self.tape {
            Some(tape) => tape.check(),
            None => self.generated().map(|_| ()),
        }
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl Settings {
    /// The generated market's instruments and their prices at the start, of 10^-8.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    pub fn generated(&self) -> Result<Vec<(Instrument, i64)>, String> {
        let mut found: Vec<(Instrument, i64)> = Vec::new();
        for symbol in &self.symbols {
            let own = self.instruments.iter().find(|instrument| instrument.symbol == *symbol);
            let instrument = match own {
                Some(own) => own.instrument()?,
                None => catalogue::known(symbol).ok_or_else(|| {
                    let known: Vec<String> = catalogue::names().collect();
                    format!(
                        "symbols: expected one of {}, or one with an entry in `instruments`, found {symbol:?}",
                        known.join(", ")
                    )
                })?,
            };
            if found.iter().any(|(known, _)| known.symbol == *symbol) {
                return Err(format!("symbols: {symbol:?} is named twice"));
            }
            found.push(instrument);
        }
        if found.is_empty() { Err("symbols: expected at least one".into()) } else { Ok(found) }
    }

    fn check_listen(&self) -> Result<(), String> {
        if is_loopback(self.listen.ip()) {
            return Ok(());
        }
        if !self.allow_remote {
            return Err(format!(
                "listen: expected an address of this machine only, as 127.0.0.1:17601, found {}; set allow_remote = true \
                 where other machines shall reach it",
                self.listen
            ));
        }
        if self.accounts.iter().any(|account| account.key == TEST_KEY) {
            return Err(
                "accounts: the built-in test key is for this machine only; name keys of your own, or `accounts = []`"
                    .into(),
            );
        }
        Ok(())
    }

    fn check_accounts(&self) -> Result<(), String> {
        for (index, account) in self.accounts.iter().enumerate() {
            if account.key.is_empty() || account.secret.is_empty() {
                return Err(format!("accounts[{index}]: expected a key and a secret that are not empty"));
            }
            if self.accounts.iter().take(index).any(|other| other.key == account.key) {
                return Err(format!("accounts[{index}]: its key is that of another account"));
            }
            for (asset, amount) in &account.balances {
                if from_decimal(*amount).is_none_or(|amount| amount < 0) {
                    return Err(format!(
                        "accounts[{index}].balances.{asset}: expected an amount of at least 0 with at most 8 digits after \
                         the point, found {amount}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), String> {
        let limits = &self.limits;
        let positive = [
            ("weight_per_minute", limits.weight_per_minute),
            ("orders_per_10s", limits.orders_per_10s),
            ("client_queue", limits.client_queue as u64),
            ("connections", limits.connections as u64),
            ("ping_interval_ms", limits.ping_interval_ms),
            ("pong_timeout_ms", limits.pong_timeout_ms),
            ("connection_life_ms", limits.connection_life_ms),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("limits.{name}: expected a number above 0")),
            None if self.history_s > 86_400 => {
                Err(format!("history_s: expected at most 86400, found {}", self.history_s))
            }
            None => Ok(()),
        }
    }
}

impl TapeSettings {
    fn check(&self) -> Result<(), String> {
        if !(self.speed.is_finite() && self.speed > 0.0) {
            return Err(format!("tape.speed: expected a number above 0, as 1.0, found {}", self.speed));
        }
        match std::fs::metadata(&self.file) {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(format!("tape.file: expected a file, {} is none", self.file.display())),
            Err(error) => Err(format!(
                "tape.file: {} can't be read: {error}; give the path of a recording, or leave `tape` out for a generated \
                 market",
                self.file.display()
            )),
        }
    }
}

impl InstrumentSettings {
    fn instrument(&self) -> Result<(Instrument, i64), String> {
        let symbol = &self.symbol;
        let number = |name: &str, value: Decimal64| {
            from_decimal(value).filter(|value| *value > 0).ok_or_else(|| {
                format!("instruments.{symbol}.{name}: expected a number above 0 with at most 8 digits after the point, found {value}")
            })
        };
        let (tick, lot) = (number("tick", self.tick)?, number("lot", self.lot)?);
        let (min_notional, price) = (number("min_notional", self.min_notional)?, number("price", self.price)?);
        if price / tick < 1_000 {
            return Err(format!(
                "instruments.{symbol}.tick: expected at most a thousandth of the price, found {}",
                self.tick
            ));
        }
        let instrument = Instrument {
            symbol: symbol.clone(),
            base: self.base.clone(),
            quote: self.quote.clone(),
            tick,
            lot,
            min_quantity: lot,
            max_quantity: lot.saturating_mul(900_000_000),
            min_notional,
        };
        Ok((instrument, price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_runtime::Settings as _;

    fn validate(toml: &str) -> Result<(), String> {
        let settings: Settings = toml::from_str(toml).map_err(|error| error.to_string())?;
        settings.validate()
    }

    #[test]
    fn the_default_is_good_and_wrong_settings_say_what_to_do() {
        assert_eq!(validate(""), Ok(()));
        assert_eq!(validate("[faults]\ngap = { every = 100 }\n[limits]\nclient_queue = 3"), Ok(()));
        for (toml, words) in [
            ("listen = \"0.0.0.0:1\"", "allow_remote"),
            ("listen = \"0.0.0.0:1\"\nallow_remote = true", "test key"),
            ("symbols = [\"NOPE\"]", "BTCUSDT"),
            ("symbols = []", "at least one"),
            ("symbols = [\"BTCUSDT\", \"BTCUSDT\"]", "twice"),
            ("tape = { file = \"/does/not/exist\" }", "leave `tape` out"),
            ("tape = { file = \"/\", speed = 0 }", "above 0"),
            ("tape = { file = \"/\" }", "expected a file"),
            ("limits = { client_queue = 0 }", "client_queue"),
            ("[faults]\nnope = { every = 1 }", "unknown variant"),
            ("[[accounts]]\nkey = \"\"", "not empty"),
            ("[[accounts]]\nbalances = { BTC = \"-1\" }", "at least 0"),
            ("surprise = 1", "unknown field"),
        ] {
            let error = validate(toml).expect_err(toml);
            assert!(error.contains(words), "{toml}: {error}");
        }
    }

    #[test]
    fn own_instruments_are_taken() {
        let toml = "symbols = [\"FOOUSDT\"]\n[[instruments]]\nsymbol = \"FOOUSDT\"\nbase = \"FOO\"\nquote = \"USDT\"\n\
                    tick = \"0.001\"\nlot = \"0.1\"\nmin_notional = \"5\"\nprice = \"12.5\"";
        let settings: Settings = toml::from_str(toml).expect("settings");
        let found = settings.generated().expect("instruments");
        assert_eq!((found[0].0.tick, found[0].1), (100_000, 1_250_000_000));
        assert!(validate(&toml.replace("0.001", "1")).is_err());
    }
}
