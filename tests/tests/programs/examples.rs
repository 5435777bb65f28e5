//! The examples of the libraries, run as people run them: each ends well and prints what it says that it shows.

use crate::common::examples::{example, names};

/// What each prints among other things. Most check themselves as well.
const SHOWN: &[(&str, &[&str])] = &[
    ("async_results", &["asked; ready yet: ", "all answers are right\n"]),
    (
        "async_tokio",
        &["it took too long and was stopped\n", "6171 takes 261 steps", "below 10000 it is 6171 with 261 steps\n"],
    ),
    (
        "channels",
        &[
            "of 24 lines\n",
            "24 lines in all\n",
            "168 primes below 1000, the last is 997\n",
            "the sieves saw 1000 numbers\n",
        ],
    ),
    (
        "crash_isolation",
        &[
            "the C library was killed by signal 11 (SIGSEGV)\nsignal 11 (SIGSEGV) at address 0x0\n   0: ",
            "c_length\n",
            "no number in \"bad\"\n",
            "was killed by signal 6 (SIGABRT)",
            "exited with code 42",
            "4 answers, 3 failures, and the pool still works\n",
        ],
    ),
    ("csv_table", &[" rows, ", " numbers from 4 to 8\n"]),
    (
        "error_handling",
        &[
            "returned: Err(TooMany { wanted: 9, in_stock: 5 })\n",
            "told: \"12,50\" is no price: invalid float literal\n",
            "stopped: task 2: ",
            "100 / 5 = 20\n100 / 0: attempt to divide by zero\n100 / 2 = 50\n",
            "died, saying: out of paper\n",
            "refused: workers cannot be 0",
        ],
    ),
    ("flights", &["distance", "4 flights, the fastest 516.7 miles an hour\n"]),
    ("leaky_function", &["by number: 40 calls in 4 processes", "by memory: a fresh process came after "]),
    ("logging", &["[Some(2.0), None, Some(3.0)]\n"]),
    ("own_worker_program", &["words: [4, 2, 2]; no function \"letter-count\" is registered in "]),
    (
        "process",
        &[
            "Process-1 counted 4 words\n",
            "scout: in /, curious, started by process\n",
            "sleeper is alive\n",
            "sleeper was killed by signal 15 (SIGTERM)\n",
            "it exited with code 42\nthe end\n",
            "still here\n",
        ],
    ),
    ("progress_bar", &["3000 numbers, the largest factor of the first is 1000003\n"]),
    ("readme", &["exit: Signal(6)"]),
    (
        "shared_buffer",
        &["12 MB in shared memory\n", "nearest to row 40000 is row 32696\n", "half of 9331295 is 4665647.5\n"],
    ),
    ("survives", &["block 41: 837799 takes 524 steps\n", "of all, 1117065 takes most: 527 steps\n"]),
    (
        "time_limits",
        &[
            "7: not done within 200ms\n17: not done within 200ms\n18 of 20 done\n",
            "the program was stopped with the task that waited for it\n",
            "7: not done with 200ms of processor time\n",
            "1 MiB: there they are\n2 MiB: there they are\n",
            "it came through at attempt 3\n",
            "given up: most of 10000 were not run\n",
            "no result within 50ms; the task goes on, unless it is stopped\n",
        ],
    ),
];

#[track_caller]
fn shows(name: &str) {
    let (_, expected) = SHOWN.iter().find(|(listed, _)| *listed == name).expect("it stands in the table");
    let done = example(name).run();
    assert_eq!(done.code(), 0, "{name}: {}{}", done.text(), done.stderr);
    for text in *expected {
        assert!(done.text().contains(text), "{name} does not show {text:?}: {}", done.text());
    }
}

#[test]
fn every_example_prints_what_it_shows() {
    SHOWN.iter().for_each(|(name, _)| shows(name));
}

#[test]
fn every_example_is_run_here() {
    let mut run: Vec<&str> = SHOWN.iter().map(|(name, _)| *name).chain(["tutorial"]).collect();
    run.sort_unstable();
    assert_eq!(names(), run);
}

#[test]
fn even_a_tutorial_of_one_row_survives_the_killing() {
    let done = example("tutorial").args(["--rows", "1", "--workers", "3"]).run();
    assert_eq!(done.code(), 0, "{}{}", done.text(), done.stderr);
}

#[test]
fn the_tutorial_finds_every_form_right_and_survives_the_killing() {
    let done = example("tutorial").args(["--rows", "1000", "--workers", "2"]).run();
    assert_eq!(done.code(), 0, "{}{}", done.text(), done.stderr);
    assert!(done.text().contains("First counts: 4 2 1 2 3 2 2 2 2 2; "), "{}", done.text());
    assert_eq!(done.text().matches(" ok\n").count(), 13, "{}", done.text());
    assert!(done.text().contains("and was killed\n"), "{}", done.text());
}

#[test]
fn a_wrong_argument_of_the_tutorial_is_told_with_the_right_ones() {
    let done = example("tutorial").args(["--rows", "many"]).run();
    assert_eq!(done.code(), 2);
    assert!(done.stderr.contains("--rows: ") && done.stderr.contains("usage: "), "{}", done.stderr);
}
