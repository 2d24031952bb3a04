//! What the writers asked for, and what they were told.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use spandrel::proto::v1::{self, resource::Kind};

/// What a writer was told of one of its requests, at last.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// It is done, by this revision, which deletes do not say, and with this result.
    Done { revision: Option<u64>, result: Option<Box<Kind>> },
    /// It was refused for this reason.
    Refused(String),
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<HashMap<String, (&'static str, Told)>>,
    done: AtomicU64,
    retries: AtomicU64,
}

impl Ledger {
    pub fn add(&self, id: String, what: &'static str, told: Told) {
        if matches!(told, Told::Done { .. }) {
            self.done.fetch_add(1, SeqCst);
        }
        let before = self.entries.lock().unwrap().insert(id, (what, told));
        assert_eq!(before, None, "an id was used twice");
    }

    pub fn add_retry(&self) {
        self.retries.fetch_add(1, SeqCst);
    }

    /// How many requests are done.
    pub fn done(&self) -> u64 {
        self.done.load(SeqCst)
    }

    /// How often a request was sent again.
    pub fn retries(&self) -> u64 {
        self.retries.load(SeqCst)
    }

    /// How many requests there were of each kind, done and refused.
    pub fn summary(&self) -> String {
        let mut counts = std::collections::BTreeMap::<_, [usize; 2]>::new();
        for (what, told) in self.entries.lock().unwrap().values() {
            counts.entry(*what).or_default()[usize::from(matches!(told, Told::Refused(_)))] += 1;
        }
        let count = |(what, [done, refused]): (&str, [usize; 2])| format!("{what} {done}+{refused}");
        counts.into_iter().map(count).collect::<Vec<_>>().join(", ")
    }

    /// Expects that the log has each request that is done once, and no other.
    pub fn check(&self, log: &[v1::Changes]) {
        let mut logged = HashMap::new();
        for commit in log.iter().filter(|commit| !commit.request_id.is_empty()) {
            let before = logged.insert(commit.request_id.clone(), commit);
            assert!(before.is_none(), "a request was carried out twice: {before:?} and {commit:?}");
        }
        let entries = self.entries.lock().unwrap();
        for (id, (what, told)) in entries.iter() {
            match (told, logged.get(id)) {
                (Told::Refused(_), None) => {}
                (Told::Done { revision, result }, Some(commit)) => {
                    assert!(revision.is_none_or(|told| told == commit.revision), "{what} {id}: {told:?}");
                    let after = commit.changes[0].after.as_ref().and_then(|after| after.kind.as_ref());
                    assert!(
                        result.is_none() || result.as_deref() == after,
                        "{what} {id}: {told:?}, {after:?}"
                    );
                }
                (told, logged) => panic!("{what} {id}: told {told:?}, logged {logged:?}"),
            }
        }
        assert_eq!(
            logged.len(),
            entries.values().filter(|(_, told)| matches!(told, Told::Done { .. })).count()
        );
    }
}
