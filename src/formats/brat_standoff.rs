//! brat's annotations, <https://brat.nlplab.org/standoff.html>: a file of lines, one an annotation or something said of one,
//! beside the text that they are of. Ids are the file's own.
//!
//! Roles stand in lines as they are written: brat numbers those that are there several times, `Org-Arg:T4 Org-Arg2:T5`;
//! [`unnumbered`] and [`numbered`] take the numbers away and give them back.

use std::{collections::HashMap, fmt};

use super::{FileError, tree::Place};
use crate::domain::text::CodePointRange;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Spans of the text: `T1<tab>Disease 0 5;10 12<tab>quote`.
    Mention {
        /// `T1`
        id: String,
        /// What is said of them.
        label: String,
        /// Where they are, in the file's order.
        ranges: Vec<CodePointRange>,
        /// What they cover, as the file has it: the parts with a space between them.
        quote: String,
    },
    /// An event: `E2<tab>Merge-org:T3 Org-Arg:T4`.
    Event {
        /// `E2`
        id: String,
        /// What happens.
        label: String,
        /// The mention that says that it does.
        trigger: String,
        /// Who and what is in it.
        arguments: Vec<Argument>,
    },
    /// A relation: `R2<tab>Origin Arg1:T6 Arg2:T7`.
    Relation {
        /// `R2`
        id: String,
        /// What is said of them.
        label: String,
        /// What it is between.
        arguments: Vec<Argument>,
    },
    /// What is all the same: `*<tab>Alias T3 T4 T5`.
    Equivalence {
        /// What is said of them.
        label: String,
        /// Their ids.
        members: Vec<String>,
    },
    /// An attribute: `A1<tab>Negation E1`, or `A2<tab>Confidence E2 L1`. In old files it begins with an M.
    Attribute {
        /// `A1`
        id: String,
        /// Its name.
        name: String,
        /// What has it.
        target: String,
        /// Its value; one without is there or is not.
        value: Option<String>,
    },
    /// A note: `#1<tab>AnnotatorNotes T1<tab>text`.
    Note {
        /// `#1`
        id: String,
        /// What kind of note it is.
        kind: String,
        /// What it is about.
        target: String,
        /// What it says.
        text: String,
    },
    /// An entry of somebody's collection that a mention is about: `N1<tab>Reference T5 Wikipedia:64488<tab>Carlos Salinas`.
    Reference {
        /// `N1`
        id: String,
        /// `Reference`
        kind: String,
        /// What is about it.
        target: String,
        /// The entry: `Wikipedia:64488`.
        entry: String,
        /// What the entry is called.
        text: String,
    },
}

/// An argument of an event or a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its role, as the file has it.
    pub role: String,
    /// What stands in it.
    pub id: String,
}

/// Reads a file.
///
/// # Errors
///
/// A line that brat does not write, with its number.
pub fn read(file: &str) -> Result<Vec<Line>, FileError> {
    let lines = file.split('\n').enumerate().map(|(index, line)| (index, line.trim_end_matches('\r')));
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let place = Place { line: index.saturating_add(1), column: 1 };
            read_line(line).map_err(|message| FileError::new(Some(place), "", message))
        })
        .collect()
}

pub(super) fn read_line(line: &str) -> Result<Line, String> {
    let wrong = |right: &str| format!("{line:?} is not as brat writes it: {right}");
    let no_kind = || wrong("it begins with T, E, R, A, M, N, # or *, a number, and a tab");
    let (id, rest) = line.split_once('\t').ok_or_else(no_kind)?;
    let (said, text) = rest.split_once('\t').unwrap_or((rest, ""));
    let id = id.to_owned();
    let mut words = said.split_whitespace().map(str::to_owned);
    let mut word = |right: &str| words.next().ok_or_else(|| wrong(right));
    Ok(match id.chars().next().ok_or_else(no_kind)? {
        'T' => {
            const RIGHT: &str = "T1<tab>Label 0 5;10 12<tab>quote";
            let (label, ranges) = said.split_once(' ').ok_or_else(|| wrong(RIGHT))?;
            let ranges = ranges.split(';').map(range).collect::<Option<_>>().ok_or_else(|| wrong(RIGHT))?;
            Line::Mention { id, label: label.to_owned(), ranges, quote: text.to_owned() }
        }
        'E' => {
            const RIGHT: &str = "E1<tab>Label:T1 Role:T2";
            let Argument { role: label, id: trigger } =
                argument(&word(RIGHT)?).ok_or_else(|| wrong(RIGHT))?;
            let arguments = words.map(|word| argument(&word)).collect::<Option<_>>();
            Line::Event { id, label, trigger, arguments: arguments.ok_or_else(|| wrong(RIGHT))? }
        }
        'R' => {
            const RIGHT: &str = "R1<tab>Label Arg1:T1 Arg2:T2";
            let label = word(RIGHT)?;
            let arguments = words.map(|word| argument(&word)).collect::<Option<_>>();
            Line::Relation { id, label, arguments: arguments.ok_or_else(|| wrong(RIGHT))? }
        }
        '*' => Line::Equivalence { label: word("*<tab>Label T1 T2")?, members: words.collect() },
        'A' | 'M' => {
            const RIGHT: &str = "A1<tab>Name T1, and a value if it has some";
            Line::Attribute { id, name: word(RIGHT)?, target: word(RIGHT)?, value: words.next() }
        }
        '#' => {
            const RIGHT: &str = "#1<tab>AnnotatorNotes T1<tab>text";
            Line::Note { id, kind: word(RIGHT)?, target: word(RIGHT)?, text: text.to_owned() }
        }
        'N' => {
            const RIGHT: &str = "N1<tab>Reference T1 Collection:entry<tab>text";
            let (kind, target, entry) = (word(RIGHT)?, word(RIGHT)?, word(RIGHT)?);
            Line::Reference { id, kind, target, entry, text: text.to_owned() }
        }
        _ => return Err(no_kind()),
    })
}

fn range(written: &str) -> Option<CodePointRange> {
    let (start, end) = written.split_once(' ')?;
    Some(CodePointRange { start: start.parse().ok()?, end: end.parse().ok()? })
}

fn argument(written: &str) -> Option<Argument> {
    let (role, id) = written.split_once(':')?;
    Some(Argument { role: role.to_owned(), id: id.to_owned() })
}

/// The line as it stands in a file, without the break at its end.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mention { id, label, ranges, quote } => {
                let ranges: Vec<_> =
                    ranges.iter().map(|range| format!("{} {}", range.start, range.end)).collect();
                write!(f, "{id}\t{label} {}\t{quote}", ranges.join(";"))
            }
            Self::Event { id, label, trigger, arguments } => {
                write!(f, "{id}\t{label}:{trigger}")?;
                arguments.iter().try_for_each(|Argument { role, id }| write!(f, " {role}:{id}"))
            }
            Self::Relation { id, label, arguments } => {
                write!(f, "{id}\t{label}")?;
                arguments.iter().try_for_each(|Argument { role, id }| write!(f, " {role}:{id}"))
            }
            Self::Equivalence { label, members } => {
                write!(f, "*\t{label}")?;
                members.iter().try_for_each(|member| write!(f, " {member}"))
            }
            Self::Attribute { id, name, target, value } => {
                write!(f, "{id}\t{name} {target}")?;
                value.iter().try_for_each(|value| write!(f, " {value}"))
            }
            Self::Note { id, kind, target, text } => write!(f, "{id}\t{kind} {target}\t{text}"),
            Self::Reference { id, kind, target, entry, text } => {
                write!(f, "{id}\t{kind} {target} {entry}\t{text}")
            }
        }
    }
}

/// The role that `written` means: without as much of the number at its end as makes it one of the label's `roles`, or without
/// all of it.
#[must_use]
pub fn unnumbered<'w>(written: &'w str, roles: &[&str]) -> &'w str {
    let name = written.trim_end_matches(|character: char| character.is_ascii_digit());
    let candidates = (name.len()..=written.len()).rev().filter_map(|end| written.get(..end));
    candidates.into_iter().find(|candidate| roles.contains(candidate)).unwrap_or(name)
}

/// The roles as they are written: the second `Org-Arg` is `Org-Arg2`.
#[must_use]
pub fn numbered<'r>(roles: impl Iterator<Item = &'r str>) -> Vec<String> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    let written = roles.map(|role| {
        let count = counts.entry(role).or_default();
        *count = count.saturating_add(1);
        if *count == 1 { role.to_owned() } else { format!("{role}{count}") }
    });
    written.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_line_is_read_and_written() {
        let lines = [
            "T1\tDisease 0 5;10 12\tfever  x",
            "T2\tMerge-org 6 7\t",
            "E1\tMerge-org:T2 Org-Arg:T1 Org-Arg2:T3",
            "E2\tMerge-org:T2",
            "R1\tOrigin Arg1:T1 Arg2:T2",
            "*\tAlias T1 T2 T3",
            "A1\tNegation E1",
            "A2\tConfidence E2 L1",
            "#1\tAnnotatorNotes T1\t says\tmore",
            "N1\tReference T1 Wikipedia:64488\tCarlos Salinas",
        ];
        let read = read(&lines.join("\n")).unwrap();
        let written: Vec<_> = read.iter().map(ToString::to_string).collect();
        assert_eq!(written, lines);
        let ranges = vec![CodePointRange { start: 0, end: 5 }, CodePointRange { start: 10, end: 12 }];
        let (id, label, quote) = ("T1".to_owned(), "Disease".to_owned(), "fever  x".to_owned());
        assert_eq!(read[0], Line::Mention { id, label, ranges, quote });
    }

    #[test]
    fn what_brat_writes_otherwise_is_read_as_the_same() {
        let check = |line: &str, expected: &str| {
            let read = read(&format!("\n{line}\r\n \n")).unwrap();
            assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        };
        check("R1\tOrigin Arg1:T1 Arg2:T2\t", "R1\tOrigin Arg1:T1 Arg2:T2");
        check("M1\tNegation E1", "M1\tNegation E1");
        check("E1\tMerge-org:T2 ", "E1\tMerge-org:T2");
    }

    #[test]
    fn what_brat_does_not_write_is_refused_with_its_line() {
        let check = |line: &str, expected: &str| {
            let error = read(&format!("A1\tNegation E1\n\n{line}")).unwrap_err().to_string();
            assert!(error.starts_with("line 3, column 1: ") && error.contains(expected), "{error}");
        };
        check("T1", "a number, and a tab");
        check("X1\tY", "begins with T, E, R, A, M, N, # or *");
        check("T1\tLabel 0\tx", "T1<tab>Label 0 5;10 12<tab>quote");
        check("T1\tLabel -1 5\tx", "T1<tab>Label");
        check("T1\tLabel\tx", "T1<tab>Label");
        check("E1\tMerge-org", "E1<tab>Label:T1");
        check("R1\tOrigin T1", "R1<tab>Label Arg1:T1");
        check("A1\tNegation", "A1<tab>Name T1");
        check("#1\tAnnotatorNotes", "#1<tab>AnnotatorNotes T1");
        check("N1\tReference T1", "N1<tab>Reference T1");
    }

    #[test]
    fn roles_lose_their_numbers_and_get_them_back() {
        let roles = ["Org-Arg", "Arg1", "Arg2"];
        let check = |written: &[&str], expected: &[&str]| {
            let meant: Vec<_> = written.iter().map(|written| unnumbered(written, &roles)).collect();
            assert_eq!(meant, expected);
            assert_eq!(numbered(meant.into_iter()), written);
        };
        check(&["Org-Arg", "Org-Arg2", "Org-Arg3"], &["Org-Arg"; 3]);
        check(&["Arg1", "Arg2"], &["Arg1", "Arg2"]);
        check(&["Arg1", "Arg12"], &["Arg1", "Arg1"]);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_as_it_is_meant(file in "([TERAMN#*][0-9]{0,2}\t?[a-z:0-9; \t]{0,16}\n?){0,8}") {
            if let Ok(lines) = read(&file) {
                let written: Vec<_> = lines.iter().map(ToString::to_string).collect();
                prop_assert_eq!(read(&written.join("\n")), Ok(lines));
            }
        }
    }
}
