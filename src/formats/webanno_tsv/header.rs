//! What a file says of its layers, a line each: `#T_SP=webanno.custom.Referent|entity|infstat`.

use std::fmt::Write as _;
/// A layer, and what its columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    /// What kind of annotations it has.
    pub(super) kind: LayerKind,
    /// Their type.
    pub(super) type_name: String,
    /// Its columns; at least one.
    pub(super) columns: Vec<Column>,
}

/// What kind of annotations a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerKind {
    /// Spans.
    Span,
    /// Relations.
    Relation,
    /// Links of chains.
    Chain,
}

/// What a column says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// That something is there.
    Placeholder,
    /// The value of a feature.
    Feature(String),
    /// The roles of the links of a feature.
    Roles {
        /// The feature.
        feature: String,
        /// The type of its links.
        link: String,
    },
    /// What the links of the column before it lead to.
    Targets(String),
    /// Where a relation comes from.
    Base(String),
}

const ROLES: &str = "ROLE_";
const BASE: &str = "BT_";

impl LayerKind {
    const ALL: [Self; 3] = [Self::Span, Self::Relation, Self::Chain];

    /// What its lines begin with, after `#`.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Span => "T_SP=",
            Self::Relation => "T_RL=",
            Self::Chain => "T_CH=",
        }
    }
}

impl Layer {
    /// The layer of a line without its `#`; none if the line is about something else.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(line: &str) -> Option<Result<Self, String>> {
        let with = |kind: LayerKind| line.strip_prefix(kind.prefix()).map(|rest| (kind, rest));
        let (kind, rest) = LayerKind::ALL.into_iter().find_map(with)?;
        let mut fields = rest.split('|');
        let type_name = fields.next().unwrap_or_default().to_owned();
        if type_name.is_empty() {
            return Some(Err("the layer has no type; it is #T_SP=type|feature".to_owned()));
        }
        let mut columns: Vec<Column> = Vec::new();
        for field in fields {
            let column = match columns.last() {
                Some(Column::Roles { .. }) => Column::Targets(field.to_owned()),
                Some(_) | None => match column(kind, field) {
                    Ok(column) => column,
                    Err(message) => return Some(Err(message)),
                },
            };
            columns.push(column);
        }
        if columns.is_empty() {
            columns.push(Column::Placeholder);
        }
        Some(Ok(Self { kind, type_name, columns }))
    }

    /// Its line, without the `#`.
    pub(super) fn line(&self) -> String {
        let Self { kind, type_name, columns } = self;
        let mut line = [kind.prefix(), type_name].concat();
        for column in columns {
            line.push('|');
            match column {
                Column::Placeholder => {}
                Column::Feature(name) | Column::Targets(name) => line.push_str(name),
                Column::Roles { feature, link } => {
                    let _ = write!(line, "{ROLES}{type_name}:{feature}_{link}");
                }
                Column::Base(name) => line.push_str(&[BASE, name].concat()),
            }
        }
        line
    }

    /// The type of what its relations are between.
    pub(super) fn base(&self) -> Option<&str> {
        self.columns.iter().find_map(|column| match column {
            Column::Base(name) => Some(name.as_str()),
            Column::Placeholder | Column::Feature(_) | Column::Roles { .. } | Column::Targets(_) => None,
        })
    }
}

fn column(kind: LayerKind, field: &str) -> Result<Column, String> {
    if field.is_empty() {
        return Ok(Column::Placeholder);
    }
    if let Some(base) = field.strip_prefix(BASE).filter(|_| kind == LayerKind::Relation) {
        return Ok(Column::Base(base.to_owned()));
    }
    let Some(slot) = field.strip_prefix(ROLES).filter(|_| kind == LayerKind::Span) else {
        return Ok(Column::Feature(field.to_owned()));
    };
    let parts = slot.split_once(':').and_then(|(_, rest)| rest.split_once('_'));
    let (feature, link) =
        parts.ok_or_else(|| format!("the column {field:?} is not ROLE_type:feature_linktype"))?;
    Ok(Column::Roles { feature: feature.to_owned(), link: link.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_come_back() {
        let check = |line: &str, columns: usize| {
            let layer = Layer::parse(line).unwrap().unwrap();
            assert_eq!((layer.line().as_str(), layer.columns.len()), (line, columns));
        };
        check("T_SP=webanno.custom.Referent|entity|infstat", 2);
        check("T_SP=webanno.custom.SimpleSpan|", 1);
        check(
            "T_SP=webanno.custom.Host|ROLE_webanno.custom.Host:links_webanno.custom.HostLink|uima.tcas.Annotation|value",
            3,
        );
        check("T_RL=webanno.custom.Coref|type|BT_webanno.custom.Referent", 2);
        check("T_CH=webanno.custom.SimpleLink|referenceRelation|referenceType", 2);
        assert_eq!(Layer::parse("Summary=x"), None);
        assert!(Layer::parse("T_SP=").unwrap().is_err());
    }
}
