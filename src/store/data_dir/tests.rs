use super::*;

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Opens `path`, expects a refusal, and expects its message to say all of `parts`.
fn check_refused(path: &Path, parts: &[&str]) {
    let message = DataDir::open(path).unwrap_err().to_string();
    for part in parts.iter().copied().chain([path.to_str().unwrap()]) {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn a_new_folder_becomes_a_data_folder_and_is_one_when_it_is_opened_again() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a/b");
    for _ in 0..2 {
        let data_dir = DataDir::open(&path).unwrap();
        assert_eq!(data_dir.database(), path.join("sled"));
        assert_eq!(names(&path), ["FORMAT", "LOCK"]);
        assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), "spandrel 4\n");
    }
}

#[test]
fn what_exists_is_opened_and_nothing_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    let check_refused = |path: &Path, part: &str| {
        let message = DataDir::open_existing(path).unwrap_err().to_string();
        assert!(message.contains(part) && message.contains(path.to_str().unwrap()), "{message:?}");
    };
    check_refused(&path, "is no data folder of Spandrel");
    check_refused(parent.path(), "is no data folder of Spandrel");
    assert_eq!(names(parent.path()), Vec::<String>::new());
    let first = DataDir::open(&path).unwrap();
    check_refused(&path, "another process uses");
    check_refused(&path.join("FORMAT"), "is not a folder");
    drop(first);
    assert_eq!(DataDir::open_existing(&path).unwrap().path(), path);
}

#[test]
fn what_a_start_that_was_cut_off_leaves_is_no_hindrance() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("LOCK"), "").unwrap();
    fs::write(folder.path().join("FORMAT.new"), "spand").unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    DataDir::open(folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["FORMAT", "LOCK", "lost+found"]);
}

#[test]
fn a_folder_in_use_is_refused_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let first = DataDir::open(folder.path()).unwrap();
    check_refused(folder.path(), &["another process uses", "stop that one"]);
    drop(first);
    DataDir::open(folder.path()).unwrap();
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    check_refused(folder.path(), &["thesis.tex", "no Spandrel data", "empty folder"]);
    assert_eq!(names(folder.path()), ["thesis.tex"]);
}

#[test]
fn an_older_format_is_read_and_raised_by_whoever_has_made_it_so() {
    let folder = tempfile::tempdir().unwrap();
    let says = || fs::read_to_string(folder.path().join("FORMAT")).unwrap();
    fs::write(folder.path().join("FORMAT"), "spandrel 1\n").unwrap();
    for _ in 0..2 {
        assert_eq!(DataDir::open(folder.path()).unwrap().format(), 1);
        assert_eq!(says(), "spandrel 1\n");
    }
    DataDir::open(folder.path()).unwrap().raise_format().unwrap();
    assert_eq!(says(), "spandrel 4\n");
    assert_eq!(DataDir::open_existing(folder.path()).unwrap().format(), 4);
}

#[test]
fn what_a_restore_has_not_finished_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    mark_restoring(folder.path()).unwrap();
    check_refused(folder.path(), &["is not whole", "spandrel restore"]);
    assert_eq!(names(folder.path()), ["RESTORING"]);
    drop(DataDir::open_restoring(folder.path()).unwrap());
    check_refused(folder.path(), &["is not whole"]);
    assert!(matches!(DataDir::open_existing(folder.path()), Err(OpenError::Restoring { .. })));
    unmark_restoring(folder.path()).unwrap();
    DataDir::open(folder.path()).unwrap();
}

#[test]
fn a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    check_refused(file.path(), &["is not a folder"]);
}

#[test]
fn a_path_through_a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    check_refused(&file.path().join("data"), &["cannot look at", "check the path"]);
}

#[test]
fn formats_that_cannot_be_read_are_refused() {
    let check = |format: &str, parts: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("FORMAT"), format).unwrap();
        check_refused(folder.path(), parts);
        assert_eq!(names(folder.path()), ["FORMAT"]);
    };
    check("spandrel 5\n", &["format 5", "newer version"]);
    let way_out = "spandrel restore FILE --data-dir";
    check("spandrel 0\n", &["is damaged", "spandrel 4", way_out]);
    check("spandrel\n", &["is damaged", way_out]);
    check("", &["is damaged", way_out]);
    check("postgres 1\n", &["is damaged", way_out]);
}
