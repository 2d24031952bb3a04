//! A project's layers: declared, read, listed and changed. What all articles have of one is read with it.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    App,
    annotation_reads::{ARTICLE_COSTS_ENTRIES, VIEW_ENTRIES_MAX},
    answers::Scope,
    changed, changes, pages,
    projects::ProjectHandle,
    unexpected,
};
use crate::{
    domain::{
        Error, Problem, Result,
        details::Mask,
        errors::Standing,
        ids::{LayerId, LayerName, ProjectName},
        layers::{Layer, LayerDetails, LayerField},
        revisions::Revision,
    },
    limits::ANSWER_BYTES_MAX,
    store::{
        engine::{At, Attempt, Commit, Draft, View, successor},
        layer_table, project_table,
        records::ResourceChange,
    },
};

pub use crate::store::layer_table::KnownLayer;

/// A layer to be declared.
#[derive(Debug, Clone)]
pub struct NewLayer {
    /// In which project.
    pub project: ProjectName,
    /// Its id, or none to be given one.
    pub id: Option<LayerId>,
    /// What is said of it.
    pub details: LayerDetails,
}

/// What an update of a layer says.
#[derive(Debug, Clone)]
pub struct LayerUpdate {
    /// Which layer.
    pub name: LayerName,
    /// The new values.
    pub details: LayerDetails,
    /// Which of them count.
    pub mask: Mask<LayerField>,
    /// The etag that was read, or empty.
    pub etag: String,
    /// Whether a layer that was not declared is.
    pub allow_missing: bool,
}

/// A page of layers.
#[derive(Debug)]
pub struct LayerPage {
    /// The layers.
    pub layers: Vec<KnownLayer>,
    /// The next page's token, or empty.
    pub next_page_token: String,
    /// The project's revision that the page was read at.
    pub revision: Revision,
}

impl App {
    /// Declares a layer.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXISTS, RESOURCE_NOT_FOUND (the project), LIMIT_EXCEEDED, REQUEST_ID_REUSED.
    pub async fn create_layer(
        &self,
        new: NewLayer,
        attempt: Attempt,
    ) -> Result<(Arc<ProjectHandle>, KnownLayer)> {
        let NewLayer { project, id, details } = new;
        let project = self.project(&project)?;
        let id = match id {
            Some(id) => id,
            None => LayerId::parse("layer_id", &Uuid::now_v7().to_string())?,
        };
        let handle = Arc::clone(&project);
        let decision = move |draft: &mut Draft<'_>| {
            project_table::require(draft, &handle.name())?;
            if layer_table::get(draft, &id)?.is_some() {
                let name = handle.name().layer(id.clone()).to_string();
                return Err(Error::at("layer_id", Problem::ResourceExists { name }));
            }
            declare(draft, &handle, &id, &details)
        };
        let commit = self.engine.attempt(project.partition, Arc::new(decision), attempt).await?;
        let layer = self.with_counts(&project, &commit).await?;
        Ok((project, layer))
    }

    /// Reads a layer that was declared, or that annotations are on.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND.
    pub async fn get_layer(&self, name: &LayerName) -> Result<(Arc<ProjectHandle>, KnownLayer)> {
        let project = self.project(&name.parent())?;
        let id = name.layer.clone();
        let known =
            project.read(self.engine.as_ref(), move |view| layer_table::known(view, &id)).await?.value;
        let layer = known.ok_or_else(|| Problem::ResourceNotFound { name: name.to_string() })?;
        Ok((project, layer))
    }

    /// Lists the layers that were declared, and those that annotations are on, by id.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND (the project), PAGE_TOKEN_INVALID, FIELD_INVALID.
    pub async fn list_layers(
        &self,
        parent: &ProjectName,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Arc<ProjectHandle>, LayerPage)> {
        let items = pages::items(page_size)?;
        let project = self.project(parent)?;
        let arguments = pages::Arguments::of("ListLayers", &[parent.project.as_str().as_bytes()]);
        let after = arguments.key(page_token)?.map(|key| id_of_key(&key)).transpose()?;
        let mut filling = Filling::new(items, after);
        let mut first_revision = None;
        loop {
            let read = project.read(self.engine.as_ref(), move |view| {
                let done = filling.go_on(view)?;
                Ok((filling, done))
            });
            let At { value, revision } = read.await?;
            // What was passed over in an earlier view counts as read at that view's revision.
            let revision = *first_revision.get_or_insert(revision);
            let done;
            (filling, done) = value;
            if done {
                let Filling { layers, next, .. } = filling;
                let next_page_token =
                    next.map_or_else(String::new, |last| arguments.token(last.as_str().as_bytes()));
                return Ok((project, LayerPage { layers, next_page_token, revision }));
            }
        }
    }

    /// Changes what was declared of a layer, or declares it.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID, LIMIT_EXCEEDED, REQUEST_ID_REUSED.
    pub async fn update_layer(
        &self,
        update: LayerUpdate,
        attempt: Attempt,
    ) -> Result<(Arc<ProjectHandle>, KnownLayer)> {
        let project = self.project(&update.name.parent())?;
        let handle = Arc::clone(&project);
        let decision = move |draft: &mut Draft<'_>| {
            let LayerUpdate { name, details, mask, etag, allow_missing } = &update;
            project_table::require(draft, &handle.name())?;
            let Some(before) = layer_table::get(draft, &name.layer)? else {
                if *allow_missing {
                    let declared = declare(draft, &handle, &name.layer, details);
                    return declared.map_err(|error| Error::at("layer.name", error.problem));
                }
                let problem = Problem::ResourceNotFound { name: name.to_string() };
                return Err(Error::at("layer.name", problem));
            };
            mask.require_etag("layer.etag", etag)?;
            check_etag(&handle, &before, etag).map_err(|error| error.within("layer.etag"))?;
            let mut after = before.clone();
            after.details.update(mask, details);
            (after.revision, after.update_time) = (draft.stamp().revision, draft.stamp().time);
            layer_table::put(draft, &after)?;
            let change = ResourceChange::Layer { before: Some(before), after: Some(after) };
            draft.change(changed(Scope::layers(handle.partition), &change));
            Ok(())
        };
        let commit = self.engine.attempt(project.partition, Arc::new(decision), attempt).await?;
        let layer = self.with_counts(&project, &commit).await?;
        Ok((project, layer))
    }

    /// The layer as a commit left it, with what articles have of it now.
    async fn with_counts(&self, project: &ProjectHandle, commit: &Commit) -> Result<KnownLayer> {
        let Some(ResourceChange::Layer { before: _, after: Some(layer) }) =
            changes(commit).next().transpose()?
        else {
            return Err(unexpected());
        };
        let id = layer.id.clone();
        let counts =
            project.read(self.engine.as_ref(), move |view| layer_table::counts(view, &id)).await?.value;
        Ok(KnownLayer { id: layer.id.clone(), declared: Some(layer), counts })
    }
}

/// Declares a layer that is not.
fn declare(
    draft: &mut Draft<'_>,
    project: &ProjectHandle,
    id: &LayerId,
    details: &LayerDetails,
) -> Result<()> {
    let stamp = draft.stamp();
    let layer = Layer {
        id: id.clone(),
        details: details.clone(),
        revision: stamp.revision,
        create_time: stamp.time,
        update_time: stamp.time,
    };
    layer_table::declare(draft, &layer)?;
    let change = ResourceChange::Layer { before: None, after: Some(layer) };
    draft.change(changed(Scope::layers(project.partition), &change));
    Ok(())
}

/// Checks the etag that was sent for a layer that was declared; the field is left to the caller.
///
/// # Errors
///
/// ETAG_MISMATCH.
pub(super) fn check_etag(project: &ProjectHandle, layer: &Layer, sent: &str) -> Result<()> {
    let name = project.name().layer(layer.id.clone());
    let current = || Standing::Layer(name.clone(), project.uid, layer.clone());
    layer.etag(project.uid).check(sent, &name, current)
}

/// The id that a page token's key is.
pub(super) fn id_of_key(key: &[u8]) -> Result<LayerId> {
    let id = std::str::from_utf8(key).map_err(|_| pages::damaged())?;
    LayerId::parse("page_token", id).map_err(|_| pages::damaged())
}

/// A page that is being filled. Layers are kept in no order: so all ids are looked at, and the first ones read.
#[derive(Debug)]
struct Filling {
    items: usize,
    /// The last layer that was passed.
    after: Option<LayerId>,
    looking: Looking,
    /// The first ids behind `after` that were found: one more than a page has, at most.
    ids: BTreeSet<LayerId>,
    /// Whether there are more behind them.
    are_more: bool,
    layers: Vec<KnownLayer>,
    bytes: usize,
    /// The last layer of this page, if there is another page.
    next: Option<LayerId>,
}

/// Where a page looks for layers next.
#[derive(Debug)]
enum Looking {
    /// Among those that were declared, from this key on.
    Declared(Bytes),
    /// Among those that annotations are on, from this hash on.
    Counted(Bytes),
    /// Nowhere: all ids are found.
    Found,
}

impl Filling {
    fn new(items: usize, after: Option<LayerId>) -> Self {
        let looking = Looking::Declared(Bytes::new());
        let (ids, layers) = (BTreeSet::new(), Vec::new());
        Self { items, after, looking, ids, are_more: false, layers, bytes: 0, next: None }
    }

    /// Goes on as far as one view may; whether the page is full.
    fn go_on(&mut self, view: &dyn View) -> Result<bool> {
        let mut entries_left = VIEW_ENTRIES_MAX;
        while entries_left > 0 {
            match &self.looking {
                Looking::Declared(from) => {
                    self.looking = self.look_at_declared(view, &from.clone(), &mut entries_left)?;
                }
                Looking::Counted(from) => {
                    self.looking = self.look_at_counted(view, &from.clone(), &mut entries_left)?;
                }
                Looking::Found => return self.read(view, entries_left),
            }
        }
        Ok(false)
    }

    fn look_at_declared(&mut self, view: &dyn View, from: &Bytes, left: &mut usize) -> Result<Looking> {
        const ENTRY_BYTES: usize = 512;
        for row in layer_table::declared_from(view, from) {
            let (key, layer, bytes) = row?;
            self.find(layer.id);
            *left = left.saturating_sub(ARTICLE_COSTS_ENTRIES + bytes / ENTRY_BYTES);
            if *left == 0 {
                return Ok(Looking::Declared(successor(&key)));
            }
        }
        Ok(Looking::Counted(Bytes::new()))
    }

    fn look_at_counted(&mut self, view: &dyn View, from: &Bytes, left: &mut usize) -> Result<Looking> {
        for entry in layer_table::counted_from(view, from) {
            let (hash, id) = entry?;
            self.find(id);
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Ok(Looking::Counted(successor(&hash)));
            }
        }
        Ok(Looking::Found)
    }

    fn find(&mut self, id: LayerId) {
        if self.after.as_ref().is_some_and(|after| id <= *after) {
            return;
        }
        self.ids.insert(id);
        if self.ids.len() > self.items + 1 {
            self.ids.pop_last();
            self.are_more = true;
        }
    }

    /// Reads the layers that were found.
    fn read(&mut self, view: &dyn View, entries_left: usize) -> Result<bool> {
        for _ in 0..=entries_left / ARTICLE_COSTS_ENTRIES {
            let Some(id) = self.ids.pop_first() else {
                self.next = self.after.take().filter(|_| self.are_more);
                return Ok(true);
            };
            // It may be gone since it was found.
            if let Some(layer) = layer_table::known(view, &id)? {
                let bytes = answer_bytes(&layer);
                let is_full = self.layers.len() >= self.items || self.bytes + bytes > ANSWER_BYTES_MAX;
                if is_full && !self.layers.is_empty() {
                    self.next = self.after.take();
                    return Ok(true);
                }
                self.bytes += bytes;
                self.layers.push(layer);
            }
            self.after = Some(id);
        }
        Ok(false)
    }
}

/// What a layer takes in an answer, at most.
fn answer_bytes(layer: &KnownLayer) -> usize {
    const FIXED: usize = 640;
    let KnownLayer { id: _, declared, counts: _ } = layer;
    let Some(Layer { details, .. }) = declared else { return FIXED };
    let LayerDetails { display_name, kind: _, description, metadata, annotator } = details;
    let metadata: usize = metadata.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    FIXED + display_name.len() + description.len() + metadata + annotator.len()
}
