//! Undo, where label schemas have a say: of a change of the schema, and of deletions whose articles come back under another
//! one.

use std::sync::Arc;

use super::{
    super::{
        App,
        annotation_reads::VIEW_ENTRIES_MAX,
        annotation_rows::Place,
        label_schemas::{self, Replacement},
        schema_rules::SchemaRules,
    },
    BREAKS_NOW, CHANGED, ProjectHandle, Refused, ResourceChange, Undo, conflict,
};
use crate::{
    domain::{
        Problem, Result,
        revisions::Revision,
        schema::{LabelSchema, ProjectSchema},
    },
    store::{
        article_table::ArticlePlace, engine::Draft, keys::ArticleNumber, records::StoredArticle,
        schema_table, sort_key::DocumentPosition,
    },
};

const BREAKS: &str = "breaks the label schema that stood before";

impl App {
    /// The schema that stood before these changes, if they changed it, and what annotations say to it.
    pub(super) async fn schema_before(
        &self,
        project: &Arc<ProjectHandle>,
        changes: &[ResourceChange],
    ) -> Result<Option<Replacement>> {
        let of_schema = changes.iter().find_map(|change| match change {
            ResourceChange::LabelSchema { before, after } => Some((before.as_ref(), after.as_ref())),
            ResourceChange::Project { .. }
            | ResourceChange::Article { .. }
            | ResourceChange::Annotation { .. }
            | ResourceChange::Layer { .. }
            | ResourceChange::ArticleLayer { .. } => None,
        });
        let Some((before, after)) = of_schema else { return Ok(None) };
        let current = self.schema_of(project).await?;
        if current.revision != after.map_or(Revision(0), |after| after.revision) {
            // It was changed since, which the decision says.
            return Ok(None);
        }
        let schema = before.map_or_else(LabelSchema::default, |before| before.schema.clone());
        let replacement = self.replacement(project, current, schema, false).await?;
        Ok(Some(if before.is_none() { replacement.unset() } else { replacement }))
    }

    /// Holds the annotations of articles that these changes deleted against the schema that stands, if that was changed since:
    /// while they were gone, nobody did. Returns the revision of the schema that lets them come back.
    ///
    /// # Errors
    ///
    /// `UNDO_CONFLICT` with the first that breaks it.
    pub(super) async fn let_come_back(
        &self,
        project: &Arc<ProjectHandle>,
        undone: Revision,
        changes: &[ResourceChange],
    ) -> Result<Option<Revision>> {
        let deleted = changes.iter().filter_map(|change| match change {
            ResourceChange::Article { number, before: Some(before), after: None, .. } => {
                Some((*number, before))
            }
            ResourceChange::Project { .. }
            | ResourceChange::LabelSchema { .. }
            | ResourceChange::Article { .. }
            | ResourceChange::Annotation { .. }
            | ResourceChange::Layer { .. }
            | ResourceChange::ArticleLayer { .. } => None,
        });
        let deleted: Vec<_> = deleted.collect();
        if deleted.is_empty() {
            return Ok(None);
        }
        let schema = self.schema_of(project).await?;
        if schema.revision > undone && !schema.schema.is_default() {
            for (number, stored) in deleted {
                self.judge_deleted_article(project, &schema, undone, (number, stored)).await?;
            }
        }
        Ok(Some(schema.revision))
    }

    async fn judge_deleted_article(
        &self,
        project: &Arc<ProjectHandle>,
        schema: &Arc<ProjectSchema>,
        undone: Revision,
        (number, stored): (ArticleNumber, &StoredArticle),
    ) -> Result<()> {
        let index = ArticlePlace::of(number, stored).annotations();
        let id = stored.article.id.clone();
        let mut after: Option<DocumentPosition> = None;
        loop {
            let (handle, schema, id) = (Arc::clone(project), Arc::clone(schema), id.clone());
            let read = project.read(self.engine.as_ref(), move |view| {
                let article = handle.name().article(id.clone());
                let place = Place { partition: handle.partition, index, article: &id };
                let rules = SchemaRules { schema: &schema.schema, view, article: &article, place };
                let mut entries_left = VIEW_ENTRIES_MAX;
                let mut last = after;
                for entry in index.in_document_order(view, None, after)? {
                    if entries_left == 0 {
                        return Ok((None, last));
                    }
                    let entry = entry?;
                    let annotation = entry.annotation()?;
                    if rules.broken_by(&annotation)?.is_some() {
                        return Ok((Some(article.annotation(annotation.id).to_string()), None));
                    }
                    let cost = SchemaRules::cost_entries(&schema.schema, &annotation);
                    entries_left = entries_left.saturating_sub(cost);
                    last = Some(entry.key.position());
                }
                Ok((None, None))
            });
            let (broken, next) = read.await?.value;
            if let Some(name) = broken {
                let conflicts = vec![conflict(name, BREAKS_NOW)];
                return Err(Problem::UndoConflict { revision: undone, conflicts, count: 1 }.into());
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }
}

impl Undo {
    /// Puts back the schema that stood before, unless it was changed since, or annotations were made that break it.
    pub(super) fn undo_schema(
        &self,
        draft: &mut Draft<'_>,
        after: Option<&ProjectSchema>,
    ) -> Result<Refused> {
        let current = self.project.schema_in(draft)?;
        let is_current = current.revision == after.map_or(Revision(0), |after| after.revision);
        let Some(replacement) = self.schema.as_ref().filter(|_| is_current) else {
            return Ok(Some(conflict(label_schemas::name(&self.project.name()), CHANGED)));
        };
        match replacement.put(draft, false) {
            Ok(()) => Ok(None),
            Err(refusal) => {
                if let Problem::SchemaViolated { broken, .. } = refusal.problem {
                    Ok(broken.into_iter().next().map(|broken| conflict(broken.subject, BREAKS)))
                } else {
                    Err(refusal)
                }
            }
        }
    }

    /// Checks that the schema still stands that lets articles come back.
    ///
    /// # Errors
    ///
    /// OVERLOADED: the next try looks at them again.
    pub(super) fn require_schema(&self, draft: &Draft<'_>) -> Result<()> {
        match self.let_back_by {
            Some(revision) if schema_table::revision(draft)? != revision => Err(Problem::Overloaded.into()),
            Some(_) | None => Ok(()),
        }
    }
}
