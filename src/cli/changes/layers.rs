//! What is said of a layer that is there or was changed, in a project or in an article.

use super::{Said, renamed, with_fields};
use crate::{
    cli::{
        render::shortened,
        wording::{self, TEXT_COLUMNS_MAX},
    },
    proto::v1,
};

/// What is left when a first submission is taken back.
pub(super) const NEVER_SUBMITTED: &str = "not submitted any more";

/// A layer that is declared, there, or deleted.
pub(super) fn standing(layer: &v1::Layer) -> Said {
    let kind = wording::layer_kind(layer.kind());
    let annotator = shortened(&layer.annotator, TEXT_COLUMNS_MAX);
    let aside = [kind.to_owned(), annotator].into_iter().filter(|said| !said.is_empty()).collect();
    Said { text: shortened(&layer.display_name, TEXT_COLUMNS_MAX), aside, ..Said::default() }
}

/// A layer that was changed: what of it is not as it was.
pub(super) fn changed(before: &v1::Layer, after: &v1::Layer) -> Said {
    let mut aside = Vec::new();
    let mut tell = |what: &str, [old, new]: [String; 2]| {
        if old != new {
            let [old, new] = [old, new].map(|it| if it.is_empty() { "none".to_owned() } else { it });
            aside.push(format!("{what} {old} → {new}"));
        }
    };
    tell("kind", [before, after].map(|it| wording::layer_kind(it.kind()).to_owned()));
    tell("annotator", [before, after].map(|it| shortened(&it.annotator, TEXT_COLUMNS_MAX)));
    let fields = [
        ("description", before.description != after.description),
        ("metadata", before.metadata != after.metadata),
    ];
    let text = with_fields(renamed(&before.display_name, &after.display_name), &fields);
    Said { text, aside, ..Said::default() }
}

/// What was done with a layer of an article that is now as `after` says.
pub(super) fn moved(was_there: bool, after: &v1::ArticleLayer) -> String {
    let is_reopened = was_there && after.state() == v1::ArticleLayerState::Open;
    if is_reopened { "reopened" } else { wording::layer_state(after.state()) }.to_owned()
}
