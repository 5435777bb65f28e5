//! Coordinators that end: whatever ends them and whatever their workers do, the workers and what these started in their
//! group are gone at once.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mpexec_core::{Pool, Receiver, Sender, Shared, Transport, WorkerStderr, Workers, channel};
use rustix::process::Signal;

use crate::common::processes::{Held, alive, kill, signal, stopped};
use crate::common::{Scratch, Watchdog, forever, spin, wait_until};

/// Tells the program started again which link to take and where to write down who is there.
const LINK: &str = "MPEXEC_TEST_LINK";
const PIDS: &str = "MPEXEC_TEST_PIDS";
const PROGRAM: &str = "MPEXEC_TEST_PROGRAM";
const END: &str = "MPEXEC_TEST_END";
const WORKERS: usize = 7;

/// Written whole or not at all.
fn write_down(path: &str, text: &str) {
    let draft = format!("{path}.draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, path).unwrap();
}

fn read_pids(path: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// In a task: starts a child that would outlive everybody, and ends of no signal that can be ignored; tells its pid and the worker's, and
/// waits for it.
fn starts_a_grandchild(path: String) {
    let mut child = Command::new("sh").args(["-c", "trap '' HUP INT TERM; exec sleep 1000"]).spawn().unwrap();
    let ignores = || ignored_by(child.id()) >> (Signal::HUP.as_raw() - 1) & 1 == 1;
    wait_until("it ignores what it can", ignores);
    write_down(&path, &format!("{} {}", child.id(), std::process::id()));
    child.wait().unwrap();
}

fn ignored_by(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).unwrap_or(0)
}

fn adds_up_for_ever(numbers: Shared<u64>, out: Sender<u64>) {
    loop {
        // Once the way out is full this waits for a reader that never comes.
        let _ = out.send(&numbers.iter().sum());
    }
}

fn listens(messages: Receiver<u64>) -> u64 {
    messages.recv().unwrap_or(0)
}

fn loops() {
    loop {
        spin(Duration::from_secs(1));
    }
}

#[test]
#[ignore = "the coordinator that other tests start and kill"]
fn a_coordinator_with_busy_waiting_stopped_and_idle_workers() {
    let Ok(pids) = std::env::var(PIDS) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = std::env::var(LINK).unwrap().parse().unwrap();
    let pool =
        Pool::builder().workers(Workers::Exact(WORKERS)).transport(link).stderr(WorkerStderr::Keep).build().unwrap();
    assert!(pool.wait_ready(None));
    // The coordinator is killed, so it is for others to take this away.
    let grandchild = format!("{pids}.grandchild");
    // What lies in shared memory, and channels whose other ends are here, hold nobody either.
    let shared = Shared::from_slice(&vec![1u64; 1 << 16]).unwrap();
    let (_sender, receiver) = channel::<u64>().unwrap();
    let (back, _answers) = channel::<u64>().unwrap();
    let _running = (
        pool.apply_async(adds_up_for_ever, (&shared, back)),
        pool.apply_async(listens, (receiver,)),
        pool.apply_async(loops, ()),
        pool.apply_async(starts_a_grandchild, (grandchild.clone(),)),
        pool.apply_async(forever, ()),
    );
    wait_until("the grandchild runs", || !read_pids(grandchild.as_ref()).is_empty());
    let workers = pool.pids();
    let last = workers[WORKERS - 1];
    signal(last, Signal::STOP);
    signal(workers[0], Signal::STOP);
    wait_until("two workers are stopped", || stopped(last) && stopped(workers[0]));
    let [grandchild, its_worker] = read_pids(grandchild.as_ref())[..] else { panic!("two are told") };
    if std::env::var(END).is_ok_and(|end| end == "stopped group") {
        // The kernel sends SIGHUP to such a group before it lets it go on.
        Held::new(its_worker).unwrap().signal_group(Signal::STOP);
        wait_until("the whole group is stopped", || stopped(its_worker) && stopped(grandchild));
    }
    let all = workers.iter().chain(&[grandchild]).map(u32::to_string).collect::<Vec<_>>();
    write_down(&pids, &all.join(" "));
    if std::env::var(END).is_ok_and(|end| end == "exit") {
        std::process::exit(0);
    }
    forever();
}

struct Coordinator {
    child: Child,
    pids: Vec<u32>,
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A test that failed leaves nobody behind either.
        self.pids.iter().copied().filter(|pid| alive(*pid)).for_each(kill);
    }
}

fn start_coordinator(link: &str, end: &str) -> Coordinator {
    let pids = Scratch::new();
    let turn = crate::writing_or_starting();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["coordinators::a_coordinator_with_busy_waiting_stopped_and_idle_workers", "--exact", "--ignored"])
        .envs([(LINK, link), (PIDS, &pids.text()), (END, end)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(turn);
    wait_until("the coordinator has started all", || {
        if end != "exit"
            && let Some(status) = child.try_wait().unwrap()
        {
            let mut told = String::new();
            child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
            panic!("the coordinator ended by itself: {status}: {told}");
        }
        !read_pids(pids.path()).is_empty()
    });
    std::fs::remove_file(format!("{}.grandchild", pids.text())).unwrap();
    Coordinator { child, pids: read_pids(pids.path()) }
}

fn all_are_gone_soon(coordinator: &Coordinator) {
    assert_eq!(coordinator.pids.len(), WORKERS + 1, "the workers and a grandchild");
    // A second is promised, where there is a processor for those who die. Whoever were to be left would be so for a quarter of an hour and longer.
    wait_until("all are gone", || !coordinator.pids.iter().copied().any(alive));
}

#[test]
fn a_killed_coordinator_takes_all_its_workers_and_their_children_along() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let coordinator = start_coordinator(link, "killed");
        assert!(coordinator.pids.iter().copied().all(alive));
        kill(coordinator.child.id());
        all_are_gone_soon(&coordinator);
    }
}

#[test]
fn a_stopped_group_goes_with_its_killed_coordinator_whatever_its_members_ignore() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"].repeat(3) {
        let coordinator = start_coordinator(link, "stopped group");
        assert!(coordinator.pids.iter().copied().all(alive));
        kill(coordinator.child.id());
        all_are_gone_soon(&coordinator);
    }
}

#[test]
#[ignore = "the coordinator that another test starts and kills"]
fn a_coordinator_whose_workers_stop_before_their_program_has_begun() {
    let Ok(program) = std::env::var(PROGRAM) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let _pool = Pool::builder().workers(Workers::Exact(2)).worker_program(program).build().unwrap();
    forever();
}

#[test]
fn workers_that_were_stopped_before_their_program_had_begun_go_with_their_killed_coordinator() {
    let _watchdog = Watchdog::new();
    let (pids, program) = (Scratch::new(), Scratch::new());
    let turn = crate::writing_or_starting();
    std::fs::write(program.path(), format!("#!/bin/sh\necho $$ >> '{}'\nkill -STOP $$\n", pids.text())).unwrap();
    std::fs::set_permissions(program.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["coordinators::a_coordinator_whose_workers_stop_before_their_program_has_begun", "--exact", "--ignored"])
        .env(PROGRAM, program.text())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    drop(turn);
    let mut coordinator = Coordinator { child, pids: Vec::new() };
    wait_until("both workers are stopped", || {
        coordinator.pids = read_pids(pids.path());
        coordinator.pids.len() == 2 && coordinator.pids.iter().copied().all(stopped)
    });
    kill(coordinator.child.id());
    wait_until("nobody is left", || !coordinator.pids.iter().copied().any(alive));
}

#[test]
fn a_coordinator_that_exits_in_the_midst_of_work_leaves_nobody() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let mut coordinator = start_coordinator(link, "exit");
        assert!(coordinator.child.wait().unwrap().success());
        all_are_gone_soon(&coordinator);
    }
}
