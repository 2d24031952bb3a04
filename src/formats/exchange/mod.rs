//! What all formats of annotated articles have in common: how they are read and written, piece by piece, so that a file of any
//! size takes the memory of its largest article; what a record says, before it is held against its text and after; and which
//! of it each format can carry.
//!
//! A [`Reader`] turns files into [`Record`]s, in the words and the unit of the files. The [`Resolver`] holds them against their
//! texts and makes of them the domain's own types, from which a [`Writer`] makes files again.

mod contents;
mod features;
mod json;
mod local_ids;
mod names;
mod reading;
mod records;
mod resolver;
mod source_file;
mod source_paths;
#[cfg(test)]
pub(in crate::formats) mod testing;
mod units;
mod writing;

pub use self::{
    contents::{ArticleContents, ImportedArticle, OlderText, ProjectContents, SubmittedLayer},
    features::{Feature, count_losses, count_project_losses},
    local_ids::{ImportKey, LocalId, imported_place},
    reading::{FileProblem, Reader, Sink, Stopped},
    records::{
        AnnotationRecord, ArticleRecord, JoinedQuote, Kept, Record, SpanRecord, SpansRecord, TargetRecord,
        TextRecord,
    },
    resolver::{ContentsSink, Resolver},
    source_file::{Line, SourceFile},
    source_paths::{article_id_of, file_path_of},
    units::UnitChoice,
    writing::{Output, Writer},
};
pub(super) use self::{
    json::{
        JsonPlace, attribute_of, json_text_of, json_value_of, keep_metadata, kind_of, metadata_of, objects,
        offset, read_json_records, required_text, syntax, value_of,
    },
    local_ids::in_file_order,
    names::names_of,
    source_paths::is_numbered,
};

/// The label of tokens, in formats that have them.
pub(super) const TOKEN: &str = "Token";
