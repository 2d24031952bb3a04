//! The rows of a sentence: words, multiword tokens around them, and empty nodes.

use super::{COLUMNS, documents::Numbered, fields::NOTHING};

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row<'r> {
    pub(super) line: u64,
    pub(super) cells: Vec<&'r str>,
}

/// What stands in the text: a word, or a multiword token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its row.
    pub(super) row: usize,
    /// The rows of its words: of a word, its own.
    pub(super) words: Vec<usize>,
}

impl<'r> Row<'r> {
    /// The cell in a column, from 0.
    pub(super) fn cell(&self, column: usize) -> &'r str {
        self.cells.get(column).copied().unwrap_or(NOTHING)
    }

    /// The form.
    pub(super) fn form(&self) -> &'r str {
        self.cell(1)
    }

    /// Whether it is an empty node: `8.1`.
    pub(super) fn is_empty_node(&self) -> bool {
        self.cell(0).contains('.')
    }

    /// Whether it is a word: neither a multiword token nor an empty node.
    pub(super) fn is_word(&self) -> bool {
        !self.cell(0).contains(['-', '.'])
    }

    /// Whether it says which word its head is, and how.
    pub(super) fn has_relation(&self) -> bool {
        ![NOTHING, "0", ""].contains(&self.cell(6)) && ![NOTHING, ""].contains(&self.cell(7))
    }
}

/// What is wrong, and the line.
type Wrong = (u64, String);

/// Rows with as many columns as there must be.
pub(super) fn rows_of(lines: &[Numbered]) -> Result<Vec<Row<'_>>, Wrong> {
    let row = |(line, text): &'_ Numbered| -> Result<(), Wrong> {
        let found = text.split('\t').count();
        if found != COLUMNS {
            return Err((
                *line,
                format!("has {found} columns; a word has {COLUMNS}, with tabs between them"),
            ));
        }
        Ok(())
    };
    lines.iter().try_for_each(row)?;
    Ok(lines.iter().map(|(line, text)| Row { line: *line, cells: text.split('\t').collect() }).collect())
}

/// Words and multiword tokens, numbered as they must be.
pub(super) fn units_of(rows: &[Row<'_>]) -> Result<Vec<Unit>, Wrong> {
    let mut units: Vec<Unit> = Vec::new();
    // The number of the last word, of the last empty node behind it, and of the last word of the multiword token.
    let (mut word, mut node, mut last) = (0_u64, 0_u64, 0_u64);
    for (index, row) in rows.iter().enumerate() {
        let number = row.cell(0);
        let wrong = |due: &str| (row.line, format!("is numbered {number:?}; it must be {due}"));
        let next = word + 1;
        if row.form().is_empty() {
            return Err((row.line, "has no form in column 2".to_owned()));
        }
        if number.contains('.') {
            node += 1;
            if number != format!("{word}.{node}") {
                return Err(wrong(&format!("{word}.{node}, or the word {next}")));
            }
        } else if let Some((first, end)) = number.split_once('-') {
            let end = end.parse::<u64>().ok().filter(|end| first == next.to_string() && *end >= next);
            let end = end.filter(|_| word >= last);
            last = end.ok_or_else(|| {
                wrong(&format!("a multiword token from {next} on, such as {next}-{}", next + 1))
            })?;
            units.push(Unit { row: index, words: Vec::new() });
        } else {
            if number != next.to_string() {
                return Err(wrong(&next.to_string()));
            }
            (word, node) = (next, 0);
            match units.last_mut() {
                Some(unit) if word <= last => unit.words.push(index),
                Some(_) | None => units.push(Unit { row: index, words: vec![index] }),
            }
        }
    }
    match rows.last() {
        Some(row) if word < last => {
            Err((row.line, format!("ends the sentence; its multiword token goes on to word {last}")))
        }
        Some(row) if units.is_empty() => Err((row.line, "is of a sentence without words".to_owned())),
        Some(_) | None => Ok(units),
    }
}
