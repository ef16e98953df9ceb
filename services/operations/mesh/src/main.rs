#![doc = include_str!("../README.md")]

mod book;
mod candles;
mod cli;
mod commands;
mod console;
mod control;
mod failure;
mod feed;
mod home;
mod ledgers;
mod probe;
mod procfs;
mod report;
mod screen;
mod state;
mod supervise;
mod survey;
mod switches;
mod top;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use mesh_runtime::logging::{self, LogFormat};
use mesh_topology::profiles;

use cli::{Choice, Cli, Word};
use commands::{
    account, audit, capture, doctor, forward, instruments, kill, ledger, lifecycle, logs, order, replay, scaffold,
    status, tap, topology, trace, venues, why,
};
use console::Console;
use failure::{Failure, Outcome};
use home::Chosen;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                complain(text);
            }
            failure.exit_code()
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is where a command says why it failed")]
fn complain(text: &str) {
    eprintln!("mesh: {text}");
}

fn run(cli: Cli) -> Outcome {
    let layout = home::locate(&cli.home)?;
    match cli.word {
        Word::Launch { nofile, program, arguments } => supervise::spawn::launch(&program, &arguments, nofile),
        Word::Supervise { down } => {
            logging::start(LogFormat::Human);
            supervise::run(layout, down)
        }
        Word::Up { choice, timeout, json } => {
            let named = named(&choice)?;
            wait(lifecycle::up(&layout, named, Duration::from_secs(timeout), json))
        }
        Word::Down { json } => wait(lifecycle::down(&layout, json)),
        Word::Status { json } => wait(status::status(&layout, json)),
        Word::Start { name, timeout, json } => {
            wait(lifecycle::start(&layout, &name, false, Duration::from_secs(timeout), json))
        }
        Word::Restart { name, timeout, json } => {
            wait(lifecycle::start(&layout, &name, true, Duration::from_secs(timeout), json))
        }
        Word::Stop { name, json } => wait(lifecycle::stop(&layout, &name, json)),
        Word::Kill { level, strategy, reason, timeout, json } => match level.chosen() {
            Some(level) => {
                let (scope, timeout) = (strategy.unwrap_or_default(), Duration::from_secs(timeout));
                kill::kill(&layout, level, scope, &reason, timeout, json)
            }
            None => kill::status(&layout, json),
        },
        Word::Flatten { arguments } => forward::forward("flatten", &[], &arguments, &layout),
        Word::Order(word) => order::order(&layout, &word),
        Word::Positions { all, json } => account::positions(&layout, all, json),
        Word::Pnl { since, json } => account::pnl(&layout, since.as_deref(), json),
        Word::Audit { json } => audit::audit(&layout, json),
        Word::Ledger(word) => ledger::ledger(&layout, &word),
        Word::Top { once } => top::top(&layout, once),
        Word::Logs { names, follow, count, json } => logs::logs(&layout, &names, follow, count, json),
        Word::Decode { input, json } => capture::decode(&input, json),
        Word::Capture(word) => capture::capture(&layout, word),
        Word::Tap { relay, what, json, count, last_values } => {
            tap::tap(&layout, &relay, &what, json, count, last_values)
        }
        Word::Venues { json } => wait(venues::venues(&layout, json)),
        Word::Instruments { venue, search, json } => {
            instruments::instruments(&layout, venue.as_deref(), search.as_deref(), json)
        }
        Word::Book { instrument, options } => book::book(&layout, &instrument, &options),
        Word::Candles { options } => candles::candles(&layout, &options),
        Word::Trace { target, json } => trace::trace(&layout, target.unwrap_or(trace::Target::LastFill), json),
        Word::Why { order, json } => why::why(&layout, order, json),
        Word::WhyNot { symbol, since, json } => {
            why::why_not(&layout, &symbol, since.as_deref(), mesh_runtime::clock::now_ns(), json)
        }
        Word::Replay { what, options } => replay::replay(&layout, &what, &options),
        Word::Backtest { arguments } => forward::forward("backtest", &["run"], &arguments, &layout),
        Word::Indicators { arguments } => forward::forward("backtest", &["indicators"], &arguments, &layout),
        Word::Stats { arguments } => forward::forward("stats", &[], &arguments, &layout),
        Word::Sweep { arguments } => forward::forward("sweep", &[], &arguments, &layout),
        Word::Venue { arguments } => forward::forward("venue", &[], &arguments, &layout),
        Word::Doctor { json } => wait(doctor::doctor(&layout, json)),
        Word::Check { choice, json } => topology::check(&layout, &chosen(&choice)?, json),
        Word::Profiles { name, json } => topology::profiles(name.as_deref(), json),
        Word::Export { target, choice, out } => topology::export(&layout, &chosen(&choice)?, target, &out),
        Word::New(word) => scaffold::new(&word),
        Word::Protocol => Ok(Console::new().line(mesh_codec::protocol_doc::render().trim_end())?),
        Word::Version => Ok(Console::new().line(concat!("mesh ", env!("CARGO_PKG_VERSION")))?),
    }
}

/// The topology that is named: a file or a profile.
fn named(choice: &Choice) -> Outcome<Option<Chosen>> {
    match (&choice.topology, &choice.profile) {
        (Some(path), _) => Chosen::file(path).map(Some),
        (None, Some(name)) => Chosen::profile(name).map(Some),
        (None, None) => Ok(None),
    }
}

/// The topology that is named, else the default profile.
fn chosen(choice: &Choice) -> Outcome<Chosen> {
    named(choice)?.map_or_else(|| Chosen::profile(profiles::DEFAULT), Ok)
}

fn wait(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::from)?;
    runtime.block_on(command)
}
