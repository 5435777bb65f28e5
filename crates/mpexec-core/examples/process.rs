//! One process for one call: named, in surroundings of its own, watched, asked to end, killed; and one that goes on when
//! its parent has ended.
//!
//! `cargo run --example process`

use std::time::Duration;

use mpexec_core::{Exit, Output, Process, TaskError, active_children, parent};

fn count_words(text: String) -> usize {
    text.split_whitespace().count()
}

/// In the process: who am I, and who started me?
fn introduce_myself() -> String {
    let directory = std::env::current_dir().map(|at| at.display().to_string()).unwrap_or_default();
    let mood = std::env::var("MOOD").unwrap_or_default();
    let parent = parent().map_or_else(|| "nobody".to_owned(), |parent| parent.name);
    format!("in {directory}, {mood}, started by {parent}")
}

fn wait_for_ever() {
    loop {
        std::thread::park();
    }
}

/// In the process: goes on without its parent, whatever ended that.
fn outlive_the_parent() {
    while parent().is_some_and(|parent| parent.is_alive()) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    println!("still here");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();

    // A function, its arguments, its result.
    let mut counter = Process::spawn(count_words, ("the quick brown fox".to_owned(),))?;
    let words = counter.join()?;
    println!("{} counted {words} words", counter.name());

    // A name, a variable, a directory, some modesty.
    let builder = Process::builder().name("scout").env("MOOD", "curious").current_dir("/").nice(5);
    println!("scout: {}", builder.spawn(introduce_myself, ())?.join()?);

    // While it runs it can be watched, waited for with a limit, and asked to end.
    let mut sleeper = Process::builder().name("sleeper").spawn(wait_for_ever, ())?;
    assert!(sleeper.is_alive() && sleeper.join_timeout(Duration::from_millis(10)).is_err());
    for child in active_children() {
        println!("{} is alive", child.name);
    }
    sleeper.terminate();
    match sleeper.join() {
        Err(TaskError::Crashed { exit, .. }) => println!("sleeper {exit}"),
        other => println!("sleeper ended otherwise: {other:?}"),
    }
    assert_eq!(sleeper.exit_status(), Some(Exit::Signal(15)));

    // It may leave with a code of its own.
    let mut leaves = Process::spawn(|code: i32| -> () { std::process::exit(code) }, (42,))?;
    let _ = leaves.join();
    println!("it {}", leaves.exit_status().map_or_else(String::new, |exit| exit.to_string()));

    // This one is still there when this program has ended.
    Process::builder().die_with_parent(false).stdout(Output::Inherit).spawn(outlive_the_parent, ())?;
    println!("the end");
    Ok(())
}
