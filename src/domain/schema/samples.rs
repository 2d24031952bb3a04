//! Schemas for tests of what writes and reads them.

use proptest::{collection::vec, option, prelude::*, sample::select, sample::subsequence};

use super::*;

const KINDS: [TargetKind; 3] = [TargetKind::Spans, TargetKind::Relation, TargetKind::Article];

/// A schema in which no field is left out.
pub(crate) fn everything() -> LabelSchema {
    let own = |text: &str| text.to_owned();
    let spans = SpanRules {
        overlap: Some(Overlap::Nested),
        discontinuous: Some(false),
        empty: Some(true),
        grapheme_splits: Some(false),
    };
    let person = LabelDefinition {
        label: own("Person"),
        kinds: vec![TargetKind::Spans, TargetKind::Article],
        display_name: own("Zoë"),
        description: own("d"),
        color: own("#1f77b4"),
        shortcut: own("p"),
        is_abstract: true,
        ..LabelDefinition::default()
    };
    let writer = LabelDefinition {
        label: own("Writer"),
        parent: own("Person"),
        spans: SpanRules { overlap: Some(Overlap::None), ..spans },
        ..LabelDefinition::default()
    };
    let family = LabelDefinition {
        label: own("Family"),
        kinds: vec![TargetKind::Relation],
        symmetric: true,
        transitive: true,
        roles: vec![RoleDefinition {
            role: own("member"),
            labels: vec![own("Person")],
            kinds: vec![TargetKind::Spans],
            min_count: 2,
            max_count: 3,
        }],
        ..LabelDefinition::default()
    };
    let definition = SchemaDefinition {
        mode: SchemaMode::Closed,
        labels: vec![person, writer, family],
        attributes: attributes(),
        spans: SpanRules { overlap: Some(Overlap::Any), discontinuous: Some(true), ..SpanRules::default() },
        exclusive: vec![ExclusiveSet { name: own("genre"), labels: vec![own("Person")] }],
    };
    LabelSchema::parse(definition).expect("it holds together")
}

fn attributes() -> Vec<AttributeDefinition> {
    let own = |text: &str| text.to_owned();
    let attribute = |name, kind, default| AttributeDefinition {
        name: own(name),
        kind,
        default: Some(default),
        ..AttributeDefinition::default()
    };
    let role = AttributeDefinition {
        display_name: own("Role"),
        description: own("what"),
        labels: vec![own("Writer")],
        kinds: vec![TargetKind::Spans],
        allowed_values: vec![own("hero"), own("villain")],
        required: true,
        ..attribute("role", AttributeKind::String, AttributeValue::String(own("hero")))
    };
    let age = AttributeDefinition {
        minimum: Some(AttributeValue::Int(-1)),
        maximum: Some(AttributeValue::Int(150)),
        ..attribute("age", AttributeKind::Int, AttributeValue::Int(0))
    };
    let score = AttributeDefinition {
        maximum: Some(AttributeValue::Double(1.5)),
        ..attribute("score", AttributeKind::Double, AttributeValue::Double(-0.25))
    };
    let list = AttributeValue::StringList(vec![own("a"), own("")]);
    vec![
        role,
        age,
        score,
        attribute("sure", AttributeKind::Bool, AttributeValue::Bool(true)),
        attribute("tags", AttributeKind::StringList, list),
    ]
}

/// A text that careless writers of files get wrong: at most `bytes` bytes without control characters.
fn line(bytes: usize) -> impl Strategy<Value = String> {
    let hostile = [
        "",
        "x",
        "null",
        "~",
        "true",
        "no",
        "1",
        "-1.5",
        "1e3",
        "0x1f",
        "- a",
        "a: b",
        "a #b",
        "#",
        "&a",
        "*a",
        "!x",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "\"",
        "'",
        "\\",
        "[",
        "{",
        "a,b",
        "?",
        ":",
        "---",
        "...",
        " a ",
        "Zoë",
        "👩‍👩‍👧",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "=",
        "<<",
        ".inf",
        ".nan",
        "2001-01-01",
        "\u{e000}",
    ];
    let known = select(hostile.to_vec()).prop_map(str::to_owned);
    prop_oneof![known, "\\PC{0,6}"]
        .prop_filter("too long", move |text| text.len() <= bytes && !text.chars().any(char::is_control))
}

fn some_rules() -> impl Strategy<Value = SpanRules> {
    let overlap = option::of(select(vec![Overlap::None, Overlap::Nested, Overlap::Any]));
    let answer = || option::of(any::<bool>());
    (overlap, answer(), answer(), answer()).prop_map(|(overlap, discontinuous, empty, grapheme_splits)| {
        SpanRules { overlap, discontinuous, empty, grapheme_splits }
    })
}

fn some_kinds() -> impl Strategy<Value = Vec<TargetKind>> {
    subsequence(KINDS.to_vec(), 0..=3)
}

/// Labels without parents and roles: those need names of others.
fn some_label() -> impl Strategy<Value = LabelDefinition> {
    let words = (line(256), some_kinds(), line(256), "(?s).{0,8}", line(32));
    let color = option::of("#[0-9a-f]{6}").prop_map(Option::unwrap_or_default);
    (words, color, some_rules(), any::<[bool; 3]>()).prop_map(|(words, color, spans, flags)| {
        let (label, kinds, display_name, description, shortcut) = words;
        let [is_abstract, symmetric, transitive] = flags;
        LabelDefinition {
            label,
            kinds,
            display_name,
            description,
            color,
            shortcut,
            is_abstract,
            spans,
            symmetric,
            transitive,
            ..LabelDefinition::default()
        }
    })
}

fn some_attribute() -> impl Strategy<Value = AttributeDefinition> {
    let strings = || vec("(?s).{0,8}", 0..3);
    let default = prop_oneof![
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<i64>().prop_map(AttributeValue::Int),
        (-1e300..1e300).prop_map(AttributeValue::Double),
        "(?s).{0,8}".prop_map(AttributeValue::String),
        line(8).prop_map(AttributeValue::String),
        strings().prop_map(AttributeValue::StringList),
    ];
    (line(128), default, any::<[bool; 3]>(), some_kinds(), line(256), strings()).prop_map(
        |(name, value, [has_default, required, limited], kinds, display_name, more)| {
            let (kind, allowed) = match &value {
                AttributeValue::Bool(_) => (AttributeKind::Bool, vec![]),
                AttributeValue::Int(_) => (AttributeKind::Int, vec![]),
                AttributeValue::Double(_) => (AttributeKind::Double, vec![]),
                AttributeValue::String(value) => (AttributeKind::String, vec![value.clone()]),
                AttributeValue::StringList(values) => (AttributeKind::StringList, values.clone()),
            };
            let is_number = matches!(kind, AttributeKind::Int | AttributeKind::Double);
            let mut allowed_values = if limited { allowed } else { vec![] };
            if !allowed_values.is_empty() {
                allowed_values.extend(more.clone());
                allowed_values.sort();
                allowed_values.dedup();
            }
            AttributeDefinition {
                name,
                kind,
                display_name,
                description: more.concat(),
                kinds,
                allowed_values,
                minimum: (limited && is_number).then(|| value.clone()),
                maximum: (required && is_number).then(|| value.clone()),
                required,
                default: has_default.then_some(value),
                ..AttributeDefinition::default()
            }
        },
    )
}

/// Any schema.
pub(crate) fn some_schema() -> impl Strategy<Value = LabelSchema> {
    let roles = vec((line(128), some_kinds(), 0..4_u32, 0..4_u32), 0..3);
    let labels = vec((some_label(), any::<prop::sample::Index>(), any::<bool>(), roles), 0..6);
    let attributes = vec((some_attribute(), any::<bool>()), 0..5);
    let sets = option::of(line(256));
    (labels, attributes, some_rules(), any::<bool>(), sets).prop_filter_map(
        "does not hold together",
        |(labels, attributes, spans, closed, set)| {
            let names: Vec<_> = labels.iter().map(|(label, ..)| label.label.clone()).collect();
            let label = |(at, (mut label, other, has_parent, roles)): (usize, _)| {
                let (label_of, other): (&mut LabelDefinition, prop::sample::Index) = (&mut label, other);
                if has_parent && at > 0 {
                    label_of.parent.clone_from(&names[other.index(at)]);
                }
                let role = |(role, kinds, min_count, more): (String, _, u32, u32)| RoleDefinition {
                    role,
                    labels: if more > 1 { vec![names[other.index(names.len())].clone()] } else { vec![] },
                    kinds,
                    min_count,
                    max_count: if more == 0 { 0 } else { min_count + more },
                };
                let roles: Vec<(String, Vec<TargetKind>, u32, u32)> = roles;
                label_of.roles = roles.into_iter().map(role).collect();
                label
            };
            let labels: Vec<_> = labels.into_iter().enumerate().map(label).collect();
            let attribute = |(mut attribute, named): (AttributeDefinition, bool)| {
                attribute.labels = if named { names.iter().take(2).cloned().collect() } else { vec![] };
                attribute
            };
            let attributes = attributes.into_iter().map(attribute).collect();
            let mode = if closed { SchemaMode::Closed } else { SchemaMode::Open };
            let exclusive = set.into_iter().filter(|_| !names.is_empty());
            let exclusive =
                exclusive.map(|name| ExclusiveSet { name, labels: names.iter().take(1).cloned().collect() });
            let exclusive = exclusive.collect();
            LabelSchema::parse(SchemaDefinition { mode, labels, attributes, spans, exclusive }).ok()
        },
    )
}
