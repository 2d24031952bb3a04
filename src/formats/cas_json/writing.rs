//! From an article to its file.

use std::io;

use serde_json::{Map, Value as Json, json};

use super::FACTS;
use crate::formats::{
    cas::{Cas, Types, Value, cas_of, count_id_losses, is_reference_list, uima_name},
    exchange::{ArticleContents, Output, ProjectContents, Writer, count_project_losses, file_path_of},
};

/// Writes a file an article.
#[derive(Debug)]
pub(super) struct JsonCasWriter;

impl Writer for JsonCasWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let mut types = Types::default();
        let cas = cas_of(article, FACTS.carries, &mut types, output);
        let stem = file_path_of(&article.id, &article.details.source_uri);
        let path = format!("{stem}.json");
        count_id_losses(article, &stem, output);
        let mut file = serde_json::to_vec(&document(&cas, &types))?;
        file.push(b'\n');
        output.write(&path, &file)?;
        output.close(&path)
    }

    fn finish(&mut self, _output: &mut dyn Output) -> io::Result<()> {
        Ok(())
    }
}

fn document(cas: &Cas, types: &Types) -> Json {
    let mut of_types = Map::new();
    for (name, known) in &types.0 {
        let name = uima_name(name);
        let mut of_type = Map::new();
        of_type.insert("%NAME".to_owned(), json!(name));
        of_type.insert("%SUPER_TYPE".to_owned(), json!(uima_name(&known.supertype)));
        for (feature, range) in &known.features {
            of_type.insert(feature.clone(), json!({"%NAME": feature, "%RANGE": uima_name(range)}));
        }
        of_types.insert(name.to_owned(), Json::Object(of_type));
    }
    let mut next =
        cas.structures.iter().map(|it| it.id).chain(cas.views.iter().map(|it| it.id)).max().unwrap_or(0);
    let (mut structures, mut views) = (Vec::new(), Map::new());
    for (view, number) in cas.views.iter().zip(1_u64..) {
        let text = view.text.as_deref().unwrap_or_default();
        structures.push(json!({
            "%ID": view.id, "%TYPE": "uima.cas.Sofa", "sofaNum": number, "sofaID": view.name, "mimeType": "text/plain",
            "sofaString": text
        }));
        views.insert(view.name.clone(), json!({"%SOFA": view.id, "%MEMBERS": view.members}));
    }
    for structure in &cas.structures {
        let mut object = Map::new();
        object.insert("%ID".to_owned(), json!(structure.id));
        object.insert("%TYPE".to_owned(), json!(uima_name(&structure.type_name)));
        for (name, value) in &structure.features {
            let mut list = |type_name: &str, elements: Json| {
                next += 1;
                structures.push(json!({"%ID": next, "%TYPE": type_name, "%ELEMENTS": elements}));
                json!(next)
            };
            let (name, value) = match value {
                Value::Text(text) => (name.clone(), json!(text)),
                Value::Bool(value) => (name.clone(), json!(value)),
                Value::Int(number) => (name.clone(), json!(number)),
                Value::Double(number) => (name.clone(), json!(number)),
                Value::Ref(id) => (format!("@{name}"), json!(id)),
                Value::Texts(texts) => (format!("@{name}"), list("uima.cas.StringArray", json!(texts))),
                Value::Refs(ids) => {
                    let range =
                        types.range(&structure.type_name, name).filter(|range| is_reference_list(range));
                    (format!("@{name}"), list(uima_name(range.unwrap_or("uima.cas.FSArray")), json!(ids)))
                }
            };
            object.insert(name, value);
        }
        structures.push(Json::Object(object));
    }
    json!({"%TYPES": of_types, "%FEATURE_STRUCTURES": structures, "%VIEWS": views})
}
