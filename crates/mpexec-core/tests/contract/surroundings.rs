//! Where workers run: variables, directory, niceness and processors, the first workers and every replacement; and what
//! cannot be had is said before anything is started.

use std::path::PathBuf;

use mpexec_core::{
    Affinity, Output, Pool, PoolBuilder, PoolError, Process, TaskError, Transport, Workers, active_children,
};

use crate::common::{Scratch, Watchdog, builder, open, pass, pool, wait_until};

crate::process_contract![
    workers_have_the_variables_that_were_set_and_no_others,
    workers_run_in_the_directory_that_was_given,
    replacements_run_where_the_first_did,
    a_directory_that_has_gone_is_named_when_a_worker_is_to_be_replaced,
    workers_are_as_nice_as_was_asked,
    each_worker_has_one_processor_of_its_own_or_the_set_that_was_given,
    what_is_inherited_or_dropped_is_not_shown_in_an_obituary,
    a_process_runs_where_it_was_told_to,
];

fn variable(name: String) -> Option<String> {
    std::env::var(name).ok()
}

fn all_variables() -> Vec<(String, String)> {
    std::env::vars().collect()
}

fn workers_have_the_variables_that_were_set_and_no_others(link: Transport) {
    let pool = builder(link, 2).env("MPEXEC_A", "1").env("MPEXEC_A", "2").env_remove("PATH").build().unwrap();
    assert_eq!(pool.apply(variable, ("MPEXEC_A",)).unwrap().as_deref(), Some("2"));
    assert_eq!(pool.apply(variable, ("PATH",)).unwrap(), None);
    assert!(std::env::var("MPEXEC_A").is_err() && std::env::var("PATH").is_ok(), "this process has its own");
    let pool = builder(link, 1).env("MPEXEC_A", "1").env_clear().env("MPEXEC_B", "").build().unwrap();
    assert_eq!(pool.apply(all_variables, ()).unwrap(), [("MPEXEC_B".to_owned(), String::new())]);
}

fn directory() -> PathBuf {
    std::env::current_dir().unwrap()
}

fn workers_run_in_the_directory_that_was_given(link: Transport) {
    let temp = std::env::temp_dir().canonicalize().unwrap();
    let here = directory();
    let in_temp = builder(link, 1).current_dir(&temp).build().unwrap();
    assert_eq!(in_temp.apply(directory, ()).unwrap(), temp);
    assert_eq!(pool(link, 1).apply(directory, ()).unwrap(), here);
    let above = builder(link, 1).current_dir("..").build().unwrap();
    assert_eq!(above.apply(directory, ()).unwrap(), here.parent().unwrap());
}

fn replacements_run_where_the_first_did(link: Transport) {
    let root = PathBuf::from("/");
    let pool =
        builder(link, 1).current_dir("/").env("MPEXEC_A", "1").nice(3).affinity(Affinity::OneEach).build().unwrap();
    let looks = || (std::process::id(), directory(), variable("MPEXEC_A".into()), niceness(), processors());
    let (pid, at, value, nice, one) = pool.apply(looks, ()).unwrap();
    assert_eq!((&at, value.as_deref(), one.len()), (&root, Some("1"), 1));
    let _: Result<(), TaskError> = pool.apply(|| std::process::abort(), ());
    let again = pool.apply(looks, ()).unwrap();
    assert_ne!(again.0, pid);
    assert_eq!((again.1, again.2.as_deref(), again.3, again.4), (root, Some("1"), nice, one));
}

fn a_directory_that_has_gone_is_named_when_a_worker_is_to_be_replaced(link: Transport) {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path()).unwrap();
    let pool = builder(link, 1).current_dir(scratch.path()).build().unwrap();
    assert_eq!(pool.apply(|| 1, ()).unwrap(), 1);
    std::fs::remove_dir(scratch.path()).unwrap();
    let _: Result<(), TaskError> = pool.apply(|| std::process::abort(), ());
    match pool.apply(|| 1, ()) {
        Err(TaskError::Pool(PoolError::WorkingDirectory { path, .. })) => assert_eq!(&path, scratch.path()),
        other => panic!("{other:?}"),
    }
    std::fs::create_dir(scratch.path()).unwrap();
    // An attempt that was under way may still end a call.
    wait_until("the pool goes on when the directory is back", || pool.apply(|| 2, ()).is_ok_and(|two| two == 2));
    std::fs::remove_dir(scratch.path()).unwrap();
}

/// Of the process and of a thread that it starts.
fn niceness() -> (i32, i32) {
    let of_thread = || rustix::process::getpriority_process(None).unwrap();
    (of_thread(), std::thread::spawn(of_thread).join().unwrap())
}

fn workers_are_as_nice_as_was_asked(link: Transport) {
    let (own, _) = niceness();
    let nicer = (own + 4).min(19);
    assert_eq!(builder(link, 1).nice(4).build().unwrap().apply(niceness, ()).unwrap(), (nicer, nicer));
    assert_eq!(builder(link, 1).nice(1000).build().unwrap().apply(niceness, ()).unwrap(), (19, 19));
    assert_eq!(niceness().0, own);
}

/// The processors that this process may use.
fn processors() -> Vec<u32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    let pieces = list.trim().split(',').map(|piece| piece.split_once('-').unwrap_or((piece, piece)));
    pieces.flat_map(|(from, to)| from.parse::<u32>().unwrap()..=to.parse().unwrap()).collect()
}

/// What the workers say, by their numbers.
fn processors_by_worker(builder: PoolBuilder, workers: usize) -> Vec<Vec<u32>> {
    let pool = builder.build().unwrap();
    assert!(pool.wait_ready(None));
    let (gate, begun) = (Scratch::new(), Vec::from_iter((0..workers).map(|_| Scratch::new())));
    let looks = |gate: String, begun: String| {
        open(&begun);
        pass(&gate);
        (mpexec_core::current_task().unwrap().worker, processors())
    };
    let asked: Vec<_> = begun.iter().map(|begun| pool.apply_async(looks, (gate.text(), begun.text()))).collect();
    wait_until("each worker has one", || begun.iter().all(Scratch::is_open));
    gate.open();
    let mut said: Vec<_> = asked.into_iter().map(|asked| asked.get().unwrap()).collect();
    said.sort();
    said.into_iter().map(|(_, set)| set).collect()
}

fn each_worker_has_one_processor_of_its_own_or_the_set_that_was_given(link: Transport) {
    let all = processors();
    let turns = |n: usize| vec![all[n % all.len()]];
    assert_eq!(
        processors_by_worker(builder(link, 3).affinity(Affinity::OneEach), 3),
        (0..3).map(turns).collect::<Vec<_>>()
    );
    let sets = vec![all.clone(), turns(all.len() - 1)];
    assert_eq!(
        processors_by_worker(builder(link, 3).affinity(Affinity::Sets(sets.clone())), 3),
        [&sets[0], &sets[1], &sets[0]].map(Clone::clone)
    );
    for plain in [builder(link, 1), builder(link, 1).affinity(Affinity::OneEach).affinity(Affinity::Any)] {
        assert_eq!(processors_by_worker(plain, 1), std::slice::from_ref(&all));
    }
}

fn what_is_inherited_or_dropped_is_not_shown_in_an_obituary(link: Transport) {
    let last_words = |stderr: Output| {
        let pool = Pool::builder().transport(link).workers(Workers::Exact(1)).stderr(stderr).build().unwrap();
        let dies = || -> () {
            eprintln!("last words");
            std::process::abort()
        };
        let Err(TaskError::Crashed { stderr, .. }) = pool.apply(dies, ()) else { panic!("it lived") };
        stderr
    };
    assert_eq!(last_words(Output::Keep), "last words");
    assert_eq!(last_words(Output::Null), "");
}

fn a_process_runs_where_it_was_told_to(link: Transport) {
    let one = *processors().last().unwrap();
    let looks = || (directory(), all_variables(), niceness().0, processors());
    let (own, _) = niceness();
    let process = Process::builder().transport(link).env("MPEXEC_A", "1").env_clear().env("MPEXEC_B", "2");
    let process = process.env("MPEXEC_C", "3").env_remove("MPEXEC_C").current_dir("/").nice(2).processors([one]);
    let mut process = process.stdout(Output::Null).stderr(Output::Null).spawn(looks, ()).unwrap();
    let (at, variables, nice, set) = process.join().unwrap();
    assert_eq!(at, PathBuf::from("/"));
    assert_eq!(variables, [("MPEXEC_B".to_owned(), "2".to_owned())]);
    assert_eq!((nice, set), ((own + 2).min(19), vec![one]));
}

/// Nothing was started for a pool that was refused.
#[track_caller]
fn refused(builder: PoolBuilder) -> PoolError {
    let error = builder.label("refused").build().expect_err("there is a pool");
    assert!(active_children().iter().all(|child| child.name != "refused worker"));
    error
}

#[test]
fn what_cannot_be_had_is_said_before_anything_is_started() {
    let _watchdog = Watchdog::new();
    let missing = Scratch::new();
    for bad in [missing.path(), &std::env::current_exe().unwrap()] {
        match refused(Pool::builder().current_dir(bad)) {
            PoolError::WorkingDirectory { path, .. } => assert_eq!(&path, bad),
            other => panic!("{other:?}"),
        }
    }
    for builder in [
        Pool::builder().env("", "1"),
        Pool::builder().env("A=B", "1"),
        Pool::builder().env("A\0", "1"),
        Pool::builder().env("A", "1\0"),
        Pool::builder().env_remove("A=B"),
        Pool::builder().affinity(Affinity::Sets(vec![])),
        Pool::builder().affinity(Affinity::Sets(vec![vec![0], vec![]])),
        Pool::builder().stdout(Output::Keep),
        Pool::builder().transport(Transport::Memory).env("A", "1"),
        Pool::builder().transport(Transport::Memory).nice(1),
    ] {
        let error = refused(builder);
        assert!(matches!(error, PoolError::BadSetting { .. }), "{error:?}");
    }
    let none = u32::MAX;
    let error = refused(Pool::builder().affinity(Affinity::Sets(vec![vec![none]])));
    assert!(matches!(&error, PoolError::System { what, .. } if what.contains(&none.to_string())), "{error:?}");
}

#[test]
fn a_niceness_that_the_system_refuses_is_a_typed_error() {
    let _watchdog = Watchdog::new();
    // Whoever may do this is privileged; a process that is not is made of one that is by giving up the privilege, which
    // ends with its thread.
    let tried = std::thread::spawn(|| {
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).ok()?;
        Some(Pool::builder().nice(-5).build().map(drop))
    });
    match tried.join().unwrap() {
        Some(Err(PoolError::System { what, .. })) => assert!(what.contains("-5"), "{what}"),
        None => assert!(matches!(Pool::builder().nice(-5).build(), Err(PoolError::System { .. }))),
        other => panic!("{other:?}"),
    }
    wait_until("nobody is left", || active_children().iter().all(|child| child.name != "refused worker"));
}
