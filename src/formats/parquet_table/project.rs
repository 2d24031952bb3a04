//! What stands in the metadata of the table of articles: the project, its label schema and its layers, as JSON.

use serde_json::{Map, Value, json};

use crate::{
    domain::{
        details::Metadata,
        ids::LayerId,
        layers::{LayerDetails, LayerKind},
        projects::ProjectDetails,
        schema::LabelSchema,
    },
    formats::{
        exchange::{ProjectContents, Record},
        schema_file,
    },
};

/// The key that it stands under.
pub(super) const KEY: &str = "spandrel";

const KINDS: [(&str, LayerKind); 4] = [
    ("", LayerKind::Unspecified),
    ("human", LayerKind::Human),
    ("model", LayerKind::Model),
    ("gold", LayerKind::Gold),
];

/// The project as JSON; none where there is nothing to say.
pub(super) fn written(project: &ProjectContents) -> Option<String> {
    let ProjectContents { id: _, details, schema, layers } = project;
    let mut said = Map::new();
    if *details != ProjectDetails::default() {
        let ProjectDetails { display_name, description, metadata } = details;
        let value = json!({"display_name": display_name, "description": description, "metadata": metadata});
        said.insert("project".to_owned(), value);
    }
    if let Some(schema) = schema.clone().and_then(|schema| LabelSchema::parse(schema).ok()) {
        let text = schema_file::write_json(&schema);
        said.insert("label_schema".to_owned(), serde_json::from_str(&text).unwrap_or(Value::Null));
    }
    if !layers.is_empty() {
        let layers = layers.iter().map(|(id, layer)| {
            let LayerDetails { display_name, kind, description, metadata, annotator } = layer;
            let kind = KINDS.iter().find(|(_, it)| it == kind).map_or("", |(word, _)| *word);
            json!({
                "id": id.as_str(), "display_name": display_name, "kind": kind, "description": description,
                "metadata": metadata, "annotator": annotator,
            })
        });
        said.insert("layers".to_owned(), layers.collect());
    }
    (!said.is_empty()).then(|| Value::Object(said).to_string())
}

/// What was written: records, and what is wrong.
pub(super) fn read(text: &str) -> (Vec<Record>, Vec<String>) {
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    let mut keep = |record: Result<Record, String>| match record {
        Ok(record) => records.push(record),
        Err(problem) => problems.push(format!("the metadata {KEY:?}: {problem}")),
    };
    let said: Value = match serde_json::from_str(text) {
        Ok(said) => said,
        Err(error) => {
            keep(Err(format!("is not JSON: {error}")));
            return (records, problems);
        }
    };
    if let Some(project) = said.get("project") {
        keep(details(project).map(Record::Project));
    }
    if let Some(schema) = said.get("label_schema") {
        let schema = schema_file::read_json(&schema.to_string()).map_err(|error| error.to_string());
        keep(schema.map(|schema| Record::Schema(Box::new(schema.into_definition()))));
    }
    for one in said.get("layers").and_then(Value::as_array).into_iter().flatten() {
        keep(layer(one));
    }
    (records, problems)
}

fn details(value: &Value) -> Result<ProjectDetails, String> {
    ProjectDetails::parse(text(value, "display_name"), text(value, "description"), metadata(value))
        .map_err(|error| error.to_string())
}

fn layer(value: &Value) -> Result<Record, String> {
    let word = text(value, "kind");
    let kind = KINDS.iter().find(|(it, _)| *it == word).map(|(_, kind)| *kind);
    let kind = kind.ok_or_else(|| format!("kind is {word:?}; say human, model, gold or nothing"))?;
    let id = LayerId::parse("id", &text(value, "id")).map_err(|error| error.to_string())?;
    let (name, description) = (text(value, "display_name"), text(value, "description"));
    let details = LayerDetails::parse(name, kind, description, metadata(value), text(value, "annotator"));
    Ok(Record::Layer(id, details.map_err(|error| error.to_string())?))
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn metadata(value: &Value) -> Metadata {
    let entries = value.get("metadata").and_then(Value::as_object).into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}
