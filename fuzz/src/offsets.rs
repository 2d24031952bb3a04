//! Positions and ranges in a text in three units, against a walk over its characters.

use arbitrary::{Result, Unstructured};
use spandrel::domain::{
    spans::{Anchor, Empty, resolve, resolve_window},
    text::{Text, Unit},
};

use super::naive;

/// Resolution is what a naive one says, and positions come back to themselves through every unit.
pub fn check(data: &[u8]) {
    // Input that ends early asks nothing more.
    let _ = run(&mut Unstructured::new(data));
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let content = naive::text(input)?;
    let text = Text::new(content.as_str());
    let boundaries = naive::boundaries(&content);
    let length = boundaries[boundaries.len() - 1];
    assert_eq!(text.length(), length);
    for _ in 0..input.int_in_range(0..=8)? {
        let unit = *input.choose(&Unit::ALL)?;
        let offset = naive::offset(input, length)?;
        let expected = naive::position(&boundaries, unit, offset);
        assert_eq!(text.position(unit, offset), expected, "offset {offset} in {unit} of {content:?}");
        if let Ok(position) = expected {
            for other in Unit::ALL {
                assert_eq!(text.position(other, position.in_unit(other)), Ok(position));
            }
        }
    }
    let mut requests = Vec::new();
    for _ in 0..input.int_in_range(1..=4)? {
        let request = naive::request(input, &content)?;
        let got = resolve(&text, &request, Empty::Refused);
        if let Ok(range) = &got {
            for slice in naive::slices(&content, range) {
                assert_eq!(slice, text.slice(range));
            }
        }
        naive::assert_same(got, naive::resolve(&content, &request), &(&request, &content));
        if let Ok(window) = resolve_window(&text, &request) {
            assert!(window.start <= window.end && boundaries.contains(&window.start));
        }
        requests.push(request);
    }
    if let Ok(anchor) = Anchor::resolve(&text, &requests, Empty::Refused) {
        assert!(anchor.spans().windows(2).all(|pair| pair[0].end <= pair[1].start), "{requests:?}");
        assert_eq!(Anchor::from_ranges(anchor.spans().to_vec()), Some(anchor.clone()));
        for (quote, span) in anchor.quotes(&text).iter().zip(anchor.spans()) {
            assert_eq!(quote, text.slice(span));
        }
    }
    Ok(())
}
