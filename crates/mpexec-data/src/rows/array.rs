//! The rows of an array.

use std::ops::Range;

use super::{Cell, PartRows};
use crate::{DType, DataError, Element, NpyFile};

/// So many numbers are held at once.
const BLOCK: u64 = 1 << 18;

impl NpyFile {
    /// Shows the chosen cells of each of `rows` to `visit`. `columns` are their places, from 0 on.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data.bin");
    /// # use mpexec_data::{DType, NpyWriter, Shape};
    /// # let mut writer = NpyWriter::new(std::fs::File::create(&path)?, DType::U8, Shape::Matrix(2, 2))?;
    /// # writer.write(&[8, 3, 7, 7])?;
    /// # writer.finish()?;
    /// use mpexec_data::{Cell, NpyFile};
    /// let mut rows = Vec::new();
    /// NpyFile::open(&path)?.each_row(0..2, &[1], |row| rows.push(row.to_vec()))?;
    /// assert_eq!(rows, [[Cell::Whole(3)], [Cell::Whole(7)]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`NpyFile::read_rows`].
    pub fn each_row(
        &self,
        rows: Range<u64>,
        columns: &[usize],
        visit: impl FnMut(&[Cell<'static>]),
    ) -> Result<PartRows, DataError> {
        match self.layout().dtype {
            DType::I8 => self.each(rows, columns, |number: i8| Cell::Whole(number.into()), visit),
            DType::I16 => self.each(rows, columns, |number: i16| Cell::Whole(number.into()), visit),
            DType::I32 => self.each(rows, columns, |number: i32| Cell::Whole(number.into()), visit),
            DType::I64 => self.each(rows, columns, |number: i64| Cell::Whole(number.into()), visit),
            DType::U8 => self.each(rows, columns, |number: u8| Cell::Whole(number.into()), visit),
            DType::U16 => self.each(rows, columns, |number: u16| Cell::Whole(number.into()), visit),
            DType::U32 => self.each(rows, columns, |number: u32| Cell::Whole(number.into()), visit),
            DType::U64 => self.each(rows, columns, |number: u64| Cell::Whole(number.into()), visit),
            DType::F32 => self.each(rows, columns, |number: f32| Cell::float(number.into()), visit),
            DType::F64 => self.each(rows, columns, |number: f64| Cell::float(number), visit),
        }
    }

    fn each<T: Element>(
        &self,
        rows: Range<u64>,
        columns: &[usize],
        cell: impl Fn(T) -> Cell<'static>,
        mut visit: impl FnMut(&[Cell<'static>]),
    ) -> Result<PartRows, DataError> {
        let cols = self.layout().cols;
        let each = (BLOCK / cols.max(1)).max(1);
        let mut row = Vec::with_capacity(columns.len());
        let mut first = rows.start;
        while first < rows.end {
            let end = rows.end.min(first + each);
            let numbers = self.read_rows::<T>(first..end)?;
            for at in 0..(end - first) as usize {
                let cells = &numbers[at * cols as usize..];
                row.clear();
                row.extend(columns.iter().map(|&column| cell(cells[column])));
                visit(&row);
            }
            first = end;
        }
        Ok(PartRows { rows: rows.end.saturating_sub(rows.start), ..PartRows::default() })
    }
}
