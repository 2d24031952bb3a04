//! The lines of a file, each by itself.

use super::{FORMAT, header::Layer};
use crate::formats::exchange::{FileProblem, SourceFile, Stopped};

/// What stands before the first sentence.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The version, such as `3.3`.
    pub(super) version: String,
    /// The layers, in the order of their columns.
    pub(super) layers: Vec<Layer>,
    /// Other lines: a name and what it says.
    pub(super) comments: Vec<(String, String)>,
}

/// A line of a token or of a part of one.
#[derive(Debug)]
pub(super) struct UnitLine<'l> {
    /// What it is called: `1-1`, or `1-1.1`.
    pub(super) name: &'l str,
    /// Where it begins and ends.
    pub(super) range: (u64, u64),
    /// What it covers.
    pub(super) covered: String,
    /// Its cells.
    pub(super) cells: Vec<&'l str>,
    /// Whether a tab ends the line.
    pub(super) is_ended: bool,
}

impl Header {
    /// How many cells a line has.
    pub(super) fn columns(&self) -> usize {
        self.layers.iter().map(|layer| layer.columns.len()).sum()
    }

    /// Whether text is escaped as Java's.
    pub(super) fn has_java_text(&self) -> bool {
        matches!(self.version.as_str(), "3" | "3.0" | "3.1")
    }
}

/// The version that the first line says; none if it is of another format.
pub(super) fn version(file: &mut SourceFile<'_>) -> Result<Result<String, FileProblem>, Stopped> {
    let first = match file.next_line()? {
        Some(Ok(line)) => line.text,
        Some(Err(problem)) => return Ok(Err(problem)),
        None => String::new(),
    };
    let version = first.strip_prefix(FORMAT).map(str::trim_end);
    Ok(match version {
        Some(version) if version == "3" || version.starts_with("3.") => Ok(version.to_owned()),
        Some(version) => Err(file.invalid(1, format!("is WebAnno TSV {version}; 3.1, 3.2 and 3.3 are read"))),
        None if first.starts_with("#id=") || first.starts_with(" # ") => {
            let message = "is WebAnno TSV 2 or 1, by its first line; export it from WebAnno or INCEpTION as WebAnno TSV 3";
            Err(file.invalid(1, message))
        }
        None => Err(file.invalid(1, format!("begins with no {FORMAT}3.3"))),
    })
}

impl<'l> UnitLine<'l> {
    /// The parts of a line, which has this many cells.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(line: &'l str, cells: usize) -> Result<Self, String> {
        let (rest, is_ended) = line.strip_suffix('\t').map_or((line, false), |rest| (rest, true));
        // Without cells, the tab behind the word is the last one.
        let fields: Vec<&str> = rest.split('\t').collect();
        let [name, range, rest @ ..] = fields.as_slice() else {
            return Err(
                "the line is no token: it has number, range, word and cells, with tabs between".to_owned()
            );
        };
        let words = rest.len().checked_sub(cells).filter(|words| *words > 0).ok_or_else(|| {
            format!(
                "the line has {} cells and no more; its layers have {cells} columns",
                rest.len().saturating_sub(1)
            )
        })?;
        let (words, cells) = rest.split_at_checked(words).unwrap_or_default();
        let numbers =
            range.split_once('-').and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
        let range: (u64, u64) =
            numbers.ok_or_else(|| format!("the range is {range:?}; it is two numbers, as in 0-4"))?;
        if range.0 > range.1 {
            return Err(format!("the range {}-{} ends before it begins", range.0, range.1));
        }
        if !is_name(name) {
            return Err(format!("the number is {name:?}; it is as in 1-1, or 1-1.1 for a part of a token"));
        }
        // A word with a tab in it takes several fields.
        Ok(Self { name, range, covered: words.join("\t"), cells: cells.to_vec(), is_ended })
    }

    /// Whether it is a part of a token.
    pub(super) fn is_part(&self) -> bool {
        self.name.contains('.')
    }
}

fn is_name(name: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let token = |rest: &str| match rest.split_once('.') {
        Some((token, part)) => number(token) && number(part),
        None => number(rest),
    };
    name.split_once('-').is_some_and(|(sentence, rest)| number(sentence) && token(rest))
}
