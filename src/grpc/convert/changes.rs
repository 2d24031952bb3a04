//! Changes.

use std::mem;

use bytes::Bytes;
use prost::Message;

use super::{annotations, articles, attempt, label_schemas, layers, projects, timestamp};
use crate::{
    app::{
        Renderers,
        articles::ArticleAnswer,
        changes::{ChangesPage, ChangesQuery, ResourceChange},
        feed::ChangeFilter,
        snapshots::{Resource, SnapshotPage},
        undo::Undone,
        watch::{WatchEvent, WatchQuery, WatchStart},
    },
    domain::{
        Error, Result,
        articles::Article,
        ids::{AnnotationId, AnnotationName, ArticleId, ArticleName, LayerId, ProjectName},
        requests::Method,
        revisions::{ProjectUid, Revision},
    },
    limits::ANSWER_BYTES_MAX,
    proto::v1,
    store::engine::{At, Attempt, Origin, Stamp},
};

/// How the application encodes what it keeps encoded.
pub const RENDERERS: Renderers = Renderers {
    annotation: super::rendering::rendered,
    resource: |project, uid, resource| message(project, uid, resource).encode_to_vec().into(),
    change: |project, uid, of| change(project, uid, of).encode_to_vec().into(),
    restored: |project, uid, resource| restored(project, uid, resource).encode_to_vec().into(),
    changes,
};

/// What WatchChanges asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn watch(request: v1::WatchChangesRequest) -> Result<WatchQuery> {
    use v1::watch_changes_request::Start;
    let v1::WatchChangesRequest { parent, article, layer, start, project_uid } = request;
    let project = ProjectName::parse("parent", &parent)?;
    let filter = filter(&project, &article, &layer, "")?;
    let start = match start {
        None | Some(Start::Now(v1::Now {})) => WatchStart::Now,
        Some(Start::AfterRevision(after)) => WatchStart::After(Revision(after)),
        Some(Start::Earliest(v1::Earliest {})) => WatchStart::Earliest,
        Some(Start::Snapshot(v1::FromSnapshot {})) => WatchStart::Snapshot,
    };
    Ok(WatchQuery { project, filter, start, project_uid })
}

/// What ListChanges asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn list(request: v1::ListChangesRequest) -> Result<ChangesQuery> {
    let v1::ListChangesRequest {
        parent,
        page_size,
        page_token,
        article,
        layer,
        annotation,
        after_revision,
        order_by,
        project_uid,
    } = request;
    let project = ProjectName::parse("parent", &parent)?;
    let filter = filter(&project, &article, &layer, &annotation)?;
    let words: Vec<_> = order_by.split_ascii_whitespace().collect();
    let newest_first = match words.as_slice() {
        [] | ["revision"] => false,
        ["revision", "desc"] => true,
        _ => {
            let what = format!("is {order_by:?}; send revision, or revision desc for the newest first");
            return Err(Error::field("order_by", what));
        }
    };
    let after = Revision(after_revision);
    Ok(ChangesQuery { project, filter, after, newest_first, page_size, page_token, project_uid })
}

/// What UndoCommit asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn undo(mut request: v1::UndoCommitRequest) -> Result<(ProjectName, Revision, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::UndoCommit, request.validate_only, &id, &request)?;
    let v1::UndoCommitRequest { parent, revision, validate_only: _, request_id: _ } = request;
    Ok((ProjectName::parse("parent", &parent)?, Revision(revision), attempt))
}

/// What an undo did, encoded around changes that are encoded already.
#[must_use]
pub fn undone(undone: Undone) -> Bytes {
    /// `UndoCommitResponse`, the same on the wire.
    #[derive(prost::Message)]
    struct Encoded {
        #[prost(uint64, tag = "1")]
        revision: u64,
        #[prost(message, optional, tag = "2")]
        commit_time: Option<prost_types::Timestamp>,
        #[prost(bytes = "bytes", repeated, tag = "3")]
        changes: Vec<Bytes>,
        #[prost(uint32, tag = "4")]
        change_count: u32,
    }
    // What a change takes in the answer beside its own bytes, and what the rest of it takes.
    const CHANGE: usize = 8;
    const REST: usize = 64;
    let Undone { commit, mut changes } = undone;
    let Stamp { revision, time } = commit.stamp;
    let change_count = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    let mut bytes = REST;
    let fitting = changes.iter().take_while(|change| {
        bytes += CHANGE + change.len();
        bytes <= ANSWER_BYTES_MAX
    });
    changes.truncate(fitting.count());
    let (revision, commit_time) = (revision.0, Some(timestamp(time)));
    Encoded { revision, commit_time, changes, change_count }.encode_to_vec().into()
}

/// The message of a page, encoded around commits that are encoded already.
#[must_use]
pub fn page(page: ChangesPage) -> Bytes {
    /// `ListChangesResponse`, the same on the wire.
    #[derive(prost::Message)]
    struct Encoded {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        changes: Vec<Bytes>,
        #[prost(string, tag = "2")]
        next_page_token: String,
        #[prost(uint64, tag = "3")]
        revision: u64,
        #[prost(uint64, tag = "4")]
        earliest_revision: u64,
        #[prost(string, tag = "5")]
        project_uid: String,
    }
    let ChangesPage { changes, next_page_token, revision, earliest, uid } = page;
    let (revision, earliest_revision, project_uid) = (revision.0, earliest.0, uid.to_string());
    Encoded { changes, next_page_token, revision, earliest_revision, project_uid }.encode_to_vec().into()
}

/// The message of an event, encoded around what is encoded already.
#[must_use]
pub fn event(event: WatchEvent) -> Bytes {
    /// `WatchChangesResponse`, the same on the wire.
    #[derive(prost::Message)]
    struct Encoded {
        #[prost(message, optional, tag = "1")]
        opened: Option<v1::Opened>,
        #[prost(message, optional, tag = "2")]
        snapshot: Option<EncodedSnapshot>,
        #[prost(bytes = "bytes", optional, tag = "3")]
        changes: Option<Bytes>,
        #[prost(message, optional, tag = "4")]
        checkpoint: Option<v1::Checkpoint>,
    }
    /// `Snapshot`, the same on the wire.
    #[derive(prost::Message)]
    struct EncodedSnapshot {
        #[prost(uint64, tag = "1")]
        revision: u64,
        #[prost(bytes = "bytes", repeated, tag = "2")]
        resources: Vec<Bytes>,
        #[prost(bool, tag = "3")]
        last: bool,
    }
    let mut message = Encoded::default();
    match event {
        WatchEvent::Opened { uid, head, earliest } => {
            let (project_uid, head_revision, earliest_revision) = (uid.to_string(), head.0, earliest.0);
            message.opened = Some(v1::Opened { project_uid, head_revision, earliest_revision });
        }
        WatchEvent::Snapshot(SnapshotPage { revision, resources, last }) => {
            message.snapshot = Some(EncodedSnapshot { revision: revision.0, resources, last });
        }
        WatchEvent::Changes(changes, _) => message.changes = Some(changes),
        WatchEvent::Checkpoint { revision, earliest } => {
            let (revision, earliest_revision) = (revision.0, earliest.0);
            message.checkpoint = Some(v1::Checkpoint { revision, earliest_revision });
        }
    }
    message.encode_to_vec().into()
}

/// A commit, or a part of one, encoded around changes that are encoded already.
fn changes(stamp: Stamp, origin: Origin, changes: &[Bytes], continued: bool) -> Bytes {
    /// `Changes`, the same on the wire.
    #[derive(prost::Message)]
    struct Encoded {
        #[prost(uint64, tag = "1")]
        revision: u64,
        #[prost(message, optional, tag = "2")]
        commit_time: Option<prost_types::Timestamp>,
        #[prost(string, tag = "4")]
        request_id: String,
        #[prost(bytes = "bytes", repeated, tag = "5")]
        changes: Vec<Bytes>,
        #[prost(bool, tag = "6")]
        continued: bool,
        #[prost(uint64, tag = "7")]
        undone_revision: u64,
    }
    let (Stamp { revision, time }, Origin { request, undone }) = (stamp, origin);
    let message = Encoded {
        revision: revision.0,
        commit_time: Some(timestamp(time)),
        request_id: request.map_or_else(String::new, |request| request.id.to_string()),
        changes: changes.to_vec(),
        continued,
        undone_revision: undone.unwrap_or_default().0,
    };
    message.encode_to_vec().into()
}

fn change(project: &ProjectName, uid: ProjectUid, of: &ResourceChange) -> v1::Change {
    let message = |resource| message(project, uid, resource);
    match of {
        ResourceChange::Project { before, after } => v1::Change {
            name: project.to_string(),
            before: before.as_ref().map(|before| message(Resource::Project(before, before.revision))),
            after: after.as_ref().map(|after| message(Resource::Project(after, after.revision))),
            cascaded: false,
        },
        ResourceChange::LabelSchema { before, after } => v1::Change {
            name: label_schemas::name(project),
            before: before.as_ref().map(|before| message(Resource::LabelSchema(before))),
            after: after.as_ref().map(|after| message(Resource::LabelSchema(after))),
            cascaded: false,
        },
        ResourceChange::Article { number: _, before, after, cascaded } => {
            let id = after.as_ref().or(before.as_ref()).map(|stored| stored.article.id.clone());
            v1::Change {
                name: id.map_or_else(String::new, |id| project.article(id).to_string()),
                before: before.as_ref().map(|before| message(Resource::Article(&before.article))),
                after: after.as_ref().map(|after| message(Resource::Article(&after.article))),
                cascaded: *cascaded,
            }
        }
        ResourceChange::Layer { before, after } => {
            let id = after.as_ref().or(before.as_ref()).map(|layer| layer.id.clone());
            v1::Change {
                name: id.map_or_else(String::new, |id| project.layer(id).to_string()),
                before: before.as_ref().map(|before| message(Resource::Layer(before))),
                after: after.as_ref().map(|after| message(Resource::Layer(after))),
                cascaded: false,
            }
        }
        ResourceChange::ArticleLayer { number: _, article, layer, before, after } => v1::Change {
            name: project.article(article.clone()).layer(layer.clone()).to_string(),
            before: before.as_ref().map(|before| message(Resource::ArticleLayer(article, before))),
            after: after.as_ref().map(|after| message(Resource::ArticleLayer(article, after))),
            cascaded: false,
        },
        ResourceChange::Annotation { number: _, article, id, before, after, cascaded } => v1::Change {
            name: project.article(article.clone()).annotation(*id).to_string(),
            before: before.as_ref().map(|before| message(Resource::Annotation(article, before))),
            after: after.as_ref().map(|after| message(Resource::Annotation(article, after))),
            cascaded: *cascaded,
        },
    }
}

/// What came back with its article.
fn restored(project: &ProjectName, uid: ProjectUid, resource: Resource<'_>) -> v1::Change {
    let name = match resource {
        Resource::Project(project, _) => project.name().to_string(),
        Resource::LabelSchema(_) => label_schemas::name(project),
        Resource::Layer(layer) => project.layer(layer.id.clone()).to_string(),
        Resource::Article(article) => project.article(article.id.clone()).to_string(),
        Resource::ArticleLayer(article, kept) => {
            project.article(article.clone()).layer(kept.layer.clone()).to_string()
        }
        Resource::Annotation(article, annotation) => {
            project.article(article.clone()).annotation(annotation.id).to_string()
        }
    };
    let after = Some(message(project, uid, resource));
    v1::Change { name, before: None, after, cascaded: true }
}

/// Any resource as clients see it, articles without their texts.
fn message(project: &ProjectName, uid: ProjectUid, resource: Resource<'_>) -> v1::Resource {
    use v1::resource::Kind;
    let kind = match resource {
        Resource::Project(value, revision) => {
            Kind::Project(projects::project(At { value: value.clone(), revision }))
        }
        Resource::LabelSchema(value) => Kind::LabelSchema(label_schemas::label_schema(project, uid, value)),
        Resource::Article(value) => Kind::Article(article(project.article(value.id.clone()), uid, value)),
        Resource::Layer(value) => Kind::Layer(layers::declared(&project.layer(value.id.clone()), uid, value)),
        Resource::ArticleLayer(article, value) => {
            let name = project.article(article.clone()).layer(value.layer.clone());
            Kind::ArticleLayer(layers::kept(&name, value))
        }
        Resource::Annotation(article, value) => {
            Kind::Annotation(annotations::annotation(&project.article(article.clone()), uid, value))
        }
    };
    v1::Resource { kind: Some(kind) }
}

pub(super) fn article(name: ArticleName, uid: ProjectUid, article: &Article) -> v1::Article {
    articles::article(ArticleAnswer { uid, name, article: article.clone(), text: None })
}

/// A filter; what is empty is not asked for.
fn filter(project: &ProjectName, article: &str, layer: &str, annotation: &str) -> Result<ChangeFilter> {
    let elsewhere = |field: &str| Error::field(field, format!("is not in {project}"));
    let mut of_article = match article {
        "" => None,
        name if name.contains('/') => {
            let name = ArticleName::parse("article", name)?;
            if name.parent() != *project {
                return Err(elsewhere("article"));
            }
            Some(name.article)
        }
        id => Some(ArticleId::parse("article", id)?),
    };
    let layer = if layer.is_empty() { None } else { Some(LayerId::parse("layer", layer)?) };
    let annotation = match (annotation, &of_article) {
        ("", _) => None,
        (name, asked) if name.contains('/') => {
            let name = AnnotationName::parse("annotation", name)?;
            if name.article.parent() != *project {
                return Err(elsewhere("annotation"));
            }
            if asked.as_ref().is_some_and(|asked| *asked != name.article.article) {
                return Err(Error::field("annotation", "is not of the article that is asked for"));
            }
            of_article = Some(name.article.article);
            Some(name.annotation)
        }
        (_, None) => {
            return Err(Error::field("annotation", "needs its article; send its full name, or article, too"));
        }
        (id, Some(_)) => Some(AnnotationId::parse("annotation", id)?),
    };
    Ok(ChangeFilter { article: of_article, layer, annotation })
}
