//! What there is at the end, and how it came about: read from the server in each way that it can be read.

use std::collections::BTreeMap;

use spandrel::proto::v1::{self, resource::Kind};

use crate::{
    follower::{Follower, digest},
    replica::{Filter, Replica},
    stage::P,
    support::Client,
};

/// See the [module](self).
pub struct Truth {
    state: Replica,
    log: Vec<v1::Changes>,
}

impl Truth {
    pub async fn read(client: &Client, last: u64) -> Self {
        let log = log(client, Filter::default()).await;
        let revisions: Vec<_> = log.iter().map(|commit| commit.revision).collect();
        assert_eq!(revisions, (1..=last).collect::<Vec<_>>(), "revisions are dense");
        let time = |commit: &v1::Changes| commit.commit_time.map(|time| (time.seconds, time.nanos));
        assert!(log.is_sorted_by_key(time));
        Self { state: state(client).await, log }
    }

    pub fn log(&self) -> &[v1::Changes] {
        &self.log
    }

    /// Expects that a list with a filter is what the filter passes of all.
    pub async fn check_filter(&self, client: &Client, filter: Filter) {
        let expected = self.told(filter, 0);
        let listed = log(client, filter).await;
        let listed =
            listed.iter().map(|commit| (commit.revision, digest(&commit.request_id, commit.changes.iter())));
        assert!(listed.eq(expected), "{filter:?}");
    }

    /// What is to be told after a revision.
    fn told(&self, filter: Filter, after: u64) -> Vec<(u64, u64)> {
        let commits = self.log.iter().filter(|commit| commit.revision > after);
        let told = commits.filter_map(|commit| {
            let passing: Vec<_> = commit.changes.iter().filter(|change| filter.passes(change)).collect();
            (!passing.is_empty()).then(|| (commit.revision, digest(&commit.request_id, passing.into_iter())))
        });
        told.collect()
    }

    /// Expects that a follower was told everything once, and has what there is.
    pub fn check(&self, number: usize, follower: &Follower) {
        let filter = follower.filter;
        let expected = self.told(filter, follower.begun_after.unwrap());
        let revisions = |seen: &[(u64, u64)]| seen.iter().map(|(revision, _)| *revision).collect::<Vec<_>>();
        assert_eq!(revisions(&follower.seen), revisions(&expected), "{number} {filter:?}");
        assert_eq!(follower.seen, expected, "{number} {filter:?}");
        if !follower.has_all() {
            return;
        }
        let passing = |replica: &Replica| -> BTreeMap<_, _> {
            let held = replica.0.iter().filter(|(_, kind)| filter.holds(kind));
            held.map(|(name, kind)| (name.clone(), without_head(kind.clone()))).collect()
        };
        let (found, expected) = (passing(&follower.replica), passing(&self.state));
        for (name, kind) in &expected {
            assert_eq!(found.get(name), Some(kind), "{number} {filter:?}");
        }
        let more: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
        assert!(more.is_empty(), "{number} {filter:?} has what there is no more: {more:?}");
    }
}

/// A project is read with the head of its feed, and told with the commit that changed it.
fn without_head(kind: Kind) -> Kind {
    match kind {
        Kind::Project(project) => Kind::Project(v1::Project { revision: 0, ..project }),
        other => other,
    }
}

/// The log, the oldest first, which has to be the same the newest first.
async fn log(client: &Client, filter: Filter) -> Vec<v1::Changes> {
    let list = |order_by: &str, page_size: i32| v1::ListChangesRequest {
        parent: P.to_owned(),
        article: filter.article_name().unwrap_or_default(),
        layer: filter.layer.unwrap_or_default().to_owned(),
        order_by: order_by.to_owned(),
        page_size,
        ..Default::default()
    };
    let oldest = whole(client.list_changes(list("", 1_000)).await);
    // The parts of a commit come in their order both ways.
    let mut newest = whole(client.list_changes(list("revision desc", 77)).await);
    newest.reverse();
    assert!(oldest == newest, "the log is another when it is read from its end, with {filter:?}");
    oldest
}

/// Commits of which no part is for itself.
fn whole(parts: Vec<v1::Changes>) -> Vec<v1::Changes> {
    let mut commits: Vec<v1::Changes> = Vec::new();
    for part in parts {
        match commits.last_mut().filter(|last| last.continued) {
            Some(last) => {
                assert_eq!(last.revision, part.revision);
                last.changes.extend(part.changes);
                last.continued = part.continued;
            }
            None => commits.push(part),
        }
    }
    commits
}

/// What there is, by list and by stream.
async fn state(client: &Client) -> Replica {
    let mut state = Replica::default();
    let project = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
    state.put(Kind::Project(project));
    let mut annotations = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListArticlesRequest { parent: P.to_owned(), page_token, ..Default::default() };
        let page = client.send(request).await.unwrap();
        for article in page.articles {
            let request = v1::ListAnnotationsRequest {
                parent: article.name.clone(),
                page_size: 1_000,
                ..Default::default()
            };
            let listed = client.clone().list_all(request).await;
            annotations.extend(listed.into_iter().map(|annotation| (annotation.name.clone(), annotation)));
            state.put(Kind::Article(article));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let request = v1::StreamAnnotationsRequest { parent: P.to_owned(), ..Default::default() };
    let mut stream = client.annotations.clone().stream_annotations(request).await.unwrap().into_inner();
    let mut streamed = BTreeMap::new();
    while let Some(message) = stream.message().await.unwrap() {
        streamed
            .extend(message.annotations.into_iter().map(|annotation| (annotation.name.clone(), annotation)));
    }
    assert!(streamed == annotations, "streamed is not what is listed");
    for annotation in annotations.into_values() {
        state.put(Kind::Annotation(annotation));
    }
    state
}
