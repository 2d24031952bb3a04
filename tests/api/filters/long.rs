//! Filters over articles that are longer than what one view looks at.

use spandrel::proto::v1::{self, annotation::Target};

use super::{A, SENTENCE, add, fill, list, oracle::Ask, stream, streamed};
use crate::support::{Seeded, Server, annotation, by_code_points, by_quote, check_refused};

/// More annotations than one view looks at, whether they are asked alone or beside each other.
#[tokio::test]
async fn a_long_article_is_looked_through_in_parts() {
    let text = "x".repeat(200) + SENTENCE;
    let server = Server::start();
    let mut client = server.client_with_article(&text).await;
    for _ in 0..9 {
        let common = annotation("COMMON", vec![by_code_points(0, 1)]);
        add(&client, A, vec![common; 1_000]).await;
    }
    let rare = annotation("RARE", vec![by_quote("Siemens")]);
    let near = annotation("NEAR", vec![by_quote("Huawei")]);
    let rare = add(&client, A, vec![rare, near]).await;
    let page = async |filter: &str| {
        let page = client.send(list(filter)).await.unwrap();
        (page.annotations, page.next_page_token)
    };
    for nothing in ["score > 0", "label = COMMON AND after(*)", "NOT cooccurs(*)", "equals(label = NONE)"] {
        assert_eq!(page(nothing).await, (vec![], String::new()), "{nothing}");
        assert_eq!(streamed(&client, stream(nothing)).await, [], "{nothing}");
    }
    for one in ["label != COMMON AND quote = Siemens", "before(label = NEAR, 5)", "cooccurs(label = NEAR, 9)"]
    {
        assert_eq!(page(one).await, (vec![rare[0].clone()], String::new()), "{one}");
        assert_eq!(streamed(&client, stream(one)).await, [rare[0].clone()], "{one}");
    }
    let two = "equals(label = COMMON) AND before(label = RARE AND before(label = NEAR)) OR label = NEAR";
    let all = client.list_all(v1::ListAnnotationsRequest { label: "COMMON".to_owned(), ..list("") }).await;
    let filter = two.replace(" OR label = NEAR", "");
    assert_eq!(client.list_all(list(&filter)).await, all);
    assert_eq!(streamed(&client, stream(&filter)).await, all);
}

#[tokio::test]
async fn functions_that_find_too_much_are_refused() {
    let server = Server::start();
    let mut client = server.client_with_article(&"x".repeat(200)).await;
    let scattered = || (0..64).map(|at| by_code_points(2 * at, 2 * at + 1)).collect();
    for label in ["A", "B"] {
        for _ in 0..4 {
            add(&client, A, vec![annotation(label, scattered()); 400]).await;
        }
    }
    for filter in ["overlaps(*)", "overlaps(label = A) OR before(label = B)"] {
        check_refused(client.send(list(filter)).await, "LIMIT_EXCEEDED", "filter");
        let mut stream = client.annotations.stream_annotations(stream(filter)).await.unwrap().into_inner();
        check_refused(stream.message().await, "LIMIT_EXCEEDED", "filter");
    }
    let page = client.send(v1::ListAnnotationsRequest { page_size: 5, ..list("equals(label = A)") }).await;
    assert_eq!(page.unwrap().annotations.len(), 5);
}

/// An article that is too long for one view, since it has a label very often. To the others that is the same as having it
/// twice, and each of these is as good as any.
#[tokio::test]
async fn what_passes_of_a_long_article_is_what_a_naive_search_finds() {
    let text = SENTENCE.repeat(12);
    let length = text.chars().count();
    let server = Server::start();
    let mut client = server.client_with_article(&text).await;
    let mut seeded = Seeded::new(8);
    fill(&client, &mut seeded, A, length, 120).await;
    let few = client.list_all(list("")).await;
    let filler = v1::Annotation {
        target: Some(Target::Article(v1::WholeArticle {})),
        layer: "model".to_owned(),
        score: Some(0.25),
        ..annotation("LOC", vec![])
    };
    let two = add(&client, A, vec![filler.clone(); 2]).await;
    let all = [few, two.clone()].concat();
    let mut fillers = add(&client, A, vec![filler; 4_000]).await;
    fillers.extend(two);
    let is_filler = |one: &v1::Annotation| fillers.iter().any(|filler| filler.name == one.name);
    for _ in 0..25 {
        let ask = Ask::random(&mut seeded, 3);
        let text = ask.text();
        let (of_fillers, expected): (Vec<_>, Vec<_>) =
            ask.of(&all).into_iter().partition(|one| is_filler(one));
        let count = if of_fillers.is_empty() { 0 } else { fillers.len() };
        for found in [client.list_all(list(&text)).await, streamed(&client, stream(&text)).await] {
            assert_eq!(found.len(), count + expected.len(), "{text}");
            let found: Vec<_> = found.into_iter().filter(|one| !is_filler(one)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
