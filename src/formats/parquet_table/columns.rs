//! The columns of both tables as they are written: what is gathered of rows until they are a batch.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, ListArray, RecordBatch, StructArray,
    builder::{BooleanBuilder, Float64Builder, Int32Builder, StringBuilder, TimestampMicrosecondBuilder},
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, TimeUnit};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::{
        annotations::{Anchoring, AnchoringResult, Annotation, State, Target},
        attributes::AttributeValue,
        revisions::Timestamp,
        text::{Text, TextRange, Unit},
    },
    formats::exchange::{ArticleContents, OlderText, SubmittedLayer},
    limits::ANNOTATION_QUOTE_CODE_POINTS_MAX,
};

/// Names of what an annotation is about, in the column `kind`.
pub(super) const SPAN: &str = "span";
/// It is about other annotations.
pub(super) const RELATION: &str = "relation";
/// It is about the article.
pub(super) const ARTICLE: &str = "article";

/// Words for states.
pub(super) const STATES: [(&str, State); 3] =
    [("suggested", State::Suggested), ("accepted", State::Accepted), ("rejected", State::Rejected)];

/// Words for what a new text made of an annotation.
pub(super) const RESULTS: [(&str, AnchoringResult); 5] = [
    ("unchanged", AnchoringResult::Unchanged),
    ("shifted", AnchoringResult::Shifted),
    ("moved", AnchoringResult::Moved),
    ("modified", AnchoringResult::Modified),
    ("orphaned", AnchoringResult::Orphaned),
];

type Made = (Field, ArrayRef);

/// Rows of the table of articles.
#[derive(Debug, Default)]
pub(super) struct ArticleColumns {
    id: StringBuilder,
    title: StringBuilder,
    text: StringBuilder,
    language: StringBuilder,
    source_uri: StringBuilder,
    metadata: StringBuilder,
    text_revision: Int32Builder,
    text_sha256: StringBuilder,
    create_time: TimestampMicrosecondBuilder,
    update_time: TimestampMicrosecondBuilder,
    older: Vec<usize>,
    older_text: StringBuilder,
    older_time: TimestampMicrosecondBuilder,
    submitted: Vec<usize>,
    submitted_layer: StringBuilder,
    submitted_time: TimestampMicrosecondBuilder,
}

impl ArticleColumns {
    /// Adds an article.
    pub(super) fn push(&mut self, article: &ArticleContents) {
        let ArticleContents { id, details, text, older_texts, times, annotations: _, submitted } = article;
        self.id.append_value(id.as_str());
        self.title.append_value(&details.title);
        self.text.append_value(text.as_str());
        self.language.append_value(&details.language);
        self.source_uri.append_value(&details.source_uri);
        let metadata = details.metadata.iter().map(|(key, value)| (key.clone(), value.clone().into()));
        self.metadata.append_value(Value::Object(metadata.collect()).to_string());
        self.text_revision.append_value(number(article.text_revision()));
        self.text_sha256.append_value(sha256(text.as_str()));
        self.create_time.append_option(times.map(|(created, _)| created.0));
        self.update_time.append_option(times.map(|(_, updated)| updated.0));
        self.older.push(older_texts.len());
        for OlderText { text, create_time } in older_texts {
            self.older_text.append_value(text.as_str());
            self.older_time.append_option(create_time.map(|time| time.0));
        }
        self.submitted.push(submitted.len());
        for SubmittedLayer { layer, submit_time } in submitted {
            self.submitted_layer.append_value(layer.as_str());
            self.submitted_time.append_option(submit_time.map(|time| time.0));
        }
    }

    /// The rows that were added, which are gone then.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let older = [texts("text", &mut self.older_text), times("create_time", &mut self.older_time)];
        let submitted =
            [texts("layer", &mut self.submitted_layer), times("submit_time", &mut self.submitted_time)];
        batch(vec![
            texts("id", &mut self.id),
            texts("title", &mut self.title),
            texts("text", &mut self.text),
            texts("language", &mut self.language),
            texts("source_uri", &mut self.source_uri),
            texts("metadata", &mut self.metadata),
            made("text_revision", self.text_revision.finish(), false),
            texts("text_sha256", &mut self.text_sha256),
            times("create_time", &mut self.create_time),
            times("update_time", &mut self.update_time),
            lists("older_texts", &mut self.older, older)?,
            lists("submitted_layers", &mut self.submitted, submitted)?,
        ])
    }
}

/// Rows of the table of annotations.
#[derive(Debug, Default)]
pub(super) struct AnnotationColumns {
    article: StringBuilder,
    id: StringBuilder,
    layer: StringBuilder,
    label: StringBuilder,
    kind: StringBuilder,
    start: Int32Builder,
    end: Int32Builder,
    text: StringBuilder,
    spans: Vec<usize>,
    ranges: [Int32Builder; 6],
    quote: StringBuilder,
    arguments: Vec<usize>,
    role: StringBuilder,
    argument: StringBuilder,
    attributes: StringBuilder,
    note: StringBuilder,
    score: Float64Builder,
    state: StringBuilder,
    is_anchored: Vec<bool>,
    result: StringBuilder,
    similarity: Float64Builder,
    from_text_revision: Int32Builder,
    needs_review: BooleanBuilder,
    derived_from: Vec<usize>,
    derived_from_name: StringBuilder,
    text_revision: Int32Builder,
    create_time: TimestampMicrosecondBuilder,
    update_time: TimestampMicrosecondBuilder,
}

/// The columns of a span's range, in the order of [`AnnotationColumns::ranges`].
const RANGES: [(&str, Unit, bool); 6] = [
    ("code_points_start", Unit::CodePoints, true),
    ("code_points_end", Unit::CodePoints, false),
    ("utf8_start", Unit::Utf8, true),
    ("utf8_end", Unit::Utf8, false),
    ("utf16_start", Unit::Utf16, true),
    ("utf16_end", Unit::Utf16, false),
];

impl AnnotationColumns {
    /// Adds an annotation of `article`, with `start` and `end` in `unit`.
    pub(super) fn push(&mut self, article: &ArticleContents, annotation: &Annotation, unit: Unit) {
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
        self.article.append_value(article.id.as_str());
        self.id.append_value(id.to_string());
        self.layer.append_value(layer.as_str());
        self.label.append_value(label.as_str());
        self.push_target(article, target, *text_revision, unit);
        let attributes: Map<_, _> = attributes.iter().map(|(name, it)| (name.clone(), json(it))).collect();
        self.attributes.append_value(Value::Object(attributes).to_string());
        self.note.append_value(note);
        self.score.append_option(*score);
        self.state.append_value(word(&STATES, state));
        self.push_anchoring(anchoring.as_ref());
        self.derived_from.push(derived_from.len());
        for name in derived_from {
            self.derived_from_name.append_value(name.to_string());
        }
        self.text_revision.append_value(number(*text_revision));
        let known = |time: &Timestamp| (*create_time != Timestamp(0)).then_some(time.0);
        self.create_time.append_option(known(create_time));
        self.update_time.append_option(known(update_time));
    }

    fn push_target(&mut self, article: &ArticleContents, target: &Target, revision: u32, unit: Unit) {
        let mention = target.mention();
        let text = article.text_at(revision);
        let hull = mention.map(|mention| mention.anchor.hull());
        // In the text that the table of articles has, and not in an older one.
        let here = hull.filter(|_| revision == article.text_revision());
        self.start.append_option(here.map(|hull| number(hull.start.in_unit(unit))));
        self.end.append_option(here.map(|hull| number(hull.end.in_unit(unit))));
        self.text.append_option(hull.zip(text).and_then(|(hull, text)| short(text, &hull)));
        let spans = mention.map_or(&[][..], |mention| mention.anchor.spans());
        self.spans.push(spans.len());
        let mut quotes = mention.into_iter().flat_map(|mention| &mention.quotes);
        for span in spans {
            for ((_, unit, is_start), column) in RANGES.iter().zip(&mut self.ranges) {
                let position = if *is_start { span.start } else { span.end };
                column.append_value(number(position.in_unit(*unit)));
            }
            self.quote.append_option(quotes.next());
        }
        self.arguments.push(target.arguments().len());
        for argument in target.arguments() {
            self.role.append_value(&argument.role);
            self.argument.append_value(argument.annotation.to_string());
        }
        self.kind.append_value(match target {
            Target::Spans(_) => SPAN,
            Target::Relation(_) => RELATION,
            Target::Article => ARTICLE,
        });
    }

    fn push_anchoring(&mut self, anchoring: Option<&Anchoring>) {
        self.is_anchored.push(anchoring.is_some());
        self.result.append_option(anchoring.map(|it| word(&RESULTS, &it.result)));
        self.similarity.append_option(anchoring.map(|it| it.similarity));
        self.from_text_revision.append_option(anchoring.map(|it| number(it.from_text_revision)));
        self.needs_review.append_option(anchoring.map(|it| it.needs_review));
    }

    /// The rows that were added, which are gone then.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let columns = RANGES.iter().zip(&mut self.ranges);
        let mut spans: Vec<_> =
            columns.map(|((name, ..), column)| made(name, column.finish(), false)).collect();
        spans.push(made("quote", self.quote.finish(), true));
        let arguments = [texts("role", &mut self.role), texts("annotation", &mut self.argument)];
        batch(vec![
            texts("article", &mut self.article),
            texts("id", &mut self.id),
            texts("layer", &mut self.layer),
            texts("label", &mut self.label),
            texts("kind", &mut self.kind),
            made("start", self.start.finish(), true),
            made("end", self.end.finish(), true),
            made("text", self.text.finish(), true),
            lists("spans", &mut self.spans, spans)?,
            lists("arguments", &mut self.arguments, arguments)?,
            texts("attributes", &mut self.attributes),
            texts("note", &mut self.note),
            made("score", self.score.finish(), true),
            texts("state", &mut self.state),
            self.take_anchoring()?,
            list("derived_from", &mut self.derived_from, texts("item", &mut self.derived_from_name))?,
            made("text_revision", self.text_revision.finish(), false),
            times("create_time", &mut self.create_time),
            times("update_time", &mut self.update_time),
        ])
    }

    fn take_anchoring(&mut self) -> Result<Made, ArrowError> {
        let columns = [
            made("result", self.result.finish(), true),
            made("similarity", self.similarity.finish(), true),
            made("from_text_revision", self.from_text_revision.finish(), true),
            made("needs_review", self.needs_review.finish(), true),
        ];
        let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let present = NullBuffer::from(std::mem::take(&mut self.is_anchored));
        Ok(made("anchoring", StructArray::try_new(Fields::from(fields), arrays, Some(present))?, true))
    }
}

fn batch(columns: Vec<Made>) -> Result<RecordBatch, ArrowError> {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

fn made(name: &str, array: impl arrow_array::Array + 'static, is_nullable: bool) -> Made {
    (Field::new(name, array.data_type().clone(), is_nullable), Arc::new(array))
}

fn texts(name: &str, column: &mut StringBuilder) -> Made {
    made(name, column.finish(), false)
}

fn times(name: &str, column: &mut TimestampMicrosecondBuilder) -> Made {
    let field = Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true);
    (field, Arc::new(column.finish().with_timezone("UTC")))
}

fn lists(
    name: &str,
    lengths: &mut Vec<usize>,
    columns: impl IntoIterator<Item = Made>,
) -> Result<Made, ArrowError> {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let items = StructArray::try_new(Fields::from(fields), arrays, None)?;
    list(name, lengths, made("item", items, false))
}

fn list(name: &str, lengths: &mut Vec<usize>, (field, items): Made) -> Result<Made, ArrowError> {
    let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
    // Datasets know lists of what may be null only.
    let field = field.with_nullable(true);
    Ok(made(name, ListArray::try_new(Arc::new(field), offsets, items, None)?, false))
}

/// What a range covers, unless it is long.
fn short<'t>(text: &'t Text, range: &TextRange) -> Option<&'t str> {
    let length = usize::try_from(range.end.code_points.saturating_sub(range.start.code_points)).ok()?;
    (length <= ANNOTATION_QUOTE_CODE_POINTS_MAX).then(|| text.slice(range))
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn word<T: PartialEq>(words: &[(&'static str, T)], meaning: &T) -> &'static str {
    words.iter().find(|(_, it)| it == meaning).map_or("", |(word, _)| word)
}

/// SHA-256 of a text's bytes, in hex.
pub(super) fn sha256(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => (*value).into(),
        AttributeValue::Int(value) => (*value).into(),
        AttributeValue::Double(value) => (*value).into(),
        AttributeValue::String(value) => value.clone().into(),
        AttributeValue::StringList(values) => values.clone().into(),
    }
}
