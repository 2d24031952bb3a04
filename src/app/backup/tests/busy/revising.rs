//! What no call does yet, done as calls will: texts are revised, layers declared and submitted.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    app::answers::Scope,
    domain::{
        articles::TextIdentity,
        layers::{LayerDetails, LayerState},
        text::Text,
        text_revisions::AnchoringCounts,
    },
    store::{annotation_index::AnnotationIndex, engine::Draft},
};

impl Busy {
    async fn commit(
        &self,
        decision: impl Fn(&mut Draft<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Revision {
        let attempt = Mode::Apply.into();
        let commit = self.app.engine.attempt(self.partition(), Arc::new(decision), attempt).await;
        commit.unwrap().stamp.revision
    }

    /// Gives an article a longer text, with all annotations where they are; or gives that up before it is done.
    pub(in super::super) async fn revise(&mut self, id: ArticleId) {
        let handle = self.app.project(&project("p")).unwrap();
        let asked = id.clone();
        let found =
            handle.read(self.app.engine.as_ref(), move |view| article_table::find(view, &asked)).await;
        let (number, before) = found.unwrap().value.unwrap();
        let text = format!("{}!", self.now.articles[id.as_str()].1);
        let staging = self.app.stage(&handle, number).await.unwrap();
        let generation = staging.generation();
        let latest = before.article.text.revision + 1;
        let mut after = before.clone();
        (after.text_generation, after.annotation_generation) = (generation, generation);
        after.article.text = TextIdentity {
            revision: latest,
            sha256: Sha256::digest(&text).into(),
            length: Text::new(text.clone()).length(),
        };
        // Who is in an earlier text only stays there, and one more with them.
        let all: Vec<_> = self.now.articles[id.as_str()].2.values().cloned().collect();
        let (mut changed, kept): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|it| it.text_revision == before.article.text.revision);
        changed.iter_mut().skip(1).for_each(|annotation| annotation.text_revision = latest);
        let index = AnnotationIndex::new(number, generation);
        let rows = text_revision_table::annotation_rows(index, &changed, &kept, latest).unwrap();
        staging.put(article_table::text_rows(number, generation, &text)).await.unwrap();
        staging.put(rows).await.unwrap();
        if self.seeded.below(4) == 0 {
            return;
        }
        let (partition, article) = (self.partition(), id.clone());
        let revised = after.clone();
        let revision = self.commit(move |draft| {
            let mut after = after.clone();
            (after.article.revision, after.article.update_time) =
                (draft.stamp().revision, draft.stamp().time);
            assert!(text_revision_table::switch(draft, number, &before, &after, AnchoringCounts::default())?);
            let (before, after) = (Some(before.clone()), Some(after));
            let change = ResourceChange::Article { number, before, after, cascaded: false };
            draft.change(crate::app::changed(Scope::article(partition, &article), &change));
            Ok(())
        });
        let revision = revision.await;
        staging.switched();
        let mut article = revised.article;
        (article.revision, article.update_time) = (revision, Timestamp(1_000));
        for annotation in &mut changed {
            (annotation.revision, annotation.update_time) = (revision, Timestamp(1_000));
        }
        let annotations = changed.into_iter().chain(kept).map(|it| (*it.id.as_bytes(), it)).collect();
        self.record(revision, Event::Revised(id, Box::new((article, text, annotations))));
    }

    /// Declares a layer, changes it, or deletes what was declared.
    pub(in super::super) async fn change_layer(&mut self) {
        let id = LayerId::parse("layer", self.seeded.pick::<&str>(&["default", "gold", "other"])).unwrap();
        let before = self.now.layers.get(id.as_str()).cloned();
        let deletes = before.is_some() && self.seeded.below(2) == 0;
        let details = LayerDetails {
            description: "x".repeat(self.seeded.below(4_096)),
            metadata: [("k".to_owned(), "v".repeat(self.seeded.below(2_000)))].into(),
            annotator: "a".repeat(self.seeded.below(256)),
            ..LayerDetails::default()
        };
        let time = Timestamp(1_000);
        let after = (!deletes).then(|| Layer {
            id: id.clone(),
            details,
            revision: Revision(0),
            create_time: before.as_ref().map_or(time, |before| before.create_time),
            update_time: time,
        });
        let (partition, changed, planned) = (self.partition(), id.clone(), after.clone());
        let revision = self.commit(move |draft| {
            let revision = draft.stamp().revision;
            let after = planned.clone().map(|after| Layer { revision, ..after });
            match &after {
                Some(after) if before.is_none() => layer_table::declare(draft, after)?,
                Some(after) => layer_table::put(draft, after)?,
                None => layer_table::delete(draft, &changed)?,
            }
            let change = ResourceChange::Layer { before: before.clone(), after };
            draft.change(crate::app::changed(Scope::layers(partition), &change));
            Ok(())
        });
        let revision = revision.await;
        let after = after.map(|after| Box::new(Layer { revision, ..after }));
        self.record(revision, Event::Layer(id, after));
    }

    /// Submits a layer of an article, or opens it again.
    pub(in super::super) async fn submit_layer(&mut self, article: ArticleId) {
        let layer = LayerId::parse("layer", self.seeded.pick::<&str>(&["default", "gold", "other"])).unwrap();
        let before = self.now.articles[article.as_str()].4.get(layer.as_str()).cloned();
        let asked = article.clone();
        let handle = self.app.project(&project("p")).unwrap();
        let place =
            handle.read(self.app.engine.as_ref(), move |view| article_table::place(view, &asked)).await;
        let number = place.unwrap().value.unwrap().number;
        let time = Timestamp(1_000);
        let submits = before.as_ref().is_none_or(|before| before.state == LayerState::Open);
        let after = ArticleLayer {
            layer: layer.clone(),
            state: if submits { LayerState::Submitted } else { LayerState::Open },
            submit_time: Some(time),
            revision: Revision(0),
            create_time: time,
            update_time: time,
        };
        let (partition, id, planned) = (self.partition(), article.clone(), after.clone());
        let revision = self.commit(move |draft| {
            let after = ArticleLayer { revision: draft.stamp().revision, ..planned.clone() };
            layer_table::put_article_layer(draft, number, &after)?;
            let (article, layer, scope) = (id.clone(), layer.clone(), Scope::article(partition, &id));
            let (before, after) = (before.clone(), Some(after));
            let change = ResourceChange::ArticleLayer { number, article, layer, before, after };
            draft.change(crate::app::changed(scope, &change));
            Ok(())
        });
        let revision = revision.await;
        self.record(revision, Event::ArticleLayer(article, Box::new(ArticleLayer { revision, ..after })));
    }
}
