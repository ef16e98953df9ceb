//! Reads a journal, batch by batch.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use mesh_types::Domain;
use mesh_types::wire::WireEnum;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::{
    BATCH, END, JOURNAL_FILE, JOURNAL_HEADER_BYTES, JournalHeader, OUTCOME, Outcome, RECORD_HEAD_BYTES, REFERENCE,
    RecordHead, Reference, TIMER, WHOLE, WireHeader, WireInput, WireOutcome,
};
use crate::error::CaptureError;

/// Finds the message that a reference names.
pub trait Resolve {
    /// Puts the message's frame in place of `frame`, and says whether there is one.
    ///
    /// # Errors
    /// When the system refuses.
    fn resolve(&mut self, reference: &Reference, frame: &mut Vec<u8>) -> Result<bool, CaptureError>;
}

/// One input of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A message that the capture has.
    Reference(Reference),
    /// A message, whole.
    Whole(&'a [u8]),
    /// A timer that fired.
    Timer(u64),
}

/// What an actor was given at one time.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// The time that the actor was told, ns since the Unix epoch.
    pub stamp_ns: u64,
    /// How many inputs.
    pub count: u32,
    /// What it made of them; `None` where the run died before it said so.
    pub outcome: Option<Outcome>,
    inputs: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The inputs, in order.
    pub const fn inputs(&self) -> Inputs<'a> {
        Inputs { bytes: self.inputs }
    }
}

/// The inputs of a batch, in order.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Inputs<'a> {
    type Item = Input<'a>;

    fn next(&mut self) -> Option<Input<'a>> {
        let (head, rest) = WireInput::ref_from_prefix(self.bytes).ok()?;
        self.bytes = rest;
        match head.tag {
            REFERENCE => Some(Input::Reference(Reference {
                domain: Domain::from_code(head.domain)?,
                source: head.source,
                sequence: head.high.get(),
                timestamp_low: head.low.get(),
            })),
            WHOLE => {
                let (frame, rest) = rest.split_at_checked(head.low.get() as usize)?;
                self.bytes = rest;
                Some(Input::Whole(frame))
            }
            TIMER => Some(Input::Timer(head.high.get())),
            _ => None,
        }
    }
}

/// How a journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its run ended in order, with this state digest.
    Finished {
        /// Digest of the actor's last state.
        state_digest: u64,
    },
    /// Its run was killed, or goes on: the last record is whole.
    Open,
    /// The last record is not whole.
    Torn {
        /// Bytes from the start of the journal to it.
        offset: u64,
    },
}

/// Reads a journal.
#[derive(Debug)]
pub struct JournalReader<R> {
    source: R,
    header: JournalHeader,
    seed: u32,
    offset: u64,
    body: Vec<u8>,
    /// The record after the batch at hand, where it was read already.
    ahead: Option<(RecordHead, Vec<u8>)>,
    ending: Option<Ending>,
}

/// Reads a journal in memory. Never panics, whatever the bytes are.
///
/// # Errors
/// What is there instead of a journal's header.
pub fn read_journal(bytes: &[u8]) -> Result<JournalReader<&[u8]>, CaptureError> {
    JournalReader::new(bytes, Path::new("memory"))
}

impl JournalReader<BufReader<File>> {
    /// Opens a run's journal: its file, or its directory.
    ///
    /// # Errors
    /// When there is none, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let path = if path.is_dir() { path.join(JOURNAL_FILE) } else { path.to_owned() };
        let file = File::open(&path).map_err(CaptureError::io("open", &path))?;
        Self::new(BufReader::with_capacity(256 * 1024, file), &path)
    }
}

impl<R: Read> JournalReader<R> {
    fn new(mut source: R, path: &Path) -> Result<Self, CaptureError> {
        let mut wire = WireHeader::new_zeroed();
        let not = |found| CaptureError::NotAJournal { path: path.to_owned(), found };
        source.read_exact(wire.as_mut_bytes()).map_err(|_| not("less bytes than a header"))?;
        let header = wire.check().map_err(not)?;
        let offset = JOURNAL_HEADER_BYTES as u64;
        Ok(Self { source, header, seed: wire.seed(), offset, body: Vec::new(), ahead: None, ending: None })
    }

    /// Whose it is.
    pub const fn header(&self) -> &JournalHeader {
        &self.header
    }

    /// How the journal ends; `None` until the last batch was read.
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The next batch; `None` at the end, where [`JournalReader::ending`] says how it ends.
    pub fn next_batch(&mut self) -> Option<Batch<'_>> {
        let head = self.next_record_of(BATCH)?;
        let outcome = self.outcome();
        Some(Batch { stamp_ns: head.stamp_ns.get(), count: head.count.get(), outcome, inputs: &self.body })
    }

    /// Moves to the next record of a kind, and puts its body in place.
    fn next_record_of(&mut self, kind: u8) -> Option<RecordHead> {
        loop {
            let (head, body) = match self.ahead.take() {
                Some(record) => record,
                None => self.record()?,
            };
            if head.kind == END
                && let Ok((end, _)) = WireOutcome::ref_from_prefix(&body)
            {
                self.ending = Some(Ending::Finished { state_digest: end.state_digest.get() });
                return None;
            }
            // Records of a later version's kinds are passed over.
            if head.kind == kind {
                self.body = body;
                return Some(head);
            }
        }
    }

    /// The outcome that follows the batch at hand.
    fn outcome(&mut self) -> Option<Outcome> {
        let (head, body) = self.record()?;
        if head.kind == OUTCOME {
            return WireOutcome::ref_from_prefix(&body).ok().map(|(outcome, _)| outcome.outcome(head.flags));
        }
        self.ahead = Some((head, body));
        None
    }

    /// The next record; `None` at the end, whose kind is then known.
    fn record(&mut self) -> Option<(RecordHead, Vec<u8>)> {
        if self.ending.is_some() {
            return None;
        }
        let record = self.whole_record();
        if let Err(ending) = record {
            self.ending = Some(ending);
        }
        record.ok()
    }

    fn whole_record(&mut self) -> Result<(RecordHead, Vec<u8>), Ending> {
        let torn = Ending::Torn { offset: self.offset };
        let head = self.read(RECORD_HEAD_BYTES).ok_or(torn)?;
        if head.is_empty() {
            return Err(Ending::Open);
        }
        let head = RecordHead::read_from_bytes(&head).map_err(|_| torn)?;
        if head.checksum.get() != head.calculated(self.seed, self.offset) {
            return Err(torn);
        }
        let size = head.body_bytes.get() as usize;
        let body = self.read(size).filter(|body| body.len() == size).ok_or(torn)?;
        if crc32fast::hash(&body) != head.body_checksum.get() || !is_well_formed(&head, &body) {
            return Err(torn);
        }
        self.offset += (RECORD_HEAD_BYTES + size) as u64;
        Ok((head, body))
    }

    /// Up to `size` bytes; `None` where reading failed.
    fn read(&mut self, size: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.source).take(size as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// A batch holds as many inputs as it says.
fn is_well_formed(head: &RecordHead, body: &[u8]) -> bool {
    head.kind != BATCH || Inputs { bytes: body }.count() == head.count.get() as usize
}
