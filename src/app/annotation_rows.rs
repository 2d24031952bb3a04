//! How an annotation's rows and its log entry change together, whoever changes it.

use bytes::Bytes;

use super::answers::Scope;
use crate::{
    domain::{
        Result,
        annotations::{Annotation, Target},
        attributes::AttributeValue,
        ids::{AnnotationId, ArticleId, ArticleName},
    },
    store::{
        annotation_index::{AnnotationIndex, Entry},
        annotation_table,
        engine::{Change as LogChange, Draft, Partition},
        records,
    },
};

/// Where an article's annotations are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) partition: Partition,
    pub(super) index: AnnotationIndex,
    pub(super) article: &'p ArticleId,
}

/// What is done to an annotation.
#[derive(Debug)]
pub(super) struct Change<'c> {
    pub(super) id: AnnotationId,
    /// What is stored of it, if anything is, and what that says.
    pub(super) before: Option<(&'c Entry, &'c Annotation)>,
    /// What it is to be, with its encoding; deleted without.
    pub(super) after: Option<(&'c Annotation, Bytes)>,
    /// Whether it goes, or comes back, with what it uses.
    pub(super) cascaded: bool,
}

/// Puts an annotation in the place of what is stored of it, or deletes that, and says so in the log. Whether its id was
/// free, if nothing is stored; otherwise nothing is done.
pub(super) fn put(draft: &mut Draft<'_>, place: Place<'_>, change: Change<'_>) -> Result<bool> {
    let Place { partition, index, article } = place;
    let Change { id, before, after, cascaded } = change;
    let stored = after.as_ref().map(|(after, value)| (*after, value.as_ref()));
    if !annotation_table::put(draft, index, before, stored)? {
        return Ok(false);
    }
    let before = before.map(|(entry, _)| entry.resolved_record()).transpose()?;
    let states = (before, after.map(|(_, value)| value));
    let record = records::annotation_change((index.article(), article), id, states, cascaded);
    draft.change(LogChange { scope: Scope::annotations(partition, article).number(), record });
    Ok(true)
}

/// What an annotation takes in an answer, at most.
pub(super) fn answer_bytes_of(annotation: &Annotation, article: &ArticleName) -> usize {
    const FIXED: usize = 288;
    const SPAN: usize = 64;
    const NAME: usize = 80;
    const ATTRIBUTE: usize = 24;
    let name = NAME + article.project.as_str().len() + article.article.as_str().len();
    let target = match &annotation.target {
        Target::Spans(mention) => {
            let quotes: usize = mention.quotes.iter().map(String::len).sum();
            quotes + SPAN * mention.anchor.spans().len()
        }
        Target::Relation(relation) => {
            relation.arguments.iter().map(|argument| name + argument.role.len()).sum()
        }
        Target::Article => 0,
    };
    let attribute = |(name, value): (&String, &AttributeValue)| {
        let value = match value {
            AttributeValue::Bool(_) | AttributeValue::Int(_) | AttributeValue::Double(_) => 0,
            AttributeValue::String(value) => value.len(),
            AttributeValue::StringList(values) => values.iter().map(|value| value.len() + 4).sum(),
        };
        ATTRIBUTE + name.len() + value
    };
    let attributes: usize = annotation.attributes.iter().map(attribute).sum();
    let derived_from: usize = annotation.derived_from.iter().map(|name| name.to_string().len() + 4).sum();
    let words = annotation.layer.as_str().len() + annotation.label.as_str().len() + annotation.note.len();
    FIXED + name + target + attributes + derived_from + words
}
