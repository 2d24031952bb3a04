//! `spandrel verify`.

use clap::Args;
use serde_json::json;

use super::{
    failure::Failure,
    output::Output,
    progress::Progress,
    render::printable,
    table::{counted, thousands},
};
use crate::{
    config::VerifyArgs,
    verify::{self, Report, WAY_BACK},
};

/// What `verify` takes.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    args: VerifyArgs,
}

impl Verify {
    /// Checks the folder and says what was found.
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let VerifyArgs { data_dir, cache } = self.args;
        let report = {
            let mut progress = Progress::new();
            verify::run(&data_dir, cache, &mut |report| progress.say(|| line(report)))
        };
        let report = report.map_err(|failure| Failure::Local(failure.to_string()))?;
        if output.json {
            print_json(output, &report)?;
        } else {
            output.print(&summary(&report))?;
        }
        if report.problem_count == 0 {
            return Ok(());
        }
        let problems = counted(report.problem_count, "problem");
        Err(Failure::Local(format!("{problems} in {}; {WAY_BACK}", data_dir.display())))
    }
}

/// Each problem on a line of its own, then what there is.
fn summary(report: &Report) -> String {
    let Report {
        projects,
        articles,
        text_bytes,
        annotations,
        log_commits,
        rows,
        deleted_articles,
        unswept,
        problem_count,
        problems,
    } = report;
    let mut lines: Vec<_> = problems.iter().map(|problem| printable(problem)).collect();
    let unlisted = problem_count.saturating_sub(u64::try_from(problems.len()).unwrap_or(u64::MAX));
    if unlisted > 0 {
        lines.push(format!("and {} more", thousands(unlisted)));
    }
    lines.push(format!(
        "{}, {} with {}, {}; {} in the logs, {} in all",
        counted(*projects, "project"),
        counted(*articles, "article"),
        counted(*text_bytes, "byte"),
        counted(*annotations, "annotation"),
        counted(*log_commits, "commit"),
        counted(*rows, "row"),
    ));
    if *deleted_articles > 0 {
        let what = "kept as long as the deletion can be undone";
        lines.push(format!("{}, {what}", counted(*deleted_articles, "deleted article")));
    }
    if *unswept > 0 {
        let what = "that deletions and cut off creations left; the next start of a server sweeps it";
        lines.push(format!("{} of articles and projects {what}", counted(*unswept, "rest")));
    }
    lines.push(if *problem_count == 0 {
        "everything is as it should be".to_owned()
    } else {
        format!("{} found", counted(*problem_count, "problem"))
    });
    lines.push(String::new());
    lines.join("\n")
}

/// As protobuf JSON would have it: 64 bits are strings.
fn print_json(output: &mut Output, report: &Report) -> Result<(), Failure> {
    let Report {
        projects,
        articles,
        text_bytes,
        annotations,
        log_commits,
        rows,
        deleted_articles,
        unswept,
        problem_count,
        problems,
    } = report;
    for problem in problems {
        output.print_value(&json!({ "problem": { "message": problem } }))?;
    }
    output.print_value(&json!({ "summary": {
        "projects": projects.to_string(),
        "articles": articles.to_string(),
        "textBytes": text_bytes.to_string(),
        "annotations": annotations.to_string(),
        "logCommits": log_commits.to_string(),
        "rows": rows.to_string(),
        "deletedArticles": deleted_articles.to_string(),
        "unswept": unswept.to_string(),
        "problemCount": problem_count.to_string(),
    } }))
}

fn line(report: &Report) -> String {
    format!(
        "checking: {}, {}, {}, {} in the logs, {}",
        counted(report.rows, "row"),
        counted(report.articles, "article"),
        counted(report.annotations, "annotation"),
        counted(report.log_commits, "commit"),
        counted(report.problem_count, "problem"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_what_is_wrong_and_what_there_is() {
        let check = |report: &Report, expected: &[&str]| {
            assert_eq!(summary(report).lines().collect::<Vec<_>>(), expected);
        };
        check(
            &Report { projects: 1, articles: 2_000, text_bytes: 5, annotations: 1, ..Report::default() },
            &[
                "1 project, 2,000 articles with 5 bytes, 1 annotation; 0 commits in the logs, 0 rows in all",
                "everything is as it should be",
            ],
        );
        let problems = vec!["projects/p: is\u{1b}[2J gone".to_owned()];
        check(
            &Report { deleted_articles: 3, unswept: 2, problem_count: 1_001, problems, ..Report::default() },
            &[
                "projects/p: is\u{241b}[2J gone",
                "and 1,000 more",
                "0 projects, 0 articles with 0 bytes, 0 annotations; 0 commits in the logs, 0 rows in all",
                "3 deleted articles, kept as long as the deletion can be undone",
                "2 rests of articles and projects that deletions and cut off creations left; the next start of a \
                 server sweeps it",
                "1,001 problems found",
            ],
        );
    }
}
