//! Filters of lists and streams: what each function finds in a sentence, everything held against a naive oracle, and
//! what is said of a filter that is none.

mod long;
mod oracle;

use std::collections::BTreeMap;

use spandrel::proto::v1::{self, annotation::Target};

use self::oracle::{Ask, LABELS, LAYERS};
use crate::support::{
    Client, Seeded, Server, annotation, by_code_points, by_quote, check_refused, mask, spans,
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const SENTENCE: &str = "Hugo Chávez met Siemens and Huawei in Caracas. 👍🏽 He left.";

fn list(filter: &str) -> v1::ListAnnotationsRequest {
    v1::ListAnnotationsRequest {
        parent: A.to_owned(),
        filter: filter.to_owned(),
        page_size: 1_000,
        ..Default::default()
    }
}

fn stream(filter: &str) -> v1::StreamAnnotationsRequest {
    v1::StreamAnnotationsRequest { parent: P.to_owned(), filter: filter.to_owned(), ..Default::default() }
}

fn articles(filter: &str) -> v1::ListArticlesRequest {
    v1::ListArticlesRequest { parent: P.to_owned(), filter: filter.to_owned(), ..Default::default() }
}

fn create(annotation: v1::Annotation) -> v1::CreateAnnotationRequest {
    v1::CreateAnnotationRequest { annotation: Some(annotation), ..Default::default() }
}

async fn add(client: &Client, article: &str, annotations: Vec<v1::Annotation>) -> Vec<v1::Annotation> {
    let mut stored = Vec::new();
    for some in annotations.chunks(1_000) {
        let requests = some.iter().cloned().map(create).collect();
        let parent = article.to_owned();
        let batch = v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() };
        stored.extend(client.send(batch).await.unwrap().annotations);
    }
    stored
}

async fn streamed(client: &Client, request: v1::StreamAnnotationsRequest) -> Vec<v1::Annotation> {
    let mut stream = client.annotations.clone().stream_annotations(request).await.unwrap().into_inner();
    let (mut all, mut revision) = (Vec::new(), 0);
    while let Some(message) = stream.message().await.unwrap() {
        assert!(message.revision >= revision);
        revision = message.revision;
        all.extend(message.annotations);
    }
    all
}

/// What was marked in the sentence, each with a label of its own.
async fn marked() -> (Server, Client) {
    let server = Server::start();
    let client = server.client_with_article(SENTENCE).await;
    let of = |label: &str, spans| annotation(label, spans);
    let attribute = v1::AttributeValue { kind: Some(v1::attribute_value::Kind::BoolValue(true)) };
    let marked = vec![
        v1::Annotation { score: Some(0.9), ..of("hugo", vec![by_quote("Hugo Chávez")]) },
        v1::Annotation { layer: "model".to_owned(), ..of("chávez", vec![by_quote("Chávez")]) },
        v1::Annotation {
            note: "a company".to_owned(),
            attributes: [("Foreign".to_owned(), attribute)].into(),
            ..of("siemens", vec![by_quote("Siemens")])
        },
        v1::Annotation {
            layer: "model".to_owned(),
            state: v1::State::Suggested.into(),
            ..of("SIEMENS", vec![by_quote("Siemens")])
        },
        of("both", vec![by_quote("Siemens"), by_quote("Huawei")]),
        of("huawei", vec![by_quote("Huawei")]),
        of("sentence", vec![by_code_points(0, 46)]),
        of("he", vec![by_quote("He")]),
        v1::Annotation { target: Some(Target::Article(v1::WholeArticle {})), ..of("news", vec![]) },
    ];
    let stored = add(&client, A, marked).await;
    let argument =
        |role: &str, at: usize| v1::Argument { role: role.to_owned(), annotation: stored[at].name.clone() };
    let met = v1::Relation { arguments: vec![argument("who", 0), argument("whom", 2)] };
    add(&client, A, vec![v1::Annotation { target: Some(Target::Relation(met)), ..of("met", vec![]) }]).await;
    (server, client)
}

#[tokio::test]
async fn functions_find_what_stands_so_to_another_one() {
    let (_server, mut client) = marked().await;
    let mut check = async |filter: &str, expected: &[&str]| {
        for page_size in [1, 2, 1_000] {
            let found = client.list_all(v1::ListAnnotationsRequest { page_size, ..list(filter) }).await;
            let labels: Vec<_> = found.iter().map(|it| it.label.as_str()).collect();
            assert_eq!(labels, expected, "{filter}, in pages of {page_size}");
        }
        let found = streamed(&client, stream(filter)).await;
        assert_eq!(found.iter().map(|it| it.label.as_str()).collect::<Vec<_>>(), expected, "{filter}");
    };
    check("label = hugo OR label = he", &["hugo", "he"]).await;
    check("score > 0.5", &["hugo"]).await;
    check("quote = \"Siemens*\" AND target = anchor", &["both", "siemens", "SIEMENS"]).await;
    check("state = SUGGESTED", &["SIEMENS"]).await;
    check("attributes.Foreign = true AND note:company", &["siemens"]).await;
    check("target = (relation OR article)", &["news", "met"]).await;

    check("overlaps(label = hugo)", &["sentence", "chávez"]).await;
    check("contains(label = chávez)", &["sentence", "hugo"]).await;
    check("contains(label = both)", &["sentence"]).await;
    check("within(label = hugo)", &["chávez"]).await;
    check("within(label = both)", &["siemens", "SIEMENS", "huawei"]).await;
    check("equals(label = siemens)", &["SIEMENS"]).await;
    check("layer = model AND NOT equals(layer = default)", &["chávez"]).await;
    check("before(label = huawei, 5)", &["siemens", "SIEMENS"]).await;
    check("before(label = huawei, 4)", &[]).await;
    check("before(label = he)", &["sentence", "hugo", "chávez", "both", "siemens", "SIEMENS", "huawei"])
        .await;
    check("after(label = hugo, 5)", &["both", "siemens", "SIEMENS"]).await;
    check("after(label = sentence)", &["he"]).await;
    check("cooccurs(label = huawei, 5)", &["sentence", "both", "siemens", "SIEMENS"]).await;
    check("target = anchor AND NOT cooccurs(label = huawei, 20)", &["huawei"]).await;
    check("cooccurs(label = news) AND label = he", &["he"]).await;
    check("cooccurs(label = nothing)", &[]).await;
    check("overlaps(target = relation) OR equals(target = article)", &[]).await;

    check("label = hugo AND within(label = sentence AND contains(label = huawei))", &["hugo"]).await;
    check("within(label = both) AND after(contains(label = chávez), 5)", &["siemens", "SIEMENS"]).await;
    check("cooccurs(overlaps(label = hugo)) AND layer = model", &["chávez", "SIEMENS"]).await;
}

/// The window is met by empty spans inside of it, which overlap nothing in a filter.
#[tokio::test]
async fn a_window_and_a_filter_and_the_other_fields_are_all_kept_to() {
    let (_server, mut client) = marked().await;
    let schema = v1::LabelSchema {
        name: "projects/p/labelSchema".to_owned(),
        span_rules: Some(v1::SpanRules { empty: Some(true), ..Default::default() }),
        ..Default::default()
    };
    let (label_schema, update_mask) = (Some(schema), Some(mask(&["span_rules"])));
    let request = v1::UpdateLabelSchemaRequest { label_schema, update_mask, ..Default::default() };
    client.projects.update_label_schema(request).await.unwrap();
    add(&client, A, vec![annotation("empty", vec![by_code_points(3, 3)])]).await;
    let window =
        |filter: &str| v1::ListAnnotationsRequest { overlaps: Some(by_code_points(2, 9)), ..list(filter) };
    let mut check = async |request: v1::ListAnnotationsRequest, expected: &[&str]| {
        for page_size in [1, 1_000] {
            let found = client.list_all(v1::ListAnnotationsRequest { page_size, ..request.clone() }).await;
            let labels: Vec<_> = found.iter().map(|it| it.label.as_str()).collect();
            assert_eq!(labels, expected, "{request:?}");
        }
    };
    check(window(""), &["sentence", "hugo", "empty", "chávez"]).await;
    check(window("overlaps(*)"), &["sentence", "hugo", "chávez"]).await;
    check(window("within(label = hugo)"), &["empty", "chávez"]).await;
    check(window("before(label = he)"), &["sentence", "hugo", "empty", "chávez"]).await;
    check(
        v1::ListAnnotationsRequest { layer: "model".to_owned(), ..window("before(label = he)") },
        &["chávez"],
    )
    .await;
    let label = |filter: &str| v1::ListAnnotationsRequest { label: "hugo".to_owned(), ..list(filter) };
    check(label("score > 0.5"), &["hugo"]).await;
    check(label("contains(label = chávez)"), &["hugo"]).await;
    check(label("NOT contains(label = chávez)"), &[]).await;
    check(label("label = he"), &[]).await;
    // Of the texts there is one.
    check(v1::ListAnnotationsRequest { text_revision: 1, ..label("contains(*)") }, &["hugo"]).await;
    let later = v1::ListAnnotationsRequest { text_revision: 2, ..label("contains(*)") };
    check_refused(client.send(later).await, "RESOURCE_NOT_FOUND", "text_revision");
}

#[tokio::test]
async fn a_filter_that_is_none_is_refused_at_its_column() {
    let server = Server::start();
    let client = server.client_with_article(SENTENCE).await;
    let check = |answer: Result<String, tonic::Status>, reason: &str, expected: &str| {
        let details = check_refused(answer, reason, "filter");
        let said = details.bad_request().unwrap().field_violations[0].description.clone();
        assert!(said.contains(expected), "{said}");
    };
    let asks = async |filter: &str, reason, expected| {
        let listed = client.send(list(filter)).await.map(|page| format!("{page:?}"));
        check(listed, reason, expected);
        let streamed = client.annotations.clone().stream_annotations(stream(filter)).await;
        check(streamed.map(|_| String::new()), reason, expected);
    };
    asks("label = PER AND score > high", "FIELD_INVALID", "column 25").await;
    asks("label == PER", "FIELD_INVALID", "column 7").await;
    asks("👍🏽 = PER", "FIELD_INVALID", "column 1").await;
    asks("note = \"👍🏽\" AND colour = red", "FIELD_INVALID", "column 17").await;
    asks("overlap(label = PER)", "FIELD_INVALID", "overlaps").await;
    asks("overlaps(label = PER, 3)", "FIELD_INVALID", "column 21").await;
    asks("title = x", "FIELD_INVALID", "label").await;
    asks(&"x".repeat(8_193), "LIMIT_EXCEEDED", "8192").await;
    let deep = "overlaps(".repeat(5) + "*" + &")".repeat(5);
    asks(&deep, "LIMIT_EXCEEDED", "4").await;
    let wrong = client.send(articles("labels:\"PER\" AND label = PER")).await;
    check(wrong.map(|page| format!("{page:?}")), "FIELD_INVALID", "column 18");
    let wrong = client.send(articles("labels:*")).await;
    check(wrong.map(|page| format!("{page:?}")), "FIELD_INVALID", "labels");
}

fn spans_of(seeded: &mut Seeded, length: usize) -> Vec<v1::Span> {
    let reach = *seeded.pick(&[2, 5, 5, 12, 40]);
    let shift = seeded.below(length - reach);
    let mut edges: Vec<_> =
        (0..2 * seeded.pick(&[1, 1, 2, 3])).map(|_| shift + seeded.below(reach + 1)).collect();
    edges.sort_unstable();
    edges.dedup();
    edges.truncate(edges.len() / 2 * 2);
    let edge = |edge: usize| u32::try_from(edge).unwrap();
    let pairs: Vec<_> = edges.chunks(2).map(|it| by_code_points(edge(it[0]), edge(it[1]))).collect();
    if pairs.is_empty() { vec![by_code_points(edge(shift), edge(shift + 1))] } else { pairs }
}

/// Annotations of all layers, labels, states and kinds.
async fn fill(client: &Client, seeded: &mut Seeded, article: &str, length: usize, count: usize) {
    let any = |seeded: &mut Seeded| v1::Annotation {
        layer: (*seeded.pick(&LAYERS)).to_owned(),
        score: seeded.pick(&[None, Some(0.25), Some(0.75)]).to_owned(),
        state: seeded.pick(&[v1::State::Accepted, v1::State::Rejected]).to_owned().into(),
        ..annotation(LABELS[seeded.below(LABELS.len())], spans_of(seeded, length))
    };
    let mentions = (0..count).map(|_| any(seeded)).collect();
    let stored = add(client, article, mentions).await;
    let mut others = Vec::new();
    for _ in 0..count / 20 {
        let on = seeded.pick(&stored);
        let argument = v1::Argument { role: String::new(), annotation: on.name.clone() };
        let relation = Target::Relation(v1::Relation { arguments: vec![argument] });
        others.push(v1::Annotation { layer: on.layer.clone(), target: Some(relation), ..any(seeded) });
        others.push(v1::Annotation { target: Some(Target::Article(v1::WholeArticle {})), ..any(seeded) });
    }
    add(client, article, others).await;
}

#[tokio::test]
async fn what_passes_is_what_a_naive_search_finds() {
    let text = SENTENCE.repeat(12);
    let length = text.chars().count();
    let server = Server::start();
    let mut client = server.client_with_article(&text).await;
    client.create_article(P, "b", &text).await;
    client.create_article(P, "c", &text).await;
    let mut seeded = Seeded::new(7);
    fill(&client, &mut seeded, A, length, 160).await;
    fill(&client, &mut seeded, "projects/p/articles/c", length, 20).await;
    let all = client.list_all(list("")).await;
    let of_c = v1::ListAnnotationsRequest { parent: "projects/p/articles/c".to_owned(), ..list("") };
    let of_c = client.list_all(of_c).await;
    assert_eq!((all.len(), of_c.len()), (176, 22));
    let mut counts = [0; 3];
    for round in 0..120 {
        let ask = Ask::random(&mut seeded, 3);
        let (filter, expected) = (ask.text(), ask.of(&all));
        let kind = if expected.is_empty() { 0 } else { 1 + usize::from(expected.len() == all.len()) };
        counts[kind] += 1;
        let page_size = *seeded.pick(&[1, 7, 50, 1_000]);
        let request = v1::ListAnnotationsRequest { page_size, ..list(&filter) };
        assert_eq!(client.list_all(request).await, expected, "{filter}, in pages of {page_size}");
        if round % 3 == 0 {
            let expected = [expected.clone(), ask.of(&of_c)].concat();
            assert_eq!(streamed(&client, stream(&filter)).await, expected, "{filter}");
        }
        let start = u32::try_from(seeded.below(length - 30)).unwrap();
        let meets = |one: &&v1::Annotation| match &one.target {
            Some(Target::Anchor(_)) => spans(one).iter().any(|span| {
                let range = span.code_points.unwrap();
                range.start < start + 30 && start < range.end
            }),
            _ => false,
        };
        let expected: Vec<_> = expected.iter().filter(meets).cloned().collect();
        let overlaps = Some(by_code_points(start, start + 30));
        let request = v1::ListAnnotationsRequest { overlaps, page_size: 3, ..list(&filter) };
        assert_eq!(client.list_all(request).await, expected, "{filter}, from {start} on");
    }
    assert!(counts[1] > 40, "{counts:?} pass nothing, some, and all");
}

#[tokio::test]
async fn pages_are_one_sequence_while_others_write_what_the_filter_does_not_ask_for() {
    let text = SENTENCE.repeat(12);
    let length = text.chars().count();
    let server = Server::start();
    let mut client = server.client_with_article(&text).await;
    fill(&client, &mut Seeded::new(9), A, length, 160).await;
    let filter = "layer = alice AND overlaps(layer = gold AND NOT within(layer = model))";
    let expected = client.list_all(list(filter)).await;
    assert!(expected.len() > 10, "{expected:?}");
    let others = server.client().await;
    let writer = tokio::spawn(async move {
        let mut seeded = Seeded::new(10);
        loop {
            let other = |seeded: &mut Seeded| v1::Annotation {
                layer: "bob".to_owned(),
                ..annotation("PER", spans_of(seeded, length))
            };
            let some = (0..20).map(|_| other(&mut seeded)).collect();
            for gone in add(&others, A, some).await {
                let delete = v1::DeleteAnnotationRequest { name: gone.name, ..Default::default() };
                others.send(delete).await.unwrap();
            }
        }
    });
    for page_size in [1, 2, 5, 1_000] {
        let request = v1::ListAnnotationsRequest { page_size, ..list(filter) };
        assert_eq!(client.list_all(request).await, expected, "in pages of {page_size}");
        assert_eq!(streamed(&client, stream(filter)).await, expected);
    }
    writer.abort();
}

#[tokio::test]
async fn a_stream_passes_over_articles_that_have_no_such_layer() {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    let mut expected = BTreeMap::new();
    for number in 0..30 {
        let id = format!("a{number:02}");
        let article = client.create_article(P, &id, SENTENCE).await.name;
        let layer = if number % 10 == 3 { "gold" } else { "model" };
        let mention = |label, quote| v1::Annotation {
            layer: layer.to_owned(),
            ..annotation(label, vec![by_quote(quote)])
        };
        let marked = vec![mention("PER", "Hugo"), mention("ORG", "Siemens"), mention("PER", "He")];
        expected.insert(number, add(&client, &article, marked).await);
    }
    let of = |wanted: fn(usize, &v1::Annotation) -> bool| -> Vec<_> {
        let all = expected.iter().flat_map(|(number, stored)| stored.iter().map(|it| (*number, it.clone())));
        all.filter(|(number, it)| wanted(*number, it)).map(|(_, it)| it).collect()
    };
    let gold = |number: usize, _: &v1::Annotation| number % 10 == 3;
    for request in [
        stream("layer = gold"),
        v1::StreamAnnotationsRequest { layer: "gold".to_owned(), ..stream("") },
        v1::StreamAnnotationsRequest { layer: "gold".to_owned(), ..stream("cooccurs(layer = gold)") },
    ] {
        assert_eq!(streamed(&client, request).await, of(gold));
    }
    assert_eq!(streamed(&client, stream("layer = gold AND cooccurs(layer = model)")).await, []);
    let before = |_: usize, it: &v1::Annotation| it.label == "PER" && spans(it)[0].quote == "Hugo";
    assert_eq!(streamed(&client, stream("label = PER AND before(label = ORG)")).await, of(before));
    assert_eq!(streamed(&client, stream("label = PER AND NOT after(*)")).await, of(before));
}

#[tokio::test]
async fn a_token_belongs_to_what_its_filter_means() {
    let (_server, client) = marked().await;
    let with = |filter: &str, page_token: &str| v1::ListAnnotationsRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
        ..list(filter)
    };
    for (filter, same, other) in [
        ("target = anchor AND label != he", "(target:\"anchor\")  -label = \"he\"", "target = anchor"),
        ("within(label = both)", "within( ( label = 'both' ) )", "within(label = sentence)"),
        ("before(*, 5)", "before(*,5)", "before(*, 6)"),
    ] {
        let first = client.send(with(filter, "")).await.unwrap();
        let next = client.send(with(filter, &first.next_page_token)).await.unwrap();
        assert_eq!(client.send(with(same, &first.next_page_token)).await.unwrap(), next, "{same}");
        for other in [other, ""] {
            let answer = client.send(with(other, &first.next_page_token)).await;
            check_refused(answer, "PAGE_TOKEN_INVALID", "page_token");
        }
    }
}

/// Lists are kept to be answered again, and one with functions depends on what it does not list.
#[tokio::test]
async fn an_answer_is_fresh_when_another_annotation_came_or_went() {
    let (_server, client) = marked().await;
    let asked = list("label = he AND equals(label = again)");
    assert_eq!(client.send(asked.clone()).await.unwrap().annotations, []);
    let again = add(&client, A, vec![annotation("again", vec![by_quote("He")])]).await.remove(0);
    let page = client.send(asked.clone()).await.unwrap();
    assert_eq!((page.annotations.len(), page.revision), (1, again.revision));
    let delete = v1::DeleteAnnotationRequest { name: again.name, ..Default::default() };
    client.send(delete).await.unwrap();
    assert_eq!(client.send(asked).await.unwrap().annotations, []);
}

#[tokio::test]
async fn articles_are_found_by_what_they_are_and_what_is_marked_in_them() {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    for (id, language, source) in
        [("a", "en", "pubmed"), ("b", "de", "pubmed"), ("c", "en-US", "news"), ("d", "", "")]
    {
        let metadata = [("source".to_owned(), source.to_owned())].into();
        let article = v1::Article {
            text: SENTENCE.repeat(if id == "c" { 9 } else { 1 }),
            title: format!("On {id}"),
            language: language.to_owned(),
            metadata,
            ..Default::default()
        };
        let request = v1::CreateArticleRequest {
            parent: P.to_owned(),
            article_id: id.to_owned(),
            article: Some(article),
            ..Default::default()
        };
        client.send(request).await.unwrap();
    }
    let mention = |label, layer: &str| v1::Annotation {
        layer: layer.to_owned(),
        ..annotation(label, vec![by_code_points(0, 4)])
    };
    add(&client, A, vec![mention("PER", "gold"), mention("ORG", "gold")]).await;
    add(&client, "projects/p/articles/b", vec![mention("ORG", "model")]).await;
    // Its last annotation has a label that none of those has that one view looks at.
    let c = "projects/p/articles/c";
    add(&client, c, vec![mention("COMMON", "model"); 5_000]).await;
    add(&client, c, vec![annotation("LAST", vec![by_code_points(9, 10)])]).await;

    let check = async |filter: &str, expected: &[&str]| {
        for page_size in [1, 2, 0] {
            let (mut found, mut page_token) = (Vec::new(), String::new());
            loop {
                let page = v1::ListArticlesRequest { page_size, page_token, ..articles(filter) };
                let page = client.send(page).await.unwrap();
                found.extend(page.articles.iter().map(|it| it.name.rsplit('/').next().unwrap().to_owned()));
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            assert_eq!(found, expected, "{filter}, in pages of {page_size}");
        }
    };
    check("", &["a", "b", "c", "d"]).await;
    check("language:en", &["a", "c"]).await;
    check("metadata.source = pubmed AND NOT language = de", &["a"]).await;
    check("length > 100 OR title = \"On d\"", &["c", "d"]).await;
    check("labels:PER", &["a"]).await;
    check("labels:ORG", &["a", "b"]).await;
    check("labels:(ORG OR LAST)", &["a", "b", "c"]).await;
    check("labels:COMMON AND labels:LAST", &["c"]).await;
    check("NOT labels:COMMON", &["a", "b", "d"]).await;
    check("labels:nothing", &[]).await;
    check("layers:gold", &["a"]).await;
    check("layers:model OR layers:gold", &["a", "b", "c"]).await;
    check("NOT layers:model AND NOT layers:gold", &["d"]).await;
    check("layers:default AND language:en AND labels:LAST", &["c"]).await;
    let first =
        client.send(v1::ListArticlesRequest { page_size: 1, ..articles("labels:ORG") }).await.unwrap();
    let token =
        |filter| v1::ListArticlesRequest { page_token: first.next_page_token.clone(), ..articles(filter) };
    assert_eq!(client.send(token("labels : 'ORG'")).await.unwrap().articles.len(), 1);
    check_refused(client.send(token("labels:PER")).await, "PAGE_TOKEN_INVALID", "page_token");
    check_refused(client.send(token("")).await, "PAGE_TOKEN_INVALID", "page_token");
}
