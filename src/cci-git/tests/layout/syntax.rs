//! The parser of git's configuration beside git itself: what git reads is read in the same way, or refused.

use std::io::Write as _;
use std::process::{Command, Stdio};

use cci_git::config::{self, Entry};
use proptest::prelude::*;

/// What git reads, a key and its value each; nothing if it refuses.
fn of_git(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut git = Command::new("git");
    git.args(["config", "--file", "-", "--list", "-z"]).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let mut git = git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    git.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = git.wait_with_output().unwrap();
    let listed = String::from_utf8(done.stdout).unwrap();
    let pair = |line: &str| match line.split_once('\n') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (line.to_owned(), None),
    };
    done.status.success().then(|| listed.split_terminator('\0').map(pair).collect())
}

fn of_ours(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let pair = |Entry { section, subsection, key, value }| match subsection {
        Some(sub) => (format!("{section}.{sub}.{key}"), value),
        None => (format!("{section}.{key}"), value),
    };
    config::parse(text.as_bytes()).ok().map(|entries| entries.into_iter().map(pair).collect())
}

proptest! {
    #[test]
    fn what_git_reads_is_read_in_the_same_way_or_refused(
        lines in prop::collection::vec(
            prop_oneof![
                Just("[core]".to_owned()),
                Just("[include]".to_owned()),
                "\\[[a-zA-Z.-]{1,6}( \"[a-z\\\\\". \\]]{0,5}\")?\\]",
                "[ \t]{0,2}(hooksPath|worktree|path|a-b|x1)[ \t]{0,2}(= ?[a-z \t\"\\\\#;/~=\u{a0}\u{b}ntb-]{0,12})?",
                "[ #;\\[\\]=\"\\\\a\r\t\u{b}\u{feff}]{0,6}",
            ],
            0..8,
        ),
        end in "(\r?\n|\\\\\n)",
    ) {
        let text = lines.join(&end);
        if let (Some(git), Some(ours)) = (of_git(&text), of_ours(&text)) {
            prop_assert_eq!(ours, git, "{:?}", text);
        }
    }
}
