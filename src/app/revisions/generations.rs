//! All annotations of a generation, read in small views beside the writers.

use std::sync::Arc;

use super::super::{App, calculate, projects::ProjectHandle};
use crate::{
    domain::{Result, annotations::Annotation, details::too_many},
    limits::REVISED_ANNOTATION_BYTES_MAX,
    store::{
        annotation_index::{AnnotationIndex, Entry},
        engine::View,
        sort_key::DocumentPosition,
    },
};

/// Entries of one view, which are not decoded there: a fraction of a millisecond.
const ENTRIES: usize = 1_000;

/// Some annotations in document order behind `after`; none at the end. `check` may refuse the view.
///
/// # Errors
///
/// As every read; what `check` says.
pub(in crate::app) async fn read_some(
    app: &App,
    project: &Arc<ProjectHandle>,
    index: AnnotationIndex,
    after: Option<DocumentPosition>,
    check: impl FnOnce(&dyn View) -> Result<()> + Send + 'static,
) -> Result<Vec<Entry>> {
    let read = project.read(app.engine.as_ref(), move |view| {
        check(view)?;
        index.in_document_order(view, None, after)?.take(ENTRIES).collect::<Result<Vec<_>>>()
    });
    Ok(read.await?.value)
}

/// All annotations in document order, each as it stood at some time meanwhile; what moved meanwhile may be missing, or there
/// twice. `check` may refuse each view.
///
/// # Errors
///
/// As every read; what `check` says; LIMIT_EXCEEDED when they are too large to be in memory.
pub(in crate::app) async fn read_all(
    app: &App,
    project: &Arc<ProjectHandle>,
    index: AnnotationIndex,
    check: impl Fn(&dyn View) -> Result<()> + Clone + Send + 'static,
) -> Result<Vec<Annotation>> {
    let (mut all, mut bytes, mut after) = (Vec::new(), 0, None);
    loop {
        let entries = read_some(app, project, index, after, check.clone()).await?;
        let Some(last) = entries.last() else { return Ok(all) };
        after = Some(last.key.position());
        let more: usize = entries.iter().map(|entry| entry.value.len()).sum();
        bytes += more;
        if bytes > REVISED_ANNOTATION_BYTES_MAX {
            let (what, limit) = ("the article's annotations", REVISED_ANNOTATION_BYTES_MAX);
            return Err(too_many("name", what, bytes, limit, "bytes"));
        }
        let read = move || entries.iter().map(Entry::annotation).collect::<Result<Vec<_>>>();
        all.extend(calculate(more, read).await??);
    }
}
