//! The file of a backup: records in frames, each with a checksum, from one end to the other without a seek.
//!
//! ```text
//! file   "spandrel backup 1\n"  frame...
//! frame  length:4  crc:4  payload
//! ```
//!
//! Numbers are big-endian. `length` is that of the payload in bytes, at most [`BACKUP_FRAME_BYTES_MAX`]; `crc` is the
//! CRC-32 (of zlib) of the four bytes of `length` and the payload. A payload is one `BackupRecord` of
//! `proto/spandrel/storage/v1/backup.proto`; `backup_records.rs` says in which order they come. The last frame is the
//! end, with the SHA-256 of all bytes before it: a file that ends elsewhere is incomplete, and nothing follows it. The
//! number in the first line grows when what is written could not be read by the versions before.

use std::io::{self, Read};

use bytes::{BufMut as _, BytesMut};
use sha2::{Digest as _, Sha256};

pub use super::backup_records::Counts;
use super::backup_records::{Payload, Record};
use crate::{
    domain::{Error, Problem, Result},
    limits::BACKUP_FRAME_BYTES_MAX,
};

/// The format that this version writes, and the last one that it reads.
pub const FORMAT: u32 = 1;

const MAGIC: &[u8] = b"spandrel backup ";
const FRAME_HEADER_BYTES: usize = 8;
/// The longest number in the first line.
const NUMBER_BYTES_MAX: usize = 10;

/// Puts records into frames.
#[derive(Debug, Clone)]
pub struct Framer {
    sha256: Sha256,
    counts: Counts,
    bytes: u64,
}

/// What a whole file amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileTotals {
    /// What it holds.
    pub counts: Counts,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl Framer {
    /// Begins a file: appends its first line to `file`.
    pub fn begin(file: &mut BytesMut) -> Self {
        let mut framer = Self { sha256: Sha256::new(), counts: Counts::default(), bytes: 0 };
        let first_line = [MAGIC, FORMAT.to_string().as_bytes(), b"\n"].concat();
        framer.append(file, &first_line);
        framer
    }

    /// Appends a record to `file`.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT when it is longer than a frame, which whoever makes records sees to.
    pub fn record(&mut self, file: &mut BytesMut, record: Record) -> Result<()> {
        self.counts.add(&record);
        self.frame(file, &Payload::Record(record).encode())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn end(mut self, file: &mut BytesMut) -> Result<FileTotals> {
        let sha256 = self.sha256.clone().finalize().into();
        self.frame(file, &Payload::End(self.counts, sha256).encode())?;
        let Self { sha256, counts, bytes } = self;
        Ok(FileTotals { counts, bytes, sha256: sha256.finalize().into() })
    }

    /// What was written so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The file's length so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn frame(&mut self, file: &mut BytesMut, payload: &[u8]) -> Result<()> {
        let too_long =
            || Error::corrupt(format!("a record of {} bytes is too long for a backup", payload.len()));
        if payload.len() > BACKUP_FRAME_BYTES_MAX {
            return Err(too_long());
        }
        let length = u32::try_from(payload.len()).map_err(|_| too_long())?;
        let mut header = [0; FRAME_HEADER_BYTES];
        let mut rest = header.as_mut_slice();
        rest.put_u32(length);
        rest.put_u32(checksum(length, payload));
        self.append(file, &header);
        self.append(file, payload);
        Ok(())
    }

    fn append(&mut self, file: &mut BytesMut, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        file.put_slice(bytes);
    }
}

fn checksum(length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_be_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Why a file cannot be read as a backup.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is something else.
    #[error(
        "it is not a backup: it does not begin with \"spandrel backup\". Name a file that spandrel backup wrote, and \
         unpack it first if it is compressed"
    )]
    NotABackup,
    /// A newer version wrote it.
    #[error(
        "it is a backup of format {found}, and this version of Spandrel knows only format {FORMAT}; use the newer \
         version that wrote it"
    )]
    Newer {
        /// Its format.
        found: u64,
    },
    /// It ends too early.
    #[error(
        "it is cut off: it ends at byte {at}, and its end is missing. Copy it again, or use another backup"
    )]
    CutOff {
        /// How long it is.
        at: u64,
    },
    /// Its bytes are not those that were written.
    #[error("it is damaged at byte {at}: {what}. Copy it again, or use another backup")]
    Damaged {
        /// Where the frame begins that is damaged.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Whether `file` begins as a backup does, as far as it goes: empty files do.
///
/// # Errors
///
/// When it cannot be read.
pub fn may_be_part(file: &mut impl Read) -> io::Result<bool> {
    let mut begin = Vec::with_capacity(MAGIC.len());
    file.take(u64::try_from(MAGIC.len()).unwrap_or(u64::MAX)).read_to_end(&mut begin)?;
    Ok(MAGIC.starts_with(&begin))
}

/// Reads records out of a file, with memory for one frame.
#[derive(Debug)]
pub struct FileReader<R> {
    file: R,
    sha256: Sha256,
    counts: Counts,
    at: u64,
    frame: Vec<u8>,
    ended: bool,
}

impl<R: Read> FileReader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// [`FileError`], but for damage.
    pub fn open(file: R) -> Result<Self, FileError> {
        let mut reader = Self {
            file,
            sha256: Sha256::new(),
            counts: Counts::default(),
            at: 0,
            frame: Vec::new(),
            ended: false,
        };
        for expected in MAGIC {
            if reader.byte()? != *expected {
                return Err(FileError::NotABackup);
            }
        }
        let mut number = String::new();
        loop {
            match reader.byte()? {
                b'\n' => break,
                digit if digit.is_ascii_digit() && number.len() < NUMBER_BYTES_MAX => {
                    number.push(char::from(digit));
                }
                _ => return Err(FileError::NotABackup),
            }
        }
        match number.parse::<u64>() {
            Ok(found) if found == u64::from(FORMAT) => Ok(reader),
            Ok(found) if found > u64::from(FORMAT) => Err(FileError::Newer { found }),
            Ok(_) | Err(_) => Err(FileError::NotABackup),
        }
    }

    /// The next record; `None` once, at the end of a whole file. Not to be called again after that, or an error.
    ///
    /// # Errors
    ///
    /// [`FileError::CutOff`], [`FileError::Damaged`], [`FileError::Io`].
    pub fn next_record(&mut self) -> Result<Option<Record>, FileError> {
        let start = self.at;
        let damaged = |what: String| FileError::Damaged { at: start, what };
        if self.ended {
            return Ok(None);
        }
        let before = self.sha256.clone();
        let (length, crc) = (self.number()?, self.number()?);
        let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= BACKUP_FRAME_BYTES_MAX);
        let bytes = bytes.ok_or_else(|| damaged(format!("a frame cannot have {length} bytes")))?;
        let mut frame = std::mem::take(&mut self.frame);
        frame.resize(bytes, 0);
        self.fill(&mut frame)?;
        if checksum(length, &frame) != crc {
            return Err(damaged("its checksum is another one".to_owned()));
        }
        let payload = Payload::decode(&frame).map_err(|error| damaged(what(&error)))?;
        self.frame = frame;
        match payload {
            Payload::Record(record) => {
                self.counts.add(&record);
                Ok(Some(record))
            }
            Payload::End(counts, sha256) => {
                let found: [u8; 32] = before.finalize().into();
                if sha256 != found || counts != self.counts {
                    return Err(damaged("what stands before the end is not what was written".to_owned()));
                }
                if self.file.read(&mut [0])? != 0 {
                    return Err(FileError::Damaged {
                        at: self.at,
                        what: "something follows its end".to_owned(),
                    });
                }
                self.ended = true;
                Ok(None)
            }
        }
    }

    /// What was read so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many bytes were read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.at
    }

    fn byte(&mut self) -> Result<u8, FileError> {
        let mut byte = [0];
        self.fill(&mut byte)?;
        let [byte] = byte;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u32, FileError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest) {
                Ok(0) => {
                    let read = u64::try_from(filled).unwrap_or(u64::MAX);
                    return Err(FileError::CutOff { at: self.at.saturating_add(read) });
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.sha256.update(&*buffer);
        self.at += u64::try_from(filled).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// What a record's error says, without that it is damage.
fn what(error: &Error) -> String {
    if let Problem::StorageCorrupt(what) = &error.problem { what.clone() } else { error.to_string() }
}

#[cfg(test)]
mod tests;
