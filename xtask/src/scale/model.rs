//! The model: how long a run takes on so many nodes, as a sum of parts that were each measured by itself.

use anyhow::{Context, Result};

use super::figures::{Array, Figures, Publishing, median};

/// The spread where no nodes were measured: an assumption, and told as one.
const ASSUMED_SPREAD: f64 = 0.1;

/// What Slurm costs, with one setting of its scheduler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scheduling {
    /// Until an array of one element begins,
    pub(super) start: f64,
    /// for each more element that begins with the first,
    pub(super) each: f64,
    /// and for each element that follows another on its node.
    pub(super) follow: f64,
    /// The middle of what the fit is off by, in seconds.
    pub(super) off: f64,
    /// What an element of `mpexec` costs beside its work, and how long it takes until whoever waits has seen and printed the last result.
    pub(super) element: f64,
    pub(super) notice: f64,
}

/// All parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Model {
    pub(super) quick: Scheduling,
    pub(super) as_shipped: Scheduling,
    /// Bytes of results a second that are put together when all are there,
    pub(super) merge: f64,
    /// and that the disk takes.
    pub(super) disk: f64,
    /// Seconds for each small result that is published.
    pub(super) range: f64,
    /// How much shards that are cut alike differ: their standard deviation, as a part of their mean; and of how many measurements that is the middle.
    pub(super) spread: f64,
    pub(super) spread_of: usize,
}

/// What is to be computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    /// Seconds that it takes on one node.
    pub(super) seconds: f64,
    /// The bytes of its results,
    pub(super) results: f64,
    /// and those that it reads.
    pub(super) input: f64,
    /// Into so many shards it is cut.
    pub(super) shards: f64,
}

impl Model {
    /// Fits it.
    ///
    /// # Errors
    /// When there are too few figures.
    pub(super) fn fit(figures: &Figures) -> Result<Model> {
        let of = |part: &dyn Fn(&Publishing) -> f64| {
            median(figures.publishing.iter().map(part).collect()).context("publishing was not measured")
        };
        Ok(Model {
            quick: Scheduling::fit(figures, false)?,
            as_shipped: Scheduling::fit(figures, true)?,
            merge: of(&|one| one.bytes / one.merge)?,
            disk: of(&|one| one.bytes / one.disk)?,
            range: of(&|one| (one.counted - one.counted_plain).max(0.0) / one.ranges)?,
            spread: median(spreads(figures)).unwrap_or(ASSUMED_SPREAD),
            spread_of: spreads(figures).len(),
        })
    }

    /// The same with a disk so many times as fast.
    pub(super) fn with_disk(self, factor: f64) -> Model {
        Model { disk: self.disk * factor, ..self }
    }

    /// How long this takes on so many nodes: until the shards of the first wave have begun, what each wave more costs, the work of all waves with what the slowest shard is
    /// behind (or the input through the shared disk, if that takes longer), the results to that disk, and all of them together to the output.
    pub(super) fn seconds(&self, scheduling: &Scheduling, nodes: f64, work: &Work) -> f64 {
        let waves = (work.shards / nodes).ceil();
        let shard = work.seconds / work.shards;
        let computed = waves * (scheduling.element + shard) + shard * behind(work.shards, self.spread);
        let computed = computed.max(work.input / self.disk);
        scheduling.cost(work.shards, nodes)
            + computed
            + work.results / self.disk
            + work.results / self.merge
            + scheduling.notice
    }

    /// From how many seconds of work on it is done sooner on so many nodes, with a shard each, than on one machine without Slurm and without a run folder;
    /// `None`: never. Either way so many bytes of results are put into the output, but on nodes they go through the shared disk before.
    pub(super) fn worth_it(&self, scheduling: &Scheduling, nodes: f64, results: f64) -> Option<f64> {
        let cost = scheduling.cost(nodes, nodes) + scheduling.element + scheduling.notice + results / self.disk;
        let gain = 1.0 - (1.0 + behind(nodes, self.spread)) / nodes;
        (gain > 0.0).then_some(cost / gain)
    }
}

/// How far behind the mean the slowest of so many is, as a part of the mean, if they are spread as measurements mostly are.
fn behind(shards: f64, spread: f64) -> f64 {
    spread * (2.0 * shards.ln()).sqrt()
}

/// The spread that each measurement on several nodes shows.
fn spreads(figures: &Figures) -> Vec<f64> {
    let several = figures.counts.iter().filter(|count| count.nodes > 1.0);
    several.map(|count| (count.slowest - 1.0) / behind(count.nodes, 1.0)).collect()
}

impl Scheduling {
    fn fit(figures: &Figures, as_shipped: bool) -> Result<Scheduling> {
        let arrays: Vec<&Array> = figures.of(as_shipped, false).collect();
        let rows: Vec<_> = arrays
            .iter()
            .map(|array| {
                ([1.0, array.first_wave() - 1.0, array.waves() - 1.0], array.end - array.waves() * array.seconds)
            })
            .collect();
        let [start, each, follow] =
            least_squares(&rows).context("too few arrays were measured")?.map(|part| part.max(0.0));
        let off = rows.iter().map(|(parts, cost)| (start + each * parts[1] + follow * parts[2] - cost).abs()).collect();
        let alone = |part: &dyn Fn(&Array) -> f64| {
            median(figures.of(as_shipped, true).filter(|array| array.elements == 1.0).map(part).collect())
        };
        Ok(Scheduling {
            start,
            each,
            follow,
            off: median(off).context("no array was measured")?,
            element: alone(&|array| array.end - array.first - array.seconds)
                .context("no run of one element was measured")?,
            notice: alone(&|array| array.all.unwrap_or(array.end) - array.end).context("no run was measured")?,
        })
    }

    /// What an array of so many elements on so many nodes costs beside what they do.
    pub(super) fn cost(&self, elements: f64, nodes: f64) -> f64 {
        self.start + self.each * (elements.min(nodes) - 1.0) + self.follow * ((elements / nodes).ceil() - 1.0)
    }
}

/// The factors of three parts that come nearest to these sums; `None` if they do not decide about them.
fn least_squares(rows: &[([f64; 3], f64)]) -> Option<[f64; 3]> {
    let mut sums = [[0.0; 4]; 3];
    for (parts, sum) in rows {
        for (line, part) in sums.iter_mut().zip(parts) {
            for (cell, other) in line.iter_mut().zip(parts.iter().chain([sum])) {
                *cell += part * other;
            }
        }
    }
    for at in 0..3 {
        let best = (at..3).max_by(|a, b| sums[*a][at].abs().total_cmp(&sums[*b][at].abs()))?;
        sums.swap(at, best);
        let line = sums[at];
        if line[at].abs() < 1e-9 {
            return None;
        }
        for (number, other) in sums.iter_mut().enumerate() {
            let factor = other[at] / line[at];
            if number != at {
                other.iter_mut().zip(line).for_each(|(cell, of)| *cell -= factor * of);
            }
        }
    }
    Some([0, 1, 2].map(|at| sums[at][3] / sums[at][at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULING: Scheduling =
        Scheduling { start: 1.0, each: 0.01, follow: 0.5, off: 0.0, element: 0.2, notice: 0.3 };
    const MODEL: Model = Model {
        quick: SCHEDULING,
        as_shipped: SCHEDULING,
        merge: 1e9,
        disk: 5e8,
        range: 0.001,
        spread: 0.1,
        spread_of: 0,
    };

    #[test]
    fn factors_are_found_again() {
        let rows: Vec<_> = [(1.0, 1.0), (10.0, 1.0), (100.0, 1.0), (100.0, 2.0), (100.0, 5.0)]
            .iter()
            .map(|(wave, waves)| ([1.0, wave - 1.0, waves - 1.0], 1.0 + 0.01 * (wave - 1.0) + 0.5 * (waves - 1.0)))
            .collect();
        let found = least_squares(&rows).unwrap();
        assert!(found.iter().zip([1.0, 0.01, 0.5]).all(|(found, wanted)| (found - wanted).abs() < 1e-9), "{found:?}");
        assert_eq!(least_squares(&rows[..1]), None);
        assert!((SCHEDULING.cost(500.0, 100.0) - (1.0 + 0.99 + 2.0)).abs() < 1e-9);
    }

    #[test]
    fn where_it_is_worth_it_both_take_the_same_time() {
        for (nodes, results) in [2.0, 8.0, 100.0].map(|nodes| [(nodes, 0.0), (nodes, 1e9)]).concat() {
            let seconds = MODEL.worth_it(&SCHEDULING, nodes, results).unwrap();
            let there = MODEL.seconds(&SCHEDULING, nodes, &Work { seconds, results, shards: nodes, ..Work::default() });
            let here = seconds + results / MODEL.merge;
            assert!((there - here).abs() < 1e-6, "{nodes}, {results}: {here} {there}");
        }
        assert_eq!(
            Model { spread: 2.0, ..MODEL }.worth_it(&SCHEDULING, 2.0, 0.0),
            None,
            "the slower one takes as long as both"
        );
    }

    #[test]
    fn each_part_of_the_formula_counts() {
        let even = Model { spread: 0.0, ..MODEL };
        let twice = Work { seconds: 100.0, results: 1e9, shards: 2.0, ..Work::default() };
        let close = |model: &Model, work: &Work, seconds: f64| {
            let found = model.seconds(&SCHEDULING, 2.0, work);
            assert!((found - seconds).abs() < 1e-9, "{found} {seconds}");
        };
        close(&even, &twice, 1.01 + 0.2 + 50.0 + 3.0 + 0.3);
        close(&even.with_disk(0.1), &twice, 1.01 + 0.2 + 50.0 + 21.0 + 0.3);
        close(&even, &Work { input: 1e11, ..twice }, 1.01 + 200.0 + 3.0 + 0.3);
        // Five shards on two nodes are three waves.
        close(&even, &Work { shards: 5.0, ..twice }, 1.01 + 2.0 * 0.5 + 3.0 * (0.2 + 20.0) + 3.0 + 0.3);
        close(&MODEL, &twice, 1.01 + 0.2 + 50.0 * (1.0 + 0.1 * (2.0 * 2f64.ln()).sqrt()) + 3.0 + 0.3);
    }

    #[test]
    fn the_spread_is_what_nodes_have_shown() {
        let of = |lines: &str| {
            let publish = r#"{"kind":"publish","bytes":1,"plain":1,"kept":1,"merge":1,"ranges":1,"counted_plain":1,"counted":1,"commands_plain":1,"commands":1,"tables_plain":1,"tables":1,"disk":1,"syncs":1}"#;
            let array = r#"{"kind":"array","nodes":1,"elements":1,"seconds":1,"first":1,"filled":1,"end":1}"#;
            median(spreads(&Figures::read(&format!("{publish}\n{array}\n{lines}")).unwrap()))
        };
        let line = r#"{"kind":"nodes","nodes":2,"bytes":1,"all":1,"first":1,"end":1,"slowest":1.2354}"#;
        assert!(of(line).is_some_and(|spread| (spread - 0.2).abs() < 1e-3), "{:?}", of(line));
        assert_eq!(of(&line.replace("\"nodes\":2", "\"nodes\":1")), None, "one has nobody beside it");
    }
}
