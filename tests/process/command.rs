//! The binary, run to its end.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs the binary, and expects its exit code.
#[track_caller]
pub(crate) fn spandrel(code: i32, arguments: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_spandrel")).args(arguments).output().unwrap();
    let (out, error) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{arguments:?}\n{out}\n{error}");
    (out, error)
}

/// As [`spandrel`], beside clients of this process.
pub(crate) async fn beside(code: i32, arguments: &[&str]) -> (String, String) {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let run = move || spandrel(code, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
