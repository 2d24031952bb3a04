//! An article's annotations, against its text.

use std::collections::HashSet;

use super::{
    super::{
        annotation_index::{AnnotationIndex, Entry},
        article_table::ArticlePlace,
        committer::Head,
        records::{self, GenerationBase, ResourceChange},
        sort_key::SortKey,
        text_revision_table,
    },
    Checker,
    articles::CheckedArticle,
    guard::GuardedView,
    log,
    versions::Tally,
};
use crate::domain::{
    Error, Result,
    annotations::{Annotation, Mention},
    text::{Position, Text, Unit},
};

/// Checks all annotations of an article.
pub(super) fn check(
    checker: &mut Checker<'_>,
    article: &CheckedArticle,
    head: Head,
    view: &GuardedView<'_>,
    text: Option<&Text>,
    tally: &mut Tally,
) {
    let index = ArticlePlace::of(article.number, &article.stored).annotations();
    if checker.attempt(&article.name, |_| index.verify(view)).is_none() {
        tally.is_whole = false;
        tally.unsound.insert(article.number);
    }
    checker.attempt(&article.name, |_| check_base(&index, head, view));
    // Statistics that cannot be read were said.
    if let Ok(changed) = index.changed_revision(view)
        && changed > head.revision
    {
        let (changed, last) = (changed.0, head.revision.0);
        let what =
            format!("its annotations were changed by revision {changed}, and the last revision is {last}");
        checker.problem(&article.name, &what);
    }
    let switches: HashSet<_> = text_revision_table::switches(view, article.number).collect();
    for entry in index.stored(view) {
        // What is wrong with the rows was just said.
        let Ok(entry) = entry else {
            tally.is_whole = false;
            continue;
        };
        checker.report.annotations += 1;
        let name = Named { article, entry: &entry };
        match super::guarded(|| entry.annotation()) {
            Ok(annotation) => {
                if let Err(error) = super::guarded(|| check_one(article, &entry, &annotation, text)) {
                    checker.noted::<()>(&name, Err(error));
                }
                // The log does not name what came to a new text with its article.
                if switches.contains(&annotation.revision) {
                    Tally::check(checker, &name, head, &annotation);
                } else {
                    tally.count(checker, &name, head, &annotation);
                }
            }
            Err(error) => {
                tally.is_whole = false;
                checker.noted::<()>(&name, Err(error));
            }
        }
    }
}

/// An annotation as problems name it; millions have none.
struct Named<'a> {
    article: &'a CheckedArticle,
    entry: &'a Entry,
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/annotations/{}", self.article.name, self.entry.key.id())
    }
}

/// The commit that a generation says switched to it did.
fn check_base(index: &AnnotationIndex, head: Head, view: &GuardedView<'_>) -> Result<()> {
    // Statistics that cannot be read were said.
    let Ok(Some(base)) = index.base(view) else { return Ok(()) };
    let GenerationBase { revision, time, text_revision } = base;
    let generation = index.generation();
    if revision > head.revision || revision.0 == 0 || text_revision < 2 {
        let (revision, last) = (revision.0, head.revision.0);
        return Err(Error::corrupt(format!(
            "generation {} of its annotations is of revision {revision} and text revision {text_revision}; the last \
             revision is {last}",
            generation.0
        )));
    }
    let Some(entry) = log::entry(view, revision)? else { return Ok(()) };
    let is_switch = |change: ResourceChange| match change {
        ResourceChange::Article { number, before: _, after: Some(after), cascaded: _ } => {
            number == index.article()
                && after.annotation_generation == generation
                && after.article.text.revision == text_revision
        }
        ResourceChange::Project { .. }
        | ResourceChange::LabelSchema { .. }
        | ResourceChange::Article { .. }
        | ResourceChange::Annotation { .. }
        | ResourceChange::Layer { .. }
        | ResourceChange::ArticleLayer { .. } => false,
    };
    let switches = entry.changes.iter().any(|change| records::read_change(change).is_ok_and(is_switch));
    if !switches || entry.commit_time_us != time.0 {
        let (revision, generation) = (revision.0, generation.0);
        return Err(Error::corrupt(format!(
            "revision {revision} did not switch to generation {generation} of its annotations"
        )));
    }
    Ok(())
}

fn check_one(
    article: &CheckedArticle,
    entry: &Entry,
    annotation: &Annotation,
    text: Option<&Text>,
) -> Result<()> {
    let expected = SortKey::of_annotation(annotation);
    if expected != entry.key {
        let (from, to) = (entry.key.start(), entry.key.end());
        let (start, end) = (expected.start(), expected.end());
        return Err(Error::corrupt(format!("stands at [{from}, {to}), and its spans at [{start}, {end})")));
    }
    let latest = article.stored.article.text.revision;
    let text_revision = annotation.text_revision;
    if text_revision > latest {
        let what = format!("counts in text revision {text_revision}, and the latest is {latest}");
        return Err(Error::corrupt(what));
    }
    // An earlier text is no longer at hand.
    let Some(text) = text.filter(|_| text_revision == latest) else { return Ok(()) };
    let Some(Mention { anchor, quotes, splits_graphemes: _ }) = annotation.target.mention() else {
        return Ok(());
    };
    for position in anchor.spans().iter().flat_map(|span| [span.start, span.end]) {
        if text.position(Unit::Utf8, position.utf8) != Ok(position) {
            let Position { utf8, utf16, code_points } = position;
            return Err(Error::corrupt(format!(
                "a span begins or ends at {utf8} in bytes, {utf16} in UTF-16 and {code_points} in code points, which is \
                 no place of the text"
            )));
        }
    }
    if *quotes != anchor.quotes(text) {
        return Err(Error::corrupt("its quotes are not what its spans cover"));
    }
    Ok(())
}
