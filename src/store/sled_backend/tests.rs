use std::{collections::BTreeMap, fs};

use super::*;
use crate::limits::DATABASE_CACHE_BYTES_DEFAULT;

/// Borders between leaves whose last byte, lowered by one and followed by four 0xff, is several leaves before them.
#[test]
fn scans_backwards_end_at_keys_full_of_ff() {
    let folder = tempfile::tempdir().unwrap();
    let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    let key = |group: u8, last: u8| [&[0, 0, 0, 1, group], &[u8::MAX; 9][..], &[last]].concat();
    let mut keys: Vec<_> =
        (0..100).flat_map(|group| (0..40 + group % 17).map(move |last| key(group, last))).collect();
    let put = |key: &Vec<u8>| (Bytes::from(key.clone()), Some(Bytes::from_static(b"value")));
    backend.apply(keys.iter().map(put).collect()).unwrap();
    let scan = |rows: Rows<'_>| rows.map(|row| row.unwrap().0.to_vec()).collect::<Vec<_>>();
    let (from, to) = (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..]);
    assert_eq!(scan(backend.ascending(from, to)), keys);
    keys.reverse();
    assert_eq!(scan(backend.descending(from, to)), keys);
}

/// A data folder with some rows, which is not open.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    for group in 0..20u32 {
        let row = |row: u32| {
            let key = Bytes::from([group.to_be_bytes(), row.to_be_bytes()].concat());
            (key, Some(Bytes::from(vec![7; 4_000])))
        };
        backend.apply((0..50).map(row).collect()).unwrap();
        backend.sync().unwrap();
    }
    Box::new(backend).close();
    folder
}

/// Opens `folder`, expects a refusal, and expects its message to say all of `parts`.
fn check_refused(folder: &Path, parts: &[&str]) {
    let message = SledBackend::open(folder, DATABASE_CACHE_BYTES_DEFAULT).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn damage_is_answered_with_the_way_back() {
    let check = |damage: fn(&Path), what: &str| {
        let folder = filled();
        damage(&folder.path().join("sled"));
        let path = folder.path().to_str().unwrap();
        check_refused(folder.path(), &[path, "is damaged", what, "spandrel restore FILE --data-dir"]);
    };
    check(|sled| fs::remove_file(sled.join("db")).unwrap(), "it is missing");
    check(|sled| fs::write(sled.join("db"), "").unwrap(), "it is empty");
    check(|sled| fs::write(sled.join("db"), "Dear diary,\n").unwrap(), "");
    check(|sled| fs::write(sled.join("db"), vec![0xa5; 4_000_000]).unwrap(), "");
    check(|sled| fs::write(sled.join("db"), vec![0; 4_000_000]).unwrap(), "");
    check(|sled| fs::write(sled.join("conf"), "segment_size: 8\nnothing").unwrap(), "");
    check(
        |sled| {
            fs::remove_file(sled.join("db")).unwrap();
            fs::create_dir(sled.join("db")).unwrap();
        },
        "not a file",
    );
    check(
        |sled| {
            let bytes = fs::read(sled.join("db")).unwrap();
            fs::write(sled.join("db"), &bytes[..bytes.len() / 3]).unwrap();
        },
        "",
    );
}

#[test]
fn a_database_that_is_a_file_is_damaged() {
    let folder = filled();
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    fs::write(folder.path().join("sled"), "").unwrap();
    check_refused(folder.path(), &["is damaged", "spandrel restore FILE --data-dir"]);
}

/// A folder that lost its database was taken for one that had none yet.
#[test]
fn a_database_that_is_gone_is_not_begun_anew() {
    let folder = filled();
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    check_refused(folder.path(), &["sled is damaged: it is missing", "spandrel restore FILE --data-dir"]);
}

/// A log that is cut short is, to sled, one that ends there.
#[test]
fn an_older_state_of_the_database_is_refused() {
    let folder = filled();
    let older = tempfile::tempdir().unwrap();
    copy(folder.path(), older.path());
    let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    for _ in 0..3 {
        backend.apply(vec![(key(7), Some(Bytes::from_static(b"new")))]).unwrap();
        backend.sync().unwrap();
    }
    Box::new(backend).close();
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    copy(&older.path().join("sled"), &folder.path().join("sled"));
    check_refused(folder.path(), &["the newest 3 of its 23 batches of writes are missing"]);
    check_refused(folder.path(), &["the newest 3 of its 23 batches of writes are missing"]);
}

/// The count of what was acknowledged guards the rows; when it is lost itself, they are looked at and it is made anew.
#[test]
fn a_lost_count_of_what_was_acknowledged_is_counted_again() {
    let check = |lose: fn(&Path)| {
        let folder = filled();
        lose(&folder.path().join("ACKNOWLEDGED"));
        let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        assert_eq!(Acknowledged::read(folder.path()).unwrap(), Said::Count(20));
        assert_eq!(backend.check_digest(), Ok(()));
    };
    check(|file| fs::remove_file(file).unwrap());
    check(|file| fs::write(file, "").unwrap());
    check(|file| fs::write(file, "00000000000000099999 00000000\n").unwrap());
}

/// A version that knew nothing of counts wrote to a folder that had one, and was then refused what it had written itself.
#[test]
fn a_folder_of_the_format_without_counts_is_counted() {
    let folder = filled();
    let says = || fs::read_to_string(folder.path().join("FORMAT")).unwrap();
    let write_as_before = || {
        let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        backend.rows.insert(&key(1_000_000)[..], "a row that no count has").unwrap();
        Box::new(backend).close();
        fs::write(folder.path().join("FORMAT"), "spandrel 1\n").unwrap();
        fs::write(folder.path().join("ACKNOWLEDGED"), "00000000000000000042 4ee7e60b\n").unwrap();
    };
    write_as_before();
    // Whoever only looks does not make it another version's.
    let backend = SledBackend::open_existing(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    assert_eq!(backend.check_digest(), Ok(()));
    Box::new(backend).close();
    assert_eq!(says(), "spandrel 1\n");
    write_as_before();
    for _ in 0..2 {
        let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        assert_eq!(backend.check_digest(), Ok(()));
        assert_eq!(says(), "spandrel 4\n");
        Box::new(backend).close();
    }
}

/// Segments that sled has used again look like lost ones, and to look at all rows takes a second a million annotations.
#[test]
fn a_database_that_was_closed_gives_no_doubt_when_it_is_as_it_was() {
    let folder = filled();
    let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    for value in 0..40 {
        let row = |number| (key(number), Some(Bytes::from(vec![value; 4_000])));
        backend.apply((0..50).map(row).collect()).unwrap();
        backend.sync().unwrap();
    }
    Box::new(backend).close();
    let doubt = |closed: Option<&str>| find_doubt(&folder.path().join("sled"), closed).unwrap();
    let closed = fs::read_to_string(folder.path().join("CLOSED")).unwrap();
    assert_eq!(doubt(Some(closed.trim_end())), None);
    assert!(doubt(Some("")).unwrap().contains("not those that it was closed with"));
    assert!(doubt(None).unwrap().contains("is missing"));
    let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    assert!(!folder.path().join("CLOSED").exists(), "it is open now");
    Box::new(backend).close();
    assert!(folder.path().join("CLOSED").exists());
}

/// Taken for none, a doubt would be forgotten by the very start that did not look.
#[test]
fn a_doubt_that_cannot_be_read_is_no_lack_of_one() {
    let folder = filled();
    fs::create_dir(folder.path().join("DOUBT")).unwrap();
    check_refused(folder.path(), &["cannot read", "DOUBT"]);
    fs::remove_dir(folder.path().join("DOUBT")).unwrap();
    SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
}

/// A doubt that was not settled when the process was killed is met by the next start, too.
#[test]
fn a_doubt_is_kept_until_it_is_settled() {
    let folder = filled();
    let data_dir = DataDir::open(folder.path()).unwrap();
    data_dir.keep_doubt("what stands at byte 7 is not what was written").unwrap();
    drop(data_dir);
    let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    assert!(!folder.path().join("DOUBT").exists(), "all rows are there, so that it is settled");
    backend.rows.insert(&key(1_000_000)[..], "a row that no batch has").unwrap();
    Box::new(backend).close();
    let data_dir = DataDir::open(folder.path()).unwrap();
    data_dir.keep_doubt("what stands at byte 7 is not what was written").unwrap();
    drop(data_dir);
    check_refused(
        folder.path(),
        &["at byte 7 is not what was written; some of its rows are missing or are older"],
    );
    assert!(folder.path().join("DOUBT").exists());
}

#[test]
fn a_creation_that_was_cut_off_begins_again() {
    let folder = filled();
    fs::rename(folder.path().join("sled"), folder.path().join("sled.new")).unwrap();
    fs::remove_file(folder.path().join("ACKNOWLEDGED")).unwrap();
    fs::write(folder.path().join("sled.new/db"), "half").unwrap();
    let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    assert_eq!(backend.get(b"\0\0\0\x01\0\0\0\x01"), Ok(None));
    assert!(!folder.path().join("sled.new").exists());
}

/// A disk that was full while the database was opened left an empty one, and the database could not be opened again.
#[test]
fn a_snapshot_that_was_cut_off_does_no_harm() {
    let folder = filled();
    let unfinished = folder.path().join("sled/snap.7FFFFFFFFFFFFFFF.generating");
    for content in [&b""[..], b"half a snapsh"] {
        fs::write(&unfinished, content).unwrap();
        let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        assert_eq!(backend.get(b"\0\0\0\x01\0\0\0\x01").unwrap().map(|value| value.len()), Some(4_000));
        assert!(!unfinished.exists());
        Box::new(backend).close();
    }
}

#[test]
fn an_open_folder_is_refused_and_not_harmed() {
    let folder = filled();
    let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
    check_refused(folder.path(), &["another process uses"]);
    assert_eq!(backend.get(b"\0\0\0\x01\0\0\0\x01").unwrap().map(|value| value.len()), Some(4_000));
    assert!(backend.free_bytes().is_some_and(|free| free > 0));
}

/// Rows as they should be.
type Model = BTreeMap<Bytes, Bytes>;

const KEYS: usize = 600;

fn key(number: usize) -> Bytes {
    Bytes::from([[0, 0, 0, 1].as_slice(), &number.to_be_bytes()].concat())
}

/// Overwrites and deletes rows in batches, as the committer does: some rows often, and the others once.
fn write(backend: &mut SledBackend, model: &mut Model, random: &mut impl FnMut(usize) -> usize) {
    let value = |random: &mut dyn FnMut(usize) -> usize| {
        Bytes::from(vec![u8::try_from(random(256)).unwrap(); random(1_500)])
    };
    let first: Vec<_> = (0..KEYS).map(|number| (key(number), Some(value(random)))).collect();
    let mut batches: Vec<Batch> = first.chunks(50).map(<[_]>::to_vec).collect();
    for number in 0..KEYS / 2 {
        let seldom = (key(KEYS / 2 + number * 37 % (KEYS / 2)), Some(value(random)));
        let often = (0..random(20)).map(|_| (key(random(KEYS / 2)), (random(10) > 0).then(|| value(random))));
        let batch: BTreeMap<_, _> = often.chain([seldom]).collect();
        batches.push(batch.into_iter().collect());
    }
    for batch in batches {
        for (key, value) in &batch {
            match value {
                Some(value) => drop(model.insert(key.clone(), value.clone())),
                None => drop(model.remove(key)),
            }
        }
        backend.apply(batch).unwrap();
        backend.sync().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// sled replays what was written since its last snapshot and takes a message with a wrong checksum for the end of its
/// segment: a flipped bit in the middle of the log made older rows come back, and nobody was told. Whatever is done
/// to the file, the folder is refused, or the row is, or what is read is what was written.
#[test]
fn damage_never_brings_back_what_was_there_before() {
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let mut outcomes = BTreeMap::<&str, usize>::new();
    for openings in 1..=2 {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Model::new();
        for _ in 0..openings {
            let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
            write(&mut backend, &mut model, &mut random);
            Box::new(backend).close();
        }
        for damage in 0..60 {
            let damaged = tempfile::tempdir().unwrap();
            copy(folder.path(), damaged.path());
            let file = damaged.path().join("sled/db");
            let mut bytes = fs::read(&file).unwrap();
            let at = random(bytes.len());
            match damage % 6 {
                0 => bytes.truncate(at),
                1 => bytes[at / 512 * 512..][..512].fill(0),
                2 => {
                    let page = bytes[at / 4_096 * 4_096..][..4_096].to_vec();
                    let to = random(bytes.len()) / 4_096 * 4_096;
                    bytes[to..to + 4_096].copy_from_slice(&page);
                }
                _ => bytes[at] ^= 1 << random(8),
            }
            fs::write(&file, &bytes).unwrap();
            for opening in 0..2 {
                let what = format!("after {openings} openings, damage {damage} at {at}, opening {opening}");
                *outcomes.entry(check_nothing_else_is_read(damaged.path(), &model, &what)).or_default() += 1;
            }
        }
    }
    assert!(outcomes["refused"] > 20 && outcomes["whole"] > 10, "{outcomes:?}");
}

fn check_nothing_else_is_read(folder: &Path, model: &Model, what: &str) -> &'static str {
    let Ok(backend) = SledBackend::open(folder, DATABASE_CACHE_BYTES_DEFAULT) else { return "refused" };
    let mut outcome = "whole";
    for number in 0..KEYS {
        match catch_panic(|| backend.get(&key(number))) {
            Ok(Ok(value)) => assert_eq!(value.as_ref(), model.get(&key(number)), "row {number} {what}"),
            Ok(Err(_)) | Err(_) => outcome = "some rows refused",
        }
    }
    let _ = catch_panic(|| Box::new(backend).close());
    outcome
}

/// Rows of a folder that was opened once for each stride, and which each time wrote all of them in another order.
const REWRITTEN: usize = 4_000;

/// Such a folder, closed, and what each of its rows has.
fn rewritten(strides: &[usize]) -> (tempfile::TempDir, Bytes) {
    let folder = tempfile::tempdir().unwrap();
    let mut newest = Bytes::new();
    for (value, stride) in (1..).zip(strides) {
        newest = Bytes::from(vec![value; 1_000]);
        let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        let row = |number: usize| (key(number * stride % REWRITTEN), Some(newest.clone()));
        for first in (0..REWRITTEN).step_by(50) {
            backend.apply((first..first + 50).map(row).collect()).unwrap();
            backend.sync().unwrap();
        }
        Box::new(backend).close();
    }
    (folder, newest)
}

/// Puts `bytes` for the database's file into a copy of the folder, and expects no other row than the newest to be read.
/// Whether it is opened at all.
fn check_only_newest(folder: &Path, newest: &Bytes, bytes: &[u8], is_killed: bool, what: &str) -> bool {
    let damaged = tempfile::tempdir().unwrap();
    copy(folder, damaged.path());
    fs::write(damaged.path().join("sled/db"), bytes).unwrap();
    if is_killed {
        fs::remove_file(damaged.path().join("CLOSED")).unwrap();
    }
    let Ok(backend) = SledBackend::open(damaged.path(), DATABASE_CACHE_BYTES_DEFAULT) else { return false };
    for number in 0..REWRITTEN {
        // A row that is refused is not another one.
        if let Ok(Ok(found)) = catch_panic(|| backend.get(&key(number))) {
            assert_eq!(found.as_ref(), Some(newest), "row {number}, {what}, killed: {is_killed}");
        }
    }
    let _ = catch_panic(|| Box::new(backend).close());
    true
}

/// A header of zeros is that of a segment which is not used: sled passed over what stood behind it, older rows came
/// back, and nobody was told.
#[test]
fn a_segment_that_lost_its_header_never_brings_back_what_was_there_before() {
    let (folder, newest) = rewritten(&[1, 37]);
    let whole = fs::read(folder.path().join("sled/db")).unwrap();
    for zeroed in [512, 4_096, SEGMENT_BYTES] {
        for at in (0..whole.len()).step_by(SEGMENT_BYTES) {
            let mut bytes = whole.clone();
            bytes[at..].iter_mut().take(zeroed).for_each(|byte| *byte = 0);
            for is_killed in [false, true] {
                let what = format!("{zeroed} bytes zeroed at {at}");
                check_only_newest(folder.path(), &newest, &bytes, is_killed, &what);
            }
        }
    }
}

/// The last segment of the file is often not the newest. Cut off with the end of the file, or with the header of another
/// segment over its own, it was neither read nor blank: older rows came back, and nobody was told.
#[test]
fn a_segment_that_vanished_never_brings_back_what_was_there_before() {
    for strides in [[1, 37, 101], [7, 1_999, 37], [1_501, 101, 1]] {
        let (folder, newest) = rewritten(&strides);
        let whole = fs::read(folder.path().join("sled/db")).unwrap();
        // As if the process had been killed, every second time.
        let mut is_killed = false;
        let mut check = |bytes: &[u8], what: &str| {
            is_killed = !is_killed;
            let what = format!("{what}, strides {strides:?}");
            check_only_newest(folder.path(), &newest, bytes, is_killed, &what)
        };
        for _ in 0..2 {
            assert!(check(&whole, "nothing done"));
        }
        let segments = whole.len() / SEGMENT_BYTES;
        for lost in 1..4 {
            for rest in [0, 7, 5_000] {
                let cut = (segments - lost) * SEGMENT_BYTES + rest;
                check(&whole[..cut], &format!("cut {lost} segments before the end and {rest} bytes"));
            }
        }
        for at in 0..segments {
            let mut bytes = whole.clone();
            let from = at * 7 % segments * SEGMENT_BYTES;
            bytes.copy_within(from..from + 4_096, at * SEGMENT_BYTES);
            check(&bytes, &format!("the header of the segment at {from} over that of segment {at}"));
        }
    }
}
