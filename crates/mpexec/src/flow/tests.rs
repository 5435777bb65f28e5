//! Who waits for what.

use std::sync::mpsc::{Receiver, channel};

use mpexec_core::{Pool, Transport, Workers};

use super::*;

struct Nothing;

impl Collector<u64> for Nothing {
    fn arrives(&mut self, _: u64, _: Result<&u64, &TaskError>) -> Result<Next, Failure> {
        Ok(Next::GoOn)
    }

    fn take(&mut self, _: u64, _: Result<&u64, &TaskError>) -> Result<Next, Failure> {
        Ok(Next::GoOn)
    }

    fn weight(_: &u64) -> u64 {
        8
    }
}

/// Nobody takes what it prints, until it is let go on.
struct Stuck(Receiver<()>);

impl Collector<u64> for Stuck {
    fn arrives(&mut self, _: u64, _: Result<&u64, &TaskError>) -> Result<Next, Failure> {
        Ok(Next::GoOn)
    }

    fn take(&mut self, _: u64, _: Result<&u64, &TaskError>) -> Result<Next, Failure> {
        Ok(self.0.recv().map_or(Next::GoOn, |()| Next::GoOn))
    }

    fn weight(_: &u64) -> u64 {
        8
    }
}

#[test]
fn what_has_come_to_its_end_is_over_whoever_reads_its_outcome() {
    let _watchdog = mpexec_testkit::Watchdog::new();
    let pool = Pool::builder().transport(Transport::Memory).workers(Workers::Exact(1)).build().unwrap();
    let (go_on, stuck) = channel();
    let flow = Flow::new(false, Stuck(stuck));
    let mut pieces = 0;
    let source = move || {
        pieces += 1;
        Ok((pieces <= 3).then_some([1]))
    };
    flow.feed(source, move |index, _| pool.apply_async(|index: u64| index, (index,))).unwrap();
    while flow.lock().made < 3 {
        std::thread::yield_now();
    }
    assert!(flow.is_over_within(Duration::from_secs(60)));
    assert_eq!(flow.lock().gone, 0);
    drop(go_on);
    assert_eq!(flow.wait().unwrap(), 0);
}

/// Ends the work with the first failure, and keeps what it is handed.
#[derive(Default)]
struct Strict {
    taken: Vec<u64>,
}

impl Collector<u64> for Strict {
    fn arrives(&mut self, _: u64, outcome: Result<&u64, &TaskError>) -> Result<Next, Failure> {
        Ok(if outcome.is_err() { Next::Finish } else { Next::GoOn })
    }

    fn take(&mut self, index: u64, _: Result<&u64, &TaskError>) -> Result<Next, Failure> {
        self.taken.push(index);
        Ok(Next::GoOn)
    }

    fn weight(_: &u64) -> u64 {
        8
    }
}

#[test]
fn what_arrives_is_heard_at_once_and_handed_on_in_its_turn() {
    static GO_ON: Mutex<()> = Mutex::new(());
    let _watchdog = mpexec_testkit::Watchdog::new();
    let held = GO_ON.lock().unwrap();
    let pool = Arc::new(Pool::builder().transport(Transport::Memory).workers(Workers::Exact(2)).build().unwrap());
    let flow = Flow::new(true, Strict::default());
    let mut pieces = 0;
    let source = move || {
        pieces += 1;
        Ok((pieces <= 40).then_some([1]))
    };
    let task = |index: u64| {
        if index == 0 {
            drop(GO_ON.lock());
        }
        assert!(index == 0, "all others fail");
        index
    };
    let caller = Arc::clone(&pool);
    flow.feed(source, move |index, _| caller.apply_async(task, (index,))).unwrap();
    // The first call still runs.
    while flow.lock().stop == Next::GoOn {
        std::thread::yield_now();
    }
    assert!(flow.collector().taken.is_empty());
    drop(held);
    flow.wait().unwrap();
    let collector = flow.collector();
    assert!(collector.taken.iter().any(|&index| index > 0) && collector.taken.is_sorted(), "{:?}", collector.taken);
}

#[test]
fn nobody_waits_for_an_input_whose_thread_has_panicked() {
    let _watchdog = mpexec_testkit::Watchdog::new();
    for late in [false, true] {
        let flow = Flow::new(true, Nothing);
        let source = move || if late { Ok(Some([1])) } else { panic!("the source") };
        flow.feed(source, |_, _| panic!("the call")).unwrap();
        let Err(Failure::Error { line, .. }) = flow.wait() else { panic!("it failed") };
        assert!(line.contains("panicked"), "{line}");
    }
}
