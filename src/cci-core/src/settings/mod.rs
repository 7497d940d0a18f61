//! What can be configured: the model, the one table of its keys, and what an untrusted file may change.

mod checkpoints;
mod git;
mod key;
mod login;
mod loosening;
mod model;
mod size;
mod ssh;
mod workspace;
mod worktree;

pub use checkpoints::{Auto, CheckpointSettings};
pub use git::GitSettings;
pub use key::{KEYS, Key, Kind, Scalar, key, keys_of_a_profile};
pub use login::{LoginMode, LoginSettings};
pub use loosening::{Loosening, Surroundings, credentials_inside, loosenings};
pub use model::{
    AGENT_CONFIG, AGENT_UID, BuildSettings, Defaults, IncusSettings, Limits, MountEntry, Mounts, NetworkSettings,
    Paths, Settings, SettingsSecrets, TerminalSettings, ToolSettings, Variable,
};
pub use ssh::SshSettings;
pub use workspace::{OutsideLinks, WorkspaceSettings};
pub use worktree::WorktreeSettings;
