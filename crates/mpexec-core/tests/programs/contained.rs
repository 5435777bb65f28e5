//! What has left its worker's process group dies with the worker all the same, in a pool with cgroups; and no cgroup is left
//! behind. Where none may be made a line says so.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use mpexec_core::{Containment, Pool, PoolBuilder, TaskError, Transport, Workers};

use crate::common::processes::{alive, kill};
use crate::common::{LINKS, Scratch, Watchdog, at_some_pace, forever, wait_until};

const LINK: &str = "MPEXEC_TEST_LINK";
const TOLD: &str = "MPEXEC_TEST_TOLD";

fn builder(link: Transport, containment: Containment) -> PoolBuilder {
    Pool::builder().workers(Workers::Exact(2)).transport(link).containment(containment)
}

/// `None`, and a line, where the workers can have no cgroups.
fn contained(link: Transport) -> Option<Pool> {
    let pool = builder(link, Containment::Cgroup).build().unwrap();
    let is = pool.containment() == Containment::Cgroup;
    if !is {
        crate::common::skipped("no cgroup may be made here");
    }
    is.then_some(pool)
}

/// A process that has left the group of whoever started it. What it tells is written whole or not at all.
fn start_a_daemon(told: &str) {
    let draft = format!("{told}.draft");
    let script = format!("echo $$ > '{draft}'; mv '{draft}' '{told}'; exec sleep 1000");
    let mut daemon = Command::new("setsid").args(["sh", "-c", &script]).spawn().unwrap();
    wait_until("it is there", || std::fs::exists(told).unwrap());
    // Whoever started it lives on.
    assert!(daemon.try_wait().unwrap().is_none());
}

/// The same by a child of a child, which wait for it, in the group and out of it.
fn grandchildren_and_no_end(told: String) {
    let script =
        format!("sh -c 'setsid sleep 1000 & echo $! $$ $PPID > {told}.draft; mv {told}.draft {told}; wait' & wait");
    let mut child = Command::new("sh").args(["-c", &script]).spawn().unwrap();
    child.wait().unwrap();
}

fn daemon_and_no_end(told: String) {
    start_a_daemon(&told);
    forever();
}

fn daemon_and_exit(told: String) {
    start_a_daemon(&told);
    std::process::exit(3);
}

/// The folder of the cgroup that this process is in, if it is one of ours.
fn own_folder() -> Option<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?;
    own.contains("mpexec-").then(|| PathBuf::from(mount).join(own))
}

fn told(file: &Scratch) -> u32 {
    wait_until("a number was written down", || file.path().exists());
    std::fs::read_to_string(file.path()).unwrap().trim().parse().unwrap()
}

#[test]
fn a_process_that_has_left_the_group_dies_with_its_worker_however_that_ends() {
    let _watchdog = Watchdog::new();
    for link in LINKS {
        let Some(pool) = contained(link) else { return };
        let folder = pool.apply(own_folder, ()).unwrap().unwrap();
        assert!(folder.exists());
        let aborted = Scratch::new();
        let pending = pool.apply_async(daemon_and_no_end, (aborted.text(),));
        let daemon = told(&aborted);
        assert!(alive(daemon));
        pending.abort();
        wait_until("it dies at an abort", || !alive(daemon));
        // Which task it is, and how many are to be there when its time is up.
        let at_a_limit = |task: fn(&Pool, &Scratch, Duration) -> Result<(), TaskError>, wanted: usize| {
            let family = RefCell::new(Vec::new());
            at_some_pace(|slower| {
                let told = Scratch::new();
                let limited = task(&pool, &told, Duration::from_secs(2) * slower);
                assert!(matches!(limited, Err(TaskError::TimedOut { .. })), "{limited:?}");
                let text = std::fs::read_to_string(told.path()).expect("all are there by then");
                family.replace(text.split_whitespace().map(|pid| pid.parse().unwrap()).collect());
            });
            let family: Vec<u32> = family.take();
            assert_eq!(family.len(), wanted);
            family
        };
        let late =
            at_a_limit(|pool, told, limit| pool.call().time_limit(limit).apply(daemon_and_no_end, (told.text(),)), 1);
        wait_until("it dies at a limit", || !alive(late[0]));
        let family = at_a_limit(
            |pool, told, limit| pool.call().time_limit(limit).apply(grandchildren_and_no_end, (told.text(),)),
            3,
        );
        wait_until("grandchildren die at a limit, in the group and out of it", || {
            !family.iter().any(|pid| alive(*pid))
        });
        let left = Scratch::new();
        let crashed = pool.apply(daemon_and_exit, (left.text(),));
        assert!(matches!(crashed, Err(TaskError::Crashed { .. })), "{crashed:?}");
        let daemon = told(&left);
        wait_until("it dies with a worker that dies by itself", || !alive(daemon));
        assert_eq!(pool.map(|n: u64| n, 0..100).unwrap().len(), 100);
        assert_eq!(pool.containment(), Containment::Cgroup);
        let closing = Scratch::new();
        pool.apply(|told: String| start_a_daemon(&told), (closing.text(),)).unwrap();
        let daemon = told(&closing);
        pool.close();
        pool.join().unwrap();
        assert!(!alive(daemon), "it dies with the pool");
        assert!(!folder.parent().unwrap().exists(), "cgroups are left behind");
    }
}

#[test]
fn without_a_cgroup_it_lives_on_as_the_documents_say() {
    let _watchdog = Watchdog::new();
    for link in LINKS {
        let pool = builder(link, Containment::ProcessGroup).build().unwrap();
        assert_eq!(pool.containment(), Containment::ProcessGroup);
        assert_eq!(pool.apply(own_folder, ()).unwrap(), None);
        let left = Scratch::new();
        assert!(pool.apply(daemon_and_exit, (left.text(),)).is_err());
        pool.terminate();
        pool.join().unwrap();
        let daemon = told(&left);
        assert!(alive(daemon));
        kill(daemon);
    }
}

#[test]
#[ignore = "the coordinator that another test starts and kills"]
fn a_coordinator_with_daemons() {
    let (Ok(link), Ok(file)) = (std::env::var(LINK), std::env::var(TOLD)) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let pool = builder(link.parse().unwrap(), Containment::Cgroup).build().unwrap();
    let daemon = Scratch::new();
    let folder = pool.apply(own_folder, ()).unwrap();
    let _running = pool.apply_async(daemon_and_no_end, (daemon.text(),));
    let all = format!("{} {}", told(&daemon), folder.unwrap_or_default().display());
    let draft = format!("{file}.draft");
    std::fs::write(&draft, all).unwrap();
    std::fs::rename(&draft, &file).unwrap();
    forever();
}

#[test]
fn it_dies_with_a_coordinator_that_is_killed_and_the_next_pool_removes_the_cgroups() {
    let _watchdog = Watchdog::new();
    for link in LINKS {
        let Some(before) = contained(link) else { return };
        let file = Scratch::new();
        let turn = crate::writing_or_starting();
        let mut coordinator = Command::new(std::env::current_exe().unwrap())
            .args(["contained::a_coordinator_with_daemons", "--exact", "--ignored"])
            .envs([(LINK, link.name()), (TOLD, &file.text())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        drop(turn);
        wait_until("it has told", || file.path().exists());
        let all = std::fs::read_to_string(file.path()).unwrap();
        let (daemon, folder) = all.split_once(' ').unwrap();
        let (daemon, folder) = (daemon.parse().unwrap(), PathBuf::from(folder).parent().unwrap().to_owned());
        assert!(alive(daemon) && folder.exists());
        kill(coordinator.id());
        coordinator.wait().unwrap();
        wait_until("it is gone too", || !alive(daemon));
        let Some(next) = contained(link) else { panic!("there were cgroups before") };
        wait_until("the cgroups are removed", || !folder.exists());
        // What belongs to a pool that lives is not.
        for pool in [before, next] {
            assert!(pool.apply(own_folder, ()).unwrap().unwrap().exists());
            assert_eq!(pool.containment(), Containment::Cgroup);
        }
    }
}
