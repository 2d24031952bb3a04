//! Keys: what is read from any bytes, what is made from any numbers, and how sled gets them.

use arbitrary::{Result, Unstructured};
use spandrel::{
    limits::KEY_BYTES_MAX,
    store::{
        committer::full_key,
        engine::{Partition, successor},
        keys::{self, ArticleNumber, Generation, KeyRange},
        sled_key::{original_key, stored_key},
    },
};

/// Keys keep their numbers and their order.
pub fn check(data: &[u8]) {
    let _ = keys::number_of(data);
    let _ = keys::project_number_of(data);
    let _ = keys::is_reserved(data);
    let _ = original_key(data);
    // Input that ends early asks nothing more.
    let _ = run(&mut Unstructured::new(data));
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    numbered(input.arbitrary()?, input.arbitrary()?, input.arbitrary()?, input.arbitrary()?);
    let (one, other) = (key(input)?, key(input)?);
    let (stored_one, stored_other) = (stored_key(&one), stored_key(&other));
    assert_eq!(original_key(&stored_one), one);
    assert_eq!(stored_one.cmp(&stored_other), one.cmp(&other), "{one:02x?} and {other:02x?}");
    assert!(!stored_one.windows(4).any(|window| window == [u8::MAX; 4]), "{one:02x?}");
    let next = successor(&one);
    assert!(one < next && !(one < other && other[..] < next[..]));
    if one.iter().any(|byte| *byte != u8::MAX) {
        let range = KeyRange::prefix(&one);
        let within = range.from[..] <= other[..] && other[..] < range.to[..];
        assert_eq!(within, other.starts_with(&one), "{other:02x?} in {range:02x?}");
    }
    let partition = Partition(input.arbitrary()?);
    let (full_one, full_other) = (full_key(partition, &one), full_key(partition, &other));
    assert_eq!(full_one.cmp(&full_other), one.cmp(&other));
    Ok(())
}

/// Bytes that are mostly the ones that are escaped.
fn key(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = input.int_in_range(0..=12)?;
    let byte = |_| if input.ratio(1, 3)? { input.arbitrary() } else { Ok(u8::MAX) };
    (0..length).map(byte).collect()
}

fn numbered(number: u64, other: u64, generation: u32, id: [u8; 16]) {
    let (article, generation) = (ArticleNumber(number), Generation(generation));
    let other_article = ArticleNumber(other);
    for (key, after) in [
        (keys::article(article), keys::article(other_article)),
        (keys::log(number), keys::log(other)),
        (keys::sweep(article), keys::sweep(other_article)),
    ] {
        assert_eq!(keys::number_of(&key), Some(number));
        assert_eq!(key.cmp(&after), number.cmp(&other));
    }
    let project = generation.0;
    assert_eq!(keys::project_number_of(&keys::catalog_entry(project)), Some(project));
    let entries = keys::catalog_entries();
    assert!(entries.from <= keys::catalog_entry(project) && keys::catalog_entry(project) < entries.to);
    let articles = keys::articles();
    assert!(articles.from <= keys::article(article) && keys::article(article) < articles.to);
    let hanging = keys::hanging_on(article);
    for key in [
        keys::text_chunk(article, generation, project),
        keys::annotations(article, generation),
        keys::annotation_ids(article, generation),
        keys::long_annotation(article, generation, &id),
        keys::statistics(article, generation),
    ] {
        let holders = hanging.iter().filter(|range| range.from <= key && key < range.to).count();
        assert!(holders == 1, "{key:02x?} in {holders} ranges of {hanging:02x?}");
        assert!(!keys::is_reserved(&key));
        assert!(full_key(Partition(project), &key).len() < KEY_BYTES_MAX);
    }
}
