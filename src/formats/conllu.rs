//! CoNLL-U: not there yet.

use super::{
    exchange::{Reader, Writer},
    format::{FormatFacts, WriteOptions},
};

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "conllu",
    title: "CoNLL-U",
    reference: "",
    extensions: &["conllu"],
    unit: None,
    unit_is_unsaid: false,
    is_folder: false,
    carries: &[],
};

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, _beginning: &[u8]) -> bool {
    false
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    todo!()
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    todo!()
}
