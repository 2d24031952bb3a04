//! The lines, as they stand in the file.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

/// What lines are called.
pub(super) const NAMES: [&str; 5] = ["project", "labelSchema", "layer", "article", "annotation"];

type Text<'l> = Cow<'l, str>;
type Words<'l> = BTreeMap<Text<'l>, Text<'l>>;

/// A line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line<'l> {
    #[serde(borrow)]
    Project(ProjectLine<'l>),
    LabelSchema(serde_json::Value),
    #[serde(borrow)]
    Layer(LayerLine<'l>),
    #[serde(borrow)]
    Article(Box<ArticleLine<'l>>),
    #[serde(borrow)]
    Annotation(Box<AnnotationLine<'l>>),
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ProjectLine<'l> {
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) display_name: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) description: Text<'l>,
    #[serde(borrow, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: Words<'l>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct LayerLine<'l> {
    #[serde(borrow)]
    pub(super) id: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) display_name: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) kind: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) description: Text<'l>,
    #[serde(borrow, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: Words<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) annotator: Text<'l>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ArticleLine<'l> {
    #[serde(borrow)]
    pub(super) id: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) title: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) language: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) source_uri: Text<'l>,
    #[serde(borrow, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: Words<'l>,
    #[serde(borrow)]
    pub(super) text: Text<'l>,
    /// SHA-256 of the text's UTF-8 bytes, in hexadecimal digits.
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) text_sha256: Text<'l>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub(super) older_texts: Vec<OlderTextLine<'l>>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub(super) submitted_layers: Vec<SubmittedLine<'l>>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) create_time: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) update_time: Text<'l>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct OlderTextLine<'l> {
    #[serde(borrow)]
    pub(super) text: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) create_time: Text<'l>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct SubmittedLine<'l> {
    #[serde(borrow)]
    pub(super) layer: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) submit_time: Text<'l>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct AnnotationLine<'l> {
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) id: Text<'l>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) layer: Option<Text<'l>>,
    #[serde(borrow)]
    pub(super) label: Text<'l>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) anchor: Option<AnchorLine<'l>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) relation: Option<RelationLine<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) article: Option<WholeArticleLine>,
    #[serde(borrow, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<Text<'l>, ValueLine<'l>>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) note: Text<'l>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f64>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) state: Text<'l>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) anchoring: Option<AnchoringLine<'l>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) text_revision: u32,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub(super) derived_from: Vec<Text<'l>>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) create_time: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) update_time: Text<'l>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeArticleLine {}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnchorLine<'l> {
    #[serde(borrow)]
    pub(super) spans: Vec<SpanLine<'l>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct SpanLine<'l> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) utf8: Option<RangeLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) utf16: Option<RangeLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code_points: Option<RangeLine>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) quote: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) prefix: Text<'l>,
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) suffix: Text<'l>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RangeLine {
    pub(super) start: u32,
    pub(super) end: u32,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationLine<'l> {
    #[serde(borrow)]
    pub(super) arguments: Vec<ArgumentLine<'l>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ArgumentLine<'l> {
    #[serde(borrow, skip_serializing_if = "is_empty")]
    pub(super) role: Text<'l>,
    #[serde(borrow)]
    pub(super) annotation: Text<'l>,
}

/// A value, by its kind.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ValueLine<'l> {
    BoolValue(bool),
    IntValue(IntLine),
    DoubleValue(f64),
    #[serde(borrow)]
    StringValue(Text<'l>),
    #[serde(borrow)]
    StringList(StringsLine<'l>),
}

/// A whole number of 64 bits: a string, since JavaScript's numbers do not hold it; people write a number.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum IntLine {
    Text(String),
    Number(i64),
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StringsLine<'l> {
    #[serde(borrow)]
    pub(super) values: Vec<Text<'l>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct AnchoringLine<'l> {
    #[serde(borrow)]
    pub(super) result: Text<'l>,
    pub(super) similarity: f64,
    pub(super) from_text_revision: u32,
    pub(super) needs_review: bool,
}

fn is_empty(text: &str) -> bool {
    text.is_empty()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
