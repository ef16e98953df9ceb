//! `plot`: one self-contained page, inline SVG, no script, nothing from outside.

use std::fmt::Write as _;
use std::io::Write as _;

use mesh_optimize::importance::{Importance, importance};
use mesh_optimize::{Direction, Domain, Outcome, Point};
use mesh_study::Spec;
use serde_json::json;
use sweep::Failure;
use sweep::store::{Home, Store};

use super::{look, save, say, say_json, shown};
use crate::cli::PlotOptions;

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// Most dots of the plot over trials: of more, each stretch keeps its lowest and its highest.
const MOST_DOTS: usize = 4_000;

/// Most cells of the heat map on a side.
const MOST_CELLS: u64 = 24;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1d2530;--soft:#667;--grid:#8883;--line:#2a6fdb;--card:#fff;--page:#f4f5f7}
@media(prefers-color-scheme:dark){:root{--ink:#e3e7ec;--soft:#99a;--line:#6aa3ff;--card:#1b2028;--page:#12151a}}
body{margin:0 auto;max-width:1080px;padding:24px;background:var(--page);color:var(--ink);font:14px/1.45 system-ui,sans-serif}
section{background:var(--card);border-radius:10px;padding:14px 18px;margin:14px 0;overflow-x:auto}
h1{font-size:22px;margin:0}h2{font-size:15px;margin:0 0 8px}p{color:var(--soft);margin:4px 0}
svg{width:100%;height:auto;display:block}text{font-size:11px;fill:var(--soft)}.value{text-anchor:end}.middle{text-anchor:middle}
.grid{stroke:var(--grid)}.best{fill:none;stroke:var(--line);stroke-width:1.6}.dot{fill:var(--soft);opacity:.45}.bar{fill:var(--line)}
pre{overflow-x:auto}
";

/// Trials that have a value of the first goal, by number.
struct Valued {
    numbers: Vec<u64>,
    points: Vec<Point>,
    values: Vec<f64>,
    /// Whether each keeps the constraints.
    feasible: Vec<bool>,
}

fn valued(spec: &Spec, store: &Store) -> Result<Valued, Failure> {
    let mut of = Valued { numbers: Vec::new(), points: Vec::new(), values: Vec::new(), feasible: Vec::new() };
    store.each(spec, |row| {
        if let Outcome::Complete { values, violation } = row.outcome(spec)
            && let Some(value) = values.first()
        {
            of.numbers.push(row.number);
            of.points.push(row.point);
            of.values.push(*value);
            of.feasible.push(violation <= 0.0);
        }
        Ok(())
    })?;
    Ok(of)
}

pub(crate) fn plot(home: &Home, options: &PlotOptions) -> Result<(), Failure> {
    let (spec, store) = look::open(home, &options.id)?;
    let valued = valued(&spec, &store)?;
    if valued.values.is_empty() {
        return Err(Failure::bad("there is nothing to plot: no trial has a value of the goal yet"));
    }
    let trials: Vec<(&Point, f64)> = valued.points.iter().zip(valued.values.iter().copied()).collect();
    let explained = importance(spec.space(), &trials).unwrap_or_default();
    let heat = heat_of(&spec, options.heat.as_deref(), &explained)?;
    let page = page(&spec, &store, &valued, &explained, heat)?;
    save(&options.html, |file| Ok(file.write_all(page.as_bytes())?))?;
    let path = options.html.display().to_string();
    if options.json {
        return say_json(&json!({ "html": path, "trials": valued.values.len(), "bytes": page.len() }));
    }
    say(&format!("{path}: {} trials", valued.values.len()))
}

/// Places of the two parameters of the heat map.
fn heat_of(spec: &Spec, asked: Option<&[String]>, explained: &[Importance]) -> Result<Option<[usize; 2]>, Failure> {
    let names: Vec<&str> = spec.space().parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    if let Some([a, b]) = asked {
        let place = |name: &str| {
            let found = names.iter().position(|known| *known == name);
            found.ok_or_else(|| {
                Failure::usage(format!("--heat: `{name}` does not vary; there is: {}", names.join(", ")))
            })
        };
        let pair = [place(a)?, place(b)?];
        return if a == b { Err(Failure::usage("--heat: expected two parameters")) } else { Ok(Some(pair)) };
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|a, b| {
        let share = |at: &usize| explained.get(*at).map_or(0.0, |one| one.share);
        share(b).total_cmp(&share(a))
    });
    Ok(match order.as_slice() {
        [a, b, ..] => Some([*a, *b]),
        _ => None,
    })
}

fn page(
    spec: &Spec,
    store: &Store,
    valued: &Valued,
    explained: &[Importance],
    heat: Option<[usize; 2]>,
) -> Result<String, Failure> {
    let about = store.about()?;
    let goal = spec.objective.goals.first().map_or("", |goal| goal.metric.name());
    let title = format!("Sweep {}", escaped(&about.id));
    let mut html = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    // Writing to a String never fails.
    let _ = write!(
        html,
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style>\
         </head><body>\n<h1>{title}</h1><p>{} of {} trials over {} bars, {} with a value of {goal}</p>\n",
        store.ended()?,
        about.trials,
        about.bars,
        valued.values.len()
    );
    let mut section = |title: &str, body: &str| {
        let _ = writeln!(html, "<section><h2>{}</h2>{body}</section>", escaped(title));
    };
    section(&format!("{goal} over trials, and the best so far"), &over_trials(spec, valued));
    if explained.is_empty() {
        section("What each parameter explains", "<p>Too few trials, or all alike.</p>");
    } else {
        section(&format!("Share of the variance of {goal} that each parameter explains"), &bars(explained));
    }
    if let Some([a, b]) = heat {
        let name = |at: usize| spec.space().parameters().get(at).map_or("", |parameter| parameter.name.as_str());
        section(&format!("Mean {goal} by {} and {}", name(a), name(b)), &heat_map(spec, valued, a, b));
    }
    section("The best", &format!("<pre>{}</pre>", escaped(&look::page(spec, store)?)));
    section("Specification", &format!("<pre>{}</pre>", escaped(&about.spec_text)));
    html += "</body></html>\n";
    Ok(html)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Lowest and highest, apart from each other.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if high - low <= low.abs() * 1e-12 { (low - 1.0, high + 1.0) } else { (low, high) }
}

fn svg(height: f64, body: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">{body}</svg>")
}

/// Every value as a dot, infeasible ones hollow; the best so far as a line.
fn over_trials(spec: &Spec, valued: &Valued) -> String {
    const HEIGHT: f64 = 340.0;
    let direction = spec.objective.goals.first().map_or(Direction::Maximise, |goal| goal.direction);
    let (low, high) = range(valued.values.iter().copied());
    let last = valued.numbers.last().copied().unwrap_or(0).max(1) as f64;
    let x = |number: u64| LEFT + number as f64 / last * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let mut body = String::new();
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        let _ = write!(
            body,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"value\" x=\"{}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y(value) + 4.0,
            shown(Some(value)),
            y = y(value)
        );
    }
    for at in dots(&valued.values) {
        let (number, value) = (valued.numbers[at], valued.values[at]);
        let fill =
            if valued.feasible[at] { "" } else { " fill-opacity=\"0\" stroke=\"currentColor\" stroke-width=\".5\"" };
        let _ = write!(
            body,
            "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\"{fill}><title>trial {number}: {value}</title></circle>",
            x(number),
            y(value)
        );
    }
    let mut best: Option<f64> = None;
    let mut line = String::new();
    for (at, value) in valued.values.iter().enumerate().filter(|(at, _)| valued.feasible[*at]) {
        if best.is_none_or(|best| direction.cost(*value) < direction.cost(best)) {
            let corner = best.map_or_else(String::new, |best| format!("{:.1},{:.1} ", x(valued.numbers[at]), y(best)));
            let _ = write!(line, "{corner}{:.1},{:.1} ", x(valued.numbers[at]), y(*value));
            best = Some(*value);
        }
    }
    if let Some(best) = best {
        let _ = write!(line, "{:.1},{:.1}", WIDTH - RIGHT, y(best));
        let _ = write!(body, "<polyline class=\"best\" points=\"{line}\"/>");
    }
    let _ = write!(body, "<text class=\"value\" x=\"{}\" y=\"{}\">trial {last}</text>", WIDTH - RIGHT, HEIGHT - 6.0);
    svg(HEIGHT, &body)
}

/// Places of the dots that are drawn.
fn dots(values: &[f64]) -> Vec<usize> {
    if values.len() <= MOST_DOTS {
        return (0..values.len()).collect();
    }
    let size = values.len().div_ceil(MOST_DOTS / 2);
    let mut places = Vec::with_capacity(MOST_DOTS);
    for (stretch, from) in values.chunks(size).zip((0..).step_by(size)) {
        let by_value = |a: &usize, b: &usize| stretch[*a].total_cmp(&stretch[*b]);
        let ends = [(0..stretch.len()).min_by(by_value), (0..stretch.len()).max_by(by_value)];
        places.extend(ends.into_iter().flatten().map(|at| from + at));
    }
    places.sort_unstable();
    places.dedup();
    places
}

fn bars(explained: &[Importance]) -> String {
    const ROW: f64 = 22.0;
    let mut order: Vec<&Importance> = explained.iter().collect();
    order.sort_by(|a, b| b.share.total_cmp(&a.share));
    let mut body = String::new();
    for (one, at) in order.iter().zip(0u32..) {
        let y = f64::from(at) * ROW + TOP;
        let _ = write!(
            body,
            "<text class=\"value\" x=\"192\" y=\"{:.1}\">{}</text>\
             <rect class=\"bar\" x=\"200\" y=\"{y:.1}\" width=\"{:.1}\" height=\"14\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.1} %</text>",
            y + 11.0,
            escaped(&one.parameter),
            one.share * 700.0,
            208.0 + one.share * 700.0,
            y + 11.0,
            one.share * 100.0
        );
    }
    svg(f64::from(order.len() as u32) * ROW + 2.0 * TOP, &body)
}

/// How many cells a parameter has, and in which of them a code falls.
fn cells(domain: &Domain) -> (u64, impl Fn(f64) -> u64 + '_) {
    let count = domain.levels().unwrap_or(MOST_CELLS).min(MOST_CELLS);
    (count, move |code| ((domain.share_of(code) * count as f64) as u64).min(count - 1))
}

/// The mean of the trials in each cell; empty cells stay empty.
fn heat_map(spec: &Spec, valued: &Valued, a: usize, b: usize) -> String {
    const HEIGHT: f64 = 420.0;
    let parameters = spec.space().parameters();
    let (Some(across), Some(up)) = (parameters.get(a), parameters.get(b)) else { return String::new() };
    let ((columns, column), (rows, row)) = (cells(&across.domain), cells(&up.domain));
    let mut sums = vec![(0.0, 0u64); (columns * rows) as usize];
    for (point, value) in valued.points.iter().zip(&valued.values) {
        let code = |at: usize| point.codes().get(at).copied().flatten();
        if let (Some(x), Some(y)) = (code(a), code(b))
            && let Some(cell) = sums.get_mut((row(y) * columns + column(x)) as usize)
        {
            *cell = (cell.0 + value, cell.1 + 1);
        }
    }
    let means = sums.iter().map(|(sum, count)| (*count > 0).then(|| sum / *count as f64));
    let means: Vec<Option<f64>> = means.collect();
    let (low, high) = range(means.iter().flatten().copied());
    let (width, height) = ((WIDTH - LEFT - RIGHT) / columns as f64, (HEIGHT - TOP - 2.0 * BOTTOM) / rows as f64);
    let mut body = String::new();
    for (mean, at) in means.iter().zip(0u64..) {
        let Some(mean) = mean else { continue };
        let (x, y) = (at % columns, rows - 1 - at / columns);
        // From blue over white to red.
        let share = (mean - low) / (high - low);
        let hue = if share < 0.5 { 225 } else { 5 };
        let light = 50.0 + 45.0 * (1.0 - (share - 0.5).abs() * 2.0);
        let _ = write!(
            body,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"hsl({hue} 70% {light:.0}%)\">\
             <title>{mean:.6}</title></rect>",
            LEFT + x as f64 * width,
            TOP + y as f64 * height
        );
    }
    let end = |domain: &Domain, share: f64| domain.value(domain.at(share)).to_string();
    let bottom = HEIGHT - 2.0 * BOTTOM;
    let _ = write!(
        body,
        "<text x=\"{LEFT}\" y=\"{y}\">{}</text><text class=\"middle\" x=\"{}\" y=\"{y}\">{}</text>\
         <text class=\"value\" x=\"{}\" y=\"{y}\">{}</text>\
         <text class=\"value\" x=\"{left}\" y=\"{bottom}\">{}</text><text class=\"value\" x=\"{left}\" y=\"{}\">{}</text>\
         <text class=\"value\" x=\"{left}\" y=\"{}\">{}</text>\
         <text x=\"{LEFT}\" y=\"{}\">blue {} to red {}</text>",
        escaped(&end(&across.domain, 0.0)),
        WIDTH / 2.0,
        escaped(&across.name),
        WIDTH - RIGHT,
        escaped(&end(&across.domain, 1.0 - 1e-9)),
        escaped(&end(&up.domain, 0.0)),
        HEIGHT / 2.0,
        escaped(&up.name),
        TOP + 12.0,
        escaped(&end(&up.domain, 1.0 - 1e-9)),
        HEIGHT - 6.0,
        shown(Some(low)),
        shown(Some(high)),
        y = bottom + 18.0,
        left = LEFT - 6.0
    );
    svg(HEIGHT, &body)
}
