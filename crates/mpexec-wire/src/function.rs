//! What one program says of a function with a name, so that another can call it and knows what it calls.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The structure of what a function takes and gives, as text: two programs mean the same when the texts are equal.
///
/// ```
/// use mpexec_wire::Signature;
///
/// let signature = Signature { parameters: vec!["seq<i64>".into(), "i64".into()], result: "u64".into() };
/// assert_eq!(signature.to_string(), "(seq<i64>, i64) -> u64");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Of each parameter, from the first to the last.
    pub parameters: Vec<String>,
    /// Of the result.
    pub result: String,
}

impl fmt::Display for Signature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "({}) -> {}", self.parameters.join(", "), self.result)
    }
}

/// A task function with a name. Between two processes of one executable, which cannot differ, its name and whether it has a JSON
/// door are all that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionInfo {
    /// The name it is registered under.
    pub name: String,
    /// Its structure.
    pub signature: Option<Signature>,
    /// The names of its parameters, where they are known.
    pub parameters: Option<Vec<String>>,
    /// The first paragraph of its documentation, on one line.
    pub doc: String,
    /// Whether it can be called with JSON too.
    pub json: bool,
}
