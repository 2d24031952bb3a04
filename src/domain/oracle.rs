//! Texts that break careless counting, and the slow and obvious answers that the quick ones are held against.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::text::{Position, TextRange};

/// What texts are made of.
const PIECES: [&str; 18] = [
    "plain ASCII, ",
    "a",
    "ab",
    "\r\n",
    "\n",
    "\0",
    "\u{feff}",
    "\u{a0}",
    "é",
    "e\u{301}\u{327}",
    "“Huawei”",
    "שָׁלוֹם",
    "日本語の",
    "\u{ffff}",
    "𝒳𐐷",
    "👍🏽",
    "👩‍👩‍👧‍👦",
    "🏳️‍🌈",
];

/// Texts of up to some KiB, so that they cross checkpoints.
pub(super) fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => select(&PIECES[..]).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        1 => (select(&PIECES[..]), 1..120_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ];
    let mixed = vec(piece, 0..60).prop_map(|pieces| pieces.concat());
    let ascii = (0..200_usize).prop_map(|times| "plain ASCII\r\n".repeat(times));
    prop_oneof![9 => mixed, 1 => ascii]
}

/// A text, and the same after some edits: pieces deleted, inserted, replaced or moved.
pub(super) fn revisions() -> impl Strategy<Value = (String, String)> {
    let edit = (any::<Index>(), any::<Index>(), 0..4_u8, select(&PIECES[..]), any::<Index>());
    let old = prop_oneof![
        3 => vec(select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.concat()),
        2 => vec(select(&["The ", "cat ", "sat. ", "on ", "a ", "mat\n", "Huawei ", "é"][..]), 0..60)
            .prop_map(|words| words.concat()),
        1 => texts(),
    ];
    (old, vec(edit, 0..5)).prop_map(|(old, edits)| {
        let mut characters: Vec<char> = old.chars().collect();
        for (start, length, kind, piece, to) in edits {
            let start = start.index(characters.len() + 1);
            let end = start + length.index((characters.len() - start).min(12) + 1);
            let taken: Vec<char> = match kind {
                0 => characters.splice(start..start, piece.chars()).collect(),
                1 => characters.drain(start..end).collect(),
                2 => characters.splice(start..end, piece.chars()).collect(),
                _ => {
                    let taken: Vec<char> = characters.drain(start..end).collect();
                    let to = to.index(characters.len() + 1);
                    characters.splice(to..to, taken).collect()
                }
            };
            drop(taken);
        }
        (old, characters.into_iter().collect())
    })
}

/// Every position between two characters of `content`, its start and its end.
pub(super) fn boundaries(content: &str) -> Vec<Position> {
    let mut at = Position::default();
    let mut boundaries = vec![at];
    for character in content.chars() {
        at.utf8 += u32::try_from(character.len_utf8()).unwrap();
        at.utf16 += u32::try_from(character.len_utf16()).unwrap();
        at.code_points += 1;
        boundaries.push(at);
    }
    boundaries
}

/// Where `quote` stands in `content`, in bytes.
pub(super) fn occurrences(content: &str, quote: &str) -> Vec<usize> {
    let bytes = content.as_bytes().windows(quote.len()).enumerate();
    bytes.filter(|(_, window)| *window == quote.as_bytes()).map(|(at, _)| at).collect()
}

/// What Rust, JavaScript and Python find in `range` when each takes the numbers of its own unit.
pub(super) fn slices(content: &str, range: &TextRange) -> [String; 3] {
    let [utf8, utf16, code_points] = [
        (range.utf8().start, range.utf8().end),
        (range.utf16().start, range.utf16().end),
        (range.code_points().start, range.code_points().end),
    ]
    .map(|(start, end)| usize::try_from(start).unwrap()..usize::try_from(end).unwrap());
    let units: Vec<u16> = content.encode_utf16().collect();
    let characters: Vec<char> = content.chars().collect();
    [
        std::str::from_utf8(&content.as_bytes()[utf8]).unwrap().to_owned(),
        String::from_utf16(&units[utf16]).unwrap(),
        characters[code_points].iter().collect(),
    ]
}
