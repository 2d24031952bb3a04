//! `spandrel article revise` and `spandrel article revisions`.

use std::path::PathBuf;

use clap::Args;

use super::{
    arguments,
    failure::Failure,
    output::Output,
    render::printable,
    source,
    table::{Table, counted, moment, thousands},
    wording,
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, ProjectName},
    proto::v1,
};

const RESPONSE: &str = "spandrel.v1.ReviseArticleResponse";
const ARTICLE_REVISION: &str = "spandrel.v1.ArticleRevision";
const PAGE_ITEMS: i32 = 500;
/// Annotations that are shown of those that need a review.
const LISTED_MAX: usize = 20;
const RELATION_COLUMNS_MAX: usize = 60;

/// What `article revise` takes.
#[derive(Debug, Args)]
pub(super) struct Revise {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
    /// The new text in UTF-8, byte for byte; - is stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say what would become of the annotations, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Revise only the article that still has this etag.
    #[arg(long, value_name = "ETAG", default_value = "", hide_default_value = true)]
    etag: String,
}

/// What `article revisions` takes.
#[derive(Debug, Args)]
pub(super) struct Revisions {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
}

impl Revise {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let Self { project, article, file, dry_run: validate_only, etag } = self;
        let (name, text) = (project.article(article).to_string(), source::read(&file)?);
        let client = Client::connect(server).await?;
        let request = v1::ReviseArticleRequest { name, text, etag, validate_only, request_id: String::new() };
        let revised = client.call(request).await?;
        if output.json {
            return output.print_json(RESPONSE, &revised, &["article.text"]);
        }
        output.print(&told(&revised, validate_only))
    }
}

impl Revisions {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let heads =
            ["TEXT", " CHARACTERS", "MADE", " UNCHANGED", " SHIFTED", " MOVED", " MODIFIED", " ORPHANED"];
        let (mut table, client) = (Table::new(heads), Client::connect(server).await?);
        let mut request = v1::ListArticleRevisionsRequest {
            parent: self.project.article(self.article).to_string(),
            page_size: PAGE_ITEMS,
            page_token: String::new(),
        };
        loop {
            let page = client.call(request.clone()).await?;
            if output.json {
                for revision in &page.article_revisions {
                    output.print_json(ARTICLE_REVISION, revision, &[])?;
                }
            } else {
                output.print(&table.page(page.article_revisions.iter().map(row)))?;
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(());
            }
        }
    }
}

fn row(revision: &v1::ArticleRevision) -> [String; 8] {
    let length = revision.length.unwrap_or_default().code_points;
    let v1::AnchoringCounts { unchanged, shifted, moved, modified, orphaned, relations_needing_review: _ } =
        revision.counts.unwrap_or_default();
    let (text, made) = (revision.text_revision.to_string(), moment(revision.create_time));
    let counts = [unchanged, shifted, moved, modified, orphaned].map(thousands);
    let [unchanged, shifted, moved, modified, orphaned] = counts;
    [text, thousands(length), made, unchanged, shifted, moved, modified, orphaned]
}

/// What was done, or would be.
fn told(revised: &v1::ReviseArticleResponse, is_dry_run: bool) -> String {
    let v1::ReviseArticleResponse { article, counts, needs_review, needs_review_count, revision: _ } =
        revised;
    let article = article.clone().unwrap_or_default();
    let v1::AnchoringCounts { unchanged, shifted, moved, modified, orphaned, relations_needing_review: _ } =
        counts.unwrap_or_default();
    let done = if is_dry_run { "would revise" } else { "revised" };
    let characters = thousands(article.length.unwrap_or_default().code_points);
    let name = printable(&article.name);
    let mut told =
        vec![format!("{done} {name}  text revision {}, {characters} characters\n", article.text_revision)];
    let ways = [
        (unchanged, "unchanged"),
        (shifted, "shifted"),
        (moved, "moved"),
        (modified, "modified"),
        (orphaned, "orphaned"),
    ];
    let ways: Vec<_> = ways
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, way)| format!("{} {way}", thousands(count)))
        .collect();
    if !ways.is_empty() {
        told.push(format!("annotations on spans: {}\n", ways.join(", ")));
    }
    if *needs_review_count > 0 {
        let needs = if *needs_review_count == 1 { "needs" } else { "need" };
        told.push(format!("{} {needs} a review\n", counted(*needs_review_count, "annotation")));
    }
    told.extend(needs_review.iter().take(LISTED_MAX).map(line));
    let shown = u64::try_from(needs_review.len().min(LISTED_MAX)).unwrap_or(u64::MAX);
    if *needs_review_count > shown {
        told.push(format!("  … {} more\n", thousands(needs_review_count - shown)));
    }
    told.concat()
}

fn line(annotation: &v1::Annotation) -> String {
    let about = wording::about(annotation, wording::short_id, RELATION_COLUMNS_MAX);
    let review = wording::review(annotation).join(", ");
    let (id, label) = (wording::id(&annotation.name), wording::labelled(annotation));
    format!("  {id}  {label}  {about}  {review}\n")
}
