//! Faults that are planted on purpose, as a careless change would bring them: the invariants must find each.

use std::collections::BTreeMap;

use mesh_actor::{Actor, Context, Ledger, LedgerError, TimerId};
use mesh_codec::{FrameBuilder, Frames, Message, Stamp};
use mesh_types::execution::{Fill, Intent, OrderStatus};
use mesh_types::risk::RiskAccount;
use mesh_types::signal::{Signal, StrategyName};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Planted {
    /// Intents are not written down.
    SkipIntent,
    /// A batch is on the disk only with the next one.
    SendBeforeCommit,
    /// A repeated signal is a new proposal.
    DropDedupe,
    /// Every third fill is not heard.
    ForgetFill,
    /// What has tripped is not known any more after a restart.
    ForgetTrip,
}

impl Planted {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::SkipIntent, Self::SendBeforeCommit, Self::DropDedupe, Self::ForgetFill, Self::ForgetTrip];

    pub(crate) fn in_ledger(planted: Option<Self>, ledger: Box<dyn Ledger>) -> Box<dyn Ledger> {
        match planted {
            Some(Self::SkipIntent) => Box::new(WithoutIntents(ledger)),
            Some(Self::SendBeforeCommit) => Box::new(Late { ledger, batch: Vec::new() }),
            Some(Self::ForgetTrip) => Box::new(WithoutAccounts(ledger)),
            Some(Self::DropDedupe | Self::ForgetFill) | None => ledger,
        }
    }

    pub(crate) fn in_portfolio(planted: Option<Self>, actor: Box<dyn Actor>) -> Box<dyn Actor> {
        match planted {
            Some(Self::DropDedupe) => Box::new(Careless { actor, seen: BTreeMap::new() }),
            Some(Self::ForgetFill) => Box::new(Deaf { actor }),
            Some(Self::SkipIntent | Self::SendBeforeCommit | Self::ForgetTrip) | None => actor,
        }
    }
}

struct WithoutIntents(Box<dyn Ledger>);

impl Ledger for WithoutIntents {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        let mut kept = Vec::new();
        for (_, message) in outbox {
            let message = message.map_err(|error| LedgerError { reason: error.to_string() })?;
            if message.get::<Intent>().is_none() {
                kept.extend_from_slice(message.frame());
            }
        }
        self.0.commit(inbox, Frames::new(&kept))
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.0.recover(each)
    }
}

struct WithoutAccounts(Box<dyn Ledger>);

impl Ledger for WithoutAccounts {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        self.0.commit(inbox, outbox)
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.0.recover(&mut |frame| {
            if Message::parse(frame).is_ok_and(|message| message.get::<RiskAccount>().is_none()) {
                each(frame);
            }
        })
    }
}

struct Late {
    ledger: Box<dyn Ledger>,
    batch: Vec<u8>,
}

impl Ledger for Late {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        self.ledger.commit(Frames::new(&[]), Frames::new(&self.batch))?;
        self.batch.clear();
        for (_, message) in inbox.chain(outbox) {
            message.iter().for_each(|message| self.batch.extend_from_slice(message.frame()));
        }
        Ok(())
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        // The crash has taken what waited.
        self.batch.clear();
        self.ledger.recover(each)
    }
}

/// Takes each repetition of a signal for one of a bar of its own.
struct Careless {
    actor: Box<dyn Actor>,
    seen: BTreeMap<(StrategyName, u8, u64), u64>,
}

impl Actor for Careless {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let Some(signal) = message.get::<Signal>() else { return self.actor.on_message(message, context) };
        let key = (signal.strategy, signal.action.raw(), signal.bar_ns.get());
        let times = self.seen.entry(key).or_default();
        let signal = Signal { bar_ns: (signal.bar_ns.get() + *times).into(), ..*signal };
        *times += 1;
        let stamp = Stamp {
            domain: message.domain(),
            source: message.source(),
            sequence: message.sequence(),
            timestamp_ns: message.timestamp_ns(),
        };
        let mut frame = Vec::new();
        FrameBuilder::new(&mut frame, &stamp).body(&signal).finish().expect("fits");
        self.actor.on_message(&Message::parse(&frame).expect("built here"), context);
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        self.actor.on_timer(timer, context);
    }

    fn state_digest(&self) -> u64 {
        self.actor.state_digest()
    }
}

/// Does not hear of some fills, and not what an order came to either.
struct Deaf {
    actor: Box<dyn Actor>,
}

impl Actor for Deaf {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let trade = message.get::<Fill>().map(|fill| fill.trade_id.to_string());
        let unheard = trade.is_some_and(|trade| trade.bytes().map(u32::from).sum::<u32>() % 3 == 0);
        if !unheard && message.get::<OrderStatus>().is_none() {
            self.actor.on_message(message, context);
        }
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        self.actor.on_timer(timer, context);
    }

    fn state_digest(&self) -> u64 {
        self.actor.state_digest()
    }
}
