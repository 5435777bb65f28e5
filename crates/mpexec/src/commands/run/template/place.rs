//! Places for the argument, and what is put in for it.

use mpexec::tasks::SLOT;

/// What is put in for an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `{}`: the argument.
    Whole,
    /// `{.}`: without its ending.
    Stem,
    /// `{/}`: without its folders.
    Name,
    /// `{//}`: its folder.
    Folder,
    /// `{/.}`: without folders and ending.
    NameStem,
    /// `{#}`: the number of the command, from 1 on.
    Number,
    /// `{%}`: the number of the worker, from 1 on.
    Slot,
}

const PLACES: [(&str, Place); 7] = [
    ("{}", Place::Whole),
    ("{.}", Place::Stem),
    ("{/}", Place::Name),
    ("{//}", Place::Folder),
    ("{/.}", Place::NameStem),
    ("{#}", Place::Number),
    ("{%}", Place::Slot),
];

/// A part of what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Vec<u8>),
    Place(Place),
}

/// Cuts a text at its places.
pub(super) fn pieces(text: &[u8]) -> Vec<Piece> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), Vec::new(), text);
    while let Some(&first) = rest.first() {
        match PLACES.iter().find(|(sign, _)| rest.starts_with(sign.as_bytes())) {
            Some((sign, place)) => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Place(*place));
                rest = &rest[sign.len()..];
            }
            None => {
                plain.push(first);
                rest = &rest[1..];
            }
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

impl Piece {
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Piece::Text(text) => Some(text),
            Piece::Place(_) => None,
        }
    }

    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Piece::Text(_) => None,
            Piece::Place(place) => Some(*place),
        }
    }

    pub(super) fn value(&self, argument: &[u8], number: u64) -> Vec<u8> {
        match self {
            Piece::Text(text) => text.clone(),
            Piece::Place(place) => place.value(argument, number),
        }
    }

    /// As [`value`](Piece::value), for people, who see the worker's number as its place.
    pub(super) fn shown(&self, argument: &[u8], number: u64) -> Vec<u8> {
        match self {
            Piece::Text(text) => text.clone(),
            Piece::Place(place) => place.shown(argument, number),
        }
    }
}

impl Place {
    /// How it is typed.
    pub(super) fn sign(self) -> &'static str {
        PLACES.iter().find(|(_, place)| *place == self).map_or("{}", |(sign, _)| sign)
    }

    /// Whether it is one whatever the argument is.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Place::Number | Place::Slot)
    }

    pub(super) fn value(self, argument: &[u8], number: u64) -> Vec<u8> {
        let slash = argument.iter().rposition(|&byte| byte == b'/');
        let name = slash.map_or(0, |at| at + 1);
        // A dot at the beginning of a name begins no ending.
        let dot = argument[name..].iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
        let stem = dot.map_or(argument.len(), |at| name + at);
        match self {
            Place::Whole => argument.to_vec(),
            Place::Stem => argument[..stem].to_vec(),
            Place::Name => argument[name..].to_vec(),
            Place::NameStem => argument[name..stem].to_vec(),
            Place::Folder => folder(argument).to_vec(),
            Place::Number => number.to_string().into_bytes(),
            Place::Slot => SLOT.to_vec(),
        }
    }

    /// As [`value`](Place::value); only the worker knows its number, so that is shown as its place.
    pub(super) fn shown(self, argument: &[u8], number: u64) -> Vec<u8> {
        if self == Place::Slot { self.sign().into() } else { self.value(argument, number) }
    }
}

/// The folder of a path, as `dirname` has it.
fn folder(path: &[u8]) -> &[u8] {
    let without_slashes = |path: &[u8]| path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let name_ends = without_slashes(path);
    let name_begins = path[..name_ends].iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    let folder = &path[..without_slashes(&path[..name_begins])];
    match folder {
        [] if path.starts_with(b"/") => b"/",
        [] => b".",
        _ => folder,
    }
}
