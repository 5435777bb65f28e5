//! `cargo xtask sanitize`: the tests under AddressSanitizer and ThreadSanitizer, suite by suite, with a table at the end.
//!
//! Both need a nightly toolchain. ThreadSanitizer also needs the standard library built anew with it, and so its sources; where
//! they cannot be had, that half is skipped and said to be. Each has a folder of its own for what it builds.

use std::env;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::place::Place;
use crate::report::{Outcome, Row, any_failed, closing};
use crate::run::show;
use crate::tools;

/// What there is to say of one.
struct Sanitizer {
    name: &'static str,
    flags: &'static str,
    /// The standard library is to be built anew with it. What is built is optimised a little then: each worker that panics reads the debug information of
    /// its program for the backtrace, and with a standard library that is not optimised, under it, that takes a minute.
    rebuilds: bool,
    /// Where it looks for its options, and these. The signals of faults stay those that tests await.
    variable: &'static str,
    options: &'static str,
    /// Tests that cannot be run under it, by the beginning or a part of their names, each with its reason.
    without: &'static [(&'static str, &'static str)],
    /// The same for one suite: its name, a part of the names of tests, the reason.
    without_in: &'static [(&'static str, &'static str, &'static str)],
}

/// What is run under both: the library, its rings and its wire form, and what reads files (its vector kernels and maps). Not the program. A name, the package, the
/// targets of its tests. One that ends in the midst takes none of the others with it.
const SUITES: [(&str, &str, &[&str]); 7] = [
    ("wire", "mpexec-wire", &["--lib", "--tests"]),
    ("ring", "mpexec-ring", &["--lib", "--tests"]),
    ("core", "mpexec-core", &["--lib", "--test", "duplicates", "--test", "uninitialised"]),
    ("death", "mpexec-core", &["--test", "death"]),
    ("programs", "mpexec-core", &["--test", "programs"]),
    ("contract", "mpexec-core", &["--test", "contract"]),
    ("data", "mpexec-data", &["--lib", "--tests"]),
];

/// Tests that run at once: each is several processes, and each process several times as slow and as large as usual.
const AT_ONCE: &str = "--test-threads=3";

/// How long each test took is told beside it.
const TIMES: [&str; 2] = ["-Zunstable-options", "--report-time"];

const ADDRESS: Sanitizer = Sanitizer {
    name: "address",
    flags: "-Zsanitizer=address",
    rebuilds: false,
    variable: "ASAN_OPTIONS",
    // No worker looks for leaks: it ends without ado, and what it still has goes with it.
    options: "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0",
    without: &[
        ("memory_limits::", "its shadow memory is beyond every limit of memory"),
        ("a_spare_ends_with_a_pool_that_is_terminated", "as above"),
        ("what_a_c_library_aborts_for", "as above"),
        ("a_signal_that_is_sent_is_no_abort", "as above"),
        ("after_a_thousand_deaths", "it keeps what was freed, and so memory grows"),
        ("an_endless_input_and_a_slow_consumer", "as above"),
        ("a_worker_that_talks_without_end", "as above"),
        ("a_stack_that_is_rubbish", "it walks the stack itself when a fault comes"),
        ("without_proc", "it reads its options from there"),
        ("a_hundred_thousand_items_by_every_chunk_size", "it takes longer than the watchdog waits"),
    ],
    without_in: &[],
};

const THREAD: Sanitizer = Sanitizer {
    name: "thread",
    // It sees no fences: the ring does without some of them then. And no system calls but those through libc: memory that is mapped where a thread had its
    // stack would be that stack.
    flags: "-Zsanitizer=thread --cfg tsan --cfg rustix_use_libc",
    rebuilds: true,
    variable: "TSAN_OPTIONS",
    // A child that is spawned has no thread of its parent, and needs none to be told of.
    options: "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0:report_signal_unsafe=0",
    without: &[
        ("memory_limits::", "its shadow memory is beyond every limit of memory"),
        ("a_spare_ends_with_a_pool_that_is_terminated", "as above"),
        ("what_a_c_library_aborts_for", "as above"),
        ("a_signal_that_is_sent_is_no_abort", "as above"),
        (
            "workers_that_were_stopped_before",
            "it bears no child that shares its parent's memory, so such are started otherwise there",
        ),
        ("while_the_system_is_slow_to_start", "as above"),
        ("streams_that_have_the_numbers", "it bears no child that was forked and starts threads"),
        ("a_fork_of_the_coordinator", "as above"),
        ("after_a_thousand_deaths", "memory is measured, and it keeps what it has seen of it"),
        ("an_endless_input_and_a_slow_consumer", "as above"),
        ("a_worker_that_talks_without_end", "as above"),
        ("a_gibibyte_there", "as above"),
        ("large_arguments_of_tasks", "as above"),
        ("a_pool_that_is_over_leaves_nothing", "as above"),
        ("a_leaking_worker_is_replaced", "as above"),
        ("a_hundred_thousand_items_by_every_chunk_size", "it takes longer than the watchdog waits"),
        ("every_form_equals_the_plain_loop", "as above"),
        ("notes_that_panic", "the backtraces take so long that the pool ends before all is told"),
        ("a_stack_that_is_rubbish", "it walks the stack itself when a fault comes"),
        (
            "a_task_that_comes_to_a_worker",
            "a worker is so slow that what it said wrong is heard in the midst of the next task",
        ),
        ("a_forked_child_starts_processes", "it bears no threads in a child that was forked"),
        ("a_forked_child_closes_by_itself", "as above"),
    ],
    // What is the same for all links is seen over shared memory, and in one process, where it sees both sides.
    without_in: &[(
        "contract",
        "::socket::",
        "that link is in the suites core, death and programs, and this one takes half an hour",
    )],
};

/// Run the tests under AddressSanitizer and ThreadSanitizer
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which of the two; both if none is named
    #[arg(value_name = "SANITIZER", value_parser = PossibleValuesParser::new([ADDRESS.name, THREAD.name]))]
    sanitizers: Vec<String>,
    /// Which suites; all if none is named
    #[arg(long = "only", value_name = "SUITE", value_parser = PossibleValuesParser::new(SUITES.map(|(name, ..)| name)))]
    suites: Vec<String>,
    /// What is passed on to the tests, as names
    #[arg(last = true, value_name = "ARGUMENTS")]
    tests: Vec<String>,
}

/// Runs the tests; failure if one failed or something was found.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    let asked = |asked: &[String], name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    let (mut rows, began) = (Vec::new(), Instant::now());
    for sanitizer in [&ADDRESS, &THREAD] {
        if !asked(&arguments.sanitizers, sanitizer.name) {
            continue;
        }
        let host = match tools::sanitizers(&place, sanitizer.rebuilds) {
            Ok(host) => host,
            Err(why) => {
                let outcome = Outcome::Skipped(why);
                rows.push(Row { step: sanitizer.name.to_owned(), outcome, took: Duration::ZERO, said: None });
                continue;
            }
        };
        for (name, why) in sanitizer.without {
            println!("== {}: without {name}: {why}", sanitizer.name);
        }
        for (suite, name, why) in sanitizer.without_in {
            println!("== {}: {suite} without {name}: {why}", sanitizer.name);
        }
        for (step, package, targets) in SUITES {
            if asked(&arguments.suites, step) {
                let begin = Instant::now();
                let mut suite = sanitizer.command(&place, &host, (step, package, targets), &arguments.tests);
                let outcome = show(&place, &mut suite);
                let step = format!("{}: {step}", sanitizer.name);
                rows.push(Row { step, outcome, took: begin.elapsed(), said: None });
                println!("{}", rows[rows.len() - 1].line());
            }
        }
    }
    println!("{}", closing(&rows, began.elapsed()));
    Ok(if any_failed(&rows) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Sanitizer {
    fn command(&self, place: &Place, host: &str, suite: (&str, &str, &[&str]), tests: &[String]) -> Command {
        let (name, package, targets) = suite;
        let mut rustup = place.command("rustup");
        // With a target named, build scripts and macros are built without the sanitizer.
        rustup
            .args(["run", "nightly", "cargo", "test", "--no-fail-fast", "--target", host, "-p", package])
            .args(targets);
        rustup.args(self.rebuilds.then_some("-Zbuild-std"));
        rustup.args(["--", AT_ONCE]).args(TIMES).args(tests);
        let here = self.without_in.iter().filter(|(suite, ..)| *suite == name).map(|(_, test, _)| test);
        for test in self.without.iter().map(|(test, _)| test).chain(here) {
            rustup.args(["--skip", test]);
        }
        rustup.envs(self.rebuilds.then_some(("CARGO_PROFILE_DEV_OPT_LEVEL", "1")));
        let flags = format!("{} {}", env::var("RUSTFLAGS").unwrap_or_default(), self.flags);
        rustup.env("RUSTFLAGS", flags.trim()).env("CARGO_TARGET_DIR", place.target.join(self.name));
        // To name what is in a backtrace takes ten seconds there. The suites of deaths and programs have theirs.
        rustup.envs((self.rebuilds && name == "contract").then_some(("RUST_BACKTRACE", "0")));
        // The watchdog of the tests waits so many times as long.
        rustup.env(self.variable, self.options).env("MPEXEC_TEST_SLOWER", "6");
        rustup
    }
}
