//! BIO tags and their kin: from a row of tags to what they mark, and back.
//!
//! | scheme | first | inside | last | alone | source |
//! | --- | --- | --- | --- | --- | --- |
//! | IOB2 | `B-` | `I-` | `I-` | `B-` | Sang and Veenstra 1999; often called BIO |
//! | IOB1 | `I-`, or `B-` right behind another of its kind | `I-` | `I-` | as first | Ramshaw and Marcus 1995, CoNLL-2003 |
//! | BIOES | `B-` | `I-` | `E-` | `S-` | also called IOBES |
//! | BILOU | `B-` | `I-` | `L-` | `U-` | Ratinov and Roth 2009 |
//! | BMES | `B-` | `M-` | `E-` | `S-` | of Chinese corpora |
//!
//! All of them are read alike: what continues nothing begins something.

/// How tags mark where something begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) enum Scheme {
    /// Whatever begins, begins with `B-`.
    Iob2,
    /// `B-` stands only where it is needed.
    Iob1,
    /// Ends and what stands alone are marked.
    Bioes,
    /// The same with other letters.
    Bilou,
    /// The same with others again.
    Bmes,
}

/// What a tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) enum Tag<'t> {
    /// Nothing: `O`.
    Outside,
    /// Where in something its token is, as a letter, and what that is: `B-PER`.
    Of(char, &'t str),
}

/// Tokens that something covers: the first, and the one after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) struct Run<'t> {
    /// The first token.
    pub(in crate::formats) start: usize,
    /// The one after the last.
    pub(in crate::formats) end: usize,
    /// What they are.
    pub(in crate::formats) label: &'t str,
}

impl Scheme {
    const ALL: [Self; 5] = [Self::Iob2, Self::Iob1, Self::Bioes, Self::Bilou, Self::Bmes];

    /// What it is called.
    pub(in crate::formats) fn name(self) -> &'static str {
        match self {
            Self::Iob2 => "IOB2",
            Self::Iob1 => "IOB1",
            Self::Bioes => "BIOES",
            Self::Bilou => "BILOU",
            Self::Bmes => "BMES",
        }
    }

    /// The one that is called so.
    pub(in crate::formats) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    /// The scheme of rows of tags.
    pub(in crate::formats) fn of<'t, 'r>(rows: impl Iterator<Item = &'r [Tag<'t>]>) -> Self
    where
        't: 'r,
    {
        let (mut letters, mut begins_inside, mut begins_needlessly) = (String::new(), false, false);
        for row in rows {
            let mut starts = vec![false; row.len()];
            let mut ended = vec![None; row.len() + 1];
            for run in runs(row) {
                if let Some(start) = starts.get_mut(run.start) {
                    *start = true;
                }
                if let Some(end) = ended.get_mut(run.end) {
                    *end = Some(run.label);
                }
            }
            for ((tag, begins), ended) in row.iter().zip(starts).zip(ended) {
                let Tag::Of(letter, label) = *tag else { continue };
                let is_behind = ended == Some(label);
                if !letters.contains(letter) {
                    letters.push(letter);
                }
                begins_inside |= letter == 'I' && begins;
                begins_needlessly |= letter == 'B' && !is_behind;
            }
        }
        if letters.contains('M') {
            Self::Bmes
        } else if letters.contains(['E', 'S']) {
            Self::Bioes
        } else if letters.contains(['L', 'U']) {
            Self::Bilou
        } else if begins_inside && !begins_needlessly {
            Self::Iob1
        } else {
            Self::Iob2
        }
    }

    /// The letter of the token `index` of a run; `is_behind` says that the token before the run ends one of the same label.
    fn letter(self, run: Run<'_>, index: usize, is_behind: bool) -> char {
        let (is_first, is_last) = (index == run.start, index + 1 == run.end);
        match (self, is_first, is_last) {
            (Self::Iob1, true, _) => {
                if is_behind {
                    'B'
                } else {
                    'I'
                }
            }
            (Self::Bioes | Self::Bmes, true, true) => 'S',
            (Self::Bilou, true, true) => 'U',
            (Self::Iob2 | Self::Bioes | Self::Bilou | Self::Bmes, true, _) => 'B',
            (Self::Bioes | Self::Bmes, false, true) => 'E',
            (Self::Bilou, false, true) => 'L',
            (Self::Bmes, false, false) => 'M',
            (Self::Iob1 | Self::Iob2, false, _) | (Self::Bioes | Self::Bilou, false, false) => 'I',
        }
    }

    /// The tags of `count` tokens, some of which are in `runs`: these are in order and share no token.
    pub(in crate::formats) fn tags<'t>(self, runs: &[Run<'t>], count: usize) -> Vec<Tag<'t>> {
        let mut tags = Vec::with_capacity(count);
        let mut before: Option<Run<'t>> = None;
        for run in runs {
            tags.resize(run.start.max(tags.len()), Tag::Outside);
            let is_behind = before.is_some_and(|it| it.end == run.start && it.label == run.label);
            let letter = |index| Tag::Of(self.letter(*run, index, is_behind), run.label);
            tags.extend((run.start..run.end).map(letter));
            before = Some(*run);
        }
        tags.resize(count.max(tags.len()), Tag::Outside);
        tags
    }
}

impl<'t> Tag<'t> {
    /// Reads a tag: `O`, or one of the letters of the schemes, a hyphen and a label.
    pub(in crate::formats) fn parse(text: &'t str) -> Option<Self> {
        if text == "O" {
            return Some(Self::Outside);
        }
        let (letter, label) = text.split_once('-')?;
        let letter = letter.chars().next().filter(|it| letter.len() == 1 && "BIESLUM".contains(*it))?;
        (!label.is_empty()).then_some(Self::Of(letter, label))
    }
}

impl std::fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Outside => f.write_str("O"),
            Self::Of(letter, label) => write!(f, "{letter}-{label}"),
        }
    }
}

/// What a row of tags marks, in order.
pub(in crate::formats) fn runs<'t>(tags: &[Tag<'t>]) -> Vec<Run<'t>> {
    let mut runs = Vec::new();
    let mut open: Option<Run<'t>> = None;
    for (index, tag) in tags.iter().enumerate() {
        let Tag::Of(letter, label) = *tag else {
            runs.extend(open.take());
            continue;
        };
        if !("IELM".contains(letter) && open.is_some_and(|run| run.label == label)) {
            runs.extend(open.take());
        }
        let run = open.get_or_insert(Run { start: index, end: index, label });
        run.end = index + 1;
        if "ELSU".contains(letter) {
            runs.extend(open.take());
        }
    }
    runs.extend(open);
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(text: &str) -> Vec<Tag<'_>> {
        text.split(' ').map(|tag| Tag::parse(tag).unwrap()).collect()
    }

    fn check(text: &str, expected: &str, scheme: Scheme) {
        let tags = tags(text);
        let found = runs(&tags);
        let shown: Vec<_> =
            found.iter().map(|run| format!("{} {}-{}", run.label, run.start, run.end)).collect();
        assert_eq!(shown.join(", "), expected, "{text}");
        assert_eq!(Scheme::of([tags.as_slice()].into_iter()), scheme, "{text}");
    }

    #[test]
    fn all_schemes_are_read_alike() {
        check("B-PER I-PER O B-LOC", "PER 0-2, LOC 3-4", Scheme::Iob2);
        check("B-PER B-PER I-PER", "PER 0-1, PER 1-3", Scheme::Iob2);
        check("I-PER I-PER O I-LOC I-PER", "PER 0-2, LOC 3-4, PER 4-5", Scheme::Iob1);
        check("I-PER B-PER I-PER", "PER 0-1, PER 1-3", Scheme::Iob1);
        check("B-PER I-LOC", "PER 0-1, LOC 1-2", Scheme::Iob2);
        check("B-PER I-PER E-PER S-LOC S-LOC", "PER 0-3, LOC 3-4, LOC 4-5", Scheme::Bioes);
        check("B-PER L-PER U-LOC", "PER 0-2, LOC 2-3", Scheme::Bilou);
        check("B-PER M-PER E-PER", "PER 0-3", Scheme::Bmes);
        check("E-PER I-PER", "PER 0-1, PER 1-2", Scheme::Bioes);
        check("B-a-b I-a-b", "a-b 0-2", Scheme::Iob2);
    }

    #[test]
    fn what_is_no_tag_is_none() {
        for text in ["", "o", "-", "_", "B", "B-", "X-PER", "PER", "BI-PER", "É-PER"] {
            assert_eq!(Tag::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_scheme_keeps_what_is_marked(marks in prop::collection::vec((0_usize..3, 1_usize..4, 0_usize..2), 0..8)) {
            let mut at = 0;
            let mut expected = Vec::new();
            for (gap, length, label) in marks {
                let start = at + gap;
                at = start + length;
                expected.push(Run { start, end: at, label: ["A", "B-C"][label] });
            }
            for scheme in Scheme::ALL {
                let tags = scheme.tags(&expected, at + 1);
                prop_assert_eq!(runs(&tags), expected.clone());
                prop_assert_eq!(Scheme::named(scheme.name()), Some(scheme));
            }
        }
    }
}
