//! `--chaos`: workers are killed and stopped while they work, and the answer stays what it is.

use crate::common::files::{TOTAL, folder, small, small_counts, tutorial};
use crate::common::program::mpexec;

/// How many workers were killed and stopped, as the program tells.
fn struck(stderr: &str) -> (u32, u32) {
    let line = stderr.lines().find(|line| line.contains("chaos: ")).unwrap_or_else(|| panic!("no line in {stderr}"));
    let number = |after: &str| {
        let rest = &line[line.find(after).expect("it tells both") + after.len()..];
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).expect("a number")
    };
    (number("killed "), number("stopped "))
}

#[test]
fn workers_that_are_killed_and_stopped_by_chance_change_no_answer() {
    let (mut killed, mut stopped) = (0, 0);
    for transport in ["shm", "socket"] {
        for seed in 1..=4 {
            let chaos = format!("kill=0.4,stop=0.4,seed={seed}");
            let call = mpexec(["-v", "count-range", "--json", "--workers", "3", "--transport", transport]);
            let done = call.args(["--chaos", &chaos]).arg(tutorial()).run();
            assert_eq!(done.code(), 0, "{}", done.stderr);
            let summary: serde_json::Value = serde_json::from_str(done.text()).expect("one JSON object");
            assert_eq!(summary["total"], TOTAL);
            let (kills, stops) = struck(&done.stderr);
            (killed, stopped) = (killed + kills, stopped + stops);
        }
    }
    assert!(killed > 0 && stopped > 0, "{killed} killed and {stopped} stopped");
}

#[test]
fn printed_lines_are_complete_and_in_order_where_workers_are_killed() {
    let call = mpexec(["count-range", "--workers", "2", "--output", "-", "--chaos", "kill=0.5,seed=3"]).arg(small());
    let done = call.run();
    let printed: Vec<u64> = done.good().lines().map(|line| line.parse().expect("a count")).collect();
    assert_eq!(printed, small_counts());
}

#[test]
fn commands_and_calls_whose_workers_are_killed_are_run_again() {
    let numbers: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    let (mut killed, folder) = (0, folder());
    for seed in 1..=3 {
        let chaos = format!("kill=0.1,seed={seed}");
        let call = mpexec(["-v", "-j3", "--chaos", &chaos, "run", "-k", "sleep 0.05; echo {}", ":::"]).args(&numbers);
        let done = call.run();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert_eq!(done.text().lines().collect::<Vec<_>>(), numbers);
        killed += struck(&done.stderr).0;
    }
    assert!(killed > 0);
    let calls = folder.path().join("calls.jsonl");
    std::fs::write(&calls, "[40]\n".repeat(12)).unwrap();
    let call = mpexec(["-v", "-j3", "--chaos", "kill=0.1,seed=1", "map", "rest", "--worker-program"]);
    let done = call.arg(env!("CARGO_BIN_EXE_task-worker")).arg(&calls).run();
    assert_eq!((done.code(), done.text().matches("\"ok\"").count()), (0, 12), "{}", done.stderr);
    assert!(struck(&done.stderr).0 > 0, "{}", done.stderr);
}

#[test]
fn without_chances_nobody_is_struck() {
    let folder = folder();
    let output = folder.path().join("counts.npy");
    let call = mpexec(["-v", "count-range", "--workers", "2", "--chaos", "seed=1", "--output"]).arg(&output);
    assert_eq!(struck(&call.arg(tutorial()).run().stderr), (0, 0));
}

#[test]
fn help_says_what_each_key_means() {
    let help = mpexec(["count-range", "--help"]).run().good().to_owned();
    for part in ["--chaos", "kill=CHANCE", "stop=CHANCE", "seed=NUMBER", "every 5 ms", "up to ten times"] {
        let words = help.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&part.to_lowercase()), "{part:?} is missing:\n{help}");
    }
}
