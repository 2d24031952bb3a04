//! Carries calls out as clients over gRPC do, in this process and without sockets.

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response};
use prost_types::{FieldMask, Timestamp};
use spandrel::{
    app::{App, Settings},
    domain::Problem,
    grpc::{drain::Drain, in_process::InProcess, server::ServerConfig},
    proto::v1::{
        self, ArticleView, ErrorReason, annotation::Target,
        annotation_service_client::AnnotationServiceClient, article_service_client::ArticleServiceClient,
        project_service_client::ProjectServiceClient, write::Op,
    },
    serve,
};
use tonic::{Status, body::Body};
use tonic_types::StatusExt as _;
use tower::util::BoxCloneSyncService;

use crate::{
    calls::{
        After, Annotation, Answer, Article, Call, Content, Etag, Mask, NewArticle, Outcome, Project, Refusal,
        Text, Write, WriteOp,
    },
    clients::{Answered, Given},
};

type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The clients of all services.
#[derive(Clone)]
pub struct Client {
    projects: ProjectServiceClient<Service>,
    articles: ArticleServiceClient<Service>,
    annotations: AnnotationServiceClient<Service>,
}

impl Client {
    /// Starts the services over `app`.
    pub async fn start(app: &Arc<App>, settings: Settings) -> Self {
        let config = ServerConfig::new(([127, 0, 0, 1], 0).into());
        let server =
            InProcess::start(&config, serve::services(app, settings, &Drain::default())).await.unwrap();
        let service = BoxCloneSyncService::new(tower::service_fn(move |request| {
            let server = server.clone();
            async move { Ok(server.answer(request).await) }
        }));
        Self {
            projects: ProjectServiceClient::new(service.clone()),
            articles: ArticleServiceClient::new(service.clone()),
            annotations: AnnotationServiceClient::new(service),
        }
    }

    pub async fn carry_out(mut self, call: &Call) -> Answered {
        match self.answer(call).await {
            Ok((answer, revision, token)) => Answered::ok(answer, revision, token),
            Err(status) => refused(&status),
        }
    }

    async fn answer(&mut self, call: &Call) -> Result<Given, Status> {
        match call {
            Call::CreateProject { .. }
            | Call::UpdateProject { .. }
            | Call::DeleteProject { .. }
            | Call::GetProject { .. }
            | Call::ListProjects => self.about_projects(call).await,
            Call::CreateArticles { .. } | Call::UpdateArticle { .. } | Call::DeleteArticle { .. } => {
                self.write_article(call).await
            }
            Call::GetArticle { .. } | Call::GetArticles { .. } | Call::ListArticles { .. } => {
                self.read_articles(call).await
            }
            _ => self.about_annotations(call).await,
        }
    }

    async fn about_projects(&mut self, call: &Call) -> Result<Given, Status> {
        let new = |id: &str, title: &str, etag: Option<&Etag>| {
            let (name, etag) = (id.to_owned(), sent(etag));
            Some(v1::Project { name, display_name: title.to_owned(), etag, ..v1::Project::default() })
        };
        let answered = match call {
            Call::CreateProject { project, title, check } => {
                let (project_id, project) = (project.clone(), new("", title, None));
                let request = v1::CreateProjectRequest {
                    project_id,
                    project,
                    validate_only: *check,
                    request_id: String::new(),
                };
                self.projects.create_project(request).await?
            }
            Call::UpdateProject { project, title, masked, etag, allow_missing, check } => {
                let request = v1::UpdateProjectRequest {
                    project: new(&project_name(project), title, etag.as_ref()),
                    update_mask: masked.then(|| mask("display_name")),
                    allow_missing: *allow_missing,
                    validate_only: *check,
                    request_id: String::new(),
                };
                self.projects.update_project(request).await?
            }
            Call::DeleteProject { project, etag, force, allow_missing, check } => {
                let request = v1::DeleteProjectRequest {
                    name: project_name(project),
                    etag: sent(etag.as_ref()),
                    force: *force,
                    allow_missing: *allow_missing,
                    validate_only: *check,
                    request_id: String::new(),
                };
                self.projects.delete_project(request).await?;
                return Ok((Answer::Done, None, None));
            }
            Call::GetProject { project } => {
                self.projects.get_project(v1::GetProjectRequest { name: project_name(project) }).await?
            }
            _ => {
                let page =
                    self.projects.list_projects(v1::ListProjectsRequest::default()).await?.into_inner();
                let projects = page.projects.into_iter().map(|one| (one.revision, project_of(one)));
                return Ok((Answer::Projects(projects.collect()), None, None));
            }
        };
        let answered = answered.into_inner();
        let revision = answered.revision;
        Ok((Answer::Project(project_of(answered)), Some(revision), None))
    }

    async fn write_article(&mut self, call: &Call) -> Result<Given, Status> {
        let article = |name: String, new: &NewArticle, etag: Option<&Etag>| {
            let (title, text, etag) = (new.title.clone(), new.text.0.clone(), sent(etag));
            Some(v1::Article { name, title, text, etag, ..v1::Article::default() })
        };
        match call {
            Call::CreateArticles { project, articles, check } => {
                let one = |new: &NewArticle| v1::CreateArticleRequest {
                    article_id: new.id.clone(),
                    article: article(String::new(), new, None),
                    ..v1::CreateArticleRequest::default()
                };
                let request = v1::BatchCreateArticlesRequest {
                    parent: project_name(project),
                    requests: articles.iter().map(one).collect(),
                    validate_only: *check,
                    request_id: String::new(),
                };
                let created = self.articles.batch_create_articles(request).await?.into_inner();
                // Who created them has their texts, and is not sent them.
                let with_text = |(answered, new): (v1::Article, &NewArticle)| {
                    assert_eq!(answered.text, "");
                    Article { text: Some(new.text.clone()), ..article_of(answered) }
                };
                let created_articles = created.articles.into_iter().zip(articles).map(with_text);
                Ok((Answer::Articles(created_articles.collect()), Some(created.revision), None))
            }
            Call::UpdateArticle { project, new, masked, etag, allow_missing, check } => {
                let request = v1::UpdateArticleRequest {
                    article: article(article_name(project, &new.id), new, etag.as_ref()),
                    update_mask: masked.then(|| mask("title")),
                    allow_missing: *allow_missing,
                    validate_only: *check,
                    request_id: String::new(),
                };
                let updated = self.articles.update_article(request).await?.into_inner();
                let revision = updated.revision;
                Ok((articles_of(vec![updated]), Some(revision), None))
            }
            Call::DeleteArticle { project, article, etag, force, allow_missing, check } => {
                let request = v1::DeleteArticleRequest {
                    name: article_name(project, article),
                    etag: sent(etag.as_ref()),
                    force: *force,
                    allow_missing: *allow_missing,
                    validate_only: *check,
                    request_id: String::new(),
                };
                self.articles.delete_article(request).await?;
                Ok((Answer::Done, None, None))
            }
            _ => unreachable!(),
        }
    }

    async fn read_articles(&mut self, call: &Call) -> Result<Given, Status> {
        let view = |text: bool| if text { ArticleView::Full } else { ArticleView::Basic }.into();
        match call {
            Call::GetArticle { project, article, text } => {
                let request = v1::GetArticleRequest {
                    name: article_name(project, article),
                    view: view(*text),
                    text_revision: 0,
                };
                let article = self.articles.get_article(request).await?.into_inner();
                Ok((articles_of(vec![article]), None, None))
            }
            Call::GetArticles { project, articles, text } => {
                let request = v1::BatchGetArticlesRequest {
                    parent: project_name(project),
                    names: articles.iter().map(|article| article_name(project, article)).collect(),
                    view: view(*text),
                };
                let got = self.articles.batch_get_articles(request).await?.into_inner();
                Ok((articles_of(got.articles), Some(got.revision), None))
            }
            Call::ListArticles { project, size, text, after } => {
                let request = v1::ListArticlesRequest {
                    filter: String::new(),
                    parent: project_name(project),
                    page_size: *size,
                    page_token: token(after.as_ref()),
                    view: view(*text),
                };
                let page = self.articles.list_articles(request).await?.into_inner();
                let articles = page.articles.into_iter().map(article_of).collect();
                let answer = Answer::ArticlePage(articles, !page.next_page_token.is_empty());
                Ok((answer, Some(page.revision), Some(page.next_page_token)))
            }
            _ => unreachable!(),
        }
    }

    async fn about_annotations(&mut self, call: &Call) -> Result<Given, Status> {
        match call {
            Call::CommitAnnotations { project, writes, check } => {
                let writes = writes.iter().map(|one| v1::Write { op: Some(write(project, one)) });
                let request = v1::CommitAnnotationsRequest {
                    parent: project_name(project),
                    writes: writes.collect(),
                    validate_only: *check,
                    request_id: String::new(),
                };
                let committed = self.annotations.commit_annotations(request).await?.into_inner();
                // Of what was deleted only the name is answered.
                let written = committed.annotations.into_iter();
                let written = written.map(|one| (!one.etag.is_empty()).then(|| annotation_of(one)));
                Ok((Answer::Written(written.collect()), Some(committed.revision), None))
            }
            Call::GetAnnotation { project, article, id } => {
                let request = v1::GetAnnotationRequest { name: annotation_name(project, article, id) };
                let annotation = self.annotations.get_annotation(request).await?.into_inner();
                Ok((Answer::Annotations(vec![annotation_of(annotation)]), None, None))
            }
            Call::ListAnnotations { project, article, label, window, size, after } => {
                let request = v1::ListAnnotationsRequest {
                    parent: article_name(project, article),
                    page_size: *size,
                    page_token: token(after.as_ref()),
                    label: label.clone().unwrap_or_default(),
                    overlaps: window.map(span),
                    ..v1::ListAnnotationsRequest::default()
                };
                let page = self.annotations.list_annotations(request).await?.into_inner();
                let annotations = page.annotations.into_iter().map(annotation_of).collect();
                let answer = Answer::AnnotationPage(annotations, !page.next_page_token.is_empty());
                Ok((answer, Some(page.revision), Some(page.next_page_token)))
            }
            Call::StreamAnnotations { project } => {
                let parent = project_name(project);
                let request =
                    v1::StreamAnnotationsRequest { parent, ..v1::StreamAnnotationsRequest::default() };
                let mut stream = self.annotations.stream_annotations(request).await?.into_inner();
                let first = stream.message().await?.expect("an empty project is answered, too");
                assert!(stream.message().await?.is_none(), "a simulated project fits one message");
                let annotations = first.annotations.into_iter().map(annotation_of).collect();
                Ok((Answer::Annotations(annotations), Some(first.revision), None))
            }
            _ => unreachable!(),
        }
    }
}

/// What a refusal tells a client.
fn refused(status: &Status) -> Answered {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?} has no reason"));
    let message = || status.message().to_owned();
    let trouble = match info.reason.as_str() {
        "STORAGE_UNAVAILABLE" => Some(Problem::StorageUnavailable(message())),
        "STORAGE_CORRUPT" => Some(Problem::StorageCorrupt(message())),
        "SHUTTING_DOWN" => Some(Problem::ShuttingDown),
        _ => None,
    };
    if trouble.is_some() {
        return Answered { trouble, ..Answered::left() };
    }
    let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason));
    let reason = reason.and_then(|reason| reason.as_str_name().strip_prefix("ERROR_REASON_")).unwrap();
    let etag = info.metadata.get("current_etag").map(|etag| Etag::parse(etag));
    Answered { outcome: Outcome::Refused(Refusal { reason, etag }), ..Answered::left() }
}

fn write(project: &str, write: &Write) -> Op {
    let Write { article, id, op } = write;
    let name = annotation_name(project, article, id);
    match op {
        WriteOp::Create(content) => Op::Create(v1::CreateAnnotationRequest {
            parent: article_name(project, article),
            annotation_id: id.clone(),
            annotation: Some(annotation(String::new(), content, None)),
            validate_only: false,
            request_id: String::new(),
        }),
        WriteOp::Update { content, mask: changed, etag, allow_missing } => {
            Op::Update(v1::UpdateAnnotationRequest {
                annotation: Some(annotation(name, content, etag.as_ref())),
                update_mask: match changed {
                    Mask::Everything => None,
                    Mask::Label => Some(mask("label")),
                    Mask::Anchor => Some(mask("anchor")),
                },
                allow_missing: *allow_missing,
                validate_only: false,
                request_id: String::new(),
            })
        }
        WriteOp::Delete { etag, allow_missing } => Op::Delete(v1::DeleteAnnotationRequest {
            name,
            etag: sent(etag.as_ref()),
            allow_missing: *allow_missing,
            validate_only: false,
            request_id: String::new(),
            force: false,
        }),
    }
}

fn annotation(name: String, content: &Content, etag: Option<&Etag>) -> v1::Annotation {
    let Content { layer, label, spans } = content;
    v1::Annotation {
        name,
        layer: layer.clone().unwrap_or_default(),
        label: label.clone(),
        target: Some(Target::Anchor(v1::Anchor { spans: spans.iter().copied().map(span).collect() })),
        etag: sent(etag),
        ..v1::Annotation::default()
    }
}

fn annotation_of(annotation: v1::Annotation) -> Annotation {
    let Some(Target::Anchor(v1::Anchor { spans })) = annotation.target else {
        panic!("{annotation:?} has no anchor")
    };
    let offset = |offset: u32| usize::try_from(offset).unwrap();
    let utf8 = |span: &v1::Span| span.utf8.map(|range| (offset(range.start), offset(range.end))).unwrap();
    let mut names = annotation.name.split('/').skip(3).step_by(2).map(str::to_owned);
    Annotation {
        article: names.next().unwrap(),
        id: names.next().unwrap(),
        layer: annotation.layer,
        label: annotation.label,
        spans: spans.iter().map(utf8).collect(),
        quotes: spans.into_iter().map(|span| span.quote).collect(),
        etag: Etag::parse(&annotation.etag),
        created: micros(annotation.create_time),
        updated: micros(annotation.update_time),
    }
}

fn articles_of(articles: Vec<v1::Article>) -> Answer {
    Answer::Articles(articles.into_iter().map(article_of).collect())
}

fn article_of(article: v1::Article) -> Article {
    Article {
        id: last_id(&article.name),
        title: article.title,
        text_bytes: usize::try_from(article.length.unwrap().utf8).unwrap(),
        // No article of a script has an empty text.
        text: (!article.text.is_empty()).then_some(Text(article.text)),
        etag: Etag::parse(&article.etag),
        created: micros(article.create_time),
        updated: micros(article.update_time),
    }
}

fn project_of(project: v1::Project) -> Project {
    Project {
        id: last_id(&project.name),
        title: project.display_name,
        etag: Etag::parse(&project.etag),
        created: micros(project.create_time),
        updated: micros(project.update_time),
    }
}

fn last_id(name: &str) -> String {
    name.rsplit('/').next().unwrap().to_owned()
}

fn micros(time: Option<Timestamp>) -> i64 {
    let Timestamp { seconds, nanos } = time.unwrap();
    seconds * 1_000_000 + i64::from(nanos) / 1_000
}

fn span((start, end): (usize, usize)) -> v1::Span {
    let range = v1::Range { start: u32::try_from(start).unwrap(), end: u32::try_from(end).unwrap() };
    v1::Span { utf8: Some(range), ..v1::Span::default() }
}

fn mask(path: &str) -> FieldMask {
    FieldMask { paths: vec![path.to_owned()] }
}

fn sent(etag: Option<&Etag>) -> String {
    etag.map(ToString::to_string).unwrap_or_default()
}

fn token(after: Option<&After>) -> String {
    after.map_or_else(String::new, |after| after.token.clone())
}

fn project_name(project: &str) -> String {
    format!("projects/{project}")
}

fn article_name(project: &str, article: &str) -> String {
    format!("projects/{project}/articles/{article}")
}

fn annotation_name(project: &str, article: &str, id: &str) -> String {
    format!("projects/{project}/articles/{article}/annotations/{id}")
}
