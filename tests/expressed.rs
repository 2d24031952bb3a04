//! All that corpora say that nobody here wrote is said through the API, under their own label schemas, and read back equal.
//!
//! The corpora lie beside the repository, or where `SPANDREL_CORPORA` says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends where it did not get what it expected"
)]

#[path = "expressed/brat.rs"]
mod brat;
#[path = "expressed/gum.rs"]
mod gum;
#[path = "support/mod.rs"]
mod support;
#[path = "expressed/tally.rs"]
mod tally;

use spandrel::{
    domain::schema::LabelSchema,
    grpc::convert::label_schemas,
    proto::v1::{self, write::Op},
};

use self::{
    brat::Corpus,
    support::{Client, Server, shared},
    tally::Tally,
};

/// Writes of one commit.
const WRITES_MAX: usize = 1_000;

/// An article, and what is to be said of it: whatever is used stands before what uses it.
struct Said {
    article: String,
    text: String,
    annotations: Vec<v1::Annotation>,
}

#[tokio::test]
async fn brat_examples() {
    let mut tallies = Vec::new();
    for folder in ["corpora/NCBI-disease", "corpora/TDT", "tutorials/news"] {
        let Some(path) = shared(&format!("corpora/brat-examples/{folder}")) else { return };
        tallies.push(check_brat(&format!("brat-examples {folder}"), &Corpus::configured(&path)).await);
    }
    let all: Tally = tallies.iter().sum();
    assert_eq!((all.spans, all.relations, all.attributes), (1_510, 1_177, 3_743));
    assert_eq!((all.events, all.equivalences, all.notes, all.references), (23, 2, 1_169, 1));
}

#[tokio::test]
async fn litbank() {
    let Some(path) = shared("corpora/litbank") else { return };
    let tally = check_brat("litbank", &Corpus::of_what_it_says(&path)).await;
    assert_eq!((tally.spans, tally.relations), (2_949, 59));
    assert!(tally.nested > 400, "{}", tally.nested);
}

/// Its mentions in several parts are the only ones of all these corpora.
#[tokio::test]
async fn craft() {
    let Some(path) = shared("corpora/craft") else { return };
    let tally = check_brat("craft", &Corpus::of_what_it_says(&path)).await;
    assert_eq!((tally.spans, tally.discontinuous, tally.references), (3_035, 63, 3_035));
}

#[tokio::test]
async fn gum_with_its_coreference() {
    let Some(path) = shared("corpora/gum-tsv") else { return };
    let documents = gum::read(&path);
    let start = std::time::Instant::now();
    let stage = Stage::start(&gum::schema(&documents)).await;
    let mut tally = Tally::default();
    for document in &documents {
        let said = document.said();
        stage.say(&said).await;
        let annotations = stage.annotations(&said.article).await;
        let back = gum::Model::of(&annotations);
        assert_eq!(back, document.model, "{}", said.article);
        tally.count(&annotations);
        tally.chains += back.chains();
    }
    tally.print("gum-tsv", documents.len(), start.elapsed());
    assert_eq!((documents.len(), tally.relations), (12, 1_382));
}

async fn check_brat(name: &str, corpus: &Corpus) -> Tally {
    let start = std::time::Instant::now();
    let stage = Stage::start(&corpus.schema).await;
    let mut tally = Tally::default();
    for document in &corpus.documents {
        let said = corpus.said(document);
        stage.say(&said).await;
        let annotations = stage.annotations(&said.article).await;
        let back = brat::lines(&annotations);
        assert_eq!(back, document.lines(), "{}", said.article);
        tally.count(&annotations);
    }
    tally.print(name, corpus.documents.len(), start.elapsed());
    tally
}

/// A server with the project `p`.
struct Stage {
    _server: Server,
    client: Client,
}

impl Stage {
    async fn start(schema: &LabelSchema) -> Self {
        let server = Server::start();
        let mut client = server.client().await;
        client.create_project("p").await;
        let name = "projects/p/labelSchema".to_owned();
        let current = client.send(v1::GetLabelSchemaRequest { name: name.clone() }).await.unwrap();
        let label_schema =
            v1::LabelSchema { name, etag: current.etag, ..label_schemas::sent(schema.definition()) };
        let request = v1::UpdateLabelSchemaRequest { label_schema: Some(label_schema), ..Default::default() };
        client.send(request).await.unwrap();
        Self { _server: server, client }
    }

    /// Makes the article, and says all of it, as much at once as a commit takes.
    async fn say(&self, said: &Said) {
        let Said { article, text, annotations } = said;
        self.client.clone().create_article("projects/p", article, text).await;
        let create = |annotation: &v1::Annotation| v1::CreateAnnotationRequest {
            parent: format!("projects/p/articles/{article}"),
            annotation_id: annotation.name.clone(),
            annotation: Some(v1::Annotation { name: String::new(), ..annotation.clone() }),
            ..Default::default()
        };
        for annotations in annotations.chunks(WRITES_MAX) {
            let writes = annotations.iter().map(|it| v1::Write { op: Some(Op::Create(create(it))) });
            let request = v1::CommitAnnotationsRequest {
                parent: "projects/p".to_owned(),
                writes: writes.collect(),
                ..Default::default()
            };
            self.client.send(request).await.unwrap();
        }
    }

    async fn annotations(&self, article: &str) -> Vec<v1::Annotation> {
        let request = v1::ListAnnotationsRequest {
            parent: format!("projects/p/articles/{article}"),
            page_size: 500,
            ..Default::default()
        };
        self.client.clone().list_all(request).await
    }
}

/// A UUID for what a corpus calls by a letter and a number.
fn uuid(letter: char, number: u64) -> String {
    format!("01900000-0000-7000-80{:02x}-{number:012x}", u32::from(letter))
}

/// The letter and the number again, of an annotation's full name.
fn called(name: &str) -> (char, u64) {
    let (_, id) = name.rsplit_once('/').unwrap();
    let letter = u8::from_str_radix(&id[21..23], 16).unwrap();
    (char::from(letter), u64::from_str_radix(&id[24..], 16).unwrap())
}
