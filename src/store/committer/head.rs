//! A partition's head: one row that counts its commits.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::{
    domain::{Error, Result},
    limits::REVISION_MAX,
    store::{
        engine::{Revision, Timestamp, View},
        keys,
    },
};

/// Stored as revision:8 time:8 `log_floor:8`, big-endian.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store) struct Head {
    /// The last commit.
    pub(in crate::store) revision: Revision,
    /// Its time.
    pub(in crate::store) time: Timestamp,
    /// The last commit that the log no longer keeps.
    pub(in crate::store) log_floor: Revision,
}

const HEAD_BYTES: usize = 24;

impl Head {
    /// The head of a view's partition; zeros before the first commit.
    pub(in crate::store) fn read(view: &dyn View) -> Result<Self> {
        view.get(keys::HEAD)?.map_or_else(|| Ok(Self::default()), Self::decode)
    }

    pub(in crate::store) fn encode(self) -> Bytes {
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
        let head = Self {
            revision: Revision(row.get_u64()),
            time: Timestamp(row.get_i64()),
            log_floor: Revision(row.get_u64()),
        };
        // Behind the last one there would be no next.
        if head.revision.0 > REVISION_MAX || head.log_floor > head.revision {
            let Self { revision, log_floor, .. } = head;
            let what =
                format!("a head has revision {} and a log without the first {}", revision.0, log_floor.0);
            return Err(Error::corrupt(what));
        }
        Ok(head)
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

    /// Counting on from the last number of all was a panic in whoever read the log.
    #[test]
    fn a_head_that_cannot_be_is_damage() {
        let check = |revision, log_floor, is_head: bool| {
            let head =
                Head { revision: Revision(revision), time: Timestamp(0), log_floor: Revision(log_floor) };
            assert_eq!(Head::decode(head.encode()).is_ok(), is_head, "{head:?}");
        };
        check(REVISION_MAX, REVISION_MAX, true);
        check(REVISION_MAX + 1, 0, false);
        check(u64::MAX, u64::MAX, false);
        check(4, 5, false);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_damage(row in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 23..26)) {
            if let Ok(head) = Head::decode(row.clone().into()) {
                prop_assert_eq!(&head.encode()[..], &row[..]);
            }
        }
    }
}
