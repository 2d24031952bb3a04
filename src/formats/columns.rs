//! Columns: a token a line, with tags that mark what it is in.
//!
//! Reference: <https://www.clips.uantwerpen.be/conll2003/ner/>; comments as CoNLL-U has them,
//! <https://universaldependencies.org/format.html>, and the line `# global.columns` of CoNLL-U Plus,
//! <https://universaldependencies.org/ext-format.html>. Nothing has offsets: the text is made of the tokens.
//!
//! | in the file | here |
//! | --- | --- |
//! | a row | an annotation `Token`; other columns are attributes of it: `pos`, `chunk`, `column4` |
//! | rows up to an empty line | an annotation `Sentence`; its comments, `# key = value`, are attributes of it |
//! | tags such as `B-PER` | an annotation `PER`; its attribute `column` says which of several columns it stands in |
//! | `# newdoc id = ...`, `-DOCSTART-` | the beginning of an article; a file without them is one |
//! | `# text = ...` | the text of a sentence; without it tokens are joined by spaces. Sentences are joined by line breaks |
//! | `# meta::key = ...` | the article's title, language, source and metadata |
//! | `# spaces_before`, `spaces_after`, `text_escaped` | what else of the text has to be known |
//!
//! Which separator, columns and scheme of tags a file has, shows in its rows, or stands in `# global.columns = ID FORM TAG`: `FORM`
//! is the token, `TAG` or `TAG:name` are tags, anything else is an attribute, and what says that a token has none stands behind
//! `=`. It is kept in the article's metadata, as `conll.columns` and so on, so that the article leaves as it came. Annotations
//! that share tokens are written in several columns of tags.
//!
//! Dialects: CoNLL-2000 and 2003 with spaces, `GermEval` 2014 with two columns of tags and `#` before the source, UNER with five
//! columns, WNUT 2017 and `HiNER` with two, spaCy's `word|POS|TAG` with a sentence a line.

pub(in crate::formats) use self::writing::count_ids;
use self::{
    comments::CommentOrder,
    layout::{Layout, Separator},
    reading::ColumnsReader,
    tags::Tag,
    writing::ColumnsWriter,
};
use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};

pub(in crate::formats) mod comments;
mod documents;
mod layout;
mod parts;
pub(in crate::formats) mod placing;
mod reading;
pub(in crate::formats) mod rows;
pub(in crate::formats) mod tags;
#[cfg(test)]
mod tests;
mod writing;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "conll",
    title: "token columns with BIO tags",
    reference: "https://www.clips.uantwerpen.be/conll2003/ner/",
    extensions: &["conll", "iob", "iob2", "bio", "tsv", "txt"],
    unit: None,
    unit_is_unsaid: false,
    is_folder: false,
    carries: &[
        Feature::ArticleIds,
        Feature::Titles,
        Feature::Languages,
        Feature::SourceUris,
        Feature::Metadata,
        Feature::Spans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
    ],
};

/// The attribute that says which column of tags a span stands in.
const COLUMN: &str = "column";
/// Comments that say something of the article: its id, anything, and the text of a sentence.
pub(in crate::formats) const NEWDOC_ID: &str = "newdoc id";
pub(in crate::formats) const META: &str = "meta::";
pub(in crate::formats) const TEXT: &str = "text";
/// What is kept of the form of a file in an article's metadata: the columns; the scheme, if it is not IOB2; how the article
/// begins, if not with its id; the order of comments; the line breaks at the end, and what line breaks are.
const COLUMNS: &str = "conll.columns";
const SCHEME: &str = "conll.scheme";
const DOCUMENT: &str = "conll.document";
const COMMENTS: &str = "conll.comments";
const END: &str = "conll.end";
const LINE_BREAK: &str = "conll.line_break";

/// Whether a file may be one of these: every row that is there whole has as many columns, one of which has nothing but tags.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    const ROWS_SEEN: usize = 200;
    const COLUMNS_LIKELY_MAX: usize = 64;
    let beginning = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(beginning.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    // The last line may be cut.
    let whole = text.rsplit_once('\n').map_or(text, |(whole, _)| whole);
    if whole.starts_with("#FORMAT=WebAnno") {
        return false;
    }
    let lines = whole.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let lines = lines.filter(|line| !line.starts_with("-DOCSTART-"));
    let mut sentences: Vec<Vec<&str>> = vec![Vec::new()];
    for line in lines.take(ROWS_SEEN) {
        match sentences.last_mut() {
            Some(last) if !line.is_empty() => last.push(line),
            Some(_) | None => sentences.push(Vec::new()),
        }
    }
    let sure = sentences
        .iter()
        .map(|rows| rows.iter().copied().filter(|row| !row.starts_with('#')).collect::<Vec<_>>())
        .filter(|rows| !rows.is_empty());
    let sure: Vec<_> = sure.collect();
    let Ok(layout) = Layout::detected(&sure) else { return false };
    // A line of prose has a word that looks like a tag now and then.
    let is_prose = layout.separator == Separator::Space && sure.iter().flatten().nth(1).is_none();
    if is_prose || layout.columns.len() > COLUMNS_LIKELY_MAX {
        return false;
    }
    let rows = sentences.iter().flatten().filter(|row| !layout.is_comment(row));
    let is_row = |row: &str| {
        let cells = layout.separator.split(row);
        let has_tags = layout
            .tag_columns()
            .all(|(index, _)| cells.get(index).is_some_and(|cell| Tag::parse(cell).is_some()));
        cells.len() == layout.columns.len() && cells.len() > 1 && has_tags
    };
    rows.flat_map(|row| match layout.separator {
        Separator::Bar => row.split(' ').collect(),
        Separator::Tab | Separator::Space => vec![*row],
    })
    .all(is_row)
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(ColumnsReader)
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    Box::<ColumnsWriter>::default()
}

/// Whether comments come as they are written of articles that came from no such file.
fn is_own_order(order: &CommentOrder) -> bool {
    let own = |key: &str| {
        ["newdoc id", "text", "text_escaped", "spaces_before", "spaces_after"].contains(&key)
            || key.starts_with(META)
    };
    order.has("meta::source_uri")
        && (order.has(TEXT) || order.has("text_escaped"))
        && order.as_string().split("; ").all(own)
}

/// Whether metadata of this key is of the form of such a file.
fn is_form_key(key: &str) -> bool {
    [COLUMNS, SCHEME, DOCUMENT, COMMENTS, END, LINE_BREAK].contains(&key)
}
