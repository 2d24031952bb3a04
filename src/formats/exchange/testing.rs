//! Files in memory, for tests of formats: what is read of them, and what is written.

use std::{collections::BTreeMap, io};

use super::{
    ArticleContents, ContentsSink, FileProblem, ImportedArticle, Output, ProjectContents, Resolver,
    SourceFile, Stopped, UnitChoice,
};
use crate::{
    domain::{
        ids::{LayerId, ProjectId},
        layers::LayerDetails,
        projects::ProjectDetails,
        schema::SchemaDefinition,
    },
    formats::{Format, Losses, WriteOptions},
};

/// What was read.
#[derive(Debug, Default)]
pub(in crate::formats) struct Read {
    pub(in crate::formats) project: Option<ProjectDetails>,
    pub(in crate::formats) schema: Option<SchemaDefinition>,
    pub(in crate::formats) layers: Vec<(LayerId, LayerDetails)>,
    pub(in crate::formats) articles: Vec<ImportedArticle>,
    /// As people see them: `a.ann:3: T1.quote: ...`.
    pub(in crate::formats) problems: Vec<String>,
    pub(in crate::formats) losses: Losses,
}

/// What was written, by path.
#[derive(Debug, Default)]
pub(in crate::formats) struct Written {
    pub(in crate::formats) files: BTreeMap<String, Vec<u8>>,
    pub(in crate::formats) losses: Losses,
}

/// Reads files, given as their paths and contents, with offsets in the format's unit or in what the quotes say.
pub(in crate::formats) fn read<B: AsRef<[u8]>>(format: Format, files: &[(&str, B)]) -> Read {
    let facts = format.facts();
    read_in(format, facts.unit.map_or(UnitChoice::FromQuotes, UnitChoice::Of), files)
}

/// Reads files with offsets in this unit.
pub(in crate::formats) fn read_in<B: AsRef<[u8]>>(
    format: Format,
    unit: UnitChoice,
    files: &[(&str, B)],
) -> Read {
    let mut read = Read::default();
    let mut resolver = Resolver::new(LayerId::parse("layer", LayerId::DEFAULT).unwrap(), unit, "", &mut read);
    let mut reader = format.reader();
    for (path, bytes) in files {
        // Small pieces, as they come over the wire.
        let mut input = io::BufReader::with_capacity(7, bytes.as_ref());
        reader.file(&mut SourceFile::new(*path, &mut input), &mut resolver).unwrap();
    }
    reader.finish(&mut resolver).unwrap();
    resolver.finish().unwrap();
    read
}

/// Writes articles of a project without details.
pub(in crate::formats) fn write<'a>(
    format: Format,
    articles: impl IntoIterator<Item = &'a ArticleContents>,
) -> Written {
    write_project(format, &project(), articles)
}

/// A project without details.
pub(in crate::formats) fn project() -> ProjectContents {
    let id = ProjectId::parse("project", "p").unwrap();
    ProjectContents { id, details: ProjectDetails::default(), schema: None, layers: Vec::new() }
}

/// Writes articles of a project.
pub(in crate::formats) fn write_project<'a>(
    format: Format,
    project: &ProjectContents,
    articles: impl IntoIterator<Item = &'a ArticleContents>,
) -> Written {
    let mut written = Written::default();
    let mut writer = format.writer(WriteOptions::default());
    writer.begin(project, &mut written).unwrap();
    for article in articles {
        writer.article(article, &mut written).unwrap();
    }
    writer.finish(&mut written).unwrap();
    written
}

impl Read {
    /// The articles themselves.
    pub(in crate::formats) fn contents(&self) -> impl Iterator<Item = &ArticleContents> {
        self.articles.iter().map(|imported| &imported.article)
    }

    /// What was lost, as `feature: count`.
    pub(in crate::formats) fn lost(&self) -> Vec<String> {
        lost(&self.losses)
    }
}

impl Written {
    /// The text of the file at `path`.
    pub(in crate::formats) fn text(&self, path: &str) -> &str {
        let file = self.files.get(path);
        let file = file.unwrap_or_else(|| panic!("{path} is none of {:?}", self.files.keys()));
        std::str::from_utf8(file).unwrap()
    }

    /// What was lost, as `feature: count`.
    pub(in crate::formats) fn lost(&self) -> Vec<String> {
        lost(&self.losses)
    }

    /// The files again, to be read.
    pub(in crate::formats) fn as_files(&self) -> Vec<(&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect()
    }
}

fn lost(losses: &Losses) -> Vec<String> {
    losses.clone().into_vec().iter().map(|loss| format!("{}: {}", loss.feature, loss.count)).collect()
}

impl ContentsSink for Read {
    fn project(&mut self, details: ProjectDetails) -> Result<(), Stopped> {
        self.project = Some(details);
        Ok(())
    }
    fn schema(&mut self, schema: SchemaDefinition) -> Result<(), Stopped> {
        self.schema = Some(schema);
        Ok(())
    }
    fn layer(&mut self, id: LayerId, details: LayerDetails) -> Result<(), Stopped> {
        self.layers.push((id, details));
        Ok(())
    }
    fn article(&mut self, article: ImportedArticle) -> Result<(), Stopped> {
        self.articles.push(article);
        Ok(())
    }
    fn problem(&mut self, problem: FileProblem) -> Result<(), Stopped> {
        self.problems.push(problem.to_string());
        Ok(())
    }
    fn loss(&mut self, feature: &str, example: String) {
        self.losses.add(feature, example);
    }
}

impl Output for Written {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.entry(path.to_owned()).or_default().extend_from_slice(bytes);
        Ok(())
    }
    fn close(&mut self, path: &str) -> io::Result<()> {
        self.files.entry(path.to_owned()).or_default();
        Ok(())
    }
    fn loss(&mut self, feature: &str, example: String) {
        self.losses.add(feature, example);
    }
}
