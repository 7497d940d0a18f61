//! Why a workspace's git is not followed: what is wrong, where, and what to do about it.

use std::io;
use std::path::PathBuf;

/// What was found where git would go on.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A path leads through a symbolic link, which leads elsewhere in a container and can be changed by an agent.
    #[error("{} leads through a symbolic link", path.display())]
    Link {
        /// The path.
        path: PathBuf,
    },
    /// A file of git's is something else.
    #[error("{} is no ordinary file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// A file of git's is larger than any that git writes.
    #[error("{} is larger than {most} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        most: u64,
    },
    /// A file names no path that can be followed.
    #[error("{} names no path as git writes one", path.display())]
    NoPath {
        /// The file.
        path: PathBuf,
    },
    /// A repository's configuration cannot be read.
    #[error("line {line} of {} is not valid git configuration", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// A file names a directory that is no repository.
    #[error("{} names {}, which is not a git repository: it has no {lacks}", by.display(), path.display())]
    NoRepository {
        /// The file that names it.
        by: PathBuf,
        /// What it names.
        path: PathBuf,
        /// What every repository has.
        lacks: &'static str,
    },
    /// A worktree and a repository do not name each other.
    #[error("{} names {}, which does not name it back: {said}", by.display(), path.display())]
    NotBack {
        /// The file that names the other side.
        by: PathBuf,
        /// The other side.
        path: PathBuf,
        /// What the other side says.
        said: String,
    },
    /// A repository's files are configured to be somewhere else.
    #[error("`core.worktree` in {} is {}, not {}", config.display(), worktree.display(), top.display())]
    Worktree {
        /// The configuration.
        config: PathBuf,
        /// What it says.
        worktree: PathBuf,
        /// Where the `.git` is that led there.
        top: PathBuf,
    },
    /// A git directory of its own claims to be a worktree of another repository.
    #[error("{} makes another directory the repository, which git writes only for linked worktrees", path.display())]
    CommonDir {
        /// The file.
        path: PathBuf,
    },
    /// A file names a directory as a store of objects that is none.
    #[error("{} names {}, which is no repository's directory of objects", by.display(), path.display())]
    NoObjects {
        /// The file that names it.
        by: PathBuf,
        /// What it names.
        path: PathBuf,
    },
    /// A directory belongs to somebody else.
    #[error("{} belongs to user {owner}, and the workspace to user {expected}", path.display())]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The owner of the workspace.
        expected: u32,
    },
    /// There is more of something than any repository has.
    #[error("{} has more than {most} {what}", path.display())]
    TooMany {
        /// Where.
        path: PathBuf,
        /// Of what.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// A call of the system failed.
    #[error("cannot {step} {}", path.display())]
    Io {
        /// What was being done, as it follows "cannot".
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
}

impl Refusal {
    /// What a person can do about it. No command has a path in it: an agent can have chosen that, to be copied into a shell.
    #[must_use]
    pub fn way_out(&self) -> String {
        match self {
            Self::Link { path } => {
                format!("let the file that names {} say where it is without links", path.display())
            }
            Self::NoFile { path } | Self::TooLarge { path, .. } | Self::CommonDir { path } => {
                format!("look at {} before git runs here again, and remove it if you did not make it", path.display())
            }
            Self::NoPath { path } | Self::Configuration { path, .. } => {
                format!("correct {}, or restore it from a checkpoint", path.display())
            }
            Self::NoRepository { by, .. } | Self::NotBack { by, .. } => {
                format!("run `git worktree repair` in the main repository if it was moved, or remove {}", by.display())
            }
            Self::Worktree { config, .. } => {
                format!("remove that key from {} if you did not set it", config.display())
            }
            Self::NoObjects { by, .. } => format!("remove that line of {}", by.display()),
            Self::Owner { path, .. } => format!("use a repository of your own, or let {} be yours", path.display()),
            Self::TooMany { path, .. } => format!("use a workspace that does not contain {}", path.display()),
            Self::Io { path, .. } => format!("make {} readable for you", path.display()),
        }
    }
}
