//! The structure of a type as serde sees it, as text: what two programs compare before one calls a function of the other.
//!
//! `struct Point{x: f64, y: f64}`, `seq<i64>`, `enum Shape{Dot, Circle(f64)}`. A type is written out where it first stands and
//! goes by its name after that, so that recursive types have an end. What serde does not show is written `?`.
//!
//! The structure is found by letting the type's own `Deserialize` ask for a value, again and again ([`walk`]). A library that
//! does this keeps types by their short names alone, so that `Pair<u8>` and `Pair<u16>` in one signature would be an error, and
//! it asks its user to list the enums.

mod enums;
mod trace;
mod walk;

use std::collections::HashMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;

use crate::carry::incoming::while_tracing;
use trace::{Body, Format, Group, Shape, Trace};
use walk::Walk;

/// A type with more enums and variants than can be seen in so many rounds is seen in part.
const ROUNDS: usize = 2000;

/// The structure of `T`. Runs its `Deserialize`: never under a lock.
pub(crate) fn structure_of<T: DeserializeOwned>() -> String {
    let trace = Trace::default();
    let mut format = Format::Unknown;
    for _ in 0..ROUNDS {
        trace.begin_round();
        // What a type says to the values it is offered does not matter, nor whether it panics; only what it asked for.
        let ask = || while_tracing(|| T::deserialize(Walk::new(&trace, &mut format)).map(drop));
        let _ = catch_unwind(AssertUnwindSafe(ask));
        if !trace.another_round() {
            break;
        }
    }
    let mut text = Text { trace: &trace, out: String::new(), written: HashMap::new() };
    text.format(&format);
    text.out
}

/// Formats as text.
struct Text<'t> {
    trace: &'t Trace,
    out: String,
    /// The types that were written out, by name: of several with one name, later ones have a number.
    written: HashMap<&'static str, Vec<usize>>,
}

impl Text<'_> {
    fn format(&mut self, format: &Format) {
        match format {
            Format::Unknown => self.out.push('?'),
            Format::Plain(name) => self.out.push_str(name),
            Format::Group(Group::Tuple, all) => match all.split_first() {
                Some((first, rest)) if !rest.is_empty() && rest.iter().all(|other| other == first) => {
                    self.out.push('[');
                    self.format(first);
                    let _ = write!(self.out, "; {}]", all.len());
                }
                _ => self.list('(', None, all, ')'),
            },
            Format::Group(group, all) => {
                self.out.push_str(match group {
                    Group::Option => "option",
                    Group::Seq => "seq",
                    Group::Map | Group::Tuple => "map",
                });
                self.list('<', None, all, '>');
            }
            Format::Container(number) => self.container(*number),
        }
    }

    fn list(&mut self, open: char, names: Option<&[&str]>, all: &[Format], close: char) {
        self.out.push(open);
        for (place, format) in all.iter().enumerate() {
            if place > 0 {
                self.out.push_str(", ");
            }
            if let Some(name) = names.and_then(|names| names.get(place)) {
                let _ = write!(self.out, "{name}: ");
            }
            self.format(format);
        }
        self.out.push(close);
    }

    fn container(&mut self, number: usize) {
        let container = self.trace.container(number);
        let of_this_name = self.written.entry(container.name).or_default();
        let place = of_this_name.iter().position(|other| *other == number);
        let new = place.is_none();
        let place = place.unwrap_or_else(|| {
            of_this_name.push(number);
            of_this_name.len() - 1
        });
        if new {
            self.out.push_str(if matches!(container.body, Body::Enum(_)) { "enum " } else { "struct " });
        }
        self.out.push_str(container.name);
        if place > 0 {
            let _ = write!(self.out, "#{}", place + 1);
        }
        match container.body {
            _ if !new => {}
            Body::Struct(shape, formats) => self.body(shape, &formats),
            Body::Enum(variants) => {
                self.out.push('{');
                for (place, variant) in variants.iter().enumerate() {
                    if place > 0 {
                        self.out.push_str(", ");
                    }
                    self.out.push_str(variant.name);
                    match variant.shape {
                        Some(shape) => self.body(shape, &variant.formats),
                        None => self.out.push('?'),
                    }
                }
                self.out.push('}');
            }
        }
    }

    fn body(&mut self, shape: Shape, formats: &[Format]) {
        match shape {
            Shape::Unit => {}
            Shape::Tuple => self.list('(', None, formats, ')'),
            Shape::Named(names) => self.list('{', Some(names), formats, '}'),
        }
    }
}

#[cfg(test)]
mod tests;
