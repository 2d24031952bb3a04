//! The files of an export, as parts of a bounded size.

use std::{collections::BTreeMap, io};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::ExportEvent;
use crate::{
    app::imports::FilePart,
    domain::Result,
    formats::{Losses, exchange::Output},
    limits::EXPORT_CHUNK_BYTES,
};

/// Files that are being written.
pub(super) struct ChunkedFiles {
    sender: mpsc::Sender<Result<ExportEvent>>,
    open: BTreeMap<String, OpenFile>,
    losses: Losses,
}

#[derive(Default)]
struct OpenFile {
    offset: u64,
    waiting: BytesMut,
}

impl ChunkedFiles {
    pub(super) fn new(sender: mpsc::Sender<Result<ExportEvent>>) -> Self {
        Self { sender, open: BTreeMap::new(), losses: Losses::default() }
    }

    /// Ends the files that are open.
    ///
    /// # Errors
    ///
    /// When nobody takes them any more.
    pub(super) fn close_all(&mut self) -> io::Result<()> {
        while let Some((path, _)) = self.open.first_key_value() {
            let path = path.clone();
            self.close(&path)?;
        }
        Ok(())
    }

    pub(super) fn into_losses(self) -> Losses {
        self.losses
    }
}

impl OpenFile {
    fn send(
        &mut self,
        sender: &mpsc::Sender<Result<ExportEvent>>,
        path: &str,
        data: Bytes,
        last: bool,
    ) -> io::Result<()> {
        let offset = self.offset;
        self.offset = offset.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        let part = FilePart { path: path.to_owned(), offset, data, last };
        let sent = sender.blocking_send(Ok(ExportEvent::Part(part)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the export any more"))
    }
}

impl Output for ChunkedFiles {
    fn write(&mut self, path: &str, mut bytes: &[u8]) -> io::Result<()> {
        if !self.open.contains_key(path) {
            self.open.insert(path.to_owned(), OpenFile::default());
        }
        let Some(file) = self.open.get_mut(path) else { return Ok(()) };
        while !bytes.is_empty() {
            let room = EXPORT_CHUNK_BYTES.saturating_sub(file.waiting.len()).min(bytes.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            file.waiting.extend_from_slice(now);
            bytes = later;
            if file.waiting.len() >= EXPORT_CHUNK_BYTES {
                let data = file.waiting.split().freeze();
                file.send(&self.sender, path, data, false)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, path: &str) -> io::Result<()> {
        let mut file = self.open.remove(path).unwrap_or_default();
        let data = std::mem::take(&mut file.waiting).freeze();
        file.send(&self.sender, path, data, true)
    }

    fn loss(&mut self, feature: &str, example: String) {
        self.losses.add(feature, example);
    }
}
