//! `run`: one command, started and waited for by a worker.
//!
//! The command is in the worker's process group, so whatever ends the worker ends the command with it. It is started without a fork of the
//! worker's memory and without a thread: its output comes through two pipes that are read until it has ended, however long processes that it
//! left behind keep them open.

mod folder;
mod group;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mpexec_core::Receiver;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

pub use folder::leave_no_part;
use folder::{open, put_in_place};
use group::{ask_to_end, kill_all, kill_what_stays};

/// The name under which [`run_command`] is registered.
pub const RUN_COMMAND: &str = "run-command";

/// In a word, this stands for the number of the worker. No word can hold it otherwise.
pub const SLOT: &[u8] = b"\0%\0";

/// So long a command may take to end when it was asked to, before it is killed.
///
/// ```
/// assert_eq!(mpexec::tasks::UNTIL_KILLED.as_secs(), 2);
/// ```
pub const UNTIL_KILLED: Duration = Duration::from_secs(2);

/// The most that a pipe holds, if nobody has asked the system for more.
const MOST_AT_ONCE: u64 = 1 << 20;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandJob {
    /// The program, and its arguments.
    pub words: Vec<ByteBuf>,
    /// How long each try may take before the command is asked to end; [`UNTIL_KILLED`] later it is killed, with all that it has started.
    pub timeout: Option<Duration>,
    /// How often it is started as long as it fails, at least once.
    pub tries: u32,
    /// Where its output goes: into the files `stdout` and `stderr` of this folder, which is made; `None`: it comes back. As long as the command runs their
    /// names end in `.part`.
    pub folder: Option<PathBuf>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandExit {
    /// It left by itself.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It was asked to end because its time was over.
    TimedOut,
    /// It could not be started: the code that shells have for that, and why.
    NotStarted(i32, String),
    /// There is no place for its output.
    NoOutput(String),
    /// It was asked to end, or was not begun, because all commands were to end.
    Asked,
    /// It was killed, because its time was over and it had not ended within [`UNTIL_KILLED`] when it was asked to.
    Killed,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// How its last try ended.
    pub exit: CommandExit,
    /// How often it was started.
    pub tries: u32,
    /// The number of the worker that ran it, from 0.
    pub worker: u32,
    /// When its last try began, in seconds since 1970, and how many seconds it took.
    pub started: f64,
    /// See [`started`](CommandEnd::started).
    pub seconds: f64,
    /// What its last try printed.
    pub stdout: ByteBuf,
    /// The same of its standard error.
    pub stderr: ByteBuf,
}

/// Runs a command, again if it fails and may be tried again.
///
/// ```
/// use mpexec::tasks::{CommandExit, CommandJob, run_command};
/// let words = ["echo", "a  b"].map(|word| word.as_bytes().to_vec().into());
/// let end = run_command(CommandJob { words: words.into(), timeout: None, tries: 1, folder: None });
/// assert_eq!((end.exit, &end.stdout[..]), (CommandExit::Code(0), &b"a  b\n"[..]));
/// ```
pub fn run_command(mut job: CommandJob) -> CommandEnd {
    let task = mpexec_core::current_task();
    if let Some(task) = task {
        let number = (task.worker + 1).to_string();
        job.words.iter_mut().for_each(|word| put_slot(word, number.as_bytes()));
    }
    let worker = task.map_or(0, |task| task.worker);
    if task.is_some() {
        LISTENING.call_once(listen);
    }
    let mut tries = 1;
    loop {
        let end = CommandEnd { worker, ..try_once(&job, tries) };
        let over = matches!(end.exit, CommandExit::Code(0) | CommandExit::Asked) || ASKED.load(Ordering::SeqCst);
        if over || tries >= job.tries {
            return end;
        }
        tries += 1;
    }
}

static LISTENING: Once = Once::new();

/// Whether all commands are to end.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Waits, on a thread of its own, until all commands are to end: the pool's context is a channel whose last sender is gone then.
fn listen() {
    let end = mpexec_core::context::<Receiver<()>>();
    let waiting = std::thread::Builder::new().name("mpexec-asked".into()).spawn(move || {
        let _ = end.recv();
        ASKED.store(true, Ordering::SeqCst);
        ask_to_end();
    });
    // Without it commands are killed unasked.
    drop(waiting);
}

fn put_slot(word: &mut ByteBuf, number: &[u8]) {
    while let Some(at) = word.windows(SLOT.len()).position(|part| part == SLOT) {
        word.splice(at..at + SLOT.len(), number.iter().copied());
    }
}

fn try_once(job: &CommandJob, tries: u32) -> CommandEnd {
    let began = Instant::now();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut output = [const { Vec::new() }; 2];
    let started_or_not = if ASKED.load(Ordering::SeqCst) { Err(CommandExit::Asked) } else { start(job) };
    let exit = match started_or_not {
        Err(exit) => exit,
        Ok(mut child) => {
            if ASKED.load(Ordering::SeqCst) {
                // It may have begun a moment too late to hear it.
                ask_to_end();
            }
            let ended = follow(&mut child, job.timeout, &mut output);
            ended.unwrap_or_else(|error| {
                // It is not to go on beside the next.
                let _ = child.kill().and_then(|()| child.wait());
                CommandExit::NoOutput(format!("it cannot be waited for: {error}"))
            })
        }
    };
    // One that has come to an end of its own all the same has this one.
    let asked = ASKED.load(Ordering::SeqCst) && ends_as_asked(&exit);
    let exit = if asked { CommandExit::Asked } else { exit };
    let exit = match &job.folder {
        Some(folder) if matches!(exit, CommandExit::Asked | CommandExit::Killed) => {
            leave_no_part(folder);
            exit
        }
        Some(folder) if !matches!(exit, CommandExit::NotStarted(..) | CommandExit::NoOutput(_)) => {
            put_in_place(folder).map_or_else(|error| CommandExit::NoOutput(error.to_string()), |()| exit)
        }
        _ => exit,
    };
    let [stdout, stderr] = output.map(ByteBuf::from);
    CommandEnd { exit, tries, worker: 0, started, seconds: began.elapsed().as_secs_f64(), stdout, stderr }
}

/// Whether whoever is asked to end (SIGTERM) ends so, or a shell whose command does.
fn ends_as_asked(exit: &CommandExit) -> bool {
    let asked = Signal::TERM.as_raw();
    matches!(exit, CommandExit::Signal(signal) if *signal == asked) || *exit == CommandExit::Code(128 + asked)
}

fn start(job: &CommandJob) -> Result<Child, CommandExit> {
    let mut words = job.words.iter().map(|word| OsStr::from_bytes(word));
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    match &job.folder {
        None => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        Some(folder) => {
            let [stdout, stderr] = open(folder).map_err(|error| CommandExit::NoOutput(error.to_string()))?;
            command.stdout(stdout).stderr(stderr)
        }
    };
    command.spawn().map_err(|error| {
        if let Some(folder) = &job.folder {
            leave_no_part(folder);
        }
        let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
        // Of several words each is one, and options among them are no longer ours.
        let spaced = code == 127 && program.as_bytes().contains(&b' ');
        let remedy = if spaced { "; if other words are options of mpexec, write them before the command" } else { "" };
        CommandExit::NotStarted(code, format!("{}: cannot be started: {error}{remedy}", crate::names::shown(program)))
    })
}

/// What is left of a time limit. While the program stands still (Ctrl-Z), so do its workers and their commands, and nobody tells them: who wakes far later
/// than he wanted to did not run meanwhile.
struct Left {
    left: Option<Duration>,
    since: Instant,
}

/// Nobody who is to be stopped sleeps longer than this,
const NAP: Duration = Duration::from_millis(100);
/// and nobody who was not wakes so much later.
const FAR_TOO_LATE: Duration = Duration::from_millis(100);

impl Left {
    fn of(limit: Option<Duration>) -> Left {
        Left { left: limit, since: Instant::now() }
    }

    /// How long to sleep now; zero: the time is over.
    fn nap(&self) -> Option<Duration> {
        self.left.map(|left| left.min(NAP))
    }

    /// It slept, and worked a little.
    fn goes(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        self.since = now;
        let ran = if passed > NAP + FAR_TOO_LATE { NAP } else { passed };
        self.left = self.left.map(|left| left.saturating_sub(ran));
    }
}

/// Reads what a command prints until it has ended.
fn follow(child: &mut Child, timeout: Option<Duration>, output: &mut [Vec<u8>; 2]) -> io::Result<CommandExit> {
    let mut left = Left::of(timeout);
    let Some(pid) = Pid::from_raw(child.id().cast_signed()) else {
        return Err(io::Error::other("it has no number"));
    };
    // Where there is no such thing, or no room for it, it is looked again and again.
    let ended = pidfd_open(pid, PidfdFlags::empty()).ok();
    let stdout = child.stdout.take().map(OwnedFd::from);
    let mut pipes = [stdout, child.stderr.take().map(OwnedFd::from)].map(|pipe| pipe.map(File::from));
    for pipe in pipes.iter().flatten() {
        // What is there is read, and no more is waited for.
        rustix::io::ioctl_fionbio(pipe, true)?;
    }
    // What it ends as that was asked to end, or killed.
    let mut late = None;
    loop {
        let wait = left.nap();
        let told_over = wait_for(ended.as_ref(), &pipes, wait)?;
        let over = told_over || ended.is_none() && child.try_wait()?.is_some();
        left.goes(Instant::now());
        for (pipe, text) in pipes.iter_mut().zip(output.iter_mut()) {
            if pipe.as_mut().is_some_and(|pipe| drain(pipe, text)) {
                *pipe = None;
            }
        }
        if over {
            let status = child.wait()?;
            // What it has started was asked too, and may take as long.
            if late == Some(CommandExit::TimedOut) {
                kill_what_stays(left);
            } else if ASKED.load(Ordering::SeqCst) {
                kill_what_stays(Left::of(Some(UNTIL_KILLED)));
            }
            return Ok(late.unwrap_or_else(|| told(status)));
        }
        if wait == Some(Duration::ZERO) {
            // Should neither end it, the pool's own limit ends the worker and all that is in its group.
            left = if late.is_none() {
                late = Some(CommandExit::TimedOut);
                if !ask_to_end() {
                    // It may be over.
                    let _ = kill_process(pid, Signal::TERM);
                }
                Left::of(Some(UNTIL_KILLED))
            } else {
                late = Some(CommandExit::Killed);
                kill_all(child);
                Left::of(None)
            };
        }
    }
}

/// How often it is looked whether a command has ended that cannot be waited for.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until the process has ended (true), there is something to be read, or the time is over.
fn wait_for(ended: Option<&OwnedFd>, pipes: &[Option<File>; 2], wait: Option<Duration>) -> io::Result<bool> {
    let mut polled: Vec<_> = ended.map(|ended| PollFd::new(ended, PollFlags::IN)).into_iter().collect();
    polled.extend(pipes.iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
    let wait = if ended.is_none() { Some(wait.map_or(LOOK, |wait| wait.min(LOOK))) } else { wait };
    // A time too long for the system is no limit.
    let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
    match poll(&mut polled, wait.as_ref()) {
        Err(rustix::io::Errno::INTR) => Ok(false),
        polled_ok => polled_ok.map(|_| ended.is_some() && !polled[0].revents().is_empty()).map_err(Into::into),
    }
}

/// Reads what is there, but no more than a pipe can hold, because somebody else may write without an end; true if no more will come.
fn drain(pipe: &mut File, text: &mut Vec<u8>) -> bool {
    // At the end of what is there it stops with an error, which is none.
    pipe.take(MOST_AT_ONCE).read_to_end(text).is_ok_and(|length| (length as u64) < MOST_AT_ONCE)
}

fn told(status: ExitStatus) -> CommandExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => CommandExit::Code(code),
        (None, signal) => CommandExit::Signal(signal.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> CommandEnd {
        let words = words.iter().map(|word| word.as_bytes().to_vec().into()).collect();
        run_command(CommandJob { words, timeout: None, tries: 2, folder: None })
    }

    #[test]
    fn a_command_ends_with_its_code_and_what_it_printed() {
        let end = run(&["sh", "-c", "echo out; echo err > /dev/stderr; exit 3"]);
        assert_eq!((end.exit, end.tries), (CommandExit::Code(3), 2));
        assert_eq!((&end.stdout[..], &end.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(run(&["sh", "-c", "kill -9 $$"]).exit, CommandExit::Signal(9));
        assert!(matches!(run(&["/nowhere/to/be/found"]).exit, CommandExit::NotStarted(127, _)));
        assert!(matches!(run(&["/"]).exit, CommandExit::NotStarted(126, _)));
    }

    #[test]
    fn output_larger_than_a_pipe_is_whole_and_what_is_left_behind_holds_nothing_up() {
        assert_eq!(run(&["head", "-c", "1000000", "/dev/zero"]).stdout.len(), 1_000_000);
        let end = run(&["sh", "-c", "sleep 1000 & echo $!"]);
        assert_eq!(end.exit, CommandExit::Code(0));
        let left: i32 = std::str::from_utf8(&end.stdout).unwrap().trim().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(left).unwrap(), rustix::process::Signal::KILL).unwrap();
    }

    #[test]
    fn a_time_limit_goes_on_while_it_is_looked_at_and_stands_still_while_nobody_can_look() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut left = Left { left: Some(ms(350)), since: start };
        left.goes(start + ms(100));
        left.goes(start + ms(120));
        assert_eq!((left.left, left.nap()), (Some(ms(230)), Some(NAP)));
        left.goes(start + ms(8_000));
        assert_eq!(left.left, Some(ms(130)), "stopped for long");
        left.goes(start + ms(8_130));
        assert_eq!(left.nap(), Some(Duration::ZERO));
        assert_eq!(Left::of(None).nap(), None);
    }

    #[test]
    fn the_number_of_the_worker_is_put_in_wherever_it_is_wanted() {
        let mut word = ByteBuf::from(b"a\0%\0b\0%\0".to_vec());
        put_slot(&mut word, b"12");
        assert_eq!(&word[..], b"a12b12");
    }
}
