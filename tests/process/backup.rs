//! A running server is backed up and the file restored: what was acknowledged up to a project's revision is there, to
//! the byte, and nothing half done is left when something goes wrong.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use spandrel::proto::v1;
use tempfile::TempDir;

use crate::{
    command::{beside, names, spandrel, text},
    support::{Server, check_refused},
    writers::{Load, TEXT, state_at, stored, without},
};

/// A server with two projects.
pub(crate) async fn server() -> Server {
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
