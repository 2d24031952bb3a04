use super::*;
use crate::formats::schema_file;

/// `expected` is the schema as YAML, and then what was lost.
fn check(config: &str, expected: &str, lost: &[&str]) {
    let (schema, losses) = read(&format!("<View>{config}</View>")).unwrap();
    assert_eq!(schema_file::write_yaml(&schema), format!("mode: closed\n{expected}"), "{config}");
    let losses = losses.into_vec();
    let losses: Vec<_> =
        losses.iter().map(|loss| format!("{}: {}", loss.feature, loss.examples.join(" "))).collect();
    let lost: Vec<_> = lost.iter().map(|lost| format!("Label Studio: {lost}")).collect();
    assert_eq!(losses, lost, "{config}");
}

#[test]
fn labels_are_of_spans() {
    check(
        r##"<Labels name="ner" toName="text"><Label value="Person &amp; co" background="red" hotkey="p"/>
            <Label value="Organisation" alias="ORG" background="#0F0" hint="firms"/><Label value="ORG" maxUsages="3"/></Labels>
            <Text name="text" value="$text"/>"##,
        "labels:\n  - label: \"Person & co\"\n    kinds: [spans]\n    color: \"#ff0000\"\n    shortcut: p\n  - label: ORG\n    \
         kinds: [spans]\n    display_name: Organisation\n    description: firms\n    color: \"#00ff00\"\n",
        &[
            "what a label says beside its looks: ORG maxUsages",
            "a label of several controls, which is one: ORG",
        ],
    );
}

#[test]
fn choices_are_labels_of_articles() {
    check(
        r#"<Choices name="tone" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
           <Choices name="style" toName="text" choice="multiple"><Choice value="good"/></Choices>"#,
        "labels:\n  - label: tone\n    kinds: [article]\n    abstract: true\n  - label: good\n    kinds: [article]\n    \
         parent: tone\n  - label: bad\n    kinds: [article]\n    parent: tone\n  - label: style\n    kinds: [article]\n    \
         abstract: true\n  - label: style/good\n    kinds: [article]\n    parent: style\n    display_name: \
         good\nexclusive_sets:\n  - name: tone\n    labels: [tone]\n",
        &["a name that is taken, with another before it: style/good"],
    );
    check(
        r#"<Taxonomy name="topic" toName="text"><Choice value="a"><Choice value="b"/></Choice></Taxonomy>"#,
        "labels:\n  - label: topic\n    kinds: [article]\n    abstract: true\n  - label: a\n    kinds: [article]\n    \
         parent: topic\n  - label: b\n    kinds: [article]\n    parent: a\n",
        &[],
    );
}

#[test]
fn what_is_per_region_is_an_attribute() {
    check(
        r#"<Labels name="l" toName="t"><Label value="A"/></Labels>
           <Choices name="sure" toName="t" perRegion="true" required="true"><Choice value="yes" selected="true"/><Choice
           value="no"/></Choices>
           <Taxonomy name="topic" toName="t" perregion="true" whenLabelValue="A"><Choice value="a"><Choice
           value="b"/></Choice></Taxonomy>
           <Rating name="stars" toName="t" perRegion="true" maxRating="3"/>
           <TextArea name="why" toName="t" perRegion="true" whenTagName="l"/>"#,
        "labels:\n  - label: A\n    kinds: [spans]\nattributes:\n  - name: sure\n    kind: string\n    kinds: [spans]\n    \
         allowed_values: [\"yes\", \"no\"]\n    required: true\n    default_value: \"yes\"\n  - name: topic\n    kind: \
         string_list\n    labels: [A]\n    kinds: [spans]\n    allowed_values: [a, a/b]\n  - name: stars\n    kind: \
         int\n    kinds: [spans]\n    minimum: 0\n    maximum: 3\n  - name: why\n    kind: string_list\n    kinds: [spans]\n",
        &["which labels a control is shown for: why l"],
    );
}

#[test]
fn values_of_articles_are_attributes_of_a_label() {
    check(
        r#"<Rating name="stars" toName="t"/><Number name="cost" toName="t" min="0.5" max="2"/>"#,
        "labels:\n  - label: stars\n    kinds: [article]\n  - label: cost\n    kinds: [article]\nattributes:\n  - name: \
         value\n    kind: int\n    labels: [stars]\n    kinds: [article]\n    minimum: 0\n    maximum: 5\n    required: \
         true\n  - name: value\n    kind: double\n    labels: [cost]\n    kinds: [article]\n    minimum: 0.5\n    maximum: \
         2.0\n    required: true\nexclusive_sets:\n  - name: stars\n    labels: [stars]\n  - name: cost\n    labels: [cost]\n",
        &[],
    );
}

#[test]
fn relations_go_from_spans_to_spans() {
    check(
        r#"<Relations><Relation value="is"/></Relations>"#,
        "labels:\n  - label: is\n    kinds: [relation]\n    roles:\n      - role: from\n        kinds: [spans]\n        \
         min_count: 1\n        max_count: 1\n      - role: to\n        kinds: [spans]\n        min_count: 1\n        max_count: \
         1\n",
        &[],
    );
}

#[test]
fn what_is_not_of_text_is_told() {
    check(
        r#"<Image name="i" value="$i"/><PolygonLabels name="p" toName="i"><Label value="Car"/></PolygonLabels>"#,
        "",
        &["a tag that is not of text: Image i PolygonLabels p", "a label that is not of text: Car"],
    );
}

#[test]
fn what_is_no_configuration_is_refused_with_its_place() {
    let check = |config: &str, expected: &str| {
        let error = read(config).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check("", "has no element; a configuration is a <View>");
    check("<View>\n  <Labels></View>", "line 2, column 11: ");
    check("<View>\n<Labels", "line 2, column 1: ");
    check("<View>", "line 1, column 7: the file ends within an element");
    check("<View><Labels name=\"a\" name=\"b\"/></View>", "line 1, column 7: ");
    check("<!DOCTYPE x [<!ENTITY a \"b\">]><View/>", "line 1, column 1: a DOCTYPE is not read");
    check(&"<View>".repeat(100), "line 1, column 193: is nested deeper");
    check("<View><Labels><Label value=\"\"/></Labels></View>", "labels[0].label: is empty");
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_configuration_or_told_why_not(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "<View>", "</View>", "<Labels name=\"l\">", "</Labels>", "<Label value=\"A\"/>", "<Label value=\"\"/>", "<Choices \
                 name=\"l\" perRegion=\"true\">", "<Choices name=\"c\">", "</Choices>", "<Choice value=\"A\"/>", "<Choice \
                 value=\"b\" selected=\"true\">", "</Choice>", "<Rating name=\"c\" maxRating=\"-1\"/>", "<Number name=\"n\" \
                 min=\"NaN\"/>", "<Relations>", "</Relations>", "<Relation value=\"A\"/>", "&amp;", "&x;", "<", ">", "é",
                "<!-- -->", "<![CDATA[", "]]>", "<?x?>",
            ]),
            0..20,
        ),
    ) {
        if let Ok((schema, _)) = read(&pieces.concat()) {
            proptest::prop_assert_eq!(schema_file::read_yaml(&schema_file::write_yaml(&schema)), Ok(schema));
        }
    }
}
