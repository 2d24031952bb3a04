//! Data folders that are kept from earlier on: whatever this version stores in, it still opens what others wrote.
//!
//! `tests/fixtures/data-folder-N.tar.gz` is a folder in format N, and `data-folder-N.jsonl` what the API answered of it.
//! The next format gets its own pair beside them, from the first version that writes it:
//!
//! ```sh
//! cargo test --locked --test process -- --ignored write_the_fixture
//! ```
//!
//! The script refuses to write over a fixture: what is there is what people's folders look like.

mod everything_said;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spandrel::{proto, proto::v1, store::data_dir::FORMAT};
use tempfile::TempDir;

use crate::support::{Client, Seeded, Server, annotation, by_code_points, by_quote, by_utf8, by_utf16, mask};

/// Longer texts are held by their hash alone.
const TEXT_BYTES_KEPT: usize = 16 * 1_024;
const CORPUS: &str = "projects/corpus";

fn fixture(format: u32, ending: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join(format!("data-folder-{format}.{ending}"))
}

/// A message as protobuf JSON, under the kind of resource that it is.
fn line(kind: &str, message: &impl Message) -> Value {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    let descriptor = pool.get_message_by_name(&format!("spandrel.v1.{kind}")).unwrap();
    let message = DynamicMessage::decode(descriptor, &message.encode_to_vec()[..]).unwrap();
    json!({ kind: serde_json::to_value(message).unwrap() })
}

/// Everything that the API answers: projects with what hangs on them, articles with all their texts, annotations in document
/// order.
async fn everything(client: &mut Client) -> Vec<Value> {
    let mut lines = Vec::new();
    for project in client.send(v1::ListProjectsRequest::default()).await.unwrap().projects {
        let get = v1::GetProjectRequest { name: project.name.clone() };
        assert_eq!(client.send(get).await.unwrap(), project);
        lines.push(line("Project", &project));
        lines.extend(everything_said::lines_of_project(client, &project.name).await);
        let list = v1::ListArticlesRequest { parent: project.name.clone(), ..Default::default() };
        for listed in client.send(list).await.unwrap().articles {
            let get = v1::GetArticleRequest { name: listed.name.clone(), view: 0, text_revision: 0 };
            let mut article = client.send(get).await.unwrap();
            assert_eq!(hex::encode(Sha256::digest(&article.text)), article.text_sha256, "{}", article.name);
            if article.text.len() > TEXT_BYTES_KEPT {
                article.text.clear();
            }
            assert_eq!(v1::Article { text: String::new(), ..article.clone() }, listed);
            lines.push(line("Article", &article));
            lines.extend(everything_said::lines_of_article(client, &article).await);
            let list =
                v1::ListAnnotationsRequest { parent: listed.name, page_size: 100, ..Default::default() };
            for annotation in client.list_all(list).await {
                // By id and not by place, too.
                assert_eq!(client.get(&annotation.name).await.unwrap(), annotation);
                lines.push(line("Annotation", &annotation));
            }
        }
    }
    lines
}

/// Whether `found` has all that `kept` has. A newer version may say more of a resource, and nothing else.
fn holds(found: &Value, kept: &Value) -> bool {
    match (found, kept) {
        (Value::Object(found), Value::Object(kept)) => {
            kept.iter().all(|(name, kept)| found.get(name).is_some_and(|found| holds(found, kept)))
        }
        (Value::Array(found), Value::Array(kept)) => {
            found.len() == kept.len() && found.iter().zip(kept).all(|(found, kept)| holds(found, kept))
        }
        (found, kept) => found == kept,
    }
}

fn check_same(found: &[Value], kept: &[Value]) {
    for (found, kept) in found.iter().zip(kept) {
        assert!(holds(found, kept), "the folder holds\n{kept}\nand the answer is\n{found}");
    }
    assert_eq!(found.len(), kept.len());
}

/// Nothing is wrong with what the folder stores, as far as this version can tell.
fn verify(data_dir: &Path) {
    let spandrel = || Command::new(env!("CARGO_BIN_EXE_spandrel"));
    if !spandrel().args(["verify", "--help"]).output().unwrap().status.success() {
        #[allow(clippy::explicit_write, reason = "unlike eprintln!, this is seen although the test passes")]
        writeln!(std::io::stderr(), "\nNOT VERIFIED: this binary has no command for it\n").unwrap();
        return;
    }
    let verified = spandrel().args(["verify", "--data-dir"]).arg(data_dir).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

async fn check_format(format: u32) {
    let folder = TempDir::new().unwrap();
    let unpacked =
        Command::new("tar").arg("-xzf").arg(fixture(format, "tar.gz")).arg("-C").arg(folder.path()).status();
    assert!(unpacked.unwrap().success());
    let data_dir = folder.path().join("data");
    let kept = fs::read_to_string(fixture(format, "jsonl")).unwrap();
    let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(kept.len() > 200, "{} lines", kept.len());
    verify(&data_dir);

    let mut server = Server::start_over(&data_dir);
    let mut client = server.client().await;
    check_same(&everything(&mut client).await, &kept);

    let before = kept.len();
    change(&mut client).await;
    let changed = everything(&mut client).await;
    // An annotation and an article were added, and an annotation deleted.
    assert_eq!(changed.len(), before + 1);
    assert!(server.stop().await.success());
    verify(&data_dir);
    server.start_again();
    let mut client = server.client().await;
    assert_eq!(everything(&mut client).await, changed);
}

/// Writes where the folder's rows are.
async fn change(client: &mut Client) {
    let long = format!("{CORPUS}/articles/long");
    client.annotate(&long, "NEW", by_code_points(2_000, 2_010)).await.unwrap();
    client.create_article(CORPUS, "new", "written by another version").await;
    let list = v1::ListAnnotationsRequest { parent: long, page_size: 2, ..Default::default() };
    let [mut updated, deleted] = client.send(list).await.unwrap().annotations.try_into().unwrap();
    "CHANGED".clone_into(&mut updated.label);
    let update = v1::UpdateAnnotationRequest { annotation: Some(updated), ..Default::default() };
    assert_eq!(client.send(update).await.unwrap().label, "CHANGED");
    let delete = v1::DeleteAnnotationRequest { name: deleted.name, etag: deleted.etag, ..Default::default() };
    client.send(delete).await.unwrap();
}

#[tokio::test]
async fn folders_of_every_format_are_served_as_they_were_written() {
    for format in 1..=FORMAT {
        check_format(format).await;
    }
}

/// Makes the fixture of the format that this version writes.
#[tokio::test]
#[ignore = "makes a fixture once for each format"]
async fn write_the_fixture() {
    let (archive, lines) = (fixture(FORMAT, "tar.gz"), fixture(FORMAT, "jsonl"));
    assert!(!archive.exists(), "{} is there already, and stays as it is", archive.display());
    let mut server = Server::start();
    let mut client = server.client().await;
    fill(&mut client).await;
    let everything = everything(&mut client).await;
    assert!(server.stop().await.success());
    fs::create_dir_all(archive.parent().unwrap()).unwrap();
    let everything: Vec<String> = everything.iter().map(ToString::to_string).collect();
    fs::write(lines, everything.join("\n") + "\n").unwrap();
    // The database's segments have holes.
    let tar =
        "tar --create --sparse --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 data | gzip -9 -n";
    let mut pack = Command::new("sh");
    pack.args(["-c", &format!("{tar} > \"$0\"")]).arg(&archive);
    pack.current_dir(server.data_dir().parent().unwrap());
    assert!(pack.status().unwrap().success());
}

/// A bit of everything that is stored: rows that split, values with rows of their own, texts of one row, of several and
/// staged ones, deletes whose rows are swept, and projects in each state.
async fn fill(client: &mut Client) {
    let project = v1::Project {
        display_name: "Zoë’s corpus 📚".to_owned(),
        description: "What a data folder may hold.".to_owned(),
        metadata: [("language".to_owned(), "mixed".to_owned()), ("team".to_owned(), "日本".to_owned())]
            .into(),
        ..Default::default()
    };
    let create = v1::CreateProjectRequest {
        project_id: "corpus".to_owned(),
        project: Some(project),
        ..Default::default()
    };
    client.send(create).await.unwrap();
    for id in ["deleted", "other"] {
        client.create_project(id).await;
        let name = format!("projects/{id}");
        client.create_article(&name, "a", "A text of another project.").await;
        client.annotate(&format!("{name}/articles/a"), "DET", by_utf8(0, 1)).await.unwrap();
    }
    let name = "projects/deleted".to_owned();
    client.send(v1::DeleteProjectRequest { name, force: true, ..Default::default() }).await.unwrap();

    let emoji = "Zoë met 👩‍👩‍👧‍👦 and 🇪🇺 in 日本, e\u{301}, then \u{feff}\r\nleft 👍🏽.";
    let long = "Müller traf Zoë in 日本 😀; ".repeat(380);
    let staged = "A long text that repeats itself, with ü and 😀. ".repeat(6_500);
    for (id, text) in [("emoji", emoji), ("empty", ""), ("long", &long), ("gone", &long), ("staged", &staged)]
    {
        client.create_article(CORPUS, id, text).await;
    }
    let (emoji, staged) = (format!("{CORPUS}/articles/emoji"), format!("{CORPUS}/articles/staged"));
    client.annotate(&emoji, "PER", by_quote("Zoë")).await.unwrap();
    client.annotate(&emoji, "FAM", by_quote("👩‍👩‍👧‍👦")).await.unwrap();
    client.annotate(&emoji, "LOC", by_utf16(24, 28)).await.unwrap();
    client.annotate(&staged, "ALL", by_utf8(0, 300_000)).await.unwrap();
    client.annotate(&staged, "END", by_utf8(300_000, 300_001)).await.unwrap();
    annotate_at_random(client, &format!("{CORPUS}/articles/gone"), 20).await;
    let article = v1::Article {
        name: emoji,
        title: "Family".to_owned(),
        language: "en".to_owned(),
        source_uri: "https://example.org/family".to_owned(),
        metadata: [("kind".to_owned(), "emoji".to_owned())].into(),
        ..Default::default()
    };
    let update_mask = Some(mask(&["title", "language", "source_uri", "metadata"]));
    let update = v1::UpdateArticleRequest { article: Some(article), update_mask, ..Default::default() };
    client.send(update).await.unwrap();
    let name = format!("{CORPUS}/articles/gone");
    client.send(v1::DeleteArticleRequest { name, force: true, ..Default::default() }).await.unwrap();

    let stored = annotate_at_random(client, &format!("{CORPUS}/articles/long"), 256).await;
    for annotation in stored.iter().step_by(16) {
        let changed = v1::Annotation { label: "REVIEWED".to_owned(), ..annotation.clone() };
        let update = v1::UpdateAnnotationRequest { annotation: Some(changed), ..Default::default() };
        client.send(update).await.unwrap();
    }
    for annotation in stored.iter().skip(1).step_by(16) {
        let delete = v1::DeleteAnnotationRequest { name: annotation.name.clone(), ..Default::default() };
        client.send(delete).await.unwrap();
    }
    retry_and_undo(client).await;
    everything_said::fill(client).await;
    // The first is too long for a packed row; the second would be, and so has no quotes.
    for (label, length) in [("MANY", 15), ("MANY UNQUOTED", 25)] {
        let spans = (0..64).map(|number| by_code_points(number * 40, number * 40 + length)).collect();
        let parent = format!("{CORPUS}/articles/long");
        let annotation = Some(annotation(label, spans));
        client.send(v1::CreateAnnotationRequest { parent, annotation, ..Default::default() }).await.unwrap();
    }
}

/// What a log keeps beside changes: requests that are known, undone commits, and articles that can be brought back.
async fn retry_and_undo(client: &mut Client) {
    let head = async |client: &Client| {
        client.send(v1::GetProjectRequest { name: CORPUS.to_owned() }).await.unwrap().revision
    };
    let undo = async |client: &Client, revision: u64| {
        let request = v1::UndoCommitRequest { parent: CORPUS.to_owned(), revision, ..Default::default() };
        client.send(request).await.unwrap();
    };
    for number in 0..100_u128 {
        // In the order of time, and in none.
        let id =
            if number % 2 == 0 { number + 1 } else { number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060) };
        let request = v1::CreateAnnotationRequest {
            parent: format!("{CORPUS}/articles/emoji"),
            annotation_id: uuid::Uuid::from_u128(number + 1_000).to_string(),
            annotation: Some(annotation("RETRIED", vec![by_utf8(0, 4)])),
            request_id: uuid::Uuid::from_u128(id).to_string(),
            ..Default::default()
        };
        client.send(request).await.unwrap();
    }
    let last = head(client).await;
    undo(client, last).await;
    for id in ["back", "away"] {
        client.create_article(CORPUS, id, "A text that is deleted with its annotations.").await;
        let name = format!("{CORPUS}/articles/{id}");
        client.annotate(&name, "DET", by_utf8(0, 1)).await.unwrap();
        client.send(v1::DeleteArticleRequest { name, force: true, ..Default::default() }).await.unwrap();
    }
    let last = head(client).await;
    undo(client, last - 3).await;
}

/// Annotations of one to three spans in one to three layers, each span a few characters or some hundred.
async fn annotate_at_random(client: &mut Client, parent: &str, count: usize) -> Vec<v1::Annotation> {
    const LABELS: [&str; 4] = ["PER", "LOC", "ORG", "an event of some length"];
    let mut seeded = Seeded::new(20_261_123);
    let mut create = |_| {
        let mut at = u32::try_from(seeded.below(8_000)).unwrap();
        let count = *seeded.pick(&[1, 1, 1, 2, 3]);
        let mut span = |_| {
            let length = *seeded.pick(&[1, 3, 8, 20, 300]);
            let start = at + u32::try_from(seeded.below(40)).unwrap();
            at = start + length;
            by_code_points(start, at)
        };
        let spans = (0..count).map(&mut span).collect();
        let label = *seeded.pick(&LABELS);
        let layer = seeded.pick(&["", "gold", "spacy-3.8"]).to_string();
        let annotation = v1::Annotation { layer, ..annotation(label, spans) };
        let annotation_id = seeded.uuid();
        v1::CreateAnnotationRequest { annotation_id, annotation: Some(annotation), ..Default::default() }
    };
    let requests: Vec<_> = (0..count).map(&mut create).collect();
    let mut created = Vec::new();
    for requests in requests.chunks(50) {
        let batch = v1::BatchCreateAnnotationsRequest {
            parent: parent.to_owned(),
            requests: requests.to_vec(),
            validate_only: false,
            request_id: String::new(),
        };
        created.extend(client.send(batch).await.unwrap().annotations);
    }
    created
}
