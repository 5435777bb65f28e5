//! Some columns of an array: the counts are those of the plainest loop, whatever the order, the kind and the number of columns.

use crate::common;
use mpexec_data::{Bounds, NpyFile};

#[test]
fn chosen_columns_are_counted_as_a_plain_loop_counts_them() {
    for order in ["rows", "columns"] {
        for ends in ["little", "big"] {
            let file = NpyFile::open(common::data(&format!("int32-{ends}-{order}.npy"))).unwrap();
            let (rows, cols) = (file.layout().rows, file.layout().cols as usize);
            let numbers = file.read_rows::<i32>(0..rows).unwrap();
            let bounds = Bounds::parse("-100", "1000000", file.layout().dtype).unwrap();
            let all: Vec<_> = (0..cols).collect();
            for columns in [vec![0], vec![cols - 1, 0], all[..cols / 2].to_vec(), all] {
                let counted = numbers.chunks(cols).map(|row| {
                    columns.iter().filter(|&&column| (-100..=1_000_000).contains(&row[column])).count() as u8
                });
                let expected: Vec<u8> = counted.collect();
                assert!(expected.iter().any(|&count| count > 0), "the bounds are of some use");
                let part = file.count_columns(0..rows, &columns, &bounds, true).unwrap();
                assert_eq!(part.counts, expected, "{order} {ends} {columns:?}");
                let total: u64 = expected.iter().map(|&count| u64::from(count)).sum();
                let summed = file.count_columns(0..rows, &columns, &bounds, false).unwrap();
                assert_eq!((summed.summary.total, summed.counts.len()), (total, 0));
            }
        }
    }
}

#[test]
fn more_rows_than_a_block_are_counted_block_by_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.npy");
    let shape = mpexec_data::Shape::Matrix(50_000, 3);
    let mut writer =
        mpexec_data::NpyWriter::new(std::fs::File::create(&path).unwrap(), mpexec_data::DType::U8, shape).unwrap();
    let numbers: Vec<u8> = (0..150_000).map(|number| (number % 11) as u8).collect();
    writer.write(&numbers).unwrap();
    writer.finish().unwrap();
    let file = NpyFile::open(&path).unwrap();
    let bounds = Bounds::parse("4", "8", file.layout().dtype).unwrap();
    let expected: Vec<u8> = numbers.chunks(3).map(|row| u8::from((4..=8).contains(&row[2]))).collect();
    assert_eq!(file.count_columns(0..50_000, &[2], &bounds, true).unwrap().counts, expected);
    assert_eq!(file.count_columns(7..20_000, &[2], &bounds, true).unwrap().counts, expected[7..20_000]);
    assert!(file.count_columns(0..50_001, &[2], &bounds, true).is_err());
}
