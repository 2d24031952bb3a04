//! Clients that write to two projects, and what they were told.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use spandrel::proto::v1;
use tokio::task::JoinSet;

use crate::support::{Client, Seeded, Server, annotation, by_code_points};

const CLIENTS: u64 = 8;
pub(crate) const TEXT: &str = "日本語の👍🏽 text, é and more of it";

/// What a client was told: the revision, the name, and the resource unless it was deleted.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Article(u64, String, v1::Article),
    /// That an article is deleted is answered without the revision: later than the first, and at most the second.
    Deleted(u64, u64, String),
    Annotation(u64, String, Option<v1::Annotation>),
}

/// Articles with their texts, and annotations, by name; without etags, which are another life's.
pub(crate) type State = (BTreeMap<String, v1::Article>, BTreeMap<String, v1::Annotation>);

impl Told {
    /// The latest revision that it can be about.
    fn revision(&self) -> u64 {
        match self {
            Self::Article(revision, ..) | Self::Deleted(_, revision, _) | Self::Annotation(revision, ..) => {
                *revision
            }
        }
    }
}

/// What there is at a revision, and the articles that may have been deleted by then.
pub(crate) fn state_at(revision: u64, told: &[Told]) -> (State, Vec<String>) {
    let mut told = told.to_vec();
    told.sort_by_key(Told::revision);
    let ((mut articles, mut annotations), mut unsure) = (State::default(), Vec::new());
    for told in told {
        if let Told::Deleted(from, to, name) = &told
            && *from < revision
            && revision < *to
        {
            unsure.push(name.clone());
        }
        if told.revision() > revision {
            continue;
        }
        match told {
            Told::Article(_, name, article) => {
                articles.insert(name, v1::Article { etag: String::new(), ..article });
            }
            Told::Deleted(_, _, name) => {
                articles.remove(&name);
                annotations.retain(|annotation, _| !is_in(&name, annotation));
            }
            Told::Annotation(_, name, Some(annotation)) => {
                annotations.insert(name, v1::Annotation { etag: String::new(), ..annotation });
            }
            Told::Annotation(_, name, None) => drop(annotations.remove(&name)),
        }
    }
    ((articles, annotations), unsure)
}

fn is_in(article: &str, annotation: &str) -> bool {
    annotation.strip_prefix(article).is_some_and(|rest| rest.starts_with('/'))
}

/// The same without these articles.
pub(crate) fn without((mut articles, mut annotations): State, names: &[String]) -> State {
    articles.retain(|name, _| !names.contains(name));
    annotations.retain(|annotation, _| !names.iter().any(|name| is_in(name, annotation)));
    (articles, annotations)
}

pub(crate) async fn stored(client: &mut Client, project: &str) -> State {
    let (mut articles, mut annotations): State = State::default();
    let mut page_token = String::new();
    loop {
        let list = v1::ListArticlesRequest {
            parent: project.to_owned(),
            page_size: 2,
            page_token,
            view: v1::ArticleView::Full.into(),
            filter: String::new(),
        };
        let page = client.send(list).await.unwrap();
        for article in page.articles {
            let list = v1::ListAnnotationsRequest {
                parent: article.name.clone(),
                page_size: 1_000,
                ..Default::default()
            };
            for annotation in client.list_all(list).await {
                let bare = v1::Annotation { etag: String::new(), ..annotation };
                annotations.insert(bare.name.clone(), bare);
            }
            articles.insert(article.name.clone(), v1::Article { etag: String::new(), ..article });
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return (articles, annotations);
        }
    }
}

/// One client's articles and annotations; nobody else writes to them.
#[derive(Debug)]
struct Writer {
    client: Client,
    seeded: Seeded,
    project: String,
    number: u64,
    told: Vec<Told>,
    articles: Vec<String>,
    annotations: Vec<v1::Annotation>,
}

impl Writer {
    async fn act(&mut self) {
        match self.seeded.below(20) {
            0 => self.create_article().await,
            1 if self.articles.len() > 2 => self.delete_article().await,
            2..=8 if !self.annotations.is_empty() => self.update().await,
            9..=10 if !self.annotations.is_empty() => self.delete().await,
            _ if self.articles.is_empty() => self.create_article().await,
            _ => self.annotate().await,
        }
    }

    async fn create_article(&mut self) {
        // Ids that were used come again.
        let id = format!("w{}-{}", self.number, self.seeded.below(6));
        let name = format!("{}/articles/{id}", self.project);
        if self.articles.contains(&name) {
            return;
        }
        let long = self.seeded.below(6) == 0;
        let text = TEXT.repeat(if long { 600 * 1_024 } else { 2 * 1_024 } / TEXT.len());
        let project = self.project.clone();
        let mut created = self.client.create_article(&project, &id, &text).await;
        created.text = text;
        self.told.push(Told::Article(created.revision, name.clone(), created));
        self.articles.push(name);
    }

    async fn delete_article(&mut self) {
        let name = self.articles.swap_remove(self.seeded.below(self.articles.len()));
        self.annotations.retain(|annotation| !is_in(&name, &annotation.name));
        let before = self.told.iter().map(Told::revision).max().unwrap_or(0);
        let delete = v1::DeleteArticleRequest { name: name.clone(), force: true, ..Default::default() };
        self.client.send(delete).await.unwrap();
        let project = v1::GetProjectRequest { name: self.project.clone() };
        let after = self.client.send(project).await.unwrap().revision;
        self.told.push(Told::Deleted(before, after, name));
    }

    async fn commit(&mut self, ops: Vec<v1::write::Op>) {
        let writes = ops.into_iter().map(|op| v1::Write { op: Some(op) }).collect();
        let request = v1::CommitAnnotationsRequest {
            parent: self.project.clone(),
            writes,
            validate_only: false,
            request_id: String::new(),
        };
        let answer = self.client.send(request).await.unwrap();
        for annotation in answer.annotations {
            let name = annotation.name.clone();
            self.annotations.retain(|known| known.name != name);
            let is_deleted = annotation.label.is_empty();
            if !is_deleted {
                self.annotations.push(annotation.clone());
            }
            self.told.push(Told::Annotation(answer.revision, name, (!is_deleted).then_some(annotation)));
        }
    }

    fn span(&mut self) -> v1::Span {
        let start = u32::try_from(self.seeded.below(1_000)).unwrap();
        by_code_points(start, start + 1 + u32::try_from(self.seeded.below(300)).unwrap())
    }

    async fn annotate(&mut self) {
        let count = 1 + self.seeded.below(20);
        let mut ops = Vec::new();
        for _ in 0..count {
            ops.push(v1::write::Op::Create(v1::CreateAnnotationRequest {
                parent: self.seeded.pick(&self.articles).clone(),
                annotation: Some(annotation("created", vec![self.span()])),
                ..Default::default()
            }));
        }
        self.commit(ops).await;
    }

    async fn update(&mut self) {
        let mut changed = self.seeded.pick(&self.annotations).clone();
        changed.label = format!("changed {}", self.seeded.below(1_000));
        let spans = vec![self.span()];
        changed.target = Some(v1::annotation::Target::Anchor(v1::Anchor { spans }));
        let update = v1::UpdateAnnotationRequest { annotation: Some(changed), ..Default::default() };
        self.commit(vec![v1::write::Op::Update(update)]).await;
    }

    async fn delete(&mut self) {
        let name = self.seeded.pick(&self.annotations).name.clone();
        let delete = v1::DeleteAnnotationRequest { name, ..Default::default() };
        self.commit(vec![v1::write::Op::Delete(delete)]).await;
    }
}

/// Clients that write to two projects until they are told to stop.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    writers: JoinSet<Writer>,
}

impl Load {
    pub(crate) async fn start(server: &Server, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = JoinSet::new();
        for number in 0..CLIENTS {
            let mut writer = Writer {
                client: server.client().await,
                seeded: Seeded::new(seed * CLIENTS + number),
                project: format!("projects/p{}", number % 2),
                number,
                told: Vec::new(),
                articles: Vec::new(),
                annotations: Vec::new(),
            };
            let stop = Arc::clone(&stop);
            writers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    writer.act().await;
                }
                writer
            });
        }
        Self { stop, writers }
    }

    /// What all were told, by project.
    pub(crate) async fn stop(self) -> BTreeMap<String, Vec<Told>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut told: BTreeMap<String, Vec<Told>> = BTreeMap::new();
        for writer in self.writers.join_all().await {
            told.entry(writer.project).or_default().extend(writer.told);
        }
        told
    }
}
