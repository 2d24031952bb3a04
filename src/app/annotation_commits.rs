//! Annotations are created, changed and deleted by commits: one write or a thousand, all or none.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use super::{
    App, annotation_rows, calculate, changes, projects::ProjectHandle, texts::ArticleHandle, unexpected,
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, AnnotationField, Label, Mention},
        details::{Mask, too_many},
        errors::Standing,
        ids::{AnnotationId, AnnotationName, ArticleId, ArticleName, LayerId, ProjectName},
        spans::{Anchor, SpanRequest},
    },
    limits::{ANNOTATION_BYTES_MAX, ANSWER_BYTES_MAX, RUNTIME_WORK_WRITES_MAX},
    store::{
        annotation_index::AnnotationIndex,
        article_table,
        engine::{At, Attempt, Commit, Decision, Draft},
        keys::Generation,
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
    },
}

/// What a client says an annotation is.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its layer, or none when it was left out.
    pub layer: Option<LayerId>,
    /// Its label, or none when it was left out.
    pub label: Option<Label>,
    /// Its spans, or none when it has no anchor.
    pub spans: Option<Vec<SpanRequest>>,
    /// The text revision that they count in; 0 is the latest.
    pub text_revision: u32,
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
    Create(Complete),
    Update {
        layer: Option<LayerId>,
        label: Option<Label>,
        mention: Option<Mention>,
        mask: Mask<AnnotationField>,
        etag: String,
        /// What is created when nothing is there, or what it would lack.
        or_create: Option<Result<Complete>>,
    },
    Delete {
        etag: String,
        allow_missing: bool,
    },
}

/// Everything that a new annotation needs.
#[derive(Clone)]
struct Complete {
    layer: LayerId,
    label: Label,
    mention: Mention,
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
        let commit = match self.prepare_all(writes).await {
            Ok(writes) => {
                let decision = AnnotationCommit { project: Arc::clone(&project), writes };
                self.engine.attempt(project.partition, Arc::new(decision), attempt).await?
            }
            Err(refusal) => self.first_try(project.partition, &attempt, refusal).await?,
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
                (id.unwrap_or_else(|| Uuid::now_v7().into()), PreparedOp::Create(complete))
            }
            WriteOp::Update { id, content, mask, etag, allow_missing } => {
                let or_create = if allow_missing {
                    Some(self.complete(&article, content.clone()).await.map_err(within))
                } else {
                    None
                };
                let op = self.prepare_update(&article, content, &mask).await.map_err(within)?;
                let (layer, label, mention) = op;
                (id, PreparedOp::Update { layer, label, mention, mask, etag, or_create })
            }
            WriteOp::Delete { id, etag, allow_missing } => (id, PreparedOp::Delete { etag, allow_missing }),
        };
        Ok(PreparedWrite { path, article, id, op })
    }

    async fn prepare_update(
        &self,
        article: &ArticleHandle,
        content: Content,
        mask: &Mask<AnnotationField>,
    ) -> Result<(Option<LayerId>, Option<Label>, Option<Mention>)> {
        let Content { layer, label, spans, text_revision } = content;
        let layer = if *mask == Mask::Everything { layer } else { None };
        let label = if mask.names(AnnotationField::Label) { Some(label.ok_or_else(no_label)?) } else { None };
        let mention = if mask.names(AnnotationField::Anchor) {
            Some(self.mention(article, spans, text_revision).await?)
        } else {
            None
        };
        Ok((layer, label, mention))
    }

    async fn complete(&self, article: &ArticleHandle, content: Content) -> Result<Complete> {
        let Content { layer, label, spans, text_revision } = content;
        let layer = match layer {
            Some(layer) => layer,
            None => LayerId::parse("layer", LayerId::DEFAULT)?,
        };
        let label = label.ok_or_else(no_label)?;
        Ok(Complete { layer, label, mention: self.mention(article, spans, text_revision).await? })
    }

    async fn mention(
        &self,
        article: &ArticleHandle,
        spans: Option<Vec<SpanRequest>>,
        text_revision: u32,
    ) -> Result<Mention> {
        // Three ranges of two ends.
        const POSITIONS_OF_SPAN: usize = 6;
        let latest = article.text.revision;
        if text_revision != 0 && text_revision != latest {
            return Err(Error::at(
                "text_revision",
                Problem::TextRevisionStale { sent: text_revision, latest },
            ));
        }
        let spans = spans
            .ok_or_else(|| Error::field("anchor", "is missing; say which spans the annotation is about"))?;
        let text = self.text(article).await?;
        let is_searched =
            |span: &&SpanRequest| span.utf8.is_none() && span.utf16.is_none() && span.code_points.is_none();
        let searched = spans.iter().filter(is_searched).count();
        let walked = text.walked_bytes((spans.len() - searched).saturating_mul(POSITIONS_OF_SPAN));
        let bytes = text.as_str().len().saturating_mul(searched).saturating_add(walked);
        let resolve = move || {
            let anchor = Anchor::resolve(&text, &spans).map_err(|error| error.within("anchor"))?;
            let quotes = anchor.quotes(&text);
            Ok(Mention { anchor, quotes, text_revision: latest })
        };
        calculate(bytes, resolve).await?
    }
}

impl Decision for AnnotationCommit {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        project_table::require(draft, &self.project.name())?;
        let mut last_article = None;
        let mut answer_bytes = 0;
        for write in &self.writes {
            if last_article != Some(write.article.number) {
                require_article(draft, &write.article).map_err(|error| error.within(&write.path))?;
                last_article = Some(write.article.number);
            }
            let written = self.write(draft, write).map_err(|error| error.within(&write.path))?;
            answer_bytes +=
                written.as_ref().map_or(0, |annotation| answer_bytes_of(annotation, &write.article.name));
            if answer_bytes > ANSWER_BYTES_MAX {
                let problem = too_many("", "the commit's answer", answer_bytes, ANSWER_BYTES_MAX, "bytes");
                return Err(problem.within(&write.path));
            }
        }
        Ok(())
    }
}

impl AnnotationCommit {
    fn check_etag(&self, before: &Annotation, sent: &str, article: &ArticleHandle) -> Result<()> {
        let uid = self.project.uid;
        let current = || Standing::Annotation(article.name.clone(), uid, before.clone());
        before.etag(uid).check(sent, &article.name.annotation(before.id), current)
    }

    /// Carries out one write and returns the annotation as it is afterwards.
    fn write(&self, draft: &mut Draft<'_>, write: &PreparedWrite) -> Result<Option<Annotation>> {
        let PreparedWrite { path: _, article, id, op } = write;
        let index = AnnotationIndex::new(article.number, Generation::FIRST);
        let name = article.name.annotation(*id);
        let stored = match op {
            // Whether its id is free is seen where it is put.
            PreparedOp::Create(_) => None,
            PreparedOp::Update { .. } | PreparedOp::Delete { .. } => index.get(draft, *id)?,
        };
        let before =
            stored.as_ref().map(|entry| records::decode_annotation(*id, &entry.value)).transpose()?;
        let missing = |field: &str| Error::at(field, Problem::ResourceNotFound { name: name.to_string() });
        let after = match (op, &before) {
            (PreparedOp::Create(complete), _) => Some(created(draft, *id, complete)),
            (PreparedOp::Update { or_create: Some(complete), .. }, None) => {
                Some(created(draft, *id, complete.as_ref().map_err(Error::clone)?))
            }
            (PreparedOp::Update { .. }, None) => return Err(missing("annotation.name")),
            (PreparedOp::Update { layer, label, mention, mask, etag, or_create: _ }, Some(before)) => {
                mask.require_etag("annotation.etag", etag)?;
                self.check_etag(before, etag, article).map_err(|error| error.within("annotation.etag"))?;
                Some(updated(draft, before, layer.as_ref(), label.as_ref(), mention.as_ref())?)
            }
            (PreparedOp::Delete { allow_missing: true, .. }, None) => return Ok(None),
            (PreparedOp::Delete { .. }, None) => return Err(missing("name")),
            (PreparedOp::Delete { etag, .. }, Some(before)) => {
                self.check_etag(before, etag, article).map_err(|error| error.within("etag"))?;
                None
            }
        };
        let value = after.as_ref().map(encoded).transpose()?;
        let place = (article.number, &article.name.article);
        if !annotation_rows::put(
            draft,
            self.project.partition,
            place,
            *id,
            stored,
            after.as_ref().zip(value),
        )? {
            return Err(Error::at("annotation_id", Problem::ResourceExists { name: name.to_string() }));
        }
        Ok(after)
    }
}

/// What a commit did to each of `targets`. Changes are in the order of the writes, but a delete of what is missing anyway
/// makes none; so they are matched by id, and those of ids that the server made come in order.
fn written(targets: Vec<(ArticleName, Option<AnnotationId>)>, commit: &Commit) -> Result<Vec<Written>> {
    let chosen: HashSet<_> =
        targets.iter().filter_map(|(article, id)| Some((article.article.clone(), (*id)?))).collect();
    let (mut of_chosen, mut others) = (HashMap::with_capacity(chosen.len()), VecDeque::new());
    for change in changes(commit) {
        let ResourceChange::Annotation { number: _, article, id, before: _, after } = change? else {
            return Err(unexpected());
        };
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

/// Checks that the article is still there, with the text that the spans were resolved against.
fn require_article(draft: &Draft<'_>, article: &ArticleHandle) -> Result<()> {
    let missing = || Problem::ResourceNotFound { name: article.name.to_string() };
    let stored = article_table::get(draft, article.number)?.ok_or_else(missing)?;
    if stored.text_generation == article.generation {
        return Ok(());
    }
    let (sent, latest) = (article.text.revision, stored.article.text.revision);
    Err(Problem::TextRevisionStale { sent, latest }.into())
}

fn created(draft: &Draft<'_>, id: AnnotationId, complete: &Complete) -> Annotation {
    let Complete { layer, label, mention } = complete.clone();
    let stamp = draft.stamp();
    Annotation {
        id,
        layer,
        label,
        mention,
        revision: stamp.revision,
        create_time: stamp.time,
        update_time: stamp.time,
    }
}

fn updated(
    draft: &Draft<'_>,
    before: &Annotation,
    layer: Option<&LayerId>,
    label: Option<&Label>,
    mention: Option<&Mention>,
) -> Result<Annotation> {
    if let Some(layer) = layer.filter(|layer| **layer != before.layer) {
        let message = format!(
            "is {layer}, and cannot be changed from {}; create another annotation instead",
            before.layer
        );
        return Err(Error::field("annotation.layer", message));
    }
    let mut after = before.clone();
    if let Some(label) = label {
        after.label = label.clone();
    }
    if let Some(mention) = mention {
        after.mention = mention.clone();
    }
    after.revision = draft.stamp().revision;
    after.update_time = draft.stamp().time;
    Ok(after)
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

fn encoded(annotation: &Annotation) -> Result<Bytes> {
    let bytes = records::annotation(annotation).encode_to_vec();
    if bytes.len() > ANNOTATION_BYTES_MAX {
        return Err(too_many("annotation", "the annotation", bytes.len(), ANNOTATION_BYTES_MAX, "bytes"));
    }
    Ok(bytes.into())
}

/// What an annotation takes in an answer, at most.
fn answer_bytes_of(annotation: &Annotation, article: &ArticleName) -> usize {
    const FIXED: usize = 256;
    const SPAN: usize = 64;
    let name = article.project.as_str().len() + article.article.as_str().len();
    let quotes: usize = annotation.mention.quotes.iter().map(String::len).sum();
    let words = annotation.layer.as_str().len() + annotation.label.as_str().len();
    FIXED + name + quotes + words + SPAN * annotation.mention.anchor.spans().len()
}

fn no_label() -> Error {
    Error::field("label", "is missing; say what the spans are, such as PER or ORG")
}
