//! Plots as inline SVG: lines over time, marks on them, bands behind them. No script, nothing from outside.

use std::fmt::Write as _;

use mesh_backtest::monthly::date;

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;
/// Most points of a line: each stretch of time keeps its lowest and its highest.
const MOST_POINTS: usize = 1_600;

/// A point in time, ns, and a value.
pub(super) type Point = (u64, f64);

/// A mark on a plot.
pub(super) struct Mark {
    pub(super) at: Point,
    /// Its class: what the style sheet colours it by.
    pub(super) class: &'static str,
    /// A triangle that points up, or down.
    pub(super) up: bool,
    pub(super) title: String,
}

/// A stretch of time, coloured by class.
pub(super) struct Band {
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) class: &'static str,
}

/// One plot.
#[derive(Default)]
pub(super) struct Plot {
    pub(super) height: f64,
    pub(super) line: Vec<Point>,
    /// Filled between the line and 0.
    pub(super) filled: bool,
    /// Values are fractions, shown in per cent.
    pub(super) percent: bool,
    pub(super) marks: Vec<Mark>,
    pub(super) bands: Vec<Band>,
    /// Lines from an entry to its exit.
    pub(super) legs: Vec<(Point, Point, &'static str)>,
}

/// Fewer points that look alike.
fn thinned(line: &[Point]) -> Vec<Point> {
    if line.len() <= MOST_POINTS {
        return line.to_vec();
    }
    let size = line.len().div_ceil(MOST_POINTS / 2);
    let mut points = Vec::with_capacity(MOST_POINTS + 2);
    for stretch in line.chunks(size) {
        let by_value = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let (low, high) = (stretch.iter().min_by(by_value), stretch.iter().max_by(by_value));
        if let (Some(low), Some(high)) = (low, high) {
            points.push(if low.0 <= high.0 { *low } else { *high });
            if low.0 != high.0 {
                points.push(if low.0 <= high.0 { *high } else { *low });
            }
        }
    }
    points.extend(line.last());
    points.dedup_by_key(|point| point.0);
    points
}

/// Steps of 1, 2 or 5 times a power of ten, about `count` of them.
fn ticks(low: f64, high: f64, count: f64) -> Vec<f64> {
    let raw = (high - low) / count;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|x| *x <= high).take(20).collect()
}

struct Scale {
    from_ns: f64,
    span_ns: f64,
    low: f64,
    span: f64,
    height: f64,
}

impl Scale {
    fn x(&self, time_ns: u64) -> f64 {
        let share = ((time_ns as f64 - self.from_ns) / self.span_ns).clamp(0.0, 1.0);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = ((value - self.low) / self.span).clamp(0.0, 1.0);
        TOP + (1.0 - share) * (self.height - TOP - BOTTOM)
    }
}

impl Plot {
    /// The plot as an element; empty where there is no line to draw.
    pub(super) fn svg(&self) -> String {
        let (Some(first), Some(last)) = (self.line.first(), self.line.last()) else { return String::new() };
        let values = || self.line.iter().map(|point| point.1).filter(|value| value.is_finite());
        let (mut low, mut high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if self.filled {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if high - low <= low.abs() * 1e-12 {
            (low, high) = (low - 1.0, high + 1.0);
        }
        let margin = (high - low) * 0.04;
        let scale = Scale {
            from_ns: first.0 as f64,
            span_ns: (last.0.saturating_sub(first.0) as f64).max(1.0),
            low: low - margin,
            span: high - low + 2.0 * margin,
            height: self.height,
        };
        let mut svg =
            format!(r#"<svg viewBox="0 0 {WIDTH} {}" preserveAspectRatio="xMidYMid meet" role="img">"#, self.height);
        self.draw(&scale, low, high, (first.0, last.0), &mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn draw(&self, scale: &Scale, low: f64, high: f64, (from_ns, to_ns): (u64, u64), svg: &mut String) {
        let (bottom, right) = (self.height - BOTTOM, WIDTH - RIGHT);
        // Writing to a String never fails.
        for band in &self.bands {
            let (x, to) = (scale.x(band.from_ns), scale.x(band.to_ns));
            let (width, height) = (to - x, bottom - TOP);
            // Narrower than the eye.
            if width < 0.3 {
                continue;
            }
            let _ = write!(
                svg,
                r#"<rect class="{}" x="{x:.1}" y="{TOP}" width="{width:.1}" height="{height:.1}"/>"#,
                band.class
            );
        }
        for tick in ticks(low, high, 4.0) {
            let y = scale.y(tick);
            let label = if self.percent { format!("{:.1} %", tick * 100.0) } else { plain(tick, high - low) };
            let _ = write!(svg, r#"<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/>"#);
            let _ = write!(svg, r#"<text x="{:.1}" y="{:.1}" class="value">{label}</text>"#, LEFT - 6.0, y + 4.0);
        }
        for i in 0..=5u64 {
            let time_ns = from_ns + (to_ns - from_ns) / 5 * i;
            let label = time_label(time_ns, to_ns.saturating_sub(from_ns));
            let anchor = match i {
                0 => "start",
                5 => "end",
                _ => "middle",
            };
            let (x, y) = (scale.x(time_ns), self.height - 6.0);
            let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{label}</text>"#);
        }
        let points: Vec<String> =
            thinned(&self.line).iter().map(|(t, v)| format!("{:.1},{:.1}", scale.x(*t), scale.y(*v))).collect();
        if self.filled {
            let zero = scale.y(0.0);
            let _ = write!(
                svg,
                r#"<polygon class="fill" points="{LEFT},{zero:.1} {} {right},{zero:.1}"/>"#,
                points.join(" ")
            );
        }
        let _ = write!(svg, r#"<polyline class="line" points="{}"/>"#, points.join(" "));
        for (from, to, class) in &self.legs {
            let (x1, y1, x2, y2) = (scale.x(from.0), scale.y(from.1), scale.x(to.0), scale.y(to.1));
            let _ = write!(svg, r#"<line class="leg {class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#);
        }
        for mark in &self.marks {
            let (x, y, d) = (scale.x(mark.at.0), scale.y(mark.at.1), if mark.up { 5.0 } else { -5.0 });
            let path = format!("M{:.1},{:.1}L{:.1},{:.1}L{x:.1},{y:.1}Z", x - 4.0, y + d * 1.6, x + 4.0, y + d * 1.6);
            let _ = write!(svg, r#"<path class="{}" d="{path}"><title>{}</title></path>"#, mark.class, mark.title);
        }
    }
}

/// A time on an axis of this length: the day, with the time of the day where that tells more, or alone.
fn time_label(time_ns: u64, span_ns: u64) -> String {
    const DAY_NS: u64 = 86_400_000_000_000;
    let (year, month, day) = date(time_ns);
    let seconds = time_ns / 1_000_000_000 % 86_400;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match span_ns {
        _ if span_ns > 10 * DAY_NS => format!("{year}-{month:02}-{day:02}"),
        _ if span_ns > DAY_NS => format!("{month:02}-{day:02} {hour:02}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}"),
    }
}

/// A tick's label with as many decimals as its range needs.
fn plain(x: f64, range: f64) -> String {
    let decimals = (2.0 - range.log10().floor()).clamp(0.0, 10.0) as usize;
    format!("{x:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_extremes() {
        let mut line: Vec<Point> = (0..100_000).map(|i| (i, 1.0)).collect();
        line[54_321].1 = 9.0;
        line[12_345].1 = -9.0;
        let thin = thinned(&line);
        assert!(thin.len() <= MOST_POINTS + 2);
        assert!(thin.contains(&(54_321, 9.0)) && thin.contains(&(12_345, -9.0)));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn times_are_told_apart() {
        let (at, minute) = (1_723_161_253_000_000_000, 60_000_000_000);
        assert_eq!(time_label(at, 5 * minute), "23:54:13");
        assert_eq!(time_label(at, 3_000 * minute), "08-08 23:54");
        assert_eq!(time_label(at, 300_000 * minute), "2024-08-08");
    }

    #[test]
    fn plots_have_no_numbers_that_are_none() {
        for line in [vec![], vec![(5, 1.0)], vec![(5, 0.0), (6, 0.0)], vec![(1, f64::NAN), (2, 3.0)]] {
            let svg = Plot { height: 200.0, line, filled: true, ..Plot::default() }.svg();
            assert!(!svg.contains("inf"), "{svg}");
        }
        assert_eq!(ticks(0.0, 10.0, 4.0), [0.0, 5.0, 10.0]);
    }
}
