//! A CAS: a text, and what is said of it, as typed structures with features.

use std::collections::BTreeMap;

/// What a feature says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::formats) enum Value {
    /// A string.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Strings.
    Texts(Vec<String>),
    /// Another structure.
    Ref(u64),
    /// Others.
    Refs(Vec<u64>),
}

/// A structure.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::formats) struct Structure {
    /// Its number in the file.
    pub(in crate::formats) id: u64,
    /// Its type, `noNamespace.` before one without a namespace.
    pub(in crate::formats) type_name: String,
    /// The line that it stands on; 0 where that says nothing.
    pub(in crate::formats) line: u64,
    /// What it says, in the order of the file.
    pub(in crate::formats) features: Vec<(String, Value)>,
}

/// A view: a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::formats) struct View {
    /// The number of its sofa.
    pub(in crate::formats) id: u64,
    /// Its name, `_InitialView` for the first one.
    pub(in crate::formats) name: String,
    /// Its text; none for one of something else.
    pub(in crate::formats) text: Option<String>,
    /// The numbers of what is in it, where the file says.
    pub(in crate::formats) members: Vec<u64>,
}

/// A CAS.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::formats) struct Cas {
    /// Its views.
    pub(in crate::formats) views: Vec<View>,
    /// What is in it.
    pub(in crate::formats) structures: Vec<Structure>,
}

/// Types, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::formats) struct Types(pub(in crate::formats) BTreeMap<String, Type>);

/// A type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::formats) struct Type {
    /// What it is a kind of.
    pub(in crate::formats) supertype: String,
    /// The ranges of its own features, by name.
    pub(in crate::formats) features: BTreeMap<String, String>,
}

/// Before types without a namespace.
pub(in crate::formats) const NO_NAMESPACE: &str = "noNamespace.";
/// The type of annotations.
pub(in crate::formats) const ANNOTATION: &str = "uima.tcas.Annotation";
/// The type of strings; and so on.
pub(in crate::formats) const STRING: &str = "uima.cas.String";
/// Lists of strings.
pub(in crate::formats) const STRING_ARRAY: &str = "uima.cas.StringArray";
/// Lists of structures.
pub(in crate::formats) const FS_ARRAY: &str = "uima.cas.FSArray";
/// Any structure.
pub(in crate::formats) const TOP: &str = "uima.cas.TOP";
/// What the documents' own data are.
pub(in crate::formats) const METADATA: &str =
    "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData";
/// The text of a view.
pub(in crate::formats) const SOFA: &str = "uima.cas.Sofa";

impl Structure {
    /// What a feature says.
    pub(in crate::formats) fn get(&self, name: &str) -> Option<&Value> {
        self.features.iter().find(|(feature, _)| feature == name).map(|(_, value)| value)
    }

    /// The string that a feature says.
    pub(in crate::formats) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            Value::Bool(_)
            | Value::Int(_)
            | Value::Double(_)
            | Value::Texts(_)
            | Value::Ref(_)
            | Value::Refs(_) => None,
        }
    }

    /// The structure that a feature refers to.
    pub(in crate::formats) fn reference(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Ref(id) => Some(*id),
            Value::Text(_)
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Double(_)
            | Value::Texts(_)
            | Value::Refs(_) => None,
        }
    }

    /// Where it begins and ends, if it is an annotation.
    pub(in crate::formats) fn range(&self) -> Option<(u64, u64)> {
        let offset = |name| match self.get(name)? {
            Value::Int(offset) => u64::try_from(*offset).ok(),
            Value::Text(_)
            | Value::Bool(_)
            | Value::Double(_)
            | Value::Texts(_)
            | Value::Ref(_)
            | Value::Refs(_) => None,
        };
        Some((offset("begin")?, offset("end")?))
    }
}

impl Types {
    /// The range of a feature of a type, or of what it is a kind of.
    pub(in crate::formats) fn range(&self, type_name: &str, feature: &str) -> Option<&str> {
        let mut name = type_name;
        // No type is a kind of itself; one file may say so.
        for _ in 0..64 {
            let known = self.0.get(name)?;
            if let Some(range) = known.features.get(feature) {
                return Some(range);
            }
            name = &known.supertype;
        }
        None
    }

    /// Declares a feature, unless it is there. Answers its range.
    pub(in crate::formats) fn declare(
        &mut self,
        type_name: &str,
        supertype: &str,
        feature: Option<(&str, &str)>,
    ) {
        let new = || Type { supertype: supertype.to_owned(), ..Type::default() };
        let known = self.0.entry(type_name.to_owned()).or_insert_with(new);
        if let Some((name, range)) = feature {
            known.features.entry(name.to_owned()).or_insert_with(|| range.to_owned());
        }
    }
}

/// What the written form of a value says in a range; none where that has no single value.
pub(in crate::formats) fn value_in(range: &str, written: &str) -> Option<Value> {
    match range {
        "uima.cas.Boolean" => Some(Value::Bool(written == "true" || written == "1")),
        "uima.cas.Byte" | "uima.cas.Short" | "uima.cas.Integer" | "uima.cas.Long" => {
            written.parse().ok().map(Value::Int)
        }
        "uima.cas.Float" | "uima.cas.Double" => {
            let number = written.parse::<f64>().ok().filter(|number| number.is_finite());
            Some(number.map_or_else(|| Value::Text(written.to_owned()), Value::Double))
        }
        _ if is_reference_list(range) => {
            written.split_whitespace().map(|id| id.parse().ok()).collect::<Option<_>>().map(Value::Refs)
        }
        _ if is_text_list(range) => {
            Some(Value::Texts(written.split_whitespace().map(str::to_owned).collect()))
        }
        _ if range.starts_with("uima.cas.String") => Some(Value::Text(written.to_owned())),
        _ => match written.parse() {
            Ok(id) => Some(Value::Ref(id)),
            // A kind of strings.
            Err(_) => Some(Value::Text(written.to_owned())),
        },
    }
}

/// Whether a range is a list of structures.
pub(in crate::formats) fn is_reference_list(range: &str) -> bool {
    matches!(range, FS_ARRAY | "uima.cas.FSList" | "uima.cas.NonEmptyFSList")
        || range.ends_with("[]") && !is_text_list(range)
}

/// Whether a range is a list of strings, or of numbers.
pub(in crate::formats) fn is_text_list(range: &str) -> bool {
    const KINDS: [&str; 8] = ["String", "Integer", "Float", "Boolean", "Byte", "Short", "Long", "Double"];
    let kind = range.strip_prefix("uima.cas.").unwrap_or_default();
    let is = |suffix: &str| kind.strip_suffix(suffix).is_some_and(|kind| KINDS.contains(&kind));
    is("Array") || is("List") || is("[]")
}
