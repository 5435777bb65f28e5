//! What a later run of `pool.run_in(folder)` must find changed, what is seen to change while it goes on, and when finished results come.

use std::cell::Cell;
use std::io::Write;
use std::path::{Path, PathBuf};

use mpexec_core::{Pool, PoolBuilder, Shared, Workers};
use mpexec_runs::{Fault, RunError, RunFolder, RunIn, RunInError};
use mpexec_testkit::{Scratch, Watchdog, open, pass};

mpexec_core::init_in_tests!();

fn builder(workers: usize) -> PoolBuilder {
    Pool::builder().workers(Workers::Exact(workers))
}

/// Twice as much, by whatever program knows the name.
#[mpexec_core::task]
fn twice(n: u64) -> u64 {
    2 * n
}

fn changes(error: RunError) -> Vec<String> {
    match error {
        RunError::Changed { changes, .. } => changes,
        error => panic!("{error}"),
    }
}

/// A copy of this program: another one that serves the same tasks by their names. Another process writes it: what this one had open for writing,
/// a child that a neighbour starts could have open still, and then it cannot be started.
fn worker(folder: &Path) -> PathBuf {
    let worker = folder.join("my-worker");
    let copied = std::process::Command::new("cp").arg(std::env::current_exe().expect("it runs")).arg(&worker).status();
    assert!(copied.expect("there is a cp").success());
    worker
}

#[test]
fn a_worker_program_that_was_built_anew_or_is_no_longer_the_same_is_refused() {
    let _watchdog = Watchdog::new();
    let scratch = tempfile::tempdir().unwrap();
    let (folder, worker) = (scratch.path().join("run"), worker(scratch.path()));
    let pool = |program: &Path| builder(1).worker_program(program).build().unwrap();
    let run =
        |pool: &Pool| pool.run_in(&folder).imap(twice, 0..3).map(|all| all.map(Result::unwrap).collect::<Vec<_>>());
    let first = pool(&worker);
    assert_eq!(run(&first).unwrap(), [0, 2, 4]);
    assert_eq!(run(&first).unwrap(), [0, 2, 4]);
    // Behind its end, where nothing of it is read: it serves as before, and is another.
    let mut longer = std::fs::read(&worker).unwrap();
    longer.push(0);
    std::fs::remove_file(&worker).unwrap();
    std::fs::write(&worker, longer).unwrap();
    std::fs::set_permissions(&worker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(run(&first).unwrap(), [0, 2, 4], "this pool's workers are those that they were");
    let told = changes(run(&pool(&worker)).unwrap_err());
    let [told] = &told[..] else { panic!("{told:?}") };
    assert!(
        told.starts_with("the worker program was my-worker (blake3 ") && told.contains(" and is my-worker ("),
        "{told}"
    );
    let told = changes(run(&builder(1).build().unwrap()).unwrap_err());
    assert!(
        told.iter().any(|told| told.contains("the worker program was ") && told.ends_with(" and is not given")),
        "{told:?}"
    );
}

#[test]
fn a_context_that_changed_is_refused_and_so_is_what_lies_in_its_buffers() {
    let _watchdog = Watchdog::new();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let run = |factor: u64, table: &[u64]| {
        // So that its number is another in each pool.
        let table = (factor, Shared::from_slice(table).unwrap());
        let pool = builder(1).context(&table).unwrap().build().unwrap();
        let task = |n: u64| {
            let context = mpexec_core::context::<(u64, Shared<u64>)>();
            context.0 * context.1[n as usize]
        };
        let results = pool.run_in(&folder).imap(task, 0..2);
        results.map(|all| all.map(Result::unwrap).collect::<Vec<_>>())
    };
    assert_eq!(run(2, &[5, 6]).unwrap(), [10, 12]);
    assert_eq!(run(2, &[5, 6]).unwrap(), [10, 12], "the same in another buffer");
    for (factor, table) in [(3, [5, 6]), (2, [5, 7])] {
        let told = changes(run(factor, &table).unwrap_err());
        assert!(told.len() == 1 && told[0].starts_with("the shared context was "), "{told:?}");
    }
}

#[test]
fn what_lies_in_a_shared_buffer_of_an_item_is_compared_and_its_number_is_not() {
    let _watchdog = Watchdog::new();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let pool = builder(1).build().unwrap();
    let run = |tables: [&[u64]; 2]| {
        let tables = tables.map(|table| Shared::from_slice(table).unwrap());
        let sum = |table: Shared<u64>| table.iter().sum::<u64>();
        pool.run_in(&folder).range_tasks(1).imap(sum, tables).unwrap().collect::<Vec<_>>()
    };
    let sums = |results: Vec<Result<u64, RunInError>>| results.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(sums(run([&[1, 2], &[3, 4]])), [3, 7]);
    assert_eq!(sums(run([&[1, 2], &[3, 4]])), [3, 7]);
    let other = run([&[1, 2], &[4, 3]]);
    assert_eq!(*other[0].as_ref().unwrap(), 3);
    match other[1].as_ref().unwrap_err() {
        RunInError::Run(RunError::BadResult { fault, .. }) => assert_eq!(*fault, Fault::OtherInput),
        error => panic!("{error}"),
    }
}

#[test]
fn finished_results_come_at_once_while_nothing_is_computed_and_nothing_is_read_ahead() {
    let _watchdog = Watchdog::new();
    let (scratch, gate) = (tempfile::tempdir().unwrap(), Scratch::new());
    let folder = scratch.path().join("run");
    let pool = builder(2).build().unwrap();
    let task = |(gate, n): (String, u64)| {
        if n == 50 {
            pass(&gate);
        }
        n
    };
    let taken = Cell::new(0);
    let items = || {
        (0..100).map(|n| {
            taken.set(taken.get() + 1);
            (gate.text(), n)
        })
    };
    open(&gate.text());
    assert_eq!(pool.run_in(&folder).range_tasks(10).imap(task, items()).unwrap().count(), 100);
    std::fs::remove_file(gate.path()).unwrap();
    std::fs::remove_file(folder.join("out/tasks-000005")).unwrap();
    taken.set(0);
    let mut results = pool.run_in(&folder).range_tasks(10).imap(task, items()).unwrap();
    for n in 0..50 {
        assert_eq!(results.next().unwrap().unwrap(), n);
        assert_eq!(taken.get(), 10 * (n / 10 + 1), "the items of one range are taken together, and no more");
    }
    gate.open();
    assert!(results.map(Result::unwrap).eq(50..100));
    assert_eq!(RunFolder::status(&folder, true).unwrap().ranges, Some(10));
}

#[test]
fn an_input_that_is_changed_while_the_run_goes_on_ends_it_and_nothing_is_published_after_that() {
    let _watchdog = Watchdog::new();
    let (scratch, gate) = (tempfile::tempdir().unwrap(), Scratch::new());
    let (folder, input) = (scratch.path().join("run"), scratch.path().join("input"));
    std::fs::write(&input, "one").unwrap();
    let pool = builder(1).build().unwrap();
    let task = |(gate, n): (String, u64)| {
        if n > 0 {
            pass(&gate);
        }
        n
    };
    let run = || {
        let items = (0..4).map(|n| (gate.text(), n));
        pool.run_in(&folder).range_tasks(1).input(&input).imap(task, items)
    };
    let mut results = run().unwrap();
    assert_eq!(results.next().unwrap().unwrap(), 0);
    mpexec_testkit::wait_until("the first is published", || folder.join("out/tasks-000000").exists());
    let written = std::fs::metadata(&input).unwrap().modified().unwrap();
    let mut file = std::fs::File::options().append(true).open(&input).unwrap();
    file.write_all(b" more").unwrap();
    drop(file);
    gate.open();
    let error = results.by_ref().find_map(Result::err).expect("it is told");
    let told = error.to_string();
    assert!(matches!(error, RunInError::Run(RunError::InputChanged { .. })), "{told}");
    assert!(
        told.contains("input had 3 bytes and has 8, while the run went on: nothing that comes of it since"),
        "{told}"
    );
    drop(results);
    assert_eq!(folder.join("out").read_dir().unwrap().count(), 1, "of the input as it is now there is no result");
    assert!(!folder.join("done").exists());
    assert_eq!(changes(run().unwrap_err()).len(), 1);
    // As it was, the run goes on.
    std::fs::write(&input, "one").unwrap();
    std::fs::File::options().write(true).open(&input).unwrap().set_modified(written).unwrap();
    assert!(run().unwrap().map(Result::unwrap).eq(0..4));
}
