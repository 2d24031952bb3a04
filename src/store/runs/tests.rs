use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::Problem,
    store::testing::{CountingView, MemoryRows},
};

const PREFIX: &[u8] = &[0x77, 0x01];

fn table() -> RunTable {
    RunTable::new(PREFIX)
}

/// A table with these entries, inserted one by one.
fn filled(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> MemoryRows {
    let mut rows = MemoryRows::default();
    rows.commit(|draft| {
        entries.into_iter().try_for_each(|(key, value)| {
            assert_eq!(table().insert(draft, &key, &value)?, None);
            Ok(())
        })
    })
    .unwrap();
    table().verify(&rows).unwrap();
    rows
}

/// These bytes are on people's disks.
#[test]
fn a_row_that_split_keeps_its_bytes() {
    // In order: the last entry starts a row, whose key is as much of its own as tells it apart from the one before.
    let rows = filled([
        (b"aa".to_vec(), vec![1; 1_000]),
        (b"ab".to_vec(), vec![2; 1_000]),
        (b"bc".to_vec(), vec![3; 50]),
    ]);
    let found: Vec<_> =
        rows.0.into_iter().map(|(key, value)| (hex::encode(key), hex::encode(value))).collect();
    let (ones, twos, threes) = ("01".repeat(1_000), "02".repeat(1_000), "03".repeat(50));
    let first = format!("0102e8076161{ones}02e8076162{twos}");
    assert_eq!(found, [("7701".to_owned(), first), ("770162".to_owned(), format!("0102326263{threes}"))]);
}

fn remove(rows: &mut MemoryRows, keys: impl IntoIterator<Item = u32>) {
    rows.commit(|draft| {
        keys.into_iter().try_for_each(|key| {
            assert!(table().remove(draft, &key.to_be_bytes())?.is_some());
            Ok(())
        })
    })
    .unwrap();
    table().verify(rows).unwrap();
}

fn numbered(numbers: impl IntoIterator<Item = u32>) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    numbers.into_iter().map(|number| (number.to_be_bytes().to_vec(), vec![0xee; 94]))
}

fn entries(rows: &dyn View) -> Vec<(Bytes, Bytes)> {
    table().ascending(rows, &[], None).collect::<Result<_>>().unwrap()
}

/// These bytes are on people's disks.
#[test]
fn rows_keep_their_bytes() {
    let long = vec![0xee; 200];
    let rows = filled([(vec![5, 6], vec![7]), (vec![5], vec![]), (vec![8], long.clone())]);
    let expected = format!("01{}{}{}{}", "010005", "0201050607", "01c80108", hex::encode(long));
    assert_eq!(
        rows.0.into_iter().map(|(k, v)| (hex::encode(k), hex::encode(v))).collect::<Vec<_>>(),
        [(hex::encode(PREFIX), expected)]
    );
}

#[test]
fn a_row_key_is_the_shortest_that_tells_its_row_from_the_one_before() {
    let rows = filled(numbered(0..600));
    let keys: Vec<_> = rows.0.keys().map(hex::encode).collect();
    // 100 bytes an entry: 20 in a row.
    assert_eq!(&keys[..3], ["7701", "770100000014", "770100000028"]);
    let rows = filled(numbered((0..600).map(|n| n / 20 * 0x0100_0000 + n % 20)));
    let keys: Vec<_> = rows.0.keys().map(hex::encode).collect();
    assert_eq!(&keys[..3], ["7701", "770101", "770102"]);
}

#[test]
fn entries_that_come_in_order_fill_their_rows() {
    let rows = filled(numbered(0..2_000));
    let bytes: usize = rows.0.values().map(Bytes::len).sum();
    assert!(bytes * 100 >= rows.0.len() * RUN_BYTES_MAX * 95, "{bytes} bytes in {} rows", rows.0.len());
}

#[test]
fn entries_that_come_in_another_order_leave_rows_at_least_half_full() {
    // 1,009 is a prime, so that the multiples of a step go through all its remainders.
    let check = |step: u32, percent: usize| {
        let rows = filled(numbered((0..1_009).map(|n| n * step % 1_009)));
        let bytes: usize = rows.0.values().map(Bytes::len).sum();
        let full = rows.0.len() * RUN_BYTES_MAX;
        assert!(bytes * 100 >= full * percent, "{step}: {bytes} bytes in rows for {full}");
    };
    // Backwards; two and ten passes; well mixed.
    check(1_008, 50);
    check(2, 60);
    check(10, 60);
    check(382, 60);
}

/// Two loads at once, each in order, as those of two length classes are.
#[test]
fn groups_that_each_come_in_order_fill_their_rows() {
    let fill = |table: &RunTable| {
        let mut rows = MemoryRows::default();
        rows.commit(|draft| {
            (0..2_000u32).try_for_each(|n| {
                let key = ((n % 2) << 24 | n).to_be_bytes();
                table.insert(draft, &key, &[0xee; 94]).map(drop)
            })
        })
        .unwrap();
        table.verify(&rows).unwrap();
        let bytes: usize = rows.0.values().map(Bytes::len).sum();
        bytes * 100 / (rows.0.len() * RUN_BYTES_MAX)
    };
    assert!(fill(&RunTable::grouped(PREFIX, 1)) >= 95);
    assert!(fill(&table()) < 75);
}

#[test]
fn rows_that_shrink_merge_and_an_emptied_table_has_none() {
    let mut rows = filled(numbered(0..2_000));
    assert!(table().has_several_rows(&rows).unwrap());
    remove(&mut rows, (0..2_000).filter(|number| number % 10 != 0));
    let bytes: usize = rows.0.values().map(Bytes::len).sum();
    assert!(rows.0.len() * RUN_BYTES_MIN <= bytes, "{bytes} bytes in {} rows", rows.0.len());
    assert_eq!(entries(&rows).len(), 200);
    remove(&mut rows, (0..2_000).filter(|number| number % 10 == 0 && *number != 990));
    assert!(!table().has_several_rows(&rows).unwrap());
    assert_eq!(entries(&rows).len(), 1);
    remove(&mut rows, [990]);
    assert!(rows.0.is_empty());
    assert!(!table().has_several_rows(&rows).unwrap());
}

#[test]
fn the_next_row_becomes_the_first_when_the_first_is_emptied() {
    // Full rows of two: neither fits with what is left of the other.
    let mut rows = filled((0..8u32).map(|n| (n.to_be_bytes().to_vec(), vec![0xee; 1_000])));
    assert_eq!(rows.0.len(), 4);
    remove(&mut rows, [0]);
    assert_eq!(rows.0.len(), 4);
    remove(&mut rows, [1]);
    assert_eq!(rows.0.len(), 3);
    assert_eq!(rows.0.keys().next().unwrap(), PREFIX);
}

#[test]
fn a_row_with_the_longest_entries_splits_into_rows_that_are_not_too_long() {
    for first in [100, 500, 1_000, 1_015] {
        for second in [100, 500, 1_000, 1_015] {
            let longest = 1_024 - 3 - 1;
            let mut entries = vec![(vec![1], vec![1; first]), (vec![9], vec![9; second])];
            entries.push((vec![5], vec![5; longest]));
            filled(entries);
        }
    }
}

#[test]
fn what_does_not_fit_a_row_is_refused() {
    let check = |key: usize, value: usize, fits: bool| {
        let mut rows = MemoryRows::default();
        let inserted = rows.commit(|draft| table().insert(draft, &vec![1; key], &vec![2; value]));
        assert_eq!(inserted.is_ok(), fits, "{key} {value}");
        let expected = format!("a key of {key} bytes with a value of {value} does not fit a packed row");
        assert!(fits || inserted.unwrap_err().to_string().contains(&expected));
    };
    check(25, 1_024 - 3 - 25, true);
    check(25, 1_024 - 2 - 25, false);
    check(58, 1, true);
    check(59, 1, false);
    assert!(RunTable::fits(25, 996) && !RunTable::fits(25, 997) && !RunTable::fits(25, usize::MAX));
}

#[test]
fn a_scan_reads_a_row_when_it_comes_to_it() {
    let rows = filled(numbered(0..2_000));
    let check = |from: u32, to: Option<u32>, take: usize, expected_rows: usize| {
        let view = CountingView::new(&rows);
        let to = to.map(u32::to_be_bytes);
        let scan = table().ascending(&view, &from.to_be_bytes(), to.as_ref().map(<[u8; 4]>::as_slice));
        let found = scan.take(take).map(|entry| entry.unwrap().0).collect::<Vec<_>>();
        let expected = (from..to.map_or(2_000, u32::from_be_bytes)).take(take);
        assert_eq!(found, expected.map(|key| key.to_be_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(view.rows_read(), expected_rows, "[{from}, {to:?}), {take} of them");
    };
    check(1_000, None, 0, 0);
    check(1_000, None, 20, 1);
    check(1_000, None, 21, 2);
    check(1_019, None, 2, 2);
    check(1_005, Some(1_015), 100, 1);
    // The read that finds no further row counts.
    check(1_000, Some(1_020), 100, 2);
    check(1_000, Some(1_000), 100, 0);
    check(1_000, Some(900), 100, 0);
}

#[test]
fn entries_share_the_memory_of_their_row() {
    let rows = filled(numbered(0..20));
    let stored = rows.0.values().next().unwrap().as_ptr_range();
    let value = table().get(&rows, &7u32.to_be_bytes()).unwrap().unwrap();
    assert!(stored.contains(&value.as_ptr()));
    assert!(
        entries(&rows).iter().all(|(key, value)| [key, value].iter().all(|s| stored.contains(&s.as_ptr())))
    );
}

#[test]
fn tables_keep_to_their_prefixes() {
    let mut rows = MemoryRows::default();
    let before = RunTable::new(&[0x77, 0x00, 0xff][..]);
    let after = RunTable::new(&[0x77, 0x02][..]);
    rows.commit(|draft| {
        for number in 0..100u32 {
            before.insert(draft, &number.to_be_bytes(), b"before")?;
            after.insert(draft, &number.to_be_bytes(), b"after")?;
        }
        Ok(())
    })
    .unwrap();
    let others = rows.0.clone();
    assert_eq!(entries(&rows), []);
    assert_eq!(table().get(&rows, &[0xff]).unwrap(), None);
    rows.commit(|draft| numbered(0..100).try_for_each(|(k, v)| table().insert(draft, &k, &v).map(drop)))
        .unwrap();
    assert_eq!(entries(&rows).len(), 100);
    rows.commit(|draft| table().clear(draft)).unwrap();
    assert_eq!(rows.0, others);
}

#[test]
fn damaged_rows_are_found_out() {
    let check = |row: &str, message: &str| {
        let rows = MemoryRows([(PREFIX.into(), hex::decode(row).unwrap().into())].into());
        let read = table().ascending(&rows, &[], None).collect::<Result<Vec<_>>>();
        for error in [read.unwrap_err(), table().get(&rows, &[9]).unwrap_err()] {
            assert!(matches!(error.problem, Problem::StorageCorrupt(_)));
            assert!(error.to_string().contains(message), "{row}: {error}");
        }
    };
    check("", "has no bytes");
    check("02", "has format 2, not 1");
    check("0101", "no whole entry at byte 1");
    check("01010205", "no whole entry at byte 1");
    check("0101000501020506", "no whole entry at byte 4");
    check("01ffffffffffffffffff01ffffffffffffffffff01", "no whole entry at byte 1");
    check("01ffffffffffffffffffffffff", "no whole entry at byte 1");
}

#[test]
fn verify_says_which_promise_is_broken() {
    let check = |stored: &[(&str, &str)], message: &str| {
        let row = |(key, value): &(&str, &str)| {
            (hex::decode(key).unwrap().into(), hex::decode(value).unwrap().into())
        };
        let rows = MemoryRows(stored.iter().map(row).collect());
        let error = table().verify(&rows).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    check(&[("770105", "01010005")], "the first row, and only it, is at the prefix");
    check(&[("7701", "01")], "is empty");
    check(&[("7701", "01010006010005")], "entries that are out of order");
    check(&[("7701", "01010005010005")], "entries that are out of order");
    check(&[("7701", "01010003"), ("770105", "01010004")], "entries that are out of order");
    check(&[("7701", "01010006"), ("770105", "01010007")], "begins within the row before it");
    check(&[("7701", &format!("01018008{:02066}", 0))], "an entry that is too long");
    check(
        &[(
            "7701",
            &format!(
                "01{}",
                (0..=0xffu8).map(|n| hex::encode([1, 6, n, 0, 0, 0, 0, 0, 0])).collect::<String>()
            ),
        )],
        "is too long",
    );
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Scan(Vec<u8>, Option<Vec<u8>>),
}

/// Few enough keys that removals find theirs, of several lengths, the empty one included.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(0..3u8, 0..3),
        9 => (0..400u16).prop_map(|number| number.to_be_bytes().to_vec()),
    ]
}

fn any_step(inserts: u32, removals: u32) -> impl Strategy<Value = Step> {
    let length = prop_oneof![8 => 0..200usize, 1 => 200..1_000usize];
    prop_oneof![
        inserts => (any_key(), any::<u8>(), length).prop_map(|(key, byte, n)| Step::Insert(key, vec![byte; n])),
        removals => any_key().prop_map(Step::Remove),
        1 => (any_key(), prop::option::of(any_key())).prop_map(|(from, to)| Step::Scan(from, to)),
    ]
}

/// Commits of a few steps each: a table grows, then shrinks.
fn any_commits() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let growing = prop::collection::vec(prop::collection::vec(any_step(8, 1), 1..12), 1..40);
    let shrinking = prop::collection::vec(prop::collection::vec(any_step(1, 12), 1..12), 1..60);
    (growing, shrinking).prop_map(|(growing, shrinking)| [growing, shrinking].concat())
}

/// Adds a key that is not there, and replaces the value of one that is.
fn add_or_replace(
    draft: &mut Draft<'_>,
    model: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    key: &[u8],
    value: &[u8],
) -> Result<()> {
    let table = table();
    let rows = |draft: &Draft<'_>| table.rows(draft).count();
    let before = rows(draft);
    let added = table.add(draft, key, value)?;
    let expected = match (model.contains_key(key), rows(draft) > before.max(1)) {
        (true, _) => Added::Nothing,
        (false, false) => Added::Entry,
        (false, true) => Added::EntryAndRow,
    };
    assert_eq!(added, expected);
    if added == Added::Nothing {
        assert_eq!(rows(draft), before);
        assert_eq!(table.get(draft, key)?.as_deref(), model.get(key).map(Vec::as_slice));
        let replaced = table.insert(draft, key, value)?;
        assert_eq!(replaced.as_deref(), model.get(key).map(Vec::as_slice));
    }
    model.insert(key.to_vec(), value.to_vec());
    Ok(())
}

fn take_step(draft: &mut Draft<'_>, model: &mut BTreeMap<Vec<u8>, Vec<u8>>, step: &Step) -> Result<()> {
    let table = table();
    match step {
        Step::Insert(key, value) => {
            assert_eq!(table.get(draft, key)?.as_deref(), model.get(key).map(Vec::as_slice));
            add_or_replace(draft, model, key, value)?;
            assert_eq!(table.get(draft, key)?.as_deref(), Some(value.as_slice()));
        }
        Step::Remove(key) => {
            let removed = table.remove(draft, key)?;
            assert_eq!(removed.as_deref(), model.remove(key).as_deref());
            assert_eq!(table.get(draft, key)?, None);
        }
        Step::Scan(from, to) => {
            let found: Vec<_> = table.ascending(draft, from, to.as_deref()).collect::<Result<_>>()?;
            let expected =
                model.iter().filter(|(key, _)| *key >= from && to.as_ref().is_none_or(|to| *key < to));
            let expected = expected.map(|(k, v)| (k.clone().into(), v.clone().into()));
            assert_eq!(found, expected.collect::<Vec<(Bytes, Bytes)>>());
            if !table.has_several_rows(draft)? {
                let in_one_row = table.ascending_in_one_row(draft, from, to.as_deref());
                assert_eq!(in_one_row.collect::<Result<Vec<_>>>()?, found);
            }
        }
    }
    let rows = table.rows(draft).count();
    assert_eq!(table.has_several_rows(draft)?, rows > 1);
    assert_eq!(rows == 0, model.is_empty());
    table.verify(draft)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_is_a_sorted_map(commits in any_commits()) {
        let (mut rows, mut model) = (MemoryRows::default(), BTreeMap::new());
        for steps in &commits {
            rows.commit(|draft| steps.iter().try_for_each(|step| take_step(draft, &mut model, step))).unwrap();
            let expected = model.iter().map(|(k, v)| (k.clone().into(), v.clone().into()));
            prop_assert_eq!(entries(&rows), expected.collect::<Vec<(Bytes, Bytes)>>());
        }
        let keys: Vec<_> = model.keys().cloned().collect();
        rows.commit(|draft| keys.iter().try_for_each(|key| table().remove(draft, key).map(drop))).unwrap();
        prop_assert!(rows.0.is_empty());
    }

    #[test]
    fn no_bytes_in_a_row_make_a_table_panic(
        stored in prop::collection::vec(
            (prop::collection::vec(0..4u8, 0..3), prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                // With the right format, and lengths that often fit.
                prop::collection::vec(0..4u8, 0..3_000).prop_map(|bytes| [vec![1], bytes].concat()),
            ]),
            1..4,
        ),
        key in prop::collection::vec(0..4u8, 0..3),
    ) {
        let rows = stored.into_iter().map(|(key, value)| (table().row_key(&key), value.into())).collect();
        let mut rows = MemoryRows(rows);
        let _ = table().verify(&rows);
        let _ = table().get(&rows, &key);
        let _ = table().ascending(&rows, &key, None).count();
        let _ = rows.commit(|draft| table().insert(draft, &key, &[1; 900]));
        let _ = rows.commit(|draft| table().remove(draft, &key));
        let _ = rows.commit(|draft| table().clear(draft));
    }
}
