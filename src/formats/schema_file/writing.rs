//! A schema as a tree; what has its default is left out.

use super::{
    AttributeDefinition, AttributeValue, ExclusiveSet, LabelDefinition, RoleDefinition, SchemaDefinition,
    SchemaMode, SpanRules, TargetKind, Tree, parts::words,
};

/// The names of a mapping that say something.
#[derive(Default)]
struct Entries(Vec<(String, Tree)>);

impl Entries {
    fn add(&mut self, name: &str, part: Tree) {
        self.0.push((name.to_owned(), part));
    }

    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.add(name, Tree::string(text));
        }
    }

    fn texts(&mut self, name: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.add(name, Tree::list(texts.iter().map(|text| Tree::string(text)).collect()));
        }
    }

    fn each<T>(&mut self, name: &str, list: &[T], one: impl Fn(&T) -> Tree) {
        if !list.is_empty() {
            self.add(name, Tree::list(list.iter().map(one).collect()));
        }
    }

    fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.add(name, Tree::plain(&true));
        }
    }

    fn count(&mut self, name: &str, count: u32) {
        if count > 0 {
            self.add(name, Tree::plain(&count));
        }
    }

    fn value(&mut self, name: &str, value: Option<&AttributeValue>) {
        if let Some(value) = value {
            self.add(name, self::value(value));
        }
    }

    fn kinds(&mut self, kinds: &[TargetKind]) {
        self.each("kinds", kinds, |kind| Tree::string(words::of(words::KINDS, kind)));
    }

    fn span_rules(&mut self, rules: SpanRules) {
        let SpanRules { overlap, discontinuous, empty, grapheme_splits } = rules;
        let mut entries = Self::default();
        if let Some(overlap) = overlap {
            entries.add("overlap", Tree::string(words::of(words::OVERLAPS, &overlap)));
        }
        for (name, answer) in
            [("discontinuous", discontinuous), ("empty", empty), ("grapheme_splits", grapheme_splits)]
        {
            if let Some(answer) = answer {
                entries.add(name, Tree::plain(&answer));
            }
        }
        if !entries.0.is_empty() {
            self.add("span_rules", entries.tree());
        }
    }

    fn tree(self) -> Tree {
        Tree::map(self.0)
    }
}

pub(super) fn tree(definition: &SchemaDefinition) -> Tree {
    let SchemaDefinition { mode, labels, attributes, spans, exclusive } = definition;
    let mut entries = Entries::default();
    if *mode != SchemaMode::default() {
        entries.text("mode", words::of(words::MODES, mode));
    }
    entries.span_rules(*spans);
    entries.each("labels", labels, label);
    entries.each("attributes", attributes, attribute);
    entries.each("exclusive_sets", exclusive, exclusive_set);
    entries.tree()
}

fn label(definition: &LabelDefinition) -> Tree {
    let LabelDefinition {
        label,
        kinds,
        parent,
        display_name,
        description,
        color,
        shortcut,
        is_abstract,
        spans,
        symmetric,
        transitive,
        roles,
    } = definition;
    let mut entries = Entries::default();
    entries.add("label", Tree::string(label));
    entries.kinds(kinds);
    entries.text("parent", parent);
    entries.text("display_name", display_name);
    entries.text("description", description);
    entries.text("color", color);
    entries.text("shortcut", shortcut);
    entries.flag("abstract", *is_abstract);
    entries.span_rules(*spans);
    entries.flag("symmetric", *symmetric);
    entries.flag("transitive", *transitive);
    entries.each("roles", roles, role);
    entries.tree()
}

fn role(definition: &RoleDefinition) -> Tree {
    let RoleDefinition { role, labels, kinds, min_count, max_count } = definition;
    let mut entries = Entries::default();
    entries.add("role", Tree::string(role));
    entries.texts("labels", labels);
    entries.kinds(kinds);
    entries.count("min_count", *min_count);
    entries.count("max_count", *max_count);
    entries.tree()
}

fn attribute(definition: &AttributeDefinition) -> Tree {
    let AttributeDefinition {
        name,
        kind,
        display_name,
        description,
        labels,
        kinds,
        allowed_values,
        minimum,
        maximum,
        required,
        default,
    } = definition;
    let mut entries = Entries::default();
    entries.add("name", Tree::string(name));
    entries.add("kind", Tree::string(words::of(words::ATTRIBUTE_KINDS, kind)));
    entries.text("display_name", display_name);
    entries.text("description", description);
    entries.texts("labels", labels);
    entries.kinds(kinds);
    entries.texts("allowed_values", allowed_values);
    entries.value("minimum", minimum.as_ref());
    entries.value("maximum", maximum.as_ref());
    entries.flag("required", *required);
    entries.value("default_value", default.as_ref());
    entries.tree()
}

fn value(value: &AttributeValue) -> Tree {
    match value {
        AttributeValue::Bool(value) => Tree::plain(value),
        AttributeValue::Int(value) => Tree::plain(value),
        // With an exponent where it is shorter, and never without a point: -1e300, 0.5, 2.0.
        AttributeValue::Double(value) => Tree::plain(&format!("{value:?}")),
        AttributeValue::String(value) => Tree::string(value),
        AttributeValue::StringList(values) => {
            Tree::list(values.iter().map(|value| Tree::string(value)).collect())
        }
    }
}

fn exclusive_set(set: &ExclusiveSet) -> Tree {
    let ExclusiveSet { name, labels } = set;
    let mut entries = Entries::default();
    entries.text("name", name);
    entries.texts("labels", labels);
    entries.tree()
}
