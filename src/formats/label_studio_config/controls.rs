//! Controls and what they become.

use std::collections::HashSet;

use super::Element;
use crate::{
    domain::{
        annotations::TargetKind,
        attributes::AttributeValue,
        schema::{
            AttributeDefinition, AttributeKind, ExclusiveSet, LabelDefinition, RoleDefinition,
            SchemaDefinition,
        },
    },
    formats::{Losses, colors},
};

/// The attribute of an article's rating, number, text or time.
const VALUE: &str = "value";

/// All controls that were read so far.
#[derive(Debug, Default)]
pub(super) struct Controls {
    definition: SchemaDefinition,
    labels: HashSet<String>,
    losses: Losses,
}

impl Controls {
    /// Takes a control; whether what is within it is still to be looked at.
    pub(super) fn take(&mut self, element: &Element) -> bool {
        match element.tag.as_str() {
            "Labels" | "HyperTextLabels" | "ParagraphLabels" => self.labels(element),
            "Choices" | "Taxonomy" => self.choices(element),
            "Rating" | "Number" | "TextArea" | "DateTime" => self.value(element),
            "Relations" => self.relations(element),
            // What is shown, and how.
            "View" | "Header" | "Style" | "Text" | "HyperText" | "Paragraphs" | "Collapse" | "Panel"
            | "Table" | "Filter" | "Markdown" => return true,
            "Repeater" => {
                self.losses.add(
                    "Label Studio: controls that are repeated, with {{idx}} in their names",
                    element.says("on"),
                );
                return true;
            }
            tag => {
                let name = element.says("name");
                self.losses
                    .add("Label Studio: a tag that is not of text", format!("{tag} {name}").trim_end());
                for label in element.children.iter().filter(|child| child.tag == "Label") {
                    self.losses.add("Label Studio: a label that is not of text", label.says("value"));
                }
            }
        }
        false
    }

    pub(super) fn into_definition(self) -> (SchemaDefinition, Losses) {
        (self.definition, self.losses)
    }

    fn labels(&mut self, element: &Element) {
        if element.says("value").starts_with('$') {
            self.losses.add("Label Studio: labels that each task brings along", element.says("value"));
        }
        for child in &element.children {
            if child.tag != "Label" {
                self.losses.add("Label Studio: a tag among labels", &child.tag);
                continue;
            }
            let label = self.shown(child);
            if self.labels.contains(&label.label) {
                self.losses.add("Label Studio: a label of several controls, which is one", &label.label);
                if let Some(known) =
                    self.definition.labels.iter_mut().find(|known| known.label == label.label)
                    && !known.kinds.contains(&TargetKind::Spans)
                {
                    known.kinds.push(TargetKind::Spans);
                }
                continue;
            }
            self.add(LabelDefinition { kinds: vec![TargetKind::Spans], ..label });
        }
    }

    fn relations(&mut self, element: &Element) {
        for child in element.children.iter().filter(|child| child.tag == "Relation") {
            let role = |role: &str| RoleDefinition {
                role: role.to_owned(),
                kinds: vec![TargetKind::Spans],
                min_count: 1,
                max_count: 1,
                ..RoleDefinition::default()
            };
            let label = self.shown(child);
            let label = self.free("relation", label);
            self.add(LabelDefinition {
                kinds: vec![TargetKind::Relation],
                roles: vec![role("from"), role("to")],
                ..label
            });
        }
    }

    fn choices(&mut self, element: &Element) {
        let name = element.says("name");
        let is_taxonomy = element.tag == "Taxonomy";
        let is_single = match element.says("choice") {
            "" => !is_taxonomy,
            choice => choice.starts_with("single"),
        };
        if element.says("value").starts_with('$') {
            self.losses.add("Label Studio: choices that each task brings along", element.says("value"));
        }
        if element.is_set("perRegion") || element.is_set("perItem") {
            let mut allowed_values = Vec::new();
            paths(element, "", &mut allowed_values);
            let mut seen = HashSet::new();
            allowed_values.retain(|value| seen.insert(value.clone()));
            let default = element
                .children
                .iter()
                .find(|child| child.is_set("selected"))
                .map(|child| key(child).to_owned());
            let kind = if is_single { AttributeKind::String } else { AttributeKind::StringList };
            let default = default.map(|value| match kind {
                AttributeKind::StringList => AttributeValue::StringList(vec![value]),
                AttributeKind::String | AttributeKind::Bool | AttributeKind::Int | AttributeKind::Double => {
                    AttributeValue::String(value)
                }
            });
            let of_spans = self.of_spans(element, name, kind);
            return self.define(AttributeDefinition { allowed_values, default, ..of_spans });
        }
        if element.is_set("required") {
            self.losses.add("Label Studio: that an article must have a choice", name);
        }
        let group = LabelDefinition {
            label: name.to_owned(),
            kinds: vec![TargetKind::Article],
            is_abstract: true,
            ..LabelDefinition::default()
        };
        let group = self.free(&element.tag, group);
        let top = group.label.clone();
        self.add(group);
        if is_single {
            self.definition.exclusive.push(ExclusiveSet { name: name.to_owned(), labels: vec![top.clone()] });
        }
        let mut rest: Vec<_> = element.children.iter().rev().map(|child| (child, top.clone())).collect();
        while let Some((child, parent)) = rest.pop() {
            if child.tag != "Choice" {
                self.losses.add("Label Studio: a tag among choices", &child.tag);
                continue;
            }
            if child.is_set("selected") {
                self.losses.add("Label Studio: a choice that is made beforehand", key(child));
            }
            let label = self.shown(child);
            let label = self.free(&parent, label);
            rest.extend(child.children.iter().rev().map(|child| (child, label.label.clone())));
            self.add(LabelDefinition { kinds: vec![TargetKind::Article], parent, ..label });
        }
    }

    /// `Rating`, `Number`, `TextArea`, `DateTime`.
    fn value(&mut self, element: &Element) {
        let name = element.says("name");
        let kind = match element.tag.as_str() {
            "Rating" => AttributeKind::Int,
            "Number" => AttributeKind::Double,
            "TextArea" => AttributeKind::StringList,
            _ => AttributeKind::String,
        };
        let number = |attribute: &str| element.says(attribute).parse().ok().map(AttributeValue::Double);
        let (minimum, maximum) = match kind {
            AttributeKind::Int => {
                let most = element.says("maxRating").parse().unwrap_or(5);
                (Some(AttributeValue::Int(0)), Some(AttributeValue::Int(most)))
            }
            AttributeKind::Double => (number("min"), number("max")),
            AttributeKind::Bool | AttributeKind::String | AttributeKind::StringList => (None, None),
        };
        let is_of_spans = element.is_set("perRegion") || element.is_set("perItem");
        let definition = if is_of_spans {
            self.of_spans(element, name, kind)
        } else {
            let label = LabelDefinition {
                label: name.to_owned(),
                kinds: vec![TargetKind::Article],
                ..LabelDefinition::default()
            };
            let label = self.free(&element.tag, label);
            let labels = vec![label.label.clone()];
            self.definition.exclusive.push(ExclusiveSet { name: name.to_owned(), labels: labels.clone() });
            self.add(label);
            if element.is_set("required") {
                self.losses.add("Label Studio: that an article must have a value", name);
            }
            let kinds = vec![TargetKind::Article];
            AttributeDefinition {
                name: VALUE.to_owned(),
                kind,
                labels,
                kinds,
                required: true,
                ..AttributeDefinition::default()
            }
        };
        self.define(AttributeDefinition { minimum, maximum, ..definition });
    }

    /// An attribute of the spans that the control is shown for.
    fn of_spans(&mut self, element: &Element, name: &str, kind: AttributeKind) -> AttributeDefinition {
        let mut labels: Vec<String> =
            element.says("whenLabelValue").split(',').map(|label| label.trim().to_owned()).collect();
        labels.retain(|label| self.labels.contains(label));
        if element.says("whenLabelValue").is_empty() && !element.says("whenTagName").is_empty() {
            self.losses.add(
                "Label Studio: which labels a control is shown for",
                format!("{name} {}", element.says("whenTagName")),
            );
        }
        AttributeDefinition {
            name: name.to_owned(),
            kind,
            labels,
            kinds: vec![TargetKind::Spans],
            required: element.is_set("required"),
            ..AttributeDefinition::default()
        }
    }

    /// Adds an attribute, unless one of its name is there for spans already.
    fn define(&mut self, definition: AttributeDefinition) {
        let is_known =
            |other: &AttributeDefinition| other.name == definition.name && definition.name != VALUE;
        if self.definition.attributes.iter().any(is_known) {
            self.losses.add("Label Studio: a control whose name another one has", &definition.name);
            return;
        }
        self.definition.attributes.push(definition);
    }

    /// A label or choice as it is shown.
    fn shown(&mut self, element: &Element) -> LabelDefinition {
        let label = key(element);
        let color = element.says("background");
        let known = colors::of(color);
        if !color.is_empty() && known.is_none() {
            self.losses.add("Label Studio: a color that is not known", color);
        }
        for more in ["maxUsages", "granularity", "html"] {
            if !element.says(more).is_empty() {
                self.losses
                    .add("Label Studio: what a label says beside its looks", format!("{label} {more}"));
            }
        }
        let shown = element.says("value");
        LabelDefinition {
            label: label.to_owned(),
            display_name: if shown == label { String::new() } else { shown.to_owned() },
            description: element.says("hint").to_owned(),
            color: known.unwrap_or_default(),
            shortcut: element.says("hotkey").to_owned(),
            ..LabelDefinition::default()
        }
    }

    /// The label under a name that no other has.
    fn free(&mut self, before: &str, mut label: LabelDefinition) -> LabelDefinition {
        while self.labels.contains(&label.label) {
            let name = format!("{before}/{}", label.label);
            self.losses.add("Label Studio: a name that is taken, with another before it", &name);
            if label.display_name.is_empty() {
                label.display_name.clone_from(&label.label);
            }
            label.label = name;
        }
        label
    }

    fn add(&mut self, label: LabelDefinition) {
        self.labels.insert(label.label.clone());
        self.definition.labels.push(label);
    }
}

/// What Label Studio writes into its results.
fn key(element: &Element) -> &str {
    let alias = element.says("alias");
    if alias.is_empty() { element.says("value") } else { alias }
}

/// The paths of choices within choices.
fn paths(element: &Element, before: &str, all: &mut Vec<String>) {
    for child in element.children.iter().filter(|child| child.tag == "Choice") {
        let path = if before.is_empty() { key(child).to_owned() } else { format!("{before}/{}", key(child)) };
        all.push(path.clone());
        paths(child, &path, all);
    }
}
