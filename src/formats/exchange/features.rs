//! What a format can carry, in one vocabulary, so that what it cannot is counted alike for all.

use super::{
    contents::{ArticleContents, ProjectContents},
    writing::Output,
};
use crate::domain::{
    annotations::{Annotation, State, Target},
    attributes::AttributeValue,
    ids::LayerId,
    revisions::Timestamp,
};

/// Something that a project, an article or an annotation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// What people say of the project.
    ProjectDetails,
    /// The label schema.
    LabelSchema,
    /// What people say of layers.
    LayerDetails,
    /// The ids of articles.
    ArticleIds,
    /// Their titles.
    Titles,
    /// Their languages.
    Languages,
    /// Where they came from.
    SourceUris,
    /// Their metadata.
    Metadata,
    /// The texts that they had before.
    OlderTexts,
    /// When articles and annotations were created and changed.
    Times,
    /// Which layers are submitted.
    Submissions,
    /// The ids of annotations, other than those that the file gives again.
    AnnotationIds,
    /// Layers.
    Layers,
    /// Annotations on one span.
    Spans,
    /// Annotations on several spans.
    DiscontinuousSpans,
    /// Spans that share characters, none within another.
    CrossingSpans,
    /// Spans within others, or the same ones.
    NestedSpans,
    /// Spans that cover nothing.
    EmptySpans,
    /// Relations between two annotations.
    Relations,
    /// Relations of one, or of more than two.
    OtherRelations,
    /// Relations whose arguments are relations.
    NestedRelations,
    /// The roles of arguments.
    Roles,
    /// Annotations on articles as a whole.
    ArticleLabels,
    /// Attributes that are strings.
    StringAttributes,
    /// Attributes that are true.
    Flags,
    /// Attributes of any other kind.
    OtherAttributes,
    /// Notes.
    Notes,
    /// Scores.
    Scores,
    /// That an annotation is a suggestion.
    Suggestions,
    /// That an annotation was rejected.
    Rejections,
    /// What annotations are derived from.
    Derivations,
    /// Annotations that lost their place in the text.
    Orphans,
    /// What a new text made of annotations.
    Anchorings,
}

impl Feature {
    /// Every one, in the order in which they are listed.
    pub const ALL: [Self; 33] = [
        Self::ProjectDetails,
        Self::LabelSchema,
        Self::LayerDetails,
        Self::ArticleIds,
        Self::Titles,
        Self::Languages,
        Self::SourceUris,
        Self::Metadata,
        Self::OlderTexts,
        Self::Times,
        Self::Submissions,
        Self::AnnotationIds,
        Self::Layers,
        Self::Spans,
        Self::DiscontinuousSpans,
        Self::CrossingSpans,
        Self::NestedSpans,
        Self::EmptySpans,
        Self::Relations,
        Self::OtherRelations,
        Self::NestedRelations,
        Self::Roles,
        Self::ArticleLabels,
        Self::StringAttributes,
        Self::Flags,
        Self::OtherAttributes,
        Self::Notes,
        Self::Scores,
        Self::Suggestions,
        Self::Rejections,
        Self::Derivations,
        Self::Orphans,
        Self::Anchorings,
    ];

    /// What carries an attribute.
    #[must_use]
    pub fn of_attribute(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::String(_) => Self::StringAttributes,
            AttributeValue::Bool(true) => Self::Flags,
            AttributeValue::Bool(false)
            | AttributeValue::Int(_)
            | AttributeValue::Double(_)
            | AttributeValue::StringList(_) => Self::OtherAttributes,
        }
    }

    /// What it is called in lists and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProjectDetails => "project details",
            Self::LabelSchema => "label schema",
            Self::LayerDetails => "layer details",
            Self::ArticleIds => "article ids",
            Self::Titles => "titles",
            Self::Languages => "languages",
            Self::SourceUris => "source URIs",
            Self::Metadata => "metadata",
            Self::OlderTexts => "older texts",
            Self::Times => "times",
            Self::Submissions => "submissions",
            Self::AnnotationIds => "annotation ids",
            Self::Layers => "layers",
            Self::Spans => "spans",
            Self::DiscontinuousSpans => "discontinuous spans",
            Self::CrossingSpans => "crossing spans",
            Self::NestedSpans => "nested spans",
            Self::EmptySpans => "empty spans",
            Self::Relations => "relations",
            Self::OtherRelations => "relations not of two",
            Self::NestedRelations => "relations of relations",
            Self::Roles => "roles",
            Self::ArticleLabels => "article labels",
            Self::StringAttributes => "string attributes",
            Self::Flags => "flags",
            Self::OtherAttributes => "attributes of other kinds",
            Self::Notes => "notes",
            Self::Scores => "scores",
            Self::Suggestions => "suggestions",
            Self::Rejections => "rejections",
            Self::Derivations => "derivations",
            Self::Orphans => "orphans",
            Self::Anchorings => "anchorings",
        }
    }
}

/// Tells `output` what of the project the format does not carry.
pub fn count_project_losses(project: &ProjectContents, carried: &[Feature], output: &mut dyn Output) {
    let ProjectContents { id, details, schema, layers } = project;
    let mut lost = |feature: Feature, example: &str| lose(feature, carried, output, || example.to_owned());
    if *details != crate::domain::projects::ProjectDetails::default() {
        lost(Feature::ProjectDetails, id.as_str());
    }
    if schema.is_some() {
        lost(Feature::LabelSchema, id.as_str());
    }
    for (layer, _) in layers {
        lost(Feature::LayerDetails, layer.as_str());
    }
}

/// Tells `output` what of the article and of its annotations the format does not carry, where that shows in each by itself.
///
/// Answers which annotations cannot be carried at all, because of what they are about or use: of these nothing else is
/// counted, and a writer leaves them out. What depends on several of them, [`Feature::CrossingSpans`] and
/// [`Feature::NestedSpans`], the writer counts as it leaves them out, and what its own ids keep, [`Feature::AnnotationIds`] and
/// [`Feature::ArticleIds`].
pub fn count_losses<'a>(
    article: &'a ArticleContents,
    carried: &[Feature],
    output: &mut dyn Output,
) -> Vec<&'a Annotation> {
    let ArticleContents { id, details, text: _, older_texts, times, annotations, submitted } = article;
    let mut lost = |feature: Feature| lose(feature, carried, output, || id.to_string());
    for (has, feature) in [
        (!details.title.is_empty(), Feature::Titles),
        (!details.language.is_empty(), Feature::Languages),
        (!details.source_uri.is_empty(), Feature::SourceUris),
        (!details.metadata.is_empty(), Feature::Metadata),
        (!older_texts.is_empty(), Feature::OlderTexts),
        (times.is_some(), Feature::Times),
        (!submitted.is_empty(), Feature::Submissions),
    ] {
        if has {
            lost(feature);
        }
    }
    let mut left_out = std::collections::HashSet::new();
    let relations: std::collections::HashSet<_> = annotations
        .iter()
        .filter(|annotation| matches!(annotation.target, Target::Relation(_)))
        .map(|annotation| annotation.id)
        .collect();
    loop {
        let before = left_out.len();
        for annotation in annotations {
            if left_out.contains(&annotation.id) {
                continue;
            }
            let needed = needs(annotation, &relations);
            let missing = needed.into_iter().flatten().find(|feature| !carried.contains(feature));
            let missing = missing
                .or_else(|| annotation.uses().any(|it| left_out.contains(&it)).then_some(Feature::Relations));
            if let Some(feature) = missing {
                left_out.insert(annotation.id);
                let example = format!("{id}/{}", annotation.id);
                output.loss(feature.name(), example);
            }
        }
        if left_out.len() == before {
            break;
        }
    }
    let kept: Vec<_> = annotations.iter().filter(|annotation| !left_out.contains(&annotation.id)).collect();
    for annotation in &kept {
        count_details(id.as_str(), annotation, carried, output);
    }
    kept
}

/// What a format must carry to carry the annotation at all, by what it is about.
fn needs(
    annotation: &Annotation,
    relations: &std::collections::HashSet<crate::domain::ids::AnnotationId>,
) -> [Option<Feature>; 3] {
    let orphan = annotation.is_orphan().then_some(Feature::Orphans);
    match &annotation.target {
        Target::Article => [Some(Feature::ArticleLabels), None, None],
        Target::Spans(mention) => {
            let spans = mention.anchor.spans();
            let discontinuous = (spans.len() > 1).then_some(Feature::DiscontinuousSpans);
            let empty = mention.anchor.first_empty().is_some().then_some(Feature::EmptySpans);
            [orphan.or(Some(Feature::Spans)), discontinuous, empty]
        }
        Target::Relation(relation) => {
            let nested = relation.arguments.iter().any(|argument| relations.contains(&argument.annotation));
            let count =
                if relation.arguments.len() == 2 { Feature::Relations } else { Feature::OtherRelations };
            [Some(count), nested.then_some(Feature::NestedRelations), None]
        }
    }
}

fn count_details(article: &str, annotation: &Annotation, carried: &[Feature], output: &mut dyn Output) {
    let Annotation {
        id,
        layer,
        label: _,
        target,
        attributes,
        note,
        score,
        state,
        anchoring,
        derived_from,
        text_revision: _,
        revision: _,
        create_time,
        update_time: _,
    } = annotation;
    let mut lost = |feature: Feature| lose(feature, carried, output, || format!("{article}/{id}"));
    let has_roles = target.arguments().iter().any(|argument| !argument.role.is_empty());
    for (has, feature) in [
        (layer.as_str() != LayerId::DEFAULT, Feature::Layers),
        (has_roles, Feature::Roles),
        (!note.is_empty(), Feature::Notes),
        (score.is_some(), Feature::Scores),
        (*state == State::Suggested, Feature::Suggestions),
        (*state == State::Rejected, Feature::Rejections),
        (!derived_from.is_empty(), Feature::Derivations),
        (anchoring.is_some(), Feature::Anchorings),
        (*create_time != Timestamp(0), Feature::Times),
    ] {
        if has {
            lost(feature);
        }
    }
    for value in attributes.values() {
        lost(Feature::of_attribute(value));
    }
}

fn lose(feature: Feature, carried: &[Feature], output: &mut dyn Output, example: impl FnOnce() -> String) {
    if !carried.contains(&feature) {
        output.loss(feature.name(), example());
    }
}
