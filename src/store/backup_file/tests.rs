use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    domain::{
        articles::{Article, ArticleDetails, TextIdentity},
        ids::{AnnotationId, ArticleId, ProjectId},
        projects::{Project, ProjectDetails},
        revisions::{ProjectUid, Revision, Timestamp},
        schema::{ProjectSchema, samples::everything},
        text::Position,
    },
    store::{
        backup_records::{CommitPart, ProjectEnd},
        engine::{Origin, Stamp},
        keys::{ArticleNumber, Generation},
        records::StoredArticle,
    },
};

/// A file of these records.
fn file_of(records: &[Record]) -> (Vec<u8>, FileTotals) {
    let mut file = BytesMut::new();
    let mut framer = Framer::begin(&mut file);
    for record in records {
        framer.record(&mut file, record.clone()).unwrap();
    }
    let totals = framer.end(&mut file).unwrap();
    (file.to_vec(), totals)
}

/// Reads a file to its end.
fn read(file: &[u8]) -> Result<Vec<Record>, FileError> {
    let mut reader = FileReader::open(file)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok(records)
}

fn stamp(revision: u64) -> Stamp {
    Stamp { revision: Revision(revision), time: Timestamp(-7) }
}

/// One record of each kind, told apart by `seed`.
fn records(seed: u64, bytes: &Bytes) -> Vec<Record> {
    let (number, generation) = (ArticleNumber(seed), Generation(1));
    let project = Project {
        id: ProjectId::parse("id", &format!("p{seed}")).unwrap(),
        uid: ProjectUid(uuid::Uuid::from_u128(u128::from(seed))),
        details: ProjectDetails { display_name: "Zoë 👍🏽".to_owned(), ..ProjectDetails::default() },
        revision: Revision(seed),
        create_time: Timestamp(1),
        update_time: Timestamp(2),
    };
    let article = Article {
        id: ArticleId::parse("id", "a").unwrap(),
        details: ArticleDetails { title: "T".to_owned(), ..ArticleDetails::default() },
        text: TextIdentity { revision: 1, sha256: [7; 32], length: Position::default() },
        revision: Revision(seed),
        create_time: Timestamp(3),
        update_time: Timestamp(4),
    };
    let part = |continued| CommitPart {
        stamp: stamp(seed),
        origin: Origin::default(),
        changes: vec![bytes.clone()],
        continued,
    };
    vec![
        Record::Start(Timestamp(5)),
        Record::Project { project, base: Revision(seed), log_floor: Revision(1) },
        Record::Article {
            number,
            article: StoredArticle {
                article,
                text_generation: generation,
                annotation_generation: generation,
            },
        },
        Record::Text { number, generation, offset: 4_096, bytes: bytes.clone() },
        Record::Annotations {
            number,
            generation,
            base: None,
            annotations: vec![(AnnotationId::from_bytes([9; 16]), bytes.clone())],
        },
        Record::LabelSchema(Box::new(ProjectSchema {
            schema: everything(),
            revision: Revision(seed),
            create_time: Timestamp(6),
            update_time: Timestamp(7),
        })),
        Record::Commits(vec![part(true), part(false)]),
        Record::ProjectEnd(ProjectEnd::At {
            head: stamp(seed),
            numbers_below: 1_001,
            generations_below: Generation(102),
        }),
        Record::ProjectEnd(ProjectEnd::Deleted),
    ]
}

/// These bytes are in people's files.
#[test]
fn a_file_keeps_its_bytes() {
    let records = [
        Record::Start(Timestamp(1)),
        Record::ProjectEnd(ProjectEnd::At {
            head: stamp(2),
            numbers_below: 3,
            generations_below: Generation::FIRST_STAGED,
        }),
    ];
    let (file, totals) = file_of(&records);
    let expected = [
        hex::encode("spandrel backup 1\n").as_str(),
        "000000044345f73d0a020801",
        "000000116c49b7fb3a0f100218f9ffffffffffffffff012003",
        "0000002620ecd4ca422408012a201dba8f113965e3526f7569159e6fcbc5372e8a2093a5061d9c21e3a79ca61195",
    ]
    .concat();
    assert_eq!(hex::encode(&file), expected);
    let sha256 = "433858e1f8b309b69d107b4eee229e7e4d132d8fcda9e6e1dfc271e768fea7d6";
    assert_eq!(hex::encode(totals.sha256), sha256);
    assert_eq!(read(&file).unwrap(), records);
}

#[test]
fn what_is_written_is_read() {
    let records = records(7, &Bytes::from_static(b"some bytes"));
    let (file, totals) = file_of(&records);
    assert_eq!(read(&file).unwrap(), records);
    assert_eq!(totals.counts, Counts { projects: 1, articles: 1, annotations: 1, commits: 1 });
    assert_eq!(totals.bytes, u64::try_from(file.len()).unwrap());
    assert_eq!(totals.sha256, <[u8; 32]>::from(Sha256::digest(&file)));
    assert!(read(&file_of(&[]).0).unwrap().is_empty());
}

#[test]
fn a_record_longer_than_a_frame_is_refused() {
    let mut file = BytesMut::new();
    let mut framer = Framer::begin(&mut file);
    let text = |bytes| Record::Text {
        number: ArticleNumber(1),
        generation: Generation(1),
        offset: 0,
        bytes: vec![0; bytes].into(),
    };
    framer.record(&mut file, text(BACKUP_FRAME_BYTES_MAX - 100)).unwrap();
    framer.record(&mut file, text(BACKUP_FRAME_BYTES_MAX)).unwrap_err();
}

#[test]
fn what_is_no_backup_is_told_from_what_is_newer() {
    let check = |file: &[u8], parts: &[&str]| {
        let message = read(file).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    };
    check(b"Dear diary,\n", &["not a backup", "that spandrel backup wrote", "compressed"]);
    check(b"\x28\xb5\x2f\xfd", &["not a backup", "unpack it"]);
    check(b"spandrel backup one\n", &["not a backup"]);
    check(b"spandrel backup 0\n", &["not a backup"]);
    check(b"spandrel backup 12345678901\n", &["not a backup"]);
    check(b"spandrel backup 2\n\0\0", &["format 2", "only format 1", "newer version"]);
    check(b"", &["cut off", "byte 0"]);
    check(b"spandrel b", &["cut off", "byte 10"]);
    check(b"spandrel backup 1\n", &["cut off", "byte 18", "end is missing"]);
    check(b"spandrel backup 1\n\xff\xff\xff\xff\0\0\0\0", &["damaged at byte 18", "4294967295 bytes"]);
}

#[test]
fn nothing_follows_the_end() {
    let (mut file, _) = file_of(&records(1, &Bytes::new()));
    let length = file.len();
    file.push(0);
    let message = read(&file).unwrap_err().to_string();
    assert!(message.contains(&format!("damaged at byte {length}")), "{message}");
}

/// Two whole frames in another order have right checksums, each by itself.
#[test]
fn frames_in_another_order_are_found_at_the_end() {
    let start = |time| Record::Start(Timestamp(time));
    let (one, _) = file_of(&[start(1), start(2)]);
    let (other, _) = file_of(&[start(2), start(1)]);
    let frames = one.len() - 18 - 8;
    let mixed: Vec<_> = other.iter().take(42).chain(one.iter().skip(42)).copied().collect();
    assert!(frames > 24 && mixed != one);
    assert!(matches!(read(&mixed), Err(FileError::Damaged { at: 42, .. })), "{:?}", read(&mixed));
}

proptest! {
    #[test]
    fn any_records_are_read_as_they_were_written(seeds in vec((any::<u64>(), vec(any::<u8>(), 0..300)), 0..6)) {
        let records: Vec<_> =
            seeds.into_iter().flat_map(|(seed, bytes)| records(seed, &Bytes::from(bytes))).collect();
        prop_assert_eq!(read(&file_of(&records).0).unwrap(), records);
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in vec(any::<u8>(), 0..400), has_first_line: bool) {
        let first_line: &[u8] = if has_first_line { b"spandrel backup 1\n" } else { b"" };
        prop_assert!(read(&[first_line, &bytes].concat()).is_err());
    }

    #[test]
    fn a_file_that_is_cut_or_flipped_anywhere_is_refused(
        seed: u64,
        bytes in vec(any::<u8>(), 0..100),
        place: prop::sample::Index,
        flip in 1..=255_u8,
    ) {
        let (file, _) = file_of(&records(seed, &Bytes::from(bytes)));
        let at = place.index(file.len());
        let cut = read(&file[..at]);
        let is_cut_off = matches!(cut, Err(FileError::CutOff { at: end }) if end == u64::try_from(at).unwrap());
        prop_assert!(is_cut_off);
        let mut flipped = file;
        flipped[at] ^= flip;
        prop_assert!(read(&flipped).is_err());
    }

    /// A frame whose checksum is right may still hold anything.
    #[test]
    fn payloads_that_are_no_records_are_refused(payload in vec(any::<u8>(), 0..60)) {
        let mut file = BytesMut::new();
        let mut framer = Framer::begin(&mut file);
        framer.frame(&mut file, &payload).unwrap();
        let read = FileReader::open(&file[..]).unwrap().next_record();
        let is_explained = matches!(read, Ok(Some(_)) | Err(FileError::Damaged { at: 18, .. }));
        prop_assert!(is_explained);
    }
}
