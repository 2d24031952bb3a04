//! What an undo does to layers.

use super::{ARTICLE_GONE, CHANGED, CREATED, DELETED, Refused, Undo, changed, conflict};
use crate::{
    app::answers::Scope,
    domain::{
        Result,
        ids::{ArticleId, LayerId},
        layers::{ArticleLayer, Layer},
        revisions::Revision,
    },
    store::{article_table, engine::Draft, keys::ArticleNumber, layer_table, records::ResourceChange},
};

impl Undo {
    pub(super) fn undo_layer(
        &self,
        draft: &mut Draft<'_>,
        before: Option<&Layer>,
        after: Option<&Layer>,
    ) -> Result<Refused> {
        let Some(id) = after.or(before).map(|layer| layer.id.clone()) else {
            return Err(crate::app::unexpected());
        };
        let current = layer_table::get(draft, &id)?;
        let revision = |layer: &Layer| layer.revision;
        if let Some(why) = in_the_way(after.map(revision), current.as_ref().map(revision)) {
            return Ok(Some(conflict(format!("{}/layers/{id}", self.project.name()), why)));
        }
        let stamp = draft.stamp();
        let restored = before.map(|before| Layer {
            revision: stamp.revision,
            update_time: stamp.time,
            ..before.clone()
        });
        match &restored {
            Some(restored) => layer_table::put(draft, restored)?,
            None => layer_table::delete(draft, &id)?,
        }
        let change = ResourceChange::Layer { before: current, after: restored };
        draft.change(changed(Scope::layers(self.project.partition), &change));
        Ok(None)
    }

    pub(super) fn undo_article_layer(
        &self,
        draft: &mut Draft<'_>,
        (number, article): (ArticleNumber, &ArticleId),
        layer: &LayerId,
        before: Option<&ArticleLayer>,
        after: Option<&ArticleLayer>,
    ) -> Result<Refused> {
        let name = || format!("{}/layers/{layer}", self.project.name().article(article.clone()));
        if article_table::get(draft, number)?.is_none() {
            return Ok(Some(conflict(name(), ARTICLE_GONE)));
        }
        let current = layer_table::article_layer(draft, number, layer)?;
        let revision = |layer: &ArticleLayer| layer.revision;
        if let Some(why) = in_the_way(after.map(revision), current.as_ref().map(revision)) {
            return Ok(Some(conflict(name(), why)));
        }
        let stamp = draft.stamp();
        let restored = before.map(|before| ArticleLayer {
            revision: stamp.revision,
            update_time: stamp.time,
            ..before.clone()
        });
        match &restored {
            Some(restored) => layer_table::put_article_layer(draft, number, restored)?,
            None => layer_table::delete_article_layer(draft, number, layer)?,
        }
        let (article, layer) = (article.clone(), layer.clone());
        let scope = Scope::article(self.project.partition, &article);
        let change =
            ResourceChange::ArticleLayer { number, article, layer, before: current, after: restored };
        draft.change(changed(scope, &change));
        Ok(None)
    }
}

/// What keeps a change from being taken back, by the revisions that it left and that there are now.
fn in_the_way(after: Option<Revision>, current: Option<Revision>) -> Option<&'static str> {
    match (after, current) {
        (Some(_), None) => Some(DELETED),
        (Some(after), Some(current)) if after != current => Some(CHANGED),
        (None, Some(_)) => Some(CREATED),
        (Some(_), Some(_)) | (None, None) => None,
    }
}
