//! The requests that a partition's commits carried out, so that a retry is known.
//!
//! A record is the request's id and method, and the revision of its commit; whether a retry asks for the same is seen
//! from the log's entry, which the answer is made from, too. Records stand in buckets of six hours, one packed table
//! each, and a bucket is forgotten whole: once its youngest record is a day old. Until then the log keeps its entries.
//!
//! Ids that are made in the order of time (UUIDv7) stand in that order, and cost next to nothing to add; with others
//! each takes a row somewhere in the bucket.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::{head::Head, log};
use crate::{
    domain::{Error, Problem, Result, requests::Request},
    limits::{MAINTENANCE_ROWS_MAX, REQUEST_AGE_MIN, REQUEST_BUCKET, REQUESTS_MAX},
    store::{
        engine::{Commit, Draft, Revision, Stamp, Timestamp, View},
        keys,
        runs::RunTable,
    },
};

/// A bucket that is not forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Bucket {
    /// Its time in buckets since 1970.
    pub(in crate::store) number: u32,
    /// How many records it has.
    pub(in crate::store) records: u64,
    /// The revision of the first of them.
    pub(in crate::store) first: Revision,
}

impl Bucket {
    const BYTES: usize = 20;

    pub(in crate::store) fn table(self) -> RunTable {
        RunTable::new(keys::requests(self.number))
    }
}

/// The bucket of a commit at this time.
pub(in crate::store) fn bucket_number(time: Timestamp) -> u32 {
    let bucket_us = i64::try_from(REQUEST_BUCKET.as_micros()).unwrap_or(i64::MAX);
    u32::try_from(time.0.max(0) / bucket_us).unwrap_or(u32::MAX)
}

/// The oldest bucket that has a record of less than a day of age at `now`.
pub(in crate::store) fn oldest_live(now: Timestamp) -> u32 {
    let age_us = i64::try_from(REQUEST_AGE_MIN.as_micros()).unwrap_or(i64::MAX);
    bucket_number(Timestamp(now.0.saturating_sub(age_us)))
}

/// Which requests are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Known {
    /// What commits up to this one carried out is forgotten. What later ones did is known: so that nothing is lost unseen.
    pub(in crate::store) forgotten: Revision,
    /// The buckets that are not forgotten and have records, the oldest first.
    pub(in crate::store) buckets: Vec<Bucket>,
}

impl Known {
    pub(in crate::store) fn read(view: &dyn View) -> Result<Self> {
        let Some(mut row) = view.get(keys::REQUEST_BUCKETS)? else { return Ok(Self::default()) };
        let forgotten = row.try_get_u64().map(Revision);
        let forgotten = forgotten.map_err(|_| Error::corrupt("the buckets of requests are none"))?;
        let mut buckets: Vec<Bucket> = Vec::with_capacity(row.len() / Bucket::BYTES);
        while row.len() >= Bucket::BYTES {
            let (number, records, first) = (row.get_u32(), row.get_u64(), Revision(row.get_u64()));
            let is_next = buckets.last().is_none_or(|last| last.number < number && last.first < first);
            if !is_next || first <= forgotten {
                return Err(Error::corrupt("the buckets of requests are not in order"));
            }
            buckets.push(Bucket { number, records, first });
        }
        if row.is_empty() {
            Ok(Self { forgotten, buckets })
        } else {
            Err(Error::corrupt("the buckets of requests end within one"))
        }
    }

    fn row(&self) -> (Bytes, Bytes) {
        let mut row = BytesMut::with_capacity(size_of::<u64>() + self.buckets.len() * Bucket::BYTES);
        row.put_u64(self.forgotten.0);
        for Bucket { number, records, first } in &self.buckets {
            row.put_u32(*number);
            row.put_u64(*records);
            row.put_u64(first.0);
        }
        (Bytes::from_static(keys::REQUEST_BUCKETS), row.freeze())
    }

    /// Forgets the buckets before `oldest`, when the last commit is `last`. Whether there were any.
    fn forget_before(&mut self, oldest: u32, last: Revision) -> bool {
        let before = self.buckets.len();
        self.buckets.retain(|bucket| bucket.number >= oldest);
        let has_forgotten = self.buckets.len() < before;
        if has_forgotten {
            let kept = self.buckets.first().map(|bucket| Revision(bucket.first.0.saturating_sub(1)));
            self.forgotten = kept.unwrap_or(last);
        }
        has_forgotten
    }
}

/// A record's key in its bucket.
pub(in crate::store) fn record_key(request: &Request) -> [u8; 17] {
    let mut key = [0; 17];
    let (id, method) = key.split_at_mut(16);
    id.copy_from_slice(request.id.as_bytes());
    method.fill(request.method.number());
    key
}

/// The commit that carried out `request`, if it is known.
///
/// # Errors
///
/// REQUEST_ID_REUSED when the id was used with another request; STORAGE_CORRUPT when the log lacks the commit.
pub(in crate::store) fn find(view: &dyn View, request: &Request) -> Result<Option<Commit>> {
    let key = record_key(request);
    for bucket in Known::read(view)?.buckets.into_iter().rev() {
        let Some(revision) = bucket.table().get(view, &key)? else { continue };
        let revision = read_revision(&revision)?;
        let commit = log::entry(view, revision)?;
        let commit = commit.ok_or_else(|| {
            Error::corrupt(format!("the log has no entry of revision {}, which a retry asks for", revision.0))
        })?;
        if commit.origin.request != Some(*request) {
            return Err(Error::at("request_id", Problem::RequestIdReused));
        }
        return Ok(Some(commit));
    }
    Ok(None)
}

/// The revision in a record.
pub(in crate::store) fn read_revision(record: &Bytes) -> Result<Revision> {
    let revision = record.as_ref().try_into().map(|bytes| Revision(u64::from_be_bytes(bytes)));
    revision.map_err(|_| Error::corrupt("the record of a request has no revision"))
}

/// Writes that the commit of `stamp` carries out `request`, which is not known. Buckets that are too old by then are
/// forgotten with it, so that the row that says which there are stays short, however seldom somebody sweeps; their rows
/// are left to [`forget`].
///
/// # Errors
///
/// OVERLOADED when as many are known as may be.
pub(in crate::store) fn record(draft: &mut Draft<'_>, stamp: Stamp, request: &Request) -> Result<()> {
    let mut known = Known::read(draft)?;
    known.forget_before(oldest_live(stamp.time), Revision(stamp.revision.0.saturating_sub(1)));
    let buckets = &mut known.buckets;
    if buckets.iter().map(|bucket| bucket.records).sum::<u64>() >= REQUESTS_MAX {
        return Err(Problem::Overloaded.into());
    }
    let number = bucket_number(stamp.time);
    // A forgotten bucket whose rows were not deleted yet may begin again, when the clock was set back.
    let is_new = buckets.last().is_none_or(|last| last.number < number);
    if is_new {
        buckets.push(Bucket { number, records: 0, first: stamp.revision });
    }
    let Some(bucket) = buckets.last_mut() else { return Ok(()) };
    bucket.records += 1;
    let replaced = bucket.table().insert(draft, &record_key(request), &stamp.revision.0.to_be_bytes())?;
    if replaced.is_some() && !is_new {
        return Err(Error::corrupt(format!("request {} was carried out twice", request.id)));
    }
    let (key, row) = known.row();
    draft.put(key, row);
    Ok(())
}

/// Writes that nothing is known that commits up to `last` carried out, where nothing is.
pub(in crate::store) fn leave_out(draft: &mut Draft<'_>, last: Revision) {
    let (key, row) = Known { forgotten: last, buckets: Vec::new() }.row();
    draft.put(key, row);
}

/// What one step of forgetting writes.
#[derive(Debug, Default)]
pub(super) struct Forgetting {
    pub(super) rows: Vec<(Bytes, Option<Bytes>)>,
    /// Whether it was the last step.
    pub(super) done: bool,
}

/// The next step of forgetting what is old at `now`: first that the buckets are there, then their rows.
pub(super) fn forget(view: &dyn View, now: Timestamp) -> Result<Forgetting> {
    let mut known = Known::read(view)?;
    let mut rows = Vec::new();
    if known.forget_before(oldest_live(now), Head::read(view)?.revision) {
        let (key, row) = known.row();
        rows.push((key, Some(row)));
    }
    let first = known.buckets.first().map_or(u32::MAX, |bucket| bucket.number);
    let (from, to) = (keys::requests(0), keys::requests(first));
    let old = view.ascending(&from, &to).take(MAINTENANCE_ROWS_MAX - 1);
    let old = old.map(|row| row.map(|(key, _)| (key, None))).collect::<Result<Vec<_>>>()?;
    let done = old.len() < MAINTENANCE_ROWS_MAX - 1;
    rows.extend(old);
    Ok(Forgetting { rows, done })
}

/// The last revision that the log may forget, as long as these buckets stand.
pub(super) fn log_floor_max(view: &dyn View) -> Result<Option<Revision>> {
    Ok(Known::read(view)?.buckets.first().map(|oldest| Revision(oldest.first.0.saturating_sub(1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::requests::{Method, RequestId},
        store::testing::MemoryRows,
    };

    const HOUR: i64 = 3_600_000_000;

    fn request(id: u8, method: Method) -> Request {
        Request { id: RequestId::from_bytes([id; 16]).unwrap(), method, body: [0; 16] }
    }

    fn stamp(revision: u64, hour: i64) -> Stamp {
        Stamp { revision: Revision(revision), time: Timestamp(hour * HOUR) }
    }

    /// These bytes are on people's disks.
    #[test]
    fn records_and_buckets_keep_their_bytes() {
        let mut rows = MemoryRows::default();
        rows.commit(|draft| record(draft, stamp(0x0102, 13), &request(0xee, Method::UndoCommit))).unwrap();
        rows.commit(|draft| record(draft, stamp(0x0103, 18), &request(0xdd, Method::UndoCommit))).unwrap();
        let found: Vec<_> =
            rows.0.iter().map(|(key, value)| (hex::encode(key), hex::encode(value))).collect();
        let expected = [
            (
                "03",
                "0000000000000000 0000000200000000000000010000000000000102 \
                 0000000300000000000000010000000000000103",
            ),
            ("0400000002", "011108eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee0d0000000000000102"),
            ("0400000003", "011108dddddddddddddddddddddddddddddddd0d0000000000000103"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.replace(' ', "")));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_bucket_is_forgotten_once_its_youngest_record_is_a_day_old() {
        let mut rows = MemoryRows::default();
        rows.commit(|draft| record(draft, stamp(7, 0), &request(1, Method::CreateArticle))).unwrap();
        rows.commit(|draft| record(draft, stamp(8, 5), &request(1, Method::UpdateArticle))).unwrap();
        rows.commit(|draft| record(draft, stamp(9, 6), &request(2, Method::CreateArticle))).unwrap();
        let head = Head { revision: Revision(9), ..Head::default() }.encode();
        rows.0.insert(Bytes::from_static(keys::HEAD), head);
        let check = |rows: &mut MemoryRows, hour: i64, buckets_left: usize, floor: Option<u64>| {
            let Forgetting { rows: writes, done } = forget(rows, Timestamp(hour * HOUR)).unwrap();
            assert!(done);
            rows.commit(|draft| {
                for (key, value) in writes {
                    match value {
                        Some(value) => draft.put(key, value),
                        None => draft.delete(key),
                    }
                }
                Ok(())
            })
            .unwrap();
            assert_eq!(Known::read(rows).unwrap().buckets.len(), buckets_left, "at {hour} h");
            assert_eq!(log_floor_max(rows).unwrap(), floor.map(Revision), "at {hour} h");
        };
        check(&mut rows, 29, 2, Some(6));
        assert_eq!(rows.0.len(), 4, "the head, the buckets, and a row of each");
        check(&mut rows, 30, 1, Some(8));
        check(&mut rows, 35, 1, Some(8));
        check(&mut rows, 36, 0, None);
        // Which are forgotten is not.
        assert_eq!(rows.0.len(), 2);
        assert_eq!(Known::read(&rows), Ok(Known { forgotten: Revision(9), buckets: Vec::new() }));
        // The clock was ahead.
        rows.commit(|draft| record(draft, stamp(10, 5), &request(3, Method::CreateArticle))).unwrap();
        let bucket = Bucket { number: 0, records: 1, first: Revision(10) };
        assert_eq!(Known::read(&rows), Ok(Known { forgotten: Revision(9), buckets: vec![bucket] }));
    }

    #[test]
    fn no_more_are_known_than_may_be() {
        let mut rows = MemoryRows::default();
        let bucket = |records| Bucket { number: 0, records, first: Revision(1) };
        let full = Known { forgotten: Revision(0), buckets: vec![bucket(REQUESTS_MAX - 1)] };
        rows.0.extend([full.row()]);
        let mut add = |id| rows.commit(|draft| record(draft, stamp(9, 0), &request(id, Method::UndoCommit)));
        assert_eq!(add(1), Ok(()));
        assert_eq!(add(2), Err(Problem::Overloaded.into()));
    }
}
