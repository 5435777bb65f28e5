//! What becomes of the jobs when this program is asked to end. Whoever types Ctrl-C wants nothing more of them either: they are cancelled, also if the
//! engine is slow to answer, and this program leaves meanwhile. One that is ended otherwise, or by an error of its own, leaves its work to the next, and says so.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mpexec::names::{one_line, shown};

use crate::console::Level;
use crate::engines::{Alive, Engine, Which};
use crate::exit::Signal;
use crate::interrupt::Running;

/// While the program leaves, no longer is waited for the answer that they are cancelled.
const AT_THE_END: Duration = Duration::from_millis(300);

/// So long it is waited, where something is wrong, for the answer whether any of them go on.
const AT_A_FAILURE: Duration = Duration::from_secs(10);

/// Says something of the engine that is called so.
pub(super) fn note(running: &Running, called: &str, level: Level, line: &str) {
    if let Some(console) = running.console() {
        console.note(level, &format!("{called}: {line}"));
    }
}

/// The jobs of a run.
#[derive(Debug)]
pub(super) struct Stopping {
    pub(super) engine: Arc<dyn Engine>,
    /// What their arrays are called.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// Results of them are awaited.
    awaited: AtomicBool,
    /// One is being submitted: whether it is accepted is not known.
    submitting: AtomicBool,
    /// It was told what becomes of them.
    told: AtomicBool,
    /// The answer of whoever is to cancel them, once that was begun.
    answer: Mutex<Option<Receiver<Result<(), String>>>>,
}

impl Stopping {
    pub(super) fn new(engine: Arc<dyn Engine>, name: String, folder: PathBuf) -> Stopping {
        let [awaited, submitting, told] = [const { AtomicBool::new(false) }; 3];
        Stopping { engine, name, folder, awaited, submitting, told, answer: Mutex::default() }
    }

    /// Submits.
    pub(super) fn submitting<T>(&self, submit: impl FnOnce() -> T) -> T {
        self.submitting.store(true, Ordering::SeqCst);
        let submitted = submit();
        self.submitting.store(false, Ordering::SeqCst);
        submitted
    }

    /// From now on results are awaited, or no longer.
    pub(super) fn awaits(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::SeqCst);
    }

    /// Sees to it that they are cancelled, or told of, also if the program leaves whatever the main thread is at.
    pub(super) fn when_leaving(self: &Arc<Stopping>, running: &Arc<Running>, called: &'static str) {
        let (stopping, told) = (Arc::clone(self), Arc::downgrade(running));
        running.when_leaving(move |signal| {
            if let Some(running) = told.upgrade().filter(|_| stopping.awaited.load(Ordering::SeqCst)) {
                let note = |level, line: &str| note(&running, called, level, line);
                match signal {
                    Some(signal) => stopping.stop(signal, AT_THE_END, note),
                    None => stopping.leave(AT_A_FAILURE, note),
                }
            }
        });
    }

    /// The program is asked to end; `note` tells what becomes of the jobs, once. No answer is waited for longer than this.
    pub(super) fn stop(&self, signal: Signal, longest: Duration, note: impl Fn(Level, &str)) {
        if signal != Signal::Interrupt {
            return self.tell(Level::Normal, &self.goes_on(), note);
        }
        match self.cancelled_within(longest) {
            Some(Ok(())) if self.submitting.load(Ordering::SeqCst) => {
                let line = format!(
                    "the jobs are cancelled, but one was being submitted, as {}, and may be accepted yet: mpexec runs clean --force {} cancels it then",
                    self.name,
                    shown(&self.folder)
                );
                self.tell(Level::Quiet, &line, note);
            }
            Some(Ok(())) => self.tell(Level::Normal, "the jobs are cancelled", note),
            Some(Err(why)) => {
                self.tell(Level::Quiet, &format!("the jobs cannot be cancelled: {}", one_line(&why)), note)
            }
            None => {
                let line = format!(
                    "the jobs (as {}) were to be cancelled, and there is no answer yet: they may go on, and {} takes their results",
                    self.name,
                    self.resume()
                );
                self.tell(Level::Quiet, &line, note);
            }
        }
    }

    /// The program ends because something is wrong, here: with an input, a result or a disk. They know nothing of that.
    fn leave(&self, longest: Duration, note: impl Fn(Level, &str)) {
        let engine = Arc::clone(&self.engine);
        let name = self.name.clone();
        let alive = asking("mpexec-alive", move || engine.alive(&name));
        match alive.and_then(|answer| answer.recv_timeout(longest).ok()) {
            Some(Ok(Alive::None)) => {}
            Some(Ok(_)) => self.tell(Level::Normal, &self.goes_on(), note),
            Some(Err(_)) | None => {
                let line =
                    format!("nobody says how the jobs are: they may go on, and {} takes their results", self.resume());
                self.tell(Level::Normal, &line, note);
            }
        }
    }

    /// What is said where they are left alone.
    fn goes_on(&self) -> String {
        format!("the jobs go on; {} takes their results", self.resume())
    }

    fn resume(&self) -> String {
        format!("mpexec runs resume {}", shown(&self.folder))
    }

    fn tell(&self, level: Level, line: &str, note: impl Fn(Level, &str)) {
        if !self.told.swap(true, Ordering::SeqCst) {
            note(level, line);
        }
    }

    /// Who asks first has them cancelled. The answer comes once, to one of those who wait for it.
    fn cancelled_within(&self, longest: Duration) -> Option<Result<(), String>> {
        let answer = {
            let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            answer.take().or_else(|| self.cancel())
        };
        let answer = answer?;
        let came = answer.recv_timeout(longest).ok();
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        came
    }

    fn cancel(&self) -> Option<Receiver<Result<(), String>>> {
        let (engine, name) = (Arc::clone(&self.engine), self.name.clone());
        asking("mpexec-cancel", move || engine.cancel(&name, Which::All))
    }
}

/// Asks on a thread of this name, for whose answer nobody need wait.
pub(super) fn asking<T: Send + 'static>(name: &str, ask: impl FnOnce() -> T + Send + 'static) -> Option<Receiver<T>> {
    let (answers, answer) = mpsc::channel();
    let asking = std::thread::Builder::new().name(name.into()).spawn(move || {
        // Nobody may be left who waits for it.
        let _ = answers.send(ask());
    });
    asking.is_ok().then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::fake::Fake;

    fn stopped(fake: Fake, signal: Signal) -> Vec<String> {
        let told = Mutex::new(Vec::new());
        let stopping = Stopping::new(Arc::new(fake), "mpexec-1".into(), "run".into());
        for longest in [Duration::from_millis(10), Duration::from_secs(60)] {
            stopping.stop(signal, longest, |_, line| told.lock().unwrap().push(line.to_owned()));
        }
        told.into_inner().unwrap()
    }

    #[test]
    fn jobs_are_cancelled_once_or_it_is_said_that_they_may_go_on() {
        let quick = Fake::of(|_, _, _| 0);
        assert_eq!(stopped(quick.clone(), Signal::Interrupt).len(), 1);
        assert_eq!(quick.told(), ["cancel"]);
        let other = Fake::of(|_, _, _| 0);
        assert_eq!(
            stopped(other.clone(), Signal::Terminate),
            ["the jobs go on; mpexec runs resume run takes their results"]
        );
        assert!(other.told().is_empty());
        let (go, waits) = mpsc::channel();
        let slow = Fake::that_cancels(move || waits.recv().unwrap());
        let told = Mutex::new(Vec::new());
        let stopping = Stopping::new(Arc::new(slow.clone()), "mpexec-1".into(), "run".into());
        let note = |_, line: &str| told.lock().unwrap().push(line.to_owned());
        stopping.stop(Signal::Interrupt, Duration::from_millis(10), note);
        assert!(
            told.lock().unwrap()[0]
                .starts_with("the jobs (as mpexec-1) were to be cancelled, and there is no answer yet")
        );
        go.send(()).unwrap();
        stopping.stop(Signal::Interrupt, Duration::from_secs(60), note);
        assert_eq!((told.lock().unwrap().len(), slow.told()), (1, vec!["cancel".to_owned()]));
    }
}
