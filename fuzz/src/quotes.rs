//! Where a quote stands between a prefix and a suffix, against looking everywhere.

use arbitrary::{Result, Unstructured};
use spandrel::domain::{
    spans::{Empty, SpanRequest, resolve},
    text::Text,
};

use super::naive;

/// The search finds what a naive one finds: the place, how many there are, and the first of them.
pub fn check(data: &[u8]) {
    // Input that ends early asks nothing more.
    let _ = run(&mut Unstructured::new(data));
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let content = match input.int_in_range(0..=2)? {
        0 => naive::text(input)?,
        _ => repetitive(input)?,
    };
    let text = Text::new(content.as_str());
    for _ in 0..input.int_in_range(1..=4)? {
        let quote = naive::part(input, &content)?;
        let mut context =
            || if input.arbitrary()? { naive::part(input, &content) } else { Ok(String::new()) };
        let request = SpanRequest { quote, prefix: context()?, suffix: context()?, ..SpanRequest::default() };
        let expected = naive::resolve(&content, &request);
        naive::assert_same(resolve(&text, &request, Empty::Refused), expected, &(&request, &content));
    }
    Ok(())
}

/// A text that repeats itself, so that quotes overlap themselves.
fn repetitive(input: &mut Unstructured<'_>) -> Result<String> {
    const PIECES: [&str; 6] = ["a", "b", "aab", "aba", "é", "😀"];
    let mut text = String::new();
    for _ in 0..input.int_in_range(1..=6)? {
        let length = input.int_in_range(1..=4)?;
        let word = (0..length).map(|_| input.choose(&PIECES).copied()).collect::<Result<String>>()?;
        text += &word.repeat(input.int_in_range(1..=8)?);
    }
    Ok(text)
}
