//! What projects, articles and annotations have in common: when they were made and last changed.

use std::collections::{HashMap, HashSet};

use super::{
    super::{
        committer::Head,
        keys::{ArticleNumber, Generation},
        records::{ResourceChange, StoredArticle},
    },
    Checker,
};
use crate::domain::{
    annotations::Annotation,
    layers::{ArticleLayer, Layer},
    projects::Project,
    revisions::{Revision, Timestamp},
    schema::ProjectSchema,
};

/// When a resource was made and last changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    pub(super) revision: Revision,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A resource with a version.
pub(super) trait Versioned: PartialEq {
    fn version(&self) -> Version;
}

impl Versioned for Project {
    fn version(&self) -> Version {
        Version { revision: self.revision, created: self.create_time, updated: self.update_time }
    }
}

impl Versioned for ProjectSchema {
    fn version(&self) -> Version {
        Version { revision: self.revision, created: self.create_time, updated: self.update_time }
    }
}

impl Versioned for StoredArticle {
    fn version(&self) -> Version {
        let article = &self.article;
        Version { revision: article.revision, created: article.create_time, updated: article.update_time }
    }
}

impl Versioned for Annotation {
    fn version(&self) -> Version {
        Version { revision: self.revision, created: self.create_time, updated: self.update_time }
    }
}

impl Versioned for Layer {
    fn version(&self) -> Version {
        Version { revision: self.revision, created: self.create_time, updated: self.update_time }
    }
}

impl Versioned for ArticleLayer {
    fn version(&self) -> Version {
        Version { revision: self.revision, created: self.create_time, updated: self.update_time }
    }
}

/// Counts the resources that the log must name.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Those that were last changed by a commit that the log keeps.
    pub(super) logged: u64,
    /// Whether all could be read.
    pub(super) is_whole: bool,
    /// Articles whose annotations cannot be looked up.
    pub(super) unsound: HashSet<ArticleNumber>,
    /// Articles that are deleted, and whose annotations are kept in this generation.
    pub(super) deleted: HashMap<ArticleNumber, Generation>,
}

impl Tally {
    /// Checks what is stored against the head, and counts it.
    pub(super) fn count(
        &mut self,
        checker: &mut Checker<'_>,
        place: &dyn std::fmt::Display,
        head: Head,
        resource: &impl Versioned,
    ) {
        Self::check(checker, place, head, resource);
        self.logged += u64::from(resource.version().revision > head.log_floor);
    }

    /// Checks what is stored against the head.
    pub(super) fn check(
        checker: &mut Checker<'_>,
        place: &dyn std::fmt::Display,
        head: Head,
        resource: &impl Versioned,
    ) {
        let Version { revision, created, updated } = resource.version();
        if revision > head.revision || revision.0 == 0 {
            let (revision, last) = (revision.0, head.revision.0);
            checker.problem(place, &format!("is of revision {revision}, and the last one is {last}"));
        }
        if created > updated || updated > head.time {
            let (created, updated, last) = (created.0, updated.0, head.time.0);
            let what =
                format!("was made at {created} and changed at {updated}; the last commit was at {last}");
            checker.problem(place, &what);
        }
    }
}

/// What a change says, whatever it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangedVersions {
    pub(super) before: Option<Version>,
    pub(super) after: Option<Version>,
}

impl ChangedVersions {
    pub(super) fn of(change: &ResourceChange) -> Self {
        fn both<T: Versioned>(before: Option<&T>, after: Option<&T>) -> ChangedVersions {
            let version = |resource: Option<&T>| resource.map(Versioned::version);
            ChangedVersions { before: version(before), after: version(after) }
        }
        match change {
            ResourceChange::Project { before, after } => both(before.as_ref(), after.as_ref()),
            ResourceChange::LabelSchema { before, after } => both(before.as_deref(), after.as_deref()),
            ResourceChange::Article { number: _, before, after, cascaded: _ } => {
                both(before.as_ref(), after.as_ref())
            }
            ResourceChange::Layer { before, after } => both(before.as_ref(), after.as_ref()),
            ResourceChange::ArticleLayer { number: _, article: _, layer: _, before, after } => {
                both(before.as_ref(), after.as_ref())
            }
            ResourceChange::Annotation { number: _, article: _, id: _, before, after, cascaded: _ } => {
                both(before.as_ref(), after.as_ref())
            }
        }
    }

    /// What is wrong with a change by the commit of this revision and time.
    pub(super) fn wrong(self, revision: Revision, time: Timestamp) -> Option<&'static str> {
        let Self { before, after } = self;
        let created = before.map_or(time, |before| before.created);
        if before.is_none() && after.is_none() {
            return Some("changes nothing into nothing");
        }
        if before.is_some_and(|before| before.revision >= revision || before.updated > time) {
            return Some("changes what was changed after it");
        }
        let fits = |after: Version| after.revision == revision && after.updated == time;
        if !after.is_none_or(fits) {
            return Some("has another revision or time than its commit");
        }
        // What an undo or an import brings was made before.
        let is_brought = before.is_none();
        let fits = |after: Version| after.created == created || (is_brought && after.created <= time);
        after.is_some_and(|after| !fits(after)).then_some("changes when it was made")
    }
}
