//! One row: we and our references, measured in turn.
//!
//! What disturbs a machine lasts longer than a reading. So each round takes one reading of every side, and the ratio is
//! taken within the round; the row's ratio is the median of these. Every second round goes through the sides backwards, so
//! that no side always comes after the same other one.
//!
//! The median decides about a goal. Whether every round says the same is told beside it: where not, another run may
//! decide otherwise.

use anyhow::{Context, Result};

use crate::machine::Watch;
use crate::place::Setting;
use crate::report::{Compared, Figure, RowReport, Verdict};
use crate::stats::{quantile, quartiles, summary};

/// What is measured, and which direction is good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// A rate; otherwise a cost.
    pub(crate) more_is_better: bool,
}

impl Metric {
    pub(crate) const fn cost(name: &'static str, unit: &'static str) -> Metric {
        Metric { name, unit, more_is_better: false }
    }

    pub(crate) const fn rate(name: &'static str, unit: &'static str) -> Metric {
        Metric { name, unit, more_is_better: true }
    }
}

/// Where we must be, seen from a reference or by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Our figure is at most so many times the reference's.
    AtMost(f64),
    /// We are at least so many times as fast as the reference.
    Faster(f64),
    /// Our figure itself, at most.
    FigureAtMost(f64),
    /// Our figure itself, at least.
    FigureAtLeast(f64),
    /// The reference is we ourselves otherwise placed: it lies within the spread of our own readings, of which the slowest
    /// quarter, which something disturbed, does not count.
    WithinSpread,
    /// None: shown for comparison.
    Shown,
}

/// One goal: which metric, against whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Against {
    pub(crate) metric: usize,
    pub(crate) reference: &'static str,
    pub(crate) goal: Goal,
}

type Reading<'a> = Box<dyn FnMut() -> Result<Vec<f64>> + 'a>;

/// A row in the making. The first side is ours.
pub(crate) struct Race<'a> {
    row: &'static str,
    what: String,
    metrics: Vec<Metric>,
    sides: Vec<(&'static str, Reading<'a>)>,
    absent: Vec<String>,
    goals: Vec<Against>,
    once: bool,
}

impl<'a> Race<'a> {
    /// A row in which our side's `reading` gives one value for each metric.
    pub(crate) fn new(
        row: &'static str,
        what: impl Into<String>,
        metrics: &[Metric],
        reading: impl FnMut() -> Result<Vec<f64>> + 'a,
    ) -> Race<'a> {
        Race {
            row,
            what: what.into(),
            metrics: metrics.to_vec(),
            sides: vec![("mpexec", Box::new(reading))],
            absent: Vec::new(),
            goals: Vec::new(),
            once: false,
        }
    }

    /// One reading of each side and no warm-up: for what takes long and depends on no luck.
    pub(crate) fn once(&mut self) -> &mut Self {
        self.once = true;
        self
    }

    /// Another side.
    pub(crate) fn beside(&mut self, name: &'static str, reading: impl FnMut() -> Result<Vec<f64>> + 'a) -> &mut Self {
        self.sides.push((name, Box::new(reading)));
        self
    }

    /// A side that cannot be measured here.
    pub(crate) fn without(&mut self, name: &'static str, reason: &str) -> &mut Self {
        self.absent.push(format!("{name}: skipped, {reason}"));
        self
    }

    /// A goal for the metric with this number.
    pub(crate) fn goal(&mut self, metric: usize, reference: &'static str, goal: Goal) -> &mut Self {
        self.goals.push(Against { metric, reference, goal });
        self
    }

    /// Takes the readings. The first of each side is a warm-up and does not count, but in a row that is read once.
    pub(crate) fn run(mut self, setting: &Setting) -> Result<RowReport> {
        if setting.alone {
            self.sides.truncate(1);
        }
        let mut readings: Vec<Vec<Vec<f64>>> = vec![Vec::new(); self.sides.len()];
        let watch = Watch::start();
        let rounds = if self.once { 1..=1 } else { 0..=setting.rounds };
        for round in rounds {
            let mut order: Vec<usize> = (0..self.sides.len()).collect();
            if round % 2 == 0 {
                order.reverse();
            }
            for side in order {
                let (name, reading) = &mut self.sides[side];
                let values = reading().with_context(|| (*name).to_owned())?;
                if round > 0 {
                    readings[side].push(values);
                }
            }
        }
        let meanwhile = watch.end();
        let of =
            |side: usize, metric: usize| -> Vec<f64> { readings[side].iter().map(|round| round[metric]).collect() };
        let mut figures = Vec::new();
        for (side, (name, _)) in self.sides.iter().enumerate() {
            for (at, metric) in self.metrics.iter().enumerate() {
                let (median, least, greatest) = summary(&of(side, at));
                let (metric, unit) = (metric.name, metric.unit);
                figures.push(Figure { side: name, metric, unit, median, least, greatest });
            }
        }
        let mut compared = Vec::new();
        for against in &self.goals {
            let metric = self.metrics[against.metric];
            let ours = of(0, against.metric);
            let values = match against.goal {
                Goal::FigureAtMost(_) | Goal::FigureAtLeast(_) => ours,
                goal => {
                    let Some(side) = self.sides.iter().position(|(name, _)| *name == against.reference) else {
                        continue;
                    };
                    let theirs = of(side, against.metric);
                    if matches!(goal, Goal::WithinSpread) {
                        let slowest = quantile(&mut ours.clone(), 0.75);
                        let values: Vec<f64> = theirs.iter().map(|theirs| theirs / slowest).collect();
                        compared.push(compare(against, metric, &values));
                        continue;
                    }
                    let faster = matches!(goal, Goal::Faster(_)) && !metric.more_is_better;
                    let ratio = |(ours, theirs): (&f64, &f64)| if faster { theirs / ours } else { ours / theirs };
                    ours.iter().zip(&theirs).map(ratio).collect()
                }
            };
            compared.push(compare(against, metric, &values));
        }
        Ok(RowReport { row: self.row, what: self.what, figures, compared, absent: self.absent, meanwhile })
    }
}

/// A margin is told up to here: a figure of nothing at all is infinitely better than any goal, and no number.
const WIDEST: f64 = 1000.0;

fn compare(against: &Against, metric: Metric, values: &[f64]) -> Compared {
    let (median, least, greatest) = summary(values);
    let (goal, limit, more_is_better, absolute) = match against.goal {
        Goal::AtMost(limit) => (format!("<= {limit} x"), Some(limit), false, false),
        Goal::Faster(limit) => (format!(">= {limit} x as fast"), Some(limit), true, false),
        Goal::FigureAtMost(limit) => (format!("<= {limit} {}", metric.unit), Some(limit), false, true),
        Goal::FigureAtLeast(limit) => (format!(">= {limit} {}", metric.unit), Some(limit), true, true),
        Goal::WithinSpread => ("within our spread".to_owned(), Some(1.0), false, false),
        Goal::Shown => ("-".to_owned(), None, metric.more_is_better, false),
    };
    let margin = |limit: f64, value: f64| if more_is_better { value / limit } else { limit / value };
    let verdict = match limit {
        Some(limit) if margin(limit, median) >= 1.0 => Verdict::Met,
        Some(_) => Verdict::Missed,
        None => Verdict::Shown,
    };
    let agrees = |value| limit.is_none_or(|limit| (margin(limit, value) >= 1.0) == (verdict == Verdict::Met));
    let reference = if absolute { "" } else { against.reference };
    let quartiles = quartiles(values);
    let margin = limit.map(|limit| margin(limit, median).min(WIDEST));
    let unanimous = agrees(least) && agrees(greatest);
    Compared {
        metric: metric.name,
        reference,
        median,
        least,
        greatest,
        quartiles,
        more_is_better,
        goal,
        limit,
        verdict,
        unanimous,
        margin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> Setting {
        Setting { quick: true, alone: false, rounds: 3, python: "none".into(), folder: "none".into() }
    }

    #[test]
    fn the_ratio_is_taken_within_each_round() {
        // A machine that becomes ten times slower for one round does not move the ratio.
        let mut slow = [1.0, 1.0, 10.0, 1.0].into_iter();
        let mut also_slow = [2.0, 2.0, 20.0, 2.0].into_iter();
        let metrics = [Metric::cost("time", "s")];
        let mut race = Race::new("x", "x", &metrics, || Ok(vec![slow.next().unwrap()]));
        race.beside("raw", || Ok(vec![also_slow.next().unwrap()])).goal(0, "raw", Goal::AtMost(0.6));
        let row = race.run(&setting()).unwrap();
        let compared = &row.compared[0];
        assert_eq!((compared.least, compared.median, compared.greatest), (0.5, 0.5, 0.5));
        assert_eq!(compared.verdict, Verdict::Met);
    }

    #[test]
    fn as_fast_is_turned_round_for_costs_and_not_for_rates() {
        for (metric, ratio) in [(Metric::cost("time", "s"), 4.0), (Metric::rate("tasks", "/s"), 0.25)] {
            let mut race = Race::new("x", "x", std::slice::from_ref(&metric), || Ok(vec![1.0]));
            race.beside("raw", || Ok(vec![4.0])).goal(0, "raw", Goal::Faster(1.0));
            assert_eq!(race.run(&setting()).unwrap().compared[0].median, ratio);
        }
    }

    #[test]
    fn one_slow_reading_of_ours_does_not_widen_the_spread_that_a_side_must_lie_in() {
        for (theirs, verdict) in [(2.9, Verdict::Met), (3.1, Verdict::Missed)] {
            let metrics = [Metric::cost("time", "s")];
            let setting = Setting { rounds: 4, ..setting() };
            let mut ours = [1.0, 1.0, 3.0, 2.0, 900.0].into_iter();
            let mut race = Race::new("x", "x", &metrics, || Ok(vec![ours.next().unwrap()]));
            race.beside("large", || Ok(vec![theirs])).goal(0, "large", Goal::WithinSpread);
            assert_eq!(race.run(&setting).unwrap().compared[0].verdict, verdict);
        }
    }

    #[test]
    fn a_side_that_is_absent_has_no_goal() {
        let metrics = [Metric::cost("time", "s")];
        let mut race = Race::new("x", "x", &metrics, || Ok(vec![1.0]));
        race.without("python", "there is none").goal(0, "python", Goal::Faster(2.0));
        let row = race.run(&setting()).unwrap();
        assert!(row.compared.is_empty());
        assert_eq!(row.absent, ["python: skipped, there is none"]);
    }

    #[test]
    fn a_verdict_that_not_every_round_shares_is_marked() {
        for (goal, verdict, unanimous) in [
            (Goal::AtMost(3.0), Verdict::Met, true),
            (Goal::AtMost(2.5), Verdict::Met, false),
            (Goal::AtMost(1.5), Verdict::Missed, false),
            (Goal::AtMost(0.5), Verdict::Missed, true),
        ] {
            let metrics = [Metric::cost("time", "s")];
            let mut ours = [9.0, 1.0, 2.0, 3.0].into_iter();
            let mut race = Race::new("x", "x", &metrics, || Ok(vec![ours.next().unwrap()]));
            race.beside("raw", || Ok(vec![1.0])).goal(0, "raw", goal);
            let row = race.run(&setting()).unwrap();
            assert_eq!((row.compared[0].verdict, row.compared[0].unanimous), (verdict, unanimous), "{goal:?}");
        }
    }

    #[test]
    fn a_figure_of_nothing_has_a_margin_that_can_be_drawn_and_written() {
        let metrics = [Metric::cost("growth", "MiB")];
        let mut race = Race::new("x", "x", &metrics, || Ok(vec![0.0]));
        race.goal(0, "", Goal::FigureAtMost(32.0)).once();
        let row = race.run(&setting()).unwrap();
        assert_eq!((row.compared[0].verdict, row.compared[0].margin), (Verdict::Met, Some(WIDEST)));
    }

    #[test]
    fn every_second_round_goes_backwards_and_a_row_read_once_has_one_reading() {
        for (once, expected) in [(false, "baabbaab"), (true, "ab")] {
            let order = std::cell::RefCell::new(String::new());
            let read = |name: char| {
                order.borrow_mut().push(name);
                Ok(vec![1.0])
            };
            let metrics = [Metric::cost("time", "s")];
            let mut race = Race::new("x", "x", &metrics, || read('a'));
            race.beside("b", || read('b'));
            if once {
                race.once();
            }
            race.run(&setting()).unwrap();
            assert_eq!(*order.borrow(), expected);
        }
    }
}
