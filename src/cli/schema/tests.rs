use super::*;

const FILE: &str = r##"mode: closed
span_rules: {overlap: nested, empty: false}
labels:
  - label: Entity
    abstract: true
  - {label: Person, parent: Entity, color: "#1f77b4", shortcut: p, display_name: Somebody}
  - {label: Writer, parent: Person, description: "who\u001bwrites", span_rules: {overlap: none}}
  - {label: Place, parent: Entity}
  - label: Family
    kinds: relation
    symmetric: true
    roles: [{role: member, labels: [Person], min_count: 2}, {role: seat, max_count: 1}, {}]
  - News
attributes:
  - {name: certainty, kind: string, allowed_values: [low, high], default_value: high, labels: [Entity], required: true}
  - {name: age, kind: int, minimum: 0, maximum: 150}
exclusive_sets: [{name: genre, labels: [News]}]
"##;

const OUTLINE: &str = "projects/p/labelSchema, revision 1,234, etag x
  closed: what it does not name is refused
  spans: nested overlaps only, no empty ones

6 labels
  Entity  (abstract)
  ├ Person  [p]  “Somebody”
  │ └ Writer  no overlaps
  │     who␛writes
  └ Place
  Family  relations, symmetric
    → member: 2 or more of Person
    → seat: 0 to 1
    → (no name): any number
  News

2 attributes
  certainty  string  required  low | high  default high  of Entity
  age  int  ≥ 0  ≤ 150

at most one for an article
  genre: News
";

fn sent(file: &str) -> v1::LabelSchema {
    let schema = schema_file::read_yaml(file).unwrap();
    v1::LabelSchema {
        name: "projects/p/labelSchema".into(),
        revision: 1_234,
        etag: "x".into(),
        ..label_schemas::sent(schema.definition())
    }
}

#[test]
fn a_schema_is_outlined_for_people() {
    let sent = sent(FILE);
    let definition = read(&sent).unwrap().into_definition();
    assert_eq!(outline::outline(&sent, &definition, false), OUTLINE);
    let colored = outline::outline(&sent, &definition, true);
    assert!(colored.contains("\u{1b}[1m\u{1b}[38;2;31;119;180mPerson\u{1b}[0m"), "{colored:?}");
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), OUTLINE);
}

#[test]
fn what_was_done_is_said() {
    let schema = LabelSchema::default();
    let check = |sent: &v1::LabelSchema, dry_run, expected: &str| {
        assert_eq!(done(sent, &schema, dry_run), expected);
    };
    check(
        &sent("{}"),
        false,
        "set projects/p/labelSchema, revision 1,234, etag x: open, 0 labels, 0 attributes\n",
    );
    check(
        &sent("{}"),
        true,
        "valid, not stored: open, 0 labels, 0 attributes; no annotation breaks it that did not before\n",
    );
    let unset = v1::LabelSchema { name: "projects/p/labelSchema".into(), ..v1::LabelSchema::default() };
    assert_eq!(identity(&unset), "projects/p/labelSchema, never set");
}

#[test]
fn a_schema_of_a_later_version_is_not_half_shown() {
    let Err(Failure::Local(message)) = read(&v1::LabelSchema { mode: 7, ..sent(FILE) }) else {
        panic!("it is shown")
    };
    assert!(message.contains("mode: is 7") && message.contains("--json"), "{message}");
}

#[test]
fn losses_are_listed_with_examples() {
    let loss = Loss {
        feature: "brat: a border".into(),
        count: 4,
        examples: ["a", "b", "c", "d"].map(str::to_owned).into(),
    };
    assert_eq!(losses_shown("not carried over", &[]), "");
    assert_eq!(
        losses_shown("not carried over", std::slice::from_ref(&loss)),
        "not carried over:\n      4  brat: a border: a; b; c; …\n"
    );
    assert_eq!(
        losses_json(&[loss]).to_string(),
        r#"{"losses":[{"feature":"brat: a border","count":"4","examples":["a","b","c","d"]}]}"#
    );
}
