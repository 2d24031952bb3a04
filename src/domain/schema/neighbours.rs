//! Rules between two annotations of one article and layer.

use std::cmp::Ordering;

use super::{ExclusiveSet, LabelSchema, Overlap, Rule, Said, Violation};
use crate::domain::{annotations::TargetKind, errors::shortened, text::TextRange};

impl LabelSchema {
    /// How the spans of `label` may share characters with others of their layer. With [`Overlap::Any`] nothing that stands
    /// there can be in their way, so that there is no need to look.
    #[must_use]
    pub fn overlap_rule(&self, label: &str) -> Overlap {
        self.span_rules(label).overlap
    }

    /// Whether both may stand in one article: in one layer, mentions share characters only as far as the more lenient of
    /// both labels' rules allows. Spans that cover nothing share nothing.
    #[must_use]
    pub fn may_stand_together(&self, one: &Said<'_>, other: &Said<'_>) -> bool {
        self.check_together(one, other, "").is_ok()
    }

    /// The sets of labels, of which an article has at most one in each layer, that `label` is in: none for most labels, so
    /// that there is no need to look at others.
    pub fn exclusive_sets(&self, label: &str) -> impl Iterator<Item = &ExclusiveSet> {
        let from = self.by_label.get(label).copied();
        let sets = self.upwards(from).flat_map(|(_, facts)| &facts.sets);
        sets.filter_map(|set| self.definition.exclusive.get(*set))
    }

    /// Checks that `one` may stand in an article where `other` stands, whose name is `name`.
    ///
    /// # Errors
    ///
    /// The rule that refuses it: [`Rule::Overlap`] or [`Rule::Exclusive`].
    pub fn check_together(&self, one: &Said<'_>, other: &Said<'_>, name: &str) -> Result<(), Violation> {
        if one.layer != other.layer {
            return Ok(());
        }
        match (one.kind, other.kind) {
            (TargetKind::Spans, TargetKind::Spans) => self.check_overlap(one, other, name),
            (TargetKind::Article, TargetKind::Article) => self.check_exclusive(one, other, name),
            (TargetKind::Spans | TargetKind::Relation | TargetKind::Article, _) => Ok(()),
        }
    }

    fn check_overlap(&self, one: &Said<'_>, other: &Said<'_>, name: &str) -> Result<(), Violation> {
        let rule = self.overlap_rule(one.label).max(self.overlap_rule(other.label));
        let shared = || shared_bytes(one.spans, other.spans);
        let (allowed, rule) = match rule {
            Overlap::Any => return Ok(()),
            Overlap::Nested => {
                let shared = shared();
                let holds = shared == 0 || shared == bytes(one.spans) || shared == bytes(other.spans);
                (
                    holds,
                    "covers some characters of it and others that are not; one may only hold the other whole",
                )
            }
            Overlap::None => (shared() == 0, "shares characters with it; they may share none"),
        };
        if allowed {
            return Ok(());
        }
        let (label, other) = (shortened(one.label), shortened(other.label));
        Err(Violation {
            field: "anchor".to_owned(),
            rule: Rule::Overlap,
            description: format!("{name} has the label {other:?} and stands there; {label:?} {rule}"),
        })
    }

    fn check_exclusive(&self, one: &Said<'_>, other: &Said<'_>, name: &str) -> Result<(), Violation> {
        let has_other =
            |set: &&ExclusiveSet| self.exclusive_sets(other.label).any(|other| std::ptr::eq(*set, other));
        let Some(set) = self.exclusive_sets(one.label).find(has_other) else { return Ok(()) };
        let set = if set.name.is_empty() { set.labels.join(", ") } else { set.name.clone() };
        let description = format!(
            "{name} has the label {:?}; an article has at most one of {} in a layer",
            shortened(other.label),
            shortened(&set)
        );
        Err(Violation { field: "label".to_owned(), rule: Rule::Exclusive, description })
    }
}

/// How many bytes are in both. Each is in the order of the text, and no character is in two of its spans.
fn shared_bytes(one: &[TextRange], other: &[TextRange]) -> u64 {
    let (mut ones, mut others) = (one.iter().peekable(), other.iter().peekable());
    let mut shared = 0;
    while let (Some(one), Some(other)) = (ones.peek(), others.peek()) {
        let (start, end) = (one.start.max(other.start).utf8, one.end.min(other.end).utf8);
        shared += u64::from(end.saturating_sub(start));
        match one.end.utf8.cmp(&other.end.utf8) {
            Ordering::Less | Ordering::Equal => ones.next(),
            Ordering::Greater => others.next(),
        };
    }
    shared
}

fn bytes(spans: &[TextRange]) -> u64 {
    spans.iter().map(|span| u64::from(span.end.utf8 - span.start.utf8)).sum()
}
