//! One process for one call: its result, its end, and what can be done to it meanwhile.

use std::time::Duration;

use mpexec_core::{Exit, Output, PoolError, Process, ProcessBuilder, TaskError, Transport, active_children, parent};

use crate::common::processes::alive;
use crate::common::{Scratch, forever, open, pass, wait_until};

crate::process_contract![
    a_process_returns_what_its_function_returned,
    a_process_lives_until_its_function_returns,
    a_process_that_was_joined_in_vain_is_joined_again,
    a_process_is_joined_only_when_it_is_over,
    a_killed_process_says_by_which_signal,
    a_process_that_was_asked_to_end_does,
    an_interrupted_process_ends_as_at_ctrl_c,
    signals_to_a_process_that_is_over_reach_nobody,
    a_process_whose_function_panics_or_exits_says_so,
    a_process_whose_function_ends_its_thread_alone_comes_to_an_end,
    a_process_whose_handle_is_dropped_goes_on,
    many_processes_run_side_by_side,
    a_process_has_its_name_wherever_one_looks,
    a_process_knows_its_parent,
    children_are_listed_while_they_live,
    a_process_that_dies_before_it_is_ready_is_an_error_at_once,
];

fn builder(link: Transport) -> ProcessBuilder {
    Process::builder().transport(link)
}

fn a_process_returns_what_its_function_returned(link: Transport) {
    let mut process = builder(link).spawn(|a: u64, b: u64| (std::process::id(), a * b), (6, 7)).unwrap();
    assert_ne!(process.pid(), std::process::id());
    assert!(process.name().starts_with("Process-"));
    assert_eq!(process.join().unwrap(), (process.pid(), 42));
    assert_eq!(process.exit_status(), Some(Exit::Code(0)));
    assert!(!process.is_alive());
    assert!(!alive(process.pid()));
    let error = process.join().unwrap_err();
    assert!(matches!(error, TaskError::Cancelled { .. }) && error.to_string().contains("fetched before"), "{error}");
}

fn a_process_lives_until_its_function_returns(link: Transport) {
    let gate = Scratch::new();
    let mut process = builder(link).spawn(|gate: String| pass(&gate), (gate.text(),)).unwrap();
    assert!(process.is_alive());
    assert_eq!(process.exit_status(), None);
    gate.open();
    process.join().unwrap();
    assert_eq!(process.exit_status(), Some(Exit::Code(0)));
}

fn a_process_that_was_joined_in_vain_is_joined_again(link: Transport) {
    let gate = Scratch::new();
    let task = |gate: String| {
        pass(&gate);
        7
    };
    let mut process = builder(link).spawn(task, (gate.text(),)).unwrap();
    assert!(process.join_timeout(Duration::from_millis(5)).is_err());
    assert!(process.join_timeout(Duration::ZERO).is_err());
    gate.open();
    assert_eq!(process.join().unwrap(), 7);
}

/// Runs when the process leaves, after its function has returned.
struct AtTheEnd(String);

thread_local! {
    static AT_THE_END: std::cell::RefCell<Option<AtTheEnd>> = const { std::cell::RefCell::new(None) };
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        pass(&self.0);
    }
}

fn a_process_is_joined_only_when_it_is_over(link: Transport) {
    let gate = Scratch::new();
    let returns_and_lingers = |gate: String| {
        AT_THE_END.set(Some(AtTheEnd(gate)));
        7
    };
    let mut process = builder(link).spawn(returns_and_lingers, (gate.text(),)).unwrap();
    // Its result may be here by now; it lives, so it is not joined, and the result is kept.
    if process.join_timeout(Duration::from_millis(20)).is_err() {
        gate.open();
        assert_eq!(process.join().unwrap(), 7);
    }
    assert!(!alive(process.pid()));
}

fn a_killed_process_says_by_which_signal(link: Transport) {
    let mut process = builder(link).spawn(forever, ()).unwrap();
    process.kill();
    let Err(TaskError::Crashed { pid, exit, .. }) = process.join() else { panic!("it returned") };
    assert_eq!((pid, exit), (process.pid(), Exit::Signal(9)));
    assert_eq!(process.exit_status(), Some(Exit::Signal(9)));
    assert!(!process.is_alive());
}

fn a_process_whose_function_ends_its_thread_alone_comes_to_an_end(link: Transport) {
    let mut process = builder(link).spawn(mpexec_testkit::end_this_thread, ()).unwrap();
    let outcome = process.join();
    let Err(TaskError::Crashed { exit, stderr, .. }) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(*exit, Exit::Signal(9));
    assert!(stderr.contains("the thread that ran its tasks has ended, and the process has not"), "{stderr}");
}

/// A process whose function runs and never returns.
fn running(link: Transport) -> Process<()> {
    let started = Scratch::new();
    let task = |started: String| {
        open(&started);
        forever();
    };
    let process = builder(link).spawn(task, (started.text(),)).unwrap();
    wait_until("its function runs", || started.is_open());
    process
}

fn a_process_that_was_asked_to_end_does(link: Transport) {
    let mut process = running(link);
    process.terminate();
    assert!(matches!(process.join(), Err(TaskError::Crashed { exit: Exit::Signal(15), .. })));
    assert_eq!(process.exit_status(), Some(Exit::Signal(15)));
}

/// Whether this process ignores SIGINT, as one does that a shell has put into the background, and what it starts too.
fn interrupts_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.unwrap_or_default() >> 1 & 1 == 1
}

fn an_interrupted_process_ends_as_at_ctrl_c(link: Transport) {
    if interrupts_are_ignored() {
        return crate::common::skipped("SIGINT is ignored here, as in the background of a shell");
    }
    let mut process = running(link);
    process.interrupt();
    assert!(matches!(process.join(), Err(TaskError::Crashed { exit: Exit::Signal(2), .. })));
    assert_eq!(process.exit_status(), Some(Exit::Signal(2)));
}

fn signals_to_a_process_that_is_over_reach_nobody(link: Transport) {
    let mut process = builder(link).spawn(|| 1, ()).unwrap();
    assert_eq!(process.join().unwrap(), 1);
    process.interrupt();
    process.terminate();
    process.kill();
    assert_eq!(process.exit_status(), Some(Exit::Code(0)));
}

fn leave(code: i32) {
    std::process::exit(code)
}

fn a_process_whose_function_panics_or_exits_says_so(link: Transport) {
    let mut process = builder(link).spawn(|n: u32| assert!(n > 5, "too few: {n}"), (3,)).unwrap();
    let Err(TaskError::Panicked { message, .. }) = process.join() else { panic!("it returned") };
    assert_eq!(message, "too few: 3");
    assert_eq!(process.exit_status(), Some(Exit::Code(1)));
    let mut process = builder(link).spawn(leave, (42,)).unwrap();
    assert!(matches!(process.join(), Err(TaskError::Crashed { exit: Exit::Code(42), .. })));
    assert_eq!(process.exit_status(), Some(Exit::Code(42)));
}

fn a_process_whose_handle_is_dropped_goes_on(link: Transport) {
    // Some have begun when their handle is dropped, some have not.
    let (gate, done) = (Scratch::new(), [(); 8].map(|()| Scratch::new()));
    let task = |gate: String, done: String| {
        pass(&gate);
        open(&done);
    };
    let pids = done.each_ref().map(|done| builder(link).spawn(task, (gate.text(), done.text())).unwrap().pid());
    gate.open();
    wait_until("they have done their work", || done.iter().all(Scratch::is_open));
    wait_until("they have left", || active_children().iter().all(|child| !pids.contains(&child.pid)));
    assert!(!pids.into_iter().any(alive));
}

fn many_processes_run_side_by_side(link: Transport) {
    let mut all: Vec<_> = (0..8u32).map(|n| builder(link).spawn(|n: u32| n * n, (n,)).unwrap()).collect();
    assert!(all.iter_mut().map(|process| process.join().unwrap()).eq((0..8).map(|n| n * n)));
}

fn a_process_has_its_name_wherever_one_looks(link: Transport) {
    let looks = || ["comm", "cmdline"].map(|file| std::fs::read_to_string(format!("/proc/self/{file}")).unwrap());
    let mut process = builder(link).name("counts the rows of it").spawn(looks, ()).unwrap();
    assert_eq!(process.name(), "counts the rows of it");
    let [comm, cmdline] = process.join().unwrap();
    assert_eq!(comm, "counts the rows\n", "the kernel keeps 15 bytes");
    assert!(cmdline.starts_with("counts the rows of it\0"), "{cmdline:?}");
}

#[test]
fn a_process_that_cannot_be_one_is_refused() {
    let _watchdog = crate::common::Watchdog::new();
    for builder in [
        Process::builder().transport(Transport::Memory),
        Process::builder().name("a\0b"),
        Process::builder().stdout(Output::Keep),
        Process::builder().die_with_parent(false).stderr(Output::Keep),
        Process::builder().die_with_parent(false).stderr(Output::Forward),
        Process::builder().die_with_parent(false).stdout(Output::Forward),
        Process::builder().current_dir("/").env("=", ""),
    ] {
        let error = builder.clone().spawn(|| (), ()).expect_err("it was started");
        assert!(matches!(error, PoolError::BadSetting { .. }), "{builder:?}: {error:?}");
    }
    let mut quiet =
        Process::builder().die_with_parent(false).stderr(Output::Null).spawn(|| eprintln!("x"), ()).unwrap();
    quiet.join().unwrap();
}

fn a_process_knows_its_parent(link: Transport) {
    assert_eq!(parent(), None);
    let asks = || parent().map(|parent| (parent.pid, parent.name.clone(), parent.is_alive()));
    let (pid, name, alive) = builder(link).spawn(asks, ()).unwrap().join().unwrap().unwrap();
    assert_eq!((pid, alive), (std::process::id(), true));
    let program = std::env::current_exe().unwrap();
    assert_eq!(name, program.file_name().unwrap().to_str().unwrap());
    // A process of a process: its parent is called what that one was called.
    let asks_inside = |asked: String| {
        let link = asked.parse().unwrap();
        let asks = || parent().map(|parent| (parent.pid, parent.name));
        (std::process::id(), builder(link).spawn(asks, ()).unwrap().join().unwrap().unwrap())
    };
    let mut outer = builder(link).name("outer").spawn(asks_inside, (link.name().to_owned(),)).unwrap();
    let (own, (pid, name)) = outer.join().unwrap();
    assert_eq!((pid, name.as_str()), (own, "outer"));
}

fn children_are_listed_while_they_live(link: Transport) {
    let names = |pids: &[u32]| {
        let mine = active_children().into_iter().filter(|child| pids.contains(&child.pid));
        mine.map(|child| child.name).collect::<Vec<_>>()
    };
    let pool = crate::common::builder(link, 2).label("list").build().unwrap();
    assert!(pool.wait_ready(None));
    let workers = pool.pids();
    let gate = Scratch::new();
    let mut process = builder(link).name("listed").spawn(|gate: String| pass(&gate), (gate.text(),)).unwrap();
    assert_eq!(names(&[process.pid()]), ["listed"]);
    assert_eq!(names(&workers), ["list worker", "list worker"]);
    gate.open();
    process.join().unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(names(&workers), [""; 0]);
    assert_eq!(names(&[process.pid()]), [""; 0]);
    // A child that was killed is none any more once it was joined.
    let mut process = running(link);
    process.kill();
    assert!(process.join().is_err());
    assert_eq!(names(&[process.pid()]), [""; 0]);
}

fn a_process_that_dies_before_it_is_ready_is_an_error_at_once(link: Transport) {
    if !cfg!(target_env = "gnu") {
        return;
    }
    // The dynamic linker then says what it can be asked, and ends.
    match builder(link).env("LD_DEBUG", "help").spawn(|n: u8| n, (1,)) {
        Err(PoolError::WorkerProgram { what, .. }) => assert!(what.contains("exited with code 0"), "{what}"),
        other => panic!("{other:?}"),
    }
}
