//! From articles to their files.

use std::fmt::Write as _;
use std::{
    collections::{BTreeMap, HashSet},
    io,
};

use super::{
    FACTS, type_system,
    xml::{escape, is_character},
};
use crate::formats::{
    cas::{Cas, Structure, Types, Value, cas_of, count_id_losses},
    exchange::{ArticleContents, Output, ProjectContents, Writer, count_project_losses, file_path_of},
};

/// Writes a file an article, and the types of all.
#[derive(Debug, Default)]
pub(super) struct XmiWriter {
    types: Types,
}

const TYPES_PATH: &str = "TypeSystem.xml";

impl Writer for XmiWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let cas = cas_of(article, FACTS.carries, &mut self.types, output);
        let stem = file_path_of(&article.id, &article.details.source_uri);
        let path = format!("{stem}.xmi");
        count_id_losses(article, &stem, output);
        if !article.text.as_str().chars().all(is_character) {
            output.loss("uima-xmi: characters that XML does not have", article.id.to_string());
        }
        output.write(&path, document(&cas).as_bytes())?;
        output.close(&path)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.write(TYPES_PATH, type_system::write(&self.types).as_bytes())?;
        output.close(TYPES_PATH)
    }
}

/// The prefixes of the namespaces of types.
struct Prefixes(BTreeMap<String, String>);

impl Prefixes {
    fn of(cas: &Cas) -> Self {
        let mut prefixes = BTreeMap::from([("uima.cas".to_owned(), "cas".to_owned())]);
        let mut taken = HashSet::from(["cas".to_owned(), "xmi".to_owned()]);
        for structure in &cas.structures {
            let (package, _) = split(&structure.type_name);
            if prefixes.contains_key(package) {
                continue;
            }
            let last = package.rsplit('.').next().unwrap_or(package);
            let mut names =
                std::iter::once(last.to_owned()).chain((2..).map(|number: u64| format!("{last}{number}")));
            if let Some(prefix) =
                names.find(|name| !name.to_ascii_lowercase().starts_with("xml") && taken.insert(name.clone()))
            {
                prefixes.insert(package.to_owned(), prefix);
            }
        }
        Self(prefixes)
    }

    fn element(&self, type_name: &str) -> String {
        let (package, name) = split(type_name);
        format!("{}:{name}", self.0.get(package).map(String::as_str).unwrap_or_default())
    }
}

fn split(type_name: &str) -> (&str, &str) {
    type_name.rsplit_once('.').unwrap_or(("noNamespace", type_name))
}

fn document(cas: &Cas) -> String {
    let prefixes = Prefixes::of(cas);
    let mut file = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xmi:XMI xmlns:xmi=\"http://www.omg.org/XMI\"",
    );
    for (package, prefix) in &prefixes.0 {
        let package = if package == "noNamespace" { "uima.noNamespace" } else { package };
        let _ = write!(file, " xmlns:{prefix}=\"http:///{}.ecore\"", package.replace('.', "/"));
    }
    file.push_str(" xmi:version=\"2.0\">\n  <cas:NULL xmi:id=\"0\"/>\n");
    for structure in &cas.structures {
        element(structure, &prefixes, &mut file);
    }
    for (view, number) in cas.views.iter().zip(1_u64..) {
        let text = view.text.as_deref().unwrap_or_default();
        let _ = writeln!(
            file,
            "  <cas:Sofa xmi:id=\"{}\" sofaNum=\"{number}\" sofaID=\"{}\" mimeType=\"text/plain\" sofaString=\"{}\"/>",
            view.id,
            escape(&view.name),
            escape(text)
        );
    }
    for view in &cas.views {
        let _ = writeln!(file, "  <cas:View sofa=\"{}\" members=\"{}\"/>", view.id, joined(&view.members));
    }
    file.push_str("</xmi:XMI>\n");
    file
}

fn element(structure: &Structure, prefixes: &Prefixes, file: &mut String) {
    let name = prefixes.element(&structure.type_name);
    let _ = write!(file, "  <{name} xmi:id=\"{}\"", structure.id);
    let mut children = String::new();
    for (feature, value) in &structure.features {
        let value = match value {
            Value::Text(text) => escape(text),
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Double(number) => number.to_string(),
            Value::Ref(id) => id.to_string(),
            Value::Refs(ids) => joined(ids),
            Value::Texts(texts) if texts.is_empty() => String::new(),
            Value::Texts(texts) => {
                for text in texts {
                    let _ = write!(children, "<{feature}>{}</{feature}>", escape(text));
                }
                continue;
            }
        };
        let _ = write!(file, " {feature}=\"{value}\"");
    }
    if children.is_empty() {
        file.push_str("/>\n");
    } else {
        let _ = writeln!(file, ">{children}</{name}>");
    }
}

fn joined(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}
