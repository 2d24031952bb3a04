//! From an article to its line.

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, Feature, Output, ProjectContents, Writer, count_losses, count_project_losses,
        in_file_order, json_value_of, names_of,
    },
    FACTS, OBJECT, SUBJECT,
};
use crate::domain::{
    annotations::{Annotation, Target},
    attributes::AttributeValue,
    ids::{AnnotationId, LayerId},
    text::Unit,
};

/// Writes a line an article.
#[derive(Debug)]
pub(super) struct PubAnnotationWriter {
    unit: Unit,
    path: String,
    counted: Vec<Feature>,
}

/// What is written of a track.
#[derive(Default)]
struct Track {
    denotations: Vec<Value>,
    relations: Vec<Value>,
    attributes: Vec<Value>,
}

impl PubAnnotationWriter {
    pub(super) fn new(unit: Unit) -> Self {
        // Whether these are carried shows in each.
        const LOOKED_AT: [Feature; 5] = [
            Feature::Roles,
            Feature::SourceUris,
            Feature::OtherAttributes,
            Feature::AnnotationIds,
            Feature::ArticleIds,
        ];
        let counted = FACTS.carries.iter().copied().chain(LOOKED_AT).collect();
        Self { unit, path: String::new(), counted }
    }
}

impl Writer for PubAnnotationWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        self.path = format!("{}.jsonl", project.id);
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let kept: std::collections::HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let mut object = Map::new();
        let lost =
            |feature: Feature, output: &mut dyn Output| output.loss(feature.name(), article.id.to_string());
        let source = &article.details.source_uri;
        if source.contains("://") {
            object.insert("target".to_owned(), json!(source));
        } else if !source.is_empty() {
            lost(Feature::SourceUris, output);
        }
        for (name, value) in &article.details.metadata {
            object.insert(name.clone(), json_value_of(value));
        }
        object.insert("text".to_owned(), json!(article.text.as_str()));
        let mut layers: BTreeMap<&LayerId, Vec<&Annotation>> = BTreeMap::new();
        for annotation in in_file_order(&article.annotations) {
            if kept.contains(&annotation.id) {
                layers.entry(&annotation.layer).or_default().push(annotation);
            }
        }
        let mut tracks = Vec::new();
        for (layer, annotations) in layers {
            let mut track = self.track(article, &annotations, output).object();
            if layer.as_str() == LayerId::DEFAULT {
                object.append(&mut track);
            } else {
                let mut named = Map::from_iter([("project".to_owned(), json!(layer.as_str()))]);
                named.append(&mut track);
                tracks.push(Value::Object(named));
            }
        }
        if !tracks.is_empty() {
            object.insert("tracks".to_owned(), Value::Array(tracks));
        }
        let mut line = serde_json::to_vec(&Value::Object(object))?;
        line.push(b'\n');
        output.write(&self.path, &line)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(&self.path)
    }
}

impl Track {
    fn object(self) -> Map<String, Value> {
        let Self { denotations, relations, attributes } = self;
        let parts = [("denotations", denotations), ("relations", relations), ("attributes", attributes)];
        let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
        parts.map(|(name, part)| (name.to_owned(), Value::Array(part))).collect()
    }
}

impl PubAnnotationWriter {
    fn track(
        &self,
        article: &ArticleContents,
        annotations: &[&Annotation],
        output: &mut dyn Output,
    ) -> Track {
        let letter = |annotation: &Annotation| match annotation.target {
            Target::Relation(_) => 'R',
            Target::Spans(_) | Target::Article => 'T',
        };
        let names = names_of(annotations, letter, |_, _| true);
        let mut track = Track::default();
        let mut attributes = 0_usize;
        for annotation in annotations {
            let Some(id) = names.get(&annotation.id) else { continue };
            let label = annotation.label.as_str();
            match &annotation.target {
                Target::Spans(mention) => {
                    let span = |span: &crate::domain::text::TextRange| json!({"begin": span.start.in_unit(self.unit), "end": span.end.in_unit(self.unit)});
                    let mut spans: Vec<_> = mention.anchor.spans().iter().map(span).collect();
                    let span = if spans.len() == 1 { spans.remove(0) } else { Value::Array(spans) };
                    track.denotations.push(json!({"id": id, "span": span, "obj": label}));
                }
                Target::Relation(_) => {
                    if let Some(relation) = relation(article, annotation, &names, output) {
                        track.relations.push(relation);
                    }
                }
                Target::Article => {}
            }
            for (name, value) in &annotation.attributes {
                let values = values(value);
                if values.is_empty() {
                    output.loss(Feature::OtherAttributes.name(), format!("{}/{}", article.id, annotation.id));
                }
                for value in values {
                    attributes = attributes.saturating_add(1);
                    let attribute =
                        json!({"id": format!("A{attributes}"), "subj": id, "pred": name, "obj": value});
                    track.attributes.push(attribute);
                }
            }
        }
        track
    }
}

fn relation(
    article: &ArticleContents,
    annotation: &Annotation,
    names: &HashMap<AnnotationId, String>,
    output: &mut dyn Output,
) -> Option<Value> {
    let [subject, object] = annotation.target.arguments() else { return None };
    if (subject.role.as_str(), object.role.as_str()) != (SUBJECT, OBJECT) {
        output.loss(Feature::Roles.name(), format!("{}/{}", article.id, annotation.id));
    }
    let id = names.get(&annotation.id)?;
    let (subj, obj) = (names.get(&subject.annotation)?, names.get(&object.annotation)?);
    Some(json!({"id": id, "subj": subj, "pred": annotation.label.as_str(), "obj": obj}))
}

/// The values that an attribute has there; none where it cannot have it: a list of one string would come back as a string.
fn values(value: &AttributeValue) -> Vec<Value> {
    match value {
        AttributeValue::Bool(value) => vec![json!(value)],
        AttributeValue::Int(value) => vec![json!(value)],
        AttributeValue::Double(value) => vec![json!(value)],
        AttributeValue::String(value) => vec![json!(value)],
        AttributeValue::StringList(values) if values.len() > 1 => {
            values.iter().map(|value| json!(value)).collect()
        }
        AttributeValue::StringList(_) => Vec::new(),
    }
}
