//! The workers' standard output: inherited, passed on or dropped, as was asked.

use std::process::{Command, Stdio};

use mpexec_core::{Output, Pool, TaskError, Transport, Workers};

use crate::common::Watchdog;

const LINK: &str = "MPEXEC_TEST_LINK";
const OUTPUT: &str = "MPEXEC_TEST_OUTPUT";
const LINES: u32 = 1_000;

fn prints(round: u32) {
    for n in 0..LINES {
        println!("line {round} {n}");
    }
}

fn prints_and_dies(round: u32) {
    prints(round);
    std::process::abort();
}

#[test]
#[ignore = "the coordinator of another test"]
fn a_coordinator_whose_workers_print_to_stdout() {
    let Ok(link) = std::env::var(LINK) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = link.parse().unwrap();
    let builder = Pool::builder().workers(Workers::Exact(1)).transport(link).stderr(Output::Keep);
    let pool = match std::env::var(OUTPUT).unwrap().as_str() {
        "forward" => builder.stdout(Output::Forward),
        "null" => builder.stdout(Output::Null),
        _ => builder,
    };
    let pool = pool.build().unwrap();
    pool.apply(prints, (0,)).unwrap();
    assert!(matches!(pool.apply(prints_and_dies, (1,)), Err(TaskError::Crashed { .. })));
    pool.apply(prints, (2,)).unwrap();
    pool.close();
    pool.join().unwrap();
    std::process::exit(0);
}

#[test]
fn what_workers_print_to_stdout_goes_where_it_was_told_to() {
    let _watchdog = Watchdog::new();
    for (link, output) in ["shm", "socket"].into_iter().flat_map(|l| ["forward", "inherit", "null"].map(|o| (l, o))) {
        let turn = crate::writing_or_starting();
        let coordinator = Command::new(std::env::current_exe().unwrap())
            .args(["stdout::a_coordinator_whose_workers_print_to_stdout", "--exact", "--ignored", "--nocapture"])
            .envs([(LINK, link), (OUTPUT, output)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        drop(turn);
        let said = coordinator.wait_with_output().unwrap();
        assert!(said.status.success());
        let text = String::from_utf8(said.stdout).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("line ")).collect();
        let rounds = if output == "null" { 0 } else { 3 };
        let wanted = (0..rounds).flat_map(|round| (0..LINES).map(move |n| format!("line {round} {n}")));
        // The harness of the coordinator may have begun a line.
        assert_eq!(lines.len(), rounds * LINES as usize, "on {link}, {output}");
        assert!(lines.into_iter().zip(wanted).all(|(line, wanted)| line.ends_with(&wanted)), "on {link}, {output}");
    }
}
