//! Reads as much of `WebAnno` TSV 3 as it takes: the tokens' places and the first column of annotations.

use std::collections::BTreeMap;

/// A text with what was annotated in it, in code points. Its offsets are UTF-16, and it has no surrogates.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) spans: Vec<(u32, u32)>,
}

/// Reads a file. Sentences stand on lines of their own, tokens have spaces around them.
pub(crate) fn read(file: &str) -> Document {
    let mut text: Vec<char> = Vec::new();
    let mut sentence = "";
    let mut spans: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for line in file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (start, end) = columns[1].split_once('-').unwrap();
        let range: (u32, u32) = (start.parse().unwrap(), end.parse().unwrap());
        let separator = if columns[0].split('-').next() == Some(sentence) { ' ' } else { '\n' };
        sentence = columns[0].split('-').next().unwrap();
        text.resize(usize::try_from(range.0).unwrap(), separator);
        text.extend(columns[2].chars());
        assert_eq!(text.len(), usize::try_from(range.1).unwrap(), "{line}");
        for value in columns[3].split('|').filter(|value| *value != "_") {
            // Annotations of more than one token have a number; another has its token's.
            let number = value.split_once('[').map(|(_, number)| format!("[{number}"));
            let span =
                spans.entry(number.unwrap_or_else(|| format!("{} {value}", columns[0]))).or_insert(range);
            span.1 = range.1;
        }
    }
    Document { text: text.into_iter().collect(), spans: spans.into_values().collect() }
}
