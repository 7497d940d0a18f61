//! The words for checkpoints.

use cci_engine::checkpoint::Apart;
use cci_engine::event::CheckpointEvent;
use cci_guest::GuestText;

use super::telling::Telling;
use crate::ui::count::count;

pub(super) fn checkpoint(event: &CheckpointEvent) -> Telling {
    match event {
        CheckpointEvent::Damaged(error) => Telling::warning(format!("a checkpoint is left out: {error}")),
        CheckpointEvent::Taken { id, before } => {
            Telling::note(format!("Checkpoint {} the command: {id}", if *before { "before" } else { "after" }))
        }
        CheckpointEvent::NotTaken(error) => {
            Telling::failure(format!("the checkpoint after the command could not be taken: {error}"), error)
        }
        CheckpointEvent::ContainerNotHeld { container } => Telling::Warning {
            text: format!(
                "checkpoints taken automatically do not hold container {container}: its storage pool copies in full"
            ),
            hint: Some("take one that does with `cci checkpoint`, or use a btrfs, ZFS or LVM thin pool".into()),
        },
        CheckpointEvent::CopiesInFull { container } => Telling::Warning {
            text: format!(
                "its storage pool copies in full: each checkpoint of container {container} takes as much space as the container, and minutes to make"
            ),
            hint: Some(
                "those taken automatically leave the container out; a btrfs, ZFS or LVM thin pool shares what is unchanged"
                    .into(),
            ),
        },
        CheckpointEvent::TakenOver { files } => {
            let files = count(*files, "file", "files");
            Telling::note(format!("[checkpoint] took over {files} that a container's root had created"))
        }
        CheckpointEvent::NotTakenOver(error) => {
            Telling::failure(format!("cannot take over files that a container's root created: {error}"), error)
        }
        CheckpointEvent::NotRemoved(error) => {
            Telling::warning(format!("cannot remove what an expired checkpoint held: {error}"))
        }
        CheckpointEvent::NotSealed(error) => {
            Telling::warning(format!("the checkpoint is complete, but its copy of the container could not be tidied up: {error}"))
        }
        CheckpointEvent::EndingContainer { container } => {
            Telling::step("rewind", format!("stopping container {container}"))
        }
        CheckpointEvent::NotTold { container, error } => Telling::Warning {
            text: format!("container {container} does not say which variables its agent was given: {error}"),
            hint: Some("give them again with -e".into()),
        },
        CheckpointEvent::EndingAgent { container } => {
            Telling::step("rewind", format!("stopping the agent in {container}"))
        }
        CheckpointEvent::FreshContainer { id, was_held } => {
            let why = if *was_held { "its copy was removed" } else { "there was none" };
            Telling::note(format!("Starting with a fresh container: checkpoint {id} does not hold one ({why})"))
        }
        CheckpointEvent::ForkedApart(why) => Telling::note(apart(*why).to_owned()),
        CheckpointEvent::NotPrompted { fork, error } => {
            Telling::failure(format!("cannot give fork {fork} its prompt: {error}"), error)
        }
        CheckpointEvent::NotRun { container, error } => {
            Telling::failure(format!("cannot run the command in {container}: {error}"), error)
        }
        CheckpointEvent::Rewinding => Telling::step("rewind", "this session is being rewound"),
        CheckpointEvent::Rewound => Telling::note("Session was rewound, attaching again"),
        CheckpointEvent::WithoutSetId { first, files } => {
            let files = count(*files, "file comes", "files come");
            let first = GuestText::new(first);
            Telling::warning(format!(
                "{files} back without the permission to run as another user; the first is {first}"
            ))
        }
        CheckpointEvent::RewindUnfinished => unfinished("the rewind is not complete"),
        CheckpointEvent::RewindInterrupted => unfinished("a rewind of this session was interrupted"),
    }
}

/// A rewind that waits for its end.
fn unfinished(text: &str) -> Telling {
    Telling::Warning {
        text: text.into(),
        hint: Some("complete it with `cci rewind --continue`, or take it back with `cci rewind --abort`".into()),
    }
}

/// Why a fork is no branch of its origin's repository, and what it is instead.
fn apart(why: Apart) -> &'static str {
    match why {
        Apart::NoRepository => "The workspace is no git repository: a fork is a plain copy",
        Apart::Elsewhere => "The repository is outside the workspace: a fork is a copy without git",
        Apart::NoCommit => {
            "The repository does not have the commit of the checkpoint: a fork has a repository of its own"
        }
        Apart::Submodules => "The repository has submodules: a fork has a repository of its own",
        Apart::Place => {
            "The repository cannot be mounted at its path in a container: a fork has a repository of its own"
        }
    }
}
