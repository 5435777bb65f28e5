//! The kernel's own killer: who dies because memory has run out is told so. Memory runs out in a cgroup that is made for it; where
//! none may be made a line says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mpexec_core::{Exit, Pool, TaskError, Transport, WorkerStderr, Workers};
use rustix::process::Signal;

use crate::common::{LINKS, Watchdog};

const LINK: &str = "MPEXEC_TEST_LINK";
/// What all the processes of the program may have together.
const ROOM: u64 = 192 << 20;

/// A cgroup that has so much memory.
struct Narrow(PathBuf);

impl Narrow {
    /// Of whichever version has the controller of memory here.
    fn new() -> Option<Narrow> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = |mark: &str| {
            let line = groups.lines().find(|line| line.contains(mark))?;
            Some(line.rsplit(':').next()?.trim_start_matches('/').to_owned())
        };
        let mount = |kind: &str, option: &str| {
            let line = mounts.lines().find(|line| line.contains(kind) && line.ends_with(option))?;
            Some(PathBuf::from(line.split(' ').nth(4)?))
        };
        let first = || Some((mount(" - cgroup ", ",memory")?.join(own(":memory:")?), "memory.limit_in_bytes"));
        let second = || Some((mount(" - cgroup2 ", "")?.join(own("0::")?), "memory.max"));
        let (parent, limit) = first().or_else(second)?;
        let narrow = Narrow(parent.join(format!("narrow-{}", std::process::id())));
        std::fs::create_dir(&narrow.0).ok()?;
        std::fs::write(narrow.0.join(limit), ROOM.to_string()).ok()?;
        // Where there is swap it must not help.
        let _ = std::fs::write(narrow.0.join("memory.swap.max"), "0");
        let _ = std::fs::write(narrow.0.join("memory.memsw.limit_in_bytes"), ROOM.to_string());
        Some(narrow)
    }

    fn procs(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn kills_itself() {
    rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).unwrap();
    crate::common::forever();
}

fn takes_too_much() -> u64 {
    let bytes = std::hint::black_box(vec![1u8; 4 * usize::try_from(ROOM).unwrap()]);
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

#[test]
#[ignore = "the program of another test"]
fn a_program_in_a_narrow_cgroup() {
    let Ok(link) = std::env::var(LINK) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = link.parse().unwrap();
    let pool = Pool::builder().workers(Workers::Exact(1)).transport(link).stderr(WorkerStderr::Keep).build().unwrap();
    let told = |error: TaskError| {
        let TaskError::Crashed { exit: Exit::Signal(9), stderr, .. } = error else { panic!("{error:?}") };
        stderr
    };
    let plain = told(pool.apply(kills_itself, ()).unwrap_err());
    assert!(!plain.contains("memory"), "nobody ran out of memory: {plain}");
    let ran_out = told(pool.apply(takes_too_much, ()).unwrap_err());
    assert!(
        ran_out.contains("memory ran out: the kernel has just killed 1 process of this program's memory cgroup"),
        "{ran_out}"
    );
    assert_eq!(pool.apply(|n: u32| n + 1, (1,)).unwrap(), 2);
}

#[test]
fn a_worker_that_dies_because_memory_has_run_out_is_told_of_as_that() {
    let _watchdog = Watchdog::new();
    for link in LINKS {
        let Some(narrow) = Narrow::new() else {
            crate::common::skipped("no cgroup with little memory can be made here");
            return;
        };
        let program = std::env::current_exe().unwrap();
        let done = run(&program, &narrow, link);
        assert!(done.contains("1 passed"), "{done}");
    }
}

fn run(program: &Path, narrow: &Narrow, link: Transport) -> String {
    let turn = crate::writing_or_starting();
    let child = Command::new("sh")
        .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
        .arg(narrow.procs())
        .arg(program)
        .args(["memory_runs_out::a_program_in_a_narrow_cgroup", "--exact", "--ignored"])
        .env(LINK, link.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(turn);
    let done = child.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}
