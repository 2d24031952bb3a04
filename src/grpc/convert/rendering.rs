//! Annotations straight to bytes: for lists and streams, where making messages first would take twice as long.

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use uuid::Uuid;

use super::{attributes, contents, timestamp};
use crate::domain::{
    annotations::{Annotation, Argument, Mention, Relation, Target},
    ids::{AnnotationId, ArticleName},
    revisions::{ProjectUid, Timestamp},
    spans::Anchor,
    text::TextRange,
};

/// An annotation as clients see it: the encoding of [`super::annotations::annotation`].
#[must_use]
pub fn rendered(article: &ArticleName, uid: ProjectUid, annotation: &Annotation) -> Bytes {
    const FIXED_BYTES: usize = 176;
    const SPAN_BYTES: usize = 40;
    let Annotation {
        id,
        layer,
        label,
        target,
        attributes,
        note,
        score,
        state,
        anchoring,
        derived_from,
        text_revision,
        revision,
        create_time,
        update_time,
    } = annotation;
    let (project, article) = (article.project.as_str(), article.article.as_str());
    let words = project.len() + article.len() + layer.as_str().len() + label.as_str().len() + note.len();
    let spans = target.mention().map_or(0, |mention| {
        SPAN_BYTES * mention.anchor.spans().len() + mention.quotes.iter().map(String::len).sum::<usize>()
    });

    let mut message = Fields(Vec::with_capacity(FIXED_BYTES + words + spans));
    let name = |message: &mut Fields, tag, id: &AnnotationId| {
        let mut id_buffer = Uuid::encode_buffer();
        let id: &str = Uuid::from_bytes(*id.as_bytes()).hyphenated().encode_lower(&mut id_buffer);
        message.string(tag, &["projects/", project, "/articles/", article, "/annotations/", id]);
    };
    name(&mut message, 1, id);
    message.string(2, &[layer.as_str()]);
    message.string(3, &[label.as_str()]);
    match target {
        Target::Spans(Mention { anchor, quotes, splits_graphemes: _ }) => {
            message.message(4, |message| message.anchor(anchor, quotes));
        }
        Target::Relation(Relation { arguments }) => message.message(5, |message| {
            for Argument { role, annotation } in arguments {
                message.message(1, |message| {
                    message.string(1, &[role]);
                    name(message, 2, annotation);
                });
            }
        }),
        Target::Article => message.message(6, |_| {}),
    }
    for (name, value) in attributes {
        message.message(7, |message| {
            message.string(1, &[name]);
            message.message(2, |message| message.encoded(&attributes::sent_value(value)));
        });
    }
    message.string(8, &[note]);
    if let Some(score) = score {
        prost::encoding::double::encode(9, score, &mut message.0);
    }
    message.number(10, i64::from(i32::from(contents::state(*state))).cast_unsigned());
    if let Some(anchoring) = anchoring {
        message.message(11, |message| message.encoded(&contents::anchoring(*anchoring)));
    }
    message.number(12, u64::from(*text_revision));
    for name in derived_from {
        message.string(14, &[&name.to_string()]);
    }
    message.number(15, revision.0);
    message.message(16, |message| message.time(*create_time));
    message.message(17, |message| message.time(*update_time));
    message.string(18, &[&annotation.etag(uid).to_string()]);
    message.0.into()
}

/// The fields of a message that is being written, in the order of their numbers.
struct Fields(Vec<u8>);

impl Fields {
    fn number(&mut self, tag: u32, number: u64) {
        if number != 0 {
            encode_key(tag, WireType::Varint, &mut self.0);
            encode_varint(number, &mut self.0);
        }
    }

    /// A string, in parts.
    fn string(&mut self, tag: u32, parts: &[&str]) {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        if bytes != 0 {
            encode_key(tag, WireType::LengthDelimited, &mut self.0);
            encode_varint(length(bytes), &mut self.0);
            for part in parts {
                self.0.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// A message, whose length is known once it is written: most are short, so that one byte is left for it.
    fn message(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        encode_key(tag, WireType::LengthDelimited, &mut self.0);
        let start = self.0.len();
        self.0.push(0);
        write(self);
        let bytes = self.0.len() - start - 1;
        match (u8::try_from(bytes), self.0.get_mut(start)) {
            (Ok(short), Some(place)) if short < 0x80 => *place = short,
            _ => {
                let mut long = Vec::with_capacity(5);
                encode_varint(length(bytes), &mut long);
                self.0.splice(start..=start, long);
            }
        }
    }

    /// `Anchor`.
    fn anchor(&mut self, anchor: &Anchor, quotes: &[String]) {
        let quotes = quotes.iter().map(String::as_str).chain(std::iter::repeat(""));
        for (span, quote) in anchor.spans().iter().zip(quotes) {
            self.message(1, |message| message.span(span, quote));
        }
    }

    /// What is rarely there is made as a message first.
    fn encoded(&mut self, message: &impl prost::Message) {
        self.0.extend_from_slice(&message.encode_to_vec());
    }

    /// `Span`.
    fn span(&mut self, TextRange { start, end }: &TextRange, quote: &str) {
        let mut range = |tag, start: u32, end: u32| {
            self.message(tag, |message| {
                message.number(1, u64::from(start));
                message.number(2, u64::from(end));
            });
        };
        range(1, start.utf8, end.utf8);
        range(2, start.utf16, end.utf16);
        range(3, start.code_points, end.code_points);
        self.string(4, &[quote]);
    }

    /// `Timestamp`.
    fn time(&mut self, time: Timestamp) {
        let prost_types::Timestamp { seconds, nanos } = timestamp(time);
        self.number(1, seconds.cast_unsigned());
        self.number(2, i64::from(nanos).cast_unsigned());
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::{
        domain::{
            annotations::{Anchoring, AnchoringResult, Label, State},
            attributes::AttributeValue,
            ids::{LayerId, ProjectName},
            revisions::Revision,
            text::Position,
        },
        grpc::convert::annotations,
    };

    /// Spans one behind the other, with or without their quotes.
    fn mentions() -> impl Strategy<Value = Mention> {
        let length = || prop_oneof![1..200u32, 60_000..10_000_000u32];
        let gap = prop_oneof![Just(0), length()];
        let spans = prop::collection::vec(((gap, length()), ".{0,200}"), 1..6);
        (spans, any::<bool>()).prop_map(|(spans, has_quotes)| {
            let mut last = Position::default();
            let mut forward = |by: u32| {
                last = Position {
                    utf8: last.utf8 + 2 * by,
                    utf16: last.utf16 + by,
                    code_points: last.code_points + by,
                };
                last
            };
            let mut quotes = Vec::new();
            let mut ranges = Vec::new();
            for ((gap, length), quote) in spans {
                let start = forward(gap);
                ranges.push(TextRange { start, end: forward(length) });
                quotes.push(quote);
            }
            let anchor = Anchor::from_ranges(ranges).unwrap();
            let quotes = if has_quotes { quotes } else { Vec::new() };
            Mention { anchor, quotes, splits_graphemes: false }
        })
    }

    fn targets() -> impl Strategy<Value = Target> {
        let argument = ("[A-Za-z ]{0,9}", any::<[u8; 16]>());
        let argument =
            argument.prop_map(|(role, id)| Argument { role, annotation: AnnotationId::from_bytes(id) });
        let relation = prop::collection::vec(argument, 1..5).prop_map(|arguments| Relation { arguments });
        prop_oneof![
            3 => mentions().prop_map(Target::Spans),
            1 => relation.prop_map(Target::Relation),
            1 => Just(Target::Article),
        ]
    }

    fn values() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            any::<bool>().prop_map(AttributeValue::Bool),
            any::<i64>().prop_map(AttributeValue::Int),
            (-1e9..1e9).prop_map(AttributeValue::Double),
            ".{0,9}".prop_map(AttributeValue::String),
            prop::collection::vec(".{0,9}", 0..4).prop_map(AttributeValue::StringList),
        ]
    }

    fn anchorings() -> impl Strategy<Value = Anchoring> {
        let results = [
            AnchoringResult::Unchanged,
            AnchoringResult::Shifted,
            AnchoringResult::Moved,
            AnchoringResult::Modified,
            AnchoringResult::Orphaned,
        ];
        (prop::sample::select(results.to_vec()), 0.0..1.0, 1..4u32, any::<bool>()).prop_map(
            |(result, similarity, from_text_revision, needs_review)| Anchoring {
                result,
                similarity,
                from_text_revision,
                needs_review,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_the_encoding_of_the_message(
            (id, uid) in any::<([u8; 16], u128)>(),
            (project, article, layer) in ("[a-z0-9]{1,20}", "[A-Za-z0-9]{1,128}", "[a-z0-9]{1,128}"),
            label in "[A-Za-z é東]{1,80}",
            (target, text_revision) in (targets(), 1..4u32),
            (attributes, note) in (prop::collection::btree_map("[a-z]{1,9}", values(), 0..4), ".{0,99}"),
            (score, anchoring) in (prop::option::of(0.0..=1.0), prop::option::of(anchorings())),
            state in prop::sample::select(vec![State::Suggested, State::Accepted, State::Rejected]),
            derived_from in prop::collection::vec(any::<[u8; 16]>(), 0..3),
            (revision, create_time, update_time) in (0..1u64 << 53, any::<i64>(), -5_000_000..5_000_000i64),
        ) {
            let article = ProjectName::parse("name", &format!("projects/{project}")).unwrap().article(
                crate::domain::ids::ArticleId::parse("id", &article).unwrap(),
            );
            let annotation = Annotation {
                id: AnnotationId::from_bytes(id),
                layer: LayerId::parse("layer", &layer).unwrap(),
                label: Label::parse("label", &label).unwrap(),
                target,
                attributes,
                note,
                score,
                state,
                anchoring,
                derived_from: derived_from
                    .into_iter()
                    .map(|id| article.annotation(AnnotationId::from_bytes(id)))
                    .collect(),
                text_revision,
                revision: Revision(revision),
                create_time: Timestamp(create_time),
                update_time: Timestamp(update_time),
            };
            let uid = ProjectUid(Uuid::from_u128(uid));
            let message = annotations::annotation(&article, uid, &annotation);
            prop_assert_eq!(rendered(&article, uid, &annotation), message.encode_to_vec());
        }
    }
}
