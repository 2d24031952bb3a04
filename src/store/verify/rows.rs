//! Each row by itself: its key can be one, its partition is somebody's, and what it hangs on is there.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    super::{
        article_table,
        committer::{Backend, full_key},
        engine::{Partition, Row, View},
        keys::{self, ArticleNumber, Generation, KeyRange, Table},
        long_values,
        records::StoredArticle,
        text_revision_table,
    },
    Checker, Logged, Place,
    guard::{self, GuardedView},
    resuming::Resuming,
};
use crate::{
    domain::Result,
    limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX},
};

/// Rows between two looks at the progress.
const ROWS_OF_PROGRESS: u64 = 1_024;
const PARTITION_BYTES: usize = 4;
const TAG_ARTICLE_AND_GENERATION_BYTES: usize = 13;

/// All keys of a partition.
fn everything() -> KeyRange {
    KeyRange { from: Bytes::new(), to: Bytes::from_static(&[u8::MAX; KEY_BYTES_MAX]) }
}

/// Finds the partitions that the catalog does not know.
pub(super) fn check_partitions(checker: &mut Checker<'_>, known: &BTreeMap<Partition, String>) {
    let mut from = Some(0_u32);
    // As in a partition, what cannot be read is gone past in longer and longer steps.
    let mut step = 1_u32;
    while let Some(first) = from {
        match partition_from(checker.backend, first) {
            Ok(Some(partition)) => {
                step = 1;
                from = partition.0.checked_add(1);
                if partition != Partition::CATALOG && !known.contains_key(&partition) {
                    check_unknown(checker, partition);
                }
            }
            Ok(None) => return,
            Err(error) => {
                checker.noted::<()>(&format!("what follows partition {first}"), Err(error));
                from = first.checked_add(step);
                step = step.saturating_mul(2);
            }
        }
    }
}

/// Fails when not even one row can be looked for.
pub(super) fn read_anything(backend: &dyn Backend) -> Result<()> {
    partition_from(backend, 0).map(drop)
}

fn partition_from(backend: &dyn Backend, first: u32) -> Result<Option<Partition>> {
    let (from, to) = (full_key(Partition(first), &[]), [u8::MAX; PARTITION_BYTES + KEY_BYTES_MAX]);
    for row in guard::rows(|| backend.ascending(&from, &to)) {
        // Shorter keys are the backend's own.
        if let Some(partition) = row?.0.first_chunk() {
            return Ok(Some(Partition(u32::from_be_bytes(*partition))));
        }
    }
    Ok(None)
}

fn check_unknown(checker: &mut Checker<'_>, partition: Partition) {
    let view = GuardedView::new(checker.backend, partition);
    let rows = u64::try_from(Resuming::new(&view, everything()).flatten().count());
    let rows = rows.unwrap_or(u64::MAX);
    checker.report.rows = checker.report.rows.saturating_add(rows);
    let what = format!("the catalog does not know it, and it has {rows} rows");
    checker.problem(&format!("partition {}", partition.0), &what);
}

/// What is known of a partition once all its rows were seen.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) logged: Logged,
}

/// Looks at all rows of a partition that is in use.
pub(super) fn check(checker: &mut Checker<'_>, place: &Place) -> Shape {
    let view = GuardedView::new(checker.backend, place.partition);
    let mut scan = Scan {
        view: &view,
        place,
        long: None,
        owner: None,
        generations: [Vec::new(), Vec::new()],
        unowned: None,
        shape: Shape::default(),
    };
    for row in Resuming::new(&view, everything()) {
        match row {
            Ok(row) => {
                if let Some((table, is_further)) = check_row(checker, place, &row) {
                    scan.check(checker, table, is_further, &row);
                }
            }
            Err(gap) => checker.problem(place, &gap),
        }
    }
    scan.check_log_is_whole(checker);
    scan.shape
}

/// Looks at all rows of a partition that is to be swept: some of them may be gone already.
pub(super) fn check_swept(checker: &mut Checker<'_>, place: &Place) {
    let view = GuardedView::new(checker.backend, place.partition);
    for row in Resuming::new(&view, everything()) {
        match row {
            Ok(row) => drop(check_row(checker, place, &row)),
            Err(gap) => checker.problem(place, &gap),
        }
    }
}

/// What a row's key is of, if it is of anything.
fn check_row(checker: &mut Checker<'_>, place: &Place, (key, value): &Row) -> Option<(Table, bool)> {
    checker.report.rows += 1;
    if checker.report.rows.is_multiple_of(ROWS_OF_PROGRESS) {
        checker.show_progress();
    }
    let bytes = key.len() + PARTITION_BYTES;
    if bytes > KEY_BYTES_MAX {
        let what = format!("the key {key:02x?} has {bytes} bytes, over {KEY_BYTES_MAX}");
        checker.problem(place, &what);
    }
    if value.len() > VALUE_BYTES_MAX {
        let what = format!("the row at {key:02x?} has {} bytes, over {VALUE_BYTES_MAX}", value.len());
        checker.problem(place, &what);
    }
    let table = keys::table_of(key, place.partition == Partition::CATALOG);
    if table.is_none() {
        checker.problem(place, &format!("the row at {key:02x?} belongs to nothing"));
    }
    table
}

/// What has to be remembered from row to row.
struct Scan<'s> {
    view: &'s dyn View,
    place: &'s Place,
    /// The long value that was begun last, and which of its further rows comes next and last.
    long: Option<(Bytes, u16, u16)>,
    /// The article number that was looked up last.
    owner: Option<(ArticleNumber, Owner)>,
    /// The generations of its texts, and of its annotations, if it is an article.
    generations: [Vec<Generation>; 2],
    /// What was said last to hang on nothing.
    unowned: Option<Bytes>,
    shape: Shape,
}

/// What hangs on an article number hangs on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Article,
    Sweep,
    Nobody,
    /// Something that cannot be read, which is said where it is missed.
    Unreadable,
}

/// The generations of the texts that an article has and had and of the annotations in them, with those that are staged.
/// What cannot be read of them is said elsewhere.
fn generations_of(view: &dyn View, number: ArticleNumber, stored: &StoredArticle) -> [Vec<Generation>; 2] {
    let (mut texts, mut annotations) = (vec![stored.text_generation], vec![stored.annotation_generation]);
    for earlier in text_revision_table::rows(view, number, 0).map_while(Result::ok) {
        texts.push(earlier.text_generation);
        annotations.push(earlier.annotation_generation);
    }
    for (_, _, staged) in text_revision_table::staged(view, &keys::staged_of(number)).map_while(Result::ok) {
        texts.push(staged);
        annotations.push(staged);
    }
    [texts, annotations]
}

impl Scan<'_> {
    fn check(&mut self, checker: &mut Checker<'_>, table: Table, is_further: bool, (key, value): &Row) {
        if is_further {
            return self.check_further(checker, key);
        }
        match table {
            Table::Head | Table::Partition | Table::Requests => {}
            Table::Resource => self.begin_long(key, value),
            Table::Log => {
                self.begin_long(key, value);
                self.check_log_entry(checker, key);
            }
            Table::Sweep => {
                let is_right = match (article_table::deleted_at(value), self.place.head) {
                    (Ok(Some(deleted)), Some(head)) => (1..=head.revision.0).contains(&deleted.0),
                    (Ok(_), _) => true,
                    (Err(_), _) => false,
                };
                let what = format!("the sweep's mark at {key:02x?} says no revision that there was");
                checker.expect(is_right, self.place, &what);
            }
            Table::Staged => {
                checker.report.unswept += 1;
                let what = format!("the mark of what was staged at {key:02x?} is none");
                checker.expect(text_revision_table::is_mark(value), self.place, &what);
            }
            Table::Text | Table::Annotations | Table::OfArticle => self.check_owner(checker, table, key),
            Table::LongAnnotations => {
                self.begin_long(key, value);
                self.check_owner(checker, table, key);
            }
        }
    }

    fn begin_long(&mut self, key: &Bytes, value: &Bytes) {
        // Whether the value is whole is seen by who reads it.
        let last = long_values::further_rows(key, value).unwrap_or_default();
        self.long = Some((key.clone(), 1, last));
    }

    fn check_further(&mut self, checker: &mut Checker<'_>, key: &Bytes) {
        if let (Some((begun, next, last)), Some((first, number))) =
            (&mut self.long, long_values::place_of(key))
            && *begun == first
            && (*next..=*last).contains(&number)
        {
            *next = number.saturating_add(1);
            return;
        }
        checker.problem(self.place, &format!("the row at {key:02x?} goes on with a value that has ended"));
    }

    fn check_log_entry(&mut self, checker: &mut Checker<'_>, key: &Bytes) {
        let (Some(revision), Some(head)) = (keys::number_of(key), self.place.head) else { return };
        if revision <= head.log_floor.0 || revision > head.revision.0 {
            let (floor, last) = (head.log_floor.0, head.revision.0);
            let what = format!(
                "the log has an entry of revision {revision}; it keeps those after {floor} up to {last}"
            );
            return checker.problem(self.place, &what);
        }
        match self.shape.logged.last_mut() {
            Some(range) if range.end().checked_add(1) == Some(revision) => *range = *range.start()..=revision,
            _ => self.shape.logged.push(revision..=revision),
        }
    }

    fn check_log_is_whole(&self, checker: &mut Checker<'_>) {
        let Some(head) = self.place.head else { return };
        let mut expected = head.log_floor.0.saturating_add(1);
        let end = head.revision.0.saturating_add(1);
        let ranges = self.shape.logged.iter().map(|range| (*range.start(), range.end().saturating_add(1)));
        for (start, next) in ranges.chain([(end, end)]) {
            if expected.saturating_add(1) == start {
                checker.problem(self.place, &format!("the log has no entry of revision {expected}"));
            } else if expected < start {
                let last = start - 1;
                let what = format!("the log has no entries of revisions {expected} to {last}");
                checker.problem(self.place, &what);
            }
            expected = next;
        }
    }

    fn check_owner(&mut self, checker: &mut Checker<'_>, table: Table, key: &Bytes) {
        let Some(number) = keys::number_of(key).map(ArticleNumber) else { return };
        let generation = keys::generation_of(key);
        let owner = self.owner(number);
        let [texts, annotations] = &self.generations;
        let is_in = |generations: &[Generation]| generation.is_some_and(|it| generations.contains(&it));
        let what = match (owner, table) {
            (Owner::Article, Table::OfArticle) | (Owner::Sweep | Owner::Unreadable, _) => return,
            (Owner::Article, Table::Text) if is_in(texts) => return,
            (Owner::Article, Table::Text) => "is of a text that the article does not have",
            (Owner::Article, _) if is_in(annotations) => return,
            (Owner::Article, _) => "is of annotations that the article does not have",
            (Owner::Nobody, _) => "hangs on an article that is not there and not to be swept",
        };
        // Once for all rows of the same tag, article and generation.
        let begin = key.slice(..key.len().min(TAG_ARTICLE_AND_GENERATION_BYTES));
        if self.unowned.as_ref() != Some(&begin) {
            self.unowned = Some(begin);
            checker.problem(self.place, &format!("the row at {key:02x?} {what}"));
        }
    }

    fn owner(&mut self, number: ArticleNumber) -> Owner {
        if let Some((known, owner)) = self.owner
            && known == number
        {
            return owner;
        }
        let owner = match article_table::get(self.view, number) {
            Ok(Some(stored)) => {
                self.generations = generations_of(self.view, number, &stored);
                Owner::Article
            }
            Ok(None) => match self.view.get(&keys::sweep(number)) {
                Ok(Some(_)) => Owner::Sweep,
                Ok(None) => Owner::Nobody,
                Err(_) => Owner::Unreadable,
            },
            Err(_) => Owner::Unreadable,
        };
        self.owner = Some((number, owner));
        owner
    }
}
