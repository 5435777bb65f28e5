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
