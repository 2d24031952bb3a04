//! Which resources are as of a revision whose log entry does not name them. Only looked for when some are known to be:
//! it reads the log out of order.

use std::collections::{HashMap, HashSet};

use super::{
    super::{
        article_table::{self, ArticlePlace},
        committer::Head,
        engine::View,
        keys::ArticleNumber,
        layer_table, project_table, records, text_revision_table,
    },
    Checker, Place,
    guard::GuardedView,
    log::{self, NameHash},
    versions::Versioned,
};
use crate::domain::revisions::Revision;

/// Entries whose names are kept at hand.
const ENTRIES_KEPT: usize = 256;

/// Names the resources that the log should name and does not.
pub(super) fn name(checker: &mut Checker<'_>, place: &Place, head: Head, view: &GuardedView<'_>) {
    let mut log = Names { view, head, kept: HashMap::new() };
    if let Ok(Some(project)) = project_table::get(view) {
        log.check(checker, place, &project, log::project_name);
    }
    for layer in layer_table::declared(view).filter_map(Result::ok) {
        log.check(checker, &format!("{place}/layers/{}", layer.id), &layer, || log::layer_name(&layer.id));
    }
    for (number, stored) in article_table::articles(view, ArticleNumber(0)).filter_map(Result::ok) {
        let id = &stored.article.id;
        log.check(checker, &format!("{place}/articles/{id}"), &stored, || log::article_name(number));
        let switches: HashSet<_> = text_revision_table::switches(view, number).collect();
        let index = ArticlePlace::of(number, &stored).annotations();
        for entry in index.stored(view).filter_map(Result::ok) {
            let Ok(annotation) = entry.annotation() else { continue };
            if switches.contains(&annotation.revision) {
                continue;
            }
            let name = format!("{place}/articles/{id}/annotations/{}", annotation.id);
            log.check(checker, &name, &annotation, || log::annotation_name(id, annotation.id));
        }
        for layer in layer_table::article_layers(view, number).filter_map(Result::ok) {
            let name = format!("{place}/articles/{id}/layers/{}", layer.layer);
            log.check(checker, &name, &layer, || log::article_layer_name(number, &layer.layer));
        }
        checker.show_progress();
    }
}

/// What the log's entries name.
struct Names<'n> {
    view: &'n dyn View,
    head: Head,
    kept: HashMap<Revision, HashSet<NameHash>>,
}

impl Names<'_> {
    fn check(
        &mut self,
        checker: &mut Checker<'_>,
        place: &dyn std::fmt::Display,
        resource: &impl Versioned,
        name: impl FnOnce() -> NameHash,
    ) {
        let revision = resource.version().revision;
        if revision <= self.head.log_floor || revision > self.head.revision {
            return;
        }
        if !self.named_by(revision).contains(&name()) {
            let what = format!("it is there as of revision {}, whose log entry does not name it", revision.0);
            checker.problem(place, &what);
        }
    }

    fn named_by(&mut self, revision: Revision) -> &HashSet<NameHash> {
        if self.kept.len() >= ENTRIES_KEPT && !self.kept.contains_key(&revision) {
            self.kept.clear();
        }
        let view = self.view;
        self.kept.entry(revision).or_insert_with(|| {
            let changes = log::entry(view, revision).ok().flatten().map(|entry| entry.changes);
            let changes = changes.unwrap_or_default();
            changes
                .iter()
                .filter_map(|change| records::read_change(change).ok())
                .map(|it| log::name_of(&it))
                .collect()
        })
    }
}
