//! An article as `article show` prints it: a heading with what is said of the article, the text with its spans, and
//! below it what does not fit into a text: relations, details, and what lost its place. Pure.
//!
//! ```text
//! IBM
//! projects/p/articles/ibm
//! 29 characters, 29 utf16, 29 utf8; text revision 1, revision 9, 5 annotations
//!  business  score 0.93
//!
//! 1  IBM has its seat in Armonk.
//!    ╰─╯ORG₁             ╰────╯LOC₂?
//! ...
//! Relations: Located 1
//!  Located  Arg1 IBM₁ → Arg2 Armonk₂  suggested
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    render::{self, Mention, Options, Palette, columns_of, printable, shortened, styled, subscript},
    table::{counted, moment, thousands},
    wording,
};
use crate::proto::v1::{self, annotation::Target};

/// Lines of a list; the rest of it is counted.
const LISTED_MAX: usize = 200;
/// Lines of the heading that say something of the article.
const ARTICLE_LABELS_MAX: usize = 20;
/// Columns of a quote in a relation.
const QUOTE_COLUMNS_MAX: usize = 24;
/// Columns of a line that may be as long as it is.
const LINE_COLUMNS_MAX: usize = 1_000;
/// Columns that stand before what goes on in another line.
const INDENT: usize = 4;

/// An article with what is said of it.
pub(super) struct Page<'p> {
    article: &'p v1::Article,
    annotations: Vec<Shown<'p>>,
    /// What each annotation is called where another is about it.
    called: HashMap<&'p str, String>,
    has_layers: bool,
    palette: Palette,
    options: &'p Options,
}

/// An annotation, and where it is shown.
#[derive(Debug, Clone, Copy)]
struct Shown<'p> {
    annotation: &'p v1::Annotation,
    place: Place,
    /// What it is called by, from 1; 0 when nothing calls it.
    number: usize,
}

/// Where an annotation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Heading,
    Text,
    Relations,
    /// It lost its place in the text.
    Orphans,
}

impl Place {
    fn of(annotation: &v1::Annotation) -> Self {
        match &annotation.target {
            Some(Target::Article(_)) => Self::Heading,
            Some(Target::Relation(_)) => Self::Relations,
            Some(Target::Anchor(_)) | None if wording::is_orphan(annotation) => Self::Orphans,
            Some(Target::Anchor(_)) | None => Self::Text,
        }
    }
}

impl<'p> Page<'p> {
    /// The annotations in the order in which the server lists them.
    pub(super) fn new(
        article: &'p v1::Article,
        annotations: &'p [v1::Annotation],
        options: &'p Options,
    ) -> Self {
        let palette = if options.color {
            Palette::of(annotations.iter().map(|annotation| annotation.label.as_str()))
        } else {
            Palette::default()
        };
        let annotations = numbered(annotations);
        let mut layers = annotations.iter().map(|it| &it.annotation.layer);
        let first = layers.next();
        let has_layers = layers.any(|layer| Some(layer) != first);
        let called = annotations.iter().filter(|it| it.number > 0);
        let called = called.map(|it| (it.annotation.name.as_str(), it.called())).collect();
        Self { article, annotations, called, has_layers, palette, options }
    }

    /// All of it; `layers` are those that were asked for, and all if there are none.
    pub(super) fn print(&self, layers: &[String]) -> String {
        let mentions: Vec<Mention> = self.at(Place::Text).map(mention).collect();
        let text = render::text(&self.article.text, &mentions, &self.palette, self.options);
        let text = if text.is_empty() { "(the text is empty)\n".to_owned() } else { text };
        let mut below = vec![render::legend(&mentions, &self.palette, self.options)];
        below.extend([self.relations(), self.details(), self.orphans()]);
        below.retain(|part| !part.is_empty());
        let below: Vec<_> = below.into_iter().map(|part| format!("\n{part}")).collect();
        let heading = self.heading(layers);
        format!("{heading}\n{text}{}", below.concat())
    }

    fn at(&self, place: Place) -> impl Iterator<Item = &Shown<'p>> {
        self.annotations.iter().filter(move |it| it.place == place)
    }

    fn heading(&self, layers: &[String]) -> String {
        let article = self.article;
        let bold = anstyle::Style::new().bold();
        let bold = if self.options.color { bold } else { anstyle::Style::new() };
        let v1::TextLength { utf8, utf16, code_points } = article.length.unwrap_or_default();
        let length = [(code_points, "characters"), (utf16, "utf16"), (utf8, "utf8")]
            .map(|(length, unit)| format!("{} {unit}", thousands(length)));
        let within = match layers {
            [] => String::new(),
            [layer] => format!(" in layer {}", printable(layer)),
            layers => format!(" in layers {}", printable(&layers.join(", "))),
        };
        let counts = format!(
            "text revision {}, revision {}, {}{within}",
            article.text_revision,
            thousands(article.revision),
            counted(self.annotations.len(), "annotation"),
        );
        let about = [
            printable(&article.language),
            printable(&article.source_uri),
            format!("updated {}", moment(article.update_time)),
        ];
        let about: Vec<String> = about.into_iter().filter(|it| !it.is_empty()).collect();
        let title = printable(&article.title);
        let mut out = if title.is_empty() { title } else { format!("{bold}{title}{bold:#}\n") };
        for line in [printable(&article.name), format!("{}; {counts}", length.join(", ")), about.join("; ")] {
            out.push_str(&self.aside(&line));
        }
        let labels: Vec<_> = self.at(Place::Heading).collect();
        out + &self.list(&labels, ARTICLE_LABELS_MAX, |_| String::new())
    }

    /// The relations by label, each on a line of its own.
    fn relations(&self) -> String {
        let mut relations: Vec<_> = self.at(Place::Relations).collect();
        if relations.is_empty() {
            return String::new();
        }
        relations.sort_by_key(|it| (&it.annotation.label, &it.annotation.layer));
        let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
        for it in &relations {
            *labels.entry(&it.annotation.label).or_default() += 1;
        }
        let labels =
            labels.iter().map(|(label, count)| format!("{} {}", printable(label), thousands_of(*count)));
        let title = format!("Relations: {}", labels.collect::<Vec<_>>().join(", "));
        let columns = self.width().saturating_sub(self.label_columns(&relations) + 3);
        let called = |name: &str| self.called.get(name).cloned().unwrap_or_else(|| wording::short_id(name));
        let list = self.list(&relations, LISTED_MAX, |it| {
            wording::about(it.annotation, called, columns.max(QUOTE_COLUMNS_MAX))
        });
        self.aside(&shortened(&title, self.width())) + &list
    }

    /// The spans that say more than their labels.
    fn details(&self) -> String {
        let detailed: Vec<_> = self.at(Place::Text).filter(|it| says_more(it.annotation)).collect();
        if detailed.is_empty() {
            return String::new();
        }
        let list = self.list(&detailed, LISTED_MAX, |it| wording::quoted(it.annotation, QUOTE_COLUMNS_MAX));
        self.aside("Details") + &list
    }

    /// What lost its place, with what it covered.
    fn orphans(&self) -> String {
        let orphans: Vec<_> = self.at(Place::Orphans).collect();
        if orphans.is_empty() {
            return String::new();
        }
        let list = self.list(&orphans, LISTED_MAX, |it| {
            let quote = wording::quoted(it.annotation, wording::TEXT_COLUMNS_MAX);
            let ranges = wording::ranges(it.annotation);
            let quote = if quote == ranges { String::new() } else { format!("“{quote}”  ") };
            format!("{quote}{ranges} of text revision {}", thousands(it.annotation.text_revision))
        });
        self.aside("Not in the text any more") + &list
    }

    /// Annotations with their labels under each other, what they are about, and what else they say.
    fn list(&self, listed: &[&Shown<'_>], most: usize, about: impl Fn(&Shown<'_>) -> String) -> String {
        let columns = self.label_columns(listed);
        let mut out = String::new();
        for it in listed.iter().take(most) {
            let (name, about) = (self.name(it), about(it));
            let pad = " ".repeat(columns.saturating_sub(columns_of(&name)));
            styled(self.style(it), &format!(" {name} "), &mut out);
            out.push_str(&pad);
            // The label has a space of its own at its end.
            let (mut width, mut gap) = (columns + 2, " ");
            if !about.is_empty() {
                out.push_str(gap);
                out.push_str(&about);
                width += 1 + columns_of(&about);
                gap = "  ";
            }
            for detail in wording::details(it.annotation) {
                let detail = shortened(&detail, self.width().saturating_sub(INDENT));
                if width + gap.len() + columns_of(&detail) > self.width() {
                    out.push('\n');
                    out.push_str(&" ".repeat(INDENT));
                    width = INDENT;
                } else {
                    out.push_str(gap);
                    width += gap.len();
                }
                gap = "  ";
                width += columns_of(&detail);
                styled(self.palette.aside(), &detail, &mut out);
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        match listed.len().saturating_sub(most) {
            0 => out,
            rest => {
                let article = &self.article.name;
                let command = match article.split('/').collect::<Vec<_>>().as_slice() {
                    ["projects", project, "articles", article] => {
                        format!(": spandrel annotation list {} {}", printable(project), printable(article))
                    }
                    _ => String::new(),
                };
                out + &self.aside(&format!(" … and {} more{command}", thousands_of(rest)))
            }
        }
    }

    /// The columns of the longest label in a list.
    fn label_columns(&self, listed: &[&Shown<'_>]) -> usize {
        listed.iter().map(|it| columns_of(&self.name(it))).max().unwrap_or(0)
    }

    /// What it is called in a list, as it is in the text.
    fn name(&self, shown: &Shown<'_>) -> String {
        let Shown { annotation, number, place: _ } = shown;
        let label = shortened(&annotation.label, wording::LABEL_COLUMNS_MAX);
        let layer = if self.has_layers { wording::layer(annotation) } else { String::new() };
        format!("{label}{}{}{layer}", subscript(*number), wording::standing(annotation).mark())
    }

    fn style(&self, shown: &Shown<'_>) -> anstyle::Style {
        let style = self.palette.text(&shown.annotation.label);
        let is_struck = self.options.color && wording::standing(shown.annotation).is_rejected;
        if is_struck { style.strikethrough() } else { style }
    }

    fn width(&self) -> usize {
        match self.options.marks {
            render::Marks::Bars => self.options.width,
            render::Marks::Brackets => LINE_COLUMNS_MAX,
        }
    }

    /// A line that is not the text.
    fn aside(&self, line: &str) -> String {
        let mut out = String::new();
        styled(self.palette.aside(), line, &mut out);
        out + "\n"
    }
}

impl Shown<'_> {
    /// What it is called where another annotation is about it.
    fn called(&self) -> String {
        let text = match self.place {
            Place::Text | Place::Orphans => wording::quoted(self.annotation, QUOTE_COLUMNS_MAX),
            Place::Heading | Place::Relations => {
                shortened(&self.annotation.label, wording::LABEL_COLUMNS_MAX)
            }
        };
        text + &subscript(self.number)
    }
}

/// Gives a number to what takes part in relations, and to spans that say more than their labels.
fn numbered(annotations: &[v1::Annotation]) -> Vec<Shown<'_>> {
    let mut arguments: HashSet<&str> = HashSet::new();
    for annotation in annotations {
        if let Some(Target::Relation(relation)) = &annotation.target {
            arguments.extend(relation.arguments.iter().map(|it| it.annotation.as_str()));
        }
    }
    let mut last = 0;
    let shown = annotations.iter().map(|annotation| {
        let place = Place::of(annotation);
        let is_looked_up =
            arguments.contains(annotation.name.as_str()) || (place == Place::Text && says_more(annotation));
        last += usize::from(is_looked_up);
        Shown { annotation, place, number: if is_looked_up { last } else { 0 } }
    });
    shown.collect()
}

/// Whether an annotation says more than its label and what the review says.
fn says_more(annotation: &v1::Annotation) -> bool {
    !annotation.attributes.is_empty()
        || !annotation.note.is_empty()
        || annotation.score.is_some()
        || !annotation.derived_from.is_empty()
}

fn mention(shown: &Shown<'_>) -> Mention {
    let annotation = shown.annotation;
    let byte = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
    let ranges = wording::spans(annotation).iter().filter_map(|span| span.utf8);
    Mention {
        label: annotation.label.clone(),
        layer: annotation.layer.clone(),
        ranges: ranges.map(|it| byte(it.start)..byte(it.end)).collect(),
        number: shown.number,
        standing: wording::standing(annotation),
    }
}

fn thousands_of(count: usize) -> String {
    thousands(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
