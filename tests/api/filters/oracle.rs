//! What filters mean, said the long way: every annotation held against every other, character by character.

use std::collections::BTreeSet;

use spandrel::proto::v1::{self, annotation::Target};

use crate::support::Seeded;

/// A filter, as a tree.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Any,
    Label(&'static str),
    Layer(&'static str),
    ScoreAtLeast(f64),
    Rejected,
    Relation,
    Not(Box<Self>),
    All(Vec<Self>),
    One(Vec<Self>),
    Stands(&'static str, Box<Self>, Option<u32>),
}

pub(super) const LABELS: [&str; 4] = ["PER", "ORG", "LOC", "SENTENCE"];
pub(super) const LAYERS: [&str; 3] = ["gold", "model", "alice"];
const FUNCTIONS: [&str; 7] = ["overlaps", "contains", "within", "equals", "before", "after", "cooccurs"];

impl Ask {
    /// Any filter, with at most `depth` functions in each other.
    pub(super) fn random(seeded: &mut Seeded, depth: usize) -> Self {
        let joined =
            |seeded: &mut Seeded| (0..2 + seeded.below(2)).map(|_| Self::random(seeded, depth)).collect();
        match seeded.below(12) {
            0..3 => Self::Label(LABELS[seeded.below(LABELS.len())]),
            3 => Self::Layer(LAYERS[seeded.below(LAYERS.len())]),
            4 => Self::ScoreAtLeast(*seeded.pick(&[0.25, 0.5])),
            5 => seeded.pick(&[Self::Rejected, Self::Relation]).clone(),
            6 => Self::Not(Box::new(Self::random(seeded, depth))),
            7 if depth > 0 => Self::All(joined(seeded)),
            8 if depth > 0 => Self::One(joined(seeded)),
            _ if depth > 0 => Self::function(seeded, depth),
            _ => Self::Label(LABELS[seeded.below(LABELS.len())]),
        }
    }

    fn function(seeded: &mut Seeded, depth: usize) -> Self {
        let name = *seeded.pick(&FUNCTIONS);
        let is_far = ["before", "after", "cooccurs"].contains(&name) && seeded.below(2) == 0;
        let distance = is_far.then(|| u32::try_from(seeded.below(12)).unwrap());
        let inner = if seeded.below(8) == 0 { Self::Any } else { Self::random(seeded, depth - 1) };
        Self::Stands(name, Box::new(inner), distance)
    }

    pub(super) fn text(&self) -> String {
        let joined = |parts: &[Self], sign: &str| {
            let parts: Vec<_> = parts.iter().map(|part| format!("({})", part.text())).collect();
            parts.join(sign)
        };
        match self {
            Self::Any => "*".to_owned(),
            Self::Label(label) => format!("label = {label}"),
            Self::Layer(layer) => format!("layer:\"{layer}\""),
            Self::ScoreAtLeast(score) => format!("score >= {score}"),
            Self::Rejected => "state = REJECTED".to_owned(),
            Self::Relation => "target = relation".to_owned(),
            Self::Not(inner) => format!("NOT ({})", inner.text()),
            Self::All(parts) => joined(parts, " AND "),
            Self::One(parts) => joined(parts, " OR "),
            Self::Stands(name, inner, None) => format!("{name}({})", inner.text()),
            Self::Stands(name, inner, Some(distance)) => format!("{name}({}, {distance})", inner.text()),
        }
    }

    pub(super) fn passes(&self, one: &v1::Annotation, all: &[v1::Annotation]) -> bool {
        match self {
            Self::Any => true,
            Self::Label(label) => one.label == *label,
            Self::Layer(layer) => one.layer == *layer,
            Self::ScoreAtLeast(score) => one.score.is_some_and(|it| it >= *score),
            Self::Rejected => one.state() == v1::State::Rejected,
            Self::Relation => matches!(one.target, Some(Target::Relation(_))),
            Self::Not(inner) => !inner.passes(one, all),
            Self::All(parts) => parts.iter().all(|part| part.passes(one, all)),
            Self::One(parts) => parts.iter().any(|part| part.passes(one, all)),
            Self::Stands(name, inner, distance) => all.iter().any(|other| {
                other.name != one.name && stands(name, one, other, *distance) && inner.passes(other, all)
            }),
        }
    }

    /// What passes of `all`, in their order.
    pub(super) fn of(&self, all: &[v1::Annotation]) -> Vec<v1::Annotation> {
        all.iter().filter(|one| self.passes(one, all)).cloned().collect()
    }
}

/// The characters that an annotation covers.
fn covered(annotation: &v1::Annotation) -> BTreeSet<u32> {
    let Some(Target::Anchor(anchor)) = &annotation.target else { return BTreeSet::new() };
    let ranges = anchor.spans.iter().map(|span| span.code_points.unwrap());
    ranges.flat_map(|range| range.start..range.end).collect()
}

fn stands(name: &str, one: &v1::Annotation, other: &v1::Annotation, distance: Option<u32>) -> bool {
    let (one, other) = (covered(one), covered(other));
    if name == "cooccurs" && distance.is_none() {
        return true;
    }
    let (Some(start), Some(end)) = (one.first(), one.last().map(|last| last + 1)) else { return false };
    let (Some(from), Some(to)) = (other.first(), other.last().map(|last| last + 1)) else { return false };
    let near = |gap: Option<u32>| gap.is_some_and(|gap| distance.is_none_or(|distance| gap <= distance));
    match name {
        "overlaps" => !one.is_disjoint(&other),
        "contains" => one.is_superset(&other),
        "within" => one.is_subset(&other),
        "equals" => one == other,
        "before" => near(from.checked_sub(end)),
        "after" => near(start.checked_sub(to)),
        "cooccurs" => near(Some(from.saturating_sub(end).max(start.saturating_sub(to)))),
        _ => panic!("{name} is no function"),
    }
}
