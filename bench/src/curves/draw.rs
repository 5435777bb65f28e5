//! A curve as a chart: both axes logarithmic, a line in steps of ten.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Curve, Line};
use crate::report::short;

const SIZE: (i32, i32) = (760, 380);
/// Where the field of the chart begins and ends, across and down.
const FIELD: (RangeInclusive<i32>, RangeInclusive<i32>) = (80..=590, 46..=330);
const INK: RGBColor = RGBColor(40, 40, 40);
const FAINT: RGBColor = RGBColor(215, 215, 215);
const LINES: [RGBColor; 5] = [
    RGBColor(46, 98, 160),
    RGBColor(186, 90, 40),
    RGBColor(46, 125, 80),
    RGBColor(120, 80, 150),
    RGBColor(170, 120, 30),
];

/// A range of values on a logarithmic axis of so many pixels.
struct Scale {
    from: f64,
    to: f64,
    pixels: RangeInclusive<i32>,
}

impl Scale {
    /// From the power of ten below all values to the one above.
    fn over(values: impl Iterator<Item = f64> + Clone, pixels: RangeInclusive<i32>) -> Scale {
        let (least, most) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
        let from = least.log10().floor();
        Scale { from, to: most.log10().ceil().max(from + 1.0), pixels }
    }

    fn place(&self, value: f64) -> i32 {
        let share = (value.log10() - self.from) / (self.to - self.from);
        self.pixels.start() + (f64::from(self.pixels.end() - self.pixels.start()) * share).round() as i32
    }

    /// The powers of ten on it.
    fn tens(&self) -> impl Iterator<Item = f64> {
        (self.from as i32..=self.to as i32).map(|power| 10f64.powi(power))
    }
}

/// Writes the chart as SVG.
///
/// # Errors
/// When there is nothing to draw or the file cannot be written.
pub(super) fn write(curve: &Curve, path: &Path) -> Result<()> {
    let drawn = |line: &&Line| line.apart.is_none();
    let points =
        || curve.lines.iter().filter(drawn).flat_map(|line| &line.points).filter(|(x, y)| *x > 0.0 && *y > 0.0);
    ensure!(points().next().is_some(), "the curve {} has no points", curve.name);
    let across = Scale::over(points().map(|(x, _)| *x), FIELD.0);
    let up = Scale::over(points().map(|(_, y)| *y), 0..=FIELD.1.end() - FIELD.1.start());
    let height = |value: f64| FIELD.1.end() - up.place(value);
    let area = SVGBackend::new(path, (SIZE.0 as u32, SIZE.1 as u32)).into_drawing_area();
    let done = (|| -> Result<(), DrawingAreaErrorKind<<SVGBackend<'_> as DrawingBackend>::ErrorType>> {
        area.fill(&WHITE)?;
        let style = |size: i32, color: &RGBColor, across: HPos| {
            ("sans-serif", size).into_font().color(color).pos(Pos::new(across, VPos::Center))
        };
        area.draw(&Text::new(format!("{}, {}", curve.title, curve.y), (14, 20), style(15, &INK, HPos::Left)))?;
        for ten in across.tens() {
            let x = across.place(ten);
            area.draw(&PathElement::new(vec![(x, *FIELD.1.start()), (x, *FIELD.1.end())], FAINT))?;
            let power = format!("10^{}", ten.log10());
            area.draw(&Text::new(power, (x, FIELD.1.end() + 14), style(12, &INK, HPos::Center)))?;
        }
        let middle = (FIELD.0.start() + FIELD.0.end()) / 2;
        area.draw(&Text::new(curve.x.name(), (middle, FIELD.1.end() + 34), style(13, &INK, HPos::Center)))?;
        for ten in up.tens() {
            let y = height(ten);
            area.draw(&PathElement::new(vec![(*FIELD.0.start(), y), (*FIELD.0.end(), y)], FAINT))?;
            let told = if ten >= 1.0 { format!("{ten}") } else { short(ten) };
            area.draw(&Text::new(told, (FIELD.0.start() - 8, y), style(12, &INK, HPos::Right)))?;
        }
        for ((nth, line), color) in (0..).zip(curve.lines.iter().filter(drawn)).zip(LINES) {
            let points: Vec<_> = line
                .points
                .iter()
                .filter(|(x, y)| *x > 0.0 && *y > 0.0)
                .map(|(x, y)| (across.place(*x), height(*y)))
                .collect();
            area.draw(&PathElement::new(points.clone(), color.stroke_width(2)))?;
            for point in points {
                area.draw(&Circle::new(point, 3, color.filled()))?;
            }
            let y = FIELD.1.start() + 12 + 20 * nth;
            let x = FIELD.0.end() + 14;
            area.draw(&PathElement::new(vec![(x, y), (x + 16, y)], color.stroke_width(2)))?;
            area.draw(&Text::new(line.name, (x + 22, y), style(12, &INK, HPos::Left)))?;
        }
        area.present()
    })();
    done.map_err(|error| anyhow!("writing {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_reaches_from_power_to_power_of_ten() {
        let scale = Scale::over([3.0, 250.0].into_iter(), 0..=300);
        assert_eq!((scale.place(1.0), scale.place(10.0), scale.place(1000.0)), (0, 100, 300));
        assert_eq!(scale.tens().collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn a_line_of_one_value_has_an_axis_all_the_same() {
        let scale = Scale::over([10.0].into_iter(), 0..=100);
        assert_eq!((scale.place(10.0), scale.place(100.0)), (0, 100));
    }
}
