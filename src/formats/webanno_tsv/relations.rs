//! What refers to others, which may come later in the file.

use std::collections::BTreeMap;

use super::{
    cells::{NOTHING, Stacked, UNSAID, numbered, parts, said},
    document::{Attributes, Document},
};
use crate::formats::{
    cas::{
        CHAIN, DEPENDENCY, DEPENDENT, GOVERNOR, HOST, LINK, TOKEN, attributes_of, relation_of, short_name,
    },
    exchange::{AnnotationRecord, TargetRecord},
};

/// The type of whatever is annotated.
pub(super) const ANYTHING: &str = "uima.tcas.Annotation";

/// A relation, by the tokens that it is between.
#[derive(Debug)]
pub(super) struct PendingRelation {
    pub(super) line: u64,
    pub(super) type_name: String,
    /// The type of what it is between.
    pub(super) base: String,
    pub(super) from: String,
    pub(super) to: String,
    /// The numbers of both, `1_2`, where a token is in several.
    pub(super) numbers: Option<String>,
    pub(super) attributes: Attributes,
}

/// A link of an annotation to another one.
#[derive(Debug)]
pub(super) struct PendingSlot {
    line: u64,
    label: String,
    /// The type of what links lead to; empty for any.
    base: String,
    host: String,
    role: Option<String>,
    target: String,
    number: Option<String>,
}

/// A chain.
#[derive(Debug, Default)]
pub(super) struct PendingChain {
    pub(super) line: u64,
    /// The type of its links.
    pub(super) type_name: String,
    /// The names of its links, in order.
    pub(super) links: BTreeMap<u64, String>,
}

impl PendingRelation {
    /// Becomes a relation of annotations.
    pub(super) fn resolve(self, place: usize, document: &mut Document) {
        let Self { line, type_name, base, from, to, numbers, mut attributes } = self;
        let numbers = numbers.as_deref().unwrap_or("0_0").split_once('_');
        let Some((first, second)) = numbers else {
            let message = format!("the reference {from:?} has one number; it has two, as in 1-1[1_2]");
            document.problems.push((line, message));
            return;
        };
        // Dependencies are between tokens, whatever the header says.
        let base = if short_name(&type_name) == DEPENDENCY { TOKEN } else { short_name(&base) };
        let found = resolve(document, base, &from, first).zip(resolve(document, base, &to, second));
        let Some((governor, dependent)) = found else {
            let message = format!(
                "no {base} is at {from}[{first}] or at {to}[{second}], between which a relation should be"
            );
            document.problems.push((line, message));
            return;
        };
        let (label, [from_role, to_role]) = relation_of(&type_name, [GOVERNOR, DEPENDENT], &mut attributes);
        document.annotations.push(AnnotationRecord {
            line,
            id: format!("r{place}"),
            label,
            target: TargetRecord::Relation(vec![(from_role, governor), (to_role, dependent)]),
            attributes: attributes_of(attributes),
            ..AnnotationRecord::default()
        });
    }
}

impl PendingSlot {
    /// The links that an annotation has in a feature, as their cells say.
    pub(super) fn all(
        line: u64,
        label: &str,
        host: &str,
        roles: &str,
        (targets, base): (&str, &str),
    ) -> Vec<Self> {
        // No roles are the sign of no links, whose target says that the host is there.
        if roles == NOTHING || roles.is_empty() {
            return Vec::new();
        }
        let base = if base == ANYTHING { "" } else { short_name(base) };
        let slot = |(role, target): (&str, &str)| {
            let Stacked { value, number } = numbered(target);
            Self {
                line,
                label: label.to_owned(),
                base: base.to_owned(),
                host: host.to_owned(),
                role: said(role),
                target: value.to_owned(),
                number: number.map(str::to_owned),
            }
        };
        parts(roles, ';').into_iter().zip(parts(targets, ';')).map(slot).collect()
    }

    /// Becomes a relation of annotations.
    pub(super) fn resolve(self, place: usize, document: &mut Document) {
        let Self { line, label, base, host, role, target, number } = self;
        let found = resolve(document, &base, &target, number.as_deref().unwrap_or("0"));
        let Some(filler) = found.filter(|_| target != UNSAID) else {
            document.problems.push((line, format!("nothing is at {target}, to which a link leads")));
            return;
        };
        let arguments = vec![(HOST.to_owned(), host), (role.unwrap_or_default(), filler)];
        document.annotations.push(AnnotationRecord {
            line,
            id: format!("l{place}"),
            label,
            target: TargetRecord::Relation(arguments),
            ..AnnotationRecord::default()
        });
    }
}

impl PendingChain {
    /// The relation of its links.
    pub(super) fn record(self, number: u64) -> AnnotationRecord {
        let Self { line, type_name, links } = self;
        let name = short_name(&type_name);
        let label = [name.strip_suffix(LINK).unwrap_or(name), CHAIN].concat();
        let arguments = links.into_values().map(|link| (String::new(), link)).collect();
        AnnotationRecord {
            line,
            id: format!("c{number}"),
            label,
            target: TargetRecord::Relation(arguments),
            ..AnnotationRecord::default()
        }
    }
}

/// The name of the annotation of a type that a reference means, by its number, or by the token that it begins at.
fn resolve(document: &Document, base: &str, unit: &str, number: &str) -> Option<String> {
    if !number.trim_start_matches('0').is_empty() {
        return Some(number.to_owned()).filter(|number| document.has(number));
    }
    let annotations = document.units.get(unit)?;
    let is_base = |type_name: &str| base.is_empty() || short_name(type_name) == base;
    let found = annotations.iter().find(|(type_name, _)| is_base(type_name));
    let first = found.and_then(|(_, names)| names.first().cloned());
    first.or_else(|| {
        (base == TOKEN || base.is_empty()).then(|| unit.to_owned()).filter(|unit| document.has(unit))
    })
}

/// The value of a link, and its chain and place in it, where it says them: `*->1-2`, or `*[1]` without the place.
pub(super) fn chain_place(written: &str) -> (&str, Option<(u64, u64)>) {
    let split = written.rsplit_once("->").and_then(|(value, place)| {
        let (chain, link) = place.split_once('-')?;
        Some((value, (chain.parse().ok()?, link.parse().ok()?))).filter(|_| !value.ends_with('\\'))
    });
    match split {
        Some((value, place)) => (value, Some(place)),
        None => (written, None),
    }
}
