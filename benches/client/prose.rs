//! Texts that look like texts, the same for the same seed.

/// `SplitMix64` by Sebastiano Vigna: <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// A text, and where its words are in bytes.
#[derive(Debug)]
pub(crate) struct Prose {
    pub(crate) text: String,
    pub(crate) words: Vec<(u32, u32)>,
}

impl Prose {
    /// A text that is at most `bytes` long and hardly shorter. With an odd seed, some words are not ASCII.
    pub(crate) fn new(seed: u64, bytes: usize) -> Self {
        let mut random = Random::new(seed);
        let choice = if seed.is_multiple_of(2) { PLAIN.len() } else { PLAIN.len() + FOREIGN.len() };
        let mut prose = Self { text: String::with_capacity(bytes), words: Vec::new() };
        let (mut in_sentence, mut in_paragraph) = (0, 0);
        loop {
            let chosen = random.below(choice);
            let word = PLAIN.get(chosen).or_else(|| FOREIGN.get(chosen - PLAIN.len())).unwrap();
            if prose.text.len() + word.len() + ".\n\n".len() > bytes {
                prose.text.push('.');
                return prose;
            }
            let ends_sentence = in_sentence > 5 && random.below(9) == 0;
            if ends_sentence {
                (in_sentence, in_paragraph) = (0, in_paragraph + 1);
                let ends_paragraph = in_paragraph > 3 && random.below(4) == 0;
                prose.text.push_str(if ends_paragraph { ".\n\n" } else { ". " });
                if ends_paragraph {
                    in_paragraph = 0;
                }
            } else if in_sentence > 0 {
                prose.text.push_str(if random.below(12) == 0 { ", " } else { " " });
            }
            prose.push_word(word, in_sentence == 0);
            in_sentence += 1;
        }
    }

    fn push_word(&mut self, word: &str, is_first: bool) {
        let start = self.text.len();
        let mut letters = word.chars();
        match letters.next().filter(|_| is_first) {
            Some(first) => {
                self.text.extend(first.to_uppercase());
                self.text.push_str(letters.as_str());
            }
            None => self.text.push_str(word),
        }
        self.words.push((u32::try_from(start).unwrap(), u32::try_from(self.text.len()).unwrap()));
    }

    /// `count` ranges of one to three words, spread over the text and in its order.
    pub(crate) fn ranges(&self, seed: u64, count: usize) -> impl Iterator<Item = (u32, u32)> {
        let mut random = Random::new(seed);
        let part = self.words.len() / count;
        assert!(part > 0, "a text of {} words has no {count} places", self.words.len());
        (0..count).map(move |number| {
            let first = number * part + random.below(part);
            let last = (first + random.below(3)).min(self.words.len() - 1);
            (self.words[first].0, self.words[last].1)
        })
    }

    /// The whole text.
    pub(crate) fn whole(&self) -> (u32, u32) {
        (0, u32::try_from(self.text.len()).unwrap())
    }
}

const PLAIN: &[&str] = &[
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "that",
    "is",
    "was",
    "for",
    "on",
    "with",
    "as",
    "by",
    "at",
    "from",
    "after",
    "before",
    "under",
    "between",
    "against",
    "during",
    "without",
    "about",
    "government",
    "minister",
    "president",
    "company",
    "agency",
    "network",
    "election",
    "report",
    "officials",
    "technology",
    "investment",
    "million",
    "agreement",
    "according",
    "yesterday",
    "statement",
    "Caracas",
    "Huawei",
    "Reuters",
    "Bangkok",
    "Geneva",
    "Lagos",
    "Jakarta",
    "Maria",
    "Johnson",
    "Okafor",
    "Petrov",
    "Nguyen",
    "said",
    "announced",
    "signed",
    "refused",
    "published",
    "expected",
    "began",
    "opened",
    "closed",
    "rose",
    "fell",
    "new",
    "old",
    "national",
    "public",
    "several",
    "foreign",
    "recent",
    "economic",
    "local",
    "large",
    "former",
    "first",
    "second",
    "market",
    "system",
    "police",
    "river",
    "harbour",
    "hospital",
    "university",
    "newspaper",
    "photograph",
    "interview",
];

const FOREIGN: &[&str] = &[
    "Zoë",
    "Müller",
    "São",
    "Tomé",
    "naïve",
    "façade",
    "Łódź",
    "Ångström",
    "“quoted”",
    "it’s",
    "—",
    "Nicolás",
    "東京",
    "大阪府",
    "ירושלים",
    "Москва",
    "🗼",
    "👩‍👩‍👧",
    "cafe\u{301}",
    "№",
    "€300",
    "10\u{a0}000",
];
