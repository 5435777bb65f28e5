//! The charts, as SVG: both axes logarithmic. What was measured is drawn with points, what a model says beyond that with broken lines.

use std::fmt::Write;

use super::figures::{Figures, median};
use super::model::{Model, Scheduling, Work};

const SIZE: (f64, f64) = (760.0, 400.0);
/// Where the field begins and ends, across and down.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 340.0;
const COLOURS: [&str; 3] = ["#2e62a0", "#ba5a28", "#2e7d50"];

/// A chart that is being drawn.
struct Chart {
    text: String,
    /// The powers of ten at which the axes begin and end.
    across: (f64, f64),
    up: (f64, f64),
    lines: usize,
}

impl Chart {
    fn new(title: &str, under: &str, across: (f64, f64), up: (f64, f64)) -> Chart {
        let mut chart = Chart { text: String::new(), across, up, lines: 0 };
        let (width, height) = SIZE;
        chart.add(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\">"
        ));
        chart.add(&format!("<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"));
        chart.add(&format!("<text x=\"14\" y=\"24\" font-size=\"15\" fill=\"#282828\">{title}</text>"));
        for power in across.0 as i32..=across.1 as i32 {
            let x = chart.x(10f64.powi(power));
            chart.rule((x, TOP), (x, BOTTOM), "#d7d7d7");
            chart.label((x, BOTTOM + 18.0), "middle", &format!("{}", 10f64.powi(power)));
        }
        for power in up.0 as i32..=up.1 as i32 {
            let y = chart.y(10f64.powi(power));
            chart.rule((LEFT, y), (RIGHT, y), "#d7d7d7");
            chart.label((LEFT - 8.0, y + 4.0), "end", &format!("{} s", 10f64.powi(power)));
        }
        chart.label(((LEFT + RIGHT) / 2.0, BOTTOM + 40.0), "middle", under);
        chart
    }

    fn add(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (value.log10() - self.across.0) / (self.across.1 - self.across.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.log10() - self.up.0) / (self.up.1 - self.up.0);
        BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0)
    }

    fn rule(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let ((a, b), (c, d)) = (from, to);
        self.add(&format!("<line x1=\"{a:.1}\" y1=\"{b:.1}\" x2=\"{c:.1}\" y2=\"{d:.1}\" stroke=\"{colour}\"/>"));
    }

    fn label(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        self.add(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"12\" text-anchor=\"{anchor}\" fill=\"#282828\">{text}</text>"
        ));
    }

    /// A line through these; broken, if it is nothing but a model.
    fn line(&mut self, points: &[(f64, f64)], colour: &str, broken: bool) {
        let mut places = String::new();
        for (x, y) in points {
            // Writing to a text cannot fail.
            let _ = write!(places, "{:.1},{:.1} ", self.x(*x), self.y(*y));
        }
        let dashes = if broken { " stroke-dasharray=\"6 4\"" } else { "" };
        self.add(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>",
            places.trim_end()
        ));
    }

    fn points(&mut self, points: &[(f64, f64)], colour: &str) {
        for (x, y) in points {
            let (x, y) = (self.x(*x), self.y(*y));
            self.add(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"));
        }
    }

    /// Beside the field: what a colour means.
    fn key(&mut self, colour: &str, text: &str) {
        let y = TOP + 12.0 + 20.0 * self.lines as f64;
        self.lines += 1;
        if !colour.is_empty() {
            self.add(&format!(
                "<rect x=\"{}\" y=\"{}\" width=\"14\" height=\"3\" fill=\"{colour}\"/>",
                RIGHT + 12.0,
                y - 5.0
            ));
        }
        self.label((RIGHT + 32.0, y), "start", text);
    }

    fn end(mut self) -> String {
        self.add("</svg>");
        self.text
    }
}

/// So many steps for each tenfold.
fn steps(from: f64, to: f64) -> Vec<f64> {
    let mut all: Vec<f64> =
        (0..).map(|step| from * 10f64.powf(f64::from(step) / 8.0)).take_while(|x| *x < to).collect();
    all.push(to);
    all
}

/// What an array costs beside what its elements do.
pub(super) fn arrays(figures: &Figures, model: &Model) -> String {
    let nodes = figures.of(false, false).map(|array| array.nodes).fold(1.0, f64::max);
    let title = format!("An array on {nodes} emulated nodes: seconds beside what its elements do");
    let mut chart = Chart::new(&title, "elements", (0.0, 5.0), (-1.0, 3.0));
    let sides: [(&str, bool, &Scheduling); 2] =
        [("quick scheduler", false, &model.quick), ("as shipped", true, &model.as_shipped)];
    for ((name, as_shipped, scheduling), colour) in sides.into_iter().zip(COLOURS) {
        let mut counts: Vec<f64> = figures.of(as_shipped, false).map(|array| array.elements).collect();
        counts.sort_by(f64::total_cmp);
        counts.dedup();
        let cost = |elements: f64| {
            let same = figures.of(as_shipped, false).filter(|array| array.elements == elements);
            median(same.map(|array| array.end - array.waves() * array.seconds).collect())
        };
        let measured: Vec<_> = counts.iter().filter_map(|count| Some((*count, cost(*count)?))).collect();
        let most = counts.last().copied().unwrap_or(1.0);
        let fitted = |from: f64, to: f64| {
            steps(from, to).into_iter().map(|x| (x, scheduling.cost(x, nodes))).collect::<Vec<_>>()
        };
        chart.line(&fitted(1.0, most), colour, false);
        chart.line(&fitted(most, 1e5), colour, true);
        chart.points(&measured, colour);
        chart.key(colour, name);
    }
    chart.key("", "points: measured");
    chart.key("", "line: fitted");
    chart.key("", "broken: model alone");
    chart.end()
}

/// How long work takes on more and more nodes.
pub(super) fn nodes(model: &Model) -> String {
    let title = "Work on more and more nodes, with Slurm as it is shipped: a model, nowhere measured as a whole";
    let mut chart = Chart::new(title, "nodes", (0.0, 4.0), (0.0, 5.0));
    let works = [("10 minutes", 600.0), ("1 hour", 3600.0), ("10 hours", 36_000.0)];
    for ((name, seconds), colour) in works.into_iter().zip(COLOURS) {
        let took = |nodes: f64| {
            let work = Work { seconds, results: 1e9, shards: nodes, ..Work::default() };
            (nodes, model.seconds(&model.as_shipped, nodes, &work))
        };
        let line: Vec<_> = steps(1.0, 1e4).into_iter().map(took).collect();
        chart.line(&line, colour, true);
        chart.key(colour, &format!("{name} on one node"));
    }
    for (nodes, what) in [(3.0, "3: tested"), (100.0, "100: emulated")] {
        let x = chart.x(nodes);
        chart.rule((x, TOP), (x, BOTTOM), "#8a8a8a");
        chart.label((x + 4.0, TOP + 12.0), "start", what);
    }
    chart.key("", "1 GB of results,");
    chart.key("", &format!("shards spread by {:.0} %", 100.0 * model.spread));
    chart.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_reaches_from_power_to_power_of_ten() {
        let chart = Chart::new("", "", (0.0, 2.0), (-1.0, 1.0));
        assert_eq!((chart.x(1.0), chart.x(100.0)), (LEFT, RIGHT));
        assert_eq!((chart.y(0.1), chart.y(10.0), chart.y(1e9)), (BOTTOM, TOP, TOP));
        let steps = steps(1.0, 100.0);
        assert_eq!((steps.len(), steps[0], steps[16]), (17, 1.0, 100.0));
    }
}
