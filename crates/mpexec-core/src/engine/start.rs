//! An engine's beginning and end.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use mpexec_ring::{ParcelWriter, PoolPage, SHORT_RECORD, may_be_as_long_as};
use mpexec_wire::{BATCH_HEADER, ENTRY_HEADER};

use super::Engine;
use super::callbacks::Callbacks;
use super::environment::Surroundings;
use super::forwarding::{Forwarding, Stream};
use super::jobs::JobState;
use super::launch::{ThreadWorker, TriedRings};
use super::lending::{Lendings, Places};
use super::recorded::Recorded;
use super::recording::Pastimes;
use super::recycled;
use super::scheduler::Scheduler;
use super::slot::Slot;
use super::state::{Baton, Life, State};
use super::supervisor::Supervisor;
use super::waiter::deadline_after;
use crate::carry::{Attachment, Mailbox};
use crate::config::{Config, Containment, Transport};
use crate::error::{PoolError, TaskError};
use crate::os::cgroup::PoolGroup;
use crate::os::descriptors;
use crate::os::events::{Bell, Watch, Watcher};
use crate::os::exe::Program;
use crate::os::fork;
use crate::os::memory;

/// The kick's token on the bells' watcher; the workers' are their places.
const KICK: u64 = u64::MAX;
/// What is kept free in a quarter ring, beside the batch's own header.
const MARGIN: usize = 64;

/// All that short messages use of a ring. On the socket link batches are as large as over such rings.
const SMALL_RING: usize = 4 * SHORT_RECORD;
/// A shared context up to this size travels in the welcome.
const LARGE_CONTEXT: usize = 64 << 10;

fn parcel_of(bytes: &[u8]) -> std::io::Result<(OwnedFd, u64)> {
    let mut writer = ParcelWriter::create()?;
    writer.write_all(bytes)?;
    Ok((writer.finish()?, bytes.len() as u64))
}

impl Engine {
    /// Starts the supervisor, and with it the workers; returns when the first is ready.
    pub(crate) fn start(
        config: Config,
        workers: usize,
        serve: ThreadWorker,
        context_attachments: Vec<Attachment>,
    ) -> Result<Arc<Engine>, PoolError> {
        let surroundings = Surroundings::of(&config.environment)?;
        descriptors::make_room_for(workers);
        let failed = |what: &'static str| move |error: std::io::Error| PoolError::system(what, error);
        let program = match &config.worker_program {
            None => Program::own(),
            Some(path) => Program::at(path),
        };
        let program = program.map_err(|error| PoolError::WorkerProgram {
            program: config.worker_program.clone().or_else(|| std::env::current_exe().ok()).unwrap_or_default(),
            what: format!("it cannot be used: {error}"),
            remedy: "give the path of an mpexec worker program".to_owned(),
        })?;
        let config = Config { ring_capacity: Engine::rings_that_fit(&config), ..config };
        let (transport, tried) = Engine::choose(&config, workers);
        let page = if transport == Transport::Socket { PoolPage::private() } else { PoolPage::create() };
        let bells = Arc::new(Watcher::new().map_err(failed("watch the workers' bells"))?);
        let kick = Arc::new(Bell::new().map_err(failed("make a bell"))?);
        bells.add(std::os::fd::AsFd::as_fd(&*kick), KICK, Watch::Edge).map_err(failed("watch a bell"))?;
        let context = config.context.as_deref().filter(|context| context.len() > LARGE_CONTEXT);
        let context =
            context.map(|context| parcel_of(context)).transpose().map_err(failed("keep the shared context"))?;
        let wake = Arc::new(Bell::new().map_err(failed("make a bell"))?);
        let mailbox = Arc::new(Mailbox::new(wake.clone()));
        let mut state = State::default();
        state.recorded = config.record.then(Recorded::begin);
        state.mailbox = Some(mailbox.clone());
        state.context_attachments = context_attachments;
        let lendings = Arc::new(Lendings::of(workers));
        state.lendings = Some(lendings.clone());
        state.sched = Scheduler::new(workers, config.most_tasks.unwrap_or(u64::MAX));
        state.slots = (0..workers).map(|_| Slot::default()).collect();
        state.bells = Some(bells.clone());
        state.keep_hooks(&config.hooks);
        state.kick = Some(kick.clone());
        state.wake = Some(wake.clone());
        let cgroups = Engine::contain(&config);
        let engine = Arc::new(Engine {
            cgroups,
            oom_kills: Mutex::default(),
            uncontained: AtomicBool::new(false),
            state: Mutex::new(state),
            transport,
            workers: AtomicUsize::new(workers),
            program,
            context,
            page: page.map_err(failed("make the pool's shared page (--transport socket does without)"))?,
            bells,
            kick,
            mailbox,
            wake,
            callbacks: OnceLock::new(),
            wakers: OnceLock::new(),
            surroundings,
            forwarding: Forwarding::to(Stream::Stderr),
            forwarding_stdout: Forwarding::to(Stream::Stdout),
            telling: super::notes::Telling::default(),
            pastimes: Pastimes::default(),
            built_by: fork::this_process(),
            tried: Mutex::new(tried),
            lendings,
            _keeping: recycled::Keeping::begin(),
            config,
        });
        let supervisor = Supervisor::new(engine.clone(), serve)?;
        engine.lock().post_watcher = Some(supervisor.watcher());
        std::thread::Builder::new()
            .name("mpexec-supervisor".into())
            .spawn({
                let engine = engine.clone();
                // Without it nobody would see a worker's end, nor keep a limit: better no pool than one that stands still.
                move || {
                    if catch_unwind(AssertUnwindSafe(|| supervisor.run())).is_err() {
                        engine.end_without_supervisor();
                    }
                }
            })
            .map_err(failed("start the supervisor thread"))?;
        // The workers are starting meanwhile.
        let callbacks = Callbacks::start().map(|callbacks| drop(engine.callbacks.set(callbacks)));
        if let Err(error) = callbacks {
            engine.terminate("the pool could not start");
            return Err(failed("start the callbacks' thread")(error));
        }
        engine.wait_started()?;
        Ok(engine)
    }

    /// What runs callbacks.
    pub(super) fn callbacks(&self) -> &Callbacks {
        self.callbacks.get().expect("nobody has the pool before it is started")
    }

    /// Rings for large messages are only as large as the largest may be. Where a process may map only so much (`ulimit -v`), or make files only so
    /// long (`ulimit -f`), what they would take is better left to others.
    fn rings_that_fit(config: &Config) -> usize {
        let mut capacity = config.ring_capacity;
        while capacity > SMALL_RING && capacity as u64 / 4 > config.max_message {
            capacity /= 2;
        }
        let limited = memory::addresses_are_limited() || may_be_as_long_as((capacity + SMALL_RING) as u64).is_err();
        if limited { capacity.min(SMALL_RING) } else { capacity }
    }

    /// `auto` is shared memory where that can be had, the socket elsewhere. The rings by which that was tried are the first worker's.
    fn choose(config: &Config, workers: usize) -> (Transport, Option<TriedRings>) {
        let transport = config.transport.resolved();
        // The rings of all of them lie in this process, beside whatever else it will have.
        let rings = config.ring_capacity.saturating_mul(2).saturating_mul(workers).saturating_mul(2);
        if (config.transport, transport) != (Transport::Auto, Transport::Shm) {
            return (transport, None);
        }
        match mpexec_ring::create(config.ring_capacity) {
            Ok(tried) if memory::has_addresses_for(rings) => (transport, Some(tried)),
            _ => {
                if let Some(notes) = &config.notes {
                    notes.tell("shared memory cannot be had here: using sockets");
                }
                (Transport::Socket, None)
            }
        }
    }

    /// Where workers' cgroups are to be, if they are to have some and can.
    fn contain(config: &Config) -> Option<PoolGroup> {
        let made = (config.containment == Containment::Cgroup).then(PoolGroup::new)?;
        if let (Err(error), Some(notes)) = (&made, &config.notes) {
            notes.tell(&format!("no cgroup can be made for the workers ({error}): a kill takes their process group"));
        }
        made.ok()
    }

    fn wait_started(&self) -> Result<(), PoolError> {
        let started = self.drive(None, |state, _| state.started.clone());
        match started {
            Some(Err(error)) => {
                self.terminate("the pool could not start");
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// The supervisor is gone by a fault of ours: every call ends, and so does the pool.
    fn end_without_supervisor(&self) {
        const WHY: &str = "the pool's supervisor has failed (a fault of mpexec: please report what was printed)";
        let error = TaskError::Cancelled { reason: WHY.to_owned() };
        let mut state = self.lock();
        state.life = Life::Terminated;
        let jobs: Vec<_> = state.jobs.keys().copied().collect();
        // What made it fail may be met again here, and everybody is to be told all the same.
        for id in jobs {
            let _ = catch_unwind(AssertUnwindSafe(|| state.break_job(id, &error)));
        }
        for slot in &mut state.slots {
            let _ = catch_unwind(AssertUnwindSafe(|| slot.kill()));
        }
        state.started.get_or_insert(Err(PoolError::system("go on", WHY)));
        // It may have had the baton.
        state.baton = Baton::Free;
        state.ended = true;
        state.wake_all();
    }

    /// The largest payload of a task that travels within a batch; a larger one becomes a parcel.
    fn largest_payload(&self) -> usize {
        let quarter = match self.transport {
            Transport::Socket => self.config.ring_capacity.min(SMALL_RING) / 4,
            _ => self.config.ring_capacity / 4,
        };
        quarter - BATCH_HEADER - ENTRY_HEADER - MARGIN
    }

    /// Where arguments may go. What is lent is the parent's in a fork of this process.
    pub(crate) fn places(&self) -> Places<'_> {
        Places { largest: self.largest_payload(), lendings: (!self.is_a_forks()).then_some(&*self.lendings) }
    }

    /// The pool itself is dropped: what somebody still waits for is finished, the rest is cancelled, then all leave.
    pub(crate) fn release(&self) {
        if self.is_a_forks() {
            return;
        }
        let detached = {
            let mut state = self.lock();
            if state.life == Life::Open {
                state.life = Life::Closed;
            }
            let unwanted =
                |job: &JobState| job.is_unowned() || job.calls.as_ref().is_some_and(|calls| !calls.awaited());
            state.jobs.iter().filter(|(_, job)| unwanted(job)).map(|(id, _)| *id).collect::<Vec<_>>()
        };
        for id in detached {
            let mut state = self.lock();
            state.break_job(id, &TaskError::Cancelled { reason: "its pool was dropped".to_owned() });
        }
        self.wake.ring();
    }

    /// Waits for the end of a closed or terminated pool.
    pub(crate) fn join(&self, limit: Option<Duration>) -> Result<(), PoolError> {
        if self.is_a_forks() {
            return Err(PoolError::Forked);
        }
        if self.lock().life == Life::Open {
            return Err(PoolError::StillOpen);
        }
        if self.callbacks().run_here() {
            return Err(PoolError::JoinInCallback);
        }
        let started = Instant::now();
        let deadline = limit.and_then(deadline_after);
        let ended = self.drive(deadline, |state, _| state.ended.then_some(()));
        if ended.is_some() {
            self.forwarding.finish(deadline);
            self.forwarding_stdout.finish(deadline);
            if let Some(cgroups) = &self.cgroups {
                cgroups.wait_ended(deadline);
            }
        }
        let told = ended.is_some() && self.callbacks().wait(deadline);
        if told {
            self.await_notes(deadline);
            return Ok(());
        }
        let left = {
            let state = self.lock();
            state.sched.unsettled() + state.sched.open_inputs()
        };
        Err(PoolError::JoinTimedOut { waited: started.elapsed(), left })
    }
}
