//! What seeds have found, told one by one.

use std::sync::Arc;

use spandrel::domain::Problem;
use tokio::{runtime::Builder, task::JoinHandle};

use crate::{
    calls::{Answer, Call, NewArticle, Outcome, Text},
    clients,
    disk::{Failure, Faults},
    server::{self, Machine, Server, settle},
};

/// A server over an empty disk, whose hand the story moves.
struct Story {
    machine: Arc<Machine>,
    server: Server,
}

impl Story {
    /// Tells a story to its end, after which the disk is as it should be.
    fn tell(tell: impl AsyncFnOnce(&mut Self)) {
        crate::be_quiet();
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let machine = Arc::default();
            let server = Server::start(&machine).await.unwrap();
            let mut story = Self { machine, server };
            tell(&mut story).await;
            server::finish(&mut story.server.hand).await;
            assert_eq!(server::inspect(&story.machine.disk), Ok(()));
            assert_eq!(story.machine.logs().wrong, Vec::<String>::new());
        });
    }

    /// Begins a call, which goes on by itself as far as it can.
    async fn begin(&self, call: Call) -> JoinHandle<Outcome> {
        let app = Arc::clone(&self.server.app);
        let begun = tokio::spawn(async move { clients::carry_out(&app, &call).await.outcome });
        settle().await;
        begun
    }

    /// Does all that waits.
    async fn end(&mut self, call: JoinHandle<Outcome>) -> Outcome {
        server::finish(&mut self.server.hand).await;
        assert!(call.is_finished(), "a call is never answered");
        call.await.unwrap()
    }

    async fn call(&mut self, call: Call) -> Outcome {
        let begun = self.begin(call).await;
        self.end(begun).await
    }

    /// Runs the reads that wait, and no write.
    async fn read_all(&mut self) {
        while self.server.hand.read(0) {
            settle().await;
        }
    }
}

fn create_project() -> Call {
    Call::CreateProject { project: "p".to_owned(), title: "first".to_owned(), check: false }
}

fn update_project(title: &str) -> Call {
    let (project, title) = ("p".to_owned(), title.to_owned());
    Call::UpdateProject { project, title, masked: true, etag: None, allow_missing: true, check: false }
}

fn delete_project(allow_missing: bool) -> Call {
    Call::DeleteProject { project: "p".to_owned(), etag: None, force: true, allow_missing, check: false }
}

fn article(title: &str) -> NewArticle {
    NewArticle { id: "a".to_owned(), title: title.to_owned(), text: Text("text".to_owned()) }
}

fn create_article() -> Call {
    Call::CreateArticles { project: "p".to_owned(), articles: vec![article("first")], check: false }
}

fn update_article(title: &str) -> Call {
    Call::UpdateArticle {
        project: "p".to_owned(),
        new: article(title),
        masked: true,
        etag: None,
        allow_missing: true,
        check: false,
    }
}

fn delete_article(allow_missing: bool) -> Call {
    Call::DeleteArticle {
        project: "p".to_owned(),
        article: "a".to_owned(),
        etag: None,
        force: true,
        allow_missing,
        check: false,
    }
}

/// The revision that a call was answered with, when it was done.
#[track_caller]
fn revision(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Ok(_, revision) => *revision,
        other => panic!("{other:?}"),
    }
}

/// Both find nothing. Who comes second was once told that the article exists, which he had allowed for.
#[test]
fn two_updates_that_may_create_an_article_do_not_refuse_each_other() {
    Story::tell(async |story| {
        story.call(create_project()).await;
        let one = story.begin(update_article("one")).await;
        let other = story.begin(update_article("other")).await;
        story.read_all().await;
        assert_eq!(revision(&story.end(one).await), Some(2));
        assert_eq!(revision(&story.end(other).await), Some(3));
    });
}

/// The update finds the article, which is deleted before it can be changed: then there is one to create.
#[test]
fn an_update_that_may_create_an_article_outlives_its_delete() {
    Story::tell(async |story| {
        story.call(create_project()).await;
        story.call(create_article()).await;
        let delete = story.begin(delete_article(false)).await;
        let update = story.begin(update_article("again")).await;
        story.read_all().await;
        assert_eq!(story.end(delete).await, Outcome::Ok(Answer::Done, None));
        assert_eq!(revision(&story.end(update).await), Some(4));
    });
}

#[test]
fn two_updates_that_may_create_a_project_do_not_refuse_each_other() {
    Story::tell(async |story| {
        let one = story.begin(update_project("one")).await;
        let other = story.begin(update_project("other")).await;
        assert_eq!(revision(&story.end(one).await), Some(1));
        assert_eq!(revision(&story.end(other).await), Some(2));
    });
}

#[test]
fn a_lenient_delete_of_a_project_does_not_mind_who_deletes_it() {
    Story::tell(async |story| {
        story.call(create_project()).await;
        let one = story.begin(delete_project(false)).await;
        let other = story.begin(delete_project(true)).await;
        assert_eq!(story.end(one).await, Outcome::Ok(Answer::Done, None));
        assert_eq!(story.end(other).await, Outcome::Ok(Answer::Done, None));
    });
}

/// That the article may be missing does not say that the project may: while its project was deleted, the delete of an
/// article that was there was once answered as done, and nothing had deleted it.
#[test]
fn a_lenient_delete_of_an_article_minds_that_its_project_is_gone() {
    Story::tell(async |story| {
        story.call(create_project()).await;
        story.call(create_article()).await;
        let lenient = story.begin(delete_article(true)).await;
        let project = story.begin(delete_project(false)).await;
        story.read_all().await;
        assert_eq!(story.end(project).await, Outcome::Ok(Answer::Done, None));
        assert_eq!(story.end(lenient).await, Outcome::Refused("RESOURCE_NOT_FOUND".into()));
    });
}

/// It finds the article, which another one deletes first. An empty commit was once written for it.
#[test]
fn a_lenient_delete_of_an_article_that_comes_second_writes_nothing() {
    Story::tell(async |story| {
        story.call(create_project()).await;
        story.call(create_article()).await;
        let one = story.begin(delete_article(false)).await;
        let other = story.begin(delete_article(true)).await;
        story.read_all().await;
        assert_eq!(story.end(one).await, Outcome::Ok(Answer::Done, None));
        assert_eq!(story.end(other).await, Outcome::Ok(Answer::Done, None));
        assert_eq!(revision(&story.call(create_article()).await), Some(4));
    });
}

/// An article is being created, and its numbers are not reserved yet, while its project is deleted and swept. The
/// reservation was once written all the same, as a row that no start would ever have swept.
#[test]
fn nothing_is_written_to_a_project_that_was_swept() {
    Story::tell(async |story| {
        story.call(create_project()).await;
        let create = story.begin(create_article()).await;
        let delete = story.begin(delete_project(false)).await;
        while story.server.hand.apply(usize::MAX) {
            story.server.hand.sync();
            settle().await;
        }
        assert_eq!(story.end(delete).await, Outcome::Ok(Answer::Done, None));
        assert_eq!(story.end(create).await, Outcome::Refused("RESOURCE_NOT_FOUND".into()));
    });
}

/// What is known of a partition is read with its first use, where a panic of the storage once ended the thread that
/// read; with the last of these threads, nobody was ever answered again.
#[test]
fn a_panic_at_the_first_look_at_a_partition_is_an_answer() {
    crate::be_quiet();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let machine: Arc<Machine> = Arc::default();
        machine.disk.set_faults(Faults::At(1, Failure::Panic));
        let error = Server::start(&machine).await.map(drop).unwrap_err();
        assert!(matches!(error.problem, Problem::StorageCorrupt(_)), "{error}");
        Server::start(&machine).await.unwrap();
    });
}
