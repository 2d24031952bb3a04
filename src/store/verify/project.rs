//! A project that is in use.

use super::{
    super::{catalog::Entry, committer::Head, project_table, schema_table},
    Checker, Place, articles,
    guard::GuardedView,
    layers, log, rows,
    versions::Tally,
};

/// Checks the label schema, and the row that says which one it is.
fn check_schema(
    checker: &mut Checker<'_>,
    place: &Place,
    view: &GuardedView<'_>,
    head: Head,
    tally: &mut Tally,
) {
    let schema = checker.attempt(place, |_| schema_table::get(view));
    let revision = checker.attempt(place, |_| schema_table::revision(view));
    tally.is_whole &= schema.is_some();
    let (Some(schema), Some(revision)) = (schema, revision) else { return };
    let of = schema.as_ref().map_or(0, |schema| schema.revision.0);
    if of != revision.0 {
        let what = format!("the label schema is of revision {of}, and its row says {}", revision.0);
        checker.problem(place, &what);
    }
    if let Some(schema) = schema {
        tally.count(checker, place, head, &schema);
    }
}

/// Checks a project and everything in it.
pub(super) fn check(checker: &mut Checker<'_>, place: &Place, view: &GuardedView<'_>, entry: &Entry) {
    checker.report.projects += 1;
    let shape = rows::check(checker, place);
    let project = checker.attempt(place, |_| project_table::get(view)).flatten();
    // Without a head there is nothing to hold anything against, and that was said.
    let Some(head) = place.head else { return };
    let mut tally = Tally { logged: 0, is_whole: project.is_some(), ..Tally::default() };
    if let Some(project) = project {
        if project.id != entry.id || project.uid != entry.uid {
            let (id, uid) = (&project.id, project.uid);
            let what =
                format!("the catalog has life {} of it, and its row is of life {uid} of {id}", entry.uid);
            checker.problem(place, &what);
        }
        tally.count(checker, place, head, &project);
    }
    check_schema(checker, place, view, head, &mut tally);
    let counted = articles::check(checker, place, head, view, &mut tally);
    layers::check(checker, place, (head, view), &counted, &mut tally);
    log::check(checker, place, head, view, &shape.logged, &tally);
}
