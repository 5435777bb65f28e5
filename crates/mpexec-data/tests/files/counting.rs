//! Counting equals the plain loop, for every kind, order, shape, range, offset and window.

use std::fs;
use std::ops::Range;

use mpexec_data::{Bounds, Counter, DType, DataError, LegacyRandom, NpyFile, Summary, count_range_into};
use proptest::prelude::*;
use tempfile::TempDir;

/// A file to be made: everything that can differ.
#[derive(Clone, Debug)]
struct Case {
    dtype: DType,
    big_endian: bool,
    fortran: bool,
    rows: usize,
    cols: usize,
    /// Spaces in the header, so that the numbers begin at any address.
    spaces: usize,
    seed: u32,
}

impl Case {
    /// Small numbers, of which about half are within 4..=8, in row order.
    fn numbers(&self) -> Vec<i64> {
        let mut numbers = vec![0; self.rows * self.cols];
        LegacyRandom::new(self.seed).fill(0, 11, &mut numbers).unwrap();
        numbers
    }

    fn file(&self, numbers: &[i64]) -> Vec<u8> {
        let order = if self.big_endian { '>' } else { '<' };
        let kind = &self.dtype.descr()[1..];
        let fortran = if self.fortran { "True" } else { "False" };
        let text = format!(
            "{{'descr': '{order}{kind}', 'fortran_order': {fortran}, 'shape': ({}, {}), }}{}\n",
            self.rows,
            self.cols,
            " ".repeat(self.spaces)
        );
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        let place = |at: usize| {
            if self.fortran { at % self.rows * self.cols + at / self.rows } else { at }
        };
        for at in 0..numbers.len() {
            let number = numbers[place(at)];
            let mut little = match self.dtype {
                DType::F32 => (number as f32).to_le_bytes().to_vec(),
                DType::F64 => (number as f64).to_le_bytes().to_vec(),
                // Small and positive, so the first bytes are the number in any width.
                dtype => number.to_le_bytes()[..dtype.size()].to_vec(),
            };
            if self.big_endian {
                little.reverse();
            }
            bytes.extend(little);
        }
        bytes
    }

    /// Counts `rows` in all three ways with windows of about `window` bytes, and compares with the plain loop.
    fn check(&self, rows: Range<usize>, window: usize) {
        let numbers = self.numbers();
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("data.bin");
        fs::write(&path, self.file(&numbers)).unwrap();
        let file = NpyFile::open(&path).unwrap();
        assert_eq!(file.layout().fortran, self.fortran && self.rows > 1 && self.cols > 1);
        let bounds = Bounds::parse("4", "8", self.dtype).unwrap();
        let counter = Counter::new(&file, &bounds).unwrap().window_bytes(window);
        let width = counter.width();

        let row = |row: usize| &numbers[row * self.cols..][..self.cols];
        let expected: Vec<u64> =
            rows.clone().map(|i| row(i).iter().filter(|x| (4..=8).contains(*x)).count() as u64).collect();
        let range = rows.start as u64..rows.end as u64;
        let mut counts = vec![0xaa; expected.len() * width.bytes()];
        let summary = counter.count_into(range.clone(), &mut counts).unwrap();
        let counted: Vec<u64> = width.read(&counts).collect();
        assert!(counted == expected, "{self:?}");

        assert_eq!((summary.rows, summary.total), (expected.len() as u64, expected.iter().sum()));
        assert_eq!(summary.first, expected[..expected.len().min(10)]);
        let mut histogram = vec![0; summary.histogram.len()];
        for count in &expected {
            histogram[(count / summary.bin_width) as usize] += 1;
        }
        assert_eq!(summary.histogram, histogram);

        let mut streamed = Vec::new();
        let sink = |block: &[u8]| -> Result<(), DataError> {
            assert!(block.len() <= 2 << 20 && block.len().is_multiple_of(width.bytes()) && !block.is_empty());
            streamed.extend_from_slice(block);
            Ok(())
        };
        assert_eq!(counter.count_with(range.clone(), sink).unwrap(), summary);
        assert!(streamed == counts, "{self:?}");
        assert_eq!(counter.summarise(range).unwrap(), summary);
    }
}

fn cases() -> impl Strategy<Value = (Case, Range<usize>, usize)> {
    // Few long rows, many short ones, and what lies between; up to 60,000 numbers.
    let shape = prop_oneof![
        (1usize..6000, 1usize..=10),
        (1usize..200, 1usize..300),
        (1usize..7, 1usize..9000),
        (1usize..3, 8000usize..30_000),
    ];
    let file =
        (prop::sample::select(DType::ALL.to_vec()), any::<bool>(), any::<bool>(), shape, 0usize..64, any::<u32>());
    (file, any::<(u32, u32)>(), prop::sample::select(vec![1usize, 100_000, 16 << 20])).prop_map(
        |((dtype, big_endian, fortran, (rows, cols), spaces, seed), (a, b), window)| {
            let (a, b) = (a as usize % (rows + 1), b as usize % (rows + 1));
            (Case { dtype, big_endian, fortran, rows, cols, spaces, seed }, a.min(b)..a.max(b), window)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn any_range_of_any_file_is_counted_as_a_plain_loop_would((case, rows, window) in cases()) {
        case.check(rows, window);
    }
}

#[test]
fn rows_and_columns_of_every_width_of_count_are_counted() {
    let case = |dtype, fortran, rows, cols| Case { dtype, big_endian: true, fortran, rows, cols, spaces: 3, seed: 9 };
    for fortran in [false, true] {
        for cols in [1, 5, 255, 256, 257, 511, 600, 8192, 8193] {
            case(DType::I16, fortran, 20, cols).check(0..20, 1);
            case(DType::U8, fortran, 20, cols).check(3..19, 1 << 20);
        }
        // Counts of four bytes, and a histogram whose entries are shared.
        case(DType::U8, fortran, 3, 70_000).check(0..3, 1);
        case(DType::F64, fortran, 2, 140_000).check(1..2, 1);
    }
}

#[test]
fn long_columns_are_counted_in_blocks_of_rows() {
    let case = Case { dtype: DType::U8, big_endian: false, fortran: true, rows: 600_000, cols: 2, spaces: 0, seed: 3 };
    case.check(1..599_999, 16 << 20);
}

#[test]
fn parts_added_in_order_are_the_whole() {
    let case = Case { dtype: DType::I32, big_endian: false, fortran: false, rows: 1000, cols: 7, spaces: 0, seed: 5 };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, case.file(&case.numbers())).unwrap();
    let file = NpyFile::open(&path).unwrap();
    let bounds = Bounds::parse("4", "8", DType::I32).unwrap();
    let (mut whole, mut parts) = (vec![0; 1000], vec![0; 1000]);
    let expected = count_range_into(&file, 0..1000, &bounds, &mut whole).unwrap();
    let mut sum = Summary::new(7);
    for (first, part) in (0..).step_by(333).zip(parts.chunks_mut(333)) {
        let part = count_range_into(&file, first..first + part.len() as u64, &bounds, part).unwrap();
        sum.merge(&part).unwrap();
    }
    assert_eq!((sum, parts), (expected, whole));
    let other = Summary::new(8);
    assert!(Summary::new(7).merge(&other).unwrap_err().to_string().contains("different numbers of columns"));
}

#[test]
fn the_sinks_error_ends_the_count() {
    #[derive(Debug)]
    enum Stop {
        Here,
        File(DataError),
    }
    impl From<DataError> for Stop {
        fn from(error: DataError) -> Stop {
            Stop::File(error)
        }
    }
    let case = Case { dtype: DType::I8, big_endian: false, fortran: false, rows: 300_000, cols: 1, spaces: 0, seed: 5 };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, case.file(&case.numbers())).unwrap();
    let file = NpyFile::open(&path).unwrap();
    let bounds = Bounds::parse("4", "8", DType::I8).unwrap();
    let counter = Counter::new(&file, &bounds).unwrap();
    let mut blocks = 0;
    let ended = counter.count_with(0..300_000, |_| {
        blocks += 1;
        Err(Stop::Here)
    });
    assert!(matches!(ended, Err(Stop::Here)));
    assert_eq!(blocks, 1);
    assert!(matches!(counter.count_with(0..300_001, |_| Err(Stop::Here)), Err(Stop::File(DataError::Rows { .. }))));
}

/// The bytes of `path` that this process has mapped.
fn mapped(path: &std::path::Path) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let ours = maps.lines().filter(|line| line.ends_with(path.to_str().unwrap()));
    ours.map(|line| {
        let (begin, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        usize::from_str_radix(end, 16).unwrap() - usize::from_str_radix(begin, 16).unwrap()
    })
    .sum()
}

#[test]
fn no_more_than_a_window_is_mapped_at_any_time() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap().join("data.bin");
    for (fortran, cols) in [("False", 8), ("False", 300_000), ("True", 8)] {
        let text = format!("{{'descr': '<i8', 'fortran_order': {fortran}, 'shape': ({}, {cols}), }}", 2_400_000 / cols);
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        fs::write(&path, &bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(bytes.len() as u64 + 19_200_000).unwrap();
        let file = NpyFile::open(&path).unwrap();
        let bounds = Bounds::parse("0", "0", DType::I64).unwrap();
        let counter = Counter::new(&file, &bounds).unwrap().window_bytes(1 << 20);
        let mut most = 0;
        let sink = |_: &[u8]| -> Result<(), DataError> {
            most = most.max(mapped(&path));
            Ok(())
        };
        let summary = counter.count_with(0..file.layout().rows, sink).unwrap();
        assert_eq!(summary.total, 2_400_000);
        assert!(most <= (1 << 20) + (128 << 10), "{most} bytes were mapped");
        assert!(fortran == "True" || most >= 1 << 19, "{most} bytes were mapped, so this test looks at the wrong file");
        assert_eq!(mapped(&path), 0);
    }
}

#[test]
fn a_file_opened_by_another_is_counted_all_the_same() {
    let case = Case { dtype: DType::I32, big_endian: true, fortran: false, rows: 50, cols: 3, spaces: 1, seed: 8 };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, case.file(&case.numbers())).unwrap();
    let opened = fs::File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let file = NpyFile::from_file(opened, "a name for messages").unwrap();
    let numbers: Vec<i64> = file.read_rows::<i32>(0..50).unwrap().into_iter().map(i64::from).collect();
    assert_eq!(numbers, case.numbers());
    assert_eq!(file.path().to_str(), Some("a name for messages"));
}

#[test]
fn rows_without_columns_are_summed_up_in_no_time_however_many_they_are() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, mpexec_data::npy_header(DType::I64, mpexec_data::Shape::Matrix(1 << 50, 0))).unwrap();
    let file = NpyFile::open(&path).unwrap();
    let counter = Counter::new(&file, &Bounds::parse("4", "8", DType::I64).unwrap()).unwrap();
    let summary = counter.summarise(0..1 << 50).unwrap();
    assert_eq!(
        (summary.rows, summary.total, summary.histogram, summary.first),
        (1 << 50, 0, vec![1 << 50], vec![0; 10])
    );
    assert!(matches!(counter.summarise(5..(1 << 50) + 1), Err(DataError::Rows { .. })));
}
