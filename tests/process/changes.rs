//! The commands that follow, list and undo changes, beside writers and a server that is killed.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use spandrel::{
    client::{self, RetryPolicy},
    proto::v1,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use crate::{
    command::{beside, spandrel},
    support::{Server, annotation, by_code_points, by_quote},
};

const A: &str = "projects/p/articles/a";
const TEXT: &str = "Zoë Müller moved to 東京 🗼 in 2019.";
const ANNOTATIONS: usize = 120;
/// The project and its article.
const COMMITS_BEFORE: u64 = 2;

/// One address for a server that comes back on another.
#[derive(Debug, Clone)]
struct Relay {
    address: String,
    to: Arc<Mutex<String>>,
}

impl Relay {
    async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let relay = Self { address, to: Arc::new(Mutex::new(server.address.clone())) };
        let to = Arc::clone(&relay.to);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = to.lock().unwrap().clone();
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(to).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        relay
    }

    fn turn_to(&self, server: &Server) {
        self.to.lock().unwrap().clone_from(&server.address);
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

/// A command that runs.
struct Running {
    child: Child,
    out: Lines,
    errors: Lines,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, errors) = (gather(child.stdout.take().unwrap()), gather(child.stderr.take().unwrap()));
        Self { child, out, errors }
    }

    fn out(&self) -> Vec<String> {
        self.out.lock().unwrap().clone()
    }

    fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap().clone()
    }

    /// Waits until it says so.
    async fn until(&self, what: &str, said: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !said(self) {
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "{what}: {:#?}\n{:#?}",
                self.out(),
                self.errors()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_it_follows(&self) {
        self.until("follows", |it| !it.errors().is_empty() || !it.out().is_empty()).await;
    }

    async fn end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "does not end: {:#?}", self.errors());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gather(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let gathered = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            gathered.lock().unwrap().push(line.unwrap());
        }
    });
    lines
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

/// The revisions of the commits that were told in JSON.
fn told_in_json(lines: &[String]) -> Vec<u64> {
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter_map(|event| Some(number(event.get("changes")?.get("revision")?))).collect()
}

/// The revisions of lines that people read.
fn told(lines: &[String]) -> Vec<u64> {
    lines
        .iter()
        .map(|line| line.split_whitespace().next().unwrap().replace(',', "").parse().unwrap())
        .collect()
}

/// Annotates, each annotation once whatever becomes of the server.
async fn annotate(relay: Relay) {
    let server = client::Server::parse(&relay.address).unwrap();
    let policy = RetryPolicy { tries_max: 100, time_max: Duration::from_mins(1), ..RetryPolicy::default() };
    let client = client::Client::connect(&server).await.unwrap().with_retry(policy);
    for number in 0..ANNOTATIONS {
        let request = v1::CreateAnnotationRequest {
            parent: A.to_owned(),
            annotation: Some(annotation(&format!("L{number}"), vec![by_code_points(0, 3)])),
            ..Default::default()
        };
        client.call(request).await.unwrap();
        // So that the server is killed meanwhile.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_watch_tells_each_commit_once_although_the_server_is_killed() {
    let mut server = Server::start();
    server.client_with_article(TEXT).await;
    let relay = Relay::to(&server).await;
    let readable = Running::start(&["--server", &relay.address, "watch", "p", "--earliest"]);
    let json = Running::start(&["--server", &relay.address, "--json", "watch", "p", "--after", "2"]);
    readable.until_it_follows().await;
    json.until_it_follows().await;

    let writer = tokio::spawn(annotate(relay.clone()));
    for round in [1_u8, 2] {
        let begun = u64::try_from(ANNOTATIONS).unwrap() / 4 * u64::from(round);
        // Both, so that each is cut off once more.
        readable.until("goes on", |it| told(&it.out()).last() > Some(&begun)).await;
        json.until("goes on", |it| told_in_json(&it.out()).last() > Some(&begun)).await;
        server.kill();
        for watch in [&readable, &json] {
            watch
                .until("says that it is cut off", |it| {
                    it.errors().iter().filter(|line| line.ends_with("; reconnecting")).count()
                        == usize::from(round)
                })
                .await;
        }
        server.start_again();
        relay.turn_to(&server);
    }
    writer.await.unwrap();

    let last = COMMITS_BEFORE + u64::try_from(ANNOTATIONS).unwrap();
    readable.until("is at the end", |it| told(&it.out()).last() >= Some(&last)).await;
    json.until("is at the end", |it| told_in_json(&it.out()).last() >= Some(&last)).await;
    assert_eq!(told(&readable.out()), (1..=last).collect::<Vec<_>>());
    assert_eq!(told_in_json(&json.out()), (COMMITS_BEFORE + 1..=last).collect::<Vec<_>>());
    for watch in [&readable, &json] {
        assert_eq!(watch.errors().iter().filter(|line| *line == "connected again").count(), 2);
    }
    let labels = readable.out();
    let labels = labels[2..].iter().map(|line| line.split_whitespace().nth(5).unwrap());
    assert!(labels.eq((0..ANNOTATIONS).map(|number| format!("L{number}"))), "each was made once");

    // A project that is gone is followed to its end.
    let (mut readable, mut json) = (readable, json);
    beside(0, &["--server", &server.address, "project", "delete", "p", "--force"]).await;
    assert_eq!((readable.end().await, json.end().await), (Some(1), Some(1)));
    assert!(readable.errors().iter().any(|line| line.contains("projects/p does not exist")));
    let refusal: Value = serde_json::from_str(json.errors().last().unwrap()).unwrap();
    assert_eq!(refusal["error"]["status"], "NOT_FOUND");
}

#[tokio::test]
async fn changes_are_listed_undone_and_undone_again() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let address = server.address.as_str();
    let run = async |code: i32, arguments: &[&str]| {
        let arguments = [&["--server", address, "--color", "never"], arguments].concat();
        beside(code, &arguments).await
    };
    let (out, _) = run(0, &["annotate", "p", "a", "--label", "PER", "--quote", "Zoë Müller"]).await;
    let id = out.split_whitespace().nth(1).unwrap().to_owned();
    let gold = ["annotate", "p", "a", "--label", "LOC", "--layer", "gold", "--quote", "東京"];
    run(0, &gold).await;

    let (out, _) = run(0, &["log", "p"]).await;
    assert_eq!(told(&out.lines().map(str::to_owned).collect::<Vec<_>>()), [4, 3, 2, 1]);
    let lines: Vec<_> = out.lines().collect();
    let short = format!("{}…{}", &id[..8], &id[id.len() - 4..]);
    assert!(lines[1].contains(&format!("+  annotation a/{short}")), "{out}");
    assert!(lines[0].ends_with("LOC@gold  東京") && lines[1].contains("Zoë Müller"), "{out}");
    assert!(lines[2].contains("+  article a") && lines[3].contains("+  project"), "{out}");
    let (out, _) = run(0, &["log", "p", "--limit", "2", "--oldest-first", "--after", "1"]).await;
    assert_eq!(told(&out.lines().map(str::to_owned).collect::<Vec<_>>()), [2, 3]);
    let (out, _) = run(0, &["log", "p", "--layer", "gold"]).await;
    assert_eq!(out.lines().count(), 1);
    let name = format!("{A}/annotations/{id}");
    for arguments in [["--annotation", &name, "--limit", "9"], ["--annotation", &id, "--article", "a"]] {
        let arguments = [&["--json", "log", "p"], &arguments[..]].concat();
        let commit: Value = serde_json::from_str(&run(0, &arguments).await.0).unwrap();
        assert_eq!(
            (number(&commit["revision"]), &commit["changes"][0]["name"]),
            (3, &Value::from(name.as_str()))
        );
    }

    let (out, _) = run(0, &["undo", "p", "3", "--validate-only"]).await;
    assert!(out.starts_with("revision 3 can be undone, with 1 change; nothing was changed\n"), "{out}");
    let (out, _) = run(0, &["undo", "p", "3"]).await;
    assert!(out.starts_with("revision 3 is undone by revision 5, with 1 change\n"), "{out}");
    assert!(out.contains("−  annotation") && client.get(&name).await.is_err(), "{out}");
    let (out, _) = run(0, &["--json", "undo", "p", "5"]).await;
    let undone: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((number(&undone["revision"]), &undone["changeCount"]), (6, &Value::from(1)));
    assert_eq!(client.get(&name).await.unwrap().label, "PER");
    let (out, _) = run(0, &["log", "p", "--limit", "2"]).await;
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].ends_with("undoes 5") && lines[1].ends_with("undoes 3"), "{out}");

    let (_, error) = run(1, &["undo", "p", "3"]).await;
    assert!(error.contains("error: revision 3 cannot be undone") && error.contains(&name), "{error}");
    assert!(error.contains("UNDO_CONFLICT") && error.contains("spandrel log p --after 3"), "{error}");
    client.annotate(A, "X", by_quote("2019")).await.unwrap();
    run(1, &["undo", "p", "99"]).await;
    run(1, &["log", "q"]).await;
    run(1, &["watch", "q"]).await;
    run(1, &["watch", "p", "--after", "99"]).await;
}

#[test]
fn wrong_usage_exits_with_2() {
    spandrel(2, &["watch"]);
    spandrel(2, &["watch", "p", "--after", "7", "--snapshot"]);
    spandrel(2, &["log", "p", "--limit", "0"]);
    spandrel(2, &["log", "p", "--annotation", "0190163d-8694-739b-aea5-966c26f8ad91"]);
    spandrel(2, &["undo", "p"]);
}

#[tokio::test]
async fn a_watch_begins_with_what_there_is() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let watch = Running::start(&["--server", &server.address, "watch", "p", "--snapshot"]);
    watch.until("has the snapshot", |it| it.out().len() == 2).await;
    client.annotate(A, "LOC", by_quote("東京")).await.unwrap();
    watch.until("goes on", |it| it.out().len() == 3).await;
    let out = watch.out();
    assert!(out[0].contains("=  project") && out[1].contains("=  article a"), "{out:?}");
    assert!(out[2].contains("+  annotation a/") && out[2].ends_with("LOC  東京"), "{out:?}");
}

#[tokio::test]
async fn a_watch_that_nobody_wants_any_more_ends_with_0() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let watch = || Running::start(&["--server", &server.address, "watch", "p"]);
    let mut interrupted = watch();
    interrupted.until_it_follows().await;
    let pid = interrupted.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(interrupted.end().await, Some(0));

    let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
        .args(["--server", &server.address, "watch", "p"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let errors = gather(child.stderr.take().unwrap());
    let mut unread = Running { child, out: Lines::default(), errors };
    unread.until_it_follows().await;
    client.annotate(A, "LOC", by_quote("東京")).await.unwrap();
    assert_eq!(unread.end().await, Some(0));
    assert_eq!(unread.errors().len(), 1, "{:?}", unread.errors());
}
