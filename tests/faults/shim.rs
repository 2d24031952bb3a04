//! The library that stands between the server and the C library, compiled where it is used.

use std::{path::Path, process::Command, sync::OnceLock};

use tempfile::TempDir;

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
