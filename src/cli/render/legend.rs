//! What the labels and marks in a text mean, and how often they stand in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Layers, Mention, Options,
    cells::{columns_of, printable, shortened},
    has_layers,
    lines::styled,
    palette::Palette,
};

/// Columns of a layer's name over its counts.
const LAYER_COLUMNS_MAX: usize = 16;

/// A label with its counts by layer.
type Counts<'m> = (&'m str, BTreeMap<&'m str, usize>);

/// The labels with their colours and counts, the most frequent first; empty when there are none.
pub(crate) fn legend(mentions: &[Mention], palette: &Palette, options: &Options) -> String {
    let mut labels: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for mention in mentions {
        *labels.entry(&mention.label).or_default().entry(&mention.layer).or_default() += 1;
    }
    let mut labels: Vec<Counts<'_>> = labels.into_iter().collect();
    labels.sort_by(|left, right| total(right).cmp(&total(left)).then(left.0.cmp(right.0)));
    let layers: BTreeSet<&str> = mentions.iter().map(|mention| mention.layer.as_str()).collect();
    let layers: Vec<&str> = layers.into_iter().filter(|_| has_layers(mentions)).collect();

    let columns = Columns::of(&labels, &layers, options.width);
    let mut out = columns.head(palette);
    for label in &labels {
        columns.row(label, palette, &mut out);
    }
    let sides = options.layers == Layers::SideBySide && layers.len() > 1;
    for note in notes(mentions).into_iter().chain(sides.then(|| "≠ marks rows in which layers differ".into()))
    {
        styled(palette.aside(), &format!(" {note}"), &mut out);
        out.push('\n');
    }
    out
}

fn total((_, layers): &Counts<'_>) -> usize {
    layers.values().sum()
}

/// How wide each column is.
struct Columns<'m> {
    name: usize,
    count: usize,
    /// A column for each layer; none where they do not fit, and then each row lists its own.
    layers: Option<Vec<(&'m str, usize)>>,
}

impl<'m> Columns<'m> {
    fn of(labels: &[Counts<'_>], layers: &[&'m str], width: usize) -> Self {
        let name = labels.iter().map(|(label, _)| columns_of(&printable(label))).max().unwrap_or(0);
        let count = labels.iter().map(total).max().map_or(0, |count| count.to_string().len());
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| (*layer, columns_of(&shortened(layer, LAYER_COLUMNS_MAX)).max(count)))
            .collect();
        let all = name + count + 3 + layers.iter().map(|(_, width)| width + 2).sum::<usize>();
        Self { name, count, layers: (all <= width).then_some(layers) }
    }

    /// The layers' names over their counts.
    fn head(&self, palette: &Palette) -> String {
        let mut out = String::new();
        if let Some(layers) = self.layers.as_ref().filter(|layers| !layers.is_empty()) {
            let mut line = " ".repeat(self.name + self.count + 3);
            for (layer, width) in layers {
                line += &right(&shortened(layer, LAYER_COLUMNS_MAX), width + 2);
            }
            styled(palette.aside(), &line, &mut out);
            out.push('\n');
        }
        out
    }

    fn row(&self, counts: &Counts<'_>, palette: &Palette, out: &mut String) {
        let (label, by_layer) = counts;
        let (name, count) = (printable(label), total(counts));
        let pad = " ".repeat(self.name.saturating_sub(columns_of(&name)));
        styled(palette.text(label), &format!(" {name} "), out);
        let count = count.to_string();
        out.push_str(&pad);
        out.push_str(&right(&count, self.count + 1));
        let mut layers = String::new();
        if let Some(columns) = &self.layers {
            for (layer, width) in columns {
                let count = by_layer.get(layer).map_or_else(|| "·".to_owned(), ToString::to_string);
                layers += &right(&count, width + 2);
            }
        } else {
            let listed = by_layer.iter().map(|(layer, count)| format!("{} {count}", printable(layer)));
            layers = format!("  {}", listed.collect::<Vec<_>>().join(", "));
        }
        styled(palette.aside(), &layers, out);
        out.push('\n');
    }
}

/// The text at the right of so many columns.
fn right(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(columns_of(text))) + text
}

/// What marks beside labels mean, of those that there are.
fn notes(mentions: &[Mention]) -> Vec<String> {
    let has = |is: fn(&Mention) -> bool| mentions.iter().any(is);
    let marks = [
        ("? suggested", has(|it| it.standing.is_suggested)),
        ("✗ rejected", has(|it| it.standing.is_rejected)),
        ("! needs review", has(|it| it.standing.needs_review)),
    ];
    let marks: Vec<_> = marks.iter().filter(|(_, is)| *is).map(|(mark, _)| *mark).collect();
    let mut notes = Vec::new();
    if !marks.is_empty() {
        notes.push(marks.join("   "));
    }
    if has(|mention| mention.ranges.len() > 1) {
        notes.push("#1, #2 ... mark the parts of one mention".to_owned());
    }
    notes
}
