//! What is special about an agent stands in this crate: the name of the first one is in no other source file.

use std::fs;
use std::path::{Path, PathBuf};

/// The keys of the configuration that bear it, and the one file that may know them.
const KEYS: [&str; 2] = ["claude_uid", "mount_claude_config"];
const MODEL: &str = "cci-core/src/settings/model.rs";

/// The lines of a file that name the agent, beside prose about the crate or module.
fn breaches(file: &str, text: &str) -> Vec<String> {
    let without_keys = |line: &str| KEYS.iter().fold(line.to_owned(), |line, key| line.replace(key, ""));
    let judged = |line: &str| if file == MODEL { without_keys(line) } else { line.to_owned() };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//!"));
    let named = lines.filter(|(_, line)| judged(line).to_ascii_lowercase().contains("claude"));
    named.map(|(number, line)| format!("{file}:{}: {}", number + 1, line.trim())).collect()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_exempt = ["cci-agent", "tests"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !is_exempt {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_other_room_names_an_agent() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(src, &mut files);
    assert!(files.len() > 100, "only {} files are looked at", files.len());
    let named = files.iter().flat_map(|path| {
        let file = path.strip_prefix(src).unwrap().to_str().unwrap();
        breaches(file, &fs::read_to_string(path).unwrap())
    });
    assert_eq!(named.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_breach_is_seen() {
    let text = "//! Claude Code.\n#[serde(rename = \"claude_uid\")]\nconst DIR: &str = \".Claude\";\n";
    assert_eq!(breaches(MODEL, text), [format!("{MODEL}:3: const DIR: &str = \".Claude\";")]);
    assert_eq!(breaches("cci/lib.rs", text).len(), 2, "the keys are known to one file only");
}
