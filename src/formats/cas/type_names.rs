//! Types as labels, and labels as types.

use std::collections::BTreeMap;

use crate::{domain::attributes::AttributeValue, limits::LABEL_BYTES_MAX};

/// What the names of the types of DKPro Core begin with.
const DKPRO: &str = "de.tudarmstadt.ukp.dkpro.core.api.";
/// The types whose short name is a label: they come with the annotation tools.
const KNOWN: [&str; 29] = [
    "anomaly.type.GrammarAnomaly",
    "anomaly.type.SpellingAnomaly",
    "coref.type.CoreferenceChain",
    "coref.type.CoreferenceLink",
    "lexmorph.type.morph.MorphologicalFeatures",
    "lexmorph.type.pos.POS",
    "metadata.type.TagDescription",
    "metadata.type.TagsetDescription",
    "ner.type.NamedEntity",
    "segmentation.type.Compound",
    "segmentation.type.Div",
    "segmentation.type.Heading",
    "segmentation.type.Lemma",
    "segmentation.type.NGram",
    "segmentation.type.Paragraph",
    "segmentation.type.Sentence",
    "segmentation.type.Stem",
    "segmentation.type.StopWord",
    "segmentation.type.SurfaceForm",
    "segmentation.type.Token",
    "segmentation.type.TokenForm",
    "semantics.type.SemArg",
    "semantics.type.SemArgLink",
    "semantics.type.SemPred",
    "semantics.type.WordSense",
    "syntax.type.chunk.Chunk",
    "syntax.type.constituent.Constituent",
    "syntax.type.dependency.Dependency",
    "transform.type.SofaChangeAnnotation",
];

/// The label of sentences.
pub(in crate::formats) const SENTENCE: &str = "Sentence";
/// The label of tokens.
pub(in crate::formats) const TOKEN: &str = "Token";
/// The label of dependencies.
pub(in crate::formats) const DEPENDENCY: &str = "Dependency";
/// The label of named entities that say nothing.
pub(in crate::formats) const NAMED_ENTITY: &str = "NamedEntity";
/// The feature of named entities that is their label.
pub(in crate::formats) const VALUE: &str = "value";
/// The type of relations whose label is no type.
pub(in crate::formats) const OTHER_RELATION: &str = "custom.Relation";
/// The feature of these that is their label.
pub(in crate::formats) const RELATION_LABEL: &str = "label";
/// The role of what a relation comes from.
pub(in crate::formats) const GOVERNOR: &str = "Governor";
/// The role of what it goes to.
pub(in crate::formats) const DEPENDENT: &str = "Dependent";
/// The role of what has a feature that refers to others.
pub(in crate::formats) const HOST: &str = "host";
/// Between the type and the feature, in the label of what a feature refers to.
pub(in crate::formats) const SLOT: char = ':';
/// What the types of links end with, by convention.
pub(in crate::formats) const LINK: &str = "Link";
/// What the types of chains end with, by convention.
pub(in crate::formats) const CHAIN: &str = "Chain";

/// The type as a label is: the short name of a known one.
pub(in crate::formats) fn short_name(type_name: &str) -> &str {
    let known = type_name.strip_prefix(DKPRO).filter(|rest| KNOWN.contains(rest));
    known.and_then(|rest| rest.rsplit('.').next()).unwrap_or(type_name)
}

/// The type that a label names; none if it names none.
pub(in crate::formats) fn type_of_label(label: &str) -> Option<String> {
    let known = KNOWN.iter().find(|known| known.rsplit('.').next() == Some(label));
    if let Some(known) = known {
        return Some([DKPRO, known].concat());
    }
    let is_word = |part: &str| {
        let begins = part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        begins && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    (label.contains('.') && label.split('.').all(is_word)).then(|| label.to_owned())
}

/// Whether a label is the name of a type.
pub(in crate::formats) fn is_type(label: &str) -> bool {
    type_of_label(label).is_some()
}

/// The label of an annotation of a type, of whose attributes it may take one.
pub(in crate::formats) fn label_of(
    type_name: &str,
    attributes: &mut BTreeMap<String, AttributeValue>,
) -> String {
    let name = short_name(type_name);
    if name != NAMED_ENTITY {
        return name.to_owned();
    }
    match attributes.remove(VALUE) {
        Some(AttributeValue::String(value)) if is_label(&value) => value,
        Some(other) => {
            attributes.insert(VALUE.to_owned(), other);
            name.to_owned()
        }
        None => name.to_owned(),
    }
}

/// The type of an annotation with this label, and what its `value` is, where that is the label.
pub(in crate::formats) fn type_of(label: &str) -> (String, Option<&str>) {
    match type_of_label(label) {
        Some(type_name) => (type_name, None),
        None => (type_of_label(NAMED_ENTITY).unwrap_or_default(), Some(label)),
    }
}

/// The label and the roles of a relation of a type, whose attributes may say them.
pub(in crate::formats) fn relation_of(
    type_name: &str,
    roles: [&str; 2],
    attributes: &mut BTreeMap<String, AttributeValue>,
) -> (String, [String; 2]) {
    let mut taken = |name: &str| match attributes.remove(name) {
        Some(AttributeValue::String(value)) => Some(value),
        Some(other) => {
            attributes.insert(name.to_owned(), other);
            None
        }
        None => None,
    };
    let label = (type_name == OTHER_RELATION).then(|| taken(RELATION_LABEL)).flatten();
    let roles = roles.map(|role| taken(&format!("{role}Role")).unwrap_or_else(|| role.to_owned()));
    (label.unwrap_or_else(|| short_name(type_name).to_owned()), roles)
}

/// The type of a relation with this label, and what its `label` is, where its type does not say that.
pub(in crate::formats) fn relation_type_of(label: &str) -> (String, Option<&str>) {
    match type_of_label(label) {
        Some(type_name) => (type_name, None),
        None => (OTHER_RELATION.to_owned(), Some(label)),
    }
}

/// The type and the feature that a label `T:f` names.
pub(in crate::formats) fn slot_of(label: &str) -> Option<(String, &str)> {
    let (type_name, feature) = label.split_once(SLOT)?;
    let is_feature =
        !feature.is_empty() && feature.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    type_of_label(type_name).filter(|_| is_feature).map(|type_name| (type_name, feature))
}

/// Whether a value can be a label, and is not mistaken for a type.
fn is_label(value: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&value.len()) && !value.chars().any(char::is_control) && !is_type(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_labels_are_each_others() {
        let check = |type_name: &str, value: &str, label: &str| {
            let mut attributes = BTreeMap::from_iter(
                (!value.is_empty()).then(|| (VALUE.to_owned(), AttributeValue::String(value.to_owned()))),
            );
            assert_eq!(label_of(type_name, &mut attributes), label);
            let (back, said) = type_of(label);
            assert_eq!(back, type_name);
            assert_eq!(said.is_some(), attributes.is_empty() && !value.is_empty());
        };
        let dkpro = |rest: &str| format!("{DKPRO}{rest}");
        check(&dkpro("ner.type.NamedEntity"), "PER", "PER");
        check(&dkpro("ner.type.NamedEntity"), "", "NamedEntity");
        check(&dkpro("ner.type.NamedEntity"), "Token", "NamedEntity");
        check(&dkpro("segmentation.type.Token"), "", "Token");
        check("webanno.custom.Referent", "x", "webanno.custom.Referent");
        check("de.tudarmstadt.ukp.dkpro.core.api.x.Y", "", "de.tudarmstadt.ukp.dkpro.core.api.x.Y");
    }
}
