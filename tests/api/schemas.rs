//! Label schemas: set, read, and kept by whatever is said of the project's articles.

mod enforced;
mod overlaps;
mod races;
mod replaced;

use spandrel::{
    formats::schema_file,
    grpc::convert::label_schemas,
    proto::v1::{self, annotation::Target, resource::Kind, watch_changes_request::Start, write::Op},
};
use tonic::Status;

use crate::support::{Client, Server, check_refused, mask};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const NAME: &str = "projects/p/labelSchema";

const SCHEMA: &str = "mode: closed
labels:
  - {label: Entity, abstract: true}
  - {label: PER, parent: Entity, kinds: spans, color: '#1f77b4'}
  - {label: ORG, parent: Entity, kinds: spans}
attributes:
  - {name: sure, kind: bool, default_value: true}
";

/// A project with an article, `projects/p/articles/a`, and how it is spoken of.
pub(crate) struct Stage {
    server: Server,
    client: Client,
}

/// A schema as it is sent, from the file that people write.
fn schema(yaml: &str) -> v1::LabelSchema {
    let schema = schema_file::read_yaml(yaml).unwrap();
    v1::LabelSchema { name: NAME.to_owned(), ..label_schemas::sent(schema.definition()) }
}

fn id(n: u64) -> String {
    format!("01900000-0000-7000-8000-{n:012x}")
}

fn name(n: u64) -> String {
    format!("{A}/annotations/{}", id(n))
}

fn create(n: u64, annotation: v1::Annotation) -> v1::CreateAnnotationRequest {
    v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation_id: id(n),
        annotation: Some(annotation),
        ..Default::default()
    }
}

/// A change of the annotation `n`: `change` gets one that is empty.
fn update(n: u64, paths: &[&str], change: impl FnOnce(&mut v1::Annotation)) -> v1::UpdateAnnotationRequest {
    let mut annotation = v1::Annotation { name: name(n), ..Default::default() };
    change(&mut annotation);
    v1::UpdateAnnotationRequest {
        annotation: Some(annotation),
        update_mask: Some(mask(paths)),
        ..Default::default()
    }
}

fn commit(ops: Vec<Op>) -> v1::CommitAnnotationsRequest {
    let writes = ops.into_iter().map(|op| v1::Write { op: Some(op) }).collect();
    v1::CommitAnnotationsRequest { parent: P.to_owned(), writes, ..Default::default() }
}

fn relation(label: &str, arguments: &[(&str, u64)]) -> v1::Annotation {
    let argument = |(role, n): &(&str, u64)| v1::Argument { role: (*role).to_owned(), annotation: name(*n) };
    let arguments = arguments.iter().map(argument).collect();
    let target = Some(Target::Relation(v1::Relation { arguments }));
    v1::Annotation { label: label.to_owned(), target, ..Default::default() }
}

fn of_article(label: &str) -> v1::Annotation {
    let target = Some(Target::Article(v1::WholeArticle {}));
    v1::Annotation { label: label.to_owned(), target, ..Default::default() }
}

impl Stage {
    async fn start(text: &str, yaml: &str) -> Self {
        let server = Server::start();
        let client = server.client_with_article(text).await;
        let stage = Self { server, client };
        stage.set(yaml).await.unwrap();
        stage
    }

    async fn restart(&mut self) {
        self.server.kill();
        self.server.start_again();
        self.client = self.server.client().await;
    }

    async fn schema(&self) -> v1::LabelSchema {
        self.client.send(v1::GetLabelSchemaRequest { name: NAME.to_owned() }).await.unwrap()
    }

    async fn head(&self) -> u64 {
        self.client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
    }

    /// The request that replaces the schema as it is now.
    async fn replacement(&self, yaml: &str) -> v1::UpdateLabelSchemaRequest {
        let etag = self.schema().await.etag;
        let label_schema = Some(v1::LabelSchema { etag, ..schema(yaml) });
        v1::UpdateLabelSchemaRequest { label_schema, ..Default::default() }
    }

    async fn set(&self, yaml: &str) -> Result<v1::LabelSchema, Status> {
        self.client.send(self.replacement(yaml).await).await
    }

    async fn force(&self, yaml: &str) -> v1::LabelSchema {
        let request = v1::UpdateLabelSchemaRequest { force: true, ..self.replacement(yaml).await };
        self.client.send(request).await.unwrap()
    }

    async fn create(&self, n: u64, annotation: v1::Annotation) -> Result<v1::Annotation, Status> {
        self.client.send(create(n, annotation)).await
    }

    async fn update(
        &self,
        n: u64,
        paths: &[&str],
        change: impl FnOnce(&mut v1::Annotation),
    ) -> Result<v1::Annotation, Status> {
        self.client.send(update(n, paths, change)).await
    }

    /// Has the review say something of the annotation.
    async fn review(&self, n: u64, state: v1::State) -> Result<v1::Annotation, Status> {
        self.update(n, &["state"], |it| it.state = state.into()).await
    }

    async fn undo(&self, revision: u64) -> Result<v1::UndoCommitResponse, Status> {
        let request = v1::UndoCommitRequest { parent: P.to_owned(), revision, ..Default::default() };
        self.client.send(request).await
    }

    async fn list(&self) -> Vec<v1::Annotation> {
        let request =
            v1::ListAnnotationsRequest { parent: A.to_owned(), page_size: 1_000, ..Default::default() };
        self.client.clone().list_all(request).await
    }
}

/// Expects that the rule is said to be broken, at the field.
#[track_caller]
fn breaks<T: std::fmt::Debug>(answer: Result<T, Status>, rule: &str, field: &str) {
    let details = check_refused(answer, "SCHEMA_VIOLATED", field);
    assert_eq!(crate::support::fact(&details, "rule"), rule, "{details:?}");
    assert_eq!(crate::support::fact(&details, "count"), "1", "{details:?}");
    let violation = &details.precondition_failure().unwrap().violations[0];
    assert!(!violation.description.is_empty(), "{details:?}");
}

#[tokio::test]
async fn a_project_has_an_open_schema_without_labels_until_it_is_set() {
    let server = Server::start();
    let client = server.client_with_article("one").await;
    let unset = client.send(v1::GetLabelSchemaRequest { name: NAME.to_owned() }).await.unwrap();
    let expected = v1::LabelSchema {
        name: NAME.to_owned(),
        mode: v1::LabelSchemaMode::Open.into(),
        etag: unset.etag.clone(),
        ..Default::default()
    };
    assert_eq!(unset, expected);
    assert!(!unset.etag.is_empty());
    let get = |name: &str| client.send(v1::GetLabelSchemaRequest { name: name.to_owned() });
    check_refused(get("projects/none/labelSchema").await, "RESOURCE_NOT_FOUND", "");
    for wrong in ["projects/p", "", "projects/p/labelSchema/x", "projects/p q/labelSchema"] {
        check_refused(get(wrong).await, "FIELD_INVALID", "name");
    }
}

#[tokio::test]
async fn a_schema_is_read_as_it_was_set_after_a_restart_too() {
    let mut stage = Stage::start("one", "{}").await;
    let first = stage.schema().await;
    let set = stage.set(SCHEMA).await.unwrap();
    let known = v1::LabelSchema {
        revision: set.revision,
        create_time: first.create_time,
        update_time: set.update_time,
        etag: set.etag.clone(),
        ..schema(SCHEMA)
    };
    assert_eq!(set, known);
    assert_eq!((set.revision, first.revision), (4, 3));
    assert!(set.update_time.unwrap().seconds > 0 && first.etag != set.etag);
    assert_eq!(stage.schema().await, set);
    stage.restart().await;
    assert_eq!(stage.schema().await, set);
    assert_eq!(stage.head().await, 4);
    // Its etag is not the project's, nor the article's.
    let project = stage.client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
    assert_ne!(project.etag, set.etag);
}

#[tokio::test]
async fn a_mask_says_what_is_changed_and_needs_no_etag() {
    let stage = Stage::start("one", SCHEMA).await;
    let other = "mode: open
labels: [X]
span_rules: {overlap: none}
exclusive_sets: [{labels: [X]}]
";
    let send = |paths: &'static [&'static str], etag: &str| {
        let update_mask = Some(mask(paths));
        let label_schema = Some(v1::LabelSchema { etag: etag.to_owned(), ..schema(other) });
        stage.client.send(v1::UpdateLabelSchemaRequest { label_schema, update_mask, ..Default::default() })
    };
    let before = stage.schema().await;
    let changed = send(&["mode", "span_rules"], "").await.unwrap();
    let expected = v1::LabelSchema {
        mode: v1::LabelSchemaMode::Open.into(),
        span_rules: schema(other).span_rules,
        revision: changed.revision,
        update_time: changed.update_time,
        etag: changed.etag.clone(),
        ..before.clone()
    };
    assert_eq!(changed, expected);
    check_refused(send(&["mode"], &before.etag).await, "ETAG_MISMATCH", "label_schema.etag");
    // The parts have to go together: an exclusive set has labels that are there.
    check_refused(
        send(&["exclusive_sets"], "").await,
        "FIELD_INVALID",
        "label_schema.exclusive_sets[0].labels[0]",
    );
    send(&["labels", "exclusive_sets", "attributes"], &changed.etag).await.unwrap();
    assert_eq!(stage.schema().await.attributes, []);
    for path in ["name", "etag", "revision", "labels.label", "rules", ""] {
        let update_mask = Some(mask(&["mode", path]));
        let request = v1::UpdateLabelSchemaRequest {
            label_schema: Some(schema(other)),
            update_mask,
            ..Default::default()
        };
        check_refused(stage.client.send(request).await, "FIELD_INVALID", "update_mask.paths[1]");
    }
}

#[tokio::test]
async fn what_makes_no_schema_is_refused_where_it_stands_and_changes_nothing() {
    let stage = Stage::start("one", SCHEMA).await;
    let before = (stage.schema().await, stage.head().await);
    let refuse = async |change: &dyn Fn(&mut v1::LabelSchema), field: &str| {
        let mut request = stage.replacement(SCHEMA).await;
        change(request.label_schema.as_mut().unwrap());
        check_refused(stage.client.send(request).await, "FIELD_INVALID", field);
    };
    refuse(&|it| it.labels[1].parent = "None".to_owned(), "label_schema.labels[1].parent").await;
    refuse(&|it| it.labels[0].parent = "PER".to_owned(), "label_schema.labels[0].parent").await;
    refuse(&|it| it.labels[2].label = "PER".to_owned(), "label_schema.labels[2].label").await;
    refuse(&|it| it.labels[1].color = "blue".to_owned(), "label_schema.labels[1].color").await;
    refuse(&|it| it.mode = 9, "label_schema.mode").await;
    refuse(&|it| it.attributes[0].kind = 0, "label_schema.attributes[0].kind").await;
    refuse(&|it| it.etag.clear(), "label_schema.etag").await;
    refuse(&|it| it.name = P.to_owned(), "label_schema.name").await;
    let missing = v1::UpdateLabelSchemaRequest::default();
    check_refused(stage.client.send(missing).await, "FIELD_INVALID", "label_schema");
    let mut elsewhere = stage.replacement(SCHEMA).await;
    "projects/none/labelSchema".clone_into(&mut elsewhere.label_schema.as_mut().unwrap().name);
    check_refused(stage.client.send(elsewhere).await, "RESOURCE_NOT_FOUND", "");
    assert_eq!((stage.schema().await, stage.head().await), before);
}

#[tokio::test]
async fn of_many_who_read_one_schema_one_changes_it() {
    let stage = Stage::start("one", "{}").await;
    let etag = stage.schema().await.etag;
    let attempts = (0..16).map(|n| {
        let label_schema = v1::LabelSchema { etag: etag.clone(), ..schema(&format!("labels: [L{n}]")) };
        let request = v1::UpdateLabelSchemaRequest { label_schema: Some(label_schema), ..Default::default() };
        let client = stage.client.clone();
        tokio::spawn(async move { client.send(request).await })
    });
    let mut set = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(schema) => set.push(schema),
            refused @ Err(_) => {
                let details = check_refused(refused, "ETAG_MISMATCH", "label_schema.etag");
                assert_eq!(details.resource_info().unwrap().resource_name, NAME);
            }
        }
    }
    assert_eq!(set, [stage.schema().await]);
    // What it is now is told with the refusal, so that whoever lost goes on from there.
    let label_schema = Some(v1::LabelSchema { etag, ..schema("{}") });
    let late = v1::UpdateLabelSchemaRequest { label_schema, ..Default::default() };
    let details = check_refused(stage.client.send(late).await, "ETAG_MISMATCH", "label_schema.etag");
    assert_eq!(crate::support::fact(&details, "current_etag"), set[0].etag);
}

#[tokio::test]
async fn a_retry_changes_a_schema_once_and_a_check_never() {
    let mut stage = Stage::start("one", "{}").await;
    let request_id = "2f4ad8f6-0d5c-4f3e-9b9e-6a4d8a9f0c11".to_owned();
    let replacement = stage.replacement(SCHEMA).await;
    let checked = v1::UpdateLabelSchemaRequest {
        validate_only: true,
        request_id: request_id.clone(),
        ..replacement.clone()
    };
    let preview = stage.client.send(checked).await.unwrap();
    assert_eq!((preview.revision, preview.labels.len()), (4, 3));
    assert_eq!((stage.head().await, stage.schema().await.labels.len()), (3, 0));

    let request = v1::UpdateLabelSchemaRequest { request_id: request_id.clone(), ..replacement };
    let set = stage.client.send(request.clone()).await.unwrap();
    stage.set("{}").await.unwrap();
    assert_eq!(stage.client.send(request.clone()).await.unwrap(), set);
    stage.restart().await;
    assert_eq!(stage.client.send(request.clone()).await.unwrap(), set);
    assert_eq!((stage.head().await, stage.schema().await.labels.len()), (5, 0));
    let another = v1::UpdateLabelSchemaRequest { force: true, ..request };
    check_refused(stage.client.send(another).await, "REQUEST_ID_REUSED", "request_id");
}

#[tokio::test]
async fn followers_are_told_of_a_schema_and_find_it_in_a_snapshot() {
    let stage = Stage::start("one", "{}").await;
    let first = stage.schema().await;
    let now = Start::AfterRevision(stage.head().await);
    let mut feed = stage.client.watch_from(P, now).await.unwrap();
    let set = stage.set(SCHEMA).await.unwrap();
    let told = feed.commit().await;
    let kind = |schema: &v1::LabelSchema| v1::Resource { kind: Some(Kind::LabelSchema(schema.clone())) };
    let expected = v1::Change {
        name: NAME.to_owned(),
        before: Some(kind(&first)),
        after: Some(kind(&set)),
        cascaded: false,
    };
    assert_eq!((told.revision, told.changes), (set.revision, vec![expected]));
    // Undone, it is the one before, of a new revision.
    let undone = stage.undo(set.revision).await.unwrap();
    let told = feed.commit().await;
    assert_eq!((&told.changes, told.undone_revision), (&undone.changes, set.revision));
    let restored = v1::LabelSchema {
        revision: undone.revision,
        update_time: undone.commit_time,
        etag: stage.schema().await.etag,
        ..first.clone()
    };
    assert_eq!(told.changes[0].after, Some(kind(&restored)));
    assert_eq!(stage.schema().await, restored);

    let mut feed = stage.client.watch_from(P, Start::Snapshot(v1::FromSnapshot {})).await.unwrap();
    let (_, resources) = feed.snapshot().await;
    let schemas: Vec<_> = resources.iter().filter(|it| matches!(it, Kind::LabelSchema(_))).collect();
    assert_eq!(schemas, [&Kind::LabelSchema(restored)]);
}

#[tokio::test]
async fn a_schema_goes_with_its_project() {
    let mut stage = Stage::start("one", SCHEMA).await;
    let etag = stage.schema().await.etag;
    let delete = v1::DeleteProjectRequest { name: P.to_owned(), force: true, ..Default::default() };
    stage.client.send(delete).await.unwrap();
    let get = v1::GetLabelSchemaRequest { name: NAME.to_owned() };
    check_refused(stage.client.send(get).await, "RESOURCE_NOT_FOUND", "");
    // Its namesake has one of its own.
    stage.client.create_project("p").await;
    let unset = stage.schema().await;
    assert_eq!((unset.revision, unset.labels.len()), (0, 0));
    let label_schema = Some(v1::LabelSchema { etag, ..schema("{}") });
    let late = v1::UpdateLabelSchemaRequest { label_schema, ..Default::default() };
    check_refused(stage.client.send(late).await, "ETAG_MISMATCH", "label_schema.etag");
}
