//! The annotations of an article by what they become: tokens, sentences, and what is marked.

use super::rows::{Piece, Pieces, SENTENCE, TOKEN, is_form, ranges_of};
use crate::domain::annotations::Annotation;

/// The annotations of an article by what they become.
pub(super) struct Parts<'a> {
    pub(super) tokens: Pieces<'a>,
    pub(super) sentences: Pieces<'a>,
    pub(super) spans: Vec<&'a Annotation>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(text: &str, annotations: &[&'a Annotation]) -> Self {
        let mut parts = Self { tokens: Pieces::default(), sentences: Pieces::default(), spans: Vec::new() };
        for annotation in annotations {
            let (label, ranges) = (annotation.label.as_str(), ranges_of(annotation));
            let is_taken = if let [(start, end)] = ranges.as_slice() {
                let (start, end) = (*start, *end);
                let piece = Piece { start, end, annotation: Some(annotation) };
                let is_token = label == TOKEN && text.get(start..end).is_some_and(is_form);
                (is_token && parts.tokens.take(piece)) || (label == SENTENCE && parts.sentences.take(piece))
            } else {
                false
            };
            if !is_taken {
                parts.spans.push(annotation);
            }
        }
        parts
    }
}
