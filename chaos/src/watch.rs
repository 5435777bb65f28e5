//! The watchdog: ends the whole program when nothing goes on any more.
//!
//! It looks at what goes on and not at the clock alone: a round may take as long as it likes while tasks begin and outcomes come.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::census::{Census, WATCHDOG, threads};
use crate::patience::Patience;
use crate::settings::Settings;
use crate::signs::Signs;

const LOOK: Duration = Duration::from_millis(50);
/// The longest that nothing may go on: longer than the longest limit of a task, and than a census may take.
const HANGS: Duration = Duration::from_secs(120);

/// Starts the watchdog of this process; `notes`: the file that grows with every task that begins.
pub(crate) fn start(seed: u64, notes: PathBuf) -> Signs {
    let signs = Signs::default();
    let seen = signs.clone();
    let watch = move || {
        let (mut patience, mut before) = (Patience::new(), (0, 0));
        loop {
            thread::park_timeout(LOOK);
            let now = (seen.count(), std::fs::metadata(&notes).map_or(0, |notes| notes.len()));
            if now != before {
                before = now;
                patience.again();
            } else if patience.look() >= HANGS {
                let round = seen.round_now();
                println!(
                    "seed {seed}, round {round}: HANGS, nothing came to its end within {HANGS:?}; threads: {}",
                    threads()
                );
                println!("    {:?}", Settings::of(seed, round));
                println!("    {}", Census::take().map_or_else(|error| error.to_string(), |census| census.to_string()));
                std::process::exit(1);
            }
        }
    };
    thread::Builder::new().name(WATCHDOG.into()).spawn(watch).expect("a thread can be had");
    signs
}
