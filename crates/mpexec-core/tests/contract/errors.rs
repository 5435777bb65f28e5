//! A task that fails in its own code or values fails alone: the error says what, and the same worker goes on.

use mpexec_core::{TaskError, Transport, context};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::common::{builder, pool};

crate::contract!(
    a_panic_is_told_with_message_file_and_line,
    a_panic_with_any_payload_is_told,
    a_panic_is_not_told_with_the_words_of_one_that_another_task_caught,
    the_worker_of_a_panicking_task_serves_the_next,
    a_failing_task_is_named_by_its_index,
    every_other_task_of_a_lazy_job_goes_on_after_a_failure,
    an_argument_that_cannot_be_encoded_fails_alone,
    an_argument_that_cannot_be_decoded_fails_alone,
    a_result_that_cannot_be_encoded_fails_alone,
    a_result_that_cannot_be_decoded_fails_alone,
    a_deserialize_that_panics_is_a_panic_of_the_task,
    an_error_value_is_a_value,
    a_context_that_cannot_be_decoded_is_told_to_every_task,
);

/// Refuses wherever it is told to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Fussy {
    refuses_encoding: bool,
    /// Travels, and makes the other side refuse.
    refuses_decoding: bool,
}

impl Serialize for Fussy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.refuses_encoding {
            return Err(serde::ser::Error::custom("not in the mood to be written"));
        }
        self.refuses_decoding.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fussy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fussy, D::Error> {
        if bool::deserialize(deserializer)? {
            return Err(serde::de::Error::custom("not in the mood to be read"));
        }
        Ok(Fussy::default())
    }
}

const UNWRITABLE: Fussy = Fussy { refuses_encoding: true, refuses_decoding: false };
const UNREADABLE: Fussy = Fussy { refuses_encoding: false, refuses_decoding: true };

/// Twenty failures in a row, then a call that ends well, all in the same worker.
fn fails_alone<R>(transport: Transport, call: impl Fn(&mpexec_core::Pool) -> Result<R, TaskError>) -> TaskError {
    let pool = pool(transport, 1);
    let pids = pool.pids();
    let mut last = None;
    for _ in 0..20 {
        last = call(&pool).err();
        assert!(last.is_some());
    }
    assert_eq!(pool.apply(|n: u8| n + 1, (1,)).unwrap(), 2);
    assert_eq!(pool.pids(), pids, "no worker was lost");
    last.unwrap()
}

fn a_panic_is_told_with_message_file_and_line(transport: Transport) {
    // Workers inherit the environment, which may say that there is none.
    let threads = transport == Transport::Memory;
    let refused = threads && std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "0");
    let builder = builder(transport, 1);
    let pool = if threads { builder } else { builder.env("RUST_BACKTRACE", "1") }.build().unwrap();
    let line = line!() + 1;
    let error = pool.apply(|n: u32| assert!(n > 5, "no such row: {n}"), (3,)).unwrap_err();
    let TaskError::Panicked { message, location, backtrace } = error else { panic!("{error:?}") };
    assert_eq!(backtrace.is_none(), refused);
    assert!(backtrace.is_none_or(|frames| frames.contains("a_panic_is_told_with_message_file_and_line")));
    assert_eq!(message, "no such row: 3");
    let location = location.unwrap();
    assert!(location.contains(file!()) && location.contains(&format!(":{line}:")), "{location}");
}

fn odd_panic() {
    std::panic::panic_any(7u8)
}

fn long_panic() {
    panic!("{}", "x".repeat(3 << 20))
}

fn a_panic_is_not_told_with_the_words_of_one_that_another_task_caught(transport: Transport) {
    let pool = pool(transport, 1);
    let caught = || std::panic::catch_unwind(|| panic!("the first")).is_err();
    assert!(pool.apply(caught, ()).unwrap());
    let resumed = || -> () { std::panic::resume_unwind(Box::new("the second")) };
    let Err(TaskError::Panicked { message, location, .. }) = pool.apply(resumed, ()) else { panic!("no panic") };
    assert_eq!((&*message, location.map(|_| ())), ("the second", None));
    // Nor with those of one that it caught itself before.
    let both = || -> () {
        let _ = std::panic::catch_unwind(|| panic!("the first"));
        std::panic::resume_unwind(Box::new("the second"))
    };
    let Err(TaskError::Panicked { message, location, .. }) = pool.apply(both, ()) else { panic!("no panic") };
    assert_eq!((&*message, location.map(|_| ())), ("the second", None));
}

fn a_panic_with_any_payload_is_told(transport: Transport) {
    let pool = pool(transport, 1);
    let error = pool.apply(odd_panic, ()).unwrap_err();
    assert!(matches!(error, TaskError::Panicked { .. }), "{error:?}");
    let long = pool.apply(long_panic, ()).unwrap_err();
    let TaskError::Panicked { message, .. } = long else { panic!("another error") };
    assert!(message.len() == 3 << 20, "{} bytes", message.len());
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
}

fn the_worker_of_a_panicking_task_serves_the_next(transport: Transport) {
    let pool = pool(transport, 1);
    let pid = pool.apply(std::process::id, ()).unwrap();
    for n in 0..20u32 {
        assert!(pool.apply(|n: u32| assert!(n > 20), (n,)).is_err());
        assert_eq!(pool.apply(std::process::id, ()).unwrap(), pid);
    }
}

fn a_failing_task_is_named_by_its_index(transport: Transport) {
    let pool = pool(transport, 2);
    let divide = |n: u32| 100 / n;
    let input = || (1..=500).chain([0]).chain(1..=500);
    for error in [pool.map(divide, input()).unwrap_err(), pool.map_async(divide, input()).get().unwrap_err()] {
        assert_eq!(error.index, 500);
        assert!(matches!(error.error, TaskError::Panicked { .. }), "{error:?}");
    }
    assert_eq!(pool.apply(divide, (5,)).unwrap(), 20);
}

fn every_other_task_of_a_lazy_job_goes_on_after_a_failure(transport: Transport) {
    let pool = pool(transport, 2);
    let divide = |n: u32| 100 / n;
    let results: Vec<_> = pool.imap(divide, (0..300).map(|n| n % 3)).collect();
    assert_eq!(results.len(), 300);
    for (n, result) in (0u32..).zip(results) {
        match n % 3 {
            0 => assert!(matches!(result, Err(TaskError::Panicked { .. }))),
            by => assert_eq!(result.unwrap(), 100 / by),
        }
    }
}

fn an_argument_that_cannot_be_encoded_fails_alone(transport: Transport) {
    let error = fails_alone(transport, |pool| pool.apply(|_: Fussy| (), (UNWRITABLE,)));
    let text = error.to_string();
    assert!(matches!(error, TaskError::ArgumentUnencodable { .. }), "{error:?}");
    assert!(text.contains("Fussy") && text.contains("not in the mood to be written"), "{text}");

    let pool = pool(transport, 2);
    let items = (0..100).map(|n| if n == 50 { UNWRITABLE } else { Fussy::default() });
    assert_eq!(pool.map(|fussy: Fussy| fussy, items.clone()).unwrap_err().index, 50);
    assert_eq!(pool.map_async(|fussy: Fussy| fussy, items.clone()).get().unwrap_err().index, 50);
    let failed: Vec<usize> = pool
        .imap(|fussy: Fussy| fussy, items)
        .enumerate()
        .filter_map(|(index, result)| result.is_err().then_some(index))
        .collect();
    assert_eq!(failed, [50]);
}

fn an_argument_that_cannot_be_decoded_fails_alone(transport: Transport) {
    let error = fails_alone(transport, |pool| pool.apply(|_: Fussy| (), (UNREADABLE,)));
    let text = error.to_string();
    assert!(matches!(error, TaskError::ArgumentUndecodable { .. }), "{error:?}");
    assert!(text.contains("Fussy") && text.contains("not in the mood to be read"), "{text}");

    let pool = pool(transport, 2);
    let items = (0..100).map(|n| if n == 50 { UNREADABLE } else { Fussy::default() });
    let failed: Vec<u64> = pool
        .imap_unordered(|fussy: Fussy| fussy, items)
        .filter_map(|(index, result)| result.is_err().then_some(index))
        .collect();
    assert_eq!(failed, [50], "its neighbours in the batch are whole");
}

fn a_result_that_cannot_be_encoded_fails_alone(transport: Transport) {
    let error = fails_alone(transport, |pool| pool.apply(|| UNWRITABLE, ()));
    let text = error.to_string();
    assert!(matches!(error, TaskError::ResultUnencodable { .. }), "{error:?}");
    assert!(text.contains("Fussy") && text.contains("not in the mood to be written"), "{text}");

    // It refuses after megabytes were written.
    let error = fails_alone(transport, |pool| pool.apply(|| ("x".repeat(3 << 20), UNWRITABLE), ()));
    assert!(matches!(error, TaskError::ResultUnencodable { .. }), "{error:?}");
}

fn a_result_that_cannot_be_decoded_fails_alone(transport: Transport) {
    let error = fails_alone(transport, |pool| pool.apply(|| UNREADABLE, ()));
    let text = error.to_string();
    assert!(matches!(error, TaskError::ResultUndecodable { .. }), "{error:?}");
    assert!(text.contains("Fussy") && text.contains("not in the mood to be read"), "{text}");
}

#[derive(Debug, Serialize)]
struct Explosive;

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Explosive, D::Error> {
        panic!("it explodes when read")
    }
}

fn a_deserialize_that_panics_is_a_panic_of_the_task(transport: Transport) {
    let error = fails_alone(transport, |pool| pool.apply(|_: Explosive| (), (Explosive,)));
    assert!(error.to_string().contains("it explodes when read"), "{error}");
}

fn an_error_value_is_a_value(transport: Transport) {
    let pool = pool(transport, 2);
    let checked = |n: i32| if n < 0 { Err(format!("{n} is negative")) } else { Ok(n) };
    let results = pool.map(checked, [1, -1, 2]).unwrap();
    assert_eq!(results, [Ok(1), Err("-1 is negative".to_owned()), Ok(2)]);
}

fn a_context_that_cannot_be_decoded_is_told_to_every_task(transport: Transport) {
    let pool = builder(transport, 1).context(&UNREADABLE).unwrap().build().unwrap();
    for _ in 0..3 {
        let asks = || *context::<Fussy>() == Fussy::default();
        let Err(TaskError::Panicked { message, .. }) = pool.apply(asks, ()) else { panic!("it was decoded") };
        assert!(message.contains("cannot be decoded") && message.contains("not in the mood to be read"), "{message:?}");
    }
}
