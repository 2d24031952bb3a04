//! An article's annotations in document order, found by id, by place and by window, and counted.
//!
//! They stand in a run by [`SortKey`]. As soon as that run has several rows, and only then, a second run, the id
//! directory, says where each id stands: before, a look through the one row finds it. One row of statistics says how
//! many annotations each class has, and so which classes are worth a look, and counts them by layer.

use bytes::{BufMut, Bytes};

use super::{
    engine::{Draft, View},
    keys::{self, ArticleNumber, Generation, KeyRange},
    long_values,
    records::GenerationBase,
    runs::{Added, Entries, RunTable},
    sort_key::{CLASSES, DocumentPosition, Section, SortKey, meets},
};
use crate::{
    domain::{Error, Result, ids::AnnotationId, layers::Tally},
    limits::ARTICLE_LAYERS_MAX,
    proto::stored::AnnotationStatistics,
};

mod entry;
mod in_order;
mod references;
mod statistics;
#[cfg(test)]
mod tests;
mod verify;

pub use entry::Entry;
use statistics::{Statistics, base_of};

/// The first byte of a value that stands in the run itself.
const INLINE: u8 = 0;
/// The only byte of a value that has rows of its own, because it is too long for the run.
const LONG: u8 = 1;
/// Classes that are always written in the statistics: those of lengths.
const LENGTH_CLASSES: usize = 5;
/// What the directory holds of an annotation whose class its length tells: start and end of its hull. Of others, the class
/// follows.
const HULL_BYTES: usize = 8;

/// The annotations of one generation of an article.
///
/// Every method that reads fails as [`View::get`] does, and with STORAGE_CORRUPT when it finds what it did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnotationIndex {
    article: ArticleNumber,
    generation: Generation,
}

impl AnnotationIndex {
    /// The annotations of `generation` of `article`.
    #[must_use]
    pub fn new(article: ArticleNumber, generation: Generation) -> Self {
        Self { article, generation }
    }

    /// The article's number.
    #[must_use]
    pub fn article(&self) -> ArticleNumber {
        self.article
    }

    /// Which of its generations.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The annotation with this id. Reads at most three rows, and those of a long value.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn get(&self, view: &dyn View, id: AnnotationId) -> Result<Option<Entry>> {
        let head = self.head(view)?;
        let found = self.find(view, &head, id)?;
        found.map(|(key, stored)| self.entry(view, key, &stored, base_of(&head))).transpose()
    }

    /// Adds an annotation, which counts as `tally`, unless there is one with its id: then nothing is written, and it
    /// returns false.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`]; LIMIT_EXCEEDED at `annotation.layer` when it would be on one layer more than
    /// [`ARTICLE_LAYERS_MAX`].
    pub fn insert(
        &self,
        draft: &mut Draft<'_>,
        key: SortKey,
        value: &[u8],
        tally: Tally<'_>,
    ) -> Result<bool> {
        self.insert_within(draft, key, value, tally, ARTICLE_LAYERS_MAX)
    }

    /// As [`AnnotationIndex::insert`], of one that was there before: however many layers there are.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn insert_again(
        &self,
        draft: &mut Draft<'_>,
        key: SortKey,
        value: &[u8],
        tally: Tally<'_>,
    ) -> Result<bool> {
        self.insert_within(draft, key, value, tally, usize::MAX)
    }

    fn insert_within(
        &self,
        draft: &mut Draft<'_>,
        key: SortKey,
        value: &[u8],
        tally: Tally<'_>,
        layers_max: usize,
    ) -> Result<bool> {
        let mut statistics = self.statistics(draft)?;
        let id = key.id();
        let is_new = if statistics.head.has_directory {
            self.directory().add(draft, id.as_bytes(), &hull(key))? != Added::Nothing
        } else {
            self.find_in_one_row(draft, id)?.is_none()
        };
        if !is_new {
            return Ok(false);
        }
        statistics.count_up(key, tally, layers_max)?;
        let stored = self.store_value(draft, key, value)?;
        match self.run().add(draft, &key.encode(), &stored)? {
            Added::Nothing => {
                return Err(Error::corrupt(format!("the run has annotation {id}, the directory has not")));
            }
            Added::EntryAndRow if !statistics.head.has_directory => {
                self.settle_directory(draft, &mut statistics.head)?;
            }
            Added::Entry | Added::EntryAndRow => {}
        }
        self.put_changed(draft, statistics)?;
        Ok(true)
    }

    /// Removes an annotation, which counts as `tally`, and returns it.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn remove(&self, draft: &mut Draft<'_>, id: AnnotationId, tally: Tally<'_>) -> Result<Option<Entry>> {
        let mut statistics = self.statistics(draft)?;
        let Some((key, stored)) = self.find(draft, &statistics.head, id)? else { return Ok(None) };
        let entry = self.entry(draft, key, &stored, base_of(&statistics.head))?;
        self.run().remove(draft, &key.encode())?;
        if is_long(&stored) {
            long_values::delete(draft, &self.long_key(id))?;
        }
        statistics.count_down(key, tally)?;
        if statistics.head.has_directory {
            self.directory().remove(draft, id.as_bytes())?;
            self.settle_directory(draft, &mut statistics.head)?;
        }
        self.put_changed(draft, statistics)?;
        Ok(Some(entry))
    }

    /// Gives the annotation at `old` another value, and the place `new`, which may be the same; the id is. It counted as
    /// `before`, and counts as `after`, of whichever layer.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`]; STORAGE_CORRUPT, too, when there is nothing at `old` or the ids differ.
    pub fn replace(
        &self,
        draft: &mut Draft<'_>,
        (old, before): (SortKey, Tally<'_>),
        (new, after): (SortKey, Tally<'_>),
        value: &[u8],
    ) -> Result<()> {
        let misused = |what: &str| Error::corrupt(format!("{what} at {old:?}, which was to become {new:?}"));
        if old.id() != new.id() {
            return Err(misused("there is another annotation"));
        }
        let mut statistics = self.statistics(draft)?;
        let stored = self.store_value(draft, new, value)?;
        let replaced = if old == new {
            self.run().insert(draft, &new.encode(), &stored)?
        } else {
            let removed = self.run().remove(draft, &old.encode())?;
            self.run().insert(draft, &new.encode(), &stored)?;
            if statistics.head.has_directory {
                self.directory().insert(draft, new.id().as_bytes(), &hull(new))?;
            }
            removed
        };
        let replaced = replaced.ok_or_else(|| misused("there is no annotation"))?;
        if (old.class(), before) != (new.class(), after) {
            statistics.count_down(old, before)?;
            statistics.count_up(new, after, usize::MAX)?;
        }
        if is_long(&replaced) && !is_long(&stored) {
            long_values::delete(draft, &self.long_key(new.id()))?;
        }
        self.settle_directory(draft, &mut statistics.head)?;
        self.put_changed(draft, statistics)
    }

    /// The annotations in document order: those whose hull meets `window`, if there is one, in bytes of the text and
    /// start before end; those behind `after`, if there is one. Rows are read as they are needed. An error ends the
    /// iteration.
    ///
    /// The window looks at hulls only. Whether a span of a discontinuous annotation meets it, too, is the caller's to
    /// check, by [`meets`].
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn in_document_order<'v>(
        &self,
        view: &'v dyn View,
        window: Option<(u32, u32)>,
        after: Option<DocumentPosition>,
    ) -> Result<impl Iterator<Item = Result<Entry>> + use<'v>> {
        let head = self.head(view)?;
        Ok(in_order::InOrder::new(*self, view, &head, window, after))
    }

    /// How many annotations there are. Reads one row.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn count(&self, view: &dyn View) -> Result<u64> {
        Ok(total(&self.head(view)?))
    }

    /// Where an annotation stands, and what is stored there.
    fn find(
        &self,
        view: &dyn View,
        head: &AnnotationStatistics,
        id: AnnotationId,
    ) -> Result<Option<(SortKey, Bytes)>> {
        if head.has_directory {
            let Some(hull) = self.directory().get(view, id.as_bytes())? else { return Ok(None) };
            let key = key_of(&hull, id)?;
            let stored = self.run().get(view, &key.encode())?;
            let missing = || Error::corrupt(format!("the directory has annotation {id}, the run has not"));
            return Ok(Some((key, stored.ok_or_else(missing)?)));
        }
        self.find_in_one_row(view, id)
    }

    /// As [`AnnotationIndex::find`], where there is no directory.
    fn find_in_one_row(&self, view: &dyn View, id: AnnotationId) -> Result<Option<(SortKey, Bytes)>> {
        for entry in self.run().ascending_in_one_row(view, &[], None) {
            let (key, stored) = entry?;
            if key.ends_with(id.as_bytes()) {
                return Ok(Some((SortKey::decode(&key)?, stored)));
            }
        }
        Ok(None)
    }

    /// Keeps a value, and returns what stands for it in the run.
    fn store_value(&self, draft: &mut Draft<'_>, key: SortKey, value: &[u8]) -> Result<Vec<u8>> {
        if !RunTable::fits(SortKey::BYTES, 1 + value.len()) {
            long_values::put(draft, &self.long_key(key.id()), value)?;
            return Ok(vec![LONG]);
        }
        let mut stored = Vec::with_capacity(1 + value.len());
        stored.put_u8(INLINE);
        stored.put_slice(value);
        Ok(stored)
    }

    /// The entry of what stands in the run.
    fn entry(&self, view: &dyn View, key: SortKey, stored: &Bytes, base: GenerationBase) -> Result<Entry> {
        let value = match (stored.first(), stored.len()) {
            (Some(&INLINE), _) => Some(stored.slice(1..)),
            (Some(&LONG), 1) => long_values::get(view, &self.long_key(key.id()))?,
            _ => None,
        };
        let value = value.ok_or_else(|| Error::corrupt(format!("annotation {} has no value", key.id())))?;
        Ok(Entry { key, value, base })
    }

    /// Puts the statistics after a change by the commit of `draft`.
    fn put_changed(&self, draft: &mut Draft<'_>, mut statistics: Statistics) -> Result<()> {
        let changed = &mut statistics.head.changed_revision;
        *changed = (*changed).max(draft.stamp().revision.0);
        self.put_statistics(draft, &statistics)
    }

    /// Makes the directory when the run has come to have several rows, and drops it when it has one again. The rows
    /// of a run that split are not soon one again, so that this is rare.
    fn settle_directory(&self, draft: &mut Draft<'_>, head: &mut AnnotationStatistics) -> Result<()> {
        let is_needed = self.run().has_several_rows(draft)?;
        if is_needed && !head.has_directory {
            let entries: Vec<_> = self.run().ascending(draft, &[], None).collect::<Result<_>>()?;
            for (key, _) in entries {
                let key = SortKey::decode(&key)?;
                self.directory().insert(draft, key.id().as_bytes(), &hull(key))?;
            }
        }
        if !is_needed && head.has_directory {
            self.directory().clear(draft)?;
        }
        head.has_directory = is_needed;
        Ok(())
    }

    /// Sort key to value, grouped by length class.
    fn run(&self) -> RunTable {
        RunTable::grouped(keys::annotations(self.article, self.generation), 1)
    }

    /// Id to hull.
    fn directory(&self) -> RunTable {
        RunTable::new(keys::annotation_ids(self.article, self.generation))
    }

    fn long_key(&self, id: AnnotationId) -> Bytes {
        keys::long_annotation(self.article, self.generation, id.as_bytes())
    }
}

fn is_long(stored: &[u8]) -> bool {
    stored == [LONG]
}

/// What the directory holds of an annotation.
fn hull(key: SortKey) -> Vec<u8> {
    let mut hull = Vec::with_capacity(HULL_BYTES + 1);
    hull.put_u32(key.start());
    hull.put_u32(key.end());
    if key.position().section() != Section::Text {
        hull.put_u8(key.class());
    }
    hull
}

/// The sort key of an annotation whose hull the directory holds.
fn key_of(hull: &[u8], id: AnnotationId) -> Result<SortKey> {
    let parts = hull.split_first_chunk().and_then(|(start, rest)| {
        let (end, class) = rest.split_first_chunk()?;
        Some((u32::from_be_bytes(*start), u32::from_be_bytes(*end), class))
    });
    match parts {
        Some((start, end, [])) => Ok(SortKey::of(start, end, id)),
        Some((start, end, [class])) if Section::of_class(*class) != Section::Text => {
            Ok(SortKey::of_class(*class, start, end, id))
        }
        Some(_) | None => Err(Error::corrupt(format!(
            "the directory says {hull:02x?} of annotation {id}, which is no place"
        ))),
    }
}

fn total(head: &AnnotationStatistics) -> u64 {
    head.by_length_class.iter().fold(0, |total, count| total.saturating_add(*count))
}
