use proptest::prelude::*;

use super::{HEAD, is_likely};
use crate::{
    domain::{annotations::Target, attributes::AttributeValue, ids::LayerId, text::Unit},
    formats::{
        Format,
        columns::rows::{SENTENCE, TOKEN, ranges_of},
        exchange::{
            AnnotationRecord, ArticleContents, ArticleRecord, Record, Resolver, Sink, SpanRecord,
            SpansRecord, TargetRecord, UnitChoice,
            testing::{Read, read, write},
        },
    },
};

const PATH: &str = "ud/a.conllu";
const FILE: &str = "articles.conllu";

fn read_one(file: &str) -> Read {
    read(Format::Conllu, &[(PATH, file)])
}

/// Rows with tabs for their spaces.
fn file(rows: &str) -> String {
    let line = |line: &str| if line.starts_with('#') { line.to_owned() } else { line.replace(' ', "\t") };
    let lines: String = rows.trim_end().lines().map(|it| line(it.trim_start()) + "\n").collect();
    lines + "\n"
}

/// What is marked, as `label[attributes] "what it covers"`, without sentences and plain words; relations by their words.
fn marked(article: &ArticleContents) -> Vec<String> {
    let quote = |id| {
        let found = article.annotations.iter().find(|it| it.id == id).unwrap();
        found.target.mention().unwrap().quotes.join("|")
    };
    let mut marked = Vec::new();
    for annotation in &article.annotations {
        let label = annotation.label.as_str();
        let attributes: Vec<_> =
            annotation.attributes.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let attributes = attributes.join(",").replace("String(\"", "").replace("\")", "");
        match &annotation.target {
            Target::Spans(mention) => {
                if !attributes.is_empty() || ![TOKEN, SENTENCE].contains(&label) {
                    marked.push(format!("{label}[{attributes}] {}", mention.quotes.join("|")));
                }
            }
            Target::Relation(relation) => {
                let arguments: Vec<_> = relation
                    .arguments
                    .iter()
                    .map(|it| format!("{}:{}", it.role, quote(it.annotation)))
                    .collect();
                marked.push(format!("{label}({})", arguments.join(",")));
            }
            Target::Article => panic!("{annotation:?}"),
        }
    }
    marked
}

/// Checks what a file of one article says. It leaves as it came.
fn check(rows: &str, text: &str, expected: &[&str]) {
    let file = file(rows);
    let read = read_one(&file);
    assert_eq!(read.problems, Vec::<String>::new(), "{file}");
    assert_eq!(read.lost(), Vec::<String>::new(), "{file}");
    let [imported] = read.articles.as_slice() else { panic!("{file}: {} articles", read.articles.len()) };
    assert_eq!(imported.article.text.as_str(), text, "{file}");
    assert_eq!(marked(&imported.article), expected, "{file}");
    let written = write(Format::Conllu, read.contents());
    assert_eq!(written.text(FILE), file);
    let is_other = |loss: &String| !["source URIs: 1", "article ids: 1"].contains(&loss.as_str());
    let lost: Vec<_> = written.lost().into_iter().filter(is_other).collect();
    assert_eq!(lost, Vec::<String>::new());
    assert!(is_likely(PATH, file.as_bytes()), "{file}");
}

#[test]
fn words_have_grammar() {
    check(
        "# newdoc id = d
         # sent_id = 1
         # text = They buy.
         1 They they PRON PRP Number=Plur 2 nsubj 2:nsubj _
         2 buy buy VERB VBP _ 0 root 0:root SpaceAfter=No|XML=</hi>
         3 . . PUNCT . _ 2 punct 2:punct|9:x _

        ",
        "They buy.",
        &[
            "Sentence[sent_id=1] They buy.",
            "Token[feats=Number=Plur,lemma=they,upos=PRON,xpos=PRP] They",
            "Token[XML=</hi>,deprel=root,lemma=buy,upos=VERB,xpos=VBP] buy",
            "Token[deps=2:punct|9:x,lemma=.,upos=PUNCT,xpos=.] .",
            "nsubj(head:buy,dependent:They)",
            "punct(head:buy,dependent:.)",
        ],
    );
}

#[test]
fn multiword_tokens_and_empty_nodes() {
    check(
        "# newdoc id = d
         # text = vámonos al mar don't
         1-2 vámonos _ _ _ _ _ _ _ _
         1 vamos ir _ _ _ 0 root _ _
         2 nos _ _ _ _ 1 obj _ _
         2.1 el _ _ _ _ _ _ 1:x CopyOf=1
         3-4 al _ _ _ _ _ _ _ Typo=Yes
         3 a _ _ _ _ _ _ _ _
         4 el _ _ _ _ _ _ _ _
         5 mar _ _ _ _ _ _ _ _
         6-7 don't _ _ _ _ _ _ _ _
         6 do _ _ _ _ _ _ _ _
         7 n't _ _ _ _ _ _ _ _

        ",
        "vámonos al mar don't",
        &[
            "MultiwordToken[] vámonos",
            "Token[deprel=root,form=vamos,lemma=ir] vámonos",
            "Token[form=nos] vámonos",
            "MultiwordToken[Typo=Yes] al",
            "Token[form=a] al",
            "Token[form=el] al",
            "MultiwordToken[] don't",
            "EmptyNode[CopyOf=1,deps=1:x,form=el,id=2.1] ",
            "obj(head:vámonos,dependent:vámonos)",
        ],
    );
}

#[test]
fn texts_are_said_in_several_ways() {
    check(
        "# sent_id = 1
         1 日本 _ _ _ _ _ _ _ SpaceAfter=No
         2 語 _ _ _ _ _ _ _ SpaceAfter=No

         # sent_id = 2
         1 a _ _ _ _ _ _ _ SpacesAfter=\\n\\n
         2 b _ _ _ _ _ _ _ SpaceAfter=No

        ",
        "日本語a\n\nb",
        &["Sentence[sent_id=1] 日本語", "Sentence[sent_id=2] a\n\nb", "Token[SpaceAfter=No] b"],
    );
    let read = read_one(&file("# text = ab\n1 a _ _ _ _ _ _ _ _\n2 b _ _ _ _ _ _ _ _\n\n"));
    assert_eq!(read.articles[0].article.text.as_str(), "ab");
    assert_eq!(read.lost(), ["conllu: SpaceAfter that # text contradicts: 1"]);
    check("# text = x y\n1 a _ _ _ _ _ _ _ _\n\n", "a", &["Sentence[text=x y] a"]);
}

#[test]
fn mentions_are_in_brackets() {
    check(
        "# newdoc id = d
         # global.Entity = GRP-etype-infstat-identity
         # meta::author = A. B.
         # text = New York Times and more
         1 New _ _ _ _ _ _ _ Entity=(1-organization-new-N-Y-T(2-place-giv
         2 York _ _ _ _ _ _ _ Entity=2)
         3 Times _ _ _ _ _ _ _ Entity=(3-time)1)
         4 and _ _ _ _ _ _ _ Entity=(4[1/2]-x
         5 more _ _ _ _ _ _ _ Entity=4[1/2])

        "
        .replace("(4[1/2]-x", "(4-x")
        .replace("4[1/2])", "4)")
        .as_str(),
        "New York Times and more",
        &[
            "organization[GRP=1,identity=N-Y-T,infstat=new] New York Times",
            "place[GRP=2,infstat=giv] New York",
            "time[GRP=3] Times",
            "x[GRP=4] and more",
        ],
    );
    check(
        "# global.Entity = eid-etype-head-other
         # text = a b c d
         1 a _ _ _ _ _ _ _ Entity=(e1[1/2]-x-1
         2 b _ _ _ _ _ _ _ Entity=e1[1/2])
         3 c _ _ _ _ _ _ _ _
         4 d _ _ _ _ _ _ _ Entity=(e1[2/2]-x-1)

        ",
        "a b c d",
        &["x[eid=e1,head=1] a b|d"],
    );
}

#[test]
fn words_are_tagged_in_misc() {
    check(
        "# newdoc id = d
         # sent_id = 1
         # text = Ann Lee al mar
         1 Ann _ _ _ _ _ _ _ NER=B-PER
         2 Lee _ _ _ _ _ _ _ NER=I-PER
         3-4 al _ _ _ _ _ _ _ _
         3 a _ _ _ _ _ _ _ NER=O
         4 el _ _ _ _ _ _ _ NER=O|X=1
         5 mar _ _ _ _ _ _ _ NER=B-LOC

        ",
        "Ann Lee al mar",
        &[
            "Sentence[sent_id=1] Ann Lee al mar",
            "MultiwordToken[] al",
            "Token[form=a] al",
            "Token[X=1,form=el] al",
            "PER[] Ann Lee",
            "LOC[] mar",
        ],
    );
    // What is no tag stays an attribute.
    check("1 Ann _ _ _ _ _ _ _ NER=person\n\n", "Ann", &["Token[NER=person] Ann"]);
}

#[test]
fn the_fields_of_mentions_are_named_once() {
    let text = file(
        "# newdoc id = a\n# global.Entity = eid-etype\n# text = x\n1 x _ _ _ _ _ _ _ Entity=(e1-PER)\n\n\
         # newdoc id = b\n# text = y\n1 y _ _ _ _ _ _ _ Entity=(e1-PER)\n\n",
    );
    let read = read_one(&text);
    let marked: Vec<_> = read.contents().flat_map(marked).collect();
    assert_eq!(marked, ["PER[eid=e1] x", "PER[eid=e1] y"]);
    assert_eq!(write(Format::Conllu, read.contents()).text(FILE), text);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let check = |rows: &str, expected: &[&str], articles: usize| {
        let read = read_one(&file(rows));
        assert_eq!(read.problems, expected, "{rows}");
        assert_eq!(read.articles.len(), articles);
    };
    check("1 a _ _ _ _ _ _ _\n", &["ud/a.conllu:1: has 9 columns; a word has 10, with tabs between them"], 0);
    check(
        "1 a _ _ _ _ _ _ _ _\n3 b _ _ _ _ _ _ _ _\n",
        &["ud/a.conllu:2: is numbered \"3\"; it must be 2"],
        0,
    );
    check(
        "1 a _ _ _ _ 7 obj _ _\n",
        &["ud/a.conllu:1: has the head \"7\"; the words of this sentence are 1 to 1"],
        0,
    );
    check(
        "1-2 a _ _ _ _ _ _ _ _\n1 a _ _ _ _ _ _ _ _\n",
        &["ud/a.conllu:2: ends the sentence; its multiword token goes on to word 2"],
        0,
    );
    check(
        "1 a _ _ _ _ _ _ _ Entity=e1)\n2 b _ _ _ _ _ _ _ Entity=(e2-x\n3 c _ _ _ _ _ _ _ Entity=x\n",
        &[
            "ud/a.conllu:1: ends \"e1\", which does not begin in this sentence",
            "ud/a.conllu:3: has \"x\" as Entity; it must be brackets such as (e1-person and e1)",
            "ud/a.conllu:2: begins \"e2\", which does not end in this sentence",
        ],
        1,
    );
    for path in ["a.conll", "a.txt"] {
        assert!(!is_likely(path, b"EU\tB-ORG\n") && !is_likely(path, b"") && !is_likely(path, b"1\ta\tO\n"));
    }
}

#[test]
fn the_same_document_goes_on() {
    let read = read_one(&file(
        "# newdoc id = a\n# text = x\n1 x _ _ _ _ _ _ _ _\n\n# newdoc id = a\n# text = y\n1 y _ _ _ _ _ _ _ _\n\n\
         # newdoc id = b\n# text = z\n1 z _ _ _ _ _ _ _ _\n\n",
    ));
    let texts: Vec<_> = read.contents().map(|article| (article.id.as_str(), article.text.as_str())).collect();
    assert_eq!(texts, [("a", "x\ny"), ("b", "z")]);
}

/// A label, and where its spans begin and end.
type Marked = (String, Vec<(usize, usize)>);

/// An article with these annotations: a label, and where its spans begin and end.
fn article(id: &str, text: &str, annotations: &[Marked]) -> ArticleContents {
    let offset = |at: &usize| u64::try_from(*at).unwrap();
    let annotation = |(label, spans): &Marked| AnnotationRecord {
        label: label.clone(),
        target: TargetRecord::Spans(SpansRecord {
            spans: spans
                .iter()
                .map(|(start, end)| SpanRecord {
                    range: Some((offset(start), offset(end))),
                    ..SpanRecord::default()
                })
                .collect(),
            joined: None,
        }),
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
    made.articles.pop().unwrap().article
}

#[test]
fn texts_without_words_get_them() {
    let contents = article(
        "a",
        "Ann, 4.\n\nShe left.",
        &[
            ("PER".into(), vec![(0, 3)]),
            ("X Y".into(), vec![(9, 12), (13, 17)]),
            ("PER".into(), vec![(9, 17)]),
        ],
    );
    let written = write(Format::Conllu, [&contents]);
    let expected = "# newdoc id = a
        # global.Entity = id-etype
        # text = Ann, 4.
        1 Ann _ _ _ _ _ _ _ Entity=(1-PER)|SpaceAfter=No
        2 , _ _ _ _ _ _ _ _
        3 4 _ _ _ _ _ _ _ SpaceAfter=No
        4 . _ _ _ _ _ _ _ SpacesAfter=\\n\\n

        # text = She left.
        1 She _ _ _ _ _ _ _ Entity=(2-PER(3[1/2]-X%20Y)
        2 left _ _ _ _ _ _ _ Entity=(3[2/2]-X%20Y)2)|SpaceAfter=No
        3 . _ _ _ _ _ _ _ _

        ";
    assert_eq!(written.text(FILE), file(expected));
    assert_eq!(written.lost(), Vec::<String>::new());
}

/// Texts of what is hard in them, with annotations that begin and end between characters.
fn articles() -> impl Strategy<Value = (String, Vec<Marked>)> {
    let piece = prop::sample::select(vec![
        "a", "Bc", "é", "日", "😀", " ", " ", "\n", "\t", "\r", "\r\n", "#", "# ", "-", ".", ". ", "\\", "|",
        "_", "\u{200d}", "\u{301}", "\u{a0}", "\u{202f}", "\u{2028}", "\u{feff}", "1", "=",
    ]);
    let label =
        prop::sample::select(vec!["PER", "B-C", "x (y", TOKEN, TOKEN, SENTENCE, "MultiwordToken", "Entity"]);
    let places = prop::collection::vec(any::<prop::sample::Index>(), 2..5);
    let marks = prop::collection::vec((label, places), 0..8);
    (prop::collection::vec(piece, 0..20), marks).prop_map(|(pieces, marks)| {
        let text = pieces.concat();
        let places: Vec<_> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let annotations = marks.into_iter().map(|(label, ends)| {
            let mut ends: Vec<_> = ends.iter().map(|end| *end.get(&places)).collect();
            ends.sort_unstable();
            ends.dedup();
            let spans = ends.chunks_exact(2).map(|it| (it[0], it[1])).collect::<Vec<_>>();
            (label.to_owned(), spans)
        });
        let annotations = annotations.filter(|(_, spans)| !spans.is_empty()).collect();
        (text, annotations)
    })
}

/// What is marked, sorted.
fn spans(article: &ArticleContents) -> Vec<Marked> {
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
        let written = write(Format::Conllu, &contents);
        let file = written.text(FILE);
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
        let second = write(Format::Conllu, again.contents());
        let third = read_one(second.text(FILE));
        prop_assert_eq!(again.contents().map(spans).collect::<Vec<_>>(), third.contents().map(spans).collect::<Vec<_>>());
    }

    #[test]
    fn no_cut_of_a_file_panics(at in 0_usize..400) {
        let whole = file(
            "# newdoc id = a
             # text = vámonos al
             1-2 vámonos _ _ _ _ _ _ _ _
             1 vamos ir VERB V _ 0 root 0:root Entity=(e1-x
             2 nos _ _ _ _ 1 obj _ Entity=e1)
             2.1 el _ _ _ _ _ _ 1:x CopyOf=1
             3 al _ _ _ _ 1 x _ SpaceAfter=No

             # newdoc id = b
             1 al _ _ _ _ _ _ _ _

            ",
        );
        let read = read(Format::Conllu, &[(PATH, &whole.as_bytes()[..at.min(whole.len())])]);
        prop_assert!(read.articles.len() + read.problems.len() <= 3, "{:?}", read.problems);
    }
}

#[test]
fn what_is_said_of_an_article_comes_back() {
    let mut contents = article("a", "Anna", &[(TOKEN.into(), vec![(0, 4)]), ("PER".into(), vec![(0, 4)])]);
    contents.details.title = "A = B".to_owned();
    contents.details.source_uri = "https://example.org/".to_owned();
    contents.details.metadata.insert("by".to_owned(), "C. D.".to_owned());
    let string = |text: &str| AttributeValue::String(text.to_owned());
    let attributes = [
        ("upos", string("X")),
        ("a-b", string("x")),
        ("sure", AttributeValue::Bool(true)),
        ("v", string("(%|")),
    ];
    for (name, value) in attributes {
        contents.annotations[0].attributes.insert(name.to_owned(), value.clone());
        contents.annotations[1].attributes.insert(name.to_owned(), value);
    }
    let written = write(Format::Conllu, [&contents]);
    assert_eq!(
        written.text(FILE),
        file(
            "# newdoc id = a\n# global.Entity = id-etype-upos-v\n# meta::title = A = B\n\
             # meta::source_uri = https://example.org/\n# meta::by = C. D.\n# text = Anna\n\
             1 Anna _ X _ _ _ _ _ Entity=(1-PER-X-%28%25%7C)|a-b=x|sure\n"
        )
    );
    // A name with a hyphen and a flag of the mention, and a value with a bar of the word.
    assert_eq!(written.lost(), ["string attributes: 2", "flags: 1"]);
    let again = read_one(written.text(FILE));
    assert_eq!(again.articles[0].article.details.title, "A = B");
    assert_eq!(
        marked(&again.articles[0].article),
        ["Token[a-b=x,sure=Bool(true),upos=X] Anna", "PER[upos=X,v=(%|] Anna"]
    );
}

#[test]
fn relations_of_other_roles_are_counted() {
    let mut contents =
        read_one(&file("1 a _ _ _ _ 2 x _ _\n2 b _ _ _ _ 0 root _ _\n\n")).articles.remove(0).article;
    for annotation in &mut contents.annotations {
        if let Target::Relation(relation) = &mut annotation.target {
            relation
                .arguments
                .iter_mut()
                .filter(|it| it.role == HEAD)
                .for_each(|it| it.role = "from".to_owned());
        }
    }
    let written = write(Format::Conllu, [&contents]);
    assert!(written.lost().contains(&"relations: 1".to_owned()), "{:?}", written.lost());
}
