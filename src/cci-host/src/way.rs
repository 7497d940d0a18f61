//! Where a path of the host leads: the person's own links are followed, and one in a directory that containers write only
//! within it, for an agent can have put it there.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

/// So many links are followed, as by the kernel.
const MOST_LINKS: usize = 40;

/// Why a path leads nowhere.
#[derive(Debug)]
pub(crate) enum NoWay {
    /// A link in a directory that containers write leads out of it.
    Out(PathBuf),
    /// Its links lead to each other.
    Round,
    /// Anything else.
    Io(io::Error),
}

impl From<io::Error> for NoWay {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The same path without links, where containers write what is below `written`.
pub(crate) fn real(path: &Path, written: &[PathBuf]) -> Result<PathBuf, NoWay> {
    let parts = |path: &Path| path.iter().rev().map(OsString::from).collect::<Vec<_>>();
    let (mut real, mut left) = (PathBuf::from("/"), parts(path));
    let (mut links, mut first) = (0, None);
    while let Some(part) = left.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        if !next.symlink_metadata()?.is_symlink() {
            real = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(NoWay::Round);
        }
        first = first.or_else(|| written.iter().any(|place| real.starts_with(place)).then(|| real.clone()));
        // an absolute one begins with the root, which replaces what was there
        left.extend(parts(&next.read_link()?));
    }
    let stays = |link: &PathBuf| written.iter().any(|place| link.starts_with(place) && real.starts_with(place));
    if first.as_ref().is_none_or(stays) { Ok(real) } else { Err(NoWay::Out(real)) }
}

/// Whether an error says that there is nothing at a path.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Opens a path without links, only if there is still none in it.
pub(crate) fn open(real: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat2(CWD, real, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?.into())
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, write};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_of_the_persons_is_followed_and_one_that_an_agent_can_have_put_there_only_within() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().canonicalize().unwrap().join(name);
        for name in ["own", "ws", "ws/in"] {
            create_dir(at(name)).unwrap();
        }
        write(at("key"), "private").unwrap();
        write(at("ws/in/x"), "x").unwrap();
        for (link, to) in [
            ("own/ws", at("ws")),
            ("own/key", "../key".into()),
            ("ws/out", at("key")),
            ("ws/up", "../key".into()),
            ("ws/near", "in/x".into()),
            ("ws/there", at("ws/in")),
            ("ws/again", at("own/ws/in")),
            ("ws/round", "round".into()),
        ] {
            symlink(to, at(link)).unwrap();
        }
        let real = |path: &str| real(&at(path), &[at("ws")]);
        for (path, place) in [
            ("own/key", "key"),
            ("own/ws/near", "ws/in/x"),
            ("ws/there/x", "ws/in/x"),
            ("ws/again/x", "ws/in/x"),
            ("own/./../ws/in/x", "ws/in/x"),
        ] {
            assert_eq!(real(path).unwrap(), at(place), "{path}");
        }
        for path in ["ws/out", "ws/up", "own/ws/out"] {
            assert!(matches!(real(path), Err(NoWay::Out(place)) if place == at("key")), "{path}");
        }
        let gone = real("ws/gone");
        assert!(matches!(&gone, Err(NoWay::Io(error)) if error.kind() == io::ErrorKind::NotFound), "{gone:?}");
        assert!(matches!(real("ws/round"), Err(NoWay::Round)));
        assert!(open(&at("ws/near")).is_err() && open(&at("own/ws/in/x")).is_err() && open(&at("ws/in/x")).is_ok());
    }
}
