//! How a file is laid out, where that is not as it would be written anyway.

use std::collections::BTreeMap;

use super::super::brat_standoff::Line;
use crate::limits::METADATA_VALUE_BYTES_MAX;

/// The article's metadata that keeps the order of lines that say something of others.
const ORDER: &str = "brat.order";
/// The article's metadata that keeps what is said of an annotation before what.
const RANKS: &str = "brat.ranks";
/// The article's metadata that keeps how lines are written.
const STYLE: &str = "brat.style";

/// How a file is laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The keys of all lines in order; none where they are in the usual one.
    pub(super) order: Option<Vec<LineKey>>,
    pub(super) ranks: Ranks,
    pub(super) style: Style,
}

/// What is said of an annotation before what: letters with names, such as `#Lemma ANUM`. Empty is the usual order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranks(Vec<String>);

impl Ranks {
    /// The one order of names that all annotations of a file have what is said of them in, if there is one.
    pub(super) fn of(lines: &[LineKey]) -> Option<Self> {
        let mut names: Vec<String> = Vec::new();
        let mut before: Vec<(String, String)> = Vec::new();
        for pair in lines.windows(2) {
            let [first, second] = pair else { continue };
            for key in pair {
                if let Some(name) = Self::name(key)
                    && !names.contains(&name)
                {
                    names.push(name);
                }
            }
            let same_target = first.of.as_ref().zip(second.of.as_ref()).is_some_and(|(a, b)| a.0 == b.0);
            if let (Some(a), Some(b)) = (Self::name(first), Self::name(second))
                && same_target
                && a != b
                && !before.contains(&(a.clone(), b.clone()))
            {
                before.push((a, b));
            }
        }
        let mut ranks = Vec::with_capacity(names.len());
        while !names.is_empty() {
            let is_first = |name: &String| !before.iter().any(|(_, later)| later == name);
            let place = names.iter().position(is_first)?;
            let name = names.remove(place);
            before.retain(|(earlier, _)| *earlier != name);
            ranks.push(name);
        }
        Some(Self(ranks))
    }

    /// Puts what is said of one annotation into this order.
    pub(super) fn sort(&self, lines: &mut [Line]) {
        let rank = |line: &Line| {
            let name = Self::name(&LineKey::of(line));
            self.0.iter().position(|other| Some(other) == name.as_ref()).unwrap_or(self.0.len())
        };
        lines.sort_by_key(rank);
    }

    /// The letter and the name of a line that says something of another one.
    fn name(key: &LineKey) -> Option<String> {
        let (_, name) = key.of.as_ref()?;
        let letter = key.id.chars().next().unwrap_or('A');
        Some(format!("{}{name}", if letter == 'M' { 'A' } else { letter }))
    }
}

/// How lines are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each says one thing of a file")]
pub(super) struct Style {
    /// Whether a tab ends the lines of relations, as newer versions write it.
    pub(super) relations_end_with_tab: bool,
    /// Whether lines end with a carriage return, too.
    pub(super) carriage_returns: bool,
    /// Whether the last line has no break.
    pub(super) is_unended: bool,
    /// Whether quotes of several fragments have dots between them.
    pub(super) has_dots: bool,
}

/// A line, by its id, and for one that says something of another one by what it says: its target, and its name or kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LineKey {
    pub(super) id: String,
    /// Target and name; several of one name are told apart by their order.
    pub(super) of: Option<(String, String)>,
}

impl LineKey {
    pub(super) fn of(line: &Line) -> Self {
        let both = |target: &String, name: &String| Some((target.clone(), name.clone()));
        match line {
            Line::Mention { id, .. } | Line::Event { id, .. } | Line::Relation { id, .. } => {
                Self { id: id.clone(), of: None }
            }
            Line::Equivalence { .. } => Self { id: "*".to_owned(), of: None },
            Line::Attribute { id, name, target, value: _ } => Self { id: id.clone(), of: both(target, name) },
            Line::Note { id, kind, target, text: _ } => Self { id: id.clone(), of: both(target, kind) },
            Line::Reference { id, kind, target, entry: _, text: _ } => {
                Self { id: id.clone(), of: both(target, kind) }
            }
        }
    }
}

impl Layout {
    /// Puts it into metadata, as far as it fits; answers whether it does.
    pub(super) fn keep(&self, metadata: &mut BTreeMap<String, String>) -> bool {
        let style = self.style.words();
        if !style.is_empty() {
            metadata.insert(STYLE.to_owned(), style);
        }
        let ranks = self.ranks.0.join(" ");
        if !ranks.is_empty() && ranks.len() <= METADATA_VALUE_BYTES_MAX {
            metadata.insert(RANKS.to_owned(), ranks);
        }
        let Some(order) = &self.order else { return true };
        let word = |key: &LineKey| match &key.of {
            Some((target, name)) => format!("{}={target}/{name}", key.id),
            None => key.id.clone(),
        };
        let order = order.iter().map(word).collect::<Vec<_>>().join(" ");
        let fits = order.len() <= METADATA_VALUE_BYTES_MAX;
        if fits {
            metadata.insert(ORDER.to_owned(), order);
        }
        fits
    }

    pub(super) fn kept(metadata: &BTreeMap<String, String>) -> Self {
        let key = |word: &str| match word.split_once('=') {
            Some((id, of)) => {
                let (target, name) = of.split_once('/').unwrap_or((of, ""));
                LineKey { id: id.to_owned(), of: Some((target.to_owned(), name.to_owned())) }
            }
            None => LineKey { id: word.to_owned(), of: None },
        };
        let order = metadata.get(ORDER).map(|order| order.split(' ').map(key).collect());
        let ranks = metadata.get(RANKS).map(|ranks| ranks.split(' ').map(str::to_owned).collect());
        let ranks = Ranks(ranks.unwrap_or_default());
        Self { order, ranks, style: Style::read(metadata.get(STYLE).map_or("", String::as_str)) }
    }

    /// Whether this is its own, among an article's metadata.
    pub(super) fn is_key(name: &str) -> bool {
        [ORDER, RANKS, STYLE].contains(&name)
    }
}

impl Style {
    fn words(&self) -> String {
        let Self { relations_end_with_tab, carriage_returns, is_unended, has_dots } = self;
        let words = [
            (*relations_end_with_tab, "tabs"),
            (*carriage_returns, "crlf"),
            (*is_unended, "unended"),
            (*has_dots, "dots"),
        ];
        words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
    }

    fn read(words: &str) -> Self {
        let has = |word: &str| words.split(' ').any(|other| other == word);
        Self {
            relations_end_with_tab: has("tabs"),
            carriage_returns: has("crlf"),
            is_unended: has("unended"),
            has_dots: has("dots"),
        }
    }

    /// What stands between fragments in a quote.
    pub(super) fn joiner(&self) -> &'static str {
        if self.has_dots { " ... " } else { " " }
    }
}
