//! Durable before sent: what a driver does with a batch before anybody sees its outputs.

use core::fmt;

use mesh_codec::{FrameBuffer, Frames};

/// Keeps what must survive a crash. The driver calls [`Ledger::commit`] after each batch, and publishes the outputs
/// only when it has returned.
pub trait Ledger {
    /// Makes a batch durable: what came in and what is about to go out, all or nothing.
    ///
    /// # Errors
    /// When it could not; the driver then ends the process, and starting again is the recovery.
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError>;

    /// Gives back what an actor must know after a restart, as frames in order.
    ///
    /// # Errors
    /// When the ledger can't be read.
    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError>;
}

/// The ledger failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerError {
    /// What happened, and what to do.
    pub reason: String,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ledger: {}", self.reason)
    }
}

impl core::error::Error for LedgerError {}

/// A ledger in memory, for the simulator: it keeps the frames of the given types and gives all of them back.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger {
    kept: FrameBuffer,
    types: Vec<u8>,
}

impl MemoryLedger {
    /// Keeps messages whose first TLV has one of these types.
    pub fn new(types: &[u8]) -> Self {
        Self { kept: FrameBuffer::new(), types: types.to_vec() }
    }

    /// What it has kept.
    pub fn frames(&self) -> Frames<'_> {
        self.kept.frames().into()
    }
}

impl Ledger for MemoryLedger {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        for (_, message) in inbox.chain(outbox) {
            let message = message.map_err(|error| LedgerError { reason: error.to_string() })?;
            if message.first().is_some_and(|tlv| self.types.contains(&tlv.number)) {
                self.kept.push(&message);
            }
        }
        Ok(())
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.kept.frames().iter().for_each(|message| each(message.frame()));
        Ok(())
    }
}
