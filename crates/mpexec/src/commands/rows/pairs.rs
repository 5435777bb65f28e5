//! The rows of two tables side by side: their parts end at different rows, so what one has ahead waits for the other. A row that is left
//! out of one keeps its place, or else all behind it would be held against others.

use std::collections::VecDeque;
use std::ops::Range;

use mpexec::tasks::{Item, common_items};

use crate::failure::Failure;
use crate::walk::{BadRows, Walk};

/// A row's items; `None` if it is bad and to be left out.
type Row = Option<Vec<Item>>;

/// The common items of some rows, and the bytes that were read for them. Of a row that is left out of either table there are none.
type Done = (Vec<Row>, u64);

/// One side: a table, or several one below the other.
struct Side<'a> {
    walk: Walk<'a>,
    /// The numbers of those whose turn comes yet.
    rest: Range<usize>,
    /// What it is called.
    name: String,
    ahead: VecDeque<Row>,
    rows: u64,
    /// The ranges of a run folder that were done of those before.
    ranges: u64,
}

/// Two walks, of which the rows are paired.
pub(super) struct Pairs<'a, F> {
    sides: [Side<'a>; 2],
    begin: F,
}

impl<'a, F: Fn(usize) -> Result<Walk<'a>, Failure>> Pairs<'a, F> {
    /// Of the tables with these numbers, which `begin` begins.
    ///
    /// # Errors
    /// Those of `begin`.
    pub(super) fn of([one, other]: [Range<usize>; 2], begin: F) -> Result<Pairs<'a, F>, Failure> {
        let side = |mut rest: Range<usize>| {
            let walk = begin(rest.next().unwrap_or_default())?;
            let name = walk.name();
            Ok::<_, Failure>(Side { walk, rest, name, ahead: VecDeque::new(), rows: 0, ranges: 0 })
        };
        let sides = [side(one)?, side(other)?];
        Ok(Pairs { sides, begin })
    }

    /// The common items of the next rows, and the bytes that were read for them; `None` behind the last.
    ///
    /// # Errors
    /// The [`Failure`] that ends the work, also if one table has more rows than the other.
    pub(super) fn next(&mut self, bad: &mut BadRows) -> Result<Option<Done>, Failure> {
        let mut read = 0;
        let mut ended = [false; 2];
        for (side, ended) in self.sides.iter_mut().zip(&mut ended) {
            while side.ahead.is_empty() && !*ended {
                match side.walk.next(bad)? {
                    Some((part, bytes)) => {
                        read += bytes;
                        let before = side.ahead.len();
                        side.ahead.extend(in_their_places(part.items, &part.part.left_out));
                        side.rows += (side.ahead.len() - before) as u64;
                    }
                    None => match side.rest.next() {
                        None => *ended = true,
                        Some(next) => {
                            side.ranges += side.walk.finish()?;
                            side.walk = (self.begin)(next)?;
                        }
                    },
                }
            }
        }
        match ended {
            [true, true] => return Ok(None),
            [false, false] => {}
            [shorter, _] => {
                let shorter = usize::from(!shorter);
                let [short, long] = [&self.sides[shorter], &self.sides[1 - shorter]];
                return Err(Failure::files(format!(
                    "{}: has {} rows, and {} has more; common-items holds row against row",
                    short.name, short.rows, long.name
                )));
            }
        }
        let [Side { ahead: a, .. }, Side { ahead: b, .. }] = &mut self.sides;
        let count = a.len().min(b.len());
        let rows = a.drain(..count).zip(b.drain(..count)).map(|(a, b)| Some(common_items(&a?, &b?))).collect();
        Ok(Some((rows, read)))
    }

    /// Behind the last: how many ranges of a run folder it was.
    ///
    /// # Errors
    /// A [`Failure`] of the run folder.
    pub(super) fn finish(&mut self) -> Result<u64, Failure> {
        self.sides.iter_mut().map(|side| Ok(side.ranges + side.walk.finish()?)).sum()
    }
}

/// All rows of a part, of which those at these places were left out.
fn in_their_places(rows: Vec<Vec<Item>>, left_out: &[u64]) -> impl Iterator<Item = Row> {
    let (mut rows, mut left_out) = (rows.into_iter(), left_out.iter().copied().peekable());
    (0..).map_while(move |place| if left_out.next_if_eq(&place).is_some() { Some(None) } else { rows.next().map(Some) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_left_out_keep_their_places() {
        let row = |number| vec![Item::Whole(number)];
        let placed = |rows: &[i128], left_out: &[u64]| {
            in_their_places(rows.iter().copied().map(row).collect(), left_out).collect::<Vec<_>>()
        };
        assert_eq!(placed(&[7, 8], &[]), [Some(row(7)), Some(row(8))]);
        assert_eq!(placed(&[7, 8], &[0, 2, 4]), [None, Some(row(7)), None, Some(row(8)), None]);
        assert_eq!(placed(&[], &[0, 1]), [None, None]);
    }
}
