//! A partition's log: one entry a commit, kept until it is trimmed.

use bytes::Bytes;
use prost::Message as _;

use super::head::Head;
use crate::{
    domain::{Error, Result},
    limits::{MAINTENANCE_ROWS_MAX, VALUE_BYTES_MAX, VIEW_ROWS_MAX},
    proto::stored::LogEntry,
    store::{
        engine::{Change, Commit, LogError, Revision, Row, Stamp, Timestamp, View},
        keys::{self, KeyRange},
        long_values, records,
    },
};

/// The rows of a commit's entry.
pub(super) fn rows(commit: &Commit) -> Result<Vec<Row>> {
    let entry = LogEntry {
        commit_time_us: commit.stamp.time.0,
        changes: commit.changes.iter().map(|change| change.record.clone()).collect(),
        request: commit.origin.request.as_ref().map(records::request),
        undone_revision: commit.origin.undone.unwrap_or_default().0,
    };
    long_values::rows(&keys::log(commit.stamp.revision.0), &entry.encode_to_vec())
}

/// The commits after `after`; see `Engine::log_after`.
pub(super) fn after(
    view: &dyn View,
    after: Revision,
    max_bytes: usize,
) -> Result<Result<Vec<Commit>, LogError>> {
    let head = Head::read(view)?;
    if after < head.log_floor {
        return Ok(Err(LogError::Compacted { earliest: head.log_floor.next() }));
    }
    let mut commits = Vec::new();
    if after >= head.revision {
        return Ok(Ok(commits));
    }
    let mut expected = after;
    let (mut rows, mut bytes) = (0, 0);
    let entries = entries(expected, head.revision);
    for entry in long_values::scan(view, &entries, entries.from.len()) {
        let (key, value) = entry?;
        expected = expected.next();
        if keys::number_of(&key) != Some(expected.0) {
            return Err(Error::corrupt(format!("the log has no entry of revision {}", expected.0)));
        }
        (rows, bytes) = (rows + 1 + value.len() / VALUE_BYTES_MAX, bytes + value.len());
        commits.push(decode(expected, &value)?);
        if rows >= VIEW_ROWS_MAX || bytes >= max_bytes {
            return Ok(Ok(commits));
        }
    }
    if expected < head.revision {
        return Err(Error::corrupt(format!("the log has no entry of revision {}", expected.next().0)));
    }
    Ok(Ok(commits))
}

fn decode(revision: Revision, value: &Bytes) -> Result<Commit> {
    let entry = LogEntry::decode(value.clone())
        .map_err(|error| Error::corrupt(format!("the log's entry of revision {}: {error}", revision.0)))?;
    let LogEntry { commit_time_us, changes, request, undone_revision } = entry;
    let changes = changes.into_iter().map(|record| Change { scope: 0, record });
    Ok(Commit {
        stamp: Stamp { revision, time: Timestamp(commit_time_us) },
        origin: records::read_origin(request, undone_revision)?,
        changes: changes.collect(),
    })
}

/// The commit of `revision`, if the log keeps it.
pub(in crate::store) fn entry(view: &dyn View, revision: Revision) -> Result<Option<Commit>> {
    let value = long_values::get(view, &keys::log(revision.0))?;
    value.map(|value| decode(revision, &value)).transpose()
}

/// What one step of trimming deletes.
#[derive(Debug, Default)]
pub(super) struct Trim {
    /// The rows, of whole entries.
    pub(super) keys: Vec<Bytes>,
    /// The last revision that the log does not keep after this step.
    pub(super) floor: Revision,
    /// Whether it was the last step.
    pub(super) done: bool,
}

/// The next step of trimming up to and with `through`: a bounded number of rows, or one entry.
pub(super) fn trim(view: &dyn View, head: Head, through: Revision) -> Result<Trim> {
    let through = through.min(head.revision).max(head.log_floor);
    let mut trim = Trim { keys: Vec::new(), floor: head.log_floor, done: true };
    let entries = entries(head.log_floor, through);
    for row in view.ascending(&entries.from, &entries.to) {
        let (key, _) = row?;
        let revision = keys::number_of(&key).map(Revision);
        let revision = revision.ok_or_else(|| Error::corrupt("a key of the log has no revision"))?;
        if revision > trim.floor && trim.keys.len() >= MAINTENANCE_ROWS_MAX {
            trim.done = false;
            return Ok(trim);
        }
        trim.floor = revision;
        trim.keys.push(key);
    }
    trim.floor = through;
    Ok(trim)
}

/// The rows of the entries after `after`, up to and with `through`.
fn entries(after: Revision, through: Revision) -> KeyRange {
    KeyRange { from: keys::log(after.next().0), to: keys::log(through.next().0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::requests::{Method, Request, RequestId},
        store::engine::Origin,
    };

    /// These bytes are on people's disks.
    #[test]
    fn entries_keep_their_bytes() {
        let change = |record: &'static [u8]| Change { scope: 0, record: Bytes::from_static(record) };
        let commit = Commit {
            stamp: Stamp { revision: Revision(0x0a0b), time: Timestamp(1_700_000_000_000_000) },
            origin: Origin::default(),
            changes: vec![change(&[1, 2]), change(&[3])],
        };
        let rows = rows(&commit).unwrap();
        let [(key, value)] = &rows[..] else { panic!("{} rows", rows.len()) };
        assert_eq!(hex::encode(key), "020000000000000a0b");
        // The length of the whole, as of every long value; the time; the changes.
        assert_eq!(hex::encode(value), "00000010088080f9c0c1c4820312020102120103");
        assert_eq!(decode(commit.stamp.revision, &value.slice(4..)), Ok(commit));
    }

    /// These bytes are on people's disks.
    #[test]
    fn entries_of_requests_and_undos_keep_their_bytes() {
        let request = Request {
            id: RequestId::from_bytes([0xee; 16]).unwrap(),
            method: Method::UndoCommit,
            body: [0x11; 16],
        };
        let commit = Commit {
            stamp: Stamp { revision: Revision(9), time: Timestamp(1) },
            origin: Origin { request: Some(request), undone: Some(Revision(7)) },
            changes: Vec::new(),
        };
        let rows = rows(&commit).unwrap();
        let [(_, value)] = &rows[..] else { panic!("{} rows", rows.len()) };
        let id_and_body = ("ee".repeat(16), "11".repeat(16));
        let expected = format!("0000002c08011a260a10{}100d1a10{}2007", id_and_body.0, id_and_body.1);
        assert_eq!(hex::encode(value), expected);
        assert_eq!(decode(commit.stamp.revision, &value.slice(4..)), Ok(commit));
    }
}
