//! Buffers that all workers read: one mapping in each, however many tasks name them, and none when nobody does any more.

use std::fs;

use mpexec_core::{Pool, Process, Shared, SharedError, TaskError, Transport, context, current_task};
use serde::{Deserialize, Serialize};

use crate::common::census::Census;
use crate::common::processes::kill;
use crate::common::{Scratch, Watchdog, builder, pass, pool, wait_until};
use crate::contract;

/// What this process has mapped of shared buffers.
fn mapped() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("memfd:mpexec-shared")).map(str::to_owned).collect()
}

/// In a worker that has nothing of it in its hands.
fn mapped_in_worker(pool: &Pool) -> usize {
    pool.apply(|| mapped().len(), ()).unwrap()
}

fn sum(numbers: Shared<u64>, times: u64) -> u64 {
    numbers.iter().sum::<u64>() * times
}

fn every_task_reads_the_same_buffer(link: Transport) {
    let pool = pool(link, 2);
    let numbers = Shared::from_slice(&[1u64, 2, 3]).unwrap();
    assert_eq!(pool.apply(sum, (&numbers, 2)).unwrap(), 12);
    assert!(pool.starmap(sum, (0..1000).map(|n| (&numbers, n))).unwrap().into_iter().eq((0..1000).map(|n| 6 * n)));
    let moved = pool.starmap_async(sum, (0..100).map(|n| (numbers.clone(), n)));
    drop(numbers);
    assert_eq!(moved.get().unwrap()[99], 594);
}

#[derive(Serialize, Deserialize)]
struct Model {
    weights: Option<Shared<f32>>,
    tables: Vec<Shared<u8>>,
}

fn a_buffer_travels_within_other_values(link: Transport) {
    let pool = pool(link, 1);
    let bytes = Shared::from_slice(b"abc").unwrap();
    let weights = Some(Shared::from_slice(&[0.5f32, 1.5]).unwrap());
    let model = Model { weights, tables: vec![bytes.clone(), bytes] };
    let task = |model: Model, index: usize| {
        (model.weights.unwrap()[1], model.tables.iter().map(|table| table[index]).collect::<Vec<_>>())
    };
    assert_eq!(pool.apply(task, (&model, 2)).unwrap(), (1.5, vec![b'c', b'c']));
}

fn a_worker_maps_a_buffer_once_and_cannot_write_it(link: Transport) {
    let pool = pool(link, 1);
    let numbers = Shared::from_slice(&[7u64; 1000]).unwrap();
    let task = |numbers: Shared<u64>, _: u32| (numbers[999], mapped());
    for (seven, maps) in pool.starmap(task, (0..5000).map(|n| (&numbers, n))).unwrap() {
        assert_eq!((seven, maps.len()), (7, 1));
        assert!(maps[0].contains(" r--s "), "{maps:?}");
    }
    // Its writer is done with it too.
    assert!(mapped().iter().all(|line| line.contains(" r--s ")), "{:?}", mapped());
}

fn a_worker_lets_go_of_a_buffer_that_nobody_here_holds(link: Transport) {
    let pool = pool(link, 1);
    let (one, other) = (Shared::from_slice(&[1u64]).unwrap(), Shared::from_slice(&[2u64]).unwrap());
    assert_eq!(pool.starmap(sum, [(&one, 1), (&other, 1)]).unwrap(), [1, 2]);
    assert_eq!(mapped_in_worker(&pool), 2);
    let again = one.clone();
    drop((one, other));
    wait_until("the worker has let go of one", || mapped_in_worker(&pool) == 1);
    assert_eq!(pool.apply(sum, (&again, 5)).unwrap(), 5);
    drop(again);
    wait_until("the worker has let go of both", || mapped_in_worker(&pool) == 0);
}

fn a_stream_of_buffers_does_not_pile_up(link: Transport) {
    let pool = pool(link, 1);
    assert_eq!(mapped_in_worker(&pool), 0);
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = (Census::take(), pool.apply(descriptors, ()).unwrap());
    let buffers = (0..2000u64).map(|n| (Shared::from_slice(&[n]).unwrap(), 1));
    let mut read = 0;
    for (n, sum) in
        (0..).zip(pool.call().chunk_size(10).imap(|(numbers, times): (Shared<u64>, u64)| sum(numbers, times), buffers))
    {
        assert_eq!(sum.unwrap(), n);
        read += 1;
    }
    assert_eq!(read, 2000);
    wait_until("the worker has let go of them", || mapped_in_worker(&pool) == 0);
    wait_until("their descriptors are closed there", || pool.apply(descriptors, ()).unwrap() <= before.1);
    // Other tests have some here too.
    wait_until("they are unmapped here", || mapped().len() < 300);
}

fn abort(_: Shared<u64>) {
    std::process::abort()
}

fn a_new_worker_gets_the_buffers_that_its_tasks_name(link: Transport) {
    let pool = pool(link, 1);
    let numbers = Shared::from_slice(&[1u64, 2]).unwrap();
    for _ in 0..3 {
        assert_eq!(pool.apply(sum, (&numbers, 1)).unwrap(), 3);
        assert!(pool.apply(abort, (&numbers,)).is_err());
    }
    let gate = Scratch::new();
    let held = pool.call().attempts(2).apply_async(
        |gate: String, numbers: Shared<u64>| {
            if current_task().unwrap().attempt == 1 {
                crate::common::open(&gate);
                crate::common::forever();
            }
            numbers[1]
        },
        (gate.text(), &numbers),
    );
    drop(numbers);
    wait_until("it runs", || gate.is_open());
    kill(pool.pids()[0]);
    assert_eq!(held.get().unwrap(), 2, "the second attempt has it too");
}

fn a_buffer_in_the_context_is_there_in_every_worker(link: Transport) {
    let table = Shared::from_slice(&[4u16, 5, 6]).unwrap();
    let pool = builder(link, 2).context(&(table, 10u16)).unwrap().build().unwrap();
    let task = |at: usize| {
        let (table, more) = context::<(Shared<u16>, u16)>();
        table[at] + more
    };
    assert_eq!(pool.map(task, [0, 1, 2]).unwrap(), [14, 15, 16]);
    if link != Transport::Memory {
        pool.pids().into_iter().for_each(kill);
        wait_until("a replacement has it", || pool.apply(task, (2,)).is_ok_and(|six| six == 16));
    }
}

fn a_result_takes_no_buffer_and_says_what_to_do(link: Transport) {
    let pool = pool(link, 1);
    let error = pool.apply(|| Shared::from_slice(&[1u8]).unwrap(), ()).unwrap_err();
    let TaskError::ResultUnencodable { message } = error else { panic!("{error:?}") };
    assert!(message.contains("send it through a channel"), "{message}");
}

contract!(
    every_task_reads_the_same_buffer,
    a_buffer_travels_within_other_values,
    a_buffer_in_the_context_is_there_in_every_worker,
    a_result_takes_no_buffer_and_says_what_to_do,
);
/// On links that have processes.
mod processes {
    use super::{
        a_new_worker_gets_the_buffers_that_its_tasks_name, a_stream_of_buffers_does_not_pile_up,
        a_worker_lets_go_of_a_buffer_that_nobody_here_holds, a_worker_maps_a_buffer_once_and_cannot_write_it,
    };

    crate::process_contract!(
        a_worker_maps_a_buffer_once_and_cannot_write_it,
        a_worker_lets_go_of_a_buffer_that_nobody_here_holds,
        a_stream_of_buffers_does_not_pile_up,
        a_new_worker_gets_the_buffers_that_its_tasks_name
    );
}

#[test]
fn a_buffer_is_an_argument_of_a_process() {
    let _watchdog = Watchdog::new();
    let numbers = Shared::build(3, |numbers: &mut [u64]| numbers.copy_from_slice(&[5, 6, 7])).unwrap();
    let gate = Scratch::new();
    let task = |gate: String, numbers: Shared<u64>| {
        pass(&gate);
        numbers.to_vec()
    };
    let mut process = Process::spawn(task, (gate.text(), numbers.clone())).unwrap();
    drop(numbers);
    gate.open();
    assert_eq!(process.join().unwrap(), [5, 6, 7]);
}

#[test]
fn a_buffer_may_have_any_length_that_memory_has() {
    let _watchdog = Watchdog::new();
    let empty = Shared::<[f64; 3]>::from_slice(&[]).unwrap();
    assert!(empty.is_empty());
    assert!(Shared::<u128>::build(0, |all| assert!(all.is_empty())).unwrap().is_empty());
    let pool = pool(Transport::Auto, 1);
    assert_eq!(pool.apply(|empty: Shared<[f64; 3]>| empty.len(), (&empty,)).unwrap(), 0);

    let giga = Shared::build(1 << 30, |bytes: &mut [u8]| bytes[(1 << 30) - 1] = 9).unwrap();
    let task = |bytes: Shared<u8>, at: usize| (bytes.len(), bytes[at], bytes.as_ptr().addr() % 4096);
    assert_eq!(pool.apply(task, (&giga, (1 << 30) - 1)).unwrap(), (1 << 30, 9, 0));
    drop(giga);

    let all = usize::MAX;
    assert_eq!(Shared::<u64>::build(all, |_| ()).unwrap_err(), SharedError::TooLong { len: all, size: 8 });
    let error = Shared::<u64>::build(1 << 58, |_| ()).unwrap_err();
    assert!(matches!(error, SharedError::System { bytes, .. } if bytes == 1 << 61), "{error}");
}

#[test]
fn a_buffer_is_nothing_outside_of_what_takes_it_along() {
    let buffer = Shared::from_slice(&[1u8]).unwrap();
    let error = mpexec_wire::encode_to_vec(&buffer).unwrap_err().to_string();
    assert!(error.contains("as an argument of a task"), "{error}");
    let error = mpexec_wire::decode::<Shared<u8>>(&[1; 16]).unwrap_err().to_string();
    assert!(error.contains("came as an argument"), "{error}");
    assert_eq!(format!("{buffer:?}"), "Shared<u8>(1 bytes)");
}

fn decode_by_hand(buffer: Shared<u8>, number: u64) -> (u8, String) {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8] = 1;
    (buffer[0], mpexec_wire::decode::<Shared<u8>>(&bytes).unwrap_err().to_string())
}

#[test]
fn what_a_task_decodes_by_itself_takes_nothing_from_its_worker() {
    let _watchdog = Watchdog::new();
    let pool = pool(Transport::Auto, 1);
    let buffer = Shared::from_slice(&[3u8]).unwrap();
    for number in 0..200 {
        let (three, error) = pool.apply(decode_by_hand, (&buffer, number)).unwrap();
        assert!(three == 3 && error.contains("came as an argument"), "{error}");
    }
}
