//! The summary of a count, for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use clap::builder::styling::{AnsiColor, Style};
use mpexec::names::shown;
use mpexec_data::Summary;
use serde::Serialize;

use crate::numbers::{counted, grouped, rate};

/// Everything that a summary tells.
#[derive(Clone, Debug)]
pub(crate) struct Report<'a> {
    /// What was counted, fit to be printed.
    pub(crate) name: &'a str,
    /// Whether it is one of several, so that programs want its name too.
    pub(crate) named: bool,
    /// The kind of its numbers.
    pub(crate) type_name: &'a str,
    /// Its shape, as NumPy prints it.
    pub(crate) shape: &'a str,
    pub(crate) cols: u64,
    pub(crate) minimum: &'a str,
    pub(crate) maximum: &'a str,
    pub(crate) summary: &'a Summary,
    pub(crate) workers: usize,
    pub(crate) transport: &'static str,
    /// From the beginning of the command until all was counted.
    pub(crate) seconds: f64,
    /// How many rows could not be counted, where a table may have such.
    pub(crate) bad_rows: Option<u64>,
    /// Where the counts are, if they were written to a file.
    pub(crate) output: Option<&'a Path>,
}

#[derive(Serialize)]
struct Json<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    rows: u64,
    cols: u64,
    dtype: &'a str,
    min: serde_json::Value,
    max: serde_json::Value,
    first: &'a [u64],
    total: u64,
    histogram: &'a [u64],
    /// How many counts share an entry of the histogram; more than one only above 65,535 columns.
    histogram_step: u64,
    workers: usize,
    transport: &'a str,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bad_rows: Option<u64>,
}

/// More counts than this share the lines of the histogram.
const LINES: usize = 16;
/// The longest bar, in characters.
const BAR: u64 = 40;

const LABEL: Style = Style::new().dimmed();
const NUMBER: Style = Style::new().bold();
const BARS: Style = AnsiColor::Cyan.on_default();

impl Report<'_> {
    /// One JSON object on one line.
    pub(crate) fn json(&self) -> String {
        let object = Json {
            file: self.named.then_some(self.name),
            rows: self.summary.rows,
            cols: self.cols,
            dtype: self.type_name,
            min: bound(self.minimum),
            max: bound(self.maximum),
            first: &self.summary.first,
            total: self.summary.total,
            histogram: &self.summary.histogram,
            histogram_step: self.summary.bin_width,
            workers: self.workers,
            transport: self.transport,
            seconds: self.seconds,
            bad_rows: self.bad_rows,
        };
        serde_json::to_string(&object).expect("numbers, texts and lists of numbers are always JSON")
    }

    /// Some lines for a person, with colours that the stream takes out where they are not wanted. `bar` is the character
    /// that bars are made of.
    pub(crate) fn text(&self, bar: char) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut out, bar);
        out
    }

    fn write_text(&self, out: &mut String, bar: char) -> std::fmt::Result {
        let Report { summary, .. } = self;
        writeln!(out, "{}: {} {}", self.name, self.type_name, self.shape)?;
        writeln!(out, "{LABEL}values{LABEL:#}  {} to {}, counted in each row", self.minimum, self.maximum)?;
        if !summary.first.is_empty() {
            let first: Vec<_> = summary.first.iter().map(u64::to_string).collect();
            writeln!(out, "{LABEL}first{LABEL:#}   {}", first.join(" "))?;
        }
        writeln!(out, "{LABEL}total{LABEL:#}   {NUMBER}{}{NUMBER:#}", grouped(summary.total))?;
        if summary.rows > 0 {
            self.write_histogram(out, bar)?;
        }
        let speed = if self.seconds > 0.0 { summary.rows as f64 / self.seconds } else { 0.0 };
        writeln!(
            out,
            "\n{} in {} by {} over {}: {} rows/s",
            counted(summary.rows, "row"),
            duration(self.seconds),
            plural(self.workers, "worker"),
            self.transport,
            rate(speed)
        )?;
        if let Some(output) = self.output {
            writeln!(out, "counts written to {}", shown(output))?;
        }
        Ok(())
    }

    fn write_histogram(&self, out: &mut String, bar: char) -> std::fmt::Result {
        let lines = histogram(self.summary, self.cols);
        let most = lines.iter().map(|line| line.rows).max().unwrap_or(0).max(1);
        let labels = lines.iter().map(|line| line.counts.len()).max().unwrap_or(0).max(5);
        let numbers = lines.iter().map(|line| grouped(line.rows).len()).max().unwrap_or(0).max(4);
        writeln!(out, "\n{LABEL}{:>labels$}  {:>numbers$}{LABEL:#}", "count", "rows")?;
        for Line { counts, rows } in lines {
            // A bar that is not nothing has at least one character.
            let length = (u128::from(rows) * u128::from(BAR)).div_ceil(u128::from(most)) as usize;
            let drawn: String = std::iter::repeat_n(bar, length).collect();
            let line = format!("{counts:>labels$}  {:>numbers$}  {BARS}{drawn}{BARS:#}", grouped(rows));
            writeln!(out, "{}", if drawn.is_empty() { line.trim_end() } else { &line })?;
        }
        Ok(())
    }
}

struct Line {
    counts: String,
    rows: u64,
}

/// The histogram in few lines: neighbouring counts share one if there are too many. No row has more counts than columns.
fn histogram(summary: &Summary, cols: u64) -> Vec<Line> {
    let bins = summary.histogram.len();
    let share = bins.div_ceil(LINES);
    let chunks = summary.histogram.chunks(share).enumerate();
    chunks
        .map(|(at, chunk)| {
            let from = (at * share) as u64 * summary.bin_width;
            let to = (from + chunk.len() as u64 * summary.bin_width - 1).min(cols);
            let counts = if from == to { from.to_string() } else { format!("{from}-{to}") };
            Line { counts, rows: chunk.iter().sum() }
        })
        .collect()
}

/// A bound as a JSON number; JSON knows no infinity, so what is no number there is a text.
fn bound(text: &str) -> serde_json::Value {
    let whole = text.parse::<i64>().map(Into::into).or_else(|_| text.parse::<u64>().map(Into::into));
    whole.unwrap_or_else(|_| match text.parse::<f64>() {
        Ok(number) if number.is_finite() => number.into(),
        _ => text.into(),
    })
}

fn duration(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

fn plural(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
