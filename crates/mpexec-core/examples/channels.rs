//! Workers that talk while they work: progress to this process, and a pipeline from one process to the next.
//!
//! `cargo run --release --example channels`

use std::error::Error;

use mpexec_core::{Pool, Process, Receiver, RecvError, Sender, Workers, channel};
use serde::{Deserialize, Serialize};

/// What a worker tells while it works.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    Began { file: u32, lines: u32 },
    Line { file: u32 },
}

/// Reads a "file", and tells of every line.
fn read(file: u32, told: Sender<Told>) -> u32 {
    let lines = 3 + file % 3;
    // That nobody listens any more is no reason to stop working.
    let _ = told.send(&Told::Began { file, lines });
    for _ in 0..lines {
        let _ = told.send(&Told::Line { file });
    }
    lines
}

/// The middle of a pipeline: takes numbers, passes on those that are prime.
fn sieve(numbers: Receiver<u64>, primes: Sender<u64>) -> Result<u64, RecvError> {
    let mut seen = 0;
    for number in &numbers {
        let number = number?;
        seen += 1;
        let prime = number > 1 && (2..).take_while(|d| d * d <= number).all(|d| !number.is_multiple_of(d));
        if prime && primes.send(&number).is_err() {
            break; // Nobody wants more.
        }
    }
    Ok(seen)
}

fn main() -> Result<(), Box<dyn Error>> {
    mpexec_core::init();

    // 1. Progress. Each task gets a sender; ours is dropped, so the messages end when the last task has ended.
    let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    let (sender, told) = channel()?;
    let lines = pool.starmap_async(read, (0..6).map(|file| (file, &sender)));
    drop(sender);
    let (mut expected, mut read_so_far) = (0, 0);
    for message in &told {
        match message? {
            Told::Began { file, lines } => {
                expected += lines;
                println!("file {file} has {lines} lines");
            }
            Told::Line { file } => {
                read_so_far += 1;
                println!("file {file}: {read_so_far} of {expected} lines");
            }
        }
    }
    println!("{} lines in all", lines.get()?.iter().sum::<u32>());

    // 2. A pipeline: this process, two sieves that share the work, and this process again. The process that reads is
    //    there before anything is sent, and we read in another thread than we write: nobody waits for nobody.
    let ((numbers, to_sieve), (from_sieve, primes)) = (channel()?, channel()?);
    let mut sieves =
        [(); 2].into_iter().map(|()| Process::spawn(sieve, (&to_sieve, &from_sieve))).collect::<Result<Vec<_>, _>>()?;
    drop((to_sieve, from_sieve));
    let feeding = std::thread::spawn(move || (0..1000).try_for_each(|number| numbers.send(&number)));
    let mut primes = primes.iter().collect::<Result<Vec<u64>, _>>()?;
    primes.sort_unstable();
    println!("{} primes below 1000, the last is {}", primes.len(), primes[primes.len() - 1]);
    feeding.join().expect("the thread that feeds does not panic")?;
    let mut seen = 0;
    for sieve in &mut sieves {
        seen += sieve.join()??;
    }
    println!("the sieves saw {seen} numbers");
    Ok(())
}
