//! A JSON text taken apart into arguments, which are then read one by one, each as its type.
//!
//! The text is looked through once to see where each argument lies; this code is the same for all functions. What is wrong with
//! an argument is told with its parameter's name and with line and column in the whole text, as the caller wrote it.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Task functions have at most so many parameters.
const MOST: usize = 8;

/// Why a JSON text is not the arguments of a function.
#[derive(Debug)]
pub struct BadJson(pub(crate) String);

/// The arguments of one call.
#[derive(Debug)]
pub struct JsonInput<'t> {
    text: &'t [u8],
    names: &'static [&'static str],
    values: [Option<&'t RawValue>; MOST],
    next: usize,
}

impl<'t> JsonInput<'t> {
    /// Finds the arguments of a function with these parameters.
    pub(crate) fn new(text: &'t [u8], names: &'static [&'static str]) -> Result<JsonInput<'t>, BadJson> {
        let taker = Taker { names, values: [const { Cell::new(None) }; MOST], at: Cell::new(None) };
        let mut json = serde_json::Deserializer::from_slice(text);
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        let taken = match (first, names) {
            (Some(b'['), _) => json.deserialize_seq(ByPlace(&taker)),
            (Some(b'{'), _) => json.deserialize_map(ByName(&taker)),
            (_, [_]) => taker.take(0, &mut json),
            (None, _) => return Err(BadJson(format!("no JSON; expected {}", expected(names)))),
            (Some(_), _) => return Err(BadJson(format!("expected {}", expected(names)))),
        };
        taken.and_then(|()| json.end()).map_err(|error| match taker.at.get().and_then(|at| names.get(at)) {
            Some(name) => BadJson(format!("argument `{name}`: {error}")),
            None => BadJson(error.to_string()),
        })?;
        let values = taker.values.map(Cell::into_inner);
        let missing: Vec<_> =
            names.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        match missing.as_slice() {
            [] => Ok(JsonInput { text, names, values, next: 0 }),
            missing => Err(BadJson(format!("missing: {}; expected {}", listed(missing), expected(names)))),
        }
    }

    /// Reads the next argument.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<T, BadJson> {
        let (name, value) = (self.names.get(self.next), self.values.get(self.next).copied().flatten());
        self.next += 1;
        let (Some(name), Some(value)) = (name, value) else {
            return Err(BadJson("a parameter without a name (a fault of mpexec)".to_owned()));
        };
        serde_json::from_str(value.get()).map_err(|error| {
            let (line, column) = self.place(value, &error);
            let text = error.to_string();
            let within = format!(" at line {} column {}", error.line(), error.column());
            let what = text.strip_suffix(&within).unwrap_or(&text);
            BadJson(format!("argument `{name}`: {what} at line {line} column {column}"))
        })
    }

    /// Line and column of an error within the whole text.
    fn place(&self, value: &RawValue, error: &serde_json::Error) -> (usize, usize) {
        let start = value.get().as_ptr().addr() - self.text.as_ptr().addr();
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        let same_line = error.line() <= 1;
        (line + error.line().max(1), error.column() + if same_line { column } else { 0 })
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What the text should have been, in the function's own names.
fn expected(names: &[&str]) -> String {
    let by_name: Vec<_> = names.iter().map(|name| format!("\"{name}\": ..")).collect();
    match names {
        [] => "[] or {}: the function has no parameters".to_owned(),
        [only] => {
            format!("[{only}], {{{}}}, or the value alone where that is no array and no object", by_name.join(", "))
        }
        _ => format!("[{}] or {{{}}}", names.join(", "), by_name.join(", ")),
    }
}

/// Notes where the arguments lie.
struct Taker<'t> {
    names: &'static [&'static str],
    values: [Cell<Option<&'t RawValue>>; MOST],
    /// Which argument is being looked at.
    at: Cell<Option<usize>>,
}

impl<'t> Taker<'t> {
    fn take<D: Deserializer<'t>>(&self, at: usize, value: D) -> Result<(), D::Error> {
        self.at.set(Some(at));
        let place = self.values.get(at).ok_or_else(|| D::Error::custom("too many arguments"))?;
        place.set(Some(serde::Deserialize::deserialize(value)?));
        self.at.set(None);
        Ok(())
    }
}

/// Takes the argument of this number.
struct Taking<'a, 't>(&'a Taker<'t>, usize);

impl<'t> DeserializeSeed<'t> for Taking<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, value: D) -> Result<(), D::Error> {
        self.0.take(self.1, value)
    }
}

struct ByPlace<'a, 't>(&'a Taker<'t>);

impl<'t> Visitor<'t> for ByPlace<'_, 't> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&expected(self.0.names))
    }

    fn visit_seq<S: SeqAccess<'t>>(self, mut all: S) -> Result<(), S::Error> {
        for at in 0..self.0.names.len() {
            if all.next_element_seed(Taking(self.0, at))?.is_none() {
                return Ok(());
            }
        }
        match all.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(S::Error::custom(format!("too many arguments; expected {}", expected(self.0.names)))),
        }
    }
}

struct ByName<'a, 't>(&'a Taker<'t>);

impl<'t> Visitor<'t> for ByName<'_, 't> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&expected(self.0.names))
    }

    fn visit_map<A: MapAccess<'t>>(self, mut all: A) -> Result<(), A::Error> {
        while let Some(name) = all.next_key::<Cow<'_, str>>()? {
            let Some(at) = self.0.names.iter().position(|known| **known == *name) else {
                let expected = expected(self.0.names);
                return Err(A::Error::custom(format!("no parameter is named `{name}`; expected {expected}")));
            };
            if self.0.values.get(at).is_some_and(|value| value.get().is_some()) {
                return Err(A::Error::custom(format!("argument `{name}` is given twice")));
            }
            all.next_value_seed(Taking(self.0, at))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
