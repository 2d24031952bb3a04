//! A revision while it is prepared: all annotations are carried over in memory and staged, and what others do to them
//! meanwhile is carried over behind that.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    super::{
        App, article_commits::check_etag, articles::answer, calculate, changes, projects::ProjectHandle,
        record_bytes, staging::Staging,
    },
    Listed, ReadText, Revised,
    decision::Revise,
    generations, revised_article,
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, TargetKind},
        articles::TextIdentity,
        ids::{AnnotationId, ArticleName},
        revising::{Carried, Revising},
        revisions::Revision,
        text::Text,
        text_revisions::AnchoringCounts,
    },
    limits::{FEED_READ_BYTES, LATE_ANNOTATIONS_MAX},
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        engine::{Commit, Draft, LogError, Stamp, Timestamp, View},
        keys::ArticleNumber,
        records::{ResourceChange, StoredArticle},
        sort_key::SortKey,
        text_revision_table,
    },
};

/// Annotations by id, as they stand in the new text.
pub(super) type CarriedById = HashMap<AnnotationId, Carried>;

/// See the [module](self).
pub(super) struct Work {
    app: Arc<App>,
    project: Arc<ProjectHandle>,
    name: ArticleName,
    pub(super) number: ArticleNumber,
    /// The article as it was when it was read.
    pub(super) before: StoredArticle,
    pub(super) new: TextIdentity,
    text: Arc<Text>,
    pub(super) revising: Arc<Revising<Arc<Text>>>,
    pub(super) carried: Arc<CarriedById>,
    pub(super) counts: AnchoringCounts,
    /// What was committed up to here is carried over.
    pub(super) seen: Revision,
    staging: Option<Staging>,
}

/// What a walk through the log found of the annotations.
type Changed = HashMap<AnnotationId, Option<Annotation>>;

impl Work {
    /// Compares both texts, and carries the annotations over.
    pub(super) async fn begin(
        app: &Arc<App>,
        project: &Arc<ProjectHandle>,
        name: &ArticleName,
        etag: &str,
        new: &ReadText,
    ) -> Result<Self> {
        let id = name.article.clone();
        let read = project.read(app.engine.as_ref(), move |view| article_table::find(view, &id)).await?;
        let missing = || Error::at("name", Problem::ResourceNotFound { name: name.to_string() });
        let (number, before) = read.value.ok_or_else(missing)?;
        check_etag(project, &before, etag, name).map_err(|error| error.within("etag"))?;
        let from = before.article.text.revision;
        if before.article.text.sha256 == new.sha256 {
            let message = format!("is the text already, of text revision {from}; there is nothing to revise");
            return Err(Error::field("text", message));
        }
        let used_up = || Error::corrupt("all text revisions of an article are used");
        let revision = from.checked_add(1).ok_or_else(used_up)?;
        let identity = TextIdentity { revision, sha256: new.sha256, length: new.text.length() };
        let old = app.text_of(project, number, &before).await?;
        let (text, bytes) = (Arc::clone(&new.text), old.as_str().len() + new.text.as_str().len());
        let revising = calculate(bytes, move || Revising::new((old, from), (text, revision))).await?;
        let mut work = Self {
            app: Arc::clone(app),
            project: Arc::clone(project),
            name: name.clone(),
            number,
            before,
            new: identity,
            text: Arc::clone(&new.text),
            revising: Arc::new(revising),
            carried: Arc::default(),
            counts: AnchoringCounts::default(),
            seen: read.revision,
            staging: None,
        };
        let still = work.still_stands();
        let all = generations::read_all(app, project, work.old_index(), still).await?;
        work.carry(all.into_iter().map(|annotation| (annotation.id, Some(annotation))).collect()).await?;
        work.catch_up().await?;
        Ok(work)
    }

    fn old_index(&self) -> AnnotationIndex {
        ArticlePlace::of(self.number, &self.before).annotations()
    }

    /// Refuses a view in which the article has another text, or is gone.
    fn still_stands(&self) -> impl Fn(&dyn View) -> Result<()> + Clone + Send + use<> {
        let (number, generation) = (self.number, self.before.annotation_generation);
        let (sent, name) = (self.before.article.text.revision, self.name.to_string());
        move |view| match article_table::get(view, number)? {
            Some(stored) if stored.annotation_generation == generation => Ok(()),
            Some(stored) => {
                let latest = stored.article.text.revision;
                Err(Problem::TextRevisionStale { sent, latest }.into())
            }
            None => Err(Error::at("name", Problem::ResourceNotFound { name: name.clone() })),
        }
    }

    /// Carries annotations over, or forgets those that are not there any more. Returns those of which something changes.
    async fn carry(&mut self, changed: Changed) -> Result<HashSet<AnnotationId>> {
        // About what it takes to carry over as much text.
        const ANNOTATION_BYTES: usize = 1_024;
        let (revising, carried) = (Arc::clone(&self.revising), std::mem::take(&mut self.carried));
        let mut counts = self.counts;
        let bytes = ANNOTATION_BYTES * changed.len();
        let work = move || {
            let mut carried = Arc::try_unwrap(carried).unwrap_or_else(|shared| (*shared).clone());
            let touched = carry_all(&revising, &mut carried, &mut counts, changed);
            (carried, counts, touched)
        };
        let (carried, counts, touched) = calculate(bytes, work).await?;
        (self.carried, self.counts) = (Arc::new(carried), counts);
        Ok(touched)
    }

    /// Stages the text and all annotations.
    pub(super) async fn stage(&mut self) -> Result<()> {
        let staging = self.app.stage(&self.project, self.number).await?;
        let generation = staging.generation();
        staging.put(article_table::text_rows(self.number, generation, self.text.as_str())).await?;
        let index = AnnotationIndex::new(self.number, generation);
        let (carried, to) = (Arc::clone(&self.carried), self.revising.to());
        let rows = calculate(usize::MAX, move || {
            let mut sorted: Vec<_> = carried.values().collect();
            sorted.sort_unstable_by_key(|carried| SortKey::of_annotation(&carried.annotation));
            let (kept, changed): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|carried| carried.is_kept);
            let annotations =
                |of: Vec<_>| of.into_iter().map(|it: &Carried| &it.annotation).collect::<Vec<_>>();
            text_revision_table::annotation_rows(index, annotations(changed), annotations(kept), to)
        });
        staging.put(rows.await??).await?;
        self.staging = Some(staging);
        Ok(())
    }

    /// Carries over what was done to the annotations since, until there is little more of it.
    pub(super) async fn catch_up(&mut self) -> Result<()> {
        loop {
            let (index, still) = (self.old_index(), self.still_stands());
            let (seen, had_any) = (self.seen, !self.carried.is_empty());
            let read = self.project.read(self.app.engine.as_ref(), move |view| {
                still(view)?;
                index.is_changed_since(view, seen, had_any)
            });
            let read = read.await?;
            if !read.value {
                self.seen = read.revision;
                return Ok(());
            }
            let is_near = self.read_on().await?;
            if is_near {
                return Ok(());
            }
        }
    }

    /// Reads on in the log. Whether little was done.
    async fn read_on(&mut self) -> Result<bool> {
        const FEW_COMMITS: usize = 64;
        let log = self.app.engine.log_after(self.project.partition, self.seen, FEED_READ_BYTES).await;
        let commits = match log {
            Ok(commits) => commits,
            // From anew, then.
            Err(LogError::Compacted { .. }) => return Err(self.stale()),
            Err(LogError::Failed(error)) => return Err(error),
        };
        let Some(last) = commits.last() else { return Ok(true) };
        self.seen = last.stamp.revision;
        let count = commits.len();
        let (number, bytes) = (self.number, record_bytes(&commits));
        let changed = calculate(bytes, move || changed_annotations(&commits, number)).await??;
        let touched = self.carry(changed).await?;
        let is_near =
            count < FEW_COMMITS && bytes < FEED_READ_BYTES / 2 && touched.len() < LATE_ANNOTATIONS_MAX / 4;
        self.stage_again(touched).await?;
        Ok(is_near)
    }

    /// Stages some annotations again, a few at a time.
    async fn stage_again(&self, touched: HashSet<AnnotationId>) -> Result<()> {
        const ANNOTATIONS: usize = 64;
        let Some(staging) = &self.staging else { return Ok(()) };
        let index = AnnotationIndex::new(self.number, staging.generation());
        let touched: Vec<_> = touched.into_iter().collect();
        for some in touched.chunks(ANNOTATIONS) {
            let some: Vec<_> = some.iter().map(|id| (*id, self.carried.get(id).cloned())).collect();
            let to = self.revising.to();
            let read = self.project.read(self.app.engine.as_ref(), move |view| {
                let mut draft = Draft::new(view, Stamp { revision: Revision(0), time: Timestamp(0) });
                for (id, after) in &some {
                    let after = after.as_ref().map(|after| (&after.annotation, after.is_kept));
                    text_revision_table::stage(&mut draft, index, *id, after, to)?;
                }
                Ok(draft.into_parts().0)
            });
            staging.change(read.await?.value).await?;
        }
        Ok(())
    }

    fn stale(&self) -> Error {
        let revision = self.before.article.text.revision;
        Problem::TextRevisionStale { sent: revision, latest: revision }.into()
    }

    /// The commit that switches to what is staged; without that, it is only to be asked.
    pub(super) fn decision(&self, etag: &str) -> Revise {
        Revise {
            project: Arc::clone(&self.project),
            name: self.name.clone(),
            etag: etag.to_owned(),
            number: self.number,
            before: ArticlePlace::of(self.number, &self.before),
            text_generation: self.before.text_generation,
            text_revision: self.before.article.text.revision,
            new: self.new,
            generation: self.staging.as_ref().map(Staging::generation),
            revising: Arc::clone(&self.revising),
            carried: Arc::clone(&self.carried),
            counts: self.counts,
            seen: self.seen,
        }
    }

    /// What a commit that is only asked would do.
    pub(super) fn preview(&self, commit: &Commit) -> Result<Revised> {
        let (_, stored) = revised_article(commit)?;
        let needs_review =
            |carried: &&Carried| carried.annotation.anchoring.is_some_and(|anchoring| anchoring.needs_review);
        let mut found: Vec<_> = self.carried.values().filter(needs_review).collect();
        found.sort_unstable_by_key(|carried| SortKey::of_annotation(&carried.annotation).position());
        let mut listed = Listed::new(&self.name);
        for carried in found {
            let mut annotation = carried.annotation.clone();
            if !carried.is_kept {
                annotation.revision = commit.stamp.revision;
                annotation.update_time = commit.stamp.time.max(annotation.create_time);
            }
            if !listed.add(annotation) {
                break;
            }
        }
        let article = answer(&self.project, stored, None);
        let (counts, revision) = (self.counts, commit.stamp.revision);
        Ok(Revised { article, counts, needs_review: listed.annotations, revision })
    }

    /// Ends the work that the commit, or an earlier one by the same request, has done.
    pub(super) fn finish(self, new: &ReadText, commit: &Commit) {
        let Some(staging) = self.staging else { return };
        let is_own = |stored: &StoredArticle| stored.text_generation == staging.generation();
        if let Ok((number, stored)) = revised_article(commit)
            && is_own(&stored)
        {
            let text = Arc::clone(&new.text);
            self.app.keep_text(self.project.partition, number, stored.text_generation, text);
            staging.switched();
        }
    }
}

/// What commits did to annotations of an article.
pub(super) fn changed_annotations(commits: &[Commit], number: ArticleNumber) -> Result<Changed> {
    let mut changed = HashMap::new();
    for change in commits.iter().flat_map(changes) {
        if let ResourceChange::Annotation { number: of, id, after, .. } = change?
            && of == number
        {
            changed.insert(id, after);
        }
    }
    Ok(changed)
}

/// Carries annotations over into `carried`, which `counts` counts, and returns those of which something changes there.
fn carry_all(
    revising: &Revising<Arc<Text>>,
    carried: &mut CarriedById,
    counts: &mut AnchoringCounts,
    changed: Changed,
) -> HashSet<AnnotationId> {
    let mut touched: HashSet<_> = changed.keys().copied().collect();
    for (id, annotation) in changed {
        let after = annotation.map(|annotation| revising.carry(annotation));
        exchange(carried, counts, id, after);
    }
    let is_relation = |carried: &&Carried| carried.annotation.target.kind() == TargetKind::Relation;
    let settled = revising.settle(carried.values().filter(is_relation), |id| carried.get(&id));
    for relation in settled {
        let id = relation.annotation.id;
        touched.insert(id);
        exchange(carried, counts, id, Some(relation));
    }
    touched
}

fn exchange(
    carried: &mut CarriedById,
    counts: &mut AnchoringCounts,
    id: AnnotationId,
    after: Option<Carried>,
) {
    if let Some(after) = &after {
        counts.count(&after.annotation);
    }
    let before = match after {
        Some(after) => carried.insert(id, after),
        None => carried.remove(&id),
    };
    if let Some(before) = before {
        counts.forget(&before.annotation);
    }
}
