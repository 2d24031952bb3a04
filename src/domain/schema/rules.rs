//! Rules that an annotation keeps or breaks by itself, with what its arguments are.

use std::{cmp::Ordering, collections::HashMap};

use super::{
    AttributeDefinition, AttributeKind, Kinds, LabelFacts, LabelSchema, RoleDefinition, RoleFacts, SchemaMode,
};
use crate::{
    domain::{
        annotations::TargetKind,
        attributes::{AttributeValue, Attributes},
        details::too_many,
        errors::{Broken, Error, Problem, Result, shortened},
        text::TextRange,
    },
    limits::ATTRIBUTES_MAX,
};

/// What an annotation says, as far as a schema has rules for it.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// What it is about.
    pub kind: TargetKind,
    /// Its label.
    pub label: &'a str,
    /// Its layer.
    pub layer: &'a str,
    /// Its spans, in the order of the text and without a character in common; none unless it is about spans.
    pub spans: &'a [TextRange],
    /// Whether one of them begins or ends inside of a grapheme cluster; see [`super::splits_graphemes`].
    pub splits_graphemes: bool,
    /// Its attributes.
    pub attributes: &'a Attributes,
    /// Its arguments; none unless it is a relation.
    pub arguments: &'a [SaidArgument<'a>],
}

/// An argument of a relation, and what the annotation is that it names.
#[derive(Debug, Clone, Copy)]
pub struct SaidArgument<'a> {
    /// Its role.
    pub role: &'a str,
    /// The label of the annotation that it names.
    pub label: &'a str,
    /// What that annotation is about.
    pub kind: TargetKind,
}

/// A rule of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// In a closed schema, labels are those that it names.
    LabelUnknown,
    /// An abstract label is none that an annotation has.
    LabelAbstract,
    /// A label has kinds.
    Kind,
    /// In a closed schema, attributes are those that it names.
    AttributeUnknown,
    /// An attribute has a kind.
    AttributeKind,
    /// An attribute has allowed values, or limits.
    AttributeValue,
    /// An attribute is required.
    AttributeRequired,
    /// In a closed schema, roles of a label that has some are those that it names.
    RoleUnknown,
    /// A role has labels and kinds of arguments.
    RoleArgument,
    /// A role has so many arguments.
    RoleCount,
    /// A mention has one span.
    Discontinuous,
    /// A span covers something.
    Empty,
    /// A span does not cut through a grapheme cluster.
    GraphemeSplit,
    /// Mentions share characters only so.
    Overlap,
    /// An article has at most one label of a set.
    Exclusive,
}

/// What breaks a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, relative to the annotation.
    pub field: String,
    /// The rule.
    pub rule: Rule,
    /// What is wrong and what would be right.
    pub description: String,
}

impl LabelSchema {
    /// Checks what an annotation says by itself. What stands beside it is looked at by [`LabelSchema::check_together`].
    ///
    /// # Errors
    ///
    /// The first rule that it breaks, in the order of [`Rule`].
    pub fn check(&self, said: &Said<'_>) -> Result<(), Violation> {
        let place = self.by_label.get(said.label).copied();
        match place.and_then(|place| self.facts.get(place)) {
            Some(facts) => self.check_label(said, place, facts)?,
            None if self.definition.mode == SchemaMode::Closed => {
                let description = format!(
                    "{:?} is not a label of this project, whose schema is closed",
                    shortened(said.label)
                );
                return Err(violation("label", Rule::LabelUnknown, description));
            }
            None => {}
        }
        self.check_attributes(said, place)?;
        if said.kind == TargetKind::Relation {
            self.check_arguments(said, place)?;
        }
        self.check_spans(said)
    }

    /// Adds to `attributes` those with a default that an annotation of `kind` with `label` does not have yet.
    ///
    /// # Errors
    ///
    /// LIMIT_EXCEEDED when it has more than 64 attributes then.
    pub fn add_defaults(&self, kind: TargetKind, label: &str, attributes: &mut Attributes) -> Result<()> {
        for definition in self.applicable(self.by_label.get(label).copied(), kind) {
            if let Some(value) = &definition.default
                && !attributes.contains_key(&definition.name)
            {
                attributes.insert(definition.name.clone(), value.clone());
            }
        }
        if attributes.len() > ATTRIBUTES_MAX {
            let what = "the map, with the defaults of the label schema,";
            return Err(too_many("attributes", what, attributes.len(), ATTRIBUTES_MAX, "attributes"));
        }
        Ok(())
    }

    fn check_label(
        &self,
        said: &Said<'_>,
        place: Option<usize>,
        facts: &LabelFacts,
    ) -> Result<(), Violation> {
        let definition = place.and_then(|place| self.definition.labels.get(place));
        if definition.is_some_and(|definition| definition.is_abstract) {
            let description =
                format!("{:?} only groups other labels; send one of those below it", shortened(said.label));
            return Err(violation("label", Rule::LabelAbstract, description));
        }
        if !facts.kinds.has(said.kind) {
            let description = format!(
                "{:?} is a label of {}, not of {}",
                shortened(said.label),
                kinds(facts.kinds),
                kind(said.kind)
            );
            return Err(violation("label", Rule::Kind, description));
        }
        Ok(())
    }

    /// The attributes that annotations of `kind` with the label at `place` may have.
    fn applicable(
        &self,
        place: Option<usize>,
        kind: TargetKind,
    ) -> impl Iterator<Item = &AttributeDefinition> {
        let own = self.upwards(place).flat_map(|(_, facts)| &facts.attributes);
        let all = self.universal.iter().chain(own);
        all.filter_map(|at| self.definition.attributes.get(*at))
            .filter(move |definition| Kinds::of(&definition.kinds).has(kind))
    }

    fn check_attributes(&self, said: &Said<'_>, place: Option<usize>) -> Result<(), Violation> {
        if self.definition.attributes.is_empty() && said.attributes.is_empty() {
            return Ok(());
        }
        let mut known = 0;
        for definition in self.applicable(place, said.kind) {
            match said.attributes.get(&definition.name) {
                Some(value) => {
                    known += 1;
                    definition.check(value).map_err(|(rule, description)| {
                        violation(attribute_field(&definition.name), rule, description)
                    })?;
                }
                None if definition.required => {
                    let description =
                        format!("{:?} needs the attribute {:?}", shortened(said.label), definition.name);
                    return Err(violation("attributes", Rule::AttributeRequired, description));
                }
                None => {}
            }
        }
        if self.definition.mode == SchemaMode::Open || known == said.attributes.len() {
            return Ok(());
        }
        let is_known = |name: &String| self.applicable(place, said.kind).any(|known| known.name == *name);
        let unknown = said.attributes.keys().find(|name| !is_known(name)).cloned().unwrap_or_default();
        let description = format!(
            "{:?} has no such attribute for {}, and the schema is closed",
            shortened(said.label),
            kind(said.kind)
        );
        Err(violation(attribute_field(&unknown), Rule::AttributeUnknown, description))
    }

    /// The roles of the label at `place`, its own before those above it.
    fn roles(&self, place: Option<usize>) -> impl Iterator<Item = (&RoleDefinition, &RoleFacts)> {
        self.upwards(place).flat_map(|(place, facts)| {
            let definitions = self.definition.labels.get(place).map(|label| label.roles.as_slice());
            definitions.unwrap_or_default().iter().zip(&facts.roles)
        })
    }

    fn check_arguments(&self, said: &Said<'_>, place: Option<usize>) -> Result<(), Violation> {
        let mut roles: HashMap<&str, (&RoleDefinition, &RoleFacts, u32)> = HashMap::new();
        let mut order = Vec::new();
        for (definition, facts) in self.roles(place) {
            roles.entry(&definition.role).or_insert_with(|| {
                order.push(definition.role.as_str());
                (definition, facts, 0)
            });
        }
        if roles.is_empty() {
            return Ok(());
        }
        for (index, argument) in said.arguments.iter().enumerate() {
            let field = || format!("relation.arguments[{index}]");
            match roles.get_mut(argument.role) {
                Some((definition, facts, count)) => {
                    *count = count.saturating_add(1);
                    self.check_argument(argument, definition, facts)
                        .map_err(|description| violation(field(), Rule::RoleArgument, description))?;
                }
                None if self.definition.mode == SchemaMode::Closed => {
                    let names: Vec<_> = order.iter().take(16).map(|role| format!("{role:?}")).collect();
                    let description = format!(
                        "{:?} has no role {:?}; its roles are {}",
                        shortened(said.label),
                        shortened(argument.role),
                        names.join(", ")
                    );
                    return Err(violation(format!("{}.role", field()), Rule::RoleUnknown, description));
                }
                None => {}
            }
        }
        for role in order {
            let Some((definition, _, count)) = roles.get(role) else { continue };
            let RoleDefinition { min_count, max_count, .. } = definition;
            let enough = count >= min_count && (*max_count == 0 || count <= max_count);
            if !enough {
                let wanted = match (*min_count, *max_count) {
                    (min, 0) => format!("{min} or more"),
                    (min, max) if min == max => format!("{min}"),
                    (min, max) => format!("{min} to {max}"),
                };
                let description = format!("has {count} arguments in the role {role:?}; it needs {wanted}");
                return Err(violation("relation.arguments", Rule::RoleCount, description));
            }
        }
        Ok(())
    }

    fn check_argument(
        &self,
        argument: &SaidArgument<'_>,
        definition: &RoleDefinition,
        facts: &RoleFacts,
    ) -> Result<(), String> {
        let role = shortened(&definition.role);
        if !facts.kinds.has(argument.kind) {
            let (wanted, is) = (kinds(facts.kinds), kind(argument.kind));
            return Err(format!("is about {is}; the role {role:?} takes annotations of {wanted}"));
        }
        let place = self.by_label.get(argument.label).copied();
        let allowed = |(at, _): (usize, _)| facts.labels.binary_search(&at).is_ok();
        if facts.labels.is_empty() || self.upwards(place).any(allowed) {
            return Ok(());
        }
        let wanted: Vec<_> = definition.labels.iter().take(16).map(|label| shortened(label)).collect();
        let more = if definition.labels.len() > wanted.len() { ", …" } else { "" };
        let (label, wanted) = (shortened(argument.label), wanted.join(", "));
        Err(format!("has the label {label:?}; the role {role:?} takes {wanted}{more}"))
    }

    fn check_spans(&self, said: &Said<'_>) -> Result<(), Violation> {
        let rules = self.span_rules(said.label);
        let label = || shortened(said.label);
        if !rules.discontinuous && said.spans.len() > 1 {
            let count = said.spans.len();
            let description = format!("{:?} stands on one span, not on {count}", label());
            return Err(violation("anchor", Rule::Discontinuous, description));
        }
        if !rules.empty
            && let Some(index) = said.spans.iter().position(TextRange::is_empty)
        {
            let description = Problem::SpanEmpty.to_string();
            return Err(violation(format!("anchor.spans[{index}]"), Rule::Empty, description));
        }
        if !rules.grapheme_splits && said.splits_graphemes {
            let description = format!(
                "begins or ends inside of what a reader takes for one character; {:?} may not cut through any",
                label()
            );
            return Err(violation("anchor", Rule::GraphemeSplit, description));
        }
        Ok(())
    }
}

impl AttributeDefinition {
    /// Checks a value against the attribute's rules.
    pub(super) fn check(&self, value: &AttributeValue) -> Result<(), (Rule, String)> {
        if !self.kind.is_of(value) {
            return Err((
                Rule::AttributeKind,
                format!(
                    "is a value of the kind {}; the attribute has the kind {}",
                    value.kind(),
                    self.kind.name()
                ),
            ));
        }
        let strings = match value {
            AttributeValue::String(value) => std::slice::from_ref(value),
            AttributeValue::StringList(values) => values,
            AttributeValue::Bool(_) | AttributeValue::Int(_) | AttributeValue::Double(_) => &[],
        };
        let is_allowed = |string: &&String| self.allowed_values.contains(string);
        if !self.allowed_values.is_empty()
            && let Some(other) = strings.iter().find(|string| !is_allowed(string))
        {
            let shown: Vec<_> =
                self.allowed_values.iter().take(16).map(|value| format!("{:?}", shortened(value))).collect();
            let more = if self.allowed_values.len() > shown.len() { ", …" } else { "" };
            let description =
                format!("{:?} is none of its values: {}{more}", shortened(other), shown.join(", "));
            return Err((Rule::AttributeValue, description));
        }
        for (limit, wrong, word) in
            [(&self.minimum, Ordering::Less, "least"), (&self.maximum, Ordering::Greater, "greatest")]
        {
            if let Some(limit) = limit
                && compared(value, limit) == Some(wrong)
            {
                let description = format!("is {}; the {word} is {}", number(value), number(limit));
                return Err((Rule::AttributeValue, description));
            }
        }
        Ok(())
    }
}

impl AttributeKind {
    /// Whether its values have a least and a greatest.
    pub(super) fn is_number(self) -> bool {
        match self {
            Self::Int | Self::Double => true,
            Self::Bool | Self::String | Self::StringList => false,
        }
    }

    /// Whether its values may be listed.
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::String | Self::StringList => true,
            Self::Bool | Self::Int | Self::Double => false,
        }
    }
}

/// How two numbers of one kind stand to each other.
pub(super) fn compared(one: &AttributeValue, other: &AttributeValue) -> Option<Ordering> {
    match (one, other) {
        (AttributeValue::Int(one), AttributeValue::Int(other)) => Some(one.cmp(other)),
        (AttributeValue::Double(one), AttributeValue::Double(other)) => one.partial_cmp(other),
        _ => None,
    }
}

pub(super) fn number(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Int(value) => value.to_string(),
        AttributeValue::Double(value) => value.to_string(),
        AttributeValue::Bool(_) | AttributeValue::String(_) | AttributeValue::StringList(_) => {
            format!("a {}", value.kind())
        }
    }
}

fn violation(field: impl Into<String>, rule: Rule, description: String) -> Violation {
    Violation { field: field.into(), rule, description }
}

fn attribute_field(name: &str) -> String {
    format!("attributes[{:?}]", shortened(name))
}

fn kind(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Spans => "spans",
        TargetKind::Relation => "relations",
        TargetKind::Article => "articles",
    }
}

fn kinds(kinds: Kinds) -> String {
    let all = [TargetKind::Spans, TargetKind::Relation, TargetKind::Article];
    let names: Vec<_> = all.into_iter().filter(|kind| kinds.has(*kind)).map(kind).collect();
    names.join(" and ")
}

impl Rule {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LabelUnknown => "LABEL_UNKNOWN",
            Self::LabelAbstract => "LABEL_ABSTRACT",
            Self::Kind => "KIND",
            Self::AttributeUnknown => "ATTRIBUTE_UNKNOWN",
            Self::AttributeKind => "ATTRIBUTE_KIND",
            Self::AttributeValue => "ATTRIBUTE_VALUE",
            Self::AttributeRequired => "ATTRIBUTE_REQUIRED",
            Self::RoleUnknown => "ROLE_UNKNOWN",
            Self::RoleArgument => "ROLE_ARGUMENT",
            Self::RoleCount => "ROLE_COUNT",
            Self::Discontinuous => "DISCONTINUOUS",
            Self::Empty => "EMPTY",
            Self::GraphemeSplit => "GRAPHEME_SPLIT",
            Self::Overlap => "OVERLAP",
            Self::Exclusive => "EXCLUSIVE",
        }
    }
}

/// SPAN_EMPTY for an empty span, which is wrong by itself; SCHEMA_VIOLATED for all else.
impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        let Violation { field, rule, description } = violation;
        if rule == Rule::Empty {
            return Self::at(field, Problem::SpanEmpty);
        }
        let broken = Broken { subject: String::new(), rule, description };
        Self::at(field, Problem::SchemaViolated { broken: vec![broken], count: 1 })
    }
}
