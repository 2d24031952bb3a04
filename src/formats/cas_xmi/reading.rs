//! From files to the articles in them.

use std::collections::{HashMap, HashSet};

use super::{
    type_system,
    xml::{Element, parse},
};
use crate::formats::{
    cas::{
        Cas, DEPENDENT, GOVERNOR, NO_NAMESPACE, SOFA, Structure, Types, Value, View, articles_of,
        is_text_list, value_in,
    },
    exchange::{FileProblem, Reader, Record, Sink, SourceFile, Stopped},
};

/// Reads files of one CAS each, and type systems.
#[derive(Debug, Default)]
pub(super) struct XmiReader {
    types: Option<Types>,
    /// Files that wait for a type system.
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    path: String,
    stem: String,
    whole: Element,
}

/// What waits in memory, in bytes of files.
const WAITING_BYTES_MAX: usize = 16 << 20;
const XMI: &str = "xmi:XMI";
const TYPE_SYSTEM: &str = "typeSystemDescription";
/// Namespaces are `http:///a/b.ecore` for types in `a.b`.
const NAMESPACE: (&str, &str) = ("http:///", ".ecore");
const WITHOUT_NAMESPACE: &str = "uima/noNamespace";

impl Reader for XmiReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let text = match file.whole_document()? {
            Ok(text) => text,
            Err(problem) => return sink.problem(problem),
        };
        let whole = match parse(&text) {
            Ok(whole) => whole,
            Err((line, message)) => return sink.problem(file.invalid(line, message)),
        };
        match whole.name.as_str() {
            TYPE_SYSTEM => {
                let more = type_system::read(&whole);
                self.types.get_or_insert_default().0.extend(more.0);
                self.waited(sink)
            }
            XMI => {
                let (path, stem) = (file.path().to_owned(), file.stem().to_owned());
                self.waiting.push(Waiting { path, stem, whole });
                self.waiting_bytes += text.len();
                if self.types.is_some() || self.waiting_bytes > WAITING_BYTES_MAX {
                    self.waited(sink)
                } else {
                    Ok(())
                }
            }
            other => {
                let message = format!("is <{other}>; a CAS is <{XMI}>, and its types are <{TYPE_SYSTEM}>");
                sink.problem(file.invalid(whole.line, message))
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        self.waited(sink)
    }
}

impl XmiReader {
    /// Reads what waited.
    fn waited(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        self.waiting_bytes = 0;
        let types = self.types.clone().unwrap_or_default();
        for Waiting { path, stem, whole } in std::mem::take(&mut self.waiting) {
            let mut reading = CasReading {
                types: &types,
                ids: HashSet::new(),
                inlined: HashSet::new(),
                problems: Vec::new(),
            };
            let cas = reading.cas(&whole);
            for (line, message) in reading.problems {
                sink.problem(FileProblem::invalid(&path, line, message))?;
            }
            for article in articles_of(&cas, &path, &stem, sink) {
                sink.record(Record::Article(Box::new(article)))?;
            }
        }
        Ok(())
    }
}

struct CasReading<'t> {
    types: &'t Types,
    ids: HashSet<u64>,
    /// Arrays and lists that stand where they are used by now.
    inlined: HashSet<u64>,
    problems: Vec<(u64, String)>,
}

impl CasReading<'_> {
    fn cas(&mut self, whole: &Element) -> Cas {
        let namespaces: HashMap<&str, &str> = whole
            .attributes
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("xmlns:")?, value.as_str())))
            .collect();
        let mut cas = Cas::default();
        let mut elements = Vec::new();
        for element in &whole.children {
            let Some(type_name) = type_of(element, &namespaces) else {
                let message =
                    format!("the namespace of <{}> is not declared as xmlns: at the top", element.name);
                self.problems.push((element.line, message));
                continue;
            };
            let id = element.attribute("xmi:id").and_then(|id| id.parse().ok());
            match (type_name.as_str(), id) {
                ("uima.cas.NULL", _) => {}
                ("uima.cas.View", _) => cas.views.push(View {
                    id: element.attribute("sofa").and_then(|id| id.parse().ok()).unwrap_or_default(),
                    members: ids(element.attribute("members").unwrap_or_default()),
                    ..View::default()
                }),
                (_, Some(id)) if self.ids.insert(id) => elements.push((id, type_name, element)),
                (_, id) => {
                    let message = match id {
                        Some(id) => format!("xmi:id=\"{id}\" is there twice; the first one stands"),
                        None => format!("<{}> has no number as xmi:id", element.name),
                    };
                    self.problems.push((element.line, message));
                }
            }
        }
        for (id, _, element) in elements.iter().filter(|(_, type_name, _)| type_name == SOFA) {
            let view =
                match cas.views.iter().position(|view| view.id == *id).and_then(|at| cas.views.get_mut(at)) {
                    Some(view) => view,
                    None => cas.views.push_mut(View { id: *id, ..View::default() }),
                };
            element.attribute("sofaID").unwrap_or_default().clone_into(&mut view.name);
            view.text = element.attribute("sofaString").map(str::to_owned);
        }
        cas.views.retain(|view| !view.name.is_empty() || !view.members.is_empty());
        let lists = lists(&elements);
        for (id, type_name, element) in elements.iter().filter(|(_, type_name, _)| type_name != SOFA) {
            let mut structure =
                Structure { id: *id, type_name: type_name.clone(), line: element.line, features: Vec::new() };
            for (name, written) in &element.attributes {
                if !name.starts_with("xmi:") && !name.starts_with("xmlns") {
                    let value = self.value(&structure, name, written, &lists);
                    structure.features.push((name.clone(), value));
                }
            }
            for child in &element.children {
                match structure.features.iter_mut().find(|(name, _)| *name == child.name) {
                    Some((_, Value::Texts(texts))) => texts.push(child.text.clone()),
                    Some(_) => {}
                    None => {
                        structure.features.push((child.name.clone(), Value::Texts(vec![child.text.clone()])));
                    }
                }
            }
            cas.structures.push(structure);
        }
        cas.structures.retain(|structure| !self.inlined.contains(&structure.id));
        cas
    }

    fn value(
        &mut self,
        structure: &Structure,
        name: &str,
        written: &str,
        lists: &HashMap<u64, Value>,
    ) -> Value {
        let range = match name {
            "begin" | "end" => "uima.cas.Integer",
            "sofa" => SOFA,
            _ => self
                .types
                .range(&structure.type_name, name)
                .unwrap_or_else(|| self.usual_range(name, written)),
        };
        let value = value_in(range, written);
        // An array or list of its own, which others may share.
        let shared = match &value {
            Some(Value::Ref(id)) => Some(*id),
            Some(Value::Refs(ids)) => ids.first().copied().filter(|_| ids.len() == 1),
            Some(Value::Texts(texts)) if is_text_list(range) && texts.len() == 1 => {
                texts.first().and_then(|id| id.parse().ok())
            }
            Some(Value::Text(_) | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Texts(_))
            | None => None,
        };
        if let Some((id, list)) = shared.and_then(|id| Some((id, lists.get(&id)?))) {
            self.inlined.insert(id);
            return list.clone();
        }
        value.unwrap_or_else(|| {
            let message =
                format!("{name} of xmi:id=\"{}\" is {written:?}, which is no {range}", structure.id);
            self.problems.push((structure.line, message));
            Value::Text(written.to_owned())
        })
    }

    /// The range of a feature that no type system declares.
    fn usual_range(&self, name: &str, written: &str) -> &'static str {
        const REFERENCES: [&str; 15] = [
            GOVERNOR, DEPENDENT, "Source", "Target", "source", "target", "first", "next", "pos", "lemma",
            "stem", "morph", "parent", "head", "tail",
        ];
        const LISTS: [&str; 5] = ["links", "arguments", "tags", "children", "elements"];
        let all =
            written.split_whitespace().map(|id| id.parse::<u64>().ok().filter(|id| self.ids.contains(id)));
        let are_ids = all.clone().all(|id| id.is_some()) && all.count() > 0;
        match name {
            _ if are_ids && REFERENCES.contains(&name) => "uima.cas.TOP",
            _ if (are_ids || written.is_empty()) && LISTS.contains(&name) => "uima.cas.FSArray",
            _ => "uima.cas.String",
        }
    }
}

/// What arrays and lists hold that are structures of their own.
fn lists(elements: &[(u64, String, &Element)]) -> HashMap<u64, Value> {
    let mut lists = HashMap::new();
    let mut nodes: HashMap<u64, (&str, &Element)> = HashMap::new();
    for (id, type_name, element) in elements {
        let written = element.attribute("elements").unwrap_or_default();
        if type_name == "uima.cas.FSArray" {
            lists.insert(*id, Value::Refs(ids(written)));
        } else if is_text_list(type_name) && type_name.ends_with("Array") {
            let children = element.children.iter().map(|child| child.text.clone());
            lists.insert(
                *id,
                Value::Texts(written.split_whitespace().map(str::to_owned).chain(children).collect()),
            );
        } else if type_name.starts_with("uima.cas.") && type_name.ends_with("List") {
            nodes.insert(*id, (type_name, element));
        }
    }
    for (id, (type_name, _)) in &nodes {
        let (mut heads, mut seen, mut next) = (Vec::new(), HashSet::new(), Some(*id));
        while let Some(at) = next.filter(|at| seen.insert(*at)) {
            let Some((_, node)) = nodes.get(&at) else { break };
            heads.extend(node.attribute("head").map(str::to_owned));
            next = node.attribute("tail").and_then(|tail| tail.parse().ok());
        }
        let is_structures = type_name.ends_with("FSList");
        lists.insert(
            *id,
            if is_structures { Value::Refs(ids(&heads.join(" "))) } else { Value::Texts(heads) },
        );
    }
    lists
}

fn ids(written: &str) -> Vec<u64> {
    written.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

fn type_of(element: &Element, namespaces: &HashMap<&str, &str>) -> Option<String> {
    let (prefix, name) = element.name.split_once(':')?;
    let namespace = namespaces.get(prefix)?.strip_prefix(NAMESPACE.0)?.strip_suffix(NAMESPACE.1)?;
    Some(match namespace {
        WITHOUT_NAMESPACE => [NO_NAMESPACE, name].concat(),
        package => [&package.replace('/', "."), ".", name].concat(),
    })
}
