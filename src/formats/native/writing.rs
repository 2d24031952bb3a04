//! From an article to its lines.

use std::{borrow::Cow, io};

use sha2::{Digest, Sha256};

use super::{
    super::{
        exchange::{
            ArticleContents, OlderText, Output, ProjectContents, SubmittedLayer, Writer, in_file_order,
        },
        schema_file,
    },
    lines::{
        AnchorLine, AnchoringLine, AnnotationLine, ArgumentLine, ArticleLine, IntLine, LayerLine, Line,
        OlderTextLine, ProjectLine, RangeLine, RelationLine, SpanLine, StringsLine, SubmittedLine, ValueLine,
        WholeArticleLine,
    },
};
use crate::domain::{
    annotations::{Anchoring, AnchoringResult, Annotation, Argument, Mention, State, Target},
    articles::ArticleDetails,
    attributes::AttributeValue,
    details::Metadata,
    ids::LayerId,
    layers::{LayerDetails, LayerKind},
    projects::ProjectDetails,
    revisions::Timestamp,
    schema::LabelSchema,
    text::TextRange,
};

/// Writes lines into one file.
#[derive(Debug, Default)]
pub(super) struct NativeWriter {
    path: String,
    /// The lines of one article.
    lines: Vec<u8>,
}

impl Writer for NativeWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        let ProjectContents { id, details, schema, layers } = project;
        self.path = format!("{id}.jsonl");
        if *details != ProjectDetails::default() {
            let ProjectDetails { display_name, description, metadata } = details;
            let (display_name, description) = (display_name.into(), description.into());
            self.add(&Line::Project(ProjectLine { display_name, description, metadata: words(metadata) }))?;
        }
        if let Some(schema) = schema {
            let schema = LabelSchema::parse(schema.clone()).map_err(io::Error::other)?;
            let schema = serde_json::from_str(&schema_file::write_json(&schema))?;
            self.add(&Line::LabelSchema(schema))?;
        }
        for (id, details) in layers {
            self.add(&Line::Layer(layer_line(id, details)))?;
        }
        self.flush(output)
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        self.add(&Line::Article(Box::new(article_line(article))))?;
        for annotation in in_file_order(&article.annotations) {
            self.add(&Line::Annotation(Box::new(annotation_line(annotation, article.text_revision()))))?;
        }
        self.flush(output)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(&self.path)
    }
}

impl NativeWriter {
    fn add(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.push(b'\n');
        Ok(())
    }

    fn flush(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.write(&self.path, &self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

fn words(words: &Metadata) -> std::collections::BTreeMap<Cow<'_, str>, Cow<'_, str>> {
    words.iter().map(|(key, value)| (key.into(), value.into())).collect()
}

/// A time, or nothing where it is not known.
fn time(time: Timestamp) -> Cow<'static, str> {
    if time == Timestamp(0) { Cow::Borrowed("") } else { Cow::Owned(time.to_string()) }
}

fn layer_line<'l>(id: &'l LayerId, details: &'l LayerDetails) -> LayerLine<'l> {
    let LayerDetails { display_name, kind, description, metadata, annotator } = details;
    let kind = match kind {
        LayerKind::Unspecified => "",
        LayerKind::Human => "LAYER_KIND_HUMAN",
        LayerKind::Model => "LAYER_KIND_MODEL",
        LayerKind::Gold => "LAYER_KIND_GOLD",
    };
    LayerLine {
        id: id.as_str().into(),
        display_name: display_name.into(),
        kind: kind.into(),
        description: description.into(),
        metadata: words(metadata),
        annotator: annotator.into(),
    }
}

fn article_line(article: &ArticleContents) -> ArticleLine<'_> {
    let ArticleContents { id, details, text, older_texts, times, annotations: _, submitted } = article;
    let ArticleDetails { title, language, source_uri, metadata } = details;
    let digest = Sha256::digest(text.as_str().as_bytes());
    let older = |older: &'_ OlderText| OlderTextLine {
        text: Cow::Owned(older.text.as_str().to_owned()),
        create_time: time(older.create_time.unwrap_or_default()),
    };
    let submitted_line = |SubmittedLayer { layer, submit_time }: &SubmittedLayer| SubmittedLine {
        layer: Cow::Owned(layer.to_string()),
        submit_time: time(submit_time.unwrap_or_default()),
    };
    let (created, updated) = times.unwrap_or_default();
    ArticleLine {
        id: id.as_str().into(),
        title: title.into(),
        language: language.into(),
        source_uri: source_uri.into(),
        metadata: words(metadata),
        text: text.as_str().into(),
        text_sha256: Cow::Owned(
            digest.iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}")),
        ),
        older_texts: older_texts.iter().map(older).collect(),
        submitted_layers: submitted.iter().map(submitted_line).collect(),
        create_time: time(created),
        update_time: time(updated),
    }
}

fn annotation_line(annotation: &Annotation, latest: u32) -> AnnotationLine<'_> {
    let Annotation {
        id,
        layer,
        label,
        target,
        attributes,
        note,
        score,
        state,
        anchoring,
        derived_from,
        text_revision,
        revision: _,
        create_time,
        update_time,
    } = annotation;
    let (mut anchor, mut relation, mut article) = (None, None, None);
    match target {
        Target::Spans(mention) => anchor = Some(anchor_line(mention)),
        Target::Relation(of) => {
            let argument = |Argument { role, annotation }: &Argument| ArgumentLine {
                role: Cow::Owned(role.clone()),
                annotation: Cow::Owned(annotation.to_string()),
            };
            relation = Some(RelationLine { arguments: of.arguments.iter().map(argument).collect() });
        }
        Target::Article => article = Some(WholeArticleLine {}),
    }
    AnnotationLine {
        id: Cow::Owned(id.to_string()),
        layer: Some(layer.as_str().into()),
        label: label.as_str().into(),
        anchor,
        relation,
        article,
        attributes: attributes.iter().map(|(name, value)| (name.into(), value_line(value))).collect(),
        note: note.into(),
        score: *score,
        state: match state {
            State::Suggested => "STATE_SUGGESTED",
            State::Accepted => "",
            State::Rejected => "STATE_REJECTED",
        }
        .into(),
        anchoring: anchoring.map(anchoring_line),
        text_revision: if *text_revision == latest { 0 } else { *text_revision },
        derived_from: derived_from.iter().map(|name| Cow::Owned(name.to_string())).collect(),
        create_time: time(*create_time),
        // Most annotations are never changed.
        update_time: if update_time == create_time { Cow::Borrowed("") } else { time(*update_time) },
    }
}

fn anchor_line(mention: &Mention) -> AnchorLine<'_> {
    let Mention { anchor, quotes, splits_graphemes: _ } = mention;
    let quotes = quotes.iter().map(String::as_str).chain(std::iter::repeat(""));
    let span = |(TextRange { start, end }, quote): (&TextRange, _)| SpanLine {
        utf8: Some(RangeLine { start: start.utf8, end: end.utf8 }),
        utf16: Some(RangeLine { start: start.utf16, end: end.utf16 }),
        code_points: Some(RangeLine { start: start.code_points, end: end.code_points }),
        quote: Cow::Borrowed(quote),
        prefix: Cow::Borrowed(""),
        suffix: Cow::Borrowed(""),
    };
    AnchorLine { spans: anchor.spans().iter().zip(quotes).map(span).collect() }
}

fn anchoring_line(anchoring: Anchoring) -> AnchoringLine<'static> {
    let Anchoring { result, similarity, from_text_revision, needs_review } = anchoring;
    let result = match result {
        AnchoringResult::Unchanged => "ANCHORING_RESULT_UNCHANGED",
        AnchoringResult::Shifted => "ANCHORING_RESULT_SHIFTED",
        AnchoringResult::Moved => "ANCHORING_RESULT_MOVED",
        AnchoringResult::Modified => "ANCHORING_RESULT_MODIFIED",
        AnchoringResult::Orphaned => "ANCHORING_RESULT_ORPHANED",
    };
    AnchoringLine { result: result.into(), similarity, from_text_revision, needs_review }
}

fn value_line(value: &AttributeValue) -> ValueLine<'_> {
    match value {
        AttributeValue::Bool(value) => ValueLine::BoolValue(*value),
        AttributeValue::Int(value) => ValueLine::IntValue(IntLine::Text(value.to_string())),
        AttributeValue::Double(value) => ValueLine::DoubleValue(*value),
        AttributeValue::String(value) => ValueLine::StringValue(value.into()),
        AttributeValue::StringList(values) => {
            ValueLine::StringList(StringsLine { values: values.iter().map(Into::into).collect() })
        }
    }
}
