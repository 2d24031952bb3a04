//! What clients do: on few names, so that they meet often, with etags that are right and stale.

use std::collections::BTreeMap;

use crate::{
    calls::{After, Answer, Call, Content, Etag, Mask, NewArticle, Outcome, Place, Text, Write, WriteOp},
    seeded::Seeded,
};

/// How long a text is that is staged.
const LONG_TEXT_BYTES: usize = 300 * 1_024;
/// All texts have as many bytes at least, so that a span that fits one fits all.
const TEXT_BYTES: usize = 48;

/// More annotations of an article than a row holds.
const MANY: usize = 150;

/// What clients tell each other.
#[derive(Debug, Default)]
pub struct Knowledge {
    etags: BTreeMap<String, Vec<Etag>>,
}

impl Knowledge {
    fn knows_articles_of(&self, project: &str) -> bool {
        self.etags.keys().any(|name| name.strip_prefix(project).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Takes the etags of an answer.
    pub fn learn(&mut self, call: &Call, outcome: &Outcome) {
        let Outcome::Ok(answer, _) = outcome else { return };
        let project = call.project().unwrap_or_default();
        let mut learn = |name: String, etag: &Etag| {
            let etags = self.etags.entry(name).or_default();
            if !etags.contains(etag) {
                etags.push(etag.clone());
            }
        };
        match answer {
            Answer::Done => {}
            Answer::Project(project) => learn(project.id.clone(), &project.etag),
            Answer::Projects(projects) => {
                for (_, one) in projects {
                    learn(one.id.clone(), &one.etag);
                }
            }
            Answer::Articles(articles) | Answer::ArticlePage(articles, _) => {
                for one in articles {
                    learn(format!("{project}/{}", one.id), &one.etag);
                }
            }
            Answer::Written(_) | Answer::Annotations(_) | Answer::AnnotationPage(..) => {
                let annotations: Vec<_> = match answer {
                    Answer::Written(written) => written.iter().flatten().collect(),
                    Answer::Annotations(annotations) | Answer::AnnotationPage(annotations, _) => {
                        annotations.iter().collect()
                    }
                    _ => Vec::new(),
                };
                for one in annotations {
                    learn(format!("{project}/{}/{}", one.article, one.id), &one.etag);
                }
            }
        }
    }
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub projects: usize,
    pub articles: usize,
    pub annotations: usize,
    /// In a thousand texts, how many are long.
    pub long_texts: usize,
    /// In a hundred calls, how many are about whole projects.
    pub project_calls: usize,
}

impl Scale {
    /// A size that the seed decides.
    pub fn roll(dice: &mut Seeded) -> Self {
        if dice.below(4) == 0 {
            // One article whose annotations fill several rows.
            return Self { projects: 1, articles: 1, annotations: MANY, long_texts: 0, project_calls: 1 };
        }
        Self {
            projects: 1 + dice.below(2),
            articles: 1 + dice.below(4),
            annotations: *dice.pick(&[2, 5]),
            long_texts: *dice.pick(&[0, 0, 0, 50]),
            project_calls: *dice.pick(&[1, 3, 20]),
        }
    }
}

/// The calls of one client, one after another.
#[derive(Debug)]
pub struct Script {
    dice: Seeded,
    scale: Scale,
    client: usize,
    calls: usize,
    /// The page that follows the one that was answered last.
    next_page: Option<Call>,
}

impl Script {
    pub fn new(seed: u64, client: usize, scale: Scale) -> Self {
        Self { dice: Seeded::new(seed), scale, client, calls: 0, next_page: None }
    }

    /// Remembers where the next page begins.
    pub fn answered(&mut self, call: &Call, outcome: &Outcome, token: Option<String>) {
        self.next_page = None;
        let (Some(token), Outcome::Ok(answer, revision)) = (token, outcome) else { return };
        let mut next = call.clone();
        match (&mut next, answer) {
            (Call::ListArticles { after, text: false, .. }, Answer::ArticlePage(articles, _)) => {
                let Some((last, revision)) = articles.last().zip(*revision) else { return };
                let etag = Etag { life: last.etag.life.clone(), revision };
                *after = Some(After { token, place: Place::Article(etag, last.id.clone()) });
            }
            (
                Call::ListAnnotations { after, label: None, window: None, .. },
                Answer::AnnotationPage(annotations, _),
            ) => {
                let Some(last) = annotations.last() else { return };
                let hull = last.spans.first().zip(last.spans.last()).map(|(first, last)| (first.0, last.1));
                let (start, end) = hull.unwrap_or_default();
                *after = Some(After { token, place: Place::Annotation(start, end, last.id.clone()) });
            }
            _ => return,
        }
        self.next_page = Some(next);
    }

    /// The next call.
    pub fn next(&mut self, knowledge: &Knowledge) -> Call {
        self.calls += 1;
        if let Some(next) = self.next_page.take()
            && self.chance(70)
        {
            return next;
        }
        let project = format!("p{}", self.dice.below(self.scale.projects));
        // At the start there is nothing, and most calls are for what is there.
        if !knowledge.etags.contains_key(&project) && self.chance(70) {
            return Call::CreateProject { project, title: self.word(), check: self.chance(5) };
        }
        if !knowledge.knows_articles_of(&project) && self.chance(50) {
            let articles = vec![self.new_article()];
            return Call::CreateArticles { project, articles, check: false };
        }
        if self.chance(self.scale.project_calls) {
            return self.about_project(project, knowledge);
        }
        let many = self.scale.annotations == MANY;
        match self.dice.below(100) {
            45..56 if many => self.commit(project, knowledge),
            0..45 => self.commit(project, knowledge),
            45..58 => self.about_article(project, knowledge),
            _ => self.read(project),
        }
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.dice.below(100) < percent
    }

    /// A word that no other call says.
    fn word(&self) -> String {
        format!("c{}n{}", self.client, self.calls)
    }

    fn etag(&mut self, name: &str, knowledge: &Knowledge) -> Option<Etag> {
        let etags = knowledge.etags.get(name)?;
        match self.dice.below(10) {
            0..4 => None,
            4..9 => etags.last().cloned(),
            _ => Some(self.dice.pick(etags).clone()),
        }
    }

    fn article(&mut self) -> String {
        format!("a{}", self.dice.below(self.scale.articles))
    }

    fn annotation(&mut self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.dice.below(self.scale.annotations))
    }

    fn about_project(&mut self, project: String, knowledge: &Knowledge) -> Call {
        let (etag, check) = (self.etag(&project, knowledge), self.chance(8));
        match self.dice.below(10) {
            0..3 => Call::CreateProject { project, title: self.word(), check },
            3..6 => {
                let (title, masked, allow_missing) = (self.word(), self.chance(70), self.chance(30));
                Call::UpdateProject { project, title, masked, etag, allow_missing, check }
            }
            6..8 => {
                let (force, allow_missing) = (self.chance(70), self.chance(30));
                Call::DeleteProject { project, etag, force, allow_missing, check }
            }
            8 => Call::GetProject { project },
            _ => Call::ListProjects,
        }
    }

    fn new_article(&mut self) -> NewArticle {
        let (id, title) = (self.article(), self.word());
        let mut text = format!("{title} is about {id} ");
        let length =
            if self.dice.below(1_000) < self.scale.long_texts { LONG_TEXT_BYTES } else { TEXT_BYTES };
        text.extend(std::iter::repeat_n('-', length - text.len()));
        NewArticle { id, title, text: Text(text) }
    }

    fn about_article(&mut self, project: String, knowledge: &Knowledge) -> Call {
        let check = self.chance(8);
        match self.dice.below(10) {
            0..6 => {
                let count = *self.dice.pick(&[1, 1, 1, 2, 3]);
                Call::CreateArticles {
                    project,
                    articles: (0..count).map(|_| self.new_article()).collect(),
                    check,
                }
            }
            6..8 => {
                let mut new = self.new_article();
                let etag = self.etag(&format!("{project}/{}", new.id), knowledge);
                let (masked, allow_missing) = (self.chance(70), self.chance(40));
                if !allow_missing && self.chance(50) {
                    new.text.0.clear();
                }
                Call::UpdateArticle { project, new, masked, etag, allow_missing, check }
            }
            _ => {
                let article = self.article();
                let etag = self.etag(&format!("{project}/{article}"), knowledge);
                let (force, allow_missing) = (self.chance(70), self.chance(30));
                Call::DeleteArticle { project, article, etag, force, allow_missing, check }
            }
        }
    }

    fn commit(&mut self, project: String, knowledge: &Knowledge) -> Call {
        let most = if self.scale.annotations == MANY { 40 } else { 4 };
        let count = if self.chance(60) { 1 } else { 1 + self.dice.below(most) };
        let writes = (0..count).map(|_| self.write(&project, knowledge)).collect();
        Call::CommitAnnotations { project, writes, check: self.chance(8) }
    }

    fn write(&mut self, project: &str, knowledge: &Knowledge) -> Write {
        let (article, id) = (self.article(), self.annotation());
        let etag = self.etag(&format!("{project}/{article}/{id}"), knowledge);
        let allow_missing = self.chance(60);
        let many = self.scale.annotations == MANY;
        let op = match self.dice.below(10) {
            // A commit of many creations would mostly be refused for one of them.
            0..7 if many => WriteOp::Update {
                content: self.content(),
                mask: Mask::Label,
                etag: None,
                allow_missing: true,
            },
            0..4 => WriteOp::Create(self.content()),
            4..8 => {
                let mask = *self.dice.pick(&[Mask::Label, Mask::Anchor, Mask::Everything]);
                WriteOp::Update { content: self.content(), mask, etag, allow_missing }
            }
            _ => WriteOp::Delete { etag, allow_missing },
        };
        Write { article, id, op }
    }

    fn content(&mut self) -> Content {
        let layer = self.chance(10).then(|| "gold".to_owned());
        let label = if self.chance(20) { "PER".to_owned() } else { self.word() };
        let start = self.dice.below(TEXT_BYTES / 2 - 1);
        let middle = start + 1 + self.dice.below(TEXT_BYTES / 2 - start);
        let mut spans = vec![(start, middle)];
        if self.chance(20) {
            spans.push((middle + 1, TEXT_BYTES - self.dice.below(10)));
        } else if self.chance(1) {
            // Past the end of every text.
            spans.push((middle, 2 * LONG_TEXT_BYTES));
        }
        Content { layer, label, spans }
    }

    fn read(&mut self, project: String) -> Call {
        let (article, text) = (self.article(), self.chance(40));
        match self.dice.below(20) {
            0 => Call::GetProject { project },
            1 => Call::ListProjects,
            2..4 => Call::GetArticle { project, article, text },
            4..6 => {
                let articles = (0..=self.dice.below(2)).map(|_| self.article()).collect();
                Call::GetArticles { project, articles, text }
            }
            6..9 => {
                let size = if text { 0 } else { *self.dice.pick(&[0, 1, 2]) };
                Call::ListArticles { project, size, text, after: None }
            }
            9..13 => Call::GetAnnotation { project, article, id: self.annotation() },
            13..18 => {
                let label = self.chance(20).then(|| "PER".to_owned());
                let start = self.dice.below(TEXT_BYTES / 2);
                let window = self.chance(30).then(|| (start, start + 1 + self.dice.below(10)));
                let size = if self.scale.annotations == MANY {
                    *self.dice.pick(&[0, 7])
                } else {
                    *self.dice.pick(&[0, 1, 2])
                };
                Call::ListAnnotations { project, article, label, window, size, after: None }
            }
            _ => Call::StreamAnnotations { project },
        }
    }
}
