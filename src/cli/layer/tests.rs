//! What people read of layers.

use super::*;

const TIME: Option<prost_types::Timestamp> =
    Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 });

fn layer(name: &str) -> v1::Layer {
    v1::Layer {
        name: format!("projects/p/layers/{name}"),
        counts: Some(v1::LayerCounts::default()),
        ..v1::Layer::default()
    }
}

fn declared(name: &str) -> v1::Layer {
    v1::Layer {
        kind: v1::LayerKind::Model.into(),
        annotator: "en_core_web_trf 3.8\u{1b}".into(),
        display_name: "spaCy".into(),
        revision: 1_234,
        create_time: TIME,
        update_time: TIME,
        etag: "e".into(),
        ..layer(name)
    }
}

fn of_article(state: v1::ArticleLayerState, labels: &[(&str, u64)]) -> v1::ArticleLayer {
    let label = |(label, count): &(&str, u64)| v1::LabelCount { label: (*label).to_owned(), count: *count };
    v1::ArticleLayer {
        name: "projects/p/articles/a/layers/gold".into(),
        state: state.into(),
        counts: Some(COUNTS),
        labels: labels.iter().map(label).collect(),
        ..v1::ArticleLayer::default()
    }
}

const COUNTS: v1::LayerCounts = v1::LayerCounts {
    spans: 1_200,
    relations: 30,
    article_labels: 1,
    orphans: 2,
    suggested: 3,
    accepted: 1_229,
    rejected: 1,
    needs_review: 1,
};

#[test]
fn a_row_has_the_counts_and_says_who_makes_the_layer() {
    let check = |layer: &v1::Layer, expected: [&str; 9]| assert_eq!(row(layer), expected);
    let counted = v1::Layer { counts: Some(COUNTS), ..declared("spacy-3.8") };
    check(
        &counted,
        ["spacy-3.8", "model", "1,233", "3", "1,229", "1", "1", "en_core_web_trf 3.8\u{1b}", "spaCy"],
    );
    check(&layer("bob"), ["bob", "(undeclared)", "0", "0", "0", "0", "0", "", ""]);
    let of_nobody = v1::Layer { revision: 1, ..layer("z") };
    check(&of_nobody, ["z", "", "0", "0", "0", "0", "0", "", ""]);

    let submitted = of_article(v1::ArticleLayerState::Submitted, &[("ORG", 12), ("PER", 3)]);
    let numbers = ["1,233", "3", "1,229", "1", "1"];
    assert_eq!(row_of_article(&submitted)[..2], ["gold", "submitted"]);
    assert_eq!(row_of_article(&submitted)[2..7], numbers);
    assert_eq!(row_of_article(&submitted)[7], "ORG 12, PER 3");
}

#[test]
fn a_layer_is_shown_with_what_is_known_of_it() {
    let check = |layer: &v1::Layer, expected: &[&str]| {
        assert_eq!(facts::of_project(layer).lines().collect::<Vec<_>>(), expected);
    };
    let metadata = [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into();
    check(
        &v1::Layer { counts: Some(COUNTS), metadata, description: "all\nof it".into(), ..declared("spacy") },
        &[
            "  kind         model",
            "  annotator    en_core_web_trf 3.8␛",
            "  name         spaCy",
            "  description  all↵of it",
            "  annotations  1,233: 1,200 spans, 30 relations, 1 article label, 2 orphans",
            "  review       3 suggested, 1,229 accepted, 1 rejected, 1 needs review",
            "  revision     1,234",
            "  created      2023-11-14T22:13:20Z",
            "  updated      2023-11-14T22:13:20Z",
            "  etag         e",
            "  metadata     a = 1",
            "  metadata     b = 2",
        ],
    );
    let counts = v1::LayerCounts { spans: 1, accepted: 1, ..v1::LayerCounts::default() };
    check(
        &v1::Layer { counts: Some(counts), ..layer("bob") },
        &[
            "  declared     no, but annotations are on it",
            "  annotations  1: 1 span",
            "  review       1 accepted",
        ],
    );
    let nothing = facts::of_project(&declared("spacy"));
    assert!(nothing.contains("  annotations  0\n") && !nothing.contains("review"), "{nothing}");
}

#[test]
fn a_layer_of_an_article_is_shown_with_all_its_labels() {
    let layer = v1::ArticleLayer {
        submit_time: TIME,
        revision: 7,
        ..of_article(v1::ArticleLayerState::Open, &[("ORG", 1_200), ("a\u{1b}b", 3)])
    };
    let shown = facts::of_article(&layer);
    let expected = "projects/p/articles/a/layers/gold
  state        open
  annotations  1,233: 1,200 spans, 30 relations, 1 article label, 2 orphans
  review       3 suggested, 1,229 accepted, 1 rejected, 1 needs review
  submitted    2023-11-14T22:13:20Z
  revision     7
  label        ORG 1,200
  label        a␛b 3
";
    assert_eq!(shown, expected);
    let never = v1::ArticleLayer { counts: None, ..of_article(v1::ArticleLayerState::Open, &[]) };
    assert_eq!(
        facts::of_article(&never),
        "projects/p/articles/a/layers/gold\n  state        open\n  annotations  0\n"
    );
}

#[test]
fn labels_are_said_as_far_as_there_is_room() {
    let check = |all: &[(&str, u64)], columns: usize, expected: &str| {
        let layer = of_article(v1::ArticleLayerState::Open, all);
        assert_eq!(facts::labels(&layer.labels, columns), expected);
    };
    let three = [("ORG", 12), ("PER", 3), ("LOC", 1)];
    check(&[], 9, "");
    check(&three, 20, "ORG 12, PER 3, LOC 1");
    check(&three, 19, "ORG 12 … 2 more");
    check(&three, 1, "ORG 12 … 2 more");
    check(&[("東京", 1), ("B", 1)], 11, "東京 1, B 1");
    check(&[("東京", 1), ("B", 1)], 10, "東京 1 … 1 more");
    let long = "x".repeat(30);
    check(&[(&long, 1_000)], 48, &format!("{}… 1,000", "x".repeat(23)));
}

#[test]
fn what_was_submitted_says_what_is_not_done() {
    let check = |suggested: u64, needs_review: u64, expected: &str| {
        let counts = v1::LayerCounts {
            spans: 4,
            suggested,
            accepted: 4 - suggested,
            needs_review,
            ..Default::default()
        };
        let layer = v1::ArticleLayer {
            counts: Some(counts),
            revision: 1_234,
            ..of_article(v1::ArticleLayerState::Submitted, &[])
        };
        let head = "submitted projects/p/articles/a/layers/gold, revision 1,234: 4 annotations";
        assert_eq!(facts::submitted(&layer), format!("{head}{expected}\n"));
    };
    check(0, 0, "");
    check(1, 0, ", 1 still suggested");
    check(2, 1, ", 2 still suggested, 1 needs review");
    check(0, 2, ", 2 need review");

    let opened = v1::ArticleLayer { revision: 9, ..of_article(v1::ArticleLayerState::Open, &[]) };
    assert_eq!(facts::reopened(&opened), "reopened projects/p/articles/a/layers/gold, revision 9\n");
    let never = of_article(v1::ArticleLayerState::Open, &[]);
    let said = "projects/p/articles/a/layers/gold is open: it was never submitted\n";
    assert_eq!(facts::reopened(&never), said);
}
