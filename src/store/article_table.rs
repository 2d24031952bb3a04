//! Articles by internal number, the numbers by id, and the texts in chunks.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message;

use super::{
    annotation_index::AnnotationIndex,
    catalog::id_hash,
    engine::{Draft, Revision, View},
    keys::{self, ArticleNumber, Generation},
    layer_table, long_values,
    records::{self, StoredArticle, decode},
    runs::RunTable,
};
use crate::{
    domain::{Error, Problem, Result, ids::ArticleId},
    limits::VALUE_BYTES_MAX,
};

/// What the table of ids holds of an article, at most.
const PLACE_BYTES_MAX: usize = 12;

/// Where what hangs on an article is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArticlePlace {
    /// Its internal number.
    pub number: ArticleNumber,
    /// The generation of its annotations.
    pub annotation_generation: Generation,
}

impl ArticlePlace {
    /// Of an article with this number.
    #[must_use]
    pub fn of(number: ArticleNumber, stored: &StoredArticle) -> Self {
        Self { number, annotation_generation: stored.annotation_generation }
    }

    /// Its annotations.
    #[must_use]
    pub fn annotations(self) -> AnnotationIndex {
        AnnotationIndex::new(self.number, self.annotation_generation)
    }

    /// As the table of ids has it: the number, and the generation unless it is the first.
    fn encode(self) -> BytesMut {
        let mut bytes = BytesMut::with_capacity(PLACE_BYTES_MAX);
        bytes.put_u64(self.number.0);
        if self.annotation_generation != Generation::FIRST {
            bytes.put_u32(self.annotation_generation.0);
        }
        bytes
    }

    /// # Errors
    ///
    /// STORAGE_CORRUPT.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let place = bytes.split_first_chunk().and_then(|(number, generation)| {
            let number = ArticleNumber(u64::from_be_bytes(*number));
            let annotation_generation = if generation.is_empty() {
                Generation::FIRST
            } else {
                Generation(u32::from_be_bytes(generation.try_into().ok()?))
            };
            Some(Self { number, annotation_generation })
        });
        place.ok_or_else(|| Error::corrupt("an article's number is not 8 bytes, nor 12 with a generation"))
    }
}

/// Where the article called `id` is.
///
/// # Errors
///
/// As every read.
pub fn place(view: &dyn View, id: &ArticleId) -> Result<Option<ArticlePlace>> {
    let place = ids().get(view, &id_hash(id.as_str()))?;
    place.map(|bytes| ArticlePlace::decode(&bytes)).transpose()
}

/// The article with this internal number.
///
/// # Errors
///
/// As every read.
pub fn get(view: &dyn View, number: ArticleNumber) -> Result<Option<StoredArticle>> {
    let record = long_values::get(view, &keys::article(number))?;
    record.map(|bytes| records::read_article(decode(&bytes)?)).transpose()
}

/// The article called `id`, with its internal number.
///
/// # Errors
///
/// As every read.
pub fn find(view: &dyn View, id: &ArticleId) -> Result<Option<(ArticleNumber, StoredArticle)>> {
    let Some(ArticlePlace { number, annotation_generation: _ }) = place(view, id)? else { return Ok(None) };
    let article =
        get(view, number)?.ok_or_else(|| Error::corrupt(format!("article {id} has a number and no row")))?;
    Ok(Some((number, article)))
}

/// The articles from number `from` on, in the order of their creation.
pub fn articles(
    view: &dyn View,
    from: ArticleNumber,
) -> impl Iterator<Item = Result<(ArticleNumber, StoredArticle)>> + '_ {
    let start = keys::article(from);
    let range = keys::KeyRange { from: start.clone(), to: keys::articles().to };
    long_values::scan(view, &range, start.len()).map(|row| {
        let (key, value) = row?;
        let number = keys::number_of(&key).ok_or_else(|| Error::corrupt("an article's key is too short"))?;
        Ok((ArticleNumber(number), records::read_article(decode(&value)?)?))
    })
}

/// Whether there is any article.
///
/// # Errors
///
/// As every read.
pub fn any(view: &dyn View) -> Result<bool> {
    let range = keys::articles();
    Ok(view.ascending(&range.from, &range.to).next().transpose()?.is_some())
}

/// Adds an article whose id and number are free.
///
/// # Errors
///
/// As every read.
pub fn insert(draft: &mut Draft<'_>, number: ArticleNumber, stored: &StoredArticle) -> Result<()> {
    index(draft, number, stored)?;
    put(draft, number, stored)
}

/// Says where the id of an article leads whose row is there; returns where it led before.
///
/// # Errors
///
/// As every read.
pub fn index(
    draft: &mut Draft<'_>,
    number: ArticleNumber,
    stored: &StoredArticle,
) -> Result<Option<ArticlePlace>> {
    let place = ArticlePlace::of(number, stored).encode();
    let before = ids().insert(draft, &id_hash(stored.article.id.as_str()), &place)?;
    before.map(|bytes| ArticlePlace::decode(&bytes)).transpose()
}

/// Writes an article over what it was. Where the generation of its annotations is another than before, its id is to be
/// [indexed](index), too.
///
/// # Errors
///
/// As every read.
pub fn put(draft: &mut Draft<'_>, number: ArticleNumber, stored: &StoredArticle) -> Result<()> {
    long_values::put(draft, &keys::article(number), &records::article(stored).encode_to_vec())
}

/// Deletes an article; what hangs on its number is no longer reachable, and left to the sweep once the log has
/// forgotten this commit. Until then the article can be brought back.
///
/// # Errors
///
/// As every read.
pub fn delete(draft: &mut Draft<'_>, number: ArticleNumber, id: &ArticleId) -> Result<()> {
    if let Some(stored) = get(draft, number)? {
        match ArticlePlace::of(number, &stored).annotations().layer_counts(draft) {
            Ok(counts) => layer_table::subtract_all(draft, &counts)?,
            // What is damaged can be deleted; then the project counts what is not there.
            Err(Error { problem: Problem::StorageCorrupt(_), .. }) => {}
            Err(error) => return Err(error),
        }
    }
    ids().remove(draft, &id_hash(id.as_str()))?;
    long_values::delete(draft, &keys::article(number))?;
    let revision = draft.stamp().revision;
    draft.put(keys::sweep(number), Bytes::copy_from_slice(&revision.0.to_be_bytes()));
    Ok(())
}

/// What came of bringing an article back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It is back.
    Yes,
    /// Another commit deleted it than was said.
    DeletedSince,
    /// What hangs on its number is not kept.
    Gone,
}

/// Brings back an article that the commit `deleted` deleted, whose id is free, with what hangs on its number.
///
/// # Errors
///
/// As every read.
pub fn restore(
    draft: &mut Draft<'_>,
    number: ArticleNumber,
    deleted: Revision,
    stored: &StoredArticle,
) -> Result<Restored> {
    let mark = draft.get(&keys::sweep(number))?;
    match mark.map(|mark| deleted_at(&mark)).transpose()?.flatten() {
        Some(marked) if marked == deleted => {}
        Some(_) => return Ok(Restored::DeletedSince),
        None => return Ok(Restored::Gone),
    }
    draft.delete(keys::sweep(number));
    let counts = ArticlePlace::of(number, stored).annotations().layer_counts(draft)?;
    layer_table::add_all(draft, &counts)?;
    insert(draft, number, stored)?;
    Ok(Restored::Yes)
}

/// The commit that deleted an article, in the mark that says that it is to be swept; `None` when it is to be swept at
/// once.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn deleted_at(mark: &Bytes) -> Result<Option<Revision>> {
    if mark.is_empty() {
        return Ok(None);
    }
    let revision = mark.as_ref().try_into().map(|bytes| Some(Revision(u64::from_be_bytes(bytes))));
    revision.map_err(|_| Error::corrupt("the mark of a deleted article has no revision"))
}

/// The rows of a text.
pub fn text_rows(
    number: ArticleNumber,
    generation: Generation,
    text: &str,
) -> impl Iterator<Item = (Bytes, Bytes)> + '_ {
    (0..).zip(text.as_bytes().chunks(VALUE_BYTES_MAX)).map(move |(chunk, bytes)| {
        (keys::text_chunk(number, generation, chunk), Bytes::copy_from_slice(bytes))
    })
}

/// At most `max_chunks` chunks of a text of `text_bytes` bytes, appended to what of it is at hand already; returns
/// whether the text is whole. `None` when a chunk is missing: the article was deleted meanwhile.
///
/// # Errors
///
/// STORAGE_CORRUPT when a chunk is missing, and the article is there.
pub fn read_text(
    view: &dyn View,
    number: ArticleNumber,
    generation: Generation,
    text: &mut BytesMut,
    text_bytes: usize,
    max_chunks: usize,
) -> Result<Option<bool>> {
    for _ in 0..max_chunks {
        if text.len() >= text_bytes {
            break;
        }
        let chunk =
            u32::try_from(text.len() / VALUE_BYTES_MAX).map_err(|_| Error::corrupt("a text is too long"))?;
        match view.get(&keys::text_chunk(number, generation, chunk))? {
            Some(bytes) if !bytes.is_empty() => text.extend_from_slice(&bytes),
            Some(_) | None => {
                return match get(view, number)? {
                    Some(stored) if stored.text_generation == generation => {
                        Err(Error::corrupt(format!("the text of {} is incomplete", stored.article.id)))
                    }
                    Some(_) | None => Ok(None),
                };
            }
        }
    }
    Ok(Some(text.len() >= text_bytes))
}

/// One chunk of a text; `None` when it is missing: the article was deleted meanwhile.
///
/// # Errors
///
/// As every read.
pub fn text_chunk(
    view: &dyn View,
    number: ArticleNumber,
    generation: Generation,
    chunk: u32,
) -> Result<Option<Bytes>> {
    view.get(&keys::text_chunk(number, generation, chunk))
}

/// The article numbers below this may be in use.
///
/// # Errors
///
/// As every read.
pub fn numbers_in_use(view: &dyn View) -> Result<u64> {
    view.get(keys::ARTICLE_NUMBERS)?.map_or(Ok(0), |bytes| read_number(&bytes))
}

/// The row that says so.
#[must_use]
pub fn numbers_in_use_row(below: u64) -> (Bytes, Bytes) {
    (Bytes::from_static(keys::ARTICLE_NUMBERS), Bytes::copy_from_slice(&below.to_be_bytes()))
}

/// Hash of the id to place.
pub(super) fn ids() -> RunTable {
    RunTable::new(Bytes::from_static(keys::ARTICLE_IDS))
}

/// The number that stands in a row.
pub(super) fn read_number(bytes: &[u8]) -> Result<u64> {
    let number = bytes.try_into().map_err(|_| Error::corrupt("an article's number is not 8 bytes"))?;
    Ok(u64::from_be_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::MemoryRows;

    /// These bytes are on people's disks.
    #[test]
    fn numbers_and_texts_keep_their_bytes() {
        let mut rows = MemoryRows::default();
        // SHA-256 of "a" begins with ca978112.
        let place =
            |annotation_generation| ArticlePlace { number: ArticleNumber(0x0102), annotation_generation };
        let put = |rows: &mut MemoryRows, place: ArticlePlace| {
            rows.commit(|draft| ids().insert(draft, &id_hash("a"), &place.encode()).map(drop)).unwrap();
            assert_eq!(super::place(rows, &ArticleId::parse("", "a").unwrap()), Ok(Some(place)));
        };
        put(&mut rows, place(Generation(7)));
        let moved = rows.0.values().map(hex::encode).collect::<Vec<_>>();
        assert_eq!(moved, ["01100cca978112ca1bbdcafac231b39a23dc4d000000000000010200000007"]);
        put(&mut rows, place(Generation::FIRST));
        let found: Vec<_> =
            rows.0.iter().map(|(key, value)| (hex::encode(key), hex::encode(value))).collect();
        let number_of_a = "011008ca978112ca1bbdcafac231b39a23dc4d0000000000000102";
        assert_eq!(found, [("21".to_owned(), number_of_a.to_owned())]);

        let (key, value) = numbers_in_use_row(0x0102);
        assert_eq!((hex::encode(key), hex::encode(&value)), ("11".to_owned(), "0000000000000102".to_owned()));
        assert_eq!(read_number(&value), Ok(0x0102));

        let text = "é".repeat(2_049);
        let chunks: Vec<_> = text_rows(ArticleNumber(1), Generation(2), &text)
            .map(|(key, value)| (hex::encode(key), hex::encode(value)))
            .collect();
        let key = |chunk| format!("2200000000000000010000000{}0000000{chunk}", 2);
        assert_eq!(chunks, [(key(0), "c3a9".repeat(2_048)), (key(1), "c3a9".to_owned())]);
    }
}
