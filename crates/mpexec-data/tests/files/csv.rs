//! Any table, written as CSV in any way and cut into any stretches, gives the counts of the plain loop; and where the cuts
//! say that rows begin, csv-core begins them.

use csv_core::{ReadRecordResult, Reader};
use mpexec_data::{CellBounds, CsvCounter, CsvTable, Dialect, OnBadRow, PartCounts, row_starts, survey_csv};
use proptest::prelude::*;

/// The places behind the line ends of `text` at which it is cut into stretches of about these lengths, as readers of a file do.
fn stretches(text: &[u8], begin: usize, each: usize) -> Vec<(usize, usize)> {
    let behind = |from: usize| {
        let from = from.max(begin);
        if from == begin {
            return begin;
        }
        text[from - 1..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |at| from + at)
    };
    let mut cuts: Vec<_> = (begin..=text.len()).step_by(each).map(behind).collect();
    cuts.push(text.len());
    cuts.dedup();
    cuts.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Where csv-core begins each record, and what is in it.
fn records(text: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut reader = Reader::new();
    let (mut fields, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 2]);
    let (mut records, mut at) = (Vec::new(), 0);
    loop {
        let begin = at;
        let (mut written, mut ended) = (0, 0);
        loop {
            let (result, read, wrote, more) =
                reader.read_record(&text[at..], &mut fields[written..], &mut ends[ended..]);
            (at, written, ended) = (at + read, written + wrote, ended + more);
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return records,
                other => panic!("{other:?}"),
            }
        }
        let empty = text[begin..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let mut all = fields[..written].to_vec();
        all.extend(ends[..ended].iter().flat_map(|end| end.to_le_bytes()));
        records.push((begin + empty, all));
    }
}

/// The parts that the survey gives for stretches of this length.
fn parts(text: &[u8], begin: usize, each: usize) -> Vec<&[u8]> {
    let walked =
        stretches(text, begin, each).into_iter().map(|(from, to)| Some(survey_csv(&text[from..to], from as u64, b',')));
    let mut starts: Vec<_> = row_starts(begin as u64, walked).into_iter().map(|at| at as usize).collect();
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// The counts of all parts, one after another.
fn counted(parts: &[&[u8]], counter: &mut CsvCounter, on_bad_row: OnBadRow) -> Vec<u8> {
    let count = |part: &&[u8]| counter.count(part, on_bad_row, true).unwrap().counts;
    parts.iter().flat_map(count).collect()
}

#[derive(Clone, Debug)]
struct Cell {
    number: i64,
    quoted: bool,
    /// Stands in quotes beside the number, in a column that does not count.
    text: String,
}

fn cell() -> impl Strategy<Value = Cell> {
    (prop_oneof![-3i64..12, any::<i64>()], any::<bool>(), "[a\"\n\r, ]{0,6}").prop_map(|(number, quoted, text)| Cell {
        number,
        quoted,
        text,
    })
}

proptest! {
    #[test]
    fn rows_begin_where_csv_core_begins_them(
        text in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\n'), Just(b','), Just(b'\r'), Just(b'a')], 0..200),
        each in 1usize..40,
    ) {
        let whole = records(&text);
        let mut joined = Vec::new();
        let mut offset = 0;
        for part in parts(&text, 0, each) {
            joined.extend(records(part).into_iter().map(|(at, record)| (at + offset, record)));
            offset += part.len();
        }
        prop_assert_eq!(joined, whole);
    }

    #[test]
    fn any_table_cut_anyhow_gives_the_counts_of_the_plain_loop(
        table in proptest::collection::vec((cell(), cell(), cell()), 1..60),
        each in 1usize..200,
        carriage in any::<bool>(),
        last_end in any::<bool>(),
    ) {
        let line_end = if carriage { "\r\n" } else { "\n" };
        let mut text = format!("a,text,b,c{line_end}");
        for (row, (a, b, c)) in table.iter().enumerate() {
            let written = |cell: &Cell| if cell.quoted { format!("\"{}\"", cell.number) } else { cell.number.to_string() };
            let quoted = a.text.replace('"', "\"\"");
            let end = if row + 1 < table.len() || last_end { line_end } else { "" };
            text += &format!("{},\"{quoted}\",{},{}{end}", written(a), written(b), written(c));
        }
        let guessed = CsvTable::guess(text.as_bytes(), true, Some(b','), Some(true)).unwrap();
        let mut counter = CsvCounter::new(&guessed.dialect, vec![0, 2, 3], CellBounds::parse("4", "8").unwrap());
        let parts = parts(text.as_bytes(), guessed.data_offset as usize, each);
        let plain = table.iter().map(|(a, b, c)| [a, b, c].into_iter().filter(|cell| (4..=8).contains(&cell.number)).count() as u8);
        prop_assert_eq!(counted(&parts, &mut counter, OnBadRow::Fail), plain.collect::<Vec<_>>());
    }
}

fn count(text: &str, on_bad_row: OnBadRow) -> Result<PartCounts, String> {
    let dialect = Dialect { delimiter: b',', fields: 3 };
    let mut counter = CsvCounter::new(&dialect, vec![0, 1, 2], CellBounds::parse("4", "8").unwrap());
    counter.count(text.as_bytes(), on_bad_row, true).map_err(|bad| bad.to_string())
}

#[test]
fn a_bad_row_is_told_with_its_line_and_column() {
    let told = |text: &str| count(text, OnBadRow::Fail).unwrap_err();
    assert_eq!(told("1,2,3\n4,x,6\n"), "line 2, column 2: found \"x\", which is no number");
    assert_eq!(told("1,2,3\n\n\r\n4,5\n"), "line 4, column 3: the row has 2 fields where the table has 3");
    assert_eq!(told("1,2,3,4"), "line 1, column 4: the row has 4 fields where the table has 3");
    assert_eq!(told("1,2,\"3\n\n\"\n4,5,\"x\ny\"\n"), "line 4, column 3: found \"x\\ny\", which is no number");
}

#[test]
fn bad_rows_are_left_out_or_taken_for_missing() {
    let text = "4,5,6\n4,x,6\n4\n4,5,6,7\n9,,NA\n";
    let skipped = count(text, OnBadRow::Skip).unwrap();
    assert_eq!((skipped.counts, skipped.bad, skipped.lines), (vec![3, 0], 3, 5));
    assert_eq!(skipped.first_bad.unwrap().line, 2);
    let nulled = count(text, OnBadRow::Null).unwrap();
    assert_eq!((nulled.counts, nulled.bad), (vec![3, 2, 1, 3, 0], 3));
}

#[test]
fn rows_of_many_and_of_long_fields_are_read_whole() {
    let fields = 10_000;
    let dialect = Dialect { delimiter: b',', fields };
    let mut counter = CsvCounter::new(&dialect, (0..fields).collect(), CellBounds::parse("4", "8").unwrap());
    let row = vec!["5"; fields].join(",") + "\n";
    let part = counter.count((row.clone() + &row).as_bytes(), OnBadRow::Fail, true).unwrap();
    assert_eq!(part.summary.first, [10_000, 10_000]);
    let long = format!("1,\"{}\",5\n", "x".repeat(3 << 20));
    let dialect = Dialect { delimiter: b',', fields: 3 };
    let mut counter = CsvCounter::new(&dialect, vec![2], CellBounds::parse("4", "8").unwrap());
    assert_eq!(counter.count(long.as_bytes(), OnBadRow::Fail, true).unwrap().counts, [1]);
}

/// What the csv crate cuts, counted by the bounds cell by cell: rows that are bad are left out.
fn slowly(text: &[u8], fields: usize, columns: &[usize], bounds: &CellBounds) -> Vec<u8> {
    let count = |record: Result<csv::ByteRecord, csv::Error>| {
        let record = record.unwrap();
        let held = || columns.iter().map(|&column| bounds.holds(&record[column]).map(u8::from)).sum::<Option<u8>>();
        if record.len() == fields { held() } else { None }
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text);
    reader.byte_records().filter_map(count).collect()
}

proptest! {
    #[test]
    fn rows_of_any_bytes_are_counted_as_csv_core_cuts_them(
        text in proptest::collection::vec(
            prop_oneof![
                6 => Just("4"), 3 => Just("7.5"), 2 => Just("-3"), 2 => Just("8"), 1 => Just("9"), 1 => Just("."), 1 => Just("-"),
                9 => Just(","), 5 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r"), 1 => Just("\""), 1 => Just("\"4\""),
                1 => Just(" "), 1 => Just("NA"), 1 => Just("e1"), 1 => Just("x"), 1 => Just("0000000000000000000"),
                1 => Just("4.00000000000000000001"), 1 => Just("9007199254740993"), 1 => Just("+5"), 1 => Just("0.30000000000000004")
            ],
            0..400,
        ),
        all in any::<bool>(),
    ) {
        let text = text.concat();
        let bounds = CellBounds::parse("4", "8").unwrap();
        for (fields, columns) in [(1, vec![0]), (2, if all { vec![0, 1] } else { vec![1] }), (3, vec![2, 0])] {
            let dialect = Dialect { delimiter: b',', fields };
            let mut counter = CsvCounter::new(&dialect, columns.clone(), bounds);
            let part = counter.count(text.as_bytes(), OnBadRow::Skip, true).unwrap();
            prop_assert_eq!(part.counts, slowly(text.as_bytes(), fields, &columns, &bounds), "{} of {:?}", fields, text);
        }
    }
}

proptest! {
    #[test]
    fn numbers_are_read_as_exactly_as_the_standard_library_reads_them(
        whole in 0u64..10_000_000_000, behind in 0u64..1_000_000_000, places in 0usize..12, negative in any::<bool>(),
    ) {
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{whole}.{behind:0places$}");
        let number: f64 = text.parse().unwrap();
        // The bounds are the number itself and its neighbours, so that the last bit matters.
        for (bound, held) in [(number, 1), (number.next_up(), 0), (number.next_down(), 0)] {
            let bound = format!("{bound:?}");
            let mut counter =
                CsvCounter::new(&Dialect { delimiter: b';', fields: 1 }, vec![0], CellBounds::parse(&bound, &bound).unwrap());
            let part = counter.count(format!("{text}\n").as_bytes(), OnBadRow::Fail, true).unwrap();
            prop_assert_eq!(&part.counts, &[held], "{} {}", text, bound);
        }
    }
}
