//! `rows-of-table`: what becomes of each row of one part of a table, of any format: it is scaled, or its items are gathered.
//!
//! As with counts, a worker reads its own part of the file, and whoever puts the answers together numbers rows and lines.

use std::cmp::Ordering;

use mpexec_data::{BadRow, Cell, OnBadRow, PartRows, RowReading, Want};
use serde::{Deserialize, Serialize};

use super::count::CountFault;
use super::table::{Piece, Rows, with_text};

/// The name under which [`rows_of_table`] is registered.
pub const ROWS_OF_TABLE: &str = "rows-of-table";

/// One part of a table whose rows are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsJob {
    /// Where it is.
    pub piece: Piece,
    /// How to read it.
    pub rows: Rows,
    /// What becomes of a row that cannot be read.
    pub on_bad_row: OnBadRow,
    /// What is to be done with each row.
    pub work: RowsWork,
}

/// What is to be done with each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowsWork {
    /// Scale it: its least number becomes 0, its greatest 1; see [`normalize_row`].
    Normalize,
    /// Gather what stands in it, each once and in order.
    Items,
}

impl RowsWork {
    /// What cells it takes.
    pub const fn wants(self) -> Want {
        match self {
            RowsWork::Normalize => Want::Numbers,
            RowsWork::Items => Want::Anything,
        }
    }
}

/// The rows of one part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowsPart {
    /// How many, and what was wrong with others.
    pub part: PartRows,
    /// Scaled numbers, row after row, as little-endian float64; what is missing is NaN.
    #[serde(with = "serde_bytes")]
    pub numbers: Vec<u8>,
    /// For each row its items.
    pub items: Vec<Vec<Item>>,
}

/// What stands in a row. Numbers come before texts, and in their order; equal numbers are one item, however they were written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Item {
    /// A whole number, also one that was written with a point.
    Whole(i128),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
}

/// The rows, or the first bad one if that ends the work.
pub type RowsAnswer = Result<RowsPart, BadRow>;

/// Does what is wanted with the rows of one part.
///
/// # Errors
/// [`CountFault::Input`] if the file cannot be read.
pub fn rows_of_table(job: RowsJob) -> Result<RowsAnswer, CountFault> {
    let RowsJob { piece, rows, on_bad_row, work } = job;
    let mut done = RowsPart::default();
    let mut scaled = Vec::new();
    let visit = |row: &[Cell<'static>]| match work {
        RowsWork::Normalize => {
            scaled.clear();
            // What is no number was refused before.
            scaled.extend(row.iter().map(|cell| cell.number().unwrap_or(f64::NAN)));
            normalize_row(&mut scaled);
            scaled.iter().for_each(|number| done.numbers.extend_from_slice(&number.to_le_bytes()));
        }
        RowsWork::Items => done.items.push(items_of(row)),
    };
    let part = each_row(piece, rows, RowReading { want: work.wants(), on_bad_row }, visit)?;
    Ok(part.map(|part| {
        done.part = part;
        done
    }))
}

fn each_row(
    piece: Piece,
    rows: Rows,
    reading: RowReading,
    visit: impl FnMut(&[Cell<'static>]),
) -> Result<Result<PartRows, BadRow>, CountFault> {
    match rows {
        Rows::Csv { dialect, columns } => {
            with_text(piece, None, |bytes| dialect.each_row(bytes, &columns, reading, visit))
        }
        Rows::Json { table, columns } => {
            with_text(piece, Some(table.data_offset), |bytes| table.each_row(bytes, &columns, reading, visit))
        }
        Rows::Columnar { format, columns } => {
            let (input, range) = piece.in_file()?;
            let file = input.columnar(format).map_err(CountFault::Input)?;
            let read = file.each_row(range.start, &columns, reading.want, visit);
            read.map(Ok).map_err(|error| CountFault::Input(input.renamed(&error.to_string())))
        }
        Rows::Array { columns } => {
            let (input, range) = piece.in_file()?;
            let file = input.array().map_err(CountFault::Input)?;
            let read = file.each_row(range.clone(), &columns, visit);
            read.map(Ok).map_err(|error| CountFault::Input(input.renamed(&error.to_string())))
        }
    }
}

/// Scales a row: its least number becomes 0 and its greatest 1. A row whose numbers are all the same becomes zeros. What is
/// missing (NaN) stays missing and changes nothing for the others.
///
/// ```
/// let mut row = [2.0, 4.0, f64::NAN, 6.0];
/// mpexec::tasks::normalize_row(&mut row);
/// assert_eq!((row[0], row[1], row[3]), (0.0, 0.5, 1.0));
/// assert!(row[2].is_nan());
/// let mut constant = [7.0, 7.0];
/// mpexec::tasks::normalize_row(&mut constant);
/// assert_eq!(constant, [0.0, 0.0]);
/// ```
pub fn normalize_row(row: &mut [f64]) {
    let there = || row.iter().copied().filter(|number| !number.is_nan());
    let least = there().fold(f64::INFINITY, f64::min);
    let greatest = there().fold(f64::NEG_INFINITY, f64::max);
    let range = greatest - least;
    for number in row.iter_mut().filter(|number| !number.is_nan()) {
        *number = if least == greatest { 0.0 } else { (*number - least) / range };
    }
}

fn items_of(row: &[Cell<'static>]) -> Vec<Item> {
    let item = |cell: &Cell<'static>| match cell {
        Cell::Missing => None,
        Cell::Whole(whole) => Some(Item::Whole(*whole)),
        // Below this every float that is whole is exactly that whole number.
        Cell::Float(number) if number.fract() == 0.0 && number.abs() < 1e30 => Some(Item::Whole(*number as i128)),
        Cell::Float(number) => Some(Item::Float(*number)),
        Cell::Text(text) => Some(Item::Text(text.to_string())),
    };
    let mut items: Vec<_> = row.iter().filter_map(item).collect();
    items.sort_by(Item::order);
    items.dedup_by(|a, b| a.order(b) == Ordering::Equal);
    items
}

impl Item {
    /// Numbers before texts, and each in their order.
    pub fn order(&self, other: &Item) -> Ordering {
        match (self, other) {
            (Item::Whole(a), Item::Whole(b)) => a.cmp(b),
            (Item::Float(a), Item::Float(b)) => a.total_cmp(b),
            (Item::Whole(a), Item::Float(b)) => beside(*a, *b),
            (Item::Float(a), Item::Whole(b)) => beside(*b, *a).reverse(),
            (Item::Text(a), Item::Text(b)) => a.cmp(b),
            (Item::Text(_), _) => Ordering::Greater,
            (_, Item::Text(_)) => Ordering::Less,
        }
    }
}

/// A whole number beside one with a fraction, or one so large that it has none.
fn beside(whole: i128, float: f64) -> Ordering {
    // The cast keeps within the range of the type, and rounds towards zero.
    let floor = float.floor() as i128;
    whole.cmp(&floor).then(if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less })
}

/// What is in both of two rows of items, in order.
///
/// ```
/// use mpexec::tasks::{Item, common_items};
/// let items = |numbers: &[i128]| numbers.iter().map(|&number| Item::Whole(number)).collect::<Vec<_>>();
/// assert_eq!(common_items(&items(&[1, 3, 5, 9]), &items(&[2, 3, 9])), items(&[3, 9]));
/// ```
pub fn common_items(a: &[Item], b: &[Item]) -> Vec<Item> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut both = Vec::new();
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        match x.order(y) {
            Ordering::Less => drop(a.next()),
            Ordering::Greater => drop(b.next()),
            Ordering::Equal => {
                both.push((*x).clone());
                a.next();
                b.next();
            }
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_exactly_and_before_texts() {
        let items = [
            Item::Float(f64::NEG_INFINITY),
            Item::Whole(-3),
            Item::Float(-2.5),
            Item::Whole(-2),
            Item::Whole(0),
            Item::Float(0.5),
            Item::Whole(1 << 53),
            Item::Whole((1 << 53) + 1),
            Item::Float(1e300),
            Item::Text("1".into()),
            Item::Text("b".into()),
        ];
        for (at, a) in items.iter().enumerate() {
            for (place, b) in items.iter().enumerate() {
                assert_eq!(a.order(b), at.cmp(&place), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn items_are_each_once_and_missing_values_are_none() {
        let row = [Cell::Float(4.0), Cell::Whole(4), Cell::Missing, Cell::Text("x".into()), Cell::Whole(-1)];
        assert_eq!(items_of(&row), [Item::Whole(-1), Item::Whole(4), Item::Text("x".into())]);
    }
}
