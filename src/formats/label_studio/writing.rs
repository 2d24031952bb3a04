//! From an article to its task.

use std::{
    collections::{BTreeMap, HashSet},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, Feature, Output, ProjectContents, Writer, count_losses, count_project_losses,
        in_file_order, json_value_of, names_of, value_of,
    },
    CHOICE_CONTROL, FACTS, FROM, FROM_NAME, LABEL_CONTROL, NAMES_KEY, RELATION, TEXT_KEY, TEXT_OBJECT, TO,
    TO_NAME, VALUE,
    layers::{LISTS, Layers, PREDICTIONS},
};
use crate::domain::{
    annotations::{Annotation, State, Target},
    attributes::{AttributeValue, Attributes},
    ids::LayerId,
    text::{TextRange, Unit},
};

/// Writes an array of tasks.
#[derive(Debug)]
pub(super) struct LabelStudioWriter {
    unit: Unit,
    path: String,
    counted: Vec<Feature>,
    is_first: bool,
}

impl LabelStudioWriter {
    pub(super) fn new(unit: Unit) -> Self {
        let counted = FACTS.carries.iter().copied().chain([Feature::Roles]).collect();
        Self { unit, path: String::new(), counted, is_first: true }
    }
}

impl Writer for LabelStudioWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        self.path = format!("{}.json", project.id);
        count_project_losses(project, FACTS.carries, output);
        output.write(&self.path, b"[")
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let kept: HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let mut layers: BTreeMap<&str, Vec<&Annotation>> = BTreeMap::new();
        for annotation in in_file_order(&article.annotations) {
            if kept.contains(&annotation.id) {
                layers.entry(annotation.layer.as_str()).or_default().push(annotation);
            }
        }
        output.loss(Feature::ArticleIds.name(), article.id.to_string());
        let task = self.task(article, layers, output);
        let before: &[u8] = if std::mem::take(&mut self.is_first) { b"\n" } else { b",\n" };
        output.write(&self.path, before)?;
        output.write(&self.path, &serde_json::to_vec(&Value::Object(task))?)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.write(&self.path, b"\n]\n")?;
        output.close(&self.path)
    }
}

impl LabelStudioWriter {
    fn task(
        &self,
        article: &ArticleContents,
        mut layers: BTreeMap<&str, Vec<&Annotation>>,
        output: &mut dyn Output,
    ) -> Map<String, Value> {
        let metadata = &article.details.metadata;
        // The data come first, so that the beginning of a file tells what it is.
        let (mut task, mut data) = (Map::from_iter([("data".to_owned(), Value::Null)]), Map::new());
        let text = metadata.get(TEXT_KEY).map_or(TEXT_OBJECT, String::as_str);
        data.insert(text.to_owned(), json!(article.text.as_str()));
        // The annotations of the file that the article came from, in their order.
        let mut passes: BTreeMap<(usize, usize), Map<String, Value>> = BTreeMap::new();
        for (name, value) in metadata {
            let value = json_value_of(value);
            let of_list = name.split_once('.').and_then(|(list, index)| {
                Some((LISTS.iter().position(|other| *other == list)?, index.parse().ok()?))
            });
            match (of_list, name.strip_prefix("data."), value) {
                (Some(place), _, Value::Object(pass)) => {
                    passes.insert(place, pass);
                }
                (_, Some(name), value) if name != text => {
                    data.insert(name.to_owned(), value);
                }
                (_, Some(_), _) => output.loss(Feature::Metadata.name(), format!("{} {name}", article.id)),
                (_, None, _) if name == "data" => {
                    output.loss(Feature::Metadata.name(), format!("{} {name}", article.id));
                }
                (_, None, value) if ![TEXT_KEY, NAMES_KEY].contains(&name.as_str()) => {
                    task.insert(name.clone(), value);
                }
                (_, None, _) => {}
            }
        }
        let names = metadata.get(NAMES_KEY).map(|names| json_value_of(names)).unwrap_or_default();
        let mut naming = Layers::default();
        let mut lists: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        for ((list, _), mut pass) in passes {
            let layer = naming.of(LISTS.get(list).copied().unwrap_or_default(), &pass);
            let layer = layer.as_deref().unwrap_or(LayerId::DEFAULT);
            let annotations = layers.remove(layer).unwrap_or_default();
            let is_prediction = LISTS.get(list) == Some(&PREDICTIONS);
            for annotation in &annotations {
                if (annotation.state == State::Suggested) != is_prediction
                    && annotation.state != State::Rejected
                {
                    output.loss(Feature::Suggestions.name(), format!("{}/{}", article.id, annotation.id));
                }
            }
            pass.insert("result".to_owned(), self.results(article, &annotations, &names, output));
            lists.entry(list).or_default().push(Value::Object(pass));
        }
        for (layer, annotations) in layers {
            let is_suggested = annotations.iter().all(|annotation| annotation.state == State::Suggested);
            let list = if is_suggested {
                LISTS.iter().position(|list| *list == PREDICTIONS).unwrap_or_default()
            } else {
                0
            };
            let mut pass = Map::new();
            if is_suggested {
                pass.insert("model_version".to_owned(), json!(layer));
            } else if layer != LayerId::DEFAULT {
                pass.insert("completed_by".to_owned(), json!({ "email": layer }));
            }
            for annotation in annotations.iter().filter(|it| !is_suggested && it.state == State::Suggested) {
                output.loss(Feature::Suggestions.name(), format!("{}/{}", article.id, annotation.id));
            }
            pass.insert("result".to_owned(), self.results(article, &annotations, &names, output));
            lists.entry(list).or_default().push(Value::Object(pass));
        }
        for (list, passes) in lists {
            task.insert(LISTS.get(list).copied().unwrap_or_default().to_owned(), Value::Array(passes));
        }
        task.entry("annotations").or_insert_with(|| json!([]));
        task.insert("data".to_owned(), Value::Object(data));
        task
    }

    fn results(
        &self,
        article: &ArticleContents,
        annotations: &[&Annotation],
        names: &Value,
        output: &mut dyn Output,
    ) -> Value {
        let ids = names_of(annotations, |_| 'r', |_, _| true);
        let mut results = Vec::new();
        let mut choices: BTreeMap<[String; 2], Vec<&str>> = BTreeMap::new();
        for annotation in annotations {
            let label = annotation.label.as_str();
            if annotation.score.is_some() && annotation.target.mention().is_none() {
                output.loss(Feature::Scores.name(), format!("{}/{}", article.id, annotation.id));
            }
            let Some(id) = ids.get(&annotation.id) else { continue };
            match &annotation.target {
                Target::Spans(mention) => {
                    results.extend(self.region(article, annotation, &mention.anchor.hull(), id, names));
                }
                Target::Relation(relation) => {
                    let [from, to] = relation.arguments.as_slice() else { continue };
                    if (from.role.as_str(), to.role.as_str()) != (FROM, TO) {
                        output.loss(Feature::Roles.name(), format!("{}/{}", article.id, annotation.id));
                    }
                    let direction = match annotation.attributes.get("direction") {
                        Some(AttributeValue::String(direction)) => direction.as_str(),
                        Some(_) | None => "right",
                    };
                    let labels = if label == RELATION { vec![] } else { vec![label] };
                    let (Some(from), Some(to)) = (ids.get(&from.annotation), ids.get(&to.annotation)) else {
                        output.loss(Feature::Relations.name(), format!("{}/{}", article.id, annotation.id));
                        continue;
                    };
                    let mut result =
                        json!({"type": RELATION, "from_id": from, "to_id": to, "direction": direction});
                    if let (false, Some(result)) = (labels.is_empty(), result.as_object_mut()) {
                        result.insert("labels".to_owned(), json!(labels));
                    }
                    results.push(result);
                    lose_attributes(article, annotation, &["direction"], output);
                }
                Target::Article => {
                    if let Some(value) = annotation.attributes.get(VALUE) {
                        let kind = match annotation.attributes.get("type") {
                            Some(AttributeValue::String(kind)) => kind.as_str(),
                            Some(_) | None => "textarea",
                        };
                        let [_, to_name] = controls(kind, annotation, names);
                        let value = Map::from_iter([(kind.to_owned(), value_of(value))]);
                        results.push(json!({"id": id, "type": kind, "from_name": label, "to_name": to_name, "value": value}));
                        lose_attributes(article, annotation, &[VALUE, "type", TO_NAME], output);
                    } else {
                        choices.entry(controls("choices", annotation, names)).or_default().push(label);
                        lose_attributes(article, annotation, &[FROM_NAME, TO_NAME], output);
                    }
                }
            }
        }
        for ([from_name, to_name], choices) in choices {
            let value = json!({ "choices": choices });
            results
                .push(json!({"type": "choices", "from_name": from_name, "to_name": to_name, "value": value}));
        }
        Value::Array(results)
    }

    /// A region of the text, and what is said of it.
    fn region(
        &self,
        article: &ArticleContents,
        annotation: &Annotation,
        hull: &TextRange,
        id: &str,
        names: &Value,
    ) -> Vec<Value> {
        let label = annotation.label.as_str();
        let (start, end) = (hull.start.in_unit(self.unit), hull.end.in_unit(self.unit));
        let place = json!({"start": start, "end": end, "text": article.text.slice(hull)});
        let mut value = place.clone();
        if let Some(value) = value.as_object_mut() {
            value.insert("labels".to_owned(), json!([label]));
        }
        let [from_name, to_name] = controls("labels", annotation, names);
        let mut result =
            json!({"id": id, "type": "labels", "from_name": from_name, "to_name": to_name, "value": value});
        if let (Some(score), Some(result)) = (annotation.score, result.as_object_mut()) {
            result.insert("score".to_owned(), json!(score));
        }
        let mut results = vec![result];
        results.extend(said_of_region(id, &to_name, &place, &annotation.attributes));
        results
    }
}

/// The names of control and object of a result.
fn controls(kind: &str, annotation: &Annotation, names: &Value) -> [String; 2] {
    let usual = match kind {
        "choices" => [CHOICE_CONTROL, TEXT_OBJECT],
        _ => [LABEL_CONTROL, TEXT_OBJECT],
    };
    let known = |index: usize| names.get(kind).and_then(|names| names.get(index)).and_then(Value::as_str);
    let own = |name: &str| match annotation.attributes.get(name) {
        Some(AttributeValue::String(name)) => Some(name.as_str()),
        Some(_) | None => None,
    };
    let [from, to] = usual;
    [own(FROM_NAME).or(known(0)).unwrap_or(from), own(TO_NAME).or(known(1)).unwrap_or(to)].map(str::to_owned)
}

/// The attributes of a region as what controls of it said.
fn said_of_region(id: &str, to_name: &str, place: &Value, attributes: &Attributes) -> Vec<Value> {
    let said = attributes.iter().filter(|(name, _)| ![FROM_NAME, TO_NAME].contains(&name.as_str()));
    let result = |(name, attribute): (&String, &AttributeValue)| {
        let kind = match attribute {
            AttributeValue::StringList(_) => "choices",
            AttributeValue::Int(_) | AttributeValue::Double(_) => "number",
            AttributeValue::Bool(_) | AttributeValue::String(_) => "textarea",
        };
        let mut value = place.clone();
        if let Some(value) = value.as_object_mut() {
            value.insert(kind.to_owned(), value_of(attribute));
        }
        json!({"id": id, "type": kind, "from_name": name, "to_name": to_name, "value": value})
    };
    said.map(result).collect()
}

/// Counts attributes that have no place in a result.
fn lose_attributes(
    article: &ArticleContents,
    annotation: &Annotation,
    carried: &[&str],
    output: &mut dyn Output,
) {
    for (name, value) in annotation.attributes.iter().filter(|(name, _)| !carried.contains(&name.as_str())) {
        let feature = Feature::of_attribute(value);
        output.loss(feature.name(), format!("{}/{} {name}", article.id, annotation.id));
    }
}
