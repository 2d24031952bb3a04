//! What becomes of an article's annotations when its text is revised.
//!
//! An annotation on spans goes where [`Reanchoring`] says. One that has lost its place stays as it was in the text that it
//! stood in last, whatever becomes of the text: that is decided once, by both texts, and never guessed again. A relation is
//! as well off as the worst of what it uses, and asks for a review when one of that has lost its place just now. What is
//! said of the whole article stands in every text. Who was to look at something, and did not, still is.

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
};

use super::{
    annotations::{Anchoring, AnchoringResult, Annotation, Mention, Target},
    ids::AnnotationId,
    reanchoring::Reanchoring,
    schema::splits_graphemes,
    text::Text,
};

/// Two texts of an article, between which its annotations are carried.
#[derive(Debug)]
pub struct Revising<T> {
    reanchoring: Reanchoring<T>,
    new: T,
    from: u32,
    to: u32,
}

/// An annotation as it stands in the new text. Its revision and time are those of before.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// The annotation.
    pub annotation: Annotation,
    /// Whether the new text does nothing to it: it was not in the text before.
    pub is_kept: bool,
    /// Whether somebody was to look at it before.
    was_to_review: bool,
    /// Whether it has lost its place just now, or uses what has.
    is_lost: bool,
}

/// What a relation gets from what it uses; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outcome {
    result: AnchoringResult,
    similarity: f64,
    /// Whether something has lost its place just now.
    is_lost: bool,
}

impl Outcome {
    const BEST: Self = Self { result: AnchoringResult::Unchanged, similarity: 1.0, is_lost: false };

    fn of(carried: &Carried) -> Self {
        let best = Self { is_lost: carried.is_lost, ..Self::BEST };
        carried.annotation.anchoring.map_or(best, |anchoring| Self {
            result: anchoring.result,
            similarity: anchoring.similarity,
            ..best
        })
    }

    fn or_worse(self, other: Self) -> Self {
        Self {
            result: self.result.max(other.result),
            similarity: self.similarity.min(other.similarity),
            is_lost: self.is_lost || other.is_lost,
        }
    }
}

impl<T: Deref<Target = Text> + Clone> Revising<T> {
    /// Compares the text revision `from`, which is `old`, with `to`. See [`Reanchoring::new`] for the time that it takes.
    #[must_use]
    pub fn new((old, from): (T, u32), (new, to): (T, u32)) -> Self {
        Self { reanchoring: Reanchoring::new(old, new.clone()), new, from, to }
    }

    /// The number of the new text.
    #[must_use]
    pub fn to(&self) -> u32 {
        self.to
    }

    /// Carries an annotation over; what a relation has of what it uses is still to be [settled](Revising::settle).
    #[must_use]
    pub fn carry(&self, mut annotation: Annotation) -> Carried {
        let was_to_review = annotation.anchoring.is_some_and(|anchoring| anchoring.needs_review);
        if annotation.is_orphan() {
            return Carried { annotation, is_kept: true, was_to_review, is_lost: false };
        }
        match &mut annotation.target {
            Target::Spans(mention) => {
                let found = self.reanchoring.anchor(&mention.anchor);
                annotation.anchoring = Some(Anchoring {
                    result: found.result,
                    similarity: found.similarity,
                    from_text_revision: self.from,
                    needs_review: found.needs_review || was_to_review,
                });
                let Some(anchor) = found.anchor else {
                    return Carried { annotation, is_kept: false, was_to_review, is_lost: true };
                };
                let splits_graphemes = anchor.spans().iter().any(|span| splits_graphemes(&self.new, span));
                *mention = Mention { quotes: anchor.quotes(&self.new), anchor, splits_graphemes };
            }
            Target::Relation(_) => {
                annotation.anchoring = Some(self.of_relation(Outcome::BEST, was_to_review));
            }
            Target::Article => annotation.anchoring = None,
        }
        annotation.text_revision = self.to;
        Carried { annotation, is_kept: false, was_to_review, is_lost: false }
    }

    /// What `relations`, which may use each other, have of what they use; `carried` gives the rest of that. Returns those
    /// that come out otherwise than they are. What is not there counts for nothing.
    pub fn settle<'c>(
        &self,
        relations: impl IntoIterator<Item = &'c Carried>,
        carried: impl Fn(AnnotationId) -> Option<&'c Carried>,
    ) -> Vec<Carried> {
        let relations: HashMap<_, _> =
            relations.into_iter().map(|relation| (relation.annotation.id, relation)).collect();
        let mut used_by: HashMap<_, Vec<_>> = HashMap::new();
        for (id, relation) in &relations {
            for used in relation.annotation.uses().filter(|used| relations.contains_key(used)) {
                used_by.entry(used).or_default().push(*id);
            }
        }
        let mut outcomes: HashMap<_, _> = relations.keys().map(|id| (*id, Outcome::BEST)).collect();
        let mut waiting: Vec<_> = relations.keys().copied().collect();
        let mut is_waiting: HashSet<_> = waiting.iter().copied().collect();
        // Outcomes only get worse, and there are few: relations that use each other in a circle come to an end, too.
        while let Some(id) = waiting.pop() {
            is_waiting.remove(&id);
            let Some(relation) = relations.get(&id) else { continue };
            let outcome = |used| outcomes.get(&used).copied().or_else(|| carried(used).map(Outcome::of));
            let worst = relation.annotation.uses().filter_map(outcome).fold(Outcome::BEST, Outcome::or_worse);
            if outcomes.insert(id, worst) != Some(worst) {
                let users = used_by.get(&id).into_iter().flatten().copied();
                waiting.extend(users.filter(|user| is_waiting.insert(*user)));
            }
        }
        let settled = |(id, outcome): (_, Outcome)| {
            let relation = relations.get(&id)?;
            let anchoring = Some(self.of_relation(outcome, relation.was_to_review));
            if relation.annotation.anchoring == anchoring && relation.is_lost == outcome.is_lost {
                return None;
            }
            let annotation = Annotation { anchoring, ..relation.annotation.clone() };
            let Carried { annotation: _, is_kept, was_to_review, is_lost: _ } = **relation;
            Some(Carried { annotation, is_kept, was_to_review, is_lost: outcome.is_lost })
        };
        outcomes.into_iter().filter_map(settled).collect()
    }

    fn of_relation(&self, outcome: Outcome, was_to_review: bool) -> Anchoring {
        let Outcome { result, similarity, is_lost } = outcome;
        Anchoring {
            result,
            similarity,
            from_text_revision: self.from,
            needs_review: is_lost || was_to_review,
        }
    }
}
