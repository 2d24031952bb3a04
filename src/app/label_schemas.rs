//! A project's label schema: read, and changed so that no annotation breaks it unseen.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use super::{
    App,
    annotation_reads::{ARTICLE_COSTS_ENTRIES, VIEW_ENTRIES_MAX},
    annotation_rows::Place,
    answers::Scope,
    calculate, changed, changes,
    projects::ProjectHandle,
    record_bytes,
    schema_rules::SchemaRules,
    unexpected,
};
use crate::{
    domain::{
        Problem, Result,
        annotations::Annotation,
        details::Mask,
        errors::{Broken, Standing},
        ids::{AnnotationId, ArticleId, ProjectName},
        revisions::Revision,
        schema::{LabelSchema, ProjectSchema, SchemaDefinition, SchemaField},
    },
    limits::{FEED_READ_BYTES, VIOLATIONS_LISTED_MAX},
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        committer::logged,
        engine::{At, Attempt, Commit, Decision, Draft, LogError, View},
        keys::ArticleNumber,
        project_table,
        records::ResourceChange,
        schema_table,
        sort_key::DocumentPosition,
    },
};

/// What an update of a label schema says.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaUpdate {
    /// The project.
    pub project: ProjectName,
    /// The new values; they are not yet held against each other, since a mask may take only some of them.
    pub definition: SchemaDefinition,
    /// Which of them count.
    pub mask: Mask<SchemaField>,
    /// The etag that was read, or empty.
    pub etag: String,
    /// Whether annotations that break it may stand.
    pub force: bool,
}

/// The name of a project's label schema.
#[must_use]
pub fn name(project: &ProjectName) -> String {
    format!("{project}/labelSchema")
}

/// What breaks a schema, as far as was looked.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    broken: Vec<Broken>,
    /// Those that were met: one may be met again when it is changed meanwhile.
    known: HashSet<AnnotationId>,
    count: usize,
}

/// A schema that is to replace another one, and what the annotations say to it up to a revision.
pub(super) struct Replacement {
    project: Arc<ProjectHandle>,
    old: Arc<ProjectSchema>,
    new: LabelSchema,
    /// Up to this revision the annotations were looked at.
    seen: Revision,
    judged: Judged,
    /// Whether there is to be none any more, as before it was set for the first time.
    unset: bool,
}

struct SchemaCommit {
    replacement: Replacement,
    etag: String,
    force: bool,
}

/// Where a look at all annotations has come to.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    article: ArticleNumber,
    after: Option<DocumentPosition>,
}

/// Commits that a decision looks through, at most.
const COMMITS_LOOKED_THROUGH_MAX: u64 = 1_024;

impl App {
    /// Reads a project's label schema; one that was never set is the default one, of revision 0.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND: the project.
    pub async fn get_label_schema(
        &self,
        project: &ProjectName,
    ) -> Result<(Arc<ProjectHandle>, Arc<ProjectSchema>)> {
        let handle = self.project(project)?;
        let schema = self.schema_of(&handle).await?;
        Ok((handle, schema))
    }

    pub(super) async fn schema_of(&self, project: &Arc<ProjectHandle>) -> Result<Arc<ProjectSchema>> {
        let handle = Arc::clone(project);
        let read = project.read(self.engine.as_ref(), move |view| handle.schema(view));
        Ok(read.await?.value)
    }

    /// Changes a project's label schema.
    ///
    /// # Errors
    ///
    /// What is wrong with the schema itself, within `label_schema`; SCHEMA_VIOLATED for annotations that the new one refuses
    /// and the old one did not, unless forced; ETAG_MISMATCH, RESOURCE_NOT_FOUND, REQUEST_ID_REUSED; OVERLOADED when more
    /// is committed meanwhile than can be looked through.
    pub async fn update_label_schema(
        &self,
        update: SchemaUpdate,
        attempt: Attempt,
    ) -> Result<(Arc<ProjectHandle>, At<Arc<ProjectSchema>>)> {
        let project = self.project(&update.project)?;
        let commit = match self.prepare_schema(&project, update).await {
            Ok(decision) => self.engine.attempt(project.partition, Arc::new(decision), attempt).await?,
            Err(refusal) => self.first_try(project.partition, &attempt, refusal).await?,
        };
        let Some(ResourceChange::LabelSchema { before: _, after: Some(schema) }) =
            changes(&commit).next().transpose()?
        else {
            return Err(unexpected());
        };
        Ok((project, At { value: schema, revision: commit.stamp.revision }))
    }

    async fn prepare_schema(
        &self,
        project: &Arc<ProjectHandle>,
        update: SchemaUpdate,
    ) -> Result<SchemaCommit> {
        let SchemaUpdate { project: _, definition, mask, etag, force } = update;
        mask.require_etag("label_schema.etag", &etag)?;
        let old = self.schema_of(project).await?;
        // Seen here, too, before all annotations are looked at for nothing.
        check_etag(project, &old, &etag)?;
        let mut new = old.schema.definition().clone();
        new.update(&mask, definition);
        let parsed = calculate(new.bytes(), move || LabelSchema::parse(new)).await?;
        let new = parsed.map_err(|error| error.within("label_schema"))?;
        let replacement = self.replacement(project, old, new, force).await?;
        Ok(SchemaCommit { replacement, etag, force })
    }

    /// Looks at all annotations, beside the writers, for what a new schema refuses and the old one did not.
    pub(super) async fn replacement(
        &self,
        project: &Arc<ProjectHandle>,
        old: Arc<ProjectSchema>,
        new: LabelSchema,
        force: bool,
    ) -> Result<Replacement> {
        let head = *self.engine.head(project.partition).borrow();
        let (project, judged) = (Arc::clone(project), Judged::default());
        let mut replacement = Replacement { project, old, new, seen: head, judged, unset: false };
        // What is forced is judged by nobody.
        if force || replacement.new.breaks_nothing_of(&replacement.old.schema) {
            return Ok(replacement);
        }
        let mut cursor = Some(Cursor { article: ArticleNumber(0), after: None });
        while let Some(from) = cursor {
            let project = Arc::clone(&replacement.project);
            let read = project.read(self.engine.as_ref(), move |view| {
                let next = replacement.look(view, from)?;
                Ok((replacement, next))
            });
            (replacement, cursor) = read.await?.value;
        }
        self.look_on_at_commits(replacement).await
    }

    /// Looks at what was committed since all were looked at, so that little of it is left to the decision.
    async fn look_on_at_commits(&self, mut replacement: Replacement) -> Result<Replacement> {
        const ROUNDS_MAX: usize = 1_000;
        for _ in 0..ROUNDS_MAX {
            let partition = replacement.project.partition;
            let commits = match self.engine.log_after(partition, replacement.seen, FEED_READ_BYTES).await {
                Ok(commits) => commits,
                Err(LogError::Compacted { .. }) => return Err(Problem::Overloaded.into()),
                Err(LogError::Failed(error)) => return Err(error),
            };
            let bytes = record_bytes(&commits);
            let few = usize::try_from(COMMITS_LOOKED_THROUGH_MAX / 16).unwrap_or(usize::MAX);
            let is_near = commits.len() < few && bytes < FEED_READ_BYTES / 2;
            let touched = calculate(bytes, move || Touched::of(&commits)).await??;
            let Touched { seen, mut annotations } = touched;
            while !annotations.is_empty() {
                let project = Arc::clone(&replacement.project);
                let read = project.read(self.engine.as_ref(), move |view| {
                    let mut entries_left = VIEW_ENTRIES_MAX;
                    while entries_left > 0 {
                        let Some((number, id)) = annotations.pop_front() else { break };
                        entries_left = entries_left.saturating_sub(replacement.look_at(view, number, id)?);
                    }
                    Ok((replacement, annotations))
                });
                (replacement, annotations) = read.await?.value;
            }
            replacement.seen = seen.unwrap_or(replacement.seen);
            if is_near {
                return Ok(replacement);
            }
        }
        Err(Problem::Overloaded.into())
    }
}

/// The annotations that commits did something to.
struct Touched {
    seen: Option<Revision>,
    annotations: VecDeque<(ArticleNumber, AnnotationId)>,
}

impl Touched {
    fn of(commits: &[Commit]) -> Result<Self> {
        let mut touched = Self { seen: None, annotations: VecDeque::new() };
        for commit in commits {
            touched.seen = Some(commit.stamp.revision);
            for change in changes(commit) {
                match change? {
                    ResourceChange::Annotation { number, id, after: Some(_), .. } => {
                        touched.annotations.push_back((number, id));
                    }
                    // Its annotations came back with it, or went to another text, and the log does not say which. The next
                    // try looks at all.
                    ResourceChange::Article { before: None, after: Some(_), cascaded: true, .. } => {
                        return Err(Problem::Overloaded.into());
                    }
                    ResourceChange::Article { before: Some(before), after: Some(after), .. }
                        if before.annotation_generation != after.annotation_generation =>
                    {
                        return Err(Problem::Overloaded.into());
                    }
                    ResourceChange::Project { .. }
                    | ResourceChange::LabelSchema { .. }
                    | ResourceChange::Article { .. }
                    | ResourceChange::Annotation { .. }
                    | ResourceChange::Layer { .. }
                    | ResourceChange::ArticleLayer { .. } => {}
                }
            }
        }
        Ok(touched)
    }
}

impl Replacement {
    /// The same, to say that there is no schema any more: the new one is the default one.
    pub(super) fn unset(self) -> Self {
        Self { unset: true, ..self }
    }

    /// Looks at annotations from `cursor` on, and says where the next look begins, unless there are no more.
    fn look(&mut self, view: &dyn View, cursor: Cursor) -> Result<Option<Cursor>> {
        let mut entries_left = VIEW_ENTRIES_MAX;
        let mut resume = cursor.after;
        for article in article_table::articles(view, cursor.article) {
            let (number, stored) = article?;
            let mut last = resume.take().filter(|_| number == cursor.article);
            entries_left = entries_left.saturating_sub(ARTICLE_COSTS_ENTRIES);
            let index = ArticlePlace::of(number, &stored).annotations();
            for entry in index.in_document_order(view, None, last)? {
                if entries_left == 0 {
                    return Ok(Some(Cursor { article: number, after: last }));
                }
                let entry = entry?;
                let annotation = entry.annotation()?;
                // Writers wait for a view, and what an annotation is held against is looked at, too.
                let cost = SchemaRules::cost_entries(&self.new, &annotation);
                entries_left = entries_left.saturating_sub(cost);
                self.judge(view, index, &stored.article.id, &annotation)?;
                last = Some(entry.key.position());
            }
            if entries_left == 0 {
                return Ok(Some(Cursor { article: ArticleNumber(number.0.saturating_add(1)), after: None }));
            }
        }
        Ok(None)
    }

    /// Looks at one annotation, if it is still there, and at the relations that use it, which may have rules for its label.
    /// Returns what that costs a view, in entries.
    fn look_at(&mut self, view: &dyn View, number: ArticleNumber, id: AnnotationId) -> Result<usize> {
        let Some(stored) = article_table::get(view, number)? else { return Ok(ARTICLE_COSTS_ENTRIES) };
        let index = ArticlePlace::of(number, &stored).annotations();
        let mut cost = ARTICLE_COSTS_ENTRIES;
        let using = index.references_to(view, id);
        for id in std::iter::once(Ok(id)).chain(using) {
            let Some(entry) = index.get(view, id?)? else { continue };
            let annotation = entry.annotation()?;
            cost += SchemaRules::cost_entries(&self.new, &annotation);
            self.judge(view, index, &stored.article.id, &annotation)?;
        }
        Ok(cost)
    }

    fn judge(
        &mut self,
        view: &dyn View,
        index: AnnotationIndex,
        article: &ArticleId,
        annotation: &Annotation,
    ) -> Result<()> {
        let name = self.project.name().article(article.clone());
        let place = Place { partition: self.project.partition, index, article };
        let rules = |schema| SchemaRules { schema, view, article: &name, place };
        let Some(violation) = rules(&self.new).broken_by(annotation)? else { return Ok(()) };
        if rules(&self.old.schema).broken_by(annotation)?.is_some() {
            return Ok(());
        }
        let is_new = self.judged.known.insert(annotation.id);
        self.judged.count += usize::from(is_new);
        if is_new && self.judged.broken.len() < VIOLATIONS_LISTED_MAX {
            let subject = name.annotation(annotation.id).to_string();
            let (rule, description) = (violation.rule, violation.description);
            self.judged.broken.push(Broken { subject, rule, description });
        }
        Ok(())
    }

    /// Puts the new schema in the place of the old one, if that still stands and no annotation breaks it.
    ///
    /// # Errors
    ///
    /// SCHEMA_VIOLATED, OVERLOADED.
    pub(super) fn put(&self, draft: &mut Draft<'_>, force: bool) -> Result<()> {
        let stamp = draft.stamp();
        if self.judged.count > 0 && !force {
            let Judged { broken, known: _, count } = &self.judged;
            return Err(Problem::SchemaViolated { broken: broken.clone(), count: *count }.into());
        }
        if !force && !self.new.breaks_nothing_of(&self.old.schema) {
            if stamp.revision.0 > self.seen.0.saturating_add(COMMITS_LOOKED_THROUGH_MAX) {
                return Err(Problem::Overloaded.into());
            }
            let mut last_moment = Self {
                project: Arc::clone(&self.project),
                old: Arc::clone(&self.old),
                new: self.new.clone(),
                seen: self.seen,
                judged: Judged::default(),
                unset: self.unset,
            };
            let mut revision = self.seen.next();
            while revision < stamp.revision {
                let commit = logged(draft, revision)?.ok_or(Problem::Overloaded)?;
                for (number, id) in Touched::of(&[commit])?.annotations {
                    last_moment.look_at(draft, number, id)?;
                }
                revision = revision.next();
            }
            let Judged { broken, known: _, count } = last_moment.judged;
            if count > 0 {
                return Err(Problem::SchemaViolated { broken, count }.into());
            }
        }
        let was_set = self.old.revision > Revision(0);
        let after = ProjectSchema {
            schema: self.new.clone(),
            revision: stamp.revision,
            create_time: if was_set { self.old.create_time } else { stamp.time },
            update_time: stamp.time,
        };
        let after = Some(after).filter(|_| !self.unset);
        schema_table::put(draft, after.as_ref())?;
        let before = Some(Arc::clone(&self.old)).filter(|_| was_set);
        let change = ResourceChange::LabelSchema { before, after: after.map(Arc::new) };
        draft.change(changed(Scope::schema(self.project.partition), &change));
        Ok(())
    }
}

impl Decision for SchemaCommit {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        let Replacement { project, old, .. } = &self.replacement;
        project_table::require(draft, &project.name())?;
        let current = project.schema_in(draft)?;
        let name = name(&project.name());
        let standing =
            || Standing::LabelSchema(project.name(), project.uid, Box::new(current.as_ref().clone()));
        let etag = current.etag(project.uid);
        // What the mask leaves of it was read before, too.
        let read = if self.etag.is_empty() { old.etag(project.uid).to_string() } else { self.etag.clone() };
        let checked = etag.check(&read, &name, standing);
        checked.map_err(|error| error.within("label_schema.etag"))?;
        self.replacement.put(draft, self.force)
    }
}

/// Whether the schema that stands is the one that was read; an empty etag asks for nothing.
fn check_etag(project: &ProjectHandle, current: &ProjectSchema, read: &str) -> Result<()> {
    let standing = || Standing::LabelSchema(project.name(), project.uid, Box::new(current.clone()));
    let checked = current.etag(project.uid).check(read, &name(&project.name()), standing);
    checked.map_err(|error| error.within("label_schema.etag"))
}
