//! The texts that an article had, one after another.

use super::{
    annotations::AnchoringResult,
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

/// How many annotations came to a new text in which way. Each counts once among the first five.
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
    /// What they covered is not there any more.
    pub orphaned: u64,
    /// Somebody should look at them.
    pub needs_review: u64,
}

impl AnchoringCounts {
    /// Counts an annotation.
    pub fn count(&mut self, result: AnchoringResult, needs_review: bool) {
        let count = match result {
            AnchoringResult::Unchanged => &mut self.unchanged,
            AnchoringResult::Shifted => &mut self.shifted,
            AnchoringResult::Moved => &mut self.moved,
            AnchoringResult::Modified => &mut self.modified,
            AnchoringResult::Orphaned => &mut self.orphaned,
        };
        *count = count.saturating_add(1);
        self.needs_review = self.needs_review.saturating_add(u64::from(needs_review));
    }
}
