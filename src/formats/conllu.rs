//! CoNLL-U: sentences of words with their grammar, and what is named in them.
//!
//! Reference: <https://universaldependencies.org/format.html>, and for `Entity=`
//! <https://ufal.mff.cuni.cz/~popel/corefud/1.0/corefud-1.0-format.pdf>. Nothing has offsets: the text is made of the words.
//!
//! | in the file | here |
//! | --- | --- |
//! | a word | an annotation `Token`; `lemma`, `upos`, `xpos`, `feats`, `deps` and what is in MISC are attributes of it |
//! | its form, where it is not what is in the text | its attribute `form` |
//! | its head | a relation of the roles `head` and `dependent`, whose label is the deprel; of the root, its attribute `deprel` |
//! | a multiword token `1-2` | an annotation `MultiwordToken` around its words; words that are not parts of it cover all of it |
//! | an empty node `8.1` | an annotation `EmptyNode` of no characters, with its number as attribute `id` |
//! | words up to an empty line | an annotation `Sentence`; its comments, `# key = value`, are attributes of it |
//! | `# newdoc id = ...` | the beginning of an article; a file without it is one |
//! | `# text = ...`, `SpaceAfter=No`, `SpacesAfter=...` | the text; otherwise words are joined by spaces, sentences by line breaks |
//! | `# meta::key = ...` | the article's title, language, source and metadata |
//! | `Entity=(1-person-...` | an annotation `person`; the other fields, as `# global.Entity` names them, are attributes of it |
//! | `NER=B-PER` in MISC | an annotation `PER` |
//!
//! What the form of the file was is kept in the article's metadata, as `conllu.comments` and so on. What came from no such file
//! is written with `# global.Entity = id-etype-...`, where the first field only says which brackets belong together and values are
//! percent-encoded. Dialects: Universal Dependencies, GUM, `CorefUD` with discontinuous mentions `(e1[1/2]-...`, `UDPipe`.

use self::{reading::ConlluReader, writing::ConlluWriter};
use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};

mod documents;
mod entities;
mod fields;
mod marks;
mod mentions;
mod parts;
mod reading;
mod tagged;
#[cfg(test)]
mod tests;
mod units;
mod writing;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "conllu",
    title: "CoNLL-U",
    reference: "https://universaldependencies.org/format.html",
    extensions: &["conllu"],
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
        Feature::DiscontinuousSpans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::StringAttributes,
    ],
};

/// Labels, beside those of tokens and sentences.
const MULTIWORD: &str = "MultiwordToken";
const EMPTY_NODE: &str = "EmptyNode";
/// Words are called so, and numbered, so that relations can name them.
const WORD: char = 'w';
/// Roles of a word and its head.
const HEAD: &str = "head";
const DEPENDENT: &str = "dependent";
/// What is kept of the form of a file in an article's metadata: how the article begins, if not with its id; the order of
/// comments; the fields of entities; whether DEPS repeats HEAD and DEPREL; and how words are tagged in MISC.
const DOCUMENT: &str = "conllu.document";
const COMMENTS: &str = "conllu.comments";
const ENTITY: &str = "conllu.entity";
const DEPS: &str = "conllu.deps";
const TAGS: &str = "conllu.tags";
/// The columns of a row.
const COLUMNS: usize = 10;

/// Whether a file may be one of these: the first row has ten columns, one that numbers it and one
/// that numbers its head.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let beginning = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
    let mut lines = beginning.split(|byte| *byte == b'\n');
    let is_row = |line: &&[u8]| !line.starts_with(b"#") && !matches!(line, [] | [b'\r']);
    let Some(row) = lines.find(is_row) else { return false };
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    let columns: Vec<&[u8]> = row.split(|byte| *byte == b'\t').collect();
    let [number, _, _, _, _, _, head, _, _, _] = columns.as_slice() else { return false };
    let is_number = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
    is_number(number)
        && number.iter().all(|byte| byte.is_ascii_digit() || b"-.".contains(byte))
        && (*head == b"_" || (is_number(head) && head.iter().all(u8::is_ascii_digit)))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(ConlluReader)
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    Box::<ConlluWriter>::default()
}

/// Whether metadata of this key is of the form of such a file.
fn is_form_key(key: &str) -> bool {
    [DOCUMENT, COMMENTS, ENTITY, DEPS, TAGS].contains(&key)
}
