//! What is no history is found out.

use crate::{
    calls::{
        Annotation, Answer, Article, Call, Change, Commit, Content, Etag, NewArticle, Outcome, Project, Text,
        Write, WriteOp,
    },
    history::{self, Event, Life},
};

fn etag(revision: u64) -> Etag {
    Etag { life: "life".to_owned(), revision }
}

fn project(revision: u64, title: &str) -> Project {
    let updated = i64::try_from(revision).unwrap();
    Project { id: "p".to_owned(), title: title.to_owned(), etag: etag(revision), created: 1, updated }
}

fn project_commit(revision: u64, before: Option<Project>, after: Option<Project>) -> Commit {
    commit(revision, vec![Change::Project { before, after }])
}

fn commit(revision: u64, changes: Vec<Change>) -> Commit {
    Commit { revision, time: i64::try_from(revision).unwrap(), seen: u64::MAX, changes }
}

fn update(title: &str, read: Option<u64>) -> Call {
    let (project, title) = ("p".to_owned(), title.to_owned());
    Call::UpdateProject {
        project,
        title,
        masked: true,
        etag: read.map(etag),
        allow_missing: false,
        check: false,
    }
}

fn updated(revision: u64, title: &str) -> Outcome {
    Outcome::Ok(Answer::Project(project(revision, title)), Some(revision))
}

fn read(at: u64, revision: u64, title: &str) -> Outcome {
    Outcome::Ok(Answer::Project(project(revision, title)), Some(at))
}

/// A project that is created and called `b` and then `c`, with what else clients did and what the log has more.
struct Case {
    events: Vec<Event>,
    commits: Vec<Commit>,
}

impl Case {
    fn new() -> Self {
        let case = Self { events: Vec::new(), commits: Vec::new() };
        let create = Call::CreateProject { project: "p".to_owned(), title: "a".to_owned(), check: false };
        case.event(1..2, create, updated(1, "a"))
            .event(3..4, update("b", None), updated(2, "b"))
            .event(5..6, update("c", Some(2)), updated(3, "c"))
            .commit(project_commit(1, None, Some(project(1, "a"))))
            .commit(project_commit(2, Some(project(1, "a")), Some(project(2, "b"))))
            .commit(project_commit(3, Some(project(2, "b")), Some(project(3, "c"))))
    }

    fn event(mut self, time: std::ops::Range<u64>, call: Call, outcome: Outcome) -> Self {
        let returned = (outcome != Outcome::Unknown).then_some(time.end);
        self.events.push(Event { client: self.events.len(), invoked: time.start, returned, call, outcome });
        self
    }

    fn commit(mut self, commit: Commit) -> Self {
        self.commits.push(commit);
        self
    }

    /// Expects that it is refused for a reason that says `wrong`, or is right when that is empty.
    #[track_caller]
    fn check(self, wrong: &str) {
        let Self { events, commits } = self;
        let lives = [Life { project: "p".to_owned(), etag: "life".to_owned(), commits }];
        match history::check(&events, &lives) {
            Ok(_) => assert_eq!(wrong, "", "this history is wrong and was taken for right"),
            Err(said) => assert!(!wrong.is_empty() && said.contains(wrong), "{said}"),
        }
    }

    /// The same with an article, and with a commit of two annotations on it, of which the log keeps so many.
    fn with_commit_of_two(kept: usize) -> Self {
        let text = Text("some text".to_owned());
        let new = NewArticle { id: "a".to_owned(), title: String::new(), text: text.clone() };
        let whole = Article {
            id: "a".to_owned(),
            title: String::new(),
            text_bytes: text.0.len(),
            text: Some(text),
            etag: etag(4),
            created: 4,
            updated: 4,
        };
        let basic = Article { text: None, ..whole.clone() };
        let annotation = |id: &str| Annotation {
            article: "a".to_owned(),
            id: id.to_owned(),
            layer: "default".to_owned(),
            label: "X".to_owned(),
            spans: vec![(0, 4)],
            quotes: vec!["some".to_owned()],
            etag: etag(5),
            created: 5,
            updated: 5,
        };
        let content = Content { layer: None, label: "X".to_owned(), spans: vec![(0, 4)] };
        let write = |id: &str| Write {
            article: "a".to_owned(),
            id: id.to_owned(),
            op: WriteOp::Create(content.clone()),
        };
        let change = |id: &str| Change::Annotation {
            article: "a".to_owned(),
            id: id.to_owned(),
            before: None,
            after: Some(annotation(id)),
        };
        let create = Call::CreateArticles { project: "p".to_owned(), articles: vec![new], check: false };
        let writes = vec![write("1"), write("2")];
        let commit_two = Call::CommitAnnotations { project: "p".to_owned(), writes, check: false };
        let written = Answer::Written(vec![Some(annotation("1")), Some(annotation("2"))]);
        Self::new()
            .event(7..8, create, Outcome::Ok(Answer::Articles(vec![whole]), Some(4)))
            .event(9..10, commit_two, Outcome::Ok(written, Some(5)))
            .commit(commit(4, vec![Change::Article { number: 1, before: None, after: Some(basic) }]))
            .commit(commit(5, ["1", "2"].map(change).into_iter().take(kept).collect()))
    }
}

#[test]
fn wrong_histories_are_refused() {
    let get = || Call::GetProject { project: "p".to_owned() };
    let delete = |allow_missing| Call::DeleteProject {
        project: "p".to_owned(),
        etag: None,
        force: true,
        allow_missing,
        check: false,
    };
    let fourth = || project_commit(4, Some(project(3, "c")), Some(project(4, "d")));
    let fifth = || project_commit(5, Some(project(4, "d")), Some(project(5, "d")));
    let missing = || Outcome::Refused("RESOURCE_NOT_FOUND".into());

    Case::new().check("");
    // A read beside a write sees the state before it or after it.
    Case::new().event(4..6, get(), read(2, 2, "b")).check("");
    Case::new().event(5..7, get(), read(3, 3, "c")).check("");
    // What nobody knows of happened once or not at all.
    Case::new().event(7..8, update("d", None), Outcome::Unknown).check("");
    Case::new().event(7..8, update("d", None), Outcome::Unknown).commit(fourth()).check("");
    Case::with_commit_of_two(2).check("");

    // A lost update: both were made to what stood at revision 3.
    Case::new().event(7..9, update("d", Some(2)), updated(4, "d")).commit(fourth()).check("is nobody's");
    // An acknowledged write that is not there.
    Case::new().event(7..8, update("d", None), updated(4, "d")).check("commit 4 is lost");
    Case::new().event(7..8, delete(false), Outcome::Ok(Answer::Done, None)).check("is not in the log");
    Case::new().event(7..8, delete(true), Outcome::Ok(Answer::Done, None)).check("is not in the log");
    // A stale read.
    Case::new().event(7..8, get(), read(2, 2, "b")).check("not what stood at revision 2");
    // A read of what was not durable, and is not there in the end.
    Case::new().event(7..8, get(), read(4, 4, "d")).check("not what stood at revision 4");
    // A read of what is not begun yet.
    Case::new()
        .event(7..8, get(), read(4, 4, "d"))
        .event(9..10, update("d", None), updated(4, "d"))
        .commit(fourth())
        .check("not what stood at revision 4");
    // A read that answers something else than stands at its revision.
    Case::new().event(7..8, get(), read(3, 3, "b")).check("not what stood at revision 3");
    // One write that is applied twice.
    Case::new()
        .event(7..8, update("d", None), Outcome::Unknown)
        .commit(fourth())
        .commit(fifth())
        .check("commit 5 of p (life) is nobody's");
    // A write that was refused and done all the same.
    Case::new().event(7..8, update("d", Some(3)), missing()).commit(fourth()).check("is nobody's");
    // A torn commit.
    Case::with_commit_of_two(1).check("commit 5 of p (life) is nobody's");
    // A commit that nobody asked for.
    Case::new().commit(fourth()).check("commit 4 of p (life) is nobody's");
    // A revision that is left out.
    Case::new().commit(fifth()).check("follows 3");
    // Time that goes back.
    Case::new()
        .event(7..8, update("d", None), Outcome::Unknown)
        .commit(Commit { time: 1, ..fourth() })
        .check("goes back in time");
    // A refusal for what was not so at any time between.
    Case::new().event(7..8, get(), missing()).check("no state refuses it for that");
    Case::new()
        .event(7..8, update("d", Some(3)), Outcome::Refused("ETAG_MISMATCH".into()))
        .check("no state refuses it for that");
    // A write that is ordered before one that was acknowledged before it began.
    let mut late = Case::new();
    (late.events[1].invoked, late.events[1].returned) = (7, Some(8));
    late.check("was known before it began");
    // A project that is created twice.
    let create = Call::CreateProject { project: "p".to_owned(), title: "d".to_owned(), check: false };
    Case::new().event(7..8, create, updated(1, "d")).check("commit 1 is lost");
    // A list that leaves out what is there.
    let none = Outcome::Ok(Answer::Projects(Vec::new()), None);
    Case::new().event(7..8, Call::ListProjects, none).check("p is not listed");
}
