//! What has to be taken back when a verb fails or is interrupted, newest first.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// One thing that this call made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    /// An instance, recognised by the launch mark that only this call gave it.
    Instance { name: String, launch: String },
    /// A directory of the session store.
    SessionDir(PathBuf),
    /// A directory in which files are put together before they get their place.
    Staging(PathBuf),
    /// Images that carry this launch mark as a property.
    Images { launch: String },
}

impl std::fmt::Display for Made {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance { name, .. } => write!(out, "container {name}"),
            Self::Staging(dir) => write!(out, "directory {}", dir.display()),
            Self::SessionDir(dir) => write!(out, "session directory {}", dir.display()),
            Self::Images { launch } => write!(out, "images with mark {launch}"),
        }
    }
}

/// The list of things to take back; it outlives the work that fills it, so that an interrupt finds it complete.
#[derive(Debug, Clone, Default)]
pub(crate) struct Undo(Arc<Mutex<Vec<Made>>>);

impl Undo {
    /// Notes something **before** the request that makes it.
    pub(crate) fn push(&self, made: Made) {
        self.lock().push(made);
    }

    /// Keeps everything made so far: the work came to its end.
    pub(crate) fn keep(&self) {
        self.lock().clear();
    }

    /// Forgets one thing, which is gone or not this call's after all.
    pub(crate) fn forget(&self, made: &Made) {
        self.lock().retain(|other| other != made);
    }

    /// Everything to take back, newest first; the list is empty afterwards.
    pub(crate) fn take(&self) -> Vec<Made> {
        let mut made = std::mem::take(&mut *self.lock());
        made.reverse();
        made
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Made>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_taken_back_first_and_what_is_kept_is_not() {
        let undo = Undo::default();
        let image = |n: &str| Made::Images { launch: n.into() };
        undo.push(image("kept"));
        undo.keep();
        for name in ["a", "b", "c"] {
            undo.push(image(name));
        }
        undo.forget(&image("b"));
        assert_eq!(undo.take(), [image("c"), image("a")]);
        assert_eq!(undo.take(), []);
    }
}
