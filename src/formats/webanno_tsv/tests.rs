//! What is read of files, and what is written.

#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use proptest::prelude::*;

use crate::{
    domain::{
        annotations::{Annotation, Target},
        attributes::AttributeValue,
        text::Unit,
    },
    formats::{
        Format,
        exchange::{
            AnnotationRecord, ArticleContents, ArticleRecord, Record, Resolver, Sink, SpansRecord,
            TargetRecord, UnitChoice,
            testing::{Read, read, write},
        },
    },
};

const FILE: &str = "#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
#T_SP=webanno.custom.Host|ROLE_webanno.custom.Host:links_webanno.custom.Link|uima.tcas.Annotation
#T_CH=webanno.custom.SimpleLink|referenceRelation|referenceType
#T_RL=webanno.custom.Relation|value|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity


#Sentence.id=s-1
#Text=😀 New York
#Text=is\\tbig
1-1\t0-2\t😀\t_\t_\t_\t_\t_\t_\t_\t_\t
1-2\t3-6\tNew\t*[1]|*[2]\tLOC[1]|a\\|\\_b\\[0\\][2]\tpr1\t1-2[1]\t*->1-1\tx[1]\t_\t_\t
1-3\t7-11\tYork\t*[1]\tLOC[1]\t_\t_\t_\t_\t_\t_\t
1-3.1\t7-7\t\tq\t*\t_\t_\t_\t_\t_\t_\t
1-4\t12-14\tis\t_\t_\t_\t*\t*->1-2\t*[1]\t_\t_\t
1-5\t15-18\tbig\t*\tADJ\t_\t_\t_\t_\tnsubj\t1-2[1_0]\t

#Text=two words
2-1\t20-29\ttwo words\t_\t_\t_\t_\t_\t_\t_\t_\t
";

fn said(annotation: &Annotation) -> String {
    let attributes: Vec<_> = annotation
        .attributes
        .iter()
        .map(|(name, value)| match value {
            AttributeValue::String(value) => format!("{name}={value}"),
            AttributeValue::Bool(_)
            | AttributeValue::Int(_)
            | AttributeValue::Double(_)
            | AttributeValue::StringList(_) => format!("{name}={value:?}"),
        })
        .collect();
    let target = match &annotation.target {
        Target::Spans(mention) => {
            let hull = mention.anchor.hull();
            format!("{}-{}", hull.start.utf16, hull.end.utf16)
        }
        Target::Relation(relation) => {
            relation.arguments.iter().map(|it| it.role.as_str()).collect::<Vec<_>>().join(",")
        }
        Target::Article => String::new(),
    };
    format!("{} {target} {}", annotation.label, attributes.join(" ")).trim_end().to_owned()
}

#[test]
fn everything_comes_out_as_it_went_in() {
    let read = read(Format::WebannoTsv, &[("news/1.tsv", FILE)]);
    assert_eq!(read.problems, [""; 0]);
    let article = read.contents().next().unwrap();
    assert_eq!((article.id.as_str(), article.text.as_str()), ("news~1", "😀 New York\nis\tbig\n two words"));
    let annotations: Vec<_> = article.annotations.iter().map(said).collect();
    let expected = [
        "Sentence 0-18 id=s-1",
        "Token 0-2",
        "Token 3-6",
        "LOC 3-11",
        "a|_b[0] 3-6",
        "webanno.custom.Host 3-6",
        "webanno.custom.SimpleLink 3-6 referenceType=x",
        "Token 7-11",
        "NamedEntity 7-7 identifier=q",
        "Token 12-14",
        "webanno.custom.Host 12-14",
        "webanno.custom.SimpleLink 12-14",
        "Token 15-18",
        "ADJ 15-18",
        "Sentence 20-29",
        "Token 20-29",
        "webanno.custom.Relation Governor,Dependent value=nsubj",
        "webanno.custom.Host:links host,pr1",
        "webanno.custom.SimpleChain ,",
    ];
    assert_eq!(annotations, expected);
    let written = write(Format::WebannoTsv, read.contents());
    // No link, no role.
    assert_eq!(written.text("news/1.tsv"), FILE);
    assert_eq!(written.lost(), [""; 0]);
}

#[test]
fn marks_and_breaks_of_other_systems_do_not_matter() {
    let plain = read(Format::WebannoTsv, &[("1.tsv", FILE)]);
    let other = format!("\u{feff}{}", FILE.replace('\n', "\r\n").trim_end_matches(['\r', '\n']));
    let other = read(Format::WebannoTsv, &[("1.tsv", other)]);
    let all = |read: &Read| read.contents().flat_map(|it| &it.annotations).map(said).collect::<Vec<_>>();
    assert_eq!((other.problems.clone(), all(&other)), (vec![], all(&plain)));
}

#[test]
fn what_is_wrong_is_refused_with_its_line() {
    let check = |text: &str, expected: &str| {
        let read = read(Format::WebannoTsv, &[("1.tsv", text)]);
        assert_eq!(read.problems, [expected], "{text}");
    };
    let head = "#FORMAT=WebAnno TSV 3.3\n#T_SP=a.B|c\n\n\n#Text=one two\n";
    check("", "1.tsv:1: begins with no #FORMAT=WebAnno TSV 3.3");
    check("#FORMAT=WebAnno TSV 4\n", "1.tsv:1: is WebAnno TSV 4; 3.1, 3.2 and 3.3 are read");
    check(
        "#id=1\n#text=x\n",
        "1.tsv:1: is WebAnno TSV 2 or 1, by its first line; export it from WebAnno or INCEpTION as WebAnno TSV 3",
    );
    check(
        &format!("{head}1-1\t0-3\tone\t\n"),
        "1.tsv:6: the line has 0 cells and no more; its layers have 1 columns",
    );
    check(
        &format!("{head}1-1\t0-3\tonx\t_\t\n"),
        "1.tsv:6: the token is \"onx\", and the text has \"one\" at 0-3",
    );
    check(
        &format!("{head}1-1\t0-3\tone\t_\t\n"),
        "1.tsv:6: no token stands for \"two\", the end of the sentence; is the file cut off?",
    );
    check(&format!("{head}1-1\t3-0\tone\t_\t\n"), "1.tsv:6: the range 3-0 ends before it begins");
    let relation = "#FORMAT=WebAnno TSV 3.3\n#T_RL=a.R|BT_a.B\n\n\n#Text=one\n1-1\t0-3\tone\t1-9\t\n";
    check(relation, "1.tsv:6: no a.B is at 1-9[0] or at 1-1[0], between which a relation should be");
}

#[test]
fn every_cut_is_refused_or_is_a_shorter_file() {
    for cut in (1..FILE.len()).filter(|cut| FILE.is_char_boundary(*cut)) {
        let read = read(Format::WebannoTsv, &[("1.tsv", &FILE[..cut])]);
        // Whole are a header with its empty line, and sentences whose last line has its last tab.
        let lines = FILE[..cut].trim_end_matches('\n');
        let whole = ["NamedEntity", "1-2[1_0]\t", FILE.trim_end_matches('\n')];
        let is_whole = whole.iter().any(|end| lines.ends_with(end)) && FILE[..cut].contains("\n\n");
        assert_eq!(read.problems.is_empty(), is_whole, "{:?} {:?}", &FILE[..cut], read.problems);
    }
}

#[test]
fn articles_from_elsewhere_get_sentences_and_tokens() {
    let article =
        article("One two.\n\nThree\n", &[("PER", 0, 3), ("LOC", 1, 2), ("PER", 0, 14)], &[("likes", 0, 1)]);
    let written = write(Format::WebannoTsv, [&article]);
    assert_eq!(
        written.text("a.tsv"),
        "#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|value
#T_RL=custom.Relation|DependentRole|GovernorRole|label|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity


#Text=One two.
#Text=
1-1\t0-3\tOne\tPER[2]|PER[1]\t_\t_\t_\t_\t
1-1.1\t1-2\tn\tLOC\tto\tfrom\tlikes\t1-1[2_0]\t
1-2\t4-7\ttwo\tPER[1]\t_\t_\t_\t_\t
1-3\t7-8\t.\tPER[1]\t_\t_\t_\t_\t

#Text=Three
#Text=
2-1\t10-15\tThree\t_\t_\t_\t_\t_\t
2-1.1\t10-14\tThre\tPER[1]\t_\t_\t_\t_\t
"
    );
    assert_eq!(written.lost(), [""; 0]);
    let back = read(Format::WebannoTsv, &written.as_files());
    assert_eq!(back.problems, [""; 0]);
    assert_eq!(back.contents().next().unwrap().text.as_str(), article.text.as_str());
}

/// An article of code points, with labels on ranges of them, and relations between these.
fn article(text: &str, spans: &[(&str, u64, u64)], relations: &[(&str, usize, usize)]) -> ArticleContents {
    let mut read = Read::default();
    let spans = spans.iter().enumerate().map(|(at, (label, start, end))| AnnotationRecord {
        id: format!("T{at}"),
        label: (*label).to_owned(),
        target: TargetRecord::Spans(SpansRecord::one(*start, *end, "")),
        attributes: [("note it".to_owned(), AttributeValue::String((*label).to_owned()))]
            .into_iter()
            .filter(|_| label.contains('x'))
            .collect(),
        ..AnnotationRecord::default()
    });
    let relations = relations.iter().map(|(label, from, to)| AnnotationRecord {
        label: (*label).to_owned(),
        target: TargetRecord::Relation(vec![
            ("from".to_owned(), format!("T{from}")),
            ("to".to_owned(), format!("T{to}")),
        ]),
        ..AnnotationRecord::default()
    });
    let record = ArticleRecord {
        id: "a".to_owned(),
        text: text.to_owned(),
        unit: Some(Unit::CodePoints),
        annotations: spans.chain(relations).collect(),
        ..ArticleRecord::default()
    };
    let layer = crate::domain::ids::LayerId::parse("", "default").unwrap();
    let mut resolver = Resolver::new(layer, UnitChoice::Of(Unit::CodePoints), "", &mut read);
    resolver.record(Record::Article(Box::new(record))).unwrap();
    resolver.finish().unwrap();
    assert_eq!(read.problems, [""; 0]);
    read.articles.remove(0).article
}

proptest! {
    #[test]
    fn whatever_is_written_reads_back(
        text in "([a-z é😀.\n\t]|\\PC){1,24}",
        spans in prop::collection::vec(("[A-Z]{1,2}x?|[|_*;\\[\\]\\\\>-]{1,3}", 0_u64..24, 0_u64..24), 0..5),
        relation in prop::option::of((0_usize..5, 0_usize..5)),
    ) {
        let length = u64::try_from(text.chars().count()).unwrap();
        let spans: Vec<_> = spans
            .iter()
            .map(|(label, one, other)| (label.as_str(), *one.min(other).min(&length), *one.max(other).min(&length)))
            .collect();
        let relations: Vec<_> = relation
            .into_iter()
            .filter(|(from, to)| from.max(to) < &spans.len())
            .map(|(from, to)| ("likes", from, to))
            .collect();
        let article = article(&text, &spans, &relations);
        let written = write(Format::WebannoTsv, [&article]);
        let back = read(Format::WebannoTsv, &written.as_files());
        prop_assert_eq!(&back.problems, &Vec::<String>::new());
        let back = back.contents().next().unwrap();
        prop_assert_eq!(back.text.as_str(), article.text.as_str());
        if written.lost().is_empty() {
            let said = |article: &ArticleContents| {
                let all = article.annotations.iter().filter(|it| !["Sentence", "Token"].contains(&it.label.as_str()));
                let mut all: Vec<_> = all.map(said).collect();
                all.sort();
                all
            };
            prop_assert_eq!(said(back), said(&article));
        }
    }
}
