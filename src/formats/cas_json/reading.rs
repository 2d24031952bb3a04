//! From a file to the articles in it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value as Json};

use crate::formats::{
    cas::{Cas, SOFA, Structure, Type, Types, Value, View, articles_of, is_text_list, own_name},
    exchange::{Reader, Record, Sink, SourceFile, Stopped, kind_of, syntax},
};

/// Reads files of one CAS each.
#[derive(Debug)]
pub(super) struct JsonCasReader;

impl Reader for JsonCasReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let text = match file.whole_document()? {
            Ok(text) => text,
            Err(problem) => return sink.problem(problem),
        };
        let value = match serde_json::from_str::<Json>(&text) {
            Ok(value) => value,
            Err(error) => return sink.problem(syntax(file.path(), 0, &error)),
        };
        let mut problems = Vec::new();
        let cas = match cas(&value, &mut problems) {
            Ok(cas) => cas,
            Err(message) => return sink.problem(file.invalid(1, message)),
        };
        for message in problems {
            sink.problem(file.invalid(1, message))?;
        }
        for article in articles_of(&cas, file.path(), file.stem(), sink) {
            sink.record(Record::Article(Box::new(article)))?;
        }
        Ok(())
    }

    fn finish(&mut self, _sink: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

type Object = Map<String, Json>;

fn cas(value: &Json, problems: &mut Vec<String>) -> Result<Cas, String> {
    const PARTS: [&str; 3] = ["%TYPES", "%FEATURE_STRUCTURES", "%VIEWS"];
    let Json::Object(whole) = value else { return Err(format!("is {}; a CAS is an object", kind_of(value))) };
    if !PARTS.iter().any(|part| whole.contains_key(*part)) {
        return Err(format!("has none of {}; is it a CAS?", PARTS.join(", ")));
    }
    let types = types(whole.get("%TYPES"));
    let objects = structures(whole.get("%FEATURE_STRUCTURES"), problems)?;
    let lists: HashMap<u64, &Vec<Json>> = objects
        .iter()
        .filter_map(|(id, _, object)| Some((*id, object.get("%ELEMENTS")?.as_array()?)))
        .collect();
    let references = objects.iter().flat_map(|(_, _, object)| object.iter());
    let references =
        references.filter(|(name, _)| name.starts_with('@')).filter_map(|(_, value)| value.as_u64());
    // Arrays stand where they are used.
    let inlined: HashSet<u64> = references.filter(|id| lists.contains_key(id)).collect();
    let mut cas = Cas::default();
    for (id, type_name, object) in &objects {
        if inlined.contains(id) && object.contains_key("%ELEMENTS") {
            continue;
        }
        if type_name == SOFA {
            let text = |name: &str| object.get(name).and_then(Json::as_str).map(str::to_owned);
            let name = text("sofaID").unwrap_or_default();
            cas.views.push(View { id: *id, name, text: text("sofaString"), members: Vec::new() });
            continue;
        }
        let features = object.iter().filter(|(name, _)| !name.starts_with('%'));
        let features = features.filter_map(|(name, value)| {
            let (name, value) = feature(type_name, name, value, &types, &lists)?;
            Some((name, value))
        });
        cas.structures.push(Structure {
            id: *id,
            type_name: type_name.clone(),
            line: 0,
            features: features.collect(),
        });
    }
    for (name, view) in whole.get("%VIEWS").and_then(Json::as_object).into_iter().flatten() {
        let members = view
            .get("%MEMBERS")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_u64)
            .collect();
        match cas.views.iter_mut().find(|known| known.name == *name) {
            Some(known) => known.members = members,
            None => cas.views.push(View { id: 0, name: name.clone(), text: None, members }),
        }
    }
    Ok(cas)
}

fn types(value: Option<&Json>) -> Types {
    let mut types = BTreeMap::new();
    for (name, known) in value.and_then(Json::as_object).into_iter().flatten() {
        let text = |value: Option<&Json>| value.and_then(Json::as_str).map(own_name).unwrap_or_default();
        let supertype = text(known.get("%SUPER_TYPE"));
        let features = known.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with('%'));
        let features = features.map(|(name, feature)| (name.clone(), text(feature.get("%RANGE")))).collect();
        types.insert(own_name(name), Type { supertype, features });
    }
    Types(types)
}

/// Structures with their numbers and types: an array of them, or an object by number.
fn structures<'j>(
    value: Option<&'j Json>,
    problems: &mut Vec<String>,
) -> Result<Vec<(u64, String, &'j Object)>, String> {
    let listed: Vec<(Option<u64>, &Json)> = match value {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(list)) => {
            list.iter().map(|value| (value.get("%ID").and_then(Json::as_u64), value)).collect()
        }
        Some(Json::Object(by_id)) => by_id.iter().map(|(id, value)| (id.parse().ok(), value)).collect(),
        Some(other) => return Err(format!("%FEATURE_STRUCTURES is {}; it is an array", kind_of(other))),
    };
    let mut structures: Vec<(u64, String, &Object)> = Vec::with_capacity(listed.len());
    let mut seen = HashSet::new();
    for (place, (id, value)) in listed.into_iter().enumerate() {
        let type_name = value.get("%TYPE").and_then(Json::as_str).map(own_name);
        let (Some(object), Some(id), Some(type_name)) = (value.as_object(), id, type_name) else {
            problems
                .push(format!("%FEATURE_STRUCTURES[{place}] is no object with a number as %ID and a %TYPE"));
            continue;
        };
        if !seen.insert((id, type_name == SOFA)) {
            problems.push(format!(
                "%FEATURE_STRUCTURES[{place}] has the %ID {id}, which another one has; the first one stands"
            ));
            continue;
        }
        structures.push((id, type_name, object));
    }
    Ok(structures)
}

fn feature(
    type_name: &str,
    name: &str,
    value: &Json,
    types: &Types,
    lists: &HashMap<u64, &Vec<Json>>,
) -> Option<(String, Value)> {
    if let Some(name) = name.strip_prefix('@') {
        let id = value.as_u64()?;
        let range = types.range(type_name, name).unwrap_or_default();
        let value = match lists.get(&id) {
            Some(elements) if is_text_list(range) || elements.iter().any(Json::is_string) => {
                Value::Texts(elements.iter().map(crate::formats::exchange::json_text_of).collect())
            }
            Some(elements) => Value::Refs(elements.iter().filter_map(Json::as_u64).collect()),
            None => Value::Ref(id),
        };
        return Some((name.to_owned(), value));
    }
    // `#` is before numbers that JSON does not have, and `^` before places elsewhere.
    let plain = name.trim_start_matches(['#', '^']);
    let is_real = matches!(types.range(type_name, plain), Some("uima.cas.Double" | "uima.cas.Float"));
    let value = match value {
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match number.as_i64() {
            Some(number) if !is_real => Value::Int(number),
            Some(_) | None => Value::Double(number.as_f64()?),
        },
        Json::Null => return None,
        other @ (Json::Array(_) | Json::Object(_)) => Value::Text(other.to_string()),
    };
    Some((plain.to_owned(), value))
}
