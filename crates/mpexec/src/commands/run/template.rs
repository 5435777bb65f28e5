//! A command with places for arguments: how it is understood, and what it becomes for each argument.
//!
//! Without characters that a shell would understand it is a list of words, and no shell is started. Otherwise a shell runs it, and its
//! variables hold the arguments.

mod line;
mod place;
mod shell;

use crate::failure::Failure;
use line::{Line, quoted};
use place::{Piece, Place, pieces};

/// A command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// Words, with places in them.
    Words(Vec<Vec<Piece>>),
    /// A line for the shell.
    Shell(Line),
}

/// What only a shell understands.
const SHELL: &[u8] = b"|&;<>()$`\\\"'*?[]#~={}!\n\r";

/// What a shell does itself, or begins a sentence of it with.
const BUILTINS: &str = "! . : alias bg bind break builtin case cd command continue declare eval exec exit export fg for function getopts hash \
                        history if jobs let local popd pushd read readonly return select set shift shopt source times trap type typeset ulimit umask \
                        unalias unset until wait while";

impl Template {
    /// Of what was typed: one word is a command line, several are its words as they are. Where no place is, the argument comes last.
    ///
    /// # Errors
    /// A [`Failure`] of usage: an argument cannot be put in where its place stands.
    pub(crate) fn of(typed: &[Vec<u8>]) -> Result<Template, Failure> {
        let mut typed: Vec<_> = typed.iter().map(|word| pieces(word)).collect();
        let has_place = typed.iter().flatten().any(|piece| piece.place().is_some());
        match &mut typed[..] {
            [line] => {
                if !has_place {
                    line.extend([Piece::Text(b" ".to_vec()), Piece::Place(Place::Whole)]);
                }
                if let Some(words) = without_shell(line) {
                    return Ok(words);
                }
                let line = Line::of(line, !has_place).map_err(|refusal| {
                    let remedy = "what always works is to hand it over: mpexec run sh -c '.. \"$1\" ..' sh {}";
                    Failure::usage(format!("the command line {refusal}; {remedy}"))
                })?;
                Ok(Template::Shell(line))
            }
            _ => {
                if !has_place {
                    typed.push(vec![Piece::Place(Place::Whole)]);
                }
                Ok(Template::Words(typed))
            }
        }
    }

    /// Of a whole command line, in which nothing is put in.
    pub(crate) fn line(line: &[u8]) -> Template {
        without_shell(&[Piece::Text(line.to_vec())]).unwrap_or_else(|| Template::Shell(Line::without_places(line)))
    }

    /// The program and its arguments, for this argument and this number.
    pub(crate) fn words(&self, argument: &[u8], number: u64) -> Vec<Vec<u8>> {
        match self {
            Template::Words(words) => {
                let word =
                    |pieces: &Vec<Piece>| pieces.iter().flat_map(|piece| piece.value(argument, number)).collect();
                words.iter().map(word).collect()
            }
            Template::Shell(line) => line.words(argument, number),
        }
    }

    /// The command as a person would type it: a shell would do the same with it.
    pub(crate) fn shown(&self, argument: &[u8], number: u64) -> Vec<u8> {
        match self {
            Template::Words(words) => {
                let word = |pieces: &Vec<Piece>| -> Vec<u8> {
                    pieces.iter().flat_map(|piece| piece.shown(argument, number)).collect()
                };
                words.iter().map(|pieces| quoted(&word(pieces))).collect::<Vec<_>>().join(&b' ')
            }
            Template::Shell(line) => line.shown(argument, number),
        }
    }
}

/// A command line as words, if it is nothing for a shell.
fn without_shell(line: &[Piece]) -> Option<Template> {
    let needs_shell = line.iter().filter_map(Piece::text).flatten().any(|byte| SHELL.contains(byte));
    let words = words_of(line);
    let first = match words.first()?.as_slice() {
        [Piece::Text(first)] => String::from_utf8_lossy(first).into_owned(),
        _ => String::new(),
    };
    let is_builtin = BUILTINS.split_whitespace().any(|builtin| builtin == first);
    (!needs_shell && !is_builtin).then_some(Template::Words(words))
}

/// Cuts a line at its blanks; an argument has none that count.
fn words_of(line: &[Piece]) -> Vec<Vec<Piece>> {
    let mut words = vec![Vec::new()];
    for piece in line {
        match piece {
            Piece::Place(place) => words.iter_mut().last().into_iter().for_each(|word| word.push(Piece::Place(*place))),
            Piece::Text(text) => {
                for (nth, part) in text.split(|byte| matches!(byte, b' ' | b'\t')).enumerate() {
                    if nth > 0 {
                        words.push(Vec::new());
                    }
                    if let (Some(word), false) = (words.last_mut(), part.is_empty()) {
                        word.push(Piece::Text(part.to_vec()));
                    }
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests;
