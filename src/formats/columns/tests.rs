use proptest::prelude::*;

use super::is_likely;
use crate::{
    domain::{annotations::Target, attributes::AttributeValue, ids::LayerId, text::Unit},
    formats::{
        Format,
        columns::rows::{SENTENCE, TOKEN, ranges_of},
        exchange::{
            AnnotationRecord, ArticleContents, ArticleRecord, Record, Resolver, Sink, SpansRecord,
            TargetRecord, UnitChoice,
            testing::{Read, read, write},
        },
    },
};

const PATH: &str = "news/a.conll";

fn read_one(file: &str) -> Read {
    read(Format::Columns, &[(PATH, file)])
}

/// What is marked, as `label[attributes] "what it covers"`, without sentences and plain tokens.
fn marked(article: &ArticleContents) -> Vec<String> {
    let mut marked = Vec::new();
    for annotation in &article.annotations {
        let label = annotation.label.as_str();
        let Target::Spans(mention) = &annotation.target else { panic!("{annotation:?}") };
        let attributes: Vec<_> =
            annotation.attributes.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let attributes = attributes.join(",").replace("String(\"", "").replace("\")", "");
        if !attributes.is_empty() || ![TOKEN, SENTENCE].contains(&label) {
            marked.push(format!("{label}[{attributes}] {}", mention.quotes.join("|")));
        }
    }
    marked
}

/// Checks what a file of one article says: its text, and what is marked. It leaves as it came.
fn check(file: &str, text: &str, expected: &[&str]) {
    let read = read_one(file);
    assert_eq!(read.problems, Vec::<String>::new(), "{file}");
    let [imported] = read.articles.as_slice() else { panic!("{file}: {} articles", read.articles.len()) };
    assert_eq!(imported.article.text.as_str(), text, "{file}");
    assert_eq!(marked(&imported.article), expected, "{file}");
    let written = write(Format::Columns, read.contents());
    assert_eq!(written.text("articles.conll"), file);
    assert!(is_likely(PATH, file.as_bytes()), "{file}");
}

#[test]
fn a_token_and_a_tag() {
    check(
        "Angela\tB-PER\nMerkel\tI-PER\nspricht\tO\n\nBerlin\tB-LOC\n\n",
        "Angela Merkel spricht\nBerlin",
        &["PER[] Angela Merkel", "LOC[] Berlin"],
    );
    check(
        "#MH17\tB-X\n#\tO\n600 000\tO\nMH17 \tB-X\n\n",
        "#MH17 # 600 000 MH17 ",
        &["X[] #MH17", "X[] MH17 "],
    );
    // Soft hyphens, joiners and what is not NFC stay.
    check(
        "Don\u{ad}au\tB-LOC\nक्\u{200d}ष\tO\ne\u{301}\tO\n\n",
        "Don\u{ad}au क्\u{200d}ष e\u{301}",
        &["LOC[] Don\u{ad}au"],
    );
}

#[test]
fn other_schemes_leave_as_they_came() {
    check("A\tI-PER\nB\tI-PER\nC\tB-PER\nD\tO\n\n", "A B C D", &["PER[] A B", "PER[] C"]);
    check("A\tB-PER\nB\tE-PER\nC\tS-PER\n\n", "A B C", &["PER[] A B", "PER[] C"]);
    check("A\tB-PER\nB\tL-PER\nC\tU-PER\n\n", "A B C", &["PER[] A B", "PER[] C"]);
    check("A\tB-PER\nB\tM-PER\nC\tE-PER\n\n", "A B C", &["PER[] A B C"]);
}

#[test]
fn columns_of_others() {
    check(
        "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\n",
        "EU rejects",
        &["Token[chunk=I-NP,pos=NNP] EU", "Token[chunk=I-VP,pos=VBZ] rejects", "ORG[] EU"],
    );
    check(
        "#\thttp://example.org\t[2010]\t\n1\tBayern\tB-ORG\tB-LOC\n2\tMünchen\tI-ORG\tO\n\n",
        "Bayern München",
        &[
            "Sentence[comment=\\thttp://example.org\\t[2010]\\t] Bayern München",
            "ORG[column=3] Bayern München",
            "LOC[column=4] Bayern",
        ],
    );
    check(
        "# newdoc id = d\n# sent_id = s1\n# text = 黎在\n1\t黎\tB-LOC\t-\tli\n2\t在\tO\t-\t-\n\n",
        "黎在",
        &["Sentence[sent_id=s1] 黎在", "Token[column5=li] 黎", "LOC[] 黎"],
    );
    check(
        "In|IN|O Rome|NNP|B-GPE\nYes|UH|O\n",
        "In Rome\nYes",
        &["Token[pos=IN] In", "Token[pos=NNP] Rome", "GPE[] Rome", "Token[pos=UH] Yes"],
    );
    check(
        "# global.columns = FORM UPOS=_ TAG TAG\nNew\tADJ\tB-ORG\tB-LOC\nYork\t_\tI-ORG\tI-LOC\nTimes\t_\tI-ORG\tO\n\n",
        "New York Times",
        &["Token[UPOS=ADJ] New", "ORG[] New York Times", "LOC[] New York"],
    );
}

#[test]
fn a_token_may_be_a_number() {
    let file = "1 CD B-NP\n\nA DT B-NP\nb NN I-NP\n\n";
    let expected = ["Token[pos=CD] 1", "NP[] 1", "Token[pos=DT] A", "Token[pos=NN] b", "NP[] A b"];
    check(file, "1\nA b", &expected);
}

#[test]
fn files_end_and_break_lines_as_they_did() {
    check("A\tB-PER\r\nB\tO\r\n\r\nC\tO\r\n\r\n", "A B\nC", &["PER[] A"]);
    check("A\tB-PER\nB\tO", "A B", &["PER[] A"]);
    check("A\tB-PER\nB\tO\n\n\n", "A B", &["PER[] A"]);
    // A byte order mark is nothing that a file says.
    assert_eq!(read_one("\u{feff}A\tB-PER\n").articles[0].article.text.as_str(), "A");
    // Neither are empty lines between the empty lines.
    assert_eq!(read_one("A\tB-PER\n\n\n\nB\tO\n\n").articles[0].article.text.as_str(), "A\nB");
    assert_eq!(read_one("").articles.len(), 0);
    assert_eq!(read_one("\n\n").articles.len(), 0);
}

#[test]
fn files_have_several_articles() {
    let ids = |file: &str| -> Vec<String> {
        let read = read_one(file);
        assert_eq!(read.problems, Vec::<String>::new());
        let written = write(Format::Columns, read.contents());
        assert_eq!(written.text("articles.conll"), file);
        read.contents().map(|article| format!("{}: {}", article.id, article.text.as_str())).collect()
    };
    assert_eq!(
        ids(
            "# newdoc id = a\n# text = A\nA\tO\n\n# text = B\nB\tO\n\n# newdoc id = b c\n# text = C\nC\tB-X\n\n"
        ),
        ["a: A\nB", "b-c-d342d598: C"]
    );
    assert_eq!(ids("-DOCSTART- O\n\nA O\n\n-DOCSTART- O\n\nB B-X\n\n"), ["news~a-1: A", "news~a-2: B"]);
    // The same article goes on.
    let goes_on = "# newdoc id = a\n# text = A\nA\tO\n\n# newdoc id = a\n# text = B\nB\tO\n\n";
    assert_eq!(ids(goes_on), ["a: A\nB"]);
}

#[test]
fn a_text_that_its_tokens_do_not_fit_in_is_kept_as_it_was_said() {
    check("# newdoc id = a\n# text = Don't\nDo\tO\nnot\tO\n\n", "Do not", &["Sentence[text=Don't] Do not"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let check = |file: &str, expected: &[&str]| {
        let read = read_one(file);
        assert_eq!(read.problems, expected, "{file}");
        assert_eq!(read.articles.len(), 0);
    };
    check(
        "A\tO\nB\nC\tX\nD\tO\nE\tB-X\n\n",
        &[
            "news/a.conll:1: no column has BIO tags, such as O, B-PER and I-PER, in every row; a row is a token, what else is \
             said of it, and a tag, with tabs or spaces between them",
        ],
    );
    check("A\tO\nB\nD\tO\nE\tB-X\n\n", &["news/a.conll:2: has 1 columns; the rows of this file have 2"]);
    check(
        "1\tA\tO\n2\tB\tO\n\n2\tC\tO\n",
        &["news/a.conll:4: numbers its token \"2\"; it is number 1 of its sentence"],
    );
    let ids = "# newdoc id = a\nA\tO\n\n# newdoc id = b\nB\tX-PER\n\n# newdoc id = c\nC\tO\n";
    let read = read_one(ids);
    assert_eq!(
        read.problems,
        [
            "news/a.conll:5: has \"X-PER\" in column 2; it must be O, or one of B I E S L U M, a hyphen and a label, such as \
             B-PER"
        ]
    );
    assert_eq!(read.contents().map(|article| article.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn tags_against_their_scheme_are_counted() {
    let read = read_one("A\tB-X\nB\tO\nC\tI-X\n\n");
    assert_eq!(marked(&read.articles[0].article), ["X[] A", "X[] C"]);
    assert_eq!(read.lost(), ["conll: tags against their scheme, such as I- where something begins: 1"]);
}

#[test]
fn other_files_are_not_taken_for_these() {
    for (path, beginning) in [
        ("a.txt", "Some words of a text.\nAnd more of them, O\n"),
        ("a.json", "{\"text\": \"a O\"}\n"),
        ("a.ann", "T1\tPER 0 5\tAngel\n"),
        ("a.csv", "id,text\n1,O\n"),
        ("a.conllu", "1\tThe\tthe\tDET\tDT\t_\t0\troot\t_\t_\n"),
        ("a.tsv", "#FORMAT=WebAnno TSV 3.2\n\n\n#Text=A\n1-1\t0-1\tA\tO\n"),
        ("empty", ""),
    ] {
        assert!(!is_likely(path, beginning.as_bytes()), "{path}");
    }
    // The last line may be cut, within a character, too.
    assert!(is_likely("a", "Köln\tB-LOC\nBonn\tB-LOC\nMü".as_bytes().strip_suffix(b"\xbc").unwrap()));
}

/// An article with these annotations: a label, and where it begins and ends.
fn article(id: &str, text: &str, annotations: &[(String, usize, usize)]) -> ArticleContents {
    let offset = |at: &usize| u64::try_from(*at).unwrap();
    let annotation = |(label, start, end): &(String, usize, usize)| AnnotationRecord {
        label: label.clone(),
        target: TargetRecord::Spans(SpansRecord::one(offset(start), offset(end), "")),
        ..AnnotationRecord::default()
    };
    let record = ArticleRecord {
        id: id.to_owned(),
        text: text.to_owned(),
        unit: Some(Unit::Utf8),
        annotations: annotations.iter().map(annotation).collect(),
        ..ArticleRecord::default()
    };
    let mut made = Read::default();
    let layer = LayerId::parse("layer", LayerId::DEFAULT).unwrap();
    let mut resolver = Resolver::new(layer, UnitChoice::Of(Unit::Utf8), "", &mut made);
    resolver.record(Record::Article(Box::new(record))).unwrap();
    resolver.finish().unwrap();
    assert_eq!(made.problems, Vec::<String>::new());
    made.articles.pop().unwrap().article
}

#[test]
fn texts_without_tokens_get_them() {
    let contents = article(
        "a",
        "Anna Müller, 42.\n\nShe left New  York.",
        &[("PER".into(), 0, 12), ("AGE".into(), 14, 15), ("LOC".into(), 28, 37), ("LOC".into(), 28, 31)],
    );
    let written = write(Format::Columns, [&contents]);
    assert_eq!(
        written.text("articles.conll"),
        "# global.columns = FORM TAG TAG\n# newdoc id = a\n# text = Anna Müller, 42.\nAnna\tB-PER\tO\nMüller\tI-PER\tO\n,\tO\tO\n\
         4\tB-AGE\tO\n2\tO\tO\n.\tO\tO\n\n# spaces_before = \\n\\n\n# text = She left New  York.\nShe\tO\tO\nleft\tO\tO\nNew\tB-LOC\tB-LOC\n\
         York\tI-LOC\tO\n.\tO\tO\n\n"
    );
    assert_eq!(written.lost(), Vec::<String>::new());
}

#[test]
fn what_is_said_of_an_article_comes_back() {
    let mut contents =
        article("a", "Anna sleeps", &[(TOKEN.into(), 0, 4), (TOKEN.into(), 5, 11), ("PER".into(), 0, 4)]);
    contents.details.title = "A = B".to_owned();
    contents.details.language = "en".to_owned();
    contents.details.source_uri = "https://example.org/".to_owned();
    contents.details.metadata.insert("by".to_owned(), "C. D.".to_owned());
    contents.details.metadata.insert("lines".to_owned(), "1\n2".to_owned());
    let string = |text: &str| AttributeValue::String(text.to_owned());
    let attributes = [("pos", string("_")), ("a b", string("x")), ("sure", AttributeValue::Bool(true))];
    for (name, value) in attributes {
        contents.annotations[0].attributes.insert(name.to_owned(), value.clone());
        contents.annotations[2].attributes.insert(name.to_owned(), value);
    }
    let written = write(Format::Columns, [&contents]);
    assert_eq!(
        written.text("articles.conll"),
        "# global.columns = FORM pos=- TAG\n# newdoc id = a\n# meta::title = A = B\n# meta::language = en\n\
         # meta::source_uri = https://example.org/\n# meta::by = C. D.\n# text = Anna sleeps\nAnna\t_\tB-PER\n\
         sleeps\t-\tO\n\n"
    );
    assert_eq!(written.lost(), ["string attributes: 3", "flags: 2", "metadata: 1"]);
    let again = read_one(written.text("articles.conll"));
    let details = &again.articles[0].article.details;
    assert_eq!((details.title.as_str(), details.language.as_str()), ("A = B", "en"));
    assert_eq!(details.source_uri, "https://example.org/");
    assert_eq!(details.metadata.get("by").map(String::as_str), Some("C. D."));
    assert_eq!(marked(&again.articles[0].article), ["Token[pos=_] Anna", "PER[] Anna"]);
}

/// Texts of what is hard in them, with annotations that begin and end between characters.
fn articles() -> impl Strategy<Value = (String, Vec<(String, usize, usize)>)> {
    let piece = prop::sample::select(vec![
        "a", "Bc", "é", "日", "😀", " ", " ", "\n", "\t", "\r", "\r\n", "#", "# ", "-", ".", ". ", "\\", "|",
        "O", "\u{200d}", "\u{301}", "\u{a0}", "\u{202f}", "\u{2028}", "\u{feff}", "1", "=",
    ]);
    let label = prop::sample::select(vec!["PER", "B-C", "x y", TOKEN, TOKEN, SENTENCE, "é"]);
    let marks =
        prop::collection::vec((label, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..8);
    (prop::collection::vec(piece, 0..20), marks).prop_map(|(pieces, marks)| {
        let text = pieces.concat();
        let places: Vec<_> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let annotations = marks.into_iter().map(|(label, one, other)| {
            let (one, other) = (*one.get(&places), *other.get(&places));
            (label.to_owned(), one.min(other), one.max(other))
        });
        let annotations = annotations.filter(|(_, start, end)| start < end).collect();
        (text, annotations)
    })
}

/// What is marked, sorted.
fn spans(article: &ArticleContents) -> Vec<(String, Vec<(usize, usize)>)> {
    let mut spans: Vec<_> =
        article.annotations.iter().map(|it| (it.label.as_str().to_owned(), ranges_of(it))).collect();
    spans.sort();
    spans
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(one in articles(), other in articles()) {
        let contents = [article("a", &one.0, &one.1), article("b", &other.0, &other.1)];
        let written = write(Format::Columns, &contents);
        let file = written.text("articles.conll");
        let again = read_one(file);
        prop_assert_eq!(&again.problems, &Vec::<String>::new(), "{}", file);
        prop_assert_eq!(again.articles.len(), 2, "{}", file);
        let mut missing = 0;
        for (before, after) in contents.iter().zip(again.contents()) {
            prop_assert_eq!(&before.id, &after.id);
            prop_assert_eq!(before.text.as_str(), after.text.as_str(), "{}", file);
            let mut left = spans(after);
            for span in spans(before) {
                match left.iter().position(|it| *it == span) {
                    Some(at) => drop(left.remove(at)),
                    None => missing += 1,
                }
            }
        }
        let losses = written.losses.clone().into_vec();
        let count = |what: &str| losses.iter().filter(|it| it.feature.contains(what)).map(|it| it.count).sum::<u64>();
        // What is narrowed may happen to be what another one was.
        let lost = count("") - count("white space at the ends of spans")..=count("");
        prop_assert!(lost.contains(&missing), "{missing} of {:?}: {file}", written.lost());
        // It settles: what was read is written alike.
        let second = write(Format::Columns, again.contents());
        let third = read_one(second.text("articles.conll"));
        prop_assert_eq!(again.contents().map(spans).collect::<Vec<_>>(), third.contents().map(spans).collect::<Vec<_>>());
    }

    #[test]
    fn no_cut_of_a_file_panics(at in 0_usize..240) {
        let file = "# global.columns = ID FORM TAG TAG:x pos\n# newdoc id = a\n# text = Anna Müller\n1\tAnna\tB-PER\tO\tN\n\
                    2\tMüller\tI-PER\tO\tN\n\n# newdoc id = b\n1\tC\tO\tB-X\t_\n\n";
        let cut = &file.as_bytes()[..at.min(file.len())];
        let read = read(Format::Columns, &[(PATH, cut)]);
        prop_assert!(read.articles.len() <= 2);
        prop_assert!(read.problems.len() <= 1, "{:?}", read.problems);
    }
}
