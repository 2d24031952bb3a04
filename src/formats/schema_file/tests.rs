use proptest::prelude::*;

use super::*;
use crate::domain::schema::samples::{everything, some_schema};

const YAML: &str = r##"mode: closed
span_rules:
  overlap: any
  discontinuous: true
labels:
  - label: Person
    kinds: [spans, article]
    display_name: "Zoë"
    description: d
    color: "#1f77b4"
    shortcut: p
    abstract: true
  - label: Writer
    parent: Person
    span_rules:
      overlap: none
      discontinuous: false
      empty: true
      grapheme_splits: false
  - label: Family
    kinds: [relation]
    symmetric: true
    transitive: true
    roles:
      - role: member
        labels: [Person]
        kinds: [spans]
        min_count: 2
        max_count: 3
attributes:
  - name: role
    kind: string
    display_name: Role
    description: what
    labels: [Writer]
    kinds: [spans]
    allowed_values: [hero, villain]
    required: true
    default_value: hero
  - name: age
    kind: int
    minimum: -1
    maximum: 150
    default_value: 0
  - name: score
    kind: double
    maximum: 1.5
    default_value: -0.25
  - name: sure
    kind: bool
    default_value: true
  - name: tags
    kind: string_list
    default_value: [a, ""]
exclusive_sets:
  - name: genre
    labels: [Person]
"##;

#[test]
fn a_schema_is_written_for_people() {
    assert_eq!(write_yaml(&everything()), YAML);
    assert_eq!(read_yaml(YAML), Ok(everything()));
    let json = write_json(&everything());
    assert!(json.starts_with("{\n  \"mode\": \"closed\",\n  \"span_rules\": {\n"), "{json}");
    assert_eq!(read_json(&json), Ok(everything()));
    for empty in ["", "# nothing\n", "---\n", "{}", "~"] {
        assert_eq!(read_yaml(empty), Ok(LabelSchema::default()), "{empty:?}");
    }
    assert_eq!(write_yaml(&LabelSchema::default()), "{}\n");
}

#[test]
fn what_people_write_is_read_as_they_mean_it() {
    let check = |yaml: &str, expected: &[&str]| {
        let schema = read_yaml(yaml).unwrap();
        let labels: Vec<_> = schema.definition().labels.iter().map(|label| label.label.as_str()).collect();
        assert_eq!(labels, expected, "{yaml}");
    };
    check("labels: [PER, no, Null, 2024, 1.0, \"\\U0001F600\"]", &["PER", "no", "Null", "2024", "1.0", "😀"]);
    check("labels: PER", &["PER"]);
    check("labels:\n- PER\n- label: ORG\n  parent: PER\n  color:\n", &["PER", "ORG"]);
    check("labels:\n  label: PER\n  kinds: spans\n", &["PER"]);
    check("\u{feff}labels: [PER]\r\n", &["PER"]);
    let double = "attributes: [{name: a, kind: double, minimum: 1, default_value: 2}]";
    let attribute = &read_yaml(double).unwrap().definition().attributes[0].clone();
    assert_eq!(attribute.minimum, Some(AttributeValue::Double(1.0)));
    // As Python writes them.
    let json = read_json("{\n\t\"labels\": [\"\\ud83d\\ude00\\/\"]}").unwrap();
    assert_eq!(json.definition().labels[0].label, "😀/");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let check = |yaml: &str, expected: &str| {
        assert_eq!(read_yaml(yaml).unwrap_err().to_string(), expected, "{yaml}");
    };
    check(
        "mode: open\nlabel: x\n",
        "line 2, column 8: \"label\" is not known; what is known here is mode, labels, attributes, span_rules, \
         exclusive_sets",
    );
    check(
        "labels:\n- label: a\n  colour: red\n",
        "line 3, column 11: labels[0]: \"colour\" is not known; what is known \
         here is label, kinds, parent, display_name, description, color, shortcut, abstract, span_rules, symmetric, \
         transitive, roles",
    );
    check(
        "labels:\n- label: a\n  color: red\n",
        "line 3, column 10: labels[0].color: \"red\" is no color; write #rrggbb, such as #1f77b4",
    );
    check("labels:\n- parent: a\n", "line 2, column 3: labels[0]: label is missing");
    check("labels: [a,\n a]", "line 2, column 2: labels[1].label: \"a\" is labels[0] already");
    check("mode: strict", "line 1, column 7: mode: \"strict\" is none of open, closed");
    check("mode: open\nmode: closed", "line 2, column 1: \"mode\" is there twice");
    check(
        "labels:\n- label: a\n  abstract: yes\n",
        "line 3, column 13: labels[0].abstract: is neither true nor false",
    );
    check("labels:\n- label: [a]\n", "line 2, column 10: labels[0].label: is a list, not a text");
    check(
        "labels:\n- label: a\n  roles: [{min_count: -1}]\n",
        "line 3, column 23: labels[0].roles[0].min_count: is not a \
         whole number of 0 or more",
    );
    check(
        "attributes:\n- name: a\n  kind: int\n  default_value: 1.5\n",
        "line 4, column 18: attributes[0].default_value: is not a whole number of 64 bits",
    );
    check("labels: &x [a]", "line 1, column 9: anchors are not read, since no alias is; leave it out");
    check("labels: !!seq [a]", "line 1, column 9: tags are not read; leave it out");
    check("a: b\n---\nc: d", "line 2, column 1: a second document begins; send one");
    check(
        "- a",
        "line 1, column 1: is a list, not a mapping with some of mode, labels, attributes, span_rules, exclusive_sets",
    );
    assert!(read_yaml("labels: [a").unwrap_err().place.is_some());
    assert!(read_yaml(&"[".repeat(100)).unwrap_err().message.contains("nested deeper"));

    let check = |json: &str, expected: &str| {
        assert_eq!(read_json(json).unwrap_err().to_string(), expected, "{json}");
    };
    check("{\"mode\": \"open\",\n \"mode\": \"open\"}", "line 2, column 7: \"mode\" is there twice");
    check(
        "{\"labels\": [{\"label\": \"a\", \"color\": \"x\"}]}",
        "labels[0].color: \"x\" is no color; write #rrggbb, such as \
         #1f77b4",
    );
    check("{\"mode\": true}", "mode: \"true\" is none of open, closed");
    assert!(read_json("{").unwrap_err().place.is_some());
    assert!(read_json(&"[".repeat(1_000)).is_err());
    assert!(read_json(&" ".repeat(9 << 20)).unwrap_err().message.contains("9437184 bytes; at most 8388608"));
}

proptest! {
    #[test]
    fn any_schema_is_written_and_read_as_it_was(schema in some_schema()) {
        let yaml = write_yaml(&schema);
        let expected = Ok(schema.clone());
        prop_assert_eq!(read_yaml(&yaml), expected.clone(), "{}", yaml);
        let json = write_json(&schema);
        prop_assert_eq!(read_json(&json), expected.clone(), "{}", json);
        // JSON is YAML, as long as no character is escaped by halves.
        prop_assert_eq!(read_yaml(&json), expected, "{}", json);
    }

    #[test]
    fn any_text_is_a_schema_or_told_why_not(text in "[-a:\\[\\]{}, \n\"'#&*!|>?%~\t\\\\]{0,40}") {
        let _ = (read_yaml(&text), read_json(&text));
    }
}
