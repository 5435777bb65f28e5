//! Ranges that are computed by the jobs of a cluster: this process submits them, waits for their results, and submits again what is lost.
//!
//! An element of the array is an ordinary run, on a machine of its own, of the share of the ranges that has its number (`mpexec runs element`). It reads the
//! inputs itself and publishes its results in the run folder, which all machines see. So no byte of them passes through here, and whether
//! this process lives meanwhile is nobody's concern: the run folder knows all that the next one needs.
//!
//! What is to be done next is decided in `rounds.rs`; what is an engine's alone stands in its own file behind [`Engine`].

mod awaited;
mod ends;
mod leaving;
mod lost;
mod patience;
mod rounds;
mod script;
mod stopping;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mpexec::names::{one_line, shown};
use mpexec_core::Workers;
use mpexec_runs::{Elsewhere, Missing, Plan, RunError, RunFolder, Stage, key_of};
use serde::{Deserialize, Serialize};

use crate::args::TransportName;
use crate::console::Level;
use crate::engines::{Alive, Array, Ended, Engine, Kind, Shards, Silence, Which, Worth};
use crate::exit::Signal;
use crate::failure::Failure;
use crate::interrupt::Running;
use crate::numbers::counted;
use ends::Ends;
pub(crate) use leaving::{end_jobs, end_what_is_left};
use patience::pause;
use rounds::{Rounds, Seen, Step};
use script::Script;
use stopping::Stopping;

/// What was said about the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) engine: Kind,
    /// Into how many shards the work is cut; `None`: as many as there are idle nodes and as are worth it.
    pub(crate) shards: Option<u64>,
    /// What the engine is told besides.
    pub(crate) words: Vec<String>,
    /// Of each element.
    pub(crate) workers: Workers,
    pub(crate) transport: TransportName,
    pub(crate) grace: Duration,
}

/// What jobs of a cluster compute.
pub(crate) struct Job<'a> {
    /// The worker program, if it is not this one.
    pub(crate) worker: Option<&'a Path>,
    /// More shards than this would be too short; `None`: of tasks of the user's, of which nobody knows how long one takes.
    pub(crate) most: Option<u64>,
    /// How many files are read.
    pub(crate) inputs: u64,
    /// Nobody has named the run folder, or will look for it if nothing comes of the run.
    pub(crate) unnamed: bool,
}

/// A cluster, for one run.
#[derive(Debug)]
pub(crate) struct Cluster {
    engine: Arc<dyn Engine>,
    /// What all arrays of this run are called.
    name: String,
    stopping: Arc<Stopping>,
    settings: Settings,
    script: Script,
    most: Option<u64>,
    inputs: u64,
    unnamed: bool,
    folder: PathBuf,
    running: Arc<Running>,
    state: Mutex<State>,
    /// That it takes long to answer was told.
    slow: AtomicBool,
}

/// What is known of the jobs of a run; kept in its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    engine: String,
    /// What the arrays are called.
    name: String,
    /// The number of shards; once it was chosen, the elements of all arrays have these shards.
    shards: Option<u64>,
    /// The arrays, the last of them last.
    jobs: Vec<String>,
}

/// What a run folder knows of jobs, for people.
pub(crate) fn told(engine: &str) -> Option<String> {
    let known: Known = serde_json::from_str(engine).ok()?;
    let (jobs, shards) = (known.jobs.join(", "), counted(known.shards?, "shard"));
    Some(format!("{} {}, as {}, of {shards}", one_line(&known.engine), one_line(&jobs), one_line(&known.name)))
}

#[derive(Debug, Default)]
struct State {
    known: Known,
    stage: String,
    rounds: Rounds,
    ends: Ends,
    /// Nodes on which something was lost.
    without: BTreeSet<String>,
    /// What was submitted last may not get all nodes, as far as is known.
    picky: bool,
    /// Something may have been submitted, by this process or by one before it that was killed and did not hear its number.
    begun: bool,
    submitted: Option<Instant>,
    /// This process has submitted something, or has seen it alive.
    ours: bool,
    /// When this process began to wait.
    since: Option<Instant>,
    asked: Option<Instant>,
    /// Nobody answers, and that was told.
    silent: bool,
    /// What all wait for, as it was told.
    told: BTreeSet<String>,
}

impl Cluster {
    /// A cluster for this run. The programs are copied into its folder.
    ///
    /// # Errors
    /// A [`RunError`] if they cannot be.
    pub(crate) fn begin(
        run: &RunFolder,
        settings: &Settings,
        job: &Job<'_>,
        running: &Arc<Running>,
    ) -> Result<Cluster, RunError> {
        Cluster::begin_with(Arc::from((settings.engine.begin)(&settings.words)), run, settings, job, running)
    }

    fn begin_with(
        engine: Arc<dyn Engine>,
        run: &RunFolder,
        settings: &Settings,
        job: &Job<'_>,
        running: &Arc<Running>,
    ) -> Result<Cluster, RunError> {
        let folder = std::path::absolute(run.path()).unwrap_or_else(|_| run.path().to_path_buf());
        let called = settings.engine.name;
        let name = name_of(run.plan(), &folder);
        let known = run.engine().and_then(|text| serde_json::from_str::<Known>(&text).ok());
        let known = known.filter(|known| known.engine == called && known.name == name);
        let begun = known.is_some();
        let known = known.unwrap_or_else(|| Known { engine: called.into(), name: name.clone(), ..Known::default() });
        let stopping = Arc::new(Stopping::new(Arc::clone(&engine), name.clone(), folder.clone()));
        // Those of a coordinator before this one may be alive.
        stopping.awaits(!known.jobs.is_empty());
        stopping.when_leaving(running, called);
        run.keep_program(Path::new("/proc/self/exe"), script::PROGRAM)?;
        if let Some(worker) = job.worker {
            run.keep_program(worker, &script::name_of_worker(worker))?;
        }
        if let (Some(of), Some(wanted), Some(console)) = (known.shards, settings.shards, running.console())
            && of != wanted
        {
            let line = format!(
                "{called}: the run was begun with {}, and stays so: --shards {wanted} is not heeded",
                counted(of, "shard")
            );
            console.note(Level::Normal, &line);
        }
        let script = Script::new(&folder, job.worker, settings);
        let state = Mutex::new(State { begun, picky: begun, known, ..State::default() });
        let (settings, running) = (settings.clone(), Arc::clone(running));
        let Job { most, inputs, unnamed, .. } = *job;
        let slow = AtomicBool::new(false);
        Ok(Cluster { engine, name, stopping, settings, script, most, inputs, unnamed, folder, running, state, slow })
    }

    fn note(&self, level: Level, line: &str) {
        stopping::note(&self.running, self.settings.engine.name, level, line);
    }

    /// Looks what there is to be done, and does it.
    fn step(&self, run: &RunFolder, missing: &[Missing], state: &mut State) -> Result<(), RunError> {
        let (mut no_node, mut works) = (false, false);
        let alive = match self.patiently(|| self.engine.alive(&self.name)) {
            Ok(alive) => {
                if std::mem::take(&mut state.silent) {
                    self.note(Level::Normal, "answers again");
                }
                no_node = matches!(alive, Alive::Waits { no_node: true, .. });
                works = !matches!(alive, Alive::None | Alive::Ending);
                self.tell_what_is_awaited(&alive, state);
                Some(alive != Alive::None)
            }
            // Nothing was submitted, and who refuses the job says why.
            Err(Silence::Nobody(_)) if state.known.jobs.is_empty() => Some(false),
            Err(Silence::Busy(_)) if !state.begun => Some(false),
            Err(Silence::Nobody(why)) => return Err(self.unheard(&why)),
            Err(Silence::Busy(why)) => {
                if !std::mem::replace(&mut state.silent, true) {
                    self.note(Level::Normal, &format!("does not answer ({why}); waiting until it does"));
                }
                None
            }
        };
        // What was published by an element that has just ended must be seen after it was seen to have ended.
        run.look()?;
        let left: Vec<_> = missing.iter().filter(|range| !run.is_published(&range.key)).collect();
        if left.len() < missing.len() && left.first().is_none_or(|first| first.range != missing[0].range) {
            return Ok(());
        }
        let shards = state.known.shards.map(|of| left.iter().map(|range| range.range % of).collect::<BTreeSet<_>>());
        if no_node && shards.is_some() && std::mem::take(&mut state.picky) {
            return self.submit_for_any_node(run, &left, shards, state);
        }
        let over = alive == Some(false);
        state.ours |= works;
        if let Some(job) = state.known.jobs.last()
            && (over || alive == Some(true) && state.ends.is_due())
        {
            state.ends.said(self.patiently(|| self.engine.why(job)));
        }
        let ended = if over { state.ends.all() } else { Vec::new() };
        let lost: Vec<_> =
            ended.into_iter().filter(|one| shards.as_ref().is_some_and(|all| all.contains(&one.shard))).collect();
        // Of each shard the engine has said one thing.
        let all = |some: usize| shards.as_ref().is_some_and(|all| all.len() == some);
        let (all_ended, all_failed) = (all(lost.len()), all(lost.iter().filter(|one| one.failed).count()));
        // What has ended before this process began may have been cancelled so that it could begin.
        let hopeless = state.ours && lost.iter().any(|one| one.refused || one.cancelled);
        match state.rounds.next(Seen { alive, all_ended, all_failed, ours: state.ours, hopeless }, Instant::now()) {
            Step::Wait => Ok(()),
            Step::GiveUp if alive.is_none() => Err(self.unheard("it has not answered for an hour")),
            Step::GiveUp => Err(self.given_up(&left, shards.as_ref(), &lost, state)),
            Step::Submit => {
                let failed = lost.iter().filter(|one| one.failed && !one.cancelled);
                state.without.extend(failed.filter_map(|one| one.node.clone()));
                self.submit(run, &left, shards, &lost, state)
            }
        }
    }

    /// What waits for the nodes that are left is taken back, and submitted for all: where there is no other, one that has failed is better than none. That is no further try.
    fn submit_for_any_node(
        &self,
        run: &RunFolder,
        left: &[&Missing],
        shards: Option<BTreeSet<u64>>,
        state: &mut State,
    ) -> Result<(), RunError> {
        if self.patiently(|| self.engine.cancel(&self.name, Which::All)).is_err() {
            // It goes on waiting, and the next look tries again.
            state.picky = true;
            return Ok(());
        }
        state.without.clear();
        self.note(Level::Normal, "it is submitted again, for any node");
        self.submit(run, left, shards, &[], state)
    }

    /// This process is asked to end.
    fn stopped(&self) -> RunError {
        let asked = self.running.asked();
        let signal = if let Failure::Asked(signal) = asked { signal } else { Signal::Terminate };
        // If that takes long the program leaves by the grace.
        self.stopping.stop(signal, Duration::MAX, |level, line| self.note(level, line));
        RunError::NotComputed { message: "ended before all was computed".to_owned(), begun: true }
    }

    fn submit(
        &self,
        run: &RunFolder,
        left: &[&Missing],
        shards: Option<BTreeSet<u64>>,
        lost: &[Ended],
        state: &mut State,
    ) -> Result<(), RunError> {
        let of = state.known.shards;
        // Other files have ranges of which nobody knows yet.
        let ranges = if self.inputs > 1 && self.most.is_some() { u64::MAX } else { left.len() as u64 };
        let tasks = self.most.is_none().then(|| left.iter().map(|range| range.tasks).sum());
        let worth = Worth { most: self.most.unwrap_or(u64::MAX).min(ranges), tasks };
        let shards = match (shards, of) {
            (Some(numbers), Some(of)) => Shards::These { numbers, of },
            _ => Shards::Choose { wanted: self.settings.shards, worth },
        };
        let array = Array {
            name: &self.name,
            shards,
            without: &state.without,
            script: &|shard, of| self.script.text(shard, of),
        };
        // Whoever resumes the run finds the arrays by their name, should this process be killed before it knows their number.
        self.keep(run, &state.known)?;
        state.begun = true;
        let submitted = self.stopping.submitting(|| self.patiently(|| self.engine.submit(&array))).map_err(|why| {
            if self.running.is_stopping() {
                // It may have been accepted for all that.
                return self.stopped();
            }
            if self.unnamed && state.known.jobs.is_empty() {
                // It holds nothing, and nobody knows its name.
                run.discard();
            }
            let message = format!("{}: the job cannot be submitted: {}", self.settings.engine.name, one_line(&why));
            RunError::NotComputed { message, begun: false }
        })?;
        state.picky = !submitted.without.is_empty();
        state.known.shards = Some(submitted.of);
        state.known.jobs.push(submitted.job.clone());
        self.keep(run, &state.known)?;
        state.submitted = Some(Instant::now());
        let was_ours = std::mem::replace(&mut state.ours, true);
        state.ends.submitted(&array.shards);
        let (job, count, ranges) =
            (one_line(&submitted.job), counted(submitted.shards, "shard"), counted(left.len() as u64, "range"));
        let line = match state.rounds.is_again() && (was_ours || lost.iter().any(|one| one.failed)) {
            false => format!("job {job}: {count} for {ranges}; results in {}", shown(run.path())),
            true => {
                let reasons = lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let reasons = if reasons.is_empty() { reasons } else { format!(" ({reasons})") };
                let without: Vec<_> = submitted.without.iter().map(String::as_str).collect();
                let without =
                    if without.is_empty() { String::new() } else { format!(", without {}", without.join(", ")) };
                format!("{ranges} missing{reasons}; submitted again as job {job}{without}")
            }
        };
        self.note(Level::Normal, &line);
        Ok(())
    }

    fn keep(&self, run: &RunFolder, known: &Known) -> Result<(), RunError> {
        // It consists of texts and numbers, which can always be written.
        run.write_engine(&serde_json::to_string(known).unwrap_or_default())
    }
}

/// What the jobs of a run are called: by its plan and its folder.
fn name_of(plan: &Plan, folder: &Path) -> String {
    // By whichever way somebody comes to it.
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let place = key_of([plan.hash().as_bytes(), folder.as_os_str().as_encoded_bytes()], 0);
    format!("mpexec-{}", &place[..12])
}

impl Elsewhere for Cluster {
    fn wait(&self, run: &RunFolder, stage: &Stage<'_>, missing: &[Missing]) -> Result<(), RunError> {
        self.stopping.awaits(true);
        let waited = self.wait_for(run, stage, missing);
        if matches!(waited, Err(RunError::NotComputed { .. } | RunError::Refused { .. })) {
            // What becomes of them was said.
            self.stopping.awaits(false);
        }
        waited
    }
}

impl Cluster {
    fn wait_for(&self, run: &RunFolder, stage: &Stage<'_>, missing: &[Missing]) -> Result<(), RunError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stage != stage.name {
            state.stage = stage.name.to_owned();
            state.rounds = Rounds::of_stage(stage.follows, !state.known.jobs.is_empty(), state.begun);
            state.ends.begin();
        }
        let state = &mut *state;
        // Who picks up what another has submitted looks for it as seldom.
        let since = *state.since.get_or_insert_with(Instant::now);
        loop {
            run.look()?;
            if missing.first().is_none_or(|first| run.is_published(&first.key)) {
                return Ok(());
            }
            if self.running.is_stopping() {
                return Err(self.stopped());
            }
            let since = state.submitted.unwrap_or(since);
            let ask_every = pause(since, 8, 300, 10_000);
            if state.asked.is_none_or(|asked| asked.elapsed() >= ask_every) {
                self.step(run, missing, state)?;
                state.asked = Some(Instant::now());
            }
            self.running.stops_within(pause(since, 20, 50, 2_000));
        }
    }
}

#[cfg(test)]
mod tests;
