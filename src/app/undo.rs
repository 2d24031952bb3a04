//! Undo: what one commit did is taken back by a new one, wherever it still stands as that commit left it.

use std::{collections::HashMap, sync::Arc};

use prost::Message as _;

mod layers;
mod schemas;
mod texts;

use super::{
    App,
    annotation_rows::{self, Place},
    annotation_rules::{Broken, Rules, Touched},
    answers::Scope,
    calculate, changed, changes,
    label_schemas::Replacement,
    projects::ProjectHandle,
    record_bytes,
    staging::Staging,
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::Annotation,
        errors::Conflict,
        ids::{AnnotationId, ArticleId, ProjectName},
        projects::Project,
        revisions::Revision,
    },
    limits::{CONFLICTS_LISTED_MAX, FEED_READ_BYTES},
    store::{
        annotation_index::Entry,
        article_table::{self, ArticlePlace, Restored},
        committer::logged,
        engine::{Attempt, Commit, Decision, Draft, LogError, Mode, View as _},
        keys::{self, ArticleNumber, Generation},
        layer_table, project_table,
        records::{self, ResourceChange, StoredArticle},
    },
};

/// What an undo did.
#[derive(Debug, Clone)]
pub struct Undone {
    /// The commit that took the other one back.
    pub commit: Arc<Commit>,
    /// What it did, encoded.
    pub changes: Vec<bytes::Bytes>,
}

struct Undo {
    project: Arc<ProjectHandle>,
    undone: Revision,
    changes: Vec<ResourceChange>,
    /// The articles that the commit brought back with their annotations, which go with them again.
    brought_back: Vec<ArticleNumber>,
    looked_at: BroughtBack,
    /// The schema that stood before, if the commit changed one.
    schema: Option<Replacement>,
    /// The revision of the schema that articles which come back were held against.
    let_back_by: Option<Revision>,
    /// Where the text that stood before is staged, if the commit brought another one.
    staged_before: Option<Generation>,
    /// Whether nothing is to be written.
    is_check: bool,
}

/// The annotations of articles that came back, as far as the log was looked at outside of the writer.
#[derive(Debug, Default)]
struct BroughtBack {
    /// Up to this revision.
    seen: Revision,
    /// What was changed since, one for each article: its name below the article's.
    changed: HashMap<ArticleNumber, String>,
}

/// Why a change is not taken back.
type Refused = Option<Conflict>;

const CHANGED: &str = "was changed since";
const DELETED: &str = "was deleted since";
const CREATED: &str = "was created since";
const USED: &str = "is used by a relation that was made since";
const BREAKS_NOW: &str = "breaks the label schema that stands now";
const ARTICLE_GONE: &str = "was on an article that is not there any more";
const GONE: &str = "was deleted for good";

impl App {
    /// Takes back what the commit `revision` did.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, REVISION_COMPACTED, FIELD_INVALID, UNDO_CONFLICT, REQUEST_ID_REUSED; OVERLOADED when more is
    /// committed meanwhile than can be looked through.
    pub async fn undo_commit(
        self: &Arc<Self>,
        project: &ProjectName,
        revision: Revision,
        attempt: Attempt,
    ) -> Result<Undone> {
        let project = self.project(project)?;
        let commit = match self.prepare_undo(&project, revision, attempt.mode).await {
            Ok((undo, staging)) => {
                let commit = self.engine.attempt(project.partition, Arc::new(undo), attempt).await?;
                // Otherwise it is swept: an earlier try has done it.
                if let Some(staging) = staging
                    && texts::switched_to(&commit, staging.generation())
                {
                    staging.switched();
                }
                commit
            }
            Err(refusal) => self.first_try(project.partition, &attempt, refusal).await?,
        };
        let (name, uid, render, done) = (project.name(), project.uid, self.render, Arc::clone(&commit));
        let bytes = record_bytes(std::slice::from_ref(&*commit));
        let changes = calculate(bytes, move || {
            changes(&done).map(|change| Ok((render.change)(&name, uid, &change?))).collect::<Result<_>>()
        });
        Ok(Undone { commit, changes: changes.await?? })
    }

    async fn prepare_undo(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        undone: Revision,
        mode: Mode,
    ) -> Result<(Undo, Option<Staging>)> {
        let missing = || {
            let name = format!("revision {} of {}", undone.0, project.name());
            Error::at("revision", Problem::ResourceNotFound { name })
        };
        let before = Revision(undone.0.checked_sub(1).ok_or_else(missing)?);
        let commit = match self.engine.log_after(project.partition, before, 1).await {
            Ok(commits) => commits.into_iter().next().ok_or_else(missing)?,
            Err(LogError::Compacted { earliest }) => return Err(compacted(undone, earliest)),
            Err(LogError::Failed(error)) => return Err(error),
        };
        let bytes = record_bytes(std::slice::from_ref(&commit));
        let changes = calculate(bytes, move || changes(&commit).collect::<Result<Vec<_>>>()).await??;
        if changes.iter().any(|change| matches!(change, ResourceChange::Project { before: None, .. })) {
            let what = format!("created {}, which a delete undoes, and not this", project.name());
            return Err(Error::field("revision", what));
        }
        let number = |change: &ResourceChange| match change {
            ResourceChange::Article { number, before: None, after: Some(_), cascaded: true } => Some(*number),
            ResourceChange::Project { .. }
            | ResourceChange::LabelSchema { .. }
            | ResourceChange::Article { .. }
            | ResourceChange::Annotation { .. }
            | ResourceChange::Layer { .. }
            | ResourceChange::ArticleLayer { .. } => None,
        };
        let brought_back: Vec<_> = changes.iter().filter_map(number).collect();
        let looked_at = self.look_on(project, undone, &brought_back).await?;
        let schema = self.schema_before(project, &changes).await?;
        let let_back_by = self.let_come_back(project, undone, &changes).await?;
        let staging = self.stage_before(project, &changes, mode).await?;
        let staged_before = staging.as_ref().map(Staging::generation);
        let (project, is_check) = (Arc::clone(project), mode == Mode::Check);
        let undo = Undo {
            project,
            undone,
            changes,
            brought_back,
            looked_at,
            schema,
            let_back_by,
            staged_before,
            is_check,
        };
        Ok((undo, staging))
    }

    /// Looks for annotations that were changed since the commit `undone` brought their articles back. Much may have been
    /// committed since: so this is done here, and the decision looks at what comes in the last moment.
    async fn look_on(
        &self,
        project: &Arc<ProjectHandle>,
        undone: Revision,
        articles: &[ArticleNumber],
    ) -> Result<BroughtBack> {
        let mut found = BroughtBack { seen: undone, changed: HashMap::new() };
        while !articles.is_empty() {
            let commits = match self.engine.log_after(project.partition, found.seen, FEED_READ_BYTES).await {
                Ok(commits) => commits,
                Err(LogError::Compacted { earliest }) => return Err(compacted(undone, earliest)),
                Err(LogError::Failed(error)) => return Err(error),
            };
            let bytes = record_bytes(&commits);
            let is_near = commits.len() < FEW_COMMITS && bytes < FEED_READ_BYTES / 2;
            let articles = articles.to_vec();
            found = calculate(bytes, move || found.with(&commits, &articles)).await??;
            if is_near {
                break;
            }
        }
        Ok(found)
    }
}

impl BroughtBack {
    /// The same with what these commits changed.
    fn with(mut self, commits: &[Commit], articles: &[ArticleNumber]) -> Result<Self> {
        for commit in commits {
            self.seen = commit.stamp.revision;
            for change in changes(commit) {
                let change = change?;
                if let Some((number, below)) = below_article(&change)
                    && articles.contains(&number)
                {
                    self.changed.entry(number).or_insert(below);
                }
            }
        }
        Ok(self)
    }
}

/// Commits that a decision looks through: fewer, mostly, and never more than this many times as many.
const FEW_COMMITS: usize = 64;
const FEW_COMMITS_TIMES: u64 = 16;

/// What a change is of, if that hangs on an article: the article, and the name below the article's.
fn below_article(change: &ResourceChange) -> Option<(ArticleNumber, String)> {
    match change {
        ResourceChange::Annotation { number, id, .. } => Some((*number, format!("annotations/{id}"))),
        ResourceChange::ArticleLayer { number, layer, .. } => Some((*number, format!("layers/{layer}"))),
        ResourceChange::Project { .. }
        | ResourceChange::LabelSchema { .. }
        | ResourceChange::Article { .. }
        | ResourceChange::Layer { .. } => None,
    }
}

fn compacted(undone: Revision, earliest: Revision) -> Error {
    Error::at("revision", Problem::RevisionCompacted { asked: undone.0, earliest })
}

impl Decision for Undo {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        project_table::require(draft, &self.project.name())?;
        // What was deleted is swept once the log has forgotten that.
        if draft.get(&keys::log(self.undone.0))?.is_none() {
            return Err(compacted(self.undone, self.undone.next()));
        }
        self.require_schema(draft)?;
        draft.undo(self.undone);
        let (mut conflicts, mut count) = (Vec::new(), 0);
        let mut rules = Rules::new(&self.project);
        // Backwards, so that what a change built on is there while it is taken back.
        for change in self.changes.iter().rev() {
            let refused = match change {
                ResourceChange::Project { before: Some(before), after: Some(after) } => {
                    self.undo_project(draft, before, after)?
                }
                ResourceChange::Project { .. } => return Err(super::unexpected()),
                ResourceChange::LabelSchema { before: _, after } => {
                    self.undo_schema(draft, after.as_deref())?
                }
                ResourceChange::Article { number, before, after, cascaded } => {
                    self.undo_article(draft, *number, (before.as_ref(), after.as_ref()), *cascaded)?
                }
                ResourceChange::Layer { before, after } => {
                    self.undo_layer(draft, before.as_ref(), after.as_ref())?
                }
                ResourceChange::ArticleLayer { number, article, layer, before, after } => {
                    let (before, after) = (before.as_ref(), after.as_ref());
                    self.undo_article_layer(draft, (*number, article), layer, before, after)?
                }
                ResourceChange::Annotation { number, article, id, before, after, cascaded } => {
                    let states = (before.as_ref(), after.as_ref());
                    self.undo_annotation(draft, (*number, article), *id, states, *cascaded, &mut rules)?
                }
            };
            count += usize::from(refused.is_some());
            conflicts.extend(refused.filter(|_| conflicts.len() < CONFLICTS_LISTED_MAX));
        }
        if count == 0
            && let Err(broken) = rules.judge(draft)
        {
            conflicts.push(in_the_way(broken)?);
            count = 1;
        }
        if count > 0 {
            return Err(Problem::UndoConflict { revision: self.undone, conflicts, count }.into());
        }
        Ok(())
    }
}

impl Undo {
    fn undo_project(&self, draft: &mut Draft<'_>, before: &Project, after: &Project) -> Result<Refused> {
        let current = project_table::get(draft)?.ok_or_else(super::unexpected)?;
        if current.revision != after.revision {
            return Ok(Some(conflict(self.project.name().to_string(), CHANGED)));
        }
        let stamp = draft.stamp();
        let restored = Project {
            details: before.details.clone(),
            revision: stamp.revision,
            update_time: stamp.time,
            ..current.clone()
        };
        project_table::put(draft, &restored)?;
        let change = ResourceChange::Project { before: Some(current), after: Some(restored) };
        draft.change(changed(Scope::project(self.project.partition), &change));
        Ok(None)
    }

    fn undo_article(
        &self,
        draft: &mut Draft<'_>,
        number: ArticleNumber,
        (before, after): (Option<&StoredArticle>, Option<&StoredArticle>),
        cascaded: bool,
    ) -> Result<Refused> {
        let Some(id) = before.or(after).map(|stored| stored.article.id.clone()) else {
            return Err(super::unexpected());
        };
        let name = self.project.name().article(id.clone());
        let current = article_table::get(draft, number)?;
        let stamp = draft.stamp();
        let now = |stored: &StoredArticle| {
            let mut stored = stored.clone();
            (stored.article.revision, stored.article.update_time) = (stamp.revision, stamp.time);
            stored
        };
        let (restored, cascaded) = match (before, after, &current) {
            (_, Some(_), None) => return Ok(Some(conflict(name.to_string(), DELETED))),
            (_, Some(after), Some(current)) if current.article.revision != after.article.revision => {
                return Ok(Some(conflict(name.to_string(), CHANGED)));
            }
            (Some(before), Some(after), Some(_)) => {
                let restored = now(before);
                if before.text_generation == after.text_generation {
                    article_table::put(draft, number, &restored)?;
                    (Some(restored), false)
                } else {
                    match self.undo_text(draft, number, (before, after), restored)? {
                        Ok(restored) => (Some(restored), cascaded),
                        Err(refused) => return Ok(Some(refused)),
                    }
                }
            }
            (None, Some(_), Some(current)) => {
                let place = ArticlePlace::of(number, current);
                if let Some((below, why)) = self.in_the_way_of_deletion(draft, place)? {
                    return Ok(Some(conflict(format!("{name}/{below}"), why)));
                }
                let mut submitted = layer_table::article_layers(draft, number);
                let was_submitted = submitted.next().transpose()?.is_some();
                drop(submitted);
                let cascaded = was_submitted || place.annotations().count(draft)? > 0;
                article_table::delete(draft, number, &id)?;
                (None, cascaded)
            }
            (Some(before), None, None) => {
                if article_table::place(draft, &id)?.is_some() {
                    return Ok(Some(conflict(name.to_string(), CREATED)));
                }
                let restored = now(before);
                match article_table::restore(draft, number, self.undone, &restored)? {
                    Restored::Yes => {}
                    Restored::DeletedSince => return Ok(Some(conflict(name.to_string(), DELETED))),
                    Restored::Gone => return Ok(Some(conflict(name.to_string(), GONE))),
                }
                (Some(restored), cascaded)
            }
            (Some(_), None, Some(_)) => return Ok(Some(conflict(name.to_string(), CREATED))),
            (None, None, _) => return Err(super::unexpected()),
        };
        let change = ResourceChange::Article { number, before: current, after: restored, cascaded };
        draft.change(changed(Scope::article(self.project.partition, &id), &change));
        Ok(None)
    }

    /// What the commit did not bring with the article that it created or brought back, by its name below the article's.
    fn in_the_way_of_deletion(
        &self,
        draft: &Draft<'_>,
        place: ArticlePlace,
    ) -> Result<Option<(String, &'static str)>> {
        let number = place.number;
        if !self.brought_back.contains(&number) {
            let first = place.annotations().in_document_order(draft, None, None)?.next().transpose()?;
            let submitted = layer_table::article_layers(draft, number).next().transpose()?;
            return Ok(first
                .map(|first| format!("annotations/{}", first.key.id()))
                .or_else(|| submitted.map(|submitted| format!("layers/{}", submitted.layer)))
                .map(|below| (below, CREATED)));
        }
        let BroughtBack { seen, changed } = &self.looked_at;
        if let Some(changed) = changed.get(&number) {
            return Ok(Some((changed.clone(), CHANGED)));
        }
        let few = u64::try_from(FEW_COMMITS).unwrap_or(u64::MAX) * FEW_COMMITS_TIMES;
        if draft.stamp().revision.0 > seen.0.saturating_add(few) {
            return Err(Problem::Overloaded.into());
        }
        let mut revision = seen.next();
        let mut since = BroughtBack::default();
        while revision < draft.stamp().revision {
            let commit = logged(draft, revision)?.ok_or_else(|| compacted(revision, revision.next()))?;
            since = since.with(&[commit], &[number])?;
            revision = revision.next();
        }
        Ok(since.changed.remove(&number).map(|changed| (changed, CHANGED)))
    }

    fn undo_annotation<'u>(
        &'u self,
        draft: &mut Draft<'_>,
        (number, article): (ArticleNumber, &'u ArticleId),
        id: AnnotationId,
        (before, after): (Option<&Annotation>, Option<&Annotation>),
        cascaded: bool,
        rules: &mut Rules<'u>,
    ) -> Result<Refused> {
        let name = || self.project.name().article(article.clone()).annotation(id).to_string();
        let Some(stored) = article_table::get(draft, number)? else {
            return Ok(Some(conflict(name(), ARTICLE_GONE)));
        };
        let index = ArticlePlace::of(number, &stored).annotations();
        let entry = index.get(draft, id)?;
        let current = entry.as_ref().map(Entry::annotation).transpose()?;
        match (after, &current) {
            (Some(_), None) => return Ok(Some(conflict(name(), DELETED))),
            (Some(after), Some(current)) if current.revision != after.revision => {
                return Ok(Some(conflict(name(), CHANGED)));
            }
            (None, Some(_)) => return Ok(Some(conflict(name(), CREATED))),
            (Some(_), Some(_)) | (None, None) => {}
        }
        // Its spans count in a text that is there no more.
        if before
            .is_some_and(|before| before.text_revision != stored.article.text.revision && !before.is_orphan())
        {
            return Ok(Some(conflict(self.project.name().article(article.clone()).to_string(), CHANGED)));
        }
        let stamp = draft.stamp();
        let restored = before.map(|before| Annotation {
            revision: stamp.revision,
            update_time: stamp.time,
            ..before.clone()
        });
        let value = restored.as_ref().map(|restored| records::annotation(restored).encode_to_vec());
        let after = restored.as_ref().zip(value.map(Into::into));
        // That its id is free was seen.
        let place = Place { partition: self.project.partition, index, article };
        let stored = entry.as_ref().zip(current.as_ref());
        let change = annotation_rows::Change { id, before: stored, after, cascaded };
        annotation_rows::put(draft, place, change)?;
        rules.touch(Touched {
            path: "",
            place,
            before: current,
            after: restored,
            empty_at: None,
            force: false,
        });
        Ok(None)
    }
}

/// What a rule says of the state that an undo would leave, as what stands in its way.
fn in_the_way(Broken { name, refusal }: Broken) -> Result<Conflict> {
    let name = name.map(|name| name.to_string());
    match (&refusal.problem, name) {
        (Problem::HasChildren { name, .. }, _) => Ok(conflict(name.clone(), USED)),
        (Problem::ResourceNotFound { name }, _) => Ok(conflict(name.clone(), DELETED)),
        (Problem::SchemaViolated { .. } | Problem::SpanEmpty, Some(name)) => Ok(conflict(name, BREAKS_NOW)),
        (Problem::FieldInvalid(_), Some(name)) => Ok(conflict(name, CHANGED)),
        (_, _) => Err(refusal),
    }
}

fn conflict(name: String, why: &'static str) -> Conflict {
    Conflict { name, why }
}
