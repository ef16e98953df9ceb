//! Views that stay: lines of toned text on a terminal, drawn again and again until a key ends it.

use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{self, Text};

use crate::console::{Console, Tone};
use crate::failure::Outcome;

/// A part of a line, with its tone.
pub(crate) type Span = (Tone, String);
/// A line.
pub(crate) type Line = Vec<Span>;

/// Characters and lines of a screen where there is no terminal.
pub(crate) const SIZE: (usize, usize) = (100, 40);
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Draws what `render` makes for a width and a height, until `q`.
pub(crate) fn stay(mut render: impl FnMut(usize, usize) -> Vec<Line>) -> Outcome {
    let mut terminal = ratatui::try_init()?;
    let colours = std::env::var_os("NO_COLOR").is_none();
    let outcome = loop {
        let drawn = terminal.draw(|frame| {
            let area = frame.area();
            let lines = render(area.width.into(), area.height.into());
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

/// Prints lines once.
pub(crate) fn print(lines: Vec<Line>) -> Outcome {
    let mut console = Console::new();
    for line in lines {
        let line: String = line.iter().map(|(tone, text)| console.paint(*tone, text)).collect();
        console.line(line.trim_end())?;
    }
    Ok(())
}

/// The first `width` characters of a line.
pub(crate) fn cut(line: Line, width: usize) -> Line {
    let mut left = width;
    let mut kept = Line::new();
    for (tone, text) in line {
        let text: String = text.chars().take(left).collect();
        left -= text.chars().count();
        kept.push((tone, text));
    }
    kept
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

fn text(lines: Vec<Line>, colours: bool) -> Text<'static> {
    let span = |(tone, text): Span| text::Span::styled(text, style(tone, colours));
    lines.into_iter().map(|line| text::Line::from(line.into_iter().map(span).collect::<Vec<_>>())).collect()
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
