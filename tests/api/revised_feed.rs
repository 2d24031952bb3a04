//! Who follows a project is told a new text, and then each annotation as it was carried over.

use spandrel::proto::v1::{self, resource::Kind, watch_changes_request::Start};

use crate::{
    revise::{A, NEW, P, annotated, create, head, list, name, revise, undo},
    support::{annotation, by_quote},
};

fn annotations(changes: &[v1::Change]) -> Vec<v1::Annotation> {
    let told = changes.iter().filter_map(|change| match &change.after.as_ref()?.kind {
        Some(Kind::Annotation(annotation)) => {
            assert!(change.cascaded && change.before.is_none(), "{change:?}");
            Some(annotation.clone())
        }
        _ => None,
    });
    told.collect()
}

fn sorted(mut annotations: Vec<v1::Annotation>) -> Vec<v1::Annotation> {
    annotations.sort_by(|one, other| one.name.cmp(&other.name));
    annotations
}

#[tokio::test]
async fn a_new_text_is_told_with_all_annotations() {
    let (_server, client) = annotated().await;
    let other = v1::Annotation { layer: "gold".to_owned(), ..annotation("Y", vec![by_quote("Alan")]) };
    let other = create(&client, 11, other).await;
    let start = Start::AfterRevision(head(&client).await);
    let all = v1::WatchChangesRequest { parent: P.to_owned(), start: Some(start), ..Default::default() };
    let gold = v1::WatchChangesRequest { layer: "gold".to_owned(), ..all.clone() };
    let elsewhere = v1::WatchChangesRequest { article: format!("{P}/articles/b"), ..all.clone() };
    let (mut live, mut live_gold) =
        (client.watch(all.clone()).await.unwrap(), client.watch(gold.clone()).await.unwrap());
    client.send(revise(NEW)).await.unwrap();
    let (mut late, mut late_gold) = (client.watch(all).await.unwrap(), client.watch(gold).await.unwrap());
    for feed in [&mut live, &mut late] {
        let commit = feed.commit().await;
        let article = &commit.changes[0];
        assert_eq!((article.name.as_str(), article.cascaded), (A, true));
        assert!(article.before.is_some() && article.after.is_some());
        assert_eq!(sorted(annotations(&commit.changes)), sorted(list(&client, 0).await));
    }
    for feed in [&mut live_gold, &mut late_gold] {
        let commit = feed.commit().await;
        assert_eq!(commit.changes[0].name, A);
        let told = annotations(&commit.changes);
        assert_eq!(told, [client.get(&other.name).await.unwrap()]);
    }
    let mut elsewhere = client.watch(elsewhere).await.unwrap();
    let undone = undo(&client, head(&client).await).await.unwrap();
    for feed in [&mut live, &mut late] {
        let commit = feed.commit().await;
        assert_eq!((commit.revision, commit.undone_revision), (undone.revision, undone.revision - 1));
        assert_eq!(sorted(annotations(&commit.changes)), sorted(list(&client, 0).await));
    }
    client.clone().create_article(P, "b", "b").await;
    assert_eq!(elsewhere.commit().await.changes[0].name, format!("{P}/articles/b"));

    let request = v1::ListChangesRequest { parent: P.to_owned(), ..Default::default() };
    let listed = client.list_changes(request.clone()).await;
    let revised: Vec<_> = listed.iter().filter(|commit| commit.changes[0].cascaded).collect();
    assert_eq!(revised.iter().map(|commit| commit.changes.len()).collect::<Vec<_>>(), [1, 1]);
    // A list of one annotation's changes says so, too.
    let of_one = v1::ListChangesRequest { annotation: name(1), ..request };
    assert_eq!(client.list_changes(of_one).await.len(), 3);
}

#[tokio::test]
async fn a_text_without_annotations_is_told_alone() {
    let server = crate::support::Server::start();
    let client = server.client_with_article("one").await;
    let mut feed = client.watch_from(P, Start::AfterRevision(head(&client).await)).await.unwrap();
    client.send(revise("two")).await.unwrap();
    client.send(revise("three")).await.unwrap();
    for length in [3, 5] {
        let commit = feed.commit().await;
        let [change] = commit.changes.as_slice() else { panic!("{commit:?}") };
        let Some(Kind::Article(article)) = &change.after.as_ref().unwrap().kind else { panic!("{change:?}") };
        assert_eq!((article.length.unwrap().utf8, change.cascaded), (length, false));
    }
}
