//! An article with many annotations is given another text: others write on meanwhile, and whoever pulls the plug leaves
//! the one text or the other, with all annotations.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use spandrel::proto::v1;
use tempfile::TempDir;

use crate::{
    command::{beside, text as path},
    support::{Client, Seeded, Server, annotation, by_code_points, slices, spans},
    verify::check_whole,
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";

/// Numbered words; in every language some.
fn words(count: usize) -> String {
    let words: Vec<_> =
        (0..count).map(|n| format!("{} {n}, ", ["word", "mot", "слово", "語"][n % 4])).collect();
    words.concat()
}

/// Creates `count` annotations of a word each, a thousand a commit.
async fn annotate(client: &Client, text: &str, count: usize) {
    let mut places = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(", ") {
        let length = u32::try_from(word.chars().count()).unwrap();
        places.push((start, start + length - 2));
        start += length;
    }
    let create = |n: usize| {
        let (from, to) = places[n % places.len()];
        let annotation = annotation(&format!("L{}", n % 7), vec![by_code_points(from, to)]);
        v1::CreateAnnotationRequest { annotation: Some(annotation), ..Default::default() }
    };
    for first in (0..count).step_by(1_000) {
        let requests = (first..count.min(first + 1_000)).map(create).collect();
        let batch =
            v1::BatchCreateAnnotationsRequest { parent: A.to_owned(), requests, ..Default::default() };
        client.send(batch).await.unwrap();
    }
}

/// Unlike println!, this is seen although the test passes.
fn say(what: &str) {
    std::io::stderr().write_all(format!("{what}\n").as_bytes()).unwrap();
}

fn revise(text: String) -> v1::ReviseArticleRequest {
    v1::ReviseArticleRequest { name: A.to_owned(), text, ..Default::default() }
}

async fn article(client: &Client, text_revision: u32) -> v1::Article {
    client.send(v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision }).await.unwrap()
}

async fn list(client: &Client, text_revision: u32) -> Vec<v1::Annotation> {
    let request = v1::ListAnnotationsRequest {
        parent: A.to_owned(),
        page_size: 1_000,
        text_revision,
        ..Default::default()
    };
    client.clone().list_all(request).await
}

/// Expects that each annotation of the latest text covers what it says there.
fn check_places(text: &str, text_revision: u32, annotations: &[v1::Annotation]) {
    let units = crate::support::InUnits::new(text);
    for annotation in annotations.iter().filter(|annotation| annotation.text_revision == text_revision) {
        for span in spans(annotation) {
            assert_eq!(units.slices(span), [(); 3].map(|()| span.quote.clone()));
        }
    }
}

/// Writes to another article until it is told to stop, and says how long each write took.
async fn write_elsewhere(mut client: Client, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(SeqCst) {
        let begun = Instant::now();
        client.annotate("projects/p/articles/b", "X", by_code_points(0, 3)).await.unwrap();
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    took.sort_unstable();
    took
}

fn spread(took: &[Duration]) -> String {
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    format!("{} writes, median {:?}, 99 % within {:?}, slowest {:?}", took.len(), at(50), at(99), at(100))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_annotations_go_with_their_text_and_others_write_on() {
    const COUNT: usize = 100_000;
    let server = Server::start();
    let old = words(50_000);
    let client = server.client_with_article(&old).await;
    client.clone().create_article(P, "b", "another").await;
    annotate(&client, &old, COUNT).await;
    let stop = Arc::new(AtomicBool::new(false));
    let before = tokio::spawn(write_elsewhere(server.client().await, Arc::clone(&stop)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, SeqCst);
    say(&format!("before: {}", spread(&before.await.unwrap())));

    let stop = Arc::new(AtomicBool::new(false));
    let meanwhile = tokio::spawn(write_elsewhere(server.client().await, Arc::clone(&stop)));
    // A word goes, one is changed, and some come before all of it.
    let new = format!("before it all: {}", old.replacen("mot 1, ", "", 1).replacen("word 4,", "wood 4,", 1));
    let begun = Instant::now();
    let revised = client.send(revise(new.clone())).await.unwrap();
    let took = begun.elapsed();
    stop.store(true, SeqCst);
    say(&format!("revised in {took:?}; meanwhile: {}", spread(&meanwhile.await.unwrap())));
    let counts = revised.counts.unwrap();
    let expected = v1::AnchoringCounts { shifted: 99_996, modified: 2, orphaned: 2, ..Default::default() };
    assert_eq!((counts, revised.needs_review_count, revised.needs_review.len()), (expected, 4, 4));
    let all = list(&client, 0).await;
    assert_eq!(all.len(), COUNT);
    assert!(all.iter().all(|annotation| annotation.revision == revised.revision));
    check_places(&new, 2, &all);
    assert_eq!(slices(&new, &spans(&all[0])[0])[0], "word 0");
}

/// Pulls the plug while the text is revised, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_is_cut_off_is_there_whole_or_not_at_all() {
    const COUNT: usize = 5_000;
    let mut server = Server::start();
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    say(&format!("cut off with the seed {seed}"));
    let mut seeded = Seeded::new(seed);
    let mut text = words(5_000);
    let client = server.client_with_article(&text).await;
    annotate(&client, &text, COUNT).await;
    let (mut done, mut cut_off) = (0, 0);
    let mut latest = 1;
    let mut whole = Duration::from_secs(1);
    for round in 0..16_usize {
        let client = server.client().await;
        let before = list(&client, 0).await;
        let other = format!("{round}: {}", words(5_000 - seeded.below(100)));
        let request = revise(other.clone());
        let begun = Instant::now();
        let revising = tokio::spawn(async move { client.send(request).await.is_ok() });
        if round % 4 == 3 {
            assert!(revising.await.unwrap());
            whole = begun.elapsed();
            server.kill();
        } else {
            tokio::time::sleep(whole.mul_f64(f64::from(u8::try_from(seeded.below(120)).unwrap()) / 100.0))
                .await;
            server.kill();
            let _ = revising.await.unwrap();
        }
        check_whole(server.data_dir(), "annotations");
        server.start_again();
        let client = server.client().await;
        let now = article(&client, 0).await;
        let all = list(&client, 0).await;
        if now.text_revision == latest {
            assert_eq!(now.text, text);
            assert_eq!(all, before);
            cut_off += 1;
        } else {
            latest += 1;
            assert_eq!((now.text_revision, &now.text), (latest, &other));
            assert_eq!((all.len(), article(&client, latest - 1).await.text), (COUNT, text));
            assert_eq!(list(&client, latest - 1).await, before);
            text = other;
            done += 1;
        }
        check_places(&text, latest, &all);
    }
    say(&format!("{done} were done, and {cut_off} cut off"));
    check_backup(&server, latest, &text).await;
}

/// A backup that is made while a text is revised again and again has one of the texts, and all before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_revisions_has_whole_texts() {
    let server = Server::start();
    let first = words(3_000);
    let client = server.client_with_article(&first).await;
    annotate(&client, &first, 3_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let reviser = {
        let (client, stop) = (client.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut round = 0;
            while !stop.load(SeqCst) {
                round += 1;
                let text = format!("{round}: {}", words(3_000 - round % 7));
                client.send(revise(text)).await.unwrap();
            }
            round
        })
    };
    while article(&client, 0).await.text_revision == 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let folder = TempDir::new().unwrap();
    let mut restored = Vec::new();
    for round in 0..3 {
        let file = folder.path().join(format!("{round}.backup"));
        let data_dir = folder.path().join(format!("{round}.data"));
        beside(0, &["--server", &server.address, "backup", path(&file)]).await;
        beside(0, &["restore", path(&file), "--data-dir", path(&data_dir)]).await;
        restored.push(data_dir);
    }
    stop.store(true, SeqCst);
    say(&format!("{} revisions beside {} backups", reviser.await.unwrap(), restored.len()));
    for data_dir in restored {
        check_whole(&data_dir, "annotations");
        let again = Server::start_over(&data_dir);
        let again = again.client().await;
        let latest = article(&again, 0).await.text_revision;
        assert!(latest > 1);
        check_texts(&client, &again, latest).await;
    }
}

/// Expects that both have the same texts with the same annotations, up to one of them.
async fn check_texts(client: &Client, again: &Client, latest: u32) {
    let without_etags = |mut all: Vec<v1::Annotation>| {
        for annotation in &mut all {
            annotation.etag.clear();
        }
        all
    };
    for text_revision in 1..=latest {
        let texts = (article(client, text_revision).await.text, article(again, text_revision).await.text);
        assert_eq!(texts.0, texts.1);
        let (expected, found) = (list(client, text_revision).await, list(again, text_revision).await);
        assert!(without_etags(expected) == without_etags(found), "in text revision {text_revision}");
    }
}

/// Expects that all texts go into a backup and come out of it, and that one more comes after them.
async fn check_backup(server: &Server, latest: u32, text: &str) {
    let client = server.client().await;
    let folder = TempDir::new().unwrap();
    let (file, data_dir) = (folder.path().join("file.backup"), folder.path().join("data"));
    beside(0, &["--server", &server.address, "backup", path(&file)]).await;
    beside(0, &["restore", path(&file), "--data-dir", path(&data_dir)]).await;
    check_whole(&data_dir, "annotations");
    let restored = Server::start_over(&data_dir);
    let again = restored.client().await;
    check_texts(&client, &again, latest).await;
    let listing = v1::ListArticleRevisionsRequest { parent: A.to_owned(), ..Default::default() };
    assert_eq!(again.send(listing.clone()).await.unwrap(), client.send(listing).await.unwrap());
    // What was revised before is taken back after that, too.
    let undo = v1::UndoCommitRequest {
        parent: P.to_owned(),
        revision: article(&again, 0).await.revision,
        ..Default::default()
    };
    let undone = again.send(undo).await.unwrap();
    assert_eq!(article(&again, 0).await.text, article(&again, latest - 1).await.text);
    assert_eq!(list(&again, 0).await.len(), 5_000);
    let redo =
        v1::UndoCommitRequest { parent: P.to_owned(), revision: undone.revision, ..Default::default() };
    again.send(redo).await.unwrap();
    assert_eq!(article(&again, 0).await.text, text);
    // What is restored is revised as any other; and taken back.
    let revised = again.send(revise("nothing".to_owned())).await.unwrap();
    assert_eq!(revised.counts.unwrap().orphaned, 5_000);
    let undo =
        v1::UndoCommitRequest { parent: P.to_owned(), revision: revised.revision, ..Default::default() };
    again.send(undo).await.unwrap();
    assert_eq!(article(&again, 0).await.text, text);
    drop(restored);
    check_whole(&data_dir, "annotations");
}
