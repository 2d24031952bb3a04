//! A project of short articles with 20 annotations each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use spandrel::proto::v1::{
    Article, BatchCreateArticlesRequest, CommitAnnotationsRequest, CreateAnnotationRequest,
    CreateArticleRequest, Write, write::Op,
};
use tokio::task::JoinSet;

use crate::{
    Result,
    connection::{self, Connection},
    prose::{Prose, Random},
};

/// Annotations of an article.
pub(crate) const ANNOTATIONS: u64 = 20;
/// Bytes of an article's text, at most.
const TEXT_BYTES: usize = 1_024;
/// Articles of one batch; their annotations are as many as a commit may have.
const BLOCK_ARTICLES: u64 = 50;

/// What `fill` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Fill {
    /// The project, made if it is missing
    #[arg(long, default_value = "bench")]
    project: String,
    /// How many annotations
    #[arg(long, default_value_t = 100_000)]
    annotations: u64,
    /// Writes of a commit, 1 to 1,000
    #[arg(long, default_value_t = 500)]
    commit: usize,
    /// Connections, each with one call at a time
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

impl Fill {
    pub(crate) async fn run(self, server: &str) -> Result<()> {
        let Self { project, annotations, commit, connections } = self;
        Connection::open(server).await?.project(&project).await?;
        let parent: Arc<str> = format!("projects/{project}").into();
        let articles = annotations.div_ceil(ANNOTATIONS);
        let next = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (parent, next) = (Arc::clone(&parent), Arc::clone(&next));
            let connection = Connection::open(server).await?;
            tasks.spawn(async move {
                loop {
                    let first = next.fetch_add(BLOCK_ARTICLES, Ordering::Relaxed);
                    if first >= articles {
                        return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(());
                    }
                    block(&connection, &parent, first..articles.min(first + BLOCK_ARTICLES), commit).await?;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let seconds = start.elapsed().as_secs_f64();
        let count = articles * ANNOTATIONS;
        let per_second = f64::from(u32::try_from(count)?) / seconds;
        println!(
            r#"{{"name":"fill","annotations":{count},"articles":{articles},"commit":{commit},"connections":{connections},"seconds":{seconds:.3},"annotations_per_second":{per_second:.0}}}"#
        );
        Ok(())
    }
}

/// Creates some articles by one batch, and their annotations by commits that go across them.
async fn block(
    connection: &Connection,
    parent: &str,
    numbers: std::ops::Range<u64>,
    commit: usize,
) -> Result<()> {
    let mut articles = Vec::new();
    let mut writes = Vec::new();
    for number in numbers {
        let prose = text(number);
        writes.extend(creates(parent, number, &prose).map(|create| Write { op: Some(Op::Create(create)) }));
        articles.push(CreateArticleRequest {
            article_id: article_id(number),
            article: Some(Article {
                title: format!("Report {number}"),
                text: prose.text,
                language: "en".to_owned(),
                ..Article::default()
            }),
            ..CreateArticleRequest::default()
        });
    }
    let parent = parent.to_owned();
    let batch = BatchCreateArticlesRequest {
        parent: parent.clone(),
        requests: articles,
        validate_only: false,
        request_id: String::new(),
    };
    connection.articles().batch_create_articles(batch).await?;
    for writes in writes.chunks(commit) {
        let writes = writes.to_vec();
        let request = CommitAnnotationsRequest {
            parent: parent.clone(),
            writes,
            validate_only: false,
            request_id: String::new(),
        };
        connection.annotations().commit_annotations(request).await?;
    }
    Ok(())
}

fn creates(parent: &str, number: u64, prose: &Prose) -> impl Iterator<Item = CreateAnnotationRequest> {
    let name = format!("{parent}/articles/{}", article_id(number));
    let ranges = prose.ranges(number, usize::try_from(ANNOTATIONS).unwrap());
    (0..).zip(ranges).map(move |(index, range)| {
        let id = annotation_id(number * ANNOTATIONS + index);
        connection::create(&name, id, usize::try_from(index).unwrap(), range)
    })
}

/// The id of an article.
pub(crate) fn article_id(number: u64) -> String {
    format!("report-{number:07}")
}

/// The text of an article.
pub(crate) fn text(number: u64) -> Prose {
    Prose::new(number, TEXT_BYTES)
}

/// The id of an annotation, by its number in the project: known without asking, and spread as UUIDs are.
pub(crate) fn annotation_id(number: u64) -> String {
    let mut random = Random::new(number);
    let bits = (u128::from(random.next()) << 64) | u128::from(random.next());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}
