use std::fmt::Debug;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::domain::{
    Problem,
    annotations::{Anchoring, AnchoringResult, Argument, Label, Mention, Relation, State, Target},
    attributes::{AttributeValue, Attributes},
    ids::AnnotationName,
    layers::LayerCounts,
    spans::Anchor,
    text::TextRange,
};

const TIME: Timestamp = Timestamp(1_700_000_000_000_000);

const PROJECT: &str = "0a01701210111111111111111111111111111111111a045a6fc3ab2201642a060a016112016230ac02\
    388080f9c0c1c48203408180f9c0c1c48203";
const ARTICLE: &str = "0a01611201741a0264652201752a060a016b12017630023803\
    42202222222222222222222222222222222222222222222222222222222222222222\
    48ac0250c80158c7016004688080f9c0c1c48203708180f9c0c1c48203";
const PLAIN_ANNOTATION: &str = "12035045521a0604030305040422054dc3bc6c6c3009388080f9c0c1c48203";
const FULL_ANNOTATION: &str = "0a04676f6c6412035045521a0fc80196018c01050404000000010101\
    22054dc3bc6c6c22017828023009388080f9c0c1c482034007";
const ELOQUENT_ANNOTATION: &str = "0a04676f6c6412035045521a0fc80196018c0105040400000001010122054dc3bc6c6c22017828023009388080f9c0c1\
    c4820340075a050a016210005a0c0a016421000000000000e03f5a050a016918055a0a0a016c32050a01780a005a070a\
    01732a02c3a9620377687969000000000000000070017a0f080311000000000000e83f1801200182014670726f6a6563\
    74732f702f61727469636c65732f612f616e6e6f746174696f6e732f30373037303730372d303730372d303730372d30\
    3730372d303730373037303730373037880101";
const RELATION: &str = "12035045523009388080f9c0c1c482034a180a04417267311210010101010101010101010101010101014a121210020202020202020202020202020202027002";
const REMARK: &str = "12035045523009388080f9c0c1c482035001";

fn a_project() -> Project {
    Project {
        id: ProjectId::parse("", "p").unwrap(),
        uid: ProjectUid(Uuid::from_bytes([0x11; 16])),
        details: ProjectDetails {
            display_name: "Zoë".to_owned(),
            description: "d".to_owned(),
            metadata: [("a".to_owned(), "b".to_owned())].into(),
        },
        revision: Revision(300),
        create_time: TIME,
        update_time: Timestamp(TIME.0 + 1),
    }
}

fn an_article() -> StoredArticle {
    StoredArticle {
        article: Article {
            id: ArticleId::parse("", "a").unwrap(),
            details: ArticleDetails {
                title: "t".to_owned(),
                language: "de".to_owned(),
                source_uri: "u".to_owned(),
                metadata: [("k".to_owned(), "v".to_owned())].into(),
            },
            text: TextIdentity { revision: 2, sha256: [0x22; 32], length: position(300, 200, 199) },
            revision: Revision(4),
            create_time: TIME,
            update_time: Timestamp(TIME.0 + 1),
        },
        text_generation: Generation(3),
        annotation_generation: Generation::FIRST,
    }
}

fn annotation_id() -> AnnotationId {
    AnnotationId::from_bytes([7; 16])
}

/// Where every field has its default that can.
fn a_plain_annotation() -> Annotation {
    Annotation {
        id: annotation_id(),
        layer: LayerId::parse("", "default").unwrap(),
        label: Label::parse("", "PER").unwrap(),
        target: Target::Spans(Mention {
            anchor: Anchor::from_ranges(vec![range((4, 3, 3), (9, 7, 7))]).unwrap(),
            quotes: vec!["Müll".to_owned()],
            splits_graphemes: false,
        }),
        attributes: Attributes::new(),
        note: String::new(),
        score: None,
        state: State::Accepted,
        anchoring: None,
        derived_from: Vec::new(),
        text_revision: 1,
        revision: Revision(9),
        create_time: TIME,
        update_time: TIME,
    }
}

/// Where none has, on two spans that touch.
fn a_full_annotation() -> Annotation {
    let spans = vec![range((200, 150, 140), (205, 154, 144)), range((205, 154, 144), (206, 155, 145))];
    Annotation {
        layer: LayerId::parse("", "gold").unwrap(),
        target: Target::Spans(Mention {
            anchor: Anchor::from_ranges(spans).unwrap(),
            quotes: vec!["Müll".to_owned(), "x".to_owned()],
            splits_graphemes: false,
        }),
        text_revision: 2,
        update_time: Timestamp(TIME.0 + 7),
        ..a_plain_annotation()
    }
}

/// Where what an annotation says beside its label is there, too.
fn an_eloquent_annotation() -> Annotation {
    let attributes = [
        ("b", AttributeValue::Bool(false)),
        ("d", AttributeValue::Double(0.5)),
        ("i", AttributeValue::Int(-3)),
        ("l", AttributeValue::StringList(vec!["x".to_owned(), String::new()])),
        ("s", AttributeValue::String("é".to_owned())),
    ];
    let Target::Spans(mention) = a_full_annotation().target else { unreachable!() };
    Annotation {
        target: Target::Spans(Mention { splits_graphemes: true, ..mention }),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        note: "why".to_owned(),
        score: Some(0.0),
        state: State::Suggested,
        anchoring: Some(Anchoring {
            result: AnchoringResult::Modified,
            similarity: 0.75,
            from_text_revision: 1,
            needs_review: true,
        }),
        derived_from: vec![
            AnnotationName::parse(
                "",
                "projects/p/articles/a/annotations/07070707-0707-0707-0707-070707070707",
            )
            .unwrap(),
        ],
        ..a_full_annotation()
    }
}

/// Of two annotations.
fn a_relation() -> Annotation {
    let argument =
        |role: &str, n| Argument { role: role.to_owned(), annotation: AnnotationId::from_bytes([n; 16]) };
    let relation = Relation::new(vec![argument("Arg1", 1), argument("", 2)]).unwrap();
    Annotation { target: Target::Relation(relation), state: State::Rejected, ..a_plain_annotation() }
}

/// Of the article as a whole.
fn a_remark() -> Annotation {
    Annotation { target: Target::Article, ..a_plain_annotation() }
}

fn range(start: (u32, u32, u32), end: (u32, u32, u32)) -> TextRange {
    TextRange { start: position(start.0, start.1, start.2), end: position(end.0, end.1, end.2) }
}

fn position(utf8: u32, utf16: u32, code_points: u32) -> Position {
    Position { utf8, utf16, code_points }
}

/// These bytes are on people's disks.
#[test]
fn records_keep_their_bytes() {
    let bytes = |expected: &str| hex::decode(expected).unwrap();
    assert_eq!(hex::encode(project(&a_project()).encode_to_vec()), PROJECT);
    assert_eq!(read_project(decode(&bytes(PROJECT)).unwrap()), Ok(a_project()));
    assert_eq!(hex::encode(article(&an_article()).encode_to_vec()), ARTICLE);
    assert_eq!(read_article(decode(&bytes(ARTICLE)).unwrap()), Ok(an_article()));
    let revised = StoredArticle { annotation_generation: Generation(5), ..an_article() };
    assert_eq!(hex::encode(article(&revised).encode_to_vec()), format!("{ARTICLE}7805"));
    assert_eq!(read_article(decode(&bytes(&format!("{ARTICLE}7805"))).unwrap()), Ok(revised));
    for (expected, value) in [
        (PLAIN_ANNOTATION, a_plain_annotation()),
        (FULL_ANNOTATION, a_full_annotation()),
        (ELOQUENT_ANNOTATION, an_eloquent_annotation()),
        (RELATION, a_relation()),
        (REMARK, a_remark()),
    ] {
        assert_eq!(hex::encode(annotation(&value).encode_to_vec()), expected);
        assert_eq!(decode_annotation(annotation_id(), &bytes(expected)), Ok(value));
    }
}

/// These bytes are on people's disks.
#[test]
fn changes_keep_their_bytes() {
    let check = |value: ResourceChange, expected: &[&str]| {
        let expected = expected.concat();
        assert_eq!(hex::encode(change(&value)), expected);
        assert_eq!(read_change(&hex::decode(expected).unwrap()), Ok(value));
    };
    let before_and_after = ResourceChange::Project { before: Some(a_project()), after: Some(a_project()) };
    check(before_and_after, &["0a7a", "0a3b", PROJECT, "123b", PROJECT]);
    check(ResourceChange::Project { before: Some(a_project()), after: None }, &["0a3d", "0a3b", PROJECT]);
    let created = ResourceChange::Article {
        number: ArticleNumber(300),
        before: None,
        after: Some(an_article()),
        cascaded: false,
    };
    check(created, &["125d", "08ac02", "1a58", ARTICLE]);
    let (article, id) = (ArticleId::parse("", "a").unwrap(), annotation_id());
    let (before, after) = (Some(a_plain_annotation()), Some(a_full_annotation()));
    let written = ResourceChange::Annotation {
        number: ArticleNumber(300),
        article,
        id,
        before,
        after,
        cascaded: false,
    };
    let named = "0a0161121007070707070707070707070707070707";
    check(written, &["1a70", named, "1a1f", PLAIN_ANNOTATION, "2235", FULL_ANNOTATION, "28ac02"]);
}

/// These bytes are on people's disks.
#[test]
fn what_was_staged_says_no_revision_and_no_text_revision() {
    const STAGED: &str = "12035045521a0604030305040422054dc3bc6c6c";
    let base = GenerationBase { revision: Revision(20), time: Timestamp(TIME.0 + 9), text_revision: 2 };
    let check = |text_revision, expected: &str| {
        let mut annotation = a_plain_annotation();
        annotation.text_revision = text_revision;
        (annotation.revision, annotation.update_time) = (base.revision, base.time);
        let record = staged_annotation(&annotation, 2);
        assert_eq!(hex::encode(record.encode_to_vec()), expected);
        let mut resolved = record.clone();
        assert!(resolve(&mut resolved, base));
        assert_eq!(resolved, self::annotation(&annotation));
        let mut unresolved = record.clone();
        assert!(!resolve(&mut unresolved, GenerationBase::default()));
        assert_eq!(unresolved, record);
        let mut own = self::annotation(&annotation);
        assert!(!resolve(&mut own, base));
        assert_eq!(read_annotation(annotation_id(), own), Ok(annotation));
    };
    check(2, &format!("{STAGED}388080f9c0c1c48203"));
    check(1, &format!("{STAGED}2801388080f9c0c1c48203"));
    check(7, &format!("{STAGED}2807388080f9c0c1c48203"));
}

/// These bytes are on people's disks.
#[test]
fn tallies_keep_their_bytes() {
    let layer = LayerId::parse("", "gold").unwrap();
    let counts = LayerCounts {
        spans: 300,
        relations: 2,
        article_labels: 3,
        orphans: 4,
        suggested: 5,
        accepted: 6,
        rejected: 7,
        needs_review: 8,
    };
    let tally = layer_tally(&layer, &counts);
    assert_eq!(hex::encode(tally.encode_to_vec()), "0a04676f6c6410ac021802200328043005380640074808");
    assert_eq!(read_layer_tally(&tally), ("gold", counts));
}

/// What an older version wrote without a field is read with its default.
#[test]
fn what_is_left_out_is_read_as_its_default() {
    let read = read_project(
        decode(&hex::decode("0a017012101111111111111111111111111111111130ac02").unwrap()).unwrap(),
    );
    let expected = Project {
        details: ProjectDetails::default(),
        create_time: Timestamp(0),
        update_time: Timestamp(0),
        ..a_project()
    };
    assert_eq!(read, Ok(expected));
}

/// What a newer version of the same format adds is passed over.
#[test]
fn what_is_not_known_is_passed_over() {
    let with_more = hex::decode(format!("{PROJECT}fa0703010203")).unwrap();
    assert_eq!(read_project(decode(&with_more).unwrap()), Ok(a_project()));
}

#[test]
fn a_change_around_stored_annotations_is_the_change_of_them() {
    let id = AnnotationId::from_bytes([7; 16]);
    let article = ArticleId::parse("id", "a").unwrap();
    let annotation = |revision| {
        let record = stored::AnnotationRecord {
            label: "PER".to_owned(),
            spans: vec![3, 3, 2, 9, 9, 9],
            quotes: vec!["Zoë".to_owned()],
            revision,
            ..stored::AnnotationRecord::default()
        };
        read_annotation(id, record).unwrap()
    };
    let states = [None, Some(annotation(1)), Some(annotation(2))];
    for (before, after) in states.iter().flat_map(|one| states.iter().map(move |other| (one, other))) {
        let encoded = |one: &Option<Annotation>| {
            one.as_ref().map(|one| Bytes::from(self::annotation(one).encode_to_vec()))
        };
        let (before, after) = (before.clone(), after.clone());
        for cascaded in [false, true] {
            let (number, article) = (ArticleNumber(300), article.clone());
            let states = (encoded(&before), encoded(&after));
            let around = annotation_change((number, &article), id, states, cascaded);
            let (before, after) = (before.clone(), after.clone());
            let whole = ResourceChange::Annotation { number, article, id, before, after, cascaded };
            assert_eq!(around, change(&whole));
        }
    }
}

/// What is decoded is the same after it was encoded again; what is not decoded is damage.
fn check_again<T: Debug + PartialEq>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<T>,
    write: impl Fn(&T) -> Vec<u8>,
) -> std::result::Result<(), TestCaseError> {
    match read(bytes) {
        Ok(value) => prop_assert_eq!(read(&write(&value)), Ok(value)),
        Err(error) => prop_assert!(matches!(error.problem, Problem::StorageCorrupt(_)), "{error}"),
    }
    Ok(())
}

/// Bytes of records with some of them changed, and any bytes.
fn damaged_records() -> impl Strategy<Value = Vec<u8>> {
    let records = [
        project(&a_project()).encode_to_vec(),
        article(&an_article()).encode_to_vec(),
        annotation(&a_full_annotation()).encode_to_vec(),
        change(&ResourceChange::Project { before: None, after: Some(a_project()) }).to_vec(),
        change(&ResourceChange::Article {
            number: ArticleNumber(1),
            before: Some(an_article()),
            after: None,
            cascaded: false,
        })
        .to_vec(),
        change(&ResourceChange::Annotation {
            number: ArticleNumber(1),
            article: ArticleId::parse("", "a").unwrap(),
            id: annotation_id(),
            before: Some(a_plain_annotation()),
            after: Some(a_full_annotation()),
            cascaded: true,
        })
        .to_vec(),
    ];
    let damaged =
        (proptest::sample::select(records.to_vec()), vec((any::<prop::sample::Index>(), any::<u8>()), 0..4));
    let damaged = damaged.prop_map(|(mut record, damages)| {
        for (at, byte) in damages {
            let at = at.index(record.len());
            record[at] = byte;
        }
        record
    });
    prop_oneof![4 => damaged, 1 => vec(any::<u8>(), 0..64)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_a_record_or_damage(bytes in damaged_records()) {
        check_again(&bytes, |bytes| read_project(decode(bytes)?), |value| project(value).encode_to_vec())?;
        check_again(&bytes, |bytes| read_article(decode(bytes)?), |value| article(value).encode_to_vec())?;
        let read = |bytes: &[u8]| decode_annotation(annotation_id(), bytes);
        check_again(&bytes, read, |value| annotation(value).encode_to_vec())?;
        check_again(&bytes, read_change, |value| change(value).to_vec())?;
    }
}
