//! Files go in and come out: what is wrong is told with its line, what is there already is known, and nothing else is lost.

mod export;
mod import;
mod stream;

use spandrel::proto::v1;

use self::stream::{Imported, export, import, native};
use crate::support::{Client, Server};

const P: &str = "projects/p";

/// A server with an empty project.
async fn server() -> (Server, Client) {
    let server = Server::start();
    let client = server.client().await;
    create(&client, "p").await;
    (server, client)
}

async fn create(client: &Client, id: &str) {
    let request = v1::CreateProjectRequest { project_id: id.to_owned(), ..Default::default() };
    client.send(request).await.unwrap();
}

/// An article with a span, a relation, a label on the whole, and everything else that can be said.
const EVERYTHING: &str = r#"{"article":{"id":"ada","title":"Ada","text":"😀 Ada met Bob.","language":"en","sourceUri":"letters/ada.txt","metadata":{"year":"1843"}}}
{"annotation":{"id":"T1","layer":"alice","label":"PER","anchor":{"spans":[{"utf16":{"start":3,"end":6},"quote":"Ada"}]},"attributes":{"Certain":{"boolValue":true},"Ranks":{"stringList":{"values":["a","b"]}}},"note":"a countess","score":0.5,"state":"STATE_SUGGESTED"}}
{"annotation":{"id":"T2","layer":"alice","label":"PER","anchor":{"spans":[{"utf16":{"start":11,"end":14},"quote":"Bob"}]}}}
{"annotation":{"id":"R1","layer":"alice","label":"meets","relation":{"arguments":[{"role":"who","annotation":"T1"},{"role":"whom","annotation":"T2"}]}}}
{"annotation":{"label":"letter","article":{}}}
"#;

async fn annotations(client: &Client, article: &str) -> Vec<v1::Annotation> {
    let parent = format!("{P}/articles/{article}");
    client.clone().list_all(v1::ListAnnotationsRequest { parent, ..Default::default() }).await
}
