//! A worker's end: what it left is gathered, what it held is settled, its place is freed.
//!
//! What was finished stays finished: results that were complete are read out of its ring after its death. What had not
//! started goes to others free of charge. Only the task that was running is charged.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::time::Instant;

use super::Engine;
use super::autopsy::Autopsy;
pub(super) use super::deaths::{FEW, Row};
use super::forwarding::Stream;
use super::printed::Printed;
use super::remains::Remains;
use super::scheduler::{Event, JobId, WorkerId, is_hook};
use super::send::cancelled;
use super::slot::{DYING, Overrun, Phase, Signal, Slot, Tail};
use super::state::{Life, State};
use crate::config::Output;
use crate::error::{Exit, PoolError, TaskError};
use crate::link::Upto;
use crate::os::spawn;

/// So many turns' worth of results are read of a worker that is dead.
const TURNS: u32 = 256;

/// What is told of a worker that died.
struct Death {
    pid: u32,
    exit: Exit,
    stderr: String,
    /// It had not shaken hands.
    was_starting: bool,
    /// It broke the protocol, and how.
    fault: Option<String>,
    /// How many had died before it was started.
    born: u64,
}

impl Engine {
    /// The process of place `id` may be over: what it left is gathered, what it held is settled, the place is freed. What is left to be done
    /// for it takes a while, and the replacement need not wait for it.
    pub(super) fn bury(&self, id: WorkerId) -> Option<Remains> {
        let (exit, undead, tail, stdout, sheets, black_box, pid, killed) = {
            let slot = &mut self.lock().slots[id];
            let ended = slot.try_wait();
            let undead = ended.is_none() && slot.given_up_at().is_some_and(|at| at <= Instant::now());
            // Nothing else can become of it than that.
            let exit = ended.or_else(|| undead.then_some(Exit::Signal(Signal::KILL.as_raw())))?;
            // By us, and why.
            let killed = undead || slot.sentenced || slot.dismissed || slot.silent.is_some() || slot.fault.is_some();
            let printed = (slot.stderr.take(), slot.stdout.take(), slot.sheets.take());
            (exit, undead, printed.0, printed.1, printed.2, slot.black_box.take(), slot.pid, killed)
        };
        let unasked = exit == Exit::Signal(Signal::KILL.as_raw()) && !killed;
        let ran_out = unasked.then(|| self.memory_ran_out()).flatten();
        if let Some(mut tail) = stdout {
            self.forward(&mut tail, Stream::Stdout);
            self.forwarding_stdout.await_last_words();
        }
        let mut stderr = tail.map_or_else(String::new, |mut tail| {
            self.forward(&mut tail, Stream::Stderr);
            self.forwarding.await_last_words();
            tail.text()
        });
        let autopsy = Autopsy::of(black_box.as_ref(), pid, self.program.own);
        let mut printed = None;
        if let (Some(sheets), Some(most)) = (sheets, self.config.capture) {
            stderr = sheets.last_words();
            printed = Some(sheets.read(most as u64));
        }
        let mut state = self.lock();
        // What a dead worker left is finite, unless something that it left behind goes on in its name.
        for _ in 0..TURNS {
            let more = state.hear_last_words(id);
            state.receive_from(id, Upto::Complete);
            let more = more || state.slots[id].link.as_ref().is_some_and(|link| link.has_news());
            if state.slots[id].mute || !more {
                break;
            }
        }
        let next = state.sched.workers[id].next_ordinal_held();
        let held = next..state.sched.workers[id].next_ordinal;
        let mut running = state.was_in(id);
        // Where its data is of no sense, what it told is worth nothing, of its progress too. Were nobody charged, a task that makes its worker
        // mad would go from one worker to the next for ever.
        let progress = state.slots[id].progress();
        let cannot_be = state.what_cannot_be(id, progress).is_some();
        let slot = &mut state.slots[id];
        let senseless = slot.fault.is_some() && slot.mute || cannot_be;
        let cut = running.is_none() && slot.link.as_ref().is_some_and(|link| link.is_cut());
        let in_doubt = (senseless || cut) && !held.is_empty();
        // That it had begun may be what is missing; it must not run twice. What it has not begun is innocent.
        let in_doubt = in_doubt && slot.link.as_mut().is_none_or(|link| link.may_have_begun(next));
        // It tells that the task is behind it, and has left no result, nor that it skipped it; or it was killed for it, whatever it told by then.
        let overran = state.slots[id].overran.map(|(task, _)| task);
        let unfinished = state.first_without_result(id);
        let blamed = unfinished.filter(|task| progress.passed > *task || overran == Some(*task));
        // It has said that it begins that one, and unsaid it.
        let said = unfinished.filter(|task| state.said_begun(id) > *task);
        running = running.or(blamed).or(said).or(in_doubt.then_some(next)).or_else(|| state.suspected(id, next, exit));
        let ran = running.and_then(|ordinal| state.sched.workers[id].task_of(ordinal)).and_then(|(job, index)| {
            let label = state.jobs.get(&job)?.label.as_deref();
            Some(label.map_or_else(String::new, |label| format!(" while it ran task {index} of {label:?}")))
        });
        let ran = ran.unwrap_or_default();
        let refused = exit == Exit::Signal(Signal::ABORT.as_raw()) && autopsy.ran_out_of_memory(&stderr);
        let refused = self.config.memory_limit.filter(|_| refused).zip(running);
        let refused = refused.map(|(limit, task)| (task, Overrun::Memory { limit, had: None }));
        // It was killed for that one. Should another run by now, that one is charged: it has begun, and must not run twice.
        let overran = state.slots[id].overran.or(refused).filter(|(task, _)| running == Some(*task));
        let fault = state.slots[id].fault.clone();
        let why = fault.clone().or_else(|| state.slots[id].silent.take());
        let why = why.map(|why| format!("(it was killed because {why})"));
        let why = why.or_else(|| Some(format!("({})", ran_out?))).unwrap_or_default();
        let stuck = undead
            .then(|| format!("(the system has not ended it within {DYING:?} of its kill; it is awaited no longer)"));
        let why = [why].into_iter().filter(|why| !why.is_empty()).chain(stuck).collect::<Vec<_>>().join(" ");
        if !why.is_empty() {
            stderr = format!("{stderr}\n{why}").trim_start().to_owned();
        }
        let was_starting = matches!(state.slots[id].phase, Phase::Starting(_)) || state.slots[id].link.is_none();
        let was_starting = was_starting || state.sched.workers[id].warming;
        let sent_away = matches!(state.slots[id].phase, Phase::Leaving(_)) && fault.is_none();
        let ending =
            state.life != Life::Open && (!was_starting || sent_away) && state.sched.workers[id].held.is_empty();
        let ran_for = running.and_then(|ordinal| {
            let first = state.sched.workers[id].begins_batch(ordinal);
            autopsy.ran_for(state.slots[id].seen_for(ordinal), first)
        });
        let (stderr_told, backtrace) = (stderr.clone(), autopsy.backtrace);
        let crashed = |function: &str, ran_for| TaskError::Crashed {
            pid,
            exit,
            stderr: stderr_told.clone(),
            function: function.to_owned(),
            ran_for,
            backtrace: backtrace.clone(),
        };
        let overrun = overran.map(|(_, why)| why);
        let culprit = running.and_then(|ordinal| state.sched.workers[id].task_of(ordinal));
        // Who is in doubt may have begun all that it had.
        let begun = if in_doubt { u64::MAX } else { progress.passed };
        // Who was asking for a task back that had begun hears how it ended, and it is not tried again.
        let asked_for = culprit.is_some_and(|(job, index)| state.is_stopping(job, index));
        let few_tries = culprit.is_some_and(|(job, _)| state.sched.job(job).is_some_and(|job| job.attempts <= FEW));
        let expected = ending || state.slots[id].sentenced || state.slots[id].dismissed || refused.is_some();
        let death = Death { pid, exit, stderr, was_starting, fault, born: state.slots[id].born };
        // Such a task ends the crash loop with itself, and nobody else loses anything by it.
        let loops = culprit.filter(|(job, _)| !(is_hook(*job) || expected || few_tries));
        let loops = loops.and_then(|_| state.row_after(&death)).filter(|row| row.is_crash_loop());
        let loops = loops.map(|row| self.crash_loop(row, &death));
        let spent = overrun.is_some() || asked_for || loops.is_some();
        let mut settled = false;
        state.handle(Event::Lost { worker: id, running, spent, begun }, |state, job, index| {
            let function = state.jobs.get(&job).map_or("", |job| &job.function);
            let ran_for = ran_for.filter(|_| culprit == Some((job, index)));
            let error = match overrun {
                Some(why) if culprit == Some((job, index)) => why.error(pid),
                // One that was only to be cancelled had begun, and is told of as it was.
                _ if state.is_aborted(job, index) => cancelled(),
                _ if state.sched.job(job).is_some_and(|job| job.once) => {
                    TaskError::OutcomeUnknown { death: Box::new(crashed(function, ran_for)) }
                }
                _ => match &loops {
                    Some(error) if culprit == Some((job, index)) => TaskError::Pool(error.clone()),
                    _ => crashed(function, ran_for),
                },
            };
            // What is there was printed by the task that ran: what others had printed was taken away when they ended.
            if culprit == Some((job, index)) {
                settled = !is_hook(job);
                state.keep_printed(job, index, printed.as_ref());
            }
            state.fail(job, index, error);
        });
        state.record_end(id, exit, expected && overran.is_none());
        let mut slot = std::mem::take(&mut state.slots[id]);
        if let Some(child) = slot.child.take() {
            if let Some(watcher) = state.post_watcher.as_ref().filter(|_| undead) {
                // Its end is nothing to the supervisor any more.
                watcher.remove(child.as_fd());
            }
            spawn::leave(child);
        }
        state.sweep_parcels();
        if let Some(link) = &slot.link {
            self.bells.remove(link.bell());
        }
        state.deaths += 1;
        state.crashes += u64::from(!expected || overran.is_some());
        state.last_exit = Some(exit);
        if !self.config.replace && state.slots.iter().all(Slot::is_empty) {
            // Nobody will come to run what it left.
            let jobs: Vec<_> = state.jobs.keys().copied().collect();
            for id in jobs {
                state.break_job(id, &crashed("", None));
            }
            if state.started.is_none() {
                state.started = Some(Err(self.never_ready(&death)));
            }
        } else if settled {
            // That task is over.
            (state.row, state.idle_row) = (Row::default(), Row::default());
        } else if !(expected || few_tries) {
            self.count_death(&mut state, &death);
        }
        if state.crash_looped && state.slots.iter().all(Slot::is_empty) && state.sched.work_left() {
            // No worker was to be started because others served the calls; these are gone too.
            state.crash_looped = false;
        }
        // Those that wait may have news, or tasks for other workers.
        state.dispatch();
        for waiter in &state.parked {
            waiter.wake();
        }
        self.kick.ring();
        drop(state);
        let note = (!expected && self.config.notes.is_some()).then(|| {
            let after = if was_starting { " before it had shaken hands" } else { "" };
            let why = if why.is_empty() { why } else { format!(" {why}") };
            format!("worker {id} (pid {pid}) {exit}{ran}{after}{why}; its unfinished tasks go to others")
        });
        Some(Remains { slot, note })
    }

    /// Reads what a worker has printed and passes it on; not under the lock. `false`: that was the end.
    pub(super) fn forward(&self, tail: &mut Tail, stream: Stream) -> bool {
        let (output, forwarding) = match stream {
            Stream::Stdout => (self.config.stdout, &self.forwarding_stdout),
            Stream::Stderr => (self.config.stderr, &self.forwarding),
        };
        tail.read(|piece| {
            if output == Output::Forward {
                forwarding.put(piece);
            }
        })
    }

    /// Why a worker that died before it was ready is none.
    fn never_ready(&self, death: &Death) -> PoolError {
        let Death { exit, stderr, fault, .. } = death;
        let what = match fault {
            Some(fault) => fault.clone(),
            None => format!("it {exit} before it had shaken hands"),
        };
        let said = if stderr.is_empty() || fault.is_some() { String::new() } else { format!(" (it said: {stderr})") };
        PoolError::WorkerProgram {
            program: self.program.path.clone(),
            what: format!("{what}{said}"),
            remedy: "a worker program must call mpexec_core::init() as the first thing in main()".to_owned(),
        }
    }

    fn count_death(&self, state: &mut State, death: &Death) {
        let Death { exit, was_starting, fault, .. } = death;
        // Whoever is killed by a signal may have been a good worker; whoever leaves by itself was none.
        let killed = fault.is_none() && matches!(exit, Exit::Signal(_));
        if *was_starting && state.started.is_none() && !killed {
            state.started = Some(Err(self.never_ready(death)));
            state.crash_looped = true;
            return;
        }
        if !(*was_starting || state.sched.outstanding() || state.crash_looped) {
            // There is no call to end; but nor are workers started for ever that die by themselves.
            state.idle_row.add(*exit, fault.is_some());
            state.crash_looped = state.idle_row.is_crash_loop();
            return;
        }
        let Some(row) = state.row_after(death) else { return };
        state.row_counted_at = state.deaths;
        state.row = row;
        if row.is_crash_loop() {
            state.crash_looped = true;
            let error = self.crash_loop(row, death);
            state.started.get_or_insert(Err(error.clone()));
            state.end_calls(&error);
        }
    }

    fn crash_loop(&self, row: Row, death: &Death) -> PoolError {
        PoolError::CrashLoop {
            program: self.program.path.clone(),
            deaths: row.len(),
            pid: death.pid,
            exit: death.exit,
            stderr: death.stderr.clone(),
        }
    }
}

impl State {
    /// The deaths in a row with this one, if it counts.
    fn row_after(&self, death: &Death) -> Option<Row> {
        // After the loop has ended the calls, those of its workers that were still to die end nothing more. And workers that died at one
        // stroke are one death in the row: it takes a replacement that dies too to go on.
        let counts = !self.crash_looped && death.born >= self.row_counted_at;
        let mut row = self.row;
        row.add(death.exit, death.fault.is_some());
        counts.then_some(row)
    }

    /// The task that a worker was in when it died, once all that it had told was taken in.
    pub(super) fn was_in(&self, id: WorkerId) -> Option<u64> {
        let worker = &self.sched.workers[id];
        // A task whose result is here did not kill it; one before that cannot run any more.
        let held = worker.next_ordinal_held()..worker.next_ordinal;
        let running = self.slots[id].progress().running.filter(|ordinal| held.contains(ordinal))?;
        // Nor can one behind it, before it has left its result.
        Some(self.first_without_result(id).unwrap_or(running))
    }

    /// What a dead worker has said beside its data is taken in. `true`: there is more. What it broke in that is not told any more.
    fn hear_last_words(&mut self, id: WorkerId) -> bool {
        let link = self.slots[id].link.as_mut().filter(|link| link.control().is_some());
        link.is_some_and(|link| link.attend().unwrap_or(false))
    }

    /// Worker `id` has died and had not begun its `next` task, as it told last; but a task can make it unsay that. If nobody killed or stopped it from
    /// outside, it is charged when this happens to it again: a task that ends its workers and wipes out its traces ends too, and alone. One that is to
    /// begin once only is not, as its worker would have said so where it cannot be unsaid.
    fn suspected(&mut self, id: WorkerId, next: u64, exit: Exit) -> Option<u64> {
        let slot = &self.slots[id];
        slot.link.as_ref().filter(|link| link.can_unsay())?;
        let from_outside = match &slot.silent {
            Some(_) => slot.stood_still,
            None => exit == Exit::Signal(Signal::KILL.as_raw()),
        };
        let (job, index) = self.sched.workers[id].task_of(next).filter(|(job, _)| !from_outside && !is_hook(*job))?;
        if self.sched.job(job)?.once {
            return None;
        }
        let job = self.jobs.get_mut(&job).filter(|job| job.wants(index))?;
        (!job.suspects.insert(index)).then_some(next)
    }

    /// Keeps what a task had printed that failed with its worker, if its job wants to know.
    pub(super) fn keep_printed(&mut self, job: JobId, index: u64, printed: Option<&Printed>) {
        if let Some(printed) = printed
            && let Some(left) = self.jobs.get_mut(&job).and_then(|job| job.printed.as_mut())
        {
            left.insert(index, printed.clone());
        }
    }
}

impl Engine {
    /// From now on what a job's tasks printed that fail with their worker is kept.
    pub(crate) fn keep_printed(&self, job: JobId) {
        if let Some(job) = self.lock().jobs.get_mut(&job) {
            job.printed = Some(HashMap::new());
        }
    }

    /// What a task had printed that failed with its worker; once.
    pub(crate) fn take_printed(&self, job: JobId, index: u64) -> Option<Printed> {
        self.lock().jobs.get_mut(&job)?.printed.as_mut()?.remove(&index)
    }
}
