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

/// An article is created at 4 and deleted at 5, and one of that id created at 6 and deleted at 7; this was seen at 20,
/// 30, 40 and 50.
fn deleted_twice(second: &str) -> Case {
    let text = Text("some text".to_owned());
    let create = |id: &str| {
        let new = NewArticle { id: id.to_owned(), title: String::new(), text: text.clone() };
        Call::CreateArticles { project: "p".to_owned(), articles: vec![new], check: false }
    };
    let article = |id: &str, revision: u64| Article {
        id: id.to_owned(),
        title: String::new(),
        text_bytes: text.0.len(),
        text: None,
        etag: etag(revision),
        created: i64::try_from(revision).unwrap(),
        updated: i64::try_from(revision).unwrap(),
    };
    let created = |id, revision| {
        let whole = Article { text: Some(text.clone()), ..article(id, revision) };
        Outcome::Ok(Answer::Articles(vec![whole]), Some(revision))
    };
    let (one, other) = (Some(article("a", 4)), Some(article(second, 6)));
    let change = |number, before, after| vec![Change::Article { number, before, after }];
    Case::new()
        .event(11..21, create("a"), created("a", 4))
        .event(31..41, create(second), created(second, 6))
        .commit(Commit { seen: 20, ..commit(4, change(1, None, one.clone())) })
        .commit(Commit { seen: 30, ..commit(5, change(1, one, None)) })
        .commit(Commit { seen: 40, ..commit(6, change(2, None, other.clone())) })
        .commit(Commit { seen: 50, ..commit(7, change(2, other, None)) })
}

fn delete(article: &str, read: Option<u64>, allow_missing: bool) -> Call {
    let (project, article, etag) = ("p".to_owned(), article.to_owned(), read.map(etag));
    Call::DeleteArticle { project, article, etag, force: true, allow_missing, check: false }
}

#[test]
fn who_deleted_is_found_out() {
    let done = || Outcome::Ok(Answer::Done, None);
    let check = |one: (std::ops::Range<u64>, Call), other: (std::ops::Range<u64>, Call), wrong| {
        deleted_twice("a").event(one.0, one.1, done()).event(other.0, other.1, done()).check(wrong);
    };

    check((22..31, delete("a", None, false)), (42..51, delete("a", None, false)), "");
    // Who named what he deleted deleted that, though the other one was answered before him.
    check((22..70, delete("a", Some(4), false)), (23..60, delete("a", None, false)), "");
    // Who had to delete something deleted what the other one was too early for.
    check((22..60, delete("a", None, false)), (22..35, delete("a", None, true)), "");
    // Nobody but one was there in time.
    check(
        (22..60, delete("a", None, false)),
        (22..29, delete("a", None, true)),
        "commit 7 of p (life) is nobody's",
    );
}

#[test]
fn nobody_is_answered_from_a_commit_that_is_not_durable() {
    let get = || Call::GetProject { project: "p".to_owned() };
    let fourth = || Commit { seen: 20, ..project_commit(4, Some(project(3, "c")), Some(project(4, "d"))) };
    let case = || Case::new().event(7..30, update("d", None), updated(4, "d")).commit(fourth());
    case().event(8..21, get(), read(4, 4, "d")).check("");
    case().event(8..19, get(), read(4, 4, "d")).check("not what stood at revision 4");
}

/// Its articles are looked up one after another, and then all of it is decided: it may find two that never were there
/// together.
#[test]
fn a_commit_may_meet_several_states() {
    let write = |article: &str| {
        let op = WriteOp::Delete { etag: None, allow_missing: true };
        Write { article: article.to_owned(), id: "1".to_owned(), op }
    };
    let check = |time, writes: &[&str], reason: &'static str, wrong| {
        let writes = writes.iter().map(|article| write(article)).collect();
        let commit = Call::CommitAnnotations { project: "p".to_owned(), writes, check: false };
        let done = || Outcome::Ok(Answer::Done, None);
        deleted_twice("b")
            .event(22..31, delete("a", None, false), done())
            .event(42..51, delete("b", None, false), done())
            .event(time, commit, Outcome::Refused(reason.into()))
            .check(wrong);
    };
    let (twins, wrong) = ("FIELD_INVALID", "no state refuses it for that");
    check(21..60, &["a", "b", "b"], twins, "");
    check(21..60, &["a", "b", "a"], twins, "");
    check(21..60, &["b", "a", "b"], twins, wrong);
    check(32..60, &["a", "b", "b"], twins, wrong);
    check(21..60, &["a", "b"], twins, wrong);
}
