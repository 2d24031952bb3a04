//! Files that somebody revised, and places in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files of a folder, which are named so that they sort by date.
pub(crate) fn revisions(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Every word of five letters or more; every seventh goes on for three words, every eleventh has a second part.
pub(crate) fn words(text: &str) -> Vec<Vec<(u32, u32)>> {
    let mut all = Vec::new();
    let mut word = None;
    for (at, character) in (0..).zip(text.chars().chain(['\n'])) {
        match (word, character.is_alphabetic()) {
            (None, true) => word = Some(at),
            (Some(start), false) => {
                all.push((start, at));
                word = None;
            }
            _ => {}
        }
    }
    let mut ranges = Vec::new();
    for (index, &(start, end)) in all.iter().enumerate() {
        let later = |ahead: usize| all.get(index + ahead).copied();
        if end - start < 5 {
            continue;
        }
        match (index % 7, index % 11, later(2), later(4)) {
            (0, _, Some((_, end)), _) => ranges.push(vec![(start, end)]),
            (_, 0, _, Some(second)) => ranges.push(vec![(start, end), second]),
            _ => ranges.push(vec![(start, end)]),
        }
    }
    ranges
}
