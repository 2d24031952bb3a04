//! Comparisons of annotations, and what joins them.

use super::*;
use crate::domain::{
    annotations::{AnchoringResult, Annotation, Label, Mention, Target},
    ids::LayerId,
    revisions::Revision,
    spans::Anchor,
};

fn attribute(annotation: &mut Plain, name: &str, value: AttributeValue) {
    annotation.attributes.insert(name.to_owned(), value);
}

/// Four annotations: a person that somebody accepted, a model's organisation, a relation, and a label of the article.
fn annotations() -> Vec<Plain> {
    let mut person = plain(1, "PER", &[(0, 5), (9, 14)]);
    person.quotes = vec!["Clara".to_owned(), "Müll\"er".to_owned()];
    person.note = "sure, 100%".to_owned();
    person.creator = "clara".to_owned();
    attribute(&mut person, "Negation", AttributeValue::Bool(true));
    attribute(&mut person, "count", AttributeValue::Int(9_007_199_254_740_993));
    attribute(&mut person, "my name", AttributeValue::String("5".to_owned()));
    attribute(&mut person, "tags", AttributeValue::StringList(vec!["a".to_owned(), "b*".to_owned()]));
    let mut organisation = plain(2, "PERSON:ORG", &[(20, 26)]);
    organisation.layer = "spacy-3.8".to_owned();
    organisation.quotes = vec!["Huawei".to_owned()];
    organisation.score = Some(0.75);
    organisation.state = State::Suggested;
    organisation.text_revision = 3;
    organisation.create_time = Timestamp(1_335_022_200_000_000);
    organisation.update_time = Timestamp(1_335_022_200_000_001);
    attribute(&mut organisation, "Negation", AttributeValue::Bool(false));
    attribute(&mut organisation, "count", AttributeValue::Double(0.5));
    attribute(&mut organisation, "my name", AttributeValue::String(String::new()));
    organisation.anchoring = Some(Anchoring {
        result: AnchoringResult::Modified,
        similarity: 0.5,
        from_text_revision: 2,
        needs_review: true,
    });
    let mut relation = plain(3, "works_for", &[]);
    relation.target = TargetKind::Relation;
    relation.state = State::Rejected;
    relation.derived_from = vec![article().annotation(id(9))];
    attribute(&mut relation, "count", AttributeValue::String("many".to_owned()));
    vec![person, organisation, relation, plain(4, "news", &[])]
}

fn check(filter: &str, expected: &[u8]) {
    let parsed =
        AnnotationFilter::parse("filter", filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    assert_eq!(passing(&parsed, &annotations()), expected, "{filter}");
    let canonical = parsed.to_string();
    assert_eq!(AnnotationFilter::parse("filter", &canonical), Ok(parsed), "{filter} is {canonical}");
}

#[test]
fn strings_are_compared_whole_or_with_a_star_at_their_ends() {
    check("", &[1, 2, 3, 4]);
    check(" \n\t", &[1, 2, 3, 4]);
    check("label = \"PER\"", &[1]);
    check("label='PER'", &[1]);
    check("label = PER", &[1]);
    check("\"label\" = PER", &[1]);
    check("label:PER", &[1]);
    check("label != PER", &[2, 3, 4]);
    check("label = per", &[]);
    check("label = PERSON:ORG", &[2]);
    check("label = PER*", &[1, 2]);
    check("label = \"*R*\"", &[1, 2]);
    check("label = *s", &[4]);
    check("label = *", &[1, 2, 3, 4]);
    check("label:\"PER\\*\"", &[]);
    check("label > \"PERSON\"", &[2, 3, 4]);
    check("label <= \"PER\"", &[1]);
    check("layer = spacy-3.8", &[2]);
    check("creator = clara", &[1]);
    check("creator = \"\"", &[2, 3, 4]);
    check("creator:*", &[1]);
    check("creator != *", &[2, 3, 4]);
    check("creator < \"z\"", &[1]);
}

#[test]
fn a_colon_looks_into_what_people_write() {
    check("note:\"100\"", &[1]);
    check("note:sure*", &[1]);
    check("note:100*", &[]);
    check("note = sure", &[]);
    check("note:*", &[1]);
    check("-note:*", &[2, 3, 4]);
    check("quote:Clara", &[1]);
    check("quote = \"Clara Müll\\\"er\"", &[1]);
    check("quote = 'Clara M\\u00fcll\"er'", &[1]);
    check("quote:(Clara AND ller)", &[]);
    check("quote:(Clara AND er)", &[1]);
    check("quote:*", &[1, 2]);
    check("quote = \"\"", &[]);
    check("quote > H", &[2]);
}

#[test]
fn names_of_the_api_are_compared_whole() {
    check("state = SUGGESTED", &[2]);
    check("state = STATE_SUGGESTED", &[2]);
    check("state:\"REJECTED\"", &[3]);
    check("state != ACCEPTED", &[2, 3]);
    check("state = (SUGGESTED OR REJECTED)", &[2, 3]);
    check("target = anchor", &[1, 2]);
    check("target = relation", &[3]);
    check("target = article", &[4]);
    check("anchoring:*", &[2]);
    check("anchoring.result = MODIFIED", &[2]);
    check("anchoring.result != MODIFIED", &[1, 3, 4]);
    check("anchoring.needs_review = true", &[2]);
    check("anchoring.needs_review = false", &[]);
    check("anchoring.similarity < 0.9 anchoring.from_text_revision = 2", &[2]);
    check("id = \"00000000-0000-4000-8000-000000000002\"", &[2]);
    check("id = *2", &[2]);
    check("name = projects/p/articles/a/annotations/00000000-0000-4000-8000-000000000002", &[2]);
    check("name = \"projects/p/articles/b/*\"", &[]);
    check("derived_from:*", &[3]);
    check("derived_from:\"projects/p/*\"", &[3]);
    check("derived_from:projects/p/articles/a/annotations/00000000-0000-4000-8000-000000000009", &[3]);
    check("derived_from:projects/p/articles/a/annotations/00000000-0000-4000-8000-000000000001", &[]);
}

#[test]
fn what_is_absent_is_in_no_order() {
    check("score > 0.5", &[2]);
    check("score >= 0.75", &[2]);
    check("score <= 7.5e-1", &[2]);
    check("score < 1", &[2]);
    check("score > -0.5", &[2]);
    check("score = 0.75", &[2]);
    check("score != 0.75", &[1, 3, 4]);
    check("NOT score > 0.5", &[1, 3, 4]);
    check("score:*", &[2]);
    check("text_revision > 1", &[2]);
    check("text_revision = (1 OR 3)", &[1, 2, 3, 4]);
}

#[test]
fn times_are_compared_to_their_last_digit() {
    check("create_time = 2012-04-21T11:30:00-04:00", &[2]);
    check("create_time = \"2012-04-21T15:30:00Z\"", &[2]);
    check("create_time < 2012-04-21T15:30:00Z", &[1, 3, 4]);
    check("update_time > 2012-04-21T15:30:00.0000009Z", &[2]);
    check("update_time > 2012-04-21T15:30:00.0000011Z", &[]);
}

#[test]
fn attributes_are_compared_as_what_they_are() {
    check("attributes.Negation = true", &[1]);
    check("attributes.Negation = false", &[2]);
    check("attributes.Negation = \"true\"", &[]);
    check("attributes.Negation != true", &[2, 3, 4]);
    check("attributes.Negation:*", &[1, 2]);
    check("attributes.Negation = *", &[1, 2]);
    check("attributes:Negation", &[1, 2]);
    check("attributes:\"my name\"", &[1, 2]);
    check("attributes.\"my name\" = 5", &[1]);
    check("attributes.'my name' = '5'", &[1]);
    check("attributes.\"my name\" > 4", &[]);
    check("attributes.\"my name\" > \"4\"", &[1]);
    check("attributes.\"my name\":*", &[1, 2]);
    check("attributes.\"my name\" = \"\"", &[2]);
    check("attributes.count = 9007199254740993", &[1]);
    check("attributes.count = 9007199254740992", &[]);
    check("attributes.count > 9007199254740992.0", &[1]);
    check("attributes.count = 0.50", &[2]);
    check("attributes.count < 1e3", &[2]);
    check("attributes.count = m*", &[3]);
    check("attributes.count = (many OR 0.5)", &[2, 3]);
    check("attributes.tags:a", &[1]);
    check("attributes.tags = a", &[]);
    check("attributes.tags:\"b\\*\"", &[1]);
    check("attributes.tags:b*", &[1]);
    check("attributes.tags:c", &[]);
    check("attributes.NOT:*", &[]);
}

#[test]
fn or_binds_tighter_than_and() {
    check("label = PER AND score:* OR label = news", &[]);
    check("label = news OR label = PER AND target = anchor", &[1]);
    check("(label = news OR label = PER) AND target = anchor", &[1]);
    check("label = news OR (label = PER AND target = anchor)", &[1, 4]);
    check("target = anchor label = PER", &[1]);
    check("target = anchor AND label = PER OR label = news state = ACCEPTED", &[1]);
    check("NOT label = PER AND target = anchor", &[2]);
    check("NOT (label = PER OR target = anchor)", &[3, 4]);
    check("-label = PER", &[2, 3, 4]);
    check("-(label = PER)", &[2, 3, 4]);
    check("NOT(NOT (label = PER))", &[1]);
    check("label = (PER OR news)", &[1, 4]);
    check("label = ((PER OR news) AND P*)", &[1]);
    check("label = (PER)", &[1]);
}

#[test]
fn what_means_the_same_by_its_form_has_one_text() {
    let check = |filter: &str, expected: &str| {
        assert_eq!(AnnotationFilter::parse("filter", filter).unwrap().to_string(), expected, "{filter}");
    };
    check("", "");
    check("label:'PER'", "label = \"PER\"");
    check("((label=PER))", "label = \"PER\"");
    check("label != PER", "NOT label = \"PER\"");
    check(
        "a:b".replace("a:b", "label=A layer=b OR state=ACCEPTED").as_str(),
        "label = \"A\" AND (layer = \"b\" OR state = ACCEPTED)",
    );
    check("label = A AND (label = B AND (label = C))", "label = \"A\" AND label = \"B\" AND label = \"C\"");
    check("label = (A OR B) OR label = C", "label = \"A\" OR label = \"B\" OR label = \"C\"");
    check("- (label = A OR NOT state = ACCEPTED)", "NOT (label = \"A\" OR NOT state = ACCEPTED)");
    check("note:a", "note = \"*a*\"");
    check("label = \"\\u0007\\\"\\\\\\*\"", "label = \"\\u0007\\\"\\\\\\*\"");
    check("score >= .50".replace(" .", " 0.").as_str(), "score >= 0.5");
    check("create_time>2012-04-21T11:30:00.120-04:00", "create_time > \"2012-04-21T15:30:00.12Z\"");
    check("attributes:x", "attributes.x:*");
    check("attributes.\"x\" = 1.0", "attributes.x = 1.0");
    check("attributes.\"x.y\" = \"1.0\"", "attributes.\"x.y\" = \"1.0\"");
    check("derived_from:'projects/*'", "derived_from:\"projects/*\"");
    check("before( label=A  ,20 )", "before(label = \"A\", 20)");
    check("overlaps(*) cooccurs(NOT within(*))", "overlaps(*) AND cooccurs(NOT within(*))");
}

#[test]
fn what_all_need_that_pass_is_known() {
    let check = |filter: &str, layer: Option<&str>, label: Option<&str>| {
        let filter = AnnotationFilter::parse("filter", filter).unwrap();
        assert_eq!((filter.required_layer(), filter.required_label()), (layer, label), "{filter}");
    };
    check("", None, None);
    check("layer = gold", Some("gold"), None);
    check("layer:gold label = PER score > 0.5", Some("gold"), Some("PER"));
    check("score > 0.5 AND (state = ACCEPTED AND label = PER)", None, Some("PER"));
    check("label = PER*", None, None);
    check("label != PER", None, None);
    check("NOT label = PER", None, None);
    check("label = PER OR layer = gold", None, None);
    check("overlaps(label = PER)", None, None);
    let filter = AnnotationFilter::parse("filter", "overlaps(label = PER AND within(layer = gold))").unwrap();
    let queries: Vec<_> =
        filter.inner_queries().map(|query| (query.required_layer(), query.required_label())).collect();
    assert_eq!(queries, [(Some("gold"), None), (None, Some("PER"))]);
}

#[test]
fn functions_are_answered_from_the_innermost_on() {
    let check = |filter: &str, expected: &[&[usize]]| {
        assert_eq!(AnnotationFilter::parse("filter", filter).unwrap().rounds(), expected, "{filter}");
    };
    check("label = PER", &[]);
    check("overlaps(label = PER)", &[&[0]]);
    check("overlaps(*) AND before(*, 5)", &[&[0]]);
    check("overlaps(label = PER) OR NOT after(label = ORG)", &[&[0, 1]]);
    check("overlaps(label = PER AND within(layer = gold))", &[&[0], &[1]]);
    check("equals(label = A AND within(label = B)) within(label = C)", &[&[0, 2], &[1]]);
    check("equals(label = A AND within(label = B)) within(label = B)", &[&[0], &[1]]);
    check("equals(within(overlaps(contains(label = A)))) AND after(label = B)", &[&[0, 4], &[1], &[2], &[3]]);
    let tests = |filter| AnnotationFilter::parse("filter", filter).unwrap().tests();
    assert_eq!(
        [tests(""), tests("label = (A OR B) -note:x"), tests("overlaps(label = A AND score > 0)")],
        [0, 3, 1]
    );
}

#[test]
fn what_lost_its_place_has_a_quote_and_no_place() {
    let orphaned = |result| {
        let anchoring = Anchoring { result, similarity: 0.0, from_text_revision: 1, needs_review: true };
        let mention = Mention {
            anchor: Anchor::from_ranges(vec![range((0, 5))]).unwrap(),
            quotes: vec!["Hugo".to_owned()],
            splits_graphemes: false,
        };
        Annotation {
            id: id(1),
            layer: LayerId::parse("", "gold").unwrap(),
            label: Label::parse("", "PER").unwrap(),
            target: Target::Spans(mention),
            attributes: Attributes::new(),
            note: String::new(),
            score: None,
            state: State::Accepted,
            anchoring: Some(anchoring),
            derived_from: Vec::new(),
            text_revision: 1,
            revision: Revision(1),
            create_time: Timestamp(0),
            update_time: Timestamp(0),
        }
    };
    let check = |result, filter: &str, expected: bool| {
        let filter = AnnotationFilter::parse("filter", filter).unwrap();
        let (annotation, mut sets) = (orphaned(result), SpanSets::default());
        sets.put(0, SpanSet::new([(id(2), &[range((0, 5))][..])]));
        assert_eq!(filter.passes(&article(), &annotation, &sets), expected, "{filter} of {result:?}");
    };
    for result in [AnchoringResult::Moved, AnchoringResult::Orphaned] {
        check(result, "quote = Hugo AND target = anchor AND layer = gold AND -creator:*", true);
        check(result, "cooccurs(*)", true);
    }
    check(AnchoringResult::Moved, "equals(*)", true);
    check(AnchoringResult::Orphaned, "equals(*)", false);
    check(AnchoringResult::Orphaned, "anchoring.result = ORPHANED", true);
}
