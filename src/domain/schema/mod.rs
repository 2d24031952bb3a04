//! The label schema of a project: which labels, attributes and relations it has, and the rules among them.
//!
//! A [`SchemaDefinition`] is what people write. [`LabelSchema::parse`] checks it once and makes it quick to ask.

mod changes;
mod graphemes;
mod labels;
mod neighbours;
mod parse;
mod rules;
#[cfg(test)]
pub(crate) mod samples;
mod size;

use std::collections::HashMap;

use super::{
    annotations::TargetKind,
    attributes::AttributeValue,
    details::Field,
    errors::Result,
    revisions::{Etag, ProjectUid, Revision, Timestamp},
};

pub use self::{
    graphemes::splits_graphemes,
    rules::{Rule, Said, SaidArgument, Violation},
};

/// The label schema of a project, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectSchema {
    /// What it says.
    pub schema: LabelSchema,
    /// When it was last changed.
    pub revision: Revision,
    /// When it was first set.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
}

/// What a schema makes of what it does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SchemaMode {
    /// Labels, attributes and roles that it does not name pass.
    #[default]
    Open,
    /// They are refused.
    Closed,
}

/// How annotations of one layer may share characters; the later, the more lenient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Overlap {
    /// Not at all.
    None,
    /// When all characters of one are characters of the other.
    Nested,
    /// In any way.
    #[default]
    Any,
}

/// A schema as people write it. The order is theirs, for what shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SchemaDefinition {
    /// What it makes of what it does not name.
    pub mode: SchemaMode,
    /// The labels.
    pub labels: Vec<LabelDefinition>,
    /// The attributes.
    pub attributes: Vec<AttributeDefinition>,
    /// The rules for spans of all labels that say nothing else, named or not.
    pub spans: SpanRules,
    /// Sets of labels of which an article has at most one in each layer.
    pub exclusive: Vec<ExclusiveSet>,
}

/// A label.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelDefinition {
    /// The label, as annotations have it.
    pub label: String,
    /// What an annotation with it may be about; empty is what the parent has, and any without a parent.
    pub kinds: Vec<TargetKind>,
    /// What it is a kind of; empty for none.
    pub parent: String,
    /// What people call it.
    pub display_name: String,
    /// What it means.
    pub description: String,
    /// `#rrggbb` in lower case, or empty.
    pub color: String,
    /// A key that chooses it, or empty.
    pub shortcut: String,
    /// Whether it only groups others: no annotation has it.
    pub is_abstract: bool,
    /// The rules for its spans, before those of its parent.
    pub spans: SpanRules,
    /// For relations: whether all arguments are alike, so that their order and roles tell nothing. No rule follows from it.
    pub symmetric: bool,
    /// For relations: whether what holds from a to b and from b to c holds from a to c. No rule follows from it.
    pub transitive: bool,
    /// For relations: their roles, beside those of the parent.
    pub roles: Vec<RoleDefinition>,
}

/// A role of a relation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoleDefinition {
    /// Its name, as arguments have it; may be empty.
    pub role: String,
    /// The labels that its arguments may have, with all below them; empty is any.
    pub labels: Vec<String>,
    /// What its arguments may be about; empty is anything.
    pub kinds: Vec<TargetKind>,
    /// How many arguments it has, at least.
    pub min_count: u32,
    /// How many it has, at most; 0 is any number.
    pub max_count: u32,
}

/// An attribute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttributeDefinition {
    /// Its name, as annotations have it.
    pub name: String,
    /// What its values are.
    pub kind: AttributeKind,
    /// What people call it.
    pub display_name: String,
    /// What it means.
    pub description: String,
    /// The labels that have it, with all below them; empty is all labels, named or not.
    pub labels: Vec<String>,
    /// What the annotations that have it are about; empty is anything.
    pub kinds: Vec<TargetKind>,
    /// For strings and lists of them: what they may be; empty is anything.
    pub allowed_values: Vec<String>,
    /// For numbers: the least, of the attribute's kind.
    pub minimum: Option<AttributeValue>,
    /// For numbers: the greatest, of the attribute's kind.
    pub maximum: Option<AttributeValue>,
    /// Whether each annotation must have it.
    pub required: bool,
    /// What an annotation gets that is created without it.
    pub default: Option<AttributeValue>,
}

/// What the values of an attribute are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AttributeKind {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// A string.
    #[default]
    String,
    /// Several strings, in order.
    StringList,
}

/// Rules for spans; what is left out is as the parent label has it, then as the schema has it, then as
/// [`EffectiveSpanRules::default`] has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanRules {
    /// How they may share characters with others of their layer.
    pub overlap: Option<Overlap>,
    /// Whether a mention may have several spans.
    pub discontinuous: Option<bool>,
    /// Whether a span may cover nothing.
    pub empty: Option<bool>,
    /// Whether a span may begin or end inside of a grapheme cluster, what a reader takes for one character.
    pub grapheme_splits: Option<bool>,
}

/// The rules for the spans of one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveSpanRules {
    /// How they may share characters with others of their layer.
    pub overlap: Overlap,
    /// Whether a mention may have several spans.
    pub discontinuous: bool,
    /// Whether a span may cover nothing.
    pub empty: bool,
    /// Whether a span may begin or end inside of a grapheme cluster.
    pub grapheme_splits: bool,
}

/// Labels of which an article has at most one in each layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExclusiveSet {
    /// What people call it; may be empty.
    pub name: String,
    /// The labels, with all below them.
    pub labels: Vec<String>,
}

/// A schema that holds together, and is quick to ask. The default one has the built-in rules and no others.
#[derive(Debug, Clone, Default)]
pub struct LabelSchema {
    definition: SchemaDefinition,
    /// The rules for the spans of labels that are not named.
    spans: EffectiveSpanRules,
    /// Where each label stands in `facts`.
    by_label: HashMap<String, usize>,
    /// In the order of the definition's labels.
    facts: Vec<LabelFacts>,
    /// The attributes of all labels.
    universal: Vec<usize>,
}

/// What is worked out of a label. Numbers are places in the definition's lists.
#[derive(Debug, Clone, Default)]
struct LabelFacts {
    parent: Option<usize>,
    /// The labels from it down are those whose `enter` is in `enter..exit`.
    enter: usize,
    exit: usize,
    kinds: Kinds,
    spans: EffectiveSpanRules,
    /// Attributes that name the label itself.
    attributes: Vec<usize>,
    /// Exclusive sets that name the label itself.
    sets: Vec<usize>,
    /// Its own roles, in the definition's order.
    roles: Vec<RoleFacts>,
}

/// What is worked out of a role.
#[derive(Debug, Clone, Default)]
struct RoleFacts {
    /// Sorted.
    labels: Vec<usize>,
    kinds: Kinds,
}

/// Which kinds are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kinds {
    spans: bool,
    relation: bool,
    article: bool,
}

/// A field that an update of a label schema can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaField {
    /// `mode`
    Mode,
    /// `labels`
    Labels,
    /// `attributes`
    Attributes,
    /// `span_rules`
    SpanRules,
    /// `exclusive_sets`
    ExclusiveSets,
}

impl Field for SchemaField {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("mode", Self::Mode),
        ("labels", Self::Labels),
        ("attributes", Self::Attributes),
        ("span_rules", Self::SpanRules),
        ("exclusive_sets", Self::ExclusiveSets),
    ];
}

impl ProjectSchema {
    /// That of a project for which none was set: open, with the built-in rules.
    #[must_use]
    pub fn unset() -> Self {
        let (schema, time) = (LabelSchema::default(), Timestamp(0));
        Self { schema, revision: Revision(0), create_time: time, update_time: time }
    }

    /// Its etag in the project's life `uid`.
    #[must_use]
    pub fn etag(&self, uid: ProjectUid) -> Etag {
        Etag::new(uid, self.revision)
    }
}

impl SchemaDefinition {
    /// Takes the fields that `mask` names from `new`.
    pub fn update(&mut self, mask: &super::details::Mask<SchemaField>, new: Self) {
        let Self { mode, labels, attributes, spans, exclusive } = new;
        if mask.names(SchemaField::Mode) {
            self.mode = mode;
        }
        if mask.names(SchemaField::Labels) {
            self.labels = labels;
        }
        if mask.names(SchemaField::Attributes) {
            self.attributes = attributes;
        }
        if mask.names(SchemaField::SpanRules) {
            self.spans = spans;
        }
        if mask.names(SchemaField::ExclusiveSets) {
            self.exclusive = exclusive;
        }
    }
}

impl LabelSchema {
    /// Checks that `definition` holds together and stays within its limits. Kinds are put in order without repetitions and
    /// colours in lower case; all else stays as it is.
    ///
    /// # Errors
    ///
    /// Fields are relative to the schema, such as `labels[3].parent`. FIELD_INVALID for a label, attribute name or role that
    /// is given twice or malformed, for a parent, role, attribute or set that names a label which is not there, for labels that
    /// are below themselves, for limits and defaults that an attribute's own rules refuse; LIMIT_EXCEEDED.
    pub fn parse(definition: SchemaDefinition) -> Result<Self> {
        parse::parse(definition)
    }

    /// What it was made from.
    #[must_use]
    pub fn definition(&self) -> &SchemaDefinition {
        &self.definition
    }

    /// What it was made from.
    #[must_use]
    pub fn into_definition(self) -> SchemaDefinition {
        self.definition
    }

    /// Whether it is the default one, which no annotation breaks but by an empty span.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.definition == SchemaDefinition::default()
    }

    /// The rules for the spans of `label`, whether it is named or not.
    #[must_use]
    pub fn span_rules(&self, label: &str) -> EffectiveSpanRules {
        self.facts_of(label).map_or(self.spans, |facts| facts.spans)
    }

    /// Whether relations with `label` have rules for their arguments.
    #[must_use]
    pub fn has_roles(&self, label: &str) -> bool {
        self.upwards(self.by_label.get(label).copied()).any(|(_, facts)| !facts.roles.is_empty())
    }

    /// Whether `label` is `ancestor` or below it; both are named.
    #[must_use]
    pub fn is_within(&self, label: &str, ancestor: &str) -> bool {
        match (self.facts_of(label), self.facts_of(ancestor)) {
            (Some(label), Some(ancestor)) => ancestor.holds(label),
            (None, _) | (_, None) => false,
        }
    }

    fn facts_of(&self, label: &str) -> Option<&LabelFacts> {
        self.by_label.get(label).and_then(|index| self.facts.get(*index))
    }

    /// The label at `index` and all above it, from below, each with its number.
    fn upwards(&self, index: Option<usize>) -> impl Iterator<Item = (usize, &LabelFacts)> {
        let at = |index: Option<usize>| index.and_then(|index| Some((index, self.facts.get(index)?)));
        std::iter::successors(at(index), move |(_, facts)| at(facts.parent))
    }
}

/// The rest follows from the definition.
impl PartialEq for LabelSchema {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl LabelFacts {
    /// Whether `below` is this label or below it.
    fn holds(&self, below: &Self) -> bool {
        (self.enter..self.exit).contains(&below.enter)
    }
}

impl SpanRules {
    /// Its rules, and those of `otherwise` where it has none.
    fn over(self, otherwise: EffectiveSpanRules) -> EffectiveSpanRules {
        let Self { overlap, discontinuous, empty, grapheme_splits } = self;
        EffectiveSpanRules {
            overlap: overlap.unwrap_or(otherwise.overlap),
            discontinuous: discontinuous.unwrap_or(otherwise.discontinuous),
            empty: empty.unwrap_or(otherwise.empty),
            grapheme_splits: grapheme_splits.unwrap_or(otherwise.grapheme_splits),
        }
    }
}

impl Default for EffectiveSpanRules {
    fn default() -> Self {
        Self { overlap: Overlap::Any, discontinuous: true, empty: false, grapheme_splits: true }
    }
}

impl Default for Kinds {
    fn default() -> Self {
        Self { spans: true, relation: true, article: true }
    }
}

impl Kinds {
    /// These, or all when there are none.
    fn of(kinds: &[TargetKind]) -> Self {
        let has = |kind| kinds.is_empty() || kinds.contains(&kind);
        Self {
            spans: has(TargetKind::Spans),
            relation: has(TargetKind::Relation),
            article: has(TargetKind::Article),
        }
    }

    fn has(self, kind: TargetKind) -> bool {
        match kind {
            TargetKind::Spans => self.spans,
            TargetKind::Relation => self.relation,
            TargetKind::Article => self.article,
        }
    }

    /// Whether some kind is in both.
    fn meets(self, other: Self) -> bool {
        [TargetKind::Spans, TargetKind::Relation, TargetKind::Article]
            .into_iter()
            .any(|kind| self.has(kind) && other.has(kind))
    }
}

impl AttributeKind {
    /// What it is called, as [`AttributeValue::kind`] says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::String => "string",
            Self::StringList => "string list",
        }
    }

    fn is_of(self, value: &AttributeValue) -> bool {
        self.name() == value.kind()
    }
}

#[cfg(test)]
mod tests;
