//! What a filter that is none is answered with.

use super::*;
use crate::limits;

fn check(filter: &str, expected: &str) {
    let error = AnnotationFilter::parse("filter", filter).unwrap_err();
    assert_eq!(error.to_string(), format!("filter: {expected}"), "{filter}");
}

fn check_of_articles(filter: &str, expected: &str) {
    let error = ArticleFilter::parse("filter", filter).unwrap_err();
    assert_eq!(error.to_string(), format!("filter: {expected}"), "{filter}");
}

const FIELDS: &str = "the fields are id, name, layer, label, state, creator, score, note, quote, target, \
     attributes.NAME, derived_from, text_revision, create_time, update_time, anchoring and anchoring.result, \
     .similarity, .from_text_revision and .needs_review";

#[test]
fn the_place_is_counted_in_code_points_from_1() {
    check("label = 😀 größe = 1", &format!("column 11: größe is no field of an annotation; {FIELDS}"));
    check("label = A\n  colour = red", &format!("column 13: colour is no field of an annotation; {FIELDS}"));
}

#[test]
fn what_is_missing_is_named() {
    check("label", "column 1: label stands alone; it is compared by = != < <= > >= :, as in label = \"PER\"");
    check("anchoring", "column 1: anchoring stands alone; it is compared by :, as in anchoring:*");
    check(
        "anchoring.needs_review",
        "column 1: anchoring.needs_review stands alone; it is compared by = != :, as in anchoring.needs_review \
         = true",
    );
    let fields = FIELDS.replacen('t', "T", 1);
    let alone = |column, word: &str| {
        format!(
            "column {column}: {word} stands alone; say which field is compared with it, as in label = \"PER\". \
             {fields}"
        )
    };
    check("PER", &alone(1, "PER"));
    check("label = New York", &alone(13, "York"));
    check("label = ", "column 9: the filter ends where a value is needed after =, as in label = \"PER\"");
    check("label = ()", "column 10: ')' stands where a value is needed after =, as in label = \"PER\"");
    for (filter, column, after) in [
        ("label = A AND", 14, "after AND"),
        ("NOT", 4, "after NOT"),
        ("-", 2, "after -"),
        ("(", 2, "at the beginning"),
    ] {
        let expected = format!(
            "column {column}: the filter ends where a comparison is needed {after}, such as label = \"PER\""
        );
        check(filter, &expected);
    }
    check("(label = A", "column 1: this ( is not closed; a ) is missing");
    check("label = (A", "column 9: this ( is not closed; a ) is missing");
    check("label = \"A", "column 9: the string that begins here does not end; it needs another \"");
}

#[test]
fn what_is_too_much_is_named() {
    check("label = A)", "column 10: this ) closes no parenthesis");
    check("label = A, B", "column 10: a comma separates the arguments of a function only");
    check("label = (A, B)", "column 11: write OR between values, not a comma");
    check("label = (A B)", "column 12: write OR or AND between values in parentheses");
    check(
        "label != (A OR B)",
        "column 10: != takes one value, since != each of several is hardly meant; write NOT label = (...)",
    );
    check("--label = A", "column 2: two negations in a row; leave both out");
    check("AND label = A", "column 1: AND stands where a comparison should, such as label = \"PER\"");
    check("label = OR", "column 9: OR stands where a value should; put it in quotes if it is one");
}

#[test]
fn signs_of_other_languages_are_translated() {
    check("label == A", "column 7: == is written =, as in label = \"PER\"");
    check("label = A && score > 1", "column 11: && is written AND");
    check("label = A or score > 1", "column 11: or is written OR");
    check("not label = A", "column 1: not is written NOT");
    check(
        "!label = A",
        "column 1: '!' stands where a comparison is needed at the beginning, such as label = \"PER\"",
    );
    check(
        "label = A; score > 1",
        "column 10: ; cannot stand in a bare word; put the value in quotes, as in \"A;\"",
    );
    check(
        "label = l'eau",
        "column 10: ' cannot stand in a bare word; put the value in quotes, as in \"l'eau\"",
    );
    check(
        "0.5 < score",
        "column 1: 0.5 stands before <; the field goes there and the value behind, as in label = \"PER\"",
    );
}

#[test]
fn values_are_of_the_kind_of_their_field() {
    check("score = high", "column 9: score is compared with a number, as in score >= 0.5; \"high\" is none");
    check(
        "state = DONE",
        "column 9: state is compared with one of SUGGESTED, ACCEPTED, REJECTED, as in state = SUGGESTED; \
         \"DONE\" is none",
    );
    check(
        "state < ACCEPTED",
        "column 7: state is not compared by <, only by = != :, as in state = SUGGESTED",
    );
    check(
        "create_time > 2024",
        "column 15: create_time is compared with a time as RFC 3339 has it, as in create_time > \
         \"2026-01-31T00:00:00Z\"; \"2024\" is none",
    );
    check(
        "id = 5",
        "column 6: id is compared with a UUID in lower case, or a part of one with a *, as in id = \
         \"0190163d-8694-739b-aea5-966c26f8ad91\"; \"5\" is none",
    );
    check(
        "derived_from = x",
        "column 14: derived_from is not compared by =, only by :, as in derived_from:\"projects/p/articles/a/*\"",
    );
    check("attributes.x > true", "column 16: true has no order; compare it with =");
    check(
        "label = P*R",
        "column 9: \"P*R\" has a * inside; a * stands for anything at the beginning or the end of a value, and \
         \\* in quotes for the character itself",
    );
    check(
        "label > P*",
        "column 10: the * in \"P*\" stands for anything, which nothing is after; write \\* in quotes for the \
         character itself",
    );
    check(
        "label = \"a\\q\"",
        "column 11: \\q is no escape; the escapes are \\\\ \\\" \\' \\* \\n \\r \\t and \\u with four \
         hexadecimal digits, and a backslash is written \\\\",
    );
}

#[test]
fn maps_are_asked_for_their_entries() {
    let map = "attributes is a map: compare an entry, as in attributes.key = \"value\", or ask for one, as in \
               attributes:key";
    check("attributes = 1", &format!("column 1: {map}"));
    check("attributes", &format!("column 1: {map}"));
    check(
        "attributes:*",
        "column 12: attributes: is followed by the name of an entry, as in attributes:\"name\", which asks \
         whether it is there",
    );
    check("attributes. = 1", "column 12: a . is followed by the name of a field or an entry");
    check(
        "attributes.a.b = 1",
        "column 1: attributes.a.b has too many dots; a name with a dot in it goes in quotes, as in \
         attributes.\"a.b\"",
    );
}

#[test]
fn functions_have_their_arguments() {
    check(
        "overlap(label = A)",
        "column 1: overlap is no function; the functions are overlaps, contains, within, equals, before, after, \
         cooccurs, as in overlaps(label = \"PER\")",
    );
    check(
        "overlaps",
        "column 1: overlaps is followed by its argument in parentheses, as in overlaps(label = \"PER\")",
    );
    check(
        "before(, 5)",
        "column 8: before needs to know which annotations: a filter, as in before(label = \"PER\"), or \
         before(*) for any",
    );
    check(
        "overlaps(*, 5)",
        "column 11: overlaps takes one argument; before, after and cooccurs take a distance",
    );
    check(
        "before(*, -5)",
        "column 11: before takes a distance in code points, a whole number from 0 on, as in before(label = \
         \"PER\", 20); \"-5\" is none",
    );
    check("before(*, 5, 6)", "column 12: a comma separates the arguments of a function only");
    check(
        "within(*) = true",
        "column 1: within is true or not; it is compared with nothing, only negated by NOT",
    );
}

#[test]
fn filters_of_articles_have_their_own_fields() {
    check_of_articles(
        "label = A",
        "column 1: label is no field of an article; the fields are id, name, title, language, source_uri, \
         metadata.KEY, text_revision, length, create_time, update_time, labels and layers",
    );
    check_of_articles(
        "labels = A",
        "column 8: labels is not compared by =, only by :, as in labels:\"gold\"",
    );
    check_of_articles(
        "labels:A*",
        "column 8: labels is compared with a whole string without *, as in labels:\"gold\"; \"A*\" is none",
    );
    check_of_articles(
        "overlaps(labels:A)",
        "column 1: overlaps is no function: filters of articles have none; labels:\"PER\" asks for an article \
         with such an annotation",
    );
}

#[test]
fn limits_are_named() {
    let many = |count| vec!["score:*"; count].join(" ");
    assert!(AnnotationFilter::parse("filter", &many(limits::FILTER_RESTRICTIONS_MAX)).is_ok());
    check(&many(257), "the filter has 257 comparisons; at most 256 are allowed");
    check(
        &format!("label = ({}A)", "A OR ".repeat(256)),
        "the filter has 257 comparisons; at most 256 are allowed",
    );
    let deep = |depth| format!("{}score:*{}", "(".repeat(depth), ")".repeat(depth));
    assert!(AnnotationFilter::parse("filter", &deep(limits::FILTER_DEPTH_MAX)).is_ok());
    check(&deep(33), "the filter has 33 parentheses in each other; at most 32 are allowed");
    let nested = |depth| format!("{}*{}", "within(".repeat(depth), ")".repeat(depth));
    assert!(AnnotationFilter::parse("filter", &nested(limits::FILTER_FUNCTION_DEPTH_MAX)).is_ok());
    check(&nested(5), "the filter has 5 functions in each other; at most 4 are allowed");
    let different = |count| {
        (0..count).map(|number: usize| format!("within(label = L{number})")).collect::<Vec<_>>().join(" ")
    };
    let most = different(limits::FILTER_FUNCTION_ARGUMENTS_MAX);
    assert!(AnnotationFilter::parse("filter", &format!("{most} {most}")).is_ok());
    check(&different(9), "the filter has 9 different arguments of functions; at most 8 are allowed");
    let long = format!("label = \"{}\"", "x".repeat(limits::FILTER_BYTES_MAX));
    check(&long, "the filter has 8202 bytes; at most 8192 are allowed");
}

#[test]
fn the_lists_of_fields_name_all_of_them() {
    // What is listed is known, by the list's own words.
    let listed = FIELDS.trim_start_matches("the fields are ").replace(" and ", ", ");
    let known = |field: &str| AnnotationFilter::parse("filter", &format!("{field}:*")).is_ok();
    let mut fields = 0;
    for name in listed.split(", ") {
        let name = if name.starts_with('.') { format!("anchoring{name}") } else { name.to_owned() };
        assert!(known(&name), "{name}");
        fields += 1;
    }
    assert_eq!(fields, 20);
}

#[test]
fn messages_stay_short_whatever_is_sent() {
    let long = "é".repeat(4_000);
    for filter in [
        "L",
        "L = 1",
        "L(*)",
        "\"L\"",
        "attributes.L",
        "attributes.L.L = 1",
        "attributes.L > true",
        "attributes.L < *",
        "attributes.L !! 1",
        "label = L'",
        "label = L*L",
        "score = L",
        "state = \"L\"",
        "overlaps(*, L)",
        "before(*, L)",
        "L.L.L:1",
    ] {
        let filter = filter.replacen('L', &long, 1).replace('L', "x");
        let message = AnnotationFilter::parse("filter", &filter).unwrap_err().to_string();
        assert!(message.len() < 1_024, "{message}");
        let message = ArticleFilter::parse("filter", &filter).unwrap_err().to_string();
        assert!(message.len() < 1_024, "{message}");
    }
}
