//! Where functions over frames run: the workers of a pool, and a run folder if what they give is to be kept.

use std::sync::Arc;

use mpexec_core::Pool;
use mpexec_runs::{Kept, RunFolder};

use crate::watch::{Event, Watch};

/// Where functions run. `&Pool` is one, whose results are kept nowhere.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// # use std::collections::BTreeMap;
/// # use std::sync::Arc;
/// # use mpexec_core::{Pool, Workers};
/// # use mpexec_runs::{Cut, InputId, Plan, Program, RunFolder};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("prices.csv");
/// # std::fs::write(&path, "a,b\n1,2\n3,4\n")?;
/// use mpexec_frame::{FrameFile, Workplace, describe};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let plan = Plan {
///     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
///     task: "describe".into(),
///     signature: String::new(),
///     options: BTreeMap::new(),
///     inputs: vec![InputId::of(&path)?],
///     cut: Cut { as_for_workers: 1, range_weight: 32 << 20, range_tasks: u64::MAX },
///     command: None,
/// };
/// let file = FrameFile::open(&path)?;
/// let run = Arc::new(RunFolder::open(&folder.path().join("run"), &plan, false)?);
/// let described = describe(Workplace::kept(&pool, &run), || file.chunks(&pool, 65_536))?;
/// let before = run.published();
/// assert!(before > 0);
/// assert_eq!(describe(Workplace::kept(&pool, &run), || file.chunks(&pool, 65_536))?, described);
/// assert_eq!(run.published(), before);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Workplace<'a> {
    pub(crate) pool: &'a Pool,
    run: Option<&'a Arc<RunFolder>>,
    /// Of tables that are worked on one by one, which it is.
    part: Option<usize>,
    /// Which of the plan's inputs is read, if it is one.
    reads: Option<usize>,
    pub(crate) watch: Watch<'a>,
}

impl<'a> Workplace<'a> {
    /// Where what a function gives is kept in a run folder: what is there is not computed again. The chunks must follow from the plan of the
    /// run, as those of a file do that is one of its inputs, and so must the function.
    pub fn kept(pool: &'a Pool, run: &'a Arc<RunFolder>) -> Workplace<'a> {
        Workplace { pool, run: Some(run), part: None, reads: None, watch: Watch::default() }
    }

    /// The same for the table of this number, of several that are worked on one by one and have one run folder: their results do not meet there.
    ///
    /// ```
    /// # use mpexec_core::Pool;
    /// # use mpexec_frame::Workplace;
    /// fn second(pool: &Pool) -> Workplace<'_> {
    ///     Workplace::from(pool).part(1)
    /// }
    /// ```
    pub fn part(self, number: usize) -> Workplace<'a> {
        Workplace { part: Some(number), ..self }
    }

    /// The same, and all that is read is the input of this number, from 0 on, of the run's plan: before a result is kept, that one is looked at, and not all of them.
    ///
    /// ```
    /// # use mpexec_core::Pool;
    /// # use mpexec_frame::Workplace;
    /// fn of_the_second(pool: &Pool) -> Workplace<'_> {
    ///     Workplace::from(pool).part(1).reading(1)
    /// }
    /// ```
    pub fn reading(self, input: usize) -> Workplace<'a> {
        Workplace { reads: Some(input), ..self }
    }

    /// The same, and `hears` is told how far the work is.
    ///
    /// ```
    /// # use mpexec_core::Pool;
    /// # use mpexec_frame::Workplace;
    /// fn talkative(pool: &Pool) -> Workplace<'_> {
    ///     Workplace::from(pool).watched(&|event| eprintln!("{event:?}"))
    /// }
    /// ```
    pub fn watched(self, hears: &'a dyn Fn(Event)) -> Workplace<'a> {
        Workplace { watch: Watch::by(hears), ..self }
    }

    /// The same, but nothing is kept.
    pub(crate) fn for_now(self) -> Workplace<'a> {
        Workplace { run: None, ..self }
    }

    pub(crate) fn is_kept(self) -> bool {
        self.run.is_some()
    }

    /// What the results of a stage are called.
    pub(crate) fn name_of(self, stage: &str) -> String {
        self.part.map_or_else(|| stage.to_owned(), |part| format!("file{part}-{stage}"))
    }

    /// `decides`: what comes of the stage decides about the next; `follows`: it follows from the one before.
    pub(crate) fn stage<'s>(self, stage: &'s str, decides: bool, follows: bool) -> Option<Kept<'s>>
    where
        'a: 's,
    {
        self.run.map(|run| Kept { run, stage, decides, follows, reads: self.reads })
    }
}

impl<'a> From<&'a Pool> for Workplace<'a> {
    fn from(pool: &'a Pool) -> Workplace<'a> {
        Workplace { pool, run: None, part: None, reads: None, watch: Watch::default() }
    }
}

impl<'a> From<&'a Arc<Pool>> for Workplace<'a> {
    fn from(pool: &'a Arc<Pool>) -> Workplace<'a> {
        Workplace { pool, run: None, part: None, reads: None, watch: Watch::default() }
    }
}
