//! What one view of a backup gathers: articles in the order of their numbers, each with its text and annotations.

use bytes::BytesMut;

use crate::{
    domain::{Error, Result, revisions::Revision},
    limits::{BACKUP_VIEW_BYTES_MAX, BACKUP_VIEW_ENTRIES_MAX, VALUE_BYTES_MAX},
    store::{
        annotation_index::AnnotationIndex,
        article_table,
        backup_records::Record,
        engine::View,
        keys::{ArticleNumber, Generation},
        records::StoredArticle,
        sort_key::DocumentPosition,
    },
};

/// What an article's row and those of a new run cost a view, in annotations.
const ARTICLE_COSTS_ENTRIES: usize = 16;
/// What a record takes beside the bytes that it is about, at most.
const RECORD_BYTES: usize = 48;

/// Where the next view begins.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    article: ArticleNumber,
    place: Place,
}

impl Cursor {
    /// Before the first article.
    pub(super) const START: Self = Self { article: ArticleNumber(0), place: Place::Article };
}

/// Where in an article.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Before it.
    Article,
    /// Before this chunk of its text.
    Text(u32),
    /// Behind this annotation, or before the first.
    Annotations(Option<DocumentPosition>),
}

/// What a view gathered.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) records: Vec<Record>,
    /// Where it goes on, unless this was all.
    pub(super) next: Option<Cursor>,
    /// The articles that were changed, or created, after the base revision, and the revisions that they stood at.
    pub(super) changed: Vec<(ArticleNumber, Revision)>,
}

/// How much a view may still gather.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// In annotations; whatever else is read counts as several.
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

impl Room {
    /// What one view may gather, beyond its first item.
    pub(super) const OF_A_VIEW: Self =
        Self { entries: BACKUP_VIEW_ENTRIES_MAX, bytes: BACKUP_VIEW_BYTES_MAX };

    fn is_full(&self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    fn take(&mut self, entries: usize, bytes: usize) {
        self.entries = self.entries.saturating_sub(entries);
        self.bytes = self.bytes.saturating_sub(bytes + RECORD_BYTES);
    }
}

/// Gathers what stands from `cursor` on, as much as one view may.
pub(super) fn scan(view: &dyn View, cursor: Cursor, base: Revision, mut room: Room) -> Result<Scanned> {
    let mut scanned = Scanned { records: Vec::new(), next: None, changed: Vec::new() };
    let mut resume = Some(cursor.place);
    for article in article_table::articles(view, cursor.article) {
        let (number, stored) = article?;
        // The cursor's article may have been deleted, and this may be the next one.
        let place = resume.take().filter(|_| number == cursor.article).unwrap_or(Place::Article);
        let stopped = scan_article(view, number, &stored, place, &mut room, &mut scanned.records)?;
        if !matches!(stopped, Some(Place::Article)) && stored.article.revision > base {
            scanned.changed.push((number, stored.article.revision));
        }
        if let Some(place) = stopped {
            scanned.next = Some(Cursor { article: number, place });
            return Ok(scanned);
        }
    }
    Ok(scanned)
}

/// Gathers what stands of an article from `place` on. Returns where it stopped, unless it came to the end.
fn scan_article(
    view: &dyn View,
    number: ArticleNumber,
    stored: &StoredArticle,
    mut place: Place,
    room: &mut Room,
    records: &mut Vec<Record>,
) -> Result<Option<Place>> {
    loop {
        if room.is_full() {
            return Ok(Some(place));
        }
        place = match place {
            Place::Article => {
                // Its record is far shorter than a frame, and what a view gathers beyond its measure is one of them.
                let details = &stored.article.details;
                let metadata: usize =
                    details.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
                room.take(ARTICLE_COSTS_ENTRIES, metadata + details.title.len() + details.source_uri.len());
                records.push(Record::Article { number, article: stored.clone() });
                Place::Text(0)
            }
            Place::Text(chunk) => {
                let (record, next) = text(view, number, stored, chunk, *room)?;
                if let Some(Record::Text { bytes, .. }) = &record {
                    room.take(bytes.len().div_ceil(VALUE_BYTES_MAX) * ARTICLE_COSTS_ENTRIES, bytes.len());
                }
                records.extend(record);
                next.map_or(Place::Annotations(None), Place::Text)
            }
            Place::Annotations(after) => {
                let (record, next) = annotations(view, number, after, room)?;
                records.extend(record);
                return Ok(next.map(|last| Place::Annotations(Some(last))));
            }
        };
    }
}

/// What an article has from `place` on, of one kind and as much as there is room for, and where it goes on unless this
/// was all.
pub(super) fn rest(
    view: &dyn View,
    number: ArticleNumber,
    stored: &StoredArticle,
    place: &Place,
    mut room: Room,
) -> Result<(Option<Record>, Option<Place>)> {
    match place {
        Place::Article => Ok((None, Some(Place::Text(0)))),
        Place::Text(chunk) => {
            let (record, next) = text(view, number, stored, *chunk, room)?;
            Ok((record, Some(next.map_or(Place::Annotations(None), Place::Text))))
        }
        Place::Annotations(after) => {
            let (record, next) = annotations(view, number, *after, &mut room)?;
            Ok((record, next.map(|last| Place::Annotations(Some(last)))))
        }
    }
}

/// As much of an article's text from `chunk` on as there is room for, at least one chunk, and the chunk after it unless
/// this was all.
fn text(
    view: &dyn View,
    number: ArticleNumber,
    stored: &StoredArticle,
    chunk: u32,
    room: Room,
) -> Result<(Option<Record>, Option<u32>)> {
    let at_once = u32::try_from(room.bytes / VALUE_BYTES_MAX).unwrap_or(u32::MAX).max(1);
    let generation = stored.text_generation;
    let chunk_bytes = u32::try_from(VALUE_BYTES_MAX).unwrap_or(u32::MAX);
    let chunks = stored.article.text.length.utf8.div_ceil(chunk_bytes);
    let end = chunks.min(chunk.saturating_add(at_once));
    let mut bytes = BytesMut::new();
    for chunk in chunk..end {
        let read = article_table::text_chunk(view, number, generation, chunk)?;
        let missing =
            || Error::corrupt(format!("a part of the text of article {} is missing", stored.article.id));
        bytes.extend_from_slice(&read.ok_or_else(missing)?);
    }
    let offset = u64::from(chunk) * u64::from(chunk_bytes);
    let record = Record::Text { number, generation, offset, bytes: bytes.freeze() };
    Ok(((chunk < end).then_some(record), (end < chunks).then_some(end)))
}

/// Annotations of an article behind `after`, and the last of them unless they are all.
fn annotations(
    view: &dyn View,
    number: ArticleNumber,
    after: Option<DocumentPosition>,
    room: &mut Room,
) -> Result<(Option<Record>, Option<DocumentPosition>)> {
    let generation = Generation::FIRST;
    let (mut annotations, mut last) = (Vec::new(), after);
    let mut stopped = false;
    for entry in AnnotationIndex::new(number, generation).in_document_order(view, None, after)? {
        let entry = entry?;
        if room.is_full() {
            stopped = true;
            break;
        }
        room.take(1, entry.value.len());
        last = Some(entry.key.position());
        annotations.push((entry.key.id(), entry.value));
    }
    let record = Record::Annotations { number, generation, annotations };
    let is_empty = matches!(&record, Record::Annotations { annotations, .. } if annotations.is_empty());
    Ok(((!is_empty).then_some(record), last.filter(|_| stopped)))
}
