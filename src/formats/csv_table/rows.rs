//! Rows of a file: lines, or several where a cell has line breaks.

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::super::exchange::{FileProblem, SourceFile, Stopped};
use crate::limits::EXCHANGE_RECORD_BYTES_MAX;

/// Reads rows one after another, in the memory of the largest one.
pub(super) struct Rows<'f, 'i> {
    file: &'f mut SourceFile<'i>,
    cells: Option<csv_core::Reader>,
    /// The line that is being read, its number, and how far.
    input: Vec<u8>,
    line: u64,
    at: usize,
    row: Growing,
    /// Nothing after this can be read.
    is_over: bool,
}

/// A row on its way.
#[derive(Default)]
struct Growing {
    /// The line that it begins on, from 1; none where it has not begun.
    line: Option<u64>,
    cells: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    count: usize,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// The line that it begins on.
    pub(super) line: u64,
    cells: String,
    ends: Vec<usize>,
}

impl Row {
    /// How many cells it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell at this place; empty where there is none.
    pub(super) fn cell(&self, place: usize) -> &str {
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(place).copied().unwrap_or(start);
        self.cells.get(start..end).unwrap_or_default()
    }
}

impl<'f, 'i> Rows<'f, 'i> {
    pub(super) fn new(file: &'f mut SourceFile<'i>) -> Self {
        let (input, row) = (Vec::new(), Growing::default());
        Self { file, cells: None, input, line: 0, at: 0, row, is_over: false }
    }

    /// The next row; none at the end. After one that is not as it should be the next one can be read.
    pub(super) fn next(&mut self) -> Result<Option<Result<Row, FileProblem>>, Stopped> {
        while !self.is_over {
            if self.at >= self.input.len() {
                match self.next_line()? {
                    Some(Ok(())) => {}
                    Some(Err(problem)) => return Ok(Some(Err(problem))),
                    None => break,
                }
            }
            if let Some(row) = self.advance() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn next_line(&mut self) -> Result<Option<Result<(), FileProblem>>, Stopped> {
        match self.file.next_line()? {
            Some(Ok(line)) => {
                self.line = line.number;
                self.at = 0;
                self.input = line.text.into_bytes();
                // What has no break at its end is over nevertheless, unless it is within quotes.
                let ending = if line.ending.is_empty() { "\n" } else { line.ending };
                self.input.extend_from_slice(ending.as_bytes());
                if self.cells.is_none() {
                    let delimiter = delimiter(&self.input);
                    self.cells = Some(ReaderBuilder::new().delimiter(delimiter).build());
                }
                Ok(Some(Ok(())))
            }
            Some(Err(problem)) => {
                // Within quotes nobody knows where the row ends.
                self.is_over = self.row.line.is_some();
                Ok(Some(Err(problem)))
            }
            None => {
                self.is_over = true;
                let unclosed = |line| {
                    let message =
                        "the quotes that open in this row are never closed: the file may be cut off";
                    Err(self.file.invalid(line, message))
                };
                Ok(self.row.line.map(unclosed))
            }
        }
    }

    /// Reads on in the line, up to the end of a row or of the line.
    fn advance(&mut self) -> Option<Result<Row, FileProblem>> {
        let Self { file, cells, input, line, at, row, is_over } = self;
        let input = input.get(*at..).unwrap_or_default();
        row.cells.resize(row.filled.saturating_add(input.len()).saturating_add(1), 0);
        row.ends.resize(row.count.saturating_add(input.len()).saturating_add(1), 0);
        let (to, ends) = (row.cells.get_mut(row.filled..)?, row.ends.get_mut(row.count..)?);
        let (result, read, written, ended) = cells.as_mut()?.read_record(input, to, ends);
        *at = at.saturating_add(read);
        row.filled = row.filled.saturating_add(written);
        row.count = row.count.saturating_add(ended);
        if row.line.is_none() && (row.filled > 0 || row.count > 0) {
            row.line = Some(*line);
        }
        match result {
            ReadRecordResult::Record => {
                let Growing { line, mut cells, filled, mut ends, count } = std::mem::take(row);
                let line = line.unwrap_or_default();
                cells.truncate(filled);
                ends.truncate(count);
                let cells = String::from_utf8(cells).map_err(|_| file.invalid(line, "is not UTF-8"));
                Some(cells.map(|cells| Row { line, cells, ends }))
            }
            ReadRecordResult::InputEmpty if row.filled > EXCHANGE_RECORD_BYTES_MAX => {
                *is_over = true;
                let message = format!("the row is longer than {EXCHANGE_RECORD_BYTES_MAX} bytes");
                Some(Err(file.invalid(row.line.unwrap_or_default(), message)))
            }
            // There is room for everything.
            ReadRecordResult::InputEmpty
            | ReadRecordResult::OutputFull
            | ReadRecordResult::OutputEndsFull
            | ReadRecordResult::End => None,
        }
    }
}

/// What stands between cells, by the first line.
pub(super) fn delimiter(first: &[u8]) -> u8 {
    b",;\t".iter().copied().find(|delimiter| first.contains(delimiter)).unwrap_or(b',')
}
