//! Texts that people revised, revised over the wire: in each text every annotation is where it says, and so it is in the
//! ones before.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use spandrel::proto::v1;

#[path = "../reanchoring/revised.rs"]
mod files;
#[path = "../reanchoring/webanno.rs"]
mod webanno;

use crate::support::{Client, InUnits, Server, annotation, by_code_points, shared, spans};

const P: &str = "projects/p";
const BATCH: usize = 1_000;

#[tokio::test]
async fn gum() {
    let Some(folder) = shared("corpora/reanchor-gum-v6-v11") else { return };
    let server = Server::start();
    let mut all = Revised::begin(&server).await;
    for document in ["bio_nida", "interview_ants", "news_expo", "voyage_tulsa"] {
        let read = |version| {
            webanno::read(&fs::read_to_string(folder.join(format!("GUM_{document}.{version}.tsv"))).unwrap())
        };
        let (old, new) = (read("V6.0.0"), read("V11.1.0"));
        let ranges: Vec<_> = old.spans.iter().map(|span| vec![*span]).collect();
        all.revise(document, &[old.text, new.text], &ranges).await;
    }
    all.report("gum");
    assert_eq!(all.annotations, 1_165);
}

#[tokio::test]
async fn frankenstein() {
    let Some(folder) = shared("corpora/reanchor-frankenstein") else { return };
    let server = Server::start();
    let mut all = Revised::begin(&server).await;
    for chapter in ["chapter-1", "chapter-5", "letter-4"] {
        all.revise_all(chapter, &folder.join(format!("src_epub_text_{chapter}.xhtml"))).await;
    }
    all.report("frankenstein");
}

#[tokio::test]
async fn gesetze() {
    let Some(folder) = shared("corpora/reanchor-gesetze-de") else { return };
    let server = Server::start();
    let mut all = Revised::begin(&server).await;
    let mut folders: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    for (number, folder) in folders.iter().enumerate() {
        all.revise_all(&format!("law-{number}"), folder).await;
    }
    all.report("gesetze");
}

/// What became of a corpus.
struct Revised {
    client: Client,
    annotations: usize,
    revisions: usize,
    largest: usize,
    counts: v1::AnchoringCounts,
    took: Duration,
    slowest: Duration,
}

impl Revised {
    async fn begin(server: &Server) -> Self {
        let mut client = server.client().await;
        client.create_project("p").await;
        let (counts, zero) = (v1::AnchoringCounts::default(), Duration::ZERO);
        Self { client, annotations: 0, revisions: 0, largest: 0, counts, took: zero, slowest: zero }
    }

    /// Annotates the first of the texts of a folder, and revises it to each of the others.
    async fn revise_all(&mut self, id: &str, folder: &Path) {
        let texts: Vec<_> =
            files::revisions(folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        if texts.is_empty() {
            return;
        }
        let ranges = files::words(&texts[0]);
        self.revise(id, &texts, &ranges).await;
    }

    async fn revise(&mut self, id: &str, texts: &[String], ranges: &[Vec<(u32, u32)>]) {
        let name = format!("{P}/articles/{id}");
        self.client.create_article(P, id, &texts[0]).await;
        for ranges in ranges.chunks(BATCH) {
            let create = |ranges: &Vec<(u32, u32)>| v1::CreateAnnotationRequest {
                annotation: Some(annotation(
                    "X",
                    ranges.iter().map(|(start, end)| by_code_points(*start, *end)).collect(),
                )),
                ..Default::default()
            };
            let requests = ranges.iter().map(create).collect();
            let parent = name.clone();
            let batch = v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() };
            self.client.send(batch).await.unwrap();
        }
        self.annotations += ranges.len();
        let mut before = self.list(&name, 0).await;
        let mut text = &texts[0];
        for new in &texts[1..] {
            if new == text {
                continue;
            }
            self.largest = self.largest.max(new.len());
            let request =
                v1::ReviseArticleRequest { name: name.clone(), text: new.clone(), ..Default::default() };
            let begun = Instant::now();
            let revised = self.client.send(request).await.unwrap();
            self.count(begun.elapsed(), &revised);
            let latest = revised.article.unwrap().text_revision;
            let now = self.list(&name, 0).await;
            check(new, latest, &before, &now, revised.counts.unwrap());
            assert_eq!(self.list(&name, latest - 1).await, before);
            (before, text) = (now, new);
        }
    }

    fn count(&mut self, took: Duration, revised: &v1::ReviseArticleResponse) {
        self.revisions += 1;
        self.took += took;
        self.slowest = self.slowest.max(took);
        let (all, more) = (&mut self.counts, revised.counts.unwrap());
        all.unchanged += more.unchanged;
        all.shifted += more.shifted;
        all.moved += more.moved;
        all.modified += more.modified;
        all.orphaned += more.orphaned;
    }

    async fn list(&self, name: &str, text_revision: u32) -> Vec<v1::Annotation> {
        let parent = name.to_owned();
        let request =
            v1::ListAnnotationsRequest { parent, text_revision, page_size: 1_000, ..Default::default() };
        let mut all = self.client.clone().list_all(request).await;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    fn report(&self, corpus: &str) {
        let Self { client: _, annotations, revisions, largest, counts, took, slowest } = self;
        let v1::AnchoringCounts { unchanged, shifted, moved, modified, orphaned, .. } = counts;
        let line = format!(
            "{corpus:<14} {annotations:>6} annotations, {revisions:>3} revisions of up to {largest:>6} bytes: \
             {unchanged:>6} unchanged, {shifted:>6} shifted, {moved:>4} moved, {modified:>4} modified, \
             {orphaned:>4} orphaned; {took:.1?}, {slowest:.1?} at most\n"
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// Expects that what is kept covers its quote in the new text, and that all are counted.
fn check(
    new: &str,
    latest: u32,
    before: &[v1::Annotation],
    now: &[v1::Annotation],
    counts: v1::AnchoringCounts,
) {
    let units = InUnits::new(new);
    let mut found = v1::AnchoringCounts::default();
    assert_eq!(before.len(), now.len());
    for (then, now) in before.iter().zip(now) {
        assert_eq!(then.name, now.name);
        let anchoring = now.anchoring.unwrap();
        let count = match anchoring.result() {
            v1::AnchoringResult::Unchanged => &mut found.unchanged,
            v1::AnchoringResult::Shifted => &mut found.shifted,
            v1::AnchoringResult::Moved => &mut found.moved,
            v1::AnchoringResult::Modified => &mut found.modified,
            v1::AnchoringResult::Orphaned => {
                found.orphaned += 1;
                assert_eq!((spans(now), now.text_revision), (spans(then), then.text_revision));
                continue;
            }
            v1::AnchoringResult::Unspecified => panic!("{now:?}"),
        };
        *count += 1;
        assert_eq!((now.text_revision, anchoring.from_text_revision), (latest, latest - 1));
        for (old, span) in spans(then).iter().zip(spans(now)) {
            let [covered, ..] = units.slices(span);
            assert_eq!(units.slices(span), [(); 3].map(|()| covered.clone()));
            // What text came into may be too long to be quoted.
            assert!(span.quote == covered || (span.quote.is_empty() && covered.len() > 1_024));
            if anchoring.result() != v1::AnchoringResult::Modified {
                assert_eq!(old.quote, span.quote);
            }
        }
    }
    assert_eq!(found, counts);
}
