//! How long it takes to give an article another text, and how long others wait for their writes meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use spandrel::proto::v1::{
    AnchoringCounts, Article, BatchCreateAnnotationsRequest, CreateArticleRequest, ReviseArticleRequest,
};
use tokio::task::JoinSet;

use crate::{
    Result,
    connection::{Connection, create},
    prose::{Prose, Random},
};

/// What `revise` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Revise {
    /// How many annotations the article has
    #[arg(long, default_value_t = 100_000)]
    annotations: usize,
    /// How long its text is
    #[arg(long, default_value_t = 684 * 1_024)]
    bytes: usize,
    /// How often it is revised
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Who creates annotations of another article, one after another
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// Seconds that they write alone
    #[arg(long, default_value_t = 3.0)]
    alone: f64,
}

const BATCH: usize = 1_000;

impl Revise {
    pub(crate) async fn run(&self, server: &str) -> Result<()> {
        let connection = Connection::open(server).await?;
        let id = format!("revise-{}", self.annotations);
        connection.project(&id).await?;
        let prose = Prose::new(1, self.bytes);
        let parent = format!("projects/{id}");
        for (article, text) in [("a", prose.text.clone()), ("other", Prose::new(3, 10_000).text)] {
            let article_id = article.to_owned();
            let article = Some(Article { text, ..Article::default() });
            let parent = parent.clone();
            let request =
                CreateArticleRequest { parent, article_id, article, ..CreateArticleRequest::default() };
            connection.articles().create_article(request).await?;
        }
        let name = format!("{parent}/articles/a");
        self.annotate(&connection, &name, &prose).await?;

        let other = format!("{parent}/articles/other");
        let alone = Writers::start(server, &other, self.writers).await?;
        tokio::time::sleep(Duration::from_secs_f64(self.alone)).await;
        let alone = alone.stop().await?;
        let mut took = Vec::new();
        let mut last = None;
        let mut text = prose.text;
        let meanwhile = Writers::start(server, &other, self.writers).await?;
        for round in 0..self.rounds {
            text = edited(&text, round);
            let request =
                ReviseArticleRequest { name: name.clone(), text: text.clone(), ..Default::default() };
            let begun = Instant::now();
            last = connection.articles().revise_article(request).await?.into_inner().counts;
            took.push(begun.elapsed());
        }
        let meanwhile = meanwhile.stop().await?;
        took.sort_unstable();
        let (annotations, bytes) = (self.annotations, self.bytes);
        let AnchoringCounts { unchanged, shifted, moved, modified, orphaned, .. } = last.unwrap_or_default();
        println!(
            r#"{{"name":"revise","annotations":{annotations},"bytes":{bytes},"median_ms":{:.1},"slowest_ms":{:.1},"alone":{},"meanwhile":{},"last":[{unchanged},{shifted},{moved},{modified},{orphaned}]}}"#,
            milliseconds(took[took.len() / 2]),
            milliseconds(took[took.len() - 1]),
            spread(&alone),
            spread(&meanwhile),
        );
        Ok(())
    }

    async fn annotate(&self, connection: &Connection, name: &str, prose: &Prose) -> Result<()> {
        // More than a third of the words would not leave room for three words each.
        let some = (prose.words.len() / 3).min(self.annotations);
        let ranges = (0..).flat_map(|pass| prose.ranges(pass, some)).take(self.annotations);
        let creates: Vec<_> =
            ranges.enumerate().map(|(number, range)| create(name, String::new(), number, range)).collect();
        for requests in creates.chunks(BATCH) {
            let request = BatchCreateAnnotationsRequest {
                parent: name.to_owned(),
                requests: requests.to_vec(),
                ..BatchCreateAnnotationsRequest::default()
            };
            connection.annotations().batch_create_annotations(request).await?;
        }
        Ok(())
    }
}

/// A text as somebody goes over it: one word in a hundred is another, and a sentence comes before all of it.
fn edited(text: &str, round: u64) -> String {
    let mut random = Random::new(1_000 + round);
    let mut edited = format!("Revised for the {round}th time. ");
    for word in text.split_inclusive(' ') {
        match random.below(200) {
            0 => edited.push_str("another "),
            1 => {}
            _ => edited.push_str(word),
        }
    }
    edited
}

/// Those who write to another article.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<Vec<Duration>>>,
}

impl Writers {
    async fn start(server: &str, parent: &str, count: usize) -> Result<Self> {
        let (stop, mut tasks) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for number in 0..count {
            let connection = Connection::open(server).await?;
            let (stop, parent) = (Arc::clone(&stop), parent.to_owned());
            tasks.spawn(async move {
                let mut took = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let request = create(&parent, String::new(), number, (0, 3));
                    let begun = Instant::now();
                    connection.annotations().create_annotation(request).await?;
                    took.push(begun.elapsed());
                }
                Ok(took)
            });
        }
        Ok(Self { stop, tasks })
    }

    async fn stop(mut self) -> Result<Vec<Duration>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(took) = self.tasks.join_next().await {
            all.extend(took??);
        }
        all.sort_unstable();
        Ok(all)
    }
}

fn spread(sorted: &[Duration]) -> String {
    let at = |permille: usize| milliseconds(sorted[(sorted.len() - 1) * permille / 1_000]);
    format!(
        r#"{{"writes":{},"p50_ms":{:.2},"p99_ms":{:.2},"p999_ms":{:.2},"slowest_ms":{:.2}}}"#,
        sorted.len(),
        at(500),
        at(990),
        at(999),
        at(1_000)
    )
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}
