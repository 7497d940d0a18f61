//! `NAME:PATH`: a place in a container.

use cci_core::{Error, Result};
use cci_guest::GuestText;

/// A place in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub(crate) name: String,
    /// Absolute.
    pub(crate) path: String,
}

impl Remote {
    /// Reads `NAME:PATH`; a relative path starts at `/`.
    pub fn parse(raw: &str) -> Result<Self> {
        match raw.split_once(':') {
            Some((name, path)) if !name.is_empty() && !name.contains('/') && !path.is_empty() => {
                let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
                Ok(Self { name: name.to_owned(), path })
            }
            _ => Err(Error::Usage {
                problem: format!("invalid place '{raw}' in a container"),
                hint: Some("write it as NAME:PATH, such as worker:/home/code/notes.txt".into()),
            }),
        }
    }

    /// Its directory and its own name; `None` for a path that ends in `.`, `..` or nothing.
    pub(crate) fn split(&self) -> Option<(&str, &str)> {
        let path = self.path.trim_end_matches('/');
        let (dir, name) = path.rsplit_once('/')?;
        let named = !matches!(name, "" | "." | "..");
        named.then_some((if dir.is_empty() { "/" } else { dir }, name))
    }
}

/// Nothing exists at the place.
pub(super) fn missing(from: &Remote) -> Error {
    Error::StepFailed {
        step: "pulling".into(),
        problem: format!("no {} in container {}", GuestText::new(&from.path), from.name),
        hint: None,
    }
}

/// A directory needs `-r`.
pub(super) fn is_directory(from: &Remote) -> Error {
    Error::Usage {
        problem: format!("{}:{} is a directory", from.name, from.path),
        hint: Some("add -r to pull it with everything in it".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_container_and_a_path() {
        let place = |raw: &str| Remote::parse(raw).unwrap();
        assert_eq!(place("c:/a b:c").path, "/a b:c");
        assert_eq!(place("c:etc").path, "/etc");
        for raw in ["c", ":/a", "c:", "./c:/a"] {
            assert!(Remote::parse(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn a_path_has_a_directory_and_a_name() {
        let split = |raw: &str| Remote::parse(raw).unwrap().split().map(|(d, n)| format!("{d} {n}"));
        assert_eq!(split("c:/a").as_deref(), Some("/ a"));
        assert_eq!(split("c:/a/b/").as_deref(), Some("/a b"));
        assert_eq!(split("c:/"), None);
        assert_eq!(split("c:/a/."), None);
    }
}
