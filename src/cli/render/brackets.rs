//! The text with its spans in brackets, `[Bank of [China](GPE)](ORG)`, for files and pipes.

use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    Layers, Mention, cells::glyph, digits, lines::styled, names, palette::Palette, rows::Boundaries,
    segments::Segment,
};

/// The text with a bracket where each span begins, and one with its label where it ends. Spans that cross have
/// the same number at both.
pub(super) fn brackets(text: &str, mentions: &[Mention], palette: &Palette) -> String {
    let segments = Segment::all(text, mentions);
    let numbers = crossing_numbers(&segments);
    let labels = names(mentions, Layers::Together);
    let number = |index: usize| numbers.get(index).map_or("", String::as_str);
    let style = |segment: &Segment| {
        mentions.get(segment.mention).map_or_else(anstyle::Style::new, |mention| palette.mention(mention))
    };
    let label = |segment: &Segment| labels.get(segment.mention).map_or("", String::as_str);

    let mut out = String::with_capacity(text.len() * 2);
    let mut open: Vec<(usize, &Segment)> = Vec::new();
    let mut waiting = segments.iter().enumerate().peekable();
    let mut position = 0;
    for &boundary in Boundaries::of(&segments).all() {
        print(text.get(position..boundary).unwrap_or_default(), &mut out);
        position = boundary;
        for (index, segment) in
            open.extract_if(.., |(_, it)| it.end == boundary).collect::<Vec<_>>().iter().rev()
        {
            styled(style(segment), &format!("]({}{})", number(*index), label(segment)), &mut out);
        }
        while let Some((index, segment)) = waiting.next_if(|(_, segment)| segment.start <= boundary) {
            if segment.end == boundary {
                styled(style(segment), &format!("[]({})", label(segment)), &mut out);
            } else {
                styled(style(segment), &format!("[{}", number(index)), &mut out);
                open.push((index, segment));
            }
        }
    }
    print(text.get(position..).unwrap_or_default(), &mut out);
    if !out.ends_with('\n') && !out.is_empty() {
        out.push('\n');
    }
    out
}

/// For each segment that crosses another, `¹`, `²` ... in the order of the text; for the others nothing.
fn crossing_numbers(segments: &[Segment]) -> Vec<String> {
    let mut crosses = vec![false; segments.len()];
    let mut open: Vec<(usize, &Segment)> = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        open.retain(|(_, earlier)| earlier.end > segment.start);
        for (earlier_index, earlier) in &open {
            if earlier.start < segment.start && earlier.end < segment.end {
                for crossed in [*earlier_index, index] {
                    if let Some(crosses) = crosses.get_mut(crossed) {
                        *crosses = true;
                    }
                }
            }
        }
        open.push((index, segment));
    }
    let mut last = 0_usize;
    crosses
        .into_iter()
        .map(|crosses| {
            last += usize::from(crosses);
            if crosses { superscript(last) } else { String::new() }
        })
        .collect()
}

fn superscript(number: usize) -> String {
    digits(number, ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'])
}

/// Appends text with its lines and tabs as they are, and what a terminal would obey as pictures.
fn print(text: &str, out: &mut String) {
    for cluster in text.graphemes(true) {
        match cluster {
            "\n" | "\r\n" => out.push('\n'),
            "\t" => out.push('\t'),
            cluster => out.push_str(&glyph(cluster).text),
        }
    }
}
