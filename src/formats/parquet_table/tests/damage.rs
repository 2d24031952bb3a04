//! Files that are cut off or damaged.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{P, full};
use crate::formats::exchange::testing::{read, write};

/// Two tables, the one of annotations first.
static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let files = write(P, &[full("a"), full("b")]).files;
    ["annotations.parquet", "articles.parquet"].map(|path| files[path].clone())
});

/// Whatever is read of a damaged file is what was written, unless it is told that it is damaged.
fn check_damaged(files: &[(&str, &[u8])]) {
    let read = read(P, files);
    let whole = [full("a"), full("b")];
    let is_whole = read.articles.len() == 2
        && read.contents().zip(&whole).all(|(read, whole)| {
            read.text.as_str() == whole.text.as_str() && read.annotations.len() == whole.annotations.len()
        });
    assert!(is_whole || !read.problems.is_empty(), "lost in silence");
}

#[test]
fn what_is_cut_off_is_refused() {
    let [annotations, articles] = &*FILES;
    for end in (0..articles.len()).step_by(97) {
        let read = read(
            P,
            &[("annotations.parquet", annotations.as_slice()), ("articles.parquet", &articles[..end])],
        );
        assert_eq!((read.articles.len(), read.problems.is_empty()), (0, false), "{end}");
    }
    for end in (0..annotations.len()).step_by(97) {
        let read = read(P, &[("annotations.parquet", &annotations[..end]), ("articles.parquet", articles)]);
        assert_eq!((read.articles.len(), read.problems.len()), (0, 2), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), second in any::<bool>()) {
        let mut files = FILES.clone();
        let file = &mut files[usize::from(second)];
        let at = at.index(file.len());
        file[at] = byte;
        check_damaged(&[("annotations.parquet", &files[0]), ("articles.parquet", &files[1])]);
    }
}
