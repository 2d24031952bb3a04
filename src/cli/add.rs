//! `spandrel article add`.

use std::path::{Path, PathBuf};

use clap::Args;
use tonic::Code;

use super::{
    arguments,
    article::ARTICLE,
    failure::Failure,
    output::{Output, note},
    project,
    render::printable,
    source,
    table::{counted, thousands},
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, ProjectName},
    proto::v1,
};

/// More files than this show how far they are.
const FILES_WITHOUT_PROGRESS_MAX: usize = 5;

/// What `article add` takes.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// Texts in UTF-8, each of which becomes an article; - is stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The article's id; otherwise the file's name without its extension, as far as an id may hold it.
    #[arg(long, value_parser = arguments::article)]
    id: Option<ArticleId>,
    /// The article's title; otherwise the file's name.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The language as a BCP 47 tag, such as en or pt-BR.
    #[arg(long, value_name = "TAG", default_value = "", hide_default_value = true)]
    language: String,
    /// Where the text came from.
    #[arg(long, value_name = "URI", default_value = "", hide_default_value = true)]
    source_uri: String,
    /// More about it; may be given again.
    #[arg(long, value_name = "KEY=VALUE", value_parser = arguments::metadata)]
    metadata: Vec<(String, String)>,
    /// Create the project when it does not exist.
    #[arg(long)]
    create_project: bool,
}

impl Add {
    /// Adds each file; one that fails does not keep back the others.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        self.check()?;
        let client = Client::connect(server).await?;
        if self.create_project {
            self.ensure_project(&client).await?;
        }
        let total = self.files.len();
        let many = total > FILES_WITHOUT_PROGRESS_MAX;
        let mut failed = 0_usize;
        for (index, file) in self.files.iter().enumerate() {
            let progress = if many { format!("[{}/{total}] ", index + 1) } else { String::new() };
            if many && output.shows_progress() {
                note(&format!("\r{progress}{failed} failed"));
            }
            match self.add(&client, file).await {
                Ok(article) if output.json => output.print_json(ARTICLE, &article, &["text"])?,
                Ok(article) => {
                    let progress = if output.is_terminal { progress.as_str() } else { "" };
                    output.print(&format!("{progress}{}\n", created(&article)))?;
                }
                // With one file there is nothing to go on with, and its failure is the command's.
                Err(failure) if total == 1 => return Err(failure),
                Err(failure) if failure.is_about_all() => return Err(failure),
                Err(failure) => {
                    failed += 1;
                    output.report_and_go_on(&failure.about(&file.to_string_lossy()));
                }
            }
        }
        if many && output.shows_progress() {
            note("\n");
        }
        if failed == 0 {
            return Ok(());
        }
        let summary = format!("{} of {} not added", thousands_of(failed), counted(total, "file"));
        Err(Failure::Local(summary))
    }

    /// What the arguments may not say together.
    fn check(&self) -> Result<(), Failure> {
        let many = self.files.len() > 1;
        if many && self.id.is_some() {
            return Err(Failure::Usage("--id names one article; add several files without it".to_owned()));
        }
        if many && self.title.is_some() {
            return Err(Failure::Usage(
                "--title is for one article; add several files without it".to_owned(),
            ));
        }
        if self.files.iter().filter(|file| file.as_os_str() == source::STDIN).count() > 1 {
            return Err(Failure::Usage("stdin (-) can be read once".to_owned()));
        }
        Ok(())
    }

    async fn ensure_project(&self, client: &Client) -> Result<(), Failure> {
        match project::create(client, &self.project, v1::Project::default()).await {
            Err(Failure::Refused(status)) if status.code() == Code::AlreadyExists => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    async fn add(&self, client: &Client, file: &Path) -> Result<v1::Article, Failure> {
        let request = self.request(file)?;
        Ok(client.call(request).await?)
    }

    fn request(&self, file: &Path) -> Result<v1::CreateArticleRequest, Failure> {
        let text = source::read(file)?;
        let given = self.id.as_ref().map(ToString::to_string);
        Ok(v1::CreateArticleRequest {
            parent: self.project.to_string(),
            article_id: given.or_else(|| source::id(file)).unwrap_or_default(),
            article: Some(v1::Article {
                title: self.title.clone().unwrap_or_else(|| source::title(file)),
                text,
                language: self.language.clone(),
                source_uri: self.source_uri.clone(),
                metadata: self.metadata.iter().cloned().collect(),
                ..v1::Article::default()
            }),
            ..v1::CreateArticleRequest::default()
        })
    }
}

fn thousands_of(count: usize) -> String {
    thousands(u64::try_from(count).unwrap_or(u64::MAX))
}

fn created(article: &v1::Article) -> String {
    let characters = thousands(article.length.unwrap_or_default().code_points);
    format!("created {}  {characters} characters", printable(&article.name))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Ask, Cli, Command, article};

    fn add(arguments: &[&str]) -> Add {
        let line = ["spandrel", "article", "add", "demo"].iter().chain(arguments);
        let Command::Ask(Ask::Article(article::Article::Add(add))) =
            Cli::try_parse_from(line).unwrap().command
        else {
            panic!("{arguments:?} is another command");
        };
        add
    }

    #[test]
    fn what_is_about_one_article_is_refused_for_several_files() {
        let check = |arguments: &[&str], message: &str| {
            let failure = add(arguments).check().unwrap_err();
            assert!(matches!(&failure, Failure::Usage(it) if it.contains(message)), "{failure:?}");
        };
        check(&["a.txt", "b.txt", "--id", "one"], "--id names one article");
        check(&["a.txt", "b.txt", "--title", "One"], "--title is for one article");
        check(&["-", "-"], "stdin (-) can be read once");
        assert!(add(&["a.txt", "--id", "one", "--title", "One"]).check().is_ok());
        assert!(add(&["a.txt", "-"]).check().is_ok());
    }

    #[test]
    fn a_file_is_sent_byte_for_byte_under_its_name() {
        let text = "\u{feff}Nicolás\r\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("My Article.txt");
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();

        let request = add(&[path, "--language", "es", "--metadata", "a=b"]).request(&file).unwrap();
        let article = request.article.unwrap();
        assert_eq!((request.parent.as_str(), request.article_id.as_str()), ("projects/demo", "My-Article"));
        assert_eq!((article.title.as_str(), article.text.as_str()), ("My Article.txt", text));
        assert_eq!((article.language.as_str(), article.metadata["a"].as_str()), ("es", "b"));

        let request = add(&[path, "--id", "one", "--title", ""]).request(&file).unwrap();
        assert_eq!((request.article_id.as_str(), request.article.unwrap().title.as_str()), ("one", ""));
    }
}
