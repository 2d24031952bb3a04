//! The library that stands between the server and the C library, compiled where it is used.

use std::{fmt, fs, path::Path, process::Command, sync::OnceLock};

use tempfile::TempDir;

use crate::server::Launch;

pub const EIO: &str = "5";
pub const ENOSPC: &str = "28";

/// The library's path, or why there is none.
pub fn path() -> Result<&'static str, String> {
    static BUILT: OnceLock<Result<(TempDir, String), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let library = folder.path().join("shim.so").to_str().unwrap().to_owned();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o", &library])
            .arg(source)
            .arg("-ldl")
            .output()
            .map_err(|error| format!("cc cannot be run: {error}"))?;
        if output.status.success() {
            Ok((folder, library))
        } else {
            Err(format!("cc failed: {}", String::from_utf8_lossy(&output.stderr)))
        }
    });
    built.as_ref().map(|(_, library)| library.as_str()).map_err(Clone::clone)
}

/// One way to fail calls of a server.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// Part of the paths of the files that it is about.
    pub file: &'static str,
    pub op: &'static str,
    pub how: &'static str,
    pub is_sticky: bool,
}

impl Failure {
    /// Does so to a server, at the `at`-th such call. `log` gets a line for each failure.
    pub fn arm(&self, launch: Launch, library: &str, at: usize, log: &Path) -> Launch {
        launch.with_environment(&[
            ("LD_PRELOAD", library),
            ("SHIM_FILE", self.file),
            ("SHIM_OP", self.op),
            ("SHIM_AT", &at.to_string()),
            ("SHIM_HOW", self.how),
            ("SHIM_STICKY", if self.is_sticky { "1" } else { "0" }),
            ("SHIM_LOG", log.to_str().unwrap()),
        ])
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, op, how, is_sticky } = self;
        write!(f, "{op} of {file} fails with {how}{}", if *is_sticky { " from then on" } else { "" })
    }
}

/// What the library wrote to its log.
#[derive(Debug)]
pub struct Calls(Vec<String>);

impl Calls {
    pub fn of(log: &Path) -> Self {
        let log = fs::read_to_string(log).unwrap_or_default();
        Self(log.lines().map(str::to_owned).collect())
    }

    /// The first failure, if there was one.
    pub fn failed(&self) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|line| line.starts_with("failed "))
    }

    /// How many syncs of the database there were before the first failure, and how many after it.
    pub fn syncs(&self) -> (usize, usize) {
        let at = self.0.iter().position(|line| line.starts_with("failed ")).unwrap_or(self.0.len());
        let count = |lines: &[String]| lines.iter().filter(|line| *line == "fdatasync").count();
        (count(&self.0[..at]), count(&self.0[at..]))
    }
}
