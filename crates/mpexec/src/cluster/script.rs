//! What an element of an array runs: a script for `sh`, and the log in which it says what went wrong.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use mpexec::names::one_line;
use mpexec_core::Workers;

use super::Settings;
use crate::engines::NO_FOLDER;

/// What this program is called in the run folder.
pub(super) const PROGRAM: &str = "mpexec";

/// With this the log of each try begins.
const BEGUN: &str = "-- begun on ";

/// So many lines of a log are told.
const LINES: usize = 3;

/// The script of a run.
#[derive(Debug)]
pub(super) struct Script {
    folder: PathBuf,
    worker: Option<String>,
    /// Options of all commands, as words for a shell.
    options: String,
}

/// What a worker program is called in the run folder: its own name is told to users, so it has it behind a word that makes it another than ours.
pub(super) fn name_of_worker(worker: &Path) -> String {
    format!("worker/{}", worker.file_name().unwrap_or_default().to_string_lossy())
}

impl Script {
    pub(super) fn new(folder: &Path, worker: Option<&Path>, settings: &Settings) -> Script {
        let workers = match settings.workers {
            Workers::Exact(count) => count.to_string(),
            _ => "auto".to_owned(),
        };
        let transport = settings.transport.to_possible_value();
        let transport = transport.map_or_else(|| "auto".to_owned(), |value| value.get_name().to_owned());
        let grace = settings.grace.as_millis();
        let options = format!("--workers {workers} --transport {transport} --grace {grace}ms");
        Script { folder: folder.to_path_buf(), worker: worker.map(name_of_worker), options }
    }

    /// The text, for the shard whose number is in this variable, of so many.
    pub(super) fn text(&self, shard: &str, of: u64) -> Vec<u8> {
        let mut text = b"#!/bin/sh\nd=".to_vec();
        text.extend_from_slice(&quoted(self.folder.as_os_str()));
        text.extend_from_slice(format!("\ntest -r \"$d/plan.json\" || exit {NO_FOLDER}\n").as_bytes());
        text.extend_from_slice(format!("exec >/dev/null 2>>\"$d/log/shard-${shard}.txt\"\n").as_bytes());
        text.extend_from_slice(format!("echo \"{BEGUN}$(uname -n)\" >&2\n").as_bytes());
        // What was said about other runs where this was submitted is nobody's business here.
        text.extend_from_slice(
            b"unset MPEXEC_WORKER_PROGRAM MPEXEC_LOG_FORMAT MPEXEC_ADVICE MPEXEC_PROGRESS MPEXEC_COLOR\n",
        );
        text.extend_from_slice(b"exec \"$d/bin/mpexec\"");
        if let Some(worker) = &self.worker {
            text.extend_from_slice(b" --worker-program \"$d\"/bin/");
            text.extend_from_slice(&quoted(OsStr::new(worker)));
        }
        let rest = format!(" {} runs element \"$d\" \"${shard}/{of}\"\n", self.options);
        text.extend_from_slice(rest.as_bytes());
        text
    }

    /// The end of what a shard has said.
    pub(super) fn said(&self, shard: u64) -> String {
        let path = self.folder.join("log").join(format!("shard-{shard}.txt"));
        let text = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4096)..]).into_owned();
        let of_last_try = text.rfind(BEGUN).map_or(&text[..], |at| &text[at..]);
        let lines = of_last_try.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(BEGUN));
        let lines: Vec<_> = lines.collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        last.iter().map(|line| one_line(line)).collect::<Vec<_>>().join(" | ")
    }
}

/// As one word for a shell.
fn quoted(word: &OsStr) -> Vec<u8> {
    let mut out = vec![b'\''];
    for &byte in word.as_bytes() {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            byte => out.push(byte),
        }
    }
    out.push(b'\'');
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::args::TransportName;

    #[test]
    fn names_stay_one_word_and_variables_are_not_quoted() {
        let settings = Settings {
            engine: crate::engines::ENGINES[0],
            shards: None,
            words: Vec::new(),
            workers: Workers::Auto,
            transport: TransportName::Socket,
            grace: Duration::from_secs(30),
        };
        let script = Script::new(Path::new("/a b/it's"), Some(Path::new("/x/my worker")), &settings);
        let text = String::from_utf8(script.text("NUMBER_OF_IT", 3)).unwrap();
        assert!(text.contains("\nd='/a b/it'\\''s'\n"), "{text}");
        assert!(text.contains(" --worker-program \"$d\"/bin/'worker/my worker' --workers auto --transport socket --grace 30000ms runs element"), "{text}");
        assert!(text.contains("\"$NUMBER_OF_IT/3\"\n"));
        assert!(text.contains("exec >/dev/null 2>>\"$d/log/shard-$NUMBER_OF_IT.txt\"\n"));
    }
}
