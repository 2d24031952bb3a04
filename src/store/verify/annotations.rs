//! An article's annotations, against its text.

use super::{
    super::{
        annotation_index::{AnnotationIndex, Entry},
        committer::Head,
        keys::Generation,
        records,
        sort_key::SortKey,
    },
    Checker,
    articles::CheckedArticle,
    guard::GuardedView,
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
    let index = AnnotationIndex::new(article.number, Generation::FIRST);
    if checker.attempt(&article.name, |_| index.verify(view)).is_none() {
        tally.is_whole = false;
        tally.unsound.insert(article.number);
    }
    for entry in index.stored(view) {
        // What is wrong with the rows was just said.
        let Ok(entry) = entry else {
            tally.is_whole = false;
            continue;
        };
        checker.report.annotations += 1;
        let name = Named { article, entry: &entry };
        match super::guarded(|| read(&entry)) {
            Ok(annotation) => {
                if let Err(error) = super::guarded(|| check_one(article, &entry, &annotation, text)) {
                    checker.noted::<()>(&name, Err(error));
                }
                tally.count(checker, &name, head, &annotation);
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

fn read(entry: &Entry) -> Result<Annotation> {
    records::decode_annotation(entry.key.id(), &entry.value)
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
