//! What a task is told to do, and what it brings.

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a task does before it brings its answer, or instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Deed {
    Computes,
    /// For so many microseconds.
    Spins(u32),
    Panics,
    /// Returns an `Err`.
    Fails,
    /// Brings a result that cannot be encoded.
    Unencodable,
    Hangs,
    /// Computes without end.
    Burns,
    /// Takes more and more memory.
    Swells,
    Aborts,
    Exits(i32),
    Faults,
    Overflows,
    /// Kills itself, as if from outside.
    Killed,
    /// Writes over its worker's results.
    Scribbles(u8),
    /// Writes bytes of no meaning to its worker's socket.
    Babbles,
}

impl Deed {
    /// Whether it ends its worker.
    pub(crate) fn is_deadly(self) -> bool {
        use Deed::{Aborts, Burns, Exits, Faults, Hangs, Killed, Overflows, Swells};
        self.is_lie() || matches!(self, Aborts | Exits(_) | Faults | Overflows | Killed | Hangs | Burns | Swells)
    }

    /// Whether its worker may harm all tasks that it holds.
    pub(crate) fn is_lie(self) -> bool {
        matches!(self, Deed::Scribbles(_) | Deed::Babbles)
    }

    /// Whether it is to end with the right answer.
    pub(crate) fn is_honest(self) -> bool {
        matches!(self, Deed::Computes | Deed::Spins(_))
    }

    /// The word for the table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Deed::Computes => "computes",
            Deed::Spins(_) => "computes for longer",
            Deed::Panics => "panics",
            Deed::Fails => "returns Err",
            Deed::Unencodable => "result cannot be encoded",
            Deed::Hangs => "hangs",
            Deed::Burns => "computes without end",
            Deed::Swells => "takes more and more memory",
            Deed::Aborts => "aborts",
            Deed::Exits(_) => "exits",
            Deed::Faults => "segfaults",
            Deed::Overflows => "overflows its stack",
            Deed::Killed => "kills itself",
            Deed::Scribbles(_) => "scribbles over its results",
            Deed::Babbles => "babbles on its socket",
        }
    }
}

/// The argument of every task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Different for each task of a round.
    pub(crate) id: u64,
    pub(crate) deed: Deed,
    /// How long the answer is.
    pub(crate) answer: u32,
    #[serde(with = "serde_bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// The result of every task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    id: u64,
    sum: u64,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    trap: Trap,
}

/// Cannot be encoded if set.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trap(bool);

impl Serialize for Trap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 { Err(S::Error::custom("it is a trap")) } else { serializer.serialize_bool(false) }
    }
}

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Trap, D::Error> {
        bool::deserialize(deserializer).map(Trap)
    }
}

/// Bytes that say whose they are and where they stand.
pub(crate) fn pattern(id: u64, length: usize) -> Vec<u8> {
    let first = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (0..length as u64).map(|at| ((first + at * 7) ^ (at >> 8)).to_le_bytes()[0]).collect()
}

impl Order {
    /// The right answer, in any process; `extra` is what the task reads beside its order.
    pub(crate) fn answer(&self, extra: u64) -> Answer {
        let sum = self.bytes.iter().fold(extra, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let bytes = pattern(self.id, self.answer as usize);
        Answer { id: self.id, sum, bytes, trap: Trap(self.deed == Deed::Unencodable) }
    }
}

/// What a task that speaks says.
#[derive(Debug)]
pub(crate) struct Speech {
    /// On standard output before its deed,
    pub(crate) before: String,
    /// and after it, if it comes to that.
    pub(crate) after: String,
    /// On standard error before its deed.
    pub(crate) aside: String,
}

impl Speech {
    pub(crate) fn of(id: u64) -> Speech {
        // Some say more than is kept.
        let filler = "x".repeat(if id.is_multiple_of(5) { 10_000 } else { 30 });
        Speech {
            before: format!("task {id} begins\n{filler}\n"),
            after: format!("task {id} ends\n"),
            aside: format!("task {id} says something aside\n"),
        }
    }
}
