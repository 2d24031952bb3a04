//! What the formats of UIMA have in common, `WebAnno` TSV, XMI and JSON: how the types of annotations become labels.
//!
//! | there | here |
//! | --- | --- |
//! | `NamedEntity` with a `value` | the value as label |
//! | any other type of DKPro Core | its short name as label, `Token` |
//! | any other type | its whole name as label, `webanno.custom.Referent` |
//! | features that are strings, numbers, yes or no, or lists of strings | attributes |
//! | a type with `Governor` and `Dependent`, or `Source` and `Target` | relations in these roles |
//! | `custom.Relation` with a `label` | relations whose label is no type |
//! | a feature `f` of a type `T` that refers to annotations, with or without a role | relations `T:f`, of a `host` and what its link leads to, or of an `owner` and what it refers to without one |
//! | chains | the type of the chain as label of a relation of all its links |

mod feature_names;
mod from_article;
mod model;
#[cfg(test)]
pub(super) mod testing;
mod to_articles;
mod type_names;

use super::exchange::Feature;

pub(super) use self::{
    feature_names::{attributes_of, feature_of},
    from_article::{cas_of, count_id_losses, own_name, range_parts, uima_name},
    model::{
        Cas, NO_NAMESPACE, SOFA, Structure, Type, Types, Value, View, is_reference_list, is_text_list,
        value_in,
    },
    to_articles::articles_of,
    type_names::{
        CHAIN, DEPENDENCY, DEPENDENT, GOVERNOR, HOST, LINK, RELATION_LABEL, SENTENCE, SLOT, TOKEN, VALUE,
        is_type, label_of, relation_of, relation_type_of, short_name, slot_of, type_of, type_of_label,
    },
};

/// What a CAS carries.
pub(super) const CARRIED: &[Feature] = &[
    Feature::ArticleIds,
    Feature::Titles,
    Feature::Languages,
    Feature::SourceUris,
    Feature::Metadata,
    Feature::Spans,
    Feature::CrossingSpans,
    Feature::NestedSpans,
    Feature::EmptySpans,
    Feature::Relations,
    Feature::NestedRelations,
    Feature::Roles,
    Feature::ArticleLabels,
    Feature::StringAttributes,
    Feature::Flags,
    Feature::OtherAttributes,
];
