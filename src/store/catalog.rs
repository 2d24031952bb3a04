//! The catalog of projects, in partition 0: which number an id has, and how far its creation or deletion has come.

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};

use super::{
    engine::{Draft, Partition, View},
    keys,
    records::{decode, read_uid, uid_bytes},
    runs::RunTable,
};
use crate::{
    domain::{Error, Result, ids::ProjectId, revisions::ProjectUid},
    proto::stored,
};

/// How far a project's creation or deletion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its number is taken; its partition may or may not have been initialised.
    Reserved,
    /// It is in use.
    Active,
    /// It was deleted; the rows of its partition are to be swept.
    Deleted,
}

/// A project in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: ProjectId,
    /// Where its rows are.
    pub partition: Partition,
    /// This life of it.
    pub uid: ProjectUid,
    /// How far it is.
    pub state: State,
}

/// The first 16 bytes of SHA-256 of an id: a key of fixed length for a name of any.
#[must_use]
pub fn id_hash(id: &str) -> [u8; 16] {
    let digest = Sha256::digest(id.as_bytes());
    digest.first_chunk().copied().unwrap_or_default()
}

/// The entry of the project called `id`, unless it is deleted.
///
/// # Errors
///
/// As every read.
pub fn find(view: &dyn View, id: &ProjectId) -> Result<Option<Entry>> {
    let Some(number) = ids().get(view, &id_hash(id.as_str()))? else { return Ok(None) };
    let number = number.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    let number = number.ok_or_else(|| Error::corrupt("a project's number is not 4 bytes"))?;
    let entry = view.get(&keys::catalog_entry(number))?;
    let entry = entry.ok_or_else(|| Error::corrupt(format!("project {id} has a number and no entry")))?;
    read(Partition(number), &entry).map(Some)
}

/// All entries from `from` on, in the order of their numbers.
pub fn entries(view: &dyn View, from: Partition) -> impl Iterator<Item = Result<Entry>> + '_ {
    let range = keys::catalog_entries();
    view.ascending(&keys::catalog_entry(from.0), &range.to).map(|row| {
        let (key, value) = row?;
        let number =
            keys::project_number_of(&key).ok_or_else(|| Error::corrupt("a catalog key is too short"))?;
        read(Partition(number), &value)
    })
}

/// Takes the next project number for `id`, which must be free.
///
/// # Errors
///
/// As every read; STORAGE_CORRUPT when the numbers are used up.
pub fn reserve(draft: &mut Draft<'_>, id: &ProjectId, uid: ProjectUid) -> Result<Entry> {
    let next = match draft.get(keys::PROJECT_NUMBERS)? {
        Some(next) => next.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)),
        None => Some(Partition::CATALOG.0 + 1),
    };
    let next = next.ok_or_else(|| Error::corrupt("the next project number is not 4 bytes"))?;
    let after = next.checked_add(1).ok_or_else(|| Error::corrupt("all project numbers are used"))?;
    draft.put(keys::PROJECT_NUMBERS, Bytes::copy_from_slice(&after.to_be_bytes()));
    ids().insert(draft, &id_hash(id.as_str()), &next.to_be_bytes())?;
    let entry = Entry { id: id.clone(), partition: Partition(next), uid, state: State::Reserved };
    put(draft, &entry);
    Ok(entry)
}

/// Says that a reserved project is in use.
pub fn activate(draft: &mut Draft<'_>, entry: &Entry) {
    put(draft, &Entry { state: State::Active, ..entry.clone() });
}

/// Frees the id of a project whose partition is fenced, and leaves the partition to the sweep.
///
/// # Errors
///
/// As every read.
pub fn release(draft: &mut Draft<'_>, entry: &Entry) -> Result<()> {
    let hash = id_hash(entry.id.as_str());
    let holder = ids().get(draft, &hash)?;
    // A start that finishes a cut-off delete may come after the id was taken again.
    if holder.is_some_and(|number| number.as_ref() == entry.partition.0.to_be_bytes()) {
        ids().remove(draft, &hash)?;
    }
    put(draft, &Entry { state: State::Deleted, ..entry.clone() });
    Ok(())
}

/// Forgets a deleted project whose partition is swept.
pub fn forget(draft: &mut Draft<'_>, partition: Partition) {
    draft.delete(keys::catalog_entry(partition.0));
}

/// Hash of the id to number.
pub(super) fn ids() -> RunTable {
    RunTable::new(Bytes::from_static(keys::PROJECT_IDS))
}

fn put(draft: &mut Draft<'_>, entry: &Entry) {
    let Entry { id, partition, uid, state } = entry;
    let state = match state {
        State::Reserved => stored::catalog_entry::State::Reserved,
        State::Active => stored::catalog_entry::State::Active,
        State::Deleted => stored::catalog_entry::State::Deleted,
    };
    let record =
        stored::CatalogEntry { id: id.as_str().to_owned(), state: state.into(), uid: uid_bytes(*uid) };
    draft.put(keys::catalog_entry(partition.0), record.encode_to_vec());
}

/// Reads a project's entry.
pub(super) fn read(partition: Partition, bytes: &[u8]) -> Result<Entry> {
    let record: stored::CatalogEntry = decode(bytes)?;
    let state = match record.state() {
        stored::catalog_entry::State::Reserved => State::Reserved,
        stored::catalog_entry::State::Active => State::Active,
        stored::catalog_entry::State::Deleted => State::Deleted,
        stored::catalog_entry::State::Unspecified => {
            return Err(Error::corrupt("a catalog entry has no state"));
        }
    };
    let id = ProjectId::parse("id", &record.id).map_err(|error| Error::corrupt(error.to_string()))?;
    Ok(Entry { id, partition, uid: read_uid(&record.uid)?, state })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::testing::MemoryRows;

    /// These bytes are on people's disks.
    #[test]
    fn the_catalog_keeps_its_bytes() {
        let id = ProjectId::parse("", "p").unwrap();
        let uid = ProjectUid(Uuid::from_bytes([0x11; 16]));
        let mut rows = MemoryRows::default();
        let check = |rows: &MemoryRows, expected: &[(&str, &str)]| {
            let row = |(key, value): (&Bytes, &Bytes)| (hex::encode(key), hex::encode(value));
            let expected: Vec<_> =
                expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(rows.0.iter().map(row).collect::<Vec<_>>(), expected);
        };
        // SHA-256 of "p" begins with 148de9c5.
        let number_of_p = ("50", "011004148de9c5a7a44d19e56cd9ae1a554bf600000001");
        let entry = rows.commit(|draft| reserve(draft, &id, uid)).unwrap();
        let reserved = ("5100000001", "0a017010011a1011111111111111111111111111111111");
        check(&rows, &[number_of_p, reserved, ("52", "00000002")]);
        let activated = rows.commit(|draft| {
            activate(draft, &entry);
            Ok(())
        });
        activated.unwrap();
        let active = ("5100000001", "0a017010021a1011111111111111111111111111111111");
        check(&rows, &[number_of_p, active, ("52", "00000002")]);
        assert_eq!(find(&rows, &id), Ok(Some(Entry { state: State::Active, ..entry.clone() })));
        rows.commit(|draft| release(draft, &entry)).unwrap();
        let deleted = ("5100000001", "0a017010031a1011111111111111111111111111111111");
        check(&rows, &[deleted, ("52", "00000002")]);
    }
}
