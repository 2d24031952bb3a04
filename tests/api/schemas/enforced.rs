//! What one annotation may say: labels, kinds, attributes, roles, and rules for its spans.

use spandrel::proto::v1::{self, attribute_value::Kind, write::Op};

use super::{A, Stage, breaks, commit, create, of_article, relation, schema, update};
use crate::support::{annotation, by_code_points, by_quote, by_utf8, check_refused, spans};

const TEXT: &str = "IBM hired Ada in Armonk. Zoe\u{301} came, too.";

const LABELS: &str = "labels:
  - {label: Entity, abstract: true, kinds: spans}
  - {label: PER, parent: Entity}
  - {label: ORG, parent: Entity}
  - {label: Located, kinds: relation}
  - {label: news, kinds: article}
";

fn span(label: &str) -> v1::Annotation {
    annotation(label, vec![by_quote("Ada")])
}

fn with(attributes: &[(&str, Kind)], annotation: v1::Annotation) -> v1::Annotation {
    let value = |kind: &Kind| v1::AttributeValue { kind: Some(kind.clone()) };
    let attributes = attributes.iter().map(|(name, kind)| ((*name).to_owned(), value(kind)));
    v1::Annotation { attributes: attributes.collect(), ..annotation }
}

fn text(value: &str) -> Kind {
    Kind::StringValue(value.to_owned())
}

fn list(values: &[&str]) -> Kind {
    Kind::StringList(v1::StringList { values: values.iter().map(ToString::to_string).collect() })
}

#[tokio::test]
async fn labels_are_of_the_schema_where_it_is_closed_and_of_their_kind_everywhere() {
    for mode in ["open", "closed"] {
        let stage = Stage::start(TEXT, &format!("mode: {mode}\n{LABELS}")).await;
        stage.create(1, span("PER")).await.unwrap();
        stage.create(2, of_article("news")).await.unwrap();
        stage.create(3, relation("Located", &[("", 1)])).await.unwrap();
        breaks(stage.create(4, span("Entity")).await, "LABEL_ABSTRACT", "annotation.label");
        breaks(stage.create(4, span("news")).await, "KIND", "annotation.label");
        breaks(stage.create(4, of_article("PER")).await, "KIND", "annotation.label");
        breaks(stage.create(4, relation("ORG", &[("", 1)])).await, "KIND", "annotation.label");
        breaks(
            stage.update(1, &["label"], |it| it.label = "Located".to_owned()).await,
            "KIND",
            "annotation.label",
        );
        let other = stage.create(4, span("per")).await;
        match mode {
            "open" => assert!(other.is_ok(), "{other:?}"),
            _ => breaks(other, "LABEL_UNKNOWN", "annotation.label"),
        }
        assert_eq!(stage.list().await.len(), if mode == "open" { 4 } else { 3 });
    }
}

#[tokio::test]
async fn a_commit_that_breaks_a_rule_anywhere_does_nothing_and_says_where() {
    let stage = Stage::start(TEXT, &format!("mode: closed\n{LABELS}")).await;
    let head = stage.head().await;
    let ops = vec![Op::Create(create(1, span("PER"))), Op::Create(create(2, span("LOC")))];
    breaks(stage.client.send(commit(ops)).await, "LABEL_UNKNOWN", "writes[1].create.annotation.label");
    let requests = vec![create(1, span("Entity")), create(2, span("LOC"))];
    let batch = v1::BatchCreateAnnotationsRequest { parent: A.to_owned(), requests, ..Default::default() };
    breaks(stage.client.send(batch).await, "LABEL_ABSTRACT", "requests[0].annotation.label");
    let checked = v1::CreateAnnotationRequest { validate_only: true, ..create(1, span("LOC")) };
    breaks(stage.client.send(checked).await, "LABEL_UNKNOWN", "annotation.label");
    let missing = v1::UpdateAnnotationRequest {
        allow_missing: true,
        update_mask: None,
        ..update(1, &[], |it| *it = v1::Annotation { name: it.name.clone(), ..span("LOC") })
    };
    breaks(stage.client.send(missing).await, "LABEL_UNKNOWN", "annotation.label");
    assert_eq!((stage.list().await, stage.head().await), (vec![], head));
}

#[tokio::test]
async fn attributes_are_of_their_kind_and_values_and_defaults_are_filled_in() {
    let attributes = "mode: closed
labels: [PER, {label: Writer, parent: PER}, ORG]
attributes:
  - {name: sex, kind: string, allowed_values: [f, m], labels: [PER]}
  - {name: aliases, kind: string_list, allowed_values: [a, b]}
  - {name: age, kind: int, minimum: 0, maximum: 150}
  - {name: share, kind: double, minimum: 0, maximum: 1}
  - {name: sure, kind: bool, required: true, default_value: true}
  - {name: pen, kind: string, labels: [Writer], required: true, kinds: spans}
";
    let stage = Stage::start(TEXT, attributes).await;
    let said = |created: &v1::Annotation| {
        let mut names: Vec<_> = created.attributes.keys().cloned().collect();
        names.sort();
        names
    };
    let created =
        stage.create(1, with(&[("sex", text("f")), ("age", Kind::IntValue(36))], span("PER"))).await;
    let created = created.unwrap();
    assert_eq!(said(&created), ["age", "sex", "sure"]);
    assert_eq!(created.attributes["sure"].kind, Some(Kind::BoolValue(true)));
    assert_eq!(stage.client.get(&created.name).await.unwrap(), created);
    // A default is no constant: another value stays.
    let doubtful = with(&[("sure", Kind::BoolValue(false)), ("aliases", list(&["b", "a"]))], span("ORG"));
    let created = stage.create(2, doubtful).await.unwrap();
    assert_eq!(created.attributes["sure"].kind, Some(Kind::BoolValue(false)));
    stage.create(3, with(&[("pen", text("Boz")), ("sex", text("m"))], span("Writer"))).await.unwrap();
    // What an attribute is required of may be of a kind, too.
    stage.create(4, of_article("Writer")).await.unwrap();

    let check = async |label: &str, attributes: &[(&str, Kind)], rule: &str, field: &str| {
        let answer = stage.create(9, with(attributes, span(label))).await;
        breaks(answer, rule, &format!("annotation.{field}"));
    };
    check("PER", &[("sex", text("x"))], "ATTRIBUTE_VALUE", "attributes[\"sex\"]").await;
    check("PER", &[("sex", Kind::BoolValue(true))], "ATTRIBUTE_KIND", "attributes[\"sex\"]").await;
    check("PER", &[("age", Kind::DoubleValue(1.0))], "ATTRIBUTE_KIND", "attributes[\"age\"]").await;
    check("PER", &[("age", Kind::IntValue(-1))], "ATTRIBUTE_VALUE", "attributes[\"age\"]").await;
    check("PER", &[("share", Kind::DoubleValue(1.01))], "ATTRIBUTE_VALUE", "attributes[\"share\"]").await;
    check("PER", &[("aliases", list(&["a", "c"]))], "ATTRIBUTE_VALUE", "attributes[\"aliases\"]").await;
    check("PER", &[("aliases", text("a"))], "ATTRIBUTE_KIND", "attributes[\"aliases\"]").await;
    check("ORG", &[("sex", text("f"))], "ATTRIBUTE_UNKNOWN", "attributes[\"sex\"]").await;
    check("PER", &[("pen", text("Boz"))], "ATTRIBUTE_UNKNOWN", "attributes[\"pen\"]").await;
    check("Writer", &[], "ATTRIBUTE_REQUIRED", "attributes").await;
    // A default is for what is created; what is changed says all that it says.
    let answer = stage.update(1, &["attributes"], |_| ()).await;
    breaks(answer, "ATTRIBUTE_REQUIRED", "annotation.attributes");
    let answer = stage.update(1, &["label"], |it| it.label = "ORG".to_owned()).await;
    breaks(answer, "ATTRIBUTE_UNKNOWN", "annotation.attributes[\"sex\"]");
}

#[tokio::test]
async fn an_open_schema_knows_its_own_attributes_and_lets_others_pass() {
    let stage = Stage::start(TEXT, "attributes: [{name: sure, kind: bool, default_value: true}]").await;
    let created = stage.create(1, with(&[("x", Kind::IntValue(1))], span("PER"))).await.unwrap();
    assert_eq!(created.attributes.len(), 2);
    let answer = stage.create(2, with(&[("sure", text("yes"))], span("PER"))).await;
    breaks(answer, "ATTRIBUTE_KIND", "annotation.attributes[\"sure\"]");
    // With defaults, too, there are 64 at most.
    let many: Vec<_> = (0..64).map(|n| format!("a{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), Kind::IntValue(1))).collect();
    check_refused(stage.create(2, with(&many, span("PER"))).await, "LIMIT_EXCEEDED", "annotation.attributes");
    stage.create(2, with(&many[1..], span("PER"))).await.unwrap();
}

#[tokio::test]
async fn a_role_has_arguments_of_its_labels_and_so_many() {
    let roles = "mode: closed
labels:
  - {label: Entity, kinds: spans}
  - {label: PER, parent: Entity}
  - {label: ORG, kinds: spans}
  - label: Hiring
    kinds: relation
    roles:
      - {role: who, labels: [Entity], min_count: 1, max_count: 2}
      - {role: by, labels: [ORG], kinds: spans, max_count: 1}
      - {role: because, labels: [Hiring]}
  - {label: Loose, kinds: relation}
";
    let stage = Stage::start(TEXT, roles).await;
    for (n, label) in [(1, "PER"), (2, "Entity"), (3, "ORG"), (4, "PER"), (7, "ORG")] {
        stage.create(n, span(label)).await.unwrap();
    }
    stage.create(5, relation("Hiring", &[("who", 1), ("who", 2), ("by", 3)])).await.unwrap();
    stage.create(6, relation("Hiring", &[("because", 5), ("who", 4)])).await.unwrap();
    // Roles of a label that has none are nobody's concern.
    stage.create(8, relation("Loose", &[("x", 1), ("", 6)])).await.unwrap();
    let check = async |arguments: &[(&str, u64)], rule: &str, field: &str| {
        let answer = stage.create(9, relation("Hiring", arguments)).await;
        breaks(answer, rule, &format!("annotation.relation.{field}"));
    };
    check(&[("by", 3)], "ROLE_COUNT", "arguments").await;
    check(&[("who", 1), ("who", 2), ("who", 4)], "ROLE_COUNT", "arguments").await;
    check(&[("who", 1), ("by", 3), ("by", 7)], "ROLE_COUNT", "arguments").await;
    check(&[("who", 1), ("who", 3)], "ROLE_ARGUMENT", "arguments[1]").await;
    check(&[("who", 1), ("because", 4)], "ROLE_ARGUMENT", "arguments[1]").await;
    check(&[("who", 1), ("why", 5)], "ROLE_UNKNOWN", "arguments[1].role").await;

    // An argument that becomes something else takes its relations with it, or does not.
    let to = |label: &'static str| move |it: &mut v1::Annotation| label.clone_into(&mut it.label);
    stage.update(2, &["label"], to("PER")).await.unwrap();
    let refused = stage.update(3, &["label"], to("PER")).await;
    let message = refused.as_ref().unwrap_err().message().to_owned();
    assert!(message.contains(&super::name(5)), "{message}");
    breaks(refused, "ROLE_ARGUMENT", "annotation.label");
    let relabelled = update(3, &["label"], to("PER"));
    let fewer = |it: &mut v1::Annotation| it.target = relation("", &[("who", 1), ("who", 3)]).target;
    let ops = vec![Op::Update(relabelled), Op::Update(update(5, &["relation"], fewer))];
    stage.client.send(commit(ops)).await.unwrap();
    // An article is no place.
    let about_all = |it: &mut v1::Annotation| it.target = of_article("").target;
    let kinds = "mode: closed\nlabels: [{label: PER}, {label: Of, kinds: relation, roles: [{role: x, kinds: spans}]}]";
    let stage = Stage::start(TEXT, kinds).await;
    stage.create(1, span("PER")).await.unwrap();
    stage.create(2, relation("Of", &[("x", 1)])).await.unwrap();
    breaks(stage.update(1, &["article"], about_all).await, "ROLE_ARGUMENT", "annotation.label");
}

#[tokio::test]
async fn a_mention_stands_on_one_span_where_the_schema_says_so() {
    let rules =
        "span_rules: {discontinuous: false}\nlabels: [{label: VERB, span_rules: {discontinuous: true}}]";
    let stage = Stage::start(TEXT, rules).await;
    let two = |label: &str| annotation(label, vec![by_quote("hired"), by_quote("Armonk")]);
    breaks(stage.create(1, two("PER")).await, "DISCONTINUOUS", "annotation.anchor");
    stage.create(1, two("VERB")).await.unwrap();
    breaks(
        stage.update(1, &["label"], |it| it.label = "PER".to_owned()).await,
        "DISCONTINUOUS",
        "annotation.anchor",
    );
}

#[tokio::test]
async fn a_span_covers_nothing_where_the_schema_says_so() {
    let mut stage = Stage::start(TEXT, "labels: [{label: GAP, span_rules: {empty: true}}]").await;
    let gap = |at: u32| annotation("GAP", vec![by_code_points(at, at)]);
    let field = "annotation.anchor.spans[0].code_points";
    let elsewhere = v1::Annotation { label: "PER".to_owned(), ..gap(3) };
    check_refused(stage.create(1, elsewhere).await, "SPAN_EMPTY", field);
    for (n, at) in [(1, 0), (2, 3), (3, 3), (4, 40)] {
        let created = stage.create(n, gap(at)).await.unwrap();
        let span = &spans(&created)[0];
        assert_eq!((span.quote.as_str(), span.code_points), ("", Some(v1::Range { start: at, end: at })));
        assert_eq!(span.utf16, span.code_points);
        assert_eq!(span.utf8.unwrap().end, at + u32::from(at == 40));
    }
    // A quote of nothing is no place.
    check_refused(
        stage.create(9, annotation("GAP", vec![by_quote("")])).await,
        "SPAN_REQUIRED",
        "annotation.anchor.spans[0]",
    );
    stage.create(5, span("PER")).await.unwrap();
    stage.create(6, annotation("ORG", vec![by_quote("IBM")])).await.unwrap();
    stage.restart().await;
    let listed: Vec<_> = stage.list().await.into_iter().map(|it| it.name).collect();
    // In the order of the text; where two begin, the longer first.
    assert_eq!(listed, [6, 1, 2, 3, 5, 4].map(super::name));
    let window = async |start, end| {
        let overlaps = Some(by_utf8(start, end));
        let request = v1::ListAnnotationsRequest { parent: A.to_owned(), overlaps, ..Default::default() };
        let mut found: Vec<_> =
            stage.client.clone().list_all(request).await.into_iter().map(|it| it.name).collect();
        found.sort();
        found
    };
    assert_eq!(window(2, 4).await, [2, 3, 6].map(super::name));
    assert_eq!(window(0, 1).await, [1, 6].map(super::name));
    assert_eq!(window(12, 20).await, [5].map(super::name));
    check_refused(
        stage.update(2, &["label"], |it| it.label = "PER".to_owned()).await,
        "SPAN_EMPTY",
        "annotation.anchor.spans[0]",
    );
    let covering = |it: &mut v1::Annotation| it.target = annotation("", vec![by_utf8(3, 4)]).target;
    stage.update(2, &["anchor"], covering).await.unwrap();
    let emptied = |it: &mut v1::Annotation| it.target = annotation("", vec![by_utf8(4, 4)]).target;
    check_refused(
        stage.update(5, &["anchor"], emptied).await,
        "SPAN_EMPTY",
        "annotation.anchor.spans[0].utf8",
    );
}

#[tokio::test]
async fn a_span_cuts_through_no_character_of_a_reader_where_the_schema_says_so() {
    let stage = Stage::start(TEXT, "span_rules: {grapheme_splits: false}").await;
    let at = TEXT.find("Zoe").unwrap();
    let at = u32::try_from(at).unwrap();
    // The accent is a character of its own, and a reader sees one letter.
    for (start, end) in [(at, at + 3), (at + 3, at + 5), (at + 3, at + 7)] {
        breaks(
            stage.create(1, annotation("PER", vec![by_utf8(start, end)])).await,
            "GRAPHEME_SPLIT",
            "annotation.anchor",
        );
    }
    stage.create(1, annotation("PER", vec![by_utf8(at, at + 5)])).await.unwrap();
    let shorter = |it: &mut v1::Annotation| it.target = annotation("", vec![by_utf8(at, at + 3)]).target;
    breaks(stage.update(1, &["anchor"], shorter).await, "GRAPHEME_SPLIT", "annotation.anchor");
}

#[tokio::test]
async fn an_article_has_one_label_of_a_set_in_a_layer() {
    let sets = "labels: [genre, {label: news, parent: genre}, {label: novel, parent: genre}, {label: crime, parent: novel}, good, bad]
exclusive_sets: [{name: genre, labels: [genre]}, {labels: [good, bad]}]";
    let stage = Stage::start(TEXT, sets).await;
    stage.create(1, of_article("news")).await.unwrap();
    stage.create(2, of_article("good")).await.unwrap();
    for label in ["news", "novel", "crime", "genre"] {
        breaks(stage.create(3, of_article(label)).await, "EXCLUSIVE", "annotation.label");
    }
    breaks(stage.create(3, of_article("bad")).await, "EXCLUSIVE", "annotation.label");
    // Others say something else: in a layer of theirs, or of a span.
    let of_bob = v1::Annotation { layer: "bob".to_owned(), ..of_article("crime") };
    stage.create(3, of_bob).await.unwrap();
    stage.create(4, span("novel")).await.unwrap();
    stage.create(5, of_article("long")).await.unwrap();
    // Changed to it, taken back from having been rejected, and both at once.
    breaks(
        stage.update(5, &["label"], |it| it.label = "novel".to_owned()).await,
        "EXCLUSIVE",
        "annotation.label",
    );
    stage.review(1, v1::State::Rejected).await.unwrap();
    stage.create(6, of_article("crime")).await.unwrap();
    breaks(stage.review(1, v1::State::Suggested).await, "EXCLUSIVE", "annotation.label");
    let ops = vec![
        Op::Update(update(1, &["state"], |it| it.state = v1::State::Accepted.into())),
        Op::Update(update(6, &["state"], |it| it.state = v1::State::Rejected.into())),
    ];
    stage.client.send(commit(ops)).await.unwrap();
    let both = vec![
        Op::Delete(v1::DeleteAnnotationRequest { name: super::name(2), ..Default::default() }),
        Op::Create(create(7, of_article("good"))),
        Op::Create(create(8, of_article("bad"))),
    ];
    breaks(stage.client.send(commit(both)).await, "EXCLUSIVE", "writes[1].create.annotation.label");
    assert_eq!(schema(sets).exclusive_sets, stage.schema().await.exclusive_sets);
}
