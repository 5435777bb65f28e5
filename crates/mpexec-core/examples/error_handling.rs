//! What can go wrong with a task, what is told of it, and the forms that stop at it or go on.
//!
//! `cargo run --example error_handling`
//!
//! There are two kinds. What a function *returns*, an `Err` among it, is a value: it comes as what it is. What *befalls* a task,
//! a panic or the death of its process, is a [`TaskError`]. The `try_` forms take an `Err` as a failure too.

use mpexec_core::{Exit, JobError, Output, Pool, PoolError, ReturnedError, TaskError, Workers};
use serde::{Deserialize, Serialize};

/// An error that serde carries arrives as what it is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum BadOrder {
    Empty,
    TooMany { wanted: u32, in_stock: u32 },
}

fn order(wanted: u32) -> Result<u32, BadOrder> {
    match wanted {
        0 => Err(BadOrder::Empty),
        1..=5 => Ok(5 - wanted),
        _ => Err(BadOrder::TooMany { wanted, in_stock: 5 }),
    }
}

/// An `anyhow::Error` cannot be sent; its text and its causes can.
fn read_price(text: String) -> anyhow::Result<f64> {
    use anyhow::Context;
    let price: f64 = text.trim().parse().with_context(|| format!("{text:?} is no price"))?;
    anyhow::ensure!(price >= 0.0, "a price below nothing");
    Ok(price)
}

fn divide(dividend: i32, divisor: i32) -> i32 {
    dividend / divisor
}

fn last_words(code: i32) {
    eprintln!("out of paper");
    std::process::exit(code);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    let pool = Pool::builder().workers(Workers::Exact(2)).stderr(Output::Keep).build()?;

    // An `Err` is a value: the outer `?` is for what befell the task, the inner result is the function's own.
    let ordered: Result<u32, BadOrder> = pool.apply(order, (9,))?;
    println!("returned: {ordered:?}");
    assert_eq!(ordered, Err(BadOrder::TooMany { wanted: 9, in_stock: 5 }));

    // An error that cannot travel arrives as its text and its chain of causes.
    let price: Result<f64, ReturnedError> = pool.apply(read_price, ("12,50".to_owned(),))?;
    if let Err(error) = price {
        println!("told: {error:#}");
    }

    // Stop at the first failure: it says which task. What had not started is not run.
    let failed: JobError = pool.try_map(read_price, ["1.5", "2.5", "free", "4"]).expect_err("`free` is no price");
    println!("stopped: {failed:#}");
    assert_eq!(failed.index, 2);

    // Or go on, and have every outcome in order.
    for (divisor, outcome) in [5, 0, 2].into_iter().zip(pool.starmap_outcomes(divide, [5, 0, 2].map(|n| (100, n)))) {
        match outcome {
            Ok(quotient) => println!("100 / {divisor} = {quotient}"),
            Err(TaskError::Panicked { message, .. }) => println!("100 / {divisor}: {message}"),
            Err(other) => return Err(other.into()),
        }
    }

    // A death says how, and what the process last wrote to standard error. The fault may be the system's: ask, then decide.
    match pool.apply(last_words, (3,)) {
        Err(error @ TaskError::Crashed { exit: Exit::Code(3), .. }) if error.is_system() => {
            let TaskError::Crashed { stderr, .. } = &error else { unreachable!() };
            println!("died, saying: {}", stderr.trim_end());
        }
        other => return Err(format!("it ended otherwise: {other:?}").into()),
    }

    // What makes no sense is refused before anything is started, with what to do.
    let refused = Pool::builder().workers(Workers::Exact(0)).build().expect_err("there is no pool of no worker");
    assert!(matches!(refused, PoolError::BadSetting { setting: "workers", .. }));
    println!("refused: {refused}");
    Ok(())
}
