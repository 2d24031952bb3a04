//! The texts that an article had, one after another.

use super::{
    annotations::{Anchoring, AnchoringResult, Annotation, TargetKind},
    articles::TextIdentity,
    revisions::{Revision, Timestamp},
};

/// A text that an article has or had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextRevision {
    /// Which text it is.
    pub text: TextIdentity,
    /// The commit that made it; 0 where that is not known any more: of a first text whose article was changed since.
    pub revision: Revision,
    /// When it was made.
    pub create_time: Timestamp,
    /// What it made of the annotations of the text before; nothing, for the first.
    pub results: AnchoringCounts,
}

/// How many annotations came to a new text in which way. Each that is on spans counts once among the first five.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnchoringCounts {
    /// They cover the same characters at the same place.
    pub unchanged: u64,
    /// They cover the same characters, further on or back.
    pub shifted: u64,
    /// Their words went elsewhere.
    pub moved: u64,
    /// Some of what they covered was changed.
    pub modified: u64,
    /// What they covered is not there any more, or was not in the text before.
    pub orphaned: u64,
    /// Somebody should look at them, whatever they are about.
    pub needs_review: u64,
    /// Those of them that are relations.
    pub relations_needing_review: u64,
}

impl AnchoringCounts {
    /// Counts an annotation as it stands in the new text.
    pub fn count(&mut self, annotation: &Annotation) {
        self.change(annotation, |count| count.saturating_add(1));
    }

    /// Forgets an annotation that was counted.
    pub fn forget(&mut self, annotation: &Annotation) {
        self.change(annotation, |count| count.saturating_sub(1));
    }

    fn change(&mut self, annotation: &Annotation, change: impl Fn(u64) -> u64) {
        let Some(Anchoring { result, similarity: _, from_text_revision: _, needs_review }) =
            annotation.anchoring
        else {
            return;
        };
        let is_relation = annotation.target.kind() == TargetKind::Relation;
        if needs_review {
            self.needs_review = change(self.needs_review);
        }
        if needs_review && is_relation {
            self.relations_needing_review = change(self.relations_needing_review);
        }
        if is_relation {
            return;
        }
        let count = match result {
            AnchoringResult::Unchanged => &mut self.unchanged,
            AnchoringResult::Shifted => &mut self.shifted,
            AnchoringResult::Moved => &mut self.moved,
            AnchoringResult::Modified => &mut self.modified,
            AnchoringResult::Orphaned => &mut self.orphaned,
        };
        *count = change(*count);
    }
}
