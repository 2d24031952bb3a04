//! The merge of the length classes into document order.

use bytes::Bytes;

use super::{AnnotationIndex, DocumentPosition, Entries, Entry, SortKey, View, meets};
use crate::{domain::Result, proto::stored::AnnotationStatistics, store::records::GenerationBase};

/// Annotations in document order.
pub(super) struct InOrder<'v> {
    index: AnnotationIndex,
    view: &'v dyn View,
    base: GenerationBase,
    window: Option<(u32, u32)>,
    /// The classes that have more.
    classes: Vec<Class<'v>>,
}

/// One length class, which is in document order by itself.
struct Class<'v> {
    entries: Entries<'v>,
    /// Its next annotation, if that was read already.
    next: Option<(SortKey, Bytes)>,
}

impl<'v> InOrder<'v> {
    pub(super) fn new(
        index: AnnotationIndex,
        view: &'v dyn View,
        head: &AnnotationStatistics,
        window: Option<(u32, u32)>,
        after: Option<DocumentPosition>,
    ) -> Self {
        let classes = (0..).zip(&head.by_length_class).filter(|(_, count)| **count > 0);
        let classes = classes.filter_map(|(class, _)| {
            let (from, to) = SortKey::bounds(class, window, after)?;
            let run = index.run();
            let entries = if head.has_directory {
                run.ascending(view, &from, Some(&to))
            } else {
                run.ascending_in_one_row(view, &from, Some(&to))
            };
            Some(Class { entries, next: None })
        });
        Self { index, view, base: super::base_of(head), window, classes: classes.collect() }
    }

    fn next_entry(&mut self) -> Result<Option<Entry>> {
        for class in &mut self.classes {
            class.advance(self.window)?;
        }
        self.classes.retain(|class| class.next.is_some());
        let position = |class: &&mut Class<'_>| class.next.as_ref().map(|(key, _)| key.position());
        let first = self.classes.iter_mut().min_by_key(position);
        let Some((key, stored)) = first.and_then(|class| class.next.take()) else { return Ok(None) };
        self.index.entry(self.view, key, &stored, self.base).map(Some)
    }
}

impl Class<'_> {
    /// Reads the next annotation whose hull meets the window, if it is not read already.
    fn advance(&mut self, window: Option<(u32, u32)>) -> Result<()> {
        while self.next.is_none() {
            let Some((key, stored)) = self.entries.next().transpose()? else { break };
            let key = SortKey::decode(&key)?;
            if window.is_none_or(|window| meets(window, (key.start(), key.end()))) {
                self.next = Some((key, stored));
            }
        }
        Ok(())
    }
}

impl Iterator for InOrder<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.next_entry().transpose();
        if matches!(entry, Some(Err(_))) {
            self.classes.clear();
        }
        entry
    }
}
