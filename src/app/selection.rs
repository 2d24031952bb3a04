//! Which annotations are asked for.

use crate::{
    domain::{
        Result,
        annotations::{Annotation, Label},
        filter::{AnnotationFilter, SpanSets},
        ids::{ArticleName, LayerId},
    },
    limits::FILTER_COMPARISONS_OF_ENTRY,
    store::{annotation_index::AnnotationIndex, engine::View},
};

/// Which annotations are asked for: those that all of it passes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Only those of this layer.
    pub layer: Option<LayerId>,
    /// Only those with this label.
    pub label: Option<Label>,
    /// Only those that pass this filter.
    pub filter: AnnotationFilter,
}

impl Selection {
    /// Whether the filter has functions, so that it cannot be asked of one annotation alone.
    pub(super) fn has_functions(&self) -> bool {
        self.filter.inner_queries().len() > 0
    }

    /// Whether the annotation of `article` passes, by a filter without functions.
    pub(super) fn passes(&self, article: &ArticleName, annotation: &Annotation) -> bool {
        self.passes_beside(article, annotation, &SpanSets::default())
    }

    /// Whether the annotation of `article` passes, beside what the filter's functions find.
    pub(super) fn passes_beside(
        &self,
        article: &ArticleName,
        annotation: &Annotation,
        others: &SpanSets,
    ) -> bool {
        self.layer.as_ref().is_none_or(|layer| *layer == annotation.layer)
            && self.label.as_ref().is_none_or(|label| *label == annotation.label)
            && (self.filter.is_empty() || self.filter.passes(article, annotation, others))
    }

    /// What a look at one annotation takes of what a view may look at.
    pub(super) fn entry_costs(&self) -> usize {
        1 + self.filter.tests() / FILTER_COMPARISONS_OF_ENTRY
    }

    /// Whether any annotation of an article can pass: there are some of the layers that are asked for.
    pub(super) fn may_be_in(&self, view: &dyn View, annotations: AnnotationIndex) -> Result<bool> {
        let layers = [self.layer.as_ref().map(LayerId::as_str), self.filter.required_layer()];
        for layer in layers.into_iter().flatten() {
            if !annotations.has_layer(view, layer)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
