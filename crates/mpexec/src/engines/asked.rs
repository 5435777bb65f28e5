//! Asking a program something: what it answers, or that it has not answered in the time it has. One that hangs is killed, with all that it has started.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// What comes of a program that was asked.
enum Came {
    Out(io::Result<Vec<u8>>),
    Err(io::Result<Vec<u8>>),
    Ended,
}

/// Why a program has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unanswered {
    /// [`io::ErrorKind::Other`] if it has refused, in its words.
    pub(super) kind: io::ErrorKind,
    pub(super) why: String,
}

/// What a program prints when it is given these bytes to read and so long, or why it cannot.
pub(super) fn said(command: &mut Command, input: &[u8], limit: Duration) -> Result<String, Unanswered> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let done = answer(command, input, limit).map_err(|error| {
        let kind = error.kind();
        let why = match kind {
            io::ErrorKind::TimedOut => format!("{name} has not answered in {} seconds", limit.as_secs_f64()),
            _ => format!("{name} cannot be started: {error}"),
        };
        Unanswered { kind, why }
    })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&done.stderr);
    let why = why.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ");
    let why = if why.is_empty() { format!("{name}: {}", done.status) } else { why };
    Err(Unanswered { kind: io::ErrorKind::Other, why })
}

/// Runs a program in a group of its own, so that what is typed to end this one does not end it half way, and gives it these bytes to read.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] if it has not ended by then, or what the system says.
fn answer(command: &mut Command, input: &[u8], limit: Duration) -> io::Result<Output> {
    let until = Instant::now() + limit;
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let awaited = awaited(&mut child, input.to_vec());
    let output = awaited.and_then(|came| collected(&came, until));
    if output.is_err() {
        // Nobody has waited for it, so the number is its own.
        let _ = Pid::from_raw(child.id().cast_signed()).map(|group| kill_process_group(group, Signal::KILL));
    }
    let status = child.wait()?;
    output.map(|(stdout, stderr)| Output { status, stdout, stderr })
}

/// Begins to read what it says, and to wait for its end. Each has a thread, which is left behind if something that the program has started keeps its pipes.
fn awaited(child: &mut Child, input: Vec<u8>) -> io::Result<Receiver<Came>> {
    let (tell, came) = mpsc::channel();
    if let Some(mut stdin) = child.stdin.take() {
        // If it does not read, it says why.
        apart(&tell, move |_| drop(stdin.write_all(&input)))?;
    }
    if let Some(mut stdout) = child.stdout.take() {
        apart(&tell, move |tell| drop(tell.send(Came::Out(all_of(&mut stdout)))))?;
    }
    if let Some(mut stderr) = child.stderr.take() {
        apart(&tell, move |tell| drop(tell.send(Came::Err(all_of(&mut stderr)))))?;
    }
    let pid = Pid::from_raw(child.id().cast_signed());
    apart(&tell, move |tell| {
        // It is left to be waited for by whoever may kill it.
        let ended = |pid| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        while pid.is_some_and(|pid| ended(pid).is_err_and(|error| error == rustix::io::Errno::INTR)) {}
        let _ = tell.send(Came::Ended);
    })?;
    Ok(came)
}

fn apart(tell: &Sender<Came>, work: impl FnOnce(Sender<Came>) + Send + 'static) -> io::Result<()> {
    let tell = tell.clone();
    std::thread::Builder::new().name("mpexec-engine".into()).spawn(move || work(tell)).map(drop)
}

fn all_of(pipe: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).map(|_| bytes)
}

/// What it has said, once it has ended.
fn collected(came: &Receiver<Came>, until: Instant) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut stdout, mut stderr, mut ended) = (None, None, false);
    while !ended || stdout.is_none() || stderr.is_none() {
        let left = until.saturating_duration_since(Instant::now());
        match came.recv_timeout(left) {
            Ok(Came::Out(bytes)) => stdout = Some(bytes?),
            Ok(Came::Err(bytes)) => stderr = Some(bytes?),
            Ok(Came::Ended) => ended = true,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    Ok((stdout.unwrap_or_default(), stderr.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mpexec_testkit::{Watchdog, wait_until};

    const LONG: Duration = Duration::from_secs(3600);

    fn shell(line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]);
        shell
    }

    #[test]
    fn what_a_program_says_and_reads_is_handed_on() {
        let _watchdog = Watchdog::new();
        let input = b"0123456789".repeat(100_000);
        let done = answer(&mut shell("cat; echo why >&2; exit 3"), &input, LONG).unwrap();
        assert!(done.stdout == input && done.stderr == b"why\n" && done.status.code() == Some(3));
        assert!(answer(&mut shell("exec <&-; echo 17"), &input, LONG).unwrap().stdout == b"17\n", "it reads nothing");
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_has_started() {
        let _watchdog = Watchdog::new();
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let line = format!("sleep 3600 & echo $! $$ >'{0}.new'; mv '{0}.new' '{0}'; wait", pids.display());
        // However short the time is, it is killed; here not before it has begun.
        let since = Instant::now();
        while !pids.exists() {
            let limit = since.elapsed().max(Duration::from_millis(100));
            let hung = answer(&mut shell(&line), &[], limit).unwrap_err();
            assert_eq!(hung.kind(), io::ErrorKind::TimedOut);
        }
        for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
            let stat = format!("/proc/{pid}/stat");
            wait_until("it is gone, or only its end is left", || {
                std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
            });
        }
    }
}
