//! What is said about articles is written in commits of a bounded size. One that is refused is left out, and told; what came
//! with it is committed without it.

use std::{collections::VecDeque, sync::Arc};

use super::{articles::Outcome, project::is_about_the_record, take_front};
use crate::{
    app::{
        App,
        annotation_commits::{encoded, require_article},
        annotation_rows::{self, Place, answer_bytes_of},
        annotation_rules::{Rules, Touched},
        projects::ProjectHandle,
        texts::ArticleHandle,
    },
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, Target},
        ids::AnnotationId,
        revisions::Timestamp,
        schema::LabelSchema,
    },
    limits::{IMPORT_COMMIT_BYTES, IMPORT_COMMIT_WRITES, VIEW_ROWS_MAX},
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        engine::{Decision, Draft, Mode, Stamp},
        project_table,
        records::StoredArticle,
    },
};

/// An annotation that is to be written.
#[derive(Debug, Clone)]
pub(super) struct AnnotationWrite {
    /// The file that it is from.
    pub(super) path: Arc<str>,
    /// The line in it.
    pub(super) line: u64,
    /// Where its article is.
    pub(super) article: Arc<ArticleHandle>,
    /// What it is. A time of 0 is that of the commit.
    pub(super) annotation: Annotation,
}

/// A commit of annotations that are resolved already.
pub(super) struct ImportedAnnotations {
    pub(super) project: Arc<ProjectHandle>,
    /// The article that they are all of, where it is not there and only checked.
    pub(super) unborn: Option<StoredArticle>,
    pub(super) writes: Vec<AnnotationWrite>,
    /// The index of each, as a refusal names it.
    pub(super) paths: Vec<String>,
}

impl AnnotationWrite {
    /// Whose file has no older texts counts the latest one as the first; here it has the number `latest`.
    pub(super) fn in_text(mut self, latest: u32) -> Self {
        if !self.annotation.is_orphan() {
            self.annotation.text_revision = latest;
        }
        self
    }
}

impl ImportedAnnotations {
    pub(super) fn new(project: &Arc<ProjectHandle>, writes: Vec<AnnotationWrite>) -> Self {
        let paths = (0..writes.len()).map(|index| index.to_string()).collect();
        Self { project: Arc::clone(project), unborn: None, writes, paths }
    }

    fn index(&self, draft: &mut Draft<'_>, write: &AnnotationWrite) -> Result<AnnotationIndex> {
        match &self.unborn {
            Some(stored) => Ok(ArticlePlace::of(write.article.number, stored).annotations()),
            None => require_article(draft, &write.article),
        }
    }
}

impl Decision for ImportedAnnotations {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        project_table::require(draft, &self.project.name())?;
        if let (Some(stored), Some(write)) = (&self.unborn, self.writes.first()) {
            article_table::insert(draft, write.article.number, stored)?;
        }
        let schema = self.project.schema_in(draft)?;
        let mut rules = Rules::new(&self.project);
        let mut last: Option<AnnotationIndex> = None;
        for (write, path) in self.writes.iter().zip(&self.paths) {
            let index = match last.filter(|index| index.article() == write.article.number) {
                Some(index) => index,
                None => self.index(draft, write).map_err(|error| error.within(path))?,
            };
            last = Some(index);
            let after = created(&write.annotation, draft.stamp(), &schema.schema);
            let after = after.map_err(|error| error.within(path))?;
            let value = encoded(&after).map_err(|error| error.within(path))?;
            let place =
                Place { partition: self.project.partition, index, article: &write.article.name.article };
            let change = annotation_rows::Change {
                id: after.id,
                before: None,
                after: Some((&after, value)),
                cascaded: false,
            };
            if !annotation_rows::put(draft, place, change)? {
                let name = write.article.name.annotation(after.id).to_string();
                return Err(Error::at(path.as_str(), Problem::ResourceExists { name }));
            }
            let empty = after.target.mention().is_some_and(|mention| mention.anchor.first_empty().is_some());
            let empty_at = empty.then_some("anchor.spans");
            rules.touch(Touched { path, place, before: None, after: Some(after), empty_at, force: false });
        }
        rules.judge(draft).map_err(Error::from)
    }
}

/// The annotation as it is written: with the time at which it was created elsewhere, if that has passed.
fn created(annotation: &Annotation, stamp: Stamp, schema: &LabelSchema) -> Result<Annotation> {
    let mut created = annotation.clone();
    (created.revision, created.update_time) = (stamp.revision, stamp.time);
    if created.create_time == Timestamp(0) || created.create_time > stamp.time {
        created.create_time = stamp.time;
    }
    schema.add_defaults(created.target.kind(), created.label.as_str(), &mut created.attributes)?;
    Ok(created)
}

impl App {
    /// Writes annotations that are not there, in order.
    ///
    /// # Errors
    ///
    /// Where the server fails. What is refused is in the outcome.
    pub(super) async fn write_annotations(
        &self,
        project: &Arc<ProjectHandle>,
        writes: Vec<AnnotationWrite>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut left: VecDeque<_> = writes.into();
        let mut at_once = IMPORT_COMMIT_WRITES;
        while !left.is_empty() {
            let count = commit_size(&left, at_once);
            let writes = take_front(&mut left, count);
            let decision = Arc::new(ImportedAnnotations::new(project, writes));
            let decided: Arc<dyn Decision> = Arc::<ImportedAnnotations>::clone(&decision);
            let attempted = self.engine.attempt(project.partition, decided, Mode::Apply.into()).await;
            let refusal = match attempted {
                Ok(commit) => {
                    outcome.revision = outcome.revision.max(commit.stamp.revision);
                    outcome.annotations += u64::try_from(count).unwrap_or(u64::MAX);
                    at_once = IMPORT_COMMIT_WRITES;
                    continue;
                }
                Err(error) => error,
            };
            let mut writes = decision.writes.clone();
            match blamed(&refusal) {
                Some((index, error)) if is_about_the_record(&error.problem) && index < writes.len() => {
                    // What came before it passes without it, since it uses nothing that comes later.
                    let refused = writes.remove(index);
                    outcome.failed += 1;
                    outcome.refuse(&refused.path, refused.line, named(&refused.annotation, error));
                    writes.into_iter().rev().for_each(|write| left.push_front(write));
                    at_once = if index == 0 { IMPORT_COMMIT_WRITES } else { index };
                }
                // Too much for one commit.
                None if matches!(refusal.problem, Problem::LimitExceeded { .. }) && count > 1 => {
                    writes.into_iter().rev().for_each(|write| left.push_front(write));
                    at_once = count.div_ceil(2);
                }
                None if is_about_the_record(&refusal.problem) => {
                    outcome.failed += u64::try_from(count).unwrap_or(u64::MAX);
                    if let Some(first) = writes.first() {
                        outcome.refuse(&first.path, first.line, refusal);
                    }
                }
                Some(_) | None => return Err(refusal),
            }
        }
        Ok(())
    }

    /// What is not there yet of annotations of one article. What is there and says something else is refused.
    ///
    /// # Errors
    ///
    /// Where the server fails.
    pub(super) async fn without_present(
        &self,
        project: &Arc<ProjectHandle>,
        writes: Vec<AnnotationWrite>,
        outcome: &mut Outcome,
    ) -> Result<Vec<AnnotationWrite>> {
        let schema = self.schema_of(project).await?;
        let mut left: VecDeque<_> = writes.into();
        let mut missing = Vec::new();
        while !left.is_empty() {
            let some = take_front(&mut left, VIEW_ROWS_MAX / 4);
            let Some(handle) = some.first().map(|write| Arc::clone(&write.article)) else { break };
            let ids: Vec<AnnotationId> = some.iter().map(|write| write.annotation.id).collect();
            let read = project.read(self.engine.as_ref(), move |view| {
                let Some(stored) = article_table::get(view, handle.number)? else { return Ok(Vec::new()) };
                let index = ArticlePlace::of(handle.number, &stored).annotations();
                let entry = |id: &AnnotationId| match index.get(view, *id)? {
                    Some(entry) => entry.annotation().map(Some),
                    None => Ok(None),
                };
                ids.iter().map(entry).collect::<Result<Vec<_>>>()
            });
            let mut found = read.await?.value.into_iter();
            for write in some {
                match found.next().flatten() {
                    None => missing.push(write),
                    Some(there) if says_the_same(&write.annotation, &there, &schema.schema) => {
                        outcome.annotations += 1;
                        outcome.present += 1;
                    }
                    Some(there) => {
                        let name = write.article.name.annotation(there.id).to_string();
                        outcome.failed += 1;
                        let error = named(&write.annotation, Problem::ResourceExists { name }.into());
                        outcome.refuse(&write.path, write.line, error);
                    }
                }
            }
        }
        Ok(missing)
    }
}

/// How many of the first writes go into one commit.
fn commit_size(writes: &VecDeque<AnnotationWrite>, at_most: usize) -> usize {
    let mut bytes = 0_usize;
    let fits = |write: &&AnnotationWrite| {
        bytes = bytes.saturating_add(answer_bytes_of(&write.annotation, &write.article.name));
        bytes <= IMPORT_COMMIT_BYTES
    };
    writes.iter().take(at_most).take_while(fits).count().max(1)
}

/// Which write a refusal is about, and the refusal without that.
pub(super) fn blamed(refusal: &Error) -> Option<(usize, Error)> {
    let (index, rest) = match refusal.field.split_once('.') {
        Some((index, rest)) => (index, rest),
        None => (refusal.field.as_str(), ""),
    };
    let index = index.parse().ok()?;
    Some((index, Error { field: rest.to_owned(), problem: refusal.problem.clone() }))
}

/// A refusal, with what the file calls the annotation or what it says.
pub(super) fn named(annotation: &Annotation, error: Error) -> Error {
    match crate::formats::exchange::LocalId::of(annotation.id) {
        Some(id) => error.within(&id.to_string()),
        None => error.within(annotation.label.as_str()),
    }
}

/// Whether an annotation that is there says what is imported.
fn says_the_same(imported: &Annotation, there: &Annotation, schema: &LabelSchema) -> bool {
    let mut with_defaults = imported.attributes.clone();
    let added = schema.add_defaults(imported.target.kind(), imported.label.as_str(), &mut with_defaults);
    let Annotation {
        id: _,
        layer,
        label,
        target,
        attributes,
        note,
        score,
        state,
        anchoring: _,
        derived_from,
        text_revision: _,
        revision: _,
        create_time: _,
        update_time: _,
    } = there;
    let same_target = match (target, &imported.target) {
        (Target::Spans(there), Target::Spans(imported)) => there.anchor == imported.anchor,
        (there, imported) => there == imported,
    };
    added.is_ok()
        && same_target
        && (layer, label, note) == (&imported.layer, &imported.label, &imported.note)
        && (score, state, derived_from) == (&imported.score, &imported.state, &imported.derived_from)
        && (*attributes == with_defaults || *attributes == imported.attributes)
}
