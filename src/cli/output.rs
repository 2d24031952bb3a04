//! Where answers go.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use prost::Message;

use super::{Color, failure::Failure, json};

/// Columns where there is no terminal to ask.
const COLUMNS_DEFAULT: usize = 100;

/// Stdout and stderr of a command.
pub(super) struct Output {
    /// Whether answers are JSON.
    pub(super) json: bool,
    /// Whether answers are coloured.
    pub(super) color: bool,
    /// Whether somebody looks at the answers as they come.
    pub(super) is_terminal: bool,
    /// Columns of the terminal.
    pub(super) width: usize,
    out: Box<dyn Write>,
    errors: Errors,
}

/// How stderr is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errors {
    Plain,
    Colored,
}

impl Output {
    /// The streams of this process.
    pub(super) fn of_process(json: bool, color: Color) -> Self {
        let chosen = |auto: ColorChoice| match color {
            Color::Auto => auto != ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        let is_terminal = io::stdout().is_terminal();
        let color_out = chosen(AutoStream::choice(&io::stdout()));
        // Bytes go out as they are unless colours have to be translated for an old console.
        let out: Box<dyn Write> = if color_out {
            Box::new(BufWriter::new(AutoStream::always(io::stdout())))
        } else {
            Box::new(BufWriter::new(io::stdout()))
        };
        let width = terminal_size::terminal_size()
            .filter(|_| is_terminal)
            .map_or(COLUMNS_DEFAULT, |(terminal_size::Width(columns), _)| usize::from(columns));
        let errors = if chosen(AutoStream::choice(&io::stderr())) { Errors::Colored } else { Errors::Plain };
        Self { json, color: color_out, is_terminal, width, out, errors }
    }

    /// Writes text that a terminal may print.
    pub(super) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes())?;
        if self.is_terminal {
            self.out.flush()?;
        }
        Ok(())
    }

    /// Writes a message as a line of JSON.
    pub(super) fn print_json<M: Message>(
        &mut self,
        full_name: &str,
        message: &M,
        not_sent: &[&str],
    ) -> Result<(), Failure> {
        let line = json::line(full_name, message, not_sent)?;
        self.print(&line)?;
        self.print("\n")
    }

    /// Writes a line of JSON that is no message of the API.
    pub(super) fn print_value(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        self.print(&json::harmless(&value.to_string()))?;
        self.print("\n")
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }

    /// Says on stderr why something failed.
    pub(super) fn report(&mut self, failure: &Failure) {
        // Whoever cannot read stderr learns it from the exit code.
        let _ = self.out.flush();
        note(&failure.message(self.json, self.errors == Errors::Colored));
    }

    /// Says on stderr why one of several things failed, on a line of its own.
    pub(super) fn report_and_go_on(&mut self, failure: &Failure) {
        if self.shows_progress() {
            note("\n");
        }
        self.report(failure);
    }

    /// Whether progress on stderr is seen, and not mixed with the answers.
    pub(super) fn shows_progress(&self) -> bool {
        io::stderr().is_terminal() && !self.is_terminal
    }
}

/// Writes to stderr.
pub(super) fn note(text: &str) {
    let mut stderr = io::stderr().lock();
    // There is nowhere left to say that it cannot be written.
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
