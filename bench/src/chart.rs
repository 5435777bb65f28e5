//! The goals as a chart: for each a bar from the goal to where we are, on a logarithmic scale.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::{Compared, Report, RowReport, Verdict, short};

/// Height of a bar with what separates it from the next, and of head and foot, in pixels.
const LINE: i32 = 22;
const HEAD: i32 = 58;
const FOOT: i32 = 34;
const WIDTH: i32 = 1000;
/// Where the scale begins and ends.
const LEFT: i32 = 440;
const RIGHT: i32 = WIDTH - 90;
/// The least and greatest margin shown; what lies beyond is drawn to the edge, and its number tells.
const SCALE: (f64, f64) = (0.25, 16.0);

const MET: RGBColor = RGBColor(46, 125, 80);
const MISSED: RGBColor = RGBColor(186, 60, 50);
const INK: RGBColor = RGBColor(40, 40, 40);
const FAINT: RGBColor = RGBColor(200, 200, 200);

/// Where a margin lies on the scale.
fn place(margin: f64) -> i32 {
    let (least, greatest) = SCALE;
    let share = (margin.clamp(least, greatest) / least).ln() / (greatest / least).ln();
    LEFT + (f64::from(RIGHT - LEFT) * share).round() as i32
}

/// What has a goal, as rows of the chart.
fn bars(report: &Report) -> Vec<(&RowReport, &Compared, f64)> {
    let all = report.rows.iter().flat_map(|row| row.compared.iter().map(move |one| (row, one)));
    all.filter_map(|(row, one)| Some((row, one, one.margin?))).collect()
}

/// Writes the chart as SVG.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(report: &Report, path: &Path) -> Result<()> {
    let bars = bars(report);
    let height = HEAD + LINE * i32::try_from(bars.len())? + FOOT;
    let failed = |error: &dyn std::fmt::Display| anyhow!("writing {}: {error}", path.display());
    let area = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    let drawn = (|| -> Result<(), DrawingAreaErrorKind<<SVGBackend<'_> as DrawingBackend>::ErrorType>> {
        area.fill(&WHITE)?;
        let style = |size: i32, color: &RGBColor, across: HPos| {
            ("sans-serif", size).into_font().color(color).pos(Pos::new(across, VPos::Center))
        };
        let machine = &report.machine;
        let title = "How far each figure is from its goal: green is better than the goal, red has not reached it";
        area.draw(&Text::new(title, (14, 18), style(15, &INK, HPos::Left)))?;
        let of = format!("{} cores, {}, Linux {}", machine.cores, machine.processor, machine.kernel);
        area.draw(&Text::new(of, (14, 38), style(12, &INK, HPos::Left)))?;
        let bottom = height - FOOT;
        for margin in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0] {
            let (x, color) = (place(margin), if margin == 1.0 { INK } else { FAINT });
            area.draw(&PathElement::new(vec![(x, HEAD - 6), (x, bottom)], color))?;
            let told = if margin == 1.0 { "goal".to_owned() } else { format!("{margin} x") };
            area.draw(&Text::new(told, (x, bottom + 14), style(12, &INK, HPos::Center)))?;
        }
        for (nth, (row, one, margin)) in (0..).zip(&bars) {
            let y = HEAD + LINE * nth + LINE / 2;
            let reference = if one.reference.is_empty() { "by itself" } else { one.reference };
            let name = format!("{}: {} / {reference}", row.row, one.metric);
            area.draw(&Text::new(name, (14, y), style(13, &INK, HPos::Left)))?;
            let color = if one.verdict == Verdict::Met { MET } else { MISSED };
            let (from, to) = (place(1.0).min(place(*margin)), place(1.0).max(place(*margin)));
            area.draw(&Rectangle::new([(from, y - 6), (to, y + 6)], color.filled()))?;
            let times = if one.reference.is_empty() { "" } else { " x" };
            let value = format!("{}{times}", short(one.median));
            area.draw(&Text::new(value, (RIGHT + 10, y), style(13, &INK, HPos::Left)))?;
        }
        area.present()
    })();
    drawn.map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_logarithmic_and_ends_at_its_edges() {
        assert_eq!((place(SCALE.0), place(SCALE.1)), (LEFT, RIGHT));
        assert_eq!((place(0.0), place(f64::INFINITY)), (LEFT, RIGHT));
        let steps: Vec<i32> = [0.25, 0.5, 1.0, 2.0, 4.0].map(place).windows(2).map(|two| two[1] - two[0]).collect();
        assert!(steps.iter().all(|step| (step - steps[0]).abs() <= 1), "{steps:?}");
    }
}
