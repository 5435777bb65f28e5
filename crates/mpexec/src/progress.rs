//! How far the work is, for work that takes over a second.
//!
//! A bar is drawn on standard error, by default only where that is a terminal. Where somebody insists on it and there is no
//! terminal (a log), it is a line a second and none of the characters that move a cursor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::args::When;
use crate::console::{Console, Level};
use crate::numbers::{grouped, rate};
use crate::stdout;

/// Work that is done sooner gets no bar: it would only flicker.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time between two lines in a log.
const PACE: Duration = Duration::from_secs(1);

/// What is counted to see how far a job is: rows, or the bytes of files that do not say how many rows they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Rows,
    Bytes,
    Tasks,
    Columns,
}

impl Unit {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Unit::Rows => "rows",
            Unit::Bytes => "bytes",
            Unit::Tasks => "tasks",
            Unit::Columns => "columns",
        }
    }
}

/// How far a job is, shown or not.
#[derive(Debug)]
pub(crate) struct Progress {
    console: Arc<Console>,
    /// When the work began, and when this step of it.
    begun: Instant,
    started: Instant,
    /// What is done in this step; nothing is said if there is one step alone.
    verb: &'static str,
    unit: Unit,
    all: u64,
    done: u64,
    failed: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Never,
    /// Nothing is drawn before the patience is over.
    Later,
    Shown(ProgressBar),
    /// A line at this time after the start, and then one each second.
    Lines(Duration),
}

impl Progress {
    /// Begins; `all` is 0 if nobody knows how much it is, and then it is shown how much was done and how fast. `printing` says that results are written to standard output meanwhile, which may be the same terminal.
    pub(crate) fn start(console: &Arc<Console>, when: When, unit: Unit, all: u64, printing: bool) -> Progress {
        let terminal = console.is_terminal();
        let alone = !printing || !stdout::is_terminal();
        let state = match when {
            _ if !console.says(Level::Normal) || console.is_json() => State::Never,
            When::Always if !terminal => State::Lines(PATIENCE),
            When::Always => State::Later,
            When::Auto if terminal && alone => State::Later,
            _ => State::Never,
        };
        let now = Instant::now();
        let console = Arc::clone(console);
        Progress { console, begun: now, started: now, verb: "", unit, all, done: 0, failed: 0, state }
    }

    /// Another step begins, in which so much is done; 0 if nobody knows how much.
    pub(crate) fn begin(&mut self, verb: &'static str, unit: Unit, all: u64) {
        let shown = matches!(self.state, State::Shown(_));
        if shown {
            self.clear();
        }
        (self.started, self.done) = (Instant::now(), 0);
        (self.verb, self.unit, self.all) = (verb, unit, all);
        if shown {
            self.show();
        }
    }

    /// So much more is done.
    pub(crate) fn advance(&mut self, more: u64) {
        self.done += more;
        match &mut self.state {
            State::Never => {}
            State::Later if self.begun.elapsed() < PATIENCE => {}
            State::Later => self.show(),
            State::Shown(bar) => bar.set_position(self.done),
            State::Lines(next) => {
                if is_due(self.begun.elapsed(), next) {
                    let how_far = HowFar { done: self.done, all: self.all, failed: self.failed };
                    let line = line(how_far, self.unit, self.verb, self.started.elapsed());
                    self.console.note(Level::Normal, &line);
                }
            }
        }
    }

    /// One of those that are done has failed.
    pub(crate) fn fail(&mut self) {
        self.failed += 1;
        if let State::Shown(bar) = &self.state {
            bar.set_message(failures(self.failed));
        }
    }

    fn show(&mut self) {
        let all = Some(self.all).filter(|all| *all > 0);
        let bar = ProgressBar::with_draw_target(all, ProgressDrawTarget::stderr())
            .with_style(style(self.unit, self.verb, all.is_some()))
            .with_elapsed(self.started.elapsed())
            .with_message(failures(self.failed))
            .with_position(self.done);
        bar.tick();
        self.console.draw_with(Some(bar.clone()));
        self.state = State::Shown(bar);
    }

    /// Nothing is drawn any more.
    pub(crate) fn clear(&mut self) {
        if let State::Shown(bar) = std::mem::replace(&mut self.state, State::Never) {
            self.console.draw_with(None);
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn failures(failed: u64) -> String {
    if failed == 0 { String::new() } else { format!("  {} failed", grouped(failed)) }
}

fn style(unit: Unit, verb: &str, known: bool) -> ProgressStyle {
    let unit = unit.name();
    let verb = spaced(verb);
    let template = match known {
        true => format!(
            "[{{bar:30}}] {{percent:>3}} %  {{human_pos}} of {{human_len}} {unit}{verb}  {{speed}}  {{eta}} left{{msg}}"
        ),
        false => format!("{{spinner}} {{human_pos}} {unit}{verb} in {{elapsed}}  {{speed}}{{msg}}"),
    };
    ProgressStyle::with_template(&template)
        .expect("the template is a constant that a test reads")
        .with_key("speed", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Writing to the bar's own string cannot fail.
            let _ = write!(out, "{} {unit}/s", rate(state.per_sec()));
        })
        .progress_chars("=> ")
}

/// Whether it is time for a line; if so, the next one is a whole second away.
fn is_due(elapsed: Duration, next: &mut Duration) -> bool {
    if elapsed < *next {
        return false;
    }
    *next = elapsed + PACE;
    true
}

/// With a space before it, if there is one.
fn spaced(verb: &str) -> String {
    if verb.is_empty() { String::new() } else { format!(" {verb}") }
}

/// How much is done of how much.
struct HowFar {
    done: u64,
    all: u64,
    failed: u64,
}

/// The line of a log.
fn line(HowFar { done, all, failed }: HowFar, unit: Unit, verb: &str, elapsed: Duration) -> String {
    let percent = u128::from(done) * 100 / u128::from(all.max(1));
    let speed = done as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    let left = all.saturating_sub(done) as f64 / speed.max(f64::MIN_POSITIVE);
    let (unit, verb, failures) = (unit.name(), spaced(verb), failures(failed));
    let (done, speed) = (grouped(done), rate(speed));
    if all == 0 {
        return format!("{done} {unit}{verb}  {speed} {unit}/s{failures}");
    }
    format!("{percent} %  {done} of {} {unit}{verb}  {speed} {unit}/s  {left:.0} s left{failures}", grouped(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_of_the_bar_can_be_read() {
        style(Unit::Rows, "", true);
        style(Unit::Bytes, "looked at", false);
    }

    #[test]
    fn a_log_has_no_line_in_the_first_second_and_one_in_each_that_follows() {
        let mut next = PATIENCE;
        let lines = (0..10_000).filter(|&ms| is_due(Duration::from_millis(ms), &mut next));
        assert_eq!(lines.collect::<Vec<_>>(), [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]);
        let mut late = PATIENCE;
        assert!(is_due(Duration::from_millis(5500), &mut late) && !is_due(Duration::from_millis(6400), &mut late));
    }

    #[test]
    fn a_line_of_a_log_says_how_much_how_fast_and_how_long_yet() {
        let line = |all, failed, unit, verb| {
            line(HowFar { done: 2_500_000, all, failed }, unit, verb, Duration::from_millis(2500))
        };
        let told = line(10_000_000, 0, Unit::Rows, "");
        let unknown = line(0, 3, Unit::Bytes, "");
        let step = line(10_000_000, 0, Unit::Bytes, "looked at");
        assert_eq!(step, "25 %  2,500,000 of 10,000,000 bytes looked at  1,000,000 bytes/s  8 s left");
        assert_eq!(unknown, "2,500,000 bytes  1,000,000 bytes/s  3 failed");
        assert_eq!(told, "25 %  2,500,000 of 10,000,000 rows  1,000,000 rows/s  8 s left");
    }
}
