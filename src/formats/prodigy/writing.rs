//! From an article to its line.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, Feature, Output, ProjectContents, TOKEN, Writer, count_losses, count_project_losses,
        in_file_order, is_numbered, json_value_of, value_of,
    },
    CHILD, FACTS, HEAD,
};
use crate::domain::{
    annotations::{Annotation, Argument, State, Target},
    ids::LayerId,
    text::Unit,
};

/// Names that say something else than metadata.
const RESERVED: [&str; 7] = ["text", "tokens", "spans", "relations", "label", "accept", "_annotator_id"];

/// Writes a line an article.
#[derive(Debug)]
pub(super) struct ProdigyWriter {
    unit: Unit,
    path: String,
    counted: Vec<Feature>,
}

/// The tokens of an article, by where they begin and where they end.
#[derive(Default)]
struct Tokens {
    parts: Vec<Value>,
    by_edge: HashMap<(bool, u32), usize>,
}

impl ProdigyWriter {
    pub(super) fn new(unit: Unit) -> Self {
        let counted = FACTS.carries.iter().copied().chain([Feature::Roles]).collect();
        Self { unit, path: String::new(), counted }
    }

    fn range(&self, annotation: &Annotation) -> Option<(u32, u32)> {
        let hull = annotation.target.mention()?.anchor.hull();
        Some((hull.start.in_unit(self.unit), hull.end.in_unit(self.unit)))
    }
}

impl Writer for ProdigyWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        self.path = format!("{}.jsonl", project.id);
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let kept: HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let annotations: Vec<_> =
            in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id)).collect();
        let mut object = Map::new();
        let metadata = &article.details.metadata;
        if !metadata.contains_key("id") {
            if is_numbered(&article.id, &article.details.source_uri) {
                output.loss(Feature::ArticleIds.name(), article.id.to_string());
            } else {
                object.insert("id".to_owned(), json!(article.id.as_str()));
            }
        }
        object.insert("text".to_owned(), json!(article.text.as_str()));
        for (name, value) in metadata.iter().filter(|(name, _)| *name != "answer") {
            if RESERVED.contains(&name.as_str()) {
                output.loss(Feature::Metadata.name(), format!("{} {name}", article.id));
            } else {
                object.insert(name.clone(), json_value_of(value));
            }
        }
        let tokens = self.tokens(article, &annotations);
        let is_token = |annotation: &Annotation| {
            annotation.label.as_str() == TOKEN && annotation.target.mention().is_some()
        };
        let (mut spans, mut relations, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for annotation in annotations.iter().filter(|annotation| !is_token(annotation)) {
            match &annotation.target {
                Target::Spans(_) => spans.push(self.span(article, annotation, &tokens)),
                Target::Relation(relation) => {
                    relations.extend(self.relation(
                        article,
                        annotation,
                        &relation.arguments,
                        &tokens,
                        output,
                    ));
                }
                Target::Article => labels.push(annotation.label.as_str()),
            }
        }
        if !tokens.parts.is_empty() {
            object.insert("tokens".to_owned(), Value::Array(tokens.parts));
        }
        if !spans.is_empty() || labels.is_empty() {
            object.insert("spans".to_owned(), Value::Array(spans));
        }
        if !relations.is_empty() {
            object.insert("relations".to_owned(), Value::Array(relations));
        }
        match labels.as_slice() {
            [] => {}
            [label] if !metadata.contains_key("options") => {
                object.insert("label".to_owned(), json!(label));
            }
            labels => {
                object.insert("accept".to_owned(), json!(labels));
            }
        }
        layer(article, &annotations, &mut object, output);
        answer(article, &annotations, &mut object, output);
        let mut line = serde_json::to_vec(&Value::Object(object))?;
        line.push(b'\n');
        output.write(&self.path, &line)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(&self.path)
    }
}

/// A line has one layer.
fn layer(
    article: &ArticleContents,
    annotations: &[&Annotation],
    object: &mut Map<String, Value>,
    output: &mut dyn Output,
) {
    let Some(first) = annotations.first() else { return };
    if first.layer.as_str() != LayerId::DEFAULT {
        object.insert("_annotator_id".to_owned(), json!(first.layer.as_str()));
    }
    for annotation in annotations.iter().filter(|annotation| annotation.layer != first.layer) {
        output.loss(Feature::Layers.name(), format!("{}/{}", article.id, annotation.id));
    }
}

/// A line has one answer: that of the record, unless the states say another one by now.
fn answer(
    article: &ArticleContents,
    annotations: &[&Annotation],
    object: &mut Map<String, Value>,
    output: &mut dyn Output,
) {
    let of = |state: State| match state {
        State::Accepted => "accept",
        State::Rejected => "reject",
        State::Suggested => "ignore",
    };
    let mut judged = annotations.iter().filter(|annotation| annotation.label.as_str() != TOKEN);
    let kept = article.details.metadata.get("answer").map(String::as_str);
    let Some(first) = judged.next() else {
        if let Some(kept) = kept {
            object.insert("answer".to_owned(), json_value_of(kept));
        }
        return;
    };
    if kept.is_some() || first.state != State::Accepted {
        object.insert("answer".to_owned(), json!(of(first.state)));
    }
    for annotation in judged.filter(|annotation| annotation.state != first.state) {
        let feature = match annotation.state {
            State::Suggested => Feature::Suggestions,
            State::Rejected | State::Accepted => Feature::Rejections,
        };
        output.loss(feature.name(), format!("{}/{}", article.id, annotation.id));
    }
}

impl ProdigyWriter {
    fn tokens(&self, article: &ArticleContents, annotations: &[&Annotation]) -> Tokens {
        let mut tokens = Tokens::default();
        for annotation in annotations.iter().filter(|annotation| annotation.label.as_str() == TOKEN) {
            let Some((start, end)) = self.range(annotation) else { continue };
            let number = tokens.parts.len();
            tokens.by_edge.insert((false, start), number);
            tokens.by_edge.insert((true, end), number);
            let mut token = Map::new();
            token.insert("text".to_owned(), json!(covered(article, annotation)));
            token.insert("start".to_owned(), json!(start));
            token.insert("end".to_owned(), json!(end));
            token.insert("id".to_owned(), json!(number));
            for (name, value) in &annotation.attributes {
                token.insert(name.clone(), value_of(value));
            }
            tokens.parts.push(Value::Object(token));
        }
        tokens
    }

    fn span(&self, article: &ArticleContents, annotation: &Annotation, tokens: &Tokens) -> Value {
        let mut span = self.place(annotation, tokens);
        span.insert("label".to_owned(), json!(annotation.label.as_str()));
        if !annotation.attributes.is_empty() {
            span.insert("text".to_owned(), json!(covered(article, annotation)));
        }
        if let Some(score) = annotation.score {
            span.insert("score".to_owned(), json!(score));
        }
        for (name, value) in &annotation.attributes {
            span.insert(name.clone(), value_of(value));
        }
        Value::Object(span)
    }

    fn place(&self, annotation: &Annotation, tokens: &Tokens) -> Map<String, Value> {
        let mut place = Map::new();
        let Some((start, end)) = self.range(annotation) else { return place };
        place.insert("start".to_owned(), json!(start));
        place.insert("end".to_owned(), json!(end));
        for (name, edge) in [("token_start", (false, start)), ("token_end", (true, end))] {
            if let Some(number) = tokens.by_edge.get(&edge) {
                place.insert(name.to_owned(), json!(number));
            }
        }
        place
    }

    /// A relation of two spans or tokens, in the order of head and child.
    fn relation(
        &self,
        article: &ArticleContents,
        annotation: &Annotation,
        arguments: &[Argument],
        tokens: &Tokens,
        output: &mut dyn Output,
    ) -> Option<Value> {
        let [head, child] = arguments else { return None };
        if (head.role.as_str(), child.role.as_str()) != (HEAD, CHILD) {
            output.loss(Feature::Roles.name(), format!("{}/{}", article.id, annotation.id));
        }
        let mut relation = Map::new();
        for (role, argument) in [(HEAD, head), (CHILD, child)] {
            let used = article.annotations.iter().find(|other| other.id == argument.annotation)?;
            let mut place = self.place(used, tokens);
            place.insert("label".to_owned(), json!(used.label.as_str()));
            if let Some(number) = place.get("token_end") {
                relation.insert(role.to_owned(), number.clone());
            }
            relation.insert(format!("{role}_span"), Value::Object(place));
        }
        relation.insert("label".to_owned(), json!(annotation.label.as_str()));
        for (name, value) in &annotation.attributes {
            relation.insert(name.clone(), value_of(value));
        }
        Some(Value::Object(relation))
    }
}

fn covered<'a>(article: &'a ArticleContents, annotation: &Annotation) -> &'a str {
    annotation.target.mention().map_or("", |mention| article.text.slice(&mention.anchor.hull()))
}
