//! The differences of files as a unified diff.

use std::os::unix::ffi::OsStrExt;

use cci_engine::checkpoint::files::Differing;
use cci_git::ChangeKind;
use similar::TextDiff;

/// The unified diff of one file, as bytes that `git apply` understands.
pub(crate) fn patch(file: &Differing) -> Vec<u8> {
    let path = quoted(file.path.as_os_str().as_bytes());
    let mut out = format!("diff --git a/{path} b/{path}\n").into_bytes();
    match (file.modes.0, file.modes.1) {
        (None, Some(mode)) => out.extend(format!("new file mode {mode:06o}\n").bytes()),
        (Some(mode), None) => out.extend(format!("deleted file mode {mode:06o}\n").bytes()),
        (Some(old), Some(new)) if old != new => {
            out.extend(format!("old mode {old:06o}\nnew mode {new:06o}\n").bytes());
        }
        _ => {}
    }
    if file.kind == ChangeKind::ModeChanged {
        return out;
    }
    let (before, after) = (file.before.as_deref(), file.after.as_deref());
    let is_missing = (file.modes.0.is_some() && before.is_none()) || (file.modes.1.is_some() && after.is_none());
    let (old, new) = (before.unwrap_or_default(), after.unwrap_or_default());
    if is_missing || is_binary(old) || is_binary(new) {
        out.extend(format!("Binary files a/{path} and b/{path} differ\n").bytes());
        return out;
    }
    if old == new {
        return out;
    }
    let name =
        |side: &str, mode: Option<u32>| if mode.is_some() { format!("{side}/{path}") } else { "/dev/null".into() };
    let diff = TextDiff::from_lines(old, new);
    let mut unified = diff.unified_diff();
    unified.context_radius(3).header(&name("a", file.modes.0), &name("b", file.modes.1));
    // a vector takes everything
    let _ = unified.to_writer(&mut out);
    out
}

/// The same in one line: how it differs, and how many lines.
pub(crate) fn stat(file: &Differing) -> Vec<u8> {
    let (added, removed) = lines(file);
    let mark = match file.kind {
        ChangeKind::Added => 'A',
        ChangeKind::Deleted => 'D',
        ChangeKind::Modified => 'M',
        ChangeKind::ModeChanged | ChangeKind::Retyped => 'T',
    };
    let mut out = format!("{mark}  +{added} -{removed}  ").into_bytes();
    out.extend(file.path.as_os_str().as_bytes());
    out.push(b'\n');
    out
}

/// How many lines were added and removed; none of what is not text.
pub(crate) fn lines(file: &Differing) -> (usize, usize) {
    let (old, new) = (file.before.as_deref().unwrap_or_default(), file.after.as_deref().unwrap_or_default());
    if is_binary(old) || is_binary(new) {
        return (0, 0);
    }
    let diff = TextDiff::from_lines(old, new);
    diff.iter_all_changes().fold((0, 0), |(added, removed), change| match change.tag() {
        similar::ChangeTag::Insert => (added + 1, removed),
        similar::ChangeTag::Delete => (added, removed + 1),
        similar::ChangeTag::Equal => (added, removed),
    })
}

fn is_binary(content: &[u8]) -> bool {
    content.iter().take(8000).any(|byte| *byte == 0)
}

/// A path as git writes it in a diff: a name with unusual bytes is quoted.
fn quoted(path: &[u8]) -> String {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\');
    if path.iter().all(plain) {
        return String::from_utf8_lossy(path).into_owned();
    }
    path.iter().map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("\\{byte:03o}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(before: Option<&str>, after: Option<&str>) -> Differing {
        let mode = |content: Option<&str>| content.map(|_| 0o100_644);
        Differing {
            path: "src/a".into(),
            kind: ChangeKind::Modified,
            before: before.map(|text| text.as_bytes().to_vec()),
            after: after.map(|text| text.as_bytes().to_vec()),
            modes: (mode(before), mode(after)),
        }
    }

    fn text(file: &Differing) -> String {
        String::from_utf8(patch(file)).unwrap()
    }

    #[test]
    fn a_file_that_changed_is_shown_line_by_line() {
        let shown = text(&file(Some("one\ntwo\n"), Some("one\nthree\n")));
        assert_eq!(
            shown,
            "diff --git a/src/a b/src/a\n--- a/src/a\n+++ b/src/a\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"
        );
        assert_eq!(lines(&file(Some("one\ntwo\n"), Some("one\nthree\n"))), (1, 1));
    }

    #[test]
    fn a_new_file_comes_from_nowhere() {
        let shown = text(&file(None, Some("one\n")));
        assert!(shown.contains("new file mode 100644\n--- /dev/null\n+++ b/src/a\n"), "{shown}");
    }

    #[test]
    fn what_is_not_text_is_only_named() {
        let shown = text(&file(Some("a\0b"), Some("c")));
        assert!(shown.ends_with("Binary files a/src/a and b/src/a differ\n"), "{shown}");
        let too_large = Differing { after: None, ..file(Some("a"), Some("b")) };
        assert!(text(&too_large).contains("Binary files"), "{}", text(&too_large));
    }

    #[test]
    fn a_name_with_unusual_bytes_stays_on_its_line() {
        let odd = Differing { path: "a\nb".into(), ..file(Some("a\n"), Some("b\n")) };
        assert!(text(&odd).starts_with("diff --git a/a\\012b b/a\\012b\n"), "{}", text(&odd));
    }
}
