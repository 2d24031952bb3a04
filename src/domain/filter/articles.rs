//! Filters of articles.

use std::{collections::BTreeSet, fmt};

use super::{
    comparison::{Comparison, Held},
    expression::Expression,
    kind::Kind,
    lexer::{Parsed, Wrong},
    parser::{self, Parser, Vocabulary, shown},
    value::Number,
};
use crate::domain::{articles::Article, errors::Result, ids::ProjectId};

/// What a filter asks about the annotations of an article.
pub trait ArticleAnnotations {
    /// Whether one of them has this label.
    fn has_label(&self, label: &str) -> bool;
    /// Whether one of them is in this layer.
    fn has_layer(&self, layer: &str) -> bool;
}

/// Which articles pass. Parsed once; the language is described in [`super`].
///
/// Its text, by `Display`, is the same for filters that mean the same by their form: however they are spaced, quoted or
/// put in parentheses. It is parsed to an equal filter, unless it is longer than a filter may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArticleFilter {
    expression: Expression<Test>,
}

#[derive(Debug, Clone, PartialEq)]
struct Test {
    field: Field,
    comparison: Comparison,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Id,
    Name,
    Title,
    Language,
    SourceUri,
    Metadata(String),
    TextRevision,
    Length,
    CreateTime,
    UpdateTime,
    Labels,
    Layers,
}

const FIELDS: [(&str, Field, Kind); 11] = [
    ("id", Field::Id, Kind::Token),
    ("name", Field::Name, Kind::ArticleName),
    ("title", Field::Title, Kind::Prose),
    ("language", Field::Language, Kind::Language),
    ("source_uri", Field::SourceUri, Kind::Prose),
    ("text_revision", Field::TextRevision, Kind::Number),
    ("length", Field::Length, Kind::Number),
    ("create_time", Field::CreateTime, Kind::Time),
    ("update_time", Field::UpdateTime, Kind::Time),
    ("labels", Field::Labels, Kind::Set),
    ("layers", Field::Layers, Kind::Set),
];

impl Default for Expression<Test> {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

/// Nothing is gathered while a filter of articles is parsed.
#[derive(Debug)]
struct Articles;

impl Vocabulary for Articles {
    type Field = Field;
    type Test = Test;

    const SUBJECT: &'static str = "an article";
    const FIELDS: &'static str = "id, name, title, language, source_uri, metadata.KEY, text_revision, length, \
         create_time, update_time, labels and layers";
    const FUNCTIONS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "language = \"en\"";

    fn field(path: &[String]) -> Option<(Field, Kind)> {
        match path {
            [map, key] if map == "metadata" => Some((Field::Metadata(key.clone()), Kind::Token)),
            [name] => {
                FIELDS.iter().find(|(known, ..)| known == name).map(|(_, field, kind)| (field.clone(), *kind))
            }
            _ => None,
        }
    }

    fn entry(path: &[String], key: &str) -> Option<Field> {
        matches!(path, [map] if map == "metadata").then(|| Field::Metadata(key.to_owned()))
    }

    fn test(field: Field, comparison: Comparison) -> Test {
        Test { field, comparison }
    }

    fn call(_: &mut Parser<'_, Self>, at: usize, name: &str) -> Parsed<Test> {
        let message = format!(
            "{name} is no function: filters of articles have none; labels:\"PER\" asks for an article with such an \
             annotation"
        );
        Err(Wrong::At(at, message))
    }
}

impl ArticleFilter {
    /// Parses a filter in the field `field` of a request. An empty one passes everything.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID with the column, in code points from 1, and what would be right there; LIMIT_EXCEEDED for more
    /// than 8 KiB, 256 comparisons, or 32 parentheses in each other.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        parser::parse(field, text, Articles).map(|(expression, Articles)| Self { expression })
    }

    /// Whether it passes everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expression.is_empty()
    }

    /// Whether it asks about the articles' annotations; otherwise whatever answers is never asked.
    #[must_use]
    pub fn needs_annotations(&self) -> bool {
        self.expression.has(&|test| matches!(test.field, Field::Labels | Field::Layers))
    }

    /// The labels that it asks the articles' annotations for, each once.
    #[must_use]
    pub fn labels(&self) -> BTreeSet<&str> {
        self.asked(&Field::Labels)
    }

    /// The layers that it asks the articles' annotations for, each once.
    #[must_use]
    pub fn layers(&self) -> BTreeSet<&str> {
        self.asked(&Field::Layers)
    }

    fn asked(&self, asked: &Field) -> BTreeSet<&str> {
        let mut values = BTreeSet::new();
        self.expression.each(&mut |Test { field, comparison }| {
            values.extend(comparison.exact().filter(|_| field == asked));
        });
        values
    }

    /// How many comparisons it has: asking it takes time in this number.
    #[must_use]
    pub fn tests(&self) -> usize {
        self.expression.tests()
    }

    /// Whether the article of `project` may pass, whatever annotations it has: so that some need not be looked at.
    #[must_use]
    pub fn may_pass(&self, project: &ProjectId, article: &Article) -> bool {
        self.expression.required().all(|Test { field, comparison }| match field {
            Field::Labels | Field::Layers => true,
            Field::Id
            | Field::Name
            | Field::Title
            | Field::Language
            | Field::SourceUri
            | Field::Metadata(_)
            | Field::TextRevision
            | Field::Length
            | Field::CreateTime
            | Field::UpdateTime => comparison.holds(&held(field, project, article)),
        })
    }

    /// Whether the article of `project` passes, which has these annotations.
    pub fn passes(
        &self,
        project: &ProjectId,
        article: &Article,
        annotations: &impl ArticleAnnotations,
    ) -> bool {
        self.expression.passes(&|Test { field, comparison }| match (field, comparison.exact()) {
            (Field::Labels, Some(label)) => annotations.has_label(label),
            (Field::Layers, Some(layer)) => annotations.has_layer(layer),
            (field, _) => comparison.holds(&held(field, project, article)),
        })
    }
}

fn held<'a>(field: &Field, project: &ProjectId, article: &'a Article) -> Held<'a> {
    let number = |number: u32| Held::Number(Number::Int(i64::from(number)));
    match field {
        Field::Id => Held::Text(article.id.as_str().into()),
        Field::Name => Held::Text(article.name(project).to_string().into()),
        Field::Title => Held::Text(article.details.title.as_str().into()),
        Field::Language => Held::Text(article.details.language.as_str().into()),
        Field::SourceUri => Held::Text(article.details.source_uri.as_str().into()),
        Field::Metadata(key) => {
            article.details.metadata.get(key).map_or(Held::Absent, |value| Held::Entry(value))
        }
        Field::TextRevision => number(article.text.revision),
        Field::Length => number(article.text.length.code_points),
        Field::CreateTime => Held::Time(article.create_time),
        Field::UpdateTime => Held::Time(article.update_time),
        // Asked of the annotations.
        Field::Labels | Field::Layers => Held::Absent,
    }
}

impl fmt::Display for ArticleFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.write(f, &|Test { field, comparison }, f| {
            if let Field::Metadata(key) = field {
                f.write_str(&shown(&["metadata".to_owned(), key.clone()]))?;
                return comparison.write(f, Kind::Token);
            }
            let known = FIELDS.iter().find(|(_, known, _)| known == field);
            known.map_or(Ok(()), |(name, _, kind)| {
                f.write_str(name)?;
                comparison.write(f, *kind)
            })
        })
    }
}
