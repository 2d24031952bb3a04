use super::*;
use crate::formats::schema_file;

/// `expected` is the schema as YAML, and then what was lost.
fn check(annotation: &str, expected: &str, lost: &[&str]) {
    let (schema, losses) = read(BratConfig { annotation, ..BratConfig::default() }).unwrap();
    assert_eq!(schema_file::write_yaml(&schema), format!("mode: closed\n{expected}"), "{annotation}");
    let losses = losses.into_vec();
    let losses: Vec<_> =
        losses.iter().map(|loss| format!("{} {}", loss.feature, loss.examples.join(" "))).collect();
    assert_eq!(losses, lost, "{annotation}");
}

#[test]
fn entities_are_labels_of_spans_in_a_hierarchy() {
    check(
        "# comment\n[entities]\n!Physical\n\tPerson|Human\n\t\tWriter\n-----\n\tPlace\nMoney\n[events]\n",
        "labels:\n  - label: Physical\n    kinds: [spans]\n    abstract: true\n  - label: Person\n    kinds: [spans]\n    \
         parent: Physical\n    display_name: Human\n  - label: Writer\n    kinds: [spans]\n    parent: Person\n  - label: \
         Place\n    kinds: [spans]\n    parent: Physical\n  - label: Money\n    kinds: [spans]\n",
        &[],
    );
}

#[test]
fn relations_have_two_roles_or_many_members() {
    let entities = "[entities]\nA\nB\n[relations]\n";
    let labels = "labels:\n  - label: A\n    kinds: [spans]\n  - label: B\n    kinds: [spans]\n";
    check(
        &format!(
            "{entities}<AB>=A|B\nIn Arg1:<AB>, Arg2:B\nIn Arg1:A, Arg2:A\nLike Arg1:<ENTITY>, Arg2:<ENTITY>, <REL-TYPE>:symmetric\n"
        ),
        &format!(
            "{labels}  - label: In\n    kinds: [relation]\n    roles:\n      - role: Arg1\n        labels: [A, B]\n        \
             kinds: [spans]\n        min_count: 1\n        max_count: 1\n      - role: Arg2\n        labels: [B, A]\n        \
             kinds: [spans]\n        min_count: 1\n        max_count: 1\n  - label: Like\n    kinds: [relation]\n    \
             symmetric: true\n    roles:\n      - role: Arg1\n        labels: [A, B]\n        kinds: [spans]\n        \
             min_count: 1\n        max_count: 1\n      - role: Arg2\n        labels: [A, B]\n        kinds: [spans]\n        \
             min_count: 1\n        max_count: 1\n"
        ),
        &[],
    );
    check(
        &format!("{entities}Alias Arg1:A, Arg2:A, <REL-TYPE>:symmetric-transitive\n"),
        &format!(
            "{labels}  - label: Alias\n    kinds: [relation]\n    symmetric: true\n    transitive: true\n    roles:\n      \
             - role: member\n        labels: [A]\n        kinds: [spans]\n        min_count: 2\n"
        ),
        &[],
    );
}

#[test]
fn events_are_relations_with_a_trigger() {
    check(
        "[entities]\nA\n[events]\n!Life\n\tDie Who:A, Where?:A|Nowhere, By*:<EVENT>, With{1-3}:<ANY>\n",
        "labels:\n  - label: A\n    kinds: [spans]\n  - label: Life\n    kinds: [spans, relation]\n    abstract: true\n  - \
         label: Die\n    kinds: [spans, relation]\n    parent: Life\n    roles:\n      - role: trigger\n        labels: \
         [Die]\n        kinds: [spans]\n        min_count: 1\n        max_count: 1\n      - role: Who\n        labels: [A]\n        \
         kinds: [spans]\n        min_count: 1\n        max_count: 1\n      - role: Where\n        labels: [A]\n        kinds: \
         [spans]\n        max_count: 1\n      - role: By\n        labels: [Life]\n        kinds: [relation]\n      - role: \
         With\n        min_count: 1\n        max_count: 3\n",
        &["brat: a type that is not defined Nowhere"],
    );
    // In brat, Gain takes no Where.
    let config = "[entities]\nA\n[events]\nChange Where:A\n\tGain Who:A\n";
    let (schema, losses) = read(BratConfig { annotation: config, ..BratConfig::default() }).unwrap();
    let roles: Vec<_> =
        schema.definition().labels[2].roles.iter().map(|role| (role.role.as_str(), role.min_count)).collect();
    assert_eq!(roles, [("trigger", 1), ("Who", 1), ("Where", 0)]);
    assert_eq!(losses.into_vec()[0].examples, ["Gain"]);
    let config = "[entities]\nA\n[events]\nChange Where:A\n Gain <INHERIT>, Who:A\n";
    let (schema, losses) = read(BratConfig { annotation: config, ..BratConfig::default() }).unwrap();
    assert_eq!((schema.definition().labels[2].roles.len(), losses.into_vec().len()), (3, 0));
}

#[test]
fn attributes_are_answers_or_words() {
    check(
        "[entities]\nA\n[events]\nE\n[attributes]\nOld Arg:A\nSure Arg:<EVENT>, Value:High|Low, <DEFAULT>:Low\n",
        "labels:\n  - label: A\n    kinds: [spans]\n  - label: E\n    kinds: [spans, relation]\n    roles:\n      - role: \
         trigger\n        labels: [E]\n        kinds: [spans]\n        min_count: 1\n        max_count: 1\nattributes:\n  - \
         name: Old\n    kind: bool\n    labels: [A]\n    kinds: [spans]\n  - name: Sure\n    kind: string\n    labels: \
         [E]\n    kinds: [relation]\n    allowed_values: [High, Low]\n    default_value: Low\n",
        &[],
    );
}

#[test]
fn overlaps_are_rules_of_labels() {
    check(
        "[entities]\nA\nB\nC\n[relations]\n<OVERLAP> Arg1:A, Arg2:B, <OVL-TYPE>:contain|equal\n<OVERLAP> Arg1:B, Arg2:B, \
         <OVL-TYPE>:<ANY>\n",
        "labels:\n  - label: A\n    kinds: [spans]\n    span_rules:\n      overlap: nested\n  - label: B\n    kinds: \
         [spans]\n    span_rules:\n      overlap: any\n  - label: C\n    kinds: [spans]\n    span_rules:\n      overlap: \
         none\n",
        &[
            "brat: whom a type may overlap Arg1:A Arg2:B Arg1:B Arg2:B",
            "brat: which of two contains the other <OVERLAP>",
        ],
    );
}

#[test]
fn types_look_as_the_other_files_say() {
    let config = BratConfig {
        annotation: "[entities]\nPerson\nGPE\n[attributes]\nNegation Arg:Person\n",
        visual: "# looks\n[labels]\nPerson | A person | Per\nNegation | Not\nArg1 | first\n[drawing]\nPerson\tbgColor:#FF821C, \
                 borderColor:darken\nGPE bgColor:lightgreen\n",
        shortcuts: "# keys\nP Person\nX nobody\n",
    };
    let (schema, losses) = read(config).unwrap();
    let labels = &schema.definition().labels;
    let person = (&*labels[0].display_name, &*labels[0].color, &*labels[0].shortcut);
    assert_eq!(person, ("A person", "#ff821c", "P"));
    assert_eq!((&*labels[1].color, &*schema.definition().attributes[0].display_name), ("#90ee90", "Not"));
    let losses: Vec<_> = losses.into_vec().into_iter().flat_map(|loss| loss.examples).collect();
    assert_eq!(losses, ["Person | A person | Per", "Arg1 | first", "Person borderColor:darken", "X nobody"]);
}

#[test]
fn what_brat_does_not_read_either_is_refused_with_its_line() {
    let check = |annotation: &str, expected: &str| {
        let error = read(BratConfig { annotation, ..BratConfig::default() }).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check("Person\n", "line 1, column 1: stands before the first section, such as [entities]");
    check("[entities]\nA\n\t\tB\n", "line 3, column 1: is indented by more than what stands above it allows");
    check(
        "[relations]\nIn Arg1\n",
        "line 2, column 1: \"Arg1\" is no argument; it is written Role:Type, or Role:Type|Type",
    );
    check(
        "[events]\nE Who{x}:A\n",
        "line 2, column 1: \"Who{x}\" is no role: a name, with ?, *, +, {2} or {1-3} after it",
    );
    check("[attributes]\nOld\n", "line 2, column 1: an attribute says what it is of, as in Arg:<ENTITY>");
    let growing: String =
        (0..40).map(|n| format!("<M{}>=<M{n}>|<M{n}>\n", n + 1)).collect::<Vec<_>>().concat();
    let error =
        read(BratConfig { annotation: &format!("[macros]\n<M0>=aaaa\n{growing}"), ..BratConfig::default() });
    assert!(error.unwrap_err().message.contains("longer than a whole schema"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_configuration_or_told_why_not(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "[entities]\n", "[events]\n", "[relations]\n", "[attributes]\n", "[x]\n", "\n", "\t", " ", "A", "B|b", "!", "Arg:",
                "Arg1:A", ", ", "{2}", "{1-3}", "?", "+", "<ENTITY>", "<EVENT>", "<ANY>", "<X>=A|B\n", "<X>", "<INHERIT>",
                "<OVERLAP> ", "<OVL-TYPE>:contain", "<REL-TYPE>:symmetric-transitive", "Value:a|b", "|", ":", "#", "é", "---\n",
            ]),
            0..40,
        ),
    ) {
        let text = pieces.concat();
        let config = BratConfig { annotation: &text, visual: &text, shortcuts: &text };
        if let Ok((schema, _)) = read(config) {
            proptest::prop_assert_eq!(schema_file::read_yaml(&schema_file::write_yaml(&schema)), Ok(schema));
        }
    }
}

#[test]
fn what_is_written_is_read_as_the_same_schema() {
    let check = |file: &str| {
        let config = |annotation| BratConfig { annotation, ..BratConfig::default() };
        let schema = read(config(file)).unwrap().0;
        let (written, losses) = write(schema.definition());
        assert_eq!(losses.into_vec(), [], "{written}");
        assert_eq!(read(config(&written)).unwrap().0.definition(), schema.definition(), "{written}");
    };
    check("[entities]\n!Physical\n\tPerson|Human\n\t\tWriter\n\tPlace\nMoney\n");
    check(
        "[entities]\nA\nB\n[relations]\nIn Arg1:A|B, Arg2:B\nLike Arg1:<ANY>, Arg2:A, <REL-TYPE>:symmetric\n",
    );
    check("[entities]\nA\n[relations]\nAlias Arg1:A, Arg2:A, <REL-TYPE>:symmetric-transitive\n");
    check(
        "[entities]\nA\n[events]\n!Life\n\tDie Who:A, Where?:A, By*:<EVENT>, With{1-3}:<ANY>, To+:A, X{2}:A\n",
    );
    check(
        "[entities]\nA\n[events]\nE\n[attributes]\nOld Arg:A\nSure Arg:<EVENT>, Value:High|Low, <DEFAULT>:Low\n",
    );
    check("");
}

#[test]
fn what_cannot_be_written_is_counted() {
    let text = "labels:\n  - label: two words\n    kinds: [spans]\n  - label: A\n    kinds: [spans]\n    color: '#ff0000'\n  - label: \
                B\n    kinds: [article]\nattributes:\n  - name: n\n    kind: int\n";
    let schema = schema_file::read_yaml(text).unwrap();
    let (written, losses) = write(schema.definition());
    assert_eq!(written, "[entities]\nA\n\n[relations]\n\n[events]\n\n[attributes]\n");
    let lost: Vec<_> = losses.into_vec().into_iter().map(|loss| (loss.feature, loss.count)).collect();
    let expected = [
        ("brat: a schema that is not closed".to_owned(), 1),
        ("brat: what annotation.conf does not say of a label".to_owned(), 3),
        ("brat: what annotation.conf does not say of an attribute".to_owned(), 1),
    ];
    assert_eq!(lost, expected);
}
