//! Cancelling: what has not started never runs, wherever it lies, and its handle says so; what runs is left alone.

use std::sync::mpsc::channel;

use mpexec_core::{Pending, Pool, TaskError, Transport};

use crate::common::{Scratch, open, pass, pool};

crate::contract!(
    a_call_that_is_cancelled_before_it_starts_never_runs,
    a_call_that_runs_or_has_ended_is_not_cancelled,
    a_cancelled_call_is_told_to_its_callback,
    a_cancelled_job_starts_nothing_more,
    a_call_with_a_large_argument_can_be_cancelled,
);

/// A call that keeps its worker until the gate is open.
fn held(pool: &Pool, gate: &Scratch) -> Pending<()> {
    let started = Scratch::new();
    let wait = |started: String, gate: String| {
        open(&started);
        pass(&gate);
    };
    let call = pool.apply_async(wait, (started.text(), gate.text()));
    crate::common::wait_until("it runs", || started.is_open());
    call
}

fn a_call_that_is_cancelled_before_it_starts_never_runs(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let first = held(&pool, &gate);
    let marks: Vec<_> = (0..60).map(|_| Scratch::new()).collect();
    let calls: Vec<_> = marks.iter().map(|mark| pool.apply_async(|mark: String| open(&mark), (mark.text(),))).collect();
    let cancelled = |number: usize| number % 3 == 1;
    for (_, call) in calls.iter().enumerate().filter(|(number, _)| cancelled(*number)) {
        assert!(call.cancel());
        assert!(call.is_ready() && call.cancel(), "it stays cancelled");
    }
    gate.open();
    first.get().unwrap();
    for (number, call) in calls.into_iter().enumerate() {
        match call.get() {
            Ok(()) => assert!(!cancelled(number)),
            Err(error) => assert!(cancelled(number) && matches!(error, TaskError::Cancelled { .. }), "{error}"),
        }
    }
    for (number, mark) in marks.iter().enumerate() {
        assert_eq!(mark.is_open(), !cancelled(number), "{number}");
    }
}

fn a_call_that_runs_or_has_ended_is_not_cancelled(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let first = held(&pool, &gate);
    assert!(!first.cancel());
    assert!(!first.is_ready());
    gate.open();
    first.wait();
    assert!(!first.cancel() && !first.abort());
    first.get().unwrap();
    let mut job = pool.map_async(|n: u8| n, 0..3);
    assert_eq!((job.wait(), job.cancel(), job.is_successful()), ((), false, Some(true)));
}

fn a_cancelled_call_is_told_to_its_callback(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let first = held(&pool, &gate);
    let (tell, told) = channel();
    let call = pool.apply_async(|| 1, ()).on_error(move |error| tell.send(error.clone()).unwrap());
    assert!(call.cancel());
    assert!(matches!(told.recv().unwrap(), TaskError::Cancelled { .. }));
    assert!(told.recv().is_err(), "it was told twice");
    gate.open();
    first.get().unwrap();
}

fn a_cancelled_job_starts_nothing_more(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let first = held(&pool, &gate);
    let marks: Vec<_> = (0..500).map(|_| Scratch::new()).collect();
    let job = pool.map_async(|mark: String| open(&mark), marks.iter().map(Scratch::text));
    assert!(job.cancel());
    let error = job.get().unwrap_err().error;
    assert!(matches!(error, TaskError::Cancelled { .. }), "{error}");
    gate.open();
    first.get().unwrap();
    assert_eq!(pool.map(|n: u32| n, 0..1000).unwrap().len(), 1000);
    assert!(!marks.iter().any(Scratch::is_open));
}

fn a_call_with_a_large_argument_can_be_cancelled(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let first = held(&pool, &gate);
    let large = vec![7u8; 3 << 20];
    let calls: Vec<_> = (0..6).map(|_| pool.apply_async(|bytes: Vec<u8>| bytes.len(), (&large,))).collect();
    assert!(calls[1].cancel() && calls[4].cancel());
    gate.open();
    first.get().unwrap();
    let kept: Vec<_> = calls.into_iter().map(|call| call.get().ok()).collect();
    let len = Some(large.len());
    assert_eq!(kept, [len, None, len, len, None, len]);
}

mod processes {
    use super::a_call_that_began_and_dies_while_it_is_cancelled_is_told_as_what_it_was;

    crate::process_contract!(a_call_that_began_and_dies_while_it_is_cancelled_is_told_as_what_it_was);
}

fn a_call_that_began_and_dies_while_it_is_cancelled_is_told_as_what_it_was(transport: Transport) {
    for _ in 0..10 {
        let pool = pool(transport, 1);
        let (log, gate) = (Scratch::new(), Scratch::new());
        let begins = |log: String, gate: String| {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
            std::io::Write::write_all(&mut file, b"began\n").unwrap();
            pass(&gate);
        };
        let call = pool.apply_async(begins, (log.text(), gate.text()));
        crate::common::wait_until("it runs", || std::fs::read(log.path()).is_ok_and(|text| text == b"began\n"));
        let [pid] = pool.pids()[..] else { panic!("one worker") };
        // It does not answer, over the socket, before it dies.
        crate::common::processes::signal(pid, rustix::process::Signal::STOP);
        let cancelled = std::thread::scope(|scope| {
            let cancelling = scope.spawn(|| call.cancel());
            std::thread::yield_now();
            crate::common::processes::signal(pid, rustix::process::Signal::KILL);
            cancelling.join().unwrap()
        });
        assert!(!cancelled, "what is cancelled never began, and this had begun");
        let ended = call.get();
        assert!(matches!(ended, Err(TaskError::Crashed { .. })), "{ended:?}");
        assert_eq!(std::fs::read_to_string(log.path()).unwrap().lines().count(), 1);
    }
}
