//! Arguments so long that they are lent: they lie in memory that is written again and again, for one after another.

use mpexec_core::{Plain, Pool, Transport};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::common::processes::kill;
use crate::common::ring::mappings;
use crate::common::{Scratch, builder, open, pass, pool, wait_until};

crate::contract!(
    long_arguments_of_all_sizes_arrive_whole_in_every_form,
    an_argument_of_several_long_slices_arrives_whole,
    an_argument_is_left_alone_while_its_task_runs_though_nobody_waits_for_it,
    an_argument_that_was_taken_back_from_a_worker_is_whole_at_the_next,
);
mod processes {
    use super::*;

    crate::process_contract!(
        a_long_argument_is_whole_again_after_the_end_of_its_worker,
        a_worker_that_may_map_nothing_more_reads_what_is_lent_to_it,
        memory_that_nobody_needs_is_let_go_by_workers_too,
    );
}

const KIB: usize = 1 << 10;

/// A block that no other is like.
fn block(number: usize, length: usize) -> Vec<u8> {
    let mut bytes = vec![(number % 251) as u8; length];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[length - 8..].copy_from_slice(&(number ^ length).to_le_bytes());
    bytes
}

/// Which block these are, if they are one.
fn whole(bytes: &[u8]) -> Option<usize> {
    let number = usize::from_le_bytes(bytes[..8].try_into().unwrap());
    (bytes == block(number, bytes.len())).then_some(number)
}

/// So many pieces of it a worker has.
fn lent(pool: &Pool) -> usize {
    pool.apply(|| mappings("mpexec-lent").len(), ()).unwrap()
}

fn long_arguments_of_all_sizes_arrive_whole_in_every_form(transport: Transport) {
    let pool = pool(transport, 2);
    let sizes = [64 * KIB, 100 * KIB, 65 * KIB, 1_000 * KIB, 63 * KIB, 3_000 * KIB, 300 * KIB, 9_000 * KIB];
    let blocks: Vec<Vec<u8>> = (0..64).map(|number| block(number, sizes[number % sizes.len()])).collect();
    let task = |bytes: &[u8]| whole(bytes);
    for block in &blocks {
        assert_eq!(pool.apply(task, (block,)).unwrap(), whole(block));
    }
    assert!(lent(&pool) > 0, "none of them was lent");
    for _ in 0..3 {
        assert!(pool.map(task, &blocks).unwrap().into_iter().eq((0..64).map(Some)));
        let calls: Vec<_> = blocks.iter().map(|block| pool.apply_async(task, (block,))).collect();
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.get().unwrap(), Some(number));
        }
        assert!(pool.imap(task, &blocks).map(Result::unwrap).eq((0..64).map(Some)));
    }
}

fn an_argument_of_several_long_slices_arrives_whole(transport: Transport) {
    let pool = pool(transport, 1);
    let parts: Vec<Vec<u8>> = [100, 300, 700].into_iter().map(|length| block(length, length * KIB)).collect();
    let three = |first: &[u8], second: &[u8], third: &[u8]| [first, second, third].map(whole);
    for turn in 0..20 {
        let first = block(turn, 70 * KIB);
        assert_eq!(pool.apply(|bytes: &[u8]| whole(bytes), (&first,)).unwrap(), Some(turn));
        let came = pool.apply(three, (Plain(&parts[0][..]), Plain(&parts[1][..]), Plain(&parts[2][..]))).unwrap();
        assert_eq!(came, [Some(100), Some(300), Some(700)]);
    }
}

fn an_argument_is_left_alone_while_its_task_runs_though_nobody_waits_for_it(transport: Transport) {
    let pool = pool(transport, 2);
    let (started, gate, ended) = (Scratch::new(), Scratch::new(), Scratch::new());
    let others = |pool: &Pool| {
        (0..200).for_each(|number| {
            let bytes = block(number, 200 * KIB);
            assert_eq!(pool.apply(|bytes: &[u8]| whole(bytes), (&bytes,)).unwrap(), Some(number));
        });
    };
    others(&pool);
    let holds = |bytes: &[u8], started: &str, gate: &str, ended: &str| {
        open(started);
        pass(gate);
        std::fs::write(ended, format!("{:?}", whole(bytes))).unwrap();
    };
    let held = block(77, 200 * KIB);
    let call = pool.apply_async(holds, (&held, started.text(), gate.text(), ended.text()));
    wait_until("it runs", || started.is_open());
    drop(call);
    others(&pool);
    gate.open();
    wait_until("it has told", || std::fs::read_to_string(ended.path()).is_ok_and(|told| told == "Some(77)"));
}

fn an_argument_that_was_taken_back_from_a_worker_is_whole_at_the_next(transport: Transport) {
    let pool = pool(transport, 2);
    let (started, gate) = (&Scratch::new(), &Scratch::new());
    let task = |bytes: &[u8], gate: Option<(String, String)>| {
        if let Some((started, gate)) = gate {
            open(&started);
            pass(&gate);
        }
        whole(bytes)
    };
    let blocks: Vec<Vec<u8>> = (0..200).map(|number| block(number, 150 * KIB)).collect();
    let items = |slow: bool| {
        let gate_of = move |number: usize| (slow && number == 100).then(|| (started.text(), gate.text()));
        blocks.iter().enumerate().map(move |(number, block)| (block, gate_of(number))).collect::<Vec<_>>()
    };
    // Batches wait behind one another by then.
    assert!(pool.starmap(task, items(false)).unwrap().into_iter().eq((0..200).map(Some)));
    let job = pool.starmap_async(task, items(true));
    wait_until("the slow one runs", || started.is_open());
    assert!(pool.starmap(task, items(false)).unwrap().into_iter().eq((0..200).map(Some)));
    gate.open();
    assert!(job.get().unwrap().into_iter().eq((0..200).map(Some)));
}

fn a_long_argument_is_whole_again_after_the_end_of_its_worker(transport: Transport) {
    let pool = builder(transport, 2).build().unwrap();
    let fallen = Scratch::new();
    let task = |bytes: &[u8], fallen: &str| {
        let number = whole(bytes);
        if number == Some(40) && !std::fs::exists(fallen).unwrap() {
            open(fallen);
            kill(std::process::id());
        }
        number
    };
    let blocks: Vec<Vec<u8>> = (0..80).map(|number| block(number, 150 * KIB)).collect();
    let items = blocks.iter().map(|block| (block, fallen.text()));
    let came = pool.call().attempts(2).starmap(task, items).unwrap();
    assert!(came.into_iter().eq((0..80).map(Some)));
    assert!(fallen.is_open());
}

fn a_worker_that_may_map_nothing_more_reads_what_is_lent_to_it(transport: Transport) {
    let pool = builder(transport, 1).build().unwrap();
    // What it has on its heap can be used again, and what it reads fits there.
    let limits_itself = || {
        drop(vec![vec![7u8; 100 * KIB]; 60]);
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
        let limit = Rlimit { current: Some(pages * 4096 + 64 * 1024), maximum: None };
        setrlimit(Resource::As, limit).unwrap();
    };
    pool.apply(|| drop(vec![7u8; 10_000 * KIB]), ()).unwrap();
    pool.apply(limits_itself, ()).unwrap();
    let pid = pool.pids();
    let blocks: Vec<Vec<u8>> = (0..20).map(|number| block(number, 300 * KIB)).collect();
    for (number, block) in blocks.iter().enumerate().skip(4) {
        match pool.apply(|bytes: &[u8]| whole(bytes), (block,)) {
            Ok(came) => assert_eq!(came, Some(number)),
            Err(error) => panic!("{number}: {error}"),
        }
    }
    assert_eq!((lent(&pool), pool.pids()), (0, pid), "nothing was mapped, and nobody died of it");
}

fn memory_that_nobody_needs_is_let_go_by_workers_too(transport: Transport) {
    let pool = pool(transport, 1);
    for number in 0..10 {
        let bytes = block(number, 20_000 * KIB);
        assert_eq!(pool.apply(|bytes: &[u8]| whole(bytes), (&bytes,)).unwrap(), Some(number));
    }
    assert!(lent(&pool) > 0);
    wait_until("it is let go", || lent(&pool) == 0);
}
