//! The tutorial, form by form: how many numbers of each row lie between 4 and 8, asked in every way a pool knows.
//!
//! Each form is one short function in `forms.rs`, there to be read and copied. Each is checked against the plain loop,
//! timed, and set beside it. Then a worker is killed in the middle of the work, and the answer must still be right.
//!
//! `cargo xtask demo` builds and runs it; `--rows N` and `--workers auto|N` change the size. It exits with 1 if anything
//! was wrong, with 2 if it was called in a wrong way.

mod forms;
mod killing;
mod table;
mod work;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mpexec_core::{Pool, Workers};

use table::{Line, Report};
use work::Table;

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: tutorial [--rows N] [--workers auto|N]";

struct Options {
    rows: usize,
    workers: Workers,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options { rows: 200_000, workers: Workers::Auto };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--rows" => options.rows = value()?.parse().map_err(|error| format!("--rows: {error}"))?,
                "--workers" => options.workers = value()?.parse::<Workers>().map_err(|error| error.to_string())?,
                _ => return Err(format!("unknown argument {word:?}")),
            }
        }
        if options.rows == 0 { Err("--rows: at least 1".to_owned()) } else { Ok(options) }
    }
}

fn main() -> ExitCode {
    mpexec_core::init();
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(what) => {
            eprintln!("{what}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            println!("\nSomething above is WRONG.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole tutorial; whether every answer was right.
fn run(options: &Options) -> Result<bool, Failure> {
    let numbers = work::tutorial_numbers(options.rows)?;
    let rows: Vec<_> = numbers.chunks_exact(work::COLUMNS).map(<[i64]>::to_vec).collect();
    let data = Table::new(&rows, &numbers);
    let begin = Instant::now();
    let pool = Pool::builder().workers(options.workers).build()?;
    if !pool.wait_ready(Some(Duration::from_secs(30))) {
        return Err("not all workers came up within 30 s".into());
    }
    println!(
        "{} rows of {} numbers; {} workers over {}, ready {:.1} ms after the pool was asked for.",
        table::grouped(rows.len()),
        work::COLUMNS,
        pool.workers(),
        pool.transport().name(),
        begin.elapsed().as_secs_f64() * 1e3
    );
    println!("{}", load().unwrap_or_default());
    let mut right = counts(&data, &pool)?;
    right &= heavy_counts(&data, &pool)?;
    right &= killing::kill_a_worker(&data, pool.workers())?;
    println!("{WHEN_NOT}");
    Ok(right)
}

/// The tutorial's own work, whose tasks are a few nanoseconds each.
fn counts(data: &Table, pool: &Pool) -> Result<bool, Failure> {
    let expected = forms::plain_loop(data);
    let known = work::as_numpy_has_it(&expected);
    println!("First counts: {}; total {}{}.", joined(&expected), table::grouped(expected.iter().sum()), told(known));
    println!("{TUTORIAL_COUNTS}\n");

    let mut report = Report::against(timed("plain loop", &expected, || Ok(forms::plain_loop(data)))?);
    for form in forms::ALL {
        report.add(timed(form.name, &expected, || (form.run)(pool, data))?);
    }
    println!("{report}");
    println!("{ABOUT_COUNTS}\n");
    Ok(known != Some(false) && report.is_right())
}

/// The same rows with real work for each, as the functions have for which people take a pool.
fn heavy_counts(data: &Table, pool: &Pool) -> Result<bool, Failure> {
    let data = &data.first(work::HEAVY_ROWS);
    let expected = forms::plain_loop(data);
    let plain = timed("plain loop, heavy rows", &expected, || Ok(forms::plain_loop_of_heavy_work(data)))?;
    let mut report = Report::against(plain);
    report.add(timed("starmap, heavy rows", &expected, || forms::starmap_of_heavy_work(pool, data))?);
    println!("The same with some 20 us of work for each row:\n\n{report}");
    Ok(report.is_right())
}

/// The best time of up to five runs, as many as fit into a third of a second; all must give the expected counts.
fn timed(
    name: &'static str,
    expected: &[usize],
    run: impl Fn() -> Result<Vec<usize>, Failure>,
) -> Result<Line, Failure> {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    let mut right = true;
    for _ in 0..5 {
        let begin_of_run = Instant::now();
        let counted = run()?;
        best = best.min(begin_of_run.elapsed());
        right &= counted == expected;
        if begin.elapsed() > Duration::from_millis(333) {
            break;
        }
    }
    Ok(Line::new(name, expected.len(), best, right))
}

/// A warning when other programs want the processors too: the times are then theirs as much as ours. Linux only.
fn load() -> Option<String> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = load.split(' ').next()?.parse().ok()?;
    let processors = mpexec_core::count_processors().online as f64;
    (load > 0.75 * processors).then(|| {
        format!("The machine is busy (load {load} on {processors} processors): the times below are worth little.\n")
    })
}

fn joined(counts: &[usize]) -> String {
    counts.iter().take(10).map(usize::to_string).collect::<Vec<_>>().join(" ")
}

fn told(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => ", as NumPy has it",
        Some(false) => ", which is WRONG: NumPy has 4 2 1 2 3 2 2 2 2 2, total 500,557",
        None => "",
    }
}

const TUTORIAL_COUNTS: &str = "\
(The tutorial prints 3 1 4 4 4 2 1 1 3 3. Nobody can have these again: it makes a RandomState(100), throws it away, and
draws its matrix from the generator that has no seed. This matrix is RandomState(100).randint(0, 10, size=[rows, 5]).)";

const ABOUT_COUNTS: &str = "\
A row of the tutorial is a few nanoseconds of work. To send it costs more than to do it, so the plain loop wins over
every form that sends single rows; in Python as well. Chunks of plain numbers come closest: one task, thousands of rows.
(Each time is the best of up to five runs, as many as fit into a third of a second.)";

const WHEN_NOT: &str = "
When not to take a pool of processes: if the function is safe Rust, cannot hang, and its data lie in this program's
memory, threads do it without a copy. Take rayon then: data.par_iter().map(..) beats every form above.";
