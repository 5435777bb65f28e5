//! A table of flights in worker processes: all columns described, and the speed of each flight as a new column.
//!
//! `flights.py` beside this file says how to make the table. Without an argument it takes a few flights of its own, and checks itself.

use std::error::Error;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use mpexec_core::Pool;
use mpexec_frame::{FrameFile, FrameOutput, csv_text, describe, map_rows};

/// A few flights, with one that never left.
const FEW: &str = "carrier,distance,air_time\nUA,1400,227\nAA,1089,160\nUA,NA,NA\nB6,1576,183\n";

/// Miles an hour, beside what there was.
fn with_speed(flights: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let numbers = |name: &str| {
        let column =
            flights.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))?;
        cast(column, &DataType::Float64)
    };
    let (distance, time) = (numbers("distance")?, numbers("air_time")?);
    let pairs = distance.as_primitive::<Float64Type>().iter().zip(time.as_primitive::<Float64Type>());
    let speed: ArrayRef =
        Arc::new(pairs.map(|(miles, minutes)| Some(miles? / minutes? * 60.0)).collect::<Float64Array>());
    let names = flights.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let columns = names.into_iter().zip(flights.columns().iter().cloned());
    RecordBatch::try_from_iter(columns.chain([("speed".to_owned(), speed)]))
}

fn main() -> Result<(), Box<dyn Error>> {
    mpexec_core::init();
    let folder = tempfile::tempdir()?;
    let given = std::env::args_os().nth(1);
    let path = match &given {
        Some(path) => path.into(),
        None => {
            let path = folder.path().join("flights.csv");
            std::fs::write(&path, FEW)?;
            path
        }
    };
    let pool = Pool::new()?;
    let flights = FrameFile::open(&path)?;
    print!("{}", String::from_utf8(csv_text(&describe(&pool, || flights.chunks(&pool, 65_536))?)?)?);

    let output = folder.path().join("speed.parquet");
    let mut file = FrameOutput::create(&output)?;
    let (mut rows, mut fastest) = (0, 0f64);
    for batch in map_rows(&pool, flights.chunks(&pool, 65_536)?, with_speed) {
        let batch = batch?;
        let speed = batch["speed"].as_primitive::<Float64Type>();
        fastest = speed.iter().flatten().fold(fastest, f64::max);
        rows += batch.num_rows();
        file.write(&batch)?;
    }
    file.commit()?;
    println!("{rows} flights, the fastest {fastest:.1} miles an hour");
    if given.is_none() {
        assert_eq!((rows, fastest.round()), (4, 517.0));
        let speeds = FrameFile::open(&output)?.batches(10)?.next().ok_or("no rows")??;
        assert_eq!(speeds["speed"].null_count(), 1);
    }
    Ok(())
}
