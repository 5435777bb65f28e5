//! The kinds of numbers a file may hold, by their NumPy names.
//!
//! Ten kinds and no more: every kernel, bound and writer covers all of them, so a file that opens is a file that can be
//! counted. Byte order is not part of the kind; it belongs to the [`Layout`](crate::Layout) of one file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of one number: signed, unsigned or floating, and its width.
///
/// ```
/// use mpexec_data::DType;
/// assert_eq!(DType::I64.to_string(), "int64");
/// assert_eq!(DType::F32.size(), 4);
/// assert_eq!(DType::U16.descr(), "<u2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each name says all there is to say")]
pub enum DType {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
}

impl DType {
    /// Every kind, narrow before wide.
    pub const ALL: [DType; 10] = [
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F32,
        DType::F64,
    ];

    /// The width of one number in bytes: 1, 2, 4 or 8.
    pub const fn size(self) -> usize {
        match self {
            DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 => 8,
        }
    }

    /// The name, as NumPy has it: `int64`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }

    /// Whether the numbers are floating-point.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// The description NumPy writes into a header for little-endian data: `|i1`, `<i8`, `<f4`.
    pub const fn descr(self) -> &'static str {
        match self {
            DType::I8 => "|i1",
            DType::I16 => "<i2",
            DType::I32 => "<i4",
            DType::I64 => "<i8",
            DType::U8 => "|u1",
            DType::U16 => "<u2",
            DType::U32 => "<u4",
            DType::U64 => "<u8",
            DType::F32 => "<f4",
            DType::F64 => "<f8",
        }
    }

    /// Reads a description such as `<i8`, `>f4` or `|b1` into the kind and whether it is big-endian; `None` for what
    /// this crate does not read. Truth values (`|b1`) are read as the numbers 0 and 1.
    pub(crate) fn from_descr(descr: &str) -> Option<(DType, bool)> {
        let (order, kind) = match descr.as_bytes().first()? {
            b'<' | b'>' | b'|' | b'=' => descr.split_at(1),
            _ => ("=", descr),
        };
        let dtype = match kind {
            "i1" => DType::I8,
            "i2" => DType::I16,
            "i4" => DType::I32,
            "i8" => DType::I64,
            "u1" | "b1" => DType::U8,
            "u2" => DType::U16,
            "u4" => DType::U32,
            "u8" => DType::U64,
            "f4" => DType::F32,
            "f8" => DType::F64,
            _ => return None,
        };
        let big = match order {
            ">" => true,
            "<" => false,
            _ => cfg!(target_endian = "big"),
        };
        // One byte has no order; calling it little spares every reader a needless swap.
        Some((dtype, big && dtype.size() > 1))
    }

    /// The smallest and the largest value of an integer kind; `None` for floats.
    pub(crate) fn integer_range(self) -> Option<(i128, i128)> {
        Some(match self {
            DType::I8 => (i8::MIN.into(), i8::MAX.into()),
            DType::I16 => (i16::MIN.into(), i16::MAX.into()),
            DType::I32 => (i32::MIN.into(), i32::MAX.into()),
            DType::I64 => (i64::MIN.into(), i64::MAX.into()),
            DType::U8 => (0, u8::MAX.into()),
            DType::U16 => (0, u16::MAX.into()),
            DType::U32 => (0, u32::MAX.into()),
            DType::U64 => (0, u64::MAX.into()),
            DType::F32 | DType::F64 => return None,
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_is_read_back() {
        for dtype in DType::ALL {
            assert_eq!(DType::from_descr(dtype.descr()), Some((dtype, false)), "{dtype}");
            let swapped = dtype.descr().replace('<', ">");
            assert_eq!(DType::from_descr(&swapped), Some((dtype, dtype.size() > 1)), "{dtype}");
        }
    }

    #[test]
    fn native_order_and_no_order_mean_this_machine() {
        let here = cfg!(target_endian = "big");
        assert_eq!(DType::from_descr("=i8"), Some((DType::I64, here)));
        assert_eq!(DType::from_descr("i8"), Some((DType::I64, here)));
        assert_eq!(DType::from_descr(">i1"), Some((DType::I8, false)));
        assert_eq!(DType::from_descr("|b1"), Some((DType::U8, false)));
    }

    #[test]
    fn other_kinds_are_not_taken_for_one_of_ours() {
        for descr in ["", "<", "<c16", "|O", "<f2", "<f16", "<U5", "|S3", "<M8[ns]", "<i3", "<i", "<<i8", "é"] {
            assert_eq!(DType::from_descr(descr), None, "{descr}");
        }
    }
}
