//! A soak: round after round of random calls and random faults against the pool, and whether each task told the truth.
//!
//! A round builds a pool, calls it from several threads in all forms, kills and stops its workers from outside and lets them
//! die from inside, and ends the pool. Then each task must have had exactly one outcome that something explains, none may have
//! run more often than was asked for, and nothing may be left: no process, thread, descriptor or mapping.
//! `cargo xtask chaos` runs it.

mod callers;
mod census;
mod heap;
mod judge;
mod notes;
mod order;
mod patience;
mod play;
mod random;
mod round;
mod settings;
mod signs;
mod striker;
mod tally;
mod watch;
mod work;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use mpexec_core::Shared;
use rustix::process::{Resource, getrlimit};

use census::{Census, anonymous_memory};
use order::Deed;
use settings::Settings;
use signs::Signs;
use tally::{Part, Tally};

/// Random calls and random faults against the pool, and whether each task told the truth
#[derive(Parser)]
#[command(name = "cargo xtask chaos")]
struct Arguments {
    /// How long, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 1.0)]
    minutes: f64,
    /// What all chance follows from [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Play only this round, again and again
    #[arg(long, value_name = "NUMBER")]
    round: Option<u64>,
    /// Leave something of each kind behind in the first round, to see that it is found
    #[arg(long, hide = true)]
    leave_behind: bool,
}

/// A task of each of some batches under way may have an end of a channel along.
const DESCRIPTORS: u64 = 1024;
/// Rounds that warm up: what the standard library keeps, as what it has read of this program's names.
const WARM: u64 = 5;
/// By so much the heap may be larger after any later round, when all of it is over: the table of this very program grows a little.
const GROWTH: usize = 64 << 10;
/// A round that takes longer is told of, and is no fault.
const SLOW: Duration = Duration::from_secs(30);
/// The threads that this process keeps: the watchdog, and the one that spawns workers, which never ends.
const KEPT: [&str; 2] = [census::WATCHDOG, "mpexec-spawn"];

fn main() -> ExitCode {
    mpexec_core::init();
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(random_seed);
    println!("seed {seed}");
    let notes = std::env::temp_dir().join(format!("mpexec-chaos-{}", std::process::id()));
    let signs = watch::start(seed, notes.clone());
    let played = soak(&arguments, seed, &notes, &signs);
    let _ = std::fs::remove_file(&notes);
    match played {
        Ok(played) => {
            println!("{}", played.told(seed));
            if played.faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            println!("seed {seed}: cannot go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn random_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 & 0xffff_ffff
}

/// What all rounds came to.
#[derive(Default)]
struct Played {
    tally: Tally,
    rounds: u64,
    faults: usize,
    leaks: u64,
    took: Duration,
    heap_warm: usize,
    heap_last: usize,
    memory_last: u64,
}

impl Played {
    fn told(&self, seed: u64) -> String {
        let minutes = self.took.as_secs_f64() / 60.0;
        let tasks = self.tally.sum(Part::Deeds);
        format!(
            "{}\nseed {seed}: {} rounds in {minutes:.1} minutes, {tasks} tasks; wrong: {}, left behind: {}\n\
             heap in use after {WARM} rounds {} KiB, at the end {} KiB; memory of this process at the end {} MiB",
            self.tally,
            self.rounds,
            self.faults,
            self.leaks,
            self.heap_warm >> 10,
            self.heap_last >> 10,
            self.memory_last >> 20
        )
    }
}

fn soak(arguments: &Arguments, seed: u64, notes: &Path, signs: &Signs) -> Result<Played, String> {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    if most < DESCRIPTORS {
        return Err(format!("this process may have {most} descriptors: what is scarce is not what is tried here"));
    }
    play::warm_up()?;
    let mut before = Census::of_rest(&KEPT)?;
    let (begin, mut played) = (Instant::now(), Played::default());
    let limit = Duration::from_secs_f64(arguments.minutes * 60.0);
    while begin.elapsed() < limit {
        let number = arguments.round.unwrap_or(played.rounds);
        signs.round(number);
        let (since, mut endless) = (Instant::now(), 0);
        let mut faults = match play::play(seed, number, notes, signs) {
            Ok(report) => {
                endless =
                    [Deed::Hangs, Deed::Burns].map(|deed| report.tally.count(Part::Deeds, deed.word())).iter().sum();
                played.tally.take_in(report.tally);
                let told = |fault| format!("{fault}\n    {:?}", report.settings);
                report.faults.into_iter().map(told).collect()
            }
            Err(error) => vec![error],
        };
        signs.of_life();
        if arguments.leave_behind && played.rounds == 0 {
            leave_behind().map_err(|error| error.to_string())?;
        }
        if let Some(difference) = before.is_again().map_err(|error| error.to_string())? {
            played.leaks += 1;
            faults.push(difference.to_string());
            // What was found is not found again.
            before = Census::take().map_err(|error| error.to_string())?;
        }
        let heap = heap::in_use();
        if played.rounds > WARM && heap > played.heap_warm + GROWTH {
            faults.push(format!("left behind: {} bytes of {heap} on the heap", heap - played.heap_warm));
            played.heap_warm = heap;
        }
        if since.elapsed() > SLOW {
            let (took, settings) = (since.elapsed(), Settings::of(seed, number));
            println!(
                "seed {seed}, round {number}: took {took:?}, {endless} tasks only a limit could end: {settings:?}"
            );
        }
        for fault in &faults {
            println!("seed {seed}, round {number}: {fault}");
        }
        played.faults += faults.len();
        played.rounds += 1;
        if played.rounds.is_multiple_of(200) {
            let (minutes, tasks) = (begin.elapsed().as_secs() / 60, played.tally.sum(Part::Deeds));
            println!("{} rounds in {minutes} minutes, {tasks} tasks, wrong: {}", played.rounds, played.faults);
        }
        played.memory_last = anonymous_memory();
        played.heap_last = heap;
        if played.rounds == WARM {
            played.heap_warm = heap;
        }
    }
    played.took = begin.elapsed();
    Ok(played)
}

/// A descriptor, a mapping with its descriptor, a thread, and a process that nobody waits for.
fn leave_behind() -> Result<(), Box<dyn std::error::Error>> {
    std::mem::forget(std::fs::File::open("/dev/null")?);
    std::mem::forget(Shared::from_slice(&[1_u64; 1000])?);
    let stays = || loop {
        std::thread::park();
    };
    std::thread::Builder::new().name("left-behind".into()).spawn(stays)?;
    let itself = std::env::current_exe()?;
    std::mem::forget(Command::new(itself).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    Ok(())
}
