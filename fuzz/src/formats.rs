//! Files of other tools: whatever stands in them is read as far as it goes or refused, and what was read can be written in
//! every format.

use std::io;

use arbitrary::{Result, Unstructured};
use spandrel::{
    domain::{
        ids::{LayerId, ProjectId},
        layers::LayerDetails,
        projects::ProjectDetails,
        schema::SchemaDefinition,
        text::Unit,
    },
    formats::{
        Format, WriteOptions,
        exchange::{
            ArticleContents, ContentsSink, FileProblem, ImportedArticle, Output, ProjectContents, Resolver,
            SourceFile, Stopped, UnitChoice,
        },
    },
};

/// No file makes a reader panic, each problem names its file, and a writer takes all that was read.
pub fn check(data: &[u8]) {
    // Input that ends early asks nothing more.
    let _ = run(&mut Unstructured::new(data));
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let format = *input.choose(&Format::ALL)?;
    let target = *input.choose(&Format::ALL)?;
    let unit = match input.int_in_range(0..=3)? {
        0 => UnitChoice::Of(Unit::Utf8),
        1 => UnitChoice::Of(Unit::Utf16),
        2 => UnitChoice::Of(Unit::CodePoints),
        _ => UnitChoice::FromQuotes,
    };
    let text_bytes = input.int_in_range(0..=20)?.min(input.len());
    let text = input.bytes(text_bytes)?.to_vec();
    let rest = input.len();
    let file = input.bytes(rest)?.to_vec();
    let extension = format.facts().extensions.first().copied().unwrap_or("x");
    let paths = [format!("a.{extension}"), "a.txt".to_owned()];
    let mut read = Read { paths: paths.to_vec(), ..Read::default() };
    let layer = LayerId::parse("layer", LayerId::DEFAULT).expect("the default is one");
    let mut resolver = Resolver::new(layer, unit, "", &mut read);
    let mut reader = format.reader();
    for (path, bytes) in paths.iter().zip([&file, &text]) {
        // Only formats of texts and what is said about them take a second file.
        if path.ends_with(".txt") && !format.facts().is_folder {
            continue;
        }
        let mut source = io::BufReader::with_capacity(5, bytes.as_slice());
        let done = reader.file(&mut SourceFile::new(path.as_str(), &mut source), &mut resolver);
        done.expect("nothing stops it");
    }
    reader.finish(&mut resolver).expect("nothing stops it");
    resolver.finish().expect("nothing stops it");
    let mut writer = target.writer(WriteOptions { unit: None });
    let project = ProjectContents {
        id: ProjectId::parse("project", "p").expect("that is one"),
        details: ProjectDetails::default(),
        schema: None,
        layers: Vec::new(),
    };
    let mut nowhere = Nowhere;
    writer.begin(&project, &mut nowhere).expect("nowhere takes everything");
    for article in &read.articles {
        writer.article(article, &mut nowhere).expect("nowhere takes everything");
    }
    writer.finish(&mut nowhere).expect("nowhere takes everything");
    Ok(())
}

/// Keeps articles, and looks at problems.
#[derive(Debug, Default)]
struct Read {
    paths: Vec<String>,
    articles: Vec<ArticleContents>,
}

impl ContentsSink for Read {
    fn project(&mut self, _: ProjectDetails) -> std::result::Result<(), Stopped> {
        Ok(())
    }
    fn schema(&mut self, _: SchemaDefinition) -> std::result::Result<(), Stopped> {
        Ok(())
    }
    fn layer(&mut self, _: LayerId, _: LayerDetails) -> std::result::Result<(), Stopped> {
        Ok(())
    }
    fn article(&mut self, imported: ImportedArticle) -> std::result::Result<(), Stopped> {
        assert_eq!(imported.lines.len(), imported.article.annotations.len());
        self.articles.push(imported.article);
        Ok(())
    }
    fn problem(&mut self, problem: FileProblem) -> std::result::Result<(), Stopped> {
        assert!(self.paths.contains(&problem.path), "{problem}");
        Ok(())
    }
    fn loss(&mut self, feature: &str, _: String) {
        assert!(!feature.is_empty());
    }
}

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Nowhere;

impl Output for Nowhere {
    fn write(&mut self, path: &str, _: &[u8]) -> io::Result<()> {
        assert!(
            !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | "..")),
            "{path}"
        );
        Ok(())
    }
    fn close(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn loss(&mut self, feature: &str, _: String) {
        assert!(!feature.is_empty());
    }
}
