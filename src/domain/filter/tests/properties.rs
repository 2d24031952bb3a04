//! What holds of whatever is sent.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const WORDS: [&str; 44] = [
    "label",
    "score",
    "note",
    "state",
    "create_time",
    "attributes",
    "metadata",
    "title",
    "language",
    "labels",
    "layer",
    "anchoring.needs_review",
    "attributes.\"my name\"",
    "derived_from",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    ":",
    "AND",
    "OR",
    "NOT",
    "-",
    "(",
    ")",
    "(",
    ")",
    ",",
    ".",
    "\"PER\"",
    "'a*'",
    "\"\\u00fc\\*\"",
    "*",
    "0.5",
    "true",
    "SUGGESTED",
    "2012-04-21T11:30:00Z",
    "overlaps(",
    "before(",
    "20",
    "é",
    "\"",
];

/// Comparisons and functions that are right, joined in every way.
fn filters() -> impl Strategy<Value = String> {
    let comparisons = select(
        &[
            "label = \"PER\"",
            "label != A*",
            "layer:(a OR b)",
            "score >= 0.5",
            "score < -1e300",
            "note:\"x y\"",
            "note = \"*\"",
            "quote:'\\u0000\\\\'",
            "state = SUGGESTED",
            "attributes.x = 1.50",
            "attributes.\"x y\":true",
            "attributes.'AND' > \"\"",
            "attributes:OR2",
            "anchoring.result:*",
            "create_time <= 2012-04-21T11:30:00.000000001+01:00",
            "derived_from:\"*a\"",
            "text_revision = 9223372036854775808",
            "id != 0*",
        ][..],
    )
    .prop_map(str::to_owned);
    comparisons.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" AND ")),
            vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" OR ")),
            vec(inner.clone(), 2..4).prop_map(|parts| parts.join("\n")),
            inner.clone().prop_map(|part| format!("({part})")),
            inner.clone().prop_map(|part| format!("NOT ({part})")),
            inner.clone().prop_map(|part| format!("-({part})")),
            inner.clone().prop_map(|part| format!("overlaps({part})")),
            (inner, 0..99_u32).prop_map(|(part, distance)| format!("before({part} , {distance} )")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_filter_is_parsed_from_its_text(filter in filters()) {
        if let Ok(parsed) = AnnotationFilter::parse("filter", &filter) {
            let text = parsed.to_string();
            let again = AnnotationFilter::parse("filter", &text);
            prop_assert_eq!(again.as_ref().map_err(ToString::to_string), Ok(&parsed), "{}", &text);
            prop_assert_eq!(again.unwrap().to_string(), text);
        }
    }

    #[test]
    fn nothing_that_is_sent_makes_it_panic(
        words in vec((select(&WORDS[..]), select(&["", " "][..])), 0..24),
        noise in any::<String>(),
    ) {
        let text: String = words.iter().flat_map(|(word, space)| [*word, *space]).collect();
        for text in [&text, &noise, &format!("{text}{noise}")] {
            if let Ok(filter) = AnnotationFilter::parse("filter", text) {
                prop_assert_eq!(AnnotationFilter::parse("filter", &filter.to_string()), Ok(filter));
            }
            if let Ok(filter) = ArticleFilter::parse("filter", text) {
                prop_assert_eq!(ArticleFilter::parse("filter", &filter.to_string()), Ok(filter));
            }
        }
    }

    #[test]
    fn a_string_in_quotes_is_taken_as_it_is(label in any::<String>()) {
        let quoted = label.replace('\\', "\\\\").replace('"', "\\\"").replace('*', "\\*");
        let filter = AnnotationFilter::parse("filter", &format!("label = \"{quoted}\"")).unwrap();
        prop_assert_eq!(filter.required_label(), Some(label.as_str()));
        prop_assert_eq!(AnnotationFilter::parse("filter", &filter.to_string()), Ok(filter));
    }
}
