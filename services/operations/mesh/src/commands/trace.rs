//! `mesh trace`: from a message or order back to the venue's packet, with the time of each hop.
//!
//! Every message that was made because of others names them; the first named is followed. What the relays carried is in the
//! capture; a venue's packet is in the journal of the process that received it.

use std::path::Path;

use mesh_capture::journal::{Input, JournalReader};
use mesh_capture::{Capture, CaptureError, Item, Lookup, TimeRange, time};
use mesh_codec::{Message, TlvBody, json, packet, registry};
use mesh_topology::Layout;
use mesh_types::execution::Fill;
use mesh_types::system::Cause;
use mesh_types::wire::Value as Field;
use mesh_types::{ClientOrderId, Domain, MessageId};
use serde_json::{Value, json};

use crate::commands::capture::failure;
use crate::commands::tap::short;
use crate::console::{Console, Tone, nanoseconds};
use crate::failure::{Failure, Outcome};
use crate::home::Chosen;

/// A chain of causes is far shorter; a longer one is a loop made by damage.
const MAX_HOPS: usize = 256;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A message; without its time where that was not given.
    Message { domain: Domain, source: u16, sequence: u64, timestamp_ns: Option<u64> },
    /// The last message about an order.
    Order(ClientOrderId),
    /// The last fill.
    LastFill,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(order) = text.parse() {
            return Ok(Self::Order(order));
        }
        let message = || {
            let (id, timestamp_ns) = match text.split_once('@') {
                Some((id, time)) => (id, Some(time.parse().ok()?)),
                None => (text, None),
            };
            let mut parts = id.splitn(3, '/');
            let (domain, source, sequence) = (parts.next()?, parts.next()?, parts.next()?);
            let (domain, source) = (domain.parse().ok()?, source.parse().ok()?);
            Some(Self::Message { domain, source, sequence: sequence.parse().ok()?, timestamp_ns })
        };
        message().ok_or_else(|| {
            "expected a message id as DOMAIN/SOURCE/SEQUENCE[@TIMESTAMP_NS] (as `tap` prints it), or a client order id of 32 \
             hex digits"
                .to_owned()
        })
    }
}

impl Target {
    fn is(&self, message: &Message<'_>) -> bool {
        match *self {
            Self::Message { domain, source, sequence, timestamp_ns } => {
                message.sequence() == sequence
                    && message.source().get() == source
                    && message.domain() == domain
                    && timestamp_ns.is_none_or(|time| message.timestamp_ns() == time)
            }
            Self::Order(order) => order_of(message) == Some(order),
            Self::LastFill => message.first().is_some_and(|tlv| tlv.number == Fill::NUMBER),
        }
    }
}

/// The order that a message is about.
fn order_of(message: &Message<'_>) -> Option<ClientOrderId> {
    let tlv = message.first()?;
    let mut found = None;
    (registry::entry(tlv.number)?.visit)(tlv.value, &mut |name, value| {
        if let ("client_order_id", Field::Bytes(bytes)) = (name, value) {
            found = <[u8; 16]>::try_from(bytes).ok().map(ClientOrderId::new);
        }
    });
    found
}

/// One message on the way.
pub(crate) struct Hop {
    pub(crate) frame: Vec<u8>,
    /// Who sent it, or received it.
    pub(crate) process: String,
}

/// The names of the processes of the home's topology.
pub(crate) struct Names(Option<Chosen>);

impl Names {
    pub(crate) fn read(layout: &Layout) -> Outcome<Self> {
        Chosen::active(layout).map(Self)
    }

    /// Of a source.
    pub(crate) fn of(&self, source: u16) -> String {
        let processes = self.0.iter().flat_map(|chosen| &chosen.topology.processes);
        processes.into_iter().find(|p| p.source.get() == source).map_or(format!("source {source}"), |p| p.name.clone())
    }
}

/// Walks back from the target, and shows the way from its start.
pub(crate) fn trace(layout: &Layout, target: Target, as_json: bool) -> Outcome {
    let capture = Capture::open(&layout.capture()).map_err(failure)?;
    let Some(frame) = find(&capture, &target).map_err(failure)? else {
        return Err(Failure::bad(format!(
            "no such message in {}; was the recorder running? `./manage.sh capture ls` lists what was recorded",
            layout.capture().display()
        )));
    };
    let mut lookup = Lookup::build(&capture, TimeRange::ALL).map_err(failure)?;
    let names = Names::read(layout)?;
    let (hops, missing) = walk(layout, &mut lookup, frame, &names)?;
    let mut console = Console::new();
    if as_json {
        console.line(to_json(&hops, missing.as_ref()).to_string())?;
    } else {
        print(&mut console, &hops, missing.as_ref(), &|source| names.of(source))?;
    }
    if missing.is_none() { Ok(()) } else { Err(Failure::Silent) }
}

/// From a message back from cause to cause, as the capture and the journals have them; the way from its start, and the cause that
/// is in neither.
pub(crate) fn walk(
    layout: &Layout,
    lookup: &mut Lookup,
    from: Vec<u8>,
    names: &Names,
) -> Outcome<(Vec<Hop>, Option<MessageId>)> {
    let mut hops = Vec::new();
    let mut next = Some(from);
    let mut missing = None;
    while let Some(frame) = next.take().filter(|_| hops.len() < MAX_HOPS) {
        let Ok(message) = Message::parse(&frame) else { break };
        let cause = causes(&message).next();
        let process = names.of(message.source().get());
        hops.push(Hop { frame, process });
        let Some(cause) = cause else { break };
        let mut found = Vec::new();
        if lookup.find(&cause, &mut found).map_err(failure)?
            || in_journals(&layout.journal(&names.of(cause.source.get())), &cause, &mut found).map_err(failure)?
        {
            next = Some(found);
        } else {
            missing = Some(cause);
        }
    }
    hops.reverse();
    Ok((hops, missing))
}

fn causes<'a>(message: &Message<'a>) -> impl Iterator<Item = MessageId> + use<'a> {
    message.tlvs().map_while(Result::ok).filter_map(|tlv| tlv.body::<Cause>().map(|cause| cause.message))
}

/// The last message of the capture that is the target.
fn find(capture: &Capture, target: &Target) -> Result<Option<Vec<u8>>, CaptureError> {
    let mut reader = capture.reader(TimeRange::ALL);
    let mut found = None;
    while let Some(item) = reader.next_item()? {
        if let Item::Record(record) = item
            && target.is(&record.message)
        {
            found = Some(record.message.frame().to_vec());
        }
    }
    Ok(found)
}

/// Looks for a message in what a process was given, in the run that it belongs to.
fn in_journals(directory: &Path, id: &MessageId, frame: &mut Vec<u8>) -> Result<bool, CaptureError> {
    let mut runs: Vec<u64> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|started_ns| *started_ns <= id.timestamp_ns.get())
        .collect();
    runs.sort_unstable();
    for run in runs.iter().rev() {
        let mut journal = JournalReader::open(&directory.join(run.to_string()))?;
        while let Some(batch) = journal.next_batch() {
            for input in batch.inputs() {
                if let Input::Whole(bytes) = input
                    && Message::parse(bytes).is_ok_and(|message| message.id() == *id)
                {
                    frame.extend_from_slice(bytes);
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// When the message came to be: of a packet, when it was received.
pub(crate) fn at_ns(message: &Message<'_>) -> u64 {
    packet::join(message).map_or(message.timestamp_ns(), |(head, _)| head.received_ns)
}

fn print(console: &mut Console, hops: &[Hop], missing: Option<&MessageId>, name: &dyn Fn(u16) -> String) -> Outcome {
    if let Some(missing) = missing {
        let text = format!("… {missing} of {} was not recorded: the way ends here", name(missing.source.get()));
        console.line(console.paint(Tone::Warn, &text))?;
    }
    let mut first = None;
    let mut before = None;
    for hop in hops {
        let Ok(message) = Message::parse(&hop.frame) else { continue };
        let now = at_ns(&message);
        let step = before
            .map_or_else(|| time::readable(now), |before| format!("+{}", nanoseconds(now.saturating_sub(before))));
        first = first.or(Some(now));
        before = Some(now);
        console.line(format!("{step:>30}  {}", console.paint(Tone::Bold, &hop.process)))?;
        console.line(format!("{:30}  {}", "", text(&message)))?;
        for other in causes(&message).skip(1) {
            let because = format!("{:30}  also because of {other}", "");
            console.line(console.paint(Tone::Dim, &because))?;
        }
    }
    if let (Some(first), Some(last)) = (first, before) {
        let total =
            format!("{} messages, {} from the first to the last", hops.len(), nanoseconds(last.saturating_sub(first)));
        console.line(format!("\n{}", console.paint(Tone::Bold, &total)))?;
    }
    Ok(())
}

/// The message in a line; a packet's bytes as text.
pub(crate) fn text(message: &Message<'_>) -> String {
    const MOST_BYTES: usize = 200;
    let Some((head, bytes)) = packet::join(message) else { return short(message) };
    let shown = String::from_utf8_lossy(bytes.get(..MOST_BYTES).unwrap_or(&bytes));
    let more = if bytes.len() > MOST_BYTES { "…" } else { "" };
    format!("packet of {} bytes, stream {}, kind {}: {shown}{more}", bytes.len(), head.stream, head.kind)
}

fn to_json(hops: &[Hop], missing: Option<&MessageId>) -> Value {
    let mut before = None;
    let list: Vec<Value> = hops
        .iter()
        .filter_map(|hop| {
            let message = Message::parse(&hop.frame).ok()?;
            let now = at_ns(&message);
            let since = before.replace(now).map(|before| now.saturating_sub(before));
            Some(json!({
                "process": hop.process,
                "id": message.id().to_string(),
                "at_ns": now,
                "since_previous_ns": since,
                "message": json::message(&message),
            }))
        })
        .collect();
    json!({"complete": missing.is_none(), "missing": missing.map(ToString::to_string), "hops": list})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_message_ids_or_orders() {
        let message = Target::Message { domain: Domain::Signal, source: 7, sequence: 3, timestamp_ns: None };
        assert_eq!("signal/7/3".parse(), Ok(message));
        let id = MessageId::new(Domain::Signal, mesh_types::SourceId::new(7), 3, 99);
        let message = Target::Message { domain: Domain::Signal, source: 7, sequence: 3, timestamp_ns: Some(99) };
        assert_eq!(id.to_string().parse(), Ok(message));
        assert_eq!("ab".repeat(16).parse(), Ok(Target::Order(ClientOrderId::new([0xab; 16]))));
        for bad in ["", "signal/7", "nowhere/7/3", "signal/x/3", "signal/7/3@", "signal/70000/3"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }
}
