//! Clients that try again until they know: after a loss of power, a failed disk, or only because they are impatient, and
//! sometimes twice at once. What each asks for happens once at most, and whoever is answered is answered the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use spandrel::{
    app::{
        App,
        annotation_commits::{Write, WriteOp, Written},
        article_commits::{ArticleUpdate, NewArticle},
        contents::{Content, TargetRequest},
        projects::{Deletion, ProjectUpdate},
    },
    domain::{
        Problem, Result,
        annotations::Label,
        articles::ArticleDetails,
        details::Mask,
        ids::{AnnotationName, ArticleName, ProjectId, ProjectName},
        projects::ProjectDetails,
        requests::{Method, Request, RequestId},
        revisions::Revision,
        spans::SpanRequest,
        text::Utf8Range,
    },
    store::engine::{At, Attempt, Mode},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    disk::{Failure, Faults},
    seeded::Seeded,
    server::{self, Machine, Server, settle},
};

/// The project that everything happens in, beside the creations and deletions of others.
const HOME: &str = "home";
/// How long a text is that is staged.
const LONG_TEXT_BYTES: usize = 300 * 1_024;

/// What somebody wants.
#[derive(Debug, Clone)]
enum Op {
    CreateProject { id: Option<String> },
    UpdateProject { id: String },
    DeleteProject { id: String, allow_missing: bool },
    CreateArticle { id: Option<String>, text_bytes: usize },
    UpdateArticle { id: String, is_masked: bool },
    DeleteArticle { id: String, allow_missing: bool },
    Mark { article: String },
    Unmark { name: AnnotationName },
    Undo { revision: u64 },
}

/// What came of a try. An answer in words, so that it is easily compared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    Answer(String),
    Refusal(String),
    /// Nobody knows whether it was done.
    Trouble,
}

#[derive(Debug, Clone)]
struct Wish {
    op: Op,
    request: Request,
    /// Written into what it makes, and into nothing else.
    label: String,
    answer: Option<String>,
    is_refused: bool,
}

/// What is heard of tries that have ended.
#[derive(Debug, Default)]
struct Ended {
    /// Of which wish, whether that was answered when the try began, and what came of it.
    tries: Vec<(usize, bool, Came)>,
    /// Annotations that were made.
    made: Vec<AnnotationName>,
}

struct Story {
    dice: Seeded,
    machine: Arc<Machine>,
    wishes: Vec<Wish>,
    ended: Arc<Mutex<Ended>>,
    counts: Counts,
}

/// What happened in all stories.
#[derive(Debug, Default)]
struct Counts {
    wishes: usize,
    answered: usize,
    /// Tries that were answered as one before them.
    again: usize,
    troubles: usize,
    undone: usize,
}

fn project(id: &str) -> ProjectName {
    ProjectName { project: ProjectId::parse("id", id).unwrap() }
}

fn article(id: &str) -> ArticleName {
    project(HOME).article(spandrel::domain::ids::ArticleId::parse("id", id).unwrap())
}

async fn carry_out(app: &Arc<App>, wish: &Wish, ended: &Mutex<Ended>) -> Came {
    match answer(app, wish, ended).await {
        Ok(answer) => Came::Answer(answer),
        Err(error) => match error.problem {
            Problem::StorageUnavailable(_)
            | Problem::StorageCorrupt(_)
            | Problem::ShuttingDown
            | Problem::Overloaded => Came::Trouble,
            _ => Came::Refusal(error.to_string()),
        },
    }
}

async fn answer(app: &Arc<App>, wish: &Wish, ended: &Mutex<Ended>) -> Result<String> {
    let attempt = Attempt { mode: Mode::Apply, request: Some(wish.request) };
    let project_details = || ProjectDetails { display_name: wish.label.clone(), ..ProjectDetails::default() };
    let details = || ArticleDetails { title: wish.label.clone(), ..ArticleDetails::default() };
    let etag = String::new();
    Ok(match wish.op.clone() {
        Op::CreateProject { id } => {
            let id = id.map(|id| project(&id).project);
            format!("{:?}", app.create_project(id, project_details(), attempt).await?)
        }
        Op::UpdateProject { id } => {
            let (name, mask) = (project(&id), Mask::Everything);
            let update = ProjectUpdate { name, details: project_details(), mask, etag, allow_missing: true };
            format!("{:?}", app.update_project(update, attempt).await?)
        }
        Op::DeleteProject { id, allow_missing } => {
            let deletion = Deletion { name: project(&id), etag, force: true, allow_missing };
            app.delete_project(deletion, attempt).await?;
            String::new()
        }
        Op::CreateArticle { id, text_bytes } => {
            let id = id.map(|id| article(&id).article);
            let new = NewArticle {
                path: String::new(),
                id,
                details: details(),
                text: "x".repeat(text_bytes),
                create_time: None,
            };
            let created = app.create_articles(&project(HOME), vec![new], attempt).await?;
            format!("{:?} {:?}", created.revision, created.value[0].article)
        }
        Op::UpdateArticle { id, is_masked } => {
            let mask = if is_masked { Mask::Only(Vec::new()) } else { Mask::Everything };
            let (name, text) = (article(&id), "a text of no importance".to_owned());
            let update = ArticleUpdate { name, details: details(), text, mask, etag, allow_missing: true };
            let updated = app.update_article(update, attempt).await?;
            format!("{:?} {:?}", updated.revision, updated.value.article)
        }
        Op::DeleteArticle { id, allow_missing } => {
            let deletion = Deletion { name: article(&id), etag, force: true, allow_missing };
            app.delete_article(deletion, attempt).await?;
            String::new()
        }
        Op::Mark { article: of } => {
            let utf8 = Some(Utf8Range { start: 0, end: 4 });
            let content = Content {
                label: Some(Label::parse("label", &wish.label).unwrap()),
                target: Some(TargetRequest::Spans(vec![SpanRequest { utf8, ..SpanRequest::default() }])),
                ..Content::default()
            };
            // Without an id, so that two of them would not meet.
            let written = write(app, article(&of), WriteOp::Create { id: None, content }, attempt).await?;
            ended.lock().unwrap().made.extend(written.value.iter().map(|written| written.name.clone()));
            format!("{written:?}")
        }
        Op::Unmark { name } => {
            let op = WriteOp::Delete { id: name.annotation, etag, allow_missing: false, force: false };
            format!("{:?}", write(app, name.article, op, attempt).await?)
        }
        Op::Undo { revision } => {
            let undone = app.undo_commit(&project(HOME), Revision(revision), attempt).await?;
            let records = undone.commit.changes.iter().map(|change| &change.record);
            format!("{:?} {:?}", undone.commit.stamp, records.collect::<Vec<_>>())
        }
    })
}

async fn write(
    app: &Arc<App>,
    article: ArticleName,
    op: WriteOp,
    attempt: Attempt,
) -> Result<At<Vec<Written>>> {
    let writes = vec![Write { path: String::new(), article, op }];
    app.commit_annotations(&project(HOME), writes, attempt).await
}

impl Story {
    fn new(seed: u64) -> Self {
        Self {
            dice: Seeded::new(seed),
            machine: Arc::default(),
            wishes: Vec::new(),
            ended: Arc::default(),
            counts: Counts::default(),
        }
    }

    fn start(&mut self) -> (Runtime, Server) {
        for _ in 0..3 {
            let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            match runtime.block_on(Server::start(&self.machine)) {
                Ok(server) => return (runtime, server),
                Err(_) => self.cut_power(),
            }
        }
        panic!("the server does not start");
    }

    /// Afterwards the disk does not fail any more.
    fn cut_power(&mut self) {
        self.machine.disk.set_faults(Faults::Never);
        self.machine.disk.cut_power(&mut self.dice);
    }

    fn op(&mut self) -> (Op, Method) {
        let mut one_of = |prefix: &str, count: usize| format!("{prefix}{}", self.dice.below(count));
        let (project, article) = (one_of("p", 3), one_of("a", 4));
        match self.dice.below(20) {
            0 => (Op::CreateProject { id: None }, Method::CreateProject),
            1 | 2 => (Op::CreateProject { id: Some(project) }, Method::CreateProject),
            3 => (Op::UpdateProject { id: project }, Method::UpdateProject),
            4 => {
                let allow_missing = self.dice.below(2) == 0;
                (Op::DeleteProject { id: project, allow_missing }, Method::DeleteProject)
            }
            5..=7 => {
                let id = (self.dice.below(3) > 0).then_some(article);
                let text_bytes = if self.dice.below(12) == 0 { LONG_TEXT_BYTES } else { 8 };
                (Op::CreateArticle { id, text_bytes }, Method::CreateArticle)
            }
            8 | 9 => {
                let is_masked = self.dice.below(2) == 0;
                (Op::UpdateArticle { id: article, is_masked }, Method::UpdateArticle)
            }
            10 | 11 => {
                let allow_missing = self.dice.below(2) == 0;
                (Op::DeleteArticle { id: article, allow_missing }, Method::DeleteArticle)
            }
            12 if !self.ended.lock().unwrap().made.is_empty() => {
                let name = self.dice.pick(&self.ended.lock().unwrap().made).clone();
                (Op::Unmark { name }, Method::DeleteAnnotation)
            }
            13..=15 => {
                let revision = 1 + u64::try_from(self.dice.below(1 + self.wishes.len())).unwrap();
                (Op::Undo { revision }, Method::UndoCommit)
            }
            _ => (Op::Mark { article }, Method::CreateAnnotation),
        }
    }

    fn wish(&mut self, op: Op, method: Method) -> usize {
        let id = [self.dice.number().to_be_bytes(), self.dice.number().to_be_bytes()].concat();
        let id = RequestId::from_bytes(id.try_into().unwrap()).unwrap();
        let (request, label) = (Request { id, method, body: [1; 16] }, format!("wish{}", self.wishes.len()));
        self.wishes.push(Wish { op, request, label, answer: None, is_refused: false });
        self.wishes.len() - 1
    }

    /// Begins a try of a wish, or two at once.
    fn send(&mut self, server: &Server, wish: usize, twice: bool) {
        for _ in 0..=usize::from(twice) {
            let (app, ended) = (Arc::clone(&server.app), Arc::clone(&self.ended));
            let (asked, was_answered) = (self.wishes[wish].clone(), self.wishes[wish].answer.is_some());
            tokio::spawn(async move {
                let came = carry_out(&app, &asked, &ended).await;
                ended.lock().unwrap().tries.push((wish, was_answered, came));
            });
        }
    }

    /// Compares what has ended with what was answered before.
    fn hear(&mut self) {
        for (wish, was_answered, came) in std::mem::take(&mut self.ended.lock().unwrap().tries) {
            let wish = &mut self.wishes[wish];
            match (came, &wish.answer) {
                (Came::Trouble, _) => self.counts.troubles += 1,
                (Came::Answer(answer), Some(first)) => {
                    assert_eq!(answer, *first, "{wish:?}");
                    self.counts.again += 1;
                }
                (Came::Answer(answer), None) => wish.answer = Some(answer),
                (Came::Refusal(refusal), _) => {
                    assert!(!was_answered, "{wish:?} was answered before, and then: {refusal}");
                    wish.is_refused = true;
                }
            }
        }
    }

    async fn live(&mut self, mut server: Server) {
        if self.wishes.is_empty() {
            let home = self.wish(Op::CreateProject { id: Some(HOME.to_owned()) }, Method::CreateProject);
            self.send(&server, home, true);
            server::finish(&mut server.hand).await;
        }
        let is_broken = self.dice.below(3) == 0;
        if is_broken {
            let failure = *self.dice.pick(&[Failure::Error, Failure::Panic]);
            let dice = Seeded::new(self.dice.number());
            self.machine.disk.set_faults(Faults::Chance { reads: 0, writes: 40, failure, dice });
        }
        for _ in 0..20 + self.dice.below(80) {
            match self.dice.below(9) {
                0 | 1 => {
                    let (op, method) = self.op();
                    let (wish, twice) = (self.wish(op, method), self.dice.below(3) == 0);
                    self.send(&server, wish, twice);
                }
                2 | 3 => {
                    let (wish, twice) = (self.dice.below(self.wishes.len()), self.dice.below(3) == 0);
                    let unknown = |wish: &Wish| wish.answer.is_none() && !wish.is_refused;
                    if unknown(&self.wishes[wish]) || self.dice.below(4) == 0 {
                        self.send(&server, wish, twice);
                    }
                }
                4..=6 => drop(server.hand.read(0)),
                7 => drop(server.hand.apply(*self.dice.pick(&[1, 3, usize::MAX]))),
                _ => drop(server.hand.sync()),
            }
            settle().await;
            self.hear();
        }
        if self.dice.below(3) == 0 && !self.machine.disk.is_broken() {
            server::finish(&mut server.hand).await;
            self.hear();
            server.close().await;
        }
    }

    /// Everybody asks once more, and is answered.
    async fn last_time(&mut self, mut server: Server) -> Result<()> {
        for wish in 0..self.wishes.len() {
            self.send(&server, wish, false);
            if self.dice.below(3) == 0 {
                server::finish(&mut server.hand).await;
            }
        }
        server::finish(&mut server.hand).await;
        self.hear();
        for wish in &self.wishes {
            assert!(wish.answer.is_some() || wish.is_refused, "{wish:?} has not come to an end");
        }
        self.check_effects(&mut server).await
    }

    /// What was asked for is in the log once, and there once.
    async fn check_effects(&mut self, server: &mut Server) -> Result<()> {
        let mut carried_out = BTreeSet::new();
        for (partition, request) in self.machine.logs().requests() {
            let key = (partition, *request.id.as_bytes(), request.method.number());
            assert!(carried_out.insert(key), "{request:?} was carried out twice in {partition:?}");
        }
        let known: BTreeSet<_> = carried_out.iter().map(|(_, id, _)| *id).collect();
        for wish in &self.wishes {
            let is_known = known.contains(wish.request.id.as_bytes());
            assert_eq!(is_known, wish.answer.is_some(), "{wish:?}");
        }
        let mut given: BTreeMap<String, usize> = BTreeMap::new();
        for title in self.machine.logs().given() {
            *given.entry(title).or_default() += 1;
        }
        for wish in self.wishes.iter().filter(|wish| !matches!(wish.op, Op::Undo { .. })) {
            let times = given.get(&wish.label).copied().unwrap_or_default();
            assert!(times <= 1 && (times == 0 || wish.answer.is_some()), "{wish:?} was done {times} times");
        }
        server::finish(&mut server.hand).await;
        Ok(())
    }

    fn tell(mut self) -> Counts {
        for _ in 0..2 + self.dice.below(3) {
            let (runtime, server) = self.start();
            runtime.block_on(self.live(server));
            // What was not answered by now never is.
            drop(runtime);
            self.hear();
            self.cut_power();
        }
        let (runtime, server) = self.start();
        runtime.block_on(self.last_time(server)).unwrap();
        drop(runtime);
        assert_eq!(server::inspect(&self.machine.disk), Ok(()));
        assert_eq!(self.machine.logs().wrong, Vec::<String>::new());
        self.counts.wishes = self.wishes.len();
        self.counts.answered = self.wishes.iter().filter(|wish| wish.answer.is_some()).count();
        let is_undone = |wish: &&Wish| matches!(wish.op, Op::Undo { .. }) && wish.answer.is_some();
        self.counts.undone = self.wishes.iter().filter(is_undone).count();
        self.counts
    }
}

#[test]
fn who_tries_again_is_answered_the_same_and_nothing_is_done_twice() {
    crate::be_quiet();
    let seeds = match crate::number("SPANDREL_SEED") {
        Some(seed) => seed..seed + 1,
        None => crate::seeds(if crate::is_long() { 20_000 } else { 300 }),
    };
    let mut total = Counts::default();
    for seed in seeds {
        let told = std::panic::catch_unwind(|| Story::new(seed).tell());
        let Ok(counts) = told else {
            panic!(
                "again: SPANDREL_SEED={seed} cargo test --locked --test simulation \
                 who_tries_again_is_answered_the_same_and_nothing_is_done_twice"
            )
        };
        let Counts { wishes, answered, again, troubles, undone } = counts;
        total.wishes += wishes;
        total.answered += answered;
        total.again += again;
        total.troubles += troubles;
        total.undone += undone;
    }
    crate::say(&format!("retries: {total:?}"));
}
