//! A partition's log, held against what is stored.
//!
//! That every revision has its entry was seen row by row. The walk goes from the newest entry to the oldest, and asks of
//! each change what is stored of its resource now:
//!
//! - stored at the change's own revision: then it is what the change wrote;
//! - stored at a later one: the change was superseded;
//! - stored at an earlier one: a change was lost, and that is a problem;
//! - not stored: then the change, or one met before, deleted it or its article, or it is a problem.
//!
//! An entry names a resource once, so a change that is stored is that of another resource each time. As many resources
//! as there are, by their own revisions, in the commits that the log keeps must thus have been met. Together: whatever
//! was changed since the log begins is stored as its last change left it, nothing else is stored as changed since, and
//! nothing that a kept entry made is missing without an entry that deleted it. What a change says was there *before*,
//! and what a superseded one made, is read and held against nothing but its revisions and times. What was last changed
//! before the log begins has only itself to be held against.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::{
    super::{
        article_table::{self, ArticlePlace},
        committer::Head,
        engine::View,
        keys::{self, ArticleNumber, Generation},
        layer_table, long_values, project_table,
        records::{self, ResourceChange},
        schema_table,
    },
    Checker, Logged, Place,
    guard::GuardedView,
    requests::KnownRequests,
    undone, unlogged,
    versions::{ChangedVersions, Tally, Versioned},
};
use crate::{
    domain::{
        Error, Result,
        annotations::Annotation,
        ids::{AnnotationId, ArticleId, LayerId},
        revisions::{Revision, Timestamp},
    },
    proto::stored::LogEntry,
};

/// Entries between two looks at the progress.
const ENTRIES_OF_PROGRESS: u64 = 64;

/// Checks the log of a project that is in use.
pub(super) fn check(
    checker: &mut Checker<'_>,
    place: &Place,
    head: Head,
    view: &GuardedView<'_>,
    logged: &Logged,
    tally: &Tally,
) {
    // What cannot be read was said.
    let numbers_below = article_table::numbers_in_use(view).unwrap_or(u64::MAX);
    let mut walk = Walk {
        place,
        view,
        numbers_below,
        deleted: HashSet::new(),
        met: 0,
        is_whole: tally.is_whole,
        unsound: &tally.unsound,
        kept: &tally.deleted,
        article: None,
    };
    let mut known = KnownRequests::new(checker, place, view);
    walk_entries(checker, place, view, logged, |checker, revision, entry| {
        known.count(revision, entry);
        walk.entry(checker, revision, entry);
    });
    known.check(checker, place, head, view);
    // When something could not be read, that was said, and the numbers cannot agree.
    if walk.is_whole && walk.met != tally.logged {
        let (met, expected) = (walk.met, tally.logged);
        let what =
            format!("{expected} resources were changed since its log begins, and the log has {met} of them");
        checker.problem(place, &what);
        if walk.met < tally.logged {
            unlogged::name(checker, place, head, view);
        }
    }
}

/// Checks the log of the catalog, whose commits say nothing of what they change but which projects they create.
pub(super) fn check_catalog(
    checker: &mut Checker<'_>,
    place: &Place,
    view: &GuardedView<'_>,
    logged: &Logged,
) {
    let mut known = KnownRequests::new(checker, place, view);
    walk_entries(checker, place, view, logged, |checker, revision, entry| {
        known.count(revision, entry);
        let is_creation = |change| {
            matches!(
                records::read_change(change),
                Ok(ResourceChange::Project { before: None, after: Some(_) })
            )
        };
        if !entry.changes.iter().all(|change| is_creation(change)) {
            let what = format!("the log's entry of revision {} has changes of resources", revision.0);
            checker.problem(place, &what);
        }
    });
    if let Some(head) = place.head {
        known.check(checker, place, head, view);
    }
}

/// Reads an entry.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub(super) fn entry(view: &dyn View, revision: Revision) -> Result<Option<LogEntry>> {
    let value = long_values::get(view, &keys::log(revision.0))?;
    value.map(|value| records::decode(&value)).transpose()
}

/// Goes through the entries from the newest to the oldest.
fn walk_entries(
    checker: &mut Checker<'_>,
    place: &Place,
    view: &GuardedView<'_>,
    logged: &Logged,
    mut each: impl FnMut(&mut Checker<'_>, Revision, &LogEntry),
) {
    let Some(head) = place.head else { return };
    let mut next_time = head.time;
    for revision in logged.iter().rev().flat_map(|range| range.clone().rev()).map(Revision) {
        let name = format!("{place}, the log's entry of revision {}", revision.0);
        checker.attempt(&name, |checker| {
            let entry = entry(view, revision)?.ok_or_else(|| Error::corrupt("it is gone"))?;
            let time = Timestamp(entry.commit_time_us);
            if time > next_time || (revision == head.revision && time != next_time) {
                let (time, next) = (time.0, next_time.0);
                checker.problem(&name, &format!("it is of {time}, and what comes after it of {next}"));
            }
            next_time = time.min(next_time);
            let origin = records::read_origin(entry.request.clone(), entry.undone_revision);
            let origin = checker.noted(&name, origin).unwrap_or_default();
            match origin.undone {
                Some(undone) if undone >= revision => {
                    let what = format!("it undoes revision {}, which did not come before it", undone.0);
                    checker.problem(&name, &what);
                }
                Some(undone) => {
                    let wrong = checker.noted(&name, undone::wrong(view, &entry, undone)).flatten();
                    if let Some(what) = wrong {
                        checker.problem(&name, &what);
                    }
                }
                None => {}
            }
            each(checker, revision, &entry);
            Ok(())
        });
        checker.report.log_commits += 1;
        if checker.report.log_commits.is_multiple_of(ENTRIES_OF_PROGRESS) {
            checker.show_progress();
        }
    }
}

/// 16 bytes that stand for the name of a resource within its project.
pub(super) type NameHash = [u8; 16];

/// The hash of the name of what a change changes.
pub(super) fn name_of(change: &ResourceChange) -> NameHash {
    match change {
        ResourceChange::Project { .. } => project_name(),
        ResourceChange::LabelSchema { .. } => schema_name(),
        ResourceChange::Article { number, .. } => article_name(*number),
        ResourceChange::Annotation { article, id, .. } => annotation_name(article, *id),
        ResourceChange::Layer { before, after } => {
            after.as_ref().or(before.as_ref()).map_or_else(NameHash::default, |layer| layer_name(&layer.id))
        }
        ResourceChange::ArticleLayer { number, layer, .. } => article_layer_name(*number, layer),
    }
}

/// The hash of the project's.
pub(super) fn project_name() -> NameHash {
    name_hash(&[])
}

/// The hash of the label schema's.
pub(super) fn schema_name() -> NameHash {
    name_hash(&[b"label schema"])
}

/// The hash of an article's number, which never becomes another's.
pub(super) fn article_name(number: ArticleNumber) -> NameHash {
    name_hash(&[&number.0.to_be_bytes()])
}

/// The hash of an annotation's name.
pub(super) fn annotation_name(article: &ArticleId, id: AnnotationId) -> NameHash {
    name_hash(&[article.as_str().as_bytes(), id.as_bytes()])
}

/// The hash of a layer's name.
pub(super) fn layer_name(layer: &LayerId) -> NameHash {
    name_hash(&[b"layer", layer.as_str().as_bytes(), &[]])
}

/// The hash of the name of a layer of an article.
pub(super) fn article_layer_name(number: ArticleNumber, layer: &LayerId) -> NameHash {
    name_hash(&[b"layer", layer.as_str().as_bytes(), &number.0.to_be_bytes()])
}

/// The hash of an article's id, for the annotations that go with it.
fn annotations_of(article: &ArticleId) -> NameHash {
    name_hash(&[article.as_str().as_bytes(), &[]])
}

/// The hash of an article's id and number.
fn life_of(article: &ArticleId, number: ArticleNumber) -> NameHash {
    name_hash(&[article.as_str().as_bytes(), &number.0.to_be_bytes()])
}

/// The parts are told apart by their number and the fixed length of the last.
fn name_hash(parts: &[&[u8]]) -> NameHash {
    let mut hash = Sha256::new();
    hash.update([u8::try_from(parts.len()).unwrap_or(u8::MAX)]);
    for part in parts {
        hash.update(part);
        hash.update([u8::try_from(part.len()).unwrap_or(u8::MAX)]);
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

struct Walk<'w> {
    place: &'w Place,
    view: &'w GuardedView<'w>,
    /// The article numbers that were given away are below this.
    numbers_below: u64,
    /// What a newer entry deleted.
    deleted: HashSet<NameHash>,
    /// Changes that are stored.
    met: u64,
    /// Whether everything that was asked for could be read.
    is_whole: bool,
    /// Articles whose annotations cannot be looked up, which was said.
    unsound: &'w HashSet<ArticleNumber>,
    /// Articles that are deleted, and whose annotations are kept with them.
    kept: &'w HashMap<ArticleNumber, Generation>,
    /// The article that was asked for last: changes of one often follow each other.
    article: Option<(ArticleId, Option<ArticlePlace>)>,
}

impl Walk<'_> {
    fn entry(&mut self, checker: &mut Checker<'_>, revision: Revision, entry: &LogEntry) {
        let time = Timestamp(entry.commit_time_us);
        let mut names = HashSet::with_capacity(entry.changes.len());
        let mut deleted = Vec::new();
        for change in &entry.changes {
            let at = LogPlace { place: self.place, revision };
            let Some(change) = checker.attempt(&at, |_| records::read_change(change)) else {
                self.is_whole = false;
                continue;
            };
            if !names.insert(name_of(&change)) {
                checker.problem(&at, &format!("it changes {} twice", self.describe(&change)));
                continue;
            }
            if let Some(number) = change.article_number().filter(|number| number.0 >= self.numbers_below) {
                let (number, below) = (number.0, self.numbers_below);
                let what =
                    format!("it is of article number {number}, and numbers below {below} were given away");
                checker.problem(&at, &what);
            }
            if let Some(wrong) = ChangedVersions::of(&change).wrong(revision, time) {
                checker.problem(&at, &format!("its change of {} {wrong}", self.describe(&change)));
            }
            match super::guarded(|| self.judge(&change, revision, &mut deleted)) {
                Ok(Ok(is_met)) => self.met += u64::from(is_met),
                Ok(Err(wrong)) => checker.problem(&self.describe(&change), &wrong),
                // What cannot be read was said, if anything was, when it was looked for itself.
                Err(_) if !self.is_whole => {}
                Err(error) => {
                    self.is_whole = false;
                    checker.noted::<()>(&self.describe(&change), Err(error));
                }
            }
        }
        // Only for what is older: an entry may delete one article and make another of the same id.
        self.deleted.extend(deleted);
    }

    fn describe(&self, change: &ResourceChange) -> String {
        let place = self.place;
        match change {
            ResourceChange::Project { .. } => place.to_string(),
            ResourceChange::LabelSchema { .. } => format!("{place}/labelSchema"),
            ResourceChange::Article { number, before, after, cascaded: _ } => {
                match after.as_ref().or(before.as_ref()) {
                    Some(stored) => format!("{place}/articles/{}", stored.article.id),
                    None => format!("{place}, article number {}", number.0),
                }
            }
            ResourceChange::Layer { before, after } => {
                let id = after.as_ref().or(before.as_ref()).map_or("", |layer| layer.id.as_str());
                format!("{place}/layers/{id}")
            }
            ResourceChange::ArticleLayer { article, layer, .. } => {
                format!("{place}/articles/{article}/layers/{layer}")
            }
            ResourceChange::Annotation { article, id, .. } => {
                format!("{place}/articles/{article}/annotations/{id}")
            }
        }
    }

    /// Whether the change is what is stored, or what is wrong with what is. Adds what it deletes.
    fn judge(
        &mut self,
        change: &ResourceChange,
        revision: Revision,
        deleted: &mut Vec<NameHash>,
    ) -> Result<Result<bool, String>> {
        match change {
            ResourceChange::Project { before: _, after } => {
                let stored = project_table::get(self.view)?;
                Ok(judged(after.as_ref(), stored.as_ref(), revision, || false))
            }
            ResourceChange::LabelSchema { before: _, after } => {
                if after.is_none() {
                    deleted.push(schema_name());
                }
                let stored = schema_table::get(self.view)?;
                let is_deleted = || self.deleted.contains(&schema_name());
                Ok(judged(after.as_deref(), stored.as_ref(), revision, is_deleted))
            }
            ResourceChange::Article { number, before, after, cascaded: _ } => {
                if let (Some(before), None) = (before, after) {
                    let id = &before.article.id;
                    deleted.extend([article_name(*number), annotations_of(id), life_of(id, *number)]);
                }
                let stored = article_table::get(self.view, *number)?;
                let is_deleted = || self.deleted.contains(&article_name(*number));
                Ok(judged(after.as_ref(), stored.as_ref(), revision, is_deleted))
            }
            ResourceChange::Layer { before: _, after } => {
                let name = name_of(change);
                if after.is_none() {
                    deleted.push(name);
                }
                let Some(id) = changed_layer(change) else { return Ok(Err("it is of no layer".to_owned())) };
                let stored = layer_table::get(self.view, id)?;
                Ok(judged(after.as_ref(), stored.as_ref(), revision, || self.deleted.contains(&name)))
            }
            ResourceChange::ArticleLayer { number, article: _, layer, before: _, after } => {
                let name = name_of(change);
                if after.is_none() {
                    deleted.push(name);
                }
                let is_kept = self.kept.contains_key(number);
                let is_there = is_kept || article_table::get(self.view, *number)?.is_some();
                let stored = layer_table::article_layer(self.view, *number, layer)?.filter(|_| is_there);
                let is_deleted = || {
                    let went_with_it = !is_kept && self.deleted.contains(&article_name(*number));
                    went_with_it || self.deleted.contains(&name)
                };
                Ok(judged(after.as_ref(), stored.as_ref(), revision, is_deleted))
            }
            ResourceChange::Annotation { number, article, id, before: _, after, cascaded: _ } => {
                self.judge_annotation((*number, article, *id), after.as_ref(), revision, deleted)
            }
        }
    }

    /// As [`Self::judge`], of an annotation, of which the log says the article's number and id, and its own.
    fn judge_annotation(
        &mut self,
        (written, article, id): (ArticleNumber, &ArticleId, AnnotationId),
        after: Option<&Annotation>,
        revision: Revision,
        deleted: &mut Vec<NameHash>,
    ) -> Result<Result<bool, String>> {
        if after.is_none() {
            deleted.push(annotation_name(article, id));
        }
        let (current, kept) = (self.place(article)?, self.kept.get(&written));
        let is_its_number = current.map(|place| place.number) == Some(written)
            || self.deleted.contains(&life_of(article, written));
        if written.0 != 0 && !is_its_number {
            return Ok(Err(format!("revision {} says article number {} of it", revision.0, written.0)));
        }
        let kept =
            kept.map(|generation| ArticlePlace { number: written, annotation_generation: *generation });
        let (place, is_kept) = (kept.or(current), kept.is_some());
        if place.is_some_and(|place| self.unsound.contains(&place.number)) {
            return Ok(Ok(false));
        }
        // An earlier article of the same id was deleted since. (0 is what was written before there were numbers.)
        let place = place.filter(|place| written.0 == 0 || place.number == written);
        let stored = place.map(|place| self.annotation(place, id)).transpose()?.flatten();
        let is_deleted = || {
            let went_with_it = !is_kept && self.deleted.contains(&annotations_of(article));
            went_with_it || self.deleted.contains(&annotation_name(article, id))
        };
        Ok(judged(after, stored.as_ref(), revision, is_deleted))
    }

    fn place(&mut self, article: &ArticleId) -> Result<Option<ArticlePlace>> {
        if let Some((known, place)) = &self.article
            && known == article
        {
            return Ok(*place);
        }
        let place = article_table::place(self.view, article)?;
        self.article = Some((article.clone(), place));
        Ok(place)
    }

    fn annotation(&self, article: ArticlePlace, id: AnnotationId) -> Result<Option<Annotation>> {
        let entry = article.annotations().get(self.view, id)?;
        entry.map(|entry| entry.annotation()).transpose()
    }
}

/// Which layer a change of one is of.
fn changed_layer(change: &ResourceChange) -> Option<&LayerId> {
    let ResourceChange::Layer { before, after } = change else { return None };
    after.as_ref().or(before.as_ref()).map(|layer| &layer.id)
}

/// See the [module](self).
fn judged<T: Versioned>(
    after: Option<&T>,
    stored: Option<&T>,
    revision: Revision,
    is_deleted: impl FnOnce() -> bool,
) -> Result<bool, String> {
    let Some(stored) = stored else {
        return if after.is_none() || is_deleted() {
            Ok(false)
        } else {
            Err(format!("revision {} wrote it and none deleted it since, and it is not there", revision.0))
        };
    };
    let own = stored.version().revision;
    match after {
        _ if own > revision => Ok(false),
        None => Err(format!("revision {} deleted it, and it is there as of revision {}", revision.0, own.0)),
        Some(_) if own < revision => {
            Err(format!("revision {} changed it, and it is there as of revision {}", revision.0, own.0))
        }
        Some(after) if after == stored => Ok(true),
        Some(_) => Err(format!("it is not what revision {} wrote", revision.0)),
    }
}

/// An entry as problems name it; a million of them have none.
struct LogPlace<'p> {
    place: &'p Place,
    revision: Revision,
}

impl std::fmt::Display for LogPlace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, the log's entry of revision {}", self.place, self.revision.0)
    }
}
