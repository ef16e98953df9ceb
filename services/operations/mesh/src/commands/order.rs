//! `mesh order`: a person's orders. They go the way of every other: a proposal on the signal relay, past risk, written down
//! by the portfolio. A cancel goes to the executor on the execution relay. Done is what the ledger has.

use std::time::{Duration, Instant};

use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Message, Stamp};
use mesh_oms::{Oms, Report};
use mesh_runtime::clock;
use mesh_store::{KeptOrder, LedgerReader};
use mesh_topology::Layout;
use mesh_transport::{ClientEvent, DownReason, SendOutcome};
use mesh_types::execution::{Intent, OrderCancel, RiskVerdict};
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::{
    ClientOrderId, Confidence, Decimal64, InstrumentId, MessageId, OrderState, Side, SignalAction, SourceId,
};
use serde_json::{Value, json};

use crate::commands::kill::parse_strategy;
use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::feed;
use crate::ledgers;

const POLL: Duration = Duration::from_millis(25);
/// Whose orders they are where no strategy is named.
const MANUAL: &str = "manual";

/// What to do with orders.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum OrderWord {
    /// List orders, the oldest first
    Ls {
        /// Only those of which something may still come
        #[arg(long)]
        open: bool,
        /// The last so many
        #[arg(long = "count", short = 'n', default_value_t = 20, value_name = "COUNT", conflicts_with = "open")]
        count: u32,
        /// As JSON, one object an order
        #[arg(long)]
        json: bool,
    },
    /// Buy or sell at the best there is, within the portfolio's slippage, if risk allows it; exit code 1 when it does not
    ///
    /// What the strategy holds on the other side is closed, all of it; else a position is opened, or added to.
    Place {
        /// What to trade, as binance:spot:BTCUSDT
        instrument: InstrumentId,
        /// buy or sell
        side: Side,
        /// Worth so much in the quote currency; never more than the portfolio's own notional of an entry [default: that]
        #[arg(long, value_name = "AMOUNT", value_parser = parse_notional)]
        notional: Option<Decimal64>,
        /// Whose position it is, by the name that its signals have
        #[arg(long, value_name = "NAME", default_value = MANUAL, value_parser = parse_strategy)]
        strategy: StrategyName,
        /// Seconds to wait until the order has come to its end
        #[arg(long, default_value_t = 10, value_name = "SECONDS")]
        timeout: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take an order back, or all; exit code 1 when one has not ended in time
    Cancel {
        /// The order: 32 hex digits
        #[arg(required_unless_present = "all", value_name = "ID")]
        id: Option<ClientOrderId>,
        /// Every open order
        #[arg(long, conflicts_with = "id")]
        all: bool,
        /// Seconds to wait until it has ended
        #[arg(long, default_value_t = 10, value_name = "SECONDS")]
        timeout: u64,
        /// As JSON, one object an order
        #[arg(long)]
        json: bool,
    },
}

fn parse_notional(text: &str) -> Result<Decimal64, String> {
    match text.parse::<Decimal64>() {
        Ok(amount) if amount.is_positive() => Ok(amount),
        Ok(amount) => Err(format!("expected more than 0, found {amount}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Does it.
pub(crate) fn order(layout: &Layout, word: &OrderWord) -> Outcome {
    match word {
        OrderWord::Ls { open, count, json } => ls(layout, *open, *count, *json),
        OrderWord::Place { instrument, side, notional, strategy, timeout, json } => {
            let deadline = Instant::now() + Duration::from_secs(*timeout);
            place(layout, (*instrument, *side, *strategy), notional.unwrap_or_default(), deadline, *json)
        }
        OrderWord::Cancel { id, timeout, json, .. } => {
            cancel(layout, *id, Instant::now() + Duration::from_secs(*timeout), *json)
        }
    }
}

/// An order as the portfolio has it: its state and what is filled.
struct Known {
    intent: Intent,
    state: OrderState,
    filled: Decimal64,
    open: bool,
}

impl Known {
    fn of(kept: &KeptOrder) -> Outcome<Self> {
        let (mut oms, intent) = (Oms::default(), kept.intent);
        oms.intend(&intent).map_err(Failure::bad)?;
        oms.on_sent(&intent.client_order_id, intent.decided_ns.get());
        for frame in &kept.reports {
            let message =
                Message::parse(frame).map_err(|error| Failure::bad(format!("a report can't be read: {error}")))?;
            if let Some(report) = Report::read(&message) {
                // Of another order it is not.
                let _ = oms.apply(&report, message.timestamp_ns());
            }
        }
        let order = oms.order(&intent.client_order_id);
        let (state, filled) =
            order.map_or((OrderState::Unknown, Decimal64::ZERO), |order| (order.state(), order.filled()));
        Ok(Self { intent, state, filled, open: kept.open })
    }

    fn to_json(&self) -> Value {
        let intent = &self.intent;
        json!({
            "client_order_id": intent.client_order_id.to_string(),
            "instrument": intent.instrument.to_string(),
            "strategy": intent.strategy.to_string(),
            "action": format!("{:?}", intent.action),
            "side": format!("{:?}", intent.side),
            "order_type": format!("{:?}", intent.order_type),
            "time_in_force": format!("{:?}", intent.time_in_force),
            "quantity": intent.quantity.get().to_string(),
            "filled_quantity": self.filled.to_string(),
            "price": intent.price.get().to_string(),
            "worst_price": intent.worst_price.get().to_string(),
            "state": self.state.name(),
            "open": self.open,
            "decided_ns": intent.decided_ns.get(),
        })
    }

    fn cells(&self) -> Vec<(Tone, String)> {
        let intent = &self.intent;
        let tone = match self.state {
            OrderState::Filled => Tone::Good,
            OrderState::Rejected | OrderState::Unknown => Tone::Bad,
            _ if self.open => Tone::Warn,
            _ => Tone::Dim,
        };
        let price = if intent.price.get().is_zero() { intent.worst_price.get() } else { intent.price.get() };
        let time = mesh_capture::time::readable(intent.decided_ns.get());
        vec![
            (Tone::Plain, time.get(..19).unwrap_or_default().replace('T', " ")),
            (Tone::Plain, intent.client_order_id.to_string()),
            (Tone::Plain, intent.instrument.to_string()),
            (Tone::Plain, intent.strategy.to_string()),
            (Tone::Plain, format!("{:?}", intent.side)),
            (Tone::Plain, format!("{:?}", intent.order_type)),
            (Tone::Plain, intent.quantity.get().to_string()),
            (Tone::Plain, price.to_string()),
            (Tone::Plain, self.filled.to_string()),
            (tone, self.state.name().to_owned()),
        ]
    }
}

fn show(known: &[Known], as_json: bool) -> Outcome {
    let mut console = Console::new();
    if as_json {
        return Ok(known.iter().try_for_each(|order| console.json(&order.to_json()))?);
    }
    if known.is_empty() {
        return Ok(console.line("no orders")?);
    }
    let heading =
        ["DECIDED", "ORDER", "INSTRUMENT", "STRATEGY", "SIDE", "TYPE", "QUANTITY", "PRICE", "FILLED", "STATE"];
    let heading = heading.map(|cell| (Tone::Plain, cell.to_owned())).to_vec();
    let rows: Vec<_> = core::iter::once(heading).chain(known.iter().map(Known::cells)).collect();
    Ok(console.table(&rows)?)
}

fn ls(layout: &Layout, open: bool, count: u32, as_json: bool) -> Outcome {
    let mut known = Vec::new();
    for reader in ledgers::portfolios(layout)? {
        let kept = if open { reader.open_orders() } else { reader.last_orders(count) };
        for order in &kept.map_err(Failure::bad)? {
            known.push(Known::of(order)?);
        }
    }
    known.sort_by_key(|order| order.intent.decided_ns.get());
    let skipped = if open { 0 } else { known.len().saturating_sub(count as usize) };
    show(known.get(skipped..).unwrap_or_default(), as_json)
}

/// What the strategy wants: out of what it holds on the other side, else in.
fn action(
    readers: &[LedgerReader],
    instrument: InstrumentId,
    side: Side,
    strategy: StrategyName,
) -> Outcome<SignalAction> {
    let mut held = Decimal64::ZERO;
    for reader in readers {
        let positions = reader.positions().map_err(Failure::bad)?;
        let own = positions.iter().find(|position| (position.instrument, position.strategy) == (instrument, strategy));
        held = own.map_or(held, |position| position.quantity.get());
    }
    Ok(match side {
        Side::Buy if held.is_negative() => SignalAction::ExitShort,
        Side::Buy => SignalAction::EnterLong,
        Side::Sell if held.is_positive() => SignalAction::ExitLong,
        Side::Sell => SignalAction::EnterShort,
    })
}

fn place(
    layout: &Layout,
    (instrument, side, strategy): (InstrumentId, Side, StrategyName),
    notional: Decimal64,
    deadline: Instant,
    as_json: bool,
) -> Outcome {
    let readers = ledgers::portfolios(layout)?;
    let action = action(&readers, instrument, side, strategy)?;
    let signal = Signal {
        instrument,
        strategy,
        action: action.into(),
        confidence: Confidence::High.into(),
        notional: notional.into(),
        // Each is a decision of its own.
        bar_ns: clock::now_ns().into(),
        ..Signal::default()
    };
    let id = publish(layout, &signal, deadline, &mut |id| Ok(verdict(&readers, &id)?.is_some()))?;
    let Some((verdict, intent)) = verdict(&readers, &id)? else {
        return Err(Failure::bad(
            "the portfolio has not answered in time; `mesh order ls` shows later what became of it",
        ));
    };
    let mut known = None;
    while let Some(intent) = &intent {
        known = find(&readers, &intent.client_order_id)?;
        if known.as_ref().is_some_and(|order| !order.open) || Instant::now() > deadline {
            break;
        }
        std::thread::sleep(POLL);
    }
    let mut console = Console::new();
    let Some(known) = known else {
        let why = format!(
            "{:?}: {} (is {}, allowed {})",
            verdict.reason,
            verdict.text,
            verdict.actual.get(),
            verdict.limit.get()
        );
        if as_json {
            console.json(
                &json!({"placed": false, "reason": format!("{:?}", verdict.reason), "text": verdict.text.to_string(),
                "actual": verdict.actual.get().to_string(), "limit": verdict.limit.get().to_string()}),
            )?;
            return Err(Failure::Silent);
        }
        return Err(Failure::bad(format!("risk refuses: {why}")));
    };
    drop(console);
    show(&[known], as_json)
}

fn find(readers: &[LedgerReader], id: &ClientOrderId) -> Outcome<Option<Known>> {
    for reader in readers {
        if let Some(kept) = reader.order(id).map_err(Failure::bad)? {
            return Known::of(&kept).map(Some);
        }
    }
    Ok(None)
}

fn verdict(readers: &[LedgerReader], signal: &MessageId) -> Outcome<Option<(RiskVerdict, Option<Intent>)>> {
    for reader in readers {
        if let Some(found) = reader.verdict(signal).map_err(Failure::bad)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn cancel(layout: &Layout, id: Option<ClientOrderId>, deadline: Instant, as_json: bool) -> Outcome {
    let readers = ledgers::portfolios(layout)?;
    let mut wanted = Vec::new();
    match id {
        Some(id) => match find(&readers, &id)? {
            Some(known) => wanted.push(known),
            None => return Err(Failure::bad(format!("no order {id} in the ledger; `mesh order ls` lists the last"))),
        },
        None => {
            for reader in &readers {
                for kept in &reader.open_orders().map_err(Failure::bad)? {
                    wanted.push(Known::of(kept)?);
                }
            }
        }
    }
    let ids: Vec<ClientOrderId> = wanted.iter().map(|order| order.intent.client_order_id).collect();
    let still_open = || -> Outcome<bool> {
        for id in &ids {
            if find(&readers, id)?.is_some_and(|order| order.open) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    if wanted.iter().any(|order| order.open) {
        let of_one = id.and_then(|_| wanted.first()).map(|order| order.intent.instrument).unwrap_or_default();
        let body = OrderCancel {
            client_order_id: id.unwrap_or_default(),
            instrument: of_one,
            decided_ns: clock::now_ns().into(),
        };
        publish(layout, &body, deadline, &mut |_| Ok(!still_open()?))?;
    }
    let now: Vec<Known> =
        ids.iter().map(|id| find(&readers, id)).collect::<Outcome<Vec<_>>>()?.into_iter().flatten().collect();
    let open = now.iter().any(|order| order.open);
    show(&now, as_json)?;
    if open { Err(Failure::Silent) } else { Ok(()) }
}

/// Gives a message to the relay of its domain as the operator, and waits until it is done or time is over. Answers with its id.
fn publish<T: TlvBody>(
    layout: &Layout,
    body: &T,
    deadline: Instant,
    done: &mut dyn FnMut(MessageId) -> Outcome<bool>,
) -> Outcome<MessageId> {
    let (mut client, started_ns) = feed::operator(layout, "order", T::DOMAIN)?;
    let stamp = Stamp { domain: T::DOMAIN, source: SourceId::OPERATOR, sequence: 1, timestamp_ns: started_ns };
    let mut frame = Vec::new();
    FrameBuilder::new(&mut frame, &stamp).body(body).finish().map_err(Failure::bad)?;
    let id = MessageId::new(T::DOMAIN, SourceId::OPERATOR, 1, started_ns);
    if let SendOutcome::Full { .. } = client.send(&frame) {
        return Err(Failure::bad("the message finds no room to be sent"));
    }
    let mut why: Option<DownReason> = None;
    while !done(id)? {
        if Instant::now() > deadline {
            return match why {
                Some(reason) => Err(Failure::bad(format!("the {} relay did not take it: {reason}", T::DOMAIN.name()))),
                None => Ok(id),
            };
        }
        client.poll(Instant::now(), &mut |event| {
            if let ClientEvent::Down { reason } = event {
                why = Some(reason);
            }
        });
        std::thread::sleep(POLL);
    }
    Ok(id)
}
