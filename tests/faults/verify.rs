//! `spandrel verify`, over folders that no server uses.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::NamedTempFile;

use crate::server::{Ended, Launch, PATIENCE, Running};

/// How it ended, and what it printed.
pub fn run(data_dir: &Path, options: &[&str]) -> (Ended, String) {
    let stdout = NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
    command.arg("verify").args(options).arg("--data-dir").arg(data_dir);
    command.stdin(Stdio::null()).stdout(stdout.reopen().unwrap());
    let ended = Running::of(command).wait(2 * PATIENCE);
    (ended, fs::read_to_string(stdout.path()).unwrap())
}

/// Expects that nothing is wrong, and returns how many rests are still to be swept.
pub fn once(data_dir: &Path) -> Result<u64, String> {
    let (ended, printed) = run(data_dir, &["--json"]);
    let summary = printed.lines().find_map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        value["summary"]["unswept"].as_str()?.parse().ok()
    });
    match summary {
        Some(unswept) if ended.code() == Some(0) && ended.said.is_empty() => Ok(unswept),
        _ => Err(format!("verify ended like this: {ended:?}, and printed {printed}")),
    }
}

/// Expects that nothing is wrong, and that nothing is left to be swept after a server had time for it.
pub fn until_swept(data_dir: &Path) -> Result<(), String> {
    const ATTEMPTS: u64 = 6;
    for attempt in 0..ATTEMPTS {
        if once(data_dir)? == 0 {
            return Ok(());
        }
        let mut server = Launch::over(data_dir).start().map_err(|ended| format!("{ended:?}"))?;
        thread::sleep(Duration::from_millis(100 << attempt));
        server.close()?;
    }
    Err("something is left to be swept".to_owned())
}
