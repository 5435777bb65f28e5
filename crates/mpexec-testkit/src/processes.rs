//! Other processes, seen from outside: which there are, and when they end.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mpexec_core::Exit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use crate::ended;
use crate::patience::hangs;

/// A process held by a descriptor, so that nothing else is ever mistaken for it.
#[derive(Debug)]
pub struct Held {
    /// Its process id.
    pub pid: u32,
    descriptor: OwnedFd,
}

impl Held {
    /// Holds the process with this id; `None` if it has ended.
    pub fn new(pid: u32) -> Option<Held> {
        let descriptor = pidfd_open(pid_of(pid), PidfdFlags::empty()).ok()?;
        Some(Held { pid, descriptor })
    }

    /// Waits until the process has ended; `false` if the time was up first.
    pub fn ends_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).expect("a short time");
            match poll(&mut [PollFd::new(&self.descriptor, PollFlags::IN)], Some(&left)) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                Err(error) => panic!("cannot wait for process {}: {error}", self.pid),
            }
        }
    }

    /// Waits until the process has ended; `false` if it does not within any reasonable time. Whoever is to be gone at once and is not
    /// would not go at all, or late by far more than a machine is slow.
    pub fn ends(&self) -> bool {
        self.ends_within(patience())
    }

    /// Sends a signal; one that comes too late is no error.
    pub fn signal(&self, signal: Signal) {
        self::signal(self.pid, signal);
    }

    /// Sends a signal to the process and to all in its group, which it leads.
    pub fn signal_group(&self, signal: Signal) {
        kill_process_group(pid_of(self.pid), signal).expect("its group is there");
    }

    /// How it ended, if it was reaped; `None` also where the kernel does not keep that (see [`keeps_exits`]).
    pub fn ended_as(&self) -> Option<Exit> {
        ended::how(self.descriptor.as_fd())
    }

    /// Waits until the kernel says that it is stopped; `false` if it ended before.
    pub fn stops(&self) -> bool {
        self.comes_to(|| stopped(self.pid))
    }

    /// Waits until it has a handler of its own for this signal; `false` if it ended before.
    pub fn catches(&self, signal: Signal) -> bool {
        self.comes_to(|| {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
            let mask = u64::from_str_radix(mask.trim(), 16).unwrap_or(0);
            mask & (1 << (signal.as_raw() - 1)) != 0
        })
    }

    /// Sends our program a signal and waits until it has taken it: of two that wait to be taken, the kernel does not know which
    /// came first. Its thread for the grace is the sign.
    pub fn takes(&self, signal: Signal) {
        self.signal(signal);
        let taken = self.comes_to(|| self.has_thread("mpexec-grace"));
        assert!(taken || self.ends_within(Duration::ZERO), "{signal:?} is not taken");
    }

    fn has_thread(&self, name: &str) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let mut names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
        names.any(|comm| comm.trim_end() == name)
    }

    fn comes_to(&self, there: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + patience();
        while !there() {
            if Instant::now() > deadline || self.ends_within(Duration::from_millis(1)) {
                return false;
            }
        }
        true
    }

    /// The words it was started with.
    pub fn words(&self) -> Vec<String> {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words = line.split(|&byte| byte == 0).filter(|word| !word.is_empty());
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// Whether it has opened this file.
    pub fn has_open(&self, path: &Path) -> bool {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", self.pid)) else {
            return false;
        };
        entries.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|open| open == path))
    }

    /// Waits until it has opened a file in this folder, with a name or without one; `false` if it ended before.
    pub fn writes_below(&self, folder: &Path) -> bool {
        let folder = folder.canonicalize().expect("the folder is there");
        self.comes_to(|| {
            let entries = fs::read_dir(format!("/proc/{}/fd", self.pid)).into_iter().flatten().flatten();
            entries.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|open| open.starts_with(&folder))
        })
    }

    /// The most memory it ever had resident, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the process is alive");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kilobytes") << 10
    }
}

/// Shorter than a watchdog's, so that whoever waits in vain says for what.
fn patience() -> Duration {
    hangs() / 3
}

/// Whether this kernel keeps how a process ended that its parent has reaped (Linux 6.15).
pub fn keeps_exits() -> bool {
    let mut child = Command::new("true").spawn().expect("`true` is everywhere");
    let held = Held::new(child.id());
    let _ = child.wait();
    held.is_some_and(|held| held.ended_as() == Some(Exit::Code(0)))
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).expect("a process id is positive")
}

/// The living children of a process.
pub fn children_of(parent: u32) -> Vec<Held> {
    all().filter(|&pid| parent_of(pid) == Some(parent)).filter_map(Held::new).collect()
}

/// The living processes that were started with this variable in their environment, by whomever.
pub fn marked(variable: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes())
    };
    all().filter(|&pid| parent_of(pid).is_some()).filter(has).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The parent of a process that is alive.
fn parent_of(pid: u32) -> Option<u32> {
    stat(pid).filter(|stat| stat.lives()).map(|stat| stat.parent)
}

/// What the kernel says of a process.
struct Stat {
    state: char,
    parent: u32,
}

impl Stat {
    /// One that has ended and was not waited for does not.
    fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

fn stat(pid: u32) -> Option<Stat> {
    stat_in(Path::new(&format!("/proc/{pid}")))
}

/// Of a process or a thread.
fn stat_in(folder: &Path) -> Option<Stat> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The name before may hold anything, brackets and blanks too.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some(Stat { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

/// Whether a process runs: one that has ended and was not waited for does not.
pub fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.lives())
}

/// Whether a process is stopped, each thread of it: one that is in the kernel, or has had no processor since, stops a little later.
pub fn stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| stat_in(&thread.path()).is_none_or(|stat| stat.state == 'T'))
}

/// Children of this process, those that nobody waited for included.
pub fn children() -> Vec<u32> {
    let own = std::process::id();
    all().filter(|&pid| stat(pid).is_some_and(|stat| stat.parent == own)).collect()
}

/// Sends a signal to a process; one that comes too late is no error.
pub fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(pid_of(pid), signal);
}

/// Kills a process from outside.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// What runs on this machine, and in which call of the kernel it waits: for one who finds out why something did not come.
pub fn all_processes() -> String {
    let listed = std::process::Command::new("ps").args(["-ewwo", "pid,ppid,stat,wchan:24,etime,args"]).output();
    listed.map_or_else(|error| error.to_string(), |listed| String::from_utf8_lossy(&listed.stdout).into_owned())
}

/// The names of this process's threads.
pub fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.filter_map(|task| Some(fs::read_to_string(task.path().join("comm")).ok()?.trim_end().to_owned())).collect()
}
