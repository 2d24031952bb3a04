//! The commands that make, show, change and review annotations of every kind.

use serde_json::Value;

use crate::{
    command::{beside, spandrel},
    support::Server,
};

const TEXT: &str = "IBM has its seat in Armonk. It said so.";
const IBM: &str = "01900000-0000-7000-8000-000000000001";
const ARMONK: &str = "01900000-0000-7000-8000-000000000002";
const IT: &str = "01900000-0000-7000-8000-000000000003";
const LOCATED: &str = "01900000-0000-7000-8000-000000000004";
const COREF: &str = "01900000-0000-7000-8000-000000000005";
const NEWS: &str = "01900000-0000-7000-8000-000000000006";

/// Runs commands against a server, each with its words apart by spaces and quoted texts by `_`.
struct Terminal {
    server: Server,
}

impl Terminal {
    /// With the project `p` and its article `a`.
    async fn start() -> Self {
        let server = Server::start();
        server.client_with_article(TEXT).await;
        Self { server }
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

    /// Annotations of every kind.
    async fn annotate(&self) {
        let span = "--attribute ticker=IBM --attribute count:int=3 --score 0.93 --state suggested";
        for line in [
            format!("annotate p a --label ORG --quote IBM --id {IBM} {span}"),
            format!("annotate p a --label LOC --quote Armonk --id {ARMONK}"),
            format!("annotate p a --label ORG --quote It --id {IT}"),
            format!(
                "annotate p a --label Located --relation Arg1={IBM} --relation Arg2={ARMONK} --id {LOCATED}"
            ),
            format!("annotate p a --label Coref --relation {IBM} --relation {IT} --id {COREF}"),
            format!("annotate p a --label news --whole-article --note why_not --id {NEWS}"),
        ] {
            self.out(&line).await;
        }
    }
}

fn ids(out: &str) -> Vec<&str> {
    out.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect()
}

#[tokio::test]
async fn annotations_of_every_kind_are_made_listed_and_shown() {
    let terminal = Terminal::start().await;
    let out = terminal.out("annotate p a --label x --whole-article --score 1 --validate-only").await;
    assert!(out.starts_with("valid, not stored: "), "{out}");
    assert!(
        out.contains("  about        the whole article\n") && out.contains("  score        1\n"),
        "{out}"
    );
    terminal.annotate().await;

    let out = terminal.out("annotation list p a").await;
    assert_eq!(ids(&out)[..4], [NEWS, IBM, ARMONK, IT], "{out}");
    let line = |id: &str| out.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    assert!(line(IBM).contains("  ORG?     suggested  IBM"), "{out}");
    assert!(line(IBM).ends_with("  score 0.93  count=3  ticker=IBM"), "{out}");
    assert!(line(LOCATED).contains("Arg1 IBM → Arg2 Armonk"), "{out}");
    assert!(line(COREF).contains("IBM — It"), "{out}");
    terminal.out(&format!("annotate p a --label Cause --relation Effect={LOCATED} --relation {IT}")).await;
    assert!(terminal.out("annotation list p a").await.contains("Effect Located → It"), "of a relation");
    assert!(line(NEWS).contains("(the article)") && line(NEWS).ends_with("“why not”"), "{out}");
    assert_eq!(ids(&terminal.out("annotation list p a --label ORG").await), [IBM, IT]);
    assert_eq!(terminal.out("annotation list p a --layer gold").await.lines().count(), 1);
    let before = "annotation list p a --filter before(label=LOC)";
    assert_eq!(ids(&terminal.out(before).await), [IBM]);
    assert_eq!(ids(&terminal.out("article list p --filter labels:LOC").await), ["a"]);
    assert_eq!(ids(&terminal.out("article list p --filter -labels:LOC").await), [""; 0]);

    let out = terminal.out(&format!("annotation show p a {LOCATED}")).await;
    assert!(out.contains(&format!("  argument     Arg1  {IBM}  ORG IBM\n")), "{out}");
    let out = terminal.out(&format!("annotation show p a projects/p/articles/a/annotations/{IBM}")).await;
    assert!(out.contains("  code points  0..3\n") && out.contains("  attribute    ticker=IBM\n"), "{out}");

    // What matters to programs is there, also where it is 0.
    let shown = terminal.json(&format!("annotation show p a {IBM}")).await;
    let expected = serde_json::json!({ "count": { "intValue": "3" }, "ticker": { "stringValue": "IBM" } });
    assert_eq!((&shown[0]["attributes"], &shown[0]["score"]), (&expected, &Value::from(0.93)));
    assert_eq!(shown[0]["anchor"]["spans"][0]["utf8"]["start"], 0);
    let out = terminal.json("annotate p a --label zero --whole-article --score 0").await;
    assert_eq!((&out[0]["score"], &out[0]["state"]), (&Value::from(0.0), &Value::from("STATE_ACCEPTED")));
    assert_eq!(terminal.json("annotation list p a --label Located").await[0]["name"], {
        format!("projects/p/articles/a/annotations/{LOCATED}")
    });
}

#[tokio::test]
async fn an_article_is_shown_with_its_relations_and_layers() {
    let terminal = Terminal::start().await;
    terminal.annotate().await;
    let out = terminal.out("article show p a").await;
    assert!(out.contains("\n news  “why not”\n"), "{out}");
    assert!(out.contains("[IBM](ORG₁?) has its seat in [Armonk](LOC₂). [It](ORG₃) said so.\n"), "{out}");
    let lists = "Relations: Coref 1, Located 1\n Coref    IBM₁ — It₃\n Located  Arg1 IBM₁ → Arg2 Armonk₂\n\
                 \nDetails\n ORG₁?  IBM  suggested  score 0.93  count=3  ticker=IBM\n";
    assert!(out.ends_with(lists), "{out}");

    terminal.out("annotate p a --label PLACE --quote Armonk --layer bob").await;
    let out = terminal.out("article show p a --layers side-by-side").await;
    let bars = "      1 ≠ IBM has its seat in Armonk. It said so.\n\
                \x20   bob                       ╰PLACE─╯\n";
    assert!(out.contains(&bars.replace("╰PLACE─╯", "╰────╯PLACE")), "{out}");
    assert!(out.contains("default   ╰─╯ORG₁?"), "{out}");
    assert!(out.contains("≠ marks rows in which layers differ"), "{out}");
    let out = terminal.out("article show p a --layer bob --layer nobody").await;
    assert!(out.contains("1 annotation in layers bob, nobody") && !out.contains("Relations"), "{out}");
    assert_eq!(terminal.json("article show p a --layer bob").await.len(), 2);
}

#[tokio::test]
async fn annotations_are_changed_reviewed_and_deleted() {
    let terminal = Terminal::start().await;
    terminal.annotate().await;
    let update = |flags: &str| format!("annotation update p a {IBM} {flags}");

    // Attributes that no flag names stay, and so does all the rest.
    let out = terminal.json(&update("--attribute new=true --no-attribute count")).await;
    let expected = serde_json::json!({ "new": { "boolValue": true }, "ticker": { "stringValue": "IBM" } });
    assert_eq!((&out[0]["attributes"], &out[0]["score"]), (&expected, &Value::from(0.93)));
    let out = terminal.json(&update("--label COMPANY --quote IBM --suffix _has --no-score")).await;
    assert_eq!((&out[0]["label"], out[0].get("score")), (&Value::from("COMPANY"), None));
    assert_eq!(out[0]["attributes"], expected);
    let out = terminal.out(&update("--note x --validate-only")).await;
    assert!(out.starts_with("valid, not stored: ") && out.contains("  note         x\n"), "{out}");
    let (_, error) = terminal.run(1, &update("--note x --etag stale")).await;
    assert!(
        error.contains("ETAG_MISMATCH") && error.contains(&format!("annotation show p a {IBM}")),
        "{error}"
    );

    let out = terminal.out(&format!("annotation accept p a {IBM} {ARMONK}")).await;
    assert_eq!(out, format!("accepted {IBM}  COMPANY  IBM\naccepted {ARMONK}  LOC  Armonk\n"));
    let out = terminal.json(&format!("annotation reject p a {LOCATED} --reason no_seat")).await;
    assert_eq!((&out[0]["state"], &out[0]["note"]), (&"STATE_REJECTED".into(), &"no seat".into()));
    let log = terminal.out("log p --limit 2").await;
    assert!(log.lines().next().unwrap().ends_with("state accepted → rejected  note “no seat”"), "{log}");
    assert!(log.contains("COMPANY  IBM") && log.contains("state suggested → accepted\n"), "{log}");
    // One that is not there, and nothing is done.
    let gone = IBM.replace('1', "9");
    let (_, error) = terminal.run(1, &format!("annotation reject p a {IBM} {gone}")).await;
    assert!(error.contains(&gone) && error.contains("spandrel annotation list p a"), "{error}");
    assert_eq!(terminal.json(&format!("annotation show p a {IBM}")).await[0]["state"], "STATE_ACCEPTED");

    let (_, error) = terminal.run(1, &format!("annotation delete p a {ARMONK}")).await;
    assert!(error.contains("HAS_CHILDREN") && error.contains("--force deletes the relations"), "{error}");
    let out = terminal.out(&format!("annotation delete p a {ARMONK} --force")).await;
    assert_eq!(out, format!("deleted projects/p/articles/a/annotations/{ARMONK}\n"));
    assert_eq!(
        terminal.json(&format!("annotation delete p a {COREF} {NEWS}")).await,
        [(); 2].map(|()| { Value::Object(serde_json::Map::new()) })
    );
    assert_eq!(ids(&terminal.out("annotation list p a").await), [IBM, IT]);
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    let check = |line: &str, right: &str| {
        let (_, error) = spandrel(2, &line.split(' ').collect::<Vec<_>>());
        assert!(error.contains(right), "{line}: {error}");
    };
    check("annotate p a --label L", "--relation <[ROLE=]ID>");
    check("annotate p a --label L --quote q --whole-article", "an annotation is about one thing");
    check("annotate p a --label L --relation Agent=7", "such as 0190163d-");
    check("annotate p a --label L --whole-article --score 93", "from 0 to 1");
    check("annotate p a --label L --whole-article --state good", "suggested, accepted, rejected");
    check("annotate p a --label L --whole-article --attribute x", "such as polarity=negative");
    check("annotate p a --label L --whole-article --attribute x:int=y", "write a whole number");
    check("annotate p a --label L --whole-article --attribute x=1 --attribute x=2", "x=[a, b]");
    check(&format!("annotation update p a {IBM}"), "say what");
    check("annotation accept p a", "<ID>...");
    check("article show p a --layers side-by-side --marks brackets", "--marks bars");
}

#[tokio::test]
async fn a_text_is_revised_and_shown_as_it_was() {
    let terminal = Terminal::start().await;
    terminal.annotate().await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("new.txt");
    std::fs::write(&file, "Today IBM has its seat elsewhere. It said so.").unwrap();
    let file = crate::command::text(&file);
    let preview = terminal.out(&format!("article revise p a {file} --dry-run")).await;
    let expected = [
        "would revise projects/p/articles/a  text revision 2, 45 characters".to_owned(),
        "annotations on spans: 2 shifted, 1 orphaned".to_owned(),
        "2 annotations need a review".to_owned(),
    ];
    assert_eq!(preview.lines().take(3).collect::<Vec<_>>(), expected);
    assert!(preview.contains(&format!("  {ARMONK}  LOC  Armonk  needs review: orphaned\n")), "{preview}");
    assert!(terminal.out("article show p a --plain").await.starts_with("IBM has"));
    let revised = terminal.out(&format!("article revise p a {file}")).await;
    assert_eq!(revised, preview.replace("would revise", "revised"));
    let (_, error) = terminal.run(1, &format!("article revise p a {file}")).await;
    assert!(error.contains("is the text already, of text revision 2"), "{error}");
    assert!(terminal.out("article show p a --plain").await.starts_with("Today IBM"));
    assert_eq!(terminal.out("article show p a --plain --text-revision 1").await, TEXT);
    let then = terminal.out("article show p a --text-revision 1").await;
    assert!(then.contains("[Armonk") && !then.contains("needs review"), "{then}");
    let listed = terminal.out("article revisions p a").await;
    let lines: Vec<Vec<_>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["TEXT", "CHARACTERS", "MADE"]);
    assert_eq!((lines[1][..2].to_vec(), &lines[1][3..]), (vec!["1", "39"], &["0"; 5][..]));
    assert_eq!((lines[2][..2].to_vec(), &lines[2][3..]), (vec!["2", "45"], &["0", "2", "0", "0", "1"][..]));
    let json = terminal.json("article revisions p a").await;
    assert_eq!((json.len(), &json[1]["textRevision"]), (2, &Value::from(2)));
}
