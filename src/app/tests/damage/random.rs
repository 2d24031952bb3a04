//! One row of many is damaged somehow: that never panics, and never passes.

use std::{collections::HashSet, sync::OnceLock};

use bytes::Bytes;
use proptest::{prelude::*, sample::Index};
use prost::Message as _;

use super::{
    super::*,
    database::{LogEntry, P, Q, Rows, Statistics, healthy},
};
use crate::store::{
    article_table::{self, ArticlePlace},
    committer::full_key,
    layer_table, long_values, project_table,
    records::{self, ResourceChange},
    schema_table,
};

#[derive(Debug, Clone)]
enum Damage {
    Remove,
    FlipBit(Index),
    CutOff(Index),
    Lengthen(u8),
    Overwrite(Vec<u8>),
    ValueOf(Index),
    MoveTo(Index),
}

fn damages() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::Remove),
        any::<Index>().prop_map(Damage::FlipBit),
        any::<Index>().prop_map(Damage::FlipBit),
        any::<Index>().prop_map(Damage::FlipBit),
        any::<Index>().prop_map(Damage::CutOff),
        any::<u8>().prop_map(Damage::Lengthen),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Damage::Overwrite),
        any::<Index>().prop_map(Damage::ValueOf),
        any::<Index>().prop_map(Damage::MoveTo),
    ]
}

fn damaged(rows: &Rows, key: &Bytes, damage: &Damage) -> Rows {
    let mut damaged = rows.clone();
    let mut value = damaged.0[key].to_vec();
    let nth = |index: &Index| rows.0.values().nth(index.index(rows.0.len())).unwrap().to_vec();
    match damage {
        Damage::Remove => {
            damaged.0.remove(key);
            return damaged;
        }
        Damage::MoveTo(at) => {
            let mut moved = key.to_vec();
            let bit = at.index(8 * key.len());
            moved[bit / 8] ^= 1 << (bit % 8);
            damaged.0.remove(key);
            damaged.0.insert(moved.into(), value.into());
            return damaged;
        }
        Damage::FlipBit(at) if !value.is_empty() => {
            let bit = at.index(8 * value.len());
            value[bit / 8] ^= 1 << (bit % 8);
        }
        Damage::FlipBit(_) => {}
        Damage::CutOff(at) => value.truncate(at.index(value.len() + 1)),
        Damage::Lengthen(byte) => value.push(*byte),
        Damage::Overwrite(bytes) => value.clone_from(bytes),
        Damage::ValueOf(other) => value = nth(other),
    }
    damaged.0.insert(key.clone(), value.into());
    damaged
}

/// Whether all that is different belongs to what will be swept, of which nothing is asked.
fn only_swept_differs(rows: &Rows, damaged: &Rows) -> bool {
    let mut keys = rows.0.keys().chain(damaged.0.keys());
    keys.all(|key| rows.0.get(key) == damaged.0.get(key) || is_swept(key))
}

/// Whether a row belongs to what will be swept.
fn is_swept(key: &[u8]) -> bool {
    key.starts_with(&Q.0.to_be_bytes()) || key == full_key(Partition::CATALOG, &keys::catalog_entry(Q.0))
}

/// Whether a row only stands elsewhere, where it is found by the same keys: a packed row may stand at any key of its
/// table between the last entry before it and its own first.
fn is_moved_within_its_place(rows: &Rows, key: &Bytes, damaged: &Rows) -> bool {
    let Some(moved) = damaged.0.keys().find(|moved| !rows.0.contains_key(*moved)) else { return false };
    let Some(prefix) = packed_prefix(key) else { return false };
    let rank = |rows: &Rows, key: &Bytes| rows.0.range::<Bytes, _>(..key).count();
    moved.starts_with(&key[..prefix])
        && rank(rows, key) == rank(damaged, moved)
        && first_entry(&rows.0[key]).is_some_and(|first| moved[prefix..] <= *first)
}

/// How long the prefix of a packed row's table is, with the partition.
fn packed_prefix(key: &[u8]) -> Option<usize> {
    match key[4] {
        0x04 => Some(9),
        0x13 | 0x21 | 0x50 => Some(5),
        0x35 => Some(13),
        0x30 | 0x31 | 0x34 => Some(17),
        _ => None,
    }
}

/// The key of the first entry of a packed row.
fn first_entry(row: &Bytes) -> Option<Bytes> {
    let mut entry = row.slice(1..);
    let length = prost::decode_length_delimiter(&mut entry).ok()?;
    prost::decode_length_delimiter(&mut entry).ok()?;
    Some(entry.slice(..length))
}

/// Whether nothing is asked of what was damaged, or it says the same as before.
fn is_harmless(rows: &Rows, key: &Bytes, damaged: &Rows) -> bool {
    let Some(new) = damaged.0.get(key) else {
        return is_moved_within_its_place(rows, key, damaged);
    };
    let old = &rows.0[key];
    match key[4] {
        // An entry that has lost its changes has no time that is held against them; only what was superseded may be lost.
        0x02 => said(rows, key).zip(said(damaged, key)).is_some_and(
            |((time, stands), (new_time, still_stands))| {
                stands == still_stands && (new_time.is_none() || new_time == time)
            },
        ),
        // Numbers that nobody uses may be left out; that none in use is given away is tested by itself.
        0x11 | 0x52 => new.len() == old.len(),
        // Nothing says which is the last request that is forgotten, but that none after it is.
        0x03 => old.get(8..) == new.get(8..) && new.get(..8) < old.get(20..28),
        // Then it is to be swept at once, as one is that an earlier version deleted.
        0x40 => new.is_empty(),
        0x33 => counts(old).is_some_and(|before| Some(before) == counts(new)),
        _ => old == new,
    }
}

/// What statistics say that is held against anything; classes that are left out are empty.
fn counts(row: &Bytes) -> Option<Statistics> {
    let mut statistics = Statistics::read(row)?;
    statistics.head.changed_revision = 0;
    while statistics.head.by_length_class.pop_if(|count| *count == 0).is_some() {}
    Some(statistics)
}

/// What a log entry says that anything is held against: what is stored still, what was deleted, and when.
fn said(rows: &Rows, key: &Bytes) -> Option<(Option<i64>, Vec<ResourceChange>)> {
    let partition = Partition(u32::from_be_bytes(*key.first_chunk()?));
    if partition == Partition::CATALOG {
        // What it created is told to a retry, and held against nothing.
        return Some((None, Vec::new()));
    }
    let first = key.slice(4..13);
    let value = rows.try_read(partition, |view| long_values::get(view, &first)).ok()??;
    let LogEntry { time, changes, request: _, undone: _ } = LogEntry::decode(value).ok()?;
    let changes =
        changes.iter().map(|change| records::read_change(change)).collect::<Result<Vec<_>>>().ok()?;
    let is_pinned = |change: &ResourceChange| {
        matches!(
            change,
            ResourceChange::Project { after: Some(_), .. }
                | ResourceChange::Article { after: Some(_), .. }
                | ResourceChange::Annotation { after: Some(_), .. }
                | ResourceChange::Layer { after: Some(_), .. }
                | ResourceChange::ArticleLayer { after: Some(_), .. }
        )
    };
    let time = changes.iter().any(is_pinned).then_some(time);
    Some((time, changes.into_iter().filter_map(what_stands).collect()))
}

/// What the log says that something was made or changed, by its name.
fn made() -> &'static HashSet<String> {
    static MADE: OnceLock<HashSet<String>> = OnceLock::new();
    MADE.get_or_init(|| {
        let rows = healthy();
        let entries = (1..=rows.head(P)).map(|revision| rows.log_entry(P, revision));
        let changes = entries.flat_map(|entry| entry.changes);
        let changes = changes.map(|change| records::read_change(&change).unwrap());
        changes.filter_map(|change| name_if(&change, true)).collect()
    })
}

/// The name of what a change changes, if that is there after it.
fn name_if(change: &ResourceChange, is_there: bool) -> Option<String> {
    let (after, name) = match change {
        ResourceChange::Project { after, .. } => (after.is_some(), "the project".to_owned()),
        ResourceChange::LabelSchema { after, .. } => (after.is_some(), "the label schema".to_owned()),
        ResourceChange::Article { number, after, .. } => (after.is_some(), number.0.to_string()),
        ResourceChange::Annotation { article, id, after, .. } => (after.is_some(), format!("{article}/{id}")),
        ResourceChange::Layer { before, after } => {
            (after.is_some(), after.as_ref().or(before.as_ref()).unwrap().id.to_string())
        }
        ResourceChange::ArticleLayer { number, layer, after, .. } => {
            (after.is_some(), format!("{}/{layer}", number.0))
        }
    };
    (after == is_there).then_some(name)
}

/// The change without what was before it; none if it was superseded, or deletes what no other entry speaks of.
fn what_stands(mut change: ResourceChange) -> Option<ResourceChange> {
    let rows = healthy();
    if name_if(&change, false).is_some_and(|name| !made().contains(&name)) {
        return None;
    }
    let stands = match &mut change {
        ResourceChange::Project { before, after } => {
            *before = None;
            rows.read(P, |view| project_table::get(view)) == *after
        }
        ResourceChange::LabelSchema { before, after } => {
            *before = None;
            rows.read(P, |view| schema_table::get(view)).as_ref() == after.as_deref()
        }
        ResourceChange::Article { number, before, after, cascaded: _ } => {
            *before = None;
            rows.read(P, |view| article_table::get(view, *number)) == *after
        }
        ResourceChange::Layer { before, after } => {
            let id = after.as_ref().or(before.as_ref()).unwrap().id.clone();
            *before = None;
            rows.read(P, |view| layer_table::get(view, &id)) == *after
        }
        ResourceChange::ArticleLayer { number, layer, before, after, .. } => {
            *before = None;
            rows.read(P, |view| layer_table::article_layer(view, *number, layer)) == *after
        }
        ResourceChange::Annotation { number: written, article, id, before, after, cascaded } => {
            *cascaded = false;
            *before = None;
            let place = rows.read(P, |view| article_table::place(view, article));
            let number = place.map(|place| place.number);
            // 0 is what was written before there were numbers.
            if written.0 == 0 {
                *written = number.unwrap_or(*written);
            }
            let index = place.map(ArticlePlace::annotations);
            let stored = index.and_then(|index| rows.read(P, |view| index.get(view, *id)));
            let stored = stored.map(|entry| entry.annotation().unwrap());
            stored == *after
        }
    };
    stands.then_some(change)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damage_of_one_row_never_panics_and_never_passes(row in any::<Index>(), damage in damages()) {
        let rows = healthy();
        let key = rows.0.keys().nth(row.index(rows.0.len())).unwrap().clone();
        let damaged = damaged(&rows, &key, &damage);
        let report = damaged.verify();
        prop_assert!(
            report.problem_count > 0 || only_swept_differs(&rows, &damaged) || is_harmless(&rows, &key, &damaged),
            "{damage:?} of the row at {key:02x?} is not found"
        );
        prop_assert!(!report.problems.iter().any(|problem| problem.contains("attempt to")), "{:?}", report.problems);
    }
}

/// Every other partition, tag, article and generation that is one bit away.
#[test]
fn a_packed_row_that_moves_out_of_its_table_is_found() {
    let rows = healthy();
    for tag in [0x04, 0x21, 0x30, 0x31, 0x50] {
        // The last, which nothing but its own key holds in its place.
        let key = rows.0.keys().rfind(|key| key[4] == tag && !is_swept(key)).unwrap();
        for bit in 0..8 * packed_prefix(key).unwrap() {
            let mut moved = key.to_vec();
            moved[bit / 8] ^= 1 << (bit % 8);
            let mut damaged = rows.clone();
            let value = damaged.0.remove(key).unwrap();
            damaged.0.insert(moved.clone().into(), value);
            assert!(
                damaged.verify().problem_count > 0,
                "{key:02x?} moves to {moved:02x?}, and nobody sees it"
            );
        }
    }
}
