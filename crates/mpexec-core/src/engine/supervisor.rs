//! The supervisor: one thread per pool for what must go on whatever the user does.
//!
//! It watches the workers' processes, control sockets and stderr, starts and replaces workers, writes their obituaries,
//! and turns the crank itself while work is outstanding that nobody waits for.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Engine;
use super::forwarding::Stream;
use super::launch::{ThreadWorker, UnderWay};
use super::memory::MemoryLook;
use super::pauses::{Pauses, forward};
use super::remains::Remains;
use super::scarcity::Scarcity;
use super::scheduler::WorkerId;
use super::slot::{Phase, Slot};
use super::spare::{SPARE, Spare};
use super::state::{Baton, Life, State};
use super::striking::Striking;
use crate::config::Transport;
use crate::error::PoolError;
use crate::link::{LinkError, Upto};
use crate::os::events::{Watch, Watcher};

/// How often the supervisor looks at what cannot wake it while it turns the crank.
pub(super) const TURN: Duration = Duration::from_millis(1);

pub(super) const CHILD: u64 = 0;
pub(super) const CONTROL: u64 = 1;
pub(super) const STDERR: u64 = 2;
pub(super) const STDOUT: u64 = 3;
const WAKE: u64 = u64::MAX;

pub(super) fn token(id: WorkerId, what: u64) -> u64 {
    (id as u64) << 2 | what
}

/// What the supervisor does next.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Nothing,
    AtOnce,
    NowAndThen,
    OnBells,
}

/// The thread's own.
pub(crate) struct Supervisor {
    pub(super) engine: Arc<Engine>,
    pub(super) watcher: Arc<Watcher>,
    tokens: Vec<u64>,
    pub(super) serve: ThreadWorker,
    pub(super) memory_looked: Option<MemoryLook>,
    /// When time limits are to be looked at again.
    pub(super) next_look: Option<Duration>,
    pub(super) scarcity: Scarcity,
    pauses: Pauses,
    /// When it last woke: deadlines are kept by this. A stop after that is forgiven before it becomes later.
    pub(super) woke: Instant,
    pub(super) spare: Spare,
    pub(super) under_way: Option<UnderWay>,
    /// Of a worker that was buried just now.
    pub(super) remains: Option<Remains>,
    /// The pool is over but for what was being started.
    pub(super) ending: bool,
    /// When the workers were last looked at for what they owe.
    pub(super) responses_looked: Instant,
    /// When they were last looked at for their main threads.
    pub(super) threads_looked: Instant,
    /// When it last began to listen to workers again.
    pub(super) listened: Instant,
    pub(super) striking: Option<Striking>,
}

/// So often one worker's control socket is looked at before the others have their turn.
const LOOKS: u32 = 4;

impl Engine {
    /// The control socket of a worker that serves has something, and its data goes another way.
    fn attend(&self, state: &mut State, id: WorkerId) -> Result<(), LinkError> {
        for _ in 0..LOOKS {
            let more = state.slots[id].link.as_mut().map_or(Ok(false), |link| link.attend())?;
            state.mind_post(id);
            if !more {
                return Ok(());
            }
            // Results name the parcels that came. Whoever sleeps until they are rung for is not rung for these.
            state.receive_from(id, Upto::Complete);
            self.kick.ring();
        }
        Ok(())
    }
}

impl Supervisor {
    pub(crate) fn new(engine: Arc<Engine>, serve: ThreadWorker) -> Result<Supervisor, PoolError> {
        let failed = |error| PoolError::system("watch the workers", error);
        let watcher = Watcher::new().map_err(failed)?;
        watcher.add(engine.wake.as_fd(), WAKE, Watch::Level).map_err(failed)?;
        let striking = Striking::of(&engine);
        Ok(Supervisor {
            engine,
            watcher: Arc::new(watcher),
            tokens: Vec::new(),
            serve,
            memory_looked: None,
            next_look: None,
            scarcity: Scarcity::default(),
            pauses: Pauses::default(),
            woke: Instant::now(),
            spare: Spare::default(),
            under_way: None,
            remains: None,
            ending: false,
            responses_looked: Instant::now(),
            threads_looked: Instant::now(),
            listened: Instant::now(),
            striking,
        })
    }

    /// What watches the workers' sockets.
    pub(super) fn watcher(&self) -> Arc<Watcher> {
        self.watcher.clone()
    }

    /// Lives until the pool is closed and its last worker is gone.
    pub(crate) fn run(mut self) {
        self.fill_places();
        self.engine.watch_oom_kills();
        while !self.is_over() {
            let turn = self.engine.lock().what_to_do();
            match turn {
                Turn::Nothing => {
                    let limit = self.next_deadline();
                    self.falls_asleep(limit);
                    self.attend(limit);
                }
                Turn::AtOnce => self.attend(Some(Duration::ZERO)),
                Turn::NowAndThen => {
                    self.falls_asleep(Some(TURN));
                    self.attend(Some(TURN));
                    let mut state = self.engine.lock();
                    if state.baton == Baton::Free {
                        state.pump(true);
                    }
                }
                Turn::OnBells => {
                    self.falls_asleep(Some(TURN));
                    let (state, rung) = self.engine.sleep_on_bells(self.engine.lock(), Some(TURN));
                    drop(state);
                    self.wakes_up();
                    let mut state = self.engine.lock();
                    state.baton = Baton::Free;
                    self.engine.hear_the_idle(&mut state, &rung);
                    let look = state.look_is_due();
                    state.pump(look);
                    self.engine.leave(&mut state);
                    drop(state);
                    self.attend(Some(Duration::ZERO));
                }
            }
            self.keep_deadlines();
            if self.await_newcomer().is_some_and(|left| left.is_zero()) {
                self.receive_newcomer();
            }
            if self.scarcity.is_due() {
                self.fill_places();
            }
            self.keep_spare();
            self.watch_responses();
            self.listen_again();
            self.engine.give_back_idle();
            if let Some(striking) = &mut self.striking {
                striking.strike(&self.engine);
            }
            self.engine.watch_memory(&mut self.memory_looked);
            self.next_look = self.engine.watch_time();
            self.engine.watch_oom_kills();
            let news = std::mem::take(&mut self.engine.lock().news);
            news.iter().for_each(|line| self.engine.note(line));
        }
        if let Some(cgroups) = &self.engine.cgroups {
            cgroups.end();
        }
    }

    /// At once, before it does anything: what it does takes its time, and that time is the tasks' too.
    fn wakes_up(&mut self) {
        let now = Instant::now();
        let pause = self.pauses.wakes(now);
        self.forgive(pause);
        self.woke = now;
    }

    fn falls_asleep(&mut self, limit: Option<Duration>) {
        let pause = self.pauses.sleeps(limit);
        self.forgive(pause);
    }

    fn forgive(&mut self, pause: Option<Duration>) {
        let Some(pause) = pause else { return };
        self.engine.lock().forgive(pause);
        // The system could start nothing meanwhile, and who was to tell that it has stood still too.
        if let Some(under_way) = &mut self.under_way {
            forward(&mut under_way.begun.since, pause);
        }
        self.spare.forgive(pause);
    }

    /// Waits for something to happen to a worker, and attends to it.
    fn attend(&mut self, limit: Option<Duration>) {
        let mut tokens = std::mem::take(&mut self.tokens);
        if self.watcher.wait(limit, &mut tokens).is_err() {
            std::thread::park_timeout(TURN);
        }
        self.wakes_up();
        for token in tokens.drain(..) {
            if token == WAKE {
                self.engine.wake.drain();
                self.engine.forget_unused();
                if self.receive_newcomer() {
                    self.fill_places();
                }
                continue;
            }
            if token == SPARE {
                self.bury_spare();
                continue;
            }
            let id = (token >> 2) as WorkerId;
            match token & 3 {
                STDERR => self.read_output(id, Stream::Stderr),
                STDOUT => self.read_output(id, Stream::Stdout),
                CONTROL => self.hear(id),
                _ => {
                    self.hear(id);
                    self.replace(id);
                }
            }
        }
        self.tokens = tokens;
    }

    /// The control socket of a worker has something.
    fn hear(&mut self, id: WorkerId) {
        let engine = self.engine.clone();
        let mut state = engine.lock();
        let served = self.will_be_replaced(&state, id);
        match &state.slots[id].phase {
            Phase::Starting(_) => match engine.hear_hello(&mut state, id) {
                Ok(()) => self.mind_closed_socket(&state, id),
                Err(reason) => {
                    state.slots[id].fault = Some(reason);
                    state.slots[id].kill();
                }
            },
            Phase::Ready | Phase::Leaving(_) if engine.transport == Transport::Socket => {
                self.hear_on_data_socket(&mut state, id);
            }
            Phase::Ready | Phase::Leaving(_) => {
                if let Err(error) = engine.attend(&mut state, id) {
                    self.unwatch_control(&state, id);
                    // One that leaves closes its end last. Any other whose end is closed is dying, or cannot be told any more
                    // what it needs.
                    if matches!(state.slots[id].phase, Phase::Ready) || !matches!(error, LinkError::Closed) {
                        state.condemn(id, &error);
                    }
                }
                state.mind_half_message(id);
            }
            Phase::Empty => {}
        }
        let slot = &state.slots[id];
        let dying = served && slot.killed.is_some() && slot.fault.is_none() && !slot.dismissed;
        drop(state);
        if dying {
            self.begin_successor(id);
        }
    }

    /// A socket that has ended is readable for ever: its process's end is awaited without it.
    fn mind_closed_socket(&self, state: &State, id: WorkerId) {
        if let Phase::Starting(starting) = &state.slots[id].phase
            && starting.reader.has_ended()
        {
            self.watcher.remove(crate::link::control::fd(&starting.socket));
        }
    }

    fn unwatch_control(&self, state: &State, id: WorkerId) {
        if let Some(socket) = state.slots[id].link.as_ref().and_then(|link| link.control()) {
            self.watcher.remove(socket);
        }
    }

    fn read_output(&mut self, id: WorkerId, stream: Stream) {
        let tail = self.engine.lock().slots[id].output(stream).take();
        let Some(mut tail) = tail else {
            return;
        };
        if !self.engine.forward(&mut tail, stream) {
            self.watcher.remove(tail.pipe.as_fd());
        }
        let mut state = self.engine.lock();
        if !state.slots[id].is_empty() {
            *state.slots[id].output(stream) = Some(tail);
        }
    }

    fn is_over(&mut self) -> bool {
        let engine = self.engine.clone();
        let mut state = engine.lock();
        if state.life == Life::Open {
            return false;
        }
        if state.life == Life::Closed && !state.sched.work_left() {
            for id in 0..state.slots.len() {
                state.retire(id);
            }
        }
        let gone = state.slots.iter().all(Slot::is_empty);
        let done = state.life == Life::Terminated || !state.sched.work_left() || state.crash_looped;
        let over = gone && done && self.nobody_is_on_the_way();
        if over {
            state.ended = true;
            for waiter in &state.parked {
                waiter.wake();
            }
            self.engine.kick.ring();
        }
        over
    }
}

impl State {
    /// Who waits turns the crank; the supervisor does when nobody does and work is outstanding. It looks at it every
    /// millisecond; only when a future or a callback is to be told does it sleep on the bells as a waiting thread would.
    fn what_to_do(&mut self) -> Turn {
        let moving = self.sched.moving();
        self.alerted = moving;
        self.listened_to &= self.sched.outstanding();
        if !moving || self.baton != Baton::Free || !self.parked.is_empty() {
            self.alerted = false;
            return Turn::Nothing;
        }
        if !self.listened_to {
            return Turn::NowAndThen;
        }
        self.pump(false);
        if self.has_errands() {
            // They run user code: not while this thread has the baton.
            return Turn::AtOnce;
        }
        self.baton = Baton::Supervisor;
        Turn::OnBells
    }
}

#[cfg(test)]
mod tests {
    use mpexec_wire::FunctionKind;

    use super::*;
    use crate::engine::scheduler::{Function, Job, Run};

    #[test]
    fn tasks_that_wait_for_their_next_try_keep_nobody_awake() {
        let mut state = State::default();
        state.sched.open_job(7, Job::new(Function { kind: FunctionKind::Offset, id: 1 }, 2));
        let run = || Run { first: 0, count: 1, attempt: 2, bytes: vec![0; 8], from: 0 };
        assert_eq!(state.what_to_do(), Turn::Nothing);
        state.listened_to = true;
        state.sched.put_to_sleep(7, run());
        assert_eq!(state.what_to_do(), Turn::Nothing);
        assert!(state.listened_to && !state.alerted, "a future still waits for it, and who submits more tells of it");
        state.sched.awaken(7, 0);
        assert_eq!(state.what_to_do(), Turn::OnBells);
        (state.baton, state.listened_to) = (Baton::Free, false);
        assert_eq!(state.what_to_do(), Turn::NowAndThen);
        assert!(state.alerted);
    }
}
