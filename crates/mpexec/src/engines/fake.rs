//! An engine for tests: its jobs are done, one after another, by whatever it is given, while they are submitted.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Alive, Array, Ended, Engine, Kind, Shards, Silence, Submitted, Which};

/// What is typed for it.
pub(super) const FAKE: Kind =
    Kind { name: "fake", about: "Jobs of nobody", refuses: |_| None, begin: |words| Box::new(Fake::new(words)) };

/// An element: a shard of so many, on a node, and the code with which it ends.
type Element = Box<dyn Fn(u64, u64, &str) -> i32 + Send>;

/// What comes before a cancelling is answered.
type Delay = Box<dyn FnOnce() + Send>;

/// The engine; all copies are one.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    told: Vec<String>,
    ended: Vec<Vec<Ended>>,
    asked: u32,
    element: Option<Element>,
    delay: Option<Delay>,
}

impl Fake {
    fn new(words: &[String]) -> Fake {
        let fake = Fake::default();
        fake.tell(format!("begin {}", words.join(" ")));
        fake
    }

    /// One whose elements do this.
    pub(crate) fn of(element: impl Fn(u64, u64, &str) -> i32 + Send + 'static) -> Fake {
        let fake = Fake::default();
        fake.0.lock().unwrap_or_else(PoisonError::into_inner).element = Some(Box::new(element));
        fake
    }

    /// One that answers after this when it is to cancel.
    pub(crate) fn that_cancels(delay: impl FnOnce() + Send + 'static) -> Fake {
        let fake = Fake::default();
        fake.0.lock().unwrap_or_else(PoisonError::into_inner).delay = Some(Box::new(delay));
        fake
    }

    fn tell(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).told.push(line);
    }

    /// How often it was asked who is alive.
    pub(crate) fn asked(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    /// What it was asked for.
    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).told.clone()
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Fake")
    }
}

impl Engine for Fake {
    fn submit(&self, array: &Array<'_>) -> Result<Submitted, String> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (numbers, of) = match &array.shards {
            Shards::These { numbers, of } => (numbers.clone(), *of),
            Shards::Choose { wanted, worth } => {
                let of = wanted.unwrap_or_else(|| worth.on(2));
                ((0..of).collect(), of)
            }
        };
        let script = String::from_utf8_lossy(&(array.script)("FAKE_NUMBER", of)).into_owned();
        let ours = script.contains(&format!(" runs element \"$d\" \"$FAKE_NUMBER/{of}\"\n"));
        let line = format!("submit {numbers:?} of {of} without {:?}, {ours}", array.without);
        inner.told.push(line);
        let node = ["a", "b", "c"].into_iter().find(|node| !array.without.contains(*node)).ok_or("no node is left")?;
        let element = inner.element.as_ref().ok_or("it does nothing")?;
        let ended = numbers.iter().map(|shard| Ended::with_code(*shard, Some(node.into()), element(*shard, of, node)));
        let ended = ended.collect();
        inner.ended.push(ended);
        let without = array.without.clone();
        Ok(Submitted { job: inner.ended.len().to_string(), shards: numbers.len() as u64, of, without })
    }

    fn alive(&self, _name: &str) -> Result<Alive, Silence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked += 1;
        Ok(Alive::None)
    }

    fn why(&self, job: &str) -> Vec<Ended> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = job.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        at.and_then(|at| inner.ended.get(at)).cloned().unwrap_or_default()
    }

    fn cancel(&self, _name: &str, which: Which) -> Result<(), String> {
        self.tell(if which == Which::All { "cancel".to_owned() } else { "cancel what waits".to_owned() });
        let delay = self.0.lock().unwrap_or_else(PoisonError::into_inner).delay.take();
        if let Some(delay) = delay {
            delay();
        }
        Ok(())
    }
}
