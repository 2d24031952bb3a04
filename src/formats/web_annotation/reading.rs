//! From pages and their texts to records.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, FileProblem, Kept, Reader, Record, Sink, SourceFile, SpanRecord,
        SpansRecord, Stopped, TargetRecord, article_id_of, attribute_of, json_text_of, kind_of, offset,
        syntax,
    },
    ATTRIBUTES, LAYER, ROLE, SCORE, STATE,
};
use crate::{
    domain::{annotations::State, revisions::Timestamp},
    limits::EXCHANGE_RECORD_BYTES_MAX,
};

/// What is wrong with a part.
type Wrong = String;

/// Reads pages of annotations, and texts.
#[derive(Debug, Default)]
pub(super) struct WebAnnotationReader {
    /// Texts and annotations that wait for each other, by their path without an extension.
    texts: BTreeMap<String, (String, String)>,
    pages: BTreeMap<String, Page>,
    waiting_bytes: usize,
}

/// The annotations of a file.
#[derive(Debug)]
struct Page {
    path: String,
    annotations: Vec<Value>,
    bytes: usize,
}

impl Reader for WebAnnotationReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let (path, stem) = (file.path().to_owned(), file.stem().to_owned());
        if file.extension() == "txt" {
            let text = match file.whole_text()? {
                Ok(text) => text,
                Err(problem) => return sink.problem(problem),
            };
            self.give_up_texts(&stem, sink)?;
            if let Some(page) = self.pages.remove(&stem) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(page.bytes);
                return article(&stem, &path, text, Some(page), sink);
            }
            self.texts.insert(stem, (path, text));
            return Ok(());
        }
        let document = match file.whole_document()? {
            Ok(document) => document,
            Err(problem) => return sink.problem(problem),
        };
        let annotations = match annotations_of(&path, &document) {
            Ok(annotations) => annotations,
            Err(problem) => return sink.problem(problem),
        };
        self.give_up_texts(&stem, sink)?;
        let page = Page { path: path.clone(), annotations, bytes: document.len() };
        if let Some((text_path, text)) = self.texts.remove(&stem) {
            return article(&stem, &text_path, text, Some(page), sink);
        }
        self.waiting_bytes = self.waiting_bytes.saturating_add(page.bytes);
        if self.waiting_bytes > EXCHANGE_RECORD_BYTES_MAX {
            let message = "waits for its text with too many others: send both files one after the other";
            return sink.problem(FileProblem::invalid(&path, 0, message));
        }
        self.pages.insert(stem, page);
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        self.give_up_texts("", sink)?;
        for (stem, page) in std::mem::take(&mut self.pages) {
            let message = format!(
                "has no text: a Web Annotation does not hold it, and {stem}.txt did not come, or came before others did"
            );
            sink.problem(FileProblem::invalid(&page.path, 0, message))?;
        }
        Ok(())
    }
}

impl WebAnnotationReader {
    /// Hands on the texts that wait and are not called `stem`: they have no annotations.
    fn give_up_texts(&mut self, stem: &str, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let kept = self.texts.remove(stem);
        for (stem, (path, text)) in std::mem::take(&mut self.texts) {
            article(&stem, &path, text, None, sink)?;
        }
        self.texts.extend(kept.map(|text| (stem.to_owned(), text)));
        Ok(())
    }
}

/// The annotations of a document: of a page, a collection, an array, a line each, or one alone.
fn annotations_of(path: &str, document: &str) -> Result<Vec<Value>, FileProblem> {
    let value = match serde_json::from_str::<Value>(document) {
        Ok(value) => value,
        Err(whole) => {
            let lines =
                document.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str::<Value>);
            let lines: Result<Vec<_>, _> = lines.collect();
            return lines.ok().filter(|lines| lines.len() > 1).ok_or_else(|| syntax(path, 0, &whole));
        }
    };
    let items = match value {
        Value::Array(items) => items,
        Value::Object(mut object) => {
            let nested =
                ["items", "first", "@graph"].iter().find_map(|name| match object.shift_remove(*name) {
                    Some(Value::Array(items)) => Some(items),
                    Some(Value::Object(mut page)) => match page.shift_remove("items") {
                        Some(Value::Array(items)) => Some(items),
                        Some(_) | None => None,
                    },
                    Some(_) | None => None,
                });
            nested.unwrap_or_else(|| vec![Value::Object(object)])
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            let message = format!("is {}; it is an annotation, a page or an array of them", kind_of(&other));
            return Err(FileProblem::invalid(path, 1, message));
        }
    };
    Ok(items)
}

fn article(
    stem: &str,
    text_path: &str,
    text: String,
    page: Option<Page>,
    sink: &mut dyn Sink,
) -> Result<(), Stopped> {
    let path = page.as_ref().map_or(text_path, |page| &page.path).to_owned();
    let mut article = ArticleRecord {
        path: path.clone(),
        id: article_id_of(stem),
        source_uri: text_path.to_owned(),
        text,
        ..ArticleRecord::default()
    };
    let annotations = page.map(|page| page.annotations).unwrap_or_default();
    let ids: HashSet<_> =
        annotations.iter().filter_map(|annotation| annotation.get("id")).map(id_of).collect();
    for (index, annotation) in annotations.into_iter().enumerate() {
        let mut reading = Reading { path: &path, index, ids: &ids, sink };
        match reading.annotation(annotation) {
            Ok(record) => article.annotations.push(record),
            Err(wrong) => {
                let message = format!("the annotation {}: {wrong}", index.saturating_add(1));
                sink.problem(FileProblem::invalid(&path, 0, message))?;
            }
        }
    }
    sink.record(Record::Article(Box::new(article)))
}

/// What an annotation is called: its UUID, or all of its id.
fn id_of(id: &Value) -> String {
    let id = json_text_of(id);
    id.strip_prefix("urn:uuid:").map(str::to_owned).unwrap_or(id)
}

/// An annotation on its way.
struct Reading<'r> {
    path: &'r str,
    index: usize,
    ids: &'r HashSet<String>,
    sink: &'r mut dyn Sink,
}

impl Reading<'_> {
    fn lose(&mut self, what: &str) {
        let example = format!("{} {what}, annotation {}", self.path, self.index.saturating_add(1));
        self.sink.loss("web-annotation: what nothing here is", example);
    }

    fn annotation(&mut self, annotation: Value) -> Result<AnnotationRecord, Wrong> {
        let Value::Object(mut annotation) = annotation else {
            return Err(format!("is {}; it is an object", kind_of(&annotation)));
        };
        let types = annotation.shift_remove("type");
        if !list(types.clone()).iter().any(|kind| kind == "Annotation") {
            let types = types.map_or("nothing".to_owned(), |types| types.to_string());
            return Err(format!("its type is {types}; it is Annotation"));
        }
        let id = annotation.shift_remove("id").as_ref().map(id_of).unwrap_or_default();
        let mut record = AnnotationRecord { id, ..AnnotationRecord::default() };
        let motivation = list(annotation.shift_remove("motivation")).first().map(json_text_of);
        let bodies = list(annotation.shift_remove("body"));
        let value = annotation.shift_remove("bodyValue").map(|value| json_text_of(&value));
        self.bodies(&mut record, bodies, value);
        if record.label.is_empty() {
            record.label = motivation.unwrap_or_else(|| "Annotation".to_owned());
        }
        let targets = list(annotation.shift_remove("target"));
        if targets.is_empty() {
            return Err("has no target".to_owned());
        }
        record.target = self.target(targets)?;
        self.own_words(&mut record, &mut annotation)?;
        let mut time = |name: &str| {
            let text = annotation.shift_remove(name).map(|time| json_text_of(&time))?;
            Timestamp::parse(&text)
        };
        let (created, modified) = (time("created"), time("modified"));
        if let Some(times) = created.or(modified).zip(modified.or(created)) {
            record.kept = Some(Box::new(Kept { anchoring: None, text_revision: 1, times }));
        }
        if let Some(creator) = annotation.shift_remove("creator") {
            let name =
                ["name", "nickname", "id"].iter().find_map(|name| creator.get(*name)).unwrap_or(&creator);
            record.layer.get_or_insert_with(|| article_id_of(&json_text_of(name)));
        }
        for name in annotation.keys().filter(|name| *name != "@context") {
            self.lose(name);
        }
        Ok(record)
    }

    /// What is said here and the standard has no word for.
    fn own_words(
        &mut self,
        record: &mut AnnotationRecord,
        annotation: &mut Map<String, Value>,
    ) -> Result<(), Wrong> {
        if let Some(layer) = annotation.shift_remove(LAYER) {
            record.layer = Some(json_text_of(&layer));
        }
        if let Some(score) = annotation.shift_remove(SCORE) {
            record.score = Some(score.as_f64().ok_or_else(|| format!("{SCORE} is {score}; it is a number"))?);
        }
        match annotation.shift_remove(STATE).as_ref().and_then(Value::as_str) {
            Some("suggested") => record.state = State::Suggested,
            Some("rejected") => record.state = State::Rejected,
            Some(_) | None => {}
        }
        if let Some(Value::Object(attributes)) = annotation.shift_remove(ATTRIBUTES) {
            for (name, value) in attributes {
                let (value, is_exact) = attribute_of(&value);
                if !is_exact {
                    self.lose(&name);
                }
                record.attributes.insert(name, value);
            }
        }
        Ok(())
    }

    fn bodies(&mut self, record: &mut AnnotationRecord, bodies: Vec<Value>, value: Option<String>) {
        let mut notes: Vec<String> = value.into_iter().collect();
        for body in bodies {
            let purposes = list(body.get("purpose").cloned());
            let tags =
                |purpose: &Value| ["tagging", "classifying", "identifying"].iter().any(|tag| purpose == tag);
            let named = ["value", "source", "id"].iter().find_map(|name| body.get(*name)).map(json_text_of);
            let said = named.or_else(|| body.as_str().map(str::to_owned));
            match said {
                Some(tag) if record.label.is_empty() && purposes.iter().any(tags) => record.label = tag,
                Some(note) if body.get("value").is_some() => notes.push(note),
                Some(iri) if record.label.is_empty() => record.label = iri,
                Some(_) | None => self.lose("a body"),
            }
        }
        record.note = notes.join("\n");
    }

    fn target(&mut self, targets: Vec<Value>) -> Result<TargetRecord, Wrong> {
        let mut arguments = Vec::new();
        let mut spans = Vec::new();
        let mut whole = false;
        for target in targets {
            let named = ["source", "id"].iter().find_map(|name| target.get(*name)).map(source_of);
            let source = named.or_else(|| target.as_str().map(str::to_owned)).unwrap_or_default();
            let id = source.strip_prefix("urn:uuid:").unwrap_or(&source).to_owned();
            if self.ids.contains(&id) {
                let role = target.get(ROLE).map(json_text_of).unwrap_or_default();
                arguments.push((role, id));
                continue;
            }
            let selectors = list(target.get("selector").cloned());
            if selectors.is_empty() {
                whole = true;
            } else {
                spans.push(span(&selectors)?);
            }
        }
        match (arguments.is_empty(), spans.is_empty(), whole) {
            (false, true, false) => Ok(TargetRecord::Relation(arguments)),
            (true, false, false) => Ok(TargetRecord::Spans(SpansRecord { spans, joined: None })),
            (true, true, true) => Ok(TargetRecord::Article),
            (_, _, _) => {
                Err("has targets of several kinds; they are parts of the text, or annotations".to_owned())
            }
        }
    }
}

fn source_of(source: &Value) -> String {
    source.get("id").map_or_else(|| json_text_of(source), json_text_of)
}

/// One value, or each of several.
fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
    }
}

/// The span that selectors select together.
fn span(selectors: &[Value]) -> Result<SpanRecord, Wrong> {
    let mut span = SpanRecord::default();
    for selector in selectors {
        let Value::Object(selector) = selector else {
            return Err(format!("its selector is {}; it is an object", kind_of(selector)));
        };
        if selector.contains_key("refinedBy") {
            return Err("its selector is refined by another one, which is not read".to_owned());
        }
        let word = |name: &str| selector.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match word("type").as_str() {
            "TextPositionSelector" => {
                span.range = Some((offset(selector, "start")?, offset(selector, "end")?));
            }
            "TextQuoteSelector" => {
                span.quote = word("exact");
                (span.prefix, span.suffix) = (word("prefix"), word("suffix"));
            }
            other => {
                return Err(format!(
                    "its selector is a {other:?}; a TextPositionSelector or a TextQuoteSelector is read"
                ));
            }
        }
    }
    if span.range.is_none() && span.quote.is_empty() {
        return Err("its selector selects nothing".to_owned());
    }
    if span.quote.is_empty() {
        // An empty quote says nothing, and what stands around it neither.
        (span.prefix, span.suffix) = (String::new(), String::new());
    }
    Ok(span)
}
