//! Files that are cut off or damaged: whatever comes, it is read as far as it goes, or refused with its file.

use spandrel::formats::Format;

use crate::files::{read, write};

/// Numbers that look random and are the same in each run: Steele's SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut next = self.0;
        next = (next ^ (next >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        next = (next ^ (next >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((next ^ (next >> 31)) % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

/// Each format's own files of articles with everything, damaged in one place each time.
#[test]
fn damage_is_read_as_far_as_it_goes_or_refused() {
    const ROUNDS: usize = 300;
    let native = read(Format::Native, &[("p.jsonl", super::matrix::FILE)]);
    for format in Format::ALL {
        let id = format.facts().id;
        let whole = write(format, native.contents());
        let files: Vec<_> = whole.files.iter().collect();
        let mut numbers = Numbers(format.facts().title.len().try_into().unwrap());
        let mut refused = 0;
        for round in 0..ROUNDS {
            let mut damaged: Vec<(String, Vec<u8>)> =
                files.iter().map(|(path, bytes)| ((*path).clone(), (*bytes).clone())).collect();
            let chosen = numbers.below(damaged.len());
            let bytes = &mut damaged[chosen].1;
            let at = numbers.below(bytes.len());
            match round % 3 {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
                _ => {
                    let part: Vec<_> = bytes.iter().skip(at).take(numbers.below(40)).copied().collect();
                    let to = numbers.below(bytes.len());
                    bytes.splice(to..to, part);
                }
            }
            let read = read(format, &damaged);
            refused += usize::from(!read.problems.is_empty());
            for problem in &read.problems {
                let is_located = damaged.iter().any(|(path, _)| problem.starts_with(path.as_str()));
                assert!(is_located, "{id}: {problem}");
            }
        }
        println!("{id}: {refused} of {ROUNDS} refused");
        assert!(refused > ROUNDS / 20, "{id}: {refused}");
    }
}
