//! The generator draws what NumPy's legacy generator draws, from a table that NumPy made.

use crate::common;
use mpexec_data::{EmptyRange, LegacyRandom, generate};

#[test]
fn every_seed_and_range_gives_numpys_numbers() {
    let table = std::fs::read_to_string(common::data("random.txt")).unwrap();
    for line in table.lines().skip(1) {
        let words: Vec<i128> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let (seed, low, high) = (words[0] as u32, words[1] as i64, words[2]);
        let mut drawn = [0; 3000];
        LegacyRandom::new(seed).fill(low, high, &mut drawn).unwrap();
        assert_eq!(drawn[..4], [words[3] as i64, words[4] as i64, words[5] as i64, words[6] as i64], "{line}");
        let weighed = (1i64..).zip(drawn).fold(0i64, |sum, (i, x)| sum.wrapping_add(i.wrapping_mul(x)));
        assert_eq!(weighed as u64, words[7] as u64, "{line}");
    }
    assert!(table.lines().count() > 70);
}

#[test]
fn numbers_drawn_in_pieces_are_the_numbers_drawn_at_once() {
    for (low, high) in [(0, 10), (-(1 << 40), 1 << 40)] {
        let (mut whole, mut pieces) = ([0; 2000], [0; 2000]);
        LegacyRandom::new(7).fill(low, high, &mut whole).unwrap();
        let mut random = LegacyRandom::new(7);
        for piece in pieces.chunks_mut(77) {
            random.fill(low, high, piece).unwrap();
        }
        assert_eq!(whole, pieces);
    }
}

#[test]
fn a_table_comes_in_chunks_of_bounded_size_and_is_complete() {
    let (mut numbers, mut longest) = (Vec::new(), 0);
    generate::<EmptyRange>(10_001, 3, 0, 1000, 42, |chunk| {
        longest = longest.max(chunk.len());
        numbers.extend_from_slice(chunk);
        Ok(())
    })
    .unwrap();
    let mut whole = vec![0; 30_003];
    LegacyRandom::new(42).fill(0, 1000, &mut whole).unwrap();
    assert!(numbers == whole);
    assert!(longest * 8 <= 64 << 10, "{longest} numbers at once");
}

#[test]
fn an_empty_range_is_an_error_even_for_an_empty_table() {
    let error = generate(0, 0, 5, 5, 1, |_| -> Result<(), EmptyRange> { panic!("there is nothing to hand on") });
    assert_eq!(error, Err(EmptyRange { low: 5, high: 5 }));
    let told = error.unwrap_err().to_string();
    assert_eq!(told, "no range of 64-bit numbers begins with 5 and ends before 5");
    assert_eq!(generate(u64::MAX, 0, 0, 5, 1, |_| Err(EmptyRange { low: 0, high: 0 })), Ok(()));
}

#[test]
fn the_end_of_the_range_may_be_one_more_than_the_greatest_number() {
    let (mut low_ten, mut high_ten) = ([0; 1000], [0; 1000]);
    LegacyRandom::new(7).fill(0, 10, &mut low_ten).unwrap();
    LegacyRandom::new(7).fill(i64::MAX - 9, 1 << 63, &mut high_ten).unwrap();
    assert_eq!(low_ten.map(|number| i64::MAX - 9 + number), high_ten);
    // As many numbers as there are: each draw is one of them, and none is drawn again.
    let (mut all, mut all_but_one) = ([0; 1000], [0; 1000]);
    LegacyRandom::new(7).fill(i64::MIN, 1 << 63, &mut all).unwrap();
    LegacyRandom::new(7).fill(i64::MIN, i64::MAX.into(), &mut all_but_one).unwrap();
    assert_eq!(all, all_but_one);
    let beyond = LegacyRandom::new(7).fill(0, (1 << 63) + 1, &mut all);
    assert_eq!(beyond, Err(EmptyRange { low: 0, high: (1 << 63) + 1 }));
}

#[test]
fn the_sinks_error_ends_the_generation() {
    #[derive(Debug, PartialEq)]
    struct Full;
    impl From<EmptyRange> for Full {
        fn from(_: EmptyRange) -> Full {
            panic!("the range is not empty")
        }
    }
    let mut chunks = 0;
    let ended = generate(u64::MAX, u64::MAX, 0, 10, 1, |_| {
        chunks += 1;
        if chunks == 3 { Err(Full) } else { Ok(()) }
    });
    assert_eq!((ended, chunks), (Err(Full), 3));
}
