//! What a use-case reports while it works: one typed value for each thing; the front end turns it into text, JSON or a
//! screen.

mod build;
mod checkpoint;
mod image;
mod instance;
mod launch;
mod links;
mod network;
mod progress;
mod roll_back;
mod session;
mod transfer;
mod upkeep;

pub use build::{BuildEvent, BuildStep, Fallback, ServerProblem};
pub use checkpoint::CheckpointEvent;
pub use image::ImageEvent;
pub use instance::InstanceEvent;
pub use launch::LaunchEvent;
pub use links::{ClosedLink, WhyClosed};
pub use network::NetworkEvent;
pub use progress::{Activity, Amount, Direction, Progress};
pub use roll_back::RollBackEvent;
pub use session::{SessionEvent, Unwatched};
pub use transfer::{SpecialFile, TransferEvent};
pub use upkeep::UpkeepEvent;

/// One event, by the area it comes from.
#[derive(Debug)]
pub enum Event {
    /// Of a launch.
    Launch(LaunchEvent),
    /// Of a session and its conversation.
    Session(SessionEvent),
    /// Of an existing container.
    Instance(InstanceEvent),
    /// Of a network policy.
    Network(NetworkEvent),
    /// Of images.
    Image(ImageEvent),
    /// Of the build of an image.
    Build(BuildEvent),
    /// Of checkpoints.
    Checkpoint(CheckpointEvent),
    /// Of files on their way into or out of a container.
    Transfer(TransferEvent),
    /// Of `clean`, `reclaim` and `setup`.
    Upkeep(UpkeepEvent),
    /// Of what a command created and does not keep.
    RollBack(RollBackEvent),
    /// How far something is.
    Progress(Progress),
    /// What was in progress has ended.
    Idle,
}
