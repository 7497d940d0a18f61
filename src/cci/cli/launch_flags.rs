//! The flags that describe a launch or choose a session. Each verb says which of them it accepts.

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
    Boundary,
    Config,
    Resume,
}

impl LaunchFlag {
    /// All of them; the last is the one that needs a conversation.
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
        Self::Boundary,
        Self::Config,
        Self::Resume,
    ];

    /// The flags of a launch without a conversation.
    pub(crate) const WITHOUT_RESUME: &'static [Self] = Self::ALL.split_at(Self::ALL.len() - 1).0;

    /// The flags that change the settings of a launch.
    pub(crate) const SETTINGS: &'static [Self] = &[
        Self::Workspace,
        Self::Image,
        Self::Persistent,
        Self::Profile,
        Self::Mount,
        Self::Storage,
        Self::Network,
        Self::Boundary,
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
            Self::Boundary => "boundary",
            Self::Config => "config",
            Self::Resume => "resume",
        }
    }
}
