//! Whether a file in a place of somebody's to run is a finding, by what is new in it.

use std::path::Path;

use super::finding::{Finding, How, Sink};
use super::place::Look;
use super::{attributes, config, package};

/// A file or a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// Kind and permissions, as in `st_mode`.
    pub(super) mode: u32,
    /// The bytes, or a link's target.
    pub(super) bytes: &'a [u8],
}

impl Seen<'_> {
    pub(super) fn is_link(&self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }

    fn is_program(&self) -> bool {
        self.is_link() || self.mode & 0o111 != 0
    }
}

/// What is to be said about a file that is not as it was.
pub(super) fn file(path: &Path, (sink, look): (Sink, Look), old: Option<Seen<'_>>, new: Seen<'_>) -> Option<Finding> {
    let how = if old.is_some() { How::Changed } else { How::New };
    let finding = |detail| Some(Finding { sink, path: path.to_owned(), how, detail });
    if new.is_link() {
        return finding(vec![format!("a link to {}", String::from_utf8_lossy(new.bytes))]);
    }
    let before = old.filter(|old| !old.is_link()).map_or(&b""[..], |old| old.bytes);
    let told = match look {
        // what a launch writes for a container's own settings, and what git takes for nothing
        Look::Itself if new.bytes.trim_ascii_end() == b"." => return None,
        Look::Itself => {
            return finding(vec![String::from_utf8_lossy(new.bytes).trim_end().chars().take(200).collect()]);
        }
        Look::All if sink == Sink::GitRepository => {
            let line =
                String::from_utf8_lossy(new.bytes).lines().next().unwrap_or_default().chars().take(200).collect();
            return finding(vec![line]);
        }
        Look::All => return finding(Vec::new()),
        Look::Program if new.is_program() => return finding(Vec::new()),
        Look::CommonDir if new.bytes.trim_ascii_end() != b"../.." => {
            return finding(vec![String::from_utf8_lossy(new.bytes).trim_end().chars().take(200).collect()]);
        }
        Look::Program | Look::CommonDir => return None,
        Look::Config => config::new(before, new.bytes),
        Look::Modules => config::new_of_modules(before, new.bytes),
        Look::Attributes => attributes::new(before, new.bytes),
        Look::Scripts => package::scripts(before, new.bytes),
        Look::Pyproject => package::pyproject(before, new.bytes),
        Look::Tasks => package::tasks(before, new.bytes),
        Look::EditorSettings => package::settings(before, new.bytes),
    };
    if told.is_empty() { None } else { finding(told) }
}
