//! Writes a CSV file of random numbers, as long as asked for: five columns, two of whole numbers and three with a point.
//!
//! `cargo run --release -p mpexec-data --example csv_table -- prices.csv 5368709120`. With no arguments it writes a small one into a
//! temporary folder, counts in it and says what it found.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use mpexec_data::{CellBounds, CsvCounter, DataFile, LegacyRandom, OnBadRow};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    if let (Some(path), Some(bytes)) = (words.next(), words.next()) {
        let rows = write(Path::new(&path), bytes.parse()?)?;
        println!("{path}: {rows} rows");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("prices.csv");
    let rows = write(&path, 100_000)?;
    let file = DataFile::open(&path)?;
    let table = file.csv(None, None)?;
    let mut text = Vec::new();
    file.read(table.data_offset..file.length(), &mut text)?;
    let mut counter = CsvCounter::new(&table.dialect, vec![0, 1, 2, 3, 4], CellBounds::parse("4", "8")?);
    let part = counter.count(&text, OnBadRow::Fail, false).map_err(|bad| bad.to_string())?;
    assert_eq!((part.summary.rows, table.names.len()), (rows, 5));
    println!("{rows} rows, {} numbers from 4 to 8", part.summary.total);
    Ok(())
}

/// Numbers are drawn for so many rows at once.
const BLOCK: usize = 4096;

/// Writes whole rows until there are so many bytes, and returns how many rows that were.
fn write(path: &Path, bytes: u64) -> Result<u64, Box<dyn Error>> {
    let mut random = LegacyRandom::new(100);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let titles = "id,amount,low,high,close\n";
    out.write_all(titles.as_bytes())?;
    let (mut written, mut rows) = (titles.len() as u64, 0);
    let ends = [1_000_000, 20, 20, 100, 1000, 1000, 10, 10_000];
    let (mut columns, mut line) = (ends.map(|_| vec![0; BLOCK]), Vec::new());
    while written < bytes {
        for (column, end) in columns.iter_mut().zip(ends) {
            random.fill(0, end, column)?;
        }
        for row in 0..BLOCK {
            let [id, amount, low, cents, high, mills, close, parts] = columns.each_ref().map(|column| column[row]);
            line.clear();
            writeln!(line, "{id},{amount},{low}.{cents:02},{high}.{mills:03},{close}.{parts:04}")?;
            out.write_all(&line)?;
            (written, rows) = (written + line.len() as u64, rows + 1);
            if written >= bytes {
                break;
            }
        }
    }
    out.flush()?;
    Ok(rows)
}
