//! Who is started is safe from the first moment on; a forked child of a process that has started children starts its own.
#![expect(unsafe_code, reason = "fork, as a user's program may do it")]

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::{Bell, Birth, ChildProcess, spawn};
use crate::error::Exit;

fn birth(words: &[&str]) -> Birth {
    Birth {
        program: format!("/bin/{}", words[0]).into(),
        arguments: words.iter().map(OsString::from).collect(),
        environment: std::env::vars_os().collect(),
        directory: None,
        streams: [None, None, None],
    }
}

fn started(birth: Birth) -> std::io::Result<ChildProcess> {
    let bell = Arc::new(Bell::new().unwrap());
    spawn(birth, bell.clone()).and_then(|spawning| {
        poll(&mut [PollFd::new(&*bell, PollFlags::IN)], None)?;
        spawning.take().unwrap()
    })
}

/// Starts a program and waits for it.
fn start() -> bool {
    started(birth(&["true"])).is_ok_and(|mut child| {
        assert!(child.wait_over(Some(Duration::from_secs(200))));
        child.try_wait() == Some(Exit::Code(0))
    })
}

#[test]
fn who_asks_for_the_status_does_not_end_a_child_that_has_done_nothing_yet() {
    // It never does anything about signals: what holds for it holds for a worker before its first step.
    let mut child = started(birth(&["sleep", "3600"])).unwrap();
    let pid = Pid::from_raw(child.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::USR1).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.pid())).unwrap();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
    let pending = u64::from_str_radix(pending.trim(), 16).unwrap();
    assert_eq!(pending & 1 << (libc::SIGUSR1 - 1), 1 << (libc::SIGUSR1 - 1), "it waits: {status}");
    assert_eq!(child.try_wait(), None);
    child.kill_group();
    assert!(child.wait_over(Some(Duration::from_secs(200))));
}

#[test]
fn a_forked_child_starts_processes_of_its_own_and_so_does_its_child() {
    assert!(start());
    // SAFETY: the child calls nothing but what this test is about, whose locks no other thread of this program
    // holds for longer than an instant, and leaves by `_exit` without a look at the rest of the program.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        // SAFETY: as above.
        let forked = unsafe { libc::fork() };
        let well = match forked {
            0 => start() && start(),
            _ => ended_well(forked) && start(),
        };
        // SAFETY: it does not return and runs nothing of the program that was forked.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    assert!(ended_well(forked));
    assert!(start());
}

fn ended_well(pid: libc::pid_t) -> bool {
    let Ok(mut child) = ChildProcess::adopt(pid.unsigned_abs()) else { return false };
    let over = child.wait_over(Some(Duration::from_secs(200)));
    if !over {
        child.kill_group();
    }
    over && child.try_wait() == Some(Exit::Code(0))
}

/// What `sh` says when it is started like this, and how it ends.
fn told_by_sh(script: &str, change: impl FnOnce(&mut Birth)) -> (String, Exit) {
    let (mut ours, theirs) = std::io::pipe().unwrap();
    let mut order = birth(&["sh", "-c", script, "zero", "one two", ""]);
    order.streams[1] = Some(OwnedFd::from(theirs));
    change(&mut order);
    let mut child = started(order).unwrap();
    let mut told = String::new();
    std::io::Read::read_to_string(&mut ours, &mut told).unwrap();
    assert!(child.wait_over(Some(Duration::from_secs(200))));
    (told, child.try_wait().unwrap())
}

#[test]
fn a_child_has_the_words_the_variables_and_the_directory_that_were_said() {
    let script = r#"echo "$0|$1|$2|$#"; env; pwd; exit 7"#;
    let (told, exit) = told_by_sh(script, |order| {
        order.environment = vec![("NAME".into(), "a = b\nc".into())];
        order.directory = Some("/proc/self".into());
    });
    let (first, rest) = told.split_once('\n').unwrap();
    assert_eq!(first, "zero|one two||2");
    assert!(rest.contains("NAME=a = b\nc\n") && !rest.contains("HOME="), "{rest}");
    assert!(rest.ends_with("/proc/self\n") || rest.lines().last().unwrap().starts_with("/proc/"), "{rest}");
    assert_eq!(exit, Exit::Code(7));
}

#[test]
fn a_child_leads_a_group_of_its_own_and_no_handler_or_ignored_broken_pipe_of_ours_reaches_it() {
    let (told, _) = told_by_sh("exec cat /proc/self/stat /proc/self/status", |_| {});
    let numbers: Vec<_> = told.lines().next().unwrap().rsplit_once(')').unwrap().1.split_whitespace().collect();
    let pid = told.split_whitespace().next().unwrap();
    assert_eq!(numbers[2], pid, "its group bears its number");
    let mask = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    assert_eq!(mask("SigIgn:") & 1 << (libc::SIGPIPE - 1), 0, "the Rust runtime ignores it here, and programs do not");
    assert_eq!(mask("SigBlk:"), 1 << (libc::SIGUSR1 - 1), "the status signal alone is held back");
}

#[test]
fn what_keeps_a_child_from_its_program_is_told_and_nobody_is_left() {
    let refused = |change: fn(&mut Birth)| {
        let mut order = birth(&["true"]);
        change(&mut order);
        started(order).unwrap_err()
    };
    let missing = refused(|order| order.program = "/nowhere/at/all".into());
    assert_eq!(missing.raw_os_error(), Some(libc::ENOENT));
    let device = refused(|order| order.program = "/dev/null".into());
    assert_eq!(device.raw_os_error(), Some(libc::EACCES));
    let directory = refused(|order| order.directory = Some("/nowhere".into()));
    assert_eq!(directory.raw_os_error(), Some(libc::ENOENT));
    let cut = refused(|order| order.arguments.push("a\0b".into()));
    assert_eq!(cut.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn streams_that_have_the_numbers_of_the_standard_ones_come_to_their_places() {
    // SAFETY: the child closes descriptors and starts a process by what this test is about, and leaves by `_exit`.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        // Its ends of the pipes get the numbers 0, 1 and 2.
        // SAFETY: nothing in this fork uses them any more.
        (0..3).for_each(|own| drop(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(own) }));
        let (mut ours, theirs) = std::io::pipe().unwrap();
        let (from, mut to) = std::io::pipe().unwrap();
        let mut order = birth(&["sh", "-c", "cat; echo end >&2"]);
        let error = theirs.try_clone().unwrap();
        order.streams = [Some(from.into()), Some(theirs.into()), Some(error.into())];
        std::io::Write::write_all(&mut to, b"text ").unwrap();
        drop(to);
        let mut child = started(order).unwrap();
        let mut told = String::new();
        std::io::Read::read_to_string(&mut ours, &mut told).unwrap();
        let over = child.wait_over(Some(Duration::from_secs(200)));
        let well = over && child.try_wait() == Some(Exit::Code(0)) && told == "text end\n";
        // SAFETY: it does not return and runs nothing of the program that was forked.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    assert!(ended_well(forked));
}
