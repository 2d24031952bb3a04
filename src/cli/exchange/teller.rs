//! Tells what happens: what is wrong as it comes, how far it is, and what came of it in the end.

use std::collections::BTreeMap;

use crate::{
    cli::{
        failure::Failure,
        json,
        output::{Output, note},
        progress::Progress,
        render::printable,
        table::{counted, thousands},
    },
    proto::v1::{self, import_response::Event},
};

/// Problems that are told one by one.
const PROBLEMS_TOLD: u64 = 20;
/// What a line of JSON is.
const EVENT: &str = "spandrel.v1.ImportResponse";

/// Tells it to people on stderr and in the end on stdout, or to programs as lines of JSON on stdout; on stderr alone where
/// stdout is what is written.
pub(in crate::cli) struct Teller<'o> {
    output: &'o mut Output,
    takes_stdout: bool,
    progress: Progress,
    problems: u64,
    reasons: BTreeMap<String, u64>,
}

impl<'o> Teller<'o> {
    /// `takes_stdout` where files are written to stdout.
    pub(in crate::cli) fn new(output: &'o mut Output, takes_stdout: bool) -> Self {
        Self { output, takes_stdout, progress: Progress::new(), problems: 0, reasons: BTreeMap::new() }
    }

    /// Whether programs are told.
    pub(in crate::cli) fn is_json(&self) -> bool {
        self.output.json
    }

    /// How far it is.
    pub(in crate::cli) fn far(&mut self, line: impl FnOnce() -> String) {
        self.progress.say(line);
    }

    /// What something is read as, or written as, to people.
    pub(in crate::cli) fn remark(&mut self, remark: &str) {
        if !self.output.json {
            self.progress.clear();
            note(remark);
        }
    }

    /// What is wrong with a file.
    pub(in crate::cli) fn problem(&mut self, problem: v1::Problem) -> Result<(), Failure> {
        self.problems = self.problems.saturating_add(1);
        let of_reason = self.reasons.entry(problem.reason.clone()).or_default();
        *of_reason = of_reason.saturating_add(1);
        if self.output.json {
            return self.event(Event::Problem(problem));
        }
        if self.problems <= PROBLEMS_TOLD {
            self.progress.clear();
            note(&said(&problem));
        }
        Ok(())
    }

    /// An event, to programs.
    pub(in crate::cli) fn event(&mut self, event: Event) -> Result<(), Failure> {
        self.line(&json::line(EVENT, &v1::ImportResponse { event: Some(event) }, &[])?)
    }

    /// What came of it: an event to programs, and to people `words`, with how many problems were not told.
    pub(in crate::cli) fn end(mut self, summary: v1::ExchangeSummary, words: &str) -> Result<(), Failure> {
        self.progress.clear();
        let failed = summary.failed.max(self.problems);
        if self.output.json {
            self.event(Event::Summary(summary))?;
        } else {
            note(&self.untold());
            if self.takes_stdout {
                note(words);
            } else {
                self.output.print(words)?;
            }
        }
        if failed == 0 {
            return Ok(());
        }
        Err(Failure::Local(format!("{} refused", counted(failed, "record"))))
    }

    /// How many problems were not told, and of which kinds all are.
    pub(in crate::cli) fn untold(&self) -> String {
        let more = self.problems.saturating_sub(PROBLEMS_TOLD);
        if more == 0 || self.output.json {
            return String::new();
        }
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let reasons: Vec<_> = reasons
            .iter()
            .map(|(reason, count)| format!("{} {}", thousands(**count), printable(reason)))
            .collect();
        format!("{} more; of all: {}\n", thousands(more), reasons.join(", "))
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        let line = format!("{line}\n");
        if self.takes_stdout {
            note(&line);
            return Ok(());
        }
        self.output.print(&line)
    }
}

/// `a.ann:3: QUOTE_MISMATCH: T1.quote: ...`
fn said(problem: &v1::Problem) -> String {
    let v1::Problem { path, line, reason, message } = problem;
    let line = if *line == 0 { String::new() } else { format!(":{line}") };
    format!("{}{line}: {}: {}\n", printable(path), printable(reason), printable(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_file_and_line() {
        let problem = v1::Problem {
            path: "a/b.ann".to_owned(),
            line: 3,
            reason: "QUOTE_MISMATCH".to_owned(),
            message: "T1: no\nmatch".to_owned(),
        };
        assert_eq!(said(&problem), "a/b.ann:3: QUOTE_MISMATCH: T1: no↵match\n");
        assert!(said(&v1::Problem { line: 0, ..problem }).starts_with("a/b.ann: QUOTE_MISMATCH: "));
    }
}
