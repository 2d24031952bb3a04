//! From an article to its text and its page.

use std::{collections::HashSet, io};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, Feature, Output, ProjectContents, Writer, count_losses, count_project_losses,
        file_path_of, in_file_order, value_of,
    },
    ATTRIBUTES, CONTEXT, FACTS, LAYER, ROLE, SCORE, STATE,
};
use crate::domain::{
    annotations::{Annotation, State, Target},
    ids::LayerId,
    revisions::Timestamp,
    text::{Text, TextRange, Unit},
};

/// Writes a text and a page an article.
#[derive(Debug)]
pub(super) struct WebAnnotationWriter {
    unit: Unit,
    counted: Vec<Feature>,
}

impl WebAnnotationWriter {
    pub(super) fn new(unit: Unit) -> Self {
        // Those of annotations are carried.
        let counted = FACTS.carries.iter().copied().chain([Feature::Times, Feature::SourceUris]).collect();
        Self { unit, counted }
    }
}

impl Writer for WebAnnotationWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let kept: HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let path = file_path_of(&article.id, &article.details.source_uri);
        let text_path = format!("{path}.txt");
        if article.times.is_some() {
            output.loss(Feature::Times.name(), article.id.to_string());
        }
        if !article.details.source_uri.is_empty() && article.details.source_uri != text_path {
            output.loss(Feature::SourceUris.name(), article.id.to_string());
        }
        output.write(&text_path, article.text.as_str().as_bytes())?;
        output.close(&text_path)?;
        let source = text_path.rsplit('/').next().unwrap_or(&text_path);
        let annotations = in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id));
        let items: Vec<_> =
            annotations.map(|annotation| self.annotation(article, source, annotation)).collect();
        let page = json!({"@context": CONTEXT, "type": "AnnotationPage", "items": items});
        let page_path = format!("{path}.jsonld");
        let mut bytes = serde_json::to_vec_pretty(&page)?;
        bytes.push(b'\n');
        output.write(&page_path, &bytes)?;
        output.close(&page_path)
    }

    fn finish(&mut self, _: &mut dyn Output) -> io::Result<()> {
        Ok(())
    }
}

impl WebAnnotationWriter {
    fn annotation(&self, article: &ArticleContents, source: &str, annotation: &Annotation) -> Value {
        let Annotation {
            id,
            layer,
            label,
            target,
            attributes,
            note,
            score,
            state,
            anchoring: _,
            derived_from: _,
            text_revision: _,
            revision: _,
            create_time,
            update_time,
        } = annotation;
        let mut written = Map::new();
        let mut put = |name: &str, value: Value| drop(written.insert(name.to_owned(), value));
        put("id", json!(format!("urn:uuid:{id}")));
        put("type", json!("Annotation"));
        let is_relation = matches!(target, Target::Relation(_));
        put("motivation", json!(if is_relation { "linking" } else { "tagging" }));
        for (name, time) in [("created", create_time), ("modified", update_time)] {
            if *time != Timestamp(0) {
                put(name, json!(time.to_string()));
            }
        }
        let body =
            |purpose: &str, value: &str| json!({"type": "TextualBody", "purpose": purpose, "value": value});
        let mut bodies = vec![body("tagging", label.as_str())];
        if !note.is_empty() {
            bodies.push(body("commenting", note));
        }
        put("body", Value::Array(bodies));
        put("target", self.target(&article.text, source, target));
        if layer.as_str() != LayerId::DEFAULT {
            put(LAYER, json!(layer.as_str()));
        }
        if let Some(score) = score {
            put(SCORE, json!(score));
        }
        match state {
            State::Accepted => {}
            State::Suggested => put(STATE, json!("suggested")),
            State::Rejected => put(STATE, json!("rejected")),
        }
        if !attributes.is_empty() {
            let attributes = attributes.iter().map(|(name, value)| (name.clone(), value_of(value)));
            put(ATTRIBUTES, Value::Object(attributes.collect()));
        }
        Value::Object(written)
    }

    fn target(&self, text: &Text, source: &str, target: &Target) -> Value {
        let mut targets: Vec<Value> = match target {
            Target::Article => return json!(source),
            Target::Spans(mention) => mention
                .anchor
                .spans()
                .iter()
                .map(|range| json!({"type": "SpecificResource", "source": source, "selector": self.selectors(text, range)}))
                .collect(),
            Target::Relation(relation) => relation
                .arguments
                .iter()
                .map(|argument| {
                    let source = format!("urn:uuid:{}", argument.annotation);
                    let mut resource = Map::from_iter([
                        ("type".to_owned(), json!("SpecificResource")),
                        ("source".to_owned(), json!(source)),
                    ]);
                    if !argument.role.is_empty() {
                        resource.insert(ROLE.to_owned(), json!(argument.role));
                    }
                    Value::Object(resource)
                })
                .collect(),
        };
        if targets.len() == 1 { targets.remove(0) } else { Value::Array(targets) }
    }

    /// Where a span is, and what it covers with some characters on either side, for readers whose text is another one.
    fn selectors(&self, text: &Text, range: &TextRange) -> Value {
        const CONTEXT_CHARACTERS: usize = 32;
        let (start, end) = (range.start.in_unit(self.unit), range.end.in_unit(self.unit));
        let position = json!({"type": "TextPositionSelector", "start": start, "end": end});
        if range.is_empty() {
            return position;
        }
        let index = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let before = text.as_str().get(..index(range.start.utf8)).unwrap_or_default();
        let after = text.as_str().get(index(range.end.utf8)..).unwrap_or_default();
        let from = before.char_indices().rev().nth(CONTEXT_CHARACTERS - 1).map_or(0, |(at, _)| at);
        let prefix = before.get(from..).unwrap_or_default();
        let suffix: String = after.chars().take(CONTEXT_CHARACTERS).collect();
        let quote = json!({
            "type": "TextQuoteSelector",
            "exact": text.slice(range),
            "prefix": prefix,
            "suffix": suffix,
        });
        json!([position, quote])
    }
}
