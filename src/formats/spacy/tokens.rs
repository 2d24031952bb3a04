//! Tokens that make up a text as spaCy has it: every character is of a token, but one space behind it.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation;

/// The tokens of a text, in bytes, with boundaries at `edges`: `own` tokens as they are, cut there, and what is between them;
/// or words, without any.
pub(super) fn tokens(text: &str, own: &[(usize, usize)], edges: &BTreeSet<usize>) -> Vec<(usize, usize)> {
    let mut bounds: BTreeSet<usize> = edges.clone();
    bounds.extend([0, text.len()]);
    if own.is_empty() {
        for (start, word) in text.split_word_bound_indices() {
            bounds.extend([start, start + word.len()]);
        }
        // spaCy refuses several tokens of white space side by side.
        let is_inside = |at: usize| {
            let (before, after) = text.split_at_checked(at).unwrap_or_default();
            before.chars().next_back().is_some_and(is_space) && after.chars().next().is_some_and(is_space)
        };
        bounds.retain(|at| edges.contains(at) || !is_inside(*at));
    } else {
        bounds.extend(own.iter().flat_map(|(start, end)| [*start, *end]));
    }
    let bounds: Vec<_> = bounds.into_iter().filter(|at| text.is_char_boundary(*at)).collect();
    let mut tokens = Vec::new();
    for pair in bounds.windows(2) {
        let [start, end] = *pair else { continue };
        let Some(piece) = text.get(start..end) else { continue };
        // One space behind a token is the token's, unless it is one by itself.
        let is_behind = tokens.last().is_some_and(|(_, last)| *last == start) && !own.contains(&(start, end));
        let start = if is_behind && piece.starts_with(' ') { start + 1 } else { start };
        if start < end {
            tokens.push((start, end));
        }
    }
    tokens
}

/// Whether Python takes it for white space.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&character)
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text that spaCy makes of tokens.
    fn made_of(text: &str, tokens: &[(usize, usize)]) -> String {
        let mut made = String::new();
        for (start, end) in tokens {
            made += text.get(*start..*end).unwrap();
            if text.get(*end..).unwrap().starts_with(' ') && !tokens.iter().any(|(start, _)| start == end) {
                made.push(' ');
            }
        }
        made
    }

    #[test]
    fn white_space_is_one_token() {
        let check = |text: &str, expected: &[&str]| {
            let tokens = tokens(text, &[], &BTreeSet::new());
            let tokens: Vec<_> =
                tokens.into_iter().map(|(start, end)| text.get(start..end).unwrap()).collect();
            assert_eq!(tokens, expected);
        };
        check("a b", &["a", "b"]);
        check("a.\n\nb", &["a", ".", "\n\n", "b"]);
        check("a \n b ", &["a", "\n ", "b"]);
        check("  a", &["  ", "a"]);
    }

    proptest! {
        #[test]
        fn tokens_make_up_the_text(text in "[a-z é😀.,\n ]{0,30}", edges in prop::collection::vec(0_usize..30, 0..4)) {
            let edges = edges.into_iter().filter(|edge| text.is_char_boundary(*edge)).collect();
            prop_assert_eq!(made_of(&text, &tokens(&text, &[], &edges)), text);
        }
    }
}
