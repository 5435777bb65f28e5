//! The bar: how far the work is, for work that takes over a second.
//!
//! It is drawn on standard error, by default only where that is a terminal. Where somebody insists on it and there is no
//! terminal (a log), it is a line a second and none of the characters that move a cursor.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use crate::args::When;
use crate::console::{Console, Level};
use crate::numbers::grouped;

/// Work that is done sooner gets no bar: it would only flicker.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far a job is, shown or not.
#[derive(Debug)]
pub(crate) struct Progress {
    console: Arc<Console>,
    started: Instant,
    rows: u64,
    done: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Never,
    /// Nothing is drawn before the patience is over.
    Later(ProgressDrawTarget),
    Shown(ProgressBar),
}

impl Progress {
    /// Begins; `alone` says that nothing else is written to the terminal meanwhile.
    pub(crate) fn start(console: &Arc<Console>, when: When, rows: u64, alone: bool) -> Progress {
        let terminal = console.is_terminal();
        let state = match when {
            _ if !console.says(Level::Normal) => State::Never,
            When::Always if !terminal => State::Later(ProgressDrawTarget::term_like_with_hz(Box::new(Lines), 1)),
            When::Always => State::Later(ProgressDrawTarget::stderr()),
            When::Auto if terminal && alone => State::Later(ProgressDrawTarget::stderr()),
            When::Auto | When::Never => State::Never,
        };
        let mut progress = Progress { console: Arc::clone(console), started: Instant::now(), rows, done: 0, state };
        if when == When::Always {
            progress.show();
        }
        progress
    }

    /// So many more rows are done.
    pub(crate) fn advance(&mut self, rows: u64) {
        self.done += rows;
        match &self.state {
            State::Never => {}
            State::Later(_) if self.started.elapsed() < PATIENCE => {}
            State::Later(_) => self.show(),
            State::Shown(bar) => bar.set_position(self.done),
        }
    }

    fn show(&mut self) {
        match std::mem::replace(&mut self.state, State::Never) {
            State::Later(target) => {
                let bar = ProgressBar::with_draw_target(Some(self.rows), target)
                    .with_style(style())
                    .with_elapsed(self.started.elapsed())
                    .with_position(self.done);
                bar.tick();
                self.console.draw_with(Some(bar.clone()));
                self.state = State::Shown(bar);
            }
            other => self.state = other,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let State::Shown(bar) = &self.state {
            self.console.draw_with(None);
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("[{bar:30}] {percent:>3} %  {human_pos} of {human_len} rows  {speed}  {eta} left")
        .expect("the template is a constant that a test reads")
        .with_key("speed", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Writing to the bar's own string cannot fail.
            let _ = write!(out, "{} rows/s", grouped(state.per_sec() as u64));
        })
        .progress_chars("=> ")
}

/// A log in place of a terminal: what is drawn becomes a line, and nothing is ever taken back.
#[derive(Debug)]
struct Lines;

impl TermLike for Lines {
    fn width(&self) -> u16 {
        120
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        match text.trim_end() {
            "" => Ok(()),
            text => writeln!(io::stderr(), "{text}"),
        }
    }
    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_of_the_bar_can_be_read() {
        style();
    }
}
