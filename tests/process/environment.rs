//! Folders that cannot be served from: each is refused with one message that says what is wrong and what to do,
//! and is left as it was.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use spandrel::{proto::v1, store::data_dir::FORMAT};
use tempfile::TempDir;

use crate::support::{Server, by_utf8, refusal};

/// What `spandrel serve` does over this folder, which it must not be able to serve.
fn serve(data_dir: &Path) -> Output {
    Command::new("timeout")
        .args([
            "30",
            env!("CARGO_BIN_EXE_spandrel"),
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "warn",
            "--data-dir",
        ])
        .arg(data_dir)
        .output()
        .unwrap()
}

/// Expects that the folder is refused: exit code 1, nothing said to be ready, and one message with all of `parts`.
fn check_refused(data_dir: &Path, parts: &[&str]) {
    let Output { status, stdout, stderr } = serve(data_dir);
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{message}");
    assert_eq!(String::from_utf8(stdout).unwrap(), "");
    for part in parts.iter().chain([&data_dir.to_str().unwrap()]) {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    for noise in ["panicked", "backtrace", "RUST_BACKTRACE", "Error {", "Os {"] {
        assert!(!message.contains(noise), "{message:?} says {noise:?}");
    }
    assert_eq!(message.trim_end().lines().count(), 1, "{message:?} is one line");
}

/// Everything in a folder, with what it holds.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut contents = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents.extend(self::contents(&path));
        } else {
            contents.push((path.to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
    contents.sort();
    contents
}

/// The articles of [`filled`], with their texts: a megabyte together.
fn texts() -> impl Iterator<Item = (&'static str, String)> {
    ["a", "b", "c", "d", "e"].into_iter().map(|id| (id, format!("{id} and more. ").repeat(20_000)))
}

/// A data folder with some articles, which no process uses.
async fn filled() -> Server {
    let mut server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    for (id, text) in texts() {
        client.create_article("projects/p", id, &text).await;
    }
    drop(client);
    assert!(server.stop().await.success());
    server
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_its_server_goes_on() {
    let server = Server::start();
    let mut client = server.client_with_article("text").await;
    check_refused(server.data_dir(), &["another process uses", "stop that one"]);
    let stored = client.annotate("projects/p/articles/a", "X", by_utf8(0, 4)).await.unwrap();
    assert_eq!(server.client().await.get(&stored.name).await.unwrap(), stored);
}

#[tokio::test]
async fn a_folder_is_free_again_when_its_server_was_killed() {
    let mut server = Server::start();
    server.client_with_article("text").await;
    server.kill();
    server.start_again();
    assert_eq!(server.client().await.create_article("projects/p", "b", "x").await.text, "x");
}

#[test]
fn a_file_is_no_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "precious").unwrap();
    check_refused(file.path(), &["is not a folder", "name a folder"]);
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "precious");
}

#[test]
fn somebody_elses_folder_is_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("thesis.tex"), "precious").unwrap();
    fs::create_dir(folder.path().join("figures")).unwrap();
    fs::write(folder.path().join("figures/one.svg"), "<svg/>").unwrap();
    let before = contents(folder.path());
    check_refused(folder.path(), &["no Spandrel data", "empty folder"]);
    assert_eq!(contents(folder.path()), before);
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let server = filled().await;
    let newer = FORMAT + 1;
    fs::write(server.data_dir().join("FORMAT"), format!("spandrel {newer}\n")).unwrap();
    let before = contents(server.data_dir());
    check_refused(server.data_dir(), &[&format!("format {newer}"), "newer version"]);
    assert_eq!(contents(server.data_dir()), before);
}

#[tokio::test]
async fn a_damaged_database_is_explained() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 3] = [
        ("missing", |sled| fs::remove_file(sled.join("db")).unwrap()),
        ("empty", |sled| fs::write(sled.join("db"), "").unwrap()),
        ("something else", |sled| fs::write(sled.join("db"), vec![0xa5; 4_000_000]).unwrap()),
    ];
    let server = filled().await;
    let whole = contents(server.data_dir());
    for (what, damage) in damages {
        for (path, bytes) in &whole {
            fs::write(path, bytes).unwrap();
        }
        damage(&server.data_dir().join("sled"));
        eprintln!("the database is {what}");
        check_refused(server.data_dir(), &["is damaged", "spandrel restore FILE --data-dir"]);
    }
}

/// As root every folder can be written, so that there is nothing to refuse.
#[cfg(unix)]
#[test]
fn a_folder_without_rights_is_explained() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_err() {
        check_refused(&folder.path().join("data"), &["cannot make the folder", "check the path"]);
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

/// Damage that is met only when what it hit is read: no text is ever answered that is not the one that was stored.
/// Where it hit the end of the database's log, the log ends there, as after a write that a crash cut off.
#[tokio::test]
async fn damaged_texts_are_never_answered_as_if_they_were_whole() {
    let mut server = filled().await;
    let whole = contents(server.data_dir());
    let database = server.data_dir().join("sled/db");
    let mut found = 0;
    for tenth in 0..10 {
        for (path, bytes) in &whole {
            fs::write(path, bytes).unwrap();
        }
        let mut bytes = fs::read(&database).unwrap();
        let length = bytes.len() / 10;
        bytes[tenth * length..(tenth + 1) * length].fill(0x5a);
        fs::write(&database, bytes).unwrap();
        if server.try_start_again().is_err() {
            found += 1;
            continue;
        }
        let client = server.client().await;
        for (id, text) in texts() {
            let request = v1::GetArticleRequest {
                name: format!("projects/p/articles/{id}"),
                view: 0,
                text_revision: 0,
            };
            match client.send(request).await {
                Ok(article) => assert!(article.text == text, "{id} with tenth {tenth} overwritten"),
                Err(status) => {
                    let reason = refusal(&status).0;
                    assert!(
                        ["STORAGE_CORRUPT", "RESOURCE_NOT_FOUND"].contains(&reason.as_str()),
                        "{status:?}"
                    );
                    found += 1;
                }
            }
        }
        server.kill();
    }
    assert!(found >= 5, "half of the file may be overwritten and nobody minds");
}
