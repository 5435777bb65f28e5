//! What a pool tells of itself: its figures, and the labels of its calls.

use std::sync::{Arc, Mutex};

use mpexec_core::{Pool, PoolStats, RunningTask, Transport, WorkerState, context};

use crate::common::{Scratch, builder, open, pass, pool, wait_until};

crate::contract!(
    the_figures_tell_what_runs_and_what_waits,
    finished_tasks_are_counted_and_hooks_are_not,
    labels_that_are_new_each_time_leave_nothing_behind,
);

mod processes {
    use super::{
        a_death_is_counted_and_its_note_names_the_task,
        a_worker_starts_until_its_hook_is_through_and_leaves_with_its_task, workers_come_and_go_in_the_figures,
    };

    crate::process_contract!(
        a_death_is_counted_and_its_note_names_the_task,
        workers_come_and_go_in_the_figures,
        a_worker_starts_until_its_hook_is_through_and_leaves_with_its_task,
    );
}

fn tasks(stats: &PoolStats) -> Vec<Option<(u64, Option<&str>)>> {
    let told = |task: &RunningTask| (task.index, task.label.clone());
    let tasks = stats.workers.iter().map(|worker| worker.task.as_ref().map(told));
    let mut tasks: Vec<_> =
        tasks.map(|task| task.map(|(index, label)| (index, label.map(|label| &*label.leak())))).collect();
    tasks.sort();
    tasks
}

fn the_figures_tell_what_runs_and_what_waits(transport: Transport) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    assert_eq!(tasks(&pool.stats()), [None, None]);
    let (running, gate) = ([Scratch::new(), Scratch::new()], Scratch::new());
    let task = |running: String, gate: String| {
        open(&running);
        pass(&gate);
    };
    let single = pool.call().label("the first").apply_async(task, (running[0].text(), gate.text()));
    wait_until("the first runs", || running[0].is_open());
    let all = (0..5).map(|n| (if n == 0 { running[1].text() } else { gate.text() + "x" }, gate.text()));
    let many = pool.call().chunk_size(1).starmap_async(task, all);
    wait_until("the second runs", || running[1].is_open());
    let stats = pool.stats();
    assert_eq!(tasks(&stats), [Some((0, None)), Some((0, Some("the first")))]);
    assert_eq!((stats.queued + stats.held, stats.finished), (6, 0), "{stats:?}");
    assert_eq!(stats.workers.iter().map(|worker| worker.held).sum::<u64>(), stats.held);
    assert!(stats.workers.iter().map(|worker| worker.number).eq(0..2));
    gate.open();
    single.get().unwrap();
    many.get().unwrap();
    let _ = std::fs::remove_file(gate.text() + "x");
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.held, stats.finished, stats.started, stats.crashed), (0, 0, 6, 2, 0));
}

fn finished_tasks_are_counted_and_hooks_are_not(transport: Transport) {
    let pool = builder(transport, 2).start_hook(|| ()).end_hook(|()| ()).build().unwrap();
    assert!(pool.wait_ready(None));
    let stats = pool.stats();
    assert!(stats.workers.iter().all(|worker| worker.state == WorkerState::Ready && worker.finished == 0), "{stats:?}");
    assert!(pool.map_outcomes(|n: u8| 100 / n, 0..10).first().unwrap().is_err());
    let stats = pool.stats();
    assert_eq!((stats.finished, stats.workers.iter().map(|worker| worker.finished).sum::<u64>()), (10, 10));
    pool.close();
    pool.join().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.finished, stats.workers.len(), stats.crashed), (10, 0, 0));
}

fn labels_that_are_new_each_time_leave_nothing_behind(transport: Transport) {
    let pool = pool(transport, 1);
    let kept: Vec<_> = (0..300u32)
        .map(|n| {
            let label = format!("call {n}");
            pool.call().label(&label).apply_async(|n: u32| n, (n,))
        })
        .collect();
    for n in 0..1_000 {
        assert_eq!(pool.call().label(&format!("and {n}")).apply(|n: u32| n, (n,)).unwrap(), n);
    }
    for (n, call) in (0..).zip(kept) {
        assert_eq!(call.get().unwrap(), n);
    }
    assert_eq!(pool.stats().finished, 1_300);
}

fn a_death_is_counted_and_its_note_names_the_task(transport: Transport) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let keep = notes.clone();
    let noted = builder(transport, 1).notes(move |line| keep.lock().unwrap().push(line.to_owned()));
    let pool = noted.build().unwrap();
    let die = |n: u32| {
        if n == 7 {
            std::process::abort()
        }
    };
    assert!(pool.call().label("seven dies").map_outcomes(die, 0..10)[7].is_err());
    wait_until("the death is told", || !notes.lock().unwrap().is_empty());
    let told = notes.lock().unwrap().join("\n");
    assert!(told.contains("while it ran task 7 of \"seven dies\""), "{told}");
    let stats = pool.stats();
    assert_eq!((stats.crashed, stats.finished), (1, 9));
}

fn workers_come_and_go_in_the_figures(transport: Transport) {
    let pool = builder(transport, 1).max_tasks_per_worker(2).build().unwrap();
    pool.map(|n: u8| n, 0..10).unwrap();
    wait_until("all five were replaced", || pool.stats().started == 6);
    wait_until("the last is ready", || pool.stats().workers.iter().any(|worker| worker.state == WorkerState::Ready));
    let stats = pool.stats();
    assert_eq!((stats.crashed, stats.workers.len(), stats.workers[0].finished), (0, 1, 0));
    pool.resize(3).unwrap();
    assert!(pool.wait_ready(None));
    assert!(pool.stats().workers.iter().map(|worker| worker.pid).eq(pool.pids()));
}

fn states(pool: &Pool) -> Vec<WorkerState> {
    let mut states: Vec<_> = pool.stats().workers.iter().map(|worker| worker.state).collect();
    states.sort_by_key(|state| *state == WorkerState::Ready);
    states
}

fn a_worker_starts_until_its_hook_is_through_and_leaves_with_its_task(transport: Transport) {
    let (first, gate) = (Scratch::new(), Scratch::new());
    // Whoever comes first goes through, the other waits.
    let hook = || {
        let (first, gate) = context::<(String, String)>();
        if std::fs::File::create_new(first).is_err() {
            pass(gate);
        }
    };
    let paths = (first.text(), gate.text());
    let pool = builder(transport, 2).context(&paths).unwrap().start_hook(hook).build().unwrap();
    // The pool is there with the first; the other may not even have been started by then.
    wait_until("one is ready and one starts", || states(&pool) == [WorkerState::Starting, WorkerState::Ready]);
    gate.open();
    assert!(pool.wait_ready(None));
    assert_eq!(states(&pool), [WorkerState::Ready, WorkerState::Ready]);

    let (end, begun) = (Scratch::new(), [Scratch::new(), Scratch::new()]);
    let task = |begun: String, end: String| {
        open(&begun);
        pass(&end);
    };
    let held: Vec<_> = begun.iter().map(|begun| pool.apply_async(task, (begun.text(), end.text()))).collect();
    wait_until("both run", || begun.iter().all(Scratch::is_open));
    pool.resize(1).unwrap();
    wait_until("one leaves", || states(&pool) == [WorkerState::Leaving, WorkerState::Ready]);
    end.open();
    held.into_iter().for_each(|held| held.get().unwrap());
    wait_until("it has left", || states(&pool) == [WorkerState::Ready]);
}
