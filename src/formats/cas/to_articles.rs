//! From a CAS to the articles that its views are.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    feature_names::attributes_of,
    model::{Cas, METADATA, Structure, Value, View},
    type_names::{CHAIN, DEPENDENT, GOVERNOR, HOST, LINK, SLOT, TOKEN, label_of, relation_of, short_name},
};
use crate::{
    domain::attributes::AttributeValue,
    formats::exchange::{AnnotationRecord, ArticleRecord, Sink, SpansRecord, TargetRecord, article_id_of},
    limits::{METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX, METADATA_VALUE_BYTES_MAX},
};

/// The role of what has a feature that refers to another annotation, without a link of its own.
pub(in crate::formats) const OWNER: &str = "owner";
/// The type of what is said of an article as a whole.
pub(in crate::formats) const DOCUMENT_LABEL: &str = "custom.DocumentLabel";
/// The type of metadata.
pub(in crate::formats) const METADATA_FIELD: &str =
    "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.MetaDataStringField";
/// Features of tokens that refer to annotations of the same span, which say it themselves.
pub(in crate::formats) const TOKEN_PARTS: [(&str, &str); 4] =
    [("pos", "POS"), ("lemma", "Lemma"), ("stem", "Stem"), ("morph", "MorphologicalFeatures")];
const PAIRS: [[&str; 2]; 3] = [[GOVERNOR, DEPENDENT], ["Source", "Target"], ["source", "target"]];

/// One view on its way.
struct ViewReading<'c> {
    path: &'c str,
    by_id: HashMap<u64, &'c Structure>,
    /// What is an annotation of this view: a span or a relation.
    annotations: HashSet<u64>,
    /// What other structures use.
    used: HashSet<u64>,
    article: ArticleRecord,
}

/// The articles of a CAS: one a view that has a text, the first called as its file, others with the name of their view.
pub(in crate::formats) fn articles_of(
    cas: &Cas,
    path: &str,
    stem: &str,
    sink: &mut dyn Sink,
) -> Vec<ArticleRecord> {
    let mut articles = Vec::new();
    let texts: Vec<_> = cas.views.iter().filter(|view| view.text.is_some()).collect();
    for view in cas.views.iter().filter(|view| view.text.is_none() && cas.views.len() > 1) {
        sink.loss("uima: a view without a text", format!("{path} {}", view.name));
    }
    let empty = View::default();
    let views = if texts.is_empty() { vec![cas.views.first().unwrap_or(&empty)] } else { texts };
    for (place, view) in views.iter().enumerate() {
        let name = if place == 0 { stem.to_owned() } else { format!("{stem}-{}", view.name) };
        let article = ArticleRecord {
            path: path.to_owned(),
            line: 1,
            id: article_id_of(&name),
            source_uri: path.to_owned(),
            text: view.text.clone().unwrap_or_default(),
            ..ArticleRecord::default()
        };
        let by_id: HashMap<_, _> = cas.structures.iter().map(|structure| (structure.id, structure)).collect();
        let is_here = |structure: &Structure| match structure.reference("sofa") {
            Some(sofa) => sofa == view.id,
            None => place == 0 && structure.range().is_none() || view.members.contains(&structure.id),
        };
        let mut reading =
            ViewReading { path, by_id, annotations: HashSet::new(), used: HashSet::new(), article };
        let here: Vec<_> = cas.structures.iter().filter(|structure| is_here(structure)).collect();
        reading.view(&here, sink);
        articles.push(reading.article);
    }
    articles
}

impl ViewReading<'_> {
    fn view(&mut self, here: &[&Structure], sink: &mut dyn Sink) {
        for structure in here {
            let is_plain = !is_document(structure) && structure.range().is_some();
            if is_plain {
                self.annotations.insert(structure.id);
            }
            for (_, value) in &structure.features {
                match value {
                    Value::Ref(id) => self.used.extend([*id]),
                    Value::Refs(ids) => self.used.extend(ids),
                    Value::Text(_) | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Texts(_) => {}
                }
            }
        }
        for structure in here {
            if is_document(structure) {
                self.document(structure, sink);
            } else if structure.range().is_some() && structure.type_name == METADATA_FIELD {
                self.field(structure, sink);
            } else if let Some(range) = structure.range() {
                self.annotation(structure, range, sink);
            } else if let Some(first) =
                structure.reference("first").filter(|_| structure.type_name.ends_with(CHAIN))
            {
                self.chain(structure, first);
            } else if !self.used.contains(&structure.id) {
                self.whole(structure, sink);
            }
        }
    }

    fn lose(&self, what: &str, structure: &Structure, sink: &mut dyn Sink) {
        sink.loss(what, format!("{}:{} {}", self.path, structure.line, structure.id));
    }

    fn document(&mut self, structure: &Structure, sink: &mut dyn Sink) {
        for (name, value) in &structure.features {
            match (name.as_str(), value) {
                ("language", Value::Text(language)) if language == "x-unspecified" => {}
                ("language", Value::Text(language)) => self.article.language.clone_from(language),
                ("documentTitle", Value::Text(title)) => self.article.title.clone_from(title),
                ("documentUri", Value::Text(uri)) => self.article.source_uri.clone_from(uri),
                ("documentId", Value::Text(id)) if *id == self.article.id => {}
                ("begin" | "end" | "sofa", _) | ("isLastSegment", Value::Bool(false)) => {}
                // Without a type system it is a string.
                ("isLastSegment", Value::Text(text)) if text == "false" => {}
                ("documentId" | "collectionId" | "documentBaseUri", Value::Text(text)) => {
                    self.keep(name, text, structure, sink);
                }
                (_, _) => self.lose("uima: other features of the document", structure, sink),
            }
        }
    }

    fn field(&mut self, structure: &Structure, sink: &mut dyn Sink) {
        if let (Some(key), Some(value)) = (structure.text("key"), structure.text("value")) {
            self.keep(key, value, structure, sink);
        }
    }

    fn keep(&mut self, key: &str, value: &str, structure: &Structure, sink: &mut dyn Sink) {
        let metadata = &mut self.article.metadata;
        let fits = (1..=METADATA_KEY_BYTES_MAX).contains(&key.len())
            && value.len() <= METADATA_VALUE_BYTES_MAX
            && metadata.len() < METADATA_ENTRIES_MAX;
        if fits {
            metadata.insert(key.to_owned(), value.to_owned());
        } else {
            self.lose("metadata that is too long", structure, sink);
        }
    }

    fn annotation(&mut self, structure: &Structure, range: (u64, u64), sink: &mut dyn Sink) {
        let is_there =
            |name: &&str| structure.reference(name).is_some_and(|id| self.annotations.contains(&id));
        let pair = PAIRS.into_iter().find(|pair| pair.iter().all(is_there));
        let skipped: &[&str] = pair.as_ref().map_or(&[], |pair| pair.as_slice());
        let mut attributes = self.attributes(structure, skipped, sink);
        let (label, target) = if let Some(pair) = pair {
            let (label, roles) = relation_of(&structure.type_name, pair, &mut attributes);
            let arguments = roles
                .into_iter()
                .zip(pair)
                .filter_map(|(role, name)| Some((role, structure.reference(name)?.to_string())));
            (label, TargetRecord::Relation(arguments.collect()))
        } else {
            let label = label_of(&structure.type_name, &mut attributes);
            (label, TargetRecord::Spans(SpansRecord::one(range.0, range.1, "")))
        };
        self.put(structure, structure.id.to_string(), label, target, attributes);
    }

    fn put(
        &mut self,
        structure: &Structure,
        id: String,
        label: String,
        target: TargetRecord,
        attributes: BTreeMap<String, AttributeValue>,
    ) {
        let (line, attributes) = (structure.line, attributes_of(attributes));
        self.article.annotations.push(AnnotationRecord {
            line,
            id,
            label,
            target,
            attributes,
            ..AnnotationRecord::default()
        });
    }

    /// What the features of a structure say; those that refer to others become relations.
    fn attributes(
        &mut self,
        structure: &Structure,
        skipped: &[&str],
        sink: &mut dyn Sink,
    ) -> BTreeMap<String, AttributeValue> {
        let mut attributes = BTreeMap::new();
        for (name, value) in &structure.features {
            if ["begin", "end", "sofa"].contains(&name.as_str()) || skipped.contains(&name.as_str()) {
                continue;
            }
            let value = match value {
                Value::Text(text) => AttributeValue::String(text.clone()),
                Value::Bool(value) => AttributeValue::Bool(*value),
                Value::Int(number) => AttributeValue::Int(*number),
                Value::Double(number) => AttributeValue::Double(*number),
                Value::Texts(texts) => AttributeValue::StringList(texts.clone()),
                Value::Ref(id) => {
                    self.references(structure, name, &[*id], sink);
                    continue;
                }
                Value::Refs(ids) => {
                    self.references(structure, name, ids, sink);
                    continue;
                }
            };
            attributes.insert(name.clone(), value);
        }
        attributes
    }

    fn references(&mut self, host: &Structure, feature: &str, ids: &[u64], sink: &mut dyn Sink) {
        let is_chain = feature == "next" && host.type_name.ends_with(LINK);
        let label = format!("{}{SLOT}{feature}", short_name(&host.type_name));
        for id in ids {
            let Some(target) = self.by_id.get(id).copied() else {
                if *id != 0 {
                    self.lose("uima: references to nothing", host, sink);
                }
                continue;
            };
            if is_chain || Self::is_part(host, feature, target) {
                continue;
            }
            if !self.annotations.contains(&host.id) {
                self.lose("uima: references from what is no annotation", host, sink);
            } else if self.annotations.contains(id) {
                let arguments =
                    vec![(OWNER.to_owned(), host.id.to_string()), (String::new(), id.to_string())];
                self.put(
                    host,
                    String::new(),
                    label.clone(),
                    TargetRecord::Relation(arguments),
                    BTreeMap::new(),
                );
            } else if let Some(filler) = target.reference("target").filter(|id| self.annotations.contains(id))
            {
                let others = target.features.iter().filter(|(name, _)| name != "role" && name != "target");
                if others.count() > 0 {
                    self.lose("uima: other features of links", target, sink);
                }
                let role = target.text("role").unwrap_or_default().to_owned();
                let arguments = vec![(HOST.to_owned(), host.id.to_string()), (role, filler.to_string())];
                self.put(
                    target,
                    target.id.to_string(),
                    label.clone(),
                    TargetRecord::Relation(arguments),
                    BTreeMap::new(),
                );
            } else {
                self.lose("uima: references to what is no annotation", host, sink);
            }
        }
    }

    /// Whether a token refers to what is said of it in the same place.
    fn is_part(host: &Structure, feature: &str, target: &Structure) -> bool {
        let part = TOKEN_PARTS.iter().find(|(name, _)| *name == feature);
        let same = short_name(&host.type_name) == TOKEN && host.range() == target.range();
        part.is_some_and(|(_, label)| same && short_name(&target.type_name) == *label)
    }

    fn chain(&mut self, structure: &Structure, first: u64) {
        let (mut links, mut seen) = (Vec::new(), HashSet::new());
        let mut next = Some(first);
        while let Some(link) = next.filter(|link| self.annotations.contains(link) && seen.insert(*link)) {
            links.push((String::new(), link.to_string()));
            next = self.by_id.get(&link).and_then(|link| link.reference("next"));
        }
        if !links.is_empty() {
            let label = short_name(&structure.type_name).to_owned();
            self.put(
                structure,
                structure.id.to_string(),
                label,
                TargetRecord::Relation(links),
                BTreeMap::new(),
            );
        }
    }

    /// What is no annotation and used by none is about the article as a whole.
    fn whole(&mut self, structure: &Structure, sink: &mut dyn Sink) {
        if structure.type_name.starts_with("uima.") || structure.type_name.ends_with("[]") {
            self.lose("uima: arrays and lists that nothing uses", structure, sink);
            return;
        }
        let mut attributes = self.attributes(structure, &[], sink);
        let label = match attributes.remove("label") {
            Some(AttributeValue::String(label)) if structure.type_name == DOCUMENT_LABEL => label,
            Some(other) => {
                attributes.insert("label".to_owned(), other);
                short_name(&structure.type_name).to_owned()
            }
            None => short_name(&structure.type_name).to_owned(),
        };
        self.put(structure, structure.id.to_string(), label, TargetRecord::Article, attributes);
    }
}

fn is_document(structure: &Structure) -> bool {
    matches!(structure.type_name.as_str(), METADATA | "uima.tcas.DocumentAnnotation")
}
