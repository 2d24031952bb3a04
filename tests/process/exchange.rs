//! `spandrel import`, `export`, `convert` and `formats`: what goes in comes out again, what is wrong is told with its file and
//! line, and what was cut off goes on.

mod corpora;
mod cut_off;
mod offline;

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    command::{beside, names, spandrel, text},
    support::Server,
};

const ADA: &str = r#"{"article":{"id":"ada","title":"Ada","text":"😀 Ada met Bob.","sourceUri":"letters/ada.txt"}}
{"annotation":{"id":"T1","layer":"alice","label":"PER","anchor":{"spans":[{"utf16":{"start":3,"end":6},"quote":"Ada"}]},"note":"a countess","score":0.5}}
{"annotation":{"id":"T2","layer":"alice","label":"PER","anchor":{"spans":[{"utf16":{"start":11,"end":14},"quote":"Bob"}]}}}
{"annotation":{"id":"R1","layer":"alice","label":"meets","relation":{"arguments":[{"role":"who","annotation":"T1"},{"role":"whom","annotation":"T2"}]}}}
"#;

const BOB: &str = r#"{"article":{"id":"bob","text":"Bob left."}}
{"annotation":{"label":"PER","anchor":{"spans":[{"quote":"Bob"}]}}}
"#;

struct Terminal {
    server: Server,
    folder: tempfile::TempDir,
}

impl Terminal {
    /// With the empty project `p`.
    async fn start() -> Self {
        let server = Server::start();
        server.client().await.create_project("p").await;
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// What a command writes to stdout and stderr.
    async fn run(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let global = ["--server", &self.server.address, "--color", "never"];
        beside(code, &[&global, arguments].concat()).await
    }

    async fn export(&self) -> String {
        self.run(0, &["export", "p"]).await.0
    }
}

/// Runs the binary with something on stdin.
fn fed(code: i32, arguments: &[&str], input: &[u8]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
    let piped = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{out}\n{error}");
    (out, error)
}

/// Each line as JSON.
fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_folder_is_imported_once_and_exported_again() {
    let terminal = Terminal::start().await;
    terminal.file("in/z.jsonl", ADA);
    terminal.file("in/deep/b.jsonl", BOB);
    terminal.file("in/.hidden", "nothing");
    let folder = terminal.path("in");
    let (out, said) = terminal.run(0, &["import", "p", &folder]).await;
    assert!(out.starts_with("imported 2 articles and 4 annotations into projects/p, revision "), "{out}");
    assert_eq!(out.lines().count(), 1, "{out}");
    assert_eq!(said, "reads as Spandrel JSON lines; say --format to read it otherwise\n");
    let exported = terminal.export().await;

    let (out, said) = terminal.run(0, &["import", "p", &folder, "--format", "native"]).await;
    assert_eq!(
        (out.as_str(), said.as_str()),
        ("imported 2 articles and 4 annotations into projects/p\n  6 of them there already\n", "")
    );
    assert_eq!(terminal.export().await, exported);

    let file = terminal.path("out.jsonl");
    let (out, said) = terminal.run(0, &["export", "p", "--output", &file]).await;
    assert!(out.starts_with("exported 2 articles and 4 annotations of projects/p at revision "), "{out}");
    assert!(out.contains(" as Spandrel JSON lines\n") && out.ends_with(&format!(" in {file}\n")), "{out}");
    assert_eq!((said.as_str(), fs::read_to_string(&file).unwrap()), ("", exported.clone()));
    let (_, said) = terminal.run(1, &["export", "p", "--output", &file]).await;
    assert!(said.contains("exists; name another file, or replace it with --force"), "{said}");
    terminal.run(0, &["export", "p", "--output", &file, "--force"]).await;

    // Into another project, it says the same.
    terminal.run(0, &["project", "create", "q"]).await;
    terminal.run(0, &["import", "q", &file]).await;
    let (again, _) = terminal.run(0, &["export", "q"]).await;
    let without_times = |exported: &str| {
        let mut lines = lines(exported);
        for line in &mut lines {
            for (_, fields) in line.as_object_mut().unwrap() {
                fields.as_object_mut().unwrap().retain(|name, _| !name.ends_with("Time"));
            }
        }
        lines
    };
    assert_eq!(without_times(&again), without_times(&exported));
    assert!(exported.contains("letters/ada.txt") && exported.contains("a countess"), "{exported}");
}

#[tokio::test]
async fn a_folder_is_written_whole_or_not_at_all() {
    let terminal = Terminal::start().await;
    terminal.run(0, &["import", "p", &terminal.file("b.jsonl", BOB)]).await;
    let folder = terminal.path("out/deep/");
    let (out, _) = terminal.run(0, &["export", "p", "--output", &folder, "--format", "native"]).await;
    assert!(out.contains("\n  1 file, ") && out.ends_with(&format!(" in {folder}\n")), "{out}");
    let written = names(Path::new(&folder));
    assert_eq!(written.len(), 1);
    let written = fs::read_to_string(Path::new(&folder).join(&written[0])).unwrap();
    assert_eq!(written, terminal.export().await);
    let (_, said) = terminal.run(1, &["export", "p", "--output", &folder]).await;
    assert!(said.contains(" already; name a folder that is empty, or is not there yet"), "{said}");
    let (_, said) = terminal.run(2, &["export", "p", "--format", "parquet"]).await;
    assert!(said.contains("say where with --output FOLDER"), "{said}");
    let (_, said) = terminal.run(1, &["export", "none", "--output", &terminal.path("none")]).await;
    assert!(said.contains("projects/none does not exist"), "{said}");
    assert_eq!(names(terminal.folder.path()), ["b.jsonl", "out"]);
    assert_eq!(names(&terminal.folder.path().join("out")), ["deep"]);
}

#[tokio::test]
async fn a_folder_of_brat_comes_back_as_it_was() {
    const CONF: &str =
        "[entities]\nPER\n\n[relations]\nmeets\tArg1:PER, Arg2:PER\n\n[events]\n\n[attributes]\n";
    const ANN: &str = "T1\tPER 2 5\tAda\nT2\tPER 10 13\tBob\nR1\tmeets Arg1:T1 Arg2:T2\t\n#1\tAnnotatorNotes T1\ta countess\n";
    let terminal = Terminal::start().await;
    for (name, content) in [
        ("ada.txt", "😀 Ada met Bob.\n"),
        ("ada.ann", ANN),
        ("deep/empty.txt", "Nobody."),
        ("deep/empty.ann", ""),
        ("annotation.conf", CONF),
    ] {
        terminal.file(&format!("in/{name}"), content);
    }
    let (out, said) = terminal.run(0, &["import", "p", &terminal.path("in"), "--layer", "gold"]).await;
    assert!(out.starts_with("imported 2 articles, 3 annotations and 1 record of the project into "), "{out}");
    assert!(said.starts_with("reads as brat standoff; say --format "), "{said}");
    let (out, _) = terminal.run(0, &["export", "p", "--format", "brat", "-o", &terminal.path("out")]).await;
    assert!(out.contains("brat standoff cannot carry:\n") && out.contains("      3  layers: ada/"), "{out}");
    for name in ["ada.txt", "ada.ann", "deep/empty.txt", "deep/empty.ann"] {
        let [one, other] =
            ["in", "out"].map(|folder| fs::read(terminal.path(&format!("{folder}/{name}"))).unwrap());
        assert_eq!(one, other, "{name}");
    }
    // And without a server.
    let to = |format: &'static str, from: &str, to: &str| {
        let (from, to) = (terminal.path(from), terminal.path(to));
        spandrel(0, &["convert", &from, "--to", format, "-o", &to])
    };
    to("native", "in", "converted.jsonl");
    let (out, _) = to("brat", "converted.jsonl", "again");
    assert!(
        out.starts_with("converted 2 articles, 3 annotations and 1 record of the project from Spandrel"),
        "{out}"
    );
    assert_eq!(fs::read_to_string(terminal.path("again/ada.ann")).unwrap(), ANN);
    assert_eq!(names(&terminal.folder.path().join("again/deep")), ["empty.ann", "empty.txt"]);
}

#[tokio::test]
async fn only_what_is_asked_for_is_exported() {
    let terminal = Terminal::start().await;
    terminal.run(0, &["import", "p", &terminal.file("a.jsonl", ADA), &terminal.file("b.jsonl", BOB)]).await;
    let (out, said) = terminal.run(0, &["export", "p", "--layer", "alice", "--filter", "label = PER"]).await;
    assert_eq!(out.matches("\"label\":\"PER\"").count(), 2, "{out}");
    assert_eq!((out.matches("\"label\"").count(), out.matches("\"article\":").count()), (2, 2), "{out}");
    assert!(said.starts_with("exported 2 articles and 2 annotations of projects/p at "), "{said}");
    assert!(said.contains(" on stdout\n"), "{said}");
    let (_, said) = terminal.run(1, &["export", "p", "--filter", "label ="]).await;
    assert!(said.contains("reason  FIELD_INVALID"), "{said}");
    let (_, said) = terminal.run(0, &["export", "p", "--json"]).await;
    assert_eq!(lines(&said)[0]["summary"]["annotations"], "4");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_line_and_the_rest_is_imported() {
    let terminal = Terminal::start().await;
    let cut = ADA.len() - 30;
    terminal.file("in/cut.jsonl", &ADA.as_bytes()[..cut]);
    let mut latin = BOB.replace("left", "lXft").into_bytes();
    let at = latin.iter().position(|byte| *byte == b'X').unwrap();
    latin[at] = 0xe9;
    terminal.file("in/latin.jsonl", &latin);
    terminal.file("in/wrong.jsonl", BOB.replace("\"Bob\"", "\"Eve\"").replace("bob", "eve"));
    let folder = terminal.path("in");

    let (out, said) = terminal.run(1, &["import", "p", &folder, "--validate-only"]).await;
    assert!(out.starts_with("valid, not stored: 2 articles and 2 annotations\n"), "{out}");
    assert!(said.contains("cut.jsonl:4: RECORD_INVALID: "), "{said}");
    assert_eq!(terminal.export().await, "");

    let (out, said) = terminal.run(1, &["import", "p", &folder]).await;
    assert!(out.starts_with("imported 2 articles and 2 annotations into projects/p, revision "), "{out}");
    assert!(out.ends_with(" records refused\n"), "{out}");
    assert!(said.contains("cut.jsonl:4: RECORD_INVALID: "), "{said}");
    assert!(said.contains("latin.jsonl:1: RECORD_INVALID: is not UTF-8: the byte 0xE9 at byte "), "{said}");
    assert!(said.contains("it may be ISO-8859-1, which iconv -f ISO-8859-1 -t UTF-8 converts"), "{said}");
    assert!(said.contains("wrong.jsonl:2: QUOTE_NOT_FOUND: "), "{said}");
    assert!(said.ends_with(" records refused\n"), "{said}");

    let (out, _) = terminal.run(1, &["import", "p", &folder, "--json"]).await;
    let events = lines(&out);
    let (summary, problems) = events.split_last().unwrap();
    assert!(problems.iter().all(|event| event["problem"]["message"].is_string()), "{out}");
    assert_eq!(problems[0]["problem"]["path"], "cut.jsonl");
    assert_eq!(problems[0]["problem"]["line"], "4");
    assert_eq!(summary["summary"]["failed"], problems.len().to_string());
    assert_eq!(summary["summary"]["present"], "4");

    let (_, said) = terminal.run(1, &["import", "p", &folder, "--stop-on-error"]).await;
    assert_eq!(said.matches("RECORD_INVALID").count(), 1, "{said}");
}

#[tokio::test]
async fn many_problems_are_counted() {
    let terminal = Terminal::start().await;
    let file = terminal.file(
        "a.jsonl",
        ADA.to_owned() + &"{}\n".repeat(30) + &"{\"annotation\":{\"label\":\"\"}}\n".repeat(5),
    );
    let (_, said) = terminal.run(1, &["import", "p", &file]).await;
    assert_eq!(said.matches("a.jsonl:").count(), 20, "{said}");
    assert!(said.contains("\n15 more; of all: "), "{said}");
    let (out, _) = terminal.run(1, &["import", "p", &file, "--json"]).await;
    assert_eq!(lines(&out).iter().filter(|event| event["problem"].is_object()).count(), 35);
}

#[tokio::test]
async fn stdin_is_imported() {
    let terminal = Terminal::start().await;
    let address = terminal.server.address.clone();
    let import = move |code, arguments: &'static [&'static str], input: &'static [u8]| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || {
            fed(code, &[&["--server", &address, "import", "p"], arguments].concat(), input)
        })
    };
    let (out, said) = import(0, &["-", "--layer", "gold"], BOB.as_bytes()).await.unwrap();
    assert!(out.starts_with("imported 1 article and 1 annotation into projects/p"), "{out}");
    assert!(said.starts_with("reads as Spandrel JSON lines"), "{said}");
    assert!(terminal.export().await.contains("\"layer\":\"gold\""));
    // More than one message of it, after what showed its format.
    let many: &'static str = (0..10_000)
        .fold(String::new(), |many, id| many + &BOB.replace("\"bob\"", &format!("\"b{id}\"")))
        .leak();
    let (out, _) = import(0, &["-"], many.as_bytes()).await.unwrap();
    assert!(out.starts_with("imported 10,000 articles and 10,000 annotations into"), "{out}");
    let (_, said) = import(1, &["-"], b"{\"article\":{\"id\":\"x\",").await.unwrap();
    assert!(said.contains("stdin:1: RECORD_INVALID: "), "{said}");
}

#[tokio::test]
async fn what_cannot_be_imported_is_found_out_before_anything_is() {
    let terminal = Terminal::start().await;
    let bob = terminal.file("b.jsonl", BOB);
    let (_, said) = terminal.run(1, &["import", "p", &bob, &terminal.path("missing")]).await;
    assert!(said.contains("missing: No such file"), "{said}");
    let (_, said) = terminal.run(2, &["import", "p", &bob, &terminal.file("two/b.jsonl", BOB)]).await;
    assert!(said.contains("would both be called b.jsonl"), "{said}");
    let (_, said) = terminal.run(2, &["import", "p", &bob, "--format", "word"]).await;
    assert!(said.contains("native, doccano, label-studio"), "{said}");
    let (_, said) = terminal.run(2, &["import", "p", &terminal.file("shapeless", "\u{1}")]).await;
    assert!(
        said.contains("nothing shows what shapeless is; say it with --format, one of native, "),
        "{said}"
    );
    assert_eq!(terminal.export().await, "");
    let (_, said) = terminal.run(1, &["import", "q", &bob]).await;
    assert!(said.contains("hint    create it with: spandrel project create q"), "{said}");
    let (_, said) = spandrel(1, &["--server", "127.0.0.1:1", "import", "p", &bob]);
    assert!(said.contains("cannot reach a server"), "{said}");
}

const KEPT: &str = r#"{"article":{"id":"old","text":"Ada left Bob.","olderTexts":[{"text":"Ada met Bob."}],"submittedLayers":[{"layer":"alice"}],"createTime":"2001-02-03T04:05:06Z"}}
{"annotation":{"id":"T1","layer":"alice","label":"PER","anchor":{"spans":[{"quote":"Ada"}]},"createTime":"2001-02-03T04:05:06Z","updateTime":"2002-02-03T04:05:06Z"}}
{"annotation":{"id":"T2","layer":"alice","label":"VERB","anchor":{"spans":[{"quote":"met"}]},"textRevision":1,"anchoring":{"result":"ANCHORING_RESULT_ORPHANED","fromTextRevision":1,"needsReview":true}}}
"#;

/// Imported annotations had the times of their files, and a check of the folder took each of them for damage.
#[tokio::test]
async fn what_was_made_before_is_stored_as_well_as_anything() {
    let mut terminal = Terminal::start().await;
    let file = terminal.file("old.jsonl", KEPT);
    terminal.run(0, &["import", "p", &file]).await;
    let exported = terminal.export().await;
    let lines = lines(&exported);
    assert_eq!(lines[0]["article"]["createTime"], "2001-02-03T04:05:06Z");
    assert_eq!(lines[1]["annotation"]["createTime"], "2001-02-03T04:05:06Z");
    assert_eq!(lines[2]["annotation"]["textRevision"], 1);
    let backup = terminal.path("all.spandrel");
    terminal.run(0, &["backup", &backup]).await;
    assert!(terminal.server.stop().await.success());
    spandrel(0, &["verify", "--data-dir", text(terminal.server.data_dir())]);
    let restored = terminal.path("restored");
    spandrel(0, &["restore", &backup, "--data-dir", &restored]);
    spandrel(0, &["verify", "--data-dir", &restored]);
}
