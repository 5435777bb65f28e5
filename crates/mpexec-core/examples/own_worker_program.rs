//! Functions called by name in a worker program: for a worker that is built apart, or that must stay small.
//!
//! The coordinator and the worker program are usually two binaries that share a small library of such functions. This
//! file plays both parts: started with no argument it is the coordinator, and it takes its own file as the worker
//! program. Run it with `cargo run -p mpexec-core --example own_worker_program`. It checks itself.

use mpexec_core::{Pool, TaskError, Workers, named, register};

/// What both sides know: the function's type here, its code in the worker.
fn word_count(text: String) -> usize {
    text.split_whitespace().count()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The worker program registers before init(), and serves from there on.
    register("word-count", word_count)?;
    mpexec_core::init();

    let worker_program = std::env::current_exe()?;
    let pool = Pool::builder().workers(Workers::Exact(2)).worker_program(&worker_program).build()?;

    let lines = ["processes do not share", "what they", "cannot break"].map(String::from);
    let counts = pool.map(named("word-count", word_count), &lines)?;
    assert_eq!(counts, [4, 2, 2]);

    // A name that the worker program does not know is an error of that call, and says so.
    let unknown = pool.apply(named("letter-count", word_count), (&lines[0],));
    let Err(TaskError::UnknownFunction { message }) = unknown else {
        return Err(format!("a function nobody registered gave {unknown:?}").into());
    };
    println!("words: {counts:?}; {message}");
    Ok(())
}
