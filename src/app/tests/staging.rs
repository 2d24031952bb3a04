//! What is staged and never switched to is swept: when it is given up, and after a crash.

use super::*;
use crate::{
    app::sweeper::{Sweep, Sweeper},
    store::{
        article_table,
        keys::{ArticleNumber, Generation},
        memory::{Disk, MemoryBackend},
        text_revision_table,
    },
};

const NUMBER: ArticleNumber = ArticleNumber(1);

async fn open(disk: &Disk) -> (Arc<App>, Sweeper, Arc<dyn Engine>) {
    let versions = Versions::new();
    let clock: Clock = Arc::new(|| Timestamp(1_000));
    let options =
        Options { clock: Arc::clone(&clock), observer: versions.observer(), free_space_floor_bytes: 0 };
    let engine: Arc<dyn Engine> = Committer::start(Box::new(MemoryBackend::open(disk)), options).unwrap();
    let settings = Settings::with_texts_of(1 << 20);
    let (app, sweeper) = App::open(Arc::clone(&engine), versions, clock, settings, NAMES).await.unwrap();
    (app, sweeper, engine)
}

/// Rows of generations after the first, with their marks.
async fn staged_rows(engine: &Arc<dyn Engine>) -> usize {
    let read = engine.read(Partition(1), |view| {
        let rows = view.ascending(&[0x22], &[0x50]).map(|row| row.map(|(key, _)| key));
        let keys = rows.collect::<Result<Vec<_>>>()?;
        let later = |key: &&Bytes| keys::generation_of(key).is_some_and(|generation| generation.0 > 1);
        Ok(keys.iter().filter(later).count())
    });
    read.await.unwrap().value
}

#[tokio::test]
async fn what_was_staged_is_swept_unless_it_was_switched_to() {
    let disk = Disk::default();
    let (app, sweeper, engine) = open(&disk).await;
    let name = ProjectName { project: ProjectId::parse("", "p").unwrap() };
    app.create_project(Some(name.project.clone()), ProjectDetails::default(), Mode::Apply).await.unwrap();
    let project = app.project(&name).unwrap();
    let stage = async || {
        let staging = app.stage(&project, NUMBER).await.unwrap();
        let text = "x".repeat(9_000);
        staging.put(article_table::text_rows(NUMBER, staging.generation(), &text)).await.unwrap();
        staging
    };
    let given_up = stage().await;
    let (generation, other) = (given_up.generation(), stage().await.generation());
    assert_eq!(given_up.generation(), Generation::FIRST_STAGED);
    assert_ne!(generation, other);
    assert_eq!(staged_rows(&engine).await, 8);
    drop(given_up);
    sweeper.sweep(Sweep::Generation(Partition(1), NUMBER, generation)).await.unwrap();
    assert_eq!(staged_rows(&engine).await, 4);
    // Somebody switched to it, whatever was feared.
    let mark = keys::staged(NUMBER, other);
    engine.maintain(Partition(1), Maintenance::of(vec![(mark, None)])).await.unwrap();
    sweeper.sweep(Sweep::Generation(Partition(1), NUMBER, other)).await.unwrap();
    assert_eq!(staged_rows(&engine).await, 3);

    let cut_off = stage().await;
    let last = cut_off.generation();
    std::mem::forget(cut_off);
    drop((project, app));
    engine.close();
    let (app, sweeper, engine) = open(&disk).await;
    assert_eq!(staged_rows(&engine).await, 7);
    let below = engine.read(Partition(1), |view| text_revision_table::generations_in_use(view)).await;
    let below = below.unwrap().value;
    // What this run stages is not left over.
    let staging = app.stage(&app.project(&name).unwrap(), NUMBER).await.unwrap();
    assert!(staging.generation() >= below && below > last);
    sweeper.sweep(Sweep::LeftOvers(Partition(1), ArticleNumber(0), below)).await.unwrap();
    assert_eq!(staged_rows(&engine).await, 4);
    staging.switched();
    engine.close();
}
