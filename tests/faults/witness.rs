//! That the faults' own tests notice a server that dies by itself.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{
    check::Checker,
    server::{Launch, PATIENCE, Running, signal},
    workload::{SMALL, Workload},
};

fn die(server: &mut Running) {
    signal("-ABRT", server.pid());
    // It is not waited for: as a zombie it can still be killed and frozen.
    std::thread::sleep(Duration::from_millis(200));
}

#[test]
fn a_server_that_ended_by_itself_is_neither_killed_nor_frozen() {
    let folder = TempDir::new().unwrap();
    let launch = Launch::over(&folder.path().join("data"));
    let mut server = launch.start().unwrap();
    die(&mut server);
    let story = server.kill().unwrap_err();
    assert!(story.contains("ended by itself before it was killed"), "{story}");

    let mut server = launch.start().unwrap();
    die(&mut server);
    let started = Instant::now();
    let story = server.freeze().unwrap_err();
    assert!(story.contains("ended by itself before it was frozen"), "{story}");
    assert!(started.elapsed() < PATIENCE / 2);

    let mut server = launch.start().unwrap();
    assert_eq!(server.freeze(), Ok(()));
    assert_eq!(server.kill(), Ok(()));
}

#[tokio::test]
async fn an_answer_that_is_lost_before_the_fault_is_a_finding() {
    let folder = TempDir::new().unwrap();
    let launch = Launch::over(&folder.path().join("data"));
    let mut workload = Workload::new(SMALL, 0);
    let mut server = launch.start().unwrap();
    workload.set_up(&server).await;
    let working = workload.begin(&server);
    workload.until("something is written", |progress| progress.acknowledged.get() > 0).await.unwrap();
    die(&mut server);
    workload.end(working).await;
    let server = launch.start().unwrap();
    let findings = Checker::default().check(&server, &mut workload).await;
    assert!(!findings.lost.is_empty() && findings.torn.is_empty(), "{findings:?}");
    let is_noticed = |story: &String| story.contains("before anything was done to the server");
    assert!(findings.lost.iter().all(is_noticed), "{findings:?}");
}
