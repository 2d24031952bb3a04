//! What a span request means, as tables; then the same held against a walk over the characters.

#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]
#![allow(clippy::needless_pass_by_value, reason = "a table's row reads best without references")]

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::domain::oracle::{boundaries, occurrences, slices, texts};

/// 22 bytes, 17 UTF-16 code units, 16 code points. The first Müll is at 4, 3 and 3, the emoji at 9, 7 and 7, "in" at
/// 14, 10 and 9, the second Müll at 17, 13 and 12.
const TEXT: &str = "Zé Müll😀 in Müll";

fn utf8(start: u32, end: u32) -> SpanRequest {
    SpanRequest { utf8: Some(Utf8Range { start, end }), ..SpanRequest::default() }
}

fn utf16(start: u32, end: u32) -> SpanRequest {
    SpanRequest { utf16: Some(Utf16Range { start, end }), ..SpanRequest::default() }
}

fn code_points(start: u32, end: u32) -> SpanRequest {
    SpanRequest { code_points: Some(CodePointRange { start, end }), ..SpanRequest::default() }
}

fn quote(quote: &str) -> SpanRequest {
    SpanRequest { quote: quote.to_owned(), ..SpanRequest::default() }
}

impl SpanRequest {
    fn quoting(self, quote: &str) -> Self {
        Self { quote: quote.to_owned(), ..self }
    }

    fn between(self, prefix: &str, suffix: &str) -> Self {
        Self { prefix: prefix.to_owned(), suffix: suffix.to_owned(), ..self }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            utf8: self.utf8.or(other.utf8),
            utf16: self.utf16.or(other.utf16),
            code_points: self.code_points.or(other.code_points),
            ..self
        }
    }
}

/// `expected` is where the span starts in bytes and what it covers, or the refusal with its field.
fn check(text: &str, request: SpanRequest, expected: Result<(u32, &str), &str>) {
    let got = resolve(&Text::new(text), &request, Empty::Refused);
    let got = got
        .as_ref()
        .map(|range| (range.start.utf8, &text[to_index(range.start.utf8)..to_index(range.end.utf8)]));
    assert_eq!(got.map_err(ToString::to_string), expected.map_err(str::to_owned), "{request:?} in {text:?}");
}

#[test]
fn one_range_in_any_unit_is_a_place() {
    check(TEXT, utf8(4, 9), Ok((4, "Müll")));
    check(TEXT, utf16(3, 7), Ok((4, "Müll")));
    check(TEXT, code_points(3, 7), Ok((4, "Müll")));
    check(TEXT, utf16(7, 9), Ok((9, "😀")));
    check(TEXT, code_points(7, 8), Ok((9, "😀")));
    check(TEXT, utf8(0, 22), Ok((0, TEXT)));
    check(TEXT, utf16(0, 17), Ok((0, TEXT)));
    check(TEXT, code_points(0, 16), Ok((0, TEXT)));
}

#[test]
fn several_ranges_agree() {
    check(TEXT, utf8(9, 13).and(&utf16(7, 9)).and(&code_points(7, 8)), Ok((9, "😀")));
    check(TEXT, utf16(7, 9).and(&code_points(7, 8)), Ok((9, "😀")));
    let disagreement =
        "code_points: the range in utf16 is [7, 9), which in code_points is [7, 8), not [7, 9)";
    check(TEXT, utf16(7, 9).and(&code_points(7, 9)), Err(disagreement));
    let disagreement = "utf16: the range in utf8 is [4, 9), which in utf16 is [3, 7), not [4, 9)";
    check(TEXT, utf8(4, 9).and(&utf16(4, 9)).and(&code_points(3, 7)), Err(disagreement));
    check(
        TEXT,
        utf8(4, 9).and(&utf16(3, 99)),
        Err("utf16.end: [3, 99) in utf16 ends past the end of the text: start <= end <= 17 is right"),
    );
}

#[test]
fn a_range_is_within_the_text() {
    let wrong =
        |field, range, wrong, length| format!("{field}: {range} {wrong}: start <= end <= {length} is right");
    check(TEXT, utf8(4, 23), Err(&wrong("utf8.end", "[4, 23) in utf8", "ends past the end of the text", 22)));
    check(
        TEXT,
        utf16(18, 19),
        Err(&wrong("utf16.start", "[18, 19) in utf16", "starts past the end of the text", 17)),
    );
    check(
        TEXT,
        utf16(18, 2),
        Err(&wrong("utf16.start", "[18, 2) in utf16", "starts past the end of the text", 17)),
    );
    check(
        TEXT,
        code_points(7, 3),
        Err(&wrong("code_points.end", "[7, 3) in code_points", "ends before it starts", 16)),
    );
    let past =
        format!("utf8.start: offset {0} in utf8 is past the end of the text, whose length is 22", u32::MAX);
    check(TEXT, utf8(u32::MAX, u32::MAX), Err(&past));
}

#[test]
fn a_range_does_not_cut_a_character() {
    let inside = |field, offset, unit, floor, ceiling| {
        format!(
            "{field}: offset {offset} in {unit} is inside a character; the boundaries around it are {floor} and {ceiling}"
        )
    };
    check(TEXT, utf8(2, 4), Err(&inside("utf8.start", 2, "utf8", 1, 3)));
    check(TEXT, utf8(1, 12), Err(&inside("utf8.end", 12, "utf8", 9, 13)));
    check(TEXT, utf16(8, 9), Err(&inside("utf16.start", 8, "utf16", 7, 9)));
    check(TEXT, utf16(0, 8), Err(&inside("utf16.end", 8, "utf16", 7, 9)));
}

#[test]
fn a_span_is_something() {
    check(
        TEXT,
        SpanRequest::default(),
        Err("a span needs a range (utf8, utf16 or code_points), a quote, or both"),
    );
    let empty = "the range is empty; a span covers at least one character";
    check(TEXT, utf16(3, 3), Err(&format!("utf16: {empty}")));
    check(TEXT, utf8(0, 0).quoting("Zé"), Err(&format!("utf8: {empty}")));
    check("", code_points(0, 0), Err(&format!("code_points: {empty}")));
}

#[test]
fn a_quote_with_a_range_is_what_it_covers() {
    check(TEXT, utf8(4, 9).quoting("Müll"), Ok((4, "Müll")));
    check(TEXT, utf8(17, 22).and(&code_points(12, 16)).quoting("Müll"), Ok((17, "Müll")));
    check(TEXT, utf8(4, 9).quoting("müll"), Err("quote: the range covers \"Müll\", not the quote"));
    // The same letters, but composed otherwise.
    check(TEXT, utf8(4, 9).quoting("Mu\u{308}ll"), Err("quote: the range covers \"Müll\", not the quote"));
    let long = "x".repeat(81);
    let shown = format!("quote: the range covers \"{}…\", not the quote", "x".repeat(80));
    check(&long, utf8(0, 81).quoting("y"), Err(&shown));
}

#[test]
fn a_quote_tells_when_a_range_fits_it_in_another_unit() {
    let fits = |covered: &str, fits, sent| {
        format!(
            "quote: the range covers {covered:?}, not the quote; this range fits the quote in {fits}, you sent {sent}"
        )
    };
    check(TEXT, code_points(10, 12).quoting("in"), Err(&fits("n ", "utf16", "code_points")));
    check(TEXT, code_points(4, 9).quoting("Müll"), Err(&fits("üll😀 ", "utf8", "code_points")));
    check(TEXT, utf16(12, 16).quoting("Müll"), Err(&fits(" Mül", "code_points", "utf16")));
    check(TEXT, utf16(9, 11).quoting("in"), Err(&fits(" i", "code_points", "utf16")));
}

#[test]
fn a_quote_tells_so_even_when_the_range_is_none_in_the_unit_that_was_sent() {
    let fits = |fits, sent| {
        format!(
            "quote: the range is none of the text in {sent}; this range fits the quote in {fits}, you sent {sent}"
        )
    };
    // Past the end, and inside a character.
    check(TEXT, code_points(17, 22).quoting("Müll"), Err(&fits("utf8", "code_points")));
    check(TEXT, code_points(13, 17).quoting("Müll"), Err(&fits("utf16", "code_points")));
    check(TEXT, utf8(9, 11).quoting("in"), Err(&fits("code_points", "utf8")));
    check(
        TEXT,
        utf8(7, 8).and(&utf16(7, 9)).quoting("l"),
        Err("utf16: the range in utf8 is [7, 8), which in utf16 is [5, 6), not [7, 9)"),
    );
    // Where no unit fits, the range itself is what is wrong.
    check(
        TEXT,
        utf8(17, 23).quoting("Mull"),
        Err("utf8.end: [17, 23) in utf8 ends past the end of the text: start <= end <= 22 is right"),
    );
    check(
        TEXT,
        utf8(10, 13).quoting("x"),
        Err("utf8.start: offset 10 in utf8 is inside a character; the boundaries around it are 9 and 13"),
    );
}

#[test]
fn a_quote_alone_stands_once() {
    check(TEXT, quote("Zé"), Ok((0, "Zé")));
    check(TEXT, quote("l😀"), Ok((8, "l😀")));
    check(TEXT, quote(TEXT), Ok((0, TEXT)));
    check(TEXT, quote("zé"), Err("quote: the quote does not stand in the text"));
    check("", quote("x"), Err("quote: the quote does not stand in the text"));
    let ambiguous = |count| {
        format!(
            "quote: the quote stands {count} times in the text; send a range, or a longer prefix or suffix, to say which one"
        )
    };
    check(TEXT, quote("Müll"), Err(&ambiguous(2)));
    check("aaa", quote("aa"), Err(&ambiguous(2)));
}

#[test]
fn a_prefix_and_a_suffix_tell_equal_quotes_apart() {
    check(TEXT, quote("Müll").between("Zé ", ""), Ok((4, "Müll")));
    check(TEXT, quote("Müll").between("", "😀"), Ok((4, "Müll")));
    check(TEXT, quote("Müll").between("in ", ""), Ok((17, "Müll")));
    check("aaa", quote("aa").between("a", ""), Ok((1, "aa")));
    check("ab ab ab", quote("ab").between(" ", " "), Ok((3, "ab")));
    check(
        "ab ab ab",
        quote("ab").between(" ", ""),
        Err(
            "quote: the quote stands 2 times in the text; send a range, or a longer prefix or suffix, to say which one",
        ),
    );
    let not_there = |times| {
        format!(
            "quote: the quote does not stand in the text with this prefix and suffix; without them it stands there {times}"
        )
    };
    check(TEXT, quote("Müll").between("x", ""), Err(&not_there("2 times")));
    check(TEXT, quote("Zé").between("", "Müll"), Err(&not_there("once")));
    check(TEXT, quote("x").between("", "y"), Err("quote: the quote does not stand in the text"));
}

#[test]
fn a_prefix_and_a_suffix_hold_with_a_range_too() {
    check(TEXT, utf16(3, 7).quoting("Müll").between("é ", "😀 in"), Ok((4, "Müll")));
    let wrong = r#"prefix: "in " does not stand right before the range; "Zé " does"#;
    check(TEXT, utf16(3, 7).quoting("Müll").between("in ", "😀"), Err(wrong));
    let wrong = r#"prefix: "more than there is" does not stand right before the range; "" does"#;
    check(TEXT, utf8(0, 3).quoting("Zé").between("more than there is", ""), Err(wrong));
    let wrong = r#"suffix: "😀!" does not stand right after the range; "😀 " does"#;
    check(TEXT, code_points(3, 7).quoting("Müll").between("é ", "😀!"), Err(wrong));
}

#[test]
fn a_prefix_and_a_suffix_belong_to_a_quote_and_are_short() {
    let alone = |field| format!("{field}: a {field} is what stands around a quote; send the quote too");
    check(TEXT, SpanRequest::default().between("Zé", ""), Err(&alone("prefix")));
    check(TEXT, utf8(4, 9).between("", "😀"), Err(&alone("suffix")));
    check(&"x".repeat(1_025), quote("x").between(&"x".repeat(1_024), ""), Ok((1_024, "x")));
    let long = |field| format!("{field}: the {field} has 1025 bytes; at most 1024 are allowed");
    check(TEXT, quote("x").between(&"x".repeat(1_025), ""), Err(&long("prefix")));
    check(TEXT, quote("x").between("", &"x".repeat(1_025)), Err(&long("suffix")));
}

#[test]
fn an_ambiguous_quote_counts_every_place_and_names_the_first() {
    let text = Text::new("é\n".repeat(100));
    let error = resolve(&text, &quote("é"), Empty::Refused).unwrap_err();
    assert_eq!(error.field, "quote");
    let Problem::QuoteAmbiguous { count, starts } = error.problem else { panic!("{error}") };
    assert_eq!((count, starts.len()), (100, ERROR_POSITIONS_MAX));
    assert_eq!(starts[15], Position { utf8: 45, utf16: 30, code_points: 30 });

    // Its own start, not the prefix's.
    let error = resolve(&text, &quote("é").between("\n", ""), Empty::Refused).unwrap_err();
    let Problem::QuoteAmbiguous { count, starts } = error.problem else { panic!("{error}") };
    assert_eq!((count, starts[0].utf8), (99, 3));
}

/// `expected` is [start, end) of the window in bytes, or the refusal with its field.
fn check_window(request: SpanRequest, expected: Result<[u32; 2], &str>) {
    let got = resolve_window(&Text::new(TEXT), &request).map(|range| [range.start.utf8, range.end.utf8]);
    assert_eq!(got.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{request:?}");
}

#[test]
fn a_window_is_one_range_alone_and_may_be_empty() {
    check_window(utf8(4, 9), Ok([4, 9]));
    check_window(utf16(7, 9), Ok([9, 13]));
    check_window(code_points(16, 16), Ok([22, 22]));
    check_window(SpanRequest::default(), Err("a window needs one range: utf8, utf16 or code_points"));
    let second = "code_points: a window is one range alone; utf16 was sent too";
    check_window(utf16(3, 7).and(&code_points(3, 7)), Err(second));
    let more = |field| format!("{field}: a window is one range alone; leave the {field} out");
    check_window(utf8(4, 9).quoting("Müll"), Err(&more("quote")));
    check_window(utf8(4, 9).between("x", ""), Err(&more("prefix")));
    check_window(utf8(4, 9).between("", "x"), Err(&more("suffix")));
    check_window(
        utf8(5, 6),
        Err("utf8.end: offset 6 in utf8 is inside a character; the boundaries around it are 5 and 7"),
    );
}

/// `expected` is what the spans cover, or the refusal with its field.
fn check_anchor(requests: &[SpanRequest], expected: Result<&[&str], &str>) {
    let text = Text::new(TEXT);
    let got = Anchor::resolve(&text, requests, Empty::Refused);
    let got = got.map(|anchor| anchor.quotes(&text)).map_err(|error| error.to_string());
    let expected = expected.map(|quotes| quotes.iter().map(|&quote| quote.to_owned()).collect());
    assert_eq!(got, expected.map_err(str::to_owned), "{requests:?}");
}

#[test]
fn an_anchor_is_its_spans_in_the_order_of_the_text() {
    check_anchor(&[utf8(4, 9)], Ok(&["Müll"]));
    check_anchor(&[quote("Zé"), utf16(7, 9), code_points(12, 16)], Ok(&["Zé", "😀", "Müll"]));
    // Touching spans share no character.
    check_anchor(&[utf8(4, 9), quote("😀")], Ok(&["Müll", "😀"]));
    check_anchor(
        &[utf16(7, 9), utf16(3, 7)],
        Err(
            "spans[1]: [3, 7) in utf16 comes before spans[0], [7, 9); send the spans in the order of the text",
        ),
    );
    let overlap = |this, at, that, end| {
        format!(
            "spans[{at}]: {this} overlaps spans[{}], {that}; a span starts where the one before it ends, at {end}, or after",
            at - 1
        )
    };
    check_anchor(
        &[quote("Zé"), utf16(3, 7), code_points(6, 8)],
        Err(&overlap("[6, 8) in code_points", 2, "[3, 7)", 7)),
    );
    check_anchor(&[utf8(4, 9), quote("ll😀")], Err(&overlap("[7, 13) in utf8", 1, "[4, 9)", 9)));
    check_anchor(&[utf8(4, 9), utf8(4, 9)], Err("spans[1]: [4, 9) in utf8 is spans[0] once more"));
}

#[test]
fn an_anchor_says_which_span_is_wrong() {
    check_anchor(&[], Err("spans: an anchor needs 1 to 64 spans; it has none"));
    let many: Vec<_> = (0..65).map(|_| utf8(0, 1)).collect();
    check_anchor(&many, Err("spans: the anchor has 65 spans; at most 64 are allowed"));
    check_anchor(&[utf8(0, 1), quote("x")], Err("spans[1].quote: the quote does not stand in the text"));
    check_anchor(
        &[SpanRequest::default()],
        Err("spans[0]: a span needs a range (utf8, utf16 or code_points), a quote, or both"),
    );
    check_anchor(
        &[utf16(0, 8)],
        Err(
            "spans[0].utf16.end: offset 8 in utf16 is inside a character; the boundaries around it are 7 and 9",
        ),
    );
}

#[test]
fn an_anchor_of_64_spans_is_allowed_and_reaches_from_the_first_to_the_last() {
    let text = Text::new("é ".repeat(64));
    let requests: Vec<_> = (0..64).map(|index| code_points(2 * index, 2 * index + 1)).collect();
    let anchor = Anchor::resolve(&text, &requests, Empty::Refused).unwrap();
    assert_eq!(anchor.spans().len(), 64);
    assert_eq!(anchor.hull().code_points(), CodePointRange { start: 0, end: 127 });
    assert_eq!(anchor.hull().utf8(), Utf8Range { start: 0, end: 191 });
}

#[test]
fn quotes_longer_than_1024_code_points_together_are_left_out() {
    let text = Text::new("é".repeat(2_000));
    let quotes = |second_end| {
        let spans = [code_points(0, 1_000), code_points(1_000, second_end)];
        Anchor::resolve(&text, &spans, Empty::Refused).unwrap().quotes(&text)
    };
    assert_eq!(quotes(1_024), ["é".repeat(1_000), "é".repeat(24)]);
    assert_eq!(quotes(1_025), Vec::<String>::new());
}

#[test]
fn stored_ranges_are_an_anchor_only_if_they_could_have_been_written() {
    let at = |utf8, utf16, code_points| Position { utf8, utf16, code_points };
    let range = |start, end| TextRange { start, end };
    let [a, b, c, d] = [at(0, 0, 0), at(3, 1, 1), at(7, 3, 2), at(8, 4, 3)];
    let many =
        |count: u32| (0..count).map(|i| range(at(i, i, i), at(i + 1, i + 1, i + 1))).collect::<Vec<_>>();
    for (spans, valid) in [
        (vec![range(a, b)], true),
        (vec![range(a, b), range(b, c)], true),
        (vec![range(a, b), range(c, d)], true),
        (many(64), true),
        (vec![], false),
        (many(65), false),
        (vec![range(b, b)], true),
        (vec![range(b, b), range(b, c), range(c, c)], true),
        (vec![range(b, b), range(b, b)], false),
        (vec![range(b, c), range(b, b)], false),
        (vec![range(b, a)], false),
        (vec![range(c, d), range(a, b)], false),
        (vec![range(a, c), range(b, d)], false),
        // In order in one unit and not in another.
        (vec![range(a, at(3, 0, 1))], false),
        (vec![range(a, b), range(at(4, 1, 2), d)], false),
    ] {
        let anchor = Anchor::from_ranges(spans.clone());
        assert_eq!(anchor.is_some(), valid, "{spans:?}");
        assert!(anchor.is_none_or(|anchor| anchor.spans() == spans), "{spans:?}");
    }
}

/// The characters of `text` right before or after, up to `bytes` bytes of them.
fn tail(text: &str, bytes: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes))..]
}

fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_span_is_the_same_place_however_it_is_sent(
        content in texts(), ends in any::<[Index; 2]>(), context in 0..=QUOTE_CONTEXT_BYTES_MAX,
    ) {
        prop_assume!(!content.is_empty());
        let text = Text::new(content.as_str());
        let boundaries = boundaries(&content);
        let [a, b] = ends.map(|end| end.index(boundaries.len()));
        prop_assume!(a != b);
        let range = TextRange { start: boundaries[a.min(b)], end: boundaries[a.max(b)] };
        let [rust, javascript, python] = slices(&content, &range);
        prop_assert_eq!(text.slice(&range), &rust);
        prop_assert_eq!(&rust, &javascript);
        prop_assert_eq!(&rust, &python);

        let in_utf8 = SpanRequest { utf8: Some(range.utf8()), ..SpanRequest::default() };
        let in_utf16 = SpanRequest { utf16: Some(range.utf16()), ..SpanRequest::default() };
        let in_code_points = SpanRequest { code_points: Some(range.code_points()), ..SpanRequest::default() };
        let in_all = in_utf8.clone().and(&in_utf16).and(&in_code_points);
        let prefix = tail(&content[..to_index(range.start.utf8)], context);
        let suffix = head(&content[to_index(range.end.utf8)..], context);
        for request in [in_utf8, in_utf16, in_code_points, in_all] {
            prop_assert_eq!(resolve(&text, &request, Empty::Refused), Ok(range));
            prop_assert_eq!(resolve_window(&text, &request).is_ok(), request.ranges().count() == 1);
            let proven = request.quoting(&rust);
            prop_assert_eq!(resolve(&text, &proven, Empty::Refused), Ok(range));
            prop_assert_eq!(resolve(&text, &proven.between(prefix, suffix), Empty::Refused), Ok(range));
        }

        let found = resolve(&text, &quote(&rust).between(prefix, suffix), Empty::Refused);
        let places = occurrences(&content, &[prefix, rust.as_str(), suffix].concat());
        if places.len() == 1 {
            prop_assert_eq!(found, Ok(range));
        } else {
            let starts = places.iter().map(|place| place + prefix.len()).take(ERROR_POSITIONS_MAX);
            let starts = starts.map(|start| *boundaries.iter().find(|at| to_index(at.utf8) == start).unwrap());
            let problem = Problem::QuoteAmbiguous { count: places.len(), starts: starts.collect() };
            prop_assert_eq!(found, Err(Error::at("quote", problem)));
        }
    }

    #[test]
    fn a_range_is_accepted_exactly_when_both_ends_are_boundaries_in_order(
        content in texts(), ends in any::<[Index; 2]>(), beyond in 0..4_usize,
    ) {
        let text = Text::new(content.as_str());
        let boundaries = boundaries(&content);
        for unit in Unit::ALL {
            let length = to_index(text.length().in_unit(unit));
            let [start, end] = ends.map(|end| to_offset(end.index(length + 1 + beyond)));
            let at = |offset| boundaries.iter().find(|at| at.in_unit(unit) == offset).copied();
            let expected = at(start).zip(at(end)).filter(|_| start <= end);
            let expected = expected.map(|(start, end)| TextRange { start, end });
            let request = match unit {
                Unit::Utf8 => utf8(start, end),
                Unit::Utf16 => utf16(start, end),
                Unit::CodePoints => code_points(start, end),
            };
            prop_assert_eq!(resolve_window(&text, &request).ok(), expected);
            prop_assert_eq!(resolve(&text, &request, Empty::Refused).ok(), expected.filter(|range| !range.is_empty()));
        }
    }

    #[test]
    fn every_other_stretch_of_a_text_is_an_anchor(content in texts(), cuts in any::<[Index; 6]>()) {
        let boundaries = boundaries(&content);
        let mut cuts = cuts.map(|cut| boundaries[cut.index(boundaries.len())]).to_vec();
        cuts.sort_unstable();
        cuts.dedup();
        let stretches = cuts.chunks_exact(2).map(|pair| TextRange { start: pair[0], end: pair[1] });
        let ranges: Vec<TextRange> = stretches.collect();
        prop_assume!(!ranges.is_empty());
        let text = Text::new(content.as_str());
        let requests: Vec<SpanRequest> = ranges
            .iter()
            .map(|range| SpanRequest { utf16: Some(range.utf16()), ..SpanRequest::default() })
            .collect();
        let anchor = Anchor::resolve(&text, &requests, Empty::Refused).unwrap();
        prop_assert_eq!(Anchor::from_ranges(ranges.clone()), Some(anchor.clone()));
        prop_assert_eq!(anchor.hull(), TextRange { start: ranges[0].start, end: ranges[ranges.len() - 1].end });
        let characters: usize = ranges.iter().map(|range| slices(&content, range)[2].chars().count()).sum();
        let quotes = ranges.iter().map(|range| slices(&content, range)[2].clone());
        let kept = characters <= ANNOTATION_QUOTE_CODE_POINTS_MAX;
        prop_assert_eq!(anchor.quotes(&text), if kept { quotes.collect() } else { Vec::new() });
    }
}
