//! `spandrel schema`: a schema that was shown is set again, and files of others become one.

use std::fs;

use serde_json::Value;

use crate::{
    command::{beside, spandrel, text},
    support::Server,
};

const SCHEMA: &str = "mode: closed
labels:
  - label: Entity
    abstract: true
  - label: ORG
    kinds: [spans]
    parent: Entity
    color: \"#1f77b4\"
    span_rules:
      overlap: none
attributes:
  - name: certainty
    kind: string
    allowed_values: [low, high]
    default_value: high
";

const BRAT: &str = "[entities]\nPerson\nOrg\n\n[relations]\nEmployment\tArg1:Person, Arg2:Org\n
[events]\nMerge\tOrg+:Org\n\n[attributes]\nNegation\tArg:<EVENT>\n";

struct Terminal {
    server: Server,
    folder: tempfile::TempDir,
}

impl Terminal {
    /// With the project `p` and its article `a`.
    async fn start() -> Self {
        let server = Server::start();
        server.client_with_article("IBM has its seat in Armonk.").await;
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        text(&path).to_owned()
    }

    /// What a command writes to stdout and stderr.
    async fn run(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let global = ["--server", &self.server.address, "--color", "never"];
        beside(code, &[&global, arguments].concat()).await
    }

    async fn out(&self, arguments: &[&str]) -> String {
        self.run(0, arguments).await.0
    }

    async fn shown(&self) -> String {
        let shown = self.out(&["schema", "show", "p"]).await;
        let (head, schema) = shown.split_once('\n').unwrap();
        assert!(head.starts_with("# projects/p/labelSchema, "), "{head}");
        schema.to_owned()
    }
}

#[tokio::test]
async fn a_schema_is_set_shown_and_set_again_in_each_form() {
    let terminal = Terminal::start().await;
    assert_eq!(terminal.out(&["schema", "show", "p"]).await, "# projects/p/labelSchema, never set\n{}\n");

    let file = terminal.file("schema.yaml", SCHEMA);
    let (out, said) = terminal.run(0, &["schema", "set", "p", &file]).await;
    assert!(out.starts_with("set projects/p/labelSchema, revision 3, etag "), "{out}");
    assert!(out.ends_with(": closed, 2 labels, 1 attribute\n"), "{out}");
    assert_eq!(said, format!("{file} is read as a label schema in YAML; --format says otherwise\n"));
    assert_eq!(terminal.shown().await, SCHEMA);

    // What was shown, with the comment above it, is a file.
    for format in ["yaml", "json"] {
        let shown = terminal.out(&["schema", "show", "p", "--format", format]).await;
        let file = terminal.file("shown", &shown);
        let (_, said) = terminal.run(0, &["schema", "set", "p", &file]).await;
        assert!(said.contains(&format!("schema in {}", format.to_uppercase())), "{said}");
        assert_eq!(terminal.shown().await, SCHEMA);
    }
    let outline = terminal.out(&["schema", "show", "p", "--format", "outline"]).await;
    assert!(outline.contains("\n  Entity  (abstract)\n  └ ORG  spans, no overlaps\n"), "{outline}");

    let out = terminal.out(&["--json", "schema", "show", "p"]).await;
    let message: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&message["mode"], &message["revision"]), (&"LABEL_SCHEMA_MODE_CLOSED".into(), &"5".into()));
    assert_eq!(message["labels"][1]["spanRules"]["overlap"], "OVERLAP_NONE");
    let log = terminal.out(&["log", "p", "--limit", "1"]).await;
    assert!(log.contains("label schema"), "{log}");
}

#[tokio::test]
async fn files_of_brat_and_label_studio_become_schemas_and_what_is_lost_is_said() {
    let terminal = Terminal::start().await;
    let (conf, visual, keys) = (
        terminal.file("annotation.conf", BRAT),
        terminal.file(
            "visual.conf",
            "[labels]\nPerson | Somebody\n[drawing]\nOrg\tbgColor:#ff0000, borderColor:red\n",
        ),
        terminal.file("kb_shortcuts.conf", "P\tPerson\n"),
    );
    let set = ["schema", "set", "p", &conf, "--visual", &visual, "--shortcuts", &keys];
    let (_, said) = terminal.run(0, &set).await;
    assert!(said.starts_with("not carried over:\n      1  brat: ") && said.contains("Org"), "{said}");
    let shown = terminal.shown().await;
    for line in [
        "mode: closed",
        "    display_name: Somebody",
        "    color: \"#ff0000\"",
        "    shortcut: P",
        "role: trigger",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    let (_, said) = terminal.run(0, &[&["--json"], &set[..]].concat()).await;
    let losses: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(losses["losses"][0]["count"], "1", "{said}");

    let config = terminal.file("config", "<View><Text name=\"t\" value=\"$t\"/>\n<Labels name=\"l\" toName=\"t\"><Label value=\"ORG\"/></Labels></View>");
    let (_, said) = terminal.run(0, &["schema", "set", "p", &config]).await;
    assert!(said.contains(" is read as a labeling configuration of Label Studio; "), "{said}");
    assert!(terminal.shown().await.contains("label: ORG\n"), "{}", terminal.shown().await);
}

#[tokio::test]
async fn what_annotations_would_break_is_named_and_changes_nothing_unless_it_is_forced() {
    let terminal = Terminal::start().await;
    let id = "01900000-0000-7000-8000-000000000001";
    terminal.out(&["annotate", "p", "a", "--label", "PLACE", "--quote", "Armonk", "--id", id]).await;
    let file = terminal.file("schema.yaml", SCHEMA);
    for flags in [&["--dry-run"][..], &[]] {
        let (_, error) = terminal.run(1, &[&["schema", "set", "p", &file], flags].concat()).await;
        for part in ["SCHEMA_VIOLATED", &format!("projects/p/articles/a/annotations/{id}"), "PLACE"] {
            assert!(error.contains(part), "{part} is not in\n{error}");
        }
        assert!(error.contains("spandrel schema set --force"), "{error}");
        assert_eq!(terminal.shown().await, "{}\n");
    }
    terminal.out(&["schema", "set", "p", &file, "--force"]).await;
    assert_eq!(terminal.shown().await, SCHEMA);
    // What stands is not looked at again; what comes is.
    let out = terminal.out(&["schema", "set", "p", &file, "--dry-run"]).await;
    assert!(out.starts_with("valid, not stored: closed, 2 labels, "), "{out}");
    let (_, error) = terminal.run(1, &["annotate", "p", "a", "--label", "PLACE", "--quote", "IBM"]).await;
    assert!(error.contains("SCHEMA_VIOLATED") && error.contains("spandrel schema show PROJECT"), "{error}");
}

#[tokio::test]
async fn whoever_read_an_older_schema_overwrites_nobody() {
    let terminal = Terminal::start().await;
    let file = terminal.file("schema.yaml", SCHEMA);
    let out = terminal.out(&["--json", "schema", "set", "p", &file]).await;
    let etag = serde_json::from_str::<Value>(&out).unwrap()["etag"].as_str().unwrap().to_owned();
    let shown = terminal.out(&["schema", "show", "p"]).await;
    assert!(shown.lines().next().unwrap().ends_with(&format!(", etag {etag}")), "{shown}");
    let other = terminal.file("other.yaml", "labels: [Other]\n");
    terminal.out(&["schema", "set", "p", &other, "--etag", &etag]).await;
    let (_, error) = terminal.run(1, &["schema", "set", "p", &file, "--etag", &etag]).await;
    assert!(error.contains("ETAG_MISMATCH") && error.contains("spandrel schema show p"), "{error}");
    assert_eq!(terminal.shown().await, "labels:\n  - label: Other\n");
}

#[test]
fn what_is_no_schema_is_refused_with_its_place_before_a_server_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        text(&path).to_owned()
    };
    let check = |code: i32, arguments: &[&str], right: &str| {
        let (_, error) = spandrel(code, &[&["schema", "set", "p"], arguments].concat());
        assert!(error.contains(right), "{arguments:?}: {error}");
    };
    let yaml = file("schema.yaml", "mode: closed\nlables: []\n");
    check(1, &[&yaml], &format!("{yaml}: line 2, column 9: "));
    let brat = file("annotation.conf", "[entities]\nA\n\n[attributes]\nOld\n");
    check(1, &[&brat], &format!("{brat}: line 5, column 1: an attribute says what it is of"));
    let nowhere = folder.path().join("nowhere.yaml");
    check(1, &[text(&nowhere)], "cannot read ");
    check(2, &[&yaml, "--format", "toml"], "yaml, json, brat, label-studio");
    check(2, &[&yaml, "--dry-run", "--force"], "cannot be used with");
    check(2, &[&yaml, "--format", "json", "--visual", &brat], "say --format brat");
}

#[tokio::test]
async fn a_backup_keeps_the_schema_and_what_it_let_stand() {
    let terminal = Terminal::start().await;
    let file = terminal.file("schema.yaml", SCHEMA);
    terminal.out(&["annotate", "p", "a", "--label", "PLACE", "--quote", "Armonk"]).await;
    terminal.out(&["schema", "set", "p", &file, "--force"]).await;
    let (backup, data) = (terminal.folder.path().join("backup"), terminal.folder.path().join("restored"));
    terminal.out(&["backup", text(&backup)]).await;
    beside(0, &["restore", text(&backup), "--data-dir", text(&data)]).await;
    beside(0, &["verify", "--data-dir", text(&data)]).await;
    let restored = Terminal { server: Server::start_over(&data), folder: tempfile::tempdir().unwrap() };
    assert_eq!(restored.shown().await, SCHEMA);
    let (_, error) = restored.run(1, &["annotate", "p", "a", "--label", "PLACE", "--quote", "IBM"]).await;
    assert!(error.contains("SCHEMA_VIOLATED"), "{error}");
    restored.out(&["annotate", "p", "a", "--label", "ORG", "--quote", "IBM"]).await;
    let list = restored.out(&["annotation", "list", "p", "a"]).await;
    assert!(list.contains("PLACE") && list.contains("certainty=high"), "{list}");
}
