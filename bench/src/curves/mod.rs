//! How cost grows: with the number of tasks, with their size, with workers, with calls outstanding; and what follows from it.
//!
//! Each file here measures one curve. [`write`] puts them, as tables and charts, into a document that nobody writes by hand.

mod draw;
mod driver;
mod handles;
mod sizes;
mod tasks;
mod text;
mod work;
mod workers;
mod worth;

use std::path::Path;

use anyhow::{Context, Result};

use crate::machine::Machine;
use crate::place::Setting;

/// A cost that depends on one number.
#[derive(Debug)]
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
#[derive(Clone, Copy, Debug)]
enum Axis {
    /// So many of these.
    Count(&'static str),
    /// Bytes of this.
    Bytes(&'static str),
}

/// One line of a curve.
#[derive(Debug)]
struct Line {
    name: &'static str,
    /// What its values are in, where that is not the curve's unit: such a line stands in the table alone.
    apart: Option<&'static str>,
    points: Vec<(f64, f64)>,
}

impl Line {
    fn new(name: &'static str) -> Line {
        Line { name, apart: None, points: Vec::new() }
    }

    fn apart(name: &'static str, unit: &'static str) -> Line {
        Line { apart: Some(unit), ..Line::new(name) }
    }
}

/// Measures a curve.
type Measure = fn(&Setting) -> Result<Curve>;

/// What there is to draw, in the order of the document.
const ALL: &[Measure] = &[tasks::curve, sizes::curve, workers::curve, handles::curve];

/// Measures all curves and writes `CURVES.md` and a chart for each into `folder`.
///
/// # Errors
/// When the pool fails, or a file cannot be written.
pub(crate) fn write(setting: &Setting, machine: &Machine, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut document = text::head(machine);
    for (nth, measure) in (1..).zip(ALL) {
        eprintln!("measuring curve {nth} of {}", ALL.len());
        let curve = measure(setting).with_context(|| format!("curve {nth}"))?;
        draw::write(&curve, &folder.join(format!("curve-{}.svg", curve.name)))?;
        document += &text::section(&curve);
    }
    eprintln!("measuring what a batch costs the coordinator");
    document += &driver::section(setting)?;
    eprintln!("measuring what is worth it");
    document += &worth::section(setting)?;
    let path = folder.join("CURVES.md");
    std::fs::write(&path, &document).with_context(|| format!("writing {}", path.display()))?;
    print!("{document}");
    Ok(())
}
