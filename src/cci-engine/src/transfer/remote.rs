//! `NAME:PATH`: a place in a container, and the scripts that work on it there.

use cci_core::{Error, GuestText, Result};

/// A place in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub(crate) name: String,
    /// Absolute.
    pub(crate) path: String,
}

impl Remote {
    /// Reads `NAME:PATH`; a path that is not absolute starts at `/`.
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

    /// The directory it is in and its own name; `None` for a path that ends in `.`, `..` or nothing.
    pub(crate) fn split(&self) -> Option<(&str, &str)> {
        let path = self.path.trim_end_matches('/');
        let (dir, name) = path.rsplit_once('/')?;
        let named = !matches!(name, "" | "." | "..");
        named.then_some((if dir.is_empty() { "/" } else { dir }, name))
    }
}

/// What a script of ours ends with, beside tar's own.
pub(crate) mod status {
    /// There is nothing at the path.
    pub(crate) const MISSING: i32 = 95;
    /// A directory, and only a file was asked for.
    pub(crate) const DIRECTORY: i32 = 96;
    /// A file where a directory has to be, or the other way round.
    pub(crate) const IN_THE_WAY: i32 = 94;
    /// Some entries were not as they had been listed: tar's own.
    pub(crate) const CHANGED: i32 = 1;
}

/// Sends `$1` as a tar stream: `$2` is `tree` or `file`, `$3` and `$4` its directory and name.
pub(crate) const SEND: &str = r#"
if tar --version 2>/dev/null | grep -q GNU; then options="--format=gnu --sparse"; else options=; fi
if [ -d "$1" ]; then
    [ "$2" = tree ] || exit 96
    cd -- "$1" && exec tar -c $options -f - .
elif [ -e "$1" ]; then
    cd -- "$3" && exec tar -c -h $options -f - -- "./$4"
else
    exit 95
fi"#;

/// Takes a tar stream of a tree, `.`, for `$1`; into a directory that is there it goes as `$2`.
pub(crate) const TAKE_TREE: &str = r#"
to=$1
if [ -d "$to" ]; then [ -z "$2" ] || to="${to%/}/$2"; fi
if [ -e "$to" ] && [ ! -d "$to" ]; then exit 94; fi
if [ -d "$to" ]; then cd -- "$to" && exec tar -x -p --numeric-owner -f -; fi
up=${to%/}; up=${up%/*}; [ -d "${up:-/}" ] || exit 95
new="${to%/}.cci-$$"
mkdir -m 700 -- "$new" || exit 2
trap 'rm -rf -- "$new"' EXIT
(cd -- "$new" && tar -x -p --numeric-owner -f -) || exit 2
mv -T -- "$new" "${to%/}" || exit 2
trap - EXIT"#;

/// Takes a tar stream of one file, `./$2`, for `$1`.
pub(crate) const TAKE_FILE: &str = r#"
to=$1
case $to in */) [ -d "$to" ] || exit 95;; esac
if [ -d "$to" ]; then to="${to%/}/$2"; fi
if [ -d "$to" ]; then exit 96; fi
up=${to%/*}; [ -d "${up:-/}" ] || exit 95
new="$to.cci-$$"
mkdir -m 700 -- "$new" || exit 2
trap 'rm -rf -- "$new"' EXIT
(cd -- "$new" && tar -x -p --numeric-owner -f -) || exit 2
if [ -e "$to" ] && [ ! -f "$to" ] && [ ! -L "$to" ]; then cat <"$new/$2" >"$to"; else mv -fT -- "$new/$2" "$to"; fi || exit 2"#;

/// There is nothing at the place.
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
