//! Standard error: errors, notes and the bar share it, so that none is printed into another.
//!
//! A worker's death may be noted by the pool's own thread while the bar is drawn by the main one; both go through here.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anstream::ColorChoice;
use clap::builder::styling::{AnsiColor, Style};
use indicatif::ProgressBar;

use crate::args::{Common, When};

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
    bar: Mutex<Option<ProgressBar>>,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();

impl Console {
    pub(crate) fn new(common: &Common) -> Console {
        let level = match (common.quiet, common.verbose) {
            (true, _) => Level::Quiet,
            (false, 0) => Level::Normal,
            (false, _) => Level::Verbose,
        };
        Console { level, bar: Mutex::new(None) }
    }

    /// Prints the one line of an error.
    pub(crate) fn error(&self, line: &str) {
        self.line(&format!("{ERROR}error:{ERROR:#} {line}"));
    }

    /// Prints a line that is not a part of the result, if so much is to be said.
    pub(crate) fn note(&self, level: Level, line: &str) {
        if level <= self.level {
            self.line(line);
        }
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

    /// Prints what somebody else wrote, as it is.
    pub(crate) fn raw(&self, text: &[u8]) {
        self.apart(|| drop(std::io::stderr().lock().write_all(text)));
    }

    fn line(&self, line: &str) {
        // Standard error may be closed or full; there is nowhere left to say so.
        self.apart(|| drop(writeln!(anstream::stderr().lock(), "{line}")));
    }

    /// Prints so that no bar is in the way.
    fn apart(&self, print: impl Fn()) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
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
