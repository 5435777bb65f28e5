//! What the header of a file says about the bytes behind it.

use crate::{CountWidth, DType};

/// Where the numbers of a file lie and how to read them.
///
/// A one-dimensional array of `n` numbers is `n` rows of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// The kind of every number.
    pub dtype: DType,
    /// Whether they are truth values (`bool`), which are read as the numbers 0 and 1.
    pub truth: bool,
    /// Whether the most significant byte comes first. Never set for one-byte kinds.
    pub big_endian: bool,
    /// Whether columns, not rows, lie together. Never set where there is no difference.
    pub fortran: bool,
    /// The number of rows.
    pub rows: u64,
    /// The number of columns: 1 for a one-dimensional array.
    pub cols: u64,
    /// The number of dimensions: 1 or 2.
    pub dims: u8,
    /// The offset of the first number from the beginning of the file, in bytes. It need not be aligned.
    pub data_offset: u64,
}

impl Layout {
    /// The name of the kind, as NumPy has it: `int64`, `bool`.
    pub fn type_name(&self) -> &'static str {
        if self.truth { "bool" } else { self.dtype.name() }
    }

    /// The bytes of one row, of one number after another.
    pub fn row_bytes(&self) -> u64 {
        self.cols * self.dtype.size() as u64
    }

    /// The bytes of all numbers.
    pub fn data_bytes(&self) -> u64 {
        self.rows * self.row_bytes()
    }

    /// The type that holds the count of one row.
    pub fn count_width(&self) -> CountWidth {
        CountWidth::for_columns(self.cols)
    }

    /// The shape as NumPy prints it: `(200000, 5)` or `(7,)`.
    pub fn shape(&self) -> String {
        if self.dims == 1 { format!("({},)", self.rows) } else { format!("({}, {})", self.rows, self.cols) }
    }
}
