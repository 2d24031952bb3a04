//! Texts and spans that nobody here wrote: each goes through the API by its code points, and each quote is right.
//!
//! The corpora lie beside the repository, or where `SPANDREL_CORPORA` says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test ends where it did not get what it expected"
)]

#[path = "corpora/revised.rs"]
mod revised;
#[path = "corpora/sources.rs"]
mod sources;
#[path = "support/mod.rs"]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
};

use spandrel::{
    limits,
    proto::v1::{self, write::Op},
};

use self::{
    sources::{Document, Mention},
    support::{Client, InUnits, Server, annotation, by_code_points, document_position, shared, spans},
};

const P: &str = "projects/p";

#[tokio::test]
async fn brat_examples() {
    check("brat-examples", sources::brat, 1_510).await;
}

#[tokio::test]
async fn litbank() {
    check("litbank", sources::brat, 2_949).await;
}

/// Its mentions in several parts are the only ones of all these corpora.
#[tokio::test]
async fn craft() {
    let counts = check("craft", sources::brat, 3_035).await;
    assert!(counts.is_none_or(|counts| counts.discontinuous == 63));
}

#[tokio::test]
async fn stockmark_ja_sample() {
    check("stockmark-ja-sample", sources::stockmark, 1_554).await;
}

#[tokio::test]
async fn prodigy_fashion_eval() {
    check("prodigy-fashion-eval", sources::prodigy, 94).await;
}

/// What a corpus holds.
#[derive(Debug, Default)]
struct Counts {
    texts: usize,
    bytes: usize,
    beyond_ascii: usize,
    astral: usize,
    mentions: usize,
    discontinuous: usize,
    repeated: usize,
}

/// Drives a corpus through the API. `mentions` is how many its source says that it has.
async fn check(corpus: &str, read: fn(&std::path::Path) -> Vec<Document>, mentions: usize) -> Option<Counts> {
    let documents = read(&shared(&format!("corpora/{corpus}"))?);
    let counts = count(&documents);
    assert_eq!(counts.mentions, mentions, "{corpus} was not read whole");

    let server = Server::start();
    let client = server.client().await;
    client.clone().create_project("p").await;
    create_articles(&client, &documents).await;
    let stored = create_annotations(&client, &documents).await;
    let mut streamed = stream(&client).await.into_iter();
    for document in &documents {
        let name = format!("{P}/articles/{}", document.id);
        let article = client
            .send(v1::GetArticleRequest { name: name.clone(), view: 0, text_revision: 0 })
            .await
            .unwrap();
        assert_eq!(article.text, document.text, "{name}");
        let mut expected = stored.get(&name).cloned().unwrap_or_default();
        expected.sort_by_key(document_position);
        let request =
            v1::ListAnnotationsRequest { parent: name.clone(), page_size: 100, ..Default::default() };
        assert_eq!(client.clone().list_all(request).await, expected, "{name} is listed otherwise");
        assert!(streamed.by_ref().take(expected.len()).eq(expected), "{name} is streamed otherwise");
    }
    assert_eq!(streamed.next(), None);
    report(corpus, &counts);
    Some(counts)
}

fn count(documents: &[Document]) -> Counts {
    let mut counts = Counts { texts: documents.len(), ..Default::default() };
    for Document { id: _, text, mentions } in documents {
        counts.bytes += text.len();
        counts.beyond_ascii += usize::from(!text.is_ascii());
        counts.astral += usize::from(text.chars().any(|character| character > '\u{ffff}'));
        counts.mentions += mentions.len();
        counts.discontinuous += mentions.iter().filter(|mention| mention.ranges.len() > 1).count();
        let different: BTreeSet<_> =
            mentions.iter().map(|mention| (&mention.label, &mention.ranges)).collect();
        counts.repeated += mentions.len() - different.len();
    }
    counts
}

/// Unlike eprintln!, this is seen although the test passes.
fn report(corpus: &str, counts: &Counts) {
    let Counts { texts, bytes, beyond_ascii, astral, mentions, discontinuous, repeated } = counts;
    let line = format!(
        "{corpus:<22} {texts:>4} texts, {bytes:>7} bytes, {beyond_ascii:>3} beyond ASCII, {astral:>3} astral; \
         {mentions:>5} mentions, {discontinuous:>3} discontinuous, {repeated:>3} repeated\n"
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Creates the articles in batches of what one may hold.
async fn create_articles(client: &Client, documents: &[Document]) {
    let mut rest = documents;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |document: &&Document| {
            bytes += document.text.len();
            bytes <= limits::BATCH_TEXT_BYTES_MAX
        };
        let count = rest.iter().take(limits::BATCH_ARTICLES_MAX).take_while(fits).count().max(1);
        let (now, later) = rest.split_at(count);
        let requests = now.iter().map(|document| v1::CreateArticleRequest {
            article_id: document.id.clone(),
            article: Some(v1::Article { text: document.text.clone(), ..Default::default() }),
            ..Default::default()
        });
        let batch = v1::BatchCreateArticlesRequest {
            parent: P.to_owned(),
            requests: requests.collect(),
            validate_only: false,
            request_id: String::new(),
        };
        assert_eq!(client.send(batch).await.unwrap().articles.len(), count);
        rest = later;
    }
}

/// Creates the annotations in commits over many articles, checks what each answers, and returns them by article.
async fn create_annotations(
    client: &Client,
    documents: &[Document],
) -> BTreeMap<String, Vec<v1::Annotation>> {
    let mentions: Vec<_> = documents
        .iter()
        .flat_map(|document| document.mentions.iter().map(move |mention| (document, mention)))
        .collect();
    let units: BTreeMap<_, _> =
        documents.iter().map(|document| (document.id.as_str(), InUnits::new(&document.text))).collect();
    assert_eq!(units.len(), documents.len(), "ids recur");
    let mut stored: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mentions in mentions.chunks(limits::COMMIT_WRITES_MAX) {
        let writes = mentions.iter().map(|(document, mention)| write(document, mention)).collect();
        let commit = v1::CommitAnnotationsRequest {
            parent: P.to_owned(),
            writes,
            validate_only: false,
            request_id: String::new(),
        };
        let answer = client.send(commit).await.unwrap();
        assert_eq!(answer.annotations.len(), mentions.len());
        for (created, (document, mention)) in answer.annotations.into_iter().zip(mentions) {
            check_quotes(&created, &units[document.id.as_str()], mention);
            stored.entry(format!("{P}/articles/{}", document.id)).or_default().push(created);
        }
    }
    stored
}

fn write(document: &Document, mention: &Mention) -> v1::Write {
    let spans = mention.ranges.iter().map(|(start, end)| by_code_points(*start, *end)).collect();
    let request = v1::CreateAnnotationRequest {
        parent: format!("{P}/articles/{}", document.id),
        annotation: Some(annotation(&mention.label, spans)),
        ..Default::default()
    };
    v1::Write { op: Some(Op::Create(request)) }
}

/// Each quote is what each of its three ranges covers, and all together are what the source says.
fn check_quotes(created: &v1::Annotation, text: &InUnits<'_>, mention: &Mention) {
    let spans = spans(created);
    let ranges: Vec<_> =
        spans.iter().map(|span| span.code_points.unwrap()).map(|range| (range.start, range.end)).collect();
    assert_eq!((&created.label, &ranges), (&mention.label, &mention.ranges));
    for span in spans {
        assert_eq!(text.slices(span), [&span.quote; 3].map(String::clone), "{}", created.name);
    }
    let quotes: Vec<_> = spans.iter().map(|span| span.quote.as_str()).collect();
    assert_eq!(quotes.join(" "), mention.quote, "{}", created.name);
}

/// All annotations of the project.
async fn stream(client: &Client) -> Vec<v1::Annotation> {
    let request = v1::StreamAnnotationsRequest { parent: P.to_owned(), ..Default::default() };
    let mut stream = client.annotations.clone().stream_annotations(request).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        all.extend(message.annotations);
    }
    all
}
