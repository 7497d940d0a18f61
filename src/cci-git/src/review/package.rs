//! What package managers run by themselves, and what editors do.

use std::collections::BTreeMap;

use serde_json::Value;

/// Scripts that run when a package is installed or packed, without anybody asking for them.
const BY_THEMSELVES: [&str; 18] = [
    "preinstall",
    "install",
    "postinstall",
    "preuninstall",
    "uninstall",
    "postuninstall",
    "prepublish",
    "prepublishOnly",
    "preprepare",
    "prepare",
    "postprepare",
    "prepack",
    "postpack",
    "dependencies",
    "pre-install-cmd",
    "post-install-cmd",
    "post-update-cmd",
    "post-autoload-dump",
];
/// A text is shown up to here.
const LONGEST: usize = 200;

/// The scripts of a package that run by themselves and are new; a file that cannot be read is said to be that.
pub(super) fn scripts(old: &[u8], new: &[u8]) -> Vec<String> {
    let Some(now) = by_themselves(new) else { return vec!["it is not valid JSON".to_owned()] };
    let before = by_themselves(old).unwrap_or_default();
    now.into_iter()
        .filter(|(name, script)| before.get(name) != Some(script))
        .map(|(name, script)| short(&format!("{name}: {script}")))
        .collect()
}

fn by_themselves(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let Value::Object(package) = serde_json::from_slice(bytes).ok()? else { return None };
    let mut found = BTreeMap::new();
    if let Some(Value::Object(scripts)) = package.get("scripts") {
        for name in BY_THEMSELVES {
            if let Some(script) = scripts.get(name) {
                found.insert(name.to_owned(), text(script));
            }
        }
    }
    // the package manager itself, which some fetch and run
    if let Some(manager) = package.get("packageManager") {
        found.insert("packageManager".to_owned(), text(manager));
    }
    Some(found)
}

/// The lines of the tables that name what builds a Python project, if they are new.
pub(super) fn pyproject(old: &[u8], new: &[u8]) -> Vec<String> {
    let before = build_lines(old);
    build_lines(new).into_iter().filter(|line| !before.contains(line)).collect()
}

fn build_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut is_in = false;
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_in = line.starts_with("[build-system]") || line.starts_with("[tool.setuptools.cmdclass]");
        } else if is_in && !line.is_empty() && !line.starts_with('#') {
            lines.push(short(line));
        }
    }
    lines
}

/// What an editor does with its tasks: nothing to say about a file that did not change.
pub(super) fn tasks(old: &[u8], new: &[u8]) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    // comments are allowed there, so it is not parsed; an escape is as good as the word
    let opens = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("folderOpen") || bytes.contains(&b'\\');
    let line = if opens(new) { "may run when the folder is opened" } else { "runs when it is chosen" };
    vec![line.to_owned()]
}

/// Settings of an editor that name programs or let tasks run, if they are new.
pub(super) fn settings(old: &[u8], new: &[u8]) -> Vec<String> {
    let told = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let names = |line: &&str| {
            let key = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let words = [
                "path",
                "executable",
                "command",
                "terminal.integrated",
                "automatictasks",
                "program",
                "shell",
                "interpreter",
                "args",
                "binary",
                "\\u",
            ];
            words.iter().any(|word| key.contains(word))
        };
        text.split([',', '\n', '{', '}']).map(str::trim).filter(names).map(short).collect()
    };
    let before = told(old);
    told(new).into_iter().filter(|line| !before.contains(line)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn short(text: &str) -> String {
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_dependency_is_quiet_and_a_script_that_runs_by_itself_is_not() {
        let old = br#"{"dependencies": {"a": "1"}, "scripts": {"test": "x", "prepare": "husky"}}"#;
        let more =
            br#"{"dependencies": {"a": "1", "b": "2"}, "scripts": {"test": "y", "build": "z", "prepare": "husky"}}"#;
        assert_eq!(scripts(old, more), [""; 0]);
        let evil = br#"{"scripts": {"prepare": "evil", "postinstall": "evil"}}"#;
        assert_eq!(scripts(old, evil), ["postinstall: evil", "prepare: evil"]);
        assert_eq!(scripts(b"", evil).len(), 2);
        assert_eq!(scripts(old, b"{"), ["it is not valid JSON"]);
        assert_eq!(
            scripts(b"", br#"{"post\u0069nstall": 1, "scripts": {"post\u0069nstall": "x"}}"#),
            ["postinstall: x"]
        );
    }

    #[test]
    fn other_tables_of_a_python_project_are_quiet() {
        let old = b"[project]\nname = \"x\"\n[build-system]\nrequires = [\"hatchling\"]\n";
        assert_eq!(pyproject(old, b"[project]\nname = \"y\"\n[build-system]\nrequires = [\"hatchling\"]\n"), [""; 0]);
        let evil = b"[build-system]\nrequires = []\nbackend-path = [\".\"]\n";
        assert_eq!(pyproject(old, evil), ["requires = []", "backend-path = [\".\"]"]);
    }

    #[test]
    fn settings_of_an_editor_that_name_programs_are_told() {
        let now = b"{\n  \"editor.tabSize\": 2,\n  \"git.path\": \"./git\", \"task.allowAutomaticTasks\": \"on\"\n}";
        assert_eq!(settings(b"{}", now), ["\"git.path\": \"./git\"", "\"task.allowAutomaticTasks\": \"on\""]);
        assert_eq!(settings(now, now), [""; 0]);
        assert_eq!(tasks(b"", b"{\"runOn\": \"folderOpen\"}"), ["may run when the folder is opened"]);
    }
}
