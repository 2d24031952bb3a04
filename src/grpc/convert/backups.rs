//! Backups.

use bytes::Bytes;

use super::timestamp;
use crate::{
    app::backup::{BackedUpProject, Counts, Part, Progress, Summary},
    limits::BACKUP_CHUNK_BYTES_MAX,
    proto::v1::{self, backup_response::Event},
};

/// Makes the messages of one backup.
#[derive(Debug, Default)]
pub struct Messages {
    offset: u64,
    told_at: u64,
}

impl Messages {
    /// The messages of the next part.
    pub fn of(&mut self, part: Part) -> Vec<v1::BackupResponse> {
        // Often enough to be watched, and little beside the chunks.
        const PROGRESS_EVERY_BYTES: u64 = 1_024 * 1_024;
        let mut events = Vec::new();
        match part {
            Part::Bytes(mut bytes, progress) => {
                while !bytes.is_empty() {
                    let data = bytes.split_to(bytes.len().min(BACKUP_CHUNK_BYTES_MAX));
                    events.push(Event::Chunk(self.chunk(data)));
                }
                if self.offset >= self.told_at {
                    self.told_at = self.offset + PROGRESS_EVERY_BYTES;
                    events.push(Event::Progress(told(progress)));
                }
            }
            Part::Summary(summary) => events.push(Event::Summary(summed_up(summary))),
        }
        events.into_iter().map(|event| v1::BackupResponse { event: Some(event) }).collect()
    }

    fn chunk(&mut self, data: Bytes) -> v1::BackupChunk {
        let offset = self.offset;
        self.offset += number(data.len());
        v1::BackupChunk { offset, crc32: crc32fast::hash(&data), data: data.into() }
    }
}

fn told(progress: Progress) -> v1::BackupProgress {
    let Progress { counts, projects_total, file_bytes } = progress;
    let Counts { projects, articles, annotations, commits } = counts;
    let projects_total = number(projects_total);
    v1::BackupProgress { projects, projects_total, articles, annotations, commits, file_bytes }
}

fn summed_up(summary: Summary) -> v1::BackupSummary {
    let Summary { start_time, projects, counts, file_bytes, sha256 } = summary;
    let Counts { projects: projects_total, articles, annotations, commits } = counts;
    let project = |project| {
        let BackedUpProject { name, uid, revision } = project;
        v1::BackedUpProject { name: name.to_string(), uid: uid.to_string(), revision: revision.0 }
    };
    v1::BackupSummary {
        start_time: Some(timestamp(start_time)),
        projects: projects.into_iter().map(project).collect(),
        projects_total,
        articles,
        annotations,
        commits,
        file_bytes,
        sha256: sha256.iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}")),
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
