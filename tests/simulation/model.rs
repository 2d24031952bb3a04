//! What a project is, in maps. Given a state and a call it says what the answer or the refusal must be. It shares
//! nothing with the server.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use crate::calls::{
    Annotation, Answer, Article, Call, Change, Content, Etag, Mask, NewArticle, Place, Project, Refusal,
    Write, WriteOp,
};

/// One life of a project, as it stands after one of its commits. At revision 0 it is not yet, and after its delete no
/// more.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub life: String,
    pub revision: u64,
    pub time: i64,
    project: Option<Project>,
    articles: BTreeMap<String, Rc<Held>>,
    /// All numbers that were ever given to an article.
    numbers: BTreeSet<u64>,
}

/// An article and its annotations.
#[derive(Debug, Clone)]
struct Held {
    number: u64,
    article: Article,
    annotations: BTreeMap<String, Annotation>,
}

/// What the server chooses for a commit.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'c> {
    pub revision: u64,
    pub time: i64,
    /// For the articles that it creates.
    pub numbers: &'c [u64],
}

/// What a write does.
#[derive(Debug)]
pub enum Effect {
    Committed(Box<State>, Answer, Vec<Change>),
    /// It is as good as done.
    Unchanged(Answer),
    Refused(Refusal),
}

type Judged<T> = Result<T, Refusal>;

const NOT_FOUND: &str = "RESOURCE_NOT_FOUND";
const EXISTS: &str = "RESOURCE_EXISTS";
const FIELD_INVALID: &str = "FIELD_INVALID";

impl State {
    /// Before the first commit of a life.
    pub fn unborn(life: &str) -> Self {
        Self { life: life.to_owned(), ..Self::default() }
    }

    /// Whether there is a project.
    pub fn exists(&self) -> bool {
        self.project.is_some()
    }

    /// The internal number of an article.
    pub fn number(&self, article: &str) -> Option<u64> {
        self.articles.get(article).map(|held| held.number)
    }

    /// What a write, or a check of one, does in this state.
    pub fn write(&self, call: &Call, stamp: Stamp<'_>) -> Effect {
        let mut after = self.clone();
        (after.revision, after.time) = (stamp.revision, stamp.time);
        let mut changes = Vec::new();
        match after.judge(call, stamp, &mut changes) {
            Ok(Some(answer)) => Effect::Committed(Box::new(after), answer, changes),
            Ok(None) => Effect::Unchanged(Answer::Done),
            Err(refusal) => Effect::Refused(refusal),
        }
    }

    /// Carries a write out; none when there is nothing to do.
    fn judge(&mut self, call: &Call, stamp: Stamp<'_>, changes: &mut Vec<Change>) -> Judged<Option<Answer>> {
        match call {
            Call::CreateProject { title, project, .. } => {
                if self.exists() {
                    return Err(EXISTS.into());
                }
                Ok(Some(self.create_project(project, title, changes)))
            }
            Call::UpdateProject { project, title, masked, etag, allow_missing, .. } => {
                let Some(before) = self.project.clone() else {
                    if *allow_missing {
                        return Ok(Some(self.create_project(project, title, changes)));
                    }
                    return Err(NOT_FOUND.into());
                };
                require_etag(!masked, etag.as_ref())?;
                check_etag(&before.etag, etag.as_ref())?;
                let after =
                    Project { title: title.clone(), etag: self.etag(), updated: self.time, ..before.clone() };
                self.project = Some(after.clone());
                changes.push(Change::Project { before: Some(before), after: Some(after.clone()) });
                Ok(Some(Answer::Project(after)))
            }
            Call::DeleteProject { etag, force, allow_missing, .. } => {
                let Some(before) = self.project.clone() else {
                    return if *allow_missing { Ok(None) } else { Err(NOT_FOUND.into()) };
                };
                check_etag(&before.etag, etag.as_ref())?;
                if !force && !self.articles.is_empty() {
                    return Err("HAS_CHILDREN".into());
                }
                self.project = None;
                changes.push(Change::Project { before: Some(before), after: None });
                Ok(Some(Answer::Done))
            }
            Call::CreateArticles { articles, .. } => {
                self.require()?;
                self.create_articles(articles, stamp, changes).map(Some)
            }
            Call::UpdateArticle { new, masked, etag, allow_missing, .. } => {
                self.require()?;
                if *allow_missing && !self.articles.contains_key(&new.id) {
                    self.create_articles(std::slice::from_ref(new), stamp, changes)?;
                    // As every update, it is answered without the text.
                    let created = self.articles.get(&new.id).map(|held| basic(&held.article));
                    return Ok(Some(Answer::Articles(created.into_iter().collect())));
                }
                require_etag(!masked, etag.as_ref())?;
                self.update_article(new, *masked, etag.as_ref(), changes).map(Some)
            }
            Call::DeleteArticle { article, etag, force, allow_missing, .. } => {
                self.require()?;
                let Some(held) = self.articles.get(article) else {
                    return if *allow_missing { Ok(None) } else { Err(NOT_FOUND.into()) };
                };
                check_etag(&held.article.etag, etag.as_ref())?;
                if !force && !held.annotations.is_empty() {
                    return Err("HAS_CHILDREN".into());
                }
                let before = Some(basic(&held.article));
                changes.push(Change::Article { number: held.number, before, after: None });
                self.articles.remove(article);
                Ok(Some(Answer::Done))
            }
            Call::CommitAnnotations { writes, .. } => self.commit(writes, changes).map(Some),
            _ => unreachable!("{call:?} writes nothing"),
        }
    }

    fn etag(&self) -> Etag {
        Etag { life: self.life.clone(), revision: self.revision }
    }

    fn require(&self) -> Judged<()> {
        if self.exists() { Ok(()) } else { Err(NOT_FOUND.into()) }
    }

    fn create_project(&mut self, id: &str, title: &str, changes: &mut Vec<Change>) -> Answer {
        let (created, updated) = (self.time, self.time);
        let after =
            Project { id: id.to_owned(), title: title.to_owned(), etag: self.etag(), created, updated };
        self.project = Some(after.clone());
        changes.push(Change::Project { before: None, after: Some(after.clone()) });
        Answer::Project(after)
    }

    fn create_articles(
        &mut self,
        new: &[NewArticle],
        stamp: Stamp<'_>,
        changes: &mut Vec<Change>,
    ) -> Judged<Answer> {
        let mut answers = Vec::new();
        for (index, NewArticle { id, title, text }) in new.iter().enumerate() {
            if self.articles.contains_key(id) {
                return Err(EXISTS.into());
            }
            let article = Article {
                id: id.clone(),
                title: title.clone(),
                text_bytes: text.0.len(),
                text: Some(text.clone()),
                etag: self.etag(),
                created: self.time,
                updated: self.time,
            };
            let number = stamp.numbers.get(index).copied().unwrap_or_default();
            if number != 0 && !self.numbers.insert(number) {
                return Err(Refusal { reason: "an article's number is used again", etag: None });
            }
            changes.push(Change::Article { number, before: None, after: Some(basic(&article)) });
            answers.push(article.clone());
            let held = Held { number, article, annotations: BTreeMap::new() };
            self.articles.insert(id.clone(), Rc::new(held));
        }
        Ok(Answer::Articles(answers))
    }

    fn update_article(
        &mut self,
        new: &NewArticle,
        masked: bool,
        etag: Option<&Etag>,
        changes: &mut Vec<Change>,
    ) -> Judged<Answer> {
        let now = self.etag();
        let held = self.articles.get_mut(&new.id).ok_or(NOT_FOUND)?;
        check_etag(&held.article.etag, etag)?;
        if !masked && !new.text.0.is_empty() && held.article.text.as_ref() != Some(&new.text) {
            return Err(FIELD_INVALID.into());
        }
        let before = basic(&held.article);
        let held = Rc::make_mut(held);
        held.article.title.clone_from(&new.title);
        (held.article.etag, held.article.updated) = (now, self.time);
        let after = basic(&held.article);
        let answer = Answer::Articles(vec![after.clone()]);
        changes.push(Change::Article { number: held.number, before: Some(before), after: Some(after) });
        Ok(answer)
    }

    /// Whether a write of a commit is refused before the commit is decided, for its article and the text.
    pub fn prepare(&self, Write { article, op, .. }: &Write) -> Judged<()> {
        self.require()?;
        let held = self.articles.get(article).ok_or(NOT_FOUND)?;
        match op {
            WriteOp::Create(content)
            | WriteOp::Update { content, mask: Mask::Everything | Mask::Anchor, .. } => {
                check_spans(&content.spans, held.article.text_bytes)
            }
            WriteOp::Update { mask: Mask::Label, .. } | WriteOp::Delete { .. } => Ok(()),
        }
    }

    /// Decides a commit whose writes are prepared.
    pub fn decide(&mut self, writes: &[Write], changes: &mut Vec<Change>) -> Judged<Answer> {
        self.require()?;
        let mut targets = BTreeSet::new();
        if !writes.iter().all(|write| targets.insert((&write.article, &write.id))) {
            return Err(FIELD_INVALID.into());
        }
        let written = writes.iter().map(|write| self.write_annotation(write, changes));
        written.collect::<Judged<_>>().map(Answer::Written)
    }

    fn commit(&mut self, writes: &[Write], changes: &mut Vec<Change>) -> Judged<Answer> {
        self.require()?;
        writes.iter().try_for_each(|write| self.prepare(write))?;
        self.decide(writes, changes)
    }

    fn write_annotation(&mut self, write: &Write, changes: &mut Vec<Change>) -> Judged<Option<Annotation>> {
        let Write { article, id, op } = write;
        let (now, time) = (self.etag(), self.time);
        let held = Rc::clone(self.articles.get(article).ok_or(NOT_FOUND)?);
        let before = held.annotations.get(id).cloned();
        let text = held.article.text.as_ref().map_or("", |text| &text.0);
        let created = |content: &Content| Annotation {
            article: article.clone(),
            id: id.clone(),
            layer: content.layer.clone().unwrap_or_else(|| "default".to_owned()),
            label: content.label.clone(),
            spans: content.spans.clone(),
            quotes: quotes(text, &content.spans),
            etag: now.clone(),
            created: time,
            updated: time,
        };
        let after = match (op, &before) {
            (WriteOp::Create(_), Some(_)) => return Err(EXISTS.into()),
            (WriteOp::Create(content) | WriteOp::Update { content, allow_missing: true, .. }, None) => {
                check_spans(&content.spans, held.article.text_bytes)?;
                Some(created(content))
            }
            (WriteOp::Delete { allow_missing: true, .. }, None) => return Ok(None),
            (WriteOp::Update { .. } | WriteOp::Delete { .. }, None) => return Err(NOT_FOUND.into()),
            (WriteOp::Update { content, mask, etag, .. }, Some(before)) => {
                require_etag(*mask == Mask::Everything, etag.as_ref())?;
                check_etag(&before.etag, etag.as_ref())?;
                let everything = *mask == Mask::Everything;
                if everything && content.layer.as_ref().is_some_and(|layer| *layer != before.layer) {
                    return Err(FIELD_INVALID.into());
                }
                let new = created(content);
                let mut after = Annotation { etag: new.etag, updated: time, ..before.clone() };
                if *mask != Mask::Anchor {
                    after.label = new.label;
                }
                if *mask != Mask::Label {
                    (after.spans, after.quotes) = (new.spans, new.quotes);
                }
                Some(after)
            }
            (WriteOp::Delete { etag, .. }, Some(before)) => {
                check_etag(&before.etag, etag.as_ref())?;
                None
            }
        };
        let mut held = Held::clone(&held);
        let annotations = &mut held.annotations;
        match &after {
            Some(after) => drop(annotations.insert(id.clone(), after.clone())),
            None => drop(annotations.remove(id)),
        }
        self.articles.insert(article.clone(), Rc::new(held));
        let (article, id) = (article.clone(), id.clone());
        changes.push(Change::Annotation { article, id, before, after: after.clone() });
        Ok(after)
    }

    /// What a read of this state answers. `behind` is the number of the article that a page of articles begins
    /// behind.
    pub fn read(&self, call: &Call, behind: u64) -> Judged<Answer> {
        let project = self.project.as_ref().ok_or(NOT_FOUND)?;
        let held = |article: &String| self.articles.get(article).ok_or(Refusal::from(NOT_FOUND));
        match call {
            Call::GetProject { .. } => Ok(Answer::Project(project.clone())),
            Call::GetArticle { article, text, .. } => {
                Ok(Answer::Articles(vec![shown(&held(article)?.article, *text)]))
            }
            Call::GetArticles { articles, text, .. } => {
                let shown = articles.iter().map(|article| Ok(shown(&held(article)?.article, *text)));
                shown.collect::<Judged<_>>().map(Answer::Articles)
            }
            Call::ListArticles { size, text, .. } => {
                let items = self.in_order().filter(|held| held.number > behind);
                let (items, more) = page(items, *size);
                let items = items.into_iter().map(|held| shown(&held.article, *text)).collect();
                Ok(Answer::ArticlePage(items, more))
            }
            Call::GetAnnotation { article, id, .. } => {
                let annotation = held(article)?.annotations.get(id).ok_or(NOT_FOUND)?;
                Ok(Answer::Annotations(vec![annotation.clone()]))
            }
            Call::ListAnnotations { article, label, window, size, after, .. } => {
                let after = after.as_ref().map(|after| match &after.place {
                    Place::Annotation(start, end, id) => (*start, Reverse(*end), id.clone()),
                    Place::Article(..) => unreachable!("a page of annotations begins behind one"),
                });
                let items = held(article)?.in_order().into_iter().filter(|annotation| {
                    label.as_ref().is_none_or(|label| *label == annotation.label)
                        && window.is_none_or(|window| meets(annotation, window))
                        && after.as_ref().is_none_or(|after| place(annotation) > *after)
                });
                let (items, more) = page(items, *size);
                Ok(Answer::AnnotationPage(items.into_iter().cloned().collect(), more))
            }
            Call::StreamAnnotations { .. } => {
                Ok(Answer::Annotations(self.in_order().flat_map(Held::in_order).cloned().collect()))
            }
            _ => unreachable!("{call:?} is no read of a project"),
        }
    }

    /// The articles in the order of their creation.
    fn in_order(&self) -> impl Iterator<Item = &Held> {
        let by_number: BTreeMap<_, _> = self.articles.values().map(|held| (held.number, &**held)).collect();
        by_number.into_values()
    }
}

impl Held {
    /// The annotations in document order.
    fn in_order(&self) -> Vec<&Annotation> {
        let mut annotations: Vec<_> = self.annotations.values().collect();
        annotations.sort_by_key(|annotation| place(annotation));
        annotations
    }
}

/// Where an annotation stands: by start, then the longer first, then by id.
fn place(annotation: &Annotation) -> (usize, Reverse<usize>, String) {
    let start = annotation.spans.first().map_or(0, |span| span.0);
    let end = annotation.spans.last().map_or(0, |span| span.1);
    (start, Reverse(end), annotation.id.clone())
}

fn meets(annotation: &Annotation, window: (usize, usize)) -> bool {
    annotation.spans.iter().any(|span| span.0 < window.1 && window.0 < span.1)
}

/// The items of a page, and whether there are more; 0 is the default size, which the simulated projects stay under.
fn page<T>(items: impl Iterator<Item = T>, size: i32) -> (Vec<T>, bool) {
    let size = if size == 0 { 50 } else { usize::try_from(size).unwrap() };
    let mut items: Vec<_> = items.take(size + 1).collect();
    let more = items.len() > size;
    items.truncate(size);
    (items, more)
}

fn quotes(text: &str, spans: &[(usize, usize)]) -> Vec<String> {
    spans.iter().map(|(start, end)| text.get(*start..*end).unwrap_or_default().to_owned()).collect()
}

fn check_spans(spans: &[(usize, usize)], text_bytes: usize) -> Judged<()> {
    let inside = spans.iter().all(|(_, end)| *end <= text_bytes);
    if inside { Ok(()) } else { Err("SPAN_OUT_OF_BOUNDS".into()) }
}

fn basic(article: &Article) -> Article {
    Article { text: None, ..article.clone() }
}

fn shown(article: &Article, text: bool) -> Article {
    if text { article.clone() } else { basic(article) }
}

fn require_etag(replaces: bool, etag: Option<&Etag>) -> Judged<()> {
    if replaces && etag.is_none() { Err(FIELD_INVALID.into()) } else { Ok(()) }
}

fn check_etag(current: &Etag, sent: Option<&Etag>) -> Judged<()> {
    if sent.is_none_or(|sent| sent == current) {
        return Ok(());
    }
    Err(Refusal { reason: "ETAG_MISMATCH", etag: Some(current.clone()) })
}
