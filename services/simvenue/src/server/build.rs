//! Makes the venue that the settings describe.

use std::io;

use mesh_venues::binance::sign::Credentials;

use super::tape::TapeFile;
use crate::binance::generated::Generated;
use crate::binance::played::{Played, Survey};
use crate::binance::source::{Lines, Source, Tape};
use crate::binance::venue::Venue;
use crate::core::accounts::Balances;
use crate::core::exchange::{Exchange, basis_points};
use crate::core::faults::Faults;
use crate::core::instrument::Instrument;
use crate::core::units::from_decimal;
use crate::settings::{Settings, TapeSettings};

/// The venue, at `now_ns`. A recording is read once from end to end, to know what it holds.
///
/// # Errors
/// When the settings are wrong, or the recording can't be read or holds nothing.
pub fn venue(settings: &Settings, now_ns: u64) -> io::Result<Venue> {
    let (source, instruments) = source(settings, now_ns)?;
    let balances = settings.accounts.iter().map(|account| {
        let amount = |value| i128::from(from_decimal(value).unwrap_or(0));
        Balances::new(account.balances.iter().map(|(asset, value)| (asset.clone(), amount(*value))))
    });
    let rates = (basis_points(settings.fees.maker_bps.into()), basis_points(settings.fees.taker_bps.into()));
    let exchange = Exchange::new(instruments, balances.collect(), rates);
    let keys = settings
        .accounts
        .iter()
        .map(|account| Credentials::new(account.key.as_str().into(), account.secret.as_str().into()));
    let limits = &settings.limits;
    let faults = Faults::new(&settings.faults);
    Ok(Venue::new(source, exchange, keys.collect(), faults, limits.weight_per_minute, limits.orders_per_10s))
}

fn source(settings: &Settings, now_ns: u64) -> io::Result<(Source, Vec<Instrument>)> {
    if let Some(tape) = &settings.tape {
        return recorded(tape);
    }
    let generated = settings.generated().map_err(|text| io::Error::new(io::ErrorKind::InvalidInput, text))?;
    let history_ns = settings.history_s * 1_000_000_000;
    let market = Generated::new(&generated, settings.seed, now_ns, history_ns);
    Ok((Source::Generated(market), generated.into_iter().map(|(instrument, _)| instrument).collect()))
}

fn recorded(tape: &TapeSettings) -> io::Result<(Source, Vec<Instrument>)> {
    let mut lines = TapeFile::open(&tape.file)?;
    let mut survey = Survey::default();
    loop {
        match lines.next_line() {
            Ok(Some(line)) => survey.on_line(&line),
            Ok(None) => break,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
            // What came before a torn end can be played.
            Err(error) => {
                tracing::warn!(%error, file = %tape.file.display(), "the recording is torn: it ends there");
                break;
            }
        }
    }
    let instruments = survey.instruments();
    if instruments.is_empty() {
        let text = format!(
            "{} holds no stream that is known; expected `<ns> {{\"stream\":…,\"data\":…}}` or cryptofeed's JSON lines",
            tape.file.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    lines.rewind()?;
    let tape = Tape::new(Played::new(survey), Box::new(lines), tape.speed, tape.looped);
    Ok((Source::Tape(Box::new(tape)), instruments))
}
