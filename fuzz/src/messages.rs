//! Requests of any method that the server has, with values that it knows more often than not.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, MethodDescriptor, Value,
};
use spandrel::proto::DESCRIPTORS;

use super::fixture::{self, TEXT, annotation_id};

const DEPTH_MAX: usize = 6;

const NAMES: [&str; 18] = [
    "",
    "projects/p",
    "projects/q",
    "projects/none",
    "projects/p/articles/a",
    "projects/p/articles/a",
    "projects/p/articles/b",
    "projects/p/articles/long",
    "projects/p/articles/none",
    "projects/q/articles/a",
    "projects/p/articles/a/annotations/00000000-0000-4000-8000-000000000000",
    "projects/p/articles/a/annotations/00000000-0000-4000-8000-000000000001",
    "projects/p/articles/a/annotations/00000000-0000-4000-8000-0000000000ff",
    "projects/p/articles/long/annotations/00000000-0000-4000-8000-000000000002",
    "projects/p/labelSchema",
    "projects/p/layers/gold",
    "projects/p/articles/a/layers/default",
    "projects/p/articles/long/layers/gold",
];
const IDS: [&str; 7] = ["", "p", "q", "a", "b", "long", "new-1"];
const PATHS: [&str; 19] = [
    "label",
    "anchor",
    "relation",
    "article",
    "attributes",
    "state",
    "labels",
    "title",
    "language",
    "source_uri",
    "metadata",
    "display_name",
    "description",
    "kind",
    "annotator",
    "*",
    "text",
    "name",
    "anchor.spans",
];
const SYMBOLS: [&str; 6] = [
    "",
    "spandrel.v1.ArticleService",
    "spandrel.v1.Article",
    "spandrel/v1/article.proto",
    "google/protobuf/empty.proto",
    "grpc.health.v1.Health",
];

/// What requests may say beside what every server knows.
#[derive(Debug, Default)]
pub struct Words {
    /// Etags that are current.
    pub etags: Vec<String>,
    /// Page tokens that were given out.
    pub page_tokens: Vec<String>,
}

/// Every method of the server.
pub fn methods() -> &'static [MethodDescriptor] {
    static METHODS: OnceLock<Vec<MethodDescriptor>> = OnceLock::new();
    METHODS.get_or_init(|| {
        let mut pool = DescriptorPool::new();
        for descriptors in [
            DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            pool.decode_file_descriptor_set(descriptors).unwrap();
        }
        let methods: Vec<_> =
            pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
        assert!(methods.len() > 20, "{methods:?}");
        methods
    })
}

/// A message of this kind.
pub fn message(
    input: &mut Unstructured<'_>,
    words: &Words,
    descriptor: &MessageDescriptor,
    depth: usize,
) -> Result<DynamicMessage> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        // What is not known yet is left out of what a client sends, mostly; a flag that changes nothing, too.
        let given = match field.name() {
            "validate_only" | "allow_missing" | "force" => input.ratio(1, 4)?,
            "name" | "parent" | "label" | "annotation" | "article" | "project" => input.ratio(7, 8)?,
            _ => input.arbitrary()?,
        };
        if !given || depth >= DEPTH_MAX {
            continue;
        }
        let value = if field.is_map() {
            map(input, words, &field, depth)?
        } else if field.is_list() {
            let count = input.int_in_range(0..=3)?;
            let value = |_| value(input, words, &field, depth);
            Value::List((0..count).map(value).collect::<Result<_>>()?)
        } else {
            value(input, words, &field, depth)?
        };
        message.set_field(&field, value);
    }
    Ok(message)
}

/// A map from strings, of whatever values.
fn map(input: &mut Unstructured<'_>, words: &Words, field: &FieldDescriptor, depth: usize) -> Result<Value> {
    let mut entries = std::collections::HashMap::new();
    let Kind::Message(entry) = field.kind() else { return Ok(Value::Map(entries)) };
    for _ in 0..input.int_in_range(0..=2)? {
        let value = value(input, words, &entry.map_entry_value_field(), depth + 1)?;
        entries.insert(MapKey::String(text(input, words, "")?), value);
    }
    Ok(Value::Map(entries))
}

fn value(
    input: &mut Unstructured<'_>,
    words: &Words,
    field: &FieldDescriptor,
    depth: usize,
) -> Result<Value> {
    let small = |input: &mut Unstructured<'_>| input.int_in_range(0..=40_u32);
    let is_small = input.ratio(7, 8)?;
    Ok(match field.kind() {
        Kind::String => Value::String(text(input, words, field.name())?),
        Kind::Bytes => Value::Bytes(input.arbitrary::<Vec<u8>>()?.into()),
        Kind::Bool => Value::Bool(input.arbitrary()?),
        Kind::Uint32 | Kind::Fixed32 if is_small => Value::U32(small(input)?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(input.arbitrary()?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 if is_small => Value::I32(small(input)?.cast_signed()),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(input.arbitrary()?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(input.arbitrary()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(input.arbitrary()?),
        Kind::Float => Value::F32(input.arbitrary()?),
        Kind::Double => Value::F64(input.arbitrary()?),
        Kind::Enum(_) if is_small => Value::EnumNumber(input.int_in_range(0..=4)?),
        Kind::Enum(_) => Value::EnumNumber(input.arbitrary()?),
        Kind::Message(kind) => Value::Message(message(input, words, &kind, depth + 1)?),
    })
}

fn text(input: &mut Unstructured<'_>, words: &Words, field: &str) -> Result<String> {
    if input.ratio(1, 12)? {
        return Ok(input.arbitrary::<&str>()?.repeat(input.int_in_range(1..=40)?));
    }
    let of = |input: &mut Unstructured<'_>, choices: &[&str]| input.choose(choices).map(ToString::to_string);
    match field {
        "name" | "parent" | "names" | "annotation" | "derived_from" => of(input, &NAMES),
        "role" => of(input, &["", "Agent", "from", "to"]),
        "project_id" | "article_id" => of(input, &IDS),
        "annotation_id" => Ok(annotation_id(input.int_in_range(0..=fixture::ANNOTATIONS + 9)?)),
        "layer" | "layer_id" | "destination" => of(input, &["", "gold", "default", "other"]),
        "label" => of(input, &["PER", "LOC", "", "new"]),
        "paths" => of(input, &PATHS),
        "etag" if !words.etags.is_empty() => input.choose(&words.etags).cloned(),
        "page_token" if !words.page_tokens.is_empty() => input.choose(&words.page_tokens).cloned(),
        "language" => of(input, &["", "de", "pt-BR", "!"]),
        "file_by_filename"
        | "file_containing_symbol"
        | "list_services"
        | "service"
        | "containing_type"
        | "all_extension_numbers_of_type" => of(input, &SYMBOLS),
        _ => {
            let start = TEXT.floor_char_boundary(input.int_in_range(0..=TEXT.len())?);
            let end = TEXT.ceil_char_boundary(input.int_in_range(start..=TEXT.len())?);
            Ok(TEXT[start..end].to_owned())
        }
    }
}
