//! Files that people keep, one file a format: from their bytes to what is meant, and back. Pure, over readers and writers.

mod brat;
pub mod brat_config;
pub mod brat_standoff;
mod cas;
mod cas_json;
mod cas_xmi;
mod colors;
mod columns;
mod conllu;
mod csv_table;
mod doccano;
pub mod exchange;
mod format;
mod label_studio;
pub mod label_studio_config;
mod losses;
mod native;
mod parquet_table;
mod prodigy;
mod pubannotation;
pub mod schema_file;
mod spacy;
mod tree;
mod web_annotation;
mod webanno_tsv;

pub use self::{
    format::{Format, FormatFacts, WriteOptions},
    losses::{Loss, Losses},
    tree::FileError,
};
