//! Where articles are, and their texts, kept in memory while they are used.

use std::{fmt, sync::Arc};

use bytes::BytesMut;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, sync::Cache, sync::DefaultLifecycle};

use super::{
    App,
    answers::{Scope, Seen, Versions},
    calculate,
    projects::ProjectHandle,
};
use crate::{
    domain::{
        Error, Problem, Result,
        articles::TextIdentity,
        ids::{ArticleId, ArticleName},
        text::Text,
    },
    limits::{HOT_TEXT_BYTES_MAX, VIEW_ROWS_MAX},
    store::{
        article_table,
        engine::{EngineExt, Partition},
        keys::{ArticleNumber, Generation},
        records::StoredArticle,
    },
};

/// Where an article's rows are.
#[derive(Debug)]
pub struct ArticleHandle {
    /// Its project.
    pub project: Arc<ProjectHandle>,
    /// Its name.
    pub name: ArticleName,
    /// Its internal number.
    pub number: ArticleNumber,
    /// The generation of its text.
    pub generation: Generation,
    /// Which text that is.
    pub text: TextIdentity,
}

type TextKey = (Partition, ArticleNumber, Generation);
type Shared<K, V, W> = Cache<K, V, W, DefaultHashBuilder, DefaultLifecycle<K, V>>;

/// Handles and texts that are kept in memory.
pub(super) struct Texts {
    versions: Arc<Versions>,
    handles: Cache<(Partition, ArticleId), (Seen<2>, Arc<ArticleHandle>)>,
    contents: Shared<TextKey, Arc<Text>, TextWeight>,
}

#[derive(Debug, Clone)]
struct TextWeight;

impl Weighter<TextKey, Arc<Text>> for TextWeight {
    fn weight(&self, _: &TextKey, text: &Arc<Text>) -> u64 {
        u64::try_from(text.memory_bytes()).unwrap_or(u64::MAX)
    }
}

impl Texts {
    /// Nothing yet. The longest text fits twice, whatever the operator allows.
    pub(super) fn new(versions: Arc<Versions>, text_bytes_max: usize) -> Self {
        const HANDLES: usize = 16_384;
        const TEXTS_EXPECTED: usize = 4_096;
        let bytes = HOT_TEXT_BYTES_MAX.max(u64::try_from(text_bytes_max).unwrap_or(0).saturating_mul(2));
        // One shard: a shard keeps nothing that is larger than itself.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(TEXTS_EXPECTED)
            .weight_capacity(bytes)
            .build();
        let contents = match options {
            Ok(options) => Cache::with_options(
                options,
                TextWeight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => Cache::with_weighter(TEXTS_EXPECTED, bytes, TextWeight),
        };
        Self { versions, handles: Cache::new(HANDLES), contents }
    }

    fn handle(&self, key: &(Partition, ArticleId)) -> Option<Arc<ArticleHandle>> {
        let (seen, handle) = self.handles.get(key)?;
        self.versions.still(&seen).then_some(handle)
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("texts", &self.contents.len()).finish_non_exhaustive()
    }
}

impl App {
    /// Where the article called `name` is.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND.
    pub(super) async fn article(&self, name: &ArticleName) -> Result<Arc<ArticleHandle>> {
        let project = self.project(&name.parent())?;
        let partition = project.partition;
        let key = (partition, name.article.clone());
        if let Some(handle) = self.texts.handle(&key) {
            return Ok(handle);
        }
        let seen = self.versions.see([Scope::project(partition), Scope::article(partition, &name.article)]);
        let id = name.article.clone();
        let found =
            project.read(self.engine.as_ref(), move |view| article_table::find(view, &id)).await?.value;
        let (number, stored) = found.ok_or_else(|| Problem::ResourceNotFound { name: name.to_string() })?;
        let handle = Arc::new(ArticleHandle {
            project,
            name: name.clone(),
            number,
            generation: stored.text_generation,
            text: stored.article.text,
        });
        self.texts.handles.insert(key, (seen, Arc::clone(&handle)));
        Ok(handle)
    }

    /// The article's text.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND when the article was deleted meanwhile; STORAGE_CORRUPT.
    pub(super) async fn text(&self, article: &ArticleHandle) -> Result<Arc<Text>> {
        let key = (article.project.partition, article.number, article.generation);
        self.texts.contents.get_or_insert_async(&key, self.read_text(article)).await
    }

    /// The text of a stored article, as [`App::text`].
    pub(super) async fn text_of(
        &self,
        project: &Arc<ProjectHandle>,
        number: ArticleNumber,
        stored: &StoredArticle,
    ) -> Result<Arc<Text>> {
        let handle = ArticleHandle {
            project: Arc::clone(project),
            name: stored.article.name(&project.id),
            number,
            generation: stored.text_generation,
            text: stored.article.text,
        };
        self.text(&handle).await
    }

    /// Keeps a text that was just stored.
    pub(super) fn keep_text(
        &self,
        partition: Partition,
        number: ArticleNumber,
        generation: Generation,
        text: Arc<Text>,
    ) {
        self.texts.contents.insert((partition, number, generation), text);
    }

    /// Reads a text in views of a bounded size; it does not change between them, though it may be deleted.
    async fn read_text(&self, article: &ArticleHandle) -> Result<Arc<Text>> {
        const CHUNKS: usize = VIEW_ROWS_MAX / 4;
        let (number, generation) = (article.number, article.generation);
        let bytes = usize::try_from(article.text.length.utf8).unwrap_or(usize::MAX);
        let mut text = BytesMut::with_capacity(bytes);
        loop {
            let read = self.engine.read(article.project.partition, move |view| {
                let whole = article_table::read_text(view, number, generation, &mut text, bytes, CHUNKS)?;
                Ok((whole, text))
            });
            let (whole, so_far) = read.await?.value;
            text = so_far;
            match whole {
                Some(true) => break,
                Some(false) => {}
                None => return Err(Problem::ResourceNotFound { name: article.name.to_string() }.into()),
            }
        }
        let text = calculate(bytes, move || String::from_utf8(text.into()).ok().map(Text::new)).await?;
        let text = text.filter(|text| text.length() == article.text.length);
        text.map(Arc::new).ok_or_else(|| Error::corrupt(format!("the text of {} is damaged", article.name)))
    }
}
