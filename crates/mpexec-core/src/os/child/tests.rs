//! Children that somebody else reaps: what is left of their group is killed all the same, and a stranger that has their number by
//! then is not.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::*;

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(200);

/// A child that leaves with code 7 and leaves behind a process in its group; reaped by another part of this program.
fn reaped_by_another() -> (ChildProcess, ChildProcess) {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 1000 >/dev/null & echo $!; read go; exit 7"]).process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let ours = ChildProcess::adopt(child.id()).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let left = ChildProcess::adopt(line.trim().parse().unwrap()).unwrap();
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(7));
    (ours, left)
}

/// Whether the kernel is of this version at least.
fn kernel_is(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (major, minor)
}

#[test]
fn what_a_child_left_in_its_group_is_killed_though_somebody_else_has_reaped_it() {
    let (mut ours, left) = reaped_by_another();
    assert!(!left.wait_over(Some(Duration::ZERO)));
    let exit = ours.try_wait();
    assert!(left.wait_over(Some(LONG)), "it was left behind");
    let known = if kernel_is(6, 15) { Exit::Code(7) } else { Exit::Unknown };
    assert_eq!(exit, Some(known));
}

#[test]
fn so_it_is_where_the_kernel_knows_the_group_by_its_number_alone() {
    let (ours, left) = reaped_by_another();
    ours.kill_members_by_number();
    assert!(left.wait_over(Some(LONG)), "it was left behind");
}

/// A process with this number, in a group of its own; `None` where numbers cannot be chosen.
fn stranger_with(pid: u32) -> Option<Child> {
    // Processes that others start may come between.
    for _ in 0..200 {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
        let mut stranger = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        if stranger.id() == pid {
            return Some(stranger);
        }
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
    None
}

#[test]
fn a_stranger_that_has_the_number_of_a_child_by_now_is_left_alone() {
    let mut child = Command::new("true").process_group(0).spawn().unwrap();
    let mut ours = ChildProcess::adopt(child.id()).unwrap();
    child.wait().unwrap();
    let Some(mut stranger) = stranger_with(ours.pid()) else {
        eprintln!("numbers of processes cannot be chosen here: not looked at");
        return;
    };
    let watched = ChildProcess::adopt(stranger.id()).unwrap();
    ours.kill_group();
    ours.kill_members_by_number();
    assert!(matches!(ours.try_wait(), Some(Exit::Code(0) | Exit::Unknown)));
    assert!(!watched.wait_over(Some(Duration::from_millis(100))), "it was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
