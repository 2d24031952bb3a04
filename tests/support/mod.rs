//! The real server, started as people start it, and clients of it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::explicit_write,
    missing_docs,
    unreachable_pub,
    reason = "shared by several test crates, each of which uses some of it"
)]

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use spandrel::proto::v1::{
    self, annotation_service_client::AnnotationServiceClient, article_service_client::ArticleServiceClient,
    project_service_client::ProjectServiceClient,
};
use tempfile::TempDir;
use tonic::{Status, transport::Channel};
use tonic_types::{ErrorDetails, StatusExt};

/// A running `spandrel serve`; killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub address: String,
    arguments: Vec<String>,
    folder: Option<TempDir>,
    data_dir: PathBuf,
}

impl Server {
    /// Starts a server on a port of its own over a new folder.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let data_dir = folder.path().join("data");
        let arguments = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (child, address) = spawn(&data_dir, &arguments);
        Self { child, address, arguments, folder: Some(folder), data_dir }
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

    /// SIGTERM, and how it ends.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// Starts the server again over the same folder.
    pub fn start_again(&mut self) {
        (self.child, self.address) = spawn(&self.data_dir, &self.arguments);
    }

    /// Starts the server again over the same folder, with other arguments.
    pub fn start_again_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self.start_again();
    }

    pub async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub async fn client(&self) -> Client {
        let channel = self.channel().await;
        Client {
            projects: ProjectServiceClient::new(channel.clone()),
            articles: ArticleServiceClient::new(channel.clone()),
            annotations: AnnotationServiceClient::new(channel),
        }
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

fn spawn(data_dir: &Path, arguments: &[String]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
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
    let address = address.unwrap_or_else(|| panic!("no address in the line of readiness: {ready:?}"));
    (child, address.trim_end_matches([',', '/']).to_owned())
}

/// Clients of all services.
#[derive(Debug, Clone)]
pub struct Client {
    pub projects: ProjectServiceClient<Channel>,
    pub articles: ArticleServiceClient<Channel>,
    pub annotations: AnnotationServiceClient<Channel>,
}

impl Client {
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

/// What each of a span's ranges covers of `text`, counted as Rust, JavaScript and Python count.
pub fn slices(text: &str, span: &v1::Span) -> [String; 3] {
    let bounds = |range: &Option<v1::Range>| {
        let range = range.unwrap();
        usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
    };
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let code_points: Vec<char> = text.chars().collect();
    [
        text[bounds(&span.utf8)].to_owned(),
        String::from_utf16(&utf16[bounds(&span.utf16)]).unwrap(),
        code_points[bounds(&span.code_points)].iter().collect(),
    ]
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
