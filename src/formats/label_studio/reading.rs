//! From tasks to records.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, JsonPlace, Reader, Record, Sink, SourceFile, SpansRecord, Stopped,
        TargetRecord, attribute_of, json_text_of, keep_metadata, kind_of, objects, offset, read_json_records,
    },
    CHOICE_CONTROL, FROM, FROM_NAME, LABEL_CONTROL, NAMES_KEY, RELATION, TEXT_KEY, TEXT_OBJECT, TO, TO_NAME,
    VALUE,
    layers::{LISTS, Layers, PREDICTIONS},
};
use crate::domain::annotations::State;

/// What is wrong with a part.
type Wrong = String;

/// Reads tasks.
#[derive(Debug)]
pub(super) struct LabelStudioReader;

impl Reader for LabelStudioReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        read_json_records(file, sink, &mut |place, value, sink| {
            let Value::Object(task) = value else {
                let message = format!("the task is {}; it is an object with data", kind_of(&value));
                return sink.problem(place.invalid(message));
            };
            match Task::begin(place, task) {
                Ok((mut task, mut rest)) => {
                    task.take(&mut rest, sink)?;
                    let mut article = task.finish();
                    keep_metadata(&mut article, rest, place, sink);
                    sink.record(Record::Article(Box::new(article)))
                }
                Err(wrong) => sink.problem(place.invalid(wrong)),
            }
        })
    }

    fn finish(&mut self, _: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

/// A task on its way.
struct Task<'t> {
    article: ArticleRecord,
    place: &'t JsonPlace<'t>,
    /// The names of control and object that the first result of each kind had.
    names: BTreeMap<String, [String; 2]>,
    /// What regions of any annotation are called.
    used: HashSet<String>,
}

/// An annotation or a prediction.
struct Pass {
    layer: Option<String>,
    state: State,
    score: Option<f64>,
    /// Where each region stands among the article's annotations.
    regions: HashMap<String, usize>,
    /// Tells the names of one pass from those of another.
    prefix: String,
}

impl<'t> Task<'t> {
    /// The task with its text, and the rest of it.
    fn begin(
        place: &'t JsonPlace<'t>,
        mut task: Map<String, Value>,
    ) -> Result<(Self, Map<String, Value>), Wrong> {
        let data = match task.shift_remove("data") {
            Some(Value::Object(data)) => data,
            Some(other) => return Err(format!("data is {}; it is an object with a text", kind_of(&other))),
            None => return Err("has no data".to_owned()),
        };
        let longest = || {
            data.iter()
                .filter(|(_, value)| value.is_string())
                .max_by_key(|(_, value)| json_text_of(value).len())
        };
        let name = if data.get(TEXT_OBJECT).is_some_and(Value::is_string) {
            TEXT_OBJECT.to_owned()
        } else {
            longest().map(|(name, _)| name.clone()).ok_or("its data have no text")?
        };
        let text = data.get(&name).map(json_text_of).unwrap_or_default();
        let id = task.get("id").map(|id| json!(format!("{}-{}", place.stem, json_text_of(id))));
        let mut article = place.article(id.as_ref(), text);
        if name != TEXT_OBJECT {
            article.metadata.insert(TEXT_KEY.to_owned(), name.clone());
        }
        let rest = data.into_iter().filter(|(other, _)| *other != name);
        task.extend(rest.map(|(name, value)| (format!("data.{name}"), value)));
        Ok((Self { article, place, names: BTreeMap::new(), used: HashSet::new() }, task))
    }

    fn finish(mut self) -> ArticleRecord {
        let usual = [("labels", LABEL_CONTROL), ("choices", CHOICE_CONTROL)];
        self.names.retain(|kind, names| {
            !usual.iter().any(|(of, control)| of == kind && *names == [*control, TEXT_OBJECT])
        });
        if !self.names.is_empty() {
            self.article.metadata.insert(NAMES_KEY.to_owned(), json!(self.names).to_string());
        }
        self.article
    }

    fn take(&mut self, task: &mut Map<String, Value>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let mut layers = Layers::default();
        for list in LISTS {
            let Some(passes) = task.shift_remove(list) else { continue };
            let passes = match objects(list, Some(passes)) {
                Ok(passes) => passes,
                Err(wrong) => {
                    sink.problem(self.place.invalid(wrong))?;
                    continue;
                }
            };
            if passes.is_empty() {
                task.insert(list.to_owned(), json!([]));
            }
            for (index, mut annotation) in passes.into_iter().enumerate() {
                let score = annotation.get("score").and_then(Value::as_f64);
                let mut pass = Pass {
                    layer: layers.of(list, &annotation),
                    state: if list == PREDICTIONS { State::Suggested } else { State::Accepted },
                    score: score.filter(|score| (0.0..=1.0).contains(score) && list == PREDICTIONS),
                    regions: HashMap::new(),
                    prefix: format!("{list}{index}\n"),
                };
                let results = objects("result", annotation.shift_remove("result"));
                match results {
                    Ok(results) => self.results(&mut pass, results, &format!("{list}[{index}]"), sink)?,
                    Err(wrong) => sink.problem(self.place.invalid(format!("{list}[{index}]: {wrong}")))?,
                }
                task.insert(format!("{list}.{index}"), Value::Object(annotation));
            }
        }
        Ok(())
    }

    fn results(
        &mut self,
        pass: &mut Pass,
        results: Vec<Map<String, Value>>,
        path: &str,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        // Regions come before what is said of them, whatever the order of the file.
        let is_region =
            |result: &Map<String, Value>| result.get("type").and_then(Value::as_str) == Some("labels");
        let (regions, others): (Vec<_>, Vec<_>) =
            results.into_iter().enumerate().partition(|(_, result)| is_region(result));
        for (index, result) in regions.into_iter().chain(others) {
            if let Err(wrong) = self.result(pass, result, sink) {
                sink.problem(self.place.invalid(format!("{path}.result[{index}]: {wrong}")))?;
            }
        }
        Ok(())
    }

    fn result(
        &mut self,
        pass: &mut Pass,
        mut result: Map<String, Value>,
        sink: &mut dyn Sink,
    ) -> Result<(), Wrong> {
        let mut word =
            |name: &str| result.shift_remove(name).map(|value| json_text_of(&value)).unwrap_or_default();
        let kind = word("type");
        if kind == RELATION {
            return self.relation(pass, result, sink);
        }
        let (id, from_name, to_name) = (word("id"), word("from_name"), word("to_name"));
        let Some(Value::Object(mut value)) = result.shift_remove("value") else {
            return Err("has no value that is an object".to_owned());
        };
        let score = result.shift_remove("score").and_then(|score| score.as_f64());
        let score = score.filter(|score| (0.0..=1.0).contains(score)).or(pass.score);
        // What a region's front-end keeps of it.
        for name in result.keys() {
            sink.loss("label-studio: what is said of a result", self.place.example(name));
        }
        let said = value.shift_remove(&kind);
        let mut record = AnnotationRecord {
            line: self.place.line,
            layer: pass.layer.clone(),
            state: pass.state,
            score,
            ..AnnotationRecord::default()
        };
        let names = self.names.entry(kind.clone()).or_insert_with(|| [from_name.clone(), to_name.clone()]);
        let [usual_from, usual_to] = names;
        for (name, own, usual) in [(FROM_NAME, &from_name, usual_from), (TO_NAME, &to_name, usual_to)] {
            if own != usual {
                record.attributes.insert(name.to_owned(), attribute_of(&json!(own)).0);
            }
        }
        match (kind.as_str(), said) {
            ("labels", Some(Value::Array(labels))) => self.region(pass, &id, &record, &value, &labels),
            (_, None) => Err(format!("its value has no {kind}")),
            (_, Some(said)) => {
                if let Some(region) =
                    pass.regions.get(&id).and_then(|place| self.article.annotations.get_mut(*place))
                {
                    region.attributes.insert(from_name, attribute(&said, self.place, sink));
                    return Ok(());
                }
                if value.contains_key("start") || value.contains_key("x") || value.contains_key("points") {
                    sink.loss(
                        "label-studio: regions that are no spans of the text",
                        self.place.example(&kind),
                    );
                    return Ok(());
                }
                self.of_article(&kind, &from_name, record, &said, sink);
                Ok(())
            }
        }
    }

    /// A region of the text: an annotation for each of its labels.
    fn region(
        &mut self,
        pass: &mut Pass,
        id: &str,
        record: &AnnotationRecord,
        value: &Map<String, Value>,
        labels: &[Value],
    ) -> Result<(), Wrong> {
        if labels.is_empty() {
            return Err("has no labels".to_owned());
        }
        let offsets = value.get("globalOffsets").and_then(Value::as_object).unwrap_or(value);
        let range = (offset(offsets, "start")?, offset(offsets, "end")?);
        let quote = value.get("text").and_then(Value::as_str).unwrap_or_default();
        for (index, label) in labels.iter().enumerate() {
            let id = if index == 0 { id.to_owned() } else { String::new() };
            if !id.is_empty() {
                if pass.regions.contains_key(&id) {
                    return Err(format!("its id {id:?} is there twice"));
                }
                pass.regions.insert(id.clone(), self.article.annotations.len());
            }
            let is_new = id.is_empty() || self.used.insert(id.clone());
            let name = if is_new { id } else { format!("{}{id}", pass.prefix) };
            self.article.annotations.push(AnnotationRecord {
                id: name,
                label: json_text_of(label),
                target: TargetRecord::Spans(SpansRecord::one(range.0, range.1, quote)),
                ..record.clone()
            });
        }
        Ok(())
    }

    fn of_article(
        &mut self,
        kind: &str,
        control: &str,
        record: AnnotationRecord,
        said: &Value,
        sink: &mut dyn Sink,
    ) {
        match said {
            Value::Array(choices) if kind == "choices" && choices.iter().all(Value::is_string) => {
                for choice in choices {
                    self.article
                        .annotations
                        .push(AnnotationRecord { label: json_text_of(choice), ..record.clone() });
                }
            }
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => {
                let value = attribute(other, self.place, sink);
                let mut record = AnnotationRecord { label: control.to_owned(), ..record };
                record.attributes.remove(FROM_NAME);
                record.attributes.insert("type".to_owned(), attribute_of(&json!(kind)).0);
                record.attributes.insert(VALUE.to_owned(), value);
                self.article.annotations.push(record);
            }
        }
    }

    fn relation(
        &mut self,
        pass: &Pass,
        mut result: Map<String, Value>,
        sink: &mut dyn Sink,
    ) -> Result<(), Wrong> {
        let mut ends = Vec::new();
        for (role, name) in [(FROM, "from_id"), (TO, "to_id")] {
            let id = result
                .shift_remove(name)
                .map(|id| json_text_of(&id))
                .ok_or_else(|| format!("has no {name}"))?;
            let region = pass.regions.get(&id).and_then(|place| self.article.annotations.get(*place));
            ends.push((role.to_owned(), region.map_or(id, |region| region.id.clone())));
        }
        let labels = match result.shift_remove("labels") {
            Some(Value::Array(labels)) => labels,
            Some(_) | None => Vec::new(),
        };
        let mut record = AnnotationRecord {
            line: self.place.line,
            layer: pass.layer.clone(),
            state: pass.state,
            label: labels.first().map_or(RELATION.to_owned(), json_text_of),
            target: TargetRecord::Relation(ends),
            ..AnnotationRecord::default()
        };
        for label in labels.iter().skip(1) {
            sink.loss("label-studio: several labels of a relation", self.place.example(&json_text_of(label)));
        }
        if let Some(direction) = result.shift_remove("direction").filter(|direction| direction != "right") {
            record.attributes.insert("direction".to_owned(), attribute_of(&direction).0);
        }
        self.article.annotations.push(record);
        Ok(())
    }
}

fn attribute(
    value: &Value,
    place: &JsonPlace<'_>,
    sink: &mut dyn Sink,
) -> crate::domain::attributes::AttributeValue {
    let (attribute, is_exact) = attribute_of(value);
    if !is_exact {
        sink.loss("values within values, which are kept as text", place.example(&value.to_string()));
    }
    attribute
}
