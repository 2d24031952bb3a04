//! The changes that a project's log keeps, in pages: the oldest first, or the newest.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    App,
    feed::{ChangeFilter, FeedCommit, read_commits},
    pages,
    projects::ProjectHandle,
    watch::{require_uid, reset},
};
use crate::{
    domain::{
        Error, Problem, Result,
        ids::{AnnotationId, ArticleId, LayerId, ProjectName},
        revisions::{ProjectUid, Revision},
    },
    limits::{ANSWER_BYTES_MAX, CHANGES_SCANNED_BYTES_MAX, FEED_READ_BYTES},
};

pub use crate::store::records::ResourceChange;

/// What ListChanges asks for.
#[derive(Debug, Clone)]
pub struct ChangesQuery {
    /// Which project.
    pub project: ProjectName,
    /// Which of its changes.
    pub filter: ChangeFilter,
    /// Only commits after this one.
    pub after: Revision,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// How many commits, as it was sent.
    pub page_size: i32,
    /// Where the page begins, as it was sent.
    pub page_token: String,
    /// The project's uid as the client knows it, or empty.
    pub project_uid: String,
}

/// A page of commits.
#[derive(Debug)]
pub struct ChangesPage {
    /// Commits, or parts of them, encoded.
    pub changes: Vec<Bytes>,
    /// The next page's token, or empty.
    pub next_page_token: String,
    /// The newest commit when the page was read.
    pub revision: Revision,
    /// The oldest commit that the log keeps.
    pub earliest: Revision,
    /// The project's life.
    pub uid: ProjectUid,
}

/// Where a page begins: with this part of the commit, the first one being 0.
#[derive(Debug, Clone, Copy)]
struct Place {
    revision: Revision,
    part: usize,
}

/// What a page gathers.
struct Filling {
    items_left: usize,
    bytes: usize,
    changes: Vec<Bytes>,
}

/// What a reading of the log gives.
enum Passing {
    /// Commits, with those of their changes that pass.
    Commits(Vec<FeedCommit>),
    /// The log does not keep what was asked for any more.
    Forgotten { earliest: Revision },
}

impl App {
    /// Lists changes.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, FEED_RESET, REVISION_COMPACTED, PAGE_TOKEN_INVALID, FIELD_INVALID.
    pub async fn list_changes(&self, query: &ChangesQuery) -> Result<ChangesPage> {
        let items = pages::items(query.page_size)?;
        let project = self.project(&query.project)?;
        let head = project.read(self.engine.as_ref(), |_| Ok(())).await?.revision;
        require_uid(&project, &query.project_uid, head)?;
        if query.after > head {
            let what =
                format!("revision {} is past the head of {}, {}", query.after.0, project.name(), head.0);
            return Err(reset("after_revision", &project, head, what));
        }
        let floor = self.engine.log_floor(project.partition)?;
        let arguments = arguments(query, project.uid);
        let token =
            arguments.key(&query.page_token)?.map(|key| Place::decode(&key).ok_or_else(pages::damaged));
        let start = token.transpose()?;
        let mut filling = Filling { items_left: items, bytes: 0, changes: Vec::new() };
        // 0 is as well what was left out.
        if start.is_none() && query.after < floor && query.after.0 > 0 {
            let problem = Problem::RevisionCompacted { asked: query.after.0, earliest: floor.next() };
            return Err(Error::at("after_revision", problem));
        }
        let next = if query.newest_first {
            self.fill_newest_first(&project, query, start, (head, floor), &mut filling).await?
        } else {
            let first = Place { revision: query.after.max(floor).next(), part: 0 };
            self.fill_oldest_first(&project, query, start.unwrap_or(first), head, &mut filling).await?
        };
        let next_page_token = next.map_or_else(String::new, |place| arguments.token(&place.encode()));
        let (earliest, uid) = (floor.next(), project.uid);
        Ok(ChangesPage { changes: filling.changes, next_page_token, revision: head, earliest, uid })
    }

    async fn fill_oldest_first(
        &self,
        project: &Arc<ProjectHandle>,
        query: &ChangesQuery,
        mut place: Place,
        head: Revision,
        filling: &mut Filling,
    ) -> Result<Option<Place>> {
        let mut scanned = 0;
        while place.revision <= head {
            if scanned >= CHANGES_SCANNED_BYTES_MAX {
                return Ok(Some(place));
            }
            let after = Revision(place.revision.0.saturating_sub(1));
            scanned += FEED_READ_BYTES;
            let commits = match self.passing(project, query, after).await? {
                Passing::Commits(commits) if commits.is_empty() => return Ok(None),
                Passing::Commits(commits) => commits,
                // The log was trimmed since the page was begun.
                Passing::Forgotten { .. } if !filling.changes.is_empty() => return Ok(Some(place)),
                Passing::Forgotten { earliest } if query.page_token.is_empty() && query.after.0 == 0 => {
                    place = Place { revision: earliest, part: 0 };
                    continue;
                }
                Passing::Forgotten { earliest } => {
                    let field = if query.page_token.is_empty() { "after_revision" } else { "page_token" };
                    let problem = Problem::RevisionCompacted { asked: after.0, earliest };
                    return Err(Error::at(field, problem));
                }
            };
            for commit in commits {
                // What came since the page was begun is for the next one.
                if commit.stamp.revision > head {
                    return Ok(None);
                }
                place = Place { revision: commit.stamp.revision, ..place };
                if let Some(part) = filling.add(&commit, place.part, query, self) {
                    return Ok(Some(Place { part, ..place }));
                }
                place = Place { revision: place.revision.next(), part: 0 };
            }
        }
        Ok(None)
    }

    async fn fill_newest_first(
        &self,
        project: &Arc<ProjectHandle>,
        query: &ChangesQuery,
        start: Option<Place>,
        (head, floor): (Revision, Revision),
        filling: &mut Filling,
    ) -> Result<Option<Place>> {
        /// Commits that are read together, unless they are so large that one reading does not gather them.
        const WINDOW_MAX: u64 = 64;
        let mut place = start.unwrap_or(Place { revision: head, part: 0 });
        let mut floor = floor.max(query.after);
        let (mut scanned, mut window) = (0, WINDOW_MAX);
        while place.revision > floor {
            if scanned >= CHANGES_SCANNED_BYTES_MAX {
                return Ok(Some(place));
            }
            let after = Revision(place.revision.0.saturating_sub(window).max(floor.0));
            scanned += FEED_READ_BYTES;
            let mut commits = match self.passing(project, query, after).await? {
                Passing::Commits(commits) => commits,
                Passing::Forgotten { earliest } => {
                    // The list ends earlier by now.
                    floor = floor.max(Revision(earliest.0.saturating_sub(1)));
                    continue;
                }
            };
            let Some(last) = commits.last() else { return Ok(None) };
            if last.stamp.revision < place.revision {
                window = (window / 2).max(1);
                continue;
            }
            window = (2 * window).min(WINDOW_MAX);
            commits.retain(|commit| commit.stamp.revision <= place.revision);
            for commit in commits.into_iter().rev() {
                place = Place { revision: commit.stamp.revision, ..place };
                if let Some(part) = filling.add(&commit, place.part, query, self) {
                    return Ok(Some(Place { part, ..place }));
                }
                place = Place { revision: Revision(place.revision.0 - 1), part: 0 };
            }
        }
        Ok(None)
    }

    async fn passing(
        &self,
        project: &Arc<ProjectHandle>,
        query: &ChangesQuery,
        after: Revision,
    ) -> Result<Passing> {
        let (engine, filter) = (self.engine.as_ref(), &query.filter);
        match read_commits(engine, project, after, FEED_READ_BYTES, filter, self.render).await {
            Err(Error { problem: Problem::RevisionCompacted { asked: _, earliest }, field: _ }) => {
                Ok(Passing::Forgotten { earliest })
            }
            read => read.map(Passing::Commits),
        }
    }
}

impl Filling {
    /// Adds a commit from one of its parts on; returns the part that the next page begins with, when it is full.
    fn add(&mut self, commit: &FeedCommit, from: usize, query: &ChangesQuery, app: &App) -> Option<usize> {
        // What a message takes in the answer beside its own bytes.
        const MESSAGE: usize = 8;
        let messages = commit.messages(&query.filter, false, &app.render);
        if !messages.is_empty() && self.items_left == 0 {
            return Some(from);
        }
        for (part, message) in messages.into_iter().enumerate().skip(from) {
            let more = message.len() + MESSAGE;
            if self.bytes + more > ANSWER_BYTES_MAX && !self.changes.is_empty() {
                return Some(part);
            }
            self.bytes += more;
            self.changes.push(message);
            if part == from {
                self.items_left -= 1;
            }
        }
        None
    }
}

impl Place {
    fn encode(self) -> Vec<u8> {
        let part = u32::try_from(self.part).unwrap_or(u32::MAX);
        [self.revision.0.to_be_bytes().as_slice(), &part.to_be_bytes()].concat()
    }

    fn decode(key: &[u8]) -> Option<Self> {
        let (revision, part) = key.split_first_chunk()?;
        let revision = Revision(u64::from_be_bytes(*revision));
        let part = usize::try_from(u32::from_be_bytes(part.try_into().ok()?)).ok()?;
        // There is no commit 0, and none behind the last that there may be.
        (1..=crate::limits::REVISION_MAX).contains(&revision.0).then_some(Self { revision, part })
    }
}

/// A token is of one life of the project, too.
fn arguments(query: &ChangesQuery, uid: ProjectUid) -> pages::Arguments {
    let ChangesQuery { project, filter, after, newest_first, page_size: _, page_token: _, project_uid: _ } =
        query;
    let ChangeFilter { article, layer, annotation } = filter;
    pages::Arguments::of(
        "ListChanges",
        &[
            project.project.as_str().as_bytes(),
            uid.0.as_bytes(),
            article.as_ref().map_or("", ArticleId::as_str).as_bytes(),
            layer.as_ref().map_or("", LayerId::as_str).as_bytes(),
            annotation.as_ref().map_or(&[][..], |id: &AnnotationId| id.as_bytes()),
            &after.0.to_be_bytes(),
            &[u8::from(*newest_first)],
        ],
    )
}
