//! One article with 100,000 annotations, and a hundred with 200, as densely annotated.

use std::{sync::Arc, time::Instant};

use spandrel::proto::v1::{
    Article, CommitAnnotationsRequest, CreateArticleRequest, DeleteArticleRequest, Write, write::Op,
};
use tokio::task::JoinSet;

use crate::{
    Result,
    connection::{Connection, create},
    prose::Prose,
};

/// The project of these articles.
pub(crate) const PROJECT: &str = "projects/books";
/// How many articles of 200 annotations there are.
pub(crate) const PAGES: u64 = 100;
/// Annotations of the large article, the one over its whole text among them.
pub(crate) const BOOK_ANNOTATIONS: usize = 100_000;
/// Annotations of each of the others, the one over its whole text among them.
pub(crate) const PAGE_ANNOTATIONS: usize = 200;
const BOOK_BYTES: usize = 2 * 1_024 * 1_024;
const PAGE_BYTES: usize = BOOK_BYTES / (BOOK_ANNOTATIONS / PAGE_ANNOTATIONS);
const COMMIT: usize = 1_000;

/// The large article's name.
pub(crate) fn book_name() -> String {
    format!("{PROJECT}/articles/book")
}

/// The large article's text.
pub(crate) fn book() -> Prose {
    Prose::new(1, BOOK_BYTES)
}

/// A small article's name.
pub(crate) fn page_name(number: u64) -> String {
    format!("{PROJECT}/articles/page-{number:03}")
}

/// A small article's text.
pub(crate) fn page(number: u64) -> Prose {
    Prose::new(2 * number + 1, PAGE_BYTES)
}

/// Makes the project.
pub(crate) async fn fill(server: &str) -> Result<()> {
    let connection = Connection::open(server).await?;
    connection.project(PROJECT.trim_start_matches("projects/")).await?;
    let start = Instant::now();
    article(&connection, &book_name(), book(), BOOK_ANNOTATIONS).await?;
    let seconds = start.elapsed().as_secs_f64();
    for number in 0..PAGES {
        article(&connection, &page_name(number), page(number), PAGE_ANNOTATIONS).await?;
    }
    println!(r#"{{"name":"books","annotations":{BOOK_ANNOTATIONS},"seconds":{seconds:.3}}}"#);
    Ok(())
}

async fn article(connection: &Connection, name: &str, prose: Prose, annotations: usize) -> Result<()> {
    let (_, id) = name.rsplit_once('/').unwrap();
    let ranges = [prose.whole()].into_iter().chain(prose.ranges(1, annotations - 1));
    let creates = ranges.enumerate().map(|(number, range)| create(name, String::new(), number, range));
    let writes: Vec<_> = creates.map(|create| Write { op: Some(Op::Create(create)) }).collect();
    let article = Article { text: prose.text, ..Article::default() };
    let request = CreateArticleRequest {
        parent: PROJECT.to_owned(),
        article_id: id.to_owned(),
        article: Some(article),
        validate_only: false,
        request_id: String::new(),
    };
    connection.articles().create_article(request).await?;
    let connection = Arc::new(connection.clone());
    let mut commits = JoinSet::new();
    for writes in writes.chunks(COMMIT) {
        let (connection, writes) = (Arc::clone(&connection), writes.to_vec());
        commits.spawn(async move {
            let request = CommitAnnotationsRequest {
                parent: PROJECT.to_owned(),
                writes,
                validate_only: false,
                request_id: String::new(),
            };
            connection.annotations().commit_annotations(request).await
        });
    }
    while let Some(committed) = commits.join_next().await {
        committed??;
    }
    Ok(())
}

/// Deletes the large article.
pub(crate) async fn delete(server: &str) -> Result<()> {
    let connection = Connection::open(server).await?;
    let request = DeleteArticleRequest { name: book_name(), force: true, ..DeleteArticleRequest::default() };
    let start = Instant::now();
    connection.articles().delete_article(request).await?;
    let microseconds = start.elapsed().as_micros();
    println!(r#"{{"name":"delete-book","us":{microseconds}}}"#);
    Ok(())
}
