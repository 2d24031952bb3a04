//! The keyspace. Every key that is stored is made here, from numbers and not names, and stays under 64 bytes.
//!
//! A key begins with its partition (4 bytes, put before it by the engine), then one tag byte. A tag is never used
//! again for something else. All numbers are big-endian, so that keys sort as their numbers do.
//!
//! ```text
//! every partition
//!   01                                             the engine's head: revision, time, floor of the log
//!   02 revision:8 [chunk]                          the log: one entry a commit
//!   03                                             up to where requests are forgotten, and the buckets of the others
//!   04 bucket:4 id:16 method:1               run   request -> revision of the commit that carried it out
//! partition 0, the catalog
//!   50 hash:16                               run   project id -> number
//!   51 number:4                                    project's entry: id, uid, state
//!   52                                             the next project number
//! partition n, a project
//!   10 [chunk]                                     the project itself
//!   11                                             the article numbers below this may be in use
//!   12 hash:16 [chunk]                             a layer that was declared
//!   13 hash:16                               run   layer id -> what all articles have of it
//!   14                                             the generations below this may be in use
//!   15                                             the format that what is derived here is in; absent before 4
//!   16 [chunk]                                     the label schema
//!   17                                             the revision that last changed the label schema
//!   20 article:8 [chunk]                           an article without its text
//!   21 hash:16                               run   article id -> number
//!   22 article:8 generation:4 chunk:4              the article's text
//!   23 article:8 text revision:4                   a text that an article has or had, once it had two
//!   30 article:8 generation:4 sort key:25    run   annotations in document order, by length class
//!   31 article:8 generation:4 id:16          run   annotation id -> sort key
//!   32 article:8 generation:4 id:16 [chunk]        an annotation too long for its run
//!   33 article:8 generation:4 [chunk]              statistics of the annotations; one row, and another, before format 4
//!   34 article:8 generation:4 ids:32         run   annotation id, id of a relation that uses it
//!   35 article:8 hash:16                     run   layer id -> how far the article's layer is, once it was submitted
//!   40 article:8                                   an article that was deleted or never finished: to be swept
//!   41 article:8 generation:4                      a generation that was staged and not switched to: to be swept
//! ```
//!
//! `run` is a table of packed rows (`runs.rs`): a row's key is the table's prefix and the lowest key that the row may
//! hold, nothing for the first. `[chunk]` is a long value (`long_values.rs`): absent for the first 4 KiB, then 2 bytes.

use bytes::{BufMut, Bytes, BytesMut};

/// The engine's head.
pub const HEAD: &[u8] = &[0x01];
/// Up to where requests are forgotten, and the buckets of those that are known.
pub const REQUEST_BUCKETS: &[u8] = &[0x03];
/// The project itself.
pub const PROJECT: &[u8] = &[0x10];
/// The article numbers below the stored one may be in use.
pub const ARTICLE_NUMBERS: &[u8] = &[0x11];
/// What all articles have of each layer (run table).
pub const LAYER_TALLIES: &[u8] = &[0x13];
/// The generations below the stored one may be in use.
pub const GENERATIONS: &[u8] = &[0x14];
/// The format that what is derived in a project is in.
pub const DERIVED_FORMAT: &[u8] = &[0x15];
/// The label schema.
pub const LABEL_SCHEMA: &[u8] = &[0x16];
/// The revision that last changed the label schema.
pub const LABEL_SCHEMA_REVISION: &[u8] = &[0x17];
/// Project id to number.
pub const PROJECT_IDS: &[u8] = &[0x50];
/// The next project number.
pub const PROJECT_NUMBERS: &[u8] = &[0x52];
/// Article id to number.
pub const ARTICLE_IDS: &[u8] = &[0x21];

const LOG: u8 = 0x02;
const REQUESTS: u8 = 0x04;
const LAYER: u8 = 0x12;
const ARTICLE: u8 = 0x20;
const TEXT: u8 = 0x22;
const TEXT_REVISION: u8 = 0x23;
const ANNOTATIONS: u8 = 0x30;
const ANNOTATION_IDS: u8 = 0x31;
const LONG_ANNOTATION: u8 = 0x32;
const STATISTICS: u8 = 0x33;
const REFERENCES: u8 = 0x34;
const ARTICLE_LAYERS: u8 = 0x35;
const SWEEP: u8 = 0x40;
const STAGED: u8 = 0x41;
const CATALOG_ENTRY: u8 = 0x51;

/// An article's internal number; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArticleNumber(pub u64);

/// Which set of rows of an article is meant; a new set is written under a new generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u32);

impl Generation {
    /// The first, which every article begins with.
    pub const FIRST: Self = Self(1);
    /// The first that is given to one article of a project and to no other.
    pub const FIRST_STAGED: Self = Self(2);
}

/// The keys in `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub from: Bytes,
    /// The key after the last.
    pub to: Bytes,
}

impl KeyRange {
    /// All keys that begin with `prefix`, which is not all 0xff.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let kept = prefix.iter().rposition(|byte| *byte != u8::MAX).map_or(0, |last| last + 1);
        let mut to = BytesMut::from(prefix.get(..kept).unwrap_or_default());
        if let Some(last) = to.last_mut() {
            *last += 1;
        }
        Self { from: Bytes::copy_from_slice(prefix), to: to.freeze() }
    }
}

/// A log entry (long value).
#[must_use]
pub fn log(revision: u64) -> Bytes {
    numbered(LOG, revision, &[])
}

/// The run table of a bucket of requests.
#[must_use]
pub fn requests(bucket: u32) -> Bytes {
    let mut key = BytesMut::with_capacity(5);
    key.put_u8(REQUESTS);
    key.put_u32(bucket);
    key.freeze()
}

/// The bucket in the key of a row of requests.
#[must_use]
pub fn bucket_of(key: &[u8]) -> Option<u32> {
    project_number_of(key)
}

/// Whether a key is the engine's own, and nobody else's to write.
#[must_use]
pub fn is_reserved(key: &[u8]) -> bool {
    matches!(key.first(), None | Some(0..=REQUESTS))
}

/// A project's entry in the catalog.
#[must_use]
pub fn catalog_entry(number: u32) -> Bytes {
    let mut key = BytesMut::with_capacity(5);
    key.put_u8(CATALOG_ENTRY);
    key.put_u32(number);
    key.freeze()
}

/// All entries of the catalog.
#[must_use]
pub fn catalog_entries() -> KeyRange {
    KeyRange::prefix(&[CATALOG_ENTRY])
}

/// A layer that was declared (long value).
#[must_use]
pub fn layer(id_hash: [u8; 16]) -> Bytes {
    let mut key = BytesMut::with_capacity(17);
    key.put_u8(LAYER);
    key.put_slice(&id_hash);
    key.freeze()
}

/// All layers that were declared.
#[must_use]
pub fn layers() -> KeyRange {
    KeyRange::prefix(&[LAYER])
}

/// The run table of how far the layers of an article are.
#[must_use]
pub fn article_layers(article: ArticleNumber) -> Bytes {
    numbered(ARTICLE_LAYERS, article.0, &[])
}

/// An article without its text (long value).
#[must_use]
pub fn article(article: ArticleNumber) -> Bytes {
    numbered(ARTICLE, article.0, &[])
}

/// All articles, by number.
#[must_use]
pub fn articles() -> KeyRange {
    KeyRange::prefix(&[ARTICLE])
}

/// One chunk of an article's text.
#[must_use]
pub fn text_chunk(article: ArticleNumber, generation: Generation, chunk: u32) -> Bytes {
    let mut key = BytesMut::from(text(article, generation).as_ref());
    key.put_u32(chunk);
    key.freeze()
}

/// The prefix of the chunks of an article's text.
#[must_use]
pub fn text(article: ArticleNumber, generation: Generation) -> Bytes {
    numbered(TEXT, article.0, &generation.0.to_be_bytes())
}

/// A text that an article has or had.
#[must_use]
pub fn text_revision(article: ArticleNumber, text_revision: u32) -> Bytes {
    numbered(TEXT_REVISION, article.0, &text_revision.to_be_bytes())
}

/// All texts that an article has or had, once it had two, by their numbers.
#[must_use]
pub fn text_revisions(article: ArticleNumber) -> KeyRange {
    KeyRange::prefix(&numbered(TEXT_REVISION, article.0, &[]))
}

/// The number of a text in its key.
#[must_use]
pub fn text_revision_of(key: &[u8]) -> Option<u32> {
    generation_of(key).map(|number| number.0)
}

/// The run table of an article's annotations in document order.
#[must_use]
pub fn annotations(article: ArticleNumber, generation: Generation) -> Bytes {
    numbered(ANNOTATIONS, article.0, &generation.0.to_be_bytes())
}

/// The run table of an article's annotation ids.
#[must_use]
pub fn annotation_ids(article: ArticleNumber, generation: Generation) -> Bytes {
    numbered(ANNOTATION_IDS, article.0, &generation.0.to_be_bytes())
}

/// An annotation that is too long for its run (long value).
#[must_use]
pub fn long_annotation(article: ArticleNumber, generation: Generation, id: &[u8; 16]) -> Bytes {
    let mut key = BytesMut::from(numbered(LONG_ANNOTATION, article.0, &generation.0.to_be_bytes()).as_ref());
    key.put_slice(id);
    key.freeze()
}

/// The run table of which relations use an annotation.
#[must_use]
pub fn references(article: ArticleNumber, generation: Generation) -> Bytes {
    numbered(REFERENCES, article.0, &generation.0.to_be_bytes())
}

/// The statistics of an article's annotations (long value).
#[must_use]
pub fn statistics(article: ArticleNumber, generation: Generation) -> Bytes {
    numbered(STATISTICS, article.0, &generation.0.to_be_bytes())
}

/// The statistics of all articles and generations.
#[must_use]
pub fn all_statistics() -> KeyRange {
    KeyRange::prefix(&[STATISTICS])
}

/// An article that was deleted or never finished.
#[must_use]
pub fn sweep(article: ArticleNumber) -> Bytes {
    numbered(SWEEP, article.0, &[])
}

/// A generation of an article that was staged and not switched to.
#[must_use]
pub fn staged(article: ArticleNumber, generation: Generation) -> Bytes {
    numbered(STAGED, article.0, &generation.0.to_be_bytes())
}

/// All generations that were staged and not switched to.
#[must_use]
pub fn all_staged() -> KeyRange {
    KeyRange::prefix(&[STAGED])
}

/// The generations of an article that were staged and not switched to.
#[must_use]
pub fn staged_of(article: ArticleNumber) -> KeyRange {
    KeyRange::prefix(&numbered(STAGED, article.0, &[]))
}

/// Everything of one generation of an article.
#[must_use]
pub fn of_generation(article: ArticleNumber, generation: Generation) -> [KeyRange; 6] {
    [TEXT, ANNOTATIONS, ANNOTATION_IDS, LONG_ANNOTATION, STATISTICS, REFERENCES]
        .map(|tag| KeyRange::prefix(&numbered(tag, article.0, &generation.0.to_be_bytes())))
}

/// Everything that hangs on an article's number, of all generations, but the article's own row.
#[must_use]
pub fn hanging_on(article: ArticleNumber) -> [KeyRange; 8] {
    [
        TEXT,
        TEXT_REVISION,
        ANNOTATIONS,
        ANNOTATION_IDS,
        LONG_ANNOTATION,
        STATISTICS,
        REFERENCES,
        ARTICLE_LAYERS,
    ]
    .map(|tag| KeyRange::prefix(&numbered(tag, article.0, &[])))
}

/// The number in the key of an article's row, a sweep's or a log entry's.
#[must_use]
pub fn number_of(key: &[u8]) -> Option<u64> {
    key.get(1..9).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes)
}

/// The number in the key of a catalog entry.
#[must_use]
pub fn project_number_of(key: &[u8]) -> Option<u32> {
    key.get(1..5).and_then(|number| number.try_into().ok()).map(u32::from_be_bytes)
}

/// The generation in the key of what hangs on an article.
#[must_use]
pub fn generation_of(key: &[u8]) -> Option<Generation> {
    let number = key.get(9..13).and_then(|number| number.try_into().ok());
    number.map(|number| Generation(u32::from_be_bytes(number)))
}

/// What a key is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The engine's head.
    Head,
    /// The log.
    Log,
    /// Requests that are known, or their buckets.
    Requests,
    /// The project itself, or an article.
    Resource,
    /// Something of one row that hangs on no article, or a part of a packed table of such.
    Partition,
    /// A mark of the sweep.
    Sweep,
    /// A mark of a generation that was staged.
    Staged,
    /// An article's text.
    Text,
    /// What else hangs on an article, beside its long annotations.
    Annotations,
    /// What hangs on an article, whatever its generations.
    OfArticle,
    /// An article's long annotations, and what its annotations amount to.
    LongAnnotations,
}

/// What a key of the catalog or of a project is of, and whether it is a further row of a long value; `None` when no key
/// of that length and tag is made here.
#[must_use]
pub fn table_of(key: &[u8], in_catalog: bool) -> Option<(Table, bool)> {
    const CHUNK: usize = 2;
    const HASH: usize = 16;
    const ARTICLE_AND_GENERATION: usize = 13;
    const SORT_KEY: usize = 25;
    let long = |table, bytes: usize| {
        let is_further = key.len() == bytes + CHUNK;
        (is_further || key.len() == bytes).then_some((table, is_further))
    };
    let packed = |table, prefix: usize, bytes: usize| {
        (prefix..=prefix + bytes).contains(&key.len()).then_some((table, false))
    };
    let single = |table, bytes: usize| (key.len() == bytes).then_some((table, false));
    match (in_catalog, [*key.first()?]) {
        (_, [LOG]) => long(Table::Log, 9),
        (_, tag) if tag == HEAD => single(Table::Head, 1),
        (_, tag) if tag == REQUEST_BUCKETS => single(Table::Requests, 1),
        (_, [REQUESTS]) => packed(Table::Requests, 5, HASH + 1),
        (true, tag) if tag == PROJECT_IDS => packed(Table::Partition, 1, HASH),
        (true, [CATALOG_ENTRY]) => single(Table::Partition, 5),
        (true, tag) if tag == PROJECT_NUMBERS => single(Table::Partition, 1),
        (false, tag) if tag == PROJECT => long(Table::Resource, 1),
        (false, tag) if tag == LABEL_SCHEMA => long(Table::Resource, 1),
        (false, tag) if tag == LABEL_SCHEMA_REVISION => single(Table::Partition, 1),
        (false, tag) if tag == ARTICLE_NUMBERS => single(Table::Partition, 1),
        (false, [LAYER]) => long(Table::Resource, 1 + HASH),
        (false, tag) if tag == LAYER_TALLIES => packed(Table::Partition, 1, HASH),
        (false, tag) if tag == GENERATIONS || tag == DERIVED_FORMAT => single(Table::Partition, 1),
        (false, [ARTICLE]) => long(Table::Resource, 9),
        (false, tag) if tag == ARTICLE_IDS => packed(Table::Partition, 1, HASH),
        (false, [TEXT]) => single(Table::Text, ARTICLE_AND_GENERATION + 4),
        (false, [ANNOTATIONS]) => packed(Table::Annotations, ARTICLE_AND_GENERATION, SORT_KEY),
        (false, [ANNOTATION_IDS]) => packed(Table::Annotations, ARTICLE_AND_GENERATION, HASH),
        (false, [LONG_ANNOTATION]) => long(Table::LongAnnotations, ARTICLE_AND_GENERATION + HASH),
        (false, [STATISTICS]) => long(Table::LongAnnotations, ARTICLE_AND_GENERATION),
        (false, [REFERENCES]) => packed(Table::Annotations, ARTICLE_AND_GENERATION, 2 * HASH),
        (false, [ARTICLE_LAYERS]) => packed(Table::OfArticle, 9, HASH),
        (false, [TEXT_REVISION]) => single(Table::OfArticle, ARTICLE_AND_GENERATION),
        (false, [SWEEP]) => single(Table::Sweep, 9),
        (false, [STAGED]) => single(Table::Staged, ARTICLE_AND_GENERATION),
        (true | false, _) => None,
    }
}

/// A key that is so many numbers behind `key`, or of the next tag: where to read on when what follows `key` cannot be
/// read.
#[must_use]
pub fn further(key: &[u8], numbers: u64) -> Option<Bytes> {
    let (tag, rest) = key.split_first().map_or((0, key), |(tag, rest)| (*tag, rest));
    let number = rest.iter().copied().chain(std::iter::repeat(0)).take(8);
    let number = number.fold(0, |number: u64, byte| number << 8 | u64::from(byte));
    match number.checked_add(numbers) {
        Some(number) => Some(numbered(tag, number, &[])),
        None => Some(Bytes::copy_from_slice(&[tag.checked_add(1)?])),
    }
}

/// All sweeps, by number.
#[must_use]
pub fn sweeps() -> KeyRange {
    KeyRange::prefix(&[SWEEP])
}

fn numbered(tag: u8, number: u64, rest: &[u8]) -> Bytes {
    let mut key = BytesMut::with_capacity(9 + rest.len());
    key.put_u8(tag);
    key.put_u64(number);
    key.put_slice(rest);
    key.freeze()
}

#[cfg(test)]
mod tests;
