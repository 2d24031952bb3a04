#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use proptest::prelude::*;

use super::*;
use crate::domain::oracle::{boundaries, revisions};

/// `marked` is both texts at once: `[deleted|inserted]` is what changed, and the rest is equal.
fn check(marked: &str) {
    let [mut old, mut new] = [String::new(), String::new()];
    let mut parts = marked.split('[');
    let first = parts.next().unwrap();
    old += first;
    new += first;
    for part in parts {
        let (change, equal) = part.split_once(']').unwrap();
        let (deleted, inserted) = change.split_once('|').unwrap();
        old += deleted;
        old += equal;
        new += inserted;
        new += equal;
    }
    assert_eq!(shown(&old, &new), marked);
}

fn shown(old: &str, new: &str) -> String {
    let (old, new) = (Text::new(old), Text::new(new));
    let diff = TextDiff::between(&old, &new);
    let mut shown = String::new();
    let mut at = 0;
    for Change { deleted, inserted } in diff.changes() {
        shown += &old.as_str()[to_index(at)..to_index(deleted.start.utf8)];
        shown.extend(["[", old.slice(&deleted), "|", new.slice(&inserted), "]"]);
        at = deleted.end.utf8;
    }
    shown + &old.as_str()[to_index(at)..]
}

#[test]
fn words_that_were_replaced_share_no_letters_by_chance() {
    check("He lives in [Tulsa|Dallas] now");
    check("the [red walked|jumped blue] house");
    check("The [cat|dog] sat");
    check("sued [over|for] it");
    check("[Eins zwei drei vier|One two three four]");
}

#[test]
fn words_that_were_changed_share_what_is_equal() {
    check("The colo[|u]r of it");
    check("dynamic[| ]-[| ]equivalence theory");
    check("Er geht[|,] weil er muß");
    check("in 19[2|3]9");
    check("walk[ed|ing] home");
    check("Hello world[|s]");
    check("a[|YYYYY]b");
}

#[test]
fn what_stands_between_insertions_is_no_chance() {
    check("[|Some very long beginning. ]Yes[| and an ending, which is longer still].");
    check("a [|long insertion before ]b [|long insertion after it ]c");
    check("[long deletion before |]b[ long deletion after it|]");
}

#[test]
fn what_is_rare_stays_between_replacements() {
    check("the [old|new] Huawei [office|campus] there");
    check(
        "[Yesterday evening their lawyers sued|This morning a court heard about] Huawei [over patents in Texas|for the last time].",
    );
    let (one, other) = (" some words of old".repeat(30), "others stand here! ".repeat(30));
    let (one, other) = (one.trim(), other.trim());
    check(&format!("[{one}|{other}]\n# Artikel 12\n[{one}|{other}]\n"));
}

#[test]
fn insertions_begin_where_a_reader_would_begin_them() {
    check("<li>one</li>\n[|<li>two</li>\n]<li>three</li>\n");
    check("[|<p>one</p> ]<p>two</p>");
    check("[|the dog ]the cat sat");
    check("foo bar[| bar]");
    check("A b. C d. [|C e. ]F.");
}

#[test]
fn grapheme_clusters_are_replaced_whole() {
    check("x [e\u{301}|e\u{300}] y");
    check("so [👍🏽|👍🏿] it is");
    check("[👩‍👩‍👧‍👦|👩‍👩‍👧]");
    check("one[\r\n|\n]two");
    check("שָׁלוֹם [|עולם ]שלום");
}

#[test]
fn edges_of_texts() {
    check("");
    check("same");
    check("[|new]");
    check("[old|]");
    check("\u{feff}x[|y]");
}

#[test]
fn long_repetitions_keep_both_ends() {
    let many = "a".repeat(5_000);
    assert_eq!(shown(&format!("{many}aaa"), &many), format!("{many}[aaa|]"));
    assert_eq!(shown(&many, &format!("{many}b")), format!("{many}[|b]"));
    let marks = format!("e{}", "\u{301}".repeat(3_000));
    assert_eq!(shown(&marks, &format!("{marks}x")), format!("{marks}[|x]"));
}

#[test]
fn repetitive_and_different_texts_end() {
    let text = |piece: &str, times| Text::new(piece.repeat(times));
    for (old, new) in [
        (text("a", 30_000), text("b", 30_000)),
        (text("a ", 2_000), text("b a ", 2_000)),
        (text("ab c ", 1_000), text("c d ab ", 1_000)),
        (text("\n", 3_000), text("\r\n", 1_000)),
        (text("👩‍👩‍👧‍👦", 1_000), text("👩‍👩‍👧", 2_000)),
        (text("e\u{301}", 3_000), text("\u{301}", 3_000)),
    ] {
        assert_valid(&old, &new, &TextDiff::between(&old, &new));
    }
}

/// Blocks are equal text, in order, apart from each other, and on boundaries that are right in every unit.
fn assert_valid(old: &Text, new: &Text, diff: &TextDiff) {
    let mut before = EqualBlock { old: TextRange::default(), new: TextRange::default() };
    for (index, block) in diff.equal().iter().enumerate() {
        assert!(!block.old.is_empty());
        assert_eq!(old.slice(&block.old), new.slice(&block.new));
        let apart = before.old.end < block.old.start || before.new.end < block.new.start;
        assert!(before.old.end <= block.old.start && before.new.end <= block.new.start);
        assert!(apart || index == 0, "{before:?} and {block:?} are one");
        before = *block;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn blocks_are_equal_and_the_rest_is_changed((old, new) in revisions()) {
        let texts = (Text::new(old.as_str()), Text::new(new.as_str()));
        let diff = TextDiff::between(&texts.0, &texts.1);
        assert_valid(&texts.0, &texts.1, &diff);
        let places = (boundaries(&old), boundaries(&new));
        for block in diff.equal() {
            for (place, all) in [(block.old.start, &places.0), (block.old.end, &places.0)] {
                prop_assert!(all.binary_search(&place).is_ok());
            }
            for place in [block.new.start, block.new.end] {
                prop_assert!(places.1.binary_search(&place).is_ok());
            }
        }
        // The changes, put in place of what was there, make the new text of the old one.
        let mut made = String::new();
        let mut at = 0;
        for change in diff.changes() {
            made += &old[to_index(at)..to_index(change.deleted.start.utf8)];
            made += texts.1.slice(&change.inserted);
            at = change.deleted.end.utf8;
        }
        prop_assert_eq!(made + &old[to_index(at)..], new);
        prop_assert_eq!(TextDiff::between(&texts.0, &texts.1), diff);
    }

    #[test]
    fn a_text_is_all_equal_to_itself((text, _) in revisions()) {
        let text = Text::new(text.as_str());
        prop_assert_eq!(TextDiff::between(&text, &text).changes().count(), 0);
    }
}
