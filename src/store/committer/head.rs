//! A partition's head: one row that counts its commits.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::{
    domain::{Error, Result},
    store::{
        engine::{Revision, Timestamp, View},
        keys,
    },
};

/// Stored as revision:8 time:8 `log_floor:8`, big-endian.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The last commit.
    pub(super) revision: Revision,
    /// Its time.
    pub(super) time: Timestamp,
    /// The last commit that the log no longer keeps.
    pub(super) log_floor: Revision,
}

const HEAD_BYTES: usize = 24;

impl Head {
    /// The head of a view's partition; zeros before the first commit.
    pub(super) fn read(view: &dyn View) -> Result<Self> {
        view.get(keys::HEAD)?.map_or_else(|| Ok(Self::default()), Self::decode)
    }

    pub(super) fn encode(self) -> Bytes {
        let mut row = BytesMut::with_capacity(HEAD_BYTES);
        row.put_u64(self.revision.0);
        row.put_i64(self.time.0);
        row.put_u64(self.log_floor.0);
        row.freeze()
    }

    fn decode(mut row: Bytes) -> Result<Self> {
        if row.len() != HEAD_BYTES {
            return Err(Error::corrupt(format!("a head has {} bytes, not {HEAD_BYTES}", row.len())));
        }
        Ok(Self {
            revision: Revision(row.get_u64()),
            time: Timestamp(row.get_i64()),
            log_floor: Revision(row.get_u64()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// These bytes are on people's disks.
    #[test]
    fn a_head_keeps_its_bytes() {
        let head = Head { revision: Revision(0x0102), time: Timestamp(-2), log_floor: Revision(3) };
        assert_eq!(hex::encode(head.encode()), "0000000000000102fffffffffffffffe0000000000000003");
        assert_eq!(Head::decode(head.encode()), Ok(head));
    }

    #[test]
    fn a_head_of_another_length_is_damage() {
        for row in [&b""[..], &[0; 23], &[0; 25]] {
            let error = Head::decode(Bytes::from_static(row)).unwrap_err();
            assert!(error.to_string().contains("damaged"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_24_bytes_are_a_head(row in prop::array::uniform24(any::<u8>())) {
            let head = Head::decode(Bytes::copy_from_slice(&row)).unwrap();
            prop_assert_eq!(&head.encode()[..], &row[..]);
        }
    }
}
