//! A run that is killed ten times, at random moments and when it has a random part of its results, and resumed each time gives what an undisturbed one gives, and computes
//! nothing twice that was published.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::files::folder;
use crate::common::program::mpexec;
use mpexec_testkit::{at_some_pace, wait_until};
use rustix::process::Signal;
use tempfile::TempDir;

/// The same moments each time, as far as the machine is as fast.
const SEED: u64 = 20_261_129;

const KILLS: u32 = 10;

/// What all processes that worked in the run folder did with each result: published it, or dropped a second copy.
pub(super) fn logged(run: &Path, what: &str) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for log in fs::read_dir(run.join("log")).into_iter().flatten() {
        let text = fs::read_to_string(log.expect("an entry").path()).expect("a log");
        for key in text.lines().filter_map(|line| line.split_once(' ')?.1.strip_prefix(what)) {
            *found.entry(key.to_owned()).or_default() += 1;
        }
    }
    found
}

/// How many results are in the folder.
pub(super) fn results(run: &Path) -> usize {
    let entries = fs::read_dir(run.join("out")).into_iter().flatten();
    entries
        .filter(|entry| entry.as_ref().is_ok_and(|entry| !entry.file_name().to_string_lossy().starts_with('.')))
        .count()
}

/// A number from 0 to 1 (xorshift).
fn random(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Runs the command undisturbed, and then with kills.
fn killed_and_resumed(folder: &TempDir, words: &[&str], size: &[&str], output: &str) {
    // Where the machine was slow while it was undisturbed, and is not any more, nobody comes in time.
    at_some_pace(|_| killed_all_the_way(folder, words, size, output));
}

fn killed_all_the_way(folder: &TempDir, words: &[&str], size: &[&str], output: &str) {
    let place = folder.path().join(output);
    let _ = fs::remove_dir_all(folder.path().join("run"));
    let undisturbed = [(); 2].map(|()| {
        let _ = fs::remove_file(&place);
        let since = Instant::now();
        mpexec(words).in_folder(folder.path()).run().good();
        since.elapsed()
    });
    let undisturbed = undisturbed.into_iter().min().expect("there are two");
    let wanted = fs::read(&place).expect("the output");
    fs::remove_file(&place).expect("the output");

    let (run, kept) = (folder.path().join("run"), [words, &["--run-dir", "run"], size].concat());
    let (mut state, mut struck, mut there) = (SEED, 0, Vec::new());
    // One that was killed before it had a plan is begun again, and nobody lets it come to its end before all kills are over.
    let goes_on = || if run.join("plan.json").exists() { &["runs", "resume", "run"] } else { &kept[..] };
    for kill in 0..KILLS {
        let (before, started) = (results(&run), mpexec(goes_on()).in_folder(folder.path()).start());
        // Not to let it work first, but because a random moment is what is asked for. That may always come before the first result or behind the last: every other one is
        // when some more are there.
        let (moment, more) = (undisturbed.mul_f64(random(&mut state)), 1 + kill as usize % 3);
        let mut over = false;
        match kill % 2 {
            0 => over = started.ends_within(moment.max(Duration::from_millis(1))),
            _ => wait_until("there are more results", || {
                over = started.ends_within(Duration::ZERO);
                over || results(&run) >= before + more
            }),
        }
        started.signal(Signal::KILL);
        let done = started.finish();
        let killed = !over && done.status.code().is_none();
        struck += u32::from(killed);
        assert!(!place.exists() || over || fs::read(&place).expect("the output") == wanted, "it is whole or absent");
        there.push((killed, results(&run)));
        println!("after {before} results {moment:.1?} or {more} more; killed: {killed}; {} are there", results(&run));
    }
    let _ = fs::remove_file(&place);
    mpexec(goes_on()).in_folder(folder.path()).run().good();
    assert!(fs::read(&place).expect("the output") == wanted, "{words:?}");
    let (published, dropped) = (logged(&run, "published "), logged(&run, "dropped "));
    assert!(published.values().all(|times| *times == 1) && dropped.is_empty(), "{published:?} {dropped:?}");
    let all = results(&run);
    assert!(all >= published.len() && all > 5, "{all} results");
    let partly = there.iter().filter(|(killed, there)| *killed && (1..all).contains(there)).count();
    println!(
        "{all} ranges, {struck} of {KILLS} kills struck, {partly} when some were there, {undisturbed:.1?} undisturbed"
    );
    assert!(
        struck >= 3 && partly >= 2,
        "{struck} were killed, {partly} of them with a part of their results: {there:?}"
    );
    mpexec(["runs", "clean", "run"]).in_folder(folder.path()).run();
}

fn generated(folder: &TempDir, rows: &str) {
    mpexec(["gen", "data.npy", "--rows", rows, "--cols", "5", "--seed", "1"]).in_folder(folder.path()).run();
}

#[test]
fn a_run_that_is_killed_ten_times_gives_what_an_undisturbed_one_gives() {
    let folder = folder();
    generated(&folder, "200000");
    killed_and_resumed(&folder, &["count-range", "data.npy", "--output", "c.csv"], &["--range-size", "512K"], "c.csv");
    killed_and_resumed(&folder, &["normalize", "data.npy", "--output", "n.npy"], &["--range-size", "512K"], "n.npy");
}

#[test]
#[ignore = "800 MB, for a release build: cargo xtask test --only killed"]
fn a_run_over_800_megabytes_that_is_killed_ten_times_gives_what_an_undisturbed_one_gives() {
    let folder = folder();
    generated(&folder, "20000000");
    killed_and_resumed(&folder, &["count-range", "data.npy", "--output", "c.npy"], &[], "c.npy");
    killed_and_resumed(&folder, &["count-range", "data.npy", "--output", "c.csv"], &["--range-size", "16M"], "c.csv");
    killed_and_resumed(&folder, &["normalize", "data.npy", "--output", "n.npy"], &[], "n.npy");
}
