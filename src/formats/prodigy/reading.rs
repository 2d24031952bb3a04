//! From JSON to records.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, JsonPlace, Reader, Record, Sink, SourceFile, SpansRecord, Stopped,
        TOKEN, TargetRecord, article_id_of, attribute_of, json_text_of, keep_metadata, kind_of, objects,
        offset, read_json_records, required_text,
    },
    CHILD, HEAD,
};
use crate::domain::annotations::State;

/// What is wrong with a part.
type Wrong = String;

/// Reads objects.
#[derive(Debug)]
pub(super) struct ProdigyReader;

impl Reader for ProdigyReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        read_json_records(file, sink, &mut |place, value, sink| {
            let Value::Object(mut object) = value else {
                let message = format!("the record is {}; it is an object with a text", kind_of(&value));
                return sink.problem(place.invalid(message));
            };
            let text = match required_text(&mut object, "text") {
                Ok(text) => text,
                Err(wrong) => return sink.problem(place.invalid(wrong)),
            };
            let mut reading = Reading {
                article: place.article(object.get("id"), text),
                place,
                sink,
                layer: None,
                state: State::Accepted,
                tokens: HashMap::new(),
                starts: HashMap::new(),
                spans: HashMap::new(),
            };
            reading.take(&mut object)?;
            let mut article = reading.article;
            keep_metadata(&mut article, object, place, sink);
            sink.record(Record::Article(Box::new(article)))
        })
    }

    fn finish(&mut self, _: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

/// A record on its way.
struct Reading<'r> {
    article: ArticleRecord,
    place: &'r JsonPlace<'r>,
    sink: &'r mut dyn Sink,
    layer: Option<String>,
    state: State,
    /// What tokens are called, by their numbers.
    tokens: HashMap<u64, String>,
    /// The numbers of tokens, by where they begin and by where they end.
    starts: HashMap<(bool, u64), u64>,
    /// What spans are called, by where they are, and by their labels, too.
    spans: HashMap<(u64, u64, String), String>,
}

impl Reading<'_> {
    fn take(&mut self, object: &mut Map<String, Value>) -> Result<(), Stopped> {
        if let Some(Value::String(annotator)) = object.get("_annotator_id") {
            self.layer = Some(article_id_of(annotator));
            object.shift_remove("_annotator_id");
        }
        match object.get("answer").and_then(Value::as_str) {
            Some("reject") => self.state = State::Rejected,
            Some("ignore") => self.state = State::Suggested,
            // The answer stays as metadata, for records that say nothing else.
            Some(_) | None => {}
        }
        self.each("tokens", object, Self::token)?;
        self.each("spans", object, Self::span)?;
        self.each("relations", object, Self::relation)?;
        if let Some(Value::String(label)) = object.get("label") {
            let label = label.clone();
            object.shift_remove("label");
            self.label(label);
        }
        match object.get("accept") {
            Some(Value::Array(options))
                if options.iter().all(|option| option.is_string() || option.is_number()) =>
            {
                let options: Vec<_> = options.iter().map(json_text_of).collect();
                object.shift_remove("accept");
                for option in options {
                    self.label(option);
                }
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Takes each object of an array, and refuses those that are wrong.
    fn each(
        &mut self,
        name: &str,
        object: &mut Map<String, Value>,
        take: fn(&mut Self, Map<String, Value>) -> Result<(), Wrong>,
    ) -> Result<(), Stopped> {
        let parts = match objects(name, object.shift_remove(name)) {
            Ok(parts) => parts,
            Err(wrong) => return self.sink.problem(self.place.invalid(wrong)),
        };
        for (index, part) in parts.into_iter().enumerate() {
            if let Err(wrong) = take(self, part) {
                self.sink.problem(self.place.invalid(format!("{name}[{index}]: {wrong}")))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, record: AnnotationRecord) {
        let (line, layer) = (self.place.line, self.layer.clone());
        self.article.annotations.push(AnnotationRecord { line, layer, ..record });
    }

    fn label(&mut self, label: String) {
        self.add(AnnotationRecord { label, state: self.state, ..AnnotationRecord::default() });
    }

    /// What else is said of a span or a token, as attributes.
    fn attributes(&mut self, record: &mut AnnotationRecord, rest: Map<String, Value>) {
        for (name, value) in rest {
            let (value, is_exact) = attribute_of(&value);
            if !is_exact {
                self.sink.loss("values within values, which are kept as text", self.place.example(&name));
            }
            record.attributes.insert(name, value);
        }
    }

    fn token(&mut self, mut token: Map<String, Value>) -> Result<(), Wrong> {
        let (start, end) = (offset(&token, "start")?, offset(&token, "end")?);
        let number = u64::try_from(self.tokens.len()).unwrap_or(u64::MAX);
        let quote = required_text(&mut token, "text").unwrap_or_default();
        for name in ["start", "end", "id"] {
            token.shift_remove(name);
        }
        let id = format!("t{number}");
        self.tokens.insert(number, id.clone());
        self.starts.insert((false, start), number);
        self.starts.insert((true, end), number);
        let target = TargetRecord::Spans(SpansRecord::one(start, end, quote));
        let mut record =
            AnnotationRecord { id, label: TOKEN.to_owned(), target, ..AnnotationRecord::default() };
        self.attributes(&mut record, token);
        self.add(record);
        Ok(())
    }

    fn span(&mut self, mut span: Map<String, Value>) -> Result<(), Wrong> {
        let (start, end) = (offset(&span, "start")?, offset(&span, "end")?);
        let label = required_text(&mut span, "label")?;
        let quote = required_text(&mut span, "text").unwrap_or_default();
        for name in ["start", "end"] {
            span.shift_remove(name);
        }
        for (name, at) in [("token_start", (false, start)), ("token_end", (true, end))] {
            if span.get(name).and_then(Value::as_u64) == self.starts.get(&at).copied() {
                span.shift_remove(name);
            }
        }
        let score = span.get("score").and_then(Value::as_f64).filter(|score| (0.0..=1.0).contains(score));
        if score.is_some() {
            span.shift_remove("score");
        }
        let id = format!("s{}", self.article.annotations.len());
        for name in [label.clone(), String::new()] {
            self.spans.entry((start, end, name)).or_insert_with(|| id.clone());
        }
        let target = TargetRecord::Spans(SpansRecord::one(start, end, quote));
        let state = self.state;
        let mut record = AnnotationRecord { id, label, target, score, state, ..AnnotationRecord::default() };
        self.attributes(&mut record, span);
        self.add(record);
        Ok(())
    }

    fn relation(&mut self, mut relation: Map<String, Value>) -> Result<(), Wrong> {
        let label = required_text(&mut relation, "label")?;
        let mut ends = Vec::new();
        for role in [HEAD, CHILD] {
            let token = relation.shift_remove(role).as_ref().and_then(Value::as_u64);
            let span = relation.shift_remove(&format!("{role}_span"));
            let range = span.as_ref().and_then(Value::as_object).map(|span| {
                let label = span.get("label").map(json_text_of).unwrap_or_default();
                Ok::<_, Wrong>((offset(span, "start")?, offset(span, "end")?, label))
            });
            let of_span = range.transpose()?.and_then(|(start, end, label)| {
                let exact = self.spans.get(&(start, end, label));
                exact.or_else(|| self.spans.get(&(start, end, String::new())))
            });
            let of_token = token.and_then(|token| self.tokens.get(&token));
            let missing = || format!("its {role} is neither one of the spans nor one of the tokens");
            ends.push((role.to_owned(), of_span.or(of_token).ok_or_else(missing)?.clone()));
        }
        let mut record = AnnotationRecord {
            label,
            target: TargetRecord::Relation(ends),
            state: self.state,
            ..AnnotationRecord::default()
        };
        self.attributes(&mut record, relation);
        self.add(record);
        Ok(())
    }
}
