//! How many batches were made durable, kept in a file beside the database.
//!
//! The database counts its batches, too, in the batches themselves. If it ever has fewer than this file says, then
//! its newest writes are gone: sled takes a log that was cut short for one that ends there. The file is
//! written after each sync and before anybody is told, so that it is exact when the process is killed; it is itself
//! synced once a second and at the end, so that after a power cut it may say less than there is, and never more.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek as _, Write as _},
    path::Path,
    time::Instant,
};

use crate::limits::ACKNOWLEDGED_SYNC_INTERVAL;

const NAME: &str = "ACKNOWLEDGED";
const UNFINISHED: &str = "ACKNOWLEDGED.new";

/// What the file said when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// So many batches.
    Count(u64),
    /// It cannot be understood.
    Garbled,
    /// There was no file.
    Nothing,
}

/// The file.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
    synced: Instant,
}

impl Acknowledged {
    /// Reads the file of a data folder.
    pub(super) fn read(folder: &Path) -> io::Result<Said> {
        match fs::read(folder.join(NAME)) {
            Ok(content) => Ok(decode(&content).map_or(Said::Garbled, Said::Count)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Said::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Makes the file of a data folder, or makes it anew, saying `count`. The folder is left to be synced.
    pub(super) fn create(folder: &Path, count: u64) -> io::Result<Self> {
        let unfinished = folder.join(UNFINISHED);
        let mut file = File::create(&unfinished)?;
        file.write_all(encode(count).as_bytes())?;
        file.sync_all()?;
        fs::rename(unfinished, folder.join(NAME))?;
        Ok(Self { file, synced: Instant::now() })
    }

    /// Says `count`, which is durable in the database.
    pub(super) fn say(&mut self, count: u64) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(encode(count).as_bytes())?;
        if self.synced.elapsed() >= ACKNOWLEDGED_SYNC_INTERVAL {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes durable what was said.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.synced = Instant::now();
        self.file.sync_data()
    }
}

/// Always the same length, so that it is overwritten within one sector.
fn encode(count: u64) -> String {
    let count = format!("{count:020}");
    let checksum = crc32fast::hash(count.as_bytes());
    format!("{count} {checksum:08x}\n")
}

fn decode(content: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(content).ok()?;
    let count = text.split(' ').next()?.parse().ok()?;
    (text == encode(count)).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Acknowledged::read(folder.path()).unwrap(), Said::Nothing);
        let mut acknowledged = Acknowledged::create(folder.path(), 41).unwrap();
        for count in [42, 7, u64::MAX] {
            acknowledged.say(count).unwrap();
            assert_eq!(Acknowledged::read(folder.path()).unwrap(), Said::Count(count));
        }
        acknowledged.sync().unwrap();
        drop(Acknowledged::create(folder.path(), 3).unwrap());
        assert_eq!(Acknowledged::read(folder.path()).unwrap(), Said::Count(3));
    }

    /// These bytes are on people's disks.
    #[test]
    fn the_file_keeps_its_bytes() {
        assert_eq!(encode(42), "00000000000000000042 4ee7e60b\n");
    }

    #[test]
    fn no_flipped_bit_is_taken_for_another_count() {
        let content = encode(1_234_567).into_bytes();
        for (byte, bit) in (0..content.len()).flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
            let mut flipped = content.clone();
            flipped[byte] ^= 1 << bit;
            assert_eq!(decode(&flipped), None, "{:?}", String::from_utf8_lossy(&flipped));
        }
        for end in 0..content.len() {
            assert_eq!(decode(&content[..end]), None);
        }
    }
}
