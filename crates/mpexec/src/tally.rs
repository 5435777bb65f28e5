//! Adds up the parts of a count as they come, in whatever order.

use std::ops::Range;

use mpexec_data::{FIRST_COUNTS, OtherColumns, Summary};

/// The sum of the parts so far.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    sum: Summary,
    /// The counts of the first rows, each when it is known: pieces of very wide rows are shorter than ten.
    first: [Option<u64>; FIRST_COUNTS],
}

impl Tally {
    pub(crate) fn new(cols: u64) -> Tally {
        Tally { sum: Summary::new(cols), first: [None; FIRST_COUNTS] }
    }

    /// Adds the summary of these rows.
    ///
    /// # Errors
    /// [`OtherColumns`] if it is of another file.
    pub(crate) fn add(&mut self, rows: &Range<u64>, mut part: Summary) -> Result<(), OtherColumns> {
        for (row, count) in (rows.start..).zip(part.first.drain(..)) {
            let Some(place) = usize::try_from(row).ok().and_then(|row| self.first.get_mut(row)) else {
                break;
            };
            *place = Some(count);
        }
        self.sum.merge(&part)
    }

    /// The summary of all.
    pub(crate) fn finish(mut self) -> Summary {
        self.sum.first = self.first.into_iter().map_while(|count| count).collect();
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(counts: &[u64]) -> Summary {
        let mut summary = Summary::new(5);
        summary.rows = counts.len() as u64;
        summary.total = counts.iter().sum();
        for &count in counts {
            summary.histogram[count as usize] += 1;
        }
        summary.first = counts.iter().copied().take(FIRST_COUNTS).collect();
        summary
    }

    #[test]
    fn parts_in_any_order_give_the_summary_of_the_whole() {
        let counts = [4, 2, 1, 2, 3, 2, 2, 2, 2, 2, 5, 0];
        for sizes in [vec![12], vec![1; 12], vec![5, 7], vec![3, 3, 3, 3]] {
            let mut rows = 0;
            let mut parts: Vec<_> = sizes
                .iter()
                .map(|&size| {
                    let piece = rows..rows + size;
                    rows += size;
                    (piece.clone(), part(&counts[piece.start as usize..piece.end as usize]))
                })
                .collect();
            parts.reverse();
            let mut tally = Tally::new(5);
            for (rows, part) in parts {
                tally.add(&rows, part).unwrap();
            }
            assert_eq!(tally.finish(), part(&counts));
        }
    }

    #[test]
    fn the_part_of_another_file_is_refused() {
        assert!(Tally::new(5).add(&(0..0), Summary::new(6)).is_err());
    }
}
