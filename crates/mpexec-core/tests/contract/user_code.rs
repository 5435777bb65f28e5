//! Code of the user's that the pool runs: the input's `next`, `Serialize`, `Deserialize`, callbacks, wakers, drops. Where it
//! stands still in one thread, no other job and no time limit is delayed; and it may use the pool itself.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use mpexec_core::{Pool, PoolError, TaskError, Transport, Workers};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::common::{Scratch, builder, forever, open, pass, pool, wait_until};

crate::contract!(
    an_input_that_stands_still_delays_nobody,
    a_serialize_that_stands_still_delays_nobody,
    a_deserialize_that_stands_still_delays_nobody,
    a_callback_that_stands_still_delays_nobody,
    a_waker_that_stands_still_delays_nobody,
    the_drop_of_a_waker_that_stands_still_delays_nobody,
    the_drop_of_a_result_that_stands_still_delays_nobody,
    a_callback_may_submit_close_and_drop_and_is_refused_to_join,
    the_drop_of_a_result_may_use_the_pool,
    ten_threads_wait_for_ten_jobs_of_one_pool,
);

mod processes {
    use super::{
        a_task_may_have_a_pool_of_its_own_and_close_join_or_drop_it,
        notes_that_stand_still_delay_neither_calls_nor_limits,
    };

    crate::process_contract!(
        a_task_may_have_a_pool_of_its_own_and_close_join_or_drop_it,
        notes_that_stand_still_delay_neither_calls_nor_limits,
    );
}

/// Code that says that it was come to, and stands still.
#[derive(Clone)]
struct Still {
    entered: String,
    gate: String,
}

impl Still {
    fn stand(&self) {
        open(&self.entered);
        pass(&self.gate);
    }
}

/// Runs `job`, in which some code stands still, and beside it whatever must not be delayed.
fn beside(transport: Transport, job: impl FnOnce(&Pool, Still) + Send) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    let (entered, gate) = (Scratch::new(), Scratch::new());
    let still = Still { entered: entered.text(), gate: gate.text() };
    std::thread::scope(|scope| {
        let pool = &pool;
        let stands = scope.spawn(move || job(pool, still));
        wait_until("it stands still", || entered.is_open());
        assert!(pool.map(|n: u64| n + 1, 0..2_000).unwrap().into_iter().eq(1..2_001));
        assert_eq!(pool.apply(|n: u64| n, (5,)).unwrap(), 5);
        assert!(pool.imap(|n: u64| n, 0..100).map(Result::unwrap).eq(0..100));
        let nobody_waits = pool.apply_async(|n: u64| n, (6,));
        wait_until("it is ready by itself", || nobody_waits.is_ready());
        if transport != Transport::Memory {
            let limited = pool.call().time_limit(Duration::from_millis(300)).apply(forever, ());
            assert!(matches!(limited, Err(TaskError::TimedOut { .. })), "{limited:?}");
        }
        gate.open();
        stands.join().unwrap();
    });
}

fn an_input_that_stands_still_delays_nobody(transport: Transport) {
    beside(transport, |pool, still| {
        let items = (0..10u64).inspect(|n| {
            if *n == 5 {
                still.stand();
            }
        });
        assert_eq!(pool.map(|n: u64| n, items).unwrap().len(), 10);
    });
}

/// A number whose `Serialize` stands still, where it is told to.
struct Sent(u64, Option<Still>);

impl Serialize for Sent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(still) = &self.1 {
            still.stand();
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sent, D::Error> {
        Ok(Sent(u64::deserialize(deserializer)?, None))
    }
}

fn a_serialize_that_stands_still_delays_nobody(transport: Transport) {
    beside(transport, |pool, still| {
        let items = (0..10).map(|n| Sent(n, (n == 5).then(|| still.clone())));
        assert!(pool.map(|sent: Sent| sent.0, items).unwrap().into_iter().eq(0..10));
    });
}

/// What stands still when it is decoded, or dropped, in the process that called.
#[derive(Serialize)]
struct Got {
    entered: String,
    gate: String,
    in_drop: bool,
    #[serde(skip)]
    here: bool,
}

impl<'de> Deserialize<'de> for Got {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Got, D::Error> {
        let (entered, gate, in_drop) = Deserialize::deserialize(deserializer)?;
        let got = Got { entered, gate, in_drop, here: true };
        if !in_drop {
            got.stand();
        }
        Ok(got)
    }
}

impl Got {
    fn stand(&self) {
        Still { entered: self.entered.clone(), gate: self.gate.clone() }.stand();
    }
}

impl Drop for Got {
    fn drop(&mut self) {
        if self.in_drop && self.here {
            self.stand();
        }
    }
}

fn got(entered: String, gate: String, in_drop: bool) -> Got {
    Got { entered, gate, in_drop, here: false }
}

fn a_deserialize_that_stands_still_delays_nobody(transport: Transport) {
    beside(transport, |pool, still| drop(pool.apply(got, (still.entered, still.gate, false)).unwrap()));
}

fn the_drop_of_a_result_that_stands_still_delays_nobody(transport: Transport) {
    beside(transport, |pool, still| {
        let mut handle = pool.apply_async(got, (still.entered, still.gate, true));
        handle.wait();
        assert_eq!(handle.is_successful(), Some(true));
        drop(handle);
    });
}

fn a_callback_that_stands_still_delays_nobody(transport: Transport) {
    beside(transport, |pool, still| {
        let _called = pool.apply_async(|n: u64| n, (1,)).on_success(move |_| still.stand());
    });
}

/// A waker that stands still when it is woken, or when it is dropped.
struct Stands(Still, bool);

impl Wake for Stands {
    fn wake(self: Arc<Self>) {
        if !self.1 {
            self.0.stand();
        }
    }
}

impl Drop for Stands {
    fn drop(&mut self) {
        if self.1 {
            self.0.stand();
        }
    }
}

fn polled_by(pool: &Pool, still: Still, in_drop: bool) {
    let gate = Scratch::new();
    let mut future = pool.apply_async(|gate: String| pass(&gate), (gate.text(),));
    {
        let waker = Waker::from(Arc::new(Stands(still, in_drop)));
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    gate.open();
    future.wait();
}

fn a_waker_that_stands_still_delays_nobody(transport: Transport) {
    beside(transport, |pool, still| polled_by(pool, still, false));
}

fn the_drop_of_a_waker_that_stands_still_delays_nobody(transport: Transport) {
    beside(transport, |pool, still| polled_by(pool, still, true));
}

fn a_callback_may_submit_close_and_drop_and_is_refused_to_join(transport: Transport) {
    let pool = Arc::new(pool(transport, 2));
    let (told, news) = channel();
    let inside = pool.clone();
    let _called = pool.apply_async(|n: u64| n, (1,)).on_success(move |_| {
        let submitted = inside.apply_async(|n: u64| n, (2,)).get();
        inside.close();
        let joined = inside.join();
        // Perhaps the last that holds the pool.
        drop(inside);
        told.send((submitted, joined)).unwrap();
    });
    let (submitted, joined) = news.recv().unwrap();
    assert_eq!(submitted.unwrap(), 2);
    assert!(matches!(joined, Err(PoolError::JoinInCallback)), "{joined:?}");
    pool.join().unwrap();
    assert!(matches!(pool.apply(|n: u64| n, (1,)), Err(TaskError::PoolClosed { .. })));
}

/// Uses the pool that it came from when it is dropped.
struct Uses(Option<Arc<Pool>>);

impl Drop for Uses {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            assert_eq!(pool.apply(|n: u8| n, (7,)).unwrap(), 7);
            drop(pool.apply_async(|n: u8| n, (8,)));
            pool.close();
            pool.join().unwrap();
        }
    }
}

std::thread_local! { static OWNER: std::cell::RefCell<Option<Arc<Pool>>> = const { std::cell::RefCell::new(None) }; }

impl Serialize for Uses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Uses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Uses, D::Error> {
        <()>::deserialize(deserializer)?;
        Ok(Uses(OWNER.take()))
    }
}

fn the_drop_of_a_result_may_use_the_pool(transport: Transport) {
    let pool = Arc::new(pool(transport, 2));
    let mut handle = pool.apply_async(|| Uses(None), ());
    OWNER.set(Some(pool.clone()));
    // Settles the handle here, on this thread; then it is dropped unread.
    handle.wait();
    assert_eq!(handle.is_successful(), Some(true));
    drop(handle);
    assert!(matches!(pool.apply(|n: u8| n, (1,)), Err(TaskError::PoolClosed { .. })) || OWNER.take().is_some());
}

fn ten_threads_wait_for_ten_jobs_of_one_pool(transport: Transport) {
    let pool = pool(transport, 2);
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..10u64)
            .map(|thread| {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..20 {
                        let job = pool.starmap_async(|a: u64, b: u64| a * b, (0..200).map(|n| (n, thread + round)));
                        let wanted = (0..200).map(|n| n * (thread + round));
                        assert!(job.get().unwrap().into_iter().eq(wanted), "{thread} {round}");
                    }
                })
            })
            .collect();
        jobs.into_iter().for_each(|job| job.join().unwrap());
    });
}

fn a_task_may_have_a_pool_of_its_own_and_close_join_or_drop_it(transport: Transport) {
    let pool = builder(transport, 2).build().unwrap();
    let inner = |how: u8| {
        let own = Pool::builder().workers(Workers::Exact(2)).build().unwrap();
        let sum: u64 = own.map(|n: u64| n, 0..100).unwrap().into_iter().sum();
        match how {
            0 => {
                own.close();
                own.join().unwrap();
            }
            1 => own.terminate(),
            _ => drop(own.apply_async(forever, ())),
        }
        sum
    };
    assert_eq!(pool.map(inner, 0..6).unwrap(), [4_950; 6]);
}

fn notes_that_stand_still_delay_neither_calls_nor_limits(transport: Transport) {
    let (entered, gate, told) = (Scratch::new(), Scratch::new(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let (still, keep) = (Still { entered: entered.text(), gate: gate.text() }, told.clone());
    let notes = move |line: &str| {
        still.stand();
        keep.lock().unwrap().push(line.to_owned());
    };
    let pool = builder(transport, 1).notes(notes).build().unwrap();
    for n in 0..3u8 {
        assert!(matches!(pool.apply(|| -> u8 { std::process::abort() }, ()), Err(TaskError::Crashed { .. })));
        let overruns = pool.call().time_limit(Duration::from_millis(50)).apply(forever, ());
        assert!(matches!(overruns, Err(TaskError::TimedOut { .. })), "{overruns:?}");
        assert_eq!(pool.apply(|n: u8| n + 1, (n,)).unwrap(), n + 1);
    }
    wait_until("it stands still", || entered.is_open());
    assert!(told.lock().unwrap().is_empty());
    gate.open();
    pool.close();
    pool.join().unwrap();
    // Nobody waits for them for long at the end of a pool.
    wait_until("every line is told", || told.lock().unwrap().len() == 3);
}
