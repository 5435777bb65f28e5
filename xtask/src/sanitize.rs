//! `cargo xtask sanitize`: the tests under AddressSanitizer (with LeakSanitizer) and ThreadSanitizer.
//!
//! Both need a nightly toolchain. ThreadSanitizer also needs the standard library built anew with it, and so its sources; where
//! they cannot be had, that half is skipped and said to be.

use std::env;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::show;
use crate::tools;

const ADDRESS: &str = "address";
const THREAD: &str = "thread";

/// What is run under both: all that has unsafe code or threads. The programs and files on top of it have neither.
const CRATES: [&str; 3] = ["mpexec-wire", "mpexec-ring", "mpexec-core"];

/// The signals of faults stay those that tests await, and no worker looks for leaks: it ends without ado, and what it still
/// has goes with it.
const ADDRESS_OPTIONS: &str =
    "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0";

/// As above. A child that is spawned has no thread of its parent, and needs none to be told of.
const THREAD_OPTIONS: &str = "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0:report_signal_unsafe=0";

/// Tests that cannot be run under AddressSanitizer, each with its reason.
const NOT_UNDER_ADDRESS: [(&str, &str); 7] = [
    ("memory_limits::", "its shadow memory is beyond every limit of memory"),
    ("spares::", "the pools of these have a limit of memory"),
    ("after_a_thousand_deaths", "it keeps what was freed, and so memory grows"),
    ("an_endless_input_and_a_slow_consumer", "as above"),
    ("a_worker_that_talks_without_end", "as above"),
    ("a_stack_that_is_rubbish", "it walks the stack itself when a fault comes"),
    ("a_hundred_thousand_items_by_every_chunk_size", "it takes longer than the watchdog waits"),
];

/// The same of ThreadSanitizer.
const NOT_UNDER_THREAD: [(&str, &str); 3] = [
    ("memory_limits::", "its shadow memory is beyond every limit of memory"),
    ("spares::", "the pools of these have a limit of memory"),
    ("a_forked_child_starts_processes", "it bears no threads in a child that was forked"),
];

/// Run the tests under AddressSanitizer and ThreadSanitizer
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which of the two; both if none is named
    #[arg(value_name = "SANITIZER", value_parser = PossibleValuesParser::new([ADDRESS, THREAD]))]
    sanitizers: Vec<String>,
    /// What is passed on to the tests, as names
    #[arg(last = true, value_name = "ARGUMENTS")]
    tests: Vec<String>,
}

/// Runs the tests; failure if one failed or something was found.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    let asked = |name: &str| arguments.sanitizers.is_empty() || arguments.sanitizers.iter().any(|asked| asked == name);
    let mut clean = true;
    for (name, options) in [(ADDRESS, ADDRESS_OPTIONS), (THREAD, THREAD_OPTIONS)] {
        if asked(name) {
            let outcome = under(&place, name, options, &arguments.tests);
            match &outcome {
                Outcome::Ok => println!("== {name}: nothing was found"),
                Outcome::Skipped(why) => println!("== {name}: skipped: {why}"),
                Outcome::Failed(why) => println!("== {name}: FAILED: {why}"),
            }
            clean &= !matches!(outcome, Outcome::Failed(_));
        }
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn under(place: &Place, sanitizer: &str, options: &str, tests: &[String]) -> Outcome {
    let host = match tools::sanitizers(place, sanitizer == THREAD) {
        Ok(host) => host,
        Err(why) => return Outcome::Skipped(why),
    };
    // It sees no fences: the ring does without some of them then.
    let without_fences = if sanitizer == THREAD { " --cfg tsan" } else { "" };
    let flags = format!("{} -Zsanitizer={sanitizer}{without_fences}", env::var("RUSTFLAGS").unwrap_or_default());
    let mut rustup = place.command("rustup");
    // With a target named, build scripts and macros are built without the sanitizer.
    rustup.args(["run", "nightly", "cargo", "test", "--no-fail-fast", "--target", &host, "--lib", "--tests"]);
    if sanitizer == THREAD {
        rustup.arg("-Zbuild-std");
    }
    for name in CRATES {
        rustup.args(["-p", name]);
    }
    let skipped = if sanitizer == THREAD { &NOT_UNDER_THREAD[..] } else { &NOT_UNDER_ADDRESS[..] };
    rustup.arg("--").args(tests);
    for (name, why) in skipped {
        println!("== {sanitizer}: without {name}: {why}");
        rustup.args(["--skip", name]);
    }
    rustup.env("RUSTFLAGS", flags.trim()).env("CARGO_TARGET_DIR", place.target.join(sanitizer));
    rustup.env(format!("{}SAN_OPTIONS", if sanitizer == THREAD { "T" } else { "A" }), options);
    show(place, &mut rustup)
}
