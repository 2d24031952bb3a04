use super::*;
use crate::formats::exchange::{JoinedQuote, testing::Read};

/// Resolves articles, with offsets that count what quotes say.
fn resolve(unit: UnitChoice, records: Vec<ArticleRecord>) -> Read {
    let mut read = Read::default();
    let mut resolver = Resolver::new(LayerId::parse("layer", "gold").unwrap(), unit, "", &mut read);
    for record in records {
        resolver.record(Record::Article(Box::new(record))).unwrap();
    }
    resolver.finish().unwrap();
    read
}

fn article(id: &str, text: &str, annotations: Vec<AnnotationRecord>) -> ArticleRecord {
    let (id, text) = (id.to_owned(), text.to_owned());
    ArticleRecord { path: "f".to_owned(), line: 1, id, text, annotations, ..ArticleRecord::default() }
}

fn span(id: &str, start: u64, end: u64, quote: &str) -> AnnotationRecord {
    let target = TargetRecord::Spans(SpansRecord::one(start, end, quote));
    AnnotationRecord {
        line: 7,
        id: id.to_owned(),
        label: "PER".to_owned(),
        target,
        ..AnnotationRecord::default()
    }
}

fn relation_of(id: &str, arguments: &[&str]) -> AnnotationRecord {
    let arguments = arguments.iter().map(|it| (String::new(), (*it).to_owned())).collect();
    AnnotationRecord { target: TargetRecord::Relation(arguments), ..span(id, 0, 0, "") }
}

fn covered(read: &Read) -> Vec<String> {
    let annotations = read.contents().flat_map(|article| &article.annotations);
    annotations.filter_map(|annotation| annotation.target.mention()).map(|it| it.quotes.join("|")).collect()
}

#[test]
fn quotes_say_what_offsets_count() {
    let text = "😀 Ada met Bob";
    let check = |spans: Vec<AnnotationRecord>, expected: &[&str]| {
        let read = resolve(UnitChoice::FromQuotes, vec![article("a", text, spans)]);
        assert_eq!(
            (read.problems.as_slice(), covered(&read).as_slice()),
            (&[][..], &expected.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()[..])
        );
    };
    check(vec![span("T1", 2, 5, "Ada"), span("T2", 10, 13, "")], &["Ada", "Bob"]);
    check(vec![span("T1", 3, 6, "Ada"), span("T2", 11, 14, "")], &["Ada", "Bob"]);
    check(vec![span("T1", 5, 8, "Ada"), span("T2", 13, 16, "")], &["Ada", "Bob"]);
}

#[test]
fn what_comes_before_the_first_quote_waits_for_it() {
    let unquoted = article("a", "😀 Ada", vec![span("T1", 3, 6, "")]);
    let quoted = article("b", "😀 Bob", vec![span("T1", 3, 6, "Bob")]);
    let read = resolve(UnitChoice::FromQuotes, vec![unquoted.clone(), quoted]);
    assert_eq!((read.problems.len(), covered(&read)), (0, vec!["Ada".to_owned(), "Bob".to_owned()]));
    let read = resolve(UnitChoice::FromQuotes, vec![unquoted.clone()]);
    assert_eq!(
        read.problems,
        [
            "f:1: unit: the ranges of \"a\" mean other characters in code_points than in utf16, and no quote says which they \
          count: say the unit"
        ]
    );
    let read = resolve(UnitChoice::Of(Unit::Utf16), vec![unquoted]);
    assert_eq!(covered(&read), ["Ada"]);
}

#[test]
fn what_makes_no_difference_waits_for_nothing() {
    let records = vec![
        article("a", "Ada met 😀", vec![span("T1", 0, 3, "")]),
        article("b", "Bob", vec![span("T1", 0, 3, "")]),
    ];
    assert_eq!(covered(&resolve(UnitChoice::FromQuotes, records)), ["Ada", "Bob"]);
}

#[test]
fn a_wrong_annotation_is_refused_alone_and_what_uses_it_with_it() {
    let annotations = vec![
        relation_of("R1", &["T1", "T2"]),
        relation_of("R2", &["T1", "R3"]),
        relation_of("R3", &["T1", "T3"]),
        span("T1", 0, 3, "Ada"),
        span("T2", 8, 11, "Bib"),
        span("T3", 8, 11, "Bob"),
        span("T1", 8, 11, ""),
        relation_of("R4", &["R5"]),
        relation_of("R5", &["R4"]),
        relation_of("R6", &["T9"]),
    ];
    let read = resolve(UnitChoice::FromQuotes, vec![article("a", "Ada met Bob", annotations)]);
    assert_eq!(read.problems.len(), 6);
    assert_eq!(read.articles[0].lines, [7; 4]);
    let problems = read.problems.join("\n");
    for expected in [
        "f:7: T2.spans[0].quote: the range covers \"Bob\"",
        "T1: is there twice",
        "f:7: R1.relation.arguments[1]: was refused",
        "R6.relation.arguments[0]: is \"T9\", which is not there",
        "R4.relation.arguments[0]: was refused itself, or uses in the end what it is used by",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
}

#[test]
fn quotes_of_several_fragments_are_compared_joined() {
    let check = |order: [(u64, u64); 2], quote: &str, problem: Option<&str>| {
        let spans =
            order.map(|(start, end)| SpanRecord { range: Some((start, end)), ..SpanRecord::default() });
        let joined = Some(JoinedQuote { quote: quote.to_owned(), joiner: " ", lines_as_spaces: true });
        let target = TargetRecord::Spans(SpansRecord { spans: spans.into(), joined });
        let annotation = AnnotationRecord { target, ..span("T1", 0, 0, "") };
        let read = resolve(
            UnitChoice::Of(Unit::CodePoints),
            vec![article("a", "😀 left\nand right", vec![annotation])],
        );
        match problem {
            None => assert_eq!((read.problems.len(), covered(&read)[0].as_str()), (0, "left\nand|right")),
            Some(problem) => assert!(read.problems[0].contains(problem), "{:?}", read.problems),
        }
    };
    check([(2, 10), (11, 16)], "left and right", None);
    check([(11, 16), (2, 10)], "right left and", None);
    check(
        [(3, 11), (12, 16)],
        "left and right",
        Some("T1.quote: is \"left and right\", and the range covers \"eft\\nand  ight\""),
    );
}

#[test]
fn the_same_record_gets_the_same_ids() {
    let ids =
        |read: &Read| read.contents().flat_map(|it| &it.annotations).map(|it| it.id).collect::<Vec<_>>();
    let record = || {
        vec![article(
            "a",
            "Ada",
            vec![span("", 0, 3, ""), span("", 0, 3, ""), span("long name of an id", 0, 3, "")],
        )]
    };
    let once = resolve(UnitChoice::FromQuotes, record());
    let again = resolve(UnitChoice::FromQuotes, record());
    assert_eq!(ids(&once), ids(&again));
    assert_eq!(ids(&once).iter().collect::<HashSet<_>>().len(), 3);
    assert_eq!(once.lost(), ["what the file calls an annotation: 1"]);
}
