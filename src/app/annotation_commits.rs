//! Annotations are created, changed and deleted by commits: one write or a thousand, all or none.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use super::{
    App,
    annotation_rows::{self, Place, answer_bytes_of},
    annotation_rules::{Rules, Touched},
    changes,
    contents::{Complete, Content, Edit},
    projects::ProjectHandle,
    texts::ArticleHandle,
    unexpected,
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, AnnotationField},
        details::{Mask, too_many},
        errors::Standing,
        ids::{AnnotationId, AnnotationName, ArticleId, ArticleName, ProjectName},
        schema::LabelSchema,
    },
    limits::{ANNOTATION_BYTES_MAX, ANSWER_BYTES_MAX, REVISION_TRIES_MAX, RUNTIME_WORK_WRITES_MAX},
    store::{
        annotation_index::{AnnotationIndex, Entry},
        article_table::{self, ArticlePlace},
        engine::{At, Attempt, Commit, Decision, Draft},
        project_table,
        records::{self, ResourceChange},
    },
};

/// One write of a commit.
#[derive(Debug, Clone)]
pub struct Write {
    /// Where in the request it stands; empty when it is the request.
    pub path: String,
    /// Which article's annotation it writes.
    pub article: ArticleName,
    /// What it does.
    pub op: WriteOp,
}

/// What a write does.
#[derive(Debug, Clone)]
pub enum WriteOp {
    /// Creates an annotation.
    Create {
        /// Its id, or none to be given one.
        id: Option<AnnotationId>,
        /// What it is.
        content: Content,
    },
    /// Changes an annotation.
    Update {
        /// Which annotation.
        id: AnnotationId,
        /// The new values.
        content: Content,
        /// Which of them count.
        mask: Mask<AnnotationField>,
        /// The etag that was read, or empty.
        etag: String,
        /// Whether a missing annotation is created.
        allow_missing: bool,
    },
    /// Deletes an annotation.
    Delete {
        /// Which annotation.
        id: AnnotationId,
        /// The etag that was read, or empty.
        etag: String,
        /// Whether a missing annotation is as good as a deleted one.
        allow_missing: bool,
        /// Whether the relations that use it are deleted with it.
        force: bool,
    },
}

/// What a write did.
#[derive(Debug, Clone)]
pub struct Written {
    /// The annotation's name.
    pub name: AnnotationName,
    /// The annotation as it is now; none when it was deleted.
    pub annotation: Option<Annotation>,
}

/// A commit that is ready to be decided: spans are resolved against the article's text, which stands as long as its
/// generation does.
struct AnnotationCommit {
    project: Arc<ProjectHandle>,
    writes: Vec<PreparedWrite>,
}

struct PreparedWrite {
    path: String,
    article: Arc<ArticleHandle>,
    id: AnnotationId,
    op: PreparedOp,
}

enum PreparedOp {
    Create(Box<Complete>),
    Update {
        edit: Box<Edit>,
        mask: Mask<AnnotationField>,
        etag: String,
        /// What is created when nothing is there, or what it would lack.
        or_create: Option<Box<Result<Complete>>>,
    },
    Delete {
        etag: String,
        allow_missing: bool,
        force: bool,
    },
}

impl Write {
    /// What it writes; without an id, the server makes one.
    fn target(&self) -> (ArticleName, Option<AnnotationId>) {
        let id = match &self.op {
            WriteOp::Create { id, content: _ } => *id,
            WriteOp::Update { id, .. } | WriteOp::Delete { id, .. } => Some(*id),
        };
        (self.article.clone(), id)
    }
}

impl App {
    /// Commits writes to annotations of one project: all or none. The answers are in the order of the writes.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with a span; RESOURCE_EXISTS, RESOURCE_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID,
    /// TEXT_REVISION_STALE, LIMIT_EXCEEDED; the field names the write. REQUEST_ID_REUSED.
    pub async fn commit_annotations(
        &self,
        project: &ProjectName,
        writes: Vec<Write>,
        attempt: impl Into<Attempt>,
    ) -> Result<At<Vec<Written>>> {
        let (project, attempt) = (self.project(project)?, attempt.into());
        let targets: Vec<_> = writes.iter().map(Write::target).collect();
        let mut tries = 0;
        let commit = loop {
            let prepared = match self.prepare_all(writes.clone()).await {
                Ok(prepared) => prepared,
                Err(refusal) => break self.first_try(project.partition, &attempt, refusal).await?,
            };
            let decision = AnnotationCommit { project: Arc::clone(&project), writes: prepared };
            match self.engine.attempt(project.partition, Arc::new(decision), attempt).await {
                // An article was revised meanwhile: what was sent may fit its new text, too, or need none.
                Err(Error { problem: Problem::TextRevisionStale { .. }, field: _ })
                    if tries < REVISION_TRIES_MAX =>
                {
                    tries += 1;
                }
                commit => break commit?,
            }
        };
        Ok(At { value: written(targets, &commit)?, revision: commit.stamp.revision })
    }

    async fn prepare_all(&self, writes: Vec<Write>) -> Result<Vec<PreparedWrite>> {
        let mut articles = HashMap::new();
        let mut prepared = Vec::with_capacity(writes.len());
        for (index, write) in writes.into_iter().enumerate() {
            if index % RUNTIME_WORK_WRITES_MAX == RUNTIME_WORK_WRITES_MAX - 1 {
                tokio::task::yield_now().await;
            }
            let path = write.path.clone();
            prepared.push(self.prepare(write, &mut articles).await.map_err(|error| error.within(&path))?);
        }
        refuse_twins(&prepared)?;
        Ok(prepared)
    }

    async fn prepare(
        &self,
        write: Write,
        articles: &mut HashMap<ArticleId, Arc<ArticleHandle>>,
    ) -> Result<PreparedWrite> {
        let Write { path, article: name, op } = write;
        let article = if let Some(article) = articles.get(&name.article) {
            Arc::clone(article)
        } else {
            let article = self.article(&name).await?;
            articles.insert(name.article.clone(), Arc::clone(&article));
            article
        };
        let within = |error: Error| error.within("annotation");
        let (id, op) = match op {
            WriteOp::Create { id, content } => {
                let complete = self.complete(&article, content).await.map_err(within)?;
                (id.unwrap_or_else(|| Uuid::now_v7().into()), PreparedOp::Create(Box::new(complete)))
            }
            WriteOp::Update { id, content, mask, etag, allow_missing } => {
                let or_create = if allow_missing {
                    Some(Box::new(self.complete(&article, content.clone()).await.map_err(within)))
                } else {
                    None
                };
                let edit = Box::new(self.edit(&article, content, &mask).await.map_err(within)?);
                (id, PreparedOp::Update { edit, mask, etag, or_create })
            }
            WriteOp::Delete { id, etag, allow_missing, force } => {
                (id, PreparedOp::Delete { etag, allow_missing, force })
            }
        };
        Ok(PreparedWrite { path, article, id, op })
    }
}

impl Decision for AnnotationCommit {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        project_table::require(draft, &self.project.name())?;
        let mut last_index: Option<AnnotationIndex> = None;
        let mut answer_bytes = 0;
        let mut rules = Rules::new(&self.project);
        let schema = self.project.schema_in(draft)?;
        for write in &self.writes {
            let index = match last_index.filter(|index| index.article() == write.article.number) {
                Some(index) => index,
                None => require_article(draft, &write.article).map_err(|error| error.within(&write.path))?,
            };
            last_index = Some(index);
            let written = self.write(draft, write, index, &schema.schema);
            let Some(written) = written.map_err(|error| error.within(&write.path))? else { continue };
            let after = written.after.as_ref();
            answer_bytes += after.map_or(0, |annotation| answer_bytes_of(annotation, &write.article.name));
            if answer_bytes > ANSWER_BYTES_MAX {
                let problem = too_many("", "the commit's answer", answer_bytes, ANSWER_BYTES_MAX, "bytes");
                return Err(problem.within(&write.path));
            }
            rules.touch(written);
        }
        rules.judge(draft).map_err(Error::from)
    }
}

impl AnnotationCommit {
    fn check_etag(&self, before: &Annotation, sent: &str, article: &ArticleHandle) -> Result<()> {
        let uid = self.project.uid;
        let current = || Standing::Annotation(article.name.clone(), uid, before.clone());
        before.etag(uid).check(sent, &article.name.annotation(before.id), current)
    }

    /// Carries out one write and returns what it did, unless there was nothing to do.
    fn write<'c>(
        &'c self,
        draft: &mut Draft<'_>,
        write: &'c PreparedWrite,
        index: AnnotationIndex,
        schema: &LabelSchema,
    ) -> Result<Option<Touched<'c>>> {
        let PreparedWrite { path, article, id, op } = write;
        let name = article.name.annotation(*id);
        let stored = match op {
            // Whether its id is free is seen where it is put.
            PreparedOp::Create(_) => None,
            PreparedOp::Update { .. } | PreparedOp::Delete { .. } => index.get(draft, *id)?,
        };
        let before = stored.as_ref().map(Entry::annotation).transpose()?;
        let stamp = draft.stamp();
        let missing = |field: &str| Error::at(field, Problem::ResourceNotFound { name: name.to_string() });
        let mut empty_at = None;
        let mut created = |complete: &'c Complete| -> Result<Option<Annotation>> {
            empty_at = complete.target.empty_at.as_deref();
            let mut created = complete.clone().created(*id, stamp);
            let defaults =
                schema.add_defaults(created.target.kind(), created.label.as_str(), &mut created.attributes);
            defaults.map_err(|error| error.within("annotation"))?;
            Ok(Some(created))
        };
        let after = match (op, &before) {
            (PreparedOp::Create(complete), _) => created(complete)?,
            (PreparedOp::Update { or_create: Some(complete), .. }, None) => {
                created(complete.as_ref().as_ref().map_err(Error::clone)?)?
            }
            (PreparedOp::Update { .. }, None) => return Err(missing("annotation.name")),
            (PreparedOp::Update { edit, mask, etag, or_create: _ }, Some(before)) => {
                mask.require_etag("annotation.etag", etag)?;
                self.check_etag(before, etag, article).map_err(|error| error.within("annotation.etag"))?;
                empty_at = edit.target.as_ref().and_then(|target| target.empty_at.as_deref());
                Some(edit.as_ref().clone().applied(before, stamp)?)
            }
            (PreparedOp::Delete { allow_missing: true, .. }, None) => return Ok(None),
            (PreparedOp::Delete { .. }, None) => return Err(missing("name")),
            (PreparedOp::Delete { etag, .. }, Some(before)) => {
                self.check_etag(before, etag, article).map_err(|error| error.within("etag"))?;
                None
            }
        };
        let value = after.as_ref().map(encoded).transpose()?;
        let place = Place { partition: self.project.partition, index, article: &article.name.article };
        let (stored, after_row) = (stored.as_ref().zip(before.as_ref()), after.as_ref().zip(value));
        let change = annotation_rows::Change { id: *id, before: stored, after: after_row, cascaded: false };
        if !annotation_rows::put(draft, place, change)? {
            return Err(Error::at("annotation_id", Problem::ResourceExists { name: name.to_string() }));
        }
        let force = matches!(op, PreparedOp::Delete { force: true, .. });
        Ok(Some(Touched { path, place, before, after, empty_at, force }))
    }
}

/// What a commit did to each of `targets`. Changes are in the order of the writes, but a delete of what is missing anyway
/// makes none; so they are matched by id, and those of ids that the server made come in order.
fn written(targets: Vec<(ArticleName, Option<AnnotationId>)>, commit: &Commit) -> Result<Vec<Written>> {
    let chosen: HashSet<_> =
        targets.iter().filter_map(|(article, id)| Some((article.article.clone(), (*id)?))).collect();
    let (mut of_chosen, mut others) = (HashMap::with_capacity(chosen.len()), VecDeque::new());
    for change in changes(commit) {
        let ResourceChange::Annotation { number: _, article, id, before: _, after, cascaded } = change?
        else {
            return Err(unexpected());
        };
        // What went with another one is nobody's answer.
        if cascaded {
            continue;
        }
        let key = (article, id);
        if chosen.contains(&key) {
            of_chosen.insert(key, after);
        } else {
            others.push_back((key, after));
        }
    }
    let written = targets.into_iter().map(|(article, id)| match id {
        Some(id) => {
            let annotation = of_chosen.remove(&(article.article.clone(), id)).flatten();
            Ok(Written { name: article.annotation(id), annotation })
        }
        None => match others.pop_front() {
            Some(((of, id), annotation)) if of == article.article => {
                Ok(Written { name: article.annotation(id), annotation })
            }
            Some(_) | None => Err(unexpected()),
        },
    });
    written.collect()
}

/// Checks that the article is still there, with the text that the spans were resolved against, and says where its
/// annotations are.
pub(super) fn require_article(draft: &Draft<'_>, article: &ArticleHandle) -> Result<AnnotationIndex> {
    let missing = || Problem::ResourceNotFound { name: article.name.to_string() };
    let stored = article_table::get(draft, article.number)?.ok_or_else(missing)?;
    if stored.text_generation == article.generation {
        return Ok(ArticlePlace::of(article.number, &stored).annotations());
    }
    let (sent, latest) = (article.text.revision, stored.article.text.revision);
    Err(Problem::TextRevisionStale { sent, latest }.into())
}

/// Refuses two writes to one annotation, whose order would decide what is kept.
fn refuse_twins(writes: &[PreparedWrite]) -> Result<()> {
    let mut first = HashMap::with_capacity(writes.len());
    for (index, write) in writes.iter().enumerate() {
        if let Some(earlier) = first.insert((write.article.number, write.id), index) {
            let earlier = writes.get(earlier).map_or("", |write| write.path.as_str());
            let name = write.article.name.annotation(write.id);
            return Err(Error::field(
                write.path.clone(),
                format!("writes {name}, which {earlier} writes already"),
            ));
        }
    }
    Ok(())
}

/// The annotation as it is stored.
///
/// # Errors
///
/// LIMIT_EXCEEDED.
pub(super) fn encoded(annotation: &Annotation) -> Result<Bytes> {
    let bytes = records::annotation(annotation).encode_to_vec();
    if bytes.len() > ANNOTATION_BYTES_MAX {
        return Err(too_many("annotation", "the annotation", bytes.len(), ANNOTATION_BYTES_MAX, "bytes"));
    }
    Ok(bytes.into())
}
