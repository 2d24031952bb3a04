//! A real article, with accents, curly quotes, no-break spaces and no newline at its end.

use sha2::{Digest, Sha256};
use spandrel::proto::v1;

use crate::support::{
    Server, annotation, by_code_points, by_quote, by_utf8, by_utf16, shared, slices, spans,
};

const ARTICLE: &str = "projects/news/articles/venezuela-invests";

/// What is marked in it, and as what; each stands in it at least once.
const MENTIONS: [(&str, &str); 13] = [
    ("PER", "Nicolás Maduro"),
    ("ORG", "Huawei"),
    ("ORG", "ZTE"),
    ("LOC", "BANGKOK"),
    ("LOC", "THAILAND"),
    ("LOC", "Venezuela"),
    ("LOC", "U.S."),
    ("PER", "Guillaume Payen"),
    ("ORG", "SOPA Images"),
    ("ORG", "LightRocket"),
    ("ORG", "Getty Images"),
    ("DATE", "2019/01/16"),
    ("BOILERPLATE", "Our Latest Articles"),
];

#[tokio::test]
async fn every_mention_in_every_unit_is_still_there_after_the_plug_is_pulled() {
    let Some(path) = shared("articles/venezuela-invests.txt") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut server = Server::start();
    let mut client = server.client().await;
    client.create_project("news").await;
    client.create_article("projects/news", "venezuela-invests", &text).await;

    let mut expected = Vec::new();
    for (label, quote) in mentions(&text) {
        for (start, _) in text.match_indices(&quote) {
            let (before, end) = (&text[..start], start + quote.len());
            let utf8 = (u32::try_from(start).unwrap(), u32::try_from(end).unwrap());
            let utf16 = units(before.encode_utf16().count(), quote.encode_utf16().count());
            let code_points = units(before.chars().count(), quote.chars().count());
            let by_range = [
                by_utf8(utf8.0, utf8.1),
                by_utf16(utf16.0, utf16.1),
                by_code_points(code_points.0, code_points.1),
            ];
            let alone = if text.matches(&quote).count() == 1 { Some(by_quote(&quote)) } else { None };
            let in_context = v1::Span {
                prefix: before.chars().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect(),
                suffix: text[end..].chars().take(20).collect(),
                ..by_quote(&quote)
            };
            for span in by_range.into_iter().chain([in_context]).chain(alone) {
                let stored = client.annotate(ARTICLE, &label, span).await.unwrap();
                assert_eq!(slices(&text, &spans(&stored)[0]), [&quote; 3].map(String::clone));
                expected.push(stored);
            }
        }
    }
    assert!(expected.len() > 60, "{}", expected.len());

    server.kill();
    server.start_again();
    let mut client = server.client().await;
    let request = v1::GetArticleRequest { name: ARTICLE.to_owned(), view: 0, text_revision: 0 };
    let article = client.articles.get_article(request).await.unwrap().into_inner();
    assert_eq!(article.text, text);
    assert_eq!(article.text_sha256, hex::encode(Sha256::digest(text.as_bytes())));
    let request =
        v1::ListAnnotationsRequest { parent: ARTICLE.to_owned(), page_size: 7, ..Default::default() };
    let listed = client.list_all(request).await;
    for stored in &listed {
        let span = &spans(stored)[0];
        assert_eq!(slices(&text, span), [&span.quote; 3].map(String::clone));
    }
    let by_place = |annotation: &v1::Annotation| {
        let range = spans(annotation)[0].utf8.unwrap();
        (range.start, u32::MAX - range.end, annotation.name.clone())
    };
    expected.sort_by_key(by_place);
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_discontinuous_mention_keeps_its_parts() {
    let Some(path) = shared("articles/venezuela-invests.txt") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("news").await;
    client.create_article("projects/news", "venezuela-invests", &text).await;
    let parts = vec![by_quote("BANGKOK"), by_quote("THAILAND")];
    let request = v1::CreateAnnotationRequest {
        parent: ARTICLE.to_owned(),
        annotation: Some(annotation("LOC", parts)),
        ..Default::default()
    };
    let stored = client.annotations.create_annotation(request).await.unwrap().into_inner();
    let quotes: Vec<_> = spans(&stored).iter().map(|span| span.quote.as_str()).collect();
    assert_eq!(quotes, ["BANGKOK", "THAILAND"]);
}

/// The mentions, and both quotations with their curly quotes.
fn mentions(text: &str) -> Vec<(String, String)> {
    let quotations: Vec<_> = text
        .match_indices('“')
        .map(|(start, _)| {
            let end = start + text[start..].find('”').unwrap() + '”'.len_utf8();
            ("QUOTATION".to_owned(), text[start..end].to_owned())
        })
        .collect();
    assert!(quotations.len() >= 2, "{quotations:?}");
    let named = MENTIONS.iter().map(|(label, quote)| ((*label).to_owned(), (*quote).to_owned()));
    let mentions: Vec<_> = named.chain(quotations).collect();
    for (_, quote) in &mentions {
        assert!(text.contains(quote), "{quote} is not in the article");
    }
    mentions
}

fn units(before: usize, length: usize) -> (u32, u32) {
    (u32::try_from(before).unwrap(), u32::try_from(before + length).unwrap())
}
