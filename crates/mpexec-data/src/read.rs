//! Rows read as numbers of the program's own, for those who do more with them than count.

use std::ops::Range;

use crate::{DEFAULT_WINDOW_BYTES, DType, DataError, NpyFile};

/// A number that a file may hold. Implemented for the ten types of [`DType`], and closed.
pub trait Element: Copy + Default + sealed::Bytes + 'static {
    /// The kind that is read and written as this type.
    const DTYPE: DType;
}

mod sealed {
    pub trait Bytes: Sized {
        fn from_bytes(bytes: &[u8], big_endian: bool) -> Self;
    }
}

macro_rules! element {
    ($($type:ty => $dtype:ident),*) => {$(
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
        }
        impl sealed::Bytes for $type {
            #[inline(always)]
            fn from_bytes(bytes: &[u8], big_endian: bool) -> Self {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                if big_endian { <$type>::from_be_bytes(own) } else { <$type>::from_le_bytes(own) }
            }
        }
    )*};
}
element!(i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64, f32 => F32, f64 => F64);

impl NpyFile {
    /// Reads `rows` into memory, row after row, whatever the order of the file. The result has as many numbers as the
    /// rows have columns, times the rows, so ask for no more rows than memory holds.
    ///
    /// # Errors
    /// [`DataError::OtherType`] if the file holds another kind of number, [`DataError::Rows`] if it has not these
    /// rows, [`DataError::Shrunk`] if it was cut since it was opened, [`DataError::Io`] if it cannot be mapped.
    pub fn read_rows<T: Element>(&self, rows: Range<u64>) -> Result<Vec<T>, DataError> {
        let layout = self.layout();
        if layout.dtype != T::DTYPE {
            let path = self.path().to_path_buf();
            return Err(DataError::OtherType { path, holds: layout.dtype, wanted: T::DTYPE });
        }
        self.check_rows(&rows)?;
        let (size, big) = (layout.dtype.size(), layout.big_endian);
        let count = rows.end - rows.start;
        if !layout.fortran {
            let window = self.rows_window(rows.start, count)?;
            return Ok(window.chunks_exact(size).map(|bytes| T::from_bytes(bytes, big)).collect());
        }
        let cols = layout.cols as usize;
        let mut numbers = vec![T::default(); count as usize * cols];
        self.each_column(rows, DEFAULT_WINDOW_BYTES, |column, bytes| {
            let places = numbers.iter_mut().skip(column).step_by(cols);
            for (place, bytes) in places.zip(bytes.chunks_exact(size)) {
                *place = T::from_bytes(bytes, big);
            }
        })?;
        Ok(numbers)
    }
}
