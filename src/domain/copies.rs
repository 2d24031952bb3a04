//! Copies of a layer: which of its annotations are copied, and what a copy is.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    annotations::{Annotation, Argument, Label, Relation, State, Target},
    ids::{AnnotationId, ArticleName, LayerId},
    revisions::{Revision, Timestamp},
};

/// What is copied of a layer of an article, and into which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyRules {
    /// What the review says of the copies; without one, what it says of what is copied.
    pub state: Option<State>,
    /// Only what is in this state; without one, all that is not rejected.
    pub only_state: Option<State>,
    /// Only what has one of these labels; without any, all.
    pub labels: BTreeSet<Label>,
}

/// Copies that are to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Copies {
    /// Each with its own id, without revision and times, in the order of what they are made from.
    pub made: Vec<Annotation>,
    /// Relations that are not copied because something that they use is not.
    pub left_out: usize,
}

impl CopyRules {
    /// Whether an annotation is to be copied, unless it is a relation that uses one that is not.
    #[must_use]
    pub fn take(&self, annotation: &Annotation) -> bool {
        let Self { state: _, only_state, labels } = self;
        let of_state = match only_state {
            Some(state) => annotation.state == *state,
            None => annotation.state != State::Rejected,
        };
        of_state && (labels.is_empty() || labels.contains(&annotation.label))
    }

    /// Copies annotations of `article`, all that a layer has, into the layer `destination`: the first under the id `first`, a
    /// UUIDv7, the others under those that follow it. Relations use the copies of what they used.
    #[must_use]
    pub fn copies(
        &self,
        article: &ArticleName,
        annotations: &[Annotation],
        destination: &LayerId,
        first: AnnotationId,
    ) -> Copies {
        let taken: Vec<_> = annotations.iter().filter(|annotation| self.take(annotation)).collect();
        let left_out = left_out(&taken);
        let copied = taken.iter().filter(|annotation| !left_out.contains(&annotation.id));
        let ids: HashMap<_, _> =
            copied.clone().zip(0..).map(|(annotation, n)| (annotation.id, first.nth_after(n))).collect();
        let made = copied.filter_map(|annotation| {
            let id = *ids.get(&annotation.id)?;
            Some(Annotation {
                id,
                layer: destination.clone(),
                label: annotation.label.clone(),
                target: target(&annotation.target, &ids)?,
                attributes: annotation.attributes.clone(),
                note: annotation.note.clone(),
                score: annotation.score,
                state: self.state.unwrap_or(annotation.state),
                anchoring: annotation.anchoring,
                derived_from: vec![article.annotation(annotation.id)],
                text_revision: annotation.text_revision,
                revision: Revision::default(),
                create_time: Timestamp::default(),
                update_time: Timestamp::default(),
            })
        });
        Copies { made: made.collect(), left_out: left_out.len() }
    }
}

/// What uses something that is not taken, or is left out itself.
fn left_out(taken: &[&Annotation]) -> HashSet<AnnotationId> {
    let ids: HashSet<_> = taken.iter().map(|annotation| annotation.id).collect();
    let mut users: HashMap<AnnotationId, Vec<AnnotationId>> = HashMap::new();
    let (mut left_out, mut new) = (HashSet::new(), Vec::new());
    for annotation in taken {
        for used in annotation.uses() {
            users.entry(used).or_default().push(annotation.id);
            if !ids.contains(&used) && left_out.insert(annotation.id) {
                new.push(annotation.id);
            }
        }
    }
    while let Some(used) = new.pop() {
        for user in users.remove(&used).unwrap_or_default() {
            if left_out.insert(user) {
                new.push(user);
            }
        }
    }
    left_out
}

/// The same target among the copies, whose ids are `ids`; none if it uses what is not copied.
fn target(target: &Target, ids: &HashMap<AnnotationId, AnnotationId>) -> Option<Target> {
    let Target::Relation(Relation { arguments }) = target else { return Some(target.clone()) };
    let copy = |Argument { role, annotation }: &Argument| {
        Some(Argument { role: role.clone(), annotation: *ids.get(annotation)? })
    };
    Some(Target::Relation(Relation { arguments: arguments.iter().map(copy).collect::<Option<_>>()? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{attributes::Attributes, ids::ProjectId};

    fn id(n: u8) -> AnnotationId {
        AnnotationId::parse("", &format!("01900000-0000-7000-8000-0000000000{n:02x}")).unwrap()
    }

    /// What is said of the article if it uses nothing, and a relation otherwise.
    fn annotation(n: u8, label: &str, state: State, uses: &[u8]) -> Annotation {
        let argument = |n: &u8| Argument { role: "r".to_owned(), annotation: id(*n) };
        let target = match uses {
            [] => Target::Article,
            uses => Target::Relation(Relation { arguments: uses.iter().map(argument).collect() }),
        };
        Annotation {
            id: id(n),
            layer: LayerId::parse("", "model").unwrap(),
            label: Label::parse("", label).unwrap(),
            target,
            attributes: Attributes::default(),
            note: "n".to_owned(),
            score: Some(0.5),
            state,
            anchoring: None,
            derived_from: Vec::new(),
            text_revision: 3,
            revision: Revision(7),
            create_time: Timestamp(8),
            update_time: Timestamp(9),
        }
    }

    fn article() -> ArticleName {
        let project = ProjectId::parse("", "p").unwrap();
        ArticleName { project, article: crate::domain::ids::ArticleId::parse("", "a").unwrap() }
    }

    /// Copies these into `alice` from id 0x80 on; returns the copies with what each is made from and uses.
    fn copied(rules: &CopyRules, annotations: &[Annotation]) -> (Vec<(AnnotationId, Annotation)>, usize) {
        let destination = LayerId::parse("", "alice").unwrap();
        let Copies { made, left_out } = rules.copies(&article(), annotations, &destination, id(0x80));
        for (n, copy) in made.iter().enumerate() {
            assert_eq!((copy.id, &copy.layer), (id(0x80 + u8::try_from(n).unwrap()), &destination));
        }
        (made.into_iter().map(|copy| (copy.derived_from[0].annotation, copy)).collect(), left_out)
    }

    #[test]
    fn what_is_rejected_or_not_asked_for_is_not_copied_nor_what_uses_it() {
        use State::{Accepted, Rejected, Suggested};
        let check = |rules: &CopyRules, expected: &[u8], expected_left_out: usize| {
            let annotations = [
                annotation(1, "PER", Suggested, &[]),
                annotation(2, "ORG", Accepted, &[]),
                annotation(3, "PER", Rejected, &[]),
                annotation(4, "knows", Suggested, &[1, 2]),
                annotation(5, "says", Suggested, &[4, 1]),
                annotation(6, "knows", Suggested, &[1, 3]),
                annotation(7, "says", Suggested, &[6]),
            ];
            let (copies, left_out) = copied(rules, &annotations);
            let sources: Vec<_> = copies.iter().map(|(source, _)| *source).collect();
            assert_eq!(sources, expected.iter().map(|n| id(*n)).collect::<Vec<_>>());
            assert_eq!(left_out, expected_left_out);
            let copy_of = |source: AnnotationId| copies.iter().find(|(of, _)| *of == source).unwrap().1.id;
            for (source, copy) in &copies {
                let source = annotations.iter().find(|annotation| annotation.id == *source).unwrap();
                let used: Vec<_> = source.uses().map(copy_of).collect();
                assert_eq!(copy.uses().collect::<Vec<_>>(), used);
                assert_eq!(copy.state, rules.state.unwrap_or(source.state));
                let said = |it: &Annotation| (it.label.clone(), it.note.clone(), it.score, it.text_revision);
                assert_eq!(said(copy), said(source));
            }
        };
        let all = CopyRules::default();
        check(&all, &[1, 2, 4, 5], 2);
        check(&CopyRules { state: Some(Accepted), ..all.clone() }, &[1, 2, 4, 5], 2);
        check(&CopyRules { only_state: Some(Suggested), ..all.clone() }, &[1], 4);
        check(&CopyRules { only_state: Some(Rejected), state: Some(Suggested), ..all.clone() }, &[3], 0);
        let labels = ["PER", "knows"].map(|label| Label::parse("", label).unwrap());
        check(&CopyRules { labels: labels.into(), ..all }, &[1], 2);
    }

    #[test]
    fn relations_in_a_circle_are_copied_as_one_or_left_out() {
        let circle = |third: u8| {
            [annotation(1, "a", State::Accepted, &[2]), annotation(2, "b", State::Accepted, &[1, third])]
        };
        let check = |annotations: &[Annotation], expected: (usize, usize)| {
            let (copies, left_out) = copied(&CopyRules::default(), annotations);
            assert_eq!((copies.len(), left_out), expected);
        };
        check(&circle(1), (2, 0));
        check(&circle(9), (0, 2));
    }
}
