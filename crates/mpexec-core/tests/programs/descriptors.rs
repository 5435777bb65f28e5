//! A program that may have few descriptors: the soft limit is raised as far as need be, and beyond the hard one the error
//! says what is missing.

use std::process::{Command, Stdio};

use mpexec_core::{Pool, TaskError, Transport, WorkerStderr, Workers};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::common::{Scratch, Watchdog, pass};

const LINK: &str = "MPEXEC_TEST_LINK";
/// Above a quarter of the ring: each travels in a memory file.
const LARGE: usize = 40 << 10;

fn allow(soft: u64, hard: Option<u64>) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(soft);
    limit.maximum = hard.or(limit.maximum);
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
#[ignore = "the coordinator of another test"]
fn a_coordinator_with_few_descriptors() {
    let Ok(link) = std::env::var(LINK) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = link.parse().unwrap();
    let builder = Pool::builder().workers(Workers::Exact(2)).transport(link).stderr(WorkerStderr::Keep);
    let pool = builder.ring_capacity(1 << 16).build().unwrap();
    // While the workers are held, every argument has its descriptor here.
    let hold = |gate: &Scratch| [(); 2].map(|()| pool.apply_async(|gate: String| pass(&gate), (gate.text(),)));
    let large = vec![7u8; LARGE];
    let thousand = || pool.map_async(|bytes: Vec<u8>| bytes.len(), std::iter::repeat_n(&large, 1_000));
    allow(100, None);
    let gate = Scratch::new();
    let (held, lengths) = (hold(&gate), thousand());
    gate.open();
    held.into_iter().for_each(|held| held.get().unwrap());
    assert!(lengths.get().unwrap().into_iter().eq(std::iter::repeat_n(LARGE, 1_000)));
    let results = pool.map_async(|n: usize| vec![n as u8; LARGE], 0..1_000).get().unwrap();
    assert!(results.iter().enumerate().all(|(n, bytes)| bytes.len() == LARGE && bytes[0] == n as u8));
    // To be moved to the place of the gate, which takes no descriptor.
    let (gate, opener) = (Scratch::new(), Scratch::new());
    opener.open();
    allow(500, Some(500));
    let (held, lengths) = (hold(&gate), thousand());
    std::fs::rename(opener.path(), gate.path()).unwrap();
    held.into_iter().for_each(|held| held.get().unwrap());
    let error = lengths.get().unwrap_err();
    let TaskError::ArgumentUnencodable { message } = error.error else { panic!("{error:?}") };
    assert!(message.contains("no memory file") && message.contains("open files"), "{message:?}");
    assert_eq!(pool.apply(|bytes: Vec<u8>| bytes.len(), (&large,)).unwrap(), LARGE);
    // A task that may have no descriptor at all for its result says so.
    let starved = || {
        allow(3, Some(3));
        vec![0u8; 2 << 20]
    };
    let Err(TaskError::ResultUnencodable { message }) = pool.apply(starved, ()) else { panic!("it had one") };
    assert!(message.contains("no memory file") && message.contains("open files"), "{message:?}");
}

#[test]
fn the_soft_limit_is_raised_as_needed_and_the_hard_one_is_told() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let turn = crate::writing_or_starting();
        let mut coordinator = Command::new(std::env::current_exe().unwrap())
            .args(["descriptors::a_coordinator_with_few_descriptors", "--exact", "--ignored"])
            .env(LINK, link)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        drop(turn);
        assert!(coordinator.wait().unwrap().success(), "on {link}");
    }
}
