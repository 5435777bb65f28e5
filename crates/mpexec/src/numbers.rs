//! Numbers as people type them on the command line.

use std::time::Duration;

use mpexec_data::CsvRecords;

/// A bound of `count-range`: any number, kept as it was typed.
///
/// What it means is decided when the type of the file's numbers is known; that it is a number at all can be said now.
pub(crate) fn bound(text: &str) -> Result<String, String> {
    match text.trim().parse::<f64>() {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(_) => Err("not a number; write it as 4, -7, 2.5, 1e3, inf or nan".to_owned()),
    }
}

/// What stands between two fields: one byte that is no part of a number, a quote or a line end.
pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        &[byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n+-.".contains(&byte) => Ok(byte),
        _ => Err("give one character such as , or ; or | that is no part of a number, or tab".to_owned()),
    }
}

/// The least number of `gen`: a whole one, or one with a fraction that is cut off as NumPy's `randint` does.
pub(crate) fn whole(text: &str) -> Result<i64, String> {
    cut(text)?.try_into().map_err(|_| "does not fit into a whole number of 64 bits".to_owned())
}

/// The end of the numbers of `gen`, of which the last is one less: so it may be 2^63.
pub(crate) fn end(text: &str) -> Result<i128, String> {
    let number = cut(text)?;
    if (i128::from(i64::MIN)..=1 << 63).contains(&number) {
        Ok(number)
    } else {
        Err("is beyond the end of the whole numbers of 64 bits, which is 9223372036854775808".to_owned())
    }
}

fn cut(text: &str) -> Result<i128, String> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    match text.parse::<f64>() {
        // What is too large for the cast becomes the largest there is, which is refused all the same.
        Ok(number) if !number.is_nan() => Ok(number as i128),
        _ => Err("not a number; write it as 4, -7 or 2.5".to_owned()),
    }
}

/// Words as a shell would take them apart: by spaces, but for those in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// Takes words apart.
pub(crate) fn words(text: &str) -> Result<Words, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() { Err("a quote is not closed".to_owned()) } else { Ok(Words(words)) }
}

/// A time: `2s`, `500ms`, `1.5m`; without a unit, seconds.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    time_like(text, "2s, 500ms, 1.5m or 0")
}

fn time_like(text: &str, examples: &str) -> Result<Duration, String> {
    let text = text.trim();
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = found.unwrap_or((text, 1.0));
    let number: f64 = number.trim_end().parse().map_err(|_| format!("not a time; write it as {examples}"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "not a time that can be waited for".to_owned())
}

/// A time that is some time.
pub(crate) fn some_time(text: &str) -> Result<Duration, String> {
    const EXAMPLES: &str = "30s, 500ms or 1.5m";
    match time_like(text, EXAMPLES)? {
        Duration::ZERO => Err(format!("nothing is done in no time; write it as {EXAMPLES}")),
        some => Ok(some),
    }
}

/// A number of bytes: `512M`, `2G`, `1.5g`; without a unit, bytes. The units are powers of 1024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let bad = || "not a size; write it as 512M, 2G or 1073741824".to_owned();
    let text = text.trim();
    let unit = text.chars().next_back().ok_or_else(bad)?.to_ascii_uppercase();
    let (number, shift) = match "KMGT".find(unit) {
        Some(place) => (&text[..text.len() - 1], 10 * (place as u32 + 1)),
        None => (text, 0),
    };
    let bytes = number.trim_end().parse::<f64>().map_err(|_| bad())? * (1u64 << shift) as f64;
    if (1.0..1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(bad()) }
}

/// When failures are the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halt {
    /// What runs is killed.
    pub(crate) now: bool,
    /// So many failures,
    pub(crate) failures: u64,
    /// or so many in a hundred.
    pub(crate) percent: bool,
}

impl Halt {
    /// They are not.
    pub(crate) const NEVER: Halt = Halt { now: false, failures: u64::MAX, percent: false };
}

/// When failures are the end: `now,fail=1`, `soon,fail=10%`, `never`.
pub(crate) fn halt(text: &str) -> Result<Halt, String> {
    let bad = || "write it as now,fail=1, soon,fail=10% or never".to_owned();
    if text == "never" {
        return Ok(Halt::NEVER);
    }
    let (when, number) = text.split_once(",fail=").ok_or_else(bad)?;
    let now = match when {
        "now" => true,
        "soon" => false,
        _ => return Err(bad()),
    };
    let (number, percent) = number.strip_suffix('%').map_or((number, false), |number| (number, true));
    let failures = number.parse().ok().filter(|&number| number > 0 && (!percent || number <= 100)).ok_or_else(bad)?;
    Ok(Halt { now, failures, percent })
}

/// Some names, with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names(pub(crate) Vec<String>);

/// Names with commas between them, as in a row of CSV: `price,3`, `"a, b",c`.
pub(crate) fn names(text: &str) -> Result<Names, String> {
    let mut row = CsvRecords::new(b',');
    row.feed(text.as_bytes().to_vec());
    row.advance();
    let names: Vec<_> = row.cells().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    if names.is_empty() { Err("name a column".to_owned()) } else { Ok(Names(names)) }
}

/// A name and a value: `minimum=4`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("give the name of a parameter and its value: minimum=4".to_owned()),
    }
}

/// A number with commas between groups of three digits, for people.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something, such as `1 row` or `2 rows`, for people.
pub(crate) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// How many of something there are in a second, for people.
pub(crate) fn rate(each_second: f64) -> String {
    match each_second {
        many if many >= 10.0 => grouped(many as u64),
        some if some >= 0.995 => format!("{some:.1}").trim_end_matches(".0").to_owned(),
        few if few >= 0.005 => format!("{few:.2}"),
        tiny if tiny > 0.0 => "under 0.01".to_owned(),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_below_ten_a_second_has_a_fraction() {
        let rates = [(0.0, "0"), (0.001, "under 0.01"), (0.25, "0.25"), (0.999, "1"), (1.0, "1"), (2.54, "2.5")];
        for (rate_of, text) in rates.into_iter().chain([(10.9, "10"), (12_345.6, "12,345")]) {
            assert_eq!(rate(rate_of), text);
        }
        assert_eq!([0, 1, 1000].map(|count| counted(count, "row")), ["0 rows", "1 row", "1,000 rows"]);
    }

    #[test]
    fn times_have_a_unit_or_are_seconds() {
        let times =
            [("2s", 2000), ("500ms", 500), ("0", 0), ("1.5m", 90_000), ("3", 3000), ("1 h", 3_600_000), ("0ms", 0)];
        for (text, millis) in times {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "two", "nan", "inf", "1e30s", "5 days"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit_or_are_bytes() {
        for (text, bytes) in [("1", 1), ("2k", 2048), ("1.5M", 3 << 19), ("512 M", 512 << 20), ("3G", 3 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "0", "-1G", "nan", "5X", "1e30"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(some_time("0").is_err() && some_time("1s").is_ok());
        assert!(some_time("1h30m").is_err_and(|line| !line.contains("or 0")), "it takes no 0");
    }

    #[test]
    fn names_have_commas_between_them_and_within_quotes() {
        let cases = [
            ("price", &["price"][..]),
            ("a,3", &["a", "3"]),
            ("\"a, b\",c", &["a, b", "c"]),
            ("a b, c", &["a b", " c"]),
        ];
        for (text, wanted) in cases {
            assert_eq!(
                names(text).map(|names| names.0),
                Ok(wanted.iter().map(ToString::to_string).collect()),
                "{text}"
            );
        }
        assert!(names("").is_err());
    }

    #[test]
    fn a_halt_says_when_and_after_how_many_failures() {
        assert_eq!(halt("now,fail=1"), Ok(Halt { now: true, failures: 1, percent: false }));
        assert_eq!(halt("soon,fail=10%"), Ok(Halt { now: false, failures: 10, percent: true }));
        assert_eq!(halt("never"), Ok(Halt::NEVER));
        for text in ["now", "never,fail=1", "soon,fail=0", "soon,fail=101%", "soon,success=1", "now,fail=x"] {
            assert!(halt(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pair_is_cut_at_its_first_sign_of_equality() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("=4").is_err() && pair("a").is_err());
    }

    #[test]
    fn a_delimiter_is_one_character_that_no_number_has() {
        for (text, byte) in [(",", b','), (";", b';'), ("tab", b'\t'), ("\\t", b'\t'), ("\t", b'\t'), (" ", b' ')] {
            assert_eq!(delimiter(text), Ok(byte), "{text:?}");
        }
        for text in ["", "ab", "1", ".", "-", "\"", "\n", "é"] {
            assert!(delimiter(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn fractions_are_cut_off_towards_zero_as_numpy_does() {
        for (text, number) in [("7", 7), ("-5", -5), ("2.9", 2), ("-2.9", -2), ("1e3", 1000), (" 4 ", 4)] {
            assert_eq!(whole(text), Ok(number), "{text}");
        }
        for text in ["", "four", "nan", "inf", "1e19", "9223372036854775808"] {
            assert!(whole(text).is_err(), "{text}");
        }
        assert_eq!(whole("-9223372036854775808"), Ok(i64::MIN));
    }

    #[test]
    fn the_end_of_the_numbers_may_be_one_more_than_the_greatest() {
        for text in ["9223372036854775808", "9223372036854775808.0", "9.223372036854775808e18"] {
            assert_eq!(end(text), Ok(1 << 63), "{text}");
        }
        assert_eq!(end("-2.5"), Ok(-2));
        for text in ["9223372036854775809", "1e19", "-1e19", "inf", "-inf", "nan", "x"] {
            assert!(end(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bound_may_be_any_number_and_nothing_else() {
        for text in ["4", "-7", "2.5", "1e3", "inf", "-inf", "nan", "99999999999999999999999"] {
            assert_eq!(bound(text).as_deref(), Ok(text));
        }
        for text in ["", "x", "--max", "4,5"] {
            assert!(bound(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_taken_apart_as_a_shell_would() {
        let taken = |text: &str| words(text).map(|words| words.0.join("|"));
        assert_eq!(taken(" -p long  -A\tproj ").as_deref(), Ok("-p|long|-A|proj"));
        assert_eq!(taken("--comment='two words' \"it's\" ''").as_deref(), Ok("--comment=two words|it's|"));
        assert_eq!(words(""), Ok(Words(Vec::new())));
        assert!(words("a 'b").is_err());
    }

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (500_557, "500,557"), (u64::MAX, "18,446,744,073,709,551,615")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
