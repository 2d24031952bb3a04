//! Types of `annotation.conf` and what they become.

use std::collections::{HashMap, HashSet};

use super::{MEMBER, TRIGGER, lines::Line};
use crate::{
    domain::{
        annotations::TargetKind,
        attributes::AttributeValue,
        schema::{
            AttributeDefinition, AttributeKind, LabelDefinition, Overlap, RoleDefinition, SchemaDefinition,
        },
    },
    formats::{FileError, Losses},
};

type Result<T> = std::result::Result<T, FileError>;

/// All types that were read so far.
#[derive(Debug, Default)]
pub(super) struct Types {
    labels: Vec<LabelDefinition>,
    by_label: HashMap<String, usize>,
    /// The types from the top down to the last one, in each section.
    path: Vec<String>,
    /// Types without others above them.
    entities: Vec<String>,
    events: Vec<String>,
    relations: Vec<String>,
    attributes: Vec<AttributeDefinition>,
    /// Who may overlap whom, when anybody says.
    overlaps: Option<HashMap<String, Overlap>>,
}

/// What an argument may be.
#[derive(Debug, Default)]
struct Allowed {
    /// Empty is all.
    labels: Vec<String>,
    kinds: Vec<TargetKind>,
}

impl Types {
    /// Nothing of the section before stands above what follows.
    pub(super) fn begin_section(&mut self) {
        self.path.clear();
    }

    pub(super) fn entity(&mut self, line: &Line, losses: &mut Losses) -> Result<()> {
        if !line.arguments.is_empty() {
            losses.add("brat: what an entity takes", line.name());
        }
        if self.add(line, vec![TargetKind::Spans], losses)? && line.depth == 0 {
            self.entities.push(line.name().to_owned());
        }
        Ok(())
    }

    /// The roles are added once all types are known.
    pub(super) fn event(&mut self, line: &Line, losses: &mut Losses) -> Result<()> {
        if self.add(line, vec![TargetKind::Spans, TargetKind::Relation], losses)? && line.depth == 0 {
            self.events.push(line.name().to_owned());
        }
        let mut roles = Vec::new();
        if !line.is_abstract {
            roles.push(RoleDefinition {
                role: TRIGGER.to_owned(),
                labels: vec![line.name().to_owned()],
                kinds: vec![TargetKind::Spans],
                min_count: 1,
                max_count: 1,
            });
        }
        for (role, values) in &line.arguments {
            let (role, (min_count, max_count)) = counted(role).ok_or_else(|| {
                line.wrong(format!("{role:?} is no role: a name, with ?, *, +, {{2}} or {{1-3}} after it"))
            })?;
            roles.push(RoleDefinition {
                role: role.to_owned(),
                labels: values.clone(),
                kinds: Vec::new(),
                min_count,
                max_count,
            });
        }
        self.give_roles(line, roles);
        Ok(())
    }

    pub(super) fn relation(&mut self, line: &Line, losses: &mut Losses) -> Result<()> {
        // The second is how it was written before the first.
        if ["<OVERLAP>", "ENTITY-NESTING"].contains(&line.name()) {
            return self.overlap(line, losses);
        }
        if line.name().starts_with('<') {
            losses.add("brat: a special relation", line.name());
            return Ok(());
        }
        let types: Vec<_> =
            line.values("<REL-TYPE>").unwrap_or_default().iter().flat_map(|types| types.split('-')).collect();
        let (symmetric, transitive) = (types.contains(&"symmetric"), types.contains(&"transitive"));
        if self.add(line, vec![TargetKind::Relation], losses)? && line.depth == 0 {
            self.relations.push(line.name().to_owned());
        }
        if let Some(label) = self.label(line.name()) {
            label.symmetric |= symmetric;
            label.transitive |= transitive;
        }
        let arguments = line.arguments.iter().filter(|(name, _)| name != "<REL-TYPE>");
        let roles = if symmetric && transitive {
            let mut labels: Vec<String> = arguments.flat_map(|(_, values)| values.clone()).collect();
            labels.sort_unstable();
            labels.dedup();
            vec![RoleDefinition {
                role: MEMBER.to_owned(),
                labels,
                min_count: 2,
                ..RoleDefinition::default()
            }]
        } else {
            let role = |(role, labels): &(String, Vec<String>)| RoleDefinition {
                role: role.clone(),
                labels: labels.clone(),
                kinds: Vec::new(),
                min_count: 1,
                max_count: 1,
            };
            arguments.map(role).collect()
        };
        self.give_roles(line, roles);
        Ok(())
    }

    pub(super) fn attribute(&mut self, line: &Line, losses: &mut Losses) -> Result<()> {
        let Some(types) = line.values("Arg") else {
            return Err(line.wrong("an attribute says what it is of, as in Arg:<ENTITY>"));
        };
        let Allowed { labels, kinds } = self.allowed(types, losses);
        let values = line.values("Value").unwrap_or_default().to_vec();
        for (name, values) in &line.arguments {
            if !matches!(name.as_str(), "Arg" | "Value" | "<DEFAULT>") {
                losses.add(
                    "brat: what an attribute says beside its values",
                    format!("{name}:{}", values.join("|")),
                );
            }
        }
        let default =
            line.values("<DEFAULT>").and_then(<[String]>::first).filter(|value| values.contains(value));
        let definition = AttributeDefinition {
            name: line.name().to_owned(),
            kind: if values.is_empty() { AttributeKind::Bool } else { AttributeKind::String },
            display_name: line.names.get(1).cloned().unwrap_or_default(),
            labels,
            kinds,
            default: default.map(|value| AttributeValue::String(value.clone())),
            allowed_values: values,
            ..AttributeDefinition::default()
        };
        match self.attributes.iter_mut().find(|other| other.name == definition.name) {
            None => self.attributes.push(definition),
            Some(other) => {
                losses.add("brat: an attribute in several lines, which are taken together", line.name());
                unite(&mut other.labels, definition.labels);
                unite(&mut other.kinds, definition.kinds);
                unite(&mut other.allowed_values, definition.allowed_values);
                if definition.kind == AttributeKind::String {
                    other.kind = AttributeKind::String;
                }
            }
        }
        Ok(())
    }

    /// Adds a type, or adds to what is known of it; whether it is new.
    fn add(&mut self, line: &Line, kinds: Vec<TargetKind>, losses: &mut Losses) -> Result<bool> {
        let depth = line.depth;
        if depth > 0 && self.path.len() < depth {
            return Err(line.wrong("is indented by more than what stands above it allows"));
        }
        self.path.truncate(depth);
        let parent = self.path.last().cloned().unwrap_or_default();
        self.path.push(line.name().to_owned());
        if let Some(known) = self.label(line.name()) {
            let is_elsewhere = known.parent != parent;
            known.kinds.extend(kinds);
            known.kinds.sort_unstable();
            known.kinds.dedup();
            known.is_abstract &= line.is_abstract;
            if is_elsewhere {
                losses.add("brat: a type in several places; the first one stays", line.name());
            }
            return Ok(false);
        }
        self.by_label.insert(line.name().to_owned(), self.labels.len());
        self.labels.push(LabelDefinition {
            label: line.name().to_owned(),
            kinds,
            parent,
            display_name: line.names.get(1).cloned().unwrap_or_default(),
            is_abstract: line.is_abstract,
            ..LabelDefinition::default()
        });
        if line.names.len() > 2 {
            losses.add("brat: a further name of a type", line.names.join("|"));
        }
        Ok(true)
    }

    fn label(&mut self, label: &str) -> Option<&mut LabelDefinition> {
        self.by_label.get(label).and_then(|at| self.labels.get_mut(*at))
    }

    /// Gives a type these roles; where it has a role already, both lines are taken together.
    fn give_roles(&mut self, line: &Line, roles: Vec<RoleDefinition>) {
        let Some(label) = self.label(line.name()) else { return };
        for role in roles {
            match label.roles.iter_mut().find(|known| known.role == role.role) {
                None => label.roles.push(role),
                Some(known) => {
                    unite(&mut known.labels, role.labels);
                    known.min_count = known.min_count.min(role.min_count);
                    known.max_count =
                        if known.max_count == 0 { 0 } else { known.max_count.max(role.max_count) };
                }
            }
        }
    }

    /// `<OVERLAP> Arg1:Person, Arg2:GPE, <OVL-TYPE>:contain|equal`
    fn overlap(&mut self, line: &Line, losses: &mut Losses) -> Result<()> {
        let types = line.values("<OVL-TYPE>").unwrap_or_default();
        let mut overlap = if line.name() == "<OVERLAP>" { Overlap::None } else { Overlap::Nested };
        for kind in types {
            overlap = overlap.max(match kind.as_str() {
                "<ANY>" | "cross" => Overlap::Any,
                "contain" | "equal" => Overlap::Nested,
                "<NONE>" => Overlap::None,
                other => {
                    return Err(line.wrong(format!("{other:?} is none of contain, equal, cross and <ANY>")));
                }
            });
        }
        let mut labels = Vec::new();
        for (name, values) in line.arguments.iter().filter(|(name, _)| name != "<OVL-TYPE>") {
            if values.iter().any(|value| value != "<ENTITY>" && value != "<ANY>") {
                losses.add("brat: whom a type may overlap", format!("{name}:{}", values.join("|")));
            }
            let allowed = self.allowed(values, losses);
            labels.extend(if allowed.labels.is_empty() { self.entities.clone() } else { allowed.labels });
        }
        if overlap == Overlap::Nested {
            losses.add("brat: which of two contains the other", line.name());
        }
        let rules = self.overlaps.get_or_insert_default();
        for label in labels {
            let rule = rules.entry(label).or_insert(Overlap::None);
            *rule = overlap.max(*rule);
        }
        Ok(())
    }

    /// What types in an argument stand for.
    fn allowed(&self, types: &[String], losses: &mut Losses) -> Allowed {
        let mut allowed = Allowed::default();
        let mut is_any = false;
        for name in types {
            let (labels, kind) = match name.as_str() {
                "<ANY>" => {
                    is_any = true;
                    continue;
                }
                "<ENTITY>" => (self.entities.clone(), TargetKind::Spans),
                "<EVENT>" => (self.events.clone(), TargetKind::Relation),
                "<RELATION>" => (self.relations.clone(), TargetKind::Relation),
                name => {
                    let Some(label) = self.by_label.get(name).and_then(|at| self.labels.get(*at)) else {
                        losses.add("brat: a type that is not defined", name);
                        continue;
                    };
                    // Who speaks of an event speaks of the whole, not of its trigger.
                    let is_relation = label.kinds.contains(&TargetKind::Relation);
                    let kind = if is_relation { TargetKind::Relation } else { TargetKind::Spans };
                    (vec![name.to_owned()], kind)
                }
            };
            allowed.labels.extend(labels);
            allowed.kinds.push(kind);
        }
        if is_any {
            return Allowed::default();
        }
        let mut seen = HashSet::new();
        allowed.labels.retain(|label| seen.insert(label.clone()));
        allowed
    }

    /// The schema, once all lines were read.
    pub(super) fn into_definition(mut self, losses: &mut Losses) -> SchemaDefinition {
        for at in 0..self.labels.len() {
            let Some(label) = self.labels.get(at) else { continue };
            let mut roles = label.roles.clone();
            for role in roles.iter_mut().filter(|role| role.role != TRIGGER) {
                Allowed { labels: role.labels, kinds: role.kinds } = self.allowed(&role.labels, losses);
            }
            // brat's types take nothing from those above them, which stand before them.
            for above in self
                .by_label
                .get(&label.parent)
                .and_then(|at| self.labels.get(*at))
                .into_iter()
                .flat_map(|above| &above.roles)
            {
                if !roles.iter().any(|role| role.role == above.role) {
                    losses.add("brat: a type that does not take what the one above it takes", &label.label);
                    roles.push(RoleDefinition { min_count: 0, ..above.clone() });
                }
            }
            let is_entity = label.kinds == [TargetKind::Spans];
            let rule = self.overlaps.as_ref().and_then(|overlaps| {
                let otherwise = (is_entity && label.parent.is_empty()).then_some(Overlap::None);
                overlaps.get(&label.label).copied().or(otherwise)
            });
            if let Some(label) = self.labels.get_mut(at) {
                label.roles = roles;
                label.spans.overlap = rule;
            }
        }
        SchemaDefinition { labels: self.labels, attributes: self.attributes, ..SchemaDefinition::default() }
    }
}

/// Adds what is not there yet; nothing stands for everything.
fn unite<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    if all.is_empty() || more.is_empty() {
        all.clear();
        return;
    }
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}

/// A role and how often it is there: `Theme`, `Theme?`, `Theme*`, `Theme+`, `Theme{2}`, `Theme{1-3}`.
fn counted(role: &str) -> Option<(&str, (u32, u32))> {
    if let Some((role, counts)) = role.strip_suffix('}').and_then(|role| role.split_once('{')) {
        let (min, max) = counts.split_once(['-', ',']).unwrap_or((counts, counts));
        return Some((role, (min.trim().parse().ok()?, max.trim().parse().ok()?)));
    }
    let counts = match role.chars().next_back() {
        Some('?') => (0, 1),
        Some('*') => (0, 0),
        Some('+') => (1, 0),
        Some(_) => return Some((role, (1, 1))),
        None => return None,
    };
    role.get(..role.len() - 1).filter(|role| !role.is_empty()).map(|role| (role, counts))
}
