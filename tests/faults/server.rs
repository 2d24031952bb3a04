//! The real binary where it may be slow, refuse, fail or hang.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;

use crate::support::Client;

/// What takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Launch {
    data_dir: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// A process that did not become ready, or ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` when it had to be killed because it hung.
    pub status: Option<ExitStatus>,
    /// What it said on standard error.
    pub said: String,
}

/// A server that is ready; killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pub address: String,
    stderr: NamedTempFile,
}

impl Launch {
    pub fn over(data_dir: &Path) -> Self {
        let arguments = ["--free-space", "0", "--log", "warn"].map(str::to_owned).to_vec();
        Self { data_dir: data_dir.to_owned(), arguments, environment: Vec::new() }
    }

    /// With another floor of free space.
    pub fn with_floor(mut self, floor: &str) -> Self {
        floor.clone_into(&mut self.arguments[1]);
        self
    }

    pub fn with_environment(mut self, environment: &[(&str, &str)]) -> Self {
        self.environment
            .extend(environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        self
    }

    /// Starts a server and waits until it is ready.
    pub fn start(&self) -> Result<Running, Ended> {
        let stderr = NamedTempFile::new().unwrap();
        let log = File::options().append(true).open(stderr.path()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&self.data_dir)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (said, ready) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            let _ = said.send(line);
        });
        let line = ready.recv_timeout(PATIENCE).unwrap_or_default();
        let address =
            line.split_whitespace().find_map(|word| word.strip_prefix("http://")).map(str::to_owned);
        let mut running = Running { child, address: address.unwrap_or_default(), stderr };
        if running.address.is_empty() { Err(running.wait(Duration::from_secs(5))) } else { Ok(running) }
    }
}

impl Running {
    pub async fn client(&self) -> Client {
        Client::connect(&self.address).await
    }

    /// A client, although the server may have ended.
    pub fn client_lazily(&self) -> Client {
        Client::connect_lazily(&self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ends.
    pub fn stop(&mut self) -> Ended {
        signal("-TERM", self.pid());
        self.wait(PATIENCE)
    }

    /// SIGSTOP, until every thread of it stands still: what the kernel was doing for it is done, and nothing follows.
    pub fn freeze(&self) {
        signal("-STOP", self.pid());
        let tasks = PathBuf::from(format!("/proc/{}/task", self.pid()));
        let stands = |task: PathBuf| {
            // The state stands behind the name, which is in parentheses.
            let stat = std::fs::read_to_string(task.join("stat")).unwrap_or_default();
            stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('T'))
        };
        while !std::fs::read_dir(&tasks).unwrap().all(|task| stands(task.unwrap().path())) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// How it ends, for at most `patience`; then it is killed.
    pub fn wait(&mut self, patience: Duration) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if started.elapsed() > patience {
                self.kill();
                break None;
            }
            thread::sleep(Duration::from_millis(2));
        };
        Ended { status, said: self.said() }
    }

    /// What it has said on standard error.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.stderr.path()).unwrap()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}

fn signal(which: &str, pid: u32) {
    assert!(Command::new("kill").args([which, &pid.to_string()]).status().unwrap().success());
}
