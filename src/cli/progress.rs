//! How far long work is: one line on stderr that is written again and again, where somebody looks at it.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use super::output::note;

/// Often enough to be seen moving.
const EVERY: Duration = Duration::from_millis(100);

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    is_shown: bool,
    written: Option<Instant>,
}

impl Progress {
    /// No line yet; there will be none unless stderr is a terminal.
    pub(super) fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal(), written: None }
    }

    /// Writes the line, unless it was written a moment ago.
    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if self.is_shown && self.written.is_none_or(|written| written.elapsed() >= EVERY) {
            self.written = Some(Instant::now());
            note(&format!("\r{}\u{1b}[K", line()));
        }
    }

    /// Leaves the line free for what is said next.
    pub(super) fn clear(&mut self) {
        if self.written.take().is_some() {
            note("\r\u{1b}[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
