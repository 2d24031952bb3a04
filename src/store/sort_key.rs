//! Where an annotation stands among an article's: by length class, and in document order.
//!
//! Annotations are kept by the length class of their hull, so that what meets a window is found near it: a hull of a
//! class begins at most the class's maximum before whatever it meets. One over the whole text is then not looked for
//! among the short ones, nor the short ones among the long.

use std::cmp::Reverse;

use bytes::BufMut;

use crate::domain::{
    Error, Result,
    annotations::{Annotation, Target},
    ids::AnnotationId,
};

/// How many classes there are.
pub const CLASSES: u8 = 8;

/// The longest hull of each length class but the last, in bytes. The last takes what is longer, up to the longest text.
/// Part of the stored format.
const LENGTH_CLASS_BYTES_MAX: [u32; 4] = [512, 8 << 10, 128 << 10, 2 << 20];

/// The class of what is said of the whole article, behind the length classes; the others follow. Part of the stored
/// format.
const ARTICLE_CLASS: u8 = 5;
const RELATION_CLASS: u8 = 6;
const ORPHAN_CLASS: u8 = 7;

/// What stands together in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// What is said of the whole article.
    Article,
    /// What stands on spans.
    Text,
    /// Relations.
    Relations,
    /// What lost its place; its hull is the one that it had in the last text that it stood in.
    Orphans,
}

/// A place in document order: by section, then by start, then the longer first, then by id. In bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentPosition {
    section: Section,
    start: u32,
    end: Reverse<u32>,
    id: AnnotationId,
}

impl Section {
    const ALL: [Self; 4] = [Self::Article, Self::Text, Self::Relations, Self::Orphans];

    /// The section of a class.
    #[must_use]
    pub fn of_class(class: u8) -> Self {
        match class {
            ARTICLE_CLASS => Self::Article,
            RELATION_CLASS => Self::Relations,
            ORPHAN_CLASS => Self::Orphans,
            _ => Self::Text,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Article => 0,
            Self::Text => 1,
            Self::Relations => 2,
            Self::Orphans => 3,
        }
    }
}

impl DocumentPosition {
    /// An encoded position.
    pub const BYTES: usize = 1 + PLACE_BYTES;

    /// The place of an annotation of a section whose first span starts at `start` and whose last ends at `end`.
    #[must_use]
    pub fn new(section: Section, start: u32, end: u32, id: AnnotationId) -> Self {
        Self { section, start, end: Reverse(end), id }
    }

    /// The section.
    #[must_use]
    pub fn section(self) -> Section {
        self.section
    }

    /// The hull's start.
    #[must_use]
    pub fn start(self) -> u32 {
        self.start
    }

    /// The hull's end.
    #[must_use]
    pub fn end(self) -> u32 {
        self.end.0
    }

    /// The annotation.
    #[must_use]
    pub fn id(self) -> AnnotationId {
        self.id
    }

    /// The position in bytes that sort as positions do: section, start, complement of end, id.
    #[must_use]
    pub fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = bytes.as_mut_slice();
        rest.put_u8(self.section.number());
        rest.put_slice(&self.place());
        bytes
    }

    /// The position that was encoded as `bytes`, or `None` if none was.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, place) = bytes.split_first()?;
        let section = Section::ALL.into_iter().find(|section| section.number() == *number)?;
        Self::decode_place(section, place)
    }

    /// The place within the section.
    fn place(self) -> [u8; PLACE_BYTES] {
        let mut bytes = [0; PLACE_BYTES];
        let mut rest = bytes.as_mut_slice();
        rest.put_u32(self.start);
        rest.put_u32(!self.end.0);
        rest.put_slice(self.id.as_bytes());
        bytes
    }

    fn decode_place(section: Section, bytes: &[u8]) -> Option<Self> {
        let (&start, rest) = bytes.split_first_chunk()?;
        let (&end, id) = rest.split_first_chunk()?;
        let id = AnnotationId::from_bytes(id.try_into().ok()?);
        Some(Self::new(section, u32::from_be_bytes(start), !u32::from_be_bytes(end), id))
    }
}

/// Start, complement of end, id.
const PLACE_BYTES: usize = 24;

/// The key of an annotation in its article's runs: its class, then its place in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SortKey {
    class: u8,
    position: DocumentPosition,
}

impl SortKey {
    /// An encoded key.
    pub const BYTES: usize = 1 + PLACE_BYTES;

    /// Of an annotation, by what it is about and the hull of its spans.
    #[must_use]
    pub fn of_annotation(annotation: &Annotation) -> Self {
        match &annotation.target {
            Target::Spans(mention) => {
                let hull = mention.anchor.hull();
                let (start, end) = (hull.start.utf8, hull.end.utf8);
                if annotation.is_orphan() {
                    Self::of_class(ORPHAN_CLASS, start, end, annotation.id)
                } else {
                    Self::of(start, end, annotation.id)
                }
            }
            Target::Relation(_) => Self::of_class(RELATION_CLASS, 0, 0, annotation.id),
            Target::Article => Self::of_class(ARTICLE_CLASS, 0, 0, annotation.id),
        }
    }

    /// The key of an annotation whose hull is `[start, end)`, `start <= end`, in bytes of the text.
    #[must_use]
    pub fn of(start: u32, end: u32, id: AnnotationId) -> Self {
        let length = end.saturating_sub(start);
        let class = LENGTH_CLASS_BYTES_MAX.iter().map(|max| u8::from(length > *max)).sum();
        Self::of_class(class, start, end, id)
    }

    /// The key of an annotation of a class that is not told by the length of its hull.
    pub(super) fn of_class(class: u8, start: u32, end: u32, id: AnnotationId) -> Self {
        Self { class, position: DocumentPosition::new(Section::of_class(class), start, end, id) }
    }

    /// The class: a length class, 0 for the shortest, or one of what has no place; below [`CLASSES`].
    #[must_use]
    pub fn class(self) -> u8 {
        self.class
    }

    /// The place in document order.
    #[must_use]
    pub fn position(self) -> DocumentPosition {
        self.position
    }

    /// The hull's start.
    #[must_use]
    pub fn start(self) -> u32 {
        self.position.start()
    }

    /// The hull's end.
    #[must_use]
    pub fn end(self) -> u32 {
        self.position.end()
    }

    /// The annotation.
    #[must_use]
    pub fn id(self) -> AnnotationId {
        self.position.id()
    }

    /// The key in bytes that sort as keys do.
    #[must_use]
    pub fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = bytes.as_mut_slice();
        rest.put_u8(self.class);
        rest.put_slice(&self.position.place());
        bytes
    }

    /// The key that was encoded as `bytes`.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT when none was.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        bytes
            .split_first()
            .and_then(|(class, place)| {
                let position = DocumentPosition::decode_place(Section::of_class(*class), place)?;
                let key = Self { class: *class, position };
                key.is_one().then_some(key)
            })
            .ok_or_else(|| Error::corrupt(format!("{bytes:02x?} is not the sort key of an annotation")))
    }

    /// Whether the class is that of the hull.
    fn is_one(self) -> bool {
        let (start, end) = (self.start(), self.end());
        match self.position.section {
            Section::Text => start <= end && Self::of(start, end, self.id()) == self,
            Section::Article | Section::Relations => (start, end) == (0, 0),
            Section::Orphans => start <= end,
        }
    }

    /// The keys of a class that a window and a page leave: from the first key to the one behind the last; `None` if they
    /// leave none. They hold every annotation of the class whose hull meets `window`, and others.
    #[must_use]
    pub(super) fn bounds(
        class: u8,
        window: Option<(u32, u32)>,
        after: Option<DocumentPosition>,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let section = Section::of_class(class);
        if window.is_some() && section != Section::Text {
            return None;
        }
        let reach = LENGTH_CLASS_BYTES_MAX.get(usize::from(class)).copied().unwrap_or(u32::MAX);
        let mut from = vec![class];
        let mut to = vec![class + 1];
        if let Some((start, end)) = window {
            from.put_u32(start.saturating_sub(reach));
            // An empty hull at the window's end meets it, so that starts there are within.
            if let Some(behind) = end.checked_add(1) {
                to = vec![class];
                to.put_u32(behind);
            }
        }
        match after {
            Some(after) if after.section > section => return None,
            Some(after) if after.section == section => {
                let mut next = vec![class];
                next.put_slice(&after.place());
                next.put_u8(0);
                from = from.max(next);
            }
            Some(_) | None => {}
        }
        Some((from, to))
    }
}

/// Whether a hull or a single span `[start, end)` meets a window: shares a character with it, or is empty and stands
/// inside, which both ends of the window are. An empty window is met by what begins before and ends behind it, and
/// by what is empty and stands there too. All in one unit.
#[must_use]
pub fn meets(window: (u32, u32), (start, end): (u32, u32)) -> bool {
    let (from, to) = window;
    if start == end { from <= start && start <= to } else { start < to && from < end }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// These bytes are on people's disks.
    #[test]
    fn keys_keep_their_bytes() {
        let check = |start, end, expected: &str| {
            let key = SortKey::of(start, end, id(0xab));
            assert_eq!(hex::encode(key.encode()), format!("{expected}{}", "ab".repeat(16)));
            assert_eq!(SortKey::decode(&key.encode()).unwrap(), key);
        };
        check(0, 0, "0000000000ffffffff");
        check(1, 513, "0000000001fffffdfe");
        check(0x0102, 0x0304, "0100000102fffffcfb");
        check(0, u32::MAX, "040000000000000000");

        let check = |class, start, end, expected: &str| {
            let key = SortKey::of_class(class, start, end, id(0xab));
            assert_eq!(hex::encode(key.encode()), format!("{expected}{}", "ab".repeat(16)));
            assert_eq!(SortKey::decode(&key.encode()).unwrap(), key);
        };
        check(ARTICLE_CLASS, 0, 0, "0500000000ffffffff");
        check(RELATION_CLASS, 0, 0, "0600000000ffffffff");
        check(ORPHAN_CLASS, 1, 0x0203, "0700000001fffffdfc");
    }

    #[test]
    fn what_has_no_place_stands_before_or_behind_the_text_and_in_no_window() {
        let position = |class| SortKey::of_class(class, 0, 0, id(1)).position();
        let in_text = SortKey::of(7, 9, id(1)).position();
        assert!(position(ARTICLE_CLASS) < in_text);
        assert!(in_text < position(RELATION_CLASS) && position(RELATION_CLASS) < position(ORPHAN_CLASS));
        let check = |class, after: Option<DocumentPosition>, left: bool| {
            assert_eq!(SortKey::bounds(class, None, after).is_some(), left, "{class} {after:?}");
            assert_eq!(SortKey::bounds(class, Some((0, 9)), after), None);
        };
        check(ARTICLE_CLASS, None, true);
        check(ARTICLE_CLASS, Some(in_text), false);
        check(RELATION_CLASS, Some(in_text), true);
        check(RELATION_CLASS, Some(position(ORPHAN_CLASS)), false);
        assert!(SortKey::bounds(0, None, Some(position(RELATION_CLASS))).is_none());
        assert!(SortKey::bounds(0, None, Some(position(ARTICLE_CLASS))).is_some());
    }

    #[test]
    fn lengths_fall_into_classes() {
        let check = |length, class| assert_eq!(SortKey::of(0, length, id(1)).class(), class, "{length}");
        for (class, max) in (0..).zip(LENGTH_CLASS_BYTES_MAX) {
            check(max, class);
            check(max + 1, class + 1);
        }
        check(0, 0);
        check(64 << 20, 4);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = SortKey::of(3, 5, id(1)).encode();
        let check = |bytes: &[u8]| {
            let error = SortKey::decode(bytes).unwrap_err();
            assert!(error.to_string().contains("is not the sort key of an annotation"), "{error}");
        };
        check(&[]);
        check(&key[..24]);
        check(&[&key[..], &[0]].concat());
        let mut of_another_class = key;
        of_another_class[0] = 1;
        check(&of_another_class);
        check(&SortKey::of(5, 3, id(1)).encode());
    }

    #[test]
    fn windows_are_met_by_what_shares_a_character_and_by_what_is_empty_inside() {
        let check = |window, hull, expected| assert_eq!(meets(window, hull), expected, "{window:?} {hull:?}");
        check((10, 20), (5, 10), false);
        check((10, 20), (5, 11), true);
        check((10, 20), (12, 15), true);
        check((10, 20), (0, 90), true);
        check((10, 20), (19, 25), true);
        check((10, 20), (20, 25), false);
        check((10, 20), (9, 9), false);
        check((10, 20), (10, 10), true);
        check((10, 20), (20, 20), true);
        check((10, 20), (21, 21), false);
        check((10, 10), (9, 11), true);
        check((10, 10), (9, 10), false);
        check((10, 10), (10, 11), false);
        check((10, 10), (10, 10), true);
        check((10, 10), (9, 9), false);
    }

    #[test]
    fn bounds_hold_what_only_just_meets_a_window() {
        let check = |window, start, end| {
            let key = SortKey::of(start, end, id(1));
            assert!(meets(window, (start, end)));
            let (from, to) = SortKey::bounds(key.class(), Some(window), None).unwrap();
            assert!(from <= key.encode().to_vec() && key.encode().to_vec() < to, "{window:?} {key:?}");
        };
        let window = (10 << 20, 11 << 20);
        for max in LENGTH_CLASS_BYTES_MAX {
            check(window, window.0 + 1 - max, window.0 + 1);
        }
        check(window, 0, window.0 + 1);
        check(window, window.0, window.0);
        check(window, window.1, window.1);
        check(window, window.1 - 1, 12 << 20);
        check((0, u32::MAX), u32::MAX, u32::MAX);
    }

    #[test]
    fn bounds_begin_behind_the_last_of_a_page() {
        let check = |start, end, n, expected| {
            let key = SortKey::of(start, end, id(n));
            let after = DocumentPosition::new(Section::Text, 5, 8, id(2));
            let (from, _) = SortKey::bounds(0, Some((0, 9)), Some(after)).unwrap();
            assert_eq!(from <= key.encode().to_vec(), expected, "{key:?}");
        };
        check(5, 8, 2, false);
        check(5, 8, 1, false);
        check(5, 9, 3, false);
        check(4, 8, 3, false);
        check(5, 8, 3, true);
        check(5, 7, 1, true);
        check(6, 6, 1, true);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_or_damage(bytes in prop::collection::vec(prop_oneof![0..9_u8, any::<u8>()], 24..27)) {
            if let Ok(key) = SortKey::decode(&bytes) {
                prop_assert_eq!(&key.encode()[..], &bytes[..]);
            }
            if let Some(position) = DocumentPosition::decode(&bytes) {
                prop_assert_eq!(&position.encode()[..], &bytes[..]);
            }
        }

        #[test]
        fn bytes_sort_as_keys_and_positions_do(keys in prop::collection::vec((0..2_000u32, 0..2_000u32, 0..3u8), 2)) {
            let keys: Vec<_> =
                keys.into_iter().map(|(start, length, n)| SortKey::of(start, start + length, id(n))).collect();
            let [one, other] = keys[..] else { unreachable!() };
            prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
            let (one, other) = (one.position(), other.position());
            prop_assert_eq!(one.encode().cmp(&other.encode()), one.cmp(&other));
            let naive = one.start().cmp(&other.start()).then(other.end().cmp(&one.end())).then(one.id().cmp(&other.id()));
            prop_assert_eq!(one.cmp(&other), naive);
            prop_assert_eq!(DocumentPosition::decode(&one.encode()), Some(one));
        }

        #[test]
        fn bounds_leave_out_nothing_that_meets_a_window(
            window in prop_oneof![(0..20_000u32, 0..20_000u32), (0..u32::MAX, 0..u32::MAX)],
            hull in prop_oneof![(0..20_000u32, 0..20_000u32), (0..u32::MAX, 0..u32::MAX)],
        ) {
            let sorted = |(a, b): (u32, u32)| (a.min(b), a.max(b));
            let (window, (start, end)) = (sorted(window), sorted(hull));
            let key = SortKey::of(start, end, id(1));
            let (from, to) = SortKey::bounds(key.class(), Some(window), None).unwrap();
            let bytes = key.encode().to_vec();
            prop_assert!(!meets(window, (start, end)) || (from <= bytes && bytes < to));
        }
    }

    fn id(byte: u8) -> AnnotationId {
        AnnotationId::from_bytes([byte; 16])
    }
}
