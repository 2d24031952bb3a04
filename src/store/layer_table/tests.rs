use super::*;
use crate::{
    domain::{
        Problem,
        annotations::{State, TargetKind},
        layers::{LayerDetails, LayerKind, LayerState},
        revisions::{Revision, Timestamp},
    },
    store::testing::MemoryRows,
};

fn id(id: &str) -> LayerId {
    LayerId::parse("", id).unwrap()
}

fn a_layer(name: &str) -> Layer {
    Layer {
        id: id(name),
        details: LayerDetails {
            display_name: "Zoë".to_owned(),
            kind: LayerKind::Gold,
            description: "d".to_owned(),
            metadata: [("a".to_owned(), "b".to_owned())].into(),
            annotator: String::new(),
        },
        revision: Revision(300),
        create_time: Timestamp(7),
        update_time: Timestamp(8),
    }
}

fn tally(layer: &LayerId, kind: TargetKind, state: State) -> Tally<'_> {
    Tally { layer, kind, is_orphaned: false, state, needs_review: false }
}

/// These bytes are on people's disks.
#[test]
fn layers_keep_their_bytes() {
    let mut rows = MemoryRows::default();
    let submitted = ArticleLayer {
        layer: id("a"),
        state: LayerState::Submitted,
        submit_time: Some(Timestamp(9)),
        revision: Revision(300),
        create_time: Timestamp(7),
        update_time: Timestamp(9),
    };
    rows.commit(|draft| {
        declare(draft, &a_layer("a"))?;
        count(draft, None, Some(tally(&id("a"), TargetKind::Spans, State::Accepted)))?;
        put_article_layer(draft, ArticleNumber(0x0102), &submitted)
    })
    .unwrap();
    let found: Vec<_> = rows.0.iter().map(|(key, value)| (hex::encode(key), hex::encode(value))).collect();
    // SHA-256 of "a" begins with ca978112.
    let hash = "ca978112ca1bbdcafac231b39a23dc4d";
    let layer = "0a016112045a6fc3ab18032201642a060a01611201623 0ac0238074008".replace(' ', "");
    let expected = [
        (format!("12{hash}"), format!("0000001d{layer}")),
        ("13".to_owned(), format!("011007{hash}0a016110013801")),
        ("350000000000000102".to_owned(), format!("01100e{hash}0a01611002180920ac0228073009")),
    ];
    assert_eq!(found, expected);
    assert_eq!(get(&rows, &id("a")), Ok(Some(a_layer("a"))));

    let mut annotated = a_layer("a");
    annotated.details.annotator = "Zoë".to_owned();
    rows.commit(|draft| put(draft, &annotated)).unwrap();
    let found = rows.0.values().next().map(hex::encode);
    assert_eq!(found, Some(format!("00000023{layer}4a045a6fc3ab")));
    assert_eq!(get(&rows, &id("a")), Ok(Some(annotated)));
    assert_eq!(article_layer(&rows, ArticleNumber(0x0102), &id("a")), Ok(Some(submitted)));
}

#[test]
fn layers_are_listed_by_id_whether_they_were_declared_or_are_in_use() {
    let mut rows = MemoryRows::default();
    let (gold, model) = (id("gold"), id("model"));
    rows.commit(|draft| {
        declare(draft, &a_layer("human"))?;
        declare(draft, &a_layer("gold"))?;
        count(draft, None, Some(tally(&model, TargetKind::Relation, State::Suggested)))?;
        count(draft, None, Some(tally(&gold, TargetKind::Spans, State::Accepted)))?;
        count(
            draft,
            Some(tally(&gold, TargetKind::Spans, State::Accepted)),
            Some(tally(&gold, TargetKind::Spans, State::Rejected)),
        )
    })
    .unwrap();
    let listed = list(&rows).unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|layer| {
            (layer.id.as_str(), layer.declared.is_some(), layer.counts.annotations(), layer.counts.rejected)
        })
        .collect();
    assert_eq!(listed, [("gold", true, 1, 1), ("human", true, 0, 0), ("model", false, 1, 0)]);
    rows.commit(|draft| {
        delete(draft, &gold)?;
        delete(draft, &id("human"))?;
        count(draft, Some(tally(&gold, TargetKind::Spans, State::Rejected)), None)?;
        subtract_all(draft, &[(model.clone(), counts(draft, &model)?)])
    })
    .unwrap();
    assert!(rows.0.is_empty());
    let error =
        rows.commit(|draft| count(draft, Some(tally(&gold, TargetKind::Spans, State::Rejected)), None));
    assert!(matches!(error.unwrap_err().problem, Problem::StorageCorrupt(_)));
}

#[test]
fn there_are_only_so_many_layers() {
    let mut rows = MemoryRows::default();
    let names: Vec<_> = (0..PROJECT_LAYERS_MAX).map(|number| id(&format!("l{number}"))).collect();
    let one = tally(&names[0], TargetKind::Spans, State::Accepted).counts();
    rows.commit(|draft| {
        names.iter().try_for_each(|name| put(draft, &a_layer(name.as_str())))?;
        names.iter().try_for_each(|name| add_all(draft, &[(name.clone(), one)]))
    })
    .unwrap();
    let more = id("more");
    let is_refused = |result: Result<()>, field: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error.problem, Problem::LimitExceeded { .. }), "{error}");
        assert_eq!(error.field, field);
    };
    is_refused(rows.commit(|draft| declare(draft, &a_layer("more"))), "layer_id");
    let counted = tally(&more, TargetKind::Spans, State::Accepted);
    is_refused(rows.commit(|draft| count(draft, None, Some(counted))), "annotation.layer");
    let again = tally(&names[7], TargetKind::Spans, State::Accepted);
    rows.commit(|draft| count(draft, None, Some(again))).unwrap();
    assert_eq!(counts(&rows, &names[7]), Ok(one.plus(one)));
}
