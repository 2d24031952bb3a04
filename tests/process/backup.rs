//! A running server is backed up and the file restored: what was acknowledged up to a project's revision is there, to
//! the byte, and nothing half done is left when something goes wrong.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use spandrel::proto::v1;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::{Client, Seeded, Server, annotation, by_code_points, check_refused};

const CLIENTS: u64 = 8;
const TEXT: &str = "日本語の👍🏽 text, é and more of it";

/// Runs the binary, and expects its exit code.
#[track_caller]
fn spandrel(code: i32, arguments: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_spandrel")).args(arguments).output().unwrap();
    let (out, error) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{arguments:?}\n{out}\n{error}");
    (out, error)
}

/// As [`spandrel`], beside clients of this process.
async fn beside(code: i32, arguments: &[&str]) -> (String, String) {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let run = move || spandrel(code, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What a client was told: the revision, the name, and the resource unless it was deleted.
#[derive(Debug, Clone)]
enum Told {
    Article(u64, String, v1::Article),
    /// That an article is deleted is answered without the revision: later than the first, and at most the second.
    Deleted(u64, u64, String),
    Annotation(u64, String, Option<v1::Annotation>),
}

/// Articles with their texts, and annotations, by name; without etags, which are another life's.
type State = (BTreeMap<String, v1::Article>, BTreeMap<String, v1::Annotation>);

impl Told {
    /// The latest revision that it can be about.
    fn revision(&self) -> u64 {
        match self {
            Self::Article(revision, ..) | Self::Deleted(_, revision, _) | Self::Annotation(revision, ..) => {
                *revision
            }
        }
    }
}

/// What there is at a revision, and the articles that may have been deleted by then.
fn state_at(revision: u64, told: &[Told]) -> (State, Vec<String>) {
    let mut told = told.to_vec();
    told.sort_by_key(Told::revision);
    let ((mut articles, mut annotations), mut unsure) = (State::default(), Vec::new());
    for told in told {
        if let Told::Deleted(from, to, name) = &told
            && *from < revision
            && revision < *to
        {
            unsure.push(name.clone());
        }
        if told.revision() > revision {
            continue;
        }
        match told {
            Told::Article(_, name, article) => {
                articles.insert(name, v1::Article { etag: String::new(), ..article });
            }
            Told::Deleted(_, _, name) => {
                articles.remove(&name);
                annotations.retain(|annotation, _| !is_in(&name, annotation));
            }
            Told::Annotation(_, name, Some(annotation)) => {
                annotations.insert(name, v1::Annotation { etag: String::new(), ..annotation });
            }
            Told::Annotation(_, name, None) => drop(annotations.remove(&name)),
        }
    }
    ((articles, annotations), unsure)
}

fn is_in(article: &str, annotation: &str) -> bool {
    annotation.strip_prefix(article).is_some_and(|rest| rest.starts_with('/'))
}

/// The same without these articles.
fn without((mut articles, mut annotations): State, names: &[String]) -> State {
    articles.retain(|name, _| !names.contains(name));
    annotations.retain(|annotation, _| !names.iter().any(|name| is_in(name, annotation)));
    (articles, annotations)
}

async fn stored(client: &mut Client, project: &str) -> State {
    let (mut articles, mut annotations): State = State::default();
    let mut page_token = String::new();
    loop {
        let list = v1::ListArticlesRequest {
            parent: project.to_owned(),
            page_size: 2,
            page_token,
            view: v1::ArticleView::Full.into(),
        };
        let page = client.send(list).await.unwrap();
        for article in page.articles {
            let list = v1::ListAnnotationsRequest {
                parent: article.name.clone(),
                page_size: 1_000,
                ..Default::default()
            };
            for annotation in client.list_all(list).await {
                let bare = v1::Annotation { etag: String::new(), ..annotation };
                annotations.insert(bare.name.clone(), bare);
            }
            articles.insert(article.name.clone(), v1::Article { etag: String::new(), ..article });
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return (articles, annotations);
        }
    }
}

/// One client's articles and annotations; nobody else writes to them.
struct Writer {
    client: Client,
    seeded: Seeded,
    project: String,
    number: u64,
    told: Vec<Told>,
    articles: Vec<String>,
    annotations: Vec<v1::Annotation>,
}

impl Writer {
    async fn act(&mut self) {
        match self.seeded.below(20) {
            0 => self.create_article().await,
            1 if self.articles.len() > 2 => self.delete_article().await,
            2..=8 if !self.annotations.is_empty() => self.update().await,
            9..=10 if !self.annotations.is_empty() => self.delete().await,
            _ if self.articles.is_empty() => self.create_article().await,
            _ => self.annotate().await,
        }
    }

    async fn create_article(&mut self) {
        // Ids that were used come again.
        let id = format!("w{}-{}", self.number, self.seeded.below(6));
        let name = format!("{}/articles/{id}", self.project);
        if self.articles.contains(&name) {
            return;
        }
        let long = self.seeded.below(6) == 0;
        let text = TEXT.repeat(if long { 600 * 1_024 } else { 2 * 1_024 } / TEXT.len());
        let project = self.project.clone();
        let mut created = self.client.create_article(&project, &id, &text).await;
        created.text = text;
        self.told.push(Told::Article(created.revision, name.clone(), created));
        self.articles.push(name);
    }

    async fn delete_article(&mut self) {
        let name = self.articles.swap_remove(self.seeded.below(self.articles.len()));
        self.annotations.retain(|annotation| !is_in(&name, &annotation.name));
        let before = self.told.iter().map(Told::revision).max().unwrap_or(0);
        let delete = v1::DeleteArticleRequest { name: name.clone(), force: true, ..Default::default() };
        self.client.send(delete).await.unwrap();
        let project = v1::GetProjectRequest { name: self.project.clone() };
        let after = self.client.send(project).await.unwrap().revision;
        self.told.push(Told::Deleted(before, after, name));
    }

    async fn commit(&mut self, ops: Vec<v1::write::Op>) {
        let writes = ops.into_iter().map(|op| v1::Write { op: Some(op) }).collect();
        let request =
            v1::CommitAnnotationsRequest { parent: self.project.clone(), writes, validate_only: false };
        let answer = self.client.send(request).await.unwrap();
        for annotation in answer.annotations {
            let name = annotation.name.clone();
            self.annotations.retain(|known| known.name != name);
            let is_deleted = annotation.label.is_empty();
            if !is_deleted {
                self.annotations.push(annotation.clone());
            }
            self.told.push(Told::Annotation(answer.revision, name, (!is_deleted).then_some(annotation)));
        }
    }

    fn span(&mut self) -> v1::Span {
        let start = u32::try_from(self.seeded.below(1_000)).unwrap();
        by_code_points(start, start + 1 + u32::try_from(self.seeded.below(300)).unwrap())
    }

    async fn annotate(&mut self) {
        let count = 1 + self.seeded.below(20);
        let mut ops = Vec::new();
        for _ in 0..count {
            ops.push(v1::write::Op::Create(v1::CreateAnnotationRequest {
                parent: self.seeded.pick(&self.articles).clone(),
                annotation: Some(annotation("created", vec![self.span()])),
                ..Default::default()
            }));
        }
        self.commit(ops).await;
    }

    async fn update(&mut self) {
        let mut changed = self.seeded.pick(&self.annotations).clone();
        changed.label = format!("changed {}", self.seeded.below(1_000));
        let spans = vec![self.span()];
        changed.target = Some(v1::annotation::Target::Anchor(v1::Anchor { spans }));
        let update = v1::UpdateAnnotationRequest { annotation: Some(changed), ..Default::default() };
        self.commit(vec![v1::write::Op::Update(update)]).await;
    }

    async fn delete(&mut self) {
        let name = self.seeded.pick(&self.annotations).name.clone();
        let delete = v1::DeleteAnnotationRequest { name, ..Default::default() };
        self.commit(vec![v1::write::Op::Delete(delete)]).await;
    }
}

/// Clients that write to two projects until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    writers: JoinSet<Writer>,
}

impl Load {
    async fn start(server: &Server, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = JoinSet::new();
        for number in 0..CLIENTS {
            let mut writer = Writer {
                client: server.client().await,
                seeded: Seeded::new(seed * CLIENTS + number),
                project: format!("projects/p{}", number % 2),
                number,
                told: Vec::new(),
                articles: Vec::new(),
                annotations: Vec::new(),
            };
            let stop = Arc::clone(&stop);
            writers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    writer.act().await;
                }
                writer
            });
        }
        Self { stop, writers }
    }

    /// What all were told, by project.
    async fn stop(self) -> BTreeMap<String, Vec<Told>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut told: BTreeMap<String, Vec<Told>> = BTreeMap::new();
        for writer in self.writers.join_all().await {
            told.entry(writer.project).or_default().extend(writer.told);
        }
        told
    }
}

/// A server with two projects.
async fn server() -> Server {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p0").await;
    client.create_project("p1").await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_restored_is_the_state_at_the_revision_of_the_backup() {
    let server = server().await;
    let folder = TempDir::new().unwrap();
    let load = Load::start(&server, 1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut backups = Vec::new();
    for round in 0..3 {
        let file = folder.path().join(format!("{round}.backup"));
        let arguments = ["--json", "--server", &server.address, "backup", text(&file)];
        let (out, _) = beside(0, &arguments).await;
        let summary: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(summary["fileBytes"], fs::metadata(&file).unwrap().len().to_string());
        backups.push((file, summary));
    }
    let told = load.stop().await;
    for (file, summary) in backups {
        let data_dir = file.with_extension("data");
        beside(0, &["restore", text(&file), "--data-dir", text(&data_dir)]).await;
        let restored = Server::start_over(&data_dir);
        let mut client = restored.client().await;
        assert_eq!(summary["projects"].as_array().unwrap().len(), 2);
        for project in summary["projects"].as_array().unwrap() {
            let name = project["name"].as_str().unwrap();
            let revision: u64 = project["revision"].as_str().unwrap().parse().unwrap();
            let now = client.send(v1::GetProjectRequest { name: name.to_owned() }).await.unwrap();
            assert_eq!(now.revision, revision);
            assert_ne!(now.uid, project["uid"].as_str().unwrap());
            let (expected, unsure) = state_at(revision, &told[name]);
            let (expected, found) = (without(expected, &unsure), stored(&mut client, name).await);
            let found = without(found, &unsure);
            assert!(expected.0.len() > 3 && expected.1.len() > 20, "nothing was going on");
            for (name, article) in &expected.0 {
                assert!(found.0.get(name) == Some(article), "{name} at {revision}");
            }
            assert_eq!(found.1, expected.1, "at {revision}");
            assert_eq!(found.0.len(), expected.0.len());
            let created = client.create_article(name, "new", TEXT).await;
            assert_eq!(created.revision, revision + 1);
            assert!(created.etag.starts_with(&now.uid.replace('-', "")[..16]));
        }
    }
    assert_eq!(names(folder.path()).iter().filter(|name| name.ends_with("part")).count(), 0);
}

#[tokio::test]
async fn an_empty_server_is_backed_up_and_restored() {
    let server = Server::start();
    let folder = TempDir::new().unwrap();
    let (file, data_dir) = (folder.path().join("empty.backup"), folder.path().join("data"));
    let (out, _) = spandrel(0, &["--server", &server.address, "backup", text(&file)]);
    assert!(out.contains("0 projects"), "{out}");
    // Nobody else may look into it, and that stays so.
    fs::create_dir(&data_dir).unwrap();
    fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o700)).unwrap();
    let (out, _) = spandrel(0, &["restore", text(&file), "--data-dir", text(&data_dir)]);
    assert!(out.contains("restored 0 projects"), "{out}");
    assert_eq!(fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777, 0o700);
    let restored = Server::start_over(&data_dir);
    assert_eq!(restored.client().await.create_project("p").await.revision, 1);
    check_refused(
        restored.client().await.get("projects/p/articles/a/annotations/x").await,
        "FIELD_INVALID",
        "name",
    );
}

/// A file with something in it.
async fn backup_in(folder: &Path) -> std::path::PathBuf {
    let server = server().await;
    let mut client = server.client().await;
    client.create_article("projects/p0", "a", &TEXT.repeat(30_000)).await;
    for _ in 0..20 {
        client.annotate("projects/p0/articles/a", "X", by_code_points(0, 3)).await.unwrap();
    }
    let file = folder.join("whole.backup");
    spandrel(0, &["--server", &server.address, "backup", text(&file)]);
    file
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let whole = backup_in(folder.path()).await;
    let bytes = fs::read(&whole).unwrap();
    let (file, data_dir) = (folder.path().join("broken"), folder.path().join("data"));
    let before = {
        fs::write(&file, "").unwrap();
        names(folder.path())
    };
    let check = |content: &[u8], part: &str| {
        fs::write(&file, content).unwrap();
        let (out, error) = spandrel(1, &["restore", text(&file), "--data-dir", text(&data_dir)]);
        assert!(out.is_empty() && error.contains(part) && error.contains("broken"), "{part:?}: {error:?}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error:?}");
        assert_eq!(names(folder.path()), before);
    };
    check(b"", "cut off");
    check(b"thesis", "not a backup");
    check(
        b"spandrel backup 2
",
        "newer version",
    );
    let mut seeded = Seeded::new(3);
    for _ in 0..6 {
        check(&bytes[..18 + seeded.below(bytes.len() - 18)], "cut off");
        let mut flipped = bytes.clone();
        let at = 18 + seeded.below(bytes.len() - 18);
        flipped[at] ^= 1 << seeded.below(8);
        // A frame that says it is longer may end behind the file.
        fs::write(&file, &flipped).unwrap();
        let (_, error) = spandrel(1, &["restore", text(&file), "--data-dir", text(&data_dir)]);
        assert!(error.contains("damaged at byte") || error.contains("cut off"), "byte {at}: {error:?}");
        assert_eq!(names(folder.path()), before);
    }
    check(&[&bytes[..], b"\0"].concat(), "something follows its end");
    spandrel(0, &["restore", text(&whole), "--data-dir", text(&data_dir)]);
}

#[tokio::test]
async fn a_folder_that_is_in_the_way_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = backup_in(folder.path()).await;
    let check = |data_dir: &Path, part: &str| {
        let (_, error) = spandrel(1, &["restore", text(&file), "--data-dir", text(data_dir)]);
        assert!(error.contains(part) && error.contains("name "), "{part:?}: {error:?}");
    };
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("thesis.tex"), "precious").unwrap();
    check(&theirs, "\"thesis.tex\"");
    assert_eq!(names(&theirs), ["thesis.tex"]);
    check(&file, "is not a folder");
    check(&folder.path().join("no/such"), "there is no folder");
    let server = Server::start();
    check(server.data_dir(), "another process uses");
    // What is called as if a restore had left it.
    let beside = folder.path().join("new.restoring");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("thesis.tex"), "precious").unwrap();
    check(&folder.path().join("new"), "\"thesis.tex\"");
    assert_eq!(names(&beside), ["thesis.tex"]);

    let (_, error) = spandrel(1, &["--server", &server.address, "backup", text(&file)]);
    assert!(error.contains("exists") && error.contains("--force"), "{error}");
    let (_, error) = spandrel(1, &["--server", &server.address, "backup", text(&theirs)]);
    assert!(error.contains("is a folder"), "{error}");
    spandrel(0, &["--server", &server.address, "backup", text(&file), "--force"]);
    spandrel(2, &["restore", text(&file)]);
}

/// A restore that is killed leaves no folder that could be taken for a whole one, and nothing that holds up the next.
#[tokio::test]
async fn a_restore_that_is_killed_leaves_no_folder() {
    let folder = TempDir::new().unwrap();
    let file = backup_in(folder.path()).await;
    let data_dir = folder.path().join("data");
    let (mut killed, mut finished) = (0, 0);
    for round in 0..30_u64 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(["restore", text(&file), "--data-dir", text(&data_dir)])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if data_dir.exists() {
            finished += 1;
            let whole = Server::start_over(&data_dir);
            let article = v1::GetArticleRequest { name: "projects/p0/articles/a".to_owned(), view: 0 };
            assert_eq!(whole.client().await.send(article).await.unwrap().text, TEXT.repeat(30_000));
            drop(whole);
            fs::remove_dir_all(&data_dir).unwrap();
        } else {
            assert!(!status.success());
            killed += 1;
            check_not_served(&folder.path().join("data.restoring"));
        }
        assert!(
            names(folder.path()).iter().all(|name| ["whole.backup", "data.restoring"].contains(&&**name))
        );
    }
    assert!(killed > 0, "{finished} finished before they were killed");
    spandrel(0, &["restore", text(&file), "--data-dir", text(&data_dir)]);
    assert_eq!(names(folder.path()), ["data", "whole.backup"]);
}

/// What a restore has not finished looks like a data folder in which much is missing.
#[track_caller]
fn check_not_served(unfinished: &Path) {
    if !unfinished.join("RESTORING").exists() {
        return;
    }
    let before = names(unfinished);
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["verify"]] {
        let (_, error) = spandrel(1, &[command, &["--data-dir", text(unfinished)]].concat());
        assert!(error.contains("is not whole") && error.contains("spandrel restore"), "{error}");
    }
    assert_eq!(names(unfinished), before);
}

/// What a restore would clear may be served by now: it was renamed back, or its restore was cut off last of all.
#[tokio::test]
async fn a_restore_does_not_clear_what_is_served() {
    let folder = TempDir::new().unwrap();
    let file = backup_in(folder.path()).await;
    let (data_dir, beside) = (folder.path().join("data"), folder.path().join("data.restoring"));
    spandrel(0, &["restore", text(&file), "--data-dir", text(&data_dir)]);
    fs::rename(&data_dir, &beside).unwrap();
    let server = Server::start_over(&beside);
    let (_, error) = spandrel(1, &["restore", text(&file), "--data-dir", text(&data_dir)]);
    assert!(error.contains("another process uses"), "{error}");
    let article = v1::GetArticleRequest { name: "projects/p0/articles/a".to_owned(), view: 0 };
    server.client().await.send(article).await.unwrap();
    drop(server);
    spandrel(0, &["restore", text(&file), "--data-dir", text(&data_dir)]);
    assert_eq!(names(folder.path()), ["data", "whole.backup"]);
}

/// Who stops reading before the end has no backup, and hears of it, however little was left.
#[tokio::test]
async fn a_backup_that_nobody_reads_to_its_end_is_a_failure() {
    let server = server().await;
    let mut client = server.client().await;
    client.create_article("projects/p0", "a", TEXT).await;
    for read_bytes in [0, 19] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(["--server", &server.address, "backup", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut stdout, &mut vec![0; read_bytes]).unwrap();
        drop(stdout);
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        // A small backup may be in the pipe as a whole before it is closed.
        if read_bytes == 0 || output.status.code() != Some(0) {
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("the backup was cut off"), "{said}");
        }
    }
}

/// A backup's unfinished file takes the place of nothing that is not one, and its file is as private as the one before.
#[tokio::test]
async fn a_backup_replaces_only_what_it_may() {
    let server = server().await;
    let folder = TempDir::new().unwrap();
    let (file, part) = (folder.path().join("all.backup"), folder.path().join("all.backup.part"));
    let backup = |code| spandrel(code, &["--server", &server.address, "backup", text(&file), "--force"]).1;
    let check_refused = || {
        let error = backup(1);
        assert!(error.contains("all.backup.part is in the way") && error.contains("name another"), "{error}");
    };
    let precious = folder.path().join("thesis.tex");
    fs::write(&precious, "precious").unwrap();
    fs::copy(&precious, &part).unwrap();
    check_refused();
    assert_eq!(fs::read_to_string(&part).unwrap(), "precious");
    fs::remove_file(&part).unwrap();
    for target in [precious.as_path(), Path::new("nowhere")] {
        std::os::unix::fs::symlink(target, &part).unwrap();
        check_refused();
        fs::remove_file(&part).unwrap();
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    // What a backup that was killed has left.
    for left in ["", "spandrel", "spandrel backup 1\nand more"] {
        fs::write(&part, left).unwrap();
        backup(0);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    backup(0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(folder.path()), ["all.backup", "thesis.tex"]);
}

/// Two restores of one folder do not meet, and one through stdin is as good as one of a file.
#[tokio::test]
async fn a_restore_holds_its_folder() {
    use std::io::Write as _;

    let folder = TempDir::new().unwrap();
    let file = backup_in(folder.path()).await;
    let bytes = fs::read(&file).unwrap();
    let data_dir = folder.path().join("data");
    let mut first = Command::new(env!("CARGO_BIN_EXE_spandrel"))
        .args(["restore", "-", "--data-dir", text(&data_dir)])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(&bytes[..100]).unwrap();
    while !folder.path().join("data.restoring").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (_, error) = spandrel(1, &["restore", text(&file), "--data-dir", text(&data_dir)]);
    assert!(error.contains("another process uses"), "{error}");
    stdin.write_all(&bytes[100..]).unwrap();
    drop(stdin);
    assert!(first.wait().unwrap().success());
    Server::start_over(&data_dir);
}

/// A client that goes away takes nothing with it, and a third backup at a time is refused.
#[tokio::test]
async fn backups_are_bounded_and_end_with_their_clients() {
    use spandrel::proto::v1::admin_service_client::AdminServiceClient;

    let server = server().await;
    let mut client = server.client().await;
    // More than what may be on its way, so that nobody's stream ends by itself.
    for number in 0..24 {
        client.create_article("projects/p0", &format!("a{number}"), &"x".repeat(1_024 * 1_024)).await;
    }
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut admin = AdminServiceClient::new(server.channel().await);
        streams.push(admin.backup(v1::BackupRequest {}).await.unwrap().into_inner());
    }
    let mut admin = AdminServiceClient::new(server.channel().await);
    check_refused(admin.backup(v1::BackupRequest {}).await, "OVERLOADED", "");
    drop(streams);
    // They are heard to be gone a moment later.
    let file = server.data_dir().with_file_name("all.backup");
    for attempt in 0.. {
        let output = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(["--server", &server.address, "backup", text(&file)])
            .output()
            .unwrap();
        if output.status.success() {
            break;
        }
        assert!(attempt < 200, "{output:?}");
        assert!(!file.exists());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(fs::metadata(&file).unwrap().len() > 24 * 1_024 * 1_024);
}
