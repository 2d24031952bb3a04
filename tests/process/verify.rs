//! `spandrel verify` over folders that a server has written, was killed over, uses, or that were damaged.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use spandrel::proto::v1;

use crate::support::{Seeded, Server, by_utf8};

/// What `spandrel verify` says of this folder, within a minute.
pub(crate) fn verify(data_dir: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new("timeout")
        .args(["60", env!("CARGO_BIN_EXE_spandrel"), "verify", "--data-dir"])
        .arg(data_dir)
        .args(more)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Expects that nothing is wrong, and that this is said of what there is.
#[track_caller]
pub(crate) fn check_whole(data_dir: &Path, what: &str) {
    let (code, stdout, stderr) = verify(data_dir, &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains(what) && stdout.contains("everything is as it should be"), "{stdout}");
}

/// Expects that the folder is refused in one line that says all of `parts`.
#[track_caller]
fn check_refused(data_dir: &Path, parts: &[&str]) {
    let (code, stdout, stderr) = verify(data_dir, &[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{stderr:?} does not say {part:?}");
    }
}

/// A server whose folder holds 12 articles, two of them of many rows, and 240 annotations.
async fn filled() -> Server {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    for number in 0..12_u32 {
        let text = "a text of its own. ".repeat(if number % 6 == 0 { 20_000 } else { 20 });
        let id = format!("a{number}");
        client.create_article("projects/p", &id, &text).await;
        for at in 0..20 {
            let span = by_utf8(at * 19, at * 19 + 6);
            client.annotate(&format!("projects/p/articles/{id}"), "X", span).await.unwrap();
        }
    }
    server
}

#[tokio::test]
async fn a_folder_is_whole_when_its_server_was_stopped_or_killed() {
    let mut server = filled().await;
    assert!(server.stop().await.success());
    check_whole(server.data_dir(), "1 project, 12 articles");
    server.start_again();
    let client = server.client().await;
    for id in ["a1", "a2"] {
        let request = v1::DeleteArticleRequest {
            name: format!("projects/p/articles/{id}"),
            force: true,
            ..Default::default()
        };
        client.send(request).await.unwrap();
    }
    server.kill();
    check_whole(server.data_dir(), "10 articles");
    server.start_again();
    server.client().await.create_article("projects/p", "more", "more").await;
    server.kill();
    check_whole(server.data_dir(), "11 articles");
}

#[tokio::test]
async fn programs_read_one_summary() {
    let mut server = Server::start();
    server.client_with_article("text").await;
    server.kill();
    let (code, stdout, stderr) = verify(server.data_dir(), &["--json"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let summary: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let rows = summary["summary"]["rows"].as_str().unwrap();
    let expected = serde_json::json!({ "summary": {
        "projects": "1", "articles": "1", "textBytes": "4", "annotations": "0", "logCommits": "4", "rows": rows,
        "deletedArticles": "0", "unswept": "0", "problemCount": "0",
    } });
    assert_eq!(summary, expected);
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let server = Server::start();
    let client = server.client_with_article("text").await;
    check_refused(server.data_dir(), &["another process uses", "stop that one"]);
    let request = v1::GetProjectRequest { name: "projects/p".to_owned() };
    client.send(request).await.unwrap();
}

#[test]
fn nothing_is_made_where_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    check_refused(&folder.path().join("data"), &["is no data folder of Spandrel"]);
    check_refused(folder.path(), &["is no data folder of Spandrel"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(folder.path().join("FORMAT"), "spandrel 5\n").unwrap();
    check_refused(folder.path(), &["format 5", "newer version"]);
    fs::write(folder.path().join("FORMAT"), "spandrel 4\n").unwrap();
    check_refused(folder.path(), &["is no data folder of Spandrel"]);
    fs::write(folder.path().join("ACKNOWLEDGED"), "00000000000000000042 4ee7e60b\n").unwrap();
    check_refused(folder.path(), &["sled is damaged", "it is missing", "spandrel restore FILE"]);
    assert!(!folder.path().join("sled").exists());
}

/// Whatever is damaged is explained: it exits with 0 only when nothing that is stored was hit, and never panics.
#[tokio::test]
async fn damage_is_explained() {
    let mut server = filled().await;
    assert!(server.stop().await.success());
    let database = server.data_dir().join("sled/db");
    let whole = folder(&server.data_dir().join("sled"));
    let length = fs::metadata(&database).unwrap().len();
    let mut random = Seeded::new(7);
    let mut found = 0;
    for round in 0..20 {
        for (path, bytes) in &whole {
            fs::write(path, bytes).unwrap();
        }
        let mut bytes = fs::read(&database).unwrap();
        if round % 4 == 3 {
            bytes.truncate(random.below(bytes.len()));
        } else {
            for _ in 0..=round {
                let at = random.below(usize::try_from(length).unwrap());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        fs::write(&database, bytes).unwrap();
        let (code, stdout, stderr) = verify(server.data_dir(), &[]);
        let said = format!("round {round}: {stdout}{stderr}");
        assert!(matches!(code, Some(0 | 1)), "{code:?} {said}");
        for noise in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
            assert!(!said.contains(noise), "{said}");
        }
        if code == Some(1) {
            assert!(stderr.contains("spandrel restore FILE --data-dir FOLDER"), "{said}");
            found += 1;
        }
    }
    assert!(found >= 5, "of 20 damages only {found} are found");
}

/// The files of a folder, with what they hold.
fn folder(path: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(folder(&path));
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files
}
