//! JSON lines from a stranger: a line that serde_json does not read is told, and one of numbers that it reads has their count.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpexec_data::{CellBounds, JsonCounter, JsonTable, OnBadRow};
use serde_json::Value;

/// What the row counts: `None` where it is no row of so many numbers.
fn counted(line: &[u8], fields: usize) -> Option<u8> {
    let within = |value: &Value| match (value.as_i64(), value.as_f64()) {
        (Some(whole), _) => Some((4..=8).contains(&whole)),
        (None, Some(number)) => Some((4.0..=8.0).contains(&number)),
        _ => None,
    };
    match serde_json::from_slice(line).ok()? {
        Value::Array(values) if values.len() == fields => values.iter().map(|value| within(value).map(u8::from)).sum(),
        _ => None,
    }
}

fuzz_target!(|text: &[u8]| {
    let table = match JsonTable::guess(text, true) {
        Ok(table) => table,
        Err(fault) => return assert!(!fault.to_string().contains('\n')),
    };
    let (data, fields) = (&text[table.data_offset as usize..], table.fields);
    // Blank is what JSON says is blank: a form feed makes a row, and a broken one.
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let lines = data.split(|&byte| byte == b'\n').filter(|line| !line.iter().all(is_blank));
    let lines: Vec<&[u8]> = lines.collect();
    let broken = lines.iter().filter(|line| serde_json::from_slice::<Value>(line).is_err()).count() as u64;
    let bounds = CellBounds::parse("4", "8").expect("numbers");
    let mut counter = JsonCounter::new(table, (0..fields).collect(), bounds);
    match counter.count(data, OnBadRow::Fail, true) {
        Ok(_) => assert_eq!(broken, 0, "a line that is no JSON was counted"),
        Err(told) => assert!(!told.to_string().contains('\n'), "{told}"),
    }
    let part = counter.count(data, OnBadRow::Skip, true).expect("bad rows are skipped");
    assert!(part.bad >= broken && part.bad <= lines.len() as u64, "{} of {broken}", part.bad);
    let wanted: Option<Vec<u8>> = lines.iter().map(|line| counted(line, fields)).collect();
    if let Some(wanted) = wanted.filter(|_| fields <= 255) {
        assert_eq!((part.counts, part.bad), (wanted, 0));
    }
});
