//! What a step prints: shown as it comes, and written to a file.
//!
//! Both streams of all its programs go through one pipe, so the order stays. A thread copies what comes out of it. Whoever
//! sits before a terminal has seen it all and wants its colours: there is no transcript there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// So many of the last lines of a step that failed are said again,
const LAST: usize = 40;
/// and of each list of failed tests before.
const LAST_OF_LIST: usize = 40;

/// How long the end of the output is awaited after that of the step. What a program left behind may hold it for ever.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// See the head of this file.
pub(crate) struct Transcript {
    path: PathBuf,
    writer: PipeWriter,
    over: Receiver<()>,
}

impl Transcript {
    /// Begins one, in a file that is made anew. `shown`: what comes is printed too.
    ///
    /// # Errors
    /// The file or the pipe cannot be had.
    pub(crate) fn begin(path: PathBuf, shown: bool) -> io::Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let file = File::create(&path)?;
        let (reader, writer) = io::pipe()?;
        let (ended, over) = channel();
        thread::Builder::new().spawn(move || {
            copy(reader, file, shown);
            // Nobody may wait any more.
            let _ = ended.send(());
        })?;
        Ok(Self { path, writer, over })
    }

    /// Where a program is to print.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub(crate) fn pipe(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// A line of ours.
    pub(crate) fn say(&self, line: &str) {
        // It is lost only if the thread is, and then all is.
        let _ = (&self.writer).write_all(format!("{line}\n").as_bytes());
    }

    /// All that was printed is shown and written, or what is left of it comes from somebody who should have ended; the file.
    pub(crate) fn end(self) -> PathBuf {
        drop(self.writer);
        let _ = self.over.recv_timeout(ENDS_WITHIN);
        self.path
    }
}

/// Copies to the file and, if it is to be shown, to standard output as it comes; what one of them does not take, the other does.
fn copy(mut from: PipeReader, mut file: File, shown: bool) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if shown {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(&buffer[..count]).and_then(|()| stdout.flush());
        }
        let _ = file.write_all(&buffer[..count]);
    }
}

/// What is said again of a step that failed: each list of failed tests, and the end.
pub(crate) fn excerpt(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: BTreeSet<usize> = (lines.len().saturating_sub(LAST)..lines.len()).collect();
    let mut list = None;
    for (at, line) in lines.iter().enumerate() {
        match *line {
            "failures:" => list = list.or(Some(at)),
            _ if line.starts_with("test result:") => {
                if let Some(first) = list.take() {
                    kept.extend((at + 1).saturating_sub(LAST_OF_LIST).max(first)..=at);
                }
            }
            _ => {}
        }
    }
    let mut again = String::new();
    let mut next = 0;
    for at in kept {
        if at > next {
            again.push_str(&format!("[... {} lines]\n", at - next));
        }
        again.push_str(lines[at]);
        again.push('\n');
        next = at + 1;
    }
    again
}

#[cfg(test)]
mod tests {
    use std::process::{self, Command, Stdio};
    use std::time::Instant;

    use super::*;

    fn begin(name: &str) -> Transcript {
        Transcript::begin(std::env::temp_dir().join(format!("xtask-{name}-{}", process::id())), true).unwrap()
    }

    /// What the file says; it is removed.
    fn taken(path: PathBuf) -> String {
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(path).unwrap();
        text
    }

    #[cfg(unix)]
    fn shell(transcript: &Transcript, script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdout(transcript.pipe().unwrap()).stderr(transcript.pipe().unwrap());
        shell
    }

    #[test]
    #[cfg(unix)]
    fn both_streams_and_what_we_say_stand_in_the_file_in_their_order() {
        let transcript = begin("order");
        transcript.say("$ sh");
        assert!(shell(&transcript, "echo one; echo two >&2; printf three").status().unwrap().success());
        assert_eq!(taken(transcript.end()), "$ sh\none\ntwo\nthree");
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_was_left_behind_holds_nobody_up() {
        let transcript = begin("left");
        let mut shell = shell(&transcript, "exec 3<&0; cat <&3 & echo said");
        let mut child = shell.stdin(Stdio::piped()).spawn().unwrap();
        drop(shell);
        let left_behind_until = child.stdin.take();
        assert!(child.wait().unwrap().success());
        let begin = Instant::now();
        assert_eq!(taken(transcript.end()), "said\n");
        assert!(begin.elapsed() < Duration::from_secs(60));
        drop(left_behind_until);
    }

    #[test]
    fn the_end_is_said_again_and_before_it_each_list_of_failed_tests() {
        let numbered = |word: &str, count: usize| (1..=count).map(|n| format!("{word} {n}\n")).collect::<String>();
        let list =
            "failures:\n\n---- one stdout ----\nit panicked\n\nfailures:\n    one\n\ntest result: FAILED. 3 passed\n";
        let text = numbered("before", 70) + list + &numbered("after", 45);
        let expected = "[... 70 lines]\n".to_owned() + list + "[... 5 lines]\n" + &numbered("after", 45)[5 * 8..];
        assert_eq!(excerpt(&text), expected);
        // A long one by its end.
        let text =
            "failures:\n".to_owned() + &numbered("printed", 99) + "test result: FAILED.\n" + &numbered("after", 40);
        let again = excerpt(&text);
        assert!(
            again.starts_with("[... 61 lines]\nprinted 61\n") && again.contains("\nprinted 99\ntest result"),
            "{again}"
        );
        assert_eq!(excerpt("short\n"), "short\n");
        assert_eq!(excerpt(""), "");
    }
}
