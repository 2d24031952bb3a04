//! The commit that gives an article another text: it switches to what is staged, and carries over what was done to the
//! annotations in the last moment.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    super::{answers::Scope, article_commits::check_etag, changed, projects::ProjectHandle},
    work::{CarriedById, changed_annotations},
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::TargetKind,
        articles::TextIdentity,
        ids::{AnnotationId, ArticleName},
        revising::{Carried, Revising},
        revisions::Revision,
        text::Text,
        text_revisions::AnchoringCounts,
    },
    limits::{LATE_ANNOTATIONS_MAX, LATE_BYTES_MAX, LATE_COMMITS_MAX},
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        committer::logged,
        engine::{Decision, Draft},
        keys::{ArticleNumber, Generation},
        project_table,
        records::ResourceChange,
        text_revision_table,
    },
};

/// See the [module](self).
pub(super) struct Revise {
    pub(super) project: Arc<ProjectHandle>,
    pub(super) name: ArticleName,
    pub(super) etag: String,
    pub(super) number: ArticleNumber,
    /// The annotations that were carried over.
    pub(super) before: ArticlePlace,
    pub(super) text_generation: Generation,
    pub(super) text_revision: u32,
    pub(super) new: TextIdentity,
    /// Where text and annotations are staged, if they are.
    pub(super) generation: Option<Generation>,
    pub(super) revising: Arc<Revising<Arc<Text>>>,
    pub(super) carried: Arc<CarriedById>,
    pub(super) counts: AnchoringCounts,
    /// What was committed up to here is carried over.
    pub(super) seen: Revision,
}

impl Decision for Revise {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        project_table::require(draft, &self.project.name())?;
        let missing = || Problem::ResourceNotFound { name: self.name.to_string() };
        let stored = article_table::get(draft, self.number)?;
        let before = stored.ok_or_else(|| Error::at("name", missing()))?;
        check_etag(&self.project, &before, &self.etag, &self.name).map_err(|error| error.within("etag"))?;
        if before.text_generation != self.text_generation {
            let latest = before.article.text.revision;
            return Err(Problem::TextRevisionStale { sent: self.text_revision, latest }.into());
        }
        let mut after = before.clone();
        after.article.text = self.new;
        after.article.revision = draft.stamp().revision;
        after.article.update_time = draft.stamp().time;
        let cascaded = if let Some(generation) = self.generation {
            (after.text_generation, after.annotation_generation) = (generation, generation);
            let index = AnnotationIndex::new(self.number, generation);
            let counts = self.carry_late(draft, index)?;
            if !text_revision_table::switch(draft, self.number, &before, &after, counts)? {
                return Err(Problem::Overloaded.into());
            }
            index.count(draft)? > 0
        } else {
            !self.carried.is_empty()
        };
        let (number, before, after) = (self.number, Some(before), Some(after));
        let change = ResourceChange::Article { number, before, after, cascaded };
        draft.change(changed(Scope::article(self.project.partition, &self.name.article), &change));
        Ok(())
    }
}

impl Revise {
    /// Carries over what was done since to the annotations, and says what became of all of them.
    fn carry_late(&self, draft: &mut Draft<'_>, index: AnnotationIndex) -> Result<AnchoringCounts> {
        let mut late = self.late(draft)?;
        let changed: Vec<_> = late.keys().copied().collect();
        self.stage(draft, index, &late, changed.iter().copied())?;
        // What they use, and what uses them, may come out otherwise now.
        let mut looked_at: HashSet<_> = changed.iter().copied().collect();
        let mut waiting = changed;
        while let Some(id) = waiting.pop() {
            for user in index.references_to(draft, id).collect::<Result<Vec<_>>>()? {
                if looked_at.insert(user) {
                    waiting.push(user);
                }
            }
            if looked_at.len() > LATE_ANNOTATIONS_MAX {
                return Err(Problem::Overloaded.into());
            }
        }
        let now = |id| match late.get(&id) {
            Some(after) => after.as_ref(),
            None => self.carried.get(&id),
        };
        let is_relation = |carried: &&Carried| carried.annotation.target.kind() == TargetKind::Relation;
        let relations = looked_at.iter().filter_map(|id| now(*id)).filter(is_relation);
        let settled = self.revising.settle(relations, now);
        let ids: Vec<_> = settled.iter().map(|relation| relation.annotation.id).collect();
        late.extend(settled.into_iter().map(|relation| (relation.annotation.id, Some(relation))));
        self.stage(draft, index, &late, ids)?;
        let mut counts = self.counts;
        for (id, after) in &late {
            if let Some(before) = self.carried.get(id) {
                counts.forget(&before.annotation);
            }
            if let Some(after) = after {
                counts.count(&after.annotation);
            }
        }
        Ok(counts)
    }

    fn stage(
        &self,
        draft: &mut Draft<'_>,
        index: AnnotationIndex,
        late: &HashMap<AnnotationId, Option<Carried>>,
        ids: impl IntoIterator<Item = AnnotationId>,
    ) -> Result<()> {
        for id in ids {
            let after = late.get(&id).and_then(Option::as_ref);
            let after = after.map(|after| (&after.annotation, after.is_kept));
            text_revision_table::stage(draft, index, id, after, self.new.revision)?;
        }
        Ok(())
    }

    /// What was done since, carried over.
    fn late(&self, draft: &Draft<'_>) -> Result<HashMap<AnnotationId, Option<Carried>>> {
        let had_any = !self.carried.is_empty();
        if !self.before.annotations().is_changed_since(draft, self.seen, had_any)? {
            return Ok(HashMap::new());
        }
        let too_much = || Error::from(Problem::Overloaded);
        let (mut revision, mut bytes) = (self.seen.next(), 0);
        if draft.stamp().revision.0 > self.seen.0.saturating_add(LATE_COMMITS_MAX) {
            return Err(too_much());
        }
        let mut late = HashMap::new();
        while revision < draft.stamp().revision {
            let commit = logged(draft, revision)?.ok_or_else(too_much)?;
            bytes += commit.changes.iter().map(|change| change.record.len()).sum::<usize>();
            if bytes > LATE_BYTES_MAX {
                return Err(too_much());
            }
            late.extend(changed_annotations(&[commit], self.number)?);
            if late.len() > LATE_ANNOTATIONS_MAX {
                return Err(too_much());
            }
            revision = revision.next();
        }
        let carried = |annotation| self.revising.carry(annotation);
        Ok(late.into_iter().map(|(id, after)| (id, after.map(carried))).collect())
    }
}
