//! File systems for one test: a small one in memory, and ext4 in a file, whose bytes are what a power cut leaves.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

const FREE_MEMORY_BYTES_MIN: u64 = 2 * 1_024 * 1_024 * 1_024;

/// Runs a program; the error is what it says.
fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What is free on the disk that holds `path`.
pub fn free_bytes(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A folder in memory, where that can be: it is copied often, and what the kernel has written to a file there is there.
pub fn folder_in_memory() -> TempDir {
    let memory = std::env::var_os("SPANDREL_FAULTS_MEMORY").map_or_else(|| "/dev/shm".into(), PathBuf::from);
    // Containers often have 64 MiB there, and two images are kept at a time.
    if free_bytes(&memory) >= FREE_MEMORY_BYTES_MIN {
        TempDir::new_in(memory).or_else(|_| TempDir::new()).unwrap()
    } else {
        TempDir::new().unwrap()
    }
}

/// Something that is mounted until it is dropped.
#[derive(Debug)]
pub struct Mount {
    folder: TempDir,
}

impl Mount {
    /// A file system in memory.
    pub fn tmpfs(mebibytes: usize) -> Result<Self, String> {
        let folder = TempDir::new().unwrap();
        let size = format!("size={mebibytes}m");
        run("mount", &["-t", "tmpfs", "-o", &size, "spandrel-faults", folder.path().to_str().unwrap()])?;
        Ok(Self { folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let path = self.folder.path().to_str().unwrap_or_default().to_owned();
        // What still has a file open there is about to end; the loop device goes with the last of it.
        if run("umount", &[&path]).is_err() {
            let _ = run("umount", &["--lazy", &path]);
        }
    }
}

/// A file that holds an ext4 file system.
#[derive(Debug)]
pub struct Image {
    /// Removed with it.
    _folder: TempDir,
    path: PathBuf,
}

impl Image {
    /// An empty file system.
    pub fn new(mebibytes: u64) -> Result<Self, String> {
        let image = Self::nothing();
        File::create(&image.path).unwrap().set_len(mebibytes * 1_024 * 1_024).unwrap();
        run("mkfs.ext4", &["-q", "-F", "-E", "lazy_itable_init=0", image.path.to_str().unwrap()])?;
        Ok(image)
    }

    fn nothing() -> Self {
        let folder = folder_in_memory();
        let path = folder.path().join("image");
        Self { _folder: folder, path }
    }

    /// The image as it is now. Whoever writes to it has to stand still.
    pub fn copy(&self) -> Result<Self, String> {
        let copy = Self::nothing();
        let (from, to) = (self.path.to_str().unwrap(), copy.path.to_str().unwrap());
        run("cp", &["--sparse=always", "--reflink=auto", from, to])?;
        Ok(copy)
    }

    /// Why there are no power cuts here, if there are none.
    pub fn check_possible() -> Result<(), String> {
        let image = Self::new(16)?;
        image.copy()?;
        image.mount().map(drop)
    }

    /// Mounts it so that the kernel writes nothing by itself for minutes: neither the journal nor, when a file is
    /// renamed or cut, its content.
    pub fn mount(&self) -> Result<Mount, String> {
        let folder = TempDir::new().unwrap();
        let options = "loop,commit=300,noauto_da_alloc";
        run(
            "mount",
            &["-t", "ext4", "-o", options, self.path.to_str().unwrap(), folder.path().to_str().unwrap()],
        )?;
        Ok(Mount { folder })
    }
}
