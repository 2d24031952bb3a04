//! A backup beside which everything goes on: what is restored from it is the state at one revision, to the byte.

use std::collections::BTreeMap;

use crate::{
    app::{
        Settings,
        annotation_commits::{Write, WriteOp},
        answers::Versions,
        article_commits::{ArticleUpdate, NewArticle},
        contents::{Content, TargetRequest},
        label_schemas::SchemaUpdate,
        projects::{Deletion, ProjectUpdate},
        undo::Undone,
    },
    domain::{
        annotations::{Annotation, Label},
        articles::{Article, ArticleDetails},
        details::Mask,
        ids::{AnnotationId, ArticleId, ArticleName, LayerId, ProjectId},
        layers::{ArticleLayer, Layer},
        projects::ProjectDetails,
        requests::{Method, Request, RequestId},
        schema::{LabelDefinition, ProjectSchema, SchemaDefinition},
        spans::SpanRequest,
        text::Utf8Range,
    },
    limits::{BACKUPS_MAX, TEXT_STAGED_ABOVE_BYTES, VALUE_BYTES_MAX},
    store::{
        backup_file::FileReader,
        catalog,
        committer::{Backend, Committer, Options, PartitionView},
        engine::{Attempt, Clock, Mode, Origin, Partition, View},
        keys, layer_table,
        memory::{Disk, MemoryBackend},
        rebuild::{Rebuild, RestoredProject},
        records::StoredArticle,
    },
};

use super::*;

mod busy;
mod revised;
mod schemas;

use crate::app::tests::seeded::Seeded;
use busy::{Asked, Busy, Event, State, article, deletion, open, project};

const TEXT: &str = "日本語の👍🏽 text, é and more of it";

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
    assert_eq!(view.ascending(&keys::sweep(ArticleNumber(0)), &[0x42]).count(), 0);
    let report = crate::store::verify::verify(&*backend, &mut |_| {}).unwrap();
    assert_eq!(report.problems, Vec::<String>::new(), "seed {seed} at {revision:?}");
    let uid = project_table::get(&view).unwrap().unwrap().uid;
    let catalog = PartitionView::new(&*backend, Partition::CATALOG);
    let entry = catalog::find(&catalog, &project("p").project).unwrap().unwrap();
    assert_eq!((entry.partition, entry.uid, entry.state), (Partition(1), uid, catalog::State::Active));
    assert_ne!(uid, listed.uid);
    assert_eq!((projects.len(), projects[0].revision, projects[0].uid), (1, revision, uid));
    assert_eq!(projects[0].articles, u64::try_from(found.articles.len()).unwrap());

    // What nobody can reach is not there, neither.
    for (key, _) in view.ascending(&[0x22], &[0x36]).map(Result::unwrap) {
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
        assert_eq!((one.stamp, one.origin), (other.stamp, other.origin));
        for (one, other) in one.changes.iter().zip(&other.changes) {
            match crate::store::records::read_change(&one.record).unwrap() {
                ResourceChange::Project { after, .. } => assert_eq!(after.unwrap().uid, uid),
                ResourceChange::LabelSchema { .. }
                | ResourceChange::Article { .. }
                | ResourceChange::Annotation { .. }
                | ResourceChange::Layer { .. }
                | ResourceChange::ArticleLayer { .. } => assert_eq!(one, other),
            }
        }
    }
    check_is_known(busy, &app, revision).await;
    let text = TEXT.to_owned();
    let (path, details) = (String::new(), ArticleDetails::default());
    let new = NewArticle { path, id: Some(article("new").article), details, text, create_time: None };
    let created = app.create_articles(&project("p"), vec![new], Mode::Apply).await.unwrap();
    assert_eq!(created.revision, revision.next());
    app.engine.close();
}

/// Requests up to the restored revision are known, and what they did is done no more. What was deleted, and not brought
/// back by then, is deleted for good.
async fn check_is_known(busy: &Busy, app: &Arc<App>, revision: Revision) {
    for (request, asked, did) in &busy.asked {
        let known = app.engine.carried_out(Partition(1), *request).await.unwrap();
        let known = known.map(|commit| (commit.stamp.revision, commit.origin.request));
        assert_eq!(known, (*did <= revision).then_some((*did, Some(*request))));
        let attempt = Attempt { mode: Mode::Apply, request: Some(*request) };
        match asked {
            Asked::Creation(creation) if *did <= revision => {
                let (new, article) = &**creation;
                let again = app.create_articles(&project("p"), vec![new.clone()], attempt).await.unwrap();
                assert_eq!((again.revision, &again.value[0].article), (*did, article));
            }
            Asked::Undo(undone) if *did <= revision => {
                let again = app.undo_commit(&project("p"), *undone, attempt).await.unwrap();
                let Origin { request: of, undone: took_back } = again.commit.origin;
                assert_eq!(
                    (again.commit.stamp.revision, of, took_back),
                    (*did, Some(*request), Some(*undone))
                );
            }
            Asked::Creation(_) | Asked::Undo(_) | Asked::Other => {}
        }
    }
    let floor = app.engine.log_floor(Partition(1)).unwrap();
    for (deleted, _) in busy.deleted.iter().filter(|(deleted, _)| *deleted > floor && *deleted <= revision) {
        let undone = app.undo_commit(&project("p"), *deleted, Mode::Apply.into()).await;
        assert!(matches!(undone.unwrap_err().problem, Problem::UndoConflict { .. }), "{deleted:?}");
    }
    assert_eq!(*app.engine.head(Partition(1)).borrow(), revision, "nothing was done again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_restored_is_the_state_at_one_revision() {
    for seed in 0..24 {
        check(seed).await;
    }
}

/// Wherever a backup is when an article is deleted, and wherever when that is undone, and whatever is done in between and
/// after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_while_it_is_copied_is_restored_whole() {
    /// Steps of the backup, about, as long as nothing is done meanwhile.
    const STEPS: usize = 24;
    for deleted_after in 0..STEPS {
        for undone_after in deleted_after..=STEPS {
            for variant in 0..2 {
                check_one_that_comes_back(deleted_after, undone_after, variant).await;
            }
        }
    }
}

async fn check_one_that_comes_back(deleted_after: usize, undone_after: usize, variant: u64) {
    let mut busy = Busy::new(variant).await;
    for id in ["a", "b", "c"] {
        busy.create_article_called(article(id).article, TEXT.to_owned()).await;
        let creations = (0..3).map(|_| busy.creation(None)).collect();
        busy.write(article(id).article, creations).await;
    }
    let b = article("b").article;
    let room = Room { entries: 1 + (deleted_after + undone_after) % 2, bytes: usize::MAX };
    let mut backup = Steps::begin(&busy.app, room);
    let mut summary = None;
    while summary.is_none() {
        // Then its copy says that it may have been created meanwhile.
        if backup.taken == 2 && variant == 1 && busy.now.articles.contains_key("b") {
            busy.update_article(b.clone()).await;
        }
        if backup.taken == deleted_after {
            if variant == 1 {
                let creation = busy.creation(None);
                busy.write(b.clone(), vec![creation]).await;
            }
            busy.delete_article(b.clone()).await;
        }
        if backup.taken == undone_after {
            busy.undo_deletion(0).await;
        }
        // What has come back is worked on.
        if backup.taken >= undone_after && backup.taken < undone_after + 3 {
            let (_, annotations) = busy.now.articles["b"].2.clone().into_iter().next().unwrap();
            busy.move_annotation(b.clone(), annotations.id).await;
            let (last, _) = busy.now.articles["b"].2.clone().into_iter().next_back().unwrap();
            let delete = WriteOp::Delete {
                id: AnnotationId::from_bytes(last),
                etag: String::new(),
                allow_missing: false,
                force: false,
            };
            if backup.taken == undone_after && variant == 1 {
                busy.write(b.clone(), vec![delete]).await;
            }
        }
        summary = backup.step().await;
    }
    let revision = summary.unwrap().projects[0].revision;
    let (backend, _) = restored(&backup.file);
    let view = PartitionView::new(&*backend, Partition(1));
    let (expected, found) = (State::at(revision, &busy.journal), State::stored(&view));
    let what =
        format!("deleted after {deleted_after} steps and back after {undone_after}, variant {variant}");
    assert_eq!(found, expected, "{what}, at {revision:?}");
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
async fn a_project_that_is_made_again_is_restored_as_it_is_in_the_end() {
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
                create_time: None,
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
        // The one that is there again, and none that is new.
        let expected: &[&str] = if copied_already { &["p", "q", "r"] } else { &["p", "r", "q"] };
        assert_eq!(ids, expected, "after {steps}");
        let articles = |project: &RestoredProject| project.articles;
        assert_eq!(projects.iter().map(articles).sum::<u64>(), if copied_already { 9 } else { 6 });
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
        origin: Origin::default(),
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
            joined.push(Commit { stamp: part.stamp, origin: part.origin, changes: Vec::new() });
        }
        continued = part.continued;
        let changes = part.changes.into_iter().map(|record| Change { scope: 0, record });
        joined.last_mut().unwrap().changes.extend(changes);
    }
    assert_eq!(joined, commits);
}
