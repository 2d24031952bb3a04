//! What a start makes of what it finds, besides finishing it.

use super::*;
use crate::store::{
    committer::{Backend, Batch},
    engine::{Row, Rows as Iteration},
    memory::MemoryBackend,
};

/// A backend on a disk without any free space.
struct Full(MemoryBackend);

impl Backend for Full {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.0.get(key)
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Iteration<'_> {
        self.0.ascending(from, to)
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Iteration<'_> {
        self.0.descending(from, to)
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.0.floor(from, at)
    }

    fn apply(&mut self, batch: Batch) -> Result<()> {
        self.0.apply(batch)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn free_bytes(&self) -> Option<u64> {
        Some(0)
    }

    fn close(self: Box<Self>) {}
}

/// Opens the application over rows as a server does.
async fn opened(rows: &Rows, free_space_floor_bytes: u64, trim_through: u64) -> Result<Arc<App>> {
    let clock: Clock = Arc::new(|| Timestamp(1));
    let versions = Versions::new();
    let options =
        Options { clock: Arc::clone(&clock), observer: versions.observer(), free_space_floor_bytes };
    let engine = Committer::start(Box::new(Full(rows.backend())), options)?;
    engine.trim_log(P, Revision(trim_through)).await?;
    let settings = Settings::with_texts_of(1);
    Ok(App::open(engine, versions, clock, settings, NAMES).await?.0)
}

/// A start took a project that had lost its row for one whose deletion was cut off, and swept all that was left of it.
/// With its whole log, and after nothing was written to it for so long that all of that was trimmed.
#[tokio::test]
async fn a_project_that_lost_its_row_is_refused_and_not_swept() {
    let mut rows = healthy();
    rows.remove(P, keys::PROJECT);
    for trim_through in [0, rows.head(P)] {
        let error = opened(&rows, 0, trim_through).await.err().unwrap().to_string();
        assert!(error.contains("project p is in use, and has no row of its own"), "{error}");
    }
}

/// A creation was cut off, and then the disk was nearly full: the server did not start, not even to be read.
#[tokio::test]
async fn what_a_crash_cut_off_is_finished_without_space() {
    let mut rows = healthy();
    rows.write(C, 1, |draft| {
        catalog::reserve(draft, &project("half").project, ProjectUid(Uuid::from_bytes([7; 16]))).map(drop)
    });
    for floor in [1, 0] {
        let app = opened(&rows, floor, 0).await.unwrap();
        let ids: Vec<_> = app.projects.read().unwrap().keys().map(|id| id.as_str().to_owned()).collect();
        assert_eq!(ids, ["p"]);
        let created =
            app.create_project(Some(project("half").project), ProjectDetails::default(), Mode::Apply);
        assert_eq!(created.await.is_ok(), floor == 0);
    }
}

/// One row was damaged, and no project that came after that one had anything forgotten, as long as the server ran.
#[tokio::test]
async fn what_is_wrong_with_one_project_keeps_no_other_from_being_trimmed() {
    use std::sync::atomic::{AtomicI64, Ordering};
    const DAY: i64 = 24 * 3_600_000_000;

    let mut rows = healthy();
    rows.put(P, keys::REQUEST_BUCKETS, "x");
    let time = Arc::new(AtomicI64::new(DAY));
    let told = Arc::clone(&time);
    let clock: Clock = Arc::new(move || Timestamp(told.load(Ordering::SeqCst)));
    let versions = Versions::new();
    let options =
        Options { clock: Arc::clone(&clock), observer: versions.observer(), free_space_floor_bytes: 0 };
    let engine: Arc<dyn Engine> = Committer::start(Box::new(rows.backend()), options).unwrap();
    let settings = Settings::with_texts_of(1);
    let (app, sweeper) = App::open(Arc::clone(&engine), versions, clock, settings, NAMES).await.unwrap();
    let id = RequestId::from_bytes([7; 16]).unwrap();
    let request = Request { id, method: Method::CreateProject, body: [7; 16] };
    let attempt = Attempt { mode: Mode::Apply, request: Some(request) };
    app.create_project(Some(project("other").project), ProjectDetails::default(), attempt).await.unwrap();
    let other = app.project(&project("other")).unwrap().partition;
    assert!(other > P);
    assert!(engine.carried_out(other, request).await.unwrap().is_some());
    time.store(3 * DAY, Ordering::SeqCst);
    let error = sweeper.trim_logs().await.unwrap_err();
    assert!(error.to_string().contains("the buckets of requests are none"), "{error}");
    assert_eq!(engine.carried_out(other, request).await, Ok(None));
}
