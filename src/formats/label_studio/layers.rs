//! Which annotation of a task, or prediction, is which layer.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::exchange::{article_id_of, json_text_of};
use crate::domain::ids::LayerId;

/// The lists of a task that hold results; those of the last one are suggestions.
pub(super) const LISTS: [&str; 3] = ["annotations", "completions", "predictions"];
/// The list of suggestions.
pub(super) const PREDICTIONS: &str = "predictions";

/// Names layers for a task's annotations, in their order.
#[derive(Debug, Default)]
pub(super) struct Layers {
    used: HashSet<String>,
}

impl Layers {
    /// The layer of an annotation of the list `list`; none is the import's.
    pub(super) fn of(&mut self, list: &str, annotation: &Map<String, Value>) -> Option<String> {
        let name = if list == PREDICTIONS {
            let version = annotation.get("model_version").map(json_text_of);
            version
                .filter(|version| !version.is_empty() && version != "null")
                .or(Some("prediction".to_owned()))
        } else {
            annotator(annotation.get("completed_by"))
        };
        let name = name.map(|name| article_id_of(&name));
        let first = name.clone().unwrap_or_else(|| LayerId::DEFAULT.to_owned());
        if self.used.insert(first.clone()) {
            return name;
        }
        let mut number = 2_u32;
        loop {
            let next = format!("{first}-{number}");
            if self.used.insert(next.clone()) {
                return Some(next);
            }
            number = number.saturating_add(1);
        }
    }
}

fn annotator(completed_by: Option<&Value>) -> Option<String> {
    match completed_by? {
        Value::Object(user) => match (user.get("email"), user.get("id")) {
            (Some(Value::String(email)), _) if !email.is_empty() => Some(email.clone()),
            (_, Some(id)) => Some(format!("annotator-{}", json_text_of(id))),
            (_, None) => None,
        },
        Value::Number(id) => Some(format!("annotator-{id}")),
        Value::String(name) if !name.is_empty() => Some(name.clone()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => None,
    }
}
