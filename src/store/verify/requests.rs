//! The requests that a partition knows, held against its log: each is that of the entry that it leads to, and each entry
//! that carried out a request of the days that are known is led to.

use super::{
    super::{
        committer::{
            Head,
            requests::{self, Bucket, Known},
        },
        engine::{Revision, View as _},
        keys,
    },
    Checker, Place,
    guard::GuardedView,
    log,
};
use crate::{
    domain::{Error, Result},
    proto::stored::LogEntry,
};

/// What the walk through a log counts.
pub(super) struct KnownRequests {
    /// `None` when they cannot be read, which was said.
    known: Option<Known>,
    logged: u64,
}

impl KnownRequests {
    pub(super) fn new(checker: &mut Checker<'_>, place: &Place, view: &GuardedView<'_>) -> Self {
        let known = checker.noted(&format!("{place}, its requests"), Known::read(view));
        Self { known, logged: 0 }
    }

    /// Counts an entry, if it must be led to.
    pub(super) fn count(&mut self, revision: Revision, entry: &LogEntry) {
        let is_known = self.known.as_ref().is_some_and(|known| revision > known.forgotten);
        self.logged += u64::from(entry.request.is_some() && is_known);
    }

    /// Checks the records, once the whole log is counted.
    pub(super) fn check(self, checker: &mut Checker<'_>, place: &Place, head: Head, view: &GuardedView<'_>) {
        let Self { known: Some(known), logged } = self else { return };
        if known.forgotten > head.revision {
            let (forgotten, last) = (known.forgotten.0, head.revision.0);
            checker.problem(
                place,
                &format!("its requests are forgotten up to {forgotten}, and the last is {last}"),
            );
        }
        let place = format!("{place}, its requests");
        let mut records = 0;
        for bucket in &known.buckets {
            checker.attempt(&place, |_| bucket.table().verify(view));
            let found = checker.attempt(&place, |checker| check_bucket(checker, &place, *bucket, view));
            let found = found.unwrap_or(bucket.records);
            if found != bucket.records {
                let what = format!("bucket {} has {found} records, not {}", bucket.number, bucket.records);
                checker.problem(&place, &what);
            }
            records += found;
        }
        if records != logged {
            checker.problem(&place, &format!("{records} are known, and the log has {logged}"));
        }
        checker.attempt(&place, |checker| check_strays(checker, &place, &known, view));
    }
}

/// Checks the records of a bucket, and counts them.
fn check_bucket(
    checker: &mut Checker<'_>,
    place: &str,
    bucket: Bucket,
    view: &GuardedView<'_>,
) -> Result<u64> {
    let (mut records, mut first) = (0, None);
    for record in bucket.table().ascending(view, &[], None) {
        let (key, value) = record?;
        records += 1;
        let revision = requests::read_revision(&value)?;
        let entry = log::entry(view, revision)?;
        let leads_there = entry.as_ref().and_then(|entry| entry.request.as_ref()).is_some_and(|request| {
            let method = u32::from(key.last().copied().unwrap_or_default());
            key.get(..16) == Some(request.id.as_ref()) && request.method == method
        });
        first = first.min(Some(revision)).or(Some(revision));
        if !leads_there {
            let what = format!("{key:02x?} leads to revision {}, which did not carry it out", revision.0);
            checker.problem(&place, &what);
        }
    }
    if first != Some(bucket.first) {
        let (first, number) = (bucket.first.0, bucket.number);
        checker.problem(
            &place,
            &format!("bucket {number} does not begin with what revision {first} carried out"),
        );
    }
    Ok(records)
}

/// Rows of buckets that are not known are about to be swept, and the younger ones are nobody's.
fn check_strays(checker: &mut Checker<'_>, place: &str, known: &Known, view: &GuardedView<'_>) -> Result<()> {
    let Some(first) = known.buckets.first() else { return Ok(()) };
    let (from, to) = (keys::requests(first.number), keys::requests(u32::MAX));
    for row in view.ascending(&from, &to) {
        let number = keys::bucket_of(&row?.0);
        let number = number.ok_or_else(|| Error::corrupt("a row of requests has no bucket"))?;
        if !known.buckets.iter().any(|bucket| bucket.number == number) {
            checker.problem(&place, &format!("bucket {number} has rows and is not known"));
            return Ok(());
        }
    }
    Ok(())
}
