//! A server that is gone in the middle of an import.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use spandrel::proto::v1;

use super::{BOB, Terminal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_cut_off_says_what_is_durable_and_goes_on() {
    let mut terminal = Terminal::start().await;
    let half = |from: usize| {
        let one = |id: usize| BOB.replace("\"bob\"", &format!("\"b{id}\""));
        (from..from + 500).map(one).collect::<String>()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
    command.args(["--server", &terminal.server.address, "import", "p", "-", "--format", "native"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Blanks, so that no message waits to be full.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all((half(0) + &"\n".repeat(1_000_000)).as_bytes()).unwrap();
    let client = terminal.server.client().await;
    let listed = || client.send(v1::GetProjectRequest { name: "projects/p".to_owned() });
    while listed().await.unwrap().revision < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    terminal.server.kill();
    let status = tokio::task::spawn_blocking(move || {
        let status = child.wait().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code(), said)
    });
    let (code, said) = status.await.unwrap();
    drop(stdin);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(" records are imported and durable, the last of stdin\n"), "{said}");
    assert!(said.contains("the same command with the same input goes on where it stopped"), "{said}");
    assert!(said.contains("error: the connection to the server broke: "), "{said}");

    terminal.server.start_again();
    let file = terminal.file("all.jsonl", half(0) + &half(500));
    let (out, _) = terminal.run(0, &["import", "p", &file, "--json"]).await;
    let summary = &super::lines(&out)[0]["summary"];
    assert_eq!((&summary["articles"], &summary["annotations"]), (&"1000".into(), &"1000".into()));
    let present: u64 = summary["present"].as_str().unwrap().parse().unwrap();
    assert!(present > 0, "{summary}");
    assert_eq!(terminal.export().await.matches("\"article\":").count(), 1_000);
}
