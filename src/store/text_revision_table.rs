//! The texts that an article has and had, and how it comes from one to the next.
//!
//! A new text, and the annotations as they stand in it, are written under a generation of their own before anybody can
//! read them: staged. The first row of that is a mark, by which they are swept unless a commit [switches](switch) to them.
//! The generations before stay as they were, for those who read an earlier text. An article that never had a second text
//! has no row here: its own record says all.

use bytes::Bytes;
use prost::Message as _;

use super::{
    annotation_index::{AnnotationIndex, Entry},
    article_table::{self, ArticlePlace},
    engine::{Draft, Revision, Rows, Stamp, Timestamp, View},
    keys::{self, ArticleNumber, Generation, KeyRange},
    layer_table,
    records::{self, GenerationBase, StoredArticle, StoredTextRevision, decode},
    sort_key::SortKey,
};
use crate::domain::{
    Error, Result,
    annotations::Annotation,
    ids::AnnotationId,
    layers::Tally,
    text_revisions::{AnchoringCounts, TextRevision},
};

/// What the mark says of what is being swept.
const SWEPT: &[u8] = &[1];

/// The text of this number of an article, which is `stored`, if it has or had it.
///
/// # Errors
///
/// As every read.
pub fn get(
    view: &dyn View,
    number: ArticleNumber,
    stored: &StoredArticle,
    text_revision: u32,
) -> Result<Option<StoredTextRevision>> {
    match view.get(&keys::text_revision(number, text_revision))? {
        Some(record) => records::read_text_revision(text_revision, decode(&record)?).map(Some),
        None => Ok((stored.article.text.revision == 1 && text_revision == 1)
            .then(|| StoredTextRevision::first(stored))),
    }
}

/// The texts that an article, which is `stored`, has and had, from the number `from` on, ascending. An error ends the
/// iteration.
pub fn list<'v>(
    view: &'v dyn View,
    number: ArticleNumber,
    stored: &StoredArticle,
    from: u32,
) -> impl Iterator<Item = Result<StoredTextRevision>> + use<'v> {
    let only =
        (stored.article.text.revision == 1 && from <= 1).then(|| Ok(StoredTextRevision::first(stored)));
    only.into_iter().chain(rows(view, number, from))
}

/// The rows alone: none for an article that never had a second text.
pub fn rows(
    view: &dyn View,
    number: ArticleNumber,
    from: u32,
) -> impl Iterator<Item = Result<StoredTextRevision>> + '_ {
    let to = keys::text_revisions(number).to;
    view.ascending(&keys::text_revision(number, from), &to).map(|row| {
        let (key, record) = row?;
        let text_revision = keys::text_revision_of(&key);
        let text_revision = text_revision.ok_or_else(|| Error::corrupt("a text revision has no number"))?;
        records::read_text_revision(text_revision, decode(&record)?)
    })
}

/// The commits that gave an article another text. What they made of its annotations is not named one by one in the log.
pub(super) fn switches(view: &dyn View, number: ArticleNumber) -> impl Iterator<Item = Revision> + '_ {
    const SECOND: u32 = 2;
    rows(view, number, SECOND).map_while(Result::ok).map(|text| text.text_revision.revision)
}

/// Writes the row of a text that an article has or had.
pub fn put(draft: &mut Draft<'_>, number: ArticleNumber, stored: &StoredTextRevision) {
    let key = keys::text_revision(number, stored.text_revision.text.revision);
    draft.put(key, records::text_revision(stored).encode_to_vec());
}

/// Switches an article from the text and the annotations that it has `before` to those that were staged for `after`, in
/// the commit of `draft`, which says so of the article as well. `results` says what became of its annotations. Returns
/// false, and does nothing, when what was staged is not there: it was swept.
///
/// # Errors
///
/// As every read.
pub fn switch(
    draft: &mut Draft<'_>,
    number: ArticleNumber,
    before: &StoredArticle,
    after: &StoredArticle,
    results: AnchoringCounts,
) -> Result<bool> {
    let mark = keys::staged(number, after.annotation_generation);
    let is_staged = draft.get(&mark)?.is_some_and(|value| value.is_empty());
    if after.text_generation != after.annotation_generation || !is_staged {
        return Ok(false);
    }
    draft.delete(mark);
    if before.article.text.revision == 1 {
        put(draft, number, &StoredTextRevision::first(before));
    }
    let stamp = draft.stamp();
    let text_revision =
        TextRevision { text: after.article.text, revision: stamp.revision, create_time: stamp.time, results };
    let (text_generation, annotation_generation) = (after.text_generation, after.annotation_generation);
    put(draft, number, &StoredTextRevision { text_revision, text_generation, annotation_generation });
    let (old, new) = (ArticlePlace::of(number, before), ArticlePlace::of(number, after));
    let base = GenerationBase {
        revision: stamp.revision,
        time: stamp.time,
        text_revision: after.article.text.revision,
    };
    new.annotations().set_base(draft, base)?;
    layer_table::subtract_all(draft, &old.annotations().layer_counts(draft)?)?;
    layer_table::add_all(draft, &new.annotations().layer_counts(draft)?)?;
    article_table::put(draft, number, after)?;
    article_table::index(draft, number, after)?;
    Ok(true)
}

/// The first row of what is staged: the mark by which it is swept unless it is switched to.
#[must_use]
pub fn mark_row(number: ArticleNumber, generation: Generation) -> (Bytes, Bytes) {
    (keys::staged(number, generation), Bytes::new())
}

/// The mark of what is being swept, and not switched to any more.
#[must_use]
pub fn swept_mark_row(number: ArticleNumber, generation: Generation) -> (Bytes, Bytes) {
    (keys::staged(number, generation), Bytes::from_static(SWEPT))
}

/// Whether a mark of what is staged is one.
#[must_use]
pub(super) fn is_mark(value: &[u8]) -> bool {
    value.is_empty() || value == SWEPT
}

/// The rows of annotations that are staged for a commit that makes `text_revision`. Those that it changes, which are all
/// but some of `kept`, leave revision and time of that to their generation's base. In memory all at once.
///
/// # Errors
///
/// STORAGE_CORRUPT when two have the same id.
pub fn annotation_rows<'a>(
    index: AnnotationIndex,
    changed: impl IntoIterator<Item = &'a Annotation>,
    kept: impl IntoIterator<Item = &'a Annotation>,
    text_revision: u32,
) -> Result<Vec<(Bytes, Bytes)>> {
    let mut draft = Draft::new(&Nothing, Stamp { revision: Revision(0), time: Timestamp(0) });
    let changed = changed.into_iter().map(|it| (it, records::staged_annotation(it, text_revision)));
    let kept = kept.into_iter().map(|it| (it, records::annotation(it)));
    for (annotation, record) in changed.chain(kept) {
        let key = SortKey::of_annotation(annotation);
        if !index.insert_again(&mut draft, key, &record.encode_to_vec(), Tally::of(annotation))? {
            return Err(Error::corrupt(format!("annotation {} is there twice", annotation.id)));
        }
        index.refer(&mut draft, None, Some(annotation))?;
    }
    let (rows, _) = draft.into_parts();
    Ok(rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

/// Changes one annotation among those that are staged for a commit that makes `text_revision`, as [`annotation_rows`] has
/// them: to `after`, of which may be said that it is kept, or to nothing.
///
/// # Errors
///
/// As every read.
pub fn stage(
    draft: &mut Draft<'_>,
    index: AnnotationIndex,
    id: AnnotationId,
    after: Option<(&Annotation, bool)>,
    text_revision: u32,
) -> Result<()> {
    let entry = index.get(draft, id)?;
    let before = entry.as_ref().map(Entry::annotation).transpose()?;
    if let Some((after, is_kept)) = after {
        let record = if is_kept {
            records::annotation(after)
        } else {
            records::staged_annotation(after, text_revision)
        };
        let (key, value) = (SortKey::of_annotation(after), record.encode_to_vec());
        if let (Some(entry), Some(before)) = (&entry, &before) {
            index.replace(draft, (entry.key, Tally::of(before)), (key, Tally::of(after)), &value)?;
        } else {
            index.insert_again(draft, key, &value, Tally::of(after))?;
        }
    } else if let Some(before) = &before {
        index.remove(draft, id, Tally::of(before))?;
    }
    index.refer(draft, before.as_ref(), after.map(|(after, _)| after))
}

/// The generations below this may be in use.
///
/// # Errors
///
/// As every read.
pub fn generations_in_use(view: &dyn View) -> Result<Generation> {
    let Some(below) = view.get(keys::GENERATIONS)? else { return Ok(Generation::FIRST_STAGED) };
    let below = below.as_ref().try_into().map_err(|_| Error::corrupt("a generation is not 4 bytes"))?;
    Ok(Generation(u32::from_be_bytes(below)))
}

/// The row that says so.
#[must_use]
pub fn generations_in_use_row(below: Generation) -> (Bytes, Bytes) {
    (Bytes::from_static(keys::GENERATIONS), Bytes::copy_from_slice(&below.0.to_be_bytes()))
}

/// A view of no rows.
struct Nothing;

impl View for Nothing {
    fn get(&self, _: &[u8]) -> Result<Option<Bytes>> {
        Ok(None)
    }

    fn ascending(&self, _: &[u8], _: &[u8]) -> Rows<'_> {
        Box::new(std::iter::empty())
    }

    fn descending(&self, _: &[u8], _: &[u8]) -> Rows<'_> {
        Box::new(std::iter::empty())
    }
}

/// What is staged and not switched to, by article and generation.
pub fn staged<'v>(
    view: &'v dyn View,
    range: &KeyRange,
) -> impl Iterator<Item = Result<(Bytes, ArticleNumber, Generation)>> + use<'v> {
    view.ascending(&range.from, &range.to).map(|row| {
        let (key, _) = row?;
        let place = keys::number_of(&key).map(ArticleNumber).zip(keys::generation_of(&key));
        let (number, generation) =
            place.ok_or_else(|| Error::corrupt("a mark of what is staged is too short"))?;
        Ok((key, number, generation))
    })
}

#[cfg(test)]
mod tests;
