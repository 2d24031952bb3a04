//! A new text is taken back by another one: the text of before, as the next text revision, with all annotations as they
//! stood in it.

use std::{collections::HashSet, sync::Arc};

use super::{
    super::{App, calculate, changes, projects::ProjectHandle, revisions::generations, staging::Staging},
    Undo, conflict,
};
use crate::{
    domain::{
        Error, Problem, Result, annotations::Annotation, errors::Conflict, ids::AnnotationId,
        text_revisions::AnchoringCounts,
    },
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        engine::{Commit, Draft, Mode, View},
        keys::{ArticleNumber, Generation},
        records::{ResourceChange, StoredArticle},
        sort_key::SortKey,
        text_revision_table,
    },
};

const ANNOTATED: &str = "has annotations that were changed since";

/// Whether a change gave its article another text; then both.
fn texts(change: &ResourceChange) -> Option<(ArticleNumber, &StoredArticle, &StoredArticle)> {
    match change {
        ResourceChange::Article { number, before: Some(before), after: Some(after), cascaded: _ }
            if before.text_generation != after.text_generation =>
        {
            Some((*number, before, after))
        }
        ResourceChange::Project { .. }
        | ResourceChange::LabelSchema { .. }
        | ResourceChange::Article { .. }
        | ResourceChange::Annotation { .. }
        | ResourceChange::Layer { .. }
        | ResourceChange::ArticleLayer { .. } => None,
    }
}

/// Whether the article stands as the commit left it that gave it the text of `after`, with its annotations.
fn is_as_left(view: &dyn View, number: ArticleNumber, after: &StoredArticle) -> Result<bool> {
    let left = after.article.revision;
    let Some(stored) = article_table::get(view, number)? else { return Ok(false) };
    let index = ArticlePlace::of(number, &stored).annotations();
    Ok(stored.article.revision == left && index.changed_revision(view)? <= left)
}

impl App {
    /// Stages the text that stood before these changes, if they gave an article another one, and its annotations; unless
    /// that would be of no use.
    pub(super) async fn stage_before(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        changes: &[ResourceChange],
        mode: Mode,
    ) -> Result<Option<Staging>> {
        let Some((number, before, after)) = changes.iter().find_map(texts) else { return Ok(None) };
        let left = after.clone();
        let read = project.read(self.engine.as_ref(), move |view| is_as_left(view, number, &left));
        // The decision says what is in the way.
        if mode == Mode::Check || !read.await?.value {
            return Ok(None);
        }
        let place = self.revisions.acquire().await;
        let _place = place.map_err(|_| Error::from(Problem::ShuttingDown))?;
        let text = self.text_of(project, number, before).await?;
        let place = |stored| ArticlePlace::of(number, stored).annotations();
        let all = generations::read_all(self, project, place(before), |_| Ok(())).await?;
        let kept = self.kept(project, place(after), &all).await?;
        let staging = self.stage(project, number).await?;
        let generation = staging.generation();
        staging.put(article_table::text_rows(number, generation, text.as_str())).await?;
        let (had, latest) = (before.article.text.revision, next_text_revision(after)?);
        let index = AnnotationIndex::new(number, generation);
        let rows = calculate(usize::MAX, move || staged_rows(index, all, &kept, (had, latest)));
        staging.put(rows.await??).await?;
        Ok(Some(staging))
    }

    /// Those of `all` that the new text did nothing to: they had lost their place before, and are in the generation after,
    /// which is `after`, at their own revision.
    async fn kept(
        &self,
        project: &Arc<ProjectHandle>,
        after: AnnotationIndex,
        all: &[Annotation],
    ) -> Result<HashSet<AnnotationId>> {
        const ANNOTATIONS: usize = 256;
        let orphans: Vec<_> =
            all.iter().filter(|it| it.is_orphan()).map(|orphan| (orphan.id, orphan.revision)).collect();
        let mut kept = HashSet::new();
        for some in orphans.chunks(ANNOTATIONS) {
            let some = some.to_vec();
            let read = project.read(self.engine.as_ref(), move |view| {
                let mut untouched = Vec::new();
                for (id, revision) in some {
                    let Some(entry) = after.get(view, id)? else { continue };
                    if entry.annotation()?.revision == revision {
                        untouched.push(id);
                    }
                }
                Ok(untouched)
            });
            kept.extend(read.await?.value);
        }
        Ok(kept)
    }
}

fn next_text_revision(after: &StoredArticle) -> Result<u32> {
    let used_up = || Error::corrupt("all text revisions of an article are used");
    after.article.text.revision.checked_add(1).ok_or_else(used_up)
}

/// The rows of annotations as they stood in the text revision `had`, which comes back as `latest`.
fn staged_rows(
    index: AnnotationIndex,
    mut all: Vec<Annotation>,
    kept: &HashSet<AnnotationId>,
    (had, latest): (u32, u32),
) -> Result<Vec<(bytes::Bytes, bytes::Bytes)>> {
    all.sort_unstable_by_key(SortKey::of_annotation);
    for annotation in &mut all {
        if annotation.text_revision == had && !annotation.is_orphan() {
            annotation.text_revision = latest;
        }
    }
    let (kept, changed): (Vec<_>, Vec<_>) = all.iter().partition(|annotation| kept.contains(&annotation.id));
    text_revision_table::annotation_rows(index, changed, kept, latest)
}

impl Undo {
    /// Switches an article, which stands as the commit left it whose text is taken back, to the text and the annotations of
    /// before; `restored` is how the rest of its row is to be. The row as it is then, or what is in the way.
    pub(super) fn undo_text(
        &self,
        draft: &mut Draft<'_>,
        number: ArticleNumber,
        (before, after): (&StoredArticle, &StoredArticle),
        mut restored: StoredArticle,
    ) -> Result<Result<StoredArticle, Conflict>> {
        if !is_as_left(draft, number, after)? {
            let name = self.project.name().article(after.article.id.clone());
            return Ok(Err(conflict(name.to_string(), ANNOTATED)));
        }
        restored.article.text = before.article.text;
        restored.article.text.revision = next_text_revision(after)?;
        if self.is_check {
            return Ok(Ok(restored));
        }
        // Without: what was in the way when it was to be staged was just taken back.
        let generation = self.staged_before.ok_or(Problem::Overloaded)?;
        (restored.text_generation, restored.annotation_generation) = (generation, generation);
        if !text_revision_table::switch(draft, number, after, &restored, AnchoringCounts::default())? {
            return Err(Problem::Overloaded.into());
        }
        Ok(Ok(restored))
    }
}

/// Whether a commit switched to `generation`.
pub(super) fn switched_to(commit: &Commit, generation: Generation) -> bool {
    let is_switch = |change: &ResourceChange| {
        texts(change).is_some_and(|(_, _, after)| after.text_generation == generation)
    };
    changes(commit).flatten().any(|change| is_switch(&change))
}
