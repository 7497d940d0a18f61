//! What the files say by which git goes from one directory to another. Pure: nothing is looked up.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// The longest path that the kernel takes.
const LONGEST: usize = 4095;

/// What a `commondir` says that changes nothing.
pub(crate) const ITSELF: &[u8] = b".";

/// What a `.git` file names: the only line, after `gitdir:`.
pub(crate) fn git_file(bytes: &[u8]) -> Option<&Path> {
    path(bytes.strip_prefix(b"gitdir: ")?)
}

/// The path that is all of a file, such as `commondir`, but for the end of its line.
pub(crate) fn path(bytes: &[u8]) -> Option<&Path> {
    let end = bytes.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at + 1);
    plain(&bytes[..end])
}

/// What `objects/info/alternates` names, in its order. A quoted line is none: git quotes only what no repository is called.
pub(crate) fn alternates(bytes: &[u8]) -> Option<Vec<&Path>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
    lines.map(|line| if line[0] == b'"' { None } else { plain(line) }).collect()
}

/// A path that can be shown as it is, and that Incus takes.
pub(crate) fn plain(bytes: &[u8]) -> Option<&Path> {
    let text = std::str::from_utf8(bytes).ok()?;
    let fits = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
    fits.then(|| Path::new(OsStr::from_bytes(bytes)))
}

/// A path as git takes it from a directory, without looking at the disk: where no link is followed, this is where it leads.
pub(crate) fn within(dir: &Path, path: &Path) -> PathBuf {
    let mut whole = PathBuf::from("/");
    for part in dir.join(path).components() {
        match part {
            Component::Normal(name) => whole.push(name),
            Component::ParentDir => drop(whole.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_git_file_is_one_line_that_names_a_directory() {
        for (text, named) in [
            ("gitdir: /a/b\n", Some("/a/b")),
            ("gitdir: ../a b", Some("../a b")),
            ("gitdir: /a\r\n\n", Some("/a")),
            ("gitdir: \n", None),
            ("gitdir:/a\n", None),
            ("gitdir: /a\n/b\n", None),
            ("gitdir: /a\u{1b}[2J\n", None),
            ("gitdir: /a\0/b\n", None),
            ("ref: x\n", None),
            ("", None),
        ] {
            assert_eq!(git_file(text.as_bytes()), named.map(Path::new), "{text:?}");
        }
        assert_eq!(git_file(b"gitdir: /\xff\n"), None);
        assert_eq!(path(&[b'a'; LONGEST + 1]), None);
    }

    #[test]
    fn alternates_are_lines_without_comments() {
        let named = alternates(b"# x\n/a/objects\n\n../b/objects\n").unwrap();
        assert_eq!(named, [Path::new("/a/objects"), Path::new("../b/objects")]);
        assert_eq!(alternates(b"").unwrap().len(), 0);
        assert_eq!(alternates(b"\"/a\\tb\"\n"), None);
        assert_eq!(alternates(b"/a\r\n"), None);
    }

    #[test]
    fn a_path_is_taken_from_where_it_is_written() {
        for (path, whole) in [("../x", "/a/x"), ("./c/./d", "/a/b/c/d"), ("/q/../r", "/r"), ("../../../..", "/")] {
            assert_eq!(within(Path::new("/a/b"), Path::new(path)), Path::new(whole));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_them_panic_or_lead_to_what_is_not_absolute(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            text in "(gitdir: )?[a./\n\r\"# ]{0,40}",
        ) {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let all = git_file(bytes).into_iter().chain(path(bytes)).chain(alternates(bytes).unwrap_or_default());
                for named in all {
                    let whole = within(Path::new("/a"), named);
                    prop_assert!(whole.is_absolute() && !whole.components().any(|part| part == Component::ParentDir));
                    prop_assert!(!named.to_str().unwrap().chars().any(char::is_control));
                }
            }
        }
    }
}
