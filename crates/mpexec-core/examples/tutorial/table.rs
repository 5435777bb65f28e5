//! The report: each form with its time, its rate, and how it compares with the plain loop of the same run.

use std::fmt;
use std::time::Duration;

/// What came of one form.
pub(crate) struct Line {
    name: &'static str,
    rows: usize,
    time: Duration,
    right: bool,
}

impl Line {
    pub(crate) fn new(name: &'static str, rows: usize, time: Duration, right: bool) -> Line {
        Line { name, rows, time, right }
    }

    fn rows_per_second(&self) -> f64 {
        // A clock may see no time pass over no rows.
        self.rows as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

/// The plain loop first, then whatever is compared with it.
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    pub(crate) fn against(plain: Line) -> Report {
        Report { lines: vec![plain] }
    }

    pub(crate) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn is_right(&self) -> bool {
        self.lines.iter().all(|line| line.right)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.lines[0].rows_per_second();
        let head = ["form", "rows", "ms", "rows/s", "beside the plain loop", "answer"];
        writeln!(out, "{:<24}{:>9}{:>10}{:>13}  {:<23}{}", head[0], head[1], head[2], head[3], head[4], head[5])?;
        for (at, line) in self.lines.iter().enumerate() {
            let beside = if at == 0 { String::new() } else { ratio(line.rows_per_second() / plain) };
            writeln!(
                out,
                "{:<24}{:>9}{:>10.1}{:>13}  {:<23}{}",
                line.name,
                grouped(line.rows),
                line.time.as_secs_f64() * 1e3,
                grouped(line.rows_per_second() as usize),
                beside,
                if line.right { "ok" } else { "WRONG" },
            )?;
        }
        Ok(())
    }
}

/// How many times as fast, or as slow, a row is done.
fn ratio(faster: f64) -> String {
    if faster >= 1.0 { format!("{faster:.1} x faster") } else { format!("{:.1} x slower", 1.0 / faster) }
}

/// A number with a comma after each three digits.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (head, tail) = digits.split_at(first);
    let mut text = head.to_owned();
    for at in (0..tail.len()).step_by(3) {
        text.push(',');
        text.push_str(&tail[at..at + 3]);
    }
    text
}
