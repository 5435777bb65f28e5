//! The size of an argument, and of a result.

use std::hint::black_box;

use anyhow::{Result, ensure};
use mpexec_core::Plain;

use super::{Axis, Curve, Line};
use crate::place::Setting;
use crate::raw::carried;
use crate::readings::middle;
use crate::rows::pool;

const SIZES: [usize; 10] = [0, 64, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 4 << 20, 32 << 20, 256 << 20, 1 << 30];

pub(super) fn curve(setting: &Setting) -> Result<Curve> {
    let pool = pool(2)?;
    let (mut out, mut back) = (Line::new("argument"), Line::new("result"));
    let (mut bare_out, mut bare_back) = (Line::new("argument, bare memory"), Line::new("result, bare memory"));
    let mut made = Line::new("result, made alone");
    let (mut out_rate, mut back_rate) = (Line::apart("argument", "GB/s"), Line::apart("result", "GB/s"));
    let most = setting.size(1 << 30, 4 << 20);
    let block = vec![1u8; most];
    for size in SIZES.into_iter().filter(|size| *size <= most) {
        // A call alone is too short for the clock; many of the small ones are one reading.
        let calls = ((1 << 20) / size.max(256)).clamp(1, 1000);
        let micros = |seconds: f64| seconds / calls as f64 * 1e6;
        let took = middle(setting.rounds, || {
            for _ in 0..calls {
                let length = pool.apply(|block: &[u8]| block.len() as u64, (Plain(&block[..size]),))?;
                ensure!(length == size as u64, "{length} bytes came of {size}");
            }
            Ok(())
        })?;
        out.push(size as f64, micros(took.seconds), took);
        out_rate.push(size as f64, (size * calls) as f64 / took.seconds / 1e9, took);
        let took = middle(setting.rounds, || {
            for _ in 0..calls {
                let length = carried::argument(&block[..size])?;
                ensure!(length == size as u64, "{length} bytes came of {size}");
            }
            Ok(())
        })?;
        bare_out.push(size as f64, micros(took.seconds), took);
        let took = middle(setting.rounds, || {
            for _ in 0..calls {
                let answer = pool.apply(|size: u64| vec![1u8; size as usize], (size as u64,))?;
                ensure!(answer.len() == size, "{} bytes came of {size}", answer.len());
            }
            Ok(())
        })?;
        back.push(size as f64, micros(took.seconds), took);
        back_rate.push(size as f64, (size * calls) as f64 / took.seconds / 1e9, took);
        let took = middle(setting.rounds, || {
            for _ in 0..calls {
                let answer = black_box(carried::result(size)?);
                ensure!(answer.len() == size, "{} bytes came of {size}", answer.len());
            }
            Ok(())
        })?;
        bare_back.push(size as f64, micros(took.seconds), took);
        let took = middle(setting.rounds, || {
            for _ in 0..calls {
                let answer = black_box(vec![1u8; black_box(size)]);
                ensure!(answer.len() == size, "{} bytes came of {size}", answer.len());
            }
            Ok(())
        })?;
        made.push(size as f64, micros(took.seconds), took);
    }
    Ok(Curve {
        name: "sizes",
        title: "The size of a task",
        what: "One `apply` after another, 2 workers, pool warm: a plain slice out that the function only measures, and a `Vec` back that \
               the function makes (its making and filling counts, and stands beside it as it is in a loop). Bare memory is the same bytes written into a fresh file in memory and read \
               through, or made, written and read into a fresh vector, by one thread and system calls alone."
            .into(),
        x: Axis::Bytes("of argument or result"),
        y: "us a call",
        lines: vec![out, bare_out, back, bare_back, made, out_rate, back_rate],
    })
}
