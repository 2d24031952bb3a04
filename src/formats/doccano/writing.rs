//! From an article to its line.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, Feature, LocalId, Output, ProjectContents, Writer, count_losses,
        count_project_losses, imported_place, in_file_order, json_value_of, metadata_of,
    },
    FACTS, FROM, LABELS, RELATIONS, TEXT, TO,
};
use crate::domain::{
    annotations::{Annotation, Argument, Label, Target, TargetKind},
    attributes::AttributeValue,
    ids::AnnotationId,
    text::Unit,
};

/// Writes a line an article.
#[derive(Debug)]
pub(super) struct DoccanoWriter {
    unit: Unit,
    path: String,
    met: Met,
    counted: Vec<Feature>,
}

/// What was met so far: a file goes on in the words that it came to, since doccano reads all of it in the same ones.
#[derive(Debug, Default)]
struct Met {
    spans: bool,
    labels: bool,
    /// Relations, or spans with ids.
    ids: bool,
}

/// An article's annotations, by where they go.
#[derive(Default)]
struct Parts<'a> {
    spans: Vec<&'a Annotation>,
    labels: Vec<&'a Annotation>,
    relations: Vec<&'a Annotation>,
}

impl DoccanoWriter {
    pub(super) fn new(unit: Unit) -> Self {
        // Whether these are carried shows in each.
        let counted = FACTS.carries.iter().copied().chain([Feature::Roles, Feature::StringAttributes]);
        Self { unit, path: String::new(), met: Met::default(), counted: counted.collect() }
    }
}

impl Writer for DoccanoWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        self.path = format!("{}.jsonl", project.id);
        for kind in project.schema.iter().flat_map(|it| &it.labels).flat_map(|it| &it.kinds) {
            match kind {
                TargetKind::Spans => self.met.spans = true,
                TargetKind::Article => self.met.labels = true,
                TargetKind::Relation => self.met.ids = true,
            }
        }
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let parts = self.parts(article, output);
        self.met.spans |= !parts.spans.is_empty();
        self.met.labels |= !parts.labels.is_empty();
        self.met.ids |= !parts.relations.is_empty() || parts.spans.iter().any(|span| number(span).is_some());
        let id = article.id.as_str();
        let id =
            id.parse::<u64>().ok().filter(|number| number.to_string() == id).map_or(json!(id), Value::from);
        let mut object =
            Map::from_iter([("id".to_owned(), id), (TEXT.to_owned(), json!(article.text.as_str()))]);
        for (name, value) in &article.details.metadata {
            let (taken, value_there) = (is_taken(name), json_value_of(value));
            if taken || metadata_of(&value_there) != *value {
                output.loss(Feature::Metadata.name(), format!("{} {name}", article.id));
            }
            if !taken {
                object.insert(name.clone(), value_there);
            }
        }
        let numbers = numbers(&parts.spans);
        let with_ids = self.met.ids;
        let spans = parts.spans.iter().filter_map(|span| self.span(span, with_ids.then_some(&numbers)));
        let spans: Vec<_> = spans.collect();
        let labels: Vec<_> = parts.labels.iter().map(|label| json!(words_of(label))).collect();
        if with_ids || self.met.spans && self.met.labels {
            object.insert("entities".to_owned(), Value::Array(spans));
            if with_ids {
                let relations = parts.relations.iter().filter_map(|it| relation(it, &numbers)).collect();
                object.insert(RELATIONS.to_owned(), Value::Array(relations));
            }
            if self.met.labels {
                object.insert("cats".to_owned(), Value::Array(labels));
            }
        } else {
            let labels = spans.into_iter().chain(labels).collect();
            object.insert("label".to_owned(), Value::Array(labels));
        }
        parts.count_ids(article, with_ids.then_some(&numbers), output);
        let mut line = serde_json::to_vec(&Value::Object(object))?;
        line.push(b'\n');
        output.write(&self.path, &line)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(&self.path)
    }
}

impl DoccanoWriter {
    /// What can be carried; of the rest it is told that it is lost.
    fn parts<'a>(&self, article: &'a ArticleContents, output: &mut dyn Output) -> Parts<'a> {
        let kept: HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let mut lose = |feature: Feature, annotation: &Annotation| {
            output.loss(feature.name(), format!("{}/{}", article.id, annotation.id));
        };
        let mut parts = Parts::default();
        let kept = in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id));
        let kept: Vec<_> = kept.collect();
        let spans: HashSet<_> =
            kept.iter().filter(|it| it.target.mention().is_some()).map(|annotation| annotation.id).collect();
        for annotation in kept {
            match &annotation.target {
                Target::Spans(_) => parts.spans.push(annotation),
                Target::Article => parts.labels.push(annotation),
                Target::Relation(relation) => {
                    if relation.arguments.iter().any(|argument| !spans.contains(&argument.annotation)) {
                        lose(Feature::Relations, annotation);
                        continue;
                    }
                    if relation.arguments.iter().map(|argument| argument.role.as_str()).ne([FROM, TO]) {
                        lose(Feature::Roles, annotation);
                    }
                    parts.relations.push(annotation);
                }
            }
            let is_text = long_text(annotation).is_some();
            for (name, value) in &annotation.attributes {
                if matches!(value, AttributeValue::String(_)) && !(is_text && name == TEXT) {
                    lose(Feature::StringAttributes, annotation);
                }
            }
        }
        parts
    }

    fn span(&self, span: &Annotation, numbers: Option<&HashMap<AnnotationId, u64>>) -> Option<Value> {
        let range = span.target.mention()?.anchor.hull();
        let (start, end) = (range.start.in_unit(self.unit), range.end.in_unit(self.unit));
        let label = span.label.as_str();
        let Some(numbers) = numbers else { return Some(json!([start, end, label])) };
        let id = numbers.get(&span.id)?;
        Some(json!({"id": id, "label": label, "start_offset": start, "end_offset": end}))
    }
}

impl Parts<'_> {
    /// Tells which annotations are called something else when they are read again.
    fn count_ids(
        &self,
        article: &ArticleContents,
        numbers: Option<&HashMap<AnnotationId, u64>>,
        output: &mut dyn Output,
    ) {
        let of_span = |span: &Annotation| {
            let number = numbers.and_then(|numbers| numbers.get(&span.id));
            number.map(ToString::to_string).unwrap_or_default()
        };
        let of_relation =
            |relation: &Annotation| number(relation).map(|number| format!("R{number}")).unwrap_or_default();
        let spans = self.spans.iter().map(|it| (it, of_span(it)));
        let labels = self.labels.iter().map(|it| (it, String::new()));
        let relations = self.relations.iter().map(|it| (it, of_relation(it)));
        for (place, (annotation, name)) in (0_u32..).zip(spans.chain(labels).chain(relations)) {
            let was = LocalId::of(annotation.id).map(|name| name.to_string()).unwrap_or_default();
            if imported_place(annotation.id) != Some(place) || was != name {
                output.loss(Feature::AnnotationIds.name(), format!("{}/{}", article.id, annotation.id));
            }
        }
    }
}

/// Whether a record means something else by the name.
fn is_taken(name: &str) -> bool {
    ["id", TEXT, RELATIONS].contains(&name) || LABELS.contains(&name)
}

/// The number in what a file called an annotation.
fn number(annotation: &Annotation) -> Option<u64> {
    let is_relation = matches!(annotation.target, Target::Relation(_));
    match LocalId::of(annotation.id)? {
        LocalId::Number(number) => Some(number).filter(|_| !is_relation),
        LocalId::Numbered(letter, number) => Some(number).filter(|_| is_relation && letter == 'R'),
        LocalId::Short(_) => None,
    }
}

/// A number for each span: its own, or the next one that is free.
fn numbers(spans: &[&Annotation]) -> HashMap<AnnotationId, u64> {
    let mut numbers = HashMap::with_capacity(spans.len());
    let mut taken = HashSet::with_capacity(spans.len());
    for span in spans {
        if let Some(number) = number(span).filter(|number| taken.insert(*number)) {
            numbers.insert(span.id, number);
        }
    }
    let mut free = (0..).filter(|number| !taken.contains(number));
    for span in spans {
        numbers.entry(span.id).or_insert_with(|| free.next().unwrap_or_default());
    }
    numbers
}

fn relation(relation: &Annotation, numbers: &HashMap<AnnotationId, u64>) -> Option<Value> {
    let [from, to] = relation.target.arguments() else { return None };
    let number_of = |argument: &Argument| numbers.get(&argument.annotation).copied();
    let (from, to) = (number_of(from)?, number_of(to)?);
    let mut object = Map::new();
    if let Some(id) = number(relation) {
        object.insert("id".to_owned(), json!(id));
    }
    for (name, value) in
        [("from_id", json!(from)), ("to_id", json!(to)), ("type", json!(relation.label.as_str()))]
    {
        object.insert(name.to_owned(), value);
    }
    Some(Value::Object(object))
}

/// The text that no label can be, of an annotation that is there for one.
fn long_text(annotation: &Annotation) -> Option<&str> {
    let is_there_for_one = annotation.label.as_str() == TEXT && matches!(annotation.target, Target::Article);
    match annotation.attributes.get(TEXT) {
        Some(AttributeValue::String(text)) if is_there_for_one => {
            Some(text.as_str()).filter(|text| !text.is_empty() && Label::parse(TEXT, text).is_err())
        }
        Some(_) | None => None,
    }
}

/// A label of the article, or its text that no label can be.
fn words_of(label: &Annotation) -> &str {
    long_text(label).unwrap_or(label.label.as_str())
}
