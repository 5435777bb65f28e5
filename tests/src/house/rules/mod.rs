//! The rules themselves, one kind a file. Each is a [`Rule`]: the reason, and the function that finds where it is broken.
//!
//! Every file proves on small bad samples that its rule can fail; a check that cannot fail is worse than none.

pub mod bans;
pub mod crates;
pub mod cycles;
pub mod fence;
pub mod places;
pub mod rooms;
pub mod sentences;
pub mod shape;
pub mod versions;

use super::{Tree, Violation, verdict};

/// A rule of the house.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Why the rule stands, and what to do when it is broken: the head of the failure message.
    pub why: &'static str,
    /// Finds every place where it is broken.
    pub find: fn(&Tree) -> Vec<Violation>,
}

impl Rule {
    /// Checks the rule on `tree`.
    ///
    /// # Errors
    /// When it is broken: the reason, then one line for each place.
    ///
    /// ```
    /// use mpexec_tests::house::{Tree, rules::shape};
    ///
    /// let told = shape::HEADER.check(&Tree::of(&[("src/a.rs", "fn f() {}")])).unwrap_err();
    /// assert!(told.contains("src/a.rs:1: "));
    /// ```
    pub fn check(&self, tree: &Tree) -> Result<(), String> {
        verdict(self.why, &(self.find)(tree))
    }
}

/// What the rules' own tests share.
#[cfg(test)]
pub(crate) mod samples {
    use super::{Rule, Tree};

    /// The `file:line` of every violation of the rule in the sample.
    pub(crate) fn broken(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
        let found = (rule.find)(&Tree::of(files));
        found.iter().map(|v| format!("{}:{}", v.path, v.line)).collect()
    }
}
