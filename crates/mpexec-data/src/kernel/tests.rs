//! Both kernels beside a loop that could not be plainer, for every kind, order, width and length.

use super::*;
use crate::{CountWidth, DType};

fn layout(dtype: DType, big_endian: bool) -> Layout {
    Layout {
        dtype,
        truth: false,
        big_endian: big_endian && dtype.size() > 1,
        fortran: false,
        rows: 1,
        cols: 1,
        dims: 2,
        data_offset: 0,
    }
}

/// Bytes without any pattern, the same in every run.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut random = crate::LegacyRandom::new(seed);
    let mut numbers = vec![0; length];
    random.fill(0, 256, &mut numbers).unwrap();
    numbers.into_iter().map(|number| number as u8).collect()
}

/// One number and whether it is in range, without any of the tricks of the kernels.
fn plain(number: &[u8], dtype: DType, big_endian: bool, interval: Interval) -> bool {
    let mut bytes = number.to_vec();
    if big_endian {
        bytes.reverse();
    }
    match interval {
        Interval::Empty => false,
        Interval::F32 { lo, hi } => (lo..=hi).contains(&f32::from_le_bytes(bytes.try_into().unwrap())),
        Interval::F64 { lo, hi } => (lo..=hi).contains(&f64::from_le_bytes(bytes.try_into().unwrap())),
        Interval::Whole { lo, span } => {
            let modulus = 1u128 << (8 * dtype.size());
            let x = u128::from(crate::width::read_one(&bytes));
            (x + modulus - u128::from(lo)) % modulus <= u128::from(span)
        }
    }
}

/// Intervals of which noise of the kind is in range about half of the time, always, once and never.
fn intervals(dtype: DType) -> Vec<Interval> {
    let mut all = vec![Interval::Empty];
    match dtype {
        DType::F32 => {
            for (lo, hi) in [(-1.0, 1e30), (f32::NEG_INFINITY, f32::INFINITY), (-0.0, 0.0), (1.0, -1.0)] {
                all.push(Interval::F32 { lo, hi });
            }
        }
        DType::F64 => {
            for (lo, hi) in [(-1.0, 1e300), (f64::NEG_INFINITY, f64::INFINITY), (-0.0, 0.0), (1.0, -1.0)] {
                all.push(Interval::F64 { lo, hi });
            }
        }
        _ => {
            let most = u64::MAX >> (64 - 8 * dtype.size());
            for (lo, span) in
                [(0, most), (most, 0), (most / 3, most / 2), (most / 4 * 3, most / 2), (0, 0), (1, most - 1)]
            {
                all.push(Interval::Whole { lo, span });
            }
        }
    }
    all
}

#[test]
fn every_kind_and_order_is_tested_as_a_plain_loop_would() {
    for dtype in DType::ALL {
        for big in [false, true] {
            let layout = layout(dtype, big);
            for interval in intervals(dtype) {
                let kernel = Kernel::new(&layout, interval);
                for count in [0, 1, 7, 8, 63, 64, 65, 200, 1000] {
                    // From an odd address, as data behind an odd header.
                    let noise = noise(count * dtype.size() + 1, count as u32);
                    let numbers = &noise[1..];
                    for kernel in [kernel, kernel.portable()] {
                        let mut bits = [0xff; BIT_BYTES];
                        kernel.mask(numbers, &mut bits);
                        let mut ones = 0;
                        for (i, number) in numbers.chunks(dtype.size()).enumerate() {
                            let held = plain(number, dtype, layout.big_endian, interval);
                            assert_eq!(bits[i / 8] >> (i % 8) & 1 == 1, held, "{i} of {count}: {kernel:?}");
                            ones += u64::from(held);
                        }
                        let rest = if kernel.test == Test::Never { 0 } else { count % 8 };
                        assert!(rest == 0 || bits[count / 8] >> rest == 0, "bits behind the last number: {kernel:?}");
                        assert_eq!(kernel.ones(&bits, count), ones);
                    }
                }
            }
        }
    }
}

#[test]
fn nan_is_never_in_range_and_both_zeros_are_zero() {
    for big in [false, true] {
        let kernel = Kernel::new(&layout(DType::F64, big), Interval::F64 { lo: f64::NEG_INFINITY, hi: f64::INFINITY });
        let narrow = Kernel::new(&layout(DType::F64, big), Interval::F64 { lo: 0.0, hi: 0.0 });
        let numbers = [f64::NAN, -f64::NAN, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1.0, 5e-324].repeat(9);
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| if big { x.to_be_bytes() } else { x.to_le_bytes() }).collect();
        let mut bits = [0; BIT_BYTES];
        for (kernel, expected) in [(kernel, 0b1111_1100), (narrow, 0b0000_1100)] {
            for kernel in [kernel, kernel.portable()] {
                kernel.mask(&bytes, &mut bits);
                assert_eq!(bits[..9], [expected; 9], "{kernel:?}");
            }
        }
    }
}

#[test]
fn rows_of_every_width_are_counted() {
    let kernel = Kernel::new(&layout(DType::U8, false), Interval::Whole { lo: 0, span: 127 });
    for cols in (1..=70).chain([127, 128, 254, 255, 256, 257, 300, 1024, 5000, BLOCK]) {
        let most = BLOCK / cols;
        for rows in [1, 2, 7, 8, 9, 100, most] {
            let rows = rows.min(most);
            let numbers = noise(rows * cols, cols as u32);
            let width = CountWidth::for_columns(cols as u64);
            for kernel in [kernel, kernel.portable()] {
                let (mut bits, mut out) = ([0xff; BIT_BYTES], vec![0xff; rows * width.bytes()]);
                kernel.count_rows(&numbers, cols, &mut bits, &mut out);
                for (row, count) in width.read(&out).enumerate() {
                    let naive = numbers[row * cols..][..cols].iter().filter(|&&x| x < 128).count();
                    assert_eq!(count, naive as u64, "row {row} of {rows}, {cols} columns: {kernel:?}");
                }
            }
        }
    }
}

#[test]
fn bits_are_added_to_bytes() {
    for count in [1, 7, 8, 9, 64, 1001, BLOCK] {
        let mut bits = [0; BIT_BYTES];
        let noise = noise(count, 7);
        for (i, byte) in noise.iter().enumerate() {
            bits[i / 8] |= (byte & 1) << (i % 8);
        }
        let mut sums: Vec<u8> = (0..count).map(|i| (i % 255) as u8).collect();
        let kernel = Kernel::new(&layout(DType::U8, false), Interval::Empty);
        kernel.add_bits(&bits, &mut sums);
        for (i, sum) in sums.iter().enumerate() {
            assert_eq!(*sum, (i % 255) as u8 + (noise[i] & 1), "{i} of {count}");
        }
    }
}

#[test]
fn every_count_is_found_as_often_as_it_occurs() {
    for bins in [1, 2, 6, 16, 17, 100, 256] {
        let counts: Vec<u8> = noise(3001, bins as u32).iter().map(|&byte| (usize::from(byte) % bins) as u8).collect();
        let (mut fast, mut slow) = ([1; 256], [1; 256]);
        histogram(&counts, bins, &mut fast);
        rows::histogram(&counts, bins, &mut slow);
        for bin in 0..256 {
            let naive = 1 + counts.iter().filter(|&&count| usize::from(count) == bin).count() as u64;
            assert_eq!((fast[bin], slow[bin]), (naive, naive), "{bin} of {bins}");
        }
    }
}
