//! Undo: what a commit did is taken back, unless somebody built on it; and an undo is undone like any commit.

use spandrel::proto::v1::{self, write::Op};
use tonic::Status;

use crate::support::{Client, Server, annotation, by_quote, check_refused, fact, mask, refusal};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const TEXT: &str = "one two three four five six seven";

async fn undo(client: &Client, revision: u64) -> Result<v1::UndoCommitResponse, Status> {
    client.send(v1::UndoCommitRequest { parent: P.to_owned(), revision, ..Default::default() }).await
}

async fn head(client: &Client) -> u64 {
    client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
}

async fn article(client: &Client) -> Result<v1::Article, Status> {
    client.send(v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision: 0 }).await
}

async fn annotations(client: &Client) -> Vec<v1::Annotation> {
    client.clone().list_all(v1::ListAnnotationsRequest { parent: A.to_owned(), ..Default::default() }).await
}

/// Everything that an undo brings back, without what tells that it was written anew.
async fn state(client: &Client) -> (v1::Project, Option<v1::Article>, Vec<v1::Annotation>) {
    let mut project = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
    (project.revision, project.update_time) = (0, None);
    project.etag.clear();
    let mut article = article(client).await.ok();
    if let Some(article) = &mut article {
        (article.revision, article.update_time) = (0, None);
        article.etag.clear();
    }
    let mut annotations = if article.is_some() { annotations(client).await } else { Vec::new() };
    for annotation in &mut annotations {
        (annotation.revision, annotation.update_time) = (0, None);
        annotation.etag.clear();
    }
    (project, article, annotations)
}

/// Expects that what `request` does can be undone, redone and undone again, also after a restart.
async fn check<R: crate::support::Request>(server: &mut Server, client: &mut Client, request: R)
where
    R::Answer: std::fmt::Debug,
{
    let before = state(client).await;
    client.send(request).await.unwrap();
    let (done, after) = (head(client).await, state(client).await);
    let undone = undo(client, done).await.unwrap();
    assert_eq!((undone.revision, state(client).await), (done + 1, before.clone()));
    let told = undone.changes.len();
    assert!(told == usize::try_from(undone.change_count).unwrap() || told > 500);
    server.kill();
    server.start_again();
    *client = server.client().await;
    let redone = undo(client, undone.revision).await.unwrap();
    assert_eq!((redone.revision, state(client).await), (done + 2, after));
    undo(client, redone.revision).await.unwrap();
    assert_eq!(state(client).await, before);
    let log = v1::ListChangesRequest { parent: P.to_owned(), after_revision: done, ..Default::default() };
    let (mut undone, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = client.send(v1::ListChangesRequest { page_token, ..log.clone() }).await.unwrap();
        // A large commit comes in parts.
        let whole = page.changes.iter().filter(|changes| !changes.continued);
        undone.extend(whole.map(|changes| changes.undone_revision));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(undone, [done, done + 1, done + 2]);
}

async fn annotated() -> (Server, Client, Vec<v1::Annotation>) {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    for (label, quote) in [("A", "one"), ("B", "three"), ("C", "six seven")] {
        client.annotate(A, label, by_quote(quote)).await.unwrap();
    }
    let annotations = annotations(&client).await;
    (server, client, annotations)
}

#[tokio::test]
async fn whatever_a_commit_does_is_taken_back_and_done_again() {
    let (mut server, mut client, there) = annotated().await;
    let create = v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation: Some(annotation("X", vec![by_quote("two"), by_quote("four")])),
        ..Default::default()
    };
    check(&mut server, &mut client, create.clone()).await;
    let moved = annotation("Y", vec![by_quote("five")]);
    let moved = v1::Annotation { name: there[0].name.clone(), ..moved };
    let update = v1::UpdateAnnotationRequest {
        annotation: Some(moved),
        update_mask: Some(mask(&["label", "anchor"])),
        ..Default::default()
    };
    check(&mut server, &mut client, update.clone()).await;
    let delete = v1::DeleteAnnotationRequest { name: there[1].name.clone(), ..Default::default() };
    check(&mut server, &mut client, delete.clone()).await;
    let writes = [Op::Create(create), Op::Update(update), Op::Delete(delete)];
    let commit = v1::CommitAnnotationsRequest {
        parent: P.to_owned(),
        writes: writes.into_iter().map(|op| v1::Write { op: Some(op) }).collect(),
        ..Default::default()
    };
    check(&mut server, &mut client, commit).await;

    let titled = v1::Article { name: A.to_owned(), title: "T".to_owned(), ..Default::default() };
    let update = v1::UpdateArticleRequest {
        article: Some(titled),
        update_mask: Some(mask(&["title"])),
        ..Default::default()
    };
    check(&mut server, &mut client, update).await;
    let delete = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    check(&mut server, &mut client, delete).await;
    let create = v1::BatchCreateArticlesRequest {
        parent: P.to_owned(),
        requests: ["x", "y"]
            .map(|id| v1::CreateArticleRequest {
                article_id: id.to_owned(),
                article: Some(v1::Article { text: id.repeat(300_000), ..Default::default() }),
                ..Default::default()
            })
            .into(),
        ..Default::default()
    };
    client.send(v1::BatchCreateArticlesRequest { validate_only: true, ..create.clone() }).await.unwrap();
    check(&mut server, &mut client, create).await;
    let renamed = v1::Project { name: P.to_owned(), display_name: "P".to_owned(), ..Default::default() };
    let update = v1::UpdateProjectRequest {
        project: Some(renamed),
        update_mask: Some(mask(&["display_name"])),
        ..Default::default()
    };
    check(&mut server, &mut client, update).await;
}

/// Peers that undo by replaying an old state take somebody else's work back with their own.
#[tokio::test]
async fn what_was_changed_since_is_in_conflict_and_nothing_is_done() {
    let (_server, client, there) = annotated().await;
    let relabel = |annotation: &v1::Annotation, label: &str| v1::UpdateAnnotationRequest {
        annotation: Some(v1::Annotation { label: label.to_owned(), ..annotation.clone() }),
        update_mask: Some(mask(&["label"])),
        ..Default::default()
    };
    let ops = [relabel(&there[0], "X"), relabel(&there[1], "X")].map(Op::Update);
    let both = v1::CommitAnnotationsRequest {
        parent: P.to_owned(),
        writes: ops.map(|op| v1::Write { op: Some(op) }).into(),
        ..Default::default()
    };
    let both = client.send(both).await.unwrap();
    client.send(relabel(&both.annotations[1], "Z")).await.unwrap();
    let before = (head(&client).await, annotations(&client).await);
    let refused = undo(&client, both.revision).await;
    let details = check_refused(refused, "UNDO_CONFLICT", "");
    assert_eq!(
        (fact(&details, "count"), fact(&details, "revision")),
        ("1".into(), both.revision.to_string())
    );
    let conflicts = &details.precondition_failure().unwrap().violations;
    assert_eq!(conflicts.len(), 1);
    assert_eq!(
        (conflicts[0].subject.as_str(), conflicts[0].description.as_str()),
        (there[1].name.as_str(), "was changed since")
    );
    assert_eq!((head(&client).await, annotations(&client).await), before);
    // Taken back itself, it is in nobody's way any more: the state is what the commit left.
    undo(&client, head(&client).await).await.unwrap();
    check_refused(undo(&client, both.revision).await, "UNDO_CONFLICT", "");
}

#[tokio::test]
async fn each_kind_of_conflict_says_what_happened() {
    let (_server, mut client, there) = annotated().await;
    let conflict = async |client: &Client, revision: u64| {
        let status = undo(client, revision).await.unwrap_err();
        let violation = refusal(&status).1.precondition_failure().unwrap().violations[0].clone();
        (violation.subject, violation.description)
    };
    let conflicts = |name: &str, why: &str| (name.to_owned(), why.to_owned());
    let delete = |name: &str| v1::DeleteAnnotationRequest { name: name.to_owned(), ..Default::default() };

    client.send(delete(&there[0].name)).await.unwrap();
    let deleted = head(&client).await;
    assert_eq!(conflict(&client, there[0].revision).await, conflicts(&there[0].name, "was deleted since"));
    let again = v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation_id: there[0].name.rsplit('/').next().unwrap().to_owned(),
        annotation: Some(annotation("N", vec![by_quote("two")])),
        ..Default::default()
    };
    client.send(again).await.unwrap();
    assert_eq!(conflict(&client, deleted).await, conflicts(&there[0].name, "was created since"));

    let created = client.create_article(P, "b", TEXT).await;
    client.annotate(&created.name, "X", by_quote("one")).await.unwrap();
    let (name, why) = conflict(&client, created.revision).await;
    assert!(name.starts_with("projects/p/articles/b/annotations/"), "{name}");
    assert_eq!(why, "was created since");

    client.send(delete(&there[1].name)).await.unwrap();
    let deleted = head(&client).await;
    let force = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(force).await.unwrap();
    let article_deleted = head(&client).await;
    assert_eq!(
        conflict(&client, deleted).await,
        conflicts(&there[1].name, "was on an article that is not there any more")
    );
    client.create_article(P, "a", "another").await;
    assert_eq!(conflict(&client, article_deleted).await, conflicts(A, "was created since"));
}

/// An article that came back with its annotations goes with them again, unless somebody worked on them since.
#[tokio::test]
async fn what_came_back_goes_again_unless_it_was_worked_on() {
    let (_server, client, there) = annotated().await;
    let force = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(force).await.unwrap();
    let back = undo(&client, head(&client).await).await.unwrap();
    let change = &back.changes[0];
    assert_eq!((back.changes.len(), change.name.as_str(), change.cascaded), (1, A, true));
    let relabel = v1::UpdateAnnotationRequest {
        annotation: Some(v1::Annotation { label: "X".to_owned(), ..there[2].clone() }),
        update_mask: Some(mask(&["label"])),
        ..Default::default()
    };
    client.send(relabel).await.unwrap();
    let refused = check_refused(undo(&client, back.revision).await, "UNDO_CONFLICT", "");
    let conflict = &refused.precondition_failure().unwrap().violations[0];
    assert_eq!(
        (conflict.subject.as_str(), conflict.description.as_str()),
        (there[2].name.as_str(), "was changed since")
    );
    assert_eq!(annotations(&client).await.len(), 3);
}

/// The undo of a deletion writes what was deleted into rows and into the log: twice what the deletion had.
#[tokio::test]
async fn the_largest_commits_are_undone_too() {
    const QUOTE: usize = 1_000;
    let mut server = Server::start();
    let mut client = server.client_with_article(&"日本語の記事".repeat(2_000)).await;
    let mut names = Vec::new();
    for _ in 0..4 {
        let span = v1::Span {
            code_points: Some(v1::Range { start: 0, end: u32::try_from(QUOTE).unwrap() }),
            ..Default::default()
        };
        let request = v1::CreateAnnotationRequest {
            annotation: Some(annotation("X", vec![span])),
            ..Default::default()
        };
        let batch = v1::BatchCreateAnnotationsRequest {
            parent: A.to_owned(),
            requests: vec![request; 250],
            ..Default::default()
        };
        let created = client.send(batch).await.unwrap().annotations;
        names.extend(created.into_iter().map(|annotation| annotation.name));
    }
    let delete = |name| v1::DeleteAnnotationRequest { name, ..Default::default() };
    let writes = names.into_iter().map(|name| v1::Write { op: Some(Op::Delete(delete(name))) });
    let request =
        v1::CommitAnnotationsRequest { parent: P.to_owned(), writes: writes.collect(), ..Default::default() };
    check(&mut server, &mut client, request).await;
    assert_eq!(annotations(&client).await.len(), 1_000);
}

#[tokio::test]
async fn what_is_no_commit_to_undo_is_refused() {
    let (_server, client, _) = annotated().await;
    let head = head(&client).await;
    check_refused(undo(&client, 0).await, "RESOURCE_NOT_FOUND", "revision");
    check_refused(undo(&client, head + 1).await, "RESOURCE_NOT_FOUND", "revision");
    check_refused(undo(&client, 1).await, "FIELD_INVALID", "revision");
    let elsewhere =
        v1::UndoCommitRequest { parent: "projects/none".to_owned(), revision: 1, ..Default::default() };
    check_refused(client.send(elsewhere).await, "RESOURCE_NOT_FOUND", "");
    let checked = v1::UndoCommitRequest {
        parent: P.to_owned(),
        revision: head,
        validate_only: true,
        ..Default::default()
    };
    let before = state(&client).await;
    assert_eq!(client.send(checked).await.unwrap().revision, head + 1);
    assert_eq!((self::head(&client).await, state(&client).await), (head, before));
}
