//! The flags that say something of a launch or choose a session. Each verb says which of them mean something to it.

/// One of these flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaunchFlag {
    Workspace,
    Slot,
    Image,
    Persistent,
    Profile,
    Env,
    EnvFile,
    Mount,
    Storage,
    Network,
    Config,
    Resume,
}

impl LaunchFlag {
    /// Every one; last the one that only a conversation has.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Workspace,
        Self::Slot,
        Self::Image,
        Self::Persistent,
        Self::Profile,
        Self::Env,
        Self::EnvFile,
        Self::Mount,
        Self::Storage,
        Self::Network,
        Self::Config,
        Self::Resume,
    ];

    /// What a launch without a conversation has.
    pub(crate) const WITHOUT_RESUME: &'static [Self] = Self::ALL.split_at(Self::ALL.len() - 1).0;

    /// What shows in the settings that a launch would get.
    pub(crate) const SETTINGS: &'static [Self] = &[
        Self::Workspace,
        Self::Image,
        Self::Persistent,
        Self::Profile,
        Self::Mount,
        Self::Storage,
        Self::Network,
        Self::Config,
    ];

    /// Its name in clap.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Slot => "slot",
            Self::Image => "image",
            Self::Persistent => "persistent",
            Self::Profile => "profile",
            Self::Env => "env",
            Self::EnvFile => "env_file",
            Self::Mount => "mount",
            Self::Storage => "storage",
            Self::Network => "network",
            Self::Config => "config",
            Self::Resume => "resume",
        }
    }
}
