//! What views copy for filters with functions.

use super::super::{
    annotation_reads::{ARTICLE_COSTS_ENTRIES, VIEW_ENTRIES_MAX},
    revisions::{place_at, require_text},
    selection::Selection,
};
use crate::{
    domain::{
        Result,
        ids::{ArticleName, ProjectName},
    },
    limits::{QUERY_COPY_BYTES_MAX, RUNTIME_WORK_BYTES_MAX},
    store::{
        annotation_index::Entry,
        article_table::{self, ArticlePlace},
        engine::View,
        keys::{ArticleNumber, Generation},
        sort_key::DocumentPosition,
    },
};

/// Where a query looks.
#[derive(Debug, Clone)]
pub(in crate::app) enum Source {
    /// In one article, as it stood in a text revision.
    Article {
        name: ArticleName,
        number: ArticleNumber,
        /// 0 is the latest.
        text_revision: u32,
        /// The text that the window was held against, if there is one and it is the latest.
        of_text: Option<Generation>,
    },
    /// In all articles of a project, in the order of their creation.
    Project(ProjectName),
}

/// Annotations as a view found them: all of some articles, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Copied {
    pub(super) articles: Vec<CopiedArticle>,
    /// The article behind them, unless there is none.
    pub(super) next: Option<ArticleNumber>,
}

#[derive(Debug)]
pub(super) struct CopiedArticle {
    pub(super) name: ArticleName,
    pub(super) place: ArticlePlace,
    pub(super) entries: Vec<Entry>,
    /// Whether they begin with the first.
    pub(super) begins: bool,
    /// Whether there are more behind them.
    pub(super) goes_on: bool,
}

/// Which part of an article is to be copied, as long as its annotations are those of this place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) place: ArticlePlace,
    pub(super) after: Option<DocumentPosition>,
    pub(super) window: Option<(u32, u32)>,
}

/// What a copy may still take.
struct Room {
    entries: usize,
    bytes: usize,
}

impl Source {
    /// Copies what `selection` may pass: `part` of the article, or it and those behind it, as far as they fit.
    pub(super) fn copy(
        &self,
        view: &dyn View,
        selection: &Selection,
        first: ArticleNumber,
        part: Option<&Part>,
    ) -> Result<Copied> {
        let mut room = Room { entries: VIEW_ENTRIES_MAX, bytes: QUERY_COPY_BYTES_MAX };
        let mut copied = Copied::default();
        let part_of = |place| part.filter(|part| part.place == place);
        match self {
            Self::Article { name, number, text_revision, of_text } => {
                let place = place_at(view, name, *number, *text_revision)?;
                if let Some(generation) = of_text {
                    require_text(view, *number, *generation)?;
                }
                if selection.may_be_in(view, place.annotations())? {
                    let article = room.copy(view, name.clone(), place, part_of(place))?;
                    copied.articles.push(article);
                }
            }
            Self::Project(name) => {
                for article in article_table::articles(view, first) {
                    let (number, stored) = article?;
                    if room.entries == 0 {
                        copied.next = Some(number);
                        break;
                    }
                    room.entries = room.entries.saturating_sub(ARTICLE_COSTS_ENTRIES);
                    let place = ArticlePlace::of(number, &stored);
                    if !selection.may_be_in(view, place.annotations())? {
                        continue;
                    }
                    let name = name.article(stored.article.id);
                    let article = room.copy(view, name, place, part_of(place))?;
                    // A part stands alone; what does not fit behind others begins the next copy.
                    let is_part = article.goes_on || !article.begins;
                    if !is_part || copied.articles.is_empty() {
                        copied.articles.push(article);
                        copied.next = is_part.then(|| ArticleNumber(number.0.saturating_add(1)));
                    } else {
                        copied.next = Some(number);
                    }
                    if is_part {
                        break;
                    }
                }
            }
        }
        Ok(copied)
    }
}

impl Room {
    fn copy(
        &mut self,
        view: &dyn View,
        name: ArticleName,
        place: ArticlePlace,
        part: Option<&Part>,
    ) -> Result<CopiedArticle> {
        let (after, window) = part.map_or((None, None), |part| (part.after, part.window));
        let mut entries = Vec::new();
        let mut goes_on = false;
        for entry in place.annotations().in_document_order(view, window, after)? {
            let entry = entry?;
            let bytes = size_of::<Entry>() + entry.value.len();
            if self.entries == 0 || (self.bytes < bytes && !entries.is_empty()) {
                goes_on = true;
                break;
            }
            self.entries -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            entries.push(entry);
        }
        let begins = after.is_none() && window.is_none();
        Ok(CopiedArticle { name, place, entries, begins, goes_on })
    }
}

impl Copied {
    /// What a look at it counts as, in bytes of text: little only where there is little to be looked at.
    pub(super) fn work_bytes(&self) -> usize {
        const ANNOTATION: usize = 1_024;
        let is_whole = |article: &CopiedArticle| article.begins && !article.goes_on;
        if !self.articles.iter().all(is_whole) {
            return RUNTIME_WORK_BYTES_MAX.saturating_add(1);
        }
        let entries: usize = self.articles.iter().map(|article| article.entries.len()).sum();
        entries.saturating_mul(ANNOTATION)
    }
}
