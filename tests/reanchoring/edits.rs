//! Edits of a text that are known: each character of the old text knows where it went.

/// A text after its edits.
#[derive(Debug)]
pub(crate) struct Edited {
    pub(crate) text: String,
    /// For each character of the old text, its place in the new one, if it is still there.
    places: Vec<Option<u32>>,
}

impl Edited {
    /// Where the range is now, if all of it is still there in one piece.
    pub(crate) fn place(&self, (start, end): (u32, u32)) -> Option<(u32, u32)> {
        let at = |place: u32| self.places[usize::try_from(place).unwrap()];
        let first = at(start)?;
        let whole = (start..end).all(|place| at(place) == Some(first + (place - start)));
        whole.then(|| (first, first + (end - start)))
    }
}

/// A character, and its place in the old text if it comes from there.
type Traced = (char, Option<usize>);

/// Edits every so many paragraphs of `text` in one of eight ways, the same for the same `seed`.
pub(crate) fn edit(text: &str, seed: u64, paragraphs_a_edit: u64) -> Edited {
    let mut dice = Dice(seed);
    let mut at = 0;
    let mut paragraphs: Vec<Vec<Traced>> = Vec::new();
    for line in text.split_inclusive('\n') {
        let first = at;
        at += line.chars().count();
        paragraphs.push(line.chars().zip((first..).map(Some)).collect());
    }
    let mut edited: Vec<Vec<Traced>> = Vec::new();
    let mut carried: Option<Vec<Traced>> = None;
    for paragraph in paragraphs {
        if paragraph.len() < 60 || dice.below(paragraphs_a_edit) > 0 {
            edited.push(paragraph);
            continue;
        }
        match dice.below(8) {
            0 => {}
            1 => edited.extend([new_words(&mut dice, 12), paragraph]),
            2 => carried = carried.replace(paragraph).inspect(|moved| edited.push(moved.clone())),
            way => {
                let times = 1 + dice.below(4);
                let revised = (0..times).fold(paragraph, |paragraph, _| revise(paragraph, way, &mut dice));
                edited.push(revised);
            }
        }
    }
    edited.extend(carried);
    let mut places = vec![None; text.chars().count()];
    let mut text = String::new();
    for (place, (character, from)) in (0..).zip(edited.into_iter().flatten()) {
        text.push(character);
        if let Some(from) = from {
            places[from] = Some(place);
        }
    }
    Edited { text, places }
}

/// Replaces, deletes or inserts words, changes a letter, or breaks the line.
fn revise(paragraph: Vec<Traced>, way: u64, dice: &mut Dice) -> Vec<Traced> {
    let spaces: Vec<usize> = paragraph
        .iter()
        .enumerate()
        .filter(|(_, (character, _))| *character == ' ')
        .map(|(at, _)| at)
        .collect();
    if spaces.len() < 8 {
        return paragraph;
    }
    let first = dice.index(spaces.len() - 4);
    let (start, end) = (spaces[first] + 1, spaces[first + 1 + dice.index(3)] + 1);
    let (before, inside, after) = (&paragraph[..start], &paragraph[start..end], &paragraph[end..]);
    let inside = match way {
        3 => new_words(dice, 2),
        4 => Vec::new(),
        5 => [new_words(dice, 3), inside.to_vec()].concat(),
        6 => {
            let mut inside = inside.to_vec();
            let at = dice.index(inside.len());
            inside[at] = ('x', None);
            inside
        }
        _ => [&[('\n', None)], inside].concat(),
    };
    [before, &inside, after].concat()
}

/// Words of the kind that stand everywhere, and some that stand nowhere.
fn new_words(dice: &mut Dice, count: usize) -> Vec<Traced> {
    const WORDS: [&str; 12] = [
        "der", "die", "und", "des", "Bundes", "Gesetz", "nicht", "Quitte", "Zeppelin", "Artikel", "Absatz",
        "wird",
    ];
    let words =
        (0..count).flat_map(|_| WORDS[dice.index(WORDS.len())].chars().chain([' ']).collect::<Vec<_>>());
    words.map(|character| (character, None)).collect()
}

/// Numbers that look like chance (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }
}
