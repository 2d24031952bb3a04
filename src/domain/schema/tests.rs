//! The rules as tables, and beside slow oracles.

mod parsing;

use std::collections::{BTreeSet, HashMap};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::domain::{
    attributes::Attributes,
    errors::{Error, Problem},
    text::{Text, TextRange, Unit},
};

fn label(label: &str, parent: &str) -> LabelDefinition {
    LabelDefinition { label: label.to_owned(), parent: parent.to_owned(), ..LabelDefinition::default() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn attribute(name: &str, kind: AttributeKind, labels: &[&str]) -> AttributeDefinition {
    AttributeDefinition {
        name: name.to_owned(),
        kind,
        labels: names(labels),
        ..AttributeDefinition::default()
    }
}

fn role(role: &str, labels: &[&str], (min_count, max_count): (u32, u32)) -> RoleDefinition {
    RoleDefinition { role: role.to_owned(), labels: names(labels), kinds: vec![], min_count, max_count }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::String(value.to_owned())
}

/// A text of `length` times "a", which all ranges are of.
fn spans(ranges: &[(u32, u32)]) -> Vec<TextRange> {
    let text = Text::new("a".repeat(64));
    let at = |offset| text.position(Unit::Utf8, offset).unwrap();
    ranges.iter().map(|(start, end)| TextRange { start: at(*start), end: at(*end) }).collect()
}

/// An annotation that owns what it says.
#[derive(Debug, Clone)]
struct Own {
    kind: TargetKind,
    label: String,
    layer: &'static str,
    spans: Vec<TextRange>,
    splits: bool,
    attributes: Attributes,
    arguments: Vec<(String, String, TargetKind)>,
}

impl Own {
    fn spans(label: &str, ranges: &[(u32, u32)]) -> Self {
        Self {
            kind: TargetKind::Spans,
            label: label.to_owned(),
            layer: "default",
            spans: spans(ranges),
            splits: false,
            attributes: Attributes::new(),
            arguments: vec![],
        }
    }

    fn relation(label: &str, arguments: &[(&str, &str)]) -> Self {
        let argument =
            |(role, label): &(&str, &str)| ((*role).to_owned(), (*label).to_owned(), TargetKind::Spans);
        let arguments = arguments.iter().map(argument).collect();
        Self { kind: TargetKind::Relation, arguments, ..Self::spans(label, &[]) }
    }

    fn article(label: &str) -> Self {
        Self { kind: TargetKind::Article, ..Self::spans(label, &[]) }
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.attributes.insert(name.to_owned(), value);
        self
    }

    fn said<T>(&self, ask: impl FnOnce(&Said<'_>) -> T) -> T {
        let argument = |(role, label, kind): &'_ (String, String, TargetKind)| {
            let (role, label): (&str, &str) = (role, label);
            // Leaked: a test ends soon.
            SaidArgument { role: role.to_owned().leak(), label: label.to_owned().leak(), kind: *kind }
        };
        let arguments: Vec<_> = self.arguments.iter().map(argument).collect();
        ask(&Said {
            kind: self.kind,
            label: &self.label,
            layer: self.layer,
            spans: &self.spans,
            splits_graphemes: self.splits,
            attributes: &self.attributes,
            arguments: &arguments,
        })
    }
}

/// A schema with some of everything.
fn everything(mode: SchemaMode) -> LabelSchema {
    let mut entity = label("Entity", "");
    entity.is_abstract = true;
    entity.kinds = vec![TargetKind::Spans];
    entity.spans.overlap = Some(Overlap::None);
    let mut person = label("Person", "Entity");
    person.spans = SpanRules {
        discontinuous: Some(false),
        empty: Some(true),
        grapheme_splits: Some(false),
        ..SpanRules::default()
    };
    let mut family = label("Family", "");
    family.kinds = vec![TargetKind::Relation];
    family.roles = vec![role("member", &["Person"], (2, 3)), role("home", &["Entity"], (0, 1))];
    let mut genre = label("Genre", "");
    genre.kinds = vec![TargetKind::Article];
    let labels = vec![
        entity,
        person,
        label("Writer", "Person"),
        label("Place", "Entity"),
        family,
        genre,
        label("News", "Genre"),
    ];
    let mut role = attribute("role", AttributeKind::String, &["Person"]);
    role.allowed_values = names(&["hero", "villain"]);
    role.required = true;
    role.default = Some(text("hero"));
    let mut age = attribute("age", AttributeKind::Int, &[]);
    age.minimum = Some(AttributeValue::Int(0));
    age.maximum = Some(AttributeValue::Int(150));
    let mut sure = attribute("sure", AttributeKind::Bool, &[]);
    sure.kinds = vec![TargetKind::Relation];
    let exclusive = vec![ExclusiveSet { name: "genre".to_owned(), labels: names(&["Genre"]) }];
    let attributes = vec![role, age, sure];
    LabelSchema::parse(SchemaDefinition { mode, labels, attributes, spans: SpanRules::default(), exclusive })
        .unwrap()
}

/// `expected` is the field, the rule and what is wrong; or nothing, if no rule is broken.
fn check(mode: SchemaMode, own: &Own, expected: &str) {
    let got = own.said(|said| everything(mode).check(said));
    let got = got.map_or_else(
        |Violation { field, rule, description }| format!("{field}: {}: {description}", rule.name()),
        |()| String::new(),
    );
    assert_eq!(got, expected, "{own:?}");
}

/// In an open schema as in a closed one.
fn both(own: &Own, expected: &str) {
    check(SchemaMode::Open, own, expected);
    check(SchemaMode::Closed, own, expected);
}

/// Only in a closed one.
fn closed(own: &Own, expected: &str) {
    check(SchemaMode::Open, own, "");
    check(SchemaMode::Closed, own, expected);
}

fn person() -> Own {
    Own::spans("Person", &[(0, 2)]).with("role", text("hero"))
}

#[test]
fn labels_are_those_of_the_schema_and_of_their_kinds() {
    both(&person(), "");
    both(&Own::spans("Place", &[(0, 2), (4, 5)]), "");
    closed(
        &Own::spans("Dragon", &[(0, 2)]),
        "label: LABEL_UNKNOWN: \"Dragon\" is not a label of this project, whose schema is closed",
    );
    both(
        &Own::spans("Entity", &[(0, 2)]),
        "label: LABEL_ABSTRACT: \"Entity\" only groups other labels; send one of those below it",
    );
    both(&Own::article("Writer"), "label: KIND: \"Writer\" is a label of spans, not of articles");
    both(&Own::spans("News", &[(0, 1)]), "label: KIND: \"News\" is a label of articles, not of spans");
}

#[test]
fn attributes_have_kinds_values_and_labels() {
    both(
        &Own::spans("Writer", &[(0, 2)]),
        "attributes: ATTRIBUTE_REQUIRED: \"Writer\" needs the attribute \"role\"",
    );
    both(
        &person().with("role", AttributeValue::Bool(true)),
        "attributes[\"role\"]: ATTRIBUTE_KIND: is a value of the kind bool; the attribute has the kind string",
    );
    both(
        &person().with("role", text("fool")),
        "attributes[\"role\"]: ATTRIBUTE_VALUE: \"fool\" is none of its values: \"hero\", \"villain\"",
    );
    both(&person().with("age", AttributeValue::Int(150)), "");
    both(
        &person().with("age", AttributeValue::Int(151)),
        "attributes[\"age\"]: ATTRIBUTE_VALUE: is 151; the greatest is 150",
    );
    both(
        &Own::article("News").with("age", AttributeValue::Int(-1)),
        "attributes[\"age\"]: ATTRIBUTE_VALUE: is -1; the least is 0",
    );
    closed(
        &person().with("tail", text("long")),
        "attributes[\"tail\"]: ATTRIBUTE_UNKNOWN: \"Person\" has no such attribute for spans, and the schema is closed",
    );
    closed(
        &person().with("sure", AttributeValue::Bool(true)),
        "attributes[\"sure\"]: ATTRIBUTE_UNKNOWN: \"Person\" has no such attribute for spans, and the schema is closed",
    );
}

#[test]
fn roles_have_labels_and_counts() {
    let family = |arguments: &[(&str, &str)]| Own::relation("Family", arguments);
    both(&family(&[("member", "Person"), ("member", "Writer"), ("home", "Place")]), "");
    both(
        &family(&[("member", "Person"), ("member", "Place")]),
        "relation.arguments[1]: ROLE_ARGUMENT: has the label \"Place\"; the role \"member\" takes Person",
    );
    both(
        &family(&[("member", "Person"), ("member", "Dragon")]),
        "relation.arguments[1]: ROLE_ARGUMENT: has the label \"Dragon\"; the role \"member\" takes Person",
    );
    both(
        &family(&[("member", "Person")]),
        "relation.arguments: ROLE_COUNT: has 1 arguments in the role \"member\"; it needs 2 to 3",
    );
    closed(
        &family(&[("member", "Person"), ("member", "Person"), ("dog", "Person")]),
        "relation.arguments[2].role: ROLE_UNKNOWN: \"Family\" has no role \"dog\"; its roles are \"member\", \"home\"",
    );
}

#[test]
fn spans_are_as_their_label_has_them() {
    both(
        &Own { spans: spans(&[(0, 2), (3, 4)]), ..person() },
        "anchor: DISCONTINUOUS: \"Person\" stands on one span, not on 2",
    );
    both(
        &Own { splits: true, ..person() },
        "anchor: GRAPHEME_SPLIT: begins or ends inside of what a reader takes for one character; \"Person\" may not cut \
         through any",
    );
    both(&Own { spans: spans(&[(3, 3)]), ..person() }, "");
    both(
        &Own::spans("Place", &[(1, 2), (3, 3)]),
        "anchor.spans[1]: EMPTY: the range is empty; a span covers at least one character",
    );
}

#[test]
fn an_empty_span_is_wrong_by_itself_and_all_else_breaks_the_schema() {
    let broken = |rule| Violation { field: "anchor".to_owned(), rule, description: "d".to_owned() };
    assert_eq!(Error::from(broken(Rule::Empty)).problem, Problem::SpanEmpty);
    let error = Error::from(broken(Rule::Overlap));
    assert_eq!((error.to_string().as_str(), error.field.as_str()), ("anchor: d", "anchor"));
}

#[test]
fn the_default_schema_refuses_nothing_but_empty_spans() {
    let schema = LabelSchema::default();
    assert!(schema.is_default());
    assert_eq!(LabelSchema::parse(SchemaDefinition::default()), Ok(schema.clone()));
    for own in [Own::spans("x", &[(0, 2), (3, 4)]), Own::relation("r", &[("", "x")]), Own::article("y")] {
        assert_eq!(own.with("a", text("b")).said(|said| schema.check(said)), Ok(()));
    }
    let empty = Own::spans("x", &[(3, 3)]).said(|said| schema.check(said));
    assert_eq!(empty.unwrap_err().rule, Rule::Empty);
    assert_eq!((schema.overlap_rule("x"), schema.exclusive_sets("x").count()), (Overlap::Any, 0));
}

#[test]
fn defaults_fill_what_is_missing_and_nothing_else() {
    let schema = everything(SchemaMode::Closed);
    let check = |kind, label: &str, before: &[(&str, &str)], after: &[(&str, &str)]| {
        let map = |entries: &[(&str, &str)]| -> Attributes {
            entries.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()
        };
        let mut attributes = map(before);
        schema.add_defaults(kind, label, &mut attributes).unwrap();
        assert_eq!(attributes, map(after), "{label}");
    };
    check(TargetKind::Spans, "Writer", &[], &[("role", "hero")]);
    check(TargetKind::Spans, "Writer", &[("role", "villain")], &[("role", "villain")]);
    check(TargetKind::Spans, "Place", &[], &[]);
    check(TargetKind::Spans, "Dragon", &[], &[]);
    let mut full: Attributes = (0..64).map(|n: u32| (n.to_string(), text(""))).collect();
    let error = schema.add_defaults(TargetKind::Spans, "Writer", &mut full).unwrap_err();
    assert!(error.to_string().contains("has 65 attributes; at most 64"), "{error}");
}

#[test]
fn mentions_share_characters_as_far_as_the_more_lenient_rule_allows() {
    let mut labels = vec![label("none", ""), label("nested", ""), label("any", "")];
    for (label, overlap) in labels.iter_mut().zip([Overlap::None, Overlap::Nested, Overlap::Any]) {
        label.spans.overlap = Some(overlap);
    }
    let schema = LabelSchema::parse(SchemaDefinition { labels, ..SchemaDefinition::default() }).unwrap();
    let check = |one: &[(u32, u32)], other: &[(u32, u32)], expected: Overlap| {
        for (label, rule) in [("none", Overlap::None), ("nested", Overlap::Nested), ("any", Overlap::Any)] {
            for (one, other) in [(one, other), (other, one)] {
                let (one, other) = (Own::spans(label, one), Own::spans("none", other));
                let together = one.said(|one| other.said(|other| schema.may_stand_together(one, other)));
                assert_eq!(together, rule >= expected, "{label} {one:?} {other:?}");
            }
        }
    };
    check(&[(0, 3)], &[(3, 5)], Overlap::None);
    check(&[(0, 3), (6, 9)], &[(3, 6)], Overlap::None);
    check(&[(0, 9)], &[(4, 4)], Overlap::None);
    check(&[(0, 9)], &[(3, 5)], Overlap::Nested);
    check(&[(2, 4)], &[(2, 4)], Overlap::Nested);
    check(&[(0, 3), (3, 9)], &[(2, 5)], Overlap::Nested);
    check(&[(0, 3), (6, 9)], &[(1, 2), (7, 8)], Overlap::Nested);
    check(&[(0, 3), (6, 9)], &[(1, 2), (5, 6)], Overlap::Any);
    check(&[(0, 3)], &[(2, 4)], Overlap::Any);
    let (one, other) =
        (Own::spans("none", &[(0, 2)]), Own { layer: "gold", ..Own::spans("none", &[(0, 2)]) });
    assert!(one.said(|one| other.said(|other| schema.may_stand_together(one, other))));
    let refused = one.said(|one| schema.check_together(one, one, "annotations/7")).unwrap_err();
    assert_eq!(
        refused.description,
        "annotations/7 has the label \"none\" and stands there; \"none\" shares characters with it; they may share none"
    );
}

#[test]
fn an_article_has_at_most_one_label_of_a_set() {
    let schema = everything(SchemaMode::Open);
    let check = |one: Own, other: Own, expected: &str| {
        let got = one.said(|one| other.said(|other| schema.check_together(one, other, "annotations/7")));
        assert_eq!(got.map_or_else(|violation| violation.description, |()| String::new()), expected);
    };
    let taken = |label: &str| {
        format!("annotations/7 has the label {label:?}; an article has at most one of genre in a layer")
    };
    check(Own::article("News"), Own::article("Genre"), &taken("Genre"));
    check(Own::article("News"), Own::article("News"), &taken("News"));
    check(Own::article("News"), Own { layer: "gold", ..Own::article("News") }, "");
    check(Own::article("News"), Own::article("Dragon"), "");
    check(Own::article("News"), Own::spans("News", &[(0, 1)]), "");
    assert_eq!(schema.exclusive_sets("News").count(), 1);
    assert_eq!(schema.exclusive_sets("Person").count(), 0);
}

#[test]
fn an_ontology_of_ten_thousand_labels_fits() {
    let labels = (0..10_000_u32).map(|n| LabelDefinition {
        parent: if n == 0 { String::new() } else { format!("GO:{:07}", n / 10) },
        display_name: "regulation of mitotic cell cycle".to_owned(),
        color: "#1F77B4".to_owned(),
        kinds: vec![TargetKind::Spans],
        ..label(&format!("GO:{n:07}"), "")
    });
    let definition = SchemaDefinition { labels: labels.collect(), ..SchemaDefinition::default() };
    let schema = LabelSchema::parse(definition).unwrap();
    assert!(schema.is_within("GO:0009999", "GO:0000009"));
    assert!(!schema.is_within("GO:0000009", "GO:0009999"));
    assert_eq!(schema.definition().labels[0].color, "#1f77b4");
}

#[test]
fn a_span_splits_what_a_reader_takes_for_one_character() {
    let check = |content: &str, expected: &[u32]| {
        let text = Text::new(content.to_owned());
        let ends = content.char_indices().map(|(at, _)| at).chain([content.len()]);
        let splits = |at: &u32| {
            let at = text.position(Unit::Utf8, *at).unwrap();
            splits_graphemes(&text, &TextRange { start: at, end: at })
        };
        let found: Vec<u32> = ends.map(|at| u32::try_from(at).unwrap()).filter(splits).collect();
        assert_eq!(found, expected, "{content:?}");
    };
    check("", &[]);
    check("abc", &[]);
    check("a\r\nb\n\rc", &[2]);
    check("e\u{301}x", &[1]);
    check("👩‍👩‍👧!", &[4, 7, 11, 14]);
    check("🇩🇪🇫🇷", &[4, 12]);
    check("각a", &[]);
    check("\u{1100}\u{1161}a", &[3]);
    // Beyond what is looked at, nobody counts the flags.
    check(&"a".repeat(3_000), &[]);
}

/// The characters that spans cover.
fn covered(spans: &[TextRange]) -> BTreeSet<u32> {
    spans.iter().flat_map(|span| span.start.utf8..span.end.utf8).collect()
}

/// Sorted spans without a character in common, some of them empty, some of them touching.
fn some_spans() -> impl Strategy<Value = Vec<(u32, u32)>> {
    vec((0..4_u32, 0..5_u32), 1..5).prop_map(|steps| {
        let mut at = 0;
        let span = |(gap, length)| {
            let start = at + gap;
            at = start + length;
            (start, at)
        };
        steps.into_iter().map(span).collect()
    })
}

proptest! {
    #[test]
    fn overlap_is_what_sets_of_characters_say(
        one in some_spans(),
        other in some_spans(),
        rules in (0..3_usize, 0..3_usize),
    ) {
        let overlaps = [Overlap::None, Overlap::Nested, Overlap::Any];
        let mut labels = vec![label("x", ""), label("y", "")];
        labels[0].spans.overlap = Some(overlaps[rules.0]);
        labels[1].spans.overlap = Some(overlaps[rules.1]);
        let schema = LabelSchema::parse(SchemaDefinition { labels, ..SchemaDefinition::default() }).unwrap();
        let (one, other) = (Own::spans("x", &one), Own::spans("y", &other));
        let (ones, others) = (covered(&one.spans), covered(&other.spans));
        let expected = match overlaps[rules.0.max(rules.1)] {
            Overlap::None => ones.is_disjoint(&others),
            Overlap::Nested => {
                ones.is_disjoint(&others) || ones.is_subset(&others) || others.is_subset(&ones)
            }
            Overlap::Any => true,
        };
        for (one, other) in [(&one, &other), (&other, &one)] {
            let together = one.said(|one| other.said(|other| schema.may_stand_together(one, other)));
            prop_assert_eq!(together, expected);
        }
    }

    #[test]
    fn labels_are_below_what_is_met_on_the_way_up(parents in vec(0..12_usize, 1..12), asked in 0..12_usize) {
        // Each number names a label before it, one after it, or none; so there are circles, too.
        let count = parents.len();
        let parent = |n: usize| parents.get(n).copied().filter(|parent| *parent < count);
        let labels: Vec<_> = (0..count)
            .map(|n| label(&n.to_string(), &parent(n).map_or_else(String::new, |parent| parent.to_string())))
            .collect();
        let above = |n: usize| {
            let mut seen = vec![n];
            while let Some(next) = parent(seen[seen.len() - 1]) {
                if seen.contains(&next) {
                    return None;
                }
                seen.push(next);
            }
            Some(seen)
        };
        let chains: HashMap<usize, Option<Vec<usize>>> = (0..count).map(|n| (n, above(n))).collect();
        let overlap = Some(Overlap::Nested);
        let mut definition = SchemaDefinition { labels, ..SchemaDefinition::default() };
        let asked = asked % count;
        definition.labels[asked].spans.overlap = overlap;
        definition.attributes = vec![AttributeDefinition { required: true, ..attribute("x", AttributeKind::Int, &[&asked.to_string()]) }];
        let schema = LabelSchema::parse(definition);
        if chains.values().any(Option::is_none) {
            prop_assert!(schema.unwrap_err().to_string().contains("circle"));
            return Ok(());
        }
        let schema = schema.unwrap();
        for n in 0..count {
            let name = n.to_string();
            let is_below = chains[&n].as_ref().unwrap().contains(&asked);
            prop_assert_eq!(schema.is_within(&name, &asked.to_string()), is_below);
            let rule = if is_below { Overlap::Nested } else { Overlap::Any };
            prop_assert_eq!(schema.overlap_rule(&name), rule);
            let needs = Own::spans(&name, &[(0, 1)]).said(|said| schema.check(said));
            prop_assert_eq!(needs.is_err(), is_below);
        }
    }

    #[test]
    fn graphemes_are_those_that_a_segmentation_of_the_whole_text_finds(content in "[a\r\n\u{301}\u{200d}👩🇩🇪각ก็]{0,24}") {
        let boundaries: BTreeSet<usize> =
            unicode_segmentation::UnicodeSegmentation::grapheme_indices(content.as_str(), true)
                .map(|(at, _)| at)
                .chain([content.len()])
                .collect();
        let text = Text::new(content.clone());
        for at in content.char_indices().map(|(at, _)| at).chain([content.len()]) {
            let place = text.position(Unit::Utf8, u32::try_from(at).unwrap()).unwrap();
            let splits = splits_graphemes(&text, &TextRange { start: place, end: place });
            prop_assert_eq!(splits, !boundaries.contains(&at), "{} of {:?}", at, content);
        }
    }
}
