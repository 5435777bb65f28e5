//! Bounds mean what NumPy means: the same answers for every kind of number, from a table that NumPy made.

use std::collections::HashMap;

use crate::common;
use mpexec_data::{Bounds, BoundsError, Counter, NpyFile, NpyWriter, Output, Shape};

#[test]
fn every_number_is_in_range_exactly_when_numpy_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = HashMap::new();
    for (dtype, numbers) in common::numbers() {
        let path = folder.path().join(dtype.to_string());
        let shape = Shape::Vector(numbers.len() as u64);
        let mut writer = NpyWriter::new(Output::create(&path).unwrap(), dtype, shape).unwrap();
        for number in &numbers {
            writer.write(&common::bytes(number, dtype, false)).unwrap();
        }
        writer.finish().unwrap().commit().unwrap();
        files.insert(dtype, (NpyFile::open(&path).unwrap(), numbers));
    }
    let table = std::fs::read_to_string(common::data("bounds.txt")).unwrap();
    let mut cases = 0;
    for line in table.lines().skip(1) {
        let words: Vec<&str> = line.split(' ').collect();
        let [kind, minimum, maximum, expected] = words[..] else { panic!("{line}") };
        let dtype = common::kind(kind);
        let (file, numbers) = &files[&dtype];
        let bounds = match Bounds::parse(minimum, maximum, dtype) {
            Err(BoundsError::Reversed { .. }) if expected == "reversed" => continue,
            bounds => bounds.unwrap(),
        };
        assert_ne!(expected, "reversed", "{line}");
        let expected = u64::from_str_radix(&expected[2..], 16).unwrap();
        assert!(!bounds.is_empty() || expected == 0, "{line}");
        let mut held = vec![0; numbers.len()];
        Counter::new(file, &bounds).unwrap().count_into(0..numbers.len() as u64, &mut held).unwrap();
        for (i, held) in held.into_iter().enumerate() {
            assert_eq!(u64::from(held), expected >> i & 1, "{}: {line}", numbers[i]);
        }
        cases += 1;
    }
    assert!(cases >= 200, "the table has {cases} cases");
}
