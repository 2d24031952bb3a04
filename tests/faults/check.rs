//! What is there after a fault, compared with what was acknowledged.

use std::collections::{BTreeMap, HashMap, HashSet};

use spandrel::proto::v1;
use tonic::Status;

use crate::{
    ledger::{Ledger, Resource, Resources, Write, text_of},
    server::{PATIENCE, Running},
    support::Client,
    workload::{Workload, contended_names, is_shared, without_text},
};

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Acknowledged writes that it looked for.
    pub checked: u64,
    /// Articles among them with a text of at least a mebibyte.
    pub long_articles: u64,
    /// Acknowledged writes that are not there, or not as they were answered, and what nobody wrote.
    pub lost: Vec<String>,
    /// Commits of which a part is there.
    pub torn: Vec<String>,
}

/// Remembers between the rounds what may never come again.
#[derive(Debug, Default)]
pub struct Checker {
    /// Of each project by its uid: the newest commit that was acknowledged.
    revisions: HashMap<String, HashSet<u64>>,
    contended: BTreeMap<String, v1::Annotation>,
    etags: HashSet<String>,
}

/// Everything that a server answers.
pub async fn read_all(client: &Client, findings: &mut Findings) -> Result<Resources, Status> {
    let mut all = Resources::new();
    for project in pages_of_projects(client).await? {
        for article in pages_of_articles(client, &project.name).await? {
            let request = v1::GetArticleRequest { name: article.name.clone(), view: 0, text_revision: 0 };
            let full = client.send(request).await?;
            if full.text != text_of(&full.source_uri) {
                findings.lost.push(format!("the text of {} is another one", full.name));
            }
            all.insert(article.name.clone(), without_text(full));
        }
        let request = v1::StreamAnnotationsRequest { parent: project.name.clone(), ..Default::default() };
        let mut stream = client.clone().annotations.stream_annotations(request).await?.into_inner();
        while let Some(message) = stream.message().await? {
            for annotation in message.annotations {
                if annotation.revision > project.revision {
                    findings.lost.push(format!("{} is newer than its project", annotation.name));
                }
                let name = annotation.name.clone();
                if all.insert(name, Resource::Annotation(annotation.clone())).is_some() {
                    findings.lost.push(format!("{} stands twice", annotation.name));
                }
            }
        }
        all.insert(project.name.clone(), Resource::Project(project));
    }
    Ok(all)
}

async fn pages_of_projects(client: &Client) -> Result<Vec<v1::Project>, Status> {
    let mut request = v1::ListProjectsRequest { page_size: 1_000, ..Default::default() };
    let mut all = Vec::new();
    loop {
        let page = client.send(request.clone()).await?;
        all.extend(page.projects);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn pages_of_articles(client: &Client, project: &str) -> Result<Vec<v1::Article>, Status> {
    let mut request =
        v1::ListArticlesRequest { parent: project.to_owned(), page_size: 1_000, ..Default::default() };
    let mut all = Vec::new();
    loop {
        let page = client.send(request.clone()).await?;
        all.extend(page.articles);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

impl Checker {
    /// Compares what a server answers with what its clients know, and makes the ledgers agree with it.
    pub async fn check(&mut self, server: &Running, workload: &mut Workload) -> Findings {
        let mut findings = Findings::default();
        let client = server.client().await;
        let read = tokio::time::timeout(PATIENCE, read_all(&client, &mut findings)).await;
        let mut found = match read {
            Ok(Ok(found)) => found,
            Ok(Err(status)) => {
                findings.lost.push(format!("what is there cannot be read: {status:?}"));
                return findings;
            }
            Err(_) => {
                findings.lost.push("reading what is there hangs".to_owned());
                return findings;
            }
        };
        self.check_revisions(&found, workload, &mut findings);
        self.check_contended(&found, workload, &mut findings);
        findings.checked = workload.progress.acknowledged.take();
        findings.long_articles = workload.progress.long_articles.take();
        for ledger in &mut workload.ledgers {
            findings.lost.append(&mut ledger.surprises);
            settle(ledger, &found, &mut findings);
            compare(ledger, &mut found, &mut findings);
            check_gets(ledger, &client, &mut findings).await;
        }
        for name in found.keys().filter(|name| !is_shared(name)) {
            findings.lost.push(format!("{name} is there, and was deleted or never made"));
        }
        findings
    }

    /// No two acknowledged commits have one revision, in this round or ever, and the head is behind none of them.
    fn check_revisions(&mut self, found: &Resources, workload: &mut Workload, findings: &mut Findings) {
        for (name, revision) in workload.ledgers.iter_mut().flat_map(|ledger| ledger.revisions.drain(..)) {
            // Of a project that is gone nothing can be said.
            let Some(Resource::Project(project)) = found.get(&name) else { continue };
            if !self.revisions.entry(project.uid.clone()).or_default().insert(revision) {
                findings.lost.push(format!("revision {revision} of {name} was given to two commits"));
            }
            if revision > project.revision {
                findings
                    .lost
                    .push(format!("revision {revision} of {name} is behind its head {}", project.revision));
            }
        }
    }

    /// What all wrote to is as its last commit left it, and no etag was good for two of them.
    fn check_contended(&mut self, found: &Resources, workload: &mut Workload, findings: &mut Findings) {
        for (etag, answer) in workload.ledgers.iter_mut().flat_map(|ledger| ledger.contended.drain(..)) {
            if !self.etags.insert(format!("{} {etag}", answer.name)) {
                findings.lost.push(format!("{} was changed twice from {etag}", answer.name));
            }
            let last = self.contended.entry(answer.name.clone()).or_insert_with(|| answer.clone());
            if last.revision < answer.revision {
                *last = answer;
            }
        }
        for name in contended_names() {
            let Some(Resource::Annotation(annotation)) = found.get(&name) else {
                findings.lost.push(format!("{name} is gone"));
                continue;
            };
            let last = self.contended.get(&name);
            let is_pending = workload.ledgers.iter().flat_map(|ledger| &ledger.pending).any(|write| {
                write.name == name
                    && write
                        .after
                        .as_ref()
                        .is_some_and(|after| Resource::Annotation(annotation.clone()).is_like(after))
            });
            let is_newer = last.is_none_or(|last| last.revision < annotation.revision);
            if last.is_some_and(|last| last != annotation) && !(is_pending && is_newer) {
                findings.lost.push(format!("{annotation:?} is not what was answered last: {last:?}"));
            }
            self.contended.insert(name, annotation.clone());
        }
        for ledger in &mut workload.ledgers {
            ledger.pending.retain(|write| !is_shared(&write.name));
        }
    }
}

/// Finds out what became of the call whose answer was lost.
fn settle(ledger: &mut Ledger, found: &Resources, findings: &mut Findings) {
    let pending = std::mem::take(&mut ledger.pending);
    let happened = |write: &Write| match (&write.after, found.get(&write.name)) {
        (Some(requested), Some(found)) => found.is_like(requested),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let (did, did_not): (Vec<_>, Vec<_>) = pending.into_iter().partition(happened);
    if !did.is_empty() && !did_not.is_empty() {
        let names = |writes: &[Write]| writes.iter().map(|write| write.name.clone()).collect::<Vec<_>>();
        findings.torn.push(format!("{:?} happened and {:?} did not", names(&did), names(&did_not)));
    }
    for write in did {
        match found.get(&write.name) {
            Some(resource) => ledger.stand(resource.clone()),
            None => ledger.fall(&write.name),
        }
    }
}

/// Compares what stands with what is found, and takes it from there.
fn compare(ledger: &mut Ledger, found: &mut Resources, findings: &mut Findings) {
    let mut missing = Vec::new();
    for (name, expected) in &mut ledger.standing {
        match (found.remove(name), &mut *expected) {
            (Some(Resource::Project(mut found)), Resource::Project(expected)) => {
                if found.revision < expected.revision {
                    findings.lost.push(format!("the head of {name} went back"));
                }
                expected.revision = 0;
                found.revision = 0;
                if *expected != found {
                    findings.lost.push(format!("{found:?} is not {expected:?}"));
                }
            }
            (Some(found), expected) if found != *expected => {
                findings.lost.push(format!("{found:?} is not {expected:?}"));
                *expected = found;
            }
            (Some(_), _) => {}
            (None, _) => missing.push(name.clone()),
        }
    }
    for name in missing {
        findings.lost.push(format!("{name} is gone"));
        ledger.standing.remove(&name);
    }
}

/// What stands by name is what stands in the lists.
async fn check_gets(ledger: &mut Ledger, client: &Client, findings: &mut Findings) {
    let annotations: Vec<_> = ledger.annotations().into_iter().cloned().collect();
    for _ in 0..annotations.len().min(10) {
        let expected = ledger.seeded.pick(&annotations);
        match client.get(&expected.name).await {
            Ok(found) if found == *expected => {}
            other => findings.lost.push(format!("{} was answered with {other:?}", expected.name)),
        }
    }
}
