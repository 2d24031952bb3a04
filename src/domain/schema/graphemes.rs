//! Whether a span cuts through what a reader takes for one character.

use unicode_segmentation::GraphemeCursor;

use crate::{
    domain::text::{Text, TextRange, to_index},
    limits::GRAPHEME_BYTES_MAX,
};

/// Whether an end of `range` is inside of an extended grapheme cluster of `text`, by Unicode Standard Annex 29.
///
/// It looks at 1,024 bytes before an end, at most: no cluster that anybody reads is longer, and a text may be all flags.
#[must_use]
pub fn splits_graphemes(text: &Text, range: &TextRange) -> bool {
    [range.start.utf8, range.end.utf8].into_iter().any(|at| !is_boundary(text.as_str(), to_index(at)))
}

fn is_boundary(text: &str, at: usize) -> bool {
    let byte = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at));
    match (byte(at.checked_sub(1)), byte(Some(at))) {
        (None, _) | (_, None) => return true,
        (Some(before), Some(after)) if before.is_ascii() && after.is_ascii() => {
            return (*before, *after) != (b'\r', b'\n');
        }
        (Some(_), Some(_)) => {}
    }
    let from = text.floor_char_boundary(at.saturating_sub(GRAPHEME_BYTES_MAX));
    let to = text.floor_char_boundary(at.saturating_add(GRAPHEME_BYTES_MAX));
    let near = text.get(from..to).unwrap_or_default();
    GraphemeCursor::new(at - from, near.len(), true).is_boundary(near, 0).unwrap_or(true)
}
