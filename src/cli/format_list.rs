//! `spandrel formats`.

use clap::Args;

use super::{exchange::format, failure::Failure, output::Output, table::Table};
use crate::{
    formats::{Format, exchange::Feature},
    grpc::convert::exchange,
    proto::v1,
};

const FORMAT: &str = "spandrel.v1.Format";

/// What `formats` takes.
#[derive(Debug, Args)]
pub(super) struct Formats {
    /// One format, with all that it carries and loses.
    #[arg(value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
}

impl Formats {
    /// Lists them; that needs no server.
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let Self { format } = self;
        let is_asked_for = |it: &v1::Format| format.is_none_or(|format| format.facts().id == it.id);
        let formats: Vec<_> = exchange::formats().formats.into_iter().filter(is_asked_for).collect();
        if output.json {
            return formats.iter().try_for_each(|format| output.print_json(FORMAT, format, &[]));
        }
        if format.is_some() {
            return formats.iter().try_for_each(|format| output.print(&all_of(format)));
        }
        let row = |format: &v1::Format| {
            let loses = if format.loses.is_empty() { "nothing".to_owned() } else { tellingly(&format.loses) };
            [format.id.clone(), format.title.clone(), format.extensions.join(" "), counts(format), loses]
        };
        let table =
            Table::new(["FORMAT", "TITLE", "EXTENSIONS", "OFFSETS", "LOSES"]).page(formats.iter().map(row));
        output.print(&table)?;
        output.print("spandrel formats FORMAT says all of one\n")
    }
}

/// What is lost, with what is said of annotations before what is said of articles and projects, which most lose.
fn tellingly(loses: &[String]) -> String {
    let is_of_annotations = |name: &str| {
        let mut later = Feature::ALL.iter().skip_while(|feature| **feature != Feature::Layers);
        later.any(|feature| feature.name() == name)
    };
    let (of_annotations, others): (Vec<_>, Vec<_>) = loses.iter().partition(|name| is_of_annotations(name));
    let names: Vec<_> = of_annotations.into_iter().chain(others).map(String::as_str).collect();
    names.join(", ")
}

/// What its offsets count.
fn counts(format: &v1::Format) -> String {
    match format.unit() {
        v1::OffsetUnit::Utf8 => "utf8",
        v1::OffsetUnit::Utf16 => "utf16",
        v1::OffsetUnit::CodePoints => "code points",
        v1::OffsetUnit::Unspecified if format.unit_unsaid => "unsaid",
        v1::OffsetUnit::Unspecified => "",
    }
    .to_owned()
}

fn all_of(format: &v1::Format) -> String {
    let counts = match counts(format).as_str() {
        "" => "none of its own".to_owned(),
        "unsaid" => "count what the files do not say: quotes tell, or --unit".to_owned(),
        counts => format!("count {counts}"),
    };
    let folder = if format.folder { "a folder, with files for each article" } else { "a file" };
    let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let (carries, loses) = (list(&format.carries), list(&format.loses));
    let extensions = format.extensions.join(" ");
    let v1::Format { id, title, reference_uri, .. } = format;
    let described = match reference_uri.as_str() {
        "" => String::new(),
        uri => format!("  described in  {uri}\n"),
    };
    format!(
        "{id}  {title}\n{described}  is            {folder}: {extensions}\n  offsets       {counts}\n  \
         carries       {carries}\n  loses         {loses}\n"
    )
}
