//! The first task of a function goes ahead of the others as long as somebody waits for it awake, and never longer: tasks that wait for
//! each other are begun, whoever waits for them, and whatever becomes of the first.

use std::process::abort;
use std::sync::{Barrier, mpsc};

use mpexec_core::{Pool, Transport};

use crate::common::{Scratch, builder, open, pass, pool, wait_until};

crate::contract!(
    tasks_that_wait_for_each_other_begin_at_the_first_map_of_their_function,
    they_begin_while_another_thread_waits_for_a_call,
    they_begin_for_several_threads_at_once,
    they_begin_when_the_first_was_over_at_once,
    they_begin_if_the_input_waits_for_the_first,
);

mod processes {
    use super::they_begin_if_the_first_dies_and_is_tried_again;

    crate::process_contract!(they_begin_if_the_first_dies_and_is_tried_again);
}

/// What is opened is there to be seen by all others: so tasks that all wait for each other.
type Meeting = (Vec<String>, usize);

fn meet((places, own): Meeting) -> usize {
    open(&places[own]);
    places.iter().for_each(|place| pass(place));
    own
}

/// So many tasks that wait for each other, and what keeps the places where they meet.
fn meeting(tasks: usize) -> (Vec<Meeting>, Vec<Scratch>) {
    let places: Vec<_> = (0..tasks).map(|_| Scratch::new()).collect();
    let texts: Vec<_> = places.iter().map(Scratch::text).collect();
    ((0..tasks).map(|own| (texts.clone(), own)).collect(), places)
}

fn all_meet(pool: &Pool, tasks: usize) {
    let (tasks, places) = meeting(tasks);
    let own: Vec<_> = (0..tasks.len()).collect();
    assert_eq!(pool.map(meet, tasks).unwrap(), own);
    drop(places);
}

fn tasks_that_wait_for_each_other_begin_at_the_first_map_of_their_function(transport: Transport) {
    all_meet(&pool(transport, 3), 3);
    let ready = pool(transport, 3);
    assert!(ready.wait_ready(None));
    all_meet(&ready, 3);
}

fn they_begin_while_another_thread_waits_for_a_call(transport: Transport) {
    let pool = pool(transport, 3);
    assert!(pool.wait_ready(None));
    let (running, gate) = (Scratch::new(), Scratch::new());
    let held = |running: String, gate: String| {
        open(&running);
        pass(&gate);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pool.apply(held, (running.text(), gate.text())).unwrap());
        wait_until("the other call runs", || running.is_open());
        all_meet(&pool, 2);
        gate.open();
    });
}

fn they_begin_for_several_threads_at_once(transport: Transport) {
    let pool = pool(transport, 6);
    assert!(pool.wait_ready(None));
    let together = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                together.wait();
                all_meet(&pool, 2);
            });
        }
    });
}

fn they_begin_when_the_first_was_over_at_once(transport: Transport) {
    let pool = pool(transport, 3);
    assert!(pool.wait_ready(None));
    let (meeting, _places) = meeting(3);
    let tasks: Vec<_> = std::iter::once(None).chain(meeting.into_iter().map(Some)).collect();
    assert_eq!(pool.map(|task: Option<Meeting>| task.map(meet), tasks).unwrap(), [None, Some(0), Some(1), Some(2)]);
}

/// The second item is there when the first task runs, and that one waits for the second.
fn they_begin_if_the_input_waits_for_the_first(transport: Transport) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    let (meeting, places) = meeting(2);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the first task runs", || places[0].is_open());
            tell.send(()).unwrap();
        });
        let items = meeting.into_iter().inspect(|(_, own)| {
            if *own == 1 {
                told.recv().unwrap();
            }
        });
        assert_eq!(pool.map(meet, items).unwrap(), [0, 1]);
    });
}

fn they_begin_if_the_first_dies_and_is_tried_again(transport: Transport) {
    let pool = builder(transport, 3).attempts(2).build().unwrap();
    assert!(pool.wait_ready(None));
    let (meeting, _places) = meeting(3);
    let died = Scratch::new();
    let tasks: Vec<_> = meeting.into_iter().map(|task| (died.text(), task)).collect();
    let dies_once = |(died, task): (String, Meeting)| {
        if task.1 == 0 && !std::fs::exists(&died).unwrap() {
            open(&died);
            abort();
        }
        meet(task)
    };
    assert_eq!(pool.map(dies_once, tasks).unwrap(), [0, 1, 2]);
}
