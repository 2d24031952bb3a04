//! What a database says of itself: that it is ours, and whether it has all that was acknowledged.

use super::{super::acknowledged::Said, in_words};
use crate::store::rows_digest::RowsDigest;

/// The row that says that a database is ours; its key is shorter than a partition.
pub(super) const MARK: (&[u8], &[u8]) = (&[0x00], b"spandrel");

/// The key of the row that says how many batches were applied, and what all rows but this and the mark amount to.
pub(super) const STATE: &[u8] = &[0x01];

/// The first format whose databases have such a row.
pub(super) const FORMAT_THAT_COUNTS: u32 = 2;

/// What the state row says. Stored as batches:8 digest:16, big-endian.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) batches: u64,
    pub(super) digest: RowsDigest,
}

impl State {
    pub(super) fn encode(self) -> Vec<u8> {
        [&self.batches.to_be_bytes()[..], &self.digest.to_bytes()].concat()
    }

    fn decode(row: &[u8]) -> Option<Self> {
        let (batches, digest) = row.split_first_chunk()?;
        let digest = RowsDigest::from_bytes(digest.try_into().ok()?);
        Some(Self { batches: u64::from_be_bytes(*batches), digest })
    }
}

pub(super) const ROWS_DIFFER: &str = "some of its rows are missing or are older than what was acknowledged";

pub(super) fn check_mark(rows: &sled::Db) -> Result<(), String> {
    match rows.get(MARK.0) {
        Ok(Some(mark)) if mark == MARK.1 => Ok(()),
        Ok(_) => Err("nothing that Spandrel wrote can be found in it".to_owned()),
        Err(error) => Err(in_words(&error)),
    }
}

/// Checks that the database has what was acknowledged, and returns its state.
pub(super) fn check_state(rows: &sled::Db, said: Said, doubt: Option<&str>) -> Result<State, String> {
    let words = |error| in_words(&error);
    let row = rows.get(STATE).map_err(words)?.ok_or("the row that counts its batches is missing")?;
    let state = State::decode(&row).ok_or("the row that counts its batches cannot be read")?;
    match said {
        Said::Count(count) if count > state.batches => {
            return Err(format!(
                "the newest {} of its {count} batches of writes are missing",
                count - state.batches
            ));
        }
        Said::Count(_) if doubt.is_none() => return Ok(state),
        // What a crash cut off looks like damage, and the count may have been damaged itself.
        Said::Count(_) | Said::Garbled | Said::Nothing => {}
    }
    tracing::info!(doubt = doubt.unwrap_or("how much was acknowledged is not known"), "looking at all rows");
    if digest(rows)? == state.digest {
        return Ok(state);
    }
    Err(doubt.map_or_else(|| ROWS_DIFFER.to_owned(), |doubt| format!("{doubt}; {ROWS_DIFFER}")))
}

/// The state of a database whose batches nobody has counted; or counted, until an older version wrote past the count.
pub(super) fn count(rows: &sled::Db, doubt: Option<&str>) -> Result<State, String> {
    tracing::info!("the data folder is in an older format; looking at all rows");
    if let Some(doubt) = doubt {
        tracing::warn!(doubt, "in the older format nothing can settle a doubt; spandrel verify says more");
    }
    Ok(State { batches: 0, digest: digest(rows)? })
}

/// What all rows amount to, read one by one.
pub(super) fn digest(rows: &sled::Db) -> Result<RowsDigest, String> {
    let mut digest = RowsDigest::default();
    for row in rows.iter() {
        let (key, value) = row.map_err(|error| in_words(&error))?;
        if key != MARK.0 && key != STATE {
            digest.add(&key, &value);
        }
    }
    Ok(digest)
}
