//! What was sent beside a batch and is not needed there, because its task was taken back or failed before it took it, is
//! closed in the worker.

use std::fs;

use mpexec_core::{Pool, Receiver, RecvError, Sender, TaskError, Transport, channel, named};

use crate::common::{Scratch, builder, open, pass, wait_until};
use crate::process_contract;

/// Above a quarter of the ring: each travels in a memory file.
const LARGE: usize = 40 << 10;

fn descriptors(pool: &Pool) -> usize {
    pool.apply(|| fs::read_dir("/proc/self/fd").unwrap().count(), ()).unwrap()
}

fn hold(started: String, gate: String) {
    open(&started);
    pass(&gate);
}

/// Sends a worker a batch that it cannot begin, and has that batch taken back.
fn taken_back<A>(link: Transport, argument: impl Fn() -> A, task: fn(&Pool, Vec<A>) -> mpexec_core::Pending<usize>) {
    let pool = builder(link, 1).ring_capacity(1 << 16).build().unwrap();
    let before = descriptors(&pool);
    for _ in 0..20 {
        let (started, gate) = (Scratch::new(), Scratch::new());
        let held = pool.apply_async(hold, (started.text(), gate.text()));
        wait_until("the worker is busy", || started.is_open());
        let pending = (0..10).map(|_| task(&pool, vec![argument()])).collect::<Vec<_>>();
        for pending in pending {
            assert!(pending.cancel());
        }
        gate.open();
        held.get().unwrap();
    }
    wait_until("the worker has closed them", || descriptors(&pool) <= before);
}

fn large_arguments_of_tasks_that_were_taken_back_are_closed(link: Transport) {
    taken_back(
        link,
        || vec![7u8; LARGE],
        |pool, mut bytes| pool.apply_async(|bytes: Vec<u8>| bytes.len(), (bytes.remove(0),)),
    );
}

fn ends_of_channels_of_tasks_that_were_taken_back_are_closed(link: Transport) {
    taken_back(
        link,
        || channel::<u8>().unwrap(),
        |pool, mut ends| pool.apply_async(|_: Sender<u8>, _: Receiver<u8>| 1, ends.remove(0)),
    );
}

/// Decodes nothing of what it is given.
#[derive(serde::Serialize)]
struct Unread(Sender<u8>, bool);

impl<'de> serde::Deserialize<'de> for Unread {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Unread, D::Error> {
        Err(serde::de::Error::custom("not today"))
    }
}

fn an_end_that_a_task_does_not_take_is_closed_and_the_other_side_hears_it(link: Transport) {
    let pool = builder(link, 1).build().unwrap();
    let before = descriptors(&pool);
    for n in 0..50 {
        let (sender, receiver) = channel::<u8>().unwrap();
        let ended = pool.apply(|_: Unread| (), (Unread(sender, n % 2 == 0),));
        assert!(matches!(ended, Err(TaskError::ArgumentUndecodable { .. })), "{ended:?}");
        assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
        let (sender, receiver) = channel::<u8>().unwrap();
        let ended = pool.apply(named("nobody knows it", |_: Sender<u8>| ()), (sender,));
        assert!(matches!(ended, Err(TaskError::UnknownFunction { .. })), "{ended:?}");
        assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
    }
    wait_until("the worker has closed them", || descriptors(&pool) <= before);
}

fn more_descriptors_than_a_socket_holds_go_to_a_worker_that_stands_still(link: Transport) {
    let pool = builder(link, 1).build().unwrap();
    let pid = pool.pids()[0];
    crate::common::processes::signal(pid, rustix::process::Signal::STOP);
    wait_until("it is stopped", || crate::common::processes::stopped(pid));
    let (sender, receiver) = channel::<u32>().unwrap();
    let task = |n: u32, sender: Sender<u32>| sender.send(&n).is_ok();
    let sent = pool.call().chunk_size(1000).starmap_async(task, (0..1000).map(|n| (n, &sender)));
    drop(sender);
    crate::common::processes::signal(pid, rustix::process::Signal::CONT);
    assert!(receiver.iter().map(Result::unwrap).eq(0..1000));
    assert_eq!(sent.get().unwrap(), [true; 1000]);
}

process_contract!(
    large_arguments_of_tasks_that_were_taken_back_are_closed,
    ends_of_channels_of_tasks_that_were_taken_back_are_closed,
    an_end_that_a_task_does_not_take_is_closed_and_the_other_side_hears_it,
    more_descriptors_than_a_socket_holds_go_to_a_worker_that_stands_still,
);
