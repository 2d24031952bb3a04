//! A small database that has a bit of everything, and what breaks it row by row.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use prost::Message as _;

use super::super::*;
use crate::{
    domain::{
        details::Mask,
        ids::AnnotationId,
        requests::{Method, Request, RequestId},
    },
    store::{
        article_table,
        committer::{Backend, PartitionView, full_key},
        engine::{Draft, Stamp},
        keys::ArticleNumber,
        memory::{Disk, MemoryBackend},
        verify::{Report, verify},
    },
};

/// The project in use, and the deleted one.
pub(super) const P: Partition = Partition(1);
pub(super) const Q: Partition = Partition(2);

/// The texts of articles a and b, and the end of c's.
pub(super) const A: &str = "Zoë met 👩‍👩‍👧 in Genève, and Zoë met Ana.";
pub(super) const B_SENTENCE: &str = "Ana crossed the bridge. ";

const HOUR_US: i64 = 3_600_000_000;

/// `LogEntry`, the same on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LogEntry {
    #[prost(int64, tag = "1")]
    pub(super) time: i64,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) changes: Vec<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) request: Option<Bytes>,
    #[prost(uint64, tag = "4")]
    pub(super) undone: u64,
}

/// `AnnotationStatistics`, the same on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AnnotationStatistics {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) by_length_class: Vec<u64>,
    #[prost(bool, tag = "2")]
    pub(super) has_directory: bool,
    #[prost(uint64, tag = "3")]
    pub(super) changed_revision: u64,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(super) base: Option<Bytes>,
}

/// `LayerTallies`, the same on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LayerTallies {
    #[prost(message, repeated, tag = "1")]
    pub(super) layers: Vec<LayerTally>,
}

/// `LayerTally`, the same on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LayerTally {
    #[prost(string, tag = "1")]
    pub(super) layer: String,
    #[prost(uint64, tag = "2")]
    pub(super) spans: u64,
    #[prost(uint64, tag = "3")]
    pub(super) relations: u64,
    #[prost(uint64, tag = "4")]
    pub(super) article_labels: u64,
    #[prost(uint64, tag = "5")]
    pub(super) orphans: u64,
    #[prost(uint64, tag = "6")]
    pub(super) suggested: u64,
    #[prost(uint64, tag = "7")]
    pub(super) accepted: u64,
    #[prost(uint64, tag = "8")]
    pub(super) rejected: u64,
    #[prost(uint64, tag = "9")]
    pub(super) needs_review: u64,
}

/// What statistics of one row say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Statistics {
    pub(super) head: AnnotationStatistics,
    pub(super) layers: LayerTallies,
}

impl Statistics {
    pub(super) fn read(row: &Bytes) -> Option<Self> {
        let mut value =
            row.get(4..).filter(|value| row[..4] == u32::try_from(value.len()).unwrap().to_be_bytes())?;
        let head = AnnotationStatistics::decode_length_delimited(&mut value).ok()?;
        Some(Self { head, layers: LayerTallies::decode(value).ok()? })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let value = [self.head.encode_length_delimited_to_vec(), self.layers.encode_to_vec()].concat();
        [&u32::try_from(value.len()).unwrap().to_be_bytes()[..], &value].concat()
    }
}

/// All rows, with their partitions in their keys.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows(pub(super) BTreeMap<Bytes, Bytes>);

impl Rows {
    pub(super) fn backend(&self) -> MemoryBackend {
        let mut backend = MemoryBackend::open(&Disk::default());
        let rows = self.0.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        backend.apply(rows.collect()).unwrap();
        backend
    }

    pub(super) fn verify(&self) -> Report {
        verify(&self.backend(), &mut |_| {}).unwrap()
    }

    pub(super) fn get(&self, partition: Partition, key: &[u8]) -> Bytes {
        self.0[&full_key(partition, key)].clone()
    }

    pub(super) fn put(&mut self, partition: Partition, key: &[u8], value: impl Into<Bytes>) {
        self.0.insert(full_key(partition, key), value.into());
    }

    pub(super) fn remove(&mut self, partition: Partition, key: &[u8]) {
        assert!(self.0.remove(&full_key(partition, key)).is_some(), "there is no row at {key:02x?}");
    }

    /// Writes as a commit does, and logs nothing.
    pub(super) fn write<T>(
        &mut self,
        partition: Partition,
        revision: u64,
        write: impl FnOnce(&mut Draft<'_>) -> Result<T>,
    ) -> T {
        let backend = self.backend();
        let view = PartitionView::new(&backend, partition);
        let stamp = Stamp { revision: Revision(revision), time: Timestamp(1) };
        let mut draft = Draft::new(&view, stamp);
        let written = write(&mut draft).unwrap();
        for (key, value) in draft.into_parts().0 {
            let key = full_key(partition, &key);
            match value {
                Some(value) => drop(self.0.insert(key, value)),
                None => drop(self.0.remove(&key)),
            }
        }
        written
    }

    pub(super) fn read<T>(
        &self,
        partition: Partition,
        read: impl FnOnce(&PartitionView<'_>) -> Result<T>,
    ) -> T {
        self.try_read(partition, read).unwrap()
    }

    pub(super) fn try_read<T>(
        &self,
        partition: Partition,
        read: impl FnOnce(&PartitionView<'_>) -> Result<T>,
    ) -> Result<T> {
        let backend = self.backend();
        read(&PartitionView::new(&backend, partition))
    }

    pub(super) fn log_entry(&self, partition: Partition, revision: u64) -> LogEntry {
        let key = keys::log(revision);
        let value = self.read(partition, |view| crate::store::long_values::get(view, &key));
        prost::Message::decode(value.unwrap()).unwrap()
    }

    pub(super) fn put_log_entry(&mut self, partition: Partition, revision: u64, entry: &LogEntry) {
        let bytes = prost::Message::encode_to_vec(entry);
        let put = |draft: &mut Draft<'_>| crate::store::long_values::put(draft, &keys::log(revision), &bytes);
        self.write(partition, revision, put);
    }

    /// The last revision.
    pub(super) fn head(&self, partition: Partition) -> u64 {
        u64::from_be_bytes(*self.get(partition, keys::HEAD).first_chunk().unwrap())
    }

    /// The number of the article called `id`.
    pub(super) fn number(&self, id: &str) -> ArticleNumber {
        self.read(P, |view| article_table::place(view, &article(id).article)).unwrap().number
    }
}

/// The id of the annotation made as the `n`-th of an article.
pub(super) fn annotation_id(n: u32) -> AnnotationId {
    let mut bytes = [0xab; 16];
    bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
    AnnotationId::from_bytes(bytes)
}

/// What is built once: the rows of a database in which nothing is wrong.
pub(super) fn healthy() -> Rows {
    static ROWS: OnceLock<Rows> = OnceLock::new();
    ROWS.get_or_init(|| built(false)).clone()
}

/// The same, of whose log the first half is forgotten.
pub(super) fn trimmed() -> Rows {
    built(true)
}

/// On a thread of its own, since whoever asks first may be within a runtime.
fn built(trim: bool) -> Rows {
    let build = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(build(trim)).unwrap()
    };
    std::thread::spawn(build).join().unwrap()
}

async fn build(trim: bool) -> Result<Rows> {
    let disk = Disk::default();
    let versions = Versions::new();
    let ticks = Arc::new(AtomicI64::new(1_000));
    let later = Arc::clone(&ticks);
    let clock: Clock = Arc::new(move || Timestamp(ticks.fetch_add(1, Ordering::Relaxed)));
    let options =
        Options { clock: Arc::clone(&clock), observer: versions.observer(), free_space_floor_bytes: 0 };
    let engine: Arc<dyn Engine> = Committer::start(Box::new(MemoryBackend::open(&disk)), options)?;
    let settings = Settings::with_texts_of(1 << 20);
    // Nobody sweeps, so that there is something to be swept.
    let (app, _sweeper) = App::open(Arc::clone(&engine), versions, clock, settings, NAMES).await?;
    fill(&app).await?;
    // As late as the next requests are known apart from those.
    later.fetch_add(7 * HOUR_US, Ordering::Relaxed);
    finish(&app).await?;
    if trim {
        engine.forget_requests(P, Timestamp(31 * HOUR_US)).await?;
        let middle = engine.head(P).borrow().0 / 2;
        engine.trim_log(P, Revision(middle)).await?;
    }
    drop(app);
    engine.close();
    let backend = MemoryBackend::open(&disk);
    let rows = backend.ascending(&[], &[u8::MAX; 68]).collect::<Result<BTreeMap<_, _>>>();
    rows.map(Rows)
}

async fn fill(app: &Arc<App>) -> Result<()> {
    let metadata = |bytes: usize| [("note".to_owned(), "x".repeat(bytes))].into();
    app.add_project(ProjectDetails { metadata: metadata(9_000), ..ProjectDetails::default() }).await?;
    let request = attempt(1, Method::CreateProject);
    app.create_project(Some(project("q").project), ProjectDetails::default(), request).await?;
    app.add_article("gone", "nobody reads this".to_owned()).await?;
    app.add_article("a", A.to_owned()).await?;
    app.add_article("b", B_SENTENCE.repeat(1_000)).await?;
    app.add_article("c", "x".repeat(TEXT_STAGED_ABOVE_BYTES + 1)).await?;
    let details = ArticleDetails { metadata: metadata(9_000), ..ArticleDetails::default() };
    let id = Some(article("d").article);
    let new = NewArticle { path: String::new(), id, details, text: String::new(), create_time: None };
    app.create_articles(&project("p"), vec![new], Mode::Apply).await?;

    app.mark("gone", 1, &[(0, 6)]).await?;
    app.mark("a", 1, &[(0, 4)]).await?;
    app.mark("a", 2, &[(9, 27), (31, 38)]).await?;
    app.mark("a", 3, &[(0, 45)]).await?;
    // Quotes of 1,024 code points do not fit a packed row.
    app.mark("b", 0, &[(0, 1_020)]).await?;
    for n in 1..150 {
        let start = n % 900 * 24;
        app.mark("b", n, &[(start, start + 3)]).await?;
    }
    app.write(
        "a",
        WriteOp::Delete { id: annotation_id(3), etag: String::new(), allow_missing: false, force: false },
    )
    .await?;
    let content = content("Y", &[(0, 4)]);
    let mask = Mask::parse("update_mask", Some(&["label".to_owned()]))?;
    let id = annotation_id(1);
    app.write("a", WriteOp::Update { id, content, mask, etag: String::new(), allow_missing: false }).await?;

    app.delete_article(deletion(article("gone")), Mode::Apply).await?;
    app.add_article("gone", "somebody reads this".to_owned()).await?;
    app.mark("gone", 1, &[(0, 8)]).await
}

/// Deletes with requests, and takes back.
async fn finish(app: &Arc<App>) -> Result<()> {
    app.add_article("e", A.to_owned()).await?;
    app.mark("e", 1, &[(0, 4)]).await?;
    app.mark("e", 2, &[(9, 27)]).await?;
    let undo = async |request| {
        let head = *app.engine.head(P).borrow();
        app.undo_commit(&project("p"), head, attempt(request, Method::UndoCommit)).await.map(drop)
    };
    app.write(
        "e",
        WriteOp::Delete { id: annotation_id(2), etag: String::new(), allow_missing: false, force: false },
    )
    .await?;
    undo(2).await?;
    app.delete_article(deletion(article("e")), attempt(3, Method::DeleteArticle)).await?;
    undo(4).await?;
    app.delete_project(deletion(project("q")), attempt(5, Method::DeleteProject)).await
}

fn attempt(id: u128, method: Method) -> Attempt {
    // Some, so that not all ids follow each other.
    let id = id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834_u128 | 1);
    let id = RequestId::from_bytes(id.to_be_bytes()).unwrap();
    Attempt { mode: Mode::Apply, request: Some(Request { id, method, body: [7; 16] }) }
}

pub(super) fn content(label: &str, ranges: &[(u32, u32)]) -> Content {
    let span = |&(start, end): &(u32, u32)| SpanRequest {
        utf8: Some(Utf8Range { start, end }),
        ..SpanRequest::default()
    };
    let label = Some(Label::parse("label", label).unwrap());
    let target = Some(TargetRequest::Spans(ranges.iter().map(span).collect()));
    Content { label, target, ..Content::default() }
}

impl App {
    async fn mark(&self, id: &str, n: u32, ranges: &[(u32, u32)]) -> Result<()> {
        self.write(id, WriteOp::Create { id: Some(annotation_id(n)), content: content("X", ranges) }).await
    }

    async fn write(&self, id: &str, op: WriteOp) -> Result<()> {
        let request = match &op {
            WriteOp::Create { id: Some(made), .. } if id == "b" && made.as_bytes()[0] % 2 == 0 => {
                attempt(u128::from_be_bytes(*made.as_bytes()), Method::CreateAnnotation)
            }
            WriteOp::Create { .. } | WriteOp::Update { .. } | WriteOp::Delete { .. } => Mode::Apply.into(),
        };
        let write = Write { path: String::new(), article: article(id), op };
        self.commit_annotations(&project("p"), vec![write], request).await.map(drop)
    }
}
