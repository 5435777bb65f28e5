//! When a channel ends: with the last task that has a sender, however that task ends, and for no other reason.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use mpexec_core::{Receiver, RecvError, SendError, Sender, TaskError, Transport, channel, current_task};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use crate::common::census::Census;
use crate::common::processes::kill;
use crate::common::{Scratch, forever, open, pass, pool, wait_until};
use crate::contract;

fn the_channel_ends_with_the_last_task_that_has_a_sender(link: Transport) {
    let pool = pool(link, 2);
    let (sender, receiver) = channel::<u8>().unwrap();
    let gates = [Scratch::new(), Scratch::new()];
    let wait = |gate: String, sender: Sender<u8>| {
        pass(&gate);
        sender.send(&1).unwrap();
    };
    let waiting = gates.each_ref().map(|gate| pool.apply_async(wait, (gate.text(), &sender)));
    drop(sender);
    for gate in &gates {
        assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
        gate.open();
        assert_eq!(receiver.recv(), Ok(1));
    }
    assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
    waiting.into_iter().for_each(|waiting| waiting.get().unwrap());
}

fn after_the_outcome_the_end_is_known(link: Transport) {
    let pool = pool(link, 1);
    for _ in 0..200 {
        let (sender, receiver) = channel::<u8>().unwrap();
        pool.apply(|sender: Sender<u8>| sender.send(&1).unwrap(), (sender,)).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        // A process that another test starts at this moment has a copy of all descriptors for an instant.
        assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
        let (sender, receiver) = channel::<u8>().unwrap();
        pool.apply(|_: Receiver<u8>| (), (receiver,)).unwrap();
        wait_until("no receiver is left", || sender.try_send(&1) == Err(SendError::NoReceivers));
    }
}

fn a_task_hears_the_end_of_one_before_it_in_its_own_batch(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel::<u64>().unwrap();
    let task = |sender: Option<Sender<u64>>, receiver: Option<Receiver<u64>>| {
        if let Some(sender) = sender {
            (0..10).for_each(|n| sender.send(&n).unwrap());
        }
        receiver.map_or(0, |receiver| receiver.iter().map(Result::unwrap).sum())
    };
    let tasks = [(Some(sender), None), (None, Some(receiver))];
    assert_eq!(pool.call().chunk_size(2).starmap(task, tasks).unwrap(), [0, 45]);
}

fn a_task_that_panics_or_is_cancelled_ends_its_channels(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel::<u8>().unwrap();
    let panicked = pool.apply(|_: Sender<u8>| panic!("no"), (sender,));
    assert!(matches!(panicked, Err::<(), _>(TaskError::Panicked { .. })));
    assert_eq!(receiver.recv(), Err(RecvError::NoSenders));

    let gate = Scratch::new();
    let held = pool.apply_async(|gate: String| pass(&gate), (gate.text(),));
    let ((sender, receiver), (in_job, of_job)) = (channel::<u8>().unwrap(), channel::<u8>().unwrap());
    let queued = pool.apply_async(|_: Sender<u8>| (), (sender,));
    let job = pool.map_async(|_: Sender<u8>| (), [in_job.clone(), in_job]);
    assert!(queued.cancel() && job.cancel());
    assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
    assert_eq!(of_job.recv(), Err(RecvError::NoSenders));
    gate.open();
    held.get().unwrap();
}

fn a_terminated_pool_ends_its_channels(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel::<u8>().unwrap();
    let (stop, stopped) = channel::<u8>().unwrap();
    let running = pool.apply_async(|_: Sender<u8>, stopped: Receiver<u8>| drop(stopped.recv()), (&sender, stopped));
    let queued = pool.apply_async(|_: Sender<u8>| (), (sender,));
    pool.terminate();
    drop(stop);
    assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
    assert!(running.get().is_err() && queued.get().is_err());
}

/// The message says of itself whether it is whole.
fn flood(started: String, sender: Sender<(u64, Vec<u64>)>) {
    open(&started);
    for n in 0.. {
        let length = [3, 500, 5000][(n % 3) as usize];
        if sender.send(&(n, vec![n; length])).is_err() {
            forever();
        }
    }
}

fn a_sender_killed_in_the_middle_leaves_whole_messages_and_then_the_end(link: Transport) {
    let pool = pool(link, 2);
    for round in 0..10 {
        let started = Scratch::new();
        let (sender, receiver) = channel().unwrap();
        let flooding = pool.apply_async(flood, (started.text(), sender));
        wait_until("it sends", || started.is_open());
        let mut next = 0;
        while next < 50 * round {
            let (n, body) = receiver.recv().unwrap();
            assert!(n == next && body.iter().all(|word| *word == n));
            next += 1;
        }
        pool.pids().into_iter().for_each(kill);
        for message in &receiver {
            let (n, body) = message.unwrap();
            assert!(n == next && body.iter().all(|word| *word == n) && [3, 500, 5000].contains(&body.len()));
            next += 1;
        }
        assert!(matches!(flooding.get(), Err(TaskError::Crashed { .. })));
    }
}

fn a_second_attempt_has_the_sender_too(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel::<u32>().unwrap();
    let task = |sender: Sender<u32>| {
        let attempt = current_task().unwrap().attempt;
        sender.send(&attempt).unwrap();
        if attempt < 3 {
            std::process::abort();
        }
    };
    let ended = pool.call().attempts(3).apply_async(task, (sender,));
    assert!(receiver.iter().map(Result::unwrap).eq(1..=3));
    ended.get().unwrap();
}

fn a_receiver_killed_while_it_waits_takes_nothing_along(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel::<u64>().unwrap();
    let wait = |started: String, receiver: Receiver<u64>| {
        open(&started);
        drop(receiver.recv());
        forever();
    };
    for n in 0..5 {
        let started = Scratch::new();
        let waiting = pool.apply_async(wait, (started.text(), &receiver));
        wait_until("it waits", || started.is_open());
        kill(pool.pids()[0]);
        assert!(waiting.get().is_err());
        sender.send(&n).unwrap();
        assert_eq!(receiver.recv(), Ok(n));
    }
    drop(receiver);
    // A process that another test starts at this moment has a copy of all descriptors for an instant.
    wait_until("no receiver is left", || sender.try_send(&1) == Err(SendError::NoReceivers));
}

/// In a task: the descriptor of the one channel that the worker has.
fn raw() -> OwnedFd {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let numbers = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open = numbers.filter_map(|fd| fd.file_name().to_str()?.parse().ok());
    let copies = open.filter_map(|number| pidfd_getfd(&this, number, PidfdGetfdFlags::empty()).ok());
    let is_channel = |fd: &OwnedFd| {
        rustix::net::sockopt::socket_type(fd).is_ok_and(|kind| kind == rustix::net::SocketType::SEQPACKET)
    };
    copies.into_iter().find(is_channel).unwrap()
}

/// In a task: what no channel sends, with descriptors, and then something that one does.
fn rave(sender: Sender<String>) {
    let (socket, null) = (raw(), fs::File::open("/dev/null").unwrap());
    let attached = [null.as_fd(); 200];
    let parcel = [0x43, 0x4d, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    let missing = [0x43, 0x4d, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for bytes in [&b""[..], b"x", &[0xff; 300], &parcel, &missing, &[7; 100_000]] {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(200))];
        let mut ancillary = SendAncillaryBuffer::new(&mut room);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&attached)));
        sendmsg(&socket, &[std::io::IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).unwrap();
    }
    sender.send(&"sane".to_owned()).unwrap();
}

fn a_sender_gone_mad_costs_only_its_own_messages(link: Transport) {
    let pool = pool(link, 1);
    let (sender, receiver) = channel::<String>().unwrap();
    pool.apply(|_: Sender<String>| (), (&sender,)).unwrap();
    let before = Census::take().descriptors;
    let raving = pool.apply_async(rave, (sender,));
    let mut refused = 0;
    let sane = loop {
        match receiver.recv() {
            Ok(text) => break text,
            Err(RecvError::Undecodable { .. }) => refused += 1,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((sane.as_str(), refused), ("sane", 6));
    assert_eq!(receiver.recv(), Err(RecvError::NoSenders));
    raving.get().unwrap();
    // Other tests run in this process too.
    wait_until("what came along is closed", || Census::take().descriptors < before + 200);
}

contract!(
    the_channel_ends_with_the_last_task_that_has_a_sender,
    after_the_outcome_the_end_is_known,
    a_task_hears_the_end_of_one_before_it_in_its_own_batch,
    a_task_that_panics_or_is_cancelled_ends_its_channels,
    a_terminated_pool_ends_its_channels,
);
/// On links that have processes.
mod processes {
    use super::{
        a_receiver_killed_while_it_waits_takes_nothing_along, a_second_attempt_has_the_sender_too,
        a_sender_gone_mad_costs_only_its_own_messages,
        a_sender_killed_in_the_middle_leaves_whole_messages_and_then_the_end,
    };

    crate::process_contract!(
        a_sender_killed_in_the_middle_leaves_whole_messages_and_then_the_end,
        a_second_attempt_has_the_sender_too,
        a_receiver_killed_while_it_waits_takes_nothing_along,
        a_sender_gone_mad_costs_only_its_own_messages
    );
}
