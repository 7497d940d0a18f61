//! The events of a launch.

use std::path::PathBuf;

use cci_core::Error;
use cci_core::access::{Access, Wanted};
use cci_core::plan::PlanWarning;
use cci_core::slot::Slot;
use cci_host::git::Elsewhere;

use super::{ClosedLink, Event};

/// What happens on the way to a running container.
#[derive(Debug)]
pub enum LaunchEvent {
    /// A step begins: preparing everything that the container needs.
    Preparing,
    /// What the plan warns about.
    Warning(PlanWarning),
    /// The slot that was asked for is occupied, and the launch has another.
    SlotOccupied {
        /// The slot that was asked for.
        wanted: Slot,
        /// The slot that the launch has.
        got: Slot,
    },
    /// The launch has this slot; none was asked for.
    SlotAllocated(Slot),
    /// A kept container was started again.
    ReusingContainer,
    /// A kept container has a different image from the settings.
    OtherImage {
        /// The container.
        container: String,
        /// Its image.
        image: String,
        /// The image of the settings.
        asked: String,
    },
    /// What has changed in a kept container's configuration.
    ConfigurationApplied {
        /// The keys and devices.
        changed: Vec<String>,
    },
    /// A git configuration file of the caller, which may contain their name and e-mail, could not be read.
    GitConfigUnread {
        /// The file.
        file: PathBuf,
        /// Why not.
        problem: String,
    },
    /// Git does not work inside: the repository, or a part of it, is outside the workspace.
    RepositoryElsewhere(Elsewhere),
    /// The container also sees the repository that the workspace belongs to.
    RepositoryShown {
        /// What it sees, each at its place on the host.
        shown: Vec<PathBuf>,
        /// Whether that names the workspace as well: no file of the workspace alone can have led there.
        is_proven: bool,
    },
    /// Git does not work inside: what it needs cannot be shown.
    RepositoryUnseen {
        /// Why not.
        problem: String,
    },
    /// A directory of the user's is not in the session's worktree as the settings say, or not all of it.
    DirectorySkipped {
        /// The directory.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// There are so many repositories within the workspace that only its own is closed against the agent.
    GitUnprotected {
        /// How many.
        repositories: usize,
    },
    /// The workspace's own repository is not closed against the agent.
    GitOpen {
        /// The program of the host that would close it.
        missing: &'static str,
    },
    /// The agent cannot use a mount as the caller can: their right ends at the container.
    MountOutOfReach {
        /// What is mounted.
        path: PathBuf,
        /// What the agent cannot do there.
        wanted: Wanted,
        /// By which right the caller can.
        access: Access,
    },
    /// Places below the workspace or a mount at which something else is mounted: the container sees what that covers.
    MountedBelow {
        /// The places on the host.
        points: Vec<PathBuf>,
        /// Where the first of them would be in the container.
        inside: PathBuf,
    },
    /// Links of the workspace lead out of it, and what they lead to is in the container from now on.
    LinksShown {
        /// What they lead to.
        targets: Vec<PathBuf>,
        /// Whether it can be read only.
        readonly: bool,
    },
    /// Links of the workspace lead out of it, and what they lead to is not in the container.
    LinksClosed(Vec<ClosedLink>),
    /// The workspace has more than was searched for links that lead out of it.
    LinksNotSearched,
    /// The workspace's `.env` is not read.
    DotenvUnread {
        /// Why not.
        problem: String,
    },
    /// The workspace's `.env` has something that does not reach the agent.
    DotenvLeftOut {
        /// The variables that it may not set.
        names: Vec<String>,
        /// The lines that are no assignment, counted from 1.
        lines: Vec<usize>,
    },
    /// Variables that a pattern of the settings would forward stay on the host: they let the agent in, or a secret stands
    /// for them.
    NotForwarded(Vec<String>),
    /// The host ids of the container could not be recorded.
    NotNoted(Error),
}

impl From<LaunchEvent> for Event {
    fn from(event: LaunchEvent) -> Self {
        Self::Launch(event)
    }
}
