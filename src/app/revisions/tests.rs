//! What others write while a text is revised is carried over as if it had been there before.

use std::collections::BTreeMap;

use super::*;
use crate::{
    app::{
        Settings,
        annotation_commits::{Write, WriteOp},
        answers::Versions,
        article_commits::NewArticle,
        contents::{Content, TargetRequest},
        tests::{NAMES, seeded::Seeded},
    },
    domain::{
        annotations::{AnnotationField, Argument, Label, Relation},
        articles::ArticleDetails,
        details::Mask,
        ids::{AnnotationId, ArticleId, ProjectId, ProjectName},
        projects::ProjectDetails,
        revisions::Timestamp,
        spans::SpanRequest,
    },
    limits::LATE_ANNOTATIONS_MAX,
    store::{committer::Options, engine::Clock, memory},
};

const WORDS: usize = 60;

struct Stage {
    app: Arc<App>,
    name: ArticleName,
    /// Who writes does the same for the same seed.
    seeded: Seeded,
    spans: Vec<AnnotationId>,
    relations: Vec<AnnotationId>,
    made: u8,
}

impl Stage {
    async fn open(seed: u64) -> Self {
        let versions = Versions::new();
        let clock: Clock = Arc::new(|| Timestamp(1));
        let options =
            Options { clock: Arc::clone(&clock), observer: versions.observer(), free_space_floor_bytes: 0 };
        let engine = memory::open(options).unwrap();
        let settings = Settings::with_texts_of(1 << 20);
        let (app, _) = App::open(engine, versions, clock, settings, NAMES).await.unwrap();
        let project = ProjectName { project: ProjectId::parse("", "p").unwrap() };
        let id = Some(project.project.clone());
        app.create_project(id, ProjectDetails::default(), Mode::Apply).await.unwrap();
        let id = ArticleId::parse("", "a").unwrap();
        let name = project.article(id.clone());
        let words: Vec<_> = (0..WORDS).map(|n| format!("word{n} ")).collect();
        let text = words.concat();
        let details = ArticleDetails::default();
        let new = NewArticle { path: String::new(), id: Some(id), details, text, create_time: None };
        app.create_articles(&project, vec![new], Mode::Apply).await.unwrap();
        let (spans, relations) = (Vec::new(), Vec::new());
        Self { app, name, seeded: Seeded::new(seed), spans, relations, made: 0 }
    }

    /// Some words are gone, some are others, and something comes before all of them.
    fn new_text(&mut self) -> ReadText {
        let word = |n| match self.seeded.below(4) {
            0 => String::new(),
            1 => format!("wood{n} "),
            _ => format!("word{n} "),
        };
        let words: Vec<_> = (0..WORDS).map(word).collect();
        let text = format!("before {}", words.concat());
        ReadText { sha256: Sha256::digest(text.as_bytes()).into(), text: Arc::new(Text::new(text)) }
    }

    fn some_spans(&mut self) -> TargetRequest {
        let quote = format!("word{} ", self.seeded.below(WORDS));
        TargetRequest::Spans(vec![SpanRequest { quote, ..SpanRequest::default() }])
    }

    fn some_relation(&mut self) -> TargetRequest {
        let all: Vec<_> = self.spans.iter().chain(&self.relations).copied().collect();
        let mut argument =
            |role: &str| Argument { role: role.to_owned(), annotation: *self.seeded.pick(&all) };
        let arguments = vec![argument("one"), argument("other")];
        TargetRequest::Relation(Relation::new(arguments).unwrap())
    }

    async fn write_some(&mut self, count: usize) {
        for _ in 0..count {
            self.write().await;
        }
    }

    async fn write(&mut self) {
        let choice = if self.spans.len() < 3 { 0 } else { self.seeded.below(10) };
        let op = match choice {
            0..3 => self.creation(false),
            3..5 => self.creation(true),
            5..7 => {
                let id = *self.seeded.pick(&self.spans);
                let target = self.some_spans();
                update(id, target, AnnotationField::Anchor)
            }
            7..9 if !self.relations.is_empty() => {
                let id = *self.seeded.pick(&self.relations);
                let target = self.some_relation();
                update(id, target, AnnotationField::Relation)
            }
            _ => {
                let at = self.seeded.below(self.spans.len());
                let id = self.spans.swap_remove(at);
                WriteOp::Delete { id, etag: String::new(), allow_missing: true, force: true }
            }
        };
        let write = Write { path: String::new(), article: self.name.clone(), op };
        // A relation may use what went with another, or itself.
        let _ = self.app.commit_annotations(&self.name.parent(), vec![write], Mode::Apply).await;
    }

    async fn write_at_once(&mut self, count: usize) {
        let target = self.some_spans();
        let label = Some(Label::parse("", "X").unwrap());
        let content = Content { label, target: Some(target), ..Content::default() };
        let op = WriteOp::Create { id: None, content };
        let write = Write { path: String::new(), article: self.name.clone(), op };
        let writes = vec![write; count];
        self.app.commit_annotations(&self.name.parent(), writes, Mode::Apply).await.unwrap();
    }

    fn creation(&mut self, of_relation: bool) -> WriteOp {
        self.made += 1;
        let id = AnnotationId::from_bytes([self.made; 16]);
        let target = if of_relation { self.some_relation() } else { self.some_spans() };
        if of_relation { &mut self.relations } else { &mut self.spans }.push(id);
        let label = Some(Label::parse("", "X").unwrap());
        WriteOp::Create {
            id: Some(id),
            content: Content { label, target: Some(target), ..Content::default() },
        }
    }

    /// All annotations by id, without what tells when they were written; and what was counted.
    async fn state(&self) -> (BTreeMap<[u8; 16], Annotation>, AnchoringCounts, u64) {
        let article = self.app.article(&self.name).await.unwrap();
        let (project, number) = (&article.project, article.number);
        let read = project.read(self.app.engine.as_ref(), move |view| {
            let stored = crate::store::article_table::get(view, number)?.unwrap();
            let counted = text_revision_table::get(view, number, &stored, stored.article.text.revision)?;
            let index = ArticlePlace::of(number, &stored).annotations();
            let layers = index.layer_counts(view)?;
            let needs_review = layers.iter().map(|(_, counts)| counts.needs_review).sum();
            Ok((index, counted.unwrap().text_revision.results, needs_review))
        });
        let (index, counts, needs_review) = read.await.unwrap().value;
        let all = generations::read_all(&self.app, project, index, |_| Ok(())).await.unwrap();
        let all = all.into_iter().map(|annotation| {
            (*annotation.id.as_bytes(), Annotation { revision: Revision(0), ..annotation })
        });
        (all.collect(), counts, needs_review)
    }

    async fn begin(&self, new: &ReadText) -> Work {
        let project = self.app.project(&self.name.parent()).unwrap();
        Work::begin(&self.app, &project, &self.name, "", new).await.unwrap()
    }

    async fn commit(&self, work: &Work) -> Result<Arc<Commit>> {
        let partition = self.app.project(&self.name.parent()).unwrap().partition;
        self.app.engine.attempt(partition, Arc::new(work.decision("")), Mode::Apply.into()).await
    }
}

fn update(id: AnnotationId, target: TargetRequest, field: AnnotationField) -> WriteOp {
    let content = Content { target: Some(target), ..Content::default() };
    let mask = Mask::Only(vec![field]);
    WriteOp::Update { id, content, mask, etag: String::new(), allow_missing: false }
}

#[tokio::test]
async fn whenever_annotations_are_written_they_come_to_the_new_text_alike() {
    for seed in 0..40 {
        let (mut early, mut late) = (Stage::open(seed).await, Stage::open(seed).await);
        let new = early.new_text();
        late.new_text();
        // All before the text is revised.
        early.write_some(90).await;
        let mut work = early.begin(&new).await;
        work.stage().await.unwrap();
        early.commit(&work).await.unwrap();
        let (expected, counts, needs_review) = early.state().await;
        assert_eq!(counts.needs_review, needs_review);
        assert!(expected.len() > 10);

        // Before, while it is compared, once it is staged, and in the last moment.
        late.write_some(30).await;
        let mut work = late.begin(&new).await;
        late.write_some(20).await;
        work.stage().await.unwrap();
        late.write_some(20).await;
        work.catch_up().await.unwrap();
        late.write_some(20).await;
        let commit = late.commit(&work).await.unwrap();
        assert_eq!(late.state().await, (expected, counts, needs_review), "seed {seed}");
        work.finish(&new, &commit);
    }
}

/// Once annotations came back with the new text when all of them were deleted while it was staged: an article without any
/// does not know when the last one went.
#[tokio::test]
async fn what_is_deleted_in_the_last_moment_stays_deleted() {
    for caught_up in [false, true] {
        let mut stage = Stage::open(1).await;
        let new = stage.new_text();
        stage.write_some(3).await;
        let mut work = stage.begin(&new).await;
        work.stage().await.unwrap();
        for id in stage.spans.clone() {
            let op = WriteOp::Delete { id, etag: String::new(), allow_missing: false, force: true };
            let write = Write { path: String::new(), article: stage.name.clone(), op };
            stage.app.commit_annotations(&stage.name.parent(), vec![write], Mode::Apply).await.unwrap();
        }
        if caught_up {
            work.catch_up().await.unwrap();
        }
        stage.commit(&work).await.unwrap();
        assert_eq!(stage.state().await, (BTreeMap::new(), AnchoringCounts::default(), 0));
    }
}

#[tokio::test]
async fn too_much_in_the_last_moment_is_caught_up_with_first() {
    let mut stage = Stage::open(1).await;
    let new = stage.new_text();
    stage.write_some(20).await;
    let mut work = stage.begin(&new).await;
    work.stage().await.unwrap();
    stage.write_at_once(LATE_ANNOTATIONS_MAX + 1).await;
    let refusal = stage.commit(&work).await.unwrap_err();
    assert_eq!(refusal.problem, Problem::Overloaded);
    work.catch_up().await.unwrap();
    stage.commit(&work).await.unwrap();
    // What was compared with another text is of no use any more.
    let refusal = stage.commit(&work).await.unwrap_err();
    assert!(matches!(refusal.problem, Problem::TextRevisionStale { sent: 1, latest: 2 }), "{refusal}");
    let refusal = work.catch_up().await.unwrap_err();
    assert!(matches!(refusal.problem, Problem::TextRevisionStale { sent: 1, latest: 2 }), "{refusal}");
}
