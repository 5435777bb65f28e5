//! Runs other programs: their output goes where ours goes, and what may hang on a network gets a time limit.

use std::ffi::OsStr;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::report::Outcome;

/// How often a program with a time limit is asked whether it has ended. The standard library has no wait with a limit,
/// and a tenth of a second is nothing beside an installation.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How a program with a time limit ended.
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was killed when its time was over.
    TimedOut,
    /// It could not be started.
    NotStarted(io::Error),
}

impl Ended {
    pub(crate) fn succeeded(&self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }

    /// Why it did not succeed, in a few words.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Exited(status) => status.to_string(),
            Self::TimedOut => "took too long".to_owned(),
            Self::NotStarted(error) => format!("could not be started: {error}"),
        }
    }
}

/// Runs the command to its end, showing what it is and all that it prints.
pub(crate) fn show(place: &Place, command: &mut Command) -> Outcome {
    place.say(&format!("$ {}", line(command)));
    match command.status() {
        Ok(status) if status.success() => Outcome::Ok,
        Ok(status) => Outcome::Failed(status.to_string()),
        Err(error) => Outcome::Failed(format!("could not be started: {error}")),
    }
}

/// As [`show`], for at most `limit`.
pub(crate) fn show_within(place: &Place, command: &mut Command, limit: Duration) -> Ended {
    place.say(&format!("$ {} (for at most {} s)", line(command), limit.as_secs()));
    within(command.stdin(Stdio::null()), limit)
}

/// Runs the command for at most `limit` and keeps silent about it: for questions such as "are you there?".
pub(crate) fn ask(command: &mut Command, limit: Duration) -> Ended {
    within(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()), limit)
}

fn within(command: &mut Command, limit: Duration) -> Ended {
    match command.spawn() {
        Ok(child) => end_of(child, Instant::now() + limit).unwrap_or_else(Ended::NotStarted),
        Err(error) => Ended::NotStarted(error),
    }
}

fn end_of(mut child: Child, deadline: Instant) -> io::Result<Ended> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::TimedOut);
        }
        thread::sleep(ASK_EVERY);
    }
}

/// A command for `program` that, on Unix, no process below it may use for more than `limit` of processor time. Unlike a limit
/// of [`show_within`] it reaches the children's children, so what computes without end is fit for it.
pub(crate) fn with_processor_limit(place: &Place, program: &str, limit: Duration) -> Command {
    if !cfg!(unix) {
        return place.command(program);
    }
    let mut command = place.command("sh");
    let script = format!("ulimit -t {} && exec \"$@\"", limit.as_secs());
    command.args(["-c", &script, "sh", program]);
    command
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let short = |text: &OsStr| {
        let text = text.to_string_lossy();
        let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\"'$*&".contains(c));
        if plain { text.into_owned() } else { format!("'{text}'") }
    };
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().map_or_else(|| short(command.get_program()), short);
    let set = command.get_envs().filter_map(|(key, value)| Some(format!("{}={}", short(key), short(value?))));
    let arguments = command.get_args().map(short);
    set.chain([name]).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/some/where/cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").env_remove("RUSTFLAGS");
        assert_eq!(line(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn a_program_that_is_not_there_is_not_started() {
        let ended = ask(&mut Command::new("no-such-program-anywhere"), Duration::from_secs(5));
        assert!(matches!(&ended, Ended::NotStarted(_)) && !ended.succeeded());
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_takes_too_long_is_killed() {
        let begin = Instant::now();
        let ended = ask(Command::new("sleep").arg("600"), Duration::from_millis(1));
        assert_eq!(ended.reason(), "took too long");
        assert!(begin.elapsed() < Duration::from_secs(60));
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_computes_without_end_is_stopped_with_what_it_started() {
        use std::os::unix::process::ExitStatusExt as _;
        let mut command = with_processor_limit(&Place::find(), "sh", Duration::from_secs(1));
        let endless = "sh -c 'while kill -0 $PPID; do :; done'; exit $?";
        let Ended::Exited(status) = ask(command.args(["-c", endless]), Duration::from_secs(120)) else {
            panic!("the limit of processor time did not end it");
        };
        // A shell tells the signal of its child by 128 and more; one that ran the child in its own place died of it.
        assert!(status.signal().is_some() || status.code() > Some(128), "{status}");
    }

    #[test]
    #[cfg(unix)]
    fn a_program_tells_how_it_ended() {
        let exit = |code: &str| ask(Command::new("sh").args(["-c", code]), Duration::from_secs(60));
        assert!(exit("exit 0").succeeded());
        assert_eq!(exit("exit 3").reason(), "exit status: 3");
    }
}
