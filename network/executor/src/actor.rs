//! The order logic as an actor.

use std::collections::BTreeMap;

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_adapter::wire;
use mesh_codec::{Message, packet};
use mesh_executor::{Effect, Executor, Report, Settings};
use mesh_types::MessageId;
use mesh_venues::private::Dialect;

const TICK: TimerId = TimerId(1);
/// A timer is not set nearer than this.
const LEAST_WAIT_NS: u64 = 10_000_000;

/// An executor as an actor.
#[derive(Debug)]
pub struct ExecutorActor {
    executor: Executor,
    path: &'static str,
    started: bool,
    /// The private stream that counts, of those that were opened.
    stream: u32,
    /// Beginnings of answers that come in parts.
    parts: BTreeMap<u32, Vec<u8>>,
    tick_ns: u64,
}

impl ExecutorActor {
    /// One that knows nothing yet.
    pub fn new(dialect: Box<dyn Dialect>, settings: Settings) -> Self {
        let path = dialect.stream_path();
        Self {
            executor: Executor::new(dialect, settings),
            path,
            started: false,
            stream: 0,
            parts: BTreeMap::new(),
            tick_ns: u64::MAX,
        }
    }

    fn on_packet(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let Some((head, bytes)) = packet::join(message) else { return };
        let now_ns = context.now_ns();
        if head.kind == wire::ANSWER_PART {
            self.parts.entry(head.stream).or_default().extend_from_slice(&bytes);
            return;
        }
        if head.kind == wire::ANSWER {
            let mut whole = self.parts.remove(&head.stream).unwrap_or_default();
            let Some((status, retry_after_s, rest)) = wire::parse_answer(&bytes) else {
                return context.count("bad_answers", 1);
            };
            whole.extend_from_slice(rest);
            let number = head.stream.wrapping_sub(wire::FIRST_REQUEST);
            return self.executor.on_answer(number, (status, retry_after_s, &whole), now_ns);
        }
        if head.stream != self.stream {
            return context.count("late_packets", 1);
        }
        match head.kind {
            wire::CONNECTED => self.executor.on_connected(now_ns),
            wire::TEXT => self.executor.on_text(&bytes, now_ns),
            wire::DISCONNECTED => self.executor.on_disconnected(now_ns),
            _ => context.count("bad_packet_kind", 1),
        }
    }

    /// Says and asks what follows, and sets the next timer.
    fn carry_out(&mut self, context: &mut Context<'_>) {
        for effect in self.executor.take_effects() {
            match effect {
                Effect::Report(cause, report) => {
                    say(cause, &report, context);
                }
                Effect::Call(number, call) => {
                    let stream = wire::FIRST_REQUEST.wrapping_add(number & !wire::FIRST_REQUEST);
                    let bytes = wire::call(&call);
                    context.emit_tailed(&wire::request(stream, wire::CALL, &bytes), &bytes);
                }
                Effect::Connect => {
                    if self.stream > 0 {
                        context.emit_tailed(&wire::request(self.stream, wire::CLOSE, &[]), &[]);
                    }
                    self.stream += 1;
                    let path = self.path.as_bytes();
                    context.emit_tailed(&wire::request(self.stream, wire::CONNECT, path), path);
                }
                Effect::Send(text) => {
                    context.emit_tailed(&wire::request(self.stream, wire::SEND, text.as_bytes()), text.as_bytes());
                }
                Effect::Count(name) => context.count(name, 1),
            }
        }
        let due_ns = self.executor.due_ns().max(context.now_ns().saturating_add(LEAST_WAIT_NS));
        if due_ns < self.tick_ns {
            self.tick_ns = due_ns;
            context.set_timer(TICK, due_ns);
        }
    }
}

/// Says a report, because of the order's own message where it has one.
fn say(cause: MessageId, report: &Report, context: &mut Context<'_>) -> Option<MessageId> {
    let causes = [cause];
    let causes = if cause.is_none() { &[] } else { causes.as_slice() };
    match report {
        Report::Accepted(body) => context.emit_because(causes, body),
        Report::Rejected(body) => context.emit_because(causes, body),
        Report::Fill(body) => context.emit_because(causes, body),
        Report::Cancelled(body) => context.emit_because(causes, body),
        Report::Status(body) => context.emit_because(causes, body),
        Report::Balance(body) => context.emit_because(causes, body),
    }
}

impl Actor for ExecutorActor {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        if !self.started {
            return self.executor.restore(message);
        }
        if packet::join(message).is_some() {
            self.on_packet(message, context);
        } else {
            self.executor.on_message(message, context.now_ns());
        }
        self.carry_out(context);
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        if timer == TimerId::START {
            self.started = true;
            self.executor.start(context.now_ns());
        } else {
            self.tick_ns = u64::MAX;
            self.executor.tick(context.now_ns());
        }
        self.carry_out(context);
    }

    fn state_digest(&self) -> u64 {
        let digest = Digest::from_value(self.executor.digest()).u64(u64::from(self.started));
        let digest = self.parts.iter().fold(digest, |digest, (stream, part)| digest.u64((*stream).into()).bytes(part));
        digest.u64(self.stream.into()).u64(self.tick_ns).value()
    }
}
