//! What was measured: lines of JSON, each a flat object, as our own commands print them.

use anyhow::{Context, Result, ensure};

/// All measurements.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) arrays: Vec<Array>,
    pub(super) publishing: Vec<Publishing>,
    /// What `bench/cluster.sh` has measured: on nodes that are machines, or on those of `cargo xtask cluster up`.
    pub(super) counts: Vec<Count>,
}

/// An array of jobs that sleep.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) nodes: f64,
    pub(super) emulated: bool,
    /// Slurm looks for work as seldom as it does when nobody says anything about that.
    pub(super) as_shipped: bool,
    pub(super) elements: f64,
    /// So long each sleeps.
    pub(super) seconds: f64,
    /// Since it was begun to be submitted: it was accepted (of Slurm's own), the first began, all nodes had one, the last ended.
    pub(super) submit: Option<f64>,
    pub(super) first: f64,
    pub(super) filled: f64,
    pub(super) end: f64,
    /// And `mpexec`, which had submitted it, had printed everything.
    pub(super) all: Option<f64>,
}

/// What a run folder costs on a disk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Publishing {
    pub(super) bytes: f64,
    pub(super) plain: f64,
    pub(super) kept: f64,
    pub(super) merge: f64,
    pub(super) ranges: f64,
    pub(super) counted_plain: f64,
    pub(super) counted: f64,
    pub(super) commands_plain: f64,
    pub(super) commands: f64,
    pub(super) tables_plain: f64,
    pub(super) tables: f64,
    pub(super) disk: f64,
    pub(super) syncs: f64,
}

/// A count on so many nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Count {
    pub(super) nodes: f64,
    pub(super) bytes: f64,
    pub(super) all: f64,
    pub(super) first: f64,
    pub(super) end: f64,
    pub(super) slowest: f64,
}

impl Array {
    /// How many elements follow one another on a node.
    pub(super) fn waves(&self) -> f64 {
        (self.elements / self.nodes).ceil()
    }

    /// How many began with the first.
    pub(super) fn first_wave(&self) -> f64 {
        self.elements.min(self.nodes)
    }
}

impl Figures {
    /// Reads them.
    ///
    /// # Errors
    /// When a line is none of ours.
    pub(super) fn read(lines: &str) -> Result<Figures> {
        let mut figures = Figures::default();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let number = |name: &str| -> Result<f64> {
                let value = value(line, name).with_context(|| format!("no {name} in {line}"))?;
                value.parse().with_context(|| format!("{name} is no number in {line}"))
            };
            match value(line, "kind") {
                Some("\"array\"" | "\"run\"") => figures.arrays.push(Array {
                    nodes: number("nodes")?,
                    emulated: value(line, "emulated") == Some("true"),
                    as_shipped: value(line, "scheduler") == Some("\"as shipped\""),
                    elements: number("elements")?,
                    seconds: number("seconds")?,
                    submit: number("submit").ok(),
                    first: number("first")?,
                    filled: number("filled")?,
                    end: number("end")?,
                    all: number("all").ok(),
                }),
                Some("\"publish\"") => figures.publishing.push(Publishing {
                    bytes: number("bytes")?,
                    plain: number("plain")?,
                    kept: number("kept")?,
                    merge: number("merge")?,
                    ranges: number("ranges")?,
                    counted_plain: number("counted_plain")?,
                    counted: number("counted")?,
                    commands_plain: number("commands_plain")?,
                    commands: number("commands")?,
                    tables_plain: number("tables_plain")?,
                    tables: number("tables")?,
                    disk: number("disk")?,
                    syncs: number("syncs")?,
                }),
                Some("\"nodes\"") => figures.counts.push(Count {
                    nodes: number("nodes")?,
                    bytes: number("bytes")?,
                    all: number("all")?,
                    first: number("first")?,
                    end: number("end")?,
                    slowest: number("slowest")?,
                }),
                _ => anyhow::bail!("no measurement: {line}"),
            }
        }
        ensure!(!figures.arrays.is_empty() && !figures.publishing.is_empty(), "there is nothing to fit a model to");
        Ok(figures)
    }

    /// The arrays of Slurm's own, or those of `mpexec`, with this setting of the scheduler, on emulated nodes.
    pub(super) fn of(&self, as_shipped: bool, by_us: bool) -> impl Iterator<Item = &Array> {
        let ours =
            move |array: &&Array| array.emulated && array.as_shipped == as_shipped && array.all.is_some() == by_us;
        self.arrays.iter().filter(ours)
    }
}

/// The text of a value in a flat object.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
    rest.split([',', '}']).next().map(str::trim)
}

/// The one in the middle.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    let other = values.len() / 2;
    Some((values[middle] + values[other]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_a_strange_one_is_named() {
        let array = r#"{"kind":"array","nodes":100,"emulated":true,"scheduler":"quick","elements":250,"seconds":1,"submit":0.02,"first":0.9,"filled":1.5,"end":5}"#;
        let publish = r#"{"kind":"publish","bytes":8,"plain":1,"kept":2,"merge":3,"ranges":4,"counted_plain":5,"counted":6,"commands_plain":7,"commands":8,"tables_plain":9,"tables":10,"disk":11,"syncs":12}"#;
        let figures = Figures::read(&format!("{array}\n\n{publish}\n")).unwrap();
        let array = &figures.arrays[0];
        assert_eq!((array.waves(), array.first_wave(), array.submit, array.all), (3.0, 100.0, Some(0.02), None));
        assert_eq!(figures.of(false, false).count(), 1);
        assert_eq!(figures.publishing[0].syncs, 12.0);
        assert!(Figures::read("{\"kind\":\"else\"}").unwrap_err().to_string().contains("else"));
        assert!(Figures::read("").is_err());
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
