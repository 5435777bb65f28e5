//! From the first bytes of a file to a [`Layout`]: the magic, the version, the dictionary.
//!
//! Pure: it sees bytes and returns a layout or what is wrong with them, and never looks at more than
//! [`MAX_HEADER`] bytes, whatever lengths they claim.

use crate::literal::{self, Literal};
use crate::{DType, Layout};

/// What every `.npy` file begins with.
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest dictionary accepted, in bytes: what version 1 can express, a thousand times what plain numbers need.
pub(crate) const MAX_HEADER: u64 = 65_535;

/// What is wrong with a header. [`NpyFile`](crate::NpyFile) adds the name of the file.
#[derive(Debug, PartialEq)]
pub(crate) enum HeaderFault {
    NotNpy,
    Version(u8, u8),
    TooLong(u64),
    Cut { expected: u64 },
    Broken(String),
    ElementType(String),
    Dimensions(usize),
    Shape(String),
}

/// The length of magic, version and length field, and the length of the dictionary behind them. `start` is the
/// beginning of the file; 12 bytes are enough.
pub(crate) fn lengths(start: &[u8]) -> Result<(u64, u64), HeaderFault> {
    let seen = start.len().min(MAGIC.len());
    if seen == 0 || start[..seen] != MAGIC[..seen] {
        return Err(HeaderFault::NotNpy);
    }
    let &[major, minor] = start.get(6..8).ok_or(HeaderFault::Cut { expected: 10 })? else {
        return Err(HeaderFault::Cut { expected: 10 });
    };
    let (before, length) = match (major, minor) {
        (1, 0) => match start.get(8..10) {
            Some(&[a, b]) => (10, u64::from(u16::from_le_bytes([a, b]))),
            _ => return Err(HeaderFault::Cut { expected: 10 }),
        },
        (2 | 3, 0) => match start.get(8..12) {
            Some(&[a, b, c, d]) => (12, u64::from(u32::from_le_bytes([a, b, c, d]))),
            _ => return Err(HeaderFault::Cut { expected: 12 }),
        },
        _ => return Err(HeaderFault::Version(major, minor)),
    };
    if length > MAX_HEADER { Err(HeaderFault::TooLong(length)) } else { Ok((before, length)) }
}

/// Reads the whole header, of which `bytes` are all or the beginning of the file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Layout, HeaderFault> {
    let (before, length) = lengths(bytes)?;
    let data_offset = before + length;
    let dictionary =
        bytes.get(before as usize..data_offset as usize).ok_or(HeaderFault::Cut { expected: data_offset })?;
    // Versions 1 and 2 are Latin-1, version 3 is UTF-8; they differ only in names of fields, which we do not read.
    let text = match std::str::from_utf8(dictionary) {
        Ok(text) => text.into(),
        Err(_) if bytes[6] < 3 => {
            dictionary.iter().map(|&byte| char::from(byte)).collect::<std::borrow::Cow<'_, str>>()
        }
        Err(_) => return Err(HeaderFault::Broken("it is not UTF-8".into())),
    };
    layout(&text, data_offset)
}

fn layout(text: &str, data_offset: u64) -> Result<Layout, HeaderFault> {
    let broken = |fault: &str| HeaderFault::Broken(fault.into());
    let items = match literal::parse(text) {
        Ok(Literal::Dictionary(items)) => items,
        Ok(_) => return Err(broken("it is not a dictionary")),
        Err(fault) => return Err(HeaderFault::Broken(fault)),
    };
    let (mut descr, mut order, mut shape) = (None, None, None);
    for (key, value, source) in items {
        let slot = match key {
            "descr" => &mut descr,
            "fortran_order" => &mut order,
            "shape" => &mut shape,
            _ => {
                return Err(HeaderFault::Broken(format!("it has an unknown key {key:.40?}")));
            }
        };
        if slot.replace((value, source)).is_some() {
            return Err(HeaderFault::Broken(format!("it says {key:?} twice")));
        }
    }
    let (descr, source) = descr.ok_or_else(|| broken("it does not say \"descr\""))?;
    let (order, _) = order.ok_or_else(|| broken("it does not say \"fortran_order\""))?;
    let (shape, _) = shape.ok_or_else(|| broken("it does not say \"shape\""))?;

    let Literal::Truth(fortran) = order else {
        return Err(broken("\"fortran_order\" is neither True nor False"));
    };
    let Literal::Sequence(shape) = shape else {
        return Err(broken("\"shape\" is not a tuple"));
    };
    let (known, truth) = match descr {
        Literal::Text(descr) => (DType::from_descr(descr), descr.ends_with("b1")),
        _ => (None, false),
    };
    let (dtype, big_endian) = known.ok_or_else(|| HeaderFault::ElementType(shortened(source)))?;
    let whole = |length: &Literal<'_>| match length {
        Literal::Whole(length) => Ok(*length),
        _ => Err(broken("\"shape\" holds something else than whole numbers")),
    };
    let (rows, cols, dims) = match &shape[..] {
        [rows] => (whole(rows)?, 1, 1),
        [rows, cols] => (whole(rows)?, whole(cols)?, 2),
        other => return Err(HeaderFault::Dimensions(other.len())),
    };
    // Where a row or a column is all there is, both orders are the same bytes.
    let fortran = fortran && dims == 2 && rows > 1 && cols > 1;
    let layout = Layout { dtype, truth, big_endian, fortran, rows, cols, dims, data_offset };
    if possible(&layout) { Ok(layout) } else { Err(HeaderFault::Shape(layout.shape())) }
}

/// Whether a file could hold the shape, so that all later arithmetic on it is exact in 64 bits. A length of zero counts as
/// one, as in NumPy: an array of no columns has no more rows than one of a single column could have.
fn possible(layout: &Layout) -> bool {
    let size = layout.dtype.size() as u64;
    let end = layout.rows.max(1).checked_mul(layout.cols.max(1)).and_then(|n| n.checked_mul(size));
    end.and_then(|bytes| bytes.checked_add(layout.data_offset)).is_some_and(|end| end <= i64::MAX as u64)
}

fn shortened(source: &str) -> String {
    let mut text: String = source.chars().take(60).collect();
    if text.len() < source.len() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests;
