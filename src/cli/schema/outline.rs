//! A label schema for people: labels below their parents, and the rules in words.

use std::collections::HashMap;

use anstyle::{AnsiColor, RgbColor, Style};

use super::identity;
use crate::{
    cli::{attribute, render::printable, table::counted},
    domain::{
        annotations::TargetKind,
        attributes::AttributeValue,
        schema::{
            AttributeDefinition, ExclusiveSet, LabelDefinition, Overlap, RoleDefinition, SchemaDefinition,
            SchemaMode, SpanRules,
        },
    },
    grpc::convert::attributes::sent_value,
    proto::v1,
};

/// The schema, a line a fact.
pub(super) fn outline(sent: &v1::LabelSchema, definition: &SchemaDefinition, color: bool) -> String {
    let SchemaDefinition { mode, labels, attributes, spans, exclusive } = definition;
    let mode = match mode {
        SchemaMode::Open => "open: what it does not name passes",
        SchemaMode::Closed => "closed: what it does not name is refused",
    };
    let mut pen = Pen { out: String::new(), color };
    pen.line(&identity(sent));
    pen.line(&format!("  {mode}"));
    let rules = span_rules(*spans);
    if !rules.is_empty() {
        pen.line(&format!("  spans: {rules}"));
    }
    if !labels.is_empty() {
        pen.heading(&counted(labels.len(), "label"));
        let mut below: HashMap<&str, Vec<&LabelDefinition>> = HashMap::new();
        for label in labels {
            below.entry(&label.parent).or_default().push(label);
        }
        for label in below.get("").into_iter().flatten() {
            pen.label(label, "  ", "  ", &below);
        }
    }
    if !attributes.is_empty() {
        pen.heading(&counted(attributes.len(), "attribute"));
        for attribute in attributes {
            pen.line(&format!("  {}", self::attribute(attribute)));
        }
    }
    if !exclusive.is_empty() {
        pen.heading("at most one for an article");
        for ExclusiveSet { name, labels } in exclusive {
            let name = if name.is_empty() { String::new() } else { format!("{}: ", printable(name)) };
            pen.line(&format!("  {name}{}", listed(labels, ", ")));
        }
    }
    pen.out
}

struct Pen {
    out: String,
    color: bool,
}

impl Pen {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn heading(&mut self, text: &str) {
        let style = self.style(Style::new().bold());
        self.line(&format!("\n{}", painted(style, text)));
    }

    fn style(&self, style: Style) -> Style {
        if self.color { style } else { Style::new() }
    }

    /// The label with all that is below it. `before` stands before its name, `after` before what is below it.
    fn label(
        &mut self,
        label: &LabelDefinition,
        before: &str,
        after: &str,
        below: &HashMap<&str, Vec<&LabelDefinition>>,
    ) {
        let LabelDefinition {
            label: name,
            kinds,
            parent: _,
            display_name,
            description,
            color,
            shortcut,
            is_abstract,
            spans,
            symmetric,
            transitive,
            roles,
        } = label;
        let dim = self.style(AnsiColor::BrightBlack.on_default());
        let name_style = self
            .style(rgb(color).map_or(Style::new(), |color| Style::new().fg_color(Some(color.into())).bold()));
        let mut words = vec![painted(name_style, &printable(name))];
        if *is_abstract {
            words.push("(abstract)".to_owned());
        }
        if !shortcut.is_empty() {
            words.push(format!("[{}]", printable(shortcut)));
        }
        if !display_name.is_empty() && display_name != name {
            words.push(format!("“{}”", printable(display_name)));
        }
        let rules = [("symmetric", *symmetric), ("transitive", *transitive)];
        let rules = rules.iter().filter(|(_, is_so)| *is_so).map(|(rule, _)| (*rule).to_owned());
        let facts: Vec<String> = [kinds_shown(kinds), span_rules(*spans)]
            .into_iter()
            .chain(rules)
            .filter(|it| !it.is_empty())
            .collect();
        if !facts.is_empty() {
            words.push(painted(dim, &facts.join(", ")));
        }
        self.line(&format!("{before}{}", words.join("  ")));
        let below_it = below.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        let rail = if below_it.is_empty() { "  " } else { "│ " };
        if !description.is_empty() {
            self.line(&format!("{after}{rail}{}", painted(dim, &printable(description))));
        }
        for role in roles {
            self.line(&format!("{after}{rail}{}", self::role(role)));
        }
        for (index, one) in below_it.iter().enumerate() {
            let (branch, rail) = if index + 1 < below_it.len() { ("├ ", "│ ") } else { ("└ ", "  ") };
            self.label(one, &format!("{after}{branch}"), &format!("{after}{rail}"), below);
        }
    }
}

/// `#1f77b4` as a colour.
fn rgb(color: &str) -> Option<RgbColor> {
    let channel = |range| u8::from_str_radix(color.get(range)?, 16).ok();
    Some(RgbColor(channel(1..3)?, channel(3..5)?, channel(5..7)?))
}

fn role(role: &RoleDefinition) -> String {
    let RoleDefinition { role, labels, kinds, min_count, max_count } = role;
    let name = if role.is_empty() { "(no name)".to_owned() } else { printable(role) };
    let count = match (*min_count, *max_count) {
        (0, 0) => "any number".to_owned(),
        (least, 0) => format!("{least} or more"),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    };
    let of = match (labels.is_empty(), kinds_shown(kinds)) {
        (true, kinds) if kinds.is_empty() => String::new(),
        (true, kinds) => format!(" of {kinds}"),
        (false, kinds) if kinds.is_empty() => format!(" of {}", listed(labels, " | ")),
        (false, kinds) => format!(" of {} ({kinds})", listed(labels, " | ")),
    };
    format!("→ {name}: {count}{of}")
}

fn attribute(attribute: &AttributeDefinition) -> String {
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
    } = attribute;
    let value = |value: &AttributeValue| attribute::value_shown(&sent_value(value));
    let mut words = vec![printable(name), kind.name().to_owned()];
    if !display_name.is_empty() && display_name != name {
        words.push(format!("“{}”", printable(display_name)));
    }
    if *required {
        words.push("required".to_owned());
    }
    if !allowed_values.is_empty() {
        words.push(listed(allowed_values, " | "));
    }
    words.extend(minimum.as_ref().map(|it| format!("≥ {}", value(it))));
    words.extend(maximum.as_ref().map(|it| format!("≤ {}", value(it))));
    words.extend(default.as_ref().map(|it| format!("default {}", value(it))));
    if !labels.is_empty() {
        words.push(format!("of {}", listed(labels, ", ")));
    }
    if !kinds.is_empty() {
        words.push(format!("of {}", kinds_shown(kinds)));
    }
    if !description.is_empty() {
        words.push(printable(description));
    }
    words.join("  ")
}

fn kinds_shown(kinds: &[TargetKind]) -> String {
    let name = |kind: &TargetKind| match kind {
        TargetKind::Spans => "spans",
        TargetKind::Relation => "relations",
        TargetKind::Article => "articles",
    };
    kinds.iter().map(name).collect::<Vec<_>>().join(" and ")
}

/// The rules that are said, in words.
fn span_rules(rules: SpanRules) -> String {
    let SpanRules { overlap, discontinuous, empty, grapheme_splits } = rules;
    let overlap = overlap.map(|overlap| match overlap {
        Overlap::None => "no overlaps",
        Overlap::Nested => "nested overlaps only",
        Overlap::Any => "any overlaps",
    });
    let either = |rule: Option<bool>, yes, no| rule.map(|is_so| if is_so { yes } else { no });
    let words = [
        overlap,
        either(discontinuous, "discontinuous ones", "no discontinuous ones"),
        either(empty, "empty ones", "no empty ones"),
        either(grapheme_splits, "also inside of graphemes", "only whole graphemes"),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn listed(words: &[String], between: &str) -> String {
    let words: Vec<_> = words.iter().map(|word| printable(word)).collect();
    words.join(between)
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
