//! How far files are, and how long the rest takes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::InputFiles;
use crate::cli::table::{counted, size, thousands};

/// Before that, nothing shows how long the rest takes.
const FORESEEN_AFTER: Duration = Duration::from_secs(2);

/// How far the reading of files is.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Pace {
    begun: Instant,
    files_total: u64,
    bytes_total: Option<u64>,
    files: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Pace {
    /// Nothing is read yet.
    pub(in crate::cli) fn new(files: &InputFiles) -> Self {
        Self {
            begun: Instant::now(),
            files_total: u64::try_from(files.files.len()).unwrap_or(u64::MAX),
            bytes_total: files.bytes(),
            files: Arc::default(),
            bytes: Arc::default(),
        }
    }

    /// What counts the bytes that are read.
    pub(in crate::cli) fn bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }

    /// A file is read.
    pub(in crate::cli) fn file_ends(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// `importing: 1,200 records, 3 of 10 files, 1.2 MiB of 4.0 MiB (30%), 12 s left`
    pub(in crate::cli) fn line(&self, doing: &str, records: u64) -> String {
        self.line_after(doing, records, self.begun.elapsed())
    }

    fn line_after(&self, doing: &str, records: u64, passed: Duration) -> String {
        let (files, bytes) = (self.files.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        let mut line = format!("{doing}: {}", counted(records, "record"));
        if self.files_total > 1 {
            line = format!("{line}, {} of {} files", thousands(files), thousands(self.files_total));
        }
        let Some(total) = self.bytes_total else { return format!("{line}, {}", size(bytes)) };
        let percent = bytes.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
        line = format!("{line}, {} of {} ({percent}%)", size(bytes), size(total));
        let left = u128::from(total.saturating_sub(bytes));
        match (passed.as_millis() * left).checked_div(u128::from(bytes)) {
            Some(millis) if passed >= FORESEEN_AFTER => {
                let seconds = millis.div_ceil(1_000);
                let left = if seconds < 100 {
                    format!("{seconds} s")
                } else {
                    format!("{} min", seconds.div_ceil(60))
                };
                format!("{line}, {left} left")
            }
            Some(_) | None => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_is_said_with_the_time_that_is_left() {
        let mut pace =
            Pace { files_total: 10, bytes_total: Some(4_096), ..Pace::new(&InputFiles::default()) };
        pace.file_ends();
        pace.bytes().fetch_add(1_024, Ordering::Relaxed);
        let after = |pace: &Pace, seconds| pace.line_after("importing", 1_200, Duration::from_secs(seconds));
        let far = "importing: 1,200 records, 1 of 10 files, 1.0 KiB of 4.0 KiB (25%)";
        assert_eq!(after(&pace, 1), far);
        assert_eq!(after(&pace, 4), format!("{far}, 12 s left"));
        assert_eq!(after(&pace, 60), format!("{far}, 3 min left"));
        (pace.files_total, pace.bytes_total) = (1, None);
        assert_eq!(after(&pace, 60), "importing: 1,200 records, 1.0 KiB");
    }
}
