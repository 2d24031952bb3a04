//! What others see while a call is half done, and what is left when a step of it is refused.

mod damage;
mod follow;
#[path = "../../tests/support/seeded.rs"]
#[allow(missing_docs, dead_code, unreachable_pub, reason = "it is shared with the tests of the binary")]
pub(in crate::app) mod seeded;
mod staging;

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{
    annotation_commits::{Write, WriteOp},
    annotation_reads::{AnnotationQuery, StreamCursor},
    article_commits::NewArticle,
    article_lists::ArticleQuery,
    contents::{Content, TargetRequest},
    projects::Deletion,
    selection::Selection,
    *,
};
use crate::{
    domain::{
        annotations::Label,
        articles::ArticleDetails,
        filter::AnnotationFilter,
        ids::{AnnotationName, ArticleId},
        projects::ProjectDetails,
        requests::{Method, Request, RequestId},
        spans::SpanRequest,
        text::Utf8Range,
    },
    limits::{ANSWER_BYTES_MAX, PAGE_ITEMS_MAX, TEXT_STAGED_ABOVE_BYTES},
    store::{
        committer::{Committer, Options},
        engine::{
            At, Decision, EngineExt as _, LogError, LogPin, Maintenance, Mode, Partition, Reading, Revision,
            Timestamp,
        },
        keys, memory,
    },
};

/// An engine that refuses some writes, and holds some commits back once they are done.
struct Troubled {
    inner: Arc<Committer>,
    /// Writes until the one that is refused; that one, too, is counted.
    writes_until_refusal: AtomicUsize,
    /// Whose commits are durable and not yet known to who wrote them, as long as it is some.
    held: watch::Sender<Option<Partition>>,
    holding: watch::Sender<bool>,
}

impl Troubled {
    fn refuse_write(&self, number: usize) {
        self.writes_until_refusal.store(number, Ordering::SeqCst);
    }

    fn may_write(&self) -> Result<()> {
        let left = self.writes_until_refusal.load(Ordering::SeqCst);
        self.writes_until_refusal.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 1 { Err(Problem::StorageUnavailable("full".to_owned()).into()) } else { Ok(()) }
    }
}

impl fmt::Debug for Troubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Troubled").finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for Troubled {
    async fn read_erased(&self, partition: Partition, reading: Reading) -> Result<Revision> {
        self.inner.read_erased(partition, reading).await
    }

    async fn attempt(
        &self,
        partition: Partition,
        decision: Arc<dyn Decision>,
        attempt: Attempt,
    ) -> Result<Arc<Commit>> {
        self.may_write()?;
        let commit = self.inner.attempt(partition, decision, attempt).await;
        if *self.held.borrow() == Some(partition) {
            self.holding.send_replace(true);
            let _ = self.held.subscribe().wait_for(|held| *held != Some(partition)).await;
        }
        commit
    }

    async fn carried_out(&self, partition: Partition, request: Request) -> Result<Option<Commit>> {
        self.inner.carried_out(partition, request).await
    }

    async fn forget_requests(&self, partition: Partition, now: Timestamp) -> Result<()> {
        self.inner.forget_requests(partition, now).await
    }

    fn log_floor(&self, partition: Partition) -> Result<Revision> {
        self.inner.log_floor(partition)
    }

    async fn maintain(&self, partition: Partition, writes: Maintenance) -> Result<()> {
        self.may_write()?;
        self.inner.maintain(partition, writes).await
    }

    async fn log_after(
        &self,
        partition: Partition,
        after: Revision,
        max_bytes: usize,
    ) -> Result<Vec<Commit>, LogError> {
        self.inner.log_after(partition, after, max_bytes).await
    }

    async fn trim_log(&self, partition: Partition, through: Revision) -> Result<()> {
        self.inner.trim_log(partition, through).await
    }

    async fn pin_log(&self, partition: Partition) -> Result<LogPin> {
        self.inner.pin_log(partition).await
    }

    fn head(&self, partition: Partition) -> watch::Receiver<Revision> {
        self.inner.head(partition)
    }

    async fn erase(&self, partition: Partition) -> Result<()> {
        self.inner.erase(partition).await
    }

    async fn failed(&self) -> Error {
        self.inner.failed().await
    }

    fn close(&self) {
        self.inner.close();
    }
}

/// Encode so little that a test can look at it: names.
pub(in crate::app) const NAMES: Renderers = Renderers {
    annotation: |article, _, annotation| article.annotation(annotation.id).to_string().into(),
    resource: |_, _, _| Bytes::new(),
    change: |_, _, _| Bytes::new(),
    restored: |_, _, _| Bytes::new(),
    changes: |_, _, _, _| Bytes::new(),
};

/// An application over an engine that gives no trouble yet, with its sweeper.
async fn open_as(settings: Settings, render: Renderers) -> (Arc<App>, Arc<Troubled>) {
    let versions = Versions::new();
    let clock: Clock = Arc::new(|| Timestamp(1));
    let observer = versions.observer();
    let options = Options { clock: Arc::clone(&clock), observer, free_space_floor_bytes: 0 };
    let engine = Arc::new(Troubled {
        inner: memory::open(options).unwrap(),
        writes_until_refusal: AtomicUsize::new(0),
        held: watch::Sender::new(None),
        holding: watch::Sender::new(false),
    });
    let opened: Arc<dyn Engine> = Arc::<Troubled>::clone(&engine);
    let (app, sweeper) = App::open(opened, versions, clock, settings, render).await.unwrap();
    tokio::spawn(sweeper.run());
    (app, engine)
}

async fn open_with(render: Renderers) -> (Arc<App>, Arc<Troubled>) {
    open_as(Settings::with_texts_of(4 * ANSWER_BYTES_MAX), render).await
}

async fn open() -> (Arc<App>, Arc<Troubled>) {
    open_with(NAMES).await
}

fn project(id: &str) -> ProjectName {
    ProjectName { project: ProjectId::parse("id", id).unwrap() }
}

fn article(id: &str) -> ArticleName {
    project("p").article(ArticleId::parse("id", id).unwrap())
}

fn deletion<N>(name: N) -> Deletion<N> {
    Deletion { name, etag: String::new(), force: true, allow_missing: false }
}

impl App {
    async fn add_project(self: &Arc<Self>, details: ProjectDetails) -> Result<()> {
        let id = Some(project("p").project);
        self.create_project(id, details, Mode::Apply).await.map(drop)
    }

    async fn add_article(self: &Arc<Self>, id: &str, text: String) -> Result<()> {
        let id = Some(article(id).article);
        let new = NewArticle {
            path: String::new(),
            id,
            details: ArticleDetails::default(),
            text,
            create_time: None,
        };
        self.create_articles(&project("p"), vec![new], Mode::Apply).await.map(drop)
    }

    async fn annotate(&self, id: &str, count: usize) -> Vec<AnnotationName> {
        let spans =
            vec![SpanRequest { utf8: Some(Utf8Range { start: 0, end: 1 }), ..SpanRequest::default() }];
        let label = Some(Label::parse("label", "X").unwrap());
        let content = Content { label, target: Some(TargetRequest::Spans(spans)), ..Content::default() };
        let op = WriteOp::Create { id: None, content };
        let write = Write { path: String::new(), article: article(id), op };
        let written = self.commit_annotations(&project("p"), vec![write; count], Mode::Apply).await.unwrap();
        written.value.into_iter().map(|written| written.name).collect()
    }

    async fn stream_all(&self) -> Result<usize> {
        let project = self.project(&project("p"))?;
        let (mut cursor, mut count) = (Some(StreamCursor::START), 0);
        while let Some(from) = cursor {
            let At { value: (annotations, next), .. } =
                self.stream_annotations(&project, &Arc::new(Selection::default()), from).await?;
            count += annotations.len();
            cursor = next;
        }
        Ok(count)
    }
}

fn every_article() -> ArticleQuery {
    ArticleQuery {
        project: project("p"),
        filter: Arc::default(),
        page_size: 0,
        page_token: String::new(),
        with_text: false,
    }
}

fn check_missing<T: fmt::Debug>(answer: Result<T>) {
    let error = answer.unwrap_err();
    assert!(matches!(error.problem, Problem::ResourceNotFound { .. }), "{error}");
}

/// The rows of a deleted project stand until they are swept. An answer that is read from them in the moment between
/// the delete and its acknowledgement would be kept, and nothing would ever make it stale.
#[tokio::test]
async fn nothing_is_read_of_a_project_once_its_delete_is_durable() {
    let (app, engine) = open().await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    app.add_article("a", "text".to_owned()).await.unwrap();
    let name = app.annotate("a", 1).await.remove(0);
    app.get_annotation(&name).await.unwrap();

    let partition = app.project(&project("p")).unwrap().partition;
    engine.held.send_replace(Some(partition));
    let deleting = Arc::clone(&app);
    let delete =
        tokio::spawn(async move { deleting.delete_project(deletion(project("p")), Mode::Apply).await });
    engine.holding.subscribe().wait_for(|holding| *holding).await.unwrap();

    check_missing(app.get_annotation(&name).await);
    let query = AnnotationQuery {
        article: article("a"),
        selection: Arc::default(),
        overlaps: None,
        text_revision: 0,
        page_size: 0,
        page_token: String::new(),
    };
    check_missing(app.list_annotations(&query).await);
    check_missing(app.stream_all().await);
    let filter = AnnotationFilter::parse("filter", "overlaps(*)").unwrap();
    let selection = Arc::new(Selection { filter, ..Selection::default() });
    let handle = app.project(&project("p")).unwrap();
    check_missing(app.stream_annotations(&handle, &selection, StreamCursor::START).await);
    check_missing(app.list_annotations(&AnnotationQuery { selection, ..query }).await);
    check_missing(app.get_article(&article("a"), 0, true).await);
    check_missing(app.get_articles(&project("p"), vec![article("a")], false).await);
    check_missing(app.list_articles(&every_article()).await);
    check_missing(app.convert_offsets(&article("a"), 0, crate::domain::text::Unit::Utf8, vec![0]).await);
    engine.held.send_replace(None);
    delete.await.unwrap().unwrap();
}

/// A project stands in the catalog before it is found by its name. Whoever was shown it in the moment between was once
/// told that there is none.
#[tokio::test]
async fn a_project_is_not_listed_before_it_is_found() {
    let (app, engine) = open().await;
    let until_held = async || {
        engine.holding.subscribe().wait_for(|holding| *holding).await.unwrap();
        engine.holding.send_replace(false);
    };
    engine.held.send_replace(Some(Partition(1)));
    let creating = Arc::clone(&app);
    let create = tokio::spawn(async move { creating.add_project(ProjectDetails::default()).await });
    until_held().await;
    engine.held.send_replace(Some(Partition::CATALOG));
    until_held().await;

    check_missing(app.get_project(&project("p")).await);
    assert_eq!(app.list_projects(0, "").await.unwrap().projects.len(), 0);
    engine.held.send_replace(None);
    create.await.unwrap().unwrap();
    app.get_project(&project("p")).await.unwrap();
    assert_eq!(app.list_projects(0, "").await.unwrap().projects.len(), 1);
}

/// The message is full before the second article's first annotation: that is no reason to leave the article out.
#[tokio::test]
async fn a_stream_goes_on_with_an_article_whose_first_annotation_had_no_room() {
    let (app, _) =
        open_with(Renderers { annotation: |_, _, _| vec![0; ANSWER_BYTES_MAX / 2].into(), ..NAMES }).await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    for id in ["a", "b"] {
        app.add_article(id, "text".to_owned()).await.unwrap();
        app.annotate(id, 1).await;
    }
    app.annotate("b", 2).await;
    assert_eq!(app.stream_all().await, Ok(4));
}

#[tokio::test]
async fn a_stream_ends_with_its_project_and_does_not_go_on_with_its_namesake() {
    let (app, _) = open().await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    let first = app.project(&project("p")).unwrap();
    app.delete_project(deletion(project("p")), Mode::Apply).await.unwrap();
    app.add_project(ProjectDetails::default()).await.unwrap();
    check_missing(app.stream_annotations(&first, &Arc::new(Selection::default()), StreamCursor::START).await);
    assert_eq!(app.stream_all().await, Ok(0));
}

/// Of the steps of a creation and of a deletion, each is refused once, as when the disk fills up. The id is free then,
/// or the project is whole, and what was left behind is swept.
#[tokio::test]
async fn an_id_is_not_lost_when_a_step_is_refused() {
    for step in 1..=3 {
        let (app, engine) = open().await;
        engine.refuse_write(step);
        app.add_project(ProjectDetails::default()).await.unwrap_err();
        check_missing(app.get_project(&project("p")).await);
        app.add_project(ProjectDetails::default()).await.unwrap();
        app.add_article("a", "text".to_owned()).await.unwrap();
        check_one_project(&app, &engine).await;
    }
    let (app, engine) = open().await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    app.add_article("a", "text".to_owned()).await.unwrap();
    engine.refuse_write(2);
    app.delete_project(deletion(project("p")), Mode::Apply).await.unwrap_err();
    check_missing(app.get_project(&project("p")).await);
    app.add_project(ProjectDetails::default()).await.unwrap();
    check_missing(app.get_article(&article("a"), 0, false).await);
    check_one_project(&app, &engine).await;
    let twin = app.add_project(ProjectDetails::default()).await.unwrap_err();
    assert!(matches!(twin.problem, Problem::ResourceExists { .. }), "{twin}");
}

/// A deletion whose last step was refused is done all the same. Its retry came when somebody had made the project again,
/// and deleted that.
#[tokio::test]
async fn a_retry_of_a_deletion_that_was_cut_off_spares_who_has_the_name_by_now() {
    let (app, engine) = open().await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    let id = RequestId::from_bytes([7; 16]).unwrap();
    let request = Request { id, method: Method::DeleteProject, body: [0; 16] };
    let attempt = Attempt { mode: Mode::Apply, request: Some(request) };
    engine.refuse_write(2);
    app.delete_project(deletion(project("p")), attempt).await.unwrap_err();
    app.add_project(ProjectDetails::default()).await.unwrap();
    app.delete_project(deletion(project("p")), attempt).await.unwrap();
    check_one_project(&app, &engine).await;
    app.get_project(&project("p")).await.unwrap();
}

/// Expects one project, and that the catalog will know of no other.
async fn check_one_project(app: &Arc<App>, engine: &Troubled) {
    assert_eq!(app.list_projects(0, "").await.unwrap().projects.len(), 1);
    until_swept(engine, Partition::CATALOG, keys::catalog_entries, 1).await;
}

/// Waits until so many rows are left in a range.
async fn until_swept(engine: &Troubled, partition: Partition, range: fn() -> keys::KeyRange, left: usize) {
    let swept = async {
        loop {
            let rows =
                engine.read(partition, move |view| Ok(view.ascending(&range().from, &range().to).count()));
            if rows.await.unwrap().value == left {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, swept).await.expect("rows that nobody can reach are not swept");
}

/// A long text is written in several steps. When one is refused, those before it are taken back.
#[tokio::test]
async fn a_text_that_was_staged_in_part_is_swept() {
    let (app, engine) = open().await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    let partition = app.project(&project("p")).unwrap().partition;
    // The numbers, the sweep's mark with the first chunks, the other chunks.
    engine.refuse_write(3);
    app.add_article("a", "x".repeat(8 * TEXT_STAGED_ABOVE_BYTES)).await.unwrap_err();
    check_missing(app.get_article(&article("a"), 0, false).await);
    let staged = || keys::KeyRange { from: vec![0x22].into(), to: vec![0x41].into() };
    until_swept(&engine, partition, staged, 0).await;
}

#[tokio::test]
async fn answers_of_much_metadata_keep_within_their_size() {
    let (app, _) = open().await;
    let metadata = || (0..8).map(|key| (key.to_string(), "x".repeat(2_000))).collect();
    for number in 0..200 {
        let details = ProjectDetails { metadata: metadata(), ..ProjectDetails::default() };
        let id = ProjectId::parse("id", &format!("p{number}")).unwrap();
        app.create_project(Some(id), details, Mode::Apply).await.unwrap();
    }
    let items = i32::try_from(PAGE_ITEMS_MAX).unwrap();
    let (mut pages, mut listed, mut token) = (0, Vec::new(), String::new());
    while pages == 0 || !token.is_empty() {
        let page = app.list_projects(items, &token).await.unwrap();
        let bytes: usize = page
            .projects
            .iter()
            .flat_map(|project| project.value.details.metadata.values())
            .map(String::len)
            .sum();
        assert!(bytes <= ANSWER_BYTES_MAX, "{bytes}");
        listed.extend(page.projects.into_iter().map(|project| project.value.id));
        (pages, token) = (pages + 1, page.next_page_token);
    }
    assert_eq!((pages, listed.len()), (2, 200));
    assert_eq!(listed.last().map(ToString::to_string).as_deref(), Some("p199"));

    app.add_project(ProjectDetails::default()).await.unwrap();
    let new = |number: usize| {
        let details = ArticleDetails { metadata: metadata(), ..ArticleDetails::default() };
        let id = Some(article(&format!("a{number}")).article);
        NewArticle { path: String::new(), id, details, text: "text".to_owned(), create_time: None }
    };
    let all: Vec<_> = (0..200).collect();
    for some in all.chunks(50) {
        let new = some.iter().copied().map(new).collect();
        app.create_articles(&project("p"), new, Mode::Apply).await.unwrap();
    }
    let names = |count| (0..count).map(|number| article(&format!("a{number}"))).collect();
    assert_eq!(app.get_articles(&project("p"), names(150), false).await.unwrap().value.len(), 150);
    let error = app.get_articles(&project("p"), names(200), false).await.unwrap_err();
    assert!(matches!(error.problem, Problem::LimitExceeded { .. }), "{error}");
}
