//! A project that is in use.

use super::{
    super::{catalog::Entry, project_table},
    Checker, Place, articles,
    guard::GuardedView,
    log, rows,
    versions::Tally,
};

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
    articles::check(checker, place, head, view, &mut tally);
    log::check(checker, place, head, view, &shape.logged, &tally);
}
