//! What people read of an article.

use super::*;
use crate::{
    cli::{
        attribute,
        render::{Layers, Marks},
    },
    proto::v1::{AnchoringResult, State},
};

const A: &str = "projects/p/articles/a";

fn article(text: &str) -> v1::Article {
    let length = u32::try_from(text.len()).unwrap();
    v1::Article {
        name: A.into(),
        text: text.into(),
        text_revision: 2,
        length: Some(v1::TextLength { utf8: length, utf16: length, code_points: length }),
        revision: 1_234,
        update_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
        ..v1::Article::default()
    }
}

/// An annotation from `id label` and what it is about.
fn annotation(line: &str, target: Target) -> v1::Annotation {
    let (id, label) = line.split_once(' ').unwrap();
    let (label, layer) = label.split_once('@').unwrap_or((label, "default"));
    v1::Annotation {
        name: format!("{A}/annotations/{id}"),
        label: label.into(),
        layer: layer.into(),
        target: Some(target),
        state: State::Accepted.into(),
        text_revision: 2,
        ..v1::Annotation::default()
    }
}

/// One on the first place where the quote stands.
fn on(line: &str, quote: &str, article: &v1::Article) -> v1::Annotation {
    let at = article.text.find(quote).unwrap_or(0);
    let position = |at: usize| u32::try_from(at).unwrap();
    let range = Some(v1::Range { start: position(at), end: position(at + quote.len()) });
    let span = v1::Span { utf8: range, code_points: range, quote: quote.into(), ..v1::Span::default() };
    annotation(line, Target::Anchor(v1::Anchor { spans: vec![span] }))
}

/// One between others, from `Role=id Role=id`.
fn between(line: &str, arguments: &str) -> v1::Annotation {
    let argument = |it: &str| {
        let (role, id) = it.split_once('=').unwrap_or(("", it));
        v1::Argument { role: role.into(), annotation: format!("{A}/annotations/{id}") }
    };
    let arguments = arguments.split(' ').map(argument).collect();
    annotation(line, Target::Relation(v1::Relation { arguments }))
}

fn whole(line: &str) -> v1::Annotation {
    annotation(line, Target::Article(v1::WholeArticle {}))
}

fn with(attributes: &[&str], annotation: v1::Annotation) -> v1::Annotation {
    let attributes = attributes.iter().map(|it| attribute::parse(it).unwrap());
    v1::Annotation { attributes: attributes.map(|it| (it.name, it.value)).collect(), ..annotation }
}

fn orphaned(annotation: v1::Annotation) -> v1::Annotation {
    let anchoring = v1::Anchoring {
        result: AnchoringResult::Orphaned.into(),
        similarity: 0.0,
        from_text_revision: 1,
        needs_review: true,
    };
    v1::Annotation { anchoring: Some(anchoring), text_revision: 1, ..annotation }
}

fn options(marks: Marks, width: usize) -> Options {
    Options { marks, layers: Layers::Together, color: false, width }
}

/// What stands below the heading, with the lines of the heading after its first three.
#[track_caller]
fn check(article: &v1::Article, annotations: &[v1::Annotation], width: usize, expected: &[&str]) {
    let printed = Page::new(article, annotations, &options(Marks::Bars, width)).print(&[]);
    assert_eq!(printed.lines().skip(3).collect::<Vec<_>>(), expected, "\n{printed}");
    let colored = Options { color: true, ..options(Marks::Bars, width) };
    let colored = Page::new(article, annotations, &colored).print(&[]);
    let stripped = anstream::adapter::strip_str(&colored).to_string();
    let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&stripped), trimmed(&printed), "colours change nothing else");
}

#[test]
fn an_article_is_shown_with_its_heading_its_spans_and_its_labels() {
    let article = v1::Article {
        title: "Tokyo\u{1b}".into(),
        language: "en".into(),
        length: Some(v1::TextLength { utf8: 11, utf16: 9, code_points: 8 }),
        ..article("😀 Huawei")
    };
    let annotations = [on("x ORG", "Huawei", &article)];
    let page =
        |layers: &[String]| Page::new(&article, &annotations, &options(Marks::Brackets, 80)).print(layers);
    let expected = "Tokyo␛\nprojects/p/articles/a\n8 characters, 9 utf16, 11 utf8; text revision 2, revision 1,234, \
                    1 annotation\nen; updated 2023-11-14T22:13:20Z\n\n😀 [Huawei](ORG)\n\n ORG  1\n";
    assert_eq!(page(&[]), expected);
    assert!(page(&["a".into()]).contains("1 annotation in layer a\n"));
    assert!(page(&["a".into(), "b".into()]).contains("1 annotation in layers a, b\n"));
}

#[test]
fn relations_chains_and_events_stand_below_the_text() {
    let article = article("IBM fired staff in Armonk. It said so.");
    let annotations = [
        on("1 ORG", "IBM", &article),
        on("2 EVENT", "fired", &article),
        on("3 PER", "staff", &article),
        on("4 LOC", "Armonk", &article),
        on("5 ORG", "It", &article),
        on("6 X", "said", &article),
        between("7 Dismissal", "Trigger=2 Agent=1 Patient=3 Place=4"),
        between("8 Located", "Arg1=1 Arg2=4"),
        between("9 Coref", "1 5"),
        between("10 Cause", "Effect=7 Other=gone"),
    ];
    check(
        &article,
        &annotations,
        80,
        &[
            "",
            "1  IBM fired staff in Armonk. It said so.",
            "   ╰─╯ORG₁   ╰───╯PER₃        ╰╯ORG₅",
            "       ╰───╯EVENT₂    ╰LOC₄╯     ╰X─╯",
            "",
            " ORG    2",
            " EVENT  1",
            " LOC    1",
            " PER    1",
            " X      1",
            "",
            "Relations: Cause 1, Coref 1, Dismissal 1, Located 1",
            " Cause       Effect Dismissal₆ → Other gone",
            " Coref       IBM₁ — It₅",
            " Dismissal₆  Trigger fired₂  Agent IBM₁  Patient staff₃  Place Armonk₄",
            " Located     Arg1 IBM₁ → Arg2 Armonk₄",
        ],
    );
}

#[test]
fn what_annotations_say_beside_their_labels_is_told() {
    let article = article("IBM in Armonk");
    let suggested = v1::Annotation {
        state: State::Suggested.into(),
        score: Some(0.93),
        ..with(&["ticker=IBM", "listed=true"], on("1 ORG", "IBM", &article))
    };
    let rejected = v1::Annotation {
        state: State::Rejected.into(),
        note: "no\nway, this is not where it is".into(),
        ..on("2 LOC", "Armonk", &article)
    };
    let unsure = v1::Annotation { score: Some(0.5), ..whole("0 business") };
    check(
        &article,
        &[unsure, whole("00 news"), suggested, rejected],
        50,
        &[
            " business  score 0.5",
            " news",
            "",
            "1  IBM in Armonk",
            "   ╰─╯ORG₁?",
            "          ╰────╯LOC₂✗",
            "",
            " LOC  1",
            " ORG  1",
            " ? suggested   ✗ rejected",
            "",
            "Details",
            " ORG₁?  IBM  suggested  score 0.93  listed=true",
            "    ticker=IBM",
            " LOC₂✗  Armonk  rejected",
            "    “no↵way, this is not where it is”",
        ],
    );
}

#[test]
fn what_lost_its_place_is_listed_last_with_what_it_covered() {
    let article = article("Nothing of it.");
    let annotations = [
        between("3 Met", "Arg1=1 Arg2=2"),
        orphaned(on("1 PER", "Zoë Müller", &article)),
        orphaned(on("2 PER@gold", "ZTE", &article)),
    ];
    check(
        &article,
        &annotations,
        80,
        &[
            "",
            "1  Nothing of it.",
            "",
            "Relations: Met 1",
            " Met  Arg1 Zoë Müller₁ → Arg2 ZTE₂",
            "",
            "Not in the text any more",
            " PER₁!       “Zoë Müller”  code points 0..12 of text revision 1",
            "    needs review: orphaned",
            " PER₂!@gold  “ZTE”  code points 0..3 of text revision 1  needs review: orphaned",
        ],
    );
}

#[test]
fn hundreds_of_relations_are_counted_and_long_chains_cut() {
    let article = article("a b");
    let mut annotations = vec![on("x A", "a", &article), on("y B", "b", &article)];
    annotations.extend((0..500).map(|number| between(&format!("r{number} R"), "Arg1=x Arg2=y")));
    annotations.push(between("chain C", &vec!["x"; 2_000].join(" ")));
    let printed = Page::new(&article, &annotations, &options(Marks::Bars, 60)).print(&[]);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 3 + 1 + 3 + 1 + 2 + 1 + 1 + LISTED_MAX + 1, "{printed}");
    assert!(printed.contains("Relations: C 1, R 500\n"), "{printed}");
    let chain = lines.iter().find(|line| line.starts_with(" C ")).unwrap();
    assert!(columns_of(chain) <= 60 && chain.ends_with("more"), "{chain}");
    assert_eq!(lines.last(), Some(&" … and 301 more: spandrel annotation list p a"));
    let piped = Page::new(&article, &annotations, &options(Marks::Brackets, 60)).print(&[]);
    assert!(piped.lines().all(|line| columns_of(line) <= LINE_COLUMNS_MAX));
}

#[test]
fn nothing_in_the_lists_is_obeyed_by_a_terminal() {
    let article = article("x");
    let evil = "\u{1b}[2J\u{202e}\n";
    let said = |annotation: v1::Annotation| v1::Annotation {
        label: evil.into(),
        layer: evil.into(),
        note: evil.into(),
        ..with(&[&format!("{evil}={evil}")], annotation)
    };
    let annotations = [
        said(whole("0 x")),
        said(on("1 x", "x", &article)),
        said(between("2 x", &format!("{}=1 \u{1b}=\u{1b}", evil.trim()))),
        orphaned(said(on("3 x", evil, &article))),
    ];
    for marks in [Marks::Bars, Marks::Brackets] {
        let printed = Page::new(&article, &annotations, &options(marks, 40)).print(&[evil.into()]);
        assert!(!printed.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{printed:?}");
    }
}
