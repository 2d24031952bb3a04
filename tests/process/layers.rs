//! `spandrel layer`: what a model suggests is copied, reviewed, submitted and then left alone.

use serde_json::Value;

use crate::{
    command::{beside, spandrel},
    support::Server,
};

const TEXT: &str = "IBM has its seat in Armonk. It said so.";
const IBM: &str = "01900000-0000-7000-8000-000000000001";
const ARMONK: &str = "01900000-0000-7000-8000-000000000002";
const ADA: &str = "01900000-0000-7000-8000-000000000003";
const LOCATED: &str = "01900000-0000-7000-8000-000000000004";
const SAYS: &str = "01900000-0000-7000-8000-000000000005";

/// Runs commands against a server, each with its words apart by spaces and quoted texts by `_`.
struct Terminal {
    server: Server,
}

impl Terminal {
    /// With the project `p`, its article `a`, and what a model suggests there.
    async fn start() -> Self {
        let server = Server::start();
        server.client_with_article(TEXT).await;
        let terminal = Self { server };
        let model = "--layer model --state suggested";
        for line in [
            format!("annotate p a --label ORG --quote IBM --id {IBM} {model}"),
            format!("annotate p a --label LOC --quote Armonk --id {ARMONK} {model}"),
            format!("annotate p a --label PER --quote It --id {ADA} --layer model --state rejected"),
            format!(
                "annotate p a --label Located --relation Arg1={IBM} --relation Arg2={ARMONK} --id {LOCATED} {model}"
            ),
            format!(
                "annotate p a --label Says --relation Who={ADA} --relation What={IBM} --id {SAYS} {model}"
            ),
        ] {
            terminal.out(&line).await;
        }
        terminal
    }

    async fn run(&self, code: i32, line: &str) -> (String, String) {
        let words: Vec<_> = line.split(' ').map(|word| word.replace('_', " ")).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        beside(code, &[&["--server", &self.server.address, "--color", "never"], &words[..]].concat()).await
    }

    async fn out(&self, line: &str) -> String {
        self.run(0, line).await.0
    }

    async fn json(&self, line: &str) -> Vec<Value> {
        let out = self.out(&format!("--json {line}")).await;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Refused by the server, with this reason and hint.
    async fn refused(&self, line: &str, reason: &str, hint: &str) {
        let (_, error) = self.run(1, line).await;
        assert!(error.contains(&format!("  {reason}\n")), "{line}: {error}");
        assert!(error.contains("  hint") && error.contains(hint), "{line}: {error}");
    }

    /// A line of what a command writes: the one of this id, its words one space apart.
    async fn line(&self, line: &str, id: &str) -> String {
        let out = self.out(line).await;
        let found = out.lines().find(|line| line.split(' ').next() == Some(id));
        let found = found.unwrap_or_else(|| panic!("{id} is not in\n{out}"));
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn layers_are_declared_listed_shown_changed_and_deleted() {
    let mut terminal = Terminal::start().await;
    let create = "layer create p alice --kind human --annotator Alice_Müller --display-name first --metadata a=1 \
                  --metadata b=2";
    let out = terminal.out(create).await;
    assert!(out.starts_with("created projects/p/layers/alice\n  kind         human\n"), "{out}");
    terminal.refused(create, "RESOURCE_EXISTS", "spandrel layer update p alice").await;

    let out = terminal.out("layer list p").await;
    let head = "LAYER KIND ANNOTATIONS SUGGESTED ACCEPTED REJECTED NEEDS REVIEW ANNOTATOR NAME";
    assert_eq!(terminal.line("layer list p", "LAYER").await, head);
    assert_eq!(terminal.line("layer list p", "alice").await, "alice human 0 0 0 0 0 Alice Müller first");
    assert_eq!(terminal.line("layer list p", "model").await, "model (undeclared) 5 4 0 1 0");
    assert_eq!(out.lines().count(), 3, "{out}");
    let out = terminal.out("layer show p model").await;
    let shown = "projects/p/layers/model\n  declared     no, but annotations are on it\n  \
                 annotations  5: 3 spans, 2 relations\n  review       4 suggested, 1 rejected\n";
    assert_eq!(out, shown);
    terminal
        .refused("layer update p model --kind model", "RESOURCE_NOT_FOUND", "spandrel layer create p model")
        .await;
    terminal.out("layer create p model --kind model").await;

    // What no flag names stays.
    let out = terminal.out("layer update p alice --kind gold --metadata c=3 --no-metadata a").await;
    assert!(out.starts_with("updated projects/p/layers/alice\n  kind         gold\n"), "{out}");
    terminal.server.kill();
    terminal.server.start_again();
    let alice = &terminal.json("layer show p alice").await[0];
    assert_eq!((&alice["kind"], &alice["annotator"]), (&"LAYER_KIND_GOLD".into(), &"Alice Müller".into()));
    assert_eq!(alice["metadata"], serde_json::json!({ "b": "2", "c": "3" }));
    // What matters to programs is there, also where it is 0.
    assert_eq!((&alice["counts"]["spans"], &alice["counts"]["needsReview"]), (&"0".into(), &"0".into()));
    let stale = "layer update p alice --annotator  --etag stale";
    terminal.refused(stale, "ETAG_MISMATCH", "spandrel layer show p alice").await;
    let out = terminal.json("layer update p alice --annotator ").await;
    assert_eq!((&out[0]["annotator"], &out[0]["displayName"]), (&"".into(), &"first".into()));
    let log = terminal.out("log p --limit 1").await;
    assert!(log.contains("~  layer alice") && log.ends_with("annotator Alice Müller → none\n"), "{log}");

    let names: Vec<_> = terminal.json("layer list p").await.iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["projects/p/layers/alice", "projects/p/layers/model"]);
    assert_eq!(terminal.out("layer delete p alice").await, "deleted projects/p/layers/alice\n");
    terminal.refused("layer delete p alice", "RESOURCE_NOT_FOUND", "spandrel layer list p").await;
    terminal.refused("layer delete p model", "HAS_CHILDREN", "--force deletes its annotations").await;
    assert_eq!(terminal.json("layer delete p model --force").await, [serde_json::json!({})]);
    assert_eq!(terminal.out("layer list p").await.lines().count(), 1);
    assert_eq!(terminal.out("annotation list p a").await.lines().count(), 1);
}

#[tokio::test]
async fn a_layer_is_copied_and_what_is_left_out_is_said() {
    let terminal = Terminal::start().await;
    let out = terminal.out("layer copy p a model alice --dry-run").await;
    let would = "would copy 3 annotations from model to alice; nothing was changed\n\
                 1 relation is left out: what it is on is not copied\n";
    assert_eq!(out, would);
    terminal.refused("layer copy p a nobody alice", "RESOURCE_NOT_FOUND", "layer list p --article a").await;
    let out = terminal.out("layer copy p a model alice --state accepted").await;
    assert!(out.starts_with("copied 3 annotations from model to alice, revision "), "{out}");
    assert!(out.ends_with("1 relation is left out: what it is on is not copied\n"), "{out}");

    terminal.refused("layer copy p a model alice", "HAS_CHILDREN", "--force adds the copies").await;
    let out = terminal.json("layer copy p a model alice --force --label PER --only-state rejected").await;
    assert_eq!((&out[0]["copied"], &out[0]["leftOut"]), (&1.into(), &0.into()));
    assert_eq!(out[0]["articleLayer"]["counts"]["spans"], "3");

    let list = "layer list p --article a";
    let head = "LAYER STATE ANNOTATIONS SUGGESTED ACCEPTED REJECTED NEEDS REVIEW LABELS";
    assert_eq!(terminal.line(list, "LAYER").await, head);
    assert_eq!(terminal.line(list, "alice").await, "alice open 4 0 3 1 0 LOC 1, Located 1, ORG 1, PER 1");
    assert_eq!(
        terminal.line(list, "model").await,
        "model open 5 4 0 1 0 LOC 1, Located 1, ORG 1, PER 1, Says 1"
    );
    let layers = terminal.json(list).await;
    assert_eq!(layers[1]["name"], "projects/p/articles/a/layers/model");
    assert_eq!(layers[1]["labels"][4], serde_json::json!({ "label": "Says", "count": "1" }));
    terminal.refused("layer list p --article b", "RESOURCE_NOT_FOUND", "spandrel article list p").await;
}

#[tokio::test]
async fn what_was_submitted_is_left_alone_until_it_is_reopened() {
    let mut terminal = Terminal::start().await;
    terminal.out("layer copy p a model alice --state accepted").await;
    let out = terminal.out("layer submit p a model").await;
    assert!(out.starts_with("submitted projects/p/articles/a/layers/model, revision "), "{out}");
    assert!(out.ends_with(": 5 annotations, 4 still suggested\n"), "{out}");
    // Once more changes nothing.
    assert_eq!(terminal.out("layer submit p a model").await, out);
    terminal.server.kill();
    terminal.server.start_again();

    let hint = "reopen it with: spandrel layer reopen p a model\n";
    for line in [
        "annotate p a --label X --quote so --layer model".to_owned(),
        format!("annotation accept p a {IBM}"),
        format!("annotation delete p a {LOCATED}"),
        "layer copy p a alice model --force".to_owned(),
        "layer delete p model --force".to_owned(),
    ] {
        terminal.refused(&line, "LAYER_LOCKED", hint).await;
    }
    terminal.out("annotate p a --label X --quote so --layer alice").await;
    let list = "layer list p --article a";
    assert!(terminal.line(list, "model").await.starts_with("model submitted 5 4 0 1 0 "));
    assert!(terminal.line(list, "alice").await.starts_with("alice open 4 0 4 0 0 "));
    let shown = terminal.out("layer show p model --article a").await;
    let head = "projects/p/articles/a/layers/model\n  state        submitted\n  annotations  5: 3 spans, 2 relations\n";
    assert!(shown.starts_with(head), "{shown}");
    assert!(shown.contains("  submitted    20") && shown.ends_with("  label        Says 1\n"), "{shown}");

    let out = terminal.out("layer reopen p a model").await;
    assert!(out.starts_with("reopened projects/p/articles/a/layers/model, revision "), "{out}");
    let out = terminal.json("layer reopen p a nobody").await;
    assert_eq!((&out[0]["state"], &out[0]["revision"]), (&"ARTICLE_LAYER_STATE_OPEN".into(), &"0".into()));
    terminal.out(&format!("annotation accept p a {IBM}")).await;

    let log = terminal.out("log p --limit 5 --oldest-first --layer model --after 8").await;
    let lines: Vec<_> =
        log.lines().map(|line| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[..2], ["+ layer a/model submitted", "~ layer a/model reopened"], "{log}");
    assert!(lines[2].ends_with("state suggested → accepted"), "{log}");
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    let check = |line: &str, right: &str| {
        let (_, error) = spandrel(2, &line.split(' ').collect::<Vec<_>>());
        assert!(error.contains(right), "{line}: {error}");
    };
    check("layer create p gold", "--kind <KIND>");
    check("layer create p gold --kind robot", "human, model, gold");
    check("layer create p a/b --kind gold", "is not an id");
    check("layer create p gold --kind gold --metadata x", "must be KEY=VALUE");
    check("layer update p gold", "say what");
    check("layer update p gold --metadata a=1 --no-metadata a", "give one of the two");
    check("layer submit p a", "<LAYER>");
    check("layer copy p a gold", "<TO>");
    check("layer copy p a gold gold", "name another layer");
    check("layer copy p a gold alice --state good", "suggested, accepted, rejected");
    check("layer list p --article a/b", "is not an id");
}
