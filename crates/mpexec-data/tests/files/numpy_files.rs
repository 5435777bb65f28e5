//! Files that NumPy wrote are read as NumPy would read them: every kind, byte order, storage order and version.

use crate::common;
use mpexec_data::{Bounds, Counter, DType, DataError, Element, NpyFile, NpyWriter, Shape, npy_header};

fn open(name: &str) -> Result<NpyFile, DataError> {
    NpyFile::open(common::data(name))
}

/// Reads a file as `T` and compares it, bit for bit, with the numbers that NumPy printed.
fn same<T: Element>(file: &NpyFile, numbers: &[String], to_bytes: fn(T) -> Vec<u8>) {
    let read: Vec<u8> = file.read_rows::<T>(0..2).unwrap().into_iter().flat_map(to_bytes).collect();
    let printed = numbers.iter().flat_map(|number| common::bytes(number, T::DTYPE, false));
    let plain = |bytes: Vec<u8>| {
        if T::DTYPE.is_float() { without_nan_sign(bytes, T::DTYPE) } else { bytes }
    };
    assert_eq!(plain(read), plain(printed.collect()), "{}", file.path().display());
}

/// NumPy prints a negative NaN as `nan`.
fn without_nan_sign(mut bytes: Vec<u8>, dtype: DType) -> Vec<u8> {
    for number in bytes.chunks_mut(dtype.size()) {
        let nan = match dtype {
            DType::F32 => f32::from_le_bytes(number.try_into().unwrap()).is_nan(),
            _ => f64::from_le_bytes(number.try_into().unwrap()).is_nan(),
        };
        if nan {
            number[dtype.size() - 1] &= 0x7f;
        }
    }
    bytes
}

#[test]
fn every_kind_byte_order_and_storage_order_is_read() {
    let mut files = 0;
    for (dtype, numbers) in common::numbers() {
        let cols = numbers.len() / 2;
        for name in ["little-rows", "little-columns", "big-rows", "big-columns"] {
            if dtype.size() == 1 && name.starts_with("big") {
                continue;
            }
            let file = open(&format!("{dtype}-{name}.npy")).unwrap();
            let layout = file.layout();
            assert_eq!((layout.dtype, layout.dims, layout.rows, layout.cols), (dtype, 2, 2, cols as u64));
            assert_eq!((layout.big_endian, layout.fortran), (name.starts_with("big"), name.ends_with("columns")));
            match dtype {
                DType::I8 => same(&file, &numbers, |x: i8| x.to_le_bytes().into()),
                DType::I16 => same(&file, &numbers, |x: i16| x.to_le_bytes().into()),
                DType::I32 => same(&file, &numbers, |x: i32| x.to_le_bytes().into()),
                DType::I64 => same(&file, &numbers, |x: i64| x.to_le_bytes().into()),
                DType::U8 => same(&file, &numbers, |x: u8| x.to_le_bytes().into()),
                DType::U16 => same(&file, &numbers, |x: u16| x.to_le_bytes().into()),
                DType::U32 => same(&file, &numbers, |x: u32| x.to_le_bytes().into()),
                DType::U64 => same(&file, &numbers, |x: u64| x.to_le_bytes().into()),
                DType::F32 => same(&file, &numbers, |x: f32| x.to_le_bytes().into()),
                DType::F64 => same(&file, &numbers, |x: f64| x.to_le_bytes().into()),
            }
            let in_range = |number: &&String| (4.0..=8.0).contains(&number.parse::<f64>().unwrap());
            let counted = |row: usize| numbers[row * cols..][..cols].iter().filter(in_range).count() as u64;
            let bounds = Bounds::parse("4", "8", dtype).unwrap();
            let summary = Counter::new(&file, &bounds).unwrap().summarise(0..2).unwrap();
            assert_eq!(summary.first, [counted(0), counted(1)], "{}", file.path().display());
            files += 1;
        }
    }
    assert_eq!(files, 36);
}

#[test]
fn every_version_is_read_and_so_are_truth_values() {
    for name in ["version-2.npy", "version-3.npy"] {
        let file = open(name).unwrap();
        assert_eq!((file.layout().dims, file.layout().rows, file.layout().cols), (1, 5, 1));
        assert_eq!(file.read_rows::<i32>(1..5).unwrap(), [1, 2, 3, 4]);
    }
    assert_eq!(open("truth.npy").unwrap().read_rows::<u8>(0..1).unwrap(), [1, 0, 1]);
}

#[test]
fn of_several_arrays_in_one_file_the_first_is_read() {
    assert_eq!(open("two-arrays.npy").unwrap().read_rows::<i32>(0..5).unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn arrays_without_numbers_have_rows_and_counts_all_the_same() {
    for (name, rows, cols) in [("no-rows.npy", 0, 5), ("no-columns.npy", 5, 0)] {
        let file = open(name).unwrap();
        assert_eq!((file.layout().rows, file.layout().cols), (rows, cols));
        assert!(file.read_rows::<f64>(0..rows).unwrap().is_empty());
        let bounds = Bounds::parse("-inf", "inf", DType::F64).unwrap();
        let mut counts = vec![7; rows as usize];
        let summary = Counter::new(&file, &bounds).unwrap().count_into(0..rows, &mut counts).unwrap();
        assert_eq!((summary.rows, summary.total, summary.histogram[0]), (rows, 0, rows));
        assert!(counts.iter().all(|&count| count == 0));
    }
}

#[test]
fn what_numpy_writes_and_we_do_not_read_is_named() {
    let says = |name: &str| open(name).unwrap_err().to_string().split_once(": ").unwrap().1.to_owned();
    let read = "bool, integers of 8 to 64 bits, float32 and float64 are read";
    assert_eq!(says("complex.npy"), format!("holds elements of type '<c16'; {read}"));
    assert_eq!(says("half.npy"), format!("holds elements of type '<f2'; {read}"));
    assert_eq!(says("text.npy"), format!("holds elements of type '<U2'; {read}"));
    assert_eq!(says("record.npy"), format!("holds elements of type [('a', '<i8'), ('b', '<f4', (3,))]; {read}"));
    assert_eq!(says("scalar.npy"), "is an array of 0 dimensions; 1 and 2 are read");
    assert_eq!(says("cube.npy"), "is an array of 3 dimensions; 1 and 2 are read");
}

#[test]
fn what_we_write_is_what_numpy_writes_byte_for_byte() {
    for (dtype, numbers) in common::numbers() {
        let numpys = std::fs::read(common::data(&format!("{dtype}-little-rows.npy"))).unwrap();
        let mut writer = NpyWriter::new(Vec::new(), dtype, Shape::Matrix(2, numbers.len() as u64 / 2)).unwrap();
        // NumPy's own bytes, because it does not print the sign of a NaN.
        writer.write(&numpys[writer_header(dtype, &numbers)..]).unwrap();
        assert_eq!(writer.finish().unwrap(), numpys, "{dtype}");
    }
    let numpys = std::fs::read(common::data("two-arrays.npy")).unwrap();
    assert!(numpys.starts_with(&npy_header(DType::I32, Shape::Vector(5))));
}

fn writer_header(dtype: DType, numbers: &[String]) -> usize {
    npy_header(dtype, Shape::Matrix(2, numbers.len() as u64 / 2)).len()
}
