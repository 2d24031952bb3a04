//! An application to which everything is done that can be, and what it acknowledged.

mod revising;

use super::*;

/// What was acknowledged, with its revision.
pub(super) enum Event {
    Project(ProjectDetails),
    Article(ArticleId, Option<(Article, Option<String>)>),
    Annotation(ArticleId, AnnotationId, Option<Annotation>),
    /// An article is there again, with all that it had.
    Back(ArticleId, Box<ArticleState>),
    /// An article has another text, and annotations in it.
    Revised(ArticleId, Box<(Article, String, Annotations)>),
    Layer(LayerId, Option<Box<Layer>>),
    ArticleLayer(ArticleId, Box<ArticleLayer>),
    Schema(Option<Arc<ProjectSchema>>),
}

pub(super) type Annotations = BTreeMap<[u8; 16], Annotation>;

/// An article with its text and annotations, those that it had before, and the layers that were submitted.
pub(super) type ArticleState =
    (Article, String, Annotations, Vec<(String, Annotations)>, BTreeMap<String, ArticleLayer>);

/// A project as it stands at a revision.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) details: ProjectDetails,
    pub(super) articles: BTreeMap<String, ArticleState>,
    pub(super) layers: BTreeMap<String, Layer>,
    pub(super) schema: Option<Arc<ProjectSchema>>,
}

impl State {
    /// What the events up to `revision` amount to.
    pub(super) fn at(revision: Revision, journal: &[(Revision, Event)]) -> Self {
        let mut state = Self::default();
        let events = journal.iter().filter(|(at, _)| *at <= revision);
        events.for_each(|(_, event)| state.apply(event));
        state
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Project(details) => self.details = details.clone(),
            Event::Article(id, None) => drop(self.articles.remove(id.as_str())),
            Event::Article(id, Some((article, Some(text)))) => {
                let content = (article.clone(), text.clone(), BTreeMap::new(), Vec::new(), BTreeMap::new());
                self.articles.insert(id.to_string(), content);
            }
            Event::Article(id, Some((article, None))) => {
                self.articles.get_mut(id.as_str()).unwrap().0 = article.clone();
            }
            Event::Back(id, content) => drop(self.articles.insert(id.to_string(), (**content).clone())),
            Event::Revised(id, revised) => {
                let (article, text, annotations) = (**revised).clone();
                let state = self.articles.get_mut(id.as_str()).unwrap();
                state.0 = article;
                let before =
                    (std::mem::replace(&mut state.1, text), std::mem::replace(&mut state.2, annotations));
                state.3.push(before);
            }
            Event::Layer(id, Some(layer)) => {
                self.layers.insert(id.to_string(), (**layer).clone());
            }
            Event::Schema(schema) => self.schema.clone_from(schema),
            Event::Layer(id, None) => drop(self.layers.remove(id.as_str())),
            Event::ArticleLayer(article, layer) => {
                let layers = &mut self.articles.get_mut(article.as_str()).unwrap().4;
                layers.insert(layer.layer.to_string(), (**layer).clone());
            }
            Event::Annotation(article, id, annotation) => {
                let annotations = &mut self.articles.get_mut(article.as_str()).unwrap().2;
                match annotation {
                    Some(annotation) => drop(annotations.insert(*id.as_bytes(), annotation.clone())),
                    None => drop(annotations.remove(id.as_bytes())),
                }
            }
        }
    }

    /// What is stored in a partition, every part of which is checked.
    pub(super) fn stored(view: &dyn View) -> Self {
        let details = project_table::get(view).unwrap().unwrap().details;
        let mut articles = BTreeMap::new();
        for article in article_table::articles(view, ArticleNumber(0)) {
            let (number, stored) = article.unwrap();
            let id = &stored.article.id;
            let place = article_table::ArticlePlace::of(number, &stored);
            assert_eq!(article_table::place(view, id), Ok(Some(place)));
            let (text, annotations) = text_and_annotations(view, number, &stored);
            let texts = text_revision_table::list(view, number, &stored, 0).map(Result::unwrap);
            let mut earlier: Vec<_> =
                texts.map(|text| text_and_annotations(view, number, &text.article(&stored))).collect();
            assert_eq!(earlier.pop().unwrap(), (text.clone(), annotations.clone()));
            let layers = layer_table::article_layers(view, number).map(Result::unwrap);
            let layers = layers.map(|layer| (layer.layer.to_string(), layer)).collect();
            let content = (stored.article.clone(), text, annotations, earlier, layers);
            articles.insert(id.to_string(), content);
        }
        let layers = layer_table::declared(view).map(Result::unwrap);
        let layers = layers.map(|layer| (layer.id.to_string(), layer)).collect();
        let schema = schema_table::get(view).unwrap().map(Arc::new);
        Self { details, articles, layers, schema }
    }
}

/// What stands in a text of an article, which is checked.
fn text_and_annotations(
    view: &dyn View,
    number: ArticleNumber,
    stored: &StoredArticle,
) -> (String, Annotations) {
    let mut text = BytesMut::new();
    let bytes = usize::try_from(stored.article.text.length.utf8).unwrap();
    let whole = article_table::read_text(view, number, stored.text_generation, &mut text, bytes, usize::MAX);
    assert_eq!(whole, Ok(Some(true)), "the text of {}", stored.article.id);
    let index = article_table::ArticlePlace::of(number, stored).annotations();
    index.verify(view).unwrap();
    let annotations = index.in_document_order(view, None, None).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let id = entry.key.id();
        (*id.as_bytes(), entry.annotation().unwrap())
    });
    (String::from_utf8(text.to_vec()).unwrap(), annotations.collect())
}

/// An application whose calls are written down.
pub(super) struct Busy {
    pub(super) app: Arc<App>,
    pub(super) seeded: Seeded,
    pub(super) journal: Vec<(Revision, Event)>,
    /// As it stands now.
    pub(super) now: State,
    /// Deletions of articles that were not undone: their revisions, and what was deleted.
    pub(super) deleted: Vec<(Revision, ArticleState)>,
    /// Articles that are there again, by the revisions of the undos that brought them.
    brought_back: Vec<(Revision, ArticleId)>,
    /// What was asked for with an id, and the revision that did it.
    pub(super) asked: Vec<(Request, Asked, Revision)>,
}

/// What was asked for, where a retry asks again through the application.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Creation(Box<(NewArticle, Article)>),
    Undo(Revision),
    Other,
}

pub(super) fn settings() -> Settings {
    Settings::with_texts_of(4 * TEXT_STAGED_ABOVE_BYTES)
}

pub(super) async fn open(backend: Box<dyn Backend>) -> Arc<App> {
    let versions = Versions::new();
    // Time stands still: nothing may depend on its telling commits apart.
    let clock: Clock = Arc::new(|| Timestamp(1_000));
    let observer = versions.observer();
    let options = Options { clock: Arc::clone(&clock), observer, free_space_floor_bytes: 0 };
    let engine = Committer::start(backend, options).unwrap();
    let (app, sweeper) =
        App::open(engine, versions, clock, settings(), crate::app::tests::NAMES).await.unwrap();
    tokio::spawn(sweeper.run());
    app
}

pub(super) fn project(id: &str) -> ProjectName {
    ProjectName { project: ProjectId::parse("id", id).unwrap() }
}

pub(super) fn article(id: &str) -> ArticleName {
    project("p").article(ArticleId::parse("id", id).unwrap())
}

pub(super) fn deletion<N>(name: N) -> Deletion<N> {
    Deletion { name, etag: String::new(), force: true, allow_missing: false }
}

impl Busy {
    pub(super) async fn new(seed: u64) -> Self {
        let app = open(Box::new(MemoryBackend::open(&Disk::default()))).await;
        let mut busy = Self {
            app,
            seeded: Seeded::new(seed),
            journal: Vec::new(),
            now: State::default(),
            deleted: Vec::new(),
            brought_back: Vec::new(),
            asked: Vec::new(),
        };
        let details = ProjectDetails::default();
        let id = Some(project("p").project);
        let created = busy.app.create_project(id, details.clone(), Mode::Apply).await.unwrap();
        busy.record(created.revision, Event::Project(details));
        busy
    }

    pub(super) fn record(&mut self, revision: Revision, event: Event) {
        self.now.apply(&event);
        self.journal.push((revision, event));
    }

    pub(super) fn partition(&self) -> Partition {
        self.app.project(&project("p")).unwrap().partition
    }

    /// The articles that there are, and some annotations of one of them.
    pub(super) fn known(&mut self) -> Option<(ArticleId, Vec<Annotation>)> {
        let ids: Vec<_> = self.now.articles.keys().collect();
        if ids.is_empty() {
            return None;
        }
        let id = *self.seeded.pick(&ids);
        Some((article(id).article, self.now.articles[id].2.values().cloned().collect()))
    }

    /// Does one thing, whatever comes.
    pub(super) async fn act(&mut self) {
        match (self.seeded.below(30), self.known()) {
            (28, _) => self.change_schema().await,
            (29, _) => self.undo_schema().await,
            (20, _) if !self.deleted.is_empty() => {
                let deletion = self.seeded.below(self.deleted.len());
                self.undo_deletion(deletion).await;
            }
            (21, _) if !self.brought_back.is_empty() => self.undo_an_undo().await,
            (0..=1, _) | (_, None) => self.create_article().await,
            (2, Some((id, _))) => self.delete_article(id).await,
            // Deleted and brought back at once.
            (22, Some((id, _))) => {
                self.delete_article(id).await;
                self.undo_deletion(self.deleted.len() - 1).await;
            }
            // Deleted and created again under its id, at once.
            (3, Some((id, _))) => {
                self.delete_article(id.clone()).await;
                self.create_article_called(id, TEXT.to_owned()).await;
            }
            (23..=24, Some((id, _))) => self.revise(id).await,
            (25, _) => self.change_layer().await,
            (26..=27, Some((id, _))) => self.submit_layer(id).await,
            (4, Some((id, _))) => self.update_article(id).await,
            (5, Some(_)) => self.update_project().await,
            (6..=10, Some((id, _))) => {
                let count = 1 + self.seeded.below(40);
                let ops = (0..count).map(|_| self.creation(None)).collect();
                self.write(id, ops).await;
            }
            (11..=16, Some((id, annotations))) if !annotations.is_empty() => {
                let one = self.seeded.pick(&annotations).id;
                self.move_annotation(id, one).await;
            }
            // Deleted, and often created again under its id.
            (17, Some((id, annotations))) if !annotations.is_empty() => {
                let one = self.seeded.pick(&annotations).id;
                let delete =
                    WriteOp::Delete { id: one, etag: String::new(), allow_missing: false, force: false };
                if self.write(id.clone(), vec![delete]).await && self.seeded.below(2) == 0 {
                    let create = self.creation(Some(one));
                    self.write(id, vec![create]).await;
                }
            }
            // So many that rows merge.
            (_, Some((id, annotations))) => {
                let deletes = annotations.iter().filter(|_| self.seeded.below(3) > 0).map(|annotation| {
                    WriteOp::Delete {
                        id: annotation.id,
                        etag: String::new(),
                        allow_missing: false,
                        force: false,
                    }
                });
                let deletes = deletes.collect();
                self.write(id, deletes).await;
            }
        }
    }

    pub(super) fn content(&mut self) -> Content {
        let ends = [0, 3, 6, 9, 12, 20, 21, 22, 23, 24, 25, 26];
        let (one, other) = (*self.seeded.pick(&ends), *self.seeded.pick(&ends));
        let (start, end) = if one == other { (0, 3) } else { (one.min(other), one.max(other)) };
        let utf8 = Some(Utf8Range { start, end });
        let label = "x".repeat(1 + self.seeded.below(200));
        let layer = *self.seeded.pick(&["default", "gold", "model"]);
        Content {
            layer: Some(LayerId::parse("layer", layer).unwrap()),
            label: Some(Label::parse("label", &label).unwrap()),
            target: Some(TargetRequest::Spans(vec![SpanRequest { utf8, ..SpanRequest::default() }])),
            ..Content::default()
        }
    }

    pub(super) fn creation(&mut self, id: Option<AnnotationId>) -> WriteOp {
        WriteOp::Create { id, content: self.content() }
    }

    pub(super) async fn move_annotation(&mut self, article: ArticleId, id: AnnotationId) {
        let mask = Mask::parse("mask", Some(&["anchor".to_owned(), "label".to_owned()])).unwrap();
        let content = self.content();
        let update = WriteOp::Update { id, content, mask, etag: String::new(), allow_missing: false };
        self.write(article, vec![update]).await;
    }

    /// Whether it was written: what was submitted is not.
    pub(super) async fn write(&mut self, id: ArticleId, mut ops: Vec<WriteOp>) -> bool {
        let latest = self.now.articles[id.as_str()].0.text.revision;
        for op in &mut ops {
            if let WriteOp::Create { content, .. } | WriteOp::Update { content, .. } = op {
                content.text_revision = latest;
            }
        }
        let name = project("p").article(id.clone());
        let writes = ops.into_iter().map(|op| Write { path: String::new(), article: name.clone(), op });
        let attempt = self.attempt(Method::CommitAnnotations);
        let written = match self.app.commit_annotations(&project("p"), writes.collect(), attempt).await {
            Err(Error { problem: Problem::LayerLocked { .. }, .. }) => return false,
            written => written.unwrap(),
        };
        self.note(attempt, Asked::Other, written.revision);
        for one in written.value {
            let event = Event::Annotation(id.clone(), one.name.annotation, one.annotation);
            self.record(written.revision, event);
        }
        true
    }

    pub(super) async fn create_article(&mut self) {
        // Few ids, so that they are used again.
        let id = article(&format!("a{}", self.seeded.below(12))).article;
        if self.now.articles.contains_key(id.as_str()) {
            return;
        }
        let text = match self.seeded.below(8) {
            0 => TEXT.repeat(TEXT_STAGED_ABOVE_BYTES / TEXT.len() + 2),
            1 => TEXT.repeat(VALUE_BYTES_MAX / TEXT.len() * 3),
            _ => TEXT.to_owned(),
        };
        self.create_article_called(id, text).await;
    }

    pub(super) async fn create_article_called(&mut self, id: ArticleId, text: String) {
        let (path, details) = (String::new(), ArticleDetails::default());
        let new = NewArticle { path, id: Some(id.clone()), details, text: text.clone(), create_time: None };
        let attempt = self.attempt(Method::CreateArticle);
        let mut created = self.app.create_articles(&project("p"), vec![new.clone()], attempt).await.unwrap();
        let article = created.value.remove(0).article;
        self.note(attempt, Asked::Creation(Box::new((new, article.clone()))), created.revision);
        self.record(created.revision, Event::Article(id, Some((article, Some(text)))));
    }

    pub(super) async fn update_article(&mut self, id: ArticleId) {
        let title = format!("title {}", self.seeded.number());
        let update = ArticleUpdate {
            name: project("p").article(id.clone()),
            details: ArticleDetails { title, ..ArticleDetails::default() },
            text: String::new(),
            mask: Mask::parse("mask", Some(&["title".to_owned()])).unwrap(),
            etag: String::new(),
            allow_missing: false,
        };
        let attempt = self.attempt(Method::UpdateArticle);
        let updated = self.app.update_article(update, attempt).await.unwrap();
        self.note(attempt, Asked::Other, updated.revision);
        self.record(updated.revision, Event::Article(id, Some((updated.value.article, None))));
    }

    pub(super) async fn update_project(&mut self) {
        let display_name = format!("name {}", self.seeded.number());
        let details = ProjectDetails { display_name, ..ProjectDetails::default() };
        let update = ProjectUpdate {
            name: project("p"),
            details: details.clone(),
            mask: Mask::parse("mask", Some(&["display_name".to_owned()])).unwrap(),
            etag: String::new(),
            allow_missing: false,
        };
        let updated = self.app.update_project(update, Mode::Apply).await.unwrap();
        self.record(updated.revision, Event::Project(details));
    }

    /// Gives the project another label schema, which lets everything pass.
    pub(super) async fn change_schema(&mut self) {
        let labels = (0..self.seeded.below(5)).map(|number| LabelDefinition {
            label: format!("L{number}"),
            description: "d".repeat(self.seeded.below(4_000)),
            ..LabelDefinition::default()
        });
        let definition = SchemaDefinition { labels: labels.collect(), ..SchemaDefinition::default() };
        let mask = Mask::parse("mask", Some(&["labels".to_owned()])).unwrap();
        let update =
            SchemaUpdate { project: project("p"), definition, mask, etag: String::new(), force: false };
        let attempt = self.attempt(Method::UpdateLabelSchema);
        let (_, updated) = self.app.update_label_schema(update, attempt).await.unwrap();
        self.note(attempt, Asked::Other, updated.revision);
        self.record(updated.revision, Event::Schema(Some(updated.value)));
    }

    /// Takes the last change of the label schema back, also the first one.
    async fn undo_schema(&mut self) {
        let Some(current) = self.now.schema.clone() else { return };
        let attempt = self.attempt(Method::UndoCommit);
        let undone = self.app.undo_commit(&project("p"), current.revision, attempt).await;
        let commit = match undone {
            Ok(Undone { commit, .. }) => commit,
            Err(error) => {
                assert!(matches!(error.problem, Problem::RevisionCompacted { .. }), "{error}");
                return;
            }
        };
        let back = commit.stamp.revision;
        self.note(attempt, Asked::Undo(current.revision), back);
        let before = State::at(Revision(current.revision.0 - 1), &self.journal).schema;
        let restored = before.map(|before| Arc::new(ProjectSchema { revision: back, ..(*before).clone() }));
        self.record(back, Event::Schema(restored));
    }

    pub(super) async fn delete_article(&mut self, id: ArticleId) {
        let name = project("p").article(id.clone());
        let attempt = self.attempt(Method::DeleteArticle);
        self.app.delete_article(deletion(name), attempt).await.unwrap();
        let revision = *self.app.engine.head(self.partition()).borrow();
        self.note(attempt, Asked::Other, revision);
        self.note_deleted(id, revision);
    }

    fn note_deleted(&mut self, id: ArticleId, revision: Revision) {
        self.deleted.push((revision, self.now.articles[id.as_str()].clone()));
        self.record(revision, Event::Article(id, None));
    }

    /// Takes back a deletion: the article is there again as it was, and of a new revision; unless there is another one of
    /// its name, or the log has forgotten what was deleted.
    pub(super) async fn undo_deletion(&mut self, deletion: usize) {
        let (revision, mut content) = self.deleted.swap_remove(deletion);
        let id = content.0.id.clone();
        let attempt = self.attempt(Method::UndoCommit);
        let undone = self.app.undo_commit(&project("p"), revision, attempt).await;
        let is_taken = self.now.articles.contains_key(id.as_str());
        match undone {
            Ok(Undone { commit, .. }) if !is_taken => {
                let back = commit.stamp.revision;
                content.0.revision = back;
                self.note(attempt, Asked::Undo(revision), back);
                self.brought_back.push((back, id.clone()));
                self.record(back, Event::Back(id, Box::new(content)));
            }
            Err(Error { problem: Problem::UndoConflict { .. }, .. }) if is_taken => {
                self.deleted.push((revision, content));
            }
            Err(Error { problem: Problem::RevisionCompacted { earliest, .. }, .. }) => {
                assert!(revision < earliest);
            }
            undone => panic!("{undone:?} of {revision:?}, and it is {is_taken} that there is another"),
        }
    }

    /// Takes back an article that an undo brought, unless somebody has worked on it since.
    async fn undo_an_undo(&mut self) {
        let undo = self.seeded.below(self.brought_back.len());
        let (revision, id) = self.brought_back.swap_remove(undo);
        let attempt = self.attempt(Method::UndoCommit);
        match self.app.undo_commit(&project("p"), revision, attempt).await {
            Ok(Undone { commit, .. }) => {
                self.note(attempt, Asked::Undo(revision), commit.stamp.revision);
                self.note_deleted(id, commit.stamp.revision);
            }
            Err(error) => {
                let is_expected =
                    matches!(error.problem, Problem::UndoConflict { .. } | Problem::RevisionCompacted { .. });
                assert!(is_expected, "{error}");
            }
        }
    }

    /// Some writes are tries of requests.
    fn attempt(&mut self, method: Method) -> Attempt {
        let is_request = self.seeded.below(3) == 0;
        let request = is_request.then(|| Request {
            id: RequestId::from_bytes(self.seeded.number().to_be_bytes().repeat(2).try_into().unwrap())
                .unwrap(),
            method,
            body: [7; 16],
        });
        Attempt { mode: Mode::Apply, request }
    }

    fn note(&mut self, attempt: Attempt, asked: Asked, revision: Revision) {
        self.asked.extend(attempt.request.map(|request| (request, asked, revision)));
    }

    pub(super) async fn log(&self) -> Vec<Commit> {
        whole_log(&self.app, self.partition()).await
    }
}
