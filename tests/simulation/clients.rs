//! Carries calls out as the services do, with kept answers and all, and says in plain values what came of them.

use std::sync::Arc;

use bytes::Bytes;
use spandrel::{
    app::{
        App, Renderers,
        annotation_commits::{Write, WriteOp},
        annotation_reads::{AnnotationQuery, StreamCursor},
        answers::AnswerKey,
        article_commits::{ArticleUpdate, NewArticle},
        article_lists::ArticleQuery,
        articles::ArticleAnswer,
        contents::{Content, TargetRequest},
        projects::{Deletion, ProjectUpdate},
        selection::Selection,
    },
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, AnnotationField, Label},
        articles::{ArticleDetails, ArticleField},
        details::Mask,
        ids::{AnnotationId, AnnotationName, ArticleId, ArticleName, LayerId, ProjectId, ProjectName},
        projects::{ProjectDetails, ProjectField},
        revisions::ProjectUid,
        spans::SpanRequest,
        text::Utf8Range,
    },
    grpc::convert::changes::RENDERERS,
    store::engine::{At, Mode},
};

use crate::{
    calls::{self, Answer, Call, Etag, Outcome, Refusal},
    logs,
};

/// How annotations are rendered: so that they are read back from the very bytes that clients would get.
pub const RENDER: Renderers = Renderers { annotation: render, ..RENDERERS };

fn render(article: &ArticleName, uid: ProjectUid, annotation: &Annotation) -> Bytes {
    serde_json::to_vec(&logs::annotation(article.article.as_str(), uid, annotation)).unwrap().into()
}

fn rendered(bytes: &Bytes) -> calls::Annotation {
    serde_json::from_slice(bytes).unwrap()
}

/// What came of a call.
#[derive(Debug)]
pub struct Answered {
    pub outcome: Outcome,
    /// Where its next page begins.
    pub token: Option<String>,
    /// Why nobody knows, when the server says so.
    pub trouble: Option<Problem>,
}

impl Answered {
    pub fn ok(answer: Answer, revision: Option<u64>, token: Option<String>) -> Self {
        let token = token.filter(|token| !token.is_empty());
        Self { outcome: Outcome::Ok(answer, revision), token, trouble: None }
    }

    /// Of a call whose client did not wait for the answer.
    pub fn left() -> Self {
        Self { outcome: Outcome::Unknown, token: None, trouble: None }
    }
}

pub async fn carry_out(app: &Arc<App>, call: &Call) -> Answered {
    match answer(app, call).await {
        Ok((answer, revision, token)) => Answered::ok(answer, revision, token),
        Err(error) => {
            let outcome = refused(&error);
            let trouble = (outcome == Outcome::Unknown).then_some(error.problem);
            Answered { outcome, token: None, trouble }
        }
    }
}

/// An answer, its revision, and where its next page begins.
pub type Given = (Answer, Option<u64>, Option<String>);

async fn answer(app: &Arc<App>, call: &Call) -> Result<Given> {
    let mode = if call.checks() { Mode::Check } else { Mode::Apply };
    match call {
        Call::CreateProject { .. } | Call::UpdateProject { .. } | Call::DeleteProject { .. } => {
            write_project(app, call, mode).await
        }
        Call::CreateArticles { .. } | Call::UpdateArticle { .. } | Call::DeleteArticle { .. } => {
            write_article(app, call, mode).await
        }
        Call::CommitAnnotations { project, writes, .. } => {
            let path = |index| if writes.len() == 1 { String::new() } else { format!("writes[{index}]") };
            let prepared = writes.iter().enumerate().map(|(index, one)| write(project, path(index), one));
            let uid = app.project(&project_name(project))?.uid;
            let At { value, revision } =
                app.commit_annotations(&project_name(project), prepared.collect(), mode).await?;
            let written = value.into_iter().map(|written| {
                let article = written.name.article.article;
                written.annotation.map(|annotation| logs::annotation(article.as_str(), uid, &annotation))
            });
            Ok((Answer::Written(written.collect()), Some(revision.0), None))
        }
        _ => read(app, call).await,
    }
}

async fn write_project(app: &Arc<App>, call: &Call, mode: Mode) -> Result<Given> {
    let answered = match call {
        Call::CreateProject { project, title, .. } => {
            app.create_project(Some(project_id(project)), project_details(title), mode).await?
        }
        Call::UpdateProject { project, title, masked, etag, allow_missing, .. } => {
            let update = ProjectUpdate {
                name: project_name(project),
                details: project_details(title),
                mask: if *masked { Mask::Only(vec![ProjectField::DisplayName]) } else { Mask::Everything },
                etag: sent(etag.as_ref()),
                allow_missing: *allow_missing,
            };
            app.update_project(update, mode).await?
        }
        Call::DeleteProject { project, etag, force, allow_missing, .. } => {
            let (etag, force, allow_missing) = (sent(etag.as_ref()), *force, *allow_missing);
            let deletion = Deletion { name: project_name(project), etag, force, allow_missing };
            app.delete_project(deletion, mode).await?;
            return Ok((Answer::Done, None, None));
        }
        _ => unreachable!(),
    };
    Ok((Answer::Project(logs::project(&answered.value)), Some(answered.revision.0), None))
}

async fn write_article(app: &Arc<App>, call: &Call, mode: Mode) -> Result<Given> {
    match call {
        Call::CreateArticles { project, articles, .. } => {
            let new = |new: &calls::NewArticle| NewArticle {
                path: String::new(),
                id: Some(article_id(&new.id)),
                details: article_details(&new.title),
                text: new.text.0.clone(),
                create_time: None,
            };
            let new = articles.iter().map(new).collect();
            let At { value, revision } = app.create_articles(&project_name(project), new, mode).await?;
            Ok((articles_of(value), Some(revision.0), None))
        }
        Call::UpdateArticle { project, new, masked, etag, allow_missing, .. } => {
            let update = ArticleUpdate {
                name: article_name(project, &new.id),
                details: article_details(&new.title),
                text: new.text.0.clone(),
                mask: if *masked { Mask::Only(vec![ArticleField::Title]) } else { Mask::Everything },
                etag: sent(etag.as_ref()),
                allow_missing: *allow_missing,
            };
            let At { value, revision } = app.update_article(update, mode).await?;
            Ok((articles_of(vec![value]), Some(revision.0), None))
        }
        Call::DeleteArticle { project, article, etag, force, allow_missing, .. } => {
            let (etag, force, allow_missing) = (sent(etag.as_ref()), *force, *allow_missing);
            let deletion = Deletion { name: article_name(project, article), etag, force, allow_missing };
            app.delete_article(deletion, mode).await?;
            Ok((Answer::Done, None, None))
        }
        _ => unreachable!(),
    }
}

async fn read(app: &Arc<App>, call: &Call) -> Result<Given> {
    match call {
        Call::GetProject { project } => {
            let At { value, revision } = app.get_project(&project_name(project)).await?;
            Ok((Answer::Project(logs::project(&value)), Some(revision.0), None))
        }
        Call::ListProjects => {
            let page = app.list_projects(0, "").await?;
            let projects = page.projects.iter().map(|one| (one.revision.0, logs::project(&one.value)));
            Ok((Answer::Projects(projects.collect()), None, None))
        }
        Call::GetArticle { project, article, text } => {
            let answered = app.get_article(&article_name(project, article), 0, *text).await?;
            Ok((articles_of(vec![answered]), None, None))
        }
        Call::GetArticles { project, articles, text } => {
            let names = articles.iter().map(|article| article_name(project, article)).collect();
            let At { value, revision } = app.get_articles(&project_name(project), names, *text).await?;
            Ok((articles_of(value), Some(revision.0), None))
        }
        Call::ListArticles { project, size, text, after } => {
            let query = ArticleQuery {
                project: project_name(project),
                filter: Arc::default(),
                page_size: *size,
                page_token: after.as_ref().map_or_else(String::new, |after| after.token.clone()),
                with_text: *text,
            };
            let page = app.list_articles(&query).await?;
            let articles = page.articles.into_iter().map(article_of).collect();
            let answer = Answer::ArticlePage(articles, !page.next_page_token.is_empty());
            Ok((answer, Some(page.revision.0), Some(page.next_page_token)))
        }
        Call::GetAnnotation { project, article, id } => {
            let name =
                AnnotationName { article: article_name(project, article), annotation: annotation_id(id) };
            let key = AnswerKey::new("GetAnnotation", name.to_string());
            let bytes = if let Some(kept) = app.answers().get(&key) {
                kept
            } else {
                let (bytes, seen) = app.get_annotation(&name).await?;
                app.answers().keep(key, seen, bytes.clone());
                bytes
            };
            Ok((Answer::Annotations(vec![rendered(&bytes)]), None, None))
        }
        Call::ListAnnotations { .. } => list_annotations(app, call).await,
        Call::StreamAnnotations { project } => {
            let project = app.project(&project_name(project))?;
            let selection = Arc::default();
            let At { value: (annotations, next), revision } =
                app.stream_annotations(&project, &selection, StreamCursor::START).await?;
            assert!(next.is_none(), "a simulated project fits one message");
            Ok((Answer::Annotations(annotations.iter().map(rendered).collect()), Some(revision.0), None))
        }
        _ => unreachable!(),
    }
}

async fn list_annotations(app: &Arc<App>, call: &Call) -> Result<Given> {
    let Call::ListAnnotations { project, article, label, window, size, after } = call else { unreachable!() };
    let query = AnnotationQuery {
        article: article_name(project, article),
        selection: Arc::new(Selection { label: label.as_deref().map(label_of), ..Selection::default() }),
        overlaps: window.map(span),
        text_revision: 0,
        page_size: *size,
        page_token: after.as_ref().map_or_else(String::new, |after| after.token.clone()),
    };
    let key = AnswerKey::new("ListAnnotations", format!("{query:?}"));
    let kept = app.answers().get(&key);
    let (annotations, token, revision): (Vec<calls::Annotation>, String, u64) = if let Some(kept) = kept {
        serde_json::from_slice(&kept).unwrap()
    } else {
        let (page, seen) = app.list_annotations(&query).await?;
        let annotations: Vec<_> = page.annotations.iter().map(rendered).collect();
        let answer = (annotations, page.next_page_token, page.revision.0);
        app.answers().keep(key, seen, serde_json::to_vec(&answer).unwrap().into());
        answer
    };
    Ok((Answer::AnnotationPage(annotations, !token.is_empty()), Some(revision), Some(token)))
}

/// What a refusal tells a client. When the storage fails nobody can say whether a write was done.
fn refused(error: &Error) -> Outcome {
    let reason = match &error.problem {
        Problem::StorageUnavailable(_) | Problem::StorageCorrupt(_) | Problem::ShuttingDown => {
            return Outcome::Unknown;
        }
        Problem::EtagMismatch { current_etag, .. } => {
            let etag = Some(Etag::parse(current_etag));
            return Outcome::Refused(Refusal { reason: "ETAG_MISMATCH", etag });
        }
        Problem::FieldInvalid(_) => "FIELD_INVALID",
        Problem::SpanOutOfBounds { .. } => "SPAN_OUT_OF_BOUNDS",
        Problem::HasChildren { .. } => "HAS_CHILDREN",
        Problem::ResourceExists { .. } => "RESOURCE_EXISTS",
        Problem::ResourceNotFound { .. } => "RESOURCE_NOT_FOUND",
        Problem::Overloaded => "OVERLOADED",
        _ => "something unforeseen",
    };
    Outcome::Refused(reason.into())
}

fn write(project: &str, path: String, write: &calls::Write) -> Write {
    let calls::Write { article, id, op } = write;
    let id = annotation_id(id);
    let op = match op {
        calls::WriteOp::Create(new) => WriteOp::Create { id: Some(id), content: content(new) },
        calls::WriteOp::Update { content: new, mask, etag, allow_missing } => WriteOp::Update {
            id,
            content: content(new),
            mask: match mask {
                calls::Mask::Everything => Mask::Everything,
                calls::Mask::Label => Mask::Only(vec![AnnotationField::Label]),
                calls::Mask::Anchor => Mask::Only(vec![AnnotationField::Anchor]),
            },
            etag: sent(etag.as_ref()),
            allow_missing: *allow_missing,
        },
        calls::WriteOp::Delete { etag, allow_missing } => {
            WriteOp::Delete { id, etag: sent(etag.as_ref()), allow_missing: *allow_missing, force: false }
        }
    };
    Write { path, article: article_name(project, article), op }
}

fn content(content: &calls::Content) -> Content {
    let calls::Content { layer, label, spans } = content;
    Content {
        layer: layer.as_deref().map(|layer| LayerId::parse("layer", layer).unwrap()),
        label: Some(label_of(label)),
        target: Some(TargetRequest::Spans(spans.iter().copied().map(span).collect())),
        ..Content::default()
    }
}

fn span((start, end): (usize, usize)) -> SpanRequest {
    let utf8 = Utf8Range { start: u32::try_from(start).unwrap(), end: u32::try_from(end).unwrap() };
    SpanRequest { utf8: Some(utf8), ..SpanRequest::default() }
}

fn articles_of(articles: Vec<ArticleAnswer>) -> Answer {
    Answer::Articles(articles.into_iter().map(article_of).collect())
}

fn article_of(answer: ArticleAnswer) -> calls::Article {
    let ArticleAnswer { uid, name: _, article, text } = answer;
    logs::article_of(uid, &article, text.map(|text| calls::Text(text.as_str().to_owned())))
}

fn sent(etag: Option<&Etag>) -> String {
    etag.map(ToString::to_string).unwrap_or_default()
}

fn project_id(id: &str) -> ProjectId {
    ProjectId::parse("id", id).unwrap()
}

fn article_id(id: &str) -> ArticleId {
    ArticleId::parse("id", id).unwrap()
}

fn annotation_id(id: &str) -> AnnotationId {
    AnnotationId::parse("id", id).unwrap()
}

fn label_of(label: &str) -> Label {
    Label::parse("label", label).unwrap()
}

fn project_name(id: &str) -> ProjectName {
    ProjectName { project: project_id(id) }
}

fn article_name(project: &str, article: &str) -> ArticleName {
    project_name(project).article(article_id(article))
}

fn project_details(title: &str) -> ProjectDetails {
    ProjectDetails { display_name: title.to_owned(), ..ProjectDetails::default() }
}

fn article_details(title: &str) -> ArticleDetails {
    ArticleDetails { title: title.to_owned(), ..ArticleDetails::default() }
}
