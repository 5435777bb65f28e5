//! Programs that may have less than a pool would like: each gets a clear error or a pool that works, never a hang and never a
//! panic of ours. The scarce thing is asked for in a process of its own, because nobody gets it back.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mpexec_core::{
    Containment, Exit, Pool, PoolBuilder, PoolError, Process, Shared, TaskError, Transport, WorkerStderr, Workers,
};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::common::{Scratch, Watchdog, processes, wait_until};
use crate::refusing::refuse;
use crate::{no_more, reaping, refused};

const CASE: &str = "MPEXEC_TEST_CASE";
const LINK: &str = "MPEXEC_TEST_LINK";

type Case = (&'static str, fn(Transport));

/// What a program is short of, by name.
const CASES: [Case; 14] = [
    ("descriptors", few_descriptors),
    ("many-workers", more_workers_than_descriptors),
    ("processes", few_processes),
    ("no-more-processes", no_more::processes),
    ("memory-files", no_memory_files),
    ("reaped", reaping::children_that_others_reap),
    ("ignored", reaping::children_that_the_system_reaps),
    ("strict", a_strict_profile),
    ("pidfds", refused::no_pidfds),
    ("limits", refused::limits_that_are_not_told),
    ("sending", refused::nothing_can_be_sent),
    ("pairs", refused::no_socket_pairs),
    ("cgroups", no_cgroups),
    ("plain", works),
];

#[test]
#[ignore = "the program of other tests"]
fn a_program_that_is_short_of_something() {
    let (Ok(case), Ok(link)) = (std::env::var(CASE), std::env::var(LINK)) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let (_, run) = CASES.into_iter().find(|(name, _)| *name == case).unwrap();
    run(link.parse().unwrap());
}

/// This test program as a program that is short of something.
pub(crate) fn short_of(case: &str, link: &str, program: &Path) -> Command {
    let mut command = Command::new(program);
    // Threads of the harness that are no threads of the pool's would blur the picture.
    command.args(["scarcity::a_program_that_is_short_of_something", "--exact", "--ignored", "--test-threads=1"]);
    command.envs([(CASE, case), (LINK, link)]).env_remove("RUST_TEST_THREADS").stdin(Stdio::null());
    command
}

#[track_caller]
pub(crate) fn ends_well(mut command: Command) {
    let turn = crate::writing_or_starting();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(turn);
    let done = child.wait_with_output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{:?}: {told}", done.status);
    assert!(told.contains("1 passed"), "it was not run: {told}");
    assert!(!told.contains("panicked"), "{told}");
}

pub(crate) fn own() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

pub(crate) fn builder(link: Transport, workers: usize) -> PoolBuilder {
    Pool::builder().workers(Workers::Exact(workers)).transport(link).stderr(WorkerStderr::Keep).ring_capacity(1 << 16)
}

pub(crate) fn limit(resource: Resource, soft: u64) {
    let mut limit = getrlimit(resource);
    limit.current = Some(soft);
    setrlimit(resource, limit).unwrap();
}

/// A pool that works gives the right answers; an error says which thing is missing.
pub(crate) fn right_or_told(pool: Result<Pool, PoolError>, said: &str) -> bool {
    let told = match pool.map(|pool| (pool.map(|n: u64| n * n, 0..100), pool)) {
        Ok((Ok(squares), pool)) => {
            assert!(squares.into_iter().eq((0..100).map(|n| n * n)));
            pool.close();
            pool.join().unwrap();
            return true;
        }
        Ok((Err(error), _)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    assert!(told.contains(said), "{told}");
    false
}

fn works(link: Transport) {
    assert!(right_or_told(builder(link, 2).build(), "nothing is scarce"));
}

fn few_descriptors(link: Transport) {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let mut limit = getrlimit(Resource::Nofile);
    let mut worked = Vec::new();
    // From none at all to enough; the hard limit only goes down, so from above.
    for more in (0..60).rev() {
        (limit.current, limit.maximum) = (Some(open + more), Some(open + more));
        setrlimit(Resource::Nofile, limit).unwrap();
        worked.push(right_or_told(builder(link, 2).build(), "open files"));
        if more == 6 {
            // While the test itself can look, once the last pool has let go of its own: none is left of those that could not be
            // held.
            wait_until("there is room to look", || {
                [(); 3].map(|()| std::fs::File::open("/dev/null")).iter().all(Result::is_ok)
            });
            wait_until("nobody is left", || processes::children().is_empty());
        }
    }
    assert!(worked[0] && !worked[59], "{worked:?}");
}

fn more_workers_than_descriptors(link: Transport) {
    let mut limit = getrlimit(Resource::Nofile);
    (limit.current, limit.maximum) = (Some(200), Some(200));
    setrlimit(Resource::Nofile, limit).unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let kept = notes.clone();
    let pool = builder(link, 512).notes(move |line: &str| kept.lock().unwrap().push(line.to_owned())).build();
    let pool = pool.expect("the first workers serve");
    for _ in 0..3 {
        assert!(pool.map(|n: u64| n * n, 0..1_000).unwrap().into_iter().eq((0..1_000).map(|n| n * n)));
    }
    wait_until("it was told", || notes.lock().unwrap().iter().any(|line: &String| line.contains("open files")));
    let there = pool.pids().len();
    assert!((1..200).contains(&there), "{there}");
    // Who cannot be replaced at once is replaced when there is room again, and nobody is told of it a thousand times.
    let Err(TaskError::Crashed { .. }) = pool.apply(|| -> u8 { std::process::abort() }, ()) else { panic!("it lived") };
    assert_eq!(pool.apply(|n: u8| n + 1, (1,)).unwrap(), 2);
    assert!(notes.lock().unwrap().len() < 20, "{}", notes.lock().unwrap().len());
    pool.close();
    pool.join().unwrap();
}

/// How many threads this user has.
fn threads_of_this_user() -> u64 {
    let own = rustix::process::getuid().as_raw().to_string();
    let numbered = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let processes = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| numbered(&entry.file_name()));
    let status = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok());
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().unwrap_or_default().to_owned()
    };
    status
        .filter(|status| field(status, "Uid:") == own)
        .map(|status| field(&status, "Threads:").parse().unwrap_or(0))
        .sum()
}

fn few_processes(link: Transport) {
    let now = threads_of_this_user();
    let mut worked = Vec::new();
    for more in 0..24 {
        limit(Resource::Nproc, now + more);
        worked.push(right_or_told(builder(link, 2).build(), "temporarily unavailable"));
    }
    assert!(!worked[0], "with {now} threads: {worked:?}");
    // Pools that did not come up, or were dropped, take a moment to be gone, and count until then.
    wait_until("one works", || right_or_told(builder(link, 2).build(), "temporarily unavailable"));
    // A process of its own is told likewise.
    limit(Resource::Nproc, 1);
    let error = Process::spawn(|| 1, ()).map(|mut process| process.join());
    assert!(!matches!(error, Ok(Ok(_))), "{error:?}");
}

fn no_memory_files(link: Transport) {
    refuse(libc::SYS_memfd_create, libc::EPERM);
    let notes = Arc::new(Mutex::new(Vec::new()));
    let kept = notes.clone();
    let built = builder(link, 2).notes(move |line: &str| kept.lock().unwrap().push(line.to_owned())).build();
    if link == Transport::Shm {
        let error = built.unwrap_err().to_string();
        assert!(error.contains("shared") && error.contains("socket") && error.contains("not permitted"), "{error}");
        return;
    }
    let pool = built.unwrap();
    assert_eq!(pool.transport(), Transport::Socket);
    assert_eq!(link == Transport::Auto, notes.lock().unwrap().iter().any(|line: &String| line.contains("sockets")));
    assert!(pool.map(|n: u64| n * n, 0..1_000).unwrap().into_iter().eq((0..1_000).map(|n| n * n)));
    let Err(TaskError::Crashed { backtrace, exit, .. }) = pool.apply(|| -> u8 { std::process::abort() }, ()) else {
        panic!("it lived")
    };
    assert!(exit == Exit::Signal(6) && backtrace.is_none(), "it has nowhere to write");
    // What is long travels in a memory file on every link: that is told, and the pool goes on.
    let Err(TaskError::ArgumentUnencodable { message }) = pool.apply(|bytes: Vec<u8>| bytes.len(), (vec![7; 1 << 20],))
    else {
        panic!("it was sent")
    };
    assert!(message.contains("no memory file could be had") && message.contains("not permitted"), "{message}");
    let Err(TaskError::ResultUnencodable { message }) = pool.apply(|| vec![7u8; 1 << 20], ()) else {
        panic!("it came")
    };
    assert!(message.contains("not permitted"), "{message}");
    assert!(Shared::from_slice(&[1u64, 2]).unwrap_err().to_string().contains("not permitted"));
    assert!(builder(link, 1).capture_output(100).build().unwrap_err().to_string().contains("not permitted"));
    assert_eq!(pool.apply(|n: u8| n + 1, (1,)).unwrap(), 2);
}

/// What an older profile, or an older kernel, refuses: each has another way.
fn a_strict_profile(link: Transport) {
    for call in [
        libc::SYS_close_range,
        libc::SYS_process_vm_readv,
        libc::SYS_timer_create,
        libc::SYS_pidfd_send_signal,
        libc::SYS_epoll_pwait2,
    ] {
        refuse(call, libc::EPERM);
    }
    works(link);
    // Limits that are too long for the older of two calls.
    let pool =
        builder(link, 1).handshake_limit(Duration::MAX).response_limit(Duration::from_secs(1 << 32)).build().unwrap();
    let Err(TaskError::Crashed { exit, backtrace, .. }) = pool.apply(gives_up, ()) else { panic!("it lived") };
    assert_eq!(exit, Exit::Signal(6));
    assert!(backtrace.unwrap().to_string().contains("gives_up"));
    let running = pool.apply_async(crate::common::forever, ());
    running.abort();
    assert!(running.get().is_err());
    assert_eq!(pool.apply(|n: u8| n + 1, (1,)).unwrap(), 2);
}

#[inline(never)]
fn gives_up() -> u8 {
    std::process::abort()
}

fn no_cgroups(link: Transport) {
    refuse(libc::SYS_mkdirat, libc::EACCES);
    #[cfg(target_arch = "x86_64")]
    refuse(libc::SYS_mkdir, libc::EACCES);
    let notes = Arc::new(Mutex::new(Vec::new()));
    let kept = notes.clone();
    let builder = builder(link, 2).notes(move |line: &str| kept.lock().unwrap().push(line.to_owned()));
    let pool = builder.containment(Containment::Cgroup).build().unwrap();
    assert_eq!(pool.containment(), Containment::ProcessGroup);
    assert!(notes.lock().unwrap().iter().any(|line: &String| line.contains("takes their process group")));
    assert!(right_or_told(Ok(pool), "nothing else is scarce"));
}

#[test]
fn a_program_with_few_descriptors_works_or_says_so() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        ends_well(short_of("descriptors", link, &own()));
    }
}

#[test]
fn more_workers_than_descriptors_are_as_many_as_there_can_be() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        ends_well(short_of("many-workers", link, &own()));
    }
}

#[test]
fn a_program_that_may_start_few_processes_works_or_says_so() {
    let _watchdog = Watchdog::new();
    as_somebody_with_limits("processes");
}

pub(crate) fn as_somebody_with_limits(case: &str) {
    // No limit holds root back, so there it is another user; who must be able to read the program.
    let copy = Scratch::new();
    {
        let _turn = crate::writing_or_starting();
        std::fs::copy(own(), copy.path()).unwrap();
    }
    for link in ["shm", "socket"] {
        let mut command = short_of(case, link, copy.path());
        if rustix::process::geteuid().is_root() {
            // One that nobody has, so that nothing else of that user's comes and goes; nor another test's.
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let user = 61_000 + std::process::id() % 400 * 10 + NEXT.fetch_add(1, Ordering::Relaxed) % 10;
            command.uid(user).gid(user).current_dir("/");
        }
        ends_well(command);
    }
}

#[test]
fn without_memory_files_auto_takes_the_socket_and_shm_says_why_not() {
    let _watchdog = Watchdog::new();
    for link in ["auto", "socket", "shm"] {
        ends_well(short_of("memory-files", link, &own()));
    }
}

#[test]
fn where_the_kernel_refuses_what_there_is_another_way_for_a_pool_works() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        ends_well(short_of("strict", link, &own()));
    }
}

#[test]
fn where_no_cgroup_can_be_made_kills_take_the_process_group_and_that_is_told() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        ends_well(short_of("cgroups", link, &own()));
    }
}

#[test]
fn a_host_program_that_reaps_or_ignores_its_children_leaves_the_pool_alone() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        ends_well(short_of("reaped", link, &own()));
        // Started by somebody who ignores SIGCHLD, which not every shell can do.
        let call = short_of("ignored", link, &own());
        let mut env = Command::new("env");
        env.arg("--ignore-signal=CHLD").arg(call.get_program()).args(call.get_args());
        env.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
        ends_well(env);
    }
}

/// A program in name spaces of its own, where it may mount, after `prepare`; `None`: this system does not allow it.
fn in_own_spaces(prepare: &str, call: &Command) -> Option<Command> {
    let allowed = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        crate::common::skipped(format!("no name spaces of one's own are to be had here: {prepare}"));
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &format!("{prepare} && exec \"$0\" \"$@\"")]);
    command.arg(call.get_program()).args(call.get_args());
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    Some(command)
}

#[test]
fn without_proc_a_pool_works_all_the_same() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let call = short_of("plain", link, &own());
        in_own_spaces("mount -t tmpfs none /proc", &call).into_iter().for_each(ends_well);
    }
}

#[test]
fn where_nothing_can_be_written_a_pool_works_all_the_same() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let mut call = short_of("plain", link, &own());
        for variable in ["HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"] {
            call.env(variable, "/nonexistent/nowhere");
        }
        call.current_dir("/proc");
        if let Some(spaces) = in_own_spaces("mount -o remount,bind,ro / && mount -t tmpfs -o ro none /dev/shm", &call) {
            ends_well(spaces);
        }
        ends_well(call);
    }
}
