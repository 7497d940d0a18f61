//! Branches that cci made for a session: moved and removed only as long as nobody else has moved them.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::files;
use super::shared::{Added, Shared};
use crate::store::exact_dir::names;

/// What became of a branch to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// It is where it is to be.
    Yes,
    /// It was moved on this host meanwhile, and stays as it is.
    MovedHere,
    /// It was removed on this host, and is not made again.
    Gone,
    /// A worktree on this host is on it.
    CheckedOut,
}

impl Shared {
    /// Makes a branch; the first line of its log says that cci made it.
    pub fn make_branch(&self, branch: &str, commit: &str, why: &str) -> io::Result<Added> {
        let name = format!("refs/heads/{branch}");
        if !self.takes_branch(branch)? || cci_git::worktree::at(self, &name).is_some() {
            return Ok(Added::Taken);
        }
        // a directory of other branches
        if files::below(self, Path::new(&name)).is_ok() {
            return Ok(Added::Taken);
        }
        // the log first: by it the branch of a command that is killed is known to be cci's
        self.begin_log(branch, commit, why)?;
        match files::create(self, Path::new(&name), format!("{commit}\n").as_bytes()) {
            Ok(()) => Ok(Added::Yes),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Added::Taken),
            Err(error) => Err(error),
        }
    }

    /// Moves a branch that cci made from `from` to `to`.
    pub fn advance(&self, branch: &str, from: &str, to: &str, why: &str) -> io::Result<Advanced> {
        let _lock = Lock::take(self, branch)?;
        let name = format!("refs/heads/{branch}");
        let now = cci_git::worktree::at(self, &name).map(|id| id.to_string());
        match now.as_deref() {
            None => return Ok(Advanced::Gone),
            Some(now) if now == to => return Ok(Advanced::Yes),
            Some(now) if now != from => return Ok(Advanced::MovedHere),
            Some(_) => {}
        }
        if self.is_checked_out(branch)? {
            return Ok(Advanced::CheckedOut);
        }
        self.move_branch(branch, Some(from), to, why)?;
        Ok(Advanced::Yes)
    }

    /// Removes a branch that cci made and that is still at this commit; returns whether it is gone.
    pub fn drop_branch(&self, branch: &str, at: &str, why: &str) -> io::Result<bool> {
        let name = format!("refs/heads/{branch}");
        // a branch of a name above can be there instead, and no lock beside this one
        if cci_git::worktree::at(self, &name).is_none() {
            // a kill can have left its log
            if self.is_made_by(branch, why)? {
                self.unlink(&Path::new("logs").join(&name))?;
            }
            return Ok(true);
        }
        let _lock = Lock::take(self, branch)?;
        let Some(now) = cci_git::worktree::at(self, &name) else { return Ok(true) };
        if now.to_string() != at || !self.is_made_by(branch, why)? || self.is_checked_out(branch)? {
            return Ok(false);
        }
        let is_loose = files::open(self, Path::new(&name))?.is_some();
        // one that git has packed stays: the file has the other refs too
        if !is_loose || is_packed(self, &name)? {
            return Ok(false);
        }
        self.unlink(Path::new(&name))?;
        self.unlink(&Path::new("logs").join(&name))?;
        Ok(true)
    }

    /// Whether the log of a branch begins with this word of cci's.
    fn is_made_by(&self, branch: &str, why: &str) -> io::Result<bool> {
        let log = files::read(self, &Path::new("logs/refs/heads").join(branch))?.unwrap_or_default();
        let first = log.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(first.starts_with(&[b'0'; 40]) && first.ends_with(format!("\t{why}").as_bytes()))
    }

    /// Whether a worktree on this host is on a branch.
    fn is_checked_out(&self, branch: &str) -> io::Result<bool> {
        let is_on = |head: &Path| -> io::Result<bool> {
            let head = files::read(self, head)?.unwrap_or_default();
            Ok(head.trim_ascii() == format!("ref: refs/heads/{branch}").as_bytes())
        };
        if is_on(Path::new("HEAD"))? {
            return Ok(true);
        }
        let worktrees = match files::below(self, Path::new("worktrees")) {
            Ok(dir) => names(&dir)?,
            Err(error) if files::is_nothing(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        for name in worktrees {
            if is_on(&Path::new("worktrees").join(name).join("HEAD"))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_packed(repository: &Shared, name: &str) -> io::Result<bool> {
    let packed = files::read(repository, Path::new("packed-refs"))?.unwrap_or_default();
    let end = format!(" {name}");
    Ok(packed.split(|byte| *byte == b'\n').any(|line| line.ends_with(end.as_bytes())))
}

/// What cci's lock says; git's is empty, or has the commit that the ref is to be at.
const OWN: &[u8] = b"cci\n";
/// No command holds one for longer: whoever made it was killed.
const HELD: Duration = Duration::from_secs(10);

/// The lock that git takes as well while it moves a ref.
struct Lock<'a> {
    repository: &'a Shared,
    name: String,
}

impl<'a> Lock<'a> {
    fn take(repository: &'a Shared, branch: &str) -> io::Result<Self> {
        let name = format!("refs/heads/{branch}.lock");
        let path = Path::new(&name);
        match files::create(repository, path, OWN) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && was_left(repository, path)? => {
                repository.unlink(path)?;
                files::create(repository, path, OWN)?;
            }
            done => done?,
        }
        Ok(Self { repository, name })
    }
}

/// Whether a lock is one of cci's that a kill has left.
fn was_left(repository: &Shared, path: &Path) -> io::Result<bool> {
    let Some(file) = files::open(repository, path)? else { return Ok(false) };
    let is_old = file.metadata()?.modified()?.elapsed().is_ok_and(|age| age > HELD);
    Ok(is_old && files::read(repository, path)?.as_deref() == Some(OWN))
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = self.repository.unlink(Path::new(&self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const B: &str = "2222222222222222222222222222222222222222";

    fn repository() -> (tempfile::TempDir, Shared) {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(real.join("refs/heads")).unwrap();
        std::fs::write(real.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let shared = Shared::at(&real).unwrap().unwrap();
        (dir, shared)
    }

    #[test]
    fn a_branch_that_exists_is_not_made_and_never_removed() {
        let (dir, shared) = repository();
        std::fs::create_dir(dir.path().join("refs/heads/cci")).unwrap();
        std::fs::write(dir.path().join("refs/heads/cci/x"), format!("{A}\n")).unwrap();
        for taken in ["cci/x", "cci/x/y", "cci"] {
            assert_eq!(shared.make_branch(taken, A, "cci worktree x").unwrap(), Added::Taken, "{taken}");
        }
        assert!(!shared.drop_branch("cci/x", A, "cci worktree x").unwrap(), "it is the user's");
        assert!(dir.path().join("refs/heads/cci/x").exists());
    }

    #[test]
    fn a_branch_that_was_moved_or_is_checked_out_here_stays() {
        let (dir, shared) = repository();
        let why = "cci worktree x";
        assert_eq!(shared.make_branch("cci/x", A, why).unwrap(), Added::Yes);
        assert_eq!(shared.advance("cci/x", B, A, why).unwrap(), Advanced::Yes, "it is there already");
        assert_eq!(shared.advance("cci/x", B, B, why).unwrap(), Advanced::MovedHere);
        assert!(!shared.drop_branch("cci/x", B, why).unwrap(), "it is at another commit");
        std::fs::write(dir.path().join("HEAD"), "ref: refs/heads/cci/x\n").unwrap();
        assert_eq!(shared.advance("cci/x", A, B, why).unwrap(), Advanced::CheckedOut);
        std::fs::write(dir.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(shared.advance("cci/x", A, B, why).unwrap(), Advanced::Yes);
        assert!(shared.drop_branch("cci/x", B, why).unwrap());
        assert_eq!(shared.advance("cci/x", B, A, why).unwrap(), Advanced::Gone);
        assert!(!dir.path().join("refs/heads/cci").exists(), "a lock or a branch is left");
        std::fs::write(dir.path().join("refs/heads/cci"), format!("{A}\n")).unwrap();
        assert!(shared.drop_branch("cci/x", B, why).unwrap(), "a branch of a name above has its place");
    }

    #[test]
    fn a_branch_that_git_is_about_to_move_stays() {
        let (dir, shared) = repository();
        let why = "cci worktree x";
        shared.make_branch("cci/x", A, why).unwrap();
        let lock = dir.path().join("refs/heads/cci/x.lock");
        std::fs::write(&lock, "").unwrap();
        assert_eq!(shared.drop_branch("cci/x", A, why).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(lock.exists() && dir.path().join("refs/heads/cci/x").exists());
        std::fs::write(dir.path().join("refs/heads/cci/x"), format!("{B}\n")).unwrap();
        std::fs::remove_file(&lock).unwrap();
        assert!(!shared.drop_branch("cci/x", A, why).unwrap(), "git has moved it");
        assert!(dir.path().join("refs/heads/cci/x").exists() && dir.path().join("logs/refs/heads/cci/x").exists());
        assert!(!lock.exists());
    }

    #[test]
    fn what_a_killed_command_left_of_a_branch_goes_too() {
        let (dir, shared) = repository();
        let (why, log) = ("cci worktree x", dir.path().join("logs/refs/heads/cci/x"));
        shared.begin_log("cci/x", A, why).unwrap();
        assert!(shared.drop_branch("cci/x", A, "another's").unwrap());
        assert!(log.exists(), "the log of another");
        assert!(shared.drop_branch("cci/x", A, why).unwrap());
        assert!(!log.exists() && !dir.path().join("logs/refs/heads/cci").exists());
    }

    #[test]
    fn a_lock_that_a_kill_has_left_keeps_nobody_out_for_long() {
        let (dir, shared) = repository();
        shared.make_branch("cci/x", A, "cci worktree x").unwrap();
        let path = dir.path().join("refs/heads/cci/x.lock");
        let old = std::time::SystemTime::now() - HELD - Duration::from_secs(1);
        for (content, when, is_taken_over) in
            [(OWN, std::time::SystemTime::now(), false), (b"", old, false), (OWN, old, true)]
        {
            std::fs::write(&path, content).unwrap();
            std::fs::File::options().append(true).open(&path).unwrap().set_modified(when).unwrap();
            let taken = Lock::take(&shared, "cci/x");
            assert_eq!(taken.is_ok(), is_taken_over, "{content:?}");
            assert!(path.exists());
        }
        assert!(!path.exists(), "it is released");
    }
}
