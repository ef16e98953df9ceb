//! What is on the disks: ledgers that are watched, and that can be full.

use std::cell::RefCell;
use std::rc::Rc;

use fastrand::Rng;
use mesh_actor::{Ledger, LedgerError};
use mesh_codec::Frames;

/// The frames that a ledger has made durable, in order; shared with whoever checks them.
#[derive(Clone, Debug, Default)]
pub struct Witness(Rc<RefCell<Vec<u8>>>);

impl Witness {
    /// What has come since the last call.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.borrow_mut())
    }
}

/// How often a disk is full, in a thousand commits; shared, so that it can be made room on.
#[derive(Clone, Debug, Default)]
pub struct FullDisk(Rc<RefCell<u16>>);

impl FullDisk {
    /// From now on.
    pub fn set(&self, permille: u16) {
        *self.0.borrow_mut() = permille;
    }
}

/// A ledger whose commits are seen, and fail now and then.
pub struct Watched {
    ledger: Box<dyn Ledger>,
    witness: Witness,
    full: FullDisk,
    rng: Rng,
}

impl Watched {
    /// Watches `ledger`.
    pub fn new(ledger: Box<dyn Ledger>, full: FullDisk, seed: u64) -> (Self, Witness) {
        let witness = Witness::default();
        (Self { ledger, witness: witness.clone(), full, rng: Rng::with_seed(seed) }, witness)
    }
}

impl Ledger for Watched {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        if self.rng.u16(0..1000) < *self.full.0.borrow() {
            return Err(LedgerError { reason: "no space left on device".to_owned() });
        }
        self.ledger.commit(inbox.clone(), outbox.clone())?;
        let mut seen = self.witness.0.borrow_mut();
        for (_, message) in inbox.chain(outbox) {
            message.iter().for_each(|message| seen.extend_from_slice(message.frame()));
        }
        Ok(())
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.ledger.recover(each)
    }
}
