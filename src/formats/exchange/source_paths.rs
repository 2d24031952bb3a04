//! From a file's path to its article's id, and from an article to a file's path.

use twox_hash::XxHash3_64;

use crate::{domain::ids::ArticleId, limits::ID_BYTES_MAX};

/// The id of the article in the file whose path without an extension is `stem`, or of the record that calls itself so:
/// `news/010` is `news~010`. What no id can have becomes `-`, and then a hash tells it from others.
#[must_use]
pub fn article_id_of(stem: &str) -> String {
    const HASH_DIGITS: usize = 9;
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._~-".contains(character);
    let replaced = |character: char| match character {
        '/' => '~',
        character if allowed(character) => character,
        _ => '-',
    };
    let mut id: String = stem.chars().map(replaced).collect();
    let is_whole = stem.chars().all(|character| allowed(character) || character == '/');
    let begins = id.starts_with(|character: char| character.is_ascii_alphanumeric());
    if is_whole && begins && id.len() <= ID_BYTES_MAX {
        return id;
    }
    if !begins {
        id.insert(0, 'x');
    }
    // All of it is ASCII by now.
    id.truncate(ID_BYTES_MAX.saturating_sub(HASH_DIGITS));
    let hash = XxHash3_64::oneshot(stem.as_bytes()) >> 32;
    format!("{id}-{hash:08x}")
}

/// A path without the extension of its name.
pub(super) fn stem_of(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |at| at.saturating_add(1));
    match path.rfind('.') {
        Some(dot) if dot > name => path.get(..dot).unwrap_or(path),
        Some(_) | None => path,
    }
}

/// The path, without an extension, of the file of an article alone: where it came from, if that is a path below the folder
/// that says so in the article's id; otherwise the id. So no two articles of a project have the same.
#[must_use]
pub fn file_path_of(id: &ArticleId, source_uri: &str) -> String {
    let stem = stem_of(source_uri);
    let parts_are_plain = stem.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let characters_are_plain =
        !stem.chars().any(|character| character.is_control() || "\\:".contains(character));
    if parts_are_plain && characters_are_plain && article_id_of(stem) == id.as_str() {
        return stem.to_owned();
    }
    id.as_str().to_owned()
}

/// Whether an article's id is only the number of its record in the file that it came from, which a file need not say again.
pub(in crate::formats) fn is_numbered(id: &ArticleId, source_uri: &str) -> bool {
    let stem = stem_of(source_uri);
    let number = id.as_str().rsplit('-').next().unwrap_or_default();
    !number.is_empty()
        && number.bytes().all(|digit| digit.is_ascii_digit())
        && article_id_of(&format!("{stem}-{number}")) == id.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_ids() {
        let check = |stem: &str, expected: &str| {
            assert_eq!(article_id_of(stem), expected);
            ArticleId::parse("", expected).unwrap();
        };
        check("010-navigation", "010-navigation");
        check("news/010", "news~010");
        check("é", "x--f7940a00");
        check("a b", "a-b-8044f8a6");
        assert_ne!(article_id_of("a b"), article_id_of("a-b"));
        let long = article_id_of(&"n".repeat(500));
        assert_eq!(long.len(), 128);
    }

    #[test]
    fn articles_go_back_to_where_they_came_from() {
        let check = |source: &str, id: &str, expected: &str| {
            assert_eq!(file_path_of(&ArticleId::parse("", id).unwrap(), source), expected);
        };
        check("news/010.txt", "news~010", "news/010");
        check("news/010.txt", "another", "another");
        check("news/010", "news~010", "news/010");
    }

    #[test]
    fn no_path_leaves_its_folder() {
        for source in ["../x", "/etc/passwd", "a/../../x", "C:\\x", "a\\b", "a//b", "./a"] {
            let id = ArticleId::parse("", &article_id_of(source)).unwrap();
            assert_eq!(file_path_of(&id, source), id.as_str());
        }
    }
}
