//! What the logs of a server hold, collected while it runs and after each start.

use std::collections::BTreeMap;

use spandrel::{
    domain::{
        annotations as domain_annotations, articles as domain_articles, projects as domain_projects,
        requests::Request,
    },
    store::{
        engine::{self, Partition, Revision},
        records::{self, ResourceChange},
    },
};

use crate::{
    calls::{Annotation, Article, Change, Commit, Etag, Project, Text},
    history::Life,
};

/// A commit, and when it was first seen.
type Seen = (engine::Commit, u64);

/// Every commit that was ever durable, of every partition.
#[derive(Debug, Default)]
pub struct Logs {
    commits: BTreeMap<Partition, Vec<Seen>>,
    /// What is wrong with what came.
    pub wrong: Vec<String>,
}

impl Logs {
    /// Takes a commit that is durable now.
    pub fn add(&mut self, partition: Partition, commit: &engine::Commit, now: u64) {
        let commits = self.commits.entry(partition).or_default();
        let expected = commits.last().map_or(1, |(last, _)| last.stamp.revision.0 + 1);
        if commit.stamp.revision.0 != expected {
            self.wrong.push(format!("{partition:?} published {commit:?} where {expected} was next"));
        }
        commits.push((commit.clone(), now));
    }

    /// Compares with a log that was read after a start, and that has forgotten what is up to `floor`.
    pub fn compare(&mut self, partition: Partition, floor: Revision, log: &[engine::Commit], now: u64) {
        let commits = self.commits.entry(partition).or_default();
        for commit in log {
            let revision = usize::try_from(commit.stamp.revision.0).unwrap();
            let plain = |commit: &engine::Commit| {
                let records: Vec<_> = commit.changes.iter().map(|change| change.record.clone()).collect();
                (commit.stamp, commit.origin, records)
            };
            match commits.get(revision - 1) {
                Some((published, _)) if plain(published) == plain(commit) => {}
                Some((published, _)) => self
                    .wrong
                    .push(format!("{partition:?} logged {commit:?} where {published:?} was published")),
                None if commits.len() == revision - 1 => commits.push((commit.clone(), now)),
                None => self.wrong.push(format!("{partition:?} has a log with a gap before {commit:?}")),
            }
        }
        if let Some((last, _)) = commits.last()
            && log.last().map_or(floor, |logged| logged.stamp.revision) < last.stamp.revision
        {
            self.wrong.push(format!("{partition:?} lost {last:?}, which was durable"));
        }
    }

    /// The requests that were carried out, and where.
    pub fn requests(&self) -> Vec<(Partition, Request)> {
        let commits = self.commits.iter().flat_map(|(partition, commits)| {
            commits.iter().map(|(commit, _)| (*partition, commit.origin.request))
        });
        commits.filter_map(|(partition, request)| Some((partition, request?))).collect()
    }

    /// The titles and labels that commits gave which undid nothing.
    pub fn given(&self) -> Vec<String> {
        let projects = self.commits.iter().filter(|(partition, _)| **partition != Partition::CATALOG);
        let commits = projects.flat_map(|(_, commits)| commits);
        let commits = commits.filter(|(commit, _)| commit.origin.undone.is_none());
        let changes = commits.flat_map(|(commit, _)| &commit.changes);
        let said = changes.filter_map(|change| {
            let (before, after) = match records::read_change(&change.record).unwrap() {
                ResourceChange::Project { before, after } => {
                    let title = |one: domain_projects::Project| one.details.display_name;
                    (before.map(title), after.map(title))
                }
                ResourceChange::Article { before, after, .. } => {
                    let title = |one: records::StoredArticle| one.article.details.title;
                    (before.map(title), after.map(title))
                }
                ResourceChange::Annotation { before, after, .. } => {
                    let label = |one: domain_annotations::Annotation| one.label.to_string();
                    (before.map(label), after.map(label))
                }
                // No client there sets, declares or submits any.
                ResourceChange::LabelSchema { .. }
                | ResourceChange::Layer { .. }
                | ResourceChange::ArticleLayer { .. } => (None, None),
            };
            if before == after { None } else { after }
        });
        said.collect()
    }

    /// The lives of all projects.
    pub fn lives(&self) -> Vec<Life> {
        let lives = self.commits.iter().filter(|(partition, _)| **partition != Partition::CATALOG);
        lives.filter_map(|(_, commits)| life(commits)).collect()
    }
}

fn life(commits: &[Seen]) -> Option<Life> {
    let first = records::read_change(&commits.first()?.0.changes.first()?.record).unwrap();
    let ResourceChange::Project { after: Some(project), .. } = first else {
        panic!("{first:?} begins a project")
    };
    let (etag, id) = (Etag::parse(&project.etag().to_string()).life, project.id.to_string());
    let commits = commits.iter().map(|(commit, seen)| Commit {
        revision: commit.stamp.revision.0,
        time: commit.stamp.time.0,
        seen: *seen,
        changes: commit.changes.iter().map(|change| change_of(&change.record, &project)).collect(),
    });
    Some(Life { project: id, etag, commits: commits.collect() })
}

fn change_of(record: &[u8], of: &domain_projects::Project) -> Change {
    match records::read_change(record).unwrap() {
        ResourceChange::Project { before, after } => {
            let one = |one: Option<domain_projects::Project>| one.as_ref().map(project);
            Change::Project { before: one(before), after: one(after) }
        }
        ResourceChange::Article { cascaded: _, number, before, after } => {
            let one = |one: Option<records::StoredArticle>| one.map(|one| article(of, &one.article));
            Change::Article { number: number.0, before: one(before), after: one(after) }
        }
        change @ (ResourceChange::LabelSchema { .. }
        | ResourceChange::Layer { .. }
        | ResourceChange::ArticleLayer { .. }) => {
            panic!("no client there sets schemas, declares or submits layers: {change:?}")
        }
        ResourceChange::Annotation { number: _, article, id, before, after, cascaded: _ } => {
            let one = |one: Option<domain_annotations::Annotation>| {
                one.map(|one| annotation(article.as_str(), of.uid, &one))
            };
            let (before, after) = (one(before), one(after));
            Change::Annotation { article: article.to_string(), id: id.to_string(), before, after }
        }
    }
}

/// A project in plain values.
pub fn project(project: &domain_projects::Project) -> Project {
    Project {
        id: project.id.to_string(),
        title: project.details.display_name.clone(),
        etag: Etag::parse(&project.etag().to_string()),
        created: project.create_time.0,
        updated: project.update_time.0,
    }
}

fn article(of: &domain_projects::Project, article: &domain_articles::Article) -> Article {
    article_of(of.uid, article, None)
}

/// An article in plain values.
pub fn article_of(
    uid: spandrel::domain::revisions::ProjectUid,
    article: &domain_articles::Article,
    text: Option<Text>,
) -> Article {
    Article {
        id: article.id.to_string(),
        title: article.details.title.clone(),
        text_bytes: usize::try_from(article.text.length.utf8).unwrap(),
        text,
        etag: Etag::parse(&article.etag(uid).to_string()),
        created: article.create_time.0,
        updated: article.update_time.0,
    }
}

/// An annotation in plain values.
pub fn annotation(
    article: &str,
    uid: spandrel::domain::revisions::ProjectUid,
    annotation: &domain_annotations::Annotation,
) -> Annotation {
    let offset = |offset: u32| usize::try_from(offset).unwrap();
    let mention = annotation.target.mention().unwrap();
    let spans = mention.anchor.spans().iter();
    Annotation {
        article: article.to_owned(),
        id: annotation.id.to_string(),
        layer: annotation.layer.to_string(),
        label: annotation.label.to_string(),
        spans: spans.map(|span| (offset(span.start.utf8), offset(span.end.utf8))).collect(),
        quotes: mention.quotes.clone(),
        etag: Etag::parse(&annotation.etag(uid).to_string()),
        created: annotation.create_time.0,
        updated: annotation.update_time.0,
    }
}
