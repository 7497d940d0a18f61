//! The program's source files: everything below `src` but tests and this tool.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::tokens::Tokens;

#[derive(Debug)]
pub(crate) struct Source {
    /// Below the root, as `src/cci-core/src/plan.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Tokens,
}

impl Source {
    /// The file of one of the crate's modules, `["a", "b"]` for `a/b.rs` and `a/b/mod.rs`, with where its crate begins.
    pub(crate) fn module(&self) -> (String, Vec<String>) {
        let mut parts: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        let root = if parts.get(2) == Some(&"src") { 3 } else { 2 };
        if matches!(parts.last(), Some(&("lib" | "mod"))) {
            parts.pop();
        }
        let owned = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
        (parts[1].to_owned(), owned(parts.get(root..).unwrap_or_default()))
    }
}

/// All of them, below a root that has a directory `src`.
pub(crate) fn all(root: &Path) -> Result<Vec<Source>, String> {
    let mut texts = BTreeMap::new();
    collect(root, &root.join("src"), &mut texts)?;
    let mut sources = Vec::new();
    for (path, text) in texts {
        let tokens = Tokens::read(&text).map_err(|error| format!("{path}: {error}"))?;
        sources.push(Source { path, text, tokens });
    }
    let for_tests: Vec<String> = sources.iter().flat_map(test_modules).collect();
    let is_test =
        |path: &str| for_tests.iter().any(|test| path == format!("{test}.rs") || path.starts_with(&format!("{test}/")));
    sources.retain(|source| !is_test(&source.path));
    Ok(sources)
}

/// Where the modules are that a file declares for tests only, without the ending.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let dir = match stem.rsplit_once('/') {
        Some((dir, "lib" | "mod" | "main")) => dir,
        _ => stem,
    };
    source.tokens.test_modules.iter().map(|name| format!("{dir}/{name}")).collect()
}

fn collect(root: &Path, dir: &Path, texts: &mut BTreeMap<String, String>) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    for entry in fs::read_dir(dir).map_err(|error| failed(dir, error))?.flatten() {
        let path: PathBuf = entry.path();
        let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if path.is_dir() {
            // the tests beside a crate's sources are no part of the program, and neither is this tool
            let is_beside = path.file_name().is_some_and(|name| name == "tests") && dir.join("Cargo.toml").exists();
            if !is_beside && below != "src/xtask" {
                collect(root, &path, texts)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            texts.insert(below, fs::read_to_string(&path).map_err(|error| failed(&path, error))?);
        }
    }
    Ok(())
}
