//! What a schema may be.

use super::*;

fn check(definition: SchemaDefinition, expected: &str) {
    assert_eq!(LabelSchema::parse(definition).unwrap_err().to_string(), expected);
}

fn of_labels(labels: Vec<LabelDefinition>) -> SchemaDefinition {
    SchemaDefinition { labels, ..SchemaDefinition::default() }
}

fn of_attributes(attributes: Vec<AttributeDefinition>) -> SchemaDefinition {
    SchemaDefinition {
        labels: vec![label("a", ""), label("b", "a"), label("c", "")],
        attributes,
        ..SchemaDefinition::default()
    }
}

#[test]
fn labels_hold_together() {
    check(of_labels(vec![label("a\n", "")]), "labels[0].label: has the control character '\\n'");
    check(of_labels(vec![label("a", ""), label("a", "")]), "labels[1].label: \"a\" is labels[0] already");
    check(
        of_labels(vec![label("a", "b")]),
        "labels[0].parent: \"b\" is not among the labels of this schema; define it there",
    );
    check(
        of_labels(vec![label("x", ""), label("a", "b"), label("b", "c"), label("c", "b")]),
        "labels[1].parent: makes a circle of parents: b < c < b; a label is below others and never below itself",
    );
    let chain = |count: usize| {
        let parent = |n: usize| if n == 0 { String::new() } else { (n - 1).to_string() };
        of_labels((0..count).map(|n| label(&n.to_string(), &parent(n))).collect())
    };
    assert!(LabelSchema::parse(chain(64)).is_ok());
    check(chain(65), "labels[64].parent: has 64 labels above it; at most 63 are allowed");
    let with = |change: fn(&mut LabelDefinition)| {
        let mut label = label("a", "");
        change(&mut label);
        of_labels(vec![label])
    };
    check(
        with(|label| label.color = "red".to_owned()),
        "labels[0].color: \"red\" is no color; write #rrggbb, such as #1f77b4",
    );
    check(
        with(|label| label.shortcut = "\n".to_owned()),
        "labels[0].shortcut: has the control character '\\n'",
    );
    check(
        with(|label| label.roles = vec![role("r", &["b"], (0, 0))]),
        "labels[0].roles[0].labels[0]: \"b\" is not among the labels of this schema; define it there",
    );
    check(
        with(|label| label.roles = vec![role("r", &[], (0, 0)), role("r", &[], (0, 0))]),
        "labels[0].roles[1].role: \"r\" is roles[0] already",
    );
    check(
        with(|label| label.roles = vec![role("r", &[], (3, 2))]),
        "labels[0].roles[0].min_count: is 3, more than max_count, which is 2",
    );
    check(
        with(|label| {
            label.kinds = vec![TargetKind::Spans];
            label.roles = vec![role("r", &[], (0, 0))];
        }),
        "labels[0].roles: are of relations; give the label the kind of relations, or leave the roles out",
    );
}

#[test]
fn attributes_hold_together() {
    let (any, kind) = (Vec::<AttributeDefinition>::new(), AttributeKind::String);
    assert!(LabelSchema::parse(of_attributes(any)).is_ok());
    let twice = |one: &[&str], other: &[&str]| {
        of_attributes(vec![attribute("x", kind, one), attribute("x", kind, other)])
    };
    assert!(LabelSchema::parse(twice(&["a"], &["c"])).is_ok());
    assert!(LabelSchema::parse(twice(&["b"], &["c"])).is_ok());
    for (one, other) in [(&["a"][..], &["b"][..]), (&["b"], &["c", "a"]), (&[], &["c"]), (&[], &[])] {
        check(
            twice(one, other),
            "attributes[1].name: \"x\" is attributes[0] already, for some of the same labels",
        );
    }
    let with = |kind, change: fn(&mut AttributeDefinition)| {
        let mut attribute = attribute("x", kind, &[]);
        change(&mut attribute);
        of_attributes(vec![attribute])
    };
    check(
        with(kind, |attribute| attribute.labels = names(&["a", "z"])),
        "attributes[0].labels[1]: \"z\" is not among the labels of this schema; define it there",
    );
    check(
        with(kind, |attribute| attribute.labels = names(&["a", "a"])),
        "attributes[0].labels[1]: \"a\" is named twice",
    );
    check(
        with(AttributeKind::Int, |attribute| attribute.allowed_values = names(&["1"])),
        "attributes[0].allowed_values: are for strings, and the attribute has the kind int; leave them out",
    );
    check(
        with(kind, |attribute| {
            attribute.allowed_values = names(&["1"]);
            attribute.default = Some(text("2"));
        }),
        "attributes[0].default_value: \"2\" is none of its values: \"1\"",
    );
    check(
        with(AttributeKind::Double, |attribute| attribute.minimum = Some(AttributeValue::Int(1))),
        "attributes[0].minimum: has the kind int, and the attribute the kind double",
    );
    check(
        with(AttributeKind::Int, |attribute| {
            attribute.minimum = Some(AttributeValue::Int(2));
            attribute.maximum = Some(AttributeValue::Int(1));
        }),
        "attributes[0].minimum: is 2, more than maximum, which is 1",
    );
}

#[test]
fn sets_hold_together_and_all_stays_within_its_limits() {
    let of_set = |labels: &[&str]| SchemaDefinition {
        labels: vec![LabelDefinition { kinds: vec![TargetKind::Spans], ..label("a", "") }],
        exclusive: vec![ExclusiveSet { name: String::new(), labels: names(labels) }],
        ..SchemaDefinition::default()
    };
    check(of_set(&[]), "exclusive_sets[0].labels: is empty; name the labels that exclude each other");
    check(of_set(&["a"]), "exclusive_sets[0].labels[0]: \"a\" is no label of articles; a set is of those");
    let many = of_labels((0..20_001).map(|n: u32| label(&n.to_string(), "")).collect());
    check(many, "labels: the schema has 20001 labels; at most 20000 are allowed");
    let described = |n: u32| LabelDefinition { description: "d".repeat(4_096), ..label(&n.to_string(), "") };
    let error = LabelSchema::parse(of_labels((0..300).map(described).collect())).unwrap_err();
    assert!(error.to_string().contains("bytes; at most 1048576 are allowed"), "{error}");
}
