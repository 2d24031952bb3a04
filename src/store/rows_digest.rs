//! What all rows amount to, in 16 bytes that are kept up to date: rows that went missing, or are old, show.

use twox_hash::{XxHash3_64, XxHash3_128};

/// The sum of the hashes of all rows, whatever their order. It finds accidents, not forgeries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowsDigest(u128);

impl RowsDigest {
    /// Counts a row.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_add(hash(key, value));
    }

    /// Counts a row no more.
    pub(super) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_sub(hash(key, value));
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// XXH3 of the value, seeded with that of the key.
fn hash(key: &[u8], value: &[u8]) -> u128 {
    XxHash3_128::oneshot_with_seed(XxHash3_64::oneshot(key), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[(&str, &str)]) -> RowsDigest {
        let mut digest = RowsDigest::default();
        for (key, value) in rows {
            digest.add(key.as_bytes(), value.as_bytes());
        }
        digest
    }

    #[test]
    fn the_same_rows_amount_to_the_same() {
        let whole = digest(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(digest(&[("c", "3"), ("a", "1"), ("b", "2")]), whole);
        let mut changed = digest(&[("a", "1"), ("b", "0"), ("c", "3"), ("d", "4")]);
        changed.remove(b"d", b"4");
        changed.remove(b"b", b"0");
        changed.add(b"b", b"2");
        assert_eq!(changed, whole);
        assert_eq!(RowsDigest::from_bytes(whole.to_bytes()), whole);
    }

    #[test]
    fn other_rows_amount_to_something_else() {
        let whole = digest(&[("a", "1"), ("b", "2")]);
        let check = |rows: &[(&str, &str)]| assert_ne!(digest(rows), whole, "{rows:?}");
        check(&[("a", "1")]);
        check(&[("a", "2"), ("b", "1")]);
        check(&[("a", "1"), ("b", "2"), ("b", "2")]);
        check(&[("a1", ""), ("b", "2")]);
        check(&[("1", "a"), ("2", "b")]);
    }

    /// These bytes are on people's disks.
    #[test]
    fn a_digest_keeps_its_bytes() {
        assert_eq!(hex::encode(digest(&[]).to_bytes()), "00000000000000000000000000000000");
        assert_eq!(hex::encode(digest(&[("key", "value")]).to_bytes()), "e84582f5c8fe2c1351ad8f295ea71283");
    }
}
