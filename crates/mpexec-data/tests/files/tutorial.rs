//! The tutorial's own table, from its seed to its counts: the figures that everybody who ran it in Python has seen.

use mpexec_data::{
    Bounds, Counter, CountsText, DType, NpyFile, NpyWriter, Output, Shape, TextFormat, count_range_into, generate,
};

type Anything = Box<dyn std::error::Error>;

#[test]
fn the_tutorials_table_is_made_counted_and_written() -> Result<(), Anything> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.bin");
    let mut writer = NpyWriter::new(Output::create(&path)?, DType::I64, Shape::Matrix(200_000, 5))?;
    generate::<Anything>(200_000, 5, 0, 10, 100, |numbers| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Ok(writer.write(&bytes)?)
    })?;
    writer.finish()?.commit()?;

    let file = NpyFile::open(&path)?;
    assert_eq!(file.read_rows::<i64>(0..3)?, [8, 8, 3, 7, 7, 0, 4, 2, 5, 2, 2, 2, 1, 0, 8]);

    let bounds = Bounds::parse("4", "8", DType::I64)?;
    let mut counts = vec![0xff; 200_000];
    let summary = count_range_into(&file, 0..200_000, &bounds, &mut counts)?;
    assert_eq!(summary.first, [4, 2, 1, 2, 3, 2, 2, 2, 2, 2]);
    assert_eq!((summary.rows, summary.total), (200_000, 500_557));
    assert_eq!(summary.histogram, [6169, 31_116, 62_390, 62_868, 31_228, 6229]);

    let mut streamed = Vec::new();
    let counter = Counter::new(&file, &bounds)?.window_bytes(1 << 20);
    let again = counter.count_with::<Anything>(0..200_000, |block| {
        streamed.extend_from_slice(block);
        Ok(())
    })?;
    assert!(streamed == counts, "counts that are streamed are the counts in place");
    assert_eq!(again, summary);
    assert_eq!(counter.summarise(0..200_000)?, summary);

    let mut text = CountsText::new(Vec::new(), TextFormat::Plain, counter.width())?;
    text.write(&counts)?;
    let text = String::from_utf8(text.finish()?)?;
    assert!(text.starts_with("4\n2\n1\n2\n3\n"));
    assert_eq!(text.lines().count(), 200_000);
    Ok(())
}
