//! The texts that an article had, and the annotations in them.

use super::{
    super::{committer::Head, keys::Generation, records::StoredTextRevision, text_revision_table},
    Checker, annotations,
    articles::CheckedArticle,
    guard::GuardedView,
    versions::Tally,
};
use crate::domain::{Error, Result, text_revisions::TextRevision};

/// Checks the texts of an article but its own, which was checked.
pub(super) fn check(
    checker: &mut Checker<'_>,
    article: &CheckedArticle,
    (head, view): (Head, &GuardedView<'_>),
    tally: &mut Tally,
) {
    let found = checker.attempt(&article.name, |_| texts(article, (head, view)));
    for text in found.unwrap_or_default() {
        let then = text.article(&article.stored);
        if then == article.stored {
            continue;
        }
        let name = format!("{}, text revision {}", article.name, then.article.text.revision);
        let then = CheckedArticle { name, number: article.number, stored: then };
        let text = checker.attempt(&then.name, |_| then.text(view));
        // They are as they were, whatever became of them since: the log is held against those that stand now.
        let (annotations, mut unlogged) = (checker.report.annotations, Tally::default());
        annotations::check(checker, &then, head, view, text.as_ref(), &mut unlogged);
        checker.report.annotations = annotations;
        if unlogged.unsound.contains(&then.number) {
            tally.is_whole = false;
        }
    }
}

/// All texts of an article: those from the first to its own.
fn texts(
    article: &CheckedArticle,
    (head, view): (Head, &GuardedView<'_>),
) -> Result<Vec<StoredTextRevision>> {
    let stored = &article.stored;
    let below = text_revision_table::generations_in_use(view)?;
    let newest = stored.text_generation.max(stored.annotation_generation);
    if newest >= below || stored.text_generation.min(stored.annotation_generation) < Generation::FIRST {
        let (newest, below) = (newest.0, below.0);
        return Err(Error::corrupt(format!(
            "it has generation {newest}, and those below {below} were given away"
        )));
    }
    let latest = stored.article.text.revision;
    let texts = text_revision_table::rows(view, article.number, 0).collect::<Result<Vec<_>>>()?;
    let numbers = texts.iter().map(|text| text.text_revision.text.revision);
    let expected = if latest == 1 { 1..1 } else { 1..latest.saturating_add(1) };
    if !numbers.eq(expected) {
        return Err(Error::corrupt(format!("it does not have each of its {latest} texts once")));
    }
    let mut last = None;
    for text in &texts {
        let TextRevision { text: _, revision, create_time, results: _ } = text.text_revision;
        if revision > head.revision || last.is_some_and(|last| last > (revision, create_time)) {
            return Err(Error::corrupt(format!(
                "its text revision {} was made by revision {}, before the one before, or after the last",
                text.text_revision.text.revision, revision.0
            )));
        }
        last = Some((revision, create_time));
    }
    if texts.last().is_some_and(|last| last.article(stored) != *stored) {
        return Err(Error::corrupt("its last text is not its own"));
    }
    Ok(texts)
}
