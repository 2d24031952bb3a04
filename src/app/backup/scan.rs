//! What one view of a backup gathers: articles in the order of their numbers, each with its text and annotations.

use bytes::{Bytes, BytesMut};

use crate::{
    domain::{Error, Result, revisions::Revision},
    limits::{BACKUP_VIEW_BYTES_MAX, BACKUP_VIEW_ENTRIES_MAX, VALUE_BYTES_MAX},
    store::{
        article_table::{self, ArticlePlace},
        backup_records::Record,
        engine::View,
        keys::ArticleNumber,
        layer_table,
        records::{GenerationBase, StoredArticle},
        sort_key::DocumentPosition,
        text_revision_table,
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
    /// Before the layer with this hash.
    Layers(Bytes),
    /// Behind this annotation, or before the first.
    Annotations(Option<DocumentPosition>),
    /// Before the text revision with this number.
    Revision(u32),
    /// Within an earlier text revision.
    Earlier(u32, EarlierPlace),
}

/// Where in an earlier text revision.
#[derive(Debug, Clone)]
pub(super) enum EarlierPlace {
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
    /// The articles that were begun, and changed or created after the base revision, and the revisions that they stood at.
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
        let begins = matches!(place, Place::Article);
        let stopped = scan_article(view, number, &stored, place, &mut room, &mut scanned.records)?;
        // What was begun earlier may have been of another text.
        if begins && !matches!(stopped, Some(Place::Article)) && stored.article.revision > base {
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
        if matches!(place, Place::Article) {
            // Its record is far shorter than a frame, and what a view gathers beyond its measure is one of them.
            let details = &stored.article.details;
            let metadata: usize = details.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
            room.take(ARTICLE_COSTS_ENTRIES, metadata + details.title.len() + details.source_uri.len());
            records.push(Record::Article { number, article: stored.clone() });
        }
        let (record, next) = step(view, (number, stored), &place, room)?;
        records.extend(record);
        match next {
            Some(next) => place = next,
            None => return Ok(None),
        }
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
    step(view, (number, stored), place, &mut room)
}

/// As [`rest`]; takes what it gathers from the room.
fn step(
    view: &dyn View,
    (number, stored): (ArticleNumber, &StoredArticle),
    place: &Place,
    room: &mut Room,
) -> Result<(Option<Record>, Option<Place>)> {
    Ok(match place {
        Place::Article => (None, Some(Place::Text(0))),
        Place::Text(chunk) => {
            let (record, next) = text(view, number, stored, *chunk, room)?;
            (record, Some(next.map_or(Place::Layers(Bytes::new()), Place::Text)))
        }
        Place::Layers(from) => {
            let (record, next) = article_layers(view, number, from, room)?;
            (record, Some(next.map_or(Place::Annotations(None), Place::Layers)))
        }
        Place::Annotations(after) => {
            let (record, next) = annotations(view, ArticlePlace::of(number, stored), *after, room)?;
            (record, Some(next.map_or(Place::Revision(0), |last| Place::Annotations(Some(last)))))
        }
        Place::Revision(from) => {
            let found = text_revision_table::rows(view, number, *from).next().transpose()?;
            let Some(found) = found else { return Ok((None, None)) };
            let text_revision = found.text_revision.text.revision;
            room.take(ARTICLE_COSTS_ENTRIES, 0);
            let is_own = found.text_generation == stored.text_generation
                && found.annotation_generation == stored.annotation_generation;
            let next = if is_own {
                Place::Revision(text_revision.saturating_add(1))
            } else {
                Place::Earlier(text_revision, EarlierPlace::Text(0))
            };
            (Some(Record::TextRevision { number, stored: found }), Some(next))
        }
        Place::Earlier(text_revision, place) => {
            let found = text_revision_table::get(view, number, stored, *text_revision)?;
            // The article may have been deleted, and this one is another of its number: no number is given twice.
            let found = found.ok_or_else(|| Error::corrupt("an earlier text of an article is gone"))?;
            let (record, next) = earlier(view, number, &found.article(stored), place, room)?;
            let next = next.map(|place| Place::Earlier(*text_revision, place));
            (record, Some(next.unwrap_or(Place::Revision(text_revision.saturating_add(1)))))
        }
    })
}

/// What an article had while it had an earlier text.
fn earlier(
    view: &dyn View,
    number: ArticleNumber,
    then: &StoredArticle,
    place: &EarlierPlace,
    room: &mut Room,
) -> Result<(Option<Record>, Option<EarlierPlace>)> {
    Ok(match place {
        EarlierPlace::Text(chunk) => {
            let (record, next) = text(view, number, then, *chunk, room)?;
            (record, Some(next.map_or(EarlierPlace::Annotations(None), EarlierPlace::Text)))
        }
        EarlierPlace::Annotations(after) => {
            let (record, next) = annotations(view, ArticlePlace::of(number, then), *after, room)?;
            (record, next.map(|last| EarlierPlace::Annotations(Some(last))))
        }
    })
}

/// Layers that were declared, from a key on, and the key where they go on unless they are all.
pub(super) fn layers(
    view: &dyn View,
    from: &Bytes,
    mut room: Room,
) -> Result<(Option<Record>, Option<Bytes>)> {
    let (mut layers, mut next) = (Vec::new(), None);
    for row in layer_table::declared_from(view, from) {
        let (key, layer, bytes) = row?;
        if room.is_full() {
            next = Some(key);
            break;
        }
        room.take(ARTICLE_COSTS_ENTRIES, bytes);
        layers.push(layer);
    }
    Ok(((!layers.is_empty()).then_some(Record::Layers(layers)), next))
}

/// Layers of an article from a hash on, and the hash where they go on unless they are all.
fn article_layers(
    view: &dyn View,
    number: ArticleNumber,
    from: &Bytes,
    room: &mut Room,
) -> Result<(Option<Record>, Option<Bytes>)> {
    let (mut layers, mut next) = (Vec::new(), None);
    for entry in layer_table::article_layers_from(view, number, from) {
        let (hash, layer) = entry?;
        if room.is_full() {
            next = Some(hash);
            break;
        }
        room.take(1, layer.layer.as_str().len());
        layers.push(layer);
    }
    Ok(((!layers.is_empty()).then_some(Record::ArticleLayers { number, layers }), next))
}

/// As much of an article's text from `chunk` on as there is room for, at least one chunk, and the chunk after it unless
/// this was all.
fn text(
    view: &dyn View,
    number: ArticleNumber,
    stored: &StoredArticle,
    chunk: u32,
    room: &mut Room,
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
    room.take(bytes.len().div_ceil(VALUE_BYTES_MAX) * ARTICLE_COSTS_ENTRIES, bytes.len());
    let offset = u64::from(chunk) * u64::from(chunk_bytes);
    let record = Record::Text { number, generation, offset, bytes: bytes.freeze() };
    Ok(((chunk < end).then_some(record), (end < chunks).then_some(end)))
}

/// Annotations of an article behind `after`, and the last of them unless they are all.
fn annotations(
    view: &dyn View,
    article: ArticlePlace,
    after: Option<DocumentPosition>,
    room: &mut Room,
) -> Result<(Option<Record>, Option<DocumentPosition>)> {
    let ArticlePlace { number, annotation_generation: generation } = article;
    let (mut annotations, mut base, mut last) = (Vec::new(), None, after);
    let mut stopped = false;
    for entry in article.annotations().in_document_order(view, None, after)? {
        let entry = entry?;
        if room.is_full() {
            stopped = true;
            break;
        }
        room.take(1, entry.value.len());
        base = Some(entry.base).filter(|base| *base != GenerationBase::default());
        last = Some(entry.key.position());
        annotations.push((entry.key.id(), entry.value));
    }
    let record = Record::Annotations { number, generation, base, annotations };
    let is_empty = matches!(&record, Record::Annotations { annotations, .. } if annotations.is_empty());
    Ok(((!is_empty).then_some(record), last.filter(|_| stopped)))
}
