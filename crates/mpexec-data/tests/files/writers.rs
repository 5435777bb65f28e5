//! What is written is read back, and what cannot be written is refused.

use std::io::{self, ErrorKind, Write};

use mpexec_data::{CountWidth, CountsText, DType, NpyFile, NpyWriter, Output, Shape, TextFormat, npy_header};
use proptest::prelude::*;

fn text(format: TextFormat, width: CountWidth, counts: &[u8]) -> String {
    let mut text = CountsText::new(Vec::new(), format, width).unwrap();
    for piece in counts.chunks(width.bytes() * 1000) {
        text.write(piece).unwrap();
    }
    String::from_utf8(text.finish().unwrap()).unwrap()
}

#[test]
fn every_format_is_as_documented() {
    let counts = [4, 0, 2, 0, 0, 1];
    assert_eq!(text(TextFormat::Csv, CountWidth::U16, &counts), "row,count\n0,4\n1,2\n2,256\n");
    assert_eq!(text(TextFormat::Plain, CountWidth::U16, &counts), "4\n2\n256\n");
    let lines = "{\"row\":0,\"count\":4}\n{\"row\":1,\"count\":2}\n{\"row\":2,\"count\":256}\n";
    assert_eq!(text(TextFormat::JsonLines, CountWidth::U16, &counts), lines);
    assert_eq!(text(TextFormat::Csv, CountWidth::U8, &[]), "row,count\n");
    let widest = u64::MAX.to_le_bytes();
    assert_eq!(text(TextFormat::Plain, CountWidth::U64, &widest), "18446744073709551615\n");
}

#[test]
fn rows_are_numbered_on_from_where_one_likes() {
    let mut text = CountsText::new(Vec::new(), TextFormat::Csv, CountWidth::U8).unwrap();
    text.set_row(u64::MAX - 1);
    text.write(&[5]).unwrap();
    assert_eq!(text.finish().unwrap(), b"row,count\n18446744073709551614,5\n");
}

#[test]
fn rows_are_numbered_through_every_carry() {
    for first in [0, 95, 998, 99_999_990, 18_446_744_073_709_551_500] {
        let mut text = CountsText::new(Vec::new(), TextFormat::Csv, CountWidth::U16).unwrap();
        text.set_row(first);
        let counts: Vec<u8> = (0u16..115).flat_map(|count| (count * 571).to_le_bytes()).collect();
        text.write(&counts).unwrap();
        let expected: String = (0..115).map(|i| format!("{},{}\n", first + i, i * 571)).collect();
        assert_eq!(String::from_utf8(text.finish().unwrap()).unwrap(), format!("row,count\n{expected}"));
    }
}

#[test]
fn long_text_is_written_in_large_pieces() {
    /// Remembers how long each piece was.
    struct Pieces(Vec<usize>);
    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut text = CountsText::new(Pieces(Vec::new()), TextFormat::JsonLines, CountWidth::U8).unwrap();
    for _ in 0..100 {
        text.write(&[3; 1000]).unwrap();
    }
    let pieces = text.finish().unwrap().0;
    let (last, before) = pieces.split_last().unwrap();
    assert!(before.iter().all(|&piece| (64 << 10..65 << 10).contains(&piece)), "{pieces:?}");
    assert_eq!(before.iter().sum::<usize>() + last, 100_000 * 19 + 488_890);
}

#[test]
fn errors_of_the_file_come_through() {
    /// A disk that is full.
    #[derive(Debug)]
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let full = |error: io::Error| assert_eq!(error.kind(), ErrorKind::StorageFull);
    full(NpyWriter::new(Full, DType::U8, Shape::Vector(1)).unwrap_err());
    let mut text = CountsText::new(Full, TextFormat::Plain, CountWidth::U8).unwrap();
    full(text.write(&[1; 100_000]).unwrap_err());
    let mut text = CountsText::new(Full, TextFormat::Plain, CountWidth::U8).unwrap();
    text.write(&[1]).unwrap();
    full(text.finish().map(|_| ()).unwrap_err());
}

#[test]
fn an_array_must_have_exactly_its_numbers() {
    let writer = |shape| NpyWriter::new(Vec::new(), DType::U16, shape);
    let mut short = writer(Shape::Matrix(2, 2)).unwrap();
    short.write(&[0; 7]).unwrap();
    assert_eq!(short.missing(), 1);
    assert_eq!(short.write(&[0; 2]).unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = short.finish().unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::UnexpectedEof, "1 bytes of the array were not written")
    );
    assert_eq!(writer(Shape::Matrix(u64::MAX, 2)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(writer(Shape::Vector(u64::MAX)).unwrap_err().kind(), ErrorKind::InvalidInput);
    writer(Shape::Matrix(0, 5)).unwrap().finish().unwrap();
}

#[test]
fn every_header_is_128_bytes() {
    for dtype in DType::ALL {
        for shape in [Shape::Vector(0), Shape::Vector(u64::MAX), Shape::Matrix(1, 1), Shape::Matrix(u64::MAX, u64::MAX)]
        {
            let header = npy_header(dtype, shape);
            assert_eq!(header.len(), 128);
            assert_eq!(header.last(), Some(&b'\n'));
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])), header.len() - 10);
        }
    }
}

proptest! {
    #[test]
    fn any_table_written_is_read_back(rows in 0usize..40, cols in 0usize..40, flat: bool, seed: u32) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.bin");
        let cols = if flat { 1 } else { cols };
        let mut numbers = vec![0; rows * cols];
        mpexec_data::LegacyRandom::new(seed).fill(i64::MIN, i64::MAX.into(), &mut numbers).unwrap();
        let shape = if flat { Shape::Vector(rows as u64) } else { Shape::Matrix(rows as u64, cols as u64) };
        let mut writer = NpyWriter::new(Output::create(&path).unwrap(), DType::I64, shape).unwrap();
        for number in &numbers {
            writer.write(&number.to_le_bytes()).unwrap();
        }
        writer.finish().unwrap().commit().unwrap();
        let file = NpyFile::open(&path).unwrap();
        prop_assert_eq!(file.layout().dims, if flat { 1 } else { 2 });
        prop_assert_eq!(file.layout().data_offset, 128);
        prop_assert_eq!(file.read_rows::<i64>(0..rows as u64).unwrap(), numbers);
    }
}
