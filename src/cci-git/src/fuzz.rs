//! The fuzz target.

#![allow(clippy::missing_panics_doc, reason = "a target that panics is a finding")]

use std::path::Path;

use crate::layout::pointer;
use crate::review;

/// What says where a repository is, and what would run of a file: every path is absolute, and nothing is new in what did not change.
pub fn git(bytes: &[u8]) {
    let named = pointer::git_file(bytes).into_iter().chain(pointer::path(bytes));
    for path in named.chain(pointer::alternates(bytes).unwrap_or_default()) {
        let whole = pointer::within(Path::new("/a/b"), path);
        assert!(whole.is_absolute() && !whole.iter().any(|part| part == ".."), "{}", whole.display());
        assert_eq!(pointer::within(Path::new("/"), &whole), whole);
    }
    review::unchanged(bytes);
}
