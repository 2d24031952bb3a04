//! A file that is being read: it counts its lines and bytes, and says where it is not UTF-8.

use std::io::{self, BufRead, Read};

use memchr::memchr_iter;

use super::{
    reading::{FileProblem, Stopped},
    source_paths::stem_of,
};
use crate::limits::EXCHANGE_RECORD_BYTES_MAX;

/// A file that is being read, from its beginning unless [`SourceFile::from_middle`] says otherwise.
pub struct SourceFile<'a> {
    path: String,
    input: &'a mut dyn BufRead,
    /// Lines that were read to their end; none where the file's beginning is not known.
    lines: Option<u64>,
    /// Bytes that were read.
    offset: u64,
    is_at_start: bool,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1; 0 where the file was not read from its beginning.
    pub number: u64,
    /// Where it begins, in bytes of the file.
    pub offset: u64,
    /// What it says, without its break.
    pub text: String,
    /// The break at its end: `\n`, `\r\n`, or nothing at the end of the file.
    pub ending: &'static str,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl<'a> SourceFile<'a> {
    /// The file at `path`, with `/` between its parts, from its beginning.
    pub fn new(path: impl Into<String>, input: &'a mut dyn BufRead) -> Self {
        Self { path: path.into(), input, lines: Some(0), offset: 0, is_at_start: true }
    }

    /// The file at `path` from byte `offset` on: nobody knows which line that is.
    pub fn from_middle(path: impl Into<String>, input: &'a mut dyn BufRead, offset: u64) -> Self {
        Self { path: path.into(), input, lines: None, offset, is_at_start: false }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its path without the extension of its name.
    #[must_use]
    pub fn stem(&self) -> &str {
        stem_of(&self.path)
    }

    /// The extension of its name, in lower case; empty for none.
    #[must_use]
    pub fn extension(&self) -> String {
        self.path.get(self.stem().len()..).unwrap_or_default().trim_start_matches('.').to_lowercase()
    }

    /// Bytes that were read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The line that reading has come to, from 1; 0 where the file was not read from its beginning.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.lines.map_or(0, |lines| lines.saturating_add(1))
    }

    /// A problem on a line of this file.
    #[must_use]
    pub fn invalid(&self, line: u64, message: impl Into<String>) -> FileProblem {
        FileProblem::invalid(&self.path, line, message)
    }

    /// The next line; none at the end. A byte order mark at the beginning of the file is left out.
    ///
    /// A line that is too long, or not UTF-8, is answered as what is wrong with it; the one after it can be read.
    ///
    /// # Errors
    ///
    /// When the file cannot be read on.
    pub fn next_line(&mut self) -> Result<Option<Result<Line, FileProblem>>, Stopped> {
        self.skip_byte_order_mark()?;
        let (number, offset) = (self.line(), self.offset);
        let mut bytes = Vec::new();
        let mut dropped = 0_usize;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                break;
            }
            let end = memchr::memchr(b'\n', available).map(|at| at.saturating_add(1));
            let taken = end.unwrap_or(available.len());
            if bytes.len().saturating_add(taken) > EXCHANGE_RECORD_BYTES_MAX {
                dropped = dropped.saturating_add(taken);
            } else {
                bytes.extend_from_slice(available.get(..taken).unwrap_or_default());
            }
            self.consume(taken);
            if end.is_some() {
                break;
            }
        }
        if dropped > 0 {
            let message = format!("the line is longer than {EXCHANGE_RECORD_BYTES_MAX} bytes");
            return Ok(Some(Err(self.invalid(number, message))));
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let ending = match bytes.as_slice() {
            [.., b'\r', b'\n'] => "\r\n",
            [.., b'\n'] => "\n",
            _ => "",
        };
        bytes.truncate(bytes.len().saturating_sub(ending.len()));
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                return Ok(Some(Err(self.invalid(number, not_utf8(error.as_bytes(), at)))));
            }
        };
        Ok(Some(Ok(Line { number, offset, text, ending })))
    }

    /// All of the rest, which must be UTF-8, with its byte order mark if it has one: what is text stays as it is.
    ///
    /// # Errors
    ///
    /// When the file cannot be read on; within, what is wrong with it.
    pub fn whole_text(&mut self) -> Result<Result<String, FileProblem>, Stopped> {
        let first = self.line();
        let bytes = match self.whole_bytes()? {
            Ok(bytes) => bytes,
            Err(problem) => return Ok(Err(problem)),
        };
        Ok(String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..at).unwrap_or_default();
            let start = memchr::memrchr(b'\n', before).map_or(0, |at| at.saturating_add(1));
            let line = first.saturating_add(count(memchr_iter(b'\n', before).count()));
            let of_line = error.as_bytes().get(start..).unwrap_or_default();
            self.invalid(line, not_utf8(of_line, at.saturating_sub(start)))
        }))
    }

    /// All of the rest as a document: without a byte order mark.
    ///
    /// # Errors
    ///
    /// As [`SourceFile::whole_text`].
    pub fn whole_document(&mut self) -> Result<Result<String, FileProblem>, Stopped> {
        self.skip_byte_order_mark()?;
        self.whole_text()
    }

    /// All of the rest.
    ///
    /// # Errors
    ///
    /// When the file cannot be read on; within, that it is too long.
    pub fn whole_bytes(&mut self) -> Result<Result<Vec<u8>, FileProblem>, Stopped> {
        let line = self.line();
        let mut bytes = Vec::new();
        let limit = count(EXCHANGE_RECORD_BYTES_MAX);
        self.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if count(bytes.len()) > limit {
            let message = format!("the file is longer than {limit} bytes, and is read as a whole");
            return Ok(Err(self.invalid(line, message)));
        }
        Ok(Ok(bytes))
    }

    /// Leaves out a byte order mark that stands at the very beginning.
    ///
    /// # Errors
    ///
    /// When the file cannot be read on.
    pub fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        if self.is_at_start {
            self.is_at_start = false;
            if self.input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
                self.input.consume(BYTE_ORDER_MARK.len());
                self.offset = self.offset.saturating_add(count(BYTE_ORDER_MARK.len()));
            }
        }
        Ok(())
    }
}

impl BufRead for SourceFile<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Ok(read) = self.input.fill_buf() {
            let breaks = memchr_iter(b'\n', read.get(..amount).unwrap_or_default()).count();
            self.lines = self.lines.map(|lines| lines.saturating_add(count(breaks)));
        }
        self.is_at_start &= amount == 0;
        self.offset = self.offset.saturating_add(count(amount));
        self.input.consume(amount);
    }
}

impl Read for SourceFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.input.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

impl std::fmt::Debug for SourceFile<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, input: _, lines, offset, is_at_start: _ } = self;
        f.debug_struct("SourceFile")
            .field("path", path)
            .field("lines", lines)
            .field("offset", offset)
            .finish()
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What is wrong with a line that is not UTF-8 from byte `at` on, and what it may be.
fn not_utf8(line: &[u8], at: usize) -> String {
    let byte = line.get(at).copied().unwrap_or_default();
    let column = at.saturating_add(1);
    let encoding = if line.starts_with(b"\xFF\xFE") || line.starts_with(b"\xFE\xFF") || line.contains(&0) {
        "UTF-16"
    } else {
        "ISO-8859-1"
    };
    format!(
        "is not UTF-8: the byte 0x{byte:02X} at byte {column} of the line begins no character; it may be {encoding}, which \
         iconv -f {encoding} -t UTF-8 converts"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<(u64, u64, String, &'static str), String>;

    fn lines(bytes: &[u8]) -> Vec<Read> {
        let mut input = io::BufReader::with_capacity(3, bytes);
        let mut file = SourceFile::new("a/b.txt", &mut input);
        let mut lines = Vec::new();
        while let Some(line) = file.next_line().unwrap() {
            let line = line.map(|Line { number, offset, text, ending }| (number, offset, text, ending));
            lines.push(line.map_err(|problem| format!("{}: {}", problem.line, problem.message())));
        }
        assert_eq!(file.offset(), u64::try_from(bytes.len()).unwrap());
        lines
    }

    #[test]
    fn lines_know_where_they_stand_and_how_they_end() {
        let line = |number, offset, text: &str, ending| Ok((number, offset, text.to_owned(), ending));
        assert_eq!(
            lines("\u{feff}one\r\n\ntwo\rstill\nlast".as_bytes()),
            [
                line(1, 3, "one", "\r\n"),
                line(2, 8, "", "\n"),
                line(3, 9, "two\rstill", "\n"),
                line(4, 19, "last", "")
            ]
        );
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_line_that_is_not_utf8_says_so_and_the_next_one_is_read() {
        let read = lines(b"caf\xe9 au lait\nfine\n");
        assert_eq!(
            read[0].as_ref().unwrap_err(),
            "1: is not UTF-8: the byte 0xE9 at byte 4 of the line begins no character; it may be ISO-8859-1, which iconv -f \
             ISO-8859-1 -t UTF-8 converts"
        );
        assert_eq!(read[1], Ok((2, 13, "fine".to_owned(), "\n")));
    }

    #[test]
    fn a_whole_text_keeps_its_mark_and_says_which_line_is_not_utf8() {
        let mut input: &[u8] = "\u{feff}one\n".as_bytes();
        let read = SourceFile::new("x", &mut input).whole_text().unwrap();
        assert_eq!(read.unwrap(), "\u{feff}one\n");
        let mut input: &[u8] = b"one\ntwo \xff";
        let problem = SourceFile::new("x", &mut input).whole_text().unwrap().unwrap_err();
        assert_eq!((problem.line, problem.message().contains("0xFF at byte 5")), (2, true));
    }

    #[test]
    fn paths_have_stems_and_extensions() {
        let check = |path: &str, stem: &str, extension: &str| {
            let mut input: &[u8] = b"";
            let file = SourceFile::new(path, &mut input);
            assert_eq!((file.stem(), file.extension().as_str()), (stem, extension));
        };
        check("a.b/c.d.JSONL", "a.b/c.d", "jsonl");
        check("a.b/c", "a.b/c", "");
        check(".hidden", ".hidden", "");
    }
}
