//! The sources under test: dependencies point one way, what belongs in one place stands nowhere else, nothing
//! unfinished is left, and files stay short.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test ends where it did not get what it expected"
)]

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// What each part of `src/` may use of the crate beside itself. Only what stands above it, so that there is no circle.
const LAYERS: [(&str, &[&str]); 17] = [
    ("lib", &[]),
    ("limits", &[]),
    ("proto", &[]),
    ("telemetry", &[]),
    ("domain", &["limits"]),
    ("formats", &["domain", "limits"]),
    ("store", &["domain", "limits", "proto::stored"]),
    ("clock", &["domain::revisions", "store::engine"]),
    ("app", &["domain", "formats", "limits", "store"]),
    ("grpc", &["app", "domain", "formats", "limits", "proto::v1", "proto::DESCRIPTORS", "store::engine"]),
    ("config", &["app::LogKept", "grpc::server", "grpc::web", "limits", "telemetry"]),
    ("serve", &["app", "clock", "config", "domain", "grpc", "limits", "store", "telemetry"]),
    ("restore", &["domain", "limits", "store"]),
    ("verify", &["domain", "store"]),
    ("client", &["limits", "proto::v1"]),
    (
        "cli",
        &[
            "client",
            "config",
            "domain",
            "formats",
            "grpc::convert",
            "grpc::status",
            "limits",
            "proto::v1",
            "proto::DESCRIPTORS",
            "restore",
            "serve",
            "verify",
        ],
    ),
    ("main", &["cli"]),
];

/// Crates and modules that only these parts may use.
const BELONGS: [(&str, &[&str]); 19] = [
    ("tonic", &["grpc", "client", "cli", "serve", "proto"]),
    ("tonic_types", &["grpc", "client", "cli"]),
    ("tonic_health", &["grpc"]),
    ("tonic_reflection", &["grpc"]),
    ("tonic_web", &["grpc"]),
    ("http", &["grpc", "client", "config"]),
    ("hyper", &["grpc"]),
    ("hyper_util", &["grpc"]),
    ("tower", &["grpc"]),
    ("tower_http", &["grpc"]),
    ("prost_types", &["grpc", "cli"]),
    ("prost_reflect", &["cli"]),
    ("quick_xml", &["formats"]),
    ("saphyr_parser", &["formats"]),
    ("clap", &["cli", "config", "telemetry"]),
    ("tracing_subscriber", &["telemetry"]),
    ("sled", &["store/sled_backend.rs", "store/sled_backend"]),
    ("rustix", &["store/sled_backend.rs", "store/sled_segments.rs", "cli/exchange/folder.rs"]),
    ("std::time::SystemTime", &["clock.rs"]),
];

/// What `domain` and `formats` do without, beside what [`BELONGS`] elsewhere: they are pure.
const IMPURE: [&str; 12] = [
    "tokio",
    "futures",
    "tracing",
    "prost",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time",
    "std::sync",
];

/// What `formats` use of these nevertheless: they are pure over readers and writers, and share texts.
const PURE_ENOUGH: [&str; 2] = ["std::io", "std::sync"];

/// Lines of a file.
const LINES_WANTED: usize = 500;
const LINES_MAX: usize = 600;

/// A source file without its comments and the contents of its strings.
struct Source {
    /// Below `src/`.
    path: String,
    code: String,
    lines: usize,
}

impl Source {
    /// Which part of the crate it belongs to.
    fn layer(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// All paths that begin with `root`, without it.
    fn paths(&self, root: &str) -> BTreeSet<String> {
        let start = format!("{root}::");
        let mut paths = BTreeSet::new();
        for (at, _) in self.code.match_indices(&start) {
            let before = self.code[..at].chars().next_back();
            if !before.is_some_and(|character| is_word(character) || character == '$' || character == ':') {
                expand("", &self.code[at + start.len()..], &mut paths);
            }
        }
        paths
    }

    /// How many modules deep the file is: a file directly in `src/` is a module of the crate.
    fn depth(&self) -> usize {
        let folders = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { folders } else { folders + 1 }
    }
}

/// Adds the paths that a use tree or a path begins with: `a::{b, c::d}` is `a::b` and `a::c::d`. Returns where it ends.
fn expand<'t>(before: &str, tree: &'t str, paths: &mut BTreeSet<String>) -> &'t str {
    if let Some(mut group) = tree.strip_prefix('{') {
        loop {
            group = expand(before, group, paths);
            group = match group.strip_prefix(',') {
                Some(rest) => rest,
                None => return group.strip_prefix('}').unwrap_or(group),
            };
        }
    }
    let end = tree.find(|character| !is_word(character)).unwrap_or(tree.len());
    let (word, rest) = tree.split_at(end);
    let path = if before.is_empty() { word.to_owned() } else { format!("{before}::{word}") };
    if let Some(rest) = rest.strip_prefix("::") {
        return expand(&path, rest, paths);
    }
    if !word.is_empty() {
        paths.insert(path);
    }
    // What it is renamed to is no path.
    if rest.starts_with(' ') { rest.find([',', '}', ';']).map_or("", |end| &rest[end..]) } else { rest }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether `path` is `allowed` or stands in it.
fn within(path: &str, allowed: &str) -> bool {
    path.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Code without comments, without what strings hold, and without blanks around signs.
fn stripped(content: &str) -> String {
    let characters: Vec<char> = content.chars().collect();
    let mut code = String::with_capacity(content.len());
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let word_before = code.chars().next_back().is_some_and(is_word);
        at += match rest {
            ['/', '/', ..] => rest.iter().position(|character| *character == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => {
                rest.windows(2).position(|pair| pair == ['*', '/']).map_or(rest.len(), |end| end + 2)
            }
            ['"', ..] => string(rest),
            ['r', '"' | '#', ..] if !word_before => raw_string(rest).unwrap_or(1),
            ['\'', '\\', ..] => 3 + rest[3..].iter().position(|character| *character == '\'').unwrap_or(0),
            ['\'', _, '\'', ..] => 3,
            [character, ..] => {
                code.push(if character.is_whitespace() { ' ' } else { *character });
                1
            }
            [] => unreachable!(),
        };
    }
    let mut tight = String::with_capacity(code.len());
    for word in code.split(' ').filter(|word| !word.is_empty()) {
        if tight.chars().next_back().is_some_and(is_word) && word.starts_with(is_word) {
            tight.push(' ');
        }
        tight.push_str(word);
    }
    tight
}

/// How long the string is that begins here.
fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// How long the raw string is that begins here, if one does.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|character| **character == '#').count();
    (rest.get(1 + hashes) == Some(&'"')).then_some(())?;
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let from = 2 + hashes;
    Some(rest[from..].windows(end.len()).position(|part| part == end)? + from + end.len())
}

/// Files below a folder of the repository that end with one of `endings`.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "node_modules" {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let source = |path: PathBuf| {
        let content = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        Source { path, code: stripped(&content), lines: content.lines().count() }
    };
    let sources: Vec<_> = files("src", &[".rs"]).into_iter().map(source).collect();
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    sources
}

/// Fails with everything that is wrong at once.
fn check(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (index, (layer, allowed)) in LAYERS.iter().enumerate() {
        let above: Vec<_> = LAYERS[..index].iter().map(|(above, _)| *above).collect();
        let down = allowed.iter().filter(|path| !above.iter().any(|above| within(path, above)));
        wrong.extend(
            down.map(|path| format!("the table lets {layer} use {path}, which does not stand above it")),
        );
    }
    for source in sources() {
        let layer = source.layer();
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            wrong.push(format!("src/{} is in no layer: say what it may use", source.path));
            continue;
        };
        for path in source.paths("crate").into_iter().chain(source.paths("spandrel")) {
            if !within(&path, layer) && !allowed.iter().any(|allowed| within(&path, allowed)) {
                wrong.push(format!("src/{} uses {path}; {layer} may use {allowed:?}", source.path));
            }
        }
        // Tests are a module deeper.
        let own = source.code.find("#[cfg(test)]mod").unwrap_or(source.code.len());
        let root = "super::".repeat(source.depth());
        if source.code[..own].contains(&root) || source.code.contains(&format!("{root}super::")) {
            wrong.push(format!("src/{} climbs to the root of the crate; write crate:: instead", source.path));
        }
    }
    check(&wrong);
}

#[test]
fn what_belongs_in_one_place_is_nowhere_else() {
    let mut wrong = Vec::new();
    for source in sources() {
        let uses = |path: &str| match path.split_once("::") {
            Some((root, rest)) => source.paths(root).iter().any(|path| within(path, rest)),
            None => !source.paths(path).is_empty(),
        };
        for (path, places) in BELONGS {
            // A part, a file, or all files of a folder.
            let is_within = |place: &&str| Path::new(&source.path).starts_with(place);
            if !places.contains(&source.layer()) && !places.iter().any(is_within) && uses(path) {
                wrong.push(format!("src/{} uses {path}, which belongs in {places:?}", source.path));
            }
        }
        if ["domain", "formats"].contains(&source.layer()) {
            wrong.extend(
                IMPURE
                    .iter()
                    .filter(|path| source.layer() == "domain" || !PURE_ENOUGH.contains(path))
                    .filter(|path| uses(path))
                    .map(|path| format!("src/{} uses {path}, and {} is pure", source.path, source.layer())),
            );
            let words: BTreeSet<_> = source.code.split(|character| !is_word(character)).collect();
            wrong.extend(
                ["async", "await"]
                    .iter()
                    .filter(|word| words.contains(*word))
                    .map(|word| format!("src/{} has {word}, and domain waits for nothing", source.path)),
            );
        }
    }
    check(&wrong);
}

#[test]
fn nothing_unfinished_is_left() {
    // In parts, so that this file is none of those it finds.
    let marks = ["TO|DO", "FIX|ME", "XX|X", "HA|CK", "to|do!", "unimple|mented!", "db|g!"]
        .map(|mark| mark.replace('|', ""));
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "proto", "fuzz/src"] {
        for path in files(folder, &[".rs", ".proto", ".py", ".mjs"]) {
            let content = fs::read_to_string(&path).unwrap();
            for (number, line) in content.lines().enumerate() {
                let found = marks.iter().find(|mark| {
                    line.match_indices(mark.as_str()).any(|(at, mark)| {
                        let (before, after) = (&line[..at], &line[at + mark.len()..]);
                        !before.ends_with(is_word) && (mark.ends_with('!') || !after.starts_with(is_word))
                    })
                });
                wrong.extend(found.map(|mark| format!("{}:{} has {mark}", path.display(), number + 1)));
            }
        }
    }
    check(&wrong);
}

#[test]
fn files_stay_short() {
    let mut wrong = Vec::new();
    for Source { path, lines, code: _ } in sources() {
        if lines > LINES_MAX {
            wrong.push(format!(
                "src/{path} has {lines} lines; {LINES_WANTED} are wanted and {LINES_MAX} too many"
            ));
        } else if lines > LINES_WANTED {
            // Unlike eprintln!, this is seen although the test passes.
            writeln!(std::io::stderr(), "src/{path} has {lines} lines; {LINES_WANTED} are wanted").unwrap();
        }
    }
    check(&wrong);
}

#[test]
fn sources_are_read_as_they_are_meant() {
    let source = |content: &str| Source { path: "a/b.rs".to_owned(), code: stripped(content), lines: 1 };
    let check = |content: &str, expected: &[&str]| {
        assert_eq!(source(content).paths("crate").iter().collect::<Vec<_>>(), expected, "{content}");
    };
    check("use crate::a;", &["a"]);
    check("use crate :: { a, b::{self, c::D as E, f}, g::* };", &["a", "b::c::D", "b::f", "b::self"]);
    check("fn f() { let x = crate::a::b(crate::c::D { e: 1 }); }", &["a::b", "c::D"]);
    check("// crate::a\n/* crate::b */ /// crate::c\n", &[]);
    check("let x = (\"crate::a\", r#\"crate::\"b\"\"#, '\"', \"\\\"crate::c\", '\\'', crate::d);", &["d"]);
    check("pub(crate) fn f<'a>(x: &'a crate::a::B) -> char { 'b' }", &["a::B"]);
    check("use crate::{\n    a::{\n        b,\n        c,\n    },\n    d,\n};", &["a::b", "a::c", "d"]);
    assert_eq!(source("mycrate::a; x::crate::b").paths("crate").len(), 0);
}
