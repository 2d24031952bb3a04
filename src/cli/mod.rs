//! The command line: a server, a client of one, and the check of what it keeps.
//!
//! People read tables and coloured text; with `--json` every answer is protobuf JSON, one object a line. Exit
//! codes: 0 done, 1 the server or the data said no, 2 wrong usage.

mod add;
mod annotate;
mod annotation;
mod arguments;
mod article;
mod attribute;
mod backup;
mod changes;
mod convert;
mod detail_arguments;
mod exchange;
mod export;
mod failure;
mod format_list;
mod import;
mod json;
mod layer;
mod log;
mod output;
mod page;
mod part_file;
mod progress;
mod project;
mod render;
mod restore;
mod revise;
mod schema;
mod serve;
mod source;
mod table;
mod target_arguments;
mod undo;
mod verify;
mod watch;
mod wording;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use failure::Failure;
use output::Output;

use crate::client::Server;

/// An annotation server: articles, and the spans that people and models mark in them.
#[derive(Debug, Parser)]
#[command(name = "spandrel", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every client command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The server that client commands talk to: HOST:PORT or http://HOST:PORT.
    #[arg(long, global = true, env = "SPANDREL_SERVER", value_name = "ADDRESS", value_parser = Server::parse,
          default_value = Server::DEFAULT)]
    server: Server,
    /// Answer in protobuf JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
    /// Whether to colour; auto colours a terminal unless `NO_COLOR` is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Check that everything in a data folder is as it should be, while no server uses it.
    Verify(verify::Verify),
    /// Make the file of a backup into a new data folder.
    ///
    /// Every project gets a new uid: etags and feeds of its former life end. What was deleted takes no place in the new
    /// folder, so that a backup and a restore make one small again that has grown and never shrinks by itself.
    Restore(restore::Restore),
    /// Make files of one format into files of another, without a server.
    ///
    /// What is wrong with the files is told with its file and line, and what the format cannot carry is counted. The exit
    /// code is 1 if anything was refused.
    Convert(convert::Convert),
    /// List the formats of import, export and convert: what each can and cannot carry, and what its offsets count.
    Formats(format_list::Formats),
    #[command(flatten)]
    Ask(Ask),
}

/// What a client asks of a server.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Ask {
    /// Create, list, show and delete projects.
    #[command(subcommand)]
    Project(project::Project),
    /// Add, list, show and delete articles.
    #[command(subcommand)]
    Article(article::Article),
    /// Say something of an article: of a span by its quote, its place or both, of other annotations, or of the whole.
    ///
    /// Each flag that says where a span is may be given several times: the first of each is about the first part of a
    /// discontinuous mention, the second about the second, and so on.
    Annotate(annotate::Annotate),
    /// List, show, change, review and delete annotations.
    #[command(subcommand)]
    Annotation(annotation::Annotation),
    /// Declare, list, submit, reopen and copy layers: each is one annotator's, or one model's, pass over the articles.
    #[command(subcommand)]
    Layer(layer::Layer),
    /// Show and set which labels, attributes and relations a project has.
    #[command(subcommand)]
    Schema(schema::Schema),
    /// Follow what is changed in a project, a line a change, until Ctrl-C.
    ///
    /// A server that is gone is waited for, and then nothing is missed and nothing told twice. + is what was created,
    /// ~ what was changed, − what was deleted, and = what there is when a snapshot was asked for. With --json each line
    /// is an event; after an "opened", a snapshot that was not at its end begins anew.
    Watch(watch::Watch),
    /// List what was changed in a project, the newest first.
    Log(log::Log),
    /// Take back what one commit did, by a commit that does the opposite.
    ///
    /// Where something was changed since, nothing is done, and what that is is said. An undo can be undone.
    Undo(undo::Undo),
    /// Import files of other tools, or of an export.
    ///
    /// What is wrong with a record is told with its file and line, and the others are imported; the exit code is then 1. An
    /// import may be run again: what is there already stays as it is. So one that was cut off goes on when it is run
    /// again. Files of a folder are called by their paths below it.
    Import(import::Import),
    /// Export a project for other tools, or to import it elsewhere.
    ///
    /// What the format cannot carry is counted and named. Files take their names once all are whole.
    Export(export::Export),
    /// Copy everything that a server keeps into a file, while it goes on serving.
    ///
    /// The file takes its name once it is whole. With - it goes to stdout: spandrel backup - | zstd > FILE.
    Backup(backup::Backup),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => {
            // Help that nobody reads to its end is not an error.
            let _ = help_or_error.print();
            return ExitCode::from(u8::try_from(help_or_error.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::of_process(cli.global.json, cli.global.color);
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Verify(verify) => verify.run(&mut output),
        Command::Restore(restore) => restore.run(&mut output),
        Command::Convert(convert) => convert.run(&mut output),
        Command::Formats(formats) => formats.run(&mut output),
        Command::Ask(ask) => ask.run(&cli.global.server, &mut output),
    };
    let outcome = outcome.and_then(|()| output.finish());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.report(&failure);
            failure.exit_code()
        }
    }
}

impl Ask {
    fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Local(format!("cannot start: {error}")))?;
        runtime.block_on(async {
            match self {
                Self::Project(project) => project.run(server, output).await,
                Self::Article(article) => article.run(server, output).await,
                Self::Annotate(annotate) => annotate.run(server, output).await,
                Self::Annotation(annotation) => annotation.run(server, output).await,
                Self::Layer(layer) => layer.run(server, output).await,
                Self::Schema(schema) => schema.run(server, output).await,
                Self::Watch(watch) => watch.run(server, output).await,
                Self::Log(log) => log.run(server, output).await,
                Self::Undo(undo) => undo.run(server, output).await,
                Self::Import(import) => import.run(server, output).await,
                Self::Export(export) => export.run(server, output).await,
                Self::Backup(backup) => backup.run(server, output).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_exits_with_2_and_help_with_0() {
        let check = |line: &str, code: i32| {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), code, "{line}: {error}");
        };
        check("spandrel --help", 0);
        check("spandrel article add --help", 0);
        check("spandrel", 2);
        check("spandrel verify /d", 2);
        check("spandrel verify --cache 7", 2);
        check("spandrel article add demo", 2);
        check("spandrel article show a/b c", 2);
        check("spandrel annotate p a --label L", 2);
        check("spandrel annotate p a --quote q", 2);
        check("spandrel annotate p a --label L --prefix x --utf8 1..2", 2);
        check("spandrel annotate p a --label L --utf8 2..1", 2);
        check("spandrel annotate p a --label L --quote q --id 7", 2);
        check("spandrel annotate p a --label L --relation Agent=7", 2);
        check("spandrel annotate p a --label L --whole-article --score 2", 2);
        check("spandrel annotate p a --label L --whole-article --state good", 2);
        check("spandrel annotate p a --label L --whole-article --attribute x", 2);
        check("spandrel annotation", 2);
        check("spandrel annotation list p", 2);
        check("spandrel annotation show p a", 2);
        check("spandrel annotation show p a 7", 2);
        check("spandrel annotation accept p a", 2);
        check("spandrel annotation update p a x --label L", 2);
        check("spandrel article show p a --layers apart", 2);
        check("spandrel project list --server https://example.org", 2);
        check("spandrel layer", 2);
        check("spandrel layer list p --article a/b", 2);
        check("spandrel layer create p l", 2);
        check("spandrel layer create p l --kind robot", 2);
        check("spandrel layer create p a/b --kind gold", 2);
        check("spandrel layer update p l --metadata x", 2);
        check("spandrel layer submit p a", 2);
        check("spandrel layer copy p a l", 2);
        check("spandrel layer copy p a l m --state good", 2);
        check("spandrel schema", 2);
        check("spandrel schema show p --format xml", 2);
        check("spandrel schema set p", 2);
        check("spandrel schema set p f --dry-run --force", 2);
        check("spandrel watch", 2);
        check("spandrel watch p --after 7 --earliest", 2);
        check("spandrel watch p --snapshot --earliest", 2);
        check("spandrel watch p --after -1", 2);
        check("spandrel watch p --article a/b", 2);
        check("spandrel log", 2);
        check("spandrel log p --limit 0", 2);
        check("spandrel log p --layer -", 2);
        check("spandrel undo p", 2);
        check("spandrel undo p 0", 2);
        check("spandrel undo p seven", 2);
        check("spandrel import p", 2);
        check("spandrel import p x --format y", 2);
        check("spandrel import p x --unit bytes", 2);
        check("spandrel import p x --layer a/b", 2);
        check("spandrel export", 2);
        check("spandrel export p --unit auto", 2);
        check("spandrel convert x", 2);
        check("spandrel convert --to native", 2);
        check("spandrel formats x", 2);
        check("spandrel backup", 2);
        check("spandrel restore backup.spandrel", 2);
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table of commands")]
    fn every_command_parses() {
        let check = |line: &str| {
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        };
        check("spandrel serve");
        check("spandrel verify --data-dir /d --cache 1GiB --json");
        check("spandrel project create demo --display-name Demo --metadata a=b --json");
        check("spandrel project list --server localhost:1 --color never");
        check("spandrel project show projects/demo");
        check("spandrel project delete demo --force");
        check("spandrel article add demo a.txt - --language en --create-project");
        check("spandrel article list demo");
        check("spandrel article show demo a --layer gold --marks brackets");
        check("spandrel article show demo a --plain");
        check("spandrel article delete demo a --force");
        check("spandrel annotate demo a --label ORG --quote Huawei --prefix --The --suffix -x");
        check("spandrel annotate demo a --label ORG --utf8 1..2 --utf16 1..2 --code-points 1..2 --quote x");
        check("spandrel annotate demo a --label ORG --utf8 1..2 --utf8 5..8 --validate-only");
        check("spandrel annotate demo a --label ORG --quote q --id 0190163d-8694-739b-aea5-966c26f8ad91");
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        check(&format!(
            "spandrel annotate demo a --label R --relation Arg1={id} --relation {id} --layer gold"
        ));
        check(
            "spandrel annotate demo a --label L --whole-article --attribute a=1 --attribute b=[x] --note - --score 1",
        );
        check("spandrel annotate demo a --label L --utf8 1..2 --text-revision 2 --state suggested");
        check("spandrel annotation list demo a --layer gold --label ORG --json");
        check(&format!("spandrel annotation show demo a {id}"));
        check(&format!("spandrel annotation show demo a projects/demo/articles/a/annotations/{id}"));
        check(&format!("spandrel annotation update demo a {id} --label ORG --quote q --no-score --etag x"));
        check(&format!(
            "spandrel annotation update demo a {id} --no-attribute a --no-derived-from --validate-only"
        ));
        check(&format!("spandrel annotation accept demo a {id} {id}"));
        check(&format!("spandrel annotation reject demo a {id} --reason -"));
        check(&format!("spandrel annotation delete demo a {id} --force"));
        check("spandrel article show demo a --layers side-by-side --layer x --layer y");
        check("spandrel layer list demo --json");
        check("spandrel layer list demo --article a");
        check("spandrel layer show demo gold --article a");
        check("spandrel layer create demo spacy-3.8 --kind model --annotator core_web_trf --metadata a=b");
        check("spandrel layer update demo gold --description -x --no-metadata a --etag x");
        check("spandrel layer delete demo gold --force");
        check("spandrel layer submit demo a gold");
        check("spandrel layer reopen demo a gold");
        check(
            "spandrel layer copy demo a spacy alice --state suggested --only-state accepted --label A --label -B",
        );
        check("spandrel layer copy demo a spacy alice --force --dry-run --json");
        check("spandrel schema show demo --format outline");
        check("spandrel schema show projects/demo --json");
        check("spandrel schema set demo - --format label-studio --dry-run");
        check("spandrel schema set demo annotation.conf --visual v --shortcuts s --force --etag x");
        check("spandrel watch demo");
        check("spandrel watch demo --article a --layer gold --after 7 --json");
        check("spandrel watch projects/demo --earliest");
        check("spandrel watch demo --snapshot");
        check("spandrel log demo --limit 10 --oldest-first --after 3 --article a --annotation x --layer l");
        check("spandrel undo demo 12");
        check("spandrel undo demo 12 --validate-only --json");
        check("spandrel import demo a.txt folder - --format brat --layer gold --unit auto --import-id x");
        check("spandrel import demo - --validate-only --stop-on-error --json");
        check("spandrel export demo");
        check("spandrel export demo --format brat -o x --layer a --layer b --filter x --unit utf16 --force");
        check(
            "spandrel convert x - --to brat --from native --output y --layer l --unit code-points --to-unit utf8",
        );
        check("spandrel formats brat --json");
        check("spandrel backup monday.backup --force --json");
        check("spandrel backup -");
        check("spandrel restore - --data-dir new");
    }
}
