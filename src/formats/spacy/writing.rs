//! From an article to its document.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, Feature, Output, ProjectContents, TOKEN, Writer, count_losses, count_project_losses,
        in_file_order, is_numbered, json_value_of, value_of,
    },
    FACTS, GROUP, OTHERS, SENTENCE, tokens,
};
use crate::domain::{
    annotations::{Annotation, Target},
    attributes::AttributeValue,
    text::TextRange,
};

/// Names that say something else than metadata.
const RESERVED: [&str; 7] = ["text", "tokens", "ents", "sents", "spans", "cats", "paragraphs"];

/// Writes a line an article.
#[derive(Debug)]
pub(super) struct SpacyWriter {
    path: String,
    counted: Vec<Feature>,
}

/// The parts of a document.
#[derive(Default)]
struct Parts<'a> {
    tokens: Vec<(&'a Annotation, TextRange)>,
    sentences: Vec<TextRange>,
    entities: Vec<Value>,
    groups: BTreeMap<String, Vec<Value>>,
    categories: Map<String, Value>,
    /// Where spans begin and end, in bytes.
    edges: BTreeSet<usize>,
}

impl SpacyWriter {
    pub(super) fn new() -> Self {
        // Labels of the article have scores.
        let counted = FACTS.carries.iter().copied().chain([Feature::Scores]).collect();
        Self { path: String::new(), counted }
    }
}

impl Writer for SpacyWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        self.path = format!("{}.jsonl", project.id);
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let kept: HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let annotations = in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id));
        let parts = parts(article, annotations, output);
        let mut document = Map::new();
        let metadata = &article.details.metadata;
        if !metadata.contains_key("id") {
            if is_numbered(&article.id, &article.details.source_uri) {
                output.loss(Feature::ArticleIds.name(), article.id.to_string());
            } else {
                document.insert("id".to_owned(), json!(article.id.as_str()));
            }
        }
        for (name, value) in metadata {
            if RESERVED.contains(&name.as_str()) {
                output.loss(Feature::Metadata.name(), format!("{} {name}", article.id));
            } else {
                document.insert(name.clone(), json_value_of(value));
            }
        }
        document.insert("text".to_owned(), json!(article.text.as_str()));
        document.insert("tokens".to_owned(), written_tokens(article, &parts, output));
        let Parts { tokens: _, sentences, entities, groups, categories, edges: _ } = parts;
        document.insert("ents".to_owned(), Value::Array(entities));
        if !sentences.is_empty() {
            document.insert(
                "sents".to_owned(),
                sentences.iter().map(|range| Value::Object(place(range))).collect(),
            );
        }
        if !groups.is_empty() {
            document.insert("spans".to_owned(), json!(groups));
        }
        if !categories.is_empty() {
            document.insert("cats".to_owned(), Value::Object(categories));
        }
        let mut line = serde_json::to_vec(&Value::Object(document))?;
        line.push(b'\n');
        output.write(&self.path, &line)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(&self.path)
    }
}

fn parts<'a>(
    article: &ArticleContents,
    annotations: impl Iterator<Item = &'a Annotation>,
    output: &mut dyn Output,
) -> Parts<'a> {
    let mut parts = Parts::default();
    // Where entities stand so far, to tell those that share a character with one.
    let mut taken: BTreeMap<u32, u32> = BTreeMap::new();
    for annotation in annotations {
        let example = || format!("{}/{}", article.id, annotation.id);
        let Some(mention) = annotation.target.mention() else {
            category(&mut parts.categories, article, annotation, output);
            continue;
        };
        let range = mention.anchor.hull();
        if annotation.score.is_some() {
            output.loss(Feature::Scores.name(), example());
        }
        parts.edges.extend([range.start.utf8, range.end.utf8].map(index));
        match annotation.label.as_str() {
            TOKEN => parts.tokens.push((annotation, range)),
            SENTENCE if annotation.attributes.is_empty() => parts.sentences.push(range),
            label => {
                let mut span = place(&range);
                span.insert("label".to_owned(), json!(label));
                let attributes = annotation.attributes.iter().filter(|(name, _)| *name != GROUP);
                span.extend(attributes.map(|(name, value)| (name.clone(), value_of(value))));
                let group = match annotation.attributes.get(GROUP) {
                    Some(AttributeValue::String(group)) => Some(group.clone()),
                    Some(_) | None => None,
                };
                let before = taken.range(..range.end.utf8).next_back();
                let is_free = before.is_none_or(|(_, end)| *end <= range.start.utf8);
                match group {
                    Some(group) => parts.groups.entry(group).or_default().push(Value::Object(span)),
                    None if is_free => {
                        taken.insert(range.start.utf8, range.end.utf8);
                        parts.entities.push(Value::Object(span));
                    }
                    None => parts.groups.entry(OTHERS.to_owned()).or_default().push(Value::Object(span)),
                }
            }
        }
    }
    parts
}

fn category(
    categories: &mut Map<String, Value>,
    article: &ArticleContents,
    annotation: &Annotation,
    output: &mut dyn Output,
) {
    if !matches!(annotation.target, Target::Article) {
        return;
    }
    let example = format!("{}/{}", article.id, annotation.id);
    if categories.contains_key(annotation.label.as_str()) {
        output.loss(Feature::ArticleLabels.name(), example);
        return;
    }
    let score = annotation.score.map_or(json!(1.0), |score| json!(score));
    let value = annotation.attributes.get("value").map(value_of).filter(|_| annotation.score.is_none());
    for name in annotation.attributes.keys().filter(|name| value.is_none() || *name != "value") {
        output.loss("spacy: what else is said of an article", format!("{example} {name}"));
    }
    categories.insert(annotation.label.to_string(), value.unwrap_or(score));
}

fn place(range: &TextRange) -> Map<String, Value> {
    let (start, end) = (range.start.code_points, range.end.code_points);
    Map::from_iter([("start".to_owned(), json!(start)), ("end".to_owned(), json!(end))])
}

/// All tokens of the text; what is said of one stands at its first piece.
fn written_tokens(article: &ArticleContents, parts: &Parts<'_>, output: &mut dyn Output) -> Value {
    let own: Vec<_> =
        parts.tokens.iter().map(|(_, range)| (index(range.start.utf8), index(range.end.utf8))).collect();
    let by_start: BTreeMap<usize, &Annotation> =
        parts.tokens.iter().map(|(token, range)| (index(range.start.utf8), *token)).collect();
    let pieces = tokens::tokens(article.text.as_str(), &own, &parts.edges);
    let is_whole = own.len() == pieces.len() && own.iter().zip(&pieces).all(|(own, piece)| own == piece);
    if !own.is_empty() && parts.tokens.iter().all(|(token, _)| token.attributes.is_empty()) {
        output.loss("spacy: tokens that say no more than where they are", article.id.to_string());
    } else if !own.is_empty() && !is_whole {
        output.loss("spacy: tokens that are cut, or with text between them", article.id.to_string());
    }
    let mut written = Vec::with_capacity(pieces.len());
    for (number, (start, end)) in pieces.into_iter().enumerate() {
        let mut token = Map::from_iter([("id".to_owned(), json!(number))]);
        let at = |at: usize| {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            article.text.position(crate::domain::text::Unit::Utf8, at).map(|position| position.code_points)
        };
        token.insert("start".to_owned(), json!(at(start).unwrap_or_default()));
        token.insert("end".to_owned(), json!(at(end).unwrap_or_default()));
        for (name, value) in by_start.get(&start).into_iter().flat_map(|token| &token.attributes) {
            // Where tokens were cut, other numbers are theirs.
            if is_whole || !["head", "dep"].contains(&name.as_str()) {
                token.insert(name.clone(), value_of(value));
            }
        }
        written.push(Value::Object(token));
    }
    Value::Array(written)
}

fn index(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
