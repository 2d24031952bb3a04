//! Annotations.

use std::{mem, sync::Arc};

use bytes::Bytes;
use prost::Message;

use super::{attempt, attributes, check_batch, contents, id_or_name, not_alone, required, spans, timestamp};
use crate::{
    app::{
        annotation_commits::{Write, WriteOp, Written},
        annotation_reads::{AnnotationPage, AnnotationQuery},
        selection::Selection,
    },
    domain::{
        Error, Result,
        annotations::{self, Annotation, Label},
        details::Mask,
        filter::AnnotationFilter,
        ids::{AnnotationId, AnnotationName, ArticleName, LayerId, ProjectName},
        requests::Method,
        revisions::{ProjectUid, Revision},
    },
    limits,
    proto::v1,
    store::engine::{At, Attempt},
};

/// What CreateAnnotation asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn create(mut request: v1::CreateAnnotationRequest) -> Result<(Write, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::CreateAnnotation, request.validate_only, &id, &request)?;
    Ok((create_write(request, None, String::new())?, attempt))
}

/// What UpdateAnnotation asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn update(mut request: v1::UpdateAnnotationRequest) -> Result<(Write, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::UpdateAnnotation, request.validate_only, &id, &request)?;
    Ok((update_write(request, String::new())?, attempt))
}

/// What DeleteAnnotation asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn delete(mut request: v1::DeleteAnnotationRequest) -> Result<(Write, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::DeleteAnnotation, request.validate_only, &id, &request)?;
    Ok((delete_write(request, String::new())?, attempt))
}

/// What BatchCreateAnnotations asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED; the field names the request.
pub fn create_batch(
    mut request: v1::BatchCreateAnnotationsRequest,
) -> Result<(ProjectName, Vec<Write>, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::BatchCreateAnnotations, request.validate_only, &id, &request)?;
    let v1::BatchCreateAnnotationsRequest { parent, requests, validate_only: _, request_id: _ } = request;
    let parent = ArticleName::parse("parent", &parent)?;
    check_batch("requests", "the batch", requests.len(), limits::COMMIT_WRITES_MAX)?;
    let one = |(index, request): (usize, v1::CreateAnnotationRequest)| {
        let path = format!("requests[{index}]");
        let write = not_alone(request.validate_only, &request.request_id)
            .and_then(|()| create_write(request, Some(&parent), path.clone()));
        write.map_err(|error| error.within(&path))
    };
    let writes = requests.into_iter().enumerate().map(one).collect::<Result<_>>()?;
    Ok((parent.parent(), writes, attempt))
}

/// What CommitAnnotations asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED; the field names the write.
pub fn commit(mut request: v1::CommitAnnotationsRequest) -> Result<(ProjectName, Vec<Write>, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::CommitAnnotations, request.validate_only, &id, &request)?;
    let v1::CommitAnnotationsRequest { parent, writes, validate_only: _, request_id: _ } = request;
    let parent = ProjectName::parse("parent", &parent)?;
    check_batch("writes", "the commit", writes.len(), limits::COMMIT_WRITES_MAX)?;
    let one = |(index, write)| one_of_commit(index, write, &parent);
    let writes = writes.into_iter().enumerate().map(one).collect::<Result<_>>()?;
    Ok((parent, writes, attempt))
}

/// What ListAnnotations asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn list(request: v1::ListAnnotationsRequest) -> Result<AnnotationQuery> {
    let v1::ListAnnotationsRequest {
        parent,
        page_size,
        page_token,
        layer,
        label,
        text_revision,
        overlaps,
        filter,
    } = request;
    Ok(AnnotationQuery {
        article: ArticleName::parse("parent", &parent)?,
        selection: selection(&layer, &label, &filter)?,
        overlaps: overlaps.map(spans::request),
        text_revision,
        page_size,
        page_token,
    })
}

/// What StreamAnnotations asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn stream(request: v1::StreamAnnotationsRequest) -> Result<(ProjectName, Arc<Selection>)> {
    let v1::StreamAnnotationsRequest { parent, layer, label, filter } = request;
    Ok((ProjectName::parse("parent", &parent)?, selection(&layer, &label, &filter)?))
}

/// An annotation as clients see it.
#[must_use]
pub fn annotation(article: &ArticleName, uid: ProjectUid, annotation: &Annotation) -> v1::Annotation {
    let Annotation {
        id,
        layer,
        label,
        target,
        attributes,
        note,
        score,
        state,
        anchoring,
        derived_from,
        text_revision,
        revision,
        create_time,
        update_time,
    } = annotation;
    v1::Annotation {
        name: article.annotation(*id).to_string(),
        layer: layer.as_str().to_owned(),
        label: label.as_str().to_owned(),
        target: Some(contents::target(article, target)),
        attributes: attributes::message(attributes),
        note: note.clone(),
        score: *score,
        state: contents::state(*state).into(),
        anchoring: anchoring.map(contents::anchoring),
        text_revision: *text_revision,
        creator: String::new(),
        derived_from: derived_from.iter().map(ToString::to_string).collect(),
        revision: revision.0,
        create_time: Some(timestamp(*create_time)),
        update_time: Some(timestamp(*update_time)),
        etag: annotation.etag(uid).to_string(),
    }
}

/// What a write did, as clients see it: a delete is answered with the name alone.
#[must_use]
pub fn written(written: &Written, uid: ProjectUid) -> v1::Annotation {
    let Written { name, annotation } = written;
    match annotation {
        Some(annotation) => self::annotation(&name.article, uid, annotation),
        None => v1::Annotation { name: name.to_string(), ..v1::Annotation::default() },
    }
}

/// What the writes of a batch did, as clients see it.
#[must_use]
pub fn created(created: &At<Vec<Written>>, uid: ProjectUid) -> v1::BatchCreateAnnotationsResponse {
    let annotations = created.value.iter().map(|one| written(one, uid)).collect();
    v1::BatchCreateAnnotationsResponse { annotations, revision: created.revision.0 }
}

/// What the writes of a commit did, as clients see it.
#[must_use]
pub fn committed(committed: &At<Vec<Written>>, uid: ProjectUid) -> v1::CommitAnnotationsResponse {
    let annotations = committed.value.iter().map(|one| written(one, uid)).collect();
    v1::CommitAnnotationsResponse { annotations, revision: committed.revision.0 }
}

/// The message of a page, encoded around annotations that are encoded already.
#[must_use]
pub fn page(page: AnnotationPage) -> Bytes {
    /// `ListAnnotationsResponse`, the same on the wire.
    #[derive(prost::Message)]
    struct Encoded {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        annotations: Vec<Bytes>,
        #[prost(string, tag = "2")]
        next_page_token: String,
        #[prost(uint64, tag = "3")]
        revision: u64,
    }
    let AnnotationPage { annotations, next_page_token, revision } = page;
    Encoded { annotations, next_page_token, revision: revision.0 }.encode_to_vec().into()
}

/// A stream's message, encoded around annotations that are encoded already.
#[must_use]
pub fn chunk(annotations: Vec<Bytes>, revision: Revision) -> Bytes {
    /// `StreamAnnotationsResponse`, the same on the wire.
    #[derive(prost::Message)]
    struct Encoded {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        annotations: Vec<Bytes>,
        #[prost(uint64, tag = "2")]
        revision: u64,
    }
    Encoded { annotations, revision: revision.0 }.encode_to_vec().into()
}

fn one_of_commit(index: usize, write: v1::Write, parent: &ProjectName) -> Result<Write> {
    use v1::write::Op;
    let v1::Write { op } = write;
    let path = |op: &str| format!("writes[{index}].{op}");
    let (path, name_field, write) = match op {
        Some(Op::Create(request)) => {
            let checked = not_alone(request.validate_only, &request.request_id);
            (path("create"), "parent", checked.and_then(|()| create_write(request, None, path("create"))))
        }
        Some(Op::Update(request)) => {
            let checked = not_alone(request.validate_only, &request.request_id);
            (path("update"), "annotation.name", checked.and_then(|()| update_write(request, path("update"))))
        }
        Some(Op::Delete(request)) => {
            let checked = not_alone(request.validate_only, &request.request_id);
            (path("delete"), "name", checked.and_then(|()| delete_write(request, path("delete"))))
        }
        None => {
            return Err(Error::field(format!("writes[{index}]"), "says neither create, update nor delete"));
        }
    };
    let write = write.map_err(|error| error.within(&path))?;
    if write.article.parent() != *parent {
        return Err(Error::field(
            format!("{path}.{name_field}"),
            format!("is not in {parent}, the commit's parent"),
        ));
    }
    Ok(write)
}

fn create_write(
    request: v1::CreateAnnotationRequest,
    batch: Option<&ArticleName>,
    path: String,
) -> Result<Write> {
    let v1::CreateAnnotationRequest { parent, annotation_id, annotation, validate_only: _, request_id: _ } =
        request;
    let article = match batch {
        Some(batch) if parent.is_empty() => batch.clone(),
        Some(batch) if ArticleName::parse("parent", &parent)? != *batch => {
            return Err(Error::field("parent", format!("is not {batch}, the batch's; leave it out")));
        }
        Some(_) | None => ArticleName::parse("parent", &parent)?,
    };
    let annotation = required("annotation", annotation)?;
    let name = annotation.name.clone();
    let content = contents::parse(&article, annotation).map_err(|error| error.within("annotation"))?;
    let ids = (("annotation_id", annotation_id.as_str()), ("annotation.name", name.as_str()));
    let id = id_or_name(ids.0, ids.1, AnnotationId::parse, |field, name| {
        let name = AnnotationName::parse(field, name)?;
        if name.article == article {
            Ok(name.annotation)
        } else {
            Err(Error::field(field, format!("is not in {article}; leave it out")))
        }
    })?;
    Ok(Write { path, article, op: WriteOp::Create { id, content } })
}

fn update_write(request: v1::UpdateAnnotationRequest, path: String) -> Result<Write> {
    let v1::UpdateAnnotationRequest {
        annotation,
        update_mask,
        allow_missing,
        validate_only: _,
        request_id: _,
    } = request;
    let annotation = required("annotation", annotation)?;
    let AnnotationName { article, annotation: id } =
        AnnotationName::parse("annotation.name", &annotation.name)?;
    let etag = annotation.etag.clone();
    let content = contents::parse(&article, annotation).map_err(|error| error.within("annotation"))?;
    let mask = Mask::parse("update_mask", update_mask.as_ref().map(|mask| mask.paths.as_slice()))?;
    annotations::check_mask("update_mask", &mask)?;
    Ok(Write { path, article, op: WriteOp::Update { id, content, mask, etag, allow_missing } })
}

fn delete_write(request: v1::DeleteAnnotationRequest, path: String) -> Result<Write> {
    let v1::DeleteAnnotationRequest { name, etag, allow_missing, force, validate_only: _, request_id: _ } =
        request;
    let AnnotationName { article, annotation: id } = AnnotationName::parse("name", &name)?;
    Ok(Write { path, article, op: WriteOp::Delete { id, etag, allow_missing, force } })
}

/// A layer, a label and a filter, each none when it is empty.
fn selection(layer: &str, label: &str, filter: &str) -> Result<Arc<Selection>> {
    let layer = if layer.is_empty() { None } else { Some(LayerId::parse("layer", layer)?) };
    let label = if label.is_empty() { None } else { Some(Label::parse("label", label)?) };
    let filter = AnnotationFilter::parse("filter", filter)?;
    Ok(Arc::new(Selection { layer, label, filter }))
}
