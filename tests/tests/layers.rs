//! Keeps the house in order: what ARCHITECTURE.md says is absent stays absent, and lower layers import no higher ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a crate of the workspace may use of the others.
const CRATES: [(&str, &[&str]); 10] = [
    ("common", &[]),
    ("pacifica", &["common"]),
    ("resp", &["common"]),
    ("redis-data", &["common", "resp"]),
    ("client", &["common"]),
    ("replica-server/state", &["common", "pacifica"]),
    ("meta-server/state", &["common"]),
    ("replica-server", &["client", "common", "pacifica", "redis-data", "replica-state", "resp"]),
    ("meta-server", &["common", "meta-state"]),
    ("admin-cli", &["client", "common"]),
];

const WORKSPACE: [&str; 10] = [
    "common",
    "pacifica",
    "resp",
    "redis-data",
    "client",
    "replica-state",
    "meta-state",
    "replica-server",
    "meta-server",
    "admin-cli",
];

/// Pure: decides, and does nothing. Time, chance and I/O come in as arguments.
const PURE: [&str; 7] = [
    "pacifica/src",
    "resp/src",
    "redis-data/src",
    "common/src/types",
    "common/src/job.rs",
    "meta-server/state/src",
    "replica-server/state/src",
];

const IMPURE: [&str; 8] =
    ["tokio", "std::fs", "std::net", "rocksdb", "Instant", "SystemTime", "std::thread", "rand::rng"];

/// Layers inside the servers, lowest first. Modules of one layer do not import each other.
const REPLICA_SERVER: &[&[&str]] = &[
    &["log", "storage", "disk", "open_files"],
    &["migrate", "learn"],
    &["replica"],
    &["meta_link"],
    &["service", "http", "resp"],
    &["settings"],
    &["server"],
];
const META_SERVER: &[&[&str]] = &[
    &["settings", "store", "metrics", "alarms"],
    &["push"],
    &["owner"],
    &["procedures"],
    &["service"],
    &["http"],
    &["server"],
];

/// The only files that may name RocksDB.
const ROCKSDB: [&str; 2] = ["replica-server/src/storage/", "meta-server/src/store/"];

const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust files below a path of the repository, with the path as it is written there.
fn files(below: &str) -> Vec<(String, String)> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_file() {
            found.extend((path.extension().is_some_and(|e| e == "rs")).then(|| path.to_owned()));
        } else if !path.ends_with("target") && !path.ends_with(".git") {
            let mut entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            entries.iter().for_each(|entry| walk(entry, found));
        }
    }
    let (root, mut found) = (root(), vec![]);
    walk(&root.join(below), &mut found);
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The code of a file: without comments, without string literals, and without the tests at its end.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = product.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.map(|line| line.split('"').step_by(2).collect::<String>()).collect::<Vec<_>>().join("\n")
}

fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs") || file.starts_with("tests/")
}

/// Whether `word` stands in the code as a word of its own.
fn names(code: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word)
        .any(|(at, _)| !inside(code[..at].chars().next_back()) && !inside(code[at + word.len()..].chars().next()))
}

#[test]
fn every_file_says_what_lives_in_it() {
    let silent: Vec<_> = files("").into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(f, _)| f).collect();
    assert!(silent.is_empty(), "without //! on their first line: {silent:#?}");
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let long: Vec<_> =
        files("").into_iter().filter(|(_, t)| t.lines().count() > LINES_MAX).map(|(file, _)| file).collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines, look for the second responsibility: {long:#?}");
}

#[test]
fn pure_modules_know_no_runtime_no_disk_and_no_clock() {
    for place in PURE {
        let files = files(place);
        assert!(!files.is_empty(), "{place} is gone: correct this test");
        for (file, text) in files.iter().filter(|(file, _)| !is_test(file)) {
            let found: Vec<_> = IMPURE.iter().filter(|word| names(&code(text), word)).collect();
            assert!(found.is_empty(), "{file} is to stay pure, and names {found:?}");
        }
    }
}

#[test]
fn lower_crates_depend_on_no_higher_ones() {
    for (place, allowed) in CRATES {
        let manifest = std::fs::read_to_string(root().join(place).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        let names = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let higher: Vec<_> = names.filter(|name| WORKSPACE.contains(name) && !allowed.contains(name)).collect();
        assert!(higher.is_empty(), "{place} depends on {higher:?}");
    }
}

#[test]
fn lower_modules_of_a_server_import_no_higher_ones() {
    for (server, layers) in [("replica-server/src", REPLICA_SERVER), ("meta-server/src", META_SERVER)] {
        for (file, text) in files(server).iter().filter(|(file, _)| !is_test(file)) {
            let module = module_of(server, file);
            let Some(layer) = layer_of(layers, &module) else { continue };
            let wrong: Vec<_> = imports(&code(text))
                .into_iter()
                .filter(|import| *import != module && layer_of(layers, import).is_some_and(|other| other >= layer))
                .collect();
            assert!(wrong.is_empty(), "{file} (layer {layer}) imports {wrong:?}; use a trait that {module} declares");
        }
    }
}

fn module_of(server: &str, file: &str) -> String {
    let rest = file.strip_prefix(server).unwrap().trim_start_matches('/');
    rest.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

fn layer_of(layers: &[&[&str]], module: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.contains(&module))
}

/// Modules named after `crate::`, alone or in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let after = code.match_indices("crate::").map(|(at, found)| &code[at + found.len()..]);
    after
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').map(word).collect::<Vec<_>>(),
            None => vec![word(rest)],
        })
        .collect()
}

#[test]
fn rocksdb_has_one_importer_in_each_server() {
    for (file, text) in files("").iter().filter(|(file, _)| !is_test(file)) {
        let allowed = ROCKSDB.iter().any(|place| file.starts_with(place));
        assert!(allowed || !names(&code(text), "rocksdb"), "{file} names rocksdb; go through the storage module");
    }
}

#[test]
fn renames_and_clocks_have_one_home() {
    for (file, text) in files("").iter().filter(|(file, _)| !is_test(file)) {
        let code = code(text);
        let renames = file == "common/src/fs/durable.rs" || !code.contains("fs::rename(");
        assert!(renames, "{file} renames without fsync of the parent: use common::fs::durable_rename");
        let clocks = file == "common/src/clock.rs"
            || !(code.contains("SystemTime::now(") || code.contains("std::time::Instant::now("));
        assert!(clocks, "{file} reads a clock of its own: take a common::clock::Clock");
    }
}

#[test]
fn every_error_code_is_explained_to_operators() {
    let source = std::fs::read_to_string(root().join("common/src/rpc/error.rs")).unwrap();
    let explained = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let variants = source.split("pub enum ErrorCode {").nth(1).unwrap().split("\n}").next().unwrap();
    let names = variants.lines().map(str::trim).filter(|line| line.ends_with(',') && !line.starts_with("//"));
    for name in names.map(|name| screaming(name.trim_end_matches(','))) {
        assert!(explained.contains(&format!("| {name} |")), "docs/operations.md does not explain {name}");
    }
}

/// `NotOnDisk` as it is shown: `NOT_ON_DISK`.
fn screaming(name: &str) -> String {
    let letter = |c: char| if c.is_uppercase() { format!("_{c}") } else { c.to_uppercase().to_string() };
    name.chars().map(letter).collect::<String>().trim_start_matches('_').to_owned()
}

/// Every path in backquotes that names a file or folder: from the root, or from the sources of the replica server.
#[test]
fn every_path_that_the_architecture_names_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    // The drawings between fences have backquotes of their own.
    let quoted = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let is_path =
        |text: &&str| text.contains('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let stands = |path: &&str| root().join(path).exists() || root().join("replica-server/src").join(path).exists();
    let named: Vec<&str> = quoted.filter(is_path).collect();
    assert!(named.contains(&"log/writer.rs"), "no path is found any more: {named:?}");
    let missing: Vec<&str> = named.into_iter().filter(|path| !stands(path)).collect();
    assert_eq!(missing, [""; 0]);
}
