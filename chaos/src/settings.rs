//! What a round is like: which pool, how it is called, what is done to it, how it ends.

use std::time::Duration;

use mpexec_core::Transport;

use crate::random::Random;

/// How the pool of a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Joined,
    Terminated,
    /// By the striker, while calls are under way.
    TerminatedMidway,
    Dropped,
}

/// Above what any task needs but those that hang, unless the machine is slow: then it strikes others too, and rightly.
const LIMITS: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(4)];

/// The same of processor time. It is short, because on a busy machine a second of it takes long to come by.
const COMPUTES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// Far above what any task needs but those that take without end.
const MEMORY: u64 = 512 << 20;
/// So short that who is stopped for a while is replaced, and on a slow machine who is slow, too.
const RESPONSE: Duration = Duration::from_millis(400);
/// So much is kept of what a task prints.
pub(crate) const KEPT: usize = 4096;

/// What a round is like.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) link: Transport,
    pub(crate) workers: usize,
    pub(crate) ring: usize,
    pub(crate) attempts: u32,
    /// How long it is waited before a task is tried again.
    pub(crate) delay: Option<Duration>,
    pub(crate) limit: Option<Duration>,
    pub(crate) cpu_limit: Option<Duration>,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) response_limit: Option<Duration>,
    /// Workers run a hook at their start and at their end.
    pub(crate) hooks: bool,
    /// Output is captured.
    pub(crate) captures: bool,
    pub(crate) most_tasks: Option<u64>,
    pub(crate) callers: u64,
    /// Nothing is done to the workers, by themselves or from outside.
    pub(crate) calm: bool,
    /// Some tasks write where they should not.
    pub(crate) lies: bool,
    pub(crate) end: End,
}

impl Settings {
    /// Those of a round.
    pub(crate) fn of(seed: u64, number: u64) -> Settings {
        Settings::by_chance(&mut Random::of(seed, &[number]))
    }

    fn by_chance(random: &mut Random) -> Settings {
        Settings {
            link: random.of_these(&[Transport::Shm, Transport::Socket]),
            workers: random.of_these(&[1, 2, 2, 3, 4]),
            ring: random.of_these(&[1 << 16, 1 << 18, 1 << 20, 32 << 20]),
            attempts: random.of_these(&[1, 1, 2, 3]),
            delay: random.one_in(4).then_some(Duration::from_millis(5)),
            limit: random.one_in(4).then(|| random.of_these(&LIMITS)),
            cpu_limit: random.one_in(4).then(|| random.of_these(&COMPUTES)),
            memory_limit: random.one_in(4).then_some(MEMORY),
            response_limit: random.one_in(6).then_some(RESPONSE),
            hooks: random.one_in(3),
            captures: random.one_in(3),
            most_tasks: random.one_in(4).then(|| random.between(1, 60)),
            callers: random.between(1, 4),
            calm: random.one_in(5),
            lies: random.one_in(6),
            end: random.of_these(&[End::Joined, End::Joined, End::Terminated, End::TerminatedMidway, End::Dropped]),
        }
    }
}
