//! Builds a folder's rows anew from a backup, by the same tables that a server writes through: runs, directories,
//! statistics and the tables of ids come out as the server would make them, and full.
//!
//! Each project gets a new uid, so that nothing of its former life, such as an etag or a place in its feed, is taken
//! for its own. Its article numbers, revisions, times and log stay as they were.

use std::{collections::BTreeMap, mem};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    annotation_index::AnnotationIndex,
    article_table::{self, ArticlePlace},
    backup_records::{CommitPart, ProjectEnd, Record},
    catalog,
    committer::{Backend, Batch, PartitionView, full_key, head_row, log_rows, requests},
    engine::{Change, Commit, Draft, Partition, Revision, Stamp, Timestamp, View as _},
    keys::{self, ArticleNumber, Generation, KeyRange},
    layer_table, project_table,
    records::{self, ResourceChange},
    text_revision_table,
};
use crate::{
    domain::{Error, Problem, Result, ids::ProjectId, projects::Project, revisions::ProjectUid},
    limits::{
        COMMIT_BYTES_MAX, KEY_BYTES_MAX, RESTORE_BATCH_ROWS_MAX, RESTORE_FREE_BYTES_MIN, RESTORE_SYNC_BYTES,
        VALUE_BYTES_MAX,
    },
};

mod replay;
#[cfg(test)]
mod tests;

type Writes = BTreeMap<Bytes, Option<Bytes>>;

/// Rows that are looked at together.
const PAGE_ROWS: usize = 256;

/// A folder's rows in the making. After an error it is of no use.
#[allow(missing_debug_implementations, reason = "a backend has no bounds on what it is")]
pub struct Rebuild {
    backend: Box<dyn Backend>,
    restored: Vec<RestoredProject>,
    /// The newest commit of all projects.
    time: Timestamp,
    started: bool,
    project: Option<Open>,
    bytes_unsynced: usize,
    /// When the backup was begun.
    begun: Timestamp,
}

/// A project that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredProject {
    /// Its id.
    pub id: ProjectId,
    /// Its new uid.
    pub uid: ProjectUid,
    /// The revision that it stands at.
    pub revision: Revision,
    /// Its articles.
    pub articles: u64,
    /// Their annotations.
    pub annotations: u64,
    /// The commits of its log.
    pub commits: u64,
}

/// The project that is being restored.
struct Open {
    partition: Partition,
    /// As it stands so far, under its new uid.
    project: Project,
    base: Revision,
    log_floor: Revision,
    /// The last commit of the log that is there.
    last: Stamp,
    /// The changes so far of a commit that goes on.
    begun: Option<(Stamp, Vec<Bytes>)>,
    writes: Writes,
    /// The article numbers that the log speaks of are below this.
    numbers_logged_below: u64,
    /// What there is at the end.
    articles: u64,
    annotations: u64,
}

impl Rebuild {
    /// Begins over an empty backend.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>) -> Self {
        let (restored, time) = (Vec::new(), Timestamp::default());
        Self {
            backend,
            restored,
            time,
            started: false,
            project: None,
            bytes_unsynced: 0,
            begun: Timestamp(0),
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT when a server would not have written it here; STORAGE_UNAVAILABLE.
    pub fn add(&mut self, record: Record) -> Result<()> {
        match record {
            Record::Start(time) if !mem::replace(&mut self.started, true) => {
                self.begun = time;
                Ok(())
            }
            Record::Start(_) => Err(misplaced("a start")),
            Record::Project { project, base, log_floor } if self.started && self.project.is_none() => {
                self.begin_project(project, base, log_floor)
            }
            Record::Project { .. } => Err(misplaced("a project")),
            Record::Article { number, article } => {
                self.write(|_, draft| article_table::put(draft, number, &article))
            }
            Record::Text { number, generation, offset, bytes } => self.write(|_, draft| {
                let chunk_bytes = u64::try_from(VALUE_BYTES_MAX).unwrap_or(u64::MAX);
                let first = u32::try_from(offset / chunk_bytes).ok().filter(|_| offset % chunk_bytes == 0);
                let first = first.ok_or_else(|| misplaced("a text"))?;
                for (chunk, start) in (first..).zip((0..bytes.len()).step_by(VALUE_BYTES_MAX)) {
                    let end = bytes.len().min(start + VALUE_BYTES_MAX);
                    draft.put(keys::text_chunk(number, generation, chunk), bytes.slice(start..end));
                }
                Ok(())
            }),
            Record::Annotations { number, generation, base, annotations } => self.write(|_, draft| {
                let index = AnnotationIndex::new(number, generation);
                if let Some(base) = base {
                    index.set_base(draft, base)?;
                }
                annotations
                    .iter()
                    .try_for_each(|(id, value)| replay::put_annotation(draft, &index, base, *id, value))
            }),
            Record::LabelSchema(schema) => self.write(|_, draft| replay::put_schema(draft, &schema)),
            Record::Layers(layers) => {
                self.write(|_, draft| layers.iter().try_for_each(|layer| replay::put_layer(draft, layer)))
            }
            Record::ArticleLayers { number, layers } => self.write(|_, draft| {
                layers.iter().try_for_each(|layer| replay::put_article_layer(draft, number, layer))
            }),
            Record::TextRevision { number, stored } => self.write(|_, draft| {
                text_revision_table::put(draft, number, &stored);
                Ok(())
            }),
            Record::Commits(parts) => parts.into_iter().try_for_each(|part| self.add_commit(part)),
            Record::ProjectEnd(ProjectEnd::Deleted) => self.drop_project(),
            Record::ProjectEnd(ProjectEnd::At { head, numbers_below, generations_below }) => {
                self.end_project(head, numbers_below, generations_below)
            }
        }
    }

    /// Finishes, after the last record, and makes all of it durable.
    ///
    /// # Errors
    ///
    /// As [`Rebuild::add`]; the backend is closed then.
    pub fn finish(mut self) -> Result<(Box<dyn Backend>, Vec<RestoredProject>)> {
        match self.end() {
            Ok(()) => Ok((self.backend, self.restored)),
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    /// Closes the backend of what is not to be finished.
    pub fn abandon(self) {
        self.backend.close();
    }

    fn end(&mut self) -> Result<()> {
        if !self.started || self.project.is_some() {
            return Err(misplaced("the end"));
        }
        if !self.restored.is_empty() {
            // Its commits are not in its log any more.
            let last = Stamp { revision: Revision(1), time: self.time };
            let (key, value) = head_row(last, last.revision);
            self.apply(Partition::CATALOG, [(key, Some(value))].into())?;
        }
        self.backend.sync()
    }

    fn begin_project(&mut self, project: Project, base: Revision, log_floor: Revision) -> Result<()> {
        let id = project.id.clone();
        if self.in_catalog(move |draft| catalog::find(draft, &id))?.is_some() {
            return Err(Error::corrupt(format!("project {} is there twice", project.id)));
        }
        // The number that the catalog gives next, once the project is whole.
        let number = u32::try_from(self.restored.len()).ok().and_then(|count| count.checked_add(1));
        let number = number.ok_or_else(|| Error::corrupt("all project numbers are used"))?;
        let uid = ProjectUid(Uuid::new_v4());
        self.project = Some(Open {
            partition: Partition(number),
            project: Project { uid, ..project },
            base,
            log_floor,
            last: Stamp { revision: log_floor, time: Timestamp(i64::MIN) },
            begun: None,
            writes: Writes::new(),
            numbers_logged_below: 0,
            articles: 0,
            annotations: 0,
        });
        Ok(())
    }

    fn add_commit(&mut self, part: CommitPart) -> Result<()> {
        let open = self.project.as_mut().ok_or_else(|| misplaced("a commit"))?;
        let CommitPart { stamp, origin, mut changes, continued } = part;
        let mut all = match open.begun.take() {
            Some((begun, _)) if begun != stamp => return Err(misplaced("a part of a commit")),
            Some((_, before)) => before,
            None => Vec::new(),
        };
        all.append(&mut changes);
        if all.iter().map(Bytes::len).sum::<usize>() > COMMIT_BYTES_MAX {
            return Err(Error::corrupt("a commit is longer than any that a server takes"));
        }
        if continued {
            open.begun = Some((stamp, all));
            return Ok(());
        }
        if stamp.revision != open.last.revision.next() || stamp.time < open.last.time {
            return Err(misplaced("a commit"));
        }
        open.last = stamp;
        // The requests that a retry may still come for.
        let oldest_known = requests::oldest_live(self.begun);
        let known = origin.request.filter(|_| requests::bucket_number(stamp.time) >= oldest_known);
        self.write(|open, draft| {
            match known {
                Some(request) => requests::record(draft, stamp, &request)?,
                None if origin.request.is_some() => requests::leave_out(draft, stamp.revision),
                None => {}
            }
            let changes = all.iter().map(|record| replay::renewed(record, open.project.uid));
            let changes: Vec<Change> = changes.collect::<Result<_>>()?;
            for change in &changes {
                let change = records::read_change(&change.record)?;
                let number = change.article_number().map_or(0, |number| number.0.saturating_add(1));
                open.numbers_logged_below = open.numbers_logged_below.max(number);
                if stamp.revision > open.base {
                    if let ResourceChange::Project { after, .. } = change {
                        let after = after.ok_or_else(|| misplaced("the project's deletion"))?;
                        if after.revision > open.project.revision {
                            open.project = after;
                        }
                    } else {
                        replay::apply(draft, stamp.revision, change)?;
                    }
                }
            }
            for (key, value) in log_rows(&Commit { stamp, origin, changes })? {
                draft.put(key, value);
            }
            Ok(())
        })
    }

    /// Forgets a project that was deleted while it was copied.
    fn drop_project(&mut self) -> Result<()> {
        let open = self.project.take().ok_or_else(|| misplaced("a project's end"))?;
        loop {
            let view = PartitionView::new(&*self.backend, open.partition);
            let rows = view.ascending(&[], &[u8::MAX; KEY_BYTES_MAX]).take(PAGE_ROWS);
            let deletes = rows.map(|row| Ok((row?.0, None))).collect::<Result<Writes>>()?;
            if deletes.is_empty() {
                return Ok(());
            }
            self.apply(open.partition, deletes)?;
        }
    }

    fn end_project(&mut self, head: Stamp, numbers_below: u64, generations_below: Generation) -> Result<()> {
        let open = self.project.as_ref().ok_or_else(|| misplaced("a project's end"))?;
        let log_is_whole = open.last.revision == head.revision && open.begun.is_none();
        if !log_is_whole || open.base > head.revision || open.project.revision > head.revision {
            return Err(misplaced("a project's end"));
        }
        if open.numbers_logged_below > numbers_below {
            return Err(Error::corrupt("the log speaks of an article with a number that was never given"));
        }
        self.sweep()?;
        self.index_articles(numbers_below, generations_below)?;
        self.write(|open, draft| {
            project_table::create(draft, &open.project)?;
            if numbers_below > 0 {
                let (key, value) = article_table::numbers_in_use_row(numbers_below);
                draft.put(key, value);
            }
            if generations_below > Generation::FIRST_STAGED {
                let (key, value) = text_revision_table::generations_in_use_row(generations_below);
                draft.put(key, value);
            }
            let (key, value) = head_row(head, open.log_floor);
            draft.put(key, value);
            Ok(())
        })?;
        let Some(Open { partition, project, log_floor, writes, articles, annotations, .. }) =
            self.project.take()
        else {
            return Err(misplaced("a project's end"));
        };
        self.apply(partition, writes)?;
        let (id, uid) = (project.id.clone(), project.uid);
        let reserved = self.in_catalog(move |draft| {
            let entry = catalog::reserve(draft, &id, uid)?;
            catalog::activate(draft, &entry);
            Ok(entry.partition)
        })?;
        if reserved != partition {
            return Err(Error::corrupt(format!("project {} has another number than its rows", project.id)));
        }
        self.time = self.time.max(head.time);
        let (id, revision, commits) = (project.id, head.revision, head.revision.0 - log_floor.0);
        self.restored.push(RestoredProject { id, uid, revision, articles, annotations, commits });
        Ok(())
    }

    /// Deletes what hangs on articles that were deleted while the project was copied.
    fn sweep(&mut self) -> Result<()> {
        loop {
            let done = self.write(|_, draft| {
                let marks = KeyRange {
                    from: keys::sweep(ArticleNumber(0)),
                    to: keys::sweep(ArticleNumber(u64::MAX)),
                };
                let Some((mark, _)) = draft.ascending(&marks.from, &marks.to).next().transpose()? else {
                    return Ok(true);
                };
                let number = keys::number_of(&mark).ok_or_else(|| Error::corrupt("a mark has no number"))?;
                let mut keys = Vec::new();
                for KeyRange { from, to } in keys::hanging_on(ArticleNumber(number)) {
                    let rows = draft.ascending(&from, &to).take(PAGE_ROWS);
                    keys.extend(rows.map(|row| row.map(|(key, _)| key)).collect::<Result<Vec<_>>>()?);
                }
                if keys.is_empty() {
                    keys.push(mark);
                }
                for key in keys {
                    draft.delete(key);
                }
                Ok(false)
            })?;
            if done {
                return Ok(());
            }
        }
    }

    /// Makes the table of the articles' ids.
    fn index_articles(&mut self, numbers_below: u64, generations_below: Generation) -> Result<()> {
        let mut from = Some(ArticleNumber(0));
        while let Some(first) = from {
            from = self.write(|open, draft| {
                let page =
                    article_table::articles(draft, first).take(PAGE_ROWS).collect::<Result<Vec<_>>>()?;
                for (number, stored) in &page {
                    let id = &stored.article.id;
                    if number.0 >= numbers_below {
                        return Err(Error::corrupt(format!(
                            "article {id} has a number that was never given"
                        )));
                    }
                    let newest = stored.text_generation.max(stored.annotation_generation);
                    if newest >= generations_below {
                        return Err(Error::corrupt(format!(
                            "article {id} has a generation that was never given"
                        )));
                    }
                    if article_table::index(draft, *number, stored)?.is_some() {
                        return Err(Error::corrupt(format!("article {id} is there twice")));
                    }
                    open.articles += 1;
                    let index = ArticlePlace::of(*number, stored).annotations();
                    open.annotations += index.count(draft)?;
                    layer_table::add_all(draft, &index.layer_counts(draft)?)?;
                }
                Ok(page.last().map(|(last, _)| ArticleNumber(last.0.saturating_add(1))))
            })?;
        }
        Ok(())
    }

    /// Lets `write` fill a draft of the open project.
    fn write<T>(&mut self, write: impl FnOnce(&mut Open, &mut Draft<'_>) -> Result<T>) -> Result<T> {
        let open = self.project.as_mut().ok_or_else(|| misplaced("what belongs to a project"))?;
        let view = PartitionView::new(&*self.backend, open.partition);
        let mut draft = Draft::resumed(&view, open.last, mem::take(&mut open.writes));
        let written = write(open, &mut draft)?;
        (open.writes, _) = draft.into_parts();
        if open.writes.len() >= RESTORE_BATCH_ROWS_MAX {
            let (partition, writes) = (open.partition, mem::take(&mut open.writes));
            self.apply(partition, writes)?;
        }
        Ok(written)
    }

    fn in_catalog<T>(&mut self, write: impl FnOnce(&mut Draft<'_>) -> Result<T>) -> Result<T> {
        let view = PartitionView::new(&*self.backend, Partition::CATALOG);
        let mut draft = Draft::new(&view, Stamp { revision: Revision(1), time: self.time });
        let written = write(&mut draft)?;
        let (writes, _) = draft.into_parts();
        self.apply(Partition::CATALOG, writes)?;
        Ok(written)
    }

    fn apply(&mut self, partition: Partition, writes: Writes) -> Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        if let Some(free) = self.backend.free_bytes().filter(|free| *free < RESTORE_FREE_BYTES_MIN) {
            let message = format!("only {} KiB are free on the disk; free some space", free / 1_024);
            return Err(Problem::StorageUnavailable(message).into());
        }
        let bytes = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len) + KEY_BYTES_MAX;
        self.bytes_unsynced += writes.values().map(bytes).sum::<usize>();
        let batch = writes.into_iter().map(|(key, value)| (full_key(partition, &key), value));
        self.backend.apply(batch.collect::<Batch>())?;
        if self.bytes_unsynced >= RESTORE_SYNC_BYTES {
            self.bytes_unsynced = 0;
            self.backend.sync()?;
        }
        Ok(())
    }
}

fn misplaced(what: &str) -> Error {
    Error::corrupt(format!("{what} stands where there can be none"))
}
