//! A new text is taken back as another one, with all annotations as they stood before.

use spandrel::proto::v1;

use crate::{
    revise::{A, NEW, OLD, P, annotated, create, get, head, list, name, revise, undo},
    support::{Client, annotation, by_quote, check_refused, mask},
};

/// What an undo brings back, without what tells that it was written anew.
async fn state(client: &Client) -> (v1::Article, Vec<v1::Annotation>) {
    let (mut article, mut annotations) = (get(client, 0).await.unwrap(), list(client, 0).await);
    let latest = article.text_revision;
    (article.revision, article.update_time, article.text_revision) = (0, None, 0);
    article.etag.clear();
    for annotation in &mut annotations {
        (annotation.revision, annotation.update_time) = (0, None);
        annotation.etag.clear();
        if annotation.text_revision == latest {
            annotation.text_revision = 0;
        }
    }
    (article, annotations)
}

#[tokio::test]
async fn a_new_text_is_taken_back_with_all_that_it_did() {
    let (mut server, mut client) = annotated().await;
    client.send(revise(NEW)).await.unwrap();
    let before = state(&client).await;
    // 2 and 6 have lost their places already, and 5 does now.
    let revised =
        client.send(revise("1843: Ada. Later, Zoë Mueller wrote to Alan about the engine.")).await.unwrap();
    let after = state(&client).await;
    let preview = v1::UndoCommitRequest {
        parent: P.to_owned(),
        revision: revised.revision,
        validate_only: true,
        ..Default::default()
    };
    assert_eq!(client.send(preview).await.unwrap().revision, revised.revision + 1);
    assert_eq!(state(&client).await, after);
    let undone = undo(&client, revised.revision).await.unwrap();
    assert_eq!((undone.changes.len(), undone.changes[0].cascaded), (1, true));
    let now = get(&client, 0).await.unwrap();
    assert_eq!((now.text.as_str(), now.text_revision, now.revision), (NEW, 4, undone.revision));
    assert_eq!(state(&client).await, before);
    for annotation in list(&client, 0).await {
        let is_kept = [name(2), name(6)].contains(&annotation.name);
        assert_eq!(annotation.revision == undone.revision, !is_kept, "{annotation:?}");
    }
    server.kill();
    server.start_again();
    client = server.client().await;
    assert_eq!(state(&client).await, before);
    // What is undone twice is done.
    let redone = undo(&client, undone.revision).await.unwrap();
    assert_eq!(state(&client).await, after);
    undo(&client, redone.revision).await.unwrap();
    assert_eq!(state(&client).await, before);
    let listing = v1::ListArticleRevisionsRequest { parent: A.to_owned(), ..Default::default() };
    let all = client.send(listing).await.unwrap().article_revisions;
    assert_eq!(all.len(), 6);
    assert_eq!((&all[1].text_sha256, &all[2].text_sha256), (&all[3].text_sha256, &all[4].text_sha256));
    assert_eq!(all[3].counts, Some(v1::AnchoringCounts::default()));
    // Annotations are changed in it as in any other.
    client.annotate(A, "X", by_quote("1843")).await.unwrap();
    client.send(revise(OLD)).await.unwrap();
}

#[tokio::test]
async fn a_new_text_is_not_taken_back_from_under_what_was_built_on_it() {
    let (_server, client) = annotated().await;
    let earlier = create(&client, 11, annotation("X", vec![by_quote("Alan")])).await.revision;
    let deleted = v1::DeleteAnnotationRequest { name: name(3), ..Default::default() };
    client.send(deleted).await.unwrap();
    let deletion = head(&client).await;
    let revised = client.send(revise(NEW)).await.unwrap().revision;
    // Nor is what was done in the text before, whose places are not there any more.
    for revision in [earlier, deletion] {
        let status = undo(&client, revision).await.unwrap_err();
        check_refused(Err::<(), _>(status), "UNDO_CONFLICT", "");
    }
    let check = async |expected: &str| {
        let status = undo(&client, revised).await.unwrap_err();
        assert!(status.message().contains(expected), "{status:?}");
        check_refused(Err::<(), _>(status), "UNDO_CONFLICT", "");
    };
    let made = create(&client, 12, annotation("X", vec![by_quote("1843")])).await;
    check("has annotations that were changed since").await;
    let undone = undo(&client, made.revision).await.unwrap();
    // Taking it back is a change, too.
    check("has annotations that were changed since").await;
    assert!(undone.revision > made.revision);
    let titled = v1::Article { name: A.to_owned(), title: "T".to_owned(), ..Default::default() };
    let update = v1::UpdateArticleRequest {
        article: Some(titled),
        update_mask: Some(mask(&["title"])),
        ..Default::default()
    };
    client.send(update).await.unwrap();
    check("was changed since").await;
}

#[tokio::test]
async fn a_deleted_article_comes_back_with_all_its_texts() {
    let (mut server, mut client) = annotated().await;
    client.send(revise(NEW)).await.unwrap();
    let (first, second) = (list(&client, 1).await, state(&client).await);
    let delete = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(delete).await.unwrap();
    check_refused(get(&client, 1).await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(revise("x")).await, "RESOURCE_NOT_FOUND", "name");
    server.kill();
    server.start_again();
    client = server.client().await;
    undo(&client, head(&client).await).await.unwrap();
    assert_eq!((list(&client, 1).await, state(&client).await), (first, second));
    assert_eq!(get(&client, 1).await.unwrap().text, OLD);
    client.send(revise(OLD)).await.unwrap();
}
