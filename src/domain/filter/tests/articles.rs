//! Comparisons of articles.

use super::*;
use crate::domain::{
    articles::{Article, ArticleDetails, TextIdentity},
    ids::{ArticleId, ProjectId},
    revisions::Revision,
};

/// An article has the layers and labels that stand here.
struct Marked(&'static [&'static str], &'static [&'static str]);

impl ArticleAnnotations for Marked {
    fn has_label(&self, label: &str) -> bool {
        self.0.contains(&label)
    }
    fn has_layer(&self, layer: &str) -> bool {
        self.1.contains(&layer)
    }
}

fn articles() -> [(Article, Marked); 2] {
    let article = |id, title: &str, language: &str, metadata: &[(&str, &str)], length, time| Article {
        id: ArticleId::parse("", id).unwrap(),
        details: ArticleDetails::parse(
            title.to_owned(),
            language.to_owned(),
            format!("https://example.org/{id}.txt"),
            metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        )
        .unwrap(),
        text: TextIdentity {
            revision: 1,
            sha256: [0; 32],
            length: Position { utf8: 4 * length, utf16: 2 * length, code_points: length },
        },
        revision: Revision(1),
        create_time: Timestamp(time),
        update_time: Timestamp(time),
    };
    [
        (
            article("one", "On Müller", "en-US", &[("source", "pubmed"), ("my key", "")], 100, 0),
            Marked(&["PER", "ORG"], &["gold"]),
        ),
        (article("two", "", "eng", &[], 2_000, 1_335_022_200_000_000), Marked(&[], &[])),
    ]
}

fn check(filter: &str, expected: &[&str]) {
    let parsed = ArticleFilter::parse("filter", filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    let project = ProjectId::parse("", "p").unwrap();
    let articles = articles();
    let passing = articles.iter().filter(|(article, marked)| parsed.passes(&project, article, marked));
    assert_eq!(passing.map(|(article, _)| article.id.as_str()).collect::<Vec<_>>(), expected, "{filter}");
    let canonical = parsed.to_string();
    assert_eq!(ArticleFilter::parse("filter", &canonical), Ok(parsed), "{filter} is {canonical}");
}

#[test]
fn articles_are_found_by_what_is_said_of_them() {
    check("", &["one", "two"]);
    check("id = one", &["one"]);
    check("id = t*", &["two"]);
    check("name = projects/p/articles/two", &["two"]);
    check("title:Müll", &["one"]);
    check("title = \"On*\"", &["one"]);
    check("title = \"\"", &["two"]);
    check("-title:*", &["two"]);
    check("source_uri:\"example.org\"", &["one", "two"]);
    check("source_uri = \"*one.txt\"", &["one"]);
    check("metadata.source = pubmed", &["one"]);
    check("metadata.source != pubmed", &["two"]);
    check("metadata.source:p*", &["one"]);
    check("metadata:source", &["one"]);
    check("metadata.\"my key\":*", &["one"]);
    check("metadata.\"my key\" = \"\"", &["one"]);
    check("metadata.source > a", &["one"]);
    check("text_revision = 1 length > 100", &["two"]);
    check("length <= 100", &["one"]);
    check("create_time > 2012-01-01T00:00:00Z", &["two"]);
    check("update_time < 2012-01-01T00:00:00Z", &["one"]);
}

#[test]
fn a_colon_finds_languages_by_their_first_parts() {
    check("language = en-US", &["one"]);
    check("language = en", &[]);
    check("language = en*", &["one", "two"]);
    check("language:en", &["one"]);
    check("language:EN-us", &["one"]);
    check("language:e", &[]);
    check("language:en-U", &[]);
    check("language:*", &["one", "two"]);
    check("language:(eng OR de)", &["two"]);
}

#[test]
fn articles_are_found_by_what_is_marked_in_them() {
    check("labels:PER", &["one"]);
    check("labels:(PER AND ORG)", &["one"]);
    check("labels:\"PE\"", &[]);
    check("NOT layers:gold", &["two"]);
    let needs = |filter: &str| ArticleFilter::parse("filter", filter).unwrap().needs_annotations();
    assert!(needs("title:x OR NOT (language:en AND labels:PER)"));
    assert!(needs("layers:gold"));
    assert!(!needs("title:x OR NOT (language:en AND metadata.labels = PER)"));
    assert!(!needs(""));
}

#[test]
fn what_is_asked_of_annotations_is_known() {
    let check = |filter: &str, labels: &[&str], layers: &[&str], may_pass: [bool; 2]| {
        let filter = ArticleFilter::parse("filter", filter).unwrap();
        assert_eq!(Vec::from_iter(filter.labels()), labels, "{filter}");
        assert_eq!(Vec::from_iter(filter.layers()), layers, "{filter}");
        let project = ProjectId::parse("", "p").unwrap();
        assert_eq!(articles().map(|(article, _)| filter.may_pass(&project, &article)), may_pass, "{filter}");
    };
    check("", &[], &[], [true, true]);
    check("labels:PER", &["PER"], &[], [true, true]);
    check("NOT labels:(PER AND ORG) OR layers:x labels:PER", &["ORG", "PER"], &["x"], [true, true]);
    check("id = one AND labels:PER", &["PER"], &[], [true, false]);
    check("labels:PER AND language:en AND length > 1000", &["PER"], &[], [false, false]);
    check("id = one OR labels:PER", &["PER"], &[], [true, true]);
    check("title = labels", &[], &[], [false, false]);
}
