//! What one client knows of what it owns: what was acknowledged, and the one call whose answer was lost.

use std::{collections::BTreeMap, fmt::Write as _};

use spandrel::proto::v1;

use crate::support::{Seeded, spans};

/// A project, an article without its text, or an annotation.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    Project(v1::Project),
    Article(v1::Article),
    Annotation(v1::Annotation),
}

impl Resource {
    pub fn name(&self) -> &str {
        match self {
            Self::Project(project) => &project.name,
            Self::Article(article) => &article.name,
            Self::Annotation(annotation) => &annotation.name,
        }
    }

    /// Whether this may be what became of a request whose answer was lost.
    pub fn is_like(&self, requested: &Self) -> bool {
        match (self, requested) {
            (Self::Project(found), Self::Project(requested)) => found.display_name == requested.display_name,
            (Self::Article(found), Self::Article(requested)) => {
                (&found.title, &found.source_uri) == (&requested.title, &requested.source_uri)
            }
            (Self::Annotation(found), Self::Annotation(requested)) => {
                let places =
                    |annotation| spans(annotation).iter().map(|span| span.code_points).collect::<Vec<_>>();
                found.label == requested.label && places(found) == places(requested)
            }
            _ => false,
        }
    }
}

/// Resources by their names. What a resource holds follows it.
pub type Resources = BTreeMap<String, Resource>;

/// What a call does to one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub name: String,
    /// What will stand there, as far as the request says it; nothing when it is deleted, with all that it holds.
    pub after: Option<Resource>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Ledger {
    /// Which client this is.
    pub number: usize,
    pub seeded: Seeded,
    /// What was acknowledged and stands, exactly as it was answered.
    pub standing: Resources,
    /// The writes of the call whose answer was lost: all of them happened, or none.
    pub pending: Vec<Write>,
    /// Answers of updates of what all clients write to, with the etag that each was sent with.
    pub contended: Vec<(String, v1::Annotation)>,
    /// The project and revision of each acknowledged commit that said it.
    pub revisions: Vec<(String, u64)>,
    /// Answers that nothing explains.
    pub surprises: Vec<String>,
    serial: u64,
}

impl Ledger {
    pub fn new(number: usize, seed: u64) -> Self {
        Self {
            number,
            seeded: Seeded::new(seed),
            standing: Resources::new(),
            pending: Vec::new(),
            contended: Vec::new(),
            revisions: Vec::new(),
            surprises: Vec::new(),
            serial: 0,
        }
    }

    /// What all writes of the next commit carry, and nothing else.
    pub fn mark(&mut self) -> String {
        self.serial += 1;
        format!("c{}.{}", self.number, self.serial)
    }

    pub fn stand(&mut self, resource: Resource) {
        self.standing.insert(resource.name().to_owned(), resource);
    }

    /// Forgets a name and all that it holds.
    pub fn fall(&mut self, name: &str) {
        let below = format!("{name}/");
        self.standing.retain(|held, _| held != name && !held.starts_with(&below));
    }

    pub fn annotations(&self) -> Vec<&v1::Annotation> {
        let annotations = self.standing.values().filter_map(|resource| match resource {
            Resource::Annotation(annotation) => Some(annotation),
            Resource::Project(_) | Resource::Article(_) => None,
        });
        annotations.collect()
    }

    pub fn articles(&self) -> Vec<&v1::Article> {
        let articles = self.standing.values().filter_map(|resource| match resource {
            Resource::Article(article) => Some(article),
            Resource::Project(_) | Resource::Annotation(_) => None,
        });
        articles.collect()
    }

    pub fn projects(&self) -> Vec<&v1::Project> {
        let projects = self.standing.values().filter_map(|resource| match resource {
            Resource::Project(project) => Some(project),
            Resource::Article(_) | Resource::Annotation(_) => None,
        });
        projects.collect()
    }
}

/// Where a text comes from: which makes every text another one, and says which it must be.
pub fn source(mark: &str, bytes: usize) -> String {
    format!("urn:text:{mark}:{bytes}")
}

/// The text that comes from `source`. No two parts of it are equal, and none is part of another text.
pub fn text_of(source: &str) -> String {
    let (_, bytes) = source.rsplit_once(':').unwrap();
    let bytes = bytes.parse().unwrap();
    let mut text = String::with_capacity(bytes + 64);
    let mut line = 0;
    while text.len() < bytes {
        line += 1;
        writeln!(text, "{line} {source} Zoë met 👩🏽 in 東京, and she said so").unwrap();
    }
    text
}
