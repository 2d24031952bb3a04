//! Files in memory: what is read of them, and what is written.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use spandrel::{
    domain::{
        ids::{LayerId, ProjectId},
        layers::LayerDetails,
        projects::ProjectDetails,
        schema::SchemaDefinition,
    },
    formats::{
        Format, Losses, WriteOptions,
        exchange::{
            ArticleContents, ContentsSink, FileProblem, ImportedArticle, Output, ProjectContents, Resolver,
            SourceFile, Stopped, UnitChoice,
        },
    },
};

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) project: Option<ProjectDetails>,
    pub(crate) schema: Option<SchemaDefinition>,
    pub(crate) layers: Vec<(LayerId, LayerDetails)>,
    pub(crate) articles: Vec<ImportedArticle>,
    /// As people see them: `a.ann:3: T1.quote: ...`.
    pub(crate) problems: Vec<String>,
    pub(crate) losses: Losses,
}

/// What was written, by path.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) losses: Losses,
}

/// Reads files, given as their paths and contents, with offsets in the format's unit or in what the quotes say.
pub(crate) fn read<P: AsRef<str>, B: AsRef<[u8]>>(format: Format, files: &[(P, B)]) -> Read {
    let facts = format.facts();
    read_in(format, facts.unit.map_or(UnitChoice::FromQuotes, UnitChoice::Of), files)
}

/// Reads files with offsets in this unit.
pub(crate) fn read_in<P: AsRef<str>, B: AsRef<[u8]>>(
    format: Format,
    unit: UnitChoice,
    files: &[(P, B)],
) -> Read {
    let mut read = Read::default();
    let layer = LayerId::parse("layer", LayerId::DEFAULT).unwrap();
    let mut resolver = Resolver::new(layer, unit, "", &mut read);
    let mut reader = format.reader();
    for (path, bytes) in files {
        // In pieces, as they come over the wire.
        let mut input = io::BufReader::with_capacity(1_021, bytes.as_ref());
        reader.file(&mut SourceFile::new(path.as_ref(), &mut input), &mut resolver).unwrap();
    }
    reader.finish(&mut resolver).unwrap();
    resolver.finish().unwrap();
    read
}

/// Writes articles of a project without details.
pub(crate) fn write<'a>(format: Format, articles: impl IntoIterator<Item = &'a ArticleContents>) -> Written {
    write_project(format, &project(), articles)
}

/// A project without details.
pub(crate) fn project() -> ProjectContents {
    let id = ProjectId::parse("project", "p").unwrap();
    ProjectContents { id, details: ProjectDetails::default(), schema: None, layers: Vec::new() }
}

/// Writes articles of a project.
pub(crate) fn write_project<'a>(
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
    pub(crate) fn contents(&self) -> impl Iterator<Item = &ArticleContents> {
        self.articles.iter().map(|imported| &imported.article)
    }

    /// The project that was read.
    pub(crate) fn project(&self) -> ProjectContents {
        ProjectContents {
            details: self.project.clone().unwrap_or_default(),
            schema: self.schema.clone(),
            layers: self.layers.clone(),
            ..project()
        }
    }

    /// How many annotations were read.
    pub(crate) fn annotations(&self) -> usize {
        self.contents().map(|article| article.annotations.len()).sum()
    }

    /// What was lost, as `feature: count`.
    pub(crate) fn lost(&self) -> Vec<String> {
        lost(&self.losses)
    }
}

impl Written {
    /// The text of the file at `path`.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> &str {
        let file = self.files.get(path);
        let file = file.unwrap_or_else(|| panic!("{path} is none of {:?}", self.files.keys()));
        std::str::from_utf8(file).unwrap()
    }

    /// What was lost, as `feature: count`.
    pub(crate) fn lost(&self) -> Vec<String> {
        lost(&self.losses)
    }

    /// The files again, to be read.
    pub(crate) fn as_files(&self) -> Vec<(&str, &[u8])> {
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

/// All files of a corpus, or of a folder of one, with their paths below it, sorted; one file under its name. None, and a
/// notice, where the corpora are not.
pub(crate) fn corpus(path: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let root = std::env::var_os("SPANDREL_CORPORA").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let folder = root.join("corpora").join(path);
    if !folder.exists() {
        let absence =
            format!("{} is absent; set SPANDREL_CORPORA to the folder that holds corpora/", folder.display());
        let notice = format!("\nSKIPPED, NOT CHECKED ON REAL INPUT: {absence}\n\n");
        // Unlike eprintln!, this is seen although the test passes.
        io::stderr().write_all(notice.as_bytes()).unwrap();
        return None;
    }
    let mut files = Vec::new();
    if folder.is_file() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        return Some(vec![(name, fs::read(&folder).unwrap())]);
    }
    walk(&folder, &folder, &mut files);
    files.sort();
    Some(files)
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(&path).unwrap()));
        }
    }
}
