//! Files of other tools.

use std::{collections::HashSet, sync::Arc};

use super::{required, spans};
use crate::{
    app::{
        exports::{ExportEvent, ExportOptions},
        imports::{ExchangeSummary, FilePart, ImportEvent, ImportOptions},
        selection::Selection,
    },
    domain::{
        Error, Problem, Result,
        details::{bounded, too_many},
        filter::AnnotationFilter,
        ids::{LayerId, ProjectName},
        text::Unit,
    },
    formats::{
        Format, Loss,
        exchange::{Feature, FileProblem, UnitChoice},
    },
    limits::{
        EXPORT_LAYERS_MAX, FILE_CHUNK_BYTES_MAX, FILE_PATH_BYTES_MAX, IMPORT_ID_BYTES_MAX, STATUS_BYTES_MAX,
    },
    proto::v1::{self, export_response, import_request::Payload, import_response},
};

/// What the first message of Import asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn import_options(first: Option<v1::ImportRequest>) -> Result<ImportOptions> {
    let v1::ImportRequest { payload } = required("options", first)?;
    let options = match payload {
        Some(Payload::Options(options)) => options,
        Some(Payload::Chunk(_)) | None => {
            return Err(Error::field("options", "is missing; it comes before the files"));
        }
    };
    parse_options(options).map_err(|error| error.within("options"))
}

fn parse_options(options: v1::ImportOptions) -> Result<ImportOptions> {
    let v1::ImportOptions {
        parent,
        format,
        unit,
        layer,
        validate_only,
        stop_on_error,
        import_id,
        unit_from_quotes,
    } = options;
    let project = ProjectName::parse("parent", &parent)?;
    let format = Format::parse("format", &format)?;
    let facts = format.facts();
    let sent = optional_unit("unit", unit)?;
    if unit_from_quotes && sent.is_some() {
        return Err(Error::field("unit_from_quotes", "does not go with a unit; send one of them"));
    }
    let unit = match sent.or(facts.unit) {
        Some(unit) if !unit_from_quotes => UnitChoice::Of(unit),
        Some(_) | None => UnitChoice::FromQuotes,
    };
    let layer = if layer.is_empty() { LayerId::DEFAULT } else { &layer };
    Ok(ImportOptions {
        project,
        format,
        unit,
        layer: LayerId::parse("layer", layer)?,
        validate_only,
        stop_on_error,
        import_id: bounded("import_id", "the import's id", import_id, IMPORT_ID_BYTES_MAX)?,
    })
}

/// A part of a file.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn file_part(request: v1::ImportRequest) -> Result<FilePart> {
    let v1::ImportRequest { payload } = request;
    let v1::FileChunk { path, offset, data, last } = match payload {
        Some(Payload::Chunk(chunk)) => chunk,
        Some(Payload::Options(_)) => return Err(Error::field("options", "came before; send files")),
        None => return Err(Error::field("chunk", "is missing")),
    };
    if path.is_empty() {
        return Err(Error::field("chunk.path", "is empty; send the file's path"));
    }
    let path = bounded("chunk.path", "the path", path, FILE_PATH_BYTES_MAX)?;
    if data.len() > FILE_CHUNK_BYTES_MAX {
        return Err(too_many("chunk.data", "the chunk", data.len(), FILE_CHUNK_BYTES_MAX, "bytes"));
    }
    Ok(FilePart { path, offset, data: data.into(), last })
}

/// What Export asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn export_options(request: v1::ExportRequest) -> Result<ExportOptions> {
    let v1::ExportRequest { parent, format, unit, layers, filter } = request;
    if layers.len() > EXPORT_LAYERS_MAX {
        return Err(too_many("layers", "the list", layers.len(), EXPORT_LAYERS_MAX, "layers"));
    }
    let layer = |(index, layer): (usize, &String)| LayerId::parse(&format!("layers[{index}]"), layer);
    let filter = AnnotationFilter::parse("filter", &filter)?;
    Ok(ExportOptions {
        project: ProjectName::parse("parent", &parent)?,
        format: Format::parse("format", &format)?,
        unit: optional_unit("unit", unit)?,
        layers: layers.iter().enumerate().map(layer).collect::<Result<HashSet<_>>>()?,
        selection: Arc::new(Selection { layer: None, label: None, filter }),
    })
}

/// What happens in an import, as clients see it; `reason` names what is refused.
#[must_use]
pub fn import_event(event: ImportEvent, reason: fn(&Problem) -> &'static str) -> v1::ImportResponse {
    let event = match event {
        ImportEvent::Progress { records, path, durable_offset } => {
            import_response::Event::Progress(v1::ImportProgress { records, path, durable_offset })
        }
        ImportEvent::Problem(FileProblem { path, line, error }) => {
            let (reason, message) = (reason(&error.problem).to_owned(), bounded_message(error.to_string()));
            import_response::Event::Problem(v1::Problem { path, line, reason, message })
        }
        ImportEvent::Summary(summary) => import_response::Event::Summary(summed_up(summary)),
    };
    v1::ImportResponse { event: Some(event) }
}

/// What comes of an export, as clients see it.
#[must_use]
pub fn export_event(event: ExportEvent) -> v1::ExportResponse {
    let event = match event {
        ExportEvent::Part(FilePart { path, offset, data, last }) => {
            export_response::Event::Chunk(v1::FileChunk { path, offset, data: data.into(), last })
        }
        ExportEvent::Summary(summary) => export_response::Event::Summary(summed_up(summary)),
    };
    v1::ExportResponse { event: Some(event) }
}

/// The formats, as clients see them.
#[must_use]
pub fn formats() -> v1::ListFormatsResponse {
    let strings = |strings: &[&str]| strings.iter().map(|string| (*string).to_owned()).collect();
    let format = |format: &Format| {
        let facts = format.facts();
        let (carries, loses): (Vec<_>, Vec<_>) =
            Feature::ALL.into_iter().partition(|feature| facts.carries.contains(feature));
        let names =
            |features: Vec<Feature>| features.into_iter().map(|feature| feature.name().to_owned()).collect();
        v1::Format {
            id: facts.id.to_owned(),
            title: facts.title.to_owned(),
            reference_uri: facts.reference.to_owned(),
            extensions: strings(facts.extensions),
            unit: facts.unit.map_or(v1::OffsetUnit::Unspecified, spans::unit_of).into(),
            unit_unsaid: facts.unit_is_unsaid,
            folder: facts.is_folder,
            carries: names(carries),
            loses: names(loses),
        }
    };
    v1::ListFormatsResponse { formats: Format::ALL.iter().map(format).collect() }
}

fn summed_up(summary: ExchangeSummary) -> v1::ExchangeSummary {
    let ExchangeSummary { records, failed, losses, revision, articles, annotations, present } = summary;
    let loss = |Loss { feature, count, examples }: Loss| v1::Loss { feature, count, examples };
    let losses = losses.into_iter().map(loss).collect();
    v1::ExchangeSummary { records, failed, losses, revision: revision.0, articles, annotations, present }
}

/// The unit in the field `field`; none when it was left out.
fn optional_unit(field: &str, unit: i32) -> Result<Option<Unit>> {
    if v1::OffsetUnit::try_from(unit) == Ok(v1::OffsetUnit::Unspecified) {
        Ok(None)
    } else {
        spans::unit(field, unit).map(Some)
    }
}

/// A message that is no longer than what a status says.
fn bounded_message(mut message: String) -> String {
    if message.len() > STATUS_BYTES_MAX {
        message.truncate(message.floor_char_boundary(STATUS_BYTES_MAX));
        message.push('…');
    }
    message
}
