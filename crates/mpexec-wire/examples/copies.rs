//! Gigabytes a second of copies by `memcpy` and in pieces, by length and by where target and source lie within their pages.
//!
//! `cargo run --release -p mpexec-wire --example copies`

use std::hint::black_box;
use std::time::Instant;

const PAGE: usize = 4096;
const LONGEST: usize = 1 << 20;

/// The best of some rounds, in GB/s.
fn measured(to: &mut [u8], from: &[u8], copy: fn(&mut [u8], &[u8])) -> f64 {
    let times = ((32 << 20) / from.len()).clamp(5, 2000);
    let round = |_| {
        let begun = Instant::now();
        for _ in 0..times {
            copy(to, from);
            black_box(&mut *to);
        }
        (from.len() * times) as f64 / begun.elapsed().as_nanos() as f64
    };
    (0..5).map(round).fold(0.0, f64::max)
}

fn main() {
    let mut memory = vec![1_u8; 2 * (LONGEST + 3 * PAGE)];
    let (to, from) = memory.split_at_mut(LONGEST + 3 * PAGE);
    let to_page = to.as_ptr().align_offset(PAGE);
    let from_page = from.as_ptr().align_offset(PAGE);
    println!("GB/s of memcpy / in pieces; the target lies so many bytes further within its page than the source");
    println!("{:>9} {:>14} {:>14} {:>14} {:>14} {:>14}", "bytes", "-16", "0", "8", "16", "2048");
    for length in [2 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, LONGEST] {
        let figures = [(0, 16), (0, 0), (8, 0), (16, 0), (2048, 0)].map(|(into, out_of)| {
            let to = &mut to[to_page + into..][..length];
            let from = &from[from_page + out_of..][..length];
            let plain = measured(to, from, |to, from| to.copy_from_slice(from));
            format!("{plain:.1} / {:.1}", measured(to, from, mpexec_wire::copy))
        });
        let [before, same, eight, sixteen, half] = figures;
        println!("{length:>9} {before:>14} {same:>14} {eight:>14} {sixteen:>14} {half:>14}");
    }
}
