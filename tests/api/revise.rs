//! An article is given another text: every annotation goes with its words or asks for a review, and none is lost.

use spandrel::proto::v1::{self, AnchoringResult as Is, annotation::Target};
use tonic::Status;

use crate::support::{
    Client, Server, annotation, by_code_points, by_quote, by_utf8, check_refused, fact, mask, slices, spans,
};

pub(crate) const P: &str = "projects/p";
pub(crate) const A: &str = "projects/p/articles/a";
pub(crate) const OLD: &str = "Ada met Grace in Paris. Later, Zoë Müller wrote to Alan about the engine.";
/// Something before all of it, `in Paris` gone, a name changed, and a word inserted.
pub(crate) const NEW: &str = "1843: Ada met Grace. Later, Zoë Mueller wrote to Alan about the great engine.";

fn id(n: u8) -> String {
    format!("01900000-0000-7000-8000-0000000000{n:02x}")
}

pub(crate) fn name(n: u8) -> String {
    format!("{A}/annotations/{}", id(n))
}

pub(crate) fn revise(text: &str) -> v1::ReviseArticleRequest {
    v1::ReviseArticleRequest { name: A.to_owned(), text: text.to_owned(), ..Default::default() }
}

pub(crate) async fn list(client: &Client, text_revision: u32) -> Vec<v1::Annotation> {
    let request = v1::ListAnnotationsRequest { parent: A.to_owned(), text_revision, ..Default::default() };
    client.clone().list_all(request).await
}

pub(crate) async fn get(client: &Client, text_revision: u32) -> Result<v1::Article, Status> {
    client.send(v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision }).await
}

pub(crate) async fn head(client: &Client) -> u64 {
    client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
}

pub(crate) async fn undo(client: &Client, revision: u64) -> Result<v1::UndoCommitResponse, Status> {
    client.send(v1::UndoCommitRequest { parent: P.to_owned(), revision, ..Default::default() }).await
}

pub(crate) async fn create(client: &Client, n: u8, annotation: v1::Annotation) -> v1::Annotation {
    let request = v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation_id: id(n),
        annotation: Some(annotation),
        ..Default::default()
    };
    client.send(request).await.unwrap()
}

pub(crate) fn relation(label: &str, arguments: &[u8]) -> v1::Annotation {
    let argument = |(role, n): (usize, &u8)| v1::Argument { role: role.to_string(), annotation: name(*n) };
    let arguments = arguments.iter().enumerate().map(argument).collect();
    let target = Some(Target::Relation(v1::Relation { arguments }));
    v1::Annotation { label: label.to_owned(), target, ..Default::default() }
}

pub(crate) fn of_article(label: &str) -> v1::Annotation {
    let target = Some(Target::Article(v1::WholeArticle {}));
    v1::Annotation { label: label.to_owned(), target, ..Default::default() }
}

/// An article with annotations of each kind; the number of each says what is to become of it.
pub(crate) async fn annotated() -> (Server, Client) {
    let server = Server::start();
    let client = server.client_with_article(OLD).await;
    for (n, quotes) in [
        (1, &["Ada"][..]),
        (2, &["Paris"]),
        (3, &["Zoë Müller"]),
        (4, &["the engine"]),
        (5, &["Grace", "Alan"]),
        (6, &["Ada", "Paris"]),
    ] {
        let spans = quotes.iter().map(|quote| by_quote(quote)).collect();
        create(&client, n, annotation("X", spans)).await;
    }
    create(&client, 7, relation("met", &[1, 5])).await;
    create(&client, 8, relation("in", &[1, 2])).await;
    create(&client, 9, relation("says", &[7, 8])).await;
    create(&client, 10, of_article("LETTER")).await;
    (server, client)
}

fn anchoring(annotation: &v1::Annotation) -> (Is, f64, u32, bool) {
    let anchoring = annotation.anchoring.unwrap();
    let result = Is::try_from(anchoring.result).unwrap();
    (result, anchoring.similarity, anchoring.from_text_revision, anchoring.needs_review)
}

fn quotes(annotation: &v1::Annotation) -> Vec<&str> {
    spans(annotation).iter().map(|span| span.quote.as_str()).collect()
}

/// Expects of the annotation that it stands at these words of the text of this revision.
#[track_caller]
fn check(found: &v1::Annotation, words: &[&str], text_revision: u32, is: (Is, f64, bool)) {
    assert_eq!((quotes(found), found.text_revision), (words.to_vec(), text_revision), "{found:?}");
    let (result, similarity, needs_review) = is;
    assert_eq!(anchoring(found), (result, similarity, 1, needs_review), "{found:?}");
    if text_revision == 2 {
        for span in spans(found) {
            assert_eq!(slices(NEW, span), [(); 3].map(|()| span.quote.clone()));
        }
    }
}

#[tokio::test]
async fn each_annotation_goes_with_its_words_or_asks_for_a_review() {
    let (mut server, mut client) = annotated().await;
    let (before, article) = (list(&client, 0).await, get(&client, 0).await.unwrap());
    let preview = v1::ReviseArticleRequest { validate_only: true, ..revise(NEW) };
    let preview = client.send(preview).await.unwrap();
    assert_eq!((list(&client, 0).await, get(&client, 0).await.unwrap()), (before.clone(), article.clone()));
    let revised = client.send(revise(NEW)).await.unwrap();
    // What was previewed is what is done; but for the time.
    let untimed = |mut revised: v1::ReviseArticleResponse| {
        revised.article.as_mut().unwrap().update_time = None;
        revised.needs_review.iter_mut().for_each(|annotation| annotation.update_time = None);
        revised
    };
    assert_eq!(untimed(preview), untimed(revised.clone()));
    let v1::ReviseArticleResponse { article: answered, counts, needs_review, needs_review_count, revision } =
        revised.clone();
    let counts = counts.unwrap();
    let expected = v1::AnchoringCounts {
        unchanged: 0,
        shifted: 2,
        moved: 0,
        modified: 2,
        orphaned: 2,
        relations_needing_review: 2,
    };
    assert_eq!((counts, needs_review_count, revision), (expected, 6, head(&client).await));
    for _ in 0..2 {
        let now = get(&client, 0).await.unwrap();
        assert_eq!((now.text.as_str(), now.text_revision, now.revision), (NEW, 2, revision));
        assert_ne!(now.etag, article.etag);
        assert_eq!(Some(v1::Article { text: String::new(), ..now }), answered);
        let all = list(&client, 0).await;
        let order: Vec<_> = all.iter().map(|annotation| annotation.name.clone()).collect();
        // Of the whole article, in the text, relations, and what has lost its place.
        assert_eq!(order, [10, 1, 5, 3, 4, 7, 8, 9, 6, 2].map(name));
        let of = |n| all.iter().find(|annotation| annotation.name == name(n)).unwrap();
        check(of(1), &["Ada"], 2, (Is::Shifted, 1.0, false));
        check(of(2), &["Paris"], 1, (Is::Orphaned, 0.0, true));
        check(of(3), &["Zoë Mueller"], 2, (Is::Modified, 0.9, true));
        check(of(4), &["the great engine"], 2, (Is::Modified, 1.0, true));
        check(of(5), &["Grace", "Alan"], 2, (Is::Shifted, 1.0, false));
        // The worst of its spans.
        check(of(6), &["Ada", "Paris"], 1, (Is::Orphaned, 0.0, true));
        // The worst of what it uses; one that has lost its place is to be looked at.
        assert_eq!(anchoring(of(7)), (Is::Shifted, 1.0, 1, false));
        assert_eq!(anchoring(of(8)), (Is::Orphaned, 0.0, 1, true));
        assert_eq!(anchoring(of(9)), (Is::Orphaned, 0.0, 1, true));
        assert_eq!(of(10).anchoring, None);
        for n in [7, 8, 9, 10] {
            assert_eq!(of(n).text_revision, 2);
        }
        for then in &before {
            let now = all.iter().find(|annotation| annotation.name == then.name).unwrap();
            assert_eq!((now.state, &now.note, now.create_time), (then.state, &then.note, then.create_time));
            assert_eq!(now.revision, revision);
            assert_ne!(now.etag, then.etag);
            assert_eq!(client.get(&now.name).await.unwrap(), *now);
        }
        let listed: Vec<_> = needs_review.iter().map(|annotation| annotation.name.clone()).collect();
        assert_eq!(listed, [3, 4, 8, 9, 6, 2].map(name));
        assert!(needs_review.iter().all(|annotation| all.contains(annotation)));
        // In no window, not even in one of all the text.
        let all = v1::ListAnnotationsRequest {
            parent: A.to_owned(),
            overlaps: Some(by_utf8(0, u32::try_from(NEW.len()).unwrap())),
            ..Default::default()
        };
        assert_eq!(client.list_all(all).await.len(), 4);
        // As it stood.
        assert_eq!(list(&client, 1).await, before);
        let then = get(&client, 1).await.unwrap();
        assert_eq!(
            (then.text.as_str(), &then.text_sha256, then.length),
            (OLD, &article.text_sha256, article.length)
        );
        assert_eq!((then.text_revision, then.revision), (1, revision));
        server.kill();
        server.start_again();
        client = server.client().await;
    }
}

#[tokio::test]
async fn an_earlier_text_is_read_as_it_was() {
    let (_server, client) = annotated().await;
    let then = list(&client, 1).await;
    client.send(revise(NEW)).await.unwrap();
    let changed = create(&client, 11, annotation("NEW", vec![by_quote("1843")])).await;
    let delete = v1::DeleteAnnotationRequest { name: name(3), ..Default::default() };
    client.send(delete).await.unwrap();
    let second = list(&client, 0).await;
    assert!(second.contains(&changed) && second.len() == then.len());
    client.send(revise("Nothing of it is left")).await.unwrap();
    assert_eq!(list(&client, 1).await, then);
    assert_eq!(list(&client, 2).await, second);
    assert_eq!(list(&client, 3).await, list(&client, 0).await);

    let window = |text_revision, start, end| v1::ListAnnotationsRequest {
        parent: A.to_owned(),
        text_revision,
        overlaps: Some(by_code_points(start, end)),
        page_size: 1,
        ..Default::default()
    };
    let check = async |request, expected: &[u8]| {
        let found: Vec<_> = client.clone().list_all(request).await.into_iter().map(|it| it.name).collect();
        assert_eq!(found, expected.iter().map(|n| name(*n)).collect::<Vec<_>>());
    };
    check(window(1, 0, 3), &[6, 1]).await;
    check(window(2, 0, 3), &[11]).await;
    check(window(3, 0, 3), &[]).await;
    check(window(0, 0, 3), &[]).await;
    let past = u32::try_from(NEW.chars().count()).unwrap();
    check_refused(client.send(window(1, 0, past)).await, "SPAN_OUT_OF_BOUNDS", "overlaps.code_points.end");
    let first = client.send(window(1, 0, 3)).await.unwrap();
    let token = first.next_page_token;
    let other = v1::ListAnnotationsRequest { page_token: token, ..window(2, 0, 3) };
    check_refused(client.send(other).await, "PAGE_TOKEN_INVALID", "page_token");

    let convert = |text_revision, offset| v1::ConvertOffsetsRequest {
        name: A.to_owned(),
        text_revision,
        unit: v1::OffsetUnit::CodePoints.into(),
        offsets: vec![offset],
    };
    for (text_revision, text) in [(1, OLD), (2, NEW)] {
        let offset = text.chars().position(|c| c == 'ë').unwrap() + 1;
        let answer = client.send(convert(text_revision, u32::try_from(offset).unwrap())).await.unwrap();
        assert_eq!(answer.positions[0].utf8, u32::try_from(text.find('ë').unwrap() + 2).unwrap());
    }
    for missing in [4, u32::MAX] {
        let list =
            v1::ListAnnotationsRequest { parent: A.to_owned(), text_revision: missing, ..Default::default() };
        check_refused(get(&client, missing).await, "RESOURCE_NOT_FOUND", "text_revision");
        check_refused(client.send(list).await, "RESOURCE_NOT_FOUND", "text_revision");
        let status = client.send(convert(missing, 0)).await.unwrap_err();
        assert!(status.message().contains("whose latest is 3"), "{status:?}");
    }
}

#[tokio::test]
async fn the_texts_that_an_article_had_are_listed() {
    let (mut server, mut client) = annotated().await;
    let listing = || v1::ListArticleRevisionsRequest { parent: A.to_owned(), ..Default::default() };
    let only = client.send(listing()).await.unwrap().article_revisions;
    let article = get(&client, 0).await.unwrap();
    assert_eq!((only.len(), only[0].text_revision, &only[0].text_sha256), (1, 1, &article.text_sha256));
    assert_eq!((only[0].revision, only[0].create_time), (article.revision, article.create_time));
    let revised = client.send(revise(NEW)).await.unwrap();
    client.send(revise("Ada")).await.unwrap();
    for _ in 0..2 {
        let page = client.send(listing()).await.unwrap();
        let all = page.article_revisions;
        assert_eq!(page.revision, head(&client).await);
        assert_eq!(all[0], only[0]);
        assert_eq!(all.iter().map(|text| text.text_revision).collect::<Vec<_>>(), [1, 2, 3]);
        let (second, article) = (&all[1], revised.article.as_ref().unwrap());
        assert_eq!((second.counts, second.revision), (revised.counts, revised.revision));
        assert_eq!((&second.text_sha256, second.length), (&article.text_sha256, article.length));
        assert_eq!(second.create_time, article.update_time);
        assert_eq!(all[2].length.unwrap().utf8, 3);
        let mut pages = Vec::new();
        let mut request = v1::ListArticleRevisionsRequest { page_size: 2, ..listing() };
        loop {
            let page = client.send(request.clone()).await.unwrap();
            pages.push(page.article_revisions);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(pages, [all[..2].to_vec(), all[2..].to_vec()]);
        server.kill();
        server.start_again();
        client = server.client().await;
    }
    let missing = v1::ListArticleRevisionsRequest { parent: format!("{A}x"), ..Default::default() };
    check_refused(client.send(missing).await, "RESOURCE_NOT_FOUND", "parent");
}

#[tokio::test]
async fn what_cannot_be_revised_stays_as_it_is() {
    let (_server, client) = annotated().await;
    let (before, article) = (list(&client, 0).await, get(&client, 0).await.unwrap());
    let check = async |request: v1::ReviseArticleRequest, reason: &str, field: &str| {
        let validate_only = v1::ReviseArticleRequest { validate_only: true, ..request.clone() };
        let details = check_refused(client.send(validate_only).await, reason, field);
        check_refused(client.send(request).await, reason, field);
        details
    };
    check(revise(OLD), "FIELD_INVALID", "text").await;
    check(revise(&"x".repeat((2 << 20) + 1)), "LIMIT_EXCEEDED", "text").await;
    check(v1::ReviseArticleRequest { name: "x".to_owned(), ..revise("x") }, "FIELD_INVALID", "name").await;
    let missing = v1::ReviseArticleRequest { name: format!("{A}x"), ..revise("x") };
    check(missing, "RESOURCE_NOT_FOUND", "name").await;
    let stale = v1::ReviseArticleRequest { etag: "stale".to_owned(), ..revise("x") };
    let details = check(stale, "ETAG_MISMATCH", "etag").await;
    assert_eq!(fact(&details, "current_etag"), article.etag);
    let wrong_id = v1::ReviseArticleRequest { request_id: "7".to_owned(), ..revise("x") };
    check(wrong_id, "FIELD_INVALID", "request_id").await;
    assert_eq!((list(&client, 0).await, get(&client, 0).await.unwrap()), (before, article.clone()));
    let update = v1::UpdateArticleRequest {
        article: Some(v1::Article { text: NEW.to_owned(), ..article.clone() }),
        ..Default::default()
    };
    check_refused(client.send(update).await, "FIELD_INVALID", "article.text");
    // An etag that is read still is one.
    let revised = v1::ReviseArticleRequest { etag: article.etag, ..revise("") };
    let revised = client.send(revised).await.unwrap();
    assert_eq!(revised.counts.unwrap().orphaned, 6);
    assert_eq!(get(&client, 0).await.unwrap().text, "");
    assert_eq!(client.send(revise(OLD)).await.unwrap().counts.unwrap().orphaned, 6);
}

#[tokio::test]
async fn a_review_is_asked_for_until_somebody_has_looked() {
    let (_server, client) = annotated().await;
    client.send(revise(NEW)).await.unwrap();
    let needs_review = async |n| anchoring(&client.get(&name(n)).await.unwrap()).3;
    let update = |annotation: v1::Annotation, path: &str| v1::UpdateAnnotationRequest {
        annotation: Some(annotation),
        update_mask: Some(mask(&[path])),
        ..Default::default()
    };
    // The same place once more confirms it; a note does not.
    let third = client.get(&name(3)).await.unwrap();
    let noted = v1::Annotation { note: "later".to_owned(), etag: String::new(), ..third.clone() };
    client.send(update(noted, "note")).await.unwrap();
    assert!(needs_review(3).await);
    let third = v1::Annotation { etag: String::new(), ..third };
    client.send(update(third, "anchor")).await.unwrap();
    assert!(!needs_review(3).await);
    client
        .send(update(v1::Annotation { name: name(8), ..relation("in", &[1, 2]) }, "relation"))
        .await
        .unwrap();
    assert!(!needs_review(8).await);
    // Who has lost its place gets another one.
    let placed = v1::Annotation { name: name(2), ..annotation("X", vec![by_quote("Grace")]) };
    let placed = client.send(update(placed, "anchor")).await.unwrap();
    assert_eq!((placed.anchoring, placed.text_revision), (None, 2));

    let revised = client.send(revise(&format!("{NEW} End."))).await.unwrap();
    let counts = revised.counts.unwrap();
    assert_eq!((counts.unchanged, counts.orphaned, counts.relations_needing_review), (5, 1, 1));
    // Nobody has looked at it, nor at the relation between relations; what was confirmed stays so.
    let listed: Vec<_> = revised.needs_review.iter().map(|annotation| annotation.name.clone()).collect();
    assert_eq!((listed, revised.needs_review_count), ([4, 9, 6].map(name).to_vec(), 3));
    let fourth = client.get(&name(4)).await.unwrap();
    assert_eq!(anchoring(&fourth), (Is::Unchanged, 1.0, 2, true));
    // It stays as it was in the text that it stood in last.
    let sixth = client.get(&name(6)).await.unwrap();
    assert_eq!((sixth.text_revision, anchoring(&sixth)), (1, (Is::Orphaned, 0.0, 1, true)));
    assert_eq!(sixth, *list(&client, 2).await.iter().find(|it| it.name == name(6)).unwrap());
}

#[tokio::test]
async fn relations_that_use_each_other_in_a_circle_are_carried_too() {
    let (_server, client) = annotated().await;
    let circle = v1::Annotation { name: name(7), ..relation("met", &[9, 5]) };
    let update = v1::UpdateAnnotationRequest {
        annotation: Some(circle),
        update_mask: Some(mask(&["relation"])),
        ..Default::default()
    };
    client.send(update).await.unwrap();
    let revised = client.send(revise(NEW)).await.unwrap();
    assert_eq!(revised.counts.unwrap().relations_needing_review, 3);
    let delete = v1::DeleteAnnotationRequest { name: name(2), force: true, ..Default::default() };
    client.send(delete).await.unwrap();
    assert_eq!(list(&client, 0).await.len(), 6);
}

#[tokio::test]
async fn once_a_text_is_revised_it_is_said_which_one_is_meant() {
    let (_server, mut client) = annotated().await;
    client.send(revise(NEW)).await.unwrap();
    let request = |text_revision, span| v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation: Some(v1::Annotation { text_revision, ..annotation("X", vec![span]) }),
        ..Default::default()
    };
    let details = check_refused(
        client.send(request(1, by_utf8(0, 3))).await,
        "TEXT_REVISION_STALE",
        "annotation.text_revision",
    );
    assert_eq!((fact(&details, "sent"), fact(&details, "latest")), ("1".to_owned(), "2".to_owned()));
    check_refused(client.send(request(0, by_utf8(0, 3))).await, "FIELD_INVALID", "annotation.text_revision");
    client.send(request(2, by_utf8(0, 3))).await.unwrap();
    client.annotate(A, "X", by_quote("Mueller")).await.unwrap();
}

#[tokio::test]
async fn a_retry_is_answered_as_the_first_try() {
    let (mut server, mut client) = annotated().await;
    let request = v1::ReviseArticleRequest {
        request_id: "0190163d-8694-739b-aea5-966c26f8ad91".to_owned(),
        ..revise(NEW)
    };
    let first = client.send(request.clone()).await.unwrap();
    assert_eq!(client.send(request.clone()).await.unwrap(), first);
    let other = v1::ReviseArticleRequest { text: "x".to_owned(), ..request.clone() };
    check_refused(client.send(other).await, "REQUEST_ID_REUSED", "request_id");
    server.kill();
    server.start_again();
    client = server.client().await;
    assert_eq!(client.send(request.clone()).await.unwrap(), first);
    let last = client.send(revise("Ada")).await.unwrap();
    // What it did stands in a text of before by now.
    assert_eq!(client.send(request.clone()).await.unwrap(), first);
    let delete = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(delete).await.unwrap();
    assert_eq!(client.send(request).await.unwrap().counts, first.counts);
    assert_eq!(head(&client).await, last.revision + 1);
}

/// Whatever others do to the annotations while the text is revised, all of them stand in the new one afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_annotates_meanwhile_is_carried_over_too() {
    let server = Server::start();
    let line = |n: usize| format!("line {n} of the text\n");
    let text: String = (0..400).map(line).collect();
    let client = server.client_with_article(&text).await;
    let writer = |of: usize| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let mut made = Vec::new();
            for n in 0..100 {
                let quote = line(of * 100 + n).trim_end().to_owned();
                let created = client.annotate(A, "X", by_quote(&quote)).await.unwrap();
                if n % 5 == 0 {
                    let delete = v1::DeleteAnnotationRequest { name: created.name, ..Default::default() };
                    client.send(delete).await.unwrap();
                } else {
                    made.push((created.name, quote));
                }
            }
            made
        })
    };
    let writers: Vec<_> = (0..4).map(writer).collect();
    let mut revisions = 0;
    while writers.iter().any(|writer| !writer.is_finished()) {
        revisions += 1;
        let text = format!("{}{text}", "before\n".repeat(revisions));
        client.send(revise(&text)).await.unwrap();
    }
    let mut made = std::collections::HashMap::new();
    for writer in writers {
        made.extend(writer.await.unwrap());
    }
    let latest = get(&client, 0).await.unwrap();
    assert_eq!(latest.text_revision, u32::try_from(revisions + 1).unwrap());
    let all = list(&client, 0).await;
    assert_eq!(all.len(), made.len());
    for annotation in all {
        assert_eq!(annotation.text_revision, latest.text_revision);
        let [span] = spans(&annotation) else { panic!("{annotation:?}") };
        assert_eq!(span.quote, made[&annotation.name]);
        assert_eq!(slices(&latest.text, span), [(); 3].map(|()| span.quote.clone()));
    }
    assert!(revisions > 0);
}
