//! How work flows: the window of a lazy input, slow tasks beside fast ones, and messages of every size.

use std::cell::Cell;
use std::collections::HashSet;

use mpexec_core::Transport;

use crate::common::{Scratch, builder, pass, pool, wait_until};

crate::contract!(
    input_is_never_read_further_ahead_than_the_window,
    input_is_read_only_while_results_are_asked_for,
    one_slow_task_holds_back_nobody,
    a_slow_task_in_the_midst_of_a_job_leaves_no_tail,
    messages_at_the_sizes_of_the_ring_arrive_intact,
    many_results_that_fill_the_ring_many_times_arrive_intact,
    long_and_short_messages_by_turns_arrive_intact_in_rings_of_the_usual_size,
    workers_with_a_long_argument_hear_that_they_are_to_leave,
    zero_sized_arguments_and_results_arrive,
    sixty_four_mebibytes_there_and_back_arrive_intact,
);

fn input_is_never_read_further_ahead_than_the_window(transport: Transport) {
    let pool = pool(transport, 2);
    let pulled = Cell::new(0u64);
    let input = (0u64..).inspect(|_| pulled.set(pulled.get() + 1));
    let mut results = pool.imap(|n: u64| n, input);
    for read in 0..100_000 {
        assert_eq!(results.next().unwrap().unwrap(), read);
        let ahead = pulled.get() - read;
        assert!(ahead <= 65_536, "{ahead} tasks ahead after {read} results");
    }
    drop(results);
    assert_eq!(pool.apply(|n: u64| n, (5,)).unwrap(), 5, "an endless job that was dropped is over");
}

fn input_is_read_only_while_results_are_asked_for(transport: Transport) {
    let pool = pool(transport, 2);
    let pulled = Cell::new(0u64);
    let mut results = pool.imap_unordered(|n: u64| n, (0u64..).inspect(|_| pulled.set(pulled.get() + 1)));
    assert_eq!(pulled.get(), 0);
    assert!(results.next().is_some());
    let before = pulled.get();
    pool.map(|n: u64| n, 0..1_000).unwrap();
    assert_eq!(pulled.get(), before);
}

fn one_slow_task_holds_back_nobody(transport: Transport) {
    let pool = pool(transport, 2);
    let gate = Scratch::new();
    let task = |gate: Option<String>| {
        if let Some(gate) = gate {
            pass(&gate);
        }
    };
    let items: Vec<Option<String>> = std::iter::once(Some(gate.text())).chain((1..1_000).map(|_| None)).collect();
    let mut results = pool.imap_unordered(task, &items).map(|(index, result)| result.map(|()| index).unwrap());
    let fast: HashSet<u64> = results.by_ref().take(999).collect();
    assert_eq!(fast, (1..1_000).collect(), "all the others come while the slow one runs");
    gate.open();
    assert_eq!(results.collect::<Vec<_>>(), [0]);
}

fn a_slow_task_in_the_midst_of_a_job_leaves_no_tail(transport: Transport) {
    let pool = pool(transport, 2);
    let gate = Scratch::new();
    // Short tasks first, so that batches have grown by the time the slow one is met: what lies behind it must move.
    let task = |n: u64, slow: u64, gate: String| {
        if n == slow {
            pass(&gate);
        }
        n
    };
    let slow = 2_000;
    let all = pool.starmap_async(task, (0..4_000).map(|n| (n, slow, gate.text())));
    let mut lazy = pool.imap_unordered(|n: u64| n, 0..4_000u64);
    assert_eq!(lazy.by_ref().count(), 4_000, "another job is done meanwhile");
    assert!(!all.is_ready());
    gate.open();
    assert!(all.get().unwrap().into_iter().eq(0..4_000));
}

fn messages_at_the_sizes_of_the_ring_arrive_intact(transport: Transport) {
    let pattern = |size: usize| -> Vec<u8> { (0..size).map(|i| (i % 251) as u8).collect() };
    let small = builder(transport, 1).ring_capacity(1 << 16).build().unwrap();
    let echo = |bytes: Vec<u8>| bytes;
    let quarter = (1 << 14) - 200..(1 << 14) + 20;
    let sizes = quarter.chain((1 << 16) - 2..(1 << 16) + 3).chain((1 << 17) - 1..(1 << 17) + 2);
    for size in sizes {
        let sent = pattern(size);
        assert!(small.apply(echo, (&sent,)).unwrap() == sent, "{size} bytes");
    }
    let large = pool(transport, 1);
    for size in (1 << 20) - 180..(1 << 20) - 60 {
        if size % 16 == 0 || size % 16 == 1 || size % 16 == 15 {
            let sent = vec![7u8; size];
            assert!(large.apply(echo, (&sent,)).unwrap() == sent, "{size} bytes");
        }
    }
    for size in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 22) - 1, 1 << 22, (1 << 22) + 1] {
        let sent = pattern(size);
        assert!(large.apply(echo, (&sent,)).unwrap() == sent, "{size} bytes");
        let made = large.apply(|size: usize| vec![3u8; size], (size,)).unwrap();
        assert!(made == vec![3u8; size], "{size} bytes");
    }
}

fn many_results_that_fill_the_ring_many_times_arrive_intact(transport: Transport) {
    let pool = builder(transport, 2).ring_capacity(1 << 16).build().unwrap();
    let sized = |n: usize| vec![(n % 256) as u8; n * 37 % 20_000];
    let results = pool.map(sized, 0..3_000usize).unwrap();
    assert!(results.into_iter().enumerate().all(|(n, bytes)| bytes == sized(n)));
    let back = pool.map(|bytes: Vec<u8>| bytes.len(), (0..3_000).map(sized)).unwrap();
    assert!(back.into_iter().eq((0..3_000).map(|n| n * 37 % 20_000)));
}

fn zero_sized_arguments_and_results_arrive(transport: Transport) {
    let pool = pool(transport, 2);
    pool.apply(|| (), ()).unwrap();
    assert_eq!(pool.map(|(): ()| (), vec![(); 1_000]).unwrap().len(), 1_000);
    assert_eq!(pool.map(|text: String| text, vec![""; 100]).unwrap(), vec![""; 100]);
    assert_eq!(pool.apply(|bytes: Vec<u8>| bytes, (Vec::new(),)).unwrap(), [0; 0]);
    assert_eq!(pool.apply(|units: Vec<()>| units.len(), (vec![(); 100],)).unwrap(), 100);
}

fn sixty_four_mebibytes_there_and_back_arrive_intact(transport: Transport) {
    let pool = pool(transport, 1);
    let numbers: Vec<u64> = (0..(64 << 20) / 8).collect();
    assert!(pool.apply(|numbers: Vec<u64>| numbers, (&numbers,)).unwrap() == numbers);
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
}

/// Long ones have more than a mebibyte and up to eight, and lie where short ones do not; larger ones travel by themselves.
fn long_and_short_messages_by_turns_arrive_intact_in_rings_of_the_usual_size(transport: Transport) {
    const MIB: usize = 1 << 20;
    let pool = pool(transport, 2);
    let lengths = [1, 100, MIB - 200, MIB, MIB + 1, 3 * MIB, 40_000, 4 * MIB, 8 * MIB - 200, 8 * MIB, 9 * MIB, 0];
    let shaped = |length: usize| (0..length / 8).map(|n| (n ^ length) as u64).collect::<Vec<u64>>();
    let echo = |numbers: Vec<u64>| numbers;
    let makes = move |length: usize| shaped(length);
    for length in lengths {
        assert!(pool.apply(echo, (shaped(length),)).unwrap() == shaped(length), "{length} bytes there and back");
    }
    let many: Vec<usize> = (0..60).map(|n| lengths[n * 5 % lengths.len()]).collect();
    let back = pool.imap(echo, many.iter().map(|length| shaped(*length)));
    for (length, came) in many.iter().zip(back) {
        assert!(came.unwrap() == shaped(*length), "{length} bytes among others");
    }
    let made = pool.map(makes, many.clone()).unwrap();
    assert!(made.iter().zip(&many).all(|(made, length)| *made == shaped(*length)));
}

/// It lies at the start of the ring, and behind what short messages may use of it there is room for this word alone.
fn workers_with_a_long_argument_hear_that_they_are_to_leave(transport: Transport) {
    let (pool, gates) = (pool(transport, 2), [Scratch::new(), Scratch::new()]);
    let holds = |bytes: Vec<u8>, gate: String| {
        std::fs::write(format!("{gate}.held"), "").unwrap();
        pass(&gate);
        bytes.len()
    };
    let held = gates.each_ref().map(|gate| pool.apply_async(holds, (vec![1u8; 6 << 20], gate.text())));
    let told = gates.each_ref().map(|gate| format!("{}.held", gate.text()));
    wait_until("both run", || told.iter().all(|told| std::fs::exists(told).unwrap()));
    pool.terminate();
    gates.iter().for_each(Scratch::open);
    assert!(held.into_iter().all(|held| held.get().is_err()));
    pool.join().unwrap();
    told.iter().for_each(|told| std::fs::remove_file(told).unwrap());
}
