//! The rows of tables as workers read them: part by part and in order, with lines and bad rows numbered through.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use mpexec::tasks::{CountFault, ROWS_OF_TABLE, RowsAnswer, RowsJob, RowsPart, RowsWork, rows_of_table};
use mpexec_core::{Pool, TaskError, named};
use mpexec_data::{DataError, OnBadRow};

use crate::console::{Console, Level};
use crate::failure::Failure;
use crate::input::Table;
use crate::interrupt::Running;
use crate::numbers::grouped;
use crate::plan::Reading;

/// The bad rows of all tables of a command.
#[derive(Debug, Default)]
pub(crate) struct BadRows {
    pub(crate) count: u64,
    pub(crate) first: Option<String>,
}

impl BadRows {
    /// Says at the end how many there were.
    pub(crate) fn tell(&self, reading: &Reading, console: &Console) {
        if let Some(first) = &self.first {
            let (rows, told) = (if self.count == 1 { "row was" } else { "rows were" }, reading.told());
            console.note(Level::Normal, &format!("{} bad {rows} {told}; the first: {first}", grouped(self.count)));
        }
    }
}

/// What a worker answers for one part.
type Answer = Result<Result<RowsAnswer, CountFault>, TaskError>;

/// The parts of one table, to be taken one after another.
pub(crate) struct Walk<'a> {
    table: &'a Table,
    running: &'a Running,
    answers: Box<dyn Iterator<Item = Answer> + 'a>,
    /// The bytes of the parts that are on their way.
    sizes: Rc<RefCell<VecDeque<u64>>>,
    broken: Rc<RefCell<Option<DataError>>>,
    /// The line ends before the next part.
    lines: u64,
}

impl<'a> Walk<'a> {
    /// Begins at the first row.
    ///
    /// # Errors
    /// Those of [`Table::parts`].
    pub(crate) fn begin(
        table: &'a Table,
        work: RowsWork,
        on_bad_row: OnBadRow,
        pool: &'a Pool,
        running: &'a Running,
    ) -> Result<Walk<'a>, Failure> {
        let mut parts = table.parts(None, pool, pool.workers(), running)?.into_iter();
        let sizes = Rc::new(RefCell::new(VecDeque::new()));
        let broken = Rc::new(RefCell::new(None));
        let (told, sized) = (Rc::clone(&broken), Rc::clone(&sizes));
        let pieces = std::iter::from_fn(move || match parts.next() {
            Some(piece) => Some(piece),
            None => table.next_batch().unwrap_or_else(|error| {
                *told.borrow_mut() = Some(error);
                None
            }),
        });
        let jobs = pieces.take_while(|_| !running.is_stopping()).map(move |piece| {
            sized.borrow_mut().push_back(table.bytes_of(&piece));
            RowsJob { piece, rows: table.reading().clone(), on_bad_row, work }
        });
        let answers = Box::new(pool.imap(named(ROWS_OF_TABLE, rows_of_table), jobs));
        Ok(Walk { table, running, answers, sizes, broken, lines: 0 })
    }

    /// The next part and its bytes; `None` behind the last.
    ///
    /// # Errors
    /// The [`Failure`] that ends the work.
    pub(crate) fn next(&mut self, bad: &mut BadRows) -> Result<Option<(RowsPart, u64)>, Failure> {
        self.running.check()?;
        let Some(answer) = self.answers.next() else {
            return self.broken.take().map_or(Ok(None), |error| Err(error.into()));
        };
        let answer = answer.map_err(|error| {
            let line = self.table.first_line() + self.lines;
            let told = format!("{}: the rows from line {line} on were not read: {error}", self.table.name());
            Failure::of_task(&error, &told)
        })?;
        let rows = answer?
            .map_err(|bad| Failure::files(format!("{}; {}", self.table.tell(&bad, self.lines), bad.fault.remedy())))?;
        if let Some(first) = &rows.part.first_bad {
            bad.first.get_or_insert_with(|| self.table.tell(first, self.lines));
        }
        bad.count += rows.part.bad;
        self.lines += rows.part.lines;
        self.running.check()?;
        Ok(Some((rows, self.sizes.borrow_mut().pop_front().unwrap_or_default())))
    }
}
