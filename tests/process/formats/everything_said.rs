//! What format 4 brought: relations and whatever else annotations say, label schemas, layers, and texts of before.

use serde_json::Value;
use spandrel::proto::v1::{self, annotation::Target, attribute_value::Kind};

use super::line;
use crate::support::{Client, annotation, by_quote, mask};

const SAID: &str = "projects/said";
const TEXTS: [&str; 3] = [
    "IBM, based in Armonk, hired Ada 👩‍💻. She moved there in 1911.",
    "In 1911, IBM hired Ada 👩‍💻. She moved to Armonk.",
    "In 1911, IBM hired Ada 👩‍💻. She then moved to a place called Armonk.",
];

/// What the API answers of a project and of articles beside themselves, where there is any.
pub(super) async fn lines_of_project(client: &Client, project: &str) -> Vec<Value> {
    let schema = v1::GetLabelSchemaRequest { name: format!("{project}/labelSchema") };
    let schema = client.send(schema).await.unwrap();
    let layers = v1::ListLayersRequest { parent: project.to_owned(), ..Default::default() };
    let layers = client.send(layers).await.unwrap().layers.into_iter().filter(|layer| layer.revision > 0);
    let schema = Some(schema).filter(|schema| schema.revision > 0).map(|schema| line("LabelSchema", &schema));
    schema.into_iter().chain(layers.map(|layer| line("Layer", &layer))).collect()
}

pub(super) async fn lines_of_article(client: &Client, article: &v1::Article) -> Vec<Value> {
    let parent = article.name.clone();
    let layers = v1::ListArticleLayersRequest { parent, ..Default::default() };
    let layers = client.send(layers).await.unwrap().article_layers.into_iter();
    let mut lines: Vec<_> =
        layers.filter(|layer| layer.revision > 0).map(|layer| line("ArticleLayer", &layer)).collect();
    for text_revision in 1..article.text_revision {
        let get = v1::GetArticleRequest { name: article.name.clone(), text_revision, ..Default::default() };
        lines.push(line("Article", &client.send(get).await.unwrap()));
        let list =
            v1::ListAnnotationsRequest { parent: article.name.clone(), text_revision, ..Default::default() };
        for annotation in client.clone().list_all(list).await {
            lines.push(line("Annotation", &annotation));
        }
    }
    lines
}

pub(super) async fn fill(client: &mut Client) {
    client.create_project("said").await;
    set_schema(client).await;
    for id in ["a", "b"] {
        client.create_article(SAID, id, TEXTS[0]).await;
    }
    for (id, kind) in [("spacy-3.8", v1::LayerKind::Model), ("alice", v1::LayerKind::Human)] {
        let layer = v1::Layer {
            kind: kind.into(),
            description: "x".repeat(2_000),
            metadata: [("k".to_owned(), "v".to_owned())].into(),
            ..Default::default()
        };
        let create = v1::CreateLayerRequest {
            parent: SAID.to_owned(),
            layer_id: id.to_owned(),
            layer: Some(layer),
            ..Default::default()
        };
        client.send(create).await.unwrap();
    }
    say(client).await;
    let copy = v1::CopyLayerRequest {
        name: format!("{SAID}/articles/a/layers/spacy-3.8"),
        destination: "alice".to_owned(),
        ..Default::default()
    };
    client.send(copy).await.unwrap();
    for text in &TEXTS[1..] {
        let name = format!("{SAID}/articles/a");
        let revise = v1::ReviseArticleRequest { name, text: (*text).to_owned(), ..Default::default() };
        client.send(revise).await.unwrap();
    }
    let name = format!("{SAID}/articles/a/layers/alice");
    client.send(v1::SubmitLayerRequest { name, ..Default::default() }).await.unwrap();
    let name = format!("{SAID}/articles/b/layers/alice");
    client.send(v1::SubmitLayerRequest { name: name.clone(), ..Default::default() }).await.unwrap();
    client.send(v1::ReopenLayerRequest { name, ..Default::default() }).await.unwrap();
}

async fn set_schema(client: &Client) {
    let label = |label: &str, parent: &str| v1::LabelDefinition {
        label: label.to_owned(),
        parent: parent.to_owned(),
        color: "#7fa2ff".to_owned(),
        ..Default::default()
    };
    let role = |role: &str| v1::RoleDefinition { role: role.to_owned(), ..Default::default() };
    let labels = vec![
        label("NAME", ""),
        label("PER", "NAME"),
        label("ORG", "NAME"),
        label("LOC", "NAME"),
        label("news", ""),
        v1::LabelDefinition { roles: vec![role("what"), role("where")], ..label("Located", "") },
    ];
    let attribute = v1::AttributeDefinition {
        name: "certain".to_owned(),
        kind: v1::AttributeKind::Bool.into(),
        default_value: Some(v1::AttributeValue { kind: Some(Kind::BoolValue(true)) }),
        ..Default::default()
    };
    let schema = v1::LabelSchema { name: format!("{SAID}/labelSchema"), labels, ..Default::default() };
    let schema = v1::LabelSchema { attributes: vec![attribute], ..schema };
    let update_mask = Some(mask(&["labels", "attributes"]));
    let label_schema = Some(schema);
    let update = v1::UpdateLabelSchemaRequest { label_schema, update_mask, ..Default::default() };
    client.send(update).await.unwrap();
}

/// A model's and nobody's annotations: of spans, relations of them and of each other, and of the article.
async fn say(client: &Client) {
    let id = |n: u128| uuid::Uuid::from_u128(n).to_string();
    let argument = |role: &str, n| v1::Argument {
        role: role.to_owned(),
        annotation: format!("{SAID}/articles/a/annotations/{}", id(n)),
    };
    let relation = |label: &str, arguments| v1::Annotation {
        label: label.to_owned(),
        target: Some(Target::Relation(v1::Relation { arguments })),
        ..Default::default()
    };
    for (first, layer) in [(1, "spacy-3.8"), (101, "default")] {
        let of_article = v1::Annotation {
            label: "news".to_owned(),
            target: Some(Target::Article(v1::WholeArticle {})),
            note: "of all".to_owned(),
            ..Default::default()
        };
        let located = relation("Located", vec![argument("what", first), argument("where", first + 1)]);
        let all = [
            annotation("ORG", vec![by_quote("IBM")]),
            annotation("LOC", vec![by_quote("Armonk")]),
            annotation("PER", vec![by_quote("Ada 👩‍💻")]),
            annotation("PER", vec![by_quote("based in"), by_quote("there")]),
            located,
            relation("chain", vec![argument("", first + 2), argument("", first + 4)]),
            of_article,
        ];
        let create = |(n, annotation): (u128, v1::Annotation)| v1::CreateAnnotationRequest {
            annotation_id: id(n),
            annotation: Some(v1::Annotation {
                layer: layer.to_owned(),
                score: Some(0.5),
                state: v1::State::Suggested.into(),
                attributes: [("n".to_owned(), v1::AttributeValue { kind: Some(Kind::IntValue(-7)) })].into(),
                ..annotation
            }),
            ..Default::default()
        };
        let batch = v1::BatchCreateAnnotationsRequest {
            parent: format!("{SAID}/articles/a"),
            requests: (first..).zip(all).map(create).collect(),
            ..Default::default()
        };
        client.send(batch).await.unwrap();
    }
}
