//! What several of these tests need: the test data, and numbers as bytes.

use std::path::PathBuf;

use mpexec_data::DType;

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect()
}

/// The kind of this name.
pub(crate) fn kind(name: &str) -> DType {
    DType::ALL.into_iter().find(|dtype| dtype.to_string() == name).expect("a kind of number")
}

/// The bytes of a number that is given as text.
pub(crate) fn bytes(text: &str, dtype: DType, big_endian: bool) -> Vec<u8> {
    macro_rules! parsed {
        ($type:ty) => {{
            let number: $type = text.parse().unwrap();
            if big_endian { number.to_be_bytes().to_vec() } else { number.to_le_bytes().to_vec() }
        }};
    }
    match dtype {
        DType::I8 => parsed!(i8),
        DType::I16 => parsed!(i16),
        DType::I32 => parsed!(i32),
        DType::I64 => parsed!(i64),
        DType::U8 => parsed!(u8),
        DType::U16 => parsed!(u16),
        DType::U32 => parsed!(u32),
        DType::U64 => parsed!(u64),
        DType::F32 => parsed!(f32),
        DType::F64 => parsed!(f64),
    }
}

/// The numbers that the files of `tests/data` hold, as NumPy printed them, by kind.
pub(crate) fn numbers() -> Vec<(DType, Vec<String>)> {
    let text = std::fs::read_to_string(data("numbers.txt")).unwrap();
    let line = |line: &str| {
        let mut words = line.split(' ');
        (kind(words.next().unwrap()), words.map(String::from).collect())
    };
    text.lines().map(line).collect()
}
