//! Code addresses of another process, as places in this one: where both have the same program and the same libraries.
//!
//! Each process has them at other addresses. What is taken from the other one is compared with what this one has: a file that is
//! not mapped here is named and never opened.

use std::ops::Range;

use super::blackbox::Crash;
use super::text;

/// A place in a program's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The address of the same code in this process.
    pub here: Option<usize>,
    /// For who reads it: file and offset there, or what else is known.
    pub told: String,
}

/// An executable piece of a file, mapped.
#[derive(Debug, PartialEq, Eq)]
struct Piece<'m> {
    range: Range<u64>,
    offset: u64,
    /// Device and inode.
    file: (&'m str, &'m str),
    path: &'m str,
}

impl<'m> Piece<'m> {
    /// `start-end mode offset device inode path`, as the system lists them.
    fn read(line: &'m str) -> Option<Piece<'m>> {
        let mut rest = line;
        let mut word = || {
            let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = behind.trim_start();
            word
        };
        let (start, end) = word().split_once('-')?;
        let mode = word();
        let offset = word();
        let file = (word(), word());
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let range = hex(start)?..hex(end)?;
        mode.contains('x').then_some(Piece { range, offset: hex(offset)?, file, path: rest })
    }

    fn list(text: &'m str) -> Vec<Piece<'m>> {
        text.lines().filter_map(Piece::read).collect()
    }

    /// Where in the file an address lies.
    fn offset_of(&self, address: u64) -> Option<u64> {
        self.range.contains(&address).then(|| (address - self.range.start).wrapping_add(self.offset))
    }

    /// The address at which this piece has that place of its file.
    fn address_of(&self, offset: u64) -> Option<u64> {
        let address = self.range.start.checked_add(offset.checked_sub(self.offset)?)?;
        self.range.contains(&address).then_some(address)
    }
}

/// Where a crashed process was; `same`: it ran this program.
pub(crate) fn places(crash: &Crash, same: bool) -> Vec<Place> {
    // Without /proc the program's own code is still known.
    let ours = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    places_among(crash, same, &Piece::list(&ours))
}

fn places_among(crash: &Crash, same: bool, ours: &[Piece<'_>]) -> Vec<Place> {
    let theirs = Piece::list(&crash.modules);
    let place = |(nth, address): (usize, &u64)| {
        // A call may be the last thing in its function: what it returns to is the next one's.
        let inside = if nth == 0 { *address } else { address.saturating_sub(1) };
        let program = address.checked_sub(crash.base).filter(|_| same);
        let in_program = program.and_then(text::address_at);
        let Some(piece) = theirs.iter().find(|piece| piece.range.contains(&inside)) else {
            let told = match (in_program, program) {
                (Some(_), Some(offset)) => format!("this program, offset {offset:#x}"),
                _ => format!("no code of a known file, address {address:#x}"),
            };
            return Place { here: in_program, told };
        };
        let offset = piece.offset_of(inside).unwrap_or_default();
        let here = || {
            let same_file = ours.iter().filter(|ours| ours.file == piece.file && ours.path == piece.path);
            let start = same_file.filter_map(|ours| ours.address_of(offset)).next()?;
            usize::try_from(start.wrapping_add(address - inside)).ok()
        };
        Place { here: in_program.or_else(here), told: format!("{}+{offset:#x}", piece.path) }
    };
    crash.frames.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::blackbox::Refused;

    const THEIRS: &str = "\
        5000-6000 r-xp 00001000 08:01 7                          /usr/bin/their program\n\
        7000-9000 r-xp 00002000 08:01 9                          /usr/lib/libc.so.6\n\
        9000-a000 r-xp 00000000 00:00 0                          [vdso]\n";

    fn crash(frames: &[u64]) -> Crash {
        let modules = THEIRS.to_owned();
        Crash { signal: 11, at: 0, address: None, base: 0x4000, refused: Refused::No, frames: frames.to_vec(), modules }
    }

    #[test]
    fn an_address_in_a_library_that_both_have_is_found_here_and_others_are_only_told() {
        let ours = "1000-4000 r-xp 00002000 08:01 9 /usr/lib/libc.so.6\n";
        let places = places_among(&crash(&[0x7010, 0x7011, 0x5001, 0x10]), false, &Piece::list(ours));
        let here: Vec<_> = places.iter().map(|place| place.here).collect();
        assert_eq!(here, [Some(0x1010), Some(0x1011), None, None]);
        let told: Vec<_> = places.iter().map(|place| place.told.as_str()).collect();
        let program = "/usr/bin/their program+0x1000";
        let nowhere = "no code of a known file, address 0x10";
        assert_eq!(told, ["/usr/lib/libc.so.6+0x2010", "/usr/lib/libc.so.6+0x2010", program, nowhere]);
    }

    #[test]
    fn a_file_of_the_same_name_that_is_another_is_not_taken_for_it() {
        let ours = "1000-4000 r-xp 00002000 08:01 10 /usr/lib/libc.so.6\n";
        assert_eq!(places_among(&crash(&[0x7010]), false, &Piece::list(ours))[0].here, None);
    }

    #[test]
    fn rubbish_in_place_of_a_list_is_no_list() {
        for text in ["", "-", "1-2", "x-y r-xp z", "2000-1000 r-xp 0 0 0 x", "1-2 r-xp", "1-2 rw-p 0 0 0 x"] {
            let found = Piece::list(text);
            assert!(found.iter().all(|piece| piece.range.is_empty()), "{text}: {found:?}");
        }
        let all = u64::MAX;
        let text = format!("0-{all:x} r-xp {all:x} 0 0 x");
        let absurd = Crash { modules: text.clone(), frames: vec![all - 1, 0, 1], base: all, ..crash(&[]) };
        assert_eq!(places_among(&absurd, true, &Piece::list(&text)).len(), 3);
    }
}
