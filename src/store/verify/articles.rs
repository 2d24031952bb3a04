//! A project's articles: their ids, their records and their texts.

use bytes::BytesMut;
use sha2::{Digest as _, Sha256};

use super::{
    super::{
        article_table::{self, ArticlePlace},
        catalog::id_hash,
        committer::Head,
        engine::View,
        keys::{self, ArticleNumber, Generation, KeyRange},
        records::{self, ResourceChange, StoredArticle},
        text_revision_table,
    },
    Checker, Place, annotations,
    guard::GuardedView,
    layers::{self, Counted},
    log,
    resuming::Resuming,
    texts,
    versions::Tally,
};
use crate::{
    domain::{Error, Result, revisions::Revision, text::Text},
    limits::VALUE_BYTES_MAX,
};

/// Checks all articles of a project.
pub(super) fn check(
    checker: &mut Checker<'_>,
    place: &Place,
    head: Head,
    view: &GuardedView<'_>,
    tally: &mut Tally,
) -> Counted {
    let mut counted = Counted::default();
    let below = checker.attempt(place, |_| article_table::numbers_in_use(view)).unwrap_or(u64::MAX);
    checker.attempt(place, |_| article_table::ids().verify(view));
    // An error that ends the iteration was found just now.
    for (hash, number) in article_table::ids().ascending(view, &[], None).map_while(Result::ok) {
        checker.attempt(place, |_| check_id(view, &hash, &number));
    }
    for row in Resuming::new(view, keys::sweeps()) {
        let Ok((key, mark)) = row else { continue };
        let Some(number) = keys::number_of(&key) else { continue };
        let number = ArticleNumber(number);
        checker.attempt(place, |_| check_sweep(view, number, below));
        // A mark that cannot be read was said when all rows were looked at.
        match article_table::deleted_at(&mark) {
            Ok(Some(deleted)) if deleted > head.log_floor => {
                checker.report.deleted_articles += 1;
                let name = format!("{place}, article number {}, deleted by revision {}", number.0, deleted.0);
                let whole = checker.attempt(&name, |checker| {
                    let article = DeletedArticle { number, deleted };
                    article.check(checker, place, (head, view), tally)
                });
                tally.is_whole &= whole.is_some();
            }
            Ok(_) | Err(_) => checker.report.unswept += 1,
        }
    }
    checker.attempt(place, |_| check_staged(view, below));
    for row in Resuming::new(view, keys::articles()) {
        // What cannot be read was said when all rows were looked at.
        let Ok((key, _)) = row else {
            tally.is_whole = false;
            continue;
        };
        let Some(number) =
            keys::number_of(&key).filter(|number| key == keys::article(ArticleNumber(*number)))
        else {
            continue;
        };
        let unnamed = format!("{place}, article number {number}");
        let number = ArticleNumber(number);
        let whole = checker.attempt(&unnamed, |checker| {
            let stored =
                article_table::get(view, number)?.ok_or_else(|| Error::corrupt("its row is gone"))?;
            let article =
                CheckedArticle { name: format!("{place}/articles/{}", stored.article.id), number, stored };
            article.check(checker, head, view, below, tally);
            counted.add(ArticlePlace::of(number, &article.stored).annotations().layer_counts(view));
            Ok(())
        });
        if whole.is_none() {
            tally.is_whole = false;
            counted.add(Err(Error::corrupt("an article cannot be read")));
        }
        checker.show_progress();
    }
    counted
}

/// An id leads to an article that is of it.
fn check_id(view: &dyn View, hash: &[u8], number: &[u8]) -> Result<()> {
    let place = ArticlePlace::decode(number)?;
    let number = place.number;
    // An article that cannot be read is a problem of its own.
    let Ok(stored) = article_table::get(view, number) else { return Ok(()) };
    match stored {
        Some(stored) if id_hash(stored.article.id.as_str()) == hash => {
            let generation = stored.annotation_generation;
            if place.annotation_generation == generation {
                return Ok(());
            }
            let (number, led_to) = (number.0, place.annotation_generation.0);
            Err(Error::corrupt(format!(
                "id {hash:02x?} leads to generation {led_to} of the annotations of article number {number}, which has {}",
                generation.0
            )))
        }
        Some(stored) => {
            let (id, number) = (&stored.article.id, number.0);
            Err(Error::corrupt(format!("id {hash:02x?} leads to article number {number}, which is {id}")))
        }
        None => {
            let number = number.0;
            Err(Error::corrupt(format!("id {hash:02x?} leads to article number {number}, which has no row")))
        }
    }
}

/// What is to be swept is nobody's.
fn check_sweep(view: &dyn View, number: ArticleNumber, below: u64) -> Result<()> {
    let what = if view.get(&keys::article(number))?.is_some() {
        "is there".to_owned()
    } else if number.0 >= below {
        format!("was never given away; numbers below {below} were")
    } else {
        return Ok(());
    };
    Err(Error::corrupt(format!("article number {} is marked to be swept, and {what}", number.0)))
}

/// What is staged is of numbers and generations that were given away.
fn check_staged(view: &dyn View, below: u64) -> Result<()> {
    let generations_below = text_revision_table::generations_in_use(view)?;
    for staged in text_revision_table::staged(view, &keys::all_staged()) {
        let (_, number, generation) = staged?;
        if number.0 >= below || generation >= generations_below || generation == Generation::FIRST {
            let (number, generation) = (number.0, generation.0);
            return Err(Error::corrupt(format!(
                "generation {generation} of article number {number} is marked as staged, and was never given away"
            )));
        }
    }
    Ok(())
}

/// An article that was deleted, and that an undo may bring back with all that hangs on its number.
struct DeletedArticle {
    number: ArticleNumber,
    deleted: Revision,
}

impl DeletedArticle {
    fn check(
        &self,
        checker: &mut Checker<'_>,
        place: &Place,
        (head, view): (Head, &GuardedView<'_>),
        tally: &mut Tally,
    ) -> Result<()> {
        let entry =
            log::entry(view, self.deleted)?.ok_or_else(|| Error::corrupt("the log has no such entry"))?;
        let deletions = entry.changes.iter().filter_map(|change| match records::read_change(change) {
            Ok(ResourceChange::Article { number, before, after: None, cascaded: _ })
                if number == self.number =>
            {
                before
            }
            Ok(_) | Err(_) => None,
        });
        let stored = deletions.last().ok_or_else(|| Error::corrupt("that deleted no such article"))?;
        let name = format!("{place}/articles/{}, deleted by revision {}", stored.article.id, self.deleted.0);
        let article = CheckedArticle { name, number: self.number, stored };
        let text = checker.attempt(&article.name, |_| article.text(view));
        let annotations = checker.report.annotations;
        annotations::check(checker, &article, head, view, text.as_ref(), tally);
        texts::check(checker, &article, (head, view), tally);
        layers::check_of_article(checker, (&article.name, self.number), (head, view), tally);
        // Nobody can read them now.
        checker.report.annotations = annotations;
        tally.deleted.insert(self.number, article.stored.annotation_generation);
        Ok(())
    }
}

/// An article whose record could be read.
pub(super) struct CheckedArticle {
    /// How problems name it.
    pub(super) name: String,
    pub(super) number: ArticleNumber,
    pub(super) stored: StoredArticle,
}

impl CheckedArticle {
    fn check(
        &self,
        checker: &mut Checker<'_>,
        head: Head,
        view: &GuardedView<'_>,
        below: u64,
        tally: &mut Tally,
    ) {
        let Self { name, number, stored } = self;
        checker.report.articles += 1;
        tally.count(checker, name, head, stored);
        if number.0 >= below {
            let what = format!("has number {}, and numbers below {below} were given away", number.0);
            checker.problem(name, &what);
        }
        let led_to = checker.noted(name, article_table::place(view, &stored.article.id));
        if led_to.is_some_and(|led_to| led_to.map(|place| place.number) != Some(*number)) {
            checker.problem(name, &format!("has number {}, and its id does not lead there", number.0));
        }
        let text = checker.attempt(name, |_| self.text(view));
        if let Some(text) = &text {
            checker.report.text_bytes += u64::from(text.length().utf8);
        }
        annotations::check(checker, self, head, view, text.as_ref(), tally);
        texts::check(checker, self, (head, view), tally);
        layers::check_of_article(checker, (name, *number), (head, view), tally);
    }

    /// The text, if it is the one that the record is of.
    pub(super) fn text(&self, view: &dyn View) -> Result<Text> {
        let identity = &self.stored.article.text;
        let prefix = keys::text(self.number, self.stored.text_generation);
        let KeyRange { from, to } = KeyRange::prefix(&prefix);
        let mut content = BytesMut::new();
        let mut is_last = false;
        for (chunk, row) in (0..).zip(view.ascending(&from, &to)) {
            let (key, bytes) = row?;
            let expected = keys::text_chunk(self.number, self.stored.text_generation, chunk);
            if key != expected || is_last || bytes.is_empty() {
                return Err(Error::corrupt(format!("its text does not go on at {key:02x?}")));
            }
            is_last = bytes.len() < VALUE_BYTES_MAX;
            content.extend_from_slice(&bytes);
        }
        let (found, expected) = (content.len(), identity.length.utf8);
        if u32::try_from(found) != Ok(expected) {
            return Err(Error::corrupt(format!("its text has {found} bytes, and should have {expected}")));
        }
        if Sha256::digest(&content).as_slice() != identity.sha256 {
            return Err(Error::corrupt("the SHA-256 of its text is another"));
        }
        let text = String::from_utf8(content.into())
            .map_err(|error| Error::corrupt(format!("its text is not UTF-8: {error}")))?;
        let text = Text::new(text);
        if text.length() != identity.length || identity.revision == 0 {
            let (found, expected) = (text.length(), identity.length);
            return Err(Error::corrupt(format!("the length of its text is {found:?}, not {expected:?}")));
        }
        Ok(text)
    }
}
