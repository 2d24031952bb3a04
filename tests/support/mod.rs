//! The real server, started as people start it, and clients of it.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::explicit_write,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    unreachable_pub,
    reason = "shared by several test crates, each of which uses some of it"
)]

mod feed;
mod requests;
mod seeded;

use std::{
    fmt::Debug,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use spandrel::proto::v1::{
    self, annotation_service_client::AnnotationServiceClient, article_service_client::ArticleServiceClient,
    change_service_client::ChangeServiceClient, layer_service_client::LayerServiceClient,
    project_service_client::ProjectServiceClient,
};
use tempfile::TempDir;
use tonic::{Code, Status, transport::Channel};
use tonic_types::{ErrorDetails, StatusExt};

pub use self::{feed::Feed, requests::Request, seeded::Seeded};

/// A running `spandrel serve`; killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub address: String,
    arguments: Vec<String>,
    folder: Option<TempDir>,
    data_dir: PathBuf,
    /// Where it listens when it is started again.
    listen: String,
}

/// A port that is free.
const ANY: &str = "127.0.0.1:0";

impl Server {
    /// Starts a server on a port of its own over a new folder.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_at(ANY, arguments)
    }

    /// Starts a server that listens at the same address each time.
    pub fn start_at(listen: &str, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let data_dir = folder.path().join("data");
        let arguments = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (child, address) = spawn(&data_dir, listen, &arguments);
        Self { child, address, arguments, folder: Some(folder), data_dir, listen: listen.to_owned() }
    }

    /// Starts a server over a folder that is there, and that it leaves there.
    pub fn start_over(data_dir: &Path) -> Self {
        let (child, address) = spawn(data_dir, ANY, &[]);
        let (arguments, folder, listen) = (Vec::new(), None, ANY.to_owned());
        Self { child, address, arguments, folder, data_dir: data_dir.to_owned(), listen }
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as when somebody pulls the plug of the process.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ends. Clients on this thread do not hear of it meanwhile.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal_to_end();
        self.child.wait().unwrap()
    }

    /// SIGTERM, and how it ends. Clients hear of it meanwhile.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal_to_end();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn signal_to_end(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Starts the server again over the same folder.
    pub fn start_again(&mut self) {
        (self.child, self.address) = spawn(&self.data_dir, &self.listen, &self.arguments);
    }

    /// The same, where the server may refuse.
    pub fn try_start_again(&mut self) -> Result<(), String> {
        (self.child, self.address) = try_spawn(&self.data_dir, &self.listen, &self.arguments)?;
        Ok(())
    }

    /// Starts the server again over the same folder, with other arguments.
    pub fn start_again_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self.start_again();
    }

    pub async fn channel(&self) -> Channel {
        channel_to(&self.address).await
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.address).await
    }

    /// A client, a project and in it an article with this text, as `projects/p/articles/a`.
    pub async fn client_with_article(&self, text: &str) -> Client {
        let mut client = self.client().await;
        client.create_project("p").await;
        client.create_article("projects/p", "a", text).await;
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(data_dir: &Path, listen: &str, arguments: &[String]) -> (Child, String) {
    try_spawn(data_dir, listen, arguments)
        .unwrap_or_else(|ready| panic!("no address in the line of readiness: {ready:?}"))
}

/// Starts a server, or returns what it said instead of that it is ready.
fn try_spawn(data_dir: &Path, listen: &str, arguments: &[String]) -> Result<(Child, String), String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
        .args(["serve", "--listen", listen, "--data-dir"])
        .arg(data_dir)
        .args(arguments)
        .env("SPANDREL_FREE_SPACE", "0")
        .env("SPANDREL_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let address = ready.split_whitespace().find_map(|word| word.strip_prefix("http://")).map(str::to_owned);
    let Some(address) = address else {
        let _ = child.kill();
        child.wait().unwrap();
        return Err(ready);
    };
    Ok((child, address.trim_end_matches([',', '/']).to_owned()))
}

/// A connection of its own to a server.
pub async fn channel_to(address: &str) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Clients of all services.
#[derive(Debug, Clone)]
pub struct Client {
    pub projects: ProjectServiceClient<Channel>,
    pub articles: ArticleServiceClient<Channel>,
    pub annotations: AnnotationServiceClient<Channel>,
    pub layers: LayerServiceClient<Channel>,
    pub changes: ChangeServiceClient<Channel>,
}

impl Client {
    pub async fn connect(address: &str) -> Self {
        Self::over(channel_to(address).await)
    }

    /// A client of a server that may be gone already; its calls fail then.
    pub fn connect_lazily(address: &str) -> Self {
        Self::over(Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy())
    }

    fn over(channel: Channel) -> Self {
        Self {
            projects: ProjectServiceClient::new(channel.clone()),
            articles: ArticleServiceClient::new(channel.clone()),
            annotations: AnnotationServiceClient::new(channel.clone()),
            layers: LayerServiceClient::new(channel.clone()),
            changes: ChangeServiceClient::new(channel),
        }
    }

    pub async fn create_project(&mut self, id: &str) -> v1::Project {
        let request = v1::CreateProjectRequest { project_id: id.to_owned(), ..Default::default() };
        self.projects.create_project(request).await.unwrap().into_inner()
    }

    pub async fn create_article(&mut self, parent: &str, id: &str, text: &str) -> v1::Article {
        let article = v1::Article { text: text.to_owned(), ..Default::default() };
        let request = v1::CreateArticleRequest {
            parent: parent.to_owned(),
            article_id: id.to_owned(),
            article: Some(article),
            validate_only: false,
            request_id: String::new(),
        };
        self.articles.create_article(request).await.unwrap().into_inner()
    }

    /// Tries to create an annotation of `parent` with one span.
    pub async fn annotate(
        &mut self,
        parent: &str,
        label: &str,
        span: v1::Span,
    ) -> Result<v1::Annotation, Status> {
        let request = v1::CreateAnnotationRequest {
            parent: parent.to_owned(),
            annotation: Some(annotation(label, vec![span])),
            ..Default::default()
        };
        self.annotations.create_annotation(request).await.map(tonic::Response::into_inner)
    }

    /// Sends a request to the method that takes it. A client may be shared: it is a handle on its connection.
    pub async fn send<R: Request>(&self, request: R) -> Result<R::Answer, Status> {
        request.send(self.clone()).await
    }

    /// What `GetAnnotation` answers.
    pub async fn get(&self, name: &str) -> Result<v1::Annotation, Status> {
        self.send(v1::GetAnnotationRequest { name: name.to_owned() }).await
    }

    /// All annotations of an article, page by page.
    pub async fn list_all(&mut self, request: v1::ListAnnotationsRequest) -> Vec<v1::Annotation> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListAnnotationsRequest { page_token, ..request.clone() };
            let page = self.annotations.list_annotations(request).await.unwrap().into_inner();
            all.extend(page.annotations);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }
}

/// An annotation to be created.
pub fn annotation(label: &str, spans: Vec<v1::Span>) -> v1::Annotation {
    v1::Annotation {
        label: label.to_owned(),
        target: Some(v1::annotation::Target::Anchor(v1::Anchor { spans })),
        ..Default::default()
    }
}

/// The spans of an annotation.
pub fn spans(annotation: &v1::Annotation) -> &[v1::Span] {
    match annotation.target.as_ref().unwrap() {
        v1::annotation::Target::Anchor(anchor) => &anchor.spans,
        other => panic!("{other:?} has no spans"),
    }
}

pub fn by_quote(quote: &str) -> v1::Span {
    v1::Span { quote: quote.to_owned(), ..Default::default() }
}

pub fn by_utf8(start: u32, end: u32) -> v1::Span {
    v1::Span { utf8: Some(v1::Range { start, end }), ..Default::default() }
}

pub fn by_utf16(start: u32, end: u32) -> v1::Span {
    v1::Span { utf16: Some(v1::Range { start, end }), ..Default::default() }
}

pub fn by_code_points(start: u32, end: u32) -> v1::Span {
    v1::Span { code_points: Some(v1::Range { start, end }), ..Default::default() }
}

/// A text as Rust, JavaScript and Python hold it.
#[derive(Debug)]
pub struct InUnits<'t> {
    pub utf8: &'t str,
    pub utf16: Vec<u16>,
    pub code_points: Vec<char>,
}

impl<'t> InUnits<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { utf8: text, utf16: text.encode_utf16().collect(), code_points: text.chars().collect() }
    }

    /// What each of a span's ranges covers.
    pub fn slices(&self, span: &v1::Span) -> [String; 3] {
        let bounds = |range: &Option<v1::Range>| {
            let range = range.unwrap();
            usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
        };
        [
            self.utf8[bounds(&span.utf8)].to_owned(),
            String::from_utf16(&self.utf16[bounds(&span.utf16)]).unwrap(),
            self.code_points[bounds(&span.code_points)].iter().collect(),
        ]
    }
}

/// What each of a span's ranges covers of `text`, counted as Rust, JavaScript and Python count.
pub fn slices(text: &str, span: &v1::Span) -> [String; 3] {
    InUnits::new(text).slices(span)
}

/// All positions between two characters of `text`, its start and its end, counted one by one.
pub fn boundaries(text: &str) -> Vec<v1::TextLength> {
    let mut at = v1::TextLength::default();
    let mut boundaries = vec![at];
    for character in text.chars() {
        at.utf8 += u32::try_from(character.len_utf8()).unwrap();
        at.utf16 += u32::try_from(character.len_utf16()).unwrap();
        at.code_points += 1;
        boundaries.push(at);
    }
    boundaries
}

/// A mask of these fields.
pub fn mask(paths: &[&str]) -> prost_types::FieldMask {
    prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() }
}

/// Where annotations stand in document order: by start, the longer first, then by id. In bytes of the text.
pub fn document_position(annotation: &v1::Annotation) -> (u32, std::cmp::Reverse<u32>, String) {
    let spans = spans(annotation);
    let (first, last) = (spans.first().unwrap().utf8.unwrap(), spans.last().unwrap().utf8.unwrap());
    (first.start, std::cmp::Reverse(last.end), annotation.name.rsplit('/').next().unwrap().to_owned())
}

/// The code that a reason comes with.
fn code_of(reason: &str) -> Code {
    match reason {
        "TEXT_REVISION_STALE"
        | "HAS_CHILDREN"
        | "LAYER_LOCKED"
        | "SCHEMA_VIOLATED"
        | "FEED_RESET"
        | "REVISION_COMPACTED" => Code::FailedPrecondition,
        "ETAG_MISMATCH" | "UNDO_CONFLICT" => Code::Aborted,
        "RESOURCE_EXISTS" => Code::AlreadyExists,
        "RESOURCE_NOT_FOUND" => Code::NotFound,
        "OVERLOADED" | "SHUTTING_DOWN" | "STORAGE_UNAVAILABLE" => Code::Unavailable,
        "STORAGE_CORRUPT" => Code::DataLoss,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        _ => Code::InvalidArgument,
    }
}

/// Expects a refusal for `reason`, with its code, that blames `field`; returns what it says besides.
#[track_caller]
pub fn check_refused<T: Debug>(answer: Result<T, Status>, reason: &str, field: &str) -> ErrorDetails {
    let status = match answer {
        Err(status) => status,
        Ok(answer) => panic!("not refused as {reason} at {field:?}, but answered with {answer:?}"),
    };
    let (found, details) = refusal(&status);
    assert_eq!((found.as_str(), status.code()), (reason, code_of(reason)), "{status:?}");
    let blamed = match details.bad_request() {
        Some(request) => request.field_violations.iter().map(|violation| violation.field.as_str()).collect(),
        None => details.error_info().unwrap().metadata.get("field").map_or("", String::as_str).to_owned(),
    };
    assert_eq!(blamed, field, "{status:?}");
    details
}

/// What a refusal says of `key`.
pub fn fact(details: &ErrorDetails, key: &str) -> String {
    let metadata = &details.error_info().unwrap().metadata;
    metadata.get(key).unwrap_or_else(|| panic!("no {key} in {metadata:?}")).clone()
}

/// The reason and the details of a refusal.
pub fn refusal(status: &Status) -> (String, ErrorDetails) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "spandrel");
    (info.reason.clone(), details)
}

/// The corpora that nobody here wrote, or `None`, said loudly.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SPANDREL_CORPORA").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = root.join(folder);
    if path.exists() {
        return Some(path);
    }
    let absence = format!("{} is absent; set SPANDREL_CORPORA to the folder that holds it", path.display());
    // Unlike eprintln!, this is seen although the test passes.
    writeln!(std::io::stderr(), "\nSKIPPED, NOT CHECKED ON REAL INPUT: {absence}\n").unwrap();
    None
}
