//! What the doors ask of the engine: open a job, bring tasks, fetch outcomes, give up, close.

use std::sync::Arc;
use std::time::Instant;

use super::Engine;
use super::attachments::Wanted;
use super::functions::FunctionRef;
use super::jobs::{JobState, News};
use super::obituary::Row;
use super::outcomes::{Hook, Outcome};
use super::parcels::Parcel;
use super::scheduler::{Event, Flow, Job, JobId, Run, Terms};
use super::state::{Life, State};
use super::waiter::Waiter;
use crate::error::TaskError;

/// Encoded tasks, as entries of a batch, and the parcels that they name.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub bytes: Vec<u8>,
    pub parcels: Vec<Parcel>,
    /// Counted from the first of these tasks.
    pub wanted: Vec<Wanted>,
}

/// How a job is to be run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobOptions<'l> {
    pub terms: Terms,
    /// What its caller calls it.
    pub label: Option<&'l str>,
    pub chunk: Option<u32>,
    /// How many tasks, where known.
    pub total: Option<u64>,
    /// Its results are handed out one by one.
    pub stream: Option<Stream>,
    /// Nobody will look at any of its outcomes before the last is there, unless one is a failure.
    pub gathers: bool,
}

/// In which order results are handed out one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Ordered,
    Unordered,
}

/// What waiting for a job brought.
#[derive(Debug)]
pub(crate) enum JobNews {
    News(Vec<News>),
    /// As [`JobNews::News`], and there is no more: the job is forgotten.
    Last(Vec<News>),
    /// Workers could take so many more tasks now.
    Room(u32),
    /// All input was brought and every outcome fetched.
    Done,
    /// The pool gave the job up; these tasks, by first index and count, had no outcome.
    Broken(TaskError, Vec<(u64, u32)>),
}

impl Engine {
    /// Opens a job; its tasks are brought with [`Engine::bring`]. Workers could take so many at once.
    pub(crate) fn open_job(&self, function: &FunctionRef, options: JobOptions<'_>) -> Result<(JobId, u32), TaskError> {
        let told = function.told();
        let function = self.resolve(function)?;
        let mut state = self.lock();
        if let Some(refusal) = self.refuses(&state) {
            return Err(refusal);
        }
        let id = state.new_job_id();
        let mut job = Job::on(function, options.terms);
        job.chunk = options.chunk;
        job.total = options.total;
        job.gathers = options.gathers;
        job.flow = options.stream.map(|stream| Flow::new(stream == Stream::Ordered));
        state.sched.open_job(id, job);
        state.jobs.insert(id, JobState { label: options.label.map(Arc::from), function: told, ..JobState::default() });
        self.wake_workers(&mut state);
        // Others' owners that wait to bring tasks come first.
        let wanted = if state.hungry.is_empty() { state.sched.wanted(id) } else { 0 };
        Ok((id, wanted))
    }

    /// After a crash loop the places are empty: the next call starts afresh.
    pub(super) fn wake_workers(&self, state: &mut State) {
        if std::mem::take(&mut state.crash_looped) {
            state.row = Row::default();
        }
        state.idle_row = Row::default();
        if self.has_empty_places(state) {
            state.alerted = true;
            self.wake.ring();
        }
    }

    pub(super) fn has_empty_places(&self, state: &State) -> bool {
        state.slots.iter().take(self.workers()).any(super::slot::Slot::is_empty)
    }

    /// Brings encoded tasks of a job, and sends what can be sent. A buffer for the next tasks comes back.
    pub(crate) fn bring(
        &self,
        id: JobId,
        run: Run,
        last: bool,
        parcels: Vec<Parcel>,
        wanted: Vec<Wanted>,
    ) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let job = state.jobs.get_mut(&id)?;
        job.input_ended |= last;
        if job.broken.is_some() {
            // It was given up while these were encoded.
            job.lost.extend((run.count > 0).then_some((run.first, run.count)));
            return None;
        }
        job.parcels |= !parcels.is_empty();
        for wanted in wanted {
            job.attachments.add(Wanted { first: run.first + wanted.first, ..wanted });
        }
        state.keep_parcels(id, parcels);
        if run.count > 0 {
            state.record_queued(id, run.first + u64::from(run.count));
            state.sched.push(id, run);
            self.mind(&mut state, id);
        }
        if last {
            state.sched.set_input_open(id, false);
        }
        // Who brings its last tasks comes back for their outcomes at once: there is nobody to be told of them.
        // A worker may have become idle while these were encoded; if it is not known, another is woken.
        state.send_on();
        if last { Some(std::mem::take(&mut state.spare_call)) } else { state.spare.pop() }
    }

    /// The reader of a stream has handed out results of `bytes` and goes on at index `turn`: that makes room.
    pub(crate) fn handed_out(&self, id: JobId, bytes: u64, turn: u64) {
        let mut state = self.lock();
        state.sched.handed_out(id, bytes, turn);
        state.dispatch();
        self.leave(&mut state);
    }

    /// Waits for something of a job. `feeding`: also for room for more of its tasks. `whole`: who asks is all that knows of the job, so it is
    /// forgotten when its last outcomes are fetched.
    pub(crate) fn next_news(&self, id: JobId, feeding: bool, whole: bool) -> Option<JobNews> {
        self.drive(None, |state, waiter| {
            let let_in = state.is_let_in();
            let news = state.news_of(id, (feeding, let_in.is_some()), whole, waiter);
            if let (Some(others), false) = (let_in, matches!(news, Some(JobNews::Room(_)))) {
                state.let_in_one_of(others);
            }
            news
        })
    }

    /// Waits until a job is settled. `false`: the time was up.
    pub(crate) fn wait_job(&self, id: JobId, deadline: Option<Instant>) -> bool {
        let settled = self.drive(deadline, |state, waiter| {
            if self.is_settled(state, id) {
                return Some(());
            }
            if let (Some(waiter), Some(job)) = (waiter, state.jobs.get_mut(&id)) {
                job.tell(Hook::Thread(waiter.clone()));
            }
            None
        });
        settled.is_some()
    }

    /// Tells when a job is settled, at once if it is.
    pub(crate) fn tell_when_settled(&self, id: JobId, hook: Hook) {
        let mut state = self.lock();
        if self.is_settled(&state, id) {
            state.after.push(hook);
        } else if let Some(job) = state.jobs.get_mut(&id) {
            let old = job.tell(hook);
            drop(state);
            drop(old);
        }
    }

    /// Whether a job whose input was all brought has an outcome for each task, or has failed already.
    pub(crate) fn is_settled(&self, state: &State, id: JobId) -> bool {
        state
            .jobs
            .get(&id)
            .is_none_or(|job| job.broken.is_some() || job.failed || (job.input_ended && state.sched.is_idle(id)))
    }

    /// The owner of the job is gone: what has not started shall not start, what comes is dropped.
    pub(crate) fn abandon(&self, id: JobId) {
        if self.is_a_forks() {
            return;
        }
        let mut state = self.lock();
        let Some(job) = state.jobs.get_mut(&id) else {
            return;
        };
        job.abandoned = true;
        let left = job.clear();
        state.discard(left);
        state.handle(Event::Abandoned(id), |_, _, _| {});
        state.sched.set_input_open(id, false);
        state.settle_abandoned(id);
        state.dispatch();
        self.leave(&mut state);
    }

    /// Lets go of a job that nobody fetches: it is finished, and what comes is dropped.
    pub(crate) fn detach(&self, id: JobId) {
        if self.is_a_forks() {
            return;
        }
        let mut state = self.lock();
        let Some(job) = state.jobs.get_mut(&id) else {
            return;
        };
        job.detached = true;
        let left = job.clear();
        state.discard(left);
        state.settle_abandoned(id);
        self.leave(&mut state);
    }

    /// Somebody who does not wait wants to be told.
    pub(crate) fn listen(&self) {
        let mut state = self.lock();
        if state.sched.outstanding() {
            let news = !std::mem::replace(&mut state.listened_to, true);
            state.alerted &= !news;
            self.alert(&mut state);
        }
    }

    /// Ends a job for its owner: what has not started is not run, and what has no outcome ends as `why`.
    pub(crate) fn give_up(&self, id: JobId, why: &TaskError) {
        let mut state = self.lock();
        state.break_job(id, why);
        state.dispatch();
        self.leave(&mut state);
    }

    /// No new calls.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        if state.life == Life::Open {
            state.life = Life::Closed;
        }
        state.wake_all();
        self.wake.ring();
    }

    /// Everything ends now: every task without an outcome is cancelled, the workers are killed.
    pub(crate) fn terminate(&self, reason: &str) {
        let mut state = self.lock();
        state.life = Life::Terminated;
        for slot in &mut state.slots {
            slot.kill();
        }
        let jobs: Vec<JobId> = state.jobs.keys().copied().collect();
        for id in jobs {
            state.break_job(id, &TaskError::Cancelled { reason: reason.to_owned() });
        }
        self.wake.ring();
        self.kick.ring();
    }
}

impl State {
    /// See [`Engine::next_news`]. `let_in`: there is room, and it is this one's turn.
    fn news_of(
        &mut self,
        id: JobId,
        (feeding, let_in): (bool, bool),
        whole: bool,
        waiter: Option<&Arc<Waiter>>,
    ) -> Option<JobNews> {
        let idle = self.sched.is_idle(id);
        // Other jobs' owners that wait to bring tasks come first, unless this job has nothing with a worker at all.
        let may_feed = feeding && (let_in || self.hungry.is_empty() || idle);
        let wanted = if may_feed { self.sched.wanted(id) } else { 0 };
        let Some(job) = self.jobs.get_mut(&id) else {
            return Some(JobNews::Done);
        };
        if !job.inbox.is_empty() {
            let news = std::mem::take(&mut job.inbox);
            if !(whole && idle && job.input_ended && job.broken.is_none() && job.printed.is_none()) {
                return Some(JobNews::News(news));
            }
            self.forget(id);
            return Some(JobNews::Last(news));
        }
        if let Some(error) = job.broken.clone() {
            return Some(JobNews::Broken(error, std::mem::take(&mut job.lost)));
        }
        if wanted > 0 {
            return Some(JobNews::Room(wanted));
        }
        if job.input_ended && idle {
            return Some(JobNews::Done);
        }
        if let Some(waiter) = waiter {
            job.tell(Hook::Thread(waiter.clone()));
            if feeding {
                self.hungry.push_back(waiter.clone());
            }
        }
        None
    }

    /// Gives up all of a job that has no outcome: each call gets `error`, a job's owner gets it once.
    pub(crate) fn break_job(&mut self, id: JobId, error: &TaskError) {
        let lost = self.sched.unsettled_of(id);
        // One that has all its outcomes has ended, whether they were fetched or not.
        let over = |job: &JobState| job.calls.is_none() && job.input_ended && lost.is_empty();
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.broken.is_none() && !over(job)) else {
            return;
        };
        job.lost = lost;
        let mut told = std::mem::take(&mut job.hooks);
        match &mut job.calls {
            Some(calls) => told.extend(calls.settle_all(|| Outcome::Failed(Box::new(error.clone())))),
            None => job.broken = Some(error.clone()),
        }
        self.fire(told);
        // Whatever its owner may still bring is refused.
        self.sched.set_input_open(id, false);
        self.handle(Event::Abandoned(id), |_, _, _| {});
        self.sweep_parcels();
        self.stir();
    }
}
