//! Annotations straight to bytes: for lists and streams, where making messages first would take twice as long.

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use uuid::Uuid;

use super::timestamp;
use crate::domain::{
    annotations::{Annotation, Mention},
    ids::ArticleName,
    revisions::{ProjectUid, Timestamp},
    text::TextRange,
};

/// An annotation as clients see it: the encoding of [`super::annotations::annotation`].
#[must_use]
pub fn rendered(article: &ArticleName, uid: ProjectUid, annotation: &Annotation) -> Bytes {
    const FIXED_BYTES: usize = 176;
    const SPAN_BYTES: usize = 40;
    let Annotation { id, layer, label, mention, revision, create_time, update_time } = annotation;
    let Mention { anchor, quotes, text_revision } = mention;
    let (project, article) = (article.project.as_str(), article.article.as_str());
    let words = project.len() + article.len() + layer.as_str().len() + label.as_str().len();
    let quotes_bytes: usize = quotes.iter().map(String::len).sum();
    let capacity = FIXED_BYTES + words + SPAN_BYTES * anchor.spans().len() + quotes_bytes;

    let mut message = Fields(Vec::with_capacity(capacity));
    let id = Uuid::from_bytes(*id.as_bytes());
    let mut id_buffer = Uuid::encode_buffer();
    let id: &str = id.hyphenated().encode_lower(&mut id_buffer);
    message.string(1, &["projects/", project, "/articles/", article, "/annotations/", id]);
    message.string(2, &[layer.as_str()]);
    message.string(3, &[label.as_str()]);
    message.message(4, |anchor_message| {
        let quotes = quotes.iter().map(String::as_str).chain(std::iter::repeat(""));
        for (span, quote) in anchor.spans().iter().zip(quotes) {
            anchor_message.message(1, |message| message.span(span, quote));
        }
    });
    message.number(12, u64::from(*text_revision));
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
            annotations::Label,
            ids::{AnnotationId, LayerId, ProjectName},
            revisions::Revision,
            spans::Anchor,
            text::Position,
        },
        grpc::convert::annotations,
    };

    /// Spans one behind the other, with or without their quotes.
    fn mentions() -> impl Strategy<Value = Mention> {
        let length = || prop_oneof![1..200u32, 60_000..10_000_000u32];
        let gap = prop_oneof![Just(0), length()];
        let spans = prop::collection::vec(((gap, length()), ".{0,200}"), 1..6);
        (spans, any::<bool>(), 1..4u32).prop_map(|(spans, has_quotes, text_revision)| {
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
            Mention { anchor, quotes: if has_quotes { quotes } else { Vec::new() }, text_revision }
        })
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_the_encoding_of_the_message(
            (id, uid) in any::<([u8; 16], u128)>(),
            (project, article, layer) in ("[a-z0-9]{1,20}", "[A-Za-z0-9]{1,128}", "[a-z0-9]{1,128}"),
            label in "[A-Za-z é東]{1,80}",
            mention in mentions(),
            (revision, create_time, update_time) in (0..1u64 << 53, any::<i64>(), -5_000_000..5_000_000i64),
        ) {
            let article = ProjectName::parse("name", &format!("projects/{project}")).unwrap().article(
                crate::domain::ids::ArticleId::parse("id", &article).unwrap(),
            );
            let annotation = Annotation {
                id: AnnotationId::from_bytes(id),
                layer: LayerId::parse("layer", &layer).unwrap(),
                label: Label::parse("label", &label).unwrap(),
                mention,
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
