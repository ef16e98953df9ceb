//! What an actor says, as finished frames, until its driver sends them.
//!
//! The outbox numbers each domain's messages from 1 without a gap. With the driver's stamp and the actor's source, a frame
//! is fully determined: a replay makes the same bytes.

use mesh_codec::encode::TooLarge;
use mesh_codec::registry::{TailedTlv, TlvBody};
use mesh_codec::{FrameBuffer, FrameBuilder, Frames, Stamp, ValidFrames};
use mesh_types::system::Cause;
use mesh_types::wire::{Tailed, WireEnum};
use mesh_types::{Domain, MessageId, SourceId};

/// Frames that wait to be sent, in order.
#[derive(Clone, Debug)]
pub struct Outbox {
    source: SourceId,
    next_sequence: [u64; 5],
    frames: FrameBuffer,
    refused: u64,
}

impl Outbox {
    /// An empty one, for the messages of `source`.
    pub const fn new(source: SourceId) -> Self {
        Self { source, next_sequence: [1; 5], frames: FrameBuffer::new(), refused: 0 }
    }

    /// Adds a message of one or more parts. What does not fit a message is refused and counted: an actor that builds such
    /// a message is wrong, and its driver reports it.
    pub(crate) fn push<'b>(
        &'b mut self,
        domain: Domain,
        now_ns: u64,
        causes: &[MessageId],
        build: impl FnOnce(FrameBuilder<'b>) -> FrameBuilder<'b>,
    ) -> Option<MessageId> {
        let slot = usize::from(domain.code());
        let sequence = self.next_sequence.get(slot).copied().unwrap_or_default();
        let stamp = Stamp { domain, source: self.source, sequence, timestamp_ns: now_ns };
        let causes = causes.iter().filter(|id| !id.is_none());
        let finished: Result<usize, TooLarge> = self
            .frames
            .build(&stamp, |frame| causes.fold(build(frame), |frame, id| frame.body(&Cause { message: *id })));
        match finished {
            Ok(_) => {
                if let Some(next) = self.next_sequence.get_mut(slot) {
                    *next += 1;
                }
                Some(stamp.id())
            }
            Err(_) => {
                self.refused += 1;
                None
            }
        }
    }

    pub(crate) fn push_body<T: TlvBody>(
        &mut self,
        domain: Domain,
        now_ns: u64,
        causes: &[MessageId],
        body: &T,
    ) -> Option<MessageId> {
        self.push(domain, now_ns, causes, |builder| builder.body(body))
    }

    pub(crate) fn push_tailed<T: TailedTlv>(
        &mut self,
        domain: Domain,
        now_ns: u64,
        causes: &[MessageId],
        head: &T,
        items: &[<T as Tailed>::Item],
    ) -> Option<MessageId> {
        self.push(domain, now_ns, causes, |builder| builder.tailed(head, items))
    }

    /// The frames as bytes, one after the other.
    pub fn bytes(&self) -> &[u8] {
        self.frames.frames().bytes()
    }

    /// The frames: valid, since they were built here.
    pub fn valid_frames(&self) -> ValidFrames<'_> {
        self.frames.frames()
    }

    /// The frames, one by one.
    pub fn frames(&self) -> Frames<'_> {
        self.valid_frames().into()
    }

    /// How many frames wait.
    pub fn count(&self) -> u64 {
        self.frames.frames().len() as u64
    }

    /// Takes the number of messages that did not fit, since the last call.
    pub const fn take_refused(&mut self) -> u64 {
        core::mem::replace(&mut self.refused, 0)
    }

    /// Forgets the frames, which the driver has sent, and keeps the room.
    pub fn clear(&mut self) {
        self.frames.clear();
    }
}
