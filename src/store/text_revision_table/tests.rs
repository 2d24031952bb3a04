use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        annotations::{Label, Mention, State, Target},
        articles::{Article, ArticleDetails, TextIdentity},
        attributes::Attributes,
        ids::{AnnotationId, ArticleId, LayerId},
        layers::LayerCounts,
        spans::Anchor,
        text::{Position, TextRange},
    },
    store::testing::MemoryRows,
};

const NUMBER: ArticleNumber = ArticleNumber(7);

fn article(text_revision: u32, generation: Generation) -> StoredArticle {
    let length = Position { utf8: 100, utf16: 100, code_points: 100 };
    StoredArticle {
        article: Article {
            id: ArticleId::parse("", "a").unwrap(),
            details: ArticleDetails::default(),
            text: TextIdentity { revision: text_revision, sha256: [0x22; 32], length },
            revision: Revision(3),
            create_time: Timestamp(5),
            update_time: Timestamp(5),
        },
        text_generation: generation,
        annotation_generation: generation,
    }
}

fn annotation(id: u8, start: u32, text_revision: u32) -> Annotation {
    let position = |at: u32| Position { utf8: at, utf16: at, code_points: at };
    let range = TextRange { start: position(start), end: position(start + 3) };
    Annotation {
        id: AnnotationId::from_bytes([id; 16]),
        layer: LayerId::parse("", if id.is_multiple_of(2) { "gold" } else { "default" }).unwrap(),
        label: Label::parse("", "PER").unwrap(),
        target: Target::Spans(Mention {
            anchor: Anchor::from_ranges(vec![range]).unwrap(),
            quotes: Vec::new(),
            splits_graphemes: false,
        }),
        attributes: Attributes::new(),
        note: String::new(),
        score: None,
        state: State::Accepted,
        anchoring: None,
        derived_from: Vec::new(),
        text_revision,
        revision: Revision(2),
        create_time: Timestamp(4),
        update_time: Timestamp(4),
    }
}

/// These bytes are on people's disks.
#[test]
fn text_revisions_keep_their_bytes() {
    let mut rows = MemoryRows::default();
    let stored = StoredTextRevision {
        text_revision: TextRevision {
            text: article(2, Generation(9)).article.text,
            revision: Revision(300),
            create_time: Timestamp(5),
            results: AnchoringCounts {
                unchanged: 1,
                shifted: 2,
                moved: 3,
                modified: 4,
                orphaned: 5,
                needs_review: 6,
                relations_needing_review: 7,
            },
        },
        text_generation: Generation(9),
        annotation_generation: Generation(8),
    };
    rows.commit(|draft| {
        put(draft, NUMBER, &stored);
        Ok(())
    })
    .unwrap();
    let found: Vec<_> = rows.0.iter().map(|(key, value)| (hex::encode(key), hex::encode(value))).collect();
    let sha256 = "22".repeat(32);
    let expected =
        format!("080910081a20{sha256}206428643064 38ac02400548015002580360046805700678 07").replace(' ', "");
    assert_eq!(found, [("23000000000000000700000002".to_owned(), expected)]);
    let current = article(2, Generation(9));
    assert_eq!(get(&rows, NUMBER, &current, 2), Ok(Some(stored)));
    let (key, value) = generations_in_use_row(Generation(0x0102));
    assert_eq!((hex::encode(key), hex::encode(value)), ("14".to_owned(), "00000102".to_owned()));
}

#[test]
fn the_first_text_has_no_row_while_there_is_no_second() {
    let rows = MemoryRows::default();
    let stored = article(1, Generation::FIRST);
    let first = get(&rows, NUMBER, &stored, 1).unwrap().unwrap();
    assert_eq!((first.text_revision.revision, first.text_revision.create_time), (Revision(3), Timestamp(5)));
    assert_eq!(list(&rows, NUMBER, &stored, 0).collect::<Result<Vec<_>>>(), Ok(vec![first]));
    assert_eq!(list(&rows, NUMBER, &stored, 2).count(), 0);
    assert_eq!(get(&rows, NUMBER, &stored, 2), Ok(None));
    assert_eq!(generations_in_use(&rows), Ok(Generation::FIRST_STAGED));
}

/// Puts what is staged for `after`, and switches to it.
fn revise(
    rows: &mut MemoryRows,
    before: &StoredArticle,
    after: &StoredArticle,
    changed: &[Annotation],
    kept: &[Annotation],
) -> bool {
    let index = ArticlePlace::of(NUMBER, after).annotations();
    let staged = annotation_rows(index, changed, kept, after.article.text.revision).unwrap();
    rows.0.extend(staged);
    rows.0.extend([mark_row(NUMBER, after.annotation_generation)]);
    rows.commit(|draft| switch(draft, NUMBER, before, after, AnchoringCounts::default())).unwrap()
}

#[test]
fn a_switch_keeps_what_was_and_says_when_what_is_staged_came_to_be() {
    let mut rows = MemoryRows::default();
    let (before, after) = (article(1, Generation::FIRST), article(2, Generation(5)));
    let old = ArticlePlace::of(NUMBER, &before).annotations();
    let first: Vec<_> = (0..60).map(|id| annotation(id, u32::from(id), 1)).collect();
    rows.commit(|draft| {
        article_table::insert(draft, NUMBER, &before)?;
        for annotation in &first {
            let (key, tally) = (SortKey::of_annotation(annotation), Tally::of(annotation));
            old.insert(draft, key, &records::annotation(annotation).encode_to_vec(), tally)?;
            layer_table::count(draft, None, Some(tally))?;
        }
        Ok(())
    })
    .unwrap();
    // Half of them go to the new text, one is an orphan, and the others are as they were.
    let mut changed: Vec<_> = (0..30).map(|id| annotation(id, u32::from(id) + 100, 2)).collect();
    changed.push(annotation(30, 30, 1));
    let kept: Vec<_> = (31..50).map(|id| annotation(id, u32::from(id), 1)).collect();
    assert!(revise(&mut rows, &before, &after, &changed, &kept));
    let new = ArticlePlace::of(NUMBER, &after).annotations();
    assert_eq!(article_table::find(&rows, &after.article.id), Ok(Some((NUMBER, after.clone()))));
    let place = article_table::place(&rows, &after.article.id).unwrap().unwrap();
    assert_eq!(place.annotations(), new);
    new.verify(&rows).unwrap();
    old.verify(&rows).unwrap();
    assert_eq!((old.count(&rows), new.count(&rows)), (Ok(60), Ok(50)));
    // The commit of these tests is of revision 1 and time 0.
    let base = GenerationBase { revision: Revision(1), time: Timestamp(0), text_revision: 2 };
    assert_eq!(new.base(&rows), Ok(Some(base)));
    for annotation in changed.iter().chain(&kept) {
        let is_kept = annotation.id.as_bytes()[0] > 30;
        let entry = new.get(&rows, annotation.id).unwrap().unwrap();
        let expected = if is_kept {
            annotation.clone()
        } else {
            Annotation { revision: base.revision, update_time: base.time, ..annotation.clone() }
        };
        assert_eq!((entry.annotation(), entry.was_staged()), (Ok(expected.clone()), !is_kept));
        let resolved = records::decode_annotation(annotation.id, &entry.resolved_record().unwrap());
        assert_eq!(resolved, Ok(expected));
    }
    let sum = layer_table::all_counts(&rows).map(|counts| counts.unwrap().1);
    assert_eq!(sum.fold(LayerCounts::default(), LayerCounts::plus).annotations(), 50);
    let texts = list(&rows, NUMBER, &after, 0).collect::<Result<Vec<_>>>().unwrap();
    let generations: Vec<_> = texts.iter().map(|text| text.annotation_generation.0).collect();
    assert_eq!(generations, [1, 5]);
    assert_eq!(texts[0].article(&after), before);

    // What was swept is not switched to.
    let third = article(3, Generation(6));
    let switched = rows.commit(|draft| switch(draft, NUMBER, &after, &third, AnchoringCounts::default()));
    assert_eq!(switched, Ok(false));
    rows.0.extend([swept_mark_row(NUMBER, Generation(6))]);
    let switched = rows.commit(|draft| switch(draft, NUMBER, &after, &third, AnchoringCounts::default()));
    assert_eq!(switched, Ok(false));
    assert!(revise(&mut rows, &after, &third, &[], &[]));
    let third = ArticlePlace::of(NUMBER, &third).annotations();
    third.verify(&rows).unwrap();
    assert_eq!((third.count(&rows), third.changed_revision(&rows)), (Ok(0), Ok(Revision(1))));
    assert_eq!(layer_table::all_counts(&rows).count(), 0);
    assert_eq!(staged(&rows, &keys::all_staged()).count(), 0);
}

proptest! {
    /// References to an annotation are found by it, whatever else is used.
    #[test]
    fn references_are_a_set_of_pairs(
        steps in prop::collection::vec((any::<bool>(), 0..9_u8, 0..200_u8), 0..400),
    ) {
        let index = AnnotationIndex::new(NUMBER, Generation(3));
        let id = |byte: u8| AnnotationId::from_bytes([byte; 16]);
        let (mut rows, mut model) = (MemoryRows::default(), std::collections::BTreeSet::new());
        rows.commit(|draft| {
            for (adds, target, relation) in steps {
                if adds {
                    let is_new = index.add_reference(draft, id(target), id(relation))?;
                    assert_eq!(is_new, model.insert((target, relation)));
                } else {
                    let was_there = index.remove_reference(draft, id(target), id(relation))?;
                    assert_eq!(was_there, model.remove(&(target, relation)));
                }
            }
            Ok(())
        }).unwrap();
        for target in 0..10 {
            let found = index.references_to(&rows, id(target)).collect::<Result<Vec<_>>>().unwrap();
            let expected = model.range((target, 0)..=(target, u8::MAX)).map(|(_, relation)| id(*relation));
            prop_assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}
