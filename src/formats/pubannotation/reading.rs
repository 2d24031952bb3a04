//! From JSON to records.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, JsonPlace, Reader, Record, Sink, SourceFile, SpanRecord,
        SpansRecord, Stopped, TargetRecord, article_id_of, json_text_of, keep_metadata, kind_of, objects,
        offset, read_json_records, required_text,
    },
    OBJECT, SUBJECT,
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
                Ok(article) => sink.record(Record::Article(Box::new(article)))?,
                Err(wrong) => sink.problem(place.invalid(wrong))?,
            }
            Ok(())
        })
    }

    fn finish(&mut self, _: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

fn article(
    place: &JsonPlace<'_>,
    mut object: Map<String, Value>,
    sink: &mut dyn Sink,
) -> Result<ArticleRecord, Wrong> {
    let text = required_text(&mut object, "text")?;
    let target = object.shift_remove("target").map(|target| json_text_of(&target));
    let word = |name: &str| object.get(name).map(json_text_of).filter(|word| !word.is_empty());
    let id = match [word("sourcedb"), word("sourceid"), word("divid")] {
        [Some(database), Some(id), None] => Some(json!(format!("{database}-{id}"))),
        [Some(database), Some(id), Some(part)] => Some(json!(format!("{database}-{id}-{part}"))),
        _ => None,
    };
    let mut article = place.article(id.as_ref(), text);
    article.source_uri = target.unwrap_or(article.source_uri);
    let mut used = HashSet::new();
    let mut track = Track::new(None, &mut article, &mut used);
    track.take(place, &mut object, sink)?;
    for (index, mut object) in parts("tracks", &mut object)?.into_iter().enumerate() {
        let project = object.shift_remove("project").map(|project| json_text_of(&project));
        let unnamed = || format!("track-{}", index.saturating_add(1));
        let layer = project.map_or_else(unnamed, |project| article_id_of(&project));
        let mut track = Track::new(Some(layer), &mut article, &mut used);
        track.take(place, &mut object, sink)?;
        for name in object.keys() {
            sink.loss("pubannotation: what is said of a track", place.example(name));
        }
    }
    keep_metadata(&mut article, object, place, sink);
    Ok(article)
}

/// Annotations that belong together.
struct Track<'a> {
    layer: Option<String>,
    article: &'a mut ArticleRecord,
    /// What annotations of the article are called, in all tracks: each has names of its own.
    used: &'a mut HashSet<String>,
    /// Where each stands among the article's, by what the file calls it.
    places: HashMap<String, usize>,
}

impl<'a> Track<'a> {
    fn new(layer: Option<String>, article: &'a mut ArticleRecord, used: &'a mut HashSet<String>) -> Self {
        Self { layer, article, used, places: HashMap::new() }
    }

    fn take(
        &mut self,
        place: &JsonPlace<'_>,
        object: &mut Map<String, Value>,
        sink: &mut dyn Sink,
    ) -> Result<(), Wrong> {
        for name in ["denotations", "blocks"] {
            for (index, part) in objects(name, object.shift_remove(name))?.into_iter().enumerate() {
                if let Err(wrong) = self.denotation(part) {
                    refuse(place, &format!("{name}[{index}]: {wrong}"), sink);
                }
            }
        }
        for (index, part) in parts("relations", object)?.into_iter().enumerate() {
            if let Err(wrong) = self.relation(part) {
                refuse(place, &format!("relations[{index}]: {wrong}"), sink);
            }
        }
        for (index, part) in parts("attributes", object)?.into_iter().enumerate() {
            if let Err(wrong) = self.attribute(part) {
                refuse(place, &format!("attributes[{index}]: {wrong}"), sink);
            }
        }
        for (index, part) in parts("modifications", object)?.into_iter().enumerate() {
            if let Err(wrong) = self.modification(part) {
                refuse(place, &format!("modifications[{index}]: {wrong}"), sink);
            }
        }
        Ok(())
    }

    fn add(&mut self, id: String, label: String, target: TargetRecord) -> Result<(), Wrong> {
        if id.is_empty() {
            return Err("has no id".to_owned());
        }
        if self.places.contains_key(&id) {
            return Err(format!("its id {id:?} is there twice"));
        }
        self.places.insert(id.clone(), self.article.annotations.len());
        let tracked = || format!("{}\n{id}", self.layer.as_deref().unwrap_or_default());
        let name = if self.used.contains(&id) { tracked() } else { id.clone() };
        self.used.insert(name.clone());
        self.article.annotations.push(AnnotationRecord {
            line: self.article.line,
            id: name,
            layer: self.layer.clone(),
            label,
            target,
            ..AnnotationRecord::default()
        });
        Ok(())
    }

    fn denotation(&mut self, mut part: Map<String, Value>) -> Result<(), Wrong> {
        let span = part.shift_remove("span").ok_or("has no span")?;
        let spans = match span {
            Value::Array(spans) => spans.iter().map(range).collect::<Result<Vec<_>, _>>()?,
            one => vec![range(&one)?],
        };
        let spans = spans
            .into_iter()
            .map(|range| SpanRecord { range: Some(range), ..SpanRecord::default() })
            .collect();
        let target = TargetRecord::Spans(SpansRecord { spans, joined: None });
        self.add(text(&part, "id")?, text(&part, "obj")?, target)
    }

    fn relation(&mut self, part: Map<String, Value>) -> Result<(), Wrong> {
        let arguments = [(SUBJECT, text(&part, "subj")?), (OBJECT, text(&part, "obj")?)];
        let name_of = |id: String| {
            let of = self.places.get(&id).and_then(|place| self.article.annotations.get(*place));
            of.map_or(id, |annotation| annotation.id.clone())
        };
        let arguments = arguments.map(|(role, id)| (role.to_owned(), name_of(id)));
        self.add(text(&part, "id")?, text(&part, "pred")?, TargetRecord::Relation(arguments.into()))
    }

    fn annotation(&mut self, part: &Map<String, Value>, name: &str) -> Result<&mut AnnotationRecord, Wrong> {
        let id = text(part, name)?;
        let missing = || format!("{name} is {id:?}, which is none of the annotations");
        let place = self.places.get(&id).copied().ok_or_else(missing)?;
        self.article.annotations.get_mut(place).ok_or_else(missing)
    }

    fn attribute(&mut self, part: Map<String, Value>) -> Result<(), Wrong> {
        let name = text(&part, "pred")?;
        let value = match part.get("obj") {
            Some(Value::Bool(value)) => AttributeValue::Bool(*value),
            Some(Value::String(value)) => AttributeValue::String(value.clone()),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => AttributeValue::Int(number),
                (None, Some(number)) => AttributeValue::Double(number),
                (None, None) => return Err(format!("obj is {number}, which no attribute can be")),
            },
            Some(other) => {
                return Err(format!("obj is {}; it is a string, a number, true or false", kind_of(other)));
            }
            None => return Err("has no obj".to_owned()),
        };
        let attributes = &mut self.annotation(&part, "subj")?.attributes;
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
        Ok(())
    }

    fn modification(&mut self, part: Map<String, Value>) -> Result<(), Wrong> {
        let name = text(&part, "pred")?;
        self.annotation(&part, "obj")?.attributes.insert(name, AttributeValue::Bool(true));
        Ok(())
    }
}

fn refuse(place: &JsonPlace<'_>, wrong: &str, sink: &mut dyn Sink) {
    // The sink that wants no more says so with the article.
    let _ = sink.problem(place.invalid(wrong));
}

fn parts(name: &str, object: &mut Map<String, Value>) -> Result<Vec<Map<String, Value>>, Wrong> {
    objects(name, object.shift_remove(name))
}

fn text(part: &Map<String, Value>, name: &str) -> Result<String, Wrong> {
    match part.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(other) => Err(format!("{name} is {}; it is a string", kind_of(other))),
        None => Err(format!("has no {name}")),
    }
}

fn range(span: &Value) -> Result<(u64, u64), Wrong> {
    let Value::Object(span) = span else {
        return Err(format!("its span is {}; it is an object", kind_of(span)));
    };
    Ok((offset(span, "begin")?, offset(span, "end")?))
}
