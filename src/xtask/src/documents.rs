//! What the documents name is there: tests, files, and the program that the unit starts.

use std::fs;
use std::path::Path;

use crate::step::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Every test below a directory, as `module::of::its::file::name`.
fn tests(dir: &Path, module: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            tests(&path, &format!("{module}{name}::"), found);
        } else if let Some(file) = name.strip_suffix(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            // a module `tests` of the same file counts as part of its path
            let inside = if text.contains("mod tests {") { "tests::" } else { "" };
            let module = if file == "mod" { module.to_owned() } else { format!("{module}{file}::") };
            let tests = text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1));
            let names = tests.filter_map(|rest| rest.split_once("fn ")?.1.split_once('('));
            found.extend(names.map(|(name, _)| format!("{module}{inside}{name}")));
        }
    }
}

/// What a document calls a test: `file::name`, `file::the_beginning_…`, `file::*`.
fn beginning(name: &str) -> Option<&str> {
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | ':');
    let beginning = name.trim_end_matches(['…', '*']);
    (name.contains("::") && beginning.chars().all(is_path)).then_some(beginning)
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let mut all = Vec::new();
    tests(&root().join("tests/live"), "", &mut all);
    tests(&root().join("src"), "", &mut all);
    let mut named = 0;
    for document in ["SECURITY.md", "misc/ATTACKS.md", "misc/RELIABILITY.md"] {
        let text = read(document);
        for (name, beginning) in
            quoted(&text).filter(|name| *name != "file::name").filter_map(|name| Some((name, beginning(name)?)))
        {
            let inside = format!("::{beginning}");
            let is_whole = !name.ends_with(['…', '*']);
            let is_it = |test: &String| {
                if is_whole {
                    test == beginning || test.ends_with(&inside)
                } else {
                    test.starts_with(beginning) || test.contains(&inside)
                }
            };
            assert!(all.iter().any(is_it), "{document} names {name}, which is no test");
            named += 1;
        }
    }
    assert!(named > 40, "only {named} names were found");
}

#[test]
fn every_file_that_contributors_are_sent_to_is_there() {
    let text = read("CONTRIBUTING.md");
    let paths: Vec<&str> = quoted(&text).filter(|name| name.contains('/') && !name.contains(' ')).collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths.into_iter().filter(|path| !path.starts_with("target/")) {
        assert!(root().join(path).exists(), "CONTRIBUTING.md names {path}, which is not there");
    }
}

#[test]
fn the_unit_starts_what_install_sh_has_installed() {
    // systemd looks a bare name up in /usr/local/bin, the default of install.sh
    assert!(read("misc/cci-network-refresh.service").contains("\nExecStart=cci --quiet network refresh\n"));
    assert!(read("install.sh").contains(" prefix=/usr/local "));
    assert!(read("README.md").contains("`misc/cci-network-refresh.timer`"));
}

#[test]
fn the_release_workflow_builds_what_install_sh_downloads() {
    let (workflow, script) = (read(".github/workflows/release.yml"), read("install.sh"));
    let built: Vec<&str> =
        workflow.lines().filter_map(|line| line.split_once("name: cci-linux-")).map(|(_, rest)| rest).collect();
    assert_eq!(built.len(), script.matches(") name=cci-linux-").count(), "{built:?}");
    for arch in built {
        let arch = arch.trim_end_matches([' ', '}']);
        assert!(script.contains(&format!(") name=cci-linux-{arch} ;;")), "install.sh downloads no cci-linux-{arch}");
    }
    assert!(script.contains("releases/download/v$VERSION"), "the workflow runs for tags of this form");
}
