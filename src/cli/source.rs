//! Texts from files.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::failure::Failure;
use crate::limits::{ID_BYTES_MAX, TEXT_BYTES_CEILING};

/// The file that is stdin.
pub(super) const STDIN: &str = "-";

/// The text of a file, byte for byte.
///
/// # Errors
///
/// When it cannot be read, is longer than any server takes, or is not UTF-8.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let failed = |error: io::Error| Failure::Local(format!("cannot read {name}: {error}"));
    let mut bytes = Vec::new();
    let limit = u64::try_from(TEXT_BYTES_CEILING).unwrap_or(u64::MAX).saturating_add(1);
    if path.as_os_str() == STDIN {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() > TEXT_BYTES_CEILING {
        let most = TEXT_BYTES_CEILING / (1_024 * 1_024);
        return Err(Failure::Local(format!(
            "{name} is longer than {most} MiB, the most that a text may have"
        )));
    }
    utf8(bytes).map_err(|problem| Failure::Local(format!("{name} is not UTF-8: {problem}")))
}

/// The bytes as text, or where they are not.
fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let offset = error.utf8_error().valid_up_to();
        let valid = bytes.get(..offset).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', valid).count() + 1;
        let byte = bytes.get(offset).copied().unwrap_or_default();
        let place = format!("line {line} has the byte 0x{byte:02x} at offset {offset}");
        let encoding = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16",
            // No 8-bit encoding has them in a text.
            _ if memchr::memchr(0, bytes).is_some() => {
                return format!("{place}; it holds NUL bytes, too, as files do that are no text");
            }
            _ => "WINDOWS-1252",
        };
        format!("{place}; if it is {encoding}, convert it with: iconv -f {encoding} -t UTF-8")
    })
}

/// The id that a file's name gives its article: the name without its extension, and a hyphen for what an id may
/// not hold. None when nothing is left; the server then makes an id.
pub(super) fn id(path: &Path) -> Option<String> {
    if path.as_os_str() == STDIN {
        return None;
    }
    let stem = path.file_stem()?.to_string_lossy();
    let mut id = String::new();
    for character in stem.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '~' | '-') {
            id.push(character);
        } else if !id.ends_with('-') {
            id.push('-');
        }
    }
    let id = id.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let id = id.get(..ID_BYTES_MAX).unwrap_or(id).trim_end_matches('-');
    (!id.is_empty()).then(|| id.to_owned())
}

/// The title that a file's name gives its article; empty for stdin.
pub(super) fn title(path: &Path) -> String {
    if path.as_os_str() == STDIN {
        return String::new();
    }
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ArticleId;

    #[test]
    fn an_id_is_the_name_without_its_extension() {
        let check = |path: &str, expected: Option<&str>| {
            let id = id(Path::new(path));
            assert_eq!(id.as_deref(), expected, "{path}");
            assert!(id.is_none_or(|id| ArticleId::parse("", &id).is_ok()), "{path}");
        };
        check("articles/venezuela-invests.txt", Some("venezuela-invests"));
        check("a.b_c~d.txt", Some("a.b_c~d"));
        check("My  Article (1).txt", Some("My-Article-1"));
        check("Nicolás.txt", Some("Nicol-s"));
        check(".hidden", Some("hidden"));
        check("--x--.txt", Some("x"));
        check("東京.txt", None);
        check("...", None);
        check("-", None);
        check(&format!("{}.txt", "x".repeat(200)), Some(&"x".repeat(128)));
    }

    #[test]
    fn a_title_is_the_name() {
        assert_eq!(title(Path::new("a/Nicolás 1.txt")), "Nicolás 1.txt");
        assert_eq!(title(Path::new("-")), "");
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_place_and_a_way_out() {
        let check = |bytes: &[u8], message: &str| {
            let error = utf8(bytes.to_vec()).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        };
        check(
            b"one\ntwo\nNicol\xe1s",
            "line 3 has the byte 0xe1 at offset 13; if it is WINDOWS-1252, convert it with: iconv -f WINDOWS-1252",
        );
        check(b"\xff\xfeo\0", "line 1 has the byte 0xff at offset 0; if it is UTF-16, ");
        check(b"\x7fELF\0\x8f", "line 1 has the byte 0x8f at offset 5; it holds NUL bytes");
        check("é".as_bytes().get(..1).unwrap(), "line 1 has the byte 0xc3 at offset 0");
    }

    #[test]
    fn bytes_are_kept_as_they_are() {
        let text = "\u{feff}a\r\nb\rc\0 \u{a0}";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(read(file.path()).unwrap(), text);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = read(Path::new("/nonexistent/x.txt")).unwrap_err().message(false, false);
        assert!(error.contains("cannot read /nonexistent/x.txt: "), "{error}");
    }
}
