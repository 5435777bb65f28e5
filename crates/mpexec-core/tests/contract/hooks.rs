//! What workers run before their first task and after their last, and the state they keep between.

use std::cell::Cell;
use std::collections::HashSet;

use mpexec_core::{Pool, PoolError, TaskError, Transport, context, current_task, worker_state};

use crate::common::{Scratch, at_some_pace, builder, open, pass, wait_until};

crate::contract!(
    the_start_hook_runs_once_before_the_first_task_of_each_worker,
    the_end_hook_takes_the_state_and_its_result_is_collected,
    no_task_waits_in_a_worker_whose_start_hook_is_not_through,
    a_start_hook_that_fails_tells_its_own_message,
    hooks_that_do_not_fit_are_refused,
    the_state_of_a_worker_is_asked_for_by_its_type,
    the_end_hook_may_fail_or_bring_much,
    a_hook_reads_the_shared_context,
);

mod processes {
    use super::{
        a_failing_replacement_harms_no_call_that_others_serve, a_pool_that_shrinks_waits_for_no_start_hook,
        a_pool_that_starts_no_worker_is_not_built_and_says_why, a_worker_that_runs_its_end_hook_gets_no_more_tasks,
        hooks_that_take_too_long_are_given_up, replacements_run_both_hooks_and_nothing_is_counted_twice,
        waiting_tasks_hear_of_a_failing_start_hook_and_the_next_call_tries_again,
    };

    crate::process_contract!(
        a_failing_replacement_harms_no_call_that_others_serve,
        a_worker_that_runs_its_end_hook_gets_no_more_tasks,
        hooks_that_take_too_long_are_given_up,
        a_pool_that_shrinks_waits_for_no_start_hook,
        a_pool_that_starts_no_worker_is_not_built_and_says_why,
        replacements_run_both_hooks_and_nothing_is_counted_twice,
        waiting_tasks_hear_of_a_failing_start_hook_and_the_next_call_tries_again,
    );
}

std::thread_local! { static STARTED: Cell<u32> = const { Cell::new(0) }; }

fn start() -> u64 {
    STARTED.set(STARTED.get() + 1);
    assert!(current_task().is_some(), "a hook knows its worker");
    1_000
}

/// How often the hook ran here, the worker's number, and the count of tasks so far.
fn count(_: u64) -> (u32, u32, u64) {
    let so_far = worker_state(|count: &mut u64| {
        *count += 1;
        *count
    });
    (STARTED.get(), current_task().unwrap().worker, so_far)
}

fn the_start_hook_runs_once_before_the_first_task_of_each_worker(transport: Transport) {
    let pool = builder(transport, 2).start_hook(start).build().unwrap();
    let mut last = [1_000; 2];
    let ran = pool.map(count, 0..2_000).unwrap();
    assert_eq!(ran.len(), 2_000);
    let mut seen = HashSet::new();
    for (started, worker, so_far) in ran {
        assert_eq!(started, 1);
        assert!(seen.insert((worker, so_far)), "no count of a worker comes twice");
        last[worker as usize] = last[worker as usize].max(so_far);
    }
    assert_eq!(last[0] + last[1], 2_000 + 2_000, "one state per worker, and no other");
}

fn the_end_hook_takes_the_state_and_its_result_is_collected(transport: Transport) {
    let pool = builder(transport, 2).start_hook(start).end_hook(|count: u64| count - 1_000).build().unwrap();
    assert!(pool.wait_ready(None));
    pool.map(count, 0..500).unwrap();
    assert!(pool.end_results::<u64>().is_empty(), "nobody has left");
    pool.close();
    pool.join().unwrap();
    let ends = pool.end_results::<u64>();
    let workers: HashSet<_> = ends.iter().map(|end| end.worker).collect();
    assert_eq!((ends.len(), workers), (2, HashSet::from([0, 1])));
    assert_eq!(ends.into_iter().map(|end| end.result.unwrap()).sum::<u64>(), 500);
    assert!(pool.end_results::<u64>().is_empty(), "each comes once");
}

/// The first worker's hook waits at the gate, which is the context.
fn no_task_waits_in_a_worker_whose_start_hook_is_not_through(transport: Transport) {
    let gate = Scratch::new();
    let hook = || {
        if current_task().is_some_and(|task| task.worker == 1) {
            pass(context::<String>());
        }
    };
    let pool = builder(transport, 2).context(&gate.text()).unwrap().start_hook(hook).build().unwrap();
    let by = |_: u32| current_task().unwrap().worker;
    assert!(pool.call().chunk_size(1).map(by, 0..500).unwrap().into_iter().all(|worker| worker == 0));
    gate.open();
    assert!(pool.wait_ready(None));
    let both = || {
        let at_once: Vec<_> = (0..50).map(|n: u32| pool.apply_async(by, (n,))).collect();
        at_once.into_iter().map(|call| call.get().unwrap()).collect::<HashSet<_>>().len() == 2
    };
    wait_until("the other works too", both);
}

fn message_of(error: &PoolError) -> &str {
    match error {
        PoolError::StartHook { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

fn a_start_hook_that_fails_tells_its_own_message(transport: Transport) {
    let refused = builder(transport, 2).try_start_hook(|| "x".parse::<u8>()).build().unwrap_err();
    assert_eq!(message_of(&refused), "invalid digit found in string");
    let chain = || -> anyhow::Result<()> { Err(anyhow::anyhow!("no such file").context("the model cannot be read")) };
    let refused = builder(transport, 1).try_start_hook(chain).build().unwrap_err();
    assert_eq!(message_of(&refused), "the model cannot be read: no such file");
    let refused = builder(transport, 1).start_hook(|| assert!(STARTED.get() > 0, "it starts badly")).build();
    assert!(message_of(&refused.unwrap_err()).ends_with("it starts badly"));
}

fn hooks_that_do_not_fit_are_refused(transport: Transport) {
    let bad = |built: Result<Pool, PoolError>| match built {
        Err(PoolError::BadSetting { setting, .. }) => setting,
        other => panic!("{other:?}"),
    };
    assert_eq!(bad(builder(transport, 1).start_hook(|| 1u8).end_hook(|_: u16| ()).build()), "end_hook");
    assert_eq!(bad(builder(transport, 1).end_hook(|_: u16| ()).build()), "end_hook");
    if transport != Transport::Memory {
        let elsewhere = builder(transport, 1).worker_program("/bin/true").start_hook(|| 1u8).build();
        assert_eq!(bad(elsewhere), "start_hook");
    }
    let pool = builder(transport, 1).end_hook(|()| 7u8).build().unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(pool.end_results::<u8>()[0].result.as_ref().unwrap(), &7);
}

fn the_state_of_a_worker_is_asked_for_by_its_type(transport: Transport) {
    let pool = builder(transport, 1).start_hook(|| 1u8).build().unwrap();
    let says = |outcome: Result<(), TaskError>| match outcome {
        Err(TaskError::Panicked { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    let said = says(pool.apply(|| worker_state(|_: &mut u16| ()), ()));
    assert!(said.contains("is a u8, not a u16"), "{said}");
    let said = says(pool.apply(|| worker_state(|_: &mut u8| worker_state(|_: &mut u8| ())), ()));
    assert!(said.contains("inside"), "{said}");
    let none = builder(transport, 1).build().unwrap();
    let said = says(none.apply(|| worker_state(|_: &mut u8| ()), ()));
    assert!(said.contains("start_hook"), "{said}");
    assert_eq!(pool.apply(|| worker_state(|state: &mut u8| *state), ()).unwrap(), 1);
}

fn the_end_hook_may_fail_or_bring_much(transport: Transport) {
    let end = |worker: u32| {
        assert!(worker > 0, "it ends badly");
        vec![worker; 3_000_000]
    };
    let hooked = builder(transport, 2).start_hook(|| current_task().unwrap().worker).end_hook(end);
    let pool = hooked.build().unwrap();
    assert!(pool.wait_ready(None));
    pool.resize(1).unwrap();
    pool.close();
    pool.join().unwrap();
    let mut ends = pool.end_results::<Vec<u32>>();
    ends.sort_by_key(|end| end.worker);
    assert!(
        matches!(&ends[0].result, Err(TaskError::Panicked { message, .. }) if message == "it ends badly"),
        "{ends:?}"
    );
    assert!(ends[1].result.as_ref().unwrap().iter().eq(&vec![1; 3_000_000]));
}

fn a_hook_reads_the_shared_context(transport: Transport) {
    let hooked = builder(transport, 1).context(&"so".to_owned()).unwrap().start_hook(|| context::<String>().len());
    let pool = hooked.build().unwrap();
    assert_eq!(pool.apply(|| worker_state(|length: &mut usize| *length), ()).unwrap(), 2);
}

fn a_pool_that_starts_no_worker_is_not_built_and_says_why(transport: Transport) {
    let refused = builder(transport, 2)
        .start_hook(|| {
            if STARTED.get() == 0 {
                std::process::exit(7)
            }
        })
        .build();
    assert!(message_of(&refused.unwrap_err()).contains("exited with code 7"));
    let refused = builder(transport, 2)
        .start_hook(|| {
            if STARTED.get() == 0 {
                std::process::abort()
            }
        })
        .build();
    assert!(message_of(&refused.unwrap_err()).contains("SIGABRT"));
}

fn replacements_run_both_hooks_and_nothing_is_counted_twice(transport: Transport) {
    let hooked = builder(transport, 2).max_tasks_per_worker(10).start_hook(start).end_hook(|count: u64| count);
    let pool = hooked.build().unwrap();
    let ran = pool.map(count, 0..100).unwrap();
    assert!(ran.iter().all(|(started, _, so_far)| *started == 1 && (1_001..=1_010).contains(so_far)), "{ran:?}");
    assert!(
        pool.apply(
            |n: u8| if n > 0 {
                std::process::abort()
            },
            (1,)
        )
        .is_err()
    );
    pool.map(count, 0..100).unwrap();
    pool.close();
    pool.join().unwrap();
    let ends = pool.end_results::<u64>();
    assert!(ends.len() >= 20, "{ends:?}");
    let pids: HashSet<_> = ends.iter().map(|end| end.pid).collect();
    assert_eq!(pids.len(), ends.len(), "each worker ends once");
    let counted: u64 = ends.into_iter().map(|end| end.result.unwrap() - 1_000).sum();
    assert!((190..=200).contains(&counted), "all but what the one that died had done: {counted}");
}

fn waiting_tasks_hear_of_a_failing_start_hook_and_the_next_call_tries_again(transport: Transport) {
    let (bad, ran) = (Scratch::new(), Scratch::new());
    let hook = || {
        let (bad, ran) = context::<(String, String)>();
        if std::path::Path::new(bad).exists() {
            let so_far = std::fs::read_to_string(ran).unwrap_or_default();
            std::fs::write(ran, so_far + "x").unwrap();
            return Err("the licence server is away");
        }
        Ok(())
    };
    let hooked = builder(transport, 1).context(&(bad.text(), ran.text())).unwrap().try_start_hook(hook);
    let pool = hooked.build().unwrap();
    bad.open();
    let gate = Scratch::new();
    let die = |gate: String| {
        pass(&gate);
        if !gate.is_empty() {
            std::process::abort();
        }
    };
    let dying = pool.apply_async(die, (gate.text(),));
    let waiting: Vec<_> = (0..100).map(|n| pool.apply_async(|n: u64| n, (n,))).collect();
    gate.open();
    assert!(matches!(dying.get(), Err(TaskError::Crashed { .. })));
    for call in waiting {
        match call.get() {
            Err(TaskError::Pool(error)) => assert_eq!(message_of(&error), "the licence server is away"),
            other => panic!("{other:?}"),
        }
    }
    let tries = || std::fs::read_to_string(ran.path()).unwrap().len();
    assert_eq!(tries(), 1, "nothing is started that nobody waits for");
    assert!(matches!(pool.map(|n: u8| n, 0..9).unwrap_err().error, TaskError::Pool(PoolError::StartHook { .. })));
    assert_eq!(tries(), 2, "the next call tries again, once");
    std::fs::remove_file(bad.path()).unwrap();
    assert_eq!(pool.map(|n: u8| n, 0..9).unwrap(), (0..9).collect::<Vec<_>>());
}

fn a_failing_replacement_harms_no_call_that_others_serve(transport: Transport) {
    let bad = Scratch::new();
    let hook = || match std::path::Path::new(context::<String>()).exists() {
        true => Err("no more licences"),
        false => Ok(()),
    };
    let pool = builder(transport, 2).context(&bad.text()).unwrap().try_start_hook(hook).build().unwrap();
    assert!(pool.wait_ready(None));
    bad.open();
    let (running, gate) = (Scratch::new(), Scratch::new());
    let slow = |running: String, gate: String| {
        open(&running);
        pass(&gate);
        7
    };
    let served = pool.apply_async(slow, (running.text(), gate.text()));
    wait_until("it is served", || running.is_open());
    assert!(
        pool.apply(
            |n: u8| if n > 0 {
                std::process::abort()
            },
            (1,)
        )
        .is_err()
    );
    wait_until("the replacement has failed", || pool.pids().len() == 1);
    assert!(!served.is_ready());
    gate.open();
    assert_eq!(served.get().unwrap(), 7);
    assert!(pool.map(|n: u32| n, 0..100).unwrap().into_iter().eq(0..100), "the other serves on");
    // When the last is gone, whoever waits is told.
    let last = pool.call().chunk_size(1).map(|n: u32| if n == 3 { std::process::abort() } else { n }, 0..100);
    assert!(last.is_err());
    assert!(matches!(pool.apply(|n: u8| n, (1,)), Err(TaskError::Pool(PoolError::StartHook { .. }))));
}

fn a_worker_that_runs_its_end_hook_gets_no_more_tasks(transport: Transport) {
    let (running, gate) = (Scratch::new(), Scratch::new());
    let end = |_: u64| {
        let (running, gate) = context::<(String, String)>();
        open(running);
        pass(gate);
    };
    let hooked = builder(transport, 2).context(&(running.text(), gate.text())).unwrap().start_hook(start).end_hook(end);
    let pool = hooked.build().unwrap();
    assert!(pool.wait_ready(None));
    pool.resize(1).unwrap();
    wait_until("the end hook runs", || running.is_open());
    pool.resize(2).unwrap();
    let counts: Vec<_> = (0..200).map(|n| pool.apply_async(count, (n,))).collect();
    gate.open();
    for count in counts {
        count.get().unwrap();
    }
    assert!(pool.wait_ready(None));
}

fn hooks_that_take_too_long_are_given_up(transport: Transport) {
    at_some_pace(|slower| endless_hooks(transport, std::time::Duration::from_millis(300) * slower));
}

fn endless_hooks(transport: Transport, limit: std::time::Duration) {
    let refused = builder(transport, 2).hook_limit(limit).start_hook(crate::common::forever).build().unwrap_err();
    assert!(message_of(&refused).contains(&format!("{limit:?}")), "{refused}");
    let hooked = builder(transport, 2).hook_limit(limit).end_hook(|()| crate::common::forever());
    let pool = hooked.build().unwrap();
    assert!(pool.wait_ready(None));
    pool.close();
    pool.join().unwrap();
    let ends = pool.end_results::<()>();
    assert!(
        ends.len() == 2 && ends.iter().all(|end| matches!(end.result, Err(TaskError::TimedOut { .. }))),
        "{ends:?}"
    );
}

fn a_pool_that_shrinks_waits_for_no_start_hook(transport: Transport) {
    let hook = || {
        if current_task().is_some_and(|task| task.worker > 0) {
            crate::common::forever();
        }
    };
    let pool = builder(transport, 1).start_hook(hook).build().unwrap();
    pool.resize(3).unwrap();
    wait_until("two more are in their hooks", || pool.pids().len() == 3);
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    pool.resize(1).unwrap();
    wait_until("they are gone", || pool.pids().len() == 1);
    assert_eq!(pool.apply(|n: u8| n, (2,)).unwrap(), 2);
    pool.resize(2).unwrap();
    pool.close();
    pool.join().unwrap();
}
