//! From JSON to records.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, JsonPlace, Reader, Record, Sink, SourceFile, SpanRecord,
        SpansRecord, Stopped, TargetRecord, article_id_of, json_text_of, keep_metadata, kind_of, objects,
        offset, read_json_records, required_text,
    },
    OBJECT, SOURCE_ID, SUBJECT, id_alone, id_of,
};
use crate::domain::attributes::AttributeValue;

/// What is wrong with a part.
type Wrong = String;

/// Reads objects.
#[derive(Debug)]
pub(super) struct PubAnnotationReader;

impl Reader for PubAnnotationReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        read_json_records(file, sink, &mut |place, value, sink| {
            let Value::Object(object) = value else {
                let message = format!("the record is {}; it is an object with a text", kind_of(&value));
                return sink.problem(place.invalid(message));
            };
            match article(place, object, sink) {
                Ok((article, wrong)) => {
                    for wrong in wrong {
                        sink.problem(place.invalid(wrong))?;
                    }
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

/// The article of a record, and what is wrong with its annotations.
fn article(
    place: &JsonPlace<'_>,
    mut object: Map<String, Value>,
    sink: &mut dyn Sink,
) -> Result<(ArticleRecord, Vec<Wrong>), Wrong> {
    let text = required_text(&mut object, "text")?;
    let target = object.shift_remove("target").map(|target| json_text_of(&target));
    let mut article = place.article(id_of(&object).map(Value::String).as_ref(), text);
    article.source_uri = target.unwrap_or(article.source_uri);
    if id_alone(&object).is_some() {
        object.shift_remove(SOURCE_ID);
    }
    let mut reading = Reading { place, article, wrong: Vec::new(), used: HashSet::new(), sink };
    reading.track(None, &mut object)?;
    for (index, mut object) in parts("tracks", &mut object)?.into_iter().enumerate() {
        let layer = match object.shift_remove("project").map(|project| json_text_of(&project)) {
            None => format!("track-{}", index.saturating_add(1)),
            Some(project) => {
                let layer = article_id_of(&project);
                if layer != project {
                    let what = "pubannotation: names of projects that no layer can have";
                    reading.sink.loss(what, place.example(&project));
                }
                layer
            }
        };
        reading.track(Some(layer), &mut object)?;
        reading.rest("pubannotation: what else is said of a track", &object);
    }
    let Reading { place: _, mut article, wrong, used: _, sink } = reading;
    keep_metadata(&mut article, object, place, sink);
    Ok((article, wrong))
}

/// A record on its way.
struct Reading<'r, 'p> {
    place: &'r JsonPlace<'p>,
    article: ArticleRecord,
    wrong: Vec<Wrong>,
    /// What annotations of the article are called, in all tracks: each has names of its own.
    used: HashSet<String>,
    sink: &'r mut dyn Sink,
}

/// Annotations that belong together.
struct Track {
    layer: Option<String>,
    /// Where each stands among the article's, by what the file calls it.
    places: HashMap<String, usize>,
}

impl Reading<'_, '_> {
    fn track(&mut self, layer: Option<String>, object: &mut Map<String, Value>) -> Result<(), Wrong> {
        let mut track = Track { layer, places: HashMap::new() };
        for name in ["denotations", "blocks"] {
            for (index, part) in parts(name, object)?.into_iter().enumerate() {
                if name == "blocks" {
                    self.sink.loss("pubannotation: that a denotation is a block", self.place.example(name));
                }
                let read = self.denotation(&mut track, part);
                self.note(name, index, read);
            }
        }
        for (index, part) in parts("relations", object)?.into_iter().enumerate() {
            let read = self.relation(&mut track, part);
            self.note("relations", index, read);
        }
        for (index, part) in parts("attributes", object)?.into_iter().enumerate() {
            let read = self.attribute(&track, index, part);
            self.note("attributes", index, read);
        }
        for (index, part) in parts("modifications", object)?.into_iter().enumerate() {
            let read = self.modification(&track, part);
            self.note("modifications", index, read);
        }
        Ok(())
    }

    fn note(&mut self, name: &str, index: usize, read: Result<(), Wrong>) {
        if let Err(wrong) = read {
            self.wrong.push(format!("{name}[{index}]: {wrong}"));
        }
    }

    /// What is left of a part is lost.
    fn rest(&mut self, what: &str, part: &Map<String, Value>) {
        for name in part.keys() {
            self.sink.loss(what, self.place.example(name));
        }
    }

    /// Adds an annotation. What is left of its part, beside the id, is lost.
    fn add(
        &mut self,
        track: &mut Track,
        mut part: Map<String, Value>,
        label: String,
        target: TargetRecord,
    ) -> Result<(), Wrong> {
        let id = if part.contains_key("id") { take(&mut part, "id")? } else { String::new() };
        self.rest("pubannotation: what else is said of an annotation", &part);
        let mut name = id.clone();
        if !id.is_empty() {
            if track.places.contains_key(&id) {
                return Err(format!("its id {id:?} is there twice"));
            }
            if self.used.contains(&id) {
                name = format!("{}\n{id}", track.layer.as_deref().unwrap_or_default());
            }
            self.used.insert(name.clone());
            track.places.insert(id, self.article.annotations.len());
        }
        self.article.annotations.push(AnnotationRecord {
            line: self.article.line,
            id: name,
            layer: track.layer.clone(),
            label,
            target,
            ..AnnotationRecord::default()
        });
        Ok(())
    }

    fn denotation(&mut self, track: &mut Track, mut part: Map<String, Value>) -> Result<(), Wrong> {
        let span = part.shift_remove("span").ok_or("has no span")?;
        let spans = match &span {
            Value::Array(spans) => spans.as_slice(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                std::slice::from_ref(&span)
            }
        };
        let span = |span| Ok(SpanRecord { range: Some(range(span)?), ..SpanRecord::default() });
        let spans = spans.iter().map(span).collect::<Result<Vec<_>, Wrong>>()?;
        let label = take(&mut part, "obj")?;
        self.add(track, part, label, TargetRecord::Spans(SpansRecord { spans, joined: None }))
    }

    fn relation(&mut self, track: &mut Track, mut part: Map<String, Value>) -> Result<(), Wrong> {
        let arguments = [(SUBJECT, take(&mut part, "subj")?), (OBJECT, take(&mut part, "obj")?)];
        let name_of = |id: String| {
            let of = track.places.get(&id).and_then(|place| self.article.annotations.get(*place));
            of.map_or(id, |annotation| annotation.id.clone())
        };
        let arguments = arguments.map(|(role, id)| (role.to_owned(), name_of(id)));
        let label = take(&mut part, "pred")?;
        self.add(track, part, label, TargetRecord::Relation(arguments.into()))
    }

    /// The annotation that a part calls `name`.
    fn annotation(
        &mut self,
        track: &Track,
        part: &mut Map<String, Value>,
        name: &str,
    ) -> Result<&mut AnnotationRecord, Wrong> {
        let id = take(part, name)?;
        let missing = || format!("{name} is {id:?}, which is none of the annotations");
        let place = track.places.get(&id).copied().ok_or_else(missing)?;
        self.article.annotations.get_mut(place).ok_or_else(missing)
    }

    fn attribute(&mut self, track: &Track, index: usize, mut part: Map<String, Value>) -> Result<(), Wrong> {
        let name = take(&mut part, "pred")?;
        let value = value(&part.shift_remove("obj").ok_or("has no obj")?)?;
        let attributes = &mut self.annotation(track, &mut part, "subj")?.attributes;
        let both = match (attributes.remove(&name), value) {
            (None, value) => value,
            (Some(AttributeValue::String(first)), AttributeValue::String(second)) => {
                AttributeValue::StringList(vec![first, second])
            }
            (Some(AttributeValue::StringList(mut list)), AttributeValue::String(next)) => {
                list.push(next);
                AttributeValue::StringList(list)
            }
            (Some(first), _) => {
                attributes.insert(name.clone(), first);
                return Err(format!("{name:?} is there twice; only strings may be"));
            }
        };
        attributes.insert(name, both);
        // Those that are written are numbered.
        if part.get("id").is_none_or(|id| json_text_of(id) == format!("A{}", index.saturating_add(1))) {
            part.shift_remove("id");
        }
        self.rest("pubannotation: what else is said of an attribute", &part);
        Ok(())
    }

    fn modification(&mut self, track: &Track, mut part: Map<String, Value>) -> Result<(), Wrong> {
        let name = take(&mut part, "pred")?;
        let annotation = self.annotation(track, &mut part, "obj")?;
        annotation.attributes.insert(name, AttributeValue::Bool(true));
        self.rest("pubannotation: what else is said of a modification", &part);
        Ok(())
    }
}

/// The value of an attribute.
fn value(value: &Value) -> Result<AttributeValue, Wrong> {
    match value {
        Value::Bool(value) => Ok(AttributeValue::Bool(*value)),
        Value::String(value) => Ok(AttributeValue::String(value.clone())),
        Value::Number(number) => {
            let double = || number.as_f64().map(AttributeValue::Double);
            let wrong = || format!("obj is {number}, which no attribute can be");
            number.as_i64().map(AttributeValue::Int).or_else(double).ok_or_else(wrong)
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("obj is {}; it is a string, a number, true or false", kind_of(value)))
        }
    }
}

fn parts(name: &str, object: &mut Map<String, Value>) -> Result<Vec<Map<String, Value>>, Wrong> {
    objects(name, object.shift_remove(name))
}

/// Takes a string, or a number as one.
fn take(part: &mut Map<String, Value>, name: &str) -> Result<String, Wrong> {
    match part.shift_remove(name) {
        Some(word @ (Value::String(_) | Value::Number(_))) => Ok(json_text_of(&word)),
        Some(other) => Err(format!("{name} is {}; it is a string", kind_of(&other))),
        None => Err(format!("has no {name}")),
    }
}

fn range(span: &Value) -> Result<(u64, u64), Wrong> {
    let Value::Object(span) = span else {
        return Err(format!("its span is {}; it is an object", kind_of(span)));
    };
    Ok((offset(span, "begin")?, offset(span, "end")?))
}
