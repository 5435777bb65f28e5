//! Standard error: errors, notes and the bar share it, so that none is printed into another.
//!
//! Each line is text, or with `--log-format json` an object.
//!
//! A worker's death may be noted by the pool's own thread while the bar is drawn by the main one; both go through here.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use indicatif::ProgressBar;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::args::{Common, LogFormat, When};
use crate::failure::Failure;
use crate::timestamp;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Errors only.
    Quiet,
    /// Also what the user should know.
    #[default]
    Normal,
    /// Also what the pool does.
    Verbose,
}

/// Standard error, and whoever draws on it.
#[derive(Debug, Default)]
pub(crate) struct Console {
    level: Level,
    json: bool,
    bar: Mutex<Option<ProgressBar>>,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const ADVICE: Style = AnsiColor::Yellow.on_default().bold();

impl Console {
    pub(crate) fn new(common: &Common) -> Console {
        let level = match (common.quiet, common.verbose) {
            (true, _) => Level::Quiet,
            (false, 0) => Level::Normal,
            (false, _) => Level::Verbose,
        };
        Console { level, json: common.log_format == LogFormat::Json, bar: Mutex::new(None) }
    }

    /// For what is said before anybody has read the command line.
    pub(crate) fn early(json: bool) -> Console {
        Console { json, ..Console::default() }
    }

    /// Prints the one line of an error, with which code the program ends.
    pub(crate) fn error(&self, line: &str, code: u8) {
        if self.json {
            return self.object("error", line, &json!({ "exit_code": code }));
        }
        self.line(&format!("{ERROR}error:{ERROR:#} {line}"));
    }

    /// Prints a line that is not a part of the result, if so much is to be said.
    pub(crate) fn note(&self, level: Level, line: &str) {
        let name = match level {
            Level::Quiet => "warn",
            Level::Normal => "info",
            Level::Verbose => "debug",
        };
        if level <= self.level {
            self.say(name, line, &Value::Null);
        }
    }

    /// Prints why the pool mostly waited.
    pub(crate) fn advice(&self, line: &str) {
        if self.json {
            return self.object("info", line, &json!({ "advice": true }));
        }
        self.line(&format!("{ADVICE}advice:{ADVICE:#} {line}"));
    }

    /// Prints how far the work is, because somebody asked.
    pub(crate) fn status(&self, line: &str, figures: &Value) {
        self.say("info", line, figures);
    }

    /// Tells programs what came of the work; people have the result.
    pub(crate) fn summary(&self, line: &str, figures: &Value) {
        if self.json && self.level >= Level::Normal {
            self.object("info", line, figures);
        }
    }

    fn say(&self, level: &str, line: &str, fields: &Value) {
        match self.json {
            true => self.object(level, line, fields),
            false => self.line(line),
        }
    }

    fn object(&self, level: &str, message: &str, fields: &Value) {
        let line = object(level, message, fields);
        // Standard error may be closed or full; there is nowhere left to say so.
        self.apart(|| drop(write(line.as_bytes())));
    }

    /// Whether lines are objects.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn says(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Whether somebody sees standard error as it is written.
    pub(crate) fn is_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// From now on lines are printed above this bar; `None` when it is gone.
    pub(crate) fn draw_with(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    /// Prints what somebody else wrote, as it is: a result, which is not to be lost without a word.
    ///
    /// # Errors
    /// A [`Failure`] of files if it cannot be written, but for a pipe that nobody reads any more.
    pub(crate) fn raw(&self, text: &[u8]) -> Result<(), Failure> {
        let told = json!({ "stream": "stderr" });
        let objects = |text| String::from_utf8_lossy(text).lines().map(|line| object("info", line, &told)).collect();
        let text = if self.json { Cow::Owned(String::into_bytes(objects(text))) } else { Cow::Borrowed(text) };
        match self.apart(|| write(&text)) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::files(format!("standard error: cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    fn line(&self, line: &str) {
        let mut text = AutoStream::new(Vec::new(), AutoStream::choice(&io::stderr()));
        // Into memory everything can be written.
        let _ = writeln!(text, "{line}");
        let text = text.into_inner();
        // Standard error may be closed or full; there is nowhere left to say so.
        self.apart(|| drop(write(&text)));
    }

    /// Prints so that no bar is in the way.
    fn apart<R>(&self, print: impl Fn() -> R) -> R {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// A line that is an object.
fn object(level: &str, message: &str, fields: &Value) -> String {
    let (time, message) = (timestamp::utc(SystemTime::now()), Value::from(message));
    let mut line = format!("{{\"time\":\"{time}\",\"level\":\"{level}\",\"message\":{message}");
    for (name, value) in fields.as_object().into_iter().flatten() {
        line.push_str(&format!(",{}:{value}", Value::from(&name[..])));
    }
    line.push_str("}\n");
    line
}

/// Writes all of it, and waits for a pipe that does not block (somebody else's setting, which all who hold the pipe share).
fn write(mut text: &[u8]) -> io::Result<()> {
    let mut out = io::stderr().lock();
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::new(&out, PollFlags::OUT)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Tells every stream of this process what `--color` asked for; `auto` looks at the terminal and at `NO_COLOR`.
pub(crate) fn choose_colours(when: When) {
    let choice = match when {
        When::Auto => ColorChoice::Auto,
        When::Always => ColorChoice::Always,
        When::Never => ColorChoice::Never,
    };
    choice.write_global();
}
