//! Annotations as they stand, held against a label schema.

use super::annotation_rows::Place;
use crate::{
    domain::{
        Result,
        annotations::{Annotation, State, Target, TargetKind},
        ids::{AnnotationName, ArticleName},
        schema::{LabelSchema, Overlap, Said, SaidArgument, Violation},
    },
    store::{engine::View, sort_key::Section},
};

/// A window reads what is short and begins up to 512 bytes before it, and so many entries may stand there.
const NEIGHBOURS_COST_ENTRIES: usize = 256;

/// A schema, and where the annotations are that are held against it.
#[derive(Clone, Copy)]
pub(super) struct SchemaRules<'s> {
    pub(super) schema: &'s LabelSchema,
    pub(super) view: &'s dyn View,
    pub(super) article: &'s ArticleName,
    pub(super) place: Place<'s>,
}

impl SchemaRules<'_> {
    /// The first rule that an annotation breaks, as it stands among the others.
    ///
    /// # Errors
    ///
    /// As every read.
    pub(super) fn broken_by(&self, annotation: &Annotation) -> Result<Option<Violation>> {
        let has_roles = self.schema.has_roles(annotation.label.as_str());
        let arguments = if has_roles { self.arguments(annotation)? } else { Vec::new() };
        let said_arguments: Vec<_> = arguments
            .iter()
            .map(|(role, of)| SaidArgument { role, label: of.label.as_str(), kind: of.target.kind() })
            .collect();
        let said = Said { arguments: &said_arguments, ..said(annotation) };
        if let Err(violation) = self.schema.check(&said) {
            return Ok(Some(violation));
        }
        if annotation.state == State::Rejected || annotation.is_orphan() {
            return Ok(None);
        }
        match &annotation.target {
            Target::Spans(_) => self.overlapping(annotation, &said),
            Target::Article => self.excluded(annotation, &said),
            Target::Relation(_) => Ok(None),
        }
    }

    /// What it costs a view to look at an annotation and what the rules hold it against, in entries of an index, roughly.
    pub(super) fn cost_entries(schema: &LabelSchema, annotation: &Annotation) -> usize {
        let label = annotation.label.as_str();
        match &annotation.target {
            Target::Spans(_) if schema.overlap_rule(label) == Overlap::Any => 1,
            Target::Article if schema.exclusive_sets(label).next().is_none() => 1,
            Target::Spans(_) | Target::Article => NEIGHBOURS_COST_ENTRIES,
            Target::Relation(relation) if schema.has_roles(label) => 1 + relation.arguments.len(),
            Target::Relation(_) => 1,
        }
    }

    /// The annotations that a relation uses, each with its role. One that is not there says nothing.
    fn arguments<'a>(&self, annotation: &'a Annotation) -> Result<Vec<(&'a str, Annotation)>> {
        let mut arguments = Vec::new();
        for argument in annotation.target.arguments() {
            if let Some(entry) = self.place.index.get(self.view, argument.annotation)? {
                arguments.push((argument.role.as_str(), entry.annotation()?));
            }
        }
        Ok(arguments)
    }

    /// The rule that is broken by what shares characters with a mention.
    fn overlapping(&self, annotation: &Annotation, said: &Said<'_>) -> Result<Option<Violation>> {
        let Some(mention) = annotation.target.mention() else { return Ok(None) };
        if self.schema.overlap_rule(said.label) == Overlap::Any {
            return Ok(None);
        }
        let hull = mention.anchor.hull();
        let window = Some((hull.start.utf8, hull.end.utf8));
        for entry in self.place.index.in_document_order(self.view, window, None)? {
            if let Some(violation) = self.together(annotation, said, &entry?.annotation()?) {
                return Ok(Some(violation));
            }
        }
        Ok(None)
    }

    /// The rule that is broken by what else is said of the whole article.
    fn excluded(&self, annotation: &Annotation, said: &Said<'_>) -> Result<Option<Violation>> {
        if self.schema.exclusive_sets(said.label).next().is_none() {
            return Ok(None);
        }
        for entry in self.place.index.in_document_order(self.view, None, None)? {
            let entry = entry?;
            if entry.key.position().section() != Section::Article {
                break;
            }
            if let Some(violation) = self.together(annotation, said, &entry.annotation()?) {
                return Ok(Some(violation));
            }
        }
        Ok(None)
    }

    fn together(&self, annotation: &Annotation, said_of: &Said<'_>, other: &Annotation) -> Option<Violation> {
        if other.id == annotation.id || other.state == State::Rejected {
            return None;
        }
        let name = || self.name(other).to_string();
        // The name is made for what is broken alone.
        self.schema.check_together(said_of, &said(other), "").err()?;
        self.schema.check_together(said_of, &said(other), &name()).err()
    }

    fn name(&self, annotation: &Annotation) -> AnnotationName {
        self.article.annotation(annotation.id)
    }
}

/// What an annotation says by itself; the arguments of a relation are not looked up.
fn said(annotation: &Annotation) -> Said<'_> {
    let Annotation { layer, label, target, attributes, .. } = annotation;
    let mention = target.mention();
    Said {
        kind: target.kind(),
        label: label.as_str(),
        layer: layer.as_str(),
        spans: mention.map_or(&[], |mention| mention.anchor.spans()),
        splits_graphemes: mention.is_some_and(|mention| mention.splits_graphemes),
        attributes,
        arguments: &[],
    }
}

/// Whether an annotation says something else than before, so that the schema is to be asked again. What the review says, and
/// what is remarked on it, breaks nothing, unless it was rejected before.
pub(super) fn says_something_else(before: Option<&Annotation>, after: &Annotation) -> bool {
    before.is_none_or(|before| {
        let rejected = |annotation: &Annotation| annotation.state == State::Rejected;
        before.label != after.label
            || before.target != after.target
            || before.attributes != after.attributes
            || before.is_orphan() != after.is_orphan()
            || (rejected(before) && !rejected(after))
    })
}

/// Whether relations that use an annotation may break a rule by what it says now.
pub(super) fn is_another_argument(before: Option<&Annotation>, after: &Annotation) -> bool {
    let kind = |annotation: &Annotation| -> TargetKind { annotation.target.kind() };
    before.is_some_and(|before| before.label != after.label || kind(before) != kind(after))
}
