use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::Problem,
    limits::RUN_BYTES_MAX,
    store::testing::{CountingView, MemoryRows, tally},
};

const INDEX: AnnotationIndex = AnnotationIndex { article: ArticleNumber(7), generation: Generation::FIRST };

fn verify(view: &dyn View) -> Result<()> {
    INDEX.verify_as(view, |_| Some((tally().layer.clone(), tally().counts())))
}

fn id(number: u32) -> AnnotationId {
    // Spread, so that ids are not in the order of the annotations.
    let spread = number.wrapping_mul(0x9e37_79b1);
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&spread.to_be_bytes());
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    AnnotationId::from_bytes(bytes)
}

fn ids(entries: impl Iterator<Item = Result<Entry>>) -> Vec<AnnotationId> {
    entries.map(|entry| entry.unwrap().key.id()).collect()
}

/// An index of these hulls, numbered from 0.
fn filled(hulls: impl IntoIterator<Item = (u32, u32)>, value: &[u8]) -> MemoryRows {
    let mut rows = MemoryRows::default();
    let keys: Vec<_> = (0..).zip(hulls).map(|(n, (start, end))| SortKey::of(start, end, id(n))).collect();
    for keys in keys.chunks(1_000) {
        rows.commit(|draft| {
            keys.iter().try_for_each(|key| INDEX.insert(draft, *key, value, tally()).map(|new| assert!(new)))
        })
        .unwrap();
    }
    rows
}

fn has_directory(rows: &dyn View) -> bool {
    rows.get(&keys::annotation_ids(INDEX.article, INDEX.generation)).unwrap().is_some()
}

/// These bytes are on people's disks.
#[test]
fn an_index_keeps_its_bytes() {
    let row = |rows: &MemoryRows, key: Bytes| rows.0.get(&key).map(hex::encode);
    let (run, ids) = (
        keys::annotations(INDEX.article, INDEX.generation),
        keys::annotation_ids(INDEX.article, INDEX.generation),
    );
    let statistics = keys::statistics(INDEX.article, INDEX.generation);
    let sort_key = |start: u32, end: u32| hex::encode(SortKey::of(start, end, id(0)).encode());

    // Statistics are a long value: a head with its length, then the layers.
    let of_default = |count: u8| format!("0a0d0a0764656661756c7410{count:02x}38{count:02x}");
    let rows = filled([(1, 3)], &[0xab, 0xcd]);
    // A value in the run begins with 00.
    assert_eq!(row(&rows, run.clone()), Some(format!("011903{}00abcd", sort_key(1, 3))));
    assert_eq!(row(&rows, ids.clone()), None);
    assert_eq!(
        row(&rows, statistics.clone()),
        Some(format!("00000019090a0501000000001801{}", of_default(1)))
    );

    let rows = filled([(1, 600)], &[0xee; 1_100]);
    // One that has rows of its own is 01.
    assert_eq!(row(&rows, run), Some(format!("011901{}01", sort_key(1, 600))));
    assert_eq!(
        row(&rows, statistics.clone()),
        Some(format!("00000019090a0500010000001801{}", of_default(1)))
    );
    let long = row(&rows, keys::long_annotation(INDEX.article, INDEX.generation, id(0).as_bytes()));
    assert_eq!(long, Some(format!("0000044c{}", "ee".repeat(1_100))));

    // Three annotations in two rows: the directory has start and end of each.
    let rows = filled([(1, 3), (2, 9), (4, 5)], &[0xee; 900]);
    assert_eq!(
        row(&rows, statistics),
        Some(format!("0000001b0b0a050300000000100118 01{}", of_default(3)).replace(' ', ""))
    );
    let mut entries = [(0, "0000000100000003"), (1, "0000000200000009"), (2, "0000000400000005")]
        .map(|(number, hull)| format!("1008{}{hull}", hex::encode(id(number).as_bytes())));
    entries.sort();
    assert_eq!(row(&rows, ids), Some(format!("01{}", entries.concat())));
}

#[test]
fn document_order_is_start_then_longer_first_then_id_whatever_the_class() {
    let hulls = [(5, 6), (0, 3), (0, 9_000), (5, 5), (0, 3_000_000), (0, 600), (5, 6), (0, 200_000)];
    let rows = filled(hulls, b"value");
    let found = ids(INDEX.in_document_order(&rows, None, None).unwrap());
    let (mut sixth, mut zeroth) = (id(6), id(0));
    if zeroth < sixth {
        std::mem::swap(&mut sixth, &mut zeroth);
    }
    assert_eq!(found, [id(4), id(7), id(2), id(5), id(1), sixth, zeroth, id(3)]);
    assert_eq!(INDEX.count(&rows).unwrap(), 8);
}

#[test]
fn the_directory_is_there_while_there_are_several_rows() {
    let value = [0xee; 200];
    let mut rows = filled((0..8).map(|n| (n, n + 1)), &value);
    verify(&rows).unwrap();
    assert!(!has_directory(&rows));
    rows.commit(|draft| INDEX.insert(draft, SortKey::of(8, 9, id(8)), &value, tally())).unwrap();
    verify(&rows).unwrap();
    assert!(has_directory(&rows));
    for number in 0..9 {
        assert_eq!(
            INDEX.get(&rows, id(number)).unwrap().unwrap().key,
            SortKey::of(number, number + 1, id(number))
        );
    }
    assert_eq!(INDEX.get(&rows, id(9)).unwrap(), None);
    rows.commit(|draft| INDEX.remove(draft, id(8), tally())).unwrap().unwrap();
    verify(&rows).unwrap();
    assert!(!has_directory(&rows));
    for number in 0..8 {
        rows.commit(|draft| INDEX.remove(draft, id(number), tally())).unwrap().unwrap();
    }
    assert!(rows.0.is_empty());
}

#[test]
fn a_value_that_grows_makes_the_directory_and_one_that_shrinks_drops_it() {
    let mut rows = filled((0..8).map(|n| (n, n + 1)), &[0xee; 200]);
    let key = SortKey::of(3, 4, id(3));
    rows.commit(|draft| INDEX.replace(draft, (key, tally()), (key, tally()), &[0xdd; 900])).unwrap();
    verify(&rows).unwrap();
    assert!(has_directory(&rows));
    assert_eq!(
        INDEX.get(&rows, id(3)).unwrap(),
        Some(Entry { key, value: vec![0xdd; 900].into(), base: GenerationBase::default() })
    );
    for number in 0..8 {
        let key = SortKey::of(number, number + 1, id(number));
        rows.commit(|draft| INDEX.replace(draft, (key, tally()), (key, tally()), b"short")).unwrap();
    }
    verify(&rows).unwrap();
    assert!(!has_directory(&rows));
}

#[test]
fn long_values_come_and_go_with_their_annotation() {
    let longest_inline = 1_024 - 3 - SortKey::BYTES - 1;
    let (key, moved) = (SortKey::of(1, 2, id(1)), SortKey::of(4, 9_000, id(1)));
    let mut rows = MemoryRows::default();
    let check = |rows: &MemoryRows, key, length: usize, count: usize| {
        verify(rows).unwrap();
        let value = Bytes::from(vec![0xee; length]);
        assert_eq!(
            INDEX.get(rows, id(1)).unwrap(),
            Some(Entry { key, value, base: GenerationBase::default() })
        );
        assert_eq!(rows.0.len(), count, "the run, the statistics and the rows of the value");
    };
    rows.commit(|draft| INDEX.insert(draft, key, &vec![0xee; longest_inline], tally())).unwrap();
    check(&rows, key, longest_inline, 2);
    for (old, new, length, count) in [
        (key, key, longest_inline + 1, 3),
        (key, moved, 9_000, 5),
        (moved, moved, 60, 2),
        (moved, key, 9_000, 5),
        (key, key, 5_000, 4),
    ] {
        rows.commit(|draft| INDEX.replace(draft, (old, tally()), (new, tally()), &vec![0xee; length]))
            .unwrap();
        check(&rows, new, length, count);
    }
    let removed = rows.commit(|draft| INDEX.remove(draft, id(1), tally())).unwrap().unwrap();
    assert_eq!(removed, Entry { key, value: vec![0xee; 5_000].into(), base: GenerationBase::default() });
    assert!(rows.0.is_empty());
}

#[test]
fn an_id_that_is_taken_is_not_taken_again() {
    for annotations in [1, 5, 100] {
        let mut rows = filled((0..annotations).map(|n| (n, n + 1)), &[0xee; 100]);
        let before = rows.0.clone();
        for key in [SortKey::of(0, 1, id(0)), SortKey::of(0, 2, id(0)), SortKey::of(50, 9_000, id(0))] {
            assert!(!rows.commit(|draft| INDEX.insert(draft, key, b"another", tally())).unwrap());
            assert_eq!(rows.0, before, "{key:?}");
        }
    }
}

#[test]
fn misuse_is_refused() {
    let hulls: Vec<_> = (0..100).map(|n| (n, n + 1)).collect();
    let mut rows = filled(hulls, &[0xee; 100]);
    let check = |result: Result<()>, message: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error.problem, Problem::StorageCorrupt(_)));
        assert!(error.to_string().contains(message), "{error}");
    };
    let (key, other) = (SortKey::of(5, 6, id(5)), SortKey::of(6, 7, id(6)));
    let elsewhere = SortKey::of(50, 60, id(5));
    check(
        rows.commit(|draft| INDEX.replace(draft, (key, tally()), (other, tally()), b"")),
        "there is another annotation",
    );
    check(
        rows.commit(|draft| INDEX.replace(draft, (elsewhere, tally()), (key, tally()), b"")),
        "there is no annotation",
    );
    check(
        rows.commit(|draft| INDEX.replace(draft, (elsewhere, tally()), (elsewhere, tally()), b"")),
        "there is no annotation",
    );
    assert_eq!(rows.commit(|draft| INDEX.remove(draft, id(100), tally())).unwrap(), None);
    verify(&rows).unwrap();
}

#[test]
fn verify_says_what_does_not_agree() {
    let intact = || {
        let mut rows = filled((0..100).map(|n| (n, n + 1)), &[0xee; 100]);
        let key = SortKey::of(7, 9_000, id(1_000));
        rows.commit(|draft| INDEX.insert(draft, key, &[0xee; 5_000], tally())).unwrap();
        verify(&rows).unwrap();
        rows
    };
    let check = |damage: &dyn Fn(&mut Draft<'_>) -> Result<()>, message: &str| {
        let mut rows = intact();
        rows.commit(damage).unwrap();
        let error = verify(&rows).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    let (key, moved) = (SortKey::of(5, 6, id(5)), SortKey::of(50, 60, id(5)));
    let listed = key.id();
    let listed = listed.as_bytes();
    check(&|draft| INDEX.run().remove(draft, &key.encode()).map(drop), "the run has not");
    check(&|draft| INDEX.run().insert(draft, &moved.encode(), &[INLINE]).map(drop), "is there twice");
    check(&|draft| INDEX.run().insert(draft, &[3], &[INLINE]).map(drop), "is not the sort key");
    check(&|draft| INDEX.directory().remove(draft, listed).map(drop), "the directory has not");
    check(&|draft| INDEX.directory().clear(draft), "the directory has not");
    check(&|draft| INDEX.directory().insert(draft, &[9; 16], &hull(key)).map(drop), "the run has not");
    check(&|draft| INDEX.directory().insert(draft, &[0xff; 17], &hull(key)).map(drop), "the run has not");
    check(&|draft| INDEX.directory().insert(draft, listed, &hull(moved)).map(drop), "is not where");
    check(&|draft| INDEX.directory().insert(draft, listed, &[1]).map(drop), "is not where");
    check(&|draft| long_values::delete(draft, &INDEX.long_key(id(1_000))), "has no value");
    check(&|draft| long_values::put(draft, &INDEX.long_key(id(5)), b"stray"), "is no annotation's");
    check(
        &|draft| {
            let mut statistics = INDEX.statistics(draft)?;
            statistics.head.by_length_class[0] += 1;
            INDEX.put_statistics(draft, &statistics)
        },
        "the statistics say",
    );
    check(
        &|draft| {
            let mut statistics = INDEX.statistics(draft)?;
            statistics.layers.iter_mut().flatten().for_each(|layer| layer.rejected += 1);
            INDEX.put_statistics(draft, &statistics)
        },
        "the statistics say",
    );
}

#[test]
fn indexes_keep_apart() {
    let mut rows = filled((0..100).map(|n| (n, n + 1)), &[0xee; 2_000]);
    let other = AnnotationIndex::new(INDEX.article, Generation(2));
    assert_eq!(other.get(&rows, id(5)).unwrap(), None);
    assert_eq!(other.count(&rows).unwrap(), 0);
    rows.commit(|draft| other.insert(draft, SortKey::of(1, 2, id(5)), b"other", tally())).unwrap();
    rows.commit(|draft| other.remove(draft, id(5), tally())).unwrap().unwrap();
    verify(&rows).unwrap();
    assert_eq!(INDEX.count(&rows).unwrap(), 100);
}

/// Annotations usually come in document order, long ones among the short.
#[test]
fn annotations_that_come_in_document_order_fill_their_rows() {
    let lengths = [5, 20, 9, 700, 3, 14, 9_000, 7, 6, 900, 11, 4, 200_000, 8];
    let lengths = lengths.into_iter().cycle().take(5_000);
    let rows =
        filled((0..).step_by(10).zip(lengths).map(|(start, length)| (start, start + length)), &[1; 60]);
    verify(&rows).unwrap();
    check_fill(&rows, 93);
}

fn check_fill(rows: &MemoryRows, percent: usize) {
    let packed: usize = INDEX.run_rows(rows).map(Bytes::len).sum();
    let full = INDEX.run_rows(rows).count() * RUN_BYTES_MAX;
    assert!(packed * 100 >= full * percent, "{packed} bytes in rows for {full}");
}

/// 100,000 annotations of 5 bytes, 10 apart, and one over the whole text.
#[test]
fn windows_and_pages_of_a_large_article_read_what_they_return() {
    const COUNT: u32 = 100_000;
    let value = [0xee; 60];
    let hulls = (0..COUNT).map(|n| (n * 10, n * 10 + 5)).chain([(0, COUNT * 10)]);
    let rows = filled(hulls, &value);
    let whole = id(COUNT);
    let per_row = RUN_BYTES_MAX / (2 + SortKey::BYTES + 1 + value.len());
    let check = |window: Option<(u32, u32)>, after: Option<u32>, page: usize, expected: &[AnnotationId]| {
        let after = after.map(|n| DocumentPosition::new(Section::Text, n * 10, n * 10 + 5, id(n)));
        let view = CountingView::new(&rows);
        let found = ids(INDEX.in_document_order(&view, window, after).unwrap().take(page));
        assert_eq!(found, expected, "{window:?} {after:?}");
        // What begins at most 512 bytes before a window is looked at; and 7 reads are spent on the statistics, on the
        // rows that a class begins and ends in, and on finding that there are no more.
        let looked_at = found.len() + window.map_or(0, |_| 512 / 10);
        let most = looked_at.div_ceil(per_row - 1) + 7;
        assert!(view.rows_read() <= most, "{window:?} {after:?}: {} rows for {looked_at}", view.rows_read());
    };
    let numbers = |from: u32, to: u32| (from..to).map(id).collect::<Vec<_>>();
    let with_whole = |from, to| [vec![whole], numbers(from, to)].concat();
    check(Some((500_000, 500_500)), None, 1_000, &with_whole(50_000, 50_050));
    check(Some((500_007, 500_008)), None, 1_000, &[whole]);
    check(Some((500_000, 500_500)), Some(10), 1_000, &numbers(50_000, 50_050));
    check(Some((500_000, 510_000)), None, 5_000, &with_whole(50_000, 51_000));
    check(Some((500_000, 510_000)), Some(50_499), 50, &numbers(50_500, 50_550));
    check(Some((0, 1_000_000)), Some(90_000), 50, &numbers(90_001, 90_051));
    check(None, None, 50, &with_whole(0, 49));
    check(None, Some(70_000), 1_000, &numbers(70_001, 71_001));
    check(None, Some(COUNT - 1), 50, &[]);
    let view = CountingView::new(&rows);
    assert_eq!(INDEX.get(&view, id(77_777)).unwrap().unwrap().key.start(), 777_770);
    assert_eq!(view.rows_read(), 3);
    check_fill(&rows, 93);
}

impl AnnotationIndex {
    fn run_rows(self, rows: &MemoryRows) -> impl Iterator<Item = &Bytes> {
        let prefix = keys::annotations(self.article, self.generation);
        rows.0.iter().filter(move |(key, _)| key.starts_with(&prefix)).map(|(_, value)| value)
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Inserts an annotation, or replaces the one that has the id.
    Put {
        hull: (u32, u32),
        id: u32,
        value: Vec<u8>,
    },
    Remove(u32),
    Read {
        window: Option<(u32, u32)>,
        after: Option<(u32, u32, u32)>,
    },
}

type Model = Vec<(u32, u32, AnnotationId, Vec<u8>)>;

/// Hulls of every class, in a text where they overlap; many are equal or touch.
fn any_hull() -> impl Strategy<Value = (u32, u32)> {
    let start = prop_oneof![3 => 0..12u32, 2 => 0..20_000u32, 1 => 0..4_000_000u32];
    let length = prop_oneof![
        4 => 0..4u32,
        3 => 0..600u32,
        2 => 0..9_000u32,
        1 => 0..140_000u32,
        1 => 0..3_000_000u32
    ];
    (start, length).prop_map(|(start, length)| (start, start + length))
}

fn any_step(puts: u32, removals: u32) -> impl Strategy<Value = Step> {
    let length = prop_oneof![12 => 0..200usize, 2 => 900..1_100usize, 1 => 4_000..9_000usize];
    let value = (any::<u8>(), length).prop_map(|(byte, length)| vec![byte; length]);
    let after = (any_hull(), 0..60u32).prop_map(|((start, end), id)| (start, end, id));
    prop_oneof![
        puts => (any_hull(), 0..60u32, value).prop_map(|(hull, id, value)| Step::Put { hull, id, value }),
        removals => (0..60u32).prop_map(Step::Remove),
        4 => (prop::option::of(any_hull()), prop::option::of(after))
            .prop_map(|(window, after)| Step::Read { window, after }),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let growing = prop::collection::vec(any_step(10, 1), 1..90);
    let shrinking = prop::collection::vec(any_step(1, 10), 1..120);
    (growing, shrinking).prop_map(|(growing, shrinking)| [growing, shrinking].concat())
}

/// The rule in the words of the API, for hulls and windows as sets of characters.
fn naively_meets((from, to): (u32, u32), (start, end): (u32, u32)) -> bool {
    let shared = start.max(from)..end.min(to);
    if start == end {
        (from..=to).contains(&start)
    } else if from == to {
        start < from && from < end
    } else {
        !shared.is_empty()
    }
}

fn put(draft: &mut Draft<'_>, model: &mut Model, (start, end): (u32, u32), id: AnnotationId, value: &[u8]) {
    let key = SortKey::of(start, end, id);
    match model.iter().position(|annotation| annotation.2 == id) {
        Some(index) => {
            let (old_start, old_end, ..) = model.swap_remove(index);
            INDEX
                .replace(draft, (SortKey::of(old_start, old_end, id), tally()), (key, tally()), value)
                .unwrap();
        }
        None => assert!(INDEX.insert(draft, key, value, tally()).unwrap()),
    }
    model.push((start, end, id, value.to_vec()));
    model.sort_by_key(|(start, end, id, _)| (*start, Reverse(*end), *id));
}

fn take_step(draft: &mut Draft<'_>, model: &mut Model, step: &Step) -> Result<()> {
    let entry = |(start, end, id, value): &(u32, u32, AnnotationId, Vec<u8>)| Entry {
        key: SortKey::of(*start, *end, *id),
        value: value.clone().into(),
        base: GenerationBase::default(),
    };
    match step {
        Step::Put { hull, id: number, value } => put(draft, model, *hull, id(*number), value),
        Step::Remove(number) => {
            let index = model.iter().position(|annotation| annotation.2 == id(*number));
            assert_eq!(INDEX.get(draft, id(*number))?, index.map(|index| entry(&model[index])));
            let removed = INDEX.remove(draft, id(*number), tally())?;
            assert_eq!(removed, index.map(|index| entry(&model.remove(index))));
        }
        Step::Read { window, after } => {
            let after = after
                .map(|(start, end, number)| DocumentPosition::new(Section::Text, start, end, id(number)));
            let found: Vec<_> = INDEX.in_document_order(draft, *window, after)?.collect::<Result<_>>()?;
            let expected = model.iter().map(entry).filter(|entry| {
                window.is_none_or(|window| naively_meets(window, (entry.key.start(), entry.key.end())))
                    && after.is_none_or(|after| entry.key.position() > after)
            });
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
    assert_eq!(INDEX.count(draft)?, u64::try_from(model.len()).unwrap());
    for annotation in &*model {
        assert_eq!(INDEX.get(draft, annotation.2)?, Some(entry(annotation)));
    }
    verify(draft)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_index_is_a_list_in_document_order(steps in any_steps()) {
        let (mut rows, mut model) = (MemoryRows::default(), Model::new());
        for steps in steps.chunks(7) {
            rows.commit(|draft| steps.iter().try_for_each(|step| take_step(draft, &mut model, step))).unwrap();
        }
        let left: Vec<_> = model.iter().map(|annotation| annotation.2).collect();
        rows.commit(|draft| left.iter().try_for_each(|id| INDEX.remove(draft, *id, tally()).map(drop))).unwrap();
        prop_assert!(rows.0.is_empty());
    }

    #[test]
    fn no_bytes_in_its_rows_make_an_index_panic(
        run in prop::collection::vec((prop::collection::vec(any::<u8>(), 24..27), prop::collection::vec(0..3u8, 0..3)), 0..4),
        directory in prop::collection::vec((any::<[u8; 16]>(), prop::collection::vec(any::<u8>(), 7..10)), 0..4),
        statistics in prop::collection::vec(prop_oneof![Just(0x08u8), Just(0x0a), Just(0x10), any::<u8>()], 0..12),
    ) {
        let mut rows = MemoryRows::default();
        rows.commit(|draft| {
            run.iter().try_for_each(|(key, value)| INDEX.run().insert(draft, key, value).map(drop))?;
            directory.iter().try_for_each(|(key, value)| INDEX.directory().insert(draft, key, value).map(drop))?;
            draft.put(keys::statistics(INDEX.article, INDEX.generation), statistics);
            Ok(())
        }).unwrap();
        let ids = run.iter().filter_map(|(key, _)| key.last_chunk()).chain(directory.iter().map(|(id, _)| id));
        let ids: Vec<_> = ids.map(|id| AnnotationId::from_bytes(*id)).collect();
        let _ = verify(&rows);
        let _ = INDEX.count(&rows);
        let _ = INDEX.in_document_order(&rows, Some((5, u32::MAX)), None).map(Iterator::count);
        for id in ids {
            let key = SortKey::of(3, 9_000, id);
            let _ = INDEX.get(&rows, id);
            let _ = rows.commit(|draft| INDEX.insert(draft, key, b"value", tally()));
            let _ = rows.commit(|draft| INDEX.replace(draft, (key, tally()), (SortKey::of(1, 2, id), tally()), b"value"));
            let _ = rows.commit(|draft| INDEX.remove(draft, id, tally()));
        }
    }
}
