//! `mesh top`: the mesh in a view that stays. One thread listens to the relays, one asks for the status, this one draws.

mod model;
mod view;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_topology::Layout;
use mesh_transport::{ClientEvent, Subscription};
use mesh_types::{Domain, SourceId};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};

use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::feed::Feed;
use crate::home::Chosen;
use crate::survey;
use model::Model;

const DRAW_EVERY: Duration = Duration::from_millis(200);
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
        return print(&locked(&model));
    }
    let mut terminal = ratatui::try_init()?;
    let colours = std::env::var_os("NO_COLOR").is_none();
    let outcome = loop {
        let drawn = terminal.draw(|frame| {
            let area = frame.area();
            let lines = view::render(&locked(&model), area.width.into(), area.height.into());
            frame.render_widget(text(lines, colours), area);
        });
        if let Err(error) = drawn {
            break Err(error);
        }
        match quits() {
            Ok(false) => {}
            Ok(true) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    ratatui::try_restore()?;
    Ok(outcome?)
}

/// Waits for a key, a new size, or the next drawing; true for a key that quits.
fn quits() -> std::io::Result<bool> {
    if !event::poll(DRAW_EVERY)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let interrupted = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    Ok(key.kind == KeyEventKind::Press && (interrupted || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)))
}

fn text(lines: Vec<view::Line>, colours: bool) -> Text<'static> {
    let span = |(tone, text): view::Span| Span::styled(text, style(tone, colours));
    lines.into_iter().map(|line| Line::from(line.into_iter().map(span).collect::<Vec<_>>())).collect()
}

fn style(tone: Tone, colours: bool) -> Style {
    let style = Style::default();
    match tone {
        Tone::Plain => style,
        Tone::Bold => style.add_modifier(Modifier::BOLD),
        _ if !colours => style,
        Tone::Dim => style.add_modifier(Modifier::DIM),
        Tone::Good => style.fg(Color::Green),
        Tone::Warn => style.fg(Color::Yellow),
        Tone::Bad => style.fg(Color::Red),
    }
}

fn print(model: &Model) -> Outcome {
    const SIZE: (usize, usize) = (100, 40);
    let mut console = Console::new();
    for line in view::render(model, SIZE.0, SIZE.1) {
        let line: String = line.iter().map(|(tone, text)| console.paint(*tone, text)).collect();
        console.line(line.trim_end())?;
    }
    Ok(())
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
