//! Places of the host that containers never see, and what may be mounted beside them.

use std::path::{Path, PathBuf};

use cci_guest::GuestText;

use super::MountError;

/// A place of the host that containers never see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// The place, with all links resolved.
    pub path: PathBuf,
    /// Whether what lies in it is closed too.
    pub below: bool,
    /// Parts of it that are open all the same.
    pub except: Vec<PathBuf>,
}

/// Places of every host that containers never see, with all that is below them.
pub const PROTECTED: [&str; 8] = ["/etc", "/proc", "/sys", "/run", "/dev", "/boot", "/root", "/var/lib/incus"];

/// Whether a resolved host path may be mounted: not if it is one of `protected`, holds one, or lies in one.
pub fn check_host(host: &Path, protected: &[Protected]) -> Result<(), MountError> {
    let refused = |reason: String| MountError::Protected { host: host.to_owned(), reason };
    if host == Path::new("/") {
        return Err(refused("it is the whole file system".into()));
    }
    for Protected { path, below, except } in protected {
        if host == path {
            return Err(refused("containers never see it".into()));
        }
        if path.starts_with(host) {
            return Err(refused(format!("{} is in it", GuestText::new(path))));
        }
        let open = except.iter().any(|open| host.starts_with(open));
        if *below && host.starts_with(path) && !open {
            return Err(refused(format!("it is in {}", GuestText::new(path))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_places_are_closed_from_above_and_below() {
        let closed = |path: &str, below: bool| Protected { path: path.into(), below, except: Vec::new() };
        let cci = Protected {
            path: "/home/u/.cci".into(),
            below: true,
            except: ["/home/u/.cci/storage", "/home/u/.cci/worktrees/a"].map(Into::into).into(),
        };
        let protected = [closed("/home/u", false), closed("/home/u/.ssh", true), closed("/etc", true), cci];
        for path in [
            "/",
            "/home",
            "/home/u",
            "/home/u/.ssh",
            "/home/u/.ssh/keys",
            "/etc/ssl",
            "/home/u/.cci/trust",
            "/home/u/.cci/worktrees",
            "/home/u/.cci/worktrees/b",
        ] {
            assert!(check_host(Path::new(path), &protected).is_err(), "{path}");
        }
        for path in [
            "/home/u/data",
            "/home/u/.sshx",
            "/srv",
            "/home/u/.cci/storage/a",
            "/home/u/.cci/worktrees/a",
            "/home/u/.cci/worktrees/a/b",
        ] {
            assert_eq!(check_host(Path::new(path), &protected), Ok(()), "{path}");
        }
    }
}
