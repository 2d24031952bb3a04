//! Projects: their ids, their order, their changes, their end, and that a new one is never taken for an old one.

use std::collections::BTreeMap;

use spandrel::proto::v1;
use uuid::{Uuid, Version};

use crate::support::{Client, Server, annotation, by_quote, by_utf8, check_refused, fact, mask};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const ANNOTATION_ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

fn create(id: &str, project: v1::Project) -> v1::CreateProjectRequest {
    v1::CreateProjectRequest {
        project_id: id.to_owned(),
        project: Some(project),
        validate_only: false,
        request_id: String::new(),
    }
}

fn named(name: &str) -> v1::Project {
    v1::Project { name: name.to_owned(), ..Default::default() }
}

fn get(name: &str) -> v1::GetProjectRequest {
    v1::GetProjectRequest { name: name.to_owned() }
}

fn update(project: v1::Project, paths: &[&str]) -> v1::UpdateProjectRequest {
    v1::UpdateProjectRequest { project: Some(project), update_mask: Some(mask(paths)), ..Default::default() }
}

fn replace(project: v1::Project) -> v1::UpdateProjectRequest {
    v1::UpdateProjectRequest { project: Some(project), ..Default::default() }
}

fn delete(name: &str) -> v1::DeleteProjectRequest {
    v1::DeleteProjectRequest { name: name.to_owned(), ..Default::default() }
}

fn metadata(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn described() -> v1::Project {
    v1::Project {
        display_name: "Nouvelles 📰".to_owned(),
        description: "What the papers say".to_owned(),
        metadata: metadata(&[("owner", "alice"), ("empty", "")]),
        ..Default::default()
    }
}

/// The ids of all projects, page by page.
async fn listed(client: &Client, page_size: i32) -> Vec<String> {
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListProjectsRequest { page_size, page_token };
        let page = client.send(request).await.unwrap();
        let name = |project: v1::Project| project.name.strip_prefix("projects/").unwrap().to_owned();
        ids.extend(page.projects.into_iter().map(name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

#[tokio::test]
async fn a_project_is_read_as_it_was_created() {
    let server = Server::start();
    let client = server.client().await;
    let created = client.send(create("p", described())).await.unwrap();
    let expected = v1::Project {
        name: P.to_owned(),
        revision: created.revision,
        create_time: created.create_time,
        update_time: created.create_time,
        etag: created.etag.clone(),
        uid: created.uid.clone(),
        ..described()
    };
    assert_eq!(created, expected);
    assert!(created.create_time.is_some() && created.revision > 0 && !created.etag.is_empty());
    assert!(Uuid::try_parse(&created.uid).is_ok(), "{}", created.uid);
    assert_eq!(client.send(get(P)).await.unwrap(), created);
    check_refused(client.send(get("projects/q")).await, "RESOURCE_NOT_FOUND", "");
}

#[tokio::test]
async fn a_project_has_the_id_that_it_is_given_or_a_new_one() {
    let server = Server::start();
    let client = server.client().await;
    let longest = "x".repeat(128);
    for (id, name, expected) in [
        ("by-id", "", "by-id"),
        ("", "projects/by-name", "by-name"),
        ("By.Both_~", "projects/By.Both_~", "By.Both_~"),
        ("0", "", "0"),
        (&longest, "", &longest),
    ] {
        let created = client.send(create(id, named(name))).await.unwrap();
        assert_eq!(created.name, format!("projects/{expected}"));
    }
    for request in [v1::CreateProjectRequest::default(), create("", named(""))] {
        let created = client.send(request).await.unwrap();
        let id = Uuid::try_parse(created.name.strip_prefix("projects/").unwrap()).unwrap();
        assert_eq!(id.get_version(), Some(Version::SortRand));
    }

    let too_long = "x".repeat(129);
    for (id, name, field) in [
        ("a", "projects/b", "project.name"),
        ("", "b", "project.name"),
        ("", "projects/", "project.name"),
        ("", "projects/b/articles/c", "project.name"),
        ("-a", "", "project_id"),
        ("a b", "", "project_id"),
        ("a/b", "", "project_id"),
        ("é", "", "project_id"),
        (&too_long, "", "project_id"),
    ] {
        check_refused(client.send(create(id, named(name))).await, "FIELD_INVALID", field);
    }
    check_refused(client.send(create("by-id", named(""))).await, "RESOURCE_EXISTS", "");
    assert_eq!(listed(&client, 0).await.len(), 7);
}

#[tokio::test]
async fn details_stay_within_their_limits() {
    let server = Server::start();
    let client = server.client().await;
    let display_name = |bytes| v1::Project { display_name: "x".repeat(bytes), ..Default::default() };
    let description = |bytes| v1::Project { description: "x".repeat(bytes), ..Default::default() };
    let with_metadata = |key: &str, value: usize| v1::Project {
        metadata: metadata(&[(key, &"v".repeat(value))]),
        ..Default::default()
    };
    for (id, project) in
        [("a", display_name(256)), ("b", description(4_096)), ("c", with_metadata(&"k".repeat(128), 2_048))]
    {
        client.send(create(id, project)).await.unwrap();
    }
    for (project, reason, field) in [
        (display_name(257), "LIMIT_EXCEEDED", "project.display_name"),
        (description(4_097), "LIMIT_EXCEEDED", "project.description"),
        (with_metadata(&"k".repeat(129), 0), "LIMIT_EXCEEDED", "project.metadata"),
        (with_metadata("k", 2_049), "LIMIT_EXCEEDED", "project.metadata"),
        (with_metadata("", 1), "FIELD_INVALID", "project.metadata"),
    ] {
        check_refused(client.send(create("d", project)).await, reason, field);
    }
    check_refused(client.send(get("projects/d")).await, "RESOURCE_NOT_FOUND", "");
}

#[tokio::test]
async fn projects_are_listed_in_the_order_of_their_creation() {
    let server = Server::start();
    let client = server.client().await;
    assert_eq!(listed(&client, 0).await, [""; 0]);
    let ids = ["m", "a", "z", "B", "0", "y", "b"];
    for id in ids {
        client.send(create(id, named(""))).await.unwrap();
    }
    for page_size in (0..=8).chain([1_001, i32::MAX]) {
        assert_eq!(listed(&client, page_size).await, ids, "in pages of {page_size}");
    }

    client.send(delete("projects/z")).await.unwrap();
    client.send(delete("projects/a")).await.unwrap();
    client.send(create("a", named(""))).await.unwrap();
    for page_size in 0..=7 {
        assert_eq!(
            listed(&client, page_size).await,
            ["m", "B", "0", "y", "b", "a"],
            "in pages of {page_size}"
        );
    }

    let page = |page_size, page_token: &str| v1::ListProjectsRequest {
        page_size,
        page_token: page_token.to_owned(),
    };
    check_refused(client.send(page(-1, "")).await, "FIELD_INVALID", "page_size");
    check_refused(client.send(page(0, "x")).await, "PAGE_TOKEN_INVALID", "page_token");
    let articles =
        v1::ListArticlesRequest { parent: "projects/m".to_owned(), page_size: 1, ..Default::default() };
    for id in ["1", "2"] {
        client.clone().create_article("projects/m", id, "").await;
    }
    let of_another_list = client.send(articles).await.unwrap().next_page_token;
    check_refused(client.send(page(0, &of_another_list)).await, "PAGE_TOKEN_INVALID", "page_token");
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names() {
    let server = Server::start();
    let client = server.client().await;
    let created = client.send(create("p", described())).await.unwrap();

    let new = v1::Project {
        name: P.to_owned(),
        display_name: "Renamed".to_owned(),
        description: "ignored".to_owned(),
        ..Default::default()
    };
    let updated = client.send(update(new.clone(), &["display_name"])).await.unwrap();
    let expected = v1::Project {
        display_name: "Renamed".to_owned(),
        revision: updated.revision,
        update_time: updated.update_time,
        etag: updated.etag.clone(),
        ..created.clone()
    };
    assert_eq!(updated, expected);
    assert!(updated.revision > created.revision && updated.etag != created.etag);
    assert_eq!(client.send(get(P)).await.unwrap(), updated);

    let without_metadata = client.send(update(new.clone(), &["metadata", "description"])).await.unwrap();
    assert_eq!((without_metadata.description.as_str(), without_metadata.metadata.len()), ("ignored", 0));

    for (paths, field) in [
        (vec!["colour"], "update_mask.paths[0]"),
        (vec!["display_name", "description.first"], "update_mask.paths[1]"),
        (vec!["metadata.owner"], "update_mask.paths[0]"),
        (vec!["name"], "update_mask.paths[0]"),
        (vec!["uid"], "update_mask.paths[0]"),
        (vec!["etag"], "update_mask.paths[0]"),
        (vec!["revision"], "update_mask.paths[0]"),
        (vec!["create_time"], "update_mask.paths[0]"),
        (vec!["metadata", "metadata"], "update_mask.paths[1]"),
        (vec![], "update_mask"),
    ] {
        check_refused(client.send(update(new.clone(), &paths)).await, "FIELD_INVALID", field);
    }
    check_refused(client.send(v1::UpdateProjectRequest::default()).await, "FIELD_INVALID", "project");
    check_refused(client.send(replace(named("p"))).await, "FIELD_INVALID", "project.name");
    assert_eq!(client.send(get(P)).await.unwrap(), without_metadata);
}

#[tokio::test]
async fn an_update_without_a_mask_replaces_and_says_what() {
    let server = Server::start();
    let client = server.client().await;
    let created = client.send(create("p", described())).await.unwrap();

    check_refused(client.send(replace(named(P))).await, "FIELD_INVALID", "project.etag");
    let replaced =
        client.send(replace(v1::Project { etag: created.etag.clone(), ..named(P) })).await.unwrap();
    assert_eq!((replaced.display_name.as_str(), replaced.metadata.len()), ("", 0));
    assert_eq!((&replaced.uid, replaced.create_time), (&created.uid, created.create_time));

    let stale = v1::Project { etag: created.etag, ..described() };
    for request in [
        replace(v1::Project { name: P.to_owned(), ..stale.clone() }),
        update(v1::Project { name: P.to_owned(), ..stale }, &["display_name"]),
    ] {
        let details = check_refused(client.send(request).await, "ETAG_MISMATCH", "project.etag");
        assert_eq!(fact(&details, "current_etag"), replaced.etag);
        assert_eq!(details.resource_info().unwrap().resource_name, P);
    }
    assert_eq!(client.send(get(P)).await.unwrap(), replaced);
}

#[tokio::test]
async fn an_update_creates_what_is_missing_when_it_may() {
    let server = Server::start();
    let client = server.client().await;
    let request = update(v1::Project { name: P.to_owned(), ..described() }, &["display_name"]);
    check_refused(client.send(request.clone()).await, "RESOURCE_NOT_FOUND", "");
    let request = v1::UpdateProjectRequest { allow_missing: true, ..request };
    let created = client.send(request.clone()).await.unwrap();
    assert_eq!(created.description, described().description, "a new project has all that was sent");
    let other = v1::Project { name: P.to_owned(), description: "other".to_owned(), ..Default::default() };
    let request = v1::UpdateProjectRequest { project: Some(other), ..request };
    let updated = client.send(request).await.unwrap();
    assert_eq!((updated.description, updated.uid), (described().description, created.uid));
}

#[tokio::test]
async fn what_is_only_validated_is_answered_and_not_done() {
    let server = Server::start();
    let client = server.client().await;
    let check = v1::CreateProjectRequest { validate_only: true, ..create("p", described()) };
    let answer = client.send(check.clone()).await.unwrap();
    assert_eq!((answer.name.as_str(), answer.display_name), (P, described().display_name));
    check_refused(client.send(get(P)).await, "RESOURCE_NOT_FOUND", "");
    assert_eq!(listed(&client, 0).await, [""; 0]);

    let created = client.send(create("p", described())).await.unwrap();
    check_refused(client.send(check).await, "RESOURCE_EXISTS", "");
    let request = update(v1::Project { display_name: "Other".to_owned(), ..named(P) }, &["display_name"]);
    let checked =
        client.send(v1::UpdateProjectRequest { validate_only: true, ..request.clone() }).await.unwrap();
    assert_eq!(client.send(get(P)).await.unwrap(), created);
    let done = client.send(request).await.unwrap();
    assert_eq!(v1::Project { update_time: done.update_time, ..checked }, done);

    client.send(v1::DeleteProjectRequest { validate_only: true, ..delete(P) }).await.unwrap();
    let stale = v1::DeleteProjectRequest { validate_only: true, etag: created.etag, ..delete(P) };
    check_refused(client.send(stale).await, "ETAG_MISMATCH", "etag");
    assert_eq!(client.send(get(P)).await.unwrap(), done);
}

#[tokio::test]
async fn a_delete_takes_nothing_with_it_that_it_was_not_told_to() {
    let server = Server::start();
    let mut client = server.client().await;
    check_refused(client.send(delete(P)).await, "RESOURCE_NOT_FOUND", "");
    client.send(v1::DeleteProjectRequest { allow_missing: true, ..delete(P) }).await.unwrap();

    let first = client.create_project("p").await;
    let request = update(v1::Project { display_name: "New".to_owned(), ..named(P) }, &["display_name"]);
    let second = client.send(request).await.unwrap();
    let with_etag = |etag: &str| v1::DeleteProjectRequest { etag: etag.to_owned(), ..delete(P) };
    let details = check_refused(client.send(with_etag(&first.etag)).await, "ETAG_MISMATCH", "etag");
    assert_eq!(fact(&details, "current_etag"), second.etag);

    client.create_article(P, "a", "text").await;
    check_refused(client.send(with_etag(&second.etag)).await, "HAS_CHILDREN", "");
    let all_the_same = v1::DeleteProjectRequest { allow_missing: true, ..delete(P) };
    check_refused(client.send(all_the_same).await, "HAS_CHILDREN", "");
    client.send(v1::DeleteProjectRequest { force: true, ..with_etag(&second.etag) }).await.unwrap();
    check_refused(client.send(get(P)).await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(delete(P)).await, "RESOURCE_NOT_FOUND", "");

    client.create_project("p").await;
    client.create_article(P, "a", "text").await;
    let article = v1::DeleteArticleRequest { name: A.to_owned(), ..Default::default() };
    client.send(article).await.unwrap();
    client.send(delete(P)).await.unwrap();
    assert_eq!(listed(&client, 0).await, [""; 0]);
}

/// Everything that can be asked about the old life of a project finds nothing, before and after a restart.
#[tokio::test]
async fn a_project_that_is_created_again_is_another_one() {
    let mut server = Server::start();
    let mut client = server.client().await;
    let old = client.create_project("p").await;
    let old_article = client.create_article(P, "a", "the old text").await;
    let with_id = |quote: &str| v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation_id: ANNOTATION_ID.to_owned(),
        annotation: Some(annotation("X", vec![by_quote(quote)])),
        validate_only: false,
        request_id: String::new(),
    };
    let old_annotation = client.send(with_id("old")).await.unwrap();
    client.get(&old_annotation.name).await.unwrap();
    client.list_all(list(A)).await;
    client.send(v1::DeleteProjectRequest { force: true, ..delete(P) }).await.unwrap();
    check_refused(client.get(&old_annotation.name).await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(list(A)).await, "RESOURCE_NOT_FOUND", "");

    let new = client.create_project("p").await;
    assert_ne!(new.uid, old.uid);
    assert_ne!(new.etag, old.etag);
    for restarted in [false, true] {
        if restarted {
            server.kill();
            server.start_again();
            client = server.client().await;
        }
        let articles = v1::ListArticlesRequest { parent: P.to_owned(), ..Default::default() };
        assert_eq!(client.send(articles).await.unwrap().articles, []);
        let article = v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision: 0 };
        check_refused(client.send(article).await, "RESOURCE_NOT_FOUND", "");
        check_refused(client.get(&old_annotation.name).await, "RESOURCE_NOT_FOUND", "");
        check_refused(client.send(list(A)).await, "RESOURCE_NOT_FOUND", "");
    }

    let new_article = client.create_article(P, "a", "the new text").await;
    check_refused(client.get(&old_annotation.name).await, "RESOURCE_NOT_FOUND", "");
    assert_eq!(client.list_all(list(A)).await, []);
    let new_annotation = client.send(with_id("new")).await.unwrap();
    assert_ne!(new_article.etag, old_article.etag);
    assert_ne!(new_annotation.etag, old_annotation.etag);

    let project = v1::Project { etag: old.etag.clone(), ..named(P) };
    check_refused(client.send(replace(project)).await, "ETAG_MISMATCH", "project.etag");
    let stale = v1::DeleteProjectRequest { etag: old.etag, force: true, ..delete(P) };
    check_refused(client.send(stale).await, "ETAG_MISMATCH", "etag");
    let article = v1::UpdateArticleRequest { article: Some(old_article), ..Default::default() };
    check_refused(client.send(article).await, "ETAG_MISMATCH", "article.etag");
    let stale = v1::DeleteAnnotationRequest {
        name: old_annotation.name.clone(),
        etag: old_annotation.etag,
        ..Default::default()
    };
    check_refused(client.send(stale).await, "ETAG_MISMATCH", "etag");
    assert_eq!(client.list_all(list(A)).await, [new_annotation]);
}

#[tokio::test]
async fn the_revision_moves_with_every_commit_and_the_etag_does_not() {
    let server = Server::start();
    let mut client = server.client_with_article("some text").await;
    let before = client.send(get(P)).await.unwrap();
    let article = v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision: 0 };
    let article_before = client.send(article.clone()).await.unwrap();
    let mut revision = before.revision;
    for _ in 0..3 {
        let written = client.annotate(A, "X", by_utf8(0, 4)).await.unwrap();
        let now = client.send(get(P)).await.unwrap();
        assert_eq!(written.revision, revision + 1, "each commit takes the next number");
        assert_eq!(now.revision, written.revision);
        assert_eq!(v1::Project { revision: before.revision, ..now }, before);
        revision = written.revision;
    }
    assert_eq!(client.send(article).await.unwrap(), article_before);
    let updated = client.send(replace(before)).await;
    assert_eq!(updated.unwrap().revision, revision + 1, "the etag that was read before still fits");
}

fn list(article: &str) -> v1::ListAnnotationsRequest {
    v1::ListAnnotationsRequest { parent: article.to_owned(), ..Default::default() }
}
