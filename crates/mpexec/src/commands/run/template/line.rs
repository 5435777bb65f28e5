//! A line for the shell, and how arguments come into it.
//!
//! They are never put into its text. Variables hold them: those have names that stand nowhere else in the line, are no part of any environment, and
//! are filled before the line begins. So no name of a file can be run as a command, whatever is in it; the line may set its own parameters (`set --`) and
//! have functions with theirs; and in the text there is only `"${mpexec_1}"`, written as it has to be where it stands.

use super::place::{Piece, Place};
use super::shell::{Refusal, Stand, Symbol, Way, stands};

/// A line for the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    parts: Vec<Part>,
    /// What the variables hold, one after the other.
    variables: Vec<Place>,
    /// What their names begin with.
    name: String,
    /// Ready to be run: the parameters of the shell are the values.
    script: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    /// The nth variable.
    Variable(usize, Stand),
}

impl Line {
    /// Understands a line. If it is `appended`, its last place is one that nobody has typed.
    ///
    /// # Errors
    /// What in it leaves no right way to put an argument in.
    pub(super) fn of(pieces: &[Piece], appended: bool) -> Result<Line, Refusal> {
        let text: Vec<u8> = pieces.iter().flat_map(|piece| piece.text().unwrap_or_default().to_vec()).collect();
        let stands = stands(&symbols(pieces))?;
        if appended && matches!(stands.last(), Some(Stand { way: Way::Comment, .. })) {
            return Err("ends with a comment, in which the argument would be nothing: write {} where it belongs");
        }
        let mut line = Line { parts: Vec::new(), variables: Vec::new(), name: unused_in(&text), script: Vec::new() };
        let mut standing = stands.into_iter();
        for piece in pieces {
            let part = match piece {
                Piece::Text(text) => Part::Text(text.clone()),
                Piece::Place(place) => match standing.next() {
                    Some(stand) if stand.way != Way::Comment => Part::Variable(line.variable(*place), stand),
                    _ => Part::Text(place.sign().into()),
                },
            };
            line.parts.push(part);
        }
        if !line.variables.is_empty() {
            let given = 1..=line.variables.len();
            line.script = line.assignments(given.clone().map(|nth| format!("${nth}").into_bytes()));
            line.script.extend_from_slice(format!("shift {}; ", given.end()).as_bytes());
        }
        line.script.extend(line.with_variables());
        Ok(line)
    }

    /// A line in which nothing is put in.
    pub(super) fn without_places(text: &[u8]) -> Line {
        let parts = vec![Part::Text(text.to_vec())];
        Line { parts, variables: Vec::new(), name: String::new(), script: text.to_vec() }
    }

    /// The words that run it.
    pub(super) fn words(&self, argument: &[u8], number: u64) -> Vec<Vec<u8>> {
        let start = [b"sh".to_vec(), b"-c".to_vec(), self.script.clone(), b"sh".to_vec()];
        let values = self.variables.iter().map(|place| place.value(argument, number));
        start.into_iter().chain(values).collect()
    }

    /// A line that does the same, for people: with the argument where it belongs, or else with the variables.
    pub(super) fn shown(&self, argument: &[u8], number: u64) -> Vec<u8> {
        let value = |variable: usize| self.variables[variable].shown(argument, number);
        let literal = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Variable(variable, stand) => stand.literal.then(|| stand.way.literal(&value(*variable))).flatten(),
        });
        let literal: Option<Vec<_>> = literal.collect();
        literal.map(|parts| parts.concat()).unwrap_or_else(|| {
            let values = (0..self.variables.len()).map(|variable| quoted(&value(variable)));
            [self.assignments(values), self.with_variables()].concat()
        })
    }

    /// The number of the variable for this place.
    fn variable(&mut self, place: Place) -> usize {
        let known = self.variables.iter().position(|known| *known == place);
        known.unwrap_or_else(|| {
            self.variables.push(place);
            self.variables.len() - 1
        })
    }

    fn name(&self, variable: usize) -> String {
        format!("{}{}", self.name, variable + 1)
    }

    /// Fills the variables.
    fn assignments(&self, values: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        let each = values.enumerate().map(|(variable, value)| {
            let name = self.name(variable);
            [name.as_bytes(), b"=", &value].concat()
        });
        [each.collect::<Vec<_>>().join(&b' '), b"; ".to_vec()].concat()
    }

    /// The line with its variables in it, which are filled.
    fn with_variables(&self) -> Vec<u8> {
        let mut line = Vec::new();
        for (variable, place) in self.variables.iter().enumerate() {
            let computes =
                |part: &Part| matches!(part, Part::Variable(of, Stand { way: Way::Number, .. }) if *of == variable);
            if !place.is_number() && self.parts.iter().any(computes) {
                line.extend_from_slice(only_a_number(&self.name(variable), *place).as_bytes());
            }
        }
        for part in &self.parts {
            match part {
                Part::Text(text) => line.extend_from_slice(text),
                Part::Variable(variable, stand) => {
                    line.extend_from_slice(stand.way.written(&self.name(*variable)).as_bytes());
                }
            }
        }
        line
    }
}

/// Ends the command where the value is to be computed with and cannot be: some shells would run what they find in it.
fn only_a_number(name: &str, place: Place) -> String {
    let told = format!("mpexec: {} stands in arithmetic, and this is no whole number: ${{{name}}}", place.sign());
    format!("case ${{{name}#-}} in ''|*[!0-9]*) printf '%s\\n' \"{told}\" >&2; exit 2;; esac; ")
}

impl Way {
    /// A variable as it is written in such a place.
    fn written(self, name: &str) -> String {
        match self {
            Way::Plain { .. } => format!("\"${{{name}}}\""),
            Way::Double | Way::Number | Way::Comment => format!("${{{name}}}"),
            Way::Single => format!("'\"${{{name}}}\"'"),
        }
    }

    /// An argument as it is written in such a place, if it can be.
    fn literal(self, value: &[u8]) -> Option<Vec<u8>> {
        let digits = value.strip_prefix(b"-").unwrap_or(value);
        match self {
            Way::Plain { alone: true } => Some(quoted(value)),
            Way::Plain { alone: false } => Some(in_quotes(value)),
            Way::Double => Some(escaped(value)),
            Way::Single => Some(within_quotes(value)),
            Way::Number => (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then(|| value.to_vec()),
            Way::Comment => None,
        }
    }
}

/// The line, as it is read.
fn symbols(pieces: &[Piece]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut places = 0;
    for piece in pieces {
        match piece {
            Piece::Text(text) => symbols.extend(text.iter().map(|byte| Symbol::Byte(*byte))),
            Piece::Place(_) => {
                symbols.push(Symbol::Place(places));
                places += 1;
            }
        }
    }
    symbols
}

/// A beginning for names that this text does not have.
fn unused_in(text: &[u8]) -> String {
    let mut name = String::from("mpexec_");
    while text.windows(name.len()).any(|part| part == name.as_bytes()) {
        name.push('_');
    }
    name
}

/// A word as a shell reads it as one: as it is, if that can be.
pub(super) fn quoted(word: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./,:+@%^".contains(byte) || *byte >= 0x80;
    let stays = !word.is_empty() && word.iter().all(plain) || word == Place::Slot.sign().as_bytes();
    if stays { word.to_vec() } else { in_quotes(word) }
}

fn in_quotes(word: &[u8]) -> Vec<u8> {
    [b"'", &within_quotes(word)[..], b"'"].concat()
}

/// For where single quotes are open.
fn within_quotes(word: &[u8]) -> Vec<u8> {
    word.split(|&byte| byte == b'\'').collect::<Vec<_>>().join(&b"'\\''"[..])
}

/// For where double quotes are open.
fn escaped(word: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(word.len());
    for &byte in word {
        if b"\\\"$`".contains(&byte) {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}
