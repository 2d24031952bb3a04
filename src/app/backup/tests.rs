//! A backup beside which everything goes on: what is restored from it is the state at one revision, to the byte.

use std::collections::BTreeMap;

use crate::{
    app::{
        Settings,
        annotation_commits::{Content, Write, WriteOp},
        answers::Versions,
        article_commits::{ArticleUpdate, NewArticle},
        projects::{Deletion, ProjectUpdate},
    },
    domain::{
        annotations::{Annotation, Label},
        articles::{Article, ArticleDetails},
        details::Mask,
        ids::{AnnotationId, ArticleId, ArticleName, ProjectId},
        projects::ProjectDetails,
        spans::SpanRequest,
        text::Utf8Range,
    },
    limits::{BACKUPS_MAX, TEXT_STAGED_ABOVE_BYTES, VALUE_BYTES_MAX},
    store::{
        annotation_index::AnnotationIndex,
        backup_file::FileReader,
        catalog,
        committer::{Backend, Committer, Options, PartitionView},
        engine::{Clock, EngineExt as _, Mode, Partition, View},
        keys::{self, Generation},
        memory::{Disk, MemoryBackend},
        rebuild::{Rebuild, RestoredProject},
    },
};

use super::*;

#[path = "../../../tests/support/seeded.rs"]
#[allow(missing_docs, dead_code, unreachable_pub, reason = "it is shared with the tests of the binary")]
mod seeded;

use seeded::Seeded;

const TEXT: &str = "日本語の👍🏽 text, é and more of it";

/// What was acknowledged, with its revision.
enum Event {
    Project(ProjectDetails),
    Article(ArticleId, Option<(Article, Option<String>)>),
    Annotation(ArticleId, AnnotationId, Option<Annotation>),
}

/// An article with its text and annotations.
type ArticleState = (Article, String, BTreeMap<[u8; 16], Annotation>);

/// A project as it stands at a revision.
#[derive(Debug, Default, PartialEq)]
struct State {
    details: ProjectDetails,
    articles: BTreeMap<String, ArticleState>,
}

impl State {
    /// What the events up to `revision` amount to.
    fn at(revision: Revision, journal: &[(Revision, Event)]) -> Self {
        let mut state = Self::default();
        let events = journal.iter().filter(|(at, _)| *at <= revision);
        events.for_each(|(_, event)| state.apply(event));
        state
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Project(details) => self.details = details.clone(),
            Event::Article(id, None) => drop(self.articles.remove(id.as_str())),
            Event::Article(id, Some((article, Some(text)))) => {
                let content = (article.clone(), text.clone(), BTreeMap::new());
                self.articles.insert(id.to_string(), content);
            }
            Event::Article(id, Some((article, None))) => {
                self.articles.get_mut(id.as_str()).unwrap().0 = article.clone();
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
    fn stored(view: &dyn View) -> Self {
        let details = project_table::get(view).unwrap().unwrap().details;
        let mut articles = BTreeMap::new();
        for article in article_table::articles(view, ArticleNumber(0)) {
            let (number, stored) = article.unwrap();
            let id = &stored.article.id;
            assert_eq!(article_table::number(view, id), Ok(Some(number)));
            let mut text = BytesMut::new();
            let bytes = usize::try_from(stored.article.text.length.utf8).unwrap();
            let whole =
                article_table::read_text(view, number, stored.text_generation, &mut text, bytes, usize::MAX);
            assert_eq!(whole, Ok(Some(true)), "the text of {id}");
            let index = AnnotationIndex::new(number, Generation::FIRST);
            index.verify(view).unwrap();
            let annotations = index.in_document_order(view, None, None).unwrap().map(|entry| {
                let entry = entry.unwrap();
                let id = entry.key.id();
                (*id.as_bytes(), crate::store::records::decode_annotation(id, &entry.value).unwrap())
            });
            let content =
                (stored.article.clone(), String::from_utf8(text.to_vec()).unwrap(), annotations.collect());
            articles.insert(id.to_string(), content);
        }
        Self { details, articles }
    }
}

/// An application whose calls are written down.
struct Busy {
    app: Arc<App>,
    seeded: Seeded,
    journal: Vec<(Revision, Event)>,
    /// As it stands now.
    now: State,
}

fn settings() -> Settings {
    Settings { text_bytes_max: 4 * TEXT_STAGED_ABOVE_BYTES }
}

async fn open(backend: Box<dyn Backend>) -> Arc<App> {
    let versions = Versions::new();
    // Time stands still: nothing may depend on its telling commits apart.
    let clock: Clock = Arc::new(|| Timestamp(1_000));
    let observer = versions.observer();
    let options = Options { clock: Arc::clone(&clock), observer, free_space_floor_bytes: 0 };
    let engine = Committer::start(backend, options).unwrap();
    let render = |article: &ArticleName, _, annotation: &Annotation| {
        article.annotation(annotation.id).to_string().into()
    };
    let (app, sweeper) = App::open(engine, versions, clock, settings(), render).await.unwrap();
    tokio::spawn(sweeper.run());
    app
}

fn project(id: &str) -> ProjectName {
    ProjectName { project: ProjectId::parse("id", id).unwrap() }
}

fn article(id: &str) -> ArticleName {
    project("p").article(ArticleId::parse("id", id).unwrap())
}

fn deletion<N>(name: N) -> Deletion<N> {
    Deletion { name, etag: String::new(), force: true, allow_missing: false }
}

impl Busy {
    async fn new(seed: u64) -> Self {
        let app = open(Box::new(MemoryBackend::open(&Disk::default()))).await;
        let mut busy = Self { app, seeded: Seeded::new(seed), journal: Vec::new(), now: State::default() };
        let details = ProjectDetails::default();
        let id = Some(project("p").project);
        let created = busy.app.create_project(id, details.clone(), Mode::Apply).await.unwrap();
        busy.record(created.revision, Event::Project(details));
        busy
    }

    fn record(&mut self, revision: Revision, event: Event) {
        self.now.apply(&event);
        self.journal.push((revision, event));
    }

    fn partition(&self) -> Partition {
        self.app.project(&project("p")).unwrap().partition
    }

    /// The articles that there are, and some annotations of one of them.
    fn known(&mut self) -> Option<(ArticleId, Vec<Annotation>)> {
        let ids: Vec<_> = self.now.articles.keys().collect();
        if ids.is_empty() {
            return None;
        }
        let id = *self.seeded.pick(&ids);
        Some((article(id).article, self.now.articles[id].2.values().cloned().collect()))
    }

    /// Does one thing, whatever comes.
    async fn act(&mut self) {
        match (self.seeded.below(20), self.known()) {
            (0..=1, _) | (_, None) => self.create_article().await,
            (2, Some((id, _))) => self.delete_article(id).await,
            // Deleted and created again under its id, at once.
            (3, Some((id, _))) => {
                self.delete_article(id.clone()).await;
                self.create_article_called(id, TEXT.to_owned()).await;
            }
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
                let delete = WriteOp::Delete { id: one, etag: String::new(), allow_missing: false };
                self.write(id.clone(), vec![delete]).await;
                if self.seeded.below(2) == 0 {
                    let create = self.creation(Some(one));
                    self.write(id, vec![create]).await;
                }
            }
            // So many that rows merge.
            (_, Some((id, annotations))) => {
                let deletes = annotations.iter().filter(|_| self.seeded.below(3) > 0).map(|annotation| {
                    WriteOp::Delete { id: annotation.id, etag: String::new(), allow_missing: false }
                });
                let deletes = deletes.collect();
                self.write(id, deletes).await;
            }
        }
    }

    fn content(&mut self) -> Content {
        let ends = [0, 3, 6, 9, 12, 20, 21, 22, 23, 24, 25, 26];
        let (one, other) = (*self.seeded.pick(&ends), *self.seeded.pick(&ends));
        let (start, end) = if one == other { (0, 3) } else { (one.min(other), one.max(other)) };
        let utf8 = Some(Utf8Range { start, end });
        let label = "x".repeat(1 + self.seeded.below(200));
        Content {
            layer: None,
            label: Some(Label::parse("label", &label).unwrap()),
            spans: Some(vec![SpanRequest { utf8, ..SpanRequest::default() }]),
            text_revision: 0,
        }
    }

    fn creation(&mut self, id: Option<AnnotationId>) -> WriteOp {
        WriteOp::Create { id, content: self.content() }
    }

    async fn move_annotation(&mut self, article: ArticleId, id: AnnotationId) {
        let mask = Mask::parse("mask", Some(&["anchor".to_owned(), "label".to_owned()])).unwrap();
        let content = self.content();
        let update = WriteOp::Update { id, content, mask, etag: String::new(), allow_missing: false };
        self.write(article, vec![update]).await;
    }

    async fn write(&mut self, id: ArticleId, ops: Vec<WriteOp>) {
        let name = project("p").article(id.clone());
        let writes = ops.into_iter().map(|op| Write { path: String::new(), article: name.clone(), op });
        let written =
            self.app.commit_annotations(&project("p"), writes.collect(), Mode::Apply).await.unwrap();
        for one in written.value {
            let event = Event::Annotation(id.clone(), one.name.annotation, one.annotation);
            self.record(written.revision, event);
        }
    }

    async fn create_article(&mut self) {
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

    async fn create_article_called(&mut self, id: ArticleId, text: String) {
        let (path, details) = (String::new(), ArticleDetails::default());
        let new = NewArticle { path, id: Some(id.clone()), details, text: text.clone() };
        let mut created = self.app.create_articles(&project("p"), vec![new], Mode::Apply).await.unwrap();
        let article = created.value.remove(0).article;
        self.record(created.revision, Event::Article(id, Some((article, Some(text)))));
    }

    async fn update_article(&mut self, id: ArticleId) {
        let title = format!("title {}", self.seeded.number());
        let update = ArticleUpdate {
            name: project("p").article(id.clone()),
            details: ArticleDetails { title, ..ArticleDetails::default() },
            text: String::new(),
            mask: Mask::parse("mask", Some(&["title".to_owned()])).unwrap(),
            etag: String::new(),
            allow_missing: false,
        };
        let updated = self.app.update_article(update, Mode::Apply).await.unwrap();
        self.record(updated.revision, Event::Article(id, Some((updated.value.article, None))));
    }

    async fn update_project(&mut self) {
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

    async fn delete_article(&mut self, id: ArticleId) {
        let name = project("p").article(id.clone());
        self.app.delete_article(deletion(name), Mode::Apply).await.unwrap();
        let revision = *self.app.engine.head(self.partition()).borrow();
        self.record(revision, Event::Article(id, None));
        // So that its rows are gone, and not only out of reach, when the backup comes to them.
        if self.seeded.below(2) == 0 {
            self.until_swept().await;
        }
    }

    async fn until_swept(&self) {
        loop {
            let marks = self.app.engine.read(self.partition(), |view| {
                let (from, to) = (keys::sweep(ArticleNumber(0)), keys::sweep(ArticleNumber(u64::MAX)));
                Ok(view.ascending(&from, &to).count())
            });
            if marks.await.unwrap().value == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn log(&self) -> Vec<Commit> {
        whole_log(&self.app, self.partition()).await
    }
}

async fn whole_log(app: &App, partition: Partition) -> Vec<Commit> {
    let mut log: Vec<Commit> = Vec::new();
    loop {
        let after = log.last().map_or(Revision(0), |commit| commit.stamp.revision);
        let more = app.engine.log_after(partition, after, usize::MAX).await.unwrap();
        if more.is_empty() {
            return log;
        }
        log.extend(more);
    }
}

/// A backup in steps, and the bytes of its file so far.
struct Steps {
    backup: Backup,
    file: Vec<u8>,
    taken: usize,
}

impl Steps {
    /// Views are as small as they can be, so that there is much between them.
    fn begin(app: &Arc<App>, room: Room) -> Self {
        let mut backup = app.back_up().unwrap();
        backup.room = room;
        Self { backup, file: Vec::new(), taken: 0 }
    }

    /// Goes on; the summary at the end.
    async fn step(&mut self) -> Option<Summary> {
        self.taken += 1;
        match self.backup.next().await.unwrap().unwrap() {
            Part::Bytes(bytes, _) => {
                self.file.extend_from_slice(&bytes);
                None
            }
            Part::Summary(summary) => Some(summary),
        }
    }

    async fn finish(&mut self) -> Summary {
        loop {
            if let Some(summary) = self.step().await {
                return summary;
            }
        }
    }
}

fn restored(file: &[u8]) -> (Box<dyn Backend>, Vec<RestoredProject>) {
    let mut reader = FileReader::open(file).unwrap();
    let mut rebuild = Rebuild::new(Box::new(MemoryBackend::open(&Disk::default())));
    while let Some(record) = reader.next_record().unwrap() {
        rebuild.add(record).unwrap();
    }
    rebuild.finish().unwrap()
}

/// Backs up while others write between all steps, and restores.
async fn check(seed: u64) {
    let mut busy = Busy::new(seed).await;
    for _ in 0..30 {
        busy.act().await;
    }
    if seed.is_multiple_of(3) {
        busy.app.engine.trim_log(busy.partition(), Revision(10)).await.unwrap();
    }
    let room = Room { entries: 1 + busy.seeded.below(60), bytes: 1 + busy.seeded.below(3 * VALUE_BYTES_MAX) };
    let mut backup = Steps::begin(&busy.app, room);
    let summary = loop {
        if let Some(summary) = backup.step().await {
            break summary;
        }
        // Less and less, or the small views would never come to the end of the articles.
        for _ in 0..busy.seeded.below(1 + 60 / backup.taken) {
            busy.act().await;
        }
    };
    busy.act().await;
    let [listed] = summary.projects.try_into().unwrap();
    let revision = listed.revision;
    let (backend, projects) = restored(&backup.file);
    let view = PartitionView::new(&*backend, Partition(1));
    let (expected, found) = (State::at(revision, &busy.journal), State::stored(&view));
    assert_eq!(found, expected, "seed {seed} at {revision:?}");
    assert_eq!(view.ascending(&keys::sweep(ArticleNumber(0)), &[0x41]).count(), 0);
    let uid = project_table::get(&view).unwrap().unwrap().uid;
    let catalog = PartitionView::new(&*backend, Partition::CATALOG);
    let entry = catalog::find(&catalog, &project("p").project).unwrap().unwrap();
    assert_eq!((entry.partition, entry.uid, entry.state), (Partition(1), uid, catalog::State::Active));
    assert_ne!(uid, listed.uid);
    assert_eq!((projects.len(), projects[0].revision, projects[0].uid), (1, revision, uid));
    assert_eq!(projects[0].articles, u64::try_from(found.articles.len()).unwrap());

    // What nobody can reach is not there, neither.
    for (key, _) in view.ascending(&[0x22], &[0x34]).map(Result::unwrap) {
        let number = ArticleNumber(keys::number_of(&key).unwrap());
        assert!(article_table::get(&view, number).unwrap().is_some(), "{key:02x?} is nobody's");
    }
    check_goes_on(&busy, backend, revision).await;
}

/// The log is the same, but for the uid, and new writes follow it.
async fn check_goes_on(busy: &Busy, backend: Box<dyn Backend>, revision: Revision) {
    let app = open(backend).await;
    let partition = Partition(1);
    assert_eq!(*app.engine.head(partition).borrow(), revision);
    let floor = app.engine.pin_log(partition).await.unwrap().floor;
    let uid = app.project(&project("p")).unwrap().uid;
    let log = app.engine.log_after(partition, floor, usize::MAX).await.unwrap();
    let before = busy.app.engine.log_after(busy.partition(), floor, usize::MAX).await.unwrap();
    for (one, other) in log.iter().zip(&before) {
        assert_eq!(one.stamp, other.stamp);
        for (one, other) in one.changes.iter().zip(&other.changes) {
            match crate::store::records::read_change(&one.record).unwrap() {
                ResourceChange::Project { after, .. } => assert_eq!(after.unwrap().uid, uid),
                ResourceChange::Article { .. } | ResourceChange::Annotation { .. } => assert_eq!(one, other),
            }
        }
    }
    let text = TEXT.to_owned();
    let (path, details) = (String::new(), ArticleDetails::default());
    let new = NewArticle { path, id: Some(article("new").article), details, text };
    let created = app.create_articles(&project("p"), vec![new], Mode::Apply).await.unwrap();
    assert_eq!(created.revision, revision.next());
    app.engine.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_restored_is_the_state_at_one_revision() {
    for seed in 0..24 {
        check(seed).await;
    }
}

#[tokio::test]
async fn nothing_is_a_backup_too() {
    let app = open(Box::new(MemoryBackend::open(&Disk::default()))).await;
    let mut backup = Steps::begin(&app, Room::OF_A_VIEW);
    let summary = backup.finish().await;
    assert_eq!((summary.counts, summary.projects.len()), (Counts::default(), 0));
    assert_eq!(summary.file_bytes, u64::try_from(backup.file.len()).unwrap());
    assert!(backup.backup.next().await.unwrap().is_none());
    let (backend, projects) = restored(&backup.file);
    assert_eq!(projects, []);
    assert_eq!(backend.ascending(&[], &[0xff; 64]).count(), 0);
}

/// A project is copied or it is not: one that is deleted meanwhile is not, nor is one that came later.
#[tokio::test]
async fn projects_that_come_and_go_are_not_restored() {
    for steps in 0..12 {
        let app = open(Box::new(MemoryBackend::open(&Disk::default()))).await;
        for id in ["p", "q", "r"] {
            app.create_project(Some(project(id).project), ProjectDetails::default(), Mode::Apply)
                .await
                .unwrap();
            let new = |number| NewArticle {
                path: String::new(),
                id: Some(article(&format!("a{number}")).article),
                details: ArticleDetails::default(),
                text: TEXT.to_owned(),
            };
            app.create_articles(&project(id), (0..3).map(new).collect(), Mode::Apply).await.unwrap();
        }
        let mut backup = Steps::begin(&app, Room { entries: 1, bytes: 1 });
        for _ in 0..steps * 2 {
            assert!(backup.step().await.is_none());
        }
        let copied_already = backup.backup.listed.iter().any(|listed| listed.name == project("q"));
        app.delete_project(deletion(project("q")), Mode::Apply).await.unwrap();
        for id in ["q", "s"] {
            app.create_project(Some(project(id).project), ProjectDetails::default(), Mode::Apply)
                .await
                .unwrap();
        }
        let summary = backup.finish().await;
        let (_, projects) = restored(&backup.file);
        let ids: Vec<_> = projects.iter().map(|project| project.id.as_str()).collect();
        let expected: &[&str] = if copied_already { &["p", "q", "r"] } else { &["p", "r"] };
        assert_eq!(ids, expected, "after {steps}");
        assert!(projects.iter().all(|project| project.articles == 3));
        assert_eq!(summary.counts.projects, u64::try_from(expected.len()).unwrap());
    }
}

#[tokio::test]
async fn a_backup_holds_its_place_and_its_log_until_it_is_dropped() {
    let busy = Busy::new(1).await;
    let partition = busy.partition();
    let mut backups: Vec<_> = (0..BACKUPS_MAX).map(|_| Steps::begin(&busy.app, Room::OF_A_VIEW)).collect();
    assert_eq!(busy.app.back_up().unwrap_err().problem, Problem::Overloaded);
    for _ in 0..2 {
        backups[0].step().await;
    }
    busy.app.engine.trim_log(partition, Revision(1)).await.unwrap();
    assert_eq!(busy.log().await.len(), 1);
    drop(backups);
    busy.app.engine.trim_log(partition, Revision(1)).await.unwrap();
    let trimmed = busy.app.engine.log_after(partition, Revision(0), 1).await;
    assert_eq!(trimmed, Err(LogError::Compacted { earliest: Revision(2) }));
    busy.app.back_up().unwrap();
}

/// A commit of thousands of changes is longer than a frame.
#[test]
fn long_commits_are_cut_into_parts() {
    let commit = |revision, changes: &[usize]| Commit {
        stamp: Stamp { revision: Revision(revision), time: Timestamp(1) },
        changes: changes.iter().map(|bytes| Change { scope: 0, record: vec![7; *bytes].into() }).collect(),
    };
    let commits = vec![commit(1, &[]), commit(2, &[100_000; 30]), commit(3, &[1; 3]), commit(4, &[200_000])];
    let records = commit_records(commits.clone());
    let mut file = BytesMut::new();
    let mut framer = Framer::begin(&mut file);
    let mut parts = Vec::new();
    for record in records {
        framer.record(&mut file, record.clone()).unwrap();
        let Record::Commits(some) = record else { panic!("{record:?}") };
        parts.extend(some);
    }
    assert_eq!(framer.counts().commits, 4);
    assert!(parts.len() > 15, "{} parts", parts.len());
    let mut joined: Vec<Commit> = Vec::new();
    let mut continued = false;
    for part in parts {
        if !continued {
            joined.push(Commit { stamp: part.stamp, changes: Vec::new() });
        }
        continued = part.continued;
        let changes = part.changes.into_iter().map(|record| Change { scope: 0, record });
        joined.last_mut().unwrap().changes.extend(changes);
    }
    assert_eq!(joined, commits);
}
