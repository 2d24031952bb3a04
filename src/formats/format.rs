//! The formats, by name: what each is, what it carries, and how a file shows which one it is.

use super::{
    brat, cas_json, cas_xmi, columns, conllu, csv_table, doccano,
    exchange::{Feature, Reader, Writer},
    label_studio, native, parquet_table, prodigy, pubannotation, spacy, web_annotation, webanno_tsv,
};
use crate::domain::{Error, Result, text::Unit};

/// A format of annotated articles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// JSON lines with everything that a project says.
    Native,
    /// doccano's JSON lines.
    Doccano,
    /// Label Studio's tasks.
    LabelStudio,
    /// brat's standoff files.
    Brat,
    /// A token a line, with BIO, IOB or BIOES tags in columns.
    Columns,
    /// CoNLL-U.
    Conllu,
    /// spaCy's `Doc.to_json`, a line an article.
    Spacy,
    /// Prodigy's JSON lines.
    Prodigy,
    /// W3C Web Annotation.
    WebAnnotation,
    /// `WebAnno` TSV 3.
    WebannoTsv,
    /// UIMA CAS as XMI.
    CasXmi,
    /// UIMA CAS as JSON.
    CasJson,
    /// PubAnnotation's JSON.
    PubAnnotation,
    /// Parquet tables.
    Parquet,
    /// CSV with a row an annotation.
    Csv,
}

/// What a format is.
#[derive(Debug, Clone, Copy)]
pub struct FormatFacts {
    /// What it is called in commands: `brat`.
    pub id: &'static str,
    /// What people call it: `brat standoff`.
    pub title: &'static str,
    /// Where it is described.
    pub reference: &'static str,
    /// Extensions of its files, the first one of those that are written.
    pub extensions: &'static [&'static str],
    /// What its offsets count; none where it has none, or its files do not say.
    pub unit: Option<Unit>,
    /// Whether offsets count something that its files do not say, so that quotes must, or whoever imports them.
    pub unit_is_unsaid: bool,
    /// Whether an export is a folder of several files.
    pub is_folder: bool,
    /// What it carries.
    pub carries: &'static [Feature],
}

/// How files are to be written.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions {
    /// What offsets count; none for what the format does, or code points where it does not say.
    pub unit: Option<Unit>,
}

impl Format {
    /// Every one, in the order in which they are listed.
    pub const ALL: [Self; 15] = [
        Self::Native,
        Self::Doccano,
        Self::LabelStudio,
        Self::Brat,
        Self::Columns,
        Self::Conllu,
        Self::Spacy,
        Self::Prodigy,
        Self::WebAnnotation,
        Self::WebannoTsv,
        Self::CasXmi,
        Self::CasJson,
        Self::PubAnnotation,
        Self::Parquet,
        Self::Csv,
    ];

    /// The format that is called `id`, in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID with all ids.
    pub fn parse(field: &str, id: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.facts().id == id).ok_or_else(|| {
            let ids: Vec<_> = Self::ALL.iter().map(|format| format.facts().id).collect();
            Error::field(field, format!("is {id:?}; send one of {}", ids.join(", ")))
        })
    }

    /// What it is.
    #[must_use]
    pub fn facts(self) -> &'static FormatFacts {
        match self {
            Self::Native => &native::FACTS,
            Self::Doccano => &doccano::FACTS,
            Self::LabelStudio => &label_studio::FACTS,
            Self::Brat => &brat::FACTS,
            Self::Columns => &columns::FACTS,
            Self::Conllu => &conllu::FACTS,
            Self::Spacy => &spacy::FACTS,
            Self::Prodigy => &prodigy::FACTS,
            Self::WebAnnotation => &web_annotation::FACTS,
            Self::WebannoTsv => &webanno_tsv::FACTS,
            Self::CasXmi => &cas_xmi::FACTS,
            Self::CasJson => &cas_json::FACTS,
            Self::PubAnnotation => &pubannotation::FACTS,
            Self::Parquet => &parquet_table::FACTS,
            Self::Csv => &csv_table::FACTS,
        }
    }

    /// A reader of its files.
    #[must_use]
    pub fn reader(self) -> Box<dyn Reader> {
        match self {
            Self::Native => native::reader(),
            Self::Doccano => doccano::reader(),
            Self::LabelStudio => label_studio::reader(),
            Self::Brat => brat::reader(),
            Self::Columns => columns::reader(),
            Self::Conllu => conllu::reader(),
            Self::Spacy => spacy::reader(),
            Self::Prodigy => prodigy::reader(),
            Self::WebAnnotation => web_annotation::reader(),
            Self::WebannoTsv => webanno_tsv::reader(),
            Self::CasXmi => cas_xmi::reader(),
            Self::CasJson => cas_json::reader(),
            Self::PubAnnotation => pubannotation::reader(),
            Self::Parquet => parquet_table::reader(),
            Self::Csv => csv_table::reader(),
        }
    }

    /// A writer of its files.
    #[must_use]
    pub fn writer(self, options: WriteOptions) -> Box<dyn Writer> {
        match self {
            Self::Native => native::writer(options),
            Self::Doccano => doccano::writer(options),
            Self::LabelStudio => label_studio::writer(options),
            Self::Brat => brat::writer(options),
            Self::Columns => columns::writer(options),
            Self::Conllu => conllu::writer(options),
            Self::Spacy => spacy::writer(options),
            Self::Prodigy => prodigy::writer(options),
            Self::WebAnnotation => web_annotation::writer(options),
            Self::WebannoTsv => webanno_tsv::writer(options),
            Self::CasXmi => cas_xmi::writer(options),
            Self::CasJson => cas_json::writer(options),
            Self::PubAnnotation => pubannotation::writer(options),
            Self::Parquet => parquet_table::writer(options),
            Self::Csv => csv_table::writer(options),
        }
    }

    /// The format of a file by its path and how it begins; none where nothing shows it.
    #[must_use]
    pub fn guess(path: &str, beginning: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.is_likely(path, beginning))
    }

    fn is_likely(self, path: &str, beginning: &[u8]) -> bool {
        match self {
            Self::Native => native::is_likely(path, beginning),
            Self::Doccano => doccano::is_likely(path, beginning),
            Self::LabelStudio => label_studio::is_likely(path, beginning),
            Self::Brat => brat::is_likely(path, beginning),
            Self::Columns => columns::is_likely(path, beginning),
            Self::Conllu => conllu::is_likely(path, beginning),
            Self::Spacy => spacy::is_likely(path, beginning),
            Self::Prodigy => prodigy::is_likely(path, beginning),
            Self::WebAnnotation => web_annotation::is_likely(path, beginning),
            Self::WebannoTsv => webanno_tsv::is_likely(path, beginning),
            Self::CasXmi => cas_xmi::is_likely(path, beginning),
            Self::CasJson => cas_json::is_likely(path, beginning),
            Self::PubAnnotation => pubannotation::is_likely(path, beginning),
            Self::Parquet => parquet_table::is_likely(path, beginning),
            Self::Csv => csv_table::is_likely(path, beginning),
        }
    }
}
