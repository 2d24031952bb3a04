//! What the columns of a file are: as its first line says, or as its rows show.

use super::tags::Tag;

/// What stands between the columns of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// A tab.
    Tab,
    /// Spaces, or tabs.
    Space,
    /// `|`, and a space between tokens, and a line a sentence, as spaCy has it.
    Bar,
}

/// What a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// The number of the token in its sentence, from 1.
    Id,
    /// The token.
    Form,
    /// Tags; of several that are different in kind, each has a name.
    Tag(String),
    /// Something else of the token, and what says that it has none of it.
    Attribute(String, Option<String>),
}

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// What stands between them.
    pub(super) separator: Separator,
    /// The columns.
    pub(super) columns: Vec<Column>,
    /// Whether the file itself says them.
    pub(super) is_declared: bool,
}

/// The columns of CoNLL-2003.
const CONLL_2003: usize = 4;
/// What stands where there is nothing to say.
const NOTHING: [&str; 3] = ["_", "-", ""];
/// Rows that are looked at for what a column is.
const ROWS_SEEN_MAX: usize = 1_000;

impl Separator {
    fn name(self) -> &'static str {
        match self {
            Self::Tab => "tab",
            Self::Space => "space",
            Self::Bar => "bar",
        }
    }

    /// The fields of a row.
    pub(super) fn split(self, row: &str) -> Vec<&str> {
        match self {
            Self::Tab => row.split('\t').collect(),
            Self::Space => row.split([' ', '\t']).filter(|field| !field.is_empty()).collect(),
            Self::Bar => row.split('|').collect(),
        }
    }

    /// What it is in a file.
    pub(super) fn character(self) -> char {
        match self {
            Self::Tab => '\t',
            Self::Space => ' ',
            Self::Bar => '|',
        }
    }

    /// The separator of these rows.
    fn of(rows: &[&str]) -> Self {
        let is_bars = |row: &&str| {
            let mut counts = row.split(' ').map(|token| token.matches('|').count());
            let first = counts.next().unwrap_or_default();
            let last = row.rsplit('|').next().unwrap_or_default();
            first > 0 && counts.all(|count| count == first) && Tag::parse(last).is_some()
        };
        if rows.iter().any(|row| row.contains('\t')) {
            Self::Tab
        } else if !rows.is_empty() && rows.iter().all(is_bars) {
            Self::Bar
        } else {
            Self::Space
        }
    }
}

impl Layout {
    /// A token and a tag.
    pub(super) fn plain() -> Self {
        let columns = vec![Column::Form, Column::Tag(String::new())];
        Self { separator: Separator::Tab, columns, is_declared: false }
    }

    /// The columns that a line `# global.columns = ...` names, and these rows are separated by.
    pub(super) fn declared(names: &str, rows: &[&str]) -> Result<Self, String> {
        let columns = columns_of(names);
        let count = |column: &Column| columns.iter().filter(|it| *it == column).count();
        if count(&Column::Form) != 1 || count(&Column::Id) > 1 {
            return Err(format!(
                "global.columns is {names:?}; it must name one column FORM, and at most one ID"
            ));
        }
        let separator = if rows.is_empty() { Separator::Tab } else { Separator::of(rows) };
        let mut layout = Self { separator, columns, is_declared: true };
        if !layout.columns.iter().any(|column| matches!(column, Column::Tag(_))) {
            layout.find_tags(rows);
        }
        Ok(layout)
    }

    /// The columns that these rows show: those of one article, by sentences, without what is surely a comment.
    pub(super) fn detected(sentences: &[Vec<&str>]) -> Result<Self, String> {
        let rows: Vec<&str> = sentences.iter().flatten().copied().take(ROWS_SEEN_MAX).collect();
        let separator = Separator::of(&rows);
        let cells: Vec<Vec<&str>> = match separator {
            Separator::Bar => {
                rows.iter().flat_map(|row| row.split(' ')).map(|it| separator.split(it)).collect()
            }
            Separator::Tab | Separator::Space => rows.iter().map(|row| separator.split(row)).collect(),
        };
        let count = most_common(cells.iter().map(Vec::len));
        // Most rows show it: a token may be a number, and a number may be wrong.
        let numbered = |rows: &Vec<&str>| {
            let is_next = |(index, row): &(usize, &&str)| {
                separator.split(row).first() == Some(&(index + 1).to_string().as_str())
            };
            rows.iter().enumerate().filter(is_next).count()
        };
        let is_numbered = count > 2
            && separator != Separator::Bar
            && sentences.iter().map(numbered).sum::<usize>() * 2 > sentences.iter().map(Vec::len).sum();
        let form = usize::from(is_numbered);
        let names = (0..count).map(|index| match index.checked_sub(form) {
            None => Column::Id,
            Some(0) => Column::Form,
            Some(1) => Column::Attribute("pos".to_owned(), None),
            Some(2) if count == CONLL_2003 && !is_numbered => Column::Attribute("chunk".to_owned(), None),
            Some(_) => Column::Attribute(format!("column{}", index + 1), None),
        });
        let mut layout = Self { separator, columns: names.collect(), is_declared: false };
        layout.find_tags(&rows);
        if layout.tag_columns().next().is_none() {
            return Err(
                "no column has BIO tags, such as O, B-PER and I-PER, in every row; a row is a token, what else is said of it, \
                 and a tag, with tabs or spaces between them"
                    .to_owned(),
            );
        }
        Ok(layout)
    }

    /// Makes columns of tags of those that have nothing else in these rows.
    fn find_tags(&mut self, rows: &[&str]) {
        let separator = self.separator;
        let cells: Vec<Vec<&str>> = rows
            .iter()
            .flat_map(|row| if separator == Separator::Bar { row.split(' ').collect() } else { vec![*row] })
            .map(|row| separator.split(row))
            .filter(|cells| cells.len() == self.columns.len())
            .collect();
        let values = |index: usize| cells.iter().filter_map(move |cells| cells.get(index).copied());
        let mut tags: Vec<usize> = Vec::new();
        for (index, column) in self.columns.iter_mut().enumerate() {
            let Column::Attribute(_, default) = column else { continue };
            if !cells.is_empty() && values(index).all(|value| Tag::parse(value).is_some()) {
                tags.push(index);
            } else {
                *default = values(index).find(|value| NOTHING.contains(value)).map(str::to_owned);
            }
        }
        // Chunks of CoNLL-2003 say what kind of phrase a token is in; names are what is asked for.
        let is_chunk = |column: Option<&Column>| {
            column.is_some_and(|column| matches!(column, Column::Attribute(name, _) if name == "chunk"))
        };
        if tags.len() > 1 {
            tags.retain(|index| !is_chunk(self.columns.get(*index)));
        }
        let is_one = tags.len() == 1;
        for index in tags {
            let name = if is_one { String::new() } else { (index + 1).to_string() };
            if let Some(column) = self.columns.get_mut(index) {
                *column = Column::Tag(name);
            }
        }
    }

    /// Where its tags are, and their names.
    pub(super) fn tag_columns(&self) -> impl Iterator<Item = (usize, &str)> {
        self.columns.iter().enumerate().filter_map(|(index, column)| match column {
            Column::Tag(name) => Some((index, name.as_str())),
            Column::Id | Column::Form | Column::Attribute(..) => None,
        })
    }

    /// Whether tokens are numbered.
    pub(super) fn is_numbered(&self) -> bool {
        self.columns.contains(&Column::Id)
    }

    /// Whether a line says something of a sentence, and is no token.
    pub(super) fn is_comment(&self, line: &str) -> bool {
        if !line.starts_with('#') {
            return false;
        }
        let fields = self.separator.split(line);
        if self.is_numbered() {
            return fields.first().is_none_or(|field| field.parse::<u32>().is_err());
        }
        let fits = fields.len() == self.columns.len()
            && self
                .tag_columns()
                .all(|(index, _)| fields.get(index).is_some_and(|it| Tag::parse(it).is_some()));
        match self.separator {
            Separator::Tab => !line.contains('\t') || line.starts_with("# "),
            Separator::Space => !fits,
            Separator::Bar => line.starts_with("# "),
        }
    }

    /// Its columns, as a line `# global.columns = ...` names them.
    pub(super) fn names(&self) -> String {
        let name = |column: &Column| match column {
            Column::Id => "ID".to_owned(),
            Column::Form => "FORM".to_owned(),
            Column::Tag(name) if name.is_empty() => "TAG".to_owned(),
            Column::Tag(name) => format!("TAG:{name}"),
            Column::Attribute(name, None) => name.clone(),
            Column::Attribute(name, Some(nothing)) => format!("{name}={nothing}"),
        };
        self.columns.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    /// All of it as a string; [`Layout::parse`] reads it.
    pub(super) fn as_string(&self) -> String {
        let declared = if self.is_declared { " declared" } else { "" };
        format!("{}{declared}: {}", self.separator.name(), self.names())
    }

    /// The layout that [`Layout::as_string`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (how, names) = text.split_once(": ")?;
        let (separator, declared) = how.split_once(' ').unwrap_or((how, ""));
        let separator = [Separator::Tab, Separator::Space, Separator::Bar]
            .into_iter()
            .find(|it| it.name() == separator)?;
        let columns = columns_of(names);
        let layout = Self { separator, columns, is_declared: declared == "declared" };
        let forms = layout.columns.iter().filter(|column| **column == Column::Form).count();
        (forms == 1 && layout.tag_columns().next().is_some()).then_some(layout)
    }
}

/// Whether a column can be called so.
pub(super) fn is_column_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|character: char| character == '=' || character.is_whitespace())
        && matches!(columns_of(name).as_slice(), [Column::Attribute(..)])
}

fn columns_of(names: &str) -> Vec<Column> {
    let column = |name: &str| match name {
        "ID" => Column::Id,
        "FORM" => Column::Form,
        "TAG" => Column::Tag(String::new()),
        name => match name.strip_prefix("TAG:") {
            Some(tag) => Column::Tag(tag.to_owned()),
            None => match name.split_once('=') {
                Some((name, nothing)) => Column::Attribute(name.to_owned(), Some(nothing.to_owned())),
                None => Column::Attribute(name.to_owned(), None),
            },
        },
    };
    names.split(' ').filter(|name| !name.is_empty()).map(column).collect()
}

/// The number that comes most often; of several, the least.
fn most_common(numbers: impl Iterator<Item = usize>) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    for number in numbers {
        *counts.entry(number).or_insert(0_usize) += 1;
    }
    let most = counts.values().max().copied().unwrap_or_default();
    counts.into_iter().find(|(_, count)| *count == most).map_or(0, |(number, _)| number)
}
