//! The real binary where it may be slow, refuse, fail or hang.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
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

const SIGKILL: i32 = 9;

/// What no server says whose storage and whose folder are well.
const ALARMS: [&str; 3] = ["panicked", "the storage has failed", "was not closed cleanly"];

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

/// A server that need not be ready yet; killed when it is dropped.
#[derive(Debug)]
pub struct Starting {
    running: Running,
    line: mpsc::Receiver<String>,
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
        self.spawn().until_ready()
    }

    /// Starts a server and does not wait for it.
    pub fn spawn(&self) -> Starting {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&self.data_dir)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdout(Stdio::piped());
        let mut running = Running::of(command);
        let mut stdout = BufReader::new(running.child.stdout.take().unwrap());
        let (said, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            let _ = said.send(line);
        });
        Starting { running, line }
    }
}

impl Starting {
    fn until_ready(mut self) -> Result<Running, Ended> {
        let line = self.line.recv_timeout(PATIENCE).unwrap_or_default();
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        address.unwrap_or_default().clone_into(&mut self.running.address);
        if self.running.address.is_empty() {
            Err(self.running.wait(Duration::from_secs(5)))
        } else {
            Ok(self.running)
        }
    }

    /// SIGSTOP, as [`Running::freeze`]. Whether that was before it was ready.
    pub fn freeze(&mut self) -> Result<bool, String> {
        self.running.freeze()?;
        Ok(self.line.try_recv().is_err())
    }

    /// SIGKILL, as [`Running::kill`]. Whether that was before it was ready.
    pub fn kill(&mut self) -> Result<bool, String> {
        let was_starting = self.line.try_recv().is_err();
        self.running.kill()?;
        Ok(was_starting)
    }
}

impl Running {
    /// Starts a process whose standard error is kept.
    pub fn of(mut command: Command) -> Self {
        let stderr = NamedTempFile::new().unwrap();
        let log = File::options().append(true).open(stderr.path()).unwrap();
        let child = command.stderr(log).spawn().unwrap();
        Self { child, address: String::new(), stderr }
    }

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

    /// SIGKILL. The error is that it had ended by itself, or what it said before that no server should say.
    pub fn kill(&mut self) -> Result<(), String> {
        self.child.kill().unwrap();
        // Of a process that had ended already, this is how it ended.
        let status = self.child.wait().unwrap();
        let ended = Ended { status: Some(status), said: self.said() };
        if status.signal() != Some(SIGKILL) {
            return Err(format!("it ended by itself before it was killed: {ended:?}"));
        }
        ended.check_calm()
    }

    /// SIGTERM, and how it ends.
    pub fn stop(&mut self) -> Ended {
        if !self.has_ended() {
            signal("-TERM", self.pid());
        }
        self.wait(PATIENCE)
    }

    /// SIGTERM. The error is that it did not end well, or what it said that no server should say.
    pub fn close(&mut self) -> Result<(), String> {
        let ended = self.stop();
        if ended.code() != Some(0) {
            return Err(format!("it did not end well: {ended:?}"));
        }
        ended.check_calm()
    }

    /// SIGSTOP, until every thread of it stands still: what the kernel was doing for it is done, and nothing follows.
    /// The error is that it had ended by itself, or does not stand still.
    pub fn freeze(&mut self) -> Result<(), String> {
        signal("-STOP", self.pid());
        let process = PathBuf::from(format!("/proc/{}", self.pid()));
        let started = Instant::now();
        loop {
            // It stays there as a zombie until it is waited for.
            if let Some('Z' | 'X') | None = state(&process) {
                return Err(format!("it ended by itself before it was frozen: {:?}", self.stop()));
            }
            let mut threads = fs::read_dir(process.join("task")).unwrap().map(|task| task.unwrap().path());
            // A thread that is gone by now does nothing, either.
            if threads.all(|thread| state(&thread).is_none_or(|state| state == 'T')) {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err("it does not stand still".to_owned());
            }
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
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                break None;
            }
            thread::sleep(Duration::from_millis(2));
        };
        Ended { status, said: self.said() }
    }

    /// What it has said on standard error.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.stderr.path()).unwrap()).into_owned()
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

    fn check_calm(&self) -> Result<(), String> {
        match ALARMS.iter().find(|alarm| self.said.contains(**alarm)) {
            Some(alarm) => Err(format!("it said {alarm:?}: {self:?}")),
            None => Ok(()),
        }
    }

    /// What is wrong with how it said that it cannot go on: with one clear line, which names one of `ways_out`.
    pub fn fault_of_refusal(&self, ways_out: &[&str]) -> Option<String> {
        let errors: Vec<_> = self.said.lines().filter(|line| line.starts_with("error: ")).collect();
        let is_noisy =
            ["panicked", "backtrace", "RUST_BACKTRACE"].iter().any(|noise| self.said.contains(noise));
        let fault = match self.code() {
            None if self.status.is_none() => "hangs",
            Some(1) if is_noisy => "refuses with noise",
            Some(1) if errors.len() != 1 => "refuses without one clear line",
            Some(1) if ways_out.iter().any(|way_out| errors[0].contains(way_out)) => return None,
            Some(1) => return Some(format!("refuses and names none of {ways_out:?}")),
            Some(_) | None => "ends otherwise than with 1",
        };
        Some(fault.to_owned())
    }
}

/// The state of a process or thread, if it is still there.
fn state(task: &Path) -> Option<char> {
    let stat = fs::read_to_string(task.join("stat")).ok()?;
    // It stands behind the name, which is in parentheses.
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub fn signal(which: &str, pid: u32) {
    assert!(Command::new("kill").args([which, &pid.to_string()]).status().unwrap().success());
}
