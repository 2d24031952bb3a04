//! A project's articles in pages, and what a filter passes of them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    App,
    annotation_reads::{ARTICLE_COSTS_ENTRIES, VIEW_ENTRIES_MAX},
    articles::{ArticlePage, answer, answer_bytes},
    pages,
    projects::ProjectHandle,
};
use crate::{
    domain::{
        Problem, Result,
        filter::{ArticleAnnotations, ArticleFilter},
        ids::{ProjectId, ProjectName},
        revisions::Revision,
    },
    limits::{ANSWER_BYTES_MAX, FILTER_COMPARISONS_OF_ENTRY},
    store::{
        article_table::{self, ArticlePlace},
        engine::{At, View},
        keys::ArticleNumber,
        records::StoredArticle,
        sort_key::DocumentPosition,
    },
};

/// What ListArticles asks for.
#[derive(Debug, Clone)]
pub struct ArticleQuery {
    /// Whose articles.
    pub project: ProjectName,
    /// Which of them.
    pub filter: Arc<ArticleFilter>,
    /// How many, as it was sent.
    pub page_size: i32,
    /// Where the page begins, as it was sent.
    pub page_token: String,
    /// Whether with their texts.
    pub with_text: bool,
}

/// A page that is being filled.
struct Listing {
    project: ProjectId,
    filter: Arc<ArticleFilter>,
    items: usize,
    with_text: bool,
    found: Vec<(ArticleNumber, StoredArticle)>,
    bytes: usize,
    /// What the view may still look at; views without a filter end with their page.
    entries_left: usize,
}

/// Where a page has come to.
#[derive(Debug, Clone)]
struct Cursor {
    /// All up to this one were looked at.
    after: ArticleNumber,
    /// What was seen of the one behind it.
    within: Option<Within>,
}

/// What was seen of the annotations of an article.
#[derive(Debug, Clone)]
struct Within {
    place: ArticlePlace,
    after: Option<DocumentPosition>,
    labels: BTreeSet<String>,
}

/// The labels and layers of an article, of those that are asked for.
#[derive(Debug, Default)]
struct Marks {
    labels: BTreeSet<String>,
    layers: BTreeSet<String>,
}

impl ArticleAnnotations for Marks {
    fn has_label(&self, label: &str) -> bool {
        self.labels.contains(label)
    }

    fn has_layer(&self, layer: &str) -> bool {
        self.layers.contains(layer)
    }
}

/// Whether an article passes.
enum Judgement {
    Yes,
    No,
    /// The view has looked at enough; so much was seen.
    Later(Within),
}

impl App {
    /// Lists a project's articles in the order of their creation.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND (the project), PAGE_TOKEN_INVALID, FIELD_INVALID.
    pub async fn list_articles(&self, query: &ArticleQuery) -> Result<ArticlePage> {
        let ArticleQuery { project, filter, page_size, page_token, with_text } = query;
        let items = pages::items(*page_size)?;
        let arguments = arguments(project, filter, *with_text);
        let after = match arguments.key(page_token)? {
            Some(key) => u64::from_be_bytes(key.try_into().map_err(|_| pages::damaged())?),
            None => 0,
        };
        let project = self.project(project)?;
        let mut cursor = Cursor { after: ArticleNumber(after), within: None };
        let mut first_revision = None;
        loop {
            let (id, filter, with_text) = (project.id.clone(), Arc::clone(filter), *with_text);
            let read = project.read(self.engine.as_ref(), move |view| {
                let mut listing = Listing::new(id, filter, items, with_text);
                let next = listing.fill(view, cursor)?;
                Ok((listing.found, next))
            });
            let At { value: (found, next), revision } = read.await?;
            // What was passed over in an earlier view counts as read at that view's revision.
            let revision = *first_revision.get_or_insert(revision);
            if let (true, Some(next)) = (found.is_empty(), &next) {
                cursor = next.clone();
                continue;
            }
            let next_page_token =
                next.map_or_else(String::new, |next| arguments.token(&next.after.0.to_be_bytes()));
            return self.article_page(&project, found, with_text, next_page_token, revision).await;
        }
    }

    async fn article_page(
        &self,
        project: &Arc<ProjectHandle>,
        found: Vec<(ArticleNumber, StoredArticle)>,
        with_text: bool,
        next_page_token: String,
        revision: Revision,
    ) -> Result<ArticlePage> {
        let mut articles = Vec::with_capacity(found.len());
        for (number, stored) in found {
            let text =
                if with_text { self.text_of(project, number, &stored).await.map(Some) } else { Ok(None) };
            match text {
                Ok(text) => articles.push(answer(project, stored, text)),
                // Deleted since the page was read: what follows the page's revision says so, too.
                Err(error) if matches!(error.problem, Problem::ResourceNotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ArticlePage { articles, next_page_token, revision })
    }
}

impl Listing {
    fn new(project: ProjectId, filter: Arc<ArticleFilter>, items: usize, with_text: bool) -> Self {
        let (found, entries_left) = (Vec::new(), VIEW_ENTRIES_MAX);
        Self { project, filter, items, with_text, found, bytes: 0, entries_left }
    }

    /// Fills the page, which ends at what one answer holds with texts; returns where the next one begins, unless there
    /// are no more.
    fn fill(&mut self, view: &dyn View, cursor: Cursor) -> Result<Option<Cursor>> {
        let Cursor { mut after, mut within } = cursor;
        let costs = ARTICLE_COSTS_ENTRIES + self.filter.tests() / FILTER_COMPARISONS_OF_ENTRY;
        for article in article_table::articles(view, ArticleNumber(after.0.saturating_add(1))) {
            let (number, stored) = article?;
            let stopped = |within| Ok(Some(Cursor { after, within }));
            if !self.filter.is_empty() {
                if self.entries_left == 0 {
                    return stopped(None);
                }
                self.entries_left = self.entries_left.saturating_sub(costs);
                match self.judge(view, number, &stored, within.take())? {
                    Judgement::Yes => {}
                    Judgement::No => {
                        after = number;
                        continue;
                    }
                    Judgement::Later(within) => return stopped(Some(within)),
                }
            }
            let more = answer_bytes(&stored, self.with_text);
            let is_full = self.found.len() == self.items
                || (self.bytes + more > ANSWER_BYTES_MAX && !self.found.is_empty());
            if is_full {
                return stopped(None);
            }
            self.bytes += more;
            self.found.push((number, stored));
            after = number;
        }
        Ok(None)
    }

    fn judge(
        &mut self,
        view: &dyn View,
        number: ArticleNumber,
        stored: &StoredArticle,
        within: Option<Within>,
    ) -> Result<Judgement> {
        let filter = Arc::clone(&self.filter);
        if !filter.may_pass(&self.project, &stored.article) {
            return Ok(Judgement::No);
        }
        let place = ArticlePlace::of(number, stored);
        let mut marks = Marks::default();
        for layer in filter.layers() {
            if place.annotations().has_layer(view, layer)? {
                marks.layers.insert(layer.to_owned());
            }
        }
        let mut within = within.filter(|within| within.place == place).unwrap_or_else(|| Within {
            place,
            after: None,
            labels: BTreeSet::new(),
        });
        if !self.find_labels(view, &filter.labels(), &mut within)? {
            return Ok(Judgement::Later(within));
        }
        marks.labels = within.labels;
        let passes = filter.passes(&self.project, &stored.article, &marks);
        Ok(if passes { Judgement::Yes } else { Judgement::No })
    }

    /// Looks for labels among an article's annotations; returns whether that came to its end.
    fn find_labels(&mut self, view: &dyn View, asked: &BTreeSet<&str>, within: &mut Within) -> Result<bool> {
        if asked.is_empty() {
            return Ok(true);
        }
        for entry in within.place.annotations().in_document_order(view, None, within.after)? {
            if within.labels.len() == asked.len() {
                return Ok(true);
            }
            let entry = entry?;
            if self.entries_left == 0 {
                return Ok(false);
            }
            self.entries_left -= 1;
            let label = entry.annotation()?.label;
            if asked.contains(label.as_str()) {
                within.labels.insert(label.as_str().to_owned());
            }
            within.after = Some(entry.key.position());
        }
        Ok(true)
    }
}

fn arguments(project: &ProjectName, filter: &ArticleFilter, with_text: bool) -> pages::Arguments {
    let view_name: &[u8] = if with_text { b"full" } else { b"basic" };
    let filter = filter.to_string();
    let mut arguments = vec![project.project.as_str().as_bytes(), view_name];
    if !filter.is_empty() {
        arguments.push(filter.as_bytes());
    }
    pages::Arguments::of("ListArticles", &arguments)
}
