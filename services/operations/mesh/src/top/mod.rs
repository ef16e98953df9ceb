//! `mesh top`: the mesh in a view that stays. One thread listens to the relays, one asks for the status, this one draws.

mod model;
mod view;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_topology::Layout;
use mesh_transport::{ClientEvent, Subscription};
use mesh_types::{Domain, SourceId};

use crate::failure::{Failure, Outcome};
use crate::feed::Feed;
use crate::home::Chosen;
use crate::{screen, survey};
use model::Model;

const ASK_EVERY: Duration = Duration::from_secs(1);
/// One screen is drawn after this where there is no terminal.
const ONE_SCREEN_AFTER: Duration = Duration::from_millis(1500);
const DOMAINS: [Domain; 3] = [Domain::Market, Domain::Signal, Domain::Execution];

type Shared = Arc<Mutex<Model>>;

fn locked(model: &Shared) -> MutexGuard<'_, Model> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows the mesh until `q`; where standard output is no terminal, one screen.
pub(crate) fn top(layout: &Layout, once: bool) -> Outcome {
    let model = Shared::default();
    listen(layout, &model)?;
    ask(layout, &model)?;
    if once || !std::io::stdout().is_terminal() {
        std::thread::sleep(ONE_SCREEN_AFTER);
        let (width, height) = screen::SIZE;
        return screen::print(view::render(&locked(&model), width, height));
    }
    screen::stay(|width, height| view::render(&locked(&model), width, height))
}

/// Follows the relays; also those that come later.
fn listen(layout: &Layout, model: &Shared) -> Outcome {
    let wanted = Subscription { last_values: true, ..Subscription::default() };
    let chosen = Chosen::active(layout)?;
    let processes = chosen.iter().flat_map(|chosen| &chosen.topology.processes);
    let sources: Vec<SourceId> = processes.map(|process| SourceId::new(process.source.get())).collect();
    let mut feed = Feed::new(layout, "top", &DOMAINS, &wanted, &sources)?;
    let model = Arc::clone(model);
    let follow = move || {
        loop {
            let told = feed.wait(ASK_EVERY, &mut |domain, event| {
                let mut model = locked(&model);
                match event {
                    ClientEvent::Frames(frames) => {
                        frames.iter().for_each(|message| model.message(&message));
                    }
                    ClientEvent::Gap(_) | ClientEvent::Down { .. } if domain == Domain::Market => model.missed(),
                    _ => {}
                }
            });
            if told.is_err() {
                std::thread::sleep(ASK_EVERY);
            }
        }
    };
    std::thread::Builder::new().name("relays".to_owned()).spawn(follow)?;
    Ok(())
}

/// Asks for the status, again and again.
fn ask(layout: &Layout, model: &Shared) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (layout, model) = (layout.clone(), Arc::clone(model));
    let ask = move || {
        loop {
            let report = runtime.block_on(survey::report(&layout));
            let mut model = locked(&model);
            match report {
                Ok(report) => model.report = Some(report),
                Err(failure) => {
                    model.report = None;
                    model.problem = Failure::text(&failure).map(str::to_owned);
                }
            }
            drop(model);
            std::thread::sleep(ASK_EVERY);
        }
    };
    std::thread::Builder::new().name("status".to_owned()).spawn(ask)?;
    Ok(())
}
