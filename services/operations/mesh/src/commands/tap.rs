//! `mesh tap`: the messages that a relay carries, as they pass.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use mesh_capture::{Format, show, time};
use mesh_codec::Message;
use mesh_topology::{Layout, suggest};
use mesh_transport::{ClientEvent, DownReason};
use mesh_types::Domain;

use crate::commands::capture::What;
use crate::failure::{Failure, Outcome};
use crate::feed::{self, Feed};

const RELAYS: [&str; 3] = ["market", "signal", "execution"];
const WAIT: Duration = Duration::from_secs(1);

/// Shows messages until there were `count` of them.
pub(crate) fn tap(
    layout: &Layout,
    relay: &str,
    what: &What,
    json: bool,
    count: Option<u64>,
    last_values: bool,
) -> Outcome {
    let domain = domain(relay)?;
    let filter = what.filter()?;
    let mut feed = Feed::new(layout, "tap", &[domain], &what.subscription(last_values)?, &[])?;
    let format = if json { Format::Json } else { Format::Text };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut left = count.unwrap_or(u64::MAX);
    let mut ever_up = false;
    while left > 0 {
        let mut result: Outcome = Ok(());
        feed.wait(WAIT, &mut |_, event| {
            let said = match event {
                ClientEvent::Frames(frames) => {
                    let wanted = frames.iter().filter(|message| filter.takes(message));
                    wanted.take(usize::try_from(left).unwrap_or(usize::MAX)).try_for_each(|message| {
                        left -= 1;
                        match format {
                            Format::Json => show::message(&mut out, format, &message),
                            Format::Text => {
                                writeln!(out, "{} {}", time::readable(message.timestamp_ns()), short(&message))
                            }
                        }
                    })
                }
                ClientEvent::Gap(gap) => {
                    warn(&format!("{} messages were missed: this reader is too slow for them", gap.dropped()));
                    Ok(())
                }
                ClientEvent::Up { .. } => {
                    ever_up = true;
                    Ok(())
                }
                ClientEvent::Down { reason } => {
                    result = down(&reason, ever_up, domain);
                    Ok(())
                }
                ClientEvent::Control(_) => Ok(()),
            };
            if let Err(error) = said {
                result = Err(error.into());
            }
        })?;
        result?;
        out.flush()?;
    }
    Ok(())
}

/// The message in a line that is not endless, without what it was made because of: `trace` shows that.
pub(crate) fn short(message: &Message<'_>) -> String {
    const MOST_CHARACTERS: usize = 300;
    let line = show::text(message);
    let line = line.split(" | cause ").next().unwrap_or_default();
    match line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn domain(relay: &str) -> Outcome<Domain> {
    let name = relay.strip_prefix("relay-").unwrap_or(relay);
    if RELAYS.contains(&name)
        && let Ok(domain) = name.parse()
    {
        return Ok(domain);
    }
    Err(Failure::usage(format!("no relay {relay:?}; {}", suggest::hint(name, RELAYS))))
}

/// A relay that was there comes back; one that never was, or refuses, is an error.
fn down(reason: &DownReason, ever_up: bool, relay: Domain) -> Outcome {
    if let Some(failure) = feed::refusal(reason, relay).filter(|_| !ever_up) {
        return Err(failure);
    }
    warn(&reason.to_string());
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "messages go to standard output, what concerns the tap itself goes beside them"
)]
fn warn(text: &str) {
    eprintln!("tap: {text}");
}
