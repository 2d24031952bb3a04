//! A project's layers: those that were declared, and what all articles have of each.

use std::collections::BTreeMap;

use super::{
    super::{
        catalog::id_hash, committer::Head, engine::View, keys::ArticleNumber, layer_table, project_table,
    },
    Checker, Place,
    guard::GuardedView,
    versions::Tally,
};
use crate::domain::{
    Error, Result,
    ids::LayerId,
    layers::{ArticleLayer, LayerCounts},
};

/// What all articles have of each layer, as it is counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    layers: BTreeMap<LayerId, LayerCounts>,
    /// Whether something could not be counted, which was said.
    is_broken: bool,
}

impl Counted {
    /// Counts what an article has, if that can be said.
    pub(super) fn add(&mut self, counts: Result<Vec<(LayerId, LayerCounts)>>) {
        self.is_broken |= counts.is_err();
        for (layer, counts) in counts.unwrap_or_default() {
            let sum = self.layers.entry(layer).or_default();
            *sum = sum.plus(counts);
        }
    }
}

/// Checks the layers of a project, whose articles were counted.
pub(super) fn check(
    checker: &mut Checker<'_>,
    place: &Place,
    (head, view): (Head, &GuardedView<'_>),
    counted: &Counted,
    tally: &mut Tally,
) {
    let whole = checker.attempt(place, |checker| {
        for layer in layer_table::declared(view) {
            let layer = layer?;
            let name = format!("{place}/layers/{}", layer.id);
            if layer_table::get(view, &layer.id)?.as_ref() != Some(&layer) {
                checker.problem(&name, &"it does not stand where its id leads");
            }
            tally.count(checker, &name, head, &layer);
        }
        Ok(())
    });
    tally.is_whole &= whole.is_some();
    checker.attempt(place, |_| check_tallies(view, counted));
}

fn check_tallies(view: &GuardedView<'_>, counted: &Counted) -> Result<()> {
    let table = layer_table::tallies();
    table.verify(view)?;
    let mut said = BTreeMap::new();
    for entry in table.ascending(view, &[], None) {
        let (hash, tally) = entry?;
        let (layer, counts) = layer_table::read_tally(&tally)?;
        if id_hash(layer.as_str()) != hash.as_ref() {
            return Err(Error::corrupt(format!(
                "what all articles have of layer {layer} is kept as another's"
            )));
        }
        said.insert(layer, counts);
    }
    // What an older version wrote is derived when a server opens it.
    if !project_table::is_derived(view)? {
        if said.is_empty() {
            return Ok(());
        }
        return Err(Error::corrupt("layers are counted, and it is not said that all are"));
    }
    if !counted.is_broken && said != counted.layers {
        let differs = said.iter().find(|(layer, counts)| counted.layers.get(*layer) != Some(*counts));
        let layer = differs.map(|(layer, _)| layer);
        let layer = layer.or_else(|| counted.layers.keys().find(|layer| !said.contains_key(*layer)));
        let layer = layer.map_or("", LayerId::as_str);
        return Err(Error::corrupt(format!("what all articles have of layer {layer} is not their sum")));
    }
    Ok(())
}

/// Checks how far the layers of an article are.
pub(super) fn check_of_article(
    checker: &mut Checker<'_>,
    (name, number): (&str, ArticleNumber),
    (head, view): (Head, &GuardedView<'_>),
    tally: &mut Tally,
) {
    let whole = checker.attempt(&name, |checker| {
        let table = layer_table::of_article(number);
        table.verify(view)?;
        for entry in table.ascending(view, &[], None) {
            let (hash, _) = entry?;
            let layer = layer_of(view, number, &hash)?;
            let name = format!("{name}/layers/{}", layer.layer);
            if id_hash(layer.layer.as_str()) != hash.as_ref() {
                checker.problem(&name, &"it does not stand where its id leads");
            }
            if layer.submit_time.is_some_and(|time| time < layer.create_time || time > layer.update_time) {
                checker.problem(&name, &"it was submitted before it was first, or after it was last changed");
            }
            tally.count(checker, &name, head, &layer);
        }
        Ok(())
    });
    tally.is_whole &= whole.is_some();
}

fn layer_of(view: &dyn View, number: ArticleNumber, hash: &[u8]) -> Result<ArticleLayer> {
    let record = layer_table::of_article(number).get(view, hash)?;
    let record = record.ok_or_else(|| Error::corrupt("a layer of an article is gone"))?;
    super::super::records::read_article_layer(super::super::records::decode(&record)?)
}
