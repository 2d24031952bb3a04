//! Type systems: what types there are, and what their features are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::xml::{Element, escape};
use crate::formats::cas::{Type, Types, own_name, range_parts, uima_name};

/// The types that a description declares.
pub(super) fn read(description: &Element) -> Types {
    let mut types = BTreeMap::new();
    let of_types = description.child("types").map(|types| types.children.as_slice()).unwrap_or_default();
    for known in of_types.iter().filter(|child| child.name == "typeDescription") {
        let mut features = BTreeMap::new();
        let of_features =
            known.child("features").map(|features| features.children.as_slice()).unwrap_or_default();
        for feature in of_features.iter().filter(|child| child.name == "featureDescription") {
            features
                .insert(feature.child_text("name").to_owned(), own_name(feature.child_text("rangeTypeName")));
        }
        let supertype = own_name(feature_supertype(known));
        types.insert(own_name(known.child_text("name")), Type { supertype, features });
    }
    Types(types)
}

fn feature_supertype(known: &Element) -> &str {
    known.child_text("supertypeName")
}

/// A description of types.
pub(super) fn write(types: &Types) -> String {
    let mut file = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<typeSystemDescription xmlns=\"http://uima.apache.org/resourceSpecifier\">\n  <types>\n",
    );
    for (name, known) in &types.0 {
        let line = |name: &str, text: &str| format!("<{name}>{}</{name}>", escape(text));
        file.push_str("    <typeDescription>\n");
        let _ = writeln!(file, "      {}\n      <description/>", line("name", uima_name(name)));
        let _ = writeln!(file, "      {}", line("supertypeName", uima_name(&known.supertype)));
        file.push_str("      <features>\n");
        for (feature, range) in &known.features {
            let (range, element) = range_parts(range);
            file.push_str("        <featureDescription>\n");
            let _ = writeln!(file, "          {}\n          <description/>", line("name", feature));
            let _ = writeln!(file, "          {}", line("rangeTypeName", uima_name(range)));
            if let Some(element) = element {
                let _ = writeln!(file, "          {}", line("elementType", uima_name(element)));
            }
            file.push_str("        </featureDescription>\n");
        }
        file.push_str("      </features>\n    </typeDescription>\n");
    }
    file.push_str("  </types>\n</typeSystemDescription>\n");
    file
}
