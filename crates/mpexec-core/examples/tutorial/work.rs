//! The tutorial's matrix and its task functions: what is done, apart from how it is sent.
//!
//! The task functions are plain functions. Nothing in them knows of a pool, and the plain loop calls the very same.

use mpexec_data::{EmptyRange, LegacyRandom};

pub(crate) const COLUMNS: usize = 5;
pub(crate) const MINIMUM: i64 = 4;
pub(crate) const MAXIMUM: i64 = 8;

/// How many rows get real work: half a second of it on one processor.
pub(crate) const HEAVY_ROWS: usize = 20_000;

/// The matrix in the two ways in which programs hold one: a list of rows, and all numbers one behind the other.
pub(crate) struct Table<'a> {
    pub(crate) rows: &'a [Vec<i64>],
    pub(crate) numbers: &'a [i64],
}

impl<'a> Table<'a> {
    pub(crate) fn new(rows: &'a [Vec<i64>], numbers: &'a [i64]) -> Table<'a> {
        Table { rows, numbers }
    }

    /// The first rows of it.
    pub(crate) fn first(&self, rows: usize) -> Table<'a> {
        let rows = rows.min(self.rows.len());
        Table { rows: &self.rows[..rows], numbers: &self.numbers[..rows * COLUMNS] }
    }
}

/// `np.random.RandomState(100).randint(0, 10, size=[rows, 5])`, number for number.
pub(crate) fn tutorial_numbers(rows: usize) -> Result<Vec<i64>, EmptyRange> {
    let mut numbers = vec![0; rows * COLUMNS];
    LegacyRandom::new(100).fill(0, 10, &mut numbers)?;
    Ok(numbers)
}

/// Whether the plain loop itself is right, as far as NumPy's answer is known: its first ten counts, and its total for
/// the tutorial's size. The same generator and the same function stand on both sides of every other check.
pub(crate) fn as_numpy_has_it(counts: &[usize]) -> Option<bool> {
    let first = counts.get(..10)? == [4, 2, 1, 2, 3, 2, 2, 2, 2, 2];
    let total = counts.len() != 200_000 || counts.iter().sum::<usize>() == 500_557;
    Some(first && total)
}

/// How many numbers of a row lie within `minimum..=maximum`. The row is borrowed: a worker reads it where it arrived.
pub(crate) fn howmany_within_range(row: &[i64], minimum: i64, maximum: i64) -> usize {
    row.iter().filter(|number| (minimum..=maximum).contains(number)).count()
}

/// The same of the row alone, for the forms that pass one argument.
pub(crate) fn howmany_between_4_and_8(row: &[i64]) -> usize {
    howmany_within_range(row, MINIMUM, MAXIMUM)
}

/// The same with the row's number handed through, for whoever has to sort the answers.
pub(crate) fn howmany_with_index(index: usize, row: &[i64], minimum: i64, maximum: i64) -> (usize, usize) {
    (index, howmany_within_range(row, minimum, maximum))
}

/// The same for many rows lying one behind the other.
pub(crate) fn howmany_in_each(rows: &[i64], minimum: i64, maximum: i64) -> Vec<u8> {
    rows.chunks_exact(COLUMNS).map(|row| howmany_within_range(row, minimum, maximum) as u8).collect()
}

/// The same after a hash of the row has been stirred for some 20 us. The answer depends on the hash as far as the
/// compiler can see, so it cannot leave the work out.
pub(crate) fn howmany_after_work(row: &[i64], minimum: i64, maximum: i64) -> usize {
    let mut hash = row.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &number| (hash ^ number as u64).rotate_left(5));
    for _ in 0..12_000 {
        hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    howmany_within_range(row, minimum, maximum) + usize::from(std::hint::black_box(hash) == 1)
}
