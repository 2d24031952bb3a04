//! What an entry of a log says that it undid, held against that.

use super::{
    super::{
        engine::{Revision, View},
        records::{self, ResourceChange},
    },
    log::{self, NameHash},
};
use crate::{domain::Result, proto::stored::LogEntry};

/// What a change does: to which resource, and whether that is there before and after.
type Shape = (NameHash, bool, bool);

/// What is wrong with an entry that undid the commit `undone`: as far as the log keeps that, it must do the opposite, the
/// last change first.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub(super) fn wrong(view: &dyn View, entry: &LogEntry, undone: Revision) -> Result<Option<String>> {
    let Some(earlier) = log::entry(view, undone)? else { return Ok(None) };
    let mut opposite = shapes(&earlier)?;
    opposite.reverse();
    for (_, before, after) in &mut opposite {
        std::mem::swap(before, after);
    }
    let is_opposite = shapes(entry)? == opposite;
    Ok((!is_opposite).then(|| format!("it undoes revision {}, and does not do the opposite", undone.0)))
}

fn shapes(entry: &LogEntry) -> Result<Vec<Shape>> {
    let shape = |change| {
        let change = records::read_change(change)?;
        let (before, after) = match &change {
            ResourceChange::Project { before, after } => (before.is_some(), after.is_some()),
            ResourceChange::LabelSchema { before, after } => (before.is_some(), after.is_some()),
            ResourceChange::Article { number: _, before, after, cascaded: _ } => {
                (before.is_some(), after.is_some())
            }
            ResourceChange::Layer { before, after } => (before.is_some(), after.is_some()),
            ResourceChange::ArticleLayer { number: _, article: _, layer: _, before, after } => {
                (before.is_some(), after.is_some())
            }
            ResourceChange::Annotation { number: _, article: _, id: _, before, after, cascaded: _ } => {
                (before.is_some(), after.is_some())
            }
        };
        Ok((log::name_of(&change), before, after))
    };
    entry.changes.iter().map(|change| shape(change)).collect()
}
