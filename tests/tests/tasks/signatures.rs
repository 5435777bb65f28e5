//! Signatures: what differs between two programs is told before a byte is taken for something else; and the list of what a
//! program knows.

use mpexec_core::{Pool, TaskError, named};
use mpexec_tests::tasks::{Point, distance_of_points, process_id};
use serde::{Deserialize, Serialize};

use crate::{LINKS, WORKER, own, with};

const LAST_YEAR: &str = env!("CARGO_BIN_EXE_task-worker-of-last-year");

#[track_caller]
fn mismatch(error: TaskError, ours_is: &str, theirs_is: &str) {
    let TaskError::SignatureMismatch { ours, theirs, .. } = &error else { panic!("{error:?}") };
    assert_eq!((ours.as_str(), theirs.as_str()), (ours_is, theirs_is));
    let said = error.to_string();
    assert!(said.contains(ours_is) && said.contains(theirs_is) && said.contains("same sources"), "{said}");
}

#[test]
fn fields_in_another_order_are_an_error_that_shows_both() {
    let (from, to) = (Point { x: 0.0, y: 0.0 }, Point { x: 3.0, y: 4.0 });
    let ours = "(struct Point{x: f64, y: f64}, struct Point{x: f64, y: f64}) -> f64";
    let theirs = "(struct Point{y: f64, x: f64}, struct Point{y: f64, x: f64}) -> f64";
    for link in LINKS {
        let pool = with(LAST_YEAR, link);
        mismatch(pool.apply(distance_of_points, (from, to)).unwrap_err(), ours, theirs);
        mismatch(pool.apply_async(distance_of_points, (from, to)).get().unwrap_err(), ours, theirs);
        mismatch(pool.starmap(distance_of_points, [(from, to)]).unwrap_err().error, ours, theirs);
    }
}

#[test]
fn a_result_of_another_type_is_an_error_that_shows_both() {
    let pool = with(LAST_YEAR, LINKS[0]);
    mismatch(pool.apply(process_id, ()).unwrap_err(), "() -> u32", "() -> u64");
    let error = pool.apply(named("sum", |a: u64| a), (1,)).unwrap_err();
    mismatch(error, "(u64) -> u64", "(u64, u64) -> u64");
    assert_eq!(pool.apply(named("sum", |a: u64, b: u64| a + b), (2, 3)).unwrap(), 2003, "the pool goes on");
}

#[test]
fn names_of_modules_and_parameters_make_no_difference() {
    #[derive(Serialize, Deserialize)]
    struct Point {
        x: f64,
        y: f64,
    }
    let distance = named("distance", |_: Point, _: Point| 0.0_f64);
    let pool = with(WORKER, LINKS[0]);
    for _ in 0..2 {
        let (a, b) = (Point { x: 0.0, y: 0.0 }, Point { x: 3.0, y: 4.0 });
        assert_eq!(pool.apply(distance.clone(), (a, b)).unwrap(), 5.0);
    }
}

fn list(pool: &Pool) -> Vec<String> {
    let mut all: Vec<_> = pool.functions().iter().map(ToString::to_string).collect();
    all.sort();
    all
}

#[test]
fn a_pool_lists_names_parameters_types_and_documentation() {
    let library = [
        "abort_often(file: str, times: u32) -> u32",
        "abort_once(file: str) -> u32",
        "add(a: u64, b: u64) -> u64",
        "by_place(places: seq<[i32; 2]>) -> map<[i32; 2], u64>",
        "checked_mean(row: seq<f64>, highest: option<f64>) -> enum Result{Ok(f64), Err(enum Fault{Empty, TooHigh(f64)})}",
        "distance(from: struct Point{x: f64, y: f64}, to: struct Point{x: f64, y: f64}) -> f64",
        "fill(bytes: u64) -> u64",
        "howmany_within_range(row: seq<i64>, minimum: i64, maximum: i64) -> u64",
        "mean(values: slice<f64: 8 bytes, align 8>, unit: text) -> str",
        "no door(values: slice<f64: 8 bytes, align 8>) -> f64",
        "parse(text: str) -> enum Result{Ok(u32), Err(seq<str>)}",
        "process_id() -> u32",
        "rest(milliseconds: u64) -> u64",
        "same(small: i64, large: u64, huge: u128, float: f64) -> (i64, u64, u128, f64)",
        "shout(stdout: text, stderr: text) -> ()",
        "sum(a: u64, b: u64) -> u64",
    ];
    assert_eq!(list(&with(WORKER, LINKS[0])), library);
    assert_eq!(list(&own(LINKS[0])), library);
    let docs = with(WORKER, LINKS[1]).functions();
    let doc = |name: &str| docs.iter().find(|it| it.name == name).unwrap().doc.clone();
    assert_eq!(doc("howmany_within_range"), "How many numbers of a row lie within a range.");
    assert_eq!(doc("distance"), "The distance of two points, as the crow flies.");
    let mean = docs.iter().find(|it| it.name == "mean").unwrap();
    assert_eq!((&mean.structures[1][..], &mean.result[..]), ("text", "str"));
    assert_eq!(mean.parameters.as_deref().unwrap(), ["values", "unit"]);
}
