//! What is stored of layers.

use super::{ResourceChange, damaged};
use crate::{
    domain::{
        Error, Result,
        ids::{ArticleId, LayerId},
        layers::{ArticleLayer, Layer, LayerCounts, LayerDetails, LayerKind, LayerState},
        revisions::{Revision, Timestamp},
    },
    proto::stored,
    store::keys::ArticleNumber,
};

/// Encodes a layer.
#[must_use]
pub fn layer(layer: &Layer) -> stored::LayerRecord {
    use stored::layer_record::Kind;
    let Layer { id, details, revision, create_time, update_time } = layer;
    let LayerDetails { display_name, kind, description, metadata, annotator } = details;
    let kind = match kind {
        LayerKind::Unspecified => Kind::Unspecified,
        LayerKind::Human => Kind::Human,
        LayerKind::Model => Kind::Model,
        LayerKind::Gold => Kind::Gold,
    };
    stored::LayerRecord {
        id: id.as_str().to_owned(),
        display_name: display_name.clone(),
        kind: kind.into(),
        description: description.clone(),
        metadata: metadata.clone(),
        revision: revision.0,
        create_time_us: create_time.0,
        update_time_us: update_time.0,
        annotator: annotator.clone(),
    }
}

/// Reads a layer.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_layer(record: stored::LayerRecord) -> Result<Layer> {
    use stored::layer_record::Kind;
    let stored::LayerRecord {
        id,
        display_name,
        kind,
        description,
        metadata,
        revision,
        create_time_us,
        update_time_us,
        annotator,
    } = record;
    let kind = match Kind::try_from(kind) {
        Ok(Kind::Unspecified) => LayerKind::Unspecified,
        Ok(Kind::Human) => LayerKind::Human,
        Ok(Kind::Model) => LayerKind::Model,
        Ok(Kind::Gold) => LayerKind::Gold,
        Err(_) => return Err(Error::corrupt("a layer's kind is none that there is")),
    };
    Ok(Layer {
        id: LayerId::parse("id", &id).map_err(damaged)?,
        details: LayerDetails { display_name, kind, description, metadata, annotator },
        revision: Revision(revision),
        create_time: Timestamp(create_time_us),
        update_time: Timestamp(update_time_us),
    })
}

/// Encodes a layer of an article.
#[must_use]
pub fn article_layer(article_layer: &ArticleLayer) -> stored::ArticleLayerRecord {
    use stored::article_layer_record::State;
    let ArticleLayer { layer, state, submit_time, revision, create_time, update_time } = article_layer;
    let state = match state {
        LayerState::Open => State::Open,
        LayerState::Submitted => State::Submitted,
    };
    stored::ArticleLayerRecord {
        layer: layer.as_str().to_owned(),
        state: state.into(),
        submit_time_us: submit_time.map(|time| time.0),
        revision: revision.0,
        create_time_us: create_time.0,
        update_time_us: update_time.0,
    }
}

/// Reads a layer of an article.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_article_layer(record: stored::ArticleLayerRecord) -> Result<ArticleLayer> {
    use stored::article_layer_record::State;
    let stored::ArticleLayerRecord { layer, state, submit_time_us, revision, create_time_us, update_time_us } =
        record;
    let state = match State::try_from(state) {
        Ok(State::Open) => LayerState::Open,
        Ok(State::Submitted) => LayerState::Submitted,
        Ok(State::Unspecified) | Err(_) => {
            return Err(Error::corrupt("the state of a layer is none that there is"));
        }
    };
    Ok(ArticleLayer {
        layer: LayerId::parse("layer", &layer).map_err(damaged)?,
        state,
        submit_time: submit_time_us.map(Timestamp),
        revision: Revision(revision),
        create_time: Timestamp(create_time_us),
        update_time: Timestamp(update_time_us),
    })
}

pub(super) fn read_article_layer_change(change: stored::ArticleLayerChange) -> Result<ResourceChange> {
    let stored::ArticleLayerChange { article_number, article_id, layer, before, after } = change;
    Ok(ResourceChange::ArticleLayer {
        number: ArticleNumber(article_number),
        article: ArticleId::parse("article_id", &article_id).map_err(damaged)?,
        layer: LayerId::parse("layer", &layer).map_err(damaged)?,
        before: before.map(read_article_layer).transpose()?,
        after: after.map(read_article_layer).transpose()?,
    })
}

/// Encodes what a layer holds.
#[must_use]
pub fn layer_tally(layer: &LayerId, counts: &LayerCounts) -> stored::LayerTally {
    let LayerCounts {
        spans,
        relations,
        article_labels,
        orphans,
        suggested,
        accepted,
        rejected,
        needs_review,
    } = *counts;
    stored::LayerTally {
        layer: layer.as_str().to_owned(),
        spans,
        relations,
        article_labels,
        orphans,
        suggested,
        accepted,
        rejected,
        needs_review,
    }
}

/// Reads what a layer holds: its id, and the counts.
#[must_use]
pub fn read_layer_tally(tally: &stored::LayerTally) -> (&str, LayerCounts) {
    let stored::LayerTally {
        layer,
        spans,
        relations,
        article_labels,
        orphans,
        suggested,
        accepted,
        rejected,
        needs_review,
    } = tally;
    let counts = LayerCounts {
        spans: *spans,
        relations: *relations,
        article_labels: *article_labels,
        orphans: *orphans,
        suggested: *suggested,
        accepted: *accepted,
        rejected: *rejected,
        needs_review: *needs_review,
    };
    (layer, counts)
}
