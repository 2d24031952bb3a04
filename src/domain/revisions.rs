//! What orders and dates changes: revisions, times, and the etags made of them.

use std::fmt;

use uuid::Uuid;

use super::errors::{Problem, Result, Standing};

/// A partition's commit counter; 0 before its first commit. Stays below 2^53, for JavaScript.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of the next commit.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Parses a time as RFC 3339 has it, with up to nine digits of a second, of which six count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        super::filter::parse_time(text)
    }
}

/// As RFC 3339 has it, in UTC, with as many digits as it needs.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::filter::write_time(*self, f)
    }
}

/// One life of a project: new when it is created, so that nothing of an earlier life is taken for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProjectUid(pub Uuid);

impl fmt::Display for ProjectUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Which state of a resource somebody has seen: the project's life and the resource's own revision, so that an etag
/// never recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Etag {
    uid: ProjectUid,
    revision: Revision,
}

impl Etag {
    /// The etag of a resource that was last changed at `revision` of the project's life `uid`.
    #[must_use]
    pub fn new(uid: ProjectUid, revision: Revision) -> Self {
        Self { uid, revision }
    }

    /// Checks what the client sent; an empty etag asks for nothing.
    ///
    /// # Errors
    ///
    /// ETAG_MISMATCH with the current etag and the resource as it is when it is another one.
    pub fn check(
        self,
        sent: &str,
        name: &impl fmt::Display,
        current: impl FnOnce() -> Standing,
    ) -> Result<()> {
        let current_etag = self.to_string();
        if sent.is_empty() || sent == current_etag {
            return Ok(());
        }
        let (name, current) = (name.to_string(), Box::new(current()));
        Err(Problem::EtagMismatch { name, current_etag, current }.into())
    }
}

impl fmt::Display for Etag {
    /// The first half of the uid tells lives apart well enough (60 random bits) and keeps lists short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.uid.0.as_u64_pair().0, self.revision.0)
    }
}
