//! A repository that several workspaces share: linked worktrees are added to it and removed, and its current branch is
//! moved. Git is not run, and the repository is opened as what an agent may have made of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::{files, objects};
use crate::store::exact_dir::{exact_dir, names};
use crate::store::remove;

/// Who moves a ref, in its log.
const WHO: &str = "cci <cci@localhost>";
/// Git writes where a worktree is again when the note is older than a day, and in a container that is somewhere else. So
/// the note is of the year 2100.
const NEVER_OLD: i64 = 4_102_444_800;
/// Keeps git from forgetting a worktree that it does not find, as in a container.
const LOCKED: &str = "a fork of cci: remove it with `cci fork --remove`\n";

/// The directory of a repository, held open.
#[derive(Debug)]
pub struct Shared {
    dir: OwnedFd,
    path: PathBuf,
}

/// A linked worktree to add.
#[derive(Debug)]
pub struct Linked<'a> {
    /// What the repository calls it.
    pub name: &'a str,
    /// Its new branch, such as `cci/fork-3fa9c1`.
    pub branch: &'a str,
    /// The commit that it begins at.
    pub commit: &'a str,
    /// The directory with its files.
    pub worktree: &'a Path,
    /// What git keeps for it, such as the index: a path and the content.
    pub state: &'a [(PathBuf, Vec<u8>)],
    /// What the log of its branch says.
    pub why: &'a str,
}

/// What became of a worktree to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Yes,
    /// The name or the branch is taken.
    Taken,
}

impl Shared {
    /// The repository in a workspace whose path has no link in it; `None` if `.git` is no directory.
    pub fn of(workspace: &Path) -> io::Result<Option<Self>> {
        Self::at(&workspace.join(".git"))
    }

    /// The one in this directory, whose path has no link in it.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match exact_dir(path) {
            Ok(dir) => Ok(Some(Self { dir, path: path.to_owned() })),
            Err(error) if files::is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has an object.
    #[must_use]
    pub fn has(&self, digits: &str) -> bool {
        objects::has(&self.dir, digits)
    }

    /// Whether a branch of this name can be made: neither it nor one that is a directory of it exists.
    pub fn takes_branch(&self, branch: &str) -> io::Result<bool> {
        let heads = Path::new("refs/heads");
        let packed = files::read(&self.dir, Path::new("packed-refs"))?.unwrap_or_default();
        for above in Path::new(branch).ancestors().filter(|above| !above.as_os_str().is_empty()) {
            let name = format!(" refs/heads/{}", above.display());
            let is_packed = packed.split(|byte| *byte == b'\n').any(|line| line.ends_with(name.as_bytes()));
            if is_packed || files::open(&self.dir, &heads.join(above))?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds a linked worktree.
    pub fn add(&self, linked: &Linked<'_>) -> io::Result<Added> {
        if !self.takes_branch(linked.branch)? {
            return Ok(Added::Taken);
        }
        let worktrees = files::made(&self.dir, Path::new("worktrees"))?;
        match rustix::fs::mkdirat(&worktrees, linked.name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(Added::Taken),
            Err(error) => return Err(error.into()),
        }
        let own = files::made(&worktrees, Path::new(linked.name))?;
        let line = log_line(None, linked.commit, linked.why);
        let put = |path: &str, content: &[u8]| files::create(&own, Path::new(path), content);
        put("locked", LOCKED.as_bytes())?;
        put("commondir", b"../..\n")?;
        put("gitdir", &[linked.worktree.join(".git").as_os_str().as_encoded_bytes(), b"\n"].concat())?;
        files::set_modified(&own, Path::new("gitdir"), NEVER_OLD)?;
        put("logs/HEAD", line.as_bytes())?;
        for (path, content) in linked.state {
            files::create(&own, path, content)?;
        }
        let name = format!("refs/heads/{}", linked.branch);
        files::create(&self.dir, Path::new(&name), format!("{}\n", linked.commit).as_bytes())?;
        files::append(&self.dir, &Path::new("logs").join(&name), line.as_bytes())?;
        put("HEAD", format!("ref: {name}\n").as_bytes())?;
        Ok(Added::Yes)
    }

    /// What the file `.git` of a linked worktree says.
    #[must_use]
    pub fn link(&self, name: &str) -> Vec<u8> {
        let place = self.path.join("worktrees").join(name);
        [b"gitdir: ", place.as_os_str().as_encoded_bytes(), b"\n"].concat()
    }

    /// What it keeps for a linked worktree; `None` if it is gone.
    pub fn state_of(&self, name: &str) -> io::Result<Option<OwnedFd>> {
        match files::below(&self.dir, &Path::new("worktrees").join(name)) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if files::is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a linked worktree, and its branch if that is still at `commit`; returns whether the branch stays.
    pub fn remove(&self, name: &str, branch: &str, commit: &str) -> io::Result<bool> {
        let worktrees = Path::new("worktrees");
        if let Some(above) = nothing_is_none(files::below(&self.dir, worktrees))? {
            remove::entry(&above, name)?;
            if names(&above)?.is_empty() {
                let _ = rustix::fs::unlinkat(&self.dir, "worktrees", AtFlags::REMOVEDIR);
            }
        }
        let (refs, logs) = (Path::new("refs/heads").join(branch), Path::new("logs/refs/heads").join(branch));
        match files::read(&self.dir, &refs)? {
            // a kill can have left it empty on a filesystem that has no files without a name
            Some(at) if at.is_empty() || at.trim_ascii_end() == commit.as_bytes() => {}
            Some(_) => return Ok(true),
            None if !self.takes_branch(branch)? => return Ok(true),
            // a kill can have left its log, or only the directories
            None => {}
        }
        for path in [&logs, &refs] {
            self.unlink(path)?;
        }
        Ok(false)
    }

    /// Begins the log of a branch.
    pub(super) fn begin_log(&self, branch: &str, commit: &str, why: &str) -> io::Result<()> {
        let path = Path::new("logs/refs/heads").join(branch);
        files::replace(&self.dir, &path, log_line(None, commit, why).as_bytes())
    }

    /// Removes a file, and its directory if that is empty then.
    pub(super) fn unlink(&self, path: &Path) -> io::Result<()> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let Some(dir) = nothing_is_none(files::below(&self.dir, above))? else { return Ok(()) };
        remove::entry(&dir, name)?;
        if let (Some(above), Some(name)) = (above.parent(), above.file_name())
            && let Some(dir) = nothing_is_none(files::below(&self.dir, above))?
        {
            let _ = rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR);
        }
        Ok(())
    }

    /// Moves a branch, which its log says.
    pub fn move_branch(&self, branch: &str, from: Option<&str>, to: &str, why: &str) -> io::Result<()> {
        self.move_ref(&format!("refs/heads/{branch}"), from, to, why)
    }

    /// Puts what a linked worktree is on, a branch or only a commit, to a commit.
    pub fn keep(&self, name: &str, commit: &str, why: &str) -> io::Result<()> {
        let own = Path::new("worktrees").join(name).join("HEAD");
        let head = files::read(&self.dir, &own)?.unwrap_or_default();
        match branch_in(&head) {
            Some(branch) => self.move_ref(branch, None, commit, why),
            None => files::replace(&self.dir, &own, format!("{commit}\n").as_bytes()),
        }
    }

    /// Moves the current branch, or a `HEAD` that is on none, which the logs say.
    pub fn move_head(&self, from: Option<&str>, to: &str, why: &str) -> io::Result<()> {
        let head = files::read(&self.dir, Path::new("HEAD"))?.unwrap_or_default();
        match branch_in(&head) {
            Some(name) => self.move_ref(name, from, to, why)?,
            None => files::replace(&self.dir, Path::new("HEAD"), format!("{to}\n").as_bytes())?,
        }
        self.log(Path::new("logs/HEAD"), from, to, why)
    }

    /// Notes in the log of `HEAD` that it moved with its branch.
    pub fn note_head(&self, from: Option<&str>, to: &str, why: &str) -> io::Result<()> {
        self.log(Path::new("logs/HEAD"), from, to, why)
    }

    /// The content of a file of the repository; `None` if there is none.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        files::read(&self.dir, Path::new(name))
    }

    /// Puts a file of the repository into place.
    pub fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        files::replace(&self.dir, Path::new(name), content)
    }

    fn move_ref(&self, name: &str, from: Option<&str>, to: &str, why: &str) -> io::Result<()> {
        files::replace(&self.dir, Path::new(name), format!("{to}\n").as_bytes())?;
        self.log(&Path::new("logs").join(name), from, to, why)
    }

    fn log(&self, path: &Path, from: Option<&str>, to: &str, why: &str) -> io::Result<()> {
        if from == Some(to) {
            return Ok(());
        }
        files::append(&self.dir, path, log_line(from, to, why).as_bytes())
    }
}

impl AsFd for Shared {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

fn nothing_is_none<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if files::is_nothing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The ref that a `HEAD` names.
fn branch_in(head: &[u8]) -> Option<&str> {
    let named = std::str::from_utf8(head).ok()?.strip_prefix("ref:")?.trim();
    is_ref(named).then_some(named)
}

/// Whether git accepts this as the name of a ref, as far as it could lead elsewhere.
fn is_ref(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none() && !part.contains("..")
    };
    name.starts_with("refs/")
        && name.split('/').all(plain)
        && !name.chars().any(|sign| sign.is_control() || " ~^:?*[\\".contains(sign))
}

fn log_line(from: Option<&str>, to: &str, why: &str) -> String {
    let nothing = "0".repeat(to.len());
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let why: String = why.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    format!("{} {to} {WHO} {seconds} +0000\t{why}\n", from.unwrap_or(&nothing))
}

#[cfg(test)]
mod tests;
