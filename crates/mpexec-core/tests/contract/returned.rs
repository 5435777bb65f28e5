//! Tasks that return a `Result`: an error that can be sent keeps its type, any other its text and its causes.

use std::error::Error;

use anyhow::Context;
use mpexec_core::{ListedError, ReturnedError, TaskError, Transport};
use serde::{Deserialize, Serialize};

use crate::common::pool;

crate::contract!(
    an_anyhow_error_arrives_with_all_its_contexts,
    a_boxed_error_arrives_with_its_causes,
    an_error_of_the_standard_library_arrives_as_its_text,
    an_error_that_can_be_sent_keeps_its_type,
    a_try_form_takes_any_error_and_tells_its_causes,
    every_try_form_takes_an_err_as_a_failure,
    an_error_of_ones_own_arrives_with_its_causes,
    a_panic_in_a_try_form_is_a_panic,
    the_type_of_a_result_may_be_what_its_caller_wants,
    an_error_whose_display_panics_is_a_panic_of_the_task,
    an_error_as_long_as_a_message_may_be_arrives,
);

/// Of three contexts, two of them by `?`.
fn read_table(name: String) -> anyhow::Result<u32> {
    let row = || "7x".parse::<u32>().context("row 7 is not a number");
    match name.as_str() {
        "whole" => Ok(7),
        _ => row().with_context(|| format!("the table {name} is damaged")).context("cannot count"),
    }
}

const CHAIN: [&str; 4] =
    ["cannot count", "the table t.csv is damaged", "row 7 is not a number", "invalid digit found in string"];

fn chain(error: &ReturnedError) -> Vec<&str> {
    error.chain().collect()
}

fn returned(error: &TaskError) -> &ReturnedError {
    match error {
        TaskError::Returned(error) => error,
        other => panic!("{other:?}"),
    }
}

fn an_anyhow_error_arrives_with_all_its_contexts(transport: Transport) {
    let pool = pool(transport, 2);
    assert_eq!(pool.apply(read_table, ("whole",)).unwrap(), Ok(7));
    let error = pool.apply(read_table, ("t.csv",)).unwrap().unwrap_err();
    assert_eq!(chain(&error), CHAIN);
    assert_eq!(error.to_string(), CHAIN[0]);
    assert_eq!(format!("{error:#}"), CHAIN.join(": "));

    // Into the caller's own chain, and out of it again.
    let above = anyhow::Error::new(error.clone()).context("the day is lost");
    assert_eq!(above.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>(), CHAIN);

    let all = pool.map(read_table, ["whole", "t.csv", "whole"]).unwrap();
    assert_eq!(all, [Ok(7), Err(error.clone()), Ok(7)]);
    assert_eq!(pool.apply_async(read_table, ("t.csv",)).get().unwrap(), Err(error.clone()));
    let streamed: Vec<_> = pool.imap(read_table, ["t.csv", "whole"]).map(Result::unwrap).collect();
    assert_eq!(streamed, [Err(error), Ok(7)]);

    assert_eq!(pool.try_apply(read_table, ("whole",)).unwrap(), 7);
    assert_eq!(chain(returned(&pool.try_apply(read_table, ("t.csv",)).unwrap_err())), CHAIN);
    assert_eq!(chain(returned(&pool.try_apply_async(read_table, ("t.csv",)).get().unwrap_err())), CHAIN);
    let failed = pool.try_map(read_table, ["whole", "t.csv"]).unwrap_err();
    assert_eq!((failed.index, chain(returned(&failed.error))), (1, CHAIN.to_vec()));
    let text = failed.to_string();
    assert_eq!(text, format!("task 1: the task returned an error: {}", CHAIN.join(": ")));
}

/// With a cause, and nothing that serde could carry.
#[derive(Debug, thiserror::Error)]
#[error("the file cannot be read")]
struct Unreadable(#[source] std::io::Error);

fn unreadable() -> Unreadable {
    Unreadable(std::io::Error::other("the disk is full"))
}

fn a_boxed_error_arrives_with_its_causes(transport: Transport) {
    let pool = pool(transport, 1);
    let local = |_: u8| -> Result<(), Box<dyn Error>> { Err(unreadable().into()) };
    let shared = |_: u8| -> Result<(), Box<dyn Error + Send + Sync>> { Err(unreadable().into()) };
    let causes = ["the file cannot be read", "the disk is full"];
    assert_eq!(chain(&pool.apply(local, (1,)).unwrap().unwrap_err()), causes);
    assert_eq!(chain(&pool.apply(shared, (1,)).unwrap().unwrap_err()), causes);
    assert_eq!(chain(returned(&pool.try_map(local, [1]).unwrap_err().error)), causes);
    assert_eq!(chain(returned(&pool.try_map(shared, [1]).unwrap_err().error)), causes);
}

fn an_error_of_the_standard_library_arrives_as_its_text(transport: Transport) {
    let pool = pool(transport, 1);
    let parsed = pool.map(|text: String| text.parse::<u32>(), ["1", "x"]).unwrap();
    assert_eq!(parsed[0], Ok(1));
    assert_eq!(parsed[1].as_ref().unwrap_err().message(), "invalid digit found in string");
    let opened = pool.apply(|path: String| std::fs::read(path), ("/nowhere/at all",)).unwrap();
    assert!(opened.unwrap_err().message().contains("No such file"));
}

/// Can be sent, and is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum Refusal {
    #[error("row {row} is too long")]
    TooLong { row: u64 },
    #[error("the table is empty")]
    Empty,
}

fn refuse(row: u64) -> Result<u64, Refusal> {
    match row {
        0 => Err(Refusal::Empty),
        1..10 => Ok(row),
        _ => Err(Refusal::TooLong { row }),
    }
}

fn an_error_that_can_be_sent_keeps_its_type(transport: Transport) {
    let pool = pool(transport, 2);
    let results: Vec<Result<u64, Refusal>> = pool.map(refuse, [0, 5, 12]).unwrap();
    assert_eq!(results, [Err(Refusal::Empty), Ok(5), Err(Refusal::TooLong { row: 12 })]);
    let failed = pool.try_map(refuse, [5, 12]).unwrap_err();
    assert_eq!(chain(returned(&failed.error)), ["row 12 is too long"]);
    assert_eq!(pool.apply(|text: String| Err::<(), String>(text), ("as it is",)).unwrap(), Err("as it is".to_owned()));
}

fn a_try_form_takes_any_error_and_tells_its_causes(transport: Transport) {
    let pool = pool(transport, 1);
    let refuse = |n: u8| if n > 1 { Err(unreadable()) } else { Ok(n) };
    let failed = pool.try_map(refuse, [0, 1, 2, 3]).unwrap_err();
    assert_eq!(failed.index, 2);
    assert_eq!(failed.error.to_string(), "the task returned an error: the file cannot be read: the disk is full");
    let failed = pool.try_starmap(|_: u8, _: u8| Err::<u8, &'static str>("never"), [(1, 2)]).unwrap_err();
    assert_eq!(returned(&failed.error).message(), "never");
}

fn every_try_form_takes_an_err_as_a_failure(transport: Transport) {
    const TEXT: &str = "the task returned an error: the file cannot be read: the disk is full";
    let pool = pool(transport, 2);
    let refuse = |n: u64| if n == 7 { Err(unreadable()) } else { Ok(n * n) };
    let refuse_two = |n: u64, limit: u64| if n < limit { Ok(n) } else { Err(unreadable()) };

    assert_eq!(pool.try_map_async(refuse, 0..7).get().unwrap(), [0, 1, 4, 9, 16, 25, 36]);
    let failed = pool.try_map_async(refuse, 0..20).get().unwrap_err();
    assert_eq!((failed.index, failed.error.to_string()), (7, TEXT.to_owned()));
    let failed = pool.try_starmap_async(refuse_two, (0..20).map(|n| (n, 5))).get().unwrap_err();
    assert!(failed.index >= 5 && failed.error.to_string() == TEXT, "{failed:?}");

    let of = |outcome: Result<u64, TaskError>| outcome.map_err(|error| error.to_string());
    let wanted: Vec<_> = (0..20).map(|n| if n == 7 { Err(TEXT.to_owned()) } else { Ok(n * n) }).collect();
    assert_eq!(pool.try_imap(refuse, 0..20).map(of).collect::<Vec<_>>(), wanted);
    let mut all: Vec<_> = pool.try_imap_unordered(refuse, 0..20).map(|(index, outcome)| (index, of(outcome))).collect();
    all.sort_by_key(|(index, _)| *index);
    assert!(all.into_iter().eq((0..).zip(wanted)));
    let stopped = pool.call().max_failures(1).chunk_size(1).try_imap(refuse, 0..).find(Result::is_err).unwrap();
    assert_eq!(of(stopped), Err(TEXT.to_owned()));
}

/// Its author has said that it is to be told.
#[derive(Debug, thiserror::Error)]
#[error("the table {0} is lost")]
struct Lost(&'static str, #[source] Unreadable);

impl ListedError for Lost {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

fn an_error_of_ones_own_arrives_with_its_causes(transport: Transport) {
    let pool = pool(transport, 1);
    let lose = |n: u8| if n > 1 { Err(Lost("of prices", unreadable())) } else { Ok(n) };
    let all = pool.map(lose, [1, 2]).unwrap();
    assert_eq!(all[0], Ok(1));
    let told = chain(all[1].as_ref().unwrap_err());
    assert_eq!(told, ["the table of prices is lost", "the file cannot be read", "the disk is full"]);
    assert_eq!(Lost("of prices", unreadable()).as_error().to_string(), told[0]);
}

fn a_panic_in_a_try_form_is_a_panic(transport: Transport) {
    let pool = pool(transport, 1);
    let failed = pool.try_map(|n: u32| Ok::<u32, String>(100 / n), [1, 0]).unwrap_err();
    assert!(matches!(failed.error, TaskError::Panicked { .. }), "{failed:?}");
}

fn the_type_of_a_result_may_be_what_its_caller_wants(transport: Transport) {
    let pool = pool(transport, 1);
    let all: Vec<u32> = pool.map(|text: String| text.parse().unwrap(), ["1", "2"]).unwrap();
    let tried: Vec<u64> = pool.try_map(|text: String| text.parse(), ["1", "2"]).unwrap();
    assert_eq!((all, tried), (vec![1, 2], vec![1, 2]));
    let collected: Result<Vec<u8>, TaskError> = pool.apply(|n: u8| (0..n).collect(), (3,));
    assert_eq!(collected.unwrap(), [0, 1, 2]);
    let gone: Result<(), TaskError> = pool.apply(|text: String| panic!("{text}"), ("as said",));
    assert!(matches!(gone, Err(TaskError::Panicked { message, .. }) if message == "as said"));
}

/// Says nothing.
#[derive(Debug)]
struct Speechless;

impl std::fmt::Display for Speechless {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words for it")
    }
}

impl Error for Speechless {}

fn an_error_whose_display_panics_is_a_panic_of_the_task(transport: Transport) {
    let pool = pool(transport, 1);
    let pids = pool.pids();
    let told = pool.apply(|| Err::<(), Box<dyn Error>>(Speechless.into()), ()).unwrap_err();
    let tried = pool.try_map(|_: u8| Err::<(), _>(Speechless), [1]).unwrap_err().error;
    for error in [told, tried] {
        assert!(matches!(&error, TaskError::Panicked { message, .. } if message == "no words for it"), "{error:?}");
    }
    assert_eq!(pool.pids(), pids, "no worker was lost");
}

fn an_error_as_long_as_a_message_may_be_arrives(transport: Transport) {
    let pool = pool(transport, 1);
    let long = |length: usize| Err::<(), _>(anyhow::anyhow!("x".repeat(length)).context("too long"));
    for length in [0, 2_000, 2_100, 3 << 20] {
        let error = pool.apply(long, (length,)).unwrap().unwrap_err();
        assert_eq!(error.chain().map(str::len).collect::<Vec<_>>(), [8, length]);
        let failed = pool.try_map(long, [length]).unwrap_err();
        assert_eq!(returned(&failed.error), &error);
    }
}
