//! Which matches are chance, and where an insertion that fits several places goes.

use super::{Match, joined, whole};

/// So far may an insertion or a deletion be moved, in bytes.
const SLIDE_BYTES_MAX: usize = 512;

/// `matches` without those that are equal by chance, between the starts of two texts and their ends.
pub(super) fn without_chance(matches: Vec<Match>, ends: (usize, usize)) -> Vec<Match> {
    without_chance_between(matches, (0, 0), ends)
}

/// `matches` without those that are equal by chance, between two `starts` and two `ends`.
///
/// A match is chance when on both of its sides text was replaced by other text, and much more of it than is equal: the
/// more words it has, and the rarer they are, the more it takes. Where text was only inserted, or only deleted, nothing
/// is chance: the shorter text is part of the longer one. After Neil Fraser's semantic cleanup (diff-match-patch).
pub(super) fn without_chance_between(
    matches: Vec<Match>,
    starts: (usize, usize),
    ends: (usize, usize),
) -> Vec<Match> {
    let mut kept: Vec<Match> = Vec::with_capacity(matches.len());
    let end = Match { old: ends.0, new: ends.1, len: 0, weight: 0 };
    for next in matches.into_iter().chain(std::iter::once(end)) {
        while let Some(last) = kept.pop() {
            let (old, new) =
                kept.last().map_or(starts, |found| (found.old + found.len, found.new + found.len));
            let before = (last.old - old).min(last.new - new);
            let after = (next.old - last.old - last.len).min(next.new - last.new - last.len);
            if before.min(after) < last.len * last.weight.max(1) {
                kept.push(last);
                break;
            }
        }
        kept.push(next);
    }
    kept.pop();
    joined(kept)
}

/// `matches`, with each pure insertion and deletion between two of them where a reader would put it: at the start of a
/// line, after a sentence, between words; of equally good places the last, so that what is before it stays as it is.
pub(super) fn aligned(mut matches: Vec<Match>, old: &str, new: &str) -> Vec<Match> {
    let mut at = 1;
    while let Some([before, after]) = matches.get_mut(at - 1..=at) {
        at += 1;
        let old_gap = before.old + before.len..after.old;
        let new_gap = before.new + before.len..after.new;
        let (text, gap) = match (old_gap.is_empty(), new_gap.is_empty()) {
            (true, false) => (new, new_gap),
            (false, true) => (old, old_gap),
            _ => continue,
        };
        let back = slack(text.as_bytes(), gap.start, gap.end, before.len, true);
        let forth = slack(text.as_bytes(), gap.start, gap.end, after.len, false);
        let places = gap.start - back..=gap.start + forth;
        let length = gap.end - gap.start;
        let possible = |&place: &usize| text.is_char_boundary(place) && text.is_char_boundary(place + length);
        let score = |&place: &usize| edge(text, place) + edge(text, place + length);
        let Some(best) = places.filter(possible).max_by_key(score) else { continue };
        // `best` counts in the text that has the gap; the matches move by as much in both.
        before.len = before.len + best - gap.start;
        after.len = after.len + gap.start - best;
        (after.old, after.new) = (after.old + best - gap.start, after.new + best - gap.start);
    }
    joined(matches)
}

/// By how many bytes the gap `start..end` can move without a difference, in one direction, up to `limit`.
fn slack(text: &[u8], start: usize, end: usize, limit: usize, back: bool) -> usize {
    let limit = limit.min(SLIDE_BYTES_MAX);
    if back {
        let (before, inside) = (text.get(..start), text.get(..end));
        let pairs = before.unwrap_or_default().iter().rev().zip(inside.unwrap_or_default().iter().rev());
        pairs.take(limit).take_while(|(one, other)| one == other).count()
    } else {
        let (inside, behind) = (text.get(start..), text.get(end..));
        let pairs = inside.unwrap_or_default().iter().zip(behind.unwrap_or_default());
        pairs.take(limit).take_while(|(one, other)| one == other).count()
    }
}

/// How well a text may be cut at `byte`.
fn edge(text: &str, byte: usize) -> u32 {
    let before = text.get(..byte).and_then(|part| part.chars().next_back());
    let after = text.get(byte..).and_then(|part| part.chars().next());
    let (Some(before), Some(after)) = (before, after) else { return 6 };
    let simple = before.is_ascii() && after.is_ascii() && before != '\r';
    if !simple && !whole(text, byte) {
        return 0;
    }
    if before == '\n' {
        return 6;
    }
    let sentence = || {
        let mut near = text.get(..byte).unwrap_or_default().chars().rev().take(4);
        near.find(|near| !near.is_whitespace()).is_some_and(|end| ".!?。！？".contains(end))
    };
    match (before.is_whitespace(), after.is_whitespace()) {
        (true, false) if sentence() => 5,
        (true, false) => 4,
        (_, true) => 3,
        (false, false) if !before.is_alphanumeric() || !after.is_alphanumeric() => 2,
        (false, false) => 1,
    }
}
