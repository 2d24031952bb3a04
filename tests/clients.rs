//! Clients that nobody here wrote talk to the real binary: grpcio over gRPC, and connect-web over gRPC-Web.
//!
//! Their scripts stand in `tests/clients`, with the packages that they need. Where those are not installed the
//! tests say so and pass, unless `CI=true` or `SPANDREL_REQUIRE_CLIENTS=1`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it did not get what it expected")]

use std::env;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const READY_WITHIN: Duration = Duration::from_secs(30);
const CLIENT_DONE_WITHIN: Duration = Duration::from_mins(2);

/// What installs what the scripts need, as `.ci/run` does it.
const INSTALL: &str = "python3 -m venv tests/clients/.venv \
    && tests/clients/.venv/bin/pip install -r tests/clients/requirements.txt \
    && npm ci --ignore-scripts --prefix tests/clients";

#[test]
fn grpcio_annotates_by_code_points() {
    let python = clients().join(".venv/bin/python");
    if !installed(&python) {
        return;
    }
    let server = Server::start();
    let address = server.address.to_string();
    let script = clients().join("python/annotate.py");
    check(Command::new(python).arg(script).arg(address), r#"{"client": "python", "unit": "code_points""#);
}

#[test]
fn a_browsers_client_annotates_by_utf16_units() {
    if !installed(&clients().join("node_modules/@connectrpc/connect-web")) {
        return;
    }
    let server = Server::start();
    let url = format!("http://{}", server.address);
    let script = clients().join("web/annotate.mjs");
    check(Command::new("node").arg(script).arg(url), r#"{"client":"web","unit":"utf16""#);
}

/// Each follows what the other does, counts in its own unit, and never overwrites what the other wrote.
#[test]
fn a_browsers_client_and_grpcio_annotate_the_same_article_and_see_each_other() {
    let (python, packages) =
        (clients().join(".venv/bin/python"), clients().join("node_modules/@connectrpc/connect-web"));
    if !installed(&python) || !installed(&packages) {
        return;
    }
    let server = Server::start();
    let address = server.address;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut command = Command::new(python);
            let script = clients().join("python/together.py");
            check(
                command.arg(script).arg(address.to_string()),
                r#"{"client": "python", "unit": "code_points""#,
            );
        });
        scope.spawn(|| {
            let (mut command, url) = (Command::new("node"), format!("http://{address}"));
            let script = clients().join("web/together.mjs");
            check(command.arg(script).arg(url), r#"{"client":"web","unit":"utf16""#);
        });
    });
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Whether `needed` is there. When it has to be, its absence fails the test.
fn installed(needed: &Path) -> bool {
    if needed.exists() {
        return true;
    }
    let absence = format!("{} is not there; install it with\n  {INSTALL}", needed.display());
    let required = [("CI", "true"), ("SPANDREL_REQUIRE_CLIENTS", "1")]
        .iter()
        .any(|(variable, value)| env::var(variable).is_ok_and(|set| set == *value));
    assert!(!required, "{absence}");
    // Unlike eprintln!, this is seen although the test passes.
    writeln!(std::io::stderr(), "\nSKIPPED, A FOREIGN CLIENT IS NOT TESTED: {absence}\n").expect("stderr");
    false
}

/// Runs a client, which has to succeed and to sum up what it did.
fn check(client: &mut Command, summary: &str) {
    let mut child = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the client starts");
    let stdout = collect(child.stdout.take().expect("piped"));
    let stderr = collect(child.stderr.take().expect("piped"));
    let deadline = Instant::now() + CLIENT_DONE_WITHIN;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the client's status") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().expect("the client is stopped");
            break child.wait().expect("the client's status");
        }
        thread::sleep(Duration::from_millis(20));
    };
    let (stdout, stderr) = (stdout.join().expect("its output"), stderr.join().expect("its errors"));
    assert!(status.success(), "{client:?} ended with {status}\n{stdout}{stderr}");
    assert!(
        stdout.starts_with(summary),
        "{client:?} should print {summary}..., but printed {stdout:?}\n{stderr}"
    );
}

/// Reads to the end, so that the writer never waits.
fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).expect("UTF-8");
        text
    })
}

/// The real binary on a folder of its own. Killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    _data: TempDir,
}

impl Server {
    /// Starts it on a free port, which is in the line that it writes when it is ready.
    fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let (lines, written) = mpsc::channel();
        pass_on(child.stdout.take().expect("piped"), lines.clone());
        pass_on(child.stderr.take().expect("piped"), lines);

        let deadline = Instant::now() + READY_WITHIN;
        let mut log = String::new();
        while let Ok(line) = written.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Some(address) = address_in(&line) {
                return Self { child, address, _data: data };
            }
            log.push_str(&line);
            log.push('\n');
        }
        child.kill().expect("the server is stopped");
        let status = child.wait().expect("the server's status");
        panic!("the server was not ready within {READY_WITHIN:?}, or ended with {status}:\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the client has noticed then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends every line on, and reads on when nobody listens any more, so that the writer never waits.
fn pass_on(from: impl Read + Send + 'static, to: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = to.send(line);
        }
    });
}

/// The first address with a port in a line of text.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':')))
        .filter_map(|word| word.trim_end_matches(['.', ':']).parse::<SocketAddr>().ok())
        .find(|address| address.port() != 0)
}
