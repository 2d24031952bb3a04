//! How untrusted text is shown on a terminal: one grapheme cluster a cell, nothing that a terminal obeys.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What a cluster looks like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Glyph<'t> {
    /// What is printed.
    pub(super) text: Cow<'t, str>,
    /// How many columns that takes.
    pub(super) width: usize,
}

/// How the cluster, or the piece of one that a span cuts off, is shown.
///
/// Controls are shown as their pictures (U+2400), invisible and bidirectional ones as `⟨U+202E⟩`, and a mark that
/// would join what stands before it on a dotted circle.
pub(super) fn glyph(cluster: &str) -> Glyph<'_> {
    if let &[byte] = cluster.as_bytes()
        && (b' '..=b'~').contains(&byte)
    {
        return Glyph { text: cluster.into(), width: 1 };
    }
    if matches!(cluster, "\n" | "\r\n") {
        return Glyph { text: "↵".into(), width: 1 };
    }
    let mut shown = String::new();
    let mut rest = cluster.chars();
    while let Some(picture) = rest.clone().next().and_then(|first| picture(first, rest.as_str())) {
        shown.push_str(&picture);
        rest.next();
    }
    let rest = rest.as_str();
    if joins_before(rest) {
        shown.push('◌');
    }
    let width = shown.width() + rest.width();
    if shown.is_empty() {
        return Glyph { text: cluster.into(), width };
    }
    shown.push_str(rest);
    Glyph { text: shown.into(), width }
}

/// One line that a terminal may print.
pub(crate) fn printable(text: &str) -> String {
    text.graphemes(true).map(|cluster| glyph(cluster).text).collect()
}

/// One line that a terminal may print, of at most so many columns.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    let mut shown = String::new();
    let mut left = columns;
    for cluster in text.graphemes(true) {
        let glyph = glyph(cluster);
        if glyph.width > left {
            while columns_of(&shown) >= columns && shown.pop().is_some() {}
            shown.push('…');
            break;
        }
        left -= glyph.width;
        shown.push_str(&glyph.text);
    }
    shown
}

/// How many columns a line that may be printed takes.
pub(crate) fn columns_of(printable: &str) -> usize {
    printable.graphemes(true).map(|cluster| glyph(cluster).width).sum()
}

/// What is shown for a character that must not, or cannot, be shown as it is.
fn picture(character: char, rest: &str) -> Option<String> {
    let code = u32::from(character);
    let picture = match character {
        '\u{7f}' => "␡".to_owned(),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + code).unwrap_or('␦').to_string(),
        '\u{80}'..='\u{9f}' => format!("⟨U+{code:04X}⟩"),
        // Half a flag, which would join the other half that stands in the next cell.
        '\u{1f1e6}'..='\u{1f1ff}' if rest.len() == character.len_utf8() => format!("⟨U+{code:04X}⟩"),
        _ if is_invisible(character) => format!("⟨U+{code:04X}⟩"),
        _ => return None,
    };
    Some(picture)
}

/// Characters without a shape: joiners, selectors, separators and those that turn the direction of writing.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a terminal would join the text to what was printed before it.
fn joins_before(text: &str) -> bool {
    let Some(first) = text.chars().next().filter(|first| *first >= '\u{300}') else {
        return false;
    };
    let is_wide = first.width() == Some(2) && first < '\u{1f000}';
    !is_wide && (text.width() == 0 || String::from_iter(['a', first]).graphemes(true).count() == 1)
}
