//! A table like the tutorial's: rows of five digits, and how many of each lie within 4..=8.

/// Numbers in a row.
pub(crate) const COLUMNS: usize = 5;

/// The numbers, row after row. `peers/python.py` makes the same.
pub(crate) fn numbers(rows: usize) -> Vec<i64> {
    let digit = |row: usize, column: usize| ((31 * row + 17 * column + (row >> 3)) % 10) as i64;
    (0..rows).flat_map(|row| (0..COLUMNS).map(move |column| digit(row, column))).collect()
}

/// The tutorial's task.
pub(crate) fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
    row.iter().filter(|number| (minimum..=maximum).contains(number)).count()
}

/// The same for a block of rows, a byte for each.
pub(crate) fn count_rows(block: &[i64], counts: &mut Vec<u8>) {
    let within = |number: &i64| u8::from((4..=8).contains(number));
    counts.extend(block.as_chunks::<COLUMNS>().0.iter().map(|row| row.iter().map(within).sum::<u8>()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_counting_agree() {
        let numbers = numbers(1000);
        let mut counts = Vec::new();
        count_rows(&numbers, &mut counts);
        let one_by_one: Vec<u8> =
            numbers.chunks(COLUMNS).map(|row| howmany_within_range(row.to_vec(), 4, 8) as u8).collect();
        assert_eq!(counts, one_by_one);
    }
}
