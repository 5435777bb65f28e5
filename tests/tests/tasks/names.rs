//! Names: a function of the common library is called in the other binary as if it were this one, and names are unique.

use mpexec_core::{PoolError, TaskError, named};
use mpexec_tests::tasks::{Point, add, distance_of_points, howmany_within_range, mean, process_id, sum};

use crate::{LINKS, WORKER, build, own, with};

const LAST_YEAR: &str = env!("CARGO_BIN_EXE_task-worker-of-last-year");

#[test]
fn a_task_of_a_common_library_runs_in_another_program_without_naming_it() {
    for link in LINKS {
        let pool = with(WORKER, link);
        assert_eq!(pool.apply(howmany_within_range, (vec![8, 8, 3, 7, 7], 4, 8)).unwrap(), 4);
        let rows = [vec![1, 2, 3], vec![], vec![5; 100]];
        assert_eq!(pool.starmap(howmany_within_range, rows.iter().map(|row| (row, 2, 5))).unwrap(), [2, 0, 100]);
        assert_eq!(pool.apply(mean, (&[1.0, 2.0, 6.0], String::from("mm"))).unwrap(), "3 mm");
        assert_eq!(pool.apply_async(process_id, ()).get().unwrap(), pool.pids()[0]);
        let (from, to) = (Point { x: 0.0, y: 0.0 }, Point { x: 3.0, y: 4.0 });
        assert_eq!(pool.apply(distance_of_points, (from, to)).unwrap(), 5.0);
    }
}

#[test]
fn a_closure_still_cannot_run_in_another_program() {
    let pool = with(WORKER, LINKS[0]);
    let error = pool.apply(|a: u64, b: u64| a.wrapping_add(b), (1, 2)).unwrap_err();
    assert!(matches!(error, TaskError::UnknownFunction { .. }), "{error:?}");
    assert!(error.to_string().contains(WORKER), "{error}");
}

#[test]
fn a_form_that_needs_this_program_says_so_and_what_to_call_instead() {
    let pool = with(WORKER, LINKS[0]);
    let error = pool.try_apply(|| Ok::<u8, String>(1), ()).unwrap_err();
    assert!(matches!(error, TaskError::UnknownFunction { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains(WORKER) && said.contains("call without `try_`"), "{said}");
}

#[test]
fn functions_of_equal_code_keep_their_names_apart() {
    let pool = with(LAST_YEAR, LINKS[0]);
    assert_eq!(pool.apply(sum, (2, 3)).unwrap(), 2003, "the other program's function of this name");
    let error = pool.apply(add, (2, 3)).unwrap_err();
    assert!(error.to_string().contains("\"add\""), "{error}");
}

#[test]
fn a_task_has_its_name_in_this_program_too_also_where_init_runs_before_main() {
    for link in LINKS {
        let pool = own(link);
        assert_eq!(pool.apply(named("add", add), (2, 3)).unwrap(), 5);
        assert_eq!(pool.apply(add, (2, 3)).unwrap(), 5);
        let error = pool.apply(named("no such", add), (2, 3)).unwrap_err();
        assert!(matches!(error, TaskError::UnknownFunction { .. }), "{error:?}");
    }
}

#[test]
fn a_worker_program_with_one_name_twice_refuses_and_says_where() {
    for link in LINKS {
        let error = build(env!("CARGO_BIN_EXE_task-worker-with-a-clash"), link).unwrap_err();
        assert!(matches!(error, PoolError::WorkerProgram { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("two task functions are named \"twice\""), "{said}");
        assert!(said.contains("with-a-clash.rs:6") && said.contains("with-a-clash.rs:11"), "{said}");
    }
}

#[test]
fn a_name_that_a_task_has_cannot_be_registered() {
    let error = mpexec_core::register("sum", |a: u64, b: u64| a - b).unwrap_err();
    assert_eq!(error.0, "sum");
}
