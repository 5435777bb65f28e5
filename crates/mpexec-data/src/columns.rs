//! The columns of a file that stores column after column, one after another, for some of the rows.
//!
//! The rows of one column are a segment. Short columns lie close to each other, so one window holds the segments of
//! several; long ones get a window for each segment.

use std::ops::Range;

use crate::{DataError, NpyFile};

impl NpyFile {
    /// Shows `visit` the numbers of `rows` in each column, in the order of the columns, mapping about `window_bytes` at
    /// once, or the rows of one column if they are more.
    pub(crate) fn each_column(
        &self,
        rows: Range<u64>,
        window_bytes: usize,
        mut visit: impl FnMut(usize, &[u8]),
    ) -> Result<(), DataError> {
        let layout = self.layout();
        let size = layout.dtype.size() as u64;
        let stride = layout.rows * size;
        let segment = (rows.end - rows.start) * size;
        if segment == 0 {
            return Ok(());
        }
        let together = (window_bytes as u64 / stride).max(1);
        // Mapping what lies between the segments is worth it only if it is little.
        let populate = together == 1 || segment * 2 >= stride;
        let mut column = 0;
        while column < layout.cols {
            let columns = together.min(layout.cols - column);
            let length = (columns - 1) * stride + segment;
            let window = self.window(column * stride + rows.start * size, length, populate)?;
            for (at, numbers) in (column..).zip(window.chunks(stride as usize)) {
                visit(at as usize, &numbers[..segment as usize]);
            }
            column += columns;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of `name` that this process has mapped.
    fn mapped(name: &str) -> usize {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let range = |line: &str| {
            let (begin, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            usize::from_str_radix(end, 16).unwrap() - usize::from_str_radix(begin, 16).unwrap()
        };
        maps.lines().filter(|line| line.ends_with(name)).map(range).sum()
    }

    #[test]
    fn a_window_holds_many_short_columns_or_a_part_of_a_long_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("columns.npy");
        let name = path.to_str().unwrap();
        for (rows, cols, window, most_maps) in [(1000, 400, 1 << 20, 4), (200_000, 3, 1 << 18, 3)] {
            let text = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': ({rows}, {cols})}}");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes.extend((0..cols).flat_map(|column| vec![column as u8; rows]));
            std::fs::write(&path, bytes).unwrap();
            let file = NpyFile::open(&path).unwrap();
            let (mut seen, mut maps, mut before) = (0, 0, std::ptr::null());
            file.each_column(1..rows as u64 - 1, window, |column, numbers| {
                assert_eq!(column, seen);
                assert_eq!(numbers, vec![column as u8; rows - 2]);
                assert!(mapped(name) <= window + (128 << 10), "{} bytes are mapped", mapped(name));
                // In one mapping, columns follow each other.
                maps += usize::from(numbers.as_ptr() != before);
                before = numbers.as_ptr().wrapping_add(rows);
                seen += 1;
            })
            .unwrap();
            assert_eq!(seen, cols);
            assert!(maps <= most_maps, "{maps} mappings");
        }
    }
}
