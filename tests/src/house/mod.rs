//! The rules of the house: a small reader of Rust sources, and the rules that it checks.
//!
//! In layers, each knowing only those above it: [`lexer`] cuts text into tokens, [`paths`] finds the paths that code names,
//! [`manifest`] reads `Cargo.toml`, [`tree`] holds all files of the project, [`modules`] turns one crate into a graph of
//! modules, and each file of [`rules`] holds one kind of rule. It uses no crate at all: a rule about dependencies should
//! not bring any.

pub mod lexer;
pub mod manifest;
pub mod modules;
pub mod paths;
pub mod rules;
pub mod tree;

pub use tree::Tree;

use std::fmt;

/// One place where a rule is broken: a file, a line, and what is wrong there.
///
/// ```
/// use mpexec_tests::house::Violation;
///
/// let violation = Violation::new("src/pool.rs", 7, "`todo!` left in the code");
/// assert_eq!(violation.to_string(), "src/pool.rs:7: `todo!` left in the code");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The file, relative to the project's root.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there and must not, or is missing.
    pub what: String,
}

impl Violation {
    /// Notes that `what` is wrong at `line` of `path`.
    pub fn new(path: impl Into<String>, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Says whether a rule holds.
///
/// # Errors
/// When there is a violation: the reason of the rule, then one line for each place where it is broken.
///
/// ```
/// use mpexec_tests::house::{Violation, verdict};
///
/// assert_eq!(verdict("Small files are read.", &[]), Ok(()));
/// let told = verdict("Small files are read.", &[Violation::new("a.rs", 401, "too long")]).unwrap_err();
/// assert_eq!(told, "Small files are read.\n  a.rs:401: too long");
/// ```
pub fn verdict(why: &str, violations: &[Violation]) -> Result<(), String> {
    if violations.is_empty() {
        return Ok(());
    }
    let places: String = violations.iter().map(|v| format!("\n  {v}")).collect();
    Err(format!("{why}{places}"))
}
