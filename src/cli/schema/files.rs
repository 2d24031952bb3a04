//! The files that a label schema is made from.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::{
    cli::{
        failure::Failure,
        source::{self, STDIN},
    },
    domain::schema::LabelSchema,
    formats::{
        FileError, Loss, Losses,
        brat_config::{self, BratConfig},
        label_studio_config, schema_file,
    },
};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaFormat {
    /// What schema show writes.
    Yaml,
    /// The same in JSON.
    Json,
    /// brat's annotation.conf.
    Brat,
    /// A labeling configuration of Label Studio, in XML.
    LabelStudio,
}

/// Files, and what they are.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) file: PathBuf,
    /// Left out, it is guessed.
    pub(super) format: Option<SchemaFormat>,
    pub(super) visual: Option<PathBuf>,
    pub(super) shortcuts: Option<PathBuf>,
}

/// What files said.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) schema: LabelSchema,
    pub(super) losses: Vec<Loss>,
    /// What the file was taken for, where nobody said it.
    pub(super) guessed: Option<String>,
}

impl SchemaFormat {
    /// What the file is called by people.
    fn description(self) -> &'static str {
        match self {
            Self::Yaml => "a label schema in YAML",
            Self::Json => "a label schema in JSON",
            Self::Brat => "brat's annotation.conf",
            Self::LabelStudio => "a labeling configuration of Label Studio",
        }
    }

    /// Its name as an argument.
    fn argument(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Brat => "brat",
            Self::LabelStudio => "label-studio",
        }
    }

    /// What a file is by its name, or else by what stands in it.
    fn of(path: &Path, text: &str) -> Self {
        let extension = path.extension().map(|it| it.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("yaml" | "yml") => return Self::Yaml,
            Some("json") => return Self::Json,
            Some("conf") => return Self::Brat,
            Some("xml") => return Self::LabelStudio,
            Some(_) | None => {}
        }
        let start = text.trim_start_matches('\u{feff}').trim_start();
        let mut characters = start.chars().filter(|character| !character.is_whitespace());
        match (characters.next(), characters.next()) {
            (Some('<'), _) => Self::LabelStudio,
            // In YAML names in braces need no quotes.
            (Some('{'), Some('"' | '}')) => Self::Json,
            _ if text.lines().any(is_brats) => Self::Brat,
            _ => Self::Yaml,
        }
    }
}

/// Whether the line begins a part of brat's configuration.
fn is_brats(line: &str) -> bool {
    let name = line.trim_end().strip_prefix('[').and_then(|line| line.strip_suffix(']'));
    name.is_some_and(|name| {
        ["entities", "relations", "events", "attributes", "spans"]
            .iter()
            .any(|it| name.eq_ignore_ascii_case(it))
    })
}

impl Files {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// What cannot be read, or is no schema: with the file, and the line where it is known.
    pub(super) fn read(self) -> Result<Read, Failure> {
        let Self { file, format, visual, shortcuts } = self;
        let is_with_others = visual.is_some() || shortcuts.is_some();
        let inputs = [Some(&file), visual.as_ref(), shortcuts.as_ref()];
        if inputs.iter().flatten().filter(|path| path.as_os_str() == STDIN).count() > 1 {
            return Err(Failure::Usage("only one of the files can be stdin".to_owned()));
        }
        if is_with_others && format.is_some_and(|format| format != SchemaFormat::Brat) {
            return Err(Failure::Usage(
                "--visual and --shortcuts are of brat's: say --format brat".to_owned(),
            ));
        }
        let text = source::read(&file)?;
        let brats = is_with_others.then_some(SchemaFormat::Brat);
        let known = format.or(brats);
        let format = known.unwrap_or_else(|| SchemaFormat::of(&file, &text));
        let other = |path: Option<PathBuf>| path.map_or(Ok(String::new()), |path| source::read(&path));
        let name = if file.as_os_str() == STDIN { "stdin".to_owned() } else { file.display().to_string() };
        let guess = || format!("{name} is read as {}; --format says otherwise", format.description());
        let guessed = known.is_none().then(guess);
        let without_losses = |schema| (schema, Losses::default());
        let read = match format {
            SchemaFormat::Yaml => schema_file::read_yaml(&text).map(without_losses),
            SchemaFormat::Json => schema_file::read_json(&text).map(without_losses),
            SchemaFormat::LabelStudio => label_studio_config::read(&text),
            SchemaFormat::Brat => {
                let (visual, shortcuts) = (other(visual)?, other(shortcuts)?);
                brat_config::read(BratConfig { annotation: &text, visual: &visual, shortcuts: &shortcuts })
            }
        };
        let (schema, losses) = read.map_err(|error| wrong(&name, format, known.is_none(), &error))?;
        Ok(Read { schema, losses: losses.into_vec(), guessed })
    }
}

/// What is wrong with a file, and what it was taken for where that was a guess.
fn wrong(name: &str, format: SchemaFormat, is_guess: bool, error: &FileError) -> Failure {
    let guess = if is_guess {
        let (description, argument) = (format.description(), format.argument());
        format!("; it was read as {description}, as with --format {argument}")
    } else {
        String::new()
    };
    Failure::Local(format!("{name}: {error}{guess}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_the_name_or_else_by_what_stands_in_it() {
        let check = |name: &str, text: &str, expected: SchemaFormat| {
            assert_eq!(SchemaFormat::of(Path::new(name), text), expected, "{name} {text:?}");
        };
        check("a/annotation.conf", "", SchemaFormat::Brat);
        check("schema.YML", "<View/>", SchemaFormat::Yaml);
        check("schema.json", "labels: []", SchemaFormat::Json);
        check("config.xml", "", SchemaFormat::LabelStudio);
        check("-", "", SchemaFormat::Yaml);
        check("-", "labels: [a]\n", SchemaFormat::Yaml);
        check("-", "\u{feff} <View>", SchemaFormat::LabelStudio);
        check("-", "{ \"labels\": []}", SchemaFormat::Json);
        check("-", "{}", SchemaFormat::Json);
        check("-", "{labels: []}", SchemaFormat::Yaml);
        check("x.txt", "# brat\n[Entities]\nPerson\n", SchemaFormat::Brat);
        check("x.txt", "labels:\n  [entities]\n", SchemaFormat::Yaml);
    }

    #[test]
    fn what_is_no_schema_is_refused_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, text: &str, format: Option<SchemaFormat>, expected: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            let files = Files { file: file.clone(), format, visual: None, shortcuts: None };
            let Err(Failure::Local(message)) = files.read() else { panic!("{text:?} is read") };
            let message = message.strip_prefix(&format!("{}: ", file.display())).unwrap().to_owned();
            assert!(message.starts_with(expected), "{message}");
            assert_eq!(message.contains("it was read as"), format.is_none(), "{message}");
        };
        check("a.yaml", "mode: closed\nlabel: []\n", None, "line 2, column 8: ");
        check(
            "a.yaml",
            "labels:\n  - label: A\n    parent: B\n",
            None,
            "line 3, column 13: labels[0].parent: ",
        );
        check("a.json", "{\n\"mode\": 7\n}", None, "mode: ");
        check("a.json", "{\n\"mode\"\n}", Some(SchemaFormat::Json), "line 3, column 1: ");
        check("a.conf", "[entities]\nA\n[attributes]\nOld\n", None, "line 4, ");
        check("a.xml", "<View>\n</Vie>", Some(SchemaFormat::LabelStudio), "line 2, ");
    }

    #[test]
    fn files_that_do_not_go_together_are_wrong_usage() {
        let check = |file: &str, format, visual: Option<&str>, expected: &str| {
            let (file, visual) = (PathBuf::from(file), visual.map(PathBuf::from));
            let files = Files { file, format, visual, shortcuts: None };
            let Err(Failure::Usage(message)) = files.read() else { panic!("{expected} is not said") };
            assert!(message.contains(expected), "{message}");
        };
        check("-", None, Some("-"), "only one of the files can be stdin");
        check("x", Some(SchemaFormat::Yaml), Some("visual.conf"), "say --format brat");
    }
}
