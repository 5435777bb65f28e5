//! The rows of two tables side by side: their parts end at different rows, so what one has ahead waits for the other.

use std::collections::VecDeque;

use mpexec::tasks::{Item, common_items};

use crate::failure::Failure;
use crate::input::Table;
use crate::walk::{BadRows, Walk};

/// The common items of some rows, and the bytes that were read for them.
type Done = (Vec<Vec<Item>>, u64);

/// Two walks, of which the rows are paired.
pub(super) struct Pairs<'a> {
    walks: [Walk<'a>; 2],
    tables: [&'a Table; 2],
    ahead: [VecDeque<Vec<Item>>; 2],
    rows: [u64; 2],
}

impl<'a> Pairs<'a> {
    pub(super) fn of(walks: [Walk<'a>; 2], tables: [&'a Table; 2]) -> Pairs<'a> {
        Pairs { walks, tables, ahead: Default::default(), rows: [0; 2] }
    }

    /// The common items of the next rows, and the bytes that were read for them; `None` behind the last.
    ///
    /// # Errors
    /// The [`Failure`] that ends the work, also if one table has more rows than the other.
    pub(super) fn next(&mut self, bad: &mut BadRows) -> Result<Option<Done>, Failure> {
        let mut read = 0;
        let mut ended = [false; 2];
        let sides = self.walks.iter_mut().zip(&mut self.ahead).zip(&mut self.rows).zip(&mut ended);
        for (((walk, ahead), rows), ended) in sides {
            while ahead.is_empty() && !*ended {
                match walk.next(bad)? {
                    None => *ended = true,
                    Some((part, bytes)) => {
                        read += bytes;
                        *rows += part.part.rows;
                        ahead.extend(part.items);
                    }
                }
            }
        }
        match ended {
            [true, true] => return Ok(None),
            [false, false] => {}
            [shorter, _] => {
                let shorter = usize::from(!shorter);
                let [short, long] = [self.tables[shorter], self.tables[1 - shorter]].map(Table::name);
                return Err(Failure::files(format!(
                    "{short}: has {} rows, and {long} has more; common-items holds row against row",
                    self.rows[shorter]
                )));
            }
        }
        let [a, b] = &mut self.ahead;
        let count = a.len().min(b.len());
        let rows = a.drain(..count).zip(b.drain(..count)).map(|(a, b)| common_items(&a, &b)).collect();
        Ok(Some((rows, read)))
    }

    /// Behind the last: how many ranges of a run folder it was.
    ///
    /// # Errors
    /// A [`Failure`] of the run folder.
    pub(super) fn finish(&mut self) -> Result<u64, Failure> {
        self.walks.iter_mut().map(Walk::finish).sum()
    }
}
