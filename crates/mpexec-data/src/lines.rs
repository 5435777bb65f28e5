//! Stretches of a text that are moved to line ends, so that each line belongs to one of them.

use std::ops::Range;

use memchr::memchr;

use crate::{DataError, DataFile};

/// So much is read at once to find the end of a line.
const STEP: u64 = 4 << 10;

impl DataFile {
    /// Reads the lines that begin in `stretch`, whole, into `buffer`, and returns where they begin; `None` if none does. The
    /// text has its first line at `first`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data");
    /// std::fs::write(&path, "11\n2\n33\n")?;
    /// let file = mpexec_data::DataFile::open(&path)?;
    /// let mut buffer = Vec::new();
    /// assert_eq!(file.lines_in(1..6, 0, &mut buffer)?, Some(3));
    /// assert_eq!(buffer, b"2\n33\n");
    /// assert_eq!(file.lines_in(6..8, 0, &mut buffer)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read`](DataFile::read).
    pub fn lines_in(&self, stretch: Range<u64>, first: u64, buffer: &mut Vec<u8>) -> Result<Option<u64>, DataError> {
        let begin = match stretch.start > first {
            true => self.line_start(stretch.start - 1..stretch.end)?,
            false => Some(stretch.start),
        };
        let Some(begin) = begin else {
            buffer.clear();
            return Ok(None);
        };
        self.read(begin..stretch.end, buffer)?;
        let mut end = stretch.end;
        let mut step = STEP;
        while buffer.last() != Some(&b'\n') && end < self.length() {
            let more = end..self.length().min(end + step);
            let before = buffer.len();
            self.read_on(more.clone(), buffer)?;
            if let Some(at) = memchr(b'\n', &buffer[before..]) {
                buffer.truncate(before + at + 1);
            }
            end = more.end;
            step *= 2;
        }
        Ok(Some(begin))
    }

    /// Where the first line begins behind the first byte of `range`, if it begins in it.
    fn line_start(&self, range: Range<u64>) -> Result<Option<u64>, DataError> {
        let (mut at, mut bytes) = (range.start, [0; STEP as usize]);
        while at < range.end {
            let more = at..range.end.min(at + STEP);
            let bytes = &mut bytes[..(more.end - more.start) as usize];
            self.fill(more.clone(), bytes)?;
            if let Some(end) = memchr(b'\n', bytes) {
                return Ok(Some(at + end as u64 + 1).filter(|&begin| begin < range.end));
            }
            at = more.end;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_belongs_to_one_stretch_however_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        for text in ["1\n22\n\n333\n4", "\n\n\n", "1", "1\n", "a\r\nbb\r\n"] {
            std::fs::write(&path, text).unwrap();
            let file = DataFile::open(&path).unwrap();
            for each in 1..=text.len() + 1 {
                let mut all = Vec::new();
                let mut buffer = Vec::new();
                for start in (0..text.len()).step_by(each) {
                    let stretch = start as u64..(start + each).min(text.len()) as u64;
                    if let Some(begin) = file.lines_in(stretch, 0, &mut buffer).unwrap() {
                        assert_eq!(begin as usize, all.len(), "{text:?} {each}");
                        all.extend_from_slice(&buffer);
                    }
                }
                assert_eq!(all, text.as_bytes(), "{text:?} {each}");
            }
        }
    }

    #[test]
    fn a_line_longer_than_many_stretches_belongs_to_its_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        let long = "x".repeat(1 << 20) + "\n2\n";
        std::fs::write(&path, &long).unwrap();
        let file = DataFile::open(&path).unwrap();
        let mut buffer = Vec::new();
        assert_eq!(file.lines_in(0..1000, 0, &mut buffer).unwrap(), Some(0));
        assert_eq!(buffer.len(), (1 << 20) + 1);
        assert_eq!(file.lines_in(1000..500_000, 0, &mut buffer).unwrap(), None);
        assert_eq!(file.lines_in(500_000..long.len() as u64, 0, &mut buffer).unwrap(), Some((1 << 20) + 1));
        assert_eq!(buffer, b"2\n");
    }

    #[test]
    fn a_file_that_was_cut_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, "1\n2\n").unwrap();
        let file = DataFile::open(&path).unwrap();
        std::fs::write(&path, "1\n").unwrap();
        let error = file.lines_in(2..4, 0, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().ends_with(": was cut while it was read: needs 4 bytes, has 2 now"), "{error}");
    }
}
