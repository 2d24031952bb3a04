//! Keys as sled gets them: with a byte 0 after each three bytes 0xff in a row, so that none has four.
//!
//! The backend over sled says what four would do.

use std::borrow::Cow;

use bytes::Bytes;

/// As many bytes 0xff in a row as a stored key may have.
const RUN_OF_FF_MAX: usize = 3;

/// A key as it is stored. Keys sort as they did before.
#[must_use]
pub fn stored_key(key: &[u8]) -> Cow<'_, [u8]> {
    if !has_run_of_ff(key) {
        return Cow::Borrowed(key);
    }
    let mut stored = Vec::with_capacity(key.len() + key.len() / RUN_OF_FF_MAX);
    let mut run = 0;
    for byte in key {
        stored.push(*byte);
        run = if *byte == u8::MAX { run + 1 } else { 0 };
        if run == RUN_OF_FF_MAX {
            stored.push(0);
            run = 0;
        }
    }
    Cow::Owned(stored)
}

/// The key that was stored as `stored`.
#[must_use]
pub fn original_key(stored: &[u8]) -> Bytes {
    if !has_run_of_ff(stored) {
        return Bytes::copy_from_slice(stored);
    }
    let mut key = Vec::with_capacity(stored.len());
    let mut run = 0;
    for byte in stored {
        if run == RUN_OF_FF_MAX {
            run = 0;
            continue;
        }
        key.push(*byte);
        run = if *byte == u8::MAX { run + 1 } else { 0 };
    }
    key.into()
}

fn has_run_of_ff(key: &[u8]) -> bool {
    key.windows(RUN_OF_FF_MAX).any(|window| *window == [u8::MAX; RUN_OF_FF_MAX])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// These bytes are on people's disks.
    #[test]
    fn stored_keys_keep_their_bytes() {
        let check = |key: &str, stored: &str| {
            let (key, stored) = (hex::decode(key).unwrap(), hex::decode(stored).unwrap());
            assert_eq!(stored_key(&key), stored);
            assert_eq!(original_key(&stored), key);
        };
        check("00000001200000000000000102", "00000001200000000000000102");
        check("ffff00ffff", "ffff00ffff");
        check("ffffff", "ffffff00");
        check("ffffff01", "ffffff0001");
        check("00ffffffffffffff07", "00ffffff00ffffff00ff07");
    }

    #[test]
    fn stored_keys_sort_as_the_keys_do() {
        let key =
            || proptest::collection::vec(prop_oneof![Just(0), Just(254), 255..=255u8, 255..=255u8], 0..12);
        proptest!(|(left in key(), right in key())| {
            let (stored_left, stored_right) = (stored_key(&left), stored_key(&right));
            prop_assert_eq!(stored_left.cmp(&stored_right), left.cmp(&right));
            prop_assert_eq!(&original_key(&stored_left)[..], &left[..]);
            prop_assert!(!stored_left.windows(4).any(|window| window == [u8::MAX; 4]));
        });
    }
}
