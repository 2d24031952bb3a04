//! A layer is deleted: what was declared of it, and by force its annotations before, article by article.

use std::{collections::HashSet, sync::Arc};

use super::{
    App,
    annotation_reads::{ARTICLE_COSTS_ENTRIES, VIEW_ENTRIES_MAX},
    annotation_rows::{self, Place},
    annotation_rules::{Rules, Touched},
    answers::Scope,
    article_layers::counts_in,
    changed, changes,
    layers::check_etag,
    projects::{Deletion, ProjectHandle},
};
use crate::{
    domain::{
        Error, Problem, Result,
        ids::{AnnotationId, ArticleId, LayerId, LayerName},
        layers::{LayerCounts, LayerState},
    },
    limits::COMMIT_WRITES_MAX,
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        engine::{Attempt, Decision, Draft, Mode},
        keys::ArticleNumber,
        layer_table, project_table,
        records::ResourceChange,
    },
};

/// How often all articles are looked through for what was annotated meanwhile.
const ROUNDS_MAX: usize = 8;

/// An article that has something of a layer.
#[derive(Debug)]
struct Holder {
    number: ArticleNumber,
    article: ArticleId,
    is_submitted: bool,
}

/// Deletes some annotations of a layer in an article: the last of `ids`, and first the relations that use them.
struct Emptying {
    project: Arc<ProjectHandle>,
    deletion: Deletion<LayerName>,
    number: ArticleNumber,
    article: ArticleId,
    ids: Vec<AnnotationId>,
}

impl App {
    /// Deletes a layer: with `force` its annotations first, in commits of [`COMMIT_WRITES_MAX`] and a few more. What was
    /// deleted by then is, if the call ends in between; called again, it goes on.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, HAS_CHILDREN, LAYER_LOCKED, REQUEST_ID_REUSED; OVERLOADED when its annotations are
    /// made as fast as they are deleted.
    pub async fn delete_layer(&self, deletion: Deletion<LayerName>, attempt: Attempt) -> Result<()> {
        let project = self.project(&deletion.name.parent())?;
        // By the time of a retry, there may be another layer of this name.
        if let Some(request) = attempt.retried()
            && self.engine.carried_out(project.partition, *request).await?.is_some()
        {
            return Ok(());
        }
        let was_there = self.check_deletion(&project, &deletion).await?;
        if !was_there && attempt.retried().is_none() {
            return Ok(());
        }
        for _ in 0..ROUNDS_MAX {
            self.empty_layer(&project, &deletion, attempt.mode).await?;
            let decision = layer_deletion(Arc::clone(&project), deletion.clone(), was_there, attempt.mode);
            match self.engine.attempt(project.partition, Arc::new(decision), attempt).await {
                // Somebody annotated meanwhile.
                Err(Error { problem: Problem::HasChildren { .. }, .. }) if deletion.force => {}
                deleted => return deleted.map(drop),
            }
        }
        Err(Problem::Overloaded.into())
    }

    /// Checks the etag, and that there is a layer; whether there is.
    async fn check_deletion(&self, project: &ProjectHandle, deletion: &Deletion<LayerName>) -> Result<bool> {
        let id = deletion.name.layer.clone();
        let known =
            project.read(self.engine.as_ref(), move |view| layer_table::known(view, &id)).await?.value;
        let Some(known) = known else {
            let missing = Problem::ResourceNotFound { name: deletion.name.to_string() };
            return if deletion.allow_missing { Ok(false) } else { Err(Error::at("name", missing)) };
        };
        match &known.declared {
            Some(layer) => {
                let checked = check_etag(project, layer, &deletion.etag);
                checked.map_err(|error| error.within("etag"))?;
            }
            None if deletion.etag.is_empty() => {}
            None => return Err(no_etag(&deletion.name)),
        }
        if !known.counts.is_empty() && !deletion.force {
            return Err(has_annotations(&deletion.name, known.counts));
        }
        Ok(true)
    }

    /// Deletes a layer's annotations, if that is forced. Nobody may have submitted it either way.
    async fn empty_layer(
        &self,
        project: &Arc<ProjectHandle>,
        deletion: &Deletion<LayerName>,
        mode: Mode,
    ) -> Result<()> {
        let holders = self.holders(project, &deletion.name.layer).await?;
        if let Some(locked) = holders.iter().find(|holder| holder.is_submitted) {
            let article = project.name().article(locked.article.clone());
            let name = article.layer(deletion.name.layer.clone()).to_string();
            return Err(Problem::LayerLocked { name }.into());
        }
        if !deletion.force || mode == Mode::Check {
            return Ok(());
        }
        for holder in holders {
            self.empty_article(project, deletion, holder).await?;
        }
        Ok(())
    }

    /// The articles that have annotations of a layer, or that it was submitted in.
    async fn holders(&self, project: &ProjectHandle, layer: &LayerId) -> Result<Vec<Holder>> {
        let (mut holders, mut from) = (Vec::new(), Some(ArticleNumber(0)));
        while let Some(first) = from {
            let layer = layer.clone();
            let read = project.read(self.engine.as_ref(), move |view| {
                let mut articles_left = VIEW_ENTRIES_MAX / ARTICLE_COSTS_ENTRIES;
                for article in article_table::articles(view, first) {
                    let (number, stored) = article?;
                    if articles_left == 0 {
                        return Ok((holders, Some(number)));
                    }
                    articles_left -= 1;
                    let kept = layer_table::article_layer(view, number, &layer)?;
                    let counts = counts_in(view, ArticlePlace::of(number, &stored), &layer)?;
                    if kept.is_some() || !counts.is_empty() {
                        let is_submitted = kept.is_some_and(|kept| kept.state == LayerState::Submitted);
                        holders.push(Holder { number, article: stored.article.id, is_submitted });
                    }
                }
                Ok((holders, None))
            });
            (holders, from) = read.await?.value;
        }
        Ok(holders)
    }

    /// Deletes a layer's annotations in an article, and then what was kept of its being submitted there.
    async fn empty_article(
        &self,
        project: &Arc<ProjectHandle>,
        deletion: &Deletion<LayerName>,
        holder: Holder,
    ) -> Result<()> {
        let Holder { number, article, is_submitted: _ } = holder;
        let mut ids = self.ids_of_layer(project, number, &deletion.name.layer).await?;
        loop {
            let last = ids.get(ids.len().saturating_sub(COMMIT_WRITES_MAX)..).unwrap_or_default().to_vec();
            let (project, deletion) = (Arc::clone(project), deletion.clone());
            let emptying = Emptying { project, deletion, number, article: article.clone(), ids: last };
            let partition = emptying.project.partition;
            let commit = self.engine.commit(partition, Arc::new(emptying), Mode::Apply).await?;
            let mut deleted = HashSet::new();
            for change in changes(&commit) {
                if let ResourceChange::Annotation { id, .. } = change? {
                    deleted.insert(id);
                }
            }
            // Others may have been deleted by somebody else.
            ids.truncate(ids.len().saturating_sub(if deleted.is_empty() { COMMIT_WRITES_MAX } else { 0 }));
            ids.retain(|id| !deleted.contains(id));
            if ids.is_empty() {
                return Ok(());
            }
        }
    }

    /// The annotations of a layer in an article, in document order: relations behind what they use, if that is no relation.
    async fn ids_of_layer(
        &self,
        project: &ProjectHandle,
        number: ArticleNumber,
        layer: &LayerId,
    ) -> Result<Vec<AnnotationId>> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let layer = layer.clone();
            let read = project.read(self.engine.as_ref(), move |view| {
                let Some(stored) = article_table::get(view, number)? else { return Ok((ids, None)) };
                let index = ArticlePlace::of(number, &stored).annotations();
                for (looked_at, entry) in index.in_document_order(view, None, after)?.enumerate() {
                    if looked_at >= VIEW_ENTRIES_MAX {
                        return Ok((ids, after));
                    }
                    let entry = entry?;
                    if entry.annotation()?.layer == layer {
                        ids.push(entry.key.id());
                    }
                    after = Some(entry.key.position());
                }
                Ok((ids, None))
            });
            (ids, after) = read.await?.value;
            if after.is_none() {
                return Ok(ids);
            }
        }
    }
}

impl Decision for Emptying {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        let Self { project, deletion, number, article, ids } = self;
        let layer = &deletion.name.layer;
        project_table::require(draft, &project.name())?;
        if !deletion.etag.is_empty() {
            let missing = || Error::at("name", Problem::ResourceNotFound { name: deletion.name.to_string() });
            let declared = layer_table::get(draft, layer)?.ok_or_else(missing)?;
            check_etag(project, &declared, &deletion.etag).map_err(|error| error.within("etag"))?;
        }
        let Some(stored) = article_table::get(draft, *number)? else { return Ok(()) };
        let place = ArticlePlace::of(*number, &stored);
        let index = place.annotations();
        let mut rules = Rules::new(project);
        let mut deleted = 0;
        for id in ids.iter().rev() {
            if deleted >= COMMIT_WRITES_MAX {
                break;
            }
            let place = Place { partition: project.partition, index, article };
            deleted += delete_with_users(draft, place, *id, COMMIT_WRITES_MAX - deleted, &mut rules)?;
        }
        rules.judge(draft)?;
        if counts_in(draft, place, layer)?.is_empty()
            && let Some(before) = layer_table::article_layer(draft, *number, layer)?
            && before.state == LayerState::Open
        {
            layer_table::delete_article_layer(draft, *number, layer)?;
            let (article, layer) = (article.clone(), layer.clone());
            let scope = Scope::article(project.partition, &article);
            let before = Some(before);
            let change =
                ResourceChange::ArticleLayer { number: *number, article, layer, before, after: None };
            draft.change(changed(scope, &change));
        }
        Ok(())
    }
}

/// Deletes an annotation, and before it all that use it, at most `max` of them: so nothing is left that uses what is gone.
/// Relations in a circle go together, as the rules have it. Returns how many were deleted.
fn delete_with_users<'e>(
    draft: &mut Draft<'_>,
    place: Place<'e>,
    id: AnnotationId,
    max: usize,
    rules: &mut Rules<'e>,
) -> Result<usize> {
    let (mut path, mut seen, mut deleted) = (vec![id], HashSet::from([id]), 0);
    while let Some(last) = path.last().copied() {
        if let Some(user) = first_unseen_user(draft, place.index, last, &seen)? {
            seen.insert(user);
            path.push(user);
            continue;
        }
        if deleted == max {
            break;
        }
        path.pop();
        let Some(entry) = place.index.get(draft, last)? else { continue };
        let before = entry.annotation()?;
        let change = annotation_rows::Change {
            id: last,
            before: Some((&entry, &before)),
            after: None,
            cascaded: false,
        };
        annotation_rows::put(draft, place, change)?;
        let (before, after) = (Some(before), None);
        rules.touch(Touched { path: "", place, before, after, empty_at: None, force: true });
        deleted += 1;
    }
    Ok(deleted)
}

fn first_unseen_user(
    draft: &Draft<'_>,
    index: AnnotationIndex,
    id: AnnotationId,
    seen: &HashSet<AnnotationId>,
) -> Result<Option<AnnotationId>> {
    let unseen = |user: &Result<AnnotationId>| user.as_ref().map_or(true, |user| !seen.contains(user));
    index.references_to(draft, id).find(unseen).transpose()
}

/// Deletes what was declared of a layer that no annotations are on.
fn layer_deletion(
    project: Arc<ProjectHandle>,
    deletion: Deletion<LayerName>,
    was_there: bool,
    mode: Mode,
) -> impl Decision + 'static {
    move |draft: &mut Draft<'_>| {
        let Deletion { name, etag, force, allow_missing } = &deletion;
        project_table::require(draft, &project.name())?;
        let declared = layer_table::get(draft, &name.layer)?;
        match &declared {
            Some(layer) => {
                check_etag(&project, layer, etag).map_err(|error| error.within("etag"))?;
            }
            None if !etag.is_empty() => return Err(no_etag(name)),
            None => {}
        }
        let counts = layer_table::counts(draft, &name.layer)?;
        let would_be_gone = *force && mode == Mode::Check;
        if !counts.is_empty() && !would_be_gone {
            return Err(has_annotations(name, counts));
        }
        let Some(before) = declared else {
            if *allow_missing || was_there {
                return Ok(());
            }
            return Err(Error::at("name", Problem::ResourceNotFound { name: name.to_string() }));
        };
        layer_table::delete(draft, &name.layer)?;
        let change = ResourceChange::Layer { before: Some(before), after: None };
        draft.change(changed(Scope::layers(project.partition), &change));
        Ok(())
    }
}

fn has_annotations(name: &LayerName, counts: LayerCounts) -> Error {
    let count = counts.annotations();
    let children = format!("{count} annotation{}", if count == 1 { "" } else { "s" });
    Problem::HasChildren { name: name.to_string(), children }.into()
}

fn no_etag(name: &LayerName) -> Error {
    Error::field("etag", format!("is of no state of {name}, which was not declared; leave it out"))
}
