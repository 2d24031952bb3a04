//! Rows that the engine cannot read, and of which it may panic.

use std::ops::Range;

use bytes::Bytes;

use super::{
    super::*,
    database::{P, Rows, healthy},
};
use crate::store::{
    committer::{Backend, Batch, full_key},
    engine::{Row, Rows as Iteration},
    keys::{ArticleNumber, Generation},
    memory::MemoryBackend,
    verify::{Report, verify},
};

/// A backend that fails where it meets some of its rows.
struct Unreadable {
    inner: MemoryBackend,
    rows: Range<Bytes>,
    panics: bool,
}

impl Unreadable {
    fn meet(&self, key: &[u8]) -> Result<()> {
        if !self.rows.contains(key) {
            return Ok(());
        }
        assert!(!self.panics, "the page is not what was written");
        Err(Error::corrupt("the page is not what was written"))
    }

    fn met(&self, row: Result<Row>) -> Result<Row> {
        row.and_then(|row| self.meet(&row.0).map(|()| row))
    }
}

impl Backend for Unreadable {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.meet(key)?;
        self.inner.get(key)
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Iteration<'_> {
        Box::new(self.inner.ascending(from, to).map(|row| self.met(row)))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Iteration<'_> {
        Box::new(self.inner.descending(from, to).map(|row| self.met(row)))
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.inner.floor(from, at)?.map(|row| self.met(Ok(row))).transpose()
    }

    fn apply(&mut self, batch: Batch) -> Result<()> {
        self.inner.apply(batch)
    }

    fn sync(&self) -> Result<()> {
        self.inner.sync()
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn close(self: Box<Self>) {}
}

/// Verifies a database of which some rows cannot be read.
fn with_unreadable(rows: &Rows, unreadable: &Range<Bytes>, panics: bool) -> Report {
    let backend = Unreadable { inner: rows.backend(), rows: unreadable.clone(), panics };
    verify(&backend, &mut |_| {}).unwrap()
}

/// Expects that what cannot be read is named, and that the other articles are still looked at.
fn check(unreadable: Range<Bytes>, articles: u64, expected: &str) {
    for panics in [false, true] {
        let report = with_unreadable(&healthy(), &unreadable, panics);
        let is_named = report.problems.iter().any(|problem| problem.contains(expected));
        assert!(is_named, "{expected:?} is not named in {:#?}", report.problems);
        let is_explained =
            report.problems.iter().any(|problem| problem.contains("the page is not what was written"));
        assert!(is_explained, "{:#?}", report.problems);
        assert_eq!(report.articles, articles, "{:#?}", report.problems);
    }
}

#[test]
fn what_cannot_be_read_is_named_and_gone_past() {
    let (b, c) = (ArticleNumber(3), ArticleNumber(4));
    let rows = |from: Bytes, to: Bytes| full_key(P, &from)..full_key(P, &to);
    check(rows(keys::article(b), keys::article(c)), 5, "cannot be read");
    let text = |number| keys::text(number, Generation::FIRST);
    check(rows(text(b), text(c)), 6, "projects/p/articles/b: ");
    let run = |number| keys::annotations(number, Generation::FIRST);
    check(rows(run(b), run(c)), 6, "projects/p/articles/b: ");
    check(rows(keys::log(3), keys::log(5)), 6, "projects/p: the log has no entries of revisions 3 to 4");
    check(rows(keys::articles().from, keys::articles().to), 0, "cannot be read");
    check(rows(Bytes::from_static(keys::HEAD), Bytes::from_static(&[0x02])), 0, "projects/p: ");
    check(full_key(P, &[])..full_key(Partition(2), &[]), 0, "projects/p: ");
    check(full_key(Partition::CATALOG, &[])..full_key(P, &[]), 0, "the catalog: ");
}

#[test]
fn a_storage_that_cannot_be_read_at_all_is_an_error() {
    let all = Bytes::new()..Bytes::from_static(&[u8::MAX; 70]);
    let backend = Unreadable { inner: healthy().backend(), rows: all, panics: true };
    let error = verify(&backend, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("the page is not what was written"), "{error}");
}
