//! How cost grows: with the number of tasks, with their size, with workers, with calls outstanding; and what follows from it.
//!
//! Each file here measures one curve. [`write`] puts them, as tables and charts, into a document that nobody writes by hand.

mod draw;
mod driver;
mod even;
mod fit;
mod handles;
mod sizes;
mod tasks;
mod text;
mod work;
mod workers;
mod worth;

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::machine::Watch;
use crate::place::Setting;
use crate::readings::Middle;
use crate::report::Report;

/// A cost that depends on one number.
#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    /// Its file, and the place in the document.
    name: &'static str,
    title: &'static str,
    /// What was done, in sentences.
    what: String,
    x: Axis,
    /// The unit of all lines that are drawn.
    y: &'static str,
    lines: Vec<Line>,
}

/// What a number along an axis is.
#[derive(Clone, Copy, Debug, Serialize)]
enum Axis {
    /// So many of these.
    Count(&'static str),
    /// Bytes of this.
    Bytes(&'static str),
}

/// One line of a curve.
#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    /// What its values are in, where that is not the curve's unit: such a line stands in the table alone.
    apart: Option<&'static str>,
    points: Vec<(f64, f64)>,
    /// Where there is one reading only, as each takes long.
    once: Vec<f64>,
}

impl Line {
    fn new(name: &'static str) -> Line {
        Line { name, apart: None, points: Vec::new(), once: Vec::new() }
    }

    fn apart(name: &'static str, unit: &'static str) -> Line {
        Line { apart: Some(unit), ..Line::new(name) }
    }

    /// A point, and from what it is.
    fn push(&mut self, x: f64, y: f64, middle: Middle) {
        self.points.push((x, y));
        if middle.once {
            self.once.push(x);
        }
    }
}

/// Measures a curve.
type Measure = fn(&Setting) -> Result<Curve>;

/// What there is to draw, in the order of the document.
const ALL: &[Measure] = &[tasks::curve, sizes::curve, workers::curve, handles::curve];

/// Measures all curves and writes `CURVES.md`, the same as `curves.json`, and a chart for each into `folder`.
///
/// # Errors
/// When the pool fails, or a file cannot be written.
pub(crate) fn write(setting: &Setting, report: &Report, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let watch = Watch::start();
    let mut document = text::head(report);
    let mut curves = Vec::new();
    for (nth, measure) in (1..).zip(ALL) {
        eprintln!("measuring curve {nth} of {}", ALL.len());
        let curve = measure(setting).with_context(|| format!("curve {nth}"))?;
        draw::write(&curve, &folder.join(format!("curve-{}.svg", curve.name)))?;
        document += &text::section(&curve);
        curves.push(curve);
    }
    eprintln!("measuring what a batch costs the coordinator");
    let (section, driver) = driver::section(setting, &curves)?;
    document += &section;
    eprintln!("measuring what is worth it");
    let (section, worth) = worth::section(setting)?;
    document += &section;
    document += &text::foot(watch.end());
    put(folder, "CURVES.md", &document)?;
    let all = serde_json::json!({
        "machine": report.machine, "versions": report.versions, "curves": curves, "driver": driver, "worth": worth,
    });
    put(folder, "curves.json", &(serde_json::to_string_pretty(&all)? + "\n"))?;
    print!("{document}");
    Ok(())
}

fn put(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}
