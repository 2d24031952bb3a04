//! Where an annotation stands among an article's: by length class, and in document order.
//!
//! Annotations are kept by the length class of their hull, so that what meets a window is found near it: a hull of a
//! class begins at most the class's maximum before whatever it meets. One over the whole text is then not looked for
//! among the short ones, nor the short ones among the long.

use std::cmp::Reverse;

use bytes::BufMut;

use crate::domain::{Error, Result, annotations::Annotation, ids::AnnotationId};

/// How many length classes there are.
pub const LENGTH_CLASSES: u8 = 5;

/// The longest hull of each class but the last, in bytes. The last takes what is longer, up to the longest text.
/// Part of the stored format.
const CLASS_BYTES_MAX: [u32; 4] = [512, 8 << 10, 128 << 10, 2 << 20];

/// A place in document order: by start, then the longer first, then by id. In bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentPosition {
    start: u32,
    end: Reverse<u32>,
    id: AnnotationId,
}

impl DocumentPosition {
    /// An encoded position.
    pub const BYTES: usize = 24;

    /// The place of an annotation whose first span starts at `start` and whose last ends at `end`.
    #[must_use]
    pub fn new(start: u32, end: u32, id: AnnotationId) -> Self {
        Self { start, end: Reverse(end), id }
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

    /// The position in bytes that sort as positions do: start, complement of end, id.
    #[must_use]
    pub fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = bytes.as_mut_slice();
        rest.put_u32(self.start);
        rest.put_u32(!self.end.0);
        rest.put_slice(self.id.as_bytes());
        bytes
    }

    /// The position that was encoded as `bytes`, or `None` if none was.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&start, rest) = bytes.split_first_chunk()?;
        let (&end, id) = rest.split_first_chunk()?;
        let id = AnnotationId::from_bytes(id.try_into().ok()?);
        Some(Self::new(u32::from_be_bytes(start), !u32::from_be_bytes(end), id))
    }
}

/// The key of an annotation in its article's runs: its length class, then its place in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SortKey {
    class: u8,
    position: DocumentPosition,
}

impl SortKey {
    /// An encoded key.
    pub const BYTES: usize = 1 + DocumentPosition::BYTES;

    /// Of an annotation, by the hull of its spans.
    #[must_use]
    pub fn of_annotation(annotation: &Annotation) -> Self {
        let hull = annotation.mention.anchor.hull();
        Self::of(hull.start.utf8, hull.end.utf8, annotation.id)
    }

    /// The key of an annotation whose hull is `[start, end)`, `start <= end`, in bytes of the text.
    #[must_use]
    pub fn of(start: u32, end: u32, id: AnnotationId) -> Self {
        let length = end.saturating_sub(start);
        let class = CLASS_BYTES_MAX.iter().map(|max| u8::from(length > *max)).sum();
        Self { class, position: DocumentPosition::new(start, end, id) }
    }

    /// The length class, 0 for the shortest, below [`LENGTH_CLASSES`].
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
        rest.put_slice(&self.position.encode());
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
            .and_then(|(class, position)| {
                let position = DocumentPosition::decode(position)?;
                let key = Self::of(position.start(), position.end(), position.id());
                (key.class == *class && position.start() <= position.end()).then_some(key)
            })
            .ok_or_else(|| Error::corrupt(format!("{bytes:02x?} is not the sort key of an annotation")))
    }

    /// The keys of a class that a window and a page leave: from the first key to the one behind the last. They hold
    /// every annotation of the class whose hull meets `window`, and others.
    #[must_use]
    pub(super) fn bounds(
        class: u8,
        window: Option<(u32, u32)>,
        after: Option<DocumentPosition>,
    ) -> (Vec<u8>, Vec<u8>) {
        let reach = CLASS_BYTES_MAX.get(usize::from(class)).copied().unwrap_or(u32::MAX);
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
        if let Some(after) = after {
            let mut next = vec![class];
            next.put_slice(&after.encode());
            next.put_u8(0);
            from = from.max(next);
        }
        (from, to)
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
    }

    #[test]
    fn lengths_fall_into_classes() {
        let check = |length, class| assert_eq!(SortKey::of(0, length, id(1)).class(), class, "{length}");
        for (class, max) in (0..).zip(CLASS_BYTES_MAX) {
            check(max, class);
            check(max + 1, class + 1);
        }
        check(0, 0);
        check(64 << 20, LENGTH_CLASSES - 1);
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
            let (from, to) = SortKey::bounds(key.class(), Some(window), None);
            assert!(from <= key.encode().to_vec() && key.encode().to_vec() < to, "{window:?} {key:?}");
        };
        let window = (10 << 20, 11 << 20);
        for max in CLASS_BYTES_MAX {
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
            let (from, _) = SortKey::bounds(0, Some((0, 9)), Some(DocumentPosition::new(5, 8, id(2))));
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
        fn any_bytes_are_a_key_or_damage(bytes in prop::collection::vec(prop_oneof![0..6_u8, any::<u8>()], 24..27)) {
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
            let (from, to) = SortKey::bounds(key.class(), Some(window), None);
            let bytes = key.encode().to_vec();
            prop_assert!(!meets(window, (start, end)) || (from <= bytes && bytes < to));
        }
    }

    fn id(byte: u8) -> AnnotationId {
        AnnotationId::from_bytes([byte; 16])
    }
}
