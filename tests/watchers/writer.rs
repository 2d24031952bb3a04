//! Writers: each of their requests has an id, and is sent again with it until there is an answer.

use std::{collections::VecDeque, fmt::Debug, sync::Arc, time::Duration};

use spandrel::proto::v1::{self, resource::Kind, write::Op};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    ledger::Told,
    stage::{ARTICLES, FIRST_LINES, LAYERS, LINES, P, Stage, article, article_to_create, lines, other_text},
    support::{Client, Request, Seeded, annotation, mask},
};

/// Why a request may be refused when others write, too.
const RACES: [&str; 6] = [
    "RESOURCE_NOT_FOUND",
    "RESOURCE_EXISTS",
    "UNDO_CONFLICT",
    "ETAG_MISMATCH",
    "QUOTE_MISMATCH",
    "SPAN_OUT_OF_BOUNDS",
];
/// Commits of its own that a writer may undo.
const RECENT: usize = 8;

/// See the [module](self).
pub struct Writer {
    stage: Arc<Stage>,
    client: Client,
    seeded: Seeded,
    number: usize,
    /// Annotations that it made and may change.
    own: Vec<String>,
    recent: VecDeque<u64>,
    articles_made: usize,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stage.leaves();
    }
}

impl Writer {
    pub fn new(stage: Arc<Stage>, number: usize, seed: u64) -> Self {
        let (client, seeded) = (stage.client(), Seeded::new(seed));
        let (own, recent, articles_made) = (Vec::new(), VecDeque::new(), 0);
        Self { stage, client, seeded, number, own, recent, articles_made }
    }

    /// Writes until all of them together have done so many requests.
    pub async fn run(mut self, total: u64) {
        let mut large_at = (self.number == 0).then_some(total / 3);
        while self.stage.ledger.done() < total {
            match self.seeded.below(100) {
                0..45 => self.create().await,
                45..60 => self.update().await,
                60..70 => self.delete().await,
                70..80 => self.commit().await,
                80..85 => self.describe_project().await,
                85..88 => self.make_article().await,
                88..91 => self.delete_article().await,
                91..94 => self.revise().await,
                _ => self.undo_recent().await,
            }
            if large_at.is_some_and(|at| self.stage.ledger.done() >= at) {
                self.create_many().await;
                large_at = large_at.filter(|at| *at == total / 3).map(|at| 2 * at);
            }
            let pause = self.seeded.below(60);
            tokio::time::sleep(Duration::from_millis(pause.try_into().unwrap())).await;
        }
    }

    /// Sends a request until it is answered, and writes down what it was told.
    async fn done<R: Request<Answer: Debug> + Clone>(
        &mut self,
        what: &'static str,
        id: String,
        request: R,
        told: impl Fn(&R::Answer) -> (Option<u64>, Option<Kind>),
    ) -> Option<R::Answer> {
        loop {
            let status = match self.client.send(request.clone()).await {
                Ok(answer) => {
                    let (revision, result) = told(&answer);
                    let result = result.map(Box::new);
                    self.stage.ledger.add(id, what, Told::Done { revision, result });
                    self.recent.extend(revision);
                    if self.recent.len() > RECENT {
                        self.recent.pop_front();
                    }
                    return Some(answer);
                }
                Err(status) => status,
            };
            match reason(&status).as_deref() {
                None | Some("OVERLOADED" | "SHUTTING_DOWN") => self.stage.ledger.add_retry(),
                Some(race) if RACES.contains(&race) => {
                    self.stage.ledger.add(id, what, Told::Refused(race.to_owned()));
                    return None;
                }
                Some(_) => panic!("{what}: {status:?}"),
            }
            let pause = 10 + self.seeded.below(50);
            tokio::time::sleep(Duration::from_millis(pause.try_into().unwrap())).await;
        }
    }

    fn new_annotation(&mut self) -> v1::Annotation {
        let span = lines(self.seeded.below(LINES), 1);
        let layer = (*self.seeded.pick(&LAYERS)).to_owned();
        v1::Annotation { layer, ..annotation("X", vec![span]) }
    }

    fn some_article(&mut self) -> String {
        article(self.seeded.below(ARTICLES))
    }

    fn creation(&mut self) -> v1::CreateAnnotationRequest {
        let (parent, annotation) = (self.some_article(), Some(self.new_annotation()));
        v1::CreateAnnotationRequest { parent, annotation, ..Default::default() }
    }

    fn relabelling(&mut self, name: &str) -> v1::UpdateAnnotationRequest {
        let label = self.seeded.number().to_string();
        v1::UpdateAnnotationRequest {
            annotation: Some(v1::Annotation { name: name.to_owned(), label, ..Default::default() }),
            update_mask: Some(mask(&["label"])),
            ..Default::default()
        }
    }

    /// One of its own annotations, which is not its own any more.
    fn take_own(&mut self) -> Option<String> {
        let count = self.own.len();
        (count > 0).then(|| self.own.swap_remove(self.seeded.below(count)))
    }

    async fn create(&mut self) {
        let (id, creation) = (self.seeded.uuid(), self.creation());
        let article = creation.parent.clone();
        let request = v1::CreateAnnotationRequest { request_id: id.clone(), ..creation };
        match self.done("create", id, request, of_annotation).await {
            Some(created) => self.own.push(created.name),
            // An undo may have taken the article away for good.
            None => self.create_article(&article).await,
        }
    }

    async fn update(&mut self) {
        let Some(name) = self.take_own() else { return self.create().await };
        let id = self.seeded.uuid();
        let request = v1::UpdateAnnotationRequest { request_id: id.clone(), ..self.relabelling(&name) };
        if self.done("update", id, request, of_annotation).await.is_some() {
            self.own.push(name);
        }
    }

    async fn delete(&mut self) {
        let Some(name) = self.take_own() else { return self.create().await };
        let request_id = self.seeded.uuid();
        let id = request_id.clone();
        let request = v1::DeleteAnnotationRequest { name, request_id, ..Default::default() };
        self.done("delete", id, request, |()| (None, None)).await;
    }

    /// Several writes to several articles.
    async fn commit(&mut self) {
        let mut writes: Vec<_> = (0..2 + self.seeded.below(4)).map(|_| Op::Create(self.creation())).collect();
        if self.seeded.below(3) == 0
            && let Some(name) = self.take_own()
        {
            writes.push(Op::Update(self.relabelling(&name)));
        }
        if self.seeded.below(3) == 0
            && let Some(name) = self.take_own()
        {
            writes.push(Op::Delete(v1::DeleteAnnotationRequest { name, ..Default::default() }));
        }
        let writes = writes.into_iter().map(|op| v1::Write { op: Some(op) }).collect();
        let request_id = self.seeded.uuid();
        let id = request_id.clone();
        let request =
            v1::CommitAnnotationsRequest { parent: P.to_owned(), writes, validate_only: false, request_id };
        let done = self.done("commit", id, request, |done| (Some(done.revision), None)).await;
        let made = done.into_iter().flat_map(|done| done.annotations);
        self.own.extend(made.filter(|made| made.revision > 0).map(|made| made.name));
    }

    /// So many and such long ones that a watch tells them in several messages.
    async fn create_many(&mut self) {
        let spans = vec![lines(0, 12)];
        let annotation = Some(v1::Annotation { layer: LAYERS[0].to_owned(), ..annotation("X", spans) });
        let create = v1::CreateAnnotationRequest { annotation, ..Default::default() };
        let (parent, request_id) = (self.some_article(), self.seeded.uuid());
        let id = request_id.clone();
        let requests = vec![create; 400];
        let request =
            v1::BatchCreateAnnotationsRequest { parent, requests, validate_only: false, request_id };
        self.done("create many", id, request, |done| (Some(done.revision), None)).await;
    }

    async fn describe_project(&mut self) {
        let (description, request_id) = (self.seeded.number().to_string(), self.seeded.uuid());
        let id = request_id.clone();
        let project = Some(v1::Project { name: P.to_owned(), description, ..Default::default() });
        let update_mask = Some(mask(&["description"]));
        let request = v1::UpdateProjectRequest { project, update_mask, request_id, ..Default::default() };
        let told = |project: &v1::Project| (Some(project.revision), Some(Kind::Project(project.clone())));
        self.done("describe project", id, request, told).await;
    }

    async fn make_article(&mut self) {
        let name = format!("{P}/articles/of-{}-{}", self.number, self.articles_made);
        self.articles_made += 1;
        self.create_article(&name).await;
        let (annotation, request_id) = (Some(self.new_annotation()), self.seeded.uuid());
        let id = request_id.clone();
        let request =
            v1::CreateAnnotationRequest { parent: name, annotation, request_id, ..Default::default() };
        self.done("create", id, request, of_annotation).await;
    }

    async fn create_article(&mut self, name: &str) {
        let id = self.seeded.uuid();
        let request = article_to_create(name, id.clone());
        // The log has it without the text.
        let told = |article: &v1::Article| (Some(article.revision), None);
        self.done("create article", id, request, told).await;
    }

    /// Deletes an article with its annotations, which then comes back in the one way or the other.
    async fn delete_article(&mut self) {
        let own = format!("{P}/articles/of-{}-{}", self.number, self.articles_made.saturating_sub(1));
        let name = if self.seeded.below(3) == 0 { own } else { self.some_article() };
        let id = self.seeded.uuid();
        let request = v1::DeleteArticleRequest {
            name: name.clone(),
            force: true,
            request_id: id.clone(),
            ..Default::default()
        };
        if self.done("delete article", id.clone(), request, |()| (None, None)).await.is_none() {
            return;
        }
        let pause = self.seeded.below(300);
        tokio::time::sleep(Duration::from_millis(pause.try_into().unwrap())).await;
        if self.seeded.below(4) == 0 {
            return self.create_article(&name).await;
        }
        let revision = self.revision_of(&name, &id).await;
        self.undo("undo article deletion", revision).await;
    }

    /// The revision of a commit on an article, which its answer did not say.
    async fn revision_of(&mut self, article: &str, id: &str) -> u64 {
        let request = v1::ListChangesRequest {
            parent: P.to_owned(),
            article: article.to_owned(),
            order_by: "revision desc".to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        loop {
            match self.client.send(request.clone()).await {
                Ok(page) => {
                    let found = page.changes.iter().find(|commit| commit.request_id == id);
                    return found.unwrap_or_else(|| panic!("{id} is not in the log")).revision;
                }
                Err(status) => assert!(
                    matches!(reason(&status).as_deref(), None | Some("OVERLOADED" | "SHUTTING_DOWN")),
                    "{status:?}"
                ),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn undo_recent(&mut self) {
        let count = self.recent.len();
        if count == 0 {
            return self.create().await;
        }
        let at = self.seeded.below(count);
        let revision = self.recent.remove(at).unwrap();
        self.undo("undo", revision).await;
    }

    async fn undo(&mut self, what: &'static str, revision: u64) {
        let request_id = self.seeded.uuid();
        let id = request_id.clone();
        let request =
            v1::UndoCommitRequest { parent: P.to_owned(), revision, validate_only: false, request_id };
        self.done(what, id, request, |done| (Some(done.revision), None)).await;
    }

    /// Gives an article that all write to another text.
    async fn revise(&mut self) {
        let (name, text) = (self.some_article(), other_text(&mut self.seeded));
        let id = self.seeded.uuid();
        let request = v1::ReviseArticleRequest { name, text, request_id: id.clone(), ..Default::default() };
        self.done("revise", id, request, |done| (Some(done.revision), None)).await;
    }

    /// Makes what is missing of the articles that all write to, and then one last commit that no filter of theirs keeps
    /// out. Its revision.
    pub async fn finish(mut self) -> u64 {
        let mut writes = Vec::new();
        for number in 0..ARTICLES {
            self.create_article(&article(number)).await;
            for layer in LAYERS {
                let spans = vec![lines(self.seeded.below(FIRST_LINES), 1)];
                let annotation = v1::Annotation { layer: layer.to_owned(), ..annotation("X", spans) };
                let (parent, annotation) = (article(number), Some(annotation));
                let create = v1::CreateAnnotationRequest { parent, annotation, ..Default::default() };
                writes.push(v1::Write { op: Some(Op::Create(create)) });
            }
        }
        let request_id = self.seeded.uuid();
        let id = request_id.clone();
        let request =
            v1::CommitAnnotationsRequest { parent: P.to_owned(), writes, validate_only: false, request_id };
        let done = self.done("commit", id, request, |done| (Some(done.revision), None)).await;
        done.unwrap().revision
    }
}

fn of_annotation(annotation: &v1::Annotation) -> (Option<u64>, Option<Kind>) {
    (Some(annotation.revision), Some(Kind::Annotation(annotation.clone())))
}

/// Why the server refused, unless it was not the server who did.
pub fn reason(status: &Status) -> Option<String> {
    status.get_error_details().error_info().map(|info| info.reason.clone())
}
