//! One client at work: what it sends, and what it makes of the answers.

use std::{sync::Arc, time::Duration};

use spandrel::proto::v1;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    ledger::{Ledger, Resource, Write},
    progress::Progress,
    support::{Client, Request, annotation, by_code_points, mask},
    workload::{
        CONTENDED, KIB, PROJECT, SHARED, Scale, article_request, bytes_of_lines, contended_id, delete,
        is_shared, project_of, put, without_text,
    },
};

/// From here on an article is counted as a long one.
const LONG_BYTES: usize = 1_024 * KIB;

/// What an error says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    NotDone,
    /// Its answer was lost: all of it happened, or nothing.
    Unknown,
}

pub struct Worker {
    pub client: Client,
    pub ledger: Ledger,
    pub progress: Arc<Progress>,
    pub scale: Scale,
}

impl Worker {
    /// Writes all kinds of things until it is told to stop, or an answer is lost.
    pub async fn run(mut self) -> Ledger {
        if self.ledger.number == 0 {
            self.create_long_article().await;
        }
        while !self.progress.is_stopped() && self.ledger.pending.is_empty() {
            match self.ledger.seeded.below(100) {
                0..30 => self.create_annotation().await,
                30..45 => self.update_annotation().await,
                45..54 => self.delete_annotation().await,
                54..68 => self.commit().await,
                68..74 => self.batch_annotations().await,
                74..82 => self.create_article().await,
                82..85 => self.batch_articles().await,
                85..88 => self.update_article().await,
                88..92 => self.delete_article().await,
                92..94 => self.create_project().await,
                94..95 => self.delete_project().await,
                _ => self.contend().await,
            }
        }
        self.ledger
    }

    /// Sends a request and notes what is known of its writes then. An answer means that all of them are to stand.
    async fn attempt<R: Request>(&mut self, request: R, writes: Vec<Write>) -> Option<R::Answer> {
        let status = match self.client.send(request).await {
            Ok(answer) => {
                self.progress.acknowledged.add(writes.len());
                for write in writes.iter().filter(|write| write.after.is_none()) {
                    self.ledger.fall(&write.name);
                }
                return Some(answer);
            }
            Err(status) => status,
        };
        let names: Vec<_> = writes.iter().map(|write| write.name.as_str()).collect();
        if self.fate(&status, &names).await == Fate::Unknown {
            self.ledger.pending = writes;
        }
        None
    }

    /// What has become of a call to `names` that was answered with `status`. What nothing explains is a surprise.
    async fn fate(&mut self, status: &Status, names: &[&str]) -> Fate {
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str());
        let fate = match reason {
            Some("STORAGE_UNAVAILABLE")
                if self.progress.may_be_refused() && status.message().contains("below the floor") =>
            {
                self.progress.refused.add(1);
                tokio::time::sleep(Duration::from_millis(5)).await;
                // A project is made and deleted in steps, of which the first may not have been refused.
                let has_steps = names.iter().any(|name| project_of(name) == *name);
                return if has_steps { Fate::Unknown } else { Fate::NotDone };
            }
            // Somebody else was first.
            Some("ETAG_MISMATCH") if names.iter().all(|name| is_shared(name)) => return Fate::NotDone,
            Some("OVERLOADED") => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                return Fate::NotDone;
            }
            // The connection is lost, or the storage: it may have happened.
            None | Some("STORAGE_UNAVAILABLE" | "SHUTTING_DOWN" | "DEADLINE_EXCEEDED") => Fate::Unknown,
            Some(_) => Fate::NotDone,
        };
        if reason == Some("STORAGE_UNAVAILABLE") {
            self.progress.told_of_failure.add(1);
        }
        if fate == Fate::NotDone || !self.progress.has_fault() {
            let when = if self.progress.has_fault() { "" } else { " before anything was done to the server" };
            self.ledger.surprises.push(format!("{names:?} was answered{when} with {status:?}"));
        }
        fate
    }

    fn note_revision(&mut self, project: &str, revision: u64) {
        self.ledger.revisions.push((project.to_owned(), revision));
    }

    fn span(&mut self) -> v1::Span {
        let start = u32::try_from(self.ledger.seeded.below(400)).unwrap();
        let length = u32::try_from(self.ledger.seeded.below(30)).unwrap();
        by_code_points(start, start + 1 + length)
    }

    /// An annotation of a label that is to stand on an article.
    fn new_annotation(&mut self, article: &str, label: &str) -> v1::Annotation {
        let name = format!("{article}/annotations/{}", self.ledger.seeded.uuid());
        v1::Annotation { name, ..annotation(label, vec![self.span()]) }
    }

    /// An article that may be annotated: everybody's or an own one.
    fn some_article(&mut self) -> String {
        let own: Vec<_> = self.ledger.articles().iter().map(|article| article.name.clone()).collect();
        let at = self.ledger.seeded.below(own.len() + SHARED.len());
        own.get(at).cloned().unwrap_or_else(|| format!("{PROJECT}/articles/{}", SHARED[at - own.len()].0))
    }

    fn some_annotation(&mut self) -> Option<v1::Annotation> {
        let own: Vec<_> = self.ledger.annotations().into_iter().cloned().collect();
        if own.is_empty() { None } else { Some(self.ledger.seeded.pick(&own).clone()) }
    }

    fn has_many_annotations(&self) -> bool {
        self.ledger.annotations().len() >= self.scale.annotations
    }

    fn create_request(annotation: &v1::Annotation) -> v1::CreateAnnotationRequest {
        let (parent, id) = annotation.name.split_once("/annotations/").unwrap();
        v1::CreateAnnotationRequest {
            parent: parent.to_owned(),
            annotation_id: id.to_owned(),
            annotation: Some(annotation.clone()),
            validate_only: false,
            request_id: String::new(),
        }
    }

    async fn create_annotation(&mut self) {
        if self.has_many_annotations() {
            return self.delete_annotation().await;
        }
        let (article, mark) = (self.some_article(), self.ledger.mark());
        let new = self.new_annotation(&article, &mark);
        let request = Self::create_request(&new);
        if let Some(created) = self.attempt(request, vec![put(Resource::Annotation(new))]).await {
            self.note_revision(&project_of(&article), created.revision);
            self.ledger.stand(Resource::Annotation(created));
        }
    }

    /// Another label, and sometimes another place.
    fn change(&mut self, old: &v1::Annotation, mark: &str) -> (v1::Annotation, v1::UpdateAnnotationRequest) {
        let mut new = v1::Annotation { label: mark.to_owned(), ..old.clone() };
        let moves = self.ledger.seeded.below(2) == 0;
        if moves {
            new.target = annotation("", vec![self.span()]).target;
        }
        let request = v1::UpdateAnnotationRequest {
            annotation: Some(new.clone()),
            update_mask: Some(mask(if moves { &["label", "anchor"] } else { &["label"] })),
            ..Default::default()
        };
        (new, request)
    }

    async fn update_annotation(&mut self) {
        let Some(old) = self.some_annotation() else { return };
        let mark = self.ledger.mark();
        let (new, request) = self.change(&old, &mark);
        if let Some(updated) = self.attempt(request, vec![put(Resource::Annotation(new))]).await {
            self.note_revision(&project_of(&old.name), updated.revision);
            self.ledger.stand(Resource::Annotation(updated));
        }
    }

    async fn delete_annotation(&mut self) {
        let Some(old) = self.some_annotation() else { return };
        let request = v1::DeleteAnnotationRequest { name: old.name.clone(), ..Default::default() };
        self.attempt(request, vec![delete(&old.name)]).await;
    }

    /// Creates, changes and deletes on several articles in one commit.
    async fn commit(&mut self) {
        let mark = self.ledger.mark();
        let mut old: Vec<_> = self.ledger.annotations().into_iter().cloned().collect();
        old.retain(|annotation| project_of(&annotation.name) == PROJECT);
        let (mut requests, mut writes) = (Vec::new(), Vec::new());
        for _ in 0..2 + self.ledger.seeded.below(10) {
            let at = self.ledger.seeded.below(old.len() + 1);
            let is_old = at < old.len();
            let op = if is_old && (self.has_many_annotations() || self.ledger.seeded.below(3) == 0) {
                let name = old.swap_remove(at).name;
                writes.push(delete(&name));
                v1::write::Op::Delete(v1::DeleteAnnotationRequest { name, ..Default::default() })
            } else if is_old {
                let old = old.swap_remove(at);
                let (new, request) = self.change(&old, &mark);
                writes.push(put(Resource::Annotation(new)));
                v1::write::Op::Update(request)
            } else {
                let articles = self.ledger.articles();
                let own = articles
                    .iter()
                    .map(|article| article.name.clone())
                    .rfind(|name| name.starts_with("projects/p/"));
                let shared =
                    format!("{PROJECT}/articles/{}", SHARED[self.ledger.seeded.below(SHARED.len())].0);
                let article = own.filter(|_| self.ledger.seeded.below(2) == 0).unwrap_or(shared);
                let new = self.new_annotation(&article, &mark);
                let request = Self::create_request(&new);
                writes.push(put(Resource::Annotation(new)));
                v1::write::Op::Create(request)
            };
            requests.push(v1::Write { op: Some(op) });
        }
        let kept: Vec<_> = writes.iter().map(|write| write.after.is_some()).collect();
        let request = v1::CommitAnnotationsRequest {
            parent: PROJECT.to_owned(),
            writes: requests,
            validate_only: false,
            request_id: String::new(),
        };
        if let Some(answer) = self.attempt(request, writes).await {
            self.note_revision(PROJECT, answer.revision);
            for (annotation, kept) in answer.annotations.into_iter().zip(kept) {
                if kept {
                    self.ledger.stand(Resource::Annotation(annotation));
                }
            }
        }
    }

    async fn batch_annotations(&mut self) {
        if self.has_many_annotations() {
            return self.commit().await;
        }
        let (article, mark) = (self.some_article(), self.ledger.mark());
        let count = 2 + self.ledger.seeded.below(self.scale.annotations / 4);
        let new: Vec<_> = (0..count).map(|_| self.new_annotation(&article, &mark)).collect();
        let request = v1::BatchCreateAnnotationsRequest {
            parent: article.clone(),
            requests: new.iter().map(Self::create_request).collect(),
            validate_only: false,
            request_id: String::new(),
        };
        let writes = new.into_iter().map(|new| put(Resource::Annotation(new))).collect();
        if let Some(answer) = self.attempt(request, writes).await {
            self.note_revision(&project_of(&article), answer.revision);
            answer
                .annotations
                .into_iter()
                .for_each(|created| self.ledger.stand(Resource::Annotation(created)));
        }
    }

    fn new_article(&mut self, parent: &str) -> v1::CreateArticleRequest {
        let mark = self.ledger.mark();
        let bytes = match self.ledger.seeded.below(self.scale.long_one_in) {
            0 => *self.ledger.seeded.pick(&[self.scale.text_bytes, self.scale.text_bytes.min(600 * KIB)]),
            _ => 2 * KIB,
        };
        article_request(parent, &mark, &mark, bytes_of_lines(bytes))
    }

    async fn create_article(&mut self) {
        let request = self.new_article(PROJECT);
        self.create_article_as(request).await;
    }

    async fn create_long_article(&mut self) {
        if self.ledger.articles().len() >= self.scale.articles {
            self.delete_article().await;
        }
        let mark = self.ledger.mark();
        let bytes = bytes_of_lines(self.scale.text_bytes);
        self.create_article_as(article_request(PROJECT, &mark, &mark, bytes)).await;
    }

    async fn create_article_as(&mut self, request: v1::CreateArticleRequest) {
        if self.ledger.articles().len() >= self.scale.articles {
            return self.delete_article().await;
        }
        let is_long = request.article.as_ref().is_some_and(|article| article.text.len() >= LONG_BYTES);
        let requested = without_text(request.article.clone().unwrap());
        if let Some(created) = self.attempt(request, vec![put(requested)]).await {
            self.progress.long_articles.add(usize::from(is_long));
            self.note_revision(PROJECT, created.revision);
            self.ledger.stand(without_text(created));
        }
    }

    async fn batch_articles(&mut self) {
        if self.ledger.articles().len() >= self.scale.articles {
            return self.delete_article().await;
        }
        let requests: Vec<_> = (0..2 + self.ledger.seeded.below(3))
            .map(|_| {
                let mark = self.ledger.mark();
                article_request(PROJECT, &mark, &mark, 2 * KIB)
            })
            .collect();
        let writes =
            requests.iter().map(|request| put(without_text(request.article.clone().unwrap()))).collect();
        let request = v1::BatchCreateArticlesRequest {
            parent: PROJECT.to_owned(),
            requests,
            validate_only: false,
            request_id: String::new(),
        };
        if let Some(answer) = self.attempt(request, writes).await {
            self.note_revision(PROJECT, answer.revision);
            answer.articles.into_iter().for_each(|created| self.ledger.stand(without_text(created)));
        }
    }

    fn some_own_article(&mut self) -> Option<v1::Article> {
        let own: Vec<_> = self.ledger.articles().into_iter().cloned().collect();
        if own.is_empty() { None } else { Some(self.ledger.seeded.pick(&own).clone()) }
    }

    async fn update_article(&mut self) {
        let Some(old) = self.some_own_article() else { return };
        let new = v1::Article { title: self.ledger.mark(), ..old.clone() };
        let request = v1::UpdateArticleRequest {
            article: Some(new.clone()),
            update_mask: Some(mask(&["title"])),
            ..Default::default()
        };
        if let Some(updated) = self.attempt(request, vec![put(Resource::Article(new))]).await {
            self.note_revision(&project_of(&old.name), updated.revision);
            self.ledger.stand(without_text(updated));
        }
    }

    async fn delete_article(&mut self) {
        let Some(old) = self.some_own_article() else { return };
        let request = v1::DeleteArticleRequest { name: old.name.clone(), force: true, ..Default::default() };
        self.attempt(request, vec![delete(&old.name)]).await;
    }

    /// A project of the client's own, and an article in it, which is annotated and deleted as others are.
    async fn create_project(&mut self) {
        if self.ledger.projects().len() >= 2 {
            return self.delete_project().await;
        }
        let mark = self.ledger.mark();
        let name = format!("projects/{mark}");
        let new = v1::Project { name: name.clone(), display_name: mark.clone(), ..Default::default() };
        let request = v1::CreateProjectRequest {
            project_id: mark,
            project: Some(new.clone()),
            validate_only: false,
            request_id: String::new(),
        };
        let Some(created) = self.attempt(request, vec![put(Resource::Project(new))]).await else { return };
        self.ledger.stand(Resource::Project(created));
        let request = self.new_article(&name);
        let requested = without_text(request.article.clone().unwrap());
        if let Some(created) = self.attempt(request, vec![put(requested)]).await {
            self.ledger.stand(without_text(created));
        }
    }

    async fn delete_project(&mut self) {
        let Some(name) = self.ledger.projects().first().map(|project| project.name.clone()) else { return };
        let request = v1::DeleteProjectRequest { name: name.clone(), force: true, ..Default::default() };
        self.attempt(request, vec![delete(&name)]).await;
    }

    /// Changes what the others change, too, if nobody did so since it was read.
    async fn contend(&mut self) {
        let name = format!(
            "{PROJECT}/articles/s0/annotations/{}",
            contended_id(self.ledger.seeded.below(CONTENDED))
        );
        let old = match self.client.get(&name).await {
            Ok(old) => old,
            Err(status) => {
                self.fate(&status, &[&name]).await;
                return;
            }
        };
        let new = v1::Annotation { label: self.ledger.mark(), ..old.clone() };
        let request = v1::UpdateAnnotationRequest {
            annotation: Some(new.clone()),
            update_mask: Some(mask(&["label"])),
            ..Default::default()
        };
        if let Some(updated) = self.attempt(request, vec![put(Resource::Annotation(new))]).await {
            self.note_revision(PROJECT, updated.revision);
            self.ledger.contended.push((old.etag, updated));
        }
    }
}
