//! Layers, of projects and of articles.

use std::{collections::BTreeSet, mem};

use super::{attempt, contents, id_or_name, required, timestamp};
use crate::{
    app::{
        article_layers::{ArticleLayerPage, ArticleLayerQuery, LayerOfArticle},
        layer_copies::{LayerCopied, LayerCopy},
        layers::{KnownLayer, LayerPage, LayerUpdate, NewLayer},
        projects::Deletion,
    },
    domain::{
        Error, Result,
        annotations::Label,
        copies::CopyRules,
        details::{Mask, too_many},
        ids::{ArticleLayerName, ArticleName, LayerId, LayerName, ProjectName},
        layers::{ArticleLayer, Layer, LayerCounts, LayerDetails, LayerKind, LayerState},
        requests::Method,
        revisions::ProjectUid,
    },
    limits::COPY_LABELS_MAX,
    proto::v1,
    store::engine::Attempt,
};

/// What CreateLayer asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn create(mut request: v1::CreateLayerRequest) -> Result<(NewLayer, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::CreateLayer, request.validate_only, &id, &request)?;
    let v1::CreateLayerRequest { parent, layer_id, layer, validate_only: _, request_id: _ } = request;
    let project = ProjectName::parse("parent", &parent)?;
    let (name, details, _) = parts(layer.unwrap_or_default())?;
    let ids = (("layer_id", layer_id.as_str()), ("layer.name", name.as_str()));
    let id = id_or_name(ids.0, ids.1, LayerId::parse, |field, name| {
        let name = LayerName::parse(field, name)?;
        if name.parent() == project {
            Ok(name.layer)
        } else {
            Err(Error::field(field, format!("is not in {project}; leave it out")))
        }
    })?;
    Ok((NewLayer { project, id, details }, attempt))
}

/// What ListLayers asks for: the project, and page size and token as they were sent.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn list(request: v1::ListLayersRequest) -> Result<(ProjectName, i32, String)> {
    let v1::ListLayersRequest { parent, page_size, page_token } = request;
    Ok((ProjectName::parse("parent", &parent)?, page_size, page_token))
}

/// What UpdateLayer asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn update(mut request: v1::UpdateLayerRequest) -> Result<(LayerUpdate, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::UpdateLayer, request.validate_only, &id, &request)?;
    let v1::UpdateLayerRequest { layer, update_mask, allow_missing, validate_only: _, request_id: _ } =
        request;
    let (name, details, etag) = parts(required("layer", layer)?)?;
    let name = LayerName::parse("layer.name", &name)?;
    let mask = Mask::parse("update_mask", update_mask.as_ref().map(|mask| mask.paths.as_slice()))?;
    Ok((LayerUpdate { name, details, mask, etag, allow_missing }, attempt))
}

/// What DeleteLayer asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn delete(mut request: v1::DeleteLayerRequest) -> Result<(Deletion<LayerName>, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::DeleteLayer, request.validate_only, &id, &request)?;
    let v1::DeleteLayerRequest { name, etag, force, allow_missing, validate_only: _, request_id: _ } =
        request;
    let name = LayerName::parse("name", &name)?;
    Ok((Deletion { name, etag, force, allow_missing }, attempt))
}

/// What ListArticleLayers asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn list_of_article(request: v1::ListArticleLayersRequest) -> Result<ArticleLayerQuery> {
    let v1::ListArticleLayersRequest { parent, page_size, page_token } = request;
    Ok(ArticleLayerQuery { article: ArticleName::parse("parent", &parent)?, page_size, page_token })
}

/// What SubmitLayer asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn submit(mut request: v1::SubmitLayerRequest) -> Result<(ArticleLayerName, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::SubmitLayer, request.validate_only, &id, &request)?;
    let v1::SubmitLayerRequest { name, validate_only: _, request_id: _ } = request;
    Ok((ArticleLayerName::parse("name", &name)?, attempt))
}

/// What ReopenLayer asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn reopen(mut request: v1::ReopenLayerRequest) -> Result<(ArticleLayerName, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::ReopenLayer, request.validate_only, &id, &request)?;
    let v1::ReopenLayerRequest { name, validate_only: _, request_id: _ } = request;
    Ok((ArticleLayerName::parse("name", &name)?, attempt))
}

/// What CopyLayer asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn copy(mut request: v1::CopyLayerRequest) -> Result<(LayerCopy, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::CopyLayer, request.validate_only, &id, &request)?;
    let v1::CopyLayerRequest {
        name,
        destination,
        state,
        only_state,
        labels,
        force,
        validate_only: _,
        request_id: _,
    } = request;
    let name = ArticleLayerName::parse("name", &name)?;
    let destination = LayerId::parse("destination", &destination)?;
    if labels.len() > COPY_LABELS_MAX {
        return Err(too_many("labels", "the list", labels.len(), COPY_LABELS_MAX, "labels"));
    }
    let label = |(index, label): (usize, &String)| Label::parse(&format!("labels[{index}]"), label);
    let rules = CopyRules {
        state: contents::sent_state("state", state)?,
        only_state: contents::sent_state("only_state", only_state)?,
        labels: labels.iter().enumerate().map(label).collect::<Result<BTreeSet<_>>>()?,
    };
    Ok((LayerCopy { name, destination, rules, force }, attempt))
}

/// A layer as clients see it, with what all articles have of it.
#[must_use]
pub fn layer(project: &ProjectName, uid: ProjectUid, layer: KnownLayer) -> v1::Layer {
    let KnownLayer { id, declared, counts } = layer;
    let name = project.layer(id);
    let message = match &declared {
        Some(layer) => self::declared(&name, uid, layer),
        None => v1::Layer { name: name.to_string(), ..v1::Layer::default() },
    };
    v1::Layer { counts: Some(self::counts(counts)), ..message }
}

/// A page of layers as clients see it.
#[must_use]
pub fn page(project: &ProjectName, uid: ProjectUid, page: LayerPage) -> v1::ListLayersResponse {
    let LayerPage { layers, next_page_token, revision } = page;
    let layers = layers.into_iter().map(|layer| self::layer(project, uid, layer)).collect();
    v1::ListLayersResponse { layers, next_page_token, revision: revision.0 }
}

/// What was declared of a layer, as clients see it.
#[must_use]
pub fn declared(name: &LayerName, uid: ProjectUid, layer: &Layer) -> v1::Layer {
    let Layer { id: _, details, revision, create_time, update_time } = layer;
    let LayerDetails { display_name, kind, description, metadata, annotator } = details;
    let kind = match kind {
        LayerKind::Unspecified => v1::LayerKind::Unspecified,
        LayerKind::Human => v1::LayerKind::Human,
        LayerKind::Model => v1::LayerKind::Model,
        LayerKind::Gold => v1::LayerKind::Gold,
    };
    v1::Layer {
        name: name.to_string(),
        display_name: display_name.clone(),
        kind: kind.into(),
        description: description.clone(),
        metadata: metadata.clone(),
        counts: None,
        revision: revision.0,
        create_time: Some(timestamp(*create_time)),
        update_time: Some(timestamp(*update_time)),
        etag: layer.etag(uid).to_string(),
        annotator: annotator.clone(),
    }
}

/// A layer of an article as clients see it, with what the article has of it.
#[must_use]
pub fn article_layer(layer: LayerOfArticle) -> v1::ArticleLayer {
    let LayerOfArticle { name, kept, counts, labels } = layer;
    let message = match &kept {
        Some(kept) => self::kept(&name, kept),
        None => v1::ArticleLayer {
            name: name.to_string(),
            state: v1::ArticleLayerState::Open.into(),
            ..v1::ArticleLayer::default()
        },
    };
    let labels = labels.into_iter().map(|(label, count)| v1::LabelCount { label: label.to_string(), count });
    v1::ArticleLayer { counts: Some(self::counts(counts)), labels: labels.collect(), ..message }
}

/// A page of an article's layers as clients see it.
#[must_use]
pub fn page_of_article(page: ArticleLayerPage) -> v1::ListArticleLayersResponse {
    let ArticleLayerPage { layers, next_page_token, revision } = page;
    let article_layers = layers.into_iter().map(article_layer).collect();
    v1::ListArticleLayersResponse { article_layers, next_page_token, revision: revision.0 }
}

/// What is kept of a layer of an article, as clients see it.
#[must_use]
pub fn kept(name: &ArticleLayerName, layer: &ArticleLayer) -> v1::ArticleLayer {
    let ArticleLayer { layer: _, state, submit_time, revision, create_time: _, update_time: _ } = layer;
    let state = match state {
        LayerState::Open => v1::ArticleLayerState::Open,
        LayerState::Submitted => v1::ArticleLayerState::Submitted,
    };
    v1::ArticleLayer {
        name: name.to_string(),
        state: state.into(),
        counts: None,
        submit_time: submit_time.map(timestamp),
        revision: revision.0,
        labels: Vec::new(),
    }
}

/// What a copy did, as clients see it.
#[must_use]
pub fn copied(copied: LayerCopied) -> v1::CopyLayerResponse {
    let LayerCopied { layer, copied, left_out, revision } = copied;
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    v1::CopyLayerResponse {
        article_layer: Some(article_layer(layer)),
        copied: number(copied),
        revision: revision.0,
        left_out: number(left_out),
    }
}

fn counts(counts: LayerCounts) -> v1::LayerCounts {
    let LayerCounts {
        spans,
        relations,
        article_labels,
        orphans,
        suggested,
        accepted,
        rejected,
        needs_review,
    } = counts;
    v1::LayerCounts { spans, relations, article_labels, orphans, suggested, accepted, rejected, needs_review }
}

/// The name, details and etag of a layer that a client sent.
fn parts(layer: v1::Layer) -> Result<(String, LayerDetails, String)> {
    let kind = match layer.kind() {
        v1::LayerKind::Unspecified if layer.kind != 0 => {
            let message = format!("is {}, which this server does not know", layer.kind);
            return Err(Error::field("layer.kind", message));
        }
        v1::LayerKind::Unspecified => LayerKind::Unspecified,
        v1::LayerKind::Human => LayerKind::Human,
        v1::LayerKind::Model => LayerKind::Model,
        v1::LayerKind::Gold => LayerKind::Gold,
    };
    let v1::Layer {
        name,
        display_name,
        kind: _,
        description,
        metadata,
        counts: _,
        revision: _,
        create_time: _,
        update_time: _,
        etag,
        annotator,
    } = layer;
    let details = LayerDetails::parse(display_name, kind, description, metadata, annotator)
        .map_err(|error| error.within("layer"))?;
    Ok((name, details, etag))
}
