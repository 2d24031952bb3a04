//! A server in this process, over rows in memory that hold some projects, articles and annotations.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use prost::Message;
use spandrel::{
    app::{
        App, Settings,
        annotation_reads::{AnnotationQuery, StreamCursor},
        answers::Versions,
        article_lists::ArticleQuery,
    },
    domain::{
        ids::{ArticleName, ProjectName},
        revisions::ProjectUid,
    },
    grpc::{convert::changes::RENDERERS, drain::Drain, in_process::InProcess, server::ServerConfig},
    proto::v1,
    serve,
    store::{
        committer::{Backend, Committer, Options},
        engine::{Clock, Engine, Timestamp},
        memory::{Disk, MemoryBackend},
        verify,
    },
};
use tokio::{runtime::Runtime, task::JoinHandle};
use tonic::body::Body;

/// The text of article `a`: every unit counts another length.
pub const TEXT: &str = "Zoë met 👩‍👩‍👧 and Müller in 日本, then Müller met Zoë.";
/// How many annotations article `a` has; their ids are [`annotation_id`] of 0 and up.
pub const ANNOTATIONS: u8 = 40;

const SETTINGS: Settings = Settings::with_texts_of(1 << 20);

/// A server that has just been started.
pub struct Fixture {
    /// What it serves from.
    pub app: Arc<App>,
    server: InProcess,
    engine: Arc<Committer>,
    disk: Disk,
    sweeper: JoinHandle<()>,
}

thread_local! {
    /// Never dropped: what a thread takes down at its end cannot wait for other threads.
    static RUNTIME: &'static Runtime = Box::leak(Box::new(
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
    ));
    static FIXTURE: RefCell<Option<Fixture>> = const { RefCell::new(None) };
    static WRITTEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// This life of every project that is made here by hand.
pub fn uid() -> ProjectUid {
    ProjectUid(Default::default())
}

/// The id of one of the annotations of article `a`.
pub fn annotation_id(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02x}")
}

/// The rows of a folder that holds what a [`Fixture`] serves.
pub fn stored_rows() -> &'static [(Bytes, Bytes)] {
    static ROWS: OnceLock<Vec<(Bytes, Bytes)>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let disk = Disk::default();
        let fixture = block_on(Fixture::over(MemoryBackend::open(&disk), disk));
        block_on(fixture.fill());
        fixture.close()
    })
}

/// Asks the server that this thread shares. It is another one afterwards if somebody [wrote](written) to it.
pub fn with<T>(ask: impl FnOnce(&Fixture) -> T) -> T {
    let fixture = FIXTURE.take().unwrap_or_else(|| {
        // Outside the next block_on, since it has one of its own.
        stored_rows();
        block_on(Fixture::start())
    });
    let answer = ask(&fixture);
    if WRITTEN.replace(false) {
        fixture.close();
    } else {
        FIXTURE.set(Some(fixture));
    }
    answer
}

/// Says that the server no longer holds what others expect of it.
pub fn written() {
    WRITTEN.set(true);
}

impl Fixture {
    async fn start() -> Self {
        let disk = Disk::default();
        let mut backend = MemoryBackend::open(&disk);
        let rows = stored_rows().iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        backend.apply(rows.collect()).unwrap();
        Self::over(backend, disk).await
    }

    async fn over(backend: MemoryBackend, disk: Disk) -> Self {
        let versions = Versions::new();
        let clock: Clock = Arc::new(|| Timestamp(1_700_000_000_000_000));
        let options =
            Options { clock: Arc::clone(&clock), observer: versions.observer(), free_space_floor_bytes: 0 };
        let engine = Committer::start(Box::new(backend), options).unwrap();
        let opened = Arc::clone(&engine) as Arc<dyn Engine>;
        let (app, sweeper) = App::open(opened, versions, clock, SETTINGS, RENDERERS).await.unwrap();
        let sweeper = tokio::spawn(sweeper.run());
        let config = ServerConfig::new(([127, 0, 0, 1], 0).into());
        let server =
            InProcess::start(&config, serve::services(&app, SETTINGS, &Drain::default())).await.unwrap();
        Self { app, server, engine, disk, sweeper }
    }

    /// Closes the engine, checks what it leaves and returns it.
    fn close(self) -> Vec<(Bytes, Bytes)> {
        let Self { app, server, engine, disk, sweeper } = self;
        sweeper.abort();
        drop((app, server));
        engine.close();
        let backend = MemoryBackend::open(&disk);
        let report = verify::verify(&backend, &mut |_| {}).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        backend.ascending(&[], &[u8::MAX; 65]).collect::<Result<_, _>>().unwrap()
    }

    /// Hands over a request as it would come from a connection.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        self.server.answer(request).await
    }

    /// Sends a valid request, and returns the answer's message.
    async fn send(&self, path: &str, request: &impl Message) -> Vec<u8> {
        let request = Request::post(format!("/spandrel.v1.{path}"))
            .version(http::Version::HTTP_2)
            .header("content-type", "application/grpc")
            .body(Body::new(Full::from(framed(&request.encode_to_vec()))))
            .unwrap();
        let answer = self.answer(request).await;
        assert!(!answer.headers().contains_key("grpc-status"), "{path}: {:?}", answer.headers());
        answer.into_body().collect().await.unwrap().to_bytes()[5..].to_vec()
    }

    async fn fill(&self) {
        for project_id in ["p", "q"].map(str::to_owned) {
            let request = v1::CreateProjectRequest { project_id, ..Default::default() };
            self.send("ProjectService/CreateProject", &request).await;
        }
        let long = "日本語 text, é and more; ".repeat(300);
        for (id, text) in [("a", TEXT), ("b", ""), ("long", &long), ("c", "plain text")] {
            let article = v1::Article { text: text.to_owned(), ..Default::default() };
            let request = v1::CreateArticleRequest {
                parent: "projects/p".to_owned(),
                article_id: id.to_owned(),
                article: Some(article),
                validate_only: false,
                request_id: String::new(),
            };
            self.send("ArticleService/CreateArticle", &request).await;
        }
        let create = |number: u8| {
            let start = u32::from(number % 20);
            let range = v1::Range { start, end: start + 1 + u32::from(number % 5) };
            let spans = vec![v1::Span { code_points: Some(range), ..Default::default() }];
            let annotation = v1::Annotation {
                label: ["PER", "LOC", "ORG"][usize::from(number % 3)].to_owned(),
                layer: if number.is_multiple_of(2) { String::new() } else { "gold".to_owned() },
                target: Some(v1::annotation::Target::Anchor(v1::Anchor { spans })),
                ..Default::default()
            };
            v1::CreateAnnotationRequest {
                annotation_id: annotation_id(number),
                annotation: Some(annotation),
                ..Default::default()
            }
        };
        let request = v1::BatchCreateAnnotationsRequest {
            parent: "projects/p/articles/a".to_owned(),
            requests: (0..ANNOTATIONS).map(create).collect(),
            validate_only: false,
            request_id: String::new(),
        };
        self.send("AnnotationService/BatchCreateAnnotations", &request).await;
    }

    /// Etags and page tokens that are good, for requests that shall be.
    pub async fn words(&self) -> (Vec<String>, Vec<String>) {
        let p = "projects/p".to_owned();
        let list = v1::ListProjectsRequest { page_size: 1, ..Default::default() };
        let projects = self.send("ProjectService/ListProjects", &list).await;
        let projects = v1::ListProjectsResponse::decode(&projects[..]).unwrap();
        let list = v1::ListArticlesRequest { parent: p.clone(), page_size: 1, ..Default::default() };
        let articles = self.send("ArticleService/ListArticles", &list).await;
        let articles = v1::ListArticlesResponse::decode(&articles[..]).unwrap();
        let parent = format!("{p}/articles/a");
        let list = v1::ListAnnotationsRequest { parent, page_size: 1, ..Default::default() };
        let annotations = self.send("AnnotationService/ListAnnotations", &list).await;
        let annotations = v1::ListAnnotationsResponse::decode(&annotations[..]).unwrap();
        let etags = vec![
            projects.projects[0].etag.clone(),
            articles.articles[0].etag.clone(),
            annotations.annotations[0].etag.clone(),
        ];
        (etags, vec![projects.next_page_token, articles.next_page_token, annotations.next_page_token])
    }
}

/// A message with its length prefix.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// Reads everything once, whatever comes of it.
pub async fn ask_everything(app: &Arc<App>) {
    let project = ProjectName::parse("", "projects/p").unwrap();
    let article = ArticleName::parse("", "projects/p/articles/a").unwrap();
    let articles = ArticleQuery {
        project: project.clone(),
        filter: Arc::default(),
        page_size: 10,
        page_token: String::new(),
        with_text: true,
    };
    let _ = app.list_articles(&articles).await;
    let _ = app.get_article(&article, 0, true).await;
    let query = AnnotationQuery {
        article,
        selection: Arc::default(),
        overlaps: None,
        text_revision: 0,
        page_size: 1_000,
        page_token: String::new(),
    };
    let _ = app.list_annotations(&query).await;
    if let Ok(project) = app.project(&project) {
        let _ = app.stream_annotations(&project, &Arc::default(), StreamCursor::START).await;
    }
}
