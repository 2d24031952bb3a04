//! Commits over many annotations: all or nothing, in one revision; and many clients that want the same.

use spandrel::proto::v1::{self, write::Op};
use tonic::{Code, Status};

use crate::support::{
    Client, Server, annotation, by_quote, by_utf8, check_refused, document_position, fact, mask, spans,
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const B: &str = "projects/p/articles/b";
const TEXT: &str = "one two three four five six seven";

fn create(article: &str, id: &str, quote: &str) -> v1::Write {
    let request = v1::CreateAnnotationRequest {
        parent: article.to_owned(),
        annotation_id: id.to_owned(),
        annotation: Some(annotation("X", vec![by_quote(quote)])),
        validate_only: false,
        request_id: String::new(),
    };
    v1::Write { op: Some(Op::Create(request)) }
}

fn update(name: &str, label: &str, etag: &str) -> v1::Write {
    let request = v1::UpdateAnnotationRequest {
        annotation: Some(v1::Annotation {
            name: name.to_owned(),
            label: label.to_owned(),
            etag: etag.to_owned(),
            ..Default::default()
        }),
        update_mask: Some(mask(&["label"])),
        ..Default::default()
    };
    v1::Write { op: Some(Op::Update(request)) }
}

fn delete(name: &str, etag: &str, allow_missing: bool) -> v1::Write {
    let request = v1::DeleteAnnotationRequest {
        name: name.to_owned(),
        etag: etag.to_owned(),
        allow_missing,
        validate_only: false,
        request_id: String::new(),
        force: false,
    };
    v1::Write { op: Some(Op::Delete(request)) }
}

fn commit(writes: Vec<v1::Write>) -> v1::CommitAnnotationsRequest {
    v1::CommitAnnotationsRequest {
        parent: P.to_owned(),
        writes,
        validate_only: false,
        request_id: String::new(),
    }
}

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

async fn server_with_articles() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    client.create_article(P, "b", TEXT).await;
    (server, client)
}

/// All annotations of both articles.
async fn all(client: &Client) -> [Vec<v1::Annotation>; 2] {
    let list =
        |article: &str| v1::ListAnnotationsRequest { parent: article.to_owned(), ..Default::default() };
    let mut client = client.clone();
    [client.list_all(list(A)).await, client.list_all(list(B)).await]
}

async fn head(client: &Client) -> u64 {
    client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
}

#[tokio::test]
async fn one_commit_creates_changes_and_deletes_in_several_articles() {
    let (_server, client) = server_with_articles().await;
    let before =
        client.send(commit(vec![create(A, "", "one"), create(B, "", "two"), create(B, "", "three")])).await;
    let before = before.unwrap().annotations;
    let head_before = head(&client).await;

    let missing = format!("{A}/annotations/{}", id(9));
    let answer = client
        .send(commit(vec![
            create(A, &id(1), "four"),
            delete(&before[1].name, &before[1].etag, false),
            update(&before[0].name, "Y", &before[0].etag),
            create(B, "", "five"),
            delete(&missing, "", true),
            update(&before[2].name, "Z", ""),
        ]))
        .await
        .unwrap();
    let [created, deleted, changed, other, missed, also_changed] = answer.annotations.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (created.name.clone(), spans(created)[0].quote.as_str()),
        (format!("{A}/annotations/{}", id(1)), "four")
    );
    assert_eq!(*deleted, v1::Annotation { name: before[1].name.clone(), ..Default::default() });
    assert_eq!((&changed.name, changed.label.as_str()), (&before[0].name, "Y"));
    assert_eq!(spans(other)[0].quote, "five");
    assert_eq!(*missed, v1::Annotation { name: missing, ..Default::default() });
    assert_eq!((&also_changed.name, also_changed.label.as_str()), (&before[2].name, "Z"));
    assert_eq!((answer.revision, head(&client).await), (head_before + 1, head_before + 1));
    for written in [created, changed, other, also_changed] {
        assert_eq!(written.revision, answer.revision);
        assert_eq!(client.get(&written.name).await.unwrap(), *written);
    }
    check_refused(client.get(&deleted.name).await, "RESOURCE_NOT_FOUND", "");
    let expected = [vec![changed.clone(), created.clone()], vec![also_changed.clone(), other.clone()]];
    assert_eq!(all(&client).await, expected);
}

#[tokio::test]
async fn a_commit_that_fails_late_has_done_nothing() {
    let (_server, client) = server_with_articles().await;
    let stored = vec![create(A, &id(0), "one"), create(B, "", "two"), create(A, &id(2), "seven")];
    let stored = client.send(commit(stored)).await.unwrap().annotations;
    let newer = client.send(commit(vec![update(&stored[0].name, "Y", "")])).await.unwrap().annotations;
    let (before, head_before) = (all(&client).await, head(&client).await);

    let good = || {
        vec![create(A, &id(1), "three"), update(&stored[0].name, "Z", ""), delete(&stored[1].name, "", false)]
    };
    let inner = |change: fn(&mut Op)| {
        let mut op = create(A, "", "four").op.unwrap();
        change(&mut op);
        v1::Write { op: Some(op) }
    };
    let checked = inner(|op| {
        if let Op::Create(create) = op {
            create.validate_only = true;
        }
    });
    let checked_update = v1::Write {
        op: Some(Op::Update(v1::UpdateAnnotationRequest { validate_only: true, ..Default::default() })),
    };
    let checked_delete = v1::Write {
        op: Some(Op::Delete(v1::DeleteAnnotationRequest { validate_only: true, ..Default::default() })),
    };
    let gone = format!("{A}/annotations/{}", id(9));
    let elsewhere = format!("projects/q/articles/a/annotations/{}", id(0));
    for (last, reason, field) in [
        (create(A, &id(2), "four"), "RESOURCE_EXISTS", "writes[3].create.annotation_id"),
        (create(A, "", "eight"), "QUOTE_NOT_FOUND", "writes[3].create.annotation.anchor.spans[0].quote"),
        (create("projects/p/articles/c", "", "one"), "RESOURCE_NOT_FOUND", "writes[3].create"),
        (create("projects/q/articles/a", "", "one"), "FIELD_INVALID", "writes[3].create.parent"),
        (create(P, "", "one"), "FIELD_INVALID", "writes[3].create.parent"),
        (update(&gone, "Y", ""), "RESOURCE_NOT_FOUND", "writes[3].update.annotation.name"),
        (update(&elsewhere, "Y", ""), "FIELD_INVALID", "writes[3].update.annotation.name"),
        (delete(&gone, "", false), "RESOURCE_NOT_FOUND", "writes[3].delete.name"),
        (delete(&elsewhere, "", false), "FIELD_INVALID", "writes[3].delete.name"),
        (create(A, &id(1), "five"), "FIELD_INVALID", "writes[3].create"),
        (update(&stored[0].name, "Y", ""), "FIELD_INVALID", "writes[3].update"),
        (delete(&stored[0].name, "", true), "FIELD_INVALID", "writes[3].delete"),
        (update(&stored[1].name, "Y", ""), "FIELD_INVALID", "writes[3].update"),
        (checked, "FIELD_INVALID", "writes[3].create.validate_only"),
        (checked_update, "FIELD_INVALID", "writes[3].update.validate_only"),
        (checked_delete, "FIELD_INVALID", "writes[3].delete.validate_only"),
        (v1::Write { op: None }, "FIELD_INVALID", "writes[3]"),
    ] {
        let writes = good().into_iter().chain([last]).collect();
        check_refused(client.send(commit(writes)).await, reason, field);
    }
    let stale = vec![create(A, &id(1), "three"), update(&stored[0].name, "Z", &stored[0].etag)];
    let details =
        check_refused(client.send(commit(stale)).await, "ETAG_MISMATCH", "writes[1].update.annotation.etag");
    assert_eq!(fact(&details, "current_etag"), newer[0].etag);
    check_refused(client.send(commit(vec![])).await, "FIELD_INVALID", "writes");
    let nowhere = v1::CommitAnnotationsRequest {
        parent: "projects/q".to_owned(),
        ..commit(vec![delete(&elsewhere, "", true)])
    };
    check_refused(client.send(nowhere).await, "RESOURCE_NOT_FOUND", "");
    assert_eq!((all(&client).await, head(&client).await), (before, head_before));

    let checked = v1::CommitAnnotationsRequest { validate_only: true, ..commit(good()) };
    let answer = client.send(checked).await.unwrap();
    assert_eq!((all(&client).await, head(&client).await), (all(&client).await, head_before));
    let done = client.send(commit(good())).await.unwrap();
    assert_eq!(answer.revision, done.revision);
    assert_eq!(answer.annotations[1].etag, done.annotations[1].etag, "a check answers as if it were done");
}

#[tokio::test]
async fn a_thousand_writes_are_one_commit() {
    let (_server, client) = server_with_articles().await;
    let article = |number: usize| if number.is_multiple_of(2) { A } else { B };
    let quotes: Vec<_> = TEXT.split(' ').collect();
    let writes = (0..1_000).map(|number| create(article(number), &id(number), quotes[number % 7])).collect();
    let created = client.send(commit(writes)).await.unwrap();
    let names: Vec<_> =
        (0..1_000).map(|number| format!("{}/annotations/{}", article(number), id(number))).collect();
    assert!(created.annotations.iter().map(|annotation| &annotation.name).eq(&names));
    assert!(created.annotations.iter().all(|annotation| annotation.revision == created.revision));

    let writes = (0..1_000).map(|number| match number % 3 {
        0 => delete(&names[number], "", false),
        1 => update(&names[number], "Y", &created.annotations[number].etag),
        _ => create(article(number), &id(number + 1_000), "seven"),
    });
    let answer = client.send(commit(writes.collect())).await.unwrap();
    assert_eq!((answer.annotations.len(), answer.revision), (1_000, created.revision + 1));
    let mut expected = [Vec::new(), Vec::new()];
    for (number, (written, before)) in answer.annotations.iter().zip(&created.annotations).enumerate() {
        let kept = &mut expected[number % 2];
        match number % 3 {
            0 => assert_eq!(*written, v1::Annotation { name: names[number].clone(), ..Default::default() }),
            1 => kept.push(written.clone()),
            _ => kept.extend([before.clone(), written.clone()]),
        }
    }
    for annotations in &mut expected {
        annotations.sort_by_key(document_position);
    }
    assert_eq!(all(&client).await, expected);

    let too_many = (0..1_001).map(|number| create(A, &id(number + 5_000), "one")).collect();
    let details = check_refused(client.send(commit(too_many)).await, "LIMIT_EXCEEDED", "writes");
    assert_eq!(fact(&details, "limit"), "1000");
}

#[tokio::test]
async fn of_sixteen_clients_with_one_etag_one_wins() {
    let (server, client) = server_with_articles().await;
    let mut current =
        client.send(commit(vec![create(A, &id(0), "one")])).await.unwrap().annotations.remove(0);
    for round in 0..5 {
        let clients = clients(&server).await;
        let tries = clients.into_iter().enumerate().map(|(number, client)| {
            let label = format!("{round}/{number}");
            let write = update(&current.name, &label, &current.etag);
            tokio::spawn(async move { client.send(commit(vec![write])).await })
        });
        let (winners, losers) = outcomes(tries.collect()).await;
        assert_eq!(winners.len(), 1, "{winners:?}");
        current = winners[0].annotations[0].clone();
        for loser in losers {
            assert_eq!(loser.code(), Code::Aborted);
            let details =
                check_refused::<()>(Err(loser), "ETAG_MISMATCH", "writes[0].update.annotation.etag");
            assert_eq!(fact(&details, "current_etag"), current.etag);
        }
        assert_eq!(client.get(&current.name).await.unwrap(), current);
    }
}

#[tokio::test]
async fn of_sixteen_clients_that_create_one_id_one_wins() {
    let (server, client) = server_with_articles().await;
    for round in 0..5 {
        let tries = clients(&server).await.into_iter().enumerate().map(|(number, client)| {
            let request = v1::CreateAnnotationRequest {
                parent: A.to_owned(),
                annotation_id: id(round),
                annotation: Some(annotation(&number.to_string(), vec![by_utf8(0, 3)])),
                validate_only: false,
                request_id: String::new(),
            };
            tokio::spawn(async move { client.send(request).await })
        });
        let (winners, losers) = outcomes(tries.collect()).await;
        assert_eq!(winners.len(), 1, "{winners:?}");
        for loser in losers {
            check_refused::<()>(Err(loser), "RESOURCE_EXISTS", "annotation_id");
        }
        assert_eq!(client.get(&winners[0].name).await.unwrap(), winners[0]);
        assert_eq!(all(&client).await[0].len(), round + 1);
    }
}

/// The same for the other names: one client makes a project, one makes an article, the others are told so.
#[tokio::test]
async fn of_sixteen_clients_that_create_one_project_one_wins() {
    let server = Server::start();
    let project = v1::CreateProjectRequest { project_id: "p".to_owned(), ..Default::default() };
    let article = v1::CreateArticleRequest {
        parent: P.to_owned(),
        article_id: "a".to_owned(),
        article: Some(v1::Article::default()),
        validate_only: false,
        request_id: String::new(),
    };
    let clients = clients(&server).await;
    let tries = clients.iter().cloned().map(|client| {
        let request = project.clone();
        tokio::spawn(async move { client.send(request).await })
    });
    let (winners, losers) = outcomes(tries.collect()).await;
    assert_eq!(winners.len(), 1);
    for loser in losers {
        check_refused::<()>(Err(loser), "RESOURCE_EXISTS", "");
    }
    let tries = clients.iter().cloned().map(|client| {
        let request = article.clone();
        tokio::spawn(async move { client.send(request).await })
    });
    let (winners, losers) = outcomes(tries.collect()).await;
    assert_eq!(winners.len(), 1);
    for loser in losers {
        check_refused::<()>(Err(loser), "RESOURCE_EXISTS", "article_id");
    }
}

/// Sixteen clients, each with a connection of its own.
async fn clients(server: &Server) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(server.client().await);
    }
    clients
}

/// Who won, and what the others were told.
async fn outcomes<T>(tries: Vec<tokio::task::JoinHandle<Result<T, Status>>>) -> (Vec<T>, Vec<Status>) {
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for one in tries {
        match one.await.unwrap() {
            Ok(answer) => winners.push(answer),
            Err(status) => losers.push(status),
        }
    }
    (winners, losers)
}
