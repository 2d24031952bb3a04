//! From an article to its line.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, Feature, LocalId, Output, ProjectContents, Writer, article_id_of, count_losses,
        count_project_losses, imported_place, in_file_order, json_value_of, metadata_of, names_of,
    },
    FACTS, OBJECT, PART, SOURCE_DATABASE, SOURCE_ID, SUBJECT, id_alone, id_of,
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

/// What was written so far of an article, as it is read again.
#[derive(Default)]
struct Again {
    annotations: u32,
    /// What they are called.
    used: HashSet<String>,
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
        const LOOKED_AT: [Feature; 3] = [Feature::Roles, Feature::SourceUris, Feature::OtherAttributes];
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
        let kept: HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let mut object = described(article, output);
        let mut layers: BTreeMap<&LayerId, Vec<&Annotation>> = BTreeMap::new();
        for annotation in in_file_order(&article.annotations) {
            if kept.contains(&annotation.id) {
                layers.entry(&annotation.layer).or_default().push(annotation);
            }
        }
        let mut layers: Vec<_> = layers.into_iter().collect();
        layers.sort_by_key(|(layer, _)| layer.as_str() != LayerId::DEFAULT);
        let mut tracks = Vec::new();
        let mut again = Again::default();
        for (layer, annotations) in layers {
            let letter = |annotation: &Annotation| match annotation.target {
                Target::Relation(_) => 'R',
                Target::Spans(_) | Target::Article => 'T',
            };
            let names = names_of(&annotations, letter, |_, _| true);
            again.count_ids(article, &annotations, &names, output);
            let mut track = self.track(article, &annotations, &names, output).object();
            if layer.as_str() == LayerId::DEFAULT {
                object.append(&mut track);
            } else {
                let mut project = Map::from_iter([("project".to_owned(), json!(layer.as_str()))]);
                project.append(&mut track);
                tracks.push(Value::Object(project));
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
        names: &HashMap<AnnotationId, String>,
        output: &mut dyn Output,
    ) -> Track {
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
                    if let Some(relation) = relation(article, annotation, names, output) {
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

impl Again {
    /// Tells which annotations of a track are called something else when they are read again.
    fn count_ids(
        &mut self,
        article: &ArticleContents,
        annotations: &[&Annotation],
        names: &HashMap<AnnotationId, String>,
        output: &mut dyn Output,
    ) {
        let is_relation = |it: &&&Annotation| matches!(it.target, Target::Relation(_));
        let spans = annotations.iter().filter(|it| !is_relation(it));
        for annotation in spans.chain(annotations.iter().filter(is_relation)) {
            let name = names.get(&annotation.id).cloned().unwrap_or_default();
            let was = LocalId::of(annotation.id).map(|name| name.to_string()).unwrap_or_default();
            // One that another track has, too, is hashed.
            let is_kept = if self.used.insert(name.clone()) { was == name } else { was.is_empty() };
            if imported_place(annotation.id) != Some(self.annotations) || !is_kept {
                output.loss(Feature::AnnotationIds.name(), format!("{}/{}", article.id, annotation.id));
            }
            self.annotations = self.annotations.saturating_add(1);
        }
    }
}

/// What is said of the article beside its annotations.
fn described(article: &ArticleContents, output: &mut dyn Output) -> Map<String, Value> {
    const TAKEN: [&str; 8] =
        ["text", "target", "denotations", "blocks", "relations", "attributes", "modifications", "tracks"];
    let mut object = Map::new();
    let mut lost =
        |feature: Feature, what: &str| output.loss(feature.name(), format!("{} {what}", article.id));
    let source = &article.details.source_uri;
    if source.contains("://") {
        object.insert("target".to_owned(), json!(source));
    } else if !source.is_empty() {
        lost(Feature::SourceUris, source);
    }
    for (name, text) in &article.details.metadata {
        let (is_taken, value) = (TAKEN.contains(&name.as_str()), json_value_of(text));
        if is_taken || metadata_of(&value) != *text {
            lost(Feature::Metadata, name);
        }
        if !is_taken {
            object.insert(name.clone(), value);
        }
    }
    if id_alone(&object).is_some() {
        lost(Feature::Metadata, SOURCE_ID);
    }
    match id_of(&object) {
        Some(id) if article_id_of(&id) == article.id.as_str() => {}
        None if ![SOURCE_DATABASE, SOURCE_ID, PART].iter().any(|name| object.contains_key(*name)) => {
            object.insert(SOURCE_ID.to_owned(), json!(article.id.as_str()));
        }
        Some(_) | None => lost(Feature::ArticleIds, ""),
    }
    object.insert("text".to_owned(), json!(article.text.as_str()));
    object
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
