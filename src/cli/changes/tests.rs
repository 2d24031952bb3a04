//! What is said of each change.

use super::*;
use crate::{
    cli::attribute,
    proto::v1::{AnchoringResult, State, annotation::Target},
};

const A: &str = "projects/p/articles/move";
const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

fn span(start: u32, quote: &str) -> v1::Span {
    let end = start + u32::try_from(quote.chars().count()).unwrap();
    let code_points = Some(v1::Range { start, end });
    v1::Span { code_points, quote: quote.to_owned(), ..v1::Span::default() }
}

fn marked(label: &str, layer: &str, spans: Vec<v1::Span>) -> Kind {
    Kind::Annotation(v1::Annotation {
        name: format!("{A}/annotations/{ID}"),
        label: label.to_owned(),
        layer: layer.to_owned(),
        target: Some(Target::Anchor(v1::Anchor { spans })),
        revision: 3,
        ..v1::Annotation::default()
    })
}

fn article(title: &str, language: &str) -> Kind {
    let (name, title, language) = (A.to_owned(), title.to_owned(), language.to_owned());
    Kind::Article(v1::Article { name, title, language, revision: 2, ..v1::Article::default() })
}

fn project(display_name: &str) -> Kind {
    let (name, display_name) = ("projects/p".to_owned(), display_name.to_owned());
    Kind::Project(v1::Project { name, display_name, revision: 1_234_567, ..v1::Project::default() })
}

fn change(before: Option<Kind>, after: Option<Kind>, cascaded: bool) -> v1::Change {
    let name = match before.as_ref().or(after.as_ref()) {
        Some(Kind::Project(it)) => it.name.clone(),
        Some(Kind::Article(it)) => it.name.clone(),
        Some(Kind::Annotation(it)) => it.name.clone(),
        Some(Kind::LabelSchema(it)) => it.name.clone(),
        Some(Kind::Layer(it)) => it.name.clone(),
        Some(Kind::ArticleLayer(it)) => it.name.clone(),
        None => "projects/p/articles/a\u{1b}/else/x".to_owned(),
    };
    let resource = |kind| v1::Resource { kind: Some(kind) };
    v1::Change { name, before: before.map(resource), after: after.map(resource), cascaded }
}

fn commit(revision: u64, undone_revision: u64, changes: Vec<v1::Change>) -> v1::Changes {
    let commit_time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 999 });
    v1::Changes { revision, commit_time, changes, undone_revision, ..v1::Changes::default() }
}

#[test]
fn a_change_is_a_line() {
    let check = |before: Option<Kind>, after: Option<Kind>, line: &str| {
        let written = Lines::new(false).commit(&commit(7, 0, vec![change(before, after, false)]));
        assert_eq!(written, format!("    7  2023-11-14T22:13:20Z  {line}\n"));
    };
    let zoe = || vec![span(0, "Zoë Müller")];
    let per = || Some(marked("PER", "default", zoe()));
    check(None, per(), "+  annotation move/0190163d…ad91  PER  Zoë Müller");
    check(per(), None, "−  annotation move/0190163d…ad91  PER  Zoë Müller");
    check(
        None,
        Some(marked("PER", "gold", vec![span(0, "a\nb"), span(8, "c\u{1b}")])),
        "+  annotation move/0190163d…ad91  PER@gold  a↵b … c␛",
    );
    check(
        per(),
        Some(marked("ORG", "default", zoe())),
        "~  annotation move/0190163d…ad91  PER → ORG  Zoë Müller",
    );
    check(
        per(),
        Some(marked("PER", "default", vec![span(0, "Zoë")])),
        "~  annotation move/0190163d…ad91  PER  Zoë  code points 0..10 → 0..3",
    );
    // A quote that is too long is not kept; then the place is what there is.
    let long = |end| {
        let code_points = Some(v1::Range { start: 0, end });
        Some(marked("PER", "default", vec![v1::Span { code_points, ..v1::Span::default() }]))
    };
    check(None, long(2_000), "+  annotation move/0190163d…ad91  PER  code points 0..2000");
    check(long(2_000), long(3), "~  annotation move/0190163d…ad91  PER  code points 0..2000 → 0..3");
    check(None, Some(article("A title", "en")), "+  article move    A title");
    check(None, Some(article("", "en")), "+  article move");
    check(
        Some(article("A title", "en")),
        Some(article("Another", "")),
        "~  article move    A title → Another  other language",
    );
    check(Some(article("", "en")), Some(article("", "")), "~  article move    other language");
    check(None, Some(project("")), "+  project");
    check(Some(project("")), Some(project("Demo")), "~  project    → Demo");
    check(None, None, "+  projects/p/articles/a␛/else/x");
}

#[test]
fn what_was_done_with_a_layer_is_said() {
    use v1::ArticleLayerState::{Open, Submitted};
    let check = |before: Option<Kind>, after: Option<Kind>, line: &str| {
        let written = Lines::new(false).commit(&commit(7, 0, vec![change(before, after, false)]));
        assert_eq!(written, format!("    7  2023-11-14T22:13:20Z  {line}\n"));
    };
    let layer = |kind: v1::LayerKind, display_name: &str, annotator: &str, description: &str| {
        let [name, display_name, annotator, description] =
            ["projects/p/layers/gold", display_name, annotator, description].map(str::to_owned);
        let kind = kind.into();
        Some(Kind::Layer(v1::Layer {
            name,
            kind,
            display_name,
            annotator,
            description,
            ..v1::Layer::default()
        }))
    };
    let human = || layer(v1::LayerKind::Human, "Zoë", "zoe\u{1b}", "d");
    check(None, human(), "+  layer gold    Zoë  human  zoe␛");
    check(human(), None, "−  layer gold    Zoë  human  zoe␛");
    check(None, layer(v1::LayerKind::Unspecified, "", "", "d"), "+  layer gold");
    check(human(), human(), "~  layer gold    Zoë");
    check(
        human(),
        layer(v1::LayerKind::Gold, "", "", "d"),
        "~  layer gold    Zoë →  kind human → gold  annotator zoe␛ → none",
    );
    check(
        human(),
        layer(v1::LayerKind::Human, "Zoë", "zoe\u{1b}", ""),
        "~  layer gold    Zoë  other description",
    );

    let of_article = |state: v1::ArticleLayerState| {
        let (name, state) = (format!("{A}/layers/gold"), state.into());
        Some(Kind::ArticleLayer(v1::ArticleLayer { name, state, ..v1::ArticleLayer::default() }))
    };
    check(None, of_article(Submitted), "+  layer move/gold    submitted");
    check(of_article(Submitted), of_article(Open), "~  layer move/gold    reopened");
    check(of_article(Open), of_article(Submitted), "~  layer move/gold    submitted");
    // It comes back so with its article.
    check(None, of_article(Open), "+  layer move/gold    open");
    check(of_article(Submitted), None, "−  layer move/gold    not submitted any more");
}

fn check_changed(line: &str, edit: impl FnOnce(&mut v1::Annotation, &mut v1::Annotation)) {
    let Kind::Annotation(mut before) = marked("PER", "default", vec![span(0, "Zoë")]) else {
        unreachable!()
    };
    let mut after = before.clone();
    edit(&mut before, &mut after);
    let change = change(Some(Kind::Annotation(before)), Some(Kind::Annotation(after)), false);
    let written = Lines::new(false).commit(&commit(7, 0, vec![change]));
    let (_, said) = written.split_once("annotation move/0190163d…ad91  ").unwrap();
    assert_eq!(said, format!("{line}\n"));
}

#[test]
fn what_of_an_annotation_was_changed_is_said() {
    fn set(annotation: &mut v1::Annotation, attributes: &[&str]) {
        let attributes = attributes.iter().map(|it| attribute::parse(it).unwrap());
        annotation.attributes = attributes.map(|it| (it.name, it.value)).collect();
    }
    let needs_review = |result: AnchoringResult, needs_review| {
        Some(v1::Anchoring { result: result.into(), similarity: 0.6, from_text_revision: 1, needs_review })
    };
    check_changed("PER  Zoë", |_, _| {});
    check_changed("PER  Zoë  state suggested → accepted", |before, after| {
        before.set_state(State::Suggested);
        after.set_state(State::Accepted);
    });
    check_changed("PER  Zoë  state accepted → rejected  note “no↵way”", |before, after| {
        before.set_state(State::Accepted);
        after.set_state(State::Rejected);
        after.note = "no\nway".into();
    });
    check_changed("PER  Zoë  score none → 0.5  no note any more  other sources", |before, after| {
        after.score = Some(0.5);
        before.note = "n".into();
        after.derived_from = vec!["x".into()];
    });
    check_changed("PER  Zoë  − lost  + new=[a, b]  tense=past → present", |before, after| {
        set(before, &["tense=past", "lost=1", "same=1"]);
        set(after, &["tense=present", "new=[a, b]", "same=1"]);
    });
    check_changed("PER  Zoë  + a=1  + b=1  + c=1  + d=1  2 more attributes", |_, after| {
        set(after, &["a=1", "b=1", "c=1", "d=1", "e=1", "f=1"]);
    });
    check_changed("PER  Zoë  modified, needs review", |_, after| {
        after.anchoring = needs_review(AnchoringResult::Modified, true);
    });
    check_changed("PER  Zoë  shifted", |_, after| {
        after.anchoring = needs_review(AnchoringResult::Shifted, false);
    });
    check_changed("PER  Zoë  reviewed", |before, _| {
        before.anchoring = needs_review(AnchoringResult::Modified, true);
    });
    check_changed("PER  Zoë  →  (the article)", |_, after| {
        after.target = Some(Target::Article(v1::WholeArticle {}));
    });
}

#[test]
fn relations_and_what_is_said_of_articles_are_told() {
    let argument = |role: &str, id: &str| v1::Argument {
        role: role.to_owned(),
        annotation: format!("{A}/annotations/{id}"),
    };
    let relation = |arguments: Vec<v1::Argument>| v1::Annotation {
        name: format!("{A}/annotations/r"),
        label: "Located".into(),
        layer: "default".into(),
        target: Some(Target::Relation(v1::Relation { arguments })),
        ..v1::Annotation::default()
    };
    let (here, other) = (argument("Arg1", ID), argument("Arg2", "0190163d-8694-739b-aea5-966c26f80000"));
    let one = relation(vec![here.clone(), other.clone()]);
    let lines = |changes: Vec<v1::Change>| {
        let written = Lines::new(false).commit(&commit(7, 0, changes));
        written.lines().map(|line| line.split_once("  annotation ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let created = |annotation: v1::Annotation| change(None, Some(Kind::Annotation(annotation)), false);
    assert_eq!(
        lines(vec![created(one.clone())]),
        ["move/r  Located  Arg1 0190163d…ad91 → Arg2 0190163d…0000"]
    );
    // What is made together is called by its text.
    let span = change(None, Some(marked("PER", "default", vec![span(0, "Zoë")])), false);
    assert_eq!(
        lines(vec![span, created(one.clone())]),
        ["move/0190163d…ad91  PER      Zoë", "move/r              Located  Arg1 Zoë → Arg2 0190163d…0000"]
    );
    let turned = relation(vec![v1::Argument { role: String::new(), ..other }, here]);
    let turn = change(Some(Kind::Annotation(one)), Some(Kind::Annotation(turned)), false);
    assert_eq!(
        lines(vec![turn]),
        ["move/r  Located  Arg1 0190163d…ad91 → Arg2 0190163d…0000  →  0190163d…0000 → Arg1 0190163d…ad91"]
    );
    let whole = v1::Annotation {
        label: "news".into(),
        target: Some(Target::Article(v1::WholeArticle {})),
        state: State::Suggested.into(),
        score: Some(0.25),
        note: "n".into(),
        ..relation(Vec::new())
    };
    assert_eq!(lines(vec![created(whole)]), ["move/r  news  (the article)  suggested  score 0.25  “n”"]);
}

#[test]
fn what_goes_along_and_what_is_undone_is_said() {
    let check = |undone: u64, change: v1::Change, end: &str| {
        let line = Lines::new(false).commit(&commit(7, undone, vec![change]));
        assert!(line.ends_with(&format!("{end}\n")), "{line}");
    };
    check(0, change(Some(article("T", "")), None, true), "−  article move    T  with its annotations");
    check(
        1_234,
        change(None, Some(article("T", "")), true),
        "+  article move    T  with its annotations  undoes 1,234",
    );
    let back = change(None, Some(marked("PER", "default", vec![span(0, "Zoë")])), true);
    check(5, back, "PER  Zoë  with its article  undoes 5");
}

#[test]
fn columns_stand_under_each_other_and_never_get_narrower() {
    let changes = vec![
        change(None, Some(article("T", "")), false),
        change(None, Some(marked("LOC", "default", vec![span(0, "東京")])), false),
    ];
    let mut lines = Lines::new(false);
    assert_eq!(
        lines.commit(&commit(7, 0, changes)),
        "    7  2023-11-14T22:13:20Z  +  article move                        T\n    \
         7  2023-11-14T22:13:20Z  +  annotation move/0190163d…ad91  LOC  東京\n"
    );
    assert_eq!(
        lines.commit(&commit(1_234_567, 0, vec![change(None, Some(article("T", "")), false)])),
        "1,234,567  2023-11-14T22:13:20Z  +  article move                        T\n"
    );
}

#[test]
fn what_there_is_has_its_own_revisions() {
    let resource = |kind| v1::Resource { kind: Some(kind) };
    let layer = v1::ArticleLayer {
        name: format!("{A}/layers/gold"),
        state: v1::ArticleLayerState::Open.into(),
        submit_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        revision: 8,
        ..v1::ArticleLayer::default()
    };
    let resources = vec![
        resource(project("Demo")),
        resource(article("T", "")),
        v1::Resource { kind: None },
        resource(Kind::ArticleLayer(layer)),
    ];
    let snapshot = v1::Snapshot { revision: 9, resources, last: true };
    assert_eq!(
        Lines::new(false).snapshot(&snapshot),
        "1,234,567    =  project            Demo\n        2    =  article move       T\n        \
         8  2023-11-14T22:13:20Z  =  layer move/gold    open\n"
    );
}

#[test]
fn colours_change_nothing_but_colours() {
    let (label, deleted) = (marked("PER", "gold", vec![span(0, "Zoë")]), article("T", ""));
    let changes = vec![change(None, Some(label), false), change(Some(deleted), None, true)];
    let commit = commit(7, 5, changes);
    let (colored, plain) = (Lines::new(true).commit(&commit), Lines::new(false).commit(&commit));
    assert!(
        colored.contains("\u{1b}[32m+\u{1b}[0m") && colored.contains("\u{1b}[31m−\u{1b}[0m"),
        "{colored:?}"
    );
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
}
