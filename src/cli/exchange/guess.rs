//! What files are, by what stands in them; and what a file is to be, by its name.

use std::path::Path;

use super::InputFiles;
use crate::{
    cli::{failure::Failure, render::printable},
    formats::Format,
};

/// Files that are looked at.
const FILES_LOOKED_AT: usize = 64;

/// The format of files: what was said with `flag`, or what they show.
pub(in crate::cli) fn guessed(
    said: Option<Format>,
    flag: &str,
    files: &mut InputFiles,
) -> Result<Format, Failure> {
    if let Some(said) = said {
        return Ok(said);
    }
    let mut shown: Option<(String, Format)> = None;
    for file in files.files.iter_mut().take(FILES_LOOKED_AT) {
        let beginning = file.beginning()?;
        match (Format::guess(&file.path, &beginning), &shown) {
            (Some(format), None) => shown = Some((file.path.clone(), format)),
            (Some(format), Some((first, other))) if format != *other => {
                return Err(Failure::Usage(format!(
                    "{first} reads as {}, and {} as {}; say which one with {flag} {} or {}, or name the files of one",
                    other.facts().title,
                    file.path,
                    format.facts().title,
                    other.facts().id,
                    format.facts().id,
                )));
            }
            (Some(_) | None, _) => {}
        }
    }
    shown.map(|(_, format)| format).ok_or_else(|| {
        let ids: Vec<_> = Format::ALL.iter().map(|format| format.facts().id).collect();
        Failure::Usage(format!(
            "nothing shows what {} is; say it with {flag}, one of {}",
            files.files.first().map_or_else(String::new, |file| printable(&file.path)),
            ids.join(", ")
        ))
    })
}

/// The format of what is written: what was said, or what the extension of the file's name says, or the native one.
pub(in crate::cli) fn for_output(said: Option<Format>, output: Option<&Path>) -> Result<Format, Failure> {
    if let Some(said) = said {
        return Ok(said);
    }
    let extension = output.and_then(|path| path.extension()?.to_str()).map(str::to_lowercase);
    let Some(extension) = extension else { return Ok(Format::Native) };
    let has = |format: &Format| format.facts().extensions.first() == Some(&extension.as_str());
    let formats: Vec<_> = Format::ALL.into_iter().filter(has).collect();
    match formats.as_slice() {
        // What bears everything comes first.
        [format] | [format @ Format::Native, ..] => Ok(*format),
        [] => Ok(Format::Native),
        several => {
            let ids: Vec<_> = several.iter().map(|format| format.facts().id).collect();
            let message = format!("a .{extension} file may be {}; say which with --format", ids.join(" or "));
            Err(Failure::Usage(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_a_file_is_to_be_is_said_by_its_name_where_nothing_else_says_it() {
        let check = |said: Option<Format>, output: &str, expected: Format| {
            assert_eq!(for_output(said, Some(Path::new(output))).unwrap(), expected, "{output}");
        };
        check(Some(Format::Doccano), "a.csv", Format::Doccano);
        check(None, "a.csv", Format::Csv);
        check(None, "a.JSONL", Format::Native);
        check(None, "folder", Format::Native);
        assert_eq!(for_output(None, None).unwrap(), Format::Native);
        let failure = for_output(None, Some(Path::new("a.json"))).unwrap_err();
        assert!(matches!(&failure, Failure::Usage(it) if it.contains("label-studio or ")), "{failure:?}");
    }

    #[test]
    fn what_files_are_is_shown_by_one_of_them_or_must_be_said() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
        let find = || InputFiles::find(&[folder.path().to_owned()]).unwrap();
        write("0", "\u{1}");
        let failure = guessed(None, "--format", &mut find()).unwrap_err();
        assert!(
            matches!(&failure, Failure::Usage(it) if it.contains("one of native, doccano, ")),
            "{failure:?}"
        );
        write("1.jsonl", "{\"article\": {\"id\": \"a\", \"text\": \"\"}}\n");
        assert_eq!(guessed(None, "--format", &mut find()).unwrap(), Format::Native);
        assert_eq!(guessed(Some(Format::Csv), "--format", &mut find()).unwrap(), Format::Csv);
    }
}
