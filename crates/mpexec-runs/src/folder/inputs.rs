//! Whether the inputs are still those of the plan, while a run goes on.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::RunFolder;
use crate::error::RunError;
use crate::input::InputId;

impl RunFolder {
    /// Sees whether all inputs are still the files that were looked at for the plan, nobody has touched them since, and samples of their bytes are the same. To be asked before
    /// anything is made of the results together; each by itself was published only while its file was untouched.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// use mpexec_runs::{Cut, InputId, Plan, Program, RunError, RunFolder};
    /// # let folder = tempfile::tempdir()?;
    /// # let input = folder.path().join("input");
    /// std::fs::write(&input, "as it was")?;
    /// # let plan = Plan {
    /// #     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
    /// #     task: "square".into(), signature: String::new(), inputs: vec![InputId::of(&input)?], command: None,
    /// #     options: BTreeMap::new(), cut: Cut { as_for_workers: 8, range_weight: 1 << 25, range_tasks: 4096 },
    /// # };
    /// let run = RunFolder::open(&folder.path().join("run"), &plan, false)?;
    /// run.inputs_hold()?;
    /// std::fs::write(&input, "as it is")?;
    /// assert!(matches!(run.inputs_hold(), Err(RunError::InputChanged { .. })));
    /// assert!(run.publish("rows-0", "-", b"of which of them?").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::InputChanged`] with the first that is not, [`RunError::Io`] if one cannot be read.
    pub fn inputs_hold(&self) -> Result<(), RunError> {
        self.plan().inputs.iter().try_for_each(|input| self.holds(input))
    }

    /// The same of the plan's input of this number, from 0 on; what comes of that one alone needs no look at a thousand others. There is none of a number behind the last.
    ///
    /// # Errors
    /// As [`inputs_hold`](RunFolder::inputs_hold).
    pub fn input_holds(&self, number: usize) -> Result<(), RunError> {
        self.plan().inputs.get(number).map_or(Ok(()), |input| self.holds(input))
    }

    fn holds(&self, input: &InputId) -> Result<(), RunError> {
        input.touched()?.map_or(Ok(()), |change| Err(self.changed(change)))
    }

    /// The same without reading them, which costs next to nothing; of these inputs, or with a `None` among them of all. Now and then of all whatever is asked for, so that a run of
    /// many hours does not end only then because of one that was touched in the first.
    pub(super) fn inputs_seem_to_hold(&self, reads: &BTreeSet<Option<usize>>) -> Result<(), RunError> {
        let seems = |input: &InputId| if input.is_untouched() { Ok(()) } else { self.holds(input) };
        let inputs = &self.plan().inputs;
        if reads.contains(&None) || inputs.len() > 1 && self.looks.are_due() {
            return self.looks.timed(|| inputs.iter().try_for_each(seems));
        }
        reads.iter().flatten().filter_map(|&number| inputs.get(number)).try_for_each(seems)
    }

    fn changed(&self, change: String) -> RunError {
        RunError::InputChanged { path: self.path().to_path_buf(), change }
    }
}

/// When all inputs were looked at, and when it is time to look again.
#[derive(Debug)]
pub(super) struct Looks(Mutex<Instant>);

/// After so long at least,
const EVERY: Duration = Duration::from_secs(1);

const AN_HOUR: Duration = Duration::from_secs(3600);

/// and after so many times as long as it takes: that is the part of the time that a thread has for it.
const TIMES: u32 = 20;

impl Looks {
    pub(super) fn begin() -> Looks {
        Looks(Mutex::new(Instant::now() + EVERY))
    }

    /// Whether it is time; to one who asks.
    fn are_due(&self) -> bool {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = *next <= now;
        if due {
            // Nobody else looks meanwhile, however long it takes.
            *next = now + AN_HOUR;
        }
        due
    }

    fn timed<T>(&self, look: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let seen = look();
        let pause = begun.elapsed().saturating_mul(TIMES).max(EVERY);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + pause;
        seen
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::folder::Finished;
    use crate::plan::{Plan, tests::plan};

    #[test]
    fn before_a_result_appears_the_inputs_that_it_comes_from_are_looked_at_and_at_the_end_all() {
        let scratch = tempfile::tempdir().unwrap();
        let names = ["first", "second"].map(|name| scratch.path().join(name));
        names.iter().for_each(|name| fs::write(name, "as it was").unwrap());
        let plan = Plan { inputs: InputId::of_all(&names).unwrap(), ..plan() };
        let run = RunFolder::open(&scratch.path().join("run"), &plan, false).unwrap();
        fs::write(&names[1], "as it is").unwrap();
        let published = |key, reads: &[Option<usize>]| {
            let finished = reads.iter().map(|&reads| Finished { key, input: "-", reads, pieces: &[b"computed"] });
            let (_, done) = run.publish_all(&finished.collect::<Vec<_>>());
            (done.is_ok(), run.is_published(key))
        };
        assert_eq!(published("of-the-first", &[Some(0)]), (true, true));
        assert_eq!(published("of-the-second", &[Some(1)]), (false, false));
        assert_eq!(published("of-any", &[None]), (false, false));
        assert_eq!(published("of-both", &[Some(0), Some(1)]), (false, false));
        assert!(run.input_holds(0).is_ok());
        assert!(matches!(run.input_holds(1), Err(RunError::InputChanged { .. })));
        assert!(matches!(run.inputs_hold(), Err(RunError::InputChanged { .. })));
        // After a while of all, also for a result that comes from another.
        *run.looks.0.lock().unwrap() = Instant::now();
        assert_eq!(published("of-the-first-later", &[Some(0)]), (false, false));
        assert_eq!(published("of-the-first-at-last", &[Some(0)]), (true, true));
    }
}
