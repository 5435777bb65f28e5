//! How a row becomes the arguments of a call: a text of JSON, as the task's parameters want it.

use mpexec::names::one_line;
use mpexec_core::TaskInfo;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// One value of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    /// JSON already.
    Json(&'a [u8]),
    /// A text, which is what the parameter wants it to be.
    Text(&'a [u8]),
}

/// What a parameter takes, as far as it decides how a text is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    List,
    /// Numbers, truth values, and whatever else.
    Other,
}

#[derive(Clone, Debug)]
struct Parameter {
    name: String,
    kind: Kind,
    /// Whether it may be `null`.
    optional: bool,
    /// Whether it is or has floating-point numbers that may be `null`.
    floats: bool,
    /// The value in all calls, as JSON.
    fixed: Option<String>,
}

/// How rows become calls of one task.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    parameters: Vec<Parameter>,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Rows are JSON themselves.
    Json,
    /// The row as a list is the one argument that is left.
    Whole,
    /// For each parameter that is left, in order, the place of its value in the row.
    Each(Vec<usize>),
}

impl Shape {
    /// For this task, with the arguments that are the same in all calls, and rows of so many values under these titles (`None`: rows of
    /// JSON). `matrix` says that a row of one value is a row too.
    ///
    /// # Errors
    /// A [`Failure`] of usage that says what the task takes.
    pub(super) fn new(
        task: &TaskInfo,
        with: &[(String, String)],
        width: Option<usize>,
        titles: &[String],
        matrix: bool,
    ) -> Result<Shape, Failure> {
        let names = task.parameters.iter().flatten().zip(&task.structures);
        let parameters = names.map(|(name, structure)| parameter(name, structure)).collect();
        Shape::of(&task.to_string(), parameters, with, width, titles, matrix)
    }

    fn of(
        task: &str,
        mut parameters: Vec<Parameter>,
        with: &[(String, String)],
        width: Option<usize>,
        titles: &[String],
        matrix: bool,
    ) -> Result<Shape, Failure> {
        for (name, value) in with {
            let Some(parameter) = parameters.iter_mut().find(|parameter| parameter.name == *name) else {
                return Err(Failure::usage(format!("--with {name}: {task} has no such parameter")));
            };
            let value = parameter.value(value);
            if parameter.fixed.replace(value).is_some() {
                return Err(Failure::usage(format!("--with {name}: is given twice")));
            }
        }
        let free: Vec<_> = parameters.iter().filter(|parameter| parameter.fixed.is_none()).collect();
        let form = match width {
            None => Form::Json,
            Some(width) => match (by_title(task, &free, titles)?, &free[..]) {
                (Some(places), _) => Form::Each(places),
                (None, [only]) if only.kind == Kind::List || matrix && width != 1 => Form::Whole,
                (None, free) if free.len() == width => Form::Each((0..width).collect()),
                (None, free) => {
                    let given = if with.is_empty() { "" } else { " beside those of --with" };
                    return Err(Failure::usage(format!(
                        "{task} wants {} values{given}, but a row has {width}: choose with --columns, or give others with --with NAME=VALUE",
                        free.len()
                    )));
                }
            },
        };
        Ok(Shape { parameters, form })
    }

    /// The call of a row.
    pub(super) fn of_row(&self, row: &[Cell<'_>]) -> Vec<u8> {
        let mut text = Vec::with_capacity(64);
        let mut free = 0;
        for parameter in &self.parameters {
            text.push(if text.is_empty() { b'[' } else { b',' });
            match (&parameter.fixed, &self.form) {
                (Some(fixed), _) => text.extend_from_slice(fixed.as_bytes()),
                (None, Form::Each(places)) => {
                    let cell = places.get(free).and_then(|&place| row.get(place));
                    cell.iter().for_each(|cell| parameter.write(cell, &mut text));
                    free += 1;
                }
                (None, Form::Whole | Form::Json) => {
                    text.push(b'[');
                    for (nth, cell) in row.iter().enumerate() {
                        text.extend_from_slice(if nth == 0 { b"" } else { b"," });
                        parameter.write_element(cell, &mut text);
                    }
                    text.push(b']');
                }
            }
        }
        text.extend_from_slice(if text.is_empty() { b"[]" } else { b"]" });
        text
    }

    /// The call of a line of JSON. What is wrong with it is told by the worker, which has to read it anyway.
    pub(super) fn of_line(&self, line: &[u8]) -> Vec<u8> {
        let line = line.trim_ascii();
        let fixed: Vec<_> = self.parameters.iter().filter_map(|p| Some((&p.name, p.fixed.as_ref()?))).collect();
        if fixed.is_empty() {
            return line.to_vec();
        }
        let free: Vec<_> = self.parameters.iter().filter(|parameter| parameter.fixed.is_none()).collect();
        let mut members: Vec<_> = fixed.iter().map(|(name, value)| member(name, value.as_bytes())).collect();
        if let Some(rest) = line.strip_prefix(b"{") {
            let empty = rest.trim_ascii_start().starts_with(b"}");
            let comma = if empty { "" } else { "," };
            return [b"{", &members.join(&b","[..])[..], comma.as_bytes(), rest].concat();
        }
        let values: Vec<&[u8]> = match serde_json::from_slice::<Vec<&RawValue>>(line) {
            Ok(values) => values.into_iter().map(|value| value.get().as_bytes()).collect(),
            Err(_) if line.starts_with(b"[") => return line.to_vec(),
            Err(_) => vec![line],
        };
        if values.len() > free.len() {
            // Too many, which the worker tells.
            let all = values.into_iter().chain(fixed.iter().map(|(_, value)| value.as_bytes()));
            return [b"[", &all.collect::<Vec<_>>().join(&b","[..])[..], b"]"].concat();
        }
        members.extend(free.iter().zip(values).map(|(parameter, value)| member(&parameter.name, value)));
        [b"{", &members.join(&b","[..])[..], b"}"].concat()
    }
}

fn member(name: &str, value: &[u8]) -> Vec<u8> {
    [quoted(name).as_bytes(), b":", value].concat()
}

fn parameter(name: &str, structure: &str) -> Parameter {
    let inner = structure.strip_prefix("option<").and_then(|inner| inner.strip_suffix('>'));
    let kind = match inner.unwrap_or(structure) {
        "str" | "text" | "char" => Kind::Text,
        list if list.starts_with(['[', '(']) || ["seq<", "slice<"].iter().any(|start| list.starts_with(start)) => {
            Kind::List
        }
        _ => Kind::Other,
    };
    let floats = ["option<f64>", "option<f32>"].iter().any(|float| structure.contains(float));
    Parameter { name: name.to_owned(), kind, optional: inner.is_some(), floats, fixed: None }
}

/// Where the titles name all that is wanted: the place of each. Where they name none of it, they say nothing.
///
/// # Errors
/// A [`Failure`] of usage if they name a part of it: by place, a value would go to another parameter than its title says.
fn by_title(task: &str, free: &[&Parameter], titles: &[String]) -> Result<Option<Vec<usize>>, Failure> {
    let place = |parameter: &&Parameter| titles.iter().position(|title| *title == parameter.name);
    let places: Vec<_> = free.iter().filter_map(place).collect();
    if places.is_empty() || places.len() == free.len() {
        return Ok(Some(places).filter(|places| !places.is_empty()));
    }
    let (named, missing): (Vec<_>, Vec<_>) = free.iter().partition(|parameter| place(parameter).is_some());
    let listed = |parameters: Vec<&&Parameter>| {
        parameters.iter().map(|parameter| &parameter.name[..]).collect::<Vec<_>>().join(", ")
    };
    let titles: Vec<_> = titles.iter().map(|title| one_line(title)).collect();
    Err(Failure::usage(format!(
        "the columns are called {}, which name {} of {task} and not {}: name all of them, or none to have them taken by place",
        titles.join(", "),
        listed(named),
        listed(missing)
    )))
}

impl Parameter {
    /// A value as somebody typed it, as JSON.
    fn value(&self, typed: &str) -> String {
        let is_json = serde_json::from_str::<IgnoredAny>(typed).is_ok();
        let is_text = typed.trim_start().starts_with('"') || self.optional && typed == "null";
        if is_json && (self.kind != Kind::Text || is_text) { typed.to_owned() } else { quoted(typed) }
    }

    fn write(&self, cell: &Cell<'_>, text: &mut Vec<u8>) {
        match cell {
            Cell::Text(bytes) if self.optional && is_missing(bytes) => text.extend_from_slice(b"null"),
            Cell::Text(bytes) if self.kind == Kind::Text => {
                text.extend_from_slice(quoted(&String::from_utf8_lossy(bytes)).as_bytes());
            }
            Cell::Text(bytes) if self.kind == Kind::List && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => {
                text.extend_from_slice(bytes);
            }
            cell => self.write_element(cell, text),
        }
    }

    /// A value of a list.
    fn write_element(&self, cell: &Cell<'_>, text: &mut Vec<u8>) {
        match cell {
            // As from an array: JSON has neither NaN nor infinities.
            Cell::Text(bytes) if self.floats && (is_missing(bytes) || is_infinite(bytes)) => {
                text.extend_from_slice(b"null");
            }
            cell => write_by_looks(cell, text),
        }
    }
}

/// What looks like a number or a truth value is one.
fn write_by_looks(cell: &Cell<'_>, out: &mut Vec<u8>) {
    let bytes = match cell {
        Cell::Json(bytes) => return out.extend_from_slice(bytes),
        Cell::Text(bytes) => bytes,
    };
    let text = String::from_utf8_lossy(bytes);
    let trimmed = text.trim();
    let is_json = trimmed.starts_with(['-', 't', 'f']) || trimmed.starts_with(|c: char| c.is_ascii_digit());
    if is_json && serde_json::from_str::<IgnoredAny>(trimmed).is_ok() {
        return out.extend_from_slice(trimmed.as_bytes());
    }
    // Ways to write a number that JSON has not: +5, 007, .5
    let number = trimmed.parse::<i128>().map(|whole| whole.to_string()).ok();
    let plain = trimmed.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = number.or_else(|| {
        let number = trimmed.parse::<f64>().ok().filter(|number| plain && number.is_finite())?;
        serde_json::to_string(&number).ok()
    });
    out.extend_from_slice(number.unwrap_or_else(|| quoted(&text)).as_bytes());
}

fn is_infinite(cell: &[u8]) -> bool {
    let text = String::from_utf8_lossy(cell);
    text.trim().parse::<f64>().is_ok_and(f64::is_infinite)
}

/// A cell that says that there is no value.
fn is_missing(cell: &[u8]) -> bool {
    matches!(cell.trim_ascii(), b"" | b"NA" | b"NaN" | b"nan" | b"null")
}

fn quoted(text: &str) -> String {
    // A text can be written as JSON.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
