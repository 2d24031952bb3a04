//! Relations, what is said of a whole article, and what an annotation says beside its label.

use spandrel::proto::v1::{self, annotation::Target, attribute_value::Kind, write::Op};
use tonic::Status;

use crate::support::{Client, Server, annotation, by_code_points, by_quote, check_refused, mask, refusal};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const TEXT: &str = "IBM, based in Armonk, hired Ada. She moved there.";

fn id(n: u8) -> String {
    format!("01900000-0000-7000-8000-0000000000{n:02x}")
}

fn name(n: u8) -> String {
    format!("{A}/annotations/{}", id(n))
}

fn relation(label: &str, arguments: &[(&str, u8)]) -> v1::Annotation {
    let argument = |(role, n): &(&str, u8)| v1::Argument { role: (*role).to_owned(), annotation: name(*n) };
    let arguments = arguments.iter().map(argument).collect();
    let target = Some(Target::Relation(v1::Relation { arguments }));
    v1::Annotation { label: label.to_owned(), target, ..Default::default() }
}

fn of_article(label: &str) -> v1::Annotation {
    let target = Some(Target::Article(v1::WholeArticle {}));
    v1::Annotation { label: label.to_owned(), target, ..Default::default() }
}

fn create(n: u8, annotation: v1::Annotation) -> v1::CreateAnnotationRequest {
    v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation_id: id(n),
        annotation: Some(annotation),
        ..Default::default()
    }
}

fn update(annotation: v1::Annotation, paths: &[&str]) -> v1::UpdateAnnotationRequest {
    let update_mask = if paths.is_empty() { None } else { Some(mask(paths)) };
    v1::UpdateAnnotationRequest { annotation: Some(annotation), update_mask, ..Default::default() }
}

fn delete(n: u8, force: bool) -> v1::DeleteAnnotationRequest {
    v1::DeleteAnnotationRequest { name: name(n), force, ..Default::default() }
}

fn commit(ops: Vec<Op>) -> v1::CommitAnnotationsRequest {
    let writes = ops.into_iter().map(|op| v1::Write { op: Some(op) }).collect();
    v1::CommitAnnotationsRequest { parent: P.to_owned(), writes, ..Default::default() }
}

async fn labels(client: &Client) -> Vec<String> {
    let request = v1::ListAnnotationsRequest { parent: A.to_owned(), ..Default::default() };
    let all = client.clone().list_all(request).await;
    all.into_iter().map(|annotation| annotation.label).collect()
}

async fn undo(client: &Client) -> Result<v1::UndoCommitResponse, Status> {
    let revision = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    client.send(v1::UndoCommitRequest { parent: P.to_owned(), revision, ..Default::default() }).await
}

/// IBM (1) is at Armonk (2) by a relation (3), an event (4) takes that and Ada (5), and She (6) is Ada in a chain (7).
async fn related() -> (Server, Client) {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    // The relations come before what they use: rules are judged once all is done.
    let ops = [
        (3, relation("Located", &[("what", 1), ("where", 2)])),
        (4, relation("Hiring", &[("employer", 1), ("known by", 3), ("employee", 5)])),
        (7, relation("coreference", &[("", 5), ("", 6)])),
        (1, annotation("ORG", vec![by_quote("IBM")])),
        (2, annotation("LOC", vec![by_quote("Armonk")])),
        (5, annotation("PER", vec![by_quote("Ada")])),
        (6, annotation("PER", vec![by_quote("She")])),
        (8, of_article("news")),
    ];
    let ops = ops.into_iter().map(|(n, annotation)| Op::Create(create(n, annotation))).collect();
    client.send(commit(ops)).await.unwrap();
    (server, client)
}

#[tokio::test]
async fn relations_and_article_labels_are_read_back_as_they_were_made_after_a_restart_too() {
    let (mut server, client) = related().await;
    let order = ["news", "ORG", "LOC", "PER", "PER", "Located", "Hiring", "coreference"];
    assert_eq!(labels(&client).await, order);
    let before = client.get(&name(4)).await.unwrap();
    let Some(Target::Relation(hiring)) = &before.target else { panic!("{before:?}") };
    let roles: Vec<_> = hiring.arguments.iter().map(|it| (it.role.as_str(), it.annotation.clone())).collect();
    assert_eq!(roles, [("employer", name(1)), ("known by", name(3)), ("employee", name(5))]);
    server.kill();
    server.start_again();
    let client = server.client().await;
    assert_eq!(client.get(&name(4)).await.unwrap(), before);
    assert_eq!(labels(&client).await, order);
    let first = v1::ListAnnotationsRequest { parent: A.to_owned(), page_size: 1, ..Default::default() };
    assert_eq!(client.clone().list_all(first).await.len(), order.len());
    let window = v1::ListAnnotationsRequest {
        parent: A.to_owned(),
        overlaps: Some(by_code_points(0, 49)),
        ..Default::default()
    };
    assert_eq!(client.clone().list_all(window).await.len(), 4);
}

#[tokio::test]
async fn a_relation_uses_what_is_there_of_its_article_and_layer() {
    let (_server, mut client) = related().await;
    let refuse = async |annotation: v1::Annotation, reason, field| {
        check_refused(client.send(create(9, annotation)).await, reason, field)
    };
    refuse(relation("R", &[]), "FIELD_INVALID", "annotation.relation.arguments").await;
    let argument = "annotation.relation.arguments[1].annotation";
    refuse(relation("R", &[("", 1), ("", 0x77)]), "RESOURCE_NOT_FOUND", argument).await;
    refuse(relation("R", &[("", 1), ("", 9)]), "FIELD_INVALID", argument).await;
    refuse(relation("R", &[("a", 1), ("a", 1)]), "FIELD_INVALID", "annotation.relation.arguments[1]").await;
    let of_gold = v1::Annotation { layer: "gold".to_owned(), ..relation("R", &[("", 1)]) };
    refuse(of_gold, "FIELD_INVALID", "annotation.relation.arguments[0].annotation").await;
    let long = relation(&"R".repeat(9), &[(&"r".repeat(129), 1)]);
    refuse(long, "LIMIT_EXCEEDED", "annotation.relation.arguments[0].role").await;

    client.create_article(P, "b", TEXT).await;
    let elsewhere = v1::CreateAnnotationRequest {
        parent: "projects/p/articles/b".to_owned(),
        annotation: Some(relation("R", &[("", 1)])),
        ..Default::default()
    };
    check_refused(
        client.send(elsewhere).await,
        "FIELD_INVALID",
        "annotation.relation.arguments[0].annotation",
    );
    // Nothing of all that was kept.
    assert_eq!(labels(&client).await.len(), 8);
    // The same annotation in two roles is no mistake.
    client.send(create(9, relation("same", &[("a", 1), ("b", 1)]))).await.unwrap();
}

#[tokio::test]
async fn what_a_relation_uses_is_deleted_by_force_with_it_or_not_at_all() {
    let (mut server, client) = related().await;
    let status = client.send(delete(1, false)).await.unwrap_err();
    assert_eq!(refusal(&status).0, "HAS_CHILDREN");
    assert!(status.message().contains("2 relations that use it"), "{}", status.message());
    // In one commit, the relations may go first, or last, or be changed so that they do not use it any more.
    let fewer = v1::Annotation { name: name(4), ..relation("Hiring", &[("employee", 5)]) };
    let ops = vec![
        Op::Delete(delete(1, false)),
        Op::Update(update(fewer, &["relation"])),
        Op::Delete(delete(3, false)),
    ];
    client.send(commit(ops)).await.unwrap();
    assert_eq!(labels(&client).await, ["news", "LOC", "PER", "PER", "Hiring", "coreference"]);
    undo(&client).await.unwrap();
    assert_eq!(labels(&client).await.len(), 8);

    let revision = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    client.send(delete(2, true)).await.unwrap();
    // The relation that used it went, too, and the event that used that.
    assert_eq!(labels(&client).await, ["news", "ORG", "PER", "PER", "coreference"]);
    let log = v1::ListChangesRequest { parent: P.to_owned(), after_revision: revision, ..Default::default() };
    let told = client.list_changes(log).await;
    let told: Vec<_> =
        told.iter().flat_map(|it| &it.changes).map(|it| (it.name.clone(), it.cascaded)).collect();
    assert_eq!(told, [(name(2), false), (name(3), true), (name(4), true)]);

    server.kill();
    server.start_again();
    let client = server.client().await;
    undo(&client).await.unwrap();
    assert_eq!(labels(&client).await.len(), 8);
    // What uses it is known again.
    let status = client.send(delete(2, false)).await.unwrap_err();
    assert_eq!(refusal(&status).0, "HAS_CHILDREN");
}

#[tokio::test]
async fn an_undo_does_not_leave_a_relation_without_what_it_uses() {
    let (_server, client) = related().await;
    client.send(create(9, annotation("VERB", vec![by_quote("moved")]))).await.unwrap();
    let made = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    client.send(create(10, relation("subject", &[("", 9), ("", 6)]))).await.unwrap();
    let undo = v1::UndoCommitRequest { parent: P.to_owned(), revision: made, ..Default::default() };
    let status = client.send(undo).await.unwrap_err();
    assert_eq!(refusal(&status).0, "UNDO_CONFLICT");
    assert!(status.message().contains("is used by a relation"), "{}", status.message());

    client.send(delete(10, false)).await.unwrap();
    let deleted = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    client.send(delete(9, false)).await.unwrap();
    let undo = v1::UndoCommitRequest { parent: P.to_owned(), revision: deleted, ..Default::default() };
    let status = client.send(undo).await.unwrap_err();
    assert_eq!(refusal(&status).0, "UNDO_CONFLICT");
    assert!(status.message().contains("was deleted since"), "{}", status.message());
}

#[tokio::test]
async fn all_that_is_said_of_an_annotation_is_read_back_and_changed_by_its_field() {
    let (_server, client) = related().await;
    let value = |kind| v1::AttributeValue { kind: Some(kind) };
    let list = v1::StringList { values: vec!["a".to_owned(), String::new()] };
    let sent = v1::Annotation {
        attributes: [
            ("Negation".to_owned(), value(Kind::BoolValue(false))),
            ("n".to_owned(), value(Kind::IntValue(-7))),
            ("share".to_owned(), value(Kind::DoubleValue(0.25))),
            ("Wikidata ID".to_owned(), value(Kind::StringValue("Q37156 é".to_owned()))),
            ("aliases".to_owned(), value(Kind::StringList(list))),
        ]
        .into(),
        note: "the company\nof that name".to_owned(),
        score: Some(0.0),
        state: v1::State::Suggested.into(),
        derived_from: vec![name(0x55), format!("projects/other/articles/x/annotations/{}", id(1))],
        layer: "ner-1.2".to_owned(),
        ..annotation("ORG", vec![by_quote("IBM")])
    };
    let made = client.send(create(9, sent.clone())).await.unwrap();
    let said = |it: &v1::Annotation| {
        (it.attributes.clone(), it.note.clone(), it.score, it.state, it.derived_from.clone())
    };
    assert_eq!(said(&made), said(&sent));
    assert_eq!(client.get(&name(9)).await.unwrap(), made);

    // Accepted, and nothing else; then rejected with a reason; then changed and accepted: each is one commit.
    let accept = v1::Annotation { name: name(9), state: v1::State::Accepted.into(), ..Default::default() };
    let accepted = client.send(update(accept.clone(), &["state"])).await.unwrap();
    assert_eq!(accepted.state, i32::from(v1::State::Accepted));
    assert_eq!((&accepted.note, &accepted.label, accepted.score), (&made.note, &made.label, made.score));
    let reject =
        v1::Annotation { state: v1::State::Rejected.into(), note: "a verb".to_owned(), ..accept.clone() };
    let rejected = client.send(update(reject, &["state", "note"])).await.unwrap();
    assert_eq!((rejected.state, rejected.note.as_str()), (v1::State::Rejected.into(), "a verb"));
    let edit = v1::Annotation { label: "COMPANY".to_owned(), ..accept };
    let edited = client.send(update(edit, &["state", "label", "score", "attributes"])).await.unwrap();
    assert_eq!((edited.score, edited.attributes.len(), edited.label.as_str()), (None, 0, "COMPANY"));
    assert_eq!(edited.revision, made.revision + 3);

    // A replacement that does not speak of the state leaves it.
    let whole = v1::Annotation { state: 0, note: String::new(), etag: edited.etag.clone(), ..edited.clone() };
    let replaced = client.send(update(whole, &[])).await.unwrap();
    assert_eq!((replaced.state, replaced.note.as_str()), (edited.state, ""));
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_with_what_would_be_right() {
    let (_server, client) = related().await;
    let refuse = async |change: &dyn Fn(&mut v1::Annotation), reason, field: &str| {
        let mut annotation = annotation("ORG", vec![by_quote("IBM")]);
        change(&mut annotation);
        check_refused(client.send(create(9, annotation)).await, reason, field);
    };
    refuse(&|it| it.score = Some(1.5), "FIELD_INVALID", "annotation.score").await;
    refuse(&|it| it.score = Some(f64::NAN), "FIELD_INVALID", "annotation.score").await;
    refuse(&|it| it.state = 9, "FIELD_INVALID", "annotation.state").await;
    refuse(&|it| it.note = "n".repeat(4_097), "LIMIT_EXCEEDED", "annotation.note").await;
    refuse(&|it| it.derived_from = vec!["x".to_owned()], "FIELD_INVALID", "annotation.derived_from[0]").await;
    refuse(&|it| it.derived_from = vec![name(1); 65], "LIMIT_EXCEEDED", "annotation.derived_from").await;
    refuse(&|it| it.target = None, "FIELD_INVALID", "annotation.anchor").await;
    let nothing = |it: &mut v1::Annotation| {
        it.attributes.insert("a".to_owned(), v1::AttributeValue { kind: None });
    };
    refuse(&nothing, "FIELD_INVALID", "annotation.attributes[\"a\"]").await;
    let empty = |it: &mut v1::Annotation| *it = annotation("ORG", vec![by_code_points(3, 3)]);
    refuse(&empty, "SPAN_EMPTY", "annotation.anchor.spans[0].code_points").await;

    let check = async |annotation: v1::Annotation, paths: &[&str], field: &str| {
        check_refused(client.send(update(annotation, paths)).await, "FIELD_INVALID", field);
    };
    let of_relation = v1::Annotation { name: name(3), ..relation("Located", &[("", 1)]) };
    check(of_relation.clone(), &["anchor", "relation"], "update_mask").await;
    check(of_relation.clone(), &["anchor"], "annotation.anchor").await;
    check(of_relation.clone(), &["article"], "annotation.article").await;
    check(of_relation.clone(), &["state"], "annotation.state").await;
    check(of_relation.clone(), &["anchoring"], "update_mask.paths[0]").await;
    check(of_relation, &["target"], "update_mask.paths[0]").await;
    // What an annotation is about may change to another kind.
    let about_all = v1::Annotation { name: name(3), ..of_article("place") };
    let changed = client.send(update(about_all, &["article"])).await.unwrap();
    assert_eq!(changed.target, Some(Target::Article(v1::WholeArticle {})));
    // And then uses nothing any more.
    let status = client.send(delete(2, false)).await;
    assert!(status.is_ok(), "{status:?}");
}

/// Once a commit changed a relation and, by force, deleted what it uses: the relation went after all, and was answered as if
/// it were there; a backup of that could not be restored.
#[tokio::test]
async fn what_a_commit_writes_does_not_go_with_what_it_deletes_by_force() {
    let (_server, client) = related().await;
    let noted = v1::Annotation { name: name(3), note: "n".to_owned(), ..Default::default() };
    let ops = vec![Op::Update(update(noted, &["note"])), Op::Delete(delete(2, true))];
    check_refused(client.send(commit(ops)).await, "FIELD_INVALID", "writes[1].delete.force");
    let ops = vec![Op::Create(create(9, relation("new", &[("", 2)]))), Op::Delete(delete(2, true))];
    check_refused(client.send(commit(ops)).await, "FIELD_INVALID", "writes[1].delete.force");
    assert_eq!(labels(&client).await.len(), 8);
}

/// Once it mattered which of two deletes of one commit was the forced one.
#[tokio::test]
async fn a_forced_delete_makes_way_for_the_others_of_its_commit() {
    let (_server, client) = related().await;
    for (one, other) in [(1, 2), (2, 1)] {
        let ops = vec![Op::Delete(delete(one, false)), Op::Delete(delete(other, true))];
        let ops = if other == 1 { ops } else { ops.into_iter().rev().collect() };
        client.send(commit(ops)).await.unwrap();
        assert_eq!(labels(&client).await, ["news", "PER", "PER", "coreference"]);
        undo(&client).await.unwrap();
        assert_eq!(labels(&client).await.len(), 8);
    }
}

async fn set_schema(client: &Client, schema: v1::LabelSchema) -> Result<v1::LabelSchema, Status> {
    let name = format!("{P}/labelSchema");
    let schema = v1::LabelSchema { name, ..schema };
    let update_mask = Some(mask(&["mode", "labels", "span_rules"]));
    client
        .send(v1::UpdateLabelSchemaRequest { label_schema: Some(schema), update_mask, ..Default::default() })
        .await
}

fn closed(labels: &[&str]) -> v1::LabelSchema {
    let label = |label: &&str| v1::LabelDefinition { label: (*label).to_owned(), ..Default::default() };
    let labels = labels.iter().map(label).collect();
    v1::LabelSchema { mode: v1::LabelSchemaMode::Closed.into(), labels, ..Default::default() }
}

/// Once an undo brought annotations back, with their article or alone, that the schema refused by then.
#[tokio::test]
async fn an_undo_does_not_get_around_the_schema_that_stands() {
    let (_server, client) = related().await;
    let delete_article = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(delete_article).await.unwrap();
    let deleted = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    set_schema(&client, closed(&["PER"])).await.unwrap();
    let undo = |revision| v1::UndoCommitRequest { parent: P.to_owned(), revision, ..Default::default() };
    let status = client.send(undo(deleted)).await.unwrap_err();
    assert_eq!(refusal(&status).0, "UNDO_CONFLICT");
    assert!(status.message().contains("breaks the label schema that stands now"), "{}", status.message());
    set_schema(&client, v1::LabelSchema::default()).await.unwrap();
    client.send(undo(deleted)).await.unwrap();
    assert_eq!(labels(&client).await.len(), 8);

    client.send(delete(7, false)).await.unwrap();
    let deleted = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    let rest = ["PER", "ORG", "LOC", "Located", "Hiring", "news"];
    set_schema(&client, closed(&rest)).await.unwrap();
    let status = client.send(undo(deleted)).await.unwrap_err();
    assert_eq!(refusal(&status).0, "UNDO_CONFLICT");
    assert!(status.message().contains(&name(7)), "{}", status.message());
}

/// Once the first schema could be undone although annotations stood only by its leave.
#[tokio::test]
async fn the_first_schema_is_not_undone_while_annotations_need_it() {
    let (_server, client) = related().await;
    let span_rules = Some(v1::SpanRules { empty: Some(true), ..Default::default() });
    let set = set_schema(&client, v1::LabelSchema { span_rules, ..Default::default() }).await.unwrap();
    let nothing = annotation("GAP", vec![by_code_points(3, 3)]);
    let made = client.send(create(9, nothing)).await.unwrap();
    let undo = v1::UndoCommitRequest { parent: P.to_owned(), revision: set.revision, ..Default::default() };
    let status = client.send(undo.clone()).await.unwrap_err();
    assert_eq!(refusal(&status).0, "UNDO_CONFLICT");
    assert!(status.message().contains(&made.name), "{}", status.message());
    client.send(delete(9, false)).await.unwrap();
    client.send(undo).await.unwrap();
    let read = v1::GetLabelSchemaRequest { name: format!("{P}/labelSchema") };
    assert_eq!(client.send(read).await.unwrap().revision, 0);
}
