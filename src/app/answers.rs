//! Hot answers: bytes that were sent once and may be sent again, until a commit makes them stale.
//!
//! An answer depends on scopes: its project, its article, the article's annotations. Each scope has a version that the
//! engine's observer raises after a commit is durable and before it is acknowledged. An answer remembers the versions
//! that stood before it was read; it is good as long as they still stand. So a kept answer never hides an acknowledged
//! write, and never shows one that is not durable, since reads return only durable states.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};

use crate::{
    domain::ids::ArticleId,
    limits::HOT_ANSWER_BYTES_MAX,
    store::engine::{Observer, Partition},
};

/// Something that kept answers depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u64);

impl Scope {
    /// The project itself.
    #[must_use]
    pub fn project(partition: Partition) -> Self {
        Self::of(&("project", partition))
    }

    /// The project's label schema.
    #[must_use]
    pub fn schema(partition: Partition) -> Self {
        Self::of(&("schema", partition))
    }

    /// An article itself, and whether it exists.
    #[must_use]
    pub fn article(partition: Partition, article: &ArticleId) -> Self {
        Self::of(&("article", partition, article))
    }

    /// An article's annotations.
    #[must_use]
    pub fn annotations(partition: Partition, article: &ArticleId) -> Self {
        Self::of(&("annotations", partition, article))
    }

    /// The layers of a project.
    #[must_use]
    pub fn layers(partition: Partition) -> Self {
        Self::of(&("layers", partition))
    }

    /// The number that a change carries it as.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    fn of(what: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The version of every scope. Scopes share slots, which costs an answer now and then and never keeps a stale one.
pub struct Versions {
    slots: Box<[AtomicU64]>,
}

/// The versions of some scopes at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Seen<const N: usize> {
    versions: [(Scope, u64); N],
}

impl Versions {
    const SLOTS: usize = 131_072;

    /// All versions at their start.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { slots: (0..Self::SLOTS).map(|_| AtomicU64::new(0)).collect() })
    }

    /// An observer that raises the version of what a commit changed.
    #[must_use]
    pub fn observer(self: &Arc<Self>) -> Observer {
        let versions = Arc::clone(self);
        Arc::new(move |_, commit| {
            for change in &commit.changes {
                if let Some(slot) = versions.slot(Scope(change.scope)) {
                    slot.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    }

    /// The versions of `scopes` now: take them before reading what depends on them.
    #[must_use]
    pub fn see<const N: usize>(&self, scopes: [Scope; N]) -> Seen<N> {
        Seen { versions: scopes.map(|scope| (scope, self.version(scope))) }
    }

    /// Whether nothing was committed to the scopes since.
    #[must_use]
    pub fn still<const N: usize>(&self, seen: &Seen<N>) -> bool {
        seen.versions.iter().all(|(scope, version)| self.version(*scope) == *version)
    }

    fn version(&self, scope: Scope) -> u64 {
        self.slot(scope).map_or(0, |slot| slot.load(Ordering::SeqCst))
    }

    fn slot(&self, scope: Scope) -> Option<&AtomicU64> {
        let slots = u64::try_from(self.slots.len()).ok()?;
        let index = usize::try_from(scope.0.checked_rem(slots)?);
        index.ok().and_then(|index| self.slots.get(index))
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions").finish_non_exhaustive()
    }
}

/// Which call an answer is for: the method, and its request as it was sent or its encoding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerKey {
    method: &'static str,
    request: Bytes,
}

impl AnswerKey {
    /// The key of a call.
    #[must_use]
    pub fn new(method: &'static str, request: impl Into<Bytes>) -> Self {
        Self { method, request: request.into() }
    }

    /// The request, when it is text; otherwise empty.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.request).unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
struct Answer {
    seen: Seen<3>,
    bytes: Bytes,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<AnswerKey, Answer> for Weight {
    fn weight(&self, key: &AnswerKey, answer: &Answer) -> u64 {
        // What the cache itself keeps of an entry, roughly.
        const ENTRY_BYTES: usize = 192;
        u64::try_from(key.request.len() + answer.bytes.len() + ENTRY_BYTES).unwrap_or(u64::MAX)
    }
}

/// Answers that may be sent again; bounded by [`HOT_ANSWER_BYTES_MAX`].
pub struct HotAnswers {
    versions: Arc<Versions>,
    answers: Cache<AnswerKey, Answer, Weight>,
}

impl HotAnswers {
    /// No answers yet.
    #[must_use]
    pub fn new(versions: Arc<Versions>) -> Self {
        const ANSWERS_EXPECTED: usize = 16_384;
        Self { versions, answers: Cache::with_weighter(ANSWERS_EXPECTED, HOT_ANSWER_BYTES_MAX, Weight) }
    }

    /// The answer to a call, if it is still good.
    #[must_use]
    pub fn get(&self, key: &AnswerKey) -> Option<Bytes> {
        let answer = self.answers.get(key)?;
        self.versions.still(&answer.seen).then_some(answer.bytes)
    }

    /// Keeps an answer that was read after its versions were `seen`.
    pub fn keep(&self, key: AnswerKey, seen: Seen<3>, bytes: Bytes) {
        if self.versions.still(&seen) {
            self.answers.insert(key, Answer { seen, bytes });
        }
    }
}

impl fmt::Debug for HotAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HotAnswers").field("answers", &self.answers.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::{Change, Commit, Origin, Revision, Stamp, Timestamp};

    #[test]
    fn a_commit_makes_the_answers_of_its_scopes_stale_and_no_others() {
        let versions = Versions::new();
        let answers = HotAnswers::new(Arc::clone(&versions));
        let article = |id| ArticleId::parse("id", id).unwrap();
        let scopes = |id| {
            let partition = Partition(1);
            [
                Scope::project(partition),
                Scope::article(partition, &article(id)),
                Scope::annotations(partition, &article(id)),
            ]
        };
        let key = |id: &'static str| AnswerKey::new("Get", id);
        for id in ["a", "b"] {
            answers.keep(key(id), versions.see(scopes(id)), Bytes::from(id));
            assert_eq!(answers.get(&key(id)), Some(Bytes::from(id)));
        }
        let before = versions.see(scopes("a"));
        let [_, _, annotations] = scopes("a");
        let change = Change { scope: annotations.number(), record: Bytes::new() };
        let stamp = Stamp { revision: Revision(1), time: Timestamp(1) };
        versions.observer()(
            Partition(1),
            &Commit { stamp, origin: Origin::default(), changes: vec![change] },
        );
        assert_eq!(answers.get(&key("a")), None);
        assert_eq!(answers.get(&key("b")), Some(Bytes::from("b")));

        answers.keep(key("a"), before, Bytes::from("read before the commit"));
        assert_eq!(answers.get(&key("a")), None);
    }
}
