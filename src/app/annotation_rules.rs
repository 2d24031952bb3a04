//! What must hold among annotations once all of a commit is done, whoever made it: relations use what is there, of their
//! own layer, and nothing that they use goes without them.

use std::collections::{HashMap, HashSet};

use super::{
    annotation_rows::{self, Place},
    projects::ProjectHandle,
    schema_rules::{self, SchemaRules},
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, Target},
        details::too_many,
        ids::{AnnotationId, AnnotationName, LayerId},
        schema::{LabelSchema, Rule},
    },
    limits::JUDGED_ARGUMENTS_MAX,
    store::{
        engine::{Draft, View},
        keys::ArticleNumber,
        layer_table,
    },
};

/// An annotation that a commit did something to.
#[derive(Debug)]
pub(super) struct Touched<'t> {
    /// Where in the request that stands; empty when it is the request.
    pub(super) path: &'t str,
    pub(super) place: Place<'t>,
    pub(super) before: Option<Annotation>,
    pub(super) after: Option<Annotation>,
    /// Where in the annotation that was sent its first span stands that covers nothing.
    pub(super) empty_at: Option<&'t str>,
    /// Whether what uses it goes with it.
    pub(super) force: bool,
}

/// Why a commit is refused, and the annotation that is to blame.
#[derive(Debug)]
pub(super) struct Broken {
    /// None when nothing is.
    pub(super) name: Option<Box<AnnotationName>>,
    pub(super) refusal: Error,
}

impl Broken {
    fn nameless(refusal: Error) -> Self {
        Self { name: None, refusal }
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        broken.refusal
    }
}

/// What a commit writes and leaves there.
type Kept<'k> = HashMap<(ArticleNumber, AnnotationId), &'k Annotation>;

/// Judges a commit when all of it is done.
pub(super) struct Rules<'t> {
    project: &'t ProjectHandle,
    touched: Vec<Touched<'t>>,
}

impl<'t> Rules<'t> {
    pub(super) fn new(project: &'t ProjectHandle) -> Self {
        Self { project, touched: Vec::new() }
    }

    /// Takes note of what was done to an annotation.
    pub(super) fn touch(&mut self, touched: Touched<'t>) {
        self.touched.push(touched);
    }

    /// Judges the state that the draft holds; deletes the relations that use what was deleted by force.
    ///
    /// # Errors
    ///
    /// LAYER_LOCKED, HAS_CHILDREN, RESOURCE_NOT_FOUND, FIELD_INVALID, SPAN_EMPTY, SCHEMA_VIOLATED, LIMIT_EXCEEDED.
    pub(super) fn judge(self, draft: &mut Draft<'_>) -> Result<(), Broken> {
        let at = |touched: &Touched<'t>, error: Error| Broken {
            name: self.name_of(touched),
            refusal: error.within(touched.path),
        };
        self.judge_locks(draft)?;
        let kept = self.kept();
        // What is deleted by force takes with it what another delete would be refused for.
        for force in [true, false] {
            for touched in self.touched.iter().filter(|it| it.after.is_none() && it.force == force) {
                let judged = self.judge_deleted(draft, touched, &kept);
                judged.map_err(|error| at(touched, error))?;
            }
        }
        let schema = self.project.schema_in(draft).map_err(Broken::nameless)?;
        for touched in &self.touched {
            if let Some(after) = &touched.after {
                let judged = self.judge_kept(draft, touched, after, &kept, &schema.schema);
                judged.map_err(|error| at(touched, error))?;
            }
        }
        Ok(())
    }

    /// No layer that the commit changes is submitted in its article. What goes with something else is of the same layer.
    fn judge_locks(&self, draft: &Draft<'_>) -> Result<(), Broken> {
        let mut open = HashSet::new();
        for touched in &self.touched {
            let Touched { path, place, before, after, .. } = touched;
            for Annotation { layer, .. } in [before, after].into_iter().flatten() {
                let number = place.index.article();
                let is_new = open.insert((number, layer));
                let is_submitted =
                    is_new.then(|| layer_table::is_submitted(draft, number, layer)).transpose();
                if is_submitted.map_err(Broken::nameless)?.unwrap_or_default() {
                    let article = self.project.name().article(place.article.clone());
                    let name = article.layer(layer.clone()).to_string();
                    let refusal = Error::from(Problem::LayerLocked { name }).within(path);
                    return Err(Broken { name: self.name_of(touched), refusal });
                }
            }
        }
        Ok(())
    }

    /// The annotations that the commit writes and leaves there.
    fn kept(&self) -> Kept<'_> {
        let all = self.touched.iter().filter_map(|touched| touched.after.as_ref().zip(Some(touched.place)));
        all.map(|(after, place)| ((place.index.article(), after.id), after)).collect()
    }

    /// Nothing that is there uses what is gone. What the commit itself writes does not go: an entry of the log says of each
    /// resource one thing.
    fn judge_deleted(&self, draft: &mut Draft<'_>, touched: &Touched<'_>, kept: &Kept<'_>) -> Result<()> {
        let Touched { place, before, force, .. } = touched;
        let Some(before) = before else { return Ok(()) };
        let index = place.index;
        let mut gone = vec![before.id];
        while let Some(id) = gone.pop() {
            let relations: Vec<_> = index.references_to(draft, id).collect::<Result<_>>()?;
            if !force && !relations.is_empty() {
                return Err(self.used(*place, id, &relations));
            }
            for relation in relations {
                if kept.contains_key(&(index.article(), relation)) {
                    let message = format!(
                        "deletes {}, too, which this commit writes and which uses it; leave one of the two out",
                        self.name(*place, relation)
                    );
                    return Err(Error::field("force", message));
                }
                let missing = || Error::corrupt(format!("{relation} uses {id}, and is not there"));
                let entry = index.get(draft, relation)?.ok_or_else(missing)?;
                let before = entry.annotation()?;
                let change = annotation_rows::Change {
                    id: relation,
                    before: Some((&entry, &before)),
                    after: None,
                    cascaded: true,
                };
                annotation_rows::put(draft, *place, change)?;
                gone.push(relation);
            }
        }
        Ok(())
    }

    /// Says what uses an annotation.
    fn used(&self, place: Place<'_>, id: AnnotationId, relations: &[AnnotationId]) -> Error {
        let first = relations.first().map_or_else(String::new, |first| self.name(place, *first).to_string());
        let children = match relations.len() {
            1 => format!("a relation that uses it, {first}"),
            count => format!("{count} relations that use it, {first} the first of them"),
        };
        Problem::HasChildren { name: self.name(place, id).to_string(), children }.into()
    }

    fn judge_kept(
        &self,
        draft: &Draft<'_>,
        touched: &Touched<'_>,
        after: &Annotation,
        kept: &Kept<'_>,
        schema: &LabelSchema,
    ) -> Result<()> {
        let within = |error: Error| error.within("annotation");
        if let Target::Relation(_) = &after.target {
            let same = touched.before.as_ref().is_some_and(|before| before.target == after.target);
            if !same {
                self.judge_arguments(draft, touched.place, after, kept).map_err(within)?;
            }
        }
        self.judge_by_schema(draft, touched, after, schema).map_err(within)
    }

    /// Holds an annotation against the label schema, if it says something else than before, and the relations that use it.
    fn judge_by_schema(
        &self,
        draft: &Draft<'_>,
        touched: &Touched<'_>,
        after: &Annotation,
        schema: &LabelSchema,
    ) -> Result<()> {
        let (before, place) = (touched.before.as_ref(), touched.place);
        if !schema_rules::says_something_else(before, after) {
            return Ok(());
        }
        let covers_nothing =
            after.target.mention().is_some_and(|mention| mention.anchor.first_empty().is_some());
        if schema.is_default() && !covers_nothing {
            return Ok(());
        }
        let article = self.project.name().article(place.article.clone());
        let rules = SchemaRules { schema, view: draft, article: &article, place };
        if let Some(mut violation) = rules.broken_by(after)? {
            if let Some(empty_at) = touched.empty_at.filter(|_| violation.rule == Rule::Empty) {
                empty_at.clone_into(&mut violation.field);
            }
            return Err(violation.into());
        }
        if !schema_rules::is_another_argument(before, after) {
            return Ok(());
        }
        let mut arguments = 0;
        for relation in place.index.references_to(draft, after.id) {
            let Some(entry) = place.index.get(draft, relation?)? else { continue };
            let relation = entry.annotation()?;
            arguments += relation.target.arguments().len();
            if arguments > JUDGED_ARGUMENTS_MAX && schema.has_roles(relation.label.as_str()) {
                let what = "what uses it, and would be judged again,";
                return Err(too_many("label", what, arguments, JUDGED_ARGUMENTS_MAX, "arguments"));
            }
            if let Some(mut violation) = rules.broken_by(&relation)? {
                let name = article.annotation(relation.id);
                violation.description = format!("{name}, which uses it: {}", violation.description);
                "label".clone_into(&mut violation.field);
                return Err(violation.into());
            }
        }
        Ok(())
    }

    /// The arguments of a relation are there, of its layer, and not itself.
    fn judge_arguments(
        &self,
        draft: &Draft<'_>,
        place: Place<'_>,
        relation: &Annotation,
        kept: &Kept<'_>,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        for (position, argument) in relation.target.arguments().iter().enumerate() {
            let id = argument.annotation;
            if !seen.insert(id) {
                continue;
            }
            let field = || format!("relation.arguments[{position}].annotation");
            if id == relation.id {
                return Err(Error::field(field(), "is the relation itself"));
            }
            let layer = match kept.get(&(place.index.article(), id)) {
                Some(used) => used.layer.clone(),
                None => self.stored_layer(draft, place, id).map_err(|error| error.within(&field()))?,
            };
            if layer != relation.layer {
                let message = format!(
                    "is of layer {layer}, and the relation of {}; a relation stays within its layer",
                    relation.layer
                );
                return Err(Error::field(field(), message));
            }
        }
        Ok(())
    }

    fn stored_layer(&self, view: &dyn View, place: Place<'_>, id: AnnotationId) -> Result<LayerId> {
        let entry = place.index.get(view, id)?;
        let missing = || Problem::ResourceNotFound { name: self.name(place, id).to_string() };
        Ok(entry.ok_or_else(missing)?.annotation()?.layer)
    }

    fn name_of(&self, touched: &Touched<'_>) -> Option<Box<AnnotationName>> {
        let id = touched.after.as_ref().or(touched.before.as_ref())?.id;
        Some(Box::new(self.name(touched.place, id)))
    }

    fn name(&self, place: Place<'_>, id: AnnotationId) -> AnnotationName {
        self.project.name().article(place.article.clone()).annotation(id)
    }
}
