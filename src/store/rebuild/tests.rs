//! What no server writes is refused, whatever it is, and nothing panics.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::store::engine::Origin;
use crate::{
    domain::{
        articles::{Article, ArticleDetails, TextIdentity},
        ids::{AnnotationId, ArticleId},
        projects::ProjectDetails,
        requests::{Method, Request, RequestId},
        text::Position,
    },
    proto::stored::AnnotationRecord,
    store::{
        annotation_index::AnnotationIndex,
        keys::Generation,
        memory::{Disk, MemoryBackend},
        records::StoredArticle,
    },
};

fn stamp(revision: u64) -> Stamp {
    Stamp { revision: Revision(revision), time: Timestamp(1) }
}

fn project() -> Project {
    Project {
        id: ProjectId::parse("id", "p").unwrap(),
        uid: ProjectUid(Uuid::from_u128(7)),
        details: ProjectDetails::default(),
        revision: Revision(1),
        create_time: Timestamp(1),
        update_time: Timestamp(1),
    }
}

fn stored(revision: u64) -> StoredArticle {
    let length = Position { utf8: 4, utf16: 4, code_points: 4 };
    let article = Article {
        id: ArticleId::parse("id", "a").unwrap(),
        details: ArticleDetails::default(),
        text: TextIdentity { revision: 1, sha256: [0; 32], length },
        revision: Revision(revision),
        create_time: Timestamp(1),
        update_time: Timestamp(1),
    };
    StoredArticle { article, text_generation: Generation::FIRST, annotation_generation: Generation::FIRST }
}

const ARTICLE: ArticleNumber = ArticleNumber(1);
const ID: AnnotationRecordId = [9; 16];
type AnnotationRecordId = [u8; 16];

fn annotation(revision: u64) -> Bytes {
    use prost::Message as _;
    let record = AnnotationRecord {
        label: "X".to_owned(),
        spans: vec![0, 0, 0, 4, 4, 4],
        revision,
        ..AnnotationRecord::default()
    };
    record.encode_to_vec().into()
}

fn commit(revision: u64, changes: Vec<Bytes>) -> Record {
    Record::Commits(vec![CommitPart {
        stamp: stamp(revision),
        origin: Origin::default(),
        changes,
        continued: false,
    }])
}

/// One article with one annotation, which a commit after the base changes.
fn backup() -> Vec<Record> {
    let id = AnnotationId::from_bytes(ID);
    let created = |before, after| records::change(&ResourceChange::Project { before, after });
    let article =
        ResourceChange::Article { number: ARTICLE, before: None, after: Some(stored(2)), cascaded: false };
    let changed = |states| records::annotation_change((ARTICLE, &stored(2).article.id), id, states, false);
    vec![
        Record::Start(Timestamp(1)),
        Record::Project { project: project(), base: Revision(3), log_floor: Revision(0) },
        Record::Article { number: ARTICLE, article: stored(2) },
        Record::Text {
            number: ARTICLE,
            generation: Generation::FIRST,
            offset: 0,
            bytes: Bytes::from_static(b"text"),
        },
        Record::Annotations {
            number: ARTICLE,
            generation: Generation::FIRST,
            base: None,
            annotations: vec![(id, annotation(3))],
        },
        commit(1, vec![created(None, Some(project()))]),
        commit(2, vec![records::change(&article)]),
        commit(3, vec![changed((None, Some(annotation(3))))]),
        commit(4, vec![changed((Some(annotation(3)), Some(annotation(4))))]),
        Record::ProjectEnd(ProjectEnd::At {
            head: stamp(4),
            numbers_below: 2,
            generations_below: Generation::FIRST_STAGED,
        }),
    ]
}

fn rebuilt(records: Vec<Record>) -> Result<(Box<dyn Backend>, Vec<RestoredProject>)> {
    let mut rebuild = Rebuild::new(Box::new(MemoryBackend::open(&Disk::default())));
    records.into_iter().try_for_each(|record| rebuild.add(record))?;
    rebuild.finish()
}

#[test]
fn the_newer_revision_wins() {
    let check = |records: Vec<Record>, expected: Option<u64>| {
        let (backend, projects) = rebuilt(records).unwrap();
        assert_eq!(projects[0].revision, Revision(4));
        let view = PartitionView::new(&*backend, Partition(1));
        let index = AnnotationIndex::new(ARTICLE, Generation::FIRST);
        let id = AnnotationId::from_bytes(ID);
        let found = index.get(&view, id).unwrap();
        let revision = found.map(|entry| entry.annotation().unwrap().revision.0);
        assert_eq!(revision, expected);
        assert_eq!(projects[0].annotations, u64::from(expected.is_some()));
        index.verify(&view).unwrap();
    };
    let copied = |revision| Record::Annotations {
        number: ARTICLE,
        generation: Generation::FIRST,
        base: None,
        annotations: vec![(AnnotationId::from_bytes(ID), annotation(revision))],
    };
    let deleted = || {
        let (article, id) = (stored(2).article.id, AnnotationId::from_bytes(ID));
        commit(
            4,
            vec![records::annotation_change((ARTICLE, &article), id, (Some(annotation(3)), None), false)],
        )
    };
    check(backup(), Some(4));
    // Copied twice, in any order.
    let mut records = backup();
    records.insert(5, copied(4));
    check(records, Some(4));
    let mut records = backup();
    records.insert(4, copied(4));
    check(records, Some(4));
    // Not copied at all.
    let mut records = backup();
    records.remove(4);
    check(records, Some(4));
    let mut records = backup();
    records[8] = deleted();
    check(records, None);
    // Deleted at 4 and what was copied is of the same commit: it was created again under its id.
    let mut records = backup();
    (records[4], records[8]) = (copied(4), deleted());
    check(records, Some(4));
}

/// Of the day before the backup was begun; what is older, the server that was copied had forgotten, too.
#[test]
fn requests_of_the_last_day_are_known() {
    const HOUR: i64 = 3_600_000_000;
    let request = |id: u8| Request {
        id: RequestId::from_bytes([id; 16]).unwrap(),
        method: Method::UpdateAnnotation,
        body: [7; 16],
    };
    let mut records = backup();
    records[0] = Record::Start(Timestamp(30 * HOUR));
    // In the order of their revisions, 1 to 4, and each in two parts.
    for (commit, hour) in records[5..9].iter_mut().zip([5, 6, 30, 31]) {
        let Record::Commits(parts) = commit else { unreachable!() };
        let id = u8::try_from(hour).unwrap();
        parts[0].stamp.time = Timestamp(hour * HOUR);
        parts[0].origin = Origin { request: Some(request(id)), undone: Some(Revision(9)) };
        let begun = CommitPart { changes: Vec::new(), continued: true, ..parts[0].clone() };
        parts.insert(0, begun);
    }
    let head = Stamp { revision: Revision(4), time: Timestamp(31 * HOUR) };
    records[9] = Record::ProjectEnd(ProjectEnd::At {
        head,
        numbers_below: 2,
        generations_below: Generation::FIRST_STAGED,
    });
    let (backend, _) = rebuilt(records).unwrap();
    let view = PartitionView::new(&*backend, Partition(1));
    for (id, revision) in [(5, None), (6, Some(2)), (30, Some(3)), (31, Some(4))] {
        let found = requests::find(&view, &request(id)).unwrap();
        assert_eq!(found.as_ref().map(|commit| commit.stamp.revision.0), revision, "{id}");
        assert_eq!(found.map(|commit| commit.origin.undone), revision.map(|_| Some(Revision(9))));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let check = |change: fn(&mut Vec<Record>), what: &str| {
        let mut records = backup();
        change(&mut records);
        let message = rebuilt(records).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(what), "{message:?} does not say {what:?}");
    };
    check(|records| drop(records.remove(0)), "a project stands where there can be none");
    check(|records| drop(records.remove(1)), "what belongs to a project");
    check(|records| drop(records.pop()), "the end");
    check(|records| drop(records.remove(6)), "a commit stands");
    check(|records| drop(records.remove(8)), "a project's end stands");
    check(|records| records.insert(2, records[1].clone()), "a project stands");
    check(|records| records.push(records[1].clone()), "project p is there twice");
    check(
        |records| records.insert(3, Record::Article { number: ArticleNumber(0), article: stored(1) }),
        "twice",
    );
    check(
        |records| {
            records[9] = Record::ProjectEnd(ProjectEnd::At {
                head: stamp(4),
                numbers_below: 1,
                generations_below: Generation::FIRST_STAGED,
            });
        },
        "a number that was never given",
    );
    check(
        |records| {
            // Deleted by now, but its number was given.
            let deleted = ResourceChange::Article {
                number: ArticleNumber(2),
                before: Some(stored(2)),
                after: None,
                cascaded: false,
            };
            records[8] = commit(4, vec![records::change(&deleted)]);
        },
        "the log speaks of an article with a number",
    );
    check(
        |records| {
            records[3] = Record::Text {
                number: ARTICLE,
                generation: Generation::FIRST,
                offset: 1,
                bytes: Bytes::from_static(b"text"),
            };
        },
        "a text stands",
    );
}

proptest! {
    /// Records of a backup, left out, doubled and mixed.
    #[test]
    fn nothing_panics(places in vec(any::<Index>(), 0..20)) {
        let all = backup();
        let mixed = places.iter().map(|place| all[place.index(all.len())].clone()).collect();
        drop(rebuilt(mixed));
    }

    #[test]
    fn nothing_panics_of_almost_whole_backups(from: Index, to: Index, drops: bool) {
        let mut records = backup();
        let record = records.remove(from.index(records.len()));
        if !drops {
            records.insert(to.index(records.len() + 1), record);
        }
        drop(rebuilt(records));
    }
}
