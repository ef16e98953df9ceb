//! Where each instrument stands over all fills ever: one row an instrument, changed with each new fill in its transaction.
//!
//! A file that was written before these rows were kept gets them from its fills, which are never deleted.

use mesh_codec::{FrameBuilder, Message, Stamp};
use mesh_types::Side;
use mesh_types::execution::{Fill, Position};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::ErrorKind;

/// Adds a fill that has its row already.
pub(crate) fn add(connection: &Connection, seq: i64, fill: &Fill, message: &Message<'_>) -> Result<(), ErrorKind> {
    let known: Option<Vec<u8>> = connection
        .prepare_cached("SELECT frame FROM net_positions WHERE instrument = ?1")?
        .query_row([fill.instrument.to_string()], |row| row.get(0))
        .optional()?;
    let Some(known) = known else { return sum(connection, &fill.instrument.to_string()) };
    let known = Message::parse(&known).ok().and_then(|known| known.get::<Position>().copied());
    let known = known.ok_or_else(|| ErrorKind::Corrupt("a net position without its frame".to_owned()))?;
    write(connection, seq, &after(&known, fill)?, message)
}

/// Adds the rows of instruments that have fills and no row.
pub(crate) fn add_missing(connection: &Connection) -> Result<(), ErrorKind> {
    let sql = "SELECT DISTINCT instrument FROM fills WHERE instrument NOT IN (SELECT instrument FROM net_positions)";
    let mut statement = connection.prepare(sql)?;
    let missing = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    missing.iter().try_for_each(|instrument| sum(connection, instrument))
}

/// The row of an instrument from all its fills.
fn sum(connection: &Connection, instrument: &str) -> Result<(), ErrorKind> {
    let mut statement = connection.prepare("SELECT seq, frame FROM fills WHERE instrument = ?1 ORDER BY seq")?;
    let mut rows = statement.query([instrument])?;
    let (mut position, mut last) = (Position::default(), None);
    while let Some(row) = rows.next()? {
        let (seq, frame): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let fill = Message::parse(&frame).ok().and_then(|message| message.get::<Fill>().copied());
        let fill = fill.ok_or_else(|| ErrorKind::Corrupt("a fill without its frame".to_owned()))?;
        position = after(&position, &fill)?;
        last = Some((seq, frame));
    }
    let Some((seq, frame)) = last else { return Ok(()) };
    let message = Message::parse(&frame).map_err(|error| ErrorKind::Corrupt(error.to_string()))?;
    write(connection, seq, &position, &message)
}

fn after(position: &Position, fill: &Fill) -> Result<Position, ErrorKind> {
    let (held, quantity) = (position.quantity.get(), fill.quantity.get());
    let sum = match fill.side.get() {
        Some(Side::Buy) => held.checked_add(quantity).ok(),
        Some(Side::Sell) => held.checked_sub(quantity).ok(),
        None => None,
    };
    let sum = sum.ok_or_else(|| ErrorKind::Frame(format!("a fill of {quantity} can't be added to {held}")))?;
    Ok(Position {
        instrument: fill.instrument,
        quantity: sum.into(),
        fill_count: (position.fill_count.get() + 1).into(),
        updated_ns: fill.venue_ns,
        ..Position::default()
    })
}

/// Writes a row; its frame has the stamp of the fill that made it.
fn write(connection: &Connection, seq: i64, position: &Position, fill: &Message<'_>) -> Result<(), ErrorKind> {
    let id = fill.id();
    let stamp = Stamp {
        domain: fill.domain(),
        source: id.source,
        sequence: id.sequence.get(),
        timestamp_ns: fill.timestamp_ns(),
    };
    let mut frame = Vec::new();
    FrameBuilder::new(&mut frame, &stamp)
        .body(position)
        .finish()
        .map_err(|error| ErrorKind::Frame(error.to_string()))?;
    let values = params![position.instrument.to_string(), seq, position.quantity.get().to_string(), frame];
    connection.prepare_cached("INSERT OR REPLACE INTO net_positions VALUES (?1, ?2, ?3, ?4)")?.execute(values)?;
    Ok(())
}
