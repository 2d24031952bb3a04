//! A copy of what is followed, kept from what is told alone.

use std::collections::BTreeMap;

use spandrel::proto::v1::{self, resource::Kind};

/// Which changes are followed: of an article by its id, of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Filter {
    pub article: Option<usize>,
    pub layer: Option<&'static str>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The name of the article.
    pub fn article_name(&self) -> Option<String> {
        self.article.map(crate::stage::article)
    }

    /// Whether a change is to be told, as the API says it.
    pub fn passes(&self, change: &v1::Change) -> bool {
        if self.is_empty() {
            return true;
        }
        let kinds = || [&change.before, &change.after].into_iter().flatten().flat_map(|one| &one.kind);
        let of_article =
            self.article_name().is_none_or(|name| change.name == name || is_below(&change.name, &name));
        let of_layer = |layer: &str| {
            kinds().any(|kind| match kind {
                Kind::Annotation(annotation) => annotation.layer == layer,
                Kind::Article(_) => change.cascaded,
                Kind::Layer(_) | Kind::ArticleLayer(_) => is_of_layer(&change.name, layer),
                Kind::Project(_) | Kind::LabelSchema(_) => false,
            })
        };
        let is_project = kinds().any(|kind| matches!(kind, Kind::Project(_) | Kind::LabelSchema(_)));
        !is_project && of_article && self.layer.is_none_or(of_layer)
    }

    /// Whether a resource is among those that are followed.
    pub fn holds(&self, kind: &Kind) -> bool {
        let of_article = |name: &str| {
            self.article_name().is_none_or(|article| name == article || is_below(name, &article))
        };
        match kind {
            Kind::Project(_) | Kind::LabelSchema(_) => self.is_empty(),
            Kind::Layer(layer) => {
                self.article.is_none() && self.layer.is_none_or(|asked| is_of_layer(&layer.name, asked))
            }
            Kind::ArticleLayer(layer) => {
                self.layer.is_none_or(|asked| is_of_layer(&layer.name, asked)) && of_article(&layer.name)
            }
            Kind::Article(article) => self.layer.is_none() && of_article(&article.name),
            Kind::Annotation(annotation) => {
                self.layer.is_none_or(|layer| layer == annotation.layer) && of_article(&annotation.name)
            }
        }
    }
}

fn is_below(name: &str, article: &str) -> bool {
    name.strip_prefix(article).is_some_and(|rest| rest.starts_with('/'))
}

fn is_of_layer(name: &str, layer: &str) -> bool {
    name.rsplit('/').next() == Some(layer)
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct Replica(pub BTreeMap<String, Kind>);

impl Replica {
    /// Takes a resource in, unless a newer one is there.
    pub fn put(&mut self, kind: Kind) {
        let (name, found) = (name(&kind).to_owned(), revision(&kind));
        if self.0.get(&name).is_none_or(|known| revision(known) <= found) {
            self.0.insert(name, kind);
        }
    }

    /// Takes a commit in.
    pub fn apply(&mut self, commit: u64, changes: Vec<v1::Change>) {
        for change in changes {
            if let Some(after) = change.after {
                self.put(after.kind.unwrap());
                continue;
            }
            let is_older = |kind: &Kind| revision(kind) < commit;
            if matches!(change.before.unwrap().kind, Some(Kind::Article(_))) {
                let below = format!("{}/", change.name);
                // '0' comes after '/'.
                let end = format!("{}0", change.name);
                let old: Vec<_> = self.0.range(below..end).filter(|(_, kind)| is_older(kind)).collect();
                let names: Vec<_> = old.into_iter().map(|(name, _)| name.clone()).collect();
                for name in &names {
                    self.0.remove(name);
                }
            }
            if self.0.get(&change.name).is_some_and(is_older) {
                self.0.remove(&change.name);
            }
        }
    }
}

pub fn name(kind: &Kind) -> &str {
    match kind {
        Kind::Project(project) => &project.name,
        Kind::Article(article) => &article.name,
        Kind::Annotation(annotation) => &annotation.name,
        Kind::LabelSchema(schema) => &schema.name,
        Kind::Layer(layer) => &layer.name,
        Kind::ArticleLayer(layer) => &layer.name,
    }
}

fn revision(kind: &Kind) -> u64 {
    match kind {
        Kind::Project(project) => project.revision,
        Kind::Article(article) => article.revision,
        Kind::Annotation(annotation) => annotation.revision,
        Kind::LabelSchema(schema) => schema.revision,
        Kind::Layer(layer) => layer.revision,
        Kind::ArticleLayer(layer) => layer.revision,
    }
}
